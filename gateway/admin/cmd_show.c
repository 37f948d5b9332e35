/* cmd_show.c - commands that show the process: info, threads, pools, sockets, environment, backends and their servers' connections. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/admin/command.h"
#include "gateway/admin/info.h"
#include "gateway/admin/malformed.h"
#include "gateway/health/resolver.h"
#include "gateway/model/proxy.h"
#include "gateway/model/server_text.h"
#include "gateway/model/state.h"
#include "gateway/session/upstream.h"
#include "gateway/session/worker.h"
#include "gateway/table/tokens.h"
#include "shared/base/clock.h"

void cmd_show_version(struct cli *c)
{
	cli_say(c, INFO_VERSION);
}

void cmd_show_info(struct cli *c)
{
	struct info info;
	bool json = false, typed = false;

	for (unsigned i = 2; i < c->count; i++) {
		json |= cli_is(c, i, "json");
		typed |= cli_is(c, i, "typed");
	}
	info_fill(c->gateway, &info);
	if (json)
		info_write_json(&info, &c->out);
	else if (typed)
		info_write_typed(&info, &c->out);
	else
		info_write_text(&info, &c->out);
}

/* ---- threads and memory ---- */

static void activity_line(struct cli *c, const char *name, uint64_t (*get)(const struct worker *w))
{
	const struct gateway *g = c->gateway;
	uint64_t sum = 0;

	for (unsigned i = 0; i < g->worker_count; i++)
		sum += get(&g->workers[i]);
	buf_printf(&c->out, "%s: %llu [", name, (unsigned long long)sum);
	for (unsigned i = 0; i < g->worker_count; i++)
		buf_printf(&c->out, " %llu", (unsigned long long)get(&g->workers[i]));
	buf_add_str(&c->out, " ]\n");
}

static uint64_t loops(const struct worker *w)
{
	return loop_rounds(w->loop);
}

static uint64_t busy_ms(const struct worker *w)
{
	return (uint64_t)loop_busy_us(w->loop) / 1000;
}

static uint64_t accepted(const struct worker *w)
{
	return tally_get(&w->connections);
}

static uint64_t requests(const struct worker *w)
{
	return tally_get(&w->requests);
}

static uint64_t clients(const struct worker *w)
{
	return atomic_load_explicit(&w->client_count, memory_order_relaxed);
}

void cmd_show_activity(struct cli *c)
{
	int64_t now_us = clock_wall_us();

	buf_printf(&c->out, "thread_id: 1 (1..%u)\n", c->gateway->worker_count);
	buf_printf(&c->out, "date_now: %lld.%06lld\n", (long long)(now_us / 1000000), (long long)(now_us % 1000000));
	activity_line(c, "loops", loops);
	activity_line(c, "busy_ms", busy_ms);
	activity_line(c, "accepted", accepted);
	activity_line(c, "requests", requests);
	activity_line(c, "connections", clients);
}

/* Of one kind of pool, over all workers. */
static void pool_line(struct cli *c, size_t member, size_t *all_bytes, size_t *all_used)
{
	struct pool_stats sum = { 0 };

	for (unsigned i = 0; i < c->gateway->worker_count; i++) {
		struct pool_stats s = pool_stats(*(struct pool *const *)(const void *)((const char *)&c->gateway->workers[i] + member));

		sum.name = s.name;
		sum.size = s.size;
		sum.used += s.used;
		sum.idle += s.idle;
	}
	buf_printf(&c->out, "  - Pool %s (%zu bytes) : %zu allocated (%zu bytes), %zu used\n", sum.name, sum.size, sum.used + sum.idle,
		   (sum.used + sum.idle) * sum.size, sum.used);
	*all_bytes += (sum.used + sum.idle) * sum.size;
	*all_used += sum.used * sum.size;
}

void cmd_show_pools(struct cli *c)
{
	static const size_t members[] = { offsetof(struct worker, clients), offsetof(struct worker, exchanges), offsetof(struct worker, buffers),
					  offsetof(struct worker, upstreams), offsetof(struct worker, vars) };
	const size_t count = sizeof(members) / sizeof(members[0]);
	size_t bytes = 0, used = 0;

	cli_say(c, "Dumping pools usage.");
	for (size_t i = 0; i < count; i++)
		pool_line(c, members[i], &bytes, &used);
	buf_printf(&c->out, "Total: %zu pools, %zu bytes allocated, %zu used.\n", count, bytes, used);
}

void cmd_show_tokens(struct cli *c)
{
	struct token_counts n = { 0 };

	if (c->gateway->tokens != NULL)
		n = token_table_counts(c->gateway->tokens);
	buf_printf(&c->out, "users: %llu\nfacts: %llu\nexpired: %llu\nmalformed: %llu\nfacts_dropped: %llu\nusers_dropped: %llu\n",
		   (unsigned long long)n.users, (unsigned long long)n.facts, (unsigned long long)n.expired, (unsigned long long)n.malformed,
		   (unsigned long long)n.facts_dropped, (unsigned long long)n.users_dropped);
}

/* ---- the process's surroundings ---- */

void cmd_show_env(struct cli *c)
{
	struct slice name = cli_word(c, 2);

	for (char **e = environ; *e != NULL; e++) {
		struct slice line = slice_str(*e), rest = line;

		if (name.ptr != NULL && !slice_eq(slice_cut(&rest, '='), name))
			continue;
		buf_add_slice(&c->out, line);
		buf_add_char(&c->out, '\n');
		if (name.ptr != NULL)
			return;
	}
	if (name.ptr != NULL)
		cli_say(c, "Variable not found");
}

static const char *level_name(int level)
{
	return level == CLI_ADMIN ? "admin" : level == CLI_USER ? "user" : "operator";
}

void cmd_show_cli_level(struct cli *c)
{
	cli_say(c, level_name(c->level));
}

void cmd_show_cli_sockets(struct cli *c)
{
	cli_say(c, "# socket lvl processes");
	for (const struct listener *l = c->gateway->config->runtime_sockets; l != NULL; l = l->next) {
		bool is_path = l->sa.ss_family == AF_UNIX && l->address.len > 0 && l->address.ptr[0] == '/';

		if (l->is_door)
			continue;
		buf_printf(&c->out, "%s%.*s %s all\n", is_path ? "unix@" : "", SLICE_ARG(l->address), level_name(l->level));
	}
}

struct errors {
	const struct proxy *next, *only; /* only: NULL for all */
	int64_t id;                      /* below 0: any */
	unsigned kinds;
};

/* The proxy of word 2: a name or a number, -1 or nothing for all. False after saying that there is none of that name. */
static bool errors_filter(struct cli *c, struct errors *e)
{
	struct slice name = cli_word(c, 2);

	e->id = -1;
	if (name.ptr == NULL || slice_to_i64(name, &e->id))
		return true;
	e->only = cli_frontend(c, name);
	if (e->only == NULL)
		e->only = cli_backend(c, name);
	if (e->only == NULL)
		cli_say(c, "No such proxy.");
	return e->only != NULL;
}

static bool more_errors(struct cli *c)
{
	struct errors *e = c->state;
	const struct proxy *p = e->next;

	if (p == NULL)
		return true;
	e->next = p->next;
	if ((e->only == NULL || p == e->only) && (e->id < 0 || p->id == e->id))
		malformed_write(c->gateway->malformed, p, e->kinds, &c->out);
	return false;
}

void cmd_show_errors(struct cli *c)
{
	struct errors *e = calloc(1, sizeof(*e));
	int64_t now_us = clock_wall_us();
	time_t seconds = (time_t)(now_us / 1000000);
	char text[32];
	struct tm tm;

	if (e == NULL) {
		cli_say(c, "Out of memory.");
		return;
	}
	c->state = e;
	e->next = c->gateway->config->proxies;
	e->kinds = cli_is(c, 3, "request") ? MALFORMED_REQUEST : cli_is(c, 3, "response") ? MALFORMED_RESPONSE : ~0U;
	if (!errors_filter(c, e))
		return;
	localtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%d/%b/%Y:%H:%M:%S", &tm);
	buf_printf(&c->out, "Total events captured on [%s.%03d] : %llu\n", text, (int)(now_us / 1000 % 1000),
		   (unsigned long long)malformed_count(c->gateway->malformed));
	c->more = more_errors;
}

/* ---- backends ---- */

void cmd_show_backend(struct cli *c)
{
	cli_say(c, "# name");
	for (const struct proxy *p = c->gateway->config->proxies; p != NULL; p = p->next) {
		if (p->is_backend)
			buf_printf(&c->out, "%.*s\n", SLICE_ARG(p->name));
	}
}

void cmd_show_resolvers(struct cli *c)
{
	if (!resolver_show(c->gateway, c->count > 2 ? c->words[2] : SLICE_NONE, &c->out))
		cli_say(c, "Can't find that resolvers section");
}

/* The backend of word 3, if there is one. False after saying that there is none of that name. */
static bool backend_filter(struct cli *c, const struct proxy **out)
{
	*out = NULL;
	if (c->count < 4)
		return true;
	*out = cli_backend(c, c->words[3]);
	if (*out == NULL)
		cli_say(c, "Can't find backend.");
	return *out != NULL;
}

void cmd_show_servers_state(struct cli *c)
{
	const struct proxy *backend;

	if (!backend_filter(c, &backend))
		return;
	server_states_write(c->gateway, backend, &c->out);
	/* The empty line at its end is that of every answer. */
	if (c->out.len > 1 && memcmp(c->out.ptr + c->out.len - 2, "\n\n", 2) == 0)
		c->out.len--;
}

/* How many idle connections this worker has to each server, as unsigned numbers by server index. @thread: the worker's. */
static void count_idle(struct worker *w, const struct gather_job *job, struct buf *out)
{
	(void)job;
	for (unsigned i = 0; i < w->gateway->config->server_count; i++)
		buf_add(out, &w->idle[i].count, sizeof(w->idle[i].count));
}

static void idle_of_workers(const struct gather *g, const struct server *s, unsigned workers, struct buf *out)
{
	for (unsigned i = 0; i < workers; i++) {
		unsigned n = 0;
		bool whole;
		struct slice counts = gather_answer(g, i, &whole);

		if (counts.len >= (s->index + 1) * sizeof(n))
			memcpy(&n, counts.ptr + s->index * sizeof(n), sizeof(n));
		buf_printf(out, " %u", n);
	}
	buf_add_char(out, '\n');
}

static void connections_of(const struct server *s, struct buf *out)
{
	unsigned idle = atomic_load(&s->idle), all = atomic_load(&s->connections), used = all > idle ? all - idle : 0, port;
	const struct server_address *a = atomic_load_explicit(&s->address, memory_order_acquire);
	char text[SERVER_ADDRESS_SIZE];

	server_address_text(a, text, &port);
	buf_printf(out, "%.*s/%.*s %u/%u %s %u - %d %u %u %u 0 %u %d %u", SLICE_ARG(s->backend->name), SLICE_ARG(s->name), s->backend->id, s->id,
		   a == NULL || a->sa.ss_family == AF_UNIX ? "-" : text, port, s->o.pool_purge_ms, used, atomic_load(&s->served_most), used,
		   idle, s->o.pool_max_conn, idle);
}

static void show_connections(struct gather *g, const struct gather_job *job)
{
	struct cli *c = job->owner;
	unsigned workers = c->gateway->worker_count;

	buf_printf(&c->out,
		   "# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb idle_lim idle_cur "
		   "idle_per_thr[%u]\n",
		   workers);
	for (const struct proxy *p = c->gateway->config->proxies; p != NULL; p = p->next) {
		for (const struct server *s = p->backend.servers; s != NULL; s = s->next) {
			if (job->what != NULL && job->what != p)
				continue;
			connections_of(s, &c->out);
			idle_of_workers(g, s, workers, &c->out);
		}
	}
	cli_gathered(c);
}

void cmd_show_servers_conn(struct cli *c)
{
	const struct proxy *backend;

	if (backend_filter(c, &backend))
		cli_gather(c, count_idle, backend, show_connections);
}
