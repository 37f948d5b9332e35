/* servers.c - for tests: the addresses of the real servers, directly and through a faulty proxy. */
#include "tests/unit/support/servers.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct slice server_url(const char *name)
{
	const char *url = getenv(name);

	if (url == NULL || url[0] == '\0') {
		fprintf(stderr, "this test needs the address of a real server in %s; \"make unit\" starts one\n", name);
		exit(1);
	}
	return slice_str(url);
}

struct proxy *proxy_for(const char *name, char url[SERVERS_URL_BYTES])
{
	const char *text = server_url(name).ptr;
	const char *host = strrchr(text, '@'), *colon, *path;
	char address[64];
	struct proxy *p;
	int n;

	host = host == NULL ? strstr(text, "//") + 2 : host + 1;
	colon = strchr(host, ':');
	assert(colon != NULL); /* the runner always names a port */
	path = strchr(host, '/');
	n = snprintf(address, sizeof(address), "%.*s", (int)(colon - host), host);
	assert(n > 0 && (size_t)n < sizeof(address));
	p = proxy_start(address, (uint16_t)strtoul(colon + 1, NULL, 10));
	n = snprintf(url, SERVERS_URL_BYTES, "%.*s127.0.0.1:%u%s", (int)(host - text), text, (unsigned)proxy_port(p),
		     path == NULL ? "" : path);
	assert(n > 0 && n < SERVERS_URL_BYTES);
	return p;
}
