/* exchange.h - one request and its response: everything that rules, balancing and logs may want to know.
 *
 * Belongs to one worker's thread. The engine (session/) drives it; all others read it, and change what their comment says.
 * Monotonic microseconds are 0 while the moment has not come.
 */
#ifndef MOA_GATEWAY_SESSION_EXCHANGE_H
#define MOA_GATEWAY_SESSION_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include "gateway/expr/var.h"
#include "gateway/http/frame.h"
#include "gateway/http/head.h"
#include "gateway/loop/timer.h"
#include "gateway/rule/rule.h"
#include "shared/base/arena.h"

struct listener;
struct proxy;
struct server;
struct stick_entry;
struct stick_table;
struct worker;

/* The connection of a client, as far as others care. */
struct session {
	struct worker *worker;
	struct proxy *frontend;
	struct listener *listener;
	struct sockaddr_storage from, to; /* of the client, and the address that it reached */
	int64_t accepted_us, accepted_wall_us;
	unsigned requests;                /* begun so far, this one included */
	struct vars vars;                 /* sess.* */
	struct tracked *tracked;          /* by tcp-request rules; TRACKED_MAX of them, or NULL */
};

/* A sticky counter: sc0, sc1, sc2. */
struct tracked {
	struct stick_table *table; /* NULL: not tracking */
	struct stick_entry *entry;
};
#define TRACKED_MAX 3

/* First letter of the termination state in the log (manual, 8.5): who or what ended it; '-': nobody, it went well. */
/* Second letter: when: R request, Q queue, C connect, H response head, D data, L last data, T tarpit; '-' after the end. */

struct exchange_times {
	int64_t idle_us;      /* Ti: from the connection (or the last response) to the request's first byte: a duration */
	int64_t first_byte_us;
	int64_t wall_us;      /* wall clock at first_byte_us */
	int64_t request_us;   /* the request's head is there */
	int64_t queue_us;     /* left the queue, or did not have to wait */
	int64_t connect_us;   /* has a connection to the server */
	int64_t response_us;  /* the response's head is there */
	int64_t end_us;       /* the last byte went */
	int64_t response_wall_us;
};

struct exchange {
	struct session *session;
	struct worker *worker;
	struct arena *arena;       /* edits, values, replies: freed with the exchange */
	struct proxy *frontend;
	struct proxy *backend;     /* NULL before the choice; the frontend itself for a listen section */
	struct server *server;     /* NULL before the choice */

	struct http_head request;  /* rules change it */
	struct http_frame request_frame;
	struct slice request_line[3]; /* method, target and version as they came: for logs */
	struct slice body;         /* as much of the request's payload as is buffered, decoded; SLICE_NONE unless waited for */
	bool body_whole;           /* no more will come */
	struct slice response_body; /* the same of the response, for http-response wait-for-body */
	struct http_head response; /* rules change it; status 0 before it is there */
	struct http_frame response_frame;
	int status;                /* that the client was told; 0: nothing yet */
	struct reply reply;        /* an answer of our own, when a rule or a failure made one */

	struct exchange_times t;
	uint64_t bytes_in, bytes_out; /* read from, written to the client; heads included */
	char cause, stage;         /* termination state */
	unsigned retries;
	bool redispatched;
	bool reused;               /* the server's connection served another request before */
	struct slice service;      /* what answers instead of a server, as logs name it: "<STATS>"; else SLICE_NONE */
	bool own_answer;           /* the gateway answered, no server did */
	bool logged;
	bool log_early;            /* option logasap: logged when the response's head was there; totals are not final */
	unsigned queue_backend, queue_server; /* its place when it began to wait, from 1 (%bq, %sq) */
	unsigned actives[5];       /* for the log: %ac %fc %bc %sc, taken at the end, and %rc is retries */

	const struct rule *rule_at; /* behind which rules_run() goes on */
	bool rewrites_lenient;     /* strict-mode off: a rewrite that fails is passed over; until the list ends */
	int wait_body_ms;          /* wait-for-body: at most so long */
	uint64_t wait_body_least;  /* and until so much is there; 0: all */
	struct vars txn, req, res; /* txn.*, req.*, res.* */
	struct slice *request_captures, *response_captures; /* as many as the frontend counts; NULL while none was made */
	struct tracked tracked[TRACKED_MAX];
	struct slice unique_id;    /* made on first use: format_unique_id() */
	uint64_t number;           /* of this request in the process, from 1 (%rt); given on first use, 0 until then */
	struct sockaddr_storage server_to, server_from; /* both ends of the connection to the server; AF_UNSPEC: none, or not known */
	bool log_silent;           /* http-request set-log-level silent */
	int log_level;             /* syslog severity; -1: the usual */
	int nice, tos, mark;       /* of set-nice and its like; kept for show sess */
	uint64_t body_limit;       /* most bytes of the request's body; 0: none. Rules may lower it */
	int timeout_server_ms, timeout_tunnel_ms; /* http-request set-timeout; 0: the backend's */
	struct sockaddr_storage dst; /* http-request set-dst; AF_UNSPEC: the server's own */
	const struct sockaddr_storage *src; /* http-request set-src; NULL: session->from. See exchange_source() */
	bool silent_drop;          /* the client must not notice that its connection is gone */
	bool retry_disabled;       /* http-request disable-l7-retry */
	char limit_header[3][24];  /* own: RateLimit-Limit, -Remaining, -Reset for the response; empty: none */
};

/* The client's address, as rules see it. */
static inline const struct sockaddr_storage *exchange_source(const struct exchange *x)
{
	return x->src != NULL ? x->src : &x->session->from;
}

/* x->number, given now if it has none. */
uint64_t exchange_number(struct exchange *x);

#endif
