/* frame.c - how long a message's body is and whether its connection lives on.
 *
 * One pass collects what the fields say, then it is decided, then one pass takes the fields out: a head that is refused
 * stays as it was, for logs.
 */
#include "gateway/http/frame.h"

#include "gateway/http/chars.h"
#include "gateway/http/hop.h"
#include "gateway/http/target.h"

/* What the fields of a head say. */
struct findings {
	struct http_hop hop;
	unsigned hosts, lengths, codings, expectations;
	bool upgrade;    /* an Upgrade field is there */
	bool forbidden;  /* one that may not go through */
	bool trailers;   /* TE names them */
	uint64_t length;
	struct http_field *host;
};

static enum http_progress refuse(struct http_error *error, int status, const char *why)
{
	*error = (struct http_error){ .status = status, .why = why };
	return HTTP_BAD;
}

/* Digits only. Leading zeros are legal and cannot be misread: the number is written anew. */
static bool read_length(struct slice value, uint64_t *out)
{
	uint64_t n = 0;

	for (size_t i = 0; i < value.len; i++) {
		unsigned digit = (unsigned)((unsigned char)value.ptr[i] - '0');

		if (digit > 9 || n > ((uint64_t)INT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*out = n;
	return value.len > 0;
}

/* 0 for "chunked" and nothing else. A well-formed list of other codings, with or without chunked at its end, is 501. What
 * is no such list, or has chunked elsewhere or with parameters, is what smugglers write: 400. */
static int coding_status(struct slice value)
{
	struct slice element;

	if (slice_eq_nocase(value, SLICE_LIT("chunked")))
		return 0;
	while (http_list_next(&value, &element)) {
		struct slice coding = slice_trim(slice_cut(&element, ';'));

		if (!http_is_token(coding))
			return 400;
		if (slice_eq_nocase(coding, SLICE_LIT("chunked")) && (element.ptr != NULL || value.ptr != NULL))
			return 400;
	}
	return 501;
}

/* "Content_Length" and "Transfer_Encoding": programs that hand fields on as variables cannot tell them from the real ones. */
static bool looks_like_framing(struct slice name)
{
	if (name.len == 14 && name.ptr[7] == '_')
		return slice_eq_nocase(name, SLICE_LIT("content_length"));
	return name.len == 17 && name.ptr[8] == '_' && slice_eq_nocase(name, SLICE_LIT("transfer_encoding"));
}

static bool names_trailers(struct slice value)
{
	struct slice element;

	while (http_list_next(&value, &element)) {
		if (slice_eq_nocase(element, SLICE_LIT("trailers")))
			return true;
	}
	return false;
}

/* What one field says; HTTP_DONE, or why the head is refused. */
static enum http_progress collect_one(struct findings *all, struct http_field *f, bool response, struct http_error *error)
{
	int status;

	switch (f->id) {
	case NAME_OTHER:
		if (!response && looks_like_framing(f->name))
			return refuse(error, 400, "a field that imitates Content-Length or Transfer-Encoding");
		return HTTP_DONE;
	case NAME_CONTENT_LENGTH:
		if (all->lengths++ > 0)
			return refuse(error, 400, "several Content-Length");
		return read_length(f->value, &all->length) ? HTTP_DONE : refuse(error, 400, "Content-Length is not a number below 2^63");
	case NAME_TRANSFER_ENCODING:
		if (all->codings++ > 0)
			return refuse(error, 400, "several Transfer-Encoding");
		status = coding_status(f->value);
		return status == 0 ? HTTP_DONE : refuse(error, status, "Transfer-Encoding is not chunked");
	case NAME_CONNECTION:
		return http_hop_read(&all->hop, f->value) ? HTTP_DONE : refuse(error, 400, "Connection has too many elements");
	case NAME_UPGRADE:
		all->upgrade = true;
		all->forbidden |= !http_upgrade_allowed(f->value);
		return HTTP_DONE;
	case NAME_TE:
		all->trailers |= names_trailers(f->value);
		return HTTP_DONE;
	case NAME_EXPECT:
		if (!response && (all->expectations++ > 0 || !slice_eq_nocase(f->value, SLICE_LIT("100-continue"))))
			return refuse(error, 417, "Expect is not 100-continue");
		return HTTP_DONE;
	case NAME_AUTHORITY_HOST:
		all->hosts++;
		all->host = f;
		return HTTP_DONE;
	default:
		return HTTP_DONE;
	}
}

static enum http_progress collect(struct findings *all, struct http_head *h, struct http_error *error)
{
	enum http_progress progress = HTTP_DONE;

	http_hop_init(&all->hop);
	all->hosts = all->lengths = all->codings = all->expectations = 0;
	all->upgrade = all->forbidden = all->trailers = false;
	all->length = 0;
	all->host = NULL;
	for (unsigned i = 0; i < h->count && progress == HTTP_DONE; i++)
		progress = collect_one(all, &h->fields[i], h->is_response, error);
	if (progress == HTTP_BAD)
		return HTTP_BAD;
	if (all->codings > 0 && all->lengths > 0)
		return refuse(error, 400, "both Transfer-Encoding and Content-Length");
	if (all->codings > 0 && h->minor == 0)
		return refuse(error, 400, "Transfer-Encoding in HTTP/1.0");
	return HTTP_DONE;
}

/* Whether the field stays in the head. */
static bool stays(const struct http_field *field, const struct http_head *h, const struct findings *all,
		  const struct http_frame *f)
{
	switch (field->id) {
	case NAME_OTHER:
		return all->hop.count == 0 || !http_hop_names(&all->hop, field->name);
	case NAME_AUTHORITY_HOST:
	case NAME_COOKIE:
	case NAME_SET_COOKIE:
		return true;
	case NAME_EXPECT:
		return h->is_response || f->expects_100;
	case NAME_UPGRADE:
		return f->upgrade;
	default:
		return false;
	}
}

static void take_out(struct http_head *h, const struct findings *all, const struct http_frame *f)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < h->count; i++) {
		if (!stays(&h->fields[i], h, all, f))
			continue;
		if (kept != i)
			h->fields[kept] = h->fields[i];
		kept++;
	}
	h->count = kept;
}

static enum http_progress check_host(const struct http_head *h, const struct findings *all, struct http_error *error)
{
	if (all->hosts > 1)
		return refuse(error, 400, "several Host");
	if (all->hosts == 0 && h->minor > 0)
		return refuse(error, 400, "no Host");
	if (all->hosts == 0) /* room for the one that will be added */
		return h->authority.ptr == NULL || h->count < h->capacity ? HTTP_DONE : refuse(error, 431, "too many fields");
	/* an empty one says that the target has no authority (RFC 9112, 3.2) */
	if (all->host->value.len > 0 && !http_authority_valid(all->host->value, false))
		return refuse(error, 400, "bad Host");
	return HTTP_DONE;
}

/* Makes Host and the target's authority the same. */
static void settle_host(struct http_head *h, const struct findings *all)
{
	if (h->authority.ptr == NULL)
		return;
	if (all->host != NULL)
		all->host->value = h->authority;
	else
		(void)http_field_add(h, SLICE_LIT("Host"), h->authority); /* check_host() saw that there is room */
}

static bool keeps_alive(const struct http_head *h, const struct findings *all)
{
	return !all->hop.close && (h->minor > 0 || all->hop.keep_alive);
}

enum http_progress http_frame_request(struct http_head *h, struct http_frame *f, struct http_error *error)
{
	struct findings all;

	if (collect(&all, h, error) == HTTP_BAD || check_host(h, &all, error) == HTTP_BAD)
		return HTTP_BAD;
	if (h->method == HTTP_CONNECT && (all.codings > 0 || all.lengths > 0))
		return refuse(error, 400, "CONNECT with a body");
	*f = (struct http_frame){ .length = all.length, .has_length = all.lengths > 0 };
	f->kind = all.codings > 0 ? BODY_CHUNKED : all.length > 0 ? BODY_LENGTH : BODY_NONE;
	f->keep_alive = keeps_alive(h, &all);
	f->expects_100 = all.expectations > 0 && h->minor > 0 && f->kind != BODY_NONE;
	f->upgrade = all.hop.upgrade && all.upgrade && !all.forbidden && h->minor > 0 && f->kind == BODY_NONE &&
		     h->method != HTTP_CONNECT;
	if (all.trailers)
		f->te_trailers = SLICE_LIT("trailers");
	settle_host(h, &all);
	take_out(h, &all, f);
	return HTTP_DONE;
}

static enum body_kind response_kind(const struct http_head *h, enum http_method method, const struct findings *all)
{
	if (h->status == 101 || (method == HTTP_CONNECT && h->status / 100 == 2))
		return BODY_TUNNEL;
	if (h->status < 200 || h->status == 204 || h->status == 304 || method == HTTP_HEAD)
		return BODY_NONE;
	if (all->codings > 0)
		return BODY_CHUNKED;
	if (all->lengths == 0)
		return BODY_UNTIL_CLOSE;
	return all->length > 0 ? BODY_LENGTH : BODY_NONE;
}

enum http_progress http_frame_response(struct http_head *h, enum http_method method, bool upgrade_asked,
				       struct http_frame *f, struct http_error *error)
{
	struct findings all;
	bool never_a_body;

	if (collect(&all, h, error) == HTTP_BAD) {
		error->status = 502;
		return HTTP_BAD;
	}
	*f = (struct http_frame){ .kind = response_kind(h, method, &all) };
	never_a_body = h->status < 200 || h->status == 204 || f->kind == BODY_TUNNEL;
	if (never_a_body && (all.codings > 0 || all.length > 0))
		return refuse(error, 502, "a response that has no body announces one");
	f->upgrade = h->status == 101 && all.hop.upgrade && all.upgrade && !all.forbidden && h->minor > 0;
	if (h->status == 101 && !(upgrade_asked && f->upgrade))
		return refuse(error, 502, "a 101 that was not asked for, or names no protocol");
	f->has_length = all.lengths > 0 && !never_a_body;
	f->length = all.length;
	f->says_chunked = f->kind == BODY_NONE && all.codings > 0;
	f->keep_alive = keeps_alive(h, &all) && f->kind != BODY_UNTIL_CLOSE && f->kind != BODY_TUNNEL;
	take_out(h, &all, f);
	return HTTP_DONE;
}
