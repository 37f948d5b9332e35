/* stream_request.c - reads the head of a request and decides how its body is framed. */
#include <string.h>

#include "gateway/admin/malformed.h"
#include "gateway/expr/fetch_http.h"
#include "gateway/model/proxy.h"
#include "gateway/rule/track.h"
#include "gateway/session/stream.h"
#include "gateway/session/worker.h"
#include "shared/base/clock.h"

static void count_request(struct stream *s)
{
	struct tally *t = &s->x.worker->frontends[s->x.frontend->index];

	tally_add(&t->requests, 1);
	tally_rate_add(&t->request_rate, loop_now_ms(s->x.worker->loop), 1);
	tally_add(&s->x.worker->requests, 1);
	track_add(&s->x, STICK_HTTP_REQ_CNT, STICK_HTTP_REQ_RATE, 1, loop_now_ms(s->x.worker->loop)); /* for counters of the connection */
}

void stream_malformed(struct stream *s, bool response, const struct buffer *in, const struct http_error *e)
{
	malformed_keep(s->x.worker->gateway->malformed, &(struct malformed_message){
		.kind = response ? MALFORMED_RESPONSE : MALFORMED_REQUEST,
		.frontend = s->x.frontend,
		.backend = s->x.backend,
		.server = s->x.server,
		.from = &s->x.session->from,
		.bytes = slice_of(in->data, in->end),
		.at = e->at,
		.why = e->why,
		.wall_us = clock_wall_us(),
	});
}

/* A request that is not understood is answered, counted and logged; nothing of it goes any further. */
static bool refuse(struct stream *s, const struct http_error *e)
{
	tally_add(&s->x.worker->frontends[s->x.frontend->index].bad_requests, 1);
	stream_malformed(s, false, &s->client->in, e);
	s->keep_client = false;
	memset(s->x.request_line, 0, sizeof(s->x.request_line)); /* "<BADREQ>" in the log */
	stream_fail(s, e->status, 'P', 'R', e->why);
	return true;
}

/* What logs show is the request as it came, whatever rules do to it. */
static void note_line(struct stream *s)
{
	s->x.request_line[0] = s->x.request.method_text;
	s->x.request_line[1] = s->x.request.target;
	s->x.request_line[2] = s->x.request.minor == 0 ? SLICE_LIT("HTTP/1.0") : SLICE_LIT("HTTP/1.1");
}

/* The last field of each name, as HAProxy takes it. */
static struct slice *capture(struct stream *s, const struct capture *list, unsigned count, bool response)
{
	struct slice *out;

	if (count == 0)
		return NULL;
	out = arena_alloc_array(s->x.arena, count, sizeof(*out));
	for (const struct capture *c = list; c != NULL && out != NULL; c = c->next) {
		struct slice value = SLICE_NONE;
		struct field_walk f;

		if (c->name.len == 0)
			continue;
		field_walk_begin(&f, &s->x, response, 0);
		while (field_walk_next(&f, c->name))
			value = f.value;
		out[c->index] = arena_copy(s->x.arena, slice_sub(value, 0, c->len));
	}
	return out;
}

void stream_capture_response(struct stream *s)
{
	s->x.response_captures = capture(s, s->x.frontend->response_captures, s->x.frontend->response_capture_count, true);
}

static bool head_read(struct stream *s, size_t used)
{
	struct client *c = s->client;
	struct http_error e;

	s->x.t.request_us = loop_now_us(s->x.worker->loop);
	s->client_us = s->server_us = s->x.t.request_us;
	s->x.bytes_in += used;
	c->in.begin = c->in.floor = used;
	s->x.request.capacity += EXTRA_FIELDS; /* what arrived may not use them up */
	note_line(s);
	count_request(s);
	if (http_frame_request(&s->x.request, &s->x.request_frame, &e) != HTTP_DONE)
		return refuse(s, &e);
	if (!s->x.request_frame.keep_alive || s->x.frontend->http_mode == HTTP_CLOSE)
		s->keep_client = false;
	s->x.request_captures = capture(s, s->x.frontend->request_captures, s->x.frontend->request_capture_count, false);
	return stream_run_rules(s);
}

bool stage_head(struct stream *s)
{
	struct client *c = s->client;

	for (;;) {
		size_t used = 0;
		enum http_progress p = stream_parse(s, &c->in, &s->x.request, &used);

		if (p == HTTP_DONE)
			return head_read(s, used);
		if (p == HTTP_BAD)
			return refuse(s, &s->parser.error);
		if (client_read(c) > 0)
			continue;
		if (!c->ended)
			return false;
		tally_add(&s->x.worker->frontends[s->x.frontend->index].bad_requests, 1);
		s->keep_client = false;
		stream_client_left(s);
		return true;
	}
}
