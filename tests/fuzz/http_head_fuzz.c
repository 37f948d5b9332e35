/* http_head_fuzz.c - libFuzzer target: a head read in pieces is the head read at once, and written anew it means the same.
 *
 * What begins with "HTTP/" is taken for a response, to requests of several methods, everything else for a request.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/http/frame.h"
#include "gateway/http/parse.h"
#include "gateway/http/write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	FIELDS = 64,
	MORE_FIELDS = FIELDS + 4, /* Host, and those of framing, may be new in what is written */
	URI_LIMIT = 512,
};

static void must(bool holds)
{
	if (!holds)
		abort();
}

struct reading {
	char *bytes;
	size_t size;
	struct http_field fields[MORE_FIELDS];
	struct http_head head;
	struct http_parser parser;
	struct http_frame frame;
	enum http_progress progress;
	size_t used;
};

static void begin(struct reading *r, size_t size, bool response)
{
	*r = (struct reading){ .progress = HTTP_MORE, .size = size };
	r->bytes = malloc(size + 1);
	must(r->bytes != NULL);
	/* what has not come yet looks like the end of a head */
	for (size_t i = 0; i < size; i++)
		r->bytes[i] = i % 2 == 0 ? '\r' : '\n';
	http_head_init(&r->head, r->fields, FIELDS);
	http_parser_init(&r->parser, response, URI_LIMIT);
}

/* Reads <text> up to <cut>, then in steps of <step> bytes. */
static void read_pieces(struct reading *r, struct slice text, bool response, size_t cut, size_t step)
{
	size_t there = 0;

	begin(r, text.len, response);
	for (size_t upto = cut; r->progress == HTTP_MORE && there < text.len; upto += step) {
		if (upto > text.len)
			upto = text.len;
		memcpy(r->bytes + there, text.ptr + there, upto - there);
		there = upto;
		r->progress = http_parse(&r->parser, slice_of(r->bytes, there), false, &r->head, &r->used);
	}
}

static void end(struct reading *r)
{
	free(r->bytes);
}

/* Where in its message a slice stands. */
static size_t offset(const struct reading *r, struct slice s)
{
	if (s.len == 0 || s.ptr < r->bytes || s.ptr >= r->bytes + r->size)
		return SIZE_MAX; /* nothing, or a constant */
	return (size_t)(s.ptr - r->bytes);
}

static void same(const struct reading *a, struct slice s, const struct reading *b, struct slice t)
{
	must(slice_eq(s, t) && (s.ptr == NULL) == (t.ptr == NULL) && offset(a, s) == offset(b, t));
}

static void same_reading(const struct reading *a, const struct reading *b)
{
	must(a->progress == b->progress && a->used == b->used);
	must(a->parser.error.status == b->parser.error.status && a->parser.error.why == b->parser.error.why);
	must(a->parser.error.at == b->parser.error.at);
	if (a->progress == HTTP_BAD)
		must(a->parser.error.status >= 400 && a->parser.error.why != NULL && a->parser.error.at <= a->size);
	if (a->progress != HTTP_DONE)
		return;
	must(a->head.count == b->head.count && a->head.minor == b->head.minor && a->head.status == b->head.status);
	same(a, a->head.method_text, b, b->head.method_text);
	same(a, a->head.target, b, b->head.target);
	same(a, a->head.authority, b, b->head.authority);
	same(a, a->head.path, b, b->head.path);
	same(a, a->head.query, b, b->head.query);
	same(a, a->head.reason, b, b->head.reason);
	for (unsigned i = 0; i < a->head.count; i++) {
		same(a, a->fields[i].name, b, b->fields[i].name);
		same(a, a->fields[i].value, b, b->fields[i].value);
		must(a->fields[i].id == b->fields[i].id && a->fields[i].id == http_name_of(a->fields[i].name));
	}
}

/* A plainer look at the bytes of an accepted head: no control character but CRLF and tab, and a line for each field. */
static void look_at_bytes(const struct reading *r)
{
	unsigned lines = 0;

	for (size_t i = 0; i < r->used; i++) {
		unsigned char c = (unsigned char)r->bytes[i];

		must((c >= 0x20 && c != 0x7F) || c == '\t' || c == '\r' || c == '\n');
		must(c != '\r' || (i + 1 < r->used && r->bytes[i + 1] == '\n'));
		must(c != '\n' || (i > 0 && r->bytes[i - 1] == '\r'));
		must(c != '\n' || i + 1 == r->used || (r->bytes[i + 1] != ' ' && r->bytes[i + 1] != '\t'));
		lines += c == '\n';
	}
	must(r->used >= 4 && memcmp(r->bytes + r->used - 4, "\r\n\r\n", 4) == 0);
	must(lines == r->head.count + 2 + (r->bytes[0] == '\r'));
}

static bool frame(struct reading *r, bool response, enum http_method method)
{
	struct http_error error = { .status = 0 };
	unsigned count = r->head.count;
	enum http_progress progress = response ? http_frame_response(&r->head, method, true, &r->frame, &error)
					       : http_frame_request(&r->head, &r->frame, &error);

	must(progress != HTTP_MORE);
	if (progress == HTTP_BAD) {
		must(error.status >= 400 && error.why != NULL && r->head.count == count);
		return false;
	}
	must(http_field_known(&r->head, NAME_CONNECTION, 0) == NULL && http_field_known(&r->head, NAME_CONTENT_LENGTH, 0) == NULL);
	must(http_field_known(&r->head, NAME_TRANSFER_ENCODING, 0) == NULL);
	must(r->frame.kind != BODY_LENGTH || (r->frame.length > 0 && r->frame.length <= INT64_MAX && r->frame.has_length));
	must(r->frame.kind != BODY_CHUNKED || !r->frame.has_length);
	must(response || r->frame.kind == BODY_NONE || r->frame.kind == BODY_LENGTH || r->frame.kind == BODY_CHUNKED);
	return true;
}

static size_t write_head(const struct reading *r, char *out, size_t size)
{
	const struct http_frame *f = &r->frame;
	struct http_outgoing how = {
		.kind = f->kind, .length = f->length, .has_length = f->has_length, .close = !f->keep_alive && f->kind != BODY_TUNNEL,
		.upgrade = f->upgrade, .te_trailers = f->te_trailers.ptr != NULL,
	};

	return http_write_head(&r->head, &how, out, size);
}

static void same_meaning(const struct reading *a, const struct reading *b)
{
	const struct http_head *h = &a->head, *g = &b->head;
	/* a request that had no Host has an empty one now */
	unsigned added = !h->is_response && http_field_known(h, NAME_AUTHORITY_HOST, 0) == NULL;

	must(h->is_response == g->is_response && h->method == g->method && h->status == g->status && g->minor == 1);
	must(slice_eq(h->method_text, g->method_text) && slice_eq(h->path, g->path) && slice_eq(h->query, g->query));
	must((h->query.ptr == NULL) == (g->query.ptr == NULL) && slice_eq(h->reason, g->reason));
	must(g->count == h->count + added);
	for (unsigned i = 0; i < h->count; i++)
		must(slice_eq(h->fields[i].name, g->fields[i].name) && slice_eq(h->fields[i].value, g->fields[i].value));
	must(a->frame.kind == b->frame.kind && a->frame.length == b->frame.length && a->frame.has_length == b->frame.has_length);
	must(a->frame.keep_alive == b->frame.keep_alive && a->frame.expects_100 == b->frame.expects_100);
	must(a->frame.upgrade == b->frame.upgrade && slice_eq(a->frame.te_trailers, b->frame.te_trailers));
}

/* Frames what was read, writes it, reads that and writes it again. */
static void onward(struct slice text, bool response, enum http_method method)
{
	static struct reading first, second;
	size_t room = 2 * text.len + 256, len; /* the authority may become Host as well */
	char *out = malloc(room), *again = malloc(room);

	must(out != NULL && again != NULL);
	read_pieces(&first, text, response, text.len, 1);
	if (frame(&first, response, method)) {
		len = write_head(&first, out, room);
		must(len > 0);
		begin(&second, len, response);
		memcpy(second.bytes, out, len);
		second.head.capacity = MORE_FIELDS;
		second.progress = http_parse(&second.parser, slice_of(second.bytes, len), false, &second.head, &second.used);
		must(second.progress == HTTP_DONE && second.used == len);
		look_at_bytes(&second);
		must(frame(&second, response, method));
		same_meaning(&first, &second);
		must(write_head(&second, again, room) == len && memcmp(out, again, len) == 0);
		end(&second);
	}
	end(&first);
	free(out);
	free(again);
}

/* With a full buffer there is a decision, and it is the same one if there was one without. */
static void when_full(struct slice text, bool response, const struct reading *r)
{
	static struct reading full;

	begin(&full, text.len, response);
	if (text.len > 0)
		memcpy(full.bytes, text.ptr, text.len);
	full.progress = http_parse(&full.parser, slice_of(full.bytes, text.len), true, &full.head, &full.used);
	if (r->progress == HTTP_MORE)
		must(full.progress == HTTP_BAD && full.parser.error.status == (response ? 502 : r->parser.started ? 431 : 414));
	else
		same_reading(r, &full);
	end(&full);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct reading whole, pieces; /* too large for some stacks */
	struct slice text = slice_of((const char *)data, size);
	bool response = slice_starts_with(text, SLICE_LIT("HTTP/"));

	read_pieces(&whole, text, response, size, 1);
	for (size_t cut = 0; cut < size; cut += 1 + size / 8) {
		read_pieces(&pieces, text, response, cut, size);
		same_reading(&whole, &pieces);
		end(&pieces);
	}
	read_pieces(&pieces, text, response, 0, 1);
	same_reading(&whole, &pieces);
	end(&pieces);
	when_full(text, response, &whole);
	if (whole.progress == HTTP_DONE) {
		look_at_bytes(&whole);
		onward(text, response, HTTP_GET);
		if (response) {
			onward(text, response, HTTP_HEAD);
			onward(text, response, HTTP_CONNECT);
		}
	}
	end(&whole);
	return 0;
}
