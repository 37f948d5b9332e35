/* store.c - every SQL statement of item_svc. */
#include "item_svc/store.h"

#include "shared/svc/own.h"

#define ITEM_JSON "JSON_OBJECT('id', id, 'name', name, 'broadcaster', broadcaster, 'category', category, 'price', price)"

/* LOCK IN SHARE MODE keeps writers out as well as FOR UPDATE would, and asks for no right to write. */
const struct owned_table item_outbox = {
	.topic = &topic_items,
	.name = "item",
	.chunk_sql = "SELECT id, id, " ITEM_JSON " FROM item WHERE id > ? ORDER BY id LIMIT ? LOCK IN SHARE MODE",
	.row_sql = "SELECT " ITEM_JSON " FROM item WHERE id = ? " SQL_LOCK_OR_FAIL,
	.key_parts = 1,
	.own = &view_items,
};

/* Columns id, name, broadcaster, category, price of a row. */
static enum err row_fragment(const struct sql_rows *rows, size_t row, struct arena *a, struct slice *out)
{
	const struct item_row item = {
		.id = sql_cell(rows, row, 0),
		.name = sql_cell(rows, row, 1),
		.broadcaster = sql_cell(rows, row, 2),
		.category = sql_cell(rows, row, 3),
		.price = sql_cell(rows, row, 4),
	};
	struct buf text;
	bool ok;

	buf_init(&text, 0);
	shop_item_fragment(&text, &item);
	ok = buf_ok(&text);
	*out = ok ? arena_copy(a, buf_slice(&text)) : SLICE_NONE;
	buf_free(&text);
	return out->ptr != NULL ? ERR_OK : ERR_NO_MEMORY;
}

struct items_query {
	const struct page *page;
	struct item_list *out;
};

static enum err read_rows(struct sql_conn *c, struct arena *a, const struct page *page, struct item_list *out)
{
	static const char sql[] = "SELECT id, name, broadcaster, category, price FROM item"
				  " WHERE id > 0 AND id < ? ORDER BY id DESC LIMIT ?";
	const struct sql_arg args[] = { SQL_ARG_U64(own_page_below(page)), SQL_ARG_U64(own_page_limit(page)) };
	struct sql_rows rows;
	enum err e = sql_run(c, sql, args, 2, a, &rows);

	if (e != ERR_OK)
		return e;
	out->count = rows.count;
	out->ids = arena_alloc_array(a, rows.count + 1, sizeof(*out->ids));
	out->fragments = arena_alloc_array(a, rows.count + 1, sizeof(*out->fragments));
	if (out->ids == NULL || out->fragments == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < rows.count && e == ERR_OK; i++) {
		if (!slice_to_id(sql_cell(&rows, i, 0), &out->ids[i]))
			return ERR_INTERNAL; /* the WHERE keeps others out */
		e = row_fragment(&rows, i, a, &out->fragments[i]);
	}
	return e;
}

static enum err read_items(struct sql_conn *c, struct arena *a, void *ctx)
{
	const struct items_query *q = ctx;
	enum err e = read_rows(c, a, q->page, q->out);

	return e != ERR_OK ? e : own_list_total(c, a, q->page, q->out->count, "SELECT COUNT(*) FROM item WHERE id > 0", &q->out->total);
}

enum err store_items(struct request *rq, struct item_list *out)
{
	struct items_query q = { .page = &rq->page, .out = out };

	return own_read(rq, read_items, &q);
}

struct item_query {
	uint32_t id;
	struct slice *out;
};

static enum err read_item(struct sql_conn *c, struct arena *a, void *ctx)
{
	static const char sql[] = "SELECT id, name, broadcaster, category, price FROM item WHERE id = ?";
	const struct item_query *q = ctx;
	const struct sql_arg id = SQL_ARG_U64(q->id);
	struct sql_rows rows;
	enum err e = sql_run(c, sql, &id, 1, a, &rows);

	if (e != ERR_OK)
		return e;
	return rows.count == 0 ? ERR_NOT_FOUND : row_fragment(&rows, 0, a, q->out);
}

enum err store_item(struct request *rq, uint32_t id, struct slice *fragment)
{
	struct item_query q = { .id = id, .out = fragment };

	return own_read(rq, read_item, &q);
}
