/* cut.h - ends what is under way at a server whose state says so: "on-marked-down", "on-marked-up". */
#ifndef MOA_GATEWAY_SESSION_CUT_H
#define MOA_GATEWAY_SESSION_CUT_H

struct gateway;
struct server;

/* Every worker ends, soon, its exchanges that have a connection to <s>. <cause>: first letter of their termination state, D or U. The first
 * worker's thread, while the loops run. */
void exchanges_cut(struct gateway *g, const struct server *s, char cause);

#endif
