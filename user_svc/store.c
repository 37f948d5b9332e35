/* store.c - SQL of user_svc for requests: users, and a user's visits. The inbox's statements are in store_visits.c. */
#include "user_svc/store.h"

#include <string.h>

#include "shared/base/hash.h"
#include "shared/events/shop.h"
#include "shared/svc/own.h"
#include "user_svc/store_visits.h"

#define USER_JSON "JSON_OBJECT('id', id, 'name', name, 'access_token', access_token)"

/* LOCK IN SHARE MODE keeps writers out as well as FOR UPDATE would, and asks for no right to write. */
const struct owned_table user_outbox = {
	.topic = &topic_users,
	.name = "user",
	.chunk_sql = "SELECT id, id, " USER_JSON " FROM user WHERE id > ? ORDER BY id LIMIT ? LOCK IN SHARE MODE",
	.row_sql = "SELECT " USER_JSON " FROM user WHERE id = ? " SQL_LOCK_OR_FAIL,
	.key_parts = 1,
	.publish = user_publish,
	.own = &view_users_own,
};

/* ---- the caller ---- */

struct caller_query {
	struct slice token;
	uint32_t *id;
};

/* The index finds the token; the hash makes it exact, since an equal sign overlooks blanks at the end. */
static enum err read_caller(struct sql_conn *c, struct arena *a, void *ctx)
{
	static const char sql[] = "SELECT MIN(id) FROM user WHERE access_token = ? AND SHA2(access_token, 256) = ? AND id > 0";
	const struct caller_query *q = ctx;
	char hash[HASH_SHA256_HEX + 1];
	struct sql_arg args[2];
	struct sql_rows rows;
	enum err e;

	hash_sha256_hex(q->token, hash);
	/* A token that is no text can be nobody's; the server would call it an error. */
	args[0] = SQL_ARG_TEXT(slice_is_utf8(q->token) ? q->token : SLICE_LIT(""));
	args[1] = SQL_ARG_TEXT(slice_str(hash));
	e = sql_run(c, sql, args, 2, a, &rows);
	if (e != ERR_OK)
		return e;
	return slice_to_id(sql_cell(&rows, 0, 0), q->id) ? ERR_OK : ERR_UNAUTHORIZED;
}

enum err store_caller(struct request *rq, struct slice token, uint32_t *id)
{
	struct caller_query q = { .token = token, .id = id };

	return own_read(rq, read_caller, &q);
}

/* ---- the list of users ---- */

struct users_query {
	const struct page *page;
	struct user_list *out;
};

static enum err row_user(const struct sql_rows *rows, size_t row, struct arena *a, struct user *out)
{
	struct buf text;

	if (!slice_to_id(sql_cell(rows, row, 0), &out->id))
		return ERR_INTERNAL; /* the WHERE keeps others out */
	buf_init(&text, 0);
	user_json(&text, out->id, sql_cell(rows, row, 1), sql_cell(rows, row, 2));
	out->json = buf_ok(&text) ? arena_copy(a, buf_slice(&text)) : SLICE_NONE;
	buf_free(&text);
	return out->json.ptr != NULL ? ERR_OK : ERR_NO_MEMORY;
}

static enum err read_rows(struct sql_conn *c, struct arena *a, const struct page *page, struct user_list *out)
{
	static const char sql[] =
		"SELECT id, name, access_token FROM user WHERE id > 0 AND id < ? ORDER BY id DESC LIMIT ?";
	const struct sql_arg args[] = { SQL_ARG_U64(own_page_below(page)), SQL_ARG_U64(own_page_limit(page)) };
	struct sql_rows rows;
	enum err e = sql_run(c, sql, args, 2, a, &rows);

	if (e != ERR_OK)
		return e;
	out->count = rows.count;
	out->users = arena_alloc_array(a, rows.count + 1, sizeof(*out->users));
	if (out->users == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < rows.count && e == ERR_OK; i++)
		e = row_user(&rows, i, a, &out->users[i]);
	return e;
}

static enum err read_users(struct sql_conn *c, struct arena *a, void *ctx)
{
	const struct users_query *q = ctx;
	enum err e = read_rows(c, a, q->page, q->out);

	return e != ERR_OK ? e : own_list_total(c, a, q->page, q->out->count, "SELECT COUNT(*) FROM user WHERE id > 0", &q->out->total);
}

enum err store_users(struct request *rq, struct user_list *out)
{
	struct users_query q = { .page = &rq->page, .out = out };

	return own_read(rq, read_users, &q);
}

/* ---- a user's visits ---- */

struct visits_query {
	uint32_t user_id;
	struct visit **visits;
	size_t *count;
};

static enum err read_visits(struct sql_conn *c, struct arena *a, void *ctx)
{
	static const char sql[] = "SELECT event_id, item_id, visited_us FROM visit"
				  " WHERE user_id = ? ORDER BY visited_us, event_id";
	const struct visits_query *q = ctx;
	const struct sql_arg user = SQL_ARG_U64(q->user_id);
	struct sql_rows rows;
	enum err e = sql_run(c, sql, &user, 1, a, &rows);

	if (e != ERR_OK)
		return e;
	*q->count = 0;
	*q->visits = arena_alloc_array(a, rows.count + 1, sizeof(**q->visits));
	if (*q->visits == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < rows.count; i++) {
		if (store_visit_row(&rows, i, 0, &(*q->visits)[*q->count]))
			(*q->count)++;
	}
	return ERR_OK;
}

enum err store_visits(struct request *rq, uint32_t user_id, struct visit **visits, size_t *count)
{
	struct visits_query q = { .user_id = user_id, .visits = visits, .count = count };

	return own_read(rq, read_visits, &q);
}
