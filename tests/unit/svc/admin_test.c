/* admin_test.c - the admin port over a real socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <stdatomic.h>

#include "shared/svc/admin.h"
#include "shared/svc/metrics.h"
#include "tests/unit/support/http_client.h"

struct app {
	atomic_bool ready;
	atomic_int audits;
};

static bool ready(void *ctx, struct jsonw *w)
{
	struct app *a = ctx;

	jsonw_key(w, "mysql");
	jsonw_string(w, SLICE_LIT("up"));
	return atomic_load(&a->ready);
}

static void list_degraded(void *ctx, struct degraded *out)
{
	struct app *a = ctx;

	if (!atomic_load(&a->ready)) {
		degraded_add(out, "users", DEGRADED_NEVER_LOADED);
		degraded_add(out, "alarms", 7);
	}
}

static void audit(void *ctx)
{
	struct app *a = ctx;

	atomic_fetch_add(&a->audits, 1);
}

static void audited(void *ctx, struct jsonw *w)
{
	struct app *a = ctx;

	jsonw_key(w, "audits");
	jsonw_i64(w, atomic_load(&a->audits));
}

static int more(void *ctx, struct slice query, struct buf *out)
{
	assert_non_null(ctx);
	buf_printf(out, "{\"query\":\"%.*s\"}", SLICE_ARG(query));
	return 203;
}

static const struct admin_route more_routes[] = {
	{ "GET", "/more", more },
	{ NULL, NULL, NULL },
};

/* Sends <line> and compares; <type> is the content type. */
static void expect(uint16_t port, const char *line, int status, const char *type, const char *body)
{
	struct client_answer ans;
	char space[256];
	struct client c;

	client_open(&c, port);
	client_printf(&c, "%s HTTP/1.1\r\nHost: h\r\n\r\n", line);
	if (strncmp(line, "HEAD", 4) == 0)
		client_read_head(&c, &ans);
	else
		client_read(&c, &ans);
	if (ans.status != status)
		fail_msg("%d for %s", ans.status, line);
	assert_string_equal(client_header(&ans, "Content-Type", space), type);
	if (body != NULL)
		assert_string_equal(ans.body, body);
	if (status == 405)
		assert_string_equal(client_header(&ans, "Allow", space), strstr(line, "/audit") != NULL ? "POST, GET, HEAD" : "GET, HEAD");
	client_answer_free(&ans);
	client_close(&c);
}

/* The header of /readyz; NULL: none. */
static void expect_degraded(uint16_t port, const char *expected)
{
	struct client_answer ans;
	const char *value;
	char space[256];
	struct client c;

	client_open(&c, port);
	client_printf(&c, "GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n");
	client_read(&c, &ans);
	value = client_header(&ans, "Degraded", space);
	if (value == NULL || expected == NULL)
		assert_ptr_equal(value, expected);
	else
		assert_string_equal(value, expected);
	client_answer_free(&ans);
	client_close(&c);
}

#define JSON "application/json"
#define PROBLEM "application/problem+json"
#define TEXT "text/plain; version=0.0.4; charset=utf-8"

static void all_calls(void **state)
{
	struct app app = { 0 };
	struct metrics *m = metrics_create();
	struct admin_spec spec = {
		.bind = "127.0.0.1", .metrics = m, .ready = ready, .degraded = list_degraded, .audit = audit, .audited = audited, .more = more_routes,
		.ctx = &app,
	};
	struct admin *a = admin_start(&spec);
	uint16_t port;

	(void)state;
	assert_non_null(a);
	port = admin_port(a);
	counter_add(metrics_counter(m, "x_total", "X.", NULL), 3);
	expect(port, "GET /healthz", 200, JSON, "{\"status\":\"ok\"}");
	expect(port, "HEAD /healthz", 200, JSON, "");
	expect(port, "GET /readyz", 503, JSON, "{\"mysql\":\"up\"}");
	expect_degraded(port, "alarms;age=7, users");
	atomic_store(&app.ready, true);
	expect_degraded(port, NULL);
	expect(port, "GET /readyz?x", 200, JSON, "{\"mysql\":\"up\"}");
	expect(port, "GET /metrics", 200, TEXT, "# HELP x_total X.\n# TYPE x_total counter\nx_total 3\n");
	expect(port, "POST /audit", 202, JSON, "{}");
	assert_int_equal(atomic_load(&app.audits), 1);
	expect(port, "GET /more?a=b", 203, JSON, "{\"query\":\"a=b\"}");
	expect(port, "GET /audit", 200, JSON, "{\"audits\":1}");
	expect(port, "DELETE /audit", 405, PROBLEM, NULL);
	expect(port, "POST /healthz", 405, PROBLEM, NULL);
	expect(port, "DELETE /more", 405, PROBLEM, NULL);
	expect(port, "GET /", 404, PROBLEM, NULL);
	expect(port, "GET /healthz/", 404, PROBLEM, NULL);
	assert_int_equal(atomic_load(&app.audits), 1);
	spec.port = port;
	assert_null(admin_start(&spec));
	admin_stop(&a);
	assert_null(a);
	admin_stop(&a);
	metrics_free(&m);
}

static void what_is_not_offered(void **state)
{
	struct admin_spec spec = { .bind = "127.0.0.1" };
	struct admin *a = admin_start(&spec);

	(void)state;
	assert_non_null(a);
	expect(admin_port(a), "GET /readyz", 200, JSON, "{}");
	expect(admin_port(a), "GET /metrics", 404, PROBLEM, NULL);
	expect(admin_port(a), "POST /audit", 404, PROBLEM, NULL);
	expect(admin_port(a), "GET /audit", 404, PROBLEM, NULL);
	expect(admin_port(a), "GET /more", 404, PROBLEM, NULL);
	admin_stop(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_calls),
		cmocka_unit_test(what_is_not_offered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
