/* watchdog_test.c - which sockets are shut, when, and which are left alone. */
#include "shared/io/watchdog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/clock.h"

#define MS 1000

static int setup(void **state)
{
	*state = watchdog_create();
	return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	struct watchdog *w = *state;

	watchdog_free(&w);
	watchdog_free(&w); /* once more does nothing */
	return w == NULL ? 0 : -1;
}

/* Waits until <fd> sees its peer's end of file; false after <timeout_ms>. */
static bool ended(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char byte;

	return poll(&p, 1, timeout_ms) == 1 && recv(fd, &byte, 1, 0) == 0;
}

static void due_ones_are_shut(void **state)
{
	struct watch late = { 0 }, soon = { 0 }, later = { 0 }, first = { 0 };
	int a[2], b[2], c[2], d[2];
	int64_t now = clock_mono_us();

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, d), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, a), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, b), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, c), 0);
	watchdog_arm(*state, &late, a[0], SHUT_RDWR, now + 3600L * 1000 * MS);
	watchdog_arm(*state, &first, d[0], SHUT_RDWR, now);
	assert_true(ended(d[1], 5000)); /* so the thread runs, and waits for the late one now */
	assert_true(watchdog_disarm(*state, &first));
	now = clock_mono_us();
	watchdog_arm(*state, &soon, b[0], SHUT_RDWR, now + 60 * MS); /* sooner than what the thread waits for */
	watchdog_arm(*state, &later, c[0], SHUT_RDWR, now + 90 * MS);
	assert_true(ended(b[1], 5000));
	assert_true(clock_mono_us() - now >= 60 * MS);
	assert_true(ended(c[1], 5000)); /* without another call in between */
	assert_true(clock_mono_us() - now >= 90 * MS);
	assert_false(ended(a[1], 0));
	assert_true(watchdog_disarm(*state, &soon));
	assert_true(watchdog_disarm(*state, &later));
	assert_false(watchdog_disarm(*state, &late));
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
		close(c[i]);
		close(d[i]);
	}
}

static void past_deadlines_are_due_at_once(void **state)
{
	struct watch w = { 0 };
	int a[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, a), 0);
	watchdog_arm(*state, &w, a[0], SHUT_RDWR, 1);
	assert_true(ended(a[1], 5000));
	assert_true(watchdog_disarm(*state, &w));
	close(a[0]);
	close(a[1]);
}

/* Only the side that was named: what is written still arrives. */
static void the_other_side_stays_open(void **state)
{
	struct watch w = { 0 };
	char byte = 'x';
	int a[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, a), 0);
	watchdog_arm(*state, &w, a[0], SHUT_RD, 1);
	assert_true(ended(a[0], 5000));
	assert_true(watchdog_disarm(*state, &w));
	assert_int_equal(send(a[0], &byte, 1, MSG_NOSIGNAL), 1);
	assert_int_equal(recv(a[1], &byte, 1, 0), 1);
	close(a[0]);
	close(a[1]);
}

/* A disarmed descriptor is closed and its number taken by another socket, over and over, around the deadline: the
 * newcomer must never be shut. */
static void *reuse_numbers(void *arg)
{
	struct watchdog *dog = arg;
	uintptr_t harmed = 0;

	for (int i = 0; i < 3000; i++) {
		struct watch w = { 0 };
		int a[2], b[2];

		if (socketpair(AF_UNIX, SOCK_STREAM, 0, a) != 0)
			abort();
		watchdog_arm(dog, &w, a[0], SHUT_RDWR, clock_mono_us() + (int64_t)(clock_random() % 100));
		while (clock_random() % 64 != 0)
			continue;
		watchdog_disarm(dog, &w);
		close(a[0]);
		close(a[1]);
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, b) != 0)
			abort();
		harmed += ended(b[1], 0);
		close(b[0]);
		close(b[1]);
	}
	return (void *)harmed;
}

static void reused_numbers_are_safe(void **state)
{
	pthread_t threads[4];
	void *harmed;

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, reuse_numbers, *state), 0);
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], &harmed);
		assert_ptr_equal(harmed, NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(due_ones_are_shut, setup, teardown),
		cmocka_unit_test_setup_teardown(past_deadlines_are_due_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(the_other_side_stays_open, setup, teardown),
		cmocka_unit_test_setup_teardown(reused_numbers_are_safe, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
