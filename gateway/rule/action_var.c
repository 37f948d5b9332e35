/* action_var.c - set-var(<name>[,<condition>]*), set-var-fmt(…) and unset-var(<name>). */
#include "gateway/expr/expr.h"
#include "gateway/expr/format.h"
#include "gateway/expr/var.h"
#include "gateway/rule/actions.h"

/* Bits of the conditions: all must hold for the variable to be set. */
enum {
	IF_EXISTS = 1,
	IF_NOT_EXISTS = 2,
	IF_EMPTY = 4,
	IF_NOT_EMPTY = 8,
	IF_SET = 16,
	IF_NOT_SET = 32,
	IF_GREATER = 64, /* the variable is greater than the new value, when both are numbers */
	IF_LESS = 128,
};

static const struct {
	const char *name;
	unsigned bit;
} conditions[] = {
	{ "ifexists", IF_EXISTS }, { "ifnotexists", IF_NOT_EXISTS }, { "ifempty", IF_EMPTY }, { "ifnotempty", IF_NOT_EMPTY },
	{ "ifset", IF_SET },       { "ifnotset", IF_NOT_SET },       { "ifgt", IF_GREATER },  { "iflt", IF_LESS },
};
#define CONDITION_COUNT (sizeof(conditions) / sizeof(conditions[0]))

struct set_var {
	struct var_ref var;
	unsigned only_if;
	struct expr *expr;     /* or */
	struct format *format; /* of set-var-fmt */
};

/* ---- reading ---- */

static bool read_condition(struct parse *p, enum rule_set set, struct slice word, unsigned *bits)
{
	const char *names[CONDITION_COUNT], *near;

	for (size_t i = 0; i < CONDITION_COUNT; i++) {
		names[i] = conditions[i].name;
		if (slice_eq(word, slice_str(names[i]))) {
			*bits |= conditions[i].bit;
			return true;
		}
	}
	near = parse_nearest(word, names, CONDITION_COUNT);
	parse_error(p, "'%s set-var': unknown condition '%.*s'%s%s%s", rule_keyword(set), SLICE_ARG(word), near != NULL ? "; did you mean '" : "",
		    near != NULL ? near : "", near != NULL ? "'?" : "");
	return false;
}

/* A connection lives longer than the exchange that its rules run in. */
static bool fits_scope(struct parse *p, enum rule_set set, struct var_ref var, struct slice name)
{
	if ((ON(set) & ON_CONNECTION) == 0 || var.scope == VAR_PROC || var.scope == VAR_SESS)
		return true;
	parse_error(p, "'%s': the variable '%.*s' would be gone at once; only the scopes proc and sess last", rule_keyword(set), SLICE_ARG(name));
	return false;
}

static bool read_name(struct parse *p, enum rule_set set, struct slice action, struct set_var *v)
{
	struct slice rest, name, word;

	if (!rule_inside(p, set, action, &rest))
		return false;
	name = slice_cut(&rest, ',');
	if (!var_name_parse(p, name, &v->var) || !fits_scope(p, set, v->var, name))
		return false;
	while (rest.ptr != NULL) {
		word = slice_trim(slice_cut(&rest, ','));
		if (!read_condition(p, set, word, &v->only_if))
			return false;
	}
	return true;
}

static const void *read_set(struct parse *p, enum rule_set set, struct slice name)
{
	struct set_var *v = rule_memory(p, sizeof(*v));
	struct slice word;

	if (!read_name(p, set, name, v))
		return NULL;
	if (slice_starts_with(name, SLICE_LIT("set-var-fmt("))) {
		if (!rule_words(p, set, name, "a format", 1, &word))
			return NULL;
		v->format = rule_format(p, set, word);
		return v->format != NULL ? v : NULL;
	}
	if (!rule_words(p, set, name, "an expression", 1, &word))
		return NULL;
	v->expr = rule_expr(p, set, word);
	return v->expr != NULL ? v : NULL;
}

static const void *read_unset(struct parse *p, enum rule_set set, struct slice name)
{
	struct set_var *v = rule_memory(p, sizeof(*v));

	if (!read_name(p, set, name, v))
		return NULL;
	if (v->only_if == 0)
		return v;
	parse_error(p, "'%s %.*s': unset-var has no conditions", rule_keyword(set), SLICE_ARG(name));
	return NULL;
}

/* ---- running ---- */

static bool is_empty(const struct sample *s)
{
	bool text = s->type == SAMPLE_STR || s->type == SAMPLE_BIN || s->type == SAMPLE_METHOD;

	return text && s->text.len == 0;
}

static bool allowed(const struct set_var *v, struct exchange *x, const struct sample *value)
{
	unsigned bits = v->only_if;
	struct sample old;
	bool set = var_get(x, v->var, &old);
	bool exists = set || v->var.scope == VAR_PROC; /* those exist from the start */

	if ((bits & (exists ? IF_NOT_EXISTS : IF_EXISTS)) || (bits & (set ? IF_NOT_SET : IF_SET)))
		return false;
	if (bits & (is_empty(value) ? IF_NOT_EMPTY : IF_EMPTY))
		return false;
	if (!set || old.type != SAMPLE_INT || value->type != SAMPLE_INT)
		return true;
	return !((bits & IF_GREATER) && old.integer <= value->integer) && !((bits & IF_LESS) && old.integer >= value->integer);
}

/* A value that is not there, or for which there is no memory, leaves the variable as it was, as in HAProxy. */
static enum verdict run_set(struct exchange *x, const void *arg)
{
	const struct set_var *v = arg;
	struct sample value = { .type = SAMPLE_STR };

	if (v->expr != NULL) {
		if (!expr_get(v->expr, x, &value))
			return VERDICT_NEXT;
	} else {
		value.text = format_text(v->format, x);
		if (value.text.ptr == NULL)
			return VERDICT_NEXT;
	}
	if (v->only_if == 0 || allowed(v, x, &value))
		(void)var_set(x, v->var, &value);
	return VERDICT_NEXT;
}

static enum verdict run_unset(struct exchange *x, const void *arg)
{
	const struct set_var *v = arg;

	var_unset(x, v->var);
	return VERDICT_NEXT;
}

const struct action actions_var[] = {
	{ .name = "set-var(", .sets = ON_TCP | ON_HTTP, .read = read_set, .run = run_set },
	{ .name = "set-var-fmt(", .sets = ON_TCP | ON_HTTP, .read = read_set, .run = run_set },
	{ .name = "unset-var(", .sets = ON_TCP | ON_HTTP, .read = read_unset, .run = run_unset },
	{ .name = NULL },
};
