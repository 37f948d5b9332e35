/* server_text.h - servers in words: their address, and the log lines about changes of their state. The first worker's thread, or main. */
#ifndef MOA_GATEWAY_MODEL_SERVER_TEXT_H
#define MOA_GATEWAY_MODEL_SERVER_TEXT_H

#include <stdbool.h>
#include "gateway/model/server.h"

struct gateway;

#define SERVER_ADDRESS_SIZE 128

/* "192.0.2.1", "2001:db8::1"; "unix" for a path or an abstract name; "-" without an address. <port>, unless NULL, gets the port or 0. */
const char *server_address_text(const struct server_address *a, char space[SERVER_ADDRESS_SIZE], unsigned *port);

/* How a server was before a change. */
struct server_before {
	int state;
	unsigned admin;
	bool down, usable;    /* down: state or maintenance say so */
	unsigned queued;      /* waited for it alone */
	unsigned lineup;      /* usable servers of its backend */
};

/* "Server be/s1 is DOWN, <why>. 1 active and 0 backup servers left. …", as HAProxy words it: for what has changed since <before>, to
 * standard error and to the logs of the backend. Nothing when it does not show. */
void server_log_state(struct gateway *g, const struct server *s, const struct server_before *before, const char *why);
void server_log_admin(struct gateway *g, const struct server *s, const struct server_before *before);
/* "proxy be has no server available!" when <s> was the last one. */
void server_log_backend(struct gateway *g, const struct server *s, const struct server_before *before);
void server_log_address(struct gateway *g, const struct server *s, const struct server_address *old, const struct server_address *now);

#endif
