/* view_store.h - the writing side of a view: batches that are applied whole or not at all, sweeps, positions.
 *
 * Used by the projection (others' data), the relay (the own copy) and the monitor; never by handlers.
 * All functions take a connection of the caller's and belong to the caller's thread.
 */
#ifndef MOA_SVC_VIEW_STORE_H
#define MOA_SVC_VIEW_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include "shared/base/arena.h"
#include "shared/base/clock.h"
#include "shared/base/err.h"
#include "shared/io/resp.h"
#include "shared/svc/event.h"
#include "shared/svc/view.h"

#define VIEW_BATCH_MAX 128 /* events in one Lua call: 0.2 to 0.5 ms of Redis, for which readers wait */
#define VIEW_TOMBSTONE_S (7 * 24 * 3600)

/* What a partition's pos holds; and top, which is the scripts' own. */
struct view_position {
	int64_t next;                        /* offset of the next event to apply; -1: there is no pos */
	char log[CLOCK_UUID_LEN + 1];        /* UUID of the log that <next> belongs to; "" until a mark told it */
	int64_t mark_us;                     /* wall clock: everything committed before it is applied; 0: never */
	uint64_t end;                        /* begin version of the newest ~end met; 0: none in this log */
	int64_t end_created_us;              /* wall clock: when that snapshot ended */
	uint64_t loaded;                     /* begin version of the last snapshot that was swept; 0: never loaded */
	char loaded_log[CLOCK_UUID_LEN + 1]; /* the log it was met in */
	int64_t beat_us;                     /* wall clock: last sign of life of the instance that applies */
	char by[CLOCK_UUID_LEN + 1];         /* that instance */
};

struct view_change {
	struct view_entry at;  /* group and field; term and value of a live one */
	bool deleted;
	bool snapshot;         /* a difference from what is held is a divergence */
	uint64_t version;
	int64_t created_us;
};

enum view_reset { VIEW_RESET_NONE, VIEW_RESET_END /* a new log: wait for its snapshot */, VIEW_RESET_ALL /* not usable until loaded anew */ };

/* One Lua call: changes of one partition, and the position they lead to. */
struct view_batch {
	int32_t partition;
	const struct view_position *from; /* only next and log count: must be exactly what is stored */
	const struct view_position *to;   /* next, log, by; mark_us and end where they are not 0 */
	enum view_reset reset;
	bool check;                       /* count differences of snapshot rows */
	const struct view_change *changes;
	size_t count;                     /* at most VIEW_BATCH_MAX */
};

/* Queues one batch; nothing of it need live on. */
enum err MUST_CHECK view_apply_send(struct view *v, struct resp_conn *c, struct arena *a, const struct view_batch *b);
/* The answer to the oldest batch sent. ERR_MOVED: nothing was applied, *stored has next and log as they are.
 * ERR_FULL: Redis is out of memory; ERR_READ_ONLY: its disk takes no writes. ERR_UNAVAILABLE: open a new connection, read positions
 * again. */
enum err MUST_CHECK view_apply_recv(struct view *v, struct resp_conn *c, struct arena *a, struct view_position *stored);
/* Both. */
enum err MUST_CHECK view_apply(struct view *v, struct resp_conn *c, struct arena *a, const struct view_batch *b,
			       struct view_position *stored);

/* The positions of all partitions, in one round trip; out[] has topic->partitions places. */
enum err MUST_CHECK view_positions(struct view *v, struct resp_conn *c, struct arena *a, struct view_position *out);

/* Deletes what the snapshot that began at <at>->end did not find, what the index names and is not there, and old tombstones,
 * in partition <p>; then marks the partition as loaded by it. Does nothing more (ERR_MOVED) once the stored position is below
 * <at>->next or in another log: then Redis was rolled back and may lack rows of the snapshot. <*removed> counts what was no tombstone.
 * Many small calls: others get their turn in between. No answer is left unread, unless the connection broke. */
enum err MUST_CHECK view_sweep(struct view *v, struct resp_conn *c, int32_t p, const struct view_position *at, bool check,
			       uint64_t *removed);

/* What an error reply to a script means: ERR_FULL or ERR_READ_ONLY as above, else ERR_UNAVAILABLE, logged. */
enum err MUST_CHECK view_reply_error(const struct resp_value *r);
/* What a writer that got <e> waits for, for people; NULL unless it is ERR_FULL or ERR_READ_ONLY. Static. */
const char *view_waits_for(enum err e);

/* Takes positions into the view's state, as the monitor saw them; NULL: Redis does not answer. */
void view_observe(struct view *v, const struct view_position *positions);

/* How an entry was found to be wrong when a snapshot passed. */
enum view_divergence {
	VIEW_DIFFERS, /* another value than the owner's table has */
	VIEW_MISSING, /* in the table and not here, or not in an index of ours */
	VIEW_EXTRA,   /* here and not in the table */
	VIEW_DIVERGENCES
};
/* "differs", … */
const char *view_divergence_name(enum view_divergence d);
/* Found, and repaired, since the start. Any thread. */
uint64_t view_divergences(const struct view *v, enum view_divergence d);
/* Wall clock: when the snapshot ended by which the view was swept last, of its oldest partition; 0: none since the start. Any thread. */
int64_t view_audited_us(const struct view *v);

/* For view*.c. */
struct slice view_key(const struct view *v, struct arena *a, int32_t p, struct slice rest);
void view_divergences_add(struct view *v, enum view_divergence d, uint64_t n);
/* Of an entry: ERR_CORRUPT, or its value (ptr NULL for a tombstone) without the term. */
enum err MUST_CHECK view_entry_value(const struct view *v, struct slice entry, struct slice *value);
#define VIEW_POS_FIELDS "next", "log", "mark", "end", "loaded", "loadedlog", "beat", "by"
enum err MUST_CHECK view_position_parse(const struct resp_value *reply, struct view_position *out);

#endif
