/* life.h - what is kept of a server beside its state; for state.c and its neighbours alone. */
#ifndef MOA_GATEWAY_MODEL_LIFE_H
#define MOA_GATEWAY_MODEL_LIFE_H

#include <stdint.h>
#include "gateway/loop/loop.h"

struct gateway;
struct server;

/* In the configuration's arena. */
struct server_life {
	struct gateway *gateway;
	struct server *server;
	struct timer slow;      /* the next step of a slow start: on the first worker's loop */
	int64_t slow_from_ms;
	struct task blamed;     /* enough errors were observed: posted to the first worker */
};

/* The task's run(). @thread: the first worker's. */
void server_blamed(struct task *t);
/* All servers that track others take over their states. Main, before the loops start. */
void servers_follow(struct gateway *g);

#endif
