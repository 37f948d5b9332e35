/* sql_test.c - statements, values, errors and transactions against a real server. Faults: sql_fault_test.c. */
#include "shared/io/sql.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <pthread.h>

#include "shared/base/clock.h"
#include "tests/unit/support/servers.h"

#define MS 1000
#define SECOND (1000 * MS)

struct fixture {
	struct sql_db *db;
	struct sql_conn *c; /* acquired for the test */
	struct arena *arena;
};

static struct sql_db *open_db(size_t connections)
{
	struct sql_options o = { .url = server_url("TEST_MYSQL_URL"), .connections = connections };
	const char *why = NULL;
	struct sql_db *db = sql_db_create(&o, &why);

	if (db == NULL)
		fail_msg("%s", why);
	assert_true(sql_db_wait_up(db, 10000));
	return db;
}

/* Limits are sql_fault_test.c's; here the machine may be slow. */
static struct sql_conn *take(struct sql_db *db)
{
	struct sql_conn *c;
	enum err e;

	do {
		assert_true(sql_db_wait_up(db, 10000));
		e = sql_acquire(db, clock_mono_us() + 10 * SECOND, &c);
	} while (e == ERR_UNAVAILABLE); /* a verdict that came too late */
	assert_int_equal(e, ERR_OK);
	sql_set_statement_ms(c, 5000);
	return c;
}

static struct sql_conn *open_own(struct sql_db *db)
{
	struct sql_conn *c = NULL;

	for (int i = 0; i < 20 && c == NULL; i++) /* more than once only on a busy machine */
		(void)!sql_open(db, &c);
	assert_non_null(c);
	sql_set_statement_ms(c, 5000);
	return c;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->db = open_db(3);
	f->arena = arena_create(4096, 64u << 20);
	f->c = take(f->db);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	sql_release(&f->c);
	sql_db_free(&f->db);
	arena_free(&f->arena);
	free(f);
	return 0;
}

/* A statement made of <text> that must succeed. */
static struct sql_rows run(struct fixture *f, const char *text)
{
	struct sql_rows rows;

	assert_int_equal(sql_run_text(f->c, slice_str(text), f->arena, &rows), ERR_OK);
	return rows;
}

static void fresh_table(struct fixture *f, const char *columns)
{
	char text[512];

	sql_set_statement_ms(f->c, SQL_STATEMENT_MS_MAX);
	run(f, "DROP TABLE IF EXISTS sql_test");
	(void)snprintf(text, sizeof(text), "CREATE TABLE sql_test (%s) ENGINE=InnoDB CHARACTER SET utf8mb4", columns);
	run(f, text);
	sql_set_statement_ms(f->c, 5000); /* the test's machine may be slow */
}

static void assert_text(struct slice got, const char *expected)
{
	assert_non_null(got.ptr);
	if (!slice_eq(got, slice_str(expected)))
		fail_msg("got \"%.*s\", expected \"%s\"", SLICE_ARG(got), expected);
}

static void test_urls(void **state)
{
	static const struct {
		const char *url, *why;
	} bad[] = {
		{ "redis://u:p@127.0.0.1:1/s", "the URL of a database begins with mysql://" },
		{ "mysql://127.0.0.1:1/s", "the URL of a database names a user" },
		{ "mysql://u:p@127.0.0.1:1/", "the URL of a database names a schema" },
		{ "mysql://u:p@127.0.0.1:1", "the URL of a database names a schema" },
		{ "nonsense", NULL },
	};
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct sql_options o = { .url = slice_str(bad[i].url), .connections = 1 };

		why = NULL;
		assert_null(sql_db_create(&o, &why));
		assert_non_null(why);
		if (bad[i].why != NULL)
			assert_string_equal(why, bad[i].why);
	}
}

static void test_values_go_and_come_back(void **state)
{
	struct fixture *f = *state;
	struct sql_arg args[] = {
		SQL_ARG_I64(INT64_MIN), SQL_ARG_U64(UINT64_MAX), SQL_ARG_TEXT(SLICE_LIT("패션·잡화 🛍 'q' \\")),
		SQL_ARG_TEXT(SLICE_LIT("2026-01-31 23:59:59.123456")), SQL_ARG_NULL, SQL_ARG_TEXT(SLICE_NONE),
		SQL_ARG_TEXT(SLICE_LIT("")), SQL_ARG_TEXT(SLICE_LIT("{\"a\": [1, \"가\"]}")), SQL_ARG_I64(-7),
	};
	static const char *const expected[] = { "-9223372036854775808", "18446744073709551615", "패션·잡화 🛍 'q' \\",
						"2026-01-31 23:59:59.123456", NULL, NULL, "", "{\"a\": [1, \"가\"]}",
						"-7" };
	struct sql_rows rows;

	fresh_table(f, "a BIGINT, b BIGINT UNSIGNED, c VARCHAR(100), d DATETIME(6), e INT, g TEXT, h VARCHAR(5),"
		       " i JSON, j INT");
	assert_int_equal(sql_run(f->c, "INSERT INTO sql_test VALUES (?,?,?,?,?,?,?,?,?)", args, 9, f->arena, &rows), ERR_OK);
	assert_int_equal(rows.affected, 1);
	assert_int_equal(rows.count, 0);
	for (int prepared = 0; prepared < 2; prepared++) {
		if (prepared)
			assert_int_equal(sql_run(f->c, "SELECT * FROM sql_test", NULL, 0, f->arena, &rows), ERR_OK);
		else
			rows = run(f, "SELECT * FROM sql_test");
		assert_int_equal(rows.count, 1);
		assert_int_equal(rows.columns, 9);
		for (size_t i = 0; i < 9; i++) {
			if (expected[i] == NULL)
				assert_null(sql_cell(&rows, 0, i).ptr);
			else
				assert_text(sql_cell(&rows, 0, i), expected[i]);
		}
	}
}

static void test_types_without_a_table(void **state)
{
	struct fixture *f = *state;
	struct sql_rows rows;

	assert_int_equal(sql_run(f->c, "SELECT 1, -1.50, 1e0, CAST('2026-02-03' AS DATE), NOW() IS NULL, 2147483648, "
				       "CAST(3 AS DECIMAL(20,3)), NULL, UNHEX('00ff00')", NULL, 0, f->arena, &rows), ERR_OK);
	assert_text(sql_cell(&rows, 0, 0), "1");
	assert_text(sql_cell(&rows, 0, 1), "-1.50");
	assert_text(sql_cell(&rows, 0, 2), "1");
	assert_text(sql_cell(&rows, 0, 3), "2026-02-03");
	assert_text(sql_cell(&rows, 0, 4), "0");
	assert_text(sql_cell(&rows, 0, 5), "2147483648");
	assert_text(sql_cell(&rows, 0, 6), "3.000");
	assert_null(sql_cell(&rows, 0, 7).ptr);
	assert_int_equal(sql_cell(&rows, 0, 8).len, 3);
	assert_memory_equal(sql_cell(&rows, 0, 8).ptr, "\0\377\0", 3);
}

static void test_long_texts(void **state)
{
	static const size_t lengths[] = { 255, 256, 257, 4096, 1 << 20 };
	struct fixture *f = *state;
	struct sql_rows rows;

	fresh_table(f, "id INT PRIMARY KEY, t LONGTEXT, after_it INT");
	for (size_t i = 0; i < 5; i++) {
		char *text = arena_alloc(f->arena, lengths[i]);
		struct sql_arg args[3] = { SQL_ARG_U64(i), SQL_ARG_TEXT(slice_of(text, lengths[i])), SQL_ARG_I64(-5) };

		for (size_t k = 0; k < lengths[i]; k++)
			text[k] = (char)('a' + k * 7 % 26);
		assert_int_equal(sql_run(f->c, "INSERT INTO sql_test VALUES (?,?,?)", args, 3, f->arena, NULL), ERR_OK);
		for (int prepared = 0; prepared < 2; prepared++) {
			char select[64];

			(void)snprintf(select, sizeof(select), "SELECT t, after_it FROM sql_test WHERE id = %zu", i);
			if (prepared)
				assert_int_equal(sql_run(f->c, "SELECT t, after_it FROM sql_test WHERE id = ?", args, 1,
							 f->arena, &rows), ERR_OK);
			else
				rows = run(f, select);
			assert_int_equal(sql_cell(&rows, 0, 0).len, lengths[i]);
			assert_memory_equal(sql_cell(&rows, 0, 0).ptr, text, lengths[i]);
			assert_text(sql_cell(&rows, 0, 1), "-5");
		}
	}
}

static void test_rows_and_counts(void **state)
{
	struct fixture *f = *state;
	struct sql_arg id = SQL_ARG_U64(2);
	struct sql_rows rows;

	fresh_table(f, "id INT AUTO_INCREMENT PRIMARY KEY, n INT");
	rows = run(f, "INSERT INTO sql_test (n) VALUES (10), (20), (30)");
	assert_int_equal(rows.affected, 3);
	assert_int_equal(rows.insert_id, 1);
	assert_int_equal(sql_run(f->c, "INSERT INTO sql_test (n) VALUES (?)", &id, 1, f->arena, &rows), ERR_OK);
	assert_int_equal(rows.insert_id, 4);
	assert_int_equal(sql_run(f->c, "UPDATE sql_test SET n = 10 WHERE id <= ?", &id, 1, f->arena, &rows), ERR_OK);
	assert_int_equal(rows.affected, 1); /* of two found */
	assert_int_equal(sql_run(f->c, "SELECT id, n FROM sql_test WHERE id <= ? ORDER BY id DESC", &id, 1, f->arena, &rows),
			 ERR_OK);
	assert_int_equal(rows.count, 2);
	assert_text(sql_cell(&rows, 0, 0), "2");
	assert_text(sql_cell(&rows, 1, 0), "1");
	id = SQL_ARG_U64(0);
	assert_int_equal(sql_run(f->c, "SELECT id, n FROM sql_test WHERE id <= ? ORDER BY id DESC", &id, 1, f->arena, &rows),
			 ERR_OK);
	assert_int_equal(rows.count, 0);
	/* A result that nobody wants does not stay in the way. */
	assert_int_equal(sql_run(f->c, "SELECT id FROM sql_test", NULL, 0, f->arena, NULL), ERR_OK);
	assert_int_equal(sql_run_text(f->c, SLICE_LIT("SELECT id FROM sql_test"), f->arena, NULL), ERR_OK);
	assert_int_equal(run(f, "SELECT id FROM sql_test").count, 4);
}

static void test_quote(void **state)
{
	static const struct slice samples[] = { SLICE("it's"), SLICE("a\\b\"c"), SLICE("nul\0byte\n\x1a"), SLICE("레그미인"),
						SLICE(""), SLICE("' OR 1=1 -- ") };
	struct fixture *f = *state;
	struct arena *small = arena_create(64, 64);

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct slice q = sql_quote(f->c, f->arena, samples[i]);
		struct slice text = arena_printf(f->arena, "SELECT %.*s", SLICE_ARG(q));
		struct sql_rows rows;

		assert_int_equal(sql_run_text(f->c, text, f->arena, &rows), ERR_OK);
		assert_int_equal(rows.count, 1);
		assert_true(slice_eq(sql_cell(&rows, 0, 0), samples[i]));
	}
	assert_text(sql_quote(f->c, f->arena, SLICE_NONE), "NULL");
	assert_null(sql_quote(f->c, small, slice_of("0123456789012345678901234567890123456789", 40)).ptr);
	arena_free(&small);
}

static void test_result_beyond_the_arena(void **state)
{
	static const char *const texts[] = { "SELECT REPEAT('x', 100000)", "SELECT 'short', REPEAT('y', 200)" };
	struct fixture *f = *state;
	struct sql_rows rows;

	for (size_t i = 0; i < 2; i++) {
		struct arena *small = arena_create(128, 128);

		assert_int_equal(sql_run(f->c, texts[i], NULL, 0, small, &rows), ERR_NO_MEMORY);
		arena_reset(small);
		assert_int_equal(sql_run_text(f->c, slice_str(texts[i]), small, &rows), ERR_NO_MEMORY);
		arena_reset(small);
		assert_int_equal(sql_run_text(f->c, SLICE_LIT("SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION "
							      "SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION "
							      "SELECT 9"), small, &rows), ERR_NO_MEMORY);
		arena_free(&small);
	}
	assert_false(sql_is_broken(f->c));
	assert_int_equal(run(f, "SELECT 1").count, 1);
}

static void test_errors_of_the_server(void **state)
{
	static const struct {
		unsigned number;
		enum err e;
		bool breaks;
	} cases[] = {
		{ 1213, ERR_CONFLICT, false },    { 1205, ERR_CONFLICT, false },    { 1020, ERR_CONFLICT, false },
		{ 1062, ERR_DUPLICATE, false },   { 1586, ERR_DUPLICATE, false },   { 1290, ERR_UNAVAILABLE, false },
		{ 1836, ERR_UNAVAILABLE, false }, { 1040, ERR_UNAVAILABLE, false }, { 3024, ERR_UNAVAILABLE, false },
		{ 1969, ERR_UNAVAILABLE, false }, { 1114, ERR_FULL, false }       , { 1366, ERR_INTERNAL, false },
		{ 1146, ERR_INTERNAL, false },    { 1053, ERR_UNAVAILABLE, true },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice text = arena_printf(f->arena, "SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = %u, "
						 "MESSAGE_TEXT = 'made by a test'", cases[i].number);

		assert_int_equal(sql_run_text(f->c, text, f->arena, NULL), cases[i].e);
		assert_int_equal(sql_is_broken(f->c), cases[i].breaks);
	}
	sql_release(&f->c);
	f->c = take(f->db);
	assert_int_equal(sql_run(f->c, "SELECT nothing FROM nowhere_at_all", NULL, 0, f->arena, NULL), ERR_INTERNAL);
	assert_int_equal(sql_run(f->c, "SELEKT", NULL, 0, f->arena, NULL), ERR_INTERNAL);
	assert_int_equal(run(f, "SELECT 1").count, 1);
	/* Somebody kills our session: an answer, but the connection ends with it. */
	assert_int_equal(sql_run_text(f->c, SLICE_LIT("KILL CONNECTION_ID()"), f->arena, NULL), ERR_UNAVAILABLE);
	assert_true(sql_is_broken(f->c));
	assert_int_equal(sql_run(f->c, "SELECT 1", NULL, 0, f->arena, NULL), ERR_UNAVAILABLE);
}

static void test_log_keeps_values_out(void **state)
{
	static char text[8192];
	struct fixture *f = *state;
	struct sql_arg secret = SQL_ARG_TEXT(SLICE_LIT("s3cret-value"));
	FILE *log = tmpfile();
	int saved = dup(2);
	size_t len;

	fresh_table(f, "n INT");
	dup2(fileno(log), 2);
	assert_int_equal(sql_run(f->c, "INSERT INTO sql_test VALUES (?)", &secret, 1, f->arena, NULL), ERR_INTERNAL);
	assert_int_equal(sql_run_text(f->c, SLICE_LIT("SELEKT 's3cret-value'"), f->arena, NULL), ERR_INTERNAL);
	dup2(saved, 2);
	close(saved);
	rewind(log);
	len = fread(text, 1, sizeof(text) - 1, log);
	text[len] = '\0';
	fclose(log);
	assert_non_null(strstr(text, "errno=1366"));
	assert_non_null(strstr(text, "INSERT INTO sql_test VALUES (?)"));
	assert_non_null(strstr(text, "errno=1064"));
	assert_null(strstr(text, "s3cret"));
}

static void test_table_changed_under_a_prepared_statement(void **state)
{
	static const char text[] = "SELECT * FROM sql_test";
	struct fixture *f = *state;
	struct sql_rows rows;

	fresh_table(f, "a INT");
	run(f, "INSERT INTO sql_test VALUES (1)");
	assert_int_equal(sql_run(f->c, text, NULL, 0, f->arena, &rows), ERR_OK);
	run(f, "ALTER TABLE sql_test MODIFY a VARCHAR(300)"); /* another type: the server adapts */
	run(f, "UPDATE sql_test SET a = REPEAT('가', 299)");
	assert_int_equal(sql_run(f->c, text, NULL, 0, f->arena, &rows), ERR_OK);
	assert_int_equal(sql_cell(&rows, 0, 0).len, 897);
	run(f, "ALTER TABLE sql_test ADD COLUMN b INT DEFAULT 5"); /* the client library gives up; a new connection heals */
	assert_int_equal(sql_run(f->c, text, NULL, 0, f->arena, &rows), ERR_UNAVAILABLE);
	sql_release(&f->c);
	f->c = take(f->db);
	assert_int_equal(sql_run(f->c, text, NULL, 0, f->arena, &rows), ERR_OK);
	assert_text(sql_cell(&rows, 0, 1), "5");
}

/* The server asks for the statement to be prepared again: as often as @refusals says. */
static void test_statement_is_prepared_again(void **state)
{
	static const char text[] = "INSERT INTO sql_test VALUES (?)";
	struct sql_arg one = SQL_ARG_I64(1);
	struct fixture *f = *state;
	struct sql_rows rows;

	fresh_table(f, "a INT");
	run(f, "CREATE TRIGGER sql_test_refuses BEFORE INSERT ON sql_test FOR EACH ROW BEGIN SET @refusals = @refusals - 1;"
	       " IF @refusals >= 0 THEN SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1615; END IF; END");
	run(f, "SET @refusals = 0");
	assert_int_equal(sql_run(f->c, text, &one, 1, f->arena, &rows), ERR_OK);
	run(f, "SET @refusals = 1");
	assert_int_equal(sql_run(f->c, text, &one, 1, f->arena, &rows), ERR_OK);
	assert_int_equal(rows.affected, 1);
	run(f, "SET @refusals = 2"); /* but not for ever */
	assert_int_equal(sql_run(f->c, text, &one, 1, f->arena, &rows), ERR_INTERNAL);
	assert_int_equal(run(f, "SELECT * FROM sql_test").count, 2);
}

static void test_session(void **state)
{
	struct fixture *f = *state;
	struct sql_rows rows = run(f, "SELECT @@autocommit, @@time_zone, @@innodb_lock_wait_timeout, "
				      "@@character_set_client, @@character_set_connection, @@character_set_results, "
				      "@@sql_mode");
	bool mysql;

	assert_text(sql_cell(&rows, 0, 0), "1");
	assert_text(sql_cell(&rows, 0, 1), "+00:00");
	assert_text(sql_cell(&rows, 0, 2), "1");
	for (size_t i = 3; i < 6; i++)
		assert_text(sql_cell(&rows, 0, i), "utf8mb4");
	assert_non_null(memmem(sql_cell(&rows, 0, 6).ptr, sql_cell(&rows, 0, 6).len, "STRICT_ALL_TABLES", 17));
	mysql = run(f, "SHOW VARIABLES LIKE 'transaction_isolation'").count > 0;
	rows = run(f, mysql ? "SELECT @@transaction_isolation" : "SELECT @@tx_isolation");
	assert_text(sql_cell(&rows, 0, 0), "REPEATABLE-READ");
}

static void test_transaction_by_hand(void **state)
{
	struct fixture *f = *state;
	struct sql_arg one = SQL_ARG_U64(1);
	struct sql_conn *other;

	fresh_table(f, "id INT PRIMARY KEY");
	other = take(f->db);
	assert_int_equal(sql_begin(f->c), ERR_OK);
	assert_int_equal(sql_run(f->c, "INSERT INTO sql_test VALUES (?)", &one, 1, f->arena, NULL), ERR_OK);
	assert_int_equal(sql_run(f->c, "INSERT INTO sql_test VALUES (?)", &one, 1, f->arena, NULL), ERR_DUPLICATE);
	one = SQL_ARG_U64(2);
	assert_int_equal(sql_run(f->c, "INSERT INTO sql_test VALUES (?)", &one, 1, f->arena, NULL), ERR_OK);
	assert_int_equal(sql_commit(f->c), ERR_OK);
	assert_int_equal(run(f, "SELECT * FROM sql_test").count, 2);
	assert_int_equal(sql_begin(f->c), ERR_OK);
	run(f, "DELETE FROM sql_test");
	sql_rollback(f->c);
	sql_rollback(f->c); /* nothing open: nothing happens */
	assert_int_equal(run(f, "SELECT * FROM sql_test").count, 2);
	/* An open transaction does not outlive its user. */
	assert_int_equal(sql_begin(other), ERR_OK);
	assert_int_equal(sql_run_text(other, SLICE_LIT("DELETE FROM sql_test"), f->arena, NULL), ERR_OK);
	sql_release(&other);
	assert_null(other);
	other = take(f->db);
	assert_int_equal(run(f, "SELECT * FROM sql_test").count, 2);
	run(f, "INSERT INTO sql_test VALUES (3)"); /* no lock is left */
	sql_release(&other);
	sql_release(&other); /* none: nothing happens */
}

static void test_conflict_dooms_the_transaction(void **state)
{
	struct fixture *f = *state;
	struct sql_conn *other;

	fresh_table(f, "id INT PRIMARY KEY, n INT");
	run(f, "INSERT INTO sql_test VALUES (1, 0), (2, 0)");
	other = open_own(f->db);
	assert_int_equal(sql_begin(other), ERR_OK);
	assert_int_equal(sql_run_text(other, SLICE_LIT("UPDATE sql_test SET n = 1 WHERE id = 2"), f->arena, NULL), ERR_OK);
	assert_int_equal(sql_begin(f->c), ERR_OK);
	run(f, "UPDATE sql_test SET n = 5 WHERE id = 1");
	/* The server gives up waiting after a second and keeps the transaction open: going on would do half of it. */
	assert_int_equal(sql_run_text(f->c, SLICE_LIT("UPDATE sql_test SET n = 5 WHERE id = 2"), f->arena, NULL), ERR_CONFLICT);
	assert_int_equal(sql_run(f->c, "SELECT 1", NULL, 0, f->arena, NULL), ERR_CONFLICT);
	assert_int_equal(sql_run_text(f->c, SLICE_LIT("SELECT 1"), f->arena, NULL), ERR_CONFLICT);
	assert_int_equal(sql_commit(f->c), ERR_CONFLICT);
	assert_int_equal(run(f, "SELECT * FROM sql_test WHERE n = 5").count, 0);
	assert_int_equal(sql_commit(other), ERR_OK);
	sql_close(&other);
	assert_null(other);
}

static enum err lock_or_fail(struct fixture *f, uint64_t id, size_t *found)
{
	struct sql_arg arg = SQL_ARG_U64(id);
	struct sql_rows rows;
	enum err e = sql_run(f->c, "SELECT n FROM sql_test WHERE id = ? " SQL_LOCK_OR_FAIL, &arg, 1, f->arena, &rows);

	*found = rows.count;
	return e;
}

/* Another session, which has run <text> in a transaction that stays open. */
static struct sql_conn *holder(struct fixture *f, const char *text)
{
	struct sql_conn *other = open_own(f->db);

	assert_int_equal(sql_begin(other), ERR_OK);
	assert_int_equal(sql_run_text(other, slice_str(text), f->arena, NULL), ERR_OK);
	return other;
}

/* A lock that somebody has is told at once, and what the transaction did before is still there: also its locks. */
static void test_lock_or_fail(void **state)
{
	struct fixture *f = *state;
	struct sql_conn *other;
	int64_t start_us;
	size_t found;

	fresh_table(f, "id INT PRIMARY KEY, n INT");
	run(f, "INSERT INTO sql_test VALUES (1, 0), (2, 0), (3, 0)");
	other = holder(f, "DELETE FROM sql_test WHERE id = 2");
	assert_int_equal(sql_run_text(other, SLICE_LIT("INSERT INTO sql_test VALUES (4, 0)"), f->arena, NULL), ERR_OK);
	start_us = clock_mono_us();
	assert_int_equal(sql_begin(f->c), ERR_OK);
	run(f, "UPDATE sql_test SET n = 5 WHERE id = 1");
	assert_int_equal(lock_or_fail(f, 2, &found), ERR_BUSY); /* perhaps deleted */
	assert_int_equal(lock_or_fail(f, 4, &found), ERR_BUSY); /* perhaps inserted */
	assert_in_range(clock_mono_us() - start_us, 0, 900 * MS); /* another wait for a lock takes a second */
	assert_int_equal(lock_or_fail(f, 3, &found), ERR_OK);
	assert_int_equal(found, 1);
	assert_int_equal(lock_or_fail(f, 7, &found), ERR_OK);
	assert_int_equal(found, 0);
	assert_int_equal(sql_run_text(other, SLICE_LIT("INSERT INTO sql_test VALUES (7, 0)"), f->arena, NULL), ERR_CONFLICT);
	sql_close(&other);
	assert_int_equal(sql_commit(f->c), ERR_OK);
	assert_int_equal(run(f, "SELECT * FROM sql_test WHERE n = 5").count, 1);
	assert_int_equal(run(f, "SELECT * FROM sql_test").count, 3);
}

/* What a server with innodb_rollback_on_timeout does: the statement that failed took the transaction with it. */
static void test_lock_or_fail_without_a_transaction(void **state)
{
	struct fixture *f = *state;
	struct sql_conn *other;
	size_t found;

	fresh_table(f, "id INT PRIMARY KEY, n INT");
	run(f, "INSERT INTO sql_test VALUES (1, 0)");
	other = holder(f, "UPDATE sql_test SET n = 1");
	assert_int_equal(lock_or_fail(f, 1, &found), ERR_BUSY);
	assert_int_equal(sql_begin(f->c), ERR_OK);
	run(f, "ROLLBACK");
	assert_int_equal(lock_or_fail(f, 1, &found), ERR_CONFLICT);
	assert_int_equal(sql_run_text(f->c, SLICE_LIT("INSERT INTO sql_test VALUES (2, 0)"), f->arena, NULL), ERR_CONFLICT);
	assert_int_equal(sql_commit(f->c), ERR_CONFLICT);
	sql_close(&other);
	assert_int_equal(run(f, "SELECT * FROM sql_test").count, 1);
}

/* ---- sql_transaction() ---- */

struct meeting {
	pthread_barrier_t both; /* both hold their first lock: from here a deadlock is certain */
	struct sql_db *db;
};

struct party {
	struct meeting *meeting;
	pthread_t thread;
	const char *first, *second;
	int tries;
	enum err e;
};

static enum err deadlock_body(struct sql_conn *c, void *ctx)
{
	struct party *p = ctx;
	enum err e;

	sql_set_statement_ms(c, 5000);
	e = sql_run_text(c, slice_str(p->first), NULL, NULL);
	if (e != ERR_OK)
		return e;
	if (p->tries++ == 0)
		pthread_barrier_wait(&p->meeting->both);
	return sql_run_text(c, slice_str(p->second), NULL, NULL);
}

static void *party_run(void *arg)
{
	struct party *p = arg;

	p->e = sql_transaction(p->meeting->db, clock_mono_us() + 20 * SECOND, deadlock_body, p);
	return NULL;
}

static void test_deadlock_is_tried_again(void **state)
{
	static const char one[] = "UPDATE sql_test SET n = n + 1 WHERE id = 1";
	static const char two[] = "UPDATE sql_test SET n = n + 1 WHERE id = 2";
	struct fixture *f = *state;
	struct meeting m = { .db = f->db };
	struct party a = { .meeting = &m, .first = one, .second = two };
	struct party b = { .meeting = &m, .first = two, .second = one };

	fresh_table(f, "id INT PRIMARY KEY, n INT");
	run(f, "INSERT INTO sql_test VALUES (1, 0), (2, 0)");
	pthread_barrier_init(&m.both, NULL, 2);
	assert_int_equal(pthread_create(&a.thread, NULL, party_run, &a), 0);
	assert_int_equal(pthread_create(&b.thread, NULL, party_run, &b), 0);
	pthread_join(a.thread, NULL);
	pthread_join(b.thread, NULL);
	pthread_barrier_destroy(&m.both);
	assert_int_equal(a.e, ERR_OK);
	assert_int_equal(b.e, ERR_OK);
	assert_true(a.tries + b.tries >= 3);
	assert_int_equal(run(f, "SELECT * FROM sql_test WHERE n = 2").count, 2); /* each exactly once */
}

struct outcome {
	int tries;
	enum err e;
};

static enum err insert_body(struct sql_conn *c, void *ctx)
{
	struct outcome *o = ctx;
	enum err e;

	sql_set_statement_ms(c, 5000);
	e = sql_run(c, "INSERT INTO sql_test VALUES (7)", NULL, 0, NULL, NULL);

	o->tries++;
	return e == ERR_OK ? o->e : e;
}

static void test_transaction_bodies(void **state)
{
	struct fixture *f = *state;
	struct outcome ok = { .e = ERR_OK }, missing = { .e = ERR_NOT_FOUND }, conflict = { .e = ERR_CONFLICT };
	enum err e = ERR_OK;
	int64_t begin;

	fresh_table(f, "id INT PRIMARY KEY");
	assert_int_equal(sql_transaction(f->db, clock_mono_us() + 5 * SECOND, insert_body, &missing), ERR_NOT_FOUND);
	assert_int_equal(missing.tries, 1);
	assert_int_equal(run(f, "SELECT * FROM sql_test").count, 0);
	/* Conflicts without end. On a busy machine an attempt may be cut instead, hence several tries. */
	for (int i = 0; i < 10 && e != ERR_BUSY; i++) {
		begin = clock_mono_us();
		conflict.tries = 0;
		e = sql_transaction(f->db, begin + 500 * MS, insert_body, &conflict);
		assert_true(e == ERR_BUSY || e == ERR_UNAVAILABLE || e == ERR_TIMEOUT);
		assert_true(clock_mono_us() - begin < 5 * SECOND);
	}
	assert_int_equal(e, ERR_BUSY);
	assert_true(conflict.tries > 1);
	assert_int_equal(run(f, "SELECT * FROM sql_test").count, 0);
	assert_int_equal(sql_transaction(f->db, clock_mono_us() + 5 * SECOND, insert_body, &ok), ERR_OK);
	assert_int_equal(run(f, "SELECT * FROM sql_test").count, 1);
	assert_int_equal(sql_transaction(f->db, clock_mono_us() + 5 * SECOND, insert_body, &ok), ERR_DUPLICATE);
}

/* ---- settings and the first words on a connection ---- */

struct greeting {
	int calls;
	bool answer;
};

static bool greet(void *ctx, struct sql_conn *c)
{
	struct greeting *g = ctx;

	__atomic_add_fetch(&g->calls, 1, __ATOMIC_SEQ_CST);
	assert_int_equal(sql_run(c, "SET @greeted = 1", NULL, 0, NULL, NULL), ERR_OK);
	sql_set_deadline(c, 1); /* must not stay on the connection */
	assert_int_equal(sql_run(c, "SELECT 1", NULL, 0, NULL, NULL), ERR_TIMEOUT);
	return g->answer;
}

static void test_on_connect(void **state)
{
	struct greeting yes = { .answer = true }, no = { .answer = false };
	struct sql_options o = { .url = server_url("TEST_MYSQL_URL"), .connections = 1, .on_connect = greet };
	struct arena *arena = arena_create(4096, 65536);
	struct sql_rows rows;
	struct sql_conn *c;
	struct sql_db *db;
	const char *why;

	(void)state;
	o.ctx = &yes;
	db = sql_db_create(&o, &why);
	assert_true(sql_db_wait_up(db, 10000));
	c = take(db);
	assert_int_equal(sql_run(c, "SELECT @greeted", NULL, 0, arena, &rows), ERR_OK);
	assert_text(sql_cell(&rows, 0, 0), "1");
	sql_release(&c);
	c = open_own(db); /* of its own, and not greeted */
	assert_int_equal(sql_run(c, "SELECT @greeted", NULL, 0, arena, &rows), ERR_OK);
	assert_null(sql_cell(&rows, 0, 0).ptr);
	sql_close(&c);
	sql_close(&c); /* once more does nothing */
	arena_free(&arena);
	sql_db_free(&db);
	assert_true(yes.calls >= 1);
	o.ctx = &no;
	db = sql_db_create(&o, &why);
	assert_false(sql_db_wait_up(db, 300));
	assert_false(sql_db_is_up(db));
	sql_db_free(&db);
	assert_true(no.calls > 1);
}

/* A refusal for want of room is known, and what writes on each new connection is asked whether there is some again. */
static void test_full(void **state)
{
	struct greeting g = { .answer = true };
	struct sql_options o = { .url = server_url("TEST_MYSQL_URL"), .connections = 1, .on_connect = greet, .ctx = &g };
	int64_t until_us = clock_mono_us() + 10000000;
	struct sql_conn *c;
	struct sql_db *db;
	const char *why;
	int calls;

	(void)state;
	db = sql_db_create(&o, &why);
	assert_true(sql_db_wait_up(db, 10000));
	c = take(db);
	assert_false(sql_db_is_full(db));
	assert_int_equal(sql_run_text(c, SLICE_LIT("SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1021"), NULL, NULL), ERR_FULL);
	assert_true(sql_db_is_full(db));
	calls = __atomic_load_n(&g.calls, __ATOMIC_SEQ_CST);
	sql_release(&c);
	while (__atomic_load_n(&g.calls, __ATOMIC_SEQ_CST) < calls + 2 && clock_mono_us() < until_us)
		usleep(10000);
	assert_true(g.calls >= calls + 2);
	assert_true(sql_db_is_full(db));
	until_us = clock_mono_us() + 20000000;
	while (sql_db_is_full(db) && clock_mono_us() < until_us)
		usleep(10000);
	assert_false(sql_db_is_full(db));
	sql_db_free(&db);
}

static void test_wrong_password(void **state)
{
	const char *url = server_url("TEST_MYSQL_URL").ptr;
	const char *at = strrchr(url, '@');
	char wrong[SERVERS_URL_BYTES];
	struct sql_options o = { .connections = 1 };
	struct sql_conn *c;
	struct sql_db *db;
	const char *why;

	(void)state;
	(void)snprintf(wrong, sizeof(wrong), "mysql://nobody:wrong%%20one%s", at);
	o.url = slice_str(wrong);
	db = sql_db_create(&o, &why);
	assert_non_null(db);
	assert_int_equal(sql_open(db, &c), ERR_UNAVAILABLE);
	assert_null(c);
	assert_false(sql_db_wait_up(db, 200));
	assert_int_equal(sql_acquire(db, clock_mono_us() + SECOND, &c), ERR_UNAVAILABLE);
	sql_db_free(&db);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls),
		TEST(test_values_go_and_come_back),
		TEST(test_types_without_a_table),
		TEST(test_long_texts),
		TEST(test_rows_and_counts),
		TEST(test_quote),
		TEST(test_result_beyond_the_arena),
		TEST(test_errors_of_the_server),
		TEST(test_log_keeps_values_out),
		TEST(test_table_changed_under_a_prepared_statement),
		TEST(test_statement_is_prepared_again),
		TEST(test_session),
		TEST(test_transaction_by_hand),
		TEST(test_conflict_dooms_the_transaction),
		TEST(test_lock_or_fail),
		TEST(test_lock_or_fail_without_a_transaction),
		TEST(test_deadlock_is_tried_again),
		TEST(test_transaction_bodies),
		cmocka_unit_test(test_on_connect),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_wrong_password),
	};

	server_url("TEST_MYSQL_URL"); /* ends the program when it is not there */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
