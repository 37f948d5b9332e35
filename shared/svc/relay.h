/* relay.h - moves committed changes from the outbox table to the topic and to the own Redis copy, in order, once at a time.
 *
 * See docs/decisions/0003-relay.md for the protocol. One relay of all instances
 * is active: the one whose session holds GET_LOCK.
 */
#ifndef MOA_SVC_RELAY_H
#define MOA_SVC_RELAY_H

#include <stdbool.h>
#include <stdint.h>
#include "shared/base/buf.h"
#include "shared/base/err.h"
#include "shared/io/resp.h"
#include "shared/io/sql.h"
#include "shared/svc/metrics.h"
#include "shared/svc/topic.h"
#include "shared/svc/view.h"

/* A table whose changes its triggers write to the outbox. Static. */
struct owned_table {
	const struct topic *topic;
	const char *name;      /* of the table, and the outbox's aggregatetype: "alarm" */
	/* SELECT <order>, <aggregateid>, <payload> FROM … WHERE <order> > ? ORDER BY <order> LIMIT ? LOCK IN SHARE MODE
	 * (<order> a positive integer key) */
	const char *chunk_sql;
	/* SELECT <payload> FROM … WHERE <key> SQL_LOCK_OR_FAIL; the parts of the aggregateid between ':' are its arguments */
	const char *row_sql;
	size_t key_parts;
	/* The topic's value from the outbox's payload; NULL: the payload goes out as it is. */
	enum err (*publish)(struct slice payload, struct buf *out);
	const struct view_spec *own; /* how the outbox's payload lies in own Redis */
};

struct relay;

/* The snapshot rounds of the table, whichever instance ran them. Times are the wall clock's. */
struct relay_rounds {
	bool running;           /* here, now */
	bool wanted;            /* that one: asked for, or needed for a repair; else the audit */
	int64_t start_us;       /* of that one */
	uint64_t rows;          /* so far */
	int64_t last_start_us;  /* of the last complete one; 0: there was none, or it is not known yet */
	int64_t last_end_us;
	uint64_t last_rows;
	bool last_wanted;
	uint64_t abandoned;     /* begun here and not completed */
	enum err abandoned_why; /* the last of these */
};

struct relay_options {
	const struct owned_table *table; /* borrowed, like all of these */
	struct view *own;                /* the own copy */
	struct sql_db *sql;
	struct resp_db *redis;
	const char *brokers;
	const char *instance;            /* UUID of this process */
	struct metrics *metrics;
	uint32_t snapshot_rows_per_s;    /* of a wanted snapshot */
	uint32_t audit_rows_per_s, audit_period_s;
};

struct relay *relay_create(const struct relay_options *o);
void relay_start(struct relay *r);
/* Publishes what is committed (bounded to <drain_ms>), gives the lock back, ends the threads. */
void relay_stop(struct relay *r, int drain_ms);
void relay_free(struct relay **r);
/* Whether this instance is the relay. Any thread. */
bool relay_is_leader(const struct relay *r);
/* Why own Redis refuses the copy (view_waits_for()); NULL when it does not, or another instance is the relay. Static. Any thread. */
const char *relay_own_waits_for(const struct relay *r);
/* A write was committed in this process: look now. Any thread. */
void relay_wake(struct relay *r);
/* A full snapshot round now (audit, repair). Any thread. */
void relay_snapshot(struct relay *r);
/* Any thread; the last round may be that of 2 s ago when another instance ran it. */
void relay_rounds_get(struct relay *r, struct relay_rounds *out);

#endif
