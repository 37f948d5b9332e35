/* store.c - every SQL statement of alarm_svc. */
#include "alarm_svc/store.h"

#include "shared/events/shop.h"
#include "shared/svc/own.h"

#define ALARM_JSON                                                           \
	"JSON_OBJECT('id', id, 'item_id', item_id, 'user_id', user_id, "    \
	"'created', DATE_FORMAT(created, '%Y-%m-%dT%H:%i:%s.%fZ'))"

/* LOCK IN SHARE MODE keeps writers out as well as FOR UPDATE would. */
const struct owned_table alarm_outbox = {
	.topic = &topic_alarms,
	.name = "alarm",
	.chunk_sql = "SELECT id, CONCAT(user_id, ':', item_id), " ALARM_JSON
		     " FROM alarm WHERE id > ? ORDER BY id LIMIT ? LOCK IN SHARE MODE",
	.row_sql = "SELECT " ALARM_JSON " FROM alarm WHERE user_id = ? AND item_id = ? " SQL_LOCK_OR_FAIL,
	.key_parts = 2,
	.own = &view_alarms,
};

#define VERSION_TRIES 5 /* one collision is rare; this many in a row mean that the triggers are missing */

struct alarm_write {
	struct request *rq;
	uint32_t user_id;
	uint32_t item_id;
	uint64_t *version;
	unsigned tries;
};

/* The version of the change just made: the outbox row that the triggers wrote, if it is this alarm's.
 * ERR_CONFLICT, so that all is done again, if it is not: beside INSERT … SELECT both servers sometimes make an id twice, the
 * upsert then meets another alarm by its primary key and reports success. */
static enum err read_version(struct sql_conn *c, struct alarm_write *w)
{
	static const char sql[] = "SELECT id FROM outbox WHERE id = @outbox_id AND aggregateid = ?";
	const struct sql_arg key = SQL_ARG_TEXT(shop_alarm_key(w->rq->arena, w->user_id, w->item_id));
	struct sql_rows rows;
	enum err e = sql_run(c, sql, &key, 1, w->rq->arena, &rows);

	if (e != ERR_OK)
		return e;
	if (rows.count == 1 && slice_to_u64(sql_cell(&rows, 0, 0), UINT64_MAX, w->version))
		return ERR_OK;
	return ++w->tries < VERSION_TRIES ? ERR_CONFLICT : ERR_INTERNAL; /* the triggers are missing; the relay says so too */
}

/* A repeat touches the row without changing it: that fires a trigger, so this write has a version as well. */
static enum err set_body(struct sql_conn *c, void *ctx)
{
	static const char sql[] = "INSERT INTO alarm (user_id, item_id, created) VALUES (?, ?, UTC_TIMESTAMP(6))"
				  " ON DUPLICATE KEY UPDATE created = created";
	struct alarm_write *w = ctx;
	const struct sql_arg args[] = { SQL_ARG_U64(w->user_id), SQL_ARG_U64(w->item_id) };
	enum err e = sql_run(c, sql, args, 2, w->rq->arena, NULL);

	return e == ERR_OK ? read_version(c, w) : e;
}

/* There was nothing to delete, so no trigger fired. The lock on the gap keeps others from setting this alarm until commit. */
static enum err insert_tombstone(struct sql_conn *c, const struct alarm_write *w)
{
	static const char sql[] = "INSERT INTO outbox (aggregatetype, aggregateid, type, payload, created)"
				  " VALUES ('alarm', ?, 'deleted', NULL, UTC_TIMESTAMP(6))";
	const struct sql_arg key = SQL_ARG_TEXT(shop_alarm_key(w->rq->arena, w->user_id, w->item_id));
	struct sql_rows rows;
	enum err e = sql_run(c, sql, &key, 1, w->rq->arena, &rows);

	*w->version = rows.insert_id;
	return e;
}

static enum err unset_body(struct sql_conn *c, void *ctx)
{
	static const char sql[] = "DELETE FROM alarm WHERE user_id = ? AND item_id = ?";
	struct alarm_write *w = ctx;
	const struct sql_arg args[] = { SQL_ARG_U64(w->user_id), SQL_ARG_U64(w->item_id) };
	struct sql_rows rows;
	enum err e = sql_run(c, sql, args, 2, w->rq->arena, &rows);

	if (e != ERR_OK)
		return e;
	return rows.affected == 0 ? insert_tombstone(c, w) : read_version(c, w);
}

enum err store_alarm_set(struct request *rq, uint32_t user_id, uint32_t item_id, uint64_t *version)
{
	struct alarm_write w = { .rq = rq, .user_id = user_id, .item_id = item_id, .version = version };

	return own_write(rq, set_body, &w);
}

enum err store_alarm_unset(struct request *rq, uint32_t user_id, uint32_t item_id, uint64_t *version)
{
	struct alarm_write w = { .rq = rq, .user_id = user_id, .item_id = item_id, .version = version };

	return own_write(rq, unset_body, &w);
}

struct items_query {
	uint32_t user_id;
	struct alarm_list *out;
};

static enum err read_items(struct sql_conn *c, struct arena *a, void *ctx)
{
	static const char sql[] = "SELECT item_id FROM alarm WHERE user_id = ? AND item_id > 0 ORDER BY item_id DESC";
	const struct items_query *q = ctx;
	const struct sql_arg user = SQL_ARG_U64(q->user_id);
	struct sql_rows rows;
	enum err e = sql_run(c, sql, &user, 1, a, &rows);

	if (e != ERR_OK)
		return e;
	q->out->count = rows.count;
	q->out->item_ids = arena_alloc_array(a, rows.count + 1, sizeof(*q->out->item_ids));
	if (q->out->item_ids == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < rows.count; i++) {
		if (!slice_to_id(sql_cell(&rows, i, 0), &q->out->item_ids[i]))
			return ERR_INTERNAL; /* the WHERE keeps others out */
	}
	return ERR_OK;
}

enum err store_alarm_items(struct request *rq, uint32_t user_id, struct alarm_list *out)
{
	struct items_query q = { .user_id = user_id, .out = out };

	return own_read(rq, read_items, &q);
}
