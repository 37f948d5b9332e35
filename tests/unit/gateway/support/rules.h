/* rules.h - for tests of rules: a frontend with rules, and an exchange that they run on. Header only.
 *
 * A line is taken apart at blanks; what stands between single quotes is one word.
 */
#ifndef MOA_TESTS_UNIT_GATEWAY_SUPPORT_RULES_H
#define MOA_TESTS_UNIT_GATEWAY_SUPPORT_RULES_H

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "gateway/expr/expr.h"
#include "gateway/expr/regex.h"
#include "gateway/expr/var.h"
#include "gateway/http/parse.h"
#include "gateway/loop/loop.h"
#include "gateway/model/config.h"
#include "gateway/model/proxy.h"
#include "gateway/rule/rule.h"
#include "gateway/session/exchange.h"
#include "gateway/session/worker.h"
#include "tests/unit/gateway/support/words.h"

#define RULES_FIELDS 24
#define RULES_ARENA 65536 /* most bytes of an exchange's arena, unless a test wants less */

struct rules {
	struct words w;
	struct config config;
	struct proxy fe, be, other; /* other: a listen section */
	struct gateway gateway;
	struct worker worker;
	struct tally tallies[3];
	struct session session;
	struct exchange x;
	struct http_field fields[2][RULES_FIELDS];
	struct rule_list list;
	enum rule_set set; /* of <list> */
	char heads[2][2048]; /* of request and response, where their slices point */
	char copy[512];
};

static inline void rules_proxy(struct rules *t, struct proxy *p, const char *name, bool frontend, bool backend)
{
	*p = (struct proxy){ .name = slice_str(name), .index = t->config.proxy_count++, .is_frontend = frontend, .is_backend = backend };
	p->next = t->config.proxies;
	t->config.proxies = p;
}

static inline void rules_setup(struct rules *t)
{
	memset(t, 0, sizeof(*t));
	words_setup(&t->w);
	t->config = (struct config){ .arena = t->w.p.arena, .bufsize = 16384, .maxrewrite = 1024 };
	rules_proxy(t, &t->fe, "fe", true, false);
	rules_proxy(t, &t->be, "be", false, true);
	rules_proxy(t, &t->other, "other", true, true);
	t->gateway.config = &t->config;
	t->gateway.workers = &t->worker;
	t->gateway.worker_count = 1;
	t->worker.gateway = &t->gateway;
	t->worker.loop = loop_create();
	t->worker.vars = var_pool_create();
	t->worker.frontends = t->worker.backends = t->tallies;
	t->worker.random = 1;
	t->w.p.config = &t->config;
	t->w.p.proxy = &t->fe;
	t->session = (struct session){ .worker = &t->worker, .frontend = &t->fe, .requests = 1 };
	t->set = RULES_REQUEST;
}

static inline void rules_end_exchange(struct rules *t)
{
	vars_clear(&t->x.txn, t->worker.vars);
	vars_clear(&t->x.req, t->worker.vars);
	vars_clear(&t->x.res, t->worker.vars);
	arena_free(&t->x.arena);
}

static inline void rules_cleanup(struct rules *t)
{
	rules_end_exchange(t);
	vars_clear(&t->session.vars, t->worker.vars);
	pool_free(&t->worker.vars);
	regex_space_free(&t->worker.regex);
	loop_free(&t->worker.loop);
	rate_tables_free(&t->config);
	var_names_free(&t->config.var_names);
	regexes_free(&t->config);
	words_cleanup(&t->w);
}

/* Takes <line> apart into the words of the parse. */
static inline struct parse *rules_words(struct rules *t, const char *line)
{
	struct parse *p = words_line(&t->w, "");

	while (*line != '\0') {
		bool quoted = *line == '\'';
		const char *from = line + quoted, *to = from;

		while (*to != '\0' && *to != (quoted ? '\'' : ' '))
			to++;
		assert(p->count < PARSE_WORDS_MAX);
		p->words[p->count++] = arena_copy(p->arena, slice_of(from, (size_t)(to - from)));
		line = to + (quoted && *to != '\0');
		line += *line == ' ';
	}
	p->words[p->count] = SLICE_NONE;
	return p;
}

/* Reads a rule into t->list; what was said, "" when nothing. */
static inline const char *rules_read(struct rules *t, const char *line)
{
	rule_read(rules_words(t, line), t->set, &t->list);
	return words_said(&t->w);
}

/* Looks names up; what was said. */
static inline const char *rules_resolve(struct rules *t)
{
	buf_clear(&t->w.messages);
	rules_resolve_all(&t->w.p);
	expr_resolve_all(&t->w.p);
	t->w.p.proxy = &t->fe;
	return words_said(&t->w);
}

static inline void rules_parse_head(struct http_head *h, bool response, struct slice text)
{
	struct http_parser parser;
	size_t used;

	http_parser_init(&parser, response, 0);
	if (http_parse(&parser, text, true, h, &used) != HTTP_DONE)
		abort();
}

static inline void rules_address(struct sockaddr_storage *a, const char *text, uint16_t port)
{
	struct sockaddr_in *in = (struct sockaddr_in *)a;

	memset(a, 0, sizeof(*a));
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	if (inet_pton(AF_INET, text, &in->sin_addr) != 1)
		abort();
}

/* A new exchange whose arena holds at most <limit> bytes. */
static inline struct exchange *rules_exchange(struct rules *t, size_t limit)
{
	rules_end_exchange(t);
	t->x = (struct exchange){ .session = &t->session, .worker = &t->worker, .frontend = &t->fe, .cause = '-', .stage = '-', .log_level = -1 };
	t->x.arena = arena_create(limit < 1024 ? limit : 1024, limit);
	rules_address(&t->session.from, "192.0.2.1", 4711);
	rules_address(&t->session.to, "198.51.100.1", 80);
	http_head_init(&t->x.request, t->fields[0], RULES_FIELDS);
	http_head_init(&t->x.response, t->fields[1], RULES_FIELDS);
	return &t->x;
}

/* Uses up the exchange's arena. */
static inline void rules_exhaust(struct rules *t)
{
	while (arena_alloc(t->x.arena, 1) != NULL)
		;
}

/* A head in t->heads: lines without their CRLF, parted by '|'. */
static inline struct slice rules_head(struct rules *t, bool response, const char *lines)
{
	struct buf head;

	buf_init_fixed(&head, t->heads[response], sizeof(t->heads[response]));
	for (; *lines != '\0'; lines++) {
		if (*lines == '|')
			buf_add_str(&head, "\r\n");
		else
			buf_add_char(&head, *lines);
	}
	buf_add_str(&head, "\r\n\r\n");
	if (!buf_ok(&head))
		abort();
	return buf_slice(&head);
}

/* A new exchange with that request's head. */
static inline struct exchange *rules_request_limited(struct rules *t, const char *lines, size_t limit)
{
	struct exchange *x = rules_exchange(t, limit);
	struct http_error error;

	rules_parse_head(&x->request, false, rules_head(t, false, lines));
	if (http_frame_request(&x->request, &x->request_frame, &error) != HTTP_DONE)
		abort();
	return x;
}

static inline struct exchange *rules_request(struct rules *t, const char *lines)
{
	return rules_request_limited(t, lines, RULES_ARENA);
}

/* "GET <target>", with a Host. */
static inline struct exchange *rules_get(struct rules *t, const char *target)
{
	char lines[1024];

	if (snprintf(lines, sizeof(lines), "GET %s HTTP/1.1|Host: shop.example", target) >= (int)sizeof(lines))
		abort();
	return rules_request(t, lines);
}

/* The response to the exchange's request. */
static inline struct exchange *rules_response(struct rules *t, const char *lines)
{
	struct http_error error;

	rules_parse_head(&t->x.response, true, rules_head(t, true, lines));
	if (http_frame_response(&t->x.response, t->x.request.method, false, &t->x.response_frame, &error) != HTTP_DONE)
		abort();
	return &t->x;
}

static inline enum verdict rules_go(struct rules *t)
{
	return rules_run(&t->list, &t->x);
}

/* Forgets the rules read so far. */
static inline void rules_clear(struct rules *t)
{
	t->list = (struct rule_list){ 0 };
}

/* All values of that name, joined by '|'; "-" when there is none. */
static inline const char *rules_values(struct rules *t, const struct http_head *h, const char *name)
{
	const struct http_field *f = http_field_find(h, slice_str(name), 0);
	struct buf out;

	buf_init_fixed(&out, t->copy, sizeof(t->copy));
	if (f == NULL)
		buf_add_char(&out, '-');
	for (unsigned i = 0; f != NULL; i++) {
		if (i > 0)
			buf_add_char(&out, '|');
		buf_add_slice(&out, f->value);
		f = http_field_find(h, slice_str(name), (unsigned)(f - h->fields) + 1);
	}
	buf_add_char(&out, '\0');
	return t->copy;
}

static inline const char *rules_text(struct rules *t, struct slice s)
{
	if (s.len >= sizeof(t->copy))
		abort();
	if (s.len > 0)
		memcpy(t->copy, s.ptr, s.len);
	t->copy[s.len] = '\0';
	return t->copy;
}

/* A header of the reply, or "-". */
static inline const char *rules_reply_header(struct rules *t, const char *name)
{
	const struct reply *r = &t->x.reply;

	for (unsigned i = 0; i < r->header_count; i++) {
		if (slice_eq_nocase(r->headers[i][0], slice_str(name)))
			return rules_text(t, r->headers[i][1]);
	}
	return "-";
}

#endif
