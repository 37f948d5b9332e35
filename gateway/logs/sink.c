/* sink.c - gathers log lines of one thread and sends them together.
 *
 * A line is kept once, and a prefix for each target that takes it; what is sent is made of these pieces where they lie. All memory is taken
 * with the sink, in pages that stay untouched until they are needed. When it is full, what there is goes out early.
 */
#include "gateway/logs/sink.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "gateway/logs/descriptor.h"
#include "gateway/logs/layout.h"
#include "gateway/logs/target.h"
#include "shared/base/log.h"

/* Longer structured data is cut. */
#define LOG_DATA_MOST 4096
/* Room for the longest line and many usual ones. */
#define BYTES_MOST ((size_t)64 * 1024 + LOG_DATA_MOST + 4 * LAYOUT_PREFIX_MOST)
#define LINES_MOST 128

enum { SOCKET_4, SOCKET_6, SOCKET_UNIX, SOCKETS };

/* A line for one target. */
struct gathered {
	const struct log_target *target;
	struct slice prefix, line; /* in the sink's bytes */
};

struct log_sink {
	struct slice host, tag; /* the configuration's */
	int pid;
	struct log_clock clock;
	int sockets[SOCKETS];   /* -1: not opened yet */
	const void *aimed_at[SOCKETS]; /* the address that it is connected to; NULL: none */
	struct log_descriptor *descriptors;
	_Atomic uint64_t dropped;
	unsigned count;
	size_t used;            /* of bytes */
	struct gathered lines[LINES_MOST];
	struct iovec pieces[1 + LINES_MOST * LOG_LINE_PIECES]; /* the first one is log_descriptor_write()'s */
	struct mmsghdr messages[LINES_MOST];
	char bytes[BYTES_MOST];
};

struct log_sink *log_sink_create(struct slice host, struct slice tag)
{
	struct log_sink *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		log_error("memory.exhausted", "bytes=%zu", sizeof(*s));
		abort();
	}
	s->host = host;
	s->tag = tag.len > 0 ? tag : SLICE_LIT("gateway");
	s->pid = (int)getpid();
	for (int i = 0; i < SOCKETS; i++)
		s->sockets[i] = -1;
	return s;
}

void log_sink_free(struct log_sink **sink)
{
	struct log_sink *s = *sink;

	if (s == NULL)
		return;
	log_sink_flush(s);
	for (int i = 0; i < SOCKETS; i++) {
		if (s->sockets[i] >= 0)
			close(s->sockets[i]);
	}
	while (s->descriptors != NULL) {
		struct log_descriptor *d = s->descriptors;

		s->descriptors = d->next;
		log_descriptor_free(&d);
	}
	free(s);
	*sink = NULL;
}

uint64_t log_sink_dropped(const struct log_sink *s)
{
	return atomic_load_explicit(&s->dropped, memory_order_relaxed);
}

static void drop(struct log_sink *s, unsigned lines)
{
	atomic_fetch_add_explicit(&s->dropped, lines, memory_order_relaxed);
}

/* --- gathering ---------------------------------------------------------------------------------- */

/* Copies <text> behind what is there; there is room. */
static struct slice keep(struct log_sink *s, struct slice text)
{
	char *to = s->bytes + s->used;

	assert(text.len <= BYTES_MOST - s->used);
	if (text.len > 0)
		memcpy(to, text.ptr, text.len);
	s->used += text.len;
	return slice_of(to, text.len);
}

static enum log_layout layout_of(const struct log_sink *s, const struct log_target *t)
{
	return !t->layout_given && s->host.len > 0 ? LAYOUT_RFC3164 : t->layout;
}

static void prefix_make(struct log_sink *s, const struct log_target *t, int severity, struct slice tag, bool has_data, int64_t wall_us,
			struct buf *out)
{
	struct log_prefix what = {
		.layout = layout_of(s, t),
		.facility = t->facility,
		.severity = severity < t->level_least ? t->level_least : severity,
		.host = s->host,
		.tag = tag.len > 0 ? tag : s->tag,
		.pid = s->pid,
		.has_data = has_data,
		.wall_us = wall_us,
	};

	log_prefix_write(&s->clock, &what, out);
	assert(buf_ok(out));
}

/* The line of a target with structured data: that, a blank, the line. */
static struct slice keep_both(struct log_sink *s, struct slice data, struct slice line)
{
	struct slice both = keep(s, data);

	both.len += keep(s, SLICE_LIT(" ")).len;
	both.len += keep(s, line).len;
	return both;
}

void log_sink_add(struct log_sink *s, const struct log_target *targets, int severity, struct slice tag, int64_t wall_us, struct slice data,
		  struct slice line)
{
	struct slice kept[2] = { SLICE_NONE, SLICE_NONE }; /* without and with <data> */

	data = slice_sub(data, 0, LOG_DATA_MOST);
	line = slice_sub(line, 0, LOG_LEN_MOST);
	for (const struct log_target *t = targets; t != NULL; t = t->next) {
		bool has_data = data.len > 0 && layout_of(s, t) == LAYOUT_RFC5424;
		char space[LAYOUT_PREFIX_MOST + 1];
		struct gathered *g;
		struct buf prefix;
		size_t most = t->is_descriptor ? t->len - 1 : t->len;

		if (!log_target_takes(t, severity))
			continue;
		buf_init_fixed(&prefix, space, sizeof(space));
		prefix_make(s, t, severity, tag, has_data, wall_us, &prefix);
		if (s->count == LINES_MOST ||
		    BYTES_MOST - s->used < prefix.len + (kept[has_data].ptr == NULL ? (has_data ? data.len + 1 : 0) + line.len : 0)) {
			log_sink_flush(s);
			kept[0] = kept[1] = SLICE_NONE;
		}
		if (kept[has_data].ptr == NULL)
			kept[has_data] = has_data ? keep_both(s, data, line) : keep(s, line);
		g = &s->lines[s->count++];
		g->target = t;
		g->prefix = keep(s, slice_sub(buf_slice(&prefix), 0, most));
		g->line = slice_sub(kept[has_data], 0, most - g->prefix.len);
	}
}

/* --- sending ------------------------------------------------------------------------------------ */

static void pieces_make(const struct gathered *g, struct iovec *pieces)
{
	static const char end = '\n';

	pieces[0] = (struct iovec){ .iov_base = (void *)g->prefix.ptr, .iov_len = g->prefix.len };
	pieces[1] = (struct iovec){ .iov_base = (void *)g->line.ptr, .iov_len = g->line.len };
	pieces[2] = (struct iovec){ .iov_base = (void *)&end, .iov_len = 1 };
}

/* Sends the first <count> messages. One that cannot be sent (no reader, no room, too long) is dropped. */
static void send_messages(struct log_sink *s, int fd, unsigned count)
{
	unsigned at = 0;
	bool told = false; /* that an earlier message found no reader: says nothing about this one */

	while (at < count) {
		int sent = sendmmsg(fd, s->messages + at, count - at, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent > 0) {
			at += (unsigned)sent;
			told = false;
		} else if (errno == ECONNREFUSED && !told) {
			told = true;
		} else if (errno != EINTR) {
			drop(s, 1);
			at++;
			told = false;
		}
	}
}

/* All go to one address, as they nearly always do: a connected socket spares the system the way there for each. Not Unix sockets: one that
 * is made anew would not be found. */
static void aim(struct log_sink *s, int which, unsigned count)
{
	const struct msghdr *first = &s->messages[0].msg_hdr;

	for (unsigned i = 1; i < count; i++) {
		if (s->messages[i].msg_hdr.msg_name != first->msg_name)
			return;
	}
	if (which == SOCKET_UNIX || (s->aimed_at[which] != first->msg_name && connect(s->sockets[which], first->msg_name, first->msg_namelen) != 0))
		return;
	s->aimed_at[which] = first->msg_name;
	for (unsigned i = 0; i < count; i++)
		s->messages[i].msg_hdr.msg_name = NULL;
}

/* What was gathered for datagram sockets of one family. */
static void flush_socket(struct log_sink *s, int which)
{
	static const sa_family_t families[SOCKETS] = { [SOCKET_4] = AF_INET, [SOCKET_6] = AF_INET6, [SOCKET_UNIX] = AF_UNIX };
	unsigned count = 0;

	for (unsigned i = 0; i < s->count; i++) {
		const struct log_target *t = s->lines[i].target;
		struct iovec *pieces = s->pieces + 1 + count * LOG_LINE_PIECES;

		if (t->is_descriptor || t->sa.ss_family != families[which])
			continue;
		pieces_make(&s->lines[i], pieces);
		s->messages[count++].msg_hdr = (struct msghdr){
			.msg_name = (void *)&t->sa, .msg_namelen = t->sa_len, .msg_iov = pieces, .msg_iovlen = LOG_LINE_PIECES,
		};
	}
	if (count == 0)
		return;
	if (s->sockets[which] < 0)
		s->sockets[which] = socket(families[which], SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->sockets[which] < 0) {
		drop(s, count);
		return;
	}
	aim(s, which, count);
	send_messages(s, s->sockets[which], count);
}

/* What was gathered for one descriptor. */
static void flush_descriptor(struct log_sink *s, struct log_descriptor *d)
{
	struct iovec *pieces = s->pieces + 1;
	unsigned count = 0;

	for (unsigned i = 0; i < s->count; i++) {
		if (s->lines[i].target->is_descriptor && s->lines[i].target->descriptor == d->number)
			pieces_make(&s->lines[i], pieces + count++ * LOG_LINE_PIECES);
	}
	if (count > 0)
		drop(s, count - log_descriptor_write(d, pieces, count));
}

/* Knows the descriptor from now on. */
static void descriptor_want(struct log_sink *s, int number)
{
	struct log_descriptor **at = &s->descriptors;

	while (*at != NULL && (*at)->number != number)
		at = &(*at)->next;
	if (*at == NULL)
		*at = log_descriptor_create(number);
}

void log_sink_flush(struct log_sink *s)
{
	if (s->count == 0)
		return;
	for (unsigned i = 0; i < s->count; i++) {
		if (s->lines[i].target->is_descriptor)
			descriptor_want(s, s->lines[i].target->descriptor);
	}
	for (int i = 0; i < SOCKETS; i++)
		flush_socket(s, i);
	for (struct log_descriptor *d = s->descriptors; d != NULL; d = d->next)
		flush_descriptor(s, d);
	s->count = 0;
	s->used = 0;
}
