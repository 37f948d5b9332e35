/* routes.c - the HTTP API of user_svc: the list of users, and the caller's recently visited items. */
#include "user_svc/routes.h"

#include "shared/svc/own.h"
#include "shared/svc/token.h"
#include "user_svc/store.h"
#include "user_svc/views.h"

enum err user_auth(struct request *rq, struct slice token)
{
	enum err e = store_caller(rq, token, &rq->caller_id);

	if (own_is_away(e))
		e = views_own_caller(rq, token, &rq->caller_id);
	rq->caller_known = e == ERR_OK;
	return e;
}

/* GET / and POST /: own MySQL, else own Redis. */
static enum err list_users(struct request *rq, struct reply *rp)
{
	struct user_list list = { .count = 0 };
	enum err e = store_users(rq, &list);

	if (own_is_away(e))
		e = views_own_users(rq, &list);
	if (e != ERR_OK)
		return e;
	user_list_write(&rp->body, &list);
	return reply_done(rp);
}

/* The visits that the caller tells of itself: they may still be on their way here. */
static enum err lay_facts(struct request *rq, struct visit **visits, size_t *count)
{
	size_t laid;
	enum err e;

	if (rq->facts.count == 0)
		return ERR_OK;
	e = visit_lay(visits, count, &rq->facts, rq->arena, &laid);
	token_laid(rq, FACT_VISITS, laid);
	return e;
}

/* The items that the caller visited last, latest first. */
static enum err last_items(struct request *rq, uint32_t items[VISIT_RUNS], struct slice fragments[VISIT_RUNS], size_t *count)
{
	struct visit *visits;
	size_t n;
	enum err e = store_visits(rq, rq->caller_id, &visits, &n);

	if (own_is_away(e))
		e = views_own_visits(rq, rq->caller_id, &visits, &n);
	if (e == ERR_OK)
		e = lay_facts(rq, &visits, &n);
	if (e != ERR_OK)
		return e;
	n = visit_runs(visits, n, items);
	e = views_items(rq, items, n, fragments);
	if (e == ERR_OK)
		*count = visit_collapse(items, fragments, n, VISIT_SHOWN);
	return e;
}

/* GET /visit: own MySQL (else own Redis) for the visits, own Redis for the items and the flags. */
static enum err list_visits(struct request *rq, struct reply *rp)
{
	struct slice fragments[VISIT_RUNS];
	enum alarm_flag flags[VISIT_SHOWN];
	uint32_t items[VISIT_RUNS];
	size_t count = 0;
	enum err e = last_items(rq, items, fragments, &count);

	if (e == ERR_OK)
		e = views_alarm_flags(rq, items, count, flags);
	if (e != ERR_OK)
		return e;
	shop_item_list_write(&rp->body, count, fragments, flags, count);
	return reply_done(rp);
}

const struct route user_routes[] = {
	{ .method = "GET", .path = "/", .run = list_users, .paged = true },
	{ .method = "POST", .path = "/", .run = list_users, .paged = true },
	{ .method = "GET", .path = "/visit", .run = list_visits },
	{ .method = NULL },
};
