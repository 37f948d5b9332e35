/* tokens.c - the facts that answers to tokens have made: kept, added to requests, dropped in time. */
#include "gateway/table/tokens.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "gateway/table/token_entry.h"
#include "shared/base/log.h"

#define ROOM_FIRST 4

/* Buckets that are swept when a request comes by (more than it can fill), and of each shard in token_table_expire(). */
#define SWEEP_BY_REQUEST 2
#define SWEEP_AT_ONCE 1024

static void count(_Atomic uint64_t *counter, uint64_t more)
{
	if (more > 0)
		atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

static uint64_t counted(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

struct token_table *token_table_create(unsigned users_most, int64_t now_ms)
{
	struct token_table *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		log_error("memory.exhausted", "bytes=%zu", sizeof(*t));
		abort();
	}
	shards_init(&t->shards, users_most);
	t->heard_ms = now_ms;
	for (int i = 0; i < FACT_DOMAINS; i++)
		t->named_ms[i] = now_ms;
	return t;
}

static void token_free(struct shard_node *n)
{
	struct token *token = (struct token *)n; /* its first member */

	if (token == NULL)
		return;
	free(token->list.facts);
	free(token);
}

void token_table_free(struct token_table **t)
{
	if (*t == NULL)
		return;
	shards_destroy(&(*t)->shards, token_free);
	free(*t);
	*t = NULL;
}

struct token_counts token_table_counts(const struct token_table *t)
{
	return (struct token_counts){
		.users = atomic_load(&t->shards.used),
		.facts = counted(&t->facts),
		.expired = counted(&t->expired),
		.malformed = counted(&t->malformed),
		.facts_dropped = counted(&t->facts_dropped),
		.users_dropped = counted(&t->users_dropped),
	};
}

/* --- ageing -------------------------------------------------------------------------------------- */

static int64_t heard(const _Atomic int64_t *at)
{
	return atomic_load_explicit(at, memory_order_relaxed);
}

/* Of two threads at once the earlier may win: a millisecond or two. */
static void hear(_Atomic int64_t *at, int64_t now_ms)
{
	if (heard(at) < now_ms)
		atomic_store_explicit(at, now_ms, memory_order_relaxed);
}

void tokens_hear(struct token_table *t, const bool named[FACT_DOMAINS], int64_t now_ms)
{
	for (int i = 0; i < FACT_DOMAINS; i++) {
		if (named[i])
			hear(&t->named_ms[i], now_ms);
	}
	hear(&t->heard_ms, now_ms);
}

void token_age(struct token_table *t, struct token *token, int64_t now_ms)
{
	struct fact_news news = { .heard_ms = heard(&t->heard_ms) };
	unsigned gone;

	for (int i = 0; i < FACT_DOMAINS; i++)
		news.named_ms[i] = heard(&t->named_ms[i]);
	gone = facts_expire(&token->list, &news, now_ms);
	count(&t->expired, gone);
	atomic_fetch_sub_explicit(&t->facts, gone, memory_order_relaxed);
}

/* Ages the tokens of the next buckets; those that have no fact left go. The shard is locked. */
static void sweep(struct token_table *t, struct shard *shard, unsigned buckets, int64_t now_ms)
{
	unsigned *hand = &t->hands[shard - t->shards.at];
	struct shard_node *n, *next;

	for (; buckets > 0 && shard->count > 0; buckets--) {
		for (n = shard_bucket(shard, *hand); n != NULL; n = next) {
			struct token *token = (struct token *)n;

			next = n->chain;
			token_age(t, token, now_ms);
			if (token->list.count > 0)
				continue;
			shard_remove(&t->shards, shard, n);
			shards_unreserve(&t->shards, 1);
			token_free(n);
		}
		*hand = (*hand + 1) % t->shards.buckets;
	}
}

void token_table_expire(struct token_table *t, int64_t now_ms)
{
	unsigned buckets = t->shards.buckets < SWEEP_AT_ONCE ? t->shards.buckets : SWEEP_AT_ONCE;

	for (unsigned i = 0; i < t->shards.count; i++) {
		pthread_mutex_lock(&t->shards.at[i].lock);
		sweep(t, &t->shards.at[i], buckets, now_ms);
		pthread_mutex_unlock(&t->shards.at[i].lock);
	}
}

/* --- looking up and adding ----------------------------------------------------------------------- */

/* A SHA-256 is spread evenly, whoever chose the token. */
static uint64_t hash_of(const char *key)
{
	return hash_fnv64(slice_of(key, HASH_SHA256_HEX));
}

/* NULL: there is none. The shard is locked. */
static struct token *lookup(const struct token_table *t, const struct shard *shard, uint64_t hash, const char *key)
{
	struct shard_node *n = shard_first(&t->shards, shard, hash);

	while (n != NULL && memcmp(((struct token *)n)->key, key, HASH_SHA256_HEX) != 0)
		n = shard_next(n);
	return (struct token *)n;
}

static bool any_may_go(const struct shard_node *n, void *arg)
{
	(void)n;
	(void)arg;
	return true;
}

/* A token that is in no table yet. NULL: no memory. */
static struct token *token_create(uint64_t hash, const char *key)
{
	struct token *token = calloc(1, sizeof(*token));

	if (token == NULL)
		return NULL;
	token->node.hash = hash;
	memcpy(token->key, key, HASH_SHA256_HEX);
	return token;
}

/* A place in the full table: the oldest makes room. False: all places are being filled by other threads at this moment. No shard is
 * locked. */
static bool make_room(struct token_table *t, uint64_t hash)
{
	struct shard_node *gone;
	bool made = shards_reserve(&t->shards, hash, any_may_go, NULL, &gone);

	if (gone != NULL) {
		atomic_fetch_sub_explicit(&t->facts, ((struct token *)gone)->list.count, memory_order_relaxed);
		count(&t->users_dropped, 1);
		token_free(gone);
	}
	return made;
}

/* The token, made if it is not there; NULL: no memory or no place. The shard is locked, but not all the time in between. */
static struct token *find_or_add(struct token_table *t, struct shard *shard, uint64_t hash, const char *key)
{
	struct token *found = lookup(t, shard, hash, key), *made;
	bool reserved = false;

	if (found != NULL || (made = token_create(hash, key)) == NULL)
		return found;
	if (!(reserved = shards_reserve_free(&t->shards))) {
		pthread_mutex_unlock(&shard->lock);
		reserved = make_room(t, hash);
		pthread_mutex_lock(&shard->lock);
		found = lookup(t, shard, hash, key);
	}
	if (found == NULL && reserved) {
		shard_add(&t->shards, shard, &made->node);
		return made;
	}
	token_free(&made->node);
	if (reserved)
		shards_unreserve(&t->shards, 1);
	return found;
}

/* Room for one more fact, or for all that are allowed. */
static bool grow(struct token *token)
{
	unsigned room = token->room == 0 ? ROOM_FIRST : 2 * token->room;
	struct fact *facts;

	if (token->list.count < token->room || token->room == FACTS_MOST)
		return true;
	facts = realloc(token->list.facts, room * sizeof(*facts));
	if (facts == NULL)
		return false;
	token->list.facts = facts;
	token->room = room;
	return true;
}
_Static_assert((FACTS_MOST & (FACTS_MOST - 1)) == 0 && FACTS_MOST >= ROOM_FIRST, "room doubles up to it");

/* The shard is locked. */
static void merge(struct token_table *t, struct token *token, const struct token_facts *more)
{
	unsigned before = token->list.count;

	for (unsigned i = 0; i < more->list.count; i++)
		count(&t->facts_dropped, grow(token) ? facts_add(&token->list, &more->list.facts[i]) : 1);
	count(&t->facts, token->list.count); /* first, so that readers never see less than nothing */
	atomic_fetch_sub_explicit(&t->facts, before, memory_order_relaxed);
}

void token_add(struct token_table *t, const char key[HASH_SHA256_HEX + 1], const struct token_facts *more, int64_t now_ms)
{
	uint64_t hash = hash_of(key);
	struct shard *shard = shards_of(&t->shards, hash);
	struct token *token;

	pthread_mutex_lock(&shard->lock);
	token = find_or_add(t, shard, hash, key);
	if (token != NULL) {
		merge(t, token, more);
		token_age(t, token, now_ms);
		shard_touch(shard, &token->node);
	} else {
		count(&t->facts_dropped, more->list.count);
	}
	pthread_mutex_unlock(&shard->lock);
}

/* --- requests and answers ------------------------------------------------------------------------ */

static void header_read(struct token_table *t, struct slice header, int64_t made_ms, struct token_facts *out)
{
	unsigned dropped = 0, malformed = 0;

	out->list = (struct fact_list){ .facts = out->facts };
	facts_read(&out->list, header, NULL, made_ms, &dropped, &malformed);
	count(&t->facts_dropped, dropped);
	count(&t->malformed, malformed);
}

size_t tokens_for_request(struct token_table *t, struct slice token, struct slice sent, int64_t now_ms, char *out, size_t size)
{
	char key[HASH_SHA256_HEX + 1];
	struct token_facts all;
	struct shard *shard;
	struct token *held;
	uint64_t hash;

	header_read(t, sent, INT64_MIN, &all); /* older than everything that is held */
	if (token.len > 0) {
		hash_sha256_hex(token, key);
		hash = hash_of(key);
		shard = shards_of(&t->shards, hash);
		pthread_mutex_lock(&shard->lock);
		held = lookup(t, shard, hash, key);
		if (held != NULL) {
			token_age(t, held, now_ms);
			shard_touch(shard, &held->node);
			for (unsigned i = 0; i < held->list.count; i++)
				count(&t->facts_dropped, facts_add(&all.list, &held->list.facts[i]));
		}
		sweep(t, shard, SWEEP_BY_REQUEST, now_ms);
		pthread_mutex_unlock(&shard->lock);
	}
	return facts_write(&all.list, out, size);
}

void tokens_of_response(struct token_table *t, struct slice token, struct slice made, struct slice degraded, int64_t now_ms)
{
	char key[HASH_SHA256_HEX + 1];
	bool named[FACT_DOMAINS];
	struct token_facts more;

	if (token.len == 0)
		return;
	facts_degraded(degraded, named);
	tokens_hear(t, named, now_ms);
	header_read(t, made, now_ms, &more);
	if (more.list.count == 0)
		return;
	hash_sha256_hex(token, key);
	token_add(t, key, &more, now_ms);
}
