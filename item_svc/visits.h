/* visits.h - remembers visits: a record in the local spool, from which a courier takes it to moa.visits. */
#ifndef ITEM_SVC_VISITS_H
#define ITEM_SVC_VISITS_H

#include <stdint.h>
#include "shared/svc/request.h"

struct jsonw;
struct service;
struct visits;

/* Opens the spool and starts the courier; a spool that cannot be opened now is tried again with later visits. */
struct visits *visits_start(struct service *s);
/* After the last request. Delivers what it can within 2 s. */
void visits_stop(struct visits **v);

/* Remembers that the caller looks at the item: one write() to a local file; the answer tells of it in Consistency-Token. Never fails
 * the request: a visit that cannot be kept is counted and logged, and not told of. On a worker. */
void visits_record(struct visits *v, struct request *rq, uint32_t item_id);

/* "spool":{"state","lost","dropped"}. The state is that of the last visit, or of opening the spool: "up", "full" (no room on the
 * disk), "down"; lost could not be written, dropped went with the oldest segment of a spool at its bound. Any thread. */
void visits_tell(const struct visits *v, struct jsonw *w);

#endif
