/* routes.c - the HTTP API of alarm_svc: the caller's alarms are set, taken back and listed. */
#include "alarm_svc/routes.h"

#include "alarm_svc/store.h"
#include "alarm_svc/views.h"
#include "shared/events/shop.h"
#include "shared/svc/auth.h"
#include "shared/svc/own.h"
#include "shared/svc/service.h"
#include "shared/svc/token.h"

/* POST /: own Redis says who calls and whether the item exists, own MySQL keeps the alarm. Setting it again is the same. */
static enum err set_alarm(struct request *rq, struct reply *rp)
{
	uint64_t version;
	enum err e = auth_need_caller(rq);

	if (e == ERR_OK)
		e = views_check_item(rq, rq->body_id);
	if (e == ERR_OK)
		e = store_alarm_set(rq, rq->caller_id, rq->body_id, &version);
	if (e != ERR_OK)
		return e;
	relay_wake(service_relay(rq->svc));
	token_alarm_made(rq, rq->body_id, true, version);
	return reply_empty(rp, 201);
}

/* DELETE /: asks nobody whether the item exists; an alarm that was not set is gone as well. */
static enum err unset_alarm(struct request *rq, struct reply *rp)
{
	uint64_t version;
	enum err e = auth_need_caller(rq);

	if (e == ERR_OK)
		e = store_alarm_unset(rq, rq->caller_id, rq->body_id, &version);
	if (e != ERR_OK)
		return e;
	relay_wake(service_relay(rq->svc));
	token_alarm_made(rq, rq->body_id, false, version);
	return reply_empty(rp, 200);
}

/* GET /: own MySQL (else own Redis) for the alarms, own Redis for the items. */
static enum err list_alarms(struct request *rq, struct reply *rp)
{
	struct alarm_list list = { .count = 0 };
	enum alarm_flag *flags;
	enum err e = auth_need_caller(rq);

	if (e == ERR_OK)
		e = store_alarm_items(rq, rq->caller_id, &list);
	if (own_is_away(e))
		e = views_own_alarm_items(rq, rq->caller_id, &list);
	if (e == ERR_OK)
		e = views_items(rq, &list);
	if (e != ERR_OK)
		return e;
	alarm_list_cut(&list, &rq->page);
	flags = arena_alloc_array(rq->arena, list.count + 1, sizeof(*flags));
	if (flags == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < list.count; i++)
		flags[i] = ALARM_FLAG_ON;
	shop_item_list_write(&rp->body, list.total, list.fragments, flags, list.count);
	return reply_done(rp);
}

const struct route alarm_routes[] = {
	{ .method = "GET", .path = "/", .run = list_alarms, .paged = true },
	{ .method = "POST", .path = "/", .run = set_alarm, .body_id = "item_id" },
	{ .method = "DELETE", .path = "/", .run = unset_alarm, .body_id = "item_id" },
	{ .method = NULL },
};
