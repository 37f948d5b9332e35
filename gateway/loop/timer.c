/* timer.c - a wheel of timers for one event loop.
 *
 * Time is read as a number of eleven digits of 6 bits, which covers all of int64_t: nothing lies beyond the top wheel.
 * There is one wheel of 64 slots per digit. A timer is filed in the wheel of the highest digit in which its time differs
 * from the wheel's own, in the slot that this digit names. From this follows:
 * - a used slot lies ahead of the wheel's own digit, so no wheel ever wraps around;
 * - all timers of one wheel come before all timers of the next higher one: the lowest bit of the lowest bitmap that
 *   is not empty is the slot that comes next;
 * - when the wheel's time reaches a slot of a higher wheel, its timers differ only in lower digits: they are filed anew,
 *   further down, at most ten times in the life of one.
 */
#include "gateway/loop/timer.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

#include "shared/base/log.h"

#define DIGIT_BITS 6
#define SLOTS (1 << DIGIT_BITS) /* of one wheel: as many as a bitmap has bits */
#define WHEELS 11               /* digits of a 64-bit number */

struct timer_wheel {
	int64_t now_ms;        /* of the last run; what is filed in a slot is later */
	struct timer *late;    /* armed for now_ms or earlier: for the next run */
	struct timer *firing;  /* due in the run that is under way, and not fired yet */
	uint64_t used[WHEELS]; /* a bit per slot: it is not empty */
	struct timer *slots[WHEELS * SLOTS];
};

struct timer_wheel *timer_wheel_create(int64_t now_ms)
{
	struct timer_wheel *w = calloc(1, sizeof(*w));

	assert(now_ms >= 0);
	if (w == NULL) {
		log_error("memory.exhausted", "bytes=%zu", sizeof(*w));
		abort();
	}
	w->now_ms = now_ms;
	return w;
}

void timer_wheel_free(struct timer_wheel **w)
{
	free(*w);
	*w = NULL;
}

void timer_init(struct timer *t, void (*fire)(struct timer *t))
{
	assert(fire != NULL);
	*t = (struct timer){ .fire = fire };
}

bool timer_armed(const struct timer *t)
{
	return t->link != NULL;
}

static void timer_push(struct timer *t, struct timer **list)
{
	t->next = *list;
	t->link = list;
	if (t->next != NULL)
		t->next->link = &t->next;
	*list = t;
}

static void timer_unlink(struct timer_wheel *w, struct timer *t)
{
	/* beyond the array when <link> is inside a timer, or the head of another list */
	uintptr_t offset = (uintptr_t)t->link - (uintptr_t)w->slots;

	*t->link = t->next;
	if (t->next != NULL) {
		t->next->link = t->link;
	} else if (offset < sizeof(w->slots)) {
		size_t slot = offset / sizeof(w->slots[0]);

		w->used[slot / SLOTS] &= ~(1ULL << slot % SLOTS);
	}
	t->link = NULL;
}

static void timer_file(struct timer_wheel *w, struct timer *t)
{
	unsigned wheel, digit;

	t->filed_ms = t->due_ms;
	if (t->due_ms <= w->now_ms) {
		timer_push(t, &w->late);
		return;
	}
	wheel = (63 - (unsigned)__builtin_clzll((uint64_t)(t->due_ms ^ w->now_ms))) / DIGIT_BITS;
	digit = (unsigned)(t->due_ms >> wheel * DIGIT_BITS) % SLOTS;
	w->used[wheel] |= 1ULL << digit;
	timer_push(t, &w->slots[wheel * SLOTS + digit]);
}

void timer_arm(struct timer_wheel *w, struct timer *t, int64_t due_ms)
{
	t->due_ms = due_ms;
	if (timer_armed(t)) {
		/* It is looked at in time where it is. Not so when it is late: this run's list may hold it, and
		 * what is armed for now belongs to the next. */
		if (t->filed_ms <= due_ms && due_ms > w->now_ms)
			return;
		timer_unlink(w, t);
	}
	timer_file(w, t);
}

void timer_cancel(struct timer_wheel *w, struct timer *t)
{
	if (timer_armed(t))
		timer_unlink(w, t);
}

/* The used slot that comes next and the time at which it begins; -1 when all are empty. */
static int slot_next(const struct timer_wheel *w, int64_t *start_ms)
{
	for (int wheel = 0; wheel < WHEELS; wheel++) {
		if (w->used[wheel] != 0) {
			int digit = __builtin_ctzll(w->used[wheel]), shift = wheel * DIGIT_BITS;
			/* the bits above this digit; for the top wheel the shift leaves 0, and there are none */
			uint64_t above = (uint64_t)w->now_ms & -((uint64_t)SLOTS << shift);

			*start_ms = (int64_t)(above | (uint64_t)digit << shift);
			return wheel * SLOTS + digit;
		}
	}
	return -1;
}

int timer_wheel_wait_ms(const struct timer_wheel *w, int64_t now_ms)
{
	int64_t start_ms;

	if (w->late != NULL)
		return 0;
	if (slot_next(w, &start_ms) < 0)
		return -1;
	if (start_ms <= now_ms)
		return 0;
	return start_ms - now_ms > INT_MAX ? INT_MAX : (int)(start_ms - now_ms);
}

/* Empties <slot>, which the wheel's time has reached: what is due is linked at <end>, the rest is filed anew.
 * Returns the new end. */
static struct timer **slot_open(struct timer_wheel *w, int slot, struct timer **end)
{
	struct timer *next, *t = w->slots[slot];

	w->slots[slot] = NULL;
	w->used[slot / SLOTS] &= ~(1ULL << slot % SLOTS);
	for (; t != NULL; t = next) {
		next = t->next;
		if (t->due_ms <= w->now_ms) {
			timer_push(t, end);
			end = &t->next;
		} else {
			timer_file(w, t);
		}
	}
	return end;
}

/* Brings the wheel's time to <now_ms>, slot by used slot; what comes due goes to the list <firing>, in order of time,
 * and behind it what was late already. */
static void wheel_advance(struct timer_wheel *w, int64_t now_ms)
{
	struct timer **end = &w->firing;
	int64_t start_ms;
	int slot;

	while ((slot = slot_next(w, &start_ms)) >= 0 && start_ms <= now_ms) {
		w->now_ms = start_ms;
		end = slot_open(w, slot, end);
	}
	w->now_ms = now_ms;
	*end = w->late;
	if (w->late != NULL)
		w->late->link = end;
	w->late = NULL;
}

void timer_wheel_run(struct timer_wheel *w, int64_t now_ms)
{
	struct timer *t;

	assert(now_ms >= w->now_ms); /* the clock is monotonic */
	assert(w->firing == NULL);   /* not from within a timer */
	wheel_advance(w, now_ms);
	while ((t = w->firing) != NULL) {
		timer_unlink(w, t);
		if (t->due_ms > now_ms)
			timer_file(w, t); /* moved while it was late, or by one that fired before it */
		else
			t->fire(t);
	}
}
