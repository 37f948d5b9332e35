/* user.h - users as their owner sees them: with the token, which never leaves for the topic. Pure. */
#ifndef USER_SVC_USER_H
#define USER_SVC_USER_H

#include <stddef.h>
#include <stdint.h>
#include "shared/base/arena.h"
#include "shared/base/buf.h"
#include "shared/base/err.h"
#include "shared/base/slice.h"
#include "shared/svc/request.h"
#include "shared/svc/view.h"

struct user {
	uint32_t id;
	struct slice json; /* {"id","name","access_token"}, as the list shows it */
};

struct user_list {
	uint64_t total; /* of the whole list, of which this is a part */
	size_t count;
	struct user *users; /* id descending */
};

/* The own copy of users: like view_users, with the user's JSON as value. From the outbox's payload. */
extern const struct view_spec view_users_own;

void user_json(struct buf *out, uint32_t id, struct slice name, struct slice token);
/* The topic's value, {"id","name","token_sha256"}, from the outbox's payload. ERR_CORRUPT when that is no user. */
enum err MUST_CHECK user_publish(struct slice payload, struct buf *out);

/* Sorts the whole list, sets its total, and cuts it down to <page>. In place. */
void user_list_cut(struct user_list *list, const struct page *page);
void user_list_write(struct buf *out, const struct user_list *list);

#endif
