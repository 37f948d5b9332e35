/* stream_rules.c - what is decided once the request's head is there: rules, the backend, the body's limits. */
#include <string.h>

#include "gateway/admin/status_page.h"
#include "gateway/expr/cond.h"
#include "gateway/expr/format.h"
#include "gateway/model/own.h"
#include "gateway/model/proxy.h"
#include "gateway/rule/error_page.h"
#include "gateway/rule/track.h"
#include "gateway/session/own.h"
#include "gateway/session/stream.h"
#include "gateway/session/worker.h"

/* ---- connections ---- */

bool session_begins(struct client *c)
{
	struct proxy *p = c->session.frontend;
	struct exchange *x;
	enum verdict v;

	if (p->connection_rules.first == NULL && p->session_rules.first == NULL)
		return true;
	/* Rules look at exchanges: these see one that has only its connection. */
	c->stream = stream_create(c);
	if (c->stream == NULL) {
		client_close(c);
		return false;
	}
	c->session.requests = 0;
	c->session.tracked = c->tracked;
	x = &c->stream->x;
	v = rules_run(&p->connection_rules, x);
	x->rule_at = NULL;
	if (v == VERDICT_NEXT || v == VERDICT_ALLOW)
		v = rules_run(&p->session_rules, x);
	if (v == VERDICT_NEXT || v == VERDICT_ALLOW)
		track_add(x, STICK_SESS_CNT, STICK_SESS_RATE, 1, loop_now_ms(x->worker->loop));
	else if (x->silent_drop)
		client_vanish(c);
	stream_discard(c->stream);
	c->stream = NULL;
	if (v == VERDICT_NEXT || v == VERDICT_ALLOW)
		return true;
	tally_add(&c->session.worker->frontends[p->index].denied_connections, 1);
	client_close(c);
	return false;
}

/* ---- the request ---- */

/* monitor-uri: answered at once, not logged and not counted as traffic of a backend. */
static bool monitored(struct stream *s)
{
	const struct proxy *p = s->x.frontend;
	bool failing = false;

	if (p->monitor_uri.len == 0 || !slice_eq(s->x.request.path, p->monitor_uri))
		return false;
	for (const struct cond_list *l = p->monitor_fail; l != NULL; l = l->next)
		failing |= cond_holds(l->cond, &s->x);
	s->x.logged = true;
	if (failing) {
		stream_fail(s, 503, 'L', 'R', "This monitor's condition of failure holds.");
		return true;
	}
	s->x.cause = 'L';
	s->x.stage = 'R';
	s->x.reply = (struct reply){ .status = 200, .content_type = SLICE_LIT("text/html"),
				     .body = SLICE_LIT("<html><body><h1>200 OK</h1>\nService ready.\n</body></html>\n") };
	stream_reply(s);
	return true;
}

static void wait_for_body(struct stream *s)
{
	s->stage = STAGE_BODY;
	s->waits_since_us = loop_now_us(s->x.worker->loop);
}

/* option http-buffer-request. False: it is there already, or there is none. */
static bool wait_for_whole_body(struct stream *s)
{
	if (s->x.body_whole || s->x.body.ptr != NULL || s->x.request_frame.kind == BODY_NONE)
		return false;
	wait_for_body(s);
	return true;
}

/* What a list of rules left to do; true: the exchange goes another way now. */
static bool obey(struct stream *s, enum verdict v, struct tally *where)
{
	switch (v) {
	case VERDICT_REPLY:
	case VERDICT_TARPIT:
		s->x.stage = v == VERDICT_TARPIT ? 'T' : 'R';
		if (s->x.cause == 'P')
			tally_add(&where->denied_requests, 1);
		if (v == VERDICT_REPLY) {
			stream_reply(s);
		} else {
			s->stage = STAGE_TARPIT;
			s->server_us = loop_now_us(s->x.worker->loop);
		}
		return true;
	case VERDICT_CLOSE:
		tally_add(&where->denied_requests, 1);
		s->x.t.request_us = 0; /* in the log, as HAProxy has it */
		stream_fail(s, 0, 'P', 'R', NULL);
		return true;
	case VERDICT_BODY:
		wait_for_body(s);
		return true;
	case VERDICT_FAIL:
		tally_add(&where->failed_rewrites, 1);
		stream_fail(s, 500, 'P', 'R', "A rule's change to the request did not fit.");
		return true;
	default:
		s->x.rule_at = NULL;
		return false;
	}
}

/* The status page is met behind the section's rules and before its redirects, as in HAProxy. */
static bool status_asked(struct stream *s, const struct proxy *p, struct tally *where)
{
	struct status_order *order = NULL;
	enum verdict v = p->stats != NULL ? status_page(p, &s->x, &order) : VERDICT_NEXT;

	if (order == NULL)
		return obey(s, v, where);
	stream_change_servers(s, order);
	return true;
}

static void enter_backend(struct stream *s, struct proxy *b)
{
	struct worker *w = s->x.worker;
	struct tally *t = &w->backends[b->index];
	unsigned now = atomic_fetch_add_explicit(&b->backend.served, 1, memory_order_relaxed) + 1;

	s->x.backend = b;
	s->backend_entered = true;
	if (now > atomic_load_explicit(&b->backend.served_most, memory_order_relaxed))
		atomic_store_explicit(&b->backend.served_most, now, memory_order_relaxed);
	tally_add(&t->sessions, 1);
	tally_add(&t->requests, 1);
	tally_rate_add(&t->session_rate, loop_now_ms(w->loop), 1);
	own_pay_retries(s);
	if (b->body_limit > 0 && (s->x.body_limit == 0 || b->body_limit < s->x.body_limit))
		s->x.body_limit = b->body_limit;
	if (b->http_mode == HTTP_CLOSE)
		s->keep_client = false;
}

static bool choose_backend(struct stream *s)
{
	struct proxy *b = switch_choose(s->x.frontend, &s->x);

	if (b == NULL) {
		stream_fail(s, 503, 'S', 'C', "No backend serves this request.");
		return true;
	}
	enter_backend(s, b);
	return false;
}

/* The rule lists of a request, in their order; the backend's are skipped in a listen section, whose they are already. */
enum {
	STEP_MONITOR, STEP_FRONT_BODY, STEP_FRONT_CONTENT, STEP_FRONT, STEP_FRONT_STATUS, STEP_FRONT_REDIRECT, STEP_SWITCH,
	STEP_BACK_BODY, STEP_BACK_CONTENT, STEP_BACK, STEP_BACK_STATUS, STEP_BACK_REDIRECT, STEP_READY
};

/* Runs list number s->rules_step. True: the exchange goes another way now. */
static bool run_step(struct stream *s)
{
	struct proxy *f = s->x.frontend, *b = s->x.backend;
	struct tally *front = &s->x.worker->frontends[f->index];
	struct tally *back = b != NULL ? &s->x.worker->backends[b->index] : front;

	switch (s->rules_step) {
	case STEP_MONITOR:
		return monitored(s);
	case STEP_FRONT_BODY:
		return f->buffer_request && wait_for_whole_body(s);
	case STEP_FRONT_CONTENT:
		return obey(s, rules_run(&f->content_rules, &s->x), front);
	case STEP_FRONT:
		return obey(s, rules_run(&f->request_rules, &s->x), front);
	case STEP_FRONT_STATUS:
		return status_asked(s, f, front);
	case STEP_FRONT_REDIRECT:
		return obey(s, rules_run(&f->redirect_rules, &s->x), front);
	case STEP_SWITCH:
		return choose_backend(s);
	case STEP_BACK_BODY:
		return b->buffer_request && wait_for_whole_body(s);
	case STEP_BACK_CONTENT:
		return b != f && obey(s, rules_run(&b->content_rules, &s->x), back);
	case STEP_BACK:
		return b != f && obey(s, rules_run(&b->request_rules, &s->x), back);
	case STEP_BACK_STATUS:
		return b != f && status_asked(s, b, back);
	case STEP_BACK_REDIRECT:
		return b != f && obey(s, rules_run(&b->redirect_rules, &s->x), back);
	default:
		return false;
	}
}

/* A body that says at once that it is too long. Chunked ones are counted as they pass. */
static bool body_too_long(struct stream *s)
{
	if (s->x.body_limit == 0 || s->x.request_frame.kind != BODY_LENGTH || s->x.request_frame.length <= s->x.body_limit)
		return false;
	stream_fail(s, 413, 'P', 'R', "The body is too large.");
	return true;
}

bool stream_run_rules(struct stream *s)
{
	for (; s->rules_step < STEP_READY; s->rules_step++) {
		if (run_step(s))
			return true;
	}
	if (body_too_long(s))
		return true;
	s->server_us = loop_now_us(s->x.worker->loop);
	s->stage = STAGE_CHOOSE;
	return true;
}

/* ---- a body that is wanted before it goes on ---- */

/* Sends "100 Continue" once, so that a client that waits for it sends its body; the server is not asked then. */
static void invite_body(struct stream *s)
{
	static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct http_field *expect;

	if (s->continue_sent || !s->x.request_frame.expects_100)
		return;
	s->continue_sent = true;
	while ((expect = http_field_known(&s->x.request, NAME_EXPECT, 0)) != NULL)
		http_field_remove(&s->x.request, expect);
	(void)!send(s->client->watch.fd, line, sizeof(line) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* "wait-for-body at-least" */
static bool enough(const struct stream *s, size_t len)
{
	return s->x.rule_at != NULL && s->x.wait_body_least > 0 && len >= s->x.wait_body_least;
}

/* What rules see of it is put together once: a body may come in many pieces. */
static bool body_waited_for(struct stream *s)
{
	if (flow_peek(&s->client->in, &s->x.request_frame, s->x.arena, &s->x.body))
		return stream_run_rules(s);
	stream_fail(s, 500, 'P', 'R', "There is no room for the body that rules are to see.");
	return true;
}

bool stage_body(struct stream *s)
{
	struct client *c = s->client;

	invite_body(s);
	for (;;) {
		size_t room = buffer_room(&c->in);
		enum http_progress p;
		size_t len;

		if (room > 0 && client_read(c) > 0) {
			s->client_us = loop_now_us(s->x.worker->loop);
			continue;
		}
		p = flow_measure(&c->in, &s->x.request_frame, &len);
		s->x.body_whole = p == HTTP_DONE;
		if (p == HTTP_BAD) {
			stream_fail(s, 400, 'P', 'D', "The body is not well-formed.");
			return true;
		}
		if (p == HTTP_DONE || room == 0 || enough(s, len))
			return body_waited_for(s);
		if (c->ended) {
			stream_client_left(s);
			return true;
		}
		return false;
	}
}
