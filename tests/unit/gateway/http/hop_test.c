/* hop_test.c - what Connection names and what it must not, and which upgrades may go through. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "gateway/http/hop.h"

static void options_and_names(void **state)
{
	struct http_hop hop;

	(void)state;
	http_hop_init(&hop);
	assert_true(http_hop_read(&hop, SLICE_LIT("")));
	assert_true(http_hop_read(&hop, SLICE_LIT("Keep-Alive, X-One")));
	assert_true(hop.keep_alive && !hop.close && !hop.upgrade);
	assert_true(http_hop_read(&hop, SLICE_LIT("x-two ,UPGRADE,,Close")));
	assert_true(hop.close && hop.upgrade);
	assert_true(http_hop_names(&hop, SLICE_LIT("x-one")));
	assert_true(http_hop_names(&hop, SLICE_LIT("X-Two")));
	assert_false(http_hop_names(&hop, SLICE_LIT("close")));
	assert_false(http_hop_names(&hop, SLICE_LIT("X-Three")));
	assert_false(http_hop_names(&hop, SLICE_LIT("")));
}

static void elements_that_are_no_tokens_name_nothing(void **state)
{
	static const char *const odd[] = {
		"\"close\"", "close;a", "x one", "x\tone", "\"x-one\"", "close=1", "keep-alive; timeout=5", "x(one)",
	};
	struct http_hop hop;

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		http_hop_init(&hop);
		assert_true(http_hop_read(&hop, slice_str(odd[i])));
		assert_false(hop.close || hop.keep_alive || hop.upgrade);
		assert_int_equal(hop.count, 0);
	}
}

static void fields_for_the_far_end_stay(void **state)
{
	static const char *const kept[] = {
		"host", "Content-Length", "transfer-encoding", "content-type", "Content-Encoding", "content-whatever", "Authorization",
		"cookie", "set-cookie", "expect", "USER-TOKEN", "consistency-token", "x-forwarded-for", "X-Forwarded-Proto", "forwarded",
		"x-real-ip", "via", "cache-control", "range", "if-match", "if-none-match", "date", "location", "traceparent",
		"x-request-id", "origin", "sec-websocket-key", "access-control-allow-origin", "referer", "www-authenticate", "degraded",
	};
	static const char *const removed[] = { "x", "x-hop", "http2-settings", "contents", "x-forwarded", "conten", "hosts" };
	struct http_hop hop;

	(void)state;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		http_hop_init(&hop);
		assert_true(http_hop_read(&hop, slice_str(kept[i])));
		assert_false(http_hop_names(&hop, slice_str(kept[i])));
	}
	for (size_t i = 0; i < sizeof(removed) / sizeof(removed[0]); i++) {
		http_hop_init(&hop);
		assert_true(http_hop_read(&hop, slice_str(removed[i])));
		assert_true(http_hop_names(&hop, slice_str(removed[i])));
	}
}

static void too_many_elements(void **state)
{
	struct http_hop hop;

	(void)state;
	http_hop_init(&hop);
	for (int i = 0; i < HTTP_HOP_MAX; i++)
		assert_true(http_hop_read(&hop, SLICE_LIT("x-hop")));
	assert_int_equal(hop.count, HTTP_HOP_MAX);
	assert_false(http_hop_read(&hop, SLICE_LIT("close")));
	http_hop_init(&hop);
	assert_false(http_hop_read(&hop, SLICE_LIT(",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,"))); /* empty ones count */
}

static void upgrades(void **state)
{
	static const char *const allowed[] = { "websocket", "WebSocket", "tcp", "SPDY/3.1", "websocket, tcp", "h2cx", "foo/1" };
	static const char *const forbidden[] = {
		"h2c", "H2C", "h2", "h3", "HTTP/2.0", "http/1.1", "HTTP", "https", "TLS/1.2", "tls", "websocket, h2c", "h2c,websocket",
		"h2c/1", " h2c", "", ",", "websocket,", "web socket", "\"h2c\"", "h2c;a", "websocket/", "/1", "foo/1/2", "h2c\x80",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		assert_true(http_upgrade_allowed(slice_str(allowed[i])));
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
		assert_false(http_upgrade_allowed(slice_str(forbidden[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_and_names),
		cmocka_unit_test(elements_that_are_no_tokens_name_nothing),
		cmocka_unit_test(fields_for_the_far_end_stay),
		cmocka_unit_test(too_many_elements),
		cmocka_unit_test(upgrades),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
