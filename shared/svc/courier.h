/* courier.h - moves records of a local spool to a topic: at least once, in order, and knows its log.
 *
 * One thread with a producer of its own. Each record goes out under the UUID of the topic's log (see logident.h), which is kept
 * in own MySQL, shared by all instances: the first delivery waits for it, later ones do without MySQL. A batch that went
 * to a new log is sent again under its new UUID. Records that cannot be delivered stay in the spool.
 */
#ifndef MOA_SVC_COURIER_H
#define MOA_SVC_COURIER_H

#include "shared/base/arena.h"
#include "shared/base/err.h"
#include "shared/base/slice.h"
#include "shared/io/spool.h"
#include "shared/svc/event.h"
#include "shared/svc/topic.h"

struct courier;
struct service;

struct courier_spec {
	const struct topic *topic;
	/* Event (domain, type, key, value, id, created_us) from a spool record; memory from <a>; the log is the courier's.
	 * A record that gives ERR_CORRUPT is counted and skipped. */
	enum err (*event)(struct slice record, struct arena *a, struct event *out);
};

/* All are borrowed until courier_stop(). */
struct courier *courier_start(struct service *s, const struct courier_spec *spec, struct spool *spool);
/* Delivers what it can within <drain_ms> and ends; a delivery under way may take some 3 s more. */
void courier_stop(struct courier **c, int drain_ms);

#endif
