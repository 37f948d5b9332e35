/* admin.h - the admin port: /healthz, /readyz, /metrics, /audit, and what a service adds.
 *
 * A second HTTP server without workers: every answer is made on its one loop from memory only. Callbacks
 * must not wait for anything but a short lock.
 */
#ifndef MOA_SVC_ADMIN_H
#define MOA_SVC_ADMIN_H

#include <stdbool.h>
#include <stdint.h>
#include "shared/base/buf.h"
#include "shared/base/jsonw.h"
#include "shared/base/slice.h"
#include "shared/svc/degraded.h"

struct admin;
struct metrics;

/* One more call. A table ends with an entry whose method is NULL. */
struct admin_route {
	const char *method; /* "GET" answers HEAD too */
	const char *path;   /* the whole path */
	/* Appends the JSON body to <out> and returns the status. <query>: behind '?', SLICE_NONE without one. */
	int (*run)(void *ctx, struct slice query, struct buf *out);
};

struct admin_spec {
	const char *bind;        /* numeric address */
	uint16_t port;           /* 0: any free one */
	struct metrics *metrics; /* borrowed; NULL: /metrics is 404 */
	/* Writes the members of one JSON object (the object itself is open already) and says whether the service can answer its own API:
	 * 200 or 503. NULL: always ready. */
	bool (*ready)(void *ctx, struct jsonw *w);
	/* What /readyz names in a Degraded header, whoever asks. NULL: nothing ever. */
	void (*degraded)(void *ctx, struct degraded *out);
	/* Asks for a snapshot now, without waiting for it. NULL: /audit is 404. */
	void (*audit)(void *ctx);
	/* Writes the members of GET /audit's object: what is known of such rounds. Set where audit is. */
	void (*audited)(void *ctx, struct jsonw *w);
	const struct admin_route *more; /* borrowed; may be NULL */
	void *ctx;                      /* of all callbacks */
};

/* NULL, and a logged reason, when the port is taken. */
struct admin *admin_start(const struct admin_spec *spec);
uint16_t admin_port(const struct admin *a);
void admin_stop(struct admin **a);

#endif
