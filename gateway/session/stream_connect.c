/* stream_connect.c - from a request to a connection with a server: choice, queue, connect, and trying again. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "gateway/balance/lineup.h"
#include "gateway/http/write.h"
#include "gateway/model/own.h"
#include "gateway/model/proxy.h"
#include "gateway/model/state.h"
#include "gateway/session/own.h"
#include "gateway/session/stream.h"
#include "gateway/session/worker.h"

static struct tally *server_tally(struct stream *s)
{
	return &s->x.worker->servers[s->x.server->index];
}

static struct tally *backend_tally(struct stream *s)
{
	return &s->x.worker->backends[s->x.backend->index];
}

/* ---- the request as the server gets it ---- */

/* Of the two sections' modes the one that closes more. */
static enum http_mode stream_http_mode(const struct stream *s)
{
	enum http_mode front = s->x.frontend->http_mode, back = s->x.backend->http_mode;

	return front > back ? front : back;
}

static struct http_outgoing outgoing(const struct stream *s)
{
	const struct http_frame *f = &s->x.request_frame;
	bool keeps = stream_http_mode(s) == HTTP_KEEP_ALIVE || s->x.backend->http_pretend_keepalive;

	return (struct http_outgoing){
		.kind = f->kind,
		.length = f->length,
		.has_length = f->has_length,
		.close = !keeps && !f->upgrade,
		.upgrade = f->upgrade,
		.te_trailers = f->te_trailers.len > 0,
	};
}

/* Writes the head, once: every try sends the same. */
static bool write_request(struct stream *s)
{
	struct http_outgoing how = outgoing(s);

	if (s->up_head.ptr != NULL) {
		s->x.bytes_in -= s->up_flow.payload; /* they come once more */
		flow_rewind(&s->up_flow, s->up_flow.head);
		return true;
	}
	if (!own_prepare_request(s))
		return false;
	s->up_head = stream_head(s, &s->x.request, &how);
	if (s->up_head.ptr == NULL)
		return false;
	flow_init(&s->up_flow, &s->client->in, &s->x.request_frame, s->up_head, s->x.request_frame.kind == BODY_CHUNKED);
	s->up_flow.limit = s->x.body_limit;
	s->up_flow.keep = true; /* until the response's head is there: it may have to be sent again */
	return true;
}

/* ---- connecting ---- */

static void connected(struct stream *s)
{
	s->x.t.connect_us = loop_now_us(s->x.worker->loop);
	s->server_us = s->x.t.connect_us;
	s->up->requests++;
	memcpy(&s->x.server_to, &s->up->address.sa, s->up->address.len);
	memcpy(&s->x.server_from, &s->up->from.sa, s->up->from.len);
	s->up_done = s->up_broken = false;
	s->keep_server = stream_http_mode(s) == HTTP_KEEP_ALIVE;
	s->stage = STAGE_FORWARD;
}

static in_port_t *port_of(struct sockaddr_storage *sa)
{
	return sa->ss_family == AF_INET6 ? &((struct sockaddr_in6 *)sa)->sin6_port : &((struct sockaddr_in *)sa)->sin_port;
}

/* A server without a port of its own, or with "+100", is reached at the port that the client reached, shifted. */
static void shift_port(struct sockaddr_storage *sa, struct sockaddr_storage *reached)
{
	in_port_t base = reached->ss_family == AF_INET || reached->ss_family == AF_INET6 ? ntohs(*port_of(reached)) : 0;

	*port_of(sa) = htons((in_port_t)(ntohs(*port_of(sa)) + base));
}

static const struct server_address *destination(struct stream *s, struct server_address *own)
{
	const struct server_address *usual = atomic_load_explicit(&s->x.server->address, memory_order_acquire);

	if (s->x.dst.ss_family != AF_UNSPEC) {
		own->sa = s->x.dst;
		own->len = s->x.dst.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
		return own;
	}
	if (usual == NULL || !s->x.server->maps_port || usual->sa.ss_family == AF_UNIX)
		return usual;
	*own = *usual;
	shift_port(&own->sa, &s->x.session->to);
	return own;
}

static bool begin_connect(struct stream *s)
{
	struct worker *w = s->x.worker;
	struct server_address own;
	int failure;
	const struct server_address *to = destination(s, &own);

	s->x.t.queue_us = loop_now_us(w->loop);
	s->server_us = s->x.t.queue_us;
	if (!write_request(s)) {
		stream_fail(s, 500, 'P', 'R', "The request does not fit with the fields that were added to it.");
		return true;
	}
	s->x.server_from.ss_family = AF_UNSPEC;
	if (to != NULL)
		memcpy(&s->x.server_to, &to->sa, to->len); /* told also when it cannot be reached */
	s->up = to == NULL || s->fresh ? NULL : upstream_reuse(&s->x, s->client, to, s);
	s->fresh = false;
	s->x.reused = s->up != NULL;
	if (s->x.reused) {
		tally_add(&server_tally(s)->reuses, 1);
		connected(s);
		return true;
	}
	errno = 0;
	s->up = to == NULL ? NULL : upstream_connect(w, s->x.server, to, s);
	failure = errno;
	if (s->up == NULL) {
		server_report(w->gateway, s->x.server, SIGHT_CONNECT_FAILED);
		stream_retry(s, RETRY_CONN_FAILURE, 503, failure == EMFILE || failure == ENFILE || failure == ENOMEM ? 'R' : 'S', 'C');
		return true;
	}
	tally_add(&server_tally(s)->connects, 1);
	s->stage = STAGE_CONNECT;
	return true;
}

bool stage_connect(struct stream *s)
{
	struct gateway *g = s->x.worker->gateway;

	if (!s->up->writable)
		return false;
	if (!upstream_established(s->up)) {
		server_report(g, s->x.server, SIGHT_CONNECT_FAILED);
		stream_retry(s, RETRY_CONN_FAILURE, 503, 'S', 'C');
		return true;
	}
	server_report(g, s->x.server, SIGHT_CONNECTED);
	connected(s);
	return true;
}

/* ---- choosing ---- */

static void note_choice(struct stream *s, struct server *chosen)
{
	struct tally *t;

	s->place = chosen;
	if (s->x.server != chosen && s->failed != NULL) {
		s->x.redispatched = true;
		tally_add(&backend_tally(s)->redispatches, 1);
		tally_add(&server_tally(s)->redispatches, 1);
	}
	s->x.server = chosen;
	t = server_tally(s);
	if (s->x.retries == 0) {
		tally_add(&t->sessions, 1);
		tally_add(&t->requests, 1);
		tally_rate_add(&t->session_rate, loop_now_ms(s->x.worker->loop), 1);
	}
	tally_add(&t->chosen, 1);
	tally_add(&backend_tally(s)->chosen, 1);
}

static bool wait_for_place(struct stream *s, struct server *wanted)
{
	unsigned before = 0;

	s->server_us = loop_now_us(s->x.worker->loop);
	s->waiter.wanted = wanted;
	s->waiter.given = NULL;
	if (!queue_wait(s->x.backend, &s->waiter, &before)) {
		s->place = s->waiter.given;
		return true; /* a place came free just now */
	}
	/* Its own place is counted, as in HAProxy. */
	if (wanted != NULL)
		s->x.queue_server = before + 1;
	else
		s->x.queue_backend = before + 1;
	s->stage = STAGE_QUEUE;
	return true;
}

bool stage_choose(struct stream *s)
{
	struct server *chosen = s->place;
	enum choice choice = CHOICE_SERVER;

	if (chosen == NULL && s->same_server && server_usable(s->failed) && server_enter(s->failed))
		chosen = s->failed;
	if (chosen == NULL)
		choice = lineup_choose(&s->x, s->failed, &chosen);
	s->same_server = false;
	if (choice == CHOICE_NONE) {
		stream_fail(s, 503, 'S', 'C', "No server is available for this request.");
		return true;
	}
	if (choice == CHOICE_QUEUE)
		return wait_for_place(s, chosen);
	note_choice(s, chosen);
	return begin_connect(s);
}

/* ---- trying again ---- */

void stream_leave_server(struct stream *s, bool keep)
{
	upstream_done(&s->up, keep);
	/* these were in its buffer */
	s->x.response.count = 0;
	s->x.response.reason = s->x.response_body = SLICE_NONE;
	if (s->place != NULL)
		server_leave(s->x.worker->gateway, s->place);
	s->place = NULL;
}

static bool idempotent(enum http_method m)
{
	return m == HTTP_GET || m == HTTP_HEAD || m == HTTP_PUT || m == HTTP_DELETE || m == HTTP_OPTIONS || m == HTTP_TRACE;
}

bool stream_may_retry(struct stream *s, unsigned reason)
{
	const struct backend *b = &s->x.backend->backend;
	bool safe = idempotent(s->x.request.method);

	if (reason == 0 || s->x.retries >= b->retries || s->x.retry_disabled || !s->up_flow.kept || s->interims > 0 || !own_may_take_retry(s))
		return false;
	/* A kept connection that the server closed just as it was used again says nothing about the request (RFC 9110, 9.2.2). */
	if (reason == RETRY_EMPTY_RESPONSE && s->x.reused && safe)
		return true;
	return (b->retry_on & reason) != 0 && (reason == RETRY_CONN_FAILURE || safe || !b->retry_safe_only);
}

/* Whether this retry may go to another server: "option redispatch", after every n-th retry or for the last ones. */
static bool may_redispatch(const struct stream *s)
{
	int interval = s->x.backend->redispatch_interval, left = (int)s->x.backend->backend.retries - (int)s->x.retries;

	if (!server_usable(s->failed))
		return true;
	if (!s->x.backend->redispatch)
		return false;
	return interval < 0 ? left < -interval : interval <= 1 || (int)s->x.retries % interval == 0;
}

void stream_retry(struct stream *s, unsigned reason, int status, char cause, char stage)
{
	bool stale = reason == RETRY_EMPTY_RESPONSE && s->x.reused;
	struct tally *server = server_tally(s), *backend = backend_tally(s);

	if (reason == RETRY_CONN_FAILURE) {
		tally_add(&server->failed_connects, 1);
		tally_add(&backend->failed_connects, 1);
	}
	if (!stream_may_retry(s, reason) || !own_take_retry(s)) {
		if (reason != RETRY_CONN_FAILURE) {
			tally_add(&server->bad_responses, 1);
			tally_add(&backend->bad_responses, 1);
		}
		stream_fail(s, status, cause, stage, own_failure_text(status));
		return;
	}
	s->x.retries++;
	tally_add(&server->retries, 1);
	tally_add(&backend->retries, 1);
	stream_leave_server(s, false);
	s->parser.response = false; /* a new one for the next response */
	s->answer_step = 0;
	s->awaits_body = false;
	s->x.rule_at = NULL;
	s->x.t.connect_us = s->x.t.response_us = 0;
	s->failed = s->x.server;
	s->server_us = loop_now_us(s->x.worker->loop);
	s->fresh = stale;
	s->same_server = stale || (reason == RETRY_CONN_FAILURE && !may_redispatch(s));
	s->stage = s->same_server && !stale ? STAGE_PAUSE : STAGE_CHOOSE;
}
