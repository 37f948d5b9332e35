/* outbox.c - the SQL of the outbox: reading it in order, rewriting keys, snapshots, and the relay's shared state. */
#include "shared/svc/outbox.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "shared/base/clock.h"
#include "shared/svc/event.h"

#define ROW_COLUMNS "id, aggregateid, type, payload, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', created)"
#define KEY_PARTS_MAX 4
#define BODY_ARENA_BYTES 16384
#define BODY_ARENA_LIMIT (64 << 20)
#define DEPTH_MS 3000
#define REWRITE_STATEMENT_MS 2000

static struct slice id_list(struct arena *a, const uint64_t *ids, size_t count)
{
	struct buf b;
	struct slice s;

	buf_init(&b, 0);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_add_char(&b, ',');
		buf_add_u64(&b, ids[i]);
	}
	s = arena_copy(a, buf_slice(&b));
	buf_free(&b);
	return s;
}

static enum err take_rows(const struct sql_rows *r, struct arena *a, struct outbox_row **rows, size_t *count)
{
	*count = 0;
	*rows = arena_alloc_array(a, r->count + 1, sizeof(**rows));
	if (*rows == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < r->count; i++) {
		struct outbox_row *row = &(*rows)[*count];

		*row = (struct outbox_row){ .key = sql_cell(r, i, 1), .type = sql_cell(r, i, 2), .payload = sql_cell(r, i, 3) };
		if (!slice_to_u64(sql_cell(r, i, 0), UINT64_MAX, &row->id) || !slice_to_i64(sql_cell(r, i, 4), &row->created_us))
			return ERR_CORRUPT;
		(*count)++;
	}
	return ERR_OK;
}

enum err outbox_read(struct sql_conn *c, const struct owned_table *t, struct arena *a, uint64_t after, const uint64_t *ids, size_t id_count,
		     size_t limit, struct outbox_row **rows, size_t *count)
{
	struct slice text;
	struct sql_rows r;
	enum err e;

	*count = 0;
	assert(id_count <= OUTBOX_IDS_MAX);
	if (id_count == 0)
		text = arena_printf(a, "SELECT " ROW_COLUMNS " FROM outbox WHERE id > %" PRIu64 " AND aggregatetype = '%s'"
				       " ORDER BY id LIMIT %zu", after, t->name, limit);
	else
		text = arena_printf(a, "SELECT " ROW_COLUMNS " FROM outbox WHERE (id > %" PRIu64 " OR id IN (%.*s))"
				       " AND aggregatetype = '%s' ORDER BY id LIMIT %zu",
				    after, SLICE_ARG(id_list(a, ids, id_count)), t->name, limit);
	e = sql_run_text(c, text, a, &r);
	return e == ERR_OK ? take_rows(&r, a, rows, count) : e;
}

enum err outbox_ids(struct sql_conn *c, const struct owned_table *t, struct arena *a, uint64_t after, uint64_t upto, size_t limit,
		    uint64_t **ids, size_t *count)
{
	static const char sql[] = "SELECT id FROM outbox WHERE id > ? AND id <= ? AND aggregatetype = ? ORDER BY id LIMIT ?";
	const struct sql_arg args[] = { SQL_ARG_U64(after), SQL_ARG_U64(upto), SQL_ARG_TEXT(slice_str(t->name)), SQL_ARG_U64(limit) };
	struct sql_rows r;
	enum err e = sql_run(c, sql, args, 4, a, &r);

	*count = 0;
	if (e != ERR_OK)
		return e;
	*ids = arena_alloc_array(a, r.count + 1, sizeof(**ids));
	if (*ids == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < r.count; i++) {
		if (!slice_to_u64(sql_cell(&r, i, 0), UINT64_MAX, &(*ids)[i]))
			return ERR_CORRUPT;
	}
	*count = r.count;
	return ERR_OK;
}

enum err outbox_highest(struct sql_conn *c, struct arena *a, uint64_t *id)
{
	struct sql_rows r;
	enum err e = sql_run(c, "SELECT COALESCE(MAX(id), 0) FROM outbox", NULL, 0, a, &r);

	if (e != ERR_OK)
		return e;
	return r.count == 1 && slice_to_u64(sql_cell(&r, 0, 0), UINT64_MAX, id) ? ERR_OK : ERR_CORRUPT;
}

enum err outbox_delete(struct sql_conn *c, struct arena *a, const uint64_t *ids, size_t count, size_t *deleted)
{
	struct sql_rows r = { 0 };
	enum err e = ERR_OK;

	assert(count <= OUTBOX_IDS_MAX);
	/* A join, because IN with more than a few ids is carried out as a scan, which waits for each row that a writer has not
	 * committed yet. */
	if (count > 0)
		e = sql_run_text(c, arena_printf(a, "DELETE o FROM JSON_TABLE('[%.*s]', '$[*]' COLUMNS (id bigint unsigned PATH '$')) AS d"
						    " STRAIGHT_JOIN outbox AS o ON o.id = d.id", SLICE_ARG(id_list(a, ids, count))),
				 a, &r);
	*deleted = (size_t)r.affected;
	return e;
}

/* ---- rewriting ---- */

struct rewrite {
	const struct owned_table *t;
	const struct outbox_row *rows;
	size_t count;
	bool locked[OUTBOX_REWRITE_MAX]; /* out, as of the run that was committed */
};

static bool is_control(struct slice key)
{
	return key.len > 0 && key.ptr[0] == '~';
}

/* The state of one key, read under its row lock, goes into the outbox as a new row. ERR_BUSY: somebody else has the lock. */
static enum err rewrite_key(struct sql_conn *c, const struct owned_table *t, struct arena *a, struct slice key)
{
	static const char insert[] = "INSERT INTO outbox (aggregatetype, aggregateid, type, payload, created)"
				     " VALUES (?, ?, ?, ?, UTC_TIMESTAMP(6))";
	struct sql_arg args[KEY_PARTS_MAX];
	struct slice rest = key;
	struct sql_rows r;
	bool there;
	enum err e;

	assert(t->key_parts <= KEY_PARTS_MAX);
	for (size_t i = 0; i < t->key_parts; i++)
		args[i] = SQL_ARG_TEXT(slice_cut(&rest, ':'));
	e = sql_run(c, t->row_sql, args, t->key_parts, a, &r);
	if (e != ERR_OK)
		return e;
	there = r.count > 0; /* else the gap is locked: nobody inserts the key before we have committed */
	const struct sql_arg row[] = { SQL_ARG_TEXT(slice_str(t->name)), SQL_ARG_TEXT(key),
				       SQL_ARG_TEXT(there ? SLICE_LIT("rewritten") : SLICE_LIT("deleted")),
				       there ? SQL_ARG_TEXT(sql_cell(&r, 0, 0)) : SQL_ARG_NULL };

	return sql_run(c, insert, row, 4, a, NULL);
}

/* The first of the rows that has the key of row <i>. */
static size_t first_of_key(const struct rewrite *w, size_t i)
{
	size_t k = 0;

	while (!slice_eq(w->rows[k].key, w->rows[i].key))
		k++;
	return k;
}

static enum err rewrite_body(struct sql_conn *c, void *ctx)
{
	struct rewrite *w = ctx;
	struct arena *a = arena_create(BODY_ARENA_BYTES, BODY_ARENA_LIMIT);
	uint64_t ids[OUTBOX_REWRITE_MAX];
	size_t id_count = 0, deleted;
	enum err e = ERR_OK;

	sql_set_statement_ms(c, REWRITE_STATEMENT_MS);
	for (size_t i = 0; e == ERR_OK && i < w->count; i++) {
		size_t first = first_of_key(w, i);

		w->locked[i] = w->locked[first];
		if (first == i) {
			e = is_control(w->rows[i].key) ? ERR_OK : rewrite_key(c, w->t, a, w->rows[i].key);
			w->locked[i] = e == ERR_BUSY;
			e = e == ERR_BUSY ? ERR_OK : e;
		}
		if (!w->locked[i])
			ids[id_count++] = w->rows[i].id;
	}
	if (e == ERR_OK)
		e = outbox_delete(c, a, ids, id_count, &deleted);
	arena_free(&a);
	return e;
}

enum err outbox_rewrite(struct sql_db *db, const struct owned_table *t, struct outbox_row *rows, size_t count, int64_t deadline_us,
			size_t *left)
{
	struct rewrite w = { .t = t, .rows = rows, .count = count };
	enum err e;

	assert(count <= OUTBOX_REWRITE_MAX);
	*left = count;
	e = sql_transaction(db, deadline_us, rewrite_body, &w);
	if (e != ERR_OK)
		return e;
	*left = 0;
	for (size_t i = 0; i < count; i++) {
		if (w.locked[i])
			rows[(*left)++] = rows[i];
	}
	return ERR_OK;
}

enum err outbox_floor(struct sql_conn *c, uint64_t version)
{
	static const char insert[] = "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, created)"
				     " VALUES (?, '~floor', '~floor', '~floor', NULL, UTC_TIMESTAMP(6))";
	static const char delete[] = "DELETE FROM outbox WHERE id = ? AND aggregatetype = '~floor'";
	const struct sql_arg id = SQL_ARG_U64(version);
	enum err e = sql_begin(c);

	if (e == ERR_OK)
		e = sql_run(c, insert, &id, 1, NULL, NULL);
	if (e == ERR_DUPLICATE) { /* then the counter is there already */
		sql_rollback(c);
		return ERR_OK;
	}
	if (e == ERR_OK)
		e = sql_run(c, delete, &id, 1, NULL, NULL);
	if (e == ERR_OK)
		return sql_commit(c);
	sql_rollback(c);
	return e;
}

enum err outbox_depth(struct sql_conn *c, struct arena *a, uint64_t *rows, int64_t *age_us)
{
	static const char sql[] = "SELECT (SELECT COUNT(*) FROM (SELECT id FROM outbox LIMIT 1000000) AS some),"
				  " (SELECT TIMESTAMPDIFF(MICROSECOND, created, UTC_TIMESTAMP(6)) FROM outbox ORDER BY id LIMIT 1)";
	struct sql_rows r;
	enum err e;

	sql_set_statement_ms(c, DEPTH_MS);
	e = sql_run(c, sql, NULL, 0, a, &r);
	if (e != ERR_OK)
		return e;
	*age_us = 0;
	if (r.count != 1 || !slice_to_u64(sql_cell(&r, 0, 0), UINT64_MAX, rows))
		return ERR_CORRUPT;
	if (sql_cell(&r, 0, 1).ptr != NULL && !slice_to_i64(sql_cell(&r, 0, 1), age_us))
		return ERR_CORRUPT;
	return ERR_OK;
}

/* ---- shared state ---- */

enum err outbox_state_get(struct sql_conn *c, struct arena *a, const char *name, struct slice *value)
{
	static const char sql[] = "SELECT value FROM relay_state WHERE name = ?";
	const struct sql_arg arg = SQL_ARG_TEXT(slice_str(name));
	struct sql_rows r;
	enum err e = sql_run(c, sql, &arg, 1, a, &r);

	*value = e == ERR_OK && r.count == 1 ? sql_cell(&r, 0, 0) : SLICE_NONE;
	return e;
}

enum err outbox_state_set(struct sql_conn *c, const char *name, struct slice value)
{
	static const char sql[] = "INSERT INTO relay_state (name, value) VALUES (?, ?) ON DUPLICATE KEY UPDATE value = VALUES(value)";
	const struct sql_arg args[] = { SQL_ARG_TEXT(slice_str(name)), SQL_ARG_TEXT(value) };

	return sql_run(c, sql, args, 2, NULL, NULL);
}

enum err outbox_state_clear(struct sql_conn *c, const char *name, struct slice value)
{
	static const char sql[] = "DELETE FROM relay_state WHERE name = ? AND value = ?";
	const struct sql_arg args[] = { SQL_ARG_TEXT(slice_str(name)), SQL_ARG_TEXT(value) };

	return sql_run(c, sql, args, 2, NULL, NULL);
}

enum err outbox_own_next_get(struct sql_conn *c, struct arena *a, const struct topic *t, int64_t *next)
{
	static const char sql[] = "SELECT partition_id, own_next FROM relay_position WHERE topic = ?";
	const struct sql_arg arg = SQL_ARG_TEXT(slice_str(t->name));
	struct sql_rows r;
	enum err e = sql_run(c, sql, &arg, 1, a, &r);

	for (int32_t p = 0; p < t->partitions; p++)
		next[p] = 0;
	for (size_t i = 0; e == ERR_OK && i < r.count; i++) {
		int64_t p, n;

		if (slice_to_i64(sql_cell(&r, i, 0), &p) && p >= 0 && p < t->partitions && slice_to_i64(sql_cell(&r, i, 1), &n))
			next[p] = n;
	}
	return e;
}

enum err outbox_own_next_set(struct sql_conn *c, const struct topic *t, int32_t partition, int64_t next)
{
	static const char sql[] = "UPDATE relay_position SET own_next = ? WHERE topic = ? AND partition_id = ?";
	const struct sql_arg args[] = { SQL_ARG_I64(next), SQL_ARG_TEXT(slice_str(t->name)), SQL_ARG_I64(partition) };

	return sql_run(c, sql, args, 3, NULL, NULL);
}

enum err outbox_server_start(struct sql_conn *c, struct arena *a, int64_t *start_s)
{
	struct sql_rows r;
	int64_t up_s;
	enum err e = sql_run_text(c, SLICE_LIT("SHOW GLOBAL STATUS LIKE 'Uptime'"), a, &r);

	if (e != ERR_OK)
		return e;
	if (r.count != 1 || !slice_to_i64(sql_cell(&r, 0, 1), &up_s))
		return ERR_CORRUPT;
	*start_s = clock_wall_us() / 1000000 - up_s;
	return ERR_OK;
}

enum err outbox_table_made(struct sql_conn *c, const struct owned_table *t, struct arena *a, struct slice *made)
{
	static const char sql[] = "SELECT CREATE_TIME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?";
	const struct sql_arg name = SQL_ARG_TEXT(slice_str(t->name));
	struct sql_rows r;
	enum err e = sql_run(c, sql, &name, 1, a, &r);

	*made = e == ERR_OK && r.count == 1 ? sql_cell(&r, 0, 0) : SLICE_NONE;
	return e;
}

enum err outbox_triggers(struct sql_conn *c, struct arena *a, uint64_t *count)
{
	struct sql_rows r;
	struct slice events;
	enum err e = sql_run_text(c, SLICE_LIT("SELECT captured_events()"), a, &r);

	*count = 0;
	if (e == ERR_INTERNAL) /* the function went with the triggers */
		return ERR_OK;
	if (e != ERR_OK)
		return e;
	for (events = sql_cell(&r, 0, 0); events.len > 0; (*count)++)
		slice_cut(&events, ',');
	return ERR_OK;
}
