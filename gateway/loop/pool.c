/* pool.c - memory for objects of one size and one thread: a list of idle objects, and slabs to fill it from.
 *
 * The pages of a slab are not touched before their objects are needed: it is cut from the front, piece by
 * piece, when the list is empty.
 */
#include "gateway/loop/pool.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "shared/base/log.h"

#if defined(__SANITIZE_ADDRESS__)
#define POOL_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOL_ASAN 1
#endif
#endif

#ifdef POOL_ASAN
#define KEEPS_IDLE false
#else
#define KEEPS_IDLE true
#endif

#define ALIGNMENT 16
_Static_assert(_Alignof(max_align_t) >= ALIGNMENT, "malloc aligns objects");

#define SLAB_BYTES ((size_t)64 * 1024) /* one object when that is larger */

struct slab {
	struct slab *older;
	_Alignas(ALIGNMENT) char objects[];
};

/* An object while it is idle. */
struct idle {
	struct idle *next;
};

/* Written by the owner's thread alone, so adding needs no locked instruction. */
typedef _Atomic size_t count;

struct pool {
	const char *name;
	size_t size;  /* as asked for */
	size_t piece; /* rounded up */
	size_t kept_most;
	struct idle *idle_first;
	struct slab *slabs; /* newest first; NULL when each object is its own malloc */
	char *uncut;        /* of the newest slab: what was never handed out */
	size_t uncut_count;
	count used;
	count idle; /* the list, and what is uncut */
};

static size_t count_get(const count *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

static void count_set(count *c, size_t n)
{
	atomic_store_explicit(c, n, memory_order_relaxed);
}

static bool has_slabs(const struct pool *p)
{
	return KEEPS_IDLE && p->kept_most == 0;
}

struct pool *pool_create(const char *name, size_t size, size_t kept_most)
{
	struct pool *p = calloc(1, sizeof(*p));

	assert(size > 0 && size < SIZE_MAX / 2);
	if (p == NULL) {
		log_error("memory.exhausted", "bytes=%zu", sizeof(*p));
		abort();
	}
	p->name = name;
	p->size = size;
	p->piece = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	p->kept_most = kept_most;
	return p;
}

static void slabs_free(struct pool *p)
{
	while (p->slabs != NULL) {
		struct slab *s = p->slabs;

		p->slabs = s->older;
		free(s);
	}
}

static void idle_free(struct pool *p)
{
	while (p->idle_first != NULL) {
		struct idle *i = p->idle_first;

		p->idle_first = i->next;
		free(i);
	}
}

void pool_free(struct pool **p)
{
	if (*p == NULL)
		return;
	assert(count_get(&(*p)->used) == 0);
	if (has_slabs(*p))
		slabs_free(*p);
	else
		idle_free(*p);
	free(*p);
	*p = NULL;
}

/* Makes all of a new slab uncut; false when there is no memory. */
static bool slab_add(struct pool *p)
{
	size_t n = (SLAB_BYTES - sizeof(struct slab)) / p->piece;
	struct slab *s;

	if (n == 0)
		n = 1;
	s = malloc(sizeof(*s) + n * p->piece);
	if (s == NULL)
		return false;
	s->older = p->slabs;
	p->slabs = s;
	p->uncut = s->objects;
	p->uncut_count = n;
	count_set(&p->idle, count_get(&p->idle) + n);
	return true;
}

/* The next object of the newest slab, or of one more; NULL when there is no memory. */
static void *slab_cut(struct pool *p)
{
	void *object;

	if (p->uncut_count == 0 && !slab_add(p))
		return NULL;
	object = p->uncut;
	p->uncut += p->piece;
	p->uncut_count--;
	count_set(&p->idle, count_get(&p->idle) - 1);
	return object;
}

void *pool_take(struct pool *p)
{
	void *object = p->idle_first;

	if (object != NULL) {
		p->idle_first = p->idle_first->next;
		count_set(&p->idle, count_get(&p->idle) - 1);
	} else if (has_slabs(p)) {
		object = slab_cut(p);
	} else {
		object = malloc(p->piece);
	}
	if (object != NULL)
		count_set(&p->used, count_get(&p->used) + 1);
	return object;
}

void pool_give(struct pool *p, void *object)
{
	size_t idle = count_get(&p->idle);

	assert(object != NULL && count_get(&p->used) > 0);
	count_set(&p->used, count_get(&p->used) - 1);
	if (KEEPS_IDLE && (p->kept_most == 0 || idle < p->kept_most)) {
		struct idle *i = object;

		i->next = p->idle_first;
		p->idle_first = i;
		count_set(&p->idle, idle + 1);
	} else {
		free(object);
	}
}

struct pool_stats pool_stats(const struct pool *p)
{
	return (struct pool_stats){
		.name = p->name,
		.size = p->size,
		.used = count_get(&p->used),
		.idle = count_get(&p->idle),
	};
}
