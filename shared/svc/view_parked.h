/* view_parked.h - keeps a view's parked events in own Redis, beside the position that goes past them.
 *
 *   m1:{alarms:3}:parked          sorted set: text of the event, by the time in µs at which it was parked; at most PARKED_KEPT
 *   m1:{alarms:3}:parked_dropped  how many older ones went because of that bound
 * A step of its own, taken before the position moves: taken twice it changes nothing, and a position never passes an event that
 * was not kept. Connections are the caller's.
 */
#ifndef MOA_SVC_VIEW_PARKED_H
#define MOA_SVC_VIEW_PARKED_H

#include "shared/base/arena.h"
#include "shared/base/err.h"
#include "shared/io/resp.h"
#include "shared/svc/parked.h"
#include "shared/svc/view.h"

/* Keeps <count> (at most PARKED_BATCH) events of partition <p>; those that are there already keep their time. ERR_FULL: Redis is out of
 * memory; ERR_UNAVAILABLE. Nothing may be outstanding on <c>. */
enum err MUST_CHECK view_park(struct view *v, struct resp_conn *c, struct arena *a, int32_t p, const struct parked_entry *entries,
			      size_t count);
/* Takes what is kept into the view's picture (view_parked()); empties the store first if that was asked for. */
enum err MUST_CHECK view_parked_look(struct view *v, struct resp_conn *c, struct arena *a);

#endif
