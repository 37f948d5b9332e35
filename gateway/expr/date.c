/* date.c - the calendar: years are counted from the first of March, so that the day that some of them have more is their last. */
#include "gateway/expr/date.h"

#include <time.h>

#define DAY_S 86400
#define ERA_DAYS 146097         /* of 400 years */
#define DAYS_TO_1970 719468     /* since the first of March of the year 0 */
#define FIRST_SECOND INT64_C(-62135596800) /* of the year 1 */
#define LAST_SECOND INT64_C(253402300799)  /* of the year 9999 */
#define QUARTER_S 900

const char date_months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
const char date_weekdays[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };

/* <days> since the first of March of the year 0, not negative. */
static void date_of_days(int64_t days, struct date *out)
{
	int64_t era = days / ERA_DAYS, in_era = days % ERA_DAYS;
	int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / (ERA_DAYS - 1)) / 365;
	int64_t in_year = in_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * in_year + 2) / 153; /* from March: five months have 153 days, in that order of 31 and 30 */

	out->day = (unsigned)(in_year - (153 * month + 2) / 5) + 1;
	out->month = (unsigned)(month < 10 ? month + 3 : month - 9);
	out->year = (int)(era * 400 + year + (out->month <= 2));
}

bool date_utc(int64_t second, struct date *out)
{
	int64_t days, left;

	if (second < FIRST_SECOND || second > LAST_SECOND)
		return false;
	days = second / DAY_S - (second % DAY_S < 0);
	left = second - days * DAY_S;
	date_of_days(days + DAYS_TO_1970, out);
	out->hour = (unsigned)(left / 3600);
	out->minute = (unsigned)(left / 60 % 60);
	out->second = (unsigned)(left % 60);
	out->weekday = (unsigned)((days + DAYS_TO_1970 + 3) % 7); /* that first of March was a Wednesday */
	out->ahead_s = 0;
	return true;
}

bool date_local(struct date_zone *zone, int64_t second, struct date *out)
{
	int64_t quarter = second / QUARTER_S + 1;
	long ahead_s;

	if (zone->quarter != quarter) {
		time_t start = (time_t)(second - second % QUARTER_S);
		struct tm tm;

		if (localtime_r(&start, &tm) == NULL)
			return false;
		zone->ahead_s = tm.tm_gmtoff;
		zone->quarter = quarter;
	}
	ahead_s = zone->ahead_s;
	if (!date_utc(second + ahead_s, out))
		return false;
	out->ahead_s = ahead_s;
	return true;
}
