/* chars.h - which bytes may stand where in a message's head: one table, and questions to it. */
#ifndef MOA_GATEWAY_HTTP_CHARS_H
#define MOA_GATEWAY_HTTP_CHARS_H

#include <stdbool.h>
#include <stdint.h>
#include "shared/base/slice.h"

/* Bits of http_chars[]. CR, LF, NUL and the other control characters but the tab have none. */
enum http_char {
	HTTP_CHAR_TOKEN = 1,  /* of methods and field names (RFC 9110, 5.6.2) */
	HTTP_CHAR_TARGET = 2, /* of a request target: visible ASCII without '#' */
	HTTP_CHAR_HOST = 4,   /* of a host's name: letters, digits, '-', '.', '_' */
	HTTP_CHAR_VALUE = 8,  /* of a field's value: visible, blank, and everything from 0x80 */
};

extern const uint8_t http_chars[256];

static inline bool http_char_is(char c, enum http_char kind)
{
	return (http_chars[(unsigned char)c] & kind) != 0;
}

/* Whether every byte of <s> is of that kind; true for none. */
bool http_chars_all(struct slice s, enum http_char kind);
bool http_is_token(struct slice s); /* not empty, token characters only */
/* Whether <s> can be a field's value, or a reason: the same as http_chars_all() with HTTP_CHAR_VALUE, but fast. */
bool http_is_value(struct slice s);

#endif
