/* jdoc.h - reads JSON strictly: RFC 8259, UTF-8, bounded depth, nothing behind the value.
 *
 * Any thread; a document belongs to one.
 */
#ifndef MOA_IO_JDOC_H
#define MOA_IO_JDOC_H

#include <stdbool.h>
#include <stdint.h>
#include "shared/base/arena.h"
#include "shared/base/err.h"
#include "shared/base/slice.h"

struct jdoc; /* a value inside a parsed document */

#define JDOC_DEPTH_MAX 16

/* ERR_BAD_REQUEST when <text> is not one JSON value; also for a lone surrogate, and for U+0000 in a key. ERR_NO_MEMORY.
 * *root is freed with jdoc_free() and is NULL after an error. */
enum err MUST_CHECK jdoc_parse(struct slice text, struct jdoc **root);
void jdoc_free(struct jdoc **root);

/* Member <key> of an object; NULL when <o> is no object or has none. Borrowed from the root. (Of duplicate keys the last counts.) */
const struct jdoc *jdoc_get(const struct jdoc *o, const char *key);
bool jdoc_is_object(const struct jdoc *v);
bool jdoc_is_null(const struct jdoc *v);
/* The value as text; false when it is not a string. The slice lives in the document. */
bool jdoc_string(const struct jdoc *v, struct slice *out);
/* False when it is not an integer (1.0 and 1e2 are not), or not above INT64_MIN and up to INT64_MAX. */
bool jdoc_i64(const struct jdoc *v, int64_t *out);
/* An id of the contract (1 to 2147483647), given as an integer or as a string of its digits. <arena> not needed. */
bool jdoc_id(const struct jdoc *v, uint32_t *out);

#endif
