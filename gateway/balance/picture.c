/* picture.c - makes the tables that a choice is read from: the order of turns, and the ring of consistent hashing. */
#include "gateway/balance/picture.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/balance/keyhash.h"
#include "gateway/model/proxy.h"

/* static-rr and hashes on a map keep the weights of the file, as the manual says: the map would change with each step. */
static bool is_static(const struct balance *b)
{
	switch (b->kind) {
	case BALANCE_ROUNDROBIN:
	case BALANCE_LEASTCONN:
	case BALANCE_FIRST:
	case BALANCE_RANDOM:
		return false;
	case BALANCE_STATIC_RR:
		return true;
	default:
		return !b->consistent;
	}
}

static bool is_ring(const struct balance *b)
{
	return b->consistent && b->kind >= BALANCE_SOURCE && b->kind != BALANCE_RANDOM;
}

static unsigned weight_of(const struct balance *b, const struct server *s)
{
	unsigned now = atomic_load_explicit(&s->weight, memory_order_relaxed);

	if (is_static(b))
		return 100 * (s->o.weight > 0 ? s->o.weight : now);
	now *= atomic_load_explicit(&s->slow_percent, memory_order_relaxed);
	return now > 0 ? now : 1;
}

/* --- the order of turns --- */

static unsigned common_divisor(unsigned a, unsigned b)
{
	while (b > 0) {
		unsigned rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* Each entry's share of the sequence: its weight without what all have in common, scaled down where that is too much. The sum. */
static unsigned shares_set(struct lineup *l)
{
	unsigned common = 0, sum = 0;

	for (unsigned i = 0; i < l->count; i++)
		common = common_divisor(l->entries[i].weight, common);
	for (unsigned i = 0; i < l->count; i++) {
		struct lineup_entry *e = &l->entries[i];

		e->share = e->weight / common;
		if (l->weight / common > SEQUENCE_MOST)
			e->share = (unsigned)((e->weight * (uint64_t)SEQUENCE_MOST + l->weight / 2) / l->weight);
		if (e->share == 0)
			e->share = 1;
		sum += e->share;
	}
	return sum;
}

/* In each turn every server earns its share, and the one whose turn it is pays the sum of all. It is the first that can pay, else the
 * first that is not in debt. This gives the order of HAProxy's static-rr and so the same map for hashes. */
static void sequence_fill(struct lineup *l)
{
	int64_t sum = l->sequence_len;

	for (unsigned turn = 0; turn < l->sequence_len; turn++) {
		unsigned best = 0;
		int best_rank = -1;

		for (unsigned i = 0; i < l->count; i++) {
			struct lineup_entry *e = &l->entries[i];
			int rank;

			e->credit += e->share;
			rank = e->credit >= sum ? 2 : e->credit >= 0 ? 1 : 0;
			if (rank > best_rank) {
				best_rank = rank;
				best = i;
			}
		}
		l->entries[best].credit -= sum;
		l->sequence[turn] = best;
	}
}

/* --- the ring --- */

/* By how many bits the points of all servers are too many. It counts servers that are down as well, so that no key moves because of
 * the bound when one of them comes or goes. */
static unsigned points_shift(const struct backend *b)
{
	uint64_t points = 0;
	unsigned shift = 0;

	for (const struct server *s = b->servers; s != NULL; s = s->next)
		points += POINTS_PER_WEIGHT * (uint64_t)atomic_load_explicit(&s->weight, memory_order_relaxed);
	while (points >> shift > POINTS_MOST)
		shift++;
	return shift;
}

static unsigned points_of(const struct lineup_entry *e, unsigned shift)
{
	unsigned points = e->weight * POINTS_PER_WEIGHT / 100 >> shift;

	return points > 0 ? points : 1;
}

static int by_key(const void *a, const void *b)
{
	const struct lineup_point *p = a, *q = b;

	if (p->key != q->key)
		return p->key < q->key ? -1 : 1;
	return p->entry < q->entry ? -1 : p->entry > q->entry;
}

/* A server's points depend on its id alone, and with less weight it has the first of them: so nothing else moves. */
static void points_fill(struct lineup *l, unsigned shift)
{
	struct lineup_point *p = l->points;

	for (unsigned i = 0; i < l->count; i++) {
		uint32_t first = l->entries[i].server->id * (SERVER_WEIGHT_MOST * POINTS_PER_WEIGHT);

		for (unsigned n = 0; n < points_of(&l->entries[i], shift); n++)
			*p++ = (struct lineup_point){ .key = keyhash_avalanche(first + n), .entry = i };
	}
	qsort(l->points, l->point_count, sizeof(l->points[0]), by_key);
}

/* --- all of it --- */

static int by_id(const void *a, const void *b)
{
	const struct lineup_entry *p = a, *q = b;

	return p->server->id < q->server->id ? -1 : p->server->id > q->server->id;
}

static bool entries_make(struct lineup *l, const struct balance *b, struct server *const *servers)
{
	l->entries = calloc(l->count + 1, sizeof(l->entries[0]));
	if (l->entries == NULL)
		return false;
	for (unsigned i = 0; i < l->count; i++) {
		l->entries[i] = (struct lineup_entry){ .server = servers[i], .weight = weight_of(b, servers[i]) };
		l->weight += l->entries[i].weight;
	}
	if (b->kind == BALANCE_FIRST)
		qsort(l->entries, l->count, sizeof(l->entries[0]), by_id);
	return true;
}

static bool tables_make(struct lineup *l, const struct backend *b)
{
	unsigned shift = points_shift(b);

	l->sequence_len = shares_set(l);
	l->sequence = calloc(l->sequence_len + 1, sizeof(l->sequence[0]));
	if (l->sequence == NULL)
		return false;
	sequence_fill(l);
	if (!is_ring(&b->balance))
		return true;
	for (unsigned i = 0; i < l->count; i++)
		l->point_count += points_of(&l->entries[i], shift);
	l->points = calloc(l->point_count + 1, sizeof(l->points[0]));
	if (l->points == NULL)
		return false;
	points_fill(l, shift);
	return true;
}

struct lineup *picture_create(const struct proxy *backend, struct server *const *servers, unsigned count, uint64_t turn)
{
	struct lineup *l = aligned_alloc(alignof(struct lineup), sizeof(*l));

	if (l == NULL)
		return NULL;
	memset(l, 0, sizeof(*l));
	atomic_store_explicit(&l->turn, turn, memory_order_relaxed);
	l->count = count;
	if (!entries_make(l, &backend->backend.balance, servers) || !tables_make(l, &backend->backend)) {
		picture_free(l);
		return NULL;
	}
	return l;
}

void picture_free(void *picture)
{
	struct lineup *l = picture;

	if (l == NULL)
		return;
	free(l->entries);
	free(l->sequence);
	free(l->points);
	free(l);
}
