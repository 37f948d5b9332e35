/* names_libc.h - names of servers looked up by libc, in a few threads, because it may take its time. */
#ifndef MOA_GATEWAY_HEALTH_NAMES_LIBC_H
#define MOA_GATEWAY_HEALTH_NAMES_LIBC_H

#include <stdbool.h>

struct dns_addresses;
struct lookup;
struct names_libc;

/* Looks up, of that list, all that say ask_libc. Others follow in names_libc_go_on(). NULL when none is libc's. Main thread, as all of these. */
struct names_libc *names_libc_start(struct lookup *list);
/* Waits until all have an answer, at most <wait_ms>. */
void names_libc_await(struct names_libc *n, int wait_ms);
/* What is known of a name by now. */
void names_libc_found(struct names_libc *n, const struct lookup *l, struct dns_addresses *out);
/* From now on looks up what has no resolvers section and says missing, until it is found and told; with pauses of 1 s to 10 s. */
void names_libc_go_on(struct names_libc *n);
/* Tells nothing any more. A thread that is waiting for libc ends when libc lets it, and touches nothing of the gateway's. */
void names_libc_stop(struct names_libc **n);

#endif
