/* http_body_fuzz.c - libFuzzer target: a body read in pieces is the body read at once, and the decoder of chunks agrees with a
 * plainer reading of the grammar. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/http/body.h"
#include "gateway/http/chars.h"
#include "gateway/http/write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

struct reading {
	struct http_body body;
	enum http_progress progress;
	size_t used;
	size_t len;
	char *payload;
};

static void end(struct reading *r)
{
	free(r->payload);
}

/* Reads <text> up to <cut>, then in steps of <step> bytes. */
static void read_pieces(struct reading *r, struct slice text, const struct http_frame *frame, size_t cut, size_t step)
{
	*r = (struct reading){ .progress = HTTP_MORE };
	r->payload = malloc(text.len + 1);
	must(r->payload != NULL);
	http_body_init(&r->body, frame);
	for (size_t upto = cut;; upto += step) {
		if (upto > text.len)
			upto = text.len;
		for (size_t used = 1; used > 0 && r->progress == HTTP_MORE; r->used += used) {
			struct slice in = slice_sub(text, r->used, upto), data;

			r->progress = http_body_next(&r->body, in, &used, &data);
			must(used <= in.len && data.len <= used);
			if (data.len > 0) {
				must(data.ptr >= in.ptr && data.ptr + data.len <= in.ptr + used);
				memcpy(r->payload + r->len, data.ptr, data.len);
			}
			r->len += data.len;
		}
		must(r->progress != HTTP_MORE || r->used == upto);
		must((r->progress == HTTP_DONE) == http_body_done(&r->body));
		if (r->progress != HTTP_MORE || upto == text.len)
			return;
	}
}

static void same_reading(const struct reading *a, const struct reading *b)
{
	must(a->progress == b->progress && a->used == b->used && a->len == b->len && memcmp(a->payload, b->payload, a->len) == 0);
	must(a->body.error.status == b->body.error.status && a->body.error.why == b->body.error.why);
	must(a->progress != HTTP_BAD || a->body.error.status >= 400);
}

/* Reads <text> in one piece and in several. */
static void read_all_ways(struct reading *whole, struct slice text, const struct http_frame *frame)
{
	struct reading pieces;

	read_pieces(whole, text, frame, text.len, 1);
	for (size_t cut = 0; cut < text.len; cut += 1 + text.len / 8) {
		read_pieces(&pieces, text, frame, cut, text.len);
		same_reading(whole, &pieces);
		end(&pieces);
	}
	read_pieces(&pieces, text, frame, 0, 1);
	same_reading(whole, &pieces);
	end(&pieces);
}

/* --- the grammar once more, without states: a line is looked at when all of it is there ----------- */

/* Cuts the line up to CRLF off <rest>. False when it has no end, or a CR or LF that is none. */
static bool cut_line(struct slice *rest, struct slice *line)
{
	size_t lf = slice_find(*rest, '\n');

	if (lf == rest->len || lf == 0 || rest->ptr[lf - 1] != '\r')
		return false;
	*line = slice_sub(*rest, 0, lf - 1);
	*rest = slice_sub(*rest, lf + 1, rest->len);
	return slice_find(*line, '\r') == line->len;
}

static void skip_blanks(struct slice *s)
{
	while (s->len > 0 && (s->ptr[0] == ' ' || s->ptr[0] == '\t'))
		*s = slice_sub(*s, 1, s->len);
}

static bool cut_char(struct slice *s, char c)
{
	if (s->len == 0 || s->ptr[0] != c)
		return false;
	*s = slice_sub(*s, 1, s->len);
	return true;
}

static bool cut_token(struct slice *s)
{
	size_t len = 0;

	while (len < s->len && http_char_is(s->ptr[len], HTTP_CHAR_TOKEN))
		len++;
	*s = slice_sub(*s, len, s->len);
	return len > 0;
}

static bool cut_quoted(struct slice *s)
{
	if (!cut_char(s, '"'))
		return false;
	while (s->len > 0 && s->ptr[0] != '"') {
		size_t len = s->ptr[0] == '\\' ? 2 : 1;

		if (len > s->len || !http_is_value(slice_sub(*s, 0, len)))
			return false;
		*s = slice_sub(*s, len, s->len);
	}
	return cut_char(s, '"');
}

/* *( BWS ";" BWS name [ BWS "=" BWS value ] ), with nothing behind it */
static bool extensions_valid(struct slice s)
{
	while (s.len > 0) {
		struct slice value;

		skip_blanks(&s);
		if (!cut_char(&s, ';'))
			return false;
		skip_blanks(&s);
		if (!cut_token(&s))
			return false;
		value = s;
		skip_blanks(&value);
		if (!cut_char(&value, '='))
			continue;
		s = value;
		skip_blanks(&s);
		if (!cut_token(&s) && !cut_quoted(&s))
			return false;
	}
	return true;
}

static bool size_line_valid(struct slice line, uint64_t *size)
{
	size_t digits = 0;

	if (line.len + 1 > HTTP_CHUNK_LINE_MAX) /* with its CR */
		return false;
	*size = 0;
	for (; digits < line.len && digits <= HTTP_CHUNK_DIGITS_MAX; digits++) {
		const char *hex = "0123456789abcdefABCDEF", *at = memchr(hex, line.ptr[digits], 22);

		if (at == NULL)
			break;
		*size = *size << 4 | (uint64_t)(at - hex < 16 ? at - hex : at - hex - 6);
	}
	return digits > 0 && digits <= HTTP_CHUNK_DIGITS_MAX && *size <= INT64_MAX &&
	       extensions_valid(slice_sub(line, digits, line.len));
}

static bool trailers_valid(struct slice *rest)
{
	const char *start = rest->ptr;
	struct slice line;

	while (cut_line(rest, &line)) {
		struct slice name = line;

		if ((size_t)(rest->ptr - start) > HTTP_TRAILERS_MAX)
			return false;
		if (line.len == 0)
			return true;
		if (!cut_token(&name) || !cut_char(&name, ':') || !http_is_value(name))
			return false;
	}
	return false;
}

/* Whether a whole chunked body stands at the start of <rest>, which is what follows then. */
static bool chunked_valid(struct slice *rest, struct reading *r)
{
	struct slice line;
	uint64_t size;

	while (cut_line(rest, &line)) {
		if (!size_line_valid(line, &size))
			return false;
		if (size == 0)
			return trailers_valid(rest);
		if (size > rest->len)
			return false;
		must(size <= r->len && memcmp(r->payload, rest->ptr, size) == 0);
		memmove(r->payload, r->payload + size, r->len - size);
		r->len -= size;
		*rest = slice_sub(*rest, size, rest->len);
		if (!cut_line(rest, &line) || line.len > 0)
			return false;
	}
	return false;
}

/* Writes the payload in chunks of <each> bytes and reads it back. */
static void there_and_back(const struct reading *r, const struct http_frame *frame, size_t each)
{
	char *text = malloc(r->len * 24 + 24);
	size_t len = 0, piece;
	struct reading back;

	must(text != NULL);
	for (size_t at = 0; at < r->len; at += piece) {
		piece = r->len - at < each ? r->len - at : each;
		len += http_write_chunk_line(piece, text + len);
		memcpy(text + len, r->payload + at, piece);
		memcpy(text + len + piece, "\r\n", 2);
		len += piece + 2;
	}
	len += http_write_chunk_line(0, text + len);
	memcpy(text + len, "\r\n", 2);
	len += 2;
	read_pieces(&back, slice_of(text, len), frame, len, 1);
	must(back.progress == HTTP_DONE && back.used == len && back.len == r->len && memcmp(back.payload, r->payload, r->len) == 0);
	end(&back);
	free(text);
}

static void chunked(struct slice text)
{
	const struct http_frame frame = { .kind = BODY_CHUNKED };
	struct slice rest = text;
	struct reading r;

	read_all_ways(&r, text, &frame);
	if (r.progress == HTTP_DONE) {
		there_and_back(&r, &frame, 1);
		there_and_back(&r, &frame, 7);
		must(chunked_valid(&rest, &r) && r.len == 0 && rest.ptr == text.ptr + r.used);
	} else {
		must(http_body_end(&r.body) == HTTP_BAD);
		must(!chunked_valid(&rest, &r));
	}
	end(&r);
}

static void counted(struct slice text)
{
	for (size_t length = 0; length <= text.len + 1; length += 1 + text.len / 2) {
		const struct http_frame frame = { .kind = length == 0 ? BODY_NONE : BODY_LENGTH, .length = length };
		struct reading r;

		read_all_ways(&r, text, &frame);
		must(r.progress == (length <= text.len ? HTTP_DONE : HTTP_MORE));
		must(r.len == (length <= text.len ? length : text.len) && r.used == r.len && memcmp(r.payload, text.ptr, r.len) == 0);
		must(http_body_end(&r.body) == (length <= text.len ? HTTP_DONE : HTTP_BAD));
		end(&r);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of(size == 0 ? "" : (const char *)data, size);

	chunked(text);
	counted(text);
	return 0;
}
