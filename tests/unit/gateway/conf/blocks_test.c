/* blocks_test.c - .if, .elif, .else and .endif: which lines count; .notice, .warning, .alert and .diag. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/conf/blocks.h"
#include "tests/unit/gateway/support/reading.h"

/* Lines that count are seen by their warnings: .warning says its word. */
static void the_first_that_holds_counts(void **state)
{
	(void)state;
	reading_text(".if 1\n.warning a\n.endif\n", "warning 2: 'a'.\n");
	reading_text(".if 0\n.warning a\n.endif\n", NULL);
	reading_text(".if\n.warning a\n.endif\n", NULL); /* nothing is false */
	reading_text(".if 0\n.warning a\n.else\n.warning b\n.endif\n", "warning 4: 'b'.\n");
	reading_text(".if 1\n.warning a\n.else\n.warning b\n.endif\n", "warning 2: 'a'.\n");
	reading_text(".if 1\n.warning a\n.elif 1\n.warning b\n.else\n.warning c\n.endif\n", "warning 2: 'a'.\n");
	reading_text(".if 0\n.warning a\n.elif 1\n.warning b\n.elif 1\n.warning c\n.else\n.warning d\n.endif\n", "warning 4: 'b'.\n");
	reading_text(".if 0\n.warning a\n.elif 0\n.warning b\n.else\n.warning c\n.endif\n.warning d\n", "warning 6: 'c'.\nwarning 8: 'd'.\n");
}

static void blocks_stand_inside_each_other(void **state)
{
	(void)state;
	reading_text(".if 1\n.if 0\n.warning a\n.else\n.warning b\n.endif\n.warning c\n.endif\n", "warning 5: 'b'.\nwarning 7: 'c'.\n");
	/* in what does not count nothing counts */
	reading_text(".if 0\n.if 1\n.warning a\n.elif 1\n.warning b\n.else\n.warning c\n.endif\n.warning d\n.endif\n", NULL);
	reading_text(".if 1\n.elif 1\n.if 1\n.warning a\n.endif\n.else\n.if 1\n.warning b\n.endif\n.endif\n", NULL);
	/* and nothing is understood */
	reading_text(".if 0\nxyzzy\n.xyzzy\n.if foo\n.elif foo\n.endif\n.alert a\n.endif\n", NULL);
	reading_text(".if 1\n.elif foo\n.endif\n", NULL);
}

static void lines_of_sections_are_left_out(void **state)
{
	struct reading r;

	(void)state;
	reading_of(&r, SLICE_LIT("global\n.if streq(a,b)\n maxconn 1\n.elif !streq(a,b)\n maxconn 2\n.else\n maxconn 3\n.endif\n nbthread 1\n"));
	assert_string_equal(r.said.ptr, "");
	assert_int_equal(r.c->maxconn, 2);
	assert_int_equal(r.c->threads, 1);
	reading_free(&r);
}

static void the_environment_is_read_in_its_time(void **state)
{
	(void)state;
	assert_int_equal(unsetenv("BLOCKS"), 0);
	reading_text("global\n.if defined(BLOCKS)\n.warning a\n.endif\n setenv BLOCKS 1\n.if defined(BLOCKS) && streq(\"$BLOCKS\",1)\n.warning b\n.endif\n",
		     "warning 7: 'b'.\n");
	assert_int_equal(unsetenv("BLOCKS"), 0);
}

static void what_is_out_of_order(void **state)
{
	(void)state;
	reading_text(".endif\n", "alert 1: lone '.endif' with no matching '.if'.\n");
	reading_text(".else\n", "alert 1: lone '.else' with no matching '.if'.\n");
	reading_text(".elif 1\n", "alert 1: lone '.elif' with no matching '.if'.\n");
	reading_text(".if 1\n", "alert 1: non-terminated '.if' block.\n");
	reading_text(".if 0\n.else\n.elif 1\n.endif\n", "alert 3: '.elif' after '.else' is not permitted\n");
	reading_text(".if 1\n.else\n.elif 1\n.endif\n", "alert 3: '.elif' after '.else' is not permitted\n");
	reading_text(".if 0\n.else\n.else\n.endif\n", "alert 3: '.else' after '.else' is not permitted\n");
	reading_text(".if 1\n.else\n.else\n.endif\n", "alert 3: '.else' after '.else' is not permitted\n");
	reading_text(".if 1\n.else x\n.endif\n", "alert 2: '.else' cannot handle unexpected argument 'x'\n");
	reading_text(".if 1\n.endif x\n", "alert 2: '.endif' cannot handle unexpected argument 'x'\n");
}

/* A condition that is not understood holds nowhere, and neither do those behind it. */
static void conditions_that_are_not_understood(void **state)
{
	(void)state;
	reading_text(".if foo\n.warning a\n.elif 1\n.warning b\n.else\n.warning c\n.endif\n",
		     "alert 1: unparsable conditional expression 'foo' in '.if' at position 1\n");
	reading_text(".if 0\n.elif 1 && foo\n.warning a\n.else\n.warning b\n.endif\n",
		     "alert 2: unparsable conditional expression 'foo' in '.elif' at position 6\n");
	reading_text(".if streq(a)\n.endif\n", "alert 1: missing arguments of predicate 'streq' in '.if' at position 8\n");
}

static void levels_are_limited(void **state)
{
	struct buf text;
	struct reading r;

	(void)state;
	buf_init(&text, 0);
	for (int i = 0; i < BLOCKS_MOST; i++)
		buf_add_str(&text, ".if 1\n");
	for (int i = 0; i < BLOCKS_MOST; i++)
		buf_add_str(&text, ".endif\n");
	reading_of(&r, buf_slice(&text));
	assert_string_equal(r.said.ptr, "");
	reading_free(&r);
	buf_clear(&text);
	for (int i = 0; i < BLOCKS_MOST + 1; i++)
		buf_add_str(&text, ".if 1\n");
	for (int i = 0; i < BLOCKS_MOST; i++)
		buf_add_str(&text, ".endif\n");
	reading_of(&r, buf_slice(&text));
	assert_string_equal(r.said.ptr, "alert 17: too many nested '.if', max is 16\n");
	reading_free(&r);
	buf_free(&text);
}

static void messages(void **state)
{
	static const struct reading_row rows[] = {
		{ ".notice a", "=notice 1: 'a'.\n" },
		{ ".warning 'a b'", "warning: 'a b'." },
		{ ".alert \"a b\"", "'a b'." },
		{ ".diag a", NULL },
		{ ".notice", "=notice 1: ''.\n" },
		{ ".notice a b", "unexpected argument 'b' for '.notice'. Use quotes if the message should contain spaces." },
		{ ".diag a b", "unexpected argument 'b' for '.diag'. Use quotes if the message should contain spaces." },
		{ ".warnin a", "unknown directive '.warnin'; did you mean '.warning' maybe ?" },
		{ ".xyzzy a", "unknown directive '.xyzzy'." },
		{ ".", "unknown directive '.'." },
	};

	(void)state;
	reading_lines("", rows, READING_COUNT(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_that_holds_counts), cmocka_unit_test(blocks_stand_inside_each_other),
		cmocka_unit_test(lines_of_sections_are_left_out), cmocka_unit_test(the_environment_is_read_in_its_time),
		cmocka_unit_test(what_is_out_of_order), cmocka_unit_test(conditions_that_are_not_understood),
		cmocka_unit_test(levels_are_limited), cmocka_unit_test(messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
