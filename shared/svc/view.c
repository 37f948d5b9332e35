/* view.c - reads a view: one pipelined round trip that ends with the positions of the partitions it touched. */
#include "shared/svc/view.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/clock.h"
#include "shared/base/ids.h"
#include "shared/svc/parked.h"
#include "shared/svc/view_store.h"

/* How far a partition was seen to be. */
struct seen {
	int64_t next;
	char log[CLOCK_UUID_LEN + 1];
	int64_t mark_us;
};

struct view {
	const struct view_spec *spec;
	struct resp_db *db;
	struct seen seen[TOPIC_PARTITIONS_MAX]; /* by the monitor; its thread only */
	pthread_mutex_t lock;                   /* of <told> */
	struct seen told[TOPIC_PARTITIONS_MAX]; /* by anybody: what was answered from */
	_Atomic bool reachable;   /* the monitor's last look was answered */
	/* Over all partitions, as the monitor saw them when it was last answered. */
	_Atomic bool loaded;
	_Atomic bool in_log;      /* each partition was loaded from the log that it now reads, and did not go back */
	_Atomic int64_t mark_us;  /* the oldest */
	_Atomic int64_t audited_us;
	_Atomic uint64_t divergences[VIEW_DIVERGENCES];
	struct parked *parked;
};

struct view *view_create(const struct view_spec *spec, struct resp_db *db)
{
	struct view *v = calloc(1, sizeof(*v));

	assert(spec->topic->partitions > 0 && spec->topic->partitions <= TOPIC_PARTITIONS_MAX);
	if (v == NULL)
		abort();
	v->spec = spec;
	v->db = db;
	v->parked = parked_create(spec->topic);
	pthread_mutex_init(&v->lock, NULL);
	return v;
}

void view_free(struct view **v)
{
	pthread_mutex_destroy(&(*v)->lock);
	parked_free(&(*v)->parked);
	free(*v);
	*v = NULL;
}

const struct view_spec *view_spec_of(const struct view *v)
{
	return v->spec;
}

struct parked *view_parked(const struct view *v)
{
	return v->parked;
}

struct slice view_key(const struct view *v, struct arena *a, int32_t p, struct slice rest)
{
	return arena_printf(a, VIEW_SCHEMA ":{%s:%d}:%.*s", v->spec->topic->domain, (int)p, SLICE_ARG(rest));
}

void view_divergences_add(struct view *v, enum view_divergence d, uint64_t n)
{
	atomic_fetch_add(&v->divergences[d], n);
}

uint64_t view_divergences(const struct view *v, enum view_divergence d)
{
	return atomic_load(&((struct view *)(uintptr_t)v)->divergences[d]);
}

int64_t view_audited_us(const struct view *v)
{
	return atomic_load(&((struct view *)(uintptr_t)v)->audited_us);
}

/* ---- state ---- */

static bool loaded_from_present_log(const struct view_position *p)
{
	return p->loaded != 0 && p->log[0] != '\0' && strcmp(p->log, p->loaded_log) == 0;
}

/* Whether Redis was rolled back and its consumer has not caught up yet: then the position is behind what was seen, and there
 * was no mark since. (A log that is read anew is marked when it was read; the mark alone goes back with a clock.) */
static bool went_back(const struct seen *s, const struct view_position *now)
{
	int order = strcmp(now->log, s->log);

	return now->mark_us <= s->mark_us && (order < 0 || (order == 0 && now->next < s->next));
}

/* Notes how far a partition is, unless it went back. One that is not loaded starts anew. */
static void note_seen(struct seen *s, const struct view_position *now)
{
	if (now->loaded == 0)
		*s = (struct seen){ 0 };
	if (now->loaded == 0 || went_back(s, now))
		return;
	s->next = now->next;
	s->mark_us = now->mark_us;
	memcpy(s->log, now->log, sizeof(s->log));
}

static void note_told(struct view *v, int32_t p, const struct view_position *now)
{
	pthread_mutex_lock(&v->lock);
	note_seen(&v->told[p], now);
	pthread_mutex_unlock(&v->lock);
}

/* Notes when the oldest partition was swept last; nothing while a sweep is still to come. */
static void note_audited(struct view *v, const struct view_position *positions)
{
	int64_t oldest_us = INT64_MAX;

	for (int32_t p = 0; p < v->spec->topic->partitions; p++) {
		if (positions[p].loaded == 0 || positions[p].loaded != positions[p].end)
			return;
		if (positions[p].end_created_us < oldest_us)
			oldest_us = positions[p].end_created_us;
	}
	atomic_store(&v->audited_us, oldest_us);
}

void view_observe(struct view *v, const struct view_position *positions)
{
	bool loaded = true, in_log = true;
	int64_t mark_us = INT64_MAX;

	atomic_store(&v->reachable, positions != NULL);
	if (positions == NULL)
		return;
	note_audited(v, positions);
	for (int32_t p = 0; p < v->spec->topic->partitions; p++) {
		bool back = positions[p].loaded != 0 && went_back(&v->seen[p], &positions[p]);

		note_seen(&v->seen[p], &positions[p]);
		note_told(v, p, &positions[p]);
		loaded = loaded && positions[p].loaded != 0;
		in_log = in_log && !back && loaded_from_present_log(&positions[p]);
		if (positions[p].mark_us < mark_us)
			mark_us = positions[p].mark_us;
	}
	atomic_store(&v->in_log, in_log);
	atomic_store(&v->mark_us, mark_us);
	atomic_store(&v->loaded, loaded);
}

static void state_from(bool loaded, bool in_log, int64_t mark_us, struct view_state *st)
{
	int64_t age_us = clock_wall_us() - mark_us;

	if (age_us < 0)
		age_us = 0; /* the clock was set back, or another instance's is ahead */
	st->loaded = loaded;
	st->fresh = loaded && in_log && age_us < VIEW_FRESH_US;
	st->age_s = loaded ? age_us / 1000000 : -1;
}

/* As the monitor was last told, whether or not it was answered since. */
static void state_told(struct view *v, struct view_state *out)
{
	state_from(atomic_load(&v->loaded), atomic_load(&v->in_log), atomic_load(&v->mark_us), out);
}

void view_state_get(const struct view *v, struct view_state *out)
{
	struct view *w = (struct view *)(uintptr_t)v;

	*out = (struct view_state){ .age_s = -1 };
	if (atomic_load(&w->reachable))
		state_told(w, out);
}

/* The view's state made worse by what this request saw of a partition; <before>: as it was seen before it was asked. */
static void state_join(const struct seen *before, const struct view_position *p, struct view_state *st)
{
	struct view_state seen;

	state_from(p->loaded != 0, loaded_from_present_log(p) && !went_back(before, p), p->mark_us, &seen);
	st->loaded = st->loaded && seen.loaded;
	st->fresh = st->fresh && seen.fresh;
	if (!st->loaded)
		st->age_s = -1;
	else if (seen.age_s > st->age_s)
		st->age_s = seen.age_s;
}

/* ---- one round trip ---- */

struct trip {
	struct view *v;
	struct arena *a;
	struct resp_conn *c;
	struct view_state *st;
	struct seen told[TOPIC_PARTITIONS_MAX]; /* before anything was asked */
	bool touched[TOPIC_PARTITIONS_MAX];
	enum err e; /* of the first step that failed; later steps do nothing */
};

static void trip_begin(struct trip *t, struct view *v, struct arena *a, int64_t deadline_us, struct view_state *st)
{
	*t = (struct trip){ .v = v, .a = a, .st = st };
	pthread_mutex_lock(&v->lock);
	memcpy(t->told, v->told, sizeof(t->told));
	pthread_mutex_unlock(&v->lock);
	t->e = resp_acquire(v->db, deadline_us, &t->c);
}

static void trip_send(struct trip *t, const struct slice *words, size_t count)
{
	if (t->e == ERR_OK)
		t->e = resp_send(t->c, words, count);
}

/* Error replies (LOADING, a key of the wrong type) mean that this Redis cannot answer now. */
static void trip_recv(struct trip *t, enum resp_type want, struct resp_value *out)
{
	*out = (struct resp_value){ .type = RESP_NIL };
	if (t->e == ERR_OK)
		t->e = resp_recv(t->c, t->a, out);
	if (t->e == ERR_OK && out->type != want)
		t->e = ERR_UNAVAILABLE;
}

static void trip_send_positions(struct trip *t)
{
	static const char *const fields[] = { VIEW_POS_FIELDS };
	struct slice words[10] = { SLICE("HMGET") };

	for (size_t i = 0; i < 8; i++)
		words[2 + i] = slice_str(fields[i]);
	for (int32_t p = 0; p < t->v->spec->topic->partitions; p++) {
		if (!t->touched[p])
			continue;
		words[1] = view_key(t->v, t->a, p, SLICE_LIT("pos"));
		trip_send(t, words, 10);
	}
}

/* Reads the positions, gives the connection back, and says how the trip went. Answered, whatever the monitor saw: Redis is there. */
static enum err trip_end(struct trip *t)
{
	state_told(t->v, t->st);
	for (int32_t p = 0; p < t->v->spec->topic->partitions; p++) {
		struct view_position at;
		struct resp_value r;

		if (!t->touched[p])
			continue;
		trip_recv(t, RESP_ARRAY, &r);
		if (t->e == ERR_OK)
			t->e = view_position_parse(&r, &at);
		if (t->e != ERR_OK)
			continue;
		state_join(&t->told[p], &at, t->st);
		note_told(t->v, p, &at);
	}
	if (t->c != NULL)
		resp_release(&t->c);
	if (t->e == ERR_OK)
		return ERR_OK;
	*t->st = (struct view_state){ .age_s = -1 };
	return t->e == ERR_NO_MEMORY ? t->e : ERR_UNAVAILABLE;
}

/* ---- what is read ---- */

/* Where each key of a view_get() lies. */
struct place {
	int32_t partition;
	struct slice group;
	bool asked; /* by the command of an earlier key of the same group */
};

/* HMGET for all keys that share the place of keys[first]. */
static void send_same_place(struct trip *t, struct place *places, const struct view_entry *at, size_t first, size_t count)
{
	struct slice *words = arena_alloc_array(t->a, count - first + 2, sizeof(*words));
	size_t n = 2;

	if (words == NULL) {
		t->e = ERR_NO_MEMORY;
		return;
	}
	words[0] = SLICE_LIT("HMGET");
	words[1] = view_key(t->v, t->a, places[first].partition, places[first].group);
	for (size_t i = first; i < count; i++) {
		if (places[i].asked || places[i].partition != places[first].partition || !slice_eq(places[i].group, places[first].group))
			continue;
		words[n++] = at[i].field;
		places[i].asked = i != first;
	}
	trip_send(t, words, n);
}

/* Value and version of one entry. */
static enum err read_entry(const struct view *v, struct slice entry, struct slice *value, uint64_t *version)
{
	if (!event_version_parse(slice_sub(entry, 0, EVENT_VERSION_LEN), version))
		return ERR_CORRUPT;
	return view_entry_value(v, entry, value);
}

static void recv_same_place(struct trip *t, struct place *places, size_t first, size_t count, struct slice *values, uint64_t *versions)
{
	struct resp_value r;
	size_t n = 0;

	trip_recv(t, RESP_ARRAY, &r);
	for (size_t i = first; t->e == ERR_OK && i < count; i++) {
		if (places[i].partition != places[first].partition || !slice_eq(places[i].group, places[first].group))
			continue;
		if (n >= r.count)
			t->e = ERR_UNAVAILABLE;
		else if (r.items[n].type == RESP_STRING && read_entry(t->v, r.items[n].text, &values[i], &versions[i]) != ERR_OK)
			t->e = ERR_UNAVAILABLE;
		n++;
	}
}

enum err view_get_versions(struct view *v, struct arena *a, int64_t deadline_us, const struct slice *keys, size_t count,
			   struct slice *values, uint64_t *versions, struct view_state *st)
{
	struct place *places = arena_alloc_array(a, count + 1, sizeof(*places));
	struct view_entry *at = arena_alloc_array(a, count + 1, sizeof(*at));
	struct trip t;
	enum err e;

	if (places == NULL || at == NULL)
		return ERR_NO_MEMORY;
	trip_begin(&t, v, a, deadline_us, st);
	for (int32_t p = 0; count == 0 && p < v->spec->topic->partitions; p++)
		t.touched[p] = true;
	for (size_t i = 0; i < count; i++) {
		values[i] = SLICE_NONE;
		versions[i] = 0;
		if (v->spec->place(keys[i], &at[i]) != ERR_OK)
			t.e = ERR_INTERNAL; /* keys are made by our own code */
		places[i] = (struct place){ .partition = topic_partition(v->spec->topic, keys[i]), .group = at[i].group };
		t.touched[places[i].partition] = true;
	}
	for (size_t i = 0; i < count; i++) {
		if (!places[i].asked)
			send_same_place(&t, places, at, i, count);
	}
	trip_send_positions(&t);
	for (size_t i = 0; i < count; i++) {
		if (!places[i].asked)
			recv_same_place(&t, places, i, count, values, versions);
	}
	e = trip_end(&t);
	for (size_t i = 0; i < count && e != ERR_OK; i++) {
		values[i] = SLICE_NONE;
		versions[i] = 0;
	}
	return e;
}

enum err view_get(struct view *v, struct arena *a, int64_t deadline_us, const struct slice *keys, size_t count, struct slice *values,
		  struct view_state *st)
{
	uint64_t *versions = arena_alloc_array(a, count + 1, sizeof(*versions));

	if (versions == NULL)
		return ERR_NO_MEMORY;
	return view_get_versions(v, a, deadline_us, keys, count, values, versions, st);
}

enum err view_group(struct view *v, struct arena *a, int64_t deadline_us, struct slice key, struct slice group,
		    struct view_field **fields, size_t *count, struct view_state *st)
{
	int32_t p = topic_partition(v->spec->topic, key);
	const struct slice words[] = { SLICE("HGETALL"), view_key(v, a, p, group) };
	struct resp_value r;
	struct trip t;

	*count = 0;
	trip_begin(&t, v, a, deadline_us, st);
	t.touched[p] = true;
	trip_send(&t, words, 2);
	trip_send_positions(&t);
	trip_recv(&t, RESP_ARRAY, &r);
	*fields = arena_alloc_array(a, r.count / 2 + 1, sizeof(**fields));
	if (*fields == NULL)
		t.e = ERR_NO_MEMORY;
	for (size_t i = 0; t.e == ERR_OK && i + 1 < r.count; i += 2) {
		struct slice value;

		if (view_entry_value(v, r.items[i + 1].text, &value) != ERR_OK)
			t.e = ERR_UNAVAILABLE;
		else if (value.ptr != NULL)
			(*fields)[(*count)++] = (struct view_field){ r.items[i].text, value };
	}
	return trip_end(&t);
}

enum err view_term(struct view *v, struct arena *a, int64_t deadline_us, struct slice term, struct slice **fields, size_t *count,
		   struct view_state *st)
{
	struct slice rest = arena_printf(a, "t:%.*s", SLICE_ARG(term));
	const struct slice words[] = { SLICE("SMEMBERS"), view_key(v, a, 0, rest) };
	struct resp_value r;
	struct trip t;

	assert(v->spec->index == VIEW_INDEX_TERM && v->spec->topic->partitions == 1);
	*count = 0;
	trip_begin(&t, v, a, deadline_us, st);
	t.touched[0] = true;
	trip_send(&t, words, 2);
	trip_send_positions(&t);
	trip_recv(&t, RESP_ARRAY, &r);
	*fields = arena_alloc_array(a, r.count + 1, sizeof(**fields));
	if (*fields == NULL)
		t.e = ERR_NO_MEMORY;
	for (size_t i = 0; t.e == ERR_OK && i < r.count; i++)
		(*fields)[(*count)++] = r.items[i].text;
	return trip_end(&t);
}

/* Takes one partition's ids behind those that are there. */
static void recv_ids(struct trip *t, uint32_t **ids, size_t *count, uint64_t *total)
{
	struct resp_value r, card;
	uint32_t *grown;

	trip_recv(t, RESP_ARRAY, &r);
	trip_recv(t, RESP_INTEGER, &card);
	if (t->e != ERR_OK)
		return;
	*total += (uint64_t)card.integer;
	grown = arena_alloc_array(t->a, *count + r.count + 1, sizeof(*grown));
	if (grown == NULL) {
		t->e = ERR_NO_MEMORY;
		return;
	}
	if (*count > 0)
		memcpy(grown, *ids, *count * sizeof(*grown));
	*ids = grown;
	for (size_t i = 0; i < r.count; i++) {
		if (slice_to_id(r.items[i].text, &grown[*count]))
			(*count)++;
	}
}

enum err view_ids(struct view *v, struct arena *a, int64_t deadline_us, uint32_t before, size_t limit, uint32_t **ids, size_t *count,
		  uint64_t *total, struct view_state *st)
{
	struct slice top = before == 0 ? SLICE_LIT("+inf") : arena_printf(a, "(%u", before);
	struct slice most = arena_printf(a, "%zu", limit);
	struct trip t;

	assert(v->spec->index == VIEW_INDEX_IDS);
	*ids = NULL;
	*count = 0;
	*total = 0;
	trip_begin(&t, v, a, deadline_us, st);
	for (int32_t p = 0; p < v->spec->topic->partitions; p++) {
		struct slice key = view_key(v, a, p, SLICE_LIT("ids"));
		const struct slice range[] = { SLICE("ZREVRANGEBYSCORE"), key, top, SLICE("-inf"), SLICE("LIMIT"), SLICE("0"), most };
		const struct slice card[] = { SLICE("ZCARD"), key };

		t.touched[p] = true;
		trip_send(&t, range, 7);
		trip_send(&t, card, 2);
	}
	trip_send_positions(&t);
	for (int32_t p = 0; p < v->spec->topic->partitions; p++)
		recv_ids(&t, ids, count, total);
	if (t.e == ERR_OK)
		ids_sort_descending(*ids, *count);
	if (*count > limit)
		*count = limit;
	return trip_end(&t);
}
