/* action_redirect.c - "redirect location|prefix|scheme …", as an action and as a keyword of a section.
 *
 * With the prefix "/" the path itself is the new location; HAProxy would send a path "//evil.example/" back as it is, which
 * browsers take for another site. Here slashes at its start become one.
 */
#include <assert.h>

#include "gateway/expr/format.h"
#include "gateway/http/chars.h"
#include "gateway/rule/actions.h"
#include "shared/base/buf.h"

enum kind { REDIRECT_NONE, REDIRECT_LOCATION, REDIRECT_PREFIX, REDIRECT_SCHEME };

struct redirect {
	enum kind kind;
	int code;
	struct format *format; /* NULL: <text> as it is */
	struct slice text;
	bool drop_query, append_slash, ignore_empty;
	struct slice cookie; /* whole value of Set-Cookie, or SLICE_NONE */
};

/* What reading needs: as an action, or plain, whose texts are no formats. */
struct reading {
	struct parse *p;
	enum rule_set set;
	bool plain;
	struct redirect *r;
};

/* ---- reading ---- */

static bool complain(struct parse *p, const char *why, struct slice word)
{
	parse_error(p, "'redirect': %s '%.*s'", why, SLICE_ARG(word));
	return false;
}

static bool read_target(struct reading *g, enum kind kind, struct slice text)
{
	if (g->r->kind != REDIRECT_NONE)
		return complain(g->p, "there is a location already, unexpected", text);
	if (kind != REDIRECT_LOCATION && rule_on_response(g->set))
		return complain(g->p, "on a response only 'location' is possible, not", text);
	g->r->kind = kind;
	g->r->text = text;
	if (g->plain)
		return http_is_value(text) || complain(g->p, "no header can hold", text);
	g->r->format = rule_format(g->p, g->set, text);
	return g->r->format != NULL;
}

static bool read_code(struct reading *g, struct slice word)
{
	static const int codes[] = { 301, 302, 303, 307, 308 };
	uint64_t code = 0;

	if (slice_to_u64(word, 999, &code)) {
		for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
			if ((uint64_t)codes[i] == code)
				g->r->code = codes[i];
		}
	}
	return g->r->code == (int)code || complain(g->p, "the code must be one of 301, 302, 303, 307 and 308, not", word);
}

static bool read_cookie(struct reading *g, struct slice word, const char *attributes)
{
	if (!http_is_value(word) || !http_char_is(word.ptr[0], HTTP_CHAR_TOKEN))
		return complain(g->p, "no cookie is named", word);
	g->r->cookie = arena_printf(g->p->arena, "%.*s; path=/;%s", SLICE_ARG(word), attributes);
	return true;
}

static bool read_option(struct redirect *r, struct slice word)
{
	if (slice_eq(word, SLICE_LIT("drop-query")))
		r->drop_query = true;
	else if (slice_eq(word, SLICE_LIT("append-slash")))
		r->append_slash = true;
	else if (slice_eq(word, SLICE_LIT("ignore-empty")))
		r->ignore_empty = true;
	else
		return false;
	return true;
}

/* An argument that is followed by a value. False when <word> is none, or after complaining: *bad then. */
static bool read_valued(struct reading *g, struct slice word, bool *bad)
{
	static const char *const names[] = { "location", "prefix", "scheme", "code", "set-cookie", "clear-cookie" };
	unsigned which = 0;
	struct slice value;

	while (which < 6 && !slice_eq(word, slice_str(names[which])))
		which++;
	if (which == 6)
		return false;
	parse_next(g->p);
	value = parse_next(g->p);
	if (value.len == 0)
		*bad = !complain(g->p, "missing argument for", word);
	else if (which < 3)
		*bad = !read_target(g, REDIRECT_LOCATION + which, value);
	else if (which == 3)
		*bad = !read_code(g, value);
	else
		*bad = !read_cookie(g, value, which == 4 ? "" : " Max-Age=0;");
	return !*bad;
}

static const void *read_arguments(struct reading *g)
{
	bool bad = false;

	*g->r = (struct redirect){ .code = 302 };
	while (!bad) {
		struct slice word = parse_peek(g->p);

		if (read_option(g->r, word))
			parse_next(g->p);
		else if (!read_valued(g, word, &bad))
			break;
	}
	if (bad)
		return NULL;
	if (g->r->kind == REDIRECT_NONE) {
		parse_error(g->p, "'redirect' expects 'location', 'prefix' or 'scheme'");
		return NULL;
	}
	return g->r;
}

static const void *read_redirect(struct parse *p, enum rule_set set, struct slice name)
{
	struct reading g = { .p = p, .set = set, .r = rule_memory(p, sizeof(*g.r)) };

	(void)name;
	return read_arguments(&g);
}

const void *redirect_plain(struct parse *p)
{
	struct reading g = { .p = p, .set = RULES_REQUEST, .plain = true, .r = rule_memory(p, sizeof(*g.r)) };

	return read_arguments(&g);
}

/* ---- running ---- */

/* The path that is appended, which begins with '/': "*" and the target of CONNECT count as "/". */
static struct slice path_of(const struct exchange *x, bool one_slash)
{
	struct slice path = x->request.path;

	if (path.len == 0 || path.ptr[0] != '/')
		return SLICE_LIT("/");
	while (one_slash && path.len > 1 && path.ptr[1] == '/')
		path = slice_sub(path, 1, path.len);
	return path;
}

static void add_path(const struct redirect *r, const struct exchange *x, bool one_slash, struct buf *out)
{
	struct slice path = path_of(x, one_slash);

	buf_add_slice(out, path);
	if (!r->drop_query && x->request.query.ptr != NULL) {
		buf_add_char(out, '?');
		buf_add_slice(out, x->request.query);
	} else if (r->drop_query && r->append_slash && path.ptr[path.len - 1] != '/') {
		buf_add_char(out, '/');
	}
}

/* The whole location; SLICE_NONE: no room. */
static struct slice location(const struct redirect *r, struct exchange *x, struct slice text)
{
	const struct http_field *host = http_field_known(&x->request, NAME_AUTHORITY_HOST, 0);
	struct slice name = host != NULL ? host->value : SLICE_NONE;
	size_t size = text.len + 3 + name.len + x->request.path.len + 1 + x->request.query.len + 2;
	bool itself = r->kind == REDIRECT_PREFIX && slice_eq(text, SLICE_LIT("/"));
	struct buf out;
	char *storage;

	if (r->kind == REDIRECT_LOCATION)
		return text;
	storage = arena_alloc(x->arena, size);
	if (storage == NULL)
		return SLICE_NONE;
	buf_init_fixed(&out, storage, size);
	if (!itself)
		buf_add_slice(&out, text);
	if (r->kind == REDIRECT_SCHEME) {
		buf_add_str(&out, "://");
		buf_add_slice(&out, name);
	}
	add_path(r, x, itself, &out);
	assert(buf_ok(&out));
	return buf_slice(&out);
}

static void add_header(struct reply *r, struct slice name, struct slice value)
{
	r->headers[r->header_count][0] = name;
	r->headers[r->header_count++][1] = value;
}

static enum verdict run_redirect(struct exchange *x, const void *arg)
{
	const struct redirect *r = arg;
	struct slice text = r->format != NULL ? rule_value(r->format, x) : r->text;
	struct slice where;

	if (text.ptr == NULL)
		return VERDICT_FAIL;
	if (text.len == 0 && r->ignore_empty)
		return VERDICT_NEXT;
	where = location(r, x, text);
	if (where.ptr == NULL)
		return VERDICT_FAIL;
	x->cause = 'L';
	x->reply = (struct reply){ .status = r->code };
	add_header(&x->reply, SLICE_LIT("Location"), where);
	if (r->code == 302 || r->code == 303 || r->code == 307)
		add_header(&x->reply, SLICE_LIT("Cache-Control"), SLICE_LIT("no-cache"));
	if (r->cookie.ptr != NULL)
		add_header(&x->reply, SLICE_LIT("Set-Cookie"), r->cookie);
	return VERDICT_REPLY;
}

const struct action actions_redirect[] = {
	{ .name = "redirect", .sets = ON(RULES_REQUEST) | ON(RULES_RESPONSE), .read = read_redirect, .run = run_redirect },
	{ .name = NULL },
};
