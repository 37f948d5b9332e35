/* pool_test.c - the pool against a pretended server whose faults are switched on and off. */
#include "shared/io/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "shared/base/clock.h"

#define MS 1000
#define SECOND (1000 * MS)

struct server {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* anything below */
	bool refuses;
	bool frozen;   /* open() does not return */
	bool mute;     /* pings fail */
	int most;      /* connections it takes, 0: any number */
	int attempts, live, closed, pings, waiting;
};

struct fake {
	bool held; /* by an acquirer; guarded by the server's lock */
	bool closed;
};

static void *fake_open(void *ctx)
{
	struct server *s = ctx;
	struct fake *f = NULL;

	pthread_mutex_lock(&s->lock);
	s->attempts++;
	s->waiting++;
	pthread_cond_broadcast(&s->changed);
	while (s->frozen)
		pthread_cond_wait(&s->changed, &s->lock);
	s->waiting--;
	if (!s->refuses && (s->most == 0 || s->live < s->most)) {
		f = calloc(1, sizeof(*f));
		s->live++;
	}
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	return f;
}

static bool fake_ping(void *ctx, void *conn)
{
	struct server *s = ctx;
	struct fake *f = conn;
	bool alive;

	pthread_mutex_lock(&s->lock);
	assert_false(f->held);
	s->pings++;
	alive = !s->mute;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	return alive;
}

static void fake_close(void *ctx, void *conn)
{
	struct server *s = ctx;

	pthread_mutex_lock(&s->lock);
	s->live--;
	s->closed++;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	free(conn);
}

/* Waits, at most 10 s, until <*field> is at least <least>. */
static int wait_for(struct server *s, const int *field, int least)
{
	struct timespec until;
	int value;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	pthread_mutex_lock(&s->lock);
	while (*field < least && pthread_cond_timedwait(&s->changed, &s->lock, &until) == 0)
		continue;
	value = *field;
	pthread_mutex_unlock(&s->lock);
	assert_true(value >= least);
	return value;
}

static void set(struct server *s, bool *field, bool value)
{
	pthread_mutex_lock(&s->lock);
	*field = value;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

static int get(struct server *s, const int *field)
{
	int value;

	pthread_mutex_lock(&s->lock);
	value = *field;
	pthread_mutex_unlock(&s->lock);
	return value;
}

struct fixture {
	struct server server;
	struct pool *pool;
};

static void start(struct fixture *f, size_t size)
{
	struct pool_spec spec = { .name = "fake", .size = size, .open = fake_open, .ping = fake_ping,
				  .close = fake_close, .ctx = &f->server };

	f->pool = pool_create(&spec);
	assert_non_null(f->pool);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	pthread_mutex_init(&f->server.lock, NULL);
	pthread_cond_init(&f->server.changed, NULL);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	set(&f->server, &f->server.frozen, false);
	pool_free(&f->pool);
	assert_null(f->pool);
	assert_int_equal(f->server.live, 0);
	pthread_cond_destroy(&f->server.changed);
	pthread_mutex_destroy(&f->server.lock);
	free(f);
	return 0;
}

/* On a busy machine a verdict may come too late, and the pool is down for a moment. */
static void *take(struct fixture *f)
{
	void *conn;
	enum err e;

	do {
		assert_true(pool_wait_up(f->pool, 10000));
		e = pool_acquire(f->pool, clock_mono_us() + 10 * SECOND, &conn);
	} while (e == ERR_UNAVAILABLE);
	assert_int_equal(e, ERR_OK);
	assert_non_null(conn);
	return conn;
}

static int64_t elapsed_ms(int64_t since_us)
{
	return (clock_mono_us() - since_us) / MS;
}

/* An acquirer on a thread of its own. */
struct waiter {
	struct fixture *f;
	pthread_t thread;
	int64_t wait_us;
	enum err e;
	int64_t took_ms;
};

static void *waiter_run(void *arg)
{
	struct waiter *w = arg;
	int64_t begin = clock_mono_us();
	void *conn;

	w->e = pool_acquire(w->f->pool, begin + w->wait_us, &conn);
	w->took_ms = elapsed_ms(begin);
	if (w->e == ERR_OK)
		pool_release(w->f->pool, &conn, true);
	return NULL;
}

static void waiter_start(struct waiter *w, struct fixture *f, int64_t wait_us)
{
	*w = (struct waiter){ .f = f, .wait_us = wait_us };
	assert_int_equal(pthread_create(&w->thread, NULL, waiter_run, w), 0);
}

static void test_away_at_start_then_comes(void **state)
{
	struct fixture *f = *state;
	int64_t begin = clock_mono_us();
	void *conn;

	f->server.refuses = true;
	start(f, 2);
	wait_for(&f->server, &f->server.attempts, 2);
	assert_false(pool_is_up(f->pool));
	assert_false(pool_wait_up(f->pool, 20));
	begin = clock_mono_us();
	assert_int_equal(pool_acquire(f->pool, begin + 60 * SECOND, &conn), ERR_UNAVAILABLE); /* at once */
	assert_null(conn);
	assert_true(elapsed_ms(begin) < 2000);
	assert_int_equal(pool_downs(f->pool), 0); /* it never was up */
	set(&f->server, &f->server.refuses, false);
	assert_true(pool_wait_up(f->pool, 2000));
	conn = take(f);
	pool_release(f->pool, &conn, true);
	assert_null(conn);
}

static void test_bounded(void **state)
{
	struct fixture *f = *state;
	struct waiter w;
	void *a, *b, *c;
	int64_t begin;

	start(f, 2);
	wait_for(&f->server, &f->server.live, 2);
	a = take(f);
	b = take(f);
	assert_ptr_not_equal(a, b);
	begin = clock_mono_us();
	assert_int_equal(pool_acquire(f->pool, begin + 50 * MS, &c), ERR_BUSY);
	assert_true(elapsed_ms(begin) >= 50 && elapsed_ms(begin) < 5000);
	assert_int_equal(pool_acquire(f->pool, 0, &c), ERR_BUSY); /* a deadline long past */
	waiter_start(&w, f, 5 * SECOND);
	pool_release(f->pool, &a, true);
	pthread_join(w.thread, NULL);
	assert_int_equal(w.e, ERR_OK);
	pool_release(f->pool, &b, true);
	assert_int_equal(get(&f->server, &f->server.live), 2);
}

static void test_last_used_is_handed_out_first(void **state)
{
	struct fixture *f = *state;
	void *a, *b, *again;

	start(f, 2);
	wait_for(&f->server, &f->server.live, 2);
	a = take(f);
	b = take(f);
	again = b;
	pool_release(f->pool, &a, true);
	while (clock_mono_us() == clock_mono_us())
		continue; /* the next release is at a later microsecond */
	pool_release(f->pool, &b, true);
	a = take(f);
	assert_ptr_equal(a, again);
	pool_release(f->pool, &a, true);
}

/* One suspicion whose verdict is good; false when it took longer than the 100 ms that it may. */
static bool suspicion_in_time(struct fixture *f)
{
	struct waiter waiters[4];
	void *conn = take(f), *idle1 = take(f), *idle2 = take(f);
	int closed = get(&f->server, &f->server.closed);
	int64_t begin = clock_mono_us(), last;

	pool_release(f->pool, &idle1, true);
	pool_release(f->pool, &idle2, true);
	set(&f->server, &f->server.frozen, true);
	pool_release(f->pool, &conn, false);
	assert_null(conn);
	for (size_t i = 0; i < 4; i++)
		waiter_start(&waiters[i], f, 60 * SECOND);
	wait_for(&f->server, &f->server.closed, closed + 3); /* the idle ones too */
	wait_for(&f->server, &f->server.waiting, 1);
	last = clock_mono_us();
	assert_true(pool_is_up(f->pool) || last - begin > 90 * MS); /* not known to be down */
	set(&f->server, &f->server.frozen, false);
	for (size_t i = 0; i < 4; i++)
		pthread_join(waiters[i].thread, NULL);
	if (clock_mono_us() - begin > 90 * MS)
		return false;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(waiters[i].e, ERR_OK);
	assert_true(pool_is_up(f->pool));
	return true;
}

static void test_suspicion_fails_nobody(void **state)
{
	struct fixture *f = *state;
	int conclusive = 0;

	start(f, 3);
	for (int i = 0; i < 100 && conclusive < 3; i++)
		conclusive += suspicion_in_time(f);
	assert_int_equal(conclusive, 3);
}

static void test_suspicion_ends_after_100_ms(void **state)
{
	struct fixture *f = *state;
	struct waiter w, impatient;
	void *conn;
	int64_t begin;

	start(f, 1);
	assert_true(pool_wait_up(f->pool, 2000));
	conn = take(f);
	set(&f->server, &f->server.frozen, true);
	pool_release(f->pool, &conn, false);
	waiter_start(&w, f, 60 * SECOND);
	waiter_start(&impatient, f, 10 * MS);
	pthread_join(impatient.thread, NULL);
	assert_int_equal(impatient.e, ERR_UNAVAILABLE);
	assert_true(impatient.took_ms >= 10 && impatient.took_ms < 3000);
	pthread_join(w.thread, NULL);
	assert_int_equal(w.e, ERR_UNAVAILABLE);
	assert_true(w.took_ms < 5000);
	assert_false(pool_is_up(f->pool));
	assert_int_equal(pool_downs(f->pool), 1);
	begin = clock_mono_us();
	assert_int_equal(pool_acquire(f->pool, begin + 60 * SECOND, &conn), ERR_UNAVAILABLE);
	assert_true(elapsed_ms(begin) < 2000);
	set(&f->server, &f->server.frozen, false);
	assert_true(pool_wait_up(f->pool, 2000));
	assert_true(pool_is_up(f->pool));
	assert_int_equal(pool_downs(f->pool), 1);
}

static void test_nobody_asks_during_suspicion(void **state)
{
	struct fixture *f = *state;
	int64_t begin;
	void *conn;

	start(f, 1);
	assert_true(pool_wait_up(f->pool, 2000));
	conn = take(f);
	set(&f->server, &f->server.frozen, true);
	begin = clock_mono_us();
	pool_release(f->pool, &conn, false);
	assert_false(pool_wait_up(f->pool, 150)); /* the condition is awaited with a bound, and must not come true */
	assert_true(elapsed_ms(begin) >= 150);
	assert_false(pool_is_up(f->pool)); /* says so although the thread is still stuck */
}

static void test_idle_ones_are_pinged(void **state)
{
	struct fixture *f = *state;
	int64_t begin = clock_mono_us();

	start(f, 2);
	wait_for(&f->server, &f->server.pings, 2);
	assert_true(elapsed_ms(begin) >= 1000);
	set(&f->server, &f->server.mute, true);
	set(&f->server, &f->server.refuses, true);
	wait_for(&f->server, &f->server.closed, 2); /* without any traffic */
	while (pool_is_up(f->pool))
		wait_for(&f->server, &f->server.attempts, get(&f->server, &f->server.attempts) + 1);
	assert_int_equal(pool_downs(f->pool), 1);
	set(&f->server, &f->server.mute, false);
	set(&f->server, &f->server.refuses, false);
	assert_true(pool_wait_up(f->pool, 2500));
}

static void test_one_restart_is_one_suspicion(void **state)
{
	struct fixture *f = *state;
	void *a, *b, *c, *fresh;
	uint64_t downs;
	int attempts;

	start(f, 3);
	wait_for(&f->server, &f->server.live, 3);
	a = take(f);
	b = take(f);
	c = take(f);
	attempts = get(&f->server, &f->server.attempts);
	pool_release(f->pool, &a, false);
	fresh = take(f);
	wait_for(&f->server, &f->server.attempts, attempts + 1);
	downs = pool_downs(f->pool);
	pool_release(f->pool, &fresh, true);
	pool_release(f->pool, &b, false); /* no news: closed, and nothing else */
	assert_true(pool_is_up(f->pool));
	pool_release(f->pool, &c, true); /* as old as the others: closed, although it seems well */
	wait_for(&f->server, &f->server.attempts, attempts + 3);
	wait_for(&f->server, &f->server.live, 3);
	assert_int_equal(get(&f->server, &f->server.closed), 3);
	assert_int_equal(pool_downs(f->pool), downs);
}

static void test_server_that_takes_no_more(void **state)
{
	struct fixture *f = *state;
	void *a, *b;

	f->server.most = 2;
	start(f, 4);
	wait_for(&f->server, &f->server.attempts, 6);
	assert_true(get(&f->server, &f->server.pings) >= 2); /* each failed attempt makes it look at the idle ones at once */
	a = take(f);
	b = take(f);
	pool_release(f->pool, &a, true);
	pool_release(f->pool, &b, true);
	assert_true(pool_is_up(f->pool));
	assert_int_equal(pool_downs(f->pool), 0);
	assert_int_equal(get(&f->server, &f->server.closed), 0);
}

/* Counts the lines of <text> with <event>. */
static int count_lines(const char *text, const char *event)
{
	int n = 0;

	for (const char *at = strstr(text, event); at != NULL; at = strstr(at + 1, event))
		n++;
	return n;
}

static void test_backs_off_and_logs_once(void **state)
{
	static char text[65536];
	struct fixture *f = *state;
	FILE *log = tmpfile();
	int saved = dup(2), attempts;
	int64_t begin = clock_mono_us();
	size_t len;

	dup2(fileno(log), 2);
	f->server.refuses = true;
	start(f, 8);
	while (elapsed_ms(begin) < 900)
		wait_for(&f->server, &f->server.attempts, get(&f->server, &f->server.attempts) + 1);
	attempts = get(&f->server, &f->server.attempts);
	set(&f->server, &f->server.refuses, false);
	wait_for(&f->server, &f->server.live, 8);
	dup2(saved, 2);
	close(saved);
	rewind(log);
	len = fread(text, 1, sizeof(text) - 1, log);
	text[len] = '\0';
	fclose(log);
	assert_true(attempts >= 2 && attempts <= 12);
	assert_int_equal(count_lines(text, "pool.down"), 1);
	assert_int_equal(count_lines(text, "pool.up"), 1);
}

/* ---- many threads, while the server fails at random ---- */

#define WORKERS 8

struct worker {
	struct fixture *f;
	pthread_t thread;
	unsigned seed;
	atomic_bool *stop;
	int served;
};

static void *worker_run(void *arg)
{
	struct worker *w = arg;
	struct server *s = &w->f->server;

	while (!atomic_load(w->stop)) {
		void *conn;
		enum err e = pool_acquire(w->f->pool, clock_mono_us() + 20 * MS, &conn);
		struct fake *fake = conn;

		if (e != ERR_OK) {
			assert_true(e == ERR_UNAVAILABLE || e == ERR_BUSY);
			sched_yield();
			continue;
		}
		w->served++;
		pthread_mutex_lock(&s->lock);
		assert_false(fake->held);
		assert_true(s->live <= 4);
		fake->held = true;
		pthread_mutex_unlock(&s->lock);
		sched_yield();
		pthread_mutex_lock(&s->lock);
		fake->held = false;
		pthread_mutex_unlock(&s->lock);
		pool_release(w->f->pool, &conn, rand_r(&w->seed) % 200 != 0);
	}
	return NULL;
}

static void test_many_threads(void **state)
{
	struct fixture *f = *state;
	struct worker workers[WORKERS];
	atomic_bool stop = false;

	start(f, 4);
	assert_true(pool_wait_up(f->pool, 2000));
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){ .f = f, .seed = i, .stop = &stop };
		assert_int_equal(pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]), 0);
	}
	for (int i = 0; i < 20; i++) {
		set(&f->server, &f->server.refuses, i % 4 == 3);
		wait_for(&f->server, &f->server.attempts, get(&f->server, &f->server.attempts) + 1);
	}
	set(&f->server, &f->server.refuses, false);
	atomic_store(&stop, true);
	for (size_t i = 0; i < WORKERS; i++) {
		pthread_join(workers[i].thread, NULL);
		assert_true(workers[i].served > 0);
	}
	assert_true(pool_wait_up(f->pool, 2000));
	wait_for(&f->server, &f->server.live, 4);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_away_at_start_then_comes),
		TEST(test_bounded),
		TEST(test_last_used_is_handed_out_first),
		TEST(test_suspicion_fails_nobody),
		TEST(test_suspicion_ends_after_100_ms),
		TEST(test_nobody_asks_during_suspicion),
		TEST(test_idle_ones_are_pinged),
		TEST(test_one_restart_is_one_suspicion),
		TEST(test_server_that_takes_no_more),
		TEST(test_backs_off_and_logs_once),
		TEST(test_many_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
