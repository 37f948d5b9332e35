/* timer.h - a wheel of timers for one event loop: arming, moving and cancelling cost a few instructions.
 *
 * Hierarchical timing wheels after Varghese and Lauck (SOSP 1987), with a bitmap per wheel so that the
 * next one is found without stepping. A timer that is moved to a later time stays where it is and is filed
 * anew when its old time comes: deadlines of connections move with each request and rarely fire.
 * One thread. A timer is part of the struct that owns it; the wheel never frees anything.
 */
#ifndef MOA_GATEWAY_LOOP_TIMER_H
#define MOA_GATEWAY_LOOP_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct timer {
	struct timer *next;
	struct timer **link; /* what points at this timer; NULL: not armed */
	int64_t due_ms;      /* when it is to fire, monotonic */
	int64_t filed_ms;    /* when the wheel looks at it: never after due_ms */
	void (*fire)(struct timer *t);
};

struct timer_wheel;

struct timer_wheel *timer_wheel_create(int64_t now_ms); /* out of memory aborts */
void timer_wheel_free(struct timer_wheel **w); /* armed timers are forgotten */

void timer_init(struct timer *t, void (*fire)(struct timer *t));
/* Fires once, at the first timer_wheel_run() at or after <due_ms>; arms, or moves an armed timer either way. */
void timer_arm(struct timer_wheel *w, struct timer *t, int64_t due_ms);
void timer_cancel(struct timer_wheel *w, struct timer *t); /* nothing happens when it is not armed */
bool timer_armed(const struct timer *t);

/* Milliseconds until timer_wheel_run() may have something to do: 0 now, -1 when no timer is armed. May be too
 * early, never too late. */
int timer_wheel_wait_ms(const struct timer_wheel *w, int64_t now_ms);
/* Fires what is due, each timer disarmed first; timers may arm, cancel and free timers, themselves included.
 * What is armed for now or earlier meanwhile waits for the next call. */
void timer_wheel_run(struct timer_wheel *w, int64_t now_ms);

#endif
