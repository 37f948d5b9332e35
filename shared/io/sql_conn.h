/* sql_conn.h - one connection of sql.h from inside; private to sql.c, sql_session.c and sql_db.c.
 *
 *   sql.c          what needs the client library: connecting, statements, results
 *   sql_session.c  what does not: deadlines, what a failure means, transactions
 *   sql_db.c       the server: URL, pool, the transaction loop
 */
#ifndef MOA_IO_SQL_CONN_H
#define MOA_IO_SQL_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "shared/io/sql.h"
#include "shared/io/watchdog.h"

/* Where to connect to, but for the host's address. All of it is borrowed and outlives the connection. */
struct sql_address {
	uint16_t port;
	const char *user;
	const char *password;
	const char *schema;
	struct watchdog *watchdog;
};

/* Why a connection could not be opened. */
struct sql_refusal {
	unsigned number; /* of the library or the server */
	char text[256];
};

struct sql_library; /* the client library's part, and the prepared statements */

struct sql_conn {
	struct sql_library *library;
	struct sql_db *db;
	bool pooled;
	struct watchdog *watchdog;
	struct watch watch;
	int fd; /* our duplicate of the library's descriptor, see sql.c */
	int64_t deadline_us;
	int statement_ms;
	int64_t limit_us; /* of the statement that runs: the sooner of the two */
	bool broken;
	bool in_transaction;
	bool doomed; /* the transaction met a conflict: nothing but a rollback helps */
};

/* ---- sql.c ---- */

/* Initialises the client library; once per process, before other threads use it. False when it cannot. */
bool sql_library_start(void);
/* A connection to the host whose numeric address is <at>, with the session settings made, or NULL and <why>. Each round trip is
 * bounded: about a second for those of the handshake, 500 ms for the settings. <db> and <pooled> are kept for the caller. */
struct sql_conn *sql_conn_open(const struct sql_address *a, const char *at, struct sql_db *db, bool pooled, struct sql_refusal *why);
void sql_conn_close(struct sql_conn **c);
bool sql_conn_ping(struct sql_conn *c);
/* Runs <literal>, which has no arguments and no result, guarded. <harmless>: see sql_session_failure(). */
enum err MUST_CHECK sql_conn_command(struct sql_conn *c, const char *literal, bool harmless);

/* ---- sql_db.c ---- */

/* The server had no room for a statement. True when that is worth a line in the log. */
bool sql_db_note_full(struct sql_db *db);

/* ---- sql_session.c ---- */

/* The defaults of sql.h. */
void sql_session_defaults(struct sql_conn *c);
/* Starts the guard of one statement. ERR_UNAVAILABLE when the connection is broken, ERR_TIMEOUT when its deadline passed. */
enum err MUST_CHECK sql_session_guard(struct sql_conn *c);
/* Ends it. <text> is what was running, NULL when that may hold values. */
void sql_session_unguard(struct sql_conn *c, const char *text);
/* Before a change whose outcome would be unknown: ERR_UNAVAILABLE when the peer has closed the connection already. */
enum err MUST_CHECK sql_session_check(struct sql_conn *c, bool harmless);
/* What the failure <number> of <text> means; logs what is worth it. <harmless>: losing the answer loses nothing. */
enum err sql_session_failure(struct sql_conn *c, unsigned number, const char *message, const char *text, bool harmless);
/* Whether losing the answer to <text> loses nothing: it reads, or touches only a session that is lost as well. */
bool sql_text_is_harmless(struct slice text);
/* Whether it looks alive without asking the server: not broken, not closed by the peer. */
bool sql_session_is_quiet(const struct sql_conn *c);
/* Ends what the last user left open and takes back its settings. */
void sql_session_reset(struct sql_conn *c);

#endif
