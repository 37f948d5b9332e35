/* resolver.h - addresses of servers that are given by name: looked up in a thread of its own, never on a loop.
 *
 * A name that has no address is a server in maintenance ("MAINT (resolution)"), never a failed start; it is asked for again, as the
 * "resolvers" section says or, for libc, after 1 s and then with growing pauses up to 10 s. Results arrive as messages to the first worker.
 */
#ifndef MOA_GATEWAY_HEALTH_RESOLVER_H
#define MOA_GATEWAY_HEALTH_RESOLVER_H

#include <stdbool.h>
#include "shared/base/buf.h"
#include "shared/base/slice.h"

struct gateway;
struct parse;
struct resolver;
struct server;

/* Reads a line of a "resolvers" section: p->config->resolvers' newest. The first word of the line is at p->at. */
void resolvers_read(struct parse *p);
/* Looks up all names of servers once, waiting at most a second for those of libc (init-addr); then goes on in its thread. NULL when no
 * server has a name. */
struct resolver *resolver_start(struct gateway *g);
void resolver_stop(struct resolver **r);

/* "set server … fqdn": <s> wants the addresses of another name, which is valid, and keeps its own until they are there. False: it has no
 * name that a "resolvers" section asks for. The first worker's thread. */
bool resolver_rename(struct gateway *g, struct server *s, struct slice name);

/* "show resolvers": what one section's name servers did so far, or those of all (<section> SLICE_NONE). False: there is none of that name. */
bool resolver_show(const struct gateway *g, struct slice section, struct buf *out);

#endif
