/* status_change.c - what the form of the status page changes: carried out by the first worker, and told to the asker. */
#include "gateway/admin/status_change.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/health/health.h"
#include "gateway/loop/container.h"
#include "gateway/model/server_text.h"
#include "gateway/model/state.h"
#include "gateway/session/cut.h"
#include "gateway/session/worker.h"

struct status_change {
	struct task task; /* on its way to the first worker, and back */
	struct gateway *gateway;
	struct loop *home;
	enum status_action action;
	enum status_outcome outcome;
	/* The home thread's. */
	struct status_order *order;
	void (*done)(void *owner, struct status_order *order, enum status_outcome outcome);
	void *owner; /* NULL: it has left */
	unsigned unknown, count;
	struct server *servers[];
};

static const struct {
	const char *word, *label;
} actions[STATUS_ACTION_COUNT] = {
	[STATUS_READY] = { "ready", "Set to READY" },
	[STATUS_DRAIN] = { "drain", "Set to DRAIN" },
	[STATUS_MAINT] = { "maint", "Set to MAINT" },
	[STATUS_CHECKS_OFF] = { "dhlth", "Checks: disable" },
	[STATUS_CHECKS_ON] = { "ehlth", "Checks: enable" },
	[STATUS_CHECKS_UP] = { "hrunn", "Checks: force up" },
	[STATUS_CHECKS_STOPPING] = { "hnolb", "Checks: force stopping" },
	[STATUS_CHECKS_DOWN] = { "hdown", "Checks: force down" },
	[STATUS_SHUTDOWN] = { "shutdown", "Cut all sessions" },
	[STATUS_ENABLE] = { "enable", NULL },
	[STATUS_DISABLE] = { "disable", NULL },
	[STATUS_START] = { "start", NULL },
	[STATUS_STOP] = { "stop", NULL },
};

const char *status_action_word(enum status_action a)
{
	return actions[a].word;
}

const char *status_action_label(enum status_action a)
{
	return actions[a].label;
}

bool status_action_of(struct slice word, enum status_action *out)
{
	for (unsigned a = 0; a < STATUS_ACTION_COUNT; a++) {
		if (slice_eq(word, slice_str(actions[a].word))) {
			*out = (enum status_action)a;
			return true;
		}
	}
	return false;
}

/* ---- on the first worker ---- */

/* What ends its maintenance, and what its draining: false: it was not in it. */
static bool end_admin(struct gateway *g, struct server *s, unsigned bits)
{
	if ((atomic_load_explicit(&s->admin, memory_order_relaxed) & bits) == 0)
		return false;
	server_set_admin(g, s, 0, bits);
	return true;
}

static bool begin_admin(struct gateway *g, struct server *s, unsigned set, unsigned clear)
{
	server_set_admin(g, s, set, clear);
	return true;
}

#define MAINT_BY_HAND (SERVER_MAINT | SERVER_MAINT_CONFIG)

/* False: there was nothing to change: it is so already, or has no checks. */
static bool apply(struct gateway *g, struct server *s, enum status_action action)
{
	switch (action) {
	case STATUS_READY:
		return begin_admin(g, s, 0, MAINT_BY_HAND | SERVER_DRAIN);
	case STATUS_DRAIN:
		return begin_admin(g, s, SERVER_DRAIN, MAINT_BY_HAND);
	case STATUS_MAINT:
		return begin_admin(g, s, SERVER_MAINT, SERVER_DRAIN);
	case STATUS_CHECKS_OFF:
		return health_set_enabled(g, s, false);
	case STATUS_CHECKS_ON:
		return health_set_enabled(g, s, true);
	case STATUS_CHECKS_UP:
		return health_force(g, s, SERVER_UP);
	case STATUS_CHECKS_STOPPING:
		return health_force(g, s, SERVER_STOPPING);
	case STATUS_CHECKS_DOWN:
		return health_force(g, s, SERVER_DOWN);
	case STATUS_SHUTDOWN:
		exchanges_cut(g, s, 'K');
		return true;
	case STATUS_ENABLE:
		return end_admin(g, s, MAINT_BY_HAND);
	case STATUS_DISABLE:
		return begin_admin(g, s, SERVER_MAINT, 0);
	case STATUS_START:
		return end_admin(g, s, SERVER_DRAIN);
	case STATUS_STOP:
		return begin_admin(g, s, SERVER_DRAIN, 0);
	case STATUS_ACTION_COUNT:
		break;
	}
	return false;
}

static enum status_outcome outcome_of(unsigned tried, unsigned changed)
{
	if (tried == 0)
		return STATUS_NOTHING;
	if (changed == 0)
		return STATUS_ERROR;
	return changed == tried ? STATUS_DONE : STATUS_PARTLY;
}

static void come_back(struct task *t)
{
	struct status_change *c = container_of(t, struct status_change, task);

	if (c->owner != NULL)
		c->done(c->owner, c->order, c->outcome);
	free(c);
}

/* @thread: the first worker's. */
static void carry_out(struct task *t)
{
	struct status_change *c = container_of(t, struct status_change, task);
	unsigned changed = 0;

	for (unsigned i = 0; i < c->count; i++)
		changed += apply(c->gateway, c->servers[i], c->action);
	c->outcome = outcome_of(changed + c->unknown, changed);
	c->task.run = come_back;
	loop_post(c->home, &c->task);
}

/* ---- on the asker's thread ---- */

struct status_change *status_change_start(struct worker *w, struct status_order *order,
					  void (*done)(void *owner, struct status_order *order, enum status_outcome outcome), void *owner)
{
	struct status_change *c = calloc(1, sizeof(*c) + order->count * sizeof(c->servers[0]));

	if (c == NULL)
		return NULL;
	c->task.run = carry_out;
	c->gateway = w->gateway;
	c->home = w->loop;
	c->action = order->action;
	c->unknown = order->unknown;
	c->order = order;
	c->done = done;
	c->owner = owner;
	c->count = order->count;
	if (order->count > 0)
		memcpy(c->servers, order->servers, order->count * sizeof(c->servers[0]));
	loop_post(worker_first(w->gateway)->loop, &c->task);
	return c;
}

void status_change_abandon(struct status_change **c)
{
	if (*c != NULL)
		(*c)->owner = NULL;
	*c = NULL;
}
