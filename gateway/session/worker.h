/* worker.h - one thread of the gateway: its loop, its pools, its counts. Nothing in it is shared but what says so. */
#ifndef MOA_GATEWAY_SESSION_WORKER_H
#define MOA_GATEWAY_SESSION_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "gateway/expr/date.h"
#include "gateway/loop/loop.h"
#include "gateway/loop/pool.h"
#include "gateway/model/config.h"
#include "gateway/model/tally.h"

struct accepting;
struct arena;
struct client;
struct log_sink;
struct malformed;
struct regex_space;
struct upstream_pool;
struct token_table;

#define WORKER_ARENAS 256

/* What the parts of a worker share between rounds. Set up by gateway_create(). */
struct worker {
	struct gateway *gateway;
	unsigned index;
	pthread_t thread;
	struct loop *loop;
	struct pool *clients, *exchanges, *buffers, *upstreams, *vars;
	struct tally *frontends;  /* by proxy index */
	struct tally *backends;   /* by proxy index */
	struct tally *servers;    /* by server index */
	struct tally *listeners;  /* by listener index */
	struct upstream_pool *idle; /* by server index: idle connections of this thread */
	struct log_sink *log;     /* lines gathered in this round, sent at its end */
	struct regex_space *regex; /* scratch memory of matching (expr/regex.h); NULL until the first match, freed with the worker */
	struct date_zone zone;    /* for local dates in logs */
	uint64_t random;          /* state of a small generator: balance random, rand(), jitter */
	struct client *first_client; /* all connections of this thread, for "show sess" and the soft stop */
	char *scratch;            /* tune.bufsize bytes: what is being put together, until the call returns */
	struct arena *arenas[WORKER_ARENAS]; /* ready for the next exchanges */
	unsigned arena_count;
	struct accepting *accepting; /* by listener index: what this thread accepts from */
	bool accepting_over;      /* because of a soft stop */
	struct task refresh, stop; /* posted by any thread */
	struct timer second;      /* sweeps idle connections, retries what was short of descriptors */
	tally_n connections, requests; /* accepted and begun, by this thread */
	_Atomic unsigned client_count;
};

/* The whole process. */
struct gateway {
	struct config *config;
	struct worker *workers;
	unsigned worker_count;
	struct token_table *tokens; /* own: facts for the consistency token; NULL when no frontend wants them */
	struct resolver *resolver;  /* looks names up in a thread of its own */
	struct runtime *runtime;    /* the runtime socket */
	struct kin_circle *kin;     /* processes with which facts are shared during a reload; NULL without tokens */
	struct malformed *malformed; /* for "show errors" */
	_Atomic unsigned connections; /* of clients, all workers */
	_Atomic bool accepting_paused; /* some worker waits for a connection to end before it accepts again */
	_Atomic bool stop_at_once;
	_Atomic bool stopping;      /* soft stop: no new connections, idle ones are closed */
	_Atomic bool running;       /* the loops run */
	_Atomic unsigned workers_ended; /* that accept nothing more, because of a soft stop */
	struct task close_listeners; /* the last of them posts it to the first worker */
	struct timer hard_stop;     /* hard-stop-after: on the first worker's loop */
	int64_t started_us, started_wall_us;
	_Atomic uint64_t next_id;   /* for %rt and unique ids */
};

/* The worker whose thread may change servers' states and runs checks, names and the runtime socket. */
static inline struct worker *worker_first(struct gateway *g)
{
	return &g->workers[0];
}

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled" (2016). */
static inline uint64_t worker_random(struct worker *w)
{
	w->random ^= w->random >> 12;
	w->random ^= w->random << 25;
	w->random ^= w->random >> 27;
	return w->random * UINT64_C(0x2545F4914F6CDD1D);
}

#endif
