/* courier_test.c - from a spool to a topic, with every failure on the way. The database is real; spool and broker are played
 * by this file, under one lock, since the courier has a thread of its own.
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
#include "shared/svc/courier.h"
#include "shared/svc/service.h"
#include "tests/unit/support/domain.h"
#include "tests/unit/support/metric.h"
#include "tests/unit/support/servers.h"

#define RECORDS_MAX 600
#define LOG_MAX 2000

static const struct topic topic = { .name = "courier.test", .domain = "visits", .partitions = 2 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- the spool ---- */

static struct {
	size_t count, read, acked, rewinds;
	char text[RECORDS_MAX][32];
	enum err fail;
} spool;

enum err spool_read(struct spool *s, struct arena *a, struct slice *records, size_t max, size_t *count, int timeout_ms)
{
	enum err e;

	(void)s;
	pthread_mutex_lock(&lock);
	*count = 0;
	e = spool.fail;
	for (; e == ERR_OK && *count < max && spool.read < spool.count; spool.read++)
		records[(*count)++] = arena_copy(a, slice_str(spool.text[spool.read]));
	pthread_mutex_unlock(&lock);
	if (*count == 0 && timeout_ms > 0)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	return e;
}

void spool_ack(struct spool *s)
{
	(void)s;
	pthread_mutex_lock(&lock);
	spool.acked = spool.read;
	pthread_mutex_unlock(&lock);
}

void spool_rewind(struct spool *s)
{
	(void)s;
	pthread_mutex_lock(&lock);
	spool.read = spool.acked;
	spool.rewinds++;
	pthread_mutex_unlock(&lock);
}

void spool_stats_get(const struct spool *s, struct spool_stats *out)
{
	(void)s;
	pthread_mutex_lock(&lock);
	*out = (struct spool_stats){ .bytes = 32 * spool.count, .records = spool.count - spool.acked, .dropped = 3, .damaged = 2 };
	pthread_mutex_unlock(&lock);
}

static void spool_put(const char *text)
{
	pthread_mutex_lock(&lock);
	snprintf(spool.text[spool.count++], sizeof(spool.text[0]), "%s", text);
	pthread_mutex_unlock(&lock);
}

/* ---- the broker ---- */

struct written {
	char key[32], value[32], log[CLOCK_UUID_LEN + 1];
	int32_t partition;
};

static struct {
	struct written log[LOG_MAX];
	size_t count;
	int64_t next[2];        /* offset of the next record of each partition */
	enum err ensure;        /* what making sure of the topic gives */
	enum err produce;       /* once: what broker_produce() gives */
	enum err report;        /* once: what the next report says; the record is not written */
	bool silent;            /* reports do not come */
	bool fatal;
	size_t ensured, made;
	struct { int32_t partition; int64_t offset; enum err e; } reports[LOG_MAX];
	size_t report_count;
	broker_delivery_fn *fn;
	void *ctx;
} kafka;

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
	enum err e;

	(void)brokers, (void)timeout_ms;
	assert_string_equal(t->name, topic.name);
	pthread_mutex_lock(&lock);
	kafka.ensured++;
	e = kafka.ensure;
	pthread_mutex_unlock(&lock);
	return e;
}

struct broker_producer *broker_producer_create(const char *brokers, broker_delivery_fn *fn, void *ctx)
{
	(void)brokers;
	pthread_mutex_lock(&lock);
	kafka.fn = fn;
	kafka.ctx = ctx;
	kafka.made++;
	kafka.fatal = false;
	pthread_mutex_unlock(&lock);
	return (struct broker_producer *)&kafka;
}

void broker_producer_free(struct broker_producer **p)
{
	if (*p == NULL)
		return;
	pthread_mutex_lock(&lock);
	kafka.silent = false;
	pthread_mutex_unlock(&lock);
	while (broker_producer_poll(*p, 0) > 0)
		;
	*p = NULL;
}

static void copy(char *out, size_t size, struct slice s)
{
	snprintf(out, size, "%.*s", SLICE_ARG(s));
}

enum err broker_produce(struct broker_producer *p, const char *name, const struct broker_record *r, void *tag)
{
	enum err e;

	(void)p, (void)tag;
	assert_string_equal(name, topic.name);
	pthread_mutex_lock(&lock);
	e = kafka.produce;
	kafka.produce = ERR_OK;
	if (e == ERR_OK) {
		struct written *w = &kafka.log[kafka.count];

		kafka.reports[kafka.report_count].e = kafka.report;
		kafka.reports[kafka.report_count].partition = r->partition;
		if (kafka.report == ERR_OK) {
			kafka.reports[kafka.report_count].offset = kafka.next[r->partition]++;
			copy(w->key, sizeof(w->key), r->key);
			copy(w->value, sizeof(w->value), r->value);
			copy(w->log, sizeof(w->log), broker_header_get(r, "log"));
			w->partition = r->partition;
			kafka.count++;
		}
		kafka.report_count++;
		kafka.report = ERR_OK;
	}
	pthread_mutex_unlock(&lock);
	return e;
}

int broker_producer_poll(struct broker_producer *p, int timeout_ms)
{
	int n = 0;

	(void)p, (void)timeout_ms;
	pthread_mutex_lock(&lock);
	for (; !kafka.silent && (size_t)n < kafka.report_count; n++)
		kafka.fn(kafka.ctx, NULL, kafka.reports[n].e, kafka.reports[n].partition, kafka.reports[n].offset);
	if (n > 0)
		kafka.report_count = 0;
	pthread_mutex_unlock(&lock);
	return n;
}

size_t broker_producer_pending(const struct broker_producer *p)
{
	size_t n;

	(void)p;
	pthread_mutex_lock(&lock);
	n = kafka.report_count;
	pthread_mutex_unlock(&lock);
	return n;
}

bool broker_producer_is_fatal(const struct broker_producer *p)
{
	bool fatal;

	(void)p;
	pthread_mutex_lock(&lock);
	fatal = kafka.fatal;
	pthread_mutex_unlock(&lock);
	return fatal;
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

static struct service service;
static struct proxy *proxy;
static struct courier *courier;

/* "<user>:<n>" is event <n> of the user; "bad" is none. */
static enum err to_event(struct slice record, struct arena *a, struct event *out)
{
	struct slice rest = record;

	(void)a;
	if (slice_eq(record, SLICE_LIT("bad")))
		return ERR_CORRUPT;
	if (slice_eq(record, SLICE_LIT("huge")))
		return ERR_NO_MEMORY;
	out->domain = "visit";
	out->type = SLICE_LIT("recorded");
	out->key = slice_cut(&rest, ':');
	out->value = record;
	out->id = SLICE_LIT("some id");
	return ERR_OK;
}

static const struct courier_spec spec = { .topic = &topic, .event = to_event };

static void run_sql(const char *text)
{
	struct arena *a = arena_create(4096, 65536);
	struct sql_conn *c;

	assert_int_equal(sql_acquire(service.sql, clock_mono_us() + 5000000, &c), ERR_OK);
	sql_set_statement_ms(c, 5000);
	assert_int_equal(sql_run_text(c, slice_str(text), a, NULL), ERR_OK);
	sql_release(&c);
	arena_free(&a);
}

static int setup(void **state)
{
	char url[SERVERS_URL_BYTES];
	struct sql_options o = { .connections = 2 };
	const char *why;

	(void)state;
	spool = (typeof(spool)){ .count = 0 };
	kafka = (typeof(kafka)){ .count = 0 };
	proxy = proxy_for("TEST_MYSQL_URL", url);
	o.url = slice_str(url);
	service = (struct service){ .sql = sql_db_create(&o, &why), .metrics = metrics_create(), .config = { .kafka_brokers = "x" } };
	if (!sql_db_wait_up(service.sql, 10000))
		return -1;
	run_sql("DROP TABLE IF EXISTS relay_position");
	run_sql("CREATE TABLE relay_position (topic varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, partition_id int NOT NULL,"
		" log_uuid char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '', last_offset bigint NOT NULL DEFAULT -1,"
		" own_next bigint unsigned NOT NULL DEFAULT 0, PRIMARY KEY (topic, partition_id)) ENGINE=InnoDB");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	courier_stop(&courier, 0);
	sql_db_free(&service.sql);
	metrics_free(&service.metrics);
	proxy_stop(&proxy);
	return 0;
}

static size_t get(const size_t *n)
{
	size_t value;

	pthread_mutex_lock(&lock);
	value = *n;
	pthread_mutex_unlock(&lock);
	return value;
}

#define SET(what, value)                    \
	do {                                \
		pthread_mutex_lock(&lock);  \
		(what) = (value);           \
		pthread_mutex_unlock(&lock); \
	} while (0)

static void start(void)
{
	courier = courier_start(&service, &spec, (struct spool *)&spool);
}

/* Waits until everything in the spool is acknowledged. */
static void delivered(void)
{
	UNTIL(10000, get(&spool.acked) == get(&spool.count));
}

/* ---- the tests ---- */

static void delivers_in_order(void **state)
{
	char text[32];

	(void)state;
	for (int i = 0; i < 500; i++) {
		snprintf(text, sizeof(text), "%d:%d", 1 + i % 7, i);
		spool_put(text);
	}
	start();
	delivered();
	assert_int_equal(kafka.count, 500);
	for (int i = 0; i < 500; i++) {
		snprintf(text, sizeof(text), "%d:%d", 1 + i % 7, i);
		assert_string_equal(kafka.log[i].value, text);
		assert_int_equal(kafka.log[i].key[0], '1' + i % 7);
		assert_int_equal(kafka.log[i].partition, topic_partition(&topic, slice_str(kafka.log[i].key)));
		assert_int_equal(strlen(kafka.log[i].log), CLOCK_UUID_LEN);
		assert_string_equal(kafka.log[i].log, kafka.log[0].log);
	}
	spool_put("3:later");
	delivered();
	assert_string_equal(kafka.log[500].value, "3:later");
	UNTIL(5000, metric_value(service.metrics, "moa_spool_delivered_total") == 501);
}

static void shows_the_spool(void **state)
{
	(void)state;
	spool_put("1:1");
	start();
	delivered();
	UNTIL(5000, metric_value(service.metrics, "moa_spool_records") == 0 && metric_value(service.metrics, "moa_spool_bytes") == 32);
	assert_int_equal(metric_value(service.metrics, "moa_spool_dropped_total"), 3);
	assert_int_equal(metric_value(service.metrics, "moa_spool_damaged_total"), 2);
}

static void skips_what_does_not_decode(void **state)
{
	(void)state;
	spool_put("1:1");
	spool_put("bad");
	spool_put("1:2");
	start();
	delivered();
	assert_int_equal(kafka.count, 2);
	assert_string_equal(kafka.log[1].value, "1:2");
	assert_int_equal(metric_value(service.metrics, "moa_spool_corrupt_total"), 1);
}

static void the_broker_comes_late(void **state)
{
	(void)state;
	kafka.ensure = ERR_UNAVAILABLE;
	spool_put("1:1");
	start();
	UNTIL(10000, get(&kafka.ensured) > 1);
	assert_int_equal(get(&kafka.count), 0);
	SET(kafka.ensure, ERR_OK);
	delivered();
	assert_int_equal(kafka.count, 1);
}

/* What was perhaps delivered is delivered again, behind it, in the same order. */
static void a_timeout_repeats_the_batch(void **state)
{
	(void)state;
	kafka.report = ERR_TIMEOUT;
	spool_put("1:1");
	spool_put("1:2");
	start();
	delivered();
	assert_int_equal(spool.rewinds, 1);
	assert_int_equal(kafka.count, 3);
	assert_string_equal(kafka.log[0].value, "1:2");
	assert_string_equal(kafka.log[1].value, "1:1");
	assert_string_equal(kafka.log[2].value, "1:2");
	assert_int_equal(kafka.made, 1);
}

static void a_fatal_error_makes_a_new_producer(void **state)
{
	(void)state;
	kafka.report = ERR_UNAVAILABLE;
	spool_put("1:1");
	start();
	delivered();
	assert_int_equal(kafka.made, 2);
	assert_int_equal(kafka.count, 1);
}

static void a_full_queue_is_waited_for(void **state)
{
	(void)state;
	kafka.produce = ERR_BUSY;
	spool_put("1:1");
	start();
	delivered();
	assert_int_equal(kafka.count, 1);
	assert_int_equal(spool.rewinds, 0);
}

static void other_failures_of_producing(void **state)
{
	(void)state;
	kafka.produce = ERR_NO_MEMORY;
	spool_put("1:1");
	start();
	delivered();
	assert_int_equal(kafka.count, 1);
	assert_int_equal(spool.rewinds, 1);
	SET(spool.fail, ERR_CORRUPT); /* the spool cannot be read for a while */
	spool_put("1:2");
	SET(spool.fail, ERR_OK);
	delivered();
	assert_int_equal(kafka.count, 2);
}

/* The topic was made anew: what went to the new log goes there again, under its new UUID. */
static void a_new_log(void **state)
{
	char old[CLOCK_UUID_LEN + 1];
	size_t before;

	(void)state;
	spool_put("1:1");
	spool_put("1:2");
	start();
	delivered();
	memcpy(old, kafka.log[0].log, sizeof(old));
	pthread_mutex_lock(&lock);
	kafka.next[0] = kafka.next[1] = 0;
	before = kafka.count;
	pthread_mutex_unlock(&lock);
	spool_put("1:3");
	delivered();
	assert_int_equal(kafka.count, before + 2);
	assert_string_equal(kafka.log[before].log, old);
	assert_string_equal(kafka.log[before + 1].value, "1:3");
	assert_true(strcmp(kafka.log[before + 1].log, old) > 0);
	spool_put("1:4");
	delivered();
	assert_string_equal(kafka.log[before + 2].log, kafka.log[before + 1].log);
}

static void a_deleted_topic(void **state)
{
	char old[CLOCK_UUID_LEN + 1];

	(void)state;
	spool_put("1:1");
	start();
	delivered();
	memcpy(old, kafka.log[0].log, sizeof(old));
	pthread_mutex_lock(&lock);
	kafka.report = ERR_NOT_FOUND;
	kafka.next[0] = kafka.next[1] = 1000; /* nothing but the loss itself gives the new log away */
	pthread_mutex_unlock(&lock);
	spool_put("1:2");
	delivered();
	assert_int_equal(kafka.count, 2);
	assert_string_equal(kafka.log[1].value, "1:2");
	assert_true(strcmp(kafka.log[1].log, old) > 0);
	assert_int_equal(kafka.ensured, 2);
}

/* The UUID is needed once; while it is known visits flow without the database. */
static void without_the_database(void **state)
{
	(void)state;
	proxy_set(proxy, PROXY_AWAY);
	spool_put("1:1");
	start();
	UNTIL(10000, !sql_db_is_up(service.sql));
	assert_int_equal(get(&kafka.count), 0);
	proxy_set(proxy, PROXY_PASS);
	delivered();
	proxy_set(proxy, PROXY_AWAY);
	spool_put("1:2");
	delivered();
	assert_int_equal(kafka.count, 2);
	proxy_set(proxy, PROXY_PASS);
}

static void stopping_delivers_what_is_left(void **state)
{
	(void)state;
	spool_put("1:0");
	start();
	delivered();
	for (int i = 0; i < 500; i++)
		spool_put("1:1");
	courier_stop(&courier, 10000);
	assert_null(courier);
	assert_int_equal(spool.acked, 501);
	courier_stop(&courier, 0);
}

static void stopping_does_not_wait_for_a_dead_broker(void **state)
{
	int64_t from_us = clock_mono_us();

	(void)state;
	kafka.ensure = ERR_UNAVAILABLE;
	spool_put("1:1");
	start();
	UNTIL(10000, get(&kafka.ensured) > 0);
	courier_stop(&courier, 60000);
	assert_int_equal(spool.acked, 0);
	assert_true(clock_mono_us() - from_us < 30000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(delivers_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(shows_the_spool, setup, teardown),
		cmocka_unit_test_setup_teardown(skips_what_does_not_decode, setup, teardown),
		cmocka_unit_test_setup_teardown(the_broker_comes_late, setup, teardown),
		cmocka_unit_test_setup_teardown(a_timeout_repeats_the_batch, setup, teardown),
		cmocka_unit_test_setup_teardown(a_fatal_error_makes_a_new_producer, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_queue_is_waited_for, setup, teardown),
		cmocka_unit_test_setup_teardown(other_failures_of_producing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_new_log, setup, teardown),
		cmocka_unit_test_setup_teardown(a_deleted_topic, setup, teardown),
		cmocka_unit_test_setup_teardown(without_the_database, setup, teardown),
		cmocka_unit_test_setup_teardown(stopping_delivers_what_is_left, setup, teardown),
		cmocka_unit_test_setup_teardown(stopping_does_not_wait_for_a_dead_broker, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
