/* conv_date.c - converters of numbers that are dates: for headers, and in any form (manual, 7.3.1). */
#include "gateway/expr/tables.h"

#include <stdio.h>
#include <time.h>
#include "gateway/conf/parse.h"
#include "gateway/expr/arg.h"
#include "gateway/expr/date.h"
#include "gateway/session/exchange.h"

#define DATE_TEXT_MOST 1024

/* ---- http_date ---- */

/* Argument 2 as a number: how many of the unit are a second. */
static bool check_unit(struct parse *p, struct args *a)
{
	struct slice unit = a->at[1].text;

	a->at[1].number = !a->at[1].given || slice_eq(unit, SLICE_LIT("s")) ? 1 :
			  slice_eq(unit, SLICE_LIT("ms")) ? 1000 : slice_eq(unit, SLICE_LIT("us")) ? 1000000 : 0;
	if (a->at[1].number != 0)
		return true;
	parse_error(p, "converter 'http_date' : expects 's', 'ms' or 'us', not '%s'", unit.ptr);
	return false;
}

/* As in HAProxy milliseconds and microseconds are written too, although no header knows them. */
static bool conv_http_date(struct exchange *x, const struct args *a, struct sample *s)
{
	int64_t n, unit = a->at[1].number, rest;
	struct date d;
	char fraction[8] = "";

	if (__builtin_add_overflow(s->integer, a->at[0].number, &n))
		return false;
	rest = n % unit + (n % unit < 0 ? unit : 0);
	if (!date_utc((n - rest) / unit, &d))
		return false;
	if (unit == 1000)
		snprintf(fraction, sizeof(fraction), ".%03u", (unsigned)rest % 1000);
	else if (unit == 1000000)
		snprintf(fraction, sizeof(fraction), ".%06u", (unsigned)rest % 1000000);
	return sample_set_text(s, arena_printf(x->arena, "%s, %02u %s %04d %02u:%02u:%02u%s GMT", date_weekdays[d.weekday], d.day,
					       date_months[d.month - 1], d.year, d.hour, d.minute, d.second, fraction));
}

/* ---- ltime, utime ---- */

enum { LOCAL, UTC };

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the format is the configuration's */

/* These take libc's lock for a moment, and only where a configuration wants them: strftime() needs all that libc knows of a date. */
static bool conv_time(struct exchange *x, const struct args *a, struct sample *s)
{
	char text[DATE_TEXT_MOST];
	struct tm tm;
	time_t when;

	if (__builtin_add_overflow(s->integer, a->at[1].number, &when))
		return false;
	if ((a->data == LOCAL ? localtime_r(&when, &tm) : gmtime_r(&when, &tm)) == NULL)
		return false;
	/* what is longer than the space gives an empty text */
	return sample_set_text(s, arena_copy(x->arena, slice_of(text, strftime(text, sizeof(text), a->at[0].text.ptr, &tm))));
}

#pragma GCC diagnostic pop

const struct converter conv_date[] = {
	{ .name = "http_date", .args = "|is", .from = SAMPLE_INT, .to = SAMPLE_STR, .convert = conv_http_date, .check = check_unit },
	{ .name = "ltime", .args = "s|i", .from = SAMPLE_INT, .to = SAMPLE_STR, .convert = conv_time, .data = LOCAL },
	{ .name = "utime", .args = "s|i", .from = SAMPLE_INT, .to = SAMPLE_STR, .convert = conv_time, .data = UTC },
	{ .name = NULL },
};
