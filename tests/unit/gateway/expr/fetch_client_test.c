/* fetch_client_test.c - samples of the client's connection: both ends of it, what rules set, frontend and listener. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/gateway/support/exprs.h"

static void addresses(void **state)
{
	static const struct expr_case cases[] = {
		{ "src", "address 192.0.2.1" },       { "src_port", "integer 4711" },         { "fc_src", "address 192.0.2.1" },
		{ "fc_src_port", "integer 4711" },    { "dst", "address 198.51.100.1" },      { "dst_port", "integer 80" },
		{ "fc_dst", "address 198.51.100.1" }, { "fc_dst_port", "integer 80" },        { "src_is_local", "boolean 0" },
		{ "dst_is_local", "boolean 0" },      { "fc_src_is_local", "boolean 0" },
	};

	exprs_check(*state, EXPRS(cases));
}

/* set-src changes what rules see, not the connection. */
static void changed_source(void **state)
{
	static const struct expr_case cases[] = {
		{ "src", "address 127.0.0.9" },    { "src_port", "integer 99" },     { "fc_src", "address 192.0.2.1" },
		{ "fc_src_port", "integer 4711" }, { "src_is_local", "boolean 1" }, { "fc_src_is_local", "boolean 0" },
	};
	static struct sockaddr_storage source;
	struct rules *t = *state;

	rules_address(&source, "127.0.0.9", 99);
	t->x.src = &source;
	exprs_check(t, EXPRS(cases));
}

static void version_6(void **state)
{
	static const struct expr_case cases[] = {
		{ "src", "address 2001:db8::1" },
		{ "src_port", "integer 4712" },
		{ "src_is_local", "boolean 0" },
		{ "fc_dst_is_local", "boolean 1" },
	};
	struct rules *t = *state;
	struct sockaddr_in6 *from = (struct sockaddr_in6 *)&t->session.from;

	from->sin6_family = AF_INET6;
	from->sin6_port = htons(4712);
	assert_int_equal(inet_pton(AF_INET6, "2001:db8::1", &from->sin6_addr), 1);
	rules_address(&t->session.to, "127.0.0.1", 80);
	exprs_check(t, EXPRS(cases));
}

/* It has no address and is local. */
static void unix_socket(void **state)
{
	static const struct expr_case cases[] = { { "src", "" }, { "src_port", "" }, { "dst", "" }, { "src_is_local", "boolean 1" } };
	struct rules *t = *state;

	memset(&t->session.from, 0, sizeof(t->session.from));
	t->session.from.ss_family = t->session.to.ss_family = AF_UNIX;
	exprs_check(t, EXPRS(cases));
}

static void frontend_and_listener(void **state)
{
	static const struct expr_case none[] = {
		{ "fe_name", "string fe" }, { "fe_id", "integer 7" }, { "fe_defbe", "" }, { "fe_client_timeout", "integer 0" },
		{ "so_id", "" },            { "so_name", "" },
	};
	static const struct expr_case cases[] = {
		{ "fe_defbe", "string be" }, { "fe_client_timeout", "integer 5000" }, { "so_id", "integer 3" }, { "so_name", "string door" },
	};
	static struct listener listener = { .id = 3, .name = SLICE_LIT("door") };
	struct rules *t = *state;

	t->fe.id = 7;
	exprs_check(t, EXPRS(none));
	t->fe.default_backend = &t->be;
	t->fe.timeout.client = 5000;
	t->session.listener = &listener;
	exprs_check(t, EXPRS(cases));
}

static void connection(void **state)
{
	static const struct expr_case cases[] = {
		{ "fc_rcvd_proxy", "boolean 0" },
		{ "fc_http_major", "integer 1" },
		{ "ssl_fc", "boolean 0" },
		{ "http_first_req", "boolean 1" },
	};
	struct rules *t = *state;

	exprs_check(t, EXPRS(cases));
	t->session.requests = 2;
	assert_string_equal(exprs_get(t, "http_first_req"), "boolean 0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EXPRS_TEST(addresses), EXPRS_TEST(changed_source),        EXPRS_TEST(version_6),
		EXPRS_TEST(unix_socket), EXPRS_TEST(frontend_and_listener), EXPRS_TEST(connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
