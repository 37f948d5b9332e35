/* slice.c - strings as pointer and length: comparing, cutting, reading numbers, checking UTF-8. */
#include "shared/base/slice.h"

#include <string.h>

struct slice slice_of(const char *ptr, size_t len)
{
	return (struct slice){ .ptr = ptr, .len = ptr == NULL ? 0 : len };
}

struct slice slice_str(const char *text)
{
	return slice_of(text, text == NULL ? 0 : strlen(text));
}

bool slice_eq(struct slice a, struct slice b)
{
	/* memcmp must not see the NULL of SLICE_NONE, not even with length 0 */
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Not tolower(): that one asks the locale. */
static unsigned char ascii_lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool slice_eq_nocase(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i]))
			return false;
	}
	return true;
}

int slice_cmp(struct slice a, struct slice b)
{
	size_t shorter = a.len < b.len ? a.len : b.len;
	int order = shorter == 0 ? 0 : memcmp(a.ptr, b.ptr, shorter);

	if (order != 0)
		return order < 0 ? -1 : 1;
	if (a.len == b.len)
		return 0;
	return a.len < b.len ? -1 : 1;
}

bool slice_starts_with(struct slice s, struct slice prefix)
{
	return s.len >= prefix.len && slice_eq(slice_sub(s, 0, prefix.len), prefix);
}

struct slice slice_sub(struct slice s, size_t from, size_t to)
{
	if (s.ptr == NULL)
		return SLICE_NONE;
	if (to > s.len)
		to = s.len;
	if (from > to)
		from = to;
	return slice_of(s.ptr + from, to - from);
}

struct slice slice_cut(struct slice *s, char sep)
{
	struct slice all = *s;
	size_t at = slice_find(all, sep);

	*s = at == all.len ? SLICE_NONE : slice_sub(all, at + 1, all.len);
	return slice_sub(all, 0, at);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice s)
{
	size_t from = 0, to = s.len;

	while (from < to && is_blank(s.ptr[from]))
		from++;
	while (to > from && is_blank(s.ptr[to - 1]))
		to--;
	return slice_sub(s, from, to);
}

size_t slice_find(struct slice s, char c)
{
	const char *at = s.len == 0 ? NULL : memchr(s.ptr, c, s.len);

	return at == NULL ? s.len : (size_t)(at - s.ptr);
}

bool slice_to_u64(struct slice s, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;

	if (s.len == 0 || (s.ptr[0] == '0' && s.len > 1))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned)((unsigned char)s.ptr[i] - '0');

		/* n * 10 + digit > max, asked without overflowing */
		if (digit > 9 || digit > max || n > (max - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*out = n;
	return true;
}

bool slice_to_i64(struct slice s, int64_t *out)
{
	bool negative = s.len > 0 && s.ptr[0] == '-';
	uint64_t max = (uint64_t)INT64_MAX + (negative ? 1 : 0), n;

	if (!slice_to_u64(slice_sub(s, negative ? 1 : 0, s.len), max, &n))
		return false;
	if (negative && n == 0)
		return false;
	if (!negative)
		*out = (int64_t)n;
	else /* -n with n up to 2^63 does not fit; -(n - 1) - 1 does */
		*out = -(int64_t)(n - 1) - 1;
	return true;
}

bool slice_to_id(struct slice s, uint32_t *out)
{
	uint64_t n;

	if (!slice_to_u64(s, INT32_MAX, &n) || n == 0)
		return false;
	*out = (uint32_t)n;
	return true;
}

int slice_hex_digit(char c)
{
	char lower = (char)(c | 0x20);

	return c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

size_t slice_utf8_step(struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.ptr;
	/* What the second byte may be: narrower after E0, ED, F0 and F4, which
	 * keeps out overlong forms, surrogates and what lies above U+10FFFF. */
	unsigned char low = 0x80, high = 0xBF;
	size_t len;

	if (s.len == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xC2 || p[0] > 0xF4)
		return 0;
	len = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
	if (p[0] == 0xE0)
		low = 0xA0;
	else if (p[0] == 0xED)
		high = 0x9F;
	else if (p[0] == 0xF0)
		low = 0x90;
	else if (p[0] == 0xF4)
		high = 0x8F;
	if (s.len < len || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return 0;
	}
	return len;
}

bool slice_is_utf8(struct slice s)
{
	while (s.len > 0) {
		size_t step = slice_utf8_step(s);

		if (step == 0)
			return false;
		s = slice_sub(s, step, s.len);
	}
	return true;
}

char *slice_put_hex(char *out, uint64_t n, unsigned digits)
{
	for (unsigned i = digits; i-- > 0; n >>= 4)
		out[i] = "0123456789abcdef"[n & 15];
	return out + digits;
}
