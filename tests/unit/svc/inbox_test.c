/* inbox_test.c - from a topic into a table, with every failure on the way. The database is real; the topic is played by this
 * file, under one lock, since the inbox has a thread of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "shared/io/broker.h"
#include "shared/svc/inbox.h"
#include "shared/svc/leader.h"
#include "shared/svc/service.h"
#include "tests/unit/support/domain.h"
#include "tests/unit/support/metric.h"
#include "tests/unit/support/servers.h"

#define LOG_1 "01000000-0000-7000-8000-000000000001"
#define LOG_2 "01000000-0000-7000-8000-000000000002"
#define RECORDS_MAX 2000

static const struct topic topic = { .name = "inbox.test", .domain = "visits", .partitions = 2 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- the topic ---- */

struct part {
	int64_t low, high;
	struct {
		char text[16]; /* the value; "": there are no headers */
		const char *log;
	} records[RECORDS_MAX];
	int64_t next; /* of the consumer */
	bool open, told_end;
};

static struct {
	struct part parts[2];
	size_t made, assigned;
	bool no_consumer, no_watermarks;
	enum broker_event once; /* instead of the next record */
} kafka;

static const char *const keys[] = { "4", "1" }; /* that lie in these partitions */

static char consumer_stands_for; /* its address is all that is needed */

struct slice broker_header_get(const struct broker_record *r, const char *name)
{
	for (size_t i = 0; i < r->header_count; i++) {
		if (strcmp(r->headers[i].name, name) == 0)
			return r->headers[i].value;
	}
	return SLICE_NONE;
}

enum err broker_topic_ensure(const char *brokers, const struct broker_topic *t, int timeout_ms)
{
	(void)brokers, (void)t, (void)timeout_ms;
	return ERR_UNAVAILABLE; /* the inbox makes no topic */
}

struct broker_consumer *broker_consumer_create(const char *brokers, const char *name)
{
	bool none;

	(void)brokers;
	assert_string_equal(name, topic.name);
	pthread_mutex_lock(&lock);
	kafka.made++;
	none = kafka.no_consumer;
	pthread_mutex_unlock(&lock);
	return none ? NULL : (struct broker_consumer *)&consumer_stands_for;
}

void broker_consumer_free(struct broker_consumer **c)
{
	*c = NULL;
}

void broker_consumer_release(struct broker_consumer *c)
{
	assert_non_null(c);
}

enum err broker_consumer_assign(struct broker_consumer *c, const int64_t *offsets, int32_t partitions)
{
	assert_non_null(c);
	pthread_mutex_lock(&lock);
	for (int32_t p = 0; p < partitions; p++) {
		kafka.parts[p].next = offsets[p];
		kafka.parts[p].open = true;
		kafka.parts[p].told_end = false;
	}
	kafka.assigned++;
	pthread_mutex_unlock(&lock);
	return ERR_OK;
}

enum err broker_consumer_watermarks(struct broker_consumer *c, int32_t partitions, int64_t *low, int64_t *high, int timeout_ms)
{
	enum err e;

	assert_non_null(c);
	(void)high, (void)timeout_ms;
	pthread_mutex_lock(&lock);
	e = kafka.no_watermarks ? ERR_UNAVAILABLE : ERR_OK;
	for (int32_t p = 0; p < partitions; p++)
		low[p] = kafka.parts[p].low;
	pthread_mutex_unlock(&lock);
	return e;
}

static void fill(struct broker_record *r, int32_t p, int64_t offset)
{
	struct part *part = &kafka.parts[p];

	*r = (struct broker_record){ .partition = p, .offset = offset };
	r->key = slice_str(keys[p]);
	r->value = slice_str(part->records[offset].text);
	r->headers[0] = (struct broker_header){ "ce_type", SLICE("moa.visit.recorded") };
	r->headers[1] = (struct broker_header){ "log", slice_str(part->records[offset].log) };
	r->header_count = part->records[offset].text[0] == '\0' ? 0 : 2;
}

/* What partition <p> has to say; BROKER_NOTHING when it has nothing. */
static enum broker_event next_of(int32_t p, struct broker_record *r)
{
	struct part *part = &kafka.parts[p];

	if (!part->open)
		return BROKER_NOTHING;
	if (part->next < part->low || part->next > part->high) {
		part->open = false;
		*r = (struct broker_record){ .partition = p };
		return BROKER_OUT_OF_RANGE;
	}
	if (part->next < part->high) {
		fill(r, p, part->next++);
		part->told_end = false;
		return BROKER_RECORD;
	}
	if (part->told_end)
		return BROKER_NOTHING;
	part->told_end = true;
	*r = (struct broker_record){ .partition = p, .offset = part->next };
	return BROKER_END;
}

enum broker_event broker_consumer_next(struct broker_consumer *c, int timeout_ms, struct broker_record *r)
{
	enum broker_event what;

	assert_non_null(c);
	pthread_mutex_lock(&lock);
	what = kafka.once;
	kafka.once = BROKER_NOTHING;
	for (int32_t p = 0; what == BROKER_NOTHING && p < 2; p++)
		what = next_of(p, r);
	pthread_mutex_unlock(&lock);
	if (what == BROKER_NOTHING && timeout_ms > 0)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	return what;
}

static void put(int32_t p, const char *text, const char *log)
{
	struct part *part = &kafka.parts[p];

	pthread_mutex_lock(&lock);
	snprintf(part->records[part->high].text, sizeof(part->records[0].text), "%s", text);
	part->records[part->high++].log = log;
	pthread_mutex_unlock(&lock);
}

/* The topic is deleted and made again. */
static void recreate(void)
{
	pthread_mutex_lock(&lock);
	for (int p = 0; p < 2; p++)
		kafka.parts[p].low = kafka.parts[p].high = 0;
	pthread_mutex_unlock(&lock);
}

/* ---- the service ---- */

struct service {
	struct sql_db *sql;
	struct config config;
	struct metrics *metrics;
};

struct sql_db *service_sql(struct service *s)
{
	return s->sql;
}

const struct config *service_config(const struct service *s)
{
	return &s->config;
}

struct metrics *service_metrics(struct service *s)
{
	return s->metrics;
}

/* What the callbacks saw; under the lock. */
static struct {
	size_t events, commits, idle, attempts;
	enum err fail_once;
} seen;

static enum err apply(struct sql_conn *c, void *ctx, struct arena *a, const struct event *events, size_t count)
{
	enum err e;

	assert_ptr_equal(ctx, &seen);
	assert_in_range(count, 1, INBOX_BATCH_MAX);
	pthread_mutex_lock(&lock);
	seen.attempts++;
	e = seen.fail_once;
	seen.fail_once = ERR_OK;
	pthread_mutex_unlock(&lock);
	for (size_t i = 0; e == ERR_OK && i < count; i++) {
		const struct sql_arg id = SQL_ARG_TEXT(events[i].value);

		e = sql_run(c, "INSERT INTO inbox_event (id) VALUES (?) ON DUPLICATE KEY UPDATE again = again + 1", &id, 1, a, NULL);
	}
	return e;
}

static const char *refuse(const struct event *e, struct arena *a)
{
	(void)a;
	return slice_starts_with(e->value, SLICE_LIT("bad")) ? "bad" : NULL;
}

static enum err park(struct sql_conn *c, struct arena *a, const struct parked_entry *entries, size_t count)
{
	enum err e = ERR_OK;

	assert_in_range(count, 1, PARKED_BATCH);
	for (size_t i = 0; e == ERR_OK && i < count; i++) {
		const struct sql_arg entry = SQL_ARG_TEXT(entries[i].text);

		e = sql_run(c, "INSERT INTO inbox_parked (entry) VALUES (?) ON DUPLICATE KEY UPDATE again = again + 1", &entry, 1, a, NULL);
	}
	return e;
}

static enum err parked(struct sql_conn *c, struct arena *a, bool clear, struct inbox_parked *out)
{
	static struct parked_entry entry;
	struct sql_rows rows;
	enum err e = clear ? sql_run(c, "DELETE FROM inbox_parked", NULL, 0, a, NULL) : ERR_OK;

	if (e == ERR_OK)
		e = sql_run(c, "SELECT COUNT(*), MAX(entry) FROM inbox_parked", NULL, 0, a, &rows);
	if (e != ERR_OK)
		return e;
	*out = (struct inbox_parked){ .entries = &entry, .dropped = 7 };
	entry.text = sql_cell(&rows, 0, 1);
	assert_true(slice_to_u64(sql_cell(&rows, 0, 0), UINT64_MAX, &out->kept));
	out->count = out->kept > 0;
	return ERR_OK;
}

static void committed(void *ctx, struct arena *a, const struct event *events, size_t count)
{
	(void)ctx, (void)a, (void)events;
	pthread_mutex_lock(&lock);
	seen.events += count;
	seen.commits += count > 0;
	seen.idle += count == 0;
	pthread_mutex_unlock(&lock);
}

static const struct inbox_spec spec = {
	.topic = &topic,
	.select_sql = "SELECT log_uuid, next_offset FROM inbox_position WHERE partition_id = ? FOR UPDATE",
	.upsert_sql = "INSERT INTO inbox_position (partition_id, log_uuid, next_offset) VALUES (?, ?, ?)"
		      " ON DUPLICATE KEY UPDATE log_uuid = VALUES(log_uuid), next_offset = VALUES(next_offset)",
	.refuse = refuse,
	.park = park,
	.parked = parked,
	.apply = apply,
	.committed = committed,
};

static struct service service;
static struct proxy *proxy;
static struct inbox *inbox;
static struct arena *arena;

static struct sql_rows run_sql(const char *text)
{
	struct sql_rows rows;
	struct sql_conn *c;

	assert_int_equal(sql_acquire(service.sql, clock_mono_us() + 5000000, &c), ERR_OK);
	sql_set_statement_ms(c, 5000);
	assert_int_equal(sql_run_text(c, slice_str(text), arena, &rows), ERR_OK);
	sql_release(&c);
	return rows;
}

static unsigned long number(const char *sql)
{
	struct sql_rows rows = run_sql(sql);
	uint64_t n = 0;

	if (rows.count > 0)
		assert_true(slice_to_u64(sql_cell(&rows, 0, 0), UINT64_MAX, &n));
	return (unsigned long)n;
}

static int setup(void **state)
{
	char url[SERVERS_URL_BYTES];
	struct sql_options o = { .connections = 2 };
	const char *why;

	(void)state;
	arena = arena_create(4096, 16 << 20);
	kafka = (typeof(kafka)){ .made = 0 };
	seen = (typeof(seen)){ .events = 0 };
	proxy = proxy_for("TEST_MYSQL_URL", url);
	o.url = slice_str(url);
	service = (struct service){ .sql = sql_db_create(&o, &why), .metrics = metrics_create(), .config = { .kafka_brokers = "x" } };
	if (!sql_db_wait_up(service.sql, 10000))
		return -1;
	run_sql("DROP TABLE IF EXISTS inbox_position, inbox_event, inbox_parked");
	run_sql("CREATE TABLE inbox_position (partition_id int NOT NULL PRIMARY KEY, log_uuid char(36) CHARACTER SET ascii COLLATE"
		" ascii_bin NOT NULL, next_offset bigint NOT NULL) ENGINE=InnoDB");
	run_sql("CREATE TABLE inbox_event (id varchar(16) NOT NULL PRIMARY KEY, again int NOT NULL DEFAULT 0) ENGINE=InnoDB");
	run_sql("CREATE TABLE inbox_parked (entry varchar(500) NOT NULL PRIMARY KEY, again int NOT NULL DEFAULT 0) ENGINE=InnoDB");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	inbox_stop(&inbox);
	sql_db_free(&service.sql);
	metrics_free(&service.metrics);
	proxy_stop(&proxy);
	arena_free(&arena);
	return 0;
}

/* Each start is that of a new process. */
static void start(void)
{
	metrics_free(&service.metrics);
	service.metrics = metrics_create();
	inbox = inbox_start(&service, &spec, &seen);
}

static size_t get(const size_t *n)
{
	size_t value;

	pthread_mutex_lock(&lock);
	value = *n;
	pthread_mutex_unlock(&lock);
	return value;
}

#define SET(what, value)                     \
	do {                                 \
		pthread_mutex_lock(&lock);   \
		(what) = (value);            \
		pthread_mutex_unlock(&lock); \
	} while (0)

/* Waits until <n> events are in the table, and checks that the positions are behind everything. */
static void stored(unsigned long n)
{
	UNTIL(10000, number("SELECT COUNT(*) FROM inbox_event") == n);
	assert_int_equal(number("SELECT COUNT(*) FROM inbox_event"), n);
}

static unsigned long position(int p)
{
	return number(p == 0 ? "SELECT next_offset FROM inbox_position WHERE partition_id = 0"
			     : "SELECT next_offset FROM inbox_position WHERE partition_id = 1");
}

/* ---- the tests ---- */

static void stores_everything_once(void **state)
{
	char text[16];

	(void)state;
	for (int i = 0; i < 700; i++) {
		snprintf(text, sizeof(text), "e%d", i);
		put(i % 2, text, LOG_1);
	}
	start();
	stored(700);
	assert_int_equal(position(0), 350);
	assert_int_equal(position(1), 350);
	put(1, "later", LOG_1);
	stored(701);
	assert_int_equal(position(1), 351);
	assert_int_equal(number("SELECT SUM(again) FROM inbox_event"), 0);
	UNTIL(5000, get(&seen.events) == 701);
	assert_int_equal(number("SELECT COUNT(*) FROM inbox_position WHERE log_uuid = '" LOG_1 "'"), 2);
}

static void calls_at_start_and_when_idle(void **state)
{
	(void)state;
	kafka.no_consumer = true; /* also without Kafka */
	start();
	UNTIL(10000, get(&seen.idle) >= 2);
	assert_int_equal(get(&seen.commits), 0);
}

static void goes_on_after_a_restart(void **state)
{
	(void)state;
	put(0, "a", LOG_1);
	start();
	stored(1);
	inbox_stop(&inbox);
	assert_null(inbox);
	put(0, "b", LOG_1);
	start();
	stored(2);
	assert_int_equal(number("SELECT SUM(again) FROM inbox_event"), 0);
}

static void starts_at_the_low_watermark(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		put(0, "old", LOG_1);
	put(0, "first", LOG_1);
	kafka.parts[0].low = 5;
	start();
	stored(1);
	assert_int_equal(position(0), 6);
}

static void parks_what_nobody_understands(void **state)
{
	(void)state;
	put(0, "a", LOG_1);
	put(0, "", LOG_1);
	put(0, "b", LOG_1);
	put(1, "", LOG_1); /* alone in its batch: the position moves all the same */
	start();
	stored(2);
	UNTIL(5000, position(1) == 1);
	assert_int_equal(position(0), 3);
	assert_int_equal(number("SELECT COUNT(*) FROM inbox_parked WHERE entry LIKE '%no ce_type%'"), 2);
}

/* In the transaction that moves the position, whatever it takes to get there; read again, it is the same. */
static void parked_once_and_cleared(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++)
		put(0, i % 2 ? "bad" : "good", LOG_1);
	SET(seen.fail_once, ERR_INTERNAL);
	start();
	UNTIL(10000, position(0) == 200);
	assert_int_equal(number("SELECT COUNT(*) FROM inbox_parked"), 100);
	UNTIL(10000, parked_kept(inbox_parked(inbox)) == 100 && parked_dropped(inbox_parked(inbox)) == 7);
	inbox_stop(&inbox);
	run_sql("DELETE FROM inbox_position");
	start();
	UNTIL(10000, position(0) == 200);
	assert_int_equal(number("SELECT COUNT(*) FROM inbox_parked"), 100);
	assert_int_equal(number("SELECT MIN(again) FROM inbox_parked"), 1);
	parked_ask_clear(inbox_parked(inbox));
	UNTIL(10000, number("SELECT COUNT(*) FROM inbox_parked") == 0 && parked_kept(inbox_parked(inbox)) == 0);
}

/* What is to be cleared is cleared once the database is back, and what came meanwhile is parked then. */
static void parked_with_the_database_away(void **state)
{
	(void)state;
	put(0, "bad", LOG_1);
	start();
	UNTIL(10000, parked_kept(inbox_parked(inbox)) == 1);
	proxy_set(proxy, PROXY_AWAY);
	UNTIL(10000, !sql_db_is_up(service.sql));
	parked_ask_clear(inbox_parked(inbox));
	put(0, "a", LOG_1);
	proxy_set(proxy, PROXY_PASS);
	assert_true(sql_db_wait_up(service.sql, 10000));
	stored(1);
	UNTIL(10000, parked_kept(inbox_parked(inbox)) == 0);
	proxy_set(proxy, PROXY_AWAY);
	put(0, "bad too", LOG_1);
	put(0, "b", LOG_1);
	UNTIL(10000, !sql_db_is_up(service.sql));
	proxy_set(proxy, PROXY_PASS);
	assert_true(sql_db_wait_up(service.sql, 10000));
	stored(2);
	assert_int_equal(number("SELECT COUNT(*) FROM inbox_parked"), 1);
	assert_int_equal(position(0), 4);
}

static void tries_again_after_any_error(void **state)
{
	static const enum err errors[] = { ERR_CONFLICT, ERR_INTERNAL, ERR_UNAVAILABLE, ERR_NO_MEMORY };
	char text[16];

	(void)state;
	start();
	for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		SET(seen.fail_once, errors[i]);
		snprintf(text, sizeof(text), "e%u", i);
		put(0, text, LOG_1);
		stored(i + 1);
	}
	assert_int_equal(number("SELECT SUM(again) FROM inbox_event"), 0);
	UNTIL(5000, get(&seen.events) == 4);
}

static void waits_for_the_database(void **state)
{
	(void)state;
	start();
	put(0, "a", LOG_1);
	stored(1);
	UNTIL(5000, get(&seen.events) == 1); /* the commit was answered */
	proxy_set(proxy, PROXY_AWAY);
	put(0, "b", LOG_1);
	put(1, "c", LOG_1);
	UNTIL(10000, !sql_db_is_up(service.sql));
	assert_int_equal(get(&seen.events), 1);
	proxy_set(proxy, PROXY_PASS);
	assert_true(sql_db_wait_up(service.sql, 10000));
	stored(3);
	assert_int_equal(number("SELECT SUM(again) FROM inbox_event"), 0);
}

/* COMMIT was carried out, its answer lost: the stored position says so, and nothing is stored twice. */
static void a_commit_without_answer(void **state)
{
	(void)state;
	start();
	put(0, "a", LOG_1);
	stored(1);
	proxy_trigger(proxy, "COMMIT", PROXY_CUT_AFTER);
	put(0, "b", LOG_1);
	UNTIL(10000, proxy_triggered(proxy));
	assert_true(sql_db_wait_up(service.sql, 10000));
	put(0, "c", LOG_1);
	stored(3);
	assert_int_equal(number("SELECT SUM(again) FROM inbox_event"), 0);
	assert_int_equal(position(0), 3);
}

/* While another instance leads nothing is read; when its session ends, all that it left is stored. */
static void stands_by_while_another_leads(void **state)
{
	struct sql_conn *theirs;

	(void)state;
	assert_int_equal(leader_open(service.sql, &theirs), ERR_OK);
	assert_int_equal(leader_ask(theirs, "SELECT GET_LOCK(CONCAT('moa.inbox.', DATABASE()), 1)", arena), ERR_OK);
	put(0, "a", LOG_1);
	run_sql("INSERT INTO inbox_parked (entry) VALUES ('theirs')");
	start();
	UNTIL(5000, parked_kept(inbox_parked(inbox)) == 1);
	parked_ask_clear(inbox_parked(inbox));
	UNTIL(5000, number("SELECT COUNT(*) FROM inbox_parked") == 0);
	/* A second of its waiting, and longer than it would take to store. */
	assert_int_equal(number("SELECT SLEEP(1.5)"), 0);
	assert_int_equal(get(&kafka.made), 0);
	assert_int_equal(get(&seen.idle), 0);
	assert_int_equal(metric_value(service.metrics, "moa_inbox_leader"), 0);
	sql_close(&theirs);
	stored(1);
	assert_int_equal(metric_value(service.metrics, "moa_inbox_leader"), 1);
}

/* Another instance has stored the batch: ours changes nothing and goes on from there. */
static void another_instance_was_first(void **state)
{
	(void)state;
	start();
	put(0, "a", LOG_1);
	stored(1);
	pthread_mutex_lock(&lock); /* nothing is read meanwhile */
	kafka.parts[0].open = false;
	pthread_mutex_unlock(&lock);
	put(0, "theirs", LOG_1);
	run_sql("UPDATE inbox_position SET next_offset = 2 WHERE partition_id = 0");
	SET(kafka.parts[0].open, true);
	put(0, "ours", LOG_1);
	stored(2);
	assert_int_equal(number("SELECT COUNT(*) FROM inbox_event WHERE id = 'theirs'"), 0);
	assert_int_equal(position(0), 3);
}

static void a_position_that_was_removed(void **state)
{
	(void)state;
	start();
	put(0, "a", LOG_1);
	stored(1);
	run_sql("DELETE FROM inbox_position");
	put(0, "b", LOG_1);
	stored(2); /* read from the start again: storing an event again does nothing */
	UNTIL(5000, position(0) == 2);
	assert_int_equal(number("SELECT again FROM inbox_event WHERE id = 'a'"), 1);
}

/* A recreated topic that is shorter than our position. */
static void out_of_range(void **state)
{
	(void)state;
	put(0, "a", LOG_1);
	put(0, "b", LOG_1);
	put(1, "x", LOG_1);
	start();
	stored(3);
	recreate();
	put(0, "c", LOG_2);
	stored(4);
	UNTIL(5000, position(0) == 1);
	assert_int_equal(number("SELECT COUNT(*) FROM inbox_position WHERE partition_id = 0 AND log_uuid = '" LOG_2 "'"), 1);
	put(1, "y", LOG_2);
	stored(5);
}

/* A recreated topic that has grown past our position while we were away: only the UUID tells. */
static void a_newer_log(void **state)
{
	(void)state;
	put(0, "a", LOG_1);
	put(0, "b", LOG_1);
	start();
	stored(2);
	inbox_stop(&inbox);
	recreate();
	put(0, "c", LOG_1); /* its writer had not noticed yet */
	put(0, "d", LOG_2);
	put(0, "e", LOG_2);
	put(0, "f", LOG_1); /* another writer, late: no change of log */
	put(0, "g", LOG_2);
	start();
	stored(7);
	assert_int_equal(number("SELECT SUM(again) FROM inbox_event"), 0);
	assert_int_equal(position(0), 5);
}

/* The records in front of the one that tells are stored before the partition is read again. */
static void a_newer_log_in_the_middle_of_a_batch(void **state)
{
	(void)state;
	put(0, "a", LOG_1);
	put(0, "b", LOG_1);
	put(0, "c", LOG_2);
	put(1, "x", LOG_1);
	start();
	stored(4);
	UNTIL(5000, position(0) == 3);
	assert_int_equal(number("SELECT again FROM inbox_event WHERE id = 'a'"), 1);
	put(0, "d", LOG_2);
	stored(5);
}

static void a_lost_consumer_is_replaced(void **state)
{
	(void)state;
	start();
	put(0, "a", LOG_1);
	stored(1);
	SET(kafka.once, BROKER_GONE);
	UNTIL(10000, get(&kafka.made) == 2);
	put(0, "b", LOG_1);
	stored(2);
	SET(kafka.once, BROKER_FAILED);
	UNTIL(10000, get(&kafka.made) == 3);
	put(0, "c", LOG_1);
	stored(3);
	assert_int_equal(number("SELECT SUM(again) FROM inbox_event"), 0);
}

static void kafka_comes_late(void **state)
{
	(void)state;
	kafka.no_consumer = true;
	put(0, "a", LOG_1);
	start();
	UNTIL(10000, get(&kafka.made) > 1);
	pthread_mutex_lock(&lock);
	kafka.no_watermarks = true;
	kafka.no_consumer = false;
	kafka.made = 0;
	pthread_mutex_unlock(&lock);
	UNTIL(10000, get(&kafka.made) > 0);
	assert_int_equal(get(&kafka.assigned), 0);
	SET(kafka.no_watermarks, false);
	stored(1);
}

static void stops_while_the_database_is_away(void **state)
{
	(void)state;
	start();
	put(0, "a", LOG_1);
	stored(1);
	UNTIL(5000, get(&seen.events) == 1); /* the commit was answered */
	proxy_set(proxy, PROXY_AWAY);
	put(0, "b", LOG_1);
	UNTIL(10000, !sql_db_is_up(service.sql));
	inbox_stop(&inbox);
	assert_int_equal(get(&seen.events), 1);
	inbox_stop(&inbox);
}

static void which_log_is_newer(void **state)
{
	(void)state;
	assert_true(inbox_log_is_newer(LOG_1, SLICE_LIT(LOG_2)));
	assert_false(inbox_log_is_newer(LOG_2, SLICE_LIT(LOG_1)));
	assert_false(inbox_log_is_newer(LOG_1, SLICE_LIT(LOG_1)));
	assert_false(inbox_log_is_newer("", SLICE_LIT(LOG_1)));
	assert_false(inbox_log_is_newer(LOG_1, SLICE_NONE));
	assert_false(inbox_log_is_newer(LOG_1, SLICE_LIT("zzz")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(stores_everything_once, setup, teardown),
		cmocka_unit_test_setup_teardown(calls_at_start_and_when_idle, setup, teardown),
		cmocka_unit_test_setup_teardown(goes_on_after_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(starts_at_the_low_watermark, setup, teardown),
		cmocka_unit_test_setup_teardown(parks_what_nobody_understands, setup, teardown),
		cmocka_unit_test_setup_teardown(parked_once_and_cleared, setup, teardown),
		cmocka_unit_test_setup_teardown(parked_with_the_database_away, setup, teardown),
		cmocka_unit_test_setup_teardown(tries_again_after_any_error, setup, teardown),
		cmocka_unit_test_setup_teardown(waits_for_the_database, setup, teardown),
		cmocka_unit_test_setup_teardown(a_commit_without_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(stands_by_while_another_leads, setup, teardown),
		cmocka_unit_test_setup_teardown(another_instance_was_first, setup, teardown),
		cmocka_unit_test_setup_teardown(a_position_that_was_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(out_of_range, setup, teardown),
		cmocka_unit_test_setup_teardown(a_newer_log, setup, teardown),
		cmocka_unit_test_setup_teardown(a_newer_log_in_the_middle_of_a_batch, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lost_consumer_is_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(kafka_comes_late, setup, teardown),
		cmocka_unit_test_setup_teardown(stops_while_the_database_is_away, setup, teardown),
		cmocka_unit_test(which_log_is_newer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
