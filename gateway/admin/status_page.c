/* status_page.c - the status page: which requests are for it, who may see it, and which answer they get. */
#include "gateway/admin/status_page.h"

#include <string.h>

#include "gateway/admin/stat_list.h"
#include "gateway/admin/status_view.h"
#include "gateway/expr/cond.h"
#include "gateway/model/proxy.h"
#include "gateway/rule/auth.h"
#include "gateway/session/exchange.h"
#include "gateway/session/worker.h"

#define PIECE (8 * 1024)

static const char *const outcome_words[STATUS_OUTCOME_COUNT] = {
	[STATUS_DONE] = "DONE", [STATUS_DENIED] = "DENY", [STATUS_ERROR] = "ERRP", [STATUS_TOO_LONG] = "EXCD",
	[STATUS_NOTHING] = "NONE", [STATUS_PARTLY] = "PART",
};

const char *status_outcome_word(enum status_outcome o)
{
	return outcome_words[o];
}

/* ---- the address ---- */

/* Whether path, '?' and query begin with <uri>. */
static bool is_asked(const struct http_head *h, struct slice uri)
{
	struct slice path = slice_sub(uri, 0, h->path.len), query = slice_sub(uri, h->path.len, uri.len);

	if (h->method != HTTP_GET && h->method != HTTP_HEAD && h->method != HTTP_POST)
		return false;
	if (query.len == 0)
		return slice_starts_with(h->path, path);
	return slice_eq(h->path, path) && query.ptr[0] == '?' && h->query.ptr != NULL &&
	       slice_starts_with(h->query, slice_sub(query, 1, query.len));
}

static const char *find(struct slice text, const char *what)
{
	return text.len == 0 ? NULL : memmem(text.ptr, text.len, what, strlen(what));
}

/* What follows <what> up to the next option; SLICE_NONE: it is not there. */
static struct slice option(struct slice text, const char *what)
{
	const char *at = find(text, what);
	size_t from, to;

	if (at == NULL)
		return SLICE_NONE;
	from = to = (size_t)(at - text.ptr) + strlen(what);
	while (to < text.len && text.ptr[to] != ';' && text.ptr[to] != '&')
		to++;
	return slice_sub(text, from, to);
}

static void read_outcome(struct slice word, struct status_view *v)
{
	for (unsigned o = 0; o < STATUS_OUTCOME_COUNT; o++) {
		if (word.len == 4 && slice_eq(word, slice_str(outcome_words[o]))) {
			v->told = true;
			v->outcome = (enum status_outcome)o;
		}
	}
}

/* Options are looked for anywhere behind the page's address, in path and query, as HAProxy does. */
static bool read_options(struct exchange *x, struct status_view *v)
{
	const struct http_head *h = &x->request;
	struct slice rest = arena_printf(x->arena, "%.*s%s%.*s", SLICE_ARG(h->path), h->query.ptr != NULL ? "?" : "", SLICE_ARG(h->query));

	if (rest.ptr == NULL)
		return false;
	rest = slice_sub(rest, v->page->uri.len, rest.len);
	v->hide_down = find(rest, ";up") != NULL;
	v->hide_maint = find(rest, ";no-maint") != NULL;
	v->no_refresh = v->page->refresh_s > 0 && find(rest, ";norefresh") != NULL;
	if (find(rest, ";csv") != NULL)
		v->format = STATUS_CSV;
	else if (find(rest, ";typed") != NULL)
		v->format = STATUS_TYPED;
	else if (find(rest, ";json") != NULL)
		v->format = STATUS_JSON;
	read_outcome(option(rest, ";st="), v);
	v->scope = option(rest, "?scope=");
	if (v->scope.ptr == NULL)
		v->scope = option(rest, "&scope="); /* behind a query that belongs to the address */
	v->scope = slice_sub(v->scope, 0, STATUS_SCOPE_MOST);
	return true;
}

void status_address(const struct status_view *v, const char *outcome, struct buf *out)
{
	bool has_query = slice_find(v->page->uri, '?') < v->page->uri.len;

	buf_add_slice(out, v->page->uri);
	if (outcome != NULL)
		buf_printf(out, ";st=%s", outcome);
	if (v->hide_down)
		buf_add_str(out, ";up");
	if (v->hide_maint)
		buf_add_str(out, ";no-maint");
	if (v->no_refresh)
		buf_add_str(out, ";norefresh");
	if (v->scope.len > 0)
		buf_printf(out, "%sscope=%.*s", has_query ? "&" : "?", SLICE_ARG(v->scope));
}

/* ---- what is shown ---- */

static bool holds_nocase(struct slice text, struct slice part)
{
	for (size_t i = 0; i + part.len <= text.len; i++) {
		if (slice_eq_nocase(slice_sub(text, i, i + part.len), part))
			return true;
	}
	return false;
}

static bool shows(const void *arg, const struct proxy *p)
{
	const struct status_view *v = arg;
	bool allowed = v->page->scopes == NULL;

	for (const struct stats_scope *s = v->page->scopes; s != NULL; s = s->next)
		allowed |= slice_eq(s->name, p->name);
	return allowed && (v->scope.len == 0 || holds_nocase(p->name, v->scope));
}

struct stat_walk status_walk(const struct status_view *v)
{
	return (struct stat_walk){
		.gateway = v->gateway, .types = STAT_ALL_TYPES, .up_only = v->hide_down, .no_maint = v->hide_maint,
		.hide_address = !v->page->show_legends, .shows = shows, .arg = v,
	};
}

/* ---- the answer ---- */

struct pieces {
	struct status_view view;
	struct stat_list list;
	struct status_html html;
	struct buf out;
	char storage[];
};

static enum reply_more more(struct exchange *x, void *arg, struct slice *piece)
{
	struct pieces *p = arg;
	bool all;

	(void)x;
	buf_clear(&p->out);
	if (p->view.format == STATUS_HTML)
		all = status_html_write(&p->html, &p->view, &p->out, PIECE);
	else
		all = stat_list_write(&p->list, &p->out, PIECE);
	*piece = buf_slice(&p->out);
	if (!buf_ok(&p->out))
		return REPLY_BROKEN;
	return all ? REPLY_LAST : REPLY_MORE;
}

static void add_header(struct reply *r, struct slice name, struct slice value)
{
	r->headers[r->header_count][0] = name;
	r->headers[r->header_count++][1] = value;
}

static struct slice type_of(enum status_format f)
{
	if (f == STATUS_JSON)
		return SLICE_LIT("application/json");
	return f == STATUS_HTML ? SLICE_LIT("text/html") : SLICE_LIT("text/plain");
}

static enum verdict show(struct exchange *x, const struct status_view *v)
{
	static const enum stat_format formats[] = { [STATUS_CSV] = STAT_CSV, [STATUS_TYPED] = STAT_TYPED, [STATUS_JSON] = STAT_JSON };
	size_t size = PIECE + (v->format == STATUS_HTML ? STATUS_HTML_MOST : STAT_ROW_MOST);
	struct pieces *p = arena_alloc(x->arena, sizeof(*p) + size);
	struct reply *r = &x->reply;

	if (p == NULL)
		return VERDICT_FAIL;
	p->view = *v;
	p->list.walk = p->html.walk = status_walk(&p->view);
	p->list.format = formats[v->format];
	buf_init_fixed(&p->out, p->storage, size);
	*r = (struct reply){ .status = 200, .content_type = type_of(v->format), .more = more, .pieces = p };
	add_header(r, SLICE_LIT("cache-control"), SLICE_LIT("no-cache"));
	if (v->page->refresh_s > 0 && !v->no_refresh)
		add_header(r, SLICE_LIT("refresh"), arena_printf(x->arena, "%d", v->page->refresh_s));
	if (v->format == STATUS_HTML) {
		/* Names come from the configuration, texts of checks from servers: no script of theirs runs, whatever gets past the escapes. */
		add_header(r, SLICE_LIT("content-security-policy"),
			   SLICE_LIT("default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"));
		add_header(r, SLICE_LIT("x-content-type-options"), SLICE_LIT("nosniff"));
	}
	return VERDICT_REPLY;
}

/* Back to the page, which says how it went. */
static enum verdict send_back(struct exchange *x, const struct status_view *v, enum status_outcome outcome)
{
	size_t size = v->page->uri.len + 128;
	char *space = arena_alloc(x->arena, size);
	struct buf out;

	if (space == NULL)
		return VERDICT_FAIL;
	buf_init_fixed(&out, space, size);
	status_address(v, outcome_words[outcome], &out);
	x->reply = (struct reply){ .status = 303, .content_type = SLICE_LIT("text/plain") };
	add_header(&x->reply, SLICE_LIT("cache-control"), SLICE_LIT("no-cache"));
	add_header(&x->reply, SLICE_LIT("location"), buf_slice(&out));
	return VERDICT_REPLY;
}

/* ---- the form ---- */

/* Browsers say where a form came from; a page of another site must not change servers with the visitor's password. */
static bool is_foreign(const struct exchange *x)
{
	const struct http_field *f = http_field_find(&x->request, SLICE_LIT("Sec-Fetch-Site"), 0);

	return f != NULL && !slice_eq(f->value, SLICE_LIT("same-origin")) && !slice_eq(f->value, SLICE_LIT("none"));
}

/* <again>: its body was waited for; as much of it as fits is there. */
static enum verdict take_form(struct exchange *x, const struct status_view *v, bool again, struct status_order **order)
{
	struct status_order *o = arena_alloc(x->arena, sizeof(*o));
	struct status_view *kept = arena_alloc(x->arena, sizeof(*kept));
	enum status_outcome outcome;

	if (o == NULL || kept == NULL)
		return VERDICT_FAIL;
	if (!v->may_change || is_foreign(x))
		return send_back(x, v, STATUS_DENIED);
	if (x->request_frame.kind == BODY_NONE)
		return send_back(x, v, STATUS_NOTHING);
	if (!x->body_whole)
		return again ? send_back(x, v, STATUS_TOO_LONG) : VERDICT_BODY;
	if (!status_form_read(v->gateway, x->arena, x->body, o, &outcome))
		return send_back(x, v, outcome);
	*kept = *v;
	o->of = kept;
	*order = o;
	return VERDICT_REPLY;
}

void status_page_changed(struct exchange *x, const struct status_order *order, enum status_outcome outcome)
{
	x->cause = 'L';
	if (send_back(x, order->of, outcome) != VERDICT_REPLY)
		x->reply = (struct reply){ .status = 303 };
}

/* ---- who may see it ---- */

static bool is_user(const struct stats_page *page, struct exchange *x)
{
	struct slice name, password;
	bool known = false;

	if (!auth_basic(x, &name, &password))
		return false;
	for (const struct stats_user *u = page->users; u != NULL; u = u->next) {
		bool same_name = auth_same(name, u->name), same_password = auth_same(password, u->password);

		known |= same_name && same_password;
	}
	return known;
}

/* "stats http-request" comes first, and may let a request in without a password; then "stats auth". */
static enum verdict admit(const struct stats_page *page, struct exchange *x)
{
	enum verdict v = page->rules != NULL ? rules_run(page->rules, x) : VERDICT_NEXT;

	if (v == VERDICT_NEXT && page->users != NULL && !is_user(page, x))
		return auth_demand(x, page->realm);
	return v == VERDICT_ALLOW ? VERDICT_NEXT : v;
}

enum verdict status_page(const struct proxy *p, struct exchange *x, struct status_order **order)
{
	struct status_view v = { .gateway = x->worker->gateway, .proxy = p, .page = p->stats };
	const struct slice name = SLICE_LIT("<STATS>");
	bool again = slice_eq(x->service, name);
	enum verdict verdict;

	if (!p->stats->enabled || !is_asked(&x->request, p->stats->uri))
		return VERDICT_NEXT;
	if (!read_options(x, &v))
		return VERDICT_FAIL;
	x->service = name;
	verdict = admit(p->stats, x);
	if (verdict != VERDICT_NEXT)
		return verdict;
	x->cause = 'L';
	v.may_change = p->stats->has_admin && cond_holds(p->stats->admin, x);
	return x->request.method == HTTP_POST ? take_form(x, &v, again, order) : show(x, &v);
}
