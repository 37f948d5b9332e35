/* action_header.c - rules that change the fields of a head: set-header, add-header, del-header, replace-header, replace-value.
 *
 * A value that is made holds nothing that could begin another line (rule_value). Names stand in the configuration and are
 * checked there.
 */
#include "gateway/expr/format.h"
#include "gateway/expr/regex.h"
#include "gateway/http/chars.h"
#include "gateway/rule/actions.h"
#include "shared/base/buf.h"

static bool is_name(struct parse *p, enum rule_set set, struct slice action, struct slice word)
{
	if (http_is_token(word))
		return true;
	parse_error(p, "'%s %.*s': '%.*s' cannot be the name of a header", rule_keyword(set), SLICE_ARG(action), SLICE_ARG(word));
	return false;
}

/* ---- set-header, add-header <name> <format> ---- */

struct set_header {
	bool response;
	bool replace; /* set: takes away those of that name */
	struct slice name;
	struct format *value;
};

static const void *read_set(struct parse *p, enum rule_set set, struct slice name)
{
	struct set_header *h = rule_memory(p, sizeof(*h));
	struct slice words[2];

	if (!rule_words(p, set, name, "a name and a format", 2, words) || !is_name(p, set, name, words[0]))
		return NULL;
	h->response = rule_on_response(set);
	h->replace = slice_eq(name, SLICE_LIT("set-header"));
	h->name = words[0];
	h->value = rule_format(p, set, words[1]);
	return h->value != NULL ? h : NULL;
}

static enum verdict run_set(struct exchange *x, const void *arg)
{
	const struct set_header *h = arg;
	struct http_head *head = rule_head(x, h->response);
	struct slice value = rule_value(h->value, x); /* before anything is removed: it may be made of the old one */

	if (value.ptr == NULL)
		return VERDICT_FAIL;
	if (h->replace)
		http_field_remove_all(head, h->name);
	return http_field_add(head, h->name, value) ? VERDICT_NEXT : VERDICT_FAIL;
}

/* ---- del-header <name> [-m str|beg|end|sub|reg] ---- */

struct del_header {
	bool response;
	enum { DEL_EXACT, DEL_BEGIN, DEL_END, DEL_INSIDE, DEL_REGEX } how;
	struct slice name;
	struct regex *regex;
};

static bool read_method(struct parse *p, enum rule_set set, struct slice name, struct del_header *d)
{
	static const struct slice methods[] = {
		[DEL_EXACT] = SLICE("str"), [DEL_BEGIN] = SLICE("beg"), [DEL_END] = SLICE("end"), [DEL_INSIDE] = SLICE("sub"), [DEL_REGEX] = SLICE("reg"),
	};
	struct slice word;

	if (!rule_words(p, set, name, "a matching method behind '-m'", 1, &word))
		return false;
	for (unsigned i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (slice_eq(word, methods[i])) {
			d->how = i;
			return true;
		}
	}
	parse_error(p, "'%s %.*s': '-m %.*s' is none of str, beg, end, sub and reg", rule_keyword(set), SLICE_ARG(name), SLICE_ARG(word));
	return false;
}

static const void *read_del(struct parse *p, enum rule_set set, struct slice name)
{
	struct del_header *d = rule_memory(p, sizeof(*d));

	d->response = rule_on_response(set);
	if (!rule_words(p, set, name, "a name", 1, &d->name))
		return NULL;
	if (parse_accept(p, "-m") && !read_method(p, set, name, d))
		return NULL;
	if (d->how != DEL_REGEX)
		return is_name(p, set, name, d->name) ? d : NULL;
	d->regex = regex_parse(p, d->name, true, false);
	return d->regex != NULL ? d : NULL;
}

/* Whether <name> holds <part> at or behind <from>, without regard to case. */
static bool holds(struct slice name, struct slice part)
{
	for (size_t from = 0; from + part.len <= name.len; from++) {
		if (slice_eq_nocase(slice_sub(name, from, from + part.len), part))
			return true;
	}
	return false;
}

static bool is_meant(const struct del_header *d, struct exchange *x, struct slice name)
{
	size_t len = d->name.len;

	switch (d->how) {
	case DEL_BEGIN:
		return slice_eq_nocase(slice_sub(name, 0, len), d->name);
	case DEL_END:
		return name.len >= len && slice_eq_nocase(slice_sub(name, name.len - len, name.len), d->name);
	case DEL_INSIDE:
		return holds(name, d->name);
	case DEL_REGEX:
		return regex_find(d->regex, x, name, 0, NULL);
	default:
		return slice_eq_nocase(name, d->name);
	}
}

static enum verdict run_del(struct exchange *x, const void *arg)
{
	const struct del_header *d = arg;
	struct http_head *head = rule_head(x, d->response);
	unsigned i = 0;

	while (i < head->count) {
		if (is_meant(d, x, head->fields[i].name))
			http_field_remove(head, &head->fields[i]);
		else
			i++;
	}
	return VERDICT_NEXT;
}

/* ---- replace-header, replace-value <name> <regex> <format> ---- */

struct replace_header {
	bool response;
	bool each; /* each element of the list, not the whole line */
	struct slice name;
	struct regex *regex;
	struct format *replacement;
};

static const void *read_replace(struct parse *p, enum rule_set set, struct slice name)
{
	struct replace_header *r = rule_memory(p, sizeof(*r));
	struct slice words[3];

	if (!rule_words(p, set, name, "a name, a regular expression and a format", 3, words) || !is_name(p, set, name, words[0]))
		return NULL;
	r->response = rule_on_response(set);
	r->each = slice_eq(name, SLICE_LIT("replace-value"));
	r->name = words[0];
	r->regex = regex_parse(p, words[1], false, true);
	if (r->regex == NULL)
		return NULL;
	r->replacement = rule_format(p, set, words[2]);
	return r->replacement != NULL ? r : NULL;
}

/* What takes the place of <old>: itself when it does not match. SLICE_NONE: no room. */
static struct slice replaced(const struct replace_header *r, struct exchange *x, struct slice old, struct slice replacement)
{
	struct regex_match m;

	return regex_find(r->regex, x, old, 0, &m) ? rule_value_of(regex_expand(x, replacement, &m), x) : old;
}

/* Elements of a list that were replaced, in their order. */
struct piece {
	struct piece *next;
	size_t from, to; /* the place of the old element in the list */
	struct slice text;
};

/* <old> with the pieces in their places. */
static struct slice joined(struct exchange *x, struct slice old, const struct piece *pieces)
{
	size_t size = old.len + 1, at = 0;
	struct buf out;
	char *storage;

	for (const struct piece *i = pieces; i != NULL; i = i->next)
		size += i->text.len;
	storage = arena_alloc(x->arena, size);
	if (storage == NULL)
		return SLICE_NONE;
	buf_init_fixed(&out, storage, size);
	for (; pieces != NULL; pieces = pieces->next) {
		buf_add_slice(&out, slice_sub(old, at, pieces->from));
		buf_add_slice(&out, pieces->text);
		at = pieces->to;
	}
	buf_add_slice(&out, slice_sub(old, at, old.len));
	return buf_slice(&out);
}

/* The same for each element of the list <old>; what stands between them stays. */
static struct slice replaced_each(const struct replace_header *r, struct exchange *x, struct slice old, struct slice replacement)
{
	struct piece *first = NULL, **end = &first;
	struct slice rest = old, element;

	while (http_list_next(&rest, &element)) {
		struct slice text = replaced(r, x, element, replacement);
		struct piece *piece;

		if (text.ptr == element.ptr)
			continue;
		piece = arena_alloc(x->arena, sizeof(*piece));
		if (text.ptr == NULL || piece == NULL)
			return SLICE_NONE;
		piece->from = (size_t)(element.ptr - old.ptr);
		piece->to = piece->from + element.len;
		piece->text = text;
		*end = piece;
		end = &piece->next;
	}
	return first == NULL ? old : joined(x, old, first);
}

static enum verdict run_replace(struct exchange *x, const void *arg)
{
	const struct replace_header *r = arg;
	struct http_head *head = rule_head(x, r->response);
	struct http_field *f = http_field_find(head, r->name, 0);
	struct slice replacement;

	if (f == NULL)
		return VERDICT_NEXT;
	replacement = rule_value(r->replacement, x);
	if (replacement.ptr == NULL)
		return VERDICT_FAIL;
	while (f != NULL) {
		struct slice value = (r->each ? replaced_each : replaced)(r, x, f->value, replacement);

		if (value.ptr == NULL)
			return VERDICT_FAIL;
		f->value = value;
		f = http_field_find(head, r->name, (unsigned)(f - head->fields) + 1);
	}
	return VERDICT_NEXT;
}

const struct action actions_header[] = {
	{ .name = "set-header", .sets = ON_HTTP, .read = read_set, .run = run_set, .rewrites = true },
	{ .name = "add-header", .sets = ON_HTTP, .read = read_set, .run = run_set, .rewrites = true },
	{ .name = "del-header", .sets = ON_HTTP, .read = read_del, .run = run_del, .rewrites = true },
	{ .name = "replace-header", .sets = ON_HTTP, .read = read_replace, .run = run_replace, .rewrites = true },
	{ .name = "replace-value", .sets = ON_HTTP, .read = read_replace, .run = run_replace, .rewrites = true },
	{ .name = NULL },
};
