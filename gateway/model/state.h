/* state.h - the one place where a server's state changes, with its consequences: line-up, queue, counts, log line.
 *
 * All of it runs on the first worker's thread (or in main before the loops start). Others call server_report().
 */
#ifndef MOA_GATEWAY_MODEL_STATE_H
#define MOA_GATEWAY_MODEL_STATE_H

#include <stdbool.h>
#include "gateway/model/server.h"
#include "shared/base/buf.h"

struct gateway;

/* After reading the configuration: first states, addresses that are numbers, line-ups. Servers with checks begin as up, with
 * one failure left until they are down, as in HAProxy. */
void server_states_begin(struct gateway *g);
/* Frees what it made, and what came later: line-ups, queues, addresses. Main, when no loop runs any more. */
void server_states_end(struct gateway *g);

/* <why>: for the log line: "reason: Layer4 timeout, check duration: 2001ms", "changed from CLI"; NULL: none. <to> is not
 * SERVER_STARTING: that is what SERVER_UP becomes for a server with slowstart. */
void server_set_state(struct gateway *g, struct server *s, enum server_state to, const char *why);
/* At the end of its maintenance a server is up, whatever checks said before. Servers that track one follow each of its changes. */
void server_set_admin(struct gateway *g, struct server *s, unsigned set, unsigned clear); /* bits of enum server_admin */
void server_set_weight(struct gateway *g, struct server *s, unsigned weight);
void server_set_maxconn(struct gateway *g, struct server *s, unsigned maxconn);
/* Another address; NULL: its name has none, it is in maintenance until there is one. Idle connections to the old one are not reused. */
void server_set_address(struct gateway *g, struct server *s, const struct sockaddr *sa, socklen_t len);

/* What an exchange saw: for "observe". Any thread; counts, and posts a message to the first worker when a limit is reached. */
enum server_sight { SIGHT_CONNECTED, SIGHT_CONNECT_FAILED, SIGHT_RESPONSE_OK, SIGHT_RESPONSE_BAD };
void server_report(struct gateway *g, struct server *s, enum server_sight what);

#define SERVER_STATUS_SIZE 160

/* "UP", "UP 1/3", "DOWN", "DOWN 1/2", "NOLB", "MAINT", "MAINT (resolution)", "MAINT (via be/s1)", "DRAIN", "no check": as "show stat" says
 * it. In <space>. */
const char *server_status_text(const struct server *s, char space[SERVER_STATUS_SIZE]);

/* "show servers state" (version 1 of HAProxy's format), for one backend or all (NULL), and reading it back: in the state file or handed
 * over by the old process. Lines that do not fit the configuration are skipped; what the configuration has changed since wins.
 * Reading: main, between server_states_begin() and the start of the loops: nothing is logged. */
void server_states_write(const struct gateway *g, const struct proxy *backend, struct buf *out);
void server_states_read(struct gateway *g, struct slice text);
/* Reads server-state-file for the backends with "load-server-state-from-file global"; a file that is not there says nothing. As above. */
void server_states_load(struct gateway *g);

#endif
