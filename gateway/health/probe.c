/* probe.c - one health check of one server.
 *
 * The head is parsed from its start whenever another line end has come: the fields of a head take more space than a probe
 * should hold while it waits, and heads that come in many pieces are rare and bounded. The body is decoded in place, so what
 * the plan looks for is found across chunks; it is judged when nothing more is there to be read now.
 */
#include "gateway/health/probe.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "gateway/health/expect.h"
#include "gateway/health/plan.h"
#include "gateway/loop/container.h"
#include "shared/base/clock.h"

#define STATE_HEADER_MOST 512

/* ---- the end ---- */

static void buffer_drop(struct probe *p)
{
	if (p->data != NULL)
		pool_give(p->size == p->kit->small_bytes ? p->kit->small : p->kit->large, p->data);
	p->data = NULL;
	p->size = p->len = 0;
}

void probe_stop(struct probe *p)
{
	if (p->watch.fd >= 0) {
		loop_unwatch(p->kit->loop, &p->watch);
		close(p->watch.fd);
		p->watch.fd = -1;
	}
	loop_cancel(p->kit->loop, &p->timer);
	buffer_drop(p);
	p->state = PROBE_IDLE;
}

/* <info> may lie in the probe's buffer. */
static void finish(struct probe *p, enum check_result result, struct slice info, struct slice comment)
{
	struct buf text;

	buf_init_fixed(&text, p->result.info, sizeof(p->result.info));
	buf_add_slice(&text, slice_sub(info, 0, sizeof(p->result.info) - 1));
	if (comment.ptr != NULL) {
		buf_add_str(&text, info.len > 0 ? " comment: " : "comment: ");
		buf_add_slice(&text, slice_sub(comment, 0, sizeof(p->result.info) - 1 - text.len));
	}
	p->result.info[text.len] = '\0';
	p->result.result = result;
	p->result.duration_ms = (clock_mono_us() - p->start_us) / 1000;
	probe_stop(p);
	p->done(p);
}

static void finish_error(struct probe *p, enum check_result result, int error)
{
	char space[64];
	struct slice comment = SLICE_NONE;

	if (p->state == PROBE_CONNECTING && p->plan != NULL)
		comment = p->plan->connect_comment;
	finish(p, result, slice_str(strerror_r(error, space, sizeof(space))), comment);
}

/* The server passed. */
static void finish_ok(struct probe *p)
{
	enum check_result ok = CHECK_L7OK;

	for (const struct expect *e = p->plan->expects; e != NULL; e = e->next)
		ok = e->ok != CHECK_UNKNOWN ? e->ok : CHECK_L7OK;
	finish(p, ok, SLICE_NONE, SLICE_NONE);
}

static void finish_bad_response(struct probe *p, const char *why)
{
	finish(p, CHECK_L7RSP, slice_str(why), SLICE_NONE);
}

/* The first demand that is not met yet decides how a timeout is called. */
static void timed_out(struct timer *t)
{
	struct probe *p = container_of(t, struct probe, timer);
	const struct expect *e = NULL;

	if (p->state == PROBE_CONNECTING) {
		finish(p, CHECK_L4TOUT, SLICE_NONE, p->plan != NULL ? p->plan->connect_comment : SLICE_NONE);
		return;
	}
	if (p->state == PROBE_HEAD)
		e = p->plan->expects;
	else if (p->state == PROBE_BODY)
		e = p->waiting;
	finish(p, e != NULL && e->timeout != CHECK_UNKNOWN ? e->timeout : CHECK_L7TOUT, SLICE_NONE, SLICE_NONE);
}

/* ---- judging ---- */

static bool status_is_good(int status)
{
	return status >= 200 && status <= 399;
}

/* The response's head is there. False: that was all. */
static bool head_judge(struct probe *p, const struct http_head *h)
{
	const struct http_field *degraded = http_field_find(h, SLICE_LIT("Degraded"), 0);
	const struct expect *e;

	p->result.status = h->status;
	facts_degraded(degraded != NULL ? degraded->value : SLICE_NONE, p->result.named);
	if (h->status == 404 && p->allow_404) {
		finish(p, CHECK_L7OKC, SLICE_NONE, SLICE_NONE);
		return false;
	}
	if (p->plan->expects == NULL && !status_is_good(h->status)) {
		finish(p, CHECK_L7STS, h->reason, SLICE_NONE);
		return false;
	}
	for (e = p->plan->expects; e != NULL; e = e->next) {
		if (!expect_is_body(e) && !expect_head(e, p->kit->worker, h)) {
			finish(p, e->error != CHECK_UNKNOWN ? e->error : CHECK_L7STS, h->reason, e->comment);
			return false;
		}
	}
	if (!p->plan->expects_body) {
		finish_ok(p);
		return false;
	}
	return true;
}

static void body_failed(struct probe *p, const struct expect *e, bool empty)
{
	const char *why = empty ? "HTTP content check could not find a response body" :
			  e->inverse ? "HTTP check matched unwanted content" : "HTTP content check did not match";

	finish(p, e->error != CHECK_UNKNOWN ? e->error : CHECK_L7RSP, slice_str(why), e->comment);
}

/* <all>: nothing more of the body will come, or fit. False: that was all. */
static bool body_judge(struct probe *p, bool all)
{
	struct slice body = slice_of(p->data + p->body, p->body_end - p->body);

	for (; p->waiting != NULL; p->waiting = p->waiting->next) {
		enum expect_answer answer = expect_is_body(p->waiting) ? expect_body(p->waiting, p->kit->worker, body, all) : EXPECT_MET;

		if (answer == EXPECT_MORE)
			return true;
		if (answer != EXPECT_MET) {
			body_failed(p, p->waiting, answer == EXPECT_EMPTY);
			return false;
		}
	}
	finish_ok(p);
	return false;
}

/* ---- reading ---- */

/* Decodes what came, in place. False: that was all. */
static bool body_decode(struct probe *p)
{
	enum http_progress progress = HTTP_MORE;
	size_t at = p->body_end, used;
	struct slice data;

	do {
		progress = http_body_next(&p->decoder, slice_of(p->data + at, p->len - at), &used, &data);
		memmove(p->data + p->body_end, data.ptr == NULL ? p->data : data.ptr, data.len);
		p->body_end += data.len;
		at += used;
	} while (progress == HTTP_MORE && used > 0);
	memmove(p->data + p->body_end, p->data + at, p->len - at);
	p->len = p->body_end + (p->len - at);
	if (progress == HTTP_BAD) {
		finish_bad_response(p, p->decoder.error.why);
		return false;
	}
	return progress != HTTP_DONE || body_judge(p, true);
}

static bool body_begin(struct probe *p, struct http_head *head, size_t used)
{
	struct http_error error;
	struct http_frame frame;

	if (http_frame_response(head, plan_method(p->plan), false, &frame, &error) == HTTP_BAD) {
		finish_bad_response(p, error.why);
		return false;
	}
	http_body_init(&p->decoder, &frame);
	p->body = p->body_end = p->head + used;
	p->waiting = p->plan->expects;
	p->state = PROBE_BODY;
	return http_body_done(&p->decoder) ? body_judge(p, true) : body_decode(p);
}

/* Parses the head, and skips interim ones. False: that was all. */
static bool head_parse(struct probe *p, bool full)
{
	struct http_parser parser;
	struct http_head head;
	enum http_progress progress;
	size_t used;

	for (;;) {
		http_parser_init(&parser, true, 0);
		http_head_init(&head, p->kit->fields, p->kit->field_count);
		progress = http_parse(&parser, slice_of(p->data + p->head, p->len - p->head), full, &head, &used);
		if (progress == HTTP_MORE)
			return true;
		if (progress == HTTP_BAD) {
			finish_bad_response(p, parser.error.why);
			return false;
		}
		if (head.status >= 200 || head.status == 101)
			return head_judge(p, &head) && body_begin(p, &head, used);
		p->head += used;
	}
}

/* <count> bytes were added. False: that was all. */
static bool response_grew(struct probe *p, size_t count)
{
	bool full = p->len == p->kit->large_bytes;

	if (p->state == PROBE_BODY)
		return body_decode(p);
	if (!full && memchr(p->data + p->len - count, '\n', count) == NULL)
		return true;
	return head_parse(p, full);
}

/* Room for more of the response: moves to a large buffer when the small one is full. False: there is none. */
static bool buffer_room(struct probe *p)
{
	char *larger;

	if (p->data == NULL) {
		p->data = pool_take(p->kit->small);
		p->size = p->data == NULL ? 0 : p->kit->small_bytes;
		return p->data != NULL;
	}
	if (p->len < p->size)
		return true;
	if (p->size == p->kit->large_bytes)
		return false;
	larger = pool_take(p->kit->large);
	if (larger == NULL)
		return false;
	memcpy(larger, p->data, p->len);
	pool_give(p->kit->small, p->data);
	p->data = larger;
	p->size = p->kit->large_bytes;
	return true;
}

static void response_ended(struct probe *p)
{
	if (p->state == PROBE_BODY)
		body_judge(p, true);
	else
		finish_bad_response(p, NULL);
}

static void response_read(struct probe *p)
{
	ssize_t n;

	for (;;) {
		if (!buffer_room(p)) {
			if (p->state == PROBE_BODY)
				body_judge(p, true);
			else
				finish_bad_response(p, "no room for the head");
			return;
		}
		n = recv(p->watch.fd, p->data + p->len, p->size - p->len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		if (n == 0) {
			response_ended(p);
			return;
		}
		p->len += (size_t)n;
		if (!response_grew(p, (size_t)n))
			return;
	}
	if (errno != EAGAIN)
		finish_error(p, CHECK_SOCKERR, errno);
	else if (p->state == PROBE_BODY)
		body_judge(p, false);
	else if (p->len == 0)
		buffer_drop(p);
}

/* ---- sending ---- */

static bool request_make(struct probe *p)
{
	char space[STATE_HEADER_MOST];
	struct buf state, request;

	buf_init_fixed(&state, space, sizeof(space));
	if (p->plan->send_state)
		p->kit->state_write(p, &state);
	for (int large = 0; large <= 1; large++) {
		p->data = pool_take(large ? p->kit->large : p->kit->small);
		if (p->data == NULL)
			return false;
		p->size = large ? p->kit->large_bytes : p->kit->small_bytes;
		buf_init_fixed(&request, p->data, p->size);
		plan_request(p->plan, p->plan->send_state ? buf_slice(&state) : SLICE_NONE, &request);
		p->len = request.len;
		if (buf_ok(&request))
			return true;
		buffer_drop(p);
	}
	return false;
}

static void request_send(struct probe *p)
{
	ssize_t n;

	while (p->sent < p->len) {
		n = send(p->watch.fd, p->data + p->sent, p->len - p->sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			finish_error(p, CHECK_SOCKERR, errno);
			return;
		}
		p->sent += (size_t)n;
	}
	buffer_drop(p);
	p->state = PROBE_HEAD;
	response_read(p);
}

/* ---- connecting ---- */

static void connected(struct probe *p)
{
	if (p->plan == NULL) {
		finish(p, CHECK_L4OK, SLICE_NONE, SLICE_NONE);
		return;
	}
	if (p->answer_ms > 0)
		timer_arm(loop_timers(p->kit->loop), &p->timer, clock_mono_us() / 1000 + p->answer_ms);
	p->state = PROBE_SENDING;
	if (!request_make(p)) {
		finish(p, CHECK_SOCKERR, SLICE_LIT("the request does not fit into a buffer"), SLICE_NONE);
		return;
	}
	request_send(p);
}

static void connect_look(struct probe *p, unsigned events)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (!(events & LOOP_WRITE))
		return;
	if (getsockopt(p->watch.fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	if (error != 0)
		finish_error(p, CHECK_L4CON, error);
	else
		connected(p);
}

static void ready(struct watch *w, unsigned events)
{
	struct probe *p = container_of(w, struct probe, watch);

	if (p->state == PROBE_CONNECTING)
		connect_look(p, events);
	else if (p->state == PROBE_SENDING)
		request_send(p);
	else if (events & LOOP_READ)
		response_read(p);
}

void probe_init(struct probe *p, struct probe_kit *kit, void (*done)(struct probe *p))
{
	*p = (struct probe){ .kit = kit, .done = done, .state = PROBE_IDLE, .watch = { .fd = -1, .ready = ready } };
	timer_init(&p->timer, timed_out);
}

bool probe_running(const struct probe *p)
{
	return p->state != PROBE_IDLE;
}

void probe_start(struct probe *p, const struct probe_order *order)
{
	int one = 1;

	assert(p->state == PROBE_IDLE);
	p->state = PROBE_CONNECTING;
	p->plan = order->plan;
	p->allow_404 = order->allow_404;
	p->answer_ms = order->answer_ms;
	p->start_us = clock_mono_us();
	p->result = (struct probe_result){ .result = CHECK_UNKNOWN };
	p->len = p->sent = p->head = p->body = p->body_end = 0;
	p->waiting = NULL;
	timer_arm(loop_timers(p->kit->loop), &p->timer, p->start_us / 1000 + order->connect_ms);
	p->watch.fd = socket(order->sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->watch.fd < 0) {
		finish_error(p, CHECK_SOCKERR, errno);
		return;
	}
	if (order->sa->sa_family != AF_UNIX)
		setsockopt(p->watch.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(p->watch.fd, order->sa, order->sa_len) != 0 && errno != EINPROGRESS) {
		finish_error(p, CHECK_L4CON, errno);
		return;
	}
	if (loop_watch(p->kit->loop, &p->watch) != ERR_OK)
		finish_error(p, CHECK_SOCKERR, errno);
}
