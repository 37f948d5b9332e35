/* relay_fault_test.c - the relay when sessions, databases, logs, Redis or Kafka go away under it.
 *
 * For the thread sanitizer, see tests/unit/support/c11_threads.c. link: -Wl,-u,thrd_create
 * Attempts to connect to Redis are counted, and Kafka can be made to refuse. link: -Wl,--wrap=resp_open
 * So can Redis, when it is to be swept. link: -Wl,--wrap=broker_produce
 * link: -Wl,--wrap=view_sweep
 */
#include "tests/unit/svc/relay_fixture.h"

#include <malloc.h>
#include <stdatomic.h>

#include "shared/svc/outbox.h"
#include "shared/svc/view_store.h"
#include "tests/unit/support/proxy.h"
#include "tests/unit/support/servers.h"

/* Attempts to connect to this Redis while its pool knew that it is away. */
static struct {
	_Atomic(struct resp_db *) db;
	atomic_uint in_vain;
} watched;

enum err __real_resp_open(struct resp_db *db, struct resp_conn **c);
enum err __wrap_resp_open(struct resp_db *db, struct resp_conn **c);
enum err __wrap_resp_open(struct resp_db *db, struct resp_conn **c)
{
	if (db == atomic_load(&watched.db) && !resp_db_is_up(db))
		atomic_fetch_add(&watched.in_vain, 1);
	return __real_resp_open(db, c);
}

static atomic_bool kafka_away;

enum err __real_broker_produce(struct broker_producer *p, const char *topic, const struct broker_record *r, void *tag);
enum err __wrap_broker_produce(struct broker_producer *p, const char *topic, const struct broker_record *r, void *tag);
enum err __wrap_broker_produce(struct broker_producer *p, const char *topic, const struct broker_record *r, void *tag)
{
	return atomic_load(&kafka_away) ? ERR_TIMEOUT : __real_broker_produce(p, topic, r, tag);
}

static atomic_uint sweeps_to_fail;

enum err __real_view_sweep(struct view *v, struct resp_conn *c, int32_t p, const struct view_position *at, bool check, uint64_t *removed);
enum err __wrap_view_sweep(struct view *v, struct resp_conn *c, int32_t p, const struct view_position *at, bool check, uint64_t *removed);
enum err __wrap_view_sweep(struct view *v, struct resp_conn *c, int32_t p, const struct view_position *at, bool check, uint64_t *removed)
{
	if (atomic_load(&sweeps_to_fail) == 0)
		return __real_view_sweep(v, c, p, at, check, removed);
	atomic_fetch_sub(&sweeps_to_fail, 1);
	return ERR_UNAVAILABLE;
}

/* The UUID that the newest mark names. */
static const char *marked_log(struct fixture *f)
{
	struct domain_record mark = last_of(f, EVENT_MARK);
	struct slice text = slice_sub(mark.value, sizeof("{\"log\":\"") - 1, sizeof("{\"log\":\"") - 1 + CLOCK_UUID_LEN);

	return text.len == CLOCK_UUID_LEN ? arena_copy(f->d.arena, text).ptr : "";
}

static void kill_leader(struct fixture *f)
{
	uint64_t id = domain_number(&f->d, "SELECT IS_USED_LOCK(CONCAT('moa.relay.', DATABASE()))");

	domain_sql(&f->d, "KILL CONNECTION %llu", (unsigned long long)id);
}

static void test_session_killed(void **state)
{
	struct fixture *f = *state;

	start_and_settle(f);
	kill_leader(f);
	domain_sql(&f->d, "INSERT INTO thing VALUES (1, 1, 'a')");
	UNTIL(SOON_MS, domain_counter(&f->d, "moa_relay_elections_total") == 2);
	assert_settles(f);
}

static uint64_t twin_counter(struct fixture *f, const char *name)
{
	struct domain d = f->d;

	d.metrics = f->twin_metrics;
	return domain_counter(&d, name);
}

static uint64_t twin_elections(struct fixture *f)
{
	return twin_counter(f, "moa_relay_elections_total");
}

static void test_twin_takes_over(void **state)
{
	struct fixture *f = *state;

	start_and_settle(f);
	start_twin(f);
	domain_sql(&f->d, "INSERT INTO thing VALUES (1, 1, 'a')");
	assert_settles(f);
	assert_int_equal(twin_elections(f), 0);
	stop_relay(&f->relay);
	domain_sql(&f->d, "INSERT INTO thing VALUES (2, 2, 'b')");
	UNTIL(SOON_MS, twin_elections(f) == 1);
	assert_settles(f);
}

/* The database was restored or replaced under the relay: what it has stored there is gone. */
static void test_database_replaced(void **state)
{
	struct fixture *f = *state;

	domain_sql(&f->d, "INSERT INTO thing VALUES (1, 1, 'a'), (2, 2, 'b')");
	start_and_settle(f);
	domain_sql(&f->d, "TRUNCATE thing"); /* unseen by triggers, as a restore is */
	domain_sql(&f->d, "TRUNCATE relay_state");
	UNTIL(SOON_MS, domain_counter(&f->d, "moa_relay_elections_total") == 2);
	UNTIL(SOON_MS, domain_counter(&f->d, "moa_audit_rounds_total") > f->rounds);
	UNTIL(SOON_MS, domain_held_is_table(&f->d));
}

/* The table alone was dropped and filled anew, unseen by triggers: a dump is being restored, and the relay's own tables, or its term,
 * came before this one.
 */
static void test_table_made_anew(void **state)
{
	struct fixture *f = *state;

	domain_sql(&f->d, "INSERT INTO thing VALUES (1, 1, 'a'), (2, 2, 'b')");
	start_and_settle(f);
	/* The server tells the time of a table in seconds. */
	UNTIL(SOON_MS, domain_number(&f->d, "SELECT NOW() > CREATE_TIME FROM information_schema.TABLES"
					    " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'thing'") == 1);
	domain_sql(&f->d, "CREATE TABLE kept AS SELECT id, owner, 'of yesterday' AS name FROM thing WHERE id = 1");
	domain_sql(&f->d, "DROP TABLE thing");
	domain_sql(&f->d, "CREATE TABLE thing (id int NOT NULL PRIMARY KEY, owner int NOT NULL, name varchar(64) NOT NULL) ENGINE=InnoDB");
	domain_sql(&f->d, "INSERT INTO thing SELECT * FROM kept");
	domain_sql(&f->d, "DROP TABLE kept");
	UNTIL(SOON_MS, domain_held_is_table(&f->d));
	UNTIL(SOON_MS, held_is(f, 1, 1, "of yesterday"));
}

static void test_topic_made_anew(void **state)
{
	struct fixture *f = *state;
	const char *log_before;

	domain_sql(&f->d, "INSERT INTO thing VALUES (1, 1, 'a'), (2, 2, 'b')");
	start_and_settle(f);
	UNTIL(SOON_MS, strlen(log_before = marked_log(f)) == CLOCK_UUID_LEN);
	domain_topic_delete(&f->d);
	domain_sql(&f->d, "INSERT INTO thing VALUES (3, 3, 'c')");
	UNTIL(SOON_MS, domain_counter(&f->d, "moa_audit_rounds_total") > f->rounds);
	UNTIL(SOON_MS, domain_topic_is_table(&f->d));
	UNTIL(SOON_MS, strcmp(marked_log(f), log_before) > 0);
	/* Its end names the log that it is in. */
	assert_true(slice_eq(slice_sub(last_of(f, EVENT_END).value, 8, 8 + CLOCK_UUID_LEN), slice_str(marked_log(f))));
}

static void test_own_copy_emptied(void **state)
{
	struct fixture *f = *state;
	struct view_state st;

	domain_sql(&f->d, "INSERT INTO thing VALUES (1, 1, 'a'), (2, 2, 'b')");
	start_and_settle(f);
	domain_redis(&f->d, "FLUSHALL");
	UNTIL(SOON_MS, domain_counter(&f->d, "moa_audit_rounds_total") > f->rounds);
	UNTIL(SOON_MS, domain_held_is_table(&f->d));
	UNTIL(SOON_MS, (view_state_get(f->own, &st), st.fresh));
	domain_sql(&f->d, "UPDATE thing SET name = 'a2' WHERE id = 1");
	assert_settles(f);
}

/* A successor whose Redis lacks what was taken out of the outbox does not trust it. */
static void test_own_copy_that_misses_something(void **state)
{
	struct fixture *f = *state;

	start_and_settle(f);
	for (int i = 1; i <= 9; i++)
		domain_sql(&f->d, "INSERT INTO thing VALUES (%d, %d, 'n')", i, i);
	assert_settles(f);
	start_twin(f);
	stop_relay(&f->relay);
	for (int32_t p = 0; p < DOMAIN_PARTITIONS; p++) {
		domain_redis(&f->d, "DEL m1:{%s:%d}:1", f->d.name, (int)p);
		domain_redis(&f->d, "HSET m1:{%s:%d}:pos next 0", f->d.name, (int)p);
	}
	UNTIL(SOON_MS, domain_held_is_table(&f->d));
}

static bool own_is_fresh(struct fixture *f)
{
	struct view_state st;

	view_state_get(f->own, &st);
	return st.fresh;
}

/* A Redis that is slow at the wrong moment: the copy is usable soon after, not only after the next audit. */
static void test_own_sweep_fails(void **state)
{
	struct fixture *f = *state;

	atomic_store(&sweeps_to_fail, 2);
	start(f);
	UNTIL(SOON_MS, own_is_fresh(f));
	assert_int_equal(atomic_load(&sweeps_to_fail), 0);
	UNTIL(SOON_MS, domain_counter(&f->d, "moa_audit_rounds_total") == 1);
	assert_settles(f);
}

/* The predecessor ended between its snapshot and the sweep. */
static void test_own_copy_not_swept(void **state)
{
	struct fixture *f = *state;

	domain_sql(&f->d, "INSERT INTO thing VALUES (1, 1, 'a')");
	start_and_settle(f);
	stop_relay(&f->relay);
	for (int32_t p = 0; p < DOMAIN_PARTITIONS; p++)
		domain_redis(&f->d, "HDEL m1:{%s:%d}:pos loaded loadedlog", f->d.name, (int)p);
	UNTIL(SOON_MS, !own_is_fresh(f));
	start_twin(f);
	UNTIL(SOON_MS, own_is_fresh(f));
	assert_settles(f);
}

/* A frozen Redis of its own: once that is known, Kafka does not wait each second for it to answer a new connection. */
static void test_own_redis_frozen(void **state)
{
	struct fixture *f = *state;
	struct relay_options o = domain_relay(&f->d, f->own);
	char url[SERVERS_URL_BYTES];
	struct proxy *proxy = proxy_for("TEST_REDIS_URL", url);
	const char *why;
	size_t marks;

	o.redis = resp_db_create(slice_str(url), 2, &why);
	assert_non_null(o.redis);
	assert_true(resp_db_wait_up(o.redis, SOON_MS));
	start_with(f, &o);
	UNTIL(SOON_MS, domain_counter(&f->d, "moa_audit_rounds_total") == 1);
	proxy_set(proxy, PROXY_STALL);
	UNTIL(SOON_MS, !resp_db_is_up(o.redis));
	atomic_store(&watched.db, o.redis);
	domain_sql(&f->d, "INSERT INTO thing VALUES (1, 1, 'a')");
	marks = domain_topic_count(&f->d, EVENT_KIND_MARK);
	UNTIL(SOON_MS, domain_topic_count(&f->d, EVENT_KIND_MARK) >= marks + 3 * DOMAIN_PARTITIONS);
	assert_non_null(last_of(f, "1:1").key.ptr);
	assert_int_equal(atomic_load(&watched.in_vain), 0);
	proxy_set(proxy, PROXY_PASS);
	assert_settles(f);
	stop_relay(&f->relay);
	resp_db_free(&o.redis);
	proxy_stop(&proxy);
}

/* As long as <seconds> marks take: one goes out each second. */
static void let_marks_pass(struct fixture *f, size_t seconds)
{
	size_t marks = domain_topic_count(&f->d, EVENT_KIND_MARK);

	UNTIL(SOON_MS, domain_topic_count(&f->d, EVENT_KIND_MARK) >= marks + seconds * DOMAIN_PARTITIONS);
}

/* A Redis without memory: told, and what the copy holds is not emptied for a snapshot that would not fit either. */
static void test_own_redis_out_of_memory(void **state)
{
	struct fixture *f = *state;

	domain_sql(&f->d, "INSERT INTO thing VALUES (1, 1, 'a')");
	start_and_settle(f);
	UNTIL(SOON_MS, own_is_fresh(f));
	assert_null(relay_own_waits_for(f->relay));
	domain_redis(&f->d, "CONFIG SET maxmemory 1");
	domain_sql(&f->d, "INSERT INTO thing VALUES (2, 2, 'b')");
	UNTIL(SOON_MS, relay_own_waits_for(f->relay) != NULL);
	assert_string_equal(relay_own_waits_for(f->relay), "redis: out of memory");
	let_marks_pass(f, 8);
	assert_non_null(last_of(f, "2:2").key.ptr);
	assert_true(held_is(f, 1, 1, "a"));
	assert_int_equal(domain_counter(&f->d, "moa_audit_rounds_total"), 1);
	assert_string_equal(relay_own_waits_for(f->relay), "redis: out of memory");
	domain_redis(&f->d, "CONFIG SET maxmemory 0");
	UNTIL(SOON_MS, relay_own_waits_for(f->relay) == NULL && own_is_fresh(f));
	assert_settles(f);
}

/* A database without room even to delete: what is published stays in the outbox, the term goes on. */
static void test_no_room_to_delete(void **state)
{
	struct fixture *f = *state;

	start_and_settle(f);
	domain_sql(&f->d, "CREATE TRIGGER no_room BEFORE DELETE ON outbox FOR EACH ROW"
			  " SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1114");
	for (int i = 1; i <= 600; i++) /* more than one deletion takes */
		domain_sql(&f->d, "INSERT INTO thing VALUES (%d, %d, 'n')", i, i);
	UNTIL(SOON_MS, last_of(f, "600:600").key.ptr != NULL);
	let_marks_pass(f, 2);
	assert_int_equal(domain_number(&f->d, "SELECT COUNT(*) FROM outbox"), 600);
	assert_int_equal(domain_counter(&f->d, "moa_relay_elections_total"), 1);
	assert_true(sql_db_is_full(f->d.sql));
	domain_sql(&f->d, "DROP TRIGGER no_room");
	assert_settles(f);
	assert_int_equal(domain_counter(&f->d, "moa_relay_elections_total"), 1);
}

static size_t allocated(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

/* A batch that is sent again and again while Kafka is away takes no more memory for that. */
static void test_kafka_stays_away(void **state)
{
	struct fixture *f = *state;
	uint64_t resends;
	size_t before;

	start_and_settle(f);
	atomic_store(&kafka_away, true);
	domain_sql(&f->d, "INSERT INTO thing VALUES (1, 1, 'a')");
	UNTIL(SOON_MS, (resends = domain_counter(&f->d, "moa_relay_resends_total")) > 0);
	before = allocated();
	UNTIL(SOON_MS, domain_counter(&f->d, "moa_relay_resends_total") > resends + 10);
	assert_in_range(allocated(), 0, before + 200000);
	atomic_store(&kafka_away, false);
	assert_settles(f);
}

static void test_kafka_comes_late(void **state)
{
	struct fixture *f = *state;
	struct relay_options o = domain_relay(&f->d, f->own);
	const char *colon = strrchr(f->d.brokers, ':');
	struct proxy *proxy = proxy_start("127.0.0.1", (uint16_t)strtoul(colon + 1, NULL, 10));
	int64_t start_us = clock_mono_us();

	proxy_set(proxy, PROXY_AWAY);
	o.brokers = arena_printf(f->d.arena, "127.0.0.1:%u", (unsigned)proxy_port(proxy)).ptr;
	start_with(f, &o);
	for (int i = 1; i <= 5; i++)
		domain_sql(&f->d, "INSERT INTO thing VALUES (%d, %d, 'n')", i, i);
	UNTIL(SOON_MS, clock_mono_us() - start_us > 2500000);
	assert_int_equal(domain_number(&f->d, "SELECT COUNT(*) FROM outbox"), 5);
	assert_int_equal(domain_counter(&f->d, "moa_relay_elections_total"), 0);
	proxy_set(proxy, PROXY_PASS);
	assert_settles(f);
	stop_relay(&f->relay);
	proxy_stop(&proxy);
}

static void test_stop_drains(void **state)
{
	struct fixture *f = *state;

	start_and_settle(f);
	domain_sql(&f->d, "INSERT INTO thing SELECT seq, seq %% 9 + 1, CONCAT('n', seq) FROM seq_1_to_1500");
	stop_relay(&f->relay);
	assert_int_equal(domain_number(&f->d, "SELECT COUNT(*) FROM outbox"), 0);
	assert_true(domain_topic_is_table(&f->d));
	assert_true(domain_held_is_table(&f->d));
}

/* A transaction that stays open over a key which the new leader should write anew holds up that key alone. */
static void test_locked_key_at_election(void **state)
{
	struct fixture *f = *state;
	uint64_t marks;

	domain_sql(&f->d, "INSERT INTO thing VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c')");
	domain_sql_on(&f->d, f->other, "BEGIN");
	domain_sql_on(&f->d, f->other, "SELECT * FROM thing WHERE id = 2 FOR UPDATE");
	start(f);
	UNTIL(SOON_MS, domain_counter(&f->d, "moa_relay_elections_total") == 1);
	/* The topic is looked at: the own copy of a first start waits for the snapshot, and that for the lock. */
	UNTIL(SOON_MS, last_of(f, "1:1").key.ptr != NULL && last_of(f, "3:3").key.ptr != NULL);
	domain_sql(&f->d, "UPDATE thing SET name = 'c2' WHERE id = 3");
	UNTIL(SOON_MS, slice_eq(last_of(f, "3:3").type, SLICE_LIT("changed")));
	assert_null(last_of(f, "2:2").key.ptr);
	assert_int_equal(domain_counter(&f->d, "moa_relay_elections_total"), 1);
	marks = domain_topic_count(&f->d, EVENT_KIND_MARK);
	assert_int_equal(marks, 0); /* nobody may believe that everything is there */
	domain_sql_on(&f->d, f->other, "ROLLBACK");
	assert_settles(f);
	UNTIL(SOON_MS, domain_topic_count(&f->d, EVENT_KIND_MARK) > 0);
	UNTIL(SOON_MS, domain_counter(&f->d, "moa_audit_rounds_total") >= 1);
}

/* A backlog of 2,000 keys; thing 1 was changed again and again meanwhile. */
static void pile_up(struct fixture *f, const char *name)
{
	for (int i = 0; i < 20; i++) {
		domain_sql(&f->d, "INSERT INTO thing SELECT seq, seq %% 9 + 1, '%s' FROM seq_%d_to_%d ON DUPLICATE KEY UPDATE name = VALUES(name)",
			   name, i * 100 + 1, i * 100 + 100);
		domain_sql(&f->d, "UPDATE thing SET name = '%s' WHERE id = 1", name);
	}
}

/* How long a new leader takes until nothing but thing 1 is left of the backlog; what it published is in the topic then. */
static int64_t takeover_us(struct fixture *f)
{
	int64_t start_us;

	metrics_free(&f->twin_metrics);
	f->twin_metrics = metrics_create();
	start_us = clock_mono_us();
	start_twin(f);
	UNTIL(SOON_MS, domain_number(&f->d, "SELECT COUNT(*) FROM outbox WHERE aggregateid <> '2:1'") == 0);
	return clock_mono_us() - start_us;
}

static bool topic_says(struct fixture *f, const char *key, const char *name)
{
	return slice_eq(last_of(f, key).value, arena_printf(f->d.arena, "{\"id\": %s, \"owner\": %c, \"name\": \"%s\"}", key + 2, key[0], name));
}

/* One locked key, with rows all over the backlog, takes a new leader (nearly) no time, and nothing else waits for it. */
static void test_locked_key_in_a_long_backlog(void **state)
{
	struct fixture *f = *state;
	int64_t alone_us, locked_us;
	uint64_t marks, ends, late;

	start_and_settle(f);
	stop_relay(&f->relay);
	pile_up(f, "n");
	alone_us = takeover_us(f);
	assert_settles(f);
	stop_relay(&f->twin);
	pile_up(f, "n2");
	domain_sql_on(&f->d, f->other, "BEGIN");
	domain_sql_on(&f->d, f->other, "SELECT * FROM thing WHERE id = 1 FOR UPDATE");
	marks = domain_topic_count(&f->d, EVENT_KIND_MARK);
	ends = domain_topic_count(&f->d, EVENT_KIND_END);
	locked_us = takeover_us(f);
	print_message("takeover: %lld ms, with a locked key %lld ms\n", (long long)alone_us / 1000, (long long)locked_us / 1000);
	assert_true(locked_us < 3 * alone_us + 1000000);
	assert_true(topic_says(f, "3:2", "n2") && topic_says(f, "3:2000", "n2"));
	assert_true(topic_says(f, "2:1", "n"));
	domain_sql(&f->d, "UPDATE thing SET name = 'n3' WHERE id = 2");
	UNTIL(SOON_MS, topic_says(f, "3:2", "n3"));
	relay_snapshot(f->twin);
	late = twin_counter(f, "moa_relay_late_total");
	UNTIL(SOON_MS, twin_counter(f, "moa_relay_late_total") > late + 25); /* two scans have met them */
	assert_true(topic_says(f, "2:1", "n"));
	assert_int_equal(domain_topic_count(&f->d, EVENT_KIND_MARK), marks);
	assert_int_equal(domain_topic_count(&f->d, EVENT_KIND_END), ends);
	domain_sql_on(&f->d, f->other, "ROLLBACK");
	UNTIL(SOON_MS, topic_says(f, "2:1", "n2"));
	UNTIL(SOON_MS, domain_topic_count(&f->d, EVENT_KIND_MARK) > marks && domain_topic_count(&f->d, EVENT_KIND_END) > ends);
	assert_settles(f);
}

/* A row that is locked holds a snapshot up, and does not make it begin again and again. */
static void test_locked_row_in_a_snapshot(void **state)
{
	struct fixture *f = *state;
	int64_t start_us;

	domain_sql(&f->d, "INSERT INTO thing SELECT seq, seq %% 9 + 1, 'n' FROM seq_1_to_350");
	start_and_settle(f);
	domain_sql_on(&f->d, f->other, "BEGIN");
	domain_sql_on(&f->d, f->other, "SELECT * FROM thing WHERE id = 340 FOR UPDATE");
	relay_snapshot(f->relay);
	start_us = clock_mono_us();
	UNTIL(SOON_MS, clock_mono_us() - start_us > 4500000);
	assert_int_equal(domain_counter(&f->d, "moa_audit_rounds_total"), f->rounds);
	domain_sql_on(&f->d, f->other, "ROLLBACK");
	UNTIL(SOON_MS, domain_counter(&f->d, "moa_audit_rounds_total") > f->rounds);
	assert_settles(f);
	/* Found, a first round that may be abandoned, the first snapshot, this one: not one for each try. */
	assert_true(domain_counter(&f->d, "moa_relay_events_total") < 4 * 350 + 200);
}

/* What can never be published is not in the way of what follows. */
static void test_too_large_for_kafka(void **state)
{
	struct fixture *f = *state;

	start_and_settle(f);
	domain_sql(&f->d, "INSERT INTO outbox (aggregatetype, aggregateid, type, payload, created) VALUES ('thing', '1:1', 'changed',"
			  " JSON_OBJECT('name', REPEAT('x', 1500000)), UTC_TIMESTAMP(6))");
	domain_sql(&f->d, "INSERT INTO thing VALUES (2, 1, 'behind')");
	UNTIL(SOON_MS, last_of(f, "1:2").key.ptr != NULL);
	UNTIL(SOON_MS, domain_number(&f->d, "SELECT COUNT(*) FROM outbox") == 0);
	assert_null(last_of(f, "1:1").key.ptr);
}

static enum err hide(struct slice payload, struct buf *out)
{
	if (slice_find(payload, '!') < payload.len)
		return ERR_CORRUPT;
	buf_add_str(out, "{\"hidden\":true}");
	return ERR_OK;
}

static void test_topic_may_say_less_than_the_copy(void **state)
{
	struct fixture *f = *state;

	f->d.table.publish = hide;
	start_and_settle(f);
	domain_sql(&f->d, "INSERT INTO thing VALUES (1, 1, 'secret'), (2, 1, 'bad!'), (3, 1, 'good')");
	UNTIL(SOON_MS, last_of(f, "1:3").key.ptr != NULL);
	assert_true(slice_eq(last_of(f, "1:1").value, SLICE_LIT("{\"hidden\":true}")));
	assert_null(last_of(f, "1:2").key.ptr); /* undecodable: out of the way */
	UNTIL(SOON_MS, held_is(f, 1, 1, "secret"));
	UNTIL(SOON_MS, domain_number(&f->d, "SELECT COUNT(*) FROM outbox") == 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_session_killed),
		TEST(test_twin_takes_over),
		TEST(test_database_replaced),
		TEST(test_table_made_anew),
		TEST(test_topic_made_anew),
		TEST(test_own_copy_emptied),
		TEST(test_own_copy_that_misses_something),
		TEST(test_own_sweep_fails),
		TEST(test_own_copy_not_swept),
		TEST(test_own_redis_frozen),
		TEST(test_own_redis_out_of_memory),
		TEST(test_no_room_to_delete),
		TEST(test_kafka_stays_away),
		TEST(test_kafka_comes_late),
		TEST(test_stop_drains),
		TEST(test_locked_key_at_election),
		TEST(test_locked_key_in_a_long_backlog),
		TEST(test_locked_row_in_a_snapshot),
		TEST(test_too_large_for_kafka),
		TEST(test_topic_may_say_less_than_the_copy),
	};

	return cmocka_run_group_tests_name("relay_fault", tests, NULL, NULL);
}
