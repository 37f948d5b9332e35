/* outbox.h - every statement on the table `outbox` and on the relay's own tables.
 *
 * All on a connection of the caller's; errors are those of sql_run(). Rows and slices live in the arena given.
 */
#ifndef MOA_SVC_OUTBOX_H
#define MOA_SVC_OUTBOX_H

#include <stddef.h>
#include <stdint.h>
#include "shared/base/arena.h"
#include "shared/base/err.h"
#include "shared/io/sql.h"
#include "shared/svc/relay.h"

struct outbox_row {
	uint64_t id;          /* the version */
	struct slice key;     /* aggregateid */
	struct slice type;
	struct slice payload; /* ptr NULL: a deletion */
	int64_t created_us;   /* wall clock */
};

#define OUTBOX_IDS_MAX 500 /* ids in one statement */
#define OUTBOX_LATE_US 1000000 /* a missing id is looked for this long; later the full scan finds it */

/* Rows above <after>, and those of <ids>, in id order, at most <limit>. */
enum err MUST_CHECK outbox_read(struct sql_conn *c, const struct owned_table *t, struct arena *a, uint64_t after, const uint64_t *ids,
				size_t id_count, size_t limit, struct outbox_row **rows, size_t *count);
/* Ids of all rows above <after> and not above <upto>, in order, at most <limit>. */
enum err MUST_CHECK outbox_ids(struct sql_conn *c, const struct owned_table *t, struct arena *a, uint64_t after, uint64_t upto,
			       size_t limit, uint64_t **ids, size_t *count);
/* The highest id in the table, 0 when it is empty. */
enum err MUST_CHECK outbox_highest(struct sql_conn *c, struct arena *a, uint64_t *id);
/* *deleted: how many of the rows were there. */
enum err MUST_CHECK outbox_delete(struct sql_conn *c, struct arena *a, const uint64_t *ids, size_t count, size_t *deleted);

/* Writes the keys of <rows> anew, as they are in the table now, and deletes the rows, in one transaction (at most 100 rows).
 * Each key's row is locked meanwhile, so the fresh versions stand in commit order. Rows of keys that somebody else holds locked
 * stay in the outbox; they are *left, and moved to the front of <rows>. After a failure all are left. */
enum err MUST_CHECK outbox_rewrite(struct sql_db *db, const struct owned_table *t, struct outbox_row *rows, size_t count,
				   int64_t deadline_us, size_t *left);
#define OUTBOX_REWRITE_MAX 100

/* Moves the version counter to at least <version>: a row inserted and deleted in one transaction. */
enum err MUST_CHECK outbox_floor(struct sql_conn *c, uint64_t version);
/* Number of rows (counted up to 1,000,000) and age of the oldest in µs. May take 3 s. */
enum err MUST_CHECK outbox_depth(struct sql_conn *c, struct arena *a, uint64_t *rows, int64_t *age_us);

/* ---- snapshot ---- */
/* Inserts ~begin; *version is its id. */
enum err MUST_CHECK outbox_snapshot_begin(struct sql_db *db, const struct owned_table *t, int64_t deadline_us, uint64_t *version);
/* Copies the next <limit> rows of the table above <*order> into the outbox in one transaction; moves *order; *count 0: done.
 * Of type 'snapshot'; 'rewritten' where a change of the row may be late: then a difference is no finding. */
enum err MUST_CHECK outbox_snapshot_chunk(struct sql_db *db, const struct owned_table *t, int64_t deadline_us, size_t limit,
					  uint64_t *order, size_t *count);
enum err MUST_CHECK outbox_snapshot_end(struct sql_db *db, const struct owned_table *t, int64_t deadline_us, uint64_t begin);

/* ---- state that the relays of all instances share ---- */
/* SLICE_NONE when there is no such name. */
enum err MUST_CHECK outbox_state_get(struct sql_conn *c, struct arena *a, const char *name, struct slice *value);
enum err MUST_CHECK outbox_state_set(struct sql_conn *c, const char *name, struct slice value);
/* Deletes <name> if it still has <value>. */
enum err MUST_CHECK outbox_state_clear(struct sql_conn *c, const char *name, struct slice value);
/* Number of the own copy's next batch, per partition. */
enum err MUST_CHECK outbox_own_next_get(struct sql_conn *c, struct arena *a, const struct topic *t, int64_t *next);
enum err MUST_CHECK outbox_own_next_set(struct sql_conn *c, const struct topic *t, int32_t partition, int64_t next);

/* When the server started, in Unix seconds (1 s exact). */
enum err MUST_CHECK outbox_server_start(struct sql_conn *c, struct arena *a, int64_t *start_s);
/* When the owned table was made, as the server tells it; empty when there is none. */
enum err MUST_CHECK outbox_table_made(struct sql_conn *c, const struct owned_table *t, struct arena *a, struct slice *made);
/* How many kinds of changes the owned table's triggers capture, as the schema's function captured_events() says: the service
 * may not look at triggers itself. 0 when there is no such function. */
enum err MUST_CHECK outbox_triggers(struct sql_conn *c, struct arena *a, uint64_t *count);

#endif
