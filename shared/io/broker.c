/* broker.c - Kafka through librdkafka: producer, topic creation, consumer.
 *
 * The consumer uses librdkafka's simple API (one start per partition into one common queue), not the
 * group API: that one would look for a group coordinator, and make the broker create
 * its offsets topic, only to be told the positions by us.
 *
 * Threads: librdkafka's own threads call on_log() and on_response() only; everything else runs in the caller's.
 */
/* lint: allow-long the foreign header may be included by one file only */
#include "shared/io/broker.h"

#include <assert.h>
#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include "shared/base/clock.h"
#include "shared/base/log.h"

#define ERROR_TEXT_MAX 512
#define LOG_PERIOD_MS 10000   /* warnings of one client: a broker that is away must not fill the disk */
#define ANSWERED_LATELY_MS 3000
#define PURGE_WAIT_MS 1000    /* for the reports of a producer that is freed */
#define BATCH_MAX 1024        /* records taken from librdkafka's queue at once */
#define ASK_AGAIN_MS 20       /* for a topic that was made a moment ago */

/* What all kinds of clients have. First member of struct broker_producer and broker_consumer. */
struct client {
	rd_kafka_t *rk;
	_Atomic int64_t answered_us; /* monotonic; the broker's last answer to any request */
	pthread_mutex_t log_lock;    /* guards the next two; a leaf */
	int64_t logged_us;
	unsigned unlogged;
};

struct setting {
	const char *name;
	const char *value;
};

static const struct setting common_settings[] = {
	{ "client.id", "moa" },
	{ "socket.nagle.disable", "true" },
	{ "socket.keepalive.enable", "true" },
	{ "socket.timeout.ms", "2000" },
	{ "socket.connection.setup.timeout.ms", "2000" },
	{ "api.version.request.timeout.ms", "2000" },
	{ "reconnect.backoff.ms", "50" },
	{ "reconnect.backoff.max.ms", "1000" },
	/* A topic that was recreated must be found again soon. */
	{ "topic.metadata.refresh.interval.ms", "1000" },
	{ "topic.metadata.propagation.max.ms", "1000" },
	{ "log.connection.close", "false" },
};

static const struct setting producer_settings[] = {
	{ "enable.idempotence", "true" },
	{ "acks", "all" },
	{ "linger.ms", "0" },
	{ "message.timeout.ms", "2000" },
	{ "queue.buffering.max.messages", "20000" },
	{ "queue.buffering.max.kbytes", "65536" },
};

static const struct setting consumer_settings[] = {
	{ "enable.auto.commit", "false" },
	{ "enable.auto.offset.store", "false" },
	{ "auto.offset.reset", "error" },
	{ "enable.partition.eof", "true" },
	{ "allow.auto.create.topics", "false" },
	{ "check.crcs", "true" },
	/* The broker answers one request of a connection after the other, so a question for watermarks
	 * waits behind a fetch that waits for news: this bounds it. News itself ends the wait at once. */
	{ "fetch.wait.max.ms", "100" },
	{ "fetch.min.bytes", "1" },
	{ "fetch.error.backoff.ms", "50" },
	/* Below these a replay stalls: a full queue is looked at again only once a second. */
	{ "queued.min.messages", "1000000" },
	{ "queued.max.messages.kbytes", "65536" },
};

struct slice broker_header_get(const struct broker_record *r, const char *name)
{
	for (size_t i = 0; i < r->header_count; i++)
		if (strcmp(r->headers[i].name, name) == 0)
			return r->headers[i].value;
	return SLICE_NONE;
}

/* ---- clients ---- */

/* Any thread of librdkafka. <rk> may be NULL, its opaque may not. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	struct client *c = rk == NULL ? NULL : rd_kafka_opaque(rk);
	unsigned unlogged = 0;
	bool warn = false;

	if (c != NULL && level <= LOG_WARNING) {
		pthread_mutex_lock(&c->log_lock);
		warn = log_every(&c->logged_us, LOG_PERIOD_MS);
		unlogged = c->unlogged;
		c->unlogged = warn ? 0 : c->unlogged + 1;
		pthread_mutex_unlock(&c->log_lock);
	}
	log_event(warn ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG, "broker.library", "facility=%s unlogged=%u text=%s", facility,
		  unlogged, LOG_Q(slice_str(text)));
}

static rd_kafka_resp_err_t on_response(rd_kafka_t *rk, int fd, const char *name, int32_t broker, int16_t key, int16_t version,
				       int32_t id, size_t size, int64_t rtt, rd_kafka_resp_err_t error, void *ctx)
{
	struct client *c = ctx;

	(void)rk, (void)fd, (void)name, (void)broker, (void)key, (void)version, (void)id, (void)size, (void)rtt;
	if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
		atomic_store_explicit(&c->answered_us, clock_mono_us(), memory_order_relaxed);
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *ctx, char *text, size_t size)
{
	(void)conf, (void)text, (void)size;
	return rd_kafka_interceptor_add_on_response_received(rk, "moa", on_response, ctx);
}

static void configure(rd_kafka_conf_t *conf, const struct setting *settings, size_t count)
{
	char text[ERROR_TEXT_MAX];

	for (size_t i = 0; i < count; i++)
		if (rd_kafka_conf_set(conf, settings[i].name, settings[i].value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
			log_error("broker.setting", "name=%s text=%s", settings[i].name, LOG_Q(slice_str(text)));
}

#define CONFIGURE(conf, table) configure((conf), (table), sizeof(table) / sizeof((table)[0]))

static bool client_open(struct client *c, rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *brokers)
{
	const struct setting servers = { "bootstrap.servers", brokers };
	char text[ERROR_TEXT_MAX];

	CONFIGURE(conf, common_settings);
	configure(conf, &servers, 1);
	rd_kafka_conf_set_log_cb(conf, on_log);
	rd_kafka_conf_set_opaque(conf, c);
	rd_kafka_conf_interceptor_add_on_new(conf, "moa", on_new, c);
	pthread_mutex_init(&c->log_lock, NULL);
	c->rk = rd_kafka_new(type, conf, text, sizeof(text));
	if (c->rk != NULL)
		return true;
	rd_kafka_conf_destroy(conf); /* librdkafka owns it only after a success */
	pthread_mutex_destroy(&c->log_lock);
	log_error("broker.create", "brokers=%s text=%s", LOG_Q(slice_str(brokers)), LOG_Q(slice_str(text)));
	return false;
}

static void client_close(struct client *c)
{
	rd_kafka_destroy_flags(c->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	pthread_mutex_destroy(&c->log_lock);
}

static enum err to_err(rd_kafka_resp_err_t error)
{
	switch ((int)error) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		return ERR_OK;
	case RD_KAFKA_RESP_ERR__QUEUE_FULL:
		return ERR_BUSY;
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
	case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		return ERR_NOT_FOUND;
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
		return ERR_TOO_LARGE;
	case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
	case RD_KAFKA_RESP_ERR__TIMED_OUT:
	case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
		return ERR_TIMEOUT;
	default:
		return ERR_UNAVAILABLE;
	}
}

/* ---- producer ---- */

struct producer_topic {
	struct producer_topic *next;
	rd_kafka_topic_t *handle;
};

struct broker_producer {
	struct client client;
	struct producer_topic *topics; /* one for each that was ever produced to */
	broker_delivery_fn *fn;
	void *ctx;
	size_t pending;
	int served; /* reports in the current poll */
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct broker_producer *p = opaque;
	enum err e = to_err(m->err);

	(void)rk;
	assert(p->pending > 0);
	p->pending--;
	p->served++;
	if (e != ERR_OK)
		log_debug("broker.undelivered", "partition=%d err=%s text=%s", (int)m->partition, rd_kafka_err2name(m->err),
			  LOG_Q(slice_str(rd_kafka_err2str(m->err))));
	p->fn(p->ctx, m->_private, e, m->partition, e == ERR_OK ? m->offset : BROKER_NO_OFFSET);
}

struct broker_producer *broker_producer_create(const char *brokers, broker_delivery_fn *fn, void *ctx)
{
	struct broker_producer *p = calloc(1, sizeof(*p));
	rd_kafka_conf_t *conf;

	if (p == NULL)
		return NULL;
	p->fn = fn;
	p->ctx = ctx;
	conf = rd_kafka_conf_new();
	CONFIGURE(conf, producer_settings);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	if (!client_open(&p->client, RD_KAFKA_PRODUCER, conf, brokers)) {
		free(p);
		return NULL;
	}
	return p;
}

void broker_producer_free(struct broker_producer **pp)
{
	struct broker_producer *p = *pp;
	int64_t deadline_us = clock_mono_us() + PURGE_WAIT_MS * 1000;

	*pp = NULL;
	if (p == NULL)
		return;
	rd_kafka_purge(p->client.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	while (p->pending > 0 && clock_left_ms(deadline_us) > 0)
		broker_producer_poll(p, clock_left_ms(deadline_us));
	if (p->pending > 0)
		log_error("broker.purge", "unreported=%zu", p->pending);
	while (p->topics != NULL) {
		struct producer_topic *t = p->topics;

		p->topics = t->next;
		rd_kafka_topic_destroy(t->handle);
		free(t);
	}
	client_close(&p->client);
	free(p);
}

/* Producing by handle and not by name: making the handle asks for the topic's leaders at once, a name
 * that is met for the first time is looked up at the next full second. NULL: no memory, or a name that cannot be. */
static rd_kafka_topic_t *topic_handle(struct broker_producer *p, const char *name)
{
	struct producer_topic *t;

	for (t = p->topics; t != NULL; t = t->next)
		if (strcmp(rd_kafka_topic_name(t->handle), name) == 0)
			return t->handle;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return NULL;
	t->handle = rd_kafka_topic_new(p->client.rk, name, NULL);
	if (t->handle == NULL) {
		free(t);
		return NULL;
	}
	t->next = p->topics;
	p->topics = t;
	return t->handle;
}

/* NULL: no memory. */
static rd_kafka_headers_t *copy_headers(const struct broker_record *r)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(r->header_count);

	for (size_t i = 0; i < r->header_count; i++) {
		const struct broker_header *h = &r->headers[i];

		/* Names are short and values at most a URL: this only fails for lack of memory. */
		if (rd_kafka_header_add(headers, h->name, -1, h->value.ptr, (ssize_t)h->value.len) != RD_KAFKA_RESP_ERR_NO_ERROR) {
			rd_kafka_headers_destroy(headers);
			return NULL;
		}
	}
	return headers;
}

enum err broker_produce(struct broker_producer *p, const char *topic, const struct broker_record *r, void *tag)
{
	rd_kafka_topic_t *handle = topic_handle(p, topic);
	rd_kafka_headers_t *headers;
	rd_kafka_resp_err_t error;

	assert(r->header_count <= BROKER_HEADERS_MAX);
	headers = copy_headers(r);
	if (handle == NULL || headers == NULL) {
		if (headers != NULL)
			rd_kafka_headers_destroy(headers);
		return ERR_NO_MEMORY;
	}
	error = rd_kafka_producev(p->client.rk, RD_KAFKA_V_RKT(handle), RD_KAFKA_V_PARTITION(r->partition),
				  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(r->key.ptr, r->key.len),
				  RD_KAFKA_V_VALUE((void *)(uintptr_t)r->value.ptr, r->value.len), RD_KAFKA_V_HEADERS(headers),
				  RD_KAFKA_V_OPAQUE(tag), RD_KAFKA_V_END);
	if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
		rd_kafka_headers_destroy(headers);
		log_debug("broker.refused", "topic=%s partition=%d err=%s", topic, (int)r->partition, rd_kafka_err2name(error));
		return to_err(error);
	}
	p->pending++;
	return ERR_OK;
}

int broker_producer_poll(struct broker_producer *p, int timeout_ms)
{
	p->served = 0;
	rd_kafka_poll(p->client.rk, timeout_ms);
	return p->served;
}

size_t broker_producer_pending(const struct broker_producer *p)
{
	return p->pending;
}

bool broker_producer_is_fatal(const struct broker_producer *p)
{
	return rd_kafka_fatal_error(p->client.rk, NULL, 0) != RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* ---- topics ---- */

/* The answer to one CreateTopics request for one topic. */
static rd_kafka_resp_err_t await_created(rd_kafka_queue_t *queue, int timeout_ms)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms);
	const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
	rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR__TIMED_OUT;
	const rd_kafka_topic_result_t **topics;
	size_t count = 0;

	if (event != NULL)
		error = rd_kafka_event_error(event);
	if (result != NULL && error == RD_KAFKA_RESP_ERR_NO_ERROR) {
		topics = rd_kafka_CreateTopics_result_topics(result, &count);
		error = count == 1 ? rd_kafka_topic_result_error(topics[0]) : RD_KAFKA_RESP_ERR__FAIL;
	}
	rd_kafka_event_destroy(event);
	return error;
}

static rd_kafka_resp_err_t create_topic(rd_kafka_t *rk, const struct broker_topic *t, int64_t deadline_us)
{
	rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR__TIMED_OUT;
	rd_kafka_NewTopic_t *topic;
	char text[ERROR_TEXT_MAX];
	int left_ms = clock_left_ms(deadline_us);

	/* Replication is the broker's default. */
	topic = rd_kafka_NewTopic_new(t->name, t->partitions, -1, text, sizeof(text));
	for (size_t i = 0; topic != NULL && i < t->config_count; i++)
		rd_kafka_NewTopic_set_config(topic, t->config[i].name, t->config[i].value.ptr);
	if (topic != NULL && left_ms > 0) {
		rd_kafka_AdminOptions_set_request_timeout(options, left_ms, text, sizeof(text));
		rd_kafka_AdminOptions_set_operation_timeout(options, left_ms, text, sizeof(text));
		rd_kafka_CreateTopics(rk, &topic, 1, options, queue);
		error = await_created(queue, clock_left_ms(deadline_us));
	}
	if (topic != NULL)
		rd_kafka_NewTopic_destroy(topic);
	rd_kafka_queue_destroy(queue);
	rd_kafka_AdminOptions_destroy(options);
	return error;
}

/* How many partitions <name> has, 0 when it is not there. */
static rd_kafka_resp_err_t count_partitions(rd_kafka_t *rk, const char *name, int64_t deadline_us, int32_t *partitions)
{
	rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
	const struct rd_kafka_metadata *found = NULL;
	rd_kafka_resp_err_t error;

	if (topic == NULL)
		return rd_kafka_last_error();
	error = rd_kafka_metadata(rk, 0, topic, &found, clock_left_ms(deadline_us));
	*partitions = 0;
	if (error == RD_KAFKA_RESP_ERR_NO_ERROR && found->topic_cnt == 1) {
		error = found->topics[0].err;
		*partitions = found->topics[0].partition_cnt;
		if (error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
			error = RD_KAFKA_RESP_ERR_NO_ERROR;
	}
	if (found != NULL)
		rd_kafka_metadata_destroy(found);
	rd_kafka_topic_destroy(topic);
	return error;
}

/* The same for a topic that somebody else just made: the broker that is asked may not know it, or its leaders, yet. */
static rd_kafka_resp_err_t await_partitions(rd_kafka_t *rk, const char *name, int64_t deadline_us, int32_t *partitions)
{
	for (;;) {
		rd_kafka_resp_err_t error = count_partitions(rk, name, deadline_us, partitions);
		bool unknown = error == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
			       (error == RD_KAFKA_RESP_ERR_NO_ERROR && *partitions == 0);

		if (!unknown || clock_left_ms(deadline_us) == 0)
			return error;
		poll(NULL, 0, ASK_AGAIN_MS);
	}
}

enum err broker_topic_ensure(const char *brokers, const struct broker_topic *t, int timeout_ms)
{
	int64_t deadline_us = clock_mono_us() + (int64_t)timeout_ms * 1000;
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_resp_err_t error;
	struct client c = { 0 };
	int32_t partitions = 0;

	/* A consumer, because only its questions for a topic never create it. */
	CONFIGURE(conf, consumer_settings);
	if (!client_open(&c, RD_KAFKA_CONSUMER, conf, brokers))
		return ERR_UNAVAILABLE;
	error = count_partitions(c.rk, t->name, deadline_us, &partitions);
	if (error == RD_KAFKA_RESP_ERR_NO_ERROR && partitions == 0) {
		error = create_topic(c.rk, t, deadline_us);
		partitions = t->partitions;
		if (error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
			error = await_partitions(c.rk, t->name, deadline_us, &partitions);
	}
	client_close(&c);
	if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
		log_debug("broker.topic", "topic=%s err=%s", t->name, rd_kafka_err2name(error));
		return ERR_UNAVAILABLE;
	}
	if (partitions == 0)
		return ERR_UNAVAILABLE;
	return partitions == t->partitions ? ERR_OK : ERR_CONFLICT;
}

/* ---- consumer ---- */

struct broker_consumer {
	struct client client;
	rd_kafka_topic_t *topic;
	rd_kafka_queue_t *queue; /* of all partitions */
	const char *name;        /* of the topic; its memory is topic's */
	bool *started;           /* per partition */
	int32_t partitions;
	atomic_bool is_gone;     /* the topic or a partition, to be told when all before it was handed out */
	int64_t failed_us;       /* log_every() */
	/* messages[0..handed) are with the caller until release, [handed..count) wait for the next call. */
	rd_kafka_message_t **messages;
	size_t handed;
	size_t count;
	size_t capacity;
};

/* Any thread. */
static void tell_gone(struct broker_consumer *c)
{
	c->is_gone = true;
	rd_kafka_queue_yield(c->queue); /* ends a wait in refill() */
}

/* Runs inside rd_kafka_poll() and rd_kafka_consume_batch_queue(). Errors of single fetches come as messages instead. */
static void on_error(rd_kafka_t *rk, int error, const char *reason, void *opaque)
{
	on_log(rk, LOG_ERR, "error", reason);
	if (to_err((rd_kafka_resp_err_t)error) == ERR_NOT_FOUND)
		tell_gone(opaque);
}

struct broker_consumer *broker_consumer_create(const char *brokers, const char *topic)
{
	struct broker_consumer *c = calloc(1, sizeof(*c));
	rd_kafka_conf_t *conf;

	if (c == NULL)
		return NULL;
	conf = rd_kafka_conf_new();
	CONFIGURE(conf, consumer_settings);
	rd_kafka_conf_set_error_cb(conf, on_error);
	if (!client_open(&c->client, RD_KAFKA_CONSUMER, conf, brokers)) {
		free(c);
		return NULL;
	}
	c->queue = rd_kafka_queue_new(c->client.rk);
	c->topic = rd_kafka_topic_new(c->client.rk, topic, NULL);
	if (c->topic == NULL) { /* a name that cannot be */
		broker_consumer_free(&c);
		return NULL;
	}
	c->name = rd_kafka_topic_name(c->topic);
	return c;
}

static void destroy_messages(rd_kafka_message_t **messages, size_t count)
{
	for (size_t i = 0; i < count; i++)
		rd_kafka_message_destroy(messages[i]);
}

static void stop_all(struct broker_consumer *c)
{
	for (int32_t i = 0; i < c->partitions; i++)
		if (c->started[i])
			rd_kafka_consume_stop(c->topic, i);
	free(c->started);
	c->started = NULL;
	c->partitions = 0;
}

void broker_consumer_free(struct broker_consumer **cp)
{
	struct broker_consumer *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	stop_all(c);
	destroy_messages(c->messages, c->count);
	free(c->messages);
	rd_kafka_queue_destroy(c->queue);
	if (c->topic != NULL)
		rd_kafka_topic_destroy(c->topic);
	client_close(&c->client);
	free(c);
}

enum err broker_consumer_assign(struct broker_consumer *c, const int64_t *offsets, int32_t partitions)
{
	assert(partitions > 0);
	stop_all(c);
	/* What was read from the old positions and not handed out must not come behind the new ones. */
	destroy_messages(c->messages + c->handed, c->count - c->handed);
	c->count = c->handed;
	c->is_gone = false;
	c->started = calloc((size_t)partitions, sizeof(*c->started));
	if (c->started == NULL)
		return ERR_NO_MEMORY;
	c->partitions = partitions;
	for (int32_t i = 0; i < partitions; i++) {
		if (offsets[i] == BROKER_NO_OFFSET)
			continue;
		assert(offsets[i] >= 0);
		if (rd_kafka_consume_start_queue(c->topic, i, offsets[i], c->queue) != 0) {
			log_error("broker.assign", "topic=%s partition=%d err=%s", c->name, (int)i,
				  rd_kafka_err2name(rd_kafka_last_error()));
			return ERR_UNAVAILABLE;
		}
		c->started[i] = true;
	}
	return ERR_OK;
}

/* Takes what librdkafka has, after waiting at most <timeout_ms> for a first one. False: nothing. */
static bool refill(struct broker_consumer *c, int timeout_ms)
{
	ssize_t got;

	if (c->capacity - c->count < BATCH_MAX) {
		size_t capacity = c->capacity * 2 + BATCH_MAX;
		rd_kafka_message_t **messages = reallocarray(c->messages, capacity, sizeof(*messages));

		if (messages == NULL)
			return false;
		c->messages = messages;
		c->capacity = capacity;
	}
	rd_kafka_poll(c->client.rk, 0); /* its own events, that would pile up otherwise */
	/* A batch call waits until it is full: so one with waiting, the rest without. */
	got = rd_kafka_consume_batch_queue(c->queue, timeout_ms, c->messages + c->count, 1);
	if (got <= 0)
		return false;
	c->count += (size_t)got;
	got = rd_kafka_consume_batch_queue(c->queue, 0, c->messages + c->count, BATCH_MAX - 1);
	if (got > 0)
		c->count += (size_t)got;
	return true;
}

static void fill_headers(rd_kafka_message_t *m, struct broker_record *r)
{
	rd_kafka_headers_t *headers;
	const void *value;
	size_t len;

	if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	while (r->header_count < BROKER_HEADERS_MAX) {
		struct broker_header *h = &r->headers[r->header_count];

		if (rd_kafka_header_get_all(headers, r->header_count, &h->name, &value, &len) != RD_KAFKA_RESP_ERR_NO_ERROR)
			return;
		h->value = slice_of(value, len);
		r->header_count++;
	}
}

static enum broker_event event_of(struct broker_consumer *c, rd_kafka_message_t *m, struct broker_record *r)
{
	r->partition = m->partition;
	r->offset = m->offset;
	r->header_count = 0;
	switch ((int)m->err) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		r->key = slice_of(m->key, m->key_len);
		r->value = slice_of(m->payload, m->len);
		fill_headers(m, r);
		return BROKER_RECORD;
	case RD_KAFKA_RESP_ERR__PARTITION_EOF:
		return BROKER_END;
	case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
	case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
		return BROKER_OUT_OF_RANGE;
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
	case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		return BROKER_GONE;
	case RD_KAFKA_RESP_ERR__FATAL:
	case RD_KAFKA_RESP_ERR__BAD_MSG: /* damaged in the log or on the way; it would be fetched again without end */
	case RD_KAFKA_RESP_ERR_INVALID_MSG:
		if (log_every(&c->failed_us, LOG_PERIOD_MS))
			log_error("broker.failed", "topic=%s partition=%d text=%s", c->name, (int)m->partition,
				  LOG_Q(slice_str(rd_kafka_message_errstr(m))));
		return BROKER_FAILED;
	default: /* it tries again by itself */
		log_debug("broker.retry", "topic=%s partition=%d err=%s", c->name, (int)m->partition, rd_kafka_err2name(m->err));
		return BROKER_NOTHING;
	}
}

enum broker_event broker_consumer_next(struct broker_consumer *c, int timeout_ms, struct broker_record *r)
{
	enum broker_event event = BROKER_NOTHING;
	int64_t deadline_us = 0; /* the clock is read only when there is nothing at hand */

	while (event == BROKER_NOTHING) {
		if (c->handed == c->count) {
			if (deadline_us == 0)
				deadline_us = clock_mono_us() + (int64_t)timeout_ms * 1000;
			if (!refill(c, clock_left_ms(deadline_us)))
				break;
		}
		event = event_of(c, c->messages[c->handed++], r);
	}
	if (event == BROKER_NOTHING && atomic_exchange(&c->is_gone, false)) {
		r->partition = -1;
		r->offset = BROKER_NO_OFFSET;
		event = BROKER_GONE;
	}
	return event;
}

void broker_consumer_release(struct broker_consumer *c)
{
	destroy_messages(c->messages, c->handed);
	c->count -= c->handed;
	if (c->count > 0)
		memmove(c->messages, c->messages + c->handed, c->count * sizeof(*c->messages));
	c->handed = 0;
}

/* One request for all partitions; <which> is RD_KAFKA_OFFSET_BEGINNING or _END. */
static enum err query_offsets(struct broker_consumer *c, int32_t partitions, int64_t which, int64_t *out, int64_t deadline_us)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
	rd_kafka_resp_err_t error;

	for (int32_t i = 0; i < partitions; i++)
		rd_kafka_topic_partition_list_add(list, c->name, i)->offset = which;
	error = rd_kafka_offsets_for_times(c->client.rk, list, clock_left_ms(deadline_us));
	for (int i = 0; i < list->cnt && error == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
		error = list->elems[i].err;
		if (error == RD_KAFKA_RESP_ERR_NO_ERROR && list->elems[i].offset < 0)
			error = RD_KAFKA_RESP_ERR__FAIL;
		out[list->elems[i].partition] = list->elems[i].offset;
	}
	rd_kafka_topic_partition_list_destroy(list);
	if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
		log_debug("broker.watermarks", "topic=%s err=%s", c->name, rd_kafka_err2name(error));
	return error == RD_KAFKA_RESP_ERR_NO_ERROR || to_err(error) == ERR_NOT_FOUND ? to_err(error) : ERR_UNAVAILABLE;
}

enum err broker_consumer_watermarks(struct broker_consumer *c, int32_t partitions, int64_t *low, int64_t *high, int timeout_ms)
{
	int64_t deadline_us = clock_mono_us() + (int64_t)timeout_ms * 1000;
	enum err e = ERR_OK;

	if (low != NULL)
		e = query_offsets(c, partitions, RD_KAFKA_OFFSET_BEGINNING, low, deadline_us);
	if (high != NULL && e == ERR_OK)
		e = query_offsets(c, partitions, RD_KAFKA_OFFSET_END, high, deadline_us);
	/* A partition that was missing already when it was assigned gives no error of its own. */
	if (e == ERR_NOT_FOUND)
		tell_gone(c);
	return e;
}

bool broker_consumer_is_up(const struct broker_consumer *c)
{
	int64_t answered_us = atomic_load_explicit(&c->client.answered_us, memory_order_relaxed);

	return answered_us != 0 && clock_mono_us() - answered_us < ANSWERED_LATELY_MS * 1000;
}
