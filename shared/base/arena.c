/* arena.c - memory of one request or one batch: a chain of blocks, filled from the front.
 *
 * The newest block is at the head of the chain, the first one (which a reset keeps) at its end;
 * a new block is twice as large as the one before it. Under AddressSanitizer whatever is not handed
 * out is poisoned, with a red zone behind each piece, so that an overrun or a use after
 * arena_reset() is reported where it happens, as it would be for malloc.
 */
#include "shared/base/arena.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/log.h"

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif

#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(ptr, len) ASAN_POISON_MEMORY_REGION(ptr, len)
#define UNPOISON(ptr, len) ASAN_UNPOISON_MEMORY_REGION(ptr, len)
#define RED_ZONE 16
#else
#define POISON(ptr, len) ((void)(ptr), (void)(len))
#define UNPOISON(ptr, len) ((void)(ptr), (void)(len))
#define RED_ZONE 0
#endif

#define ALIGNMENT 16
#define FIRST_BYTES_MIN 64

struct block {
	struct block *older;
	size_t size; /* of data, multiple of ALIGNMENT */
	size_t used;
	_Alignas(ALIGNMENT) char data[];
};

struct arena {
	struct block *head;
	size_t limit; /* most bytes of all blocks together */
	size_t held;  /* bytes of all blocks together */
	size_t used;  /* bytes handed out, rounded up */
};

static void *must_malloc(size_t bytes)
{
	void *p = malloc(bytes);

	if (p == NULL) {
		log_error("memory.exhausted", "bytes=%zu", bytes);
		abort();
	}
	return p;
}

static void block_push(struct arena *a, size_t size)
{
	struct block *b = must_malloc(sizeof(*b) + size);

	b->older = a->head;
	b->size = size;
	b->used = 0;
	POISON(b->data, size);
	a->head = b;
	a->held += size;
}

static void block_pop(struct arena *a)
{
	struct block *b = a->head;

	a->head = b->older;
	a->held -= b->size;
	UNPOISON(b->data, b->size); /* free() takes only what is readable */
	free(b);
}

struct arena *arena_create(size_t first_bytes, size_t limit_bytes)
{
	struct arena *a = must_malloc(sizeof(*a));

	assert(first_bytes <= SIZE_MAX / 4);
	if (first_bytes < FIRST_BYTES_MIN)
		first_bytes = FIRST_BYTES_MIN;
	if (limit_bytes == 0 || limit_bytes > SIZE_MAX / 4)
		limit_bytes = SIZE_MAX / 4; /* sums of sizes below this cannot overflow */
	if (limit_bytes < FIRST_BYTES_MIN)
		limit_bytes = FIRST_BYTES_MIN;
	if (first_bytes > limit_bytes)
		first_bytes = limit_bytes;
	*a = (struct arena){ .limit = limit_bytes };
	block_push(a, first_bytes & ~(size_t)(ALIGNMENT - 1));
	return a;
}

void arena_free(struct arena **a)
{
	if (*a == NULL)
		return;
	while ((*a)->head != NULL)
		block_pop(*a);
	free(*a);
	*a = NULL;
}

void arena_reset(struct arena *a)
{
	while (a->head->older != NULL)
		block_pop(a);
	a->head->used = 0;
	POISON(a->head->data, a->head->size);
	a->used = 0;
}

size_t arena_used(const struct arena *a)
{
	return a->used;
}

/* Makes the head a block with room for <need> bytes; false when that would pass the limit. */
static bool arena_grow(struct arena *a, size_t need)
{
	size_t left = (a->limit - a->held) & ~(size_t)(ALIGNMENT - 1);
	size_t size = a->head->size * 2;

	if (need > left)
		return false;
	if (size < need)
		size = need;
	if (size > left)
		size = left;
	block_push(a, size);
	return true;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
	size_t piece, need;
	char *p;

	if (bytes > a->limit)
		return NULL;
	/* never empty: two allocations never share an address */
	piece = bytes == 0 ? ALIGNMENT : (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	need = piece + RED_ZONE;
	if (need > a->head->size - a->head->used && !arena_grow(a, need))
		return NULL;
	p = a->head->data + a->head->used;
	a->head->used += need;
	a->used += piece;
	UNPOISON(p, bytes);
	memset(p, 0, bytes);
	return p;
}

void *arena_alloc_array(struct arena *a, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		return NULL;
	return arena_alloc(a, bytes);
}

struct slice arena_copy(struct arena *a, struct slice s)
{
	char *p;

	if (s.ptr == NULL || s.len == SIZE_MAX)
		return SLICE_NONE;
	p = arena_alloc(a, s.len + 1);
	if (p == NULL)
		return SLICE_NONE;
	memcpy(p, s.ptr, s.len);
	return slice_of(p, s.len);
}

struct slice arena_printf(struct arena *a, const char *format, ...)
{
	struct slice s;
	va_list ap;

	va_start(ap, format);
	s = arena_vprintf(a, format, ap);
	va_end(ap);
	return s;
}

struct slice arena_vprintf(struct arena *a, const char *format, va_list ap)
{
	va_list again;
	char *p;
	int len;

	va_copy(again, ap);
	len = vsnprintf(NULL, 0, format, again);
	va_end(again);
	assert(len >= 0); /* only a wrong format or more than 2 GiB fail */
	p = arena_alloc(a, (size_t)len + 1);
	if (p == NULL)
		return SLICE_NONE;
	vsnprintf(p, (size_t)len + 1, format, ap);
	return slice_of(p, (size_t)len);
}
