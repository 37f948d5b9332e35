/* plan.c - "option httpchk" and "http-check": reads what checks over HTTP send and expect, and writes the request.
 *
 * A section that inherits a plan from its defaults and says something itself gets a plan of its own: rules (connect, send,
 * expect) are then its own alone, as in HAProxy, and only the options and the line of "option httpchk" are taken over.
 */
#include "gateway/health/plan.h"

#include <assert.h>

#include "gateway/conf/address.h"
#include "gateway/conf/parse.h"
#include "gateway/health/expect.h"
#include "gateway/http/chars.h"
#include "gateway/model/proxy.h"

/* The section's own plan, made when there is none. */
static struct health_plan *plan_own(struct parse *p)
{
	const struct health_plan *inherited = p->proxy->backend.plan;
	struct health_plan *plan;

	if (inherited != NULL && inherited->owner == p->proxy)
		return p->proxy->backend.plan;
	plan = arena_alloc(p->arena, sizeof(*plan));
	plan->owner = p->proxy;
	if (inherited != NULL) {
		plan->http = inherited->http;
		plan->option = inherited->option;
		plan->disable_on_404 = inherited->disable_on_404;
		plan->send_state = inherited->send_state;
	}
	p->proxy->backend.plan = plan;
	return plan;
}

/* ---- parts of the request ---- */

static bool method_check(struct parse *p, struct slice method)
{
	if (http_is_token(method))
		return true;
	parse_error(p, "'%.*s' : '%.*s' is not a method", SLICE_ARG(p->words[0]), SLICE_ARG(method));
	return false;
}

static bool uri_check(struct parse *p, struct slice uri)
{
	if (uri.len > 0 && http_chars_all(uri, HTTP_CHAR_TARGET))
		return true;
	parse_error(p, "'%.*s' : '%.*s' cannot stand in a request line", SLICE_ARG(p->words[0]), SLICE_ARG(uri));
	return false;
}

static bool version_check(struct parse *p, struct slice version)
{
	if (slice_eq(version, SLICE_LIT("HTTP/1.0")) || slice_eq(version, SLICE_LIT("HTTP/1.1")))
		return true;
	parse_error(p, "'%.*s' : expects HTTP/1.0 or HTTP/1.1, not '%.*s' (headers are sent by 'http-check send hdr')",
		    SLICE_ARG(p->words[0]), SLICE_ARG(version));
	return false;
}

/* A log-format text that needs no exchange: "%%" is "%", and variables there are none. */
static bool constant_text(struct parse *p, struct slice text, struct slice *out)
{
	char *copy = arena_alloc(p->arena, text.len + 1);
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '%' && (i + 1 == text.len || text.ptr[i + 1] != '%')) {
			parse_error(p, "'http-check send' : '%.*s' has a variable; checks can send constant texts only", SLICE_ARG(text));
			return false;
		}
		i += text.ptr[i] == '%';
		copy[len++] = text.ptr[i];
	}
	*out = slice_of(copy, len);
	return true;
}

/* ---- option httpchk [<uri> | <method> <uri> [<version>]] ---- */

static void httpchk_read(struct parse *p)
{
	struct slice first = parse_next(p), second = parse_next(p), third = parse_next(p);
	struct plan_line line = { .method = first, .uri = second, .version = third };
	struct health_plan *plan;

	if (second.ptr == NULL)
		line = (struct plan_line){ .uri = first };
	if ((line.method.ptr != NULL && !method_check(p, line.method)) || (line.uri.ptr != NULL && !uri_check(p, line.uri)) ||
	    (line.version.ptr != NULL && !version_check(p, line.version)) || !parse_end(p))
		return;
	plan = plan_own(p);
	plan->http = true;
	plan->option = line;
}

/* ---- http-check send ---- */

static bool header_read(struct parse *p, struct health_plan *plan)
{
	struct slice name, value;

	if (!parse_want(p, "hdr", &name) || !parse_want(p, "hdr", &value) || !constant_text(p, value, &value))
		return false;
	if (!http_is_token(name) || !http_is_value(value)) {
		parse_error(p, "'http-check send' : '%.*s: %.*s' is not a header field", SLICE_ARG(name), SLICE_ARG(value));
		return false;
	}
	if (http_name_of(name) == NAME_CONTENT_LENGTH || http_name_of(name) == NAME_TRANSFER_ENCODING)
		return true; /* the body alone says how long it is */
	if (plan->header_count == PLAN_HEADERS_MOST) {
		parse_error(p, "'http-check send' : more than %d headers", PLAN_HEADERS_MOST);
		return false;
	}
	plan->headers[plan->header_count].name = name;
	plan->headers[plan->header_count++].value = value;
	return true;
}

static bool send_word_read(struct parse *p, struct health_plan *plan)
{
	struct slice word = parse_next(p), unused;
	struct plan_line *line = &plan->send;

	if (slice_eq(word, SLICE_LIT("meth")))
		return parse_want(p, "meth", &line->method) && method_check(p, line->method);
	if (slice_eq(word, SLICE_LIT("uri")))
		return parse_want(p, "uri", &line->uri) && uri_check(p, line->uri);
	if (slice_eq(word, SLICE_LIT("uri-lf")))
		return parse_want(p, "uri-lf", &line->uri) && constant_text(p, line->uri, &line->uri) && uri_check(p, line->uri);
	if (slice_eq(word, SLICE_LIT("ver")))
		return parse_want(p, "ver", &line->version) && version_check(p, line->version);
	if (slice_eq(word, SLICE_LIT("hdr")))
		return header_read(p, plan);
	if (slice_eq(word, SLICE_LIT("body")))
		return parse_want(p, "body", &plan->body);
	if (slice_eq(word, SLICE_LIT("body-lf")))
		return parse_want(p, "body-lf", &plan->body) && constant_text(p, plan->body, &plan->body);
	if (slice_eq(word, SLICE_LIT("comment")))
		return parse_want(p, "comment", &unused); /* of a rule that cannot fail by itself */
	parse_error(p, "'http-check send' expects 'meth', 'uri', 'uri-lf', 'ver', 'hdr', 'body', 'body-lf', 'comment', not '%.*s'",
		    SLICE_ARG(word));
	return false;
}

static void send_read(struct parse *p, struct health_plan *plan)
{
	if (plan->has_send || plan->expects != NULL) {
		parse_error(p, "'http-check send' : a check sends one request, in front of all 'http-check expect'");
		return;
	}
	plan->has_send = true;
	plan->comment = SLICE_NONE;
	while (parse_peek(p).ptr != NULL) {
		if (!send_word_read(p, plan))
			return;
	}
}

/* ---- http-check connect ---- */

static bool connect_address_read(struct parse *p, struct health_plan *plan)
{
	struct address a;
	struct slice word;
	const char *why;

	if (!parse_want(p, "addr", &word))
		return false;
	why = address_parse(p->arena, word, 0, &a);
	if (why == NULL && !address_sockaddr(&a, a.has_port ? (uint16_t)a.port : 0, &plan->sa, &plan->sa_len))
		why = "expects an address, not a name";
	if (why != NULL)
		parse_error(p, "'http-check connect' : 'addr' : %s", why);
	return why == NULL;
}

static bool connect_word_read(struct parse *p, struct health_plan *plan)
{
	struct slice word = parse_next(p);
	uint64_t port;

	if (slice_eq(word, SLICE_LIT("default")) || slice_eq(word, SLICE_LIT("linger")))
		return true; /* both are what is done anyway */
	if (slice_eq(word, SLICE_LIT("comment")))
		return parse_want(p, "comment", &plan->connect_comment);
	if (slice_eq(word, SLICE_LIT("addr")))
		return connect_address_read(p, plan);
	if (slice_eq(word, SLICE_LIT("port"))) {
		if (!parse_want(p, "port", &word) || !parse_number(p, word, "port", 1, UINT16_MAX, &port))
			return false;
		plan->port = (uint16_t)port;
		return true;
	}
	parse_error(p, "'http-check connect' expects 'default', 'port', 'addr', 'linger' or 'comment', not '%.*s'", SLICE_ARG(word));
	return false;
}

static void connect_read(struct parse *p, struct health_plan *plan)
{
	if (plan->has_connect || plan->has_send || plan->expects != NULL) {
		parse_error(p, "'http-check connect' : a check makes one connection, and this is its first rule");
		return;
	}
	plan->has_connect = true;
	plan->connect_comment = plan->comment;
	plan->comment = SLICE_NONE;
	while (parse_peek(p).ptr != NULL) {
		if (!connect_word_read(p, plan))
			return;
	}
}

/* ---- the other rules ---- */

static void expect_rule_read(struct parse *p, struct health_plan *plan)
{
	struct expect *e = expect_read(p), **end = &plan->expects;

	if (e == NULL)
		return;
	if (e->comment.ptr == NULL)
		e->comment = plan->comment;
	plan->comment = SLICE_NONE;
	plan->expects_body |= expect_is_body(e);
	while (*end != NULL)
		end = &(*end)->next;
	*end = e;
}

static void comment_read(struct parse *p, struct health_plan *plan)
{
	if (parse_want(p, "http-check comment", &plan->comment))
		parse_end(p);
}

static void disable_on_404_read(struct parse *p, struct health_plan *plan)
{
	plan->disable_on_404 = parse_end(p);
}

static void send_state_read(struct parse *p, struct health_plan *plan)
{
	plan->send_state = parse_end(p);
}

static const struct {
	const char *name;
	void (*read)(struct parse *p, struct health_plan *plan);
	bool is_rule;
} rules[] = {
	{ "send", send_read, true },
	{ "expect", expect_rule_read, true },
	{ "connect", connect_read, true },
	{ "comment", comment_read, true },
	{ "disable-on-404", disable_on_404_read, false },
	{ "send-state", send_state_read, false },
};

#define RULES (sizeof(rules) / sizeof(rules[0]))

static void http_check_unknown(struct parse *p, struct slice word)
{
	const char *names[RULES], *nearest;

	for (size_t i = 0; i < RULES; i++)
		names[i] = rules[i].name;
	nearest = parse_nearest(word, names, RULES);
	parse_error(p, "'http-check' expects 'send', 'expect', 'connect', 'comment', 'disable-on-404' or 'send-state', not '%.*s'%s%s%s",
		    SLICE_ARG(word), nearest == NULL ? "" : "; did you mean '", nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'?");
}

static void http_check_read(struct parse *p)
{
	const struct health_plan *inherited = p->proxy->backend.plan;
	struct slice word = parse_next(p);
	size_t i = 0;

	while (i < RULES && !slice_eq(word, slice_str(rules[i].name)))
		i++;
	if (i == RULES) {
		http_check_unknown(p, word);
		return;
	}
	if (rules[i].is_rule && inherited != NULL && inherited->owner != p->proxy && inherited->http)
		parse_warning(p, "'http-check %s' : the rules of this section replace those of its defaults; HAProxy 2.6 then sends no request "
			      "unless 'option httpchk' stands here, in front of them, as well", rules[i].name);
	rules[i].read(p, plan_own(p));
}

void health_plan_read(struct parse *p, struct slice keyword)
{
	if (slice_eq(keyword, SLICE_LIT("httpchk")))
		httpchk_read(p);
	else
		http_check_read(p);
}

/* ---- the request ---- */

static struct slice first_of(struct slice a, struct slice b, struct slice otherwise)
{
	return a.ptr != NULL ? a : b.ptr != NULL ? b : otherwise;
}

static struct slice method_of(const struct health_plan *plan)
{
	return first_of(plan->send.method, plan->option.method, SLICE_LIT("OPTIONS"));
}

enum http_method plan_method(const struct health_plan *plan)
{
	return http_method_of(method_of(plan));
}

static bool has_field(const struct health_plan *plan, enum http_name id)
{
	for (unsigned i = 0; i < plan->header_count; i++) {
		if (http_name_of(plan->headers[i].name) == id)
			return true;
	}
	return false;
}

static void field_add(struct buf *out, struct slice name, struct slice value)
{
	buf_add_slice(out, name);
	buf_add_str(out, ": ");
	buf_add_slice(out, value);
	buf_add_str(out, "\r\n");
}

void plan_request(const struct health_plan *plan, struct slice state, struct buf *out)
{
	struct slice version = first_of(plan->send.version, plan->option.version, SLICE_LIT("HTTP/1.0"));
	enum http_method method = plan_method(plan);

	buf_add_slice(out, method_of(plan));
	buf_add_char(out, ' ');
	buf_add_slice(out, first_of(plan->send.uri, plan->option.uri, SLICE_LIT("/")));
	buf_add_char(out, ' ');
	buf_add_slice(out, version);
	buf_add_str(out, "\r\n");
	for (unsigned i = 0; i < plan->header_count; i++)
		field_add(out, plan->headers[i].name, plan->headers[i].value);
	if (state.ptr != NULL)
		field_add(out, SLICE_LIT("X-Haproxy-Server-State"), state);
	if (plan->body.ptr != NULL || method == HTTP_POST || method == HTTP_PUT || method == HTTP_PATCH)
		buf_printf(out, "Content-Length: %zu\r\n", plan->body.len);
	if (slice_eq(version, SLICE_LIT("HTTP/1.1")) && !has_field(plan, NAME_CONNECTION))
		field_add(out, SLICE_LIT("Connection"), SLICE_LIT("close"));
	buf_add_str(out, "\r\n");
	buf_add_slice(out, plan->body);
}
