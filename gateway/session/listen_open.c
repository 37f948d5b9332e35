/* listen_open.c - opens listening sockets: own ones, inherited ones, and those that an old process handed over.
 *
 * A socket file is made under another name, "<path>.<pid>.tmp", and moved to its place when all else has succeeded: so an old process
 * that listens there goes on if we fail, and no client finds nothing there. The name is HAProxy's, so that each knows the other's.
 */
#include "gateway/session/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/model/proxy.h"
#include "gateway/session/worker.h"

#define BACKLOG 4096

static bool complain(const struct listener *l, const char *what, struct buf *messages)
{
	buf_printf(messages, "[ALERT]    (%ld) : %.*s:%u : cannot bind to %.*s: %s: %s\n", (long)getpid(), SLICE_ARG(l->file), l->line,
		   SLICE_ARG(l->address), what, strerror(errno));
	return false;
}

static int backlog_of(const struct listener *l)
{
	return l->backlog > 0 ? (int)l->backlog : BACKLOG;
}

static const char *path_of(const struct listener *l)
{
	const char *path = ((const struct sockaddr_un *)&l->sa)->sun_path;

	return l->sa.ss_family == AF_UNIX && path[0] != '\0' ? path : NULL;
}

static void set_rights(const struct listener *l, const char *path)
{
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

/* ---- what others opened ---- */

/* Listening already or not. */
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
	l->fd = fd;
	return true;
}

static bool adopt_inherited(struct listener *l, struct buf *messages)
{
	if (!adopt(l, l->inherited_fd, messages))
		return false;
	l->sa_len = sizeof(l->sa);
	getsockname(l->fd, (struct sockaddr *)&l->sa, &l->sa_len);
	return true;
}

/* What the old process had set differently is set anew; its connections that wait stay. */
static bool adopt_taken(struct listener *l, struct buf *messages)
{
	if (!adopt(l, l->fd, messages))
		return false;
	listen(l->fd, backlog_of(l));
	if (path_of(l) != NULL)
		set_rights(l, path_of(l));
	return true;
}

/* ---- our own ---- */

/* False: it is too long. */
static bool name_aside(const struct listener *l, struct sockaddr_un *out)
{
	int n;

	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	n = snprintf(out->sun_path, sizeof(out->sun_path), "%s.%ld.tmp", path_of(l), (long)getpid());
	return n > 0 && (size_t)n < sizeof(out->sun_path);
}

static bool bind_file(struct listener *l, int fd)
{
	struct sockaddr_un aside;

	if (!name_aside(l, &aside)) {
		errno = ENAMETOOLONG;
		return false;
	}
	unlink(aside.sun_path);
	if (bind(fd, (struct sockaddr *)&aside, sizeof(aside)) != 0)
		return false;
	set_rights(l, aside.sun_path);
	l->is_aside = true;
	return true;
}

static bool bind_port(struct listener *l, int fd)
{
	return bind(fd, (const struct sockaddr *)&l->sa, l->sa_len) == 0;
}

bool listener_open(struct listener *l, struct buf *messages)
{
	int fd;

	if (l->fd >= 0)
		return adopt_taken(l, messages);
	if (l->inherited_fd >= 0)
		return adopt_inherited(l, messages);
	fd = socket(l->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return complain(l, "socket", messages);
	set_options(l, fd);
	if (!(path_of(l) != NULL ? bind_file(l, fd) : bind_port(l, fd)) || listen(fd, backlog_of(l)) != 0) {
		complain(l, "bind", messages);
		close(fd);
		return false;
	}
	l->fd = fd;
	if (l->sa.ss_family != AF_UNIX) {
		l->sa_len = sizeof(l->sa);
		getsockname(fd, (struct sockaddr *)&l->sa, &l->sa_len);
	}
	return true;
}

static bool publish(struct listener *l, struct buf *messages)
{
	struct sockaddr_un aside;

	if (!l->is_aside || !name_aside(l, &aside))
		return true;
	l->is_aside = false;
	return rename(aside.sun_path, path_of(l)) == 0 || complain(l, "rename", messages);
}

/* ---- all of them ---- */

bool listeners_open(struct gateway *g, struct buf *messages)
{
	bool ok = true;

	for (struct proxy *p = g->config->proxies; p != NULL; p = p->next) {
		for (struct listener *l = p->listeners; l != NULL && !p->disabled; l = l->next)
			ok &= listener_open(l, messages);
	}
	return ok;
}

bool listeners_publish(struct gateway *g, struct buf *messages)
{
	bool ok = true;

	for (struct proxy *p = g->config->proxies; p != NULL; p = p->next) {
		for (struct listener *l = p->listeners; l != NULL; l = l->next)
			ok &= publish(l, messages);
	}
	for (struct listener *l = g->config->runtime_sockets; l != NULL; l = l->next)
		ok &= publish(l, messages);
	return ok;
}

void listener_close(struct listener *l)
{
	struct sockaddr_un aside;

	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	if (l->is_aside && name_aside(l, &aside))
		unlink(aside.sun_path);
	l->is_aside = false;
}

void listeners_release(struct proxy *p)
{
	for (struct listener *l = p->listeners; l != NULL; l = l->next)
		listener_close(l);
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
