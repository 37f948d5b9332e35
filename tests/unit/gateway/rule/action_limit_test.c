/* action_limit_test.c - rate-limit and body-limit: how their lines are read, what is counted, what the client is told. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/table/stick_table.h"
#include "tests/unit/gateway/support/rules.h"

static struct rules t;
static struct stick_table *shared; /* of the section "other": 30 s */

static int begin(void **state)
{
	struct stick_options o = { .name = SLICE("other"), .type = STICK_STRING, .key_len = 32, .size = 100 };

	(void)state;
	o.stored[STICK_HTTP_REQ_RATE] = true;
	o.period_ms[STICK_HTTP_REQ_RATE] = 30000;
	shared = stick_table_create(&o);
	rules_setup(&t);
	t.other.table = shared;
	return 0;
}

static int end(void **state)
{
	(void)state;
	rules_cleanup(&t);
	stick_table_free(&shared);
	return 0;
}

/* A request with that token (NULL: none) meets the rules; its verdict. */
static enum verdict ask(const char *token)
{
	char lines[128];

	snprintf(lines, sizeof(lines), "GET / HTTP/1.1|Host: a%s%s", token != NULL ? "|token: " : "", token != NULL ? token : "");
	rules_request(&t, lines);
	return rules_go(&t);
}

static void assert_told(const char *limit, const char *remaining, const char *reset)
{
	assert_string_equal(t.x.limit_header[0], limit);
	assert_string_equal(t.x.limit_header[1], remaining);
	assert_string_equal(t.x.limit_header[2], reset);
}

static void line(const char *text)
{
	assert_string_equal(rules_read(&t, text), "");
	assert_string_equal(rules_resolve(&t), "");
}

static void lines_that_are_refused(void **state)
{
	static const char *const lines[][2] = {
		{ "rate-limit", "expects how many requests" },
		{ "rate-limit 0", "rate-limit" },
		{ "rate-limit 1000000001", "rate-limit" },
		{ "rate-limit x", "rate-limit" },
		{ "rate-limit 5 per", "per" },
		{ "rate-limit 5 per 0", "cannot be 0" },
		{ "rate-limit 5 per soon", "per" },
		{ "rate-limit 5 by", "by" },
		{ "rate-limit 5 by nonsense", "unknown sample fetch 'nonsense'" },
		{ "rate-limit 5 by res.hdr(x)", "res.hdr" },
		{ "rate-limit 5 table", "table" },
		{ "rate-limit 5 every 1s", "expects either 'if' or 'unless'" },
		{ "body-limit", "expects a size" },
		{ "body-limit 0", "cannot be 0" },
		{ "body-limit much", "body-limit" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (strstr(rules_read(&t, lines[i][0]), lines[i][1]) == NULL)
			fail_msg("%s: '%s' lacks '%s'", lines[i][0], words_said(&t.w), lines[i][1]);
	}
	t.set = RULES_RESPONSE;
	assert_non_null(strstr(rules_read(&t, "rate-limit 5"), "cannot be an action of 'http-response'"));
	assert_null(t.list.first);
}

static void tables_that_do_not_fit(void **state)
{
	struct stick_options o = { .name = SLICE("be"), .type = STICK_STRING, .key_len = 32, .size = 100 };

	(void)state;
	t.be.table = stick_table_create(&o);
	assert_string_equal(rules_read(&t, "rate-limit 5 table nowhere"), "");
	assert_non_null(strstr(rules_resolve(&t), "unable to find table 'nowhere'"));
	assert_string_equal(rules_read(&t, "rate-limit 5 table be"), "");
	assert_non_null(strstr(rules_resolve(&t), "does not store http_req_rate"));
	assert_string_equal(rules_read(&t, "rate-limit 5 per 10s table other"), "");
	assert_non_null(strstr(rules_resolve(&t), "'per' differs"));
	stick_table_free(&t.be.table);
}

static void each_value_has_its_own_count(void **state)
{
	(void)state;
	line("rate-limit 2 per 1m by req.hdr(token)");
	assert_int_equal(ask("alice"), VERDICT_NEXT);
	assert_told("2", "1", "60");
	assert_int_equal(ask("alice"), VERDICT_NEXT);
	assert_told("2", "0", "60");
	for (int i = 0; i < 3; i++) { /* what is refused is not counted */
		assert_int_equal(ask("alice"), VERDICT_REPLY);
		assert_told("2", "0", "60");
		assert_int_equal(t.x.reply.status, 429);
		assert_int_equal(t.x.cause, 'P');
	}
	assert_int_equal(ask("bob"), VERDICT_NEXT);
	assert_told("2", "1", "60");
	assert_int_equal(ask(NULL), VERDICT_NEXT);
	assert_told("", "", "");
}

static void the_usual_is_the_address_and_a_second(void **state)
{
	(void)state;
	line("rate-limit 1");
	assert_int_equal(ask("alice"), VERDICT_NEXT);
	assert_told("1", "0", "1");
	assert_int_equal(ask("bob"), VERDICT_REPLY);
	rules_request(&t, "GET / HTTP/1.1|Host: a");
	rules_address(&t.session.from, "192.0.2.2", 1);
	assert_int_equal(rules_go(&t), VERDICT_NEXT);
}

static void a_refusal_says_when_to_come_again(void **state)
{
	bool said = false;

	(void)state;
	line("rate-limit 1 per 1500ms by req.hdr(token)");
	(void)ask("alice");
	assert_int_equal(ask("alice"), VERDICT_REPLY);
	for (unsigned i = 0; i < t.x.reply.header_count; i++)
		said |= slice_eq(t.x.reply.headers[i][0], SLICE_LIT("Retry-After")) && slice_eq(t.x.reply.headers[i][1], SLICE_LIT("2"));
	assert_true(said);
}

static void of_several_the_nearest_is_told(void **state)
{
	(void)state;
	line("rate-limit 9 per 10s by req.hdr(token)");
	line("rate-limit 5 per 20s by req.hdr(token)");
	line("rate-limit 7 per 30s by req.hdr(token)");
	assert_int_equal(ask("alice"), VERDICT_NEXT);
	assert_told("5", "4", "20");
}

static void a_table_may_be_shared(void **state)
{
	(void)state;
	line("rate-limit 3 by req.hdr(token) table other");
	line("rate-limit 9 per 30s by req.hdr(token) table other if FALSE");
	assert_int_equal(ask("alice"), VERDICT_NEXT);
	assert_told("3", "2", "30");
	assert_int_equal(stick_table_used(shared), 1);
	(void)ask("bob");
	assert_int_equal(stick_table_used(shared), 2);
}

static void the_body_limit_is_only_lowered(void **state)
{
	(void)state;
	line("body-limit 1k");
	rules_request(&t, "GET / HTTP/1.1|Host: a");
	assert_int_equal(rules_go(&t), VERDICT_NEXT);
	assert_int_equal(t.x.body_limit, 1024);
	t.x.body_limit = 10;
	assert_int_equal(rules_go(&t), VERDICT_NEXT);
	assert_int_equal(t.x.body_limit, 10);
	t.x.body_limit = 4096;
	assert_int_equal(rules_go(&t), VERDICT_NEXT);
	assert_int_equal(t.x.body_limit, 1024);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines_that_are_refused),
		TEST(tables_that_do_not_fit),
		TEST(each_value_has_its_own_count),
		TEST(the_usual_is_the_address_and_a_second),
		TEST(a_refusal_says_when_to_come_again),
		TEST(of_several_the_nearest_is_told),
		TEST(a_table_may_be_shared),
		TEST(the_body_limit_is_only_lowered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
