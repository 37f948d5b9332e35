/* own.h - own data: written to own MySQL, read from there, and while that is away from the stand-in, the copy in own Redis.
 *
 * A handler reads in three lines:
 *	e = store_item(rq, id, &item);
 *	if (own_is_away(e))
 *		e = views_own_item(rq, id, &item);
 */
#ifndef MOA_SVC_OWN_H
#define MOA_SVC_OWN_H

#include <stdbool.h>
#include <stdint.h>
#include "shared/base/arena.h"
#include "shared/base/err.h"
#include "shared/io/sql.h"
#include "shared/svc/request.h"
#include "shared/svc/view.h"

/* Reads a part of own data; changes nothing, since it may be run twice. Memory from <a>. */
typedef enum err own_body(struct sql_conn *c, struct arena *a, void *ctx);

/* Runs <body> on a pooled connection, once more if that turns out to be a dead one. Blocks at most 500 ms and until the
 * request's deadline, so that time is left for the stand-in. On a worker. */
enum err MUST_CHECK own_read(struct request *rq, own_body *body, void *ctx);

/* Whether <e>, of own_read(), leaves it to the stand-in to answer. */
bool own_is_away(enum err e);

/* The answer leans on the stand-in of <domain>, whose reading gave <e> and <st>: notes <domain> as degraded. ERR_UNAVAILABLE when
 * the stand-in cannot be read or is not complete: what it lacks then means nothing. */
enum err MUST_CHECK own_stand_in(struct request *rq, const char *domain, enum err e, const struct view_state *st);

/* A page as bounds of a query: only ids below the first, at most so many rows. Pure. */
uint32_t own_page_below(const struct page *page);
uint32_t own_page_limit(const struct page *page);
/* How long the whole list is of which <listed> rows were read for <page>: just those, or, when it may be a part, what <sql> counts. */
enum err MUST_CHECK own_list_total(struct sql_conn *c, struct arena *a, const struct page *page, size_t listed, const char *sql,
				   uint64_t *total);

/* Runs <body> in a transaction and commits it, until the request's deadline; see sql_transaction(). Once more when it was certainly
 * not done because the connection was a dead one. On a worker.
 *   ERR_UNKNOWN_OUTCOME  COMMIT was sent and not answered
 *   ERR_FULL             the database has no room: nothing was done
 *   ERR_UNAVAILABLE      (or ERR_BUSY, ERR_TIMEOUT) nothing was done; also when the database refuses the statements */
enum err MUST_CHECK own_write(struct request *rq, sql_body *body, void *ctx);

#endif
