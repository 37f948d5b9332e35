/* proxy.c - keywords of frontends and backends that have no file of their own: mode, names, limits, captures, monitoring, retries, reuse. */
#include <limits.h>
#include <string.h>
#include "gateway/conf/reader.h"
#include "gateway/expr/cond.h"
#include "gateway/expr/sample.h"
#include "gateway/http/chars.h"
#include "gateway/http/head.h"
#include "gateway/model/own.h"
#include "gateway/rule/error_page.h"
#include "gateway/table/stick_table.h"

#define CAPTURE_MOST 65535 /* bytes of one */
#define CAPTURES_MOST 256  /* of a frontend and direction */

static void mode_read(struct parse *p, const struct keyword *k)
{
	struct slice mode = parse_next(p);

	(void)k;
	if (slice_eq(mode, SLICE_LIT("tcp")))
		parse_error(p, "'mode tcp' is not supported yet: this gateway understands HTTP only");
	else if (slice_eq(mode, SLICE_LIT("health")))
		parse_error(p, "'mode health' doesn't exist anymore. Please use 'http-request return status 200' instead.");
	else if (!slice_eq(mode, SLICE_LIT("http")))
		parse_error(p, "unknown proxy mode '%.*s'.", SLICE_ARG(mode));
	else
		conf_of(p->proxy)->has_mode = parse_end(p);
}

static void id_read(struct parse *p, const struct keyword *k)
{
	struct slice word;
	uint64_t n;

	if (!parse_want(p, k->name, &word) || !parse_number(p, word, k->name, 1, INT_MAX, &n) || !parse_end(p))
		return;
	for (const struct proxy *o = p->config->proxies; o != NULL; o = o->next) {
		if (o != p->proxy && conf_of(o)->has_id && o->id == n) {
			parse_error(p, "%s %.*s reuses same custom id as %s %.*s (declared at %.*s:%u).", section_kind_of(p->proxy),
				    SLICE_ARG(p->proxy->name), section_kind_of(o), SLICE_ARG(o->name), SLICE_ARG(o->file), o->line);
			return;
		}
	}
	p->proxy->id = (unsigned)n;
	conf_of(p->proxy)->has_id = true;
}

static void description_read(struct parse *p, const struct keyword *k)
{
	struct slice text;

	if (!parse_want(p, k->name, &text))
		return;
	for (struct slice word = parse_next(p); word.ptr != NULL; word = parse_next(p))
		text = arena_printf(p->arena, "%.*s %.*s", SLICE_ARG(text), SLICE_ARG(word));
	p->proxy->description = text;
}

/* k->field: what "disabled" or "enabled" sets. */
static void disabled_read(struct parse *p, const struct keyword *k)
{
	if (parse_end(p))
		p->proxy->disabled = k->field != 0;
}

static void count_read(struct parse *p, const struct keyword *k)
{
	unsigned *field = field_at(p->proxy, k->field);
	struct slice word;
	uint64_t n;

	if (parse_want(p, k->name, &word) && parse_number(p, word, k->name, 0, INT_MAX, &n) && parse_end(p))
		*field = (unsigned)n;
}

static void backlog_read(struct parse *p, const struct keyword *k)
{
	struct slice word;
	uint64_t n;

	if (parse_want(p, k->name, &word) && parse_number(p, word, k->name, 0, INT_MAX, &n) && parse_end(p))
		conf_of(p->proxy)->backlog = (unsigned)n;
}

static void default_backend_read(struct parse *p, const struct keyword *k)
{
	struct slice name;

	if (!parse_want(p, k->name, &name) || !parse_end(p))
		return;
	p->proxy->default_backend_name = name;
	conf_of(p->proxy)->places.default_backend = place_of(p);
}

static void stick_table_line(struct parse *p, const struct keyword *k)
{
	(void)k;
	if (p->proxy->table != NULL)
		parse_error(p, "stick-table name '%.*s' conflicts with the table declared in %s '%.*s' before.", SLICE_ARG(p->proxy->name),
			    section_kind_of(p->proxy), SLICE_ARG(p->proxy->name));
	else
		p->proxy->table = stick_table_read(p, p->proxy->name);
}

static void error_page_line(struct parse *p, const struct keyword *k)
{
	error_page_read(p, slice_str(k->name), &p->proxy->error_pages);
}

/* --- monitoring ---------------------------------------------------------------------------------- */

static void monitor_uri_read(struct parse *p, const struct keyword *k)
{
	struct slice uri;

	if (parse_want(p, k->name, &uri) && parse_end(p))
		p->proxy->monitor_uri = uri;
}

static void monitor_fail_read(struct parse *p, const struct keyword *k)
{
	struct cond_list *l = arena_alloc(p->arena, sizeof(*l)), **end = &p->proxy->monitor_fail;

	(void)k;
	if (p->at == p->count) {
		parse_error(p, "'monitor fail' requires either 'if' or 'unless' followed by a condition.");
		return;
	}
	if (!cond_read(p, WHEN_IN_REQUEST, "monitor fail", &l->cond))
		return;
	while (*end != NULL)
		end = &(*end)->next;
	*end = l;
}

/* --- captures ------------------------------------------------------------------------------------ */

static void capture_add(struct parse *p, bool of_request, struct slice name)
{
	struct capture **list = of_request ? &p->proxy->request_captures : &p->proxy->response_captures;
	unsigned *count = of_request ? &p->proxy->request_capture_count : &p->proxy->response_capture_count;
	struct capture *c;
	struct slice word;
	uint64_t n;

	if (!parse_accept(p, "len")) {
		parse_error(p, "'%.*s %.*s' expects 'len' <length>", SLICE_ARG(p->words[0]), SLICE_ARG(p->words[1]));
		return;
	}
	if (!parse_want(p, "len", &word) || !parse_number(p, word, "len", 1, CAPTURE_MOST, &n) || !parse_end(p))
		return;
	if (*count == CAPTURES_MOST) {
		parse_error(p, "a frontend may have at most %d captures", CAPTURES_MOST);
		return;
	}
	c = arena_alloc(p->arena, sizeof(*c));
	*c = (struct capture){ .index = (*count)++, .name = name, .len = (unsigned)n };
	while (*list != NULL)
		list = &(*list)->next;
	*list = c;
}

/* "capture request header <name> len <length>", and of the response: k->field 0. */
static void capture_read(struct parse *p, const struct keyword *k)
{
	struct slice name;

	if (!parse_accept(p, "header")) {
		parse_error(p, "'capture %s' expects 'header' <header_name> 'len' <len>.", k->second);
		return;
	}
	if (!parse_want(p, "header", &name))
		return;
	if (!http_is_token(name))
		parse_error(p, "'%.*s' is not the name of a header", SLICE_ARG(name));
	else
		capture_add(p, k->field != 0, name);
}

static void declare_read(struct parse *p, const struct keyword *k)
{
	(void)k;
	if (parse_accept(p, "request"))
		capture_add(p, true, SLICE_NONE);
	else if (parse_accept(p, "response"))
		capture_add(p, false, SLICE_NONE);
	else
		parse_error(p, "'declare capture' requires a direction ('request' or 'response')");
}

/* --- backends ------------------------------------------------------------------------------------ */

static void reuse_read(struct parse *p, const struct keyword *k)
{
	static const char *const names[] = { "never", "safe", "aggressive", "always" };
	struct slice word;

	if (!parse_want(p, k->name, &word) || !parse_end(p))
		return;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (slice_eq(word, slice_str(names[i]))) {
			p->proxy->backend.reuse = (enum reuse)i;
			return;
		}
	}
	parse_error(p, "'http-reuse' only supports 'never', 'safe', 'aggressive', 'always' (got '%.*s').", SLICE_ARG(word));
}

static void retry_on_read(struct parse *p, const struct keyword *k)
{
	static const struct { const char *name; unsigned bits; } causes[] = {
		{ "none", 0 }, { "conn-failure", RETRY_CONN_FAILURE }, { "empty-response", RETRY_EMPTY_RESPONSE },
		{ "junk-response", RETRY_JUNK_RESPONSE }, { "response-timeout", RETRY_RESPONSE_TIMEOUT },
		{ "0rtt-rejected", RETRY_0RTT_REJECTED }, { "401", RETRY_401 }, { "403", RETRY_403 }, { "404", RETRY_404 },
		{ "408", RETRY_408 }, { "425", RETRY_425 }, { "500", RETRY_500 }, { "501", RETRY_501 }, { "502", RETRY_502 },
		{ "503", RETRY_503 }, { "504", RETRY_504 },
		{ "all-retryable-errors", RETRY_CONN_FAILURE | RETRY_EMPTY_RESPONSE | RETRY_JUNK_RESPONSE | RETRY_RESPONSE_TIMEOUT |
					  RETRY_0RTT_REJECTED | RETRY_500 | RETRY_502 | RETRY_503 | RETRY_504 },
	};
	unsigned bits = 0;
	struct slice word;

	if (!parse_want(p, k->name, &word))
		return;
	if (slice_eq(word, SLICE_LIT("none")) && p->at < p->count) {
		parse_error(p, "'retry-on': 'none' can only be used alone");
		return;
	}
	for (; word.ptr != NULL; word = parse_next(p)) {
		unsigned i = 0;

		while (i < sizeof(causes) / sizeof(causes[0]) && !slice_eq(word, slice_str(causes[i].name)))
			i++;
		if (i == sizeof(causes) / sizeof(causes[0]) || (i == 0 && p->count > 2)) {
			parse_error(p, "'retry-on': unknown keyword '%.*s'", SLICE_ARG(word));
			return;
		}
		bits |= causes[i].bits;
	}
	p->proxy->backend.retry_on = bits;
}

static void load_state_read(struct parse *p, const struct keyword *k)
{
	struct slice word;

	if (!parse_want(p, k->name, &word) || !parse_end(p))
		return;
	if (slice_eq(word, SLICE_LIT("none")) || slice_eq(word, SLICE_LIT("global")) || slice_eq(word, SLICE_LIT("local")))
		p->proxy->backend.load_state_from = word;
	else
		parse_error(p, "'%s' expects 'global', 'local' or 'none'. Got '%.*s'", k->name, SLICE_ARG(word));
}

#define FIELD(name) offsetof(struct proxy, name)

const struct keyword keywords_proxy[] = {
	{ "mode", NULL, IN_ALL_PROXIES, mode_read, 0, 0 },
	{ "id", NULL, IN_PROXY, id_read, 0, 0 },
	{ "description", NULL, IN_PROXY, description_read, 0, 0 },
	{ "disabled", NULL, IN_ALL_PROXIES, disabled_read, 0, 1 },
	{ "enabled", NULL, IN_ALL_PROXIES, disabled_read, 0, 0 },
	{ "maxconn", NULL, IN_FRONTENDS, count_read, 0, FIELD(maxconn) },
	{ "backlog", NULL, IN_FRONTENDS, backlog_read, 0, 0 },
	{ "default_backend", NULL, IN_FRONTENDS, default_backend_read, 0, 0 },
	{ "monitor-uri", NULL, IN_FRONTENDS, monitor_uri_read, 0, 0 },
	{ "monitor", "fail", IN_FRONTEND, monitor_fail_read, 0, 0 },
	{ "capture", "request", IN_FRONTEND, capture_read, 0, 1 },
	{ "capture", "response", IN_FRONTEND, capture_read, 0, 0 },
	{ "declare", "capture", IN_FRONTEND, declare_read, 0, 0 },
	{ "stick-table", NULL, IN_PROXY, stick_table_line, 0, 0 },
	{ "errorfile", NULL, IN_ALL_PROXIES, error_page_line, KEYWORD_AGAIN, 0 },
	{ "errorfiles", NULL, IN_ALL_PROXIES, error_page_line, KEYWORD_AGAIN, 0 },
	{ "errorloc", NULL, IN_ALL_PROXIES, error_page_line, KEYWORD_AGAIN, 0 },
	{ "errorloc302", NULL, IN_ALL_PROXIES, error_page_line, KEYWORD_AGAIN, 0 },
	{ "errorloc303", NULL, IN_ALL_PROXIES, error_page_line, KEYWORD_AGAIN, 0 },
	{ "http-error", NULL, IN_ALL_PROXIES, error_page_line, KEYWORD_AGAIN, 0 },
	{ "fullconn", NULL, IN_BACKENDS, count_read, 0, FIELD(backend.fullconn) },
	{ "retries", NULL, IN_BACKENDS, count_read, 0, FIELD(backend.retries) },
	{ "retry-on", NULL, IN_BACKENDS, retry_on_read, 0, 0 },
	{ "http-reuse", NULL, IN_BACKENDS, reuse_read, 0, 0 },
	{ "load-server-state-from-file", NULL, IN_BACKENDS, load_state_read, 0, 0 },
	{ .name = NULL },
};
