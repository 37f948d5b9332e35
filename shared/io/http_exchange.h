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
#include "shared/io/watchdog.h"

enum exchange_state {
	X_IDLE,     /* between two requests of a connection */
	X_HEADERS,  /* request line seen */
	X_BODY,     /* headers judged, the body is being read */
	X_PENDING,  /* whole; on_request or a worker has it */
	X_ANSWERED, /* http_reply() was called */
	X_REST,     /* answered, while the rest of a body that is too large is still thrown away */
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
	bool active;            /* the server waits for it when it is stopped */
	bool rest;              /* answered before its body was read: what is left of it is thrown away first */
	bool early;             /* answered before its body was read: the connection cannot be kept */
	const char *raw_target; /* in the library's memory: only for its address */
	struct slice method, path, query;
	uint64_t body_bytes; /* received, kept or not */
	bool too_large;
	struct watch watch; /* armed in X_REST */
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

/* A piece of the body arrived. False: with it the body is too large (or there is no memory for it); it was not taken. */
bool exchange_take_body(struct http_exchange *x, const char *data, size_t len);
/* X_ANSWERED to X_REST, and back: between the two <w> shuts the socket's reading side HTTP_DISCARD_US after the judgement. */
void exchange_begin_rest(struct http_exchange *x, struct watchdog *w);
void exchange_end_rest(struct http_exchange *x, struct watchdog *w);
/* Writes the prepared answer to the socket, past the library, as one that closes the connection; <reason> belongs to its
 * status. X_SENDING when it could be written at once. */
void exchange_send_raw(struct http_exchange *x, const char *reason);
/* Fills in the answer to a request that the server refuses itself. */
void exchange_refuse(struct http_exchange *x, const char *detail);

#endif
