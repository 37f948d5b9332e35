/* give.c - hands the listening sockets, the states of servers and the facts of tokens over to a new process.
 *
 * "_getsocks": an int with the number of sockets, then messages of up to GIVE_FDS_MOST descriptors. The peer answers each with an int; the
 * next is sent only then, so that no more descriptors are in flight than one message holds.
 */
#include "gateway/admin/give.h"

#include <errno.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/admin/command.h"
#include "gateway/admin/kin.h"
#include "gateway/model/proxy.h"
#include "gateway/model/state.h"
#include "gateway/session/worker.h"
#include "gateway/table/tokens.h"
#include "shared/base/clock.h"

/* ---- the door ---- */

socklen_t give_door_address(pid_t pid, struct sockaddr_un *out)
{
	int len;

	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	len = snprintf(out->sun_path + 1, sizeof(out->sun_path) - 1, "moa-gateway-%ld", (long)pid);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
}

void give_door_open(struct config *c)
{
	struct listener **end = &c->runtime_sockets, *l;
	struct sockaddr_un un;
	socklen_t len = give_door_address(getpid(), &un);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&un, len) != 0 || listen(fd, SOMAXCONN) != 0) {
		if (fd >= 0)
			close(fd);
		return;
	}
	l = arena_alloc(c->arena, sizeof(*l));
	*l = (struct listener){ .fd = fd, .inherited_fd = -1, .unix_mode = -1, .unix_uid = -1, .unix_gid = -1, .level = CLI_USER,
				.expose_fd = true, .is_door = true, .sa_len = len };
	l->address = arena_printf(c->arena, "abns@%s", un.sun_path + 1);
	memcpy(&l->sa, &un, sizeof(un));
	while (*end != NULL)
		end = &(*end)->next;
	*end = l;
}

bool give_may_enter(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}

/* ---- sockets ---- */

struct giving {
	unsigned total, given;
	bool told;     /* the total was sent */
	bool awaiting; /* the peer's answer to a message */
};

static bool is_given(const struct listener *l)
{
	return l->fd >= 0 && !l->is_door;
}

/* Number <at> of those that are given, or NULL. */
static struct listener *given(const struct gateway *g, unsigned at)
{
	for (const struct proxy *p = g->config->proxies; p != NULL; p = p->next) {
		for (struct listener *l = p->listeners; l != NULL; l = l->next) {
			/* The sockets of a stopped frontend are closed when all threads have let go of them. */
			if (atomic_load(&p->status) != PROXY_STOPPED && is_given(l) && at-- == 0)
				return l;
		}
	}
	for (struct listener *l = g->config->runtime_sockets; l != NULL; l = l->next) {
		if (is_given(l) && at-- == 0)
			return l;
	}
	return NULL;
}

static size_t describe(const struct listener *l, char *out)
{
	size_t at = 0;

	out[at++] = 0; /* no namespace */
	out[at++] = (char)l->interface.len;
	if (l->interface.len > 0)
		memcpy(out + at, l->interface.ptr, l->interface.len);
	at += l->interface.len;
	memset(out + at, 0, sizeof(int));
	return at + sizeof(int);
}

/* False: it has to be tried again, or never. */
static bool send_piece(struct cli *c, struct msghdr *message)
{
	ssize_t n;

	do {
		n = sendmsg(c->watch.fd, message, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		c->writable = false; /* an error is an event as well, and the next read meets it */
	return n >= 0;
}

static bool send_total(struct cli *c, struct giving *state)
{
	int total = (int)state->total;
	struct iovec part = { .iov_base = &total, .iov_len = sizeof(total) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	state->told = send_piece(c, &message);
	return state->told;
}

static bool send_sockets(struct cli *c, struct giving *state)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(GIVE_FDS_MOST * sizeof(int))];
	} control;
	char about[GIVE_FDS_MOST * (2 + IFNAMSIZ + sizeof(int))];
	int fds[GIVE_FDS_MOST];
	struct iovec part = { .iov_base = about };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space };
	unsigned count = 0;
	struct listener *l;

	while (count < GIVE_FDS_MOST && (l = given(c->gateway, state->given + count)) != NULL) {
		part.iov_len += describe(l, about + part.iov_len);
		fds[count++] = l->fd;
		l->is_shared = true;
	}
	if (count == 0)
		return false;
	message.msg_controllen = CMSG_SPACE(count * sizeof(int));
	memset(&control, 0, sizeof(control));
	*CMSG_FIRSTHDR(&message) = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(count * sizeof(int)) };
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), fds, count * sizeof(int));
	if (!send_piece(c, &message))
		return false;
	state->given += count;
	state->awaiting = true;
	return true;
}

/* False: not yet, or never (c->ended). */
static bool take_answer(struct cli *c, struct giving *state)
{
	char answer[64];
	ssize_t n = recv(c->watch.fd, answer, sizeof(answer), MSG_DONTWAIT);

	if (n > 0) {
		state->awaiting = false;
		return true;
	}
	c->readable = false;
	c->ended = n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
	return false;
}

static bool give_more(struct cli *c)
{
	struct giving *state = c->state;

	c->wants_input = false;
	/* Once it is stopping, the threads close the sockets without asking us. */
	while (!atomic_load(&c->gateway->stopping) && (!state->told || state->given < state->total)) {
		if (state->awaiting && !take_answer(c, state)) {
			c->wants_input = !c->ended;
			return c->ended;
		}
		if (!(state->told ? send_sockets(c, state) : send_total(c, state)))
			return c->writable; /* nothing is left, or there is no room now */
	}
	return true;
}

/* Nothing but what the protocol says is written, and the connection is closed behind it. */
void cmd_getsocks(struct cli *c)
{
	struct giving *state;

	c->silent = true;
	c->end = CLI_ENDS;
	if (!c->listener->expose_fd || c->listener->sa.ss_family != AF_UNIX || atomic_load(&c->gateway->stopping))
		return;
	state = calloc(1, sizeof(*state));
	if (state == NULL)
		return;
	while (given(c->gateway, state->total) != NULL)
		state->total++;
	c->state = state;
	c->more = give_more;
}

/* ---- states and facts ---- */

static bool write_facts(struct cli *c)
{
	unsigned *part = c->state;

	while (c->out.len < CLI_PIECE) {
		if (!token_table_write_part(c->gateway->tokens, (*part)++, clock_mono_us() / 1000, &c->out))
			return true;
	}
	return false;
}

/* What "show servers state" says, an empty line, and a line of facts for each token (table/token_save.c). */
void cmd_show_handover(struct cli *c)
{
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);

	if (!c->listener->expose_fd) {
		cli_say(c, "Permission denied");
		return;
	}
	/* First: so that no fact is made between the table and what is told one by one. */
	if (getsockopt(c->watch.fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid > 0)
		kin_meet(c->gateway, peer.pid);
	server_states_write(c->gateway, NULL, &c->out);
	c->state = calloc(1, sizeof(unsigned));
	if (c->state != NULL && c->gateway->tokens != NULL)
		c->more = write_facts;
}
