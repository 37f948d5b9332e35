/* track.h - sticky counters: which entries of stick tables an exchange counts for, from track-sc to its end.
 *
 * An exchange has its own (http-request, http-response, tcp-request content) and its connection may have some (tcp-request
 * connection and session); of the same number the connection's count. All of it in the worker's thread.
 */
#ifndef MOA_GATEWAY_RULE_TRACK_H
#define MOA_GATEWAY_RULE_TRACK_H

#include <stdint.h>
#include "gateway/expr/sample.h"
#include "gateway/table/stick_table.h"

struct exchange;
struct tracked;

/* Counts for the entry of <key> from now on: its connections now, and so far. <slot> must be free. Stays free when <t> takes no such key. */
void track_begin(struct tracked *slot, struct stick_table *t, const struct sample *key, int64_t now_ms);
/* Lets go of all TRACKED_MAX slots; <slots> may be NULL. At the end of an exchange, and of a connection. */
void track_end(struct tracked *slots, int64_t now_ms);

/* The sticky counter <number>, or NULL when it tracks nothing. */
struct tracked *track_of(struct exchange *x, unsigned number);
/* Adds to a count and to its rate in all that <x> tracks; <rate> is the entry behind <count>. */
void track_add(struct exchange *x, enum stick_data count, enum stick_data rate, int64_t more, int64_t now_ms);
/* What a response of that status counts as: 4xx an error of the client, 5xx but 501 and 505 a failure. */
void track_status(struct exchange *x, int status, int64_t now_ms);

#endif
