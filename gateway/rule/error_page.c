/* error_page.c - the answers that the gateway makes for failures. */
#include "gateway/rule/error_page.h"

#include <assert.h>

#include "gateway/http/chars.h"
#include "gateway/http/head.h"
#include "gateway/model/config.h"
#include "gateway/model/proxy.h"
#include "gateway/rule/actions.h"
#include "gateway/rule/answer.h"
#include "gateway/rule/page.h"
#include "shared/base/buf.h"
#include "shared/base/jsonw.h"

/* One line of the configuration. */
struct error_page {
	struct error_page *next;     /* read before this one */
	int status;                  /* 0: those of <section> */
	const struct page *page;     /* errorfile */
	const struct answer *answer; /* http-error */
	int redirect;                /* errorloc: 302 or 303, else 0 */
	struct slice location;
	struct slice section_name;   /* errorfiles */
	const struct error_section *section;
	uint64_t codes;              /* of it: bits as in the table below */
};

struct error_section {
	struct error_section *next;
	struct slice name;
	struct error_page *pages;
};

/* The statuses that have pages, and what is wrong then unless whoever fails says it better. */
static const struct {
	int status;
	const char *detail;
} defaults[] = {
	{ 200, "Service ready." },
	{ 400, "The request could not be understood." },
	{ 401, "The request lacks credentials." },
	{ 403, "The request is forbidden." },
	{ 404, "There is nothing at this path." },
	{ 405, "The path does not support this method." },
	{ 407, "The request lacks credentials for this proxy." },
	{ 408, "The request did not arrive in time." },
	{ 410, "What was at this path is gone." },
	{ 411, "The request must say how long its body is." },
	{ 413, "The request body is too large." },
	{ 414, "The request target is too long." },
	{ 417, "The request expects what is not supported." },
	{ 425, "The request came before it could be trusted; try again." },
	{ 429, "There were too many requests. Nothing was done; try again later." },
	{ 431, "The head of the request is too large." },
	{ 500, "Something went wrong on our side." },
	{ 501, "The request asks for what is not supported." },
	{ 502, "The server's answer could not be understood." },
	{ 503, "No server can answer this request now; try again soon." },
	{ 504, "The server did not answer in time." },
	{ 505, "The version of HTTP is not supported." },
};
#define STATUS_COUNT (sizeof(defaults) / sizeof(defaults[0]))
#define ALL_CODES UINT64_MAX

/* The place of <status> in the table, or STATUS_COUNT. */
static size_t place_of(uint64_t status)
{
	size_t i = 0;

	while (i < STATUS_COUNT && (uint64_t)defaults[i].status != status)
		i++;
	return i;
}

bool error_page_has(uint64_t status)
{
	return place_of(status) < STATUS_COUNT;
}

/* ---- reading ---- */

static bool read_code(struct parse *p, struct slice keyword, struct slice word, int *status)
{
	uint64_t code;

	if (!slice_to_u64(word, 599, &code) || !error_page_has(code)) {
		parse_error(p, "'%.*s': status code '%.*s' has no error page", SLICE_ARG(keyword), SLICE_ARG(word));
		return false;
	}
	*status = (int)code;
	return true;
}

static bool read_file(struct parse *p, struct slice keyword, struct error_page *e)
{
	struct slice code, file;

	if (!parse_want(p, keyword.ptr, &code) || !read_code(p, keyword, code, &e->status) || !parse_want(p, keyword.ptr, &file))
		return false;
	e->page = page_read(p, file, "errorfile");
	return e->page != NULL;
}

static bool read_location(struct parse *p, struct slice keyword, struct error_page *e)
{
	struct slice code;

	if (!parse_want(p, keyword.ptr, &code) || !read_code(p, keyword, code, &e->status) || !parse_want(p, keyword.ptr, &e->location))
		return false;
	e->redirect = slice_eq(keyword, SLICE_LIT("errorloc303")) ? 303 : 302;
	if (e->location.len > 0 && http_is_value(e->location))
		return true;
	parse_error(p, "'%.*s' expects a URL", SLICE_ARG(keyword));
	return false;
}

static bool read_answer(struct parse *p, struct error_page *e)
{
	static const struct answer_reading how = {
		.what = "http-error", .when = WHEN_IN_REQUEST, .where = "http-error", .error_statuses = true,
	};

	e->answer = answer_read(p, &how);
	if (e->answer != NULL)
		e->status = answer_status(e->answer);
	return e->answer != NULL;
}

static struct error_section *find_section(const struct config *c, struct slice name)
{
	for (struct error_section *s = c->error_sections; s != NULL; s = s->next) {
		if (slice_eq(s->name, name))
			return s;
	}
	return NULL;
}

static const struct error_section *want_section(struct parse *p, struct slice name, const char *what)
{
	const struct error_section *s = find_section(p->config, name);

	if (s == NULL)
		parse_error(p, "%s: unknown http-errors section '%.*s'", what, SLICE_ARG(name));
	return s;
}

static void look_section_up(struct parse *p, void *arg)
{
	struct error_page *e = arg;

	e->section = want_section(p, e->section_name, "errorfiles");
}

static bool read_import(struct parse *p, struct slice keyword, struct error_page *e)
{
	struct slice word;
	int status;

	if (!parse_want(p, keyword.ptr, &e->section_name))
		return false;
	while ((word = parse_next(p)).ptr != NULL) {
		if (!read_code(p, keyword, word, &status))
			return false;
		e->codes |= UINT64_C(1) << place_of((uint64_t)status);
	}
	if (e->codes == 0)
		e->codes = ALL_CODES;
	rule_later(p, look_section_up, e);
	return true;
}

void error_page_read(struct parse *p, struct slice keyword, struct error_page **list)
{
	struct error_page *e = rule_memory(p, sizeof(*e));
	bool good;

	if (slice_eq(keyword, SLICE_LIT("errorfile")))
		good = read_file(p, keyword, e);
	else if (slice_eq(keyword, SLICE_LIT("errorfiles")))
		good = read_import(p, keyword, e);
	else if (slice_eq(keyword, SLICE_LIT("http-error")))
		good = read_answer(p, e);
	else
		good = read_location(p, keyword, e);
	if (!good || !parse_end(p))
		return;
	e->next = *list;
	*list = e;
}

void error_section_read(struct parse *p, struct slice name)
{
	struct error_section *s = find_section(p->config, name);
	struct slice keyword = parse_next(p);

	if (s == NULL) {
		s = rule_memory(p, sizeof(*s));
		*s = (struct error_section){ .name = name, .next = p->config->error_sections };
		p->config->error_sections = s;
	}
	if (slice_eq(keyword, SLICE_LIT("errorfile")))
		error_page_read(p, keyword, &s->pages);
	else if (keyword.ptr != NULL)
		parse_error(p, "unknown keyword '%.*s' in an 'http-errors' section; there is only 'errorfile'", SLICE_ARG(keyword));
}

/* ---- finding ---- */

static const struct page *section_page(const struct error_section *s, int status)
{
	for (const struct error_page *e = s->pages; e != NULL; e = e->next) {
		if (e->status == status)
			return e->page;
	}
	return NULL;
}

void error_section_page(struct parse *p, struct slice name, int status, const char *what, const struct page **out)
{
	const struct error_section *s = want_section(p, name, what);

	*out = s != NULL ? section_page(s, status) : NULL;
}

/* Makes what <e> says about <status> the answer. False: it says nothing about it. */
static bool fill_from(const struct error_page *e, struct exchange *x, int status)
{
	const struct page *page = e->page;

	if (e->section != NULL && (e->codes >> place_of((uint64_t)status) & 1) != 0)
		page = section_page(e->section, status);
	else if (e->status != status)
		return false;
	if (page != NULL) {
		page_fill(page, &x->reply);
		return true;
	}
	if (e->redirect != 0) {
		x->reply = (struct reply){ .status = e->redirect, .header_count = 2 };
		x->reply.headers[0][0] = SLICE_LIT("Cache-Control");
		x->reply.headers[0][1] = SLICE_LIT("no-cache");
		x->reply.headers[1][0] = SLICE_LIT("Location");
		x->reply.headers[1][1] = e->location;
		return true;
	}
	return e->answer != NULL && !answer_is_missing(e->answer) && answer_fill(e->answer, x);
}

static bool fill_configured(const struct proxy *p, struct exchange *x, int status)
{
	if (p == NULL || !error_page_has((uint64_t)status))
		return false;
	for (const struct error_page *e = p->error_pages; e != NULL; e = e->next) {
		if (e->answer != NULL && e->status == status && answer_is_default(e->answer))
			return false; /* "default-errorfiles" undoes the lines before */
		if (fill_from(e, x, status))
			return true;
	}
	return false;
}

/* ---- the defaults ---- */

/* Enough for a sentence of ours and its document. */
#define DOCUMENT_MAX 512

static void write_problem(int status, const char *detail, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_object(&w);
	jsonw_key(&w, "type");
	jsonw_string(&w, SLICE_LIT("about:blank"));
	jsonw_key(&w, "title");
	jsonw_string(&w, slice_str(http_reason(status)));
	jsonw_key(&w, "status");
	jsonw_i64(&w, status);
	jsonw_key(&w, "detail");
	jsonw_string(&w, slice_str(detail));
	jsonw_object_end(&w);
}

/* <detail> is a sentence of ours: nothing in it means anything in HTML. */
static void write_page(int status, const char *detail, struct buf *out)
{
	buf_printf(out, "<html><body><h1>%d %s</h1>\n%s\n</body></html>\n", status, http_reason(status), detail);
}

static bool wants_problems(const struct exchange *x, int status)
{
	return status >= 400 && (x->frontend->problem_documents || (x->backend != NULL && x->backend->problem_documents));
}

/* SLICE_NONE: it does not fit. */
static struct slice make_document(struct exchange *x, int status, const char *detail, bool problem)
{
	char space[DOCUMENT_MAX];
	struct buf out;

	buf_init_fixed(&out, space, sizeof(space));
	if (problem)
		write_problem(status, detail, &out);
	else
		write_page(status, detail, &out);
	return buf_ok(&out) ? arena_copy(x->arena, buf_slice(&out)) : SLICE_NONE;
}

static void fill_default(struct exchange *x, int status, const char *detail)
{
	struct reply *r = &x->reply;
	size_t place = place_of((uint64_t)status);
	const char *usual = place < STATUS_COUNT ? defaults[place].detail : "The request could not be carried out.";
	bool problem = wants_problems(x, status);

	*r = (struct reply){ .status = status, .header_count = 1, .close = status == 408 };
	r->headers[0][0] = SLICE_LIT("Cache-Control");
	r->headers[0][1] = SLICE_LIT("no-cache");
	if (detail != NULL)
		r->body = make_document(x, status, detail, problem);
	if (r->body.ptr == NULL)
		r->body = make_document(x, status, usual, problem);
	if (r->body.ptr != NULL)
		r->content_type = problem ? SLICE_LIT("application/problem+json") : SLICE_LIT("text/html");
}

static void add_retry_after(struct exchange *x, int seconds)
{
	struct reply *r = &x->reply;
	struct slice value = arena_printf(x->arena, "%d", seconds);

	for (unsigned i = 0; i < r->header_count; i++) {
		if (slice_eq_nocase(r->headers[i][0], SLICE_LIT("Retry-After")))
			return;
	}
	assert(r->header_count < sizeof(r->headers) / sizeof(r->headers[0])); /* pages and answers leave room */
	if (value.ptr == NULL)
		return;
	r->headers[r->header_count][0] = SLICE_LIT("Retry-After");
	r->headers[r->header_count++][1] = value;
}

void error_page_fill(struct exchange *x, int status, const char *detail, int retry_after_s)
{
	if (!fill_configured(x->backend, x, status) && !fill_configured(x->frontend, x, status))
		fill_default(x, status, detail);
	if (retry_after_s > 0)
		add_retry_after(x, retry_after_s);
}
