/* degraded_test.c - the Degraded header: names sorted, each once, the worst state of each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "shared/svc/degraded.h"

static void prints(const struct degraded *d, const char *expected)
{
	struct buf b;

	buf_init(&b, 0);
	degraded_print(d, &b);
	assert_int_equal(b.len, strlen(expected));
	if (b.len > 0)
		assert_memory_equal(b.ptr, expected, b.len);
	buf_free(&b);
}

static void empty(void **state)
{
	struct degraded d = { 0 };

	(void)state;
	assert_false(degraded_any(&d));
	prints(&d, "");
}

static void sorted_and_once(void **state)
{
	struct degraded d = { 0 };

	(void)state;
	degraded_add(&d, "users", DEGRADED_NEVER_LOADED);
	assert_true(degraded_any(&d));
	prints(&d, "users");
	degraded_add(&d, "alarms", 12);
	prints(&d, "alarms;age=12, users");
	degraded_add(&d, "items", 0);
	degraded_add(&d, "alarms", 12);
	prints(&d, "alarms;age=12, items;age=0, users");
	assert_int_equal(d.count, 3);
}

static void the_worst_counts(void **state)
{
	struct degraded d = { 0 };

	(void)state;
	degraded_add(&d, "alarms", 12);
	degraded_add(&d, "alarms", 7);
	prints(&d, "alarms;age=12");
	degraded_add(&d, "alarms", 13);
	prints(&d, "alarms;age=13");
	degraded_add(&d, "alarms", DEGRADED_NEVER_LOADED);
	prints(&d, "alarms");
	degraded_add(&d, "alarms", 99);
	prints(&d, "alarms");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(sorted_and_once),
		cmocka_unit_test(the_worst_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
