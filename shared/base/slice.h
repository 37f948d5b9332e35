/* slice.h - strings as pointer and length; nothing here allocates or owns. */
#ifndef MOA_BASE_SLICE_H
#define MOA_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
	const char *ptr; /* not NUL-terminated; NULL means "no value" (SQL NULL, absent header) */
	size_t len;      /* bytes */
};

/* A slice of a string literal, usable in static initialisers. */
#define SLICE(literal) { .ptr = "" literal, .len = sizeof(literal) - 1 }
#define SLICE_LIT(literal) ((struct slice)SLICE(literal))
#define SLICE_NONE ((struct slice){ .ptr = NULL, .len = 0 })
/* printf("%.*s", SLICE_ARG(s)) */
#define SLICE_ARG(s) (int)(s).len, (s).ptr == NULL ? "" : (s).ptr

struct slice slice_of(const char *ptr, size_t len);
struct slice slice_str(const char *text); /* up to the NUL; NULL gives SLICE_NONE */
bool slice_eq(struct slice a, struct slice b); /* SLICE_NONE equals the empty string */
bool slice_eq_nocase(struct slice a, struct slice b); /* ASCII */
int slice_cmp(struct slice a, struct slice b);        /* bytewise, like memcmp then length */
bool slice_starts_with(struct slice s, struct slice prefix);
/* Part of <s> from <from> up to <to> (not included), both clamped to its length. */
struct slice slice_sub(struct slice s, size_t from, size_t to);
/* Cuts <s> at the first <sep>: returns what is before it and leaves the rest in
 * <s>; without <sep> returns all and leaves SLICE_NONE in <s>. */
struct slice slice_cut(struct slice *s, char sep);
struct slice slice_trim(struct slice s); /* without leading and trailing space and tab */
/* Index of <c> in <s>, or s.len. */
size_t slice_find(struct slice s, char c);

/* Decimal digits only, no sign, no leading zero (but "0" itself), at most <max>. */
bool slice_to_u64(struct slice s, uint64_t max, uint64_t *out);
/* Decimal with optional '-', no leading zero, no "-0"; the whole int64 range. */
bool slice_to_i64(struct slice s, int64_t *out);
/* An id of the contract: decimal digits, 1 to 2147483647, no sign, no leading zero. */
bool slice_to_id(struct slice s, uint32_t *out);
/* What a hexadecimal digit of either case stands for; -1: <c> is none. */
int slice_hex_digit(char c);
/* Writes the last <digits> hexadecimal digits of <n>, in lower case, without a NUL. Returns behind them. */
char *slice_put_hex(char *out, uint64_t n, unsigned digits);
/* Bytes of the well-formed UTF-8 character that <s> starts with; 0 when empty or malformed. */
size_t slice_utf8_step(struct slice s);
/* Whether <s> is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool slice_is_utf8(struct slice s);

#endif
