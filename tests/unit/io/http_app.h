/* http_app.h - a server with small handlers, for the tests of the HTTP server.
 *
 * lint: allow-long a fixture is code; each test program compiles its own copy, as libraries of tests know no layer.
 */
#ifndef MOA_TEST_HTTP_APP_H
#define MOA_TEST_HTTP_APP_H

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

#include "shared/base/clock.h"
#include "shared/io/http.h"
#include "tests/unit/support/http_client.h"

#define BODY_LIMIT 1000
#define QUEUE 4

/* What the handlers of the tests share. */
struct app {
	struct http_server *server;
	uint16_t port;
	atomic_int requests, works, dones, unanswered;
	atomic_int last_status;
	atomic_bool last_too_large, last_gone;
	/* The gate holds handlers of /gate until it is opened. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool open;
	int at_gate;
};

static inline void wait_at_gate(struct app *a)
{
	pthread_mutex_lock(&a->lock);
	a->at_gate++;
	pthread_cond_broadcast(&a->changed);
	while (!a->open)
		pthread_cond_wait(&a->changed, &a->lock);
	a->at_gate--;
	pthread_mutex_unlock(&a->lock);
}

static inline void open_gate(struct app *a)
{
	pthread_mutex_lock(&a->lock);
	a->open = true;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

static inline void await_at_gate(struct app *a, int count)
{
	pthread_mutex_lock(&a->lock);
	while (a->at_gate < count)
		pthread_cond_wait(&a->changed, &a->lock);
	pthread_mutex_unlock(&a->lock);
}

/* Repeats <condition> until it holds; a hang ends in the runner's limit. */
#define AWAIT(condition)                      \
	do {                                  \
		while (!(condition))          \
			poll(NULL, 0, 1);     \
	} while (0)

/* Answers with method, path, query and body. */
static inline void echo(struct http_exchange *x)
{
	struct buf b;

	buf_init(&b, 0);
	buf_add_slice(&b, http_method(x));
	buf_add_char(&b, ' ');
	buf_add_slice(&b, http_path(x));
	buf_add_char(&b, '|');
	buf_add_slice(&b, http_query(x));
	buf_add_char(&b, '|');
	buf_add_slice(&b, http_body(x));
	http_reply_header(x, "Content-Type", SLICE_LIT("text/plain"));
	http_reply_header(x, "X-Seen", http_header(x, "x-give"));
	http_reply_header(x, "X-Bad", SLICE_LIT("a\r\nX-Injected: 1"));
	http_reply(x, http_body_too_large(x) ? 413 : 200, &b);
}

static inline void on_request(void *ctx, struct http_exchange *x)
{
	struct app *a = ctx;
	struct buf none;

	atomic_fetch_add(&a->requests, 1);
	atomic_store(&a->last_too_large, http_body_too_large(x));
	assert_true(http_received_us(x) <= clock_mono_us());
	if (!slice_starts_with(http_path(x), SLICE_LIT("/deferred")) && !slice_starts_with(http_path(x), SLICE_LIT("/gate"))) {
		echo(x);
		return;
	}
	http_set_user(x, arena_alloc(http_arena(x), 16));
	if (http_defer(x) == ERR_OK)
		return;
	buf_init(&none, 0);
	http_reply(x, 503, &none);
}

static inline void on_work(void *ctx, struct http_exchange *x)
{
	struct app *a = ctx;

	atomic_fetch_add(&a->works, 1);
	assert_non_null(http_user(x));
	if (slice_starts_with(http_path(x), SLICE_LIT("/gate")))
		wait_at_gate(a);
	atomic_store(&a->last_gone, http_client_gone(x));
	echo(x);
}

static inline void on_done(void *ctx, struct http_exchange *x)
{
	struct app *a = ctx;

	if (http_reply_status(x) == 0)
		atomic_fetch_add(&a->unanswered, 1);
	atomic_store(&a->last_status, http_reply_status(x));
	atomic_fetch_add(&a->dones, 1);
}

static inline struct http_options options(struct app *a)
{
	return (struct http_options){
		.name = "test",
		.bind = "127.0.0.1",
		.io_threads = 1,
		.workers = 2,
		.queue = QUEUE,
		.body_limit = BODY_LIMIT,
		.connections = 100,
		.idle_timeout_s = 30,
		.on_request = on_request,
		.on_work = on_work,
		.on_done = on_done,
		.ctx = a,
	};
}

static inline struct app *start_with(const struct http_options *changes)
{
	struct app *a = calloc(1, sizeof(*a));
	struct http_options o = changes != NULL ? *changes : options(a);

	assert_non_null(a);
	o.ctx = a;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->changed, NULL);
	a->server = http_start(&o);
	assert_non_null(a->server);
	a->port = http_port(a->server);
	assert_int_not_equal(a->port, 0);
	return a;
}

static inline void stop(struct app *a)
{
	http_stop(&a->server, 5000);
	assert_null(a->server);
	assert_int_equal(atomic_load(&a->requests), atomic_load(&a->dones));
	pthread_cond_destroy(&a->changed);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

static inline uint64_t accepted(const struct app *a)
{
	struct http_stats s;

	http_stats_get(a->server, &s);
	return s.accepted;
}

/* Reads an answer and compares status and body. */
static inline void expect(struct client *c, int status, const char *body)
{
	struct client_answer a;

	client_read(c, &a);
	assert_int_equal(a.status, status);
	if (body != NULL)
		assert_string_equal(a.body, body);
	client_answer_free(&a);
}

#endif
