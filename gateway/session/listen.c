/* listen.c - accepts from the listening sockets in every worker.
 *
 * A worker stops watching a socket while a limit is met (maxconn of the frontend or the process, descriptors): new
 * connections wait in the kernel's queue meanwhile, and another process, after a reload, may take them.
 */
#include "gateway/session/listen.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "gateway/loop/container.h"
#include "gateway/model/proxy.h"
#include "gateway/session/client.h"
#include "gateway/session/gateway.h"
#include "gateway/session/worker.h"

/* One listener in one worker. */
struct accepting {
	struct watch watch;
	struct listener *listener;
	struct worker *worker;
	bool watched;
};

/* ---- limits ---- */

static bool below_limits(struct gateway *g, struct listener *l)
{
	return atomic_load(&g->connections) < g->config->maxconn && atomic_load(&l->proxy->places) < l->proxy->maxconn &&
	       (l->maxconn == 0 || atomic_load(&l->connections) < l->maxconn);
}

static bool may_accept(const struct accepting *a)
{
	struct listener *l = a->listener;

	/* The descriptor of a stopped frontend, or when no worker accepts any more, may be gone: it is not looked at. */
	return !a->worker->accepting_over && atomic_load(&l->proxy->status) == PROXY_RUNNING && l->fd >= 0 &&
	       below_limits(a->worker->gateway, l);
}

static void set_watched(struct accepting *a, bool on)
{
	if (a->watched == on)
		return;
	if (on)
		a->watched = loop_watch_shared(a->worker->loop, &a->watch) == ERR_OK;
	else
		loop_unwatch(a->worker->loop, &a->watch);
	if (!on)
		a->watched = false;
}

/* Stops watching until a connection ends. The flag is set first: whoever ends one meanwhile sees it, or we see that there is room. */
static void pause_accepting(struct accepting *a)
{
	atomic_store(&a->worker->gateway->accepting_paused, true);
	set_watched(a, may_accept(a));
}

static void leave(struct listener *l, struct gateway *g)
{
	atomic_fetch_sub(&l->connections, 1);
	atomic_fetch_sub(&l->proxy->places, 1);
	atomic_fetch_sub(&g->connections, 1);
}

/* Takes a place at the listener, at the frontend and in the process. */
static bool enter(struct accepting *a)
{
	struct listener *l = a->listener;
	struct gateway *g = a->worker->gateway;
	struct proxy *p = l->proxy;
	unsigned here = atomic_fetch_add(&l->connections, 1) + 1, now = atomic_fetch_add(&p->places, 1) + 1;
	unsigned all = atomic_fetch_add(&g->connections, 1) + 1;

	if ((l->maxconn == 0 || here <= l->maxconn) && now <= p->maxconn && all <= g->config->maxconn)
		return true;
	leave(l, g);
	return false;
}

void listener_left(struct listener *l, struct worker *w)
{
	struct gateway *g = w->gateway;

	leave(l, g);
	atomic_fetch_sub(&l->proxy->connections, 1);
	atomic_fetch_sub_explicit(&w->client_count, 1, memory_order_relaxed);
	if (atomic_load_explicit(&g->accepting_paused, memory_order_relaxed) && atomic_exchange(&g->accepting_paused, false))
		accepting_refresh(g);
	gateway_end_if_idle(g);
}

/* ---- accepting ---- */

static void count_connection(struct worker *w, const struct listener *l)
{
	struct tally *t = &w->frontends[l->proxy->index];
	unsigned now = atomic_fetch_add(&l->proxy->connections, 1) + 1;
	int64_t now_ms = loop_now_ms(w->loop);

	if (now > atomic_load_explicit(&l->proxy->connections_most, memory_order_relaxed))
		atomic_store_explicit(&l->proxy->connections_most, now, memory_order_relaxed);
	tally_add(&t->sessions, 1);
	tally_rate_add(&t->session_rate, now_ms, 1);
	tally_rate_add(&t->connection_rate, now_ms, 1);
	tally_add(&w->listeners[l->index].sessions, 1);
	tally_add(&w->connections, 1);
	atomic_fetch_add_explicit(&w->client_count, 1, memory_order_relaxed);
}

/* False: nobody waits, or nobody can be taken now. */
static bool accept_one(struct accepting *a)
{
	struct worker *w = a->worker;
	struct sockaddr_storage from = { 0 };
	socklen_t len = sizeof(from);
	int fd;

	if (!enter(a)) {
		pause_accepting(a);
		return false;
	}
	fd = accept4(a->listener->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		count_connection(w, a->listener);
		client_accepted(w, a->listener, fd, &from);
		return true;
	}
	leave(a->listener, w->gateway);
	if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
		set_watched(a, false); /* the second's timer tries again */
	return errno == EINTR || errno == ECONNABORTED;
}

static void accept_ready(struct watch *watch, unsigned events)
{
	struct accepting *a = container_of(watch, struct accepting, watch);

	(void)events;
	for (unsigned i = 0; i < a->worker->gateway->config->maxaccept; i++) {
		if (!may_accept(a)) {
			pause_accepting(a);
			return;
		}
		if (!accept_one(a))
			return;
	}
}

/* ---- each worker's part ---- */

/* A process that shares the socket may have been woken for a connection and have ended before it took it. Watching anew tells us. */
static void look_anew(struct accepting *a)
{
	if (a->worker == worker_first(a->worker->gateway) && a->listener->is_shared)
		set_watched(a, false);
}

static void refresh(struct worker *w)
{
	for (unsigned i = 0; i < w->gateway->config->listener_count; i++) {
		struct accepting *a = &w->accepting[i];

		if (a->listener == NULL)
			continue;
		look_anew(a);
		set_watched(a, may_accept(a));
	}
}

void accepting_refresh_task(struct task *t)
{
	refresh(container_of(t, struct worker, refresh));
}

void accepting_start(struct worker *w)
{
	w->accepting = calloc(w->gateway->config->listener_count + 1, sizeof(*w->accepting));
	if (w->accepting == NULL)
		abort();
	for (struct proxy *p = w->gateway->config->proxies; p != NULL; p = p->next) {
		for (struct listener *l = p->listeners; l != NULL; l = l->next) {
			struct accepting *a = &w->accepting[l->index];

			if (l->fd >= 0)
				*a = (struct accepting){ .watch = { .fd = l->fd, .ready = accept_ready }, .listener = l, .worker = w };
		}
	}
	refresh(w);
}

/* The order matters where another process has the socket as well: whoever connects wakes one of all that watch it. After the unwatching
 * that is not us any more; before it, it may have been us alone, so we take who is there. */
static void end_one(struct accepting *a)
{
	bool may = a->listener != NULL && may_accept(a);

	set_watched(a, false);
	while (may && accept_one(a))
		;
	set_watched(a, false); /* a limit that was met may have brought it back */
}

void accepting_end(struct worker *w)
{
	struct gateway *g = w->gateway;

	for (unsigned i = 0; i < g->config->listener_count; i++)
		end_one(&w->accepting[i]);
	w->accepting_over = true;
	/* Closed in the thread that looks at them for commands. */
	if (atomic_fetch_add(&g->workers_ended, 1) + 1 == g->worker_count)
		loop_post(worker_first(g)->loop, &g->close_listeners);
}

void accepting_stop(struct worker *w)
{
	for (unsigned i = 0; w->accepting != NULL && i < w->gateway->config->listener_count; i++)
		set_watched(&w->accepting[i], false);
	free(w->accepting);
	w->accepting = NULL;
}

void accepting_refresh(struct gateway *g)
{
	for (unsigned i = 0; i < g->worker_count; i++)
		loop_post(g->workers[i].loop, &g->workers[i].refresh);
}
