/* relay_own.c - keeps the own copy in step: each batch lands only on its predecessor's number.
 *
 * The numbers are counted on while the copy is broken and stored in MySQL before rows are deleted. So a
 * later leader sees from a stored number above Redis's that the copy misses something, whoever crashed in between.
 */
#include <assert.h>
#include <string.h>

#include "shared/base/log.h"
#include "shared/svc/relay_steps.h"

#define REFUSED_US 5000000 /* a copy that outgrew its Redis is not filled again and again: each time costs a snapshot */

static void own_fail(struct relay *r, const char *why)
{
	if (!r->own_broken)
		log_warn("relay.own_broken", "topic=%s reason=%s", r->topic->name, why);
	r->own_broken = true;
	if (r->redis != NULL)
		resp_close(&r->redis);
	pthread_mutex_lock(&r->lock);
	r->own_end_valid = false;
	pthread_mutex_unlock(&r->lock);
}

static void own_refused(struct relay *r, enum err e)
{
	atomic_store(&r->own_refused, e);
	own_fail(r, view_waits_for(e) != NULL ? view_waits_for(e) : err_name(e));
}

/* One batch of one partition: <part> says what, and in part->to at most a mark and an end. */
static void apply_batch(struct relay *r, int32_t p, const struct view_batch *part)
{
	struct view_position to = part->to != NULL ? *part->to : (struct view_position){ 0 }, stored;
	struct view_batch b = *part;
	struct arena *a;
	enum err e;

	to.next = r->own_at[p].next + (b.count > 0);
	memcpy(to.log, RELAY_OWN_LOG, sizeof(RELAY_OWN_LOG));
	memcpy(to.by, r->instance, strlen(r->instance) + 1);
	if (!r->own_broken) {
		a = arena_create(1 << 14, SIZE_MAX);
		b.partition = p;
		b.from = &r->own_at[p];
		b.to = &to;
		e = view_apply(r->own, r->redis, a, &b, &stored);
		arena_free(&a);
		if (e != ERR_OK) {
			if (view_waits_for(e) != NULL)
				r->own_refused_us = clock_mono_us();
			own_refused(r, e);
		}
	}
	r->own_at[p].next = to.next; /* counted on even if broken */
}

static bool to_change(struct relay *r, const struct outbox_row *row, struct view_change *ch)
{
	const struct view_spec *spec = r->table->own;
	enum err e;

	*ch = (struct view_change){ .deleted = row->payload.ptr == NULL, .version = row->id,
				    .snapshot = slice_eq(row->type, SLICE_LIT("snapshot")), .created_us = row->created_us };
	e = spec->place(row->key, &ch->at);
	if (e == ERR_OK && !ch->deleted)
		e = spec->project(row->key, row->payload, r->arena, &ch->at);
	if (e != ERR_OK)
		log_error("relay.own_undecodable", "key=%s version=%llu", LOG_Q(row->key), (unsigned long long)row->id);
	return e == ERR_OK;
}

static void apply_partition(struct relay *r, int32_t p, const struct outbox_row *rows, size_t count)
{
	struct view_change *changes = arena_alloc_array(r->arena, VIEW_BATCH_MAX, sizeof(*changes));
	struct view_state state;
	size_t n = 0;

	view_state_get(r->own, &state);
	for (size_t i = 0; i < count; i++) {
		if (rows[i].key.ptr[0] != '~' && topic_partition(r->topic, rows[i].key) == p && to_change(r, &rows[i], &changes[n]))
			n++;
		if (n == VIEW_BATCH_MAX || (i + 1 == count && n > 0)) {
			const struct view_batch b = { .changes = changes, .count = n, .check = state.fresh };

			apply_batch(r, p, &b);
			n = 0;
		}
	}
}

void relay_own_apply(struct relay *r, const struct outbox_row *rows, size_t count)
{
	for (int32_t p = 0; p < r->topic->partitions; p++)
		apply_partition(r, p, rows, count);
}

void relay_own_end(struct relay *r, uint64_t begin, int64_t created_us)
{
	const struct view_position to = { .end = begin, .end_created_us = created_us };

	for (int32_t p = 0; p < r->topic->partitions; p++) {
		const struct view_batch b = { .to = &to };

		apply_batch(r, p, &b);
	}
	pthread_mutex_lock(&r->lock);
	for (int32_t p = 0; p < r->topic->partitions; p++) {
		r->own_end[p] = r->own_at[p];
		r->own_end[p].end = begin;
		r->own_end[p].end_created_us = created_us;
	}
	r->own_end_valid = !r->own_broken;
	r->end_published = begin;
	pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->lock);
}

void relay_own_mark(struct relay *r)
{
	const struct view_position to = { .mark_us = clock_wall_us() };

	for (int32_t p = 0; p < r->topic->partitions; p++) {
		const struct view_batch b = { .to = &to };

		apply_batch(r, p, &b);
	}
}

/* Reads the copy's positions into <at>. */
static enum err read_positions(struct relay *r, struct view_position *at)
{
	struct arena *a = arena_create(4096, 1 << 20);
	enum err e = ERR_OK;

	if (r->redis == NULL)
		e = resp_open(r->redis_db, &r->redis);
	if (e == ERR_OK)
		e = view_positions(r->own, r->redis, a, at);
	if (e != ERR_OK && r->redis != NULL)
		resp_close(&r->redis);
	arena_free(&a);
	return e;
}

enum err relay_own_begin(struct relay *r)
{
	struct view_position at[TOPIC_PARTITIONS_MAX];
	int64_t least[TOPIC_PARTITIONS_MAX];
	bool whole = true;
	enum err e = outbox_own_next_get(r->session, r->arena, r->topic, least);

	if (e != ERR_OK)
		return e;
	r->own_broken = false;
	r->own_refused_us = 0;
	e = read_positions(r, at);
	for (int32_t p = 0; p < r->topic->partitions; p++) {
		/* Not loaded: the predecessor ended before it swept. */
		if (e != ERR_OK || at[p].next < least[p] || at[p].loaded == 0 || strcmp(at[p].log, RELAY_OWN_LOG) != 0)
			whole = false;
		/* Above whatever either knows: a frozen predecessor's batch can land on none of ours. */
		r->own_at[p] = (struct view_position){ .next = (e == ERR_OK && at[p].next > least[p] ? at[p].next : least[p]) };
		memcpy(r->own_at[p].log, RELAY_OWN_LOG, sizeof(RELAY_OWN_LOG));
		r->own_saved[p] = least[p];
	}
	if (!whole)
		own_fail(r, e == ERR_OK ? "incomplete" : err_name(e));
	return ERR_OK;
}

/* Whether Redis takes what needs room: a sign of life. While it does not, what the copy has stays: emptied, it could not be filled. */
static bool takes_writes(struct relay *r, const struct view_position *at)
{
	struct view_position to = { .next = at->next }, stored;
	struct view_batch b = { .from = at, .to = &to };
	struct arena *a;
	enum err e;

	if (at->next < 0)
		return true; /* there is nothing to lose */
	memcpy(to.log, at->log, sizeof(to.log));
	memcpy(to.by, r->instance, strlen(r->instance) + 1);
	a = arena_create(4096, 1 << 20);
	e = view_apply(r->own, r->redis, a, &b, &stored);
	arena_free(&a);
	atomic_store(&r->own_refused, e);
	return e == ERR_OK;
}

enum err relay_own_repair(struct relay *r)
{
	struct view_position at[TOPIC_PARTITIONS_MAX];

	if (!r->own_broken || (r->own_refused_us != 0 && clock_mono_us() - r->own_refused_us < REFUSED_US))
		return ERR_OK;
	/* The pool's probe says when a try is worth its time: a frozen Redis would hold Kafka up at each. */
	if (!resp_db_is_up(r->redis_db) || read_positions(r, at) != ERR_OK || !takes_writes(r, &at[0]))
		return ERR_OK;
	r->own_broken = false;
	for (int32_t p = 0; p < r->topic->partitions; p++) {
		struct view_position to = { .next = 0 }, stored;
		struct view_batch b = { .partition = p, .from = &at[p], .to = &to, .reset = VIEW_RESET_ALL };
		struct arena *a = arena_create(4096, 1 << 20);
		enum err e;

		to.next = (at[p].next > r->own_at[p].next ? at[p].next : r->own_at[p].next) + 1;
		memcpy(to.log, RELAY_OWN_LOG, sizeof(RELAY_OWN_LOG));
		memcpy(to.by, r->instance, strlen(r->instance) + 1);
		e = view_apply(r->own, r->redis, a, &b, &stored);
		arena_free(&a);
		r->own_at[p] = to;
		if (e != ERR_OK) {
			own_refused(r, e);
			return ERR_OK;
		}
	}
	return relay_want_snapshot(r, "own_copy");
}

enum err relay_own_save(struct relay *r)
{
	enum err e = ERR_OK;

	for (int32_t p = 0; e == ERR_OK && p < r->topic->partitions; p++) {
		if (r->own_at[p].next == r->own_saved[p])
			continue;
		e = outbox_own_next_set(r->session, r->topic, p, r->own_at[p].next);
	}
	return e;
}

void relay_own_saved(struct relay *r)
{
	for (int32_t p = 0; p < r->topic->partitions; p++)
		r->own_saved[p] = r->own_at[p].next;
}

const char *relay_own_waits_for(const struct relay *r)
{
	return view_waits_for(atomic_load(&((struct relay *)(uintptr_t)r)->own_refused));
}
