/* shards.h - what the tables that threads share have in common: nodes found by the hash of their key, in the order of their last use,
 * bounded in number.
 *
 * Up to SHARDS_FROM nodes there is one shard, and the oldest of all goes first. Larger tables are cut into SHARDS_MOST shards with a lock
 * each, by hash: their number of nodes is still exact, but who goes is the oldest of the shard that the new node belongs to.
 * A node is part of its owner's struct; nothing here allocates or frees one.
 */
#ifndef MOA_GATEWAY_TABLE_SHARDS_H
#define MOA_GATEWAY_TABLE_SHARDS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SHARDS_FROM 1024
#define SHARDS_MOST 16

struct shard_node {
	struct shard_node *chain; /* next in its bucket */
	struct shard_node *older, *newer;
	uint64_t hash;
	bool queued;              /* in the order of last use */
};

struct shard {
	pthread_mutex_t lock;     /* of all that follows */
	struct shard_node **buckets;
	struct shard_node *oldest, *newest;
	unsigned count;
};

struct shards {
	struct shard *at;
	unsigned count;           /* 1 or SHARDS_MOST */
	unsigned buckets;         /* of each shard: a power of two */
	unsigned most;            /* nodes in all */
	_Atomic unsigned used;    /* nodes, and places that were reserved for some */
};

/* For at most <most> nodes. Memory that no bucket was needed of stays untouched. Out of memory aborts. */
void shards_init(struct shards *s, unsigned most);
/* Calls free_it for each node that is left. */
void shards_destroy(struct shards *s, void (*free_it)(struct shard_node *n));

/* The shard where that hash belongs. Its lock must be held for what follows. */
struct shard *shards_of(const struct shards *s, uint64_t hash);
/* The nodes with that very hash, one after the other; NULL: that was the last. */
struct shard_node *shard_first(const struct shards *s, const struct shard *shard, uint64_t hash);
struct shard_node *shard_next(const struct shard_node *n);
/* The first of those in bucket number <bucket>; the others follow by ->chain. */
struct shard_node *shard_bucket(const struct shard *shard, unsigned bucket);
void shard_add(const struct shards *s, struct shard *shard, struct shard_node *n); /* as the newest; a place was reserved */
void shard_remove(const struct shards *s, struct shard *shard, struct shard_node *n); /* its place stays reserved */
void shard_touch(struct shard *shard, struct shard_node *n);  /* makes it the newest */
void shard_unqueue(struct shard *shard, struct shard_node *n); /* until it is touched it is never the oldest */

/* Reserves a place if one is free. Takes no lock: call it with that of the shard where the node was looked for in vain, so that of two
 * threads that add the same node the second finds it, and nobody makes room for a node that is there already. */
bool shards_reserve_free(struct shards *s);
/* Reserves a place for a node with that hash. When none is free the oldest makes room of those that may go: it is taken out and is the
 * caller's to free, in *gone (else NULL). False: nothing may go. Takes locks of shards one by one, so none may be held. */
bool shards_reserve(struct shards *s, uint64_t hash, bool (*may_go)(const struct shard_node *n, void *arg), void *arg,
		    struct shard_node **gone);
void shards_unreserve(struct shards *s, unsigned places);

#endif
