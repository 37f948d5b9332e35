/* views.c - what user_svc has in own Redis, and how it reads it back. */
#include "user_svc/views.h"

#include "shared/base/hash.h"
#include "shared/events/alarm_flags.h"
#include "shared/svc/auth.h"
#include "shared/svc/own.h"
#include "shared/svc/service.h"
#include "user_svc/visit_copy.h"

const struct view_spec *const user_views[] = { &view_items, &view_alarms, NULL };

enum err views_items(struct request *rq, const uint32_t *item_ids, size_t count, struct slice *fragments)
{
	struct view *items = service_view(rq->svc, &view_items);
	struct slice *keys = shop_keys(rq->arena, item_ids, count);
	struct view_state st;
	enum err e;

	if (keys == NULL)
		return ERR_NO_MEMORY;
	e = view_get(items, rq->arena, rq->deadline_us, keys, count, fragments, &st);
	if (e != ERR_OK && e != ERR_UNAVAILABLE)
		return e;
	auth_note_state(rq, "items", &st);
	if (e == ERR_OK && st.loaded)
		return ERR_OK;
	return request_fail(rq, ERR_NOT_LOADED, "The items are not known here yet.");
}

enum err views_alarm_flags(struct request *rq, const uint32_t *item_ids, size_t count, enum alarm_flag *flags)
{
	return alarm_flags_get(rq, service_view(rq->svc, &view_alarms), item_ids, count, flags);
}

/* ---- the copies of our own ---- */

enum err views_own_caller(struct request *rq, struct slice token, uint32_t *id)
{
	char hash[HASH_SHA256_HEX + 1];
	struct view_state st;
	struct slice *ids;
	size_t count;
	enum err e;

	hash_sha256_hex(token, hash);
	e = view_term(service_own(rq->svc), rq->arena, rq->deadline_us, slice_str(hash), &ids, &count, &st);
	e = own_stand_in(rq, "users", e, &st);
	if (e != ERR_OK)
		return e;
	*id = auth_lowest(ids, count);
	if (*id != 0)
		return ERR_OK;
	return request_fail(rq, ERR_UNAVAILABLE, "The database is away, and its stand-in does not have this token.");
}

enum err views_own_users(struct request *rq, struct user_list *out)
{
	struct view_field *fields;
	struct view_state st;
	size_t count;
	enum err e = view_group(service_own(rq->svc), rq->arena, rq->deadline_us, SLICE_LIT("1"), SLICE_LIT("all"), &fields, &count, &st);

	e = own_stand_in(rq, "users", e, &st);
	if (e != ERR_OK)
		return e;
	out->count = 0;
	out->users = arena_alloc_array(rq->arena, count + 1, sizeof(*out->users));
	if (out->users == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		struct user *u = &out->users[out->count];

		if (!slice_to_id(fields[i].field, &u->id))
			continue;
		u->json = fields[i].value;
		out->count++;
	}
	user_list_cut(out, &rq->page);
	return ERR_OK;
}

enum err views_own_visits(struct request *rq, uint32_t user_id, struct visit **visits, size_t *count)
{
	struct view_state st;
	enum err e = visit_copy_read(service_resp(rq->svc), rq->arena, rq->deadline_us, user_id, visits, count);

	if (e == ERR_NO_MEMORY)
		return e;
	view_state_get(service_own(rq->svc), &st); /* visits have no age of their own; their owner's is next to it */
	degraded_note(rq, "users", st.age_s);
	if (e == ERR_OK)
		return ERR_OK;
	return request_fail(rq, ERR_UNAVAILABLE, "The database is away, and the copy of the visits is not complete.");
}
