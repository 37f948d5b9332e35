/* condition.c - a recursive descent over the text of a condition: or, and, not, parentheses, predicates, numbers.
 *
 * Everything is evaluated, also behind a "||" that has decided already: nothing has an effect, and mistakes show.
 */
#include "gateway/conf/condition.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "shared/base/buf.h"

#define DEPTH_MOST 64      /* parentheses and exclamation marks inside each other */
#define ARGUMENTS_MOST 2
#define NAME_MOST 255      /* bytes of the name of a variable */

const char condition_features[] = " ACCEPT4 EPOLL GETADDRINFO PCRE2 TFO THREAD ";

struct eval {
	struct arena *arena;
	struct slice text;
	size_t at;
	unsigned depth;
	const char *why;
	size_t column;
};

static int or_parse(struct eval *e);

static int fail(struct eval *e, size_t column, const char *before, struct slice about, const char *behind)
{
	struct slice text = arena_printf(e->arena, "%s '%.*s'%s", before, SLICE_ARG(about), behind);

	e->why = text.ptr != NULL ? text.ptr : before;
	e->column = column;
	return -1;
}

static struct slice rest(const struct eval *e, size_t from)
{
	return slice_sub(e->text, from, e->text.len);
}

static char byte(const struct eval *e)
{
	return e->at < e->text.len ? e->text.ptr[e->at] : '\0';
}

static void blanks(struct eval *e)
{
	while (byte(e) == ' ' || byte(e) == '\t')
		e->at++;
}

/* --- predicates ---------------------------------------------------------------------------------- */

static int is_defined(struct eval *e, const struct slice *args)
{
	char name[NAME_MOST + 1];

	(void)e;
	if (args[0].len > NAME_MOST)
		return 0;
	memcpy(name, args[0].ptr, args[0].len);
	name[args[0].len] = '\0';
	return getenv(name) != NULL;
}

static int has_feature(struct eval *e, const struct slice *args)
{
	struct slice known = slice_str(condition_features);

	if (args[0].len == 0)
		return fail(e, e->at, "missing name in predicate", SLICE_LIT("feature"), "");
	while (known.ptr != NULL) {
		if (slice_eq(slice_cut(&known, ' '), args[0]))
			return 1;
	}
	return 0;
}

static int is_equal(struct eval *e, const struct slice *args)
{
	(void)e;
	return slice_eq(args[0], args[1]);
}

static int is_different(struct eval *e, const struct slice *args)
{
	(void)e;
	return !slice_eq(args[0], args[1]);
}

/* The parts of a version, a development version (-devN, and -rcN after it) below its release. */
struct version {
	uint64_t parts[5]; /* three numbers; 0 dev, 1 rc, 2 release; number of dev or rc */
};

static bool version_parse(struct slice text, struct version *v)
{
	struct slice numbers = slice_cut(&text, '-');

	*v = (struct version){ .parts = { 0, 0, 0, 2, 0 } };
	for (unsigned i = 0; i < 3 && numbers.ptr != NULL; i++) {
		if (!slice_to_u64(slice_cut(&numbers, '.'), 1000000, &v->parts[i]))
			return false;
	}
	if (numbers.ptr != NULL)
		return false;
	if (text.ptr == NULL)
		return true;
	if (slice_starts_with(text, SLICE_LIT("dev")))
		v->parts[3] = 0;
	else if (slice_starts_with(text, SLICE_LIT("rc")))
		v->parts[3] = 1;
	else
		return false;
	text = slice_sub(text, v->parts[3] == 0 ? 3 : 2, text.len);
	return slice_to_u64(text, 1000000, &v->parts[4]);
}

/* Ours against <text>: -1 older, 0, 1 newer; -2: <text> is no version. */
static int version_compare(struct slice text)
{
	struct version ours, other;

	if (!version_parse(SLICE_LIT(CONDITION_VERSION), &ours) || !version_parse(text, &other))
		return -2;
	for (unsigned i = 0; i < 5; i++) {
		if (ours.parts[i] != other.parts[i])
			return ours.parts[i] < other.parts[i] ? -1 : 1;
	}
	return 0;
}

static int is_at_least(struct eval *e, const struct slice *args)
{
	int order = version_compare(args[0]);

	return order == -2 ? fail(e, e->at, "not a version:", args[0], "") : order >= 0;
}

static int is_before(struct eval *e, const struct slice *args)
{
	int order = version_compare(args[0]);

	return order == -2 ? fail(e, e->at, "not a version:", args[0], "") : order < 0;
}

struct predicate {
	struct slice name;
	unsigned arguments;
	int (*holds)(struct eval *e, const struct slice *args);
};

static const struct predicate predicates[] = {
	{ SLICE("defined"), 1, is_defined },
	{ SLICE("feature"), 1, has_feature },
	{ SLICE("streq"), 2, is_equal },
	{ SLICE("strneq"), 2, is_different },
	{ SLICE("version_atleast"), 1, is_at_least },
	{ SLICE("version_before"), 1, is_before },
};

/* An argument up to ',' or ')': quotes and escapes once more (manual, 2.2). False: the text ends before it does. */
static bool argument_parse(struct eval *e, struct slice *out)
{
	char *copy = arena_alloc(e->arena, e->text.len - e->at + 1), quote = 0;
	size_t len = 0;

	if (copy == NULL)
		return false;
	for (; e->at < e->text.len; e->at++) {
		char c = byte(e), next = e->at + 1 < e->text.len ? e->text.ptr[e->at + 1] : '\0';

		if (quote == 0 && (c == ',' || c == ')'))
			break;
		if ((c == '"' || c == '\'') && (quote == 0 || quote == c)) {
			quote = quote == 0 ? c : '\0';
			continue;
		}
		if (c == '\\' && quote != '\'' && next != '\0' && strchr(" \\'\"tnr", next) != NULL) {
			c = next == 't' ? '\t' : next == 'n' ? '\n' : next == 'r' ? '\r' : next;
			e->at++;
		}
		copy[len++] = c;
	}
	*out = slice_of(copy, len);
	return quote == 0;
}

static int predicate_parse(struct eval *e, const struct predicate *what)
{
	struct slice args[ARGUMENTS_MOST];
	size_t from = e->at;

	for (unsigned i = 0; i < what->arguments; i++) {
		e->at++; /* '(' or ',' */
		if (!argument_parse(e, &args[i]))
			return fail(e, e->at, "unmatched quote in the arguments of predicate", what->name, "");
		if (i + 1 < what->arguments && byte(e) != ',')
			return fail(e, e->at, "missing arguments of predicate", what->name, "");
	}
	if (byte(e) == ',')
		return fail(e, e->at, "expected ')' before", rest(e, e->at), " in conditional expression");
	if (byte(e) != ')')
		return fail(e, e->at, "expected ')' behind the arguments in", rest(e, from - what->name.len), "");
	e->at++;
	return what->holds(e, args);
}

/* --- grammar ------------------------------------------------------------------------------------- */

static int number_parse(struct eval *e)
{
	bool holds = false;

	if (byte(e) == '-' || byte(e) == '+')
		e->at++;
	for (; byte(e) >= '0' && byte(e) <= '9'; e->at++)
		holds = holds || byte(e) != '0';
	return holds;
}

static int inner_parse(struct eval *e)
{
	size_t from = e->at++;
	int holds = or_parse(e);

	blanks(e);
	if (holds >= 0 && byte(e) != ')')
		return fail(e, e->at, "expected ')' after conditional expression", rest(e, from), "");
	if (holds >= 0)
		e->at++;
	return holds;
}

static int term_parse(struct eval *e)
{
	struct slice here;
	int holds;

	blanks(e);
	here = rest(e, e->at);
	if (e->depth == DEPTH_MOST)
		return fail(e, e->at, "too many levels of conditions in", here, "");
	e->depth++;
	if (byte(e) == '!') {
		e->at++;
		holds = term_parse(e);
		holds = holds < 0 ? holds : !holds;
	} else if (byte(e) == '(') {
		holds = inner_parse(e);
	} else if (here.len > 0 && (byte(e) == '-' || byte(e) == '+' ? here.len > 1 && here.ptr[1] >= '0' && here.ptr[1] <= '9' :
							     byte(e) >= '0' && byte(e) <= '9')) {
		holds = number_parse(e);
	} else {
		holds = -2;
		for (unsigned i = 0; holds == -2 && i < sizeof(predicates) / sizeof(predicates[0]); i++) {
			if (slice_eq(slice_sub(here, 0, slice_find(here, '(')), predicates[i].name) && slice_find(here, '(') < here.len) {
				e->at += predicates[i].name.len;
				holds = predicate_parse(e, &predicates[i]);
			}
		}
		if (holds == -2)
			holds = fail(e, e->at, "unparsable conditional expression", here, "");
	}
	e->depth--;
	return holds;
}

static bool operator_take(struct eval *e, struct slice what)
{
	blanks(e);
	if (!slice_starts_with(rest(e, e->at), what))
		return false;
	e->at += what.len;
	return true;
}

static int and_parse(struct eval *e)
{
	int holds = term_parse(e);

	while (holds >= 0 && operator_take(e, SLICE_LIT("&&"))) {
		int next = term_parse(e);

		holds = next < 0 ? next : holds && next;
	}
	return holds;
}

static int or_parse(struct eval *e)
{
	int holds = and_parse(e);

	while (holds >= 0 && operator_take(e, SLICE_LIT("||"))) {
		int next = and_parse(e);

		holds = next < 0 ? next : holds || next;
	}
	return holds;
}

static int text_holds(struct arena *arena, struct slice text, const char **why, size_t *column)
{
	struct eval e = { .arena = arena, .text = slice_trim(text) };
	int holds;

	if (e.text.len == 0)
		return 0;
	holds = or_parse(&e);
	blanks(&e);
	if (holds >= 0 && e.at < e.text.len)
		holds = fail(&e, e.at, "unexpected words", rest(&e, e.at), " at the end of the conditional expression");
	*why = e.why;
	*column = e.column + (size_t)(e.text.ptr - text.ptr);
	return holds;
}

int condition_holds(struct arena *arena, const struct slice *words, unsigned count, const char **why, size_t *column)
{
	struct buf joined;
	int holds;

	buf_init(&joined, 0);
	for (unsigned i = 0; i < count; i++) {
		buf_add_str(&joined, i > 0 ? " " : "");
		buf_add_slice(&joined, words[i]);
	}
	holds = text_holds(arena, buf_slice(&joined), why, column);
	buf_free(&joined);
	return holds;
}
