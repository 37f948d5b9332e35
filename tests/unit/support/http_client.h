/* http_client.h - a small blocking HTTP client for tests: writes any bytes, reads one answer after the other.
 *
 * Whatever goes wrong with the socket (10 s without a byte included) ends the test with a message.
 */
#ifndef MOA_TEST_HTTP_CLIENT_H
#define MOA_TEST_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "shared/base/buf.h"

struct client {
	int fd;
	struct buf in; /* read and not yet used */
};

struct client_answer {
	int status;
	char head[4096]; /* status line and headers, NUL-terminated */
	char *body;      /* NUL-terminated; freed by client_answer_free() */
	size_t body_len;
};

void client_open(struct client *c, uint16_t port);
void client_open_at(struct client *c, const char *address, uint16_t port);
/* Whether something accepts connections there. */
bool client_can_connect(uint16_t port);
void client_close(struct client *c);
void client_send(struct client *c, const void *bytes, size_t len);
void client_printf(struct client *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Sends as much as the server takes before it closes; false when it closed first. */
bool client_try_send(struct client *c, const void *bytes, size_t len);

/* Reads one answer. <head>: the request was HEAD. False when the connection was closed before it. */
bool client_try_read(struct client *c, bool head, struct client_answer *a);
void client_read(struct client *c, struct client_answer *a); /* must come */
void client_read_head(struct client *c, struct client_answer *a);
/* Whether the server closes the connection without another byte. */
bool client_closed(struct client *c);
void client_answer_free(struct client_answer *a);

/* The value of header <name> in <space>, or NULL. */
const char *client_header(const struct client_answer *a, const char *name, char space[256]);

#endif
