/* action_path_test.c - rules that change the request's line, and what they refuse. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "gateway/http/write.h"
#include "tests/unit/gateway/support/rules.h"

static int begin(void **state)
{
	static struct rules t;

	rules_setup(&t);
	*state = &t;
	return 0;
}

static int end(void **state)
{
	rules_cleanup(*state);
	return 0;
}

/* "GET /path?query host" as it would be written, or "refused". */
static const char *written(struct rules *t)
{
	static char out[2048];
	const struct http_outgoing how = { .kind = BODY_NONE };
	size_t len = http_write_head(&t->x.request, &how, out, sizeof(out) - 1);
	struct slice head = slice_of(out, len), line = slice_cut(&head, '\r');
	char copy[1024];

	if (len == 0)
		return "refused";
	line = slice_sub(line, 0, line.len - strlen(" HTTP/1.1"));
	snprintf(copy, sizeof(copy), "%.*s %s", SLICE_ARG(line), rules_values(t, &t->x.request, "Host"));
	memcpy(out, copy, strlen(copy) + 1);
	return out;
}

static void changes(void **state)
{
	static const struct {
		const char *rule, *line, *after;
	} cases[] = {
		{ "set-path /new", "GET /old", "GET /new h" },
		{ "set-path /new", "GET /old?a=1", "GET /new?a=1 h" },
		{ "set-path /new", "GET /old?", "GET /new? h" },
		{ "set-path /%[req.hdr(host)]%[path]", "GET /a", "GET /h/a h" },
		{ "set-path /q?y=1", "GET /old?x=1", "GET /q?y=1?x=1 h" },
		{ "set-path /q?y=1", "GET /old", "GET /q?y=1 h" },
		{ "set-path /x", "OPTIONS *", "OPTIONS /x h" },
		{ "set-path *", "OPTIONS /x", "OPTIONS * h" },
		{ "set-pathq /new?p=%[path]", "GET /old?a=1", "GET /new?p=/old h" },
		{ "set-pathq /new", "GET /old?a=1", "GET /new h" },
		{ "set-query b=2", "GET /old?a=1", "GET /old?b=2 h" },
		{ "set-query b=2", "GET /old", "GET /old?b=2 h" },
		{ "set-query b?=2", "GET /old", "GET /old?b?=2 h" },
		{ "set-query %[req.hdr(none)]", "GET /old?a=1", "GET /old? h" },
		{ "set-query %[req.hdr(none)]", "GET /old", "GET /old h" },
		{ "set-uri /u?x=1", "GET /old?a=1", "GET /u?x=1 h" },
		{ "set-uri http://other:81/u?z", "GET /old?a=1", "GET /u?z other:81" },
		{ "set-uri http://other", "GET /old", "GET / other" },
		{ "set-uri /u", "GET http://h/old", "GET /u h" },
		{ "set-uri *", "OPTIONS /old", "OPTIONS * h" },
		{ "set-uri other:443", "CONNECT h:443", "CONNECT other:443 other:443" },
		{ "replace-path (.*)/foo \\1/bar", "GET /a/foo?q=/foo", "GET /a/bar?q=/foo h" },
		{ "replace-path /items/(.*) /\\1", "GET /items/50?x=1", "GET /50?x=1 h" },
		{ "replace-path x=1 /seen", "GET /items/50?x=1", "GET /items/50?x=1 h" }, /* sees only the path */
		{ "replace-path /foo/(.*) /\\1", "GET /a/foo/b", "GET /b h" },              /* the whole path becomes the replacement */
		{ "replace-path (.*) /foo\\1", "GET /bar?q=1", "GET /foo/bar?q=1 h" },
		{ "replace-path (.*) \\1?b", "GET /bar?q=1", "GET /bar?b?q=1 h" },
		{ "replace-path ^/nothing$ x", "GET /bar", "GET /bar h" },
		{ "replace-pathq ([^?]*)(\\?(.*))? \\1/foo\\2", "GET /bar?q=1", "GET /bar/foo?q=1 h" },
		{ "replace-pathq ([^?]*)(\\?(.*))? \\1/foo\\2", "GET /bar", "GET /bar/foo h" },
		{ "replace-pathq ([^?]*).* \\1", "GET /bar?q=1", "GET /bar h" },
		{ "replace-uri ^/uri/(.*) /\\1?from=uri", "GET /uri/x/y", "GET /x/y?from=uri h" },
		{ "replace-uri ^http://(.*) https://\\1/b", "GET http://h/a", "GET /a/b h" },
		{ "replace-uri ^https://h/(.*) http://g/\\1", "GET https://h/a?b", "GET /a?b g" },
		{ "replace-uri ([^/:]*://[^/]*)?(.*) \\1/foo\\2", "GET http://h/a", "GET /foo/a h" },
		{ "set-method POST", "GET /a", "POST /a h" },
		{ "set-method %[method]X", "GET /a", "GETX /a h" },
		{ "set-method HEAD", "HEAD /a", "HEAD /a h" },
	};
	struct rules *t = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char lines[256];

		rules_clear(t);
		assert_string_equal(rules_read(t, cases[i].rule), "");
		snprintf(lines, sizeof(lines), "%s HTTP/1.1|Host: h", cases[i].line);
		rules_request(t, lines);
		assert_int_equal(rules_go(t), VERDICT_NEXT);
		if (strcmp(written(t), cases[i].after) != 0)
			fail_msg("%s on %s: %s", cases[i].rule, cases[i].line, written(t));
		assert_int_equal(t->x.request.method, http_method_of(t->x.request.method_text));
		assert_int_equal(slice_find(t->x.request.path, '?'), t->x.request.path.len);
	}
}

/* Where HAProxy sends something else than one well-formed request; the request stays as it was. */
static void refusals(void **state)
{
	static const struct {
		const char *rule, *line;
	} cases[] = {
		{ "set-path '/a b'", "GET /old" },
		{ "set-path %[query,url_dec]", "GET /old?/x%20HTTP/1.1%0d%0aX:y" },
		{ "set-path %[query,url_dec]", "GET /old?/x%0d%0a" },
		{ "set-path %[query,url_dec]", "GET /old?/x%00" },
		{ "set-path %[query,url_dec]", "GET /old?/%c3%a4" },
		{ "set-path %[query,url_dec]", "GET /old?/a%23b" },
		{ "set-path %[query,url_dec]", "GET /old?/%7f" },
		{ "set-path noslash", "GET /old" },
		{ "set-path %[req.hdr(none)]", "GET /old" },
		{ "set-path *", "GET /old" },
		{ "set-path /x", "CONNECT h:443" },
		{ "set-path //x\t", "GET /old" },
		{ "set-pathq ?a", "GET /old" },
		{ "set-pathq '/a?b c'", "GET /old" },
		{ "set-query '1 2'", "GET /old" },
		{ "set-query %[query,url_dec]", "GET /old?a%0d%0ab" },
		{ "set-query a", "OPTIONS *" },
		{ "set-query a", "CONNECT h:443" },
		{ "set-uri noslash", "GET /old" },
		{ "set-uri http://user@h/", "GET /old" },
		{ "set-uri http://h:x/", "GET /old" },
		{ "set-uri ftp://h/", "GET /old" },
		{ "set-uri '/a b'", "GET /old" },
		{ "set-uri *", "GET /old" },
		{ "set-uri /x", "CONNECT h:443" },
		{ "replace-path .* \\x20", "GET /old" },
		{ "replace-path ^/(.*) \\1", "GET /old" },
		{ "replace-pathq .* '/a b'", "GET /old" },
		{ "replace-uri .* nothing", "GET /old" },
		{ "set-method 'A B'", "GET /old" },
		{ "set-method %[req.hdr(none)]", "GET /old" },
		{ "set-method 'GET /x'", "GET /old" },
		/* the client and the server would not agree about where the response ends */
		{ "set-method HEAD", "GET /old" },
		{ "set-method GET", "HEAD /old" },
		{ "set-method CONNECT", "GET /old" },
		{ "set-method GET", "CONNECT h:443" },
		{ "set-method GET", "OPTIONS *" },
	};
	struct rules *t = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char lines[256], before[256];

		rules_clear(t);
		assert_string_equal(rules_read(t, cases[i].rule), "");
		snprintf(lines, sizeof(lines), "%s HTTP/1.1|Host: h", cases[i].line);
		rules_request(t, lines);
		snprintf(before, sizeof(before), "%s", written(t));
		if (rules_go(t) != VERDICT_FAIL)
			fail_msg("%s on %s: %s", cases[i].rule, cases[i].line, written(t));
		assert_string_equal(written(t), before);
	}
}

static void rules_see_what_earlier_ones_did(void **state)
{
	struct rules *t = *state;

	assert_string_equal(rules_read(t, "set-path /two if { path /one }"), "");
	assert_string_equal(rules_read(t, "set-query n=%[path] if { path /two }"), "");
	rules_get(t, "/one?x");
	assert_int_equal(rules_go(t), VERDICT_NEXT);
	assert_string_equal(written(t), "GET /two?n=/two shop.example");
}

static void a_new_authority_needs_room_for_its_host(void **state)
{
	struct rules *t = *state;

	assert_string_equal(rules_read(t, "set-uri http://other/"), "");
	rules_request(t, "GET / HTTP/1.0");
	http_field_remove_all(&t->x.request, SLICE_LIT("Host"));
	assert_int_equal(rules_go(t), VERDICT_NEXT);
	assert_string_equal(written(t), "GET / other");
	rules_request(t, "GET / HTTP/1.0");
	http_field_remove_all(&t->x.request, SLICE_LIT("Host"));
	while (http_field_add(&t->x.request, SLICE_LIT("y"), SLICE_LIT("y")))
		;
	assert_int_equal(rules_go(t), VERDICT_FAIL);
}

static void any_lack_of_memory_is_a_failure(void **state)
{
	static const char *const rules[] = {
		"set-path /%[path]", "set-query %[path]", "set-uri http://other%[path]", "replace-pathq (.*) /\\1", "replace-uri (.*) \\1",
		"set-method XXXXXXXXXXXXXXXXXXXXXXXX%[method]", "normalize-uri path-merge-slashes", "normalize-uri query-sort-by-name",
	};
	struct rules *t = *state;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		unsigned failed = 0;

		rules_clear(t);
		assert_string_equal(rules_read(t, rules[i]), "");
		for (size_t limit = 64; limit < 400; limit += 16) {
			rules_request_limited(t, "GET http://h/0123456789012345678901234567?c=2&bbbbbbbbbbbbbbbbbbbb=1&aaaaaaaaaaaaaaaa HTTP/1.1|Host: h",
					      limit);
			/* some was used up before */
			arena_alloc(t->x.arena, 48);
			failed += rules_go(t) == VERDICT_FAIL;
			assert_string_not_equal(written(t), "refused");
		}
		if (failed == 0)
			fail_msg("%s never failed", rules[i]);
	}
}

static void normalizers(void **state)
{
	static const struct {
		const char *rule, *target, *after;
	} cases[] = {
		{ "path-merge-slashes", "//", "/" },
		{ "path-merge-slashes", "/foo//bar///?a//b", "/foo/bar/?a//b" },
		{ "path-strip-dot", "/.", "/" },
		{ "path-strip-dot", "/./bar/", "/bar/" },
		{ "path-strip-dot", "/a/./a", "/a/a" },
		{ "path-strip-dot", "/a/.", "/a/" },
		{ "path-strip-dot", "/.well-known/", "/.well-known/" },
		{ "path-strip-dot", "/../", "/../" },
		{ "path-strip-dotdot", "/foo/../", "/" },
		{ "path-strip-dotdot", "/foo/..", "/" },
		{ "path-strip-dotdot", "/foo/../bar/", "/bar/" },
		{ "path-strip-dotdot", "/foo/bar/../", "/foo/" },
		{ "path-strip-dotdot", "/../bar/", "/../bar/" },
		{ "path-strip-dotdot", "/bar/../../", "/../" },
		{ "path-strip-dotdot", "/foo//../", "/foo/" },
		{ "path-strip-dotdot", "/foo/%2E%2E/", "/foo/%2E%2E/" },
		{ "path-strip-dotdot", "/a..", "/a.." },
		{ "path-strip-dotdot", "/..", "/.." },
		{ "path-strip-dotdot", "/", "/" },
		{ "path-strip-dotdot full", "/../bar/", "/bar/" },
		{ "path-strip-dotdot full", "/bar/../../", "/" },
		{ "path-strip-dotdot full", "/..", "/" },
		{ "path-strip-dotdot full", "/a/../../../b/c/../d?x=/../", "/b/d?x=/../" },
		{ "percent-decode-unreserved", "/%61dmin?%7e=%2F", "/admin?~=%2F" },
		{ "percent-decode-unreserved", "/foo%3Fbar=baz", "/foo%3Fbar=baz" },
		{ "percent-decode-unreserved", "/%%36%36", "/%66" },
		{ "percent-decode-unreserved", "/%ZZ%4", "/%ZZ%4" },
		{ "percent-decode-unreserved", "/%2e%2E/%2f", "/../%2f" },
		{ "percent-to-uppercase", "/%6f%aB?%ef", "/%6F%AB?%EF" },
		{ "percent-to-uppercase", "/%zz", "/%zz" },
		{ "percent-to-uppercase strict", "/%6f", "/%6F" },
		{ "query-sort-by-name", "/?c=3&a=1&b=2", "/?a=1&b=2&c=3" },
		{ "query-sort-by-name", "/?aaa=3&a=1&aa=2", "/?a=1&aa=2&aaa=3" },
		{ "query-sort-by-name", "/?a=3&b=4&a=1&b=5&a=2", "/?a=3&a=1&a=2&b=4&b=5" },
		{ "query-sort-by-name", "/?b&&a=1&=2", "/?&=2&a=1&b" },
		{ "query-sort-by-name", "/?a", "/?a" },
		{ "query-sort-by-name", "/", "/" },
		{ "fragment-strip", "/a", "/a" },
		{ "fragment-encode", "/a", "/a" },
	};
	struct rules *t = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[128];

		rules_clear(t);
		snprintf(text, sizeof(text), "normalize-uri %s", cases[i].rule);
		assert_string_equal(rules_read(t, text), "");
		rules_get(t, cases[i].target);
		assert_int_equal(rules_go(t), VERDICT_NEXT);
		snprintf(text, sizeof(text), "GET %s shop.example", cases[i].after);
		if (strcmp(written(t), text) != 0)
			fail_msg("%s on %s: %s", cases[i].rule, cases[i].target, written(t));
	}
}

static void normalizers_leave_other_targets(void **state)
{
	static const char *const rules[] = { "normalize-uri path-strip-dot", "normalize-uri percent-to-uppercase", "normalize-uri query-sort-by-name" };
	struct rules *t = *state;

	for (size_t i = 0; i < 3; i++)
		assert_string_equal(rules_read(t, rules[i]), "");
	rules_request(t, "OPTIONS * HTTP/1.1|Host: h");
	assert_int_equal(rules_go(t), VERDICT_NEXT);
	assert_string_equal(written(t), "OPTIONS * h");
	rules_request(t, "CONNECT h:1 HTTP/1.1|Host: h:1");
	assert_int_equal(rules_go(t), VERDICT_NEXT);
	assert_string_equal(written(t), "CONNECT h:1 h:1");
}

static void strict_normalizers_refuse_bad_escapes(void **state)
{
	static const char *const targets[] = { "/%%36%36", "/%zz", "/%4", "/%", "/a?%g0" };
	struct rules *t = *state;

	for (int upper = 0; upper < 2; upper++) {
		rules_clear(t);
		assert_string_equal(rules_read(t, upper ? "normalize-uri percent-to-uppercase strict" : "normalize-uri percent-decode-unreserved strict"),
				    "");
		for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
			rules_get(t, targets[i]);
			assert_int_equal(rules_go(t), VERDICT_REPLY);
			assert_int_equal(t->x.reply.status, 400);
			assert_int_equal(t->x.cause, 'P');
		}
	}
}

/* Merge sort against a plain one, with many parameters. */
static void many_parameters_are_sorted(void **state)
{
	struct rules *t = *state;

	assert_string_equal(rules_read(t, "normalize-uri query-sort-by-name"), "");
	for (unsigned count = 2; count <= 40; count++) {
		char target[512] = "/?", expected[512] = "GET /?";
		struct { unsigned name, order; } list[40];
		uint32_t random = count;

		for (unsigned i = 0; i < count; i++) {
			random = random * 1103515245 + 12345;
			list[i].name = random >> 16 & 7;
			list[i].order = i;
			snprintf(target + strlen(target), 16, "%s%u=%u", i > 0 ? "&" : "", list[i].name, i);
		}
		for (unsigned name = 0; name < 8; name++) {
			for (unsigned i = 0; i < count; i++) {
				if (list[i].name == name)
					snprintf(expected + strlen(expected), 16, "%s%u=%u", expected[6] != '\0' ? "&" : "", name, list[i].order);
			}
		}
		snprintf(expected + strlen(expected), 16, " shop.example");
		rules_get(t, target);
		assert_int_equal(rules_go(t), VERDICT_NEXT);
		assert_string_equal(written(t), expected);
	}
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *line, *said;
	} cases[] = {
		{ "set-path", "'http-request set-path' expects a format" },
		{ "set-query ''", "'http-request set-query' expects a format" },
		{ "set-method GET POST", "but found 'POST'" },
		{ "replace-path /a", "expects a regular expression and a format" },
		{ "replace-uri ( a", "regex '(' is invalid" },
		{ "normalize-uri", "expects a normalizer" },
		{ "normalize-uri path-merge-slash", "did you mean 'path-merge-slashes'?" },
		{ "normalize-uri everything", "has no normalizer 'everything'" },
		{ "normalize-uri path-merge-slashes full", "but found 'full'" },
		{ "normalize-uri percent-to-uppercase full", "but found 'full'" },
	};
	struct rules *t = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *said = rules_read(t, cases[i].line);

		if (strstr(said, cases[i].said) == NULL)
			fail_msg("%s: said %s", cases[i].line, said);
		assert_int_equal(t->w.p.errors, 1);
	}
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(changes),
		WITH(refusals),
		WITH(rules_see_what_earlier_ones_did),
		WITH(a_new_authority_needs_room_for_its_host),
		WITH(any_lack_of_memory_is_a_failure),
		WITH(normalizers),
		WITH(normalizers_leave_other_targets),
		WITH(strict_normalizers_refuse_bad_escapes),
		WITH(many_parameters_are_sorted),
		WITH(what_is_wrong_is_named),
	};

	return cmocka_run_group_tests_name("action_path", tests, NULL, NULL);
}
