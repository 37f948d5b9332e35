/* stream_end.c - the end of an exchange: log line, counts, and everything given back. */
#include <string.h>

#include "gateway/admin/status_change.h"
#include "gateway/expr/format.h"
#include "gateway/logs/json.h"
#include "gateway/logs/sink.h"
#include "gateway/model/proxy.h"
#include "gateway/rule/track.h"
#include "gateway/session/stream.h"
#include "gateway/session/worker.h"
#include "shared/base/clock.h"

#define LOG_LINE_MOST 8192
#define LOG_DATA_MOST 2048 /* log-format-sd */
#define SEVERITY_INFO 6
#define SEVERITY_ERROR 3

/* ---- the log line ---- */

static const struct log_target *targets(const struct stream *s)
{
	const struct proxy *f = s->x.frontend;

	return f->logs_global ? s->x.worker->gateway->config->logs : f->logs;
}

/* Whether something went wrong with it: what "option dontlog-normal" keeps and "log-separate-errors" raises. Answers of our own that rules
 * wanted (L) have not. */
static bool failed(const struct stream *s)
{
	return (s->x.cause != '-' && s->x.cause != 'L') || (s->x.cause == '-' && s->x.retries > 0) || s->x.redispatched || s->x.status >= 500;
}

/* error-log-format is for what never became a request that was understood. */
static const struct format *format_of(const struct stream *s)
{
	const struct proxy *f = s->x.frontend;

	return s->x.request_line[0].len == 0 && f->error_log_format != NULL ? f->error_log_format : f->log_format;
}

static void note_counts(struct stream *s)
{
	s->x.actives[0] = atomic_load_explicit(&s->x.worker->gateway->connections, memory_order_relaxed);
	s->x.actives[1] = atomic_load_explicit(&s->x.frontend->connections, memory_order_relaxed);
	if (s->backend_entered)
		s->x.actives[2] = atomic_load_explicit(&s->x.backend->backend.served, memory_order_relaxed);
	if (s->x.server != NULL)
		s->x.actives[3] = atomic_load_explicit(&s->x.server->served, memory_order_relaxed);
}

void stream_log(struct stream *s)
{
	const struct proxy *f = s->x.frontend;
	const struct format *format = format_of(s);
	int severity = s->x.log_level >= 0 ? s->x.log_level : SEVERITY_INFO;
	char line[LOG_LINE_MOST], data_space[LOG_DATA_MOST];
	struct buf out, data;

	if (s->x.logged || s->x.log_silent || targets(s) == NULL || (format == NULL && f->log_kind != LOG_JSON))
		return;
	if (f->dontlog_normal && !failed(s))
		return;
	if (f->dontlognull && s->x.bytes_in == 0 && s->x.t.request_us == 0 && buffer_empty(&s->client->in))
		return;
	s->x.logged = true;
	s->x.log_early = s->x.t.end_us == 0;
	note_counts(s);
	if (f->log_separate_errors && failed(s) && s->x.log_level < 0)
		severity = SEVERITY_ERROR;
	tally_add(&s->x.worker->frontends[f->index].log_lines, 1);
	buf_init_fixed(&data, data_space, sizeof(data_space));
	if (f->log_format_sd != NULL)
		format_write(f->log_format_sd, &s->x, true, &data);
	buf_init_fixed(&out, line, sizeof(line));
	if (format != NULL)
		format_write(format, &s->x, true, &out);
	else
		log_json_write(&s->x, &out);
	log_sink_add(s->x.worker->log, targets(s), severity, f->log_tag, clock_wall_us(), buf_slice(&data), buf_slice(&out));
}

/* ---- counts ---- */

static void count_status(struct tally *t, int status)
{
	tally_add(&t->status[status >= 100 && status < 600 ? status / 100 : 0], 1);
}

static void count_times(struct stream *s, struct tally *t)
{
	const struct exchange_times *e = &s->x.t;

	tally_add(&t->times_n, 1);
	if (e->queue_us > e->request_us)
		tally_add(&t->queue_us, (uint64_t)(e->queue_us - e->request_us));
	if (e->connect_us > e->queue_us && e->queue_us > 0)
		tally_add(&t->connect_us, (uint64_t)(e->connect_us - e->queue_us));
	if (e->response_us > e->connect_us && e->connect_us > 0) {
		tally_add(&t->response_us, (uint64_t)(e->response_us - e->connect_us));
		if (t->response != NULL)
			hist_add(t->response, e->response_us - e->connect_us);
	}
	tally_add(&t->total_us, (uint64_t)(e->end_us - e->first_byte_us));
	if (t->total != NULL)
		hist_add(t->total, e->end_us - e->first_byte_us);
}

static void count_into(struct stream *s, struct tally *t, bool status)
{
	tally_add(&t->bytes_in, s->x.bytes_in);
	tally_add(&t->bytes_out, s->x.bytes_out);
	if (status && s->x.status != 0)
		count_status(t, s->x.status);
	if (s->x.t.request_us != 0)
		count_times(s, t);
}

static void count(struct stream *s)
{
	struct worker *w = s->x.worker;

	if (s->responding)
		s->x.bytes_out = s->down_flow.written;
	count_into(s, &w->frontends[s->x.frontend->index], true);
	count_into(s, &w->listeners[s->x.session->listener->index], true);
	if (s->backend_entered)
		count_into(s, &w->backends[s->x.backend->index], true);
	if (s->x.server != NULL)
		count_into(s, &w->servers[s->x.server->index], !s->x.own_answer);
}

/* What sticky counters learn at the end; connections were counted when tracking began. */
static void count_tracked(struct stream *s)
{
	int64_t now_ms = loop_now_ms(s->x.worker->loop);

	track_add(&s->x, STICK_BYTES_IN_CNT, STICK_BYTES_IN_RATE, (int64_t)s->x.bytes_in, now_ms);
	track_add(&s->x, STICK_BYTES_OUT_CNT, STICK_BYTES_OUT_RATE, (int64_t)s->x.bytes_out, now_ms);
	track_status(&s->x, s->x.status, now_ms);
}

/* ---- giving back ---- */

static void release(struct stream *s)
{
	struct worker *w = s->x.worker;
	int64_t now_ms = loop_now_ms(w->loop);

	loop_cancel(w->loop, &s->timer);
	status_change_abandon(&s->change);
	track_end(s->x.tracked, now_ms);
	vars_clear(&s->x.txn, w->vars);
	vars_clear(&s->x.req, w->vars);
	vars_clear(&s->x.res, w->vars);
	if (w->arena_count < WORKER_ARENAS) {
		arena_reset(s->x.arena);
		w->arenas[w->arena_count++] = s->x.arena;
	} else {
		arena_free(&s->x.arena);
	}
	pool_give(w->exchanges, s);
}

void stream_discard(struct stream *s)
{
	release(s);
}

/* Whether the server's connection can carry another exchange. */
static bool server_can_go_on(const struct stream *s)
{
	return s->keep_server && s->up_done && s->down_done && !s->tunnel && s->up != NULL && buffer_empty(&s->up->in);
}

bool stream_end(struct stream *s)
{
	struct client *c = s->client;
	bool keep = s->keep_client && !c->broken;

	if (s->x.silent_drop) {
		client_vanish(c);
		c->broken = true; /* closed at once */
		keep = false;
	}

	s->x.t.end_us = loop_now_us(s->x.worker->loop);
	/* with an answer of our own the rest of the request was passed over before it */
	if (!s->x.own_answer && s->up_head.ptr != NULL && !flow_abandon(&s->up_flow))
		keep = false;
	/* it is not among those that are there now, when its line says how many */
	stream_leave_server(s, server_can_go_on(s));
	if (s->backend_entered)
		atomic_fetch_sub_explicit(&s->x.backend->backend.served, 1, memory_order_relaxed);
	count(s);
	stream_log(s);
	count_tracked(s);
	release(s);
	return client_exchange_done(c, keep);
}
