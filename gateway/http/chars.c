/* chars.c - which bytes may stand where in a message's head. */
#include "gateway/http/chars.h"

#include <string.h>

enum {
	VALUE = HTTP_CHAR_VALUE,
	DELIMITER = HTTP_CHAR_TARGET | HTTP_CHAR_VALUE,
	MARK = HTTP_CHAR_TOKEN | HTTP_CHAR_TARGET | HTTP_CHAR_VALUE,
	NAME = MARK | HTTP_CHAR_HOST,
};

const uint8_t http_chars[256] = {
	['0' ... '9'] = NAME,
	['A' ... 'Z'] = NAME,
	['a' ... 'z'] = NAME,
	['-'] = NAME, ['.'] = NAME, ['_'] = NAME,
	['!'] = MARK, ['$'] = MARK, ['%'] = MARK, ['&'] = MARK, ['\''] = MARK, ['*'] = MARK, ['+'] = MARK,
	['^'] = MARK, ['`'] = MARK, ['|'] = MARK, ['~'] = MARK,
	['"'] = DELIMITER, ['('] = DELIMITER, [')'] = DELIMITER, [','] = DELIMITER, ['/'] = DELIMITER,
	[':'] = DELIMITER, [';'] = DELIMITER, ['<'] = DELIMITER, ['='] = DELIMITER, ['>'] = DELIMITER,
	['?'] = DELIMITER, ['@'] = DELIMITER, ['['] = DELIMITER, ['\\'] = DELIMITER, [']'] = DELIMITER,
	['{'] = DELIMITER, ['}'] = DELIMITER,
	['#'] = HTTP_CHAR_TOKEN | HTTP_CHAR_VALUE, /* a fragment is not sent: no part of a target */
	[' '] = VALUE, ['\t'] = VALUE,
	[0x80 ... 0xFF] = VALUE,
};

bool http_chars_all(struct slice s, enum http_char kind)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!http_char_is(s.ptr[i], kind))
			return false;
	}
	return true;
}

bool http_is_token(struct slice s)
{
	return s.len > 0 && http_chars_all(s, HTTP_CHAR_TOKEN);
}

/* Whether one of the eight bytes is below 0x20 or is 0x7F: subtracting sets the top bit of the bytes that are too low,
 * and a borrow can only reach others when there is one. Tabs are found as well. */
static bool has_control(uint64_t eight)
{
	const uint64_t each = UINT64_C(0x0101010101010101);
	uint64_t low = (eight - each * 0x20) & ~eight;
	uint64_t unlike = eight ^ (each * 0x7F);
	uint64_t is_delete = (unlike - each) & ~unlike;

	return ((low | is_delete) & (each * 0x80)) != 0;
}

bool http_is_value(struct slice s)
{
	size_t at = 0;

	for (; at + 8 <= s.len; at += 8) {
		uint64_t eight;

		memcpy(&eight, s.ptr + at, 8);
		if (has_control(eight) && !http_chars_all(slice_of(s.ptr + at, 8), HTTP_CHAR_VALUE))
			return false;
	}
	for (; at < s.len; at++) {
		if (!http_char_is(s.ptr[at], HTTP_CHAR_VALUE))
			return false;
	}
	return true;
}
