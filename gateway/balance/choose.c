/* choose.c - the choice of a server: one function per algorithm of "balance" (manual, "balance", "hash-type", "hash-balance-factor").
 *
 * A choice only reads the picture and the servers' counts. It may be a moment behind other threads: what it picks is taken only if
 * it is still usable and has a place, else the turn goes on.
 */
#include "gateway/balance/lineup.h"

#include "gateway/balance/key.h"
#include "gateway/balance/picture.h"
#include "gateway/balance/queue.h"
#include "gateway/model/proxy.h"
#include "gateway/session/exchange.h"
#include "gateway/session/worker.h"

/* Points of the ring that are looked at for one that may be taken; then it goes by turns. */
#define POINTS_TRIED 1024
/* "random(<draws>)" may ask for any number; with so many it is leastconn in all but name. */
#define DRAWS_MOST 256

static unsigned served_at(const struct server *s)
{
	return atomic_load_explicit(&s->served, memory_order_relaxed);
}

static unsigned queued_at(const struct server *s)
{
	return atomic_load_explicit(&s->queued, memory_order_relaxed);
}

/* Takes a place at <s> unless it is full, or others wait for one already. */
static bool take(struct server *s, struct server **out)
{
	if (!server_usable(s))
		return false;
	if (atomic_load_explicit(&s->maxconn, memory_order_relaxed) > 0 && queue_waits_for(s))
		return false;
	if (!server_enter(s))
		return false;
	*out = s;
	return true;
}

static uint64_t next_turn(struct lineup *l)
{
	return atomic_fetch_add_explicit(&l->turn, 1, memory_order_relaxed);
}

/* No other server has a place: <avoid>, if it has one; else there is waiting to do. */
static enum choice choose_rest(const struct lineup *l, const struct server *avoid, struct server **out)
{
	enum choice rest = CHOICE_NONE;

	for (unsigned i = 0; i < l->count; i++) {
		struct server *s = l->entries[i].server;

		if (s == avoid && take(s, out))
			return CHOICE_SERVER;
		if (server_usable(s))
			rest = CHOICE_QUEUE;
	}
	return rest;
}

/* roundrobin and static-rr, and what the others fall back on. Each try takes a turn, so that the turns of a server that is full
 * are shared by all others and not only by the one behind it. */
static enum choice choose_in_turn(struct lineup *l, const struct server *avoid, struct server **out)
{
	uint64_t turn = 0;

	for (unsigned tries = 0; tries < l->count; tries++) {
		struct server *s;

		turn = next_turn(l);
		s = l->entries[l->sequence[turn % l->sequence_len]].server;
		if (s != avoid && take(s, out))
			return CHOICE_SERVER;
	}
	/* Servers whose turns are rare may not have been among them. */
	for (unsigned i = 0; i < l->count; i++) {
		struct server *s = l->entries[(turn + i) % l->count].server;

		if (s != avoid && take(s, out))
			return CHOICE_SERVER;
	}
	return choose_rest(l, avoid, out);
}

/* first: the one with the lowest id that has a place. */
static enum choice choose_first(const struct lineup *l, const struct server *avoid, struct server **out)
{
	for (unsigned i = 0; i < l->count; i++) {
		struct server *s = l->entries[i].server;

		if (s != avoid && take(s, out))
			return CHOICE_SERVER;
	}
	return choose_rest(l, avoid, out);
}

/* --- by load --- */

/* Load if one more came, for its weight; a server without any is lighter than all others, whatever their weights. */
static bool lighter(const struct lineup_entry *a, const struct lineup_entry *b)
{
	uint64_t load_a = (uint64_t)served_at(a->server) + queued_at(a->server);
	uint64_t load_b = (uint64_t)served_at(b->server) + queued_at(b->server);

	load_a += load_a > 0;
	load_b += load_b > 0;
	return load_a * b->weight < load_b * a->weight;
}

/* With "maxqueue" a server may be chosen although it is full: it is waited for. */
static bool has_room(const struct server *s)
{
	uint64_t places = picture_places(s);

	return server_usable(s) && (places == 0 || (uint64_t)served_at(s) + queued_at(s) < places + s->o.maxqueue);
}

static enum choice choose_least(struct lineup *l, const struct server *avoid, struct server **out)
{
	unsigned at = (unsigned)(next_turn(l) % l->count); /* so that servers of the same load take turns */
	const struct lineup_entry *best = NULL;

	for (unsigned i = 0; i < l->count; i++) {
		const struct lineup_entry *e = &l->entries[at];

		at = at + 1 == l->count ? 0 : at + 1;
		if (e->server != avoid && has_room(e->server) && (best == NULL || lighter(e, best)))
			best = e;
	}
	if (best == NULL)
		return choose_rest(l, avoid, out);
	if (take(best->server, out))
		return CHOICE_SERVER;
	if (best->server->o.maxqueue == 0)
		return choose_in_turn(l, avoid, out); /* another thread took its last place */
	*out = best->server;
	return CHOICE_QUEUE;
}

static uint64_t served_by_all(const struct lineup *l)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < l->count; i++)
		total += served_at(l->entries[i].server);
	return total;
}

/* hash-balance-factor: whether one more, of <total> and one, leaves <e> below that many percent of its part, rounded up. */
static bool within_bound(const struct lineup *l, const struct lineup_entry *e, uint64_t total, unsigned factor)
{
	uint64_t places = picture_places(e->server), served = served_at(e->server);
	uint64_t whole = 100 * l->weight, part = (total + 1) * factor * e->weight;

	return (places == 0 || served < places) && served < (part + whole - 1) / whole;
}

static enum choice choose_random(struct lineup *l, struct worker *w, const struct balance *b, const struct server *avoid,
				 struct server **out)
{
	uint64_t total = b->hash_factor > 0 ? served_by_all(l) : 0;
	unsigned draws = b->draws == 0 ? 1 : b->draws > DRAWS_MOST ? DRAWS_MOST : b->draws;
	const struct lineup_entry *best = NULL;

	while (draws-- > 0) {
		const struct lineup_entry *e = &l->entries[l->sequence[worker_random(w) % l->sequence_len]];

		if (e->server == avoid || (b->hash_factor > 0 && !within_bound(l, e, total, b->hash_factor)))
			continue;
		if (best == NULL || lighter(e, best))
			best = e;
	}
	if (best != NULL && take(best->server, out))
		return CHOICE_SERVER;
	return choose_in_turn(l, avoid, out);
}

/* --- by hash --- */

static const struct lineup_entry *on_map(const struct lineup *l, uint32_t hash, const struct server *avoid)
{
	unsigned at = hash % l->sequence_len;

	for (unsigned i = 0; i < l->sequence_len; i++) {
		const struct lineup_entry *e = &l->entries[l->sequence[at]];

		if (e->server != avoid)
			return e;
		at = at + 1 == l->sequence_len ? 0 : at + 1;
	}
	return NULL;
}

/* The point of the ring nearest to <hash>, on either side. */
static unsigned nearest_point(const struct lineup *l, uint32_t hash)
{
	unsigned from = 0, to = l->point_count, behind, before;

	while (from < to) {
		unsigned middle = from + (to - from) / 2;

		if (l->points[middle].key < hash)
			from = middle + 1;
		else
			to = middle;
	}
	behind = from == l->point_count ? 0 : from;
	before = behind == 0 ? l->point_count - 1 : behind - 1;
	return hash - l->points[before].key <= l->points[behind].key - hash ? before : behind;
}

static const struct lineup_entry *on_ring(const struct lineup *l, uint32_t hash, const struct server *avoid, unsigned factor)
{
	uint64_t total = factor > 0 ? served_by_all(l) : 0;
	unsigned at = nearest_point(l, hash);

	for (unsigned i = 0; i < l->point_count && i < POINTS_TRIED; i++) {
		const struct lineup_entry *e = &l->entries[l->points[at].entry];

		if (e->server != avoid && (factor == 0 || within_bound(l, e, total, factor)))
			return e;
		at = at + 1 == l->point_count ? 0 : at + 1;
	}
	return NULL;
}

/* A request whose server is full waits for it, as in HAProxy also with "option redispatch"; unless its queue is full as well
 * or the load is to be shared out. */
static enum choice choose_hashed(struct lineup *l, uint32_t hash, const struct balance *b, const struct server *avoid, struct server **out)
{
	const struct lineup_entry *e = b->consistent ? on_ring(l, hash, avoid, b->hash_factor) : on_map(l, hash, avoid);

	if (e == NULL)
		return choose_in_turn(l, avoid, out);
	if (take(e->server, out))
		return CHOICE_SERVER;
	if (!server_usable(e->server) || (b->consistent && b->hash_factor > 0))
		return choose_in_turn(l, avoid, out);
	if (e->server->o.maxqueue > 0 && queued_at(e->server) >= e->server->o.maxqueue)
		return choose_in_turn(l, avoid, out);
	*out = e->server;
	return CHOICE_QUEUE;
}

enum choice lineup_choose(struct exchange *x, const struct server *avoid, struct server **out)
{
	struct lineup *l = atomic_load_explicit(&x->backend->backend.lineup, memory_order_acquire);
	const struct balance *b = &x->backend->backend.balance;
	uint32_t hash;

	*out = NULL;
	if (l == NULL || l->count == 0)
		return CHOICE_NONE;
	switch (b->kind) {
	case BALANCE_ROUNDROBIN:
	case BALANCE_STATIC_RR:
		return choose_in_turn(l, avoid, out);
	case BALANCE_LEASTCONN:
		return choose_least(l, avoid, out);
	case BALANCE_FIRST:
		return choose_first(l, avoid, out);
	case BALANCE_RANDOM:
		return choose_random(l, x->worker, b, avoid, out);
	default:
		if (key_hash(x, &hash))
			return choose_hashed(l, hash, b, avoid, out);
		return choose_in_turn(l, avoid, out);
	}
}
