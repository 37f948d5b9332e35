/* http.c - the HTTP server on libmicrohttpd; the only file that knows it.
 *
 * The library calls access_handler() several times for each request: once with the headers, once for each piece of
 * the body, and once more when the request is whole. An answer queued in the first call closes the connection,
 * so the first call only judges the framing. A deferred exchange is suspended before a worker gets it; the worker resumes
 * it, and the library calls access_handler() once more, which then queues the answer that the worker left.
 *
 * The library takes no answer in the middle of a body. So a request with too large a body is judged as soon as that is known,
 * and its answer kept (X_REST) until the body ends, which leaves the connection usable. When it does not end, the library is
 * made to close (by MHD_NO, or the watchdog shuts the reading side), and the answer is written past it just before.
 */
#include "shared/io/http.h"

#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/inflight.h"
#include "shared/base/log.h"
#include "shared/io/http_check.h"
#include "shared/io/http_exchange.h"
#include "shared/io/listen.h"
#include "shared/io/watchdog.h"
#include "shared/io/workers.h"

/* Headers and read buffer of one connection; a larger header is refused by the library with 431. */
#define CONNECTION_MEMORY 16384

struct http_server {
	struct http_options o;
	char *name;
	uint16_t port;
	int listen_fd;
	struct MHD_Daemon *daemon;
	struct workers *workers; /* NULL: none */
	struct watchdog *watchdog; /* over those in X_REST */
	atomic_uint_fast64_t accepted, open, refused;
	atomic_bool draining; /* answers close their connection */
	atomic_bool dropping; /* the time for draining is over: what waits is not run */
	struct inflight active;  /* exchanges between on_request and on_done, but those in X_REST */
};

/* ---- the answer ---- */

/* The response takes the bytes of the answer over; NULL without memory. */
static struct MHD_Response *response_create(struct http_exchange *x)
{
	struct MHD_Response *r;

	if (x->len == 0)
		return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	r = MHD_create_response_from_buffer(x->len, x->bytes, MHD_RESPMEM_MUST_FREE);
	if (r != NULL)
		x->bytes = NULL;
	return r;
}

/* Hands the prepared answer to the library; closes the connection when there is none. */
static enum MHD_Result queue_answer(struct http_exchange *x)
{
	struct MHD_Response *r;
	enum MHD_Result done;

	if (x->state != X_ANSWERED)
		return MHD_NO;
	r = response_create(x);
	if (r == NULL)
		return MHD_NO;
	for (const struct reply_header *h = x->headers; h != NULL; h = h->next)
		MHD_add_response_header(r, h->name, h->value.ptr);
	done = MHD_queue_response(x->connection, (unsigned)x->status, r);
	MHD_destroy_response(r); /* the connection holds it now */
	x->state = X_SENDING;
	return done;
}

/* Refuses in the first call, so that the connection is closed behind it. */
static enum MHD_Result refuse(struct http_exchange *x, const char *detail)
{
	atomic_fetch_add(&x->server->refused, 1);
	log_debug("http.refused", "server=%s peer=%s reason=%s", x->server->name, x->peer, LOG_Q(slice_str(detail)));
	exchange_refuse(x, detail);
	return queue_answer(x);
}

/* ---- the request ---- */

struct slice http_header(const struct http_exchange *x, const char *name)
{
	const char *value = NULL;
	size_t len = 0;

	if (MHD_lookup_connection_value_n(x->connection, MHD_HEADER_KIND, name, strlen(name), &value, &len) != MHD_YES)
		return SLICE_NONE;
	return slice_trim(slice_of(value == NULL ? "" : value, len));
}

struct fields {
	struct slice name;
	void (*each)(void *ctx, struct slice value);
	void *ctx;
};

static enum MHD_Result pass_field(void *cls, enum MHD_ValueKind kind, const char *key, size_t key_len, const char *value, size_t len)
{
	const struct fields *f = cls;

	(void)kind;
	if (slice_eq_nocase(slice_of(key, key_len), f->name))
		f->each(f->ctx, slice_trim(slice_of(value == NULL ? "" : value, value == NULL ? 0 : len)));
	return MHD_YES;
}

void http_header_each(const struct http_exchange *x, const char *name, void (*each)(void *ctx, struct slice value), void *ctx)
{
	MHD_get_connection_values_n(x->connection, MHD_HEADER_KIND, pass_field, &(struct fields){ slice_str(name), each, ctx });
}

/* ---- one request through the library's calls ---- */

static enum MHD_Result note_header(void *cls, enum MHD_ValueKind kind, const char *key, size_t key_len, const char *value, size_t len)
{
	(void)kind;
	http_framing_header(cls, slice_of(key, key_len), slice_trim(slice_of(value == NULL ? "" : value, value == NULL ? 0 : len)));
	return MHD_YES;
}

/* The answer is ready, but the client has not sent all yet. A server that is stopped does not wait for that. */
static void await_rest(struct http_exchange *x)
{
	exchange_begin_rest(x, x->server->watchdog);
	x->active = false;
	inflight_leave(&x->server->active);
}

/* @thread: the loop. The request is whole, or as much of it as will be read before it is judged. */
static enum MHD_Result begin_work(struct http_exchange *x)
{
	struct http_server *s = x->server;

	x->received_us = clock_mono_us();
	x->state = X_PENDING;
	x->counted = true;
	x->active = true;
	inflight_enter(&s->active);
	s->o.on_request(s->o.ctx, x);
	if (x->handed) /* a worker may be at it already: x is no longer ours to look at */
		return MHD_YES;
	assert(x->state != X_PENDING);
	if (!x->rest)
		return queue_answer(x);
	await_rest(x);
	return MHD_YES;
}

/* ---- bodies that are too large ---- */

/* Judges the request now; its answer waits for the rest of the body. */
static enum MHD_Result begin_rest(struct http_exchange *x)
{
	x->too_large = true;
	x->rest = true;
	return begin_work(x);
}

/* The next piece of the rest, or its end. What is too much, and too late, is cut off by request_completed(). */
static enum MHD_Result take_rest(struct http_exchange *x, size_t len)
{
	x->body_bytes += len;
	if (len > 0)
		return x->body_bytes <= HTTP_DISCARD_BYTES ? MHD_YES : MHD_NO;
	exchange_end_rest(x, x->server->watchdog);
	return queue_answer(x);
}

/* The first call: the headers are there. */
static enum MHD_Result judge_headers(struct http_exchange *x, const char *url, const char *method, const char *version)
{
	struct http_framing f = { 0 };
	struct slice target = x->path;
	const char *wrong = NULL;
	uint64_t announced;

	x->method = slice_str(method);
	/* The library ends the target and the version with a NUL each: a length that differs from the distance of
	 * the two means a NUL inside the target. */
	if (url != x->raw_target || (size_t)(version - url) != target.len + 1)
		wrong = "The request target holds a NUL.";
	if (wrong == NULL)
		wrong = http_check_target(target);
	MHD_get_connection_values_n(x->connection, MHD_HEADER_KIND, note_header, &f);
	if (wrong == NULL)
		wrong = http_check_framing(&f, strcmp(version, "HTTP/1.0") == 0);
	if (wrong != NULL)
		return refuse(x, wrong);
	http_split_target(target, &x->path, &x->query);
	announced = http_announced_bytes(&f);
	x->too_large = announced > x->body_limit;
	x->early = announced > HTTP_DISCARD_BYTES || (x->too_large && f.expects_continue);
	if (x->early)
		return begin_work(x);
	if (x->too_large)
		return begin_rest(x);
	x->state = X_BODY;
	return MHD_YES;
}

/* @thread: the loop */
static enum MHD_Result access_handler(void *cls, struct MHD_Connection *c, const char *url, const char *method, const char *version,
				      const char *upload, size_t *upload_bytes, void **con_cls)
{
	struct http_exchange *x = *con_cls;
	size_t len = *upload_bytes;

	(void)cls;
	(void)c;
	if (x == NULL)
		return MHD_NO;
	if (x->handed) { /* resumed by a worker, and called again for what the call before left */
		x->handed = false;
		if (!x->rest || x->state != X_ANSWERED)
			return queue_answer(x);
		await_rest(x);
		if (len == 0) /* for the headers: the body comes now */
			return MHD_YES;
	}
	if (x->state == X_HEADERS)
		return judge_headers(x, url, method, version);
	if (x->state == X_SENDING) /* a library that is being stopped says yes to an answer, drops it and asks again */
		return MHD_NO;
	*upload_bytes = 0;
	if (x->state == X_REST)
		return take_rest(x, len);
	assert(x->state == X_BODY);
	if (len == 0)
		return begin_work(x);
	if (exchange_take_body(x, upload, len))
		return MHD_YES;
	(void)begin_rest(x);
	if (!x->handed)
		return take_rest(x, len);
	*upload_bytes = len; /* the piece stays: so there is a call for it when the worker has answered */
	return MHD_YES;
}

enum err http_defer(struct http_exchange *x)
{
	struct http_server *s = x->server;

	assert(x->state == X_PENDING && !x->handed);
	if (s->workers == NULL || atomic_load(&s->dropping) || workers_full(s->workers))
		return ERR_BUSY;
	MHD_suspend_connection(x->connection);
	x->handed = true;
	if (workers_give(s->workers, x))
		return ERR_OK;
	/* Another loop took the last place: the answer that follows is sent when the loop meets the resumed connection. */
	MHD_resume_connection(x->connection);
	return ERR_BUSY;
}

/* @thread: a worker */
static void work(void *ctx, void *item)
{
	struct http_server *s = ctx;
	struct http_exchange *x = item;

	if (atomic_load(&s->dropping)) {
		x->state = X_DROPPED;
	} else {
		s->o.on_work(s->o.ctx, x);
		assert(x->state == X_ANSWERED || x->state == X_DROPPED);
	}
	MHD_resume_connection(x->connection);
}

/* ---- the life of a connection, on its loop ---- */

static struct http_exchange *exchange_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *i = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return i == NULL ? NULL : i->socket_context;
}

static struct http_exchange *connection_opened(struct http_server *s, struct MHD_Connection *c)
{
	struct http_exchange *x = exchange_create(s, s->o.body_limit, &s->draining);

	atomic_fetch_add(&s->accepted, 1);
	atomic_fetch_add(&s->open, 1);
	if (x == NULL)
		return NULL;
	x->connection = c;
	x->fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	listen_address(MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr, x->peer);
	return x;
}

static void connection_changed(void *cls, struct MHD_Connection *c, void **socket_context, enum MHD_ConnectionNotificationCode code)
{
	struct http_server *s = cls;
	struct http_exchange *x = *socket_context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*socket_context = connection_opened(s, c);
		return;
	}
	atomic_fetch_sub(&s->open, 1);
	exchange_free(&x);
	*socket_context = NULL;
}

/* The request line was read; what is returned becomes *con_cls of the handler. */
static void *request_line_seen(void *cls, const char *uri, struct MHD_Connection *c)
{
	struct http_exchange *x = exchange_of(c);

	(void)cls;
	if (x == NULL)
		return NULL;
	assert(x->state == X_IDLE);
	x->state = X_HEADERS;
	x->raw_target = uri;
	x->path = arena_copy(x->arena, slice_str(uri)); /* split later: the library changes its own copy */
	return x;
}

static void request_completed(void *cls, struct MHD_Connection *c, void **con_cls, enum MHD_RequestTerminationCode code)
{
	struct http_server *s = cls;
	struct http_exchange *x = *con_cls;
	bool active;

	(void)c;
	(void)code;
	*con_cls = NULL;
	if (x == NULL)
		return;
	if (x->state == X_REST) {
		exchange_end_rest(x, s->watchdog);
		exchange_send_raw(x, MHD_get_reason_phrase_for((unsigned)x->status));
	}
	active = x->active;
	if (x->counted && s->o.on_done != NULL)
		s->o.on_done(s->o.ctx, x);
	exchange_reset(x);
	if (active)
		inflight_leave(&s->active);
}

/* Paths and queries stay as they were sent. */
static size_t keep_escaped(void *cls, struct MHD_Connection *c, char *s)
{
	(void)cls;
	(void)c;
	return strlen(s);
}

__attribute__((format(printf, 2, 0))) static void library_log(void *cls, const char *format, va_list ap)
{
	const struct http_server *s = cls;
	char text[200];
	int len = vsnprintf(text, sizeof(text), format, ap);

	while (len > 0 && (len >= (int)sizeof(text) || text[len - 1] == '\n' || text[len - 1] == '\0'))
		len--;
	if (len > 0)
		log_debug("http.library", "server=%s text=%s", s->name, LOG_Q(slice_of(text, (size_t)len)));
}

/* ---- start and stop ---- */

static struct MHD_Daemon *daemon_start(struct http_server *s)
{
	struct MHD_OptionItem pool[] = {
		{ MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)s->o.io_threads, NULL },
		{ MHD_OPTION_END, 0, NULL },
	};
	struct MHD_Daemon *d;
	sigset_t all, before;

	if (s->o.io_threads < 2) /* the library takes no pool of one */
		pool[0].option = MHD_OPTION_END;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* its threads inherit the mask: signals are main's */
	d = MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, access_handler, s,
		MHD_OPTION_EXTERNAL_LOGGER, library_log, s, MHD_OPTION_LISTEN_SOCKET, s->listen_fd,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_LIMIT, s->o.connections,
		MHD_OPTION_CONNECTION_TIMEOUT, s->o.idle_timeout_s, MHD_OPTION_URI_LOG_CALLBACK, request_line_seen, s,
		MHD_OPTION_UNESCAPE_CALLBACK, keep_escaped, s, MHD_OPTION_NOTIFY_CONNECTION, connection_changed, s,
		MHD_OPTION_NOTIFY_COMPLETED, request_completed, s, MHD_OPTION_ARRAY, pool, MHD_OPTION_END);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return d;
}

/* Frees what http_start() made so far. The threads have ended. */
static void server_free(struct http_server *s)
{
	if (s->listen_fd >= 0)
		close(s->listen_fd);
	workers_free(&s->workers);
	watchdog_free(&s->watchdog);
	inflight_destroy(&s->active);
	free(s->name);
	free(s);
}

static struct http_server *server_create(const struct http_options *o)
{
	struct http_server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->o = *o;
	s->port = o->port;
	s->listen_fd = -1;
	s->name = strdup(o->name);
	inflight_init(&s->active);
	if (s->name == NULL) {
		server_free(s);
		return NULL;
	}
	s->o.name = s->name;
	return s;
}

struct http_server *http_start(const struct http_options *o)
{
	struct http_server *s = server_create(o);

	if (s == NULL)
		return NULL;
	s->listen_fd = listen_open(s->name, o->bind, &s->port);
	if (s->listen_fd < 0)
		goto out;
	s->watchdog = watchdog_create();
	if (s->watchdog == NULL)
		goto out;
	if (o->workers > 0) {
		s->workers = workers_start(o->workers, o->queue, work, s);
		if (s->workers == NULL)
			goto out;
	}
	s->daemon = daemon_start(s);
	if (s->daemon != NULL)
		return s;
	log_error("http.start", "server=%s errno=%d", s->name, errno);
	if (s->workers != NULL)
		workers_stop(s->workers);
out:
	server_free(s);
	return NULL;
}

uint16_t http_port(const struct http_server *s)
{
	return s->port;
}

void http_stats_get(const struct http_server *s, struct http_stats *out)
{
	out->accepted = atomic_load(&s->accepted);
	out->open = atomic_load(&s->open);
	out->refused = atomic_load(&s->refused);
	out->queued = s->workers == NULL ? 0 : workers_waiting(s->workers);
}

void http_leave(struct http_server *s)
{
	atomic_store(&s->draining, true);
}

void http_stop(struct http_server **server, int drain_ms)
{
	struct http_server *s = *server;

	if (s == NULL)
		return;
	*server = NULL;
	http_leave(s);
	MHD_quiesce_daemon(s->daemon);
	/* Refuses connections from now on; closed only at the end, because the loop may be about to accept on it. */
	shutdown(s->listen_fd, SHUT_RDWR);
	(void)inflight_wait(&s->active, clock_mono_us() + (int64_t)drain_ms * 1000);
	atomic_store(&s->dropping, true);
	if (s->workers != NULL)
		workers_stop(s->workers); /* resumes all that was suspended: the library aborts otherwise */
	MHD_stop_daemon(s->daemon);
	server_free(s);
}
