/* action_limit.c - own actions of http-request: "rate-limit" in one line, and "body-limit".
 *
 *   http-request rate-limit <n> [per <time>] [by <expression>] [table <name>] [if …]
 *
 * lets <n> requests pass in each <time> (a second unless given) for each value of the expression (the client's address unless given)
 * and answers the rest 429, with Retry-After, while RateLimit-Limit, -Remaining and -Reset go on every response. What is refused
 * is not counted, so a client that does not slow down gets its <n> all the same. Requests for which the expression has no
 * value pass. Counted is http_req_rate of a stick table: of the one that is named, whose period then is the rule's, or of one that the
 * rule makes. Threads look and count without waiting for each other, so each may let one too many pass.
 */
#include <stdio.h>

#include "gateway/expr/expr.h"
#include "gateway/model/config.h"
#include "gateway/model/proxy.h"
#include "gateway/rule/actions.h"
#include "gateway/rule/error_page.h"
#include "gateway/session/worker.h"
#include "gateway/table/stick_table.h"

#define LIMIT_MOST 1000000000
/* Of a table of our own: when there are more clients in two periods, those that came least recently start anew. */
#define TABLE_SIZE 100000
/* Longer texts count as one when they begin alike; tokens are shorter. */
#define KEY_LEN 256

struct rate_limit {
	uint64_t most;
	int period_ms; /* 0: not given */
	struct expr *key;
	struct slice table_name;
	struct stick_table *table;
};

/* ---- reading ---- */

static enum stick_type key_type(const struct expr *key)
{
	switch (expr_type(key)) {
	case SAMPLE_ADDR:
		return STICK_IPV6; /* holds those of IPv4 too */
	case SAMPLE_INT:
	case SAMPLE_BOOL:
		return STICK_INTEGER;
	case SAMPLE_BIN:
		return STICK_BINARY;
	default:
		return STICK_STRING;
	}
}

static void make_table(struct parse *p, struct rate_limit *r)
{
	struct rate_table *made = rule_memory(p, sizeof(*made));
	struct stick_options o = { .type = key_type(r->key), .key_len = KEY_LEN, .size = TABLE_SIZE };

	o.name = arena_printf(p->arena, "rate-limit:%.*s:%u", SLICE_ARG(p->file), p->line);
	o.expire_ms = r->period_ms > INT32_MAX / 2 ? INT32_MAX : 2 * r->period_ms; /* then the rate is 0 again */
	o.stored[STICK_HTTP_REQ_RATE] = true;
	o.period_ms[STICK_HTTP_REQ_RATE] = r->period_ms;
	r->table = stick_table_create(&o);
	made->table = r->table;
	made->next = p->config->rate_tables;
	p->config->rate_tables = made;
}

static void find_table(struct parse *p, void *arg)
{
	struct rate_limit *r = arg;
	const struct stick_options *o;

	r->table = rule_table(p, r->table_name, "rate-limit");
	if (r->table == NULL)
		return;
	o = stick_table_options(r->table);
	if (!o->stored[STICK_HTTP_REQ_RATE])
		parse_error(p, "rate-limit: table '%.*s' does not store http_req_rate", SLICE_ARG(r->table_name));
	else if (r->period_ms > 0 && r->period_ms != o->period_ms[STICK_HTTP_REQ_RATE])
		parse_error(p, "rate-limit: 'per' differs from the period of http_req_rate in table '%.*s'", SLICE_ARG(r->table_name));
	r->period_ms = o->period_ms[STICK_HTTP_REQ_RATE];
}

static bool read_period(struct parse *p, struct slice word, int *ms)
{
	if (!parse_time_ms(p, word, 'm', "per", ms))
		return false;
	if (*ms > 0)
		return true;
	parse_error(p, "rate-limit: the time behind 'per' cannot be 0");
	return false;
}

/* The arguments behind the number, in any order. */
static bool read_options(struct parse *p, enum rule_set set, struct rate_limit *r)
{
	struct slice word;

	for (;;) {
		if (parse_accept(p, "per")) {
			if (!parse_want(p, "per", &word) || !read_period(p, word, &r->period_ms))
				return false;
		} else if (parse_accept(p, "by")) {
			if (!parse_want(p, "by", &word))
				return false;
			r->key = rule_expr(p, set, word);
			if (r->key == NULL)
				return false;
		} else if (parse_accept(p, "table")) {
			if (!parse_want(p, "table", &r->table_name))
				return false;
		} else {
			return true;
		}
	}
}

static const void *read_limit(struct parse *p, enum rule_set set, struct slice name)
{
	struct rate_limit *r = rule_memory(p, sizeof(*r));
	struct slice word;

	if (!rule_words(p, set, name, "how many requests", 1, &word) || !parse_number(p, word, "rate-limit", 1, LIMIT_MOST, &r->most))
		return NULL;
	if (!read_options(p, set, r))
		return NULL;
	if (r->key == NULL)
		r->key = rule_expr(p, set, SLICE_LIT("src"));
	if (r->key == NULL)
		return NULL;
	if (r->table_name.ptr != NULL) {
		rule_later(p, find_table, r);
		return r;
	}
	if (r->period_ms == 0)
		r->period_ms = 1000;
	if (!p->proxy->is_defaults) /* whose lines are read again for each section that inherits them */
		make_table(p, r);
	return r;
}

void rate_tables_free(struct config *c)
{
	for (struct rate_table *t = c->rate_tables; t != NULL; t = t->next)
		stick_table_free(&t->table);
	c->rate_tables = NULL;
}

/* ---- running ---- */

/* Of several limits the client is told the one that is nearest. */
static void tell(struct exchange *x, uint64_t limit, uint64_t remaining, int reset_s)
{
	uint64_t before;

	if (slice_to_u64(slice_str(x->limit_header[1]), UINT64_MAX, &before) && before <= remaining)
		return;
	snprintf(x->limit_header[0], sizeof(x->limit_header[0]), "%llu", (unsigned long long)limit);
	snprintf(x->limit_header[1], sizeof(x->limit_header[1]), "%llu", (unsigned long long)remaining);
	snprintf(x->limit_header[2], sizeof(x->limit_header[2]), "%d", reset_s);
}

static enum verdict run_limit(struct exchange *x, const void *arg)
{
	const struct rate_limit *r = arg;
	int64_t now_ms = loop_now_ms(x->worker->loop);
	int period_s = (int)(((int64_t)r->period_ms + 999) / 1000); /* after it at least one more may pass */
	struct stick_entry *e;
	struct sample key;
	uint64_t rate;

	if (!expr_get(r->key, x, &key))
		return VERDICT_NEXT;
	e = stick_track(r->table, &key, now_ms);
	if (e == NULL)
		return VERDICT_NEXT; /* no memory: rather a request too many than none */
	rate = stick_get(r->table, e, STICK_HTTP_REQ_RATE, now_ms);
	if (rate < r->most)
		stick_add(r->table, e, STICK_HTTP_REQ_RATE, 1, now_ms);
	stick_release(r->table, &e, now_ms);
	tell(x, r->most, rate < r->most ? r->most - rate - 1 : 0, period_s);
	if (rate < r->most)
		return VERDICT_NEXT;
	error_page_fill(x, 429, NULL, period_s);
	x->cause = 'P';
	return VERDICT_REPLY;
}

/* ---- body-limit <size> ---- */

static const void *read_body_limit(struct parse *p, enum rule_set set, struct slice name)
{
	uint64_t *most = rule_memory(p, sizeof(*most));
	struct slice word;

	if (!rule_words(p, set, name, "a size", 1, &word) || !parse_size(p, word, "body-limit", most))
		return NULL;
	if (*most > 0)
		return most;
	parse_error(p, "'%s %.*s': the size cannot be 0", rule_keyword(set), SLICE_ARG(name));
	return NULL;
}

/* Lowers the limit, never raises it; the engine counts. */
static enum verdict run_body_limit(struct exchange *x, const void *arg)
{
	const uint64_t *most = arg;

	if (x->body_limit == 0 || *most < x->body_limit)
		x->body_limit = *most;
	return VERDICT_NEXT;
}

const struct action actions_limit[] = {
	{ .name = "rate-limit", .sets = ON(RULES_REQUEST), .read = read_limit, .run = run_limit, .own = true },
	{ .name = "body-limit", .sets = ON(RULES_REQUEST), .read = read_body_limit, .run = run_body_limit, .own = true },
	{ .name = NULL },
};
