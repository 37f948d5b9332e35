/* observe.c - what exchanges see of a server ("observe", "error-limit", "on-error"): counted by all threads, acted upon by the first. */
#include "gateway/model/state.h"

#include "gateway/health/health.h"
#include "gateway/loop/container.h"
#include "gateway/model/life.h"
#include "gateway/session/worker.h"

#define ERROR_LIMIT 10 /* unless given */

/* 1: a good sign, -1: a bad one, 0: says nothing at this layer. A connection that stands says nothing about HTTP. */
static int sign_of(enum server_observe layer, enum server_sight what)
{
	switch (what) {
	case SIGHT_CONNECTED:
		return layer == OBSERVE_LAYER4 ? 1 : 0;
	case SIGHT_CONNECT_FAILED:
		return -1;
	case SIGHT_RESPONSE_OK:
		return layer == OBSERVE_LAYER7 ? 1 : 0;
	case SIGHT_RESPONSE_BAD:
		return layer == OBSERVE_LAYER7 ? -1 : 0;
	}
	return 0;
}

void server_report(struct gateway *g, struct server *s, enum server_sight what)
{
	int sign = s->o.observe == OBSERVE_NOTHING || !s->o.check ? 0 : sign_of(s->o.observe, what);
	unsigned limit = s->o.error_limit > 0 ? s->o.error_limit : ERROR_LIMIT;

	if (sign == 0)
		return;
	if (sign > 0) {
		if (atomic_load_explicit(&s->errors_in_row, memory_order_relaxed) > 0)
			atomic_store_explicit(&s->errors_in_row, 0, memory_order_relaxed);
		return;
	}
	if (atomic_fetch_add_explicit(&s->errors_in_row, 1, memory_order_relaxed) + 1 < limit)
		return;
	atomic_store_explicit(&s->errors_in_row, 0, memory_order_relaxed);
	loop_post(worker_first(g)->loop, &s->life->blamed);
}

void server_blamed(struct task *t)
{
	struct server_life *life = container_of(t, struct server_life, blamed);

	health_blame(life->gateway, life->server, life->server->o.on_error);
}
