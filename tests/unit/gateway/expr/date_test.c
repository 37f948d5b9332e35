/* date_test.c - the calendar against libc's, at every month's border and where clocks are changed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/expr/date.h"

#define DAY_S 86400

static void check(int64_t second, const struct date *d, const struct tm *tm)
{
	if (d->year != tm->tm_year + 1900 || d->month != (unsigned)tm->tm_mon + 1 || d->day != (unsigned)tm->tm_mday || d->hour != (unsigned)tm->tm_hour ||
	    d->minute != (unsigned)tm->tm_min || d->second != (unsigned)tm->tm_sec || d->weekday != (unsigned)tm->tm_wday || d->ahead_s != tm->tm_gmtoff)
		fail_msg("%lld is %d-%u-%u %u:%u:%u", (long long)second, d->year, d->month, d->day, d->hour, d->minute, d->second);
}

static void same_as_libc(void **state)
{
	/* each day from the year 1 to 9999, at another time of the day */
	(void)state;
	for (int64_t s = INT64_C(-62135596800); s <= INT64_C(253402300799); s += DAY_S + 7) {
		time_t when = (time_t)s;
		struct date d;
		struct tm tm;

		assert_true(date_utc(s, &d));
		assert_non_null(gmtime_r(&when, &tm));
		check(s, &d, &tm);
	}
}

static void borders(void **state)
{
	struct date d;

	(void)state;
	assert_true(date_utc(INT64_C(-62135596800), &d));
	assert_int_equal(d.year, 1);
	assert_false(date_utc(INT64_C(-62135596801), &d));
	assert_true(date_utc(INT64_C(253402300799), &d));
	assert_int_equal(d.year, 9999);
	assert_false(date_utc(INT64_C(253402300800), &d));
	assert_false(date_utc(INT64_MAX, &d));
	assert_false(date_utc(INT64_MIN, &d));
	assert_true(date_utc(-1, &d));
	assert_int_equal(d.year, 1969);
	assert_int_equal(d.second, 59);
}

/* The zones: both hemispheres, a change of half an hour, an odd distance. */
static void local_time(void **state)
{
	static const char *const zones[] = { "UTC0", "CET-1CEST,M3.5.0,M10.5.0/3", "NZST-12NZDT,M9.5.0,M4.1.0/3", "LHST-10:30LHDT-11,M10.1.0,M4.1.0",
					     "NPT-5:45", "EST5EDT,M3.2.0,M11.1.0" };

	(void)state;
	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
		struct date_zone zone = { 0 };

		setenv("TZ", zones[i], 1);
		tzset();
		for (int64_t s = 1767225600; s < 1767225600 + 366 * DAY_S; s += 299) { /* the year 2026 */
			time_t when = (time_t)s;
			struct date d;
			struct tm tm;

			assert_true(date_local(&zone, s, &d));
			assert_non_null(localtime_r(&when, &tm));
			check(s, &d, &tm);
		}
	}
	unsetenv("TZ");
	tzset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_as_libc),
		cmocka_unit_test(borders),
		cmocka_unit_test(local_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
