/* reading.h - for tests of the configuration's reader: reads texts, and tells what was said of them in a short form:
 *
 *	alert 3: unknown proxy mode 'x'.
 *
 * for "[ALERT] (pid) : config : parsing [t.cfg:3] : unknown proxy mode 'x'."; "alert: …" without a place, "alert b.cfg:3: …" of another file.
 * Header only, so that a test program stays one file plus the modules that it tests; <cmocka.h> goes before it.
 */
#ifndef MOA_TESTS_UNIT_GATEWAY_SUPPORT_READING_H
#define MOA_TESTS_UNIT_GATEWAY_SUPPORT_READING_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "gateway/conf/conf.h"
#include "gateway/model/proxy.h"
#include "shared/base/buf.h"

#define READING_FILE "t.cfg"
#define READING_COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* Slices of a line need no NUL behind them. */
#define assert_slice(s, text) \
	do { \
		assert_int_equal((s).len, strlen(text)); \
		assert_memory_equal((s).ptr, text, strlen(text)); \
	} while (0)

struct reading {
	struct config *c;  /* NULL: it was refused */
	struct buf said;   /* with a NUL behind it */
};

/* Moves *text behind <what>, up to and with it; false: it is not there. */
static inline bool reading_skip(struct slice *text, const char *what)
{
	const char *at = text->len == 0 ? NULL : memmem(text->ptr, text->len, what, strlen(what));

	if (at != NULL)
		*text = slice_sub(*text, (size_t)(at - text->ptr) + strlen(what), text->len);
	return at != NULL;
}

static inline void reading_shorten(struct slice line, struct buf *out)
{
	static const struct { const char *begin, *level; } levels[] = {
		{ "[ALERT]", "alert" }, { "[WARNING]", "warning" }, { "[NOTICE]", "notice" },
	};
	bool known = false;

	for (size_t i = 0; i < READING_COUNT(levels); i++) {
		if (slice_starts_with(line, slice_str(levels[i].begin))) {
			buf_add_str(out, levels[i].level);
			known = true;
		}
	}
	if (known && reading_skip(&line, " : config : ") && slice_starts_with(line, SLICE_LIT("parsing ["))) {
		struct slice place;

		line = slice_sub(line, strlen("parsing ["), line.len);
		if (slice_starts_with(line, SLICE_LIT(READING_FILE ":")))
			slice_cut(&line, ':');
		place = slice_cut(&line, ']');
		buf_printf(out, " %.*s", SLICE_ARG(place));
		reading_skip(&line, " : ");
	}
	buf_printf(out, "%s%.*s\n", known ? ": " : "", SLICE_ARG(line));
}

/* What <messages> say, in the short form. */
static inline void reading_tell(struct reading *r, struct buf *messages)
{
	struct slice rest = buf_slice(messages);

	buf_init(&r->said, 0);
	while (rest.len > 0)
		reading_shorten(slice_cut(&rest, '\n'), &r->said);
	buf_add_char(&r->said, '\0');
	assert(buf_ok(messages) && buf_ok(&r->said));
	buf_free(messages);
}

static inline void reading_of(struct reading *r, struct slice text)
{
	struct buf messages;

	buf_init(&messages, 0);
	r->c = conf_load_text(SLICE_LIT(READING_FILE), text, &messages);
	reading_tell(r, &messages);
}

static inline void reading_files(struct reading *r, const char *const *files, unsigned count)
{
	struct buf messages;

	buf_init(&messages, 0);
	r->c = conf_load(files, count, &messages);
	reading_tell(r, &messages);
}

static inline void reading_free(struct reading *r)
{
	conf_free(&r->c);
	buf_free(&r->said);
}

/* ---- tables of texts ---- */

struct reading_row {
	const char *text; /* a line */
	/* NULL: nothing is said; "warning: …": only that, and it is read; "=…": exactly that; else an alert, without "alert <line>: ". */
	const char *said;
};

/* What a row expects, of line <line>. */
static inline void reading_want(struct buf *out, const char *said, unsigned line)
{
	static const char warning[] = "warning: ";

	if (said == NULL)
		return;
	if (said[0] == '=')
		buf_add_str(out, said + 1);
	else if (strncmp(said, warning, strlen(warning)) == 0)
		buf_printf(out, "warning %u: %s\n", line, said + strlen(warning));
	else
		buf_printf(out, "alert %u: %s\n", line, said);
}

/* Reads <before>, in which nothing may be wrong, and behind it a row's line. Texts that are compared begin with the line: a failure shows it. */
static inline void reading_line(const char *before, const struct reading_row *row)
{
	struct reading r;
	struct buf text, want, got;
	unsigned line = 1;

	buf_init(&text, 0);
	buf_init(&want, 0);
	buf_init(&got, 0);
	for (const char *c = before; *c != '\0'; c++)
		line += *c == '\n' ? 1 : 0;
	buf_printf(&text, "%s%s\n", before, row->text);
	reading_of(&r, buf_slice(&text));
	buf_printf(&got, "%s\n%s%c", row->text, r.said.ptr, 0);
	buf_printf(&want, "%s\n", row->text);
	reading_want(&want, row->said, line);
	buf_add_char(&want, '\0');
	assert_string_equal(got.ptr, want.ptr);
	assert_int_equal(r.c == NULL, strstr(r.said.ptr, "alert") == r.said.ptr || strstr(r.said.ptr, "\nalert") != NULL);
	reading_free(&r);
	buf_free(&text);
	buf_free(&want);
	buf_free(&got);
}

static inline void reading_lines(const char *before, const struct reading_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		reading_line(before, &rows[i]);
}

/* Reads a whole text and holds what is said against <said>, all lines of it. */
static inline void reading_text(const char *text, const char *said)
{
	struct reading r;

	reading_of(&r, slice_str(text));
	assert_string_equal(r.said.ptr, said == NULL ? "" : said);
	reading_free(&r);
}

/* ---- tables of values ---- */

struct reading_value {
	const char *line;
	size_t offset, size; /* of a field: FIELD(struct …, …) */
	long long want;
};

#define READING_FIELD(type, name) offsetof(type, name), sizeof(((type *)NULL)->name)

static inline long long reading_number(const void *base, size_t offset, size_t size)
{
	const char *field = (const char *)base + offset;
	int64_t eight;
	int32_t four;
	uint16_t two;

	switch (size) {
	case 8: memcpy(&eight, field, size); return eight;
	case 4: memcpy(&four, field, size); return four;
	case 2: memcpy(&two, field, size); return two;
	default: return *(const uint8_t *)field;
	}
}

/* Reads <before> and each line behind it, and looks at a field of what <base> finds in the configuration. */
static inline void reading_values(const char *before, const struct reading_value *rows, size_t count, const void *(*base)(const struct config *c))
{
	for (size_t i = 0; i < count; i++) {
		struct reading r;
		struct buf text, got, want;

		buf_init(&text, 0);
		buf_init(&got, 0);
		buf_init(&want, 0);
		buf_printf(&text, "%s%s\n", before, rows[i].line);
		reading_of(&r, buf_slice(&text));
		buf_printf(&want, "%s: %lld%c", rows[i].line, rows[i].want, 0);
		buf_printf(&got, "%s%s: %lld%c", r.said.ptr, rows[i].line,
			   r.c == NULL ? -1 : reading_number(base(r.c), rows[i].offset, rows[i].size), 0);
		assert_string_equal(got.ptr, want.ptr);
		reading_free(&r);
		buf_free(&text);
		buf_free(&got);
		buf_free(&want);
	}
}

/* ---- what is looked at most ---- */

/* One frontend "f", and one backend "b", in which nothing is missing; a line for it may follow. */
#define READING_FRONTEND "frontend f\n mode http\n bind 127.0.0.1:1\n timeout client 1s\n "
#define READING_BACKEND "backend b\n mode http\n timeout connect 1s\n timeout server 1s\n "

/* The last proxy, and the last server of it. */
static inline const struct proxy *reading_proxy(const struct config *c)
{
	const struct proxy *p = c->proxies;

	while (p != NULL && p->next != NULL)
		p = p->next;
	return p;
}

static inline const struct server *reading_server(const struct config *c)
{
	const struct server *s = reading_proxy(c)->backend.servers;

	while (s != NULL && s->next != NULL)
		s = s->next;
	return s;
}

#endif
