/* arena.h - memory of one request or one batch: allocated piecemeal, freed at once.
 *
 * Not thread-safe: one owner at a time. Out of memory aborts the process with a
 * message (the service is restarted by its supervisor; every store survives
 * kill -9), except beyond <limit>, where allocations return NULL, so that one
 * request cannot take the process down.
 */
#ifndef MOA_BASE_ARENA_H
#define MOA_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>
#include "shared/base/slice.h"

struct arena;

/* <first_bytes> is the size of the first block (at most the limit), <limit_bytes> the most that all blocks
 * together may ever hold, at least 64; 0: no limit but memory. */
struct arena *arena_create(size_t first_bytes, size_t limit_bytes);
void arena_free(struct arena **a); /* *a may be NULL */
/* Gives everything back but the first block, for reuse. */
void arena_reset(struct arena *a);
/* Bytes handed out since the start or the last reset, each piece rounded up to 16. */
size_t arena_used(const struct arena *a);

/* Zeroed, aligned to 16; NULL only beyond the limit. */
void *arena_alloc(struct arena *a, size_t bytes);
void *arena_alloc_array(struct arena *a, size_t count, size_t size); /* checks overflow: NULL */
/* A copy with a NUL behind it (the NUL is not counted). SLICE_NONE beyond the limit, and for SLICE_NONE. */
struct slice arena_copy(struct arena *a, struct slice s);
struct slice arena_printf(struct arena *a, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
struct slice arena_vprintf(struct arena *a, const char *format, va_list ap)
	__attribute__((format(printf, 2, 0)));

#endif
