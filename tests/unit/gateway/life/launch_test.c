/* launch_test.c - a start by fork() that goes well, fails, or dies, as its caller hears of it; and what is told to systemd. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/life/launch.h"
#include "gateway/life/notify.h"
#include "tests/unit/support/process.h"

/* Starts a child that does <what> and ends; whether its start succeeded, and how it ended. */
static bool start(void (*what)(int *ready), int *exit_status)
{
	int ready, status;
	bool succeeded;
	pid_t child = launch(&ready);

	assert_true(child >= 0);
	if (child == 0) {
		what(&ready);
		_exit(0);
	}
	succeeded = launch_succeeded(&ready);
	assert_int_equal(ready, -1);
	assert_int_equal(waitpid(child, &status, 0), child);
	*exit_status = launch_exit_status(status);
	return succeeded;
}

static void succeed(int *ready)
{
	launch_ready(ready);
	launch_ready(ready); /* is told once */
	_exit(*ready == -1 ? 3 : 4);
}

static void give_up(int *ready)
{
	(void)ready;
	_exit(7);
}

static void die(int *ready)
{
	(void)ready;
	kill(getpid(), SIGKILL);
}

static void starts(void **state)
{
	int status;

	(void)state;
	assert_true(start(succeed, &status));
	assert_int_equal(status, 3);
	assert_false(start(give_up, &status));
	assert_int_equal(status, 7);
	assert_false(start(die, &status));
	assert_int_equal(status, 128 + SIGKILL);
}

/* What the caller of a program that goes to the background gets. */
static int in_background(void (*what)(int *ready))
{
	pid_t caller = fork();
	int status;

	assert_true(caller >= 0);
	if (caller == 0) {
		int ready = launch_background();

		launch_let_go_of_terminal();
		what(&ready);
		_exit(0);
	}
	assert_int_equal(waitpid(caller, &status, 0), caller);
	return launch_exit_status(status);
}

static void fail_quietly(int *ready)
{
	(void)ready; /* a start that failed is no success, whatever its status */
}

static void background(void **state)
{
	(void)state;
	assert_int_equal(in_background(succeed), 0);
	assert_int_equal(in_background(give_up), 7);
	assert_int_equal(in_background(die), 128 + SIGKILL);
	assert_int_equal(in_background(fail_quietly), 1);
}

/* ---- systemd ---- */

static void notifies(const char *name, const struct sockaddr_un *un, socklen_t len)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	char text[64] = "";

	assert_int_equal(bind(fd, (const struct sockaddr *)un, len), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	assert_true(notify("READY=1\nSTATUS=x"));
	assert_int_equal(recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT), 16);
	assert_string_equal(text, "READY=1\nSTATUS=x");
	close(fd);
	assert_false(notify("READY=1")); /* nobody is there any more */
}

static void systemd(void **state)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char name[64];
	int len = snprintf(name, sizeof(name), "@notify-test-%ld", (long)getpid());

	(void)state;
	memcpy(un.sun_path, name, (size_t)len);
	un.sun_path[0] = '\0';
	notifies(name, &un, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len));
	snprintf(un.sun_path, sizeof(un.sun_path), "/tmp/notify-test-%ld", (long)getpid());
	notifies(un.sun_path, &un, sizeof(un));
	unlink(un.sun_path);
}

static void no_systemd(void **state)
{
	char name[200];

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_false(notify("READY=1"));
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_false(notify("READY=1"));
	memset(name, '/', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	setenv("NOTIFY_SOCKET", name, 1);
	assert_false(notify("READY=1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts), cmocka_unit_test(background), cmocka_unit_test(systemd), cmocka_unit_test(no_systemd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
