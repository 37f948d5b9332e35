/* hist.c - a histogram of durations with log-linear buckets and atomic counters.
 *
 * Bucket i below 16 is the value i itself. Above, with 2^k the highest power of two in the
 * value (k >= 4), the four bits behind the highest one choose one of 16 buckets of width 2^(k-4).
 */
#include "shared/base/hist.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "shared/base/log.h"

#define SUB_BITS 4
#define SUB_COUNT (1 << SUB_BITS)
#define TOP_BITS 27 /* values from 2^27 on, 134 s, share the last bucket */
#define BUCKETS (SUB_COUNT * (TOP_BITS - SUB_BITS + 1) + 1)

struct hist {
	_Atomic uint64_t sum_us;
	_Atomic uint64_t counts[BUCKETS];
};

struct hist *hist_create(void)
{
	struct hist *h = calloc(1, sizeof(*h));

	if (h == NULL) {
		log_error("memory.exhausted", "bytes=%zu", sizeof(*h));
		abort();
	}
	return h;
}

void hist_free(struct hist **h)
{
	free(*h);
	*h = NULL;
}

static int bucket_of(uint64_t us)
{
	int top;

	if (us < SUB_COUNT)
		return (int)us;
	if (us >> TOP_BITS != 0)
		return BUCKETS - 1;
	top = 63 - __builtin_clzll(us);
	return SUB_COUNT * (top - SUB_BITS) + (int)(us >> (top - SUB_BITS));
}

/* The smallest value of bucket <i>. */
static uint64_t bucket_low(int i)
{
	int doublings = i / SUB_COUNT - 1; /* how often the width was doubled; -1 and 0 have width 1 */

	if (doublings <= 0)
		return (uint64_t)i;
	return (uint64_t)(SUB_COUNT + i % SUB_COUNT) << doublings;
}

void hist_add(struct hist *h, int64_t us)
{
	uint64_t value = us < 0 ? 0 : (uint64_t)us;

	atomic_fetch_add_explicit(&h->counts[bucket_of(value)], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&h->sum_us, value, memory_order_relaxed);
}

static uint64_t count_at(const struct hist *h, int i)
{
	return atomic_load_explicit(&h->counts[i], memory_order_relaxed);
}

static uint64_t count_first(const struct hist *h, int buckets)
{
	uint64_t n = 0;

	for (int i = 0; i < buckets; i++)
		n += count_at(h, i);
	return n;
}

uint64_t hist_count(const struct hist *h)
{
	return count_first(h, BUCKETS);
}

uint64_t hist_sum_us(const struct hist *h)
{
	return atomic_load_explicit(&h->sum_us, memory_order_relaxed);
}

uint64_t hist_count_below(const struct hist *h, int64_t us)
{
	uint64_t low, width;
	int i;

	if (us < 0)
		return 0;
	i = bucket_of((uint64_t)us);
	if (i == BUCKETS - 1) /* this bucket has no upper end to share by: only "for ever" holds it whole */
		return count_first(h, us == INT64_MAX ? BUCKETS : BUCKETS - 1);
	low = bucket_low(i);
	width = bucket_low(i + 1) - low;
	/* widths are powers of two up to 2^22: the product overflows only beyond 2^42 durations in one bucket */
	return count_first(h, i) + count_at(h, i) * ((uint64_t)us - low + 1) / width;
}

/* Which of <total> > 0 values, counted from 1 in ascending order, the part <q> ends at: q * total, rounded up. */
static uint64_t rank_of(double q, uint64_t total)
{
	double exact = q * (double)total;
	uint64_t rank = (uint64_t)exact;

	if ((double)rank < exact)
		rank++;
	if (rank < 1)
		return 1;
	return rank > total ? total : rank;
}

int64_t hist_quantile_us(const struct hist *h, double q)
{
	uint64_t counts[BUCKETS], total = 0, rank, seen = 0;
	int i;

	assert(q >= 0 && q <= 1);
	/* one copy, so that what is added meanwhile cannot push the rank beyond the end */
	for (i = 0; i < BUCKETS; i++)
		total += counts[i] = count_at(h, i);
	if (total == 0)
		return 0;
	rank = rank_of(q, total);
	for (i = 0; i < BUCKETS - 1; i++) {
		seen += counts[i];
		if (seen >= rank)
			return (int64_t)((bucket_low(i) + bucket_low(i + 1) - 1) / 2);
	}
	return (int64_t)bucket_low(BUCKETS - 1);
}
