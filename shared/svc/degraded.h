/* degraded.h - the set of domains that an answer leans on and that are stale or were never loaded.
 *
 * Printed as the Degraded header: names in alphabetical order, each once, `alarms;age=12, users`.
 */
#ifndef MOA_SVC_DEGRADED_H
#define MOA_SVC_DEGRADED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "shared/base/buf.h"

struct http_exchange;

#define DEGRADED_MAX 8
#define DEGRADED_NEVER_LOADED (-1)

struct degraded {
	size_t count;
	struct {
		const char *domain; /* static */
		int64_t age_s;
	} list[DEGRADED_MAX]; /* sorted by name */
};

/* Of several ages of one domain the largest stays; "never loaded" outweighs each. At most DEGRADED_MAX names (asserted). */
void degraded_add(struct degraded *d, const char *domain, int64_t age_s);
bool degraded_any(const struct degraded *d);
/* The value of the header, appended to <out>. */
void degraded_print(const struct degraded *d, struct buf *out);
/* The header of an answer, when there is anything to name. Before http_reply(). */
void degraded_header(const struct degraded *d, struct http_exchange *x);

#endif
