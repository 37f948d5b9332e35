/* http_rest_test.c - bodies that are too large: when the answer comes, and what becomes of the connection. */
#include "tests/unit/io/http_app.h"

#include <sys/socket.h>

#include "shared/io/http_check.h"
#include "shared/io/http_exchange.h"

#define CHUNKED "Host: h\r\nTransfer-Encoding: chunked\r\n\r\n"
#define SLACK_US (2 * 1000000) /* for a busy machine */

/* One chunk of <len> bytes, appended. */
static void add_chunk(struct buf *b, size_t len)
{
	buf_printf(b, "%zx;x=y\r\n", len);
	for (size_t i = 0; i < len; i++)
		buf_add_char(b, 'x');
	buf_add_str(b, "\r\n");
}

/* ---- to the end: the connection is kept ---- */

/* A chunked body in many pieces, sent at once or byte by byte, then another request. */
static void chunks_to_the_end(struct client *c, const char *path, bool at_once)
{
	char expected[64];
	struct buf b;

	buf_init(&b, 0);
	buf_printf(&b, "POST %s HTTP/1.1\r\n" CHUNKED, path);
	for (int i = 0; i < 12; i++)
		add_chunk(&b, 100);
	buf_add_str(&b, "0\r\nX-Trailer: 1\r\n\r\n");
	for (size_t i = 0; i < b.len && !at_once; i++)
		client_send(c, b.ptr + i, 1);
	if (at_once)
		client_send(c, b.ptr, b.len);
	buf_free(&b);
	snprintf(expected, sizeof(expected), "POST %s||", path);
	expect(c, 413, expected);
	client_printf(c, "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok", path);
	snprintf(expected, sizeof(expected), "POST %s||ok", path);
	expect(c, 200, expected);
}

static void the_connection_is_kept(void **state)
{
	struct app *a = start_with(NULL);
	struct client c;

	(void)state;
	client_open(&c, a->port);
	for (int i = 0; i < 2; i++) {
		chunks_to_the_end(&c, "/loop", i == 0);
		chunks_to_the_end(&c, "/deferred", i == 0);
	}
	assert_int_equal(accepted(a), 1);
	client_close(&c);
	stop(a);
}

/* The requests behind it on the same connection are not taken for its body. */
static void pipelined_behind_it(void **state)
{
	struct app *a = start_with(NULL);
	struct buf b;
	struct client c;

	(void)state;
	buf_init(&b, 0);
	for (int i = 0; i < 2; i++) {
		buf_printf(&b, "POST /%s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%0*d", i == 0 ? "loop" : "deferred", BODY_LIMIT + 1,
			   BODY_LIMIT + 1, 0);
		buf_printf(&b, "POST /deferred HTTP/1.1\r\n" CHUNKED);
		add_chunk(&b, BODY_LIMIT + 1);
		buf_add_str(&b, "0\r\n\r\n");
	}
	client_open(&c, a->port);
	client_send(&c, b.ptr, b.len);
	buf_free(&b);
	for (int i = 0; i < 4; i++)
		expect(&c, 413, i == 0 ? "POST /loop||" : "POST /deferred||");
	assert_int_equal(accepted(a), 1);
	client_close(&c);
	stop(a);
}

/* It is judged like any other: without a free place that is 503, not 413. */
static void without_a_free_worker(void **state)
{
	struct app *a = start_with(NULL);
	struct client busy[2 + QUEUE], c;
	struct http_stats s;

	(void)state;
	for (int i = 0; i < 2 + QUEUE; i++) {
		client_open(&busy[i], a->port);
		client_printf(&busy[i], "GET /gate HTTP/1.1\r\nHost: h\r\n\r\n");
		if (i < 2)
			await_at_gate(a, i + 1);
	}
	do
		http_stats_get(a->server, &s);
	while (s.queued < QUEUE);
	client_open(&c, a->port);
	client_printf(&c, "POST /deferred HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%0*d", BODY_LIMIT + 1, BODY_LIMIT + 1, 0);
	expect(&c, 503, NULL);
	client_printf(&c, "POST /deferred HTTP/1.1\r\n" CHUNKED "%x\r\n%0*d\r\n0\r\n\r\n", BODY_LIMIT + 1, BODY_LIMIT + 1, 0);
	expect(&c, 503, NULL);
	open_gate(a);
	for (int i = 0; i < 2 + QUEUE; i++) {
		expect(&busy[i], 200, NULL);
		client_close(&busy[i]);
	}
	client_close(&c);
	stop(a);
}

/* ---- not to the end: the answer comes all the same, and the connection is closed ---- */

static void expect_cut(struct client *c, const char *body)
{
	bool head = body == NULL;
	struct client_answer ans;
	char space[256];

	assert_true(client_try_read(c, head, &ans));
	assert_int_equal(ans.status, 413);
	assert_string_equal(client_header(&ans, "Connection", space), "close");
	assert_string_equal(client_header(&ans, "Content-Type", space), "text/plain");
	assert_string_equal(client_header(&ans, "X-Seen", space), "kept");
	if (!head)
		assert_string_equal(ans.body, body);
	client_answer_free(&ans);
	assert_true(client_closed(c));
	client_close(c);
}

/* Sends a byte of the body each 20 ms until there is an answer. */
static void drip(struct client *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };

	do
		client_printf(c, "x");
	while (poll(&p, 1, 20) == 0);
}

static void stalling_clients(void **state)
{
	static const struct {
		const char *request, *answer;
	} cases[] = {
		{ "POST /deferred HTTP/1.1\r\nX-Give: kept\r\nHost: h\r\nContent-Length: 5000\r\n\r\n", "POST /deferred||" },
		{ "POST /loop?a=b HTTP/1.1\r\nX-Give: kept\r\nHost: h\r\nContent-Length: 5000\r\n\r\nsome", "POST /loop|a=b|" },
		{ "HEAD /deferred HTTP/1.1\r\nX-Give: kept\r\nHost: h\r\nContent-Length: 5000\r\n\r\n", NULL },
		{ "POST /deferred HTTP/1.1\r\nX-Give: kept\r\n" CHUNKED "1000\r\n%01001d", "POST /deferred||" },
		{ "POST /loop HTTP/1.1\r\nX-Give: kept\r\n" CHUNKED "1000\r\n%01001d", "POST /loop||" },
		{ "POST /deferred HTTP/1.1\r\nX-Give: kept\r\n" CHUNKED "3e9\r\n%01001d\r\n", "POST /deferred||" },
		{ "POST /loop HTTP/1.1\r\nX-Give: kept\r\n" CHUNKED "3e9\r\n%01001d\r\n0\r\nX-Trailer", "POST /loop||" },
	};
	enum { COUNT = sizeof(cases) / sizeof(cases[0]) };
	struct app any, *a;
	struct http_options o = options(&any);
	struct client clients[COUNT], dripping, ended;
	int64_t began = clock_mono_us();
	char request[2048];

	(void)state;
	o.queue = COUNT; /* all of them wait at once */
	a = start_with(&o);
	for (size_t i = 0; i < COUNT; i++) {
		const char *zeros = strstr(cases[i].request, "%0");
		int n = zeros == NULL ? (int)strlen(cases[i].request) : (int)(zeros - cases[i].request);

		snprintf(request, sizeof(request), "%.*s", n, cases[i].request);
		client_open(&clients[i], a->port);
		client_send(&clients[i], request, strlen(request));
		if (zeros != NULL)
			client_printf(&clients[i], "%01001d%s", 0, zeros + strlen("%01001d"));
	}
	client_open(&ended, a->port);
	client_printf(&ended, "POST /loop HTTP/1.1\r\nX-Give: kept\r\nHost: h\r\nContent-Length: 5000\r\n\r\nsome");
	shutdown(ended.fd, SHUT_WR);
	client_open(&dripping, a->port);
	client_printf(&dripping, "POST /deferred HTTP/1.1\r\nX-Give: kept\r\nHost: h\r\nContent-Length: 900000\r\n\r\n");
	drip(&dripping);
	expect_cut(&dripping, "POST /deferred||");
	expect_cut(&ended, "POST /loop||");
	for (size_t i = 0; i < COUNT; i++)
		expect_cut(&clients[i], cases[i].answer);
	assert_in_range(clock_mono_us() - began, HTTP_DISCARD_US, HTTP_DISCARD_US + SLACK_US);
	AWAIT(atomic_load(&a->dones) == COUNT + 2);
	assert_int_equal(atomic_load(&a->unanswered), 0);
	assert_int_equal(atomic_load(&a->last_status), 413);
	stop(a);
}

/* Up to the megabyte and no further. A reset may overtake the answer. */
static void endless_chunks(void **state)
{
	struct app *a = start_with(NULL);
	struct client_answer ans;
	size_t sent = 0;
	struct buf chunk;
	struct client c;

	(void)state;
	buf_init(&chunk, 0);
	add_chunk(&chunk, 4096);
	client_open(&c, a->port);
	client_printf(&c, "POST /deferred HTTP/1.1\r\n" CHUNKED);
	while (sent < 64u << 20 && client_try_send(&c, chunk.ptr, chunk.len))
		sent += chunk.len;
	assert_in_range(sent, HTTP_DISCARD_BYTES, (64u << 20) - 1);
	if (client_try_read(&c, false, &ans)) {
		assert_int_equal(ans.status, 413);
		client_answer_free(&ans);
	}
	assert_true(client_closed(&c));
	AWAIT(atomic_load(&a->dones) == 1);
	assert_int_equal(atomic_load(&a->works), 1); /* judged like others, so that a wrong path is a 404 */
	client_close(&c);
	buf_free(&chunk);
	stop(a);
}

/* Clients that are gone, before and after the judgement, leave nothing behind. */
static void clients_that_leave(void **state)
{
	static const char *const paths[] = { "/loop", "/deferred", "/gate" };
	struct app *a = start_with(NULL);
	struct linger hard = { .l_onoff = 1 };
	struct client c;

	(void)state;
	for (int i = 0; i < 6; i++) {
		client_open(&c, a->port);
		if (i % 2 == 0)
			assert_int_equal(setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
		client_printf(&c, "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: 5000\r\n\r\n", paths[i / 2]);
		if (i / 2 == 2)
			await_at_gate(a, i - 3);
		client_close(&c);
	}
	open_gate(a);
	AWAIT(atomic_load(&a->dones) == atomic_load(&a->requests));
	stop(a);
}

/* http_stop() does not wait for somebody who only has to send more. */
static void stop_does_not_wait(void **state)
{
	struct app *a = start_with(NULL);
	struct client first, second;
	int64_t began;

	(void)state;
	client_open(&first, a->port);
	client_printf(&first, "POST /deferred HTTP/1.1\r\nHost: h\r\nContent-Length: 5000\r\n\r\n");
	client_open(&second, a->port);
	client_printf(&second, "POST /loop HTTP/1.1\r\nHost: h\r\nContent-Length: 5000\r\n\r\n");
	AWAIT(atomic_load(&a->works) == 1 && atomic_load(&a->requests) == 2);
	began = clock_mono_us();
	stop(a);
	assert_in_range(clock_mono_us() - began, 0, HTTP_DISCARD_US / 2);
	client_close(&first);
	client_close(&second);
}

/* ---- an exchange by itself ---- */

static void taking_a_body(void **state)
{
	atomic_bool closing = false;
	struct http_exchange *x = exchange_create(NULL, 10, &closing);

	(void)state;
	assert_true(exchange_take_body(x, "01234", 5));
	assert_false(exchange_take_body(x, "012345", 6));
	assert_int_equal(http_body(x).len, 5);
	assert_true(exchange_take_body(x, "56789", 5));
	assert_int_equal(http_body(x).len, 10);
	assert_false(exchange_take_body(x, "0", 1));
	x->too_large = true;
	assert_int_equal(http_body(x).len, 0);
	exchange_reset(x);
	assert_false(http_body_too_large(x));
	assert_true(exchange_take_body(x, "0123456789", 10));
	exchange_free(&x);
	assert_null(x);
	exchange_free(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_connection_is_kept),
		cmocka_unit_test(pipelined_behind_it),
		cmocka_unit_test(without_a_free_worker),
		cmocka_unit_test(stalling_clients),
		cmocka_unit_test(endless_chunks),
		cmocka_unit_test(clients_that_leave),
		cmocka_unit_test(stop_does_not_wait),
		cmocka_unit_test(taking_a_body),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
