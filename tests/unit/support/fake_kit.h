/* fake_kit.h - for tests of a service's routes: own MySQL and the views in own Redis, played by plain tables in memory.
 *
 * lint: allow-long a fixture is code; each test program compiles its own copy, in place of the kit's views and database.
 *
 * Handlers, store and views of the service are the real ones. Its statements end in fake_sql(), which the test defines.
 */
#ifndef MOA_TEST_SUPPORT_FAKE_KIT_H
#define MOA_TEST_SUPPORT_FAKE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "shared/events/shop.h"
#include "shared/svc/relay.h"
#include "shared/svc/router.h"
#include "shared/svc/service.h"
#include "shared/svc/token.h"

#define FAKE_ENTRIES 16

/* ---- views ---- */

struct view {
	const struct view_spec *spec;
	enum err e; /* ERR_UNAVAILABLE: Redis does not answer */
	struct view_state st;
	size_t count;
	struct {
		const char *key, *term, *value;
		uint64_t version;
	} entries[FAKE_ENTRIES];
};

static const struct view_state fake_fresh = { .loaded = true, .fresh = true, .age_s = 1 };
static const struct view_state fake_stale = { .loaded = true, .age_s = 12 };
static const struct view_state fake_never = { .age_s = -1 };

static struct service {
	struct view views[2], own;
	struct config config;
	struct metrics *metrics;
	int woken; /* how often the relay was */
} fake;

static inline void fake_put(struct view *v, const char *key, const char *term, const char *value)
{
	assert_true(v->count < FAKE_ENTRIES);
	v->entries[v->count].key = key;
	v->entries[v->count].term = term;
	v->entries[v->count].version = 100;
	v->entries[v->count++].value = value; /* NULL: a tombstone */
}

static inline enum err fake_state(const struct view *v, struct view_state *st)
{
	*st = v->e == ERR_OK ? v->st : fake_never;
	return v->e;
}

void view_state_get(const struct view *v, struct view_state *out)
{
	(void)fake_state(v, out);
}

enum err view_get_versions(struct view *v, struct arena *a, int64_t deadline_us, const struct slice *keys, size_t count,
			   struct slice *values, uint64_t *versions, struct view_state *st)
{
	(void)a;
	assert_true(deadline_us > 0);
	for (size_t i = 0; i < count; i++) {
		values[i] = SLICE_NONE;
		versions[i] = 0;
		for (size_t n = 0; n < v->count && v->e == ERR_OK; n++) {
			if (!slice_eq(keys[i], slice_str(v->entries[n].key)))
				continue;
			values[i] = slice_str(v->entries[n].value);
			versions[i] = v->entries[n].version;
		}
	}
	return fake_state(v, st);
}

enum err view_get(struct view *v, struct arena *a, int64_t deadline_us, const struct slice *keys, size_t count, struct slice *values,
		  struct view_state *st)
{
	uint64_t *versions = arena_alloc_array(a, count + 1, sizeof(*versions));

	return view_get_versions(v, a, deadline_us, keys, count, values, versions, st);
}

enum err view_group(struct view *v, struct arena *a, int64_t deadline_us, struct slice key, struct slice group,
		    struct view_field **fields, size_t *count, struct view_state *st)
{
	(void)deadline_us, (void)key;
	*fields = arena_alloc_array(a, FAKE_ENTRIES, sizeof(**fields));
	*count = 0;
	for (size_t n = 0; n < v->count; n++) {
		struct view_entry at;

		assert_int_equal(v->spec->place(slice_str(v->entries[n].key), &at), ERR_OK);
		if (slice_eq(at.group, group) && v->entries[n].value != NULL)
			(*fields)[(*count)++] = (struct view_field){ at.field, slice_str(v->entries[n].value) };
	}
	return fake_state(v, st);
}

enum err view_term(struct view *v, struct arena *a, int64_t deadline_us, struct slice term, struct slice **fields, size_t *count,
		   struct view_state *st)
{
	(void)deadline_us;
	*fields = arena_alloc_array(a, FAKE_ENTRIES, sizeof(**fields));
	*count = 0;
	for (size_t n = 0; n < v->count; n++) {
		if (slice_eq(term, slice_str(v->entries[n].term)))
			(*fields)[(*count)++] = slice_str(v->entries[n].key);
	}
	return fake_state(v, st);
}

/* Entries must have been put with their ids descending. */
enum err view_ids(struct view *v, struct arena *a, int64_t deadline_us, uint32_t before, size_t limit, uint32_t **ids, size_t *count,
		  uint64_t *total, struct view_state *st)
{
	uint32_t id;

	(void)deadline_us;
	*ids = arena_alloc_array(a, FAKE_ENTRIES, sizeof(**ids));
	*count = 0;
	*total = v->count;
	for (size_t n = 0; n < v->count && *count < limit; n++) {
		if (slice_to_id(slice_str(v->entries[n].key), &id) && (before == 0 || id < before))
			(*ids)[(*count)++] = id;
	}
	return fake_state(v, st);
}

/* ---- the service ---- */

struct view *service_view(struct service *s, const struct view_spec *spec)
{
	assert_true(spec == s->views[0].spec || spec == s->views[1].spec);
	return spec == s->views[0].spec ? &s->views[0] : &s->views[1];
}

struct view *service_own(struct service *s)
{
	return &s->own;
}

struct relay *service_relay(struct service *s)
{
	return (struct relay *)s;
}

void relay_wake(struct relay *r)
{
	((struct service *)r)->woken++;
}

struct sql_db *service_sql(struct service *s)
{
	return (struct sql_db *)s;
}

struct resp_db *service_resp(struct service *s)
{
	return (struct resp_db *)s;
}

const struct config *service_config(const struct service *s)
{
	return &s->config;
}

struct metrics *service_metrics(struct service *s)
{
	return s->metrics;
}

/* ---- the database ---- */

static enum err fake_sql_e;    /* what every statement gives; ERR_OK: fake_sql() answers */
static enum err fake_commit_e; /* what COMMIT gives */

/* Answers one statement; fake_cells() makes rows. */
static enum err fake_sql(struct slice text, const struct sql_arg *args, struct arena *a, struct sql_rows *rows);

/* <count> rows of <columns>; the cells follow, NULL for SQL's. */
static inline void fake_cells(struct arena *a, struct sql_rows *rows, size_t count, size_t columns, const char *const *cells)
{
	*rows = (struct sql_rows){ .count = count, .columns = columns };
	rows->cells = arena_alloc_array(a, count * columns + 1, sizeof(*rows->cells));
	for (size_t i = 0; i < count * columns; i++)
		rows->cells[i] = slice_str(cells[i]);
}

static inline bool fake_is(struct slice text, const char *start)
{
	return slice_starts_with(text, slice_str(start));
}

struct slice sql_cell(const struct sql_rows *r, size_t row, size_t column)
{
	assert_true(row < r->count && column < r->columns);
	return r->cells[row * r->columns + column];
}

enum err sql_acquire(struct sql_db *db, int64_t deadline_us, struct sql_conn **c)
{
	assert_true(deadline_us > 0);
	*c = (struct sql_conn *)db;
	return fake_sql_e == ERR_BUSY ? ERR_BUSY : ERR_OK;
}

void sql_release(struct sql_conn **c)
{
	*c = NULL;
}

void sql_set_deadline(struct sql_conn *c, int64_t deadline_us)
{
	(void)c, (void)deadline_us;
}

void sql_set_statement_ms(struct sql_conn *c, int ms)
{
	(void)c, (void)ms;
}

enum err sql_run(struct sql_conn *c, const char *text, const struct sql_arg *args, size_t arg_count, struct arena *arena,
		 struct sql_rows *rows)
{
	struct sql_rows unwanted;
	size_t marks = 0;

	assert_non_null(c);
	for (const char *at = text; *at != '\0'; at++)
		marks += *at == '?';
	assert_int_equal(marks, arg_count);
	if (fake_sql_e != ERR_OK)
		return fake_sql_e;
	if (rows == NULL)
		rows = &unwanted;
	*rows = (struct sql_rows){ .count = 0 };
	return fake_sql(slice_str(text), args, arena, rows);
}

enum err sql_transaction(struct sql_db *db, int64_t deadline_us, sql_body *body, void *ctx)
{
	enum err e;

	assert_true(deadline_us > 0);
	e = body((struct sql_conn *)db, ctx);
	return e == ERR_OK ? fake_commit_e : e;
}

/* ---- one request ---- */

struct fake_answer {
	enum err e;
	int status;
	char body[4096];
	char degraded[128]; /* the header */
	char made[128];     /* Consistency-Token */
};

static struct request fake_request; /* the next one: set what it has */
static const char *fake_facts;      /* its Consistency-Token */

/* Whatever was set up before; views are fresh and empty, the database answers. */
static inline void fake_reset(const struct view_spec *first, const struct view_spec *second, const struct view_spec *own)
{
	fake = (struct service){ .views = { { .spec = first, .st = fake_fresh }, { .spec = second, .st = fake_fresh } },
				 .own = { .spec = own, .st = fake_fresh } };
	fake_sql_e = fake_commit_e = ERR_OK;
	fake_request = (struct request){ .token = SLICE("token") };
	fake_facts = NULL;
}

/* Auth, then the handler of the call; what was set in fake_request goes with it and is gone afterwards. */
static inline struct fake_answer fake_call(const struct route *routes, const char *method, const char *path,
					   enum err (*auth)(struct request *rq, struct slice token), void *app)
{
	struct fake_answer answer = { .e = ERR_OK };
	struct reply reply = { .status = 200 };
	struct request *rq = &fake_request;
	const struct route *route;
	struct buf degraded;

	rq->arena = arena_create(4096, 1 << 20);
	rq->svc = &fake;
	rq->app = app;
	rq->deadline_us = clock_mono_us() + 2000000;
	token_read_field(rq, slice_str(fake_facts), clock_wall_us());
	fake_facts = NULL;
	buf_init(&reply.body, 0);
	buf_init(&degraded, 0);
	answer.e = router_match(routes, slice_str(method), slice_str(path), &route, &rq->path_id);
	if (answer.e == ERR_OK)
		answer.e = auth(rq, rq->token);
	if (answer.e == ERR_OK)
		answer.e = route->run(rq, &reply);
	answer.status = answer.e == ERR_OK ? reply.status : err_status(answer.e);
	assert_true(reply.body.len < sizeof(answer.body));
	if (answer.e == ERR_OK && reply.body.len > 0)
		memcpy(answer.body, reply.body.ptr, reply.body.len);
	degraded_print(&rq->degraded, &degraded);
	assert_true(degraded.len < sizeof(answer.degraded));
	if (degraded.len > 0)
		memcpy(answer.degraded, degraded.ptr, degraded.len);
	assert_true(rq->made.len < sizeof(answer.made));
	if (rq->made.len > 0)
		memcpy(answer.made, rq->made.ptr, rq->made.len);
	buf_free(&reply.body);
	buf_free(&degraded);
	arena_free(&rq->arena);
	*rq = (struct request){ .token = SLICE("token") };
	return answer;
}

#define ANSWERS(got, want_status, want_body, want_degraded)                    \
	do {                                                                   \
		struct fake_answer got_ = (got);                               \
		assert_int_equal(got_.status, want_status);                    \
		assert_string_equal(got_.body, want_body);                     \
		assert_string_equal(got_.degraded, want_degraded);             \
	} while (0)

#endif
