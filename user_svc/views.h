/* views.h - what user_svc has in own Redis: its neighbours' items and alarms, and the copies of its own users and visits.
 *
 * On a worker; each function is one round trip to own Redis.
 */
#ifndef USER_SVC_VIEWS_H
#define USER_SVC_VIEWS_H

#include <stddef.h>
#include <stdint.h>
#include "shared/events/shop.h"
#include "shared/svc/request.h"
#include "shared/svc/view.h"
#include "user_svc/user.h"
#include "user_svc/visit.h"

extern const struct view_spec *const user_views[]; /* ends with NULL */

/* The items as fragments; ptr NULL where the view has none. ERR_NOT_LOADED: the items view was never loaded. Notes a stale one. */
enum err MUST_CHECK views_items(struct request *rq, const uint32_t *item_ids, size_t count, struct slice *fragments);

/* The caller's alarm flags of <count> items; see alarm_flags_get(). */
enum err MUST_CHECK views_alarm_flags(struct request *rq, const uint32_t *item_ids, size_t count, enum alarm_flag *flags);

/* The stand-ins for store_caller(), store_users() and store_visits(). A token that the copy does not have is ERR_UNAVAILABLE. */
enum err MUST_CHECK views_own_caller(struct request *rq, struct slice token, uint32_t *id);
enum err MUST_CHECK views_own_users(struct request *rq, struct user_list *out);
enum err MUST_CHECK views_own_visits(struct request *rq, uint32_t user_id, struct visit **visits, size_t *count);

#endif
