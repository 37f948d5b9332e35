/* sql_session.c - deadlines, transactions, and the meaning of failures of one MySQL connection. */
#include "shared/io/sql_conn.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"

#define US_PER_MS 1000
#define STATEMENT_MS 500
#define ROLLBACK_MS 100 /* a courtesy: when it fails the connection is dropped, which rolls back as well */
#define NO_DEADLINE INT64_MAX

/* The errors that mean something to us. Our own list: the two client libraries spread them over different headers. */
enum sql_number {
	SERVER_CHECK_READ = 1020,
	SERVER_DISK_FULL = 1021,
	SERVER_TOO_MANY_CONNECTIONS = 1040,
	SERVER_OUT_OF_RESOURCES = 1041,
	SERVER_SHUTDOWN = 1053,
	SERVER_DUPLICATE_ENTRY = 1062,
	SERVER_TABLE_FULL = 1114,
	SERVER_LOCK_WAIT_TIMEOUT = 1205,
	SERVER_DEADLOCK = 1213,
	SERVER_OPTION_PREVENTS = 1290,
	SERVER_INTERRUPTED = 1317,
	SERVER_TOO_MANY_STATEMENTS = 1461,
	SERVER_DUPLICATE_ENTRY_NAMED = 1586,
	SERVER_READ_ONLY = 1836,
	SERVER_KILLED = 1927,
	SERVER_STATEMENT_TIMEOUT = 1969,
	CLIENT_SERVER_GONE = 2006,
	SERVER_EXECUTION_TIMEOUT = 3024,
	SERVER_LOCK_NOWAIT = 3572,
	SERVER_IDLE_TIMEOUT = 4031
};

/* ---- deadlines ---- */

void sql_session_defaults(struct sql_conn *c)
{
	c->deadline_us = NO_DEADLINE;
	c->statement_ms = STATEMENT_MS;
}

void sql_set_deadline(struct sql_conn *c, int64_t deadline_us)
{
	c->deadline_us = deadline_us;
}

void sql_set_statement_ms(struct sql_conn *c, int ms)
{
	assert(ms > 0 && ms <= SQL_STATEMENT_MS_MAX);
	c->statement_ms = ms;
}

bool sql_is_broken(const struct sql_conn *c)
{
	return c->broken;
}

enum err sql_session_guard(struct sql_conn *c)
{
	int64_t now = clock_mono_us();
	int64_t until = now + (int64_t)c->statement_ms * US_PER_MS;

	if (c->broken)
		return ERR_UNAVAILABLE;
	if (c->deadline_us <= now)
		return ERR_TIMEOUT;
	if (c->deadline_us < until)
		until = c->deadline_us;
	c->limit_us = until - now;
	watchdog_arm(c->watchdog, &c->watch, c->fd, SHUT_RDWR, until);
	return ERR_OK;
}

void sql_session_unguard(struct sql_conn *c, const char *text)
{
	if (!watchdog_disarm(c->watchdog, &c->watch))
		return;
	c->broken = true;
	log_warn("sql.deadline", "limit_ms=%lld text=%s", (long long)(c->limit_us / US_PER_MS),
		 LOG_Q(slice_str(text == NULL ? "(made at run time)" : text)));
}

/* ---- failures ---- */

static void break_session(struct sql_conn *c)
{
	c->broken = true;
	shutdown(c->fd, SHUT_RDWR); /* our duplicate would keep it open after the library's close() */
}

bool sql_session_is_quiet(const struct sql_conn *c)
{
	char byte;

	/* Between statements nothing is on its way to us, but an end of file or the server's reason for one. */
	return !c->broken && recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	       (errno == EAGAIN || errno == EWOULDBLOCK);
}

enum err sql_session_check(struct sql_conn *c, bool harmless)
{
	if (harmless || c->in_transaction || sql_session_is_quiet(c))
		return ERR_OK;
	break_session(c);
	return ERR_UNAVAILABLE;
}

bool sql_text_is_harmless(struct slice text)
{
	static const struct slice words[] = { SLICE("SELECT"), SLICE("SHOW"), SLICE("SET"), SLICE("START") };

	while (text.len > 0 && strchr(" \t\n(", text.ptr[0]) != NULL)
		text = slice_sub(text, 1, text.len);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (slice_eq_nocase(slice_sub(text, 0, words[i].len), words[i]))
			return true;
	return false;
}

/* An error of the client library, not an answer of the server. */
static bool is_client_error(unsigned number)
{
	return (number >= 2000 && number < 3000) || (number >= 5000 && number < 6000);
}

/* Whether the server's message quotes values of the statement, which are not for the log. */
static bool quotes_values(unsigned number)
{
	static const unsigned numbers[] = { 1064, 1265, 1292, 1366, 1367, 1406, 1411, 1525, 3140, 3141, 4025, 4038 };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i] == number)
			return true;
	return false;
}

/* What an answer with an error means. An answer always means: not done. */
static enum err meaning(unsigned number)
{
	switch (number) {
	case SERVER_CHECK_READ:
	case SERVER_LOCK_WAIT_TIMEOUT:
	case SERVER_DEADLOCK:
		return ERR_CONFLICT;
	case SERVER_LOCK_NOWAIT:
		return ERR_BUSY;
	case SERVER_DUPLICATE_ENTRY:
	case SERVER_DUPLICATE_ENTRY_NAMED:
		return ERR_DUPLICATE;
	case SERVER_DISK_FULL:
	case SERVER_TABLE_FULL:
		return ERR_FULL;
	case SERVER_TOO_MANY_CONNECTIONS:
	case SERVER_OUT_OF_RESOURCES:
	case SERVER_SHUTDOWN:
	case SERVER_OPTION_PREVENTS:
	case SERVER_INTERRUPTED:
	case SERVER_TOO_MANY_STATEMENTS:
	case SERVER_READ_ONLY:
	case SERVER_KILLED:
	case SERVER_STATEMENT_TIMEOUT:
	case SERVER_EXECUTION_TIMEOUT:
	case SERVER_IDLE_TIMEOUT:
		return ERR_UNAVAILABLE;
	default:
		return ERR_INTERNAL;
	}
}

/* "Interrupted" is what MySQL says when the connection is killed; MariaDB says "killed". */
static bool ends_session(unsigned number)
{
	return number == SERVER_SHUTDOWN || number == SERVER_KILLED || number == SERVER_INTERRUPTED ||
	       number == SERVER_IDLE_TIMEOUT;
}

static enum err lost(struct sql_conn *c, unsigned number, bool harmless)
{
	break_session(c);
	/* "Gone" is said when writing failed: the server got no whole command. An open transaction dies with its
	 * connection. */
	if (harmless || c->in_transaction || number == CLIENT_SERVER_GONE)
		return ERR_UNAVAILABLE;
	return ERR_UNKNOWN_OUTCOME;
}

enum err sql_session_failure(struct sql_conn *c, unsigned number, const char *message, const char *text, bool harmless)
{
	enum err e;

	if (is_client_error(number))
		return lost(c, number, harmless);
	/* To MariaDB NOWAIT is a wait of no length. */
	if (number == SERVER_LOCK_WAIT_TIMEOUT && text != NULL && strstr(text, "NOWAIT") != NULL)
		number = SERVER_LOCK_NOWAIT;
	e = meaning(number);
	if (ends_session(number))
		break_session(c);
	if (e == ERR_CONFLICT && c->in_transaction)
		c->doomed = true;
	if (e == ERR_INTERNAL || e == ERR_UNAVAILABLE || (e == ERR_FULL && sql_db_note_full(c->db)))
		log_error(e == ERR_FULL ? "sql.full" : "sql.refused", "errno=%u message=%s text=%s", number,
			  LOG_Q(slice_str(quotes_values(number) ? "(withheld)" : message)),
			  LOG_Q(slice_str(text == NULL ? "(made at run time)" : text)));
	return e;
}

/* ---- transactions ---- */

enum err sql_begin(struct sql_conn *c)
{
	enum err e;

	assert(!c->in_transaction);
	e = sql_conn_command(c, "START TRANSACTION", true);
	c->in_transaction = e == ERR_OK;
	return e;
}

enum err sql_commit(struct sql_conn *c)
{
	enum err e;

	assert(c->in_transaction);
	if (c->doomed) {
		sql_rollback(c);
		return ERR_CONFLICT;
	}
	c->in_transaction = false; /* from here on a lost connection says nothing */
	e = sql_conn_command(c, "COMMIT", false);
	c->in_transaction = e != ERR_OK && !c->broken; /* refused, or not tried: still open */
	return e;
}

void sql_rollback(struct sql_conn *c)
{
	int64_t deadline_us = c->deadline_us;
	int statement_ms = c->statement_ms;

	if (c->in_transaction && !c->broken) {
		c->deadline_us = NO_DEADLINE; /* it is run also when the request's time is up */
		c->statement_ms = ROLLBACK_MS;
		if (sql_conn_command(c, "ROLLBACK", true) != ERR_OK)
			break_session(c);
		c->deadline_us = deadline_us;
		c->statement_ms = statement_ms;
	}
	c->in_transaction = false;
	c->doomed = false;
}

void sql_session_reset(struct sql_conn *c)
{
	sql_rollback(c);
	sql_session_defaults(c);
}
