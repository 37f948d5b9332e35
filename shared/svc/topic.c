/* topic.c - where a key lies, and how a topic is made. */
#include "shared/svc/topic.h"

#include "shared/base/hash.h"
#include "shared/io/broker.h"

/* Small segments and an eager cleaner keep a compacted log, and so a rebuild, short. */
static const struct broker_header compact_config[] = {
	{ "cleanup.policy", SLICE("compact") },
	{ "delete.retention.ms", SLICE("604800000") }, /* a reader that was away for 7 days still meets deletions */
	{ "segment.bytes", SLICE("67108864") },
	{ "segment.ms", SLICE("600000") },
	{ "min.cleanable.dirty.ratio", SLICE("0.1") },
};

static const struct broker_header retained_config[] = {
	{ "cleanup.policy", SLICE("delete") },
	{ "retention.ms", SLICE("604800000") },
	{ "segment.bytes", SLICE("67108864") },
};

int32_t topic_partition(const struct topic *t, struct slice key)
{
	struct slice owner = slice_sub(key, 0, slice_find(key, ':'));

	return (int32_t)(hash_crc32(owner) % (uint32_t)t->partitions);
}

enum err topic_ensure(const char *brokers, const struct topic *t, int timeout_ms)
{
	const struct broker_topic want = {
		.name = t->name,
		.partitions = t->partitions,
		.config = t->compact ? compact_config : retained_config,
		.config_count = t->compact ? sizeof(compact_config) / sizeof(compact_config[0])
					   : sizeof(retained_config) / sizeof(retained_config[0]),
	};

	return broker_topic_ensure(brokers, &want, timeout_ms);
}
