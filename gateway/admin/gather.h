/* gather.h - asks every worker, on its own thread, and brings the answers together on the first worker's.
 *
 * For what only its own thread may touch: exchanges, counts to be cleared, idle connections. A worker that does not answer in time
 * (it has ended, in a soft stop) is left out. All of it is the first worker's thread, but for visit().
 */
#ifndef MOA_GATEWAY_ADMIN_GATHER_H
#define MOA_GATEWAY_ADMIN_GATHER_H

#include <stdbool.h>
#include <stdint.h>
#include "shared/base/buf.h"

struct gather;
struct gateway;
struct worker;

#define GATHER_BYTES_MOST (4 * 1024 * 1024) /* of one worker's answer: what is beyond is left out by visit() */
#define GATHER_WAIT_MS 2000

struct gather_job {
	/* On each worker's thread. */
	void (*visit)(struct worker *w, const struct gather_job *job, struct buf *out);
	/* When all have answered, or not in time. <g> is gone afterwards. */
	void (*done)(struct gather *g, const struct gather_job *job);
	void *owner;      /* for done() */
	const void *what; /* for visit() */
};

/* NULL: no memory. */
struct gather *gather_start(struct gateway *g, const struct gather_job *job);
/* Its owner is gone: done() is not called. What visit() does is not undone. */
void gather_abandon(struct gather *g);
/* The answer of worker number <i>, in done(); SLICE_NONE: it gave none. *whole: false when it was longer than it may be. */
struct slice gather_answer(const struct gather *g, unsigned i, bool *whole);
/* Frees those that workers which have ended left behind. No loop runs any more. */
void gather_free_all(struct gateway *g);

#endif
