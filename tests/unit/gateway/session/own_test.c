/* own_test.c - the fields that our own keywords add to requests and responses, the facts of tokens, and the retry budget. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/model/own.h"
#include "gateway/session/own.h"
#include "gateway/session/stream.h"
#include "gateway/table/tokens.h"
#include "tests/unit/gateway/support/rules.h"

#define VALID "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"

static struct rules t;
static struct stream s;

static int begin(void **state)
{
	(void)state;
	rules_setup(&t);
	t.gateway.tokens = token_table_create(100);
	return 0;
}

static int end(void **state)
{
	(void)state;
	token_table_free(&t.gateway.tokens);
	rules_cleanup(&t);
	return 0;
}

/* A stream over the exchange of <t>, with that request. */
static struct stream *request(const char *lines)
{
	rules_request(&t, lines);
	memset(&s, 0, sizeof(s));
	s.x = t.x;
	s.x.backend = &t.be;
	return &s;
}

static const char *sent(const char *name)
{
	return rules_values(&t, &s.x.request, name);
}

/* --- option forwardfor --- */

static void forwarded_for(void **state)
{
	static const struct {
		struct forwardfor f;
		const char *sent;
	} cases[] = {
		{ { .on = false }, "10.0.0.9" },
		{ { .on = true }, "10.0.0.9|192.0.2.1" },
		{ { .on = true, .if_none = true }, "10.0.0.9" },
		{ { .on = true, .has_except = true, .except_prefix = 24, .except_family_bits = { 4, 192, 0, 2, 0 } }, "10.0.0.9" },
		{ { .on = true, .has_except = true, .except_prefix = 31, .except_family_bits = { 4, 192, 0, 2, 0 } }, "10.0.0.9" },
		{ { .on = true, .has_except = true, .except_prefix = 32, .except_family_bits = { 4, 192, 0, 2, 0 } }, "10.0.0.9|192.0.2.1" },
		{ { .on = true, .has_except = true, .except_prefix = 0, .except_family_bits = { 6 } }, "10.0.0.9|192.0.2.1" },
		{ { .on = true, .has_except = true, .except_prefix = 0, .except_family_bits = { 4 } }, "10.0.0.9" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		request("GET / HTTP/1.1|Host: a|X-Forwarded-For: 10.0.0.9");
		t.fe.forwardfor = cases[i].f;
		t.fe.forwardfor.header = SLICE_LIT("X-Forwarded-For");
		assert_true(own_prepare_request(&s));
		assert_string_equal(sent("x-forwarded-for"), cases[i].sent);
	}
}

/* --- option trace-context --- */

static void a_valid_trace_goes_on(void **state)
{
	(void)state;
	t.fe.trace_context = true;
	request("GET / HTTP/1.1|Host: a|traceparent: " VALID "|tracestate: a=1|tracestate: b=2");
	assert_true(own_prepare_request(&s));
	assert_string_equal(sent("traceparent"), VALID);
	assert_string_equal(sent("tracestate"), "a=1|b=2");
}

static void every_trace_is_another(void **state)
{
	char before[sizeof(t.copy)];

	(void)state;
	t.be.trace_context = true;
	request("GET / HTTP/1.1|Host: a|tracestate: a=1");
	assert_true(own_prepare_request(&s));
	snprintf(before, sizeof(before), "%s", sent("traceparent"));
	assert_int_equal(strlen(before), 55);
	assert_string_equal(sent("tracestate"), "-");
	request("GET / HTTP/1.1|Host: a");
	assert_true(own_prepare_request(&s));
	assert_string_not_equal(sent("traceparent"), before);
}

static void without_room_it_fails(void **state)
{
	static char lines[2048] = "GET / HTTP/1.1|Host: a";

	(void)state;
	t.fe.trace_context = true;
	request("GET / HTTP/1.1|Host: a");
	s.x.request.capacity = s.x.request.count;
	assert_false(own_prepare_request(&s));
	rules_request_limited(&t, lines, 64);
	s.x = t.x;
	s.x.backend = &t.be;
	rules_exhaust(&t);
	assert_false(own_prepare_request(&s));
}

/* --- consistency-token --- */

static struct consistency names = { .token_header = SLICE("USER-TOKEN"), .fact_header = SLICE("Facts") };

/* The server's answer to the last request. */
static void answer(const char *lines)
{
	t.x = s.x;
	rules_response(&t, lines);
	s.x = t.x;
	own_see_response(&s);
}

static void facts_go_along(void **state)
{
	(void)state;
	t.fe.consistency = &names;
	request("POST / HTTP/1.1|Host: a|user-token: alice");
	assert_true(own_prepare_request(&s));
	assert_string_equal(sent("facts"), "-");
	answer("HTTP/1.1 201 Created|Facts: a1=1.1|Content-Length: 0|facts: a2=0.2");
	request("GET / HTTP/1.1|Host: a|USER-TOKEN: alice|Facts: a3=1.3|Facts: x|facts: a4=1.4,a1=1.0");
	assert_true(own_prepare_request(&s));
	assert_string_equal(sent("facts"), "a3=1.3, a4=1.4, a1=1.1, a2=0.2");
	request("GET / HTTP/1.1|Host: a|USER-TOKEN: bob|Facts: nonsense");
	assert_true(own_prepare_request(&s));
	assert_string_equal(sent("facts"), "-");
}

static void without_a_token_all_is_left_alone(void **state)
{
	(void)state;
	t.fe.consistency = &names;
	request("GET / HTTP/1.1|Host: a|Facts: anything|user-token:");
	assert_true(own_prepare_request(&s));
	assert_string_equal(sent("facts"), "anything");
	answer("HTTP/1.1 200 OK|Facts: a1=1.1|Content-Length: 0");
	assert_int_equal(token_table_counts(t.gateway.tokens).users, 0);
}

static void without_memory_the_facts_fail_the_request(void **state)
{
	(void)state;
	t.fe.consistency = &names;
	request("GET / HTTP/1.1|Host: a|USER-TOKEN: alice");
	answer("HTTP/1.1 200 OK|Facts: a1=1.1|Content-Length: 0");
	request("GET / HTTP/1.1|Host: a|USER-TOKEN: alice");
	rules_exhaust(&t);
	assert_false(own_prepare_request(&s));
}

/* --- rate limits told --- */

static void limits_are_told(void **state)
{
	(void)state;
	request("GET / HTTP/1.1|Host: a");
	answer("HTTP/1.1 200 OK|Content-Length: 0");
	own_finish_response(&s);
	assert_string_equal(rules_values(&t, &s.x.response, "ratelimit-limit"), "-");
	snprintf(s.x.limit_header[0], sizeof(s.x.limit_header[0]), "10");
	snprintf(s.x.limit_header[1], sizeof(s.x.limit_header[1]), "9");
	snprintf(s.x.limit_header[2], sizeof(s.x.limit_header[2]), "1");
	own_finish_response(&s);
	assert_string_equal(rules_values(&t, &s.x.response, "ratelimit-limit"), "10");
	assert_string_equal(rules_values(&t, &s.x.response, "ratelimit-remaining"), "9");
	assert_string_equal(rules_values(&t, &s.x.response, "ratelimit-reset"), "1");
}

/* --- retry-budget --- */

static unsigned take_all(void)
{
	unsigned taken = 0;

	while (own_may_take_retry(&s)) {
		assert_true(own_take_retry(&s));
		taken++;
		assert_true(taken < 100000);
	}
	assert_false(own_take_retry(&s));
	return taken;
}

static void without_a_budget_there_is_no_end(void **state)
{
	(void)state;
	request("GET / HTTP/1.1|Host: a");
	own_pay_retries(&s);
	for (int i = 0; i < 1000; i++)
		assert_true(own_may_take_retry(&s) && own_take_retry(&s));
}

static void requests_pay_their_part(void **state)
{
	struct retry_budget b = { .percent = 20 };

	(void)state;
	t.be.backend.budget = &b;
	request("GET / HTTP/1.1|Host: a");
	assert_int_equal(take_all(), 0);
	for (int i = 0; i < 4; i++)
		own_pay_retries(&s);
	assert_int_equal(take_all(), 0);
	own_pay_retries(&s);
	assert_int_equal(take_all(), 1);
	for (int i = 0; i < 1000; i++)
		own_pay_retries(&s);
	assert_int_equal(take_all(), 10); /* no more than that is saved */
}

static void the_least_is_given_each_second(void **state)
{
	struct retry_budget b = { .percent = 0, .least = 3 };
	int64_t now_ms;

	(void)state;
	t.be.backend.budget = &b;
	request("GET / HTTP/1.1|Host: a");
	assert_int_equal(take_all(), 30); /* at first as much as in ten seconds */
	now_ms = atomic_load(&b.filled_ms);
	assert_int_equal(take_all(), 0);
	atomic_store(&b.filled_ms, now_ms - 1000);
	assert_int_equal(take_all(), 3);
	atomic_store(&b.filled_ms, now_ms - 500);
	assert_int_equal(take_all(), 1); /* and a half */
	atomic_store(&b.filled_ms, now_ms - 500);
	assert_int_equal(take_all(), 2);
	atomic_store(&b.filled_ms, now_ms - 3600 * 1000);
	assert_int_equal(take_all(), 30);
	atomic_store(&b.filled_ms, now_ms + 1000); /* another thread's clock is ahead */
	assert_int_equal(take_all(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(forwarded_for),
		TEST(a_valid_trace_goes_on),
		TEST(every_trace_is_another),
		TEST(without_room_it_fails),
		TEST(facts_go_along),
		TEST(without_a_token_all_is_left_alone),
		TEST(without_memory_the_facts_fail_the_request),
		TEST(limits_are_told),
		TEST(without_a_budget_there_is_no_end),
		TEST(requests_pay_their_part),
		TEST(the_least_is_given_each_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
