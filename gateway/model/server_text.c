/* server_text.c - servers in words: status, address, and the log lines about changes of their state. The words are HAProxy's. */
#include "gateway/model/server_text.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "gateway/health/health.h"
#include "gateway/logs/sink.h"
#include "gateway/model/proxy.h"
#include "gateway/model/state.h"
#include "gateway/session/worker.h"
#include "shared/base/clock.h"
#include "shared/base/log.h"

#define WHAT_SIZE 512
#define LINE_SIZE 1024

/* As in syslog. */
enum severity { SEVERITY_EMERGENCY = 0, SEVERITY_ALERT = 1, SEVERITY_NOTICE = 5 };

const char *server_address_text(const struct server_address *a, char space[SERVER_ADDRESS_SIZE], unsigned *port)
{
	const struct sockaddr_storage *sa = a == NULL ? NULL : &a->sa;
	unsigned number = 0;

	snprintf(space, SERVER_ADDRESS_SIZE, "%s", sa == NULL ? "-" : "unix");
	if (sa != NULL && sa->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;

		inet_ntop(AF_INET, &in->sin_addr, space, SERVER_ADDRESS_SIZE);
		number = ntohs(in->sin_port);
	} else if (sa != NULL && sa->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;

		inet_ntop(AF_INET6, &in6->sin6_addr, space, SERVER_ADDRESS_SIZE);
		number = ntohs(in6->sin6_port);
	}
	if (port != NULL)
		*port = number;
	return space;
}

/* --- status --- */

static const char *counted(char space[SERVER_STATUS_SIZE], const char *word, unsigned n, unsigned of)
{
	snprintf(space, SERVER_STATUS_SIZE, "%s %u/%u", word, n, of);
	return space;
}

/* "one/s1": the server that <s> tracks. */
static const char *tracked_name(const struct server *s, char space[SERVER_STATUS_SIZE / 2])
{
	snprintf(space, SERVER_STATUS_SIZE / 2, "%.*s/%.*s", SLICE_ARG(s->tracks->backend->name), SLICE_ARG(s->tracks->name));
	return space;
}

static const char *maintenance_text(const struct server *s, unsigned admin, char space[SERVER_STATUS_SIZE])
{
	char name[SERVER_STATUS_SIZE / 2];

	if ((admin & SERVER_MAINT_ANY) == SERVER_MAINT_NAME)
		return "MAINT (resolution)";
	if ((admin & SERVER_MAINT_ANY) != SERVER_MAINT_TRACKED)
		return "MAINT";
	snprintf(space, SERVER_STATUS_SIZE, "MAINT (via %s)", tracked_name(s, name));
	return space;
}

/* The server whose checks say how <s> is. */
static const struct server *checked(const struct server *s)
{
	while (s->tracks != NULL)
		s = s->tracks;
	return s;
}

const char *server_status_text(const struct server *s, char space[SERVER_STATUS_SIZE])
{
	unsigned admin = atomic_load_explicit(&s->admin, memory_order_relaxed);
	int state = atomic_load_explicit(&s->state, memory_order_relaxed);
	struct health_view v = { .enabled = false };
	bool falling;

	if (checked(s)->health != NULL)
		health_view(checked(s), &v);
	falling = v.enabled && v.health + 1 < v.rise + v.fall && v.health >= v.rise;
	if (admin & SERVER_MAINT_ANY)
		return maintenance_text(s, admin, space);
	if (state == SERVER_DOWN)
		return v.enabled && v.health > 0 ? counted(space, "DOWN", v.health, v.rise) : "DOWN";
	if (state == SERVER_STOPPING)
		return falling ? counted(space, "NOLB", v.health - v.rise + 1, v.fall) : "NOLB";
	if (admin & SERVER_DRAIN_ANY)
		return falling ? counted(space, "DRAIN", v.health - v.rise + 1, v.fall) : "DRAIN";
	if (falling)
		return counted(space, "UP", v.health - v.rise + 1, v.fall);
	return v.enabled ? "UP" : "no check";
}

/* --- log lines --- */

/* What follows the first sentence. */
enum rest {
	REST_NOTHING,
	REST_LEFT,   /* how many servers are left, and what became of its exchanges */
	REST_ONLINE, /* how many there are now */
};

struct counts {
	unsigned active, backup; /* usable servers */
};

static struct counts count_usable(const struct proxy *p)
{
	struct counts c = { 0, 0 };

	for (const struct server *s = p->backend.servers; s != NULL; s = s->next) {
		if (server_usable(s))
			*(s->o.backup ? &c.backup : &c.active) += 1;
	}
	return c;
}

/* A line for people who read standard error, and for the logs of the backend. */
static void say(struct gateway *g, const struct proxy *p, enum severity severity, const char *event, const char *line)
{
	struct log_sink *sink = worker_first(g)->log;
	const struct log_target *lists[] = { p->logs_global ? g->config->logs : NULL, p->logs };

	log_event(severity > SEVERITY_ALERT ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR, event, "%s", line);
	for (unsigned i = 0; i < 2; i++) {
		if (lists[i] != NULL)
			log_sink_add(sink, lists[i], severity, p->log_tag, clock_wall_us(), SLICE_NONE, slice_str(line));
	}
}

/* And not as one that took nothing new any more. */
static bool goes_down(const struct server *s, const struct server_before *before)
{
	return !before->down && before->state != SERVER_STOPPING &&
	       (atomic_load_explicit(&s->state, memory_order_relaxed) == SERVER_DOWN ||
		(atomic_load_explicit(&s->admin, memory_order_relaxed) & SERVER_MAINT_ANY) != 0);
}

static void note(struct gateway *g, const struct server *s, const struct server_before *before, const char *event, const char *what,
		 enum rest rest)
{
	const struct proxy *p = s->backend;
	struct counts c = count_usable(p);
	unsigned queued = atomic_load_explicit(&s->queued, memory_order_relaxed);
	unsigned requeued = before->queued > queued ? before->queued - queued : 0;
	const char *backup = c.active == 0 && c.backup > 0 ? " Running on backup." : "";
	char more[256] = "", line[LINE_SIZE];

	if (rest == REST_LEFT)
		snprintf(more, sizeof(more), " %u active and %u backup servers left.%s %u sessions active, %u requeued, %u remaining in queue.",
			 c.active, c.backup, backup, atomic_load_explicit(&s->served, memory_order_relaxed), requeued, queued);
	if (rest == REST_ONLINE)
		snprintf(more, sizeof(more), " %u active and %u backup servers online.%s %u sessions requeued, %u total in queue.",
			 c.active, c.backup, backup, requeued, queued);
	snprintf(line, sizeof(line), "%sServer %.*s/%.*s %s.%s", s->o.backup ? "Backup " : "", SLICE_ARG(p->name), SLICE_ARG(s->name), what,
		 more);
	say(g, p, goes_down(s, before) ? SEVERITY_ALERT : SEVERITY_NOTICE, event, line);
}

void server_log_state(struct gateway *g, const struct server *s, const struct server_before *before, const char *why)
{
	int state = atomic_load_explicit(&s->state, memory_order_relaxed);
	char what[WHAT_SIZE], name[SERVER_STATUS_SIZE / 2];

	if (state == before->state || (before->admin & SERVER_MAINT_ANY) != 0)
		return;
	if (s->tracks != NULL)
		why = tracked_name(s, name);
	snprintf(what, sizeof(what), "is %s%s%s", state == SERVER_DOWN ? "DOWN" : state == SERVER_STOPPING ? "stopping" : "UP",
		 why == NULL ? "" : s->tracks != NULL ? " via " : ", ", why == NULL ? "" : why);
	if (state == SERVER_DOWN || state == SERVER_STOPPING)
		note(g, s, before, state == SERVER_DOWN ? "server.down" : "server.stopping", what, REST_LEFT);
	else
		note(g, s, before, "server.up", what, REST_ONLINE);
}

static void log_maintenance_ends(struct gateway *g, const struct server *s, const struct server_before *before)
{
	char what[WHAT_SIZE];

	if (before->admin & SERVER_MAINT_NAME)
		snprintf(what, sizeof(what), "('%.*s') is UP/READY (resolves again)", SLICE_ARG(s->host));
	else
		snprintf(what, sizeof(what), "is UP/READY (leaving %smaintenance)", before->admin & SERVER_MAINT_TRACKED ? "" : "forced ");
	note(g, s, before, "server.up", what, REST_NOTHING);
}

static void log_maintenance_begins(struct gateway *g, const struct server *s, const struct server_before *before, unsigned admin)
{
	const char *name = admin & SERVER_MAINT_NAME ? " (No IP for server)" : "", *via = "";
	char what[WHAT_SIZE], space[SERVER_STATUS_SIZE / 2];

	if (admin & SERVER_MAINT_TRACKED) {
		via = " via ";
		name = tracked_name(s, space);
	}
	if (before->down)
		snprintf(what, sizeof(what), "was DOWN and now enters maintenance%s%s", via, name);
	else
		snprintf(what, sizeof(what), "is going DOWN for maintenance%s%s", via, name);
	note(g, s, before, "server.maint", what, before->down ? REST_NOTHING : REST_LEFT);
}

static void log_drain_begins(struct gateway *g, const struct server *s, const struct server_before *before, unsigned admin)
{
	char what[WHAT_SIZE], space[SERVER_STATUS_SIZE / 2];

	if (admin & SERVER_DRAIN_TRACKED)
		snprintf(what, sizeof(what), "enters drain state via %s", tracked_name(s, space));
	else
		snprintf(what, sizeof(what), "enters drain state");
	note(g, s, before, "server.drain", what, before->down ? REST_LEFT : REST_ONLINE);
}

void server_log_admin(struct gateway *g, const struct server *s, const struct server_before *before)
{
	unsigned admin = atomic_load_explicit(&s->admin, memory_order_relaxed);
	bool was = (before->admin & SERVER_MAINT_ANY) != 0, is = (admin & SERVER_MAINT_ANY) != 0;

	if (!was && is)
		log_maintenance_begins(g, s, before, admin);
	else if (was && !is)
		log_maintenance_ends(g, s, before);
	else if (!is && (before->admin & SERVER_DRAIN_ANY) == 0 && (admin & SERVER_DRAIN_ANY) != 0)
		log_drain_begins(g, s, before, admin);
	else if (!is && (before->admin & SERVER_DRAIN_ANY) != 0 && (admin & SERVER_DRAIN_ANY) == 0)
		note(g, s, before, "server.up", before->admin & SERVER_DRAIN ? "is UP (leaving forced drain)" : "is UP (leaving drain)",
		     REST_NOTHING);
}

void server_log_backend(struct gateway *g, const struct server *s, const struct server_before *before)
{
	struct counts c = count_usable(s->backend);
	char line[LINE_SIZE];

	if (before->lineup == 0 || c.active > 0 || c.backup > 0)
		return;
	snprintf(line, sizeof(line), "proxy %.*s has no server available!", SLICE_ARG(s->backend->name));
	say(g, s->backend, SEVERITY_EMERGENCY, "backend.down", line);
}

void server_log_address(struct gateway *g, const struct server *s, const struct server_address *old, const struct server_address *now)
{
	char from[SERVER_ADDRESS_SIZE], to[SERVER_ADDRESS_SIZE], line[LINE_SIZE];
	unsigned from_port, to_port;

	server_address_text(old, from, &from_port);
	server_address_text(now, to, &to_port);
	snprintf(line, sizeof(line), "%.*s/%.*s changed its address from %s:%u to %s:%u", SLICE_ARG(s->backend->name), SLICE_ARG(s->name), from,
		 from_port, to, to_port);
	say(g, s->backend, SEVERITY_NOTICE, "server.address", line);
}
