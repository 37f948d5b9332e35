/* http_client.c - a small blocking HTTP client for tests. */
#include "tests/unit/support/http_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "http client: %s: %s\n", what, strerror(errno));
	abort();
}

static int try_connect(const char *address, uint16_t port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	bool six = inet_pton(AF_INET6, address, &in6.sin6_addr) == 1;
	const struct sockaddr *sa = six ? (const struct sockaddr *)&in6 : (const struct sockaddr *)&in;
	struct timeval patience = { .tv_sec = 10 };
	int on = 1;
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	if (!six)
		inet_pton(AF_INET, address, &in.sin_addr);
	if (connect(fd, sa, six ? sizeof(in6) : sizeof(in)) != 0) {
		close(fd);
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

void client_open_at(struct client *c, const char *address, uint16_t port)
{
	c->fd = try_connect(address, port);
	if (c->fd < 0)
		die("connect");
	buf_init(&c->in, 0);
}

void client_open(struct client *c, uint16_t port)
{
	client_open_at(c, "127.0.0.1", port);
}

bool client_can_connect(uint16_t port)
{
	int fd = try_connect("127.0.0.1", port);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

void client_close(struct client *c)
{
	close(c->fd);
	buf_free(&c->in);
}

bool client_try_send(struct client *c, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t n = send(c->fd, at, len, MSG_NOSIGNAL);

		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return false;
		if (n < 0)
			die("send");
		at += n;
		len -= (size_t)n;
	}
	return true;
}

void client_send(struct client *c, const void *bytes, size_t len)
{
	if (!client_try_send(c, bytes, len))
		die("send");
}

void client_printf(struct client *c, const char *format, ...)
{
	char text[8192];
	va_list ap;
	int len;

	va_start(ap, format);
	len = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (len < 0 || len >= (int)sizeof(text))
		die("client_printf");
	client_send(c, text, (size_t)len);
}

/* False at the end of the stream. */
static bool fill(struct client *c)
{
	char piece[16384];
	ssize_t n = recv(c->fd, piece, sizeof(piece), 0);

	if (n < 0 && errno != ECONNRESET)
		die("recv");
	if (n > 0)
		buf_add(&c->in, piece, (size_t)n);
	return n > 0;
}

static void drop(struct client *c, size_t len)
{
	memmove(c->in.ptr, c->in.ptr + len, c->in.len - len);
	c->in.len -= len;
}

const char *client_header(const struct client_answer *a, const char *name, char space[256])
{
	size_t name_len = strlen(name);

	for (const char *line = strstr(a->head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
		const char *end;

		line += 2;
		if (strncasecmp(line, name, name_len) != 0 || line[name_len] != ':')
			continue;
		line += name_len + 1;
		line += strspn(line, " ");
		end = strstr(line, "\r\n");
		snprintf(space, 256, "%.*s", end == NULL ? (int)strlen(line) : (int)(end - line), line);
		return space;
	}
	return NULL;
}

bool client_try_read(struct client *c, bool head, struct client_answer *a)
{
	char space[256];
	const char *length;
	char *end;
	size_t head_len;

	while (c->in.len == 0 || (end = memmem(c->in.ptr, c->in.len, "\r\n\r\n", 4)) == NULL)
		if (!fill(c))
			return false;
	head_len = (size_t)(end - c->in.ptr) + 4;
	if (head_len >= sizeof(a->head))
		die("head too long");
	memcpy(a->head, c->in.ptr, head_len);
	a->head[head_len - 2] = '\0';
	drop(c, head_len);
	a->status = (int)strtol(a->head + 9, NULL, 10);
	length = client_header(a, "Content-Length", space);
	a->body_len = head || length == NULL ? 0 : strtoul(length, NULL, 10);
	while (c->in.len < a->body_len)
		if (!fill(c))
			return false;
	a->body = calloc(1, a->body_len + 1);
	if (a->body == NULL)
		die("calloc");
	if (a->body_len > 0) {
		memcpy(a->body, c->in.ptr, a->body_len);
		drop(c, a->body_len);
	}
	return true;
}

void client_read(struct client *c, struct client_answer *a)
{
	if (!client_try_read(c, false, a))
		die("closed before the answer");
}

void client_read_head(struct client *c, struct client_answer *a)
{
	if (!client_try_read(c, true, a))
		die("closed before the answer");
}

bool client_closed(struct client *c)
{
	return c->in.len == 0 && !fill(c);
}

void client_answer_free(struct client_answer *a)
{
	free(a->body);
	a->body = NULL;
}
