/* buf.c - a growing byte buffer on the heap, doubling, with a sticky error.
 *
 * There is always one byte more allocated than is in use, so that buf_take() and vsnprintf() have
 * room for their NUL. A buffer over fixed storage is one whose limit is what it has already.
 */
#include "shared/base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 64

void buf_init(struct buf *b, size_t limit_bytes)
{
	*b = (struct buf){ .limit = limit_bytes };
}

void buf_init_fixed(struct buf *b, char *storage, size_t size)
{
	assert(size >= 2);
	*b = (struct buf){ .ptr = storage, .cap = size, .limit = size - 1 };
}

void buf_free(struct buf *b)
{
	size_t limit = b->limit;

	free(b->ptr);
	buf_init(b, limit);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

bool buf_ok(const struct buf *b)
{
	return !b->failed;
}

/* Allocates at least <need> bytes, and one for a NUL. */
static bool buf_grow(struct buf *b, size_t need)
{
	size_t cap = b->cap < FIRST_CAP ? FIRST_CAP : b->cap;
	char *ptr;

	while (cap <= need)
		cap = cap > SIZE_MAX / 2 ? SIZE_MAX : cap * 2;
	if (b->limit != 0 && cap > b->limit + 1)
		cap = b->limit + 1;
	ptr = realloc(b->ptr, cap);
	if (ptr == NULL)
		return false;
	b->ptr = ptr;
	b->cap = cap;
	return true;
}

bool buf_reserve(struct buf *b, size_t more_bytes)
{
	size_t limit = b->limit != 0 && b->limit < SIZE_MAX / 2 ? b->limit : SIZE_MAX / 2;

	if (b->failed)
		return false;
	if (more_bytes > limit - b->len) {
		b->failed = true;
		return false;
	}
	if (b->cap <= b->len + more_bytes && !buf_grow(b, b->len + more_bytes))
		b->failed = true;
	return !b->failed;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	if (len == 0 || !buf_reserve(b, len))
		return;
	memcpy(b->ptr + b->len, data, len);
	b->len += len;
}

void buf_add_slice(struct buf *b, struct slice s)
{
	buf_add(b, s.ptr, s.len);
}

void buf_add_str(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}

void buf_add_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

static void add_number(struct buf *b, uint64_t magnitude, bool minus)
{
	char text[21];
	size_t at = sizeof(text);

	do {
		text[--at] = (char)('0' + magnitude % 10);
		magnitude /= 10;
	} while (magnitude != 0);
	if (minus)
		text[--at] = '-';
	buf_add(b, text + at, sizeof(text) - at);
}

void buf_add_u64(struct buf *b, uint64_t n)
{
	add_number(b, n, false);
}

void buf_add_i64(struct buf *b, int64_t n)
{
	add_number(b, n < 0 ? -(uint64_t)n : (uint64_t)n, n < 0);
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	buf_vprintf(b, format, ap);
	va_end(ap);
}

void buf_vprintf(struct buf *b, const char *format, va_list ap)
{
	va_list again;
	int len;

	if (b->failed)
		return;
	va_copy(again, ap);
	len = vsnprintf(NULL, 0, format, again);
	va_end(again);
	assert(len >= 0); /* only a wrong format or more than 2 GiB fail */
	if (!buf_reserve(b, (size_t)len))
		return;
	vsnprintf(b->ptr + b->len, (size_t)len + 1, format, ap);
	b->len += (size_t)len;
}

struct slice buf_slice(const struct buf *b)
{
	return b->ptr == NULL ? SLICE_LIT("") : slice_of(b->ptr, b->len);
}

char *buf_take(struct buf *b, size_t *len)
{
	char *ptr = NULL;

	*len = 0;
	if (buf_reserve(b, 0)) {
		ptr = b->ptr;
		*len = b->len;
		ptr[b->len] = '\0';
		b->ptr = NULL;
	}
	buf_free(b);
	return ptr;
}
