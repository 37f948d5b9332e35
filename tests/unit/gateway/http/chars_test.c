/* chars_test.c - the table of characters against a plain reading of the grammar, and the fast scan against the table. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "gateway/http/chars.h"

static bool is_alnum(int c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_in(int c, const char *list)
{
	return c != 0 && strchr(list, c) != NULL;
}

static void every_byte_is_what_the_grammar_says(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		assert_int_equal(http_char_is((char)c, HTTP_CHAR_TOKEN), is_alnum(c) || is_in(c, "!#$%&'*+-.^_`|~"));
		assert_int_equal(http_char_is((char)c, HTTP_CHAR_TARGET), c > 0x20 && c < 0x7F && c != '#');
		assert_int_equal(http_char_is((char)c, HTTP_CHAR_HOST), is_alnum(c) || is_in(c, "-._"));
		assert_int_equal(http_char_is((char)c, HTTP_CHAR_VALUE), c == '\t' || (c >= 0x20 && c != 0x7F));
	}
}

static void tokens(void **state)
{
	(void)state;
	assert_true(http_is_token(SLICE_LIT("X-Forwarded-For")));
	assert_true(http_is_token(SLICE_LIT("#")));
	assert_false(http_is_token(SLICE_LIT("")));
	assert_false(http_is_token(SLICE_NONE));
	assert_false(http_is_token(SLICE_LIT("a b")));
	assert_false(http_is_token(SLICE_LIT("a\xC3\xA4")));
	assert_true(http_chars_all(SLICE_NONE, HTTP_CHAR_TARGET));
}

/* Each byte at each place among harmless ones of several kinds: the scan by eight must not be fooled by neighbours. */
static void a_control_character_is_found_everywhere(void **state)
{
	static const char fillers[] = { 'a', ' ', '\t', '\x80', '\xFF', '~' };
	char text[27];

	(void)state;
	for (size_t f = 0; f < sizeof(fillers); f++) {
		for (size_t at = 0; at < sizeof(text); at++) {
			for (int c = 0; c < 256; c++) {
				memset(text, fillers[f], sizeof(text));
				text[at] = (char)c;
				assert_int_equal(http_is_value(slice_of(text, sizeof(text))), c == '\t' || (c >= 0x20 && c != 0x7F));
			}
		}
	}
}

static void no_value_is_a_value(void **state)
{
	(void)state;
	assert_true(http_is_value(SLICE_NONE));
	assert_true(http_is_value(SLICE_LIT("")));
	assert_false(http_is_value(SLICE_LIT("\n")));
	assert_false(http_is_value(SLICE_LIT("12345678\r")));
	assert_true(http_is_value(SLICE_LIT("\t\t\t\t\t\t\t\t")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_is_what_the_grammar_says),
		cmocka_unit_test(tokens),
		cmocka_unit_test(a_control_character_is_found_everywhere),
		cmocka_unit_test(no_value_is_a_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
