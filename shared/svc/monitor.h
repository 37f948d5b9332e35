/* monitor.h - looks at the positions of all views of a service five times a second, for view_state_get(). */
#ifndef MOA_SVC_MONITOR_H
#define MOA_SVC_MONITOR_H

#include <stddef.h>
#include "shared/io/resp.h"
#include "shared/svc/view.h"

struct monitor;

/* <views> is copied; all are borrowed. */
struct monitor *monitor_start(struct resp_db *redis, struct view *const *views, size_t count);
void monitor_stop(struct monitor **m);

#endif
