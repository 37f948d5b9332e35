/* cmd_stat.c - "show stat", row by row, and "clear counters", which each worker does for its own. */
#include <stdlib.h>
#include <string.h>

#include "gateway/admin/command.h"
#include "gateway/admin/stat_list.h"
#include "gateway/balance/queue.h"
#include "gateway/model/proxy.h"
#include "gateway/session/worker.h"

static bool show_more(struct cli *c)
{
	return stat_list_write(c->state, &c->out, CLI_PIECE);
}

/* "<iid or name> <type> <sid>" from word <at> on: all three or none. False after saying that there is no such proxy. */
static bool read_filter(struct cli *c, unsigned at, struct stat_walk *w)
{
	const struct proxy *p;
	int64_t n[3];

	if (c->count < at + 3 || !slice_to_i64(c->words[at + 1], &n[1]) || !slice_to_i64(c->words[at + 2], &n[2]))
		n[1] = n[2] = -1;
	if (c->count < at + 3)
		return true;
	if (!slice_to_i64(c->words[at], &n[0])) {
		p = cli_frontend(c, c->words[at]);
		if (p == NULL)
			p = cli_backend(c, c->words[at]);
		if (p == NULL) {
			cli_say(c, "No such proxy.");
			return false;
		}
		n[0] = p->id;
	}
	w->proxy_id = n[0] > 0 ? (unsigned)n[0] : 0;
	/* Bits 1 frontends, 2 backends, 4 servers, 8 listeners: as the numbers of the objects. */
	w->types = (unsigned)n[1] & STAT_ALL_TYPES;
	w->object_id = n[2] > 0 ? (unsigned)n[2] : 0;
	return true;
}

void cmd_show_stat(struct cli *c)
{
	struct stat_list *s = calloc(1, sizeof(*s));
	unsigned at = 2;

	if (s == NULL) {
		cli_say(c, "Out of memory.");
		return;
	}
	c->state = s;
	s->walk = (struct stat_walk){ .gateway = c->gateway, .types = STAT_ALL_TYPES };
	if (cli_is(c, at, "domain")) {
		if (!cli_is(c, at + 1, "proxy")) {
			cli_say(c, "Invalid statistics domain.");
			return;
		}
		at += 2;
	}
	if (!read_filter(c, at, &s->walk))
		return;
	for (unsigned i = at; i < c->count; i++) {
		if (cli_is(c, i, "json"))
			s->format = STAT_JSON;
		else if (cli_is(c, i, "typed"))
			s->format = STAT_TYPED;
		s->walk.up_only |= cli_is(c, i, "up");
		s->walk.no_maint |= cli_is(c, i, "no-maint");
	}
	c->more = show_more;
}

/* ---- clear counters ---- */

static void clear(tally_n *n)
{
	atomic_store_explicit(n, 0, memory_order_relaxed);
}

static void clear_rates(struct tally *t)
{
	clear(&t->session_rate.most);
	clear(&t->request_rate.most);
	clear(&t->connection_rate.most);
}

/* Everything but the rates, which go on, and the histograms: no thread may empty what others read. */
static void clear_counts(struct tally *t)
{
	tally_n *const counts[] = {
		&t->sessions, &t->requests, &t->bytes_in, &t->bytes_out, &t->denied_requests, &t->denied_responses, &t->bad_requests,
		&t->failed_connects, &t->bad_responses, &t->retries, &t->redispatches, &t->client_aborts, &t->server_aborts, &t->status[0],
		&t->status[1], &t->status[2], &t->status[3], &t->status[4], &t->status[5], &t->chosen, &t->connects, &t->reuses,
		&t->denied_connections, &t->denied_sessions, &t->failed_rewrites, &t->times_n, &t->queue_us, &t->connect_us, &t->response_us,
		&t->total_us,
	};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		clear(counts[i]);
}

static void clear_tallies(struct tally *t, unsigned count, bool all)
{
	for (unsigned i = 0; i < count; i++) {
		clear_rates(&t[i]);
		if (all)
			clear_counts(&t[i]);
	}
}

static const char clear_all[] = "all"; /* what the job says */

/* @thread: the worker's, as nobody else may write its counts. */
static void clear_worker(struct worker *w, const struct gather_job *job, struct buf *out)
{
	const struct config *config = w->gateway->config;
	bool all = job->what == clear_all;

	(void)out;
	clear_tallies(w->frontends, config->proxy_count, all);
	clear_tallies(w->backends, config->proxy_count, all);
	clear_tallies(w->servers, config->server_count, all);
	clear_tallies(w->listeners, config->listener_count, all);
}

static void set_to(_Atomic unsigned *most, const _Atomic unsigned *now)
{
	atomic_store_explicit(most, atomic_load_explicit(now, memory_order_relaxed), memory_order_relaxed);
}

static void cleared(struct gather *g, const struct gather_job *job)
{
	struct cli *c = job->owner;

	(void)g;
	for (struct proxy *p = c->gateway->config->proxies; p != NULL; p = p->next) {
		set_to(&p->connections_most, &p->connections);
		set_to(&p->backend.served_most, &p->backend.served);
		atomic_store_explicit(&p->backend.queued_most, queue_length(p), memory_order_relaxed);
		for (struct server *s = p->backend.servers; s != NULL; s = s->next) {
			set_to(&s->served_most, &s->served);
			set_to(&s->queued_most, &s->queued);
			if (job->what == clear_all) {
				clear(&s->check_failures);
				clear(&s->downs);
				clear(&s->down_ms);
			}
		}
	}
	cli_gathered(c);
}

void cmd_clear_counters(struct cli *c)
{
	cli_gather(c, clear_worker, NULL, cleared);
}

void cmd_clear_counters_all(struct cli *c)
{
	cli_gather(c, clear_worker, clear_all, cleared);
}
