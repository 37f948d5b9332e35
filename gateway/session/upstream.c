/* upstream.c - connections to servers, and the idle ones of each worker. */
#include "gateway/session/upstream.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "gateway/loop/container.h"
#include "gateway/model/proxy.h"
#include "gateway/session/stream.h"
#include "gateway/session/worker.h"

/* ---- idle ones ---- */

static void unlist(struct upstream *u)
{
	struct upstream_pool *pool = &u->worker->idle[u->server->index];

	if (!u->listed)
		return;
	*(u->prev != NULL ? &u->prev->next : &pool->first) = u->next;
	*(u->next != NULL ? &u->next->prev : &pool->last) = u->prev;
	pool->count--;
	u->listed = false;
	atomic_fetch_sub_explicit(&u->server->idle, 1, memory_order_relaxed);
}

static void enlist(struct upstream *u)
{
	struct upstream_pool *pool = &u->worker->idle[u->server->index];

	u->prev = NULL;
	u->next = pool->first;
	*(pool->first != NULL ? &pool->first->prev : &pool->last) = u;
	pool->first = u;
	pool->count++;
	u->listed = true;
	u->idle_since_ms = loop_now_ms(u->worker->loop);
	atomic_fetch_add_explicit(&u->server->idle, 1, memory_order_relaxed);
}

static void release_buffer(struct upstream *u)
{
	if (u->in.data == NULL)
		return;
	pool_give(u->worker->buffers, u->in.data);
	u->in = (struct buffer){ 0 };
}

void upstream_close(struct upstream **up)
{
	struct upstream *u = *up;

	if (u == NULL)
		return;
	*up = NULL;
	unlist(u);
	if (u->owner != NULL && u->owner->own == u)
		u->owner->own = NULL;
	release_buffer(u);
	loop_unwatch(u->worker->loop, &u->watch);
	close(u->watch.fd);
	atomic_fetch_sub_explicit(&u->server->connections, 1, memory_order_relaxed);
	pool_give(u->worker->upstreams, u);
}

/* ---- events ---- */

/* Whatever arrives on an idle connection, an end or bytes that nobody asked for, makes it useless. */
static void ready(struct watch *w, unsigned events)
{
	struct upstream *u = container_of(w, struct upstream, watch);

	u->readable |= (events & (LOOP_READ | LOOP_END | LOOP_FAIL)) != 0;
	u->writable |= (events & (LOOP_WRITE | LOOP_FAIL)) != 0;
	u->ended |= (events & LOOP_END) != 0;
	u->broken |= (events & LOOP_FAIL) != 0;
	if (u->stream != NULL)
		client_step(u->stream->client);
	else if (u->readable)
		upstream_close(&u);
}

bool upstream_take_buffer(struct upstream *u)
{
	assert(u->in.data == NULL);
	u->in = (struct buffer){ .data = stream_buffer(u->worker), .size = u->worker->gateway->config->bufsize };
	return u->in.data != NULL;
}

size_t upstream_read(struct upstream *u)
{
	size_t room = buffer_room(&u->in);
	ssize_t n;

	if (!u->readable || room == 0)
		return 0;
	do {
		n = recv(u->watch.fd, u->in.data + u->in.end, room, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n > 0) {
		u->in.end += (size_t)n;
		/* Less than there was room for: nothing is left but, perhaps, the end. */
		if ((size_t)n < room && !u->ended && !u->broken)
			u->readable = false;
		return (size_t)n;
	}
	u->readable = false;
	if (n == 0)
		u->ended = true;
	else if (errno != EAGAIN && errno != EWOULDBLOCK)
		u->broken = true;
	return 0;
}

/* ---- making them ---- */

static int open_socket(const struct server_address *to, bool keepalive)
{
	int fd = socket(to->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0)
		return -1;
	if (to->sa.ss_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (keepalive)
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	if (connect(fd, (const struct sockaddr *)&to->sa, to->len) == 0 || errno == EINPROGRESS)
		return fd;
	close(fd);
	return -1;
}

struct upstream *upstream_connect(struct worker *w, struct server *server, const struct server_address *to, struct stream *stream)
{
	struct upstream *u = pool_take(w->upstreams);
	int saved;

	if (u == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	*u = (struct upstream){ .worker = w, .server = server, .stream = stream, .watch.ready = ready };
	u->address.len = to->len;
	memcpy(&u->address.sa, &to->sa, to->len);
	u->watch.fd = open_socket(to, server->backend->tcpka);
	if (u->watch.fd >= 0 && loop_watch(w->loop, &u->watch) == ERR_OK) {
		atomic_fetch_add_explicit(&server->connections, 1, memory_order_relaxed);
		return u;
	}
	saved = errno;
	if (u->watch.fd >= 0)
		close(u->watch.fd);
	pool_give(w->upstreams, u);
	errno = saved;
	return NULL;
}

bool upstream_established(struct upstream *u)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(u->watch.fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0) {
		errno = error != 0 ? error : errno;
		return false;
	}
	u->connected = true;
	u->from.len = sizeof(u->from.sa);
	if (getsockname(u->watch.fd, (struct sockaddr *)&u->from.sa, &u->from.len) != 0 || u->from.len > sizeof(u->from.sa))
		u->from.len = 0;
	return true;
}

/* ---- using them again ---- */

static bool goes_to(const struct upstream *u, const struct server_address *to)
{
	return u->address.len == to->len && memcmp(&u->address.sa, &to->sa, to->len) == 0;
}

static bool allowed(const struct upstream *u, enum reuse reuse, bool first_request)
{
	if (!first_request || reuse == REUSE_ALWAYS)
		return true;
	return reuse == REUSE_AGGRESSIVE && u->requests > 1; /* it has proved that its server keeps connections */
}

/* Whether nothing has come on it. Events tell that too, but a little later, perhaps behind the request that wants it now: then bytes that
 * came before the request would be taken for its answer. */
static bool quiet(const struct upstream *u)
{
	char byte;

	return recv(u->watch.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

static struct upstream *own_connection(struct client *c, const struct server *server, const struct server_address *to)
{
	struct upstream *u = c->own;

	if (u == NULL)
		return NULL;
	if (u->server == server && goes_to(u, to) && quiet(u))
		return u;
	upstream_close(&u);
	return NULL;
}

struct upstream *upstream_reuse(struct exchange *x, struct client *c, const struct server_address *to, struct stream *stream)
{
	struct upstream *u, *next;
	enum reuse reuse = x->backend->backend.reuse;
	unsigned most = x->server->o.max_reuse;

	if (reuse == REUSE_NEVER) {
		u = own_connection(c, x->server, to);
	} else {
		for (u = x->worker->idle[x->server->index].first; u != NULL; u = next) {
			next = u->next;
			if (goes_to(u, to) && !allowed(u, reuse, x->session->requests <= 1))
				continue;
			if (goes_to(u, to) && quiet(u))
				break;
			upstream_close(&u);
		}
	}
	if (u == NULL)
		return NULL;
	unlist(u);
	u->stream = stream;
	if (most == 0 || u->requests < most)
		return u;
	upstream_close(&u);
	return NULL;
}

static bool worth_keeping(const struct upstream *u)
{
	const struct server *s = u->server;

	if (u->ended || u->broken || u->readable || !buffer_empty(&u->in))
		return false;
	if (s->o.max_reuse > 0 && u->requests >= s->o.max_reuse)
		return false;
	if (!server_usable(s) && (atomic_load(&s->admin) & SERVER_DRAIN_ANY) == 0)
		return false;
	return s->o.pool_max_conn < 0 ||
	       atomic_load_explicit(&s->idle, memory_order_relaxed) < (unsigned)s->o.pool_max_conn;
}

void upstream_done(struct upstream **up, bool keep)
{
	struct upstream *u = *up;
	struct client *c;

	if (u == NULL)
		return;
	if (!keep || !worth_keeping(u)) {
		upstream_close(up);
		return;
	}
	*up = NULL;
	c = u->stream->client;
	u->stream = NULL;
	release_buffer(u);
	if (u->server->backend->backend.reuse == REUSE_NEVER) {
		u->owner = c;
		c->own = u;
	} else {
		enlist(u);
	}
}

/* ---- their end ---- */

void upstream_sweep(struct worker *w, int64_t now_ms)
{
	for (unsigned i = 0; i < w->gateway->config->server_count; i++) {
		struct upstream_pool *pool = &w->idle[i];

		/* The last ones in the list are idle longest. */
		while (pool->last != NULL && now_ms - pool->last->idle_since_ms > pool->last->server->o.pool_purge_ms) {
			struct upstream *u = pool->last;

			upstream_close(&u);
		}
	}
}

void upstream_close_idle(struct worker *w)
{
	for (unsigned i = 0; i < w->gateway->config->server_count; i++) {
		while (w->idle[i].first != NULL) {
			struct upstream *u = w->idle[i].first;

			upstream_close(&u);
		}
	}
}
