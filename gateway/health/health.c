/* health.c - when servers are checked: one timer for each, spread over the interval at the start, the next one set when a check ends.
 *
 * A server costs its timer and what is in struct health; buffers are shared by the checks that are under way. The intervals are
 * HAProxy's: "inter" while all is well, "downinter" when it is down for good, "fastinter" in between.
 */
#include "gateway/health/health.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/conf/address.h"
#include "gateway/health/check.h"
#include "gateway/health/plan.h"
#include "gateway/loop/container.h"
#include "gateway/model/proxy.h"
#include "gateway/model/server_text.h"
#include "gateway/model/state.h"
#include "gateway/session/worker.h"
#include "shared/base/clock.h"
#include "shared/base/log.h"

#define SMALL_BUFFER 4096
#define BUFFERS_KEPT 16 /* of each size, when nothing uses them */
#define INTER_MS 2000   /* where nothing is said */

/* What all checks share. */
struct checker {
	struct gateway *gateway;
	struct probe_kit kit;
	struct slice node; /* for X-Haproxy-Server-State */
	char node_space[64];
};

static enum server_state state_of(const struct server *s)
{
	return (enum server_state)atomic_load_explicit(&s->state, memory_order_relaxed);
}

/* ---- intervals ---- */

static int inter_ms(const struct server *s)
{
	return s->o.inter_ms > 0 ? s->o.inter_ms : INTER_MS;
}

static int interval_ms(const struct health *h)
{
	const struct server *s = h->server;

	if (h->count == health_best(s))
		return inter_ms(s);
	if (h->count == 0 && state_of(s) == SERVER_DOWN)
		return s->o.downinter_ms > 0 ? s->o.downinter_ms : inter_ms(s);
	return s->o.fastinter_ms > 0 ? s->o.fastinter_ms : inter_ms(s);
}

/* <ms>, up to "spread-checks" percent more or less. */
static int spread_ms(struct gateway *g, int ms)
{
	int64_t most = (int64_t)ms * g->config->spread_checks / 100;

	if (most > 0)
		ms += (int)(most - (int64_t)(worker_random(worker_first(g)) % (uint64_t)(2 * most + 1)));
	return ms > 0 ? ms : 1;
}

static void next_in(struct health *h, int64_t ms)
{
	timer_arm(loop_timers(h->checker->kit.loop), &h->next, clock_mono_us() / 1000 + ms);
}

/* ---- where to ---- */

static void port_set(struct sockaddr_storage *sa, uint16_t port)
{
	if (port != 0 && sa->ss_family == AF_INET)
		((struct sockaddr_in *)sa)->sin_port = htons(port);
	else if (port != 0 && sa->ss_family == AF_INET6)
		((struct sockaddr_in6 *)sa)->sin6_port = htons(port);
}

static uint16_t port_get(const struct sockaddr_storage *sa)
{
	if (sa->ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)sa)->sin_port);
	return sa->ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)sa)->sin6_port) : 0;
}

/* The first that says something wins: http-check connect, the server's "addr" and "port" (or what the runtime socket made of
 * them), the server's own address. False: there is none (yet). */
static bool target(const struct health *h, const struct health_plan *plan, struct sockaddr_storage *sa, socklen_t *len)
{
	const struct server_address *own = atomic_load_explicit(&h->server->address, memory_order_acquire);
	uint16_t port = h->port;

	if (plan != NULL && plan->sa_len > 0) {
		*sa = plan->sa;
		*len = plan->sa_len;
		port = port_get(sa) != 0 ? port_get(sa) : port;
	} else if (h->sa_len > 0) {
		*sa = h->sa;
		*len = h->sa_len;
	} else if (own != NULL) {
		*sa = own->sa;
		*len = own->len;
	} else {
		return false;
	}
	port_set(sa, port);
	if (port_get(sa) == 0)
		port_set(sa, h->server->port);
	if (plan != NULL)
		port_set(sa, plan->port);
	return true;
}

/* ---- a check ---- */

/* One failure, and the server is down. */
static unsigned first_count(const struct server *s)
{
	return state_of(s) == SERVER_DOWN ? 0 : health_rise(s);
}

/* At the end of a maintenance the server counts as just begun. */
static void resume(struct health *h)
{
	h->paused = false;
	h->count = first_count(h->server);
}

static void check_begin(struct health *h)
{
	const struct proxy *p = h->server->backend;
	struct sockaddr_storage sa;
	struct probe_order order = { .plan = p->backend.plan, .sa = (const struct sockaddr *)&sa };
	int connect_ms = inter_ms(h->server);

	if (order.plan != NULL && !order.plan->http)
		order.plan = NULL;
	h->paused |= (atomic_load_explicit(&h->server->admin, memory_order_relaxed) & SERVER_MAINT_ANY) != 0 ||
		     !target(h, order.plan, &sa, &order.sa_len);
	if (!h->enabled || h->paused) {
		next_in(h, connect_ms);
		return;
	}
	/* With "timeout check" connecting has a limit of its own (manual, "timeout check"). */
	if (p->timeout.check > 0 && p->timeout.connect > 0 && p->timeout.connect < connect_ms)
		connect_ms = p->timeout.connect;
	order.connect_ms = connect_ms;
	order.answer_ms = p->timeout.check;
	order.allow_404 = order.plan != NULL && order.plan->disable_on_404 && state_of(h->server) != SERVER_DOWN;
	probe_start(&h->probe, &order);
}

static void due(struct timer *t)
{
	struct health *h = container_of(t, struct health, next);
	unsigned admin = atomic_load_explicit(&h->server->admin, memory_order_relaxed);

	if (h->paused && (admin & SERVER_MAINT_ANY) == 0)
		resume(h);
	check_begin(h);
}

static void check_done(struct probe *p)
{
	struct health *h = container_of(p, struct health, probe);
	struct gateway *g = h->checker->gateway;

	outcome_take(g, h, &p->result);
	next_in(h, spread_ms(g, interval_ms(h)));
}

/* ---- X-Haproxy-Server-State ---- */

/* "UP 1/3", as the manual words it under "http-check send-state". */
static void add_status(struct buf *out, const struct health *h)
{
	const struct server *s = h->server;
	enum server_state state = state_of(s);

	if (state == SERVER_DOWN && h->count == 0)
		buf_add_str(out, "DOWN");
	else if (state == SERVER_DOWN)
		buf_printf(out, "DOWN %u/%u", h->count, health_rise(s));
	else
		buf_add_str(out, state == SERVER_STOPPING ? "NOLB" : "UP");
	if (state != SERVER_DOWN && h->count < health_best(s))
		buf_printf(out, " %u/%u", h->count < health_rise(s) ? 0 : h->count - health_rise(s) + 1, health_fall(s));
}

/* Of all servers that may be chosen now: the backups count when there is no other. */
static unsigned weight_of_all(const struct backend *b)
{
	unsigned sum[2] = { 0, 0 };

	for (const struct server *s = b->servers; s != NULL; s = s->next) {
		if (server_usable(s))
			sum[s->o.backup] += atomic_load_explicit(&s->weight, memory_order_relaxed);
	}
	return sum[0] > 0 ? sum[0] : sum[1];
}

static void add_address(struct buf *out, const struct server *s)
{
	const struct server_address *a = atomic_load_explicit(&s->address, memory_order_acquire);
	char text[INET6_ADDRSTRLEN] = "";

	if (a != NULL && a->sa.ss_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)&a->sa)->sin_addr, text, sizeof(text));
	else if (a != NULL && a->sa.ss_family == AF_INET6)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)&a->sa)->sin6_addr, text, sizeof(text));
	if (text[0] != '\0')
		buf_printf(out, "; address=%s; port=%u", text, port_get(&a->sa));
	else
		buf_add_str(out, "; address=unix; port=unix");
}

static void state_write(const struct probe *probe, struct buf *out)
{
	const struct health *h = container_of(probe, struct health, probe);
	const struct server *s = h->server;
	const struct backend *b = &s->backend->backend;
	unsigned own = server_usable(s) ? atomic_load_explicit(&s->weight, memory_order_relaxed) : 0;

	add_status(out, h);
	add_address(out, s);
	buf_printf(out, "; name=%.*s/%.*s; node=%.*s", SLICE_ARG(s->backend->name), SLICE_ARG(s->name), SLICE_ARG(h->checker->node));
	buf_printf(out, "; weight=%u/%u; scur=%u/%u; qcur=%u", own, weight_of_all(b),
		   atomic_load_explicit(&s->served, memory_order_relaxed), atomic_load_explicit(&b->served, memory_order_relaxed),
		   atomic_load_explicit(&s->queued, memory_order_relaxed));
}

/* ---- start and stop ---- */

static void *must(void *memory)
{
	if (memory == NULL) {
		log_error("memory.exhausted", "what=%s", "health");
		abort();
	}
	return memory;
}

static struct checker *checker_make(struct gateway *g)
{
	struct checker *c = must(calloc(1, sizeof(*c)));
	struct probe_kit *k = &c->kit;

	c->gateway = g;
	c->node = g->config->node;
	if (c->node.ptr == NULL && gethostname(c->node_space, sizeof(c->node_space) - 1) == 0)
		c->node = slice_str(c->node_space);
	k->worker = worker_first(g);
	k->loop = k->worker->loop;
	k->small_bytes = SMALL_BUFFER;
	k->large_bytes = g->config->bufsize > 2 * SMALL_BUFFER ? g->config->bufsize : 2 * SMALL_BUFFER;
	k->small = pool_create("check", k->small_bytes, BUFFERS_KEPT);
	k->large = pool_create("check-large", k->large_bytes, BUFFERS_KEPT);
	k->field_count = g->config->max_headers;
	k->fields = must(calloc(k->field_count + 1, sizeof(*k->fields)));
	k->state_write = state_write;
	return c;
}

static void checker_free(struct checker *c)
{
	pool_free(&c->kit.small);
	pool_free(&c->kit.large);
	free(c->kit.fields);
	free(c);
}

static void health_make(struct server *s, struct checker *c)
{
	struct health *h = must(calloc(1, sizeof(*h)));

	h->server = s;
	h->checker = c;
	h->enabled = true;
	h->last = CHECK_INI;
	h->duration_ms = -1;
	h->count = s->health_loaded > 0 ? s->health_loaded - 1 : first_count(s);
	h->port = s->o.check_port;
	if (s->o.check_host.ptr != NULL && !address_of_host(s->o.check_host, 0, &h->sa, &h->sa_len)) {
		log_warn("health.addr", "server=%s addr=%s", LOG_Q(s->name), LOG_Q(s->o.check_host)); /* a name: it is checked where it is */
		h->sa_len = 0;
	}
	probe_init(&h->probe, &c->kit, check_done);
	timer_init(&h->next, due);
	s->health = h;
}

/* Calls <each> for every server that is checked, in the order of the file; how many there are. */
static unsigned for_checked(struct gateway *g, void (*each)(struct server *s, unsigned nth, void *arg), void *arg)
{
	unsigned n = 0;

	for (struct proxy *p = g->config->proxies; p != NULL; p = p->next) {
		if (!p->is_backend || p->disabled)
			continue;
		for (struct server *s = p->backend.servers; s != NULL; s = s->next) {
			if (s->o.check)
				each(s, n++, arg);
		}
	}
	return n;
}

struct start {
	struct checker *checker;
	unsigned count;
	int least_ms; /* the shortest first interval of all */
};

static void make_one(struct server *s, unsigned nth, void *arg)
{
	struct start *start = arg;

	health_make(s, start->checker);
	if (nth == 0 || interval_ms(s->health) < start->least_ms)
		start->least_ms = interval_ms(s->health);
}

/* Number <nth> of n begins after that part of its interval, as in HAProxy. */
static void start_one(struct server *s, unsigned nth, void *arg)
{
	const struct start *start = arg;
	int most = start->checker->gateway->config->max_spread_checks_ms;
	int64_t over = start->least_ms > interval_ms(s->health) ? start->least_ms : interval_ms(s->health);

	if (most > 0 && over > most)
		over = most;
	next_in(s->health, over * nth / start->count);
}

void health_start(struct gateway *g)
{
	struct start start = { .checker = checker_make(g) };

	start.count = for_checked(g, make_one, &start);
	if (start.count == 0)
		checker_free(start.checker);
	else
		for_checked(g, start_one, &start);
}

static void stop_one(struct server *s, unsigned nth, void *arg)
{
	struct health *h = s->health;
	struct checker **c = arg;

	(void)nth;
	if (h == NULL)
		return;
	*c = h->checker;
	probe_stop(&h->probe);
	loop_cancel(h->checker->kit.loop, &h->next);
	s->health = NULL;
	free(h);
}

void health_stop(struct gateway *g)
{
	struct checker *c = NULL;

	for_checked(g, stop_one, &c);
	if (c != NULL)
		checker_free(c);
}

/* ---- what others say ---- */

/* The next check is due in "fastinter" at the latest. */
static void hurry(struct health *h)
{
	int64_t due_ms = clock_mono_us() / 1000 + h->server->o.fastinter_ms;

	if (h->server->o.fastinter_ms > 0 && timer_armed(&h->next) && due_ms < h->next.due_ms)
		next_in(h, h->server->o.fastinter_ms);
}

void health_blame(struct gateway *g, struct server *s, enum server_on_error how)
{
	struct health *h = s->health;
	struct probe_result r = { .result = CHECK_HANA, .duration_ms = -1 };
	unsigned rise = health_rise(s);
	struct buf info;

	if (h == NULL || !h->enabled)
		return;
	if (how == ON_ERROR_SUDDEN_DEATH && h->count > rise)
		h->count = rise + 1;
	if (how == ON_ERROR_MARK_DOWN && h->count > rise)
		h->count = rise;
	if (how != ON_ERROR_FASTINTER) {
		buf_init_fixed(&info, r.info, sizeof(r.info));
		buf_printf(&info, "Detected %u consecutive errors%s", s->o.error_limit,
			   s->o.observe == OBSERVE_LAYER4 ? ", last one was: Layer4 unsuccessful connection" : "");
		r.info[info.len] = '\0';
		outcome_take(g, h, &r);
	}
	hurry(h);
}

bool health_force(struct gateway *g, struct server *s, enum server_state to)
{
	if (s->health == NULL)
		return false;
	s->health->count = to == SERVER_DOWN ? 0 : health_best(s);
	if (to != state_of(s))
		server_set_state(g, s, to, "changed from CLI");
	return true;
}

bool health_set_enabled(struct gateway *g, struct server *s, bool on)
{
	(void)g;
	if (s->health == NULL)
		return false;
	s->health->enabled = on;
	return true;
}

bool health_set_port(struct gateway *g, struct server *s, uint16_t port)
{
	(void)g;
	if (s->health == NULL)
		return false;
	s->health->port = port;
	return true;
}

bool health_set_address(struct gateway *g, struct server *s, const struct sockaddr *sa, socklen_t len)
{
	(void)g;
	if (s->health == NULL)
		return false;
	s->health->sa_len = sa == NULL ? 0 : len;
	if (sa != NULL)
		memcpy(&s->health->sa, sa, len);
	return true;
}

/* What the last check left, all of one check. */
static void view_result(const struct health *h, struct health_view *out)
{
	uint64_t words[sizeof(h->info) / sizeof(h->info[0])];
	unsigned before;

	do {
		before = h->writes;
		out->last = h->last;
		out->status = h->status;
		out->duration_ms = h->duration_ms;
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			words[i] = h->info[i];
	} while (before % 2 != 0 || before != h->writes);
	memcpy(out->info, words, sizeof(out->info));
	out->info[sizeof(out->info) - 1] = '\0';
}

void health_view(const struct server *s, struct health_view *out)
{
	const struct health *h = s->health;

	*out = (struct health_view){ .duration_ms = -1, .code = "", .text = "" };
	if (h == NULL)
		return;
	view_result(h, out);
	out->outcome = outcome_of(out->last);
	out->code = outcome_code(out->last);
	out->text = outcome_text(out->last);
	out->health = h->count;
	out->rise = health_rise(s);
	out->fall = health_fall(s);
	out->enabled = h->enabled;
	out->running = probe_running(&h->probe);
	out->paused = h->paused;
}
