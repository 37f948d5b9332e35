/* view.h - a domain's data in this service's own Redis: how it lies there, how it is read, and how it is written.
 *
 * One partition of one topic makes one group of keys with one hash tag:
 *   m1:{alarms:3}:pos      hash: next, log, mark, end, loaded, loadedlog, beat, by, top (see view_store.h)
 *   m1:{alarms:3}:<group>  hash: field -> entry
 *   m1:{users:0}:t:<term>  set of fields whose entry carries that term   (VIEW_INDEX_TERM)
 *   m1:{items:2}:ids       sorted set of the fields, by their number     (VIEW_INDEX_IDS)
 *   m1:{items:2}:parked…   see view_parked.h; any other key with the tag is a group, and is swept
 * An entry is the version in 16 digits, then '+' and the value, or '-' and the
 * Unix second at which the deletion was applied. Nothing expires by itself.
 *
 * Reads go to Redis in one pipelined round trip that ends with the partition's
 * pos, so that a Redis that was emptied or rolled back is seen by the very request that would have been answered wrong.
 */
#ifndef MOA_SVC_VIEW_H
#define MOA_SVC_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "shared/base/arena.h"
#include "shared/base/err.h"
#include "shared/base/slice.h"
#include "shared/io/resp.h"
#include "shared/svc/topic.h"

#define VIEW_SCHEMA "m1" /* a new prefix is how the format changes */
#define VIEW_FRESH_US 5000000

enum view_index { VIEW_INDEX_NONE, VIEW_INDEX_IDS, VIEW_INDEX_TERM };

struct view_entry {
	struct slice group; /* what follows the partition's tag */
	struct slice field;
	struct slice term;  /* VIEW_INDEX_TERM only: exactly term_len bytes, stored in front of the value */
	struct slice value;
};

struct view_spec {
	const struct topic *topic;
	enum view_index index;
	size_t term_len;
	const char *group; /* the only one of a view with an index, whose fields the index names */
	/* Group and field of a key (deletions have nothing but a key). ERR_CORRUPT for a key that is none of ours. */
	enum err (*place)(struct slice key, struct view_entry *out);
	/* Term and value from the event's JSON; memory from <a>. ERR_CORRUPT when it does not decode. */
	enum err (*project)(struct slice key, struct slice json, struct arena *a, struct view_entry *out);
};

struct view;
struct parked;

struct view *view_create(const struct view_spec *spec, struct resp_db *db); /* both borrowed */
void view_free(struct view **v);
const struct view_spec *view_spec_of(const struct view *v);
struct parked *view_parked(const struct view *v); /* the picture of its parked events */

/* ---- reading (any thread) ---- */
struct view_state {
	bool loaded;   /* every partition was read to the end of a snapshot and swept */
	bool fresh;    /* loaded from the present log, every partition marked within 5 s, none rolled back since */
	int64_t age_s; /* of the oldest partition; -1 when never loaded */
};
/* As last seen by the monitor, at most some 200 ms ago; not loaded while Redis does not answer. */
void view_state_get(const struct view *v, struct view_state *out);

/* All reading functions: ERR_UNAVAILABLE when Redis does not answer (then *st says not loaded), else ERR_OK and the state
 * of the view, in which the partitions read were looked at by this very call. Results live in <a>. */

/* Values of <count> keys (of the topic, e.g. "50" or "10:50"); values[i].ptr is NULL where there is no live entry. Without keys the state
 * alone is asked for, of all partitions. */
enum err MUST_CHECK view_get(struct view *v, struct arena *a, int64_t deadline_us, const struct slice *keys, size_t count,
			     struct slice *values, struct view_state *st);

/* The same with the version of each entry, of a deletion as well; 0 where nothing is known of the key, and everywhere after a failure. */
enum err MUST_CHECK view_get_versions(struct view *v, struct arena *a, int64_t deadline_us, const struct slice *keys, size_t count,
				      struct slice *values, uint64_t *versions, struct view_state *st);

struct view_field {
	struct slice field;
	struct slice value;
};
/* All live entries of a group in the partition of <key>; unordered. */
enum err MUST_CHECK view_group(struct view *v, struct arena *a, int64_t deadline_us, struct slice key, struct slice group,
			       struct view_field **fields, size_t *count, struct view_state *st);
/* Fields that carry <term>, of a topic with one partition; unordered. */
enum err MUST_CHECK view_term(struct view *v, struct arena *a, int64_t deadline_us, struct slice term,
			      struct slice **fields, size_t *count, struct view_state *st);
/* The highest <limit> ids below <before> (0: from the top), descending, of all partitions; *total: how many there are in all. */
enum err MUST_CHECK view_ids(struct view *v, struct arena *a, int64_t deadline_us, uint32_t before, size_t limit,
			     uint32_t **ids, size_t *count, uint64_t *total, struct view_state *st);

#endif
