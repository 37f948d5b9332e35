/* alarm_test.c - on what an alarm can be set, and what a user's list shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "alarm_svc/alarm.h"

static void items_known_or_not(void **state)
{
	static const struct {
		bool known;
		struct view_state st;
		enum err want;
	} cases[] = {
		{ true, { .loaded = true, .fresh = true }, ERR_OK },
		{ false, { .loaded = true, .fresh = true }, ERR_NOT_FOUND },
		{ true, { .loaded = true, .age_s = 100 }, ERR_OK },
		{ false, { .loaded = true, .age_s = 100 }, ERR_NOT_LOADED },
		{ true, { .age_s = -1 }, ERR_NOT_LOADED },
		{ false, { .age_s = -1 }, ERR_NOT_LOADED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(alarm_check_item(cases[i].known, &cases[i].st), cases[i].want);
}

/* Alarms on items 9 7 5 3 1, of which 7 and 1 do not exist any more. */
static struct alarm_list cut(uint32_t limit, uint32_t before)
{
	static uint32_t ids[5];
	static struct slice fragments[5];
	struct alarm_list list = { .count = 5, .item_ids = ids, .fragments = fragments };
	const struct page page = { .limit = limit, .before = before };

	for (uint32_t i = 0; i < 5; i++) {
		ids[i] = 9 - 2 * i;
		fragments[i] = ids[i] == 7 || ids[i] == 1 ? SLICE_NONE : SLICE_LIT("x");
	}
	alarm_list_cut(&list, &page);
	assert_int_equal(list.total, 3); /* the whole list's, whatever part is asked for */
	for (size_t i = 0; i < list.count; i++)
		assert_non_null(list.fragments[i].ptr);
	return list;
}

static void whole_list(void **state)
{
	struct alarm_list list = cut(0, 0);

	(void)state;
	assert_int_equal(list.count, 3);
	assert_int_equal(list.item_ids[0], 9);
	assert_int_equal(list.item_ids[1], 5);
	assert_int_equal(list.item_ids[2], 3);
}

static void parts_of_the_list(void **state)
{
	struct alarm_list list = cut(1, 9);

	(void)state;
	assert_int_equal(list.count, 1);
	assert_int_equal(list.item_ids[0], 5);
	assert_int_equal(cut(2, 0).count, 2);
	assert_int_equal(cut(0, 3).count, 0);
	assert_int_equal(cut(1000, 2147483647).count, 3);
}

static void empty_list(void **state)
{
	struct alarm_list list = { .count = 0 };
	const struct page page = { .limit = 0 };

	(void)state;
	alarm_list_cut(&list, &page);
	assert_int_equal(list.count, 0);
	assert_int_equal(list.total, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_known_or_not),
		cmocka_unit_test(whole_list),
		cmocka_unit_test(parts_of_the_list),
		cmocka_unit_test(empty_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
