/* own_test.c - the fields that options and our own keywords add to requests and responses, the facts of tokens, and the retry budget. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/expr/expr.h"
#include "gateway/expr/format.h"
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
	t.gateway.tokens = token_table_create(100, 0);
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

static void forwarded_for_the_newer_version(void **state)
{
	static const struct {
		const char *network;
		unsigned prefix;
		const char *sent;
	} cases[] = {
		{ "2001:db8::", 32, "-" },
		{ "2001:db8:0:0:8000::", 65, "-" },
		{ "2001:db8:0:0:8000::", 68, "2001:db8::c000:0:0:7" },
		{ "2001:db8::c000:0:0:7", 128, "-" },
		{ "2001:db8::c000:0:0:6", 128, "2001:db8::c000:0:0:7" },
		{ "2001:db8::c000:0:0:6", 127, "-" },
		{ "::", 0, "-" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sockaddr_in6 *from = (struct sockaddr_in6 *)&t.session.from;

		request("GET / HTTP/1.1|Host: a");
		memset(&t.session.from, 0, sizeof(t.session.from));
		from->sin6_family = AF_INET6;
		assert_int_equal(inet_pton(AF_INET6, "2001:db8::c000:0:0:7", &from->sin6_addr), 1);
		t.be.forwardfor = (struct forwardfor){ .on = true, .if_none = true, .header = SLICE_LIT("X-Forwarded-For"), .has_except = true,
						       .except_prefix = cases[i].prefix, .except_family_bits = { 6 } };
		assert_int_equal(inet_pton(AF_INET6, cases[i].network, t.be.forwardfor.except_family_bits + 1), 1);
		assert_true(own_prepare_request(&s));
		assert_string_equal(sent("x-forwarded-for"), cases[i].sent);
	}
	t.session.from.ss_family = AF_UNIX; /* has no address to tell */
	t.be.forwardfor.has_except = false;
	assert_true(own_prepare_request(&s));
	assert_string_equal(sent("x-forwarded-for"), "-");
}

/* --- unique-id-header --- */

static void a_unique_id_is_added(void **state)
{
	(void)state;
	t.fe.unique_id_header = SLICE_LIT("X-Id");
	request("GET / HTTP/1.1|Host: a");
	assert_true(own_prepare_request(&s)); /* no unique-id-format, no field */
	assert_string_equal(sent("x-id"), "-");
	t.fe.unique_id_format = format_parse(rules_words(&t, ""), SLICE_LIT("%ci-%cp"), WHEN_REQUEST, "unique-id-format");
	assert_non_null(t.fe.unique_id_format);
	assert_true(own_prepare_request(&s));
	assert_string_equal(sent("x-id"), "192.0.2.1-4711");
	request("GET / HTTP/1.1|Host: a");
	s.x.request.capacity = s.x.request.count;
	assert_false(own_prepare_request(&s));
}

/* --- option trace-context --- */

/* W3C Trace Context, 3.2. */
static void what_is_no_valid_trace_is_replaced(void **state)
{
	static const struct {
		const char *fields;
		bool valid;
	} cases[] = {
		{ "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true },
		{ "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff", true },
		{ "traceparent: cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-comes-later", true },
		{ "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", false },
		{ "traceparent: cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.more", false },
		{ "traceparent: ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false },
		{ "traceparent: 0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false },
		{ "traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01", false },
		{ "traceparent: 00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false },
		{ "traceparent: 00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false },
		{ "traceparent: 00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01", false },
		{ "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-01", false },
		{ "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1", false },
		{ "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g", false },
		{ "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331", false },
		{ "traceparent: x", false },
		{ "traceparent: ", false },
		{ "traceparent: " VALID "|traceparent: " VALID, false },
	};

	(void)state;
	t.fe.trace_context = true;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char lines[256];

		snprintf(lines, sizeof(lines), "GET / HTTP/1.1|Host: a|tracestate: a=1|%s", cases[i].fields);
		request(lines);
		assert_true(own_prepare_request(&s));
		assert_string_equal(sent("tracestate"), cases[i].valid ? "a=1" : "-");
		assert_int_equal(strcmp(sent("traceparent"), cases[i].fields + 13) == 0, cases[i].valid);
		assert_null(strchr(sent("traceparent"), '|'));
	}
}

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
		TEST(forwarded_for_the_newer_version),
		TEST(a_unique_id_is_added),
		TEST(what_is_no_valid_trace_is_replaced),
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
