/* log.c - log lines: time, level, event, key=value; one write(2) per line, so that lines of threads never mix.
 *
 * A line is built on the stack: logging works when memory is gone, and takes no lock.
 * The JSON form is made from the same text, pair by pair, so that callers write one form only.
 */
#include "shared/base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/base/buf.h"
#include "shared/base/clock.h"
#include "shared/base/jsonw.h"

#define MESSAGE_SIZE 2048 /* the key=value part of a line; longer is cut */
/* JSON makes a byte at most three (U+FFFD for what is not UTF-8), and a pair of three ("a=b") at most
 * seven ("a":"b" and a comma). */
#define LINE_SIZE (3 * MESSAGE_SIZE + 1024)
#define CUT_MARK "\xE2\x80\xA6" /* "…" stands where something was cut off */

static const char *const level_names[] = {
	[LOG_LEVEL_DEBUG] = "DEBUG",
	[LOG_LEVEL_INFO] = "INFO",
	[LOG_LEVEL_WARN] = "WARN",
	[LOG_LEVEL_ERROR] = "ERROR",
};
static const char *const format_names[] = {
	[LOG_FORMAT_TEXT] = "text",
	[LOG_FORMAT_JSON] = "json",
};

/* lint: allow-global written once, by log_setup(), before there are threads: see log.h for why it exists. */
static struct {
	const char *program;
	enum log_level least;
	enum log_format format;
} log_config = { .program = "moa", .least = LOG_LEVEL_INFO, .format = LOG_FORMAT_TEXT };

void log_setup(const char *program, enum log_level least, enum log_format format)
{
	log_config.program = program;
	log_config.least = least;
	log_config.format = format;
}

bool log_level_parse(struct slice s, enum log_level *out)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (slice_eq_nocase(s, slice_str(level_names[i]))) {
			*out = (enum log_level)i;
			return true;
		}
	}
	return false;
}

bool log_format_parse(struct slice s, enum log_format *out)
{
	for (size_t i = 0; i < sizeof(format_names) / sizeof(format_names[0]); i++) {
		if (slice_eq_nocase(s, slice_str(format_names[i]))) {
			*out = (enum log_format)i;
			return true;
		}
	}
	return false;
}

bool log_enabled(enum log_level level)
{
	return level >= log_config.least;
}

/* Where a text of at most <max> bytes of <s> ends without cutting a character in two. */
static size_t cut_at(struct slice s, size_t max)
{
	size_t at = max < s.len ? max : s.len;

	while (at < s.len && at > 0 && ((unsigned char)s.ptr[at] & 0xC0) == 0x80)
		at--;
	return at;
}

/* Formats the pairs into <out>: no control characters, and the mark where it was cut. */
__attribute__((format(printf, 2, 0)))
static struct slice format_message(char out[MESSAGE_SIZE], const char *format, va_list ap)
{
	int wanted = vsnprintf(out, MESSAGE_SIZE, format, ap);
	size_t len;

	assert(wanted >= 0);
	len = (size_t)wanted;
	if (len >= MESSAGE_SIZE) {
		len = cut_at(slice_of(out, MESSAGE_SIZE - 1), MESSAGE_SIZE - sizeof(CUT_MARK));
		memcpy(out + len, CUT_MARK, sizeof(CUT_MARK));
		len += sizeof(CUT_MARK) - 1;
	}
	/* a value that did not go through log_q() cannot forge a second line */
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)out[i] < 0x20 || out[i] == 0x7F)
			out[i] = '?';
	}
	return slice_of(out, len);
}

static void line_text(struct buf *line, const char *ts, enum log_level level, const char *event, struct slice pairs)
{
	buf_printf(line, "%s %s %s %s", ts, level_names[level], log_config.program, event);
	if (pairs.len > 0)
		buf_add_char(line, ' ');
	buf_add_slice(line, pairs);
}

static size_t count_digits(struct slice s, size_t from)
{
	size_t at = from;

	while (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9')
		at++;
	return at - from;
}

/* Whether <s> is a number as JSON writes it (RFC 8259, section 6), so that it may go without quotes. */
static bool is_json_number(struct slice s)
{
	size_t at = s.len > 0 && s.ptr[0] == '-' ? 1 : 0;
	size_t digits = count_digits(s, at);

	if (digits == 0 || (digits > 1 && s.ptr[at] == '0'))
		return false;
	at += digits;
	if (at < s.len && s.ptr[at] == '.') {
		digits = count_digits(s, at + 1);
		if (digits == 0)
			return false;
		at += 1 + digits;
	}
	if (at < s.len && (s.ptr[at] == 'e' || s.ptr[at] == 'E')) {
		at++;
		if (at < s.len && (s.ptr[at] == '+' || s.ptr[at] == '-'))
			at++;
		digits = count_digits(s, at);
		if (digits == 0)
			return false;
		at += digits;
	}
	return at == s.len;
}

/* Takes a quoted value ("…", as log_q() writes it) off the front of <rest> and writes it unquoted. */
static void quoted_value(struct jsonw *w, struct slice *rest)
{
	char text[MESSAGE_SIZE];
	size_t at = 1, len = 0;

	while (at < rest->len && rest->ptr[at] != '"') {
		char c = rest->ptr[at++];

		if (c == '\\' && at < rest->len) {
			c = rest->ptr[at++];
			c = (char)(c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c);
		}
		text[len++] = c;
	}
	*rest = slice_sub(*rest, at + 1, rest->len);
	jsonw_string(w, slice_of(text, len));
}

static void bare_value(struct jsonw *w, struct slice value)
{
	if (is_json_number(value))
		jsonw_raw(w, value);
	else
		jsonw_string(w, value);
}

/* A key of ours is not written twice: the caller's gets a "_" behind it. */
static void pair_key(struct jsonw *w, struct slice key)
{
	static const char *const ours[] = { "ts", "level", "service", "event", "text" };
	char changed[32];

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		if (slice_eq(key, slice_str(ours[i]))) {
			snprintf(changed, sizeof(changed), "%s_", ours[i]);
			jsonw_key(w, changed);
			return;
		}
	}
	jsonw_key_slice(w, key);
}

/* How long the word at the start of <s> is: up to a space, or up to the '=' of a pair. */
static size_t word_len(struct slice s)
{
	size_t at = 0;

	while (at < s.len && s.ptr[at] != ' ' && s.ptr[at] != '=')
		at++;
	return at;
}

/* Writes each pair as a member. What is no pair from some point on becomes one member, "text". */
static void pairs_json(struct jsonw *w, struct slice rest)
{
	for (;;) {
		size_t key;

		while (rest.len > 0 && rest.ptr[0] == ' ')
			rest = slice_sub(rest, 1, rest.len);
		if (rest.len == 0)
			return;
		key = word_len(rest);
		if (key == 0 || key == rest.len || rest.ptr[key] != '=')
			break;
		pair_key(w, slice_sub(rest, 0, key));
		rest = slice_sub(rest, key + 1, rest.len);
		if (rest.len > 0 && rest.ptr[0] == '"')
			quoted_value(w, &rest);
		else
			bare_value(w, slice_cut(&rest, ' '));
	}
	jsonw_key(w, "text");
	jsonw_string(w, rest);
}

static void line_json(struct buf *line, const char *ts, enum log_level level, const char *event, struct slice pairs)
{
	static const char *const json_level[] = { "debug", "info", "warn", "error" };
	struct jsonw w;

	jsonw_init(&w, line);
	jsonw_object(&w);
	jsonw_key(&w, "ts");
	jsonw_string(&w, slice_str(ts));
	jsonw_key(&w, "level");
	jsonw_string(&w, slice_str(json_level[level]));
	jsonw_key(&w, "service");
	jsonw_string(&w, slice_str(log_config.program));
	jsonw_key(&w, "event");
	jsonw_string(&w, slice_str(event));
	pairs_json(&w, pairs);
	jsonw_object_end(&w);
}

/* One write() as a rule; a pipe may take a part of the line, and then gets the rest. Nobody can
 * be told that logging failed: the line is lost then. */
static void write_line(struct slice line)
{
	while (line.len > 0) {
		ssize_t n = write(STDERR_FILENO, line.ptr, line.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		line = slice_sub(line, (size_t)n, line.len);
	}
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
	char message[MESSAGE_SIZE], storage[LINE_SIZE], ts[CLOCK_ISO_LEN + 1];
	int saved_errno = errno; /* callers log first and look at errno afterwards */
	struct slice pairs;
	struct buf line;
	va_list ap;

	if (!log_enabled(level))
		return;
	va_start(ap, format);
	pairs = format_message(message, format, ap);
	va_end(ap);
	clock_iso(clock_wall_us(), ts);
	buf_init_fixed(&line, storage, sizeof(storage));
	if (log_config.format == LOG_FORMAT_JSON)
		line_json(&line, ts, level, event, pairs);
	else
		line_text(&line, ts, level, event, pairs);
	buf_add_char(&line, '\n');
	assert(buf_ok(&line)); /* only an absurdly long program or event name does not fit */
	write_line(buf_slice(&line));
	errno = saved_errno;
}

/* Appends the character of <len> bytes at <at> as it stands in a quoted value; false when that leaves
 * too little room for the cut mark and the closing quote. */
static bool quote_char(struct buf *b, const char *at, size_t len)
{
	const size_t longest = 3, closing = sizeof(CUT_MARK) - 1 + 1;

	if (b->len + (len > longest ? len : longest) + closing > b->limit)
		return false;
	if (len == 0)
		buf_add_str(b, "\xEF\xBF\xBD");
	else if (*at == '"' || *at == '\\')
		buf_printf(b, "\\%c", *at);
	else if (*at == '\n' || *at == '\r' || *at == '\t')
		buf_printf(b, "\\%c", *at == '\n' ? 'n' : *at == '\r' ? 'r' : 't');
	else if ((unsigned char)*at < 0x20 || *at == 0x7F)
		buf_add_char(b, '?');
	else
		buf_add(b, at, len);
	return true;
}

const char *log_q(struct log_q *space, struct slice s)
{
	size_t at = 0;
	struct buf b;

	buf_init_fixed(&b, space->text, sizeof(space->text));
	buf_add_char(&b, '"');
	while (at < s.len) {
		size_t step = slice_utf8_step(slice_sub(s, at, s.len));

		if (!quote_char(&b, s.ptr + at, step)) {
			buf_add_str(&b, CUT_MARK);
			break;
		}
		at += step == 0 ? 1 : step;
	}
	buf_add_char(&b, '"');
	space->text[b.len] = '\0';
	return space->text;
}

bool log_every(int64_t *last_us, int period_ms)
{
	int64_t now_us = clock_mono_us();
	int64_t last = __atomic_load_n(last_us, __ATOMIC_RELAXED);

	if (last != 0 && now_us - last < (int64_t)period_ms * 1000)
		return false;
	/* of two threads here at the same time one wins */
	return __atomic_compare_exchange_n(last_us, &last, now_us, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}
