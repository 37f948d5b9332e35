/* action_var_test.c - setting variables, their conditions, unsetting. */
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

/* The variable as text, "-" when it is not set. */
static const char *value(const char *name)
{
	struct var_ref ref;
	struct sample s;

	if (!var_name_parse(&t.w.p, slice_str(name), &ref))
		abort();
	if (!var_get(&t.x, ref, &s))
		return "-";
	if (!sample_cast(&t.x, &s, SAMPLE_STR))
		abort();
	return rules_text(&t, s.text);
}

/* Each line is tried behind "set-var(txn.n) int(5)" and "set-var(txn.s) str(old)". */
static void conditions(void **state)
{
	static const struct {
		const char *line, *name, *after;
	} cases[] = {
		{ "set-var(txn.n) int(6)", "txn.n", "6" },
		{ "set-var(txn.n) path", "txn.n", "/p" },
		{ "set-var(txn.n) req.hdr(none)", "txn.n", "5" }, /* no value: stays */
		{ "set-var(txn.x) req.hdr(none)", "txn.x", "-" },
		{ "set-var(txn.n,ifset) int(6)", "txn.n", "6" },
		{ "set-var(txn.x,ifset) int(6)", "txn.x", "-" },
		{ "set-var(txn.n,ifnotset) int(6)", "txn.n", "5" },
		{ "set-var(txn.x,ifnotset) int(6)", "txn.x", "6" },
		{ "set-var(txn.n,ifexists) int(6)", "txn.n", "6" },
		{ "set-var(txn.x,ifexists) int(6)", "txn.x", "-" },
		{ "set-var(txn.n,ifnotexists) int(6)", "txn.n", "5" },
		{ "set-var(txn.x,ifnotexists) int(6)", "txn.x", "6" },
		{ "set-var(proc.p,ifexists) int(6)", "proc.p", "6" }, /* exists from the start */
		{ "set-var(proc.q,ifnotexists) int(6)", "proc.q", "-" },
		{ "set-var(txn.n,ifgt) int(3)", "txn.n", "3" },
		{ "set-var(txn.n,ifgt) int(5)", "txn.n", "5" },
		{ "set-var(txn.n,ifgt) int(7)", "txn.n", "5" },
		{ "set-var(txn.n,iflt) int(7)", "txn.n", "7" },
		{ "set-var(txn.n,iflt) int(3)", "txn.n", "5" },
		{ "set-var(txn.x,ifgt) int(7)", "txn.x", "7" }, /* nothing to compare with */
		{ "set-var(txn.s,iflt) int(7)", "txn.s", "7" },
		{ "set-var(txn.s,ifempty) str(new)", "txn.s", "old" },
		{ "set-var(txn.s,ifnotempty) str(new)", "txn.s", "new" },
		{ "set-var(txn.s,ifempty) str()", "txn.s", "" },
		{ "set-var(txn.s,ifnotempty) str()", "txn.s", "old" },
		{ "set-var(txn.n,ifempty) int(0)", "txn.n", "5" }, /* numbers are never empty */
		{ "set-var(txn.n,ifset,ifgt) int(3)", "txn.n", "3" },
		{ "set-var(txn.n,ifset,iflt) int(3)", "txn.n", "5" },
		{ "set-var-fmt(txn.s) '%[method] %[path]'", "txn.s", "GET /p" },
		{ "set-var-fmt(txn.s,ifnotset) %[path]", "txn.s", "old" },
		{ "set-var-fmt(txn.s,ifempty) %[req.hdr(none)]", "txn.s", "" },
		{ "unset-var(txn.s)", "txn.s", "-" },
		{ "unset-var(txn.x)", "txn.x", "-" },
		{ "set-var(sess.s) int(1)", "sess.s", "1" },
		{ "set-var(req.s) int(1)", "req.s", "1" },
		{ "set-var(res.s) int(1)", "res.s", "1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rules_clear(&t);
		assert_string_equal(rules_read(&t, "set-var(txn.n) int(5)"), "");
		assert_string_equal(rules_read(&t, "set-var(txn.s) str(old)"), "");
		assert_string_equal(rules_read(&t, cases[i].line), "");
		rules_get(&t, "/p");
		assert_int_equal(rules_go(&t), VERDICT_NEXT);
		if (strcmp(value(cases[i].name), cases[i].after) != 0)
			fail_msg("%s: %s", cases[i].line, value(cases[i].name));
	}
}

static void in_every_set(void **state)
{
	(void)state;
	for (enum rule_set set = 0; set < RULES_COUNT; set++) {
		rules_clear(&t);
		t.set = set;
		assert_string_equal(rules_read(&t, "set-var(sess.where) int(7)"), "");
		rules_get(&t, "/p");
		assert_int_equal(rules_go(&t), VERDICT_NEXT);
		assert_string_equal(value("sess.where"), "7");
		rules_clear(&t);
		assert_string_equal(rules_read(&t, "unset-var(sess.where)"), "");
		assert_int_equal(rules_go(&t), VERDICT_NEXT);
		assert_string_equal(value("sess.where"), "-");
	}
}

static void without_memory_it_stays_as_it_was(void **state)
{
	(void)state;
	assert_string_equal(rules_read(&t, "set-var(txn.s) str(old)"), "");
	assert_string_equal(rules_read(&t, "set-var-fmt(txn.s) %[path]%[path]%[path]%[path]"), "");
	rules_request_limited(&t, "GET /0123456789012345678901234567890123456789 HTTP/1.1|Host: a", 64);
	assert_int_equal(rules_go(&t), VERDICT_NEXT);
	assert_string_equal(value("txn.s"), "old");
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		enum rule_set set;
		const char *line, *said;
	} cases[] = {
		{ RULES_REQUEST, "set-var(foo.x) int(1)", "foo.x" },
		{ RULES_REQUEST, "set-var(x) int(1)", "x" },
		{ RULES_REQUEST, "set-var(txn.x,foo) int(1)", "unknown condition 'foo'" },
		{ RULES_REQUEST, "set-var(txn.x,ifsett) int(1)", "unknown condition 'ifsett'; did you mean 'ifset'?" },
		{ RULES_REQUEST, "set-var(txn.x,) int(1)", "unknown condition ''" },
		{ RULES_REQUEST, "set-var(txn.x)", "expects an expression" },
		{ RULES_REQUEST, "set-var(txn.x) nothing", "nothing" },
		{ RULES_REQUEST, "set-var-fmt(txn.x)", "expects a format" },
		{ RULES_REQUEST, "set-var-fmt(txn.x) %[nothing]", "nothing" },
		{ RULES_REQUEST, "unset-var(txn.x,ifset)", "unset-var has no conditions" },
		{ RULES_CONNECTION, "set-var(txn.x) int(1)", "would be gone at once" },
		{ RULES_SESSION, "set-var(req.x) int(1)", "would be gone at once" },
		{ RULES_CONNECTION, "set-var(sess.x) path", "path" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *said;

		t.set = cases[i].set;
		said = rules_read(&t, cases[i].line);
		if (strstr(said, cases[i].said) == NULL)
			fail_msg("%s: said %s", cases[i].line, said);
		assert_int_equal(t.w.p.errors, 1);
	}
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(conditions),
		WITH(in_every_set),
		WITH(without_memory_it_stays_as_it_was),
		WITH(what_is_wrong_is_named),
	};

	return cmocka_run_group_tests_name("action_var", tests, NULL, NULL);
}
