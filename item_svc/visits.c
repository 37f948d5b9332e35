/* visits.c - the spool of visits and its courier.
 *
 * The spool may come late (a full disk, a folder that is not there yet); <lock> is held only for trying to open it.
 */
#include "item_svc/visits.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "item_svc/item.h"
#include "shared/base/clock.h"
#include "shared/base/jsonw.h"
#include "shared/base/log.h"
#include "shared/svc/courier.h"
#include "shared/svc/service.h"
#include "shared/svc/token.h"

#define SEGMENT_BYTES (4u << 20)
#define MIB (UINT64_C(1) << 20)
#define DRAIN_MS 2000
#define OPEN_AGAIN_MS 1000
#define WARN_MS 10000

struct visits {
	struct service *service;
	_Atomic(struct spool *) spool; /* NULL until it could be opened */
	pthread_mutex_t lock;
	struct courier *courier;       /* under the lock */
	int64_t tried_us;              /* likewise */
	int64_t warned_us;             /* likewise */
	_Atomic enum err last;     /* of the last visit */
	_Atomic enum err unopened; /* why the spool could not be opened */
	struct counter *recorded, *lost;
};

/* A spool record is the event's JSON, which is the topic's value too. */
static enum err record_event(struct slice record, struct arena *a, struct event *out)
{
	struct visit_event v;
	enum err e = visit_event_read(record, a, &v);

	if (e != ERR_OK)
		return e;
	out->domain = "visit";
	out->type = SLICE_LIT("recorded");
	out->id = v.id;
	out->key = visit_event_key(&v, a);
	out->value = record;
	out->created_us = (int64_t)v.visited_us;
	return ERR_OK;
}

static const struct courier_spec courier_spec = { .topic = &topic_visits, .event = record_event };

/* The spool, opened now if that was not possible before; NULL if it still is not. */
static struct spool *need_spool(struct visits *v)
{
	const struct config *config = service_config(v->service);
	const struct spool_options options = {
		.dir = config->spool_dir,
		.segment_bytes = SEGMENT_BYTES,
		.max_bytes = config->spool_max_mb * MIB,
	};
	struct spool *spool = atomic_load(&v->spool);
	enum err e;

	if (spool != NULL || pthread_mutex_trylock(&v->lock) != 0)
		return spool; /* somebody is at it: this visit does not wait for the disk */
	spool = atomic_load(&v->spool);
	if (spool == NULL && log_every(&v->tried_us, OPEN_AGAIN_MS)) {
		e = spool_open(&options, &spool);
		if (e == ERR_OK) {
			v->courier = courier_start(v->service, &courier_spec, spool);
			atomic_store(&v->spool, spool);
		} else {
			spool = NULL;
			atomic_store(&v->unopened, e);
			log_error("visits.no_spool", "dir=%s reason=%s", LOG_Q(slice_str(options.dir)), err_name(e));
		}
	}
	pthread_mutex_unlock(&v->lock);
	return spool;
}

/* ERR_OK: the next visit will be kept, by all that is known. */
static enum err state_of(const struct visits *v)
{
	return atomic_load(&v->spool) == NULL ? atomic_load(&v->unopened) : atomic_load(&v->last);
}

static struct spool_stats stats_of(const struct visits *v)
{
	struct spool *spool = atomic_load(&v->spool);
	struct spool_stats st = { .dropped = 0 };

	if (spool != NULL)
		spool_stats_get(spool, &st);
	return st;
}

/* "dropping": new visits are kept, and older ones go for them. */
static const char *state_name(enum err e, const struct spool_stats *st)
{
	if (e == ERR_OK)
		return st->overflowing ? "dropping" : "up";
	return e == ERR_FULL ? "full" : "down";
}

static double spool_full(void *ctx)
{
	return state_of(ctx) == ERR_FULL || stats_of(ctx).overflowing;
}

void visits_tell(const struct visits *v, struct jsonw *w)
{
	struct spool_stats st = stats_of(v);

	jsonw_key(w, "spool");
	jsonw_object(w);
	jsonw_key(w, "state");
	jsonw_string(w, slice_str(state_name(state_of(v), &st)));
	jsonw_key(w, "lost");
	jsonw_u64(w, counter_get(v->lost));
	jsonw_key(w, "dropped");
	jsonw_u64(w, st.dropped);
	jsonw_object_end(w);
}

struct visits *visits_start(struct service *s)
{
	struct visits *v = calloc(1, sizeof(*v));

	if (v == NULL)
		abort();
	v->service = s;
	pthread_mutex_init(&v->lock, NULL);
	v->recorded = metrics_counter(service_metrics(s), "moa_visits_recorded_total", "Visits written to the spool.", NULL);
	v->lost = metrics_counter(service_metrics(s), "moa_visits_lost_total", "Visits that could not be written to the spool.", NULL);
	metrics_gauge_fn(service_metrics(s), "moa_spool_full", "1 while visits are lost for want of room: on the disk, or below SPOOL_MAX_MB.", NULL, spool_full, v);
	atomic_store(&v->unopened, ERR_UNAVAILABLE);
	(void)need_spool(v);
	return v;
}

void visits_stop(struct visits **vv)
{
	struct visits *v = *vv;
	struct spool *spool = atomic_load(&v->spool);

	courier_stop(&v->courier, DRAIN_MS);
	if (spool != NULL)
		spool_close(&spool);
	pthread_mutex_destroy(&v->lock);
	free(v);
	*vv = NULL;
}

/* *visit is what was written; its id lives in <id>. */
static enum err append(struct visits *v, const struct request *rq, uint32_t item_id, char id[CLOCK_UUID_LEN + 1], struct visit_event *visit)
{
	struct spool *spool = need_spool(v);
	struct buf record;
	enum err e;

	if (spool == NULL)
		return atomic_load(&v->unopened);
	clock_uuid7(id);
	*visit = item_visit(rq, item_id, slice_str(id), clock_wall_us());
	buf_init(&record, 0);
	visit_event_write(&record, visit);
	e = buf_ok(&record) ? spool_append(spool, buf_slice(&record)) : ERR_NO_MEMORY;
	buf_free(&record);
	return e;
}

static void lose(struct visits *v, enum err e)
{
	counter_add(v->lost, 1);
	if (pthread_mutex_trylock(&v->lock) != 0)
		return;
	if (log_every(&v->warned_us, WARN_MS))
		log_warn("visits.lost", "reason=%s", err_name(e));
	pthread_mutex_unlock(&v->lock);
}

void visits_record(struct visits *v, struct request *rq, uint32_t item_id)
{
	char id[CLOCK_UUID_LEN + 1];
	struct visit_event visit;
	enum err e = append(v, rq, item_id, id, &visit);

	atomic_store(&v->last, e);
	if (e != ERR_OK) {
		lose(v, e);
		return;
	}
	counter_add(v->recorded, 1);
	token_visit_made(rq, item_id, visit.visited_us, visit.id);
}
