/* sql.c - one connection to MySQL or MariaDB; the only file that knows the client library.
 *
 * Only calls that MariaDB Connector/C and libmysqlclient share are used. The handshake is bounded by the connect
 * timeout. Afterwards the read timeout is only a backstop: each round trip is guarded by the watchdog, which shuts
 * the socket down, and the library then fails with "lost connection".
 *
 * The watchdog is given a duplicate of the library's descriptor, because the library closes its own at the first
 * error: while the duplicate is open, no other socket can get its number and be shut by mistake.
 */
#include "shared/io/sql_conn.h"

#include <assert.h>
#include <fcntl.h>
#include <mysql.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_S 1
#define IO_TIMEOUT_S (SQL_STATEMENT_MS_MAX / 1000 + 1)
#define STATEMENTS_MAX 64
#define COLUMNS_MAX 32
#define CELL_BYTES 256 /* longer cells take a second step, straight into the arena */
#define ERROR_UNKNOWN_STATEMENT 1243
#define ERROR_NEEDS_PREPARE 1615

#if defined(MARIADB_PACKAGE_VERSION) || MYSQL_VERSION_ID < 80001
typedef my_bool sql_flag;
#else
typedef bool sql_flag;
#endif

struct statement {
	const char *text; /* compared by address */
	MYSQL_STMT *handle;
};

struct sql_library {
	MYSQL *mysql;
	size_t count;
	struct statement statements[STATEMENTS_MAX];
};

static enum err connection_failure(struct sql_conn *c, const char *text, bool harmless)
{
	MYSQL *mysql = c->library->mysql;

	return sql_session_failure(c, mysql_errno(mysql), mysql_error(mysql), text, harmless);
}

static enum err statement_failure(struct sql_conn *c, const struct statement *s, bool harmless)
{
	return sql_session_failure(c, mysql_stmt_errno(s->handle), mysql_stmt_error(s->handle), s->text, harmless);
}

/* ---- prepared statements ---- */

static void statement_drop(struct sql_conn *c, struct statement *s)
{
	mysql_stmt_close(s->handle);
	*s = c->library->statements[--c->library->count];
}

static enum err statement_prepare(struct sql_conn *c, const char *text, struct statement **out)
{
	struct sql_library *l = c->library;
	struct statement *s;
	enum err e;

	assert(l->count < STATEMENTS_MAX); /* texts are literals; is one made at run time? */
	s = &l->statements[l->count];
	s->text = text;
	s->handle = mysql_stmt_init(l->mysql);
	if (s->handle == NULL)
		return ERR_NO_MEMORY;
	if (mysql_stmt_prepare(s->handle, text, (unsigned long)strlen(text)) != 0) {
		e = statement_failure(c, s, true);
		mysql_stmt_close(s->handle);
		return e;
	}
	l->count++;
	*out = s;
	return ERR_OK;
}

static enum err statement_get(struct sql_conn *c, const char *text, struct statement **out)
{
	for (size_t i = 0; i < c->library->count; i++) {
		if (c->library->statements[i].text == text) {
			*out = &c->library->statements[i];
			return ERR_OK;
		}
	}
	return statement_prepare(c, text, out);
}

static void bind_argument(MYSQL_BIND *b, const struct sql_arg *a)
{
	switch (a->type) {
	case SQL_NULL:
		b->buffer_type = MYSQL_TYPE_NULL;
		break;
	case SQL_I64:
	case SQL_U64:
		b->buffer_type = MYSQL_TYPE_LONGLONG;
		b->buffer = (void *)(a->type == SQL_I64 ? (const void *)&a->i64 : (const void *)&a->u64);
		b->is_unsigned = a->type == SQL_U64;
		break;
	case SQL_TEXT:
		b->buffer_type = a->text.ptr == NULL ? MYSQL_TYPE_NULL : MYSQL_TYPE_STRING;
		b->buffer = (void *)a->text.ptr;
		b->buffer_length = (unsigned long)a->text.len;
		break;
	}
}

static enum err statement_execute(struct sql_conn *c, struct statement *s, const struct sql_arg *args, size_t count)
{
	bool harmless = sql_text_is_harmless(slice_str(s->text));
	MYSQL_BIND binds[SQL_ARGS_MAX];
	enum err e;

	assert(count <= SQL_ARGS_MAX && count == mysql_stmt_param_count(s->handle));
	memset(binds, 0, sizeof(binds[0]) * count);
	for (size_t i = 0; i < count; i++)
		bind_argument(&binds[i], &args[i]);
	if (count > 0 && mysql_stmt_bind_param(s->handle, binds) != 0)
		return statement_failure(c, s, true);
	e = sql_session_check(c, harmless);
	if (e != ERR_OK)
		return e;
	if (mysql_stmt_execute(s->handle) != 0)
		return statement_failure(c, s, harmless);
	if (mysql_stmt_field_count(s->handle) > 0 && mysql_stmt_store_result(s->handle) != 0)
		return statement_failure(c, s, harmless);
	return ERR_OK;
}

/* Somebody changed the tables, and the server could not adapt the statement by itself. */
static bool is_outdated(const struct statement *s)
{
	unsigned number = mysql_stmt_errno(s->handle);

	return number == ERROR_NEEDS_PREPARE || number == ERROR_UNKNOWN_STATEMENT;
}

static enum err statement_run(struct sql_conn *c, const char *text, const struct sql_arg *args, size_t count,
			      struct statement **s)
{
	enum err e = statement_get(c, text, s);

	if (e != ERR_OK)
		return e;
	e = statement_execute(c, *s, args, count);
	if (e != ERR_INTERNAL || !is_outdated(*s))
		return e;
	statement_drop(c, *s);
	e = statement_prepare(c, text, s);
	return e == ERR_OK ? statement_execute(c, *s, args, count) : e;
}

/* ---- results: every column as text ---- */

struct row_space {
	MYSQL_BIND binds[COLUMNS_MAX];
	unsigned long lengths[COLUMNS_MAX];
	sql_flag nulls[COLUMNS_MAX];
	char cells[COLUMNS_MAX][CELL_BYTES];
};

static int bind_columns(MYSQL_STMT *handle, size_t columns, struct row_space *row)
{
	assert(columns <= COLUMNS_MAX);
	memset(row->binds, 0, sizeof(row->binds));
	for (size_t i = 0; i < columns; i++) {
		row->binds[i].buffer_type = MYSQL_TYPE_STRING;
		row->binds[i].buffer = row->cells[i];
		row->binds[i].buffer_length = CELL_BYTES;
		row->binds[i].length = &row->lengths[i];
		row->binds[i].is_null = &row->nulls[i];
	}
	return mysql_stmt_bind_result(handle, row->binds);
}

static struct slice long_cell(MYSQL_STMT *handle, size_t column, unsigned long length, struct arena *arena)
{
	char *bytes = arena_alloc(arena, length + 1);
	MYSQL_BIND bind;

	if (bytes == NULL)
		return SLICE_NONE;
	memset(&bind, 0, sizeof(bind));
	bind.buffer_type = MYSQL_TYPE_STRING;
	bind.buffer = bytes;
	bind.buffer_length = length + 1;
	if (mysql_stmt_fetch_column(handle, &bind, (unsigned)column, 0) != 0)
		return SLICE_NONE;
	return slice_of(bytes, length);
}

static enum err row_cells(MYSQL_STMT *handle, const struct row_space *row, size_t columns, struct arena *arena,
			  struct slice *cells)
{
	for (size_t i = 0; i < columns; i++) {
		if (row->nulls[i]) {
			cells[i] = SLICE_NONE;
			continue;
		}
		if (row->lengths[i] <= CELL_BYTES)
			cells[i] = arena_copy(arena, slice_of(row->cells[i], row->lengths[i]));
		else
			cells[i] = long_cell(handle, i, row->lengths[i], arena);
		if (cells[i].ptr == NULL)
			return ERR_NO_MEMORY;
	}
	return ERR_OK;
}

static enum err statement_rows(MYSQL_STMT *handle, struct arena *arena, struct sql_rows *rows)
{
	struct row_space row;
	enum err e = ERR_OK;

	rows->count = (size_t)mysql_stmt_num_rows(handle);
	rows->columns = mysql_stmt_field_count(handle);
	rows->cells = arena_alloc_array(arena, rows->count * rows->columns, sizeof(rows->cells[0]));
	if (rows->cells == NULL || bind_columns(handle, rows->columns, &row) != 0)
		return ERR_NO_MEMORY;
	for (size_t i = 0; e == ERR_OK && i < rows->count; i++) {
		int rc = mysql_stmt_fetch(handle);

		assert(rc != MYSQL_NO_DATA);
		if (rc == 1)
			return ERR_NO_MEMORY; /* the result is here already: nothing else is left to fail */
		e = row_cells(handle, &row, rows->columns, arena, rows->cells + i * rows->columns);
	}
	return e;
}

/* After a lock that was not got: with innodb_rollback_on_timeout MariaDB has ended the whole transaction, and what followed
 * would be carried out without one. Its answer to the next statement tells. */
static enum err still_in_transaction(struct sql_conn *c)
{
	enum err e = sql_conn_command(c, "DO 0", true);

	if (e != ERR_OK)
		return e;
	c->doomed = (c->library->mysql->server_status & SERVER_STATUS_IN_TRANS) == 0;
	return c->doomed ? ERR_CONFLICT : ERR_BUSY;
}

enum err sql_run(struct sql_conn *c, const char *text, const struct sql_arg *args, size_t arg_count,
		 struct arena *arena, struct sql_rows *rows)
{
	struct statement *s = NULL;
	struct sql_rows unwanted;
	enum err e;

	if (rows == NULL)
		rows = &unwanted;
	memset(rows, 0, sizeof(*rows));
	if (c->doomed)
		return ERR_CONFLICT;
	e = sql_session_guard(c);
	if (e != ERR_OK)
		return e;
	e = statement_run(c, text, args, arg_count, &s);
	sql_session_unguard(c, text);
	if (e == ERR_BUSY && c->in_transaction)
		e = still_in_transaction(c);
	if (e != ERR_OK)
		return e;
	if (mysql_stmt_field_count(s->handle) == 0) {
		rows->affected = mysql_stmt_affected_rows(s->handle);
		rows->insert_id = mysql_stmt_insert_id(s->handle);
		return ERR_OK;
	}
	if (rows != &unwanted)
		e = statement_rows(s->handle, arena, rows);
	mysql_stmt_free_result(s->handle);
	return e;
}

/* ---- statements made at run time ---- */

static enum err text_rows(MYSQL_RES *result, struct arena *arena, struct sql_rows *rows)
{
	rows->count = (size_t)mysql_num_rows(result);
	rows->columns = mysql_num_fields(result);
	rows->cells = arena_alloc_array(arena, rows->count * rows->columns, sizeof(rows->cells[0]));
	if (rows->cells == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < rows->count; i++) {
		MYSQL_ROW row = mysql_fetch_row(result);
		const unsigned long *lengths = mysql_fetch_lengths(result);

		for (size_t k = 0; k < rows->columns; k++) {
			struct slice *cell = &rows->cells[i * rows->columns + k];

			if (row[k] == NULL)
				continue; /* arena memory is zeroed: SLICE_NONE */
			*cell = arena_copy(arena, slice_of(row[k], lengths[k]));
			if (cell->ptr == NULL)
				return ERR_NO_MEMORY;
		}
	}
	return ERR_OK;
}

static enum err text_execute(struct sql_conn *c, struct slice text, MYSQL_RES **result)
{
	bool harmless = sql_text_is_harmless(text);
	enum err e = sql_session_check(c, harmless);

	if (e != ERR_OK)
		return e;
	if (mysql_real_query(c->library->mysql, text.ptr, (unsigned long)text.len) != 0)
		return connection_failure(c, NULL, harmless);
	*result = mysql_store_result(c->library->mysql);
	if (*result == NULL && mysql_field_count(c->library->mysql) > 0)
		return connection_failure(c, NULL, harmless);
	return ERR_OK;
}

enum err sql_run_text(struct sql_conn *c, struct slice text, struct arena *arena, struct sql_rows *rows)
{
	MYSQL_RES *result = NULL;
	struct sql_rows unwanted;
	enum err e;

	if (rows == NULL)
		rows = &unwanted;
	memset(rows, 0, sizeof(*rows));
	if (c->doomed)
		return ERR_CONFLICT;
	e = sql_session_guard(c);
	if (e != ERR_OK)
		return e;
	e = text_execute(c, text, &result);
	sql_session_unguard(c, NULL);
	if (e == ERR_OK && result == NULL) {
		rows->affected = mysql_affected_rows(c->library->mysql);
		rows->insert_id = mysql_insert_id(c->library->mysql);
	}
	if (result != NULL && rows != &unwanted)
		e = text_rows(result, arena, rows);
	mysql_free_result(result);
	return e;
}

struct slice sql_quote(struct sql_conn *c, struct arena *a, struct slice s)
{
	char *out;
	size_t len;

	if (s.ptr == NULL)
		return SLICE_LIT("NULL");
	out = arena_alloc(a, 2 * s.len + 3);
	if (out == NULL)
		return SLICE_NONE;
	out[0] = '\'';
	len = mysql_real_escape_string(c->library->mysql, out + 1, s.ptr, (unsigned long)s.len);
	out[len + 1] = '\'';
	return slice_of(out, len + 2);
}

enum err sql_conn_command(struct sql_conn *c, const char *literal, bool harmless)
{
	enum err e = sql_session_guard(c);

	if (e != ERR_OK)
		return e;
	e = sql_session_check(c, harmless);
	if (e == ERR_OK && mysql_real_query(c->library->mysql, literal, (unsigned long)strlen(literal)) != 0)
		e = connection_failure(c, literal, harmless);
	sql_session_unguard(c, literal);
	return e;
}

bool sql_conn_ping(struct sql_conn *c)
{
	bool alive;

	if (sql_session_guard(c) != ERR_OK)
		return false;
	alive = mysql_ping(c->library->mysql) == 0;
	sql_session_unguard(c, "(ping)");
	return alive && !c->broken;
}

/* ---- opening and closing ---- */

static void library_init(void)
{
	(void)mysql_library_init(0, NULL, NULL); /* asked again below, then it says how it went */
}

bool sql_library_start(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT; /* lint: allow-global the library is started once a process */

	return pthread_once(&once, library_init) == 0 && mysql_library_init(0, NULL, NULL) == 0;
}

static void set_options(MYSQL *mysql)
{
	unsigned connect_s = CONNECT_TIMEOUT_S, io_s = IO_TIMEOUT_S, off = 0;
	unsigned tcp = MYSQL_PROTOCOL_TCP; /* "localhost" would mean a local socket */

	mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
	mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &io_s);
	mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &io_s);
	mysql_options(mysql, MYSQL_OPT_PROTOCOL, &tcp);
	mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &off);
	mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
}

static void refuse(const struct sql_conn *c, struct sql_refusal *why)
{
	MYSQL *mysql = c->library->mysql;

	why->number = mysql_errno(mysql);
	(void)snprintf(why->text, sizeof(why->text), "%s", mysql_error(mysql));
}

static bool connect_library(struct sql_conn *c, const struct sql_address *a, const char *at, struct sql_refusal *why)
{
	MYSQL *mysql = mysql_init(NULL);

	c->library->mysql = mysql;
	if (mysql == NULL)
		return false;
	set_options(mysql);
	if (mysql_real_connect(mysql, at, a->user, a->password, a->schema, a->port, NULL, 0) == NULL) {
		refuse(c, why);
		return false;
	}
	c->fd = fcntl(mysql->net.fd, F_DUPFD_CLOEXEC, 0);
	return c->fd >= 0;
}

/* Whatever the server's defaults are, every session behaves alike. The server ends one that is silent for 5 s, and with it its
 * locks: those of a frozen process must not stop the others. (Idle connections of the pool are pinged every second.) */
static bool set_session(struct sql_conn *c, struct sql_refusal *why)
{
	static const char *const settings[] = {
		"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
		"SET SESSION autocommit = 1, time_zone = '+00:00', innodb_lock_wait_timeout = 1,"
		" wait_timeout = 5, sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
	};

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		if (sql_conn_command(c, settings[i], true) != ERR_OK) {
			refuse(c, why);
			return false;
		}
	}
	return true;
}

struct sql_conn *sql_conn_open(const struct sql_address *a, const char *at, struct sql_db *db, bool pooled, struct sql_refusal *why)
{
	struct sql_conn *c = calloc(1, sizeof(*c));

	*why = (struct sql_refusal){ .number = 0, .text = "out of memory or descriptors" };
	if (c == NULL)
		return NULL;
	c->fd = -1;
	c->db = db;
	c->pooled = pooled;
	c->watchdog = a->watchdog;
	sql_session_defaults(c);
	c->library = calloc(1, sizeof(*c->library));
	if (c->library == NULL || !connect_library(c, a, at, why) || !set_session(c, why))
		sql_conn_close(&c);
	return c;
}

void sql_conn_close(struct sql_conn **cc)
{
	struct sql_conn *c = *cc;
	struct sql_library *l;

	if (c == NULL)
		return;
	l = c->library;
	if (l != NULL && l->mysql != NULL)
		mysql_close(l->mysql); /* first, so that the statements are not closed one by one over the network */
	for (size_t i = 0; l != NULL && i < l->count; i++)
		mysql_stmt_close(l->statements[i].handle);
	if (c->fd >= 0)
		close(c->fd);
	free(l);
	free(c);
	*cc = NULL;
}
