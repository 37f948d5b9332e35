/* views.h - what item_svc has in own Redis: its neighbours' users and alarms, and the copy of its own items.
 *
 * On a worker; each function is one or two round trips to own Redis.
 */
#ifndef ITEM_SVC_VIEWS_H
#define ITEM_SVC_VIEWS_H

#include "item_svc/item.h"
#include "shared/svc/view.h"

extern const struct view_spec *const item_views[]; /* ends with NULL */

/* Who calls, by the users view. */
enum err MUST_CHECK views_auth(struct request *rq, struct slice token);

/* The caller's alarm flags of <count> items; see alarm_flags_get(). */
enum err MUST_CHECK views_alarm_flags(struct request *rq, const uint32_t *item_ids, size_t count, enum alarm_flag *flags);

/* The stand-in for store_items() and store_item(). ERR_UNAVAILABLE also for an item that it does not have. */
enum err MUST_CHECK views_own_items(struct request *rq, struct item_list *out);
enum err MUST_CHECK views_own_item(struct request *rq, uint32_t id, struct slice *fragment);

#endif
