/* service_admin.c - /readyz, /audit, /parked and metrics of a service, all from memory. */
#include "shared/svc/service_admin.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "shared/base/clock.h"
#include "shared/io/http.h"
#include "shared/svc/admin.h"
#include "shared/svc/parked.h"
#include "shared/svc/projection.h"
#include "shared/svc/service.h"
#include "shared/svc/view_store.h"

struct service_admin {
	struct service_admin_parts parts;
	struct admin *admin;
	int64_t start_us; /* wall clock */
};

static struct slice up_or_down(bool up)
{
	return up ? SLICE_LIT("up") : SLICE_LIT("down");
}

static void write_part(struct jsonw *w, const char *name, bool up)
{
	jsonw_key(w, name);
	jsonw_string(w, up_or_down(up));
}

/* <active>: this instance is the one of all that feeds it. <waits_for>: what keeps it from that; NULL nothing. */
static void write_view(struct jsonw *w, const struct view *v, bool active, const char *waits_for)
{
	struct view_state st;

	view_state_get(v, &st);
	jsonw_key(w, view_spec_of(v)->topic->domain);
	jsonw_object(w);
	jsonw_key(w, "loaded");
	jsonw_bool(w, st.loaded);
	jsonw_key(w, "fresh");
	jsonw_bool(w, st.fresh);
	jsonw_key(w, "age_s");
	if (st.age_s >= 0)
		jsonw_i64(w, st.age_s);
	else
		jsonw_null(w);
	jsonw_key(w, "active");
	jsonw_bool(w, active);
	if (waits_for != NULL) {
		jsonw_key(w, "waits_for");
		jsonw_string(w, slice_str(waits_for));
	}
	jsonw_object_end(w);
}

/* Ready means: the own API can be answered, from MySQL or from the copy in Redis, and will be for a while. Kafka, neighbours and
 * loading are only told. */
static bool write_ready(void *ctx, struct jsonw *w)
{
	struct service_admin *a = ctx;
	struct service *s = a->parts.service;
	bool sql = sql_db_is_up(service_sql(s)), redis = resp_db_is_up(service_resp(s));
	struct view_state own;
	bool ready, kafka = a->parts.view_count == 0;

	view_state_get(service_own(s), &own);
	ready = !service_is_leaving(s) && (sql || (redis && own.loaded));
	for (size_t i = 0; i < a->parts.view_count; i++)
		kafka = kafka || projection_kafka_is_up(a->parts.projections[i]);
	jsonw_key(w, "ready");
	jsonw_bool(w, ready);
	jsonw_key(w, "mysql");
	jsonw_string(w, sql_db_is_full(service_sql(s)) ? SLICE_LIT("full") : up_or_down(sql));
	write_part(w, "redis", redis);
	write_part(w, "kafka", kafka);
	jsonw_key(w, "own");
	jsonw_object(w);
	write_view(w, service_own(s), relay_is_leader(service_relay(s)), relay_own_waits_for(service_relay(s)));
	jsonw_object_end(w);
	jsonw_key(w, "views");
	jsonw_object(w);
	for (size_t i = 0; i < a->parts.view_count; i++)
		write_view(w, a->parts.views[i], projection_is_active(a->parts.projections[i]),
			   projection_waits_for(a->parts.projections[i]));
	jsonw_object_end(w);
	if (a->parts.tell != NULL)
		a->parts.tell(a->parts.app, w);
	return ready;
}

static void add_unless_fresh(struct degraded *d, const struct view *v)
{
	struct view_state st;

	view_state_get(v, &st);
	if (!st.fresh)
		degraded_add(d, view_spec_of(v)->topic->domain, st.age_s);
}

/* Whatever an answer of this service might name now. */
static void list_degraded(void *ctx, struct degraded *out)
{
	const struct service_admin *a = ctx;

	add_unless_fresh(out, service_own(a->parts.service));
	for (size_t i = 0; i < a->parts.view_count; i++)
		add_unless_fresh(out, a->parts.views[i]);
}

static void ask_audit(void *ctx)
{
	struct service_admin *a = ctx;

	relay_snapshot(service_relay(a->parts.service));
}

static void write_time(struct jsonw *w, const char *key, int64_t wall_us)
{
	char text[CLOCK_ISO_LEN + 1];

	jsonw_key(w, key);
	if (wall_us <= 0) {
		jsonw_null(w);
		return;
	}
	clock_iso(wall_us, text);
	jsonw_string(w, slice_str(text));
}

/* A round that runs (<end_us> 0), or one that is over. */
static void write_round(struct jsonw *w, bool wanted, int64_t start_us, int64_t end_us, uint64_t rows)
{
	jsonw_object(w);
	jsonw_key(w, "kind");
	jsonw_string(w, wanted ? SLICE_LIT("snapshot") : SLICE_LIT("audit"));
	write_time(w, "started", start_us);
	if (end_us > 0) {
		write_time(w, "ended", end_us);
		jsonw_key(w, "ms");
		jsonw_i64(w, (end_us - start_us) / 1000);
	}
	jsonw_key(w, "rows");
	jsonw_u64(w, rows);
	jsonw_object_end(w);
}

static void write_rounds(struct jsonw *w, const struct relay_rounds *rounds)
{
	jsonw_key(w, "running");
	if (rounds->running)
		write_round(w, rounds->wanted, rounds->start_us, 0, rounds->rows);
	else
		jsonw_null(w);
	jsonw_key(w, "last");
	if (rounds->last_end_us > 0)
		write_round(w, rounds->last_wanted, rounds->last_start_us, rounds->last_end_us, rounds->last_rows);
	else
		jsonw_null(w);
	jsonw_key(w, "abandoned");
	jsonw_object(w);
	jsonw_key(w, "count");
	jsonw_u64(w, rounds->abandoned);
	jsonw_key(w, "reason");
	jsonw_string(w, rounds->abandoned > 0 ? slice_str(err_name(rounds->abandoned_why)) : SLICE_NONE);
	jsonw_object_end(w);
}

static void write_compared(struct jsonw *w, const struct view *v)
{
	jsonw_key(w, view_spec_of(v)->topic->domain);
	jsonw_object(w);
	write_time(w, "compared", view_audited_us(v));
	for (enum view_divergence d = 0; d < VIEW_DIVERGENCES; d++) {
		jsonw_key(w, view_divergence_name(d));
		jsonw_u64(w, view_divergences(v, d));
	}
	jsonw_object_end(w);
}

static void write_audit(void *ctx, struct jsonw *w)
{
	struct service_admin *a = ctx;
	struct service *s = a->parts.service;
	struct relay_rounds rounds;

	relay_rounds_get(service_relay(s), &rounds);
	jsonw_key(w, "leader");
	jsonw_bool(w, relay_is_leader(service_relay(s)));
	jsonw_key(w, "period_s");
	jsonw_u64(w, service_config(s)->audit_period_s);
	jsonw_key(w, "rows_per_s");
	jsonw_u64(w, service_config(s)->audit_rows_per_s);
	write_rounds(w, &rounds);
	jsonw_key(w, "own");
	jsonw_object(w);
	write_compared(w, service_own(s));
	jsonw_object_end(w);
	jsonw_key(w, "views");
	jsonw_object(w);
	for (size_t i = 0; i < a->parts.view_count; i++)
		write_compared(w, a->parts.views[i]);
	jsonw_object_end(w);
}

/* ---- parked events ---- */

static int parked_get(void *ctx, struct slice query, struct buf *out)
{
	const struct service_admin *a = ctx;
	struct jsonw w;

	(void)query;
	jsonw_init(&w, out);
	jsonw_array(&w);
	for (size_t i = 0; i < a->parts.view_count; i++)
		parked_write(view_parked(a->parts.views[i]), &w);
	if (a->parts.inbox_parked != NULL)
		parked_write(a->parts.inbox_parked, &w);
	jsonw_array_end(&w);
	return 200;
}

/* Done within a second or two, as soon as the store is there. */
static int parked_delete(void *ctx, struct slice query, struct buf *out)
{
	const struct service_admin *a = ctx;

	(void)query;
	for (size_t i = 0; i < a->parts.view_count; i++)
		parked_ask_clear(view_parked(a->parts.views[i]));
	if (a->parts.inbox_parked != NULL)
		parked_ask_clear(a->parts.inbox_parked);
	buf_add_str(out, "{}");
	return 202;
}

static const struct admin_route more[] = {
	{ "GET", "/parked", parked_get },
	{ "DELETE", "/parked", parked_delete },
	{ NULL, NULL, NULL },
};

/* ---- metrics ---- */

static double view_refused(void *ctx)
{
	return projection_waits_for(ctx) != NULL;
}

static double own_refused(void *ctx)
{
	return relay_own_waits_for(ctx) != NULL;
}

static double parked_now(void *ctx)
{
	return (double)parked_kept(ctx);
}

static double parked_gone(void *ctx)
{
	return (double)parked_dropped(ctx);
}

static void parked_metrics(struct metrics *m, struct parked *p, const char *labels)
{
	metrics_gauge_fn(m, "moa_parked_events", "Events that could not be understood and are kept.", labels, parked_now, p);
	metrics_gauge_fn(m, "moa_parked_dropped", "Older ones that went because of the bound.", labels, parked_gone, p);
}

static double view_age(void *ctx)
{
	struct view_state st;

	view_state_get(ctx, &st);
	return st.age_s >= 0 ? (double)st.age_s : NAN;
}

static double view_loaded(void *ctx)
{
	struct view_state st;

	view_state_get(ctx, &st);
	return st.loaded;
}

static double view_fresh(void *ctx)
{
	struct view_state st;

	view_state_get(ctx, &st);
	return st.fresh;
}

static double view_audited(void *ctx)
{
	int64_t us = view_audited_us(ctx);

	return us > 0 ? (double)us / 1e6 : NAN;
}

static uint64_t differs(void *ctx)
{
	return view_divergences(ctx, VIEW_DIFFERS);
}

static uint64_t missing(void *ctx)
{
	return view_divergences(ctx, VIEW_MISSING);
}

static uint64_t extra(void *ctx)
{
	return view_divergences(ctx, VIEW_EXTRA);
}

static void divergence_metrics(struct metrics *m, struct view *v, struct arena *a)
{
	uint64_t (*const read[VIEW_DIVERGENCES])(void *) = { [VIEW_DIFFERS] = differs, [VIEW_MISSING] = missing, [VIEW_EXTRA] = extra };

	for (enum view_divergence d = 0; d < VIEW_DIVERGENCES; d++) {
		struct slice labels = arena_printf(a, "view=\"%s\",class=\"%s\"", view_spec_of(v)->topic->domain, view_divergence_name(d));

		metrics_counter_fn(m, "moa_view_divergences_total", "Entries that differed from their owner's table and were repaired.",
				   labels.ptr, read[d], v);
	}
}

/* <refused>: whether Redis refuses what <feeder> writes. */
static void view_metrics(struct metrics *m, struct view *v, double (*refused)(void *feeder), void *feeder)
{
	struct arena *a = arena_create(1024, 4096);
	const char *labels = arena_printf(a, "view=\"%s\"", view_spec_of(v)->topic->domain).ptr;

	metrics_gauge_fn(m, "moa_view_age_seconds", "Age of what a view holds, by its oldest partition.", labels, view_age, v);
	metrics_gauge_fn(m, "moa_view_loaded", "1 once a view was read to the end of a snapshot.", labels, view_loaded, v);
	metrics_gauge_fn(m, "moa_view_fresh", "1 while a view is loaded and marked within 5 s.", labels, view_fresh, v);
	metrics_gauge_fn(m, "moa_view_audited_timestamp_seconds", "End of the round by which a view was last compared with its table.",
			 labels, view_audited, v);
	metrics_gauge_fn(m, "moa_view_redis_full", "1 while own Redis takes no writes: out of memory, or of disk.", labels, refused, feeder);
	divergence_metrics(m, v, a);
	arena_free(&a);
}

static uint64_t http_accepted(void *ctx)
{
	struct http_stats st;

	http_stats_get(ctx, &st);
	return st.accepted;
}

static double http_open(void *ctx)
{
	struct http_stats st;

	http_stats_get(ctx, &st);
	return (double)st.open;
}

static double http_queued(void *ctx)
{
	struct http_stats st;

	http_stats_get(ctx, &st);
	return (double)st.queued;
}

static uint64_t http_refused(void *ctx)
{
	struct http_stats st;

	http_stats_get(ctx, &st);
	return st.refused;
}

static double sql_up(void *ctx)
{
	return sql_db_is_up(ctx);
}

static double sql_full(void *ctx)
{
	return sql_db_is_full(ctx);
}

static double redis_up(void *ctx)
{
	return resp_db_is_up(ctx);
}

static double start_time(void *ctx)
{
	const struct service_admin *a = ctx;

	return (double)a->start_us / 1e6;
}

static void register_metrics(struct service_admin *a)
{
	struct service *s = a->parts.service;
	struct metrics *m = service_metrics(s);
	struct http_server *h = a->parts.http;

	metrics_counter_fn(m, "moa_http_connections_total", "Connections accepted.", NULL, http_accepted, h);
	metrics_gauge_fn(m, "moa_http_connections", "Open connections.", NULL, http_open, h);
	metrics_gauge_fn(m, "moa_http_queue", "Requests that wait for a worker.", NULL, http_queued, h);
	metrics_counter_fn(m, "moa_http_refused_total", "Malformed requests refused before routing.", NULL, http_refused, h);
	metrics_gauge_fn(m, "moa_up", "1 while a part answers.", "part=\"mysql\"", sql_up, service_sql(s));
	metrics_gauge_fn(m, "moa_up", "1 while a part answers.", "part=\"redis\"", redis_up, service_resp(s));
	metrics_gauge_fn(m, "moa_mysql_full", "1 while own MySQL refuses writes for want of room.", NULL, sql_full, service_sql(s));
	metrics_gauge_fn(m, "process_start_time_seconds", "Start of the process, in Unix time.", NULL, start_time, a);
	view_metrics(m, service_own(s), own_refused, service_relay(s));
	for (size_t i = 0; i < a->parts.view_count; i++) {
		const char *domain = view_spec_of(a->parts.views[i])->topic->domain;
		char labels[64];

		view_metrics(m, a->parts.views[i], view_refused, a->parts.projections[i]);
		snprintf(labels, sizeof(labels), "view=\"%s\"", domain);
		parked_metrics(m, view_parked(a->parts.views[i]), labels);
	}
	if (a->parts.inbox_parked != NULL)
		parked_metrics(m, a->parts.inbox_parked, "view=\"visits\"");
}

struct service_admin *service_admin_start(const struct service_admin_parts *parts)
{
	struct service_admin *a = calloc(1, sizeof(*a));
	const struct admin_spec spec = { .bind = parts->bind, .port = parts->port, .metrics = service_metrics(parts->service),
					 .ready = write_ready, .degraded = list_degraded,
					 .audit = ask_audit, .audited = write_audit, .more = more, .ctx = a };

	if (a == NULL)
		abort();
	a->parts = *parts;
	a->start_us = clock_wall_us();
	register_metrics(a);
	a->admin = admin_start(&spec);
	if (a->admin != NULL)
		return a;
	free(a);
	return NULL;
}

void service_admin_stop(struct service_admin **a)
{
	admin_stop(&(*a)->admin);
	free(*a);
	*a = NULL;
}
