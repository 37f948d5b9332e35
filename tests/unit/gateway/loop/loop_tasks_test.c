/* loop_tasks_test.c - the loop's tasks, deferred and posted from several threads, and how it is woken and stopped. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/loop/loop.h"

static void *loop_thread(void *arg)
{
	loop_run(arg);
	return NULL;
}

/* --- deferred tasks --- */

struct step {
	struct task task; /* first: run() gets it */
	struct loop *loop;
	char letter;
	char *trace; /* all steps' letters, as they ran */
	struct step *then;
};

static void trace_add(char *trace, char letter)
{
	size_t len = strlen(trace);

	trace[len] = letter;
	trace[len + 1] = '\0';
}

static void step_run(struct task *t)
{
	struct step *s = (struct step *)t;

	assert_false(t->queued);
	trace_add(s->trace, s->letter);
	if (s->then != NULL)
		loop_defer(s->loop, &s->then->task);
}

static void deferred_tasks_run_in_order_and_once(void **state)
{
	struct loop *l = loop_create();
	char trace[32] = "";
	struct step a = { .task.run = step_run, .loop = l, .letter = 'a', .trace = trace };
	struct step b = { .task.run = step_run, .loop = l, .letter = 'b', .trace = trace };

	(void)state;
	loop_defer(l, &a.task);
	loop_defer(l, &b.task);
	loop_defer(l, &a.task);
	assert_false(loop_post(l, &a.task));
	assert_true(a.task.queued);
	loop_round(l, -1); /* does not wait */
	assert_string_equal(trace, "ab");
	loop_round(l, 0);
	assert_string_equal(trace, "ab");
	loop_free(&l);
}

static void what_a_task_defers_runs_in_the_next_round(void **state)
{
	struct loop *l = loop_create();
	char trace[32] = "";
	struct step a = { .task.run = step_run, .loop = l, .letter = 'a', .trace = trace };
	struct step b = { .task.run = step_run, .loop = l, .letter = 'b', .trace = trace };

	(void)state;
	a.then = &a; /* itself, for ever */
	b.then = &a;
	loop_defer(l, &a.task);
	for (int i = 0; i < 3; i++)
		loop_round(l, -1); /* does not wait */
	assert_string_equal(trace, "aaa");
	a.then = NULL;
	loop_round(l, -1);
	loop_defer(l, &b.task);
	loop_round(l, -1);
	assert_string_equal(trace, "aaaab");
	loop_round(l, -1);
	loop_round(l, 0);
	assert_string_equal(trace, "aaaaba");
	loop_free(&l);
}

struct stage {
	struct watch watch; /* first: ready() gets it */
	struct loop *loop;
	struct timer timer;
	struct step by_event, by_timer, by_post, posted;
	char trace[32];
};

static void stage_ready(struct watch *w, unsigned events)
{
	struct stage *s = (struct stage *)w;

	(void)events;
	trace_add(s->trace, 'E');
	loop_defer(s->loop, &s->by_event.task);
	loop_post(s->loop, &s->posted.task);
}

static void stage_fire(struct timer *t)
{
	struct stage *s = (void *)((char *)t - offsetof(struct stage, timer));

	trace_add(s->trace, 'T');
	loop_defer(s->loop, &s->by_timer.task);
}

static void stage_end(void *arg)
{
	trace_add(((struct stage *)arg)->trace, '.');
}

static void a_round_has_its_order(void **state)
{
	struct loop *l = loop_create();
	struct stage s = { .watch.ready = stage_ready, .loop = l };
	int fds[2];

	(void)state;
	s.by_event = (struct step){ .task.run = step_run, .loop = l, .letter = 'e', .trace = s.trace };
	s.by_timer = (struct step){ .task.run = step_run, .loop = l, .letter = 't', .trace = s.trace };
	s.by_post = (struct step){ .task.run = step_run, .loop = l, .letter = 'p', .trace = s.trace };
	s.posted = (struct step){ .task.run = step_run, .loop = l, .letter = 'P', .trace = s.trace, .then = &s.by_post };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	s.watch.fd = fds[0];
	assert_int_equal(loop_watch(l, &s.watch), ERR_OK);
	timer_init(&s.timer, stage_fire);
	loop_arm(l, &s.timer, 0);
	loop_at_round_end(l, stage_end, &s);
	loop_round(l, -1);
	assert_string_equal(s.trace, "ETPetp.");
	loop_round(l, 0);
	loop_at_round_end(l, NULL, NULL);
	loop_round(l, 0);
	assert_string_equal(s.trace, "ETPetp..");
	loop_unwatch(l, &s.watch);
	close(fds[0]);
	close(fds[1]);
	loop_free(&l);
}

static void free_task(struct task *t)
{
	free(t);
}

static void a_task_may_free_itself(void **state)
{
	struct loop *l = loop_create();

	(void)state;
	for (int i = 0; i < 6; i++) {
		struct task *t = calloc(1, sizeof(*t));

		assert_non_null(t);
		t->run = free_task;
		if (i % 2 == 0)
			loop_defer(l, t);
		else
			assert_true(loop_post(l, t));
	}
	loop_round(l, 0);
	loop_free(&l);
}

/* --- posted tasks --- */

enum { POSTERS = 4, EACH = 4000 };

struct flood;

struct drop {
	struct task task; /* first: run() gets it */
	struct flood *flood;
	int poster, number;
};

struct flood {
	struct loop *loop;
	struct drop *drops[POSTERS];
	int next[POSTERS]; /* the number that has to come next */
	int left;
	atomic_int posters;
};

static void drop_run(struct task *t)
{
	struct drop *d = (struct drop *)t;

	assert_int_equal(d->number, d->flood->next[d->poster]);
	d->flood->next[d->poster]++;
	if (--d->flood->left == 0)
		loop_stop(d->flood->loop);
}

static void *flood_thread(void *arg)
{
	struct flood *f = arg;
	int poster = atomic_fetch_add(&f->posters, 1);

	for (int i = 0; i < EACH; i++) {
		struct drop *d = &f->drops[poster][i];

		*d = (struct drop){ .task.run = drop_run, .flood = f, .poster = poster, .number = i };
		if (!loop_post(f->loop, &d->task))
			abort(); /* an assert of cmocka belongs to the main thread */
	}
	return NULL;
}

static void a_flood_from_four_threads_keeps_their_order(void **state)
{
	struct flood f = { .loop = loop_create(), .left = POSTERS * EACH };
	pthread_t threads[POSTERS];

	(void)state;
	for (int i = 0; i < POSTERS; i++) {
		f.drops[i] = calloc(EACH, sizeof(struct drop));
		assert_non_null(f.drops[i]);
	}
	for (int i = 0; i < POSTERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, flood_thread, &f), 0);
	loop_run(f.loop);
	for (int i = 0; i < POSTERS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(f.next[i], EACH);
		free(f.drops[i]);
	}
	loop_free(&f.loop);
}

struct contested {
	struct task task; /* first: run() gets it */
	struct loop *loop;
	int runs;            /* by the loop's thread */
	atomic_int accepted; /* posts that said true */
	atomic_int at_work;  /* posters */
};

static void contested_run(struct task *t)
{
	((struct contested *)t)->runs++;
}

static void *contested_thread(void *arg)
{
	struct contested *c = arg;

	for (int i = 0; i < EACH; i++) {
		if (loop_post(c->loop, &c->task))
			atomic_fetch_add(&c->accepted, 1);
	}
	atomic_fetch_sub(&c->at_work, 1);
	return NULL;
}

/* One task, four posters: each accepted post is one run. */
static void a_task_of_many_posters_runs_as_often_as_it_was_queued(void **state)
{
	struct contested c = { .task.run = contested_run, .loop = loop_create(), .at_work = POSTERS };
	pthread_t threads[POSTERS];

	(void)state;
	for (int i = 0; i < POSTERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, contested_thread, &c), 0);
	while (atomic_load(&c.at_work) > 0)
		loop_round(c.loop, 0);
	for (int i = 0; i < POSTERS; i++)
		pthread_join(threads[i], NULL);
	loop_round(c.loop, 0);
	assert_false(c.task.queued);
	assert_true(c.accepted > 0);
	assert_int_equal(c.runs, c.accepted);
	loop_free(&c.loop);
}

struct pingpong {
	struct task task; /* first: run() gets it */
	atomic_int pongs;
};

static void pong(struct task *t)
{
	atomic_fetch_add_explicit(&((struct pingpong *)t)->pongs, 1, memory_order_relaxed);
}

/* Each post meets the loop at another moment of falling asleep; a lost wake-up would hang. */
static void a_post_wakes_a_sleeping_loop(void **state)
{
	struct loop *l = loop_create();
	struct pingpong p = { .task.run = pong };
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, loop_thread, l), 0);
	for (int i = 0; i < 3000; i++) {
		assert_true(loop_post(l, &p.task));
		while (atomic_load_explicit(&p.pongs, memory_order_relaxed) <= i)
			sched_yield();
	}
	loop_stop(l);
	pthread_join(thread, NULL);
	loop_free(&l);
}

struct letter {
	struct task task; /* first: run() gets it */
	struct loop *loop;
	int text;              /* not atomic: handed over by the post */
	int read;
	atomic_bool delivered; /* relaxed: it orders nothing */
};

static void letter_run(struct task *t)
{
	struct letter *m = (struct letter *)t;

	m->read = m->text;
}

static void *letter_thread(void *arg)
{
	struct letter *m = arg;

	m->text = 42;
	if (loop_post(m->loop, &m->task))
		abort(); /* an assert of cmocka belongs to the main thread */
	atomic_store_explicit(&m->delivered, true, memory_order_relaxed);
	return NULL;
}

/* The post that finds the task queued still hands over what was written before it; the thread sanitizer knows. */
static void a_refused_post_hands_over_what_was_written(void **state)
{
	struct letter m = { .task.run = letter_run, .loop = loop_create() };
	pthread_t thread;

	(void)state;
	assert_true(loop_post(m.loop, &m.task));
	assert_int_equal(pthread_create(&thread, NULL, letter_thread, &m), 0);
	while (!atomic_load_explicit(&m.delivered, memory_order_relaxed))
		sched_yield();
	loop_round(m.loop, 0);
	assert_int_equal(m.read, 42);
	pthread_join(thread, NULL);
	loop_free(&m.loop);
}

/* --- stopping --- */

struct stopper {
	struct task task; /* first: run() gets it */
	struct loop *loop;
	int stops;
};

static void stop_run(struct task *t)
{
	struct stopper *s = (struct stopper *)t;

	s->stops++;
	loop_stop(s->loop);
}

static void a_stop_is_never_lost(void **state)
{
	struct loop *l = loop_create();
	struct stopper stop = { .task.run = stop_run, .loop = l };

	(void)state;
	loop_stop(l);
	loop_stop(l);
	loop_run(l); /* stopped before it began */
	loop_defer(l, &stop.task);
	loop_run(l); /* again: until the task */
	assert_int_equal(stop.stops, 1);
	for (int i = 0; i < 500; i++) {
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, loop_thread, l), 0);
		loop_stop(l);
		pthread_join(thread, NULL);
	}
	loop_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deferred_tasks_run_in_order_and_once),
		cmocka_unit_test(what_a_task_defers_runs_in_the_next_round),
		cmocka_unit_test(a_round_has_its_order),
		cmocka_unit_test(a_task_may_free_itself),
		cmocka_unit_test(a_flood_from_four_threads_keeps_their_order),
		cmocka_unit_test(a_task_of_many_posters_runs_as_often_as_it_was_queued),
		cmocka_unit_test(a_post_wakes_a_sleeping_loop),
		cmocka_unit_test(a_refused_post_hands_over_what_was_written),
		cmocka_unit_test(a_stop_is_never_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
