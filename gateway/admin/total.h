/* total.h - counts of all workers added up. Any thread. */
#ifndef MOA_GATEWAY_ADMIN_TOTAL_H
#define MOA_GATEWAY_ADMIN_TOTAL_H

#include <stddef.h>
#include <stdint.h>
#include "gateway/model/tally.h"

struct gateway;

enum total_of { TOTAL_FRONTEND, TOTAL_LISTENER, TOTAL_SERVER, TOTAL_BACKEND };

/* Whose counts. */
struct total {
	const struct gateway *gateway;
	enum total_of of;
	unsigned index; /* proxy->index, listener->index, server->index */
};

/* TOTAL(&t, bytes_in) */
#define TOTAL(t, field) total_count(t, offsetof(struct tally, field))
#define TOTAL_RATE(t, field, now_ms) total_rate(t, offsetof(struct tally, field), now_ms)
#define TOTAL_RATE_MOST(t, field) total_rate_most(t, offsetof(struct tally, field))

/* The same in one worker. */
const struct tally *total_part(const struct total *t, unsigned worker);
uint64_t total_count(const struct total *t, size_t field); /* a tally_n */
uint64_t total_rate(const struct total *t, size_t field, int64_t now_ms); /* a struct tally_rate: per second */
/* The sum of what each worker had most in one second: the true one is at most that. */
uint64_t total_rate_most(const struct total *t, size_t field);
/* Seconds since the last exchange began; -1: there was none. */
int64_t total_idle_s(const struct total *t, int64_t now_ms);

/* Histograms, by their place in struct tally (total, response). */
uint64_t total_below(const struct total *t, size_t field, int64_t us);
uint64_t total_sum_us(const struct total *t, size_t field);
/* As hist_quantile_us(), over all workers: at most a sixteenth off. 0: nothing was counted. */
int64_t total_quantile_us(const struct total *t, size_t field, double q);
int64_t total_longest_us(const struct total *t, size_t field);

#endif
