/* conv_encode.c - converters between bytes and their spellings: base64, hexadecimal, decimal, percent-encoding (manual, 7.3.1). */
#include "gateway/expr/tables.h"

#include "gateway/conf/parse.h"
#include "gateway/expr/arg.h"
#include "gateway/session/exchange.h"
#include "shared/base/base64.h"

/* ---- base64 ---- */

static bool conv_base64(struct exchange *x, const struct args *a, struct sample *s)
{
	return sample_set_text(s, base64_encode(x->arena, s->text, (enum base64_kind)a->data));
}

/* Of a text for URLs that is filled up with '=' HAProxy makes a wrong last byte. */
static bool conv_b64dec(struct exchange *x, const struct args *a, struct sample *s)
{
	return sample_set_binary(s, base64_decode(x->arena, s->text, (enum base64_kind)a->data));
}

/* ---- numbers in text ---- */

static const char upper_digits[] = "0123456789ABCDEF";

static bool conv_hex(struct exchange *x, const struct args *a, struct sample *s)
{
	char *out = arena_alloc(x->arena, 2 * s->text.len + 1);

	(void)a;
	if (out == NULL)
		return false;
	for (size_t i = 0; i < s->text.len; i++) {
		out[2 * i] = upper_digits[(unsigned char)s->text.ptr[i] >> 4];
		out[2 * i + 1] = upper_digits[(unsigned char)s->text.ptr[i] & 15];
	}
	return sample_set_text(s, slice_of(out, 2 * s->text.len));
}

/* The last 16 digits count. */
static bool conv_hex2i(struct exchange *x, const struct args *a, struct sample *s)
{
	uint64_t n = 0;

	(void)x, (void)a;
	for (size_t i = 0; i < s->text.len; i++) {
		int digit = slice_hex_digit(s->text.ptr[i]);

		if (digit < 0)
			return false;
		n = n << 4 | (unsigned)digit;
	}
	return sample_set_int(s, (int64_t)n);
}

static bool conv_htonl(struct exchange *x, const struct args *a, struct sample *s)
{
	uint32_t n = (uint32_t)s->integer;
	const unsigned char bytes[4] = { n >> 24 & 0xFF, n >> 16 & 0xFF, n >> 8 & 0xFF, n & 0xFF };

	(void)a;
	return sample_set_binary(s, arena_copy(x->arena, slice_of((const char *)bytes, sizeof(bytes))));
}

/* ---- be2dec, be2hex: chunks of bytes as numbers, a separator between them ---- */

enum { DECIMAL, HEXADECIMAL };

static void add_chunk(struct buf *out, struct slice chunk, int spelling)
{
	uint64_t n = 0;

	for (size_t i = 0; i < chunk.len; i++) {
		unsigned char c = (unsigned char)chunk.ptr[i];

		n = n << 8 | c;
		if (spelling == HEXADECIMAL) {
			buf_add_char(out, upper_digits[c >> 4]);
			buf_add_char(out, upper_digits[c & 15]);
		}
	}
	if (spelling == DECIMAL)
		buf_add_u64(out, n);
}

static bool conv_be2(struct exchange *x, const struct args *a, struct sample *s)
{
	struct slice in = s->text, separator = a->at[0].text;
	size_t size = (size_t)a->at[1].number; /* 0: all */
	bool whole_only = a->at[2].number != 0;
	size_t most = in.len * 3 + (size == 0 ? 0 : in.len / size * separator.len) + 4; /* a byte takes three digits at most */
	char *space = arena_alloc(x->arena, most);
	struct buf out;

	if (space == NULL)
		return false;
	if (size == 0)
		size = in.len;
	if (whole_only && size > 0)
		in.len -= in.len % size;
	buf_init_fixed(&out, space, most);
	for (size_t at = 0; at < in.len; at += size) {
		if (at > 0)
			buf_add_slice(&out, separator);
		add_chunk(&out, slice_sub(in, at, in.len - at < size ? in.len : at + size), a->data);
	}
	return buf_ok(&out) && sample_set_text(s, buf_slice(&out));
}

static bool check_be2(struct parse *p, struct args *a)
{
	const struct arg *size = &a->at[1];

	if (a->data == DECIMAL && (size->number < 1 || size->number > 8))
		parse_error(p, "converter 'be2dec' : its chunks have 1 to 8 bytes, not '%s'", size->text.ptr);
	else if (a->data == HEXADECIMAL && a->at[0].text.len > 0 && size->number < 1)
		parse_error(p, "converter 'be2hex' : a separator needs chunks of 1 byte or more, not '%s'", size->text.ptr);
	else if (size->number < 0)
		parse_error(p, "converter 'be2hex' : a chunk cannot have %s bytes", size->text.ptr);
	else
		return true;
	return false;
}

/* ---- percent-encoding ---- */

/* <in_form>: '+' is a blank from the start; else behind the '?' only. */
static bool conv_url_dec(struct exchange *x, const struct args *a, struct sample *s)
{
	struct slice in = s->text;
	bool in_form = a->at[0].number != 0;
	char *out = arena_alloc(x->arena, in.len + 1);
	size_t len = 0;

	if (out == NULL)
		return false;
	for (size_t i = 0; i < in.len; i++) {
		char c = in.ptr[i];

		if (c == '%') {
			int high = i + 2 < in.len ? slice_hex_digit(in.ptr[i + 1]) : -1;
			int low = i + 2 < in.len ? slice_hex_digit(in.ptr[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			c = (char)(high * 16 + low);
			i += 2;
		} else if (c == '?') {
			in_form = true;
		} else if (c == '+' && in_form) {
			c = ' ';
		}
		out[len++] = c;
	}
	return sample_set_text(s, slice_of(out, len));
}

/* RFC 3986, 2.3. */
static bool is_unreserved(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' || c == '.' || c == '_' || c == '~';
}

static bool conv_url_enc(struct exchange *x, const struct args *a, struct sample *s)
{
	char *out = arena_alloc(x->arena, 3 * s->text.len + 1);
	size_t len = 0;

	(void)a;
	if (out == NULL)
		return false;
	for (size_t i = 0; i < s->text.len; i++) {
		char c = s->text.ptr[i];

		if (is_unreserved(c)) {
			out[len++] = c;
			continue;
		}
		out[len++] = '%';
		out[len++] = upper_digits[(unsigned char)c >> 4];
		out[len++] = upper_digits[(unsigned char)c & 15];
	}
	return sample_set_text(s, slice_of(out, len));
}

static bool check_url_enc(struct parse *p, struct args *a)
{
	if (a->at[0].text.len == 0 || slice_eq(a->at[0].text, SLICE_LIT("query")))
		return true;
	parse_error(p, "converter 'url_enc' : encodes for 'query' only, not '%s'", a->at[0].text.ptr);
	return false;
}

#define ENCODE .from = SAMPLE_BIN, .to = SAMPLE_STR
#define DECODE .from = SAMPLE_STR, .to = SAMPLE_BIN
#define TEXT .from = SAMPLE_STR, .to = SAMPLE_STR

const struct converter conv_encode[] = {
	{ .name = "base64", ENCODE, .convert = conv_base64, .data = BASE64_USUAL },
	{ .name = "b64dec", DECODE, .convert = conv_b64dec, .data = BASE64_USUAL },
	{ .name = "ub64enc", ENCODE, .convert = conv_base64, .data = BASE64_URL },
	{ .name = "ub64dec", DECODE, .convert = conv_b64dec, .data = BASE64_URL },
	{ .name = "hex", ENCODE, .convert = conv_hex },
	{ .name = "hex2i", .from = SAMPLE_STR, .to = SAMPLE_INT, .convert = conv_hex2i },
	{ .name = "htonl", .from = SAMPLE_INT, .to = SAMPLE_BIN, .convert = conv_htonl },
	{ .name = "be2dec", .args = "s|ii", ENCODE, .convert = conv_be2, .check = check_be2, .data = DECIMAL },
	{ .name = "be2hex", .args = "|sii", ENCODE, .convert = conv_be2, .check = check_be2, .data = HEXADECIMAL },
	{ .name = "url_dec", .args = "|i", TEXT, .convert = conv_url_dec },
	{ .name = "url_enc", .args = "|s", TEXT, .convert = conv_url_enc, .check = check_url_enc },
	{ .name = NULL },
};
