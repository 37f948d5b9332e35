/* words_test.c - what words a line is taken apart into, and of which byte it is said that it cannot be. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "gateway/conf/parse.h"
#include "gateway/conf/words.h"
#include "shared/base/buf.h"

/* Words of <line>, each in brackets, or "column: what is wrong". */
static const char *split(struct buf *out, struct slice line)
{
	const struct words_place place = { .file = SLICE("dir/a.cfg"), .section = SLICE("fe"), .line = 12 };
	struct slice words[PARSE_WORDS_MAX + 1];
	struct words_error error = { 0 };
	struct arena *arena = arena_create(1024, 0);
	unsigned count = 0;

	buf_clear(out);
	if (!words_split(arena, line, &place, words, &count, &error))
		buf_printf(out, "%zu: %s", error.column, error.what);
	else
		for (unsigned i = 0; i < count; i++) {
			assert_int_equal(words[i].ptr[words[i].len], '\0');
			buf_printf(out, "[%.*s]", SLICE_ARG(words[i]));
		}
	buf_add_char(out, '\0');
	arena_free(&arena);
	return out->ptr;
}

struct row {
	const char *line, *want;
};

static void check(const struct row *rows, size_t count)
{
	struct buf out;

	buf_init(&out, 0);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(split(&out, slice_str(rows[i].line)), rows[i].want);
	buf_free(&out);
}
#define CHECK(rows) check(rows, sizeof(rows) / sizeof((rows)[0]))

static void blanks_part_words(void **state)
{
	static const struct row rows[] = {
		{ "", "" },
		{ "  \t ", "" },
		{ "a", "[a]" },
		{ " a\tbc  d ", "[a][bc][d]" },
		{ "a\vb\fc", "[a][b][c]" },
		{ "a|b;c", "[a|b;c]" },
		{ "\xc3\xa4 \xff", "[\xc3\xa4][\xff]" },
	};

	(void)state;
	CHECK(rows);
}

static void comments_end_the_line(void **state)
{
	static const struct row rows[] = {
		{ "# a", "" },
		{ "a # b", "[a]" },
		{ "a#b", "[a]" }, /* HAProxy as well: anywhere outside quotes */
		{ "a '#b' \"#c\" \\#d #e", "[a][#b][#c][#d]" },
		{ "a # \" unmatched", "[a]" },
	};

	(void)state;
	CHECK(rows);
}

static void quotes_join(void **state)
{
	static const struct row rows[] = {
		{ "a 'b c' d", "[a][b c][d]" },
		{ "a \"b c\" d", "[a][b c][d]" },
		{ "a'b c'd\"e f\"g", "[ab cde fg]" },
		{ "''", "[]" },
		{ "a \"\" b", "[a][][b]" },
		{ "a''", "[a]" },
		{ "'a\"b' \"c'd\"", "[a\"b][c'd]" },
		{ "'a\\nb\\' c", "[a\\nb\\][c]" },
		{ "'$HOME ${HOME}'", "[$HOME ${HOME}]" },
		{ "\"a\tb\"", "[a\tb]" },
		{ "'a\rb'", "[a\rb]" },
		{ "a 'b", "2: unmatched quote" },
		{ "a \"b'", "2: unmatched quote" },
		{ "'a' 'b' \"", "8: unmatched quote" },
	};

	(void)state;
	CHECK(rows);
}

static void backslashes_escape(void **state)
{
	static const struct row rows[] = {
		{ "a\\ b", "[a b]" },
		{ "a\\\\b", "[a\\b]" },
		{ "\\'a\\\"", "['a\"]" },
		{ "a\\#b", "[a#b]" },
		{ "\\t\\n\\r", "[\t\n\r]" },
		{ "\\x41\\x4a\\x4A", "[AJJ]" },
		{ "\"\\x41\\t\\\"\\\\\"", "[A\t\"\\]" },
		{ "a\\x20b", "[a b]" },
		{ "\\.\\d\\1\\X41", "[\\.\\d\\1\\X41]" }, /* no escapes: regular expressions have them */
		{ "\\$a", "[\\$a]" },
		{ "\"\\$a\"", "[$a]" },
		{ "a\\", "1: a backslash does not continue a line" },
		{ "\"a\\", "2: a backslash does not continue a line" },
		{ "a\\\tb", "1: a backslash does not keep a tab: use \\t or quotes" },
		{ "\"\\\tb\"", "[\\\tb]" },
		{ "a \\x4", "2: truncated or invalid hexadecimal sequence" },
		{ "a \\x", "2: truncated or invalid hexadecimal sequence" },
		{ "a \\xg1", "2: truncated or invalid hexadecimal sequence" },
		{ "\\x00", "0: character \\x00 is not possible" },
	};

	(void)state;
	CHECK(rows);
}

static void double_quotes_expand_the_environment(void **state)
{
	static const struct row rows[] = {
		{ "$WORDS ${WORDS}", "[$WORDS][${WORDS}]" }, /* not outside quotes */
		{ "\"$WORDS\"", "[one two]" },
		{ "\"a${WORDS}b\"", "[aone twob]" },
		{ "\"$WORDS-x\"", "[one two-x]" },
		{ "\"$WORDS\"x", "[one twox]" },
		{ "\"$WORDS_\"", "[]" },
		{ "\"${NONE}\"", "[]" },
		{ "\"${NONE-dflt a}\"", "[dflt a]" },
		{ "\"${NONE-}\"", "[]" },
		{ "\"${WORDS-dflt}\"", "[one two]" },
		{ "\"${EMPTY-dflt}\"", "[]" }, /* set is set */
		{ "\"${NONE-a-b$c}\"", "[a-b$c]" },
		{ "\"$_W1\"", "[w]" },
	};

	(void)state;
	CHECK(rows);
}

static void a_list_is_expanded_into_words(void **state)
{
	static const struct row rows[] = {
		{ "\"${WORDS[*]}\"", "[one][two]" },
		{ "a\"${WORDS[*]}\"b", "[aone][twob]" },
		{ "\"${LINES_[*]}\"", "[][a][b][c][]" }, /* blanks at its ends make empty words, as in HAProxy */
		{ "\"${NONE[*]}\"", "[]" },
	};

	(void)state;
	CHECK(rows);
}

static void places_are_known(void **state)
{
	static const struct row rows[] = {
		{ "\"$.FILE\" \"${.LINE}\" \"$.SECTION\"", "[dir/a.cfg][12][fe]" },
		{ "\"$.OTHER\"", "2: unknown pseudo-variable, not .FILE, .LINE or .SECTION" },
		{ "\"${.}\"", "3: unknown pseudo-variable, not .FILE, .LINE or .SECTION" },
	};

	(void)state;
	CHECK(rows);
}

static void bad_variables(void **state)
{
	static const struct row rows[] = {
		{ "\"$\"", "2: forbidden first char in environment variable name" },
		{ "\"a $1\"", "4: forbidden first char in environment variable name" },
		{ "\"${}\"", "3: forbidden first char in environment variable name" },
		{ "\"${A\"", "2: unmatched brace in environment variable name" },
		{ "\"${A-b\"", "2: unmatched brace in environment variable name" },
		{ "\"${A:-b}\"", "2: unmatched brace in environment variable name" },
		{ "\"${WORDS[*}\"", "8: truncated or invalid word expansion sequence" },
		{ "\"${WORDS[1]}\"", "8: truncated or invalid word expansion sequence" },
		{ "\"${WORDS[*]-a}\"", "2: unmatched brace in environment variable name" },
	};

	(void)state;
	CHECK(rows);
}

static void a_name_too_long_is_no_variable(void **state)
{
	char line[320];
	struct buf out;

	(void)state;
	buf_init(&out, 0);
	memset(line, 'A', sizeof(line));
	memcpy(line, "\"$", 2);
	line[sizeof(line) - 1] = '"';
	assert_string_equal(split(&out, slice_of(line, sizeof(line))), "[]");
	buf_free(&out);
}

static void bytes_that_no_line_has(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 0);
	assert_string_equal(split(&out, slice_of("ab\0c", 4)), "2: NUL character");
	assert_string_equal(split(&out, slice_of("\"a\0\"", 4)), "2: NUL character");
	assert_string_equal(split(&out, SLICE_LIT("ab\rc")), "2: carriage return inside the line");
	buf_free(&out);
}

/* "a a a …": <count> words; the last one with <end> behind it. */
static const char *many(struct buf *out, unsigned count, const char *end)
{
	struct buf line;

	buf_init(&line, 0);
	for (unsigned i = 0; i < count; i++)
		buf_add_str(&line, i == 0 ? "a" : " a");
	buf_add_str(&line, end);
	split(out, buf_slice(&line));
	buf_free(&line);
	return out->ptr;
}

static void a_line_has_at_most_64_words(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 0);
	assert_int_equal(PARSE_WORDS_MAX, 64);
	assert_int_equal(strlen(many(&out, 64, "")), 64 * 3);
	assert_int_equal(strlen(many(&out, 64, "  # b")), 64 * 3);
	assert_string_equal(many(&out, 65, ""), "129: too many words");
	assert_string_equal(many(&out, 65, " b"), "130: too many words");
	assert_string_equal(many(&out, 64, " \"${WORDS[*]}\""), "140: too many words");
	buf_free(&out);
}

static int environment(void **state)
{
	(void)state;
	clearenv();
	assert_int_equal(setenv("WORDS", "one two", 1), 0);
	assert_int_equal(setenv("LINES_", " a\tb\n\r c ", 1), 0);
	assert_int_equal(setenv("EMPTY", "", 1), 0);
	assert_int_equal(setenv("_W1", "w", 1), 0);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blanks_part_words), cmocka_unit_test(comments_end_the_line), cmocka_unit_test(quotes_join),
		cmocka_unit_test(backslashes_escape), cmocka_unit_test(double_quotes_expand_the_environment),
		cmocka_unit_test(a_list_is_expanded_into_words), cmocka_unit_test(places_are_known), cmocka_unit_test(bad_variables),
		cmocka_unit_test(a_name_too_long_is_no_variable), cmocka_unit_test(bytes_that_no_line_has),
		cmocka_unit_test(a_line_has_at_most_64_words),
	};

	return cmocka_run_group_tests(tests, environment, NULL);
}
