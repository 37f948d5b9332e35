/* visit.h - the rules of recently visited items: order, runs, what is kept, and how a user's visits are written as text. Pure.
 *
 * Visits are ordered by (visited_us, id), whenever they arrive. Successive visits of one item are a run. Lists show
 * runs, latest first. Of each user the last VISIT_RUNS runs are kept. All visits of them are, since a late one may
 * still split a run anywhere, as long as they are no more than VISIT_KEEP_MAX: then visits inside of the oldest runs go, the
 * first and last one of each run never.
 */
#ifndef USER_SVC_VISIT_H
#define USER_SVC_VISIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "shared/base/arena.h"
#include "shared/base/buf.h"
#include "shared/base/err.h"
#include "shared/base/facts.h"
#include "shared/base/slice.h"
#include "shared/events/shop.h"

#define VISIT_SHOWN 3
#define VISIT_RUNS 20
#define VISIT_KEEP_MAX 100 /* at least two for each run */

struct visit {
	uint64_t visited_us;
	uint32_t item_id;
	char id[SHOP_EVENT_ID_LEN + 1];
	bool dropped; /* set by visit_trim() */
};

/* Sorts the visits of one user, oldest first, and puts those that are not kept behind the others. Returns how many are kept.
 * What is shown of the result does not depend on when visits arrived, nor on trims in between (within VISIT_KEEP_MAX). */
size_t visit_trim(struct visit *visits, size_t count);

/* Adds the visits among <facts> that are not in sorted <visits> yet, so that the result is as if they had been stored: *visits is new then,
 * from <a>, and *laid says how many there were. ERR_NO_MEMORY. */
enum err MUST_CHECK visit_lay(struct visit **visits, size_t *count, const struct fact_list *facts, struct arena *a, size_t *laid);

/* The item of each run of sorted <visits>, latest first, at most VISIT_RUNS. Returns how many. */
size_t visit_runs(const struct visit *visits, size_t count, uint32_t items[VISIT_RUNS]);

/* Of <count> items as visit_runs() gives them, leaves out those without a fragment (ptr NULL: no such item any more, or not yet), then
 * joins equal neighbours; at most <max> are left, in front, with their fragments. Returns how many. */
size_t visit_collapse(uint32_t *items, struct slice *fragments, size_t count, size_t max);

/* One user's visits as text, and back. ERR_CORRUPT when it does not decode; memory from <a>. */
void visit_write(struct buf *out, const struct visit *visits, size_t count);
enum err MUST_CHECK visit_read(struct slice text, struct arena *a, struct visit **visits, size_t *count);

#endif
