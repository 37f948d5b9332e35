/* malformed.h - the last request and the last response of each proxy whose head was refused, kept for "show errors".
 *
 * One lock, taken only when a head is refused and by whoever looks. Nobody waits for it on the way of a message: while it is held by another
 * thread the message is counted and not kept. Memory: tune.bufsize for each of the two that a proxy has met.
 */
#ifndef MOA_GATEWAY_ADMIN_MALFORMED_H
#define MOA_GATEWAY_ADMIN_MALFORMED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include "shared/base/buf.h"
#include "shared/base/slice.h"

struct config;
struct malformed;
struct proxy;
struct server;

/* Bits: which kinds are asked for. */
enum malformed_kind { MALFORMED_REQUEST = 1, MALFORMED_RESPONSE = 2 };

struct malformed_message {
	enum malformed_kind kind;
	const struct proxy *frontend;
	const struct proxy *backend;  /* NULL: not chosen yet */
	const struct server *server;  /* NULL: none */
	const struct sockaddr_storage *from; /* the client's */
	struct slice bytes;           /* as they came; copied */
	size_t at;                    /* where it went wrong */
	const char *why;              /* static */
	int64_t wall_us;
};

struct malformed *malformed_create(const struct config *c); /* out of memory aborts */
void malformed_free(struct malformed **m);
/* Any thread. Requests are kept with their frontend, responses with their backend. */
void malformed_keep(struct malformed *m, const struct malformed_message *message);
/* How many there were since the start. Any thread. */
uint64_t malformed_count(const struct malformed *m);
/* Appends what is kept of <p>, of the kinds in <kinds>, as HAProxy writes it. The first worker's thread, which may wait for a copy. */
void malformed_write(struct malformed *m, const struct proxy *p, unsigned kinds, struct buf *out);

#endif
