/* relay.c - the relay's life: election by GET_LOCK, the loop of the leader, and giving up.
 *
 * States: follower (waits for the lock in one-second calls), candidate (has the lock, begins its term: needs
 * Kafka), leader (publishes). Any failure of the session ends the term: the lock went with it.
 */
#include "shared/svc/relay.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/cond.h"
#include "shared/base/log.h"
#include "shared/svc/leader.h"
#include "shared/svc/relay_steps.h"

#define BACKOFF_MAX_MS 1000
#define CLOSE_SESSION_MS 3000

bool relay_stopping(struct relay *r)
{
	return atomic_load(&r->stop) && clock_mono_us() >= atomic_load(&r->stop_by_us);
}

void relay_wait(struct relay *r, int ms)
{
	pthread_mutex_lock(&r->lock);
	if (!r->woken && !atomic_load(&r->stop))
		(void)cond_wait_until(&r->wake, &r->lock, clock_mono_us() + (int64_t)ms * 1000);
	r->woken = false;
	pthread_mutex_unlock(&r->lock);
}

enum err relay_keep_session(struct relay *r)
{
	return leader_keep(r->session, &r->session_used_us);
}

enum err relay_want_snapshot(struct relay *r, const char *reason)
{
	char token[CLOCK_UUID_LEN + 1];
	enum err e;

	clock_uuid7(token);
	log_info("relay.snapshot_wanted", "topic=%s reason=%s", r->topic->name, reason);
	e = outbox_state_set(r->session, RELAY_STATE_WANTED, slice_str(token));
	if (e != ERR_OK)
		return e;
	pthread_mutex_lock(&r->lock);
	memcpy(r->wanted, token, sizeof(token));
	pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->lock);
	return ERR_OK;
}

/* ---- follower ---- */

/* Asks for the lock, at most a second at a time. The name bears the schema: locks are the server's. */
static enum err get_lock(struct relay *r)
{
	enum err e = ERR_NOT_LEADER;

	while (e == ERR_NOT_LEADER && !atomic_load(&r->stop)) {
		arena_reset(r->arena);
		e = leader_ask(r->session, "SELECT GET_LOCK(CONCAT('moa.relay.', DATABASE()), 1)", r->arena);
	}
	r->session_used_us = clock_mono_us();
	return e;
}

/* The lock is ours: begins the term, trying again while Kafka is away and the session lives. */
static enum err begin_term(struct relay *r)
{
	enum err e = ERR_UNAVAILABLE;

	while (!atomic_load(&r->stop)) {
		e = relay_begin_term(r);
		if (e == ERR_OK || e == ERR_NOT_LEADER || sql_is_broken(r->session))
			return e;
		relay_wait(r, clock_backoff_ms(r->attempt++, BACKOFF_MAX_MS));
		if (relay_keep_session(r) != ERR_OK)
			return ERR_NOT_LEADER;
	}
	return e;
}

/* ---- leader ---- */

static void set_leading(struct relay *r, bool leading)
{
	pthread_mutex_lock(&r->lock);
	r->leading = leading;
	r->term += leading;
	r->flowing = leading;
	r->own_end_valid = false;
	pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->lock);
	gauge_set(r->leader, leading);
}

static void set_flowing(struct relay *r, bool flowing)
{
	pthread_mutex_lock(&r->lock);
	if (r->flowing != flowing) {
		r->flowing = flowing;
		pthread_cond_broadcast(&r->wake);
	}
	pthread_mutex_unlock(&r->lock);
}

static bool delete_is_due(const struct relay *r, int64_t now_us)
{
	if (r->delete_refused) /* not at once again, however many there are */
		return now_us - r->last_delete_us >= RELAY_SCAN_US;
	return r->done_count >= OUTBOX_IDS_MAX || now_us - r->last_delete_us >= RELAY_DELETE_US;
}

static enum err lead_step(struct relay *r)
{
	int64_t now_us = clock_mono_us();
	bool more;
	enum err e = relay_read(r, &more);

	/* A held ~end needs a scan of its own: readers that load for the first time wait for it. */
	if (e == ERR_OK && !more && (now_us - r->last_scan_us >= RELAY_SCAN_US || r->end_count > 0))
		e = relay_scan(r);
	if (e == ERR_OK && delete_is_due(r, now_us)) {
		e = relay_delete(r);
		r->last_delete_us = now_us;
	}
	set_flowing(r, e == ERR_OK && !more);
	if (e == ERR_OK && !more && (r->delete_refused || r->done_count < OUTBOX_IDS_MAX))
		relay_wait(r, RELAY_POLL_MS);
	return e;
}

/* What is committed when the service stops is published and taken out of the outbox. */
static enum err finish(struct relay *r)
{
	bool more = true;
	enum err e = ERR_OK;

	while (e == ERR_OK && more && !relay_stopping(r))
		e = relay_read(r, &more);
	while (e == ERR_OK && r->done_count > 0 && !r->delete_refused && !relay_stopping(r))
		e = relay_delete(r);
	/* Not over a database that was restored a moment ago: the next leader shall see that it lacks them. */
	if (e == ERR_OK)
		e = logident_verify(r->log, r->session);
	return e == ERR_OK ? logident_save(r->log, r->session) : e;
}

/* ---- giving up ---- */

/* Keys whose records may or may not have gone out: a successor may have published newer ones meanwhile, and ours may
 * arrive behind them. Written anew, they go out once more, behind everything. */
static void rewrite_in_flight(struct relay *r, struct outbox_row *rows, size_t count)
{
	unsigned attempt = 0;
	enum err e = ERR_OK;

	while (e == ERR_OK && count > 0 && !relay_stopping(r)) {
		size_t left = 0;

		e = relay_rewrite(r, rows, count, &left);
		count = left;
		if (left > 0)
			relay_wait(r, clock_backoff_ms(attempt++, BACKOFF_MAX_MS));
	}
}

static void end_term(struct relay *r)
{
	set_leading(r, false);
	if (r->producer != NULL)
		broker_producer_free(&r->producer); /* reports what is left; nothing of ours is sent from here on */
	sql_close(&r->session);
	if (r->redis != NULL)
		resp_close(&r->redis);
	atomic_store(&r->own_refused, ERR_OK);
	if (r->flight_count > 0) {
		log_warn("relay.in_flight", "topic=%s rows=%zu", r->topic->name, r->flight_count);
		rewrite_in_flight(r, r->flight, r->flight_count);
	}
	r->flight_count = 0;
	r->unreported = 0;
	arena_reset(r->arena);
}

static void *relay_main(void *arg)
{
	struct relay *r = arg;

	while (!atomic_load(&r->stop)) {
		enum err e = leader_open(r->db, &r->session);

		if (e == ERR_OK)
			e = get_lock(r);
		if (e == ERR_OK)
			e = begin_term(r);
		if (e == ERR_OK) {
			r->attempt = 0;
			counter_add(r->elections, 1);
			log_info("relay.leader", "topic=%s floor=%llu log=%s", r->topic->name, (unsigned long long)r->floor,
				 logident_uuid(r->log));
			set_leading(r, true);
		}
		while (e == ERR_OK && !atomic_load(&r->stop))
			e = lead_step(r);
		if (e == ERR_OK)
			e = finish(r);
		if (e != ERR_OK && r->leading && !atomic_load(&r->stop))
			log_warn("relay.term_ended", "topic=%s reason=%s", r->topic->name, err_name(e));
		end_term(r);
		if (!atomic_load(&r->stop))
			relay_wait(r, clock_backoff_ms(r->attempt++, BACKOFF_MAX_MS));
	}
	return NULL;
}

/* ---- life ---- */

static void register_metrics(struct relay *r, struct metrics *m)
{
	struct arena *a = arena_create(512, 4096);
	const char *labels = arena_printf(a, "topic=\"%s\"", r->topic->name).ptr;

	r->events = metrics_counter(m, "moa_relay_events_total", "Records published from the outbox.", labels);
	r->late = metrics_counter(m, "moa_relay_late_total", "Outbox rows that only the full scan found.", labels);
	r->rewritten = metrics_counter(m, "moa_relay_rewritten_total", "Keys written anew to the outbox.", labels);
	r->elections = metrics_counter(m, "moa_relay_elections_total", "Terms this instance began as leader.", labels);
	r->resends = metrics_counter(m, "moa_relay_resends_total", "Batches sent again after a failure.", labels);
	r->rounds = metrics_counter(m, "moa_audit_rounds_total", "Snapshot rounds completed.", labels);
	r->rounds_abandoned = metrics_counter(m, "moa_audit_rounds_abandoned_total", "Snapshot rounds begun and not completed.", labels);
	r->leader = metrics_gauge(m, "moa_relay_leader", "1 while this instance is the relay.", labels);
	r->triggers_missing = metrics_gauge(m, "moa_outbox_triggers_missing", "Triggers that the owned table lacks.", labels);
	r->depth = metrics_gauge(m, "moa_outbox_depth_rows", "Rows in the outbox, as the leader saw them.", labels);
	r->age_us = metrics_gauge(m, "moa_outbox_oldest_age_microseconds", "Age of the oldest outbox row.", labels);
	r->round_end_s = metrics_gauge(m, "moa_audit_last_round_timestamp_seconds", "When the last snapshot round ended.", labels);
	r->round_rows = metrics_gauge(m, "moa_audit_last_round_rows", "Rows of the last snapshot round.", labels);
	r->round_ms = metrics_gauge(m, "moa_audit_last_round_milliseconds", "How long the last snapshot round took.", labels);
	arena_free(&a);
}

struct relay *relay_create(const struct relay_options *o)
{
	struct relay *r = calloc(1, sizeof(*r));

	if (r == NULL)
		abort();
	r->db = o->sql;
	r->redis_db = o->redis;
	r->brokers = o->brokers;
	r->instance = o->instance;
	r->table = o->table;
	r->topic = o->table->topic;
	r->own = o->own;
	r->audit_rows_per_s = o->audit_rows_per_s;
	r->audit_period_s = o->audit_period_s;
	r->snapshot_rows_per_s = o->snapshot_rows_per_s;
	r->log = logident_create(r->topic);
	r->arena = arena_create(1 << 16, SIZE_MAX);
	r->known = idset_create();
	r->published = idset_create();
	r->published_before = idset_create();
	r->unsafe = idset_create();
	pthread_mutex_init(&r->lock, NULL);
	cond_create(&r->wake);
	register_metrics(r, o->metrics);
	return r;
}

void relay_start(struct relay *r)
{
	if (pthread_create(&r->main, NULL, relay_main, r) != 0 || pthread_create(&r->snapshotter, NULL, relay_snapshotter, r) != 0)
		abort();
	r->started = true;
}

void relay_stop(struct relay *r, int drain_ms)
{
	atomic_store(&r->stop_by_us, clock_mono_us() + (int64_t)drain_ms * 1000);
	pthread_mutex_lock(&r->lock);
	atomic_store(&r->stop, true);
	pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->lock);
	if (r->started) {
		pthread_join(r->main, NULL);
		pthread_join(r->snapshotter, NULL);
	}
	r->started = false;
}

void relay_free(struct relay **rp)
{
	struct relay *r = *rp;

	logident_free(&r->log);
	arena_free(&r->arena);
	idset_free(&r->known);
	idset_free(&r->published);
	idset_free(&r->published_before);
	idset_free(&r->unsafe);
	free(r->done);
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->lock);
	free(r);
	*rp = NULL;
}

bool relay_is_leader(const struct relay *r)
{
	return gauge_get(r->leader) != 0;
}

void relay_wake(struct relay *r)
{
	pthread_mutex_lock(&r->lock);
	r->woken = true;
	pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->lock);
}

void relay_snapshot(struct relay *r)
{
	pthread_mutex_lock(&r->lock);
	r->asked = true;
	pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->lock);
}
