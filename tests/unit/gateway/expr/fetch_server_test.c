/* fetch_server_test.c - samples of servers: the one that was chosen, and the state of any. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/gateway/support/exprs.h"

struct place {
	struct rules rules; /* first: *state is one for exprs_end() */
	struct server server;
};

/* "be/s1". */
static int begin(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	rules_setup(&p->rules);
	rules_get(&p->rules, "/");
	p->rules.worker.servers = p->rules.tallies;
	p->server = (struct server){ .name = SLICE_LIT("s1"), .id = 4, .backend = &p->rules.be, .o.weight = 50 };
	p->server.state = SERVER_UP;
	p->server.weight = 30;
	p->server.slow_percent = 100;
	p->rules.be.backend.servers = &p->server;
	p->rules.be.backend.server_count = 1;
	*state = p;
	return 0;
}

static void chosen(void **state)
{
	static const struct expr_case none[] = {
		{ "srv_name", "" }, { "srv_id", "" }, { "bc_dst", "" }, { "bc_dst_port", "" }, { "bc_src", "" }, { "bc_src_port", "" },
	};
	static const struct expr_case cases[] = {
		{ "srv_name", "string s1" },         { "srv_id", "integer 4" },       { "bc_dst", "address 192.0.2.80" },
		{ "bc_dst_port", "integer 8080" },   { "bc_src", "address 192.0.2.7" }, { "bc_src_port", "integer 4444" },
	};
	static const struct expr_case version_6[] = { { "bc_dst", "address ::1" }, { "bc_dst_port", "integer 81" } };
	struct place *p = *state;
	struct rules *t = *state;
	struct sockaddr_in6 *to = (struct sockaddr_in6 *)&t->x.server_to;

	rules_response(t, "HTTP/1.1 200 OK");
	exprs_check(t, EXPRS(none));
	t->x.server = &p->server;
	rules_address(&t->x.server_to, "192.0.2.80", 8080);
	rules_address(&t->x.server_from, "192.0.2.7", 4444);
	exprs_check(t, EXPRS(cases));
	*to = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(81), .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	exprs_check(t, EXPRS(version_6));
	t->x.server_to.ss_family = AF_UNIX;
	exprs_check(t, none + 2, 2);
}

/* As in HAProxy, a server that is drained is up. */
static void being_up(void **state)
{
	static const struct {
		int state;
		unsigned admin;
		const char *up;
	} cases[] = {
		{ SERVER_UP, 0, "boolean 1" },           { SERVER_STARTING, 0, "boolean 1" },        { SERVER_STOPPING, 0, "boolean 1" },
		{ SERVER_DOWN, 0, "boolean 0" },         { SERVER_UP, SERVER_MAINT, "boolean 0" },   { SERVER_UP, SERVER_MAINT_CONFIG, "boolean 0" },
		{ SERVER_UP, SERVER_MAINT_NAME, "boolean 0" }, { SERVER_UP, SERVER_DRAIN, "boolean 1" }, { SERVER_DOWN, SERVER_DRAIN, "boolean 0" },
	};
	struct place *p = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		p->server.state = cases[i].state;
		p->server.admin = cases[i].admin;
		assert_string_equal(exprs_get(*state, "srv_is_up(be/s1)"), cases[i].up);
	}
}

static void numbers(void **state)
{
	static const struct expr_case cases[] = {
		{ "srv_conn(be/s1)", "integer 6" },     { "srv_conn_free(be/s1)", "integer -1" }, { "srv_queue(be/s1)", "integer 2" },
		{ "srv_weight(be/s1)", "integer 30" },  { "srv_uweight(be/s1)", "integer 30" },   { "srv_iweight(be/s1)", "integer 50" },
		{ "srv_sess_rate(be/s1)", "integer 0" },
	};
	struct place *p = *state;
	struct rules *t = *state;

	p->server.served = 6;
	p->server.queued = 2;
	exprs_check(t, EXPRS(cases));
	p->server.maxconn = 10;
	assert_string_equal(exprs_get(t, "srv_conn_free(be/s1)"), "integer 4");
	p->server.maxconn = 5;
	assert_string_equal(exprs_get(t, "srv_conn_free(be/s1)"), "integer 0");
	p->server.slow_percent = 10; /* of slowstart: rounded up */
	assert_string_equal(exprs_get(t, "srv_weight(be/s1)"), "integer 3");
	p->server.slow_percent = 11;
	assert_string_equal(exprs_get(t, "srv_weight(be/s1)"), "integer 4");
	tally_rate_add(&t->worker.servers[0].session_rate, loop_now_ms(t->worker.loop), 8);
	assert_string_equal(exprs_get(t, "srv_sess_rate(be/s1)"), "integer 8");
}

static void names(void **state)
{
	static const struct expr_case cases[] = {
		{ "srv_is_up(s2)", "there is no server 's2' in proxy 'fe'" },
		{ "srv_is_up(be/s2)", "there is no server 's2' in proxy 'be'" },
		{ "srv_is_up(no/s1)", "there is no backend 'no'" },
	};
	static const struct expr_case refused[] = {
		{ "srv_is_up", "argument 1 is missing: a server" }, { "srv_name", "it needs a server" },
	};
	struct rules *t = *state;

	t->w.p.proxy = &t->be;
	assert_string_equal(exprs_get(t, "srv_conn(s1)"), "integer 0"); /* of this backend */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		t->w.p.proxy = &t->fe;
		assert_non_null(expr_parse(rules_words(t, ""), slice_str(cases[i].expr), WHEN_IN_REQUEST, "test"));
		assert_non_null(strstr(rules_resolve(t), cases[i].yields));
	}
	exprs_refused(t, EXPRS(refused));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, exprs_end)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(chosen), TEST(being_up), TEST(numbers), TEST(names) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
