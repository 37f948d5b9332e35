/* fetch_message_test.c - samples of what is kept of request and response to the end. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/gateway/support/exprs.h"

static void kept_line(void **state)
{
	static const struct {
		const char *target, *uri;
	} cases[] = {
		{ "/a?b=c", "string /a?b=c" },
		{ "http://h:81/a?b", "string /a?b" },
		{ "http://h/", "string /" },
		{ "http://h", "" },
		{ "*", "" },
		{ "h:443", "" },
		{ "", "" },
	};
	struct rules *t = *state;

	assert_string_equal(exprs_get(t, "capture.req.method"), "");
	assert_string_equal(exprs_get(t, "capture.req.ver"), "");
	t->x.request_line[0] = SLICE_LIT("PUT");
	t->x.request_line[2] = SLICE_LIT("HTTP/1.1");
	assert_string_equal(exprs_get(t, "capture.req.method"), "string PUT");
	assert_string_equal(exprs_get(t, "capture.req.ver"), "string HTTP/1.1");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		t->x.request_line[1] = slice_str(cases[i].target);
		if (strcmp(exprs_get(t, "capture.req.uri"), cases[i].uri) != 0)
			fail_msg("%s gives '%s'", cases[i].target, t->copy);
	}
}

static void captures(void **state)
{
	static const struct expr_case none[] = { { "capture.req.hdr(0)", "" }, { "capture.req.hdr(-1)", "" } };
	static const struct expr_case request[] = {
		{ "capture.req.hdr(0)", "string one" },
		{ "capture.req.hdr(1)", "" }, /* a slot that nothing filled */
		{ "capture.req.hdr(2)", "" },
		{ "capture.req.hdr(-1)", "" },
	};
	static const struct expr_case response[] = { { "capture.res.hdr(0)", "string two" }, { "capture.res.hdr(1)", "" } };
	static struct slice of_request[] = { SLICE("one"), { .ptr = NULL } }, of_response[] = { SLICE("two") };
	struct rules *t = *state;

	exprs_check(t, EXPRS(none));
	t->fe.request_capture_count = 2;
	t->fe.response_capture_count = 1;
	exprs_check(t, EXPRS(none));
	t->x.request_captures = of_request;
	t->x.response_captures = of_response;
	exprs_check(t, EXPRS(request));
	rules_response(t, "HTTP/1.1 200 OK");
	exprs_check(t, EXPRS(response));
}

static void status_and_version(void **state)
{
	static const struct expr_case cases[] = {
		{ "status", "integer 203" }, { "res.ver", "string 1.1" },  { "resp_ver", "string 1.1" }, { "capture.res.ver", "string HTTP/1.1" },
		{ "method", "method GET" },
	};
	static const struct expr_case old[] = { { "res.ver", "string 1.0" }, { "capture.res.ver", "string HTTP/1.0" } };
	static const struct expr_case refused[] = {
		{ "status", "it needs a response" }, { "res.ver", "it needs the response's head" }, { "capture.req.hdr", "argument 1 is missing" },
	};
	struct rules *t = *state;

	exprs_refused(t, EXPRS(refused));
	rules_response(t, "HTTP/1.1 203 Fine");
	exprs_check(t, EXPRS(cases));
	t->x.status = 404; /* another than the server's */
	assert_string_equal(exprs_get(t, "status"), "integer 404");
	rules_get(t, "/");
	rules_response(t, "HTTP/1.0 200 OK");
	exprs_check(t, EXPRS(old));
}

/* A request that ended without a response. */
static void no_response(void **state)
{
	struct rules *t = *state;
	const struct expr *e = expr_parse(rules_words(t, ""), SLICE_LIT("status"), WHEN_IN_LOG, "test");
	const struct expr *version = expr_parse(rules_words(t, ""), SLICE_LIT("capture.res.ver"), WHEN_IN_LOG, "test");
	struct sample s;

	assert_non_null(e);
	assert_false(expr_get(e, &t->x, &s));
	assert_false(expr_get(version, &t->x, &s));
	assert_int_equal(expr_number(e, &t->x, -7), -7);
	t->x.status = 503;
	assert_int_equal(expr_number(e, &t->x, -7), 503);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EXPRS_TEST(kept_line), EXPRS_TEST(captures), EXPRS_TEST(status_and_version), EXPRS_TEST(no_response),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
