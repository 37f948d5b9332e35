/* timer_test.c - the wheel of timers: exact times, moving, what a timer may do while it fires, and a naive model. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/loop/timer.h"
#include "tests/unit/support/process.h"

#define HOUR_MS ((int64_t)3600 * 1000)
#define YEAR_MS (365 * 24 * HOUR_MS)

struct probe {
	struct timer timer; /* first: fire() gets it */
	struct timer_wheel *wheel;
	struct probe *other;
	int64_t arm_ms; /* for what fires to arm */
	int fired;
};

static void count_fire(struct timer *t)
{
	((struct probe *)t)->fired++;
}

static void probe_init(struct probe *p, struct timer_wheel *w, void (*fire)(struct timer *t))
{
	*p = (struct probe){ .wheel = w };
	timer_init(&p->timer, fire);
}

static void fires_once_and_never_early(void **state)
{
	/* around the edges of the wheels, and beyond the lower ones */
	const int64_t waits[] = { 1, 2, 62, 63, 64, 65, 4095, 4096, 4097, 262143, 262144, 262145, HOUR_MS, 20 * YEAR_MS };
	const int64_t starts[] = { 0, 1, 63, 64, 4095, 1000000007, ((int64_t)1 << 36) - 1, (int64_t)1 << 36 };

	(void)state;
	for (size_t s = 0; s < sizeof(starts) / sizeof(starts[0]); s++) {
		struct timer_wheel *w = timer_wheel_create(starts[s]);
		int64_t now_ms = starts[s];
		struct probe p;

		probe_init(&p, w, count_fire);
		assert_false(timer_armed(&p.timer));
		for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
			int64_t due_ms = now_ms + waits[i];

			p.fired = 0;
			timer_arm(w, &p.timer, due_ms);
			assert_true(timer_armed(&p.timer));
			timer_wheel_run(w, due_ms - 1);
			assert_int_equal(p.fired, 0);
			timer_wheel_run(w, due_ms);
			assert_int_equal(p.fired, 1);
			assert_false(timer_armed(&p.timer));
			timer_wheel_run(w, due_ms + 1);
			assert_int_equal(p.fired, 1);
			now_ms = due_ms + 1;
		}
		timer_wheel_free(&w);
		assert_null(w);
	}
}

/* Whoever sleeps as told wakes a few times for higher wheels, and in time. */
static void waits_lead_to_the_moment(void **state)
{
	const int64_t waits[] = { 1, 63, 64, 100, 5000, 30000, HOUR_MS, 24 * HOUR_MS, 49 * 24 * HOUR_MS };

	(void)state;
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		int64_t start_ms = 987654321, now_ms = start_ms;
		struct timer_wheel *w = timer_wheel_create(now_ms);
		struct probe p;
		int steps = 0;

		probe_init(&p, w, count_fire);
		assert_int_equal(timer_wheel_wait_ms(w, now_ms), -1);
		timer_arm(w, &p.timer, now_ms + waits[i]);
		while (p.fired == 0) {
			int wait_ms = timer_wheel_wait_ms(w, now_ms);

			assert_true(wait_ms > 0 && now_ms + wait_ms <= start_ms + waits[i]);
			now_ms += wait_ms;
			timer_wheel_run(w, now_ms);
			assert_true(++steps <= 11);
		}
		assert_true(now_ms == start_ms + waits[i]);
		assert_int_equal(timer_wheel_wait_ms(w, now_ms), -1);
		timer_wheel_free(&w);
	}
}

static void the_end_of_time_can_be_armed(void **state)
{
	struct timer_wheel *w = timer_wheel_create(5000);
	struct probe p, soon;

	(void)state;
	probe_init(&p, w, count_fire);
	probe_init(&soon, w, count_fire);
	timer_arm(w, &p.timer, INT64_MAX);
	assert_int_equal(timer_wheel_wait_ms(w, 5000), INT_MAX);
	timer_arm(w, &soon.timer, 5010);
	assert_int_equal(timer_wheel_wait_ms(w, 5000), 10);
	timer_wheel_run(w, 1000 * YEAR_MS);
	assert_int_equal(p.fired, 0);
	assert_int_equal(soon.fired, 1);
	timer_wheel_run(w, INT64_MAX - 1);
	assert_int_equal(p.fired, 0);
	assert_in_range(timer_wheel_wait_ms(w, INT64_MAX - 1), 0, 1);
	timer_wheel_run(w, INT64_MAX);
	assert_int_equal(p.fired, 1);
	timer_wheel_free(&w);
}

static void the_past_fires_at_the_next_run(void **state)
{
	struct timer_wheel *w = timer_wheel_create(1000);
	struct probe p[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		probe_init(&p[i], w, count_fire);
	timer_arm(w, &p[0].timer, 1000);
	timer_arm(w, &p[1].timer, 3);
	timer_arm(w, &p[2].timer, INT64_MIN);
	assert_int_equal(timer_wheel_wait_ms(w, 1000), 0);
	timer_wheel_run(w, 1000);
	for (int i = 0; i < 3; i++)
		assert_int_equal(p[i].fired, 1);
	assert_int_equal(timer_wheel_wait_ms(w, 1000), -1);
	timer_wheel_free(&w);
}

static void moves_later_and_earlier(void **state)
{
	struct timer_wheel *w = timer_wheel_create(0);
	struct probe p;

	(void)state;
	probe_init(&p, w, count_fire);
	timer_arm(w, &p.timer, 100);
	for (int64_t due_ms = 101; due_ms < 5000; due_ms++) {
		timer_arm(w, &p.timer, due_ms);
		assert_int_equal(p.timer.filed_ms, 100); /* it stays where it is */
	}
	timer_wheel_run(w, 4998);
	assert_int_equal(p.fired, 0);
	timer_wheel_run(w, 4999);
	assert_int_equal(p.fired, 1);
	timer_arm(w, &p.timer, 90000);
	timer_arm(w, &p.timer, 6000);
	timer_arm(w, &p.timer, 6001);
	timer_wheel_run(w, 6000);
	assert_int_equal(p.fired, 1);
	timer_wheel_run(w, 6001);
	assert_int_equal(p.fired, 2);
	timer_wheel_run(w, 100000);
	assert_int_equal(p.fired, 2);
	timer_wheel_free(&w);
}

static void late_ones_can_be_moved_and_cancelled(void **state)
{
	struct timer_wheel *w = timer_wheel_create(1000);
	struct probe p[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		probe_init(&p[i], w, count_fire);
		timer_arm(w, &p[i].timer, 900);
	}
	timer_arm(w, &p[0].timer, 1500);
	timer_cancel(w, &p[1].timer);
	timer_wheel_run(w, 1000);
	assert_int_equal(p[0].fired, 0);
	assert_int_equal(p[1].fired, 0);
	assert_int_equal(p[2].fired, 1);
	timer_wheel_run(w, 1500);
	assert_int_equal(p[0].fired, 1);
	assert_int_equal(timer_wheel_wait_ms(w, 1500), -1);
	timer_wheel_free(&w);
}

static void cancelled_is_forgotten(void **state)
{
	struct timer_wheel *w = timer_wheel_create(0);
	struct probe p[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		probe_init(&p[i], w, count_fire);
		timer_cancel(w, &p[i].timer); /* not armed: nothing happens */
		timer_arm(w, &p[i].timer, i < 3 ? 50 : 50000);
	}
	timer_cancel(w, &p[1].timer); /* the middle, the first and the last of one slot */
	timer_cancel(w, &p[2].timer);
	timer_cancel(w, &p[2].timer);
	timer_cancel(w, &p[0].timer);
	timer_cancel(w, &p[3].timer);
	assert_false(timer_armed(&p[0].timer));
	assert_int_equal(timer_wheel_wait_ms(w, 0), -1);
	timer_wheel_run(w, 60000);
	for (int i = 0; i < 4; i++)
		assert_int_equal(p[i].fired, 0);
	timer_wheel_free(&w);
	timer_wheel_free(&w);
}

struct order {
	struct timer timer;
	int64_t *last_ms;
};

static void check_order(struct timer *t)
{
	int64_t *last_ms = ((struct order *)t)->last_ms;

	assert_true(*last_ms <= t->due_ms);
	*last_ms = t->due_ms;
}

/* Not promised, but nobody is surprised when the earlier of two timeouts wins after a pause. */
static void a_jump_fires_in_order_of_time(void **state)
{
	struct timer_wheel *w = timer_wheel_create(777);
	struct order orders[200];
	int64_t last_ms = 0;

	(void)state;
	srandom(5);
	for (int i = 0; i < 200; i++) {
		orders[i].last_ms = &last_ms;
		timer_init(&orders[i].timer, check_order);
		timer_arm(w, &orders[i].timer, 778 + random() % (i < 100 ? 1000 : 10000000));
	}
	timer_wheel_run(w, 777 + 10000001);
	assert_int_equal(timer_wheel_wait_ms(w, 777 + 10000001), -1);
	assert_true(last_ms > 0);
	timer_wheel_free(&w);
}

static void rearm_self(struct timer *t)
{
	struct probe *p = (struct probe *)t;

	assert_false(timer_armed(t));
	p->fired++;
	timer_arm(p->wheel, t, p->arm_ms);
}

static void armed_again_for_now_waits_for_the_next_run(void **state)
{
	struct timer_wheel *w = timer_wheel_create(0);
	struct probe p;

	(void)state;
	probe_init(&p, w, rearm_self);
	timer_arm(w, &p.timer, 10);
	p.arm_ms = 10;
	for (int i = 1; i < 5; i++) {
		timer_wheel_run(w, 10);
		assert_int_equal(p.fired, i);
		assert_int_equal(timer_wheel_wait_ms(w, 10), 0);
	}
	p.arm_ms = 30;
	timer_wheel_run(w, 20);
	assert_int_equal(p.fired, 5);
	timer_wheel_run(w, 29);
	assert_int_equal(p.fired, 5);
	timer_wheel_run(w, 30);
	assert_int_equal(p.fired, 6);
	timer_wheel_free(&w);
}

static void cancel_other(struct timer *t)
{
	struct probe *p = (struct probe *)t;

	p->fired++;
	timer_cancel(p->wheel, &p->other->timer);
}

/* Of two that are due, whichever fires first keeps the other one from firing. */
static void a_firing_timer_cancels_another_that_is_due(void **state)
{
	struct timer_wheel *w = timer_wheel_create(0);
	struct probe a, b;

	(void)state;
	for (int b_due_ms = 99; b_due_ms <= 101; b_due_ms++) {
		probe_init(&a, w, cancel_other);
		probe_init(&b, w, cancel_other);
		a.other = &b;
		b.other = &a;
		timer_arm(w, &a.timer, 100);
		timer_arm(w, &b.timer, b_due_ms);
		timer_wheel_run(w, 200);
		assert_int_equal(a.fired + b.fired, 1);
		assert_int_equal(timer_wheel_wait_ms(w, 200), -1);
		timer_wheel_free(&w);
		w = timer_wheel_create(0);
	}
	timer_wheel_free(&w);
}

static void arm_other(struct timer *t)
{
	struct probe *p = (struct probe *)t;

	p->fired++;
	timer_arm(p->wheel, &p->other->timer, p->arm_ms);
}

static void a_firing_timer_moves_another_that_is_due(void **state)
{
	const int64_t moved_ms[] = { 50, 150, 200, 201, 5000 }; /* at 200 */

	(void)state;
	for (size_t i = 0; i < sizeof(moved_ms) / sizeof(moved_ms[0]); i++) {
		struct timer_wheel *w = timer_wheel_create(0);
		struct probe first, second;

		probe_init(&first, w, arm_other);
		probe_init(&second, w, count_fire);
		first.other = &second;
		first.arm_ms = moved_ms[i];
		timer_arm(w, &first.timer, 100);
		timer_arm(w, &second.timer, 101);
		timer_wheel_run(w, 200);
		assert_int_equal(first.fired, 1);
		assert_int_equal(second.fired, 0); /* what is armed meanwhile, even for now, waits */
		timer_wheel_run(w, moved_ms[i] > 200 ? moved_ms[i] - 1 : 200);
		assert_int_equal(second.fired, moved_ms[i] <= 200);
		timer_wheel_run(w, 5000);
		assert_int_equal(second.fired, 1);
		timer_wheel_free(&w);
	}
}

static void free_both(struct timer *t)
{
	struct probe *p = (struct probe *)t;

	timer_cancel(p->wheel, &p->other->timer);
	free(p->other);
	free(p);
}

static void a_firing_timer_frees_itself_and_others(void **state)
{
	struct timer_wheel *w = timer_wheel_create(0);
	struct probe *a = malloc(sizeof(*a)), *b = malloc(sizeof(*b)), bystander;

	(void)state;
	assert_true(a != NULL && b != NULL);
	probe_init(a, w, free_both);
	probe_init(b, w, free_both);
	probe_init(&bystander, w, count_fire);
	a->other = b;
	b->other = a;
	timer_arm(w, &a->timer, 7);
	timer_arm(w, &b->timer, 7);
	timer_arm(w, &bystander.timer, 7);
	timer_wheel_run(w, 7);
	assert_int_equal(bystander.fired, 1);
	assert_int_equal(timer_wheel_wait_ms(w, 7), -1);
	timer_wheel_free(&w);
}

/* --- a naive model: each timer has a due time, and whatever is due at a run's start fires --- */

enum { ACTORS = 60, OPERATIONS = 6000 };

struct actor {
	struct timer timer; /* on the heap: the sanitizer sees a use of what was freed */
	struct stage *stage;
	int index;
};

struct stage {
	struct timer_wheel *wheel;
	int64_t now_ms;
	uint64_t seed;
	bool running;
	struct actor *actors[ACTORS];
	struct expected {
		bool armed;
		bool next_run; /* armed during the current one */
		int64_t due_ms;
	} expected[ACTORS];
};

static uint64_t stage_random(struct stage *s, uint64_t below)
{
	s->seed = s->seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (s->seed >> 33) % below;
}

/* Mostly near, sometimes in the past, now and then far beyond what is usual. */
static int64_t stage_wait_ms(struct stage *s)
{
	switch (stage_random(s, 10)) {
	case 0:
		return -(int64_t)stage_random(s, 100);
	case 1:
		return 0;
	case 2:
	case 3:
		return (int64_t)stage_random(s, 5 * (uint64_t)HOUR_MS);
	case 4:
		return (int64_t)stage_random(s, 1ULL << 30) * (int64_t)(1 + stage_random(s, 1 << 20));
	default:
		return (int64_t)stage_random(s, 1ULL << stage_random(s, 18));
	}
}

static void actor_fire(struct timer *t);

static void actor_new(struct stage *s, int index)
{
	struct actor *a = malloc(sizeof(*a));

	assert_non_null(a);
	*a = (struct actor){ .stage = s, .index = index };
	timer_init(&a->timer, actor_fire);
	s->actors[index] = a;
	s->expected[index].armed = false;
}

static void act(struct stage *s, int index)
{
	struct expected *e = &s->expected[index];

	switch (stage_random(s, 8)) {
	case 0:
		timer_cancel(s->wheel, &s->actors[index]->timer);
		e->armed = false;
		break;
	case 1:
		timer_cancel(s->wheel, &s->actors[index]->timer);
		free(s->actors[index]);
		actor_new(s, index);
		break;
	default:
		*e = (struct expected){ .armed = true, .next_run = s->running, .due_ms = s->now_ms + stage_wait_ms(s) };
		timer_arm(s->wheel, &s->actors[index]->timer, e->due_ms);
	}
}

static void actor_fire(struct timer *t)
{
	struct actor *a = (struct actor *)t;
	struct stage *s = a->stage;
	struct expected *e = &s->expected[a->index];

	assert_true(s->running && e->armed && e->due_ms <= s->now_ms && !e->next_run);
	assert_false(timer_armed(t));
	e->armed = false;
	if (stage_random(s, 2) == 0)
		act(s, a->index);
	if (stage_random(s, 4) == 0)
		act(s, (int)stage_random(s, ACTORS));
}

static void stage_run(struct stage *s)
{
	s->running = true;
	for (int i = 0; i < ACTORS; i++)
		s->expected[i].next_run = false;
	timer_wheel_run(s->wheel, s->now_ms);
	s->running = false;
}

/* What is armed, and that the wheel's wait is never too long. */
static void stage_check(const struct stage *s, bool after_run)
{
	int64_t first_ms = INT64_MAX;
	bool any = false;
	int wait_ms = timer_wheel_wait_ms(s->wheel, s->now_ms);

	for (int i = 0; i < ACTORS; i++) {
		const struct expected *e = &s->expected[i];

		assert_int_equal(timer_armed(&s->actors[i]->timer), e->armed);
		if (!e->armed)
			continue;
		assert_true(!after_run || e->due_ms > s->now_ms || e->next_run);
		any = true;
		if (e->due_ms < first_ms)
			first_ms = e->due_ms;
	}
	if (!any)
		assert_int_equal(wait_ms, -1);
	else if (first_ms <= s->now_ms)
		assert_int_equal(wait_ms, 0);
	else
		assert_true(wait_ms >= 0 && wait_ms <= first_ms - s->now_ms);
}

/* Time goes on by what the wheel says, by a little, to a timer's exact time or the moment before, or by hours and years. */
static void stage_step(struct stage *s)
{
	const struct expected *e = &s->expected[stage_random(s, ACTORS)];
	int64_t to_ms = s->now_ms;
	int wait_ms;

	switch (stage_random(s, 8)) {
	case 0:
		to_ms += (int64_t)stage_random(s, 10 * (uint64_t)HOUR_MS);
		break;
	case 1:
		to_ms += stage_random(s, 50) == 0 ? (int64_t)stage_random(s, 3 * (uint64_t)YEAR_MS) : 0;
		break;
	case 2:
	case 3:
		if (e->armed && e->due_ms < s->now_ms + HOUR_MS)
			to_ms = e->due_ms - (int64_t)stage_random(s, 2);
		break;
	case 4:
	case 5:
		wait_ms = timer_wheel_wait_ms(s->wheel, s->now_ms);
		to_ms += wait_ms > 0 ? wait_ms : 0;
		break;
	default:
		to_ms += (int64_t)stage_random(s, 200);
	}
	if (to_ms > s->now_ms)
		s->now_ms = to_ms;
}

static void behaves_like_a_naive_model(void **state)
{
	const int64_t starts[] = { 0, 86400000, ((int64_t)1 << 24) - 3, ((int64_t)1 << 42) - 50000 };

	(void)state;
	for (uint64_t seed = 1; seed <= 24; seed++) {
		struct stage s = { .seed = seed, .now_ms = starts[seed % 4] };

		s.wheel = timer_wheel_create(s.now_ms);
		for (int i = 0; i < ACTORS; i++)
			actor_new(&s, i);
		for (int i = 0; i < OPERATIONS; i++) {
			for (int n = (int)stage_random(&s, 4); n > 0; n--)
				act(&s, (int)stage_random(&s, ACTORS));
			stage_check(&s, false);
			stage_step(&s);
			stage_run(&s);
			stage_check(&s, true);
		}
		timer_wheel_free(&s.wheel);
		for (int i = 0; i < ACTORS; i++)
			free(s.actors[i]);
	}
}

static void create_before_time(void *arg)
{
	(void)arg;
	timer_wheel_create(-1);
}

static void run_backwards(void *arg)
{
	(void)arg;
	timer_wheel_run(timer_wheel_create(10), 9);
}

static void run_within(struct timer *t)
{
	timer_wheel_run(((struct probe *)t)->wheel, 10);
}

static void run_from_a_timer(void *arg)
{
	struct timer_wheel *w = timer_wheel_create(0);
	struct probe p[2];

	(void)arg;
	for (int i = 0; i < 2; i++) {
		probe_init(&p[i], w, run_within);
		timer_arm(w, &p[i].timer, 10);
	}
	timer_wheel_run(w, 10);
}

static void init_without_function(void *arg)
{
	struct timer t;

	(void)arg;
	timer_init(&t, NULL);
}

static void misuse_ends_the_process(void **state)
{
	(void)state;
	assert_true(dies(create_before_time, NULL));
	assert_true(dies(run_backwards, NULL));
	assert_true(dies(run_from_a_timer, NULL));
	assert_true(dies(init_without_function, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fires_once_and_never_early),
		cmocka_unit_test(waits_lead_to_the_moment),
		cmocka_unit_test(the_end_of_time_can_be_armed),
		cmocka_unit_test(the_past_fires_at_the_next_run),
		cmocka_unit_test(moves_later_and_earlier),
		cmocka_unit_test(late_ones_can_be_moved_and_cancelled),
		cmocka_unit_test(cancelled_is_forgotten),
		cmocka_unit_test(a_jump_fires_in_order_of_time),
		cmocka_unit_test(armed_again_for_now_waits_for_the_next_run),
		cmocka_unit_test(a_firing_timer_cancels_another_that_is_due),
		cmocka_unit_test(a_firing_timer_moves_another_that_is_due),
		cmocka_unit_test(a_firing_timer_frees_itself_and_others),
		cmocka_unit_test(behaves_like_a_naive_model),
		cmocka_unit_test(misuse_ends_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
