/* lineup.h - who may be chosen now: an immutable picture of a backend's usable servers, made anew at each change of state.
 *
 * Made by the first worker's thread and put into backend.lineup; the old one is retired. So choosing takes no lock: it
 * reads the picture and the servers' own counts. Backups are in it only while no other server is usable.
 */
#ifndef MOA_GATEWAY_BALANCE_LINEUP_H
#define MOA_GATEWAY_BALANCE_LINEUP_H

#include <stdbool.h>
#include "gateway/model/server.h"

struct exchange;
struct gateway;
struct lineup;
struct proxy;

/* Makes the picture of <backend> anew. The first worker's thread, or main before the loops start. */
void lineup_rebuild(struct gateway *g, struct proxy *backend);
/* Frees it at the end, when no loop runs. */
void lineup_free(struct proxy *backend);
/* The number of servers that may be chosen now. Any thread. */
unsigned lineup_usable(const struct proxy *backend);

enum choice {
	CHOICE_SERVER, /* *out has a place reserved: server_leave() gives it back */
	CHOICE_QUEUE,  /* all are full, or *out, to which a hash sends this request, is: wait (for *out, or NULL: for any) */
	CHOICE_NONE,   /* no server is usable */
};
/* Chooses for <x> as "balance" says and takes a place. <avoid>: a server that just failed, taken only when there is no other; or
 * NULL. Any worker, for its own exchange. */
enum choice lineup_choose(struct exchange *x, const struct server *avoid, struct server **out);

/* Takes a place at <s>, if its maxconn allows. Any thread, no lock. */
bool server_enter(struct server *s);
/* Gives a place back; wakes who waits for one (balance/queue.h). Any thread. */
void server_leave(struct gateway *g, struct server *s);

#endif
