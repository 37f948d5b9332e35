/* state.c - the one place where a server's state changes, with its consequences: line-up, queue, counts, log line.
 *
 * A server is down when its state (checks) or maintenance (an operator, the name) says so. One that comes back starts slowly when it is
 * to, but not at the start of the process.
 */
#include "gateway/model/state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/balance/lineup.h"
#include "gateway/balance/queue.h"
#include "gateway/conf/address.h"
#include "gateway/loop/container.h"
#include "gateway/model/life.h"
#include "gateway/model/proxy.h"
#include "gateway/model/retire.h"
#include "gateway/model/server_text.h"
#include "gateway/session/cut.h"
#include "gateway/session/worker.h"
#include "shared/base/clock.h"
#include "shared/base/log.h"

/* A slow start goes up in steps of a twentieth of its time, within these bounds. */
#define SLOW_STEPS 20
#define SLOW_STEP_LEAST_MS 100
#define SLOW_STEP_MOST_MS 1000

static int64_t now_ms(void)
{
	return clock_mono_us() / 1000;
}

static bool runs(const struct gateway *g)
{
	return atomic_load_explicit(&g->running, memory_order_acquire);
}

static bool is_down(const struct server *s)
{
	return atomic_load_explicit(&s->state, memory_order_relaxed) == SERVER_DOWN ||
	       (atomic_load_explicit(&s->admin, memory_order_relaxed) & SERVER_MAINT_ANY) != 0;
}

static struct server_before look(const struct server *s)
{
	return (struct server_before){
		.state = atomic_load_explicit(&s->state, memory_order_relaxed),
		.admin = atomic_load_explicit(&s->admin, memory_order_relaxed),
		.down = is_down(s),
		.usable = server_usable(s),
		.queued = atomic_load_explicit(&s->queued, memory_order_relaxed),
		.lineup = lineup_usable(s->backend),
	};
}

/* --- consequences --- */

static void offer_all(struct gateway *g, struct proxy *p)
{
	for (struct server *s = p->backend.servers; s != NULL; s = s->next)
		queue_offer(g, s);
}

/* Who may be chosen may be others now. */
static void reline(struct gateway *g, struct server *s, const struct server_before *before)
{
	struct proxy *p = s->backend;
	unsigned usable;

	lineup_rebuild(g, p);
	usable = lineup_usable(p);
	if ((before->lineup == 0) != (usable == 0))
		atomic_store_explicit(&p->backend.last_change_ms, now_ms(), memory_order_relaxed);
	if (before->usable && !server_usable(s))
		queue_dismiss(p, s);
	if (usable == 0)
		queue_dismiss(p, NULL);
	else
		offer_all(g, p);
}

/* "on-marked-down shutdown-sessions", "on-marked-up shutdown-backup-sessions" */
static void cut(struct gateway *g, const struct server *s, const struct server_before *before)
{
	if (!before->down && is_down(s) && s->o.shutdown_on_down)
		exchanges_cut(g, s, 'D');
	if (before->usable || !server_usable(s) || s->o.backup || !s->o.shutdown_backup_on_up)
		return;
	for (const struct server *other = s->backend->backend.servers; other != NULL; other = other->next) {
		if (other->o.backup)
			exchanges_cut(g, other, 'U');
	}
}

/* State or maintenance of <s> have changed. */
static void settle(struct gateway *g, struct server *s, const struct server_before *before)
{
	int64_t now = now_ms(), since = atomic_exchange_explicit(&s->changed_ms, now, memory_order_relaxed);

	if (before->down)
		tally_add(&s->down_ms, (uint64_t)(now - since));
	else if (is_down(s))
		tally_add(&s->downs, 1);
	reline(g, s, before);
	if (runs(g))
		cut(g, s, before);
}

/* --- tracking --- */

static enum server_state tracked_state(const struct server *s)
{
	int state = atomic_load_explicit(&s->state, memory_order_relaxed);

	return state == SERVER_STARTING ? SERVER_UP : (enum server_state)state;
}

/* Those that track <s> follow it, and so on: the configuration has no circles. */
static void lead(struct gateway *g, const struct server *s)
{
	unsigned admin = atomic_load_explicit(&s->admin, memory_order_relaxed), set = 0;

	if (admin & SERVER_MAINT_ANY)
		set |= SERVER_MAINT_TRACKED;
	if (admin & SERVER_DRAIN_ANY)
		set |= SERVER_DRAIN_TRACKED;
	for (struct server *t = s->trackers; t != NULL; t = t->next_tracker) {
		server_set_state(g, t, tracked_state(s), NULL);
		server_set_admin(g, t, set, (SERVER_MAINT_TRACKED | SERVER_DRAIN_TRACKED) & ~set);
	}
}

void servers_follow(struct gateway *g)
{
	for (struct proxy *p = g->config->proxies; p != NULL; p = p->next) {
		for (const struct server *s = p->backend.servers; s != NULL; s = s->next)
			lead(g, s);
	}
}

/* --- slow start --- */

static void slow_arm(struct server_life *life, int64_t now)
{
	int step_ms = life->server->o.slowstart_ms / SLOW_STEPS;
	int64_t left_ms = life->slow_from_ms + life->server->o.slowstart_ms - now;

	if (step_ms < SLOW_STEP_LEAST_MS)
		step_ms = SLOW_STEP_LEAST_MS;
	if (step_ms > SLOW_STEP_MOST_MS)
		step_ms = SLOW_STEP_MOST_MS;
	loop_arm(worker_first(life->gateway)->loop, &life->slow, left_ms < step_ms ? (int)left_ms : step_ms);
}

static void slow_end(struct server *s)
{
	loop_cancel(worker_first(s->life->gateway)->loop, &s->life->slow);
	atomic_store(&s->slow_percent, 100);
}

static void slow_step(struct timer *t)
{
	struct server_life *life = container_of(t, struct server_life, slow);
	struct server *s = life->server;
	struct server_before before = look(s);
	int64_t now = now_ms(), percent = (now - life->slow_from_ms) * 100 / s->o.slowstart_ms;

	if (percent >= 100) {
		atomic_store_explicit(&s->state, SERVER_UP, memory_order_relaxed);
		slow_end(s);
	} else {
		atomic_store(&s->slow_percent, percent < 1 ? 1 : (unsigned)percent);
		slow_arm(life, now);
	}
	reline(life->gateway, s, &before);
}

/* To SERVER_UP, or SERVER_STARTING first; a tracking one to what the other is. */
static void come_up(struct gateway *g, struct server *s, const struct server_before *before)
{
	if (s->tracks != NULL && tracked_state(s->tracks) != SERVER_UP) {
		atomic_store_explicit(&s->state, tracked_state(s->tracks), memory_order_relaxed);
		return;
	}
	atomic_store_explicit(&s->state, SERVER_UP, memory_order_relaxed);
	if (s->o.slowstart_ms <= 0 || !before->down || is_down(s) || !runs(g))
		return;
	atomic_store_explicit(&s->state, SERVER_STARTING, memory_order_relaxed);
	atomic_store(&s->slow_percent, 1);
	s->life->slow_from_ms = now_ms();
	slow_arm(s->life, s->life->slow_from_ms);
}

/* --- changes --- */

void server_set_state(struct gateway *g, struct server *s, enum server_state to, const char *why)
{
	struct server_before before = look(s);

	assert(to != SERVER_STARTING); /* that is decided here */
	if ((int)to == before.state || (to == SERVER_UP && before.state == SERVER_STARTING))
		return;
	if (before.state == SERVER_STARTING)
		slow_end(s);
	if (to == SERVER_UP)
		come_up(g, s, &before);
	else
		atomic_store_explicit(&s->state, to, memory_order_relaxed);
	settle(g, s, &before);
	if (runs(g)) {
		server_log_state(g, s, &before, why);
		server_log_backend(g, s, &before);
	}
	lead(g, s);
}

void server_set_admin(struct gateway *g, struct server *s, unsigned set, unsigned clear)
{
	struct server_before before = look(s);
	unsigned admin = (before.admin | set) & ~clear;

	if (admin == before.admin)
		return;
	atomic_store_explicit(&s->admin, admin, memory_order_relaxed);
	if (is_down(s) && before.state == SERVER_STARTING) {
		slow_end(s);
		atomic_store_explicit(&s->state, SERVER_UP, memory_order_relaxed);
	} else if ((before.admin & SERVER_MAINT_ANY) != 0 && (admin & SERVER_MAINT_ANY) == 0 && runs(g)) {
		come_up(g, s, &before);
	}
	settle(g, s, &before);
	if (runs(g)) {
		server_log_admin(g, s, &before);
		server_log_backend(g, s, &before);
	}
	lead(g, s);
}

void server_set_weight(struct gateway *g, struct server *s, unsigned weight)
{
	struct server_before before = look(s);

	assert(weight <= SERVER_WEIGHT_MOST);
	if (atomic_exchange_explicit(&s->weight, weight, memory_order_relaxed) == weight)
		return;
	reline(g, s, &before);
	if (runs(g))
		server_log_backend(g, s, &before);
}

void server_set_maxconn(struct gateway *g, struct server *s, unsigned maxconn)
{
	atomic_store(&s->maxconn, maxconn);
	queue_offer(g, s);
}

/* --- addresses --- */

static bool address_is(const struct server_address *a, const struct sockaddr *sa, socklen_t len)
{
	return a != NULL && a->len == len && memcmp(&a->sa, sa, len) == 0;
}

/* Replaces it; false when there is no memory: it stays as it was. */
static bool address_put(struct gateway *g, struct server *s, const struct sockaddr *sa, socklen_t len)
{
	struct server_address *now = NULL, *old;

	assert(len <= sizeof(now->sa));
	if (sa != NULL) {
		now = calloc(1, sizeof(*now));
		if (now == NULL) {
			log_error("memory.exhausted", "server=%s", LOG_Q(s->name));
			return false;
		}
		memcpy(&now->sa, sa, len);
		now->len = len;
	}
	old = atomic_exchange_explicit(&s->address, now, memory_order_acq_rel);
	if (runs(g) && old != NULL && now != NULL)
		server_log_address(g, s, old, now);
	retire(g, old, free);
	return true;
}

void server_set_address(struct gateway *g, struct server *s, const struct sockaddr *sa, socklen_t len)
{
	if (sa == NULL) {
		/* First nobody chooses it any more, then its address goes. */
		server_set_admin(g, s, SERVER_MAINT_NAME, 0);
		address_put(g, s, NULL, 0);
	} else if (address_is(atomic_load_explicit(&s->address, memory_order_relaxed), sa, len) || address_put(g, s, sa, len)) {
		server_set_admin(g, s, 0, SERVER_MAINT_NAME);
	}
}

/* --- begin and end --- */

static void server_begin(struct gateway *g, struct server *s)
{
	unsigned admin = s->o.disabled ? SERVER_MAINT_CONFIG : 0;
	struct sockaddr_storage sa;
	socklen_t len;

	s->life = arena_alloc(g->config->arena, sizeof(*s->life));
	if (s->life == NULL || (address_of_host(s->host, s->port, &sa, &len) && !address_put(g, s, (struct sockaddr *)&sa, len))) {
		log_error("memory.exhausted", "what=%s", "servers");
		abort();
	}
	s->life->gateway = g;
	s->life->server = s;
	s->life->blamed.run = server_blamed;
	timer_init(&s->life->slow, slow_step);
	if (atomic_load_explicit(&s->address, memory_order_relaxed) == NULL)
		admin |= SERVER_MAINT_NAME; /* until it is looked up */
	atomic_store_explicit(&s->state, SERVER_UP, memory_order_relaxed);
	atomic_store_explicit(&s->admin, admin, memory_order_relaxed);
	atomic_store_explicit(&s->weight, s->o.weight, memory_order_relaxed);
	atomic_store_explicit(&s->slow_percent, 100, memory_order_relaxed);
	atomic_store_explicit(&s->maxconn, s->o.maxconn, memory_order_relaxed);
	atomic_store_explicit(&s->changed_ms, now_ms(), memory_order_relaxed);
}

void server_states_begin(struct gateway *g)
{
	for (struct proxy *p = g->config->proxies; p != NULL; p = p->next) {
		if (p->backend.queue == NULL)
			p->backend.queue = queue_create();
		for (struct server *s = p->backend.servers; s != NULL; s = s->next)
			server_begin(g, s);
		atomic_store_explicit(&p->backend.last_change_ms, now_ms(), memory_order_relaxed);
		lineup_rebuild(g, p);
	}
	servers_follow(g);
}

void server_states_end(struct gateway *g)
{
	for (struct proxy *p = g->config->proxies; p != NULL; p = p->next) {
		for (struct server *s = p->backend.servers; s != NULL; s = s->next)
			free(atomic_exchange_explicit(&s->address, NULL, memory_order_relaxed));
		lineup_free(p);
		queue_free(&p->backend.queue);
	}
}
