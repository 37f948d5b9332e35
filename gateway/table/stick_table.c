/* stick_table.c - tables of entries by key: finding, making, keeping and letting go. What entries hold is in stick_data.c. */
#include "gateway/table/stick_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "gateway/table/stick_entry.h"
#include "shared/base/clock.h"
#include "shared/base/log.h"

/* How many entries whose time is over go when a request comes by: more than it can add, so they cannot pile up. */
#define SWEEP_BY_REQUEST 4
/* And in stick_table_expire(), of each shard: what a lock is held for. */
#define SWEEP_AT_ONCE 256

struct stick_table *stick_table_create(const struct stick_options *o)
{
	struct stick_table *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		log_error("memory.exhausted", "bytes=%zu", sizeof(*t));
		abort();
	}
	assert(o->size > 0);
	assert((o->type != STICK_STRING && o->type != STICK_BINARY) || (o->key_len > 0 && o->key_len <= STICK_KEY_MOST));
	t->options = *o;
	t->seed = (struct siphash_seed){ .k0 = clock_random(), .k1 = clock_random() };
	for (unsigned i = 0; i < SHARDS_MOST; i++)
		pthread_mutex_init(&t->rates[i], NULL);
	stick_cells_lay_out(t);
	shards_init(&t->shards, o->size);
	return t;
}

static void entry_free(struct shard_node *n)
{
	free(n);
}

void stick_table_free(struct stick_table **t)
{
	if (*t == NULL)
		return;
	shards_destroy(&(*t)->shards, entry_free);
	for (unsigned i = 0; i < SHARDS_MOST; i++)
		pthread_mutex_destroy(&(*t)->rates[i]);
	free(*t);
	*t = NULL;
}

const struct stick_options *stick_table_options(const struct stick_table *t)
{
	return &t->options;
}

unsigned stick_table_used(const struct stick_table *t)
{
	return atomic_load(&t->shards.used);
}

/* --- letting go ---------------------------------------------------------------------------------- */

static struct stick_entry *entry_of(struct shard_node *n)
{
	return (struct stick_entry *)n; /* its first member */
}

bool stick_expired(const struct stick_table *t, const struct stick_entry *e, int64_t now_ms)
{
	return t->options.expire_ms > 0 && !e->tracked && now_ms - e->used_ms >= t->options.expire_ms;
}

void stick_take_out(struct stick_table *t, struct shard *shard, struct stick_entry *e, struct stick_gone *gone)
{
	assert(e->pins == 0);
	shard_remove(&t->shards, shard, &e->node);
	e->node.chain = gone->first == NULL ? NULL : &gone->first->node;
	gone->first = e;
	gone->count++;
}

void stick_gone_free(struct stick_table *t, struct stick_gone *gone)
{
	shards_unreserve(&t->shards, gone->count);
	while (gone->first != NULL) {
		struct stick_entry *e = gone->first;

		gone->first = e->node.chain == NULL ? NULL : entry_of(e->node.chain);
		free(e);
	}
	gone->count = 0;
}

/* Up to <most> of the oldest, when their time is over. The shard is locked. */
static void sweep(struct stick_table *t, struct shard *shard, int64_t now_ms, unsigned most, struct stick_gone *gone)
{
	struct shard_node *n = shard->oldest;

	while (n != NULL && most-- > 0 && stick_expired(t, entry_of(n), now_ms)) {
		struct stick_entry *e = entry_of(n);

		n = n->newer;
		if (e->pins == 0)
			stick_take_out(t, shard, e, gone);
	}
}

unsigned stick_table_expire(struct stick_table *t, int64_t now_ms)
{
	unsigned count = 0;

	for (unsigned i = 0; i < t->shards.count; i++) {
		struct shard *shard = &t->shards.at[i];
		struct stick_gone gone = { 0 };

		pthread_mutex_lock(&shard->lock);
		sweep(t, shard, now_ms, SWEEP_AT_ONCE, &gone);
		pthread_mutex_unlock(&shard->lock);
		count += gone.count;
		stick_gone_free(t, &gone);
	}
	return count;
}

/* What shards_reserve() asks about the oldest. */
struct purge {
	const struct stick_table *table;
	int64_t now_ms;
};

static bool may_go(const struct shard_node *n, void *arg)
{
	const struct stick_entry *e = (const struct stick_entry *)n;
	const struct purge *purge = arg;

	return e->pins == 0 && (!purge->table->options.nopurge || stick_expired(purge->table, e, purge->now_ms));
}

/* --- finding and making -------------------------------------------------------------------------- */

bool stick_lock(struct stick_table *t, const struct sample *key, struct stick_place *out)
{
	if (!stick_key_make(&t->options, key, &out->key))
		return false;
	out->hash = siphash(&t->seed, out->key.bytes);
	out->shard = shards_of(&t->shards, out->hash);
	pthread_mutex_lock(&out->shard->lock);
	return true;
}

struct stick_entry *stick_lookup(const struct stick_table *t, const struct stick_place *at)
{
	struct shard_node *n = shard_first(&t->shards, at->shard, at->hash);

	while (n != NULL && !slice_eq(stick_key_of(t, entry_of(n)), at->key.bytes))
		n = shard_next(n);
	return n == NULL ? NULL : entry_of(n);
}

struct stick_entry *stick_lookup_live(const struct stick_table *t, const struct stick_place *at, int64_t now_ms)
{
	struct stick_entry *e = stick_lookup(t, at);

	return e == NULL || stick_expired(t, e, now_ms) ? NULL : e;
}

/* Makes the caller one of those that track it. The shard is locked. */
static void track(struct stick_table *t, struct shard *shard, struct stick_entry *e, int64_t now_ms)
{
	if (stick_expired(t, e, now_ms))
		stick_cells_clear(t, e);
	shard_unqueue(shard, &e->node);
	e->tracked = true;
	e->pins++;
	if (e->used_ms < now_ms)
		e->used_ms = now_ms;
}

/* An entry that is in no table yet; NULL: no memory. */
static struct stick_entry *entry_create(const struct stick_table *t, const struct stick_place *at, int64_t now_ms)
{
	size_t cells = t->cells * sizeof(_Atomic uint64_t);
	struct slice key = at->key.bytes;
	struct stick_entry *e = malloc(sizeof(*e) + cells + key.len);

	if (e == NULL)
		return NULL;
	memset(e, 0, sizeof(*e) + cells);
	e->node.hash = at->hash;
	e->used_ms = now_ms;
	e->key_len = (unsigned)key.len;
	if (key.len > 0)
		memcpy((char *)e + sizeof(*e) + cells, key.ptr, key.len);
	return e;
}

/* A place in the full table: whoever may go makes room. No shard is locked. */
static bool make_room(struct stick_table *t, uint64_t hash, int64_t now_ms)
{
	struct purge purge = { .table = t, .now_ms = now_ms };
	struct shard_node *gone;
	bool made = shards_reserve(&t->shards, hash, may_go, &purge, &gone);

	free(gone);
	return made;
}

/* Adds the key, unless another thread was faster, and tracks it. */
static struct stick_entry *track_new(struct stick_table *t, const struct stick_place *at, int64_t now_ms)
{
	struct stick_entry *made = entry_create(t, at, now_ms), *found;
	bool reserved = false;

	if (made == NULL)
		return NULL;
	pthread_mutex_lock(&at->shard->lock);
	found = stick_lookup(t, at);
	if (found == NULL && !(reserved = shards_reserve_free(&t->shards))) {
		pthread_mutex_unlock(&at->shard->lock);
		reserved = make_room(t, at->hash, now_ms);
		pthread_mutex_lock(&at->shard->lock);
		found = stick_lookup(t, at);
	}
	if (found == NULL && reserved) {
		shard_add(&t->shards, at->shard, &made->node);
		found = made;
		made = NULL;
		reserved = false;
	}
	if (found != NULL)
		track(t, at->shard, found, now_ms);
	pthread_mutex_unlock(&at->shard->lock);
	free(made);
	if (reserved)
		shards_unreserve(&t->shards, 1);
	return found;
}

struct stick_entry *stick_track(struct stick_table *t, const struct sample *key, int64_t now_ms)
{
	struct stick_gone gone = { 0 };
	struct stick_place at;
	struct stick_entry *e;

	if (!stick_lock(t, key, &at))
		return NULL;
	e = stick_lookup(t, &at);
	if (e != NULL)
		track(t, at.shard, e, now_ms);
	sweep(t, at.shard, now_ms, SWEEP_BY_REQUEST, &gone);
	pthread_mutex_unlock(&at.shard->lock);
	stick_gone_free(t, &gone);
	return e != NULL ? e : track_new(t, &at, now_ms);
}

struct stick_entry *stick_find(struct stick_table *t, const struct sample *key, int64_t now_ms)
{
	struct stick_place at;
	struct stick_entry *e;

	if (!stick_lock(t, key, &at))
		return NULL;
	e = stick_lookup_live(t, &at, now_ms);
	if (e != NULL)
		e->pins++;
	pthread_mutex_unlock(&at.shard->lock);
	return e;
}

/* Who only found an entry cannot be told from who tracks it, and need not be: as long as one tracks it, it is in use. */
void stick_release(struct stick_table *t, struct stick_entry **e, int64_t now_ms)
{
	struct stick_entry *entry = *e;
	struct shard *shard = shards_of(&t->shards, entry->node.hash);

	*e = NULL;
	pthread_mutex_lock(&shard->lock);
	assert(entry->pins > 0);
	entry->pins--;
	if (entry->tracked && entry->used_ms < now_ms)
		entry->used_ms = now_ms;
	if (entry->tracked && entry->pins == 0) {
		entry->tracked = false;
		shard_touch(shard, &entry->node);
	}
	pthread_mutex_unlock(&shard->lock);
}

int64_t stick_idle_ms(struct stick_table *t, const struct stick_entry *e, int64_t now_ms)
{
	struct shard *shard = shards_of(&t->shards, e->node.hash);
	int64_t idle_ms;

	pthread_mutex_lock(&shard->lock);
	idle_ms = now_ms - e->used_ms;
	pthread_mutex_unlock(&shard->lock);
	return idle_ms > 0 ? idle_ms : 0;
}

unsigned stick_users(struct stick_table *t, const struct stick_entry *e)
{
	struct shard *shard = shards_of(&t->shards, e->node.hash);
	unsigned users;

	pthread_mutex_lock(&shard->lock);
	users = e->pins;
	pthread_mutex_unlock(&shard->lock);
	return users;
}
