/* inflight.h - how many pieces of work are under way, and a wait until there are none.
 *
 * Any thread. Counting takes no lock until somebody waits.
 */
#ifndef MOA_BASE_INFLIGHT_H
#define MOA_BASE_INFLIGHT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct inflight {
	atomic_uint_fast64_t count;
	atomic_bool awaited;
	pthread_mutex_t lock;
	pthread_cond_t none;
};

void inflight_init(struct inflight *f);
void inflight_destroy(struct inflight *f);
void inflight_enter(struct inflight *f);
void inflight_leave(struct inflight *f); /* once for each inflight_enter() */
/* Waits until there is none, or until <until_us> (monotonic): false. One thread at a time. */
bool inflight_wait(struct inflight *f, int64_t until_us);

#endif
