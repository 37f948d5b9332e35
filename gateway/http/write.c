/* write.c - writes a head: what was understood, in one canonical form.
 *
 * This is the last gate before the wire, so it looks at every part once more, whoever made it.
 */
#include "gateway/http/write.h"

#include <assert.h>
#include <string.h>

#include "gateway/http/chars.h"

/* Where the next byte goes. Once <refused>, nothing is written any more. */
struct pen {
	char *at;
	char *end;
	bool refused;
};

/* Whether <bytes> more fit; the head is refused when not. */
static bool room(struct pen *p, size_t bytes)
{
	p->refused |= (size_t)(p->end - p->at) < bytes;
	return !p->refused;
}

/* There must be room. */
static void append(struct pen *p, struct slice s)
{
	if (s.len > 0) /* no memcpy from the NULL of SLICE_NONE */
		memcpy(p->at, s.ptr, s.len);
	p->at += s.len;
}

static void put(struct pen *p, struct slice s)
{
	if (room(p, s.len))
		append(p, s);
}

/* Writes <s>, or refuses when <holds> is false. */
static void put_if(struct pen *p, bool holds, struct slice s)
{
	p->refused |= !holds;
	put(p, s);
}

/* The digits of <n> at the end of <digits>. */
static struct slice number(uint64_t n, unsigned base, char digits[20])
{
	size_t at = 20;

	do {
		digits[--at] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n > 0);
	return slice_of(digits + at, 20 - at);
}

static void put_number(struct pen *p, uint64_t n)
{
	char digits[20];

	put(p, number(n, 10, digits));
}

static void put_field(struct pen *p, struct slice name, struct slice value)
{
	if (!room(p, name.len + value.len + 4))
		return;
	append(p, name);
	append(p, SLICE_LIT(": "));
	append(p, value);
	append(p, SLICE_LIT("\r\n"));
}

static void put_target(struct pen *p, const struct http_head *h)
{
	bool asterisk = h->method == HTTP_OPTIONS && slice_eq(h->path, SLICE_LIT("*"));

	if (h->method == HTTP_CONNECT) {
		put_if(p, h->authority.len > 0 && http_chars_all(h->authority, HTTP_CHAR_TARGET), h->authority);
		return;
	}
	p->refused |= !asterisk && (h->path.len == 0 || h->path.ptr[0] != '/');
	put_if(p, http_chars_all(h->path, HTTP_CHAR_TARGET), h->path);
	if (h->query.ptr == NULL)
		return;
	put_if(p, !asterisk, SLICE_LIT("?"));
	put_if(p, http_chars_all(h->query, HTTP_CHAR_TARGET), h->query);
}

static void put_start_line(struct pen *p, const struct http_head *h)
{
	if (h->is_response) {
		assert(h->status >= 100 && h->status <= 999);
		put(p, SLICE_LIT("HTTP/1.1 "));
		put_number(p, (uint64_t)h->status);
		put(p, SLICE_LIT(" "));
		put_if(p, http_is_value(h->reason), h->reason);
		put(p, SLICE_LIT("\r\n"));
	} else {
		put_if(p, http_is_token(h->method_text), h->method_text);
		put(p, SLICE_LIT(" "));
		put_target(p, h);
		put(p, SLICE_LIT(" HTTP/1.1\r\n"));
	}
}

/* Whether framing alone decides about fields of that name. */
static bool is_framing(enum http_name id)
{
	switch (id) {
	case NAME_CONNECTION:
	case NAME_CONTENT_LENGTH:
	case NAME_TRANSFER_ENCODING:
	case NAME_TE:
	case NAME_TRAILER:
	case NAME_KEEP_ALIVE:
	case NAME_PROXY_CONNECTION:
		return true;
	default:
		return false;
	}
}

static void put_fields(struct pen *p, const struct http_head *h, bool upgrade)
{
	unsigned hosts = 0;

	for (unsigned i = 0; i < h->count; i++) {
		const struct http_field *f = &h->fields[i];

		hosts += f->id == NAME_AUTHORITY_HOST;
		if (is_framing(f->id) || (f->id == NAME_UPGRADE && !upgrade))
			continue;
		p->refused |= !http_is_token(f->name) || !http_is_value(f->value);
		put_field(p, f->name, f->value);
	}
	if (h->is_response)
		return;
	p->refused |= hosts > 1;
	if (hosts == 0) /* a target without authority (RFC 9112, 3.2) */
		put_field(p, SLICE_LIT("Host"), h->method == HTTP_CONNECT ? h->authority : SLICE_NONE);
}

static void put_connection(struct pen *p, const struct http_outgoing *how)
{
	const struct slice options[] = {
		how->close ? SLICE_LIT("close") : SLICE_NONE,
		how->keep_alive_1_0 && !how->close ? SLICE_LIT("keep-alive") : SLICE_NONE,
		how->upgrade ? SLICE_LIT("upgrade") : SLICE_NONE,
		how->te_trailers ? SLICE_LIT("te") : SLICE_NONE,
	};
	struct slice before = SLICE_LIT("Connection: ");

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (options[i].ptr == NULL)
			continue;
		put(p, before);
		put(p, options[i]);
		before = SLICE_LIT(", ");
	}
	if (before.ptr[0] == ',')
		put(p, SLICE_LIT("\r\n"));
}

static void put_framing(struct pen *p, const struct http_outgoing *how)
{
	if (how->kind == BODY_CHUNKED || (how->kind == BODY_NONE && how->says_chunked)) {
		put_field(p, SLICE_LIT("Transfer-Encoding"), SLICE_LIT("chunked"));
	} else if (how->kind == BODY_LENGTH || (how->kind == BODY_NONE && how->has_length)) {
		put(p, SLICE_LIT("Content-Length: "));
		put_number(p, how->length);
		put(p, SLICE_LIT("\r\n"));
	}
	if (how->te_trailers)
		put_field(p, SLICE_LIT("TE"), SLICE_LIT("trailers"));
	put_connection(p, how);
}

size_t http_write_head(const struct http_head *h, const struct http_outgoing *how, char *out, size_t size)
{
	struct pen p = { .at = out, .end = out + size };

	put_start_line(&p, h);
	put_fields(&p, h, how->upgrade);
	put_framing(&p, how);
	put(&p, SLICE_LIT("\r\n"));
	return p.refused ? 0 : (size_t)(p.at - out);
}

size_t http_write_chunk_line(uint64_t length, char out[18])
{
	char digits[20];
	struct slice hex = number(length, 16, digits);

	memcpy(out, hex.ptr, hex.len);
	memcpy(out + hex.len, "\r\n", 2);
	return hex.len + 2;
}
