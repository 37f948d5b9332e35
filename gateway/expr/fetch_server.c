/* fetch_server.c - samples of servers: the one that was chosen, and the state of any (manual, 7.3.2 and 7.3.3). */
#include "gateway/expr/tables.h"

#include <arpa/inet.h>
#include "gateway/expr/arg.h"
#include "gateway/loop/loop.h"
#include "gateway/model/server.h"
#include "gateway/session/exchange.h"
#include "gateway/session/worker.h"

static unsigned now(const _Atomic unsigned *n)
{
	return atomic_load_explicit(n, memory_order_relaxed);
}

static bool get_id(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)a, (void)w;
	return x->server != NULL && sample_set_int(out, x->server->id);
}

static bool get_name(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)a, (void)w;
	return x->server != NULL && sample_set_text(out, x->server->name);
}

/* ---- the connection to it ---- */

enum { TO, FROM };

static bool get_addr(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)w;
	return sample_set_addr(out, a->data == TO ? &x->server_to : &x->server_from);
}

static bool get_port(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	const struct sockaddr_storage *end = a->data == TO ? &x->server_to : &x->server_from;

	(void)w;
	if (end->ss_family == AF_INET)
		return sample_set_int(out, ntohs(((const struct sockaddr_in *)(const void *)end)->sin_port));
	return end->ss_family == AF_INET6 && sample_set_int(out, ntohs(((const struct sockaddr_in6 *)(const void *)end)->sin6_port));
}

/* ---- any server ---- */

/* Up, or on its way out, and not in maintenance: "drain" still counts. */
static bool is_up(const struct server *s)
{
	int state = atomic_load_explicit(&s->state, memory_order_relaxed);

	return state != SERVER_DOWN && (now(&s->admin) & (SERVER_MAINT | SERVER_MAINT_CONFIG | SERVER_MAINT_NAME)) == 0;
}

static bool get_is_up(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)x, (void)w;
	return sample_set_bool(out, is_up(a->at[0].server));
}

enum { CONNECTIONS, CONNECTIONS_FREE, QUEUED, WEIGHT, WEIGHT_SET, WEIGHT_FIRST };

static bool get_number(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	const struct server *s = a->at[0].server;
	int64_t served = now(&s->served), most = now(&s->maxconn), weight = now(&s->weight);

	(void)x, (void)w;
	switch (a->data) {
	case CONNECTIONS:
		return sample_set_int(out, served);
	case CONNECTIONS_FREE:
		return sample_set_int(out, most == 0 ? -1 : most > served ? most - served : 0);
	case QUEUED:
		return sample_set_int(out, now(&s->queued));
	case WEIGHT:
		return sample_set_int(out, (weight * now(&s->slow_percent) + 99) / 100);
	case WEIGHT_SET:
		return sample_set_int(out, weight);
	default:
		return sample_set_int(out, s->o.weight);
	}
}

static bool get_rate(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	const struct gateway *g = x->worker->gateway;
	int64_t now_ms = loop_now_ms(x->worker->loop), sum = 0;

	(void)w;
	for (unsigned i = 0; i < g->worker_count; i++)
		sum += (int64_t)tally_rate_read(&g->workers[i].servers[a->at[0].server->index].session_rate, now_ms);
	return sample_set_int(out, sum);
}

#define NUMBER .args = "r", .type = SAMPLE_INT, .when = WHEN_ALWAYS, .get = get_number

const struct fetch fetch_server[] = {
	{ .name = "srv_id", .type = SAMPLE_INT, .when = WHEN_SERVER, .get = get_id },
	{ .name = "srv_name", .type = SAMPLE_STR, .when = WHEN_SERVER, .get = get_name },
	{ .name = "bc_dst", .type = SAMPLE_ADDR, .when = WHEN_SERVER, .get = get_addr, .data = TO },
	{ .name = "bc_src", .type = SAMPLE_ADDR, .when = WHEN_SERVER, .get = get_addr, .data = FROM },
	{ .name = "bc_dst_port", .type = SAMPLE_INT, .when = WHEN_SERVER, .get = get_port, .data = TO },
	{ .name = "bc_src_port", .type = SAMPLE_INT, .when = WHEN_SERVER, .get = get_port, .data = FROM },
	{ .name = "srv_is_up", .args = "r", .type = SAMPLE_BOOL, .when = WHEN_ALWAYS, .get = get_is_up },
	{ .name = "srv_conn", NUMBER, .data = CONNECTIONS },
	{ .name = "srv_conn_free", NUMBER, .data = CONNECTIONS_FREE },
	{ .name = "srv_queue", NUMBER, .data = QUEUED },
	{ .name = "srv_weight", NUMBER, .data = WEIGHT },
	{ .name = "srv_uweight", NUMBER, .data = WEIGHT_SET },
	{ .name = "srv_iweight", NUMBER, .data = WEIGHT_FIRST },
	{ .name = "srv_sess_rate", .args = "r", .type = SAMPLE_INT, .when = WHEN_ALWAYS, .get = get_rate },
	{ .name = NULL },
};
