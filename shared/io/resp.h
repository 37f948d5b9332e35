/* resp.h - Redis: pipelined commands over pooled or own connections, every reply within 200 ms.
 *
 * A connection is used by one thread at a time; a struct resp_db by any.
 */
#ifndef MOA_IO_RESP_H
#define MOA_IO_RESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "shared/base/arena.h"
#include "shared/base/err.h"
#include "shared/base/slice.h"

struct resp_db;   /* one server: a pool of connections */
struct resp_conn;

enum resp_type { RESP_NIL, RESP_STATUS, RESP_ERROR, RESP_INTEGER, RESP_STRING, RESP_ARRAY };

/* A reply; everything in it lives in the arena of the call. */
struct resp_value {
	enum resp_type type;
	int64_t integer;
	struct slice text;        /* STATUS, ERROR, STRING */
	struct resp_value *items; /* ARRAY */
	size_t count;
};

/* <url>: redis://[:password@]host:port/db. NULL and a sentence in <why> (static) when it does not parse. */
struct resp_db *resp_db_create(struct slice url, size_t connections, const char **why);
void resp_db_free(struct resp_db **db);
bool resp_db_is_up(const struct resp_db *db); /* answers; it may still refuse writes, for want of memory or disk */
bool resp_db_wait_up(struct resp_db *db, int timeout_ms);

/* A connection that the server has closed while it was idle is not handed out. Errors as of pool_acquire(). */
enum err MUST_CHECK resp_acquire(struct resp_db *db, int64_t deadline_us, struct resp_conn **c);
/* Gives it back; with replies outstanding, or after a failure, it is thrown away (and the pool looks at the server). */
void resp_release(struct resp_conn **c);
/* A connection outside the pool, never reconnecting by itself. Blocks at most 200 ms. */
enum err MUST_CHECK resp_open(struct resp_db *db, struct resp_conn **c);
void resp_close(struct resp_conn **c);
/* Another bound than 200 ms for each reply on this connection (background work). */
void resp_set_timeout_ms(struct resp_conn *c, int ms);

/* Queues one command (copied). ERR_UNAVAILABLE when the connection is broken; ERR_NO_MEMORY, and it is broken, when
 * more than 256 MiB are queued. */
enum err MUST_CHECK resp_send(struct resp_conn *c, const struct slice *args, size_t count);
/* Writes what is queued to the socket without waiting for replies. */
enum err MUST_CHECK resp_flush(struct resp_conn *c);
/* The next reply in order (flushes first). An error reply is ERR_OK with type RESP_ERROR: the caller decides.
 * ERR_UNAVAILABLE: timeout or lost connection, which is broken then; so it is with ERR_NO_MEMORY: the reply does not fit
 * into the arena. Arrays nest at most 7 deep (the client library's bound). */
enum err MUST_CHECK resp_recv(struct resp_conn *c, struct arena *arena, struct resp_value *out);
/* send + recv; nothing may be outstanding. */
enum err MUST_CHECK resp_call(struct resp_conn *c, struct arena *arena, const struct slice *args, size_t count,
			      struct resp_value *out);
size_t resp_outstanding(const struct resp_conn *c); /* commands sent whose replies were not read */
bool resp_is_broken(const struct resp_conn *c);

#endif
