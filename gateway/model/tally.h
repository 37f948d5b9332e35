/* tally.h - numbers that one thread counts and any thread reads, so that counting costs an addition and no lock.
 *
 * Each worker has its own; a reader adds those of all workers up.
 */
#ifndef MOA_GATEWAY_MODEL_TALLY_H
#define MOA_GATEWAY_MODEL_TALLY_H

#include <stdatomic.h>
#include <stdint.h>
#include "shared/base/hist.h"

typedef _Atomic uint64_t tally_n;

/* Its own thread only. */
static inline void tally_add(tally_n *n, uint64_t more)
{
	atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + more, memory_order_relaxed);
}

static inline uint64_t tally_get(const tally_n *n)
{
	return atomic_load_explicit(n, memory_order_relaxed);
}

/* Events in the running second and in the one before. */
struct tally_rate {
	tally_n second; /* monotonic second that <now> counts */
	tally_n now;
	tally_n before;
	tally_n most;   /* of any second */
};
void tally_rate_add(struct tally_rate *r, int64_t now_ms, uint64_t more);
/* Per second at <now_ms>: this second's, and the rest of the last one's, as HAProxy reads its frequency counters. Any thread. */
uint64_t tally_rate_read(const struct tally_rate *r, int64_t now_ms);

/* What happened at a frontend, backend, server or listener, in one worker. The names are those of "show stat". */
struct tally {
	tally_n sessions;     /* stot: connections (frontend), exchanges (backend, server) */
	tally_n requests;     /* req_tot */
	tally_n bytes_in, bytes_out;
	tally_n denied_requests, denied_responses;      /* dreq, dresp */
	tally_n bad_requests;                           /* ereq */
	tally_n failed_connects, bad_responses;         /* econ, eresp */
	tally_n retries, redispatches;                  /* wretr, wredis */
	tally_n client_aborts, server_aborts;           /* cli_abrt, srv_abrt */
	tally_n status[6];    /* hrsp_other, 1xx … 5xx */
	tally_n chosen;       /* lbtot */
	tally_n connects, reuses;
	tally_n denied_connections, denied_sessions;
	tally_n failed_rewrites;
	tally_n log_lines;
	struct tally_rate session_rate, request_rate, connection_rate;
	tally_n times_n, queue_us, connect_us, response_us, total_us; /* sums over times_n exchanges */
	struct hist *total;   /* of whole exchanges; NULL where it is not kept */
	struct hist *response; /* from the request sent to the response's head */
};

#endif
