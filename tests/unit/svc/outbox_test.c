/* outbox_test.c - the outbox's SQL against a real server: order, rewriting, floor, snapshots, state. */
#include "shared/svc/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/support/domain.h"

#define SOON_US 10000000

static int setup(void **state)
{
	struct domain *d = calloc(1, sizeof(*d));

	*state = d;
	domain_open(d, true);
	return 0;
}

static int teardown(void **state)
{
	domain_close(*state);
	free(*state);
	return 0;
}

static struct outbox_row *read_all(struct domain *d, size_t *count)
{
	struct outbox_row *rows;

	assert_int_equal(outbox_read(d->c, &d->table, d->arena, 0, NULL, 0, 10000, &rows, count), ERR_OK);
	return rows;
}

static void test_read_and_delete(void **state)
{
	struct domain *d = *state;
	struct outbox_row *rows, *found;
	uint64_t ids[3], *all, highest;
	size_t count, n, deleted;

	assert_int_equal(outbox_highest(d->c, d->arena, &highest), ERR_OK);
	assert_int_equal(highest, 0);
	domain_sql(d, "INSERT INTO thing VALUES (1, 1, '가'), (2, 1, 'b'), (3, 1, 'c'), (4, 1, 'd')");
	domain_sql(d, "DELETE FROM thing WHERE id = 2");
	domain_sql(d, "INSERT INTO outbox (aggregatetype, aggregateid, type, created) VALUES ('other', '1', 'changed', NOW(6))");
	rows = read_all(d, &count);
	assert_int_equal(count, 5); /* not the other table's */
	for (size_t i = 1; i < count; i++)
		assert_true(rows[i - 1].id < rows[i].id);
	assert_true(slice_eq(rows[0].key, SLICE_LIT("1:1")) && slice_eq(rows[0].type, SLICE_LIT("changed")));
	assert_true(slice_eq(rows[0].payload, SLICE_LIT("{\"id\": 1, \"owner\": 1, \"name\": \"가\"}")));
	assert_null(rows[4].payload.ptr);
	assert_true(llabs(rows[0].created_us - clock_wall_us()) < 60000000);
	/* Above one, and two below it by id; the highest ones are cut off by the limit. */
	ids[0] = rows[0].id;
	ids[1] = rows[2].id;
	ids[2] = rows[4].id + 1000;
	assert_int_equal(outbox_read(d->c, &d->table, d->arena, rows[2].id, ids, 3, 3, &found, &n), ERR_OK);
	assert_int_equal(n, 3);
	assert_true(found[0].id == rows[0].id && found[1].id == rows[2].id && found[2].id == rows[3].id);
	assert_int_equal(outbox_ids(d->c, &d->table, d->arena, rows[0].id, rows[3].id, 100, &all, &n), ERR_OK);
	assert_int_equal(n, 3);
	assert_int_equal(outbox_delete(d->c, d->arena, ids, 0, &deleted), ERR_OK);
	assert_int_equal(deleted, 0);
	assert_int_equal(outbox_delete(d->c, d->arena, ids, 3, &deleted), ERR_OK);
	assert_int_equal(deleted, 2);
	rows = read_all(d, &count);
	assert_int_equal(count, 3);
	assert_true(rows[0].id != ids[0] && rows[1].id != ids[1]);
}

/* Deleting looks at the rows it names and at no other: it waits for nobody. */
static void test_delete_does_not_wait_for_writers(void **state)
{
	struct domain *d = *state;
	struct sql_conn *other = NULL;
	uint64_t ids[300];
	struct outbox_row *rows;
	size_t count, deleted;
	int64_t start_us;

	domain_sql(d, "INSERT INTO thing SELECT seq, 1, 'n' FROM seq_1_to_300");
	rows = read_all(d, &count);
	assert_int_equal(count, 300);
	for (size_t i = 0; i < count; i++)
		ids[i] = rows[i].id;
	assert_int_equal(sql_open(d->sql, &other), ERR_OK);
	domain_sql_on(d, other, "BEGIN");
	domain_sql_on(d, other, "INSERT INTO thing VALUES (500, 1, 'open')");
	start_us = clock_mono_us();
	assert_int_equal(outbox_delete(d->c, d->arena, ids, 300, &deleted), ERR_OK);
	assert_true(clock_mono_us() - start_us < 900000); /* a lock is waited for at least a second */
	domain_sql_on(d, other, "COMMIT");
	sql_close(&other);
	assert_int_equal(domain_number(d, "SELECT COUNT(*) FROM outbox"), 1);
}

static void test_rewrite(void **state)
{
	struct domain *d = *state;
	struct outbox_row *rows, *fresh;
	size_t count, left;
	uint64_t highest;

	domain_sql(d, "INSERT INTO thing VALUES (1, 1, 'a'), (2, 1, 'b')");
	domain_sql(d, "UPDATE thing SET name = 'a2' WHERE id = 1");
	domain_sql(d, "DELETE FROM thing WHERE id = 2");
	domain_sql(d, "INSERT INTO outbox (aggregatetype, aggregateid, type, created) VALUES ('thing', '~begin', 'begin', NOW(6))");
	rows = read_all(d, &count);
	assert_int_equal(count, 5);
	highest = rows[4].id;
	assert_int_equal(outbox_rewrite(d->sql, &d->table, rows, count, clock_mono_us() + SOON_US, &left), ERR_OK);
	assert_int_equal(left, 0);
	fresh = read_all(d, &count);
	assert_int_equal(count, 2); /* each key once, controls not at all */
	assert_true(fresh[0].id > highest);
	assert_true(slice_eq(fresh[0].key, SLICE_LIT("1:1")) && slice_eq(fresh[0].type, SLICE_LIT("rewritten")));
	assert_true(slice_eq(fresh[0].payload, SLICE_LIT("{\"id\": 1, \"owner\": 1, \"name\": \"a2\"}")));
	assert_true(slice_eq(fresh[1].key, SLICE_LIT("1:2")) && slice_eq(fresh[1].type, SLICE_LIT("deleted")));
	assert_null(fresh[1].payload.ptr);
}

/* The newest row of the key, as "type payload". */
static const char *newest(struct domain *d, const char *key)
{
	struct sql_rows r = domain_sql(d, "SELECT CONCAT(type, ' ', COALESCE(JSON_VALUE(payload, '$.name'), '-')) FROM outbox"
					  " WHERE aggregateid = '%s' ORDER BY id DESC LIMIT 1", key);

	return r.count == 1 ? sql_cell(&r, 0, 0).ptr : "";
}

/* Keys that somebody holds locked are left: that a key is not there is said only of one that nobody may be inserting or deleting. */
static void test_rewrite_of_locked_keys(void **state)
{
	struct domain *d = *state;
	struct outbox_row *rows;
	struct sql_conn *other = NULL;
	size_t count, left;
	int64_t start_us;

	domain_sql(d, "INSERT INTO thing VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 1, 'c'), (4, 1, 'd'), (5, 1, 'e')");
	domain_sql(d, "DELETE FROM thing WHERE id IN (3, 5)");
	rows = read_all(d, &count);
	assert_int_equal(count, 7);
	assert_int_equal(sql_open(d->sql, &other), ERR_OK);
	domain_sql_on(d, other, "BEGIN");
	domain_sql_on(d, other, "SELECT * FROM thing WHERE id = 1 FOR UPDATE");
	domain_sql_on(d, other, "DELETE FROM thing WHERE id = 2");
	domain_sql_on(d, other, "INSERT INTO thing VALUES (3, 1, 'c2')");
	start_us = clock_mono_us();
	assert_int_equal(outbox_rewrite(d->sql, &d->table, rows, count, start_us + SOON_US, &left), ERR_OK);
	assert_true(clock_mono_us() - start_us < 900000); /* another wait for a lock takes a second */
	assert_int_equal(left, 4);
	assert_true(slice_eq(rows[0].key, SLICE_LIT("1:1")) && slice_eq(rows[1].key, SLICE_LIT("1:2")));
	assert_true(slice_eq(rows[2].key, SLICE_LIT("1:3")) && slice_eq(rows[3].key, SLICE_LIT("1:3")));
	assert_string_equal(newest(d, "1:1"), "changed a");
	assert_string_equal(newest(d, "1:2"), "changed b");
	assert_string_equal(newest(d, "1:3"), "deleted -");
	assert_string_equal(newest(d, "1:4"), "rewritten d");
	assert_string_equal(newest(d, "1:5"), "deleted -");
	assert_int_equal(domain_number(d, "SELECT COUNT(*) FROM outbox"), 6);
	domain_sql_on(d, other, "ROLLBACK");
	sql_close(&other);
	assert_int_equal(outbox_rewrite(d->sql, &d->table, rows, left, clock_mono_us() + SOON_US, &left), ERR_OK);
	assert_int_equal(left, 0);
	assert_string_equal(newest(d, "1:1"), "rewritten a");
	assert_string_equal(newest(d, "1:2"), "rewritten b");
	assert_string_equal(newest(d, "1:3"), "deleted -");
	assert_int_equal(domain_number(d, "SELECT COUNT(*) FROM outbox"), 5);
}

/* A database that does not answer: nothing by halves. */
static void test_rewrite_that_fails(void **state)
{
	struct domain *d = *state;
	struct outbox_row *rows;
	struct sql_conn *other = NULL;
	size_t count, left;

	domain_sql(d, "INSERT INTO thing VALUES (1, 1, 'a'), (2, 1, 'b')");
	rows = read_all(d, &count);
	assert_int_equal(sql_open(d->sql, &other), ERR_OK);
	domain_sql_on(d, other, "BEGIN");
	domain_sql_on(d, other, "SELECT * FROM outbox WHERE id = %llu FOR UPDATE", (unsigned long long)rows[1].id);
	assert_int_not_equal(outbox_rewrite(d->sql, &d->table, rows, count, clock_mono_us() + 300000, &left), ERR_OK);
	assert_int_equal(left, 2);
	assert_true(slice_eq(rows[0].key, SLICE_LIT("1:1")) && slice_eq(rows[1].key, SLICE_LIT("1:2")));
	domain_sql_on(d, other, "ROLLBACK");
	sql_close(&other);
	assert_int_equal(domain_number(d, "SELECT COUNT(*) FROM outbox WHERE type = 'changed'"), 2);
}

static void test_floor(void **state)
{
	struct domain *d = *state;
	uint64_t floor = (uint64_t)clock_wall_us();

	assert_int_equal(outbox_floor(d->c, floor), ERR_OK);
	assert_int_equal(outbox_floor(d->c, 5), ERR_OK); /* never back */
	domain_sql(d, "INSERT INTO thing VALUES (1, 1, 'a')");
	assert_true(domain_number(d, "SELECT id FROM outbox") > floor);
	assert_int_equal(outbox_floor(d->c, domain_number(d, "SELECT id FROM outbox")), ERR_OK); /* taken: then it is high enough */
	assert_int_equal(domain_number(d, "SELECT COUNT(*) FROM outbox"), 1);
}

static void test_snapshot(void **state)
{
	struct domain *d = *state;
	int64_t deadline_us = clock_mono_us() + SOON_US;
	uint64_t begin = 0, order = 0;
	struct outbox_row *rows;
	size_t count, chunks = 0;

	domain_sql(d, "INSERT INTO thing SELECT seq * 3, seq, 'it''s' FROM seq_1_to_25");
	domain_sql(d, "DELETE FROM outbox");
	assert_int_equal(outbox_snapshot_begin(d->sql, &d->table, deadline_us, &begin), ERR_OK);
	do {
		assert_int_equal(outbox_snapshot_chunk(d->sql, &d->table, deadline_us, 10, &order, &count), ERR_OK);
		chunks++;
	} while (count > 0);
	assert_int_equal(chunks, 4);
	assert_int_equal(order, 75);
	assert_int_equal(outbox_snapshot_end(d->sql, &d->table, deadline_us, begin), ERR_OK);
	rows = read_all(d, &count);
	assert_int_equal(count, 27);
	assert_true(slice_eq(rows[0].key, SLICE_LIT("~begin")) && rows[0].payload.ptr == NULL && rows[0].id == begin);
	for (size_t i = 1; i < 26; i++) {
		assert_true(slice_eq(rows[i].key, arena_printf(d->arena, "%zu:%zu", i, i * 3)));
		assert_true(slice_eq(rows[i].type, SLICE_LIT("snapshot")));
	}
	assert_true(slice_eq(rows[25].payload, SLICE_LIT("{\"id\": 75, \"owner\": 25, \"name\": \"it's\"}")));
	assert_true(slice_eq(rows[26].key, SLICE_LIT("~end")));
	assert_true(slice_eq(rows[26].payload, arena_printf(d->arena, "{\"begin\":\"%016llu\"}", (unsigned long long)begin)));
}

static void test_snapshot_of_a_locked_row(void **state)
{
	struct domain *d = *state;
	struct sql_conn *other = NULL;
	uint64_t order = 0;
	size_t count;

	domain_sql(d, "INSERT INTO thing VALUES (1, 1, 'a'), (2, 1, 'b')");
	domain_sql(d, "DELETE FROM outbox");
	assert_int_equal(sql_open(d->sql, &other), ERR_OK);
	domain_sql_on(d, other, "BEGIN");
	domain_sql_on(d, other, "UPDATE thing SET name = 'b2' WHERE id = 2");
	assert_int_equal(outbox_snapshot_chunk(d->sql, &d->table, clock_mono_us() + 2500000, 10, &order, &count), ERR_BUSY);
	assert_int_equal(order, 0);
	assert_true(sql_db_is_up(d->sql));
	domain_sql_on(d, other, "COMMIT");
	sql_close(&other);
	assert_int_equal(domain_number(d, "SELECT COUNT(*) FROM outbox WHERE type = 'snapshot'"), 0);
	assert_int_equal(outbox_snapshot_chunk(d->sql, &d->table, clock_mono_us() + SOON_US, 10, &order, &count), ERR_OK);
	assert_int_equal(count, 2);
	/* The row's own change comes first, the copy of its state behind it. It is a second old by now, so it may be late. */
	assert_int_equal(domain_number(d, "SELECT COUNT(*) FROM outbox AS o JOIN outbox AS s ON s.id > o.id AND s.aggregateid = o.aggregateid"
					  " WHERE o.type = 'changed' AND s.type = 'rewritten' AND s.payload LIKE '%b2%'"), 1);
	assert_int_equal(domain_number(d, "SELECT COUNT(*) FROM outbox WHERE type = 'snapshot' AND aggregateid = '1:1'"), 1);
}

static void add_old_row(struct domain *d, const char *table, const char *key, int age_ms)
{
	domain_sql(d, "INSERT INTO outbox (aggregatetype, aggregateid, type, created) VALUES"
		      " ('%s', '%s', 'changed', UTC_TIMESTAMP(6) - INTERVAL %d MICROSECOND)", table, key, age_ms * 1000);
}

/* Only rows of this table's outbox, only such as are old enough, only the keys that they name. */
static void test_snapshot_beside_late_rows(void **state)
{
	struct domain *d = *state;
	uint64_t order = 0;
	size_t count;

	domain_sql(d, "INSERT INTO thing SELECT seq, 1, 'n' FROM seq_1_to_12");
	domain_sql(d, "DELETE FROM outbox");
	add_old_row(d, "thing", "1:1", 1100);
	add_old_row(d, "thing", "1:12", 60000);
	add_old_row(d, "thing", "1:999", 60000);
	add_old_row(d, "thing", "1:3", 0);
	add_old_row(d, "other", "1:4", 60000);
	assert_int_equal(outbox_snapshot_chunk(d->sql, &d->table, clock_mono_us() + SOON_US, 100, &order, &count), ERR_OK);
	assert_int_equal(count, 12);
	assert_int_equal(domain_number(d, "SELECT COUNT(*) FROM outbox WHERE type = 'rewritten' AND aggregateid IN ('1:1', '1:12')"), 2);
	assert_int_equal(domain_number(d, "SELECT COUNT(*) FROM outbox WHERE type = 'snapshot'"), 10);
}

static void test_state(void **state)
{
	struct domain *d = *state;
	struct slice value;
	int64_t next[DOMAIN_PARTITIONS], start_s;
	uint64_t n;

	assert_int_equal(outbox_state_get(d->c, d->arena, "a", &value), ERR_OK);
	assert_null(value.ptr);
	assert_int_equal(outbox_state_set(d->c, "a", SLICE_LIT("1")), ERR_OK);
	assert_int_equal(outbox_state_set(d->c, "a", SLICE_LIT("2")), ERR_OK);
	assert_int_equal(outbox_state_clear(d->c, "a", SLICE_LIT("1")), ERR_OK); /* not that any more */
	assert_int_equal(outbox_state_get(d->c, d->arena, "a", &value), ERR_OK);
	assert_true(slice_eq(value, SLICE_LIT("2")));
	assert_int_equal(outbox_state_clear(d->c, "a", SLICE_LIT("2")), ERR_OK);
	assert_int_equal(outbox_state_get(d->c, d->arena, "a", &value), ERR_OK);
	assert_null(value.ptr);
	assert_int_equal(outbox_own_next_get(d->c, d->arena, &d->topic, next), ERR_OK);
	assert_true(next[0] == 0 && next[1] == 0 && next[2] == 0);
	domain_sql(d, "INSERT INTO relay_position (topic, partition_id, own_next) VALUES ('%s', 1, 4), ('%s', 7, 9), ('x', 0, 3)", d->name,
		   d->name);
	assert_int_equal(outbox_own_next_set(d->c, &d->topic, 1, 5), ERR_OK);
	assert_int_equal(outbox_own_next_get(d->c, d->arena, &d->topic, next), ERR_OK);
	assert_true(next[0] == 0 && next[1] == 5 && next[2] == 0);
	assert_int_equal(outbox_triggers(d->c, d->arena, &n), ERR_OK);
	assert_int_equal(n, 3);
	domain_sql(d, "DROP FUNCTION captured_events");
	assert_int_equal(outbox_triggers(d->c, d->arena, &n), ERR_OK);
	assert_int_equal(n, 0);
	assert_int_equal(outbox_server_start(d->c, d->arena, &start_s), ERR_OK);
	assert_true(start_s > 0 && start_s <= clock_wall_us() / 1000000);
}

static void test_depth(void **state)
{
	struct domain *d = *state;
	uint64_t rows;
	int64_t age_us;

	assert_int_equal(outbox_depth(d->c, d->arena, &rows, &age_us), ERR_OK);
	assert_true(rows == 0 && age_us == 0);
	domain_sql(d, "INSERT INTO outbox (aggregatetype, aggregateid, type, created) VALUES"
		      " ('thing', '1:1', 'changed', UTC_TIMESTAMP(6) - INTERVAL 100 SECOND), ('thing', '1:2', 'changed', UTC_TIMESTAMP(6))");
	assert_int_equal(outbox_depth(d->c, d->arena, &rows, &age_us), ERR_OK);
	assert_int_equal(rows, 2);
	assert_in_range(age_us, 100000000, 160000000);
}

/* Counting what has piled up may take longer than a request may wait: that is no reason to throw a connection away. */
static void test_depth_of_a_long_outbox(void **state)
{
	struct domain *d = *state;
	struct sql_conn *c;
	uint64_t rows = 0;
	int64_t age_us;
	enum err e;

	domain_sql(d, "INSERT INTO outbox (aggregatetype, aggregateid, type, created) VALUES ('thing', '1:1', 'changed', UTC_TIMESTAMP(6))");
	domain_sql(d, "RENAME TABLE outbox TO piled_up");
	domain_sql(d, "CREATE VIEW outbox AS SELECT * FROM piled_up WHERE SLEEP(0.6) = 0");
	assert_int_equal(sql_acquire(d->sql, clock_mono_us() + 1000000, &c), ERR_OK);
	e = outbox_depth(c, d->arena, &rows, &age_us);
	sql_release(&c);
	domain_sql(d, "DROP VIEW outbox");
	domain_sql(d, "RENAME TABLE piled_up TO outbox");
	assert_int_equal(e, ERR_OK);
	assert_int_equal(rows, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_read_and_delete),
		TEST(test_delete_does_not_wait_for_writers),
		TEST(test_rewrite),
		TEST(test_rewrite_of_locked_keys),
		TEST(test_rewrite_that_fails),
		TEST(test_floor),
		TEST(test_snapshot),
		TEST(test_snapshot_of_a_locked_row),
		TEST(test_snapshot_beside_late_rows),
		TEST(test_state),
		TEST(test_depth),
		TEST(test_depth_of_a_long_outbox),
	};

	return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
