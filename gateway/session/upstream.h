/* upstream.h - connections to servers: made, used by one exchange at a time, kept idle for the next. One worker's thread. */
#ifndef MOA_GATEWAY_SESSION_UPSTREAM_H
#define MOA_GATEWAY_SESSION_UPSTREAM_H

#include "gateway/loop/loop.h"
#include "gateway/model/server.h"
#include "gateway/session/exchange.h"
#include "gateway/session/flow.h"

struct client;
struct stream;
struct worker;

struct upstream {
	struct watch watch;
	struct worker *worker;
	struct server *server;
	struct server_address from;    /* our end of it */
	struct server_address address; /* that it goes to: an idle one is not used after the server has moved */
	struct stream *stream;     /* NULL while idle */
	struct client *owner;      /* http-reuse never: only this client may use it */
	struct upstream *next, *prev; /* idle ones of a server, the last used first */
	bool connected;
	bool readable, writable, ended, broken; /* as in struct client */
	bool listed;               /* among the idle ones */
	unsigned requests;         /* sent on it so far */
	int64_t idle_since_ms;
	struct buffer in;
};

struct upstream_pool {
	struct upstream *first, *last;
	unsigned count;
};

/* Begins to connect to <to> (the server's address, or what set-dst says); NULL with errno. Readiness comes to <stream>. */
struct upstream *upstream_connect(struct worker *w, struct server *server, const struct server_address *to, struct stream *stream);
/* An idle connection that the backend's http-reuse lets <x> use, or NULL. */
struct upstream *upstream_reuse(struct exchange *x, struct client *c, const struct server_address *to, struct stream *stream);
/* The outcome of connecting, once writable: true when it stands; false with errno. */
bool upstream_established(struct upstream *u);
/* Before the first upstream_read() of an exchange; false: no memory. upstream_done() gives it back. */
bool upstream_take_buffer(struct upstream *u);
size_t upstream_read(struct upstream *u); /* as client_read() */
/* After an exchange: kept idle when <keep> and nothing speaks against it, else closed. Sets *u to NULL. */
void upstream_done(struct upstream **u, bool keep);
void upstream_close(struct upstream **u);

/* Closes idle connections whose time has come. Once a second. */
void upstream_sweep(struct worker *w, int64_t now_ms);
/* Closes all idle connections: at the end of the worker. */
void upstream_close_idle(struct worker *w);

#endif
