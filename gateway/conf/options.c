/* options.c - the "option" keywords of frontends and backends. */
#include <arpa/inet.h>
#include <limits.h>
#include <string.h>
#include "gateway/conf/reader.h"
#include "gateway/health/health.h"
#include "gateway/http/chars.h"

/* Options that are on or off; all of them are off when nothing is said. */
static void flag_read(struct parse *p, const struct keyword *k)
{
	bool *flag = field_at(p->proxy, k->field);

	if (parse_end(p))
		*flag = reader_of(p)->negation == PLAIN;
}

/* http-keep-alive, http-server-close and httpclose rule each other out: the last one counts; "no" undoes only its own. k->field: its mode. */
static void http_mode_read(struct parse *p, const struct keyword *k)
{
	enum http_mode mode = (enum http_mode)k->field;

	if (!parse_end(p))
		return;
	if (reader_of(p)->negation == PLAIN)
		p->proxy->http_mode = mode;
	else if (p->proxy->http_mode == mode)
		p->proxy->http_mode = HTTP_KEEP_ALIVE;
}

static void redispatch_read(struct parse *p, const struct keyword *k)
{
	struct slice word = parse_next(p), digits = word;
	bool minus = word.len > 0 && word.ptr[0] == '-';
	uint64_t n = 1;

	(void)k;
	if (minus)
		digits = slice_sub(word, 1, word.len);
	else if (word.ptr == NULL)
		minus = true;
	if (word.ptr != NULL && !parse_number(p, digits, "option redispatch", 0, INT_MAX, &n))
		return;
	if (!parse_end(p))
		return;
	p->proxy->redispatch = reader_of(p)->negation == PLAIN && n != 0;
	p->proxy->redispatch_interval = minus ? -(int)n : (int)n;
}

/* --- forwardfor ---------------------------------------------------------------------------------- */

/* Bits of a dotted mask; -1: it has holes. */
static int mask_bits(struct in_addr mask)
{
	uint32_t m = ntohl(mask.s_addr);
	int bits = m == 0 ? 0 : __builtin_popcount(m);

	return m == (bits == 0 ? 0 : UINT32_MAX << (32 - bits)) ? bits : -1;
}

/* "192.168.0.0/16", "10.0.0.0/255.0.0.0", "fd00::/8", an address alone. */
static bool network_parse(struct slice text, struct forwardfor *f)
{
	struct slice mask = text, address = slice_cut(&mask, '/');
	char space[INET6_ADDRSTRLEN];
	struct in_addr dotted;
	uint64_t bits;
	int most, family;

	if (address.len >= sizeof(space))
		return false;
	memcpy(space, address.ptr, address.len);
	space[address.len] = '\0';
	memset(f->except_family_bits, 0, sizeof(f->except_family_bits));
	family = memchr(space, ':', address.len) == NULL ? AF_INET : AF_INET6;
	most = family == AF_INET ? 32 : 128;
	if (inet_pton(family, space, f->except_family_bits + 1) != 1)
		return false;
	f->except_family_bits[0] = family == AF_INET ? 4 : 6;
	f->except_prefix = (unsigned)most;
	if (mask.ptr == NULL)
		return true;
	if (family == AF_INET && inet_pton(AF_INET, mask.ptr, &dotted) == 1 && mask_bits(dotted) >= 0)
		f->except_prefix = (unsigned)mask_bits(dotted);
	else if (slice_to_u64(mask, (uint64_t)most, &bits))
		f->except_prefix = (unsigned)bits;
	else
		return false;
	return true;
}

static void forwardfor_read(struct parse *p, const struct keyword *k)
{
	struct forwardfor f = { .on = true, .header = SLICE("X-Forwarded-For") };
	struct slice word, value;

	(void)k;
	for (word = parse_next(p); word.ptr != NULL; word = parse_next(p)) {
		if (slice_eq(word, SLICE_LIT("except"))) {
			value = parse_next(p);
			f.has_except = value.ptr != NULL && network_parse(value, &f);
			if (!f.has_except) {
				parse_error(p, "'option forwardfor except' expects <address>[/mask] as argument.");
				return;
			}
		} else if (slice_eq(word, SLICE_LIT("header"))) {
			f.header = parse_next(p);
			if (!http_is_token(f.header)) {
				parse_error(p, "'option forwardfor header' expects <header_name> as argument.");
				return;
			}
		} else if (slice_eq(word, SLICE_LIT("if-none"))) {
			f.if_none = true;
		} else {
			parse_error(p, "'option forwardfor' only supports optional 'except', 'header' and 'if-none' (got '%.*s').", SLICE_ARG(word));
			return;
		}
	}
	p->proxy->forwardfor = f;
}

/* --- checks -------------------------------------------------------------------------------------- */

/* "option httpchk …" and "http-check …": health/ knows them. */
static void check_read(struct parse *p, const struct keyword *k)
{
	health_plan_read(p, slice_str(k->second != NULL ? k->second : k->name));
}

#define FIELD(name) offsetof(struct proxy, name)

const struct keyword keywords_options[] = {
	{ "option", "abortonclose", IN_BACKENDS, flag_read, KEYWORD_NO, FIELD(abortonclose) },
	{ "option", "allbackups", IN_BACKENDS, flag_read, KEYWORD_NO, FIELD(backend.all_backups) },
	{ "option", "dontlog-normal", IN_FRONTENDS, flag_read, KEYWORD_NO, FIELD(dontlog_normal) },
	{ "option", "dontlognull", IN_FRONTENDS, flag_read, KEYWORD_NO, FIELD(dontlognull) },
	{ "option", "http-buffer-request", IN_ALL_PROXIES, flag_read, KEYWORD_NO, FIELD(buffer_request) },
	{ "option", "http-ignore-probes", IN_FRONTENDS, flag_read, KEYWORD_NO, FIELD(http_ignore_probes) },
	{ "option", "http-no-delay", IN_ALL_PROXIES, flag_read, KEYWORD_NO, FIELD(http_no_delay) },
	{ "option", "http-pretend-keepalive", IN_BACKENDS, flag_read, KEYWORD_NO, FIELD(http_pretend_keepalive) },
	{ "option", "idle-close-on-response", IN_FRONTENDS, flag_read, KEYWORD_NO, FIELD(idle_close_on_response) },
	{ "option", "log-health-checks", IN_BACKENDS, flag_read, KEYWORD_NO, FIELD(log_health_checks) },
	{ "option", "log-separate-errors", IN_FRONTENDS, flag_read, KEYWORD_NO, FIELD(log_separate_errors) },
	{ "option", "logasap", IN_FRONTENDS, flag_read, KEYWORD_NO, FIELD(logasap) },
	{ "option", "socket-stats", IN_FRONTENDS, flag_read, KEYWORD_NO, FIELD(socket_stats) },
	{ "option", "tcpka", IN_ALL_PROXIES, flag_read, KEYWORD_NO, FIELD(tcpka) },
	{ "option", "http-keep-alive", IN_ALL_PROXIES, http_mode_read, KEYWORD_NO, HTTP_KEEP_ALIVE },
	{ "option", "http-server-close", IN_ALL_PROXIES, http_mode_read, KEYWORD_NO, HTTP_SERVER_CLOSE },
	{ "option", "httpclose", IN_ALL_PROXIES, http_mode_read, KEYWORD_NO, HTTP_CLOSE },
	{ "option", "redispatch", IN_BACKENDS, redispatch_read, KEYWORD_NO, 0 },
	{ "option", "forwardfor", IN_ALL_PROXIES, forwardfor_read, 0, 0 },
	{ "option", "httpchk", IN_BACKENDS, check_read, 0, 0 },
	{ "http-check", NULL, IN_BACKENDS, check_read, 0, 0 },
	{ "option", "problem-documents", IN_ALL_PROXIES, flag_read, KEYWORD_NO | KEYWORD_OWN, FIELD(problem_documents) },
	{ "option", "trace-context", IN_ALL_PROXIES, flag_read, KEYWORD_NO | KEYWORD_OWN, FIELD(trace_context) },
	{ "option", "retry-safe", IN_BACKENDS, flag_read, KEYWORD_NO | KEYWORD_OWN, FIELD(backend.retry_safe_only) },
	{ .name = NULL },
};
