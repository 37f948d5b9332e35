/* expr.c - sample expressions: a fetch and the converters behind it, compiled once, evaluated for each exchange. */
#include "gateway/expr/expr.h"

#include <string.h>
#include "gateway/conf/parse.h"
#include "gateway/expr/arg.h"
#include "gateway/expr/tables.h"
#include "gateway/model/proxy.h"
#include "gateway/session/exchange.h"
#include "gateway/session/worker.h"

#define STEPS_MAX 32 /* converters in one expression */

struct step {
	const struct converter *converter;
	struct args args;
};

struct expr {
	const struct fetch *fetch;
	struct args args;
	enum sample_type type; /* of the result */
	unsigned step_count;
	struct step *steps;
};

/* ---- compiling ---- */

/* Cuts a keyword off <rest>: up to '(', ',' or its end. */
static struct slice cut_keyword(struct slice *rest)
{
	size_t i = 0;
	struct slice name;

	while (i < rest->len && rest->ptr[i] != '(' && rest->ptr[i] != ',')
		i++;
	name = slice_sub(*rest, 0, i);
	*rest = slice_sub(*rest, i, rest->len);
	return name;
}

static bool read_converter(struct parse *p, struct slice *rest, struct expr *e, struct step *step)
{
	struct slice name = cut_keyword(rest);
	const struct converter *c = tables_converter(name);

	if (c == NULL) {
		const char *near = tables_nearest_converter(p, name);

		parse_error(p, "unknown converter '%.*s'%s%s%s", SLICE_ARG(name), near != NULL ? ", did you mean '" : "",
			    near != NULL ? near : "", near != NULL ? "'?" : "");
		return false;
	}
	if (!sample_castable(e->type, c->from)) {
		parse_error(p, "converter '%s' cannot be applied : it needs type %s, not %s", c->name, sample_type_name(c->from),
			    sample_type_name(e->type));
		return false;
	}
	step->converter = c;
	if (!args_parse(p, "converter", c->name, c->args, rest, &step->args))
		return false;
	step->args.data = c->data;
	if (c->check != NULL && !c->check(p, &step->args))
		return false;
	if (c->from != SAMPLE_ANY || c->to != SAMPLE_ANY) /* else what comes in goes out */
		e->type = c->to;
	return true;
}

static bool read_converters(struct parse *p, struct slice rest, struct expr *e)
{
	struct step steps[STEPS_MAX];
	const char *before = e->fetch->name;

	while (rest.len > 0) {
		if (rest.ptr[0] != ',') {
			parse_error(p, "missing comma after '%s', before '%.*s'", before, SLICE_ARG(rest));
			return false;
		}
		if (e->step_count == STEPS_MAX) {
			parse_error(p, "more than %d converters in one expression", STEPS_MAX);
			return false;
		}
		rest = slice_sub(rest, 1, rest.len);
		if (!read_converter(p, &rest, e, &steps[e->step_count]))
			return false;
		before = steps[e->step_count++].converter->name;
	}
	if (e->step_count > 0) {
		e->steps = arena_alloc_array(p->arena, e->step_count, sizeof(*steps));
		memcpy(e->steps, steps, e->step_count * sizeof(*steps));
	}
	return true;
}

/* What is behind the name of the fetch: its arguments, and converters. */
static struct expr *read_rest(struct parse *p, const struct fetch *f, struct slice rest)
{
	struct expr *e = arena_alloc(p->arena, sizeof(*e));

	e->fetch = f;
	e->type = f->type;
	if (!args_parse(p, "sample fetch", f->name, f->args, &rest, &e->args))
		return NULL;
	e->args.data = f->data;
	if (f->check != NULL && !f->check(p, &e->args))
		return NULL;
	return read_converters(p, rest, e) ? e : NULL;
}

static void complain_unknown(struct parse *p, struct slice name, bool for_acl)
{
	const char *near = tables_nearest_fetch(p, name, for_acl);

	if (name.len == 0)
		parse_error(p, "a sample fetch is missing");
	else
		parse_error(p, "unknown sample fetch '%.*s'%s%s%s", SLICE_ARG(name), near != NULL ? ", did you mean '" : "",
			    near != NULL ? near : "", near != NULL ? "'?" : "");
}

static unsigned bent(const struct parse *p, unsigned when)
{
	if ((when & WHEN_REQUEST) != 0 && p->proxy != NULL && (p->proxy->is_backend || p->proxy->is_defaults))
		when |= WHEN_BACKEND;
	return when;
}

bool expr_available(const struct parse *p, unsigned needs, unsigned when)
{
	return (needs & ~bent(p, when)) == 0;
}

const char *expr_missing(const struct parse *p, unsigned needs, unsigned when)
{
	static const struct {
		unsigned bit;
		const char *name;
	} names[] = {
		{ WHEN_REQUEST, "the request's head" },   { WHEN_BODY, "the request's body" }, { WHEN_RESPONSE, "the response's head" },
		{ WHEN_STATUS, "a response" },            { WHEN_KEPT, "a request" },          { WHEN_SERVER, "a server" },
		{ WHEN_BACKEND, "a backend" },            { WHEN_LOG, "the end of the exchange" },
	};

	needs &= ~bent(p, when);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if ((needs & names[i].bit) != 0)
			return names[i].name;
	}
	return "a connection";
}

struct expr *expr_parse(struct parse *p, struct slice text, unsigned when, const char *where)
{
	struct slice rest = text;
	struct slice name = cut_keyword(&rest);
	const struct fetch *f = tables_fetch(name, bent(p, when));

	if (f == NULL) {
		complain_unknown(p, name, false);
		return NULL;
	}
	if (!expr_available(p, f->when, when)) {
		parse_error(p, "sample fetch '%s' is not available here : it needs %s, which a %s does not have", f->name,
			    expr_missing(p, f->when, when), where);
		return NULL;
	}
	return read_rest(p, f, rest);
}

/* The suffix of an acl derivative, taken off <name>; NULL when it has none. */
static const char *take_suffix(struct slice *name)
{
	for (unsigned i = 0; tables_suffixes[i] != NULL; i++) {
		struct slice tail = slice_sub(*name, name->len < 4 ? 0 : name->len - 4, name->len);

		if (tail.len == 4 && tail.ptr[0] == '_' && slice_eq(slice_sub(tail, 1, 4), slice_str(tables_suffixes[i]))) {
			*name = slice_sub(*name, 0, name->len - 4);
			return tables_suffixes[i];
		}
	}
	return NULL;
}

const char *expr_parse_criterion(struct parse *p, struct slice text, struct expr **out, unsigned *needs)
{
	struct slice rest = text;
	struct slice name = cut_keyword(&rest), stem = name;
	const struct fetch *f = tables_fetch(name, WHEN_ANY);
	const char *match = "";

	if (f == NULL) {
		match = take_suffix(&stem);
		f = match == NULL ? NULL : tables_fetch(stem, WHEN_ANY);
		if (f == NULL || !f->derived) {
			complain_unknown(p, name, true);
			return NULL;
		}
	}
	*out = read_rest(p, f, rest);
	if (*out == NULL)
		return NULL;
	*needs = f->when;
	return (*out)->step_count > 0 ? "" : match; /* behind a converter, its type decides */
}

void expr_resolve_all(struct parse *p)
{
	args_resolve(p);
}

/* ---- evaluating ---- */

static bool convert(const struct expr *e, struct exchange *x, struct sample *s)
{
	for (unsigned i = 0; i < e->step_count; i++) {
		const struct step *step = &e->steps[i];

		if (!sample_cast(x, s, step->converter->from) || !step->converter->convert(x, &step->args, s))
			return false;
	}
	return true;
}

bool expr_get(const struct expr *e, struct exchange *x, struct sample *out)
{
	return e->fetch->get(x, &e->args, NULL, out) && convert(e, x, out);
}

bool expr_next(const struct expr *e, struct exchange *x, struct walk *w, struct sample *out)
{
	if (e->fetch->many)
		return e->fetch->get(x, &e->args, w, out) && convert(e, x, out);
	if (w->begun)
		return false;
	w->begun = true;
	return expr_get(e, x, out);
}

struct slice expr_text(const struct expr *e, struct exchange *x)
{
	struct sample s;

	return expr_get(e, x, &s) && sample_cast(x, &s, SAMPLE_STR) ? s.text : SLICE_NONE;
}

int64_t expr_number(const struct expr *e, struct exchange *x, int64_t otherwise)
{
	struct sample s;

	return expr_get(e, x, &s) && sample_cast(x, &s, SAMPLE_INT) ? s.integer : otherwise;
}

enum sample_type expr_type(const struct expr *e)
{
	return e->type;
}

bool expr_get_config(const struct expr *e, struct parse *p, struct sample *out)
{
	struct gateway g = { .config = p->config };
	struct worker w = { .gateway = &g };
	struct exchange x = { .arena = p->arena, .worker = &w };

	return expr_get(e, &x, out);
}
