/* topic.h - what owner and readers of a topic agree on: its name, domain word and number of partitions. */
#ifndef MOA_SVC_TOPIC_H
#define MOA_SVC_TOPIC_H

#include <stdbool.h>
#include <stdint.h>
#include "shared/base/err.h"
#include "shared/base/slice.h"

struct topic {
	const char *name;       /* "moa.alarms" */
	const char *domain;     /* "alarms": in Redis keys and in the Degraded header */
	int32_t partitions;     /* fixed for the topic's life: it decides where a key lies, here and in Redis */
	bool compact;           /* full state, last record per key kept; else kept for 7 days */
};

#define TOPIC_PARTITIONS_MAX 16

/* The partition of <key>: CRC-32 of the part before the first ':' (so all of "10:…" lie together), modulo. Pure. */
int32_t topic_partition(const struct topic *t, struct slice key);

/* Creates the topic if it is not there: compacted with 7 days of tombstones, or kept for 7 days. Blocks up to <timeout_ms>. */
enum err MUST_CHECK topic_ensure(const char *brokers, const struct topic *t, int timeout_ms);

#endif
