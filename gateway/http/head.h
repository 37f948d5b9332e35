/* head.h - the head of a request or response: start line and fields, as slices, and the edits that rules make.
 *
 * The slices point into the buffer that was parsed, or into the arena of the exchange after an edit, or to constants.
 * Fields keep their order. Framing fields (Content-Length, Transfer-Encoding, Connection and what it names) are
 * taken out when the head is framed (frame.h) and written anew from what was understood.
 */
#ifndef MOA_GATEWAY_HTTP_HEAD_H
#define MOA_GATEWAY_HTTP_HEAD_H

#include <stdbool.h>
#include <stdint.h>
#include "shared/base/slice.h"

enum http_method {
	HTTP_OTHER, /* a token that is none of these; case matters */
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_DELETE,
	HTTP_CONNECT,
	HTTP_OPTIONS,
	HTTP_TRACE,
	HTTP_PATCH,
};

/* Field names that the program itself looks for, so that looking is comparing a number. */
enum http_name {
	NAME_OTHER,
	NAME_AUTHORITY_HOST,
	NAME_CONNECTION,
	NAME_CONTENT_LENGTH,
	NAME_TRANSFER_ENCODING,
	NAME_TE,
	NAME_TRAILER,
	NAME_EXPECT,
	NAME_UPGRADE,
	NAME_KEEP_ALIVE,
	NAME_PROXY_CONNECTION,
	NAME_COOKIE,
	NAME_SET_COOKIE,
	NAME_COUNT
};

struct http_field {
	struct slice name;  /* as it was written */
	struct slice value; /* without white space around it */
	enum http_name id;
};

struct http_head {
	bool is_response;
	uint8_t minor;           /* HTTP/1.<minor>: 0 or 1 */
	enum http_method method; /* of a request */
	struct slice method_text;
	struct slice target;     /* as it was written; rules change path and query below, the writer joins them */
	struct slice authority;  /* of an absolute-form or CONNECT target; else SLICE_NONE */
	struct slice path;       /* with its '/'; "*" for OPTIONS *; empty for CONNECT */
	struct slice query;      /* without '?'; SLICE_NONE when there is no '?' */
	int status;              /* of a response: 100 to 999 */
	struct slice reason;
	struct http_field *fields; /* the caller's memory */
	unsigned count;
	unsigned capacity;       /* tune.http.maxhdr, and some for rules */
};

/* Over <fields> of <capacity>, without content. */
void http_head_init(struct http_head *h, struct http_field *fields, unsigned capacity);

enum http_method http_method_of(struct slice text);
enum http_name http_name_of(struct slice name); /* without regard to case */

/* The first field of that name at or after index <from>, or NULL. */
struct http_field *http_field_find(const struct http_head *h, struct slice name, unsigned from);
struct http_field *http_field_known(const struct http_head *h, enum http_name id, unsigned from);
/* Whether some field of that name holds <token> in its comma-separated list, without regard to case. */
bool http_field_lists(const struct http_head *h, enum http_name id, struct slice token);
/* Adds at the end; name and value must outlive the head. False when there is no room. */
bool http_field_add(struct http_head *h, struct slice name, struct slice value);
/* Removes the field at that index, keeping the order. */
void http_field_remove(struct http_head *h, struct http_field *f);
/* Removes all of that name; how many there were. */
unsigned http_field_remove_all(struct http_head *h, struct slice name);

/* Cuts the first element off the comma-separated list <rest>; false when there was none left. The list "" has
 * one element, which is empty; SLICE_NONE has none. Elements are as for http_list_element(). */
bool http_list_next(struct slice *rest, struct slice *element);
/* The value of element <index> of the comma-separated list <value>, white space trimmed and commas inside
 * quotes left alone (RFC 9110, 5.6.1); false when there are fewer. Empty elements count, as HAProxy counts them. */
bool http_list_element(struct slice value, unsigned index, struct slice *out);

/* Name of a status for the start line ("Not Found"), "" for an unknown one. Static. */
const char *http_reason(int status);

#endif
