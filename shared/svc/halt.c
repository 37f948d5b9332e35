/* halt.c - pauses of background threads that end at once when they are to stop. */
#include "shared/svc/halt.h"

#include "shared/base/clock.h"
#include "shared/base/cond.h"

void halt_init(struct halt *h)
{
	cond_create(&h->changed);
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
	int64_t until_us = clock_mono_us() + (int64_t)ms * 1000;
	bool asked;

	pthread_mutex_lock(&h->lock);
	while (!h->asked && cond_wait_until(&h->changed, &h->lock, until_us))
		;
	asked = h->asked;
	pthread_mutex_unlock(&h->lock);
	return !asked;
}

bool halt_back_off(struct halt *h, unsigned *attempt, int max_ms)
{
	return halt_pause(h, clock_backoff_ms((*attempt)++, max_ms));
}
