/* backend.h - the part of a proxy that sends requests to servers: choice, queue, retries, reuse. */
#ifndef MOA_GATEWAY_MODEL_BACKEND_H
#define MOA_GATEWAY_MODEL_BACKEND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "gateway/model/server.h"
#include "shared/base/slice.h"

struct expr;
struct health_plan;
struct lineup;
struct queue;
struct retry_budget;

enum balance_kind {
	BALANCE_ROUNDROBIN, BALANCE_STATIC_RR, BALANCE_LEASTCONN, BALANCE_FIRST, BALANCE_SOURCE, BALANCE_URI, BALANCE_URL_PARAM,
	BALANCE_HDR, BALANCE_RANDOM, BALANCE_HASH,
};

struct balance {
	enum balance_kind kind;
	struct slice name;      /* of the header or parameter */
	bool domain_only;       /* use_domain_only */
	bool whole;             /* uri: with the query */
	bool path_only;
	unsigned len, depth;    /* uri: most bytes, directories; 0: all */
	unsigned draws;         /* random(<draws>), 2 unless given */
	bool consistent;        /* hash-type consistent; else map-based */
	enum { HASH_SDBM, HASH_DJB2, HASH_WT6, HASH_CRC32 } function;
	bool avalanche;
	unsigned hash_factor;   /* hash-balance-factor in percent; 0: none */
	struct expr *key;       /* balance hash <expr> */
};

enum reuse { REUSE_NEVER, REUSE_SAFE, REUSE_AGGRESSIVE, REUSE_ALWAYS };

/* Bits of retry-on. Statuses have a bit of their own each. */
enum retry_on {
	RETRY_CONN_FAILURE = 1,
	RETRY_EMPTY_RESPONSE = 2,
	RETRY_JUNK_RESPONSE = 4,
	RETRY_RESPONSE_TIMEOUT = 8,
	RETRY_0RTT_REJECTED = 16,
	RETRY_401 = 32, RETRY_403 = 64, RETRY_404 = 128, RETRY_408 = 256, RETRY_425 = 512,
	RETRY_500 = 1024, RETRY_501 = 2048, RETRY_502 = 4096, RETRY_503 = 8192, RETRY_504 = 16384,
};

struct backend {
	struct server *servers;       /* in the order of the file */
	unsigned server_count;
	struct server_options defaults; /* default-server */
	struct balance balance;
	enum reuse reuse;
	unsigned retries;             /* 3 unless given */
	unsigned retry_on;            /* bits of enum retry_on */
	bool retry_safe_only;         /* own: option retry-safe: repeat only methods that are idempotent */
	bool all_backups;             /* option allbackups */
	unsigned fullconn;
	struct health_plan *plan;     /* option httpchk and http-check; NULL: a TCP connect */
	struct retry_budget *budget;  /* own: retry-budget, or NULL */
	struct slice load_state_from; /* load-server-state-from-file: none, global, local */

	_Atomic(struct lineup *) lineup; /* who may be chosen now; made anew at each change of state (balance/lineup.h) */
	struct queue *queue;
	_Atomic unsigned served, served_most; /* exchanges here now */
	_Atomic unsigned queued;      /* for whatever server */
	_Atomic unsigned queued_most; /* for any server: under the queue's lock */
	_Atomic int64_t last_change_ms;
};

#endif
