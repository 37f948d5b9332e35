/* gateway.c - the process as a whole: makes the workers, runs them, and ends them softly or at once. */
#include "gateway/session/gateway.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "gateway/admin/kin.h"
#include "gateway/admin/runtime.h"
#include "gateway/admin/malformed.h"
#include "gateway/conf/conf.h"
#include "gateway/expr/regex.h"
#include "gateway/health/health.h"
#include "gateway/health/resolver.h"
#include "gateway/logs/sink.h"
#include "gateway/loop/container.h"
#include "gateway/model/proxy.h"
#include "gateway/model/state.h"
#include "gateway/session/client.h"
#include "gateway/session/listen.h"
#include "gateway/session/stream.h"
#include "gateway/session/worker.h"
#include "gateway/table/stick_table.h"
#include "gateway/table/tokens.h"
#include "shared/base/clock.h"
#include "shared/base/log.h"

#define TOKENS_MOST 100000
#define SPARE_DESCRIPTORS 100 /* of the process's limit: for checks, logs, the runtime socket */

struct signals {
	struct watch watch;
	struct timer grace; /* "grace": the soft stop begins only after a while */
	struct gateway *gateway;
};

static void *must(void *memory)
{
	if (memory == NULL) {
		log_error("memory.exhausted", "what=%s", "gateway");
		abort();
	}
	return memory;
}

/* ---- making ---- */

static struct tally *tallies(unsigned count, bool times)
{
	struct tally *t = must(calloc(count + 1, sizeof(*t)));

	for (unsigned i = 0; i < count && times; i++) {
		t[i].total = hist_create();
		t[i].response = hist_create();
	}
	return t;
}

static void tallies_free(struct tally *t, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (t[i].total != NULL) {
			hist_free(&t[i].total);
			hist_free(&t[i].response);
		}
	}
	free(t);
}

static void each_second(struct timer *t);
static void stop_task(struct task *t);
static void close_listeners(struct task *t);
static void hard_stop(struct timer *t);

static void worker_init(struct gateway *g, struct worker *w, unsigned index)
{
	const struct config *c = g->config;
	size_t fields = 2 * (size_t)(c->max_headers + EXTRA_FIELDS) * sizeof(struct http_field);

	w->gateway = g;
	w->index = index;
	w->loop = loop_create();
	w->clients = pool_create("client", sizeof(struct client), 0);
	w->exchanges = pool_create("stream", sizeof(struct stream) + fields, 0);
	w->buffers = pool_create("buffer", c->bufsize, 0);
	w->upstreams = pool_create("upstream", sizeof(struct upstream), 0);
	w->vars = var_pool_create();
	w->frontends = tallies(c->proxy_count, true);
	w->backends = tallies(c->proxy_count, true);
	w->servers = tallies(c->server_count, true);
	w->listeners = tallies(c->listener_count, false);
	w->idle = must(calloc(c->server_count + 1, sizeof(*w->idle)));
	w->log = log_sink_create(c->log_send_hostname, c->log_tag);
	w->random = clock_random() | 1;
	w->scratch = must(malloc(c->bufsize));
	w->refresh.run = accepting_refresh_task;
	w->stop.run = stop_task;
	timer_init(&w->second, each_second);
}

static void worker_clear(struct worker *w)
{
	const struct config *c = w->gateway->config;

	upstream_close_idle(w);
	while (w->arena_count > 0)
		arena_free(&w->arenas[--w->arena_count]);
	log_sink_free(&w->log);
	regex_space_free(&w->regex);
	free(w->scratch);
	free(w->idle);
	tallies_free(w->frontends, c->proxy_count);
	tallies_free(w->backends, c->proxy_count);
	tallies_free(w->servers, c->server_count);
	tallies_free(w->listeners, c->listener_count);
	pool_free(&w->vars);
	pool_free(&w->upstreams);
	pool_free(&w->buffers);
	pool_free(&w->exchanges);
	pool_free(&w->clients);
	loop_free(&w->loop);
}

/* The limit of descriptors, raised as far as we may. */
static rlim_t descriptors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return 4096;
	if (r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
	return r.rlim_cur;
}

/* As many as fit, at two descriptors for each connection. */
static unsigned default_maxconn(rlim_t limit)
{
	return limit < 4 * SPARE_DESCRIPTORS ? SPARE_DESCRIPTORS : (unsigned)((limit - SPARE_DESCRIPTORS) / 2);
}

/* Whoever said nothing of its own gets the process's. */
static void set_limits(struct config *c)
{
	if (c->maxconn == 0)
		c->maxconn = default_maxconn(descriptors());
	for (struct proxy *p = c->proxies; p != NULL; p = p->next) {
		if (p->maxconn == 0)
			p->maxconn = c->maxconn;
	}
}

static bool wants_tokens(const struct config *c)
{
	for (const struct proxy *p = c->proxies; p != NULL; p = p->next) {
		if (p->consistency != NULL)
			return true;
	}
	return false;
}

struct gateway *gateway_create(struct config *c)
{
	struct gateway *g = must(calloc(1, sizeof(*g)));
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	g->config = c;
	set_limits(c);
	g->worker_count = c->threads > 0 ? c->threads : processors > 0 ? (unsigned)processors : 1;
	g->workers = must(calloc(g->worker_count, sizeof(*g->workers)));
	g->started_us = clock_mono_us();
	g->started_wall_us = clock_wall_us();
	g->malformed = malformed_create(c);
	if (wants_tokens(c))
		g->tokens = token_table_create(TOKENS_MOST, g->started_us / 1000);
	g->close_listeners.run = close_listeners;
	timer_init(&g->hard_stop, hard_stop);
	for (unsigned i = 0; i < g->worker_count; i++)
		worker_init(g, &g->workers[i], i);
	return g;
}

void gateway_free(struct gateway **gateway)
{
	struct gateway *g = *gateway;

	if (g == NULL)
		return;
	*gateway = NULL;
	runtime_stop(g);
	kin_stop(g);
	resolver_stop(&g->resolver);
	server_states_end(g);
	for (unsigned i = 0; i < g->worker_count; i++)
		worker_clear(&g->workers[i]);
	listeners_close(g);
	token_table_free(&g->tokens);
	malformed_free(&g->malformed);
	free(g->workers);
	conf_free(&g->config);
	free(g);
}

/* A maxconn that the system does not allow is refused at the start, not met at the worst moment. */
static bool descriptors_suffice(const struct gateway *g, struct buf *messages)
{
	uint64_t wanted = 2 * (uint64_t)g->config->maxconn + SPARE_DESCRIPTORS, limit = descriptors();

	if (wanted <= limit || g->config->maxconn <= SPARE_DESCRIPTORS)
		return true;
	buf_printf(messages, "[ALERT] maxconn %u needs %llu descriptors, and the limit is %llu: lower maxconn, or raise the limit (ulimit -n).\n",
		   g->config->maxconn, (unsigned long long)wanted, (unsigned long long)limit);
	return false;
}

bool gateway_open(struct gateway *g, struct buf *messages)
{
	if (!descriptors_suffice(g, messages) || !listeners_open(g, messages) || !runtime_open(g, messages))
		return false;
	server_states_begin(g);
	server_states_load(g);
	return true;
}

void gateway_look_up(struct gateway *g)
{
	g->resolver = resolver_start(g);
}

/* ---- running ---- */

static void flush_logs(void *arg)
{
	struct worker *w = arg;

	log_sink_flush(w->log);
}

/* What is over in the tables that all share. */
static void sweep_tables(struct gateway *g, int64_t now_ms)
{
	if (g->tokens != NULL)
		token_table_expire(g->tokens, now_ms);
	for (struct proxy *p = g->config->proxies; p != NULL; p = p->next) {
		if (p->table != NULL)
			stick_table_expire(p->table, now_ms);
	}
	for (struct rate_table *r = g->config->rate_tables; r != NULL; r = r->next)
		stick_table_expire(r->table, now_ms);
}

static void each_second(struct timer *t)
{
	struct worker *w = container_of(t, struct worker, second);

	upstream_sweep(w, loop_now_ms(w->loop));
	if (w == worker_first(w->gateway))
		sweep_tables(w->gateway, loop_now_ms(w->loop));
	if (!atomic_load(&w->gateway->stopping))
		w->refresh.run(&w->refresh); /* sockets that were let go for want of descriptors */
	loop_arm(w->loop, &w->second, 1000);
}

static void hard_stop(struct timer *t)
{
	gateway_stop(container_of(t, struct gateway, hard_stop), true);
}

static void close_listeners(struct task *t)
{
	struct gateway *g = container_of(t, struct gateway, close_listeners);

	listeners_close(g);
	gateway_end_if_idle(g);
}

/* The first worker's part of a soft stop. */
static void stop_first(struct gateway *g)
{
	runtime_pause(g);
	if (g->config->hard_stop_after_ms > 0)
		loop_arm(worker_first(g)->loop, &g->hard_stop, g->config->hard_stop_after_ms);
}

static void stop_task(struct task *t)
{
	struct worker *w = container_of(t, struct worker, stop);
	struct gateway *g = w->gateway;

	if (atomic_load(&g->stop_at_once)) {
		clients_stop(w, true);
		loop_stop(w->loop);
		return;
	}
	if (w == worker_first(g))
		stop_first(g);
	accepting_end(w);
	clients_stop(w, false);
}

/* All loops go on until the last connection has ended: the first one hears the signals. */
void gateway_end_if_idle(struct gateway *g)
{
	if (atomic_load(&g->workers_ended) < g->worker_count || atomic_load(&g->connections) > 0)
		return;
	for (unsigned i = 0; i < g->worker_count; i++)
		loop_stop(g->workers[i].loop);
}

void gateway_stop(struct gateway *g, bool at_once)
{
	if (at_once)
		atomic_store(&g->stop_at_once, true);
	if (atomic_exchange(&g->stopping, true) && !at_once)
		return;
	for (unsigned i = 0; i < g->worker_count; i++)
		loop_post(g->workers[i].loop, &g->workers[i].stop);
}

/* Cuts all that is left. An exchange to which a place was just given ends when it hears of that, in one of the next rounds. */
static void cut_clients(struct worker *w)
{
	for (;;) {
		clients_stop(w, true);
		if (w->first_client == NULL)
			return;
		loop_round(w->loop, -1);
	}
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	accepting_start(w);
	loop_at_round_end(w->loop, flush_logs, w);
	loop_arm(w->loop, &w->second, 1000);
	loop_run(w->loop);
	cut_clients(w);
	loop_cancel(w->loop, &w->second);
	loop_at_round_end(w->loop, NULL, NULL);
	accepting_stop(w);
	return NULL;
}

static void grace_over(struct timer *t)
{
	gateway_stop(container_of(t, struct signals, grace)->gateway, false);
}

static void stop_softly(struct signals *s)
{
	if (s->gateway->config->grace_ms == 0)
		gateway_stop(s->gateway, false);
	else if (!timer_armed(&s->grace))
		loop_arm(worker_first(s->gateway)->loop, &s->grace, s->gateway->config->grace_ms);
}

static void signal_came(struct watch *watch, unsigned events)
{
	struct signals *s = container_of(watch, struct signals, watch);
	struct signalfd_siginfo info;

	(void)events;
	while (read(watch->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGUSR1)
			stop_softly(s);
		else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			gateway_stop(s->gateway, true);
	}
}

static void watch_signals(struct gateway *g, struct signals *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	s->gateway = g;
	timer_init(&s->grace, grace_over);
	s->watch = (struct watch){ .fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), .ready = signal_came };
	if (s->watch.fd < 0 || loop_watch(g->workers[0].loop, &s->watch) != ERR_OK) {
		log_error("gateway.signals", "errno=%d", errno);
		abort();
	}
}

void gateway_run(struct gateway *g)
{
	struct signals signals;

	watch_signals(g, &signals);
	atomic_store(&g->running, true);
	health_start(g);
	runtime_start(g);
	kin_start(g);
	for (unsigned i = 1; i < g->worker_count; i++) {
		if (pthread_create(&g->workers[i].thread, NULL, worker_main, &g->workers[i]) != 0) {
			log_error("gateway.thread", "errno=%d", errno);
			abort();
		}
	}
	worker_main(&g->workers[0]);
	for (unsigned i = 1; i < g->worker_count; i++)
		pthread_join(g->workers[i].thread, NULL);
	atomic_store(&g->running, false);
	loop_cancel(worker_first(g)->loop, &signals.grace);
	loop_cancel(worker_first(g)->loop, &g->hard_stop);
	runtime_stop(g);
	kin_stop(g);
	resolver_stop(&g->resolver);
	health_stop(g);
	loop_unwatch(g->workers[0].loop, &signals.watch);
	close(signals.watch.fd);
}
