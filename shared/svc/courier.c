/* courier.c - from a spool to a topic, batch by batch: read, produce, wait for every report, acknowledge. */
#include "shared/svc/courier.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/io/broker.h"
#include "shared/svc/halt.h"
#include "shared/svc/logident.h"
#include "shared/svc/service.h"

#define BATCH_MAX 256
#define ARENA_BYTES 65536
#define ARENA_LIMIT_BYTES (64 << 20) /* a batch of records of 64 KiB each, and their headers */
#define IDLE_MS 100
#define POLL_MS 100
#define REPORTS_US 5000000 /* the producer gives up after 2 s; beyond this it has lost its reports */
#define BACKOFF_MAX_MS 1000
#define SQL_MS 500
#define TOPIC_MS 1000
#define SAVE_US 200000 /* offsets stored this late still give a wiped log away */
#define WARN_MS 10000

struct courier {
	struct service *service;
	const struct courier_spec *spec;
	struct spool *spool;
	struct halt halt;
	pthread_t thread;
	_Atomic int64_t drain_until_us; /* monotonic; read after the halt was asked */

	/* The thread's own. */
	struct broker_producer *producer;
	struct logident *ident;
	struct arena *arena;      /* of one batch */
	enum err report;          /* the first report of the batch that was no success */
	bool drained;             /* a read that began after the halt found nothing */
	int64_t saved_us;
	int64_t warned_us;
	uint64_t dropped_seen, damaged_seen;

	struct counter *delivered, *corrupt, *dropped, *damaged;
	struct gauge *bytes, *records;
};

static void on_report(void *ctx, void *tag, enum err e, int32_t partition, int64_t offset)
{
	struct courier *c = ctx;

	(void)tag;
	if (e == ERR_OK)
		(void)logident_delivered(c->ident, partition, offset); /* asked after the batch */
	else if (c->report == ERR_OK)
		c->report = e;
}

/* ---- what has to be there before a delivery ---- */

static enum err with_ident(struct courier *c, enum err (*run)(struct logident *l, struct sql_conn *conn))
{
	struct sql_conn *conn;
	enum err e = sql_acquire(service_sql(c->service), clock_mono_us() + SQL_MS * 1000, &conn);

	if (e != ERR_OK)
		return e;
	e = run(c->ident, conn);
	sql_release(&conn);
	return e;
}

static enum err need_ident(struct courier *c)
{
	if (logident_uuid(c->ident)[0] == '\0')
		return with_ident(c, logident_load);
	return logident_is_new(c->ident) ? with_ident(c, logident_renew) : ERR_OK;
}

static enum err need_producer(struct courier *c)
{
	const char *brokers = service_config(c->service)->kafka_brokers;
	enum err e;

	if (c->producer != NULL)
		return ERR_OK;
	e = topic_ensure(brokers, c->spec->topic, TOPIC_MS);
	if (e != ERR_OK)
		return e;
	c->producer = broker_producer_create(brokers, on_report, c);
	return c->producer != NULL ? ERR_OK : ERR_UNAVAILABLE;
}

/* ---- one batch ---- */

static enum err produce_one(struct courier *c, const struct broker_record *r)
{
	int64_t until_us = clock_mono_us() + REPORTS_US;
	enum err e = broker_produce(c->producer, c->spec->topic->name, r, NULL);

	while (e == ERR_BUSY && clock_mono_us() < until_us) {
		(void)broker_producer_poll(c->producer, POLL_MS);
		e = broker_produce(c->producer, c->spec->topic->name, r, NULL);
	}
	return e;
}

static enum err produce_record(struct courier *c, struct slice record)
{
	struct event event = { .kind = EVENT_KIND_CHANGE };
	struct broker_record r;
	enum err e = c->spec->event(record, c->arena, &event);

	if (e == ERR_CORRUPT) {
		counter_add(c->corrupt, 1);
		log_warn("courier.corrupt", "topic=%s bytes=%zu", c->spec->topic->name, record.len);
		return ERR_OK;
	}
	if (e != ERR_OK)
		return e;
	event.log = slice_str(logident_uuid(c->ident));
	e = event_encode(&event, topic_partition(c->spec->topic, event.key), c->arena, &r);
	return e == ERR_OK ? produce_one(c, &r) : e;
}

static enum err await_reports(struct courier *c)
{
	int64_t until_us = clock_mono_us() + REPORTS_US;

	while (broker_producer_pending(c->producer) > 0) {
		(void)broker_producer_poll(c->producer, POLL_MS);
		if (clock_mono_us() > until_us)
			return ERR_UNAVAILABLE;
	}
	return c->report;
}

static enum err deliver(struct courier *c, const struct slice *records, size_t count)
{
	enum err e = ERR_OK, reported;

	c->report = ERR_OK;
	for (size_t i = 0; i < count && e == ERR_OK; i++)
		e = produce_record(c, records[i]);
	reported = await_reports(c); /* also after a failure: a report must not meet the next batch */
	return e == ERR_OK ? reported : e;
}

/* Nothing of the batch counts as delivered. */
static void after_failure(struct courier *c, enum err e)
{
	spool_rewind(c->spool);
	if (e == ERR_NOT_FOUND)
		logident_lost(c->ident);
	if (e == ERR_NOT_FOUND || e == ERR_UNAVAILABLE || broker_producer_is_fatal(c->producer) ||
	    broker_producer_pending(c->producer) > 0)
		broker_producer_free(&c->producer); /* the next one starts by making sure of the topic */
}

static void save_offsets(struct courier *c)
{
	int64_t now_us = clock_mono_us();

	if (now_us - c->saved_us < SAVE_US)
		return;
	c->saved_us = now_us;
	(void)with_ident(c, logident_save); /* nothing is lost by a failure: tried again after the next batch, or when idle */
}

static void count_up(struct counter *to, uint64_t *seen, uint64_t now)
{
	counter_add(to, now - *seen);
	*seen = now;
}

static void show_spool(struct courier *c)
{
	struct spool_stats st;

	spool_stats_get(c->spool, &st);
	gauge_set(c->bytes, (int64_t)st.bytes);
	gauge_set(c->records, (int64_t)st.records);
	count_up(c->dropped, &c->dropped_seen, st.dropped);
	count_up(c->damaged, &c->damaged_seen, st.damaged);
}

static enum err step(struct courier *c)
{
	struct slice records[BATCH_MAX];
	bool halting = halt_asked(&c->halt);
	size_t count = 0;
	enum err e = need_ident(c);

	if (e == ERR_OK)
		e = need_producer(c);
	if (e != ERR_OK)
		return e;
	arena_reset(c->arena);
	e = spool_read(c->spool, c->arena, records, BATCH_MAX, &count, halting ? 0 : IDLE_MS);
	if (e != ERR_OK)
		return e;
	c->drained = halting && count == 0;
	if (count > 0) {
		e = deliver(c, records, count);
		if (e != ERR_OK) {
			after_failure(c, e);
			return e;
		}
		if (logident_is_new(c->ident)) { /* once more, under the new UUID */
			spool_rewind(c->spool);
			return ERR_OK;
		}
		spool_ack(c->spool);
		counter_add(c->delivered, count);
	}
	save_offsets(c);
	return ERR_OK;
}

/* ---- the thread ---- */

static bool goes_on(struct courier *c, enum err last)
{
	if (!halt_asked(&c->halt))
		return true;
	return last == ERR_OK && !c->drained && clock_mono_us() < atomic_load(&c->drain_until_us);
}

static void *courier_run(void *arg)
{
	struct courier *c = arg;
	unsigned attempt = 0;
	enum err e = ERR_OK;

	while (goes_on(c, e)) {
		e = step(c);
		show_spool(c);
		if (e == ERR_OK) {
			attempt = 0;
			continue;
		}
		if (log_every(&c->warned_us, WARN_MS))
			log_warn("courier.waits", "topic=%s reason=%s", c->spec->topic->name, err_name(e));
		(void)halt_back_off(&c->halt, &attempt, BACKOFF_MAX_MS);
	}
	c->saved_us = 0;
	if (logident_uuid(c->ident)[0] != '\0')
		save_offsets(c);
	broker_producer_free(&c->producer);
	return NULL;
}

static void make_metrics(struct courier *c)
{
	struct metrics *m = service_metrics(c->service);

	c->delivered = metrics_counter(m, "moa_spool_delivered_total", "Spool records delivered to their topic.", NULL);
	c->corrupt = metrics_counter(m, "moa_spool_corrupt_total", "Spool records that did not decode and were skipped.", NULL);
	c->dropped = metrics_counter(m, "moa_spool_dropped_total", "Records lost with the oldest segment of a full spool.", NULL);
	c->damaged = metrics_counter(m, "moa_spool_damaged_total", "Torn or damaged places met in the spool.", NULL);
	c->bytes = metrics_gauge(m, "moa_spool_bytes", "Size of the spool on disk.", NULL);
	c->records = metrics_gauge(m, "moa_spool_records", "Spool records not yet delivered.", NULL);
}

struct courier *courier_start(struct service *s, const struct courier_spec *spec, struct spool *spool)
{
	struct courier *c = calloc(1, sizeof(*c));
	int rc;

	if (c == NULL)
		abort();
	c->service = s;
	c->spec = spec;
	c->spool = spool;
	c->ident = logident_create(spec->topic);
	c->arena = arena_create(ARENA_BYTES, ARENA_LIMIT_BYTES);
	halt_init(&c->halt);
	make_metrics(c);
	rc = pthread_create(&c->thread, NULL, courier_run, c);
	assert(rc == 0);
	return c;
}

void courier_stop(struct courier **cc, int drain_ms)
{
	struct courier *c = *cc;

	if (c == NULL)
		return;
	atomic_store(&c->drain_until_us, clock_mono_us() + (int64_t)drain_ms * 1000);
	halt_ask(&c->halt);
	pthread_join(c->thread, NULL);
	halt_destroy(&c->halt);
	logident_free(&c->ident);
	arena_free(&c->arena);
	free(c);
	*cc = NULL;
}
