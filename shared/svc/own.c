/* own.c - own data: own MySQL first. */
#include "shared/svc/own.h"

#include "shared/base/clock.h"
#include "shared/svc/service.h"

#define READ_US 500000
#define ID_END UINT32_C(2147483648) /* above every id */

static enum err read_once(struct request *rq, int64_t deadline_us, own_body *body, void *ctx)
{
	struct sql_conn *c;
	enum err e = sql_acquire(service_sql(rq->svc), deadline_us, &c);

	if (e != ERR_OK)
		return e;
	sql_set_deadline(c, deadline_us);
	e = body(c, rq->arena, ctx);
	sql_release(&c);
	return e;
}

enum err own_read(struct request *rq, own_body *body, void *ctx)
{
	int64_t deadline_us = clock_mono_us() + READ_US;
	enum err e;

	if (rq->deadline_us < deadline_us)
		deadline_us = rq->deadline_us;
	e = read_once(rq, deadline_us, body, ctx);
	/* The server was restarted since this connection was used last: the pool knows by now, and may have a new one. */
	if (e == ERR_UNAVAILABLE && clock_left_ms(deadline_us) > 0)
		e = read_once(rq, deadline_us, body, ctx);
	return e;
}

uint32_t own_page_below(const struct page *page)
{
	return page->before != 0 ? page->before : ID_END;
}

uint32_t own_page_limit(const struct page *page)
{
	return page->limit != 0 ? page->limit : ID_END;
}

enum err own_list_total(struct sql_conn *c, struct arena *a, const struct page *page, size_t listed, const char *sql, uint64_t *total)
{
	struct sql_rows rows;
	enum err e;

	*total = listed;
	if (page->limit == 0 && page->before == 0)
		return ERR_OK;
	e = sql_run(c, sql, NULL, 0, a, &rows);
	if (e == ERR_OK && !slice_to_u64(sql_cell(&rows, 0, 0), UINT64_MAX, total))
		e = ERR_INTERNAL;
	return e;
}

bool own_is_away(enum err e)
{
	switch (e) {
	case ERR_UNAVAILABLE:
	case ERR_UNKNOWN_OUTCOME:
	case ERR_BUSY:     /* no connection became free in time */
	case ERR_TIMEOUT:
	case ERR_CONFLICT:
	case ERR_FULL:     /* a read may need room too: a temporary table */
	case ERR_INTERNAL: /* a database that is being restored lacks tables, or rights */
		return true;
	default:
		return false;
	}
}

enum err own_stand_in(struct request *rq, const char *domain, enum err e, const struct view_state *st)
{
	if (e != ERR_OK && e != ERR_UNAVAILABLE)
		return e;
	degraded_note(rq, domain, st->age_s);
	if (e == ERR_OK && st->loaded)
		return ERR_OK;
	return request_fail(rq, ERR_UNAVAILABLE, "The database is away, and its stand-in is not complete. Nothing was done.");
}

enum err own_write(struct request *rq, sql_body *body, void *ctx)
{
	struct sql_db *db = service_sql(rq->svc);
	enum err e = sql_transaction(db, rq->deadline_us, body, ctx);

	if (e == ERR_UNAVAILABLE && request_left_ms(rq) > 0)
		e = sql_transaction(db, rq->deadline_us, body, ctx);
	/* Refused statements were logged with their reason. To the client it is the same as a database that is away. */
	return e == ERR_INTERNAL ? ERR_UNAVAILABLE : e;
}
