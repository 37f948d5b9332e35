/* server.h - a server of a backend: what was configured, and its state.
 *
 * State is written by the first worker's thread only (health checks, runtime socket, names), as messages to it where
 * it is seen elsewhere, and read by all; so it needs no lock. The counts of what runs now are changed by all.
 */
#ifndef MOA_GATEWAY_MODEL_SERVER_H
#define MOA_GATEWAY_MODEL_SERVER_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "gateway/model/tally.h"
#include "shared/base/slice.h"

struct proxy;
struct resolvers;
struct health;
struct server_life;
struct waiter;

#define SERVER_WEIGHT_MOST 256

/* Immutable; replaced as a whole and then retired (gateway/model/retire.h). */
struct server_address {
	struct sockaddr_storage sa; /* AF_INET, AF_INET6 or AF_UNIX */
	socklen_t len;
};

enum server_state {
	SERVER_DOWN,     /* checks say so, or its name has no address */
	SERVER_UP,
	SERVER_STARTING, /* up, its weight growing (slowstart) */
	SERVER_STOPPING, /* checks say it finishes what it has (404 with disable-on-404): nothing new */
};

/* Bits: why an operator took it out; several may hold at once. */
enum server_admin {
	SERVER_MAINT = 1,         /* "disable server", "set server state maint" */
	SERVER_MAINT_CONFIG = 2,  /* "disabled" in the file */
	SERVER_MAINT_NAME = 4,    /* its name does not resolve */
	SERVER_DRAIN = 8,         /* finishes what it has, takes nothing new */
	SERVER_MAINT_TRACKED = 16, /* the server that it tracks is in maintenance, or draining */
	SERVER_DRAIN_TRACKED = 32,
};

/* Any bit of "out for maintenance". */
#define SERVER_MAINT_ANY (SERVER_MAINT | SERVER_MAINT_CONFIG | SERVER_MAINT_NAME | SERVER_MAINT_TRACKED)
#define SERVER_DRAIN_ANY (SERVER_DRAIN | SERVER_DRAIN_TRACKED)

enum server_observe { OBSERVE_NOTHING, OBSERVE_LAYER4, OBSERVE_LAYER7 };
enum server_on_error { ON_ERROR_FAIL_CHECK, ON_ERROR_FASTINTER, ON_ERROR_SUDDEN_DEATH, ON_ERROR_MARK_DOWN };
enum server_family { FAMILY_ANY, FAMILY_4, FAMILY_6 };

/* What a "server" line says; also what "default-server" says for those that follow. Times in ms, 0: not set. */
struct server_options {
	unsigned weight;              /* 0 to 256 */
	bool backup, disabled;
	unsigned maxconn, maxqueue;   /* 0: no limit */
	int pool_max_conn;            /* idle connections kept, -1: no limit */
	int pool_purge_ms;            /* idle ones are closed by halves in this time */
	unsigned max_reuse;           /* requests on one connection; 0: no limit */
	bool check;
	int inter_ms, fastinter_ms, downinter_ms;
	unsigned rise, fall;
	struct slice check_host;      /* "addr"; SLICE_NONE: the server's */
	uint16_t check_port;          /* 0: the server's */
	enum server_observe observe;
	unsigned error_limit;
	enum server_on_error on_error;
	bool shutdown_on_down;        /* on-marked-down shutdown-sessions */
	bool shutdown_backup_on_up;   /* on-marked-up shutdown-backup-sessions */
	int slowstart_ms;
	struct resolvers *resolvers;  /* NULL: libc's, in the background */
	struct slice resolvers_name;  /* until it is resolved, after reading */
	enum server_family prefer;    /* resolve-prefer */
	struct slice init_addr;       /* as written: "last,libc,none" */
	struct slice track;           /* as written: "be/s1", "s1"; SLICE_NONE: its state is its own */
};

struct server {
	struct slice name;
	unsigned id;      /* in its backend, from 1, as "show stat" counts */
	unsigned index;   /* in the process, from 0: place in each worker's arrays */
	struct proxy *backend;
	struct server *next;
	struct slice host; /* an address or a name, as written; "unix@…" and "abns@…" as well */
	uint16_t port;
	bool maps_port;    /* <port> is added to the port that the client reached, modulo 65536: no port was given, or "+100", "-5" */
	struct server_options o;
	unsigned line;
	struct server *tracks;    /* whose state it takes over, or NULL */
	struct server *trackers, *next_tracker; /* those that take over this one's */

	/* Written by the first worker's thread. */
	_Atomic(struct server_address *) address; /* NULL: not known (yet) */
	_Atomic int state;            /* enum server_state */
	_Atomic unsigned admin;       /* bits of enum server_admin */
	_Atomic unsigned weight;      /* as set now, 0 to 256 */
	_Atomic unsigned slow_percent; /* part of the weight that counts while starting; else 100 */
	_Atomic unsigned maxconn;
	_Atomic int64_t changed_ms;   /* monotonic: of the last change of state */
	struct health *health;        /* NULL: not checked */
	unsigned health_loaded;       /* from a state file: 1 more than the count that checks begin with; 0: none */
	struct server_life *life;     /* what model/state.c keeps of it, from server_states_begin() on */
	tally_n check_failures, downs, down_ms;

	/* Written by all. */
	_Atomic unsigned served;      /* exchanges that hold a place */
	_Atomic unsigned served_most;
	_Atomic unsigned queued;      /* exchanges that wait for this server */
	_Atomic unsigned queued_most; /* under the lock of its backend's queue */
	_Atomic unsigned idle;        /* idle connections, of all workers */
	_Atomic unsigned connections; /* open connections, busy and idle */
	_Atomic unsigned errors_in_row; /* for observe */
	struct waiter *first_waiter, *last_waiter; /* that wait for this server alone: under the lock of its backend's queue */
};

/* Whether new requests may go there now, its maxconn aside. Any thread. */
static inline bool server_usable(const struct server *s)
{
	int state = atomic_load_explicit(&s->state, memory_order_relaxed);

	return (state == SERVER_UP || state == SERVER_STARTING) && atomic_load_explicit(&s->admin, memory_order_relaxed) == 0 &&
	       atomic_load_explicit(&s->weight, memory_order_relaxed) > 0;
}

#endif
