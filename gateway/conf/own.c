/* own.c - keywords that are our own and not HAProxy's, and the sections that other modules read. Further own keywords stand in options.c,
 * timeouts.c and logging.c: all have KEYWORD_OWN, and "gateway -dK" names them. */
#include <limits.h>
#include "gateway/conf/reader.h"
#include "gateway/health/resolver.h"
#include "gateway/http/chars.h"
#include "gateway/model/own.h"
#include "gateway/rule/error_page.h"

/* "retry-budget 20% [min 10]" */
static void retry_budget_read(struct parse *p, const struct keyword *k)
{
	struct retry_budget *b = arena_alloc(p->arena, sizeof(*b));
	struct slice word;
	uint64_t percent, least = 0;

	if (!parse_want(p, k->name, &word))
		return;
	if (word.ptr[word.len - 1] != '%') {
		parse_error(p, "'retry-budget' expects a percentage such as 20%%, not '%.*s'", SLICE_ARG(word));
		return;
	}
	word = arena_copy(p->arena, slice_sub(word, 0, word.len - 1));
	if (!parse_number(p, word, k->name, 0, 100, &percent))
		return;
	if (parse_accept(p, "min") && (!parse_want(p, "min", &word) || !parse_number(p, word, "min", 0, 1000000, &least)))
		return;
	if (!parse_end(p))
		return;
	b->percent = (unsigned)percent;
	b->least = (unsigned)least;
	p->proxy->backend.budget = b;
}

/* "consistency-token <token header> [<fact header>]" */
static void consistency_read(struct parse *p, const struct keyword *k)
{
	struct consistency *c = arena_alloc(p->arena, sizeof(*c));
	struct slice fact;

	if (!parse_want(p, k->name, &c->token_header))
		return;
	fact = parse_next(p);
	c->fact_header = fact.ptr == NULL ? SLICE_LIT("Consistency-Token") : fact;
	if (!parse_end(p))
		return;
	if (http_is_token(c->token_header) && http_is_token(c->fact_header))
		p->proxy->consistency = c;
	else
		parse_error(p, "'%s' expects names of headers", k->name);
}

static void body_limit_read(struct parse *p, const struct keyword *k)
{
	struct slice word;

	if (parse_want(p, k->name, &word) && parse_size(p, word, k->name, &p->proxy->body_limit))
		parse_end(p);
}

const struct keyword keywords_own[] = {
	{ "retry-budget", NULL, IN_BACKENDS, retry_budget_read, KEYWORD_AGAIN | KEYWORD_OWN, 0 },
	{ "consistency-token", NULL, IN_FRONTENDS, consistency_read, KEYWORD_AGAIN | KEYWORD_OWN, 0 },
	{ "body-limit", NULL, IN_ALL_PROXIES, body_limit_read, KEYWORD_OWN, 0 },
	{ .name = NULL },
};

/* --- sections of other modules ------------------------------------------------------------------- */

static void resolvers_line(struct parse *p, const struct keyword *k)
{
	(void)k;
	p->at = 0;
	resolvers_read(p);
}

static void http_errors_line(struct parse *p, const struct keyword *k)
{
	(void)k;
	p->at = 0;
	error_section_read(p, reader_of(p)->section_name);
}

const struct keyword keywords_sections[] = {
	{ "nameserver", NULL, IN_RESOLVERS, resolvers_line, 0, 0 },
	{ "parse-resolv-conf", NULL, IN_RESOLVERS, resolvers_line, 0, 0 },
	{ "resolve_retries", NULL, IN_RESOLVERS, resolvers_line, 0, 0 },
	{ "timeout", NULL, IN_RESOLVERS, resolvers_line, 0, 0 },
	{ "hold", NULL, IN_RESOLVERS, resolvers_line, 0, 0 },
	{ "accepted_payload_size", NULL, IN_RESOLVERS, resolvers_line, 0, 0 },
	{ "errorfile", NULL, IN_HTTP_ERRORS, http_errors_line, 0, 0 },
	{ .name = NULL },
};
