/* listen.h - opens a listening TCP socket on a numeric address. */
#ifndef MOA_IO_LISTEN_H
#define MOA_IO_LISTEN_H

#include <stdint.h>
#include <sys/socket.h>

#include "shared/base/slice.h"

/* A non-blocking socket that listens on <bind> (numeric IPv4 or IPv6; "::" takes IPv4 as well), or -1 with a logged reason
 * that starts with <name>. *port: 0 asks for any free one and gets its number. The caller closes it. */
int listen_open(const char *name, const char *bind, uint16_t *port);

#define LISTEN_ADDRESS_SIZE 64
/* The numeric address of <sa>, without the port, in <out>; an IPv4 address inside IPv6 as IPv4. */
void listen_address(const struct sockaddr *sa, char out[LISTEN_ADDRESS_SIZE]);

#endif
