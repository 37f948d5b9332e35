/* switch.c - use_backend: which backend a frontend sends a request to.
 *
 * A name that is a text is looked up once, after reading. One with variables is looked up for each request, in a table that is made
 * then and never changes, so that no lock is needed; when there is no such backend, no further rule is looked at and the default
 * backend serves, as in HAProxy.
 */
#include <assert.h>

#include "gateway/expr/cond.h"
#include "gateway/expr/format.h"
#include "gateway/expr/sample.h"
#include "gateway/model/config.h"
#include "gateway/model/proxy.h"
#include "gateway/rule/actions.h"
#include "shared/base/hash.h"

struct switch_rule {
	struct switch_rule *next;
	struct cond *cond;
	struct slice name;           /* SLICE_NONE: <format> makes it */
	struct format *format;
	struct proxy *backend;       /* of <name> */
	const struct backends *backends; /* of <format> */
	struct slice file;
	unsigned line;
};

/* All backends by name: open addressing, at most half full. */
struct backends {
	size_t mask; /* places - 1, a power of two - 1 */
	struct proxy *places[];
};

#define WHERE "use_backend rule"

/* ---- reading ---- */

void switch_rule_read(struct parse *p, struct switch_rule **list)
{
	struct switch_rule *r = rule_memory(p, sizeof(*r));
	struct slice word = parse_next(p), next;

	if (word.len == 0) {
		parse_error(p, "'use_backend' expects the name of a backend");
		return;
	}
	r->format = format_parse(p, word, WHEN_IN_REQUEST, WHERE);
	if (r->format == NULL)
		return;
	r->name = format_constant(r->format);
	next = parse_peek(p);
	if (next.ptr != NULL && !slice_eq(next, SLICE_LIT("if")) && !slice_eq(next, SLICE_LIT("unless"))) {
		parse_error(p, "unexpected keyword '%.*s' after use_backend %.*s; 'if' or 'unless' is expected", SLICE_ARG(next), SLICE_ARG(word));
		return;
	}
	if (!cond_read(p, WHEN_IN_REQUEST, WHERE, &r->cond))
		return;
	r->file = p->file;
	r->line = p->line;
	while (*list != NULL)
		list = &(*list)->next;
	*list = r;
}

/* ---- names ---- */

/* The place where <name> is, or where it would be. */
static size_t place_of(const struct backends *b, struct slice name)
{
	size_t i = hash_fnv64(name) & b->mask;

	while (b->places[i] != NULL && !slice_eq(b->places[i]->name, name))
		i = (i + 1) & b->mask;
	return i;
}

static struct proxy *find(const struct backends *b, struct slice name)
{
	return b->places[place_of(b, name)];
}

static const struct backends *make_table(struct parse *p)
{
	struct backends *b;
	size_t count = 0, places = 4;

	for (const struct proxy *o = p->config->proxies; o != NULL; o = o->next)
		count += o->is_backend;
	while (places < 2 * count)
		places *= 2;
	b = rule_memory(p, sizeof(*b) + places * sizeof(b->places[0]));
	b->mask = places - 1;
	for (struct proxy *o = p->config->proxies; o != NULL; o = o->next) {
		if (o->is_backend)
			b->places[place_of(b, o->name)] = o;
	}
	return b;
}

void switch_rules_resolve(struct parse *p, struct switch_rule *list)
{
	const struct backends *table = NULL;

	for (; list != NULL; list = list->next) {
		if (table == NULL)
			table = make_table(p);
		if (list->name.ptr == NULL) {
			list->backends = table;
			continue;
		}
		list->backend = find(table, list->name);
		if (list->backend != NULL)
			continue;
		p->file = list->file;
		p->line = list->line;
		parse_error(p, "unable to find required use_backend: '%.*s'", SLICE_ARG(list->name));
	}
}

/* ---- choosing ---- */

static struct proxy *usual(struct proxy *frontend)
{
	if (frontend->default_backend != NULL)
		return frontend->default_backend;
	return frontend->is_backend ? frontend : NULL; /* a listen section serves itself */
}

struct proxy *switch_choose(struct proxy *frontend, struct exchange *x)
{
	for (const struct switch_rule *r = frontend->switch_rules; r != NULL; r = r->next) {
		struct proxy *chosen = r->backend;

		if (!cond_holds(r->cond, x))
			continue;
		if (r->name.ptr == NULL)
			chosen = find(r->backends, format_text(r->format, x));
		return chosen != NULL ? chosen : usual(frontend);
	}
	return usual(frontend);
}
