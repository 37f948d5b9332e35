/* shards.c - nodes by hash and by their last use, in one or in sixteen parts. */
#include "gateway/table/shards.h"

#include <assert.h>
#include <stdlib.h>
#include "shared/base/log.h"

/* Most buckets of a shard: 16 times this are 32 MiB, of which only those pages exist that were used. Chains grow beyond. */
#define BUCKETS_MOST (1u << 18)

/* How many of a shard's oldest nodes are asked whether they may go: all that may not are in use for a moment only. */
#define ASKED_MOST 64

static void *zeroed(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (memory == NULL) {
		log_error("memory.exhausted", "bytes=%zu", count * size);
		abort();
	}
	return memory;
}

void shards_init(struct shards *s, unsigned most)
{
	unsigned buckets = 16;

	assert(most > 0);
	s->count = most <= SHARDS_FROM ? 1 : SHARDS_MOST;
	while (buckets < most / s->count && buckets < BUCKETS_MOST)
		buckets *= 2;
	s->buckets = buckets;
	s->most = most;
	atomic_init(&s->used, 0);
	s->at = zeroed(s->count, sizeof(*s->at));
	for (unsigned i = 0; i < s->count; i++) {
		pthread_mutex_init(&s->at[i].lock, NULL);
		s->at[i].buckets = zeroed(buckets, sizeof(*s->at[i].buckets));
	}
}

void shards_destroy(struct shards *s, void (*free_it)(struct shard_node *n))
{
	for (unsigned i = 0; i < s->count; i++) {
		struct shard *shard = &s->at[i];

		for (unsigned bucket = 0; shard->count > 0 && bucket < s->buckets; bucket++) {
			while (shard->buckets[bucket] != NULL) {
				struct shard_node *n = shard->buckets[bucket];

				shard->buckets[bucket] = n->chain;
				shard->count--;
				free_it(n);
			}
		}
		pthread_mutex_destroy(&shard->lock);
		free(shard->buckets);
	}
	free(s->at);
	s->at = NULL;
}

/* The highest bits say the shard, the lowest the bucket. */
struct shard *shards_of(const struct shards *s, uint64_t hash)
{
	return &s->at[(hash >> 60) & (s->count - 1)];
}

static struct shard_node **bucket_of(const struct shards *s, const struct shard *shard, uint64_t hash)
{
	return &shard->buckets[hash & (s->buckets - 1)];
}

struct shard_node *shard_first(const struct shards *s, const struct shard *shard, uint64_t hash)
{
	struct shard_node *n = *bucket_of(s, shard, hash);

	while (n != NULL && n->hash != hash)
		n = n->chain;
	return n;
}

struct shard_node *shard_next(const struct shard_node *n)
{
	uint64_t hash = n->hash;

	do
		n = n->chain;
	while (n != NULL && n->hash != hash);
	return (struct shard_node *)n;
}

struct shard_node *shard_bucket(const struct shard *shard, unsigned bucket)
{
	return shard->buckets[bucket];
}

static void queue_newest(struct shard *shard, struct shard_node *n)
{
	n->queued = true;
	n->newer = NULL;
	n->older = shard->newest;
	if (shard->newest != NULL)
		shard->newest->newer = n;
	else
		shard->oldest = n;
	shard->newest = n;
}

void shard_unqueue(struct shard *shard, struct shard_node *n)
{
	if (!n->queued)
		return;
	if (n->older != NULL)
		n->older->newer = n->newer;
	else
		shard->oldest = n->newer;
	if (n->newer != NULL)
		n->newer->older = n->older;
	else
		shard->newest = n->older;
	n->queued = false;
}

void shard_touch(struct shard *shard, struct shard_node *n)
{
	shard_unqueue(shard, n);
	queue_newest(shard, n);
}

void shard_add(const struct shards *s, struct shard *shard, struct shard_node *n)
{
	struct shard_node **bucket = bucket_of(s, shard, n->hash);

	n->chain = *bucket;
	*bucket = n;
	shard->count++;
	queue_newest(shard, n);
}

void shard_remove(const struct shards *s, struct shard *shard, struct shard_node *n)
{
	struct shard_node **at = bucket_of(s, shard, n->hash);

	while (*at != n) {
		assert(*at != NULL);
		at = &(*at)->chain;
	}
	*at = n->chain;
	shard->count--;
	shard_unqueue(shard, n);
}

static struct shard_node *take_oldest(const struct shards *s, struct shard *shard, bool (*may_go)(const struct shard_node *n, void *arg),
				      void *arg)
{
	struct shard_node *n;
	unsigned asked = 0;

	pthread_mutex_lock(&shard->lock);
	n = shard->oldest;
	while (n != NULL && !may_go(n, arg))
		n = ++asked < ASKED_MOST ? n->newer : NULL;
	if (n != NULL)
		shard_remove(s, shard, n);
	pthread_mutex_unlock(&shard->lock);
	return n;
}

bool shards_reserve_free(struct shards *s)
{
	unsigned used = atomic_load(&s->used);

	while (used < s->most) {
		if (atomic_compare_exchange_weak(&s->used, &used, used + 1))
			return true;
	}
	return false;
}

bool shards_reserve(struct shards *s, uint64_t hash, bool (*may_go)(const struct shard_node *n, void *arg), void *arg,
		    struct shard_node **gone)
{
	unsigned first = (unsigned)(shards_of(s, hash) - s->at);

	*gone = NULL;
	if (shards_reserve_free(s))
		return true;
	/* whoever goes leaves its place to the new one, so that no other thread can come between */
	for (unsigned i = 0; i < s->count && *gone == NULL; i++)
		*gone = take_oldest(s, &s->at[(first + i) % s->count], may_go, arg);
	return *gone != NULL;
}

void shards_unreserve(struct shards *s, unsigned places)
{
	atomic_fetch_sub(&s->used, places);
}
