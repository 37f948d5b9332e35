/* halt.h - how a background thread waits and is told to end: a pause that ends at once when it is to stop.
 *
 * Embedded in the owner of the thread. Any thread may ask and halt.
 */
#ifndef MOA_SVC_HALT_H
#define MOA_SVC_HALT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct halt {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool asked; /* under the lock */
};

void halt_init(struct halt *h);
void halt_destroy(struct halt *h); /* after its threads have ended */
void halt_ask(struct halt *h);
bool halt_asked(struct halt *h);
/* Waits <ms>; false at once when asked to end. */
bool halt_pause(struct halt *h, int ms);
/* The pause after failed attempt number *attempt, which it counts up: with jitter, at most <max_ms>. */
bool halt_back_off(struct halt *h, unsigned *attempt, int max_ms);

#endif
