/* rule_test.c - reading rules, complaints, running lists. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

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

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		enum rule_set set;
		const char *line, *said;
	} cases[] = {
		{ RULES_REQUEST, "", "'http-request' expects an action" },
		{ RULES_REQUEST, "set-heade a b", "'http-request' has no action 'set-heade'; did you mean 'set-header'?" },
		{ RULES_REQUEST, "set-va(txn.a) int(1)", "did you mean 'set-var'?" },
		{ RULES_REQUEST, "colourless", "'http-request' has no action 'colourless'" },
		{ RULES_REQUEST, "early-hint Link x", "'http-request early-hint' is an action of HAProxy that is not supported yet" },
		{ RULES_REQUEST, "set-map(a.map) a b", "not supported yet" },
		{ RULES_REQUEST, "cache-use c", "not supported yet" },
		{ RULES_REQUEST, "sc-inc-gpc(0,1)", "not supported yet" },
		{ RULES_REQUEST, "set-status 404", "'set-status' cannot be an action of 'http-request'" },
		{ RULES_RESPONSE, "reject", "'reject' cannot be an action of 'http-response'" },
		{ RULES_RESPONSE, "set-path /x", "'set-path' cannot be an action of 'http-response'" },
		{ RULES_AFTER_RESPONSE, "return", "'return' cannot be an action of 'http-after-response'" },
		{ RULES_CONNECTION, "deny", "'deny' cannot be an action of 'tcp-request connection'" },
		{ RULES_SESSION, "allow", "'allow' cannot be an action of 'tcp-request session'" },
		{ RULES_REQUEST, "allow now", "'http-request allow' expects either 'if' or 'unless' followed by a condition but found 'now'" },
		{ RULES_REQUEST, "set-header a b c", "but found 'c'" },
		{ RULES_REQUEST, "allow if", "a condition is missing" },
		{ RULES_REQUEST, "set-header a", "'http-request set-header' expects a name and a format" },
		{ RULES_REQUEST, "set-header a ''", "'http-request set-header' expects a name and a format" },
		{ RULES_REQUEST, "set-header a %[nothing]", "nothing" },
		{ RULES_RESPONSE, "set-header a %[path]", "path" }, /* the request's head is gone by then */
		{ RULES_REQUEST, "set-var txn.a int(1)", "did you mean 'set-var'?" },
		{ RULES_REQUEST, "set-var() int(1)", "expects an argument in parentheses" },
		{ RULES_REQUEST, "set-var(txn.a int(1)", "expects an argument in parentheses" },
	};
	struct rules *t = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *said;

		t->set = cases[i].set;
		said = rules_read(t, cases[i].line);
		if (strstr(said, cases[i].said) == NULL)
			fail_msg("%s: said %s", cases[i].line, said);
		assert_non_null(strstr(said, "t.cfg:7"));
		assert_int_equal(t->w.p.errors, 1);
		assert_null(t->list.first);
	}
}

static void rules_run_in_their_order(void **state)
{
	struct rules *t = *state;

	assert_string_equal(rules_read(t, "add-header x 1"), "");
	assert_string_equal(rules_read(t, "add-header x 2 if { path /a }"), "");
	assert_string_equal(rules_read(t, "add-header x 3 unless { path /a }"), "");
	rules_get(t, "/a");
	assert_int_equal(rules_go(t), VERDICT_NEXT);
	assert_string_equal(rules_values(t, &t->x.request, "x"), "1|2");
	rules_get(t, "/b");
	assert_int_equal(rules_go(t), VERDICT_NEXT);
	assert_string_equal(rules_values(t, &t->x.request, "x"), "1|3");
}

static void an_empty_list_says_nothing(void **state)
{
	struct rules *t = *state;

	rules_get(t, "/a");
	assert_int_equal(rules_go(t), VERDICT_NEXT);
}

static void the_first_verdict_ends_the_list(void **state)
{
	struct rules *t = *state;

	assert_string_equal(rules_read(t, "allow if { path /allow }"), "");
	assert_string_equal(rules_read(t, "deny if { path /deny }"), "");
	assert_string_equal(rules_read(t, "add-header x 1"), "");
	rules_get(t, "/allow");
	assert_int_equal(rules_go(t), VERDICT_ALLOW);
	assert_string_equal(rules_values(t, &t->x.request, "x"), "-");
	rules_get(t, "/deny");
	assert_int_equal(rules_go(t), VERDICT_REPLY);
	assert_string_equal(rules_values(t, &t->x.request, "x"), "-");
	assert_null(t->x.rule_at);
	rules_get(t, "/other");
	assert_int_equal(rules_go(t), VERDICT_NEXT);
	assert_string_equal(rules_values(t, &t->x.request, "x"), "1");
}

static void waiting_for_the_body_goes_on_behind_the_rule(void **state)
{
	struct rules *t = *state;

	assert_string_equal(rules_read(t, "add-header x 1"), "");
	assert_string_equal(rules_read(t, "wait-for-body time 3s at-least 10"), "");
	assert_string_equal(rules_read(t, "add-header x 2"), "");
	rules_request(t, "POST / HTTP/1.1|Host: a|Content-Length: 20");
	assert_int_equal(rules_go(t), VERDICT_BODY);
	assert_non_null(t->x.rule_at);
	assert_int_equal(t->x.wait_body_ms, 3000);
	assert_int_equal(t->x.wait_body_least, 10);
	assert_string_equal(rules_values(t, &t->x.request, "x"), "1");
	assert_int_equal(rules_go(t), VERDICT_NEXT); /* whatever came: the engine has waited as long as it wanted */
	assert_null(t->x.rule_at);
	assert_string_equal(rules_values(t, &t->x.request, "x"), "1|2");
}

static void waiting_as_the_last_rule_does_not_start_again(void **state)
{
	struct rules *t = *state;

	assert_string_equal(rules_read(t, "add-header x 1"), "");
	assert_string_equal(rules_read(t, "wait-for-body time 3s"), "");
	rules_request(t, "POST / HTTP/1.1|Host: a|Content-Length: 20");
	assert_int_equal(rules_go(t), VERDICT_BODY);
	assert_int_equal(rules_go(t), VERDICT_NEXT);
	assert_string_equal(rules_values(t, &t->x.request, "x"), "1");
}

/* A list's end has no memory left for one header more. */
static void fill_up(struct rules *t)
{
	while (http_field_add(&t->x.request, SLICE_LIT("y"), SLICE_LIT("y")))
		;
}

static void strict_mode_off_passes_rewrites_over(void **state)
{
	struct rules *t = *state;

	assert_string_equal(rules_read(t, "strict-mode off if { path /off }"), "");
	assert_string_equal(rules_read(t, "add-header x 1"), "");
	assert_string_equal(rules_read(t, "set-path /done"), "");
	rules_get(t, "/on");
	fill_up(t);
	assert_int_equal(rules_go(t), VERDICT_FAIL);
	assert_int_equal(tally_get(&t->tallies[t->fe.index].failed_rewrites), 0); /* the engine counts those that fail */
	rules_get(t, "/off");
	fill_up(t);
	assert_int_equal(rules_go(t), VERDICT_NEXT);
	assert_string_equal(rules_text(t, t->x.request.path), "/done");
	assert_int_equal(tally_get(&t->tallies[t->fe.index].failed_rewrites), 1);
	assert_false(t->x.rewrites_lenient); /* strict again in the next list */
}

static void strict_mode_on_again(void **state)
{
	struct rules *t = *state;

	assert_string_equal(rules_read(t, "strict-mode off"), "");
	assert_string_equal(rules_read(t, "strict-mode on"), "");
	assert_string_equal(rules_read(t, "add-header x 1"), "");
	rules_get(t, "/");
	fill_up(t);
	assert_int_equal(rules_go(t), VERDICT_FAIL);
}

static void strict_mode_off_never_lets_a_denied_request_pass(void **state)
{
	struct rules *t = *state;

	assert_string_equal(rules_read(t, "strict-mode off"), "");
	assert_string_equal(rules_read(t, "deny status 403 content-type text/plain lf-string %[path]%[path]%[path]%[path]"), "");
	rules_request_limited(t, "GET /0123456789012345678901234567890123456789 HTTP/1.1|Host: a", 64);
	assert_int_equal(rules_go(t), VERDICT_FAIL);
}

static void lists_are_apart(void **state)
{
	struct rules *t = *state;
	struct rule_list first, second = { 0 };

	assert_string_equal(rules_read(t, "add-header x 1"), "");
	first = t->list;
	t->list = second;
	assert_string_equal(rules_read(t, "add-header x 2"), "");
	rules_get(t, "/");
	assert_int_equal(rules_run(&first, &t->x), VERDICT_NEXT);
	assert_string_equal(rules_values(t, &t->x.request, "x"), "1");
}

static void complaints_after_reading_name_their_lines(void **state)
{
	struct rules *t = *state;
	const char *said;

	assert_string_equal(rules_read(t, "track-sc0 src"), "");
	rules_words(t, "track-sc1 src table nowhere");
	t->w.p.line = 9;
	rule_read(&t->w.p, RULES_REQUEST, &t->list);
	said = rules_resolve(t);
	assert_non_null(strstr(said, "t.cfg:7] : track-sc0 needs a stick-table"));
	assert_non_null(strstr(said, "t.cfg:9] : track-sc1: unable to find table 'nowhere'"));
	assert_true(strstr(said, ":7]") < strstr(said, ":9]"));
	assert_string_equal(rules_resolve(t), ""); /* once */
}

static void defaults_are_checked_where_they_are_used(void **state)
{
	struct rules *t = *state;

	t->fe.is_defaults = true;
	assert_string_equal(rules_read(t, "track-sc0 src"), "");
	assert_string_equal(rules_resolve(t), "");
	t->fe.is_defaults = false;
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(what_is_wrong_is_named),
		WITH(rules_run_in_their_order),
		WITH(an_empty_list_says_nothing),
		WITH(the_first_verdict_ends_the_list),
		WITH(waiting_for_the_body_goes_on_behind_the_rule),
		WITH(waiting_as_the_last_rule_does_not_start_again),
		WITH(strict_mode_off_passes_rewrites_over),
		WITH(strict_mode_on_again),
		WITH(strict_mode_off_never_lets_a_denied_request_pass),
		WITH(lists_are_apart),
		WITH(complaints_after_reading_name_their_lines),
		WITH(defaults_are_checked_where_they_are_used),
	};

	return cmocka_run_group_tests_name("rule", tests, NULL, NULL);
}
