/* err.h - the one list of ways in which work can fail.
 *
 * Functions that do work return enum err. The table in err.c maps each value
 * to an HTTP status and a title, so that handlers never speak of status codes.
 */
#ifndef MOA_BASE_ERR_H
#define MOA_BASE_ERR_H

#include <stdbool.h>

#define MUST_CHECK __attribute__((warn_unused_result))

enum err {
	ERR_OK = 0,
	ERR_BAD_REQUEST,     /* 400: the client's input is not understood */
	ERR_UNAUTHORIZED,    /* 401: USER-TOKEN missing or not known */
	ERR_NOT_FOUND,       /* 404: the domain has no such thing; the body is {} */
	ERR_NO_ROUTE,        /* 404: no such path; a problem document */
	ERR_BAD_METHOD,      /* 405 */
	ERR_TOO_LARGE,       /* 413 */
	ERR_BUSY,            /* 503: a bounded queue is full; nothing was done */
	ERR_UNAVAILABLE,     /* 503: a part that is needed is away; nothing was done */
	ERR_NOT_LOADED,      /* 503: a view that is needed was never loaded */
	ERR_UNKNOWN_OUTCOME, /* 503: a write was sent and its answer never came */
	ERR_TIMEOUT,         /* 503: the deadline passed before the work started */
	ERR_GONE,            /* the client went away; nobody reads the answer */
	ERR_CONFLICT,        /* internal: deadlock or lock wait; the caller retries */
	ERR_DUPLICATE,       /* internal: a unique key is taken */
	ERR_MOVED,           /* internal: a stored position is not the expected one */
	ERR_NOT_LEADER,      /* internal: somebody else does this work now */
	ERR_FULL,            /* internal: a bounded store is full (ENOSPC included) */
	ERR_READ_ONLY,       /* internal: a store answers reads and refuses writes, because its disk does not take them */
	ERR_CORRUPT,         /* internal: stored or received data does not decode */
	ERR_NO_MEMORY,       /* 503 */
	ERR_INTERNAL,        /* 500: a mistake of ours, logged where it was seen */
	ERR_COUNT
};

/* HTTP status of <e>; ERR_OK gives 200. Any thread. */
int err_status(enum err e);

/* Short title for a problem document, such as "Service Unavailable". Static. */
const char *err_title(enum err e);

/* Machine-readable name for logs and metrics, such as "unavailable". Static. */
const char *err_name(enum err e);

/* One sentence that tells the client what happened to its request. Static. */
const char *err_detail(enum err e);

#endif
