/* listen.c - opens a listening TCP socket on a numeric address. */
#include "shared/io/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/base/log.h"

/* Connections that the kernel holds until they are accepted; cut to net.core.somaxconn. */
#define BACKLOG 4096

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static bool parse(const char *text, uint16_t port, union address *out, socklen_t *len)
{
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &out->in.sin_addr) == 1) {
		out->in.sin_family = AF_INET;
		out->in.sin_port = htons(port);
		*len = sizeof(out->in);
		return true;
	}
	if (inet_pton(AF_INET6, text, &out->in6.sin6_addr) == 1) {
		out->in6.sin6_family = AF_INET6;
		out->in6.sin6_port = htons(port);
		*len = sizeof(out->in6);
		return true;
	}
	return false;
}

/* Sets errno on failure. */
static int open_bound(const union address *a, socklen_t len)
{
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;
	int v6_only = !IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr);
	int kept;

	if (fd < 0)
		return -1;
	/* Only skips the wait for old connections of ours; a second listener is still refused. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    (a->sa.sa_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only)) == 0) &&
	    bind(fd, &a->sa, len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	kept = errno;
	close(fd);
	errno = kept;
	return -1;
}

int listen_open(const char *name, const char *bind, uint16_t *port)
{
	union address a;
	socklen_t len;
	int fd;

	if (!parse(bind, *port, &a, &len)) {
		log_error("listen", "name=%s bind=%s reason=\"not a numeric address\"", name, LOG_Q(slice_str(bind)));
		return -1;
	}
	fd = open_bound(&a, len);
	if (fd < 0) {
		log_error("listen", "name=%s bind=%s port=%u errno=%d reason=\"%s\"", name, bind, (unsigned)*port, errno, strerror(errno));
		return -1;
	}
	len = sizeof(a);
	if (getsockname(fd, &a.sa, &len) == 0)
		*port = ntohs(a.sa.sa_family == AF_INET6 ? a.in6.sin6_port : a.in.sin_port);
	return fd;
}

void listen_address(const struct sockaddr *sa, char out[LISTEN_ADDRESS_SIZE])
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;
	const char *text = NULL;

	if (sa != NULL && sa->sa_family == AF_INET)
		text = inet_ntop(AF_INET, &in->sin_addr, out, LISTEN_ADDRESS_SIZE);
	else if (sa != NULL && sa->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		text = inet_ntop(AF_INET, in6->sin6_addr.s6_addr + 12, out, LISTEN_ADDRESS_SIZE);
	else if (sa != NULL && sa->sa_family == AF_INET6)
		text = inet_ntop(AF_INET6, &in6->sin6_addr, out, LISTEN_ADDRESS_SIZE);
	if (text == NULL)
		snprintf(out, LISTEN_ADDRESS_SIZE, "-");
}
