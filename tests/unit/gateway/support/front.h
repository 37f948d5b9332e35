/* front.h - for tests of the engine: a whole gateway in this process, with one frontend "fe" and one backend "be", a scripted origin
 * behind it, and clients in front.
 *
 * One worker and no thread: the test turns its loop round by round, and the origin between two rounds. What the gateway does between
 * front_turn()'s two marks is told apart by <inside>, for tests that let calls of the system fail. Header only.
 */
#ifndef MOA_TESTS_UNIT_GATEWAY_SUPPORT_FRONT_H
#define MOA_TESTS_UNIT_GATEWAY_SUPPORT_FRONT_H

#include <fcntl.h>
#include "tests/unit/gateway/support/console.h"

#define FRONT_CONNECTIONS 32 /* of the origin */
#define FRONT_BYTES 65536    /* of one request, or one answer */
#define FRONT_OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define FRONT_GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define FRONT_POST "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"

/* A connection that the origin accepted. */
struct front_peer {
	int fd; /* -1: closed */
	size_t len;
	char request[FRONT_BYTES + 1]; /* what came of the request that is being read */
};

struct front {
	struct console c;
	unsigned port; /* of "fe" */
	int origin;    /* listens */
	unsigned origin_port;
	struct front_peer peers[FRONT_CONNECTIONS];
	unsigned accepted, requests; /* by the origin, in all */
	const char *answer;          /* to each request; NULL: none */
	bool closes;                 /* the origin closes behind each answer */
	bool inside;                 /* the gateway runs */
	char last[FRONT_BYTES + 1];  /* the last whole request at the origin */
	char got[FRONT_BYTES + 1];   /* what front_answer() read */
};

/* What goes into which section, line by line; NULL: nothing. */
struct front_text {
	const char *global, *bind, *fe, *be, *server; /* <bind>, <server>: words on the line of that name */
};

static inline struct worker *front_worker(const struct front *f)
{
	return worker_first(f->c.gateway);
}

static inline const char *front_or(const char *text)
{
	return text != NULL ? text : "";
}

static inline void front_open(struct front *f, const struct front_text *t)
{
	struct buf text;
	int fd;

	memset(f, 0, sizeof(*f));
	for (int i = 0; i < FRONT_CONNECTIONS; i++)
		f->peers[i].fd = -1;
	f->answer = FRONT_OK;
	f->origin = console_listen(&f->origin_port);
	fcntl(f->origin, F_SETFL, O_NONBLOCK);
	fd = console_listen(&f->port);
	buf_init(&text, 0);
	buf_printf(&text, "global\n nbthread 1\n%s\nfrontend fe\n bind fd@%d %s\n%s\n default_backend be\n", front_or(t->global), fd,
		   front_or(t->bind), front_or(t->fe));
	buf_printf(&text, "backend be\n%s\n server s 127.0.0.1:%u %s\n", front_or(t->be), f->origin_port, front_or(t->server));
	buf_add_char(&text, '\0');
	console_open(&f->c, text.ptr);
	loop_arm(front_worker(f)->loop, &front_worker(f)->second, 1000); /* as a thread of its own would */
	buf_free(&text);
}

static inline void front_hang_up(struct front_peer *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	p->len = 0;
}

static inline void front_close(struct front *f)
{
	for (int i = 0; i < FRONT_CONNECTIONS; i++)
		front_hang_up(&f->peers[i]);
	close(f->origin);
	loop_cancel(front_worker(f)->loop, &front_worker(f)->second);
	console_close(&f->c);
}

/* ---- the origin ---- */

/* Bytes of the first request in <p>; 0: it is not whole. */
static inline size_t front_whole(const struct front_peer *p)
{
	const char *end = memmem(p->request, p->len, "\r\n\r\n", 4), *length = memmem(p->request, p->len, "ength: ", 7);
	size_t head;

	if (end == NULL)
		return 0;
	head = (size_t)(end - p->request) + 4;
	if (memmem(p->request, head, "chunked", 7) != NULL) {
		end = memmem(p->request + head - 2, p->len - head + 2, "\r\n0\r\n\r\n", 7);
		return end != NULL ? (size_t)(end - p->request) + 7 : 0;
	}
	if (length != NULL && length < end)
		head += strtoul(length + 7, NULL, 10);
	return p->len >= head ? head : 0;
}

static inline void front_say(struct front_peer *p, const char *text)
{
	if (send(p->fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
		front_hang_up(p);
}

static inline void front_peer_turn(struct front *f, struct front_peer *p)
{
	ssize_t n = recv(p->fd, p->request + p->len, FRONT_BYTES - p->len, MSG_DONTWAIT);
	size_t whole;

	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		front_hang_up(p);
		return;
	}
	p->len += n > 0 ? (size_t)n : 0;
	while (p->fd >= 0 && (whole = front_whole(p)) > 0) {
		memcpy(f->last, p->request, whole);
		f->last[whole] = '\0';
		p->len -= whole;
		memmove(p->request, p->request + whole, p->len);
		f->requests++;
		if (f->answer != NULL)
			front_say(p, f->answer);
		if (f->closes)
			front_hang_up(p);
	}
}

static inline void front_origin_turn(struct front *f)
{
	int fd = accept4(f->origin, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	for (int i = 0; fd >= 0 && i < FRONT_CONNECTIONS; i++) {
		if (f->peers[i].fd < 0) {
			f->peers[i].fd = fd;
			f->peers[i].len = 0;
			f->accepted++;
			break;
		}
		assert(i + 1 < FRONT_CONNECTIONS);
	}
	for (int i = 0; i < FRONT_CONNECTIONS; i++) {
		if (f->peers[i].fd >= 0)
			front_peer_turn(f, &f->peers[i]);
	}
}

/* The connections that the origin has open now. */
static inline unsigned front_open_peers(const struct front *f)
{
	unsigned n = 0;

	for (int i = 0; i < FRONT_CONNECTIONS; i++)
		n += f->peers[i].fd >= 0;
	return n;
}

/* ---- rounds ---- */

static inline void front_turn(struct front *f)
{
	f->inside = true;
	console_turn(&f->c, 1);
	f->inside = false;
	front_origin_turn(f);
}

/* Turns until <condition> holds, ten seconds at most; whether it does. */
#define front_await(f, condition)                                                    \
	({                                                                           \
		int64_t end_us_ = clock_mono_us() + CONSOLE_PATIENCE_US;             \
		while (!(condition) && clock_mono_us() < end_us_)                    \
			front_turn(f);                                               \
		(condition);                                                         \
	})

/* ---- clients ---- */

static inline int front_connect(const struct front *f)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)f->port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0)
		abort();
	return fd;
}

static inline void front_send(int fd, const char *text)
{
	(void)!send(fd, text, strlen(text), MSG_NOSIGNAL); /* a gateway that has closed is seen when its answer is read */
}

/* Whether <len> bytes are a whole answer with a Content-Length. */
static inline bool front_answered(const char *text, size_t len)
{
	const char *end = memmem(text, len, "\r\n\r\n", 4), *length = memmem(text, len, "ength: ", 7);

	return end != NULL && length != NULL && length < end && len >= (size_t)(end - text) + 4 + strtoul(length + 7, NULL, 10);
}

/* Turns until an answer is there, or the end of the connection; its status, 0 for an end without one, -1 for nothing in ten seconds. */
static inline int front_answer(struct front *f, int fd)
{
	int64_t end_us = clock_mono_us() + CONSOLE_PATIENCE_US;
	size_t len = 0;

	while (clock_mono_us() < end_us) {
		ssize_t n;

		front_turn(f);
		n = recv(fd, f->got + len, FRONT_BYTES - len, MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			continue;
		len += n > 0 ? (size_t)n : 0;
		f->got[len] = '\0';
		if (front_answered(f->got, len) || (n <= 0 && len > 12))
			return (int)strtol(f->got + 9, NULL, 10); /* "HTTP/1.1 200" */
		if (n <= 0)
			return 0;
	}
	return -1;
}

/* Turns until the gateway has closed that connection, ten seconds at most; what else came is thrown away. */
static inline bool front_closed(struct front *f, int fd)
{
	int64_t end_us = clock_mono_us() + CONSOLE_PATIENCE_US;
	ssize_t n = -1;

	while (n != 0 && clock_mono_us() < end_us) {
		front_turn(f);
		n = recv(fd, f->got, FRONT_BYTES, MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN)
			n = 0;
	}
	return n == 0;
}

/* The status that <request> is answered with on a connection of its own. */
static inline int front_ask(struct front *f, const char *request)
{
	int fd = front_connect(f), status;

	front_send(fd, request);
	status = front_answer(f, fd);
	close(fd);
	return status;
}

/* Whether, once all clients are gone, nothing is held for any of them. */
static inline bool front_settled(struct front *f)
{
	struct worker *w = front_worker(f);
	struct server *s = console_server(&f->c, "be", "s");

	return front_await(f, atomic_load(&f->c.gateway->connections) == 0 && w->first_client == NULL) && pool_stats(w->clients).used == 0 &&
	       pool_stats(w->exchanges).used == 0 && pool_stats(w->buffers).used == 0 &&
	       pool_stats(w->upstreams).used == atomic_load(&s->idle) && atomic_load(&s->connections) == atomic_load(&s->idle) &&
	       atomic_load(&s->served) == 0 && atomic_load(&console_proxy(&f->c, "fe")->places) == 0 &&
	       atomic_load(&console_proxy(&f->c, "fe")->connections) == 0 && atomic_load(&s->backend->backend.served) == 0;
}

#endif
