/* check.h - a server's health: what its checks and exchanges said so far. Shared by the scheduler (health.c) and the counting of
 * results (outcome.c); all of it belongs to the first worker's thread.
 */
#ifndef MOA_GATEWAY_HEALTH_CHECK_H
#define MOA_GATEWAY_HEALTH_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include "gateway/health/health.h"
#include "gateway/health/probe.h"
#include "gateway/loop/timer.h"

struct checker;

struct health {
	struct server *server;
	struct checker *checker;
	struct probe probe;
	struct timer next;         /* when the next check begins; not armed while one runs */
	/* Written by the first worker's thread, read by any. */
	_Atomic bool enabled;      /* "disable health" */
	_Atomic bool paused;       /* the server was in maintenance, or without address, when the last check was due */
	_Atomic unsigned count;    /* 0 to rise + fall - 1; the server is up from rise on */
	_Atomic unsigned writes;   /* odd while what follows is being written: health_view() reads it anew then */
	_Atomic enum check_result last;
	_Atomic int status;
	_Atomic int64_t duration_ms;
	_Atomic uint64_t info[HEALTH_INFO / sizeof(uint64_t)]; /* the result's text, in words that no reader sees half-written */
	struct sockaddr_storage sa; /* where it is checked, when that is not the server's own address */
	socklen_t sa_len;          /* 0: the server's */
	uint16_t port;             /* 0: that of the address */
};

static inline unsigned health_rise(const struct server *s)
{
	return s->o.rise > 0 ? s->o.rise : 1;
}

static inline unsigned health_fall(const struct server *s)
{
	return s->o.fall > 0 ? s->o.fall : 1;
}

static inline unsigned health_best(const struct server *s)
{
	return health_rise(s) + health_fall(s) - 1;
}

/* A check has ended, or exchanges were enough (result CHECK_HANA): counts, logs, and changes the server's state. */
void outcome_take(struct gateway *g, struct health *h, const struct probe_result *r);
/* As srv_check_result: 0 none, 2 failed, 3 passed, 4 passed conditionally. */
unsigned outcome_of(enum check_result result);
const char *outcome_code(enum check_result result); /* "L7OK" */
const char *outcome_text(enum check_result result); /* "Layer7 check passed" */

#endif
