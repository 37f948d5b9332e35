/* date.h - seconds since 1970 as day and time of day: arithmetic, because localtime_r() and gmtime_r() take a lock of libc's at each call. */
#ifndef MOA_GATEWAY_EXPR_DATE_H
#define MOA_GATEWAY_EXPR_DATE_H

#include <stdbool.h>
#include <stdint.h>

/* How far local time is ahead, as it was asked for last. Zeroed: not yet. One thread's. */
struct date_zone {
	int64_t quarter; /* of an hour, since 1970, and that plus 1: zones change at its borders only */
	long ahead_s;
};

struct date {
	int year;
	unsigned month, day; /* from 1 */
	unsigned hour, minute, second;
	unsigned weekday;    /* from Sunday, 0 */
	long ahead_s;        /* of UTC */
};

extern const char date_months[12][4];  /* "Jan" */
extern const char date_weekdays[7][4]; /* "Sun" */

/* In UTC; false outside of the years 1 to 9999. */
bool date_utc(int64_t second, struct date *out);
/* In local time. Asks libc once in a quarter of an hour. */
bool date_local(struct date_zone *zone, int64_t second, struct date *out);

#endif
