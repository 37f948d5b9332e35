/* request.h - what a handler sees: the request that was routed, its caller, and the answer it fills.
 *
 * A request lives in the arena of its exchange and belongs to one thread at a time: first the event
 * loop that parsed it, then the worker that runs the handler. Nothing here is freed by a handler.
 */
#ifndef MOA_SVC_REQUEST_H
#define MOA_SVC_REQUEST_H

#include <stdbool.h>
#include <stdint.h>
#include "shared/base/arena.h"
#include "shared/base/buf.h"
#include "shared/base/err.h"
#include "shared/base/facts.h"
#include "shared/base/jsonw.h"
#include "shared/base/slice.h"
#include "shared/svc/degraded.h"

struct http_exchange;
struct route;
struct service;
struct token_stats;

/* The part of a list that ?limit= and ?before= ask for. */
struct page {
	uint32_t limit;  /* 1 to PAGE_LIMIT_MAX; 0: all */
	uint32_t before; /* only ids below this one; 0: from the top */
};
#define PAGE_LIMIT_MAX 1000

struct request {
	struct http_exchange *x;
	struct arena *arena;      /* the exchange's: what is allocated here is freed with it */
	struct service *svc;      /* borrowed, as given to the router */
	void *app;                /* likewise: the domain's own state (its store, its views) */
	const struct route *route; /* NULL before routing, and when nothing matched */
	bool head;                /* HEAD: the same answer, of which only the length is sent; nothing is recorded */
	uint32_t path_id;         /* of "/{id}" */
	struct page page;         /* of a route with .paged */
	uint32_t body_id;         /* of a route with .body_id */
	struct slice request_id;  /* always there */
	struct slice traceparent; /* a valid W3C one, or SLICE_NONE */
	int64_t deadline_us;      /* monotonic: received + REQUEST_DEADLINE_MS */
	bool caller_known;        /* set by the auth hook */
	uint32_t caller_id;       /* the lowest user id of the token; only when caller_known */
	struct slice token;       /* as sent; never logged */
	struct fact_list facts;   /* what the caller says it has written: see token.h */
	struct slice made;        /* the fact that this request made, for its answer; SLICE_NONE: none */
	struct token_stats *token_stats; /* NULL: nothing is counted */
	struct degraded degraded;
	const char *detail;       /* for the problem document; NULL: err_detail() */
	const char *allow;        /* for 405 */
	enum err failed;          /* what the answer came from, for the log */
	bool answered;            /* set with http_reply(), asserted to happen once */
};
#define REQUEST_DEADLINE_MS 2000

/* What a handler fills. The kit sends it as application/json when the handler returned ERR_OK, else throws it away. */
struct reply {
	int status; /* 200 unless changed */
	struct buf body;
};

/* This answer leans on <domain> ("alarms"; static), which is stale by <age_s> seconds, or was never loaded (-1).
 * The names end up in the Degraded header of the answer, each once. */
void degraded_note(struct request *rq, const char *domain, int64_t age_s);

/* Returns <e> after noting the sentence for "detail" of the problem document. <detail> is static and holds nothing of the request. */
enum err MUST_CHECK request_fail(struct request *rq, enum err e, const char *detail);

/* Milliseconds until the deadline, at least 0. */
int request_left_ms(const struct request *rq);

/* ?limit= (1 to 1000) and ?before= (an id) of the query; others are ignored. ERR_BAD_REQUEST for a wrong value or one given
 * twice. The router calls it for routes with .paged, into rq->page. */
enum err MUST_CHECK query_page(struct request *rq, struct page *out);

/* The id under <key> in the body, which is a JSON object; a number or a string of digits. ERR_BAD_REQUEST with a detail.
 * The router calls it for routes with .body_id, into rq->body_id. */
enum err MUST_CHECK body_id(struct request *rq, const char *key, uint32_t *out);

/* rp->body = {} with <status>. */
enum err MUST_CHECK reply_empty(struct reply *rp, int status);
/* ERR_OK if all of the body could be held, else ERR_NO_MEMORY: the last line of a handler that wrote into rp->body. */
enum err MUST_CHECK reply_done(const struct reply *rp);

/* A W3C traceparent (version 00, or a later one read as 00), lower case, ids not zero. */
bool traceparent_valid(struct slice s);
/* A request id worth keeping: 1 to 128 visible ASCII characters, none of which needs quoting in a header or log. */
bool request_id_valid(struct slice s);

#endif
