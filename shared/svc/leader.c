/* leader.c - a session that holds a named lock of the database's, and is lost with it. */
#include "shared/svc/leader.h"

#include "shared/base/clock.h"

#define STATEMENT_MS 1500 /* longer than the server waits for the lock */
#define KEEP_US 1000000

enum err leader_open(struct sql_db *db, struct sql_conn **session)
{
	enum err e = sql_open(db, session);

	if (e != ERR_OK)
		return e;
	sql_set_statement_ms(*session, STATEMENT_MS);
	_Static_assert(LEADER_IDLE_S == 3, "as in the statement");
	return sql_run_text(*session, SLICE_LIT("SET SESSION wait_timeout = 3"), NULL, NULL);
}

enum err leader_ask(struct sql_conn *session, const char *ask_sql, struct arena *a)
{
	struct sql_rows rows;
	enum err e = sql_run(session, ask_sql, NULL, 0, a, &rows);

	if (e != ERR_OK)
		return e;
	return rows.count == 1 && slice_eq(sql_cell(&rows, 0, 0), SLICE_LIT("1")) ? ERR_OK : ERR_NOT_LEADER;
}

enum err leader_keep(struct sql_conn *session, int64_t *used_us)
{
	struct sql_rows rows;
	struct arena *a;
	enum err e;

	if (clock_mono_us() - *used_us < KEEP_US)
		return ERR_OK;
	a = arena_create(512, 4096);
	e = sql_run(session, "SELECT 1", NULL, 0, a, &rows);
	arena_free(&a);
	*used_us = clock_mono_us();
	return e == ERR_OK ? ERR_OK : ERR_NOT_LEADER;
}
