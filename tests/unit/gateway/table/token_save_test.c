/* token_save_test.c - the table of facts as text: whole, in parts, as single lines, and text that is no good. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "gateway/table/tokens.h"

#define MOST 100000 /* so many that the table has several parts */

static struct slice facts_of(struct token_table *t, const char *token, int64_t now_ms, char space[TOKENS_VALUE_MOST])
{
	return slice_of(space, tokens_for_request(t, slice_str(token), SLICE_NONE, now_ms, space, TOKENS_VALUE_MOST));
}

static void assert_facts(struct token_table *t, const char *token, int64_t now_ms, const char *expected)
{
	char space[TOKENS_VALUE_MOST + 1];
	struct slice facts = facts_of(t, token, now_ms, space);

	space[facts.len] = '\0';
	assert_string_equal(space, expected);
}

static void made(struct token_table *t, const char *token, const char *facts, int64_t now_ms)
{
	tokens_of_response(t, slice_str(token), slice_str(facts), SLICE_NONE, now_ms);
}

static void round_trip(void **state)
{
	struct token_table *a = token_table_create(MOST, 0), *b = token_table_create(MOST, 400000);
	struct buf whole, parts;
	unsigned part = 0;
	char name[16];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		made(a, name, "a50=1.7, v33=1000.ab", 1000);
	}
	buf_init(&whole, 0);
	buf_init(&parts, 0);
	token_table_write(a, 2000, &whole);
	while (token_table_write_part(a, part, 2000, &parts))
		part++;
	assert_true(part > 1);
	assert_true(slice_eq(buf_slice(&whole), buf_slice(&parts)));
	token_table_read(b, buf_slice(&whole), 500000); /* another clock */
	assert_int_equal(token_table_counts(b).users, 100);
	assert_facts(b, "t42", 500000, "a50=1.7, v33=1000.ab");
	assert_facts(b, "t42", 500000 + 28000, "a50=1.7, v33=1000.ab");
	tokens_hear(b, (const bool[FACT_DOMAINS]){ false }, 500000 + 29001);
	assert_facts(b, "t42", 500000 + 29001, ""); /* their age came along */
	buf_free(&whole);
	buf_free(&parts);
	token_table_free(&a);
	token_table_free(&b);
}

static void lines(void **state)
{
	struct token_table *t = token_table_create(MOST, 0);
	char line[16384];
	size_t len = token_line(SLICE_LIT("t"), SLICE_LIT("a50=1.7, nonsense, v33=1000.ab"), line, sizeof(line));

	(void)state;
	assert_true(len > 0);
	token_table_read(t, slice_of(line, len), 1000);
	assert_facts(t, "t", 1000, "a50=1.7, v33=1000.ab");
	assert_facts(t, "other", 1000, "");
	assert_int_equal(token_line(SLICE_LIT("t"), SLICE_LIT("nonsense"), line, sizeof(line)), 0);
	assert_int_equal(token_line(SLICE_LIT("t"), SLICE_NONE, line, sizeof(line)), 0);
	assert_int_equal(token_line(SLICE_LIT("t"), SLICE_LIT("a50=1.7"), line, 10), 0);
	assert_int_equal(token_line(SLICE_LIT("t"), SLICE_LIT("a50=1.7"), line, 0), 0);
	token_table_free(&t);
}

/* A line that is told again, or is older than what is held, changes nothing. */
static void merged(void **state)
{
	struct token_table *t = token_table_create(MOST, 0);
	char line[16384];
	size_t len = token_line(SLICE_LIT("t"), SLICE_LIT("a50=0.5"), line, sizeof(line));

	(void)state;
	made(t, "t", "a50=1.7", 1000);
	for (int i = 0; i < 2; i++) {
		token_table_read(t, slice_of(line, len), 1000);
		assert_facts(t, "t", 1000, "a50=1.7");
	}
	token_table_free(&t);
}

static void nonsense(void **state)
{
	static const char *const texts[] = {
		"", "\n\n", "x", "0123 0 a50=1.7", "1\n# be_id be_name",
		"E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855 0 a50=1.7", /* capitals */
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 -1 a50=1.7",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 99999999999 a50=1.7",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 ? 0 a50=1.7",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 a50=1.7 0 nonsense",
	};
	struct token_table *t = token_table_create(MOST, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		token_table_read(t, slice_str(texts[i]), 1000);
	assert_int_equal(token_table_counts(t).users, 0);
	token_table_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip), cmocka_unit_test(lines), cmocka_unit_test(merged), cmocka_unit_test(nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
