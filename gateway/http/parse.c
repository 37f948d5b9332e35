/* parse.c - reads the head of an HTTP/1 message: line by line, each looked at once when it is complete.
 *
 * Only bytes of one class are stepped over, and CR belongs to none: the CR that ends every line also ends
 * every loop, so none of them asks for the length.
 */
#include "gateway/http/parse.h"

#include <string.h>

#include "gateway/http/chars.h"
#include "gateway/http/target.h"

void http_parser_init(struct http_parser *p, bool response, size_t uri_limit)
{
	*p = (struct http_parser){ .response = response, .uri_limit = uri_limit };
}

/* <at> counts from the start of the line. */
static enum http_progress refuse(struct http_parser *p, int status, const char *why, size_t at)
{
	p->error = (struct http_error){ .status = p->response ? 502 : status, .why = why, .at = p->line + at };
	return HTTP_BAD;
}

/* The first position at or after <at> whose byte is not of that kind. */
static size_t span(struct slice line, size_t at, enum http_char kind)
{
	while (http_char_is(line.ptr[at], kind))
		at++;
	return at;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Reads "HTTP/d.d" at <text>, of which <len> bytes are there: 0 when it is 1.0 or 1.1, else a status. */
static int version(const char *text, size_t len, uint8_t *minor)
{
	if (len != 8 || memcmp(text, "HTTP/", 5) != 0 || !is_digit(text[5]) || text[6] != '.' || !is_digit(text[7]))
		return 400;
	if (text[5] != '1' || text[7] > '1')
		return 505;
	*minor = (uint8_t)(text[7] - '0');
	return 0;
}

static enum http_progress request_line(struct http_parser *p, struct slice line, struct http_head *h)
{
	size_t method_end = span(line, 0, HTTP_CHAR_TOKEN), target = method_end + 1, target_end;
	const char *why;
	int status;

	if (method_end == 0 || line.ptr[method_end] != ' ')
		return refuse(p, 400, "the method is not a token and one space", method_end);
	target_end = span(line, target, HTTP_CHAR_TARGET);
	if (target_end == target || (target_end < line.len && line.ptr[target_end] != ' '))
		return refuse(p, 400, "a character that no target has", target_end);
	if (target_end == line.len)
		return refuse(p, 400, "no version", target_end);
	status = version(line.ptr + target_end + 1, line.len - target_end - 1, &h->minor);
	if (status != 0)
		return refuse(p, status, "neither HTTP/1.0 nor HTTP/1.1", target_end + 1);
	if (p->uri_limit > 0 && target_end - target > p->uri_limit)
		return refuse(p, 414, "the target is too long", target);
	h->is_response = false;
	h->method_text = slice_of(line.ptr, method_end);
	h->method = http_method_of(h->method_text);
	h->target = slice_of(line.ptr + target, target_end - target);
	why = http_target_split(h);
	return why == NULL ? HTTP_MORE : refuse(p, 400, why, target);
}

/* "HTTP/1.1 200 OK"; the space behind the status may be missing together with the reason: the RFC wants it, but many
 * servers leave it out, and it can only be read in one way. */
static enum http_progress status_line(struct http_parser *p, struct slice line, struct http_head *h)
{
	const char *digit;

	if (line.len < 12 || line.ptr[8] != ' ' || version(line.ptr, 8, &h->minor) != 0)
		return refuse(p, 502, "neither HTTP/1.0 nor HTTP/1.1", 0);
	digit = line.ptr + 9;
	if (!is_digit(digit[0]) || digit[0] == '0' || !is_digit(digit[1]) || !is_digit(digit[2]))
		return refuse(p, 502, "the status is not a number from 100 to 999", 9);
	if (line.len > 12 && line.ptr[12] != ' ')
		return refuse(p, 502, "no space behind the status", 12);
	h->is_response = true;
	h->status = (digit[0] - '0') * 100 + (digit[1] - '0') * 10 + (digit[2] - '0');
	h->reason = slice_sub(line, 13, line.len);
	return http_is_value(h->reason) ? HTTP_MORE : refuse(p, 502, "a control character in the reason", 13);
}

static enum http_progress bad_name(struct http_parser *p, struct slice line, size_t at)
{
	bool blank = line.ptr[at] == ' ' || line.ptr[at] == '\t';

	if (at == 0 && blank)
		return refuse(p, 400, "a field is folded, or begins with white space", at);
	if (at == 0 && line.ptr[at] == ':')
		return refuse(p, 400, "a field without name", at);
	if (at == line.len)
		return refuse(p, 400, "a field without colon", at);
	return refuse(p, 400, blank ? "space before the colon of a field" : "a character that no field name has", at);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static enum http_progress field_line(struct http_parser *p, struct slice line, struct http_head *h)
{
	size_t colon = span(line, 0, HTTP_CHAR_TOKEN), from = colon + 1, to = line.len;
	struct http_field *f;

	if (colon == 0 || line.ptr[colon] != ':')
		return bad_name(p, line, colon);
	if (h->count == h->capacity)
		return refuse(p, 431, "too many fields", 0);
	while (from < to && is_blank(line.ptr[from]))
		from++;
	while (to > from && is_blank(line.ptr[to - 1]))
		to--;
	f = &h->fields[h->count];
	f->name = slice_of(line.ptr, colon);
	f->value = slice_of(line.ptr + from, to - from);
	if (!http_is_value(f->value))
		return refuse(p, 400, "a control character in a field", from);
	f->id = http_name_of(f->name);
	h->count++;
	return HTTP_MORE;
}

/* One line without its CRLF, which stands behind it. HTTP_DONE when it was the one that ends the head. */
static enum http_progress one_line(struct http_parser *p, struct slice line, struct http_head *h)
{
	enum http_progress progress;

	if (p->started)
		return line.len == 0 ? HTTP_DONE : field_line(p, line, h);
	if (line.len == 0)
		return HTTP_MORE; /* begins_well() let it pass */
	progress = p->response ? status_line(p, line, h) : request_line(p, line, h);
	p->started = progress == HTTP_MORE;
	return progress;
}

/* What does not begin like a message (TLS on a plain port, say) is refused before its first line is complete. One empty
 * line may come first, of a request only. */
static bool begins_well(const struct http_parser *p, struct slice in)
{
	char first = in.ptr[p->line];

	return p->started || http_char_is(first, HTTP_CHAR_TOKEN) || (first == '\r' && p->line == 0 && !p->response);
}

enum http_progress http_parse(struct http_parser *p, struct slice in, bool full, struct http_head *head, size_t *used)
{
	while (p->line < in.len) {
		const char *line = in.ptr + p->line, *end;
		enum http_progress progress;

		if (!begins_well(p, in))
			return refuse(p, 400, "this is not HTTP", 0);
		end = memchr(in.ptr + p->scanned, '\n', in.len - p->scanned);
		if (end == NULL)
			break;
		if (end == line || end[-1] != '\r')
			return refuse(p, 400, "a line ends without CR", (size_t)(end - line));
		progress = one_line(p, slice_of(line, (size_t)(end - line) - 1), head);
		if (progress == HTTP_BAD)
			return HTTP_BAD;
		p->line = p->scanned = (size_t)(end - in.ptr) + 1;
		if (progress == HTTP_DONE) {
			*used = p->line;
			return HTTP_DONE;
		}
	}
	p->scanned = in.len;
	if (full)
		return refuse(p, p->started ? 431 : 414, p->started ? "the head is too long" : "the request line is too long", 0);
	return HTTP_MORE;
}
