/* lookup.h - a name that servers have, and the message that says what addresses it has: from a thread that looks up (names_libc.c,
 * names_dns.c) to the first worker, where resolver.c gives them to the servers.
 */
#ifndef MOA_GATEWAY_HEALTH_LOOKUP_H
#define MOA_GATEWAY_HEALTH_LOOKUP_H

#include <stdatomic.h>
#include <stdbool.h>
#include "gateway/health/dns.h"
#include "gateway/loop/loop.h"
#include "gateway/model/server.h"

struct named;
struct names_dns;
struct resolvers;

/* In the configuration's arena; made by resolver.c. */
struct lookup {
	struct lookup *next;
	struct loop *loop;           /* the first worker's */
	struct slice host;
	enum server_family prefer;
	struct resolvers *resolvers; /* NULL: libc is asked */
	struct named *servers;       /* that want the answer */
	bool ask_libc;               /* "init-addr" wants to know, at the start, what libc says */
	bool missing;                /* some of its servers have no address, at the start */

	struct names_dns *names;     /* of a name that came later: who is to ask for it, */
	struct task begin;           /* and the message that says so */

	struct task task;            /* the message: */
	struct dns_addresses found;  /* none: the name has no address */
	atomic_bool told;            /* it is on its way, and <found> the first worker's; else the thread's that looks up */
};

/* Tells the first worker. False when it has not taken the last message yet: nothing was told. The thread that looks up. */
bool lookup_tell(struct lookup *l, const struct dns_addresses *found);

#endif
