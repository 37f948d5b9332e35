/* host.h - the addresses of one host by its name, looked up in a thread of its own: a silent name server costs a caller its deadline, no more.
 *
 * One lookup runs at a time; callers that come meanwhile wait for the same one. What it found counts for a second, so that a lookup
 * that takes longer than its callers' deadlines still serves the next one. A name is never taken for another's: what is older is
 * not used, even when the name server is silent.
 */
#ifndef MOA_IO_HOST_H
#define MOA_IO_HOST_H

#include <stdint.h>
#include "shared/base/err.h"

#define HOST_ADDRESSES_MOST 4
#define HOST_ADDRESS_BYTES 64 /* of an IPv6 address with its zone */

struct host;

struct host_addresses {
	unsigned count;
	char list[HOST_ADDRESSES_MOST][HOST_ADDRESS_BYTES]; /* numeric, in the order in which they are to be tried */
};

/* <name> is a name or a numeric address; copied. NULL: no memory. Looks nothing up yet. */
struct host *host_create(const char *name);
/* Does not wait for a lookup that runs. Nobody may be in host_find(). Sets *h to NULL. */
void host_free(struct host **h);
/* ERR_OK and at least one address; or <why>, static, and ERR_UNAVAILABLE (no such name, the name server refuses, no thread) or
 * ERR_TIMEOUT (no answer before <deadline_us>, monotonic). Blocks at most until then. Any thread. */
enum err MUST_CHECK host_find(struct host *h, int64_t deadline_us, struct host_addresses *out, const char **why);

#endif
