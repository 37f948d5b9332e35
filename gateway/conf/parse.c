/* parse.c - the words of one line: taking them one by one, reading numbers, times and sizes, complaining. */
#include "gateway/conf/parse.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "shared/base/buf.h"

/* Longer words are not compared: they are nobody's keyword. */
#define NEAREST_MOST 40

static void complain(struct parse *p, const char *level, const char *format, va_list ap) __attribute__((format(printf, 3, 0)));
static void complain(struct parse *p, const char *level, const char *format, va_list ap)
{
	size_t from;

	buf_printf(p->messages, "%-10s (%d) : config : ", level, (int)getpid());
	from = p->messages->len;
	if (p->line > 0)
		buf_printf(p->messages, "parsing [%.*s:%u] : ", SLICE_ARG(p->file), p->line);
	buf_vprintf(p->messages, format, ap);
	/* a word may hold anything, "\n" above all: a message stays one line, and does nothing to a terminal */
	for (; from < p->messages->len; from++) {
		if ((unsigned char)p->messages->ptr[from] < ' ' || p->messages->ptr[from] == 0x7f)
			p->messages->ptr[from] = '?';
	}
	buf_add_char(p->messages, '\n');
}

void parse_error(struct parse *p, const char *format, ...)
{
	va_list ap;

	p->errors++;
	va_start(ap, format);
	complain(p, "[ALERT]", format, ap);
	va_end(ap);
}

void parse_warning(struct parse *p, const char *format, ...)
{
	va_list ap;

	p->warnings++;
	va_start(ap, format);
	complain(p, "[WARNING]", format, ap);
	va_end(ap);
}

struct slice parse_peek(const struct parse *p)
{
	return p->at < p->count ? p->words[p->at] : SLICE_NONE;
}

struct slice parse_next(struct parse *p)
{
	struct slice word = parse_peek(p);

	if (p->at < p->count)
		p->at++;
	return word;
}

bool parse_accept(struct parse *p, const char *word)
{
	if (p->at >= p->count || !slice_eq(p->words[p->at], slice_str(word)))
		return false;
	p->at++;
	return true;
}

bool parse_want(struct parse *p, const char *keyword, struct slice *out)
{
	*out = parse_next(p);
	if (out->ptr == NULL)
		parse_error(p, "'%s' expects an argument", keyword);
	return out->ptr != NULL;
}

bool parse_end(struct parse *p)
{
	if (p->at >= p->count)
		return true;
	parse_error(p, "'%.*s' cannot handle unexpected argument '%.*s'", SLICE_ARG(p->words[0]), SLICE_ARG(p->words[p->at]));
	return false;
}

/* --- numbers ------------------------------------------------------------------------------------- */

/* Cuts the digits off the front of <word>; false when there are none, or more than fit. */
static bool digits_cut(struct slice *word, uint64_t *out)
{
	size_t i;
	uint64_t n = 0;

	for (i = 0; i < word->len && word->ptr[i] >= '0' && word->ptr[i] <= '9'; i++) {
		unsigned digit = (unsigned)(word->ptr[i] - '0');

		if (n > (UINT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*word = slice_sub(*word, i, word->len);
	*out = n;
	return i > 0;
}

static bool digits_want(struct parse *p, struct slice word, const char *what, struct slice *rest, uint64_t *out)
{
	*rest = word;
	if (digits_cut(rest, out))
		return true;
	if (word.len == 0)
		parse_error(p, "'%s' expects a number", what);
	else
		parse_error(p, "'%s' expects a number, not '%.*s'", what, SLICE_ARG(word));
	return false;
}

/* Microseconds of a unit; 0: there is no such unit. */
static uint64_t unit_us(struct slice unit)
{
	static const struct { struct slice name; uint64_t us; } units[] = {
		{ SLICE("us"), 1 },
		{ SLICE("ms"), 1000 },
		{ SLICE("s"), 1000000 },
		{ SLICE("m"), UINT64_C(60) * 1000000 },
		{ SLICE("h"), UINT64_C(3600) * 1000000 },
		{ SLICE("d"), UINT64_C(86400) * 1000000 },
	};

	for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (slice_eq(unit, units[i].name))
			return units[i].us;
	}
	return 0;
}

bool parse_time_ms(struct parse *p, struct slice word, char unit, const char *what, int *ms)
{
	struct slice rest;
	uint64_t n, us;

	if (!digits_want(p, word, what, &rest, &n))
		return false;
	if (rest.len == 0)
		us = unit == 's' ? 1000000 : unit == 'u' ? 1 : 1000;
	else
		us = unit_us(rest);
	if (us == 0) {
		parse_error(p, "unexpected character '%c' in argument '%.*s' of '%s': units are us, ms, s, m, h and d", rest.ptr[0],
			    SLICE_ARG(word), what);
		return false;
	}
	if (n > (uint64_t)INT_MAX * 1000 / us) {
		parse_error(p, "timer overflow in argument '%.*s' to '%s' (maximum value is 2147483647 ms or ~24.8 days)", SLICE_ARG(word),
			    what);
		return false;
	}
	*ms = (int)((n * us + 999) / 1000);
	return true;
}

bool parse_size(struct parse *p, struct slice word, const char *what, uint64_t *bytes)
{
	struct slice rest;
	unsigned shift = 0;
	uint64_t n;

	if (!digits_want(p, word, what, &rest, &n))
		return false;
	if (rest.len == 1) {
		switch (rest.ptr[0]) {
		case 'k': case 'K': shift = 10; break;
		case 'm': case 'M': shift = 20; break;
		case 'g': case 'G': shift = 30; break;
		default: break;
		}
	}
	if (rest.len > 1 || (rest.len == 1 && shift == 0)) {
		parse_error(p, "unexpected character '%c' in argument '%.*s' of '%s': units are k, m and g", rest.ptr[0], SLICE_ARG(word), what);
		return false;
	}
	if (n > UINT64_MAX >> shift) {
		parse_error(p, "'%.*s' is too much for '%s'", SLICE_ARG(word), what);
		return false;
	}
	*bytes = n << shift;
	return true;
}

bool parse_number(struct parse *p, struct slice word, const char *what, uint64_t least, uint64_t most, uint64_t *out)
{
	struct slice rest;
	uint64_t n;

	if (!digits_want(p, word, what, &rest, &n))
		return false;
	if (rest.len > 0) {
		parse_error(p, "'%s' expects a number, not '%.*s'", what, SLICE_ARG(word));
		return false;
	}
	if (n < least || n > most) {
		parse_error(p, "'%s' expects a number from %llu to %llu, not '%.*s'", what, (unsigned long long)least, (unsigned long long)most,
			    SLICE_ARG(word));
		return false;
	}
	*out = n;
	return true;
}

/* --- did you mean -------------------------------------------------------------------------------- */

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* How many letters have to be inserted, removed, replaced or swapped with their neighbour to make <b> of <a>: the
 * optimal string alignment, three rows of its table at a time. Both are at most NEAREST_MOST long. */
static unsigned distance(struct slice a, struct slice b)
{
	unsigned rows[3][NEAREST_MOST + 1] = { 0 };

	for (unsigned j = 0; j <= b.len; j++)
		rows[0][j] = j;
	for (unsigned i = 1; i <= a.len; i++) {
		unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

		row[0] = i;
		for (unsigned j = 1; j <= b.len; j++) {
			row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (a.ptr[i - 1] != b.ptr[j - 1]));
			if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
	}
	return rows[a.len % 3][b.len];
}

const char *parse_nearest(struct slice word, const char *const *names, unsigned count)
{
	const char *best = NULL;
	unsigned best_distance = UINT_MAX;

	if (word.len == 0 || word.len > NEAREST_MOST)
		return NULL;
	for (unsigned i = 0; i < count; i++) {
		struct slice name = slice_str(names[i]);
		unsigned d;

		if (name.len > NEAREST_MOST)
			continue;
		d = distance(word, name);
		if (d * 3 <= (word.len > name.len ? word.len : name.len) && d < best_distance) {
			best = names[i];
			best_distance = d;
		}
	}
	return best;
}
