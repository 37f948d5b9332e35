/* sql_db.c - one MySQL server and schema: its URL, its pool of connections, and transactions that are tried again. */
#include "shared/io/sql_conn.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/url.h"
#include "shared/io/host.h"
#include "shared/io/pool.h"

#define US_PER_MS 1000
#define DEFAULT_PORT 3306
#define ADDRESS_BYTES 4096
#define NAME_US (500 * US_PER_MS)
#define REFUSED_UNKNOWN_HOST 2005 /* as the client library would say it */
#define FULL_MS 10000      /* a server that is full takes some statements and refuses others */
#define FULL_ASK_MS 1000
#define RETRY_FIRST_US 1000 /* the winner of a deadlock needs about a round trip to commit */
#define RETRY_MOST_US (32 * US_PER_MS)
#define RETRY_NEEDS_US (20 * US_PER_MS) /* an attempt begun with less would only be cut, and cost its connection */

struct sql_db {
	const char *name; /* of the host */
	struct host *host;
	struct sql_address address;
	struct arena *memory; /* of the address's strings */
	struct pool *pool;
	bool (*on_connect)(void *ctx, struct sql_conn *c);
	void *ctx;
	atomic_uint refusal; /* number of the last one logged, 0 after a success: each is logged once */
	_Atomic int64_t full_us; /* monotonic: when it last had no room; 0: never */
	int64_t full_logged_us;
	int64_t full_asked_us;
};

static struct sql_conn *connect_somewhere(struct sql_db *db, bool pooled, struct sql_refusal *why)
{
	struct sql_conn *c = NULL;
	struct host_addresses at;
	const char *unknown;

	if (host_find(db->host, clock_mono_us() + NAME_US, &at, &unknown) != ERR_OK) {
		why->number = REFUSED_UNKNOWN_HOST;
		(void)snprintf(why->text, sizeof(why->text), "%s", unknown);
		return NULL;
	}
	for (unsigned i = 0; c == NULL && i < at.count; i++)
		c = sql_conn_open(&db->address, at.list[i], db, pooled, why);
	return c;
}

static struct sql_conn *db_connect(struct sql_db *db, bool pooled)
{
	struct sql_refusal why;
	struct sql_conn *c = connect_somewhere(db, pooled, &why);

	if (c != NULL)
		atomic_store(&db->refusal, 0);
	else if (atomic_exchange(&db->refusal, why.number) != why.number)
		log_warn("sql.no_connection", "host=%s port=%u errno=%u message=%s", db->name,
			 (unsigned)db->address.port, why.number, LOG_Q(slice_str(why.text)));
	return c;
}

/* ---- the pool's side; on its thread, close also on others ---- */

static void *pooled_open(void *ctx)
{
	struct sql_db *db = ctx;
	struct sql_conn *c = db_connect(db, true);

	if (c == NULL || db->on_connect == NULL)
		return c;
	if (!db->on_connect(db->ctx, c))
		sql_conn_close(&c);
	else
		sql_session_reset(c);
	return c;
}

static bool pooled_ping(void *ctx, void *conn)
{
	struct sql_db *db = ctx;

	if (!sql_conn_ping(conn))
		return false;
	if (db->on_connect != NULL && sql_db_is_full(db) && log_every(&db->full_asked_us, FULL_ASK_MS)) {
		(void)db->on_connect(db->ctx, conn); /* a refusal is noted */
		sql_session_reset(conn);
	}
	return !sql_is_broken(conn);
}

static void pooled_close(void *ctx, void *conn)
{
	struct sql_conn *c = conn;

	(void)ctx;
	sql_conn_close(&c);
}

/* ---- the server ---- */

static const char *text_or(struct slice s, const char *otherwise)
{
	return s.ptr == NULL ? otherwise : s.ptr;
}

/* Fills in db->address; false and <why> when <text> is not such a URL. */
static bool read_url(struct sql_db *db, struct slice text, const char **why)
{
	struct url url;

	if (url_parse(db->memory, text, &url, why) != ERR_OK)
		return false;
	if (!slice_eq(url.scheme, SLICE_LIT("mysql")))
		*why = "the URL of a database begins with mysql://";
	else if (url.user.len == 0)
		*why = "the URL of a database names a user";
	else if (url.path.len == 0)
		*why = "the URL of a database names a schema";
	else
		*why = NULL;
	db->name = url.host.ptr;
	db->address.port = url.port == 0 ? DEFAULT_PORT : url.port;
	db->address.user = url.user.ptr;
	db->address.password = text_or(url.password, "");
	db->address.schema = url.path.ptr;
	return *why == NULL;
}

static bool start_pool(struct sql_db *db, size_t connections, const char **why)
{
	struct pool_spec spec = {
		.size = connections, .open = pooled_open, .ping = pooled_ping, .close = pooled_close, .ctx = db
	};

	spec.name = arena_printf(db->memory, "mysql:%s:%u/%s", db->name, (unsigned)db->address.port,
				 db->address.schema)
			    .ptr;
	db->address.watchdog = watchdog_create();
	db->host = host_create(db->name);
	if (db->address.watchdog != NULL && db->host != NULL && spec.name != NULL)
		db->pool = pool_create(&spec);
	*why = "no memory or no thread for a database";
	return db->pool != NULL;
}

struct sql_db *sql_db_create(const struct sql_options *o, const char **why)
{
	struct sql_db *db = calloc(1, sizeof(*db));

	*why = "no memory for a database";
	if (db == NULL || !sql_library_start()) {
		free(db);
		return NULL;
	}
	db->memory = arena_create(ADDRESS_BYTES, ADDRESS_BYTES);
	db->on_connect = o->on_connect;
	db->ctx = o->ctx;
	if (!read_url(db, o->url, why) || !start_pool(db, o->connections, why))
		sql_db_free(&db);
	return db;
}

void sql_db_free(struct sql_db **dbp)
{
	struct sql_db *db = *dbp;

	if (db == NULL)
		return;
	pool_free(&db->pool);
	watchdog_free(&db->address.watchdog);
	host_free(&db->host);
	arena_free(&db->memory);
	free(db);
	*dbp = NULL;
}

bool sql_db_is_up(const struct sql_db *db)
{
	return pool_is_up(db->pool);
}

bool sql_db_note_full(struct sql_db *db)
{
	atomic_store(&db->full_us, clock_mono_us());
	return log_every(&db->full_logged_us, FULL_MS);
}

bool sql_db_is_full(const struct sql_db *db)
{
	int64_t at_us = atomic_load(&((struct sql_db *)(uintptr_t)db)->full_us);

	return at_us != 0 && clock_mono_us() - at_us < FULL_MS * US_PER_MS;
}

bool sql_db_wait_up(struct sql_db *db, int timeout_ms)
{
	return pool_wait_up(db->pool, timeout_ms);
}

/* ---- connections ---- */

enum err sql_acquire(struct sql_db *db, int64_t deadline_us, struct sql_conn **c)
{
	*c = NULL;
	for (;;) {
		void *conn;
		enum err e = pool_acquire(db->pool, deadline_us, &conn);

		if (e != ERR_OK)
			return e;
		if (sql_session_is_quiet(conn)) {
			*c = conn;
			return ERR_OK;
		}
		/* Closed by the server while it was idle: the pool looks whether there is a new one. */
		pool_release(db->pool, &conn, false);
	}
}

void sql_release(struct sql_conn **cc)
{
	struct sql_conn *c = *cc;
	void *conn = c;

	if (c == NULL)
		return;
	assert(c->pooled);
	sql_session_reset(c);
	*cc = NULL;
	pool_release(c->db->pool, &conn, !c->broken);
}

enum err sql_open(struct sql_db *db, struct sql_conn **c)
{
	*c = db_connect(db, false);
	return *c == NULL ? ERR_UNAVAILABLE : ERR_OK;
}

void sql_close(struct sql_conn **c)
{
	assert(*c == NULL || !(*c)->pooled);
	sql_conn_close(c);
}

struct slice sql_cell(const struct sql_rows *r, size_t row, size_t column)
{
	assert(row < r->count && column < r->columns);
	return r->cells[row * r->columns + column];
}

/* ---- transactions ---- */

/* Sleeps before attempt number <attempt> (from 1), so that the parties of a conflict come back at different times.
 * False when too little would be left until <deadline_us>. */
static bool wait_for_retry(unsigned attempt, int64_t deadline_us)
{
	int64_t most = attempt < 6 ? (int64_t)RETRY_FIRST_US << attempt : RETRY_MOST_US;
	int64_t us = most / 2 + (int64_t)(clock_random() % (uint64_t)(most / 2 + 1));
	struct timespec t = { .tv_sec = 0, .tv_nsec = us * 1000 };

	if (clock_mono_us() + us + RETRY_NEEDS_US >= deadline_us)
		return false;
	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		continue;
	return true;
}

static enum err try_once(struct sql_conn *c, sql_body *body, void *ctx)
{
	enum err e = sql_begin(c);

	if (e != ERR_OK)
		return e;
	e = body(c, ctx);
	if (e == ERR_OK)
		return sql_commit(c);
	sql_rollback(c);
	return e;
}

enum err sql_transaction(struct sql_db *db, int64_t deadline_us, sql_body *body, void *ctx)
{
	for (unsigned attempt = 1;; attempt++) {
		struct sql_conn *c;
		enum err e = sql_acquire(db, deadline_us, &c);

		if (e != ERR_OK)
			return e;
		sql_set_deadline(c, deadline_us);
		e = try_once(c, body, ctx);
		sql_release(&c);
		if (e != ERR_CONFLICT)
			return e;
		if (!wait_for_retry(attempt, deadline_us))
			return ERR_BUSY;
	}
}
