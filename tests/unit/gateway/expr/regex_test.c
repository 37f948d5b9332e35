/* regex_test.c - finding, groups, replacing; and expressions that explode. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/expr/regex.h"
#include "shared/base/clock.h"
#include "tests/unit/gateway/support/rules.h"

static struct rules t;

static int begin(void **state)
{
	(void)state;
	rules_setup(&t);
	rules_exchange(&t, RULES_ARENA);
	return 0;
}

static int end(void **state)
{
	(void)state;
	rules_cleanup(&t);
	return 0;
}

static struct regex *compiled(const char *pattern, bool ignore_case)
{
	struct regex *r = regex_parse(words_line(&t.w, ""), slice_str(pattern), ignore_case, true);

	if (r == NULL)
		fail_msg("%s", words_said(&t.w));
	return r;
}

static bool found(const char *pattern, bool ignore_case, const char *text)
{
	return regex_find(compiled(pattern, ignore_case), &t.x, slice_str(text), 0, NULL);
}

static void finding(void **state)
{
	(void)state;
	assert_true(found("b+", false, "abbc"));
	assert_false(found("^b", false, "abbc"));
	assert_false(found("B", false, "abc"));
	assert_true(found("B", true, "abc"));
	assert_true(found("^$", false, ""));
	assert_true(regex_find(compiled("^$", false), &t.x, SLICE_NONE, 0, NULL));
	assert_true(found("a.c", false, "a\xff" "c")); /* bytes, not characters */
	assert_true(regex_find(compiled("a.c", false), &t.x, slice_of("a\0c", 3), 0, NULL));
	/* from a place on: what is before it is context */
	assert_false(regex_find(compiled("^b", false), &t.x, SLICE_LIT("ab"), 1, NULL));
	assert_true(regex_find(compiled("b", false), &t.x, SLICE_LIT("ab"), 1, NULL));
	assert_false(regex_find(compiled("a", false), &t.x, SLICE_LIT("ab"), 1, NULL));
	assert_true(regex_find(compiled("$", false), &t.x, SLICE_LIT("ab"), 2, NULL));
}

static void groups(void **state)
{
	struct regex_match m;

	(void)state;
	assert_true(regex_find(compiled("(\\w+)/(x)?(\\d*)", false), &t.x, SLICE_LIT("-ab/42-"), 0, &m));
	assert_true(slice_eq(m.group[0], SLICE_LIT("ab/42")));
	assert_true(slice_eq(m.group[1], SLICE_LIT("ab")));
	assert_null(m.group[2].ptr); /* took no part */
	assert_true(slice_eq(m.group[3], SLICE_LIT("42")));
	assert_null(m.group[4].ptr);
	assert_null(m.group[9].ptr);
	/* more groups than are kept */
	assert_true(regex_find(compiled("(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)(k)", false), &t.x, SLICE_LIT("abcdefghijk"), 0, &m));
	assert_true(slice_eq(m.group[9], SLICE_LIT("i")));
	/* groups that are not wanted */
	assert_true(regex_find(regex_parse(words_line(&t.w, ""), SLICE_LIT("(a)"), false, false), &t.x, SLICE_LIT("a"), 0, &m));
	assert_true(slice_eq(m.group[0], SLICE_LIT("a")));
	assert_null(m.group[1].ptr);
}

static void replacing(void **state)
{
	static const struct {
		const char *pattern, *text, *with;
		bool all;
		const char *result;
	} cases[] = {
		{ "b", "abcb", "X", false, "aXcb" }, { "b", "abcb", "X", true, "aXcX" }, { "b", "abcb", "", true, "ac" }, { "x", "abc", "X", true, "abc" },
		{ "(a)(b)", "xaby", "\\2\\1", false, "xbay" }, { "b", "abc", "<\\0>", false, "a<b>c" }, { "(x)?b", "abc", "<\\1>", false, "a<>c" },
		{ "b", "abc", "\\\\", false, "a\\c" }, { "b", "abc", "\\x41", false, "aAc" }, { "b+", "abbbc", "X", true, "aXc" },
		{ "^a", "aaa", "X", true, "Xaa" }, /* what was replaced is context */
		{ "x*", "ab", "-", true, "-a-b-" }, { "$", "ab", "!", false, "ab!" }, { "a", "", "X", true, "" }, { "^", "", "X", true, "X" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice out = regex_replace(compiled(cases[i].pattern, false), &t.x, slice_str(cases[i].text), slice_str(cases[i].with),
						 cases[i].all);

		if (strcmp(rules_text(&t, out), cases[i].result) != 0)
			fail_msg("s/%s/%s/ of '%s' gives '%s', not '%s'", cases[i].pattern, cases[i].with, cases[i].text, t.copy, cases[i].result);
	}
}

static void what_did_not_change_is_not_copied(void **state)
{
	struct slice text = SLICE_LIT("abc");

	(void)state;
	assert_ptr_equal(regex_replace(compiled("x", false), &t.x, text, SLICE_LIT("y"), true).ptr, text.ptr);
}

static void without_memory(void **state)
{
	struct regex *r = compiled("b", false);
	struct regex_match m;

	(void)state;
	rules_exchange(&t, 64);
	rules_exhaust(&t);
	assert_true(regex_find(r, &t.x, SLICE_LIT("abc"), 0, &m));
	assert_null(regex_replace(r, &t.x, SLICE_LIT("abc"), SLICE_LIT("X"), false).ptr);
	assert_null(regex_expand(&t.x, SLICE_LIT("\\0"), &m).ptr);
}

/* Backtracking has an end: it counts as no match, after milliseconds and not years. */
static void expressions_that_explode(void **state)
{
	struct regex *r = compiled("^(a+)+$", false);
	char text[64];
	int64_t start = clock_mono_us();

	(void)state;
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = 'b';
	assert_false(regex_find(r, &t.x, slice_of(text, sizeof(text)), 0, NULL));
	assert_true(clock_mono_us() - start < 5000000);
	assert_true(regex_find(r, &t.x, SLICE_LIT("aaaa"), 0, NULL)); /* and the next one is as always */
}

static void mistakes(void **state)
{
	static const char *const patterns[] = { "(", "[a", "*", "a{2,1}", "(?<x", "\\" };
	static const char *const bad[] = { "\\", "a\\", "\\a", "\\x4", "\\xzz", "\\x" };
	static const char *const good[] = { "", "a", "\\1", "\\\\", "\\x41", "a\\0b\\9", "$&" };

	(void)state;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		if (regex_parse(words_line(&t.w, ""), slice_str(patterns[i]), false, true) != NULL)
			fail_msg("'%s' was taken", patterns[i]);
		assert_non_null(strstr(words_said(&t.w), "is invalid (error="));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (regex_check_replacement(words_line(&t.w, ""), slice_str(bad[i])))
			fail_msg("'%s' was taken", bad[i]);
		assert_non_null(strstr(words_said(&t.w), "a backslash must stand before a digit"));
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!regex_check_replacement(words_line(&t.w, ""), slice_str(good[i])))
			fail_msg("'%s': %s", good[i], words_said(&t.w));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(finding), TEST(groups), TEST(replacing), TEST(what_did_not_change_is_not_copied), TEST(without_memory),
		TEST(expressions_that_explode), TEST(mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
