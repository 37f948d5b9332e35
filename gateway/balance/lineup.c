/* lineup.c - which servers of a backend may be chosen, and the places at each. */
#include "gateway/balance/lineup.h"

#include <assert.h>
#include <stdlib.h>

#include "gateway/balance/picture.h"
#include "gateway/balance/queue.h"
#include "gateway/model/proxy.h"
#include "gateway/model/retire.h"
#include "shared/base/log.h"

/* Puts all usable servers that are no backups into <out>; when there is none the usable backups: the first one only, or all. */
static unsigned usable_ones(const struct backend *b, struct server **out)
{
	unsigned count = 0;

	for (struct server *s = b->servers; s != NULL; s = s->next) {
		if (!s->o.backup && server_usable(s))
			out[count++] = s;
	}
	if (count > 0)
		return count;
	for (struct server *s = b->servers; s != NULL && (count == 0 || b->all_backups); s = s->next) {
		if (s->o.backup && server_usable(s))
			out[count++] = s;
	}
	return count;
}

static struct lineup *picture_of(const struct proxy *backend, uint64_t turn)
{
	struct server **servers = calloc(backend->backend.server_count + 1, sizeof(*servers));
	struct lineup *l;

	if (servers == NULL)
		return NULL;
	l = picture_create(backend, servers, usable_ones(&backend->backend, servers), turn);
	free(servers);
	return l;
}

void lineup_rebuild(struct gateway *g, struct proxy *backend)
{
	struct backend *b = &backend->backend;
	struct lineup *old = atomic_load_explicit(&b->lineup, memory_order_acquire);
	struct lineup *now = picture_of(backend, old == NULL ? 0 : atomic_load_explicit(&old->turn, memory_order_relaxed));

	if (now == NULL) {
		/* The old picture stays: servers in it that are not usable any more are not taken, those that have come back wait
		 * for the next change. */
		log_error("memory.exhausted", "backend=%s", LOG_Q(backend->name));
		return;
	}
	atomic_store_explicit(&b->lineup, now, memory_order_release);
	retire(g, old, picture_free);
}

void lineup_free(struct proxy *backend)
{
	picture_free(atomic_exchange_explicit(&backend->backend.lineup, NULL, memory_order_acq_rel));
}

unsigned lineup_usable(const struct proxy *backend)
{
	const struct lineup *l = atomic_load_explicit(&backend->backend.lineup, memory_order_acquire);

	return l == NULL ? 0 : l->count;
}

static void note_most(struct server *s, unsigned served)
{
	unsigned most = atomic_load_explicit(&s->served_most, memory_order_relaxed);

	while (served > most && !atomic_compare_exchange_weak_explicit(&s->served_most, &most, served, memory_order_relaxed, memory_order_relaxed))
		;
}

/* Its accesses to s->served are in one order with those to the queue's counts, see queue.c. */
bool server_enter(struct server *s)
{
	unsigned places = picture_places(s), served = atomic_load(&s->served);

	do {
		if (places > 0 && served >= places)
			return false;
	} while (!atomic_compare_exchange_weak(&s->served, &served, served + 1));
	note_most(s, served + 1);
	return true;
}

void server_leave(struct gateway *g, struct server *s)
{
	unsigned served = atomic_fetch_sub(&s->served, 1);

	assert(served > 0);
	(void)served;
	if (atomic_load(&s->backend->backend.queued) > 0)
		queue_offer(g, s);
}
