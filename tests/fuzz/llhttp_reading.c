/* llhttp_reading.c - a message as llhttp reads it. */
#include "tests/fuzz/llhttp_reading.h"

#include <llhttp/llhttp.h>
#include <stdlib.h>
#include <string.h>

/* What callbacks are given: the parser comes first. */
struct context {
	llhttp_t parser;
	struct llhttp_reading *reading;
	bool complete;
};

static struct llhttp_reading *reading(llhttp_t *p)
{
	return ((struct context *)p)->reading;
}

void gather(struct gathered *g, const char *at, size_t len)
{
	if (len == 0)
		return;
	g->ptr = realloc(g->ptr, g->len + len);
	if (g->ptr == NULL)
		abort();
	memcpy(g->ptr + g->len, at, len);
	g->len += len;
}

struct slice gathered(const struct gathered *g)
{
	return slice_of(g->len > 0 ? g->ptr : "", g->len);
}

static int on_url(llhttp_t *p, const char *at, size_t len)
{
	gather(&reading(p)->target, at, len);
	return 0;
}

/* Trailer fields come in the same way. */
static bool is_kept(const struct llhttp_reading *r)
{
	return !r->head_complete && r->count < LLHTTP_FIELDS;
}

static int on_name(llhttp_t *p, const char *at, size_t len)
{
	struct llhttp_reading *r = reading(p);

	if (is_kept(r))
		gather(&r->names[r->count], at, len);
	return 0;
}

static int on_value(llhttp_t *p, const char *at, size_t len)
{
	struct llhttp_reading *r = reading(p);

	if (is_kept(r))
		gather(&r->values[r->count], at, len);
	return 0;
}

static int on_value_complete(llhttp_t *p)
{
	reading(p)->count += is_kept(reading(p));
	return 0;
}

/* 1: there is no body, whatever the fields say. llhttp leaves it to its user to know that of a status. */
static int on_head(llhttp_t *p)
{
	struct llhttp_reading *r = reading(p);

	r->head_complete = true;
	r->status = p->status_code;
	r->method = llhttp_method_name((llhttp_method_t)p->method);
	r->minor = p->http_minor;
	return p->type == HTTP_RESPONSE && (r->status < 200 || r->status == 204 || r->status == 304);
}

static int on_body(llhttp_t *p, const char *at, size_t len)
{
	gather(&reading(p)->body, at, len);
	return 0;
}

static int on_complete(llhttp_t *p)
{
	((struct context *)p)->complete = true;
	return HPE_PAUSED;
}

void llhttp_read(struct llhttp_reading *r, struct slice in, bool response)
{
	static const llhttp_settings_t settings = {
		.on_url = on_url, .on_header_field = on_name, .on_header_value = on_value, .on_header_value_complete = on_value_complete,
		.on_headers_complete = on_head, .on_body = on_body, .on_message_complete = on_complete,
	};
	struct context c = { .reading = r };
	llhttp_errno_t e;

	memset(r, 0, sizeof(*r));
	llhttp_init(&c.parser, response ? HTTP_RESPONSE : HTTP_REQUEST, &settings);
	e = llhttp_execute(&c.parser, in.ptr, in.len);
	r->used = e == HPE_OK ? in.len : (size_t)(llhttp_get_error_pos(&c.parser) - in.ptr);
	r->outcome = c.complete ? LLHTTP_ENDED : e == HPE_OK ? LLHTTP_UNENDED : LLHTTP_REFUSED;
	r->reason = r->outcome == LLHTTP_REFUSED ? llhttp_get_error_reason(&c.parser) : "";
	if (r->outcome == LLHTTP_UNENDED)
		r->ended_at_close = llhttp_finish(&c.parser) != HPE_INVALID_EOF_STATE && c.complete;
}

void llhttp_reading_end(struct llhttp_reading *r)
{
	free(r->target.ptr);
	free(r->body.ptr);
	for (unsigned i = 0; i < LLHTTP_FIELDS; i++) {
		free(r->names[i].ptr);
		free(r->values[i].ptr);
	}
}

bool llhttp_knows_method(struct slice method)
{
	static const char *const known[] = {
#define NAME(number, name, string) #string,
		HTTP_METHOD_MAP(NAME)
#undef NAME
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (slice_eq(method, slice_str(known[i])))
			return true;
	}
	return false;
}
