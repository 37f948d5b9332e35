/* body.h - reads the body of a message as it was framed: hands out the payload as slices of the input, copies nothing. */
#ifndef MOA_GATEWAY_HTTP_BODY_H
#define MOA_GATEWAY_HTTP_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "gateway/http/frame.h"
#include "gateway/http/parse.h"
#include "shared/base/slice.h"

#define HTTP_CHUNK_DIGITS_MAX 16 /* of a chunk's size */
#define HTTP_CHUNK_LINE_MAX 256  /* bytes of a chunk's size line; extensions are checked and dropped */
#define HTTP_TRAILERS_MAX 8192   /* bytes of all trailer fields */

/* The state of a body being read. */
struct http_body {
	enum body_kind kind;
	uint8_t state;   /* what the next byte is */
	uint64_t left;   /* bytes left of the body, or of this chunk; its size while that is being read */
	uint32_t line;   /* bytes of the size line so far: bounded */
	uint32_t fields; /* bytes of all trailer fields so far: bounded */
	struct http_error error; /* 400, or 431 for too long trailers; the body of a response is worth a 502 */
};

void http_body_init(struct http_body *b, const struct http_frame *f);
/* Takes the next piece from <in>: <used> bytes are done with, <data> is the payload among them (perhaps empty), a slice
 * of <in>. Call again with the rest until HTTP_MORE with used 0, HTTP_DONE (the body's end was in these bytes; what
 * follows belongs to the next message) or HTTP_BAD (<data> is what came before the error). Trailer fields are checked as
 * strictly as header fields and dropped: nothing behind may rely on them (RFC 9110, 6.5.1). Sizes are below 2^63. */
enum http_progress http_body_next(struct http_body *b, struct slice in, size_t *used, struct slice *data);
/* The sender's connection has ended: HTTP_DONE when the body is complete, which BODY_UNTIL_CLOSE and BODY_TUNNEL are
 * then, else HTTP_BAD (truncated). */
enum http_progress http_body_end(struct http_body *b);
bool http_body_done(const struct http_body *b);

#endif
