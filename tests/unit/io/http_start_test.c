/* http_start_test.c - the worker pool by itself, and starts that fail half-way: nothing is left behind.
 *
 * link: -Wl,--wrap=pthread_create,--wrap=MHD_start_daemon,--wrap=socket
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "shared/io/http.h"
#include "shared/io/workers.h"

struct MHD_Daemon;

int __real_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *arg);
struct MHD_Daemon *__wrap_MHD_start_daemon(unsigned flags, ...);
int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);

static int threads_left = 100; /* pthread_create() fails when this is 0 */
static bool sockets_fail;

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *arg)
{
	return threads_left-- > 0 ? __real_pthread_create(t, a, run, arg) : EAGAIN;
}

struct MHD_Daemon *__wrap_MHD_start_daemon(unsigned flags, ...)
{
	(void)flags;
	errno = ENOMEM;
	return NULL;
}

int __wrap_socket(int domain, int type, int protocol)
{
	if (!sockets_fail)
		return __real_socket(domain, type, protocol);
	errno = EMFILE;
	return -1;
}

#define ITEMS 100

struct tally {
	atomic_int next; /* the item that must come next, with one worker */
	atomic_int disorder, ran;
	atomic_bool hold;
};

struct item {
	int number;
};

static void run(void *ctx, void *item)
{
	struct tally *t = ctx;
	const struct item *i = item;

	while (atomic_load(&t->hold))
		poll(NULL, 0, 1);
	if (atomic_fetch_add(&t->next, 1) != i->number)
		atomic_fetch_add(&t->disorder, 1);
	atomic_fetch_add(&t->ran, 1);
}

static void in_order_and_all(void **state)
{
	struct tally t = { .hold = true };
	struct workers *w = workers_start(1, ITEMS, run, &t);
	struct item items[ITEMS];

	(void)state;
	assert_non_null(w);
	for (int i = 0; i < ITEMS; i++) {
		items[i].number = i;
		assert_true(workers_give(w, &items[i]));
	}
	assert_in_range(workers_waiting(w), ITEMS - 1, ITEMS); /* the worker holds one at the most */
	atomic_store(&t.hold, false);
	workers_stop(w);
	assert_int_equal(atomic_load(&t.ran), ITEMS);
	assert_int_equal(atomic_load(&t.disorder), 0);
	assert_false(workers_give(w, &items[0]));
	workers_free(&w);
	assert_null(w);
	workers_free(&w);
}

static void bounded(void **state)
{
	struct tally t = { .hold = true };
	struct workers *w = workers_start(1, 2, run, &t);
	struct item items[3] = { { 0 }, { 1 }, { 2 } };

	(void)state;
	assert_true(workers_give(w, &items[0]));
	while (workers_waiting(w) > 0) /* until the worker has it */
		poll(NULL, 0, 1);
	assert_true(workers_give(w, &items[1]));
	assert_false(workers_full(w));
	assert_true(workers_give(w, &items[2]));
	assert_true(workers_full(w));
	assert_false(workers_give(w, &items[0]));
	atomic_store(&t.hold, false);
	workers_stop(w);
	assert_int_equal(atomic_load(&t.ran), 3);
	workers_free(&w);
}

static void thread_does_not_start(void **state)
{
	struct tally t = { 0 };

	(void)state;
	for (int ok = 0; ok < 3; ok++) {
		threads_left = ok;
		assert_null(workers_start(3, 4, run, &t));
	}
	threads_left = 100;
}

static void never(void *ctx, struct http_exchange *x)
{
	(void)ctx;
	(void)x;
	fail();
}

static void server_does_not_start(void **state)
{
	const struct http_options o = {
		.name = "test", .bind = "127.0.0.1", .io_threads = 2, .workers = 2, .queue = 4, .body_limit = 10, .connections = 10,
		.idle_timeout_s = 1, .on_request = never, .on_work = never,
	};

	(void)state;
	assert_null(http_start(&o)); /* the library fails */
	threads_left = 0;
	assert_null(http_start(&o)); /* the watchdog fails */
	threads_left = 2;
	assert_null(http_start(&o)); /* a worker fails */
	threads_left = 100;
	sockets_fail = true;
	assert_null(http_start(&o)); /* the socket fails */
	sockets_fail = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order_and_all),
		cmocka_unit_test(bounded),
		cmocka_unit_test(thread_does_not_start),
		cmocka_unit_test(server_does_not_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
