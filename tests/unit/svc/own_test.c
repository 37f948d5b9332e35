/* own_test.c - reads that fall back to the stand-in, and writes that are tried once more; the database is played by this file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "shared/svc/own.h"
#include "shared/svc/service.h"

/* What the next calls return, and how often there was one. */
static struct {
	enum err acquire[3];
	enum err write[3];
	size_t acquired, released, written, asked;
	int64_t deadline_us;
	enum err run;
	struct slice cell;
} db;

struct sql_db *service_sql(struct service *s)
{
	(void)s;
	return NULL;
}

enum err sql_acquire(struct sql_db *d, int64_t deadline_us, struct sql_conn **c)
{
	(void)d, (void)c;
	db.deadline_us = deadline_us;
	return db.acquire[db.acquired++];
}

void sql_release(struct sql_conn **c)
{
	(void)c;
	db.released++;
}

void sql_set_deadline(struct sql_conn *c, int64_t deadline_us)
{
	(void)c;
	assert_int_equal(deadline_us, db.deadline_us);
}

enum err sql_transaction(struct sql_db *d, int64_t deadline_us, sql_body *body, void *ctx)
{
	(void)d, (void)deadline_us, (void)body, (void)ctx;
	return db.write[db.written++];
}

enum err sql_run(struct sql_conn *c, const char *sql, const struct sql_arg *args, size_t count, struct arena *a, struct sql_rows *out)
{
	(void)c, (void)sql, (void)args, (void)count, (void)a, (void)out;
	db.asked++;
	return db.run;
}

struct slice sql_cell(const struct sql_rows *rows, size_t row, size_t column)
{
	(void)rows, (void)row, (void)column;
	return db.cell;
}

static int reset(void **state)
{
	(void)state;
	db = (typeof(db)){ .acquired = 0 };
	return 0;
}

/* Returns the next of the errors that <ctx> points to. */
static enum err body(struct sql_conn *c, struct arena *a, void *ctx)
{
	const enum err **next = ctx;

	(void)c, (void)a;
	return *(*next)++;
}

static enum err read_with(enum err first, enum err second, int64_t left_us)
{
	const enum err answers[] = { first, second }, *next = answers;
	struct request rq = { .deadline_us = clock_mono_us() + left_us };

	return own_read(&rq, body, &next);
}

static void reads(void **state)
{
	(void)state;
	assert_int_equal(read_with(ERR_OK, ERR_INTERNAL, 2000000), ERR_OK);
	assert_int_equal(db.released, 1);
	assert_true(db.deadline_us <= clock_mono_us() + 500000); /* time is left for the stand-in */
	reset(state);
	assert_int_equal(read_with(ERR_NOT_FOUND, ERR_OK, 2000000), ERR_NOT_FOUND);
	assert_int_equal(db.acquired, 1);
}

static void a_dead_connection_is_no_dead_database(void **state)
{
	(void)state;
	assert_int_equal(read_with(ERR_UNAVAILABLE, ERR_OK, 2000000), ERR_OK);
	assert_int_equal(db.released, 2);
	reset(state);
	assert_int_equal(read_with(ERR_UNAVAILABLE, ERR_UNAVAILABLE, 2000000), ERR_UNAVAILABLE);
	assert_int_equal(db.acquired, 2);
	reset(state);
	assert_int_equal(read_with(ERR_UNAVAILABLE, ERR_OK, 0), ERR_UNAVAILABLE); /* no time left */
	assert_int_equal(db.acquired, 1);
}

static void no_connection(void **state)
{
	(void)state;
	db.acquire[0] = ERR_BUSY;
	assert_int_equal(read_with(ERR_OK, ERR_OK, 2000000), ERR_BUSY);
	assert_int_equal(db.released, 0);
}

static void when_the_stand_in_is_asked(void **state)
{
	static const enum err away[] = { ERR_UNAVAILABLE, ERR_UNKNOWN_OUTCOME, ERR_BUSY, ERR_TIMEOUT, ERR_CONFLICT, ERR_INTERNAL };
	static const enum err here[] = { ERR_OK, ERR_NOT_FOUND, ERR_UNAUTHORIZED, ERR_NOT_LOADED, ERR_NO_MEMORY };

	(void)state;
	for (size_t i = 0; i < sizeof(away) / sizeof(away[0]); i++)
		assert_true(own_is_away(away[i]));
	for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++)
		assert_false(own_is_away(here[i]));
}

static void stand_in(void **state)
{
	const struct view_state whole = { .loaded = true, .fresh = true, .age_s = 3 }, broken = { .age_s = -1 };
	struct request rq = { .deadline_us = 0 };

	(void)state;
	assert_int_equal(own_stand_in(&rq, "items", ERR_OK, &whole), ERR_OK);
	assert_int_equal(rq.degraded.count, 1); /* named even when fresh: it is not the table itself */
	assert_string_equal(rq.degraded.list[0].domain, "items");
	assert_int_equal(rq.degraded.list[0].age_s, 3);
	assert_int_equal(own_stand_in(&rq, "items", ERR_OK, &broken), ERR_UNAVAILABLE);
	assert_int_equal(own_stand_in(&rq, "items", ERR_UNAVAILABLE, &broken), ERR_UNAVAILABLE);
	assert_int_equal(own_stand_in(&rq, "items", ERR_NO_MEMORY, &whole), ERR_NO_MEMORY);
}

static enum err write_with(enum err first, enum err second, int64_t left_us)
{
	struct request rq = { .deadline_us = clock_mono_us() + left_us };

	db.write[0] = first;
	db.write[1] = second;
	return own_write(&rq, NULL, NULL);
}

static void writes(void **state)
{
	(void)state;
	assert_int_equal(write_with(ERR_OK, ERR_INTERNAL, 2000000), ERR_OK);
	assert_int_equal(db.written, 1);
	reset(state);
	assert_int_equal(write_with(ERR_UNAVAILABLE, ERR_OK, 2000000), ERR_OK);
	reset(state);
	assert_int_equal(write_with(ERR_UNAVAILABLE, ERR_UNAVAILABLE, 2000000), ERR_UNAVAILABLE);
	reset(state);
	assert_int_equal(write_with(ERR_INTERNAL, ERR_OK, 2000000), ERR_UNAVAILABLE);
	assert_int_equal(db.written, 1);
	reset(state);
	assert_int_equal(write_with(ERR_UNAVAILABLE, ERR_OK, 0), ERR_UNAVAILABLE); /* no time left */
}

/* What may have been done is never done again by us. */
static void an_unknown_outcome_is_final(void **state)
{
	(void)state;
	assert_int_equal(write_with(ERR_UNKNOWN_OUTCOME, ERR_OK, 2000000), ERR_UNKNOWN_OUTCOME);
	assert_int_equal(db.written, 1);
}

static void pages(void **state)
{
	const struct page all = { .limit = 0 }, part = { .limit = 3, .before = 50 };

	(void)state;
	assert_int_equal(own_page_below(&all), 2147483648u);
	assert_int_equal(own_page_limit(&all), 2147483648u);
	assert_int_equal(own_page_below(&part), 50);
	assert_int_equal(own_page_limit(&part), 3);
}

static enum err total(uint32_t limit, uint32_t before, enum err run, const char *cell, uint64_t *out)
{
	const struct page page = { .limit = limit, .before = before };

	db.run = run;
	db.cell = slice_str(cell);
	return own_list_total(NULL, NULL, &page, 7, "SELECT COUNT(*) FROM t", out);
}

static void lengths_of_lists(void **state)
{
	uint64_t n;

	(void)state;
	assert_int_equal(total(0, 0, ERR_UNAVAILABLE, "", &n), ERR_OK); /* what was read is the whole list */
	assert_int_equal(n, 7);
	assert_int_equal(db.asked, 0);
	assert_int_equal(total(7, 0, ERR_OK, "50", &n), ERR_OK);
	assert_int_equal(n, 50);
	assert_int_equal(total(0, 8, ERR_OK, "51", &n), ERR_OK);
	assert_int_equal(n, 51);
	assert_int_equal(total(7, 0, ERR_UNAVAILABLE, "50", &n), ERR_UNAVAILABLE);
	assert_int_equal(total(7, 0, ERR_OK, "many", &n), ERR_INTERNAL);
	assert_int_equal(db.asked, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(reads, reset),
		cmocka_unit_test_setup(a_dead_connection_is_no_dead_database, reset),
		cmocka_unit_test_setup(no_connection, reset),
		cmocka_unit_test_setup(when_the_stand_in_is_asked, reset),
		cmocka_unit_test_setup(stand_in, reset),
		cmocka_unit_test_setup(writes, reset),
		cmocka_unit_test_setup(an_unknown_outcome_is_final, reset),
		cmocka_unit_test_setup(pages, reset),
		cmocka_unit_test_setup(lengths_of_lists, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
