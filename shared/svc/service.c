/* service.c - builds a service from its spec, runs it until it is told to end, and takes it apart in order.
 *
 * Start: parts first (each connects in the background), then the domain, then the API. Stop, the other way
 * round: not ready any more, no new requests, running ones finish, the domain's parts and the relay deliver what they have, all ends.
 */
#include "shared/svc/service.h"

#include <assert.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/io/http.h"
#include "shared/svc/monitor.h"
#include "shared/svc/outbox.h"
#include "shared/svc/projection.h"
#include "shared/svc/service_admin.h"

#define VIEWS_MAX 8
#define DRAIN_MS 5000
#define RELAY_DRAIN_MS 3000
#define IDLE_TIMEOUT_S 60

struct service {
	const struct service_spec *spec;
	struct arena *arena; /* of the settings' strings */
	struct config config;
	char instance[CLOCK_UUID_LEN + 1];
	struct metrics *metrics;
	struct sql_db *sql;
	struct resp_db *redis;
	struct view *own;
	struct view *views[VIEWS_MAX];
	struct projection *projections[VIEWS_MAX];
	size_t view_count;
	struct monitor *monitor;
	struct relay *relay;
	void *app;
	struct router *router;
	struct http_server *http;
	struct service_admin *admin;
	_Atomic bool leaving;
};

/* ---- accessors ---- */

struct sql_db *service_sql(struct service *s)
{
	return s->sql;
}

struct resp_db *service_resp(struct service *s)
{
	return s->redis;
}

const struct config *service_config(const struct service *s)
{
	return &s->config;
}

struct metrics *service_metrics(struct service *s)
{
	return s->metrics;
}

struct view *service_own(struct service *s)
{
	return s->own;
}

struct view *service_view(struct service *s, const struct view_spec *spec)
{
	for (size_t i = 0; i < s->view_count; i++) {
		if (view_spec_of(s->views[i]) == spec)
			return s->views[i];
	}
	assert(!"a view that is not in the service's spec");
	return NULL;
}

struct relay *service_relay(struct service *s)
{
	return s->relay;
}

bool service_is_leaving(struct service *s)
{
	return atomic_load(&s->leaving);
}

/* ---- settings ---- */

/* -1: go on; else the program's exit status. */
static int load_config(struct service *s, int argc, char **argv)
{
	struct arena *a = s->arena;
	const char *name = s->spec->name;
	const struct config_defaults d = {
		.program = arena_printf(a, "%s_svc", name).ptr,
		.port = s->spec->port,
		.admin_port = s->spec->admin_port,
		.mysql_url = arena_printf(a, "mysql://%s_svc:moa@127.0.0.1:3306/%s", name, name).ptr,
		.redis_url = "redis://127.0.0.1:6379/0",
		.spool_dir = arena_printf(a, "var/spool/%s_svc", name).ptr,
	};

	return config_load(&d, argc, argv, &s->config);
}

static int complain(const struct service *s, const char *setting, const char *why)
{
	fprintf(stderr, "%s_svc: %s: %s\n", s->spec->name, setting, why);
	return 2;
}

/* Versions of a server that was restarted or replaced go on above the time, before anything is written to it. */
static bool floor_versions(void *ctx, struct sql_conn *c)
{
	(void)ctx;
	return outbox_floor(c, (uint64_t)clock_wall_us()) == ERR_OK;
}

static int open_parts(struct service *s)
{
	const struct sql_options sql = { .url = slice_str(s->config.mysql_url), .connections = s->config.mysql_connections,
					 .on_connect = floor_versions };
	const char *why = NULL;

	s->sql = sql_db_create(&sql, &why);
	if (s->sql == NULL)
		return complain(s, "MYSQL_URL", why);
	s->redis = resp_db_create(slice_str(s->config.redis_url), s->config.redis_connections, &why);
	return s->redis != NULL ? 0 : complain(s, "REDIS_URL", why);
}

/* ---- running parts ---- */

static void start_views(struct service *s)
{
	struct view *all[VIEWS_MAX + 1];

	s->own = view_create(s->spec->owns->own, s->redis);
	while (s->spec->views[s->view_count] != NULL) {
		assert(s->view_count < VIEWS_MAX);
		s->views[s->view_count] = view_create(s->spec->views[s->view_count], s->redis);
		s->view_count++;
	}
	memcpy(all, s->views, s->view_count * sizeof(all[0]));
	all[s->view_count] = s->own;
	s->monitor = monitor_start(s->redis, all, s->view_count + 1);
	for (size_t i = 0; i < s->view_count; i++) {
		const struct projection_options o = { .view = s->views[i], .redis = s->redis, .brokers = s->config.kafka_brokers,
						      .instance = s->instance, .metrics = s->metrics };

		s->projections[i] = projection_start(&o);
	}
}

static bool start_http(struct service *s)
{
	const struct router_spec router = { .routes = s->spec->routes, .auth = s->spec->auth, .svc = s, .app = s->app,
					    .metrics = s->metrics, .access_log = s->config.access_log };
	struct http_options o = {
		.name = s->spec->name,
		.bind = s->config.bind,
		.port = (uint16_t)s->config.port,
		.io_threads = s->config.io_threads,
		.workers = s->config.workers,
		.queue = s->config.queue,
		.body_limit = s->config.body_limit,
		.connections = s->config.connections,
		.idle_timeout_s = IDLE_TIMEOUT_S,
	};

	s->router = router_create(&router);
	router_attach(s->router, &o);
	s->http = http_start(&o);
	return s->http != NULL;
}

static void start_relay(struct service *s)
{
	const struct relay_options o = {
		.table = s->spec->owns,
		.own = s->own,
		.sql = s->sql,
		.redis = s->redis,
		.brokers = s->config.kafka_brokers,
		.instance = s->instance,
		.metrics = s->metrics,
		.snapshot_rows_per_s = s->config.snapshot_rows_per_s,
		.audit_rows_per_s = s->config.audit_rows_per_s,
		.audit_period_s = s->config.audit_period_s,
	};

	s->relay = relay_create(&o);
	relay_start(s->relay);
}

static bool start_all(struct service *s)
{
	struct service_admin_parts parts = { .service = s, .bind = s->config.admin_bind, .port = (uint16_t)s->config.admin_port };

	start_views(s);
	start_relay(s);
	s->app = s->spec->start != NULL ? s->spec->start(s) : NULL;
	if (!start_http(s))
		return false;
	parts.http = s->http;
	parts.views = s->views;
	parts.projections = s->projections;
	parts.view_count = s->view_count;
	parts.tell = s->spec->tell;
	parts.app = s->app;
	parts.inbox_parked = s->spec->parked != NULL ? s->spec->parked(s->app) : NULL;
	s->admin = service_admin_start(&parts);
	return s->admin != NULL;
}

static void stop_all(struct service *s)
{
	if (s->admin != NULL)
		service_admin_stop(&s->admin); /* it looks into all of the others */
	if (s->http != NULL)
		http_stop(&s->http, DRAIN_MS);
	if (s->spec->stop != NULL && s->app != NULL)
		s->spec->stop(s, s->app);
	relay_stop(s->relay, RELAY_DRAIN_MS);
	for (size_t i = 0; i < s->view_count; i++)
		projection_stop(&s->projections[i]);
	relay_free(&s->relay);
	monitor_stop(&s->monitor);
	router_free(&s->router);
	view_free(&s->own);
	for (size_t i = 0; i < s->view_count; i++)
		view_free(&s->views[i]);
}

/* ---- main ---- */

/* Blocked in every thread, so that only await_end() meets them. */
static void block_signals(sigset_t *ends)
{
	sigemptyset(ends);
	sigaddset(ends, SIGTERM);
	sigaddset(ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, ends, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an error of write(), not our end */
}

static void await_end(const sigset_t *ends)
{
	int sig = 0;

	while (sigwait(ends, &sig) != 0)
		;
	log_info("service.stopping", "signal=%d", sig);
}

/* Goes on serving until whoever shares out requests has seen that we are not ready: one that it sends on a kept connection just as
 * we close that would be lost, unless it may be repeated. */
static void leave(struct service *s, const sigset_t *ends)
{
	const struct timespec wait = { .tv_sec = s->config.leave_ms / 1000, .tv_nsec = s->config.leave_ms % 1000 * 1000000L };

	atomic_store(&s->leaving, true);
	http_leave(s->http);
	(void)sigtimedwait(ends, NULL, &wait);
}

/* Everything between start and stop; the program's exit status. */
static int run(struct service *s)
{
	bool started;
	sigset_t ends;
	int status;

	block_signals(&ends);
	log_setup(s->spec->name, s->config.log_level, s->config.log_format);
	clock_uuid7(s->instance);
	s->metrics = metrics_create();
	status = open_parts(s);
	if (status == 0) {
		started = start_all(s);
		if (started) {
			log_info("service.started", "port=%u admin_port=%u instance=%s", (unsigned)s->config.port,
				 (unsigned)s->config.admin_port, s->instance);
			await_end(&ends);
			leave(s, &ends);
		}
		stop_all(s);
		log_info("service.stopped", "clean=%s", started ? "yes" : "no");
		status = started ? 0 : 1;
	}
	resp_db_free(&s->redis);
	sql_db_free(&s->sql);
	metrics_free(&s->metrics);
	return status;
}

int service_main(const struct service_spec *spec, int argc, char **argv)
{
	struct service *s = calloc(1, sizeof(*s));
	int status;

	if (s == NULL)
		abort();
	s->spec = spec;
	s->arena = arena_create(1024, 65536);
	status = load_config(s, argc, argv);
	if (status < 0)
		status = run(s);
	arena_free(&s->arena);
	free(s);
	return status;
}
