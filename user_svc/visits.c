/* visits.c - the inbox of visits: one transaction per batch, then the copy in own Redis.
 *
 * All functions run on the inbox's thread. Within the transaction the revision is locked first, so instances take turns.
 * Revisions are at least the Unix time in microseconds: a database that was restored never meets a copy whose
 * revision it could take for its own.
 */
#include "user_svc/visits.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/svc/inbox.h"
#include "shared/svc/service.h"
#include "user_svc/store_parked.h"
#include "user_svc/store_visits.h"
#include "user_svc/visit_copy.h"

#define NO_COPY UINT64_MAX /* instead of a revision; 0 is that of a table that never held a visit */
#define SQL_MS 500
#define REDIS_MS 500
#define CHUNK_USERS 256
#define WARN_MS 10000
#define CHUNK_ARENA_BYTES 65536
#define CHUNK_ARENA_LIMIT_BYTES (64 << 20)

struct visits {
	struct service *service;
	struct inbox *inbox;

	/* The inbox's thread only. What the last transaction did, for the copy; in the inbox's arena. */
	uint64_t from, to;
	struct user_visits *users;
	size_t user_count;
	size_t stored, strangers;
	/* The copy and the table as they were when we last had nothing to do: only what stays different needs repair. */
	uint64_t idle_copy, idle_table;
	int64_t warned_us;

	struct counter *stored_total, *strangers_total, *rebuilds;
};

/* ---- one transaction ---- */

/* A visit from far beyond our time would stay the latest of its user for ever. */
static const char *refuse(const struct event *e, struct arena *a)
{
	struct visit_event v;

	if (visit_event_read(e->value, a, &v) == ERR_CORRUPT)
		return "value malformed";
	if (v.visited_us >= EVENT_VERSION_END)
		return "absurd time";
	return slice_eq(visit_event_key(&v, a), e->key) ? NULL : "key of another visit";
}

static enum err decode(struct arena *a, const struct event *events, size_t count, struct visit_event *out)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < count && e == ERR_OK; i++)
		e = visit_event_read(events[i].value, a, &out[i]);
	assert(e != ERR_CORRUPT); /* refused before */
	return e;
}

/* Leaves out visits of users that do not exist; returns how many stay. */
static size_t drop_strangers(struct visits *v, struct visit_event *events, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (events[i].user_id != 0)
			events[kept++] = events[i];
	}
	v->strangers = count - kept;
	return kept;
}

static int ascending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y ? 1 : 0;
}

/* The users of the events, each once, ascending. */
static uint32_t *users_of(struct arena *a, const struct visit_event *events, size_t count, size_t *n)
{
	uint32_t *ids = arena_alloc_array(a, count + 1, sizeof(*ids));

	*n = 0;
	if (ids == NULL)
		return NULL;
	for (size_t i = 0; i < count; i++)
		ids[i] = events[i].user_id;
	qsort(ids, count, sizeof(*ids), ascending);
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || ids[i] != ids[i - 1])
			ids[(*n)++] = ids[i];
	}
	return ids;
}

static enum err trim_users(struct visits *v, struct sql_conn *c, struct arena *a, const struct visit_event *events, size_t count)
{
	uint32_t *ids = users_of(a, events, count, &v->user_count);
	enum err e;

	if (ids == NULL)
		return ERR_NO_MEMORY;
	if (v->user_count == 0)
		return ERR_OK;
	e = store_visit_of_users(c, a, ids, v->user_count, &v->users);
	for (size_t i = 0; e == ERR_OK && i < v->user_count; i++) {
		struct user_visits *u = &v->users[i];
		size_t kept = visit_trim(u->visits, u->count);

		e = store_visit_delete(c, a, u->visits, kept, u->count);
		u->count = kept;
	}
	return e;
}

static uint64_t next_revision(uint64_t last)
{
	uint64_t now_us = (uint64_t)clock_wall_us();

	return now_us > last ? now_us : last + 1;
}

static enum err apply(struct sql_conn *c, void *ctx, struct arena *a, const struct event *events, size_t count)
{
	struct visit_event *visits = arena_alloc_array(a, count, sizeof(*visits));
	struct visits *v = ctx;
	size_t n;
	enum err e;

	v->user_count = v->stored = v->strangers = 0; /* this may be another attempt */
	if (visits == NULL)
		return ERR_NO_MEMORY;
	e = store_visit_revision_lock(c, a, &v->from);
	if (e == ERR_OK)
		e = decode(a, events, count, visits);
	if (e == ERR_OK)
		e = store_visit_resolve(c, a, visits, count);
	if (e != ERR_OK)
		return e;
	n = v->stored = drop_strangers(v, visits, count);
	e = store_visit_insert(c, a, visits, n);
	if (e == ERR_OK)
		e = trim_users(v, c, a, visits, n);
	v->to = next_revision(v->from);
	return e == ERR_OK ? store_visit_revision_set(c, a, v->to) : e;
}

/* ---- the copy built anew ---- */

struct rebuild {
	struct sql_conn *sql; /* in a transaction: all that it reads is of one moment */
	struct resp_conn *redis;
	struct slice builder;
	uint64_t revision;
	uint32_t after;       /* the last user copied */
};

static enum err rebuild_chunk(struct rebuild *b, struct arena *a, size_t *count)
{
	struct user_visits *users;
	uint32_t *ids;
	enum err e = store_visit_users(b->sql, a, b->after, CHUNK_USERS, &ids, count);

	if (e != ERR_OK || *count == 0)
		return e;
	e = store_visit_of_users(b->sql, a, ids, *count, &users);
	if (e == ERR_OK)
		e = visit_copy_add(b->redis, a, b->builder, b->revision, users, *count);
	b->after = ids[*count - 1];
	return e;
}

static enum err rebuild_all(struct rebuild *b, struct arena *a)
{
	size_t count = 1;
	enum err e = sql_begin(b->sql);

	if (e == ERR_OK)
		e = store_visit_revision(b->sql, a, &b->revision);
	if (e == ERR_OK)
		e = visit_copy_begin(b->redis, a, b->builder);
	while (e == ERR_OK && count > 0) {
		arena_reset(a);
		e = rebuild_chunk(b, a, &count);
	}
	sql_rollback(b->sql);
	return e == ERR_OK ? visit_copy_end(b->redis, a, b->builder, b->revision) : e;
}

static void rebuild(struct visits *v)
{
	char uuid[CLOCK_UUID_LEN + 1];
	struct rebuild b = { .after = 0 };
	struct arena *a = arena_create(CHUNK_ARENA_BYTES, CHUNK_ARENA_LIMIT_BYTES);
	enum err e = sql_acquire(service_sql(v->service), clock_mono_us() + SQL_MS * 1000, &b.sql);

	clock_uuid7(uuid);
	b.builder = slice_str(uuid);
	if (e == ERR_OK)
		e = resp_acquire(service_resp(v->service), clock_mono_us() + REDIS_MS * 1000, &b.redis);
	if (e == ERR_OK)
		e = rebuild_all(&b, a);
	if (b.redis != NULL)
		resp_release(&b.redis);
	if (b.sql != NULL)
		sql_release(&b.sql);
	arena_free(&a);
	if (e == ERR_OK)
		counter_add(v->rebuilds, 1);
	/* After a failure half way the copy has no revision, so it is not used; tried again when idle. */
	if (e == ERR_OK || log_every(&v->warned_us, WARN_MS))
		log_info("visits.rebuild", "result=%s revision=%llu", err_name(e), (unsigned long long)b.revision);
}

/* ---- after a transaction, and when idle ---- */

static enum err update_copy(struct visits *v, struct arena *a)
{
	struct resp_conn *c;
	enum err e = resp_acquire(service_resp(v->service), clock_mono_us() + REDIS_MS * 1000, &c);

	if (e != ERR_OK)
		return e;
	e = visit_copy_update(c, a, v->from, v->to, v->users, v->user_count);
	resp_release(&c);
	return e;
}

/* Revisions of the table and of the copy (NO_COPY when it is not complete). An error: one of the two is away. */
static enum err compare(struct visits *v, struct arena *a, uint64_t *table, uint64_t *copy)
{
	struct resp_conn *redis;
	struct sql_conn *sql;
	enum err e = resp_acquire(service_resp(v->service), clock_mono_us() + REDIS_MS * 1000, &redis);

	if (e != ERR_OK)
		return e;
	e = visit_copy_revision(redis, a, copy);
	resp_release(&redis);
	if (e != ERR_OK && e != ERR_NOT_FOUND)
		return e;
	if (e == ERR_NOT_FOUND)
		*copy = NO_COPY;
	e = sql_acquire(service_sql(v->service), clock_mono_us() + SQL_MS * 1000, &sql);
	if (e != ERR_OK)
		return e;
	e = store_visit_revision(sql, a, table);
	sql_release(&sql);
	return e;
}

/* Another instance may be between its commit and its update of the copy: only what was the same a second ago is repaired. */
static void look_at_copy(struct visits *v, struct arena *a)
{
	uint64_t table, copy;
	bool again;

	if (compare(v, a, &table, &copy) != ERR_OK)
		return;
	again = copy == NO_COPY || (table == v->idle_table && copy == v->idle_copy);
	v->idle_table = table;
	v->idle_copy = copy;
	if (copy != table && again)
		rebuild(v);
}

static void committed(void *ctx, struct arena *a, const struct event *events, size_t count)
{
	struct visits *v = ctx;

	(void)events;
	if (count == 0) {
		look_at_copy(v, a);
		return;
	}
	counter_add(v->stored_total, v->stored);
	counter_add(v->strangers_total, v->strangers);
	if (update_copy(v, a) == ERR_MOVED)
		rebuild(v);
}

struct visits *visits_start(struct service *s)
{
	static const struct inbox_spec spec = {
		.topic = &topic_visits,
		.select_sql = store_visit_position_select,
		.upsert_sql = store_visit_position_upsert,
		.refuse = refuse,
		.park = store_park,
		.parked = store_parked,
		.apply = apply,
		.committed = committed,
	};
	struct metrics *m = service_metrics(s);
	struct visits *v = calloc(1, sizeof(*v));

	if (v == NULL)
		abort();
	v->service = s;
	v->stored_total = metrics_counter(m, "moa_visits_stored_total", "Visits taken into the table, or found there.", NULL);
	v->strangers_total = metrics_counter(m, "moa_visits_dropped_total", "Visits left out.", "reason=\"unknown_user\"");
	v->rebuilds = metrics_counter(m, "moa_visits_copy_rebuilds_total", "Times the copy in own Redis was built anew.", NULL);
	v->inbox = inbox_start(s, &spec, v);
	return v;
}

struct parked *visits_parked(const struct visits *v)
{
	return inbox_parked(v->inbox);
}

void visits_stop(struct visits **vv)
{
	struct visits *v = *vv;

	inbox_stop(&v->inbox);
	free(v);
	*vv = NULL;
}
