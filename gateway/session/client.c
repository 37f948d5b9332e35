/* client.c - the connection of a client, from accept to close. */
#include "gateway/session/client.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "gateway/loop/container.h"
#include "gateway/model/proxy.h"
#include "gateway/rule/track.h"
#include "gateway/session/listen.h"
#include "gateway/session/stream.h"
#include "gateway/session/worker.h"
#include "shared/base/clock.h"

#define LINGER_MS 2000    /* how long what a client still sends is thrown away after the last answer */
#define STOP_IDLE_MS 1000 /* soft stop: an idle connection may still send its next request in this time */
#define LINGER_READS 64   /* and how many buffers of it */
#define EXCHANGES_MOST 16 /* of requests that came together: so many in one go */

/* ---- its memory ---- */

void client_release_buffer(struct client *c)
{
	if (c->in.data == NULL || !buffer_empty(&c->in))
		return;
	pool_give(c->session.worker->buffers, c->in.data);
	c->in = (struct buffer){ 0 };
}

static bool take_buffer(struct client *c)
{
	if (c->in.data != NULL)
		return true;
	c->in = (struct buffer){ .data = stream_buffer(c->session.worker), .size = c->session.worker->gateway->config->bufsize };
	return c->in.data != NULL;
}

void client_close(struct client *c)
{
	struct worker *w = c->session.worker;
	struct upstream *own = c->own;

	assert(c->stream == NULL);
	loop_cancel(w->loop, &c->timer);
	c->in.begin = c->in.end = 0;
	client_release_buffer(c);
	upstream_close(&own);
	track_end(c->session.tracked, loop_now_ms(w->loop));
	vars_clear(&c->session.vars, w->vars);
	*c->link = c->next;
	if (c->next != NULL)
		c->next->link = c->link;
	loop_unwatch(w->loop, &c->watch);
	close(c->watch.fd);
	listener_left(c->session.listener, w);
	pool_give(w->clients, c);
}

void client_mark(struct client *c, int tos, int mark)
{
	if (c->session.from.ss_family == AF_INET && tos != 0)
		setsockopt(c->watch.fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	if (c->session.from.ss_family == AF_INET6 && tos != 0)
		setsockopt(c->watch.fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
	if (mark != 0)
		setsockopt(c->watch.fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
}

/* TCP_REPAIR closes without a word, to those who may (CAP_NET_ADMIN). Without that right the end has to cross one router at least: it
 * is sent with the shortest life. */
void client_vanish(struct client *c)
{
	struct linger none = { .l_onoff = 1, .l_linger = 0 };
	int one = 1;

	if (c->session.from.ss_family == AF_UNIX || setsockopt(c->watch.fd, IPPROTO_TCP, TCP_REPAIR, &one, sizeof(one)) == 0)
		return;
	setsockopt(c->watch.fd, IPPROTO_IP, IP_TTL, &one, sizeof(one));
	if (c->session.from.ss_family == AF_INET6)
		setsockopt(c->watch.fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &one, sizeof(one));
	setsockopt(c->watch.fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
}

/* ---- reading ---- */

size_t client_read(struct client *c)
{
	size_t room = buffer_room(&c->in);
	ssize_t n;

	if (!c->readable || room == 0)
		return 0;
	do {
		n = recv(c->watch.fd, c->in.data + c->in.end, room, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n > 0) {
		c->in.end += (size_t)n;
		/* Less than there was room for: nothing is left but, perhaps, the end. */
		if ((size_t)n < room && !c->hung_up)
			c->readable = false;
		return (size_t)n;
	}
	c->readable = false;
	if (n == 0)
		c->ended = true;
	else if (errno != EAGAIN && errno != EWOULDBLOCK)
		c->ended = c->broken = true;
	return 0;
}

/* ---- between exchanges ---- */

static int first_of(int a, int b, int c)
{
	return a > 0 ? a : b > 0 ? b : c;
}

static void arm_idle(struct client *c)
{
	const struct proxy_timeouts *t = &c->session.frontend->timeout;
	struct worker *w = c->session.worker;
	int wait_ms = c->session.requests == 0 ? first_of(t->http_request, t->client, 0)
					       : first_of(t->http_keep_alive, t->http_request, t->client);

	if (atomic_load_explicit(&w->gateway->stopping, memory_order_relaxed) && !c->session.frontend->idle_close_on_response && (wait_ms == 0 || wait_ms > STOP_IDLE_MS))
		wait_ms = STOP_IDLE_MS;
	if (wait_ms > 0)
		loop_arm(w->loop, &c->timer, wait_ms);
	else
		loop_cancel(w->loop, &c->timer);
}

static void become_idle(struct client *c)
{
	c->state = CLIENT_IDLE;
	client_release_buffer(c);
	arm_idle(c);
}

/* False: <c> is gone. */
static bool linger(struct client *c)
{
	if (c->ended || c->broken || shutdown(c->watch.fd, SHUT_WR) != 0) {
		client_close(c);
		return false;
	}
	c->state = CLIENT_LINGERS;
	c->in.begin = c->in.end = c->in.floor = 0;
	client_release_buffer(c);
	loop_arm(c->session.worker->loop, &c->timer, LINGER_MS);
	return true;
}

/* Throws away what arrives. True when the end has come. */
static bool lingered(struct client *c)
{
	for (int i = 0; i < LINGER_READS; i++) {
		if (!take_buffer(c))
			return true;
		c->in.begin = c->in.end = 0;
		if (client_read(c) == 0) {
			c->in.begin = c->in.end = 0;
			client_release_buffer(c);
			return c->ended;
		}
	}
	return true;
}

bool client_exchange_done(struct client *c, bool keep)
{
	c->stream = NULL;
	c->idle_since_us = loop_now_us(c->session.worker->loop);
	/* What the client still sends would make a reset of the close, and that may overtake the last answer. */
	if (!keep)
		return linger(c);
	/* The next request may be there already: its head has to begin at the buffer's start. */
	if (c->in.data != NULL && c->in.begin > 0) {
		memmove(c->in.data, c->in.data + c->in.begin, c->in.end - c->in.begin);
		c->in.end -= c->in.begin;
		c->in.begin = 0;
	}
	c->in.floor = 0;
	become_idle(c);
	return true;
}

/* Begins an exchange when bytes of a request are there. False: nothing to do now, or <c> is gone (*gone). */
static bool begin_exchange(struct client *c, bool *gone)
{
	struct worker *w = c->session.worker;

	if (!take_buffer(c)) {
		*gone = true;
		client_close(c);
		return false;
	}
	if (buffer_empty(&c->in) && client_read(c) == 0) {
		*gone = c->ended;
		if (c->ended)
			client_close(c);
		else
			client_release_buffer(c);
		return false;
	}
	loop_cancel(w->loop, &c->timer);
	c->pauses = false;
	c->stream = stream_create(c);
	if (c->stream == NULL) {
		*gone = true;
		client_close(c);
		return false;
	}
	c->state = CLIENT_BUSY;
	return true;
}

/* ---- events ---- */

/* Whether the next request has to wait: who sends many at once must not hold the loop. */
static bool must_pause(struct client *c, unsigned begun)
{
	if (begun < EXCHANGES_MOST)
		return false;
	c->pauses = true;
	loop_arm(c->session.worker->loop, &c->timer, 0);
	return true;
}

void client_step(struct client *c)
{
	bool gone = false;
	unsigned begun = 0;

	if (c->stepping)
		return;
	c->stepping = true;
	while (!gone) {
		switch (c->state) {
		case CLIENT_IDLE:
			if ((buffer_empty(&c->in) && !c->readable) || must_pause(c, begun++))
				goto out;
			if (!begin_exchange(c, &gone) && !gone)
				goto out;
			break;
		case CLIENT_BUSY:
			if (!stream_run(c->stream, &gone))
				goto out;
			break;
		case CLIENT_LINGERS:
			if (c->readable && lingered(c)) {
				client_close(c);
				gone = true;
				break;
			}
			goto out;
		}
	}
	return;
out:
	c->stepping = false;
}

static void ready(struct watch *w, unsigned events)
{
	struct client *c = container_of(w, struct client, watch);

	c->readable |= (events & (LOOP_READ | LOOP_END | LOOP_FAIL)) != 0;
	c->writable |= (events & (LOOP_WRITE | LOOP_FAIL)) != 0;
	c->hung_up |= (events & (LOOP_END | LOOP_FAIL)) != 0;
	c->broken |= (events & LOOP_FAIL) != 0;
	client_step(c);
}

/* A client that said nothing at all in its time is told so (408), unless it waits for its next request. */
static void timed_out(struct timer *t)
{
	struct client *c = container_of(t, struct client, timer);

	bool tell = c->state == CLIENT_IDLE && c->session.requests == 0 && !c->session.frontend->http_ignore_probes &&
		    !atomic_load_explicit(&c->session.worker->gateway->stopping, memory_order_relaxed);

	if (c->pauses) {
		c->pauses = false;
		arm_idle(c); /* its bytes may turn out to be none */
		client_step(c);
		return;
	}
	if (tell && take_buffer(c)) {
		c->stream = stream_create(c);
		if (c->stream != NULL) {
			c->state = CLIENT_BUSY;
			/* The whole silence is the request's. */
			c->stream->x.t.first_byte_us -= c->stream->x.t.idle_us;
			c->stream->x.t.wall_us -= c->stream->x.t.idle_us;
			c->stream->x.t.idle_us = 0;
			stream_fail(c->stream, 408, 'c', 'R', "No request came in time.");
			client_step(c);
			return;
		}
	}
	client_close(c);
}

/* A listener of one address is reached there; one of all addresses, or handed over by another program, has to ask. */
static void note_reached(struct client *c)
{
	const struct sockaddr_storage *sa = &c->session.listener->sa;
	socklen_t len = sizeof(c->session.to);
	bool one = false;

	if (sa->ss_family == AF_INET)
		one = ((const struct sockaddr_in *)sa)->sin_addr.s_addr != htonl(INADDR_ANY);
	else if (sa->ss_family == AF_INET6)
		one = !IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)sa)->sin6_addr);
	if (one)
		memcpy(&c->session.to, sa, sizeof(*sa));
	else
		getsockname(c->watch.fd, (struct sockaddr *)&c->session.to, &len);
}

void client_accepted(struct worker *w, struct listener *listener, int fd, const struct sockaddr_storage *from)
{
	struct client *c = pool_take(w->clients);
	int one = 1;

	if (c == NULL) {
		close(fd);
		listener_left(listener, w);
		return;
	}
	*c = (struct client){ .watch = { .fd = fd, .ready = ready }, .next = w->first_client, .link = &w->first_client };
	c->session = (struct session){ .worker = w, .frontend = listener->proxy, .listener = listener };
	memcpy(&c->session.from, from, sizeof(*from));
	c->session.accepted_us = loop_now_us(w->loop);
	c->session.accepted_wall_us = clock_wall_us();
	c->idle_since_us = c->session.accepted_us;
	c->readable = c->writable = true; /* the first read finds out, often with the request at once */
	timer_init(&c->timer, timed_out);
	if (w->first_client != NULL)
		w->first_client->link = &c->next;
	w->first_client = c;
	note_reached(c);
	if (from->ss_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (listener->proxy->tcpka)
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	if (loop_watch(w->loop, &c->watch) != ERR_OK) {
		client_close(c);
		return;
	}
	if (!session_begins(c))
		return;
	become_idle(c);
	client_step(c);
}

void clients_stop(struct worker *w, bool at_once)
{
	struct client *next;

	for (struct client *c = w->first_client; c != NULL; c = next) {
		next = c->next;
		if (c->state == CLIENT_IDLE && !at_once) {
			if (!c->pauses)
				arm_idle(c);
		} else if (at_once) {
			if (c->state == CLIENT_BUSY)
				stream_abort(c->stream);
			else
				client_close(c);
		}
	}
}
