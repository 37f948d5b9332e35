/* base64.c - base64 in its two alphabets, three bytes or four letters at a time. */
#include "shared/base/base64.h"

static const char alphabets[2][65] = {
	[BASE64_USUAL] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
	[BASE64_URL] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

struct slice base64_encode(struct arena *a, struct slice bytes, enum base64_kind kind)
{
	const unsigned char *in = (const unsigned char *)bytes.ptr;
	size_t left = bytes.len, len = 0;
	char *out = arena_alloc(a, (left + 2) / 3 * 4 + 1);

	if (out == NULL)
		return SLICE_NONE;
	while (left > 0) {
		size_t n = left < 3 ? left : 3;
		unsigned group = (unsigned)in[0] << 16 | (n > 1 ? (unsigned)in[1] << 8 : 0) | (n > 2 ? in[2] : 0);

		for (size_t i = 0; i < 4; i++) {
			if (i <= n)
				out[len++] = alphabets[kind][group >> (18 - 6 * i) & 63];
			else if (kind == BASE64_USUAL)
				out[len++] = '=';
		}
		in += n;
		left -= n;
	}
	return slice_of(out, len);
}

/* What a letter stands for; -1: it is none of that alphabet. */
static int value_of(char c, enum base64_kind kind)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == alphabets[kind][62] ? 62 : c == alphabets[kind][63] ? 63 : -1;
}

struct slice base64_decode(struct arena *a, struct slice text, enum base64_kind kind)
{
	bool full = text.len % 4 == 0;
	unsigned group = 0, bits = 0;
	size_t len = 0;
	char *out;

	if (!full && kind == BASE64_USUAL)
		return SLICE_NONE;
	for (int i = 0; i < 2 && full && text.len > 0 && text.ptr[text.len - 1] == '='; i++)
		text.len--;
	out = text.len % 4 == 1 ? NULL : arena_alloc(a, text.len / 4 * 3 + 3);
	if (out == NULL)
		return SLICE_NONE;
	for (size_t i = 0; i < text.len; i++) {
		int value = value_of(text.ptr[i], kind);

		if (value < 0)
			return SLICE_NONE;
		group = group << 6 | (unsigned)value;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[len++] = (char)(group >> bits & 0xFF);
		}
	}
	return slice_of(out, len);
}
