/* names_libc.c - names of servers looked up by libc, in a few threads, because it may take its time.
 *
 * There are several so that a name whose name server is silent does not hold up the others. A thread that waits for libc cannot be
 * ended: so what the threads use is their own, and freed by whoever leaves last. Everything is under one lock, but for libc's call.
 */
#include "gateway/health/names_libc.h"

#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/health/lookup.h"
#include "shared/base/clock.h"
#include "shared/base/log.h"

#define THREADS_MOST 4
#define NAME_MOST 255
#define PAUSE_LEAST_MS 1000
#define PAUSE_MOST_MS 10000

enum job_state {
	JOB_RESTING, /* nobody has asked for it yet */
	JOB_DUE,     /* at due_ms */
	JOB_BUSY,    /* a thread waits for libc */
	JOB_DONE,    /* found, or no longer wanted */
};

struct job {
	struct lookup *lookup; /* not touched after names_libc_stop() */
	enum job_state state;
	int64_t due_ms;
	int pause_ms;          /* before it is asked again; 0: it was not asked yet */
	int family;            /* that is put first; AF_UNSPEC: as libc sorts them */
	char host[NAME_MOST + 1];
	struct dns_addresses found;
};

struct names_libc {
	pthread_mutex_t lock;
	pthread_cond_t change;
	unsigned users;          /* threads, and the owner */
	unsigned busy;           /* threads that wait for libc */
	bool going_on, stopping;
	unsigned count;
	struct job jobs[];
};

static int64_t now_ms(void)
{
	return clock_mono_us() / 1000;
}

/* ---- asking ---- */

static void address_add(struct dns_addresses *out, const struct sockaddr *sa)
{
	struct dns_address *a = &out->list[out->count];

	if (out->count == DNS_ADDRESSES_MOST)
		return;
	*a = (struct dns_address){ .type = sa->sa_family == AF_INET ? DNS_A : DNS_AAAA };
	if (sa->sa_family == AF_INET)
		memcpy(a->bytes, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
	else
		memcpy(a->bytes, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
	out->count++;
}

/* May take long. */
static void ask(const char *host, int family, struct dns_addresses *out)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *all = NULL;

	out->count = 0;
	if (getaddrinfo(host, NULL, &hints, &all) != 0)
		return;
	for (int preferred = 1; preferred >= 0; preferred--) {
		for (const struct addrinfo *a = all; a != NULL; a = a->ai_next) {
			bool is_preferred = family == AF_UNSPEC || a->ai_family == family;

			if ((a->ai_family == AF_INET || a->ai_family == AF_INET6) && is_preferred == (preferred == 1))
				address_add(out, a->ai_addr);
		}
	}
	freeaddrinfo(all);
}

/* ---- jobs; under the lock ---- */

/* Tells what was found, or asks again later. */
static void job_settle(struct names_libc *n, struct job *j)
{
	if (n->stopping || (n->going_on && !(j->lookup->missing && j->lookup->resolvers == NULL))) {
		j->state = JOB_DONE;
	} else if (!n->going_on) {
		j->state = JOB_RESTING;
	} else if (j->found.count > 0 && lookup_tell(j->lookup, &j->found)) {
		j->state = JOB_DONE;
	} else {
		j->state = JOB_DUE;
		j->due_ms = now_ms() + j->pause_ms;
	}
}

static void pause_grow(struct job *j)
{
	j->pause_ms = j->pause_ms == 0 ? PAUSE_LEAST_MS : j->pause_ms * 2;
	if (j->pause_ms > PAUSE_MOST_MS)
		j->pause_ms = PAUSE_MOST_MS;
}

/* The one that is due first; NULL: none is. */
static struct job *job_next(struct names_libc *n)
{
	struct job *first = NULL;

	for (unsigned i = 0; i < n->count; i++) {
		struct job *j = &n->jobs[i];

		if (j->state == JOB_DUE && (first == NULL || j->due_ms < first->due_ms))
			first = j;
	}
	return first;
}

static bool all_done(const struct names_libc *n)
{
	for (unsigned i = 0; i < n->count; i++) {
		if (n->jobs[i].state != JOB_DONE)
			return false;
	}
	return true;
}

static void job_run(struct names_libc *n, struct job *j)
{
	j->state = JOB_BUSY;
	n->busy++;
	pthread_mutex_unlock(&n->lock);
	ask(j->host, j->family, &j->found);
	pthread_mutex_lock(&n->lock);
	n->busy--;
	pause_grow(j);
	job_settle(n, j);
	pthread_cond_broadcast(&n->change);
}

/* ---- threads ---- */

static void wait_until(struct names_libc *n, int64_t until_ms)
{
	const struct timespec until = { .tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000 };

	pthread_cond_timedwait(&n->change, &n->lock, &until);
}

static void names_free(struct names_libc *n)
{
	pthread_cond_destroy(&n->change);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

static void *thread_main(void *arg)
{
	struct names_libc *n = arg;
	struct job *j;
	bool last;

	pthread_mutex_lock(&n->lock);
	while (!n->stopping && !all_done(n)) {
		j = job_next(n);
		if (j == NULL)
			pthread_cond_wait(&n->change, &n->lock);
		else if (j->due_ms > now_ms())
			wait_until(n, j->due_ms);
		else
			job_run(n, j);
	}
	last = --n->users == 0;
	pthread_cond_broadcast(&n->change);
	pthread_mutex_unlock(&n->lock);
	if (last)
		names_free(n);
	return NULL;
}

static void thread_begin(struct names_libc *n)
{
	pthread_attr_t detached;
	pthread_t thread;
	int rc;

	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	rc = pthread_create(&thread, &detached, thread_main, n);
	pthread_attr_destroy(&detached);
	if (rc == 0)
		n->users++;
	else
		log_error("resolver.thread", "errno=%d", rc);
}

/* ---- for resolver.c ---- */

static bool is_ours(const struct lookup *l)
{
	return l->resolvers == NULL || l->ask_libc;
}

static void job_make(struct job *j, struct lookup *l)
{
	size_t len = l->host.len < NAME_MOST ? l->host.len : NAME_MOST;

	*j = (struct job){ .lookup = l, .state = l->ask_libc ? JOB_DUE : JOB_RESTING };
	j->family = l->prefer == FAMILY_4 ? AF_INET : l->prefer == FAMILY_6 ? AF_INET6 : AF_UNSPEC;
	memcpy(j->host, l->host.ptr, len);
}

struct names_libc *names_libc_start(struct lookup *list)
{
	pthread_condattr_t monotonic;
	struct names_libc *n;
	unsigned count = 0;

	for (const struct lookup *l = list; l != NULL; l = l->next)
		count += is_ours(l);
	if (count == 0)
		return NULL;
	n = calloc(1, sizeof(*n) + count * sizeof(n->jobs[0]));
	if (n == NULL) {
		log_error("memory.exhausted", "what=%s", "names");
		abort();
	}
	for (struct lookup *l = list; l != NULL; l = l->next) {
		if (is_ours(l))
			job_make(&n->jobs[n->count++], l);
	}
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&n->change, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_mutex_init(&n->lock, NULL);
	n->users = 1;
	pthread_mutex_lock(&n->lock);
	for (unsigned i = 0; i < count && i < THREADS_MOST; i++)
		thread_begin(n);
	pthread_mutex_unlock(&n->lock);
	return n;
}

static bool all_answered(const struct names_libc *n)
{
	for (unsigned i = 0; i < n->count; i++) {
		if (n->jobs[i].state == JOB_DUE || n->jobs[i].state == JOB_BUSY)
			return false;
	}
	return true;
}

void names_libc_await(struct names_libc *n, int wait_ms)
{
	int64_t until_ms = now_ms() + wait_ms;

	pthread_mutex_lock(&n->lock);
	while (n->users > 1 && !all_answered(n) && now_ms() < until_ms)
		wait_until(n, until_ms);
	pthread_mutex_unlock(&n->lock);
}

void names_libc_found(struct names_libc *n, const struct lookup *l, struct dns_addresses *out)
{
	out->count = 0;
	pthread_mutex_lock(&n->lock);
	for (unsigned i = 0; i < n->count; i++) {
		if (n->jobs[i].lookup == l && n->jobs[i].state == JOB_RESTING)
			*out = n->jobs[i].found;
	}
	pthread_mutex_unlock(&n->lock);
}

void names_libc_go_on(struct names_libc *n)
{
	pthread_mutex_lock(&n->lock);
	n->going_on = true;
	for (unsigned i = 0; i < n->count; i++) {
		if (n->jobs[i].state != JOB_BUSY)
			job_settle(n, &n->jobs[i]);
	}
	pthread_cond_broadcast(&n->change);
	pthread_mutex_unlock(&n->lock);
}

void names_libc_stop(struct names_libc **names)
{
	struct names_libc *n = *names;
	bool last;

	if (n == NULL)
		return;
	*names = NULL;
	pthread_mutex_lock(&n->lock);
	n->stopping = true;
	pthread_cond_broadcast(&n->change);
	while (n->users - 1 > n->busy)
		pthread_cond_wait(&n->change, &n->lock);
	last = --n->users == 0;
	pthread_mutex_unlock(&n->lock);
	if (last)
		names_free(n);
}
