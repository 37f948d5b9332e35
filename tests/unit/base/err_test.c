/* err_test.c - every error has a status, a title, a name of its own and a sentence. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <string.h>

#include "shared/base/err.h"
#include "tests/unit/support/process.h"

static void statuses_are_those_of_the_contract(void **state)
{
	(void)state;
	assert_int_equal(err_status(ERR_OK), 200);
	assert_int_equal(err_status(ERR_BAD_REQUEST), 400);
	assert_int_equal(err_status(ERR_UNAUTHORIZED), 401);
	assert_int_equal(err_status(ERR_NOT_FOUND), 404);
	assert_int_equal(err_status(ERR_NO_ROUTE), 404);
	assert_int_equal(err_status(ERR_BAD_METHOD), 405);
	assert_int_equal(err_status(ERR_TOO_LARGE), 413);
	assert_int_equal(err_status(ERR_BUSY), 503);
	assert_int_equal(err_status(ERR_UNAVAILABLE), 503);
	assert_int_equal(err_status(ERR_NOT_LOADED), 503);
	assert_int_equal(err_status(ERR_UNKNOWN_OUTCOME), 503);
	assert_int_equal(err_status(ERR_TIMEOUT), 503);
	assert_int_equal(err_status(ERR_NO_MEMORY), 503);
	assert_int_equal(err_status(ERR_INTERNAL), 500);
}

static void every_value_has_its_row(void **state)
{
	(void)state;
	for (int i = 0; i < ERR_COUNT; i++) {
		const char *name = err_name((enum err)i), *detail = err_detail((enum err)i);

		assert_in_range(err_status((enum err)i), 200, 599);
		assert_non_null(err_title((enum err)i));
		assert_non_null(name);
		assert_non_null(detail);
		assert_true(strlen(name) > 0);
		for (const char *p = name; *p != '\0'; p++)
			assert_true(islower((unsigned char)*p) || *p == '_');
		assert_int_equal(detail[strlen(detail) - 1], '.');
	}
}

static void names_are_unique(void **state)
{
	(void)state;
	for (int i = 0; i < ERR_COUNT; i++) {
		for (int k = i + 1; k < ERR_COUNT; k++)
			assert_string_not_equal(err_name((enum err)i), err_name((enum err)k));
	}
}

static void same_status_means_same_title(void **state)
{
	(void)state;
	for (int i = 0; i < ERR_COUNT; i++) {
		for (int k = 0; k < ERR_COUNT; k++) {
			if (err_status((enum err)i) == err_status((enum err)k))
				assert_string_equal(err_title((enum err)i), err_title((enum err)k));
		}
	}
}

static void ask_beyond_the_table(void *arg)
{
	err_status(*(enum err *)arg);
}

static void a_value_outside_the_list_is_a_bug(void **state)
{
	enum err beyond = ERR_COUNT;

	(void)state;
	assert_true(dies(ask_beyond_the_table, &beyond));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statuses_are_those_of_the_contract),
		cmocka_unit_test(every_value_has_its_row),
		cmocka_unit_test(names_are_unique),
		cmocka_unit_test(same_status_means_same_title),
		cmocka_unit_test(a_value_outside_the_list_is_a_bug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
