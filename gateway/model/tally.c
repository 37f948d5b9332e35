/* tally.c - rates of events per second, in the manner of two buckets: this second's and the last one's. */
#include "gateway/model/tally.h"

#define SECOND_MS 1000

static void put(tally_n *n, uint64_t value)
{
	atomic_store_explicit(n, value, memory_order_relaxed);
}

/* A reader may fall between two of these stores; it then sees a count that is off by less than a second's. */
void tally_rate_add(struct tally_rate *r, int64_t now_ms, uint64_t more)
{
	uint64_t second = (uint64_t)now_ms / SECOND_MS, last = tally_get(&r->second), now;

	if (second != last) {
		put(&r->before, second == last + 1 ? tally_get(&r->now) : 0);
		put(&r->now, 0);
		put(&r->second, second);
	}
	now = tally_get(&r->now) + more;
	put(&r->now, now);
	if (now > tally_get(&r->most))
		put(&r->most, now);
}

uint64_t tally_rate_read(const struct tally_rate *r, int64_t now_ms)
{
	uint64_t second = (uint64_t)now_ms / SECOND_MS, last = tally_get(&r->second);
	uint64_t left_ms = SECOND_MS - (uint64_t)now_ms % SECOND_MS;

	if (second <= last) /* the writer's clock may be a moment ahead */
		return tally_get(&r->now) + tally_get(&r->before) * left_ms / SECOND_MS;
	if (second == last + 1)
		return tally_get(&r->now) * left_ms / SECOND_MS;
	return 0;
}
