/* jsonw.h - writes compact JSON into a buf; nothing escaped that need not be.
 *
 * Only '"', '\\' and control characters are escaped; UTF-8 goes through as it is. Bytes that are not
 * UTF-8 become U+FFFD.
 * Commas and nesting are kept by the writer (asserted), at most JSONW_DEPTH deep.
 */
#ifndef MOA_BASE_JSONW_H
#define MOA_BASE_JSONW_H

#include <stdbool.h>
#include <stdint.h>
#include "shared/base/buf.h"
#include "shared/base/slice.h"

#define JSONW_DEPTH 16

struct jsonw {
	struct buf *out; /* borrowed */
	int depth;
	bool keyed; /* a key was written and waits for its value */
	bool comma[JSONW_DEPTH + 1];
	bool object[JSONW_DEPTH + 1];
};

void jsonw_init(struct jsonw *w, struct buf *out);
void jsonw_object(struct jsonw *w); /* { */
void jsonw_object_end(struct jsonw *w);
void jsonw_array(struct jsonw *w); /* [ */
void jsonw_array_end(struct jsonw *w);
void jsonw_key(struct jsonw *w, const char *key);
void jsonw_key_slice(struct jsonw *w, struct slice key);
void jsonw_string(struct jsonw *w, struct slice s); /* SLICE_NONE: null */
void jsonw_u64(struct jsonw *w, uint64_t n);
void jsonw_i64(struct jsonw *w, int64_t n);
void jsonw_bool(struct jsonw *w, bool b);
void jsonw_null(struct jsonw *w);
void jsonw_double(struct jsonw *w, double d); /* up to three digits behind the point; not finite: null */
/* A ready piece of JSON, written as it is. */
void jsonw_raw(struct jsonw *w, struct slice json);

#endif
