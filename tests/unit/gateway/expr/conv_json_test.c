/* conv_json_test.c - converters to and from JSON, against what HAProxy 2.6 makes of the same expressions. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/gateway/support/exprs.h"

/* HAProxy writes all but ASCII as \\uXXXX; what that cannot say is an error. */
static void escapes(void **state)
{
	static const struct expr_case cases[] = {
		{ "str('a\"b\\\\c/d'),json(utf8s)", "string a\\\"b\\\\\\\\c\\/d" },
		{ "bin(08090a0c0d01ff7f),json", "string \\b\\t\\n\\f\\r\\u0001\\u00ff\\u007f" },
		{ "bin(08090a0c0d01ff7f),json(ascii)", "string \\b\\t\\n\\f\\r\\u0001\\u00ff\\u007f" },
		{ "bin(c3a4e282acf09f9880),json(utf8)", "" },
		{ "bin(c3a4e282ac),json(utf8)", "string \\u00e4\\u20ac" },
		{ "bin(c3a4e282acf09f988041),json(utf8s)", "string \\u00e4\\u20acA" },
		{ "bin(c3a4e282acf09f988041),json(utf8ps)", "string \\u00e4\\u20acA" },
		{ "bin(c3a4e282ac41),json(ascii)", "string \\u00c3\\u00a4\\u00e2\\u0082\\u00acA" },
		{ "bin(c041),json(utf8)", "" },
		{ "bin(c0af41),json(utf8)", "" },
		{ "bin(c0af41),json(utf8s)", "string A" },
		{ "bin(c0af41),json(utf8p)", "string \\/A" },
		{ "bin(c0af41),json(utf8ps)", "string \\/A" },
		{ "bin(eda08041),json(utf8)", "" },
		{ "bin(eda08041),json(utf8s)", "string A" },
		{ "bin(eda08041),json(utf8p)", "" },
		{ "bin(41ff42),json(utf8)", "" },
		{ "bin(41ff42),json(utf8s)", "string AB" },
		{ "bin(41ff42),json(utf8p)", "" },
		{ "bin(41ff42),json(utf8ps)", "string AB" },
		{ "bin(41c3),json(utf8s)", "string A" },
		{ "bin(41e28242),json(utf8s)", "string AB" },
		{ "bin(418042),json(utf8s)", "string AB" },
		{ "bin(efbfbf41),json(utf8s)", "string A" },
		{ "bin(efbfbe41),json(utf8)", "" },
		{ "bin(1f7f),json(utf8)", "string \\u001f\\u007f" },
		{ "str(),json(utf8)", "string " },
		{ "str(a),json", "string a" },
		{ "bin(f8888080804142),json(utf8s)", "string AB" },
		{ "bin(f4908080),json(utf8)", "" },
		{ "bin(c3a4),json(utf8p)", "string \\u00e4" },
	};
	static const struct expr_case refused[] = {
		{ "str(a),json(latin1)", "there are ascii, utf8, utf8s, utf8p and utf8ps, not 'latin1'" },
	};
	static const char *const hungry[] = { "str(a),json(utf8)" };

	exprs_check(*state, EXPRS(cases));
	exprs_refused(*state, EXPRS(refused));
	exprs_without_memory(*state, "GET / HTTP/1.1|Host: h", EXPRS(hungry));
}

static void check_body(struct rules *t, const char *body, const struct expr_case *cases, size_t count)
{
	t->x.body = slice_str(body);
	exprs_check(t, cases, count);
}

/* Numbers keep all their digits, where HAProxy keeps six. */
static void queries(void **state)
{
	static const char body[] = "{ \"a\" : 1, \"b\":\"x\\\"y\\u00e4\\n\", \"c\":{\"d\":[10,20,{\"e\":true}], \"f.g\": \"dotted\"}, \"h\":null, \"i\":1.5,"
				   " \"j\":false, \"k\":\"12\", \"m\":[], \"n\":-5, \"o\":1e3, \"p\":99999999999999999999, \"q\":{\"a\":2},"
				   " \"r\":9223372036854775807, \"s\":\"\", \"[\":{\"}\":\"]\"}, \"t\":[[1,2],[3,[4]]], \"u\" : { } }";
	static const struct expr_case cases[] = {
		{ "req.body,json_query($.a)", "string 1" },
		{ "req.body,json_query($.a,int)", "integer 1" },
		{ "req.body,json_query('$.a','int')", "integer 1" },
		{ "req.body,json_query($.a,int),add(1)", "integer 2" },
		{ "req.body,json_query($.a),add(1)", "integer 2" },
		{ "req.body,json_query($.b)", "string x\"y\303\244\n" },
		{ "req.body,json_query($.b,int)", "string x\"y\303\244\n" },
		{ "req.body,json_query($.c)", "" },
		{ "req.body,json_query($.c.d)", "" },
		{ "req.body,json_query($.c.d[0])", "string 10" },
		{ "req.body,json_query($.c.d[1],int)", "integer 20" },
		{ "req.body,json_query($.c.d[2].e)", "boolean 1" },
		{ "req.body,json_query($.c.d[2].e,int)", "boolean 1" },
		{ "req.body,json_query($.c.d[2].e[0])", "" },
		{ "req.body,json_query($.c.d[3])", "" },
		{ "req.body,json_query($.c.d[9])", "" },
		{ "req.body,json_query($.c.f\\\\.g)", "string dotted" },
		{ "req.body,json_query($.h)", "" },
		{ "req.body,json_query($.i)", "string 1.5" },
		{ "req.body,json_query($.i,int)", "integer 1" },
		{ "req.body,json_query($.j)", "boolean 0" },
		{ "req.body,json_query($.k,int)", "string 12" },
		{ "req.body,json_query($.m)", "" },
		{ "req.body,json_query($.m[0])", "" },
		{ "req.body,json_query($.n)", "string -5" },
		{ "req.body,json_query($.n,int)", "integer -5" },
		{ "req.body,json_query($.o)", "string 1e3" },
		{ "req.body,json_query($.o,int)", "integer 1" },
		{ "req.body,json_query($.p)", "string 99999999999999999999" },
		{ "req.body,json_query($.p,int)", "" },
		{ "req.body,json_query($.q.a)", "string 2" },
		{ "req.body,json_query($.r,int)", "integer 9223372036854775807" },
		{ "req.body,json_query($.s)", "string " },
		{ "req.body,json_query($.\\\\[.})", "string ]" },
		{ "req.body,json_query($.t[0][1])", "string 2" },
		{ "req.body,json_query($.t[1][1][0])", "string 4" },
		{ "req.body,json_query($.t[2])", "" },
		{ "req.body,json_query($.u)", "" },
		{ "req.body,json_query($.u.a)", "" },
		{ "req.body,json_query($)", "" },
		{ "req.body,json_query($.a.b)", "" },
		{ "req.body,json_query($.none)", "" },
	};

	check_body(*state, body, EXPRS(cases));
}

static void whole_texts(void **state)
{
	static const struct {
		const char *body, *expr, *yields;
	} cases[] = {
		{ "[1,2]", "req.body,json_query($[1])", "string 2" },
		{ " 5 ", "req.body,json_query($)", "string 5" },
		{ "\"x\"", "req.body,json_query($)", "string x" },
		{ "\r\n\t {\"a\":1}", "req.body,json_query($.a)", "string 1" },
		{ "{\"a\":1,\"a\":2}", "req.body,json_query($.a)", "string 1" },
		{ "{\"a\":1", "req.body,json_query($.a)", "string 1" },
		{ "{\"a\":1}garbage", "req.body,json_query($.b)", "" },
		{ "", "req.body,json_query($.a)", "" },
		{ "{", "req.body,json_query($.a)", "" },
		{ "[", "req.body,json_query($[0])", "" },
		{ "[[", "req.body,json_query($[1])", "" },
		{ "{a:1}", "req.body,json_query($.a)", "" },
		{ "{\"a\"}", "req.body,json_query($.a)", "" },
		{ "{\"a\":}", "req.body,json_query($.a)", "" },
		{ "{\"a\":tru}", "req.body,json_query($.a)", "" },
		{ "{\"a\":-}", "req.body,json_query($.a,int)", "" },
		{ "{\"a\":\"x", "req.body,json_query($.a)", "" },
		{ "{\"a\":\"x\\", "req.body,json_query($.a)", "" },
		{ "{\"a\":\"x\\\"", "req.body,json_query($.a)", "" },
		{ "{\"b\":{,\"a\":1}", "req.body,json_query($.a)", "" },
		{ "{\"b\":[\"]\",{\"}\":1}],\"a\":1}", "req.body,json_query($.a)", "string 1" },
		{ "{\"b\" : \"\\\\\" , \"a\" : 1 }", "req.body,json_query($.a)", "string 1" },
	};
	struct rules *t = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		t->x.body = slice_str(cases[i].body);
		if (strcmp(exprs_get(t, cases[i].expr), cases[i].yields) != 0)
			fail_msg("%s of %s yields '%s'", cases[i].expr, cases[i].body, t->copy);
	}
}

static void escapes_in_strings(void **state)
{
	static const struct {
		const char *body, *yields;
	} cases[] = {
		{ "\"\\u0041\\u00e4\\u20ac\"", "string A\303\244\342\202\254" },
		{ "\"\\ud83d\\ude00!\"", "string \360\237\230\200!" },
		{ "\"\\/\\\\\\\"\"", "string /\\\"" },
		{ "\"\\b\\f\\n\\r\\t\"", "string \b\f\n\r\t" },
		{ "\"\\u000\"", "" },
		{ "\"\\u00g0\"", "" },
		{ "\"\\q\"", "" },
		{ "\"\\ud83d\"", "" },
		{ "\"\\ud83dx\"", "" },
		{ "\"\\ud83d\\n\"", "" },
		{ "\"\\ud83d\\u0041\"", "" },
		{ "\"\\ude00\"", "" },
	};
	static const char *const hungry[] = { "str('\"\\\\\\\\n\"'),json_query($)" };
	struct rules *t = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		t->x.body = slice_str(cases[i].body);
		if (strcmp(exprs_get(t, "req.body,json_query($)"), cases[i].yields) != 0)
			fail_msg("%s yields '%s'", cases[i].body, t->copy);
	}
	exprs_without_memory(t, "GET / HTTP/1.1|Host: h", EXPRS(hungry));
}

/* However deep the brackets are, no stack is used for them. */
static void deep(void **state)
{
	size_t depth = 100000;
	char *body = malloc(2 * depth + 16);
	struct rules *t = *state;

	assert_non_null(body);
	body[0] = '[';
	memset(body + 1, '[', depth);
	memset(body + 1 + depth, ']', depth);
	memcpy(body + 1 + 2 * depth, ",7]", 3);
	t->x.body = slice_of(body, 4 + 2 * depth);
	assert_string_equal(exprs_get(t, "req.body,json_query($[1])"), "string 7");
	t->x.body.len = depth;
	assert_string_equal(exprs_get(t, "req.body,json_query($[1])"), "");
	free(body);
}

static void paths(void **state)
{
	static const struct expr_case refused[] = {
		{ "req.body,json_query", "argument 1 is missing" },
		{ "req.body,json_query()", "'' is no path such as '$.item.sizes[0]'" },
		{ "req.body,json_query($.)", "is no path" },
		{ "req.body,json_query(a)", "is no path" },
		{ "req.body,json_query($a)", "is no path" },
		{ "req.body,json_query($..a)", "is no path" },
		{ "req.body,json_query($.a.)", "is no path" },
		{ "req.body,json_query($.a[)", "is no path" },
		{ "req.body,json_query($.a[])", "is no path" },
		{ "req.body,json_query($.a[-1])", "is no path" },
		{ "req.body,json_query($.a[*])", "is no path" },
		{ "req.body,json_query($.a[1]b)", "is no path" },
		{ "req.body,json_query($.a,float)", "its result can be made an 'int', not 'float'" },
	};

	exprs_refused(*state, EXPRS(refused));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EXPRS_TEST(escapes), EXPRS_TEST(queries), EXPRS_TEST(whole_texts), EXPRS_TEST(escapes_in_strings), EXPRS_TEST(deep), EXPRS_TEST(paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
