/* shop_alarm.c - alarms: their topic, and how they lie in Redis. */
#include "shared/events/shop.h"

#include <inttypes.h>
#include <string.h>

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

/* Whether <json> has the member <name> (quoted) with exactly the number <id>. */
static bool has_number(struct slice json, const char *name, struct slice id)
{
	const char *at = memmem(json.ptr, json.len, name, strlen(name)), *end = json.ptr + json.len;

	if (at == NULL)
		return false;
	at += strlen(name);
	while (at < end && (*at == ' ' || *at == ':'))
		at++;
	return (size_t)(end - at) > id.len && memcmp(at, id.ptr, id.len) == 0 && !(at[id.len] >= '0' && at[id.len] <= '9');
}

/* The key says it all, and an alarm has no text that could hold anything: looking for the two ids instead of parsing is what makes a
 * rebuild of a million alarms quick. */
static enum err alarm_project(struct slice key, struct slice json, struct arena *a, struct view_entry *out)
{
	struct slice item = key, user = slice_cut(&item, ':');

	(void)a;
	if (json.len < 2 || json.ptr[0] != '{' || json.ptr[json.len - 1] != '}' || !has_number(json, "\"user_id\"", user) ||
	    !has_number(json, "\"item_id\"", item))
		return ERR_CORRUPT;
	out->value = SLICE_LIT("1");
	return ERR_OK;
}

const struct view_spec view_alarms = {
	.topic = &topic_alarms,
	.index = VIEW_INDEX_NONE,
	.place = alarm_place,
	.project = alarm_project,
};
