/* metrics_test.c - the metrics for Prometheus: promtool accepts them, the query chooses, histograms add up, names are escaped. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include "gateway/admin/metrics.h"
#include "gateway/table/tokens.h"
#include "shared/base/facts.h"
#include "tests/unit/gateway/support/page.h"

static int setup(void **state)
{
	struct page_test *t = malloc(sizeof(*t));

	if (t == NULL)
		return -1;
	page_setup(t);
	page_server(t, "a");
	page_server(t, "out")->admin = SERVER_MAINT;
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	page_cleanup(*state);
	free(*state);
	return 0;
}

static void get(struct page_test *t, const char *target)
{
	assert_int_equal(metrics_answer(rules_get(&t->r, target)), VERDICT_REPLY);
	assert_true(page_read_all(t));
}

/* What promtool's exit status is for the answer; -1: it is not installed. */
static int promtool(const struct page_test *t)
{
	FILE *p;
	int status;

	if (system("command -v promtool >/dev/null") != 0)
		return -1;
	p = popen("promtool check metrics", "w");
	if (p == NULL || fwrite(t->answer.ptr, 1, t->answer.len, p) != t->answer.len)
		abort();
	status = pclose(p);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static void is_well_formed(void **state)
{
	struct page_test *t = *state;
	int status;

	hist_add(t->servers[0].total, 1500);
	t->r.fe.socket_stats = true;
	get(t, "/metrics");
	assert_int_equal(t->r.x.reply.status, 200);
	assert_true(slice_eq(t->r.x.service, SLICE_LIT("<PROMEX>")));
	assert_int_equal(t->r.x.cause, 'L');
	status = promtool(t);
	if (status == -1)
		skip();
	assert_int_equal(status, 0);
}

static void has_the_usual_names(void **state)
{
	struct page_test *t = *state;

	t->r.tallies[t->r.fe.index].requests = 17;
	t->r.tallies[t->r.fe.index].status[4] = 3;
	get(t, "/metrics");
	assert_true(page_holds(t, "\nhaproxy_frontend_http_requests_total{proxy=\"fe\"} 17\n"));
	assert_true(page_holds(t, "\nhaproxy_frontend_http_responses_total{proxy=\"fe\",code=\"4xx\"} 3\n"));
	assert_true(page_holds(t, "\nhaproxy_frontend_http_responses_total{proxy=\"fe\",code=\"other\"} 0\n"));
	assert_true(page_holds(t, "\nhaproxy_backend_active_servers{proxy=\"be\"} 1\n"));
	assert_true(page_holds(t, "\nhaproxy_backend_agg_server_status{proxy=\"be\",state=\"MAINT\"} 1\n"));
	assert_true(page_holds(t, "\nhaproxy_server_status{proxy=\"be\",server=\"out\",state=\"MAINT\"} 1\n"));
	assert_true(page_holds(t, "\nhaproxy_server_status{proxy=\"be\",server=\"a\",state=\"UP\"} 1\n"));
	assert_true(page_holds(t, "\nhaproxy_server_last_session_seconds{proxy=\"be\",server=\"a\"} -1\n"));
	assert_true(page_holds(t, "\nhaproxy_server_response_time_average_seconds{proxy=\"be\",server=\"a\"} 0.000\n"));
	assert_false(page_holds(t, "haproxy_server_check_status")); /* no server is checked */
}

/* A metric's samples are all of it, and stand together. */
static void adds_up(void **state)
{
	struct page_test *t = *state;

	hist_add(t->servers[0].response, 700);
	hist_add(t->servers[0].response, 30 * 1000);
	hist_add(t->servers[0].response, 60 * 1000 * 1000);
	get(t, "/metrics?scope=server");
	assert_true(page_holds(t, "# TYPE gateway_server_response_duration_seconds histogram\n"
				  "gateway_server_response_duration_seconds_bucket{proxy=\"be\",server=\"a\",le=\"0.0005\"} 0\n"
				  "gateway_server_response_duration_seconds_bucket{proxy=\"be\",server=\"a\",le=\"0.001\"} 1\n"));
	assert_true(page_holds(t, "{proxy=\"be\",server=\"a\",le=\"0.05\"} 2\n"));
	assert_true(page_holds(t, "{proxy=\"be\",server=\"a\",le=\"10\"} 2\n"));
	assert_true(page_holds(t, "_bucket{proxy=\"be\",server=\"a\",le=\"+Inf\"} 3\n"
				  "gateway_server_response_duration_seconds_sum{proxy=\"be\",server=\"a\"} 60.030700\n"
				  "gateway_server_response_duration_seconds_count{proxy=\"be\",server=\"a\"} 3\n"
				  "gateway_server_response_duration_seconds_bucket{proxy=\"be\",server=\"out\",le=\"0.0005\"} 0\n"));
}

static void counts_facts(void **state)
{
	struct page_test *t = *state;
	char made[1024];
	size_t len = 0;

	get(t, "/metrics");
	assert_true(page_holds(t, "# TYPE gateway_token_facts_dropped_total counter\ngateway_token_facts_dropped_total 0\n"));
	for (unsigned i = 1; i <= FACTS_MOST + 2; i++)
		len += (size_t)snprintf(made + len, sizeof(made) - len, "a%u=1.1,", i);
	t->r.gateway.tokens = token_table_create(1, 0);
	tokens_of_response(t->r.gateway.tokens, SLICE_LIT("alice"), slice_of(made, len), SLICE_NONE, 0);
	tokens_of_response(t->r.gateway.tokens, SLICE_LIT("bob"), SLICE_LIT("a1=1.1, x"), SLICE_NONE, 0);
	get(t, "/metrics");
	assert_true(page_holds(t, "\ngateway_token_users 1\n"));
	assert_true(page_holds(t, "\ngateway_token_facts 1\n"));
	assert_true(page_holds(t, "\ngateway_token_facts_malformed_total 1\n"));
	assert_true(page_holds(t, "\ngateway_token_facts_dropped_total 2\n"));
	assert_true(page_holds(t, "\ngateway_token_users_dropped_total 1\n"));
	token_table_free(&t->r.gateway.tokens);
}

static void obeys_its_query(void **state)
{
	static const struct {
		const char *query;
		bool process, frontend, backend, server;
	} cases[] = {
		{ "", true, true, true, true },
		{ "?", true, true, true, true },
		{ "?scope=*", true, true, true, true },
		{ "?scope=global", true, false, false, false },
		{ "?scope=frontend&scope=backend", false, true, true, false },
		{ "?scope=server&scope=&scope=backend", false, false, true, false },
		{ "?scope=", false, false, false, false },
		{ "?x=y&scope=server", false, false, false, true },
	};
	struct page_test *t = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char target[64];

		snprintf(target, sizeof(target), "/metrics%s", cases[i].query);
		get(t, target);
		assert_int_equal(page_holds(t, "haproxy_process_"), cases[i].process);
		assert_int_equal(page_holds(t, "haproxy_frontend_"), cases[i].frontend);
		assert_int_equal(page_holds(t, "haproxy_backend_"), cases[i].backend);
		assert_int_equal(page_holds(t, "haproxy_server_"), cases[i].server);
	}
	get(t, "/metrics?no-maint");
	assert_false(page_holds(t, "server=\"out\""));
	assert_true(page_holds(t, "server=\"a\""));
	get(t, "/metrics?scope=nosuch");
	assert_int_equal(t->r.x.reply.status, 400);
	assert_int_equal(t->r.x.service.len, 0);
}

static void escapes_names(void **state)
{
	struct page_test *t = *state;

	t->r.be.name = SLICE_LIT("a\"b\\c\nd");
	get(t, "/metrics?scope=backend");
	assert_true(page_holds(t, "{proxy=\"a\\\"b\\\\c\\nd\"}"));
	assert_true(promtool(t) <= 0);
}

static void comes_in_pieces(void **state)
{
	static char names[PAGE_SERVERS_MOST][16];
	struct page_test *t = *state;

	for (unsigned i = 2; i < PAGE_SERVERS_MOST; i++) {
		snprintf(names[i], sizeof(names[i]), "server%u", i);
		page_server(t, names[i]);
	}
	get(t, "/metrics");
	assert_true(t->pieces > 300);
	assert_true(t->longest < 24 * 1024);
}

static void breaks_off_what_does_not_fit(void **state)
{
	static char name[100 * 1024];
	struct page_test *t = *state;

	memset(name, 'x', sizeof(name) - 1);
	page_server(t, name);
	assert_int_equal(metrics_answer(rules_get(&t->r, "/metrics")), VERDICT_REPLY);
	assert_false(page_read_all(t));
}

static void fails_without_memory(void **state)
{
	struct page_test *t = *state;

	assert_int_equal(metrics_answer(rules_request_limited(&t->r, "GET /metrics HTTP/1.1|Host: a", 4096)), VERDICT_FAIL);
}

static void is_the_only_service(void **state)
{
	struct page_test *t = *state;

	assert_string_equal(rules_read(&t->r, "use-service prometheus-exporter if { path /metrics }"), "");
	rules_resolve(&t->r);
	rules_get(&t->r, "/metrics");
	assert_int_equal(rules_go(&t->r), VERDICT_REPLY);
	rules_get(&t->r, "/other");
	assert_int_equal(rules_go(&t->r), VERDICT_NEXT);
	assert_non_null(strstr(rules_read(&t->r, "use-service lua.x"), "unknown service name"));
	assert_non_null(strstr(rules_read(&t->r, "use-service"), "the name of a service"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(is_well_formed, setup, teardown),
		cmocka_unit_test_setup_teardown(has_the_usual_names, setup, teardown),
		cmocka_unit_test_setup_teardown(adds_up, setup, teardown),
		cmocka_unit_test_setup_teardown(counts_facts, setup, teardown),
		cmocka_unit_test_setup_teardown(obeys_its_query, setup, teardown),
		cmocka_unit_test_setup_teardown(escapes_names, setup, teardown),
		cmocka_unit_test_setup_teardown(comes_in_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(breaks_off_what_does_not_fit, setup, teardown),
		cmocka_unit_test_setup_teardown(fails_without_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(is_the_only_service, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
