/* stick_entry.h - what the files of stick tables share; for them alone.
 *
 * An entry is one allocation: the struct, a cell of eight bytes for each count and three for each rate that its table stores, the key.
 * It is found, queued, pinned and freed under the lock of its shard. While it is tracked it is not in the shard's order of last
 * use, so that neither its age nor a full table removes it.
 * Cells are atomic. A rate's three change together, under a second lock of the shard, which may be taken while the first is held, never
 * the other way round.
 */
#ifndef MOA_GATEWAY_TABLE_STICK_ENTRY_H
#define MOA_GATEWAY_TABLE_STICK_ENTRY_H

#include <pthread.h>
#include <stdatomic.h>
#include "gateway/table/shards.h"
#include "gateway/table/siphash.h"
#include "gateway/table/stick_table.h"

#define CELL_NONE (-1)

struct stick_entry {
	struct shard_node node; /* first, so that one pointer is both */
	int64_t used_ms;        /* when it was last tracked */
	unsigned pins;          /* users that will release it */
	bool tracked;           /* by one of them at least */
	unsigned key_len;
	_Atomic uint64_t cells[]; /* the key stands behind them */
};

struct stick_table {
	struct stick_options options;
	int cell_of[STICK_DATA_COUNT]; /* the first of its cells, or CELL_NONE */
	unsigned cells;
	struct siphash_seed seed;
	struct shards shards;
	pthread_mutex_t rates[SHARDS_MOST]; /* of the rates of a shard's entries */
};

/* The cells of a rate: events in the current period and in the one before it, as HAProxy counts them. */
enum { RATE_BEGAN, RATE_CURRENT, RATE_BEFORE, RATE_CELLS };

/* A key as its table compares it. */
struct stick_key {
	struct slice bytes; /* in the sample, or in <space> */
	char space[64];     /* for addresses and numbers, also as text */
};

/* False when the sample cannot be a key of that type. */
bool stick_key_make(const struct stick_options *o, const struct sample *from, struct stick_key *out);
void stick_key_print(const struct stick_options *o, struct slice key, struct buf *out);

static inline struct slice stick_key_of(const struct stick_table *t, const struct stick_entry *e)
{
	return slice_of((const char *)&e->cells[t->cells], e->key_len);
}

/* Where a key belongs in its table. */
struct stick_place {
	struct stick_key key;
	uint64_t hash;
	struct shard *shard;
};

/* Locks the shard where <key> belongs; false, and nothing is locked: the sample cannot be a key of that type. */
bool stick_lock(struct stick_table *t, const struct sample *key, struct stick_place *out);
/* The entry with that key, whatever its age; the shard is locked. */
struct stick_entry *stick_lookup(const struct stick_table *t, const struct stick_place *at);
/* The same, NULL also when its time is over. */
struct stick_entry *stick_lookup_live(const struct stick_table *t, const struct stick_place *at, int64_t now_ms);
/* Whether its time is over; the shard is locked. */
bool stick_expired(const struct stick_table *t, const struct stick_entry *e, int64_t now_ms);

/* Entries that were taken out of a table and wait for being freed when no lock is held. */
struct stick_gone {
	struct stick_entry *first;
	unsigned count;
};
/* Takes out an entry that nobody uses; the shard is locked. */
void stick_take_out(struct stick_table *t, struct shard *shard, struct stick_entry *e, struct stick_gone *gone);
/* Frees them and gives their places back. No lock is held. */
void stick_gone_free(struct stick_table *t, struct stick_gone *gone);

/* Where cells of that kind stand; sets cell_of and cells. */
void stick_cells_lay_out(struct stick_table *t);
/* All cells to nothing; the shard is locked. */
void stick_cells_clear(struct stick_table *t, struct stick_entry *e);

#endif
