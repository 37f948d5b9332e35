/* slice_test.c - comparing, cutting, numbers at their limits, UTF-8 well and badly formed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "shared/base/slice.h"

#define assert_slice(s, text)                                                                                          \
	do {                                                                                                           \
		struct slice got_ = (s);                                                                               \
		assert_non_null(got_.ptr);                                                                             \
		assert_int_equal(got_.len, strlen(text));                                                              \
		assert_memory_equal(got_.ptr, text, got_.len);                                                         \
	} while (0)

static void making(void **state)
{
	static const struct slice fixed = SLICE("abc");

	(void)state;
	assert_slice(fixed, "abc");
	assert_slice(slice_str("xy"), "xy");
	assert_slice(slice_str(""), "");
	assert_null(slice_str(NULL).ptr);
	assert_int_equal(slice_of(NULL, 5).len, 0);
	assert_int_equal(SLICE_LIT("a\0b").len, 3);
}

static void equality(void **state)
{
	(void)state;
	assert_true(slice_eq(SLICE_LIT("abc"), SLICE_LIT("abc")));
	assert_false(slice_eq(SLICE_LIT("abc"), SLICE_LIT("abd")));
	assert_false(slice_eq(SLICE_LIT("abc"), SLICE_LIT("ab")));
	assert_true(slice_eq(SLICE_NONE, SLICE_LIT("")));
	assert_false(slice_eq(SLICE_LIT("a\0b"), SLICE_LIT("a\0c")));
	assert_true(slice_eq_nocase(SLICE_LIT("Content-Type"), SLICE_LIT("content-TYPE")));
	assert_false(slice_eq_nocase(SLICE_LIT("a"), SLICE_LIT("ab")));
	/* '@' and '`', '[' and '{' are 32 apart like letters, but are none */
	assert_false(slice_eq_nocase(SLICE_LIT("@["), SLICE_LIT("`{")));
	assert_false(slice_eq_nocase(SLICE_LIT("\xC4"), SLICE_LIT("\xE4")));
}

static void order(void **state)
{
	(void)state;
	assert_int_equal(slice_cmp(SLICE_LIT("a"), SLICE_LIT("b")), -1);
	assert_int_equal(slice_cmp(SLICE_LIT("b"), SLICE_LIT("a")), 1);
	assert_int_equal(slice_cmp(SLICE_LIT("ab"), SLICE_LIT("ab")), 0);
	assert_int_equal(slice_cmp(SLICE_LIT("ab"), SLICE_LIT("abc")), -1);
	assert_int_equal(slice_cmp(SLICE_LIT("abc"), SLICE_LIT("ab")), 1);
	assert_int_equal(slice_cmp(SLICE_LIT("\xFF"), SLICE_LIT("a")), 1);
	assert_int_equal(slice_cmp(SLICE_NONE, SLICE_LIT("a")), -1);
	assert_int_equal(slice_cmp(SLICE_NONE, SLICE_NONE), 0);
}

static void parts(void **state)
{
	struct slice s = SLICE("hello");

	(void)state;
	assert_true(slice_starts_with(s, SLICE_LIT("he")));
	assert_true(slice_starts_with(s, SLICE_LIT("")));
	assert_true(slice_starts_with(s, s));
	assert_false(slice_starts_with(s, SLICE_LIT("hello!")));
	assert_false(slice_starts_with(s, SLICE_LIT("lo")));
	assert_slice(slice_sub(s, 1, 3), "el");
	assert_slice(slice_sub(s, 3, 99), "lo");
	assert_slice(slice_sub(s, 9, 99), "");
	assert_slice(slice_sub(s, 3, 1), "");
	assert_slice(slice_sub(s, 0, SIZE_MAX), "hello");
	assert_null(slice_sub(SLICE_NONE, 1, 2).ptr);
	assert_int_equal(slice_find(s, 'l'), 2);
	assert_int_equal(slice_find(s, 'x'), 5);
	assert_int_equal(slice_find(SLICE_NONE, 'x'), 0);
	assert_slice(slice_trim(SLICE_LIT(" \t a b\t ")), "a b");
	assert_slice(slice_trim(SLICE_LIT(" \t ")), "");
	assert_slice(slice_trim(SLICE_LIT("\na")), "\na");
	assert_null(slice_trim(SLICE_NONE).ptr);
}

static void cutting(void **state)
{
	struct slice s = SLICE("a,,b,");

	(void)state;
	assert_slice(slice_cut(&s, ','), "a");
	assert_slice(slice_cut(&s, ','), "");
	assert_slice(slice_cut(&s, ','), "b");
	assert_slice(s, "");
	assert_slice(slice_cut(&s, ','), "");
	assert_null(s.ptr);
	assert_null(slice_cut(&s, ',').ptr);
}

static void refuse_u64(const char *text, uint64_t max)
{
	uint64_t n = 42;

	assert_false(slice_to_u64(slice_str(text), max, &n));
	assert_int_equal(n, 42); /* untouched */
}

static void unsigned_numbers(void **state)
{
	static const char *const bad[] = { "", "00", "01", "+1", "-1", " 1", "1 ", "1e2", "5.0", "0x1", "1a", "\xEF\xBC\x91" };
	uint64_t n;

	(void)state;
	assert_true(slice_to_u64(SLICE_LIT("0"), 0, &n));
	assert_int_equal(n, 0);
	assert_true(slice_to_u64(SLICE_LIT("18446744073709551615"), UINT64_MAX, &n));
	assert_true(n == UINT64_MAX);
	refuse_u64("18446744073709551616", UINT64_MAX);
	refuse_u64("99999999999999999999", UINT64_MAX);
	refuse_u64("184467440737095516150", UINT64_MAX);
	assert_true(slice_to_u64(SLICE_LIT("1000"), 1000, &n));
	refuse_u64("1001", 1000);
	refuse_u64("9", 5);
	refuse_u64("1", 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refuse_u64(bad[i], UINT64_MAX);
	assert_false(slice_to_u64(SLICE_NONE, 1, &n));
	assert_false(slice_to_u64(SLICE_LIT("1\0"), UINT64_MAX, &n));
}

static void every_small_maximum(void **state)
{
	char text[8];
	uint64_t n;

	(void)state;
	for (uint64_t max = 0; max < 130; max++) {
		for (unsigned i = 0; i < 200; i++) {
			snprintf(text, sizeof(text), "%u", i);
			assert_int_equal(slice_to_u64(slice_str(text), max, &n), i <= max);
		}
	}
}

static void signed_numbers(void **state)
{
	static const char *const bad[] = { "", "-", "--1", "-0", "-01", "+1", "9223372036854775808", "-9223372036854775809" };
	int64_t n;

	(void)state;
	assert_true(slice_to_i64(SLICE_LIT("9223372036854775807"), &n));
	assert_true(n == INT64_MAX);
	assert_true(slice_to_i64(SLICE_LIT("-9223372036854775808"), &n));
	assert_true(n == INT64_MIN);
	assert_true(slice_to_i64(SLICE_LIT("-1"), &n));
	assert_int_equal(n, -1);
	assert_true(slice_to_i64(SLICE_LIT("0"), &n));
	assert_int_equal(n, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(slice_to_i64(slice_str(bad[i]), &n));
	assert_false(slice_to_i64(SLICE_NONE, &n));
}

static void ids(void **state)
{
	static const char *const bad[] = { "0", "050", "5.0", "+5", "1e2", "-1", "", "2147483648", "99999999999999999999", "5 " };
	uint32_t id;

	(void)state;
	assert_true(slice_to_id(SLICE_LIT("1"), &id));
	assert_int_equal(id, 1);
	assert_true(slice_to_id(SLICE_LIT("2147483647"), &id));
	assert_int_equal(id, 2147483647);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(slice_to_id(slice_str(bad[i]), &id));
}

static void hex_digits(void **state)
{
	static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";

	(void)state;
	for (int c = 0; c < 256; c++) {
		const char *found = c == '\0' ? NULL : strchr(lower, c);

		if (found == NULL && c != '\0' && strchr(upper, c) != NULL)
			found = lower + (strchr(upper, c) - upper);
		assert_int_equal(slice_hex_digit((char)c), found == NULL ? -1 : found - lower);
	}
}

static void good_utf8(void **state)
{
	(void)state;
	assert_true(slice_is_utf8(SLICE_NONE));
	assert_true(slice_is_utf8(SLICE_LIT("plain")));
	assert_true(slice_is_utf8(SLICE_LIT("a\0b")));
	assert_true(slice_is_utf8(SLICE_LIT("모아, 박규경 · 😀")));
	assert_true(slice_is_utf8(SLICE_LIT("\xC2\x80\xDF\xBF")));                 /* ends of two bytes */
	assert_true(slice_is_utf8(SLICE_LIT("\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF")));
	assert_true(slice_is_utf8(SLICE_LIT("\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"))); /* U+10000, U+10FFFF */
	assert_int_equal(slice_utf8_step(SLICE_LIT("")), 0);
	assert_int_equal(slice_utf8_step(SLICE_LIT("a")), 1);
	assert_int_equal(slice_utf8_step(SLICE_LIT("\xC2\x80zz")), 2);
	assert_int_equal(slice_utf8_step(SLICE_LIT("모")), 3);
	assert_int_equal(slice_utf8_step(SLICE_LIT("😀x")), 4);
}

static void bad_utf8(void **state)
{
	static const char *const bad[] = {
		"\x80", "\xBF", "\xC0\x80", "\xC1\xBF",                 /* stray continuation, overlong */
		"\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF",                     /* overlong */
		"\xED\xA0\x80", "\xED\xBF\xBF",                         /* surrogates */
		"\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFE", "\xFF", /* above U+10FFFF */
		"\xC2", "\xE1\x80", "\xF1\x80\x80", "a\xE1",            /* cut short */
		"\xC2z", "\xE1\x80z", "\xF1\x80\x80z", "\xE1z\x80",     /* continuation missing */
		"ok\xC3\x28",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(slice_is_utf8(slice_str(bad[i])));
}

/* Encodes each code point by the definition and asks; then the same with the surrogates. */
static void all_code_points(void **state)
{
	(void)state;
	for (uint32_t c = 0; c <= 0x10FFFF; c++) {
		char b[4];
		size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
		bool surrogate = c >= 0xD800 && c <= 0xDFFF;

		for (size_t i = len - 1; i > 0; i--)
			b[i] = (char)(0x80 | (c >> (6 * (len - 1 - i)) & 0x3F));
		b[0] = len == 1 ? (char)c : (char)(0xF00 >> len | c >> (6 * (len - 1)));
		if (slice_utf8_step(slice_of(b, len)) != (surrogate ? 0 : len))
			fail_msg("code point U+%04X", c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(making),       cmocka_unit_test(equality),
		cmocka_unit_test(order),        cmocka_unit_test(parts),
		cmocka_unit_test(cutting),      cmocka_unit_test(unsigned_numbers),
		cmocka_unit_test(every_small_maximum), cmocka_unit_test(signed_numbers),
		cmocka_unit_test(ids),          cmocka_unit_test(good_utf8),
		cmocka_unit_test(hex_digits),
		cmocka_unit_test(bad_utf8),     cmocka_unit_test(all_code_points),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
