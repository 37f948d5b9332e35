/* balance.c - how a backend chooses a server: balance, hash-type, hash-balance-factor. */
#include <limits.h>
#include "gateway/conf/reader.h"
#include "gateway/expr/expr.h"
#include "gateway/http/chars.h"

/* The argument of "hdr(name)" or "random(2)": <out> is what stands in the parentheses; false: <word> is not <name> with parentheses. */
static bool in_parentheses(struct slice word, const char *name, struct slice *out)
{
	struct slice begin = slice_str(name);

	if (!slice_starts_with(word, begin) || word.len < begin.len + 2 || word.ptr[begin.len] != '(' || word.ptr[word.len - 1] != ')')
		return false;
	*out = slice_sub(word, begin.len + 1, word.len - 1);
	return true;
}

static bool uri_read(struct parse *p, struct balance *b)
{
	for (struct slice word = parse_next(p); word.ptr != NULL; word = parse_next(p)) {
		bool is_len = slice_eq(word, SLICE_LIT("len"));
		struct slice number;
		uint64_t n;

		if (is_len || slice_eq(word, SLICE_LIT("depth"))) {
			if (!parse_want(p, word.ptr, &number) || !parse_number(p, number, word.ptr, 1, INT_MAX, &n))
				return false;
			*(is_len ? &b->len : &b->depth) = (unsigned)n;
		} else if (slice_eq(word, SLICE_LIT("whole"))) {
			b->whole = true;
		} else if (slice_eq(word, SLICE_LIT("path-only"))) {
			b->path_only = true;
		} else {
			parse_error(p, "balance uri only accepts parameters 'len', 'depth', 'path-only', and 'whole' (got '%.*s').", SLICE_ARG(word));
			return false;
		}
	}
	return true;
}

static bool url_param_read(struct parse *p, struct balance *b)
{
	b->name = parse_next(p);
	if (b->name.ptr == NULL)
		parse_error(p, "balance url_param requires an URL parameter name.");
	else if (parse_accept(p, "check_post"))
		parse_error(p, "'balance url_param … check_post' is not supported yet");
	else
		return parse_end(p);
	return false;
}

static bool header_read(struct parse *p, struct balance *b)
{
	if (!http_is_token(b->name)) {
		parse_error(p, "balance hdr requires an http header field name.");
		return false;
	}
	b->domain_only = parse_accept(p, "use_domain_only");
	return parse_end(p);
}

static bool random_read(struct parse *p, struct balance *b, struct slice draws)
{
	uint64_t n = 2;

	if (draws.len > 0 && !parse_number(p, draws, "balance random", 1, INT_MAX, &n))
		return false;
	b->draws = (unsigned)n;
	return parse_end(p);
}

static bool key_read(struct parse *p, struct balance *b)
{
	struct slice text;

	if (!parse_want(p, "balance hash", &text) || !parse_end(p))
		return false;
	b->key = expr_parse(p, text, WHEN_IN_REQUEST, "balance");
	return b->key != NULL;
}

/* What follows the method, into <b>, whose kind is set. */
static bool method_read(struct parse *p, struct balance *b, struct slice word)
{
	struct slice draws = SLICE_LIT("");

	switch (b->kind) {
	case BALANCE_ROUNDROBIN:
	case BALANCE_STATIC_RR:
	case BALANCE_LEASTCONN:
	case BALANCE_FIRST:
	case BALANCE_SOURCE:
		return parse_end(p);
	case BALANCE_URI:
		return uri_read(p, b);
	case BALANCE_URL_PARAM:
		return url_param_read(p, b);
	case BALANCE_HDR:
		return header_read(p, b);
	case BALANCE_RANDOM:
		(void)in_parentheses(word, "random", &draws);
		return random_read(p, b, draws);
	case BALANCE_HASH:
		break;
	}
	return key_read(p, b);
}

static void balance_read(struct parse *p, const struct keyword *k)
{
	static const struct { const char *name; enum balance_kind kind; } methods[] = {
		{ "roundrobin", BALANCE_ROUNDROBIN }, { "static-rr", BALANCE_STATIC_RR }, { "leastconn", BALANCE_LEASTCONN },
		{ "first", BALANCE_FIRST }, { "source", BALANCE_SOURCE }, { "uri", BALANCE_URI }, { "url_param", BALANCE_URL_PARAM },
		{ "random", BALANCE_RANDOM }, { "hash", BALANCE_HASH },
	};
	const struct balance *now = &p->proxy->backend.balance;
	/* hash-type and hash-balance-factor are said by lines of their own */
	struct balance b = { .draws = 2, .consistent = now->consistent, .function = now->function, .avalanche = now->avalanche,
			     .hash_factor = now->hash_factor };
	struct slice word, inside;
	bool found = false;

	if (!parse_want(p, k->name, &word))
		return;
	for (unsigned i = 0; i < sizeof(methods) / sizeof(methods[0]) && !found; i++) {
		found = slice_eq(word, slice_str(methods[i].name));
		b.kind = methods[i].kind;
	}
	if (!found && in_parentheses(word, "random", &inside)) {
		b.kind = BALANCE_RANDOM;
	} else if (!found && in_parentheses(word, "hdr", &b.name)) {
		b.kind = BALANCE_HDR;
	} else if (!found) {
		parse_error(p, "balance only supports 'roundrobin', 'static-rr', 'leastconn', 'first', 'source', 'uri', 'url_param', 'hdr(name)', "
			    "'random' and 'hash' (got '%.*s').", SLICE_ARG(word));
		return;
	}
	if (method_read(p, &b, word))
		p->proxy->backend.balance = b;
}

static void hash_type_read(struct parse *p, const struct keyword *k)
{
	static const char *const functions[] = { [HASH_SDBM] = "sdbm", [HASH_DJB2] = "djb2", [HASH_WT6] = "wt6", [HASH_CRC32] = "crc32" };
	struct balance *b = &p->proxy->backend.balance;
	struct slice method = parse_next(p), function = parse_next(p);
	bool consistent = slice_eq(method, SLICE_LIT("consistent")), avalanche = consistent;
	unsigned which = HASH_SDBM;

	(void)k;
	if (!consistent && !slice_eq(method, SLICE_LIT("map-based"))) {
		parse_error(p, "'hash-type' only supports 'consistent' and 'map-based'.");
		return;
	}
	if (function.ptr != NULL) {
		while (which < sizeof(functions) / sizeof(functions[0]) && !slice_eq(function, slice_str(functions[which])))
			which++;
		avalanche = parse_accept(p, "avalanche");
	}
	if (which == sizeof(functions) / sizeof(functions[0])) {
		parse_error(p, "'hash-type' only supports 'sdbm', 'djb2', 'crc32', or 'wt6' hash functions.");
	} else if (p->at < p->count) {
		parse_error(p, "'hash-type' only supports 'avalanche' as a modifier for hash functions.");
	} else {
		b->consistent = consistent;
		b->avalanche = avalanche;
		b->function = which;
	}
}

static void factor_read(struct parse *p, const struct keyword *k)
{
	struct slice word;
	uint64_t n;

	if (!parse_want(p, k->name, &word) || !parse_number(p, word, k->name, 0, INT_MAX, &n) || !parse_end(p))
		return;
	if (n != 0 && n <= 100)
		parse_error(p, "'hash-balance-factor' must be 0 or greater than 100.");
	p->proxy->backend.balance.hash_factor = (unsigned)n;
}

const struct keyword keywords_balance[] = {
	{ "balance", NULL, IN_BACKENDS, balance_read, 0, 0 },
	{ "hash-type", NULL, IN_BACKENDS, hash_type_read, 0, 0 },
	{ "hash-balance-factor", NULL, IN_BACKENDS, factor_read, 0, 0 },
	{ .name = NULL },
};
