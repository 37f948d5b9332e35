/* cond.h - condition variables on the monotonic clock: setting the wall clock neither cuts a wait short nor prolongs it.
 *
 * Any thread. As with all condition variables a wait may end without a signal.
 */
#ifndef MOA_BASE_COND_H
#define MOA_BASE_COND_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define COND_NEVER INT64_MAX

/* Destroyed with pthread_cond_destroy(). */
void cond_create(pthread_cond_t *c);
/* Waits for a signal until <until_us> (monotonic), or without end with COND_NEVER; <lock> is held before and after. False: the time is over. */
bool cond_wait_until(pthread_cond_t *c, pthread_mutex_t *lock, int64_t until_us);

#endif
