/* view_store.c - applies batches to a view, sweeps it after a snapshot, and reads positions. */
#include "shared/svc/view_store.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shared/base/log.h"
#include "shared/svc/view_script.h"

#define APPLY_ARGS 12
#define APPLY_WORDS (3 + 1 + VIEW_BATCH_MAX + APPLY_ARGS + 3 * VIEW_BATCH_MAX)
#define SWEEP_AHEAD 32 /* groups swept in one round trip: about 1 ms of Redis */
#define SWEEP_TERMS 64 /* terms looked at in one call: 0.2 ms of Redis */

enum err view_entry_value(const struct view *v, struct slice entry, struct slice *value)
{
	size_t head = EVENT_VERSION_LEN + 1 + view_spec_of(v)->term_len;

	*value = SLICE_NONE;
	if (entry.len <= EVENT_VERSION_LEN)
		return ERR_CORRUPT;
	if (entry.ptr[EVENT_VERSION_LEN] == '-')
		return ERR_OK;
	if (entry.ptr[EVENT_VERSION_LEN] != '+' || entry.len < head)
		return ERR_CORRUPT;
	*value = slice_sub(entry, head, entry.len);
	return ERR_OK;
}

static const char *index_word(const struct view_spec *spec)
{
	switch (spec->index) {
	case VIEW_INDEX_IDS:
		return "ids";
	case VIEW_INDEX_TERM:
		return "term";
	case VIEW_INDEX_NONE:
		break;
	}
	return "";
}

static struct slice number(struct arena *a, int64_t n)
{
	return n < 0 ? SLICE_LIT("") : arena_printf(a, "%" PRId64, n);
}

static struct slice entry_text(struct arena *a, const struct view_change *ch, int64_t now_us)
{
	char version[EVENT_VERSION_LEN + 1];

	event_version_text(ch->version, version);
	if (ch->deleted)
		return arena_printf(a, "%s-%" PRId64, version, now_us / 1000000);
	return arena_printf(a, "%s+%.*s%.*s", version, SLICE_ARG(ch->at.term), SLICE_ARG(ch->at.value));
}

static struct slice end_text(struct arena *a, const struct view_position *p)
{
	char version[EVENT_VERSION_LEN + 1];

	if (p->end == 0)
		return SLICE_LIT("");
	event_version_text(p->end, version);
	return arena_printf(a, "%s:%" PRId64, version, p->end_created_us);
}

static struct slice end_or_reset(struct arena *a, const struct view_batch *b)
{
	switch (b->reset) {
	case VIEW_RESET_END:
		return SLICE_LIT("end");
	case VIEW_RESET_ALL:
		return SLICE_LIT("all");
	case VIEW_RESET_NONE:
		break;
	}
	return end_text(a, b->to);
}

enum err view_apply_send(struct view *v, struct resp_conn *c, struct arena *a, const struct view_batch *b)
{
	const struct view_spec *spec = view_spec_of(v);
	struct slice *w = arena_alloc_array(a, APPLY_WORDS, sizeof(*w));
	int64_t now_us = clock_wall_us();
	size_t n = 0;

	assert(b->count <= VIEW_BATCH_MAX);
	if (w == NULL)
		return ERR_NO_MEMORY;
	/* EVAL, not EVALSHA: Redis needs a few µs to know 2 KB of script again, and no Redis can be without it. */
	w[n++] = SLICE_LIT("EVAL");
	w[n++] = slice_str(view_script_apply);
	w[n++] = number(a, (int64_t)b->count + 1);
	w[n++] = view_key(v, a, b->partition, SLICE_LIT("pos"));
	for (size_t i = 0; i < b->count; i++)
		w[n++] = view_key(v, a, b->partition, b->changes[i].at.group);
	w[n++] = number(a, b->from->next);
	w[n++] = slice_str(b->from->log);
	w[n++] = number(a, b->to->next);
	w[n++] = slice_str(b->to->log);
	w[n++] = number(a, b->to->mark_us > 0 ? b->to->mark_us : -1);
	w[n++] = end_or_reset(a, b);
	w[n++] = slice_str(b->to->by);
	w[n++] = number(a, now_us);
	w[n++] = slice_str(index_word(spec));
	w[n++] = number(a, (int64_t)spec->term_len);
	w[n++] = view_key(v, a, b->partition, SLICE_LIT(""));
	w[n++] = b->check ? SLICE_LIT("1") : SLICE_LIT("0");
	for (size_t i = 0; i < b->count; i++) {
		w[n++] = b->changes[i].snapshot ? SLICE_LIT("s") : SLICE_LIT("");
		w[n++] = b->changes[i].at.field;
		w[n++] = entry_text(a, &b->changes[i], now_us);
	}
	return resp_send(c, w, n);
}

const char *view_divergence_name(enum view_divergence d)
{
	static const char *const names[] = { [VIEW_DIFFERS] = "differs", [VIEW_MISSING] = "missing", [VIEW_EXTRA] = "extra" };

	assert(d < VIEW_DIVERGENCES);
	return names[d];
}

enum err view_reply_error(const struct resp_value *r)
{
	if (slice_starts_with(r->text, SLICE_LIT("OOM")))
		return ERR_FULL;
	if (slice_starts_with(r->text, SLICE_LIT("MISCONF")))
		return ERR_READ_ONLY;
	if (!slice_starts_with(r->text, SLICE_LIT("LOADING")))
		log_error("view.script", "reply=%s", LOG_Q(r->text));
	return ERR_UNAVAILABLE;
}

const char *view_waits_for(enum err e)
{
	if (e == ERR_FULL)
		return "redis: out of memory";
	return e == ERR_READ_ONLY ? "redis: its disk takes no writes" : NULL;
}

static void copy_text(char *out, size_t size, struct slice s)
{
	size_t n = s.len < size - 1 ? s.len : size - 1;

	if (n > 0)
		memcpy(out, s.ptr, n);
	out[n] = '\0';
}

static int64_t to_number(struct slice s, int64_t none)
{
	int64_t n;

	return s.ptr != NULL && slice_to_i64(s, &n) ? n : none;
}

static void note_divergence(struct view *v, enum view_divergence d, struct slice key, struct slice field)
{
	view_divergences_add(v, d, 1);
	log_warn("view.divergence", "view=%s class=%s key=%s field=%s repaired=yes", view_spec_of(v)->topic->domain,
		 view_divergence_name(d), LOG_Q(key), LOG_Q(field));
}

/* Class, key and field of each, behind the first item. */
static void note_divergences(struct view *v, const struct resp_value *r)
{
	for (size_t i = 1; i + 2 < r->count; i += 3) {
		bool missing = slice_eq(r->items[i].text, SLICE_LIT("missing"));

		note_divergence(v, missing ? VIEW_MISSING : VIEW_DIFFERS, r->items[i + 1].text, r->items[i + 2].text);
	}
}

enum err view_apply_recv(struct view *v, struct resp_conn *c, struct arena *a, struct view_position *stored)
{
	struct resp_value r;
	enum err e = resp_recv(c, a, &r);

	if (e != ERR_OK)
		return e;
	if (r.type == RESP_ERROR)
		return view_reply_error(&r);
	if (r.type != RESP_ARRAY || r.count < 1 || r.items[0].type != RESP_INTEGER)
		return ERR_UNAVAILABLE;
	if (r.items[0].integer == 1) {
		note_divergences(v, &r);
		return ERR_OK;
	}
	if (r.count == 3) {
		stored->next = to_number(r.items[1].text, -1);
		copy_text(stored->log, sizeof(stored->log), r.items[2].text);
	}
	return ERR_MOVED;
}

enum err view_apply(struct view *v, struct resp_conn *c, struct arena *a, const struct view_batch *b, struct view_position *stored)
{
	enum err e = view_apply_send(v, c, a, b);

	return e == ERR_OK ? view_apply_recv(v, c, a, stored) : e;
}

enum err view_position_parse(const struct resp_value *r, struct view_position *out)
{
	struct slice end;

	*out = (struct view_position){ .next = -1 };
	if (r->type != RESP_ARRAY || r->count != 8)
		return ERR_UNAVAILABLE;
	out->next = to_number(r->items[0].text, -1);
	copy_text(out->log, sizeof(out->log), r->items[1].text);
	out->mark_us = to_number(r->items[2].text, 0);
	end = r->items[3].text;
	if (end.ptr != NULL && event_version_parse(slice_sub(end, 0, EVENT_VERSION_LEN), &out->end))
		out->end_created_us = to_number(slice_sub(end, EVENT_VERSION_LEN + 1, end.len), 0);
	if (r->items[4].text.ptr != NULL)
		(void)event_version_parse(r->items[4].text, &out->loaded);
	copy_text(out->loaded_log, sizeof(out->loaded_log), r->items[5].text);
	out->beat_us = to_number(r->items[6].text, 0);
	copy_text(out->by, sizeof(out->by), r->items[7].text);
	return ERR_OK;
}

enum err view_positions(struct view *v, struct resp_conn *c, struct arena *a, struct view_position *out)
{
	static const char *const fields[] = { VIEW_POS_FIELDS };
	int32_t partitions = view_spec_of(v)->topic->partitions;
	struct slice words[2 + 8] = { SLICE("HMGET") };
	enum err e = ERR_OK;

	for (size_t i = 0; i < 8; i++)
		words[2 + i] = slice_str(fields[i]);
	for (int32_t p = 0; e == ERR_OK && p < partitions; p++) {
		words[1] = view_key(v, a, p, SLICE_LIT("pos"));
		e = resp_send(c, words, 10);
	}
	for (int32_t p = 0; e == ERR_OK && p < partitions; p++) {
		struct resp_value r;

		e = resp_recv(c, a, &r);
		if (e == ERR_OK)
			e = view_position_parse(&r, &out[p]);
	}
	return e;
}

/* ---- sweep ---- */

struct sweep {
	struct view *v;
	struct resp_conn *c;
	int32_t partition;
	const struct view_position *at;
	bool check;
	int64_t cutoff_s;
	uint64_t *removed;
};

static bool is_index_key(const struct view_spec *spec, struct slice rest)
{
	return (spec->index == VIEW_INDEX_IDS && slice_eq(rest, SLICE_LIT("ids"))) ||
	       (spec->index == VIEW_INDEX_TERM && slice_starts_with(rest, SLICE_LIT("t:")));
}

static bool is_group_key(const struct view_spec *spec, struct slice rest)
{
	return !is_index_key(spec, rest) && !slice_eq(rest, SLICE_LIT("pos")) && !slice_starts_with(rest, SLICE_LIT("parked"));
}

/* Next cursor, then key and field of each that was removed. */
static enum err note_removed(const struct sweep *s, const struct resp_value *r, struct slice *cursor)
{
	if (r->type == RESP_ERROR)
		return view_reply_error(r);
	if (r->type != RESP_ARRAY || r->count < 1)
		return ERR_UNAVAILABLE;
	*cursor = r->items[0].text;
	if (slice_eq(*cursor, SLICE_LIT("moved")))
		return ERR_MOVED;
	*s->removed += r->count / 2;
	for (size_t i = 1; s->check && i + 1 < r->count; i += 2)
		note_divergence(s->v, VIEW_EXTRA, r->items[i].text, r->items[i + 1].text);
	return ERR_OK;
}

static enum err sweep_send(const struct sweep *s, struct arena *a, struct slice group_key, struct slice cursor)
{
	const struct view_spec *spec = view_spec_of(s->v);
	bool indexed = spec->group != NULL && slice_eq(group_key, view_key(s->v, a, s->partition, slice_str(spec->group)));
	char begin[EVENT_VERSION_LEN + 1];

	event_version_text(s->at->end, begin);
	const struct slice words[] = {
		SLICE("EVAL"), slice_str(view_script_sweep), SLICE("2"),
		view_key(s->v, a, s->partition, SLICE_LIT("pos")), group_key, slice_str(begin), number(a, s->cutoff_s),
		number(a, s->at->next), slice_str(s->at->log), cursor, slice_str(indexed ? index_word(spec) : ""),
		number(a, (int64_t)spec->term_len), view_key(s->v, a, s->partition, SLICE_LIT("")),
	};

	return resp_send(s->c, words, sizeof(words) / sizeof(words[0]));
}

/* The answer for one group; *cursor is "0" when the group is done. */
static enum err sweep_recv(const struct sweep *s, struct arena *a, struct slice *cursor)
{
	struct resp_value r;
	enum err e = resp_recv(s->c, a, &r);

	return e == ERR_OK ? note_removed(s, &r, cursor) : e;
}

/* Sweeps <count> groups, pipelined; a large group takes several rounds. */
static enum err sweep_groups(const struct sweep *s, struct arena *a, const struct resp_value *groups, size_t count)
{
	struct slice cursor[SWEEP_AHEAD];
	size_t left = count;
	enum err e = ERR_OK;

	for (size_t i = 0; i < count; i++)
		cursor[i] = SLICE_LIT("0");
	while (e == ERR_OK && left > 0) {
		bool sent[SWEEP_AHEAD] = { false };

		for (size_t i = 0; e == ERR_OK && i < count; i++) {
			if (cursor[i].ptr == NULL)
				continue;
			e = sweep_send(s, a, groups[i].text, cursor[i]);
			sent[i] = e == ERR_OK;
		}
		/* All answers are read, whatever the first says: the connection is used again. */
		for (size_t i = 0; i < count && !resp_is_broken(s->c); i++) {
			enum err one = sent[i] ? sweep_recv(s, a, &cursor[i]) : ERR_OK;

			if (e == ERR_OK)
				e = one;
			if (sent[i] && one == ERR_OK && slice_eq(cursor[i], SLICE_LIT("0"))) {
				cursor[i] = SLICE_NONE;
				left--;
			}
		}
	}
	return e;
}

/* Keys of the index: up to SWEEP_TERMS terms together, or the ids, which may take several calls. */
static enum err sweep_index(const struct sweep *s, struct arena *a, const struct slice *keys, size_t count)
{
	const struct view_spec *spec = view_spec_of(s->v);
	struct slice words[4 + SWEEP_TERMS + 4] = { SLICE("EVAL"), slice_str(view_script_sweep_index) }, cursor = SLICE_LIT("0");
	enum err e = ERR_OK;

	words[2] = number(a, (int64_t)count + 1);
	words[3] = view_key(s->v, a, s->partition, slice_str(spec->group));
	memcpy(words + 4, keys, count * sizeof(*keys));
	do {
		size_t n = 4 + count;
		struct resp_value r;

		words[n++] = cursor;
		words[n++] = slice_str(index_word(spec));
		words[n++] = number(a, (int64_t)spec->term_len);
		words[n++] = view_key(s->v, a, s->partition, SLICE_LIT(""));
		e = resp_call(s->c, a, words, n, &r);
		if (e == ERR_OK)
			e = note_removed(s, &r, &cursor);
	} while (e == ERR_OK && !slice_eq(cursor, SLICE_LIT("0")));
	return e;
}

/* One step of the walk over the partition's keys, of whatever type. */
static enum err sweep_scan(const struct sweep *s, struct arena *a, struct slice *cursor)
{
	struct slice prefix = view_key(s->v, a, s->partition, SLICE_LIT("")), index[SWEEP_TERMS];
	const struct slice words[] = { SLICE("SCAN"), *cursor, SLICE("MATCH"), arena_printf(a, "%.*s*", SLICE_ARG(prefix)),
				       SLICE("COUNT"), SLICE("1000") };
	struct resp_value r, groups[SWEEP_AHEAD];
	size_t count = 0, index_count = 0;
	enum err e = resp_call(s->c, a, words, sizeof(words) / sizeof(words[0]), &r);

	if (e != ERR_OK)
		return e;
	if (r.type != RESP_ARRAY || r.count != 2)
		return ERR_UNAVAILABLE;
	*cursor = r.items[0].text;
	for (size_t i = 0; e == ERR_OK && i < r.items[1].count; i++) {
		struct slice key = r.items[1].items[i].text, rest = slice_sub(key, prefix.len, key.len);

		if (is_index_key(view_spec_of(s->v), rest))
			index[index_count++] = key;
		else if (is_group_key(view_spec_of(s->v), rest))
			groups[count++] = r.items[1].items[i];
		if (count == SWEEP_AHEAD) {
			e = sweep_groups(s, a, groups, count);
			count = 0;
		}
		if (e == ERR_OK && index_count == SWEEP_TERMS) {
			e = sweep_index(s, a, index, index_count);
			index_count = 0;
		}
	}
	if (e == ERR_OK)
		e = sweep_groups(s, a, groups, count);
	return e == ERR_OK && index_count > 0 ? sweep_index(s, a, index, index_count) : e;
}

static enum err set_loaded(const struct sweep *s, struct arena *a)
{
	char begin[EVENT_VERSION_LEN + 1];
	struct resp_value r;
	enum err e;

	event_version_text(s->at->end, begin);
	const struct slice words[] = {
		SLICE("EVAL"), slice_str(view_script_loaded), SLICE("1"),
		view_key(s->v, a, s->partition, SLICE_LIT("pos")), number(a, s->at->next), slice_str(s->at->log),
		end_text(a, s->at), slice_str(begin), number(a, s->at->end_created_us),
	};
	e = resp_call(s->c, a, words, sizeof(words) / sizeof(words[0]), &r);
	if (e != ERR_OK)
		return e;
	if (r.type == RESP_ERROR)
		return view_reply_error(&r);
	return r.type == RESP_INTEGER && r.integer == 1 ? ERR_OK : ERR_MOVED;
}

enum err view_sweep(struct view *v, struct resp_conn *c, int32_t p, const struct view_position *at, bool check, uint64_t *removed)
{
	const struct sweep s = { .v = v, .c = c, .partition = p, .at = at, .check = check, .removed = removed,
				 .cutoff_s = clock_wall_us() / 1000000 - VIEW_TOMBSTONE_S };
	char cursor_text[32] = "0";
	struct arena *a = arena_create(16384, 64 << 20);
	enum err e;

	*removed = 0;
	do {
		struct slice cursor = slice_str(cursor_text);

		e = sweep_scan(&s, a, &cursor);
		if (e == ERR_OK)
			copy_text(cursor_text, sizeof(cursor_text), cursor);
		arena_reset(a);
	} while (e == ERR_OK && strcmp(cursor_text, "0") != 0);
	if (e == ERR_OK)
		e = set_loaded(&s, a);
	arena_free(&a);
	return e;
}
