/* item.h - what the item domain knows without asking anybody: pages of items, and what a visit is. Pure. */
#ifndef ITEM_SVC_ITEM_H
#define ITEM_SVC_ITEM_H

#include <stddef.h>
#include <stdint.h>
#include "shared/base/slice.h"
#include "shared/events/shop.h"
#include "shared/svc/request.h"

/* Items of an answer, id descending; arrays of <count> in the request's arena. */
struct item_list {
	uint64_t total;          /* of the whole list, of which this is a part */
	size_t count;
	uint32_t *ids;
	struct slice *fragments; /* see shop_item_fragment() */
};

/* The visit that this request makes, under event id <id>; the hash is made in the request's arena. */
struct visit_event item_visit(const struct request *rq, uint32_t item_id, struct slice id, int64_t now_us);

#endif
