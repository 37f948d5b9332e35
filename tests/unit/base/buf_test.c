/* buf_test.c - appending, growing, the limit and the sticky error, handing over. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "shared/base/buf.h"
#include "tests/unit/support/process.h"

static void assert_holds(const struct buf *b, const char *text)
{
	struct slice s = buf_slice(b);

	assert_true(buf_ok(b));
	assert_int_equal(s.len, strlen(text));
	assert_memory_equal(s.ptr, text, s.len);
}

static void appending(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	assert_holds(&b, "");
	assert_non_null(buf_slice(&b).ptr); /* empty, but not "no value" */
	buf_add(&b, "ab", 2);
	buf_add(&b, NULL, 0);
	buf_add_slice(&b, SLICE_LIT("cd"));
	buf_add_slice(&b, SLICE_NONE);
	buf_add_str(&b, "ef");
	buf_add_char(&b, '-');
	buf_add_u64(&b, 0);
	buf_add_char(&b, ' ');
	buf_add_u64(&b, UINT64_MAX);
	buf_add_char(&b, ' ');
	buf_add_i64(&b, INT64_MIN);
	buf_add_char(&b, ' ');
	buf_add_i64(&b, INT64_MAX);
	buf_printf(&b, " %s=%d", "n", 5);
	assert_holds(&b, "abcdef-0 18446744073709551615 -9223372036854775808 9223372036854775807 n=5");
	buf_clear(&b);
	assert_holds(&b, "");
	buf_add_u64(&b, 1234567890);
	assert_holds(&b, "1234567890");
	buf_free(&b);
	buf_add_char(&b, 'x'); /* still usable */
	assert_holds(&b, "x");
	buf_free(&b);
}

static void growing_keeps_what_is_there(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	for (int i = 0; i < 100000; i++)
		buf_add_char(&b, (char)('a' + i % 26));
	assert_true(buf_ok(&b));
	assert_int_equal(b.len, 100000);
	assert_true(b.cap < 300000); /* doubled, not more */
	for (int i = 0; i < 100000; i++)
		assert_int_equal(b.ptr[i], 'a' + i % 26);
	buf_printf(&b, "%0*d", 200000, 7); /* more than doubling would give */
	assert_int_equal(b.len, 300000);
	assert_int_equal(b.ptr[299999], '7');
	buf_free(&b);
}

static void reserving(void **state)
{
	struct buf b;
	const char *before;

	(void)state;
	buf_init(&b, 0);
	assert_true(buf_reserve(&b, 5000));
	before = b.ptr;
	for (int i = 0; i < 5000; i++)
		buf_add_char(&b, 'x');
	assert_ptr_equal(b.ptr, before);
	buf_free(&b);
}

static void the_limit_is_exact_and_the_error_sticks(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	for (int i = 0; i < 100; i++)
		buf_add_char(&b, 'x');
	assert_true(buf_ok(&b));
	assert_true(b.cap <= 101);
	buf_add(&b, NULL, 0);
	assert_true(buf_ok(&b));
	buf_add_char(&b, 'y');
	assert_false(buf_ok(&b));
	assert_int_equal(b.len, 100);
	buf_clear(&b);
	buf_add_str(&b, "ok again");
	assert_holds(&b, "ok again");
	buf_printf(&b, "%0100d", 1); /* all or nothing */
	assert_false(buf_ok(&b));
	assert_int_equal(b.len, 8);
	buf_add_char(&b, 'z'); /* would fit, but the error sticks */
	buf_printf(&b, "%d", 1);
	assert_int_equal(b.len, 8);
	assert_false(buf_reserve(&b, 0));
	buf_free(&b);
	assert_true(buf_ok(&b));
	assert_int_equal(b.limit, 100);
}

static void no_memory_is_an_error_not_an_end(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	buf_add_str(&b, "kept");
	assert_false(buf_reserve(&b, SIZE_MAX / 16)); /* malloc says no */
	assert_false(buf_ok(&b));
	assert_memory_equal(b.ptr, "kept", 4);
	buf_clear(&b);
	assert_false(buf_reserve(&b, SIZE_MAX)); /* would wrap */
	buf_clear(&b);
	assert_false(buf_reserve(&b, SIZE_MAX - 1));
	buf_free(&b);
}

static void taking(void **state)
{
	struct buf b;
	size_t len;
	char *p;

	(void)state;
	buf_init(&b, 5);
	buf_add_str(&b, "12345"); /* the NUL has room even at the limit */
	p = buf_take(&b, &len);
	assert_int_equal(len, 5);
	assert_string_equal(p, "12345");
	free(p);
	assert_holds(&b, "");
	p = buf_take(&b, &len);
	assert_non_null(p);
	assert_int_equal(len, 0);
	assert_string_equal(p, "");
	free(p);
	buf_add_str(&b, "too long");
	assert_null(buf_take(&b, &len));
	assert_int_equal(len, 0);
	assert_holds(&b, ""); /* usable again */
	buf_free(&b);
}

static void taking_any_length(void **state)
{
	(void)state;
	for (size_t wanted = 0; wanted < 300; wanted++) {
		struct buf b;
		size_t len;
		char *p;

		buf_init(&b, 0);
		for (size_t i = 0; i < wanted; i++)
			buf_add_char(&b, 'x');
		p = buf_take(&b, &len); /* under ASan: the NUL is inside */
		assert_int_equal(len, wanted);
		assert_int_equal(strlen(p), wanted);
		free(p);
	}
}

static void fixed_storage_never_grows(void **state)
{
	char storage[9];
	struct buf b;

	(void)state;
	memset(storage, '#', sizeof(storage));
	buf_init_fixed(&b, storage, 8);
	buf_add_str(&b, "12345");
	buf_printf(&b, "%d", 67);
	assert_holds(&b, "1234567");
	assert_ptr_equal(b.ptr, storage);
	buf_add_char(&b, '8');
	assert_false(buf_ok(&b));
	assert_ptr_equal(b.ptr, storage);
	assert_int_equal(storage[8], '#');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appending),
		cmocka_unit_test(growing_keeps_what_is_there),
		cmocka_unit_test(reserving),
		cmocka_unit_test(the_limit_is_exact_and_the_error_sticks),
		cmocka_unit_test(no_memory_is_an_error_not_an_end),
		cmocka_unit_test(taking),
		cmocka_unit_test(taking_any_length),
		cmocka_unit_test(fixed_storage_never_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
