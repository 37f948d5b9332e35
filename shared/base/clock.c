/* clock.c - the two clocks, and identifiers made from them. */
#include "shared/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "shared/base/log.h"

#define US_PER_S 1000000

static int64_t clock_read_us(clockid_t id)
{
	struct timespec ts;
	int rc = clock_gettime(id, &ts);

	assert(rc == 0); /* both clocks always exist */
	(void)rc;
	return (int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / 1000;
}

int64_t clock_mono_us(void)
{
	return clock_read_us(CLOCK_MONOTONIC);
}

int64_t clock_wall_us(void)
{
	return clock_read_us(CLOCK_REALTIME);
}

int clock_left_ms(int64_t deadline_us)
{
	int64_t now_us = clock_mono_us(), left_ms;

	if (deadline_us <= now_us)
		return 0;
	/* rounded up: rounded down, the last millisecond would be a busy loop of waits of 0 */
	left_ms = (deadline_us - now_us - 1) / 1000 + 1;
	return left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

/* From the kernel each time: no state that a fork would copy, and at a third of a microsecond cheap enough. */
static void random_bytes(void *out, size_t len)
{
	/* up to 256 bytes come whole and without EINTR once the pool is seeded; before that a signal may interrupt */
	while (getrandom(out, len, 0) != (ssize_t)len) {
		if (errno != EINTR) {
			log_error("clock.no_random", "errno=%d", errno);
			abort();
		}
	}
}

void clock_uuid7(char out[CLOCK_UUID_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";
	uint64_t ms = (uint64_t)(clock_wall_us() / 1000);
	unsigned char b[16];
	char *p = out;

	random_bytes(b, sizeof(b));
	for (int i = 0; i < 6; i++)
		b[i] = (unsigned char)(ms >> (40 - 8 * i));
	b[6] = (unsigned char)(0x70 | (b[6] & 0x0F)); /* version 7 */
	b[8] = (unsigned char)(0x80 | (b[8] & 0x3F)); /* the variant of RFC 9562 */
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = digits[b[i] >> 4];
		*p++ = digits[b[i] & 15];
	}
	*p = '\0';
}

/* Writes <n> with exactly <width> digits. */
static char *put_digits(char *p, int64_t n, int width)
{
	for (int i = width - 1; i >= 0; i--) {
		p[i] = (char)('0' + n % 10);
		n /= 10;
	}
	return p + width;
}

void clock_iso(int64_t wall_us, char out[CLOCK_ISO_LEN + 1])
{
	/* year 0000 to year 9999: what four digits can say */
	const int64_t first_us = -62167219200 * US_PER_S, last_us = 253402300800 * US_PER_S - 1;
	int64_t us, s;
	struct tm tm;
	time_t t;
	char *p;

	if (wall_us < first_us)
		wall_us = first_us;
	if (wall_us > last_us)
		wall_us = last_us;
	us = (wall_us % US_PER_S + US_PER_S) % US_PER_S;
	s = (wall_us - us) / US_PER_S;
	t = (time_t)s;
	gmtime_r(&t, &tm);
	p = put_digits(out, tm.tm_year + 1900, 4);
	*p++ = '-';
	p = put_digits(p, tm.tm_mon + 1, 2);
	*p++ = '-';
	p = put_digits(p, tm.tm_mday, 2);
	*p++ = 'T';
	p = put_digits(p, tm.tm_hour, 2);
	*p++ = ':';
	p = put_digits(p, tm.tm_min, 2);
	*p++ = ':';
	p = put_digits(p, tm.tm_sec, 2);
	*p++ = '.';
	p = put_digits(p, us, 6);
	*p++ = 'Z';
	*p = '\0';
}

uint64_t clock_random(void)
{
	uint64_t n;

	random_bytes(&n, sizeof(n));
	return n;
}

int clock_backoff_ms(unsigned attempt, int max_ms)
{
	const unsigned shift_max = 20; /* 50 ms << 20 is 14 hours; one more would near the end of int */
	int64_t all = (int64_t)50 << (attempt < shift_max ? attempt : shift_max);
	int64_t half;

	if (max_ms <= 0)
		return 0;
	if (all > max_ms)
		all = max_ms;
	half = all / 2;
	return (int)(half + (int64_t)(clock_random() % (uint64_t)(all - half + 1)));
}
