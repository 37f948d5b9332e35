/* alarm_flags.c - the caller's alarm flags of items. */
#include "shared/events/alarm_flags.h"

#include "shared/svc/auth.h"
#include "shared/svc/token.h"

enum alarm_flag alarm_flag_of(const struct alarm_known *known, const struct fact *fact, bool *laid)
{
	*laid = fact != NULL && fact->order > known->version;
	if (*laid)
		return fact->on ? ALARM_FLAG_ON : ALARM_FLAG_OFF;
	if (!known->usable && fact == NULL)
		return ALARM_FLAG_UNKNOWN;
	return known->set ? ALARM_FLAG_ON : ALARM_FLAG_OFF;
}

/* What own Redis has of the items' alarms. Asks for exactly those shown: a user may have any number of alarms. */
static enum err look(struct request *rq, struct view *alarms, const uint32_t *item_ids, size_t count, struct slice *entries,
		     uint64_t *versions, struct view_state *st)
{
	struct slice *keys;

	if (!rq->caller_known || count == 0) {
		view_state_get(alarms, st); /* the call leans on it all the same */
		return ERR_OK;
	}
	keys = shop_alarm_keys(rq->arena, rq->caller_id, item_ids, count);
	if (keys == NULL)
		return ERR_NO_MEMORY;
	return view_get_versions(alarms, rq->arena, rq->deadline_us, keys, count, entries, versions, st);
}

enum err alarm_flags_get(struct request *rq, struct view *alarms, const uint32_t *item_ids, size_t count, enum alarm_flag *flags)
{
	struct slice *entries = arena_alloc_array(rq->arena, count + 1, sizeof(*entries));
	uint64_t *versions = arena_alloc_array(rq->arena, count + 1, sizeof(*versions));
	struct view_state st;
	enum err e;

	if (entries == NULL || versions == NULL)
		return ERR_NO_MEMORY;
	e = look(rq, alarms, item_ids, count, entries, versions, &st);
	if (e != ERR_OK && e != ERR_UNAVAILABLE)
		return e;
	auth_note_state(rq, "alarms", &st);
	for (size_t i = 0; i < count; i++) {
		const struct alarm_known known = { .set = entries[i].ptr != NULL, .version = versions[i],
						   .usable = e == ERR_OK && rq->caller_known && st.loaded };
		bool laid;

		flags[i] = alarm_flag_of(&known, facts_alarm(&rq->facts, item_ids[i]), &laid);
		if (laid)
			token_laid(rq, FACT_ALARMS, 1);
	}
	return ERR_OK;
}
