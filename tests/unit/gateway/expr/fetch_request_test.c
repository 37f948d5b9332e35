/* fetch_request_test.c - samples of the request's line and body, as HAProxy 2.6 answers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/gateway/support/exprs.h"

static void line(void **state)
{
	static const struct expr_case cases[] = {
		{ "path", "string /p/q" },
		{ "pathq", "string /p/q?a=1&b=two&c=&d;e=x%20y&a=3&n=41z" },
		{ "query", "string a=1&b=two&c=&d;e=x%20y&a=3&n=41z" },
		{ "url", "string /p/q?a=1&b=two&c=&d;e=x%20y&a=3&n=41z" },
		{ "base", "string shop.example:8089/p/q" },
		{ "baseq", "string shop.example:8089/p/q?a=1&b=two&c=&d;e=x%20y&a=3&n=41z" },
		{ "base32", "integer 4023789482" },
		{ "url32", "integer 232673335" },
		{ "base32+src,hex", "string EFD627AAC0000201" },
		{ "url32+src,hex", "string 0DDE5037C0000201" },
		{ "method", "method GET" },
		{ "req.ver", "string 1.1" },
		{ "req_ver", "string 1.1" },
		{ "req.proto_http", "boolean 1" },
		{ "wait_end", "boolean 1" },
		{ "req_proto_http", "boolean 1" },
	};

	rules_request(*state, "GET /p/q?a=1&b=two&c=&d;e=x%20y&a=3&n=41z HTTP/1.1|Host: shop.example:8089");
	exprs_check(*state, EXPRS(cases));
}

static void without_path(void **state)
{
	static const struct expr_case cases[] = {
		{ "path", "" },
		{ "pathq", "" },
		{ "query", "" },
		{ "url", "string *" },
		{ "base", "string h" },
		{ "baseq", "string h" },
		{ "base32", "integer 1228821030" },
		{ "urlp(a)", "" },
	};

	rules_request(*state, "OPTIONS * HTTP/1.1|Host: h");
	exprs_check(*state, EXPRS(cases));
}

/* Scheme and authority are of the URL, not of the path. */
static void absolute_form(void **state)
{
	static const struct expr_case cases[] = {
		{ "path", "string /a/b" },
		{ "pathq", "string /a/b?c=d" },
		{ "query", "string c=d" },
		{ "url", "string http://h:81/a/b?c=d" },
		{ "base", "string h:81/a/b" },
		{ "baseq", "string h:81/a/b?c=d" },
		{ "base32", "integer 455251299" },
		{ "url32", "integer 292940470" },
		{ "urlp(c)", "string d" },
	};

	rules_request(*state, "GET http://h:81/a/b?c=d HTTP/1.1|Host: h:81");
	exprs_check(*state, EXPRS(cases));
}

/* The path is the one that is sent on. */
static void absolute_form_without_path(void **state)
{
	static const struct expr_case cases[] = {
		{ "path", "string /" },
		{ "pathq", "string /" },
		{ "query", "" },
		{ "url", "string http://h/" },
		{ "base", "string h/" },
	};

	rules_request(*state, "GET http://h HTTP/1.1|Host: h");
	exprs_check(*state, EXPRS(cases));
}

static void old_version(void **state)
{
	static const struct expr_case cases[] = {
		{ "path", "string /" },
		{ "pathq", "string /?" },
		{ "query", "string " },
		{ "url", "string /?" },
		{ "base", "string /" },
		{ "base32", "integer 2118074832" },
		{ "req.ver", "string 1.0" },
		{ "urlp(a)", "" },
	};

	rules_request(*state, "GET /? HTTP/1.0");
	exprs_check(*state, EXPRS(cases));
}

static void parameters(void **state)
{
	static const struct expr_case cases[] = {
		{ "url_param(a)", "string 1" },
		{ "url_param(c)", "string " },
		{ "url_param(d)", "" },
		{ "url_param(none)", "" },
		{ "url_param()", "string 1" },
		{ "url_param", "string 1" },
		{ "urlp(b)", "string two" },
		{ "urlp(e)", "string x%20y" },
		{ "urlp(e),url_dec", "string x y" },
		{ "urlp_val(n)", "integer 41" },
		{ "urlp_val(b)", "integer 0" },
		{ "urlp_val(c)", "integer 0" },
		{ "urlp_val(none)", "" },
		{ "urlp(a,?)", "string 1" },
		{ "urlp(b,&)", "string two" },
		{ "urlp(q,/)", "" },
	};

	rules_request(*state, "GET /p/q?a=1&b=two&c=&d;e=x%20y&a=3&n=41z HTTP/1.1|Host: shop.example:8089");
	exprs_check(*state, EXPRS(cases));
}

static void other_delimiters(void **state)
{
	static const struct expr_case cases[] = {
		{ "path", "string /a;b=1" },
		{ "urlp(b)", "" },
		{ "urlp(b,;)", "string 1?c=2" },
		{ "urlp(c)", "string 2" },
		{ "urlp(c,;)", "" },
	};

	rules_request(*state, "GET /a;b=1?c=2 HTTP/1.1|Host: h");
	exprs_check(*state, EXPRS(cases));
}


/* A condition sees all parameters. */
static void walks(void **state)
{
	struct rules *t = *state;

	rules_get(t, "/p?a=1&b=2&a=3&a&a=&c=4");
	assert_string_equal(exprs_all(t, "urlp(a)"), "1|3|");
	assert_string_equal(exprs_all(t, "urlp_val(a)"), "1|3|0");
	assert_string_equal(exprs_all(t, "urlp"), "1|2|3||4");
	assert_string_equal(exprs_all(t, "urlp(none)"), "");
	assert_string_equal(exprs_all(t, "path"), "/p");
	t->x.body = SLICE_LIT("a=1&b=2&a=3");
	assert_string_equal(exprs_all(t, "req.body_param(a)"), "1|3");
	assert_string_equal(exprs_all(t, "req.body_param"), "1|2|3");
}


/* After rules have changed path and query. */
static void changed(void **state)
{
	static const struct expr_case cases[] = {
		{ "path", "string /new" },
		{ "pathq", "string /new?b=2" },
		{ "query", "string b=2" },
		{ "url", "string http://h:81/new?b=2" },
		{ "base", "string h:81/new" },
		{ "urlp(b)", "string 2" },
		{ "urlp(w,/)", "" },
	};
	static const char *const hungry[] = { "base", "baseq", "base32", "url32", "base32+src" };
	struct rules *t = *state;

	rules_request(t, "GET http://h:81/a/b?c=d HTTP/1.1|Host: h:81");
	t->x.request.path = SLICE_LIT("/new");
	t->x.request.query = SLICE_LIT("b=2");
	exprs_check(t, EXPRS(cases));
	exprs_without_memory(t, "GET /a?b HTTP/1.1|Host: h", EXPRS(hungry));
}

static void body(void **state)
{
	static const struct expr_case cases[] = {
		{ "req.body", "binary 613d3126623d74776f26633d266426653d" },
		{ "req.body_len", "integer 17" },
		{ "req.body_size", "integer 17" },
		{ "req.body_param(a)", "string 1" },
		{ "req.body_param(b)", "string two" },
		{ "req.body_param(c)", "string " },
		{ "req.body_param(d)", "" },
		{ "req.body_param(none)", "" },
		{ "req.body_param", "string 1" },
		{ "url_param(a)", "" },
	};

	rules_request(*state, "POST /x HTTP/1.1|Host: h|Content-Length: 17|Content-Type: text/plain");
	((struct rules *)*state)->x.body = SLICE_LIT("a=1&b=two&c=&d&e=");
	exprs_check(*state, EXPRS(cases));
}

static void no_body(void **state)
{
	static const struct expr_case cases[] = {
		{ "req.body", "binary " },
		{ "req.body_len", "integer 0" },
		{ "req.body_size", "integer 0" },
		{ "req.body_param(a)", "" },
	};

	rules_request(*state, "GET /p/q?a=1&b=two&c=&d;e=x%20y&a=3&n=41z HTTP/1.1|Host: shop.example:8089");
	exprs_check(*state, EXPRS(cases));
}


static void response_body(void **state)
{
	static const struct expr_case cases[] = {
		{ "res.body", "binary 616263" },
		{ "res.body_len", "integer 3" },
		{ "res.body_size", "integer 5" },
	};
	struct rules *t = *state;

	rules_response(t, "HTTP/1.1 200 OK|Content-Length: 5");
	t->x.response_body = SLICE_LIT("abc");
	exprs_check(t, EXPRS(cases));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EXPRS_TEST(line),
		EXPRS_TEST(without_path),
		EXPRS_TEST(absolute_form),
		EXPRS_TEST(absolute_form_without_path),
		EXPRS_TEST(old_version),
		EXPRS_TEST(parameters),
		EXPRS_TEST(other_delimiters),
		EXPRS_TEST(walks),
		EXPRS_TEST(changed),
		EXPRS_TEST(body),
		EXPRS_TEST(no_body),
		EXPRS_TEST(response_body),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
