/* inflight.c - a count of work under way that can be waited for.
 *
 * Who waits sets <awaited> before it looks at the count, and who leaves looks at it after counting: one of them sees the other.
 */
#include "shared/base/inflight.h"

#include <assert.h>
#include "shared/base/cond.h"

void inflight_init(struct inflight *f)
{
	atomic_init(&f->count, 0);
	atomic_init(&f->awaited, false);
	pthread_mutex_init(&f->lock, NULL);
	cond_create(&f->none);
}

void inflight_destroy(struct inflight *f)
{
	pthread_cond_destroy(&f->none);
	pthread_mutex_destroy(&f->lock);
}

void inflight_enter(struct inflight *f)
{
	atomic_fetch_add(&f->count, 1);
}

void inflight_leave(struct inflight *f)
{
	uint64_t before = atomic_fetch_sub(&f->count, 1);

	assert(before > 0);
	if (before != 1 || !atomic_load(&f->awaited))
		return;
	pthread_mutex_lock(&f->lock);
	pthread_cond_signal(&f->none);
	pthread_mutex_unlock(&f->lock);
}

bool inflight_wait(struct inflight *f, int64_t until_us)
{
	bool none;

	pthread_mutex_lock(&f->lock);
	atomic_store(&f->awaited, true);
	while (!(none = atomic_load(&f->count) == 0) && cond_wait_until(&f->none, &f->lock, until_us))
		;
	atomic_store(&f->awaited, false);
	pthread_mutex_unlock(&f->lock);
	return none;
}
