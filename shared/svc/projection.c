/* projection.c - the reader of a projection: role, positions, and the loop from Kafka to Redis. */
#include "shared/svc/projection.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/cond.h"
#include "shared/base/log.h"
#include "shared/svc/projection_parts.h"

#define COLLECT_MAX 2048       /* records taken before they are sent: bounds the memory they hold */
#define IDLE_MS 100
#define LOOK_MS 100            /* how often a standby looks */
#define BACKOFF_MAX_MS 1000
#define WATERMARK_TIMEOUT_MS 1000
#define REFUSED_MS 500
#define REFUSED_WARN_MS 10000

/* Of commit to visible: fine where it should be (a few ms), coarse where something is wrong. */
static const int64_t visible_bounds_us[] = { 500,   1000,  1500,  2000,   2500,   3000,   4000,    5000,    6000,     8000,  10000, 15000,
					     20000, 30000, 50000, 100000, 250000, 500000, 1000000, 5000000, 30000000, 0 };

/* Waits for <ms>, less when stopping. */
static void pause_ms(struct projection *p, int ms)
{
	int64_t until_us = clock_mono_us() + (int64_t)ms * 1000;

	pthread_mutex_lock(&p->lock);
	while (!atomic_load(&p->stop) && cond_wait_until(&p->wake, &p->lock, until_us))
		;
	pthread_mutex_unlock(&p->lock);
}

static void back_off(struct projection *p)
{
	pause_ms(p, clock_backoff_ms(p->attempt++, BACKOFF_MAX_MS));
}

/* ---- role ---- */

static void replace_consumer(struct projection *p, bool make)
{
	pthread_mutex_lock(&p->consumer_lock);
	if (p->consumer != NULL)
		broker_consumer_free(&p->consumer);
	if (make)
		p->consumer = broker_consumer_create(p->o.brokers, p->spec->topic->name);
	pthread_mutex_unlock(&p->consumer_lock);
}

/* A standby has a consumer that reads nothing: it is connected when its turn comes, and knows until then whether Kafka is there. */
static void rest_consumer(struct projection *p)
{
	struct broker_record r;

	if (p->consumer == NULL)
		replace_consumer(p, true);
	if (p->consumer == NULL)
		return;
	switch (broker_consumer_next(p->consumer, 0, &r)) { /* nothing but what the library has to tell */
	case BROKER_GONE:
	case BROKER_FAILED:
		replace_consumer(p, false);
		break;
	case BROKER_NOTHING:
	case BROKER_RECORD:
	case BROKER_END:
	case BROKER_OUT_OF_RANGE:
		break;
	}
}

static enum err read_positions(struct projection *p, struct view_position *out)
{
	enum err e = ERR_OK;

	if (p->redis == NULL)
		e = resp_open(p->o.redis, &p->redis);
	if (e != ERR_OK)
		return e;
	arena_reset(p->call_arena);
	e = view_positions(p->o.view, p->redis, p->call_arena, out);
	if (e != ERR_OK)
		resp_close(&p->redis);
	return e;
}

/* True as soon as nobody else is at work: at once when the last beat is old by the wall clock, ours, or given away;
 * otherwise when it has not changed for PROJECTION_TAKEOVER_US of our own time. */
static bool may_take_over(const struct projection *p, const struct view_position *first, int64_t *seen_beat, int64_t *since_us)
{
	int64_t age_us = clock_wall_us() - first->beat_us;

	if (first->by[0] == '\0' || strcmp(first->by, p->o.instance) == 0 || age_us > 5 * PROJECTION_TAKEOVER_US)
		return true;
	if (*seen_beat != first->beat_us) {
		*seen_beat = first->beat_us;
		*since_us = clock_mono_us();
	}
	return age_us > PROJECTION_TAKEOVER_US || clock_mono_us() - *since_us > PROJECTION_TAKEOVER_US;
}

/* Waits until this instance is to be active; the positions are read then. False: stopping. */
static bool stand_by(struct projection *p, struct view_position *at)
{
	int64_t seen_beat = -1, since_us = 0;

	while (!atomic_load(&p->stop)) {
		if (read_positions(p, at) != ERR_OK) {
			back_off(p);
			continue;
		}
		if (may_take_over(p, &at[0], &seen_beat, &since_us))
			return true;
		atomic_store(&p->refused, ERR_OK); /* another one is at work, and tells */
		rest_consumer(p);
		pause_ms(p, LOOK_MS);
	}
	return false;
}

/* ---- becoming active ---- */

/* Takes stored positions over as what we work from. */
static void adopt(struct projection *p, const struct view_position *at)
{
	pthread_mutex_lock(&p->lock);
	for (int32_t n = 0; n < p->partitions; n++) {
		struct settled *s = &p->settled[n];

		p->parts[n].at = at[n];
		p->parts[n].to = at[n];
		p->parts[n].to.mark_us = 0;
		p->parts[n].to.end = 0;
		p->parts[n].count = 0;
		p->parts[n].parked_count = 0;
		p->parts[n].dirty = false;
		p->parts[n].caught_up = false;
		s->applied = at[n];
		s->pending = at[n].end != 0 && (at[n].end > at[n].loaded || strcmp(at[n].log, at[n].loaded_log) != 0);
		s->end_met_us = clock_mono_us();
		s->end_watermark = -1;
	}
	pthread_mutex_unlock(&p->lock);
}

static enum err low_watermarks(struct projection *p, int64_t *low)
{
	return broker_consumer_watermarks(p->consumer, p->partitions, low, NULL, WATERMARK_TIMEOUT_MS);
}

/* The position of an owner's copy, in a Redis that was swapped with its owner's, names no log and counts batches. */
static bool is_of_a_topic(const struct view_position *at)
{
	return at->next >= 0 && (at->log[0] == '\0' || strlen(at->log) == CLOCK_UUID_LEN);
}

/* A partition without a position of its topic starts from the beginning of the log. */
static enum err start_missing(struct projection *p)
{
	int64_t low[TOPIC_PARTITIONS_MAX];
	bool asked = false;
	enum err e = ERR_OK;

	for (int32_t n = 0; e == ERR_OK && n < p->partitions; n++) {
		if (is_of_a_topic(&p->parts[n].at))
			continue;
		if (!asked)
			e = low_watermarks(p, low);
		asked = true;
		if (e == ERR_OK) {
			log_info("projection.rebuild", "topic=%s partition=%d from=%lld reason=no_position", p->spec->topic->name, (int)n,
				 (long long)low[n]);
			counter_add(p->rebuilds, 1);
			e = projection_jump(p, n, low[n], "", VIEW_RESET_ALL);
		}
	}
	return e;
}

static enum err assign(struct projection *p)
{
	int64_t offsets[TOPIC_PARTITIONS_MAX];

	for (int32_t n = 0; n < p->partitions; n++)
		offsets[n] = p->parts[n].at.next;
	return broker_consumer_assign(p->consumer, offsets, p->partitions);
}

static enum err become_active(struct projection *p, const struct view_position *at)
{
	enum err e;

	adopt(p, at);
	if (p->consumer == NULL)
		replace_consumer(p, true);
	if (p->consumer == NULL)
		return ERR_UNAVAILABLE;
	/* Claims the role even while Kafka is away, so that instances do not take turns. */
	e = at[0].next >= 0 ? projection_beat(p, p->o.instance) : ERR_OK;
	if (e == ERR_OK)
		e = start_missing(p);
	return e == ERR_OK ? assign(p) : e;
}

/* ---- the loop ---- */

/* Everything before was applied; partition <n>, or all with -1, goes back to the beginning of the log. */
static enum err start_over(struct projection *p, int32_t only, const char *log, const char *reason)
{
	int64_t low[TOPIC_PARTITIONS_MAX];
	enum err e = projection_flush(p);

	if (e == ERR_OK)
		e = projection_drain(p, 0);
	if (e == ERR_OK)
		e = low_watermarks(p, low);
	for (int32_t n = 0; e == ERR_OK && n < p->partitions; n++) {
		if (only >= 0 && n != only)
			continue;
		log_warn("projection.rebuild", "topic=%s partition=%d from=%lld reason=%s", p->spec->topic->name, (int)n, (long long)low[n],
			 reason);
		counter_add(p->rebuilds, 1);
		p->parts[n].caught_up = false;
		e = projection_jump(p, n, low[n], log, VIEW_RESET_END);
	}
	return e == ERR_OK ? assign(p) : e;
}

/* One event from the consumer. ERR_GONE: the consumer is of no use any more. */
static enum err handle(struct projection *p, enum broker_event event, const struct broker_record *r)
{
	char newer_log[CLOCK_UUID_LEN + 1] = "";
	enum err e = ERR_OK;

	switch (event) {
	case BROKER_NOTHING:
		break;
	case BROKER_RECORD:
		e = projection_take(p, r, newer_log);
		if (e == ERR_MOVED && newer_log[0] != '\0')
			e = start_over(p, -1, newer_log, "new_log");
		break;
	case BROKER_END:
		projection_take_end(p, r->partition, r->offset);
		break;
	case BROKER_OUT_OF_RANGE:
		e = start_over(p, r->partition, "", "out_of_range");
		break;
	case BROKER_GONE:
	case BROKER_FAILED:
		e = ERR_GONE;
		break;
	}
	return e;
}

/* Takes what is there, sends it, and reads answers when there is nothing else to do. */
static enum err step(struct projection *p)
{
	struct broker_record r;
	int timeout_ms = p->flight_count > 0 ? 0 : IDLE_MS;
	enum broker_event event = broker_consumer_next(p->consumer, timeout_ms, &r);
	size_t taken = 0;
	enum err e = ERR_OK;

	while (event != BROKER_NOTHING) {
		e = handle(p, event, &r);
		if (e != ERR_OK || ++taken == COLLECT_MAX)
			break;
		event = broker_consumer_next(p->consumer, 0, &r);
	}
	if (e == ERR_OK)
		e = projection_flush(p);
	if (e == ERR_OK && event == BROKER_NOTHING)
		e = projection_drain(p, 0);
	if (e == ERR_OK && clock_mono_us() - p->last_beat_us >= PROJECTION_BEAT_US) {
		e = projection_drain(p, 0);
		if (e == ERR_OK)
			e = projection_beat(p, p->o.instance);
	}
	return e;
}

static void stop_reading(struct projection *p)
{
	int64_t none[TOPIC_PARTITIONS_MAX];

	for (int32_t n = 0; n < p->partitions; n++)
		none[n] = BROKER_NO_OFFSET;
	if (p->consumer != NULL && broker_consumer_assign(p->consumer, none, p->partitions) != ERR_OK)
		replace_consumer(p, false);
}

/* What ended the work as active one, and what to do before standing by again. */
static void recover(struct projection *p, enum err e)
{
	projection_forget(p);
	stop_reading(p);
	switch (e) {
	case ERR_MOVED: /* another instance, or a Redis that was rolled back: the stored positions decide */
		log_info("projection.moved", "topic=%s", p->spec->topic->name);
		break;
	case ERR_FULL:
	case ERR_READ_ONLY:
		atomic_store(&p->refused, e);
		if (log_every(&p->refused_us, REFUSED_WARN_MS))
			log_error("projection.redis_full", "topic=%s reason=\"%s\"", p->spec->topic->name, view_waits_for(e));
		pause_ms(p, REFUSED_MS);
		break;
	case ERR_GONE:
		log_warn("projection.topic_gone", "topic=%s", p->spec->topic->name);
		replace_consumer(p, false);
		back_off(p);
		break;
	default:
		back_off(p);
		break;
	}
}

static void *reader_main(void *arg)
{
	struct projection *p = arg;
	struct view_position at[TOPIC_PARTITIONS_MAX];

	while (stand_by(p, at)) {
		enum err e = become_active(p, at);

		if (e == ERR_OK) {
			p->attempt = 0;
			counter_add(p->takeovers, 1);
			gauge_set(p->active, 1);
			log_info("projection.active", "topic=%s", p->spec->topic->name);
		}
		while (e == ERR_OK && !atomic_load(&p->stop))
			e = step(p);
		if (e == ERR_OK && projection_drain(p, 0) == ERR_OK)
			(void)!projection_beat(p, ""); /* stopping: let another instance take over at once */
		gauge_set(p->active, 0);
		recover(p, e);
	}
	replace_consumer(p, false);
	if (p->redis != NULL)
		resp_close(&p->redis);
	return NULL;
}

/* ---- life ---- */

static void register_metrics(struct projection *p)
{
	struct arena *a = arena_create(512, 4096);
	const char *labels = arena_printf(a, "view=\"%s\"", p->spec->topic->domain).ptr;
	struct metrics *m = p->o.metrics;

	p->applied = metrics_counter(m, "moa_view_events_total", "Events applied to a view of another domain.", labels);
	p->corrupt = metrics_counter(m, "moa_view_corrupt_total", "Events that could not be understood and were parked.", labels);
	p->rebuilds = metrics_counter(m, "moa_view_rebuilds_total", "Partitions that were read again from the beginning.", labels);
	p->takeovers = metrics_counter(m, "moa_view_takeovers_total", "Times this instance became the one that applies.", labels);
	p->active = metrics_gauge(m, "moa_view_active", "1 while this instance is the one that applies.", labels);
	p->visible = metrics_histogram(m, "moa_commit_to_visible_seconds", "From the change in the owner's database to this Redis.",
				       labels, visible_bounds_us);
	arena_free(&a);
}

struct projection *projection_start(const struct projection_options *o)
{
	struct projection *p = calloc(1, sizeof(*p));

	if (p == NULL)
		abort();
	p->o = *o;
	p->spec = view_spec_of(o->view);
	p->partitions = p->spec->topic->partitions;
	p->parts = calloc((size_t)p->partitions, sizeof(*p->parts));
	p->settled = calloc((size_t)p->partitions, sizeof(*p->settled));
	if (p->parts == NULL || p->settled == NULL)
		abort();
	p->batch_arena = arena_create(1 << 16, SIZE_MAX);
	p->call_arena = arena_create(1 << 16, SIZE_MAX);
	pthread_mutex_init(&p->lock, NULL);
	pthread_mutex_init(&p->consumer_lock, NULL);
	cond_create(&p->wake);
	register_metrics(p);
	if (pthread_create(&p->reader, NULL, reader_main, p) != 0 || pthread_create(&p->settler, NULL, projection_settler, p) != 0)
		abort();
	return p;
}

const char *projection_waits_for(struct projection *p)
{
	return view_waits_for(atomic_load(&p->refused));
}

bool projection_kafka_is_up(struct projection *p)
{
	return atomic_load(&p->kafka_up);
}

bool projection_is_active(const struct projection *p)
{
	return gauge_get(p->active) != 0;
}

void projection_stop(struct projection **pp)
{
	struct projection *p = *pp;

	pthread_mutex_lock(&p->lock);
	atomic_store(&p->stop, true);
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->reader, NULL);
	pthread_join(p->settler, NULL);
	arena_free(&p->batch_arena);
	arena_free(&p->call_arena);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	pthread_mutex_destroy(&p->consumer_lock);
	free(p->parts);
	free(p->settled);
	free(p);
	*pp = NULL;
}
