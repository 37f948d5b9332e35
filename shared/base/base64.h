/* base64.h - bytes as text of 64 letters and back (RFC 4648). */
#ifndef MOA_BASE_BASE64_H
#define MOA_BASE_BASE64_H

#include "shared/base/arena.h"

enum base64_kind {
	BASE64_USUAL, /* '+' and '/', filled up with '=' */
	BASE64_URL,   /* '-' and '_', not filled up */
};

/* Both results lie in the arena; SLICE_NONE beyond its limit. */
struct slice base64_encode(struct arena *a, struct slice bytes, enum base64_kind kind);
/* SLICE_NONE too when <text> is none: another letter in it, or a length that cannot be. BASE64_URL takes '=' at the end as well. Bits
 * behind the last whole byte are passed over. */
struct slice base64_decode(struct arena *a, struct slice text, enum base64_kind kind);

#endif
