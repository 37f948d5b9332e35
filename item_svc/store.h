/* store.h - every SQL statement of item_svc. On a worker; the errors are those of own_read(). */
#ifndef ITEM_SVC_STORE_H
#define ITEM_SVC_STORE_H

#include <stdint.h>
#include "item_svc/item.h"
#include "shared/svc/relay.h"

/* Table item becomes topic moa.items. */
extern const struct owned_table item_outbox;

/* The part of the list that rq->page asks for, and the whole list's length. */
enum err MUST_CHECK store_items(struct request *rq, struct item_list *out);
/* One item as a fragment. ERR_NOT_FOUND: there is none. */
enum err MUST_CHECK store_item(struct request *rq, uint32_t id, struct slice *fragment);

#endif
