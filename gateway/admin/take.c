/* take.c - takes listening sockets, states of servers and facts of tokens over from an old process. */
#include "gateway/admin/take.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/admin/give.h"
#include "gateway/model/proxy.h"
#include "gateway/model/state.h"
#include "gateway/session/worker.h"
#include "gateway/table/tokens.h"
#include "shared/base/clock.h"

#define SOCKETS_MOST 65536         /* of one process */
#define TEXT_MOST (256u << 20)     /* bytes of states and facts */
#define PIECE 65536

void taken_init(struct taken *t)
{
	*t = (struct taken){ .fds = NULL };
	buf_init(&t->text, TEXT_MOST);
}

void taken_free(struct taken *t)
{
	for (unsigned i = 0; i < t->count; i++)
		close(t->fds[i]);
	free(t->fds);
	buf_free(&t->text);
	*t = (struct taken){ .fds = NULL };
}

/* ---- talking to it ---- */

/* The old process, at the other end of a socket. */
struct giver {
	int fd;
	int64_t deadline_us;
	const char *why; /* it failed; NULL: it has not */
};

static bool fail(struct giver *g, const char *why)
{
	if (g->why == NULL)
		g->why = why;
	return false;
}

static bool await(struct giver *g, short events)
{
	struct pollfd p = { .fd = g->fd, .events = events };
	int n;

	do {
		n = poll(&p, 1, clock_left_ms(g->deadline_us));
	} while (n < 0 && errno == EINTR);
	return n > 0 || fail(g, "it does not answer in time");
}

/* <pid> 0: whoever listens there. */
static bool giver_open(struct giver *g, const struct sockaddr_un *un, socklen_t len, pid_t pid)
{
	struct ucred peer = { 0 };
	socklen_t size = sizeof(peer);

	*g = (struct giver){ .deadline_us = clock_mono_us() + TAKE_MS * 1000 };
	g->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (g->fd < 0 || connect(g->fd, (const struct sockaddr *)un, len) != 0)
		return fail(g, strerror(errno));
	/* Anybody may take a name; the process that we were told to replace is the one that may hold it. */
	if (pid != 0 && (getsockopt(g->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid != pid))
		return fail(g, "another process answers in its place");
	return true;
}

static void giver_close(struct giver *g)
{
	if (g->fd >= 0)
		close(g->fd);
	g->fd = -1;
}

static bool say(struct giver *g, const void *what, size_t len)
{
	return await(g, POLLOUT) && (send(g->fd, what, len, MSG_NOSIGNAL) == (ssize_t)len || fail(g, "it does not listen"));
}

/* ---- sockets ---- */

static bool keep(struct taken *t, const int *fds, unsigned count)
{
	int *all = t->count + count > SOCKETS_MOST ? NULL : realloc(t->fds, (t->count + count) * sizeof(*all));

	if (all == NULL) {
		for (unsigned i = 0; i < count; i++)
			close(fds[i]);
		return false;
	}
	t->fds = all;
	memcpy(t->fds + t->count, fds, count * sizeof(*fds));
	t->count += count;
	return true;
}

/* One message of sockets; what it says about each is left aside, for we ask the sockets themselves. */
static bool receive_sockets(struct giver *g, struct taken *t)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE((GIVE_FDS_MOST + 1) * sizeof(int))];
	} control;
	char about[(GIVE_FDS_MOST + 1) * GIVE_ABOUT_MOST];
	struct iovec part = { .iov_base = about, .iov_len = sizeof(about) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof(control.space) };
	unsigned before = t->count;
	ssize_t n;

	if (!await(g, POLLIN))
		return false;
	n = recvmsg(g->fd, &message, MSG_CMSG_CLOEXEC);
	if (n <= 0)
		return fail(g, "it ended in the middle of its sockets");
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&message); h != NULL; h = CMSG_NXTHDR(&message, h)) {
		int fds[GIVE_FDS_MOST + 1];
		unsigned count = (unsigned)((h->cmsg_len - CMSG_LEN(0)) / sizeof(int));

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS || count > GIVE_FDS_MOST + 1)
			continue;
		memcpy(fds, CMSG_DATA(h), count * sizeof(int));
		if (!keep(t, fds, count))
			return fail(g, "it sends too many sockets");
	}
	return t->count > before || fail(g, "it sends something else than sockets");
}

static bool receive_total(struct giver *g, int *total)
{
	if (!say(g, "_getsocks\n", strlen("_getsocks\n")) || !await(g, POLLIN))
		return false;
	if (recv(g->fd, total, sizeof(*total), 0) != (ssize_t)sizeof(*total))
		return fail(g, "it gives no sockets away; is \"expose-fd listeners\" missing there?");
	return (*total >= 0 && *total <= SOCKETS_MOST) || fail(g, "it tells an absurd number of sockets");
}

static void ask_sockets(struct giver *g, struct taken *t)
{
	int total;

	if (!receive_total(g, &total))
		return;
	while (t->count < (unsigned)total) {
		int count;

		if (!receive_sockets(g, t))
			return;
		count = (int)t->count;
		/* HAProxy has closed its end behind the last one. */
		if (t->count < (unsigned)total && !say(g, &count, sizeof(count)))
			return;
	}
}

/* ---- text ---- */

/* What was read before something went wrong counts, up to the last whole line. */
static void ask_text(struct giver *g, const char *command, struct buf *out)
{
	ssize_t n = 1;

	if (!say(g, command, strlen(command)))
		return;
	while (n > 0 && await(g, POLLIN)) {
		if (!buf_reserve(out, PIECE)) {
			fail(g, "it tells too much");
			break;
		}
		n = recv(g->fd, out->ptr + out->len, PIECE, 0);
		out->len += n > 0 ? (size_t)n : 0;
	}
	while (out->len > 0 && out->ptr[out->len - 1] != '\n')
		out->len--;
}

static bool is_states(const struct buf *text)
{
	return slice_starts_with(buf_slice(text), SLICE_LIT("1\n"));
}

/* ---- all of it ---- */

static bool take(struct taken *t, const struct sockaddr_un *un, socklen_t len, pid_t pid, const char *name, struct buf *messages)
{
	/* HAProxy knows the second one only. */
	static const char *const commands[] = { "show handover\n", "show servers state\n" };
	struct giver g;

	if (giver_open(&g, un, len, pid))
		ask_sockets(&g, t);
	giver_close(&g);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]) && g.why == NULL && !is_states(&t->text); i++) {
		buf_clear(&t->text);
		if (giver_open(&g, un, len, pid))
			ask_text(&g, commands[i], &t->text);
		giver_close(&g);
	}
	if (g.why != NULL)
		buf_printf(messages, "[WARNING]  (%ld) : taking over from %s: %s\n", (long)getpid(), name, g.why);
	return t->count > 0;
}

bool take_from_path(struct taken *t, const char *path, struct buf *messages)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	size_t len = strlen(path);

	if (len >= sizeof(un.sun_path)) {
		buf_printf(messages, "[WARNING]  (%ld) : taking over from %s: the path is too long\n", (long)getpid(), path);
		return false;
	}
	memcpy(un.sun_path, path, len);
	return take(t, &un, sizeof(un), 0, path, messages);
}

/* A master's sockets are with its newest worker; a process that serves has no children. */
static pid_t worker_of(pid_t pid)
{
	char path[64], text[256];
	struct slice rest;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", (long)pid, (long)pid);
	f = fopen(path, "re");
	if (f == NULL)
		return pid;
	rest = slice_of(text, fread(text, 1, sizeof(text), f));
	fclose(f);
	while (rest.ptr != NULL) {
		uint64_t child;

		if (slice_to_u64(slice_cut(&rest, ' '), INT32_MAX, &child))
			pid = (pid_t)child;
	}
	return pid;
}

bool take_from_process(struct taken *t, pid_t old, struct buf *messages)
{
	pid_t pid = worker_of(old);
	struct sockaddr_un un;
	socklen_t len = give_door_address(pid, &un);
	char name[32];
	struct buf text;

	buf_init_fixed(&text, name, sizeof(name));
	buf_printf(&text, "process %ld", (long)pid);
	return take(t, &un, len, pid, name, messages);
}

/* ---- which socket is whose ---- */

/* A socket file keeps the name under which it was made: "<path>.<pid>.tmp". */
static bool same_path(const char *path, const char *bound)
{
	size_t len = strlen(path);
	struct slice rest;
	uint64_t pid;

	if (strncmp(path, bound, len) != 0)
		return false;
	rest = slice_str(bound + len);
	if (rest.len == 0)
		return true;
	return slice_starts_with(rest, SLICE_LIT(".")) && rest.len > 5 && slice_eq(slice_sub(rest, rest.len - 4, rest.len), SLICE_LIT(".tmp")) &&
	       slice_to_u64(slice_sub(rest, 1, rest.len - 4), INT32_MAX, &pid);
}

static bool same_unix(const struct listener *l, const struct sockaddr_un *b, socklen_t len)
{
	const struct sockaddr_un *a = (const struct sockaddr_un *)&l->sa;

	if (a->sun_path[0] == '\0')
		return len == l->sa_len && memcmp(a, b, len) == 0;
	return same_path(a->sun_path, b->sun_path);
}

static bool same_inet(const struct sockaddr_in *a, const struct sockaddr_in *b)
{
	return a->sin_port == b->sin_port && a->sin_addr.s_addr == b->sin_addr.s_addr;
}

static bool same_inet6(const struct listener *l, const struct sockaddr_in6 *b, int fd)
{
	const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)&l->sa;
	int only = 0;
	socklen_t len = sizeof(only);

	if (a->sin6_port != b->sin6_port || memcmp(&a->sin6_addr, &b->sin6_addr, sizeof(a->sin6_addr)) != 0 ||
	    a->sin6_scope_id != b->sin6_scope_id)
		return false;
	if (getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &len) != 0)
		return false;
	return !(l->v6only && !only) && !(l->v4v6 && only);
}

static bool same_interface(const struct listener *l, int fd)
{
	char name[64] = "";
	socklen_t len = sizeof(name) - 1;

	if (getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &len) != 0)
		len = 0;
	return slice_eq(slice_str(name), l->interface);
}

static bool is_listening(int fd)
{
	int on = 0, type = 0;
	socklen_t len = sizeof(on);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	       type == SOCK_STREAM;
}

static bool belongs(const struct listener *l, int fd)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof(sa);

	if (getsockname(fd, (struct sockaddr *)&sa, &len) != 0 || sa.ss_family != l->sa.ss_family)
		return false;
	switch (sa.ss_family) {
	case AF_UNIX:
		return same_unix(l, (const struct sockaddr_un *)&sa, len);
	case AF_INET:
		return same_inet((const struct sockaddr_in *)&l->sa, (const struct sockaddr_in *)&sa) && same_interface(l, fd);
	case AF_INET6:
		return same_inet6(l, (const struct sockaddr_in6 *)&sa, fd) && same_interface(l, fd);
	default:
		return false;
	}
}

static void take_one(struct taken *t, struct listener *l)
{
	if (l->fd >= 0 || l->inherited_fd >= 0)
		return;
	for (unsigned i = 0; i < t->count; i++) {
		if (!belongs(l, t->fds[i]) || !is_listening(t->fds[i]))
			continue;
		l->fd = t->fds[i];
		l->is_shared = true;
		t->fds[i] = t->fds[--t->count];
		return;
	}
}

void take_sockets(struct taken *t, struct config *c)
{
	for (struct proxy *p = c->proxies; p != NULL; p = p->next) {
		for (struct listener *l = p->listeners; l != NULL && !p->disabled; l = l->next)
			take_one(t, l);
	}
	for (struct listener *l = c->runtime_sockets; l != NULL; l = l->next)
		take_one(t, l);
}

void take_states(const struct taken *t, struct gateway *g)
{
	struct slice rest = buf_slice(&t->text);
	const char *end = memmem(rest.ptr, rest.len, "\n\n", 2);
	size_t states = end == NULL ? rest.len : (size_t)(end - rest.ptr) + 1;

	if (!is_states(&t->text))
		return;
	server_states_read(g, slice_sub(rest, 0, states));
	if (g->tokens != NULL)
		token_table_read(g->tokens, slice_sub(rest, states, rest.len), clock_mono_us() / 1000);
}
