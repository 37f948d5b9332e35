/* inbox.h - stores the events of a topic in own MySQL exactly once: rows and position change in one transaction.
 *
 * Positions are in a table (partition_id, log_uuid, next_offset). While own MySQL is away nothing is read: events wait in
 * Kafka. Several instances may run: the one that holds a lock of own MySQL works (leader.h), and another takes over when that one
 * dies or freezes. Right it would be without: a transaction that does not find the position it expects changes nothing, and its
 * instance goes on from what is stored. A record that carries the UUID of a newer log makes the partition start over from its
 * first record; so events must be such that storing one again does nothing.
 * A record that cannot be understood is parked in the same transaction (see parked.h), and is in nobody's way.
 */
#ifndef MOA_SVC_INBOX_H
#define MOA_SVC_INBOX_H

#include "shared/base/arena.h"
#include "shared/base/err.h"
#include "shared/io/sql.h"
#include "shared/svc/event.h"
#include "shared/svc/parked.h"
#include "shared/svc/topic.h"

struct inbox;
struct service;

#define INBOX_BATCH_MAX 256

/* The newest parked events (at most PARKED_SHOWN), and how many there are and were. In the arena of the call. */
struct inbox_parked {
	struct parked_entry *entries;
	size_t count;
	uint64_t kept, dropped;
};

/* All callbacks run on the inbox's thread. Static. */
struct inbox_spec {
	const struct topic *topic;
	const char *select_sql; /* SELECT log_uuid, next_offset FROM … WHERE partition_id = ? FOR UPDATE */
	const char *upsert_sql; /* INSERT … (partition_id, log_uuid, next_offset) VALUES (?,?,?) ON DUPLICATE KEY UPDATE … */
	/* Why an event can never be stored, in a few words (static); NULL: it can. Without the database. <a> is emptied afterwards. */
	const char *(*refuse)(const struct event *e, struct arena *a);
	/* Inside the transaction, before apply(): keeps the parked ones; one that is there already changes nothing. */
	enum err (*park)(struct sql_conn *c, struct arena *a, const struct parked_entry *entries, size_t count);
	/* All that is parked, for the admin port; empties it first if <clear>. */
	enum err (*parked)(struct sql_conn *c, struct arena *a, bool clear, struct inbox_parked *out);
	/* Inside the transaction, which is run again after ERR_CONFLICT. <a> lives until after committed(). Any error undoes the
	 * batch, and it is tried again until it succeeds: an event that can never be stored must be refused before. */
	enum err (*apply)(struct sql_conn *c, void *ctx, struct arena *a, const struct event *events, size_t count);
	/* After the commit (may be NULL), and when it begins to lead and whenever idle for a second with count 0. */
	void (*committed)(void *ctx, struct arena *a, const struct event *events, size_t count);
};

struct inbox *inbox_start(struct service *s, const struct inbox_spec *spec, void *ctx);
/* The picture of what is parked; lives as long as the inbox. */
struct parked *inbox_parked(const struct inbox *i);
/* Ends the thread, within about 3 s. */
void inbox_stop(struct inbox **i);

/* Whether a record with log UUID <seen> (any bytes) shows a newer log than <known> ("" when none was met yet). Pure. */
bool inbox_log_is_newer(const char *known, struct slice seen);

#endif
