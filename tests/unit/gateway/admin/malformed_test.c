/* malformed_test.c - refused heads that are kept, and how "show errors" writes them: the dump's lines are HAProxy 2.6's. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/admin/malformed.h"
#include "tests/unit/gateway/support/console.h"

static struct console c;

static int setup(void **state)
{
	(void)state;
	console_open(&c, "frontend fe\n default_backend be\nbackend be\n server a 127.0.0.1:8001\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	console_close(&c);
	return 0;
}

static void keep(enum malformed_kind kind, const char *bytes, size_t len, size_t at)
{
	struct sockaddr_storage from = { .ss_family = AF_INET };
	struct sockaddr_in *in = (struct sockaddr_in *)&from;
	char copy[20000];

	in->sin_addr.s_addr = htonl(0xc0000201);
	in->sin_port = htons(1234);
	assert_true(len <= sizeof(copy));
	memcpy(copy, bytes, len);
	malformed_keep(c.gateway->malformed, &(struct malformed_message){
		.kind = kind,
		.frontend = console_proxy(&c, "fe"),
		.backend = kind == MALFORMED_RESPONSE ? console_proxy(&c, "be") : NULL,
		.server = kind == MALFORMED_RESPONSE ? console_server(&c, "be", "a") : NULL,
		.from = &from,
		.bytes = slice_of(copy, len),
		.at = at,
		.why = "a reason",
		.wall_us = 1000000,
	});
	memset(copy, 'X', sizeof(copy)); /* it was copied */
}

static void none_at_first(void **state)
{
	const char *text = console_ask(&c, "show errors");

	(void)state;
	assert_memory_equal(text, "Total events captured on [", 26);
	assert_string_equal(text + strlen(text) - 6, "] : 0\n");
	assert_string_equal(console_ask(&c, "show errors zz"), "No such proxy.\n");
}

static void a_request_is_dumped(void **state)
{
	static const char bytes[] = "GET / HTTP/1.1\r\nbad header: 1\r\nx: \xff\x01y\tz\\\033\0\r\nlong: "
				    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n";
	static const char want[] = " frontend fe (#2): invalid request\n"
				   "  backend <NONE> (#-1), server <NONE> (#-1), event #0, src 192.0.2.1:1234\n"
				   "  buffer starts at 0 (including 0 out), 16244 free,\n"
				   "  len 140, wraps at 16384, error at position 19\n"
				   "  a reason:\n"
				   "  \n"
				   "  00000  GET / HTTP/1.1\\r\\n\n"
				   "  00016  bad header: 1\\r\\n\n"
				   "  00031  x: \\xFF\\x01y\\tz\\\\\\e\\x00\\r\\n\n"
				   "  00044  long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
				   "  00114+ aaaaaaaaaaaaaaaaaaaaaa\\r\\n\n"
				   "  00138  \\r\\n\n";
	const char *text;

	(void)state;
	assert_int_equal(sizeof(bytes) - 1, 140);
	keep(MALFORMED_REQUEST, bytes, sizeof(bytes) - 1, 19);
	text = strstr(console_ask(&c, "show errors"), " frontend");
	assert_non_null(text);
	assert_string_equal(text, want);
}

static void a_response_is_its_backends(void **state)
{
	(void)state;
	keep(MALFORMED_RESPONSE, "HTTP/1.1 200 OK\r\n:\r\n", 20, 17);
	assert_non_null(strstr(console_ask(&c, "show errors be"), "] backend be (#3): invalid response\n"
								   "  frontend fe (#2), server a (#1), event #0, src 192.0.2.1:1234\n"));
	assert_null(strstr(console_ask(&c, "show errors fe"), "invalid"));
}

static void kinds_and_proxies_are_chosen(void **state)
{
	static const struct {
		const char *command;
		bool request, response;
	} rows[] = {
		{ "show errors", true, true },        { "show errors -1", true, true },          { "show errors fe", true, false },
		{ "show errors be", false, true },    { "show errors 2", true, false },          { "show errors 3", false, true },
		{ "show errors 9", false, false },    { "show errors fe request", true, false }, { "show errors fe response", false, false },
		{ "show errors -1 response", false, true },
	};

	(void)state;
	keep(MALFORMED_REQUEST, "x", 1, 0);
	keep(MALFORMED_RESPONSE, "y", 1, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *text = console_ask(&c, rows[i].command);

		assert_non_null(strstr(text, "] : 2\n"));
		assert_int_equal(strstr(text, "invalid request") != NULL, rows[i].request);
		assert_int_equal(strstr(text, "invalid response") != NULL, rows[i].response);
	}
}

static void the_last_one_is_kept_and_cut(void **state)
{
	static char large[20000];

	(void)state;
	memset(large, 'a', sizeof(large));
	keep(MALFORMED_REQUEST, large, sizeof(large), 0);
	assert_non_null(strstr(console_ask(&c, "show errors"), ", 0 free,\n  len 16384, wraps at 16384, "));
	keep(MALFORMED_REQUEST, "short", 5, 1);
	assert_non_null(strstr(console_ask(&c, "show errors"), "\n  00000  short\n"));
	assert_null(strstr(c.answer.ptr, "aaaa"));
	assert_int_equal(malformed_count(c.gateway->malformed), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(none_at_first, setup, teardown),
		cmocka_unit_test_setup_teardown(a_request_is_dumped, setup, teardown),
		cmocka_unit_test_setup_teardown(a_response_is_its_backends, setup, teardown),
		cmocka_unit_test_setup_teardown(kinds_and_proxies_are_chosen, setup, teardown),
		cmocka_unit_test_setup_teardown(the_last_one_is_kept_and_cut, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
