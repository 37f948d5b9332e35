/* jsonw_test.c - commas, nesting, escapes, numbers, bad UTF-8, a full buffer, and misuse that is asserted. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/jsonw.h"
#include "tests/unit/support/process.h"

struct fixture {
	struct buf out;
	struct jsonw w;
};

static void start(struct fixture *f)
{
	buf_init(&f->out, 0);
	jsonw_init(&f->w, &f->out);
}

static void assert_wrote(struct fixture *f, const char *json)
{
	struct slice s = buf_slice(&f->out);

	assert_true(buf_ok(&f->out));
	assert_int_equal(f->w.depth, 0);
	assert_int_equal(s.len, strlen(json));
	assert_memory_equal(s.ptr, json, s.len);
	buf_free(&f->out);
}

static void nesting_and_commas(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	jsonw_object(&f.w);
	jsonw_key(&f.w, "count");
	jsonw_u64(&f.w, 2);
	jsonw_key(&f.w, "payload");
	jsonw_array(&f.w);
	jsonw_object(&f.w);
	jsonw_key_slice(&f.w, slice_of("id, and more", 2));
	jsonw_i64(&f.w, -5);
	jsonw_key(&f.w, "set");
	jsonw_bool(&f.w, true);
	jsonw_object_end(&f.w);
	jsonw_object(&f.w);
	jsonw_object_end(&f.w);
	jsonw_array(&f.w);
	jsonw_array_end(&f.w);
	jsonw_null(&f.w);
	jsonw_raw(&f.w, SLICE_LIT("{\"raw\":1}"));
	jsonw_bool(&f.w, false);
	jsonw_array_end(&f.w);
	jsonw_key(&f.w, "last");
	jsonw_string(&f.w, SLICE_LIT(""));
	jsonw_object_end(&f.w);
	assert_wrote(&f, "{\"count\":2,\"payload\":[{\"id\":-5,\"set\":true},{},[],null,{\"raw\":1},false],\"last\":\"\"}");
}

static void a_single_value(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	jsonw_string(&f.w, SLICE_LIT("x"));
	assert_wrote(&f, "\"x\"");
	start(&f);
	jsonw_string(&f.w, SLICE_NONE); /* no value */
	assert_wrote(&f, "null");
}

static void assert_string_json(struct slice s, const char *json)
{
	struct fixture f;

	start(&f);
	jsonw_string(&f.w, s);
	assert_wrote(&f, json);
}

static void strings_escape_what_they_must(void **state)
{
	(void)state;
	assert_string_json(SLICE_LIT("\"\\/"), "\"\\\"\\\\/\"");
	assert_string_json(SLICE_LIT("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"");
	assert_string_json(SLICE_LIT("\0\x01\x1F\x7F"), "\"\\u0000\\u0001\\u001f\x7F\"");
	assert_string_json(SLICE_LIT("패션·잡화 😀"), "\"패션·잡화 😀\"");
	assert_string_json(SLICE_LIT("a\"b"), "\"a\\\"b\"");
}

#define FFFD "\xEF\xBF\xBD"

static void what_is_not_utf8_is_replaced(void **state)
{
	(void)state;
	assert_string_json(SLICE_LIT("a\xFFz"), "\"a" FFFD "z\"");
	assert_string_json(SLICE_LIT("\xC0\x80"), "\"" FFFD FFFD "\"");
	assert_string_json(SLICE_LIT("\xED\xA0\x80"), "\"" FFFD FFFD FFFD "\"");
	assert_string_json(SLICE_LIT("\xEB\xAA"), "\"" FFFD FFFD "\""); /* cut short */
	assert_string_json(SLICE_LIT("\xEB\xAA\""), "\"" FFFD FFFD "\\\"\"");
	assert_string_json(SLICE_LIT("모\x80아"), "\"모" FFFD "아\"");
}

/* Whatever the bytes: the result is UTF-8 and has no bare quote, backslash or control character. */
static void any_bytes_give_a_json_string(void **state)
{
	unsigned seed = 1;
	char bytes[40];

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct fixture f;
		struct slice s;

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (char)(rand_r(&seed) >> 5);
		start(&f);
		jsonw_string(&f.w, slice_of(bytes, (size_t)rand_r(&seed) % sizeof(bytes)));
		s = buf_slice(&f.out);
		assert_true(slice_is_utf8(s));
		assert_int_equal(s.ptr[0], '"');
		assert_int_equal(s.ptr[s.len - 1], '"');
		for (size_t i = 1; i + 1 < s.len; i++) {
			assert_true((unsigned char)s.ptr[i] >= 0x20 && s.ptr[i] != '"');
			if (s.ptr[i] == '\\')
				assert_non_null(strchr("\"\\bfnrtu", s.ptr[++i]));
		}
		buf_free(&f.out);
	}
}

static void keys_are_escaped_too(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	jsonw_object(&f.w);
	jsonw_key(&f.w, "a\"b");
	jsonw_null(&f.w);
	jsonw_object_end(&f.w);
	assert_wrote(&f, "{\"a\\\"b\":null}");
}

static void integers_at_their_limits(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	jsonw_array(&f.w);
	jsonw_u64(&f.w, 0);
	jsonw_u64(&f.w, UINT64_MAX);
	jsonw_i64(&f.w, INT64_MIN);
	jsonw_i64(&f.w, INT64_MAX);
	jsonw_array_end(&f.w);
	assert_wrote(&f, "[0,18446744073709551615,-9223372036854775808,9223372036854775807]");
}

static void doubles(void **state)
{
	static const struct {
		double d;
		const char *json;
	} rows[] = {
		{ 0, "0" },          { -0.0, "0" },       { 1, "1" },         { 100, "100" },
		{ 1.5, "1.5" },      { 0.125, "0.125" },  { -2.25, "-2.25" }, { 0.1, "0.1" },
		{ 1e-9, "0" },       { -1e-9, "0" },      { 2.0004, "2" },    { 0.9996, "1" },
		{ NAN, "null" },     { INFINITY, "null" }, { -INFINITY, "null" }, { 123456789012.5, "123456789012.5" },
		{ 1e15, "1000000000000000" }, { 1e300, "1.0000000000000001e+300" }, { -1e20, "-1e+20" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture f;

		start(&f);
		jsonw_double(&f.w, rows[i].d);
		assert_wrote(&f, rows[i].json);
	}
	for (double d = 1; d < DBL_MAX / 8; d *= 7) {
		struct fixture f;
		size_t len;
		char *text;

		start(&f);
		jsonw_double(&f.w, d);
		text = buf_take(&f.out, &len);
		assert_true(fabs(strtod(text, NULL) - d) <= 0.0005);
		free(text);
	}
}

static void a_full_buffer_only_sets_the_error(void **state)
{
	struct buf out;
	struct jsonw w;

	(void)state;
	buf_init(&out, 10);
	jsonw_init(&w, &out);
	jsonw_array(&w);
	for (int i = 0; i < 100; i++)
		jsonw_string(&w, SLICE_LIT("more"));
	jsonw_array_end(&w);
	assert_false(buf_ok(&out));
	assert_true(out.len <= 10);
	buf_free(&out);
}

static void nest(struct fixture *f, int depth)
{
	start(f);
	for (int i = 0; i < depth; i++)
		jsonw_array(&f->w);
}

static void nest_too_deep(void *arg)
{
	nest(arg, JSONW_DEPTH + 1);
}

static void the_deepest_nesting(void **state)
{
	struct fixture f;

	(void)state;
	nest(&f, JSONW_DEPTH);
	for (int i = 0; i < JSONW_DEPTH; i++)
		jsonw_array_end(&f.w);
	assert_wrote(&f, "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]");
	assert_true(dies(nest_too_deep, &f));
}

static void value_without_key(void *arg)
{
	struct fixture *f = arg;

	start(f);
	jsonw_object(&f->w);
	jsonw_null(&f->w);
}

static void key_without_value(void *arg)
{
	struct fixture *f = arg;

	start(f);
	jsonw_object(&f->w);
	jsonw_key(&f->w, "a");
	jsonw_object_end(&f->w);
}

static void key_in_array(void *arg)
{
	struct fixture *f = arg;

	start(f);
	jsonw_array(&f->w);
	jsonw_key(&f->w, "a");
}

static void two_keys(void *arg)
{
	struct fixture *f = arg;

	start(f);
	jsonw_object(&f->w);
	jsonw_key(&f->w, "a");
	jsonw_key(&f->w, "b");
}

static void wrong_end(void *arg)
{
	struct fixture *f = arg;

	start(f);
	jsonw_object(&f->w);
	jsonw_array_end(&f->w);
}

static void end_too_many(void *arg)
{
	struct fixture *f = arg;

	start(f);
	jsonw_array_end(&f->w);
}

static void two_values(void *arg)
{
	struct fixture *f = arg;

	start(f);
	jsonw_null(&f->w);
	jsonw_null(&f->w);
}

static void misuse_is_asserted(void **state)
{
	void (*const wrong[])(void *) = {
		value_without_key, key_without_value, key_in_array, two_keys, wrong_end, end_too_many, two_values,
	};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_true(dies(wrong[i], &f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nesting_and_commas),
		cmocka_unit_test(a_single_value),
		cmocka_unit_test(strings_escape_what_they_must),
		cmocka_unit_test(what_is_not_utf8_is_replaced),
		cmocka_unit_test(any_bytes_give_a_json_string),
		cmocka_unit_test(keys_are_escaped_too),
		cmocka_unit_test(integers_at_their_limits),
		cmocka_unit_test(doubles),
		cmocka_unit_test(a_full_buffer_only_sets_the_error),
		cmocka_unit_test(the_deepest_nesting),
		cmocka_unit_test(misuse_is_asserted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
