/* url.h - takes the URL of a server apart: scheme://[[user][:password]@]host[:port][/path] */
#ifndef MOA_BASE_URL_H
#define MOA_BASE_URL_H

#include <stdint.h>
#include "shared/base/arena.h"
#include "shared/base/err.h"
#include "shared/base/slice.h"

/* All slices are copies in the arena with a NUL behind them; a part that is not there is SLICE_NONE. */
struct url {
	struct slice scheme;   /* lower case */
	struct slice user;     /* percent-decoded, as are password and path */
	struct slice password;
	struct slice host;     /* a name, an IPv4 address, or an IPv6 address without its brackets */
	uint16_t port;         /* 0: not given */
	struct slice path;     /* without the first '/' */
};

/* Takes <text> apart. On ERR_BAD_REQUEST <why> is a sentence for people, static, that quotes nothing of
 * <text> (it may hold a password), and <out> is empty; ERR_NO_MEMORY beyond the arena's limit.
 * Queries ('?'), fragments ('#'), spaces and control characters are refused, also when percent-encoded
 * as %00. Any thread. */
MUST_CHECK enum err url_parse(struct arena *a, struct slice text, struct url *out, const char **why);

#endif
