/* total.c - counts of all workers added up. */
#include "gateway/admin/total.h"

#include "gateway/session/worker.h"

#define LONGEST_US (INT64_C(1) << 27) /* beyond it histograms do not tell durations apart (shared/base/hist.h) */

const struct tally *total_part(const struct total *t, unsigned worker)
{
	const struct worker *w = &t->gateway->workers[worker];
	const struct tally *all[] = { [TOTAL_FRONTEND] = w->frontends, [TOTAL_LISTENER] = w->listeners,
				      [TOTAL_SERVER] = w->servers, [TOTAL_BACKEND] = w->backends };

	return &all[t->of][t->index];
}

static const void *member(const struct total *t, unsigned worker, size_t field)
{
	return (const char *)total_part(t, worker) + field;
}

uint64_t total_count(const struct total *t, size_t field)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < t->gateway->worker_count; i++)
		sum += tally_get(member(t, i, field));
	return sum;
}

uint64_t total_rate(const struct total *t, size_t field, int64_t now_ms)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < t->gateway->worker_count; i++)
		sum += tally_rate_read(member(t, i, field), now_ms);
	return sum;
}

uint64_t total_rate_most(const struct total *t, size_t field)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < t->gateway->worker_count; i++)
		sum += tally_get(&((const struct tally_rate *)member(t, i, field))->most);
	return sum;
}

int64_t total_idle_s(const struct total *t, int64_t now_ms)
{
	uint64_t last = 0;

	for (unsigned i = 0; i < t->gateway->worker_count; i++) {
		uint64_t second = tally_get(&total_part(t, i)->session_rate.second);

		if (second > last)
			last = second;
	}
	if (last == 0)
		return -1;
	return now_ms / 1000 > (int64_t)last ? now_ms / 1000 - (int64_t)last : 0;
}

static const struct hist *hist_of(const struct total *t, unsigned worker, size_t field)
{
	return *(struct hist *const *)member(t, worker, field);
}

uint64_t total_below(const struct total *t, size_t field, int64_t us)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < t->gateway->worker_count; i++)
		sum += hist_count_below(hist_of(t, i, field), us);
	return sum;
}

uint64_t total_sum_us(const struct total *t, size_t field)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < t->gateway->worker_count; i++)
		sum += hist_sum_us(hist_of(t, i, field));
	return sum;
}

/* The least time that enough took at most, by halving: what is added meanwhile moves it by no more than it would have later. */
int64_t total_quantile_us(const struct total *t, size_t field, double q)
{
	uint64_t all = total_below(t, field, INT64_MAX), rank = (uint64_t)(q * (double)all + 0.999999);
	int64_t low = 0, high = LONGEST_US;

	if (all == 0)
		return 0;
	while (low < high) {
		int64_t middle = low + (high - low) / 2;

		if (total_below(t, field, middle) >= rank)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

int64_t total_longest_us(const struct total *t, size_t field)
{
	int64_t longest = 0;

	for (unsigned i = 0; i < t->gateway->worker_count; i++) {
		int64_t us = hist_quantile_us(hist_of(t, i, field), 1.0);

		if (us > longest)
			longest = us;
	}
	return longest;
}
