/* proxy.c - for tests: a TCP proxy that injects faults on command.
 *
 * The thread holds the lock whenever it is not in poll(); a command takes the lock, changes something and pokes the
 * thread through a pipe. Bytes are forwarded with blocking writes: the peers are real servers and the code under test,
 * which both read.
 */
#include "tests/unit/support/proxy.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAIRS 64
#define CHUNK 65536

struct pair {
	int client, server; /* -1: closed */
};

struct proxy {
	pthread_t thread;
	pthread_mutex_t lock;
	int poke[2];
	unsigned poked;          /* pokes that the thread has seen */
	pthread_cond_t answered;
	int listener; /* -1 while away */
	uint16_t port;
	struct sockaddr_in target;
	enum proxy_mode mode;
	bool stopping;
	const char *needle; /* NULL: no trigger */
	enum proxy_action action;
	bool triggered;
	unsigned accepted;
	struct pair pairs[PAIRS];
};

static void close_hard(int *fd)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (*fd < 0)
		return;
	setsockopt(*fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(*fd);
	*fd = -1;
}

static void close_soft(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void reset_pair(struct pair *p)
{
	close_hard(&p->client);
	close_hard(&p->server);
}

static void end_pair(struct pair *p)
{
	close_soft(&p->client);
	close_soft(&p->server);
}

static void listen_on(struct proxy *p)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(p->port) };
	socklen_t size = sizeof(a);
	int on = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert(p->listener >= 0);
	setsockopt(p->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(p->listener, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(p->listener, 64) != 0)
		abort();
	getsockname(p->listener, (struct sockaddr *)&a, &size);
	p->port = ntohs(a.sin_port);
}

static void accept_one(struct proxy *p)
{
	int client = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
	int server;

	if (client < 0)
		return;
	p->accepted++;
	server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(server, (struct sockaddr *)&p->target, sizeof(p->target)) != 0) {
		close(server);
		close(client);
		return;
	}
	for (size_t i = 0; i < PAIRS; i++) {
		if (p->pairs[i].client < 0 && p->pairs[i].server < 0) {
			p->pairs[i] = (struct pair){ .client = client, .server = server };
			return;
		}
	}
	abort(); /* a test with more connections needs a larger PAIRS */
}

static bool write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

/* Applies the trigger to bytes from a client; false when they are not to be forwarded now. */
static bool pull_trigger(struct proxy *p, struct pair *pair, const char *bytes, size_t len)
{
	if (p->needle == NULL || memmem(bytes, len, p->needle, strlen(p->needle)) == NULL)
		return true;
	p->needle = NULL;
	p->triggered = true;
	switch (p->action) {
	case PROXY_CUT_BEFORE:
		reset_pair(pair);
		return false;
	case PROXY_CUT_AFTER:
		write_all(pair->server, bytes, len);
		close_hard(&pair->client);
		/* The server reads all of it before it sees the end. */
		shutdown(pair->server, SHUT_WR);
		return false;
	case PROXY_HOLD:
		p->mode = PROXY_STALL;
		return false;
	}
	return true;
}

static void forward(struct proxy *p, struct pair *pair, bool from_client)
{
	char bytes[CHUNK];
	int from = from_client ? pair->client : pair->server;
	int to = from_client ? pair->server : pair->client;
	ssize_t n = recv(from, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return; /* what poll() said was about an earlier connection in this place */
	if (n <= 0) {
		end_pair(pair);
		return;
	}
	if (from_client && !pull_trigger(p, pair, bytes, (size_t)n))
		return; /* what is held back stays in the socket */
	if (recv(from, bytes, (size_t)n, 0) != n || !write_all(to, bytes, (size_t)n))
		end_pair(pair);
}

static void watch(struct pollfd *f, int fd, bool wanted)
{
	f->fd = wanted ? fd : -1;
	f->events = POLLIN;
	f->revents = 0;
}

/* One round. Lock held but for the waiting. */
static void serve(struct proxy *p)
{
	struct pollfd f[2 + 2 * PAIRS];
	bool pass = p->mode == PROXY_PASS;
	char byte;

	watch(&f[0], p->poke[0], true);
	watch(&f[1], p->listener, true);
	for (size_t i = 0; i < PAIRS; i++) {
		watch(&f[2 + 2 * i], p->pairs[i].client, pass);
		watch(&f[3 + 2 * i], p->pairs[i].server, pass);
	}
	pthread_mutex_unlock(&p->lock);
	poll(f, 2 + 2 * PAIRS, -1);
	pthread_mutex_lock(&p->lock);
	if (f[0].revents != 0) { /* a command: what poll() said may be about closed descriptors */
		if (read(p->poke[0], &byte, 1) != 1)
			abort();
		p->poked++;
		pthread_cond_broadcast(&p->answered);
		return;
	}
	if (f[1].revents != 0)
		accept_one(p);
	for (size_t i = 0; i < PAIRS; i++) {
		if (f[2 + 2 * i].revents != 0 && p->mode == PROXY_PASS && p->pairs[i].client >= 0)
			forward(p, &p->pairs[i], true);
		if (f[3 + 2 * i].revents != 0 && p->mode == PROXY_PASS && p->pairs[i].server >= 0) {
			if (p->pairs[i].client >= 0)
				forward(p, &p->pairs[i], false);
			else
				end_pair(&p->pairs[i]); /* the client's side was cut, the server has answered or closed */
		}
	}
}

static void *run(void *arg)
{
	struct proxy *p = arg;

	pthread_mutex_lock(&p->lock);
	while (!p->stopping)
		serve(p);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static void poke(struct proxy *p)
{
	if (write(p->poke[1], "", 1) != 1)
		abort();
}

/* Waits until the thread is out of poll(), which keeps closed sockets alive. Lock held, released meanwhile. */
static void poke_and_wait(struct proxy *p)
{
	unsigned before = p->poked;

	poke(p);
	while (p->poked == before)
		pthread_cond_wait(&p->answered, &p->lock);
}

struct proxy *proxy_start(const char *host, uint16_t port)
{
	struct proxy *p = calloc(1, sizeof(*p));

	assert(p != NULL);
	p->target.sin_family = AF_INET;
	p->target.sin_port = htons(port);
	if (inet_pton(AF_INET, host, &p->target.sin_addr) != 1 || pipe(p->poke) != 0)
		abort();
	for (size_t i = 0; i < PAIRS; i++)
		p->pairs[i] = (struct pair){ .client = -1, .server = -1 };
	listen_on(p);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->answered, NULL);
	if (pthread_create(&p->thread, NULL, run, p) != 0)
		abort();
	return p;
}

void proxy_stop(struct proxy **pp)
{
	struct proxy *p = *pp;

	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	poke(p);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	for (size_t i = 0; i < PAIRS; i++)
		end_pair(&p->pairs[i]);
	close_soft(&p->listener);
	close(p->poke[0]);
	close(p->poke[1]);
	pthread_cond_destroy(&p->answered);
	pthread_mutex_destroy(&p->lock);
	free(p);
	*pp = NULL;
}

uint16_t proxy_port(const struct proxy *p)
{
	return p->port;
}

void proxy_set(struct proxy *p, enum proxy_mode mode)
{
	pthread_mutex_lock(&p->lock);
	p->mode = mode;
	if (mode == PROXY_AWAY) {
		close_soft(&p->listener);
		for (size_t i = 0; i < PAIRS; i++)
			reset_pair(&p->pairs[i]);
	} else if (p->listener < 0) {
		listen_on(p);
	}
	poke_and_wait(p);
	pthread_mutex_unlock(&p->lock);
}

void proxy_trigger(struct proxy *p, const char *needle, enum proxy_action action)
{
	pthread_mutex_lock(&p->lock);
	p->needle = needle;
	p->action = action;
	p->triggered = false;
	pthread_mutex_unlock(&p->lock);
}

bool proxy_triggered(struct proxy *p)
{
	bool triggered;

	pthread_mutex_lock(&p->lock);
	triggered = p->triggered;
	pthread_mutex_unlock(&p->lock);
	return triggered;
}

void proxy_hang_up(struct proxy *p)
{
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < PAIRS; i++)
		end_pair(&p->pairs[i]);
	poke_and_wait(p);
	pthread_mutex_unlock(&p->lock);
}

unsigned proxy_accepted(struct proxy *p)
{
	unsigned n;

	pthread_mutex_lock(&p->lock);
	n = p->accepted;
	pthread_mutex_unlock(&p->lock);
	return n;
}
