/* page.c - files read at the start: whole responses and bodies. */
#include "gateway/rule/page.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "gateway/conf/parse.h"
#include "gateway/http/frame.h"
#include "gateway/http/parse.h"
#include "gateway/model/config.h"
#include "gateway/rule/actions.h"

/* One header stays free for Retry-After. */
#define PAGE_FIELDS_MAX (sizeof(((struct reply *)NULL)->headers) / sizeof(((struct reply *)NULL)->headers[0]) - 1)
#define BUFSIZE_USUAL 16384 /* when the global section did not say, or comes later */
#define MAXREWRITE_USUAL 1024

struct page {
	int status;
	struct slice reason;
	struct slice headers[PAGE_FIELDS_MAX][2];
	unsigned header_count;
	struct slice body;
	bool close; /* it says so, or does not say its length */
	bool empty;
};

size_t page_size_most(const struct parse *p)
{
	size_t bufsize = p->config->bufsize > 0 ? p->config->bufsize : BUFSIZE_USUAL;
	size_t reserve = p->config->maxrewrite > 0 ? p->config->maxrewrite : MAXREWRITE_USUAL;

	return bufsize > reserve ? bufsize - reserve : bufsize;
}

/* Reads up to <size> bytes, to the end of the file; -1: errno. */
static ssize_t read_all(int fd, char *to, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, to + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

bool page_file(struct parse *p, struct slice path, size_t most, const char *what, struct slice *out)
{
	char *bytes = rule_memory(p, most + 1); /* one more, to see that there is more */
	int fd = open(path.ptr, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read_all(fd, bytes, most + 1);

	if (len < 0)
		parse_error(p, "%s: cannot read '%.*s': %s", what, SLICE_ARG(path), strerror(errno));
	else if ((size_t)len > most)
		parse_error(p, "%s: '%.*s' is longer than %zu bytes (tune.bufsize without tune.maxrewrite)", what, SLICE_ARG(path), most);
	if (fd >= 0)
		close(fd);
	*out = slice_of(bytes, len < 0 ? 0 : (size_t)len);
	return len >= 0 && (size_t)len <= most;
}

/* ---- a whole response ---- */

/* The head of <file>, up to and with its empty line, with CRLF at each line's end. <used>: how long it is in the file. */
static struct slice proper_head(struct parse *p, struct slice file, size_t *used)
{
	char *out = rule_memory(p, 2 * file.len + 1);
	size_t len = 0, line = 0;

	for (size_t i = 0; i < file.len; i++) {
		bool end = file.ptr[i] == '\n';

		if (end && (i == 0 || file.ptr[i - 1] != '\r'))
			out[len++] = '\r';
		out[len++] = file.ptr[i];
		if (!end)
			continue;
		*used = i + 1;
		if (len - line == 2 && line > 0)
			break;
		line = len;
	}
	return slice_of(out, len);
}

/* Reads head and framing; why not, or NULL. *close: it says so; that its version is old says nothing about the client's connection. */
static const char *understand(struct slice head, struct http_head *h, struct http_frame *f, bool *close)
{
	struct http_parser parser;
	struct http_error error;
	size_t used = 0;

	http_parser_init(&parser, true, 0);
	switch (http_parse(&parser, head, false, h, &used)) {
	case HTTP_BAD:
		return parser.error.why;
	case HTTP_MORE:
		return "the head has no end";
	default:
		break;
	}
	if (h->status < 200)
		return "its status is that of an interim response";
	*close = http_field_lists(h, NAME_CONNECTION, SLICE_LIT("close"));
	return http_frame_response(h, HTTP_GET, false, f, &error) == HTTP_DONE ? NULL : error.why;
}

/* Whether the body is as long as the head says. */
static const char *misfit(const struct http_head *h, const struct http_frame *f, struct slice body)
{
	if (f->kind == BODY_CHUNKED)
		return "a chunked body is not supported here";
	if (f->has_length && f->length != body.len)
		return "the body is not as long as Content-Length says";
	if ((h->status == 204 || h->status == 304) && body.len > 0)
		return "a response of that status has no body";
	if (h->count > PAGE_FIELDS_MAX)
		return "it has too many headers";
	return NULL;
}

static void keep(struct page *page, const struct http_head *h, struct slice body)
{
	page->status = h->status;
	page->reason = h->reason;
	page->body = body;
	for (unsigned i = 0; i < h->count; i++) {
		page->headers[i][0] = h->fields[i].name;
		page->headers[i][1] = h->fields[i].value;
	}
	page->header_count = h->count;
}

const struct page *page_read(struct parse *p, struct slice path, const char *what)
{
	struct page *page = rule_memory(p, sizeof(*page));
	struct http_field fields[2 * PAGE_FIELDS_MAX];
	struct http_frame frame = { .kind = BODY_NONE };
	struct http_head head;
	struct slice file, text, body;
	const char *why;
	size_t used = 0;

	if (!page_file(p, path, page_size_most(p), what, &file))
		return NULL;
	page->empty = file.len == 0;
	if (page->empty)
		return page;
	text = proper_head(p, file, &used);
	body = slice_sub(file, used, file.len);
	http_head_init(&head, fields, sizeof(fields) / sizeof(fields[0]));
	why = understand(text, &head, &frame, &page->close);
	if (why == NULL)
		why = misfit(&head, &frame, body);
	if (why != NULL) {
		parse_error(p, "%s: '%.*s' is no response that can be sent: %s", what, SLICE_ARG(path), why);
		return NULL;
	}
	keep(page, &head, body);
	return page;
}

void page_fill(const struct page *page, struct reply *reply)
{
	*reply = (struct reply){ .status = page->status, .reason = page->reason, .body = page->body, .close = page->close };
	if (page->empty) {
		reply->raw = SLICE_LIT("");
		reply->close = true;
	}
	memcpy(reply->headers, page->headers, page->header_count * sizeof(page->headers[0]));
	reply->header_count = page->header_count;
}
