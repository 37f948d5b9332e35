/* projection_parts.h - what the files of the projection share: its state, who owns which part of it.
 *
 * Two threads: the reader (consumes and applies: projection.c, projection_batch.c) and the settler (asks for watermarks,
 * sweeps after snapshots: projection_settle.c).
 */
#ifndef MOA_SVC_PROJECTION_PARTS_H
#define MOA_SVC_PROJECTION_PARTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "shared/base/arena.h"
#include "shared/io/broker.h"
#include "shared/svc/parked.h"
#include "shared/svc/projection.h"
#include "shared/svc/view_store.h"

#define PROJECTION_IN_FLIGHT 4
#define PROJECTION_BEAT_US 200000
#define PROJECTION_TAKEOVER_US 700000
#define MARK_COUNTS_US 2000000 /* a mark counts if the watermark it is not below was noted at most this long ago */

/* The batch that is being made of one partition. Reader only. */
struct part {
	struct view_position at;   /* what the next batch starts from: everything sent so far */
	struct view_position to;   /* what it leads to */
	struct view_change changes[VIEW_BATCH_MAX];
	size_t count;
	struct parked_entry parked[PARKED_BATCH]; /* to be kept before the batch is sent */
	size_t parked_count;
	bool dirty;                /* position moved without a change (marks, gaps) */
	bool caught_up;            /* the end of the partition was reached since the assignment */
};

/* A batch whose answer is still to come. Reader only. */
struct flight {
	int32_t partition;
	struct view_position to;
	size_t events;
	size_t timed;
	int64_t created_us[VIEW_BATCH_MAX];
};

/* Of one partition; under the projection's lock. */
struct settled {
	struct view_position applied; /* confirmed by Redis */
	int64_t end_met_us;           /* monotonic: when applied.end was seen first */
	int64_t end_watermark;        /* what must be reached before the sweep; -1: not known yet */
	bool pending;                 /* there is an end that was not swept */
};

/* High watermarks of all partitions, as answered to one question. */
struct watermarks {
	int64_t asked_us; /* monotonic; 0: never */
	int64_t high[TOPIC_PARTITIONS_MAX];
};
#define WATERMARKS_KEPT 8 /* at least MARK_COUNTS_US / WATERMARK_EVERY_US */
#define WATERMARK_EVERY_US 500000

struct projection {
	struct projection_options o;
	const struct view_spec *spec;
	int32_t partitions;
	pthread_t reader, settler;
	_Atomic bool stop;
	_Atomic enum err refused;   /* ERR_FULL or ERR_READ_ONLY: what the last call to Redis found */
	_Atomic bool kafka_up;      /* the last question for watermarks was answered */

	/* Reader only. */
	struct resp_conn *redis;
	struct arena *batch_arena;  /* values projected from records not yet sent */
	struct arena *call_arena;   /* words and answers of one call */
	struct part *parts;
	struct flight flights[PROJECTION_IN_FLIGHT];
	size_t flight_first, flight_count;
	int64_t last_beat_us;       /* monotonic */
	unsigned attempt;           /* failures in a row, for the backoff */
	int64_t warned_us;          /* when a parked event was last logged */
	int64_t refused_us;         /* and when a refusal was */

	pthread_mutex_t lock;       /* lock order: consumer_lock before lock */
	pthread_cond_t wake;        /* of the settler */
	struct settled *settled;
	struct watermarks watermarks[WATERMARKS_KEPT]; /* the last answers, one each WATERMARK_EVERY_US */
	size_t watermarks_next;     /* which of them is the oldest, to be replaced */
	int64_t watermark_at_us;    /* monotonic: when the newest was asked for */

	pthread_mutex_t consumer_lock; /* held by the settler while it asks, by the reader while it replaces the consumer */
	struct broker_consumer *consumer;

	struct counter *applied, *corrupt, *rebuilds, *takeovers;
	struct gauge *active;
	struct histogram *visible;
};

/* ---- projection_batch.c (reader) ---- */
/* Takes one consumed record into its partition's batch, sending it when it is full. ERR_MOVED: a newer log was met, in
 * *newer_log; nothing of this record was taken. */
enum err MUST_CHECK projection_take(struct projection *p, const struct broker_record *r, char newer_log[CLOCK_UUID_LEN + 1]);
/* The end of a partition: its position may jump over what compaction removed. */
void projection_take_end(struct projection *p, int32_t partition, int64_t next);
/* Sends all batches; the memory of their records is free afterwards. */
enum err MUST_CHECK projection_flush(struct projection *p);
/* Reads answers until at most <left> are outstanding. ERR_MOVED, ERR_FULL, … as of view_apply_recv(). */
enum err MUST_CHECK projection_drain(struct projection *p, size_t left);
/* Moves partition <n> from parts[n].at to <next> in <log>, alone, waiting for the answer. */
enum err MUST_CHECK projection_jump(struct projection *p, int32_t n, int64_t next, const char *log, enum view_reset reset);
/* A sign of life; with <by> "" the role is given away. */
enum err MUST_CHECK projection_beat(struct projection *p, const char *by);
/* Forgets what was not sent, and outstanding answers with their connection. */
void projection_forget(struct projection *p);

/* ---- projection_settle.c ---- */
void *projection_settler(void *arg);
/* Tells the settler what is applied now. Reader. */
void projection_applied(struct projection *p, int32_t n, const struct view_position *at);
/* The same after a jump: an end that was met before it is nothing to sweep by any more. Reader. */
void projection_reset(struct projection *p, int32_t n, const struct view_position *at);
/* Whether a mark at <offset> of partition <n> proves freshness. Reader. */
bool projection_mark_counts(struct projection *p, int32_t n, int64_t offset);

#endif
