/* head.c - the head of a request or response: known names, looking up, adding and removing fields, lists. */
#include "gateway/http/head.h"

#include <assert.h>
#include <string.h>

void http_head_init(struct http_head *h, struct http_field *fields, unsigned capacity)
{
	*h = (struct http_head){ .fields = fields, .capacity = capacity };
}

static enum http_method method_if(struct slice text, const char *name, enum http_method method)
{
	return memcmp(text.ptr, name, text.len) == 0 ? method : HTTP_OTHER;
}

enum http_method http_method_of(struct slice text)
{
	switch (text.len) {
	case 3:
		return text.ptr[0] == 'G' ? method_if(text, "GET", HTTP_GET) : method_if(text, "PUT", HTTP_PUT);
	case 4:
		return text.ptr[0] == 'P' ? method_if(text, "POST", HTTP_POST) : method_if(text, "HEAD", HTTP_HEAD);
	case 5:
		return text.ptr[0] == 'P' ? method_if(text, "PATCH", HTTP_PATCH) : method_if(text, "TRACE", HTTP_TRACE);
	case 6:
		return method_if(text, "DELETE", HTTP_DELETE);
	case 7:
		return text.ptr[0] == 'C' ? method_if(text, "CONNECT", HTTP_CONNECT)
					  : method_if(text, "OPTIONS", HTTP_OPTIONS);
	default:
		return HTTP_OTHER;
	}
}

static enum http_name name_if(struct slice name, const char *known, enum http_name id)
{
	return slice_eq_nocase(name, slice_of(known, name.len)) ? id : NAME_OTHER;
}

enum http_name http_name_of(struct slice name)
{
	/* length and first letter tell the known names apart; 0x20 makes a letter lower-case */
	int first = name.len == 0 ? 0 : name.ptr[0] | 0x20;

	switch (name.len) {
	case 2:
		return name_if(name, "te", NAME_TE);
	case 4:
		return name_if(name, "host", NAME_AUTHORITY_HOST);
	case 6:
		return first == 'c' ? name_if(name, "cookie", NAME_COOKIE) :
		       first == 'e' ? name_if(name, "expect", NAME_EXPECT) : NAME_OTHER;
	case 7:
		return first == 'u' ? name_if(name, "upgrade", NAME_UPGRADE) :
		       first == 't' ? name_if(name, "trailer", NAME_TRAILER) : NAME_OTHER;
	case 10:
		return first == 'c' ? name_if(name, "connection", NAME_CONNECTION) :
		       first == 's' ? name_if(name, "set-cookie", NAME_SET_COOKIE) :
		       first == 'k' ? name_if(name, "keep-alive", NAME_KEEP_ALIVE) : NAME_OTHER;
	case 14:
		return name_if(name, "content-length", NAME_CONTENT_LENGTH);
	case 16:
		return name_if(name, "proxy-connection", NAME_PROXY_CONNECTION);
	case 17:
		return name_if(name, "transfer-encoding", NAME_TRANSFER_ENCODING);
	default:
		return NAME_OTHER;
	}
}

struct http_field *http_field_find(const struct http_head *h, struct slice name, unsigned from)
{
	for (unsigned i = from; i < h->count; i++) {
		if (h->fields[i].name.len == name.len && slice_eq_nocase(h->fields[i].name, name))
			return &h->fields[i];
	}
	return NULL;
}

struct http_field *http_field_known(const struct http_head *h, enum http_name id, unsigned from)
{
	assert(id != NAME_OTHER && id < NAME_COUNT);
	for (unsigned i = from; i < h->count; i++) {
		if (h->fields[i].id == id)
			return &h->fields[i];
	}
	return NULL;
}

bool http_field_lists(const struct http_head *h, enum http_name id, struct slice token)
{
	const struct http_field *f = http_field_known(h, id, 0);

	while (f != NULL) {
		struct slice rest = f->value, element;

		while (http_list_next(&rest, &element)) {
			if (slice_eq_nocase(element, token))
				return true;
		}
		f = http_field_known(h, id, (unsigned)(f - h->fields) + 1);
	}
	return false;
}

bool http_field_add(struct http_head *h, struct slice name, struct slice value)
{
	if (h->count == h->capacity)
		return false;
	h->fields[h->count++] = (struct http_field){ .name = name, .value = value, .id = http_name_of(name) };
	return true;
}

void http_field_remove(struct http_head *h, struct http_field *f)
{
	size_t index = (size_t)(f - h->fields);

	assert(f >= h->fields && index < h->count);
	h->count--;
	memmove(f, f + 1, (h->count - index) * sizeof(*f));
}

unsigned http_field_remove_all(struct http_head *h, struct slice name)
{
	unsigned kept = 0, removed;

	for (unsigned i = 0; i < h->count; i++) {
		if (!slice_eq_nocase(h->fields[i].name, name))
			h->fields[kept++] = h->fields[i];
	}
	removed = h->count - kept;
	h->count = kept;
	return removed;
}

/* Where the first element of <list> ends: at a comma outside quotes, or at the end. A quote that is never closed
 * reaches to the end. */
static size_t element_end(struct slice list)
{
	bool quoted = false;

	for (size_t i = 0; i < list.len; i++) {
		if (list.ptr[i] == '"')
			quoted = !quoted;
		else if (quoted && list.ptr[i] == '\\')
			i++; /* what it escapes is neither the end of the quote nor another escape */
		else if (!quoted && list.ptr[i] == ',')
			return i;
	}
	return list.len;
}

bool http_list_next(struct slice *rest, struct slice *element)
{
	struct slice list = *rest;
	size_t end;

	if (list.ptr == NULL)
		return false;
	end = element_end(list);
	*element = slice_trim(slice_sub(list, 0, end));
	*rest = end == list.len ? SLICE_NONE : slice_sub(list, end + 1, list.len);
	return true;
}

bool http_list_element(struct slice value, unsigned index, struct slice *out)
{
	struct slice element;

	while (http_list_next(&value, &element)) {
		if (index-- == 0) {
			*out = element;
			return true;
		}
	}
	return false;
}

struct reason {
	int status;
	const char *text;
};

/* RFC 9110, section 15, and the registry of status codes; in order of number. */
static const struct reason reasons[] = {
	{ 100, "Continue" },
	{ 101, "Switching Protocols" },
	{ 102, "Processing" },
	{ 103, "Early Hints" },
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 203, "Non-Authoritative Information" },
	{ 204, "No Content" },
	{ 205, "Reset Content" },
	{ 206, "Partial Content" },
	{ 207, "Multi-Status" },
	{ 300, "Multiple Choices" },
	{ 301, "Moved Permanently" },
	{ 302, "Found" },
	{ 303, "See Other" },
	{ 304, "Not Modified" },
	{ 307, "Temporary Redirect" },
	{ 308, "Permanent Redirect" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 402, "Payment Required" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" },
	{ 407, "Proxy Authentication Required" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 410, "Gone" },
	{ 411, "Length Required" },
	{ 412, "Precondition Failed" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" },
	{ 416, "Range Not Satisfiable" },
	{ 417, "Expectation Failed" },
	{ 418, "I'm a Teapot" },
	{ 421, "Misdirected Request" },
	{ 422, "Unprocessable Content" },
	{ 423, "Locked" },
	{ 424, "Failed Dependency" },
	{ 425, "Too Early" },
	{ 426, "Upgrade Required" },
	{ 428, "Precondition Required" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 451, "Unavailable For Legal Reasons" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 505, "HTTP Version Not Supported" },
	{ 507, "Insufficient Storage" },
	{ 511, "Network Authentication Required" },
};

const char *http_reason(int status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].status == status)
			return reasons[i].text;
	}
	return "";
}
