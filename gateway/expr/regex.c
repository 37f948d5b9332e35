/* regex.c - regular expressions by PCRE2: the only file that knows the library. */
#include "gateway/expr/regex.h"

#include <stdlib.h>
#include <string.h>
#include "gateway/conf/parse.h"
#include "gateway/model/config.h"
#include "gateway/session/exchange.h"
#include "gateway/session/worker.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Steps of backtracking, as PCRE2 counts them: some 10 ms of work at most. Expressions that need more for a header or a path are mistakes,
 * and who finds the text that brings them there is no friend. */
#define MATCH_LIMIT 1000000

struct regex {
	struct regex *next; /* of the configuration */
	pcre2_code *code;
};

struct regex_space {
	pcre2_match_data *data;
	pcre2_match_context *limits;
};

struct regex *regex_parse(struct parse *p, struct slice pattern, bool ignore_case, bool groups)
{
	uint32_t options = 0;
	struct regex *r = arena_alloc(p->arena, sizeof(*r));
	PCRE2_SIZE at;
	int error;

	if (ignore_case)
		options |= PCRE2_CASELESS;
	if (!groups)
		options |= PCRE2_NO_AUTO_CAPTURE;
	r->code = pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len, options, &error, &at, NULL);
	if (r->code == NULL) {
		char why[128];

		pcre2_get_error_message(error, (PCRE2_UCHAR *)why, sizeof(why));
		parse_error(p, "regex '%.*s' is invalid (error=%s, erroffset=%zu)", SLICE_ARG(pattern), why, (size_t)at);
		return NULL;
	}
	r->next = p->config->regexes;
	p->config->regexes = r;
	/* where the system allows no new machine code it is interpreted: slower, the same result */
	(void)pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE);
	return r;
}

void regexes_free(struct config *c)
{
	for (; c->regexes != NULL; c->regexes = c->regexes->next)
		pcre2_code_free(c->regexes->code);
}

static struct regex_space *space_of(struct worker *w)
{
	struct regex_space *s = w->regex;

	if (s != NULL)
		return s;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->data = pcre2_match_data_create(REGEX_GROUPS, NULL);
	s->limits = pcre2_match_context_create(NULL);
	if (s->data == NULL || s->limits == NULL) {
		regex_space_free(&s);
		return NULL;
	}
	pcre2_set_match_limit(s->limits, MATCH_LIMIT);
	w->regex = s;
	return s;
}

void regex_space_free(struct regex_space **s)
{
	if (*s == NULL)
		return;
	pcre2_match_data_free((*s)->data);
	pcre2_match_context_free((*s)->limits);
	free(*s);
	*s = NULL;
}

bool regex_find(const struct regex *r, struct exchange *x, struct slice text, size_t from, struct regex_match *m)
{
	struct regex_space *space = space_of(x->worker);
	const PCRE2_SIZE *ends;
	int found;

	if (space == NULL)
		return false;
	found = pcre2_match(r->code, (PCRE2_SPTR)(text.ptr == NULL ? "" : text.ptr), text.len, from, 0, space->data, space->limits);
	if (found < 0)
		return false; /* no match, or the limit */
	if (m == NULL)
		return true;
	if (found == 0)
		found = REGEX_GROUPS; /* there are more groups than we keep */
	ends = pcre2_get_ovector_pointer(space->data);
	for (int i = 0; i < REGEX_GROUPS; i++) {
		bool there = i < found && ends[2 * i] != PCRE2_UNSET && ends[2 * i] <= ends[2 * i + 1];

		m->group[i] = there ? slice_of(text.ptr + ends[2 * i], ends[2 * i + 1] - ends[2 * i]) : SLICE_NONE;
	}
	return true;
}

/* ---- replacing ---- */

bool regex_check_replacement(struct parse *p, struct slice with)
{
	for (size_t i = 0; i < with.len; i++) {
		char next;

		if (with.ptr[i] != '\\')
			continue;
		next = ++i < with.len ? with.ptr[i] : '\0';
		if (next == 'x' && i + 2 < with.len && slice_hex_digit(with.ptr[i + 1]) >= 0 && slice_hex_digit(with.ptr[i + 2]) >= 0)
			i += 2;
		else if (next != '\\' && (next < '0' || next > '9')) {
			parse_error(p, "replacement '%.*s' is invalid : a backslash must stand before a digit, a backslash or xNN", SLICE_ARG(with));
			return false;
		}
	}
	return true;
}

/* Writes the expansion to <out>, or only counts it when that is NULL. */
static size_t expand(struct slice with, const struct regex_match *m, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < with.len; i++) {
		char c = with.ptr[i];

		if (c == '\\' && i + 1 < with.len) {
			c = with.ptr[++i];
			if (c >= '0' && c <= '9') {
				struct slice group = m->group[c - '0'];

				if (out != NULL && group.len > 0)
					memcpy(out + n, group.ptr, group.len);
				n += group.len;
				continue;
			}
			if (c == 'x' && i + 2 < with.len) {
				c = (char)(slice_hex_digit(with.ptr[i + 1]) * 16 + slice_hex_digit(with.ptr[i + 2]));
				i += 2;
			}
		}
		if (out != NULL)
			out[n] = c;
		n++;
	}
	return n;
}

struct slice regex_expand(struct exchange *x, struct slice with, const struct regex_match *m)
{
	size_t len = expand(with, m, NULL);
	char *out = arena_alloc(x->arena, len + 1);

	if (out == NULL)
		return SLICE_NONE;
	return slice_of(out, expand(with, m, out));
}

/* Appends to <out> at *n, or only counts when that is NULL. */
static void append(char *out, size_t *n, const char *bytes, size_t len)
{
	if (out != NULL && len > 0)
		memcpy(out + *n, bytes, len);
	*n += len;
}

/* One pass over <text>, written to <out>, or only counted when that is NULL. False: no match at all. As HAProxy does it, an empty match
 * stands in front of a character, and the end of the text is tried once more behind a match that reached it. */
static bool replace(const struct regex *r, struct exchange *x, struct slice text, struct slice with, bool all, char *out, size_t *len)
{
	size_t at = 0, n = 0;
	bool any = false;
	struct regex_match m;

	while ((all || !any) && regex_find(r, x, text, at, &m)) {
		size_t start = m.group[0].ptr == NULL ? 0 : (size_t)(m.group[0].ptr - text.ptr);
		size_t end = start + m.group[0].len;

		if (m.group[0].ptr == NULL || start < at)
			break; /* \K can bring about such matches */
		any = true;
		append(out, &n, text.ptr + at, start - at);
		n += expand(with, &m, out == NULL ? NULL : out + n);
		if (at >= text.len)
			break;
		if (end == at)
			append(out, &n, text.ptr + end++, 1);
		at = end;
	}
	append(out, &n, text.ptr + at, text.len - at);
	*len = n;
	return any;
}

struct slice regex_replace(const struct regex *r, struct exchange *x, struct slice text, struct slice with, bool all)
{
	size_t len;
	char *out;

	if (text.ptr == NULL)
		text = SLICE_LIT("");
	if (!replace(r, x, text, with, all, NULL, &len))
		return text;
	out = arena_alloc(x->arena, len + 1);
	if (out == NULL)
		return SLICE_NONE;
	replace(r, x, text, with, all, out, &len);
	return slice_of(out, len);
}
