/* monitor.c - one thread and one connection that keep the views' states. */
#include "shared/svc/monitor.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/log.h"
#include "shared/svc/halt.h"
#include "shared/svc/view_parked.h"
#include "shared/svc/view_store.h"

#define LOOK_EVERY_MS 200
#define PARKED_EVERY_MS 1000
#define PARKED_BYTES (8u << 20) /* of one view at most: far more than is ever kept */
#define VIEWS_MAX 16

struct monitor {
	pthread_t thread;
	struct halt halt;
	struct resp_db *db;
	struct resp_conn *redis;
	struct resp_conn *parked; /* its own: what lies there may be of any size, and must not cost the views their state */
	int64_t parked_us;        /* when they were last looked at */
	struct view *views[VIEWS_MAX];
	size_t count;
};

static void look(struct monitor *m, struct arena *a)
{
	struct view_position at[TOPIC_PARTITIONS_MAX];
	enum err e = ERR_OK;

	if (m->redis == NULL)
		e = resp_open(m->db, &m->redis);
	for (size_t i = 0; i < m->count; i++) {
		arena_reset(a);
		if (e == ERR_OK)
			e = view_positions(m->views[i], m->redis, a, at);
		view_observe(m->views[i], e == ERR_OK ? at : NULL);
	}
	if (e != ERR_OK && m->redis != NULL)
		resp_close(&m->redis);
}

static void look_at_parked(struct monitor *m)
{
	struct arena *a = arena_create(1 << 12, PARKED_BYTES);
	enum err e = m->parked == NULL ? resp_open(m->db, &m->parked) : ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < m->count; i++) {
		arena_reset(a);
		e = view_parked_look(m->views[i], m->parked, a);
	}
	if (e != ERR_OK && m->parked != NULL)
		resp_close(&m->parked);
	arena_free(&a);
}

static void *monitor_main(void *arg)
{
	struct monitor *m = arg;
	struct arena *a = arena_create(1 << 14, 1 << 20);

	do {
		look(m, a);
		if (m->redis != NULL && log_every(&m->parked_us, PARKED_EVERY_MS))
			look_at_parked(m);
	} while (halt_pause(&m->halt, LOOK_EVERY_MS));
	if (m->redis != NULL)
		resp_close(&m->redis);
	if (m->parked != NULL)
		resp_close(&m->parked);
	arena_free(&a);
	return NULL;
}

struct monitor *monitor_start(struct resp_db *redis, struct view *const *views, size_t count)
{
	struct monitor *m = calloc(1, sizeof(*m));

	assert(count <= VIEWS_MAX);
	if (m == NULL)
		abort();
	m->db = redis;
	m->count = count;
	memcpy(m->views, views, count * sizeof(*views));
	halt_init(&m->halt);
	if (pthread_create(&m->thread, NULL, monitor_main, m) != 0)
		abort();
	return m;
}

void monitor_stop(struct monitor **m)
{
	halt_ask(&(*m)->halt);
	pthread_join((*m)->thread, NULL);
	halt_destroy(&(*m)->halt);
	free(*m);
	*m = NULL;
}
