/* probe.h - one health check of one server: connects, asks, reads as much of the answer as it takes to judge it, and closes.
 *
 * When to check and what a result means is not known here. All of it runs on the loop of its kit and never waits; every
 * probe ends: by what it sees, by its timer, or by probe_stop(). A probe holds a buffer only while it sends or has read
 * something: servers that are silent or frozen cost a descriptor and a timer each.
 */
#ifndef MOA_GATEWAY_HEALTH_PROBE_H
#define MOA_GATEWAY_HEALTH_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include "gateway/health/health.h"
#include "gateway/http/body.h"
#include "gateway/loop/loop.h"
#include "gateway/loop/pool.h"
#include "shared/base/buf.h"
#include "shared/base/facts.h"

struct expect;
struct health_plan;
struct probe;
struct worker;

/* What the probes of a loop share; the owner's. */
struct probe_kit {
	struct worker *worker; /* whose thread, and loop, it is */
	struct loop *loop;
	struct pool *small, *large; /* buffers: a response that fills the small one moves to a large one, and ends there */
	size_t small_bytes, large_bytes;
	struct http_field *fields;  /* space for one head */
	unsigned field_count;
	/* Appends the value of X-Haproxy-Server-State. */
	void (*state_write)(const struct probe *p, struct buf *out);
};

/* What to do; the address is copied, the plan must outlive the probe. */
struct probe_order {
	const struct sockaddr *sa;
	socklen_t sa_len;
	const struct health_plan *plan; /* NULL: connecting is all */
	bool allow_404;  /* 404 passes conditionally (disable-on-404) */
	int connect_ms;  /* for connecting; without <answer_ms> for all of it */
	int answer_ms;   /* from then on; 0: none of its own */
};

struct probe_result {
	enum check_result result;
	int status;        /* of the response; 0: none came */
	bool named[FACT_DOMAINS]; /* in its Degraded header */
	int64_t duration_ms;
	char info[HEALTH_INFO]; /* more about it, or ""; printable, as it was in the response, or by the configuration */
};

enum probe_state {
	PROBE_IDLE,
	PROBE_CONNECTING,
	PROBE_SENDING, /* the request, or what is left of it */
	PROBE_HEAD,    /* waiting for the head of the response, or its rest */
	PROBE_BODY,    /* the head is as expected, the body is looked at */
};

/* Part of the struct that owns it. */
struct probe {
	struct probe_kit *kit;
	void (*done)(struct probe *p); /* p->result is set, everything is closed; it may start the next one */
	struct probe_result result;

	_Atomic enum probe_state state; /* its own thread's; probe_running() may be asked by any */
	struct watch watch;
	struct timer timer;
	const struct health_plan *plan;
	bool allow_404;
	int answer_ms;
	int64_t start_us;
	const struct expect *waiting;  /* the demand on the body that is next */
	char *data;                    /* a buffer, or NULL */
	size_t size, len;              /* of the buffer; bytes in it */
	size_t sent;                   /* of the request */
	size_t head;                   /* where the response's head begins: behind interim ones */
	size_t body, body_end;         /* what was decoded; undecoded bytes follow up to len */
	struct http_body decoder;
};

void probe_init(struct probe *p, struct probe_kit *kit, void (*done)(struct probe *p));
/* It must not run. done() may be called before this returns. */
void probe_start(struct probe *p, const struct probe_order *order);
/* Gives up without a result; done() is not called. Nothing happens when it does not run. */
void probe_stop(struct probe *p);
bool probe_running(const struct probe *p);

#endif
