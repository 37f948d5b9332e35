/* console.h - for tests of the runtime socket: a gateway made of a configuration's text, and connections to its runtime socket.
 *
 * No thread runs: the test turns the loops of all workers round by round, so that what it sees between two rounds stays. Header only.
 */
#ifndef MOA_TESTS_UNIT_GATEWAY_SUPPORT_CONSOLE_H
#define MOA_TESTS_UNIT_GATEWAY_SUPPORT_CONSOLE_H

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "gateway/admin/cli.h"
#include "gateway/admin/runtime.h"
#include "gateway/conf/conf.h"
#include "gateway/health/health.h"
#include "gateway/model/proxy.h"
#include "gateway/session/client.h"
#include "gateway/session/gateway.h"
#include "gateway/session/listen.h"
#include "gateway/session/worker.h"
#include "shared/base/clock.h"

#define CONSOLE_PATIENCE_US (10 * 1000 * 1000)

struct console {
	struct gateway *gateway;
	struct listener listener; /* of the runtime socket; its level may be changed */
	struct door door;
	struct buf answer;
};

/* <text>: the configuration's sections behind "global" and "defaults"; two workers. */
static inline void console_open(struct console *c, const char *text)
{
	struct buf all, messages;
	struct config *config;

	memset(c, 0, sizeof(*c));
	buf_init(&c->answer, 0);
	buf_init(&all, 0);
	buf_init(&messages, 0);
	buf_printf(&all, "global\n nbthread 2\n maxconn 100\ndefaults\n mode http\n timeout client 5s\n timeout server 5s\n timeout connect 5s\n%s", text);
	config = conf_load_text(SLICE_LIT("a.cfg"), buf_slice(&all), &messages);
	if (config == NULL)
		fprintf(stderr, "%.*s", SLICE_ARG(buf_slice(&messages)));
	assert(config != NULL);
	c->gateway = gateway_create(config);
	if (!gateway_open(c->gateway, &messages))
		fprintf(stderr, "%.*s", SLICE_ARG(buf_slice(&messages)));
	assert(c->gateway->runtime != NULL);
	health_start(c->gateway);
	for (unsigned i = 0; i < c->gateway->worker_count; i++)
		accepting_start(&c->gateway->workers[i]);
	c->listener.level = CLI_ADMIN;
	c->door = (struct door){ .listener = &c->listener, .runtime = c->gateway->runtime };
	buf_free(&all);
	buf_free(&messages);
}

/* One round of each loop; <wait_ms>: of the first, at most. */
static inline void console_turn(struct console *c, int wait_ms)
{
	for (unsigned i = 0; i < c->gateway->worker_count; i++)
		loop_round(c->gateway->workers[i].loop, i == 0 ? wait_ms : 0);
}

static inline void console_close(struct console *c)
{
	for (unsigned i = 0; i < c->gateway->worker_count; i++)
		clients_stop(&c->gateway->workers[i], true);
	for (unsigned i = 0; i < 3; i++)
		console_turn(c, 0);
	runtime_stop(c->gateway);
	for (unsigned i = 0; i < c->gateway->worker_count; i++)
		accepting_stop(&c->gateway->workers[i]);
	health_stop(c->gateway);
	gateway_free(&c->gateway);
	buf_free(&c->answer);
}

/* A new connection; the client's end of it. <buffer>: bytes that the socket takes without being read; 0: many. */
static inline int console_connect(struct console *c, int buffer)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
		abort();
	if (buffer > 0)
		setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	cli_accepted(&c->door, fds[1]);
	return fds[0];
}

/* Sends all of it, as fast as it is taken; false: the other end is gone. */
static inline bool console_send(struct console *c, int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return false;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
		console_turn(c, 0);
	}
	return true;
}

/* Reads at most <most> bytes at a time until the connection is closed, and closes it too. The answer, until the next one; or "(no end)". */
static inline const char *console_read(struct console *c, int fd, size_t most)
{
	int64_t end_us = clock_mono_us() + CONSOLE_PATIENCE_US;
	char piece[65536];
	ssize_t n = -1;

	buf_clear(&c->answer);
	while (n != 0 && clock_mono_us() < end_us) {
		console_turn(c, n > 0 ? 0 : 1);
		n = recv(fd, piece, most < sizeof(piece) ? most : sizeof(piece), 0);
		if (n > 0)
			buf_add(&c->answer, piece, (size_t)n);
		else if (n < 0 && errno != EAGAIN)
			break;
	}
	close(fd);
	if (n > 0 || (n < 0 && errno == EAGAIN))
		return "(no end)";
	buf_add_char(&c->answer, '\0');
	c->answer.len--;
	return c->answer.ptr;
}

/* What <line> is answered with on a connection of its own, without the empty line that ends every answer. */
static inline const char *console_ask(struct console *c, const char *line)
{
	int fd = console_connect(c, 0);

	console_send(c, fd, line, strlen(line));
	console_send(c, fd, "\n", 1);
	(void)console_read(c, fd, SIZE_MAX);
	if (c->answer.len > 0 && c->answer.ptr[c->answer.len - 1] == '\n')
		c->answer.ptr[--c->answer.len] = '\0';
	return c->answer.ptr;
}

/* console_ask() with its line end cut off too: one line. */
static inline const char *console_line(struct console *c, const char *line)
{
	(void)console_ask(c, line);
	if (c->answer.len > 0)
		c->answer.ptr[--c->answer.len] = '\0';
	return c->answer.ptr;
}

/* A socket that listens on a free port of 127.0.0.1. */
static inline int console_listen(unsigned *port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&sa, len) != 0 || listen(fd, 10) != 0 || getsockname(fd, (struct sockaddr *)&sa, &len) != 0)
		abort();
	*port = ntohs(sa.sin_port);
	return fd;
}

/* A port that is free now. */
static inline unsigned console_free_port(void)
{
	unsigned port;

	close(console_listen(&port));
	return port;
}

/* A proxy or server by name. */
static inline struct proxy *console_proxy(const struct console *c, const char *name)
{
	for (struct proxy *p = c->gateway->config->proxies; p != NULL; p = p->next) {
		if (slice_eq(p->name, slice_str(name)))
			return p;
	}
	abort();
}

static inline struct server *console_server(const struct console *c, const char *backend, const char *name)
{
	for (struct server *s = console_proxy(c, backend)->backend.servers; s != NULL; s = s->next) {
		if (slice_eq(s->name, slice_str(name)))
			return s;
	}
	abort();
}

#endif
