/* router_app.h - a server with scratch handlers behind the router, for the tests of the router.
 *
 * lint: allow-long a fixture is code; each test program compiles its own copy, as libraries of tests know no layer.
 */
#ifndef MOA_TEST_ROUTER_APP_H
#define MOA_TEST_ROUTER_APP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <poll.h>
#include <stdatomic.h>

#include "shared/io/http.h"
#include "shared/svc/metrics.h"
#include "shared/svc/router.h"
#include "shared/svc/token.h"
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

static inline enum err list(struct request *rq, struct reply *rp)
{
	struct app *a = rq->app;

	atomic_fetch_add(&a->runs, 1);
	buf_printf(&rp->body, "{\"limit\":%u,\"before\":%u,\"caller\":%u,\"known\":%d}", rq->page.limit, rq->page.before, rq->caller_id,
		   rq->caller_known);
	return reply_done(rp);
}

static inline enum err one(struct request *rq, struct reply *rp)
{
	struct app *a = rq->app;

	atomic_fetch_add(&a->runs, 1);
	if (rq->path_id == 404)
		return ERR_NOT_FOUND;
	buf_printf(&rp->body, "{\"id\":%u,\"head\":%d}", rq->path_id, rq->head);
	return reply_done(rp);
}

static inline enum err add(struct request *rq, struct reply *rp)
{
	struct app *a = rq->app;

	atomic_fetch_add(&a->runs, 1);
	return rq->body_id == 404 ? ERR_NOT_FOUND : reply_empty(rp, 201);
}

static inline enum err outcome(struct request *rq, struct reply *rp)
{
	struct app *a = rq->app;

	atomic_fetch_add(&a->runs, 1);
	degraded_note(rq, "users", DEGRADED_NEVER_LOADED);
	degraded_note(rq, "alarms", 12);
	buf_add_str(&rp->body, "half an answer");
	return (enum err)atomic_load(&a->outcome);
}

static inline enum err too_much(struct request *rq, struct reply *rp)
{
	(void)rq;
	rp->body.limit = 10;
	buf_add_str(&rp->body, "more than ten bytes");
	return ERR_OK;
}

static inline enum err with_detail(struct request *rq, struct reply *rp)
{
	(void)rp;
	return request_fail(rq, ERR_UNAVAILABLE, "Not now.");
}

static inline enum err hold(struct request *rq, struct reply *rp)
{
	struct app *a = rq->app;

	atomic_fetch_add(&a->held, 1);
	AWAIT(!atomic_load(&a->hold));
	return reply_empty(rp, 200);
}

/* Answers with the facts that were understood, and makes one of each kind. */
static inline enum err facts(struct request *rq, struct reply *rp)
{
	char text[16384];

	buf_add(&rp->body, text, facts_write(&rq->facts, text, sizeof(text)));
	if (rq->head)
		return reply_done(rp);
	token_visit_made(rq, 7, 1700000000000001, SLICE_LIT("e-1"));
	token_laid(rq, FACT_VISITS, 3);
	return reply_done(rp);
}

static inline enum err write_and_fail(struct request *rq, struct reply *rp)
{
	(void)rp;
	token_alarm_made(rq, 50, true, 1700000000000001);
	return ERR_NO_MEMORY;
}

static const struct route routes[] = {
	{ .method = "GET", .path = "/", .run = list, .paged = true },
	{ .method = "POST", .path = "/", .run = add, .body_id = "item_id" },
	{ .method = "DELETE", .path = "/", .run = add, .body_id = "item_id" },
	{ .method = "GET", .path = "/{id}", .run = one },
	{ .method = "GET", .path = "/outcome", .run = outcome },
	{ .method = "POST", .path = "/outcome", .run = outcome },
	{ .method = "GET", .path = "/facts", .run = facts },
	{ .method = "POST", .path = "/facts", .run = write_and_fail },
	{ .method = "GET", .path = "/too_much", .run = too_much },
	{ .method = "GET", .path = "/with_detail", .run = with_detail },
	{ .method = "GET", .path = "/hold", .run = hold },
	{ .method = NULL },
};

/* "good": caller 7; "unknown": cannot be told; "down": no way to ask; anything else: nobody. */
static inline enum err auth(struct request *rq, struct slice token)
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

static inline int start(void **state)
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

static inline int stop(void **state)
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
static inline void ask(const struct app *a, const char *line, const char *headers, const char *body, struct client_answer *ans)
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
static inline void expect_with(const struct app *a, const char *line, const char *headers, const char *body, int status, const char *answer)
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

static inline void expect(const struct app *a, const char *line, int status, const char *answer)
{
	expect_with(a, line, GOOD, "", status, answer);
}

#endif
