/* rule.c - lists of rules: finding the action that a line names, reading it with its condition, running a list. */
#include "gateway/rule/rule.h"

#include <assert.h>
#include <string.h>

#include "gateway/expr/cond.h"
#include "gateway/expr/expr.h"
#include "gateway/expr/format.h"
#include "gateway/http/chars.h"
#include "gateway/model/config.h"
#include "gateway/model/proxy.h"
#include "gateway/rule/actions.h"
#include "gateway/session/worker.h"
#include "shared/base/buf.h"

struct rule {
	struct rule *next;
	const struct action *action;
	const void *arg;
	struct cond *cond; /* NULL: always */
};

struct rule_later {
	struct rule_later *next;
	struct proxy *proxy;
	struct slice file;
	unsigned line;
	void (*look)(struct parse *p, void *arg);
	void *arg;
};

static const struct action *const topics[] = {
	actions_header, actions_path,    actions_normalize, actions_final, actions_redirect, actions_var,
	actions_track,  actions_address, actions_capture,   actions_misc,  actions_limit, actions_service,
};
#define TOPIC_COUNT (sizeof(topics) / sizeof(topics[0]))
#define NAMES_MAX 96 /* of all actions together */

/* Actions of HAProxy 2.6 that are known and not there: the complaint says so instead of guessing at another name. */
static const char *const unsupported[] = {
	"add-acl(", "cache-store", "cache-use", "del-acl(", "del-map(", "do-resolve(", "early-hint", "expect-netscaler-cip",
	"expect-proxy", "ot-group", "sc-inc-gpc(", "sc-set-gpt(", "send-spoe-group", "set-map(", "set-priority-class",
	"set-priority-offset", "switch-mode", "wait-for-handshake",
};

static const struct set {
	const char *keyword, *where;
	unsigned when;
} sets[RULES_COUNT] = {
	[RULES_CONNECTION] = { "tcp-request connection", "tcp-request connection rule", WHEN_IN_CONNECTION },
	[RULES_SESSION] = { "tcp-request session", "tcp-request session rule", WHEN_IN_CONNECTION },
	[RULES_CONTENT] = { "tcp-request content", "tcp-request content rule", WHEN_IN_REQUEST },
	[RULES_REQUEST] = { "http-request", "http-request rule", WHEN_IN_REQUEST },
	[RULES_RESPONSE] = { "http-response", "http-response rule", WHEN_IN_RESPONSE },
	[RULES_AFTER_RESPONSE] = { "http-after-response", "http-after-response rule", WHEN_IN_RESPONSE },
};

const char *rule_keyword(enum rule_set set)
{
	assert(set < RULES_COUNT);
	return sets[set].keyword;
}

const char *rule_where(enum rule_set set)
{
	assert(set < RULES_COUNT);
	return sets[set].where;
}

unsigned rule_when(enum rule_set set)
{
	assert(set < RULES_COUNT);
	return sets[set].when;
}

bool rule_on_response(enum rule_set set)
{
	return set == RULES_RESPONSE || set == RULES_AFTER_RESPONSE;
}

/* ---- what reading actions has in common ---- */

bool rule_words(struct parse *p, enum rule_set set, struct slice name, const char *usage, unsigned count, struct slice *out)
{
	for (unsigned i = 0; i < count; i++) {
		out[i] = parse_next(p);
		if (out[i].len > 0)
			continue;
		parse_error(p, "'%s %.*s' expects %s", rule_keyword(set), SLICE_ARG(name), usage);
		return false;
	}
	return true;
}

bool rule_inside(struct parse *p, enum rule_set set, struct slice name, struct slice *out)
{
	size_t open = slice_find(name, '(');

	if (open + 2 < name.len && name.ptr[name.len - 1] == ')') {
		*out = slice_sub(name, open + 1, name.len - 1);
		return true;
	}
	parse_error(p, "'%s %.*s' expects an argument in parentheses", rule_keyword(set), SLICE_ARG(name));
	return false;
}

struct format *rule_format(struct parse *p, enum rule_set set, struct slice text)
{
	return format_parse(p, text, sets[set].when, sets[set].where);
}

struct expr *rule_expr(struct parse *p, enum rule_set set, struct slice text)
{
	return expr_parse(p, text, sets[set].when, sets[set].where);
}

void *rule_memory(struct parse *p, size_t bytes)
{
	void *memory = arena_alloc(p->arena, bytes);

	assert(memory != NULL); /* the arena of a configuration has no limit */
	return memory;
}

/* ---- what is looked up after reading ---- */

void rule_later(struct parse *p, void (*look)(struct parse *p, void *arg), void *arg)
{
	struct rule_later *l = rule_memory(p, sizeof(*l));

	*l = (struct rule_later){ .proxy = p->proxy, .file = p->file, .line = p->line, .look = look, .arg = arg };
	l->next = p->config->later;
	p->config->later = l;
}

/* Turns the list around, so that complaints come in the order of the lines. */
static struct rule_later *in_order(struct rule_later *newest)
{
	struct rule_later *first = NULL;

	while (newest != NULL) {
		struct rule_later *next = newest->next;

		newest->next = first;
		first = newest;
		newest = next;
	}
	return first;
}

void rules_resolve_all(struct parse *p)
{
	struct rule_later *list = in_order(p->config->later);

	p->config->later = NULL;
	for (; list != NULL; list = list->next) {
		if (list->proxy != NULL && list->proxy->is_defaults)
			continue; /* its lines are read again for each section that inherits them */
		p->proxy = list->proxy;
		p->file = list->file;
		p->line = list->line;
		list->look(p, list->arg);
	}
	p->proxy = NULL;
}

struct stick_table *rule_table(struct parse *p, struct slice name, const char *who)
{
	struct stick_table *own = p->proxy != NULL ? p->proxy->table : NULL;

	if (name.ptr == NULL) {
		if (own == NULL)
			parse_error(p, "%s needs a stick-table in its section, or 'table <name>'", who);
		return own;
	}
	for (struct proxy *o = p->config->proxies; o != NULL; o = o->next) {
		if (o->table != NULL && slice_eq(o->name, name))
			return o->table;
	}
	parse_error(p, "%s: unable to find table '%.*s'", who, SLICE_ARG(name));
	return NULL;
}

/* ---- reading a rule ---- */

static bool named(struct slice word, const char *name)
{
	struct slice n = slice_str(name);

	return n.ptr[n.len - 1] == '(' ? slice_starts_with(word, n) : slice_eq(word, n);
}

static const struct action *find(struct slice word)
{
	for (size_t i = 0; i < TOPIC_COUNT; i++) {
		for (const struct action *a = topics[i]; a->name != NULL; a++) {
			if (named(word, a->name))
				return a;
		}
	}
	return NULL;
}

static bool is_unsupported(struct slice word)
{
	for (size_t i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++) {
		if (named(word, unsupported[i]))
			return true;
	}
	return false;
}

static const char *nearest(struct slice word, enum rule_set set)
{
	const char *names[NAMES_MAX];
	unsigned count = 0;

	for (size_t i = 0; i < TOPIC_COUNT; i++) {
		for (const struct action *a = topics[i]; a->name != NULL; a++) {
			assert(count < NAMES_MAX);
			if (a->sets & ON(set))
				names[count++] = a->name;
		}
	}
	return parse_nearest(slice_sub(word, 0, slice_find(word, '(') + 1), names, count);
}

static void complain(struct parse *p, enum rule_set set, struct slice word, const struct action *found)
{
	const char *near = nearest(word, set);
	struct slice hint = slice_str(near);

	if (word.ptr == NULL)
		parse_error(p, "'%s' expects an action", sets[set].keyword);
	else if (found != NULL)
		parse_error(p, "'%.*s' cannot be an action of '%s'", SLICE_ARG(word), sets[set].keyword);
	else if (is_unsupported(word))
		parse_error(p, "'%s %.*s' is an action of HAProxy that is not supported yet", sets[set].keyword, SLICE_ARG(word));
	else if (near != NULL)
		parse_error(p, "'%s' has no action '%.*s'; did you mean '%.*s'?", sets[set].keyword, SLICE_ARG(word),
			    (int)slice_find(hint, '('), near);
	else
		parse_error(p, "'%s' has no action '%.*s'", sets[set].keyword, SLICE_ARG(word));
}

static void hang(struct rule_list *list, struct rule *r)
{
	if (list->end == NULL)
		list->end = &list->first;
	*list->end = r;
	list->end = &r->next;
}

/* Reads the condition, and whether nothing else follows. */
static bool read_cond(struct parse *p, enum rule_set set, const char *keyword, struct slice name, struct cond **out)
{
	struct slice word = parse_peek(p);

	if (word.ptr != NULL && !slice_eq(word, SLICE_LIT("if")) && !slice_eq(word, SLICE_LIT("unless"))) {
		parse_error(p, "'%s%s%.*s' expects either 'if' or 'unless' followed by a condition but found '%.*s'", keyword,
			    name.len > 0 ? " " : "", SLICE_ARG(name), SLICE_ARG(word));
		return false;
	}
	return cond_read(p, sets[set].when, sets[set].where, out);
}

void rule_read(struct parse *p, enum rule_set set, struct rule_list *list)
{
	struct slice name = parse_next(p);
	const struct action *action = find(name);
	const void *arg;
	struct cond *cond;
	struct rule *r;

	if (action == NULL || (action->sets & ON(set)) == 0) {
		complain(p, set, name, action);
		return;
	}
	arg = action->read(p, set, name);
	if (arg == NULL || !read_cond(p, set, sets[set].keyword, name, &cond))
		return;
	r = rule_memory(p, sizeof(*r));
	*r = (struct rule){ .action = action, .arg = arg, .cond = cond };
	hang(list, r);
}

void redirect_read(struct parse *p, struct rule_list *list)
{
	const void *arg = redirect_plain(p);
	struct cond *cond;
	struct rule *r;

	if (arg == NULL || !read_cond(p, RULES_REQUEST, "redirect", SLICE_NONE, &cond))
		return;
	r = rule_memory(p, sizeof(*r));
	*r = (struct rule){ .action = &actions_redirect[0], .arg = arg, .cond = cond };
	hang(list, r);
}

void actions_list(struct buf *out)
{
	for (enum rule_set set = 0; set < RULES_COUNT; set++) {
		for (size_t i = 0; i < TOPIC_COUNT; i++) {
			for (const struct action *a = topics[i]; a->name != NULL; a++) {
				if (a->sets & ON(set))
					buf_printf(out, "%s %s%s%s\n", sets[set].keyword, a->name, strchr(a->name, '(') != NULL ? "…)" : "",
						   a->own ? " # own" : "");
			}
		}
	}
}

/* ---- running ---- */

/* A rewrite that failed and is passed over is counted all the same. */
static bool passed_over(const struct rule *r, struct exchange *x)
{
	if (!r->action->rewrites || !x->rewrites_lenient)
		return false;
	tally_add(&x->worker->frontends[x->frontend->index].failed_rewrites, 1);
	return true;
}

enum verdict rules_run(const struct rule_list *list, struct exchange *x)
{
	const struct rule *r = x->rule_at != NULL ? x->rule_at->next : list->first;
	enum verdict v = VERDICT_NEXT;

	x->rule_at = NULL;
	for (; r != NULL && v == VERDICT_NEXT; r = r->next) {
		if (!cond_holds(r->cond, x))
			continue;
		v = r->action->run(x, r->arg);
		if (v == VERDICT_BODY) {
			x->rule_at = r;
			return v;
		}
		if (v == VERDICT_FAIL && passed_over(r, x))
			v = VERDICT_NEXT;
	}
	x->rewrites_lenient = false; /* strict-mode holds for one list */
	return v;
}

/* ---- what running actions has in common ---- */

static size_t count_illegal(struct slice s)
{
	size_t count = 0;

	for (size_t i = 0; i < s.len; i++)
		count += !http_char_is(s.ptr[i], HTTP_CHAR_VALUE);
	return count;
}

struct slice rule_value_of(struct slice text, struct exchange *x)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t illegal, len = 0;
	char *out;

	if (text.ptr == NULL || http_is_value(text))
		return slice_trim(text);
	illegal = count_illegal(text);
	out = arena_alloc(x->arena, text.len + 2 * illegal);
	if (out == NULL)
		return SLICE_NONE;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (http_char_is(text.ptr[i], HTTP_CHAR_VALUE)) {
			out[len++] = text.ptr[i];
			continue;
		}
		out[len++] = '%';
		out[len++] = digits[c >> 4];
		out[len++] = digits[c & 15];
	}
	return slice_trim(slice_of(out, len));
}

struct slice rule_value(const struct format *f, struct exchange *x)
{
	return rule_value_of(format_text(f, x), x);
}
