/* auth.h - who the caller is, from the users view: token hash to user ids, the lowest of which is the caller. */
#ifndef MOA_SVC_AUTH_H
#define MOA_SVC_AUTH_H

#include <stddef.h>
#include "shared/svc/request.h"
#include "shared/svc/view.h"

/* For services that read users from the topic; on a worker, one round trip to own Redis. ERR_OK with rq->caller_known true;
 * or with it false when the view cannot tell (never loaded, or stale without that token): `users` is noted as degraded.
 * ERR_UNAUTHORIZED only from a fresh view. */
enum err MUST_CHECK auth_by_view(struct request *rq, struct view *users, struct slice token);

/* The lowest of <count> user ids given as text, or 0 when none of them is an id. */
uint32_t auth_lowest(const struct slice *ids, size_t count);

/* Notes <domain> as degraded unless the state is fresh. */
void auth_note_state(struct request *rq, const char *domain, const struct view_state *st);

/* ERR_OK when the caller is known, else ERR_NOT_LOADED: for calls that cannot do without. */
enum err MUST_CHECK auth_need_caller(struct request *rq);

#endif
