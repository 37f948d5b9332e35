/* admin.c - the admin port: /healthz, /readyz, /metrics, /audit, and what a service adds. */
#include "shared/svc/admin.h"

#include <stdlib.h>
#include <string.h>

#include "shared/base/err.h"
#include "shared/io/http.h"
#include "shared/svc/metrics.h"

#define BODY_LIMIT 4096
#define CONNECTIONS 64
#define IDLE_S 60

struct admin {
	struct admin_spec spec;
	struct http_server *http;
};

/* ---- the built-in calls: <ctx> is the admin itself ---- */

static int healthz(void *ctx, struct slice query, struct buf *out)
{
	(void)ctx;
	(void)query;
	buf_add_str(out, "{\"status\":\"ok\"}");
	return 200;
}

static int readyz(void *ctx, struct slice query, struct buf *out)
{
	const struct admin *a = ctx;
	bool ready = true;
	struct jsonw w;

	(void)query;
	jsonw_init(&w, out);
	jsonw_object(&w);
	if (a->spec.ready != NULL)
		ready = a->spec.ready(a->spec.ctx, &w);
	jsonw_object_end(&w);
	return ready ? 200 : 503;
}

static int metrics_text(void *ctx, struct slice query, struct buf *out)
{
	const struct admin *a = ctx;

	(void)query;
	metrics_print(a->spec.metrics, out);
	return 200;
}

static int audit(void *ctx, struct slice query, struct buf *out)
{
	const struct admin *a = ctx;

	(void)query;
	a->spec.audit(a->spec.ctx);
	buf_add_str(out, "{}");
	return 202;
}

static int audited(void *ctx, struct slice query, struct buf *out)
{
	const struct admin *a = ctx;
	struct jsonw w;

	(void)query;
	jsonw_init(&w, out);
	jsonw_object(&w);
	a->spec.audited(a->spec.ctx, &w);
	jsonw_object_end(&w);
	return 200;
}

static const struct admin_route builtin[] = {
	{ "GET", "/healthz", healthz },
	{ "GET", "/readyz", readyz },
	{ "GET", "/metrics", metrics_text },
	{ "POST", "/audit", audit },
	{ "GET", "/audit", audited },
	{ NULL, NULL, NULL },
};

/* ---- routing ---- */

static bool offered(const struct admin *a, const struct admin_route *r)
{
	if (r->run == audit || r->run == audited)
		return a->spec.audit != NULL;
	return r->run != metrics_text || a->spec.metrics != NULL;
}

static void allow(struct buf *allowed, const char *method)
{
	if (allowed->len > 0)
		buf_add_str(allowed, ", ");
	buf_add_str(allowed, strcmp(method, "GET") == 0 ? "GET, HEAD" : method);
}

/* The route for the exchange; NULL, and its path's methods in <allowed> when only the method is wrong. */
static const struct admin_route *find(const struct admin *a, const struct admin_route *table, const struct http_exchange *x,
				      struct buf *allowed)
{
	struct slice method = http_method(x);

	if (slice_eq(method, SLICE_LIT("HEAD")))
		method = SLICE_LIT("GET");
	for (const struct admin_route *r = table; r != NULL && r->method != NULL; r++) {
		if (!slice_eq(slice_str(r->path), http_path(x)) || !offered(a, r))
			continue;
		if (slice_eq(slice_str(r->method), method))
			return r;
		allow(allowed, r->method);
	}
	return NULL;
}

static void reply_problem(struct http_exchange *x, enum err e)
{
	struct buf body;

	buf_init(&body, 0);
	http_problem(&body, err_status(e), err_title(e), err_detail(e));
	http_reply_header(x, "Content-Type", SLICE_LIT("application/problem+json"));
	http_reply(x, err_status(e), &body);
}

static void name_degraded(const struct admin *a, struct http_exchange *x)
{
	struct degraded d = { 0 };

	if (a->spec.degraded != NULL)
		a->spec.degraded(a->spec.ctx, &d);
	degraded_header(&d, x);
}

static void reply_run(struct http_exchange *x, const struct admin_route *r, void *ctx)
{
	struct buf body;
	int status;

	buf_init(&body, 0);
	status = r->run(ctx, http_query(x), &body);
	http_reply_header(x, "Content-Type",
			  r->run == metrics_text ? SLICE_LIT("text/plain; version=0.0.4; charset=utf-8") : SLICE_LIT("application/json"));
	http_reply_header(x, "Cache-Control", SLICE_LIT("no-store"));
	http_reply(x, status, &body);
}

/* @thread: the loop */
static void on_request(void *ctx, struct http_exchange *x)
{
	struct admin *a = ctx;
	const struct admin_route *r;
	struct buf allowed;

	buf_init(&allowed, 0);
	r = find(a, builtin, x, &allowed);
	if (r != NULL) {
		if (r->run == readyz)
			name_degraded(a, x);
		reply_run(x, r, a);
	} else if ((r = find(a, a->spec.more, x, &allowed)) != NULL) {
		reply_run(x, r, a->spec.ctx);
	} else {
		if (allowed.len > 0)
			http_reply_header(x, "Allow", buf_slice(&allowed));
		reply_problem(x, allowed.len > 0 ? ERR_BAD_METHOD : ERR_NO_ROUTE);
	}
	buf_free(&allowed);
}

struct admin *admin_start(const struct admin_spec *spec)
{
	struct admin *a = calloc(1, sizeof(*a));
	struct http_options o = {
		.name = "admin",
		.bind = spec->bind,
		.port = spec->port,
		.io_threads = 1,
		.body_limit = BODY_LIMIT,
		.connections = CONNECTIONS,
		.idle_timeout_s = IDLE_S,
		.on_request = on_request,
		.ctx = a,
	};

	if (a == NULL)
		return NULL;
	a->spec = *spec;
	a->http = http_start(&o);
	if (a->http == NULL) {
		free(a);
		return NULL;
	}
	return a;
}

uint16_t admin_port(const struct admin *a)
{
	return http_port(a->http);
}

void admin_stop(struct admin **a)
{
	if (*a == NULL)
		return;
	http_stop(&(*a)->http, 0);
	free(*a);
	*a = NULL;
}
