/* http_exchange.c - one request and its answer, as far as the HTTP library is not needed for it. */
#include "shared/io/http_exchange.h"

#include <assert.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "shared/base/clock.h"
#include "shared/io/http_check.h"

#define ARENA_FIRST_BYTES 2048
#define ARENA_LIMIT_BYTES (128u << 20)
#define BODY_KEPT_BYTES 4096 /* a body buffer up to this size stays with an idle connection */

struct http_exchange *exchange_create(struct http_server *s, size_t body_limit, const atomic_bool *closing)
{
	struct http_exchange *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	x->server = s;
	x->closing = closing;
	x->body_limit = body_limit;
	x->arena = arena_create(ARENA_FIRST_BYTES, ARENA_LIMIT_BYTES);
	buf_init(&x->body, body_limit);
	return x;
}

void exchange_free(struct http_exchange **x)
{
	struct http_exchange *old = *x;

	if (old == NULL)
		return;
	*x = NULL;
	free(old->bytes);
	buf_free(&old->body);
	arena_free(&old->arena);
	free(old);
}

void exchange_reset(struct http_exchange *x)
{
	free(x->bytes);
	if (x->body.cap > BODY_KEPT_BYTES)
		buf_free(&x->body);
	buf_clear(&x->body);
	arena_reset(x->arena);
	memset((char *)x + offsetof(struct http_exchange, state), 0, sizeof(*x) - offsetof(struct http_exchange, state));
}

bool exchange_take_body(struct http_exchange *x, const char *data, size_t len)
{
	if (len > x->body_limit - x->body_bytes)
		return false;
	x->body_bytes += len;
	buf_add(&x->body, data, len);
	return buf_ok(&x->body);
}

void exchange_begin_rest(struct http_exchange *x, struct watchdog *w)
{
	assert(x->state == X_ANSWERED);
	x->state = X_REST;
	watchdog_arm(w, &x->watch, x->fd, SHUT_RD, x->received_us + HTTP_DISCARD_US);
}

void exchange_end_rest(struct http_exchange *x, struct watchdog *w)
{
	assert(x->state == X_REST);
	(void)watchdog_disarm(w, &x->watch);
	x->state = X_ANSWERED;
	x->received_us = clock_mono_us(); /* how long the client took is not how long we did */
}

void exchange_send_raw(struct http_exchange *x, const char *reason)
{
	struct buf all;

	buf_init(&all, 0);
	buf_printf(&all, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Length: %zu\r\n", x->status, reason, x->len);
	for (const struct reply_header *h = x->headers; h != NULL; h = h->next)
		if (strcmp(h->name, "Connection") != 0)
			buf_printf(&all, "%s: %.*s\r\n", h->name, SLICE_ARG(h->value));
	buf_add_str(&all, "\r\n");
	buf_add(&all, x->bytes, http_reply_bytes(x));
	if (buf_ok(&all) && send(x->fd, all.ptr, all.len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)all.len)
		x->state = X_SENDING;
	buf_free(&all);
}

void exchange_refuse(struct http_exchange *x, const char *detail)
{
	struct buf body;

	buf_init(&body, 0);
	http_problem(&body, 400, "Bad Request", detail);
	x->early = true;
	x->state = X_PENDING;
	http_reply_header(x, "Content-Type", SLICE_LIT("application/problem+json"));
	http_reply(x, 400, &body);
}

/* ---- the request ---- */

struct slice http_method(const struct http_exchange *x)
{
	return x->method;
}

struct slice http_path(const struct http_exchange *x)
{
	return x->path;
}

struct slice http_query(const struct http_exchange *x)
{
	return x->query;
}

struct slice http_body(const struct http_exchange *x)
{
	return x->too_large ? SLICE_LIT("") : buf_slice(&x->body);
}

bool http_body_too_large(const struct http_exchange *x)
{
	return x->too_large;
}

struct slice http_peer(const struct http_exchange *x)
{
	return slice_str(x->peer);
}

int64_t http_received_us(const struct http_exchange *x)
{
	return x->received_us;
}

struct arena *http_arena(struct http_exchange *x)
{
	return x->arena;
}

void http_set_user(struct http_exchange *x, void *user)
{
	x->user = user;
}

void *http_user(const struct http_exchange *x)
{
	return x->user;
}

bool http_client_gone(const struct http_exchange *x)
{
	struct pollfd p = { .fd = x->fd, .events = POLLRDHUP };

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* ---- the answer ---- */

void http_reply_header(struct http_exchange *x, const char *name, struct slice value)
{
	struct reply_header *h;

	if (!http_field_value_ok(value))
		return;
	h = arena_alloc(x->arena, sizeof(*h));
	if (h == NULL)
		return;
	h->name = name;
	h->value = arena_copy(x->arena, value);
	h->next = x->headers;
	if (h->value.ptr != NULL)
		x->headers = h;
}

void http_reply(struct http_exchange *x, int status, struct buf *body)
{
	assert(x->state == X_PENDING);
	if (!buf_ok(body)) {
		buf_free(body);
		status = err_status(ERR_NO_MEMORY);
	}
	if (x->early || atomic_load(x->closing))
		http_reply_header(x, "Connection", SLICE_LIT("close"));
	x->bytes = buf_take(body, &x->len);
	x->status = status;
	x->state = X_ANSWERED;
}

int http_reply_status(const struct http_exchange *x)
{
	return x->state == X_SENDING ? x->status : 0;
}

size_t http_reply_bytes(const struct http_exchange *x)
{
	return slice_eq(x->method, SLICE_LIT("HEAD")) ? 0 : x->len;
}
