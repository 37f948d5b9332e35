/* listen.c - opens listening sockets and accepts from them in every worker.
 *
 * A worker stops watching a socket while a limit is met (maxconn of the frontend or the process, descriptors): new
 * connections wait in the kernel's queue meanwhile, and another process, after a reload, may take them.
 */
#include "gateway/session/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/loop/container.h"
#include "gateway/model/proxy.h"
#include "gateway/session/client.h"
#include "gateway/session/gateway.h"
#include "gateway/session/worker.h"

#define BACKLOG 4096

/* One listener in one worker. */
struct accepting {
	struct watch watch;
	struct listener *listener;
	struct worker *worker;
	bool watched;
};

/* ---- opening ---- */

static bool complain(const struct listener *l, const char *what, struct buf *messages)
{
	buf_printf(messages, "[ALERT] %.*s:%u : cannot bind to %.*s: %s: %s\n", SLICE_ARG(l->file), l->line, SLICE_ARG(l->address), what,
		   strerror(errno));
	return false;
}

/* A socket file that nobody listens on is in the way. */
static void remove_stale(const struct sockaddr_un *un)
{
	struct stat st;

	if (un->sun_path[0] != '\0' && stat(un->sun_path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(un->sun_path);
}

static void set_rights(const struct listener *l)
{
	const char *path = ((const struct sockaddr_un *)&l->sa)->sun_path;

	if (l->sa.ss_family != AF_UNIX || path[0] == '\0')
		return;
	if (l->unix_mode >= 0)
		(void)!chmod(path, (mode_t)l->unix_mode);
	if (l->unix_uid >= 0 || l->unix_gid >= 0)
		(void)!chown(path, (uid_t)l->unix_uid, (gid_t)l->unix_gid);
}

static void set_options(const struct listener *l, int fd)
{
	int one = 1, both = l->v4v6 ? 0 : 1, seconds = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	/* For an old process that still listens: both may, until it stops. */
	if (l->sa.ss_family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (l->sa.ss_family == AF_INET6 && (l->v6only || l->v4v6))
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &both, sizeof(both));
	if (l->defer_accept)
		setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds));
	if (l->tfo)
		setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &(int){ BACKLOG }, sizeof(int));
	if (l->interface.len > 0)
		setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, l->interface.ptr, (socklen_t)l->interface.len);
}

static int backlog_of(const struct listener *l)
{
	return l->backlog > 0 ? (int)l->backlog : BACKLOG;
}

/* fd@N: what another program opened for us, listening already or not. */
static bool adopt(struct listener *l, int fd, struct buf *messages)
{
	int listening = 0, flags;
	socklen_t len = sizeof(listening);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) != 0)
		return complain(l, "this descriptor is no socket", messages);
	if (!listening && listen(fd, backlog_of(l)) != 0)
		return complain(l, "listen", messages);
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
		return complain(l, "O_NONBLOCK", messages);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	l->sa_len = sizeof(l->sa);
	getsockname(fd, (struct sockaddr *)&l->sa, &l->sa_len);
	l->fd = fd;
	return true;
}

bool listener_open(struct listener *l, struct buf *messages)
{
	int fd;

	if (l->fd >= 0)
		return adopt(l, l->fd, messages);
	if (l->inherited_fd >= 0)
		return adopt(l, l->inherited_fd, messages);
	fd = socket(l->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return complain(l, "socket", messages);
	set_options(l, fd);
	if (l->sa.ss_family == AF_UNIX)
		remove_stale((const struct sockaddr_un *)&l->sa);
	if (bind(fd, (const struct sockaddr *)&l->sa, l->sa_len) != 0 || listen(fd, backlog_of(l)) != 0) {
		complain(l, "bind", messages);
		close(fd);
		return false;
	}
	l->sa_len = sizeof(l->sa);
	getsockname(fd, (struct sockaddr *)&l->sa, &l->sa_len);
	set_rights(l);
	l->fd = fd;
	return true;
}

bool listeners_open(struct gateway *g, struct buf *messages)
{
	bool ok = true;

	for (struct proxy *p = g->config->proxies; p != NULL; p = p->next) {
		for (struct listener *l = p->listeners; l != NULL && !p->disabled; l = l->next)
			ok &= listener_open(l, messages);
	}
	return ok;
}

void listeners_release(struct proxy *p)
{
	for (struct listener *l = p->listeners; l != NULL; l = l->next) {
		if (l->fd >= 0)
			close(l->fd);
		l->fd = -1;
	}
}

void listeners_close(struct gateway *g)
{
	for (struct proxy *p = g->config->proxies; p != NULL; p = p->next)
		listeners_release(p);
}

/* Whether it can stop listening for a while: a socket file cannot, and a socket that others gave us is theirs as well. */
static bool can_suspend(const struct listener *l)
{
	return l->fd >= 0 && l->inherited_fd < 0 && l->sa.ss_family != AF_UNIX;
}

void listeners_suspend(struct proxy *p)
{
	for (struct listener *l = p->listeners; l != NULL; l = l->next) {
		if (can_suspend(l))
			shutdown(l->fd, SHUT_RD); /* Linux: not listening any more, still bound */
	}
}

bool listeners_resume(struct proxy *p)
{
	for (struct listener *l = p->listeners; l != NULL; l = l->next) {
		if (can_suspend(l) && listen(l->fd, backlog_of(l)) != 0)
			return false;
	}
	return true;
}

/* ---- limits ---- */

static bool below_limits(struct gateway *g, struct listener *l)
{
	return atomic_load(&g->connections) < g->config->maxconn && atomic_load(&l->proxy->connections) < l->proxy->maxconn &&
	       (l->maxconn == 0 || atomic_load(&l->connections) < l->maxconn);
}

static bool may_accept(const struct accepting *a)
{
	struct proxy *p = a->listener->proxy;
	struct gateway *g = a->worker->gateway;

	/* The descriptor of a stopped frontend may be gone: it is not looked at. */
	return atomic_load(&p->status) == PROXY_RUNNING && a->listener->fd >= 0 && !atomic_load(&g->stopping) &&
	       below_limits(g, a->listener);
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
	atomic_fetch_sub(&l->proxy->connections, 1);
	atomic_fetch_sub(&g->connections, 1);
}

/* Takes a place at the listener, at the frontend and in the process. */
static bool enter(struct accepting *a)
{
	struct listener *l = a->listener;
	struct gateway *g = a->worker->gateway;
	struct proxy *p = l->proxy;
	unsigned here = atomic_fetch_add(&l->connections, 1) + 1, now = atomic_fetch_add(&p->connections, 1) + 1;
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
	atomic_fetch_sub_explicit(&w->client_count, 1, memory_order_relaxed);
	if (atomic_load_explicit(&g->accepting_paused, memory_order_relaxed) && atomic_exchange(&g->accepting_paused, false))
		accepting_refresh(g);
	gateway_end_if_idle(g);
}

/* ---- accepting ---- */

static void count_connection(struct worker *w, const struct listener *l)
{
	struct tally *t = &w->frontends[l->proxy->index];
	int64_t now_ms = loop_now_ms(w->loop);
	unsigned now = atomic_load_explicit(&l->proxy->connections, memory_order_relaxed);

	if (now > atomic_load_explicit(&l->proxy->connections_most, memory_order_relaxed))
		atomic_store_explicit(&l->proxy->connections_most, now, memory_order_relaxed);
	tally_add(&t->sessions, 1);
	tally_rate_add(&t->session_rate, now_ms, 1);
	tally_rate_add(&t->connection_rate, now_ms, 1);
	tally_add(&w->listeners[l->index].sessions, 1);
	tally_add(&w->connections, 1);
	atomic_fetch_add_explicit(&w->client_count, 1, memory_order_relaxed);
}

static void accept_ready(struct watch *watch, unsigned events)
{
	struct accepting *a = container_of(watch, struct accepting, watch);
	struct worker *w = a->worker;

	(void)events;
	for (unsigned i = 0; i < w->gateway->config->maxaccept; i++) {
		struct sockaddr_storage from = { 0 };
		socklen_t len = sizeof(from);
		int fd;

		if (!may_accept(a) || !enter(a)) {
			pause_accepting(a);
			return;
		}
		fd = accept4(a->listener->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			count_connection(w, a->listener);
			client_accepted(w, a->listener, fd, &from);
			continue;
		}
		leave(a->listener, w->gateway);
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			set_watched(a, false); /* the second's timer tries again */
		if (errno != EINTR && errno != ECONNABORTED)
			return;
	}
}

/* ---- each worker's part ---- */

static void refresh(struct worker *w)
{
	for (unsigned i = 0; i < w->gateway->config->listener_count; i++) {
		if (w->accepting[i].listener != NULL)
			set_watched(&w->accepting[i], may_accept(&w->accepting[i]));
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
