/* acl.c - acls: lists of tests of which one has to hold; each is an expression and the patterns that one of its values has to fit. */
#include "gateway/expr/acl.h"

#include "gateway/conf/parse.h"
#include "gateway/expr/cond.h"
#include "gateway/expr/expr.h"
#include "gateway/expr/pattern.h"
#include "gateway/model/proxy.h"

struct test {
	struct test *next;
	struct slice criterion;    /* as written */
	struct expr *expr;
	unsigned needs;            /* bits of enum sample_when */
	enum match_kind kind;
	struct patterns *patterns;
};

struct acl {
	struct acl *next;
	struct slice name;         /* SLICE_NONE: anonymous */
	struct test *first, **end;
};

/* Manual, 7.4. There are none for protocols that a proxy for HTTP does not see (RDP_COOKIE). */
static const struct {
	const char *name, *definition;
} predefined[] = {
	{ "FALSE", "always_false" },
	{ "HTTP", "req.proto_http" },
	{ "HTTP_1.0", "req.ver 1.0" },
	{ "HTTP_1.1", "req.ver 1.1" },
	{ "HTTP_2.0", "req.ver 2.0" },
	{ "HTTP_CONTENT", "req.hdr_val(content-length) gt 0" },
	{ "HTTP_URL_ABS", "url_reg ^[^/:]*://" },
	{ "HTTP_URL_SLASH", "url_beg /" },
	{ "HTTP_URL_STAR", "url *" },
	{ "LOCALHOST", "src 127.0.0.1/8 ::1" },
	{ "METH_CONNECT", "method CONNECT" },
	{ "METH_DELETE", "method DELETE" },
	{ "METH_GET", "method GET HEAD" },
	{ "METH_HEAD", "method HEAD" },
	{ "METH_OPTIONS", "method OPTIONS" },
	{ "METH_POST", "method POST" },
	{ "METH_PUT", "method PUT" },
	{ "METH_TRACE", "method TRACE" },
	{ "REQ_CONTENT", "req.len gt 0" },
	{ "TRUE", "always_true" },
	{ "WAIT_END", "wait_end" },
};

/* ---- reading one test ---- */

/* Where reading stands among the words of a test. */
struct reader {
	struct parse *p;
	const struct slice *words;
	unsigned count, at;
	struct test *test;
	int kind;            /* enum match_kind; -1 while it is not known */
	bool ignore_case, as_map;
	bool ended_flags;    /* by "--": no patterns may be meant */
};

static struct slice reader_next(struct reader *r)
{
	return r->at < r->count ? r->words[r->at++] : SLICE_NONE;
}

static bool is_word(struct slice s, const char *word)
{
	return slice_eq(s, slice_str(word));
}

/* The set of patterns, made when it is first needed: by then the match is known. */
static bool want_patterns(struct reader *r)
{
	struct test *t = r->test;

	if (t->patterns != NULL)
		return true;
	if (r->kind < 0) {
		parse_error(r->p, "matching method must be specified first (using '-m') when using a sample fetch of this type ('%.*s')",
			    SLICE_ARG(t->criterion));
		return false;
	}
	t->kind = (enum match_kind)r->kind;
	t->patterns = patterns_create(r->p, t->kind, false);
	return true;
}

static bool read_match(struct reader *r)
{
	struct slice name = reader_next(r);
	int kind = match_kind_of(name);

	if (r->test->patterns != NULL) {
		parse_error(r->p, "'-m' must only be specified before patterns and files");
		return false;
	}
	if (kind < 0) {
		parse_error(r->p, "unknown matching method '%.*s' behind '-m'", SLICE_ARG(name));
		return false;
	}
	if (!sample_castable(expr_type(r->test->expr), match_kind_type((enum match_kind)kind))) {
		parse_error(r->p, "matching method '%.*s' cannot be used with '%.*s'", SLICE_ARG(name), SLICE_ARG(r->test->criterion));
		return false;
	}
	r->kind = kind;
	return true;
}

static bool read_flag(struct reader *r, struct slice flag)
{
	if (is_word(flag, "-i")) {
		r->ignore_case = true;
	} else if (is_word(flag, "-n")) {
		return true; /* names are never looked up here */
	} else if (is_word(flag, "-M")) {
		r->as_map = true;
	} else if (is_word(flag, "-u")) {
		if (reader_next(r).ptr == NULL) {
			parse_error(r->p, "'-u' needs an id");
			return false;
		}
	} else if (is_word(flag, "-f")) {
		struct slice file = reader_next(r);

		if (file.ptr == NULL) {
			parse_error(r->p, "'-f' needs a file");
			return false;
		}
		return want_patterns(r) && patterns_load(r->p, r->test->patterns, file, r->ignore_case, r->as_map);
	} else if (is_word(flag, "-m")) {
		return read_match(r);
	} else {
		parse_error(r->p, "'%.*s' is not a valid ACL option. Please use '--' before any pattern beginning with a '-'", SLICE_ARG(flag));
		return false;
	}
	return true;
}

static bool read_flags(struct reader *r)
{
	while (r->at < r->count && r->words[r->at].len > 0 && r->words[r->at].ptr[0] == '-') {
		struct slice flag = reader_next(r);

		if (is_word(flag, "--")) {
			r->ended_flags = true;
			return true;
		}
		if (!read_flag(r, flag))
			return false;
	}
	return true;
}

/* What "ge" and its like make of a number: a range. */
static bool add_compared(struct reader *r, char operator[2], struct slice word)
{
	int64_t n, least = INT64_MIN, most = INT64_MAX;
	size_t used;

	n = sample_text_number(word, &used);
	if (used == 0 || used < word.len) {
		parse_error(r->p, "'%.*s' is not a number, which the operator '%.2s' needs", SLICE_ARG(word), operator);
		return false;
	}
	if (operator[0] == 'g')
		least = operator[1] == 't' && n < INT64_MAX ? n + 1 : n;
	else
		most = operator[1] == 't' && n > INT64_MIN ? n - 1 : n;
	patterns_add_range(r->p, r->test->patterns, least, most);
	return true;
}

static bool read_patterns(struct reader *r)
{
	static const char *const operators[] = { "eq", "ge", "gt", "le", "lt" };
	bool numbers = r->kind == MATCH_INT || r->kind == MATCH_LEN;
	char operator[2] = "eq";

	while (r->at < r->count) {
		struct slice word = reader_next(r);
		bool is_operator = false;

		for (unsigned i = 0; numbers && i < sizeof(operators) / sizeof(operators[0]); i++) {
			if (is_word(word, operators[i])) {
				is_operator = true;
				operator[0] = operators[i][0];
				operator[1] = operators[i][1];
			}
		}
		if (is_operator)
			continue;
		if (operator[0] != 'e' ? !add_compared(r, operator, word)
				       : !patterns_add(r->p, r->test->patterns, arena_copy(r->p->arena, word), r->ignore_case, SLICE_NONE, r->p->line))
			return false;
	}
	return true;
}

static bool compares(const struct test *t)
{
	return t->kind != MATCH_FOUND && t->kind != MATCH_BOOL;
}

static struct test *test_read(struct parse *p, const struct slice *words, unsigned count)
{
	struct test *t = arena_alloc(p->arena, sizeof(*t));
	struct reader r = { .p = p, .words = words, .count = count, .at = 1, .test = t };
	const char *match;

	t->criterion = arena_copy(p->arena, words[0]);
	match = expr_parse_criterion(p, words[0], &t->expr, &t->needs);
	if (match == NULL)
		return NULL;
	r.kind = match[0] != '\0' ? match_kind_of(slice_str(match)) : match_kind_default(expr_type(t->expr));
	if (!read_flags(&r) || !want_patterns(&r))
		return NULL;
	if (compares(t)) {
		if (!read_patterns(&r))
			return NULL;
		if (patterns_count(t->patterns) == 0 && !r.ended_flags)
			parse_warning(p, "'%.*s' : no pattern to match against was provided, so this ACL will never match ('--' behind it says "
				      "that this is meant, '-m found' looks whether it is there, '-m bool' whether a number is not 0)",
				      SLICE_ARG(t->criterion));
	}
	patterns_finish(p, t->patterns);
	return t;
}

/* ---- acls ---- */

static struct acl *acl_make(struct parse *p, struct slice name, struct test *t)
{
	struct acl *a = arena_alloc(p->arena, sizeof(*a));

	a->name = name;
	a->first = t;
	a->end = &t->next;
	return a;
}

struct acl *acl_anonymous(struct parse *p, const struct slice *words, unsigned count)
{
	struct test *t = test_read(p, words, count);

	return t == NULL ? NULL : acl_make(p, SLICE_NONE, t);
}

static struct acl *find_named(const struct parse *p, struct slice name)
{
	struct acl *a = p->proxy == NULL ? NULL : p->proxy->acls;

	while (a != NULL && !slice_eq(a->name, name))
		a = a->next;
	return a;
}

static void put_first(struct parse *p, struct acl *a)
{
	/* in front, so that the list of a defaults section stays as it is when a proxy began with it */
	if (p->proxy != NULL) {
		a->next = p->proxy->acls;
		p->proxy->acls = a;
	}
}

static struct acl *make_predefined(struct parse *p, const char *name, const char *definition)
{
	struct slice words[4], rest = slice_str(definition);
	unsigned count = 0;
	struct test *t;
	struct acl *a;

	while (rest.ptr != NULL)
		words[count++] = slice_cut(&rest, ' ');
	t = test_read(p, words, count);
	if (t == NULL)
		return NULL;
	a = acl_make(p, slice_str(name), t);
	put_first(p, a);
	return a;
}

/* For "did you mean". */
static const char *nearest_name(struct parse *p, struct slice name)
{
	unsigned count = 0, room = sizeof(predefined) / sizeof(predefined[0]);
	const char **names;

	for (const struct acl *a = p->proxy == NULL ? NULL : p->proxy->acls; a != NULL; a = a->next)
		room++;
	names = arena_alloc_array(p->arena, room, sizeof(*names));
	for (const struct acl *a = p->proxy == NULL ? NULL : p->proxy->acls; a != NULL; a = a->next)
		names[count++] = arena_copy(p->arena, a->name).ptr;
	for (unsigned i = 0; i < sizeof(predefined) / sizeof(predefined[0]); i++)
		names[count++] = predefined[i].name;
	return parse_nearest(name, names, count);
}

struct acl *acl_find(struct parse *p, struct slice name)
{
	struct acl *a = find_named(p, name);
	const char *near;

	if (a != NULL)
		return a;
	for (unsigned i = 0; i < sizeof(predefined) / sizeof(predefined[0]); i++) {
		if (is_word(name, predefined[i].name))
			return make_predefined(p, predefined[i].name, predefined[i].definition);
	}
	near = nearest_name(p, name);
	parse_error(p, "no such ACL : '%.*s'%s%s%s", SLICE_ARG(name), near != NULL ? ", did you mean '" : "", near != NULL ? near : "",
		    near != NULL ? "'?" : "");
	return NULL;
}

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == ':';
}

static bool check_name(struct parse *p, struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		if (!name_char(name.ptr[i])) {
			parse_error(p, "character '%c' is not permitted in acl name '%.*s'", name.ptr[i], SLICE_ARG(name));
			return false;
		}
	}
	if (is_word(name, "or")) {
		parse_error(p, "an acl cannot be named 'or' : in a condition that word stands between alternatives");
		return false;
	}
	return true;
}

void acl_read(struct parse *p)
{
	struct slice name = parse_next(p);
	struct test *t;
	struct acl *a;

	if (name.ptr == NULL || parse_peek(p).ptr == NULL) {
		parse_error(p, "'acl' needs a name and a criterion, as in 'acl static path_beg /static'");
		return;
	}
	if (!check_name(p, name))
		return;
	t = test_read(p, &p->words[p->at], p->count - p->at);
	p->at = p->count;
	if (t == NULL)
		return;
	a = find_named(p, name);
	if (a == NULL) {
		put_first(p, acl_make(p, arena_copy(p->arena, name), t));
	} else {
		*a->end = t;
		a->end = &t->next;
	}
}

bool acl_usable(struct parse *p, const struct acl *a, unsigned when, const char *where)
{
	for (const struct test *t = a->first; t != NULL; t = t->next) {
		if (expr_available(p, t->needs, when))
			continue;
		if (a->name.ptr == NULL)
			parse_error(p, "anonymous acl would never match : '%.*s' is not available here, it needs %s, which a %s does not have",
				    SLICE_ARG(t->criterion), expr_missing(p, t->needs, when), where);
		else
			parse_error(p, "acl '%.*s' would never match : '%.*s' is not available here, it needs %s, which a %s does not have",
				    SLICE_ARG(a->name), SLICE_ARG(t->criterion), expr_missing(p, t->needs, when), where);
		return false;
	}
	return true;
}

/* ---- running ---- */

static bool test_holds(const struct test *t, struct exchange *x)
{
	struct walk w = { .begun = false };
	struct sample s;

	while (expr_next(t->expr, x, &w, &s)) {
		if (t->kind == MATCH_FOUND)
			return true;
		if (!sample_cast(x, &s, match_kind_type(t->kind)))
			continue;
		if (t->kind == MATCH_BOOL ? s.boolean : patterns_find(t->patterns, x, &s) != NULL)
			return true;
	}
	return false;
}

bool acl_holds(const struct acl *a, struct exchange *x)
{
	for (const struct test *t = a->first; t != NULL; t = t->next) {
		if (test_holds(t, x))
			return true;
	}
	return false;
}
