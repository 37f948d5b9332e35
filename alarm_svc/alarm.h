/* alarm.h - the rules of the alarm domain: on what an alarm can be set, and what a user's list shows. Pure. */
#ifndef ALARM_SVC_ALARM_H
#define ALARM_SVC_ALARM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "shared/base/err.h"
#include "shared/base/slice.h"
#include "shared/svc/request.h"
#include "shared/svc/view.h"

/* The items that a user set an alarm on, id descending. */
struct alarm_list {
	size_t count;
	uint32_t *item_ids;
	struct slice *fragments; /* as the items view has them; ptr NULL where it has no such item */
	uint64_t total;          /* set by alarm_list_cut() */
};

/* Whether an alarm can be set on an item that is <known> to, or missing from, an items view in state <st>.
 *   ERR_NOT_FOUND   a fresh view does not have it: there is none
 *   ERR_NOT_LOADED  it cannot be said
 */
enum err MUST_CHECK alarm_check_item(bool known, const struct view_state *st);

/* Puts the item into the list or takes it out, whatever was there; in no order. There must be room for one more. */
void alarm_list_put(struct alarm_list *list, uint32_t item_id, bool set);

/* Leaves out items that the view does not have, counts what is left, then cuts it down to <page>. In place. */
void alarm_list_cut(struct alarm_list *list, const struct page *page);

#endif
