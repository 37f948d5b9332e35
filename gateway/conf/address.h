/* address.h - addresses as the configuration writes them: "127.0.0.1:80", "ipv6@::1:80", "unix@/run/x", "abns@x", "fd@3", "*:80-82". */
#ifndef MOA_GATEWAY_CONF_ADDRESS_H
#define MOA_GATEWAY_CONF_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include "shared/base/arena.h"
#include "shared/base/slice.h"

enum address_kind {
	ADDRESS_INET, /* <host> is a number; "*" and nothing at all are 0.0.0.0, or :: where the prefix says ipv6 */
	ADDRESS_NAME, /* <host> is a name that has to be looked up */
	ADDRESS_UNIX, /* <host> is a path */
	ADDRESS_ABNS, /* <host> is a name in Linux's abstract space */
	ADDRESS_FD,   /* <fd> was opened by whoever started the process */
};

/* Bits: what is acceptable where the address stands. */
enum address_allow {
	ADDRESS_PORT_NEEDED = 1,  /* without one it is refused; 0 then is none */
	ADDRESS_PORT_RANGE = 2,   /* "80-82" */
	ADDRESS_PORT_OFFSET = 4,  /* "+100", "-5" */
	ADDRESS_FDS = 8,
	ADDRESS_PATHS = 16,       /* of Unix sockets, and abstract names */
	ADDRESS_DATAGRAM = 32,    /* "udp@…" and "dgram+…@…", and not "tcp@…" and "stream+…@…" */
};

struct address {
	enum address_kind kind;
	int family;            /* AF_INET, AF_INET6, AF_UNIX; of a name AF_UNSPEC unless the prefix says more; of a descriptor AF_UNSPEC */
	struct slice host;     /* without prefix and brackets; part of the text */
	bool has_port, is_offset;
	int port, port_last;   /* 0 to 65535; an offset -65535 to 65535; the same unless it is a range */
	int fd;
};

/* Takes <text> apart; nothing is looked up. <allow>: bits of enum address_allow. NULL, or what is wrong as a sentence that quotes <text>, in <arena>. */
const char *address_parse(struct arena *arena, struct slice text, unsigned allow, struct address *out);

/* The socket address with that port; false for a name and for a descriptor. */
bool address_sockaddr(const struct address *a, uint16_t port, struct sockaddr_storage *sa, socklen_t *len);
/* The same for what is kept of a server: "127.0.0.1", "::1", "unix@/run/x", "abns@x" and any other prefix; false when it is a name. */
bool address_of_host(struct slice host, uint16_t port, struct sockaddr_storage *sa, socklen_t *len);
/* Looks a name up as well, with libc, and may wait for it: main thread, before the loops start. False: it has no address. */
bool address_lookup(const struct address *a, uint16_t port, struct sockaddr_storage *sa, socklen_t *len);

#endif
