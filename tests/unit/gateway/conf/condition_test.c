/* condition_test.c - conditions of .if and -cc: what holds, what does not, and where one is not understood. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "gateway/conf/condition.h"
#include "gateway/conf/conf.h"
#include "shared/base/buf.h"

/* "0", "1", or "column: what is wrong", of words that <text> has between blanks. */
static const char *holds(struct buf *out, const char *text)
{
	struct arena *arena = arena_create(1024, 0);
	struct slice rest = slice_str(text), words[64];
	const char *why = NULL;
	size_t column = 0;
	unsigned count = 0;
	int result;

	while (rest.ptr != NULL && count < 64)
		words[count++] = slice_cut(&rest, ' ');
	result = condition_holds(arena, words, count, &why, &column);
	buf_clear(out);
	if (result < 0)
		buf_printf(out, "%zu: %s", column, why);
	else
		buf_printf(out, "%d", result);
	buf_add_char(out, '\0');
	arena_free(&arena);
	return out->ptr;
}

struct row {
	const char *text, *want;
};

/* Texts that are compared begin with the condition, so that a failure shows which it was. */
static void check(const struct row *rows, size_t count)
{
	struct buf out, got, want;

	buf_init(&out, 0);
	buf_init(&got, 0);
	buf_init(&want, 0);
	for (size_t i = 0; i < count; i++) {
		buf_clear(&got);
		buf_clear(&want);
		buf_printf(&got, "%s -> %s%c", rows[i].text, holds(&out, rows[i].text), 0);
		buf_printf(&want, "%s -> %s%c", rows[i].text, rows[i].want, 0);
		assert_string_equal(got.ptr, want.ptr);
	}
	buf_free(&out);
	buf_free(&got);
	buf_free(&want);
}
#define CHECK(rows) check(rows, sizeof(rows) / sizeof((rows)[0]))

static void numbers_hold_unless_zero(void **state)
{
	static const struct row rows[] = {
		{ "", "0" },      { "  ", "0" },   { "0", "0" },     { "00", "0" }, { "1", "1" },
		{ "100", "1" },   { "-1", "1" },   { "+0", "0" },    { "99999999999999999999999999", "1" },
	};

	(void)state;
	CHECK(rows);
}

static void and_is_stronger_than_or(void **state)
{
	static const struct row rows[] = {
		{ "1 && 1", "1" },          { "1 && 0", "0" },         { "0 && 1", "0" },          { "1&&1", "1" },
		{ "0 || 0", "0" },          { "0 || 1", "1" },         { "1 || 0 && 0", "1" },     { "0 && 0 || 1", "1" },
		{ "(1 || 0) && 0", "0" },   { "( ( 1 ) )", "1" },      { "1 && 1 && 0", "0" },     { "0 || 0 || 1", "1" },
		{ "!1", "0" },              { "! 0", "1" },            { "!!1", "1" },             { "!0 && !(0 || 0)", "1" },
		{ "!1 || 1", "1" },         { "\t1\t&&\t1\t", "1" },
	};

	(void)state;
	CHECK(rows);
}

static void predicates(void **state)
{
	static const struct row rows[] = {
		{ "defined(SET)", "1" },           { "defined(NONE)", "0" },           { "defined()", "0" },
		{ "defined( SET)", "0" },          { "!defined(NONE)", "1" },
		{ "feature(EPOLL)", "1" },         { "feature(PCRE2)", "1" },          { "feature(OPENSSL)", "0" },  { "feature(epoll)", "0" },
		{ "streq(a,a)", "1" },             { "streq(a,b)", "0" },              { "streq(,)", "1" },          { "streq(a, a)", "0" },
		{ "strneq(a,b)", "1" },            { "strneq(a,a)", "0" },             { "defined(SET)&&streq(a,a)", "1" },
	};

	(void)state;
	CHECK(rows);
}

static void versions(void **state)
{
	static const struct row rows[] = {
		{ "version_atleast(2)", "1" },          { "version_atleast(2.6)", "1" },         { "version_atleast(2.6.12)", "1" },
		{ "version_atleast(2.6.13)", "0" },     { "version_atleast(2.7)", "0" },         { "version_atleast(3)", "0" },
		{ "version_atleast(2.7-dev1)", "0" },   { "version_atleast(2.6-rc1)", "1" },     { "version_atleast(2.6.12-dev9)", "1" },
		{ "version_before(2.6.12)", "0" },      { "version_before(2.6.13)", "1" },       { "version_before(2.6-dev3)", "0" },
		{ "version_before(2.6.13-rc2)", "1" },
		{ "version_atleast(x)", "18: not a version: 'x'" },
		{ "version_atleast()", "17: not a version: ''" },
		{ "version_before(2.x)", "19: not a version: '2.x'" },
		{ "version_before(2.6.12.1)", "24: not a version: '2.6.12.1'" },
		{ "version_before(2.6-beta1)", "25: not a version: '2.6-beta1'" },
		{ "version_before(2.6-dev)", "23: not a version: '2.6-dev'" },
		{ "version_before(9999999)", "23: not a version: '9999999'" },
	};

	(void)state;
	CHECK(rows);
}

static void arguments_are_quoted_once_more(void **state)
{
	static const struct row rows[] = {
		{ "streq(\"a,b\",'a,b')", "1" },
		{ "streq('a)',a\\))", "14: unexpected words ')' at the end of the conditional expression" }, /* \) is no escape */
		{ "streq(\"a\\\"b\",'a\"b')", "1" },
		{ "streq(a\\tb,a\tb)", "1" },
		{ "streq(a\\nb,'a\nb')", "1" },
		{ "streq(a\\rb,'a\rb')", "1" },
		{ "streq('a\\tb',a\\\\tb)", "1" },  /* no escapes between single quotes */
		{ "streq(\\x,\\x)", "1" },           /* no escape: stays */
		{ "streq(a\\ b,\"a b\")", "1" },
		{ "streq(\"a'b\",a\\'b)", "1" },
	};

	(void)state;
	CHECK(rows);
}

static void what_is_not_understood(void **state)
{
	static const struct row rows[] = {
		{ "foo", "0: unparsable conditional expression 'foo'" },
		{ "foo(1)", "0: unparsable conditional expression 'foo(1)'" },
		{ "defined", "0: unparsable conditional expression 'defined'" },
		{ "defined (A)", "0: unparsable conditional expression 'defined (A)'" },
		{ "definedx(A)", "0: unparsable conditional expression 'definedx(A)'" },
		{ "1 &&", "4: unparsable conditional expression ''" },
		{ "1 && foo", "5: unparsable conditional expression 'foo'" },
		{ "  1 || bar", "7: unparsable conditional expression 'bar'" },
		{ "&& 1", "0: unparsable conditional expression '&& 1'" },
		{ "!", "1: unparsable conditional expression ''" },
		{ "-", "0: unparsable conditional expression '-'" },
		{ "+x", "0: unparsable conditional expression '+x'" },
		{ "()", "1: unparsable conditional expression ')'" },
		{ "(1", "2: expected ')' after conditional expression '(1'" },
		{ "(foo)", "1: unparsable conditional expression 'foo)'" },
		{ "1)", "1: unexpected words ')' at the end of the conditional expression" },
		{ "1 2", "2: unexpected words '2' at the end of the conditional expression" },
		{ "1 | 1", "2: unexpected words '| 1' at the end of the conditional expression" },
		{ "12ab", "2: unexpected words 'ab' at the end of the conditional expression" },
		{ "feature()", "9: missing name in predicate 'feature'" },
		{ "streq(a)", "7: missing arguments of predicate 'streq'" },
		{ "streq(a,b,c)", "9: expected ')' before ',c)' in conditional expression" },
		{ "streq(a,b", "9: expected ')' behind the arguments in 'streq(a,b'" },
		{ "streq('a,b)", "11: unmatched quote in the arguments of predicate 'streq'" },
		{ "0 && foo", "5: unparsable conditional expression 'foo'" }, /* also where it does not matter */
		{ "1 || foo", "5: unparsable conditional expression 'foo'" },
	};

	(void)state;
	CHECK(rows);
}

static void names_that_are_too_long_are_not_defined(void **state)
{
	char text[320];
	struct buf out;

	(void)state;
	buf_init(&out, 0);
	memset(text, 'A', sizeof(text));
	memcpy(text, "defined(", 8);
	memcpy(text + sizeof(text) - 2, ")", 2);
	assert_string_equal(holds(&out, text), "0");
	buf_free(&out);
}

static void depth_is_limited(void **state)
{
	char text[140];
	struct buf out;

	(void)state;
	buf_init(&out, 0);
	memset(text, '!', sizeof(text));
	memcpy(text + 63, "0", 2);
	assert_string_equal(holds(&out, text), "1");
	memcpy(text + 63, "!0", 3);
	assert_string_equal(holds(&out, text), "64: too many levels of conditions in '0'");
	memset(text, '(', 63);
	text[63] = '1';
	memset(text + 64, ')', 63);
	text[64 + 63] = '\0';
	assert_string_equal(holds(&out, text), "1");
	buf_free(&out);
}

static void a_condition_of_the_command_line(void **state)
{
	struct buf messages;

	(void)state;
	buf_init(&messages, 0);
	assert_int_equal(conf_condition(SLICE_LIT("defined(SET) && streq(\"$SET\",1)"), &messages), 1);
	assert_int_equal(conf_condition(SLICE_LIT("0"), &messages), 0);
	assert_int_equal(conf_condition(SLICE_LIT(""), &messages), 0);
	assert_int_equal(messages.len, 0);
	assert_int_equal(conf_condition(SLICE_LIT("foo"), &messages), -1);
	assert_int_equal(conf_condition(SLICE_LIT("streq('a"), &messages), -1);
	buf_add_char(&messages, '\0');
	assert_non_null(strstr(messages.ptr, " : config : Failed to evaluate condition: unparsable conditional expression 'foo'\n"));
	assert_non_null(strstr(messages.ptr, " : config : unmatched quote at position 7:\n  streq('a\n        ^\n"));
	buf_free(&messages);
}

static int environment(void **state)
{
	(void)state;
	clearenv();
	return setenv("SET", "1", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_hold_unless_zero), cmocka_unit_test(and_is_stronger_than_or), cmocka_unit_test(predicates),
		cmocka_unit_test(versions), cmocka_unit_test(arguments_are_quoted_once_more), cmocka_unit_test(what_is_not_understood),
		cmocka_unit_test(names_that_are_too_long_are_not_defined), cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(a_condition_of_the_command_line),
	};

	return cmocka_run_group_tests(tests, environment, NULL);
}
