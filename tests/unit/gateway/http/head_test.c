/* head_test.c - known names and methods, looking up, editing, lists, reasons. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "gateway/http/head.h"
#include "tests/unit/support/process.h"

#define assert_slice(s, text)                                                                                          \
	do {                                                                                                           \
		struct slice got_ = (s);                                                                               \
		assert_int_equal(got_.len, strlen(text));                                                              \
		assert_true(slice_eq(got_, slice_str(text)));                                                          \
	} while (0)

static void methods(void **state)
{
	static const struct {
		const char *text;
		enum http_method method;
	} all[] = {
		{ "GET", HTTP_GET }, { "HEAD", HTTP_HEAD }, { "POST", HTTP_POST }, { "PUT", HTTP_PUT }, { "DELETE", HTTP_DELETE },
		{ "CONNECT", HTTP_CONNECT }, { "OPTIONS", HTTP_OPTIONS }, { "TRACE", HTTP_TRACE }, { "PATCH", HTTP_PATCH },
		{ "", HTTP_OTHER }, { "get", HTTP_OTHER }, { "Get", HTTP_OTHER }, { "GEX", HTTP_OTHER }, { "PUX", HTTP_OTHER },
		{ "POSX", HTTP_OTHER }, { "HEAX", HTTP_OTHER }, { "TRACX", HTTP_OTHER }, { "PATCX", HTTP_OTHER },
		{ "DELETX", HTTP_OTHER }, { "CONNECX", HTTP_OTHER }, { "OPTIONX", HTTP_OTHER }, { "PROPFIND", HTTP_OTHER },
		{ "PRI", HTTP_OTHER }, { "G", HTTP_OTHER }, { "GETT", HTTP_OTHER },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_int_equal(http_method_of(slice_str(all[i].text)), all[i].method);
}

static const struct {
	const char *text;
	enum http_name id;
} names[] = {
	{ "host", NAME_AUTHORITY_HOST }, { "connection", NAME_CONNECTION }, { "content-length", NAME_CONTENT_LENGTH },
	{ "transfer-encoding", NAME_TRANSFER_ENCODING }, { "te", NAME_TE }, { "trailer", NAME_TRAILER }, { "expect", NAME_EXPECT },
	{ "upgrade", NAME_UPGRADE }, { "keep-alive", NAME_KEEP_ALIVE }, { "proxy-connection", NAME_PROXY_CONNECTION },
	{ "cookie", NAME_COOKIE }, { "set-cookie", NAME_SET_COOKIE },
};

static void known_names_in_any_case_and_nothing_else(void **state)
{
	const size_t count = sizeof(names) / sizeof(names[0]);
	char text[32];

	(void)state;
	assert_int_equal(count, NAME_COUNT - 1); /* a new name belongs into this table */
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(names[i].text);

		memcpy(text, names[i].text, len);
		assert_int_equal(http_name_of(slice_of(text, len)), names[i].id);
		for (size_t at = 0; at < len; at++) {
			char was = text[at];

			if (was != '-') {
				text[at] = (char)(was - 'a' + 'A');
				assert_int_equal(http_name_of(slice_of(text, len)), names[i].id);
			}
			for (int c = 1; c < 256; c++) { /* no other byte will do, '-' with its bit 0x20 off least of all */
				if ((c | 0x20) == was && was != '-')
					continue;
				text[at] = (char)c;
				assert_int_equal(http_name_of(slice_of(text, len)) == names[i].id, c == was);
			}
			text[at] = was;
		}
		assert_int_equal(http_name_of(slice_of(text, len - 1)), NAME_OTHER);
	}
	assert_int_equal(http_name_of(SLICE_NONE), NAME_OTHER);
	assert_int_equal(http_name_of(SLICE_LIT("user-agent")), NAME_OTHER);
}

static void fields_keep_their_order(void **state)
{
	struct http_field fields[5];
	struct http_head h;

	(void)state;
	http_head_init(&h, fields, 5);
	assert_true(http_field_add(&h, SLICE_LIT("A"), SLICE_LIT("1")));
	assert_true(http_field_add(&h, SLICE_LIT("Cookie"), SLICE_LIT("2")));
	assert_true(http_field_add(&h, SLICE_LIT("a"), SLICE_LIT("3")));
	assert_true(http_field_add(&h, SLICE_LIT("B"), SLICE_LIT("4")));
	assert_true(http_field_add(&h, SLICE_LIT("cookie"), SLICE_LIT("5")));
	assert_false(http_field_add(&h, SLICE_LIT("C"), SLICE_LIT("6"))); /* no room */
	assert_int_equal(h.count, 5);

	assert_slice(http_field_find(&h, SLICE_LIT("a"), 0)->value, "1");
	assert_slice(http_field_find(&h, SLICE_LIT("a"), 1)->value, "3");
	assert_null(http_field_find(&h, SLICE_LIT("a"), 3));
	assert_null(http_field_find(&h, SLICE_LIT("aa"), 0));
	assert_slice(http_field_known(&h, NAME_COOKIE, 0)->value, "2");
	assert_slice(http_field_known(&h, NAME_COOKIE, 2)->value, "5");
	assert_null(http_field_known(&h, NAME_EXPECT, 0));
	assert_null(http_field_known(&h, NAME_COOKIE, 5));

	http_field_remove(&h, http_field_known(&h, NAME_COOKIE, 0));
	assert_int_equal(h.count, 4);
	assert_slice(h.fields[0].value, "1");
	assert_slice(h.fields[1].value, "3");
	assert_slice(h.fields[3].value, "5");
	http_field_remove(&h, &h.fields[3]); /* the last */
	assert_int_equal(h.count, 3);
	assert_int_equal(http_field_remove_all(&h, SLICE_LIT("x")), 0);
	assert_int_equal(http_field_remove_all(&h, SLICE_LIT("A")), 2);
	assert_int_equal(h.count, 1);
	assert_slice(h.fields[0].name, "B");
}

static void remove_nothing(void *arg)
{
	struct http_head h;

	http_head_init(&h, arg, 1);
	http_field_remove(&h, h.fields);
}

static void look_up_no_name(void *arg)
{
	struct http_head h;

	http_head_init(&h, arg, 1);
	http_field_known(&h, NAME_OTHER, 0);
}

static void misuse_ends_the_process(void **state)
{
	struct http_field field;

	(void)state;
	assert_true(dies(remove_nothing, &field));
	assert_true(dies(look_up_no_name, &field));
}

static void elements_of_lists(void **state)
{
	static const struct {
		const char *list;
		const char *elements[5]; /* up to NULL */
	} all[] = {
		{ "", { "" } },
		{ "a", { "a" } },
		{ " a ,\tb,c ", { "a", "b", "c" } },
		{ ",", { "", "" } },
		{ "a,", { "a", "" } },
		{ ",,a", { "", "", "a" } },
		{ "\"a,b\",c", { "\"a,b\"", "c" } },
		{ "\"a\\\",b\",c", { "\"a\\\",b\"", "c" } },
		{ "\"a\\\\\",b", { "\"a\\\\\"", "b" } },
		{ "a\\,b", { "a\\", "b" } }, /* a backslash means something inside quotes only */
		{ "x=\"1,2\";y=\"3,4\", z", { "x=\"1,2\";y=\"3,4\"", "z" } },
		{ "a,\"b,c", { "a", "\"b,c" } }, /* never closed */
		{ "\"\\", { "\"\\" } },
	};
	struct slice element = SLICE_NONE;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		unsigned count = 0;

		for (; all[i].elements[count] != NULL; count++) {
			assert_true(http_list_element(slice_str(all[i].list), count, &element));
			assert_slice(element, all[i].elements[count]);
		}
		assert_false(http_list_element(slice_str(all[i].list), count, &element));
		assert_false(http_list_element(slice_str(all[i].list), count + 1, &element));
	}
	assert_false(http_list_element(SLICE_NONE, 0, &element));
}

static void tokens_in_several_fields(void **state)
{
	struct http_field fields[4];
	struct http_head h;

	(void)state;
	http_head_init(&h, fields, 4);
	assert_false(http_field_lists(&h, NAME_CONNECTION, SLICE_LIT("close")));
	http_field_add(&h, SLICE_LIT("Connection"), SLICE_LIT("a, \"close\", closed"));
	http_field_add(&h, SLICE_LIT("Other"), SLICE_LIT("upgrade"));
	http_field_add(&h, SLICE_LIT("connection"), SLICE_LIT("b,Close"));
	assert_true(http_field_lists(&h, NAME_CONNECTION, SLICE_LIT("close")));
	assert_true(http_field_lists(&h, NAME_CONNECTION, SLICE_LIT("A")));
	assert_false(http_field_lists(&h, NAME_CONNECTION, SLICE_LIT("upgrade")));
	http_field_remove(&h, &h.fields[2]);
	assert_false(http_field_lists(&h, NAME_CONNECTION, SLICE_LIT("close")));
}

static void reasons(void **state)
{
	(void)state;
	assert_string_equal(http_reason(100), "Continue");
	assert_string_equal(http_reason(200), "OK");
	assert_string_equal(http_reason(404), "Not Found");
	assert_string_equal(http_reason(511), "Network Authentication Required");
	assert_string_equal(http_reason(299), "");
	assert_string_equal(http_reason(0), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(methods),
		cmocka_unit_test(known_names_in_any_case_and_nothing_else),
		cmocka_unit_test(fields_keep_their_order),
		cmocka_unit_test(misuse_ends_the_process),
		cmocka_unit_test(elements_of_lists),
		cmocka_unit_test(tokens_in_several_fields),
		cmocka_unit_test(reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
