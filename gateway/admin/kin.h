/* kin.h - while an old process finishes and a new one serves already, each tells the other of facts that answers make.
 *
 * The table of facts is handed over once (give.h); what the old one learns after that, from the exchanges that it still finishes, would
 * be lost to a client whose next request comes to the new one. So the new process listens for the old one under a name of its
 * own, the old one connects when it is asked for the table, and a line goes into that socket before an answer that made facts
 * is passed on. Whoever looks a token up reads the socket first: so nothing is missed. Without room in the socket the line is dropped: nobody ever waits. What was told is not told further.
 */
#ifndef MOA_GATEWAY_ADMIN_KIN_H
#define MOA_GATEWAY_ADMIN_KIN_H

#include <stdbool.h>
#include <sys/types.h>
#include "shared/base/slice.h"

struct gateway;

/* Makes g->kin, if there is a table of facts. <expects>: listens, so that what an old process tells from now on is there. Main, before its
 * table is asked for. */
void kin_open(struct gateway *g, bool expects);
/* Takes in what was told so far, and goes on doing so. Main, before the first worker's loop runs. */
void kin_start(struct gateway *g);
/* Process <pid> has asked for the table: it is told from now on. First worker's thread. */
void kin_meet(struct gateway *g, pid_t pid);
/* An answer to <token> made <facts> (its Consistency-Token header). Any thread. */
void kin_tell(struct gateway *g, struct slice token, struct slice facts);
/* Enters what was told since; before a token is looked up. Any thread. */
void kin_hear(struct gateway *g);
/* Main, when no loop runs any more. */
void kin_stop(struct gateway *g);

#endif
