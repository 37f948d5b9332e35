/* hist.h - a histogram of durations: fixed memory, added to from any thread without a lock.
 *
 * Buckets are log-linear: 16 of equal width for each doubling, from 1 µs up to 134 s (2^27 µs), so
 * a value read back is wrong by at most 1/16. Longer durations count in the last bucket.
 */
#ifndef MOA_BASE_HIST_H
#define MOA_BASE_HIST_H

#include <stdint.h>

struct hist;

struct hist *hist_create(void); /* 3 KiB; out of memory aborts */
void hist_free(struct hist **h);

/* Adds one duration; below 0 counts as 0. Any thread, never waits. */
void hist_add(struct hist *h, int64_t us);

/* The queries may run beside hist_add() in other threads and then miss what is being added. Any thread. */
uint64_t hist_count(const struct hist *h);
uint64_t hist_sum_us(const struct hist *h);
/* How many were at most <us>; inside a bucket they are taken as evenly spread. Never falls as
 * <us> or time goes on, and is hist_count() for INT64_MAX: fit for Prometheus buckets. */
uint64_t hist_count_below(const struct hist *h, int64_t us);
/* The duration that a part <q> (0 to 1) of all stayed at or below, in µs: the middle of its bucket. 0 when empty. */
int64_t hist_quantile_us(const struct hist *h, double q);

#endif
