/* kin.c - while an old process finishes and a new one serves already, each tells the other of facts that answers make.
 *
 * One socket between the two, of packets, used in both directions: a packet is a line of the table (table/token_save.c). Any thread
 * sends, and any thread reads before it looks a token up; the lock makes it wait for a line that another has read and not yet
 * entered. The first worker reads as well, so that the socket does not fill, and notices the end. A socket whose other end is gone is closed when no thread can be sending any more (retire.h).
 */
#include "gateway/admin/kin.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/admin/give.h"
#include "gateway/loop/container.h"
#include "gateway/model/retire.h"
#include "gateway/session/worker.h"
#include "gateway/table/tokens.h"
#include "shared/base/clock.h"

#define KIN_MOST 4        /* an old one, a new one, and more when reloads come fast */
#define LINE_MOST 16384
#define ROOM_BYTES (1 << 20) /* the system may give less */

struct kin {
	struct watch watch;
	struct kin_circle *circle;
};

struct kin_circle {
	struct gateway *gateway;
	struct watch door;        /* where the old process connects; fd -1: nobody is expected */
	_Atomic(struct kin *) all[KIN_MOST];
	pthread_mutex_t lock;     /* of reading, while there are any */
	bool watched;
};

static struct loop *loop_of(const struct kin_circle *c)
{
	return worker_first(c->gateway)->loop;
}

/* ---- one of them ---- */

static void kin_free(void *memory)
{
	struct kin *k = memory;

	close(k->watch.fd);
	free(k);
}

static void forget(struct kin *k)
{
	struct kin_circle *c = k->circle;

	for (unsigned i = 0; i < KIN_MOST; i++) {
		if (atomic_load(&c->all[i]) == k)
			atomic_store(&c->all[i], NULL);
	}
	loop_unwatch(loop_of(c), &k->watch);
	retire(c->gateway, k, kin_free);
}

/* Enters all that was told. False: the other end is gone. Any thread. */
static bool hear(struct kin *k)
{
	struct kin_circle *c = k->circle;
	char line[LINE_MOST];
	ssize_t n;

	pthread_mutex_lock(&c->lock);
	while ((n = recv(k->watch.fd, line, sizeof(line), MSG_DONTWAIT)) > 0)
		token_table_read(c->gateway->tokens, slice_of(line, (size_t)n), clock_mono_us() / 1000);
	pthread_mutex_unlock(&c->lock);
	return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

static void told(struct watch *w, unsigned events)
{
	struct kin *k = container_of(w, struct kin, watch);

	(void)events;
	if (!hear(k))
		forget(k);
}

static void watch_one(struct kin *k)
{
	if (loop_watch(loop_of(k->circle), &k->watch) != ERR_OK)
		forget(k);
	else
		told(&k->watch, 0);
}

/* Takes <fd> over. */
static void add(struct kin_circle *c, int fd)
{
	struct kin *k = calloc(1, sizeof(*k)), *none = NULL;
	int room = ROOM_BYTES;
	bool added = false;

	if (k == NULL) {
		close(fd);
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	*k = (struct kin){ .watch = { .fd = fd, .ready = told }, .circle = c };
	for (unsigned i = 0; i < KIN_MOST && !added; i++, none = NULL)
		added = atomic_compare_exchange_strong(&c->all[i], &none, k);
	if (!added)
		kin_free(k);
	else if (c->watched)
		watch_one(k);
}

/* ---- how they meet ---- */

static socklen_t name_of(pid_t pid, struct sockaddr_un *out)
{
	socklen_t len = give_door_address(pid, out);

	out->sun_path[len - offsetof(struct sockaddr_un, sun_path)] = '+'; /* beside its door */
	return len + 1;
}

static void accept_all(struct kin_circle *c)
{
	int fd;

	while ((fd = accept4(c->door.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (give_may_enter(fd))
			add(c, fd);
		else
			close(fd);
	}
}

static void knocked(struct watch *w, unsigned events)
{
	(void)events;
	accept_all(container_of(w, struct kin_circle, door));
}

void kin_open(struct gateway *g, bool expects)
{
	struct kin_circle *c = g->tokens != NULL ? calloc(1, sizeof(*c)) : NULL;
	struct sockaddr_un un;
	socklen_t len = name_of(getpid(), &un);

	g->kin = c;
	if (c == NULL)
		return;
	c->gateway = g;
	pthread_mutex_init(&c->lock, NULL);
	c->door = (struct watch){ .fd = -1, .ready = knocked };
	if (expects)
		c->door.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->door.fd >= 0 && (bind(c->door.fd, (struct sockaddr *)&un, len) != 0 || listen(c->door.fd, KIN_MOST) != 0)) {
		close(c->door.fd);
		c->door.fd = -1;
	}
}

void kin_start(struct gateway *g)
{
	struct kin_circle *c = g->kin;

	if (c == NULL)
		return;
	c->watched = true;
	if (c->door.fd >= 0 && loop_watch(loop_of(c), &c->door) == ERR_OK)
		accept_all(c);
}

void kin_meet(struct gateway *g, pid_t pid)
{
	struct kin_circle *c = g->kin;
	struct sockaddr_un un;
	socklen_t len = name_of(pid, &un);
	struct ucred peer = { 0 };
	socklen_t size = sizeof(peer);
	int fd;

	if (c == NULL)
		return;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (connect(fd, (struct sockaddr *)&un, len) == 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == pid)
		add(c, fd);
	else
		close(fd); /* it wants no facts, or is none of us */
}

/* ---- telling and hearing ---- */

void kin_tell(struct gateway *g, struct slice token, struct slice facts)
{
	struct kin_circle *c = g->kin;
	char line[LINE_MOST];
	size_t len = 0;

	for (unsigned i = 0; c != NULL && i < KIN_MOST; i++) {
		struct kin *k = atomic_load(&c->all[i]);

		if (k == NULL)
			continue;
		if (len == 0)
			len = token_line(token, facts, line, sizeof(line));
		if (len > 0)
			(void)!send(k->watch.fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

void kin_hear(struct gateway *g)
{
	struct kin_circle *c = g->kin;

	for (unsigned i = 0; c != NULL && i < KIN_MOST; i++) {
		struct kin *k = atomic_load(&c->all[i]);

		if (k != NULL)
			hear(k); /* that it is gone is the first worker's to see */
	}
}

void kin_stop(struct gateway *g)
{
	struct kin_circle *c = g->kin;

	if (c == NULL)
		return;
	for (unsigned i = 0; i < KIN_MOST; i++) {
		struct kin *k = atomic_exchange(&c->all[i], NULL);

		if (k == NULL)
			continue;
		loop_unwatch(loop_of(c), &k->watch);
		kin_free(k);
	}
	loop_unwatch(loop_of(c), &c->door);
	if (c->door.fd >= 0)
		close(c->door.fd);
	pthread_mutex_destroy(&c->lock);
	free(c);
	g->kin = NULL;
}
