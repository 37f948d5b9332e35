/* store.h - every SQL statement of user_svc on users, and the reading of visits. On a worker; the errors are those of
 * own_read(). */
#ifndef USER_SVC_STORE_H
#define USER_SVC_STORE_H

#include <stdint.h>
#include "shared/svc/relay.h"
#include "shared/svc/request.h"
#include "user_svc/user.h"
#include "user_svc/visit.h"

/* Table user becomes topic moa.users. */
extern const struct owned_table user_outbox;

/* The lowest id of the users whose token is <token>, compared byte by byte. ERR_UNAUTHORIZED: nobody's. */
enum err MUST_CHECK store_caller(struct request *rq, struct slice token, uint32_t *id);
/* The part of the list that rq->page asks for, and the whole list's length. */
enum err MUST_CHECK store_users(struct request *rq, struct user_list *out);
/* What is kept of a user's visits, oldest first. */
enum err MUST_CHECK store_visits(struct request *rq, uint32_t user_id, struct visit **visits, size_t *count);

#endif
