/* fetch_proxy_test.c - samples of frontends and backends, and how busy they are. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/balance/lineup.h"
#include "tests/unit/gateway/support/exprs.h"

#define SERVERS 3

struct place {
	struct rules rules; /* first: *state is one for exprs_end() */
	struct server servers[SERVERS];
};

/* Three servers in "be", up; the third is a backup. */
static int begin(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	rules_setup(&p->rules);
	rules_get(&p->rules, "/");
	for (int i = 0; i < SERVERS; i++) {
		struct server *s = &p->servers[i];

		s->backend = &p->rules.be;
		s->next = i + 1 < SERVERS ? &p->servers[i + 1] : NULL;
		s->id = (unsigned)i + 1;
		s->state = SERVER_UP;
		s->weight = 1;
		s->slow_percent = 100;
		s->o.backup = i == 2;
	}
	p->rules.be.backend.servers = p->servers;
	p->rules.be.backend.server_count = SERVERS;
	lineup_rebuild(&p->rules.gateway, &p->rules.be);
	*state = p;
	return 0;
}

static int end(void **state)
{
	struct place *p = *state;

	lineup_free(&p->rules.be);
	for (int round = 0; round < 3; round++) /* what was retired goes */
		loop_round(p->rules.worker.loop, 0);
	return exprs_end(state);
}

/* Before there is one, the frontend gives its name. */
static void chosen_backend(void **state)
{
	static const struct expr_case none[] = { { "be_name", "string fe" }, { "be_id", "integer 8" }, { "be_server_timeout", "" } };
	static const struct expr_case cases[] = {
		{ "be_name", "string be" },           { "be_id", "integer 9" },
		{ "be_server_timeout", "integer 10" }, { "be_tunnel_timeout", "integer 20" },
		{ "cur_server_timeout", "integer 10" }, { "cur_tunnel_timeout", "integer 20" },
	};
	static const struct expr_case set[] = {
		{ "be_server_timeout", "integer 10" },  { "be_tunnel_timeout", "integer 20" },
		{ "cur_server_timeout", "integer 30" }, { "cur_tunnel_timeout", "integer 40" },
	};
	struct rules *t = *state;

	rules_response(t, "HTTP/1.1 200 OK");
	t->x.backend = NULL;
	t->fe.id = 8;
	exprs_check(t, EXPRS(none));
	t->x.backend = &t->be;
	t->be.id = 9;
	t->be.timeout.server = 10;
	t->be.timeout.tunnel = 20;
	exprs_check(t, EXPRS(cases));
	t->x.timeout_server_ms = 30;
	t->x.timeout_tunnel_ms = 40;
	exprs_check(t, EXPRS(set));
}

static void counts(void **state)
{
	static const struct expr_case cases[] = {
		{ "be_conn(be)", "integer 5" }, { "fe_conn(fe)", "integer 7" }, { "fe_conn", "integer 7" }, { "queue(be)", "integer 5" },
		{ "avg_queue(be)", "integer 3" }, { "nbsrv(be)", "integer 2" }, { "nbsrv(other)", "integer 0" }, { "queue(other)", "integer 0" },
	};
	struct rules *t = *state;

	t->be.backend.served = 5;
	t->be.backend.queued = 5;
	t->fe.connections = 7;
	exprs_check(t, EXPRS(cases));
}

/* Backups count while no other server is usable. */
static void usable_servers(void **state)
{
	struct place *p = *state;
	struct rules *t = *state;

	t->be.backend.queued = 5;
	p->servers[0].state = SERVER_DOWN;
	lineup_rebuild(&t->gateway, &t->be);
	assert_string_equal(exprs_get(t, "nbsrv(be)"), "integer 1");
	assert_string_equal(exprs_get(t, "avg_queue(be)"), "integer 5");
	p->servers[1].admin = SERVER_MAINT;
	lineup_rebuild(&t->gateway, &t->be);
	assert_string_equal(exprs_get(t, "nbsrv(be)"), "integer 1");
	p->servers[2].admin = SERVER_DRAIN;
	lineup_rebuild(&t->gateway, &t->be);
	assert_string_equal(exprs_get(t, "nbsrv(be)"), "integer 0");
	assert_string_equal(exprs_get(t, "avg_queue(be)"), "integer 10");
}

static void free_places(void **state)
{
	struct place *p = *state;
	struct rules *t = *state;

	assert_string_equal(exprs_get(t, "be_conn_free(be)"), "integer -1"); /* no limit */
	assert_string_equal(exprs_get(t, "connslots(be)"), "integer -1");
	p->servers[0].maxconn = 10;
	assert_string_equal(exprs_get(t, "be_conn_free(be)"), "integer -1");
	p->servers[1].maxconn = 5;
	p->servers[2].maxconn = 100;
	p->servers[0].served = 4;
	p->servers[1].served = 6;
	assert_string_equal(exprs_get(t, "be_conn_free(be)"), "integer 6");
	assert_string_equal(exprs_get(t, "connslots(be)"), "integer -1"); /* the queues have no limit */
	p->servers[0].o.maxqueue = 3;
	p->servers[1].o.maxqueue = 2;
	p->servers[0].queued = 1;
	p->servers[1].queued = 4;
	assert_string_equal(exprs_get(t, "connslots(be)"), "integer 8");
	p->servers[0].state = p->servers[1].state = SERVER_DOWN; /* the backup is left */
	assert_string_equal(exprs_get(t, "be_conn_free(be)"), "integer 100");
	p->servers[2].state = SERVER_DOWN;
	assert_string_equal(exprs_get(t, "be_conn_free(be)"), "integer 0");
	assert_string_equal(exprs_get(t, "connslots(be)"), "integer 0");
}

static void rates(void **state)
{
	static const struct expr_case cases[] = {
		{ "fe_sess_rate", "integer 2" }, { "fe_sess_rate(fe)", "integer 2" }, { "fe_req_rate", "integer 3" }, { "be_sess_rate(be)", "integer 4" },
	};
	struct rules *t = *state;
	struct tally *of_fe = &t->worker.frontends[t->fe.index], *of_be = &t->worker.backends[t->be.index];
	int64_t now_ms = loop_now_ms(t->worker.loop);

	assert_string_equal(exprs_get(t, "fe_sess_rate"), "integer 0");
	tally_rate_add(&of_fe->session_rate, now_ms, 2);
	tally_rate_add(&of_fe->request_rate, now_ms, 3);
	tally_rate_add(&of_be->session_rate, now_ms, 4);
	exprs_check(t, EXPRS(cases));
}

/* Inside a backend its name may be left out. */
static void own_backend(void **state)
{
	static const char *const texts[] = { "be_conn", "be_conn_free", "connslots", "be_sess_rate", "nbsrv", "queue", "avg_queue" };
	struct rules *t = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		t->w.p.proxy = &t->be;
		assert_string_not_equal(exprs_get(t, texts[i]), "");
	}
}

static void unknown_names(void **state)
{
	static const struct expr_case cases[] = {
		{ "nbsrv", "this proxy is no backend, so one has to be named" },
		{ "nbsrv(none)", "there is no backend 'none'" },
		{ "queue(fe)", "there is no backend 'fe'" },
		{ "fe_conn(be)", "there is no frontend 'be'" },
	};
	struct rules *t = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_non_null(expr_parse(rules_words(t, ""), slice_str(cases[i].expr), WHEN_IN_REQUEST, "test"));
		assert_non_null(strstr(rules_resolve(t), cases[i].yields));
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(chosen_backend), TEST(counts), TEST(usable_servers), TEST(free_places), TEST(rates), TEST(own_backend), TEST(unknown_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
