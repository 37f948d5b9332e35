/* sql.h - MySQL and MariaDB: prepared statements with a deadline in milliseconds.
 *
 * The client library's own timeouts are whole seconds, so a watchdog thread of
 * the database shuts the socket of a statement that passed its deadline.
 * A connection is used by one thread at a time; a struct sql_db by any.
 * The statement texts are string literals: a connection prepares each once and
 * finds it again by its address.
 */
#ifndef MOA_IO_SQL_H
#define MOA_IO_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "shared/base/arena.h"
#include "shared/base/err.h"
#include "shared/base/slice.h"

struct sql_db;   /* one server and schema: a pool of connections and a watchdog */
struct sql_conn; /* one connection */

struct sql_options {
	struct slice url;     /* mysql://user:password@host:port/schema, percent-encoded where needed */
	size_t connections;
	/* Runs on each new connection of the pool before it is handed out (the version floor); false closes it. May be NULL.
	 * Also on an idle one, once a second, while the server is full: it writes, so it tells whether there is room again. */
	bool (*on_connect)(void *ctx, struct sql_conn *c);
	void *ctx;
};

/* NULL and a sentence in <why> (static) when the URL does not parse. */
struct sql_db *sql_db_create(const struct sql_options *o, const char **why);
void sql_db_free(struct sql_db **db);
bool sql_db_is_up(const struct sql_db *db);
/* Whether a statement was refused within the last 10 s because the server's disk, or a table, has no room. It answers reads. Any thread. */
bool sql_db_is_full(const struct sql_db *db);
bool sql_db_wait_up(struct sql_db *db, int timeout_ms);

/* A connection that the server has closed while it was idle is not handed out. Errors as of pool_acquire(). */
enum err MUST_CHECK sql_acquire(struct sql_db *db, int64_t deadline_us, struct sql_conn **c);
/* Gives it back; an open transaction is rolled back, a broken connection thrown away. */
void sql_release(struct sql_conn **c);

/* A connection outside the pool, that never reconnects by itself (the relay's session); closed with sql_close().
 * Blocks up to about a second. */
enum err MUST_CHECK sql_open(struct sql_db *db, struct sql_conn **c);
void sql_close(struct sql_conn **c);

#define SQL_ARGS_MAX 64           /* arguments of one statement */
#define SQL_STATEMENT_MS_MAX 10000 /* for sql_set_statement_ms() */

enum sql_type { SQL_NULL, SQL_I64, SQL_U64, SQL_TEXT };
struct sql_arg {
	enum sql_type type;
	union {
		int64_t i64;
		uint64_t u64;
		struct slice text;
	};
};
/* A text whose ptr is NULL is an SQL NULL as well. */
#define SQL_ARG_I64(n) ((struct sql_arg){ .type = SQL_I64, .i64 = (n) })
#define SQL_ARG_U64(n) ((struct sql_arg){ .type = SQL_U64, .u64 = (n) })
#define SQL_ARG_TEXT(s) ((struct sql_arg){ .type = SQL_TEXT, .text = (s) })
#define SQL_ARG_NULL ((struct sql_arg){ .type = SQL_NULL })

struct sql_rows {
	size_t count;        /* rows */
	size_t columns;
	struct slice *cells; /* row after row, as text; ptr NULL is SQL NULL; lives in the arena */
	uint64_t affected;   /* rows changed, for a statement without a result */
	uint64_t insert_id;
};

/* Cell <column> of row <row>. */
struct slice sql_cell(const struct sql_rows *r, size_t row, size_t column);

/* Runs a prepared statement. <rows> may be NULL; its cells live in <arena>.
 * Uses the connection's deadline (sql_set_deadline), 500 ms unless set.
 *   ERR_UNAVAILABLE     it was certainly not carried out (prepare failed, not sent, inside a transaction, a read that
 *                       changes nothing), or the server refused it: read-only, shutting down
 *   ERR_FULL            the server has no room for it: it was not carried out (logged once in 10 s)
 *   ERR_UNKNOWN_OUTCOME it was sent and not answered
 *   ERR_TIMEOUT         the deadline had passed before it was sent; the connection is all right
 *   ERR_CONFLICT        deadlock or lock wait timeout: roll back and try again (inside a transaction all that follows,
 *                       sql_commit() included, gives ERR_CONFLICT until then)
 *   ERR_BUSY            somebody else holds locked what the statement asked for with SQL_LOCK_OR_FAIL; the transaction goes on
 *   ERR_DUPLICATE       unique key; the transaction goes on
 *   ERR_NO_MEMORY       the result does not fit into the arena
 *   ERR_INTERNAL        any other SQL error (logged with its number and text, never with arguments)
 * A lost connection or a missed deadline breaks the connection: every later call on it fails with ERR_UNAVAILABLE.
 * At most 64 different texts per connection and 32 columns (asserted). */
enum err MUST_CHECK sql_run(struct sql_conn *c, const char *text, const struct sql_arg *args, size_t arg_count,
			    struct arena *arena, struct sql_rows *rows);
/* Ends a SELECT: the rows that it finds, or the place where they would be, are locked against changes, and where that would have
 * to wait it fails instead. The two servers spell it differently, and each reads its own comment only. */
#define SQL_LOCK_OR_FAIL "/*!80001 FOR SHARE NOWAIT *//*M!100300 LOCK IN SHARE MODE NOWAIT */"
/* The same for a text made at run time, without arguments (not prepared): only numbers that we made are ever put into it,
 * or strings that went through sql_quote(). */
enum err MUST_CHECK sql_run_text(struct sql_conn *c, struct slice text, struct arena *arena, struct sql_rows *rows);
/* <s> as a quoted and escaped SQL literal, by the connection's character set; NULL for a NULL slice.
 * SLICE_NONE beyond the arena's limit. */
struct slice sql_quote(struct sql_conn *c, struct arena *a, struct slice s);

/* Absolute monotonic time by which each following statement must be answered (the sooner of it and 500 ms from its start). */
void sql_set_deadline(struct sql_conn *c, int64_t deadline_us);
/* Another bound than 500 ms for each statement on this connection (bulk work of background threads); a pooled one
 * has the default again when it is acquired next. */
void sql_set_statement_ms(struct sql_conn *c, int ms);
bool sql_is_broken(const struct sql_conn *c);

enum err MUST_CHECK sql_begin(struct sql_conn *c); /* REPEATABLE READ, the default of each connection */
/* ERR_UNKNOWN_OUTCOME when COMMIT was sent and not answered. */
enum err MUST_CHECK sql_commit(struct sql_conn *c);
void sql_rollback(struct sql_conn *c); /* also after errors; never fails visibly */

/* Runs <body> in a transaction on a pooled connection and commits; on ERR_CONFLICT of body or commit all is
 * run again, with jitter, until <deadline_us>, then ERR_BUSY. Any other error of <body> rolls back and is returned. A
 * statement inside a transaction never gives ERR_UNKNOWN_OUTCOME (what was not committed was not done). The deadline is
 * set on the connection for <body>. */
typedef enum err sql_body(struct sql_conn *c, void *ctx);
enum err MUST_CHECK sql_transaction(struct sql_db *db, int64_t deadline_us, sql_body *body, void *ctx);

#endif
