/* cond.c - condition variables on the monotonic clock. */
#include "shared/base/cond.h"

#include <assert.h>
#include <errno.h>
#include <time.h>

void cond_create(pthread_cond_t *c)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(c, &attr);
	pthread_condattr_destroy(&attr);
}

bool cond_wait_until(pthread_cond_t *c, pthread_mutex_t *lock, int64_t until_us)
{
	struct timespec until = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };
	int rc = until_us == COND_NEVER ? pthread_cond_wait(c, lock) : pthread_cond_timedwait(c, lock, &until);

	assert(rc == 0 || rc == ETIMEDOUT);
	return rc == 0;
}
