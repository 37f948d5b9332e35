/* views.h - what alarm_svc has in own Redis: its neighbours' users and items, and the copy of its own alarms.
 *
 * On a worker; each function is one round trip to own Redis.
 */
#ifndef ALARM_SVC_VIEWS_H
#define ALARM_SVC_VIEWS_H

#include "alarm_svc/alarm.h"
#include "shared/svc/request.h"
#include "shared/svc/view.h"

extern const struct view_spec *const alarm_views[]; /* ends with NULL */

/* Who calls, by the users view. */
enum err MUST_CHECK views_auth(struct request *rq, struct slice token);

/* Whether an alarm can be set on the item; see alarm_check_item(). Notes a stale items view. */
enum err MUST_CHECK views_check_item(struct request *rq, uint32_t item_id);

/* The items of <list> as fragments. ERR_NOT_LOADED: the items view was never loaded. Notes a stale one. */
enum err MUST_CHECK views_items(struct request *rq, struct alarm_list *list);

/* The stand-in for store_alarm_items(), with the caller's own facts laid over it. One round trip more where there are such. */
enum err MUST_CHECK views_own_alarm_items(struct request *rq, uint32_t user_id, struct alarm_list *out);

#endif
