/* json_test.c - the line of "option json-log": its fields, what is left out, and that it is short and valid whatever the client sent. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/logs/json.h"
#include "tests/unit/gateway/support/rules.h"

#define NOON_US INT64_C(1767603600042123) /* 2026-01-05 09:00:00.042123 UTC */
#define LONG "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
#define LONG_1000 LONG LONG LONG LONG LONG LONG LONG LONG LONG LONG

static struct rules t;
static struct server server;
static char text[8192];

static int begin(void **state)
{
	(void)state;
	rules_setup(&t);
	rules_exchange(&t, RULES_ARENA);
	t.x.t.wall_us = NOON_US;
	return 0;
}

static int end(void **state)
{
	(void)state;
	rules_cleanup(&t);
	return 0;
}

static const char *line(void)
{
	struct buf out;

	buf_init_fixed(&out, text, sizeof(text));
	log_json_write(&t.x, &out);
	assert_true(buf_ok(&out));
	text[out.len] = '\0';
	return text;
}

static void request_line(const char *method, struct slice target)
{
	t.x.request_line[0] = slice_str(method);
	t.x.request_line[1] = target;
	t.x.request_line[2] = SLICE_LIT("HTTP/1.1");
}

/* Whether <text> is JSON: strings are well-formed, nothing but ASCII controls outside, braces match. Enough for one flat object. */
static void assert_one_object(const char *s)
{
	bool inside = false;

	assert_int_equal(s[0], '{');
	assert_true(slice_is_utf8(slice_str(s)));
	for (size_t i = 0; s[i] != '\0'; i++) {
		assert_true((unsigned char)s[i] >= 0x20);
		if (s[i] == '"')
			inside = !inside;
		if (inside && s[i] == '\\')
			i++;
		if (!inside && s[i] == '}')
			assert_int_equal(s[i + 1], '\0');
	}
	assert_false(inside);
	assert_int_equal(s[strlen(s) - 1], '}');
}

static void a_whole_exchange(void **state)
{
	(void)state;
	rules_request(&t, "POST /items/5?a=1 HTTP/1.1|Host: a|USER-TOKEN: secret|X-Request-Id: id-1|traceparent: 00-ab-cd-01");
	t.x.t.wall_us = NOON_US;
	request_line("POST", SLICE_LIT("/items/5?a=1"));
	server.name = SLICE_LIT("item1");
	t.x.backend = &t.be;
	t.x.server = &server;
	t.x.status = 201;
	t.x.bytes_in = 123;
	t.x.bytes_out = 4567;
	t.x.retries = 1;
	t.x.t.first_byte_us = 1000000;
	t.x.t.request_us = 1000100;
	t.x.t.queue_us = 1000100;
	t.x.t.connect_us = 1000350;
	t.x.t.response_us = 1002350;
	t.x.t.end_us = 1002500;
	assert_string_equal(line(),
		"{\"time\":\"2026-01-05T09:00:00.042123Z\",\"client\":\"192.0.2.1\",\"client_port\":4711,\"frontend\":\"fe\",\"backend\":\"be\","
		"\"server\":\"item1\",\"method\":\"POST\",\"version\":\"HTTP/1.1\",\"status\":201,\"bytes_in\":123,"
		"\"bytes_out\":4567,\"request_ms\":0.1,\"queue_ms\":0,\"connect_ms\":0.25,\"response_ms\":2,\"total_ms\":2.5,\"state\":\"--\","
		"\"retries\":1,\"request_id\":\"id-1\",\"traceparent\":\"00-ab-cd-01\",\"target\":\"/items/5?a=1\"}");
}

/* A request that was not understood: there is next to nothing to say. */
static void what_did_not_happen_is_left_out(void **state)
{
	(void)state;
	t.x.status = 400;
	t.x.cause = 'P';
	t.x.stage = 'R';
	t.x.t.first_byte_us = 5000000;
	t.x.t.end_us = 5001000;
	assert_string_equal(line(),
		"{\"time\":\"2026-01-05T09:00:00.042123Z\",\"client\":\"192.0.2.1\",\"client_port\":4711,\"frontend\":\"fe\",\"status\":400,"
		"\"bytes_in\":0,\"bytes_out\":0,\"total_ms\":1,\"state\":\"PR\"}");
}

static void addresses_of_clients(void **state)
{
	struct sockaddr_storage other = { .ss_family = AF_UNIX };
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&other;

	(void)state;
	t.x.src = &other; /* http-request set-src has precedence */
	assert_null(strstr(line(), "client"));
	*six = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(65535) };
	six->sin6_addr.s6_addr[15] = 1;
	assert_non_null(strstr(line(), "\"client\":\"::1\",\"client_port\":65535,"));
}

static void what_the_client_sent_stays_one_line(void **state)
{
	static const struct {
		const char *target, *written;
	} cases[] = {
		{ "/\"},{\"a\":1", "\"target\":\"/\\\"},{\\\"a\\\":1\"" }, { "/\\", "\"target\":\"/\\\\\"" }, { "/a\nb\r\tc", "\"target\":\"/a\\nb\\r\\tc\"" },
		{ "/\x01\x1f", "\"target\":\"/\\u0001\\u001f\"" }, { "/\xff\xc3\xa9", "\"target\":\"/\xef\xbf\xbd\xc3\xa9\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		request_line("GET", slice_str(cases[i].target));
		assert_one_object(line());
		if (strstr(text, cases[i].written) == NULL)
			fail_msg("%s lacks %s", text, cases[i].written);
	}
	request_line("GET", slice_of("/\0x", 3));
	assert_non_null(strstr(line(), "\"target\":\"/\\u0000x\""));
}

/* The longest that can be: every text is cut, so that it fits into a line. */
static void it_has_a_bound(void **state)
{
	static const char *const fillings[] = { "a", "\"", "\x01", "\xff", "\xc3\xa9", "\xf0\x9f\x98\x80" };
	static char many[2048];
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&t.session.from;

	(void)state;
	*six = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(65535) };
	memset(six->sin6_addr.s6_addr, 0xbb, 16);
	t.fe.name = t.be.name = server.name = SLICE_LIT(LONG);
	t.x.backend = &t.be;
	t.x.server = &server;
	t.x.status = 999;
	t.x.bytes_in = t.x.bytes_out = UINT64_MAX;
	t.x.retries = UINT32_MAX;
	t.x.t = (struct exchange_times){ .wall_us = NOON_US, .first_byte_us = 1, .request_us = 86400000123, .queue_us = 2 * 86400000123,
					 .connect_us = 3 * 86400000123, .response_us = 4 * 86400000123, .end_us = 5 * 86400000123 };
	for (size_t i = 0; i < sizeof(fillings) / sizeof(fillings[0]); i++) {
		size_t len = strlen(fillings[i]);

		for (size_t at = 0; at + len < sizeof(many); at += len)
			memcpy(many + at, fillings[i], len);
		t.x.request.count = 0;
		http_field_add(&t.x.request, SLICE_LIT("x-request-id"), slice_of(many, 1000));
		http_field_add(&t.x.request, SLICE_LIT("traceparent"), slice_of(many, 1000));
		request_line(LONG_1000, slice_of(many, 1000));
		assert_one_object(line());
		assert_non_null(strstr(text, "\"target\":\""));
		if (strlen(text) > LOG_JSON_MOST || strlen(text) < LOG_JSON_MOST - 6)
			fail_msg("%zu bytes: %s", strlen(text), text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_whole_exchange, begin, end),
		cmocka_unit_test_setup_teardown(what_did_not_happen_is_left_out, begin, end),
		cmocka_unit_test_setup_teardown(addresses_of_clients, begin, end),
		cmocka_unit_test_setup_teardown(what_the_client_sent_stays_one_line, begin, end),
		cmocka_unit_test_setup_teardown(it_has_a_bound, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
