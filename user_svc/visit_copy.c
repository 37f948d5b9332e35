/* visit_copy.c - the copy of table visit in own Redis: five small Lua scripts. */
#include "user_svc/visit_copy.h"

#include "shared/base/log.h"
#include "shared/svc/event.h"
#include "shared/svc/view_store.h"

#define KEY_ALL VIEW_SCHEMA ":{visits:0}:all"
#define KEY_POS VIEW_SCHEMA ":{visits:0}:pos"
#define HEAD_WORDS 7 /* EVAL script 2 all pos, and two arguments */

/* In all of them KEYS are all, pos. */
#define LUA_NOW                                                       \
	"local t = redis.call('TIME')\n"                              \
	"local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"

/* Both read in one step: a copy that is being emptied and built anew has no rev, or all fields. ARGV: user. */
static const char read_script[] =
	"return {redis.call('HGET', KEYS[2], 'rev'), redis.call('HGET', KEYS[1], ARGV[1])}\n";

/* ARGV: from, to, then user and text of each. An entry never goes back. */
static const char update_script[] =
	"if redis.call('HGET', KEYS[2], 'rev') ~= ARGV[1] then return 0 end\n"
	"for i = 3, #ARGV, 2 do\n"
	"  local old = redis.call('HGET', KEYS[1], ARGV[i])\n"
	"  if not old or string.sub(old, 1, 16) < ARGV[2] then redis.call('HSET', KEYS[1], ARGV[i], ARGV[2] .. ARGV[i + 1]) end\n"
	"end\n"
	"redis.call('HSET', KEYS[2], 'rev', ARGV[2])\n"
	"return 1\n";

/* ARGV: builder, ms for which another one's sign of life counts. First what a Redis without room refuses: then the old copy stays. */
static const char begin_script[] = LUA_NOW
	"local b = redis.call('HMGET', KEYS[2], 'build', 'beat')\n"
	"if b[1] and b[1] ~= ARGV[1] and now - (tonumber(b[2]) or 0) < tonumber(ARGV[2]) then return 0 end\n"
	"redis.call('HSET', KEYS[2], 'build', ARGV[1], 'beat', string.format('%.0f', now))\n"
	"redis.call('HDEL', KEYS[2], 'rev')\n"
	"redis.call('UNLINK', KEYS[1])\n"
	"return 1\n";

/* ARGV: builder, revision, then user and text of each. */
static const char add_script[] = LUA_NOW
	"if redis.call('HGET', KEYS[2], 'build') ~= ARGV[1] then return 0 end\n"
	"for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[2] .. ARGV[i + 1]) end\n"
	"redis.call('HSET', KEYS[2], 'beat', string.format('%.0f', now))\n"
	"return 1\n";

/* ARGV: builder, revision. */
static const char end_script[] =
	"if redis.call('HGET', KEYS[2], 'build') ~= ARGV[1] then return 0 end\n"
	"redis.call('HDEL', KEYS[2], 'build', 'beat')\n"
	"redis.call('HSET', KEYS[2], 'rev', ARGV[2])\n"
	"return 1\n";

static struct slice revision_text(struct arena *a, uint64_t revision)
{
	char text[EVENT_VERSION_LEN + 1];

	event_version_text(revision, text);
	return arena_copy(a, slice_str(text));
}

static enum err refused(const struct resp_value *r)
{
	if (r->type == RESP_ERROR)
		return view_reply_error(r);
	log_warn("visit_copy.refused", "reply=unexpected");
	return ERR_UNAVAILABLE;
}

/* Runs a script that answers 1 (done) or 0 (<no>), with two arguments and then two words for each user. */
static enum err run(struct resp_conn *c, struct arena *a, const char *script, struct slice first, struct slice second,
		    const struct user_visits *users, size_t count, enum err no)
{
	struct slice *words = arena_alloc_array(a, HEAD_WORDS + 2 * count, sizeof(*words));
	struct resp_value r;
	struct buf text;
	size_t n = 0;
	enum err e;

	if (words == NULL)
		return ERR_NO_MEMORY;
	words[n++] = SLICE_LIT("EVAL");
	words[n++] = slice_str(script);
	words[n++] = SLICE_LIT("2");
	words[n++] = SLICE_LIT(KEY_ALL);
	words[n++] = SLICE_LIT(KEY_POS);
	words[n++] = first;
	words[n++] = second;
	buf_init(&text, 0);
	for (size_t i = 0; i < count; i++) {
		buf_clear(&text);
		visit_write(&text, users[i].visits, users[i].count);
		words[n++] = shop_key(a, users[i].user_id);
		words[n++] = arena_copy(a, slice_of(buf_ok(&text) && text.ptr != NULL ? text.ptr : "", text.len));
	}
	buf_free(&text);
	e = resp_call(c, a, words, n, &r);
	if (e != ERR_OK)
		return e;
	if (r.type != RESP_INTEGER)
		return refused(&r);
	return r.integer == 1 ? ERR_OK : no;
}

enum err visit_copy_update(struct resp_conn *c, struct arena *a, uint64_t from, uint64_t to, const struct user_visits *users,
			   size_t count)
{
	return run(c, a, update_script, revision_text(a, from), revision_text(a, to), users, count, ERR_MOVED);
}

enum err visit_copy_begin(struct resp_conn *c, struct arena *a, struct slice builder)
{
	return run(c, a, begin_script, builder, SLICE_LIT("3000"), NULL, 0, ERR_BUSY);
}

enum err visit_copy_add(struct resp_conn *c, struct arena *a, struct slice builder, uint64_t revision, const struct user_visits *users,
			size_t count)
{
	return run(c, a, add_script, builder, revision_text(a, revision), users, count, ERR_MOVED);
}

enum err visit_copy_end(struct resp_conn *c, struct arena *a, struct slice builder, uint64_t revision)
{
	return run(c, a, end_script, builder, revision_text(a, revision), NULL, 0, ERR_MOVED);
}

enum err visit_copy_revision(struct resp_conn *c, struct arena *a, uint64_t *revision)
{
	static const struct slice words[] = { SLICE("HGET"), SLICE(KEY_POS), SLICE("rev") };
	struct resp_value r;
	enum err e = resp_call(c, a, words, 3, &r);

	if (e != ERR_OK)
		return e;
	if (r.type == RESP_NIL)
		return ERR_NOT_FOUND;
	if (r.type != RESP_STRING)
		return refused(&r);
	return event_version_parse(r.text, revision) ? ERR_OK : ERR_NOT_FOUND;
}

/* What the read script answered. */
static enum err take_answer(const struct resp_value *r, struct arena *a, struct visit **visits, size_t *count)
{
	struct slice entry;
	uint64_t revision;

	if (r->type != RESP_ARRAY || r->count != 2)
		return refused(r);
	if (r->items[0].type != RESP_STRING || !event_version_parse(r->items[0].text, &revision))
		return ERR_UNAVAILABLE;
	*count = 0;
	if (r->items[1].type != RESP_STRING)
		return ERR_OK; /* a complete copy without this user: no visits */
	entry = r->items[1].text;
	if (entry.len < EVENT_VERSION_LEN)
		return ERR_CORRUPT;
	return visit_read(slice_sub(entry, EVENT_VERSION_LEN, entry.len), a, visits, count);
}

enum err visit_copy_read(struct resp_db *db, struct arena *a, int64_t deadline_us, uint32_t user_id, struct visit **visits, size_t *count)
{
	const struct slice words[] = { SLICE("EVAL"),  slice_str(read_script), SLICE("2"),
				       SLICE(KEY_ALL), SLICE(KEY_POS),         shop_key(a, user_id) };
	struct resp_conn *c;
	struct resp_value r;
	enum err e = resp_acquire(db, deadline_us, &c);

	if (e != ERR_OK)
		return ERR_UNAVAILABLE;
	e = resp_call(c, a, words, sizeof(words) / sizeof(words[0]), &r);
	resp_release(&c);
	return e == ERR_OK ? take_answer(&r, a, visits, count) : e;
}
