/* action_path.c - rules that change the request's line: set-method, set-path, set-pathq, set-query, set-uri and the replace- ones.
 *
 * Stricter than HAProxy, which sends whatever the format makes: a target with a space, a control character, a '#' or a byte
 * beyond ASCII, or a path that does not begin with '/', is refused (VERDICT_FAIL), because the next hop could read another
 * request in it. A '?' in a new path begins the query, in front of the old one, as it does on the wire.
 */
#include "gateway/expr/format.h"
#include "gateway/expr/regex.h"
#include "gateway/http/chars.h"
#include "gateway/http/target.h"
#include "gateway/rule/actions.h"
#include "shared/base/buf.h"

/* What of the target a rule works on. */
enum part { PART_PATH, PART_PATHQ, PART_QUERY, PART_URI };

struct path_rule {
	enum part part;
	struct regex *regex; /* of the replace- ones */
	struct format *format;
};

static enum part part_of(struct slice name)
{
	struct slice last = slice_sub(name, slice_find(name, '-') + 1, name.len);

	if (slice_eq(last, SLICE_LIT("path")))
		return PART_PATH;
	if (slice_eq(last, SLICE_LIT("pathq")))
		return PART_PATHQ;
	return slice_eq(last, SLICE_LIT("query")) ? PART_QUERY : PART_URI;
}

static const void *read_set(struct parse *p, enum rule_set set, struct slice name)
{
	struct path_rule *r = rule_memory(p, sizeof(*r));
	struct slice word;

	if (!rule_words(p, set, name, "a format", 1, &word))
		return NULL;
	r->part = part_of(name);
	r->format = rule_format(p, set, word);
	return r->format != NULL ? r : NULL;
}

static const void *read_replace(struct parse *p, enum rule_set set, struct slice name)
{
	struct path_rule *r = rule_memory(p, sizeof(*r));
	struct slice words[2];

	if (!rule_words(p, set, name, "a regular expression and a format", 2, words))
		return NULL;
	r->part = part_of(name);
	r->regex = regex_parse(p, words[0], false, true);
	if (r->regex == NULL)
		return NULL;
	r->format = rule_format(p, set, words[1]);
	return r->format != NULL ? r : NULL;
}

/* ---- taking the target apart and joining it ---- */

/* <a>, <between> and <b>; SLICE_NONE: no room. */
static struct slice join(struct exchange *x, struct slice a, struct slice between, struct slice b)
{
	size_t size = a.len + between.len + b.len + 1;
	char *storage = arena_alloc(x->arena, size);
	struct buf out;

	if (storage == NULL)
		return SLICE_NONE;
	buf_init_fixed(&out, storage, size);
	buf_add_slice(&out, a);
	buf_add_slice(&out, between);
	buf_add_slice(&out, b);
	return buf_slice(&out);
}

static struct slice whole_pathq(struct exchange *x)
{
	const struct http_head *h = &x->request;

	return h->query.ptr == NULL ? h->path : join(x, h->path, SLICE_LIT("?"), h->query);
}

/* Path and query, behind scheme and authority when the request came with them. */
static struct slice whole_uri(struct exchange *x)
{
	const struct http_head *h = &x->request;
	bool secure = slice_eq_nocase(slice_sub(h->target, 0, 6), SLICE_LIT("https:"));
	struct slice pathq = whole_pathq(x), origin;

	if (h->method == HTTP_CONNECT)
		return h->authority;
	if (h->authority.ptr == NULL || pathq.ptr == NULL)
		return pathq;
	origin = join(x, secure ? SLICE_LIT("https") : SLICE_LIT("http"), SLICE_LIT("://"), h->authority);
	return origin.ptr == NULL ? SLICE_NONE : join(x, origin, SLICE_NONE, pathq);
}

static struct slice present(struct exchange *x, enum part part)
{
	switch (part) {
	case PART_PATH:
		return x->request.path;
	case PART_PATHQ:
		return whole_pathq(x);
	default:
		return whole_uri(x);
	}
}

/* ---- putting in a new one ---- */

static bool is_path(const struct exchange *x, struct slice path)
{
	if (x->request.method == HTTP_OPTIONS && slice_eq(path, SLICE_LIT("*")))
		return true;
	return path.len > 0 && path.ptr[0] == '/' && http_chars_all(path, HTTP_CHAR_TARGET);
}

static enum verdict put_pathq(struct exchange *x, struct slice pathq)
{
	struct slice query = pathq, path = slice_cut(&query, '?');

	if (x->request.method == HTTP_CONNECT || !is_path(x, path) || !http_chars_all(query, HTTP_CHAR_TARGET))
		return VERDICT_FAIL;
	if (query.ptr != NULL && path.ptr[0] == '*')
		return VERDICT_FAIL;
	x->request.path = path;
	x->request.query = query;
	return VERDICT_NEXT;
}

static enum verdict put_path(struct exchange *x, struct slice path)
{
	struct slice pathq = path;

	if (x->request.query.ptr != NULL)
		pathq = join(x, path, SLICE_LIT("?"), x->request.query);
	return pathq.ptr == NULL ? VERDICT_FAIL : put_pathq(x, pathq);
}

static enum verdict put_query(struct exchange *x, struct slice query)
{
	if (x->request.query.ptr == NULL && query.len == 0)
		return VERDICT_NEXT; /* an empty one is not added, and one that is there keeps its '?' */
	return put_pathq(x, join(x, x->request.path, SLICE_LIT("?"), query));
}

/* A new authority is the new Host as well: the two must not name different servers. */
static enum verdict put_host(struct exchange *x)
{
	struct http_field *host = http_field_known(&x->request, NAME_AUTHORITY_HOST, 0);

	if (x->request.authority.ptr == NULL)
		return VERDICT_NEXT;
	if (host != NULL) {
		host->value = x->request.authority;
		return VERDICT_NEXT;
	}
	return http_field_add(&x->request, SLICE_LIT("Host"), x->request.authority) ? VERDICT_NEXT : VERDICT_FAIL;
}

static enum verdict put_uri(struct exchange *x, struct slice uri)
{
	struct http_head h = x->request;

	h.target = uri;
	if (uri.len == 0 || !http_chars_all(uri, HTTP_CHAR_TARGET) || http_target_split(&h) != NULL)
		return VERDICT_FAIL;
	x->request.target = uri;
	x->request.authority = h.authority;
	x->request.path = h.path;
	x->request.query = h.query;
	return put_host(x);
}

static enum verdict put(struct exchange *x, enum part part, struct slice text)
{
	if (text.ptr == NULL)
		return VERDICT_FAIL;
	switch (part) {
	case PART_PATH:
		return put_path(x, text);
	case PART_PATHQ:
		return put_pathq(x, text);
	case PART_QUERY:
		return put_query(x, text);
	default:
		return put_uri(x, text);
	}
}

static enum verdict run_set(struct exchange *x, const void *arg)
{
	const struct path_rule *r = arg;

	return put(x, r->part, format_text(r->format, x));
}

static enum verdict run_replace(struct exchange *x, const void *arg)
{
	const struct path_rule *r = arg;
	struct slice old = present(x, r->part), replacement;
	struct regex_match m;

	if (old.ptr == NULL)
		return VERDICT_FAIL;
	if (!regex_find(r->regex, x, old, 0, &m))
		return VERDICT_NEXT;
	replacement = format_text(r->format, x);
	if (replacement.ptr == NULL)
		return VERDICT_FAIL;
	return put(x, r->part, regex_expand(x, replacement, &m));
}

/* ---- set-method <format> ---- */

/* Which methods differ in how long the messages are that go with them: a change between them would leave the client and the server with
 * different ideas of where the response ends. */
static int framing_kind(enum http_method m)
{
	return m == HTTP_HEAD ? 1 : m == HTTP_CONNECT ? 2 : 0;
}

static enum verdict run_method(struct exchange *x, const void *arg)
{
	const struct path_rule *r = arg;
	struct slice text = format_text(r->format, x);
	enum http_method method;

	if (!http_is_token(text))
		return VERDICT_FAIL;
	method = http_method_of(text);
	if (framing_kind(method) != framing_kind(x->request.method))
		return VERDICT_FAIL;
	if (method != HTTP_OPTIONS && slice_eq(x->request.path, SLICE_LIT("*")))
		return VERDICT_FAIL;
	x->request.method = method;
	x->request.method_text = text;
	return VERDICT_NEXT;
}

#define ON_LINE ON(RULES_REQUEST)

const struct action actions_path[] = {
	{ .name = "set-method", .sets = ON_LINE, .read = read_set, .run = run_method, .rewrites = true },
	{ .name = "set-path", .sets = ON_LINE, .read = read_set, .run = run_set, .rewrites = true },
	{ .name = "set-pathq", .sets = ON_LINE, .read = read_set, .run = run_set, .rewrites = true },
	{ .name = "set-query", .sets = ON_LINE, .read = read_set, .run = run_set, .rewrites = true },
	{ .name = "set-uri", .sets = ON_LINE, .read = read_set, .run = run_set, .rewrites = true },
	{ .name = "replace-path", .sets = ON_LINE, .read = read_replace, .run = run_replace, .rewrites = true },
	{ .name = "replace-pathq", .sets = ON_LINE, .read = read_replace, .run = run_replace, .rewrites = true },
	{ .name = "replace-uri", .sets = ON_LINE, .read = read_replace, .run = run_replace, .rewrites = true },
	{ .name = NULL },
};
