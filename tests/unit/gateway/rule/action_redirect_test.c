/* action_redirect_test.c - redirects: where to, with which code and cookie, and what they complain about. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "tests/unit/gateway/support/rules.h"

static struct rules t;

static int begin(void **state)
{
	(void)state;
	rules_setup(&t);
	return 0;
}

static int end(void **state)
{
	(void)state;
	rules_cleanup(&t);
	return 0;
}

static void redirects(void **state)
{
	static const struct {
		const char *rule, *line;
		int status;
		const char *location, *cookie;
	} cases[] = {
		{ "location /new", "GET /old?a=1", 302, "/new", "-" },
		{ "location https://%[req.hdr(host)]%[path] code 307", "GET /a?b", 307, "https://h:81/a", "-" },
		{ "code 301 location /new", "GET /old", 301, "/new", "-" },
		{ "code 308 location /new drop-query append-slash", "GET /old?a", 308, "/new", "-" },
		{ "prefix https://shop.example", "GET /p?a=1", 302, "https://shop.example/p?a=1", "-" },
		{ "prefix /v2 code 301", "GET /deep/er", 301, "/v2/deep/er", "-" },
		{ "prefix /x drop-query set-cookie SEEN=1", "GET /cookie?q=1", 302, "/x/cookie", "SEEN=1; path=/;" },
		{ "prefix / drop-query append-slash", "GET /dir?a=1", 302, "/dir/", "-" },
		{ "prefix / drop-query append-slash", "GET /dir/?a=1", 302, "/dir/", "-" },
		{ "prefix / append-slash", "GET /dir", 302, "/dir", "-" },
		{ "prefix / append-slash", "GET /dir?a", 302, "/dir?a", "-" },
		{ "prefix /", "GET /dir?", 302, "/dir?", "-" },
		{ "prefix https://x", "OPTIONS *", 302, "https://x/", "-" },
		{ "prefix https://x append-slash drop-query", "CONNECT h:443", 302, "https://x/", "-" },
		{ "prefix /", "GET //evil.example/x", 302, "/evil.example/x", "-" }, /* HAProxy sends a visitor there */
		{ "prefix /", "GET ////", 302, "/", "-" },
		{ "prefix https://x", "GET //y", 302, "https://x//y", "-" },
		{ "scheme https code 308", "GET /s?b", 308, "https://h:81/s?b", "-" },
		{ "scheme https drop-query", "GET /s?b", 302, "https://h:81/s", "-" },
		{ "location / clear-cookie SEEN=", "GET /logout", 302, "/", "SEEN=; path=/; Max-Age=0;" },
		{ "location /other code 303", "POST /x", 303, "/other", "-" },
		{ "location %[query,url_dec]", "GET /x?/a%0d%0ab", 302, "/a%0D%0Ab", "-" },
		{ "location %[req.hdr(x-to)]", "GET /", 302, "", "-" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[128];
		int status = cases[i].status;

		rules_clear(&t);
		snprintf(text, sizeof(text), "redirect %s", cases[i].rule);
		assert_string_equal(rules_read(&t, text), "");
		snprintf(text, sizeof(text), "%s HTTP/1.1|Host: h:81", cases[i].line);
		rules_request(&t, text);
		assert_int_equal(rules_go(&t), VERDICT_REPLY);
		assert_int_equal(t.x.reply.status, status);
		assert_int_equal(t.x.cause, 'L');
		if (strcmp(rules_reply_header(&t, "location"), cases[i].location) != 0)
			fail_msg("%s: %s", cases[i].rule, t.copy);
		assert_string_equal(rules_reply_header(&t, "set-cookie"), cases[i].cookie);
		assert_string_equal(rules_reply_header(&t, "cache-control"), status == 301 || status == 308 ? "-" : "no-cache");
		assert_int_equal(t.x.reply.body.len, 0);
	}
}

static void an_empty_location_may_be_skipped(void **state)
{
	(void)state;
	assert_string_equal(rules_read(&t, "redirect location %[req.hdr(x-to)] ignore-empty"), "");
	rules_request(&t, "GET / HTTP/1.1|Host: h");
	assert_int_equal(rules_go(&t), VERDICT_NEXT);
	assert_int_equal(t.x.cause, '-');
	rules_request(&t, "GET / HTTP/1.1|Host: h|x-to: /there");
	assert_int_equal(rules_go(&t), VERDICT_REPLY);
	assert_string_equal(rules_reply_header(&t, "location"), "/there");
}

static void the_keyword_takes_its_text_as_it_is(void **state)
{
	struct rule_list list = { 0 };

	(void)state;
	redirect_read(rules_words(&t, "location /%[path] if { path /a }"), &list);
	redirect_read(rules_words(&t, "prefix /b"), &list);
	assert_string_equal(words_said(&t.w), "");
	rules_get(&t, "/a");
	assert_int_equal(rules_run(&list, &t.x), VERDICT_REPLY);
	assert_string_equal(rules_reply_header(&t, "location"), "/%[path]");
	rules_get(&t, "/c");
	assert_int_equal(rules_run(&list, &t.x), VERDICT_REPLY);
	assert_string_equal(rules_reply_header(&t, "location"), "/b/c");
	redirect_read(rules_words(&t, "location /a when { path /a }"), &list);
	assert_non_null(strstr(words_said(&t.w), "'redirect' expects either 'if' or 'unless' followed by a condition but found 'when'"));
	redirect_read(rules_words(&t, "location '/a\nb'"), &list);
	assert_non_null(strstr(words_said(&t.w), "no header can hold"));
	redirect_read(rules_words(&t, "if { path /a }"), &list);
	assert_non_null(strstr(words_said(&t.w), "expects 'location', 'prefix' or 'scheme'"));
}

static void on_a_response(void **state)
{
	(void)state;
	t.set = RULES_RESPONSE;
	assert_string_equal(rules_read(&t, "redirect location /login/%[status] code 303 if { status 401 }"), "");
	rules_get(&t, "/");
	rules_response(&t, "HTTP/1.1 401 Who|Content-Length: 3");
	assert_int_equal(rules_go(&t), VERDICT_REPLY);
	assert_int_equal(t.x.reply.status, 303);
	assert_string_equal(rules_reply_header(&t, "location"), "/login/401");
	assert_non_null(strstr(rules_read(&t, "redirect prefix /x"), "on a response only 'location' is possible"));
}

static void without_memory_it_fails(void **state)
{
	unsigned failed = 0, done = 0;

	(void)state;
	assert_string_equal(rules_read(&t, "redirect scheme https"), "");
	for (size_t limit = 64; limit < 400; limit += 16) {
		enum verdict v;

		rules_request_limited(&t, "GET /012345678901234567890123456789?abcdefghijklmnopq HTTP/1.1|Host: h", limit);
		arena_alloc(t.x.arena, 48); /* some was used up before */
		v = rules_go(&t);
		assert_true(v == VERDICT_FAIL || v == VERDICT_REPLY);
		failed += v == VERDICT_FAIL;
		done += v == VERDICT_REPLY;
	}
	assert_true(failed > 1 && done > 1);
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *line, *said;
	} cases[] = {
		{ "redirect", "'redirect' expects 'location', 'prefix' or 'scheme'" },
		{ "redirect location", "missing argument for 'location'" },
		{ "redirect location ''", "missing argument for 'location'" },
		{ "redirect location / prefix /", "there is a location already" },
		{ "redirect code 304 location /", "must be one of 301, 302, 303, 307 and 308, not '304'" },
		{ "redirect code x location /", "not 'x'" },
		{ "redirect location / set-cookie", "missing argument for 'set-cookie'" },
		{ "redirect location / set-cookie =1", "no cookie is named '=1'" },
		{ "redirect location / set-cookie 'a\r\nb'", "no cookie is named" },
		{ "redirect location / nonsense", "but found 'nonsense'" },
		{ "redirect location /%[nothing]", "nothing" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *said = rules_read(&t, cases[i].line);

		if (strstr(said, cases[i].said) == NULL)
			fail_msg("%s: said %s", cases[i].line, said);
		assert_int_equal(t.w.p.errors, 1);
	}
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(redirects),
		WITH(an_empty_location_may_be_skipped),
		WITH(the_keyword_takes_its_text_as_it_is),
		WITH(on_a_response),
		WITH(without_memory_it_fails),
		WITH(what_is_wrong_is_named),
	};

	return cmocka_run_group_tests_name("action_redirect", tests, NULL, NULL);
}
