/* proxy.h - for tests: a TCP proxy on a free port of 127.0.0.1 that injects faults on command.
 *
 * One thread of its own forwards; all functions may be called from any thread and have taken effect when they return.
 */
#ifndef MOA_TEST_SUPPORT_PROXY_H
#define MOA_TEST_SUPPORT_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct proxy;

enum proxy_mode {
	PROXY_PASS,  /* forwards */
	PROXY_STALL, /* accepts, but forwards nothing: a frozen server. What it holds back goes on with PROXY_PASS. */
	PROXY_AWAY   /* does not listen, and has reset all connections: a dead server */
};

/* What happens when a client sends bytes that contain the needle; once, then the trigger is gone. */
enum proxy_action {
	PROXY_CUT_BEFORE, /* the bytes are thrown away and the connection is reset */
	PROXY_CUT_AFTER,  /* the bytes are forwarded, then the client's side is reset without an answer */
	PROXY_HOLD        /* the mode becomes PROXY_STALL before they are forwarded */
};

struct proxy *proxy_start(const char *host, uint16_t port);
void proxy_stop(struct proxy **p);
uint16_t proxy_port(const struct proxy *p);
void proxy_set(struct proxy *p, enum proxy_mode mode);
void proxy_trigger(struct proxy *p, const char *needle, enum proxy_action action);
bool proxy_triggered(struct proxy *p); /* since the last proxy_trigger() */
/* Closes all connections in order (end of file), as a server does with idle ones; new ones are accepted. */
void proxy_hang_up(struct proxy *p);
unsigned proxy_accepted(struct proxy *p); /* connections so far */

#endif
