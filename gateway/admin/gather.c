/* gather.c - a task for each worker, and one more for the first when the last of them has run. */
#include "gateway/admin/gather.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "gateway/admin/cli.h"
#include "gateway/loop/container.h"
#include "gateway/session/worker.h"

struct part {
	struct task task;
	struct gather *gather;
	struct worker *worker;
	struct buf out;      /* the worker's until <ready> */
	_Atomic bool ready;
};

struct gather {
	struct gather *next, **link; /* all that are under way */
	struct gateway *gateway;
	struct gather_job job;
	bool told;           /* done() was called, or nobody wants it any more */
	struct timer timer;
	struct task finish;  /* to the first worker, by whoever is last */
	_Atomic unsigned left;
	unsigned count;
	struct part parts[];
};

static void gather_free(struct gather *g)
{
	loop_cancel(worker_first(g->gateway)->loop, &g->timer);
	*g->link = g->next;
	if (g->next != NULL)
		g->next->link = g->link;
	for (unsigned i = 0; i < g->count; i++)
		buf_free(&g->parts[i].out);
	free(g);
}

static void tell(struct gather *g)
{
	if (!g->told) {
		g->told = true;
		g->job.done(g, &g->job);
	}
}

static void late(struct timer *t)
{
	tell(container_of(t, struct gather, timer));
}

static void finish(struct task *t)
{
	struct gather *g = container_of(t, struct gather, finish);

	tell(g);
	gather_free(g);
}

/* @thread: the part's worker. */
static void visit(struct task *t)
{
	struct part *p = container_of(t, struct part, task);
	struct gather *g = p->gather;

	g->job.visit(p->worker, &g->job, &p->out);
	atomic_store_explicit(&p->ready, true, memory_order_release);
	if (atomic_fetch_sub(&g->left, 1) == 1)
		loop_post(worker_first(g->gateway)->loop, &g->finish);
}

struct gather *gather_start(struct gateway *g, const struct gather_job *job)
{
	struct gather *new = calloc(1, sizeof(*new) + g->worker_count * sizeof(new->parts[0]));

	if (new == NULL)
		return NULL;
	new->gateway = g;
	new->job = *job;
	new->count = g->worker_count;
	new->left = g->worker_count;
	new->finish.run = finish;
	new->next = g->runtime->gathers;
	new->link = &g->runtime->gathers;
	if (new->next != NULL)
		new->next->link = &new->next;
	g->runtime->gathers = new;
	timer_init(&new->timer, late);
	loop_arm(worker_first(g)->loop, &new->timer, GATHER_WAIT_MS);
	for (unsigned i = 0; i < new->count; i++) {
		new->parts[i].task.run = visit;
		new->parts[i].gather = new;
		new->parts[i].worker = &g->workers[i];
		buf_init(&new->parts[i].out, GATHER_BYTES_MOST);
		loop_post(g->workers[i].loop, &new->parts[i].task);
	}
	return new;
}

void gather_abandon(struct gather *g)
{
	g->told = true;
}

struct slice gather_answer(const struct gather *g, unsigned i, bool *whole)
{
	*whole = false;
	if (!atomic_load_explicit(&g->parts[i].ready, memory_order_acquire))
		return SLICE_NONE;
	*whole = buf_ok(&g->parts[i].out);
	return buf_slice(&g->parts[i].out);
}

void gather_free_all(struct gateway *g)
{
	while (g->runtime->gathers != NULL)
		gather_free(g->runtime->gathers);
}
