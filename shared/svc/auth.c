/* auth.c - who the caller is, from the users view. */
#include "shared/svc/auth.h"

#include "shared/base/hash.h"

void auth_note_state(struct request *rq, const char *domain, const struct view_state *st)
{
	if (!st->fresh)
		degraded_note(rq, domain, st->age_s);
}

uint32_t auth_lowest(const struct slice *ids, size_t count)
{
	uint32_t lowest = 0, id;

	for (size_t i = 0; i < count; i++) {
		if (slice_to_id(ids[i], &id) && (lowest == 0 || id < lowest))
			lowest = id;
	}
	return lowest;
}

enum err auth_by_view(struct request *rq, struct view *users, struct slice token)
{
	char hash[HASH_SHA256_HEX + 1];
	struct view_state st;
	struct slice *ids;
	size_t count;
	enum err e;

	hash_sha256_hex(token, hash);
	e = view_term(users, rq->arena, rq->deadline_us, slice_str(hash), &ids, &count, &st);
	if (e != ERR_OK && e != ERR_UNAVAILABLE)
		return e;
	auth_note_state(rq, "users", &st);
	/* A view on its way to being loaded may hold one user of a token and lack a lower one. */
	rq->caller_id = e == ERR_OK && st.loaded ? auth_lowest(ids, count) : 0;
	rq->caller_known = rq->caller_id != 0;
	return rq->caller_known || !st.fresh ? ERR_OK : ERR_UNAUTHORIZED;
}

enum err auth_need_caller(struct request *rq)
{
	if (rq->caller_known)
		return ERR_OK;
	return request_fail(rq, ERR_NOT_LOADED, "It is not known yet who the caller is. Nothing was done.");
}
