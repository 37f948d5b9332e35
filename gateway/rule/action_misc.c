/* action_misc.c - rules that set one thing of the exchange: status, log level, nice, tos, mark, timeouts, waiting for the body. */
#include "gateway/expr/expr.h"
#include "gateway/http/chars.h"
#include "gateway/model/proxy.h"
#include "gateway/rule/actions.h"

/* ---- set-status <status> [reason <text>] ---- */

struct set_status {
	int status;
	struct slice reason; /* SLICE_NONE: the usual one */
};

static const void *read_status(struct parse *p, enum rule_set set, struct slice name)
{
	struct set_status *s = rule_memory(p, sizeof(*s));
	struct slice word;
	uint64_t status;

	/* HAProxy takes 100 and up; a final response with the status of an interim one would have the client wait for another. */
	if (!rule_words(p, set, name, "a status", 1, &word) || !parse_number(p, word, "set-status", 200, 999, &status))
		return NULL;
	s->status = (int)status;
	if (parse_accept(p, "reason") && !parse_want(p, "reason", &s->reason))
		return NULL;
	if (!http_is_value(s->reason)) {
		parse_error(p, "'set-status': no response can have the reason '%.*s'", SLICE_ARG(s->reason));
		return NULL;
	}
	return s;
}

static bool has_body(const struct exchange *x)
{
	return x->own_answer ? x->reply.body.len > 0 || x->reply.more != NULL : x->response_frame.kind != BODY_NONE;
}

static enum verdict run_status(struct exchange *x, const void *arg)
{
	const struct set_status *s = arg;

	/* The client reads no body behind these, and would take it for the next response. */
	if ((s->status == 204 || s->status == 304) && has_body(x))
		return VERDICT_FAIL;
	x->response.status = s->status;
	x->response.reason = s->reason.ptr != NULL ? s->reason : slice_str(http_reason(s->status));
	return VERDICT_NEXT;
}

/* ---- set-log-level <level>|silent ---- */

static const struct slice levels[] = {
	SLICE("emerg"), SLICE("alert"), SLICE("crit"), SLICE("err"), SLICE("warning"), SLICE("notice"), SLICE("info"), SLICE("debug"), SLICE("silent"),
};
#define LEVEL_COUNT (sizeof(levels) / sizeof(levels[0]))
#define LEVEL_SILENT ((int)LEVEL_COUNT - 1)

struct number {
	int64_t value;
};

static const void *read_level(struct parse *p, enum rule_set set, struct slice name)
{
	struct number *n = rule_memory(p, sizeof(*n));
	struct slice word;

	if (!rule_words(p, set, name, "a level or 'silent'", 1, &word))
		return NULL;
	for (size_t i = 0; i < LEVEL_COUNT; i++) {
		if (slice_eq(word, levels[i])) {
			n->value = (int64_t)i;
			return n;
		}
	}
	parse_error(p, "'%s %.*s': unknown level '%.*s'; there are emerg, alert, crit, err, warning, notice, info, debug and silent",
		    rule_keyword(set), SLICE_ARG(name), SLICE_ARG(word));
	return NULL;
}

static enum verdict run_level(struct exchange *x, const void *arg)
{
	int level = (int)((const struct number *)arg)->value;

	x->log_silent = level == LEVEL_SILENT; /* the last rule wins */
	if (!x->log_silent)
		x->log_level = level;
	return VERDICT_NEXT;
}

/* ---- set-nice, set-tos, set-mark ---- */

static const void *read_nice(struct parse *p, enum rule_set set, struct slice name)
{
	struct number *n = rule_memory(p, sizeof(*n));
	struct slice word;

	if (!rule_words(p, set, name, "a number", 1, &word))
		return NULL;
	if (!slice_to_i64(word, &n->value)) {
		parse_error(p, "'%s %.*s' expects a number, not '%.*s'", rule_keyword(set), SLICE_ARG(name), SLICE_ARG(word));
		return NULL;
	}
	n->value = n->value < -1024 ? -1024 : n->value > 1024 ? 1024 : n->value;
	return n;
}

/* Decimal, or hexadecimal behind "0x". */
static bool read_bits(struct slice word, uint64_t most, uint64_t *out)
{
	struct slice digits = slice_sub(word, 2, word.len);
	uint64_t n = 0;

	if (!slice_eq_nocase(slice_sub(word, 0, 2), SLICE_LIT("0x")))
		return slice_to_u64(word, most, out);
	if (digits.len == 0 || digits.len > 8)
		return false;
	for (size_t i = 0; i < digits.len; i++) {
		char c = digits.ptr[i], lower = (char)(c | 0x20);

		if (!(c >= '0' && c <= '9') && !(lower >= 'a' && lower <= 'f'))
			return false;
		n = n * 16 + (uint64_t)(c <= '9' ? c - '0' : lower - 'a' + 10);
	}
	*out = n;
	return n <= most;
}

static const void *read_flag(struct parse *p, enum rule_set set, struct slice name)
{
	struct number *n = rule_memory(p, sizeof(*n));
	uint64_t most = slice_eq(name, SLICE_LIT("set-tos")) ? 255 : UINT32_MAX, value;
	struct slice word;

	if (!rule_words(p, set, name, "a number", 1, &word))
		return NULL;
	if (!read_bits(word, most, &value)) {
		parse_error(p, "'%s %.*s' expects a number up to %llu, perhaps hexadecimal behind 0x, not '%.*s'", rule_keyword(set), SLICE_ARG(name),
			    (unsigned long long)most, SLICE_ARG(word));
		return NULL;
	}
	n->value = (int64_t)value;
	return n;
}

static enum verdict run_nice(struct exchange *x, const void *arg)
{
	x->nice = (int)((const struct number *)arg)->value;
	return VERDICT_NEXT;
}

static enum verdict run_tos(struct exchange *x, const void *arg)
{
	x->tos = (int)((const struct number *)arg)->value;
	return VERDICT_NEXT;
}

static enum verdict run_mark(struct exchange *x, const void *arg)
{
	x->mark = (int)(uint32_t)((const struct number *)arg)->value;
	return VERDICT_NEXT;
}

/* ---- set-timeout server|tunnel <time>|<expression> ---- */

struct set_timeout {
	bool tunnel;
	int ms;
	struct expr *expr; /* NULL: <ms> */
};

static const void *read_timeout(struct parse *p, enum rule_set set, struct slice name)
{
	struct set_timeout *t = rule_memory(p, sizeof(*t));
	struct slice words[2];

	if (!rule_words(p, set, name, "'server' or 'tunnel' and a time or an expression", 2, words))
		return NULL;
	t->tunnel = slice_eq(words[0], SLICE_LIT("tunnel"));
	if (!t->tunnel && !slice_eq(words[0], SLICE_LIT("server"))) {
		parse_error(p, "'set-timeout' expects 'server' or 'tunnel', not '%.*s'", SLICE_ARG(words[0]));
		return NULL;
	}
	if (!p->proxy->is_backend && !p->proxy->is_defaults) {
		parse_error(p, "'set-timeout': proxy '%.*s' has no backend capability", SLICE_ARG(p->proxy->name));
		return NULL;
	}
	if (words[1].ptr[0] < '0' || words[1].ptr[0] > '9') {
		t->expr = rule_expr(p, set, words[1]);
		return t->expr != NULL ? t : NULL;
	}
	if (!parse_time_ms(p, words[1], 'm', "set-timeout", &t->ms))
		return NULL;
	if (t->ms == 0) {
		parse_error(p, "'set-timeout': the time cannot be 0");
		return NULL;
	}
	return t;
}

static enum verdict run_timeout(struct exchange *x, const void *arg)
{
	const struct set_timeout *t = arg;
	int64_t ms = t->expr != NULL ? expr_number(t->expr, x, 0) : t->ms;

	if (ms <= 0 || ms > INT32_MAX)
		return VERDICT_NEXT; /* what is no time changes nothing */
	if (t->tunnel)
		x->timeout_tunnel_ms = (int)ms;
	else
		x->timeout_server_ms = (int)ms;
	return VERDICT_NEXT;
}

/* ---- wait-for-body time <time> [at-least <bytes>] ---- */

struct wait {
	bool response;
	int ms;
	uint64_t least;
};

static const void *read_wait(struct parse *p, enum rule_set set, struct slice name)
{
	struct wait *w = rule_memory(p, sizeof(*w));
	struct slice words[2];

	w->response = rule_on_response(set);
	if (!rule_words(p, set, name, "'time <time>'", 2, words))
		return NULL;
	if (!slice_eq(words[0], SLICE_LIT("time"))) {
		parse_error(p, "'%s %.*s' expects 'time <time>', not '%.*s'", rule_keyword(set), SLICE_ARG(name), SLICE_ARG(words[0]));
		return NULL;
	}
	if (!parse_time_ms(p, words[1], 'm', "time", &w->ms))
		return NULL;
	if (parse_accept(p, "at-least")) {
		if (!parse_want(p, "at-least", &words[0]) || !parse_size(p, words[0], "at-least", &w->least))
			return NULL;
	}
	return w;
}

static bool is_there(const struct exchange *x, const struct wait *w)
{
	if (w->response)
		return x->response_frame.kind == BODY_NONE;
	return x->request_frame.kind == BODY_NONE || x->body_whole || (w->least > 0 && x->body.ptr != NULL && x->body.len >= w->least);
}

static enum verdict run_wait(struct exchange *x, const void *arg)
{
	const struct wait *w = arg;

	if (is_there(x, w))
		return VERDICT_NEXT;
	x->wait_body_ms = w->ms;
	x->wait_body_least = w->least;
	return VERDICT_BODY;
}

/* ---- strict-mode on|off ---- */

static const void *read_strict(struct parse *p, enum rule_set set, struct slice name)
{
	struct number *n = rule_memory(p, sizeof(*n));
	struct slice word;

	if (!rule_words(p, set, name, "'on' or 'off'", 1, &word))
		return NULL;
	n->value = slice_eq(word, SLICE_LIT("off"));
	if (n->value != 0 || slice_eq(word, SLICE_LIT("on")))
		return n;
	parse_error(p, "'%s %.*s' expects 'on' or 'off', not '%.*s'", rule_keyword(set), SLICE_ARG(name), SLICE_ARG(word));
	return NULL;
}

static enum verdict run_strict(struct exchange *x, const void *arg)
{
	x->rewrites_lenient = ((const struct number *)arg)->value != 0;
	return VERDICT_NEXT;
}

/* ---- disable-l7-retry ---- */

static const void *read_no_retry(struct parse *p, enum rule_set set, struct slice name)
{
	static const char nothing;

	(void)p, (void)set, (void)name;
	return &nothing;
}

static enum verdict run_no_retry(struct exchange *x, const void *arg)
{
	(void)arg;
	x->retry_disabled = true;
	return VERDICT_NEXT;
}

#define ON_BOTH (ON(RULES_REQUEST) | ON(RULES_RESPONSE))

const struct action actions_misc[] = {
	{ .name = "set-status", .sets = ON_ANSWER, .read = read_status, .run = run_status, .rewrites = true },
	{ .name = "set-log-level", .sets = ON(RULES_CONTENT) | ON_BOTH, .read = read_level, .run = run_level },
	{ .name = "set-nice", .sets = ON(RULES_CONTENT) | ON_BOTH, .read = read_nice, .run = run_nice },
	{ .name = "set-tos", .sets = ON_TCP | ON_BOTH, .read = read_flag, .run = run_tos },
	{ .name = "set-mark", .sets = ON_TCP | ON_BOTH, .read = read_flag, .run = run_mark },
	{ .name = "set-timeout", .sets = ON(RULES_REQUEST), .read = read_timeout, .run = run_timeout },
	{ .name = "wait-for-body", .sets = ON_BOTH, .read = read_wait, .run = run_wait },
	{ .name = "strict-mode", .sets = ON_HTTP, .read = read_strict, .run = run_strict },
	{ .name = "disable-l7-retry", .sets = ON(RULES_REQUEST), .read = read_no_retry, .run = run_no_retry },
	{ .name = NULL },
};
