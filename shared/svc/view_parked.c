/* view_parked.c - parked events in own Redis: one script to keep them, and a look at them. */
#include "shared/svc/view_parked.h"

#include <assert.h>
#include <inttypes.h>

#include "shared/svc/view_store.h"

/* KEYS: parked, dropped. ARGV: how many are kept, then time and text of each. */
static const char park_script[] =
	"for i = 2, #ARGV, 2 do redis.call('ZADD', KEYS[1], 'NX', ARGV[i], ARGV[i + 1]) end\n"
	"local over = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[1])\n"
	"if over > 0 then\n"
	"  redis.call('ZREMRANGEBYRANK', KEYS[1], 0, over - 1)\n"
	"  redis.call('INCRBY', KEYS[2], over)\n"
	"end\n"
	"return 1\n";

#define HEAD_WORDS 6 /* EVAL script 2 parked dropped bound */

enum err view_park(struct view *v, struct resp_conn *c, struct arena *a, int32_t p, const struct parked_entry *entries, size_t count)
{
	struct slice words[HEAD_WORDS + 2 * PARKED_BATCH];
	struct resp_value r;
	size_t n = HEAD_WORDS;
	enum err e;

	assert(count <= PARKED_BATCH);
	words[0] = SLICE_LIT("EVAL");
	words[1] = slice_str(park_script);
	words[2] = SLICE_LIT("2");
	words[3] = view_key(v, a, p, SLICE_LIT("parked"));
	words[4] = view_key(v, a, p, SLICE_LIT("parked_dropped"));
	words[5] = arena_printf(a, "%d", PARKED_KEPT);
	for (size_t i = 0; i < count; i++) {
		words[n++] = arena_printf(a, "%" PRId64, entries[i].time_us);
		words[n++] = entries[i].text;
	}
	e = resp_call(c, a, words, n, &r);
	if (e != ERR_OK || r.type == RESP_INTEGER)
		return e;
	return view_reply_error(&r);
}

static enum err clear(struct view *v, struct resp_conn *c, struct arena *a)
{
	enum err e = ERR_OK;

	for (int32_t p = 0; e == ERR_OK && p < view_spec_of(v)->topic->partitions; p++) {
		const struct slice words[] = { SLICE("UNLINK"), view_key(v, a, p, SLICE_LIT("parked")),
					       view_key(v, a, p, SLICE_LIT("parked_dropped")) };
		struct resp_value r;

		e = resp_call(c, a, words, 3, &r);
	}
	return e;
}

static enum err look_send(struct view *v, struct resp_conn *c, struct arena *a, int32_t p)
{
	struct slice key = view_key(v, a, p, SLICE_LIT("parked"));
	const struct slice newest[] = { SLICE("ZREVRANGE"), key, SLICE("0"), arena_printf(a, "%d", PARKED_SHOWN - 1), SLICE("WITHSCORES") };
	const struct slice kept[] = { SLICE("ZCARD"), key };
	const struct slice dropped[] = { SLICE("GET"), view_key(v, a, p, SLICE_LIT("parked_dropped")) };
	enum err e = resp_send(c, newest, 5);

	if (e == ERR_OK)
		e = resp_send(c, kept, 2);
	return e == ERR_OK ? resp_send(c, dropped, 2) : e;
}

/* The whole picture, while it is put together. */
struct sight {
	struct parked_entry entries[TOPIC_PARTITIONS_MAX * PARKED_SHOWN];
	size_t count;
	uint64_t kept, dropped;
};

/* Somebody may have put anything there: what is not as we write it counts as nothing. */
static enum err look_recv(struct resp_conn *c, struct arena *a, struct sight *s)
{
	struct resp_value newest, kept, dropped;
	uint64_t n;
	enum err e = resp_recv(c, a, &newest);

	if (e == ERR_OK)
		e = resp_recv(c, a, &kept);
	if (e == ERR_OK)
		e = resp_recv(c, a, &dropped);
	if (e != ERR_OK)
		return e;
	for (size_t i = 0; newest.type == RESP_ARRAY && i + 1 < newest.count && i < 2 * PARKED_SHOWN; i += 2) {
		struct parked_entry *entry = &s->entries[s->count];

		entry->text = newest.items[i].text;
		if (slice_to_i64(newest.items[i + 1].text, &entry->time_us))
			s->count++;
	}
	if (kept.type == RESP_INTEGER)
		s->kept += (uint64_t)kept.integer;
	if (dropped.text.ptr != NULL && slice_to_u64(dropped.text, UINT64_MAX, &n))
		s->dropped += n;
	return ERR_OK;
}

enum err view_parked_look(struct view *v, struct resp_conn *c, struct arena *a)
{
	int32_t partitions = view_spec_of(v)->topic->partitions;
	struct parked *picture = view_parked(v);
	struct sight s = { .count = 0 };
	enum err e = ERR_OK;

	if (parked_must_clear(picture)) {
		e = clear(v, c, a);
		if (e != ERR_OK)
			parked_ask_clear(picture); /* Redis is away: once it is back */
	}
	for (int32_t p = 0; e == ERR_OK && p < partitions; p++)
		e = look_send(v, c, a, p);
	for (int32_t p = 0; e == ERR_OK && p < partitions; p++)
		e = look_recv(c, a, &s);
	if (e == ERR_OK)
		parked_show(picture, s.entries, s.count, s.kept, s.dropped);
	return e;
}
