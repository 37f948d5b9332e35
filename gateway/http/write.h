/* write.h - writes a head: what was understood, in one canonical form. */
#ifndef MOA_GATEWAY_HTTP_WRITE_H
#define MOA_GATEWAY_HTTP_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include "gateway/http/frame.h"
#include "gateway/http/head.h"

/* How the receiver of a message is told its length, and what becomes of its connection. */
struct http_outgoing {
	enum body_kind kind;   /* BODY_CHUNKED only to HTTP/1.1 */
	uint64_t length;
	bool has_length;       /* write Content-Length also for BODY_NONE (a HEAD's answer, an empty POST) */
	bool says_chunked;     /* write Transfer-Encoding also for BODY_NONE (a HEAD's answer); only to HTTP/1.1 */
	bool close;            /* Connection: close */
	bool keep_alive_1_0;   /* Connection: keep-alive, for a client of HTTP/1.0 that asked for it */
	bool upgrade;          /* Connection: upgrade */
	bool te_trailers;      /* TE: trailers, and Connection: te */
};

/* Writes start line (always HTTP/1.1; a target in origin form, but for CONNECT and *), fields and framing into <out> of
 * <size> bytes; the bytes written, or 0 when they do not fit, or when the head holds what no head may hold: a line end
 * or control character in a value, a space in the path, two Host. A head as it was parsed and framed
 * never does; a rule can bring it about, and must not be able to make two messages out of one.
 * Fields of framing that a rule added are left out, <how> alone decides. A request without Host gets an empty one. */
size_t http_write_head(const struct http_head *h, const struct http_outgoing *how, char *out, size_t size);
/* The line in front of a chunk of <length> bytes, "1f4\r\n"; at most 18 bytes. Returns its length. */
size_t http_write_chunk_line(uint64_t length, char out[18]);

#endif
