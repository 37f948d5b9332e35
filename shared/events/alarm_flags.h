/* alarm_flags.h - the caller's alarm flags of items: the alarms view, and over it what the caller has just written itself. */
#ifndef MOA_EVENTS_ALARM_FLAGS_H
#define MOA_EVENTS_ALARM_FLAGS_H

#include <stddef.h>
#include <stdint.h>
#include "shared/base/err.h"
#include "shared/events/shop.h"
#include "shared/svc/request.h"
#include "shared/svc/view.h"

/* What is known of one alarm here. */
struct alarm_known {
	bool set;         /* there is a live entry */
	uint64_t version; /* of the entry or its tombstone; 0: neither is there */
	bool usable;      /* what is missing was never set: the caller is known and the view is loaded */
};

/* What the answer says, with <fact> (NULL: none) about that alarm; *laid: the fact is what it says. A fact makes its alarm known even
 * where the view was never loaded: the newer of fact and entry tells. Pure. */
enum alarm_flag alarm_flag_of(const struct alarm_known *known, const struct fact *fact, bool *laid);

/* Flags of <count> items; unknown, and noted as degraded, where that cannot be said. Fails only for lack of memory. On a worker; one
 * round trip to own Redis. */
enum err MUST_CHECK alarm_flags_get(struct request *rq, struct view *alarms, const uint32_t *item_ids, size_t count,
				    enum alarm_flag *flags);

#endif
