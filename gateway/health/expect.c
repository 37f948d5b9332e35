/* expect.c - "http-check expect": reads one demand on a check's response, and tries it. */
#include "gateway/health/expect.h"

#include <assert.h>
#include <string.h>

#include "gateway/conf/parse.h"
#include "gateway/expr/regex.h"
#include "gateway/session/exchange.h"

#define STATUS_LEAST 100
#define STATUS_MOST 999

/* ---- patterns ---- */

/* An exchange that has nothing but its worker is all that matching asks for. */
static bool regex_matches(const struct regex *r, struct worker *w, struct slice s)
{
	struct exchange x = { .worker = w };

	return regex_find(r, &x, s, 0, NULL);
}

static bool slice_same(struct slice a, struct slice b, bool nocase)
{
	return nocase ? slice_eq_nocase(a, b) : slice_eq(a, b);
}

static bool slice_holds(struct slice s, struct slice part, bool nocase)
{
	if (!nocase)
		return part.len == 0 || (s.len >= part.len && memmem(s.ptr, s.len, part.ptr, part.len) != NULL);
	for (size_t at = 0; at + part.len <= s.len; at++) {
		if (slice_eq_nocase(slice_sub(s, at, at + part.len), part))
			return true;
	}
	return false;
}

static bool pattern_matches(const struct expect_pattern *pattern, struct worker *w, struct slice s, bool nocase)
{
	struct slice text = pattern->text;

	if (text.ptr == NULL)
		return true;
	if (pattern->how == MATCH_REG)
		return regex_matches(pattern->regex, w, s);
	if (pattern->how == MATCH_SUB)
		return slice_holds(s, text, nocase);
	if (pattern->how == MATCH_STR)
		return slice_same(s, text, nocase);
	if (s.len < text.len)
		return false;
	if (pattern->how == MATCH_BEG)
		return slice_same(slice_sub(s, 0, text.len), text, nocase);
	return slice_same(slice_sub(s, s.len - text.len, s.len), text, nocase);
}

/* ---- trying ---- */

static bool status_matches(const struct expect *e, int status)
{
	for (unsigned i = 0; i < e->range_count; i++) {
		if (status >= e->ranges[i].from && status <= e->ranges[i].to)
			return true;
	}
	return false;
}

static bool rstatus_matches(const struct expect *e, struct worker *w, int status)
{
	char digits[3] = { (char)('0' + status / 100), (char)('0' + status / 10 % 10), (char)('0' + status % 10) };

	return pattern_matches(&e->text, w, slice_of(digits, sizeof(digits)), false);
}

static bool value_matches(const struct expect *e, struct worker *w, struct slice value)
{
	struct slice element;

	if (e->kind == EXPECT_FHDR)
		return pattern_matches(&e->text, w, value, false);
	for (unsigned i = 0; http_list_element(value, i, &element); i++) {
		if (pattern_matches(&e->text, w, element, false))
			return true;
	}
	return false;
}

static bool field_matches(const struct expect *e, struct worker *w, const struct http_head *h)
{
	for (unsigned i = 0; i < h->count; i++) {
		if (pattern_matches(&e->name, w, h->fields[i].name, true) && value_matches(e, w, h->fields[i].value))
			return true;
	}
	return false;
}

bool expect_is_body(const struct expect *e)
{
	return e->kind == EXPECT_STRING || e->kind == EXPECT_RSTRING;
}

bool expect_head(const struct expect *e, struct worker *w, const struct http_head *h)
{
	assert(!expect_is_body(e));
	switch (e->kind) {
	case EXPECT_STATUS:
		return status_matches(e, h->status) != e->inverse;
	case EXPECT_RSTATUS:
		return rstatus_matches(e, w, h->status) != e->inverse;
	default:
		return field_matches(e, w, h) != e->inverse;
	}
}

enum expect_answer expect_body(const struct expect *e, struct worker *w, struct slice body, bool all)
{
	size_t least = e->min_recv > 0 ? (size_t)e->min_recv : 0;
	bool matches;

	if (body.len == 0)
		return all ? EXPECT_EMPTY : EXPECT_MORE;
	if (e->kind == EXPECT_STRING && (e->min_recv < 0 || e->text.text.len < least))
		least = e->text.text.len;
	if (!all && body.len < least)
		return EXPECT_MORE;
	matches = pattern_matches(&e->text, w, body, false);
	if (!matches && !all && e->min_recv < 0)
		return EXPECT_MORE;
	return matches != e->inverse ? EXPECT_MET : EXPECT_FAILED;
}

/* ---- reading ---- */

/* "200", "200-399". */
static bool range_read(struct parse *p, struct slice word, struct expect_range *out)
{
	struct slice from = word, to;
	uint64_t first, last;

	to = from;
	from = slice_cut(&to, '-');
	if (to.ptr == NULL)
		to = from;
	if (!slice_to_u64(from, STATUS_MOST, &first) || !slice_to_u64(to, STATUS_MOST, &last) || first < STATUS_LEAST || last < first) {
		parse_error(p, "'http-check expect status' expects codes and ranges such as '200,301-399', not '%.*s'", SLICE_ARG(word));
		return false;
	}
	*out = (struct expect_range){ .from = (int)first, .to = (int)last };
	return true;
}

static bool ranges_read(struct parse *p, struct slice word, struct expect *e)
{
	size_t most = 1;

	for (size_t i = 0; i < word.len; i++)
		most += word.ptr[i] == ',';
	e->ranges = arena_alloc_array(p->arena, most, sizeof(*e->ranges));
	do {
		if (!range_read(p, slice_cut(&word, ','), &e->ranges[e->range_count++]))
			return false;
	} while (word.ptr != NULL);
	return true;
}

static bool regex_read(struct parse *p, struct expect_pattern *pattern, bool ignore_case)
{
	pattern->regex = regex_parse(p, pattern->text, ignore_case, false);
	return pattern->regex != NULL;
}

/* [-m <how>] <pattern> */
static bool pattern_read(struct parse *p, const char *keyword, bool ignore_case, struct expect_pattern *out)
{
	static const char *const hows[] = {
		[MATCH_STR] = "str", [MATCH_BEG] = "beg", [MATCH_END] = "end", [MATCH_SUB] = "sub", [MATCH_REG] = "reg",
	};
	struct slice how;
	unsigned i = MATCH_STR;

	if (parse_accept(p, "-m")) {
		if (!parse_want(p, "-m", &how))
			return false;
		while (i < sizeof(hows) / sizeof(hows[0]) && !slice_eq(how, slice_str(hows[i])))
			i++;
		if (i == sizeof(hows) / sizeof(hows[0])) {
			parse_error(p, "'http-check expect' : '-m' expects 'str', 'beg', 'end', 'sub' or 'reg', not '%.*s'", SLICE_ARG(how));
			return false;
		}
	}
	out->how = i;
	if (!parse_want(p, keyword, &out->text))
		return false;
	return out->how != MATCH_REG || regex_read(p, out, ignore_case);
}

/* name <name> [value <value>] */
static bool header_read(struct parse *p, struct expect *e)
{
	if (!parse_accept(p, "name")) {
		parse_error(p, "'http-check expect' : expects 'name' behind 'hdr' and 'fhdr' (log-format texts cannot be used here)");
		return false;
	}
	if (!pattern_read(p, "name", true, &e->name))
		return false;
	return !parse_accept(p, "value") || pattern_read(p, "value", false, &e->text);
}

static bool match_read(struct parse *p, struct slice match, struct expect *e)
{
	static const struct { const char *name; enum expect_kind kind; } kinds[] = {
		{ "status", EXPECT_STATUS }, { "rstatus", EXPECT_RSTATUS }, { "hdr", EXPECT_HDR },
		{ "fhdr", EXPECT_FHDR }, { "string", EXPECT_STRING }, { "rstring", EXPECT_RSTRING },
	};
	size_t i = 0, n = sizeof(kinds) / sizeof(kinds[0]);

	while (i < n && !slice_eq(match, slice_str(kinds[i].name)))
		i++;
	if (i == n) {
		parse_error(p, "'http-check expect' expects '[!] status', 'rstatus', 'hdr', 'fhdr', 'string' or 'rstring', not '%.*s'",
			    SLICE_ARG(match));
		return false;
	}
	e->kind = kinds[i].kind;
	if (e->kind == EXPECT_HDR || e->kind == EXPECT_FHDR)
		return header_read(p, e);
	if (!parse_want(p, kinds[i].name, &e->text.text))
		return false;
	if (e->text.text.len == 0) {
		parse_error(p, "'http-check expect %s' expects something that is not empty", kinds[i].name);
		return false;
	}
	if (e->kind == EXPECT_STATUS)
		return ranges_read(p, e->text.text, e);
	e->text.how = e->kind == EXPECT_STRING ? MATCH_SUB : MATCH_REG;
	return e->kind == EXPECT_STRING || regex_read(p, &e->text, false);
}

struct named_result {
	const char *name;
	enum check_result result;
};

/* The argument of ok-status and its like: one of <names>, which end with NULL. */
static bool result_read(struct parse *p, const char *keyword, const struct named_result *names, enum check_result *out)
{
	struct slice word;

	if (!parse_want(p, keyword, &word))
		return false;
	for (; names->name != NULL; names++) {
		if (slice_eq(word, slice_str(names->name))) {
			*out = names->result;
			return true;
		}
	}
	parse_error(p, "'http-check expect' : '%.*s' is not an %s", SLICE_ARG(word), keyword);
	return false;
}

static bool min_recv_read(struct parse *p, struct expect *e)
{
	struct slice word;
	uint64_t n;

	if (!parse_want(p, "min-recv", &word))
		return false;
	if (slice_eq(word, SLICE_LIT("-1")))
		return true;
	if (!parse_number(p, word, "min-recv", 0, INT32_MAX, &n))
		return false;
	e->min_recv = (int)n;
	return true;
}

/* One option in front of the match; <known> false: it is none. */
static bool option_read(struct parse *p, struct expect *e, bool *known)
{
	static const struct named_result oks[] = {
		{ "L7OK", CHECK_L7OK }, { "L7OKC", CHECK_L7OKC }, { "L6OK", CHECK_L6OK }, { "L4OK", CHECK_L4OK }, { NULL, CHECK_UNKNOWN },
	};
	static const struct named_result errors[] = {
		{ "L7OKC", CHECK_L7OKC }, { "L7RSP", CHECK_L7RSP }, { "L7STS", CHECK_L7STS }, { "L6RSP", CHECK_L6RSP },
		{ "L4CON", CHECK_L4CON }, { NULL, CHECK_UNKNOWN },
	};
	static const struct named_result timeouts[] = {
		{ "L7TOUT", CHECK_L7TOUT }, { "L6TOUT", CHECK_L6TOUT }, { "L4TOUT", CHECK_L4TOUT }, { NULL, CHECK_UNKNOWN },
	};

	*known = true;
	if (parse_accept(p, "comment"))
		return parse_want(p, "comment", &e->comment);
	if (parse_accept(p, "min-recv"))
		return min_recv_read(p, e);
	if (parse_accept(p, "ok-status"))
		return result_read(p, "ok-status", oks, &e->ok);
	if (parse_accept(p, "error-status"))
		return result_read(p, "error-status", errors, &e->error);
	if (parse_accept(p, "tout-status"))
		return result_read(p, "tout-status", timeouts, &e->timeout);
	*known = false;
	return true;
}

struct expect *expect_read(struct parse *p)
{
	struct expect *e = arena_alloc(p->arena, sizeof(*e));
	struct slice match;
	bool known;

	e->min_recv = -1;
	do {
		if (!option_read(p, e, &known))
			return NULL;
	} while (known);
	match = parse_next(p);
	while (match.len > 0 && match.ptr[0] == '!') {
		e->inverse = !e->inverse;
		match = slice_sub(match, 1, match.len);
		if (match.len == 0)
			match = parse_next(p);
	}
	if (!match_read(p, match, e))
		return NULL;
	return parse_end(p) ? e : NULL;
}
