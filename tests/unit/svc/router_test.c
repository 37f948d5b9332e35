/* router_test.c - routing, the order of the answers to wrong requests, and every form of answer, over a real server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/io/http.h"
#include "shared/svc/metrics.h"
#include "shared/svc/router.h"
#include "tests/unit/support/http_client.h"

#define BODY_LIMIT 100
#define QUEUE 2

#define AWAIT(condition)                  \
	do {                              \
		while (!(condition))      \
			poll(NULL, 0, 1); \
	} while (0)

struct app {
	struct http_server *server;
	struct router *router;
	struct metrics *metrics;
	uint16_t port;
	atomic_int runs, auths;
	atomic_int outcome;      /* enum err that /outcome returns */
	atomic_bool hold;        /* handlers of /hold wait while this is true */
	atomic_int held;
};

/* ---- handlers ---- */

static enum err list(struct request *rq, struct reply *rp)
{
	struct app *a = rq->app;

	atomic_fetch_add(&a->runs, 1);
	buf_printf(&rp->body, "{\"limit\":%u,\"before\":%u,\"caller\":%u,\"known\":%d}", rq->page.limit, rq->page.before, rq->caller_id,
		   rq->caller_known);
	return reply_done(rp);
}

static enum err one(struct request *rq, struct reply *rp)
{
	struct app *a = rq->app;

	atomic_fetch_add(&a->runs, 1);
	if (rq->path_id == 404)
		return ERR_NOT_FOUND;
	buf_printf(&rp->body, "{\"id\":%u,\"head\":%d}", rq->path_id, rq->head);
	return reply_done(rp);
}

static enum err add(struct request *rq, struct reply *rp)
{
	struct app *a = rq->app;

	atomic_fetch_add(&a->runs, 1);
	return rq->body_id == 404 ? ERR_NOT_FOUND : reply_empty(rp, 201);
}

static enum err outcome(struct request *rq, struct reply *rp)
{
	struct app *a = rq->app;

	atomic_fetch_add(&a->runs, 1);
	degraded_note(rq, "users", DEGRADED_NEVER_LOADED);
	degraded_note(rq, "alarms", 12);
	buf_add_str(&rp->body, "half an answer");
	return (enum err)atomic_load(&a->outcome);
}

static enum err too_much(struct request *rq, struct reply *rp)
{
	(void)rq;
	rp->body.limit = 10;
	buf_add_str(&rp->body, "more than ten bytes");
	return ERR_OK;
}

static enum err with_detail(struct request *rq, struct reply *rp)
{
	(void)rp;
	return request_fail(rq, ERR_UNAVAILABLE, "Not now.");
}

static enum err hold(struct request *rq, struct reply *rp)
{
	struct app *a = rq->app;

	atomic_fetch_add(&a->held, 1);
	AWAIT(!atomic_load(&a->hold));
	return reply_empty(rp, 200);
}

static const struct route routes[] = {
	{ .method = "GET", .path = "/", .run = list, .paged = true },
	{ .method = "POST", .path = "/", .run = add, .body_id = "item_id" },
	{ .method = "DELETE", .path = "/", .run = add, .body_id = "item_id" },
	{ .method = "GET", .path = "/{id}", .run = one },
	{ .method = "GET", .path = "/outcome", .run = outcome },
	{ .method = "POST", .path = "/outcome", .run = outcome },
	{ .method = "GET", .path = "/too_much", .run = too_much },
	{ .method = "GET", .path = "/with_detail", .run = with_detail },
	{ .method = "GET", .path = "/hold", .run = hold },
	{ .method = NULL },
};

/* "good": caller 7; "unknown": cannot be told; "down": no way to ask; anything else: nobody. */
static enum err auth(struct request *rq, struct slice token)
{
	struct app *a = rq->app;

	atomic_fetch_add(&a->auths, 1);
	if (slice_eq(token, SLICE_LIT("down")))
		return ERR_NOT_LOADED;
	if (slice_eq(token, SLICE_LIT("unknown")))
		return ERR_OK;
	if (!slice_eq(token, SLICE_LIT("good")))
		return ERR_UNAUTHORIZED;
	rq->caller_known = true;
	rq->caller_id = 7;
	return ERR_OK;
}

static int start(void **state)
{
	struct app *a = calloc(1, sizeof(*a));
	struct router_spec spec = { .routes = routes, .auth = auth, .app = a, .access_log = true };
	struct http_options o = {
		.name = "test",
		.bind = "127.0.0.1",
		.io_threads = 1,
		.workers = 1,
		.queue = QUEUE,
		.body_limit = BODY_LIMIT,
		.connections = 100,
		.idle_timeout_s = 30,
	};

	assert_non_null(a);
	a->metrics = metrics_create();
	spec.metrics = a->metrics;
	a->router = router_create(&spec);
	router_attach(a->router, &o);
	a->server = http_start(&o);
	assert_non_null(a->server);
	a->port = http_port(a->server);
	*state = a;
	return 0;
}

static int stop(void **state)
{
	struct app *a = *state;

	http_stop(&a->server, 5000);
	router_free(&a->router);
	router_free(&a->router);
	metrics_free(&a->metrics);
	free(a);
	return 0;
}

/* One request on its own connection. <headers> end in \r\n each. */
static void ask(const struct app *a, const char *line, const char *headers, const char *body, struct client_answer *ans)
{
	struct client c;

	client_open(&c, a->port);
	client_printf(&c, "%s HTTP/1.1\r\nHost: h\r\n%sContent-Length: %zu\r\n\r\n%s", line, headers, strlen(body), body);
	if (strncmp(line, "HEAD", 4) == 0)
		client_read_head(&c, ans);
	else
		client_read(&c, ans);
	client_close(&c);
}

#define GOOD "USER-TOKEN: good\r\n"

/* Also checks what each answer of a status must carry. */
static void expect_with(const struct app *a, const char *line, const char *headers, const char *body, int status, const char *answer)
{
	struct client_answer ans;
	bool plain = status < 300 || (answer != NULL && strcmp(answer, "{}") == 0);
	char space[256];

	ask(a, line, headers, body, &ans);
	if (ans.status != status)
		fail_msg("%d, not %d, for %s: %s", ans.status, status, line, ans.body);
	if (answer != NULL)
		assert_string_equal(ans.body, answer);
	assert_string_equal(client_header(&ans, "Content-Type", space), plain ? "application/json" : "application/problem+json");
	assert_int_equal(client_header(&ans, "Retry-After", space) != NULL, status == 503);
	assert_int_equal(client_header(&ans, "Allow", space) != NULL, status == 405);
	assert_int_equal(client_header(&ans, "WWW-Authenticate", space) != NULL, status == 401);
	assert_non_null(client_header(&ans, "X-Request-Id", space));
	assert_null(client_header(&ans, "traceparent", space));
	client_answer_free(&ans);
}

static void expect(const struct app *a, const char *line, int status, const char *answer)
{
	expect_with(a, line, GOOD, "", status, answer);
}

/* ---- routing alone ---- */

static void matching(void **state)
{
	static const struct {
		const char *method, *path;
		enum err e;
		const char *pattern;
	} cases[] = {
		{ "GET", "/", ERR_OK, "/" },
		{ "HEAD", "/", ERR_OK, "/" },
		{ "DELETE", "/", ERR_OK, "/" },
		{ "PUT", "/", ERR_BAD_METHOD, "/" },
		{ "get", "/", ERR_BAD_METHOD, "/" },
		{ "GET", "/1", ERR_OK, "/{id}" },
		{ "GET", "/2147483647", ERR_OK, "/{id}" },
		{ "POST", "/1", ERR_BAD_METHOD, "/{id}" },
		{ "GET", "/outcome", ERR_OK, "/outcome" },
		{ "GET", "/outcome/", ERR_NO_ROUTE, NULL },
		{ "GET", "/1/", ERR_NO_ROUTE, NULL },
		{ "GET", "/1/2", ERR_NO_ROUTE, NULL },
		{ "GET", "//", ERR_NO_ROUTE, NULL },
		{ "GET", "/0", ERR_BAD_REQUEST, NULL },
		{ "GET", "/050", ERR_BAD_REQUEST, NULL },
		{ "GET", "/5.0", ERR_BAD_REQUEST, NULL },
		{ "GET", "/+5", ERR_BAD_REQUEST, NULL },
		{ "GET", "/1e2", ERR_BAD_REQUEST, NULL },
		{ "GET", "/2147483648", ERR_BAD_REQUEST, NULL },
		{ "GET", "/%31", ERR_BAD_REQUEST, NULL },
		{ "GET", "/{id}", ERR_BAD_REQUEST, NULL },
		{ "GET", "/Outcome", ERR_BAD_REQUEST, NULL },
		{ "POST", "/x", ERR_BAD_REQUEST, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct route *route = NULL;
		uint32_t id = 0;
		enum err e = router_match(routes, slice_str(cases[i].method), slice_str(cases[i].path), &route, &id);

		if (e != cases[i].e)
			fail_msg("%s %s: %s", cases[i].method, cases[i].path, err_name(e));
		if (cases[i].pattern != NULL)
			assert_string_equal(route->path, cases[i].pattern);
	}
}

static void matching_without_ids(void **state)
{
	static const struct route few[] = { { .method = "GET", .path = "/" }, { .method = "GET", .path = "/visit" }, { .method = NULL } };
	static const char *const unknown[] = { "/5", "/x", "/visit/", "/visits", "/{id}", "//" };
	const struct route *route;
	uint32_t id;

	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		assert_int_equal(router_match(few, SLICE_LIT("GET"), slice_str(unknown[i]), &route, &id), ERR_NO_ROUTE);
	assert_int_equal(router_match(few, SLICE_LIT("GET"), SLICE_LIT("/visit"), &route, &id), ERR_OK);
	assert_ptr_equal(route, &few[1]);
}

static void allow(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	router_allow(routes, "/", &b);
	assert_int_equal(b.len, 23);
	assert_memory_equal(b.ptr, "GET, HEAD, POST, DELETE", 23);
	buf_clear(&b);
	router_allow(routes, "/{id}", &b);
	assert_memory_equal(b.ptr, "GET, HEAD", 9);
	buf_free(&b);
}

/* ---- answers ---- */

static void good_answers(void **state)
{
	struct app *a = *state;

	expect(a, "GET /", 200, "{\"limit\":0,\"before\":0,\"caller\":7,\"known\":1}");
	expect(a, "GET /?limit=3&before=9&x", 200, "{\"limit\":3,\"before\":9,\"caller\":7,\"known\":1}");
	expect_with(a, "GET /", "user-token: unknown\r\n", "", 200, "{\"limit\":0,\"before\":0,\"caller\":0,\"known\":0}");
	expect(a, "GET /50", 200, "{\"id\":50,\"head\":0}");
	expect(a, "GET /50?limit=x", 200, "{\"id\":50,\"head\":0}");
	expect(a, "HEAD /50", 200, "");
	expect(a, "GET /404", 404, "{}");
	expect_with(a, "POST /", GOOD, "{\"item_id\":\"50\"}", 201, "{}");
	expect_with(a, "DELETE /", GOOD, "{\"item_id\":50}", 201, "{}");
	expect_with(a, "POST /", GOOD "Content-Type: text/plain\r\n", "{\"item_id\":404}", 404, "{}");
	assert_int_equal(atomic_load(&a->runs), 10);
}

static void problem_documents(void **state)
{
	struct app *a = *state;

	expect(a, "GET /a/b", 404,
	       "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,\"detail\":\"There is nothing at this path.\"}");
	expect(a, "GET /with_detail", 503,
	       "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,\"detail\":\"Not now.\"}");
	expect(a, "GET /too_much", 503, NULL);
	expect(a, "HEAD /a/b", 404, "");
}

/* Each step is reached only when those before it are content. */
static void order_of_checks(void **state)
{
	static const char large[] = "{\"item_id\":\"50\",\"padding\":\"........................................................................................\"}";
	struct app *a = *state;

	expect_with(a, "PUT /a/b", "", large, 404, NULL);
	expect_with(a, "PUT /050", "", large, 400, NULL);
	expect_with(a, "PUT /", "", large, 405, NULL);
	expect_with(a, "POST /50", "", large, 405, NULL);
	expect_with(a, "POST /", "", large, 401, NULL);
	expect_with(a, "POST /", "USER-TOKEN:\r\n", large, 401, NULL);
	assert_int_equal(atomic_load(&a->auths), 0);
	expect_with(a, "POST /", "USER-TOKEN: nobody\r\n", large, 401, NULL);
	assert_int_equal(atomic_load(&a->auths), 1);
	expect_with(a, "POST /", GOOD, large, 413, NULL);
	expect_with(a, "GET /", GOOD, large, 413, NULL);
	expect_with(a, "POST /", "USER-TOKEN: down\r\n", large, 413, NULL);
	expect_with(a, "POST /", "USER-TOKEN: down\r\n", "{}", 400, NULL);
	expect_with(a, "GET /?limit=0", "USER-TOKEN: down\r\n", "", 400, NULL);
	expect_with(a, "POST /", "USER-TOKEN: down\r\n", "{\"item_id\":1}", 503, NULL);
	expect_with(a, "POST /", GOOD, "", 400, NULL);
	expect_with(a, "POST /", GOOD, "{\"item_id\":\"050\"}", 400, NULL);
	assert_int_equal(atomic_load(&a->runs), 0);
}

static void allow_header(void **state)
{
	struct app *a = *state;
	struct client_answer ans;
	char space[256];

	ask(a, "PATCH /", "", "", &ans);
	assert_int_equal(ans.status, 405);
	assert_string_equal(client_header(&ans, "Allow", space), "GET, HEAD, POST, DELETE");
	client_answer_free(&ans);
	ask(a, "DELETE /visit", "", "", &ans);
	assert_int_equal(ans.status, 400);
	client_answer_free(&ans);
	ask(a, "OPTIONS /1", "", "", &ans);
	assert_string_equal(client_header(&ans, "Allow", space), "GET, HEAD");
	client_answer_free(&ans);
}

static void every_error(void **state)
{
	struct app *a = *state;

	for (int e = ERR_OK; e < ERR_COUNT; e++) {
		struct client_answer ans;
		char space[256];

		atomic_store(&a->outcome, e);
		ask(a, "POST /outcome", GOOD, "", &ans);
		assert_int_equal(ans.status, err_status((enum err)e));
		assert_string_equal(client_header(&ans, "Degraded", space), "alarms;age=12, users");
		if (e == ERR_OK)
			assert_string_equal(ans.body, "half an answer");
		else if (e == ERR_NOT_FOUND)
			assert_string_equal(ans.body, "{}");
		else
			assert_non_null(strstr(ans.body, err_detail((enum err)e)));
		client_answer_free(&ans);
	}
}

static void request_id_and_trace(void **state)
{
	struct app *a = *state;
	struct client_answer ans;
	char first[256], space[256];

	ask(a, "GET /1", GOOD "X-Request-Id: mine-1\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n", "", &ans);
	assert_string_equal(client_header(&ans, "X-Request-Id", space), "mine-1");
	assert_non_null(client_header(&ans, "traceparent", space));
	assert_int_equal(strlen(space), 55);
	assert_memory_equal(space, "00-4bf92f3577b34da6a3ce929d0e0e4736-", 36);
	assert_memory_not_equal(space + 36, "00f067aa0ba902b7", 16);
	assert_string_equal(space + 52, "-01");
	assert_null(client_header(&ans, "Degraded", space));
	client_answer_free(&ans);
	ask(a, "GET /1", GOOD "X-Request-Id: not sane\r\ntraceparent: 00-x\r\n", "", &ans);
	assert_non_null(client_header(&ans, "X-Request-Id", first));
	assert_int_equal(strlen(first), CLOCK_UUID_LEN);
	assert_null(client_header(&ans, "traceparent", space));
	client_answer_free(&ans);
	ask(a, "GET /a/b", "", "", &ans);
	assert_non_null(client_header(&ans, "X-Request-Id", space));
	assert_string_not_equal(first, space);
	client_answer_free(&ans);
}

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
		cmocka_unit_test(matching),
		cmocka_unit_test(matching_without_ids),
		cmocka_unit_test(allow),
		cmocka_unit_test_setup_teardown(good_answers, start, stop),
		cmocka_unit_test_setup_teardown(problem_documents, start, stop),
		cmocka_unit_test_setup_teardown(order_of_checks, start, stop),
		cmocka_unit_test_setup_teardown(allow_header, start, stop),
		cmocka_unit_test_setup_teardown(every_error, start, stop),
		cmocka_unit_test_setup_teardown(request_id_and_trace, start, stop),
		cmocka_unit_test_setup_teardown(one_connection_is_kept, start, stop),
		cmocka_unit_test_setup_teardown(full_queue, start, stop),
		cmocka_unit_test_setup_teardown(late_and_gone_are_not_run, start, stop),
		cmocka_unit_test_setup_teardown(access_line, start, stop),
		cmocka_unit_test_setup_teardown(counted, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
