/* workers.h - a fixed number of threads that take items from a bounded queue, in order. */
#ifndef MOA_IO_WORKERS_H
#define MOA_IO_WORKERS_H

#include <stdbool.h>
#include <stddef.h>

struct workers;

/* <run> is called on a worker, once for each item given. NULL when a thread cannot start (nothing is left behind then).
 * The threads block all signals. */
struct workers *workers_start(unsigned threads, size_t queue, void (*run)(void *ctx, void *item), void *ctx);
/* False at once when the queue is full or the workers are being stopped; <item> stays the caller's then. Any thread. */
bool workers_give(struct workers *w, void *item);
/* Items that wait in the queue. Any thread. */
size_t workers_waiting(const struct workers *w);
bool workers_full(const struct workers *w);
/* Takes no more items, runs those that wait, and ends the threads. Blocks as long as <run> does; workers_give() may still
 * be called meanwhile and afterwards, and says false. */
void workers_stop(struct workers *w);
/* After workers_stop(). */
void workers_free(struct workers **w);

#endif
