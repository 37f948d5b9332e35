/* picture.h - what a line-up holds; for the files of balance/ alone.
 *
 * But for <turn> it never changes once it is made.
 */
#ifndef MOA_GATEWAY_BALANCE_PICTURE_H
#define MOA_GATEWAY_BALANCE_PICTURE_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include "gateway/model/server.h"

struct proxy;

#define CACHE_LINE 64
/* Most turns in a sequence (and one more for each server that would have none): exact for weights up to 256 at 64 servers; beyond,
 * each server's part of all requests is right to within this fraction. */
#define SEQUENCE_MOST 16384
/* Points of a server on the ring for each unit of its weight, as in HAProxy, while all together stay below the bound. */
#define POINTS_PER_WEIGHT 16
#define POINTS_MOST 131072

struct lineup_entry {
	struct server *server;
	unsigned weight; /* in hundredths, at least 1: slow start counted, where weights may change while running */
	unsigned share;  /* its turns in the sequence */
	int64_t credit;  /* while the sequence is made */
};

struct lineup_point {
	uint32_t key;
	uint32_t entry;
};

struct lineup {
	alignas(CACHE_LINE) _Atomic uint64_t turn; /* taken from by all threads */
	alignas(CACHE_LINE) unsigned count; /* servers that may be chosen, in the order of the file; "first": of their ids */
	unsigned sequence_len, point_count;
	uint64_t weight; /* of all entries */
	struct lineup_entry *entries;
	uint32_t *sequence;          /* entries, each as often as its share, interleaved; also the map of "hash-type map-based" */
	struct lineup_point *points; /* "hash-type consistent": sorted by key */
};

/* Of <count> servers of <backend>. The sequence goes on with number <turn>. NULL: no memory. */
struct lineup *picture_create(const struct proxy *backend, struct server *const *servers, unsigned count, uint64_t turn);
void picture_free(void *picture);

/* How many exchanges <s> may have now; 0: no limit. It grows while the server starts slowly. */
static inline unsigned picture_places(const struct server *s)
{
	unsigned most = atomic_load_explicit(&s->maxconn, memory_order_relaxed);
	unsigned percent = atomic_load_explicit(&s->slow_percent, memory_order_relaxed);

	if (most == 0 || percent >= 100)
		return most;
	most = (unsigned)((uint64_t)most * percent / 100);
	return most == 0 ? 1 : most;
}

#endif
