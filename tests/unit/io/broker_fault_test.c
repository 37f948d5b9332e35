/* broker_fault_test.c - the broker that is away, frozen, or answers with errors: no server needed.
 *
 * Away is a port where nobody listens, frozen is one where connections are accepted by the kernel and nothing is ever
 * read, and errors come from librdkafka's mock cluster.
 *
 * For the thread sanitizer, see tests/unit/support/c11_threads.c. link: -Wl,-u,thrd_create
 */
#include "tests/unit/io/broker_fixture.h"

#include <arpa/inet.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A bound port; with <backlog> 0 nobody listens on it. */
static int open_port(int backlog, char brokers[32])
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	if (backlog > 0)
		assert_int_equal(listen(fd, backlog), 0);
	snprintf(brokers, 32, "127.0.0.1:%d", ntohs(address.sin_port));
	return fd;
}

/* ---- away and frozen ---- */

static void check_producer(const char *brokers)
{
	struct reports reports = { 0 };
	struct broker_producer *p = broker_producer_create(brokers, on_report, &reports);
	struct broker_record r = text_record(0, "key", "value");
	int64_t start_us = clock_mono_us();

	assert_non_null(p);
	for (int i = 0; i < 3; i++)
		assert_int_equal(broker_produce(p, "topic", &r, &reports), ERR_OK);
	assert_int_equal(broker_producer_pending(p), 3);
	drain(p);
	assert_in_range(passed_ms(start_us), 1500, 5000); /* message.timeout.ms, looked at once a second */
	assert_int_equal(reports.count, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(reports.list[i].e, ERR_TIMEOUT);
		assert_ptr_equal(reports.list[i].tag, &reports);
	}
	assert_false(broker_producer_is_fatal(p));
	start_us = clock_mono_us();
	broker_producer_free(&p);
	assert_true(passed_ms(start_us) < 3000);
}

static void check_freeing_with_records(const char *brokers)
{
	struct reports reports = { 0 };
	struct broker_producer *p = broker_producer_create(brokers, on_report, &reports);
	struct broker_record r = text_record(0, "key", "value");
	int64_t start_us = clock_mono_us();

	for (int i = 0; i < 50; i++)
		assert_int_equal(broker_produce(p, "topic", &r, NULL), ERR_OK);
	broker_producer_free(&p);
	assert_null(p);
	assert_true(passed_ms(start_us) < 3000);
	assert_int_equal(reports.count, 50);
	assert_int_equal(reports.failed, 50);
	broker_producer_free(&p);
}

static void check_consumer(const char *brokers)
{
	struct broker_consumer *c = broker_consumer_create(brokers, "topic");
	const int64_t offsets[2] = { 5, 0 };
	struct broker_record r;
	int64_t high[2];
	int64_t start_us = clock_mono_us();

	assert_non_null(c);
	assert_int_equal(broker_consumer_assign(c, offsets, 2), ERR_OK);
	assert_int_equal(broker_consumer_watermarks(c, 2, NULL, high, 300), ERR_UNAVAILABLE);
	assert_in_range(passed_ms(start_us), 0, 1500);
	start_us = clock_mono_us();
	assert_int_equal(broker_consumer_next(c, 400, &r), BROKER_NOTHING);
	assert_in_range(passed_ms(start_us), 300, 1500);
	assert_int_equal(broker_consumer_assign(c, offsets, 1), ERR_OK);
	assert_false(broker_consumer_is_up(c));
	start_us = clock_mono_us();
	broker_consumer_free(&c);
	assert_true(passed_ms(start_us) < 3000);
	broker_consumer_free(&c);
}

static void check_ensure(const char *brokers)
{
	struct broker_topic t = { .name = "topic", .partitions = 1 };
	int64_t start_us = clock_mono_us();

	assert_int_equal(broker_topic_ensure(brokers, &t, 300), ERR_UNAVAILABLE);
	assert_true(passed_ms(start_us) < 3000);
	assert_int_equal(broker_topic_ensure(brokers, &t, 0), ERR_UNAVAILABLE);
}

static void test_away(void **state)
{
	char brokers[32];
	int fd = open_port(0, brokers);

	(void)state;
	check_producer(brokers);
	check_freeing_with_records(brokers);
	check_consumer(brokers);
	check_ensure(brokers);
	close(fd);
}

static void test_frozen(void **state)
{
	char brokers[32];
	int fd = open_port(64, brokers);

	(void)state;
	check_producer(brokers);
	check_freeing_with_records(brokers);
	check_consumer(brokers);
	check_ensure(brokers);
	close(fd);
}

static void test_queue_is_bounded(void **state)
{
	struct reports reports = { 0 };
	struct broker_record r = text_record(0, "key", "value");
	struct broker_producer *p;
	char brokers[32];
	int fd = open_port(0, brokers);
	enum err e = ERR_OK;
	size_t accepted = 0;

	(void)state;
	p = broker_producer_create(brokers, on_report, &reports);
	while (accepted < 1000000 && (e = broker_produce(p, "topic", &r, NULL)) == ERR_OK)
		accepted++;
	assert_int_equal(e, ERR_BUSY);
	assert_int_equal(accepted, 20000);
	assert_int_equal(broker_producer_pending(p), accepted);
	drain(p);
	assert_int_equal(reports.count, accepted);
	assert_int_equal(broker_produce(p, "topic", &r, NULL), ERR_OK);
	broker_producer_free(&p);
	close(fd);
}

/* What a client whose broker is away writes to standard error. */
static void test_logs_do_not_flood(void **state)
{
	char path[] = "/tmp/broker_fault_test.XXXXXX";
	int64_t start_us = clock_mono_us();
	int file = mkstemp(path);
	int saved = dup(STDERR_FILENO);
	struct broker_consumer *c;
	struct broker_record r;
	char brokers[32];
	struct stat st;
	int fd = open_port(0, brokers);

	(void)state;
	assert_true(file >= 0);
	unlink(path);
	dup2(file, STDERR_FILENO);
	log_setup("broker_fault_test", LOG_LEVEL_WARN, LOG_FORMAT_TEXT);
	c = broker_consumer_create(brokers, "topic");
	assert_int_equal(broker_consumer_assign(c, (const int64_t[]){ 0 }, 1), ERR_OK);
	while (passed_ms(start_us) < 4000) /* some ten attempts to connect */
		assert_int_equal(broker_consumer_next(c, 100, &r), BROKER_NOTHING);
	broker_consumer_free(&c);
	log_setup("broker_fault_test", LOG_LEVEL_ERROR + 1, LOG_FORMAT_TEXT);
	dup2(saved, STDERR_FILENO);
	assert_int_equal(fstat(file, &st), 0);
	assert_in_range(st.st_size, 1, 1000); /* one line or two */
	close(saved);
	close(file);
	close(fd);
}

static void test_brokers_that_cannot_be(void **state)
{
	static const char *const wrong[] = { "no such host.invalid", "127.0.0.1:0", "unknown://host:9092" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct broker_producer *p = broker_producer_create(wrong[i], on_report, NULL);
		struct broker_topic t = { .name = "topic", .partitions = 1 };

		broker_producer_free(&p); /* made or not: no crash, and no waiting */
		assert_int_equal(broker_topic_ensure(wrong[i], &t, 200), ERR_UNAVAILABLE);
	}
}

/* ---- a broker that answers with errors ---- */

struct mock {
	rd_kafka_t *rk;
	rd_kafka_mock_cluster_t *cluster;
	struct reports reports;
	struct broker_producer *producer;
	struct broker_consumer *consumer;
};

static int mock_setup(void **state)
{
	struct mock *m = calloc(1, sizeof(*m));
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	const int64_t zero = 0;
	char text[200];

	rd_kafka_conf_set_log_cb(conf, NULL);
	m->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	m->cluster = rd_kafka_mock_cluster_new(m->rk, 1);
	assert_non_null(m->cluster);
	assert_int_equal(rd_kafka_mock_topic_create(m->cluster, "topic", 1, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
	m->producer = broker_producer_create(rd_kafka_mock_cluster_bootstraps(m->cluster), on_report, &m->reports);
	m->consumer = broker_consumer_create(rd_kafka_mock_cluster_bootstraps(m->cluster), "topic");
	assert_int_equal(broker_consumer_assign(m->consumer, &zero, 1), ERR_OK);
	*state = m;
	return 0;
}

static int mock_teardown(void **state)
{
	struct mock *m = *state;

	broker_producer_free(&m->producer);
	broker_consumer_free(&m->consumer);
	rd_kafka_mock_cluster_destroy(m->cluster);
	rd_kafka_destroy(m->rk);
	free(m);
	return 0;
}

#define API_PRODUCE 0 /* Kafka's request numbers */
#define API_FETCH 1

static void test_mock_round_trip(void **state)
{
	struct mock *m = *state;
	struct broker_record r = text_record(0, "key", "value");

	assert_int_equal(deliver(m->producer, &m->reports, "topic", &r).e, ERR_OK);
	r = next_record(m->consumer);
	expect_text(r.value, "value");
}

/* Errors that pass are not told. */
static void test_retried_errors(void **state)
{
	struct mock *m = *state;
	struct broker_record r = text_record(0, "key", "value");

	rd_kafka_mock_push_request_errors(m->cluster, API_PRODUCE, 2, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
					  RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
	rd_kafka_mock_push_request_errors(m->cluster, API_FETCH, 4, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
					  RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
					  RD_KAFKA_RESP_ERR_UNKNOWN);
	assert_int_equal(deliver(m->producer, &m->reports, "topic", &r).e, ERR_OK);
	r = next_record(m->consumer);
	assert_int_equal(r.offset, 0);
}

/* The producer's numbering is lost: it says so, and refuses all from then on. */
static void test_fatal_error(void **state)
{
	struct mock *m = *state;
	struct broker_record r = text_record(0, "key", "value");

	assert_int_equal(deliver(m->producer, &m->reports, "topic", &r).e, ERR_OK);
	rd_kafka_mock_push_request_errors(m->cluster, API_PRODUCE, 1, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	assert_int_equal(deliver(m->producer, &m->reports, "topic", &r).e, ERR_UNAVAILABLE);
	assert_true(broker_producer_is_fatal(m->producer));
	assert_int_equal(deliver(m->producer, &m->reports, "topic", &r).e, ERR_UNAVAILABLE);
	broker_producer_free(&m->producer);
	m->producer = broker_producer_create(rd_kafka_mock_cluster_bootstraps(m->cluster), on_report, &m->reports);
	assert_false(broker_producer_is_fatal(m->producer));
	assert_int_equal(deliver(m->producer, &m->reports, "topic", &r).e, ERR_OK);
}

static void test_broker_forgot_the_producer(void **state)
{
	struct mock *m = *state;
	struct broker_record r = text_record(0, "key", "value");
	struct report report;

	assert_int_equal(deliver(m->producer, &m->reports, "topic", &r).e, ERR_OK);
	rd_kafka_mock_push_request_errors(m->cluster, API_PRODUCE, 1, RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID);
	report = deliver(m->producer, &m->reports, "topic", &r);
	/* Nothing else was on its way, so the library may start a new numbering by itself. */
	assert_int_equal(report.e, ERR_OK);
	assert_false(broker_producer_is_fatal(m->producer));
}

static void test_errors_of_records(void **state)
{
	struct mock *m = *state;
	struct broker_record r = text_record(0, "key", "value");

	rd_kafka_mock_push_request_errors(m->cluster, API_PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	assert_int_equal(deliver(m->producer, &m->reports, "topic", &r).e, ERR_TOO_LARGE);
	rd_kafka_mock_push_request_errors(m->cluster, API_PRODUCE, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	assert_int_equal(deliver(m->producer, &m->reports, "topic", &r).e, ERR_UNAVAILABLE);
	rd_kafka_mock_topic_set_error(m->cluster, "other", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	assert_int_equal(deliver(m->producer, &m->reports, "other", &r).e, ERR_NOT_FOUND);
}

static void test_up_and_down(void **state)
{
	struct mock *m = *state;
	int64_t start_us = clock_mono_us();
	struct broker_record r;

	while (!broker_consumer_is_up(m->consumer)) {
		broker_consumer_next(m->consumer, 20, &r);
		assert_true(passed_ms(start_us) < 10000);
	}
	start_us = clock_mono_us();
	rd_kafka_mock_broker_set_down(m->cluster, 1);
	while (broker_consumer_is_up(m->consumer)) {
		broker_consumer_next(m->consumer, 20, &r);
		assert_true(passed_ms(start_us) < 10000);
	}
	assert_true(passed_ms(start_us) > 1000); /* one lost connection is not yet an absence */
	rd_kafka_mock_broker_set_up(m->cluster, 1);
	start_us = clock_mono_us();
	while (!broker_consumer_is_up(m->consumer)) {
		broker_consumer_next(m->consumer, 20, &r);
		assert_true(passed_ms(start_us) < 10000);
	}
}

/* Answers that take longer than anybody waits. */
static void test_slow_answers(void **state)
{
	struct mock *m = *state;
	struct broker_record r = text_record(0, "key", "value");
	int64_t start_us;
	int64_t high;

	assert_int_equal(deliver(m->producer, &m->reports, "topic", &r).e, ERR_OK);
	assert_int_equal(broker_consumer_watermarks(m->consumer, 1, NULL, &high, 3000), ERR_OK);
	rd_kafka_mock_broker_set_rtt(m->cluster, 1, 20000);
	start_us = clock_mono_us();
	assert_int_equal(broker_consumer_watermarks(m->consumer, 1, NULL, &high, 250), ERR_UNAVAILABLE);
	assert_in_range(passed_ms(start_us), 0, 1500);
	start_us = clock_mono_us();
	assert_int_equal(deliver(m->producer, &m->reports, "topic", &r).e, ERR_TIMEOUT);
	assert_in_range(passed_ms(start_us), 1500, 5000);
	start_us = clock_mono_us();
	broker_producer_free(&m->producer);
	broker_consumer_free(&m->consumer);
	assert_true(passed_ms(start_us) < 3000);
}

#define MOCK(name) cmocka_unit_test_setup_teardown(name, mock_setup, mock_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_away),
		cmocka_unit_test(test_frozen),
		cmocka_unit_test(test_queue_is_bounded),
		cmocka_unit_test(test_logs_do_not_flood),
		cmocka_unit_test(test_brokers_that_cannot_be),
		MOCK(test_mock_round_trip),
		MOCK(test_retried_errors),
		MOCK(test_fatal_error),
		MOCK(test_broker_forgot_the_producer),
		MOCK(test_errors_of_records),
		MOCK(test_up_and_down),
		MOCK(test_slow_answers),
	};

	log_setup("broker_fault_test", LOG_LEVEL_ERROR + 1, LOG_FORMAT_TEXT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
