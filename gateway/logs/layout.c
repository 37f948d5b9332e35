/* layout.c - prefixes of log lines. */
#include "gateway/logs/layout.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

static void clock_set(struct log_clock *clock, int64_t second)
{
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t now = (time_t)second;
	struct tm tm;
	long minutes;

	if (clock->second == second + 1)
		return;
	clock->second = second + 1;
	localtime_r(&now, &tm);
	minutes = tm.tm_gmtoff / 60;
	/* the remainders are what the fields have anyway, said so that the compiler can see it */
	snprintf(clock->rfc3164, sizeof(clock->rfc3164), "%s %2u %02u:%02u:%02u", months[tm.tm_mon % 12], (unsigned)tm.tm_mday % 32,
		 (unsigned)tm.tm_hour % 24, (unsigned)tm.tm_min % 60, (unsigned)tm.tm_sec % 61);
	snprintf(clock->iso, sizeof(clock->iso), "%04u-%02u-%02uT%02u:%02u:%02u", (unsigned)(tm.tm_year + 1900) % 10000,
		 (unsigned)tm.tm_mon % 12 + 1, (unsigned)tm.tm_mday % 32, (unsigned)tm.tm_hour % 24, (unsigned)tm.tm_min % 60,
		 (unsigned)tm.tm_sec % 61);
	snprintf(clock->zone, sizeof(clock->zone), "%c%02u:%02u", minutes < 0 ? '-' : '+',
		 (unsigned)(minutes < 0 ? -minutes : minutes) / 60 % 24, (unsigned)(minutes < 0 ? -minutes : minutes) % 60);
}

static void iso_write(const struct log_clock *clock, int64_t wall_us, struct buf *out)
{
	buf_printf(out, "%s.%06u%s", clock->iso, (unsigned)(wall_us % 1000000), clock->zone);
}

static struct slice cut(struct slice name)
{
	return slice_sub(name, 0, LAYOUT_NAME_MOST);
}

/* Every line has one: not worth a printf(). */
static void priority_write(unsigned priority, struct buf *out)
{
	buf_add_char(out, '<');
	buf_add_u64(out, priority);
	buf_add_char(out, '>');
}

static void write_3164(const struct log_clock *clock, const struct log_prefix *what, unsigned priority, struct slice host, struct buf *out)
{
	priority_write(priority, out);
	buf_add_str(out, clock->rfc3164);
	buf_add_char(out, ' ');
	if (host.ptr != NULL) {
		buf_add_slice(out, cut(host));
		buf_add_char(out, ' ');
	}
	buf_add_slice(out, cut(what->tag));
	buf_add_char(out, '[');
	buf_add_i64(out, what->pid);
	buf_add_str(out, "]: ");
}

static void write_5424(const struct log_clock *clock, const struct log_prefix *what, unsigned priority, struct buf *out)
{
	static const struct slice none = SLICE("-");

	priority_write(priority, out);
	buf_add_str(out, "1 ");
	iso_write(clock, what->wall_us, out);
	buf_printf(out, " %.*s %.*s %d - %s", SLICE_ARG(what->host.len > 0 ? cut(what->host) : none),
		   SLICE_ARG(what->tag.len > 0 ? cut(what->tag) : none), what->pid, what->has_data ? "" : "- ");
}

void log_prefix_write(struct log_clock *clock, const struct log_prefix *what, struct buf *out)
{
	unsigned priority = what->facility * 8 + (unsigned)what->severity;

	assert(what->severity >= 0 && what->severity < 8 && what->wall_us >= 0);
	clock_set(clock, what->wall_us / 1000000);
	switch (what->layout) {
	case LAYOUT_LOCAL:
		write_3164(clock, what, priority, SLICE_NONE, out);
		break;
	case LAYOUT_RFC3164: /* its host is mandatory */
		write_3164(clock, what, priority, what->host.len > 0 ? what->host : SLICE_LIT("localhost"), out);
		break;
	case LAYOUT_RFC5424:
		write_5424(clock, what, priority, out);
		break;
	case LAYOUT_PRIORITY:
		priority_write(priority, out);
		break;
	case LAYOUT_SHORT:
		priority_write((unsigned)what->severity, out);
		break;
	case LAYOUT_TIMED:
		priority_write((unsigned)what->severity, out);
		iso_write(clock, what->wall_us, out);
		buf_add_char(out, ' ');
		break;
	case LAYOUT_ISO:
		iso_write(clock, what->wall_us, out);
		buf_add_char(out, ' ');
		break;
	case LAYOUT_RAW:
		break;
	}
}
