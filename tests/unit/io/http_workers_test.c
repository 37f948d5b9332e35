/* http_workers_test.c - the HTTP server over real sockets: workers, a full queue, clients that leave, start and stop. */
#include "tests/unit/io/http_app.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "shared/io/listen.h"

/* ---- workers ---- */

static void full_queue_is_told_at_once(void **state)
{
	struct app *a = start_with(NULL);
	struct client busy[2 + QUEUE], c;
	struct http_stats s;

	(void)state;
	for (int i = 0; i < 2 + QUEUE; i++) {
		client_open(&busy[i], a->port);
		client_printf(&busy[i], "GET /gate/%d HTTP/1.1\r\nHost: h\r\n\r\n", i);
		if (i < 2)
			await_at_gate(a, i + 1);
	}
	AWAIT(atomic_load(&a->requests) == 2 + QUEUE);
	http_stats_get(a->server, &s);
	assert_int_equal(s.queued, QUEUE);
	client_open(&c, a->port);
	for (int i = 0; i < 3; i++) {
		client_printf(&c, "GET /deferred HTTP/1.1\r\nHost: h\r\n\r\n");
		expect(&c, 503, "");
	}
	assert_int_equal(atomic_load(&a->works), 2);
	client_printf(&c, "GET /loop HTTP/1.1\r\nHost: h\r\n\r\n"); /* the loop is free meanwhile */
	expect(&c, 200, "GET /loop||");
	open_gate(a);
	for (int i = 0; i < 2 + QUEUE; i++) {
		expect(&busy[i], 200, NULL);
		client_close(&busy[i]);
	}
	client_close(&c);
	stop(a);
}

static void gone_client_is_noticed(void **state)
{
	struct app *a = start_with(NULL);
	struct client c;

	(void)state;
	client_open(&c, a->port);
	client_printf(&c, "GET /gate HTTP/1.1\r\nHost: h\r\n\r\n");
	await_at_gate(a, 1);
	client_close(&c);
	open_gate(a);
	AWAIT(atomic_load(&a->dones) == 1);
	assert_true(atomic_load(&a->last_gone));
	client_open(&c, a->port);
	client_printf(&c, "GET /deferred HTTP/1.1\r\nHost: h\r\n\r\n");
	expect(&c, 200, NULL);
	assert_false(atomic_load(&a->last_gone));
	client_close(&c);
	stop(a);
}

#define STORM_CLIENTS 8
#define STORM_REQUESTS 200

static void *storm_client(void *arg)
{
	const struct app *a = arg;
	char expected[64];
	struct client c;

	client_open(&c, a->port);
	for (int i = 0; i < STORM_REQUESTS; i++) {
		struct client_answer ans;

		client_printf(&c, "POST /%s/%d HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", i % 4 != 0 ? "deferred" : "loop", i);
		client_read(&c, &ans);
		snprintf(expected, sizeof(expected), "POST /%s/%d||abc", i % 4 != 0 ? "deferred" : "loop", i);
		if (ans.status != 503 && strcmp(ans.body, expected) != 0)
			abort();
		client_answer_free(&ans);
		if (i % 50 == 49) { /* leaves with a request under way */
			client_printf(&c, "GET /deferred HTTP/1.1\r\nHost: h\r\n\r\n");
			client_close(&c);
			client_open(&c, a->port);
		}
	}
	client_close(&c);
	return NULL;
}

static void storm(void **state)
{
	struct app any = { 0 };
	struct http_options o = options(&any);
	pthread_t threads[STORM_CLIENTS];
	struct app *a;

	(void)state;
	o.io_threads = 2;
	o.workers = 4;
	a = start_with(&o);
	for (int i = 0; i < STORM_CLIENTS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, storm_client, a), 0);
	for (int i = 0; i < STORM_CLIENTS; i++)
		pthread_join(threads[i], NULL);
	assert_true(atomic_load(&a->works) > 0);
	stop(a);
}

/* ---- start and stop ---- */

static void *stop_in_background(void *arg)
{
	struct app *a = arg;

	http_stop(&a->server, 5000);
	return NULL;
}

static void stop_lets_requests_finish(void **state)
{
	struct app *a = start_with(NULL);
	struct client running, waiting[2], idle;
	struct client_answer ans;
	pthread_t thread;
	char space[256];

	(void)state;
	client_open(&idle, a->port);
	client_printf(&idle, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
	expect(&idle, 200, NULL);
	client_open(&running, a->port);
	client_printf(&running, "GET /gate HTTP/1.1\r\nHost: h\r\n\r\n");
	await_at_gate(a, 1);
	for (int i = 0; i < 2; i++) {
		client_open(&waiting[i], a->port);
		client_printf(&waiting[i], "GET /gate HTTP/1.1\r\nHost: h\r\n\r\n");
	}
	AWAIT(atomic_load(&a->requests) == 4);
	assert_int_equal(pthread_create(&thread, NULL, stop_in_background, a), 0);
	AWAIT(!client_can_connect(a->port));
	client_printf(&idle, "GET /late HTTP/1.1\r\nHost: h\r\n\r\n"); /* a kept connection is still served, and closed */
	client_read(&idle, &ans);
	assert_int_equal(ans.status, 200);
	assert_string_equal(client_header(&ans, "Connection", space), "close");
	client_answer_free(&ans);
	assert_true(client_closed(&idle));
	open_gate(a);
	client_read(&running, &ans);
	assert_int_equal(ans.status, 200);
	assert_string_equal(client_header(&ans, "Connection", space), "close");
	client_answer_free(&ans);
	for (int i = 0; i < 2; i++) {
		expect(&waiting[i], 200, "GET /gate||");
		client_close(&waiting[i]);
	}
	pthread_join(thread, NULL);
	client_close(&running);
	client_close(&idle);
	stop(a);
}

static void *open_gate_later(void *arg)
{
	struct app *a = arg;

	AWAIT(!client_can_connect(a->port));
	poll(NULL, 0, 500); /* longer than the draining below may take: what waits is dropped by then */
	open_gate(a);
	return NULL;
}

static void stop_drops_what_waits_too_long(void **state)
{
	struct app *a = start_with(NULL);
	struct client clients[4];
	pthread_t thread;

	(void)state;
	for (int i = 0; i < 4; i++) {
		client_open(&clients[i], a->port);
		client_printf(&clients[i], "GET /gate HTTP/1.1\r\nHost: h\r\n\r\n");
	}
	await_at_gate(a, 2);
	AWAIT(atomic_load(&a->requests) == 4);
	assert_int_equal(pthread_create(&thread, NULL, open_gate_later, a), 0);
	http_stop(&a->server, 1);
	pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&a->works), 2);
	assert_int_equal(atomic_load(&a->dones), 4);
	assert_true(atomic_load(&a->unanswered) >= 2);
	for (int i = 0; i < 4; i++)
		client_close(&clients[i]);
	stop(a);
}

static void idle_connections_are_closed(void **state)
{
	struct app any = { 0 };
	struct http_options o = options(&any);
	struct http_stats s;
	struct client c;
	struct app *a;

	(void)state;
	o.idle_timeout_s = 1;
	a = start_with(&o);
	client_open(&c, a->port);
	client_printf(&c, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
	expect(&c, 200, NULL);
	http_stats_get(a->server, &s);
	assert_int_equal(s.open, 1);
	assert_true(client_closed(&c));
	client_close(&c);
	do {
		http_stats_get(a->server, &s);
	} while (s.open != 0);
	stop(a);
}

static void port_taken_or_wrong_address(void **state)
{
	struct app *a = start_with(NULL);
	struct http_options o = options(a);

	(void)state;
	o.port = a->port;
	assert_null(http_start(&o));
	o.port = 0;
	o.bind = "localhost";
	assert_null(http_start(&o));
	o.bind = "203.0.113.1";
	assert_null(http_start(&o));
	stop(a);
}

static void ipv6(void **state)
{
	static const char *const binds[] = { "::1", "::" };
	struct app any = { 0 };
	struct http_options o = options(&any);
	struct client c;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct app *a;

		o.bind = binds[i];
		a = start_with(&o);
		client_open_at(&c, "::1", a->port);
		client_printf(&c, "GET /deferred HTTP/1.1\r\nHost: h\r\n\r\n");
		expect(&c, 200, NULL);
		client_close(&c);
		assert_int_equal(client_can_connect(a->port), i == 1);
		stop(a);
	}
}

static void without_workers(void **state)
{
	struct app any = { 0 };
	struct http_options o = options(&any);
	struct client c;
	struct app *a;

	(void)state;
	o.workers = 0;
	a = start_with(&o);
	client_open(&c, a->port);
	client_printf(&c, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
	expect(&c, 200, NULL);
	client_printf(&c, "GET /deferred HTTP/1.1\r\nHost: h\r\n\r\n");
	expect(&c, 503, NULL);
	client_close(&c);
	stop(a);
}

static void addresses(void **state)
{
	static const char *const texts[][2] = { { "127.0.0.1", "127.0.0.1" }, { "::1", "::1" }, { "::ffff:10.0.0.1", "10.0.0.1" } };
	char out[LISTEN_ADDRESS_SIZE];

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
		struct sockaddr_in in = { .sin_family = AF_INET };

		if (inet_pton(AF_INET, texts[i][0], &in.sin_addr) == 1)
			listen_address((struct sockaddr *)&in, out);
		else if (inet_pton(AF_INET6, texts[i][0], &in6.sin6_addr) == 1)
			listen_address((struct sockaddr *)&in6, out);
		assert_string_equal(out, texts[i][1]);
	}
	listen_address(NULL, out);
	assert_string_equal(out, "-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_queue_is_told_at_once),
		cmocka_unit_test(gone_client_is_noticed),
		cmocka_unit_test(storm),
		cmocka_unit_test(stop_lets_requests_finish),
		cmocka_unit_test(stop_drops_what_waits_too_long),
		cmocka_unit_test(idle_connections_are_closed),
		cmocka_unit_test(port_taken_or_wrong_address),
		cmocka_unit_test(ipv6),
		cmocka_unit_test(without_workers),
		cmocka_unit_test(addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
