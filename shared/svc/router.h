/* router.h - from an exchange to a handler and back: parse, route, auth, limit, check, run, reply.
 *
 * Order of the answers to wrong requests: framing 400 (the server's), path 404 or 400, method 405, 401, 413,
 * query or body 400, then 503 or the domain's 404. The path, the method and a missing token are judged on
 * the event loop; all else on a worker. A full queue is 503 at once.
 *
 * Failures become problem documents (RFC 9457) by the table of err.h; ERR_NOT_FOUND becomes 404 with {}.
 */
#ifndef MOA_SVC_ROUTER_H
#define MOA_SVC_ROUTER_H

#include <stdbool.h>
#include <stddef.h>
#include "shared/base/err.h"
#include "shared/base/slice.h"
#include "shared/svc/request.h"

struct http_options;
struct metrics;
struct router;

/* One call of the API. A table of them is static and ends with an entry whose method is NULL. */
struct route {
	const char *method; /* "GET" (answers HEAD too), "POST", "DELETE" */
	const char *path;   /* "/", "/{id}", or one fixed word: "/visit" */
	/* Runs on a worker; may block until rq->deadline_us. ERR_OK: <rp> is sent; anything else: the kit answers.
	 * ERR_GONE: nothing is worth sending any more. */
	enum err (*run)(struct request *rq, struct reply *rp);
	bool paged;          /* ?limit= and ?before= are read into rq->page */
	const char *body_id; /* key of the id that the JSON body must hold: read into rq->body_id; NULL: the body is not looked at */
};

struct router_spec {
	const struct route *routes; /* borrowed */
	/* Finds out who calls; <token> is never empty. Runs on a worker, before the body is looked at.
	 *   ERR_OK            rq->caller_known and rq->caller_id are set; or the route can do without (caller_known stays false)
	 *   ERR_UNAUTHORIZED  401
	 *   anything else     answered after the checks of size, query and body, which come first
	 * NULL: any token will do. */
	enum err (*auth)(struct request *rq, struct slice token);
	struct service *svc;     /* handed to handlers, may be NULL */
	void *app;               /* likewise */
	struct metrics *metrics; /* borrowed, outlives the router; may be NULL */
	bool access_log;         /* one line for each request at level info */
};

struct router *router_create(const struct router_spec *spec);
/* After the http server was stopped. */
void router_free(struct router **r);
/* Fills on_request, on_work, on_done and ctx of <o>. */
void router_attach(struct router *r, struct http_options *o);

/* Whether <path> leads to a route for <method>; the steps of routing, for tests and for reading.
 *   ERR_OK          *route is set, and *id when it has one
 *   ERR_NO_ROUTE    404
 *   ERR_BAD_REQUEST a single segment that is not an id, where "/{id}" exists
 *   ERR_BAD_METHOD  *route is any route of that path
 */
enum err MUST_CHECK router_match(const struct route *routes, struct slice method, struct slice path, const struct route **route,
				 uint32_t *id);
/* Methods of <path> (a pattern of the table) for Allow: "GET, HEAD, POST", appended to <out>. */
void router_allow(const struct route *routes, const char *path, struct buf *out);

#endif
