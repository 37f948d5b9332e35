/* broker_bench.c - how many records a second go through shared/io/broker, into and out of a real Kafka.
 *
 * broker_bench BROKERS [RECORDS]: makes a topic of 8 partitions, fills it, reads it three times,
 * releasing in batches of 256 as the services do and in larger ones, and prints the rates; then the time from produce to consume of
 * single records, and of asking for watermarks.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/io/broker.h"

#define PARTITIONS 8
#define BATCH 256
#define SINGLES 1000

struct counts {
	size_t delivered;
	size_t failed;
};

static void on_delivery(void *ctx, void *tag, enum err e, int32_t partition, int64_t offset)
{
	struct counts *n = ctx;

	(void)tag, (void)partition, (void)offset;
	if (e == ERR_OK)
		n->delivered++;
	else
		n->failed++;
}

static struct broker_record make_record(size_t i, char *key, size_t key_size, char *value, size_t value_size)
{
	struct broker_record r = { .partition = (int32_t)(i % PARTITIONS), .header_count = 6 };

	snprintf(key, key_size, "%zu:%zu", i % 1000, i);
	snprintf(value, value_size, "{\"id\":%zu,\"item_id\":%zu,\"user_id\":%zu,\"created\":\"2026-01-31 23:59:59\"}", i, i % 50, i % 1000);
	r.key = slice_str(key);
	r.value = slice_str(value);
	r.headers[0] = (struct broker_header){ "ce_id", SLICE("1769900000000000") };
	r.headers[1] = (struct broker_header){ "ce_type", SLICE("alarm.changed") };
	r.headers[2] = (struct broker_header){ "ce_source", SLICE("/alarm_svc") };
	r.headers[3] = (struct broker_header){ "ce_time", SLICE("2026-01-31T23:59:59.123456Z") };
	r.headers[4] = (struct broker_header){ "version", SLICE("1769900000000000") };
	r.headers[5] = (struct broker_header){ "ce_specversion", SLICE("1.0") };
	return r;
}

static bool fill(const char *brokers, const char *topic, size_t records)
{
	struct counts n = { 0 };
	struct broker_producer *p = broker_producer_create(brokers, on_delivery, &n);
	int64_t start_us = clock_mono_us();
	char key[64];
	char value[160];

	for (size_t i = 0; p != NULL && i < records; i++) {
		struct broker_record r = make_record(i, key, sizeof(key), value, sizeof(value));
		enum err e = broker_produce(p, topic, &r, NULL);

		while (e == ERR_BUSY) {
			broker_producer_poll(p, 10);
			e = broker_produce(p, topic, &r, NULL);
		}
		if (e != ERR_OK) {
			fprintf(stderr, "produce: %s\n", err_name(e));
			break;
		}
	}
	while (p != NULL && broker_producer_pending(p) > 0)
		broker_producer_poll(p, 100);
	printf("produced   %9.0f records/s (%zu delivered, %zu failed)\n",
	       (double)records * 1e6 / (double)(clock_mono_us() - start_us), n.delivered, n.failed);
	broker_producer_free(&p);
	return n.delivered == records;
}

static void read_all(const char *brokers, const char *topic, size_t records, size_t release_every)
{
	const int64_t offsets[PARTITIONS] = { 0 };
	struct broker_consumer *c = broker_consumer_create(brokers, topic);
	int64_t start_us = clock_mono_us();
	struct broker_record r;
	size_t got = 0;
	size_t bytes = 0;
	int idle = 0;

	if (c == NULL || broker_consumer_assign(c, offsets, PARTITIONS) != ERR_OK)
		return;
	while (got < records && idle < 50) {
		enum broker_event event = broker_consumer_next(c, 100, &r);

		idle = event == BROKER_NOTHING ? idle + 1 : 0;
		if (event != BROKER_RECORD)
			continue;
		got++;
		bytes += r.value.len + broker_header_get(&r, "version").len;
		if (got % release_every == 0)
			broker_consumer_release(c);
	}
	printf("consumed   %9.0f records/s (%zu records, %zu bytes, released every %zu)\n",
	       (double)got * 1e6 / (double)(clock_mono_us() - start_us), got, bytes, release_every);
	broker_consumer_free(&c);
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void print_times(const char *what, int64_t *us, size_t count)
{
	if (count == 0)
		return;
	qsort(us, count, sizeof(*us), by_size);
	printf("%-10s p50 %" PRId64 " us, p99 %" PRId64 " us, max %" PRId64 " us (%zu)\n", what, us[count / 2],
	       us[count * 99 / 100], us[count - 1], count);
}

static void latency(const char *brokers, const char *topic)
{
	struct counts n = { 0 };
	struct broker_producer *p = broker_producer_create(brokers, on_delivery, &n);
	struct broker_consumer *c = broker_consumer_create(brokers, topic);
	int64_t marks[PARTITIONS];
	int64_t us[SINGLES];
	size_t count = 0;
	char key[64];
	char value[160];
	struct broker_record in;

	if (p == NULL || c == NULL || broker_consumer_watermarks(c, PARTITIONS, NULL, marks, 3000) != ERR_OK ||
	    broker_consumer_assign(c, marks, PARTITIONS) != ERR_OK)
		return;
	for (size_t i = 0; i < SINGLES; i++) {
		struct broker_record out = make_record(i, key, sizeof(key), value, sizeof(value));
		int64_t start_us = clock_mono_us();
		enum broker_event event = BROKER_NOTHING;

		if (broker_produce(p, topic, &out, NULL) != ERR_OK)
			break;
		do
			event = broker_consumer_next(c, 2000, &in);
		while (event != BROKER_RECORD && event != BROKER_NOTHING);
		us[count++] = clock_mono_us() - start_us;
		broker_consumer_release(c);
		while (broker_producer_pending(p) > 0)
			broker_producer_poll(p, 100);
	}
	print_times("latency", us, count);
	for (count = 0; count < 50; count++) {
		int64_t start_us = clock_mono_us();

		if (broker_consumer_watermarks(c, PARTITIONS, NULL, marks, 3000) != ERR_OK)
			break;
		us[count] = clock_mono_us() - start_us;
	}
	print_times("watermarks", us, count);
	broker_producer_free(&p);
	broker_consumer_free(&c);
}

int main(int argc, char **argv)
{
	uint64_t records = 1000000;
	char name[64];
	struct broker_topic topic = { .name = name, .partitions = PARTITIONS };

	if (argc < 2 || (argc > 2 && !slice_to_u64(slice_str(argv[2]), 1000000000, &records))) {
		fprintf(stderr, "usage: broker_bench BROKERS [RECORDS]\n");
		return 2;
	}
	log_setup("broker_bench", LOG_LEVEL_WARN, LOG_FORMAT_TEXT);
	snprintf(name, sizeof(name), "moa.bench.%016" PRIx64, clock_random());
	if (broker_topic_ensure(argv[1], &topic, 10000) != ERR_OK) {
		fprintf(stderr, "cannot create topic %s at %s\n", name, argv[1]);
		return 1;
	}
	if (!fill(argv[1], name, records))
		return 1;
	read_all(argv[1], name, records, BATCH);
	read_all(argv[1], name, records, BATCH);
	read_all(argv[1], name, records, 10000);
	latency(argv[1], name);
	return 0;
}
