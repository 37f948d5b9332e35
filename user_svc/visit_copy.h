/* visit_copy.h - the copy of table visit in own Redis, the stand-in for it while own MySQL is away.
 *
 *   m1:{visits:0}:all  hash: <user_id> -> revision in 16 digits, then the user's visits as visit_write() writes them
 *   m1:{visits:0}:pos  hash: rev (the revision that the whole copy was made from), and while it is being built anew instead:
 *                      build (by whom), beat (when last, in ms by Redis's clock)
 *
 * A change of revision r to r' is one Lua call that succeeds only if rev is r. So a Redis that was emptied or lost its last second is
 * noticed by the next change; without rev the copy is not used. In a complete copy a user without field has no visits.
 * Memory from the arenas given; ERR_UNAVAILABLE: Redis does not answer, or with an error.
 */
#ifndef USER_SVC_VISIT_COPY_H
#define USER_SVC_VISIT_COPY_H

#include <stddef.h>
#include <stdint.h>
#include "shared/base/arena.h"
#include "shared/base/err.h"
#include "shared/io/resp.h"
#include "user_svc/store_visits.h"
#include "user_svc/visit.h"

/* A user's visits, oldest first. ERR_UNAVAILABLE also when the copy is not complete; ERR_CORRUPT. On a worker; at most 200 ms. */
enum err MUST_CHECK visit_copy_read(struct resp_db *db, struct arena *a, int64_t deadline_us, uint32_t user_id, struct visit **visits,
				    size_t *count);

/* The revision of the whole copy. ERR_NOT_FOUND: it is not complete. */
enum err MUST_CHECK visit_copy_revision(struct resp_conn *c, struct arena *a, uint64_t *revision);

/* Moves the copy from revision <from> to <to>, with what has changed. ERR_MOVED: it is not at <from>; nothing was done. */
enum err MUST_CHECK visit_copy_update(struct resp_conn *c, struct arena *a, uint64_t from, uint64_t to, const struct user_visits *users,
				      size_t count);

/* Building it anew: begin empties it, add fills in some users, end makes it usable. <builder> is a UUID. ERR_BUSY: another builder gave
 * a sign of life within the last 3 s. ERR_MOVED: another one has taken over. */
enum err MUST_CHECK visit_copy_begin(struct resp_conn *c, struct arena *a, struct slice builder);
enum err MUST_CHECK visit_copy_add(struct resp_conn *c, struct arena *a, struct slice builder, uint64_t revision,
				   const struct user_visits *users, size_t count);
enum err MUST_CHECK visit_copy_end(struct resp_conn *c, struct arena *a, struct slice builder, uint64_t revision);

#endif
