/* action_track.c - sticky counters: track-sc0 to track-sc2, and setting what they count. */
#include <assert.h>

#include "gateway/expr/expr.h"
#include "gateway/rule/actions.h"
#include "gateway/rule/track.h"
#include "gateway/session/worker.h"

static int64_t now_ms(const struct exchange *x)
{
	return loop_now_ms(x->worker->loop);
}

/* ---- track-sc<number> <key> [table <name>] ---- */

struct track {
	unsigned number;
	enum rule_set set;
	struct expr *key;
	struct slice table_name; /* SLICE_NONE: the section's own */
	struct stick_table *table;
};

static void find_table(struct parse *p, void *arg)
{
	struct track *t = arg;
	static const char *const who[TRACKED_MAX] = { "track-sc0", "track-sc1", "track-sc2" };

	t->table = rule_table(p, t->table_name, who[t->number]);
}

static const void *read_track(struct parse *p, enum rule_set set, struct slice name)
{
	struct track *t = rule_memory(p, sizeof(*t));
	struct slice key;

	t->set = set;
	t->number = (unsigned)(name.ptr[name.len - 1] - '0');
	assert(t->number < TRACKED_MAX);
	if (!rule_words(p, set, name, "a key", 1, &key))
		return NULL;
	t->key = rule_expr(p, set, key);
	if (t->key == NULL)
		return NULL;
	if (parse_accept(p, "table") && !rule_words(p, set, name, "the name of a table", 1, &t->table_name))
		return NULL;
	rule_later(p, find_table, t);
	return t;
}

/* A request is counted once in each entry: here when the tracking begins after it was counted, that is in its own rules; requests that
 * follow on a tracked connection are counted by the engine. */
static void count_request(struct tracked *slot, int64_t now)
{
	stick_add(slot->table, slot->entry, STICK_HTTP_REQ_CNT, 1, now);
	stick_add(slot->table, slot->entry, STICK_HTTP_REQ_RATE, 1, now);
}

static enum verdict run_track(struct exchange *x, const void *arg)
{
	const struct track *t = arg;
	bool of_connection = (ON(t->set) & ON_CONNECTION) != 0;
	struct tracked *slots = of_connection ? x->session->tracked : x->tracked;
	struct tracked *slot;
	struct sample key;

	if (slots == NULL || track_of(x, t->number) != NULL)
		return VERDICT_NEXT; /* the first that tracks wins */
	slot = &slots[t->number];
	if (!expr_get(t->key, x, &key))
		return VERDICT_NEXT;
	track_begin(slot, t->table, &key, now_ms(x));
	if (slot->table != NULL && !of_connection)
		count_request(slot, now_ms(x));
	return VERDICT_NEXT;
}

/* ---- sc-inc-gpc0(<number>), sc-inc-gpc1(<number>), sc-set-gpt0(<number>) <int|expr> ---- */

struct change {
	unsigned number;
	enum stick_data count, rate;
	struct expr *expr; /* NULL: <value> */
	int64_t value;
};

static struct change *read_number(struct parse *p, enum rule_set set, struct slice name)
{
	struct change *c = rule_memory(p, sizeof(*c));
	struct slice inside;
	uint64_t number;

	if (!rule_inside(p, set, name, &inside))
		return NULL;
	if (!slice_to_u64(inside, TRACKED_MAX - 1, &number)) {
		parse_error(p, "'%s %.*s': sticky counters are 0 to %d", rule_keyword(set), SLICE_ARG(name), TRACKED_MAX - 1);
		return NULL;
	}
	c->number = (unsigned)number;
	return c;
}

static const void *read_increment(struct parse *p, enum rule_set set, struct slice name)
{
	struct change *c = read_number(p, set, name);
	bool first = slice_starts_with(name, SLICE_LIT("sc-inc-gpc0"));

	if (c == NULL)
		return NULL;
	c->count = first ? STICK_GPC0 : STICK_GPC1;
	c->rate = first ? STICK_GPC0_RATE : STICK_GPC1_RATE;
	return c;
}

static enum verdict run_increment(struct exchange *x, const void *arg)
{
	const struct change *c = arg;
	struct tracked *t = track_of(x, c->number);

	if (t != NULL) {
		stick_add(t->table, t->entry, c->count, 1, now_ms(x));
		stick_add(t->table, t->entry, c->rate, 1, now_ms(x));
	}
	return VERDICT_NEXT;
}

static const void *read_tag(struct parse *p, enum rule_set set, struct slice name)
{
	struct change *c = read_number(p, set, name);
	struct slice word;
	uint64_t value;

	if (c == NULL || !rule_words(p, set, name, "a number or an expression", 1, &word))
		return NULL;
	if (word.ptr[0] >= '0' && word.ptr[0] <= '9') {
		if (!parse_number(p, word, "sc-set-gpt0", 0, UINT32_MAX, &value))
			return NULL;
		c->value = (int64_t)value;
		return c;
	}
	c->expr = rule_expr(p, set, word);
	return c->expr != NULL ? c : NULL;
}

static enum verdict run_tag(struct exchange *x, const void *arg)
{
	const struct change *c = arg;
	struct tracked *t = track_of(x, c->number);
	int64_t value = c->expr != NULL ? expr_number(c->expr, x, -1) : c->value;

	if (t != NULL && value >= 0 && value <= UINT32_MAX) /* a value that is none, or does not fit, changes nothing */
		stick_set(t->table, t->entry, STICK_GPT0, (uint64_t)value);
	return VERDICT_NEXT;
}

#define ON_TRACK (ON_TCP | ON(RULES_REQUEST) | ON(RULES_RESPONSE))

const struct action actions_track[] = {
	{ .name = "track-sc0", .sets = ON_TRACK, .read = read_track, .run = run_track },
	{ .name = "track-sc1", .sets = ON_TRACK, .read = read_track, .run = run_track },
	{ .name = "track-sc2", .sets = ON_TRACK, .read = read_track, .run = run_track },
	{ .name = "sc-inc-gpc0(", .sets = ON_TRACK, .read = read_increment, .run = run_increment },
	{ .name = "sc-inc-gpc1(", .sets = ON_TRACK, .read = read_increment, .run = run_increment },
	{ .name = "sc-set-gpt0(", .sets = ON_TRACK, .read = read_tag, .run = run_tag },
	{ .name = NULL },
};
