/* llhttp_fuzz.c - libFuzzer target: what our reader of messages takes, llhttp (Node's, strict) takes too, and understands the same.
 *
 * The same are: method, target or status, version, fields, payload, and where the message ends. What we refuse is not compared, but a message
 * that we hold for unfinished must not be a whole one for llhttp. Where the two differ with reason stands in excused(). What begins
 * with "HTTP/" is taken for the response to a GET.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/http/body.h"
#include "gateway/http/frame.h"
#include "gateway/http/parse.h"
#include "tests/fuzz/llhttp_reading.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FIELDS LLHTTP_FIELDS

/* ---- our reading ---- */

struct ours {
	struct http_field fields[FIELDS], framed[FIELDS + 1];
	struct http_head head;  /* as it was read */
	struct http_frame frame;
	enum http_progress progress;
	bool head_complete;
	size_t used;
	struct gathered body;
};

static enum http_progress read_body(struct ours *o, struct slice in)
{
	struct http_body body;
	enum http_progress p = HTTP_MORE;

	http_body_init(&body, &o->frame);
	for (size_t used = 1; p == HTTP_MORE && used > 0; o->used += used) {
		struct slice data;

		p = http_body_next(&body, slice_sub(in, o->used, in.len), &used, &data);
		gather(&o->body, data.ptr, data.len);
	}
	return p;
}

static enum http_progress read_ours(struct ours *o, struct slice in, bool response)
{
	struct http_parser parser;
	struct http_error error;
	struct http_head framed;
	enum http_progress p;

	memset(o, 0, sizeof(*o));
	http_head_init(&o->head, o->fields, FIELDS);
	http_parser_init(&parser, response, 0);
	p = http_parse(&parser, in, false, &o->head, &o->used);
	if (p != HTTP_DONE)
		return p;
	framed = o->head;
	framed.fields = o->framed;
	framed.capacity = FIELDS + 1;
	memcpy(o->framed, o->fields, sizeof(o->fields));
	p = response ? http_frame_response(&framed, HTTP_GET, true, &o->frame, &error) : http_frame_request(&framed, &o->frame, &error);
	if (p != HTTP_DONE)
		return p;
	o->head_complete = true;
	return o->frame.kind == BODY_TUNNEL ? HTTP_DONE : read_body(o, in);
}

/* ---- comparing ---- */

static void same_head(const struct ours *o, const struct llhttp_reading *t)
{
	assert(t->head_complete && t->minor == o->head.minor && t->count == o->head.count);
	if (o->head.is_response) {
		assert(t->status == o->head.status);
	} else {
		assert(slice_eq(slice_str(t->method), o->head.method_text));
		assert(slice_eq(gathered(&t->target), o->head.target));
	}
	for (unsigned i = 0; i < t->count; i++) {
		assert(slice_eq(gathered(&t->names[i]), o->fields[i].name));
		assert(slice_eq(slice_trim(gathered(&t->values[i])), o->fields[i].value));
	}
}

/* What we hold for unfinished. */
static void compare_unended(const struct ours *o, const struct llhttp_reading *t)
{
	assert(t->outcome != LLHTTP_ENDED && (o->head_complete || !t->head_complete));
	if (!o->head_complete || t->outcome == LLHTTP_REFUSED)
		return;
	same_head(o, t);
	assert(slice_eq(gathered(&o->body), gathered(&t->body)));
	assert(t->ended_at_close == (o->frame.kind == BODY_UNTIL_CLOSE));
}

static void compare_ended(const struct ours *o, const struct llhttp_reading *t)
{
	assert(t->outcome == LLHTTP_ENDED && t->used == o->used);
	same_head(o, t);
	assert(slice_eq(gathered(&o->body), gathered(&t->body)));
}

/* ---- where the two may differ, and why ---- */

/* A tab behind the value of a field that frames is white space for us, as for the standard (RFC 9110, 5.6.3), not for llhttp. What we send
 * on has none. */
static bool tab_behind_framing(const struct ours *o)
{
	for (unsigned i = 0; i < o->head.count; i++) {
		const struct http_field *f = &o->fields[i];
		const char *end = f->value.ptr + f->value.len;

		if (f->id != NAME_CONTENT_LENGTH && f->id != NAME_TRANSFER_ENCODING)
			continue;
		for (; *end != '\r'; end++) {
			if (*end == '\t')
				return true;
		}
	}
	return false;
}

/* Extensions of chunks: llhttp knows no white space in them, no byte above 0x7f in quotes, and nothing behind a value. We drop them. */
static bool in_extension(const struct llhttp_reading *t, struct slice in)
{
	for (size_t at = t->used; at > 0 && in.ptr[at - 1] != '\n'; at--) {
		if (in.ptr[at - 1] == ';')
			return true;
	}
	/* or in front of the first one: "5 ;x" */
	for (size_t at = t->used; at < in.len && (in.ptr[at] == ' ' || in.ptr[at] == '\t' || in.ptr[at] == ';'); at++) {
		if (in.ptr[at] == ';')
			return true;
	}
	return false;
}

/* Trailer fields that have the names of those that frame. We drop them. */
static bool in_trailer(const struct llhttp_reading *t)
{
	static const char *const reasons[] = {
		"Content-Length can't be present with Transfer-Encoding",
		"Invalid `Transfer-Encoding` header value",
		"Invalid character in Content-Length",
		"Empty Content-Length",
		"Duplicate Content-Length",
		"Content-Length overflow",
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (strcmp(t->reason, reasons[i]) == 0)
			return true;
	}
	return false;
}

static bool excused(const struct ours *o, const struct llhttp_reading *t, struct slice in)
{
	if (!o->head_complete)
		return false;
	/* llhttp knows a list of methods, we know tokens. */
	if (!o->head.is_response && !llhttp_knows_method(o->head.method_text))
		return true;
	if (tab_behind_framing(o))
		return true;
	return t->outcome == LLHTTP_REFUSED && o->frame.kind == BODY_CHUNKED && (in_extension(t, in) || in_trailer(t));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of(size == 0 ? "" : (const char *)data, size);
	bool response = slice_starts_with(in, SLICE_LIT("HTTP/"));
	struct llhttp_reading t;
	struct ours o;

	o.progress = read_ours(&o, in, response);
	if (o.progress != HTTP_BAD) {
		llhttp_read(&t, in, response);
		if (excused(&o, &t, in))
			;
		else if (o.progress == HTTP_DONE)
			compare_ended(&o, &t);
		else
			compare_unended(&o, &t);
		llhttp_reading_end(&t);
	}
	free(o.body.ptr);
	return 0;
}
