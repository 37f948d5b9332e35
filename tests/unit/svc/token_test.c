/* token_test.c - Consistency-Token through the whole kit: fields of a request, the field of an answer, limits, counters. */
#include "tests/unit/svc/router_app.h"

#include "shared/base/clock.h"
#include "tests/unit/support/metric.h"

/* What a GET with these fields understood. */
static void expect_facts(const struct app *a, const char *fields, const char *facts)
{
	char headers[16000];
	struct client_answer ans;

	snprintf(headers, sizeof(headers), GOOD "%s", fields);
	ask(a, "GET /facts", headers, "", &ans);
	assert_int_equal(ans.status, 200);
	assert_string_equal(ans.body, facts);
	client_answer_free(&ans);
}

static void fields_of_a_request(void **state)
{
	const struct app *a = *state;

	expect_facts(a, "", "");
	expect_facts(a, "Consistency-Token: a50=1.2\r\n", "a50=1.2");
	expect_facts(a, "consistency-token: a50=1.2, v3=4.e\r\n", "a50=1.2, v3=4.e");
	expect_facts(a, "Consistency-Token: a50=1.2\r\nAccept: x\r\nConsistency-Token: a49=0.3,a50=0.4\r\nConsistency-Token:\r\n", "a49=0.3, a50=0.4");
	assert_int_equal(metric_value(a->metrics, "moa_token_facts_ignored_total{reason=\"malformed\"}"), 0);
}

static void what_cannot_be_true_is_left_out(void **state)
{
	const struct app *a = *state;
	long long ahead_us = (long long)clock_wall_us() + 86460000000;
	char fields[256];

	expect_facts(a, "Consistency-Token: x, a1=1.9999999999999999, a2=1.10000000000000000\r\n", "a1=1.9999999999999999");
	snprintf(fields, sizeof(fields), "Consistency-Token: v1=%lld.e, v1=%lld.e\r\n", ahead_us, ahead_us - 120000000);
	snprintf(fields + 128, sizeof(fields) - 128, "v1=%lld.e", ahead_us - 120000000);
	expect_facts(a, fields, fields + 128);
	assert_int_equal(metric_value(a->metrics, "moa_token_facts_ignored_total{reason=\"malformed\"}"), 3);
}

/* More than 64 facts, also spread over several fields: the first ones go, and it is counted. */
static void more_than_the_limit(void **state)
{
	const struct app *a = *state;
	char fields[8000], facts[8000];
	size_t len = 0, want = 0;

	for (unsigned i = 1; i <= 70; i++) {
		len += (size_t)snprintf(fields + len, sizeof(fields) - len, "%sa%u=1.%u%s", i % 35 == 1 ? "Consistency-Token: " : "", i, i,
					i % 35 == 0 ? "\r\n" : ", ");
		if (i > 6)
			want += (size_t)snprintf(facts + want, sizeof(facts) - want, "%sa%u=1.%u", i > 7 ? ", " : "", i, i);
	}
	expect_facts(a, fields, facts);
	assert_int_equal(metric_value(a->metrics, "moa_token_facts_ignored_total{reason=\"limit\"}"), 6);
	len = want = 0;
	for (unsigned i = 1; i <= 21; i++) {
		len += (size_t)snprintf(fields + len, sizeof(fields) - len, "%sv1=%u.e%s", i == 1 ? "Consistency-Token: " : ", ", i,
					i == 21 ? "\r\n" : "");
		if (i > 1)
			want += (size_t)snprintf(facts + want, sizeof(facts) - want, "%sv1=%u.e", i > 2 ? ", " : "", i);
	}
	expect_facts(a, fields, facts);
	assert_int_equal(metric_value(a->metrics, "moa_token_facts_ignored_total{reason=\"limit\"}"), 7);
}

/* What a wrong request brings is not even looked at. */
static void only_where_a_handler_runs(void **state)
{
	const struct app *a = *state;

	expect_with(a, "GET /", "USER-TOKEN: bad\r\nConsistency-Token: x\r\n", "", 401, NULL);
	expect_with(a, "GET /no/where", GOOD "Consistency-Token: x\r\n", "", 404, NULL);
	expect_with(a, "POST /", GOOD "Consistency-Token: x\r\n", "{", 400, NULL);
	assert_int_equal(metric_value(a->metrics, "moa_token_facts_ignored_total{reason=\"malformed\"}"), 0);
}

static void the_field_of_an_answer(void **state)
{
	const struct app *a = *state;
	struct client_answer ans;
	char space[256];

	ask(a, "GET /facts", GOOD "Consistency-Token: a1=1.1\r\n", "", &ans);
	assert_string_equal(client_header(&ans, "Consistency-Token", space), "v7=1700000000000001.e-1"); /* its own, not what was sent */
	client_answer_free(&ans);
	ask(a, "HEAD /facts", GOOD, "", &ans);
	assert_null(client_header(&ans, "Consistency-Token", space));
	client_answer_free(&ans);
	ask(a, "POST /facts", GOOD, "", &ans); /* done, and then no memory to say so */
	assert_int_equal(ans.status, 503);
	assert_string_equal(client_header(&ans, "Consistency-Token", space), "a50=1.1700000000000001");
	client_answer_free(&ans);
	ask(a, "GET /", GOOD, "", &ans);
	assert_null(client_header(&ans, "Consistency-Token", space));
	client_answer_free(&ans);
	assert_int_equal(metric_value(a->metrics, "moa_token_facts_made_total{domain=\"alarms\"}"), 1);
	assert_int_equal(metric_value(a->metrics, "moa_token_facts_made_total{domain=\"visits\"}"), 1);
	assert_int_equal(metric_value(a->metrics, "moa_token_facts_laid_total{domain=\"visits\"}"), 3);
	assert_int_equal(metric_value(a->metrics, "moa_token_facts_laid_total{domain=\"alarms\"}"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(fields_of_a_request, start, stop),
		cmocka_unit_test_setup_teardown(what_cannot_be_true_is_left_out, start, stop),
		cmocka_unit_test_setup_teardown(more_than_the_limit, start, stop),
		cmocka_unit_test_setup_teardown(only_where_a_handler_runs, start, stop),
		cmocka_unit_test_setup_teardown(the_field_of_an_answer, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
