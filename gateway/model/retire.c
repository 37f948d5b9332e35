/* retire.c - frees memory that other threads may still be reading, once none can be.
 *
 * A task is posted to each loop. It may run in the very round in which a handler read the pointer and gave it on to the round's
 * end, so it posts itself once more: what runs the second time runs in a later round. The last loop to get there frees.
 */
#include "gateway/model/retire.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "gateway/loop/container.h"
#include "gateway/session/worker.h"
#include "shared/base/log.h"

struct passing {
	struct task task;
	struct loop *loop;
	struct retired *retired;
	bool again; /* it has run once */
};

struct retired {
	void *memory;
	void (*free_it)(void *memory);
	_Atomic unsigned left; /* loops that have not passed */
	struct passing passing[];
};

/* @thread: each loop's own. */
static void pass(struct task *t)
{
	struct passing *p = container_of(t, struct passing, task);
	struct retired *r = p->retired;

	if (!p->again) {
		p->again = true;
		loop_post(p->loop, t);
		return;
	}
	if (atomic_fetch_sub_explicit(&r->left, 1, memory_order_acq_rel) > 1)
		return;
	r->free_it(r->memory);
	free(r);
}

void retire(struct gateway *g, void *memory, void (*free_it)(void *memory))
{
	unsigned count = g->worker_count;
	struct retired *r;

	if (memory == NULL)
		return;
	if (!atomic_load_explicit(&g->running, memory_order_acquire)) {
		free_it(memory);
		return;
	}
	r = calloc(1, sizeof(*r) + count * sizeof(r->passing[0]));
	if (r == NULL) {
		log_error("memory.exhausted", "lost=%s", "retired"); /* better lost than freed too early */
		return;
	}
	r->memory = memory;
	r->free_it = free_it;
	atomic_store_explicit(&r->left, count, memory_order_relaxed);
	for (unsigned i = 0; i < count; i++) {
		r->passing[i] = (struct passing){ .task.run = pass, .loop = g->workers[i].loop, .retired = r };
		loop_post(r->passing[i].loop, &r->passing[i].task);
	}
}
