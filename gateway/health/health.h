/* health.h - health checks: when to look at which server, and what the result means. The probes are in health/probe.h.
 *
 * All of it runs on the first worker's loop and never waits.
 */
#ifndef MOA_GATEWAY_HEALTH_HEALTH_H
#define MOA_GATEWAY_HEALTH_HEALTH_H

#include "gateway/model/server.h"
#include "shared/base/slice.h"

struct gateway;
struct health;
struct parse;
struct proxy;

/* How a check ended, with HAProxy's codes in logs and statistics (manual of the runtime socket, 9.1 check_status) and its
 * numbers in "show servers state" (srv_check_status). */
enum check_result {
	CHECK_UNKNOWN = 0,
	CHECK_INI = 1,     /* not checked yet */
	CHECK_HANA = 4,    /* what exchanges saw counted as a failed check */
	CHECK_SOCKERR = 5,
	CHECK_L4OK = 6, CHECK_L4TOUT = 7, CHECK_L4CON = 8,
	CHECK_L6OK = 9, CHECK_L6TOUT = 10, CHECK_L6RSP = 11, /* only where "http-check expect" names them */
	CHECK_L7TOUT = 12, CHECK_L7RSP = 13, CHECK_L7OK = 15, CHECK_L7OKC = 16, CHECK_L7STS = 17,
};

/* Reads "option httpchk …" (<keyword> "httpchk") or "http-check send|expect|connect|comment|disable-on-404|send-state …" ("http-check")
 * from p->at, behind the keyword, into p->proxy. */
void health_plan_read(struct parse *p, struct slice keyword);

/* Starts checking all servers that want it, spread over their interval, from their state and s->health_loaded on. Main thread, before the
 * first worker's loop runs. */
void health_start(struct gateway *g);
/* Frees every s->health. Main thread, after the loops have ended and before they are freed. */
void health_stop(struct gateway *g);
/* What exchanges saw has reached the limit (observe, error-limit): counts as a failed check, as enough of them, … as <how> says. */
void health_blame(struct gateway *g, struct server *s, enum server_on_error how);
/* "set server … health up|stopping|down", "enable|disable health", "set server … check-port" (0: the server's) and "check-addr" (<sa>
 * NULL: the server's). False: it has no checks. */
bool health_force(struct gateway *g, struct server *s, enum server_state to);
bool health_set_enabled(struct gateway *g, struct server *s, bool on);
bool health_set_port(struct gateway *g, struct server *s, uint16_t port);
bool health_set_address(struct gateway *g, struct server *s, const struct sockaddr *sa, socklen_t len);

#define HEALTH_INFO 128

/* For statistics. */
struct health_view {
	enum check_result last;
	unsigned outcome;      /* of <last>, as srv_check_result: 0 none, 2 failed, 3 passed, 4 passed, but takes nothing new */
	const char *code;      /* "L7OK"; "" for a server without checks */
	int status;            /* HTTP status of the last check, 0: none */
	int64_t duration_ms;   /* of the last check, -1: none yet */
	const char *text;      /* "Layer7 check passed" */
	char info[HEALTH_INFO]; /* more about it, such as "Connection refused", or "" */
	unsigned health, rise, fall; /* health counts from 0 to rise + fall - 1; up from rise on */
	bool enabled, running; /* running: a check is under way */
	bool paused;           /* no checks now: the server is in maintenance */
};
/* Any thread: as the last check left it. */
void health_view(const struct server *s, struct health_view *out);

#endif
