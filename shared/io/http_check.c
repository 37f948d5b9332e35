/* http_check.c - strict checks of a request's framing and target, which the HTTP library leaves out.
 *
 * Two parties that disagree on where a request ends can be made to see two requests where there is one
 * (request smuggling), so whatever is doubtful is refused, not repaired.
 */
#include "shared/io/http_check.h"

#include <stddef.h>
#include <string.h>

#include "shared/base/jsonw.h"
#include "shared/io/http.h"

/* RFC 9110, 5.6.2: tchar. */
static bool is_token_char(unsigned char c)
{
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
		return true;
	return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_token(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_token_char((unsigned char)s.ptr[i]))
			return false;
	return s.len > 0;
}

static bool is_number(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	return s.len > 0;
}

void http_framing_header(struct http_framing *f, struct slice name, struct slice value)
{
	if (!is_token(name)) {
		f->bad_name = true;
	} else if (slice_eq_nocase(name, SLICE_LIT("Host"))) {
		f->hosts++;
	} else if (slice_eq_nocase(name, SLICE_LIT("Content-Length"))) {
		f->content_lengths++;
		f->content_length = value;
	} else if (slice_eq_nocase(name, SLICE_LIT("Transfer-Encoding"))) {
		f->transfer_encodings++;
		f->transfer_encoding = value;
	} else if (slice_eq_nocase(name, SLICE_LIT("Expect"))) {
		f->expects_continue = slice_eq_nocase(value, SLICE_LIT("100-continue"));
	}
}

const char *http_check_framing(const struct http_framing *f, bool http10)
{
	if (f->bad_name)
		return "A header field name holds a character that is not allowed.";
	if (f->hosts > 1)
		return "There is more than one Host header.";
	if (f->hosts == 0 && !http10)
		return "The Host header is missing.";
	if (f->content_lengths > 0 && f->transfer_encodings > 0)
		return "Content-Length and Transfer-Encoding exclude each other.";
	if (f->content_lengths > 1)
		return "There is more than one Content-Length header.";
	if (f->content_lengths == 1 && !is_number(f->content_length))
		return "Content-Length is not a number.";
	if (f->transfer_encodings > 0 && http10)
		return "HTTP/1.0 has no Transfer-Encoding.";
	if (f->transfer_encodings > 1 ||
	    (f->transfer_encodings == 1 && !slice_eq_nocase(f->transfer_encoding, SLICE_LIT("chunked"))))
		return "Transfer-Encoding is not \"chunked\".";
	return NULL;
}

uint64_t http_announced_bytes(const struct http_framing *f)
{
	struct slice s = f->content_length;
	uint64_t bytes;

	if (f->content_lengths != 1)
		return 0;
	while (s.len > 1 && s.ptr[0] == '0')
		s = slice_sub(s, 1, s.len);
	return slice_to_u64(s, UINT64_MAX, &bytes) ? bytes : UINT64_MAX;
}

const char *http_check_target(struct slice target)
{
	struct slice path, query;

	if (target.len == 0 || target.ptr[0] != '/')
		return "The request target is not a path that starts with '/'.";
	for (size_t i = 0; i < target.len; i++) {
		unsigned char c = (unsigned char)target.ptr[i];

		if (c <= ' ' || c == 0x7f)
			return "The request target holds a space or a control character.";
	}
	http_split_target(target, &path, &query);
	for (size_t i = 0; i + 2 < path.len; i++)
		if (memcmp(path.ptr + i, "%00", 3) == 0)
			return "The path holds an encoded NUL.";
	return NULL;
}

void http_split_target(struct slice target, struct slice *path, struct slice *query)
{
	size_t at = slice_find(target, '?');

	*path = slice_sub(target, 0, at);
	*query = at < target.len ? slice_sub(target, at + 1, target.len) : SLICE_NONE;
}

bool http_field_value_ok(struct slice value)
{
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

void http_problem(struct buf *out, int status, const char *title, const char *detail)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_object(&w);
	jsonw_key(&w, "type");
	jsonw_string(&w, SLICE_LIT("about:blank"));
	jsonw_key(&w, "title");
	jsonw_string(&w, slice_str(title));
	jsonw_key(&w, "status");
	jsonw_i64(&w, status);
	jsonw_key(&w, "detail");
	jsonw_string(&w, slice_str(detail));
	jsonw_object_end(&w);
}
