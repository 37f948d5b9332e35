/* loop_test.c - the loop's descriptors, timers and waits, signals, and refusals of the system.
 *
 * link: -Wl,--wrap=realloc,--wrap=epoll_wait,--wrap=calloc,--wrap=epoll_create1
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/loop/loop.h"
#include "shared/base/clock.h"
#include "tests/unit/support/process.h"

/* --- the system, which can be made to refuse --- */

static bool realloc_fails;
static bool calloc_fails;
static bool create_fails;
static atomic_bool epoll_fails;
static atomic_int last_wait_ms; /* what the last epoll_wait() was asked for */
static atomic_int waits_interrupted;

void *__real_realloc(void *ptr, size_t size);
void *__wrap_realloc(void *ptr, size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
int __real_epoll_create1(int flags);
int __wrap_epoll_create1(int flags);
int __real_epoll_wait(int fd, struct epoll_event *events, int most, int wait_ms);
int __wrap_epoll_wait(int fd, struct epoll_event *events, int most, int wait_ms);

void *__wrap_realloc(void *ptr, size_t size)
{
	errno = ENOMEM;
	return realloc_fails ? NULL : __real_realloc(ptr, size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return calloc_fails ? NULL : __real_calloc(n, size);
}

int __wrap_epoll_create1(int flags)
{
	errno = EMFILE;
	return create_fails ? -1 : __real_epoll_create1(flags);
}

int __wrap_epoll_wait(int fd, struct epoll_event *events, int most, int wait_ms)
{
	int n;

	atomic_store(&last_wait_ms, wait_ms);
	errno = EBADF;
	n = atomic_load(&epoll_fails) ? -1 : __real_epoll_wait(fd, events, most, wait_ms);
	if (n < 0 && errno == EINTR) {
		atomic_fetch_add(&waits_interrupted, 1);
		errno = EINTR;
	}
	return n;
}

/* --- descriptors --- */

struct probe {
	struct watch watch; /* first: ready() gets it */
	struct loop *loop;
	struct probe *other;
	int called;
	unsigned events; /* of the last call */
};

static void note(struct watch *w, unsigned events)
{
	struct probe *p = (struct probe *)w;

	p->called++;
	p->events = events;
}

static void pair_open(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
}

static void pair_close(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

static void put(int fd)
{
	assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
}

static void each_change_is_told_once(void **state)
{
	struct loop *l = loop_create();
	struct probe p = { .watch.ready = note };
	char byte;
	int fds[2];

	(void)state;
	pair_open(fds);
	p.watch.fd = fds[0];
	assert_int_equal(loop_watch(l, &p.watch), ERR_OK);
	loop_round(l, 0);
	assert_int_equal(p.called, 1);
	assert_int_equal(p.events, LOOP_WRITE); /* there is room from the start */
	loop_round(l, 0);
	assert_int_equal(p.called, 1);
	put(fds[1]);
	loop_round(l, -1);
	assert_int_equal(p.called, 2);
	assert_true(p.events & LOOP_READ);
	loop_round(l, 0); /* not read, and not told again */
	assert_int_equal(p.called, 2);
	put(fds[1]);
	loop_round(l, -1);
	assert_int_equal(p.called, 3);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	loop_unwatch(l, &p.watch);
	put(fds[1]);
	loop_round(l, 0);
	assert_int_equal(p.called, 3);
	pair_close(fds);
	loop_free(&l);
	assert_null(l);
	loop_free(&l);
}

static void a_full_socket_tells_when_there_is_room(void **state)
{
	struct loop *l = loop_create();
	struct probe p = { .watch.ready = note };
	char block[4096];
	int fds[2];

	(void)state;
	memset(block, 0, sizeof(block));
	pair_open(fds);
	p.watch.fd = fds[0];
	assert_int_equal(loop_watch(l, &p.watch), ERR_OK);
	loop_round(l, 0);
	while (send(fds[0], block, sizeof(block), MSG_NOSIGNAL) > 0)
		;
	loop_round(l, 0);
	p.called = 0;
	while (recv(fds[1], block, sizeof(block), 0) > 0)
		;
	loop_round(l, -1);
	assert_true(p.called == 1 && (p.events & LOOP_WRITE));
	loop_unwatch(l, &p.watch);
	pair_close(fds);
	loop_free(&l);
}

static void ends_and_failures_are_told_apart(void **state)
{
	struct loop *l = loop_create();
	struct probe p = { .watch.ready = note };
	int fds[2];

	(void)state;
	pair_open(fds);
	p.watch.fd = fds[0];
	assert_int_equal(loop_watch(l, &p.watch), ERR_OK);
	loop_round(l, 0);
	shutdown(fds[1], SHUT_WR); /* it sends nothing more, and reads on */
	loop_round(l, -1);
	assert_true((p.events & LOOP_READ) && (p.events & LOOP_END) && !(p.events & LOOP_FAIL));
	put(fds[0]); /* which it leaves unread: the end is an error */
	close(fds[1]);
	loop_round(l, -1);
	assert_int_equal(p.events, LOOP_READ | LOOP_WRITE | LOOP_END | LOOP_FAIL);
	loop_unwatch(l, &p.watch);
	close(fds[0]);

	pair_open(fds);
	p.watch.fd = fds[0];
	assert_int_equal(loop_watch(l, &p.watch), ERR_OK);
	close(fds[1]);
	loop_round(l, -1);
	assert_int_equal(p.events, LOOP_READ | LOOP_WRITE | LOOP_END);
	loop_unwatch(l, &p.watch);
	close(fds[0]);
	loop_free(&l);
}

static void unwatch_other(struct watch *w, unsigned events)
{
	struct probe *p = (struct probe *)w;

	note(w, events);
	loop_unwatch(p->loop, &p->other->watch);
}

/* Of two descriptors that are ready in one round, the first one's handler silences the second. */
static void an_event_of_an_unwatched_descriptor_is_dropped(void **state)
{
	struct loop *l = loop_create();
	struct probe a = { .watch.ready = unwatch_other, .loop = l }, b = a;
	int fds[2];

	(void)state;
	pair_open(fds);
	a.other = &b;
	b.other = &a;
	a.watch.fd = fds[0];
	b.watch.fd = fds[1];
	assert_int_equal(loop_watch(l, &a.watch), ERR_OK);
	assert_int_equal(loop_watch(l, &b.watch), ERR_OK);
	loop_round(l, 0);
	assert_int_equal(a.called + b.called, 1);
	loop_unwatch(l, &a.watch); /* one of them for the second time: nothing happens */
	loop_unwatch(l, &b.watch);
	pair_close(fds);
	loop_free(&l);
}

/* Closes the other one's descriptor and opens its number again, for the other one. */
static void reopen_other(struct watch *w, unsigned events)
{
	struct probe *p = (struct probe *)w, *other = p->other;
	int fds[2];

	note(w, events);
	if (p->called + other->called > 1)
		return;
	loop_unwatch(p->loop, &other->watch);
	pair_open(fds);
	assert_int_equal(dup2(fds[0], other->watch.fd), other->watch.fd);
	pair_close(fds); /* the copy's peer is gone */
	assert_int_equal(loop_watch(p->loop, &other->watch), ERR_OK);
}

static void an_event_of_a_reused_number_is_dropped(void **state)
{
	struct loop *l = loop_create();
	struct probe a = { .watch.ready = reopen_other, .loop = l }, b = a;
	struct probe *second;
	int fds[2];

	(void)state;
	pair_open(fds);
	a.other = &b;
	b.other = &a;
	a.watch.fd = fds[0];
	b.watch.fd = fds[1];
	assert_int_equal(loop_watch(l, &a.watch), ERR_OK);
	assert_int_equal(loop_watch(l, &b.watch), ERR_OK);
	loop_round(l, 0);
	assert_int_equal(a.called + b.called, 1);
	second = a.called ? &b : &a;
	loop_round(l, 0); /* its own event */
	assert_int_equal(second->called, 1);
	assert_true(second->events & LOOP_END);
	loop_unwatch(l, &a.watch);
	loop_unwatch(l, &b.watch);
	pair_close(fds);
	loop_free(&l);
}

static void watch_other(struct watch *w, unsigned events)
{
	struct probe *p = (struct probe *)w;

	note(w, events);
	assert_int_equal(loop_watch(p->loop, &p->other->watch), ERR_OK);
}

/* The table grows, also while its events are handled. */
static void high_numbers_are_watched(void **state)
{
	struct loop *l = loop_create();
	struct probe low = { .watch.ready = watch_other, .loop = l }, high = { .watch.ready = note };
	int fds[2];

	(void)state;
	pair_open(fds);
	low.other = &high;
	low.watch.fd = fds[0];
	high.watch.fd = fcntl(fds[1], F_DUPFD_CLOEXEC, 800);
	assert_true(high.watch.fd >= 800);
	loop_unwatch(l, &high.watch); /* beyond the table: nothing happens */
	assert_int_equal(loop_watch(l, &low.watch), ERR_OK);
	loop_round(l, 0);
	assert_int_equal(low.called, 1);
	loop_round(l, 0);
	assert_int_equal(high.called, 1);
	loop_unwatch(l, &low.watch);
	loop_unwatch(l, &high.watch);
	high.watch.fd = -1;
	loop_unwatch(l, &high.watch);
	pair_close(fds);
	loop_free(&l);
}

static void refusals_are_answered(void **state)
{
	struct loop *l = loop_create();
	char name[] = "/tmp/moa_test_XXXXXX";
	struct probe p = { .watch.ready = note };
	int fds[2];

	(void)state;
	p.watch.fd = mkstemp(name);
	assert_true(p.watch.fd >= 0);
	unlink(name);
	assert_int_equal(loop_watch(l, &p.watch), ERR_FULL);
	assert_int_equal(errno, EPERM); /* files are always ready: epoll has no use for them */
	loop_unwatch(l, &p.watch);
	close(p.watch.fd);

	pair_open(fds);
	p.watch.fd = fcntl(fds[0], F_DUPFD_CLOEXEC, 300);
	realloc_fails = true;
	assert_int_equal(loop_watch(l, &p.watch), ERR_FULL);
	assert_int_equal(errno, ENOMEM);
	realloc_fails = false;
	assert_int_equal(loop_watch(l, &p.watch), ERR_OK);
	loop_unwatch(l, &p.watch);
	close(p.watch.fd);
	pair_close(fds);
	loop_free(&l);
}

/* --- a listening socket of two loops --- */

enum { CLIENTS = 60 };

static int listen_open(struct sockaddr_in *address)
{
	socklen_t len = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)address, len), 0);
	assert_int_equal(listen(fd, CLIENTS), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)address, &len), 0);
	return fd;
}

static int client_open(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)address, sizeof(*address)), 0);
	return fd;
}

struct acceptor {
	struct watch watch; /* first: ready() gets it */
	struct loop *loop;
	atomic_int *accepted; /* by both */
};

/* One at a time: a level-triggered descriptor is told again. */
static void accept_one(struct watch *w, unsigned events)
{
	struct acceptor *a = (struct acceptor *)w;
	int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC);

	if (!(events & LOOP_READ))
		abort(); /* an assert of cmocka belongs to the main thread */
	if (fd < 0)
		return; /* the other loop was faster */
	close(fd);
	atomic_fetch_add(a->accepted, 1);
}

static void *loop_thread(void *arg)
{
	loop_run(arg);
	return NULL;
}

static void a_listening_socket_serves_two_loops(void **state)
{
	struct sockaddr_in address;
	int listener = listen_open(&address);
	atomic_int accepted = 0;
	struct acceptor a[2];
	pthread_t threads[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		a[i] = (struct acceptor){ .loop = loop_create(), .accepted = &accepted };
		a[i].watch = (struct watch){ .fd = listener, .ready = accept_one };
		assert_int_equal(loop_watch_shared(a[i].loop, &a[i].watch), ERR_OK);
		assert_int_equal(pthread_create(&threads[i], NULL, loop_thread, a[i].loop), 0);
	}
	for (int i = 0; i < CLIENTS; i++)
		close(client_open(&address));
	while (atomic_load(&accepted) < CLIENTS)
		sched_yield();
	for (int i = 0; i < 2; i++) {
		loop_stop(a[i].loop);
		pthread_join(threads[i], NULL);
		loop_unwatch(a[i].loop, &a[i].watch);
		loop_free(&a[i].loop);
	}
	close(listener);
}

static void one_loop_that_leaves_takes_nothing_with_it(void **state)
{
	struct sockaddr_in address;
	int listener = listen_open(&address);
	atomic_int accepted = 0;
	struct acceptor a[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		a[i] = (struct acceptor){ .loop = loop_create(), .accepted = &accepted };
		a[i].watch = (struct watch){ .fd = listener, .ready = accept_one };
		assert_int_equal(loop_watch_shared(a[i].loop, &a[i].watch), ERR_OK);
	}
	for (int i = 0; i < 3; i++)
		close(client_open(&address));
	loop_round(a[0].loop, -1);
	assert_int_equal(accepted, 1);
	loop_unwatch(a[0].loop, &a[0].watch);
	loop_round(a[0].loop, 0);
	assert_int_equal(accepted, 1);
	loop_round(a[1].loop, -1);
	loop_round(a[1].loop, -1);
	assert_int_equal(accepted, 3);
	loop_round(a[1].loop, 0);
	assert_int_equal(accepted, 3);
	loop_unwatch(a[1].loop, &a[1].watch);
	loop_free(&a[0].loop);
	loop_free(&a[1].loop);
	close(listener);
}

/* --- time --- */

struct alarm {
	struct timer timer; /* first: fire() gets it */
	struct loop *loop;
	int64_t fired_us;
};

static void alarm_fire(struct timer *t)
{
	struct alarm *a = (struct alarm *)t;

	a->fired_us = clock_mono_us();
	loop_stop(a->loop);
}

static void timers_fire_in_time(void **state)
{
	struct loop *l = loop_create();
	struct alarm a = { .loop = l }, cancelled = { .loop = l };
	int64_t start_us = loop_now_us(l);

	(void)state;
	timer_init(&a.timer, alarm_fire);
	timer_init(&cancelled.timer, alarm_fire);
	loop_arm(l, &cancelled.timer, 5);
	loop_arm(l, &a.timer, 30);
	loop_cancel(l, &cancelled.timer);
	assert_int_equal(timer_wheel_wait_ms(loop_timers(l), start_us / 1000) > 0, 1);
	loop_run(l);
	assert_int_equal(cancelled.fired_us, 0);
	assert_true(a.fired_us / 1000 >= start_us / 1000 + 30);
	assert_true(a.fired_us - start_us < 5000000);
	assert_in_range(loop_now_us(l), a.fired_us - 1000000, a.fired_us);
	assert_int_equal(loop_now_ms(l), loop_now_us(l) / 1000);
	assert_true(loop_rounds(l) >= 1 && loop_rounds(l) < 10); /* it slept meanwhile */
	loop_free(&l);
}

static void waits_are_the_shorter_of_two(void **state)
{
	struct loop *l = loop_create();
	struct alarm a = { .loop = l };

	(void)state;
	loop_round(l, 0);
	assert_int_equal(last_wait_ms, 0);
	loop_round(l, 3);
	assert_int_equal(last_wait_ms, 3);
	timer_init(&a.timer, alarm_fire);
	loop_arm(l, &a.timer, 60000);
	loop_round(l, 3);
	assert_int_equal(last_wait_ms, 3);
	loop_arm(l, &a.timer, 20);
	while (a.fired_us == 0) {
		loop_round(l, 600000);
		assert_true(last_wait_ms <= 20);
	}
	loop_free(&l);
}

static void spin(struct task *t)
{
	int64_t until_us = clock_mono_us() + 3000;

	(void)t;
	while (clock_mono_us() < until_us)
		;
}

static void busy_time_is_counted_and_waiting_is_not(void **state)
{
	struct loop *l = loop_create();
	struct task t = { .run = spin };
	int64_t start_us = clock_mono_us(), waited_us;

	(void)state;
	assert_int_equal(loop_busy_us(l), 0);
	assert_int_equal(loop_rounds(l), 0);
	loop_round(l, 50);
	waited_us = clock_mono_us() - start_us;
	assert_true(waited_us >= 49000);
	assert_true(loop_busy_us(l) <= waited_us - 49000);
	loop_defer(l, &t);
	loop_round(l, 0);
	assert_true(loop_busy_us(l) >= 3000);
	assert_int_equal(loop_rounds(l), 2);
	loop_free(&l);
}

/* --- signals --- */

struct count {
	struct task task; /* first: run() gets it */
	atomic_int runs;
};

static void count_run(struct task *t)
{
	atomic_fetch_add(&((struct count *)t)->runs, 1);
}

static void nothing(int sig)
{
	(void)sig;
}

static void a_signal_only_ends_the_wait(void **state)
{
	const struct sigaction action = { .sa_handler = nothing };
	struct loop *l = loop_create();
	struct count c = { .task.run = count_run };
	struct sigaction old;
	pthread_t thread;

	(void)state;
	waits_interrupted = 0;
	assert_int_equal(sigaction(SIGUSR1, &action, &old), 0);
	assert_int_equal(pthread_create(&thread, NULL, loop_thread, l), 0);
	while (atomic_load(&waits_interrupted) < 3) {
		pthread_kill(thread, SIGUSR1);
		sched_yield();
	}
	assert_true(loop_post(l, &c.task)); /* it lives */
	while (atomic_load(&c.runs) < 1)
		sched_yield();
	loop_stop(l);
	pthread_join(thread, NULL);
	assert_true(loop_rounds(l) >= 3);
	sigaction(SIGUSR1, &old, NULL);
	loop_free(&l);
}

/* --- misuse --- */

static void create_without_memory(void *arg)
{
	(void)arg;
	calloc_fails = true;
	loop_create();
}

static void create_without_descriptors(void *arg)
{
	(void)arg;
	create_fails = true;
	loop_create();
}

static void wait_on_nothing(void *arg)
{
	struct loop *l = loop_create();

	(void)arg;
	epoll_fails = true;
	loop_round(l, 0);
}

static void watch_twice(void *arg)
{
	struct loop *l = loop_create();
	struct probe p = { .watch.ready = note };
	int fds[2];

	(void)arg;
	pair_open(fds);
	p.watch.fd = fds[0];
	if (loop_watch(l, &p.watch) == ERR_OK && loop_watch(l, &p.watch) == ERR_OK)
		return;
}

static void close_before_unwatch(void *arg)
{
	struct loop *l = loop_create();
	struct probe p = { .watch.ready = note };
	int fds[2];

	(void)arg;
	pair_open(fds);
	p.watch.fd = fds[0];
	if (loop_watch(l, &p.watch) != ERR_OK)
		return;
	close(fds[0]);
	loop_unwatch(l, &p.watch);
}

static void round_end(void *arg)
{
	(void)arg;
}

static void two_at_the_end_of_rounds(void *arg)
{
	struct loop *l = loop_create();

	loop_at_round_end(l, round_end, arg);
	loop_at_round_end(l, round_end, arg);
}

static void misuse_and_no_memory_end_the_process(void **state)
{
	(void)state;
	assert_true(dies(create_without_memory, NULL));
	assert_true(dies(create_without_descriptors, NULL));
	assert_true(dies(wait_on_nothing, NULL));
	assert_true(dies(watch_twice, NULL));
	assert_true(dies(close_before_unwatch, NULL));
	assert_true(dies(two_at_the_end_of_rounds, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_change_is_told_once),
		cmocka_unit_test(a_full_socket_tells_when_there_is_room),
		cmocka_unit_test(ends_and_failures_are_told_apart),
		cmocka_unit_test(an_event_of_an_unwatched_descriptor_is_dropped),
		cmocka_unit_test(an_event_of_a_reused_number_is_dropped),
		cmocka_unit_test(high_numbers_are_watched),
		cmocka_unit_test(refusals_are_answered),
		cmocka_unit_test(a_listening_socket_serves_two_loops),
		cmocka_unit_test(one_loop_that_leaves_takes_nothing_with_it),
		cmocka_unit_test(timers_fire_in_time),
		cmocka_unit_test(waits_are_the_shorter_of_two),
		cmocka_unit_test(busy_time_is_counted_and_waiting_is_not),
		cmocka_unit_test(a_signal_only_ends_the_wait),
		cmocka_unit_test(misuse_and_no_memory_end_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
