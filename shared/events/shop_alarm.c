/* shop_alarm.c - alarms: their topic, and how they lie in Redis. */
#include "shared/events/shop.h"

#include <inttypes.h>

/* The partition is the user's, so one hash in Redis holds all alarms of a user. */
const struct topic topic_alarms = { .name = "moa.alarms", .domain = "alarms", .partitions = 4, .compact = true };

struct slice shop_alarm_key(struct arena *a, uint32_t user_id, uint32_t item_id)
{
	return arena_printf(a, "%" PRIu32 ":%" PRIu32, user_id, item_id);
}

struct slice *shop_alarm_keys(struct arena *a, uint32_t user_id, const uint32_t *item_ids, size_t count)
{
	struct slice *keys = arena_alloc_array(a, count + 1, sizeof(*keys));

	for (size_t i = 0; keys != NULL && i < count; i++) {
		keys[i] = shop_alarm_key(a, user_id, item_ids[i]);
		if (keys[i].ptr == NULL)
			return NULL;
	}
	return keys;
}

static enum err alarm_place(struct slice key, struct view_entry *out)
{
	struct slice item = key, user = slice_cut(&item, ':');
	uint32_t id;

	if (!slice_to_id(user, &id) || !slice_to_id(item, &id))
		return ERR_CORRUPT;
	out->group = user;
	out->field = item;
	return ERR_OK;
}

/* The key says it all; not parsing the value is what makes a rebuild of a million alarms quick. */
static enum err alarm_project(struct slice key, struct slice json, struct arena *a, struct view_entry *out)
{
	(void)key;
	(void)json;
	(void)a;
	out->value = SLICE_LIT("1");
	return ERR_OK;
}

const struct view_spec view_alarms = {
	.topic = &topic_alarms,
	.index = VIEW_INDEX_NONE,
	.place = alarm_place,
	.project = alarm_project,
};
