/* ids_test.c - lists of ids: their order. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "shared/base/ids.h"

static void the_highest_comes_first(void **state)
{
	uint32_t ids[] = { 3, 2147483647, 1, UINT32_MAX, 3, 0 };
	const uint32_t sorted[] = { UINT32_MAX, 2147483647, 3, 3, 1, 0 };

	(void)state;
	ids_sort_descending(ids, sizeof(ids) / sizeof(ids[0]));
	assert_memory_equal(ids, sorted, sizeof(ids));
}

static void none_are_sorted(void **state)
{
	(void)state;
	ids_sort_descending(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_highest_comes_first),
		cmocka_unit_test(none_are_sorted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
