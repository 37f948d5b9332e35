/* views.c - what item_svc has in own Redis, and how it reads it back. */
#include "item_svc/views.h"

#include "shared/events/alarm_flags.h"
#include "shared/svc/auth.h"
#include "shared/svc/own.h"
#include "shared/svc/service.h"

const struct view_spec *const item_views[] = { &view_users, &view_alarms, NULL };

enum err views_auth(struct request *rq, struct slice token)
{
	return auth_by_view(rq, service_view(rq->svc, &view_users), token);
}

enum err views_alarm_flags(struct request *rq, const uint32_t *item_ids, size_t count, enum alarm_flag *flags)
{
	return alarm_flags_get(rq, service_view(rq->svc, &view_alarms), item_ids, count, flags);
}

/* ---- the copy of our own ---- */

static enum err get_own(struct request *rq, const uint32_t *ids, size_t count, struct slice *fragments, struct view_state *st)
{
	struct slice *keys = shop_keys(rq->arena, ids, count);

	if (keys == NULL)
		return ERR_NO_MEMORY;
	return view_get(service_own(rq->svc), rq->arena, rq->deadline_us, keys, count, fragments, st);
}

/* Between the two round trips an item may have gone: it is left out. */
static void drop_gaps(struct item_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (list->fragments[i].ptr == NULL)
			continue;
		list->ids[kept] = list->ids[i];
		list->fragments[kept++] = list->fragments[i];
	}
	list->total -= list->count - kept;
	list->count = kept;
}

enum err views_own_items(struct request *rq, struct item_list *out)
{
	struct view_state st;
	enum err e = view_ids(service_own(rq->svc), rq->arena, rq->deadline_us, rq->page.before, own_page_limit(&rq->page), &out->ids,
			      &out->count, &out->total, &st);

	e = own_stand_in(rq, "items", e, &st);
	if (e != ERR_OK)
		return e;
	out->fragments = arena_alloc_array(rq->arena, out->count + 1, sizeof(*out->fragments));
	if (out->fragments == NULL)
		return ERR_NO_MEMORY;
	e = own_stand_in(rq, "items", get_own(rq, out->ids, out->count, out->fragments, &st), &st);
	if (e == ERR_OK)
		drop_gaps(out);
	return e;
}

enum err views_own_item(struct request *rq, uint32_t id, struct slice *fragment)
{
	struct view_state st;
	enum err e = own_stand_in(rq, "items", get_own(rq, &id, 1, fragment, &st), &st);

	if (e == ERR_OK && fragment->ptr == NULL)
		e = request_fail(rq, ERR_UNAVAILABLE, "The database is away, and its stand-in does not have this item.");
	return e;
}
