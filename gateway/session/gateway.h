/* gateway.h - the process as a whole: workers made, run and stopped. Main thread, but for what says otherwise. */
#ifndef MOA_GATEWAY_SESSION_GATEWAY_H
#define MOA_GATEWAY_SESSION_GATEWAY_H

#include <stdbool.h>
#include "gateway/model/config.h"
#include "shared/base/buf.h"

struct gateway;

/* Workers, pools and counts for <c>, which it owns from now on. Out of memory aborts. */
struct gateway *gateway_create(struct config *c);
/* Frees it, and its configuration. It does not run. */
void gateway_free(struct gateway **g);

/* Opens sockets, sets servers' first states. False: <messages> says why. */
bool gateway_open(struct gateway *g, struct buf *messages);
/* Looks up the servers that are names: after gateway_open(), when their last addresses are known from elsewhere. Waits at most a second. */
void gateway_look_up(struct gateway *g);
/* Runs: the first worker in this thread, the others in theirs. Returns when all have ended. SIGUSR1 stops softly (as does
 * gateway_stop()), SIGTERM and SIGINT at once; they must be blocked in all threads. */
void gateway_run(struct gateway *g);
/* Accepts nothing more and ends when the last connection has; <at_once>: cuts them. Any thread. */
void gateway_stop(struct gateway *g, bool at_once);
/* Ends the loops when it is stopping and the last connection has ended. Any thread. */
void gateway_end_if_idle(struct gateway *g);

#endif
