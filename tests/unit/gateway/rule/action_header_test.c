/* action_header_test.c - set-, add-, del- and replace-header, replace-value; what values can never hold; memory. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "gateway/http/chars.h"
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

static void changes(void **state)
{
	static const struct {
		const char *rule, *head, *name, *after;
	} cases[] = {
		{ "set-header X-A new", "x-a: 1|X-A: 2", "x-a", "new" },
		{ "set-header x-a new", "x-b: 1", "x-a", "new" },
		{ "set-header x-a %[req.hdr(x-a)],2", "x-a: 1", "x-a", "1,2" }, /* made before the old one goes */
		{ "set-header x-a %[req.hdr(none)]", "x-a: 1", "x-a", "" },
		{ "set-header x-a ' a b  '", "x-b: 1", "x-a", "a b" },
		{ "add-header x-a 2", "x-a: 1", "x-a", "1|2" },
		{ "add-header x-a %[path]", "x-b: 1", "x-a", "/p" },
		{ "del-header x-a", "x-a: 1|X-A: 2|x-ab: 3", "x-a", "-" },
		{ "del-header x-a", "x-a: 1|x-ab: 3", "x-ab", "3" },
		{ "del-header X-A -m str", "x-a: 1", "x-a", "-" },
		{ "del-header X- -m beg", "x-a: 1|y-a: 2", "x-a", "-" },
		{ "del-header X- -m beg", "x-a: 1|y-x-a: 2", "y-x-a", "2" },
		{ "del-header -Tmp -m end", "x-tmp: 1", "x-tmp", "-" },
		{ "del-header -tmp -m end", "x-tmp-a: 1", "x-tmp-a", "1" },
		{ "del-header -tmp -m end", "tmp: 1", "tmp", "1" },
		{ "del-header M -m sub", "x-tmp-a: 1", "x-tmp-a", "-" },
		{ "del-header tmpx -m sub", "x-tmp: 1", "x-tmp", "1" },
		{ "del-header ^X-[0-9]$ -m reg", "x-1: 1", "x-1", "-" },
		{ "del-header ^x-[0-9]$ -m reg", "x-12: 1", "x-12", "1" },
		/* the whole value becomes the replacement, also where only a part matched */
		{ "replace-header x-a curl foo", "x-a: a curl/7", "x-a", "foo" },
		{ "replace-header x-a (.*)foo=([^;]*)(.*) \\1ip=%[src]\\3", "x-a: a=1; foo=secret; b", "x-a", "a=1; ip=192.0.2.1; b" },
		{ "replace-header x-a ^(.*)-(.*)$ \\2-\\1", "x-a: 1-2|x-a: 3|x-a: 4-5", "x-a", "2-1|3|5-4" },
		{ "replace-header x-a B x", "x-a: b", "x-a", "b" }, /* case matters */
		{ "replace-header x-a (.*) <\\1>", "x-a: a, b", "x-a", "<a, b>" },
		{ "replace-header x-a (.*) <\\1>", "x-b: a", "x-a", "-" },
		{ "replace-value x-a ^b x", "x-a: a, bb ,b,c", "x-a", "a, x ,x,c" },
		{ "replace-value x-a ([a-z]) <\\1>", "x-a: a, b", "x-a", "<a>, <b>" },
		{ "replace-value x-a ^none$ x", "x-a: a, b", "x-a", "a, b" },
		{ "replace-value x-a ^192\\.168\\.(.*)$ 172.16.\\1", "x-a: 192.168.10.1, 10.0.0.37|x-a: 192.168.0.1", "x-a",
		  "172.16.10.1, 10.0.0.37|172.16.0.1" },
		{ "replace-value x-a ^b$ %[req.hdr(none)]", "x-a: a,b,c", "x-a", "a,,c" },
		{ "replace-value x-a b x", "x-a: \"a,b\",b", "x-a", "x,x" }, /* a comma in quotes parts nothing */
	};
	struct rules *t = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char lines[256];

		rules_clear(t);
		assert_string_equal(rules_read(t, cases[i].rule), "");
		snprintf(lines, sizeof(lines), "GET /p HTTP/1.1|Host: a|%s", cases[i].head);
		rules_request(t, lines);
		assert_int_equal(rules_go(t), VERDICT_NEXT);
		if (strcmp(rules_values(t, &t->x.request, cases[i].name), cases[i].after) != 0)
			fail_msg("%s on %s: %s", cases[i].rule, cases[i].head, t->copy);
		assert_string_equal(rules_values(t, &t->x.request, "Host"), "a");
	}
}

static void responses(void **state)
{
	static const enum rule_set sets[] = { RULES_RESPONSE, RULES_AFTER_RESPONSE };
	struct rules *t = *state;

	for (size_t i = 0; i < 2; i++) {
		rules_clear(t);
		t->set = sets[i];
		assert_string_equal(rules_read(t, "set-header x-a %[status]"), "");
		assert_string_equal(rules_read(t, "add-header x-b 2"), "");
		assert_string_equal(rules_read(t, "del-header server"), "");
		assert_string_equal(rules_read(t, "replace-header x-c (.*) <\\1>"), "");
		assert_string_equal(rules_read(t, "replace-value x-d ^t(.*)$ T\\1"), "");
		rules_request(t, "GET / HTTP/1.1|Host: a|x-b: kept");
		rules_response(t, "HTTP/1.1 201 Made|x-b: 1|Server: s|x-c: c|x-d: one,two");
		assert_int_equal(rules_go(t), VERDICT_NEXT);
		assert_string_equal(rules_values(t, &t->x.response, "x-a"), "201");
		assert_string_equal(rules_values(t, &t->x.response, "x-b"), "1|2");
		assert_string_equal(rules_values(t, &t->x.response, "server"), "-");
		assert_string_equal(rules_values(t, &t->x.response, "x-c"), "<c>");
		assert_string_equal(rules_values(t, &t->x.response, "x-d"), "one,Two");
		assert_string_equal(rules_values(t, &t->x.request, "x-b"), "kept");
	}
}

/* What would begin another line, or end the head, is written as HAProxy writes it. */
static void no_value_begins_another_line(void **state)
{
	static const struct {
		const char *rule, *query, *after;
	} cases[] = {
		{ "set-header x %[query,url_dec]", "a%0d%0ab:c", "a%0D%0Ab:c" },
		{ "add-header x %[query,url_dec]", "a%0ab", "a%0Ab" },
		{ "set-header x %[query,url_dec]", "%00%01%1f%7f", "%00%01%1F%7F" },
		{ "set-header x a%[query,url_dec]b", "%09%20", "a\t b" },
		{ "set-header x %[query,url_dec]", "%0d%0a%0d%0aGET", "%0D%0A%0D%0AGET" },
		{ "set-header x %[query,url_dec]", "%c3%a4", "\xc3\xa4" },
		{ "replace-header y .* %[query,url_dec]", "a%0d%0ab", "a%0D%0Ab" },
		{ "replace-header y .* a\\x0d\\x0ab", "-", "a%0D%0Ab" }, /* the replacement's own escapes */
		{ "replace-header y .* %[query]", "\\x0d\\x0ab", "%0D%0Ab" },  /* and those that a client brings along */
		{ "replace-value y .* %[query,url_dec]", "a%0d%0ab", "a%0D%0Ab" },
	};
	struct rules *t = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char lines[256];
		const char *name = strncmp(cases[i].rule, "replace", 7) == 0 ? "y" : "x";

		rules_clear(t);
		assert_string_equal(rules_read(t, cases[i].rule), "");
		snprintf(lines, sizeof(lines), "GET /?%s HTTP/1.1|Host: a|y: y", cases[i].query);
		rules_request(t, lines);
		assert_int_equal(rules_go(t), VERDICT_NEXT);
		assert_string_equal(rules_values(t, &t->x.request, name), cases[i].after);
		for (unsigned f = 0; f < t->x.request.count; f++)
			assert_true(http_is_value(t->x.request.fields[f].value));
	}
}

static void what_does_not_fit_fails(void **state)
{
	static const char *const lines[] = {
		"set-header x %[path]%[path]%[path]%[path]%[path]%[path]%[path]%[path]",
		"add-header x %[path]%[path]%[path]%[path]%[path]%[path]%[path]%[path]",
		"replace-header y .* %[path]%[path]%[path]%[path]%[path]%[path]%[path]",
		"replace-header y (.*) \\1\\1\\1\\1\\1\\1\\1\\1\\1\\1\\1\\1",
		"replace-value y ([a-z]*) \\1\\1\\1\\1\\1\\1\\1\\1\\1\\1\\1\\1",
	};
	struct rules *t = *state;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		rules_clear(t);
		assert_string_equal(rules_read(t, lines[i]), "");
		rules_request_limited(t, "GET /01234567890123456789 HTTP/1.1|Host: a|y: abcdefghijklmnopq,abcdefghijklmnopq", 96);
		assert_int_equal(rules_go(t), VERDICT_FAIL);
	}
}

/* With less and less memory a rule either does all that it should or fails; nothing is read or written beyond. */
static void any_lack_of_memory_is_a_failure(void **state)
{
	struct rules *t = *state;
	unsigned failed = 0, done = 0;

	assert_string_equal(rules_read(t, "replace-value y ^([a-z]+)$ <\\1%[query,url_dec]>"), "");
	for (size_t limit = 64; limit < 1400; limit += 16) {
		enum verdict v;

		rules_request_limited(t, "GET /?%0d HTTP/1.1|Host: a|y: one,two, three ,4", limit);
		v = rules_go(t);
		if (v == VERDICT_FAIL) {
			failed++;
			continue;
		}
		assert_int_equal(v, VERDICT_NEXT);
		assert_string_equal(rules_values(t, &t->x.request, "y"), "<one%0D>,<two%0D>, <three%0D> ,4");
		done++;
	}
	assert_true(failed > 3 && done > 3);
}

static void no_room_for_another_field_fails(void **state)
{
	struct rules *t = *state;

	assert_string_equal(rules_read(t, "set-header x 1"), "");
	rules_get(t, "/");
	while (http_field_add(&t->x.request, SLICE_LIT("y"), SLICE_LIT("y")))
		;
	assert_int_equal(rules_go(t), VERDICT_FAIL);
	t->x.request.fields[3].name = SLICE_LIT("X"); /* one to be replaced makes room */
	assert_int_equal(rules_go(t), VERDICT_NEXT);
	assert_string_equal(rules_values(t, &t->x.request, "x"), "1");
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *line, *said;
	} cases[] = {
		{ "set-header 'a b' c", "'a b' cannot be the name of a header" },
		{ "set-header a: c", "'a:' cannot be the name of a header" },
		{ "add-header 'a\nb' c", "cannot be the name of a header" },
		{ "del-header", "expects a name" },
		{ "del-header a -m", "expects a matching method" },
		{ "del-header a -m found", "'-m found' is none of str, beg, end, sub and reg" },
		{ "del-header ( -m reg", "regex '(' is invalid" },
		{ "del-header a(", "'a(' cannot be the name of a header" },
		{ "replace-header a b", "expects a name, a regular expression and a format" },
		{ "replace-header a ( b", "regex '(' is invalid" },
		{ "replace-value a: b c", "'a:' cannot be the name of a header" },
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
		WITH(responses),
		WITH(no_value_begins_another_line),
		WITH(what_does_not_fit_fails),
		WITH(any_lack_of_memory_is_a_failure),
		WITH(no_room_for_another_field_fails),
		WITH(what_is_wrong_is_named),
	};

	return cmocka_run_group_tests_name("action_header", tests, NULL, NULL);
}
