/* frame.h - how long a message's body is and whether its connection lives on.
 *
 * http_frame_*() decides once, from the parsed head, takes the framing fields out of it and refuses what is ambiguous
 * (RFC 9112, 6.3). body.h reads the body after it.
 */
#ifndef MOA_GATEWAY_HTTP_FRAME_H
#define MOA_GATEWAY_HTTP_FRAME_H

#include <stdbool.h>
#include <stdint.h>
#include "gateway/http/head.h"
#include "gateway/http/parse.h"

enum body_kind {
	BODY_NONE,        /* no body, or an empty one */
	BODY_LENGTH,      /* Content-Length, not 0 */
	BODY_CHUNKED,     /* Transfer-Encoding: chunked */
	BODY_UNTIL_CLOSE, /* a response that ends with its connection */
	BODY_TUNNEL,      /* after 101, or 2xx to CONNECT: bytes both ways */
};

struct http_frame {
	enum body_kind kind;
	uint64_t length;    /* of BODY_LENGTH; also what a response to HEAD (or a 304) says it would be, see has_length */
	bool has_length;    /* a Content-Length was there; not for a 1xx, a 204 or a tunnel, which must have none */
	bool says_chunked;  /* of BODY_NONE: the answer to HEAD said that the one to GET would be chunked */
	bool keep_alive;    /* the sender will take (or send) another message on this connection */
	bool expects_100;   /* a request of HTTP/1.1 with Expect: 100-continue and a body; else Expect is taken out */
	bool upgrade;       /* a request asking for, or a 101 agreeing to, another protocol; Upgrade and
	                     * "Connection: upgrade" are then written again */
	struct slice te_trailers; /* "trailers" when the request's TE names it, else SLICE_NONE */
};

/* Decides the framing of a request. HTTP_DONE or HTTP_BAD with <error>, the head untouched then: 400; 501 for
 * a transfer coding other than chunked; 417 for an expectation other than 100-continue; 431 when a Host that is
 * missing has no room.
 *
 * Host is checked as well: exactly one (HTTP/1.0 may have none), empty or well-formed (target.h). The
 * authority of an absolute or CONNECT target replaces it (RFC 9112, 3.2.2).
 * An upgrade is asked for only by HTTP/1.1, with "Connection: upgrade", without a body, and to protocols that may
 * go through (hop.h); otherwise the request stands without it. CONNECT has no body: one that announces one is refused, and
 * so is a field that imitates a framing field, such as Content_Length. */
enum http_progress http_frame_request(struct http_head *h, struct http_frame *f, struct http_error *error);
/* Decides the framing of the response to a request with that method, whose frame said <upgrade_asked>: a 101 that
 * nobody asked for is refused. HTTP_BAD: status 502. Several Content-Length are refused even when they are equal, and so
 * is a response that announces a body where none can be (1xx, 204, 2xx to CONNECT). */
enum http_progress http_frame_response(struct http_head *h, enum http_method method, bool upgrade_asked,
				       struct http_frame *f, struct http_error *error);

#endif
