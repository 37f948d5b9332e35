/* descriptor.c - writes to a descriptor that others share, without waiting for whoever reads it.
 *
 * O_NONBLOCK belongs to what was opened, not to the descriptor: setting it would change standard output of the shell, or of the test, that
 * started us. So pipes and terminals are opened once more. A socket is asked at each call, and a file never makes us wait.
 */
#include "gateway/logs/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "shared/base/log.h"

/* Opens what <number> is once more; without /proc, or without the right to, the shared one is changed after all. */
static int open_again(int number)
{
	char path[32];
	int fd, flags;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", number);
	fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	flags = fcntl(number, F_GETFL);
	if (flags < 0 || fcntl(number, F_SETFL, flags | O_NONBLOCK) < 0)
		return -1;
	return number;
}

struct log_descriptor *log_descriptor_create(int number)
{
	struct log_descriptor *d = calloc(1, sizeof(*d));
	struct stat st;

	if (d == NULL) {
		log_error("memory.exhausted", "bytes=%zu", sizeof(*d));
		abort();
	}
	d->number = number;
	if (fstat(number, &st) < 0) {
		d->fd = -1;
		return d;
	}
	d->is_socket = S_ISSOCK(st.st_mode);
	d->fd = d->is_socket || S_ISREG(st.st_mode) ? number : open_again(number);
	return d;
}

void log_descriptor_free(struct log_descriptor **d)
{
	if (*d == NULL)
		return;
	if ((*d)->fd >= 0 && (*d)->fd != (*d)->number)
		close((*d)->fd);
	free(*d);
	*d = NULL;
}

static ssize_t write_once(const struct log_descriptor *d, struct iovec *pieces, unsigned count)
{
	struct msghdr message = { .msg_iov = pieces, .msg_iovlen = count };
	ssize_t n;

	do
		n = d->is_socket ? sendmsg(d->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) : writev(d->fd, pieces, (int)count);
	while (n < 0 && errno == EINTR);
	return n;
}

/* Writes lines that fit into one piece of a pipe together: they go out whole or not at all. <pieces> as below. */
static unsigned write_group(struct log_descriptor *d, struct iovec *pieces, unsigned count)
{
	static const char end = '\n';
	unsigned whole = 0, first = d->torn ? 1 : 0;
	size_t left;
	ssize_t n;

	if (d->torn)
		pieces[-1] = (struct iovec){ .iov_base = (void *)&end, .iov_len = 1 };
	n = write_once(d, pieces - first, count * LOG_LINE_PIECES + first);
	if (n <= 0)
		return 0;
	left = (size_t)n - first;
	d->torn = false;
	for (; whole < count; whole++) {
		const struct iovec *line = pieces + whole * LOG_LINE_PIECES;
		size_t len = line[0].iov_len + line[1].iov_len + line[2].iov_len;

		if (len > left) {
			d->torn = left > 0;
			break;
		}
		left -= len;
	}
	return whole;
}

unsigned log_descriptor_write(struct log_descriptor *d, struct iovec *pieces, unsigned count)
{
	unsigned whole = 0, from = 0;

	while (d->fd >= 0 && from < count) {
		unsigned to = from;
		size_t bytes = 1; /* the end of a torn line */

		do {
			const struct iovec *line = pieces + to * LOG_LINE_PIECES;

			bytes += line[0].iov_len + line[1].iov_len + line[2].iov_len;
			if (bytes > PIPE_BUF && to > from)
				break;
			to++;
		} while (to < count);
		whole += write_group(d, pieces + from * LOG_LINE_PIECES, to - from);
		from = to;
	}
	return whole;
}
