/* router_load_test.c - kept connections, a full queue, late and gone requests, the access log and the counters. */
#include "tests/unit/svc/router_app.h"

#include <unistd.h>

#include "shared/base/clock.h"

/* ---- under load ---- */

static uint64_t accepted(const struct app *a)
{
	struct http_stats s;

	http_stats_get(a->server, &s);
	return s.accepted;
}

static void one_connection_is_kept(void **state)
{
	struct app *a = *state;
	struct client_answer ans;
	struct client c;

	client_open(&c, a->port);
	for (int i = 0; i < 1000; i++) {
		if (i % 10 == 9)
			client_printf(&c, "POST / HTTP/1.1\r\nHost: h\r\n" GOOD "Content-Length: 14\r\n\r\n{\"item_id\":50}");
		else
			client_printf(&c, "GET /%s HTTP/1.1\r\nHost: h\r\n%s\r\n", i % 10 == 0 ? "x" : "5", i % 10 == 1 ? "" : GOOD);
		client_read(&c, &ans);
		assert_int_equal(ans.status, i % 10 == 9 ? 201 : i % 10 == 0 ? 400 : i % 10 == 1 ? 401 : 200);
		client_answer_free(&ans);
	}
	assert_int_equal(accepted(a), 1);
	client_close(&c);
}

static void hold_worker(struct app *a, struct client *c)
{
	atomic_store(&a->hold, true);
	client_open(c, a->port);
	client_printf(c, "GET /hold HTTP/1.1\r\nHost: h\r\n" GOOD "\r\n");
	AWAIT(atomic_load(&a->held) == 1);
}

static uint64_t queued(const struct app *a)
{
	struct http_stats s;

	http_stats_get(a->server, &s);
	return s.queued;
}

static void full_queue(void **state)
{
	struct app *a = *state;
	struct client held, waiting[QUEUE];
	struct client_answer ans;

	hold_worker(a, &held);
	for (unsigned i = 0; i < QUEUE; i++) {
		client_open(&waiting[i], a->port);
		client_printf(&waiting[i], "GET /1 HTTP/1.1\r\nHost: h\r\n" GOOD "\r\n");
		AWAIT(queued(a) == i + 1);
	}
	expect(a, "GET /2", 503, NULL);
	expect_with(a, "GET /2", "", "", 401, NULL);
	expect(a, "GET /a/b", 404, NULL);
	atomic_store(&a->hold, false);
	for (unsigned i = 0; i < QUEUE; i++) {
		client_read(&waiting[i], &ans);
		assert_int_equal(ans.status, 200);
		client_answer_free(&ans);
		client_close(&waiting[i]);
	}
	client_read(&held, &ans);
	client_answer_free(&ans);
	client_close(&held);
}

/* Requests that waited past their deadline, or whose client left meanwhile, are not run. */
static void late_and_gone_are_not_run(void **state)
{
	struct app *a = *state;
	struct client held, late, gone;
	struct client_answer ans;
	int64_t since;

	hold_worker(a, &held);
	client_open(&late, a->port);
	client_printf(&late, "GET /1 HTTP/1.1\r\nHost: h\r\n" GOOD "\r\n");
	AWAIT(queued(a) == 1);
	since = clock_mono_us();
	AWAIT(clock_mono_us() - since > (int64_t)(REQUEST_DEADLINE_MS - 500) * 1000);
	client_open(&gone, a->port);
	client_printf(&gone, "GET /1 HTTP/1.1\r\nHost: h\r\n" GOOD "\r\n");
	AWAIT(queued(a) == 2);
	client_close(&gone);
	AWAIT(clock_mono_us() - since > (int64_t)REQUEST_DEADLINE_MS * 1000);
	atomic_store(&a->hold, false);
	client_read(&held, &ans);
	assert_int_equal(ans.status, 200);
	client_answer_free(&ans);
	client_read(&late, &ans);
	assert_int_equal(ans.status, 503);
	assert_non_null(strstr(ans.body, err_detail(ERR_TIMEOUT)));
	client_answer_free(&ans);
	client_close(&late);
	client_close(&held);
	expect(a, "GET /1", 200, NULL); /* behind the gone one */
	assert_int_equal(atomic_load(&a->runs), 1);
	assert_int_equal(atomic_load(&a->auths), 2);
}

/* ---- log and metrics ---- */

/* Standard error of <line>'s request, freed by the caller. */
static char *log_of(struct app *a, const char *line, const char *headers)
{
	char *text = calloc(1, 8192);
	int kept = dup(2), pipes[2];
	struct client_answer ans;
	size_t len = 0;

	assert_non_null(text);
	assert_int_equal(pipe(pipes), 0);
	dup2(pipes[1], 2);
	close(pipes[1]);
	ask(a, line, headers, "secret body", &ans);
	client_answer_free(&ans);
	while (len < 8191 && memchr(text, '\n', len) == NULL) {
		ssize_t n = read(pipes[0], text + len, 8191 - len);

		assert_true(n > 0);
		len += (size_t)n;
	}
	dup2(kept, 2);
	close(kept);
	close(pipes[0]);
	return text;
}

static void has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no %s in %s", part, text);
}

static void access_line(void **state)
{
	struct app *a = *state;
	char *text = log_of(a, "GET /50?x=hidden",
			    GOOD "X-Request-Id: r-1\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n");

	has(text, " access ");
	has(text, "method=\"GET\"");
	has(text, "route=/{id}");
	has(text, "path=\"/50\"");
	has(text, "status=200");
	has(text, "error=ok");
	has(text, "bytes=18");
	has(text, "us=");
	has(text, "request_id=r-1");
	has(text, "trace=4bf92f3577b34da6a3ce929d0e0e4736");
	has(text, "peer=127.0.0.1");
	assert_null(strstr(text, "good"));
	assert_null(strstr(text, "secret"));
	free(text);
	text = log_of(a, "GET /a/b", "");
	has(text, "route=- ");
	has(text, "status=404");
	has(text, "error=no_route");
	has(text, "trace=- ");
	free(text);
}

static void counted(void **state)
{
	struct app *a = *state;
	struct buf b;

	expect(a, "GET /1", 200, NULL);
	expect(a, "HEAD /1", 200, NULL);
	expect(a, "GET /a/b", 404, NULL);
	http_stop(&a->server, 5000); /* all is counted by then */
	buf_init(&b, 0);
	metrics_print(a->metrics, &b);
	buf_add_char(&b, '\0');
	has(b.ptr, "moa_http_requests_total{route=\"/{id}\",method=\"GET\",code=\"200\"} 1\n");
	has(b.ptr, "moa_http_requests_total{route=\"/{id}\",method=\"HEAD\",code=\"200\"} 1\n");
	has(b.ptr, "moa_http_requests_total{route=\"other\",method=\"other\",code=\"404\"} 1\n");
	has(b.ptr, "moa_http_request_seconds_count{route=\"/{id}\",method=\"GET\"} 2\n");
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_connection_is_kept, start, stop),
		cmocka_unit_test_setup_teardown(full_queue, start, stop),
		cmocka_unit_test_setup_teardown(late_and_gone_are_not_run, start, stop),
		cmocka_unit_test_setup_teardown(access_line, start, stop),
		cmocka_unit_test_setup_teardown(counted, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
