/* projection.h - keeps a view of another domain up to date from its topic.
 *
 * No consumer group: an instance reads all partitions from the positions stored in its Redis, beside the data, and one Lua
 * call applies a batch and moves the position, only if the stored position is exactly the one the batch was
 * read from. So a Redis that lost its last second, a frozen twin that wakes up and two instances at once are all harmless.
 * Roles of an instance, per view:
 *   STANDBY  another one shows signs of life (pos.beat of partition 0): look again every 100 ms
 *   ACTIVE   reads, applies, and beats every 200 ms; taken over once the other's beat stood still for 700 ms
 * See docs/decisions/0004-projection.md.
 */
#ifndef MOA_SVC_PROJECTION_H
#define MOA_SVC_PROJECTION_H

#include "shared/io/resp.h"
#include "shared/svc/metrics.h"
#include "shared/svc/view.h"

struct projection;

struct projection_options {
	struct view *view;       /* borrowed, like all of these */
	struct resp_db *redis;
	const char *brokers;
	const char *instance;    /* UUID of this process */
	struct metrics *metrics;
};

struct projection *projection_start(const struct projection_options *o);
/* Whether Kafka answered lately. Any thread. */
bool projection_kafka_is_up(struct projection *p);
/* Whether this instance is the one that applies. Any thread. */
bool projection_is_active(const struct projection *p);
/* Why own Redis refused what was to be applied last (view_waits_for()); NULL when it did not. Any thread. */
const char *projection_waits_for(struct projection *p);
/* Ends the threads (within about 3 s) and gives the role away, so that a standby takes over at once. */
void projection_stop(struct projection **p);

#endif
