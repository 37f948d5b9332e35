/* expect_test.c - "http-check expect": what is read, what is refused, and which responses meet it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "gateway/health/expect.h"
#include "tests/unit/gateway/support/rules.h"

static int setup(void **state)
{
	struct rules *t = malloc(sizeof(*t));

	assert_non_null(t);
	rules_setup(t);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct rules *t = *state;

	rules_cleanup(t);
	free(t);
	return 0;
}

static struct expect *reads(struct rules *t, const char *text)
{
	struct expect *e = expect_read(rules_words(t, text));

	if (e == NULL)
		fail_msg("\"%s\": %s", text, words_said(&t->w));
	assert_string_equal(words_said(&t->w), "");
	return e;
}

static void heads_are_judged(void **state)
{
	static const struct {
		const char *expect, *head;
		bool met;
	} rows[] = {
		{ "status 200", "HTTP/1.1 200 OK", true },
		{ "status 200", "HTTP/1.1 201 Created", false },
		{ "status 200,301-399", "HTTP/1.1 301 Moved", true },
		{ "status 200,301-399", "HTTP/1.1 399 Odd", true },
		{ "status 200,301-399", "HTTP/1.1 300 Choices", false },
		{ "! status 200", "HTTP/1.1 200 OK", false },
		{ "!status 200", "HTTP/1.1 503 Busy", true },
		{ "! ! status 200", "HTTP/1.1 200 OK", true },
		{ "rstatus ^2..$", "HTTP/1.1 204 None", true },
		{ "rstatus ^2..$", "HTTP/1.1 302 Found", false },
		{ "! rstatus ^5", "HTTP/1.1 500 Oops", false },
		{ "hdr name server", "HTTP/1.1 200 OK|Server: x", true },
		{ "hdr name server", "HTTP/1.1 200 OK|Servers: x", false },
		{ "! hdr name server", "HTTP/1.1 200 OK|Server: x", false },
		{ "hdr name x-a value b", "HTTP/1.1 200 OK|X-A: a, b , c", true },
		{ "hdr name x-a value B", "HTTP/1.1 200 OK|X-A: a, b , c", false },
		{ "hdr name x-a value b", "HTTP/1.1 200 OK|X-A: a|x-a: b", true },
		{ "fhdr name x-a value b", "HTTP/1.1 200 OK|X-A: a, b", false },
		{ "fhdr name x-a value 'a, b'", "HTTP/1.1 200 OK|X-A: a, b", true },
		{ "hdr name -m beg x- value -m end z", "HTTP/1.1 200 OK|X-Q: a, yz", true },
		{ "hdr name -m beg x- value -m end z", "HTTP/1.1 200 OK|X-Q: zy", false },
		{ "hdr name -m end -id value -m sub 3", "HTTP/1.1 200 OK|Shop-Id: 1234", true },
		{ "hdr name -m reg ^x-[0-9]+$ value -m reg '^a+$'", "HTTP/1.1 200 OK|X-77: aaa", true },
		{ "hdr name -m reg ^x-[0-9]+$ value -m reg '^a+$'", "HTTP/1.1 200 OK|X-77: ab", false },
		{ "hdr name -m str x-a value -m str ''", "HTTP/1.1 200 OK|X-A: b", false },
	};
	struct rules *t = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct expect *e = reads(t, rows[i].expect);

		assert_false(expect_is_body(e));
		rules_exchange(t, RULES_ARENA);
		rules_parse_head(&t->x.response, true, rules_head(t, true, rows[i].head));
		if (expect_head(e, &t->worker, &t->x.response) != rows[i].met)
			fail_msg("\"%s\" and %s", rows[i].expect, rows[i].head);
	}
}

static void bodies_are_judged(void **state)
{
	static const struct {
		const char *expect, *body;
		enum expect_answer part, all; /* while more may come, and at the end */
	} rows[] = {
		{ "string ok", "", EXPECT_MORE, EXPECT_EMPTY },
		{ "! string ok", "", EXPECT_MORE, EXPECT_EMPTY },
		{ "string ok", "it is ok.", EXPECT_MET, EXPECT_MET },
		{ "string ok", "it is OK.", EXPECT_MORE, EXPECT_FAILED },
		{ "string ok", "o", EXPECT_MORE, EXPECT_FAILED },
		{ "! string bad", "fine", EXPECT_MORE, EXPECT_MET }, /* "bad" may come yet */
		{ "! string bad", "bad", EXPECT_FAILED, EXPECT_FAILED },
		{ "rstring ^fi.*e$", "fine", EXPECT_MET, EXPECT_MET },
		{ "rstring ^fi.*e$", "find", EXPECT_MORE, EXPECT_FAILED },
		{ "! rstring error", "no Error", EXPECT_MORE, EXPECT_MET },
		{ "min-recv 4 string ok", "ok", EXPECT_MET, EXPECT_MET }, /* the smaller of it and the string's length (manual) */
		{ "min-recv 4 rstring k", "ok", EXPECT_MORE, EXPECT_MET },
		{ "min-recv 1 string ok", "o", EXPECT_FAILED, EXPECT_FAILED },
		{ "min-recv 4 string ok", "ok..", EXPECT_MET, EXPECT_MET },
		{ "min-recv 4 string ok", "fine", EXPECT_FAILED, EXPECT_FAILED }, /* enough was seen */
		{ "min-recv 4 ! string bad", "fine", EXPECT_MET, EXPECT_MET },
		{ "min-recv -1 string ok", "fine", EXPECT_MORE, EXPECT_FAILED },
	};
	struct rules *t = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct expect *e = reads(t, rows[i].expect);
		struct slice body = slice_str(rows[i].body);

		assert_true(expect_is_body(e));
		if (expect_body(e, &t->worker, body, false) != rows[i].part || expect_body(e, &t->worker, body, true) != rows[i].all)
			fail_msg("\"%s\" and \"%s\"", rows[i].expect, rows[i].body);
	}
}

static void results_may_be_renamed(void **state)
{
	struct rules *t = *state;
	struct expect *e = reads(t, "ok-status L7OKC error-status L7RSP tout-status L4TOUT comment 'a b' min-recv 10 string x");

	assert_int_equal(e->ok, CHECK_L7OKC);
	assert_int_equal(e->error, CHECK_L7RSP);
	assert_int_equal(e->timeout, CHECK_L4TOUT);
	assert_int_equal(e->min_recv, 10);
	assert_true(slice_eq(e->comment, SLICE_LIT("a b")));
	e = reads(t, "string x");
	assert_int_equal(e->ok, CHECK_UNKNOWN);
	assert_int_equal(e->min_recv, -1);
}

static void what_makes_no_sense_is_refused(void **state)
{
	static const struct {
		const char *line, *part;
	} rows[] = {
		{ "", "expects '[!] status'" },
		{ "!", "expects '[!] status'" },
		{ "colour red", "not 'colour'" },
		{ "status", "status" },
		{ "status 99", "not '99'" },
		{ "status 1000", "not '1000'" },
		{ "status 300-200", "not '300-200'" },
		{ "status 200,", "not ''" },
		{ "status 200-", "not '200-'" },
		{ "status ''", "not empty" },
		{ "string ''", "not empty" },
		{ "rstring [", "[" },
		{ "rstatus (", "(" },
		{ "hdr x-a", "expects 'name'" },
		{ "hdr name", "name" },
		{ "hdr name -m", "-m" },
		{ "hdr name -m found x", "not 'found'" },
		{ "hdr name -m reg [", "[" },
		{ "hdr name x value", "value" },
		{ "hdr name x value y z", "z" },
		{ "status 200 more", "more" },
		{ "min-recv", "min-recv" },
		{ "min-recv x string a", "x" },
		{ "ok-status L7STS string a", "is not an ok-status" },
		{ "error-status L7OK string a", "is not an error-status" },
		{ "tout-status L7RSP string a", "is not an tout-status" },
		{ "comment", "comment" },
	};
	struct rules *t = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct parse *p = rules_words(t, rows[i].line);

		if (expect_read(p) != NULL || p->errors == 0 || strstr(words_said(&t->w), rows[i].part) == NULL)
			fail_msg("\"%s\": %s", rows[i].line, words_said(&t->w));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(heads_are_judged, setup, teardown),
		cmocka_unit_test_setup_teardown(bodies_are_judged, setup, teardown),
		cmocka_unit_test_setup_teardown(results_may_be_renamed, setup, teardown),
		cmocka_unit_test_setup_teardown(what_makes_no_sense_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
