/* client_test.c - the connection of a client between its exchanges: what it holds, how long it may be silent, and how it ends. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/session/stream.h"
#include "tests/unit/gateway/support/front.h"

#define CLOSING "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

static struct front t;

static void open_front(const char *fe)
{
	front_open(&t, &(struct front_text){ .fe = fe });
}

static void close_front(void)
{
	assert_true(front_settled(&t));
	front_close(&t);
}

static struct client *only_client(void)
{
	assert_true(front_await(&t, front_worker(&t)->first_client != NULL));
	assert_null(front_worker(&t)->first_client->next);
	return front_worker(&t)->first_client;
}

/* Microseconds until what is awaited on <fd>: an answer with <status>, or the end with 0. */
static int64_t time_until(int fd, int status)
{
	int64_t start_us = clock_mono_us();

	assert_int_equal(front_answer(&t, fd), status);
	return clock_mono_us() - start_us;
}

/* --- what it holds --- */

static void an_idle_one_holds_no_buffer(void **state)
{
	struct worker *w;
	int fd;

	(void)state;
	open_front(NULL);
	w = front_worker(&t);
	fd = front_connect(&t);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(only_client()->state, CLIENT_IDLE);
		assert_int_equal(pool_stats(w->clients).used, 1);
		assert_int_equal(pool_stats(w->buffers).used, 0);
		assert_int_equal(pool_stats(w->exchanges).used, 0);
		front_send(fd, FRONT_GET);
		assert_int_equal(front_answer(&t, fd), 200);
	}
	front_send(fd, "G");
	assert_true(front_await(&t, only_client()->state == CLIENT_BUSY));
	assert_int_equal(pool_stats(w->buffers).used, 1);
	close(fd);
	close_front();
}

/* --- silence --- */

static void silence_at_the_start(void **state)
{
	static const struct {
		const char *fe;
		int status;
	} cases[] = {
		{ " timeout http-request 60ms\n", 408 },
		{ " timeout client 60ms\n", 408 },
		{ " timeout http-request 60ms\n timeout client 20s\n timeout http-keep-alive 10ms\n", 408 },
		{ " timeout http-request 60ms\n option http-ignore-probes\n", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd;
		int64_t passed_us;

		open_front(cases[i].fe);
		fd = front_connect(&t);
		passed_us = time_until(fd, cases[i].status);
		assert_in_range(passed_us, 50 * 1000, 4 * 1000 * 1000);
		assert_true(front_closed(&t, fd));
		assert_int_equal(t.requests, 0);
		close(fd);
		close_front();
	}
}

static void silence_between_requests(void **state)
{
	static const char *const texts[] = {
		" timeout http-keep-alive 60ms\n timeout http-request 20s\n",
		" timeout http-request 60ms\n",
		" timeout client 60ms\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int fd;

		open_front(texts[i]);
		fd = front_connect(&t);
		front_send(fd, FRONT_GET);
		assert_int_equal(front_answer(&t, fd), 200);
		assert_in_range(time_until(fd, 0), 50 * 1000, 4 * 1000 * 1000); /* nothing is said: it is no error */
		close(fd);
		close_front();
	}
}

/* The time of a head counts from its first byte, not from its last. */
static void a_head_in_small_pieces_has_one_time(void **state)
{
	int64_t start_us = clock_mono_us();
	unsigned pieces = 0;
	int fd;

	(void)state;
	open_front(" timeout http-request 100ms\n");
	fd = front_connect(&t);
	front_send(fd, "GET / HTTP/1.1\r\nX: ");
	while (recv(fd, t.got, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && pieces < 100000) {
		if (clock_mono_us() - start_us >= 1000 * (int64_t)pieces) { /* not so many that the head is too large first */
			front_send(fd, "x");
			pieces++;
		}
		front_turn(&t);
	}
	assert_in_range(clock_mono_us() - start_us, 90 * 1000, 4 * 1000 * 1000);
	assert_true(pieces > 5);
	assert_int_equal(front_answer(&t, fd), 408);
	close(fd);
	close_front();
}

/* --- one request after the other --- */

static void requests_that_came_together_are_answered_in_turn(void **state)
{
	const char *at = t.got;
	int fd;

	(void)state;
	open_front(" http-request return status 201 content-type a/b string first if { path /1 }\n");
	fd = front_connect(&t);
	front_send(fd, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n" FRONT_POST FRONT_GET CLOSING);
	assert_true(front_await(&t, t.requests == 3 && only_client()->state == CLIENT_LINGERS));
	t.got[recv(fd, t.got, FRONT_BYTES, 0)] = '\0';
	for (size_t i = 0; i < 4; i++) {
		assert_memory_equal(at, i == 0 ? "HTTP/1.1 201" : "HTTP/1.1 200", 12);
		at = strstr(at, i == 0 ? "\r\n\r\nfirst" : "\r\n\r\nok");
		assert_non_null(at);
		at += i == 0 ? 9 : 6;
	}
	assert_string_equal(at, "");
	close(fd);
	close_front();
}

static void a_client_that_has_ended_its_sending_is_answered(void **state)
{
	int fd;

	(void)state;
	open_front(NULL);
	fd = front_connect(&t);
	front_send(fd, FRONT_GET);
	shutdown(fd, SHUT_WR);
	assert_int_equal(front_answer(&t, fd), 200);
	assert_true(front_closed(&t, fd));
	close(fd);
	close_front();
}

static void clients_that_leave_at_any_stage(void **state)
{
	static const char *const beginnings[] = { "", "GET", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab", FRONT_GET };
	struct linger reset = { .l_onoff = 1 };

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		int fd;

		open_front(i >= 4 ? " option http-buffer-request\n" : NULL);
		t.answer = NULL;
		fd = front_connect(&t);
		front_send(fd, beginnings[i % 4]);
		for (int n = 0; n < 5; n++)
			front_turn(&t);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd);
		close_front();
	}
}

/* --- the last answer is not lost --- */

/* A refused request whose body still comes: a close at once would make a reset, and that may overtake the answer. */
static void what_comes_behind_the_last_answer_is_thrown_away(void **state)
{
	static char much[30000];
	int fd;

	(void)state;
	open_front(" http-request deny deny_status 403\n");
	memset(much, 'x', sizeof(much) - 1);
	fd = front_connect(&t);
	front_send(fd, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n");
	for (int i = 0; i < 5; i++) {
		front_send(fd, much);
		front_turn(&t);
	}
	assert_int_equal(only_client()->state, CLIENT_LINGERS);
	assert_int_equal(pool_stats(front_worker(&t)->buffers).used, 0);
	assert_int_equal(front_answer(&t, fd), 403);
	assert_true(front_closed(&t, fd)); /* our sending has ended ... */
	assert_int_equal(only_client()->state, CLIENT_LINGERS);
	shutdown(fd, SHUT_WR); /* ... and now theirs */
	assert_true(front_await(&t, front_worker(&t)->first_client == NULL));
	close(fd);
	close_front();
}

/* For two seconds: then it is enough. */
static void nobody_lingers_for_ever(void **state)
{
	int64_t start_us;
	int fd;

	(void)state;
	open_front(NULL);
	fd = front_connect(&t);
	front_send(fd, CLOSING);
	assert_int_equal(front_answer(&t, fd), 200);
	assert_true(front_await(&t, only_client()->state == CLIENT_LINGERS));
	start_us = clock_mono_us();
	assert_true(front_await(&t, front_worker(&t)->first_client == NULL));
	assert_in_range(clock_mono_us() - start_us, 1900 * 1000, 4 * 1000 * 1000);
	close(fd);
	close_front();
}

/* --- rules for connections --- */

static void a_refused_connection_is_closed_and_counted(void **state)
{
	int fd;

	(void)state;
	open_front(" tcp-request connection reject\n");
	fd = front_connect(&t);
	front_send(fd, FRONT_GET);
	assert_int_equal(front_answer(&t, fd), 0);
	assert_int_equal(front_worker(&t)->frontends[console_proxy(&t.c, "fe")->index].denied_connections, 1);
	close(fd);
	close_front();
}

/* --- the end of the process --- */

static void stop_softly(void)
{
	atomic_store(&t.c.gateway->stopping, true);
	clients_stop(front_worker(&t), false);
}

static void a_soft_stop_leaves_idle_ones_a_second(void **state)
{
	int fds[2];

	(void)state;
	open_front(" timeout client 20s\n");
	for (int i = 0; i < 2; i++)
		fds[i] = front_connect(&t);
	front_send(fds[0], FRONT_GET); /* one has been used, the other not yet */
	assert_int_equal(front_answer(&t, fds[0]), 200);
	stop_softly();
	assert_in_range(time_until(fds[1], 0), 900 * 1000, 4 * 1000 * 1000); /* and no 408: it has done nothing wrong */
	assert_true(front_closed(&t, fds[0]));
	for (int i = 0; i < 2; i++)
		close(fds[i]);
	close_front();
}

static void in_that_second_a_request_is_served(void **state)
{
	int fd;

	(void)state;
	open_front(" timeout client 20s\n");
	fd = front_connect(&t);
	(void)only_client();
	stop_softly();
	front_send(fd, FRONT_GET);
	assert_int_equal(front_answer(&t, fd), 200);
	assert_non_null(strstr(t.got, "\r\nConnection: close\r\n"));
	assert_true(front_closed(&t, fd));
	close(fd);
	close_front();
}

/* option idle-close-on-response: the client is told with its next answer, however late that is. */
static void some_are_told_with_their_next_answer(void **state)
{
	int64_t start_us;
	int fd;

	(void)state;
	open_front(" timeout client 20s\n option idle-close-on-response\n");
	fd = front_connect(&t);
	(void)only_client();
	stop_softly();
	start_us = clock_mono_us();
	assert_true(front_await(&t, clock_mono_us() - start_us > 1200 * 1000));
	assert_int_equal(only_client()->state, CLIENT_IDLE);
	front_send(fd, FRONT_GET);
	assert_int_equal(front_answer(&t, fd), 200);
	assert_true(front_closed(&t, fd));
	close(fd);
	close_front();
}

static void an_end_at_once_closes_all(void **state)
{
	static const char *const sent[] = { "", "GET", FRONT_GET, FRONT_POST };
	int fds[4];

	(void)state;
	open_front(" timeout client 20s\n");
	t.answer = NULL;
	for (int i = 0; i < 4; i++) {
		fds[i] = front_connect(&t);
		front_send(fds[i], sent[i]);
	}
	assert_true(front_await(&t, t.requests == 2));
	clients_stop(front_worker(&t), true);
	assert_null(front_worker(&t)->first_client);
	for (int i = 0; i < 4; i++) {
		assert_true(front_closed(&t, fds[i]));
		close(fds[i]);
	}
	close_front();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_idle_one_holds_no_buffer),
		cmocka_unit_test(silence_at_the_start),
		cmocka_unit_test(silence_between_requests),
		cmocka_unit_test(a_head_in_small_pieces_has_one_time),
		cmocka_unit_test(requests_that_came_together_are_answered_in_turn),
		cmocka_unit_test(a_client_that_has_ended_its_sending_is_answered),
		cmocka_unit_test(clients_that_leave_at_any_stage),
		cmocka_unit_test(what_comes_behind_the_last_answer_is_thrown_away),
		cmocka_unit_test(nobody_lingers_for_ever),
		cmocka_unit_test(a_refused_connection_is_closed_and_counted),
		cmocka_unit_test(a_soft_stop_leaves_idle_ones_a_second),
		cmocka_unit_test(in_that_second_a_request_is_served),
		cmocka_unit_test(some_are_told_with_their_next_answer),
		cmocka_unit_test(an_end_at_once_closes_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
