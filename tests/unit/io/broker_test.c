/* broker_test.c - producer, consumer and topics against a real Kafka, whose address is in TEST_KAFKA_BROKERS.
 *
 * Topics have random names and are left behind, in a server that is thrown away.
 *
 * For the thread sanitizer, see tests/unit/support/c11_threads.c. link: -Wl,-u,thrd_create
 */
#include "tests/unit/io/broker_fixture.h"

#include <poll.h>

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>

struct fixture {
	const char *brokers;
	char topic[64];
	struct reports reports;
	struct broker_producer *producer;
	struct broker_consumer *consumer;
};

#define PARTITIONS 3

static void make_topic(struct fixture *f, int32_t partitions)
{
	struct broker_topic t = { .name = f->topic, .partitions = partitions };

	assert_int_equal(broker_topic_ensure(f->brokers, &t, 10000), ERR_OK);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->brokers = getenv("TEST_KAFKA_BROKERS");
	snprintf(f->topic, sizeof(f->topic), "moa.test.%016" PRIx64, clock_random());
	make_topic(f, PARTITIONS);
	f->producer = broker_producer_create(f->brokers, on_report, &f->reports);
	f->consumer = broker_consumer_create(f->brokers, f->topic);
	assert_non_null(f->producer);
	assert_non_null(f->consumer);
	*state = f;
	return 0;
}

/* Asks until the broker knows its new topic: for some ms after it was made it says that nobody leads it. */
static enum err settled_watermarks(struct fixture *f, int32_t partitions, int64_t *low, int64_t *high)
{
	int64_t until_us = clock_mono_us() + 10000000;
	enum err e;

	do
		e = broker_consumer_watermarks(f->consumer, partitions, low, high, 5000);
	while (e == ERR_UNAVAILABLE && clock_mono_us() < until_us);
	return e;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	int64_t start_us = clock_mono_us();

	broker_producer_free(&f->producer);
	broker_consumer_free(&f->consumer);
	assert_null(f->producer);
	assert_null(f->consumer);
	assert_true(passed_ms(start_us) < 5000);
	free(f);
	return 0;
}

static void assign(struct fixture *f, int64_t a, int64_t b, int64_t c)
{
	const int64_t offsets[PARTITIONS] = { a, b, c };

	assert_int_equal(broker_consumer_assign(f->consumer, offsets, PARTITIONS), ERR_OK);
}

/* Appends <count> records with value "<partition>.<number>". */
static void fill(struct fixture *f, int32_t partition, int from, int to)
{
	char value[32];

	f->reports = (struct reports){ 0 };
	for (int i = from; i < to; i++) {
		struct broker_record r;

		snprintf(value, sizeof(value), "%d.%d", (int)partition, i);
		r = text_record(partition, "key", value);
		while (broker_produce(f->producer, f->topic, &r, NULL) != ERR_OK)
			broker_producer_poll(f->producer, 100);
	}
	drain(f->producer);
	assert_int_equal(f->reports.failed, 0);
	assert_int_equal(f->reports.count, to - from);
}

/* ---- an administrator beside ---- */

static rd_kafka_t *admin_open(const struct fixture *f)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[200];
	rd_kafka_t *rk;

	assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", f->brokers, text, sizeof(text)), RD_KAFKA_CONF_OK);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	assert_non_null(rk);
	return rk;
}

static void admin_await(rd_kafka_queue_t *queue)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 10000);

	assert_non_null(event);
	assert_int_equal(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR);
	rd_kafka_event_destroy(event);
}

static void admin_delete_topic(const struct fixture *f)
{
	rd_kafka_t *rk = admin_open(f);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_DeleteTopic_t *request = rd_kafka_DeleteTopic_new(f->topic);

	rd_kafka_DeleteTopics(rk, &request, 1, NULL, queue);
	admin_await(queue);
	rd_kafka_DeleteTopic_destroy(request);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(rk);
}

static void admin_delete_records(const struct fixture *f, int32_t partition, int64_t before)
{
	rd_kafka_t *rk = admin_open(f);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_DeleteRecords_t *request;

	rd_kafka_topic_partition_list_add(list, f->topic, partition)->offset = before;
	request = rd_kafka_DeleteRecords_new(list);
	rd_kafka_DeleteRecords(rk, &request, 1, NULL, queue);
	admin_await(queue);
	rd_kafka_DeleteRecords_destroy(request);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(rk);
}

/* ---- topics ---- */

static void test_ensure(void **state)
{
	const struct fixture *f = *state;
	struct broker_topic t = { .name = f->topic, .partitions = PARTITIONS };

	assert_int_equal(broker_topic_ensure(f->brokers, &t, 10000), ERR_OK); /* again */
	t.partitions = PARTITIONS + 1;
	assert_int_equal(broker_topic_ensure(f->brokers, &t, 10000), ERR_CONFLICT);
	t.partitions = PARTITIONS - 1;
	assert_int_equal(broker_topic_ensure(f->brokers, &t, 10000), ERR_CONFLICT);
	t.name = "no topic can have this name";
	assert_int_equal(broker_topic_ensure(f->brokers, &t, 10000), ERR_UNAVAILABLE);
}

static void *ensure_in_thread(void *arg)
{
	const struct fixture *f = arg;
	struct broker_topic t = { .name = f->topic, .partitions = 5 };

	return (void *)(intptr_t)broker_topic_ensure(f->brokers, &t, 10000);
}

static void test_ensure_from_several_places(void **state)
{
	struct fixture f = *(struct fixture *)*state;
	pthread_t threads[4];
	void *result;

	snprintf(f.topic, sizeof(f.topic), "moa.test.%016" PRIx64, clock_random());
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, ensure_in_thread, &f);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &result);
		assert_int_equal((intptr_t)result, ERR_OK);
	}
}

static void test_topic_config(void **state)
{
	struct fixture *f = *state;
	const struct broker_header config[] = {
		{ "cleanup.policy", SLICE("compact") },
		{ "max.message.bytes", SLICE("2000") },
	};
	struct broker_topic t = { .name = f->topic, .partitions = 1, .config = config, .config_count = 2 };
	struct broker_record r = text_record(0, NULL, "a compacted topic takes no record without a key");
	char *big = calloc(1, 5000);

	memset(big, 'x', 4999);
	snprintf(f->topic, sizeof(f->topic), "moa.test.%016" PRIx64, clock_random());
	assert_int_equal(broker_topic_ensure(f->brokers, &t, 10000), ERR_OK);
	assert_int_equal(deliver(f->producer, &f->reports, f->topic, &r).e, ERR_UNAVAILABLE);
	r = text_record(0, "key", "with one it does");
	assert_int_equal(deliver(f->producer, &f->reports, f->topic, &r).e, ERR_OK);
	r = text_record(0, "key", big);
	assert_int_equal(deliver(f->producer, &f->reports, f->topic, &r).e, ERR_TOO_LARGE);
	assert_false(broker_producer_is_fatal(f->producer));
	free(big);
}

/* ---- records ---- */

static void test_round_trip(void **state)
{
	struct fixture *f = *state;
	struct broker_record out = {
		.partition = 1,
		.key = SLICE("10:50"),
		.value = SLICE("{\"name\":\"\xEB\xAA\xA8\xEC\x95\x84\0\"}"),
		.header_count = BROKER_HEADERS_MAX,
		.headers = {
			{ "ce_id", SLICE("1769900000000000") }, { "ce_type", SLICE("alarm.changed") }, { "version", SLICE("5") },
			{ "empty", SLICE("") }, { "none", { NULL, 0 } }, { "binary", SLICE("\0\1\xFF") }, { "twice", SLICE("a") },
			{ "twice", SLICE("b") },
		},
	};
	struct report report = deliver(f->producer, &f->reports, f->topic, &out);
	struct broker_record in;

	assert_int_equal(report.e, ERR_OK);
	assert_int_equal(report.partition, 1);
	assert_int_equal(report.offset, 0);
	assign(f, 0, 0, 0);
	in = next_record(f->consumer);
	assert_int_equal(in.partition, 1);
	assert_int_equal(in.offset, 0);
	assert_true(slice_eq(in.key, out.key));
	assert_true(slice_eq(in.value, out.value));
	assert_int_equal(in.header_count, BROKER_HEADERS_MAX);
	for (size_t i = 0; i < BROKER_HEADERS_MAX; i++) {
		assert_string_equal(in.headers[i].name, out.headers[i].name);
		assert_true(slice_eq(in.headers[i].value, out.headers[i].value));
		assert_int_equal(in.headers[i].value.ptr == NULL, out.headers[i].value.ptr == NULL);
	}
	expect_text(broker_header_get(&in, "version"), "5");
	expect_text(broker_header_get(&in, "twice"), "a");
	assert_null(broker_header_get(&in, "absent").ptr);
	assert_null(broker_header_get(&in, "Version").ptr);
}

static void test_deletions_and_empty_values(void **state)
{
	struct fixture *f = *state;
	struct broker_record r = text_record(0, "key", NULL);

	assert_int_equal(deliver(f->producer, &f->reports, f->topic, &r).offset, 0);
	r = text_record(0, "key", "");
	assert_int_equal(deliver(f->producer, &f->reports, f->topic, &r).offset, 1);
	r = text_record(0, "", "v");
	assert_int_equal(deliver(f->producer, &f->reports, f->topic, &r).offset, 2);
	assign(f, 0, BROKER_NO_OFFSET, BROKER_NO_OFFSET);
	r = next_record(f->consumer);
	assert_null(r.value.ptr);
	assert_int_equal(r.header_count, 0);
	r = next_record(f->consumer);
	assert_non_null(r.value.ptr);
	assert_int_equal(r.value.len, 0);
	r = next_record(f->consumer);
	assert_int_equal(r.key.len, 0);
	expect_text(r.value, "v");
}

static void test_offsets_grow_per_partition(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 10; i++)
		for (int32_t partition = 0; partition < PARTITIONS; partition++) {
			struct broker_record r = text_record(partition, "key", "value");
			struct report report = deliver(f->producer, &f->reports, f->topic, &r);

			assert_int_equal(report.partition, partition);
			assert_int_equal(report.offset, i);
		}
}

static void test_larger_than_allowed(void **state)
{
	struct fixture *f = *state;
	char *big = calloc(1, 2000001);
	struct broker_record r;

	memset(big, 'x', 2000000);
	r = text_record(0, "key", big);
	assert_int_equal(deliver(f->producer, &f->reports, f->topic, &r).e, ERR_TOO_LARGE);
	assert_int_equal(broker_producer_pending(f->producer), 0);
	free(big);
}

/* ---- positions ---- */

static void test_from_given_offsets(void **state)
{
	struct fixture *f = *state;
	int next[PARTITIONS] = { 3, 0, 9 };
	struct broker_record r;
	char expected[32];

	for (int32_t p = 0; p < PARTITIONS; p++)
		fill(f, p, 0, 10);
	assign(f, 3, BROKER_NO_OFFSET, 9);
	for (int i = 0; i < 8; i++) {
		r = next_record(f->consumer);
		assert_int_not_equal(r.partition, 1);
		assert_int_equal(r.offset, next[r.partition]);
		snprintf(expected, sizeof(expected), "%d.%d", (int)r.partition, next[r.partition]++);
		expect_text(r.value, expected);
	}
	broker_consumer_release(f->consumer);
	fill(f, 1, 10, 11); /* not assigned */
	fill(f, 2, 10, 11);
	r = next_record(f->consumer);
	expect_text(r.value, "2.10");
}

static void test_ends(void **state)
{
	struct fixture *f = *state;
	int64_t ends[PARTITIONS] = { -1, -1, -1 };
	struct broker_record r;
	int records = 0;

	fill(f, 0, 0, 5);
	assign(f, 2, 0, 0);
	for (int i = 0; i < 3;) {
		enum broker_event event = next_event(f->consumer, &r);

		records += event == BROKER_RECORD;
		if (event != BROKER_END)
			continue;
		ends[r.partition] = r.offset;
		i++;
	}
	assert_int_equal(records, 3);
	assert_int_equal(ends[0], 5);
	assert_int_equal(ends[1], 0);
	assert_int_equal(ends[2], 0);
	assert_int_equal(broker_consumer_next(f->consumer, 0, &r), BROKER_NOTHING);
	fill(f, 0, 5, 6); /* and once more behind what is new */
	assert_int_equal(next_event(f->consumer, &r), BROKER_RECORD);
	assert_int_equal(next_event(f->consumer, &r), BROKER_END);
	assert_int_equal(r.partition, 0);
	assert_int_equal(r.offset, 6);
}

static void test_out_of_range(void **state)
{
	struct fixture *f = *state;
	int64_t low[PARTITIONS];
	int64_t high[PARTITIONS];
	struct broker_record r;

	fill(f, 0, 0, 10);
	assign(f, 11, BROKER_NO_OFFSET, BROKER_NO_OFFSET); /* beyond the end */
	assert_int_equal(next_event(f->consumer, &r), BROKER_OUT_OF_RANGE);
	assert_int_equal(r.partition, 0);
	assign(f, 10, BROKER_NO_OFFSET, BROKER_NO_OFFSET); /* the end itself is fine */
	assert_int_equal(next_event(f->consumer, &r), BROKER_END);
	assert_int_equal(r.offset, 10);

	admin_delete_records(f, 0, 4);
	assert_int_equal(settled_watermarks(f, PARTITIONS, low, high), ERR_OK);
	assert_int_equal(low[0], 4);
	assert_int_equal(high[0], 10);
	assign(f, 3, BROKER_NO_OFFSET, BROKER_NO_OFFSET);
	assert_int_equal(next_event(f->consumer, &r), BROKER_OUT_OF_RANGE);
	assert_int_equal(r.partition, 0);
	assign(f, 4, BROKER_NO_OFFSET, BROKER_NO_OFFSET);
	r = next_record(f->consumer);
	assert_int_equal(r.offset, 4);
}

static void test_one_partition_out_of_range(void **state)
{
	struct fixture *f = *state;
	bool out = false;
	int records = 0;

	fill(f, 0, 0, 3);
	fill(f, 2, 0, 3);
	assign(f, 0, 7, 0);
	while (!out || records < 6) { /* the others go on */
		struct broker_record r;
		enum broker_event event = next_event(f->consumer, &r);

		records += event == BROKER_RECORD;
		if (event == BROKER_OUT_OF_RANGE) {
			assert_int_equal(r.partition, 1);
			out = true;
		}
	}
}

/* What was fetched for the old positions must not appear behind the new ones. */
static void test_assign_replaces(void **state)
{
	struct fixture *f = *state;
	struct broker_record r;

	fill(f, 0, 0, 5000);
	fill(f, 1, 0, 10);
	for (int round = 0; round < 20; round++) {
		int64_t from = (int64_t)(clock_random() % 4900);

		assign(f, from, BROKER_NO_OFFSET, BROKER_NO_OFFSET);
		for (int i = 0; i < 50; i++) {
			r = next_record(f->consumer);
			assert_int_equal(r.partition, 0);
			assert_int_equal(r.offset, from + i);
		}
		if (round % 2 == 0)
			broker_consumer_release(f->consumer);
	}
	assign(f, BROKER_NO_OFFSET, 8, BROKER_NO_OFFSET);
	r = next_record(f->consumer);
	assert_int_equal(r.partition, 1);
	assert_int_equal(r.offset, 8);
	assign(f, BROKER_NO_OFFSET, BROKER_NO_OFFSET, BROKER_NO_OFFSET);
	assert_int_equal(broker_consumer_next(f->consumer, 300, &r), BROKER_NOTHING);
}

static void test_memory_stays_until_release(void **state)
{
	struct fixture *f = *state;
	static struct broker_record held[3000];
	char expected[32];

	fill(f, 0, 0, 3000);
	assign(f, 0, BROKER_NO_OFFSET, BROKER_NO_OFFSET);
	for (int i = 0; i < 3000; i++)
		held[i] = next_record(f->consumer);
	for (int i = 0; i < 3000; i++) {
		snprintf(expected, sizeof(expected), "0.%d", i);
		expect_text(held[i].value, expected);
	}
	broker_consumer_release(f->consumer);
	broker_consumer_release(f->consumer);
	fill(f, 0, 3000, 3001);
	held[0] = next_record(f->consumer);
	assert_int_equal(held[0].offset, 3000);
}

/* ---- watermarks ---- */

/* Asks again, for 10 s at most, while the broker cannot say: the leaders of a topic that was just made may not be known everywhere. */
static enum err watermarks(struct broker_consumer *c, int64_t *low, int64_t *high)
{
	int64_t until_us = clock_mono_us() + 10 * 1000000;
	enum err e;

	do {
		e = broker_consumer_watermarks(c, PARTITIONS, low, high, 5000);
	} while (e == ERR_UNAVAILABLE && clock_mono_us() < until_us && poll(NULL, 0, 20) == 0);
	return e;
}

static void test_watermarks(void **state)
{
	struct fixture *f = *state;
	int64_t low[PARTITIONS] = { -1, -1, -1 };
	int64_t high[PARTITIONS] = { -1, -1, -1 };

	fill(f, 1, 0, 7);
	assert_int_equal(watermarks(f->consumer, low, high), ERR_OK);
	assert_int_equal(low[0] + low[1] + low[2], 0);
	assert_int_equal(high[0], 0);
	assert_int_equal(high[1], 7);
	assert_int_equal(high[2], 0);
	fill(f, 1, 7, 8); /* nothing is remembered */
	assert_int_equal(watermarks(f->consumer, NULL, high), ERR_OK);
	assert_int_equal(high[1], 8);
	assert_int_equal(watermarks(f->consumer, low, NULL), ERR_OK);
	assert_int_equal(broker_consumer_watermarks(f->consumer, PARTITIONS + 1, NULL, (int64_t[PARTITIONS + 1]){ 0 }, 2000),
			 ERR_NOT_FOUND);
	assert_true(broker_consumer_is_up(f->consumer));
}

struct asker {
	struct broker_consumer *consumer;
	atomic_bool done;
	int answers;
	enum err error;        /* the first one */
	int64_t last, lower;   /* the last watermark, and one below its predecessor, or -1 */
};

static void *ask_watermarks(void *arg)
{
	struct asker *a = arg;
	int64_t high[PARTITIONS];

	do {
		a->error = watermarks(a->consumer, NULL, high);
		if (a->error == ERR_OK && high[0] < a->last)
			a->lower = high[0];
		a->last = high[0];
		a->answers++;
	} while (!a->done && a->error == ERR_OK && a->lower < 0);
	return NULL;
}

static void test_watermarks_beside_reading(void **state)
{
	struct fixture *f = *state;
	struct asker asker = { .consumer = f->consumer, .lower = -1 };
	pthread_t thread;

	fill(f, 0, 0, 2000);
	assign(f, 0, 0, 0);
	pthread_create(&thread, NULL, ask_watermarks, &asker);
	for (int i = 0; i < 4000; i++) {
		struct broker_record r = next_record(f->consumer);

		assert_int_equal(r.offset, i);
		if (i == 1000)
			fill(f, 0, 2000, 4000);
		if (i % 100 == 0)
			broker_consumer_release(f->consumer);
	}
	asker.done = true;
	pthread_join(thread, NULL);
	assert_int_equal(asker.error, ERR_OK);
	assert_int_equal(asker.lower, -1);
	assert_true(asker.last >= 2000);
	assert_true(asker.answers > 0);
}

/* ---- topics that are not there ---- */

static void test_no_such_topic(void **state)
{
	struct fixture *f = *state;
	struct broker_consumer *c = broker_consumer_create(f->brokers, "moa.test.never");
	struct broker_record r = text_record(0, "key", "value");
	int64_t start_us = clock_mono_us();
	const int64_t zero = 0;
	int64_t high;

	assert_int_equal(broker_consumer_assign(c, &zero, 1), ERR_OK);
	assert_int_equal(next_event(c, &r), BROKER_GONE);
	assert_true(passed_ms(start_us) < 5000);
	assert_int_equal(broker_consumer_watermarks(c, 1, NULL, &high, 3000), ERR_NOT_FOUND);
	broker_consumer_free(&c);

	r = text_record(0, "key", "value");
	assert_int_equal(deliver(f->producer, &f->reports, "moa.test.never", &r).e, ERR_NOT_FOUND);
	assert_int_equal(deliver(f->producer, &f->reports, f->topic, &r).e, ERR_OK); /* another topic is not touched by that */
}

static void test_no_such_partition(void **state)
{
	struct fixture *f = *state;
	struct broker_record r = text_record(PARTITIONS, "key", "value");
	const int64_t offsets[PARTITIONS + 1] = { 0 };
	int64_t high[PARTITIONS + 1];
	enum broker_event event;

	assert_int_equal(deliver(f->producer, &f->reports, f->topic, &r).e, ERR_NOT_FOUND);
	assert_int_equal(broker_consumer_assign(f->consumer, offsets, PARTITIONS + 1), ERR_OK);
	assert_int_equal(settled_watermarks(f, PARTITIONS + 1, NULL, high), ERR_NOT_FOUND);
	do
		event = next_event(f->consumer, &r);
	while (event == BROKER_END);
	assert_int_equal(event, BROKER_GONE);
}

static void test_no_such_name(void **state)
{
	struct fixture *f = *state;
	char name[600];
	struct broker_record r = text_record(0, "key", "value");

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_null(broker_consumer_create(f->brokers, name));
	assert_int_not_equal(broker_produce(f->producer, name, &r, NULL), ERR_OK);
	assert_int_equal(broker_producer_pending(f->producer), 0);
}

static void test_recreated_topic(void **state)
{
	struct fixture *f = *state;
	struct broker_record r;
	enum broker_event event;
	struct report report;

	fill(f, 0, 0, 10);
	assign(f, 0, 0, 0);
	for (int i = 0; i < 10; i++)
		r = next_record(f->consumer);
	admin_delete_topic(f);
	r = text_record(0, "key", "value");
	report = deliver(f->producer, &f->reports, f->topic, &r);
	if (report.e == ERR_UNAVAILABLE) { /* met while it went: the producer is spent */
		broker_producer_free(&f->producer);
		f->producer = broker_producer_create(f->brokers, on_report, &f->reports);
		report = deliver(f->producer, &f->reports, f->topic, &r);
	}
	assert_int_equal(report.e, ERR_NOT_FOUND);
	do
		event = next_event(f->consumer, &r);
	while (event == BROKER_END);
	assert_int_equal(event, BROKER_GONE);

	make_topic(f, PARTITIONS);
	broker_producer_free(&f->producer);
	f->producer = broker_producer_create(f->brokers, on_report, &f->reports);
	r = text_record(0, "key", "new");
	report = deliver(f->producer, &f->reports, f->topic, &r);
	assert_int_equal(report.e, ERR_OK);
	assert_int_equal(report.offset, 0); /* how a new log shows itself */
	do
		event = next_event(f->consumer, &r); /* at 10, with one record there */
	while (event == BROKER_GONE || event == BROKER_END);
	assert_int_equal(event, BROKER_OUT_OF_RANGE);

	broker_consumer_free(&f->consumer);
	f->consumer = broker_consumer_create(f->brokers, f->topic);
	assign(f, 0, 0, 0);
	r = next_record(f->consumer);
	expect_text(r.value, "new");
}

/* ---- quickness ---- */

static void test_news_come_at_once(void **state)
{
	struct fixture *f = *state;
	int64_t best_us = INT64_MAX;

	assign(f, 0, 0, 0);
	for (int i = 0; i < 30; i++) {
		struct broker_record r = text_record(0, "key", "value");
		int64_t start_us = clock_mono_us();

		assert_int_equal(broker_produce(f->producer, f->topic, &r, NULL), ERR_OK);
		next_record(f->consumer);
		if (clock_mono_us() - start_us < best_us)
			best_us = clock_mono_us() - start_us;
		drain(f->producer);
	}
	assert_true(best_us < 50 * MS); /* a fetch that waited out its time would take 100 */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ensure),
		TEST(test_ensure_from_several_places),
		TEST(test_topic_config),
		TEST(test_round_trip),
		TEST(test_deletions_and_empty_values),
		TEST(test_offsets_grow_per_partition),
		TEST(test_larger_than_allowed),
		TEST(test_from_given_offsets),
		TEST(test_ends),
		TEST(test_out_of_range),
		TEST(test_one_partition_out_of_range),
		TEST(test_assign_replaces),
		TEST(test_memory_stays_until_release),
		TEST(test_watermarks),
		TEST(test_watermarks_beside_reading),
		TEST(test_no_such_topic),
		TEST(test_no_such_partition),
		TEST(test_no_such_name),
		TEST(test_recreated_topic),
		TEST(test_news_come_at_once),
	};

	if (getenv("TEST_KAFKA_BROKERS") == NULL) {
		fprintf(stderr, "broker_test: TEST_KAFKA_BROKERS is not set: it names the Kafka to test with, as host:port\n");
		return 1;
	}
	log_setup("broker_test", LOG_LEVEL_ERROR + 1, LOG_FORMAT_TEXT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
