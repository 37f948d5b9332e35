/* pool.h - a bounded set of connections to one server: hands them out, reconnects, and breaks the circuit.
 *
 * A background thread opens the connections, pings idle ones once a second and
 * reconnects with jittered backoff of at most 1 s. States:
 *   UP       connections are handed out; an acquirer waits for a free one until its deadline
 *   SUSPECT  one was reported broken: all idle ones are closed and the thread tries to open a
 *            new one; acquirers wait for its verdict, at most 100 ms and their deadline
 *   DOWN     the last attempt failed (or SUSPECT lasted 100 ms): acquirers fail at once
 * It starts as DOWN, and is UP with the first connection.
 */
#ifndef MOA_IO_POOL_H
#define MOA_IO_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "shared/base/err.h"

struct pool;

struct pool_spec {
	const char *name; /* for logs: "own_mysql" */
	size_t size;      /* connections */
	/* Opens a connection or returns NULL; bounded to about a second; runs in the pool's thread. */
	void *(*open)(void *ctx);
	bool (*ping)(void *ctx, void *conn); /* bounded likewise */
	void (*close)(void *ctx, void *conn);
	void *ctx; /* borrowed for the pool's life */
};

/* NULL, and a logged reason, when there is no memory or no thread. */
struct pool *pool_create(const struct pool_spec *spec);
/* Blocks until a running open() or ping() is over. */
void pool_free(struct pool **p); /* all connections must have been released */

/* ERR_OK and a connection, ERR_UNAVAILABLE (down, or still suspect at the deadline), or ERR_BUSY (none free before
 * <deadline_us>, monotonic). Any thread. */
enum err MUST_CHECK pool_acquire(struct pool *p, int64_t deadline_us, void **conn);
/* <healthy> false: the connection is closed and the pool becomes suspect (unless the connection is older than the
 * last suspicion). Sets *conn to NULL. Any thread. */
void pool_release(struct pool *p, void **conn, bool healthy);
/* False when it is DOWN. Any thread. */
bool pool_is_up(struct pool *p);
/* Waits until it is up, at most <timeout_ms>; for start-up and tests. */
bool pool_wait_up(struct pool *p, int timeout_ms);
/* How often it became DOWN since the start (metrics). */
uint64_t pool_downs(struct pool *p);

#endif
