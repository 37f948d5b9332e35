/* relay_test.c - order, completeness, snapshots and marks of the relay on real servers. Faults: relay_fault_test.c.
 *
 * For the thread sanitizer, see tests/unit/support/c11_threads.c. link: -Wl,-u,thrd_create
 */
#include "tests/unit/svc/relay_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#include "shared/svc/outbox.h"
#include "shared/svc/view_store.h"

#define WRITERS 8
#define WRITES 60
#define KEYS 40

static void test_changes_go_out_in_order(void **state)
{
	struct fixture *f = *state;
	struct domain *d = &f->d;

	domain_sql(d, "INSERT INTO thing VALUES (1, 1, 'found')");
	start_and_settle(f);
	domain_sql(d, "INSERT INTO thing VALUES (2, 1, 'a'), (3, 2, 'b'), (4, 3, 'c')");
	domain_sql(d, "UPDATE thing SET name = 'a2' WHERE id = 2");
	domain_sql(d, "DELETE FROM thing WHERE id = 3");
	domain_sql(d, "INSERT INTO thing VALUES (3, 2, 'b2')");
	assert_settles(f);
	assert_true(held_is(f, 1, 2, "a2"));
	domain_sql(d, "DELETE FROM thing WHERE id = 3");
	assert_settles(f);
	assert_null(last_of(f, "2:3").value.ptr);
	assert_int_equal(domain_counter(d, "moa_relay_late_total"), 0);
	assert_int_equal(domain_counter(d, "moa_outbox_triggers_missing"), 0);
}

/* The first start of all: what is there is written anew, a snapshot follows, the own copy is loaded by it. */
static void test_first_start(void **state)
{
	struct fixture *f = *state;
	struct view_state st;
	uint64_t before_us = (uint64_t)clock_wall_us();
	struct domain_record last;

	domain_sql(&f->d, "INSERT INTO thing VALUES (1, 1, 'a')");
	domain_sql(&f->d, "INSERT INTO outbox (aggregatetype, aggregateid, type, created) VALUES ('thing', '5:5', 'changed', NOW(6))");
	start_and_settle(f);
	assert_settles(f);
	last = last_of(f, "1:1");
	assert_true(last.version > before_us);
	assert_true(slice_eq(last.type, SLICE_LIT("snapshot")));
	last = last_of(f, "5:5");
	assert_null(last.value.ptr);
	assert_true(slice_eq(last.type, SLICE_LIT("deleted")));
	assert_true(domain_topic_count(&f->d, EVENT_KIND_END) >= DOMAIN_PARTITIONS);
	UNTIL(SOON_MS, (view_state_get(f->own, &st), st.fresh));
	assert_int_equal(domain_divergences(f->own), 0);
	assert_int_equal(domain_counter(&f->d, "moa_audit_rounds_total"), 1); /* one round did for the topic and for the own copy */
	assert_int_equal(domain_counter(&f->d, "moa_audit_rounds_abandoned_total"), 0);
}

static void test_gap_is_found_at_once(void **state)
{
	struct fixture *f = *state;
	int64_t start_us;

	start_and_settle(f);
	domain_sql_on(&f->d, f->other, "BEGIN");
	domain_sql_on(&f->d, f->other, "INSERT INTO thing VALUES (1, 1, 'gap')");
	domain_sql(&f->d, "INSERT INTO thing VALUES (2, 1, 'front')");
	UNTIL(SOON_MS, held_is(f, 1, 2, "front"));
	domain_sql_on(&f->d, f->other, "COMMIT");
	start_us = clock_mono_us();
	UNTIL(SOON_MS, held_is(f, 1, 1, "gap"));
	assert_true(clock_mono_us() - start_us < 500000);
	assert_settles(f);
	assert_int_equal(domain_counter(&f->d, "moa_relay_late_total"), 0);
}

/* A connection that opens moves the counter up to the time: the ids below the jump are not forgotten. */
static void test_gap_below_a_jump(void **state)
{
	struct fixture *f = *state;

	start_and_settle(f);
	domain_sql_on(&f->d, f->other, "BEGIN");
	domain_sql_on(&f->d, f->other, "INSERT INTO thing VALUES (1, 1, 'gap')");
	assert_int_equal(outbox_floor(f->d.c, (uint64_t)clock_wall_us()), ERR_OK);
	domain_sql(&f->d, "INSERT INTO thing VALUES (2, 1, 'front')");
	UNTIL(SOON_MS, held_is(f, 1, 2, "front"));
	domain_sql_on(&f->d, f->other, "COMMIT");
	assert_settles(f);
}

static void on_report(void *ctx, void *tag, enum err e, int32_t partition, int64_t offset)
{
	(void)ctx, (void)tag, (void)partition, (void)offset;
	assert_int_equal(e, ERR_OK);
}

/* The newest mark lies far back, and behind it the highest version: both are found, and new versions are above it. */
static void test_a_long_tail_is_read_back_to_its_mark(void **state)
{
	struct fixture *f = *state;
	struct domain *d = &f->d;
	const uint64_t high = (uint64_t)clock_wall_us() + UINT64_C(3600000000); /* an hour ahead of the time */
	struct broker_producer *p;

	assert_int_equal(topic_ensure(d->brokers, &d->topic, 5000), ERR_OK);
	domain_marks(d, "01890000-0000-7000-8000-00000000000a");
	domain_produce(d, 1, "1:1", NULL, "deleted", high);
	p = broker_producer_create(d->brokers, on_report, NULL);
	for (uint64_t i = 0; i < 2500; i++) {
		const struct event ev = { .key = SLICE("1:2"), .version = i + 1, .domain = "thing", .type = SLICE("deleted") };
		struct broker_record r;

		assert_int_equal(event_encode(&ev, 1, d->arena, &r), ERR_OK);
		assert_int_equal(broker_produce(p, d->name, &r, NULL), ERR_OK);
	}
	while (broker_producer_pending(p) > 0)
		broker_producer_poll(p, 100);
	broker_producer_free(&p);
	start_and_settle(f);
	domain_sql(d, "INSERT INTO thing VALUES (1, 1, 'a')");
	assert_settles(f);
	assert_true(last_of(f, "1:1").version > high);
}

static void test_late_row_goes_out_as_it_is(void **state)
{
	struct fixture *f = *state;

	start_and_settle(f);
	domain_sql_on(&f->d, f->other, "BEGIN");
	domain_sql_on(&f->d, f->other, "INSERT INTO thing VALUES (1, 1, 'late')");
	domain_sql(&f->d, "INSERT INTO thing VALUES (2, 1, 'front')");
	UNTIL(SOON_MS, held_is(f, 1, 2, "front"));
	let_gap_expire(f);
	domain_sql_on(&f->d, f->other, "COMMIT");
	assert_settles(f);
	assert_int_equal(domain_counter(&f->d, "moa_relay_late_total"), 1);
	assert_int_equal(domain_counter(&f->d, "moa_relay_rewritten_total"), 0);
	assert_true(slice_eq(last_of(f, "1:1").type, SLICE_LIT("changed")));
}

/* The guard of last resort: an older version that turns up after a newer one was published. */
static void test_late_row_behind_a_newer_one_is_rewritten(void **state)
{
	struct fixture *f = *state;

	start_and_settle(f);
	domain_sql_on(&f->d, f->other, "BEGIN");
	domain_sql_on(&f->d, f->other, "INSERT INTO outbox (aggregatetype, aggregateid, type, payload, created) VALUES"
				       " ('thing', '1:1', 'changed', JSON_OBJECT('name', 'stale'), UTC_TIMESTAMP(6))");
	domain_sql(&f->d, "INSERT INTO thing VALUES (1, 1, 'newer')");
	UNTIL(SOON_MS, held_is(f, 1, 1, "newer"));
	let_gap_expire(f);
	domain_sql(&f->d, "UPDATE thing SET name = 'newest' WHERE id = 1");
	UNTIL(SOON_MS, held_is(f, 1, 1, "newest"));
	domain_sql_on(&f->d, f->other, "COMMIT");
	UNTIL(SOON_MS, domain_counter(&f->d, "moa_relay_rewritten_total") == 1);
	assert_settles(f);
	assert_true(slice_eq(last_of(f, "1:1").type, SLICE_LIT("rewritten")));
}

static void test_end_is_not_in_front_of_a_late_row(void **state)
{
	struct fixture *f = *state;
	int64_t deadline_us;
	uint64_t begin, ends;

	start_and_settle(f);
	ends = domain_topic_count(&f->d, EVENT_KIND_END);
	domain_sql_on(&f->d, f->other, "BEGIN");
	domain_sql_on(&f->d, f->other, "INSERT INTO thing VALUES (1, 1, 'late')");
	domain_sql(&f->d, "INSERT INTO thing VALUES (2, 1, 'front')");
	UNTIL(SOON_MS, held_is(f, 1, 2, "front"));
	let_gap_expire(f);
	domain_sql_on(&f->d, f->other, "COMMIT");
	deadline_us = clock_mono_us() + 5000000;
	assert_int_equal(outbox_snapshot_begin(f->d.sql, &f->d.table, deadline_us, &begin), ERR_OK);
	assert_int_equal(outbox_snapshot_end(f->d.sql, &f->d.table, deadline_us, begin), ERR_OK);
	relay_wake(f->relay);
	UNTIL(SOON_MS, domain_topic_count(&f->d, EVENT_KIND_END) == ends + DOMAIN_PARTITIONS);
	{
		struct domain_record late = last_of(f, "1:1");
		size_t count;
		struct domain_record *r = domain_topic(&f->d, &count);

		assert_non_null(late.key.ptr);
		for (size_t i = 0; i < count; i++) {
			if (r[i].kind == EVENT_KIND_END && r[i].partition == late.partition && r[i].version > begin)
				assert_true(late.offset < r[i].offset);
		}
	}
	assert_int_equal(domain_counter(&f->d, "moa_relay_late_total"), 1);
}

/* Rows of such a round were written anew since, and may stand behind its end. */
static void test_end_of_an_older_term_is_dropped(void **state)
{
	struct fixture *f = *state;
	int64_t deadline_us = clock_mono_us() + 5000000;
	uint64_t begin;
	size_t ends;

	assert_int_equal(outbox_snapshot_begin(f->d.sql, &f->d.table, deadline_us, &begin), ERR_OK);
	start_and_settle(f);
	ends = domain_topic_count(&f->d, EVENT_KIND_END);
	deadline_us = clock_mono_us() + 5000000;
	assert_int_equal(outbox_snapshot_end(f->d.sql, &f->d.table, deadline_us, begin), ERR_OK);
	UNTIL(SOON_MS, domain_number(&f->d, "SELECT COUNT(*) FROM outbox") == 0);
	assert_int_equal(domain_topic_count(&f->d, EVENT_KIND_END), ends);
}

/* ---- nothing is lost ---- */

struct writer {
	struct fixture *f;
	pthread_t thread;
	unsigned seed;
	bool failed;
};

/* One change of thing <id>, whose owner is always the same. */
static bool change(struct sql_conn *c, struct arena *a, int id, unsigned n)
{
	struct slice text;

	if (n % 4 == 0)
		text = arena_printf(a, "DELETE FROM thing WHERE id = %d", id);
	else
		text = arena_printf(a, "INSERT INTO thing VALUES (%d, %d, 'n%u') ON DUPLICATE KEY UPDATE name = VALUES(name)", id,
				    id % 7 + 1, n);
	return sql_run_text(c, text, a, NULL) == ERR_OK;
}

static void *write_things(void *arg)
{
	struct writer *w = arg;
	struct arena *a = arena_create(4096, 0);
	struct sql_conn *c = NULL;

	w->failed = sql_open(w->f->d.sql, &c) != ERR_OK;
	for (int i = 0; !w->failed && i < WRITES; i++) {
		bool ok = sql_begin(c) == ERR_OK;
		long pause_ms = rand_r(&w->seed) % 40 == 0 ? 1300 : rand_r(&w->seed) % 20;

		sql_set_statement_ms(c, SQL_STATEMENT_MS_MAX);
		for (int k = 0; ok && k < 3; k++)
			ok = change(c, a, (int)(rand_r(&w->seed) % KEYS) + 1, rand_r(&w->seed));
		nanosleep(&(struct timespec){ .tv_sec = pause_ms / 1000, .tv_nsec = pause_ms % 1000 * 1000000 }, NULL);
		if (!ok || rand_r(&w->seed) % 5 == 0)
			sql_rollback(c); /* on purpose, or after a deadlock */
		else
			w->failed = sql_commit(c) != ERR_OK;
		arena_reset(a);
	}
	if (c != NULL)
		sql_close(&c);
	arena_free(&a);
	return NULL;
}

static void test_nothing_is_lost_under_writers(void **state)
{
	struct fixture *f = *state;
	struct writer w[WRITERS];

	start_and_settle(f);
	for (unsigned i = 0; i < WRITERS; i++) {
		w[i] = (struct writer){ .f = f, .seed = i + 1 };
		assert_int_equal(pthread_create(&w[i].thread, NULL, write_things, &w[i]), 0);
	}
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(w[i].thread, NULL);
	for (unsigned i = 0; i < WRITERS; i++)
		assert_false(w[i].failed);
	assert_settles(f);
	assert_true(domain_counter(&f->d, "moa_relay_late_total") > 0);
}

/* The same with two relays whose sessions are killed all the time. */
static void test_nothing_is_lost_while_leaders_change(void **state)
{
	struct fixture *f = *state;
	struct writer w[WRITERS];
	unsigned kills = 0;

	start_and_settle(f);
	start_twin(f);
	for (unsigned i = 0; i < WRITERS; i++) {
		w[i] = (struct writer){ .f = f, .seed = i + 100 };
		assert_int_equal(pthread_create(&w[i].thread, NULL, write_things, &w[i]), 0);
	}
	for (int64_t start_us = clock_mono_us(); clock_mono_us() - start_us < 4000000;) {
		uint64_t id = domain_number(&f->d, "SELECT COALESCE(IS_USED_LOCK(CONCAT('moa.relay.', DATABASE())), 0)");
		int64_t until_us = clock_mono_us() + 400000;

		if (id != 0 && sql_run_text(f->d.c, arena_printf(f->d.arena, "KILL CONNECTION %llu", (unsigned long long)id),
					    f->d.arena, NULL) == ERR_OK)
			kills++;
		UNTIL(SOON_MS, clock_mono_us() > until_us);
	}
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(w[i].thread, NULL);
	assert_true(kills > 3);
	assert_settles(f);
}

static atomic_bool hammering;

static void *hammer(void *arg)
{
	struct writer *w = arg;
	struct arena *a = arena_create(4096, 0);
	struct sql_conn *c = NULL;

	w->failed = sql_open(w->f->d.sql, &c) != ERR_OK;
	while (!w->failed && atomic_load(&hammering)) {
		enum err e = sql_begin(c);

		sql_set_statement_ms(c, SQL_STATEMENT_MS_MAX);
		if (e == ERR_OK)
			e = sql_run_text(c, SLICE_LIT("UPDATE thing SET name = RAND() WHERE id = 1"), a, NULL);
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
		if (e == ERR_OK)
			e = sql_commit(c);
		sql_rollback(c);
		w->failed = e != ERR_OK && e != ERR_CONFLICT;
		arena_reset(a);
	}
	if (c != NULL)
		sql_close(&c);
	arena_free(&a);
	return NULL;
}

/* A key whose lock goes from one writer to the next, with rows that a predecessor left: marks go out nevertheless. */
static void test_key_that_is_always_locked(void **state)
{
	struct fixture *f = *state;
	struct writer w[WRITERS];
	uint64_t marks;

	domain_sql(&f->d, "INSERT INTO thing VALUES (1, 1, 'a')");
	start_and_settle(f);
	stop_relay(&f->relay);
	domain_sql(&f->d, "UPDATE thing SET name = 'left' WHERE id = 1");
	marks = domain_topic_count(&f->d, EVENT_KIND_MARK);
	atomic_store(&hammering, true);
	for (unsigned i = 0; i < WRITERS; i++) {
		w[i] = (struct writer){ .f = f };
		assert_int_equal(pthread_create(&w[i].thread, NULL, hammer, &w[i]), 0);
	}
	start_twin(f);
	UNTIL(SOON_MS, domain_topic_count(&f->d, EVENT_KIND_MARK) > marks);
	atomic_store(&hammering, false);
	for (unsigned i = 0; i < WRITERS; i++) {
		pthread_join(w[i].thread, NULL);
		assert_false(w[i].failed);
	}
	assert_settles(f);
}

/* ---- snapshots, audit ---- */

static void test_snapshot_on_demand(void **state)
{
	struct fixture *f = *state;

	start_and_settle(f);
	for (int i = 1; i <= 250; i++)
		domain_sql(&f->d, "INSERT INTO thing VALUES (%d, %d, 'n%d')", i, i % 9 + 1, i);
	domain_sql(&f->d, "TRUNCATE thing"); /* fires no trigger */
	domain_sql(&f->d, "INSERT INTO thing VALUES (1, 1, 'only')");
	relay_snapshot(f->relay);
	UNTIL(SOON_MS, domain_counter(&f->d, "moa_audit_rounds_total") > f->rounds);
	UNTIL(SOON_MS, domain_held_is_table(&f->d));
	assert_int_equal(domain_number(&f->d, "SELECT COUNT(*) FROM relay_state WHERE name = 'snapshot_wanted'"), 0);
}

static void test_audit_finds_and_repairs(void **state)
{
	struct fixture *f = *state;
	struct relay_options o = domain_relay(&f->d, f->own);
	struct view_state st;

	domain_sql(&f->d, "INSERT INTO thing VALUES (1, 1, 'right')");
	o.audit_period_s = 1;
	f->relay = relay_create(&o);
	relay_start(f->relay);
	UNTIL(SOON_MS, (view_state_get(f->own, &st), st.fresh));
	assert_int_equal(domain_divergences(f->own), 0);
	for (int32_t p = 0; p < DOMAIN_PARTITIONS; p++) {
		if (domain_redis(&f->d, "HEXISTS m1:{%s:%d}:1 1", f->d.name, (int)p).integer == 1)
			domain_redis(&f->d, "HSET m1:{%s:%d}:1 1 0000000000000001+wrong", f->d.name, (int)p);
	}
	UNTIL(SOON_MS, domain_divergences(f->own) == 1);
	UNTIL(SOON_MS, held_is(f, 1, 1, "right"));
	UNTIL(SOON_MS, domain_counter(&f->d, "moa_audit_rounds_total") > 3);
	assert_int_equal(domain_divergences(f->own), 1);
}

static void fill(struct fixture *f, int rows)
{
	for (int i = 1; i <= rows; i++)
		domain_sql(&f->d, "INSERT INTO thing VALUES (%d, %d, 'n%d')", i, i % 9 + 1, i);
}

/* An audit that would take half a minute makes way for a round that somebody asks for, and is not forgotten. */
static void test_round_on_demand_does_not_wait_for_the_audit(void **state)
{
	struct fixture *f = *state;
	struct relay_options o = domain_relay(&f->d, f->own);
	struct relay_rounds rounds;
	uint64_t abandoned;

	fill(f, 150);
	o.audit_period_s = 1;
	o.audit_rows_per_s = 5;
	start_with(f, &o);
	UNTIL(SOON_MS, domain_counter(&f->d, "moa_audit_rounds_total") == 1);
	UNTIL(SOON_MS, (relay_rounds_get(f->relay, &rounds), rounds.running && !rounds.wanted && rounds.rows > 0));
	abandoned = rounds.abandoned;
	relay_snapshot(f->relay);
	UNTIL(15000, domain_counter(&f->d, "moa_audit_rounds_total") == 2);
	relay_rounds_get(f->relay, &rounds);
	assert_true(rounds.last_wanted && rounds.last_rows == 150 && rounds.last_end_us >= rounds.last_start_us);
	assert_true(rounds.abandoned == abandoned + 1 && rounds.abandoned_why == ERR_NOT_LEADER);
	UNTIL(SOON_MS, (relay_rounds_get(f->relay, &rounds), rounds.running && !rounds.wanted));
}

/* The last round outlives its leader: the next one is due a period after it, whoever leads then. */
static void test_successor_knows_of_the_last_round(void **state)
{
	struct fixture *f = *state;
	struct relay_rounds before, after;

	fill(f, 5);
	start_and_settle(f);
	relay_rounds_get(f->relay, &before);
	assert_true(before.last_rows == 5 && before.last_wanted && !before.running);
	start_twin(f);
	UNTIL(SOON_MS, (relay_rounds_get(f->twin, &after), after.last_start_us == before.last_start_us));
	assert_false(relay_is_leader(f->twin));
	stop_relay(&f->relay);
	UNTIL(SOON_MS, relay_is_leader(f->twin));
	assert_settles(f);
	relay_rounds_get(f->twin, &after);
	assert_true(!after.running && after.last_start_us == before.last_start_us && after.last_rows == before.last_rows);
}

static void test_successor_of_one_that_was_long_away(void **state)
{
	struct fixture *f = *state;
	struct relay_rounds rounds;

	fill(f, 5);
	start_and_settle(f);
	domain_sql(&f->d, "UPDATE relay_state SET value = 'snapshot 1000000 3000000 4' WHERE name = 'audit_last'");
	start_twin(f);
	UNTIL(SOON_MS, (relay_rounds_get(f->twin, &rounds), rounds.last_end_us == 3000000 && rounds.last_rows == 4));
	stop_relay(&f->relay);
	UNTIL(SOON_MS, (relay_rounds_get(f->twin, &rounds), rounds.last_start_us > 3000000));
	assert_true(!rounds.last_wanted && rounds.last_rows == 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_changes_go_out_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first_start, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gap_is_found_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gap_below_a_jump, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_long_tail_is_read_back_to_its_mark, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late_row_goes_out_as_it_is, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late_row_behind_a_newer_one_is_rewritten, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end_is_not_in_front_of_a_late_row, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end_of_an_older_term_is_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_is_lost_under_writers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_is_lost_while_leaders_change, setup, teardown),
		cmocka_unit_test_setup_teardown(test_key_that_is_always_locked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_snapshot_on_demand, setup, teardown),
		cmocka_unit_test_setup_teardown(test_audit_finds_and_repairs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_round_on_demand_does_not_wait_for_the_audit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_successor_knows_of_the_last_round, setup, teardown),
		cmocka_unit_test_setup_teardown(test_successor_of_one_that_was_long_away, setup, teardown),
	};

	return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
