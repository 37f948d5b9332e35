/* store_visits.h - every SQL statement of user_svc for taking visits in, and for copying them to own Redis.
 *
 * All on a connection of the caller's, on the inbox's thread; errors are those of sql_run(). Memory from the arenas given.
 */
#ifndef USER_SVC_STORE_VISITS_H
#define USER_SVC_STORE_VISITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "shared/base/arena.h"
#include "shared/base/err.h"
#include "shared/events/shop.h"
#include "shared/io/sql.h"
#include "user_svc/visit.h"

/* For inbox_spec. */
extern const char store_visit_position_select[];
extern const char store_visit_position_upsert[];

/* The visits of one user. */
struct user_visits {
	uint32_t user_id;
	struct visit *visits;
	size_t count;
};

/* The number of the last transaction that changed visits. Locked until the end of this one by _lock. */
enum err MUST_CHECK store_visit_revision(struct sql_conn *c, struct arena *a, uint64_t *revision);
enum err MUST_CHECK store_visit_revision_lock(struct sql_conn *c, struct arena *a, uint64_t *revision);
enum err MUST_CHECK store_visit_revision_set(struct sql_conn *c, struct arena *a, uint64_t revision);

/* Sets the user id of each event that has only a token's hash; then, in each event whose user does not exist, sets it to 0. */
enum err MUST_CHECK store_visit_resolve(struct sql_conn *c, struct arena *a, struct visit_event *events, size_t count);
/* Inserts visits, skipping those that are there already. */
enum err MUST_CHECK store_visit_insert(struct sql_conn *c, struct arena *a, const struct visit_event *events, size_t count);
/* All visits of <count> users (at least 1), in the order of <user_ids>, which ascend; *out has <count> places. */
enum err MUST_CHECK store_visit_of_users(struct sql_conn *c, struct arena *a, const uint32_t *user_ids, size_t count,
					 struct user_visits **out);
/* Deletes the visits from index <kept> on. */
enum err MUST_CHECK store_visit_delete(struct sql_conn *c, struct arena *a, const struct visit *visits, size_t kept, size_t count);

/* The next <limit> users above <after> that have visits, ascending; *count 0: there are none. */
enum err MUST_CHECK store_visit_users(struct sql_conn *c, struct arena *a, uint32_t after, size_t limit, uint32_t **user_ids,
				      size_t *count);

/* Reads columns event_id, item_id, visited_us from <column> on. False: not a visit that anything of ours wrote. */
bool store_visit_row(const struct sql_rows *rows, size_t row, size_t column, struct visit *out);

#endif
