/* jsonw.c - writes compact JSON into a buf, keeping commas and nesting right. */
#include "shared/base/jsonw.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void jsonw_init(struct jsonw *w, struct buf *out)
{
	*w = (struct jsonw){ .out = out };
}

/* Called before each value: a comma where one is due. In an object a key must have come first. */
static void before_value(struct jsonw *w)
{
	assert(w->depth > 0 || !w->comma[0]); /* one value at the top, not two */
	if (w->object[w->depth]) {
		assert(w->keyed);
		w->keyed = false;
		return;
	}
	if (w->comma[w->depth])
		buf_add_char(w->out, ',');
	w->comma[w->depth] = true;
}

static void open_level(struct jsonw *w, char bracket, bool object)
{
	before_value(w);
	assert(w->depth < JSONW_DEPTH);
	w->depth++;
	w->comma[w->depth] = false;
	w->object[w->depth] = object;
	buf_add_char(w->out, bracket);
}

static void close_level(struct jsonw *w, char bracket, bool object)
{
	assert(w->depth > 0 && w->object[w->depth] == object && !w->keyed);
	w->depth--;
	buf_add_char(w->out, bracket);
}

void jsonw_object(struct jsonw *w)
{
	open_level(w, '{', true);
}

void jsonw_object_end(struct jsonw *w)
{
	close_level(w, '}', true);
}

void jsonw_array(struct jsonw *w)
{
	open_level(w, '[', false);
}

void jsonw_array_end(struct jsonw *w)
{
	close_level(w, ']', false);
}

/* One of '"', '\\' and the control characters. */
static void escape_char(struct buf *out, unsigned char c)
{
	static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: the character, its letter */

	for (size_t i = 0; i + 1 < sizeof(named); i += 2) {
		if ((unsigned char)named[i] == c) {
			buf_add_char(out, '\\');
			buf_add_char(out, named[i + 1]);
			return;
		}
	}
	buf_printf(out, "\\u%04x", c);
}

/* How many bytes from <from> on can be copied as they are. */
static size_t plain_run(struct slice s, size_t from)
{
	size_t at = from;

	while (at < s.len) {
		unsigned char c = (unsigned char)s.ptr[at];
		size_t step = 1;

		if (c < 0x20 || c == '"' || c == '\\')
			break;
		if (c >= 0x80)
			step = slice_utf8_step(slice_sub(s, at, s.len));
		if (step == 0)
			break;
		at += step;
	}
	return at - from;
}

static void quoted(struct buf *out, struct slice s)
{
	size_t at = 0;

	buf_add_char(out, '"');
	while (at < s.len) {
		size_t run = plain_run(s, at);

		buf_add_slice(out, slice_sub(s, at, at + run));
		at += run;
		if (at == s.len)
			break;
		if ((unsigned char)s.ptr[at] >= 0x80)
			buf_add_str(out, "\xEF\xBF\xBD"); /* U+FFFD, one for each byte that fits nowhere */
		else
			escape_char(out, (unsigned char)s.ptr[at]);
		at++;
	}
	buf_add_char(out, '"');
}

void jsonw_key(struct jsonw *w, const char *key)
{
	jsonw_key_slice(w, slice_str(key));
}

void jsonw_key_slice(struct jsonw *w, struct slice key)
{
	assert(w->object[w->depth] && !w->keyed);
	if (w->comma[w->depth])
		buf_add_char(w->out, ',');
	w->comma[w->depth] = true;
	quoted(w->out, key);
	buf_add_char(w->out, ':');
	w->keyed = true;
}

void jsonw_string(struct jsonw *w, struct slice s)
{
	if (s.ptr == NULL) {
		jsonw_null(w);
		return;
	}
	before_value(w);
	quoted(w->out, s);
}

void jsonw_u64(struct jsonw *w, uint64_t n)
{
	before_value(w);
	buf_add_u64(w->out, n);
}

void jsonw_i64(struct jsonw *w, int64_t n)
{
	before_value(w);
	buf_add_i64(w->out, n);
}

void jsonw_bool(struct jsonw *w, bool b)
{
	before_value(w);
	buf_add_str(w->out, b ? "true" : "false");
}

void jsonw_null(struct jsonw *w)
{
	before_value(w);
	buf_add_str(w->out, "null");
}

void jsonw_double(struct jsonw *w, double d)
{
	char text[64];
	int len;

	if (!isfinite(d)) {
		jsonw_null(w);
		return;
	}
	before_value(w);
	if (fabs(d) >= 1e15) { /* has no digits behind the point any more, and %f would give up to 309 of them */
		buf_printf(w->out, "%.17g", d);
		return;
	}
	len = snprintf(text, sizeof(text), "%.3f", d);
	while (text[len - 1] == '0')
		len--;
	if (text[len - 1] == '.')
		len--;
	if (len == 2 && memcmp(text, "-0", 2) == 0)
		buf_add_char(w->out, '0');
	else
		buf_add(w->out, text, (size_t)len);
}

void jsonw_raw(struct jsonw *w, struct slice json)
{
	before_value(w);
	buf_add_slice(w->out, json);
}
