/* sql_fault_test.c - deadlines, and a database that is away, frozen, restarted, or lost in mid-statement. */
#include "shared/io/sql.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "shared/base/clock.h"
#include "tests/unit/support/servers.h"

#define MS 1000
#define SECOND (1000 * MS)

/* <db> reaches the server through <proxy>, <steady> directly. */
struct fixture {
	char url[SERVERS_URL_BYTES];
	struct proxy *proxy;
	struct sql_db *db;
	struct sql_db *steady;
};

static struct sql_db *open_db(struct slice url, size_t connections)
{
	struct sql_options o = { .url = url, .connections = connections };
	const char *why;
	struct sql_db *db = sql_db_create(&o, &why);

	assert_non_null(db);
	return db;
}

static struct sql_conn *take_with_defaults(struct sql_db *db)
{
	struct sql_conn *c;

	for (;;) {
		enum err e;

		/* On a busy machine a verdict may come too late, and the pool is down for a moment. */
		assert_true(sql_db_wait_up(db, 10000));
		e = sql_acquire(db, clock_mono_us() + 10 * SECOND, &c);
		if (e == ERR_OK)
			return c;
		assert_int_equal(e, ERR_UNAVAILABLE);
	}
}

/* For statements that are not about deadlines. */
static struct sql_conn *take(struct sql_db *db)
{
	struct sql_conn *c = take_with_defaults(db);

	sql_set_statement_ms(c, 5000);
	return c;
}

/* One statement, with the limits that requests have. */
static enum err try_run(struct sql_db *db, const char *text)
{
	struct sql_conn *c;
	enum err e = sql_acquire(db, clock_mono_us() + SECOND, &c);

	if (e == ERR_OK)
		e = sql_run_text(c, slice_str(text), NULL, NULL);
	sql_release(&c);
	return e;
}

static size_t run(struct sql_db *db, const char *text)
{
	struct arena *arena = arena_create(4096, 1 << 20);
	struct sql_conn *c = take(db);
	struct sql_rows rows;

	assert_int_equal(sql_run_text(c, slice_str(text), arena, &rows), ERR_OK);
	sql_release(&c);
	arena_free(&arena);
	return rows.count;
}

static size_t rows_now(struct fixture *f)
{
	return run(f->steady, "SELECT * FROM sql_fault");
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->proxy = proxy_for("TEST_MYSQL_URL", f->url);
	f->steady = open_db(server_url("TEST_MYSQL_URL"), 1);
	f->db = open_db(slice_str(f->url), 2);
	assert_true(sql_db_wait_up(f->steady, 10000));
	run(f->steady, "CREATE TABLE IF NOT EXISTS sql_fault (id INT) ENGINE=InnoDB");
	run(f->steady, "DELETE FROM sql_fault");
	assert_true(sql_db_wait_up(f->db, 10000));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	proxy_set(f->proxy, PROXY_PASS);
	sql_db_free(&f->db);
	sql_db_free(&f->steady);
	proxy_stop(&f->proxy);
	free(f);
	return 0;
}

static int64_t elapsed_ms(int64_t since_us)
{
	return (clock_mono_us() - since_us) / MS;
}

/* Waits for the pool to notice <up>; false after 5 s. */
static bool becomes(struct sql_db *db, bool up)
{
	int64_t until = clock_mono_us() + 5 * SECOND;

	if (up)
		return sql_db_wait_up(db, 5000);
	while (sql_db_is_up(db) && clock_mono_us() < until)
		sched_yield();
	return !sql_db_is_up(db);
}

/* ---- deadlines ---- */

/* Runs the sleeping statement number <kind> and returns how long it took, in ms. */
static int64_t cut_after(struct fixture *f, size_t kind)
{
	static const char *const texts[] = { "SELECT SLEEP(2)", "DO SLEEP(2)" };
	static const enum err expected[] = { ERR_UNAVAILABLE, ERR_UNKNOWN_OUTCOME };
	struct sql_conn *c = take_with_defaults(f->db);
	int64_t begin = clock_mono_us(), took;
	enum err e;

	sql_set_deadline(c, begin + (kind < 2 ? 300 * MS : 60 * SECOND));
	if (kind % 2 == 0)
		e = sql_run(c, texts[kind / 2], NULL, 0, NULL, NULL);
	else
		e = sql_run_text(c, slice_str(texts[kind / 2]), NULL, NULL);
	took = elapsed_ms(begin);
	assert_int_equal(e, expected[kind / 2]);
	assert_true(sql_is_broken(c));
	assert_int_equal(sql_run_text(c, SLICE_LIT("SELECT 1"), NULL, NULL), ERR_UNAVAILABLE);
	assert_int_equal(sql_begin(c), ERR_UNAVAILABLE);
	sql_rollback(c);
	sql_release(&c);
	assert_true(becomes(f->db, true));
	return took;
}

static void test_deadlines(void **state)
{
	struct fixture *f = *state;

	for (size_t kind = 0; kind < 4; kind++) {
		int64_t limit_ms = kind < 2 ? 300 : 500; /* one that is set, and the default */
		int64_t best = INT64_MAX;

		/* The best of several, because the machine may be busy; never later than the sleep itself. */
		for (int i = 0; i < 10 && best > limit_ms + 50; i++) {
			int64_t took = cut_after(f, kind);

			assert_true(took >= limit_ms && took < 2000);
			best = took < best ? took : best;
		}
		assert_true(best <= limit_ms + 50);
	}
}

static void test_longer_statements_are_possible(void **state)
{
	struct fixture *f = *state;
	struct sql_conn *c = take(f->db);

	sql_set_statement_ms(c, 5000);
	assert_int_equal(sql_run(c, "SELECT SLEEP(1.3)", NULL, 0, NULL, NULL), ERR_OK); /* longer than the connect timeout */
	sql_release(&c);
	c = take_with_defaults(f->db);
	assert_int_equal(sql_run(c, "SELECT SLEEP(1.3)", NULL, 0, NULL, NULL), ERR_UNAVAILABLE); /* the default is back */
	sql_release(&c);
}

static void test_past_deadline_is_not_started(void **state)
{
	struct fixture *f = *state;
	struct sql_conn *c = take(f->steady);

	assert_int_equal(sql_begin(c), ERR_OK);
	assert_int_equal(sql_run_text(c, SLICE_LIT("INSERT INTO sql_fault VALUES (1)"), NULL, NULL), ERR_OK);
	sql_set_deadline(c, clock_mono_us());
	assert_int_equal(sql_run(c, "INSERT INTO sql_fault VALUES (2)", NULL, 0, NULL, NULL), ERR_TIMEOUT);
	assert_int_equal(sql_run_text(c, SLICE_LIT("SELECT 1"), NULL, NULL), ERR_TIMEOUT);
	assert_int_equal(sql_commit(c), ERR_TIMEOUT);
	assert_false(sql_is_broken(c));
	sql_rollback(c);
	assert_int_equal(sql_begin(c), ERR_TIMEOUT);
	sql_set_deadline(c, INT64_MAX);
	assert_int_equal(sql_run(c, "INSERT INTO sql_fault VALUES (2)", NULL, 0, NULL, NULL), ERR_OK);
	sql_release(&c);
	assert_int_equal(rows_now(f), 1);
}

/* Statements that are cut and statements that are not, side by side: a cut never hits the wrong connection. */
struct runner {
	struct sql_db *db;
	pthread_t thread;
	bool slow;
	atomic_bool *stop;
	int done, failed;
};

static void *runner_run(void *arg)
{
	struct runner *r = arg;

	while (r->slow ? r->done < 15 : !atomic_load(r->stop)) {
		struct sql_conn *c;
		enum err e;

		/* Own connections: those of the pool are closed at the first suspicion. */
		if (sql_open(r->db, &c) != ERR_OK)
			continue; /* a busy machine */
		if (r->slow)
			sql_set_deadline(c, clock_mono_us() + (int64_t)(clock_random() % 20) * MS);
		else
			sql_set_statement_ms(c, 5000);
		e = sql_run(c, r->slow ? "SELECT SLEEP(1)" : "SELECT 1", NULL, 0, NULL, NULL);
		r->failed += e != ERR_OK;
		r->done++;
		sql_close(&c);
	}
	return NULL;
}

static void test_cuts_hit_nobody_else(void **state)
{
	struct fixture *f = *state;
	struct runner runners[6];
	atomic_bool stop = false;

	for (size_t i = 0; i < 6; i++) {
		runners[i] = (struct runner){ .db = f->steady, .slow = i < 3, .stop = &stop };
		assert_int_equal(pthread_create(&runners[i].thread, NULL, runner_run, &runners[i]), 0);
	}
	for (size_t i = 0; i < 6; i++) {
		pthread_join(runners[i].thread, NULL);
		if (i == 2)
			atomic_store(&stop, true);
		assert_int_equal(runners[i].failed, runners[i].slow ? runners[i].done : 0);
	}
}

/* ---- lost in the middle of something ---- */

static void test_lost_at_commit(void **state)
{
	static const enum proxy_action actions[] = { PROXY_CUT_BEFORE, PROXY_CUT_AFTER };
	struct fixture *f = *state;

	for (size_t i = 0; i < 2; i++) {
		struct sql_conn *c = take(f->db);

		assert_int_equal(sql_begin(c), ERR_OK);
		assert_int_equal(sql_run_text(c, SLICE_LIT("INSERT INTO sql_fault VALUES (1)"), NULL, NULL), ERR_OK);
		proxy_trigger(f->proxy, "COMMIT", actions[i]);
		assert_int_equal(sql_commit(c), ERR_UNKNOWN_OUTCOME); /* and rightly so: once it was done, once not */
		assert_true(proxy_triggered(f->proxy));
		assert_true(sql_is_broken(c));
		sql_release(&c);
		for (int64_t until = clock_mono_us() + 2 * SECOND; rows_now(f) != i && clock_mono_us() < until;)
			continue;
		assert_int_equal(rows_now(f), i);
		assert_true(becomes(f->db, true));
	}
}

static void test_commit_not_answered_in_time(void **state)
{
	struct fixture *f = *state;
	struct sql_conn *c = take(f->db);
	int64_t begin;

	assert_int_equal(sql_begin(c), ERR_OK);
	assert_int_equal(sql_run_text(c, SLICE_LIT("INSERT INTO sql_fault VALUES (1)"), NULL, NULL), ERR_OK);
	proxy_trigger(f->proxy, "COMMIT", PROXY_HOLD);
	sql_set_statement_ms(c, 500);
	begin = clock_mono_us();
	assert_int_equal(sql_commit(c), ERR_UNKNOWN_OUTCOME);
	assert_true(elapsed_ms(begin) >= 500 && elapsed_ms(begin) < 2000);
	sql_release(&c);
}

static void test_lost_before_commit(void **state)
{
	struct fixture *f = *state;
	struct sql_conn *c = take(f->db);

	assert_int_equal(sql_begin(c), ERR_OK);
	assert_int_equal(sql_run_text(c, SLICE_LIT("INSERT INTO sql_fault VALUES (1)"), NULL, NULL), ERR_OK);
	proxy_hang_up(f->proxy);
	assert_int_equal(sql_commit(c), ERR_UNAVAILABLE); /* was not sent */
	sql_release(&c);
	assert_int_equal(rows_now(f), 0);
}

static void test_lost_in_statements(void **state)
{
	static const struct {
		const char *text;
		bool in_transaction;
		enum err e;
	} cases[] = {
		{ "INSERT INTO sql_fault VALUES (4711)", false, ERR_UNKNOWN_OUTCOME },
		{ "INSERT INTO sql_fault VALUES (4711)", true, ERR_UNAVAILABLE },
		{ "SELECT 4711", false, ERR_UNAVAILABLE },
		{ " (select 4711)", false, ERR_UNAVAILABLE },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sql_conn *c = take(f->db);

		if (cases[i].in_transaction)
			assert_int_equal(sql_begin(c), ERR_OK);
		proxy_trigger(f->proxy, "4711", PROXY_CUT_BEFORE);
		assert_int_equal(sql_run_text(c, slice_str(cases[i].text), NULL, NULL), cases[i].e);
		assert_true(sql_is_broken(c));
		sql_release(&c);
		assert_true(becomes(f->db, true));
	}
	assert_int_equal(rows_now(f), 0);
}

static void test_lost_in_prepared_statements(void **state)
{
	static const char text[] = "INSERT INTO sql_fault VALUES (?)";
	static const char marked[] = "INSERT INTO sql_fault SELECT LENGTH(?)";
	struct sql_arg id = SQL_ARG_I64(1), mark = SQL_ARG_TEXT(SLICE_LIT("mark-4711"));
	struct fixture *f = *state;
	struct sql_conn *c = take(f->db);

	/* While it is prepared: certainly not done. */
	proxy_trigger(f->proxy, "VALUES (?)", PROXY_CUT_BEFORE);
	assert_int_equal(sql_run(c, text, &id, 1, NULL, NULL), ERR_UNAVAILABLE);
	assert_true(proxy_triggered(f->proxy));
	sql_release(&c);
	/* While it is executed. */
	c = take(f->db);
	proxy_trigger(f->proxy, "mark-4711", PROXY_CUT_AFTER);
	assert_int_equal(sql_run(c, marked, &mark, 1, NULL, NULL), ERR_UNKNOWN_OUTCOME);
	assert_true(proxy_triggered(f->proxy));
	sql_release(&c);
	/* Between two statements: noticed before the second is sent. */
	c = take(f->db);
	assert_int_equal(sql_run(c, text, &id, 1, NULL, NULL), ERR_OK);
	proxy_hang_up(f->proxy);
	assert_int_equal(sql_run(c, text, &id, 1, NULL, NULL), ERR_UNAVAILABLE);
	assert_true(sql_is_broken(c));
	sql_release(&c);
	for (int64_t until = clock_mono_us() + 2 * SECOND; rows_now(f) != 2 && clock_mono_us() < until;)
		continue;
	assert_int_equal(rows_now(f), 2);
}

struct cut {
	struct proxy *proxy;
	int tries;
};

static enum err cut_body(struct sql_conn *c, void *ctx)
{
	struct cut *cut = ctx;

	if (cut->tries++ == 0)
		proxy_trigger(cut->proxy, "4711", PROXY_CUT_AFTER);
	return sql_run_text(c, SLICE_LIT("INSERT INTO sql_fault VALUES (4711)"), NULL, NULL);
}

static void test_lost_in_a_transaction(void **state)
{
	struct fixture *f = *state;
	struct cut cut = { .proxy = f->proxy };

	assert_int_equal(sql_transaction(f->db, clock_mono_us() + 2 * SECOND, cut_body, &cut), ERR_UNAVAILABLE);
	assert_int_equal(cut.tries, 1);
	assert_true(proxy_triggered(f->proxy));
	assert_int_equal(rows_now(f), 0);
	assert_int_equal(sql_transaction(f->db, clock_mono_us() + 2 * SECOND, cut_body, &cut), ERR_OK);
	assert_int_equal(rows_now(f), 1);
}

/* ---- away, frozen, restarted ---- */

static void test_away_then_back(void **state)
{
	struct fixture *f = *state;
	struct sql_conn *c;
	int64_t begin;

	proxy_set(f->proxy, PROXY_AWAY);
	assert_true(becomes(f->db, false));
	begin = clock_mono_us();
	assert_int_equal(sql_acquire(f->db, begin + SECOND, &c), ERR_UNAVAILABLE);
	assert_int_equal(sql_open(f->db, &c), ERR_UNAVAILABLE);
	assert_true(elapsed_ms(begin) < 1000);
	proxy_set(f->proxy, PROXY_PASS);
	assert_true(becomes(f->db, true));
	run(f->db, "SELECT 1");
}

static void test_away_at_start(void **state)
{
	struct fixture *f = *state;
	struct sql_db *db;
	int64_t begin;

	proxy_set(f->proxy, PROXY_AWAY);
	begin = clock_mono_us();
	db = open_db(slice_str(f->url), 1);
	assert_true(elapsed_ms(begin) < 1000);
	assert_false(sql_db_wait_up(db, 100));
	assert_int_equal(try_run(db, "SELECT 1"), ERR_UNAVAILABLE);
	proxy_set(f->proxy, PROXY_PASS);
	assert_true(becomes(db, true));
	run(db, "SELECT 1");
	sql_db_free(&db);
}

static void test_quick_restart_fails_nobody(void **state)
{
	struct fixture *f = *state;
	size_t done = 0;

	for (int i = 0; i < 40; i++) {
		int64_t begin;
		enum err e;

		assert_true(sql_db_wait_up(f->db, 10000));
		proxy_hang_up(f->proxy); /* as a server that was restarted between two requests */
		begin = clock_mono_us();
		e = try_run(f->db, "INSERT INTO sql_fault VALUES (1)");
		done += e == ERR_OK;
		/* Only a machine too busy to connect within the 100 ms of a verdict is an excuse. */
		assert_true(e == ERR_OK || elapsed_ms(begin) >= 90);
	}
	assert_true(done >= 10);
	assert_int_equal(rows_now(f), done);
}

static void test_frozen_under_traffic(void **state)
{
	struct fixture *f = *state;
	int64_t begin = clock_mono_us();

	proxy_set(f->proxy, PROXY_STALL);
	assert_int_equal(try_run(f->db, "SELECT 1"), ERR_UNAVAILABLE);
	assert_true(elapsed_ms(begin) < 1500);
	assert_int_equal(try_run(f->db, "SELECT 1"), ERR_UNAVAILABLE); /* the verdict: 100 ms */
	assert_true(elapsed_ms(begin) < 2500);
	assert_false(sql_db_is_up(f->db));
	proxy_set(f->proxy, PROXY_PASS);
	assert_true(becomes(f->db, true));
	run(f->db, "SELECT 1");
}

static void test_frozen_without_traffic(void **state)
{
	struct fixture *f = *state;
	int64_t begin = clock_mono_us();

	proxy_set(f->proxy, PROXY_STALL);
	assert_true(becomes(f->db, false));
	assert_true(elapsed_ms(begin) <= 4000); /* a ping each second, its limit, the verdict */
}

static void test_frozen_while_connecting(void **state)
{
	static const char *const needles[] = { NULL, "_password", "ISOLATION LEVEL", "time_zone" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(needles) / sizeof(needles[0]); i++) {
		int64_t begin = clock_mono_us();
		struct sql_conn *c;

		if (needles[i] == NULL)
			proxy_set(f->proxy, PROXY_STALL); /* never greets */
		else
			proxy_trigger(f->proxy, needles[i], PROXY_HOLD); /* deaf from this point on */
		assert_int_equal(sql_open(f->db, &c), ERR_UNAVAILABLE);
		assert_true(needles[i] == NULL || proxy_triggered(f->proxy));
		assert_true(elapsed_ms(begin) >= 400);
		assert_true(elapsed_ms(begin) <= 3500);
		proxy_set(f->proxy, PROXY_PASS);
		assert_true(becomes(f->db, true));
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_deadlines),
		TEST(test_longer_statements_are_possible),
		TEST(test_past_deadline_is_not_started),
		TEST(test_cuts_hit_nobody_else),
		TEST(test_lost_at_commit),
		TEST(test_commit_not_answered_in_time),
		TEST(test_lost_before_commit),
		TEST(test_lost_in_statements),
		TEST(test_lost_in_prepared_statements),
		TEST(test_lost_in_a_transaction),
		TEST(test_away_then_back),
		TEST(test_away_at_start),
		TEST(test_quick_restart_fails_nobody),
		TEST(test_frozen_under_traffic),
		TEST(test_frozen_without_traffic),
		TEST(test_frozen_while_connecting),
	};

	server_url("TEST_MYSQL_URL"); /* ends the program when it is not there */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
