/* visits_test.c - visits on their way into the table and into their copy in own Redis. Database and Redis are real; the inbox, which
 * calls, is played by this file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "shared/base/hash.h"
#include "shared/svc/inbox.h"
#include "shared/svc/service.h"
#include "tests/unit/support/domain.h"
#include "tests/unit/support/metric.h"
#include "tests/unit/support/servers.h"
#include "user_svc/store_visits.h"
#include "user_svc/visit_copy.h"
#include "user_svc/visits.h"

#define SECOND 1000000
#define ALL "m1:{visits:0}:all"
#define POS "m1:{visits:0}:pos"

/* ---- the kit ---- */

struct service {
	struct sql_db *sql;
	struct resp_db *redis;
	struct metrics *metrics;
};

static struct service service;
static const struct inbox_spec *spec;
static void *spec_ctx;

struct inbox *inbox_start(struct service *s, const struct inbox_spec *given, void *ctx)
{
	assert_ptr_equal(s, &service);
	spec = given;
	spec_ctx = ctx;
	return NULL;
}

struct parked *inbox_parked(const struct inbox *i)
{
	assert_null(i);
	return NULL;
}

void inbox_stop(struct inbox **i)
{
	*i = NULL;
}

struct sql_db *service_sql(struct service *s)
{
	return s->sql;
}

struct resp_db *service_resp(struct service *s)
{
	return s->redis;
}

struct metrics *service_metrics(struct service *s)
{
	return s->metrics;
}

struct view *service_own(struct service *s)
{
	(void)s;
	return NULL;
}

struct view *service_view(struct service *s, const struct view_spec *view)
{
	(void)s, (void)view;
	return NULL;
}

/* ---- fixture ---- */

static struct proxy *sql_proxy, *redis_proxy;
static struct arena *arena;
static struct visits *visits;

static struct sql_rows run_sql(const char *text)
{
	struct sql_rows rows;
	struct sql_conn *c;

	/* A machine under load passes the pool's own deadlines now and then. */
	UNTIL(20000, sql_acquire(service.sql, clock_mono_us() + SECOND, &c) == ERR_OK);
	sql_set_statement_ms(c, 5000);
	if (sql_run_text(c, slice_str(text), arena, &rows) != ERR_OK)
		fail_msg("%s", text);
	sql_release(&c);
	return rows;
}

static unsigned long number(const char *sql)
{
	struct sql_rows rows = run_sql(sql);
	uint64_t n;

	assert_true(slice_to_u64(sql_cell(&rows, 0, 0), UINT64_MAX, &n));
	return (unsigned long)n;
}

static struct resp_value redis(const char *a, const char *b, const char *c, const char *d)
{
	const struct slice words[] = { slice_str(a), slice_str(b), slice_str(c), slice_str(d) };
	size_t n = 0;
	struct resp_value r;
	struct resp_conn *conn;

	while (n < 4 && words[n].ptr != NULL)
		n++;
	UNTIL(20000, resp_acquire(service.redis, clock_mono_us() + SECOND, &conn) == ERR_OK);
	resp_set_timeout_ms(conn, 5000);
	assert_int_equal(resp_call(conn, arena, words, n, &r), ERR_OK);
	resp_set_timeout_ms(conn, 200);
	resp_release(&conn);
	return r;
}

/* Users 1001 to 1256, and one visit each of the (unchecked) users 1257 to 1556. */
static void insert_many(void)
{
	struct buf text;

	buf_init(&text, 0);
	for (unsigned i = 1001; i <= 1256; i++)
		buf_printf(&text, "%s(%u, 'x', 't%u')", i > 1001 ? "," : "INSERT INTO user VALUES ", i, i);
	run_sql(arena_copy(arena, buf_slice(&text)).ptr);
	buf_clear(&text);
	for (unsigned i = 1257; i <= 1556; i++)
		buf_printf(&text, "%s('01a20223-d9cb-7e22-a9ce-%012u', %u, 1, 5)", i > 1257 ? "," : "INSERT INTO visit VALUES ", i, i);
	run_sql(arena_copy(arena, buf_slice(&text)).ptr);
	buf_free(&text);
}

static int setup_group(void **state)
{
	char sql_url[SERVERS_URL_BYTES], redis_url[SERVERS_URL_BYTES];
	struct sql_options o = { .connections = 3 };
	const char *why;

	(void)state;
	sql_proxy = proxy_for("TEST_MYSQL_URL", sql_url);
	redis_proxy = proxy_for("TEST_REDIS_URL", redis_url);
	o.url = slice_str(sql_url);
	arena = arena_create(65536, 64 << 20);
	service.sql = sql_db_create(&o, &why);
	service.redis = resp_db_create(slice_str(redis_url), 2, &why);
	return sql_db_wait_up(service.sql, 10000) && resp_db_wait_up(service.redis, 10000) ? 0 : -1;
}

static int teardown_group(void **state)
{
	(void)state;
	sql_db_free(&service.sql);
	resp_db_free(&service.redis);
	proxy_stop(&sql_proxy);
	proxy_stop(&redis_proxy);
	arena_free(&arena);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	run_sql("DROP TABLE IF EXISTS user, visit, visit_state, visit_parked, visit_parked_count");
	run_sql("CREATE TABLE user (id int NOT NULL PRIMARY KEY, name varchar(64) NOT NULL,"
		" access_token varchar(255) COLLATE utf8mb4_bin NOT NULL) ENGINE=InnoDB CHARSET=utf8mb4");
	run_sql("INSERT INTO user VALUES (1, 'a', 'token-1'), (2, 'b', 'token-2'), (3, 'c', 'shared'), (4, 'd', 'shared')");
	run_sql("CREATE TABLE visit (event_id char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY, user_id int NOT NULL,"
		" item_id int NOT NULL, visited_us bigint unsigned NOT NULL, KEY (user_id, visited_us, event_id)) ENGINE=InnoDB");
	run_sql("CREATE TABLE visit_state (id tinyint NOT NULL PRIMARY KEY, revision bigint unsigned NOT NULL) ENGINE=InnoDB");
	run_sql("INSERT INTO visit_state VALUES (1, 0)");
	run_sql("CREATE TABLE visit_parked (id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, parked_us bigint unsigned NOT NULL,"
		" digest char(64) NOT NULL, entry text NOT NULL, UNIQUE KEY (digest)) ENGINE=InnoDB");
	run_sql("CREATE TABLE visit_parked_count (id tinyint NOT NULL PRIMARY KEY, dropped bigint unsigned NOT NULL) ENGINE=InnoDB");
	(void)redis("DEL", ALL, POS, NULL);
	service.metrics = metrics_create();
	visits = visits_start(&service);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	visits_stop(&visits);
	metrics_free(&service.metrics);
	arena_reset(arena);
	return 0;
}

/* ---- what the inbox does ---- */

#define BATCH_MAX 256
static struct event batch[BATCH_MAX];
static size_t batch_count;
static unsigned serial;

static void add_json(struct slice json)
{
	batch[batch_count++] = (struct event){ .value = json };
}

/* One more visit in the batch; <who> is a user id, or a token. */
static struct visit_event add(const char *who, uint32_t item, uint64_t us)
{
	struct visit_event v = { .item_id = item, .visited_us = us };
	char hash[HASH_SHA256_HEX + 1];
	struct buf json;

	v.id = arena_printf(arena, "01a20223-d9cb-7e22-a9cd-%012x", serial++);
	if (!slice_to_id(slice_str(who), &v.user_id)) {
		hash_sha256_hex(slice_str(who), hash);
		v.token = arena_copy(arena, slice_str(hash));
	}
	buf_init(&json, 0);
	visit_event_write(&json, &v);
	add_json(arena_copy(arena, buf_slice(&json)));
	buf_free(&json);
	return v;
}

static enum err transaction(struct sql_conn *c, void *ctx)
{
	(void)ctx;
	return spec->apply(c, spec_ctx, arena, batch, batch_count);
}

static enum err try_to_store(void)
{
	return sql_transaction(service.sql, clock_mono_us() + 5 * SECOND, transaction, NULL);
}

/* Like the inbox, tries until it succeeds. */
static void store(void)
{
	size_t count = batch_count;

	UNTIL(30000, try_to_store() == ERR_OK);
	batch_count = 0;
	spec->committed(spec_ctx, arena, batch, count);
}

static void idle(void)
{
	spec->committed(spec_ctx, arena, NULL, 0);
}

/* The runs that the copy shows for a user, latest first, as letters: item 1 is 'A'. "-": the copy is not complete. */
static const char *copied(uint32_t user)
{
	uint32_t items[VISIT_RUNS];
	struct visit *v;
	size_t n;
	enum err e = visit_copy_read(service.redis, arena, clock_mono_us() + SECOND, user, &v, &n);
	char *text = arena_alloc(arena, VISIT_RUNS + 1);

	if (e == ERR_UNAVAILABLE)
		return "-";
	assert_int_equal(e, ERR_OK);
	n = visit_runs(v, n, items);
	for (size_t i = 0; i < n; i++)
		text[i] = (char)('A' + items[i] - 1);
	return text;
}

/* Nothing to do, until the copy is complete. */
static void settle(void)
{
	UNTIL(20000, (idle(), copied(1)[0] != '-'));
}

static unsigned long copy_revision(void)
{
	struct resp_value r = redis("HGET", POS, "rev", NULL);

	return r.type == RESP_STRING ? strtoul(arena_copy(arena, r.text).ptr, NULL, 10) : 0;
}

static unsigned long table_revision(void)
{
	return number("SELECT revision FROM visit_state");
}

/* ---- the tests ---- */

static void into_table_and_copy(void **state)
{
	(void)state;
	settle();
	assert_string_equal(copied(1), ""); /* complete, and empty: this user has none */
	add("1", 1, 100);
	add("1", 2, 101);
	add("2", 3, 50);
	store();
	assert_int_equal(number("SELECT COUNT(*) FROM visit"), 3);
	assert_string_equal(copied(1), "BA");
	assert_string_equal(copied(2), "C");
	assert_string_equal(copied(4), "");
	assert_int_equal(copy_revision(), table_revision());
	assert_true(table_revision() > 1700000000000000); /* as the time in µs */
	add("1", 3, 99); /* late */
	store();
	assert_string_equal(copied(1), "BAC");
	assert_int_equal(metric_value(service.metrics, "moa_visits_stored_total"), 4);
	assert_int_equal(metric_value(service.metrics, "moa_visits_copy_rebuilds_total"), 1);
}

static void an_event_twice(void **state)
{
	struct event again;

	(void)state;
	settle();
	add("1", 1, 100);
	again = batch[0];
	store();
	add("1", 2, 101);
	batch[batch_count++] = again;
	batch[batch_count++] = again;
	store();
	assert_int_equal(number("SELECT COUNT(*) FROM visit"), 2);
	assert_string_equal(copied(1), "BA");
}

static void callers_by_token(void **state)
{
	(void)state;
	settle();
	add("token-2", 1, 100);
	add("shared", 2, 100);
	add("token-2", 3, 101);
	add("nobody's", 4, 100);
	add("token-1 ", 5, 100); /* a blank makes another token */
	store();
	assert_string_equal(copied(2), "CA");
	assert_string_equal(copied(3), "B"); /* the lowest of those who share it */
	assert_string_equal(copied(4), "");
	assert_string_equal(copied(1), "");
	assert_int_equal(number("SELECT COUNT(*) FROM visit"), 3);
	assert_int_equal(metric_value(service.metrics, "moa_visits_dropped_total{reason=\"unknown_user\"}"), 2);
}

/* Looking for a token's hash reads all users. With many of them that takes longer than a request may wait, and is no reason to
 * try in vain for ever, with all visits of all users behind it.
 */
static void a_caller_among_many_users(void **state)
{
	enum err e;

	(void)state;
	settle();
	run_sql("RENAME TABLE user TO slow_user");
	run_sql("CREATE VIEW user AS SELECT * FROM slow_user WHERE SLEEP(0.7) = 0"); /* for each that is found */
	add("token-2", 1, 100);
	e = try_to_store();
	run_sql("DROP VIEW user");
	run_sql("RENAME TABLE slow_user TO user");
	batch_count = 0;
	assert_int_equal(e, ERR_OK);
	assert_int_equal(number("SELECT COUNT(*) FROM visit WHERE user_id = 2"), 1);
}

static void users_that_do_not_exist(void **state)
{
	(void)state;
	settle();
	add("77", 1, 100);
	store();
	assert_int_equal(number("SELECT COUNT(*) FROM visit"), 0);
	assert_int_equal(copy_revision(), table_revision());
	assert_int_equal(metric_value(service.metrics, "moa_visits_dropped_total{reason=\"unknown_user\"}"), 1);
}

static const char *refused(const char *key, const char *json)
{
	const struct event e = { .key = slice_str(key), .value = slice_str(json) };

	return spec->refuse(&e, arena);
}

static void events_that_are_refused(void **state)
{
#define HEAD "{\"id\":\"01a20223-d9cb-7e22-a9cd-000000000001\",\"user_id\":1,\"item_id\":2,\"visited_us\":"
	(void)state;
	assert_null(refused("1", HEAD "3}"));
	assert_string_equal(refused("1", "{}"), "value malformed");
	assert_string_equal(refused("1", NULL), "value malformed");
	assert_string_equal(refused("1", "nothing good at all"), "value malformed");
	assert_string_equal(refused("2", HEAD "3}"), "key of another visit");
	assert_string_equal(refused("~mark", HEAD "3}"), "key of another visit");
	assert_null(refused("1", HEAD "4102444799999999}"));
	assert_string_equal(refused("1", HEAD "4102444800000000}"), "absurd time"); /* it would be the latest for ever */
}

/* <count> events, numbered from <first>, in a transaction of their own. */
struct to_park {
	unsigned first, count;
};

static enum err park_some(struct sql_conn *c, void *ctx)
{
	const struct to_park *what = ctx;
	struct parked_entry entries[PARKED_BATCH];

	for (unsigned i = 0; i < what->count; i++)
		entries[i] = (struct parked_entry){ .time_us = 1000 + what->first + i,
						    .text = slice_str(arena_printf(arena, "{\"offset\":%u}", what->first + i).ptr) };
	return spec->park(c, arena, entries, what->count);
}

static void park_n(unsigned first, unsigned count)
{
	struct to_park what = { first, count };

	assert_int_equal(sql_transaction(service.sql, clock_mono_us() + 5 * SECOND, park_some, &what), ERR_OK);
}

static struct inbox_parked parked_now(bool clear)
{
	struct inbox_parked now;
	struct sql_conn *c;

	assert_int_equal(sql_acquire(service.sql, clock_mono_us() + SECOND, &c), ERR_OK);
	assert_int_equal(spec->parked(c, arena, clear, &now), ERR_OK);
	sql_release(&c);
	return now;
}

static void what_is_parked(void **state)
{
	const unsigned bound = PARKED_KEPT * 4;
	struct inbox_parked now;

	(void)state;
	park_n(0, 3);
	park_n(1, 3); /* two of them again */
	now = parked_now(false);
	assert_int_equal(now.kept, 4);
	assert_int_equal(now.count, 4);
	assert_int_equal(now.entries[0].time_us, 1003);
	assert_string_equal(arena_copy(arena, now.entries[0].text).ptr, "{\"offset\":3}");
	for (unsigned n = 4; n < bound + 10; n += 2)
		park_n(n, 2);
	now = parked_now(false);
	assert_int_equal(now.kept, bound);
	assert_int_equal(now.dropped, 10);
	assert_int_equal(now.count, PARKED_SHOWN);
	assert_int_equal(now.entries[0].time_us, 1000 + bound + 9);
	park_n(bound + 9, 3);
	assert_int_equal(parked_now(false).dropped, 12);
	now = parked_now(true);
	assert_int_equal(now.kept + now.dropped + now.count, 0);
}

static void only_the_last_runs_are_kept(void **state)
{
	(void)state;
	settle();
	for (int round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 30; i++)
			add("1", 1 + i % 26, 1000 + (unsigned)round * 30 + i);
		store();
		assert_int_equal(number("SELECT COUNT(*) FROM visit"), VISIT_RUNS);
		assert_int_equal(strlen(copied(1)), VISIT_RUNS);
	}
	assert_memory_equal(copied(1), "DCBAZYX", 7);
}

static void many_users_in_one_batch(void **state)
{
	char who[16];

	(void)state;
	settle();
	insert_many();
	for (unsigned i = 0; i < BATCH_MAX; i++) {
		snprintf(who, sizeof(who), "%u", 1001 + (i * 37) % 256);
		add(who, 1 + i % 26, 100 + i);
	}
	store();
	assert_int_equal(number("SELECT COUNT(DISTINCT user_id) FROM visit WHERE user_id <= 1256"), 256);
	assert_int_equal(redis("HLEN", ALL, NULL, NULL).integer, 256);
	assert_int_equal(strlen(copied(1100)), 1);
	/* and all of it built anew, in more than one piece */
	(void)redis("DEL", POS, NULL, NULL);
	idle();
	assert_int_equal(redis("HLEN", ALL, NULL, NULL).integer, 556);
	assert_string_equal(copied(1556), "A");
	assert_int_equal(copy_revision(), table_revision());
}

/* ---- the copy in trouble ---- */

static void redis_was_emptied(void **state)
{
	(void)state;
	settle();
	add("1", 1, 100);
	store();
	(void)redis("DEL", ALL, POS, NULL);
	assert_string_equal(copied(1), "-"); /* unknown is never "none" */
	add("2", 2, 100);
	store();
	assert_string_equal(copied(1), "A"); /* the very next change has noticed */
	assert_string_equal(copied(2), "B");
	(void)redis("DEL", ALL, POS, NULL);
	settle(); /* and so does having nothing to do */
	assert_string_equal(copied(1), "A");
}

/* Redis lost its last second: it is whole, at an earlier revision. */
static void redis_was_rolled_back(void **state)
{
	struct slice entry, rev;

	(void)state;
	settle();
	add("1", 1, 100);
	store();
	entry = redis("HGET", ALL, "1", NULL).text;
	rev = redis("HGET", POS, "rev", NULL).text;
	add("1", 2, 101);
	store();
	(void)redis("HSET", ALL, "1", arena_copy(arena, entry).ptr);
	(void)redis("HSET", POS, "rev", arena_copy(arena, rev).ptr);
	assert_string_equal(copied(1), "A");
	idle(); /* may be an instance between commit and copy */
	assert_string_equal(copied(1), "A");
	UNTIL(20000, (idle(), strcmp(copied(1), "BA") == 0)); /* still so: it is not */
	assert_string_equal(copied(1), "BA");
	assert_int_equal(copy_revision(), table_revision());
}

/* A database of yesterday, or a new one: its revision is another, and the copy follows it. */
static void the_database_was_restored(void **state)
{
	(void)state;
	settle();
	add("1", 1, 100);
	add("2", 2, 100);
	store();
	run_sql("DELETE FROM visit WHERE user_id = 1");
	run_sql("UPDATE visit_state SET revision = 1600000000000000");
	UNTIL(20000, (idle(), strcmp(copied(1), "") == 0));
	assert_string_equal(copied(1), "");
	assert_string_equal(copied(2), "B");
	run_sql("DELETE FROM visit_state"); /* even without its row */
	add("1", 3, 100);
	store();
	assert_string_equal(copied(1), "C");
	assert_int_equal(copy_revision(), table_revision());
}

static void redis_away(void **state)
{
	(void)state;
	settle();
	proxy_set(redis_proxy, PROXY_AWAY);
	add("1", 1, 100);
	store(); /* Redis is not waited for */
	assert_string_equal(copied(1), "-");
	idle();
	proxy_set(redis_proxy, PROXY_PASS);
	assert_true(resp_db_wait_up(service.redis, 10000));
	assert_int_equal(number("SELECT COUNT(*) FROM visit"), 1);
	UNTIL(20000, (idle(), strcmp(copied(1), "A") == 0));
	assert_string_equal(copied(1), "A");
}

static void database_away(void **state)
{
	(void)state;
	settle();
	add("1", 1, 100);
	store();
	proxy_set(sql_proxy, PROXY_AWAY);
	add("1", 2, 101);
	assert_int_not_equal(try_to_store(), ERR_OK);
	batch_count = 0;
	idle();
	assert_string_equal(copied(1), "A"); /* the stand-in is there */
	(void)redis("DEL", POS, NULL, NULL);
	idle(); /* cannot be built anew now */
	assert_string_equal(copied(1), "-");
	proxy_set(sql_proxy, PROXY_PASS);
	assert_true(sql_db_wait_up(service.sql, 10000));
	settle();
	assert_string_equal(copied(1), "A");
}

/* Another instance is building: we leave it alone while it shows signs of life, then take over, and it notices. */
static void two_builders(void **state)
{
	const struct slice theirs = SLICE("their uuid"), ours = SLICE("our uuid");
	struct user_visits none;
	struct resp_conn *c;
	uint64_t revision;

	(void)state;
	assert_int_equal(resp_acquire(service.redis, clock_mono_us() + SECOND, &c), ERR_OK);
	assert_int_equal(visit_copy_begin(c, arena, theirs), ERR_OK);
	assert_int_equal(visit_copy_begin(c, arena, theirs), ERR_OK); /* it may begin again */
	assert_int_equal(visit_copy_begin(c, arena, ours), ERR_BUSY);
	assert_int_equal(visit_copy_revision(c, arena, &revision), ERR_NOT_FOUND);
	idle();
	assert_string_equal(copied(1), "-");
	(void)redis("HSET", POS, "beat", "1");
	assert_int_equal(visit_copy_begin(c, arena, ours), ERR_OK);
	assert_int_equal(visit_copy_add(c, arena, theirs, 5, &none, 0), ERR_MOVED);
	assert_int_equal(visit_copy_end(c, arena, theirs, 5), ERR_MOVED);
	assert_int_equal(visit_copy_add(c, arena, ours, 6, &none, 0), ERR_OK);
	assert_int_equal(visit_copy_update(c, arena, 0, 7, &none, 0), ERR_MOVED); /* not complete yet */
	assert_int_equal(visit_copy_end(c, arena, ours, 6), ERR_OK);
	assert_int_equal(visit_copy_revision(c, arena, &revision), ERR_OK);
	assert_int_equal(revision, 6);
	assert_int_equal(visit_copy_update(c, arena, 5, 7, &none, 0), ERR_MOVED);
	assert_int_equal(visit_copy_update(c, arena, 6, 7, &none, 0), ERR_OK);
	resp_release(&c);
}

static void damaged_copy(void **state)
{
	struct visit *v;
	size_t n;

	(void)state;
	settle();
	(void)redis("HSET", ALL, "1", "short");
	assert_int_equal(visit_copy_read(service.redis, arena, clock_mono_us() + SECOND, 1, &v, &n), ERR_CORRUPT);
	(void)redis("HSET", ALL, "1", "0000000000000001no visits\n");
	assert_int_equal(visit_copy_read(service.redis, arena, clock_mono_us() + SECOND, 1, &v, &n), ERR_CORRUPT);
	(void)redis("DEL", ALL, POS, NULL);
	(void)redis("SET", POS, "not a hash", NULL);
	assert_string_equal(copied(1), "-");
	idle(); /* cannot be read; not ours to delete */
	add("1", 1, 100);
	store();
	(void)redis("DEL", POS, NULL, NULL);
	settle();
	assert_string_equal(copied(1), "A");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(into_table_and_copy, setup, teardown),
		cmocka_unit_test_setup_teardown(an_event_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(callers_by_token, setup, teardown),
		cmocka_unit_test_setup_teardown(a_caller_among_many_users, setup, teardown),
		cmocka_unit_test_setup_teardown(users_that_do_not_exist, setup, teardown),
		cmocka_unit_test_setup_teardown(events_that_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_parked, setup, teardown),
		cmocka_unit_test_setup_teardown(only_the_last_runs_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(many_users_in_one_batch, setup, teardown),
		cmocka_unit_test_setup_teardown(redis_was_emptied, setup, teardown),
		cmocka_unit_test_setup_teardown(redis_was_rolled_back, setup, teardown),
		cmocka_unit_test_setup_teardown(the_database_was_restored, setup, teardown),
		cmocka_unit_test_setup_teardown(redis_away, setup, teardown),
		cmocka_unit_test_setup_teardown(database_away, setup, teardown),
		cmocka_unit_test_setup_teardown(two_builders, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_copy, setup, teardown),
	};

	return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
