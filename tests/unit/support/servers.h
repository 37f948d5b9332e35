/* servers.h - for tests: the addresses of the real servers, directly and through a faulty proxy. */
#ifndef MOA_TEST_SUPPORT_SERVERS_H
#define MOA_TEST_SUPPORT_SERVERS_H

#include "shared/base/slice.h"
#include "tests/unit/support/proxy.h"

#define SERVERS_URL_BYTES 512

/* The address in the environment variable <name>. Without it the test program ends with a message and status 1. */
struct slice server_url(const char *name);

/* A proxy in front of that server. <url> becomes its address, else equal to the server's. */
struct proxy *proxy_for(const char *name, char url[SERVERS_URL_BYTES]);

#endif
