/* routes.c - the HTTP API of item_svc: the list of items, and one item, both with the caller's alarm flags. */
#include "item_svc/routes.h"

#include "item_svc/store.h"
#include "item_svc/views.h"
#include "item_svc/visits.h"
#include "shared/svc/own.h"

/* GET /: own MySQL (else own Redis) for the items, own Redis for the flags. */
static enum err list_items(struct request *rq, struct reply *rp)
{
	struct item_list list = { .count = 0 };
	enum alarm_flag *flags;
	enum err e = store_items(rq, &list);

	if (own_is_away(e))
		e = views_own_items(rq, &list);
	if (e != ERR_OK)
		return e;
	flags = arena_alloc_array(rq->arena, list.count + 1, sizeof(*flags));
	e = flags != NULL ? views_alarm_flags(rq, list.ids, list.count, flags) : ERR_NO_MEMORY;
	if (e != ERR_OK)
		return e;
	shop_item_list_write(&rp->body, list.total, list.fragments, flags, list.count);
	return reply_done(rp);
}

/* GET /{item_id}: one item with the caller's alarm flag; remembers the visit. */
static enum err get_item(struct request *rq, struct reply *rp)
{
	struct slice fragment;
	enum alarm_flag flag;
	enum err e = store_item(rq, rq->path_id, &fragment);

	if (own_is_away(e))
		e = views_own_item(rq, rq->path_id, &fragment);
	if (e == ERR_OK)
		e = views_alarm_flags(rq, &rq->path_id, 1, &flag);
	if (e != ERR_OK)
		return e;
	if (!rq->head)
		visits_record(rq->app, rq, rq->path_id);
	buf_add_str(&rp->body, "{\"payload\":");
	shop_item_write(&rp->body, fragment, flag);
	buf_add_char(&rp->body, '}');
	return reply_done(rp);
}

const struct route item_routes[] = {
	{ .method = "GET", .path = "/", .run = list_items, .paged = true },
	{ .method = "GET", .path = "/{id}", .run = get_item },
	{ .method = NULL },
};
