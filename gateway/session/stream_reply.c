/* stream_reply.c - what the client is told: a server's response as the rules leave it, or an answer of our own. */
#include <string.h>

#include "gateway/http/write.h"
#include "gateway/model/own.h"
#include "gateway/model/proxy.h"
#include "gateway/rule/error_page.h"
#include "gateway/session/own.h"
#include "gateway/session/stream.h"
#include "gateway/session/worker.h"

#define REPLY_TURN (64 * 1024) /* bytes of a body made while it is read that are written in one go */

static bool stopping(const struct stream *s)
{
	return atomic_load_explicit(&s->x.worker->gateway->stopping, memory_order_relaxed);
}

/* The lists of rules that a response meets, in their order; an answer of our own meets the last two. */
enum { LIST_BACK, LIST_FRONT, LIST_AFTER_BACK, LIST_AFTER_FRONT, LIST_COUNT };

static const struct rule_list *list_of(const struct stream *s, unsigned number)
{
	const struct proxy *front = s->x.frontend, *back = s->x.backend != front ? s->x.backend : NULL;

	switch (number) {
	case LIST_BACK:
		return back != NULL ? &back->response_rules : NULL;
	case LIST_FRONT:
		return &front->response_rules;
	case LIST_AFTER_BACK:
		return back != NULL ? &back->after_response_rules : NULL;
	default:
		return &front->after_response_rules;
	}
}

/* Goes on at list number s->answer_step. VERDICT_NEXT: all have run. */
static enum verdict run_lists(struct stream *s)
{
	for (; s->answer_step < LIST_COUNT; s->answer_step++) {
		const struct rule_list *list = list_of(s, s->answer_step);
		enum verdict v = list != NULL ? rules_run(list, &s->x) : VERDICT_NEXT;

		if (v != VERDICT_NEXT && v != VERDICT_ALLOW)
			return v;
	}
	return VERDICT_NEXT;
}

/* SLICE_NONE: it does not fit. */
static struct slice write_response(struct stream *s, const struct http_outgoing *how)
{
	if (s->x.tos != 0 || s->x.mark != 0)
		client_mark(s->client, s->x.tos, s->x.mark);
	return stream_head(s, &s->x.response, how);
}

/* Whether the client expects a body behind that head, if only an empty one. */
static bool awaited(const struct stream *s)
{
	return s->x.request.method != HTTP_HEAD && s->x.response.status != 204 && s->x.response.status != 304;
}

/* How the client is told the length, and whether its connection lives on. */
static struct http_outgoing outgoing(struct stream *s, const struct http_frame *f)
{
	struct http_outgoing how = { .kind = f->kind, .length = f->length, .has_length = f->has_length, .upgrade = f->upgrade };
	bool old = s->x.request.minor == 0;

	if (f->kind == BODY_UNTIL_CLOSE || f->kind == BODY_CHUNKED)
		how.kind = old ? BODY_UNTIL_CLOSE : BODY_CHUNKED;
	if (how.kind == BODY_UNTIL_CLOSE || stopping(s))
		s->keep_client = false;
	if (s->tunnel) {
		how.kind = BODY_TUNNEL;
		s->keep_client = false;
		return how;
	}
	how.says_chunked = f->says_chunked && !old;
	if (f->kind == BODY_NONE && awaited(s)) { /* rules may have changed the status of one that had none */
		how.says_chunked = false;
		how.has_length = true;
		how.length = 0;
	}
	how.close = !s->keep_client;
	how.keep_alive_1_0 = s->keep_client && old;
	return how;
}

/* ---- a server's response ---- */

static void begin_tunnel(struct stream *s)
{
	struct http_frame both = { .kind = BODY_TUNNEL };

	s->tunnel = true;
	s->keep_server = s->keep_client = false;
	s->up_done = false;
	flow_unkeep(&s->up_flow);
	flow_init(&s->up_flow, &s->client->in, &both, SLICE_NONE, false);
}

/* A rule on the response made an answer of our own, or cannot be obeyed: the server's is dropped. */
static bool replace_response(struct stream *s, enum verdict v)
{
	struct tally *t = &s->x.worker->frontends[s->x.frontend->index];

	tally_add(&t->denied_responses, 1);
	s->x.t.response_us = 0; /* for the log: none was passed on */
	stream_leave_server(s, false);
	if (v == VERDICT_REPLY) {
		s->x.stage = 'H';
		stream_reply(s);
	} else if (v == VERDICT_CLOSE) {
		stream_fail(s, 0, 'P', 'H', NULL);
	} else {
		tally_add(&t->failed_rewrites, 1);
		stream_fail(s, 502, 'P', 'H', "A rule's change to the response did not fit.");
	}
	return false;
}

bool stream_pass_response(struct stream *s)
{
	struct http_frame *f = &s->x.response_frame;
	struct http_outgoing how;
	struct slice head;
	enum verdict v;

	if (!s->awaits_body)
		own_see_response(s);
	v = run_lists(s);
	s->awaits_body = v == VERDICT_BODY;
	if (s->awaits_body) {
		s->waits_since_us = loop_now_us(s->x.worker->loop);
		return true;
	}
	if (v != VERDICT_NEXT)
		return replace_response(s, v);
	own_finish_response(s);
	if (f->kind == BODY_TUNNEL)
		begin_tunnel(s);
	else
		flow_unkeep(&s->up_flow);
	how = outgoing(s, f);
	head = write_response(s, &how);
	if (head.len == 0)
		return replace_response(s, VERDICT_FAIL);
	s->x.status = s->x.response.status;
	s->responding = true;
	s->client_us = loop_now_us(s->x.worker->loop);
	if (s->x.frontend->logasap)
		stream_log(s);
	flow_init(&s->down_flow, &s->up->in, f, head, how.kind == BODY_CHUNKED);
	return true;
}

/* ---- an answer of our own ---- */

static void fill_head(struct stream *s, const struct reply *r)
{
	struct http_head *h = &s->x.response;

	h->is_response = true;
	h->minor = 1;
	h->count = 0;
	h->capacity = s->x.request.capacity;
	h->status = r->status;
	h->reason = r->reason.ptr != NULL ? r->reason : slice_str(http_reason(r->status));
	for (unsigned i = 0; i < r->header_count; i++)
		http_field_add(h, r->headers[i][0], r->headers[i][1]);
	if (r->content_type.len > 0)
		http_field_add(h, SLICE_LIT("content-type"), r->content_type);
}

/* A file that is sent as it is; the answer to HEAD ends with its head. */
static struct slice raw_part(const struct stream *s, struct slice raw)
{
	const char *end = s->x.request.method == HTTP_HEAD ? memmem(raw.ptr, raw.len, "\r\n\r\n", 4) : NULL;

	return end != NULL ? slice_of(raw.ptr, (size_t)(end - raw.ptr) + 4) : raw;
}

static void put_piece(struct stream *s, struct slice piece)
{
	s->reply_body = (struct buffer){ .data = (char *)(uintptr_t)piece.ptr, .size = piece.len, .end = piece.len };
}

/* A body that is made while it is read ends when its maker says so. */
static void begin_flow(struct stream *s, struct slice head, struct slice body, enum body_kind kind)
{
	struct http_frame f = { .kind = body.len > 0 ? BODY_LENGTH : BODY_NONE, .length = body.len };

	if (kind == BODY_CHUNKED || kind == BODY_UNTIL_CLOSE)
		f.kind = BODY_UNTIL_CLOSE;
	put_piece(s, body);
	flow_init(&s->down_flow, &s->reply_body, &f, head, kind == BODY_CHUNKED);
	s->reply_made = s->pauses = false;
	s->responding = true;
	s->client_us = loop_now_us(s->x.worker->loop);
	s->stage = STAGE_REPLY;
}

/* Whether the request's body is wholly in the buffer, so that the next request can follow it. */
static bool skip_body(struct stream *s)
{
	struct buffer *in = &s->client->in;
	struct http_body rest;

	if (s->stage == STAGE_HEAD && s->x.t.request_us == 0)
		return false; /* not even the head was understood */
	if (s->up_head.ptr != NULL && flow_abandon(&s->up_flow))
		return true;
	if (s->up_head.ptr != NULL && !s->up_flow.kept)
		return false;
	if (s->up_head.ptr != NULL)
		s->x.bytes_in -= s->up_flow.payload; /* gone through once more */
	http_body_init(&rest, &s->x.request_frame);
	while (!http_body_done(&rest)) {
		struct slice data = SLICE_NONE;
		size_t used = 0;
		enum http_progress p = http_body_next(&rest, slice_of(in->data + in->begin, in->end - in->begin), &used, &data);

		in->begin += used;
		s->x.bytes_in += used;
		if (p == HTTP_BAD || (p == HTTP_MORE && used == 0))
			return false;
	}
	return true;
}

/* How an answer of our own is framed. HEAD gets the same head, but for the framing of a body whose length nobody knows yet. */
static struct http_frame frame_of(const struct stream *s, const struct reply *r)
{
	struct http_frame f = { .kind = BODY_LENGTH, .length = r->body.len, .has_length = r->status != 204 && r->more == NULL };

	if (r->more != NULL)
		f.kind = s->x.request.method == HTTP_HEAD ? BODY_NONE : BODY_CHUNKED;
	else if (r->body.len == 0)
		f.kind = BODY_NONE;
	if (r->status == 204 || r->status == 304)
		f.kind = BODY_NONE;
	return f;
}

/* The flow has written all that it was given: gives it the next piece, or the end. False: there is none, the answer is broken off. */
static bool feed(struct stream *s)
{
	struct reply *r = &s->x.reply;
	struct slice piece = SLICE_NONE;
	enum reply_more more;

	if (s->reply_made)
		return flow_input_ended(&s->down_flow);
	more = r->more != NULL ? r->more(&s->x, r->pieces, &piece) : REPLY_BROKEN;
	if (more == REPLY_BROKEN) {
		s->x.cause = 'I';
		return false;
	}
	s->reply_made = more == REPLY_LAST;
	put_piece(s, piece);
	return true;
}

void stream_reply(struct stream *s)
{
	struct reply *r = &s->x.reply;
	struct http_frame f;
	struct http_outgoing how;
	struct slice head;

	s->x.own_answer = true;
	s->x.status = r->status;
	if (r->close || r->raw.ptr != NULL || !skip_body(s))
		s->keep_client = false;
	if (r->raw.ptr != NULL) {
		begin_flow(s, raw_part(s, r->raw), SLICE_NONE, BODY_NONE);
		return;
	}
	fill_head(s, r);
	s->x.rule_at = NULL;
	s->answer_step = LIST_AFTER_BACK;
	if (run_lists(s) != VERDICT_NEXT) {
		s->keep_client = false;
		s->stage = STAGE_END;
		return;
	}
	own_finish_response(s);
	f = frame_of(s, r);
	how = outgoing(s, &f);
	head = write_response(s, &how);
	if (head.len == 0) {
		s->keep_client = false;
		s->stage = STAGE_END;
		return;
	}
	s->x.status = s->x.response.status;
	if (s->x.request.method == HTTP_HEAD || f.kind == BODY_NONE)
		begin_flow(s, head, SLICE_NONE, BODY_NONE);
	else
		begin_flow(s, head, r->more != NULL ? SLICE_NONE : r->body, how.kind);
	/* The first piece goes out together with the head. */
	if (s->down_flow.frame.kind == BODY_UNTIL_CLOSE && !feed(s)) {
		s->keep_client = false;
		s->stage = STAGE_END;
	}
}

/* Writes until the client takes no more, or it is the others' turn: a client that reads fast must not hold the loop. */
static enum flow_result write_reply(struct stream *s)
{
	uint64_t most = s->down_flow.written + REPLY_TURN;
	enum flow_result r;

	do {
		r = flow_run(&s->down_flow, s->client->watch.fd);
		s->pauses = r == FLOW_INPUT && s->down_flow.written >= most;
	} while (r == FLOW_INPUT && !s->pauses && feed(s));
	return r;
}

bool stage_reply(struct stream *s)
{
	enum flow_result r = FLOW_BLOCKED;
	uint64_t before = s->down_flow.written;

	if (s->pauses)
		return false;
	if (s->client->writable)
		r = write_reply(s);
	if (s->down_flow.written > before)
		s->client_us = loop_now_us(s->x.worker->loop);
	if (r == FLOW_BLOCKED || s->pauses) {
		s->client->writable = r != FLOW_BLOCKED;
		return false;
	}
	if (r != FLOW_DONE) {
		s->keep_client = false;
		if (s->x.cause == '-')
			s->x.cause = 'C';
	}
	s->stage = STAGE_END;
	return true;
}
