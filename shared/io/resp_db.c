/* resp_db.c - one Redis: its URL and its pool of connections. */
#include "shared/io/resp_conn.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "shared/base/log.h"
#include "shared/base/url.h"
#include "shared/io/pool.h"

#define DEFAULT_PORT 6379
#define ADDRESS_BYTES 4096

struct resp_db {
	struct resp_address address;
	struct arena *memory; /* of the address's strings */
	struct pool *pool;
	atomic_bool refused; /* one refusal is logged, not one for each attempt */
};

static struct resp_conn *db_connect(struct resp_db *db, bool pooled)
{
	char why[RESP_REFUSAL_BYTES];
	struct resp_conn *c = resp_conn_open(&db->address, db, pooled, why);

	if (c != NULL)
		atomic_store(&db->refused, false);
	else if (!atomic_exchange(&db->refused, true))
		log_warn("redis.no_connection", "host=%s port=%u message=%s", db->address.name.ptr,
			 (unsigned)db->address.port, LOG_Q(slice_str(why)));
	return c;
}

/* ---- the pool's side; on its thread, close also on others ---- */

static void *pooled_open(void *ctx)
{
	return db_connect(ctx, true);
}

static bool pooled_ping(void *ctx, void *conn)
{
	(void)ctx;
	return resp_conn_ping(conn);
}

static void pooled_close(void *ctx, void *conn)
{
	struct resp_conn *c = conn;

	(void)ctx;
	resp_conn_close(&c);
}

/* ---- the server ---- */

static bool read_url(struct resp_db *db, struct slice text, const char **why)
{
	struct url url;
	uint64_t number = 0;

	if (url_parse(db->memory, text, &url, why) != ERR_OK)
		return false;
	*why = "the URL of a Redis begins with redis://";
	if (!slice_eq(url.scheme, SLICE_LIT("redis")))
		return false;
	*why = "the path of a Redis URL is the number of a database";
	if (url.path.len > 0 && !slice_to_u64(url.path, UINT32_MAX, &number))
		return false;
	db->address.name = url.host;
	db->address.port = url.port == 0 ? DEFAULT_PORT : url.port;
	db->address.user = url.user;
	db->address.password = url.password;
	db->address.number = number == 0 ? SLICE_NONE : url.path;
	return true;
}

struct resp_db *resp_db_create(struct slice url, size_t connections, const char **why)
{
	struct pool_spec spec = { .size = connections, .open = pooled_open, .ping = pooled_ping, .close = pooled_close };
	struct resp_db *db = calloc(1, sizeof(*db));

	*why = "no memory for a Redis";
	if (db == NULL)
		return NULL;
	db->memory = arena_create(ADDRESS_BYTES, ADDRESS_BYTES);
	if (!read_url(db, url, why)) {
		resp_db_free(&db);
		return NULL;
	}
	*why = "no memory or no thread for a Redis";
	spec.ctx = db;
	spec.name = arena_printf(db->memory, "redis:%s:%u", db->address.name.ptr, (unsigned)db->address.port).ptr;
	db->address.host = host_create(db->address.name.ptr);
	db->pool = spec.name == NULL || db->address.host == NULL ? NULL : pool_create(&spec);
	if (db->pool == NULL)
		resp_db_free(&db);
	return db;
}

void resp_db_free(struct resp_db **dbp)
{
	struct resp_db *db = *dbp;

	if (db == NULL)
		return;
	pool_free(&db->pool);
	host_free(&db->address.host);
	arena_free(&db->memory);
	free(db);
	*dbp = NULL;
}

bool resp_db_is_up(const struct resp_db *db)
{
	return pool_is_up(db->pool);
}

bool resp_db_wait_up(struct resp_db *db, int timeout_ms)
{
	return pool_wait_up(db->pool, timeout_ms);
}

enum err resp_acquire(struct resp_db *db, int64_t deadline_us, struct resp_conn **c)
{
	*c = NULL;
	for (;;) {
		void *conn;
		enum err e = pool_acquire(db->pool, deadline_us, &conn);

		if (e != ERR_OK)
			return e;
		if (resp_conn_is_quiet(conn)) {
			*c = conn;
			return ERR_OK;
		}
		/* Closed by the server while it was idle: the pool looks whether there is a new one. */
		pool_release(db->pool, &conn, false);
	}
}

void resp_release(struct resp_conn **cc)
{
	struct resp_conn *c = *cc;
	void *conn = c;

	if (c == NULL)
		return;
	assert(resp_conn_is_pooled(c));
	*cc = NULL;
	pool_release(resp_conn_db(c)->pool, &conn, resp_conn_reset(c));
}

enum err resp_open(struct resp_db *db, struct resp_conn **c)
{
	*c = db_connect(db, false);
	return *c == NULL ? ERR_UNAVAILABLE : ERR_OK;
}

void resp_close(struct resp_conn **c)
{
	assert(*c == NULL || !resp_conn_is_pooled(*c));
	resp_conn_close(c);
}
