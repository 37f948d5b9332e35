/* relay_snapshot.c - snapshot rounds: on demand at full speed, and slowly all the time, as the continuous audit.
 *
 * A round is ~begin, every row in chunks, ~end. An abandoned round writes no ~end, so it claims nothing. Afterwards
 * the own copy is swept, as every reader sweeps its view. Only the leader runs rounds; a wish for one is kept in
 * relay_state until its ~end is published, whoever leads then.
 */
#include <string.h>

#include "shared/base/cond.h"
#include "shared/base/log.h"
#include "shared/svc/relay_steps.h"

#define CHUNK_ROWS 100
#define CHUNK_DEADLINE_US 3000000
#define DEPTH_EVERY_US 2000000
#define FLOW_WAIT_MS 100
#define RETRY_MS 1000 /* a chunk that waits for one lock holds others: leave the writers time in between */
#define END_WAIT_US 10000000
#define SWEEP_REPLY_MS 2000

struct round {
	uint64_t term;
	char token[CLOCK_UUID_LEN + 1]; /* of the wish that it fulfils; "" for the audit */
	uint32_t rows_per_s;
	uint64_t begin;
	uint64_t rows;
	int64_t start_us;
};

static void wait_ms(struct relay *r, int ms)
{
	if (!atomic_load(&r->stop))
		(void)cond_wait_until(&r->wake, &r->lock, clock_mono_us() + (int64_t)ms * 1000);
}

/* Whether the round still makes sense: this term, and no newer wish. */
static bool goes_on(struct relay *r, const struct round *k)
{
	bool on;

	pthread_mutex_lock(&r->lock);
	on = !atomic_load(&r->stop) && r->leading && r->term == k->term && strcmp(r->wanted, k->token) == 0;
	pthread_mutex_unlock(&r->lock);
	return on;
}

/* Waits while the relay does not get rid of what is there: rounds must not fill the outbox while Kafka is away. */
static bool await_flow(struct relay *r, const struct round *k)
{
	bool flowing = false;

	while (!flowing && goes_on(r, k)) {
		pthread_mutex_lock(&r->lock);
		if (!r->flowing)
			wait_ms(r, FLOW_WAIT_MS);
		flowing = r->flowing;
		pthread_mutex_unlock(&r->lock);
	}
	return flowing && goes_on(r, k);
}

/* Sleeps until the round's rows fit its rate. */
static void pace(struct relay *r, const struct round *k)
{
	int64_t due_us = k->start_us + (int64_t)(k->rows * 1000000 / k->rows_per_s);

	while (clock_mono_us() < due_us && goes_on(r, k)) {
		int64_t left_ms = (due_us - clock_mono_us()) / 1000 + 1;

		pthread_mutex_lock(&r->lock);
		wait_ms(r, left_ms < 200 ? (int)left_ms : 200);
		pthread_mutex_unlock(&r->lock);
	}
}

static void pause_round(struct relay *r)
{
	pthread_mutex_lock(&r->lock);
	wait_ms(r, RETRY_MS);
	pthread_mutex_unlock(&r->lock);
}

static enum err copy_table(struct relay *r, struct round *k)
{
	uint64_t order = 0;
	size_t count = CHUNK_ROWS;
	enum err e = outbox_snapshot_begin(r->db, r->table, clock_mono_us() + CHUNK_DEADLINE_US, &k->begin);

	while (e == ERR_OK && count > 0) {
		if (!await_flow(r, k))
			return ERR_NOT_LEADER;
		e = outbox_snapshot_chunk(r->db, r->table, clock_mono_us() + CHUNK_DEADLINE_US, CHUNK_ROWS, &order, &count);
		if (e != ERR_OK) { /* most of all a row that somebody holds locked: the rows so far need not be copied again */
			log_debug("relay.chunk", "topic=%s reason=%s", r->topic->name, err_name(e));
			pause_round(r);
			e = ERR_OK;
			count = CHUNK_ROWS;
			continue;
		}
		k->rows += count;
		relay_wake(r);
		pace(r, k);
	}
	if (e == ERR_OK && !goes_on(r, k))
		e = ERR_NOT_LEADER;
	if (e == ERR_OK)
		e = outbox_snapshot_end(r->db, r->table, clock_mono_us() + CHUNK_DEADLINE_US, k->begin);
	relay_wake(r);
	return e;
}

/* Waits until the round's ~end has gone out; *own: the own copy has it too, at *at. */
static enum err await_end(struct relay *r, const struct round *k, bool *own, struct view_position *at)
{
	int64_t until_us = clock_mono_us() + END_WAIT_US;
	bool out = false;

	while (!out && goes_on(r, k) && clock_mono_us() < until_us) {
		pthread_mutex_lock(&r->lock);
		if (r->end_published != k->begin)
			wait_ms(r, 100);
		out = r->end_published == k->begin;
		*own = r->own_end_valid;
		memcpy(at, r->own_end, sizeof(r->own_end));
		pthread_mutex_unlock(&r->lock);
	}
	return out ? ERR_OK : ERR_TIMEOUT;
}

static enum err sweep_own(struct relay *r, const struct view_position *at)
{
	struct resp_conn *c = NULL;
	struct view_state state;
	enum err e = resp_open(r->redis_db, &c);

	view_state_get(r->own, &state);
	for (int32_t p = 0; e == ERR_OK && p < r->topic->partitions; p++) {
		uint64_t removed;

		resp_set_timeout_ms(c, SWEEP_REPLY_MS);
		e = view_sweep(r->own, c, p, &at[p], state.fresh, &removed);
	}
	if (e != ERR_OK)
		log_warn("relay.own_sweep", "topic=%s reason=%s", r->topic->name, err_name(e));
	if (c != NULL)
		resp_close(&c);
	return e;
}

/* Tries until the own copy is swept, because it is of no use before. Not once it is broken: its repair wants another round. */
static void settle_own(struct relay *r, const struct round *k, const struct view_position *at)
{
	bool on = true;

	while (on && sweep_own(r, at) != ERR_OK) {
		pause_round(r);
		pthread_mutex_lock(&r->lock);
		on = r->own_end_valid;
		pthread_mutex_unlock(&r->lock);
		on = on && goes_on(r, k);
	}
}

/* The wish is fulfilled, unless a newer one took its place. */
static void clear_wish(struct relay *r, const struct round *k)
{
	struct sql_conn *c = NULL;
	enum err e;

	if (k->token[0] == '\0')
		return;
	e = sql_acquire(r->db, clock_mono_us() + CHUNK_DEADLINE_US, &c);
	if (e == ERR_OK) {
		e = outbox_state_clear(c, RELAY_STATE_WANTED, slice_str(k->token));
		sql_release(&c);
	}
	pthread_mutex_lock(&r->lock);
	if (e == ERR_OK && strcmp(r->wanted, k->token) == 0)
		r->wanted[0] = '\0';
	pthread_mutex_unlock(&r->lock);
}

static void run_round(struct relay *r, struct round *k)
{
	struct view_position at[TOPIC_PARTITIONS_MAX];
	bool own = false;
	enum err e;

	k->start_us = clock_mono_us();
	e = copy_table(r, k);
	if (e == ERR_OK)
		e = await_end(r, k, &own, at);
	if (e == ERR_OK && own)
		settle_own(r, k, at);
	if (e != ERR_OK) {
		log_info("relay.round_abandoned", "topic=%s rows=%llu reason=%s", r->topic->name, (unsigned long long)k->rows,
			 err_name(e));
		if (goes_on(r, k))
			pause_round(r); /* the wish is still there */
		return;
	}
	clear_wish(r, k);
	counter_add(r->rounds, 1);
	gauge_set(r->round_rows, (int64_t)k->rows);
	gauge_set(r->round_end_s, clock_wall_us() / 1000000);
	log_info("relay.round", "topic=%s kind=%s rows=%llu ms=%lld", r->topic->name, k->token[0] != '\0' ? "snapshot" : "audit",
		 (unsigned long long)k->rows, (long long)(clock_mono_us() - k->start_us) / 1000);
}

/* A wish made here is stored: the leader, here or elsewhere, sees it within a second. */
static void store_wish(struct relay *r)
{
	char token[CLOCK_UUID_LEN + 1];
	struct sql_conn *c = NULL;
	enum err e = sql_acquire(r->db, clock_mono_us() + CHUNK_DEADLINE_US, &c);

	clock_uuid7(token);
	if (e == ERR_OK) {
		e = outbox_state_set(c, RELAY_STATE_WANTED, slice_str(token));
		sql_release(&c);
	}
	pthread_mutex_lock(&r->lock);
	if (e == ERR_OK) {
		r->asked = false;
		if (r->leading)
			memcpy(r->wanted, token, sizeof(token));
	} else {
		wait_ms(r, 200);
	}
	pthread_mutex_unlock(&r->lock);
}

static void measure_depth(struct relay *r)
{
	struct arena *a = arena_create(1024, 65536);
	struct sql_conn *c = NULL;
	uint64_t rows;
	int64_t age_us;

	if (sql_acquire(r->db, clock_mono_us() + CHUNK_DEADLINE_US, &c) == ERR_OK) {
		if (outbox_depth(c, a, &rows, &age_us) == ERR_OK) {
			gauge_set(r->depth, (int64_t)rows);
			gauge_set(r->age_us, age_us);
		}
		sql_release(&c);
	}
	arena_free(&a);
}

/* What to do next; waits a little when there is nothing. */
static enum { NOTHING, ASKED, ROUND } next_work(struct relay *r, struct round *k, int64_t next_audit_us)
{
	bool round;

	pthread_mutex_lock(&r->lock);
	if (!r->asked && !(r->leading && (r->wanted[0] != '\0' || clock_mono_us() >= next_audit_us)))
		wait_ms(r, 500);
	*k = (struct round){ .term = r->term };
	memcpy(k->token, r->wanted, sizeof(k->token));
	k->rows_per_s = k->token[0] != '\0' ? r->snapshot_rows_per_s : r->audit_rows_per_s;
	round = r->leading && (k->token[0] != '\0' || clock_mono_us() >= next_audit_us);
	bool asked = r->asked;
	pthread_mutex_unlock(&r->lock);
	return asked ? ASKED : round ? ROUND : NOTHING;
}

void *relay_snapshotter(void *arg)
{
	struct relay *r = arg;
	int64_t period_us = (int64_t)r->audit_period_s * 1000000;
	int64_t next_audit_us = clock_mono_us() + period_us, depth_us = 0;

	while (!atomic_load(&r->stop)) {
		struct round k;

		switch (next_work(r, &k, next_audit_us)) {
		case ASKED:
			store_wish(r);
			break;
		case ROUND:
			next_audit_us = clock_mono_us() + period_us; /* any round is an audit */
			run_round(r, &k);
			break;
		case NOTHING:
			break;
		}
		if (clock_mono_us() - depth_us >= DEPTH_EVERY_US) {
			depth_us = clock_mono_us();
			measure_depth(r);
		}
	}
	return NULL;
}
