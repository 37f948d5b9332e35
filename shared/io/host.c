/* host.c - the addresses of one host by its name, looked up in a thread of its own: libc's lookup cannot be cut short.
 *
 * The thread may outlive the owner: whoever leaves last frees. Everything is under the lock, but for libc's call and the name.
 */
#include "shared/io/host.h"

#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "shared/base/clock.h"
#include "shared/base/cond.h"

#define GOOD_US 1000000 /* a container that is made anew has another address */

struct host {
	pthread_mutex_t lock;
	pthread_cond_t answered;
	unsigned users;   /* the owner, and the lookup that runs */
	bool busy;        /* a lookup runs */
	uint64_t answers;
	int64_t good_until_us; /* what was found; 0: nothing; INT64_MAX: the name is an address */
	struct host_addresses found;
	const char *why;  /* nothing was found at the last answer */
	char name[];
};

/* 0, or libc's number for what is wrong. <flags> of getaddrinfo(). */
static int look_up(const char *name, int flags, struct host_addresses *out)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags }, *all = NULL;
	int wrong = getaddrinfo(name, NULL, &hints, &all);

	out->count = 0;
	for (struct addrinfo *a = all; wrong == 0 && a != NULL && out->count < HOST_ADDRESSES_MOST; a = a->ai_next)
		out->count += getnameinfo(a->ai_addr, a->ai_addrlen, out->list[out->count], HOST_ADDRESS_BYTES, NULL, 0, NI_NUMERICHOST) == 0;
	if (all != NULL)
		freeaddrinfo(all);
	return wrong == 0 && out->count == 0 ? EAI_NONAME : wrong;
}

struct host *host_create(const char *name)
{
	size_t bytes = strlen(name) + 1;
	struct host *h = calloc(1, sizeof(*h) + bytes);

	if (h == NULL)
		return NULL;
	pthread_mutex_init(&h->lock, NULL);
	cond_create(&h->answered);
	h->users = 1;
	memcpy(h->name, name, bytes);
	if (look_up(name, AI_NUMERICHOST, &h->found) == 0)
		h->good_until_us = INT64_MAX;
	return h;
}

/* Unlocks. */
static void leave(struct host *h)
{
	bool last = --h->users == 0;

	pthread_mutex_unlock(&h->lock);
	if (!last)
		return;
	pthread_cond_destroy(&h->answered);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

void host_free(struct host **hp)
{
	struct host *h = *hp;

	*hp = NULL;
	if (h == NULL)
		return;
	pthread_mutex_lock(&h->lock);
	leave(h);
}

static void *lookup_thread(void *ctx)
{
	struct host *h = ctx;
	struct host_addresses found;
	int wrong = look_up(h->name, 0, &found);

	pthread_mutex_lock(&h->lock);
	h->busy = false;
	h->answers++;
	h->good_until_us = wrong == 0 ? clock_mono_us() + GOOD_US : 0;
	h->found = found;
	h->why = gai_strerror(wrong);
	pthread_cond_broadcast(&h->answered);
	leave(h);
	return NULL;
}

static bool start(struct host *h)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, lookup_thread, h) != 0)
		return false;
	pthread_detach(thread);
	h->users++;
	h->busy = true;
	return true;
}

/* With the lock held. */
static enum err find(struct host *h, int64_t deadline_us, const char **why)
{
	uint64_t before = h->answers;

	if (h->good_until_us > clock_mono_us())
		return ERR_OK;
	*why = "no thread to look the name up";
	if (!h->busy && !start(h))
		return ERR_UNAVAILABLE;
	*why = "the name server does not answer";
	while (h->answers == before)
		if (!cond_wait_until(&h->answered, &h->lock, deadline_us))
			break;
	if (h->answers == before)
		return ERR_TIMEOUT;
	*why = h->why;
	return h->good_until_us > 0 ? ERR_OK : ERR_UNAVAILABLE;
}

enum err host_find(struct host *h, int64_t deadline_us, struct host_addresses *out, const char **why)
{
	enum err e;

	pthread_mutex_lock(&h->lock);
	e = find(h, deadline_us, why);
	if (e == ERR_OK)
		*out = h->found;
	pthread_mutex_unlock(&h->lock);
	return e;
}
