/* relay_parts.h - what the files of the relay share: its state, and which thread owns which part of it.
 *
 * Threads: the relay (election, publishing, scans: relay.c, relay_term.c, relay_publish.c, relay_scan.c, relay_own.c)
 * and the snapshotter (relay_snapshot.c).
 */
#ifndef MOA_SVC_RELAY_PARTS_H
#define MOA_SVC_RELAY_PARTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "shared/base/arena.h"
#include "shared/base/idset.h"
#include "shared/io/broker.h"
#include "shared/io/resp.h"
#include "shared/io/sql.h"
#include "shared/svc/event.h"
#include "shared/svc/logident.h"
#include "shared/svc/metrics.h"
#include "shared/svc/outbox.h"
#include "shared/svc/relay.h"
#include "shared/svc/view_store.h"

#define RELAY_BATCH 500           /* rows read and published at a time */
#define RELAY_POLL_MS 20          /* changes from outside this process are found within this time */
#define RELAY_SCAN_US 1000000
#define RELAY_DELETE_US 250000
#define RELAY_GAPS_MAX OUTBOX_IDS_MAX
#define RELAY_ENDS_MAX 16
#define RELAY_PUBLISHED_MAX 200000 /* keys remembered between two scans; beyond it late rows are rewritten */
#define RELAY_OWN_LOG "own"        /* what the own copy's pos names as its log: batches are numbered by the relay */
#define RELAY_STATE_WANTED "snapshot_wanted"
#define RELAY_STATE_SERVER "server_start_s"
#define RELAY_STATE_TABLE "table_made"
#define RELAY_STATE_TERM "term"
#define RELAY_STATE_AUDIT "audit_last" /* the last complete round: kind, start and end (wall clock, µs), rows */

/* One record of a batch: a row gives one, a control row one for each partition. */
struct outgoing {
	struct event event;
	int32_t partition;
	enum err result;
	bool reported;
};

struct relay_gap {
	uint64_t id;
	int64_t since_us; /* monotonic */
};

struct relay {
	struct sql_db *db;
	struct resp_db *redis_db;
	const char *brokers, *instance;
	const struct owned_table *table;
	const struct topic *topic;
	struct view *own;
	uint32_t audit_rows_per_s, audit_period_s, snapshot_rows_per_s;
	pthread_t main, snapshotter;
	bool started;
	_Atomic bool stop;
	_Atomic int64_t stop_by_us;       /* monotonic: until when the last changes may be published */

	/* ---- relay thread only ---- */
	struct sql_conn *session;         /* holds GET_LOCK; never reconnects by itself */
	int64_t session_used_us;          /* monotonic: its wait_timeout is 3 s */
	struct broker_producer *producer;
	struct logident *log;
	struct arena *arena;              /* of the batch at work */
	char term_id[CLOCK_UUID_LEN + 1]; /* stored in relay_state, and in each mark: a database without it is not the one we knew */
	uint64_t floor;                   /* this term's rows are above it */
	bool replaced;                    /* the database was found to be another: the next term begins with a snapshot */
	uint64_t end_floor;               /* ends of rounds that began below it are dropped */
	uint64_t highest;                 /* highest id read */
	struct relay_gap gaps[RELAY_GAPS_MAX];
	size_t gap_count;
	struct idset *known;              /* published and still in the table */
	struct idset *published, *published_before; /* hashes of keys, since the last scan began, and between it and the one before */
	struct idset *unsafe;             /* ids of late rows that must be written anew */
	uint64_t *done;                   /* published ids in order, to be deleted as a prefix */
	size_t done_count, done_size;
	bool delete_refused;              /* for want of room, when it was last tried */
	struct outbox_row ends[RELAY_ENDS_MAX]; /* ~end rows that wait for the next full scan; only id, payload (copied) and time */
	char end_payload[RELAY_ENDS_MAX][64];
	size_t end_count;
	size_t unreported;                /* records whose report is still to come; they point into <arena> */
	struct outbox_row *flight;        /* rows at work, in <arena>: their records may be out */
	size_t flight_count;
	int64_t last_scan_us, last_delete_us, last_triggers_us;
	unsigned attempt;

	/* ---- own copy, relay thread only ---- */
	struct resp_conn *redis;
	struct view_position own_at[TOPIC_PARTITIONS_MAX];
	int64_t own_saved[TOPIC_PARTITIONS_MAX]; /* next as stored in relay_position */
	bool own_broken;
	int64_t own_refused_us;           /* monotonic: when a batch was refused last; 0: not in this term */
	_Atomic enum err own_refused;     /* ERR_FULL or ERR_READ_ONLY: why the copy is broken; read by anybody */

	/* ---- shared, under lock ---- */
	pthread_mutex_t lock;
	pthread_cond_t wake;              /* of both threads */
	bool woken;                       /* a write was committed here */
	bool leading;
	uint64_t term;                    /* counts elections won */
	bool flowing;                     /* the last batch went out and nothing waits */
	bool asked;                       /* relay_snapshot() was called */
	char wanted[CLOCK_UUID_LEN + 1];  /* token of a snapshot that is wanted; "" none */
	uint64_t end_published;           /* begin version of the newest ~end that went out */
	struct view_position own_end[TOPIC_PARTITIONS_MAX]; /* own copy when that ~end was applied */
	bool own_end_valid;
	struct relay_rounds report;

	struct counter *events, *late, *rewritten, *elections, *resends, *rounds, *rounds_abandoned;
	bool triggers_gone; /* when they were last looked for */
	struct gauge *leader, *triggers_missing, *depth, *age_us, *round_end_s, *round_rows, *round_ms;
};

#endif
