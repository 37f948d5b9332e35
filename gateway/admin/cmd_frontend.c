/* cmd_frontend.c - commands that stop frontends, continue them, and change how many connections they and the process take. */
#include <errno.h>
#include <string.h>

#include "gateway/admin/command.h"
#include "gateway/admin/runtime.h"
#include "gateway/model/proxy.h"
#include "gateway/session/listen.h"
#include "gateway/session/worker.h"
#include "shared/base/log.h"

static void set_status(struct cli *c, struct proxy *p, enum proxy_status to)
{
	atomic_store(&p->status, to);
	accepting_refresh(c->gateway);
}

void cmd_disable_frontend(struct cli *c)
{
	struct proxy *p = cli_want_frontend(c, 2);

	if (p == NULL)
		return;
	if (atomic_load(&p->status) == PROXY_STOPPED) {
		cli_say(c, "Frontend was previously shut down, cannot disable.");
	} else if (atomic_load(&p->status) == PROXY_PAUSED) {
		cli_say(c, "All sockets are already disabled.");
	} else {
		set_status(c, p, PROXY_PAUSED);
		listeners_suspend(p);
		log_warn("frontend.paused", "Paused frontend %.*s.", SLICE_ARG(p->name));
	}
}

void cmd_enable_frontend(struct cli *c)
{
	struct proxy *p = cli_want_frontend(c, 2);

	if (p == NULL)
		return;
	if (atomic_load(&p->status) == PROXY_STOPPED) {
		cli_say(c, "Frontend was previously shut down, cannot enable.");
	} else if (atomic_load(&p->status) == PROXY_RUNNING) {
		cli_say(c, "All sockets are already enabled.");
	} else if (!listeners_resume(p)) {
		buf_printf(&c->out, "Failed to resume frontend: %s (port conflict?).\n", strerror(errno));
	} else {
		set_status(c, p, PROXY_RUNNING);
		log_warn("frontend.resumed", "Resumed frontend %.*s.", SLICE_ARG(p->name));
	}
}

/* ---- shutdown ---- */

static bool has_sockets(const struct proxy *p)
{
	for (const struct listener *l = p->listeners; l != NULL; l = l->next) {
		if (l->fd >= 0)
			return true;
	}
	return false;
}

/* @thread: the worker's. */
static void let_go(struct worker *w, const struct gather_job *job, struct buf *out)
{
	(void)job;
	accepting_refresh_task(&w->refresh);
	buf_add_char(out, '.');
}

/* Sockets that nobody watches any more are closed. */
static void shut(struct gather *g, const struct gather_job *job)
{
	struct proxy *p = (struct proxy *)(uintptr_t)job->what;
	struct cli *c = job->owner;
	bool all = true, whole;

	for (unsigned i = 0; i < c->gateway->worker_count; i++)
		all &= gather_answer(g, i, &whole).len > 0;
	if (all)
		listeners_release(p);
	else
		cli_say(c, "Not all threads have let it go yet, try again.");
	cli_gathered(c);
}

void cmd_shutdown_frontend(struct cli *c)
{
	struct proxy *p = cli_want_frontend(c, 2);

	if (p == NULL)
		return;
	if (atomic_load(&p->status) == PROXY_STOPPED && !has_sockets(p)) {
		cli_say(c, "Frontend was already shut down.");
		return;
	}
	atomic_store(&p->status, PROXY_STOPPED);
	listeners_suspend(p);
	log_warn("frontend.stopped", "Proxy %.*s stopped.", SLICE_ARG(p->name));
	cli_gather(c, let_go, p, shut);
}

/* ---- limits ---- */

/* Word number <i>, from 0 to <most>. False after saying what is wrong, in <none>'s words when it is no number. */
static bool read_limit(struct cli *c, unsigned i, unsigned most, const char *none, unsigned *out)
{
	struct slice rest;
	int64_t n;

	if (!cli_number(cli_word(c, i), &n, &rest) || rest.len > 0)
		cli_say(c, none);
	else if (n < 0 || n > most)
		cli_say(c, "Value out of range.");
	else {
		*out = (unsigned)n;
		return true;
	}
	return false;
}

void cmd_set_maxconn_frontend(struct cli *c)
{
	struct proxy *p = cli_want_frontend(c, 3);
	unsigned n;

	if (p == NULL || !read_limit(c, 4, INT32_MAX, "Integer value expected.", &n))
		return;
	atomic_store(&p->maxconn, n);
	accepting_refresh(c->gateway);
}

/* Not above what the process began with: its limit of descriptors was made for that. */
void cmd_set_maxconn_global(struct cli *c)
{
	unsigned n, most = runtime_hard_maxconn(c->gateway);

	if (!read_limit(c, 3, most, "Expects an integer value.", &n))
		return;
	atomic_store(&c->gateway->config->maxconn, n > 0 ? n : most);
	accepting_refresh(c->gateway);
}
