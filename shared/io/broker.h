/* broker.h - Kafka: a producer, a consumer with positions of our own, and topic administration.
 *
 * No consumer groups and no offsets kept in Kafka: positions are the caller's.
 */
#ifndef MOA_IO_BROKER_H
#define MOA_IO_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "shared/base/arena.h"
#include "shared/base/err.h"
#include "shared/base/slice.h"

#define BROKER_HEADERS_MAX 8
#define BROKER_NO_OFFSET (-1)

struct broker_header {
	const char *name; /* NUL-terminated */
	struct slice value;
};

/* One record, to be produced or just consumed. */
struct broker_record {
	int32_t partition;
	int64_t offset;       /* consumed records; delivered ones in the report */
	struct slice key;
	struct slice value;   /* ptr NULL: a deletion */
	size_t header_count;
	struct broker_header headers[BROKER_HEADERS_MAX];
};
struct slice broker_header_get(const struct broker_record *r, const char *name); /* SLICE_NONE if absent */

/* ---- producer: idempotent, acks=all, linger 0, message.timeout.ms 2000. One thread uses it. ---- */
struct broker_producer;

/* Called inside broker_producer_poll(), once for each record accepted by broker_produce(). */
typedef void broker_delivery_fn(void *ctx, void *tag, enum err e, int32_t partition, int64_t offset);

struct broker_producer *broker_producer_create(const char *brokers, broker_delivery_fn *fn, void *ctx);
/* Drops what is not delivered; each record's report comes first, with an error. Bounded to about 3 s. */
void broker_producer_free(struct broker_producer **p);
/* Copies the record. <tag> comes back in the report. ERR_BUSY: the local queue is full, poll and try again.
 * ERR_NOT_FOUND: no such topic or partition (now, or in the report). ERR_UNAVAILABLE: a fatal error; make a new producer.
 * Reports: ERR_OK, ERR_TIMEOUT (not acknowledged in time; may or may not be in the log), ERR_NOT_FOUND,
 * ERR_TOO_LARGE, ERR_UNAVAILABLE (fatal). */
enum err MUST_CHECK broker_produce(struct broker_producer *p, const char *topic, const struct broker_record *r, void *tag);
/* Serves reports, waits at most <timeout_ms> for one; returns how many were served. */
int broker_producer_poll(struct broker_producer *p, int timeout_ms);
size_t broker_producer_pending(const struct broker_producer *p);
bool broker_producer_is_fatal(const struct broker_producer *p);

/* ---- topics. Each call makes, and blocks at most, <timeout_ms>. ---- */
struct broker_topic {
	const char *name;
	int32_t partitions;
	const struct broker_header *config; /* name and value pairs, e.g. cleanup.policy */
	size_t config_count;
};
/* Creates it if it is not there. ERR_OK also when it exists; ERR_CONFLICT when it has another number of partitions. */
enum err MUST_CHECK broker_topic_ensure(const char *brokers, const struct broker_topic *t, int timeout_ms);

/* ---- consumer: one topic, all or some partitions, from given offsets; auto.offset.reset=error. One thread uses it,
 * except broker_consumer_watermarks(), which another may call meanwhile. ---- */
struct broker_consumer;

enum broker_event {
	BROKER_NOTHING,      /* timeout */
	BROKER_RECORD,
	BROKER_END,          /* end of <partition> reached; record.offset is the next offset */
	BROKER_OUT_OF_RANGE, /* the position of <partition> is not in the log: decide on another and assign again */
	BROKER_GONE,         /* unknown topic or partition: make a new consumer */
	BROKER_FAILED        /* a fatal error: make a new consumer */
};

struct broker_consumer *broker_consumer_create(const char *brokers, const char *topic);
void broker_consumer_free(struct broker_consumer **c);
/* Replaces the whole assignment: partition i is read from offsets[i], or not at all if that is BROKER_NO_OFFSET. */
enum err MUST_CHECK broker_consumer_assign(struct broker_consumer *c, const int64_t *offsets, int32_t partitions);
/* The next event, waiting at most <timeout_ms>. A record's memory is valid until broker_consumer_release(). */
enum broker_event broker_consumer_next(struct broker_consumer *c, int timeout_ms, struct broker_record *r);
/* Frees the memory of all records handed out so far. */
void broker_consumer_release(struct broker_consumer *c);
/* Low and high watermark of each partition, asked of the broker now (one round trip for all low ones, one for all high ones), never
 * from a cache. <low> or <high> may be NULL. Arrays of <partitions>. Blocks at most <timeout_ms>; behind a fetch that waits for news an
 * answer takes up to 100 ms. ERR_UNAVAILABLE; ERR_NOT_FOUND: no such topic or partition (broker_consumer_next() says so too then). */
enum err MUST_CHECK broker_consumer_watermarks(struct broker_consumer *c, int32_t partitions, int64_t *low, int64_t *high,
					       int timeout_ms);
/* Whether the broker answered lately (health). */
bool broker_consumer_is_up(const struct broker_consumer *c);

#endif
