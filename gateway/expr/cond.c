/* cond.c - conditions: alternatives, of which one has to hold whole; each is a row of acls, perhaps negated. */
#include "gateway/expr/cond.h"

#include "gateway/conf/parse.h"
#include "gateway/expr/acl.h"

struct factor {
	struct factor *next;
	const struct acl *acl;
	bool negated;
};

struct term {
	struct term *next;
	struct factor *first, **end;
};

struct cond {
	bool unless;
	struct term *first;
};

/* From behind "{" to behind "}". */
static struct acl *read_braces(struct parse *p)
{
	unsigned first = p->at;
	struct slice word;

	do {
		word = parse_next(p);
		if (word.ptr == NULL) {
			parse_error(p, "missing closing '}' in condition");
			return NULL;
		}
	} while (!slice_eq(word, SLICE_LIT("}")));
	if (p->at - 1 == first) {
		parse_error(p, "nothing stands between '{' and '}'");
		return NULL;
	}
	return acl_anonymous(p, &p->words[first], p->at - 1 - first);
}

/* One acl, or the negation of one: "!" may stand before it or be a word of its own. */
static bool read_factor(struct parse *p, unsigned when, const char *where, struct term *t)
{
	struct factor *f = arena_alloc(p->arena, sizeof(*f));
	struct slice word = parse_next(p);

	while (word.ptr != NULL && (word.len == 0 || word.ptr[0] == '!')) {
		if (word.len > 0) {
			f->negated = !f->negated;
			word = slice_sub(word, 1, word.len);
		}
		if (word.len == 0)
			word = parse_next(p);
	}
	if (word.ptr == NULL) {
		parse_error(p, "nothing follows the '!'");
		return false;
	}
	f->acl = slice_eq(word, SLICE_LIT("{")) ? read_braces(p) : acl_find(p, word);
	if (f->acl == NULL || !acl_usable(p, f->acl, when, where))
		return false;
	*t->end = f;
	t->end = &f->next;
	return true;
}

static bool is_or(struct slice word)
{
	return slice_eq(word, SLICE_LIT("or")) || slice_eq(word, SLICE_LIT("||"));
}

static struct cond *read_terms(struct parse *p, unsigned when, const char *where, const char *keyword)
{
	struct cond *c = arena_alloc(p->arena, sizeof(*c));
	struct term **end = &c->first;

	do {
		struct term *t = arena_alloc(p->arena, sizeof(*t));

		t->end = &t->first;
		*end = t;
		end = &t->next;
		while (parse_peek(p).ptr != NULL && !is_or(parse_peek(p))) {
			if (!read_factor(p, when, where, t))
				return NULL;
		}
		if (t->first == NULL) {
			parse_error(p, "a condition is missing behind '%s'", t == c->first ? keyword : "or");
			return NULL;
		}
	} while (is_or(parse_next(p)));
	return c;
}

bool cond_read(struct parse *p, unsigned when, const char *where, struct cond **out)
{
	bool is_if = parse_accept(p, "if");
	bool is_unless = !is_if && parse_accept(p, "unless");

	*out = NULL;
	if (!is_if && !is_unless) {
		if (parse_peek(p).ptr == NULL)
			return true;
		parse_error(p, "expects 'if' or 'unless' and a condition, but found '%.*s'", SLICE_ARG(parse_peek(p)));
		return false;
	}
	*out = read_terms(p, when, where, is_if ? "if" : "unless");
	if (*out != NULL)
		(*out)->unless = is_unless;
	return *out != NULL;
}

static bool term_holds(const struct term *t, struct exchange *x)
{
	for (const struct factor *f = t->first; f != NULL; f = f->next) {
		if (acl_holds(f->acl, x) == f->negated)
			return false;
	}
	return true;
}

bool cond_holds(const struct cond *c, struct exchange *x)
{
	if (c == NULL)
		return true;
	for (const struct term *t = c->first; t != NULL; t = t->next) {
		if (term_holds(t, x))
			return !c->unless;
	}
	return c->unless;
}
