/* stream.c - the state machine of an exchange: its stages, what limits each in time, and its failures. */
#include "gateway/session/stream.h"

#include <assert.h>
#include <string.h>

#include "gateway/loop/container.h"
#include "gateway/model/proxy.h"
#include "gateway/rule/error_page.h"
#include "gateway/session/worker.h"
#include "shared/base/clock.h"

#define ARENA_FIRST 4096
#define ARENA_MOST (256 * 1024) /* of one exchange: edits, values and answers beyond it fail */
#define PAUSE_MS 1000           /* before the same server is tried again; less when timeout connect is */

char *stream_buffer(struct worker *w)
{
	return pool_take(w->buffers);
}

struct slice stream_head(struct stream *s, const struct http_head *h, const struct http_outgoing *how)
{
	struct worker *w = s->x.worker;
	size_t len = http_write_head(h, how, w->scratch, w->gateway->config->bufsize);

	return len == 0 ? SLICE_NONE : arena_copy(s->x.arena, slice_of(w->scratch, len));
}

/* More may be there than a head may have: it must not matter how the bytes arrived. What a head leaves free, the body needs as well. */
enum http_progress stream_parse(struct stream *s, const struct buffer *in, struct http_head *h, size_t *used)
{
	size_t most = in->size - s->x.worker->gateway->config->maxrewrite, there = in->end < most ? in->end : most;

	return http_parse(&s->parser, slice_of(in->data, there), there == most, h, used);
}

static struct arena *take_arena(struct worker *w)
{
	return w->arena_count > 0 ? w->arenas[--w->arena_count] : arena_create(ARENA_FIRST, ARENA_MOST);
}

static void queue_gave(struct task *t);

struct stream *stream_create(struct client *c)
{
	struct worker *w = c->session.worker;
	struct stream *s = pool_take(w->exchanges);
	unsigned most = w->gateway->config->max_headers;

	if (s == NULL)
		return NULL;
	memset(s, 0, sizeof(*s));
	s->client = c;
	s->stage = STAGE_HEAD;
	s->keep_client = true;
	s->x.session = &c->session;
	s->x.worker = w;
	s->x.frontend = c->session.frontend;
	s->x.arena = take_arena(w);
	s->x.cause = s->x.stage = '-';
	s->x.log_level = -1;
	s->x.body_limit = s->x.frontend->body_limit;
	s->x.t.first_byte_us = loop_now_us(w->loop);
	s->x.t.idle_us = s->x.t.first_byte_us - c->idle_since_us;
	s->x.t.wall_us = clock_wall_us();
	s->client_us = s->x.t.first_byte_us;
	s->waiter.loop = w->loop;
	s->waiter.task.run = queue_gave;
	http_head_init(&s->x.request, s->fields, most);
	http_head_init(&s->x.response, s->fields + most + EXTRA_FIELDS, most);
	http_parser_init(&s->parser, false, 0);
	timer_init(&s->timer, stream_timed_out);
	c->session.requests++;
	return s;
}

uint64_t exchange_number(struct exchange *x)
{
	if (x->number == 0)
		x->number = atomic_fetch_add_explicit(&x->worker->gateway->next_id, 1, memory_order_relaxed) + 1;
	return x->number;
}

/* ---- the machine ---- */

/* Whether nobody waits for the answer any more, before a server was asked; later see stream_forward.c. With "option abortonclose" a client
 * that ended its sending has left. */
static bool client_left(const struct stream *s)
{
	if (s->stage <= STAGE_HEAD || s->stage >= STAGE_FORWARD)
		return false;
	return s->client->broken || (s->stage >= STAGE_CHOOSE && s->client->hung_up && s->x.backend->abortonclose);
}

static bool stage_wait(struct stream *s)
{
	(void)s;
	return false;
}

bool stream_run(struct stream *s, bool *gone)
{
	static bool (*const stages[STAGE_COUNT])(struct stream *s) = {
		[STAGE_HEAD] = stage_head,       [STAGE_BODY] = stage_body,   [STAGE_TARPIT] = stage_wait, [STAGE_CHOOSE] = stage_choose,
		[STAGE_QUEUE] = stage_wait,      [STAGE_PAUSE] = stage_wait,  [STAGE_CONNECT] = stage_connect,
		[STAGE_FORWARD] = stage_forward, [STAGE_CHANGE] = stage_wait, [STAGE_REPLY] = stage_reply,
	};

	do {
		if (client_left(s))
			stream_client_left(s);
	} while (s->stage != STAGE_END && stages[s->stage](s));
	if (s->stage == STAGE_END) {
		*gone = !stream_end(s);
		return true;
	}
	stream_arm(s);
	return false;
}

/* ---- the queue's answer ---- */

/* @thread: this stream's, a moment after a place was given. */
static void queue_gave(struct task *t)
{
	struct stream *s = container_of(container_of(t, struct waiter, task), struct stream, waiter);

	assert(s->stage == STAGE_QUEUE);
	s->place = s->waiter.given;
	s->waiter.given = NULL;
	if (s->x.cause == 'K') /* meanwhile */
		stream_fail(s, 503, 'K', 'Q', NULL);
	else
		s->stage = STAGE_CHOOSE;
	client_step(s->client);
}

/* ---- time ---- */

enum limit { LIMIT_NONE, LIMIT_TURN, LIMIT_STAGE, LIMIT_CLIENT, LIMIT_SERVER, LIMIT_TOTAL };

static int first_of(int a, int b)
{
	return a > 0 ? a : b;
}

static const struct proxy_timeouts *back_timeouts(const struct stream *s)
{
	return &(s->x.backend != NULL ? s->x.backend : s->x.frontend)->timeout;
}

static void consider(enum limit kind, int64_t from_us, int wait_ms, enum limit *best, int64_t *due_us)
{
	int64_t due = from_us + (int64_t)wait_ms * 1000;

	if (wait_ms <= 0 || (*best != LIMIT_NONE && due >= *due_us))
		return;
	*best = kind;
	*due_us = due;
}

/* Both sides may be waited for at once: for more of the request, and for the server to take it. */
static enum limit forward_limit(const struct stream *s, int64_t *due_us)
{
	const struct proxy_timeouts *front = &s->x.frontend->timeout, *back = back_timeouts(s);
	int client_ms = front->client, server_ms = first_of(s->x.timeout_server_ms, back->server);
	enum limit best = LIMIT_NONE;

	if (s->tunnel && first_of(s->x.timeout_tunnel_ms, back->tunnel) > 0)
		client_ms = server_ms = first_of(s->x.timeout_tunnel_ms, back->tunnel);
	if (s->tunnel) { /* either side may be silent as long as the other talks */
		int64_t last = s->client_us > s->server_us ? s->client_us : s->server_us;

		consider(LIMIT_SERVER, last, server_ms, &best, due_us);
		consider(LIMIT_CLIENT, last, client_ms, &best, due_us);
		consider(LIMIT_CLIENT, last, s->up_done ? front->client_fin : 0, &best, due_us);
		consider(LIMIT_SERVER, last, s->down_done ? back->server_fin : 0, &best, due_us);
		return best;
	}
	if ((!s->up_done && s->wants_input) || (s->responding && !s->client->writable))
		consider(LIMIT_CLIENT, s->client_us, client_ms, &best, due_us);
	if (s->awaits_body)
		consider(LIMIT_SERVER, s->waits_since_us, s->x.wait_body_ms, &best, due_us);
	if (s->up_done || !s->wants_input)
		consider(LIMIT_SERVER, s->server_us, s->responding && !s->client->writable ? 0 : server_ms, &best, due_us);
	return best;
}

static enum limit limit_of(const struct stream *s, int64_t *due_us)
{
	const struct proxy_timeouts *front = &s->x.frontend->timeout, *back = back_timeouts(s);
	int64_t since = s->x.t.first_byte_us;
	enum limit best = LIMIT_NONE;

	if (s->pauses) {
		*due_us = 0; /* at once, when all that is ready has had its turn */
		return LIMIT_TURN;
	}
	switch (s->stage) {
	case STAGE_BODY:
		if (s->x.rule_at != NULL) {
			consider(LIMIT_STAGE, s->waits_since_us, s->x.wait_body_ms, &best, due_us);
			consider(LIMIT_CLIENT, s->client_us, front->client, &best, due_us);
			break;
		}
		/* fall through */
	case STAGE_HEAD:
		consider(LIMIT_STAGE, front->http_request > 0 ? since : s->client_us, first_of(front->http_request, front->client), &best,
			 due_us);
		break;
	case STAGE_TARPIT:
		consider(LIMIT_STAGE, s->server_us, first_of(first_of(back->tarpit, back->connect), 1), &best, due_us);
		break;
	case STAGE_QUEUE:
		consider(LIMIT_STAGE, s->server_us, first_of(back->queue, back->connect), &best, due_us);
		break;
	case STAGE_PAUSE:
		consider(LIMIT_STAGE, s->server_us, back->connect > 0 && back->connect < PAUSE_MS ? back->connect : PAUSE_MS, &best, due_us);
		break;
	case STAGE_CONNECT:
		consider(LIMIT_STAGE, s->server_us, back->connect, &best, due_us);
		break;
	case STAGE_FORWARD:
		best = forward_limit(s, due_us);
		break;
	case STAGE_REPLY:
		consider(LIMIT_CLIENT, s->client_us, front->client, &best, due_us);
		break;
	default:
		break;
	}
	if (!s->tunnel && s->stage != STAGE_REPLY)
		consider(LIMIT_TOTAL, since, first_of(back->total, front->total), &best, due_us);
	return best;
}

void stream_arm(struct stream *s)
{
	struct loop *l = s->x.worker->loop;
	int64_t due_us = 0;

	if (limit_of(s, &due_us) == LIMIT_NONE)
		loop_cancel(l, &s->timer);
	else
		timer_arm(loop_timers(l), &s->timer, (due_us + 999) / 1000);
}

/* What a limit that was passed means in this stage. */
static void give_up(struct stream *s, enum limit kind)
{
	bool rule; /* wait-for-body has its own time */

	if (kind == LIMIT_TURN) {
		s->pauses = false;
		return;
	}
	if (s->stage == STAGE_QUEUE && !stream_leave_queue(s))
		return; /* it has a place in a moment, and goes on then */
	if (kind == LIMIT_TOTAL) {
		stream_fail(s, 504, 'o', stream_stage_letter(s), "The request took longer than it may in all.");
		return;
	}
	switch (s->stage) {
	case STAGE_HEAD:
	case STAGE_BODY:
		rule = s->x.rule_at != NULL && kind == LIMIT_STAGE;
		if (!rule)
			s->x.t.request_us = 0; /* what was to be whole was not: in the log, as HAProxy has it */
		stream_fail(s, 408, 'c', rule ? 'D' : 'R', "The request did not arrive in time.");
		break;
	case STAGE_TARPIT:
		/* In the log the time in the pit is the queue's, as in HAProxy. */
		s->x.t.queue_us = loop_now_us(s->x.worker->loop);
		stream_reply(s);
		break;
	case STAGE_QUEUE:
		stream_fail(s, 503, 's', 'Q', "No server had room in time.");
		break;
	case STAGE_PAUSE:
		s->stage = STAGE_CHOOSE;
		break;
	case STAGE_CONNECT:
		stream_retry(s, RETRY_CONN_FAILURE, 503, 's', 'C');
		break;
	case STAGE_FORWARD:
		if (s->responding || (kind == LIMIT_CLIENT && s->x.t.response_us != 0))
			stream_fail(s, 0, kind == LIMIT_CLIENT ? 'c' : 's', 'D', NULL);
		else if (kind == LIMIT_CLIENT)
			stream_fail(s, 408, 'c', 'D', "The request's body did not arrive in time.");
		else
			stream_retry(s, RETRY_RESPONSE_TIMEOUT, 504, 's', s->up_done ? 'H' : 'D');
		break;
	default:
		stream_fail(s, 0, 'c', 'D', NULL);
		break;
	}
}

void stream_timed_out(struct timer *t)
{
	struct stream *s = container_of(t, struct stream, timer);
	int64_t due_us = 0;
	enum limit kind = limit_of(s, &due_us);

	if (kind == LIMIT_NONE || due_us > loop_now_us(s->x.worker->loop)) {
		stream_arm(s); /* there was progress meanwhile */
		return;
	}
	give_up(s, kind);
	client_step(s->client);
}

/* ---- failures ---- */

char stream_stage_letter(const struct stream *s)
{
	static const char letters[STAGE_COUNT] = {
		[STAGE_HEAD] = 'R', [STAGE_BODY] = 'R', [STAGE_TARPIT] = 'T', [STAGE_CHANGE] = 'R', [STAGE_CHOOSE] = 'Q', [STAGE_QUEUE] = 'Q',
		[STAGE_PAUSE] = 'C', [STAGE_CONNECT] = 'C', [STAGE_REPLY] = 'L', [STAGE_END] = '-',
	};

	if (s->stage != STAGE_FORWARD)
		return letters[s->stage];
	return s->responding ? 'D' : s->up_done ? 'H' : 'D';
}

void stream_fail(struct stream *s, int status, char cause, char stage, const char *detail)
{
	s->x.cause = cause;
	s->x.stage = stage;
	stream_leave_server(s, false);
	if (status == 0 || s->x.status != 0) {
		/* Nothing can be said any more: a part of an answer is out, or nobody listens. */
		s->keep_client = false;
		s->stage = STAGE_END;
		return;
	}
	s->x.reply = (struct reply){ 0 };
	error_page_fill(&s->x, status, detail, status == 503 || status == 429 ? 1 : 0);
	if (status == 400 || status == 408 || status == 413 || status == 431)
		s->keep_client = false;
	stream_reply(s);
}

void stream_client_left(struct stream *s)
{
	char letter;

	if (s->stage == STAGE_QUEUE && !stream_leave_queue(s))
		return;
	letter = stream_stage_letter(s);
	/* the answer that it would have got, for logs and counts */
	if (s->x.status == 0 && (s->stage == STAGE_HEAD || letter == 'H'))
		s->x.status = 400;
	if (s->x.status == 0 && s->stage == STAGE_TARPIT)
		s->x.status = 500;
	stream_fail(s, 0, s->stage == STAGE_TARPIT ? 'P' : 'C', letter, NULL);
}

bool stream_leave_queue(struct stream *s)
{
	if (!queue_leave(s->x.backend, &s->waiter))
		return false; /* a place is on its way: queue_gave() comes and goes on from there */
	s->x.t.queue_us = loop_now_us(s->x.worker->loop);
	return true;
}

void stream_abort(struct stream *s)
{
	struct client *c = s->client;

	if (s->stage == STAGE_QUEUE && !stream_leave_queue(s)) {
		s->x.cause = 'K'; /* it has a place in a moment, and ends then */
		return;
	}
	stream_fail(s, 0, 'K', stream_stage_letter(s), NULL);
	c->broken = true; /* closed at once */
	client_step(c);
}

void stream_kill(struct stream *s, char cause)
{
	struct client *c = s->client;

	s->keep_client = false;
	if (s->stage == STAGE_QUEUE && !stream_leave_queue(s)) {
		s->x.cause = cause; /* it has a place in a moment, and ends then */
		return;
	}
	stream_fail(s, s->stage == STAGE_FORWARD ? 502 : 503, cause, stream_stage_letter(s), NULL);
	client_step(c);
}
