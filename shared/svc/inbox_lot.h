/* inbox_lot.h - what an inbox sets aside of a batch, until it is stored with it, and the picture of all that was. Used by inbox.c only. */
#ifndef MOA_SVC_INBOX_LOT_H
#define MOA_SVC_INBOX_LOT_H

#include "shared/svc/inbox.h"

struct inbox_lot {
	const struct inbox_spec *spec;
	struct parked_entry entries[PARKED_BATCH]; /* of the batch that is being collected */
	size_t count;
	struct arena *arena;                       /* of their texts */
	struct parked *picture;
	int64_t looked_us;                         /* monotonic */
	int64_t warned_us;
};

void inbox_lot_init(struct inbox_lot *l, const struct inbox_spec *spec);
void inbox_lot_free(struct inbox_lot *l);
/* Decodes a record into *ev (<*good>), or sets it aside; <l> must have room. */
enum err MUST_CHECK inbox_lot_sort(struct inbox_lot *l, struct arena *a, const struct broker_record *r, struct event *ev, bool *good);
/* In the batch's transaction, which may run again. */
enum err MUST_CHECK inbox_lot_store(struct inbox_lot *l, struct sql_conn *c, struct arena *a);
/* The batch is stored, or will be read again. */
void inbox_lot_forget(struct inbox_lot *l);
/* At most once a second: renews the picture; empties the store if that was asked for. */
void inbox_lot_look(struct inbox_lot *l, struct sql_db *db);

#endif
