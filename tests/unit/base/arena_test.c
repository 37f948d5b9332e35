/* arena_test.c - pieces are zeroed, aligned and apart; the limit holds; mistakes are caught under ASan. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "shared/base/arena.h"
#include "tests/unit/support/process.h"

static bool all_zero(const unsigned char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] != 0)
			return false;
	}
	return true;
}

static void pieces_are_zeroed_aligned_and_apart(void **state)
{
	struct arena *a = arena_create(128, 1 << 20);
	unsigned char *p[200];

	(void)state;
	for (size_t i = 0; i < 200; i++) {
		p[i] = arena_alloc(a, i);
		assert_non_null(p[i]);
		assert_int_equal((uintptr_t)p[i] % 16, 0);
		assert_true(all_zero(p[i], i));
		memset(p[i], (int)i, i);
	}
	for (size_t i = 0; i < 200; i++) {
		for (size_t k = 0; k < i; k++)
			assert_int_equal(p[i][k], i);
	}
	assert_ptr_not_equal(p[0], p[1]);
	arena_free(&a);
	assert_null(a);
	arena_free(&a); /* freeing nothing is allowed */
}

static void reuse_after_reset_gives_zeroed_memory(void **state)
{
	struct arena *a = arena_create(256, 1 << 20);
	char *first = arena_alloc(a, 64), *again;

	(void)state;
	memset(first, 'x', 64);
	assert_non_null(arena_alloc(a, 100000)); /* a second block, given back by the reset */
	assert_int_equal(arena_used(a), 64 + 100000);
	arena_reset(a);
	assert_int_equal(arena_used(a), 0);
	again = arena_alloc(a, 64);
	assert_ptr_equal(again, first);
	assert_true(all_zero((unsigned char *)again, 64));
	arena_free(&a);
}

static void the_limit_holds_and_small_pieces_go_on(void **state)
{
	struct arena *a = arena_create(1024, 4096);
	size_t total = 0;

	(void)state;
	assert_null(arena_alloc(a, 4097));
	assert_null(arena_alloc(a, SIZE_MAX));
	assert_null(arena_alloc(a, SIZE_MAX - 8)); /* would wrap when rounded up */
	assert_int_equal(arena_used(a), 0);
	while (arena_alloc(a, 32) != NULL)
		total += 32;
	assert_in_range(total, 2048, 4096);
	assert_int_equal(arena_used(a), total);
	assert_null(arena_copy(a, SLICE_LIT("0123456789012345678901234567890123456789")).ptr);
	assert_null(arena_printf(a, "%040d", 1).ptr);
	arena_reset(a);
	assert_non_null(arena_alloc(a, 32));
	arena_free(&a);
}

static void the_limit_cuts_the_first_block(void **state)
{
	struct arena *a = arena_create(1 << 20, 1000);

	(void)state;
	assert_null(arena_alloc(a, 1001));
	assert_non_null(arena_alloc(a, 900));
	assert_null(arena_alloc(a, 200));
	arena_free(&a);
	a = arena_create(0, 1); /* as small as it gets */
	assert_non_null(arena_alloc(a, 16));
	assert_null(arena_alloc(a, 128));
	arena_free(&a);
}

static void without_a_limit(void **state)
{
	struct arena *a = arena_create(64, 0);
	unsigned char *p;

	(void)state;
	p = arena_alloc(a, 5000000);
	assert_non_null(p);
	assert_true(all_zero(p, 5000000));
	assert_null(arena_alloc(a, SIZE_MAX / 2)); /* nonsense is refused, not fatal */
	arena_free(&a);
}

static void arrays_check_overflow(void **state)
{
	struct arena *a = arena_create(64, 1 << 20);
	uint64_t *p = arena_alloc_array(a, 10, sizeof(*p));

	(void)state;
	assert_non_null(p);
	p[9] = 1;
	assert_null(arena_alloc_array(a, SIZE_MAX / 8 + 2, 8));
	assert_null(arena_alloc_array(a, SIZE_MAX, SIZE_MAX));
	assert_non_null(arena_alloc_array(a, 0, 8));
	arena_free(&a);
}

static void copies_end_in_nul(void **state)
{
	struct arena *a = arena_create(64, 1 << 20);
	struct slice s = arena_copy(a, slice_of("hello world", 5));

	(void)state;
	assert_int_equal(s.len, 5);
	assert_string_equal(s.ptr, "hello");
	s = arena_copy(a, SLICE_LIT(""));
	assert_non_null(s.ptr);
	assert_int_equal(s.len, 0);
	assert_null(arena_copy(a, SLICE_NONE).ptr);
	s = arena_printf(a, "%s-%03d", "id", 7);
	assert_int_equal(s.len, 6);
	assert_string_equal(s.ptr, "id-007");
	s = arena_printf(a, "%s", "");
	assert_int_equal(s.len, 0);
	assert_string_equal(s.ptr, "");
	s = arena_printf(a, "%0300d", 1);
	assert_int_equal(s.len, 300);
	arena_free(&a);
}

static void want_too_much(void *arg)
{
	(void)arg;
	arena_create(SIZE_MAX / 4, 0);
}

static void no_memory_aborts(void **state)
{
	(void)state;
	assert_true(dies(want_too_much, NULL));
}

#ifdef TEST_ASAN
static void use_after_reset(void *arg)
{
	struct arena *a = arena_create(256, 4096);
	volatile char *p = arena_alloc(a, 16);

	(void)arg;
	arena_reset(a);
	p[0] = 1;
}

static void overrun(void *arg)
{
	struct arena *a = arena_create(256, 4096);
	volatile char *p = arena_alloc(a, 20);

	arena_alloc(a, 20);
	p[20 + *(size_t *)arg] = 1;
}

static void mistakes_are_caught(void **state)
{
	(void)state;
	assert_true(dies(use_after_reset, NULL));
	/* the byte behind, and the red zone */
	for (size_t beyond = 0; beyond < 20; beyond++)
		assert_true(dies(overrun, &beyond));
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
		cmocka_unit_test(reuse_after_reset_gives_zeroed_memory),
		cmocka_unit_test(the_limit_holds_and_small_pieces_go_on),
		cmocka_unit_test(the_limit_cuts_the_first_block),
		cmocka_unit_test(without_a_limit),
		cmocka_unit_test(arrays_check_overflow),
		cmocka_unit_test(copies_end_in_nul),
		cmocka_unit_test(no_memory_aborts),
#ifdef TEST_ASAN
		cmocka_unit_test(mistakes_are_caught),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
