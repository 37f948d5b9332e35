/* fetch_message.c - samples of what is kept of request and response to the end: captures, status, id (manual, 7.3.6). */
#include "gateway/expr/tables.h"

#include "gateway/expr/arg.h"
#include "gateway/expr/format.h"
#include "gateway/model/proxy.h"
#include "gateway/session/exchange.h"

enum { OF_REQUEST, OF_RESPONSE };

static bool get_capture(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	const struct slice *captures = a->data == OF_REQUEST ? x->request_captures : x->response_captures;
	unsigned count = a->data == OF_REQUEST ? x->frontend->request_capture_count : x->frontend->response_capture_count;
	int64_t i = a->at[0].number;

	(void)w;
	return captures != NULL && i >= 0 && i < count && sample_set_text(out, captures[i]);
}

/* A part of the request's line as it came: method, target, version. */
enum { LINE_METHOD, LINE_VERSION = 2 };

static bool get_line(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)w;
	return sample_set_text(out, x->request_line[a->data]);
}

/* Target without scheme and authority. */
static bool get_uri(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	struct slice uri = x->request_line[1];
	size_t i = 0;

	(void)a, (void)w;
	if (uri.len == 0)
		return false;
	if (uri.ptr[0] != '/') { /* "http://host/path": the path begins at the third '/' */
		for (unsigned slashes = 0; i < uri.len && slashes < 3; i++)
			slashes += uri.ptr[i] == '/';
		if (i == uri.len && uri.ptr[i - 1] != '/')
			return false;
		i--;
	}
	return sample_set_text(out, slice_sub(uri, i, uri.len));
}

static bool get_response_version(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	struct slice text = x->response.minor == 0 ? SLICE_LIT("HTTP/1.0") : SLICE_LIT("HTTP/1.1");

	(void)w;
	return x->response.status != 0 && sample_set_text(out, slice_sub(text, (size_t)a->data, text.len));
}

static bool get_status(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	int status = x->status != 0 ? x->status : x->response.status;

	(void)a, (void)w;
	return status != 0 && sample_set_int(out, status);
}

static bool get_unique_id(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)a, (void)w;
	return sample_set_text(out, format_unique_id(x));
}

enum { WITH_PROTOCOL = 0, NUMBER_ONLY = 5 /* behind "HTTP/" */ };

const struct fetch fetch_message[] = {
	{ .name = "capture.req.hdr", .args = "i", .type = SAMPLE_STR, .when = WHEN_KEPT, .get = get_capture, .data = OF_REQUEST },
	{ .name = "capture.res.hdr", .args = "i", .type = SAMPLE_STR, .when = WHEN_STATUS, .get = get_capture, .data = OF_RESPONSE },
	{ .name = "capture.req.method", .type = SAMPLE_STR, .when = WHEN_KEPT, .get = get_line, .data = LINE_METHOD },
	{ .name = "capture.req.ver", .type = SAMPLE_STR, .when = WHEN_KEPT, .get = get_line, .data = LINE_VERSION },
	{ .name = "capture.req.uri", .type = SAMPLE_STR, .when = WHEN_KEPT, .get = get_uri },
	{ .name = "capture.res.ver", .type = SAMPLE_STR, .when = WHEN_STATUS, .get = get_response_version, .data = WITH_PROTOCOL },
	{ .name = "res.ver", .type = SAMPLE_STR, .when = WHEN_RESPONSE, .get = get_response_version, .data = NUMBER_ONLY },
	{ .name = "resp_ver", .type = SAMPLE_STR, .when = WHEN_RESPONSE, .get = get_response_version, .data = NUMBER_ONLY },
	{ .name = "status", .type = SAMPLE_INT, .when = WHEN_STATUS, .get = get_status },
	{ .name = "unique-id", .type = SAMPLE_STR, .when = WHEN_KEPT, .get = get_unique_id },
	{ .name = NULL },
};
