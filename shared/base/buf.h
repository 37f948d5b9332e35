/* buf.h - a growing byte buffer on the heap.
 *
 * Running out of memory (or passing <limit>) sets a sticky error: later appends do nothing
 * and buf_ok() says so once, at the end, instead of a check at each append.
 */
#ifndef MOA_BASE_BUF_H
#define MOA_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "shared/base/slice.h"

struct buf {
	char *ptr;
	size_t len;   /* bytes in use */
	size_t cap;   /* bytes allocated */
	size_t limit; /* most bytes it may hold; 0: no limit but memory */
	bool failed;
};

void buf_init(struct buf *b, size_t limit_bytes);
/* Over the caller's <storage> of <size> bytes, one of which is kept for a NUL: never allocates, so neither
 * buf_free() nor buf_take() may follow. */
void buf_init_fixed(struct buf *b, char *storage, size_t size);
void buf_free(struct buf *b);  /* releases the bytes and leaves an empty, usable buffer */
void buf_clear(struct buf *b); /* length 0, no error; keeps the bytes allocated */
bool buf_ok(const struct buf *b);
/* Makes room for <more_bytes>; false sets the sticky error. */
bool buf_reserve(struct buf *b, size_t more_bytes);

/* Each appends everything or, beyond the limit, nothing. */
void buf_add(struct buf *b, const void *data, size_t len);
void buf_add_slice(struct buf *b, struct slice s);
void buf_add_str(struct buf *b, const char *text);
void buf_add_char(struct buf *b, char c);
void buf_add_u64(struct buf *b, uint64_t n);
void buf_add_i64(struct buf *b, int64_t n);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *format, va_list ap) __attribute__((format(printf, 2, 0)));

struct slice buf_slice(const struct buf *b); /* valid until the next append; never SLICE_NONE */
/* Hands the bytes over (malloc'd, NUL behind them, caller frees); the buffer is empty then.
 * NULL when an append had failed. */
char *buf_take(struct buf *b, size_t *len);

#endif
