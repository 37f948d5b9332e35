/* action_capture.c - "capture <expression> len <length> | id <slot>": keeps a text for the log. */
#include "gateway/expr/expr.h"
#include "gateway/model/proxy.h"
#include "gateway/rule/actions.h"

#define LENGTH_MOST 65535

struct capture_rule {
	bool response;
	unsigned index; /* of the frontend's slots */
	struct expr *expr;
	const char *what; /* "http-request capture", for complaints */
};

static unsigned *slot_count(struct proxy *p, bool response)
{
	return response ? &p->response_capture_count : &p->request_capture_count;
}

static struct capture **slots(struct proxy *p, bool response)
{
	return response ? &p->response_captures : &p->request_captures;
}

/* A slot of its own, behind those that the frontend has. */
static void make_slot(struct parse *p, struct capture_rule *r, unsigned len)
{
	struct capture *made = rule_memory(p, sizeof(*made)), **end = slots(p->proxy, r->response);

	r->index = (*slot_count(p->proxy, r->response))++;
	*made = (struct capture){ .index = r->index, .len = len };
	while (*end != NULL)
		end = &(*end)->next;
	*end = made;
}

/* A slot of another frontend that comes here cannot be checked: then the rule does nothing. */
static void check_slot(struct parse *p, void *arg)
{
	const struct capture_rule *r = arg;

	if (p->proxy->is_frontend && r->index >= *slot_count(p->proxy, r->response))
		parse_error(p, "unable to find capture id '%u' referenced by %s", r->index, r->what);
}

static bool read_slot(struct parse *p, enum rule_set set, struct slice name, struct capture_rule *r)
{
	struct slice words[2];
	uint64_t n;

	if (!rule_words(p, set, name, "an expression and 'len <length>' or 'id <slot>'", 2, words))
		return false;
	if (slice_eq(words[0], SLICE_LIT("id"))) {
		if (!parse_number(p, words[1], "id", 0, UINT32_MAX, &n))
			return false;
		r->index = (unsigned)n;
		rule_later(p, check_slot, r);
		return true;
	}
	if (!slice_eq(words[0], SLICE_LIT("len")) || r->response) {
		parse_error(p, "'%s': unexpected '%.*s', 'id <slot>'%s is expected", r->what, SLICE_ARG(words[0]), r->response ? "" : " or 'len <length>'");
		return false;
	}
	if (!parse_number(p, words[1], "len", 1, LENGTH_MOST, &n))
		return false;
	if (p->proxy->is_defaults)
		return true; /* each frontend that inherits the line makes its own */
	if (!p->proxy->is_frontend) {
		parse_error(p, "'%s': only a frontend has slots; use 'id <slot>' with 'declare capture' there", r->what);
		return false;
	}
	make_slot(p, r, (unsigned)n);
	return true;
}

static const void *read_capture(struct parse *p, enum rule_set set, struct slice name)
{
	struct capture_rule *r = rule_memory(p, sizeof(*r));
	struct slice word;

	r->response = rule_on_response(set);
	r->what = arena_printf(p->arena, "%s %.*s", rule_keyword(set), SLICE_ARG(name)).ptr;
	if (!rule_words(p, set, name, "an expression and 'len <length>' or 'id <slot>'", 1, &word))
		return NULL;
	r->expr = rule_expr(p, set, word);
	return r->expr != NULL && read_slot(p, set, name, r) ? r : NULL;
}

static enum verdict run_capture(struct exchange *x, const void *arg)
{
	const struct capture_rule *r = arg;
	unsigned count = *slot_count(x->frontend, r->response);
	const struct capture *slot = *slots(x->frontend, r->response);
	struct slice **kept = r->response ? &x->response_captures : &x->request_captures;
	struct slice text;

	while (slot != NULL && slot->index != r->index)
		slot = slot->next;
	if (slot == NULL)
		return VERDICT_NEXT;
	text = expr_text(r->expr, x);
	if (*kept == NULL)
		*kept = arena_alloc_array(x->arena, count, sizeof(**kept));
	if (text.ptr != NULL && *kept != NULL) /* without memory there is a gap in the log, which harms less than a refusal */
		(*kept)[r->index] = arena_copy(x->arena, slice_sub(text, 0, slot->len));
	return VERDICT_NEXT;
}

const struct action actions_capture[] = {
	{ .name = "capture", .sets = ON(RULES_CONTENT) | ON_HTTP, .read = read_capture, .run = run_capture },
	{ .name = NULL },
};
