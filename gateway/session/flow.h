/* flow.h - one direction of an exchange: takes a body out of the buffer it arrived in and writes it, newly framed, to the other side.
 *
 * Nothing is copied: the head that goes in front, chunk lines and payload slices of the input buffer are pieces of one writev().
 * A flow can be wound back to its start while nothing of it was dropped from the buffer: that is what a retry needs.
 */
#ifndef MOA_GATEWAY_SESSION_FLOW_H
#define MOA_GATEWAY_SESSION_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include "gateway/http/body.h"
#include "gateway/http/frame.h"
#include "shared/base/arena.h"

/* Bytes that arrived, in memory of a fixed size. Those before <floor> (a head whose slices are in use) stay. */
struct buffer {
	char *data;   /* NULL: none held now */
	size_t size;
	size_t floor; /* the head's end; 0: no head is held */
	size_t begin; /* first byte not yet used */
	size_t end;   /* behind the last byte that arrived */
};

static inline size_t buffer_room(const struct buffer *b)
{
	return b->size - b->end;
}

static inline bool buffer_empty(const struct buffer *b)
{
	return b->begin == b->end;
}

enum flow_result {
	FLOW_DONE,    /* all is written */
	FLOW_INPUT,   /* more input is needed */
	FLOW_BLOCKED, /* the receiver takes no more now */
	FLOW_BAD,     /* the body is not well-formed: flow->body.error */
	FLOW_LARGE,   /* its payload is above flow->limit: what is above it was not written */
	FLOW_BROKEN,  /* writing failed: the receiver is gone */
};

#define FLOW_PIECES 20
#define FLOW_SPANS 8 /* payload slices that go into one writev(), and into one chunk */

struct flow {
	struct buffer *in;
	struct http_body body;   /* the decoder */
	struct http_frame frame; /* to begin again */
	bool to_chunks;          /* the receiver is told the length by chunks */
	bool ended;              /* the decoder has seen the body's end */
	bool finished;           /* and the last chunk is among the pieces, or written */
	bool kept;               /* every byte since the start is still in the buffer */
	bool keep;               /* do not drop what was written: a retry may need it */
	uint64_t limit;          /* most bytes of payload; 0: as many as come. Set behind flow_init() */
	size_t start;            /* where the body begins in the buffer */
	size_t at;               /* up to here the buffer was decoded */
	struct slice head;       /* written first */
	struct iovec pieces[FLOW_PIECES];
	unsigned first, count;
	char chunk_line[18];
	uint64_t written;        /* bytes, head and framing included */
	uint64_t payload;        /* bytes of the body decoded so far */
};

/* The body of a message whose frame is <frame> begins at in->begin; <head> goes in front. */
void flow_init(struct flow *f, struct buffer *in, const struct http_frame *frame, struct slice head, bool to_chunks);
/* Writes to <fd> as much as goes. */
enum flow_result flow_run(struct flow *f, int fd);
/* The sender has ended its connection: true when the body may end so. Call flow_run() then for what is left. */
bool flow_input_ended(struct flow *f);
/* True when bytes are waiting to be written. */
bool flow_pending(const struct flow *f);
/* Makes room in a full buffer by giving up what was kept for a retry. False when there is nothing to give up. */
bool flow_unkeep(struct flow *f);
/* Nothing more will be written. True when the body's end was read: the buffer then begins with what follows it. */
bool flow_abandon(struct flow *f);
/* How much payload is in the buffer. HTTP_DONE: it is the whole body; HTTP_BAD: it is not well-formed. */
enum http_progress flow_measure(const struct buffer *in, const struct http_frame *frame, size_t *len);
/* The same as one slice; that of chunks is joined in <arena>. False: it has no room for it. */
bool flow_peek(const struct buffer *in, const struct http_frame *frame, struct arena *arena, struct slice *out);
/* Back to the start, for another receiver; only while f->kept. */
void flow_rewind(struct flow *f, struct slice head);

#endif
