/* item_test.c - what a visit says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "item_svc/item.h"
#include "shared/base/hash.h"

static void visit_of_a_known_caller(void **state)
{
	const struct request rq = { .caller_known = true, .caller_id = 10, .token = SLICE("secret") };
	struct visit_event v = item_visit(&rq, 50, SLICE_LIT("id"), 123);

	(void)state;
	assert_int_equal(v.user_id, 10);
	assert_int_equal(v.item_id, 50);
	assert_int_equal(v.visited_us, 123);
	assert_true(slice_eq(v.id, SLICE_LIT("id")));
	assert_null(v.token.ptr);
}

static void visit_of_an_unknown_caller_has_the_hash(void **state)
{
	struct arena *a = arena_create(1024, 65536);
	const struct request rq = { .arena = a, .caller_id = 10, .token = SLICE("secret") };
	struct visit_event v = item_visit(&rq, 50, SLICE_LIT("id"), 123);
	char hash[HASH_SHA256_HEX + 1];

	(void)state;
	hash_sha256_hex(SLICE_LIT("secret"), hash);
	assert_int_equal(v.user_id, 0);
	assert_true(slice_eq(v.token, slice_str(hash)));
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(visit_of_a_known_caller),
		cmocka_unit_test(visit_of_an_unknown_caller_has_the_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
