/* parse.h - reads the head of an HTTP/1 message as it arrives, strictly after RFC 9110 and RFC 9112.
 *
 * What two programs could read differently is refused, never repaired: bare CR or LF, obs-fold, NUL and control
 * characters, white space before the colon, empty or non-token names, versions other than HTTP/1.0 and 1.1, a target
 * that is none of the four forms. White space around the start line's parts is exactly one space.
 */
#ifndef MOA_GATEWAY_HTTP_PARSE_H
#define MOA_GATEWAY_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include "gateway/http/head.h"

enum http_progress {
	HTTP_DONE, /* complete */
	HTTP_MORE, /* more bytes are needed */
	HTTP_BAD,  /* refused; the error says why */
};

struct http_error {
	int status;       /* for the client: 400, 414, 417, 431, 501, 505; 502 when it was a response */
	const char *why;  /* static, such as "space before the colon of a field" */
	size_t at;        /* where in the bytes given; 0 when framing refused the head as a whole */
};

/* Where parsing stands between two calls. */
struct http_parser {
	bool response;
	bool started;     /* the start line was read */
	size_t line;      /* where the line begins that is being read */
	size_t scanned;   /* up to here no end of line was found: never looked at twice */
	size_t uri_limit; /* most bytes of a request target; 0: no limit but the buffer. Above it: 414 */
	struct http_error error;
};

void http_parser_init(struct http_parser *p, bool response, size_t uri_limit);
/* Reads on in <in>, which is the same bytes from the same address as before and perhaps more. <full>: nothing more
 * can follow, the buffer is full: an unfinished head is 431 then (414 while in the request line). One empty line
 * (CRLF) in front of a request is skipped (RFC 9112, 2.2). <head> was initialised before the first call; on HTTP_DONE it
 * is filled and <used> says how many bytes it took; on HTTP_BAD p->error is set. Lines are judged when they
 * are complete, so the result does not depend on the pieces in which the bytes came. */
enum http_progress http_parse(struct http_parser *p, struct slice in, bool full, struct http_head *head, size_t *used);

#endif
