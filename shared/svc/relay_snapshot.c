/* relay_snapshot.c - snapshot rounds: on demand at full speed, and slowly all the time, as the continuous audit.
 *
 * A round is ~begin, every row in chunks, ~end. An abandoned round writes no ~end, so it claims nothing. Afterwards
 * the own copy is swept, as every reader sweeps its view. Only the leader runs rounds; a wish for one is kept in
 * relay_state until its ~end is published, whoever leads then. So is the time of the last complete round: the next
 * audit is due a period after it, however often instances start or take over meanwhile.
 */
#include <string.h>

#include "shared/base/cond.h"
#include "shared/base/log.h"
#include "shared/svc/relay_steps.h"

#define CHUNK_ROWS 100
#define CHUNK_DEADLINE_US 3000000
#define LOOK_EVERY_US 2000000
#define FLOW_WAIT_MS 100
#define RETRY_MS 1000 /* a chunk that waits for one lock holds others: leave the writers time in between */
#define END_WAIT_US 10000000
#define SWEEP_REPLY_MS 2000
#define AUDIT_RETRY_US 5000000 /* after an abandoned audit; less when the period is shorter */

struct round {
	uint64_t term;
	char token[CLOCK_UUID_LEN + 1]; /* of the wish that it fulfils; "" for the audit */
	uint32_t rows_per_s;
	uint64_t begin;
	uint64_t rows;
	int64_t start_us;
	int64_t start_wall_us;
};

static void wait_ms(struct relay *r, int ms)
{
	if (!atomic_load(&r->stop))
		(void)cond_wait_until(&r->wake, &r->lock, clock_mono_us() + (int64_t)ms * 1000);
}

/* Whether the round still makes sense: this term, and no newer wish; the slow audit also makes way for a wish not stored yet. */
static bool goes_on(struct relay *r, const struct round *k)
{
	bool on;

	pthread_mutex_lock(&r->lock);
	on = !atomic_load(&r->stop) && r->leading && r->term == k->term && strcmp(r->wanted, k->token) == 0;
	on = on && !(r->asked && k->token[0] == '\0');
	pthread_mutex_unlock(&r->lock);
	return on;
}

static void tell_running(struct relay *r, const struct round *k, bool running)
{
	pthread_mutex_lock(&r->lock);
	r->report.running = running;
	r->report.wanted = k->token[0] != '\0';
	r->report.start_us = k->start_wall_us;
	r->report.rows = k->rows;
	pthread_mutex_unlock(&r->lock);
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
		tell_running(r, k, true);
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

/* ---- what is known of rounds ---- */

/* Takes the last complete round as it was stored. One that is told in another way, by another version, is none. */
static void take_last(struct relay *r, struct slice text)
{
	struct slice kind = slice_cut(&text, ' '), start = slice_cut(&text, ' '), end = slice_cut(&text, ' ');
	int64_t start_us, end_us;
	uint64_t rows;

	if (!slice_to_i64(start, &start_us) || !slice_to_i64(end, &end_us) || !slice_to_u64(text, UINT64_MAX, &rows))
		return;
	pthread_mutex_lock(&r->lock);
	r->report.last_wanted = slice_eq(kind, SLICE_LIT("snapshot"));
	r->report.last_start_us = start_us;
	r->report.last_end_us = end_us;
	r->report.last_rows = rows;
	pthread_mutex_unlock(&r->lock);
	gauge_set(r->round_rows, (int64_t)rows);
	gauge_set(r->round_end_s, end_us / 1000000);
	gauge_set(r->round_ms, (end_us - start_us) / 1000);
}

static enum err read_last(struct relay *r, struct sql_conn *c, struct arena *a)
{
	struct slice text;
	enum err e = outbox_state_get(c, a, RELAY_STATE_AUDIT, &text);

	if (e == ERR_OK && text.ptr != NULL)
		take_last(r, text);
	return e;
}

void relay_rounds_get(struct relay *r, struct relay_rounds *out)
{
	pthread_mutex_lock(&r->lock);
	*out = r->report;
	pthread_mutex_unlock(&r->lock);
}

/* Stores the round as the last one. The wish is fulfilled, unless a newer one took its place. */
static enum err store_round(struct relay *r, const struct round *k, struct slice text)
{
	struct sql_conn *c = NULL;
	enum err e = sql_acquire(r->db, clock_mono_us() + CHUNK_DEADLINE_US, &c);

	if (e != ERR_OK)
		return e;
	e = outbox_state_set(c, RELAY_STATE_AUDIT, text);
	if (e == ERR_OK && k->token[0] != '\0')
		e = outbox_state_clear(c, RELAY_STATE_WANTED, slice_str(k->token));
	sql_release(&c);
	pthread_mutex_lock(&r->lock);
	if (e == ERR_OK && strcmp(r->wanted, k->token) == 0)
		r->wanted[0] = '\0';
	pthread_mutex_unlock(&r->lock);
	return e;
}

static const char *kind_of(const struct round *k)
{
	return k->token[0] != '\0' ? "snapshot" : "audit";
}

static void complete(struct relay *r, const struct round *k)
{
	int64_t took_us = clock_mono_us() - k->start_us;
	struct arena *a = arena_create(256, 4096);
	struct slice text = arena_printf(a, "%s %lld %lld %llu", kind_of(k), (long long)k->start_wall_us,
					 (long long)(k->start_wall_us + took_us), (unsigned long long)k->rows);

	if (store_round(r, k, text) != ERR_OK)
		log_warn("relay.round_unstored", "topic=%s", r->topic->name);
	take_last(r, text);
	counter_add(r->rounds, 1);
	log_info("relay.round", "topic=%s kind=%s rows=%llu ms=%lld", r->topic->name, kind_of(k), (unsigned long long)k->rows,
		 (long long)took_us / 1000);
	arena_free(&a);
}

static void abandon(struct relay *r, const struct round *k, enum err why)
{
	pthread_mutex_lock(&r->lock);
	r->report.abandoned++;
	r->report.abandoned_why = why;
	pthread_mutex_unlock(&r->lock);
	counter_add(r->rounds_abandoned, 1);
	log_info("relay.round_abandoned", "topic=%s kind=%s rows=%llu reason=%s", r->topic->name, kind_of(k), (unsigned long long)k->rows,
		 err_name(why));
	if (goes_on(r, k))
		pause_round(r); /* it is still wanted */
}

static enum err run_round(struct relay *r, struct round *k)
{
	struct view_position at[TOPIC_PARTITIONS_MAX];
	bool own = false;
	enum err e;

	k->start_us = clock_mono_us();
	k->start_wall_us = clock_wall_us();
	tell_running(r, k, true);
	e = copy_table(r, k);
	if (e == ERR_OK)
		e = await_end(r, k, &own, at);
	if (e == ERR_OK && own)
		settle_own(r, k, at);
	tell_running(r, k, false);
	if (e == ERR_OK)
		complete(r, k);
	else
		abandon(r, k, e);
	return e;
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

/* What the database tells every instance: the outbox's depth, and the last round, which another may have run. */
static void look_around(struct relay *r)
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
		if (read_last(r, c, a) != ERR_OK)
			log_debug("relay.last_round", "topic=%s detail=\"not read\"", r->topic->name);
		sql_release(&c);
	}
	arena_free(&a);
}

/* When the next audit is due (monotonic). A new leader asks the database, which knows of its predecessors' rounds. */
struct audit_timer {
	uint64_t term; /* that <next_us> was worked out for */
	int64_t next_us;
};

static void set_timer(struct relay *r, struct audit_timer *t, uint64_t term)
{
	int64_t period_us = (int64_t)r->audit_period_s * 1000000, since_us;
	struct relay_rounds known;
	struct arena *a = arena_create(1024, 65536);
	struct sql_conn *c = NULL;
	enum err e = sql_acquire(r->db, clock_mono_us() + CHUNK_DEADLINE_US, &c);

	if (e == ERR_OK) {
		e = read_last(r, c, a);
		sql_release(&c);
	}
	arena_free(&a);
	if (e != ERR_OK) {
		pause_round(r);
		return;
	}
	relay_rounds_get(r, &known);
	since_us = clock_wall_us() - known.last_start_us;
	t->term = term;
	t->next_us = clock_mono_us();
	if (since_us >= 0 && since_us < period_us) /* below 0: a clock was set back */
		t->next_us += period_us - since_us;
}

/* What to do next; waits a little when there is nothing. */
static enum { NOTHING, ASKED, ROUND, NEW_TERM } next_work(struct relay *r, struct round *k, const struct audit_timer *t)
{
	bool asked, leading, due;

	pthread_mutex_lock(&r->lock);
	if (!r->asked && !(r->leading && (r->wanted[0] != '\0' || r->term != t->term || clock_mono_us() >= t->next_us)))
		wait_ms(r, 500);
	*k = (struct round){ .term = r->term };
	memcpy(k->token, r->wanted, sizeof(k->token));
	k->rows_per_s = k->token[0] != '\0' ? r->snapshot_rows_per_s : r->audit_rows_per_s;
	asked = r->asked;
	leading = r->leading;
	pthread_mutex_unlock(&r->lock);
	if (asked)
		return ASKED;
	if (!leading)
		return NOTHING;
	if (k->term != t->term && k->token[0] == '\0')
		return NEW_TERM;
	due = k->token[0] != '\0' || clock_mono_us() >= t->next_us;
	return due ? ROUND : NOTHING;
}

void *relay_snapshotter(void *arg)
{
	struct relay *r = arg;
	int64_t period_us = (int64_t)r->audit_period_s * 1000000, looked_us = 0;
	struct audit_timer timer = { 0 };

	while (!atomic_load(&r->stop)) {
		struct round k;

		switch (next_work(r, &k, &timer)) {
		case ASKED:
			store_wish(r);
			break;
		case ROUND:
			timer = (struct audit_timer){ .term = k.term, .next_us = clock_mono_us() + period_us }; /* any round is an audit */
			if (run_round(r, &k) != ERR_OK)
				timer.next_us = clock_mono_us() + (period_us < AUDIT_RETRY_US ? period_us : AUDIT_RETRY_US);
			break;
		case NEW_TERM:
			set_timer(r, &timer, k.term);
			break;
		case NOTHING:
			break;
		}
		if (clock_mono_us() - looked_us >= LOOK_EVERY_US) {
			looked_us = clock_mono_us();
			look_around(r);
		}
	}
	return NULL;
}
