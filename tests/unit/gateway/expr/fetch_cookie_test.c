/* fetch_cookie_test.c - samples of cookies, as HAProxy 2.6 answers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/gateway/support/exprs.h"

/* Of several with one name the last counts, without a name the first of all. */
static void of_the_request(void **state)
{
	static const struct expr_case cases[] = {
		{ "req.cook(a)", "string 2" },
		{ "req.cook(SID)", "string abc" },
		{ "req.cook(sid)", "" },
		{ "req.cook(n)", "string 41" },
		{ "req.cook(b)", "string \"x;y\"" },
		{ "req.cook(c)", "string d" },
		{ "req.cook(e)", "" },
		{ "req.cook(none)", "" },
		{ "req.cook", "string 1" },
		{ "req.cook()", "string 1" },
		{ "cook(a)", "string 2" },
		{ "cookie(a)", "string 2" },
		{ "req.cook_val(n)", "integer 41" },
		{ "req.cook_val(SID)", "integer 0" },
		{ "req.cook_val(none)", "" },
		{ "req.cook_cnt(a)", "integer 2" },
		{ "req.cook_cnt(b)", "integer 1" },
		{ "req.cook_cnt", "integer 6" },
		{ "req.cook_cnt(none)", "integer 0" },
		{ "cook_val(n)", "integer 41" },
		{ "cook_cnt(a)", "integer 2" },
	};

	rules_request(*state, "GET / HTTP/1.1|Host: h|Cookie: a=1; SID=abc; n=41; a=2|Cookie: b=\"x;y\"; c = d ; e");
	exprs_check(*state, EXPRS(cases));
}

/* Attributes are no cookies, where HAProxy counts some. */
static void of_the_response(void **state)
{
	static const struct expr_case cases[] = {
		{ "res.cook(sid)", "string last" },
		{ "res.cook(other)", "string 1" },
		{ "res.cook(path)", "" },
		{ "res.cook(none)", "" },
		{ "res.cook", "string xyz" },
		{ "scook(sid)", "string last" },
		{ "set-cookie(sid)", "string last" },
		{ "res.cook_val(n)", "integer 5" },
		{ "scook_val(n)", "integer 5" },
		{ "res.cook_cnt(sid)", "integer 2" },
		{ "res.cook_cnt", "integer 4" },
		{ "scook_cnt(none)", "integer 0" },
		{ "cookie(sid)", "string last" },
	};

	rules_request(*state, "GET / HTTP/1.1|Host: h|Cookie: sid=mine");
	rules_response(*state, "HTTP/1.1 200 OK|Set-Cookie: sid=xyz; path=/; HttpOnly|Set-Cookie: other=1|Set-Cookie: n=5|"
				"set-cookie: sid=last|Content-Length: 0");
	exprs_check(*state, EXPRS(cases));
}


/* A condition sees all of a name. */
static void walks(void **state)
{
	struct rules *t = *state;

	rules_request(t, "GET / HTTP/1.1|Host: h|Cookie: a=1; b=2;a=3|x: y|cookie: a=4");
	assert_string_equal(exprs_all(t, "req.cook(a)"), "1|3|4");
	assert_string_equal(exprs_all(t, "req.cook"), "1|2|3|4");
	assert_string_equal(exprs_all(t, "req.cook_val(a)"), "1|3|4");
	assert_string_equal(exprs_all(t, "req.cook(none)"), "");
	assert_string_equal(exprs_all(t, "req.cook_cnt(a)"), "3");
}


static void odd_fields(void **state)
{
	static const struct {
		const char *field, *expr, *yields;
	} cases[] = {
		{ "", "req.cook(a)", "" },
		{ ";;;", "req.cook", "" },
		{ "=", "req.cook", "string " },
		{ "=x", "req.cook(a)", "" },
		{ "a", "req.cook(a)", "" },
		{ "a=", "req.cook(a)", "string " },
		{ "a=b=c", "req.cook(a)", "string b=c" },
		{ "a=\"x", "req.cook(a)", "string \"x" },
		{ "a=1,b=2", "req.cook(b)", "string 2" },
		{ " a = 1 ;", "req.cook(a)", "string 1" },
		{ "aa=1", "req.cook(a)", "" },
	};
	struct rules *t = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char lines[128];

		snprintf(lines, sizeof(lines), "GET / HTTP/1.1|Host: h|Cookie: %s", cases[i].field);
		rules_request(t, lines);
		if (strcmp(exprs_get(t, cases[i].expr), cases[i].yields) != 0)
			fail_msg("%s of '%s' yields '%s'", cases[i].expr, cases[i].field, t->copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EXPRS_TEST(of_the_request),
		EXPRS_TEST(of_the_response),
		EXPRS_TEST(walks),
		EXPRS_TEST(odd_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
