/* pool.c - a bounded set of connections to one server, kept by one background thread.
 *
 * Slots: each connection lives in one of spec.size slots. A slot belongs to its acquirer while BUSY and to the
 * thread while CHECKED; otherwise it is anybody's under the lock. open(), ping() and close() never run under the lock.
 *
 * Generations: suspicion starts a new one. Connections of an older one are never handed out again: idle ones are
 * closed by the thread, busy ones when they are released. A connection of an older generation that is released as
 * broken is no news, so eight workers that meet one restart make the pool suspect once, not eight times.
 */
#include "shared/io/pool.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "shared/base/clock.h"
#include "shared/base/cond.h"
#include "shared/base/log.h"

#define US_PER_MS 1000
#define PING_AFTER_US (1000 * US_PER_MS) /* a dead server is noticed within a second without any traffic */
#define SUSPECT_US (100 * US_PER_MS)     /* a restarted server accepts within a few ms; a dead one costs no more */
#define BACKOFF_MAX_MS 1000

enum pool_state { POOL_DOWN, POOL_SUSPECT, POOL_UP };

enum slot_state {
	SLOT_EMPTY,   /* no connection */
	SLOT_IDLE,    /* may be handed out, when it is of the current generation */
	SLOT_BUSY,    /* handed out */
	SLOT_CHECKED  /* being opened, pinged or closed by the thread */
};

struct slot {
	void *conn;
	enum slot_state state;
	uint64_t generation;
	int64_t used_us; /* monotonic: last released or pinged */
};

struct pool {
	struct pool_spec spec;
	pthread_t thread;
	pthread_mutex_t lock;        /* guards everything below */
	pthread_cond_t available;    /* a slot became idle, or the state changed: acquirers */
	pthread_cond_t changed;      /* the state changed: pool_wait_up() */
	pthread_cond_t thread_wakes; /* something to do for the thread */
	enum pool_state state;
	bool stopping;
	bool said_down; /* so that "down" is logged once, also when it starts so */
	uint64_t generation;
	uint64_t downs;
	unsigned attempts; /* failed ones in a row */
	int64_t next_attempt_us;
	int64_t suspect_until_us;
	struct slot slots[];
};

/* The one place where the state changes. Lock held. */
static void set_state(struct pool *p, enum pool_state state)
{
	enum pool_state old = p->state;

	p->state = state;
	if (state == POOL_UP && old != POOL_UP) {
		p->attempts = 0;
		/* After a mere suspicion nobody was told of anything. */
		if (old == POOL_DOWN)
			log_info("pool.up", "name=%s", p->spec.name);
		p->said_down = false;
	}
	if (state == POOL_DOWN) {
		p->downs += old != POOL_DOWN;
		if (!p->said_down)
			log_warn("pool.down", "name=%s", p->spec.name);
		p->said_down = true;
	}
	if (state != old) {
		pthread_cond_broadcast(&p->available);
		pthread_cond_broadcast(&p->changed);
	}
}

/* Something of the current generation turned out to be broken. Lock held. */
static void suspect(struct pool *p)
{
	assert(p->state == POOL_UP); /* otherwise there is nothing of the current generation */
	p->generation++;
	p->attempts = 0;
	p->next_attempt_us = 0;
	p->suspect_until_us = clock_mono_us() + SUSPECT_US;
	set_state(p, POOL_SUSPECT);
	pthread_cond_signal(&p->thread_wakes);
}

/* The thread may be stuck in open() on a frozen server, so whoever notices ends the suspicion. Lock held. */
static enum pool_state current_state(struct pool *p)
{
	if (p->state == POOL_SUSPECT && clock_mono_us() >= p->suspect_until_us)
		set_state(p, POOL_DOWN);
	return p->state;
}

/* ---- what the thread does ---- */

static struct slot *slot_find(struct pool *p, enum slot_state state)
{
	for (size_t i = 0; i < p->spec.size; i++)
		if (p->slots[i].state == state)
			return &p->slots[i];
	return NULL;
}

/* Takes the connection out of <s> and closes it, with the lock released meanwhile. */
static void slot_close(struct pool *p, struct slot *s)
{
	void *conn = s->conn;

	s->state = SLOT_CHECKED;
	pthread_mutex_unlock(&p->lock);
	p->spec.close(p->spec.ctx, conn);
	pthread_mutex_lock(&p->lock);
	s->conn = NULL;
	s->state = SLOT_EMPTY;
}

static void close_outdated(struct pool *p)
{
	for (size_t i = 0; i < p->spec.size; i++) {
		struct slot *s = &p->slots[i];

		if (s->state == SLOT_IDLE && s->generation != p->generation)
			slot_close(p, s);
	}
}

/* A failed attempt while connections are open may mean a dead server or one that takes no more: the pings tell. */
static void open_failed(struct pool *p)
{
	p->next_attempt_us = clock_mono_us() + (int64_t)clock_backoff_ms(p->attempts++, BACKOFF_MAX_MS) * US_PER_MS;
	if (p->state != POOL_UP) {
		set_state(p, POOL_DOWN);
		return;
	}
	for (size_t i = 0; i < p->spec.size; i++)
		p->slots[i].used_us = 0;
}

static void open_one(struct pool *p, struct slot *s)
{
	uint64_t generation = p->generation;
	void *conn;

	s->state = SLOT_CHECKED;
	pthread_mutex_unlock(&p->lock);
	conn = p->spec.open(p->spec.ctx);
	pthread_mutex_lock(&p->lock);
	s->conn = conn;
	s->state = conn == NULL ? SLOT_EMPTY : SLOT_IDLE;
	if (conn == NULL) {
		/* One that was under way when suspicion fell may have met the same fault: the next one is the verdict. */
		if (generation == p->generation)
			open_failed(p);
		return;
	}
	/* The current generation, also when suspicion fell meanwhile: it was answered just now. */
	s->generation = p->generation;
	s->used_us = clock_mono_us();
	p->next_attempt_us = 0;
	set_state(p, POOL_UP);
	pthread_cond_signal(&p->available);
}

static void ping_one(struct pool *p, struct slot *s)
{
	bool alive;

	s->state = SLOT_CHECKED;
	pthread_mutex_unlock(&p->lock);
	alive = p->spec.ping(p->spec.ctx, s->conn);
	pthread_mutex_lock(&p->lock);
	s->used_us = clock_mono_us();
	if (alive) {
		s->state = SLOT_IDLE;
		pthread_cond_signal(&p->available);
		return;
	}
	if (s->generation == p->generation)
		suspect(p);
	slot_close(p, s);
}

/* The idle connection that was not used for longest: where the next ping goes. */
static struct slot *oldest_idle(struct pool *p)
{
	struct slot *oldest = NULL;

	for (size_t i = 0; i < p->spec.size; i++) {
		struct slot *s = &p->slots[i];

		if (s->state == SLOT_IDLE && (oldest == NULL || s->used_us < oldest->used_us))
			oldest = s;
	}
	return oldest;
}

/* Does the one thing that is due, or waits for it. Lock held, released while working. */
static void step(struct pool *p)
{
	struct slot *empty, *oldest;
	int64_t open_at, ping_at, now;

	close_outdated(p);
	now = clock_mono_us();
	empty = slot_find(p, SLOT_EMPTY);
	oldest = oldest_idle(p);
	open_at = empty == NULL ? COND_NEVER : p->next_attempt_us;
	ping_at = oldest == NULL ? COND_NEVER : oldest->used_us + PING_AFTER_US;
	if (p->stopping)
		return;
	if (open_at <= now)
		open_one(p, empty);
	else if (ping_at <= now)
		ping_one(p, oldest);
	else
		(void)cond_wait_until(&p->thread_wakes, &p->lock, open_at < ping_at ? open_at : ping_at);
}

static void *pool_run(void *arg)
{
	struct pool *p = arg;

	pthread_mutex_lock(&p->lock);
	while (!p->stopping)
		step(p);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* ---- the interface ---- */

struct pool *pool_create(const struct pool_spec *spec)
{
	struct pool *p;

	assert(spec->size > 0);
	p = calloc(1, sizeof(*p) + spec->size * sizeof(p->slots[0]));
	if (p == NULL) {
		log_error("pool.no_memory", "name=%s", spec->name);
		return NULL;
	}
	p->spec = *spec;
	pthread_mutex_init(&p->lock, NULL);
	cond_create(&p->available);
	cond_create(&p->changed);
	cond_create(&p->thread_wakes);
	if (pthread_create(&p->thread, NULL, pool_run, p) != 0) {
		log_error("pool.no_thread", "name=%s", spec->name);
		free(p);
		return NULL;
	}
	return p;
}

void pool_free(struct pool **pp)
{
	struct pool *p = *pp;

	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_cond_signal(&p->thread_wakes);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	for (size_t i = 0; i < p->spec.size; i++) {
		assert(p->slots[i].state != SLOT_BUSY);
		if (p->slots[i].conn != NULL)
			p->spec.close(p->spec.ctx, p->slots[i].conn);
	}
	pthread_cond_destroy(&p->thread_wakes);
	pthread_cond_destroy(&p->changed);
	pthread_cond_destroy(&p->available);
	pthread_mutex_destroy(&p->lock);
	free(p);
	*pp = NULL;
}

/* The idle connection that was used last: the others may stay cold. Lock held. */
static struct slot *newest_idle(struct pool *p)
{
	struct slot *newest = NULL;

	for (size_t i = 0; i < p->spec.size; i++) {
		struct slot *s = &p->slots[i];

		if (s->state == SLOT_IDLE && s->generation == p->generation &&
		    (newest == NULL || s->used_us > newest->used_us))
			newest = s;
	}
	return newest;
}

enum err pool_acquire(struct pool *p, int64_t deadline_us, void **conn)
{
	enum err e = ERR_OK;
	struct slot *s = NULL;

	*conn = NULL;
	pthread_mutex_lock(&p->lock);
	for (;;) {
		enum pool_state state = current_state(p);
		int64_t until = deadline_us;

		if (state == POOL_UP)
			s = newest_idle(p);
		if (s != NULL)
			break;
		if (state == POOL_DOWN || clock_mono_us() >= deadline_us) {
			e = state == POOL_UP ? ERR_BUSY : ERR_UNAVAILABLE;
			break;
		}
		if (state == POOL_SUSPECT && p->suspect_until_us < until)
			until = p->suspect_until_us;
		(void)cond_wait_until(&p->available, &p->lock, until);
	}
	if (s != NULL) {
		s->state = SLOT_BUSY;
		*conn = s->conn;
	}
	pthread_mutex_unlock(&p->lock);
	return e;
}

static struct slot *slot_of(struct pool *p, const void *conn)
{
	for (size_t i = 0; i < p->spec.size; i++)
		if (p->slots[i].state == SLOT_BUSY && p->slots[i].conn == conn)
			return &p->slots[i];
	return NULL;
}

void pool_release(struct pool *p, void **conn, bool healthy)
{
	struct slot *s;

	pthread_mutex_lock(&p->lock);
	s = slot_of(p, *conn);
	assert(s != NULL);
	*conn = NULL;
	if (healthy && s->generation == p->generation) {
		s->used_us = clock_mono_us();
		s->state = SLOT_IDLE;
		pthread_cond_signal(&p->available);
	} else {
		if (!healthy && s->generation == p->generation)
			suspect(p);
		slot_close(p, s);
		pthread_cond_signal(&p->thread_wakes);
	}
	pthread_mutex_unlock(&p->lock);
}

bool pool_is_up(struct pool *p)
{
	bool up;

	pthread_mutex_lock(&p->lock);
	up = current_state(p) != POOL_DOWN;
	pthread_mutex_unlock(&p->lock);
	return up;
}

bool pool_wait_up(struct pool *p, int timeout_ms)
{
	int64_t until = clock_mono_us() + (int64_t)timeout_ms * US_PER_MS;
	bool up;

	pthread_mutex_lock(&p->lock);
	while (p->state != POOL_UP && clock_mono_us() < until)
		(void)cond_wait_until(&p->changed, &p->lock, until);
	up = p->state == POOL_UP;
	pthread_mutex_unlock(&p->lock);
	return up;
}

uint64_t pool_downs(struct pool *p)
{
	uint64_t downs;

	pthread_mutex_lock(&p->lock);
	downs = p->downs;
	pthread_mutex_unlock(&p->lock);
	return downs;
}
