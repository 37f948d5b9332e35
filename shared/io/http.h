/* http.h - an HTTP/1.1 server: epoll threads that parse and never block, workers that run plain functions.
 *
 * A request is read on an event loop. When it is whole (headers and body), <on_request> is called on the loop; it
 * either answers at once or hands the exchange to a worker with http_defer(). The connection is suspended meanwhile.
 * A request whose body is too large comes to <on_request> as soon as that is known; its answer waits for the end of the body
 * and keeps the connection, or, when the end does not come in time, is sent then and closes it.
 * The server itself refuses with 400 and closes: Content-Length together with Transfer-Encoding, several
 * Content-Length, missing (HTTP/1.1) or several Host, NUL (raw or %00) in the path, a path that does not start with '/'.
 */
#ifndef MOA_IO_HTTP_H
#define MOA_IO_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "shared/base/arena.h"
#include "shared/base/buf.h"
#include "shared/base/err.h"
#include "shared/base/slice.h"

struct http_server;
struct http_exchange; /* one request and its answer */

struct http_options {
	const char *name;       /* for logs */
	const char *bind;       /* numeric IPv4 or IPv6 address */
	uint16_t port;          /* 0: any free one, see http_port() */
	unsigned io_threads;
	unsigned workers;       /* 0: everything is answered on the loop */
	size_t queue;           /* requests waiting for a worker; beyond it http_defer() fails with ERR_BUSY */
	size_t body_limit;      /* bytes kept; of a longer body the rest is read and thrown away (up to 1 MiB, 5 s) before the answer */
	unsigned connections;   /* most open connections; further ones are refused */
	unsigned idle_timeout_s;
	/* On an event loop. Must answer (http_reply) or http_defer(); must not block. */
	void (*on_request)(void *ctx, struct http_exchange *x);
	/* On a worker, for a deferred exchange. Must answer. */
	void (*on_work)(void *ctx, struct http_exchange *x);
	/* After the answer was sent or given up, for each exchange that on_request saw: for the access log. On a loop. */
	void (*on_done)(void *ctx, struct http_exchange *x);
	void *ctx;
};

/* NULL, and a logged reason, when the port is taken or threads cannot start. */
struct http_server *http_start(const struct http_options *o);
uint16_t http_port(const struct http_server *s);
/* From now on each answer ends its connection; new ones are still accepted. */
void http_leave(struct http_server *s);
/* Stops accepting, lets running requests finish (at most <drain_ms>), then ends all threads. */
void http_stop(struct http_server **s, int drain_ms);

struct http_stats {
	uint64_t accepted; /* connections, since start */
	uint64_t open;     /* connections now */
	uint64_t queued;   /* exchanges waiting for a worker now */
	uint64_t refused;  /* malformed requests the server refused itself */
};
void http_stats_get(const struct http_server *s, struct http_stats *out);

/* ---- the request; slices live as long as the exchange ---- */
struct slice http_method(const struct http_exchange *x);
struct slice http_path(const struct http_exchange *x);  /* as sent, not decoded, without the query */
struct slice http_query(const struct http_exchange *x); /* behind '?'; SLICE_NONE without one */
struct slice http_header(const struct http_exchange *x, const char *name); /* first of that name; SLICE_NONE if absent */
/* Calls <each> with every field of that name, in the order sent. */
void http_header_each(const struct http_exchange *x, const char *name, void (*each)(void *ctx, struct slice value), void *ctx);
struct slice http_body(const struct http_exchange *x);
bool http_body_too_large(const struct http_exchange *x);
struct slice http_peer(const struct http_exchange *x);      /* numeric address */
int64_t http_received_us(const struct http_exchange *x);    /* monotonic: when it was whole, or known to be too large */
struct arena *http_arena(struct http_exchange *x);          /* of this exchange */
void http_set_user(struct http_exchange *x, void *user);    /* the caller's own state, e.g. in the arena */
void *http_user(const struct http_exchange *x);
/* Whether the client has closed its side (asked of the socket now). A client that only ended its sending looks the same. */
bool http_client_gone(const struct http_exchange *x);

/* Queues the exchange for a worker; from ERR_OK on it is the worker's and must not be touched.
 * ERR_BUSY: the queue is full and the caller must answer. */
enum err MUST_CHECK http_defer(struct http_exchange *x);

/* ---- the answer ---- */
/* <name> is static; <value> is copied. Values with control characters are dropped (asserted against in tests). */
void http_reply_header(struct http_exchange *x, const char *name, struct slice value);
/* Takes the bytes of <body> over (the buffer is empty then). HEAD sends its length only. Exactly once per exchange. */
void http_reply(struct http_exchange *x, int status, struct buf *body);
int http_reply_status(const struct http_exchange *x); /* in on_done: what was answered, 0 if nothing was */
size_t http_reply_bytes(const struct http_exchange *x);

/* A problem document (RFC 9457), appended to <out>; its type is application/problem+json. */
void http_problem(struct buf *out, int status, const char *title, const char *detail);

#endif
