/* answer.c - the answers that "return", "deny", "tarpit" and "http-error" describe. */
#include "gateway/rule/answer.h"

#include <assert.h>

#include "gateway/expr/format.h"
#include "gateway/http/chars.h"
#include "gateway/rule/actions.h"
#include "gateway/rule/error_page.h"
#include "gateway/rule/page.h"

/* Two headers of a reply stay free: Retry-After, and what the engine may add. */
#define ANSWER_HEADERS_MAX (sizeof(((struct reply *)NULL)->headers) / sizeof(((struct reply *)NULL)->headers[0]) - 2)

enum kind {
	ANSWER_EMPTY,   /* no body */
	ANSWER_DEFAULT, /* the proxy's error page of that status */
	ANSWER_PAGE,    /* a file with a whole response */
	ANSWER_SECTION, /* the page of that status in an http-errors section, or else as DEFAULT */
	ANSWER_TEXT,    /* a body that never changes */
	ANSWER_FORMAT,  /* a body that is a log-format */
};

static const char *const kind_names[] = { "", "default-errorfiles", "errorfile", "errorfiles", "file or string", "lf-file or lf-string" };

struct answer {
	enum kind kind;
	int status;
	struct slice content_type;
	const struct page *page; /* of PAGE; of SECTION when it has one */
	struct slice section;
	struct slice text;
	struct format *format;
	struct {
		struct slice name;
		struct format *value;
	} headers[ANSWER_HEADERS_MAX];
	unsigned header_count;
	const char *what;
};

int answer_status(const struct answer *a)
{
	return a->status;
}

bool answer_is_default(const struct answer *a)
{
	return a->kind == ANSWER_DEFAULT;
}

bool answer_is_missing(const struct answer *a)
{
	return a->kind == ANSWER_SECTION && a->page == NULL;
}

/* ---- reading ---- */

static bool read_status(struct parse *p, const struct answer_reading *how, struct answer *a)
{
	struct slice word;
	uint64_t status;

	if (!parse_want(p, "status", &word) || !parse_number(p, word, "status", 200, 599, &status))
		return false;
	if (how->error_statuses && !error_page_has(status)) {
		parse_error(p, "%s: status code '%.*s' has no error page", how->what, SLICE_ARG(word));
		return false;
	}
	a->status = (int)status;
	return true;
}

static bool read_type(struct parse *p, const struct answer_reading *how, struct answer *a)
{
	if (!parse_want(p, "content-type", &a->content_type))
		return false;
	if (a->content_type.len > 0 && http_is_value(a->content_type))
		return true;
	parse_error(p, "%s: 'content-type' expects a type such as text/plain", how->what);
	return false;
}

static bool read_header(struct parse *p, const struct answer_reading *how, struct answer *a)
{
	struct slice name, value;

	if (!parse_want(p, "hdr", &name) || !parse_want(p, "hdr", &value))
		return false;
	if (!http_is_token(name)) {
		parse_error(p, "%s: '%.*s' cannot be the name of a header", how->what, SLICE_ARG(name));
		return false;
	}
	if (a->header_count == ANSWER_HEADERS_MAX) {
		parse_error(p, "%s: at most %zu headers", how->what, ANSWER_HEADERS_MAX);
		return false;
	}
	a->headers[a->header_count].name = name;
	a->headers[a->header_count].value = format_parse(p, value, how->when, how->where);
	return a->headers[a->header_count++].value != NULL;
}

static bool read_format(struct parse *p, const struct answer_reading *how, struct answer *a, struct slice text)
{
	a->kind = ANSWER_FORMAT;
	a->text = text;
	a->format = format_parse(p, text, how->when, how->where);
	return a->format != NULL;
}

static bool read_text(struct answer *a, struct slice text)
{
	a->kind = ANSWER_TEXT;
	a->text = text;
	return true;
}

static void find_section(struct parse *p, void *arg)
{
	struct answer *a = arg;

	error_section_page(p, a->section, a->status, a->what, &a->page);
}

/* Reads what the word <kind> begins. */
static bool read_content(struct parse *p, const struct answer_reading *how, struct answer *a, struct slice kind, struct slice word)
{
	struct slice content;

	if (slice_eq(kind, SLICE_LIT("string")))
		return read_text(a, word);
	if (slice_eq(kind, SLICE_LIT("lf-string")))
		return read_format(p, how, a, word);
	if (slice_eq(kind, SLICE_LIT("file")))
		return page_file(p, word, page_size_most(p), how->what, &content) && read_text(a, content);
	if (slice_eq(kind, SLICE_LIT("lf-file")))
		return page_file(p, word, page_size_most(p), how->what, &content) && read_format(p, how, a, content);
	if (slice_eq(kind, SLICE_LIT("errorfile"))) {
		a->kind = ANSWER_PAGE;
		a->page = page_read(p, word, how->what);
		return a->page != NULL;
	}
	assert(slice_eq(kind, SLICE_LIT("errorfiles")));
	a->kind = ANSWER_SECTION;
	a->section = word;
	rule_later(p, find_section, a);
	return true;
}

static bool is_content(struct slice word)
{
	static const struct slice kinds[] = {
		SLICE("errorfile"), SLICE("errorfiles"), SLICE("file"), SLICE("lf-file"), SLICE("string"), SLICE("lf-string"),
		SLICE("default-errorfiles"),
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (slice_eq(word, kinds[i]))
			return true;
	}
	return false;
}

/* One argument, whose first word is <word>. *more: it was one. False after complaining. */
static bool read_argument(struct parse *p, const struct answer_reading *how, struct answer *a, struct slice word, bool *more)
{
	struct slice value;

	*more = true;
	if (slice_eq(word, SLICE_LIT("status")) || (how->deny_status && slice_eq(word, SLICE_LIT("deny_status"))))
		return parse_next(p).ptr != NULL && read_status(p, how, a);
	if (slice_eq(word, SLICE_LIT("content-type")))
		return parse_next(p).ptr != NULL && read_type(p, how, a);
	if (slice_eq(word, SLICE_LIT("hdr")))
		return parse_next(p).ptr != NULL && read_header(p, how, a);
	*more = is_content(word);
	if (!*more)
		return true;
	if (a->kind != ANSWER_EMPTY) {
		parse_error(p, "%s: unexpected '%.*s', there is '%s' already", how->what, SLICE_ARG(word), kind_names[a->kind]);
		return false;
	}
	parse_next(p);
	if (slice_eq(word, SLICE_LIT("default-errorfiles"))) {
		a->kind = ANSWER_DEFAULT;
		return true;
	}
	return parse_want(p, word.ptr, &value) && read_content(p, how, a, word, value);
}

/* What must fit together. */
static bool check(struct parse *p, const struct answer_reading *how, struct answer *a)
{
	bool body = a->kind == ANSWER_TEXT || a->kind == ANSWER_FORMAT;
	bool page = a->kind == ANSWER_DEFAULT || a->kind == ANSWER_PAGE || a->kind == ANSWER_SECTION;

	if (a->status == 0) {
		parse_error(p, "%s expects 'status <code>'", how->what);
	} else if (a->kind == ANSWER_DEFAULT && !error_page_has((uint64_t)a->status)) {
		parse_error(p, "%s: status code '%d' has no error page for 'default-errorfiles'", how->what, a->status);
	} else if (body && a->text.len > 0 && a->content_type.ptr == NULL) {
		parse_error(p, "%s: a content type must be given for a body that is not empty", how->what);
	} else if (body && a->text.len > 0 && (a->status == 204 || a->status == 304)) {
		parse_error(p, "%s: a response with status %d has no body", how->what, a->status);
	} else {
		if (a->content_type.ptr != NULL && !(body && a->text.len > 0)) {
			parse_warning(p, "%s: 'content-type' does nothing here", how->what);
			a->content_type = SLICE_NONE;
		}
		if (page && a->header_count > 0) {
			parse_warning(p, "%s: 'hdr' does nothing with an error page", how->what);
			a->header_count = 0;
		}
		return true;
	}
	return false;
}

const struct answer *answer_read(struct parse *p, const struct answer_reading *how)
{
	struct answer *a = rule_memory(p, sizeof(*a));
	bool more = true, plain;

	*a = (struct answer){ .kind = ANSWER_EMPTY, .status = how->status, .what = how->what };
	while (more) {
		if (!read_argument(p, how, a, parse_peek(p), &more))
			return NULL;
	}
	plain = a->kind == ANSWER_EMPTY && a->content_type.ptr == NULL && a->header_count == 0;
	if (plain && how->pages_by_default)
		a->kind = ANSWER_DEFAULT;
	return check(p, how, a) ? a : NULL;
}

/* ---- answering ---- */

static bool fill_headers(const struct answer *a, struct exchange *x)
{
	struct reply *r = &x->reply;

	for (unsigned i = 0; i < a->header_count; i++) {
		r->headers[i][0] = a->headers[i].name;
		r->headers[i][1] = rule_value(a->headers[i].value, x);
		if (r->headers[i][1].ptr == NULL)
			return false;
	}
	r->header_count = a->header_count;
	return true;
}

bool answer_fill(const struct answer *a, struct exchange *x)
{
	struct slice body = a->kind == ANSWER_TEXT ? a->text : SLICE_NONE;

	if (a->page != NULL) {
		page_fill(a->page, &x->reply);
		return true;
	}
	if (answer_is_default(a) || answer_is_missing(a)) {
		error_page_fill(x, a->status, NULL, 0);
		return true;
	}
	if (a->kind == ANSWER_FORMAT) {
		body = format_text(a->format, x);
		if (body.ptr == NULL)
			return false;
	}
	x->reply = (struct reply){ .status = a->status, .content_type = body.len > 0 ? a->content_type : SLICE_NONE, .body = body };
	return fill_headers(a, x);
}
