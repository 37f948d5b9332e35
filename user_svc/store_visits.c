/* store_visits.c - SQL of user_svc for the inbox of visits, and for their copy in own Redis.
 *
 * Statements over many rows are made at run time, of numbers and quoted strings only.
 */
#include "user_svc/store_visits.h"

#include <inttypes.h>
#include <string.h>

#include "shared/base/hash.h"

/* The search for a hash reads all users: well over a million in this time. */
#define RESOLVE_MS 2500

const char store_visit_position_select[] = "SELECT log_uuid, next_offset FROM visit_position WHERE partition_id = ? FOR UPDATE";
const char store_visit_position_upsert[] =
	"INSERT INTO visit_position (partition_id, log_uuid, next_offset) VALUES (?, ?, ?)"
	" ON DUPLICATE KEY UPDATE log_uuid = VALUES(log_uuid), next_offset = VALUES(next_offset)";

/* ---- revision ---- */

/* A row that is missing (somebody emptied the table) counts as revision 0. */
static enum err read_revision(struct sql_conn *c, struct arena *a, const char *sql, uint64_t *revision)
{
	struct sql_rows rows;
	enum err e = sql_run(c, sql, NULL, 0, a, &rows);

	*revision = 0;
	if (e == ERR_OK && rows.count > 0 && !slice_to_u64(sql_cell(&rows, 0, 0), UINT64_MAX, revision))
		e = ERR_INTERNAL;
	return e;
}

enum err store_visit_revision(struct sql_conn *c, struct arena *a, uint64_t *revision)
{
	static const char sql[] = "SELECT revision FROM visit_state WHERE id = 1";

	return read_revision(c, a, sql, revision);
}

enum err store_visit_revision_lock(struct sql_conn *c, struct arena *a, uint64_t *revision)
{
	static const char sql[] = "SELECT revision FROM visit_state WHERE id = 1 FOR UPDATE";

	return read_revision(c, a, sql, revision);
}

enum err store_visit_revision_set(struct sql_conn *c, struct arena *a, uint64_t revision)
{
	static const char sql[] =
		"INSERT INTO visit_state (id, revision) VALUES (1, ?) ON DUPLICATE KEY UPDATE revision = VALUES(revision)";
	const struct sql_arg arg = SQL_ARG_U64(revision);

	return sql_run(c, sql, &arg, 1, a, NULL);
}

/* ---- statements made at run time ---- */

static enum err run_made(struct sql_conn *c, struct arena *a, struct buf *text, struct sql_rows *rows)
{
	enum err e = buf_ok(text) ? sql_run_text(c, buf_slice(text), a, rows) : ERR_NO_MEMORY;

	buf_free(text);
	return e;
}

static void add_quoted(struct buf *text, struct sql_conn *c, struct arena *a, struct slice s)
{
	struct slice quoted = sql_quote(c, a, s);

	buf_add_slice(text, quoted);
	if (quoted.ptr == NULL)
		text->failed = true; /* beyond the arena's limit: said once, by run_made() */
}

/* ---- whose visits they are ---- */

static enum err resolve_hashes(struct sql_conn *c, struct arena *a, struct visit_event *events, size_t count)
{
	struct sql_rows rows;
	struct buf text;
	size_t asked = 0;
	enum err e;

	buf_init(&text, 0);
	buf_add_str(&text, "SELECT SHA2(access_token, 256), MIN(id) FROM user WHERE id > 0 AND SHA2(access_token, 256) IN (");
	for (size_t i = 0; i < count; i++) {
		if (events[i].user_id != 0)
			continue;
		buf_add_str(&text, asked++ > 0 ? "," : "");
		add_quoted(&text, c, a, events[i].token);
	}
	buf_add_str(&text, ") GROUP BY 1");
	if (asked == 0) {
		buf_free(&text);
		return ERR_OK;
	}
	sql_set_statement_ms(c, RESOLVE_MS);
	e = run_made(c, a, &text, &rows);
	for (size_t r = 0; e == ERR_OK && r < rows.count; r++) {
		for (size_t i = 0; i < count; i++) {
			if (events[i].user_id == 0 && slice_eq(events[i].token, sql_cell(&rows, r, 0)) &&
			    !slice_to_id(sql_cell(&rows, r, 1), &events[i].user_id))
				e = ERR_INTERNAL;
		}
	}
	return e;
}

static bool row_has(const struct sql_rows *rows, uint32_t id)
{
	uint32_t seen;

	for (size_t r = 0; r < rows->count; r++) {
		if (slice_to_id(sql_cell(rows, r, 0), &seen) && seen == id)
			return true;
	}
	return false;
}

static enum err forget_strangers(struct sql_conn *c, struct arena *a, struct visit_event *events, size_t count)
{
	struct sql_rows rows;
	struct buf text;
	enum err e;

	buf_init(&text, 0);
	buf_add_str(&text, "SELECT id FROM user WHERE id IN (0");
	for (size_t i = 0; i < count; i++)
		buf_printf(&text, ",%" PRIu32, events[i].user_id);
	buf_add_str(&text, ") AND id > 0");
	e = run_made(c, a, &text, &rows);
	for (size_t i = 0; e == ERR_OK && i < count; i++) {
		if (!row_has(&rows, events[i].user_id))
			events[i].user_id = 0;
	}
	return e;
}

enum err store_visit_resolve(struct sql_conn *c, struct arena *a, struct visit_event *events, size_t count)
{
	enum err e = resolve_hashes(c, a, events, count);

	return e == ERR_OK ? forget_strangers(c, a, events, count) : e;
}

/* ---- rows ---- */

enum err store_visit_insert(struct sql_conn *c, struct arena *a, const struct visit_event *events, size_t count)
{
	struct buf text;

	if (count == 0)
		return ERR_OK;
	buf_init(&text, 0);
	/* Not IGNORE: that would pass over other errors as well. */
	buf_add_str(&text, "INSERT INTO visit (event_id, user_id, item_id, visited_us) VALUES ");
	for (size_t i = 0; i < count; i++) {
		buf_add_str(&text, i > 0 ? ",(" : "(");
		add_quoted(&text, c, a, events[i].id);
		buf_printf(&text, ",%" PRIu32 ",%" PRIu32 ",%" PRIu64 ")", events[i].user_id, events[i].item_id, events[i].visited_us);
	}
	buf_add_str(&text, " ON DUPLICATE KEY UPDATE event_id = visit.event_id");
	return run_made(c, a, &text, NULL);
}

bool store_visit_row(const struct sql_rows *rows, size_t row, size_t column, struct visit *out)
{
	struct slice id = sql_cell(rows, row, column);

	if (id.len != SHOP_EVENT_ID_LEN || !slice_to_id(sql_cell(rows, row, column + 1), &out->item_id) ||
	    !slice_to_u64(sql_cell(rows, row, column + 2), UINT64_MAX, &out->visited_us))
		return false;
	memcpy(out->id, id.ptr, id.len);
	out->id[id.len] = '\0';
	return true;
}

/* Deals rows that are sorted by user out to their users. */
static enum err deal(const struct sql_rows *rows, struct arena *a, const uint32_t *user_ids, size_t count, struct user_visits *out)
{
	struct visit *all = arena_alloc_array(a, rows->count + 1, sizeof(*all));
	size_t at = 0;
	uint32_t user;

	if (all == NULL)
		return ERR_NO_MEMORY;
	for (size_t u = 0; u < count; u++) {
		out[u] = (struct user_visits){ .user_id = user_ids[u], .visits = all };
		for (; at < rows->count && slice_to_id(sql_cell(rows, at, 0), &user) && user == user_ids[u]; at++) {
			if (store_visit_row(rows, at, 1, all))
				all++;
		}
		out[u].count = (size_t)(all - out[u].visits);
	}
	return at == rows->count ? ERR_OK : ERR_INTERNAL;
}

enum err store_visit_of_users(struct sql_conn *c, struct arena *a, const uint32_t *user_ids, size_t count, struct user_visits **out)
{
	struct sql_rows rows;
	struct buf text;
	enum err e;

	buf_init(&text, 0);
	buf_add_str(&text, "SELECT user_id, event_id, item_id, visited_us FROM visit WHERE user_id IN (");
	for (size_t i = 0; i < count; i++)
		buf_printf(&text, "%s%" PRIu32, i > 0 ? "," : "", user_ids[i]);
	buf_add_str(&text, ") ORDER BY user_id, visited_us, event_id");
	e = run_made(c, a, &text, &rows);
	if (e != ERR_OK)
		return e;
	*out = arena_alloc_array(a, count, sizeof(**out));
	return *out != NULL ? deal(&rows, a, user_ids, count, *out) : ERR_NO_MEMORY;
}

enum err store_visit_delete(struct sql_conn *c, struct arena *a, const struct visit *visits, size_t kept, size_t count)
{
	struct buf text;

	if (kept == count)
		return ERR_OK;
	buf_init(&text, 0);
	buf_add_str(&text, "DELETE FROM visit WHERE event_id IN (");
	for (size_t i = kept; i < count; i++) {
		buf_add_str(&text, i > kept ? "," : "");
		add_quoted(&text, c, a, slice_str(visits[i].id));
	}
	buf_add_char(&text, ')');
	return run_made(c, a, &text, NULL);
}

enum err store_visit_users(struct sql_conn *c, struct arena *a, uint32_t after, size_t limit, uint32_t **user_ids, size_t *count)
{
	static const char sql[] = "SELECT DISTINCT user_id FROM visit WHERE user_id > ? ORDER BY user_id LIMIT ?";
	const struct sql_arg args[] = { SQL_ARG_U64(after), SQL_ARG_U64(limit) };
	struct sql_rows rows;
	enum err e = sql_run(c, sql, args, 2, a, &rows);

	*count = 0;
	if (e != ERR_OK)
		return e;
	*user_ids = arena_alloc_array(a, rows.count + 1, sizeof(**user_ids));
	if (*user_ids == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < rows.count; i++) {
		if (!slice_to_id(sql_cell(&rows, i, 0), &(*user_ids)[(*count)++]))
			return ERR_INTERNAL;
	}
	return ERR_OK;
}
