/* parts.c - what the parts of the way from commit to view take alone, at the same leisurely rate: the floor under bench-fresh.
 *
 * parts MYSQL_URL BROKERS REDIS_URL RATE COUNT: inserts into table `bench` of that schema, commits each; produces to a new
 * topic and consumes from it; calls Redis. Prints lines of: name, count, p50, p99, p99.9, max in microseconds.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/io/broker.h"
#include "shared/io/resp.h"
#include "shared/io/sql.h"

#define UP_MS 10000

struct bench {
	const char *mysql_url, *brokers, *redis_url;
	uint64_t rate, count;
	int64_t *us;
	size_t done;
};

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void print(struct bench *b, const char *name)
{
	size_t n = b->done;

	qsort(b->us, n, sizeof(*b->us), ascending);
	if (n > 0)
		printf("%s %zu %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n", name, n, b->us[n / 2], b->us[n * 99 / 100],
		       b->us[n * 999 / 1000], b->us[n - 1]);
	b->done = 0;
}

/* Sleeps until number <i> is due; returns now. */
static int64_t pace(const struct bench *b, int64_t start_us, uint64_t i)
{
	int64_t due_us = start_us + (int64_t)(i * 1000000 / b->rate);
	struct timespec due = { .tv_sec = due_us / 1000000, .tv_nsec = due_us % 1000000 * 1000 };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
	return clock_mono_us();
}

static enum err commits(struct bench *b)
{
	const struct sql_options o = { .url = slice_str(b->mysql_url), .connections = 1 };
	const char *why = "no answer";
	struct sql_db *db = sql_db_create(&o, &why);
	struct sql_conn *c = NULL;
	int64_t start_us = clock_mono_us();
	enum err e = db != NULL && sql_db_wait_up(db, UP_MS) ? sql_open(db, &c) : ERR_UNAVAILABLE;

	for (uint64_t i = 0; e == ERR_OK && i < b->count; i++) {
		int64_t from_us = pace(b, start_us, i);

		e = sql_run(c, "INSERT INTO bench (text) VALUES (REPEAT('x', 100))", NULL, 0, NULL, NULL);
		b->us[b->done++] = clock_mono_us() - from_us;
	}
	if (e != ERR_OK)
		fprintf(stderr, "parts: %s: %s\n", why, err_name(e));
	if (c != NULL)
		sql_close(&c);
	if (db != NULL)
		sql_db_free(&db);
	print(b, "commit");
	return e;
}

static void on_delivery(void *ctx, void *tag, enum err e, int32_t partition, int64_t offset)
{
	(void)ctx, (void)tag, (void)e, (void)partition, (void)offset;
}

static enum err once(struct broker_producer *p, struct broker_consumer *c, const char *topic)
{
	const struct broker_record out = { .partition = 0, .key = SLICE("10:50"),
					   .value = SLICE("{\"id\":1,\"item_id\":50,\"user_id\":10,\"created\":\"2026-01-31 23:59:59\"}") };
	struct broker_record in;
	enum broker_event event;
	enum err e = broker_produce(p, topic, &out, NULL);

	do
		event = e == ERR_OK ? broker_consumer_next(c, 2000, &in) : BROKER_NOTHING;
	while (event == BROKER_END);
	broker_consumer_release(c);
	return event == BROKER_RECORD ? ERR_OK : ERR_UNAVAILABLE;
}

static enum err log_trips(struct bench *b)
{
	char name[64];
	const struct broker_topic topic = { .name = name, .partitions = 1 };
	const int64_t offset = 0;
	struct broker_producer *p = broker_producer_create(b->brokers, on_delivery, NULL);
	struct broker_consumer *c;
	int64_t start_us;
	enum err e;

	snprintf(name, sizeof(name), "moa.bench.%016" PRIx64, clock_random());
	e = broker_topic_ensure(b->brokers, &topic, UP_MS);
	c = broker_consumer_create(b->brokers, name);
	if (e == ERR_OK)
		e = p != NULL && c != NULL ? broker_consumer_assign(c, &offset, 1) : ERR_UNAVAILABLE;
	if (e == ERR_OK)
		e = once(p, c, name); /* looks the topic up */
	start_us = clock_mono_us();
	for (uint64_t i = 0; e == ERR_OK && i < b->count; i++) {
		int64_t from_us = pace(b, start_us, i);

		e = once(p, c, name);
		b->us[b->done++] = clock_mono_us() - from_us;
		broker_producer_poll(p, 0);
	}
	if (e != ERR_OK)
		fprintf(stderr, "parts: kafka: %s\n", err_name(e));
	broker_producer_free(&p);
	broker_consumer_free(&c);
	print(b, "kafka");
	return e;
}

static enum err redis_trips(struct bench *b)
{
	const struct slice words[] = { SLICE("HSET"), SLICE("bench:hash"), SLICE("field"), SLICE("0123456789012345+1") };
	const char *why = "no answer";
	struct resp_db *db = resp_db_create(slice_str(b->redis_url), 1, &why);
	struct arena *a = arena_create(4096, 65536);
	struct resp_conn *c = NULL;
	int64_t start_us = clock_mono_us();
	enum err e = db != NULL && resp_db_wait_up(db, UP_MS) ? resp_open(db, &c) : ERR_UNAVAILABLE;

	for (uint64_t i = 0; e == ERR_OK && i < b->count; i++) {
		int64_t from_us = pace(b, start_us, i);
		struct resp_value v;

		arena_reset(a);
		e = resp_call(c, a, words, 4, &v);
		b->us[b->done++] = clock_mono_us() - from_us;
	}
	if (e != ERR_OK)
		fprintf(stderr, "parts: %s: %s\n", why, err_name(e));
	if (c != NULL)
		resp_close(&c);
	if (db != NULL)
		resp_db_free(&db);
	arena_free(&a);
	print(b, "redis");
	return e;
}

int main(int argc, char **argv)
{
	struct bench b;
	bool good;

	if (argc != 6) {
		fprintf(stderr, "usage: parts MYSQL_URL BROKERS REDIS_URL RATE COUNT\n");
		return 2;
	}
	b = (struct bench){ .mysql_url = argv[1], .brokers = argv[2], .redis_url = argv[3] };
	if (!slice_to_u64(slice_str(argv[4]), 100000, &b.rate) || !slice_to_u64(slice_str(argv[5]), 1000000, &b.count) || b.rate == 0 ||
	    b.count == 0) {
		fprintf(stderr, "parts: rate and count are numbers above 0\n");
		return 2;
	}
	log_setup("parts", LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	b.us = calloc(b.count, sizeof(*b.us));
	if (b.us == NULL)
		return 1;
	good = commits(&b) == ERR_OK;
	good = log_trips(&b) == ERR_OK && good;
	good = redis_trips(&b) == ERR_OK && good;
	free(b.us);
	return good ? 0 : 1;
}
