/* jdoc_test.c - what is JSON and what is not, by a list of texts, and how values are read. */
#include "shared/io/jdoc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Texts may hold NUL bytes. */
#define TEXT(literal) SLICE(literal)

static const struct slice good[] = {
	/* any value may stand alone */
	TEXT("null"), TEXT("true"), TEXT("false"), TEXT("0"), TEXT("7"), TEXT("\"\""), TEXT("\"x\""), TEXT("[]"), TEXT("{}"),
	/* space */
	TEXT(" \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : { } } \n"), TEXT("  5  "), TEXT("\n\"a\"\n"),
	/* numbers */
	TEXT("-0"), TEXT("-1"), TEXT("10"), TEXT("1.5"), TEXT("-0.0"), TEXT("1e5"), TEXT("1E+05"), TEXT("0e0"), TEXT("1.25e-300"),
	TEXT("1e999"), TEXT("123456789012345678901234567890"), TEXT("-123456789012345678901234567890"),
	TEXT("[9223372036854775807,-9223372036854775808,18446744073709551616]"),
	TEXT("0.00000000000000000000000000000000000000000000000000000000000000000000000000000000000000001"),
	/* strings */
	TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), TEXT("\"\\u0041\\uabCD\""), TEXT("\"\\u0000\""), TEXT("\"\\ud83d\\ude00\""),
	TEXT("\"\xEB\xAA\xA8\xEC\x95\x84\""), TEXT("\"\xF0\x9F\x98\x80\""), TEXT("\"\x7F\""), TEXT("\"/\""), TEXT("\"'\""),
	TEXT("\"\xC2\x80\""), TEXT("\"\xF4\x8F\xBF\xBF\""), TEXT("\"// no comment\""), TEXT("\"\xE2\x80\xA8\""),
	/* containers */
	TEXT("[1]"), TEXT("[null,true,false,0,\"\",[],{}]"), TEXT("[[[]]]"), TEXT("{\"\":1}"), TEXT("{\"a\":1,\"a\":2}"),
	TEXT("{\"a\":{\"b\":[{\"c\":null}]}}"), TEXT("{\"\\u0061\":1}"), TEXT("{\"\xEA\xB0\x80\":1}"),
	/* sixteen deep */
	TEXT("[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]"), TEXT("{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[1]}]}]}]}]}]}]}]}"),
};

static const struct slice bad[] = {
	/* nothing, or more than one */
	TEXT(""), TEXT(" "), TEXT("\0"), TEXT("{}{}"), TEXT("1 2"), TEXT("[] x"), TEXT("{}\0"), TEXT("null,"), TEXT("\"a\"\"b\""), TEXT("1\0"),
	/* words */
	TEXT("Null"), TEXT("TRUE"), TEXT("nul"), TEXT("nulll"), TEXT("tru"), TEXT("NaN"), TEXT("nan"), TEXT("Infinity"), TEXT("-Infinity"),
	TEXT("inf"), TEXT("undefined"), TEXT("[truefalse]"), TEXT("a"), TEXT("[a]"),
	/* numbers */
	TEXT("01"), TEXT("-01"), TEXT("00"), TEXT("+1"), TEXT("-"), TEXT("--1"), TEXT("1."), TEXT(".5"), TEXT("-.5"), TEXT("1e"), TEXT("1e+"),
	TEXT("1e1.5"), TEXT("1.e1"), TEXT("0x10"), TEXT("1_000"), TEXT("1,000"), TEXT("- 1"), TEXT("1 .5"), TEXT("1e 5"), TEXT("0e"), TEXT("1ee1"),
	TEXT("1.2.3"), TEXT("\xEF\xBC\x91"), TEXT("1a"), TEXT("[1-2]"), TEXT("[-]"), TEXT("1f"), TEXT("5L"),
	/* strings */
	TEXT("\""), TEXT("\"a"), TEXT("'a'"), TEXT("{'a':1}"), TEXT("\"\\x41\""), TEXT("\"\\a\""), TEXT("\"\\'\""), TEXT("\"\\\""), TEXT("\"\\u\""),
	TEXT("\"\\u12\""), TEXT("\"\\u12G4\""), TEXT("\"\\U0041\""), TEXT("\"a\nb\""), TEXT("\"a\tb\""), TEXT("\"a\0b\""), TEXT("\"\x1F\""), TEXT("\"\\\n\""),
	TEXT("\"\\u 041\""), TEXT("\"\\u+041\""), TEXT("\"\\u00"),
	/* half of a surrogate pair */
	TEXT("\"\\ud800\""), TEXT("\"\\udc00\""), TEXT("\"\\ud800x\""), TEXT("\"\\ud800\\n\""), TEXT("\"\\ud800\\ud800\""), TEXT("\"\\udc00\\ud800\""),
	TEXT("\"\\ud800\\u0041\""), TEXT("\"\\uDBFF\\uE000\""), TEXT("\"\\ud83d\\\""), TEXT("{\"\\ud800\":1}"),
	/* no UTF-8 */
	TEXT("\"\xFF\""), TEXT("\"\x80\""), TEXT("\"\xC3\""), TEXT("\"\xC0\x80\""), TEXT("\"\xE0\x80\x80\""), TEXT("\"\xED\xA0\x80\""),
	TEXT("\"\xF4\x90\x80\x80\""), TEXT("\"\xF8\x88\x80\x80\x80\""), TEXT("\"\xEA\xB0\""), TEXT("{\"\xFF\":1}"), TEXT("\xFF"),
	TEXT("\xEF\xBB\xBF{}"), TEXT("{\0\"\0a\0\"\0:\0001\0}\0"),
	/* arrays */
	TEXT("["), TEXT("]"), TEXT("[1"), TEXT("[1,"), TEXT("[1,]"), TEXT("[,1]"), TEXT("[,]"), TEXT("[1,,2]"), TEXT("[1 2]"), TEXT("[1;2]"), TEXT("[1}"),
	TEXT("[\"a\":1]"), TEXT("[1]]"), TEXT("[[1]"), TEXT("(1)"), TEXT("[\"a\", \n4\n,1,"),
	/* objects */
	TEXT("{"), TEXT("}"), TEXT("{\"a\""), TEXT("{\"a\":"), TEXT("{\"a\":1"), TEXT("{\"a\":1,"), TEXT("{\"a\":1,}"), TEXT("{,\"a\":1}"), TEXT("{\"a\"}"),
	TEXT("{\"a\",1}"), TEXT("{\"a\"=1}"), TEXT("{\"a\"::1}"), TEXT("{a:1}"), TEXT("{1:1}"), TEXT("{null:1}"), TEXT("{[]:1}"), TEXT("{\"a\":1 \"b\":2}"),
	TEXT("{\"a\":1]"), TEXT("{\"a\":}"), TEXT("{\"a\" 1}"), TEXT("{{}}"), TEXT("{}}"), TEXT("{\"a\":1,,\"b\":2}"), TEXT("{\"a\":1}#"),
	/* a key with NUL would be read as a shorter one */
	TEXT("{\"item_id\\u0000x\":1}"), TEXT("{\"a\":{\"\\u0000\":1}}"),
	/* comments and other spaces */
	TEXT("/* a */ 1"), TEXT("1 // a"), TEXT("{}/**/"), TEXT("[1,/*2*/3]"), TEXT("# a\n1"), TEXT("\v1"), TEXT("1\f"), TEXT("\xC2\xA0" "1"),
	TEXT("\xE2\x80\xA8" "1"), TEXT("\xE2\x81\xA0[]"), TEXT("[1\v]"), TEXT("\\u0020[]"),
	/* too deep: seventeen */
	TEXT("[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]"), TEXT("[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[]}]}]}]}]}]}]}]}]"),
};

/* From memory of exactly the text's size, so that a sanitizer sees a step too far. */
static enum err parse_exact(struct slice text, struct jdoc **root)
{
	char *copy = malloc(text.len + (text.len == 0));
	enum err e;

	memcpy(copy, text.ptr, text.len);
	e = jdoc_parse(slice_of(copy, text.len), root);
	free(copy); /* the document does not borrow it */
	return e;
}

static struct jdoc *parse(const char *text)
{
	struct jdoc *root;

	assert_int_equal(parse_exact(slice_str(text), &root), ERR_OK);
	assert_non_null(root);
	return root;
}

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct jdoc *root = NULL;

		if (parse_exact(good[i], &root) != ERR_OK)
			fail_msg("refused: %.*s", SLICE_ARG(good[i]));
		assert_non_null(root);
		jdoc_free(&root);
		assert_null(root);
	}
}

static void test_bad(void **state)
{
	struct jdoc *root;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		root = (struct jdoc *)state;
		if (parse_exact(bad[i], &root) != ERR_BAD_REQUEST)
			fail_msg("accepted number %zu: %.*s", i, SLICE_ARG(bad[i]));
		assert_null(root);
	}
	assert_int_equal(jdoc_parse(SLICE_NONE, &root), ERR_BAD_REQUEST);
	jdoc_free(&root); /* NULL is fine */
}

/* Every beginning of a good document is bad, or the document is a number. */
static void test_cut_off(void **state)
{
	static const struct slice whole = SLICE(" {\"a\":[1,-2.5e3,\"x\\ud83d\\ude00\xEA\xB0\x80\"],\"b\":{\"c\":null,\"d\":true}}");
	struct jdoc *root;

	(void)state;
	assert_int_equal(parse_exact(whole, &root), ERR_OK);
	jdoc_free(&root);
	for (size_t len = 0; len < whole.len; len++)
		assert_int_equal(parse_exact(slice_sub(whole, 0, len), &root), ERR_BAD_REQUEST);
}

static void test_very_deep_and_long(void **state)
{
	const size_t len = 1 << 20;
	char *text = malloc(len);
	struct jdoc *root;

	(void)state;
	memset(text, '[', len);
	assert_int_equal(jdoc_parse(slice_of(text, len), &root), ERR_BAD_REQUEST);
	for (size_t i = 0; i < len; i += 2)
		memcpy(text + i, i == 0 ? "[1" : ",1", 2);
	text[len - 1] = ']';
	assert_int_equal(jdoc_parse(slice_of(text, len), &root), ERR_BAD_REQUEST); /* "…,1,]" */
	text[len - 2] = ' ';
	assert_int_equal(jdoc_parse(slice_of(text, len), &root), ERR_OK);
	jdoc_free(&root);
	memset(text, '9', len);
	assert_int_equal(jdoc_parse(slice_of(text, len), &root), ERR_OK);
	jdoc_free(&root);
	free(text);
}

static void test_members(void **state)
{
	struct jdoc *root = parse("{\"a\":1,\"b\":null,\"c\":{\"a\":\"x\"},\"d\":[1],\"a\":2,\"\":3,\"\\u0065\":4}");
	struct slice text;
	int64_t n;

	(void)state;
	assert_true(jdoc_is_object(root));
	assert_true(jdoc_i64(jdoc_get(root, "a"), &n));
	assert_int_equal(n, 2); /* the last of two */
	assert_true(jdoc_is_null(jdoc_get(root, "b")));
	assert_false(jdoc_is_object(jdoc_get(root, "b")));
	assert_null(jdoc_get(root, "B"));
	assert_null(jdoc_get(root, "aa"));
	assert_false(jdoc_is_null(jdoc_get(root, "none"))); /* absent is not null */
	assert_true(jdoc_string(jdoc_get(jdoc_get(root, "c"), "a"), &text));
	assert_true(slice_eq(text, SLICE_LIT("x")));
	assert_null(jdoc_get(jdoc_get(root, "d"), "0"));
	assert_null(jdoc_get(jdoc_get(root, "b"), "a"));
	assert_null(jdoc_get(jdoc_get(root, "none"), "a"));
	assert_null(jdoc_get(jdoc_get(root, "a"), "a"));
	assert_true(jdoc_i64(jdoc_get(root, ""), &n));
	assert_int_equal(n, 3);
	assert_true(jdoc_i64(jdoc_get(root, "e"), &n));
	assert_int_equal(n, 4);
	jdoc_free(&root);
}

static void test_null_alone(void **state)
{
	struct jdoc *root = parse("null");

	(void)state;
	assert_true(jdoc_is_null(root));
	assert_false(jdoc_is_object(root));
	assert_null(jdoc_get(root, "a"));
	jdoc_free(&root);
	assert_null(root);
	root = parse("\"null\"");
	assert_false(jdoc_is_null(root));
	jdoc_free(&root);
	assert_false(jdoc_is_null(NULL));
	assert_false(jdoc_is_object(NULL));
}

static void test_strings(void **state)
{
	static const struct {
		const char *json;
		struct slice text;
	} cases[] = {
		{ "\"\"", SLICE("") },
		{ "\"a\\u0000b\"", SLICE("a\0b") },
		{ "\"\\u0000\"", SLICE("\0") },
		{ "\"\\ud83d\\ude00\"", SLICE("\xF0\x9F\x98\x80") },
		{ "\"\\uac00\\u00e9\"", SLICE("\xEA\xB0\x80\xC3\xA9") },
		{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", SLICE("\"\\/\b\f\n\r\t") },
		{ "\"50\"", SLICE("50") },
		{ "\"[\xEC\x97\xAD\xEB\x8C\x80-13\xEC\xA2\x85]\"", SLICE("[\xEC\x97\xAD\xEB\x8C\x80-13\xEC\xA2\x85]") },
	};
	static const char *const others[] = { "1", "null", "true", "1.5", "{}", "[\"a\"]" };
	struct slice text;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct jdoc *root = parse(cases[i].json);

		assert_true(jdoc_string(root, &text));
		assert_non_null(text.ptr);
		assert_true(slice_eq(text, cases[i].text));
		jdoc_free(&root);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct jdoc *root = parse(others[i]);

		assert_false(jdoc_string(root, &text));
		jdoc_free(&root);
	}
	assert_false(jdoc_string(NULL, &text));
}

static void test_integers(void **state)
{
	static const struct {
		const char *json;
		bool ok;
		int64_t value;
	} cases[] = {
		{ "0", true, 0 },
		{ "-0", true, 0 },
		{ "-1", true, -1 },
		{ "2147483648", true, 2147483648 },
		{ "1769900000000000", true, 1769900000000000 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "-9223372036854775807", true, -INT64_MAX },
		{ "9223372036854775808", false, 0 },
		{ "18446744073709551615", false, 0 },
		{ "18446744073709551616", false, 0 },
		{ "-9223372036854775809", false, 0 },
		{ "99999999999999999999999999", false, 0 },
		{ "-99999999999999999999999999", false, 0 },
		{ "1.0", false, 0 },
		{ "1e2", false, 0 },
		{ "1E0", false, 0 },
		{ "-0.0", false, 0 },
		{ "\"1\"", false, 0 },
		{ "true", false, 0 },
		{ "null", false, 0 },
		{ "[1]", false, 0 },
		{ "{}", false, 0 },
	};
	int64_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct jdoc *root = parse(cases[i].json);

		n = 12345;
		if (jdoc_i64(root, &n) != cases[i].ok)
			fail_msg("%s", cases[i].json);
		assert_int_equal(n, cases[i].ok ? cases[i].value : 12345);
		jdoc_free(&root);
	}
	assert_false(jdoc_i64(NULL, &n));
}

static void test_ids(void **state)
{
	static const struct {
		const char *json;
		uint32_t id; /* 0: is none */
	} cases[] = {
		{ "50", 50 },
		{ "\"50\"", 50 },
		{ "1", 1 },
		{ "\"1\"", 1 },
		{ "2147483647", 2147483647 },
		{ "\"2147483647\"", 2147483647 },
		{ "\"\\u0035\\u0030\"", 50 },
		{ "50.0", 0 },
		{ "5e1", 0 },
		{ "1e2", 0 },
		{ "\"050\"", 0 },
		{ "\"+5\"", 0 },
		{ "\"-5\"", 0 },
		{ "-1", 0 },
		{ "0", 0 },
		{ "-0", 0 },
		{ "\"0\"", 0 },
		{ "2147483648", 0 },
		{ "\"2147483648\"", 0 },
		{ "4294967297", 0 },
		{ "18446744073709551617", 0 },
		{ "\"18446744073709551617\"", 0 },
		{ "true", 0 },
		{ "null", 0 },
		{ "[50]", 0 },
		{ "{}", 0 },
		{ "\"5 \"", 0 },
		{ "\" 5\"", 0 },
		{ "\"\"", 0 },
		{ "\"5\\u0000\"", 0 },
		{ "\"5\\n\"", 0 },
		{ "\"5.0\"", 0 },
		{ "\"0x5\"", 0 },
		{ "\"\xEF\xBC\x95\"", 0 },
	};
	uint32_t id;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct jdoc *root = parse(cases[i].json);

		id = 0;
		if (jdoc_id(root, &id) != (cases[i].id != 0) || id != cases[i].id)
			fail_msg("%s gives %u", cases[i].json, id);
		jdoc_free(&root);
	}
	assert_false(jdoc_id(NULL, &id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_very_deep_and_long),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_null_alone),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
