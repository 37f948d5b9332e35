/* visit_test.c - order, runs, trimming and text of visits; above all: what is shown does not depend on the order of arrival. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user_svc/visit.h"

static struct visit make(uint64_t us, uint32_t item, unsigned serial)
{
	struct visit v = { .visited_us = us, .item_id = item };

	snprintf(v.id, sizeof(v.id), "01a20223-d9cb-7e22-a9cd-%012x", serial);
	return v;
}

/* Runs of visits at successive times to the items named by letters: 'A' is 1. */
static size_t runs_of(const char *letters, uint32_t items[VISIT_RUNS])
{
	struct visit v[256];
	size_t n = strlen(letters);

	for (size_t i = 0; i < n; i++)
		v[i] = make(1000 + i, (uint32_t)(letters[i] - 'A' + 1), (unsigned)i);
	return visit_runs(v, visit_trim(v, n), items);
}

static void shown(const char *letters, const char *want)
{
	struct slice fragments[VISIT_RUNS];
	uint32_t items[VISIT_RUNS];
	size_t n = runs_of(letters, items);

	for (size_t i = 0; i < n; i++)
		fragments[i] = SLICE_LIT("x");
	n = visit_collapse(items, fragments, n, VISIT_SHOWN);
	assert_int_equal(n, strlen(want));
	for (size_t i = 0; i < n; i++)
		assert_int_equal(items[i], want[i] - 'A' + 1);
}

static void examples(void **state)
{
	(void)state;
	shown("", "");
	shown("A", "A");
	shown("AAAA", "A");
	shown("ABCDEE", "EDC");
	shown("ABA", "ABA");
	shown("AABBAA", "ABA");
	shown("ABCABC", "CBA");
}

/* Items that are gone are left out before runs are joined, and older ones move up. */
static void gone_items(void **state)
{
	struct slice fragments[] = { SLICE("3"), SLICE_NONE, SLICE("3"), SLICE("1"), SLICE("2"), SLICE("1") };
	uint32_t items[] = { 3, 9, 3, 1, 2, 1 };

	(void)state;
	assert_int_equal(visit_collapse(items, fragments, 6, 3), 3);
	assert_int_equal(items[0], 3);
	assert_int_equal(items[1], 1);
	assert_int_equal(items[2], 2);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(fragments[i].ptr[0], '0' + (char)items[i]);
}

static void only_gone_items(void **state)
{
	struct slice fragments[] = { SLICE_NONE, SLICE_NONE };
	uint32_t items[] = { 1, 2 };

	(void)state;
	assert_int_equal(visit_collapse(items, fragments, 2, 3), 0);
}

static void same_time_is_ordered_by_id(void **state)
{
	struct visit v[] = { make(5, 2, 7), make(5, 1, 3), make(4, 3, 9) };
	uint32_t items[VISIT_RUNS];

	(void)state;
	assert_int_equal(visit_trim(v, 3), 3);
	assert_int_equal(visit_runs(v, 3, items), 3);
	assert_int_equal(items[0], 2);
	assert_int_equal(items[1], 1);
	assert_int_equal(items[2], 3);
}

static void keeps_the_last_runs(void **state)
{
	struct visit v[60];

	(void)state;
	for (unsigned i = 0; i < 60; i++) /* 30 runs of two visits */
		v[i] = make(100 + i, 1 + i / 2 % 2, i);
	assert_int_equal(visit_trim(v, 60), 2 * VISIT_RUNS);
	assert_int_equal(v[0].visited_us, 100 + 20);
	assert_int_equal(v[39].visited_us, 100 + 59);
	for (size_t i = 40; i < 60; i++)
		assert_true(v[i].visited_us < 120);
}

/* Somebody who reloads one page for hours leaves a bounded number of visits, of which first and last are kept. */
static void long_runs_are_thinned(void **state)
{
	static struct visit v[5000];
	size_t kept;

	(void)state;
	v[0] = make(1, 7, 0);
	for (unsigned i = 1; i < 4999; i++)
		v[i] = make(1 + i, 8, i);
	v[4999] = make(9000, 9, 4999);
	kept = visit_trim(v, 5000);
	assert_int_equal(kept, VISIT_KEEP_MAX);
	assert_int_equal(v[0].item_id, 7);
	assert_int_equal(v[1].visited_us, 2); /* first of the run */
	assert_int_equal(v[2].visited_us, 4999 - (VISIT_KEEP_MAX - 4)); /* the oldest inside of it went */
	assert_int_equal(v[kept - 2].visited_us, 4999);
	assert_int_equal(v[kept - 1].item_id, 9);
}

/* Even with every run long, the ends of all 20 are there, so a late visit still splits any of them. */
static void thinning_spares_the_ends(void **state)
{
	static struct visit v[VISIT_RUNS * 50 + 1];
	const size_t n = VISIT_RUNS * 50;
	uint32_t items[VISIT_RUNS];
	size_t kept;

	(void)state;
	for (unsigned i = 0; i < n; i++)
		v[i] = make(1000 + 10 * i, 1 + i / 50, i);
	kept = visit_trim(v, n);
	assert_int_equal(kept, VISIT_KEEP_MAX);
	v[kept] = make(1000 + 10 * (n - 25) + 5, 99, 77777); /* into the middle of the last run */
	kept = visit_trim(v, kept + 1);
	assert_int_equal(visit_runs(v, kept, items), VISIT_RUNS);
	assert_int_equal(items[0], 20);
	assert_int_equal(items[1], 99);
	assert_int_equal(items[2], 20);
	assert_int_equal(items[3], 19);
}

/* ---- the property ---- */

static uint64_t random_state = 88172645463325252u;

static unsigned random_below(unsigned n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state % n);
}

#define HISTORY 90 /* at most VISIT_KEEP_MAX: then nothing inside of runs is thinned out */

/* Visits arrive in any order, in batches of any size, some twice; after each batch they are trimmed, as the inbox does it. */
static size_t arrive(const struct visit *all, size_t n, uint32_t items[VISIT_RUNS])
{
	struct visit mixed[2 * HISTORY], held[4 * HISTORY];
	size_t total = n, kept = 0, at = 0;

	memcpy(mixed, all, n * sizeof(*all));
	for (size_t i = 0; i < n / 4; i++)
		mixed[total++] = all[random_below((unsigned)n)];
	for (size_t i = total - 1; i > 0; i--) {
		size_t k = random_below((unsigned)i + 1);
		struct visit swap = mixed[i];

		mixed[i] = mixed[k];
		mixed[k] = swap;
	}
	while (at < total) {
		for (size_t batch = 1 + random_below(12); batch > 0 && at < total; batch--, at++) {
			bool there = false;

			for (size_t i = 0; i < kept; i++)
				there |= strcmp(held[i].id, mixed[at].id) == 0;
			if (!there) /* the table's primary key */
				held[kept++] = mixed[at];
		}
		kept = visit_trim(held, kept);
	}
	return visit_runs(held, kept, items);
}

static void order_of_arrival_does_not_matter(void **state)
{
	(void)state;
	for (int round = 0; round < 300; round++) {
		struct visit all[HISTORY], sorted[HISTORY];
		uint32_t want[VISIT_RUNS], got[VISIT_RUNS];
		size_t n = 1 + random_below(HISTORY), runs;
		unsigned item_count = 1 + random_below(6);

		for (size_t i = 0; i < n; i++)
			all[i] = make(random_below(200), 1 + random_below(item_count), (unsigned)i);
		memcpy(sorted, all, sizeof(all));
		runs = visit_runs(sorted, visit_trim(sorted, n), want);
		for (int order = 0; order < 10; order++) {
			assert_int_equal(arrive(all, n, got), runs);
			assert_memory_equal(got, want, runs * sizeof(want[0]));
		}
	}
}

static void trimming_again_changes_nothing(void **state)
{
	struct visit v[200], again[200];
	size_t kept;

	(void)state;
	for (unsigned i = 0; i < 200; i++)
		v[i] = make(random_below(1000), 1 + random_below(9), i);
	kept = visit_trim(v, 200);
	memcpy(again, v, sizeof(v));
	assert_int_equal(visit_trim(again, kept), kept);
	for (size_t i = 0; i < kept; i++)
		assert_string_equal(again[i].id, v[i].id);
}

/* ---- text ---- */

static void text_round_trip(void **state)
{
	struct visit v[] = { make(1, 2147483647, 0), make(UINT64_MAX, 1, 0xffffff) }, *back;
	struct arena *a = arena_create(1024, 65536);
	struct buf text;
	size_t n;

	(void)state;
	buf_init(&text, 0);
	visit_write(&text, v, 2);
	assert_int_equal(visit_read(buf_slice(&text), a, &back, &n), ERR_OK);
	assert_int_equal(n, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(back[i].visited_us, v[i].visited_us);
		assert_int_equal(back[i].item_id, v[i].item_id);
		assert_string_equal(back[i].id, v[i].id);
	}
	buf_free(&text);
	assert_int_equal(visit_read(SLICE_LIT(""), a, &back, &n), ERR_OK);
	assert_int_equal(n, 0);
	arena_free(&a);
}

static void damaged_text(void **state)
{
	static const char *const bad[] = {
		"1 2 01a20223-d9cb-7e22-a9cd-000000000000",          /* no newline */
		"1 2 01a20223-d9cb-7e22-a9cd-00000000000\n",         /* short id */
		"x 2 01a20223-d9cb-7e22-a9cd-000000000000\n",
		"1 0 01a20223-d9cb-7e22-a9cd-000000000000\n",
		"1 2\n",
		"\n",
		"1 2 01a20223-d9cb-7e22-a9cd-000000000000\nrest",
	};
	struct arena *a = arena_create(1024, 65536);
	struct visit *back;
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (visit_read(slice_str(bad[i]), a, &back, &n) != ERR_CORRUPT)
			fail_msg("accepted: %s", bad[i]);
	}
	arena_free(&a);
}

static void text_beyond_memory(void **state)
{
	struct arena *a = arena_create(64, 64);
	struct visit *back;
	size_t n;

	(void)state;
	assert_int_equal(visit_read(SLICE_LIT("\n\n\n\n\n\n"), a, &back, &n), ERR_NO_MEMORY);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples),
		cmocka_unit_test(gone_items),
		cmocka_unit_test(only_gone_items),
		cmocka_unit_test(same_time_is_ordered_by_id),
		cmocka_unit_test(keeps_the_last_runs),
		cmocka_unit_test(long_runs_are_thinned),
		cmocka_unit_test(thinning_spares_the_ends),
		cmocka_unit_test(order_of_arrival_does_not_matter),
		cmocka_unit_test(trimming_again_changes_nothing),
		cmocka_unit_test(text_round_trip),
		cmocka_unit_test(damaged_text),
		cmocka_unit_test(text_beyond_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
