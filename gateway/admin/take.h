/* take.h - the other side of give.h: what a starting process takes from the one that it replaces.
 *
 * Main, before the loops start. It waits for the old process, but not long: one that hangs, lies or dies costs TAKE_MS at most, and the
 * start goes on with sockets of its own.
 */
#ifndef MOA_GATEWAY_ADMIN_TAKE_H
#define MOA_GATEWAY_ADMIN_TAKE_H

#include <stdbool.h>
#include <sys/types.h>
#include "gateway/model/config.h"
#include "shared/base/buf.h"

struct gateway;

#define TAKE_MS 3000

struct taken {
	int *fds;          /* sockets, not yet given to a listener; malloc'ed */
	unsigned count;
	struct buf text;   /* states of servers and facts */
};

void taken_init(struct taken *t);
/* Closes what nobody wanted. */
void taken_free(struct taken *t);

/* Asks the runtime socket at <path> (it needs "expose-fd listeners"), or the door of process <old> (of its worker, if that is a master), for everything. False when no sockets
 * came: <messages> says why. What came before something went wrong is kept. */
bool take_from_path(struct taken *t, const char *path, struct buf *messages);
bool take_from_process(struct taken *t, pid_t old, struct buf *messages);

/* Gives each listener of <c> (also those of the runtime socket) the socket that has its address: before listeners_open(). */
void take_sockets(struct taken *t, struct config *c);
/* Puts states and facts into force: between gateway_open() and gateway_run(). */
void take_states(const struct taken *t, struct gateway *g);

#endif
