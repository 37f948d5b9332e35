/* pool.h - memory for objects of one size and one thread: taken and given back without malloc.
 *
 * What was given back last is taken first, while it is still in the processor's cache. A pool without a bound
 * takes memory from the system in slabs and keeps it. In a pool with <kept_most> each object is its own
 * malloc, because a slab could only go back when all of it is idle: after a peak exactly what
 * is idle beyond the bound has been freed. Built with the address sanitizer each object is its own malloc and
 * none is kept, so that a use after pool_give() is seen.
 */
#ifndef MOA_GATEWAY_LOOP_POOL_H
#define MOA_GATEWAY_LOOP_POOL_H

#include <stddef.h>

struct pool;

struct pool_stats {
	const char *name;
	size_t size;  /* bytes of one object */
	size_t used;  /* objects taken and not given back */
	size_t idle;  /* objects ready to be taken */
};

/* <name> static, for statistics; <size> bytes each, aligned to 16; at most <kept_most> idle objects are kept
 * (0: all). Out of memory aborts. */
struct pool *pool_create(const char *name, size_t size, size_t kept_most);
void pool_free(struct pool **p); /* all objects must have been given back (asserted) */
/* Not zeroed. NULL when the system has no memory. */
void *pool_take(struct pool *p);
void pool_give(struct pool *p, void *object);
/* May be called from any thread; numbers may be a moment old. */
struct pool_stats pool_stats(const struct pool *p);

#endif
