/* inbox_lot.c - which records an inbox cannot take, and what becomes of them. */
#include "shared/svc/inbox_lot.h"

#include <assert.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"

#define ARENA_BYTES 1024
#define ARENA_LIMIT_BYTES (8u << 20)
#define LOOK_EVERY_MS 1000
#define WARN_MS 1000
#define SQL_MS 500

void inbox_lot_init(struct inbox_lot *l, const struct inbox_spec *spec)
{
	*l = (struct inbox_lot){ .spec = spec, .arena = arena_create(ARENA_BYTES, ARENA_LIMIT_BYTES),
				 .picture = parked_create(spec->topic) };
}

void inbox_lot_free(struct inbox_lot *l)
{
	arena_free(&l->arena);
	parked_free(&l->picture);
}

bool inbox_log_is_newer(const char *known, struct slice seen)
{
	return event_is_log(seen) && known[0] != '\0' && slice_cmp(seen, slice_str(known)) > 0;
}

/* Why a record can never be stored; NULL: it can. */
static const char *find_fault(const struct inbox_lot *l, struct arena *a, const struct broker_record *r, struct event *ev)
{
	const char *fault;

	if (event_decode(r, ev) != ERR_OK)
		return ev->fault;
	if (ev->log.ptr == NULL)
		return "no log";
	fault = l->spec->refuse(ev, a);
	if (fault == NULL && topic_partition(l->spec->topic, r->key) != r->partition)
		fault = "not the partition of this key";
	return fault;
}

/* The key may be anything, a token too, so it is not logged. */
static enum err set_aside(struct inbox_lot *l, const struct broker_record *r, const char *reason)
{
	struct parked_entry *entry = &l->entries[l->count];

	assert(l->count < PARKED_BATCH);
	entry->time_us = clock_wall_us();
	entry->text = parked_text(l->arena, r, reason);
	if (entry->text.ptr == NULL)
		return ERR_NO_MEMORY;
	l->count++;
	if (log_every(&l->warned_us, WARN_MS))
		log_error("inbox.parked", "topic=%s partition=%d offset=%lld reason=\"%s\"", l->spec->topic->name, (int)r->partition,
			  (long long)r->offset, reason);
	return ERR_OK;
}

enum err inbox_lot_sort(struct inbox_lot *l, struct arena *a, const struct broker_record *r, struct event *ev, bool *good)
{
	const char *fault = find_fault(l, a, r, ev);

	*good = fault == NULL;
	return *good ? ERR_OK : set_aside(l, r, fault);
}

enum err inbox_lot_store(struct inbox_lot *l, struct sql_conn *c, struct arena *a)
{
	return l->count > 0 ? l->spec->park(c, a, l->entries, l->count) : ERR_OK;
}

void inbox_lot_forget(struct inbox_lot *l)
{
	l->count = 0;
	arena_reset(l->arena);
}

/* Between batches, so the arena is free. Also sees what another instance, or somebody with SQL, changed. */
void inbox_lot_look(struct inbox_lot *l, struct sql_db *db)
{
	struct inbox_parked now;
	struct sql_conn *c;
	bool clear;
	enum err e;

	assert(l->count == 0);
	if (!log_every(&l->looked_us, LOOK_EVERY_MS))
		return;
	clear = parked_must_clear(l->picture);
	e = sql_acquire(db, clock_mono_us() + SQL_MS * 1000, &c);
	if (e == ERR_OK) {
		e = l->spec->parked(c, l->arena, clear, &now);
		sql_release(&c);
	}
	if (e == ERR_OK)
		parked_show(l->picture, now.entries, now.count, now.kept, now.dropped);
	else if (clear)
		parked_ask_clear(l->picture); /* MySQL is away: once it is back */
	arena_reset(l->arena);
}
