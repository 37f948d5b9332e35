/* upstream_test.c - which connections to a server are used again, by whom, how often, and which are closed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/model/state.h"
#include "gateway/session/upstream.h"
#include "tests/unit/gateway/support/front.h"

static struct front t;

static struct server *server(void)
{
	return console_server(&t.c, "be", "s");
}

static unsigned idle(void)
{
	return atomic_load(&server()->idle);
}

/* <be>, <options>: lines of the backend, words of its server. */
static void open_front(const char *be, const char *options)
{
	front_open(&t, &(struct front_text){ .be = be, .server = options });
}

static void close_front(void)
{
	assert_true(front_settled(&t));
	front_close(&t);
}

/* One more request on the client's connection <fd>. */
static void ask_on(int fd)
{
	front_send(fd, FRONT_GET);
	assert_int_equal(front_answer(&t, fd), 200);
}

/* How many connections the origin has seen after each request of three clients: A's two, B's two, C's first. All clients stay. */
static void modes_of_reuse(void **state)
{
	static const struct {
		const char *be;
		unsigned seen[5];
	} cases[] = {
		{ " http-reuse never\n", { 1, 1, 2, 2, 3 } },
		{ " http-reuse safe\n", { 1, 1, 2, 2, 3 } },
		{ " http-reuse aggressive\n", { 1, 1, 1, 1, 1 } },
		{ " http-reuse always\n", { 1, 1, 1, 1, 1 } },
		{ "", { 1, 1, 2, 2, 3 } }, /* safe */
	};
	static const int who[5] = { 0, 0, 1, 1, 2 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fds[3] = { -1, -1, -1 };

		open_front(cases[i].be, NULL);
		for (int n = 0; n < 5; n++) {
			if (fds[who[n]] < 0)
				fds[who[n]] = front_connect(&t);
			ask_on(fds[who[n]]);
			assert_int_equal(t.accepted, cases[i].seen[n]);
		}
		assert_int_equal(t.requests, 5);
		for (int n = 0; n < 3; n++)
			close(fds[n]);
		close_front();
	}
}

/* Aggressive lends a first request only a connection that has served twice; always lends any. */
static void first_requests_need_a_proven_connection(void **state)
{
	static const struct {
		const char *be;
		unsigned connections;
	} cases[] = { { " http-reuse aggressive\n", 2 }, { " http-reuse always\n", 1 } };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		open_front(cases[i].be, NULL);
		assert_int_equal(front_ask(&t, FRONT_GET), 200);
		assert_int_equal(front_ask(&t, FRONT_GET), 200);
		assert_int_equal(t.accepted, cases[i].connections);
		close_front();
	}
}

static void what_only_one_client_uses_goes_with_it(void **state)
{
	int fd;

	(void)state;
	open_front(" http-reuse never\n", NULL);
	fd = front_connect(&t);
	ask_on(fd);
	assert_int_equal(front_open_peers(&t), 1);
	assert_int_equal(idle(), 0); /* it is not among those that all may use */
	close(fd);
	assert_true(front_await(&t, front_open_peers(&t) == 0));
	close_front();
}

static void a_connection_has_so_many_uses(void **state)
{
	static const struct {
		const char *options;
		unsigned requests, connections;
	} cases[] = { { "max-reuse 0", 3, 3 }, { "max-reuse 1", 4, 2 }, { "max-reuse 2", 7, 3 }, { "max-reuse -1", 7, 1 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd;

		open_front(NULL, cases[i].options);
		fd = front_connect(&t);
		for (unsigned n = 0; n < cases[i].requests; n++)
			ask_on(fd);
		assert_int_equal(t.accepted, cases[i].connections);
		close(fd);
		close_front();
	}
}

static void so_many_are_kept(void **state)
{
	static const struct {
		const char *options;
		unsigned kept;
	} cases[] = { { "pool-max-conn 0", 0 }, { "pool-max-conn 2", 2 }, { "", 4 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fds[4];

		open_front(NULL, cases[i].options);
		t.answer = NULL;
		for (int n = 0; n < 4; n++) {
			fds[n] = front_connect(&t);
			front_send(fds[n], FRONT_GET);
		}
		assert_true(front_await(&t, t.requests == 4));
		for (int n = 0; n < 4; n++)
			front_say(&t.peers[n], FRONT_OK);
		for (int n = 0; n < 4; n++)
			assert_int_equal(front_answer(&t, fds[n]), 200);
		assert_int_equal(idle(), cases[i].kept);
		assert_true(front_await(&t, front_open_peers(&t) == cases[i].kept));
		for (int n = 0; n < 4; n++)
			close(fds[n]);
		close_front();
	}
}

/* --- idle ones that are of no use --- */

static void what_the_server_closes_is_gone(void **state)
{
	static const char *const modes[] = { " http-reuse safe\n", " http-reuse never\n" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		int fd;

		open_front(modes[i], NULL);
		fd = front_connect(&t);
		ask_on(fd);
		front_hang_up(&t.peers[0]);
		assert_true(front_await(&t, atomic_load(&server()->connections) == 0));
		assert_int_equal(idle(), 0);
		ask_on(fd);
		assert_int_equal(t.accepted, 2);
		close(fd);
		close_front();
	}
}

/* It speaks between two requests: that must not be taken for the answer to the next. Noticed by its event, and also when the request comes
 * in the same round. */
static void what_the_server_says_unasked_is_not_an_answer(void **state)
{
	static const char unasked[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong";
	static const char *const modes[] = { " http-reuse safe\n", " http-reuse never\n" };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		int fd;

		open_front(modes[i / 2], NULL);
		fd = front_connect(&t);
		ask_on(fd);
		if (i % 2 == 1)
			front_send(fd, FRONT_GET); /* its event comes first */
		front_say(&t.peers[0], unasked);
		if (i % 2 == 0) {
			assert_true(front_await(&t, atomic_load(&server()->connections) == 0));
			front_send(fd, FRONT_GET);
		}
		assert_int_equal(front_answer(&t, fd), 200);
		assert_null(strstr(t.got, "wrong"));
		assert_int_equal(t.accepted, 2);
		close(fd);
		close_front();
	}
}

/* More than the answer: nobody knows what the rest is. */
static void an_answer_with_something_behind_it(void **state)
{
	int fd;

	(void)state;
	open_front(NULL, NULL);
	t.answer = FRONT_OK "HTTP/1.1 200 OK\r\n";
	fd = front_connect(&t);
	ask_on(fd);
	assert_string_equal(strstr(t.got, "\r\n\r\n"), "\r\n\r\nok");
	assert_true(front_await(&t, front_open_peers(&t) == 0));
	t.answer = FRONT_OK;
	ask_on(fd);
	assert_int_equal(t.accepted, 2);
	close(fd);
	close_front();
}

/* The server closed it just as it was used again: the request goes out once more, unless that might do something twice. */
static void closed_just_as_it_was_used(void **state)
{
	static const char post[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
	int fd;

	(void)state;
	open_front(NULL, NULL);
	fd = front_connect(&t);
	ask_on(fd);
	t.answer = "";
	t.closes = true;
	front_send(fd, FRONT_GET);
	assert_true(front_await(&t, t.requests == 2)); /* it has read it, and closed */
	t.answer = FRONT_OK;
	t.closes = false;
	assert_int_equal(front_answer(&t, fd), 200);
	assert_int_equal(t.requests, 3);
	t.answer = "";
	t.closes = true;
	front_send(fd, post);
	assert_int_equal(front_answer(&t, fd), 502);
	assert_int_equal(t.requests, 4);
	close(fd);
	close_front();
}

/* --- servers that change --- */

static void one_that_has_moved_is_asked_at_its_new_address(void **state)
{
	static const char *const modes[] = { " http-reuse safe\n", " http-reuse never\n" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		unsigned port;
		int fd, other = console_listen(&port);
		struct server_address to;

		open_front(modes[i], NULL);
		fd = front_connect(&t);
		ask_on(fd);
		to = *atomic_load(&server()->address);
		((struct sockaddr_in *)&to.sa)->sin_port = htons((uint16_t)port);
		server_set_address(t.c.gateway, server(), (const struct sockaddr *)&to.sa, to.len);
		close(t.origin);
		t.origin = other; /* the origin is there now */
		fcntl(other, F_SETFL, O_NONBLOCK);
		ask_on(fd);
		assert_int_equal(t.accepted, 2);
		assert_true(front_await(&t, front_open_peers(&t) == 1)); /* the old one was closed */
		close(fd);
		close_front();
	}
}

static void one_in_maintenance_keeps_none(void **state)
{
	int fd;

	(void)state;
	open_front(NULL, NULL);
	t.answer = NULL;
	fd = front_connect(&t);
	front_send(fd, FRONT_GET);
	assert_true(front_await(&t, t.requests == 1));
	server_set_admin(t.c.gateway, server(), SERVER_MAINT, 0);
	front_say(&t.peers[0], FRONT_OK);
	assert_int_equal(front_answer(&t, fd), 200);
	assert_int_equal(idle(), 0);
	assert_true(front_await(&t, front_open_peers(&t) == 0));
	close(fd);
	close_front();
}

/* --- their end --- */

static void those_idle_for_long_are_closed(void **state)
{
	struct worker *w;
	int64_t now_ms;
	int fds[2];

	(void)state;
	open_front(NULL, "pool-purge-delay 3s");
	w = front_worker(&t);
	for (int n = 0; n < 2; n++) {
		fds[n] = front_connect(&t);
		ask_on(fds[n]);
	}
	assert_int_equal(idle(), 2);
	now_ms = loop_now_ms(w->loop);
	w->idle[server()->index].last->idle_since_ms = now_ms - 3001;
	upstream_sweep(w, now_ms);
	assert_int_equal(idle(), 1);
	w->idle[server()->index].last->idle_since_ms = now_ms - 2999;
	upstream_sweep(w, now_ms);
	assert_int_equal(idle(), 1);
	upstream_close_idle(w);
	assert_int_equal(idle(), 0);
	assert_true(front_await(&t, front_open_peers(&t) == 0));
	for (int n = 0; n < 2; n++)
		close(fds[n]);
	close_front();
}

/* The last used goes first, so that those that are too many get old. */
static void the_last_used_is_used_next(void **state)
{
	int fds[2];

	(void)state;
	open_front(" http-reuse always\n", NULL);
	t.answer = NULL;
	for (int n = 0; n < 2; n++) {
		fds[n] = front_connect(&t);
		front_send(fds[n], FRONT_GET);
		assert_true(front_await(&t, t.requests == (unsigned)n + 1));
	}
	for (int n = 1; n >= 0; n--) { /* the first connection is given back last */
		front_say(&t.peers[n], FRONT_OK);
		assert_int_equal(front_answer(&t, fds[n]), 200);
	}
	t.answer = FRONT_OK;
	front_hang_up(&t.peers[1]);
	front_send(fds[1], FRONT_GET);
	assert_int_equal(front_answer(&t, fds[1]), 200);
	assert_int_equal(t.accepted, 2);
	assert_true(front_await(&t, idle() == 1));
	for (int n = 0; n < 2; n++)
		close(fds[n]);
	close_front();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes_of_reuse),
		cmocka_unit_test(first_requests_need_a_proven_connection),
		cmocka_unit_test(what_only_one_client_uses_goes_with_it),
		cmocka_unit_test(a_connection_has_so_many_uses),
		cmocka_unit_test(so_many_are_kept),
		cmocka_unit_test(what_the_server_closes_is_gone),
		cmocka_unit_test(what_the_server_says_unasked_is_not_an_answer),
		cmocka_unit_test(an_answer_with_something_behind_it),
		cmocka_unit_test(closed_just_as_it_was_used),
		cmocka_unit_test(one_that_has_moved_is_asked_at_its_new_address),
		cmocka_unit_test(one_in_maintenance_keeps_none),
		cmocka_unit_test(those_idle_for_long_are_closed),
		cmocka_unit_test(the_last_used_is_used_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
