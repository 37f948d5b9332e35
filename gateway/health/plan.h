/* plan.h - what a health check over HTTP sends, and where it goes: a backend's "option httpchk" and "http-check" lines.
 *
 * One request for each check, and any number of expectations of its response. Read-only once the loops run.
 */
#ifndef MOA_GATEWAY_HEALTH_PLAN_H
#define MOA_GATEWAY_HEALTH_PLAN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include "gateway/http/head.h"
#include "shared/base/buf.h"
#include "shared/base/slice.h"

struct expect;
struct proxy;

#define PLAN_HEADERS_MOST 32

/* The parts of the start line; SLICE_NONE where nothing was said. */
struct plan_line {
	struct slice method, uri, version;
};

struct health_plan {
	const struct proxy *owner; /* the section that said it: others that inherit it make their own when they say more */
	bool http;                 /* option httpchk; else a check is a TCP connect whatever the rest says */
	bool disable_on_404, send_state;

	struct plan_line option;   /* option httpchk */
	struct plan_line send;     /* http-check send: it wins */
	bool has_send;
	struct { struct slice name, value; } headers[PLAN_HEADERS_MOST];
	unsigned header_count;
	struct slice body;         /* SLICE_NONE: none */

	bool has_connect;          /* http-check connect */
	uint16_t port;             /* 0: as the server says */
	struct sockaddr_storage sa;
	socklen_t sa_len;          /* 0: as the server says */
	struct slice connect_comment;

	struct expect *expects;    /* NULL: status 200 to 399 */
	bool expects_body;         /* one of them looks at the body */
	struct slice comment;      /* http-check comment: of the rule that follows */
};

/* Appends the whole request; <state>: value of X-Haproxy-Server-State, or SLICE_NONE. */
void plan_request(const struct health_plan *plan, struct slice state, struct buf *out);
enum http_method plan_method(const struct health_plan *plan);

#endif
