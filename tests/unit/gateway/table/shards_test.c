/* shards_test.c - finding by hash, order of last use, the exact bound, who makes room, and threads at the bound. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "gateway/table/shards.h"
#include "tests/unit/support/process.h"

static void free_node(struct shard_node *n)
{
	free(n);
}

static bool anyone(const struct shard_node *n, void *arg)
{
	(void)n;
	(void)arg;
	return true;
}

static bool nobody(const struct shard_node *n, void *arg)
{
	(void)n;
	(void)arg;
	return false;
}

/* Adds a node; the hash of the one that went for it, or 0. */
static uint64_t add(struct shards *s, uint64_t hash)
{
	struct shard *shard = shards_of(s, hash);
	struct shard_node *n = calloc(1, sizeof(*n)), *gone;
	uint64_t went;

	if (n == NULL || !shards_reserve(s, hash, anyone, NULL, &gone))
		abort();
	went = gone == NULL ? 0 : gone->hash;
	free(gone);
	n->hash = hash;
	pthread_mutex_lock(&shard->lock);
	shard_add(s, shard, n);
	pthread_mutex_unlock(&shard->lock);
	return went;
}

static struct shard_node *find(struct shards *s, uint64_t hash)
{
	return shard_first(s, shards_of(s, hash), hash);
}

static void finds_what_was_added(void **state)
{
	struct shards s;
	struct shard_node *n;

	(void)state;
	shards_init(&s, 100);
	assert_int_equal(s.count, 1);
	for (uint64_t hash = 1; hash <= 100; hash++)
		add(&s, hash * 16); /* all in a few buckets */
	add(&s, 32); /* 16 goes; another one with that hash */
	assert_null(find(&s, 16));
	assert_non_null(n = find(&s, 32));
	assert_non_null(n = shard_next(n));
	assert_int_equal(n->hash, 32);
	assert_null(shard_next(n));
	assert_null(find(&s, 33));
	assert_int_equal(atomic_load(&s.used), 100);
	shards_destroy(&s, free_node);
}

static void the_least_recently_used_goes(void **state)
{
	struct shards s;
	struct shard *shard;

	(void)state;
	shards_init(&s, 3);
	for (uint64_t hash = 1; hash <= 3; hash++)
		assert_int_equal(add(&s, hash), 0);
	shard = shards_of(&s, 1);
	shard_touch(shard, find(&s, 1));
	shard_unqueue(shard, find(&s, 3));
	shard_unqueue(shard, find(&s, 3)); /* twice is once */
	assert_int_equal(add(&s, 4), 2);
	assert_int_equal(add(&s, 5), 1);
	shard_touch(shard, find(&s, 3));
	assert_int_equal(add(&s, 6), 4);
	assert_int_equal(add(&s, 7), 5);
	assert_int_equal(add(&s, 8), 3);
	shards_destroy(&s, free_node);
}

static void full_and_nobody_may_go(void **state)
{
	struct shard_node *gone = NULL, *n;
	struct shards s;

	(void)state;
	shards_init(&s, 1);
	add(&s, 1);
	assert_false(shards_reserve(&s, 2, nobody, NULL, &gone));
	assert_null(gone);
	n = find(&s, 1);
	shard_remove(&s, shards_of(&s, 1), n);
	free(n);
	assert_false(shards_reserve(&s, 2, anyone, NULL, &gone)); /* its place is still taken */
	shards_unreserve(&s, 1);
	assert_true(shards_reserve(&s, 2, anyone, NULL, &gone));
	assert_null(gone);
	shards_destroy(&s, free_node);
}

/* Beyond SHARDS_FROM the bound is still exact, and another shard makes room when the own one has nobody. */
static void many_shards_share_one_bound(void **state)
{
	const uint64_t shard_step = UINT64_C(1) << 60;
	struct shards s;

	(void)state;
	shards_init(&s, SHARDS_FROM + 1);
	assert_int_equal(s.count, SHARDS_MOST);
	for (uint64_t i = 1; i <= SHARDS_FROM + 1; i++)
		assert_int_equal(add(&s, 3 * shard_step + i), 0); /* all in the fourth */
	assert_int_equal(add(&s, 5 * shard_step + 1), 3 * shard_step + 1);
	assert_int_equal(add(&s, 5 * shard_step + 2), 5 * shard_step + 1); /* its own oldest first */
	assert_int_equal(add(&s, 3 * shard_step + 9999), 3 * shard_step + 2);
	assert_int_equal(atomic_load(&s.used), SHARDS_FROM + 1);
	shards_destroy(&s, free_node);
}

enum { ADDERS = 4, EACH = 4000, MOST = 500 };

static void *add_many(void *arg)
{
	struct shards *s = arg;
	uint64_t x = (uint64_t)(uintptr_t)&x;

	for (int i = 0; i < EACH; i++) {
		x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
		add(s, x);
		if (atomic_load(&s->used) > MOST)
			abort();
	}
	return NULL;
}

static void threads_never_exceed_the_bound(void **state)
{
	pthread_t threads[ADDERS];
	struct shards s;
	unsigned count = 0;

	(void)state;
	shards_init(&s, MOST);
	for (int i = 0; i < ADDERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_many, &s), 0);
	for (int i = 0; i < ADDERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&s.used), MOST);
	for (unsigned i = 0; i < s.count; i++)
		count += s.at[i].count;
	assert_int_equal(count, MOST);
	shards_destroy(&s, free_node);
}

static void create_for_none(void *arg)
{
	struct shards s;

	(void)arg;
	shards_init(&s, 0);
}

static void misuse_ends_the_process(void **state)
{
	(void)state;
	assert_true(dies(create_for_none, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_was_added),
		cmocka_unit_test(the_least_recently_used_goes),
		cmocka_unit_test(full_and_nobody_may_go),
		cmocka_unit_test(many_shards_share_one_bound),
		cmocka_unit_test(threads_never_exceed_the_bound),
		cmocka_unit_test(misuse_ends_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
