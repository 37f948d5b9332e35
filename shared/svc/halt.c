/* halt.c - pauses of background threads that end at once when they are to stop. */
#include "shared/svc/halt.h"

#include <time.h>

#include "shared/base/clock.h"

#define NS_PER_S 1000000000L
#define NS_PER_MS 1000000L

void halt_init(struct halt *h)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC); /* a pause does not follow the wall clock */
	pthread_cond_init(&h->changed, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&h->lock, NULL);
	h->asked = false;
}

void halt_destroy(struct halt *h)
{
	pthread_cond_destroy(&h->changed);
	pthread_mutex_destroy(&h->lock);
}

void halt_ask(struct halt *h)
{
	pthread_mutex_lock(&h->lock);
	h->asked = true;
	pthread_cond_broadcast(&h->changed);
	pthread_mutex_unlock(&h->lock);
}

bool halt_asked(struct halt *h)
{
	bool asked;

	pthread_mutex_lock(&h->lock);
	asked = h->asked;
	pthread_mutex_unlock(&h->lock);
	return asked;
}

bool halt_pause(struct halt *h, int ms)
{
	struct timespec until;
	bool asked;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * NS_PER_MS;
	if (until.tv_nsec >= NS_PER_S) {
		until.tv_sec++;
		until.tv_nsec -= NS_PER_S;
	}
	pthread_mutex_lock(&h->lock);
	while (!h->asked && pthread_cond_timedwait(&h->changed, &h->lock, &until) == 0)
		;
	asked = h->asked;
	pthread_mutex_unlock(&h->lock);
	return !asked;
}

bool halt_back_off(struct halt *h, unsigned *attempt, int max_ms)
{
	return halt_pause(h, clock_backoff_ms((*attempt)++, max_ms));
}
