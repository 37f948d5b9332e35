/* address.c - takes addresses apart, and makes socket addresses of them. */
#include "gateway/conf/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#define HOST_MOST 255 /* bytes of a name; also more than any address as text has */
#define PORT_MOST 65535

/* What stands in front of '@'. */
struct prefix {
	struct slice text;
	enum address_kind kind; /* ADDRESS_INET also for what may turn out to be a name */
	int family;
	int socket_type;        /* SOCK_STREAM or SOCK_DGRAM when the prefix demands one, else 0 */
};

static const struct prefix prefixes[] = {
	{ SLICE("ip@"), ADDRESS_INET, AF_UNSPEC, 0 },
	{ SLICE("ipv4@"), ADDRESS_INET, AF_INET, 0 },
	{ SLICE("ipv6@"), ADDRESS_INET, AF_INET6, 0 },
	{ SLICE("unix@"), ADDRESS_UNIX, AF_UNIX, 0 },
	{ SLICE("abns@"), ADDRESS_ABNS, AF_UNIX, 0 },
	{ SLICE("fd@"), ADDRESS_FD, AF_UNSPEC, 0 },
	{ SLICE("tcp@"), ADDRESS_INET, AF_UNSPEC, SOCK_STREAM },
	{ SLICE("tcp4@"), ADDRESS_INET, AF_INET, SOCK_STREAM },
	{ SLICE("tcp6@"), ADDRESS_INET, AF_INET6, SOCK_STREAM },
	{ SLICE("udp@"), ADDRESS_INET, AF_UNSPEC, SOCK_DGRAM },
	{ SLICE("udp4@"), ADDRESS_INET, AF_INET, SOCK_DGRAM },
	{ SLICE("udp6@"), ADDRESS_INET, AF_INET6, SOCK_DGRAM },
};

/* Cuts the prefix off <text>. */
static struct prefix prefix_of(struct slice *text)
{
	static const struct prefix none = { .kind = ADDRESS_INET, .family = AF_UNSPEC };
	static const struct slice stream = SLICE("stream+"), dgram = SLICE("dgram+");
	struct prefix found = none;
	int socket_type = 0;

	if (slice_starts_with(*text, stream) || slice_starts_with(*text, dgram)) {
		socket_type = text->ptr[0] == 's' ? SOCK_STREAM : SOCK_DGRAM;
		*text = slice_sub(*text, slice_find(*text, '+') + 1, text->len);
	}
	if (text->len > 0 && text->ptr[0] == '/') {
		found.kind = ADDRESS_UNIX;
		found.family = AF_UNIX;
	}
	for (unsigned i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (slice_starts_with(*text, prefixes[i].text)) {
			found = prefixes[i];
			*text = slice_sub(*text, found.text.len, text->len);
			break;
		}
	}
	if (socket_type != 0)
		found.socket_type = socket_type;
	return found;
}

static bool is_number(struct slice host, int family)
{
	struct sockaddr_storage space;
	char text[HOST_MOST + 1];

	if (host.len > HOST_MOST)
		return false;
	memcpy(text, host.len > 0 ? host.ptr : "", host.len);
	text[host.len] = '\0';
	return inet_pton(family, text, &space) == 1;
}

static bool is_wildcard(struct slice host)
{
	return host.len == 0 || slice_eq(host, SLICE_LIT("*"));
}

static bool is_name(struct slice host)
{
	for (size_t i = 0; i < host.len; i++) {
		char c = host.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'))
			return false;
	}
	return host.len > 0 && host.len <= HOST_MOST;
}

/* Says what <host> is, brackets taken off; false when it is neither a number of the family that was asked for nor a name. */
static bool host_classify(struct address *out)
{
	struct slice host = out->host;
	bool bracketed = host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';

	if (bracketed) {
		host = slice_sub(host, 1, host.len - 1);
		out->host = host;
	}
	out->kind = ADDRESS_INET;
	if (!bracketed && is_wildcard(host)) {
		out->family = out->family == AF_INET6 ? AF_INET6 : AF_INET;
		return true;
	}
	if (out->family != AF_INET && is_number(host, AF_INET6)) {
		out->family = AF_INET6;
		return true;
	}
	if (bracketed)
		return false;
	if (out->family != AF_INET6 && is_number(host, AF_INET)) {
		out->family = AF_INET;
		return true;
	}
	out->kind = ADDRESS_NAME;
	return is_name(host);
}

/* Decimal digits, leading zeros allowed as HAProxy allows them. */
static bool digits(struct slice text, int most, int *out)
{
	int n = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
		n = n * 10 + (text.ptr[i] - '0');
		if (n > most)
			return false;
	}
	*out = n;
	return text.len > 0;
}

static const char *complaint(struct arena *arena, const char *what, struct slice where)
{
	struct slice text = arena_printf(arena, "%s '%.*s'", what, SLICE_ARG(where));

	return text.ptr != NULL ? text.ptr : what;
}

/* Reads what is behind the last ':'. */
static const char *port_parse(struct arena *arena, struct slice port, unsigned allow, struct slice text, struct address *out)
{
	struct slice first = port;

	if (port.len > 0 && (port.ptr[0] == '+' || port.ptr[0] == '-')) {
		if ((allow & ADDRESS_PORT_OFFSET) == 0)
			return complaint(arena, "port offset not permitted here in", text);
		if (!digits(slice_sub(port, 1, port.len), PORT_MOST, &out->port))
			return complaint(arena, "invalid port", port);
		out->is_offset = true;
		out->port = port.ptr[0] == '-' ? -out->port : out->port;
		out->port_last = out->port;
		return NULL;
	}
	first = slice_cut(&port, '-');
	if (port.ptr != NULL && (allow & ADDRESS_PORT_RANGE) == 0)
		return complaint(arena, "port range not permitted here in", text);
	if (!digits(first, PORT_MOST, &out->port) || (out->port == 0 && (allow & ADDRESS_PORT_NEEDED) != 0))
		return complaint(arena, "invalid port", first);
	out->port_last = out->port;
	if (port.ptr != NULL && (!digits(port, PORT_MOST, &out->port_last) || out->port_last < out->port))
		return complaint(arena, "invalid port range", slice_of(first.ptr, first.len + 1 + port.len));
	return NULL;
}

static const char *inet_parse(struct arena *arena, struct slice rest, unsigned allow, struct slice text, struct address *out)
{
	size_t at = rest.len;
	const char *why;

	while (at > 0 && rest.ptr[at - 1] != ':' && rest.ptr[at - 1] != ']')
		at--;
	out->host = rest;
	if (at > 0 && rest.ptr[at - 1] == ':') {
		out->has_port = at < rest.len;
		out->host = slice_sub(rest, 0, at - 1);
		why = out->has_port ? port_parse(arena, slice_sub(rest, at, rest.len), allow, text, out) : NULL;
		if (why != NULL)
			return why;
	}
	if (!out->has_port && (allow & ADDRESS_PORT_NEEDED) != 0)
		return complaint(arena, "missing port specification in", text);
	if (!host_classify(out))
		return complaint(arena, "invalid address:", text);
	return NULL;
}

static const char *path_parse(struct arena *arena, struct slice text, unsigned allow, struct address *out)
{
	size_t most = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

	if ((allow & ADDRESS_PATHS) == 0)
		return complaint(arena, "a Unix socket is not acceptable here in", text);
	if (out->host.len == 0)
		return complaint(arena, "missing socket path in", text);
	if (out->host.len > most || memchr(out->host.ptr, '\0', out->host.len) != NULL)
		return complaint(arena, "socket path too long in", text);
	return NULL;
}

const char *address_parse(struct arena *arena, struct slice text, unsigned allow, struct address *out)
{
	struct slice rest = text;
	struct prefix prefix = prefix_of(&rest);
	bool datagram = (allow & ADDRESS_DATAGRAM) != 0;

	*out = (struct address){ .kind = prefix.kind, .family = prefix.family, .host = rest, .fd = -1 };
	if (prefix.socket_type == SOCK_DGRAM && !datagram)
		return complaint(arena, "dgram-type address not acceptable in", text);
	if (prefix.socket_type == SOCK_STREAM && datagram)
		return complaint(arena, "stream-type address not acceptable in", text);
	switch (prefix.kind) {
	case ADDRESS_INET:
	case ADDRESS_NAME:
		return inet_parse(arena, rest, allow, text, out);
	case ADDRESS_FD:
		if ((allow & ADDRESS_FDS) == 0)
			return complaint(arena, "a file descriptor is not acceptable here in", text);
		if (!digits(rest, 1 << 20, &out->fd))
			return complaint(arena, "the file descriptor is not a valid integer in", text);
		return NULL;
	case ADDRESS_UNIX:
	case ADDRESS_ABNS:
		break;
	}
	return path_parse(arena, text, allow, out);
}

static void inet_fill(const struct address *a, uint16_t port, struct sockaddr_storage *sa, socklen_t *len)
{
	char text[HOST_MOST + 1] = "";

	if (!is_wildcard(a->host)) {
		assert(a->host.len <= HOST_MOST);
		memcpy(text, a->host.ptr, a->host.len);
		text[a->host.len] = '\0';
	}
	if (a->family == AF_INET6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)sa;

		in6->sin6_port = htons(port);
		if (text[0] != '\0')
			inet_pton(AF_INET6, text, &in6->sin6_addr);
		*len = sizeof(*in6);
	} else {
		struct sockaddr_in *in = (struct sockaddr_in *)sa;

		in->sin_port = htons(port);
		if (text[0] != '\0')
			inet_pton(AF_INET, text, &in->sin_addr);
		*len = sizeof(*in);
	}
}

static void path_fill(const struct address *a, struct sockaddr_storage *sa, socklen_t *len)
{
	struct sockaddr_un *un = (struct sockaddr_un *)sa;
	size_t from = a->kind == ADDRESS_ABNS ? 1 : 0;

	assert(a->host.len + from <= sizeof(un->sun_path));
	memcpy(un->sun_path + from, a->host.ptr, a->host.len);
	/* HAProxy binds and connects abstract names with all the zeros behind them. */
	*len = sizeof(*un);
}

bool address_sockaddr(const struct address *a, uint16_t port, struct sockaddr_storage *sa, socklen_t *len)
{
	if (a->kind == ADDRESS_NAME || a->kind == ADDRESS_FD)
		return false;
	memset(sa, 0, sizeof(*sa));
	sa->ss_family = (sa_family_t)a->family;
	if (a->kind == ADDRESS_INET)
		inet_fill(a, port, sa, len);
	else
		path_fill(a, sa, len);
	return true;
}

bool address_of_host(struct slice host, uint16_t port, struct sockaddr_storage *sa, socklen_t *len)
{
	struct prefix prefix = prefix_of(&host);
	struct address a = { .kind = prefix.kind, .family = prefix.family, .host = host, .fd = -1 };

	if (prefix.kind == ADDRESS_INET && !host_classify(&a))
		return false;
	if (a.family == AF_UNIX && (host.len == 0 || host.len >= sizeof(((struct sockaddr_un *)NULL)->sun_path)))
		return false;
	return address_sockaddr(&a, port, sa, len);
}

bool address_lookup(const struct address *a, uint16_t port, struct sockaddr_storage *sa, socklen_t *len)
{
	struct addrinfo hints = { .ai_family = a->family, .ai_socktype = SOCK_STREAM }, *found = NULL;
	char name[HOST_MOST + 1], service[8];

	if (a->kind != ADDRESS_NAME)
		return address_sockaddr(a, port, sa, len);
	assert(a->host.len <= HOST_MOST);
	memcpy(name, a->host.ptr, a->host.len);
	name[a->host.len] = '\0';
	snprintf(service, sizeof(service), "%u", (unsigned)port);
	if (getaddrinfo(name, service, &hints, &found) != 0 || found == NULL)
		return false;
	memset(sa, 0, sizeof(*sa));
	memcpy(sa, found->ai_addr, found->ai_addrlen);
	*len = found->ai_addrlen;
	freeaddrinfo(found);
	return true;
}
