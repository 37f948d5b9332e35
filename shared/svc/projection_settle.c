/* projection_settle.c - the settler: notes high watermarks, and sweeps a partition once a snapshot of it is behind us.
 *
 * A snapshot is behind us when the high watermark, as it was when its ~end was met, is reached: compaction
 * may have moved a row of it behind the ~end. The watermark is asked of the broker each time, never taken from a cache: after
 * this process was frozen a cached one would prove nothing.
 */
#include <assert.h>
#include <string.h>

#include "shared/base/cond.h"
#include "shared/base/log.h"
#include "shared/svc/projection_parts.h"

#define WATERMARK_TIMEOUT_MS 1000
#define SWEEP_REPLY_MS 2000

void projection_applied(struct projection *p, int32_t n, const struct view_position *at)
{
	struct settled *s = &p->settled[n];

	pthread_mutex_lock(&p->lock);
	s->applied.next = at->next;
	memcpy(s->applied.log, at->log, sizeof(at->log));
	if (at->end != 0) {
		s->applied.end = at->end;
		s->applied.end_created_us = at->end_created_us;
		s->end_met_us = clock_mono_us();
		s->end_watermark = -1;
		s->pending = true;
	}
	if (s->pending)
		pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
}

void projection_reset(struct projection *p, int32_t n, const struct view_position *at)
{
	struct settled *s = &p->settled[n];

	pthread_mutex_lock(&p->lock);
	s->pending = false;
	s->applied.end = 0;
	s->end_watermark = -1;
	pthread_mutex_unlock(&p->lock);
	projection_applied(p, n, at);
}

/* Any answer of the last two seconds will do, not only the newest: that one may have been asked for between the mark's arrival in
 * the log and here, and then is above the mark. */
bool projection_mark_counts(struct projection *p, int32_t n, int64_t offset)
{
	int64_t now_us = clock_mono_us();
	bool counts = false;

	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < WATERMARKS_KEPT; i++) {
		const struct watermarks *w = &p->watermarks[i];

		counts = counts || (w->asked_us != 0 && now_us - w->asked_us <= MARK_COUNTS_US && offset >= w->high[n]);
	}
	pthread_mutex_unlock(&p->lock);
	return counts;
}

/* With the lock held. Answers that follow quickly, for a pending ~end, do not push the older ones out. */
static void keep_watermarks(struct projection *p, const struct watermarks *w)
{
	if (w->asked_us - p->watermark_at_us < WATERMARK_EVERY_US / 2)
		return;
	p->watermark_at_us = w->asked_us;
	p->watermarks[p->watermarks_next] = *w;
	p->watermarks_next = (p->watermarks_next + 1) % WATERMARKS_KEPT;
}

static void note_watermarks(struct projection *p)
{
	struct watermarks w = { .asked_us = clock_mono_us() };
	enum err e = ERR_UNAVAILABLE;

	pthread_mutex_lock(&p->consumer_lock);
	if (p->consumer != NULL)
		e = broker_consumer_watermarks(p->consumer, p->partitions, NULL, w.high, WATERMARK_TIMEOUT_MS);
	pthread_mutex_unlock(&p->consumer_lock);
	atomic_store(&p->kafka_up, e == ERR_OK);
	if (e != ERR_OK)
		return;
	pthread_mutex_lock(&p->lock);
	keep_watermarks(p, &w);
	for (int32_t n = 0; n < p->partitions; n++) {
		struct settled *s = &p->settled[n];

		if (s->pending && s->end_watermark < 0 && w.asked_us >= s->end_met_us)
			s->end_watermark = w.high[n];
	}
	pthread_mutex_unlock(&p->lock);
}

/* Whether partition <n> is due; then *at is what to sweep by. */
static bool due(struct projection *p, int32_t n, struct view_position *at)
{
	const struct settled *s = &p->settled[n];
	bool is;

	pthread_mutex_lock(&p->lock);
	is = s->pending && s->end_watermark >= 0 && s->applied.next >= s->end_watermark && s->applied.log[0] != '\0';
	*at = s->applied;
	pthread_mutex_unlock(&p->lock);
	return is;
}

static void sweep_due(struct projection *p, struct resp_conn **redis)
{
	for (int32_t n = 0; n < p->partitions && !atomic_load(&p->stop); n++) {
		struct view_position at;
		struct view_state state;
		uint64_t removed;
		enum err e = ERR_OK;

		if (!due(p, n, &at))
			continue;
		if (*redis == NULL)
			e = resp_open(p->o.redis, redis);
		if (e != ERR_OK)
			return;
		resp_set_timeout_ms(*redis, SWEEP_REPLY_MS);
		view_state_get(p->o.view, &state);
		e = view_sweep(p->o.view, *redis, n, &at, state.fresh, &removed);
		if (e != ERR_OK && e != ERR_MOVED) {
			resp_close(redis);
			return;
		}
		log_debug("projection.swept", "topic=%s partition=%d begin=%llu removed=%llu", p->spec->topic->name, (int)n,
			  (unsigned long long)at.end, (unsigned long long)removed);
		pthread_mutex_lock(&p->lock);
		if (p->settled[n].applied.end == at.end && (e == ERR_OK || strcmp(p->settled[n].applied.log, at.log) != 0))
			p->settled[n].pending = false;
		pthread_mutex_unlock(&p->lock);
	}
}

static bool any_pending(const struct projection *p)
{
	for (int32_t n = 0; n < p->partitions; n++) {
		if (p->settled[n].pending)
			return true;
	}
	return false;
}

/* Waits until something is pending or it is time to ask again. */
static void settler_wait(struct projection *p)
{
	pthread_mutex_lock(&p->lock);
	if (!atomic_load(&p->stop))
		(void)cond_wait_until(&p->wake, &p->lock, clock_mono_us() + (any_pending(p) ? 20000 : WATERMARK_EVERY_US));
	pthread_mutex_unlock(&p->lock);
}

/* A pending end waits for a watermark that was asked for after it was met. */
static bool wants_watermark(struct projection *p)
{
	bool wants;

	pthread_mutex_lock(&p->lock);
	wants = clock_mono_us() - p->watermark_at_us >= WATERMARK_EVERY_US - 10000;
	for (int32_t n = 0; n < p->partitions; n++)
		wants = wants || (p->settled[n].pending && p->settled[n].end_watermark < 0);
	pthread_mutex_unlock(&p->lock);
	return wants;
}

void *projection_settler(void *arg)
{
	struct projection *p = arg;
	struct resp_conn *redis = NULL;

	while (!atomic_load(&p->stop)) {
		settler_wait(p);
		if (wants_watermark(p))
			note_watermarks(p);
		sweep_due(p, &redis);
	}
	if (redis != NULL)
		resp_close(&redis);
	return NULL;
}
