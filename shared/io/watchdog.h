/* watchdog.h - shuts sockets whose peer has not done its part by a deadline.
 *
 * One thread per watchdog. Arming and disarming are a lock and a list operation; the thread is only woken
 * when a deadline is sooner than the time it would wake up anyway.
 */
#ifndef MOA_IO_WATCHDOG_H
#define MOA_IO_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

struct watchdog;

/* One socket that is waited for; embedded in its connection. The fields are the watchdog's. */
struct watch {
	struct watch *prev, *next;
	int64_t deadline_us;
	int fd, how;
	bool fired;
};

/* NULL, and a logged reason, when there is no memory or no thread. Its thread blocks all signals. */
struct watchdog *watchdog_create(void);
/* Everything must be disarmed. */
void watchdog_free(struct watchdog **w);

/* From now on <fd> is shut down (not closed) once <deadline_us> (monotonic) has passed; <how> is shutdown()'s. Any thread. */
void watchdog_arm(struct watchdog *w, struct watch *watch, int fd, int how, int64_t deadline_us);
/* Ends that, and says whether it was shut down. After this call the watchdog does not touch the descriptor any more,
 * so it may be closed. Any thread. */
bool watchdog_disarm(struct watchdog *w, struct watch *watch);

#endif
