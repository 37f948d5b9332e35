/* target.c - reads "log <address> [len <n>] [format <layout>] [sample <ranges>:<size>] <facility> [<level> [<least level>]]". */
#include "gateway/logs/target.h"

#include <assert.h>
#include "gateway/conf/address.h"
#include "gateway/conf/parse.h"

#define SYSLOG_PORT 514
#define COUNT(array) (unsigned)(sizeof(array) / sizeof((array)[0]))

static const char *const layouts[] = {
	[LAYOUT_LOCAL] = "local",
	[LAYOUT_RFC3164] = "rfc3164",
	[LAYOUT_RFC5424] = "rfc5424",
	[LAYOUT_SHORT] = "short",
	[LAYOUT_PRIORITY] = "priority",
	[LAYOUT_TIMED] = "timed",
	[LAYOUT_ISO] = "iso",
	[LAYOUT_RAW] = "raw",
};
static const char *const facilities[] = {
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "auth2", "ftp", "ntp", "audit", "alert",
	"cron2", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
};
static const char *const levels[] = { "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug" };

/* The number of the next word in <names>, or -1 after complaining about a <what>. */
static int read_name(struct parse *p, const char *what, const char *const *names, unsigned count)
{
	struct slice word = parse_next(p);
	const char *nearest;

	for (unsigned i = 0; i < count; i++) {
		if (slice_eq(word, slice_str(names[i])))
			return (int)i;
	}
	nearest = parse_nearest(word, names, count);
	if (nearest == NULL)
		parse_error(p, "log : unknown %s '%.*s'", what, SLICE_ARG(word));
	else
		parse_error(p, "log : unknown %s '%.*s': did you mean '%s'?", what, SLICE_ARG(word), nearest);
	return -1;
}

/* A name is looked up once, here. */
static bool read_address(struct parse *p, struct slice text, struct log_target *t)
{
	struct address a;
	const char *why;

	if (slice_eq(text, SLICE_LIT("stdout")) || slice_eq(text, SLICE_LIT("stderr"))) {
		t->is_descriptor = true;
		t->descriptor = slice_eq(text, SLICE_LIT("stdout")) ? 1 : 2;
		return true;
	}
	if (slice_starts_with(text, SLICE_LIT("ring@"))) {
		parse_error(p, "log : rings in memory are not supported: '%.*s'", SLICE_ARG(text));
		return false;
	}
	why = address_parse(p->arena, text, ADDRESS_FDS | ADDRESS_PATHS | ADDRESS_DATAGRAM, &a);
	if (why != NULL) {
		parse_error(p, "log : %s", why);
		return false;
	}
	if (a.kind == ADDRESS_FD) {
		t->is_descriptor = true;
		t->descriptor = a.fd;
		return true;
	}
	if (!address_lookup(&a, (uint16_t)(a.port == 0 ? SYSLOG_PORT : a.port), &t->sa, &t->sa_len)) {
		parse_error(p, "log : the name in '%.*s' has no address", SLICE_ARG(text));
		return false;
	}
	return true;
}

/* --- sample ------------------------------------------------------------------------------------- */

/* "3" or "3-5" */
static bool read_range(struct parse *p, struct slice text, struct log_range *out)
{
	struct slice high = text;
	struct slice low = slice_cut(&high, '-');
	uint64_t from = 0, to = 0;
	bool good = slice_to_u64(low, INT32_MAX, &from) && from > 0;

	to = from;
	good = good && (high.ptr == NULL || slice_to_u64(high, INT32_MAX, &to)) && from <= to;
	if (!good)
		parse_error(p, "log : wrong sample range '%.*s'", SLICE_ARG(text));
	*out = (struct log_range){ .low = (unsigned)from, .high = (unsigned)to };
	return good;
}

/* Whether the last range lies apart from the others. */
static bool range_fits(struct parse *p, const struct log_sample *s)
{
	const struct log_range *last = &s->ranges[s->count - 1];

	for (unsigned i = 0; i + 1 < s->count; i++) {
		if (last->low <= s->ranges[i].high && s->ranges[i].low <= last->high) {
			parse_error(p, "log : sample ranges are overlapping");
			return false;
		}
	}
	if (last->high <= s->size)
		return true;
	parse_error(p, "log : sample size %u should be greater or equal to %u, the maximum of the ranges", s->size, last->high);
	return false;
}

static bool read_sample(struct parse *p, struct log_target *t)
{
	struct slice size = parse_next(p);
	struct slice ranges = slice_cut(&size, ':'), rest = ranges;
	unsigned count = 0;
	uint64_t n;

	if (!slice_to_u64(size, INT32_MAX, &n) || n == 0) {
		parse_error(p, "log : 'sample' expects <ranges>:<size>, not '%.*s%s%.*s'", SLICE_ARG(ranges), size.ptr == NULL ? "" : ":",
			    SLICE_ARG(size));
		return false;
	}
	for (; rest.ptr != NULL; slice_cut(&rest, ','))
		count++;
	t->sample = arena_alloc(p->arena, sizeof(*t->sample) + count * sizeof(t->sample->ranges[0]));
	if (t->sample == NULL) {
		parse_error(p, "log : no memory for %u sample ranges", count);
		return false;
	}
	t->sample->size = (unsigned)n;
	for (rest = ranges; rest.ptr != NULL; ) {
		if (!read_range(p, slice_cut(&rest, ','), &t->sample->ranges[t->sample->count]))
			return false;
		t->sample->count++;
		if (!range_fits(p, t->sample))
			return false;
	}
	return true;
}

/* --- the line ------------------------------------------------------------------------------------ */

static bool read_options(struct parse *p, struct log_target *t)
{
	uint64_t n;
	int layout;

	if (parse_accept(p, "len")) {
		if (!parse_number(p, parse_next(p), "len", LOG_LEN_LEAST, LOG_LEN_MOST, &n))
			return false;
		t->len = (unsigned)n;
	}
	if (parse_accept(p, "format")) {
		layout = read_name(p, "log format", layouts, COUNT(layouts));
		if (layout < 0)
			return false;
		t->layout = (enum log_layout)layout;
		t->layout_given = true;
	}
	return !parse_accept(p, "sample") || read_sample(p, t);
}

static bool read_levels(struct parse *p, struct log_target *t)
{
	if (parse_peek(p).ptr != NULL) {
		t->level = read_name(p, "optional log level", levels, COUNT(levels));
		if (t->level < 0)
			return false;
	}
	if (parse_peek(p).ptr != NULL) {
		t->level_least = read_name(p, "optional minimum log level", levels, COUNT(levels));
		if (t->level_least < 0)
			return false;
	}
	if (parse_peek(p).ptr == NULL)
		return true;
	parse_error(p, "log : cannot handle unexpected argument '%.*s'", SLICE_ARG(parse_peek(p)));
	return false;
}

void log_target_read(struct parse *p, struct log_target **list)
{
	struct log_target *t = arena_alloc(p->arena, sizeof(*t));
	struct slice address = parse_next(p);
	int facility;

	if (t == NULL || address.ptr == NULL || parse_peek(p).ptr == NULL) {
		parse_error(p, "log : expects <address> and <facility> or global as arguments");
		return;
	}
	t->len = LOG_LEN_USUAL;
	t->level = (int)COUNT(levels) - 1;
	if (!read_address(p, address, t) || !read_options(p, t))
		return;
	facility = read_name(p, "log facility", facilities, COUNT(facilities));
	if (facility < 0 || !read_levels(p, t))
		return;
	t->facility = (unsigned)facility;
	t->name = arena_printf(p->arena, "%.*s %s %s", SLICE_ARG(address), facilities[t->facility], levels[t->level]);
	while (*list != NULL)
		list = &(*list)->next;
	*list = t;
}

struct log_target *log_target_next(const struct log_target *t)
{
	return t->next;
}

struct slice log_target_name(const struct log_target *t)
{
	return t->name;
}

bool log_target_takes(const struct log_target *t, int severity)
{
	unsigned place;

	if (severity > t->level)
		return false;
	if (t->sample == NULL)
		return true;
	place = (unsigned)(atomic_fetch_add_explicit(&t->sample->seen, 1, memory_order_relaxed) % t->sample->size) + 1;
	for (unsigned i = 0; i < t->sample->count; i++) {
		if (place >= t->sample->ranges[i].low && place <= t->sample->ranges[i].high)
			return true;
	}
	return false;
}
