/* parked.h - events that nobody could understand: as what they are kept, and what of them is shown on the admin port.
 *
 * Where they are kept is the business of whoever reads the topic, beside its position: a view in own Redis (view_parked.h), an
 * inbox in own MySQL. A struct parked is the picture of it in memory, made anew about once a second; any thread may use it.
 */
#ifndef MOA_SVC_PARKED_H
#define MOA_SVC_PARKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "shared/base/arena.h"
#include "shared/base/jsonw.h"
#include "shared/base/slice.h"
#include "shared/io/broker.h"
#include "shared/svc/topic.h"

#define PARKED_KEPT 64         /* of one partition, in the store; beyond, the oldest goes and is counted */
#define PARKED_SHOWN 20        /* of one topic */
#define PARKED_BATCH 64        /* kept in one step */
#define PARKED_KEY_BYTES 256   /* of a record's key that are kept */
#define PARKED_VALUE_BYTES 2048
#define PARKED_HEADER_BYTES 128

struct parked_entry {
	int64_t time_us;   /* wall clock: when it was parked first */
	struct slice text; /* a JSON object: see parked_text() */
};

/* {"partition","offset","reason","key","headers":{…},"value_base64","value_bytes"}; value_bytes null: the record has no value. The same
 * record gives the same text, so a store that holds it already need not take it again. SLICE_NONE beyond the arena's limit. */
struct slice parked_text(struct arena *a, const struct broker_record *r, const char *reason);

struct parked;

struct parked *parked_create(const struct topic *t); /* borrowed */
void parked_free(struct parked **p);
/* What the store holds now: its newest entries in any order (sorted here, and those that are no JSON objects left out), how many
 * there are in all, and how many went because of the bound. */
void parked_show(struct parked *p, struct parked_entry *entries, size_t count, uint64_t kept, uint64_t dropped);
/* {"topic","kept","dropped","newest":[{"time",…the entry…}…]}, newest first. */
void parked_write(struct parked *p, struct jsonw *w);
uint64_t parked_kept(const struct parked *p);
uint64_t parked_dropped(const struct parked *p);

/* An operator has seen them: the store is to be emptied. True once for each time that it was asked for. */
void parked_ask_clear(struct parked *p);
bool parked_must_clear(struct parked *p);

#endif
