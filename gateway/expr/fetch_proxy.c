/* fetch_proxy.c - samples of frontends and backends: names, and how busy they are (manual, 7.3.2 and 7.3.3). */
#include "gateway/expr/tables.h"

#include "gateway/balance/lineup.h"
#include "gateway/expr/arg.h"
#include "gateway/loop/loop.h"
#include "gateway/model/proxy.h"
#include "gateway/session/exchange.h"
#include "gateway/session/worker.h"

static unsigned now(const _Atomic unsigned *n)
{
	return atomic_load_explicit(n, memory_order_relaxed);
}

/* The backend that argument 1 names, or the one that was chosen; NULL: none yet. */
static const struct proxy *backend_of(const struct exchange *x, const struct args *a)
{
	return a->at[0].proxy != NULL ? a->at[0].proxy : x->backend;
}

static const struct proxy *frontend_of(const struct exchange *x, const struct args *a)
{
	return a->at[0].proxy != NULL ? a->at[0].proxy : x->frontend;
}

/* ---- the backend that was chosen ---- */

static bool get_be_id(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)a, (void)w;
	return sample_set_int(out, (x->backend != NULL ? x->backend : x->frontend)->id);
}

/* Before the choice it is the frontend, as in HAProxy: that is what a listen section's own rules see. */
static bool get_be_name(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)a, (void)w;
	return sample_set_text(out, (x->backend != NULL ? x->backend : x->frontend)->name);
}

enum { SERVER_TIMEOUT, TUNNEL_TIMEOUT, SERVER_TIMEOUT_NOW, TUNNEL_TIMEOUT_NOW };

static bool get_timeout(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	bool tunnel = a->data == TUNNEL_TIMEOUT || a->data == TUNNEL_TIMEOUT_NOW;
	int set = a->data == SERVER_TIMEOUT_NOW ? x->timeout_server_ms : a->data == TUNNEL_TIMEOUT_NOW ? x->timeout_tunnel_ms : 0;

	(void)w;
	if (x->backend == NULL)
		return false;
	return sample_set_int(out, set != 0 ? set : tunnel ? x->backend->timeout.tunnel : x->backend->timeout.server);
}

/* ---- how busy ---- */

static bool get_be_conn(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	const struct proxy *be = backend_of(x, a);

	(void)w;
	return be != NULL && sample_set_int(out, now(&be->backend.served));
}

static bool get_fe_conn(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	const struct proxy *fe = frontend_of(x, a);

	(void)w;
	return fe != NULL && sample_set_int(out, now(&fe->connections));
}

static bool get_nbsrv(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	const struct proxy *be = backend_of(x, a);

	(void)w;
	return be != NULL && sample_set_int(out, lineup_usable(be));
}

static bool get_queue(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	const struct proxy *be = backend_of(x, a);

	(void)w;
	return be != NULL && sample_set_int(out, now(&be->backend.queued));
}

/* With no server left, one is expected back soon: twice the queue. */
static bool get_avg_queue(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	const struct proxy *be = backend_of(x, a);
	unsigned servers, queued;

	(void)w;
	if (be == NULL)
		return false;
	servers = lineup_usable(be);
	queued = now(&be->backend.queued);
	return sample_set_int(out, servers > 0 ? (queued + servers - 1) / servers : 2 * (int64_t)queued);
}

/* Places that are free at all usable servers, with those in their queues (SLOTS) or without; -1 when a server has no limit. */
enum { PLACES, SLOTS };

static bool get_free(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	const struct proxy *be = backend_of(x, a);
	bool some_main = false;
	int64_t left = 0;

	(void)w;
	if (be == NULL)
		return false;
	for (const struct server *s = be->backend.servers; s != NULL; s = s->next)
		some_main = some_main || (server_usable(s) && !s->o.backup);
	for (const struct server *s = be->backend.servers; s != NULL; s = s->next) {
		int64_t most = now(&s->maxconn);

		if (!server_usable(s) || (s->o.backup && some_main))
			continue;
		if (most == 0 || (a->data == SLOTS && s->o.maxqueue == 0))
			return sample_set_int(out, -1);
		left += most > now(&s->served) ? most - now(&s->served) : 0;
		if (a->data == SLOTS)
			left += s->o.maxqueue > now(&s->queued) ? s->o.maxqueue - now(&s->queued) : 0;
	}
	return sample_set_int(out, left);
}

enum { BE_SESSIONS, FE_SESSIONS, FE_REQUESTS };

static const struct tally_rate *rate_of(const struct worker *w, const struct proxy *px, int which)
{
	switch (which) {
	case BE_SESSIONS:
		return &w->backends[px->index].session_rate;
	case FE_SESSIONS:
		return &w->frontends[px->index].session_rate;
	default:
		return &w->frontends[px->index].request_rate;
	}
}

static bool get_rate(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	const struct proxy *px = a->data == BE_SESSIONS ? backend_of(x, a) : frontend_of(x, a);
	const struct gateway *g;
	int64_t sum = 0, now_ms;

	(void)w;
	if (px == NULL)
		return false;
	g = x->worker->gateway;
	now_ms = loop_now_ms(x->worker->loop);
	for (unsigned i = 0; i < g->worker_count; i++)
		sum += (int64_t)tally_rate_read(rate_of(&g->workers[i], px, a->data), now_ms);
	return sample_set_int(out, sum);
}

#define INT(which) .type = SAMPLE_INT, .when = (which)

const struct fetch fetch_proxy[] = {
	{ .name = "be_id", INT(WHEN_BACKEND), .get = get_be_id },
	{ .name = "be_name", .type = SAMPLE_STR, .when = WHEN_BACKEND, .get = get_be_name },
	{ .name = "be_server_timeout", INT(WHEN_BACKEND), .get = get_timeout, .data = SERVER_TIMEOUT },
	{ .name = "be_tunnel_timeout", INT(WHEN_BACKEND), .get = get_timeout, .data = TUNNEL_TIMEOUT },
	{ .name = "cur_server_timeout", INT(WHEN_BACKEND), .get = get_timeout, .data = SERVER_TIMEOUT_NOW },
	{ .name = "cur_tunnel_timeout", INT(WHEN_BACKEND), .get = get_timeout, .data = TUNNEL_TIMEOUT_NOW },
	{ .name = "be_conn", .args = "|b", INT(WHEN_ALWAYS), .get = get_be_conn },
	{ .name = "be_conn_free", .args = "|b", INT(WHEN_ALWAYS), .get = get_free, .data = PLACES },
	{ .name = "connslots", .args = "|b", INT(WHEN_ALWAYS), .get = get_free, .data = SLOTS },
	{ .name = "be_sess_rate", .args = "|b", INT(WHEN_ALWAYS), .get = get_rate, .data = BE_SESSIONS },
	{ .name = "nbsrv", .args = "|b", INT(WHEN_ALWAYS), .get = get_nbsrv },
	{ .name = "queue", .args = "|b", INT(WHEN_ALWAYS), .get = get_queue },
	{ .name = "avg_queue", .args = "|b", INT(WHEN_ALWAYS), .get = get_avg_queue },
	{ .name = "fe_conn", .args = "|f", INT(WHEN_ALWAYS), .get = get_fe_conn },
	{ .name = "fe_req_rate", .args = "|f", INT(WHEN_ALWAYS), .get = get_rate, .data = FE_REQUESTS },
	{ .name = "fe_sess_rate", .args = "|f", INT(WHEN_ALWAYS), .get = get_rate, .data = FE_SESSIONS },
	{ .name = NULL },
};
