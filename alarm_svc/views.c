/* views.c - what alarm_svc has in own Redis, and how it reads it back. */
#include "alarm_svc/views.h"

#include "shared/base/ids.h"
#include "shared/events/alarm_flags.h"
#include "shared/events/shop.h"
#include "shared/svc/auth.h"
#include "shared/svc/own.h"
#include "shared/svc/service.h"

const struct view_spec *const alarm_views[] = { &view_users, &view_items, NULL };

enum err views_auth(struct request *rq, struct slice token)
{
	return auth_by_view(rq, service_view(rq->svc, &view_users), token);
}

/* ---- items ---- */

static enum err get_items(struct request *rq, const uint32_t *ids, size_t count, struct slice *fragments, struct view_state *st)
{
	struct slice *keys = shop_keys(rq->arena, ids, count);
	enum err e;

	if (keys == NULL)
		return ERR_NO_MEMORY;
	e = view_get(service_view(rq->svc, &view_items), rq->arena, rq->deadline_us, keys, count, fragments, st);
	if (e == ERR_OK || e == ERR_UNAVAILABLE)
		auth_note_state(rq, "items", st);
	return e == ERR_UNAVAILABLE ? ERR_OK : e; /* the state says "never loaded" then */
}

enum err views_check_item(struct request *rq, uint32_t item_id)
{
	struct view_state st;
	struct slice fragment;
	enum err e = get_items(rq, &item_id, 1, &fragment, &st);

	if (e == ERR_OK)
		e = alarm_check_item(fragment.ptr != NULL, &st);
	if (e == ERR_NOT_LOADED)
		e = request_fail(rq, e, "It is not known yet whether there is such an item. Nothing was done.");
	return e;
}

enum err views_items(struct request *rq, struct alarm_list *list)
{
	struct view_state st;
	enum err e;

	list->fragments = arena_alloc_array(rq->arena, list->count + 1, sizeof(*list->fragments));
	if (list->fragments == NULL)
		return ERR_NO_MEMORY;
	e = get_items(rq, list->item_ids, list->count, list->fragments, &st);
	if (e == ERR_OK && !st.loaded)
		e = request_fail(rq, ERR_NOT_LOADED, "The items are not known here yet.");
	return e;
}

/* ---- the copy of our own ---- */

/* The database may have gone before the relay had read the caller's last writes from it. */
static enum err lay_facts(struct request *rq, struct alarm_list *out)
{
	enum alarm_flag flags[FACTS_MOST];
	uint32_t item_ids[FACTS_MOST];
	size_t count = 0;
	enum err e;

	for (unsigned i = 0; i < rq->facts.count; i++) {
		if (rq->facts.facts[i].domain == FACT_ALARMS)
			item_ids[count++] = rq->facts.facts[i].item;
	}
	if (count == 0)
		return ERR_OK;
	e = alarm_flags_get(rq, service_own(rq->svc), item_ids, count, flags);
	for (size_t i = 0; i < count && e == ERR_OK; i++)
		alarm_list_put(out, item_ids[i], flags[i] == ALARM_FLAG_ON);
	return e;
}

enum err views_own_alarm_items(struct request *rq, uint32_t user_id, struct alarm_list *out)
{
	struct slice user = shop_key(rq->arena, user_id);
	struct view_field *fields;
	struct view_state st;
	size_t count;
	enum err e = view_group(service_own(rq->svc), rq->arena, rq->deadline_us, user, user, &fields, &count, &st);

	e = own_stand_in(rq, "alarms", e, &st);
	if (e != ERR_OK)
		return e;
	out->count = 0;
	out->item_ids = arena_alloc_array(rq->arena, count + FACTS_MOST, sizeof(*out->item_ids));
	if (out->item_ids == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		if (slice_to_id(fields[i].field, &out->item_ids[out->count]))
			out->count++;
	}
	e = lay_facts(rq, out);
	ids_sort_descending(out->item_ids, out->count);
	return e;
}
