/* token.h - read your own writes: the facts that a request brings in Consistency-Token, and the one that its answer takes along.
 *
 * A fact says what its sender has just written (base/facts.h has the form). It is the sender's word: it changes what that one answer
 * says, and nothing that is kept. A reader lays it over what it knows wherever its own version is lower.
 * What cannot be true is left out like what is malformed: versions have 16 digits at most, visits are not a day ahead of our clock.
 */
#ifndef MOA_SVC_TOKEN_H
#define MOA_SVC_TOKEN_H

#include <stdbool.h>
#include <stdint.h>
#include "shared/base/facts.h"
#include "shared/base/slice.h"
#include "shared/svc/request.h"

struct metrics;

#define TOKEN_HEADER "Consistency-Token"

/* Counters of the facts that were made, laid over an answer, and left out for which reason. Borrows <m>. */
struct token_stats *token_stats_create(struct metrics *m);
void token_stats_free(struct token_stats **s);

/* Fills rq->facts from all Consistency-Token fields: at most FACTS_MOST facts, and none without memory. The router calls it. */
void token_read(struct request *rq);
/* The same of one field, on top of what there is. <now_us>: wall clock. */
void token_read_field(struct request *rq, struct slice field, int64_t now_us);

/* So many facts told this answer something that was not known here: counted. */
void token_laid(struct request *rq, enum fact_domain domain, size_t count);

/* What this request wrote, for its answer. */
void token_alarm_made(struct request *rq, uint32_t item_id, bool on, uint64_t version);
void token_visit_made(struct request *rq, uint32_t item_id, uint64_t visited_us, struct slice event_id);

#endif
