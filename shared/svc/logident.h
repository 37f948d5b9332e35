/* logident.h - which log a topic's records go to: its UUID, and the last offset delivered to each partition.
 *
 * Kafka does not say that a topic was deleted and made again, or its data wiped; cluster ids prove nothing. A writer
 * sees it: a delivery at or below an offset that was delivered before means a new log. Each log gets a UUID (version 7,
 * so that a later log's sorts after), kept with the offsets in own MySQL, table relay_position, one row per
 * partition, all with the same UUID, and shared by all instances: who notices first replaces it, the others re-read it.
 *
 * Used by one thread. The functions with a connection run statements of their own: no transaction may be open on it.
 * Their errors are those of sql_run(); ERR_CONFLICT: call again. After any error nothing noted is lost.
 */
#ifndef MOA_SVC_LOGIDENT_H
#define MOA_SVC_LOGIDENT_H

#include <stdbool.h>
#include <stdint.h>
#include "shared/base/clock.h"
#include "shared/base/err.h"
#include "shared/io/sql.h"
#include "shared/svc/topic.h"

struct logident;

struct logident *logident_create(const struct topic *topic); /* borrowed */
void logident_free(struct logident **l);

/* Reads what is stored; the first call of all on an empty table makes the rows with a new UUID. Offsets noted here for the
 * same log are kept where they are higher. */
enum err MUST_CHECK logident_load(struct logident *l, struct sql_conn *c);

/* The UUID of the log, 36 characters; "" before the first load. Valid until the next call of load, save or renew. */
const char *logident_uuid(const struct logident *l);
/* The last delivered offset known, or -1; and the one that the table held when it was last read or written. */
int64_t logident_last(const struct logident *l, int32_t partition);
int64_t logident_stored(const struct logident *l, int32_t partition);

/* Notes that a record was delivered. True: this went to a new log; renew before anything else is published under the
 * UUID. A negative <offset> (a delivery whose place is not known) changes nothing. */
bool logident_delivered(struct logident *l, int32_t partition, int64_t offset);
/* The broker has no such topic: when it is there again it is a new log, unless nothing was ever delivered. */
void logident_lost(struct logident *l);
/* A new log, seen in another way (the topic's tail belongs to a later one, say). */
void logident_replace(struct logident *l);
/* Whether a new log was noticed and not yet renewed. */
bool logident_is_new(const struct logident *l);

/* Stores offsets that changed. ERR_MOVED: another instance gave the log a new UUID meanwhile; it was loaded. */
enum err MUST_CHECK logident_save(struct logident *l, struct sql_conn *c);
/* ERR_MOVED: the table holds less than was stored there, or another UUID: the database was restored from a backup, or made anew. */
enum err MUST_CHECK logident_verify(struct logident *l, struct sql_conn *c);
/* After a new log was noticed: gives it a new UUID by compare-and-set, or takes the one that another instance has given
 * it, and stores the offsets noted since. Without a new log: nothing to do, ERR_OK. */
enum err MUST_CHECK logident_renew(struct logident *l, struct sql_conn *c);

/* A UUID version 7 that sorts after <old> ("" for none), even if the clock went back. Pure but for clock and randomness. */
void logident_next_uuid(const char *old, char out[CLOCK_UUID_LEN + 1]);

#endif
