/* logident_test.c - how a new log is noticed, and how instances agree on its UUID, on a real database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "shared/svc/logident.h"
#include "tests/unit/support/servers.h"

#define SECOND 1000000

static const struct topic topic = { .name = "logident.test", .domain = "test", .partitions = 3 };

static struct sql_db *db;
static struct sql_conn *conn;
static struct arena *arena;
static struct logident *ours, *theirs; /* of two instances */

static struct sql_rows run(const char *text)
{
	struct sql_rows rows;

	if (sql_run_text(conn, slice_str(text), arena, &rows) != ERR_OK)
		fail_msg("%s", text);
	return rows;
}

static int setup_group(void **state)
{
	struct sql_options o = { .url = server_url("TEST_MYSQL_URL"), .connections = 2 };
	const char *why = NULL;

	(void)state;
	db = sql_db_create(&o, &why);
	arena = arena_create(4096, 1 << 20);
	return db != NULL && sql_db_wait_up(db, 10000) && sql_acquire(db, clock_mono_us() + SECOND, &conn) == ERR_OK ? 0 : -1;
}

static int teardown_group(void **state)
{
	(void)state;
	run("DROP TABLE relay_position");
	sql_release(&conn);
	sql_db_free(&db);
	arena_free(&arena);
	return 0;
}

/* As the migrations make it. */
static int setup(void **state)
{
	(void)state;
	sql_set_statement_ms(conn, 5000);
	run("DROP TABLE IF EXISTS relay_position");
	run("CREATE TABLE relay_position ("
	    " topic varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, partition_id int NOT NULL,"
	    " log_uuid char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '', last_offset bigint NOT NULL DEFAULT -1,"
	    " own_next bigint unsigned NOT NULL DEFAULT 0, PRIMARY KEY (topic, partition_id)) ENGINE=InnoDB");
	ours = logident_create(&topic);
	theirs = logident_create(&topic);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	logident_free(&ours);
	logident_free(&theirs);
	assert_null(ours);
	return 0;
}

static struct slice stored(const char *column, const char *partition)
{
	struct sql_rows rows =
		run(arena_printf(arena, "SELECT %s FROM relay_position WHERE topic = 'logident.test' AND partition_id = %s", column,
				 partition)
			    .ptr);

	assert_int_equal(rows.count, 1);
	return sql_cell(&rows, 0, 0);
}

static void first_start_makes_one_uuid_for_all(void **state)
{
	(void)state;
	assert_string_equal(logident_uuid(ours), "");
	assert_int_equal(logident_load(ours, conn), ERR_OK);
	assert_int_equal(strlen(logident_uuid(ours)), CLOCK_UUID_LEN);
	assert_true(slice_eq(stored("COUNT(DISTINCT log_uuid)", "0 OR 1"), SLICE_LIT("1")));
	assert_true(slice_eq(stored("log_uuid", "2"), slice_str(logident_uuid(ours))));
	for (int32_t p = 0; p < 3; p++)
		assert_int_equal(logident_last(ours, p), -1);
	assert_int_equal(logident_load(theirs, conn), ERR_OK);
	assert_string_equal(logident_uuid(theirs), logident_uuid(ours));
}

/* Rows that something else made (the relay's own_next) get a UUID and keep the rest. */
static void rows_without_uuid(void **state)
{
	(void)state;
	run("INSERT INTO relay_position (topic, partition_id, own_next) VALUES ('logident.test', 0, 7), ('logident.test', 2, 9)");
	assert_int_equal(logident_load(ours, conn), ERR_OK);
	assert_int_equal(strlen(logident_uuid(ours)), CLOCK_UUID_LEN);
	assert_true(slice_eq(stored("log_uuid", "0"), slice_str(logident_uuid(ours))));
	assert_true(slice_eq(stored("log_uuid", "1"), slice_str(logident_uuid(ours))));
	assert_true(slice_eq(stored("own_next", "0"), SLICE_LIT("7")));
	assert_true(slice_eq(stored("own_next", "2"), SLICE_LIT("9")));
}

static void offsets_are_kept_and_never_go_back(void **state)
{
	(void)state;
	assert_int_equal(logident_load(ours, conn), ERR_OK);
	assert_int_equal(logident_load(theirs, conn), ERR_OK);
	assert_false(logident_delivered(ours, 1, 10));
	assert_false(logident_delivered(ours, 1, 12));
	assert_false(logident_delivered(ours, 2, -1)); /* a place that is not known */
	assert_int_equal(logident_save(ours, conn), ERR_OK);
	assert_true(slice_eq(stored("last_offset", "1"), SLICE_LIT("12")));
	assert_true(slice_eq(stored("last_offset", "2"), SLICE_LIT("-1")));
	assert_false(logident_delivered(theirs, 1, 11)); /* delivered before ours, saved after it */
	assert_int_equal(logident_save(theirs, conn), ERR_OK);
	assert_true(slice_eq(stored("last_offset", "1"), SLICE_LIT("12")));
	assert_int_equal(logident_load(theirs, conn), ERR_OK);
	assert_int_equal(logident_last(theirs, 1), 12);
}

static void a_delivery_at_or_below_the_last_is_a_new_log(void **state)
{
	char old[CLOCK_UUID_LEN + 1];

	(void)state;
	assert_int_equal(logident_load(ours, conn), ERR_OK);
	memcpy(old, logident_uuid(ours), sizeof(old));
	assert_false(logident_delivered(ours, 0, 100));
	assert_false(logident_delivered(ours, 1, 100));
	assert_int_equal(logident_save(ours, conn), ERR_OK);
	assert_true(logident_delivered(ours, 1, 100));
	assert_true(logident_delivered(ours, 1, 101));
	assert_true(logident_is_new(ours));
	assert_string_equal(logident_uuid(ours), old); /* until it is renewed */
	assert_int_equal(logident_renew(ours, conn), ERR_OK);
	assert_false(logident_is_new(ours));
	assert_true(strcmp(logident_uuid(ours), old) > 0);
	for (int p = 0; p < 3; p++)
		assert_true(slice_eq(stored("log_uuid", p == 0 ? "0" : p == 1 ? "1" : "2"), slice_str(logident_uuid(ours))));
	assert_true(slice_eq(stored("last_offset", "0"), SLICE_LIT("-1")));
	assert_true(slice_eq(stored("last_offset", "1"), SLICE_LIT("101"))); /* noted since */
	assert_false(logident_delivered(ours, 0, 0));
}

static void a_new_log_is_noticed_after_a_restart(void **state)
{
	(void)state;
	assert_int_equal(logident_load(ours, conn), ERR_OK);
	assert_false(logident_delivered(ours, 2, 5));
	assert_int_equal(logident_save(ours, conn), ERR_OK);
	assert_int_equal(logident_load(theirs, conn), ERR_OK);
	assert_true(logident_delivered(theirs, 2, 5));
}

/* Whoever comes second takes what the first one stored. */
static void two_instances_agree(void **state)
{
	(void)state;
	assert_int_equal(logident_load(ours, conn), ERR_OK);
	assert_int_equal(logident_load(theirs, conn), ERR_OK);
	assert_false(logident_delivered(ours, 0, 50));
	assert_false(logident_delivered(theirs, 0, 51));
	assert_true(logident_delivered(ours, 0, 0));
	assert_true(logident_delivered(theirs, 0, 1));
	assert_int_equal(logident_renew(ours, conn), ERR_OK);
	assert_int_equal(logident_renew(theirs, conn), ERR_OK);
	assert_string_equal(logident_uuid(ours), logident_uuid(theirs));
	assert_int_equal(logident_last(theirs, 0), 1);
	assert_true(slice_eq(stored("last_offset", "0"), SLICE_LIT("1")));
}

static void saving_tells_that_the_log_was_renewed(void **state)
{
	(void)state;
	assert_int_equal(logident_load(ours, conn), ERR_OK);
	assert_int_equal(logident_load(theirs, conn), ERR_OK);
	assert_false(logident_delivered(ours, 0, 50));
	assert_true(logident_delivered(ours, 0, 50));
	assert_int_equal(logident_renew(ours, conn), ERR_OK);
	assert_false(logident_delivered(theirs, 1, 70));
	assert_int_equal(logident_save(theirs, conn), ERR_MOVED);
	assert_string_equal(logident_uuid(ours), logident_uuid(theirs));
	assert_int_equal(logident_last(theirs, 1), -1); /* it was of the log before */
	assert_int_equal(logident_last(theirs, 0), 50);
	assert_int_equal(logident_save(theirs, conn), ERR_OK);
}

static void while_the_log_is_new_nothing_is_saved(void **state)
{
	(void)state;
	assert_int_equal(logident_load(ours, conn), ERR_OK);
	assert_false(logident_delivered(ours, 0, 50));
	assert_int_equal(logident_save(ours, conn), ERR_OK);
	assert_true(logident_delivered(ours, 0, 3));
	assert_int_equal(logident_save(ours, conn), ERR_OK);
	assert_true(slice_eq(stored("last_offset", "0"), SLICE_LIT("50")));
	assert_int_equal(logident_load(ours, conn), ERR_OK); /* the stored offsets are the old log's */
	assert_int_equal(logident_last(ours, 0), 3);
	assert_true(logident_is_new(ours));
}

static void a_lost_topic(void **state)
{
	char old[CLOCK_UUID_LEN + 1];

	(void)state;
	assert_int_equal(logident_load(ours, conn), ERR_OK);
	memcpy(old, logident_uuid(ours), sizeof(old));
	logident_lost(ours); /* the first start: nothing was ever delivered */
	assert_false(logident_is_new(ours));
	assert_int_equal(logident_renew(ours, conn), ERR_OK);
	assert_string_equal(logident_uuid(ours), old);
	assert_false(logident_delivered(ours, 0, 9));
	logident_lost(ours);
	assert_true(logident_is_new(ours));
	assert_int_equal(logident_renew(ours, conn), ERR_OK);
	assert_true(strcmp(logident_uuid(ours), old) > 0);
}

static void without_the_table(void **state)
{
	(void)state;
	assert_int_equal(logident_load(ours, conn), ERR_OK);
	assert_false(logident_delivered(ours, 0, 9));
	assert_int_equal(logident_load(theirs, conn), ERR_OK);
	assert_false(logident_delivered(theirs, 0, 9));
	assert_true(logident_delivered(theirs, 0, 9));
	run("DROP TABLE relay_position");
	assert_int_equal(logident_save(ours, conn), ERR_INTERNAL);
	assert_int_equal(logident_load(ours, conn), ERR_INTERNAL);
	assert_int_equal(logident_renew(theirs, conn), ERR_INTERNAL);
	assert_true(logident_is_new(theirs));
	logident_free(&ours);
	logident_free(&theirs);
	setup(state);
	assert_int_equal(logident_load(ours, conn), ERR_OK);
}

/* The rows were emptied under a running instance, as by a database that was made anew. */
static void emptied_table(void **state)
{
	char old[CLOCK_UUID_LEN + 1];

	(void)state;
	assert_int_equal(logident_load(ours, conn), ERR_OK);
	memcpy(old, logident_uuid(ours), sizeof(old));
	assert_false(logident_delivered(ours, 0, 9));
	run("DELETE FROM relay_position");
	assert_int_equal(logident_save(ours, conn), ERR_MOVED);
	assert_true(strcmp(logident_uuid(ours), old) > 0);
}

static void later_uuids_sort_after_earlier_ones(void **state)
{
	/* of the year 10889, as a clock that was wrong leaves it */
	char last[CLOCK_UUID_LEN + 1] = "fffffffe-ffff-7abc-8def-0123456789ab", next[CLOCK_UUID_LEN + 1];

	(void)state;
	logident_next_uuid("", next);
	assert_int_equal(strlen(next), CLOCK_UUID_LEN);
	for (int i = 0; i < 10; i++) {
		logident_next_uuid(last, next);
		assert_int_equal(strlen(next), CLOCK_UUID_LEN);
		assert_int_equal(next[14], '7');
		assert_true(strcmp(next, last) > 0);
		memcpy(last, next, sizeof(last));
	}
	logident_next_uuid("~ not a UUID", next);
	assert_int_equal(strlen(next), CLOCK_UUID_LEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(first_start_makes_one_uuid_for_all, setup, teardown),
		cmocka_unit_test_setup_teardown(rows_without_uuid, setup, teardown),
		cmocka_unit_test_setup_teardown(offsets_are_kept_and_never_go_back, setup, teardown),
		cmocka_unit_test_setup_teardown(a_delivery_at_or_below_the_last_is_a_new_log, setup, teardown),
		cmocka_unit_test_setup_teardown(a_new_log_is_noticed_after_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(two_instances_agree, setup, teardown),
		cmocka_unit_test_setup_teardown(saving_tells_that_the_log_was_renewed, setup, teardown),
		cmocka_unit_test_setup_teardown(while_the_log_is_new_nothing_is_saved, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lost_topic, setup, teardown),
		cmocka_unit_test_setup_teardown(without_the_table, setup, teardown),
		cmocka_unit_test_setup_teardown(emptied_table, setup, teardown),
		cmocka_unit_test(later_uuids_sort_after_earlier_ones),
	};

	return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
