/* flow.c - one direction of an exchange: decodes a body in place and writes it newly framed. */
#include "gateway/session/flow.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "gateway/http/write.h"

#define JOINED_MOST 1024

static void add_piece(struct flow *f, const void *data, size_t len)
{
	if (len == 0)
		return;
	assert(f->first + f->count < FLOW_PIECES);
	f->pieces[f->first + f->count++] = (struct iovec){ .iov_base = (void *)(uintptr_t)data, .iov_len = len };
}

static void start(struct flow *f, struct slice head)
{
	http_body_init(&f->body, &f->frame);
	f->head = head;
	f->at = f->start;
	f->first = 0;
	f->count = 0;
	f->ended = http_body_done(&f->body);
	f->finished = false;
	f->payload = 0;
	add_piece(f, head.ptr, head.len);
}

void flow_init(struct flow *f, struct buffer *in, const struct http_frame *frame, struct slice head, bool to_chunks)
{
	f->in = in;
	f->frame = *frame;
	f->to_chunks = to_chunks;
	f->kept = true;
	f->keep = false;
	f->limit = 0;
	f->start = in->begin;
	f->written = 0;
	start(f, head);
}

void flow_rewind(struct flow *f, struct slice head)
{
	assert(f->kept);
	start(f, head);
}

bool flow_pending(const struct flow *f)
{
	return f->count > 0;
}

/* Gives the buffer back what was written, unless a retry may want it. */
static void release(struct flow *f)
{
	struct buffer *in = f->in;

	if (f->keep)
		return;
	if (f->at > f->start)
		f->kept = false;
	in->begin = f->at;
	if (in->begin == in->end) {
		in->begin = in->end = in->floor;
		f->at = in->begin;
	}
}

bool flow_unkeep(struct flow *f)
{
	if (!f->keep)
		return false;
	f->keep = false;
	if (!flow_pending(f))
		release(f);
	return true;
}

bool flow_abandon(struct flow *f)
{
	f->count = 0;
	if (!f->ended)
		return false;
	f->keep = false;
	release(f);
	return true;
}

/* Decodes what is there into at most FLOW_SPANS slices; their bytes, or SIZE_MAX when the body is bad. */
static size_t decode(struct flow *f, struct slice *spans, unsigned *count)
{
	struct buffer *in = f->in;
	size_t total = 0;

	*count = 0;
	while (!f->ended && *count < FLOW_SPANS) {
		struct slice data = SLICE_NONE;
		size_t used = 0;
		enum http_progress p = http_body_next(&f->body, slice_of(in->data + f->at, in->end - f->at), &used, &data);

		f->at += used;
		if (data.len > 0) {
			spans[(*count)++] = data;
			total += data.len;
		}
		if (p == HTTP_BAD)
			return SIZE_MAX;
		f->ended = p == HTTP_DONE;
		if (p == HTTP_MORE && used == 0)
			break;
	}
	f->payload += total;
	return total;
}

/* Lays the next pieces out. FLOW_DONE, FLOW_BAD or FLOW_LARGE. */
static enum flow_result gather(struct flow *f)
{
	struct slice spans[FLOW_SPANS];
	unsigned count;
	size_t total = decode(f, spans, &count);

	if (total == SIZE_MAX)
		return FLOW_BAD;
	if (f->limit > 0 && f->payload > f->limit)
		return FLOW_LARGE;
	if (f->to_chunks && total > 0)
		add_piece(f, f->chunk_line, http_write_chunk_line(total, f->chunk_line));
	for (unsigned i = 0; i < count; i++)
		add_piece(f, spans[i].ptr, spans[i].len);
	if (f->to_chunks) {
		if (total > 0)
			add_piece(f, "\r\n", 2);
		if (f->ended)
			add_piece(f, "0\r\n\r\n", 5);
	}
	f->finished = f->ended;
	return FLOW_DONE;
}

/* A small message is cheaper to join here than for the system to gather. */
static ssize_t send_joined(const struct flow *f, int fd)
{
	char joined[JOINED_MOST];
	size_t len = 0;

	for (unsigned i = f->first; i < f->first + f->count; i++) {
		memcpy(joined + len, f->pieces[i].iov_base, f->pieces[i].iov_len);
		len += f->pieces[i].iov_len;
	}
	return send(fd, joined, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static bool is_small(const struct flow *f)
{
	size_t len = 0;

	for (unsigned i = f->first; i < f->first + f->count; i++)
		len += f->pieces[i].iov_len;
	return len <= JOINED_MOST;
}

static ssize_t send_pieces(const struct flow *f, int fd)
{
	const struct iovec *first = &f->pieces[f->first];
	struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)first, .msg_iovlen = f->count };

	if (f->count == 1)
		return send(fd, first->iov_base, first->iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);
	return is_small(f) ? send_joined(f, fd) : sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Writes pieces until none is left. */
static enum flow_result drain(struct flow *f, int fd)
{
	while (f->count > 0) {
		ssize_t n = send_pieces(f, fd);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? FLOW_BLOCKED : FLOW_BROKEN;
		f->written += (size_t)n;
		while (f->count > 0 && (size_t)n >= f->pieces[f->first].iov_len) {
			n -= (ssize_t)f->pieces[f->first].iov_len;
			f->first++;
			f->count--;
		}
		if (f->count > 0) {
			f->pieces[f->first].iov_base = (char *)f->pieces[f->first].iov_base + n;
			f->pieces[f->first].iov_len -= (size_t)n;
		}
	}
	f->first = 0;
	return FLOW_DONE;
}

enum flow_result flow_run(struct flow *f, int fd)
{
	for (;;) {
		/* A head that waits alone takes the body's beginning along. */
		bool head_only = f->count == 1 && f->pieces[f->first].iov_base == (const void *)f->head.ptr;
		enum flow_result r = FLOW_DONE;

		if ((f->count == 0 || head_only) && !f->finished)
			r = gather(f);
		if (r != FLOW_DONE)
			return r;
		r = drain(f, fd);
		if (r != FLOW_DONE)
			return r;
		release(f);
		if (f->finished)
			return FLOW_DONE;
		if (!f->ended && f->at == f->in->end)
			return FLOW_INPUT;
	}
}

bool flow_input_ended(struct flow *f)
{
	if (f->ended)
		return true;
	if (f->at < f->in->end)
		return true; /* what is there comes first */
	if (http_body_end(&f->body) != HTTP_DONE)
		return false;
	f->ended = true;
	return true;
}

/* Goes through the payload that is in the buffer, and copies it to <joined> unless that is NULL. */
static enum http_progress walk(const struct buffer *in, const struct http_frame *frame, char *joined, size_t *len)
{
	struct http_body decoder;
	size_t at = in->begin;

	*len = 0;
	http_body_init(&decoder, frame);
	for (;;) {
		struct slice data = SLICE_NONE;
		size_t used = 0;
		enum http_progress p = http_body_next(&decoder, slice_of(in->data + at, in->end - at), &used, &data);

		at += used;
		if (joined != NULL && data.len > 0)
			memcpy(joined + *len, data.ptr, data.len);
		*len += data.len;
		if (p != HTTP_MORE || used == 0)
			return p;
	}
}

enum http_progress flow_measure(const struct buffer *in, const struct http_frame *frame, size_t *len)
{
	return walk(in, frame, NULL, len);
}

bool flow_peek(const struct buffer *in, const struct http_frame *frame, struct arena *arena, struct slice *out)
{
	bool joins = frame->kind == BODY_CHUNKED;
	char *joined = joins ? arena_alloc(arena, in->end - in->begin + 1) : NULL;
	size_t len;

	if (joins && joined == NULL)
		return false;
	walk(in, frame, joined, &len);
	*out = slice_of(joins ? joined : in->data + in->begin, len);
	return true;
}
