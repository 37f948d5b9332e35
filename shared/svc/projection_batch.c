/* projection_batch.c - turns consumed records into batches, sends up to four ahead, and reads their answers. */
#include <assert.h>
#include <string.h>

#include "shared/base/log.h"
#include "shared/io/jdoc.h"
#include "shared/svc/projection_parts.h"
#include "shared/svc/view_parked.h"

#define WARN_MS 1000

static void copy_log(char out[CLOCK_UUID_LEN + 1], const char *log)
{
	memcpy(out, log, strlen(log) + 1);
}

/* Keeps what the batch could not take. The position moves behind that only, so nothing is passed that was not kept. */
static enum err park(struct projection *p, int32_t n)
{
	struct part *part = &p->parts[n];
	enum err e;

	if (part->parked_count == 0)
		return ERR_OK;
	e = projection_drain(p, 0);
	arena_reset(p->call_arena);
	if (e == ERR_OK)
		e = view_park(p->o.view, p->redis, p->call_arena, n, part->parked, part->parked_count);
	if (e == ERR_OK)
		part->parked_count = 0;
	return e;
}

static enum err send_part(struct projection *p, int32_t n)
{
	struct part *part = &p->parts[n];
	struct view_state state;
	struct flight *f;
	enum err e;

	if (part->count == 0 && !part->dirty)
		return ERR_OK;
	e = park(p, n);
	if (e == ERR_OK)
		e = projection_drain(p, PROJECTION_IN_FLIGHT - 1);
	if (e != ERR_OK)
		return e;
	view_state_get(p->o.view, &state);
	copy_log(part->to.by, p->o.instance);
	const struct view_batch b = { .partition = n, .from = &part->at, .to = &part->to, .changes = part->changes, .count = part->count,
				      .check = part->caught_up && state.fresh };
	arena_reset(p->call_arena);
	e = view_apply_send(p->o.view, p->redis, p->call_arena, &b);
	if (e == ERR_OK)
		e = resp_flush(p->redis);
	if (e != ERR_OK)
		return e;
	f = &p->flights[(p->flight_first + p->flight_count++) % PROJECTION_IN_FLIGHT];
	f->partition = n;
	f->to = part->to;
	f->events = part->count;
	f->timed = 0;
	for (size_t i = 0; part->caught_up && i < part->count; i++) {
		if (!part->changes[i].snapshot && part->changes[i].created_us > 0)
			f->created_us[f->timed++] = part->changes[i].created_us;
	}
	part->at = part->to;
	part->to.mark_us = 0; /* what was sent once need not be sent again */
	part->to.end = 0;
	part->count = 0;
	part->dirty = false;
	return ERR_OK;
}

enum err projection_drain(struct projection *p, size_t left)
{
	while (p->flight_count > left) {
		struct flight *f = &p->flights[p->flight_first];
		struct view_position stored = { .next = -1 };
		int64_t now_us;
		enum err e;

		arena_reset(p->call_arena);
		e = view_apply_recv(p->o.view, p->redis, p->call_arena, &stored);
		p->flight_first = (p->flight_first + 1) % PROJECTION_IN_FLIGHT;
		p->flight_count--;
		if (e != ERR_OK)
			return e;
		now_us = clock_wall_us();
		for (size_t i = 0; i < f->timed; i++)
			histogram_add(p->visible, now_us > f->created_us[i] ? now_us - f->created_us[i] : 0);
		counter_add(p->applied, f->events);
		atomic_store(&p->refused, ERR_OK);
		p->last_beat_us = f->partition == 0 ? clock_mono_us() : p->last_beat_us;
		projection_applied(p, f->partition, &f->to);
	}
	return ERR_OK;
}

enum err projection_flush(struct projection *p)
{
	enum err e = ERR_OK;

	for (int32_t n = 0; e == ERR_OK && n < p->partitions; n++)
		e = send_part(p, n);
	if (e != ERR_OK)
		return e;
	broker_consumer_release(p->consumer);
	arena_reset(p->batch_arena);
	return ERR_OK;
}

/* The log UUID and the begin version in a control record's value. */
static void read_control(const struct event *ev, char log[CLOCK_UUID_LEN + 1], uint64_t *begin)
{
	struct jdoc *doc = NULL;
	struct slice s;

	log[0] = '\0';
	*begin = 0;
	if (ev->value.ptr == NULL || jdoc_parse(ev->value, &doc) != ERR_OK)
		return;
	if (jdoc_string(jdoc_get(doc, "log"), &s) && event_is_log(s)) {
		memcpy(log, s.ptr, s.len);
		log[s.len] = '\0';
	}
	if (jdoc_string(jdoc_get(doc, "begin"), &s))
		(void)event_version_parse(s, begin);
	jdoc_free(&doc);
}

/* Marks and ends name the log that they were made for: *ours unless it is one before. An owner may give a log a new identity
 * while its records stay, and then the old ends prove nothing. ERR_MOVED: a newer log. */
static enum err check_log(struct part *part, const char *log, char newer_log[CLOCK_UUID_LEN + 1], bool *ours)
{
	int order;

	if (log[0] == '\0')
		return ERR_CORRUPT;
	if (part->to.log[0] == '\0')
		copy_log(part->to.log, log);
	order = strcmp(log, part->to.log); /* version 7: later ones sort higher */
	*ours = order == 0;
	if (order <= 0)
		return ERR_OK;
	copy_log(newer_log, log);
	return ERR_MOVED;
}

static enum err take_mark(struct projection *p, struct part *part, const struct broker_record *r, const struct event *ev,
			  char newer_log[CLOCK_UUID_LEN + 1])
{
	char log[CLOCK_UUID_LEN + 1];
	uint64_t unused;
	bool ours = false;
	enum err e;

	read_control(ev, log, &unused);
	e = check_log(part, log, newer_log, &ours);
	if (ours && projection_mark_counts(p, r->partition, r->offset))
		part->to.mark_us = clock_wall_us();
	return e;
}

static enum err take_end(struct part *part, const struct event *ev, char newer_log[CLOCK_UUID_LEN + 1])
{
	char log[CLOCK_UUID_LEN + 1];
	uint64_t begin;
	bool ours = false;
	enum err e;

	read_control(ev, log, &begin);
	/* The sweep deletes all below begin: one that is not below its own end's version would empty the view. */
	e = begin == 0 || begin > ev->version ? ERR_CORRUPT : check_log(part, log, newer_log, &ours);
	if (ours) {
		part->to.end = begin;
		part->to.end_created_us = ev->created_us;
	}
	return e;
}

static enum err take_change(struct projection *p, int32_t n, struct event *ev)
{
	struct part *part = &p->parts[n];
	struct view_change *ch = &part->changes[part->count];
	enum err e;

	*ch = (struct view_change){ .deleted = ev->value.ptr == NULL, .snapshot = ev->kind == EVENT_KIND_SNAPSHOT,
				    .version = ev->version, .created_us = ev->created_us };
	ev->fault = "not a key of this topic";
	e = p->spec->place(ev->key, &ch->at);
	if (e == ERR_OK && topic_partition(p->spec->topic, ev->key) != n) {
		ev->fault = "not the partition of this key";
		e = ERR_CORRUPT;
	}
	if (e == ERR_OK)
		ev->fault = "value malformed, or not of this key";
	if (e == ERR_OK && !ch->deleted)
		e = p->spec->project(ev->key, ev->value, p->batch_arena, &ch->at);
	if (e == ERR_OK && !ch->deleted && ch->at.term.len != p->spec->term_len)
		e = ERR_CORRUPT;
	if (e == ERR_OK)
		part->count++;
	return e;
}

static enum err take_event(struct projection *p, const struct broker_record *r, struct event *ev, char newer_log[CLOCK_UUID_LEN + 1])
{
	struct part *part = &p->parts[r->partition];

	ev->fault = "malformed control record";
	switch (ev->kind) {
	case EVENT_KIND_MARK:
		return take_mark(p, part, r, ev, newer_log);
	case EVENT_KIND_END:
		return take_end(part, ev, newer_log);
	case EVENT_KIND_BEGIN: /* ~end carries its version */
		break;
	case EVENT_KIND_CHANGE:
	case EVENT_KIND_SNAPSHOT:
		return take_change(p, r->partition, ev);
	}
	return ERR_OK;
}

/* Sets a record aside that could not be taken: never in the way of what follows it. Its key may be anything, so it is not logged. */
static enum err set_aside(struct projection *p, const struct broker_record *r, const char *reason)
{
	struct part *part = &p->parts[r->partition];
	struct parked_entry *entry = &part->parked[part->parked_count];

	entry->time_us = clock_wall_us();
	entry->text = parked_text(p->batch_arena, r, reason);
	if (entry->text.ptr == NULL)
		return ERR_NO_MEMORY;
	part->parked_count++;
	counter_add(p->corrupt, 1);
	if (log_every(&p->warned_us, WARN_MS))
		log_error("projection.parked", "topic=%s partition=%d offset=%lld reason=\"%s\"", p->spec->topic->name, (int)r->partition,
			  (long long)r->offset, reason);
	return ERR_OK;
}

enum err projection_take(struct projection *p, const struct broker_record *r, char newer_log[CLOCK_UUID_LEN + 1])
{
	struct part *part = &p->parts[r->partition];
	struct event ev;
	enum err e = event_decode(r, &ev);

	assert(part->count < VIEW_BATCH_MAX && part->parked_count < PARKED_BATCH);
	if (e == ERR_OK && ev.version == 0) {
		ev.fault = "no version";
		e = ERR_CORRUPT;
	}
	if (e == ERR_OK)
		e = take_event(p, r, &ev, newer_log);
	if (e == ERR_CORRUPT)
		e = set_aside(p, r, ev.fault);
	if (e != ERR_OK)
		return e;
	part->to.next = r->offset + 1;
	part->dirty = true;
	return part->count == VIEW_BATCH_MAX || part->parked_count == PARKED_BATCH ? send_part(p, r->partition) : ERR_OK;
}

void projection_take_end(struct projection *p, int32_t partition, int64_t next)
{
	struct part *part = &p->parts[partition];

	part->caught_up = true;
	if (next > part->to.next) {
		part->to.next = next;
		part->dirty = true;
	}
}

enum err projection_jump(struct projection *p, int32_t n, int64_t next, const char *log, enum view_reset reset)
{
	struct part *part = &p->parts[n];
	struct view_position to = { .next = next }, stored;
	const struct view_batch b = { .partition = n, .from = &part->at, .to = &to, .reset = reset };
	enum err e;

	assert(p->flight_count == 0);
	copy_log(to.log, log);
	copy_log(to.by, p->o.instance);
	arena_reset(p->call_arena);
	e = view_apply(p->o.view, p->redis, p->call_arena, &b, &stored);
	if (e == ERR_OK) {
		part->at = to;
		part->to = to;
		projection_reset(p, n, &to);
	}
	return e;
}

enum err projection_beat(struct projection *p, const char *by)
{
	const struct part *part = &p->parts[0];
	struct view_position to = { .next = part->at.next }, stored;
	const struct view_batch b = { .partition = 0, .from = &part->at, .to = &to };
	enum err e;

	copy_log(to.log, part->at.log);
	copy_log(to.by, by);
	arena_reset(p->call_arena);
	e = view_apply(p->o.view, p->redis, p->call_arena, &b, &stored);
	if (e == ERR_OK) {
		p->last_beat_us = clock_mono_us();
		atomic_store(&p->refused, ERR_OK);
	}
	return e;
}

void projection_forget(struct projection *p)
{
	if (p->redis != NULL)
		resp_close(&p->redis);
	p->flight_count = 0;
	for (int32_t n = 0; n < p->partitions; n++) {
		p->parts[n].count = 0;
		p->parts[n].parked_count = 0;
		p->parts[n].dirty = false;
	}
	if (p->consumer != NULL)
		broker_consumer_release(p->consumer);
	arena_reset(p->batch_arena);
}
