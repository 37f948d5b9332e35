/* stream_forward.c - while a server is at work: the request flows to it, its response flows back. */
#include <string.h>

#include "gateway/http/write.h"
#include "gateway/model/own.h"
#include "gateway/model/proxy.h"
#include "gateway/model/state.h"
#include "gateway/session/own.h"
#include "gateway/session/stream.h"
#include "gateway/session/worker.h"

#define INTERIMS_MOST 64 /* of one response: more are junk */
#define TURNS_MOST 8     /* buffers that are moved each way in one go; then the others of this loop come first */

static int64_t now_us(const struct stream *s)
{
	return loop_now_us(s->x.worker->loop);
}

/* ---- towards the server ---- */

static bool request_bad(struct stream *s, int status, const char *detail)
{
	tally_add(&s->x.worker->frontends[s->x.frontend->index].bad_requests, 1);
	s->keep_client = false;
	stream_fail(s, status, 'P', 'D', detail);
	return true;
}

/* More of the request is needed. True when some came, or the exchange goes another way. */
static bool pull_request(struct stream *s)
{
	struct client *c = s->client;

	if (buffer_room(&c->in) == 0 && !flow_unkeep(&s->up_flow))
		return false;
	if (client_read(c) > 0) {
		s->client_us = now_us(s);
		return true;
	}
	if (!c->ended)
		return false;
	if (!c->broken && flow_input_ended(&s->up_flow)) /* a tunnel whose one end has closed */
		return true;
	tally_add(&s->x.worker->frontends[s->x.frontend->index].client_aborts, 1);
	s->keep_client = false;
	stream_fail(s, s->responding ? 0 : 400, 'C', 'D', "The body ended too early.");
	return true;
}

static void request_sent(struct stream *s)
{
	s->up_done = true;
	s->server_us = now_us(s);
	if (s->tunnel)
		shutdown(s->up->watch.fd, SHUT_WR);
}

/* True when something moved. */
static bool push_request(struct stream *s)
{
	uint64_t before = s->up_flow.payload, written = s->up_flow.written;
	enum flow_result r;

	s->wants_input = false;
	if (s->up_done || s->up_broken || !s->up->writable)
		return false;
	r = flow_run(&s->up_flow, s->up->watch.fd);
	s->x.bytes_in += s->up_flow.payload - before;
	if (s->up_flow.written != written)
		s->server_us = now_us(s);
	switch (r) {
	case FLOW_DONE:
		request_sent(s);
		return true;
	case FLOW_INPUT:
		s->wants_input = true;
		return pull_request(s);
	case FLOW_BLOCKED:
		s->up->writable = false;
		return false;
	case FLOW_BAD:
		return request_bad(s, s->up_flow.body.error.status, s->up_flow.body.error.why);
	case FLOW_LARGE:
		return request_bad(s, 413, "The body is too large.");
	default:
		s->up_broken = true; /* its answer may have come before it stopped reading */
		shutdown(s->up->watch.fd, SHUT_WR); /* one that still reads must not wait for the rest */
		s->up->readable = true;
		return true;
	}
}

/* ---- from the server: the head ---- */

static void expect_head(struct stream *s)
{
	http_parser_init(&s->parser, true, 0);
	s->x.response.status = 0;
	s->x.response.count = 0;
}

/* The client takes no more: the server is not asked to go on for nobody. */
static bool client_gone(struct stream *s)
{
	tally_add(&s->x.worker->frontends[s->x.frontend->index].client_aborts, 1);
	tally_add(&s->x.worker->backends[s->x.backend->index].client_aborts, 1);
	s->client->broken = true;
	stream_fail(s, 0, 'C', 'D', NULL);
	return true;
}

static bool bad_response(struct stream *s, unsigned reason)
{
	server_report(s->x.worker->gateway, s->x.server, SIGHT_RESPONSE_BAD);
	stream_retry(s, reason, 502, reason == RETRY_JUNK_RESPONSE ? 'P' : 'S', 'H');
	return true;
}

/* Sends the head that was read as it is, in one piece or not at all; a part of it would break what follows. False: the client is gone. */
static bool pass_interim(struct stream *s)
{
	struct worker *w = s->x.worker;
	struct http_outgoing how = { .kind = BODY_NONE };
	size_t len = http_write_head(&s->x.response, &how, w->scratch, w->gateway->config->bufsize);
	ssize_t n = len > 0 ? send(s->client->watch.fd, w->scratch, len, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;

	return n <= 0 || (size_t)n == len;
}

/* An answer before the answer: for a client that can understand it. True: go on parsing. */
static bool interim(struct stream *s, size_t used)
{
	struct buffer *in = &s->up->in;

	if (++s->interims > INTERIMS_MOST)
		return bad_response(s, RETRY_JUNK_RESPONSE);
	if (s->x.request.minor > 0 && !(s->x.response.status == 100 && s->continue_sent) && !pass_interim(s))
		return client_gone(s);
	memmove(in->data, in->data + used, in->end - used);
	in->end -= used;
	expect_head(s);
	return true;
}

static unsigned retry_bit(int status)
{
	static const unsigned bits[][2] = {
		{ 401, RETRY_401 }, { 403, RETRY_403 }, { 404, RETRY_404 }, { 408, RETRY_408 }, { 425, RETRY_425 },
		{ 500, RETRY_500 }, { 501, RETRY_501 }, { 502, RETRY_502 }, { 503, RETRY_503 }, { 504, RETRY_504 },
	};

	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		if ((int)bits[i][0] == status)
			return bits[i][1];
	}
	return 0;
}

static bool bad_head(struct stream *s, const struct http_error *e)
{
	stream_malformed(s, true, &s->up->in, e);
	return bad_response(s, RETRY_JUNK_RESPONSE);
}

static bool head_read(struct stream *s, size_t used)
{
	struct buffer *in = &s->up->in;
	struct http_error e;

	if (http_frame_response(&s->x.response, s->x.request.method, s->x.request_frame.upgrade, &s->x.response_frame, &e) != HTTP_DONE)
		return bad_head(s, &e);
	if (s->x.response.status < 200 && s->x.response.status != 101)
		return interim(s, used);
	in->begin = in->floor = used;
	vars_clear(&s->x.req, s->x.worker->vars);
	s->x.response.capacity = s->x.request.capacity;
	s->x.t.response_us = now_us(s);
	s->x.t.response_wall_us = s->x.t.wall_us + s->x.t.response_us - s->x.t.first_byte_us;
	server_report(s->x.worker->gateway, s->x.server, s->x.response.status >= 500 ? SIGHT_RESPONSE_BAD : SIGHT_RESPONSE_OK);
	if (stream_may_retry(s, retry_bit(s->x.response.status))) {
		stream_retry(s, retry_bit(s->x.response.status), 502, 'S', 'H');
		return true;
	}
	if (!s->x.response_frame.keep_alive)
		s->keep_server = false;
	stream_capture_response(s);
	stream_pass_response(s);
	return true;
}

/* A rule wants to see the response's body: until it is there, or as much as it asked for, or no more fits. True when something moved. */
static bool pull_body(struct stream *s)
{
	struct buffer *in = &s->up->in;
	bool moved = upstream_read(s->up) > 0, ended;
	size_t len;
	enum http_progress p = flow_measure(in, &s->x.response_frame, &len);

	if (moved)
		s->server_us = now_us(s);
	if (p == HTTP_BAD)
		return bad_response(s, RETRY_JUNK_RESPONSE);
	ended = !s->up->readable && (s->up->ended || s->up->broken);
	if (p != HTTP_DONE && !ended && buffer_room(in) > 0 &&
	    (s->x.wait_body_least == 0 || len < s->x.wait_body_least))
		return moved;
	if (flow_peek(in, &s->x.response_frame, s->x.arena, &s->x.response_body))
		stream_pass_response(s);
	else
		stream_fail(s, 502, 'P', 'H', "There is no room for the body that rules are to see.");
	return true;
}

/* The server's connection ended before a head came. */
static bool no_response(struct stream *s)
{
	if (s->up->in.end > 0)
		return bad_response(s, RETRY_JUNK_RESPONSE);
	return bad_response(s, RETRY_EMPTY_RESPONSE);
}

/* True when something moved. */
static bool pull_head(struct stream *s)
{
	struct buffer *in = &s->up->in;
	size_t used = 0;
	bool moved = upstream_read(s->up) > 0;

	if (moved)
		s->server_us = now_us(s);
	if (in->end > 0) {
		enum http_progress p = stream_parse(s, in, &s->x.response, &used);

		if (p == HTTP_DONE)
			return head_read(s, used);
		if (p == HTTP_BAD)
			return bad_head(s, &s->parser.error);
	}
	if (!moved && !s->up->readable && (s->up->ended || s->up->broken))
		return no_response(s);
	return moved;
}

/* ---- towards the client: the body ---- */

static void response_sent(struct stream *s)
{
	s->down_done = true;
	if (s->tunnel) {
		shutdown(s->client->watch.fd, SHUT_WR);
		return;
	}
	if (!s->up_done) { /* the server did not want to read all of the request */
		s->keep_client = false;
		s->keep_server = false;
	}
	s->stage = STAGE_END;
}

/* More of the response is needed. True when some came, or the exchange goes another way. */
static bool pull_response(struct stream *s)
{
	if (upstream_read(s->up) > 0) {
		s->server_us = now_us(s);
		return true;
	}
	if (!s->up->ended && !s->up->broken)
		return false;
	if (!s->up->broken && flow_input_ended(&s->down_flow)) /* a reset is no end: what came may be a part of it */
		return true;
	tally_add(&s->x.worker->servers[s->x.server->index].server_aborts, 1);
	tally_add(&s->x.worker->backends[s->x.backend->index].server_aborts, 1);
	stream_fail(s, 0, 'S', 'D', NULL);
	return true;
}

/* True when something moved. */
static bool push_response(struct stream *s)
{
	uint64_t written = s->down_flow.written;
	enum flow_result r;

	s->wants_answer = false;
	if (s->down_done || !s->client->writable)
		return false;
	r = flow_run(&s->down_flow, s->client->watch.fd);
	if (s->down_flow.written != written)
		s->client_us = now_us(s);
	switch (r) {
	case FLOW_DONE:
		response_sent(s);
		return true;
	case FLOW_INPUT:
		s->wants_answer = true;
		return pull_response(s);
	case FLOW_BLOCKED:
		s->client->writable = false;
		return false;
	case FLOW_BAD:
		stream_fail(s, 0, 'P', 'D', NULL);
		return true;
	default:
		return client_gone(s);
	}
}

/* A client that broke off, or, with option abortonclose, ended its sending while its answer is awaited. */
static bool client_left(struct stream *s)
{
	if (s->responding)
		return s->client->broken && client_gone(s);
	if (!s->client->broken && !(s->client->hung_up && s->x.backend->abortonclose))
		return false;
	tally_add(&s->x.worker->frontends[s->x.frontend->index].client_aborts, 1);
	stream_client_left(s);
	return true;
}

/* Before anything is sent, so that a request is not carried out whose answer could not be read. False: another stage was chosen. */
static bool begin_forward(struct stream *s)
{
	expect_head(s);
	if (upstream_take_buffer(s->up))
		return true;
	stream_fail(s, 503, 'R', 'C', "The gateway has no memory left for the answer.");
	return false;
}

bool stage_forward(struct stream *s)
{
	if (s->pauses)
		return false;
	if (!s->parser.response && !begin_forward(s))
		return true;
	for (unsigned turns = 0; turns < TURNS_MOST; turns++) {
		bool moved;

		if (client_left(s))
			return true;
		moved = push_request(s);
		if (s->stage != STAGE_FORWARD)
			return true;
		moved |= s->responding ? push_response(s) : s->awaits_body ? pull_body(s) : pull_head(s);
		if (s->stage != STAGE_FORWARD)
			return true;
		if (s->tunnel && s->up_done && s->down_done) {
			s->stage = STAGE_END;
			return true;
		}
		if (!moved)
			return false;
	}
	s->pauses = true;
	return false;
}
