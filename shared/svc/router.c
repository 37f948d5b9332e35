/* router.c - from an exchange to a handler and back.
 *
 * on_request (loop): parse, route, ask for a token, hand over. on_work (worker): auth, limit, check, run, reply.
 * on_done (loop): metrics and the access line.
 */
#include "shared/svc/router.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/io/http.h"
#include "shared/svc/answer.h"
#include "shared/svc/route_stats.h"
#include "shared/svc/token.h"

/* A client that has closed its side after it sent the request may only have ended its sending and still read
 * (nc -N does so). It is taken for gone only when the request had to wait longer than this. */
#define GONE_AFTER_US 50000

struct router {
	struct router_spec spec;
	struct route_stats *stats;  /* NULL: none */
	struct token_stats *tokens; /* likewise */
};

/* ---- routing ---- */

static bool same_path(const struct route *r, struct slice pattern)
{
	return slice_eq(slice_str(r->path), pattern);
}

static const struct route *find_path(const struct route *routes, struct slice pattern)
{
	for (const struct route *r = routes; r->method != NULL; r++)
		if (same_path(r, pattern))
			return r;
	return NULL;
}

/* The first route of the pattern that <path> falls under. */
static enum err match_path(const struct route *routes, struct slice path, const struct route **route, uint32_t *id)
{
	struct slice segment = slice_sub(path, 1, path.len);

	if (slice_find(segment, '/') < segment.len)
		return ERR_NO_ROUTE;
	*route = slice_eq(path, SLICE_LIT("/{id}")) ? NULL : find_path(routes, path);
	if (*route != NULL)
		return ERR_OK;
	*route = find_path(routes, SLICE_LIT("/{id}"));
	if (*route == NULL || segment.len == 0)
		return ERR_NO_ROUTE;
	return slice_to_id(segment, id) ? ERR_OK : ERR_BAD_REQUEST;
}

enum err router_match(const struct route *routes, struct slice method, struct slice path, const struct route **route, uint32_t *id)
{
	struct slice wanted = slice_eq(method, SLICE_LIT("HEAD")) ? SLICE_LIT("GET") : method;
	enum err e = match_path(routes, path, route, id);
	struct slice pattern;

	if (e != ERR_OK)
		return e;
	pattern = slice_str((*route)->path);
	for (const struct route *r = routes; r->method != NULL; r++) {
		if (same_path(r, pattern) && slice_eq(slice_str(r->method), wanted)) {
			*route = r;
			return ERR_OK;
		}
	}
	return ERR_BAD_METHOD;
}

void router_allow(const struct route *routes, const char *path, struct buf *out)
{
	const char *separator = "";

	for (const struct route *r = routes; r->method != NULL; r++) {
		if (!same_path(r, slice_str(path)))
			continue;
		buf_add_str(out, separator);
		buf_add_str(out, r->method);
		if (strcmp(r->method, "GET") == 0)
			buf_add_str(out, ", HEAD");
		separator = ", ";
	}
}

static const char *allow_text(struct request *rq, const struct route *routes, const char *path)
{
	struct slice kept;
	struct buf b;

	buf_init(&b, 0);
	router_allow(routes, path, &b);
	kept = arena_copy(rq->arena, buf_slice(&b));
	buf_free(&b);
	return kept.ptr;
}

static enum err route_request(const struct router *r, struct request *rq)
{
	const struct route *route = NULL;
	enum err e = router_match(r->spec.routes, http_method(rq->x), http_path(rq->x), &route, &rq->path_id);

	if (e == ERR_OK)
		rq->route = route;
	else if (e == ERR_BAD_METHOD)
		rq->allow = allow_text(rq, r->spec.routes, route->path);
	else if (e == ERR_BAD_REQUEST)
		return request_fail(rq, e, "The path does not end in an id: a number from 1 to 2147483647 without leading zeros.");
	return e;
}

/* ---- parsing, on the loop ---- */

static struct slice pick_request_id(struct arena *a, struct slice given)
{
	char fresh[CLOCK_UUID_LEN + 1];

	if (request_id_valid(given))
		return arena_copy(a, given);
	clock_uuid7(fresh);
	return arena_copy(a, slice_str(fresh));
}

/* The client's trace goes on with a span of ours. */
static struct slice continue_trace(struct arena *a, struct slice given)
{
	if (!traceparent_valid(given))
		return SLICE_NONE;
	return arena_printf(a, "00-%.*s-%016llx-%.*s", 32, given.ptr + 3, (unsigned long long)clock_random() | 1, 2, given.ptr + 53);
}

static struct request *parse(const struct router *r, struct http_exchange *x)
{
	struct arena *a = http_arena(x);
	struct request *rq = arena_alloc(a, sizeof(*rq));

	assert(rq != NULL); /* the arena's limit is far away at this point */
	rq->x = x;
	rq->arena = a;
	rq->svc = r->spec.svc;
	rq->app = r->spec.app;
	rq->token_stats = r->tokens;
	rq->head = slice_eq(http_method(x), SLICE_LIT("HEAD"));
	rq->deadline_us = http_received_us(x) + (int64_t)REQUEST_DEADLINE_MS * 1000;
	rq->request_id = pick_request_id(a, http_header(x, "X-Request-Id"));
	rq->traceparent = continue_trace(a, http_header(x, "traceparent"));
	rq->token = http_header(x, "USER-TOKEN");
	http_set_user(x, rq);
	return rq;
}

static void fail(struct request *rq, enum err e)
{
	struct reply rp = { 0 };

	buf_init(&rp.body, 0);
	answer_send(rq, e, &rp);
}

/* @thread: an event loop */
static void on_request(void *ctx, struct http_exchange *x)
{
	const struct router *r = ctx;
	struct request *rq = parse(r, x);
	enum err e = route_request(r, rq);

	if (e == ERR_OK && rq->token.len == 0)
		e = ERR_UNAUTHORIZED;
	if (e == ERR_OK)
		e = http_defer(x);
	if (e != ERR_OK) /* else it is a worker's already */
		fail(rq, e);
}

/* ---- the work ---- */

static enum err still_wanted(const struct request *rq)
{
	int64_t now = clock_mono_us();

	if (now >= rq->deadline_us)
		return ERR_TIMEOUT;
	if (now - http_received_us(rq->x) > GONE_AFTER_US && http_client_gone(rq->x))
		return ERR_GONE;
	return ERR_OK;
}

/* Size, query and body, as far as the route wants them. */
static enum err check(struct request *rq)
{
	enum err e = ERR_OK;

	if (http_body_too_large(rq->x))
		return ERR_TOO_LARGE;
	if (rq->route->paged)
		e = query_page(rq, &rq->page);
	if (e == ERR_OK && rq->route->body_id != NULL)
		e = body_id(rq, rq->route->body_id, &rq->body_id);
	return e;
}

static enum err run(const struct router *r, struct request *rq, struct reply *rp)
{
	enum err known = ERR_OK;
	enum err e = still_wanted(rq);

	if (e != ERR_OK)
		return e;
	if (r->spec.auth != NULL)
		known = r->spec.auth(rq, rq->token);
	if (known == ERR_UNAUTHORIZED)
		return known;
	e = check(rq);
	if (e != ERR_OK)
		return e;
	if (known != ERR_OK) /* the caller cannot be told: said only now, because a wrong request is wrong for anybody */
		return known;
	if (clock_mono_us() >= rq->deadline_us)
		return ERR_TIMEOUT;
	token_read(rq);
	return rq->route->run(rq, rp);
}

/* @thread: a worker */
static void on_work(void *ctx, struct http_exchange *x)
{
	const struct router *r = ctx;
	struct request *rq = http_user(x);
	struct reply rp = { .status = 200 };

	buf_init(&rp.body, 0);
	answer_send(rq, run(r, rq, &rp), &rp);
}

/* ---- afterwards ---- */

static void log_access(const struct request *rq, int64_t us)
{
	struct slice trace = rq->traceparent.ptr == NULL ? SLICE_LIT("-") : slice_sub(rq->traceparent, 3, 35);

	log_info("access", "method=%s route=%s path=%s status=%d error=%s bytes=%zu us=%lld request_id=%.*s trace=%.*s peer=%.*s",
		 LOG_Q(http_method(rq->x)), rq->route == NULL ? "-" : rq->route->path, LOG_Q(http_path(rq->x)),
		 http_reply_status(rq->x), err_name(rq->failed), http_reply_bytes(rq->x), (long long)us, SLICE_ARG(rq->request_id),
		 SLICE_ARG(trace), SLICE_ARG(http_peer(rq->x)));
}

/* @thread: an event loop */
static void on_done(void *ctx, struct http_exchange *x)
{
	const struct router *r = ctx;
	const struct request *rq = http_user(x);
	int64_t us = clock_mono_us() - http_received_us(x);

	if (r->stats != NULL)
		route_stats_add(r->stats, rq->route, rq->head, http_reply_status(x), us);
	if (r->spec.access_log && log_enabled(LOG_LEVEL_INFO))
		log_access(rq, us);
}

struct router *router_create(const struct router_spec *spec)
{
	struct router *r = calloc(1, sizeof(*r));

	assert(r != NULL);
	r->spec = *spec;
	if (spec->metrics != NULL) {
		r->stats = route_stats_create(spec->metrics, spec->routes);
		r->tokens = token_stats_create(spec->metrics);
	}
	return r;
}

void router_free(struct router **r)
{
	if (*r == NULL)
		return;
	route_stats_free(&(*r)->stats);
	token_stats_free(&(*r)->tokens);
	free(*r);
	*r = NULL;
}

void router_attach(struct router *r, struct http_options *o)
{
	o->on_request = on_request;
	o->on_work = on_work;
	o->on_done = on_done;
	o->ctx = r;
}
