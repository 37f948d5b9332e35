/* http_exchange.h - the inside of an exchange, shared by http.c and http_exchange.c only.
 *
 * Each connection owns one exchange, used again for each of its requests, which follow each other. Its fields
 * belong to the connection's loop, but between http_defer() and the resume to the worker.
 */
#ifndef MOA_IO_HTTP_EXCHANGE_H
#define MOA_IO_HTTP_EXCHANGE_H

#include <stdatomic.h>

#include "shared/io/http.h"
#include "shared/io/listen.h"

enum exchange_state {
	X_IDLE,     /* between two requests of a connection */
	X_HEADERS,  /* request line seen */
	X_BODY,     /* headers judged, the body is being read */
	X_PENDING,  /* whole; on_request or a worker has it */
	X_ANSWERED, /* http_reply() was called */
	X_SENDING,  /* the library has the answer */
	X_DROPPED,  /* there will be no answer; the connection is closed */
};

struct reply_header {
	struct reply_header *next;
	const char *name;
	struct slice value; /* NUL behind it */
};

struct http_exchange {
	struct http_server *server;
	void *connection; /* the library's */
	int fd;           /* of the connection; borrowed */
	char peer[LISTEN_ADDRESS_SIZE];
	size_t body_limit;
	const atomic_bool *closing; /* the server's: answers close their connection */
	struct arena *arena;
	struct buf body;

	/* From here on of one request: zeroed between two. */
	enum exchange_state state;
	bool handed;            /* suspended: only the loop looks at this */
	bool counted;           /* on_request saw it */
	bool early;             /* answered before its body was read: the connection cannot be kept */
	const char *raw_target; /* in the library's memory: only for its address */
	struct slice method, path, query;
	uint64_t body_bytes; /* received, kept or not */
	bool too_large;
	int64_t too_large_us; /* monotonic, since when it is thrown away */
	int64_t received_us;
	void *user;

	int status;
	struct reply_header *headers;
	char *bytes; /* the answer's body, malloc'd; NULL once the library has it */
	size_t len;
};

/* NULL without memory. */
struct http_exchange *exchange_create(struct http_server *s, size_t body_limit, const atomic_bool *closing);
void exchange_free(struct http_exchange **x);
/* Makes it ready for the next request. */
void exchange_reset(struct http_exchange *x);

/* A piece of the body arrived. False: it is endless or too slow, read no more. */
bool exchange_take_body(struct http_exchange *x, const char *data, size_t len);
/* Fills in the answer to a request that the server refuses itself. */
void exchange_refuse(struct http_exchange *x, const char *detail);

#endif
