/* names_dns.h - names of servers asked of the name servers of "resolvers" sections, over UDP, in a thread with a loop of its own. */
#ifndef MOA_GATEWAY_HEALTH_NAMES_DNS_H
#define MOA_GATEWAY_HEALTH_NAMES_DNS_H

#include <stdbool.h>
#include <stdint.h>
#include "gateway/health/dns.h"

struct lookup;
struct name_server;
struct names_dns;

/* Asks, of that list, for all names with a resolvers section, and goes on asking as the section says. NULL when there is none. */
struct names_dns *names_dns_start(struct lookup *list);
/* Asks for one name more, of a section of which names are asked already. The first worker's thread; <l> stays until names_dns_stop(). */
void names_dns_add(struct names_dns *n, struct lookup *l);
/* Returns when the thread has ended. */
void names_dns_stop(struct names_dns **n);

/* What happened with a name server so far. */
struct names_dns_counts {
	uint64_t sent, unsent, silent; /* questions; silent: without an answer in time */
	uint64_t used;         /* answers that were told */
	uint64_t late;         /* answers that nobody waited for any more */
	uint64_t results[DNS_INVALID + 1]; /* of the others, by enum dns_result; DNS_STRAY: did not fit the question */
};
/* False when nothing is asked of it: no server's name needs its section. Any thread. */
bool names_dns_counts(const struct names_dns *n, const struct name_server *server, struct names_dns_counts *out);

#endif
