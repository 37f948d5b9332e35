/* runtime.h - the runtime socket ("stats socket"): commands that show and change what runs (manual of the runtime socket, 9.3).
 *
 * All of it is on the first worker's loop and never waits: what only another worker may look at is asked of that worker by a
 * task (gather.h). Bounded: stats_maxconn connections, stats_timeout each; an answer is made piece by piece, as fast as it is read.
 */
#ifndef MOA_GATEWAY_ADMIN_RUNTIME_H
#define MOA_GATEWAY_ADMIN_RUNTIME_H

#include <stdbool.h>
#include <stdint.h>
#include "shared/base/buf.h"

struct gateway;
struct runtime;

/* Opens the sockets of "stats socket" lines and makes g->runtime, which is there also without any. False: <messages> says why.
 * Main, before rights are dropped. */
bool runtime_open(struct gateway *g, struct buf *messages);
/* Begins to listen. Main, before the first worker's loop runs, or that worker. */
void runtime_start(struct gateway *g);
/* Soft stop: no new connections, the sockets are closed; another process that has them takes who comes. The first worker's thread. */
void runtime_pause(struct gateway *g);
/* Closes and frees everything; g->runtime is NULL then. Main, when no loop runs any more and before the loops are freed. */
void runtime_stop(struct gateway *g);

/* Idle part of all threads' time in the last second, in percent; bytes sent to clients in it; the maxconn of the configuration, above
 * which "set maxconn global" does not go. Any thread. */
unsigned runtime_idle_percent(const struct gateway *g);
uint64_t runtime_bytes_rate(const struct gateway *g);
unsigned runtime_hard_maxconn(const struct gateway *g);

#endif
