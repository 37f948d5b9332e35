/* outbox_snapshot.c - copies the owned table into the outbox, chunk by chunk, between ~begin and ~end.
 *
 * A chunk is read with LOCK IN SHARE MODE and inserted in the same short transaction: its rows get versions
 * while their state cannot change. Never INSERT … SELECT, which holds live changes up for seconds.
 *
 * A copy may be published before the change that it shows: that of a transaction which was open for longer than the relay looks
 * for gaps. Then it differs from what readers hold and is no finding, so it goes as 'rewritten', not as 'snapshot'.
 */
#include <assert.h>
#include <inttypes.h>

#include "shared/base/clock.h"
#include "shared/svc/event.h"
#include "shared/svc/outbox.h"

#define STATEMENT_MS 2000
#define LOCK_WAIT_MS 1200 /* how long the server waits for a lock, and a little more */
#define LATE_ROWS 500 /* of the outbox's oldest that are looked at */
#define ARENA_BYTES 65536
#define ARENA_LIMIT (64 << 20)

struct control {
	const struct owned_table *t;
	const char *key;
	uint64_t begin;    /* of ~end */
	uint64_t version;  /* the row's id, out */
};

static enum err control_body(struct sql_conn *c, void *ctx)
{
	static const char sql[] = "INSERT INTO outbox (aggregatetype, aggregateid, type, payload, created)"
				  " VALUES (?, ?, ?, ?, UTC_TIMESTAMP(6))";
	struct control *k = ctx;
	struct arena *a = arena_create(512, 4096);
	char begin[EVENT_VERSION_LEN + 1];
	struct sql_rows r;
	enum err e;

	event_version_text(k->begin, begin);
	const struct sql_arg args[] = {
		SQL_ARG_TEXT(slice_str(k->t->name)), SQL_ARG_TEXT(slice_str(k->key)), SQL_ARG_TEXT(slice_str(k->key + 1)),
		k->begin == 0 ? SQL_ARG_NULL : SQL_ARG_TEXT(arena_printf(a, "{\"begin\":\"%s\"}", begin)),
	};

	e = sql_run(c, sql, args, 4, a, &r);
	k->version = r.insert_id;
	arena_free(&a);
	return e;
}

enum err outbox_snapshot_begin(struct sql_db *db, const struct owned_table *t, int64_t deadline_us, uint64_t *version)
{
	struct control k = { .t = t, .key = EVENT_BEGIN };
	enum err e = sql_transaction(db, deadline_us, control_body, &k);

	*version = k.version;
	return e;
}

enum err outbox_snapshot_end(struct sql_db *db, const struct owned_table *t, int64_t deadline_us, uint64_t begin)
{
	struct control k = { .t = t, .key = EVENT_END, .begin = begin };

	return sql_transaction(db, deadline_us, control_body, &k);
}

struct chunk {
	const struct owned_table *t;
	int64_t deadline_us;
	uint64_t after;
	size_t limit;
	uint64_t last;  /* out, as of the run that was committed */
	size_t count;   /* likewise */
};

/* Keys with a row in the outbox that may be late. As the transaction's first read without a lock it sees whatever was
 * committed before the rows of the chunk were locked. Rows that are not late are published, and deleted, within a second. */
static enum err read_late(struct sql_conn *c, struct arena *a, const struct owned_table *t, struct sql_rows *late)
{
	struct slice text = arena_printf(a, "SELECT aggregateid FROM (SELECT aggregateid, created FROM outbox WHERE aggregatetype = '%s'"
					    " ORDER BY id LIMIT %d) AS oldest WHERE created < UTC_TIMESTAMP(6) - INTERVAL %d MICROSECOND",
					 t->name, LATE_ROWS, OUTBOX_LATE_US);

	return sql_run_text(c, text, a, late);
}

static bool is_late(const struct sql_rows *late, struct slice key)
{
	for (size_t i = 0; i < late->count; i++) {
		if (slice_eq(sql_cell(late, i, 0), key))
			return true;
	}
	return false;
}

/* One INSERT with a row for each row read. */
static struct slice insert_text(struct sql_conn *c, struct arena *a, const struct owned_table *t, const struct sql_rows *r,
				const struct sql_rows *late)
{
	struct slice text;
	struct buf b;

	buf_init(&b, 0);
	buf_add_str(&b, "INSERT INTO outbox (aggregatetype, aggregateid, type, payload, created) VALUES ");
	for (size_t i = 0; i < r->count; i++) {
		buf_printf(&b, "%s('%s',", i > 0 ? "," : "", t->name);
		buf_add_slice(&b, sql_quote(c, a, sql_cell(r, i, 1)));
		buf_add_str(&b, is_late(late, sql_cell(r, i, 1)) ? ",'rewritten'," : ",'snapshot',");
		buf_add_slice(&b, sql_quote(c, a, sql_cell(r, i, 2)));
		buf_add_str(&b, ",UTC_TIMESTAMP(6))");
	}
	text = buf_ok(&b) ? arena_copy(a, buf_slice(&b)) : SLICE_NONE;
	buf_free(&b);
	return text;
}

static enum err chunk_body(struct sql_conn *c, void *ctx)
{
	struct chunk *k = ctx;
	struct arena *a = arena_create(ARENA_BYTES, ARENA_LIMIT);
	const struct sql_arg args[] = { SQL_ARG_U64(k->after), SQL_ARG_U64(k->limit) };
	struct sql_rows r = { 0 }, late = { 0 };
	struct slice text;
	enum err e;

	/* The server gives up waiting for a lock after a second. It must be the one that does: a missed deadline would break the
	 * connection, and the pool would think that the database is away. */
	if (clock_left_ms(k->deadline_us) < LOCK_WAIT_MS) {
		arena_free(&a);
		return ERR_BUSY;
	}
	sql_set_statement_ms(c, STATEMENT_MS);
	e = sql_run(c, k->t->chunk_sql, args, 2, a, &r);
	if (e == ERR_OK && r.count > 0)
		e = read_late(c, a, k->t, &late);
	if (e == ERR_OK && r.count > 0) {
		text = insert_text(c, a, k->t, &r, &late);
		e = text.ptr == NULL ? ERR_NO_MEMORY : sql_run_text(c, text, a, NULL);
	}
	if (e == ERR_OK && r.count > 0 && !slice_to_u64(sql_cell(&r, r.count - 1, 0), UINT64_MAX, &k->last))
		e = ERR_CORRUPT;
	k->count = r.count;
	arena_free(&a);
	return e;
}

enum err outbox_snapshot_chunk(struct sql_db *db, const struct owned_table *t, int64_t deadline_us, size_t limit, uint64_t *order,
			       size_t *count)
{
	struct chunk k = { .t = t, .deadline_us = deadline_us, .after = *order, .last = *order, .limit = limit };
	enum err e = sql_transaction(db, deadline_us, chunk_body, &k);

	if (e == ERR_OK)
		*order = k.last;
	*count = k.count;
	return e;
}
