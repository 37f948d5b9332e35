/* inbox.c - from a topic into own MySQL: collect a batch, store it with its position, go on.
 *
 * One instance of all does it (leader.h). A round: lead; have a consumer and positions; collect records until there are
 * INBOX_BATCH_MAX, or none waits, or something else happens (end of the log, position out of range, a newer log); store what was
 * collected; then see to that something. Records keep their memory until their batch is stored.
 */
#include "shared/svc/inbox.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/io/broker.h"
#include "shared/svc/halt.h"
#include "shared/svc/inbox_lot.h"
#include "shared/svc/leader.h"
#include "shared/svc/service.h"

#define ARENA_BYTES 65536
#define ARENA_LIMIT_BYTES (64 << 20)
#define WAIT_MS 200
#define IDLE_US 1000000
#define BACKOFF_MAX_MS 1000
#define MOVED_MS 100
#define SQL_MS 500
#define STORE_MS 3000
#define WATERMARK_MS 1000
#define WARN_MS 10000

/* One partition: what the table holds, and how far we have read. */
struct place {
	bool stored;
	char stored_log[CLOCK_UUID_LEN + 1];
	int64_t stored_next;
	char log[CLOCK_UUID_LEN + 1]; /* "" until a record has told it */
	int64_t next;                 /* BROKER_NO_OFFSET: to be read from the low watermark */
	bool touched;                 /* by the batch that is being collected */
};

struct inbox {
	struct service *service;
	const struct inbox_spec *spec;
	void *ctx;
	struct halt halt;
	pthread_t thread;

	/* The thread's own. */
	struct sql_conn *session;          /* NULL: we do not lead */
	int64_t session_used_us;
	struct broker_consumer *consumer;
	bool placed;                       /* positions are read, and the consumer was assigned */
	struct place places[TOPIC_PARTITIONS_MAX];
	struct event events[INBOX_BATCH_MAX];
	size_t count;
	struct arena *arena;               /* of one attempt to store a batch */
	struct inbox_lot lot;              /* records that nobody understands */
	int64_t called_us, warned_us;      /* when committed() was last called, and a wait last logged */
	enum err warned;                   /* what it was for */
	struct counter *applied, *corrupt, *moved, *restarted;
	struct gauge *leader, *position[TOPIC_PARTITIONS_MAX];
};

static void set_log(char log[CLOCK_UUID_LEN + 1], struct slice uuid)
{
	snprintf(log, CLOCK_UUID_LEN + 1, "%.*s", SLICE_ARG(event_is_log(uuid) ? uuid : SLICE_NONE));
}

/* ---- positions ---- */

static enum err read_place(struct inbox *in, struct sql_conn *c, int32_t p, struct place *out)
{
	struct sql_arg arg = SQL_ARG_I64(p);
	struct sql_rows rows;
	enum err e = sql_run(c, in->spec->select_sql, &arg, 1, in->arena, &rows);

	if (e != ERR_OK)
		return e;
	*out = (struct place){ .next = BROKER_NO_OFFSET };
	if (rows.count == 0)
		return ERR_OK;
	if (!slice_to_i64(sql_cell(&rows, 0, 1), &out->stored_next))
		return ERR_CORRUPT;
	out->stored = true;
	out->next = out->stored_next;
	set_log(out->stored_log, sql_cell(&rows, 0, 0));
	set_log(out->log, sql_cell(&rows, 0, 0));
	return ERR_OK;
}

static enum err read_places(struct inbox *in)
{
	struct sql_conn *c;
	enum err e = sql_acquire(service_sql(in->service), clock_mono_us() + SQL_MS * 1000, &c);

	if (e != ERR_OK)
		return e;
	arena_reset(in->arena);
	for (int32_t p = 0; p < in->spec->topic->partitions && e == ERR_OK; p++)
		e = read_place(in, c, p, &in->places[p]);
	sql_release(&c);
	return e;
}

/* Assigns the consumer to where each partition is to be read from. */
static enum err go_to_places(struct inbox *in)
{
	int32_t partitions = in->spec->topic->partitions;
	int64_t low[TOPIC_PARTITIONS_MAX], offsets[TOPIC_PARTITIONS_MAX];
	bool ask = false;
	enum err e = ERR_OK;

	for (int32_t p = 0; p < partitions; p++)
		ask |= in->places[p].next == BROKER_NO_OFFSET;
	if (ask)
		e = broker_consumer_watermarks(in->consumer, partitions, low, NULL, WATERMARK_MS);
	if (e != ERR_OK)
		return e;
	for (int32_t p = 0; p < partitions; p++) {
		if (in->places[p].next == BROKER_NO_OFFSET)
			in->places[p].next = low[p];
		offsets[p] = in->places[p].next;
	}
	broker_consumer_release(in->consumer);
	return broker_consumer_assign(in->consumer, offsets, partitions);
}

/* ---- storing ---- */

/* ERR_MOVED unless the table still holds what we started from. */
static enum err check_place(struct inbox *in, struct sql_conn *c, int32_t p)
{
	const struct place *ours = &in->places[p];
	struct place now;
	enum err e = read_place(in, c, p, &now);

	if (e == ERR_OK && (now.stored != ours->stored ||
			    (now.stored && (now.stored_next != ours->stored_next || strcmp(now.stored_log, ours->stored_log) != 0))))
		return ERR_MOVED;
	return e;
}

static enum err write_place(struct inbox *in, struct sql_conn *c, int32_t p)
{
	const struct place *ours = &in->places[p];
	const struct sql_arg args[] = { SQL_ARG_I64(p), SQL_ARG_TEXT(slice_str(ours->log)), SQL_ARG_I64(ours->next) };

	return sql_run(c, in->spec->upsert_sql, args, 3, in->arena, NULL);
}

static enum err store_body(struct sql_conn *c, void *arg)
{
	struct inbox *in = arg;
	int32_t partitions = in->spec->topic->partitions;
	enum err e = ERR_OK;

	arena_reset(in->arena); /* what an earlier attempt left */
	for (int32_t p = 0; p < partitions && e == ERR_OK; p++) {
		if (in->places[p].touched)
			e = check_place(in, c, p);
	}
	if (e == ERR_OK)
		e = inbox_lot_store(&in->lot, c, in->arena);
	if (e == ERR_OK && in->count > 0)
		e = in->spec->apply(c, in->ctx, in->arena, in->events, in->count);
	for (int32_t p = 0; p < partitions && e == ERR_OK; p++) {
		if (in->places[p].touched)
			e = write_place(in, c, p);
	}
	return e;
}

static void call_committed(struct inbox *in)
{
	if (in->spec->committed != NULL)
		in->spec->committed(in->ctx, in->arena, in->events, in->count);
	in->called_us = clock_mono_us();
}

static void after_commit(struct inbox *in)
{
	for (int32_t p = 0; p < in->spec->topic->partitions; p++) {
		struct place *at = &in->places[p];

		if (!at->touched)
			continue;
		at->stored = true;
		at->stored_next = at->next;
		memcpy(at->stored_log, at->log, sizeof(at->log));
		at->touched = false;
		gauge_set(in->position[p], at->next);
	}
	counter_add(in->applied, in->count);
	call_committed(in);
	in->count = 0;
	inbox_lot_forget(&in->lot);
}

static bool anything_touched(const struct inbox *in)
{
	for (int32_t p = 0; p < in->spec->topic->partitions; p++) {
		if (in->places[p].touched)
			return true;
	}
	return false;
}

static void warn(struct inbox *in, enum err e)
{
	if (e != in->warned || log_every(&in->warned_us, WARN_MS))
		log_warn("inbox.waits", "topic=%s reason=%s", in->spec->topic->name, err_name(e));
	in->warned = e;
}

/* Stores the batch, however long the database is away. ERR_MOVED: another instance was first; ERR_GONE: stopping. */
static enum err store_batch(struct inbox *in)
{
	unsigned attempt = 0;
	enum err e = ERR_OK;

	while (anything_touched(in)) {
		e = sql_transaction(service_sql(in->service), clock_mono_us() + STORE_MS * 1000, store_body, in);
		if (e == ERR_OK)
			after_commit(in);
		if (e == ERR_OK || e == ERR_MOVED)
			break;
		warn(in, e);
		(void)!leader_keep(in->session, &in->session_used_us); /* the lock is not lost by waiting */
		if (!halt_back_off(&in->halt, &attempt, BACKOFF_MAX_MS))
			return ERR_GONE;
	}
	broker_consumer_release(in->consumer);
	return e;
}

/* ---- collecting ---- */

/* How a round of collecting ended. */
enum collected {
	COLLECTED,      /* a full batch, or all that there was */
	COLLECTED_JUMP, /* a partition is to be read from its first record, once the batch is stored */
	COLLECTED_LOST  /* the consumer is of no use any more */
};

struct jump {
	int32_t partition;
	char log[CLOCK_UUID_LEN + 1]; /* that the first record is taken to belong to */
};

static enum err take_record(struct inbox *in, const struct broker_record *r)
{
	struct place *at = &in->places[r->partition];
	bool good;
	enum err e;

	arena_reset(in->arena);
	e = inbox_lot_sort(&in->lot, in->arena, r, &in->events[in->count], &good);
	if (e != ERR_OK)
		return e;
	counter_add(in->corrupt, !good);
	if (at->log[0] == '\0')
		set_log(at->log, broker_header_get(r, "log"));
	at->next = r->offset + 1;
	at->touched = true;
	in->count += good;
	return ERR_OK;
}

static enum collected collect_one(struct inbox *in, enum broker_event what, const struct broker_record *r, struct jump *jump)
{
	struct place *at = &in->places[r->partition];
	struct slice log;

	jump->partition = r->partition;
	memcpy(jump->log, at->log, sizeof(jump->log));
	switch (what) {
	case BROKER_RECORD:
		log = broker_header_get(r, "log");
		if (inbox_log_is_newer(at->log, log)) {
			set_log(jump->log, log);
			return COLLECTED_JUMP;
		}
		return take_record(in, r) == ERR_OK ? COLLECTED : COLLECTED_LOST;
	case BROKER_OUT_OF_RANGE:
		return COLLECTED_JUMP;
	case BROKER_GONE:
	case BROKER_FAILED:
		return COLLECTED_LOST;
	case BROKER_NOTHING:
	case BROKER_END:
		break;
	}
	return COLLECTED;
}

static enum collected collect(struct inbox *in, struct jump *jump)
{
	enum collected how = COLLECTED;
	struct broker_record r = { .partition = 0 };
	int wait_ms = WAIT_MS;

	while (how == COLLECTED && in->count < INBOX_BATCH_MAX && in->lot.count < PARKED_BATCH) {
		enum broker_event what = broker_consumer_next(in->consumer, wait_ms, &r);

		if (what == BROKER_NOTHING)
			break;
		if (what == BROKER_GONE || what == BROKER_FAILED)
			return COLLECTED_LOST; /* of no partition in particular */
		how = collect_one(in, what, &r, jump);
		wait_ms = 0; /* the rest only if it is here already */
	}
	return how;
}

/* ---- who does it ---- */

static void resign(struct inbox *in)
{
	gauge_set(in->leader, 0);
	if (in->session != NULL)
		sql_close(&in->session);
	broker_consumer_free(&in->consumer); /* it would go on reading */
}

/* Waits, a second at a time, until nobody else leads, or until stopping. */
static enum err become_leader(struct inbox *in)
{
	enum err e = leader_open(service_sql(in->service), &in->session);

	if (e != ERR_OK)
		return e;
	do {
		inbox_lot_look(&in->lot, service_sql(in->service)); /* what is parked is shown, and cleared, by whoever is asked */
		arena_reset(in->arena);
		e = leader_ask(in->session, "SELECT GET_LOCK(CONCAT('moa.inbox.', DATABASE()), 1)", in->arena);
	} while (e == ERR_NOT_LEADER && !halt_asked(&in->halt));
	if (e != ERR_OK)
		return e;
	in->session_used_us = clock_mono_us();
	in->called_us = 0; /* what the other left is looked at now */
	gauge_set(in->leader, 1);
	log_info("inbox.leader", "topic=%s", in->spec->topic->name);
	return ERR_OK;
}

/* ---- the thread ---- */

static enum err make_ready(struct inbox *in)
{
	enum err e = in->session != NULL ? leader_keep(in->session, &in->session_used_us) : become_leader(in);

	if (e != ERR_OK) {
		resign(in);
		return e;
	}
	if (in->consumer == NULL) {
		in->placed = false;
		in->consumer = broker_consumer_create(service_config(in->service)->kafka_brokers, in->spec->topic->name);
	}
	if (in->consumer == NULL)
		return ERR_UNAVAILABLE;
	if (in->placed)
		return ERR_OK;
	e = read_places(in);
	if (e == ERR_OK)
		e = go_to_places(in);
	in->placed = e == ERR_OK;
	return e;
}

/* Whatever was collected and not stored will be read again. */
static void forget_batch(struct inbox *in)
{
	in->count = 0;
	inbox_lot_forget(&in->lot);
	in->placed = false;
	for (int32_t p = 0; p < in->spec->topic->partitions; p++)
		in->places[p].touched = false;
}

static enum err jump_to_start(struct inbox *in, const struct jump *jump)
{
	struct place *at = &in->places[jump->partition];
	enum err e;

	log_warn("inbox.restart", "topic=%s partition=%d next=%" PRId64 " log=%s newer=%s", in->spec->topic->name,
		 (int)jump->partition, at->next, at->log, strcmp(at->log, jump->log) != 0 ? "yes" : "no");
	counter_add(in->restarted, 1);
	memcpy(at->log, jump->log, sizeof(at->log));
	at->next = BROKER_NO_OFFSET;
	e = go_to_places(in);
	if (e != ERR_OK)
		forget_batch(in);
	return e;
}

static enum err round_of_work(struct inbox *in)
{
	struct jump jump = { .partition = 0 };
	enum collected how;
	enum err e = make_ready(in);

	if (e != ERR_OK)
		return e;
	how = collect(in, &jump);
	e = store_batch(in);
	if (e == ERR_MOVED) {
		counter_add(in->moved, 1);
		forget_batch(in);
		in->session_used_us = 0; /* do we lead still? */
		(void)halt_pause(&in->halt, MOVED_MS);
		return ERR_OK;
	}
	if (e != ERR_OK)
		return e;
	if (how == COLLECTED_JUMP)
		return jump_to_start(in, &jump);
	return how == COLLECTED_LOST ? ERR_GONE : ERR_OK;
}

static void *inbox_run(void *arg)
{
	struct inbox *in = arg;
	unsigned attempt = 0;
	enum err e;

	while (!halt_asked(&in->halt)) {
		inbox_lot_look(&in->lot, service_sql(in->service));
		e = round_of_work(in);
		if (in->session != NULL && in->count == 0 && clock_mono_us() - in->called_us >= IDLE_US) {
			arena_reset(in->arena);
			call_committed(in);
		}
		if (e == ERR_OK) {
			attempt = 0;
			continue;
		}
		warn(in, e);
		forget_batch(in);
		if (e == ERR_GONE)
			broker_consumer_free(&in->consumer);
		(void)halt_back_off(&in->halt, &attempt, BACKOFF_MAX_MS);
	}
	resign(in);
	return NULL;
}

static void make_metrics(struct inbox *in)
{
	struct metrics *m = service_metrics(in->service);
	char label[32];

	in->applied = metrics_counter(m, "moa_inbox_events_total", "Events read from the topic and stored or left out.", NULL);
	in->corrupt = metrics_counter(m, "moa_inbox_corrupt_total", "Events that could not be understood and were parked.", NULL);
	in->moved = metrics_counter(m, "moa_inbox_moved_total", "Batches that another instance had stored already.", NULL);
	in->leader = metrics_gauge(m, "moa_inbox_leader", "1 while this instance is the one that stores.", NULL);
	in->restarted = metrics_counter(m, "moa_inbox_restarts_total", "Partitions read again from their first record.", NULL);
	for (int32_t p = 0; p < in->spec->topic->partitions; p++) {
		snprintf(label, sizeof(label), "partition=\"%d\"", (int)p);
		in->position[p] = metrics_gauge(m, "moa_inbox_position", "Offset of the next event to store.", label);
	}
}

struct inbox *inbox_start(struct service *s, const struct inbox_spec *spec, void *ctx)
{
	struct inbox *in = calloc(1, sizeof(*in));

	assert(in != NULL && spec->topic->partitions <= TOPIC_PARTITIONS_MAX);
	*in = (struct inbox){ .service = s, .spec = spec, .ctx = ctx, .arena = arena_create(ARENA_BYTES, ARENA_LIMIT_BYTES) };
	inbox_lot_init(&in->lot, spec);
	halt_init(&in->halt);
	make_metrics(in);
	if (pthread_create(&in->thread, NULL, inbox_run, in) != 0)
		abort();
	return in;
}

struct parked *inbox_parked(const struct inbox *in)
{
	return in->lot.picture;
}

void inbox_stop(struct inbox **ii)
{
	struct inbox *in = *ii;

	if (in == NULL)
		return;
	halt_ask(&in->halt);
	pthread_join(in->thread, NULL);
	halt_destroy(&in->halt);
	arena_free(&in->arena);
	inbox_lot_free(&in->lot);
	free(in);
	*ii = NULL;
}
