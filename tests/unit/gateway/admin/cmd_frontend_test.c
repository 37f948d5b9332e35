/* cmd_frontend_test.c - frontends that are stopped, continued and limited, seen from outside too. Answers are HAProxy 2.6's. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/gateway/support/console.h"

static struct console c;

static int setup(void **state)
{
	char text[600];

	(void)state;
	snprintf(text, sizeof(text),
		 "frontend fe\n bind 127.0.0.1:%u\n maxconn 20\n http-request return status 200\n"
		 "frontend other\n bind 127.0.0.1:%u\n bind 127.0.0.1:%u\n http-request return status 200\n"
		 "frontend off\n bind 127.0.0.1:%u\n disabled\n"
		 "backend be\n",
		 console_free_port(), console_free_port(), console_free_port(), console_free_port());
	console_open(&c, text);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	console_close(&c);
	return 0;
}

struct row {
	const char *command, *answer;
};

#define assert_rows(rows) \
	do { \
		for (size_t i = 0; i < sizeof(rows) / sizeof((rows)[0]); i++) \
			assert_string_equal(console_ask(&c, (rows)[i].command), (rows)[i].answer); \
	} while (0)

/* 0, or errno of connecting to the frontend's first address. */
static int connect_to(const char *frontend)
{
	struct sockaddr_storage sa = console_proxy(&c, frontend)->listeners->sa;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), result;

	result = connect(fd, (struct sockaddr *)&sa, sizeof(struct sockaddr_in)) == 0 ? 0 : errno;
	close(fd);
	return result;
}

static int status_of(const char *frontend)
{
	return atomic_load(&console_proxy(&c, frontend)->status);
}

static void frontends_are_found(void **state)
{
	static const struct row rows[] = {
		{ "disable frontend", "A frontend name is expected.\n" },
		{ "disable frontend zz", "No such frontend.\n" },
		{ "disable frontend be", "No such frontend.\n" },
		{ "disable frontend off", "No such frontend.\n" },
		{ "enable frontend", "A frontend name is expected.\n" },
		{ "shutdown frontend zz", "No such frontend.\n" },
		{ "disable frontend #2", "" },
		{ "enable frontend #2", "" },
	};

	(void)state;
	assert_rows(rows);
}

static void a_disabled_one_refuses_until_it_goes_on(void **state)
{
	(void)state;
	assert_int_equal(connect_to("fe"), 0);
	assert_string_equal(console_ask(&c, "disable frontend fe"), "");
	assert_int_equal(status_of("fe"), PROXY_PAUSED);
	assert_int_equal(connect_to("fe"), ECONNREFUSED);
	assert_int_equal(connect_to("other"), 0);
	assert_string_equal(console_ask(&c, "disable frontend fe"), "All sockets are already disabled.\n");
	assert_string_equal(console_ask(&c, "enable frontend fe"), "");
	assert_string_equal(console_ask(&c, "enable frontend fe"), "All sockets are already enabled.\n");
	assert_int_equal(status_of("fe"), PROXY_RUNNING);
	assert_int_equal(connect_to("fe"), 0);
}

static void one_that_is_shut_down_lets_its_ports_go(void **state)
{
	struct sockaddr_storage sa = console_proxy(&c, "other")->listeners->sa;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_string_equal(console_ask(&c, "shutdown frontend other"), "");
	assert_int_equal(status_of("other"), PROXY_STOPPED);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(struct sockaddr_in)), 0); /* no SO_REUSEADDR: nobody has it */
	close(fd);
	assert_string_equal(console_ask(&c, "shutdown frontend other"), "Frontend was already shut down.\n");
	assert_string_equal(console_ask(&c, "enable frontend other"), "Frontend was previously shut down, cannot enable.\n");
	assert_string_equal(console_ask(&c, "disable frontend other"), "Frontend was previously shut down, cannot disable.\n");
	assert_int_equal(connect_to("fe"), 0);
}

static void one_that_was_disabled_can_be_shut_down(void **state)
{
	(void)state;
	assert_string_equal(console_ask(&c, "disable frontend fe; shutdown frontend fe"), "\n");
	assert_int_equal(status_of("fe"), PROXY_STOPPED);
	assert_int_equal(console_proxy(&c, "fe")->listeners->fd, -1);
}

/* A worker that does not answer may still watch the sockets: they stay, and the command may be given again. */
static void sockets_that_a_worker_may_watch_are_not_closed(void **state)
{
	int fd = console_connect(&c, 0);
	char answer[100] = "";
	ssize_t n = -1;

	(void)state;
	assert_int_equal(send(fd, "shutdown frontend fe\n", 21, 0), 21);
	for (int64_t end_us = clock_mono_us() + CONSOLE_PATIENCE_US; n < 0 && clock_mono_us() < end_us;) {
		loop_round(c.gateway->workers[0].loop, 100);
		n = recv(fd, answer, sizeof(answer) - 1, 0);
	}
	close(fd);
	assert_string_equal(answer, "Not all threads have let it go yet, try again.\n\n");
	assert_true(console_proxy(&c, "fe")->listeners->fd >= 0);
	assert_string_equal(console_ask(&c, "shutdown frontend fe"), "");
	assert_int_equal(console_proxy(&c, "fe")->listeners->fd, -1);
}

static void limits_of_frontends_change(void **state)
{
	static const struct row rows[] = {
		{ "set maxconn frontend", "A frontend name is expected.\n" },
		{ "set maxconn frontend zz", "No such frontend.\n" },
		{ "set maxconn frontend fe", "Integer value expected.\n" },
		{ "set maxconn frontend fe x", "Integer value expected.\n" }, /* HAProxy: 0 */
		{ "set maxconn frontend fe 5x", "Integer value expected.\n" },
		{ "set maxconn frontend fe -1", "Value out of range.\n" },
	};
	struct proxy *fe = console_proxy(&c, "fe");

	(void)state;
	assert_rows(rows);
	assert_int_equal(atomic_load(&fe->maxconn), 20);
	assert_string_equal(console_ask(&c, "set maxconn frontend fe 7"), "");
	assert_int_equal(atomic_load(&fe->maxconn), 7);
	assert_string_equal(console_ask(&c, "set maxconn frontend fe 0"), "");
	assert_int_equal(atomic_load(&fe->maxconn), 0);
	assert_int_equal(atomic_load(&console_proxy(&c, "other")->maxconn), 100); /* the process's, as it said nothing */
}

/* Nothing gets in at 0, as in HAProxy; what waits does when the limit is raised. */
static void no_place_means_waiting(void **state)
{
	struct proxy *fe = console_proxy(&c, "fe");
	struct sockaddr_storage sa = fe->listeners->sa;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_string_equal(console_ask(&c, "set maxconn frontend fe 0"), "");
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(struct sockaddr_in)), 0);
	for (int i = 0; i < 5; i++)
		console_turn(&c, 0);
	assert_int_equal(atomic_load(&fe->connections), 0);
	assert_string_equal(console_ask(&c, "set maxconn frontend fe 1"), "");
	for (int i = 0; i < 100 && atomic_load(&fe->connections) == 0; i++)
		console_turn(&c, 10);
	assert_int_equal(atomic_load(&fe->connections), 1);
	close(fd);
	for (int i = 0; i < 100 && atomic_load(&fe->connections) > 0; i++)
		console_turn(&c, 10);
	assert_int_equal(atomic_load(&fe->connections), 0);
	assert_int_equal(atomic_load(&fe->connections_most), 1);
}

static void the_limit_of_the_process_changes_within_bounds(void **state)
{
	static const struct {
		const char *value, *answer;
		unsigned then;
	} rows[] = {
		{ "50", "", 50 },
		{ "101", "Value out of range.\n", 50 },
		{ "-1", "Value out of range.\n", 50 }, /* HAProxy takes these as 0 */
		{ "x", "Expects an integer value.\n", 50 },
		{ "5x", "Expects an integer value.\n", 50 },
		{ "", "Expects an integer value.\n", 50 },
		{ "100", "", 100 },
		{ "7", "", 7 },
		{ "0", "", 100 }, /* as it was at the start */
	};
	char command[80];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(command, sizeof(command), "set maxconn global %s", rows[i].value);
		assert_string_equal(console_ask(&c, command), rows[i].answer);
		assert_int_equal(atomic_load(&c.gateway->config->maxconn), rows[i].then);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(frontends_are_found, setup, teardown),
		cmocka_unit_test_setup_teardown(a_disabled_one_refuses_until_it_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_is_shut_down_lets_its_ports_go, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_was_disabled_can_be_shut_down, setup, teardown),
		cmocka_unit_test_setup_teardown(sockets_that_a_worker_may_watch_are_not_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(limits_of_frontends_change, setup, teardown),
		cmocka_unit_test_setup_teardown(no_place_means_waiting, setup, teardown),
		cmocka_unit_test_setup_teardown(the_limit_of_the_process_changes_within_bounds, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
