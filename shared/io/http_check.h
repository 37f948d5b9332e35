/* http_check.h - strict checks of a request's framing and target, which the HTTP library leaves out.
 *
 * Pure functions; any thread. Each refusal is a static sentence for the client, NULL means fine.
 */
#ifndef MOA_IO_HTTP_CHECK_H
#define MOA_IO_HTTP_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include "shared/base/buf.h"
#include "shared/base/slice.h"

/* The rest of a body that is too large is read and thrown away up to here, and for so long. */
#define HTTP_DISCARD_BYTES (1u << 20)
#define HTTP_DISCARD_US (5 * 1000000)

/* What decides where a request ends; filled by one http_framing_header() per header line. */
struct http_framing {
	unsigned hosts;
	unsigned content_lengths;
	unsigned transfer_encodings;
	struct slice content_length;    /* the last one */
	struct slice transfer_encoding; /* likewise */
	bool bad_name;                  /* a field name that is no token, such as "Host " */
	bool expects_continue;
};

void http_framing_header(struct http_framing *f, struct slice name, struct slice value);

/* Whether the request may be read: one length at most, "chunked" the only coding and only since HTTP/1.1, a Host. */
const char *http_check_framing(const struct http_framing *f, bool http10);

/* The length that the client announced; 0 when there is none or the body is chunked. Call after the check. */
uint64_t http_announced_bytes(const struct http_framing *f);

/* Whether <target> (as sent, not decoded) is an absolute path without NUL, %00, spaces and control characters. */
const char *http_check_target(struct slice target);

/* Splits at the first '?': *query is SLICE_NONE without one. */
void http_split_target(struct slice target, struct slice *path, struct slice *query);

/* Whether <value> may stand in a header field: no control character but tab, DEL neither. */
bool http_field_value_ok(struct slice value);

#endif
