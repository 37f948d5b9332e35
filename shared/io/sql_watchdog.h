/* sql_watchdog.h - shuts the socket of a statement that passed its deadline.
 *
 * One thread per watchdog. Arming and disarming are a lock and a list operation; the thread is only woken
 * when a deadline is sooner than the time it would wake up anyway.
 */
#ifndef MOA_IO_SQL_WATCHDOG_H
#define MOA_IO_SQL_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

struct sql_watchdog;

/* One running statement; embedded in its connection. The fields are the watchdog's. */
struct sql_watch {
	struct sql_watch *prev, *next;
	int64_t deadline_us;
	int fd;
	bool fired;
};

/* NULL, and a logged reason, when there is no memory or no thread. */
struct sql_watchdog *sql_watchdog_create(void);
/* Everything must be disarmed. */
void sql_watchdog_free(struct sql_watchdog **w);

/* From now on <fd> is shut down (not closed) once <deadline_us> (monotonic) has passed. Any thread. */
void sql_watchdog_arm(struct sql_watchdog *w, struct sql_watch *watch, int fd, int64_t deadline_us);
/* Ends that, and says whether it was shut down. After this call the watchdog does not touch the descriptor any more,
 * so it may be closed. Any thread. */
bool sql_watchdog_disarm(struct sql_watchdog *w, struct sql_watch *watch);

#endif
