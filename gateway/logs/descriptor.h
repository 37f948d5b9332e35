/* descriptor.h - log lines to a descriptor that was open at the start: standard output, a pipe, a file, a terminal, a socket. */
#ifndef MOA_GATEWAY_LOGS_DESCRIPTOR_H
#define MOA_GATEWAY_LOGS_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

struct log_descriptor {
	struct log_descriptor *next;
	int number;     /* as configured */
	int fd;         /* what is written to: that one, or another opening of the same thing; -1: there is none */
	bool is_socket;
	bool torn;      /* a line went out in part: the next one begins on a line of its own */
};

/* Out of memory aborts. */
struct log_descriptor *log_descriptor_create(int number);
void log_descriptor_free(struct log_descriptor **d);

/* How many pieces a line has: its prefix, itself, its end. */
#define LOG_LINE_PIECES 3
/* Writes <count> lines of LOG_LINE_PIECES each, without waiting; returns how many went out whole. <pieces> has room for one more in front
 * of the first. */
unsigned log_descriptor_write(struct log_descriptor *d, struct iovec *pieces, unsigned count);

#endif
