/* gateway_test.c - a gateway that runs in threads of its own, and how it ends: softly, at once, by signals, and after a time. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>

#include "tests/unit/gateway/support/front.h"

#define FRONT_LINES "frontend fe\n mode http\n timeout client 20s\n bind fd@%d\n default_backend be\n"
#define BACK_LINES "backend be\n mode http\n timeout server 20s\n timeout connect 5s\n timeout queue 20s\n server s 127.0.0.1:%u maxconn 1\n"

struct running {
	struct gateway *gateway;
	pthread_t thread;
	struct front port; /* for front_connect() */
	int origin;
};

static struct running r;

static void *run(void *arg)
{
	gateway_run(arg);
	return NULL;
}

/* <global>: lines for the process. */
static void start(const char *global)
{
	struct buf text, messages;
	struct config *c;
	unsigned origin_port;
	int fd;

	memset(&r, 0, sizeof(r));
	r.origin = console_listen(&origin_port);
	fd = console_listen(&r.port.port);
	buf_init(&text, 0);
	buf_init(&messages, 0);
	buf_printf(&text, "global\n nbthread 2\n maxconn 100\n%s" FRONT_LINES BACK_LINES, global, fd, origin_port);
	c = conf_load_text(SLICE_LIT("test"), buf_slice(&text), &messages);
	if (c == NULL)
		fail_msg("%.*s", SLICE_ARG(buf_slice(&messages)));
	r.gateway = gateway_create(c);
	assert_true(gateway_open(r.gateway, &messages));
	assert_int_equal(pthread_create(&r.thread, NULL, run, r.gateway), 0);
	buf_free(&text);
	buf_free(&messages);
}

/* Waits until it has ended, and frees it: that nothing is held any more is asserted by its pools. */
static void ended(void)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 10;
	assert_int_equal(pthread_timedjoin_np(r.thread, NULL, &end), 0);
	gateway_free(&r.gateway);
	close(r.origin);
}

static int client(void)
{
	struct timeval patience = { .tv_sec = 10 };
	int fd = front_connect(&r.port);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

/* Reads all until the connection ends. */
static const char *rest(int fd)
{
	static char text[4096];
	size_t len = 0;
	ssize_t n;

	while ((n = recv(fd, text + len, sizeof(text) - 1 - len, 0)) > 0)
		len += (size_t)n;
	assert_true(n == 0 || errno == ECONNRESET); /* and not: nothing came in time */
	text[len] = '\0';
	close(fd);
	return text;
}

/* The origin's end of the next exchange. */
static int served(void)
{
	int fd = accept(r.origin, NULL, NULL);
	char request[1024];

	assert_true(fd >= 0);
	assert_true(recv(fd, request, sizeof(request), 0) > 0);
	return fd;
}

/* A client whose request is at the origin, and the origin's end of it. */
static int busy_client(int *peer)
{
	int fd = client();

	front_send(fd, FRONT_GET);
	*peer = served();
	return fd;
}

static void await_queue(unsigned n)
{
	const struct proxy *be = r.gateway->config->proxies;
	const struct timespec pause = { .tv_nsec = 1000 * 1000 };

	while (!slice_eq(be->name, SLICE_LIT("be")))
		be = be->next;
	for (int i = 0; atomic_load(&be->backend.queued) < n; i++) {
		assert_true(i < 10000);
		nanosleep(&pause, NULL);
	}
}

static void a_soft_stop_waits_for_exchanges(void **state)
{
	int peer, fd;

	(void)state;
	start("");
	fd = busy_client(&peer);
	gateway_stop(r.gateway, false);
	gateway_stop(r.gateway, false); /* again: nothing more */
	front_send(peer, FRONT_OK);
	assert_non_null(strstr(rest(fd), "200 OK"));
	ended();
	close(peer);
}

static void a_soft_stop_ends_idle_connections(void **state)
{
	int peer, used, fresh;

	(void)state;
	start("");
	used = busy_client(&peer);
	front_send(peer, FRONT_OK);
	assert_true(recv(used, r.port.got, sizeof(r.port.got), 0) > 0);
	fresh = client();
	gateway_stop(r.gateway, false);
	assert_string_equal(rest(used), "");
	assert_string_equal(rest(fresh), "");
	ended();
	close(peer);
}

/* The newest connection has the only place: cut first, it gives the place to those behind it, which are about to be cut too. */
static void an_end_at_once_cuts_those_that_wait(void **state)
{
	int fds[6], peer;

	(void)state;
	start("");
	for (int i = 0; i < 5; i++)
		fds[i] = client();
	fds[5] = busy_client(&peer);
	for (int i = 0; i < 5; i++)
		front_send(fds[i], FRONT_GET);
	await_queue(5);
	gateway_stop(r.gateway, true);
	for (int i = 0; i < 6; i++)
		assert_null(strstr(rest(fds[i]), "200 OK"));
	ended();
	close(peer);
}

static void a_hard_stop_follows_a_soft_one(void **state)
{
	int peer, fd;

	(void)state;
	start(" hard-stop-after 50ms\n");
	fd = busy_client(&peer);
	gateway_stop(r.gateway, false);
	assert_string_equal(rest(fd), "");
	ended();
	close(peer);
}

static void signals_end_it(void **state)
{
	static const struct {
		const char *global;
		int signals[2];
	} cases[] = { { "", { SIGUSR1, 0 } }, { "", { SIGTERM, 0 } }, { "", { SIGINT, 0 } }, { " grace 20ms\n", { SIGUSR1, SIGUSR1 } } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(cases[i].global);
		kill(getpid(), cases[i].signals[0]);
		if (cases[i].signals[1] != 0)
			kill(getpid(), cases[i].signals[1]);
		ended();
	}
}

static void more_connections_than_descriptors_are_refused(void **state)
{
	struct buf messages;
	struct config *c;
	struct gateway *g;

	(void)state;
	buf_init(&messages, 0);
	c = conf_load_text(SLICE_LIT("test"), SLICE_LIT("global\n maxconn 2000000000\n"), &messages);
	assert_non_null(c);
	g = gateway_create(c);
	assert_false(gateway_open(g, &messages));
	buf_add_char(&messages, '\0');
	assert_non_null(strstr(messages.ptr, "maxconn 2000000000 needs 4000000100 descriptors"));
	gateway_free(&g);
	buf_free(&messages);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_soft_stop_waits_for_exchanges),
		cmocka_unit_test(a_soft_stop_ends_idle_connections),
		cmocka_unit_test(an_end_at_once_cuts_those_that_wait),
		cmocka_unit_test(a_hard_stop_follows_a_soft_one),
		cmocka_unit_test(signals_end_it),
		cmocka_unit_test(more_connections_than_descriptors_are_refused),
	};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
