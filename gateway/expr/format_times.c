/* format_times.c - the %-variables that are dates or durations (manual, 8.4).
 *
 * An exchange begins when its connection does, or when the last response has ended (%t); then it is idle until its first byte (%tr).
 */
#include "gateway/expr/format_variable.h"

#include <string.h>
#include "gateway/expr/date.h"
#include "gateway/session/exchange.h"
#include "gateway/session/worker.h"

/* ---- dates ---- */

/* Which date it is, and how it is written. */
enum { BEGUN = 0, REQUEST = 1 };
enum { WITH_MS = 2, GMT = 4, WITH_ZONE = 8 };

static int64_t moment_us(const struct exchange *x, int data)
{
	if (x->t.wall_us == 0) /* nothing has come */
		return x->session->accepted_wall_us;
	return (data & REQUEST) != 0 ? x->t.wall_us : x->t.wall_us - x->t.idle_us;
}

/* The last <width> digits of <n>. */
static char *digits(char *to, unsigned n, unsigned width)
{
	for (unsigned i = width; i > 0; i--, n /= 10)
		to[i - 1] = (char)('0' + n % 10);
	return to + width;
}

/* Made digit by digit: it is in every line of a log. */
static void write_date(const struct format_place *at, int data)
{
	int64_t us = moment_us(at->x, data);
	char text[48], *to = text;
	struct date d;

	if (!((data & GMT) != 0 ? date_utc(us / 1000000, &d) : date_local(&at->x->worker->zone, us / 1000000, &d)))
		return;
	to = digits(to, d.day, 2);
	*to++ = '/';
	memcpy(to, date_months[d.month - 1], 3);
	to += 3;
	*to++ = '/';
	to = digits(to, (unsigned)d.year, 4);
	*to++ = ':';
	to = digits(to, d.hour, 2);
	*to++ = ':';
	to = digits(to, d.minute, 2);
	*to++ = ':';
	to = digits(to, d.second, 2);
	if ((data & WITH_MS) != 0) {
		*to++ = '.';
		to = digits(to, (unsigned)(us / 1000 % 1000), 3);
	}
	if ((data & WITH_ZONE) != 0) {
		unsigned minutes = (unsigned)(d.ahead_s < 0 ? -d.ahead_s : d.ahead_s) / 60;

		*to++ = ' ';
		*to++ = d.ahead_s < 0 ? '-' : '+';
		to = digits(to, minutes / 60, 2);
		to = digits(to, minutes % 60, 2);
	}
	buf_add(at->out, text, (size_t)(to - text));
}

static void write_seconds(const struct format_place *at, int data)
{
	int64_t s = moment_us(at->x, data) / 1000000;

	if ((at->flags & FORMAT_HEX) != 0)
		buf_printf(at->out, "%04llX", (unsigned long long)s);
	else
		buf_add_i64(at->out, s);
}

static void write_ms(const struct format_place *at, int data)
{
	unsigned ms = (unsigned)(moment_us(at->x, data) / 1000 % 1000);
	char text[3];

	if ((at->flags & FORMAT_HEX) != 0)
		buf_printf(at->out, "%02X", ms);
	else
		buf_add(at->out, text, (size_t)(digits(text, ms, 3) - text));
}

/* ---- timers ---- */

enum { T_REQUEST, T_QUEUE, T_CONNECT, T_RESPONSE, T_DATA, T_ACTIVE, T_TOTAL, T_SEEN, T_HANDSHAKE, T_IDLE, T_UNTIL_HEAD };

/* <us> in milliseconds since the request's first byte; all are cut off at the same points, so that the parts add up to the total. */
static int64_t since(const struct exchange *x, int64_t us)
{
	return (us - x->t.first_byte_us) / 1000;
}

/* From one moment to another; -1 unless both have come. */
static int64_t between(const struct exchange *x, int64_t from_us, int64_t to_us)
{
	return from_us == 0 || to_us == 0 ? -1 : since(x, to_us) - since(x, from_us);
}

static int64_t timer_ms(const struct exchange *x, int which)
{
	const struct exchange_times *t = &x->t;
	int64_t idle_ms = t->first_byte_us == 0 ? -1 : t->idle_us / 1000;
	int64_t end_us = t->end_us != 0 ? t->end_us : t->response_us; /* the log is written early */
	int64_t active_ms = between(x, t->first_byte_us, end_us);

	switch (which) {
	case T_REQUEST: /* not told of what was kept in the tarpit */
		return x->stage == 'T' ? -1 : between(x, t->first_byte_us, t->request_us);
	case T_QUEUE:
		return between(x, t->request_us, t->queue_us);
	case T_CONNECT:
		return between(x, t->queue_us, t->connect_us);
	case T_RESPONSE:
		return between(x, t->connect_us, t->response_us);
	case T_DATA:
		return between(x, t->response_us, end_us);
	case T_TOTAL:
		return (active_ms < 0 ? 0 : active_ms) + (idle_ms < 0 ? 0 : idle_ms);
	case T_HANDSHAKE:
		return 0; /* there is none but PROXY's line, which is a part of the idle time */
	case T_IDLE:
		return idle_ms;
	case T_UNTIL_HEAD:
		return t->request_us == 0 ? -1 : idle_ms + between(x, t->first_byte_us, t->request_us);
	default:
		return active_ms < 0 ? 0 : active_ms;
	}
}

static void write_timer(const struct format_place *at, int which)
{
	if (which == T_ACTIVE || which == T_TOTAL || which == T_SEEN)
		format_write_plus(at);
	buf_add_i64(at->out, timer_ms(at->x, which));
}

/* ---- the table ---- */

const struct format_variable format_times[] = {
	{ "t", write_date, BEGUN | WITH_MS },
	{ "T", write_date, BEGUN | GMT | WITH_ZONE },
	{ "Tl", write_date, BEGUN | WITH_ZONE },
	{ "tr", write_date, REQUEST | WITH_MS },
	{ "trg", write_date, REQUEST | GMT | WITH_ZONE },
	{ "trl", write_date, REQUEST | WITH_ZONE },
	{ "Ts", write_seconds, BEGUN },
	{ "ms", write_ms, BEGUN },

	{ "TR", write_timer, T_REQUEST },
	{ "Tw", write_timer, T_QUEUE },
	{ "Tc", write_timer, T_CONNECT },
	{ "Tr", write_timer, T_RESPONSE },
	{ "Td", write_timer, T_DATA },
	{ "Ta", write_timer, T_ACTIVE },
	{ "Tt", write_timer, T_TOTAL },
	{ "Tu", write_timer, T_SEEN },
	{ "Th", write_timer, T_HANDSHAKE },
	{ "Ti", write_timer, T_IDLE },
	{ "Tq", write_timer, T_UNTIL_HEAD },
	{ .name = NULL },
};
