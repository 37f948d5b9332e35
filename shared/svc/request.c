/* request.c - what a handler sees of its request, and the small readers of query, body and trace headers. */
#include "shared/svc/request.h"

#include <string.h>

#include "shared/base/clock.h"
#include "shared/io/http.h"
#include "shared/io/jdoc.h"

#define TRACEPARENT_LEN 55 /* of version 00: 2-32-16-2 hex digits and three dashes */

void degraded_note(struct request *rq, const char *domain, int64_t age_s)
{
	degraded_add(&rq->degraded, domain, age_s);
}

enum err request_fail(struct request *rq, enum err e, const char *detail)
{
	rq->detail = detail;
	return e;
}

int request_left_ms(const struct request *rq)
{
	return clock_left_ms(rq->deadline_us);
}

/* ---- query ---- */

static enum err read_limit(struct request *rq, struct slice value, struct page *out)
{
	uint64_t n;

	if (out->limit != 0)
		return request_fail(rq, ERR_BAD_REQUEST, "The parameter limit is given twice.");
	if (!slice_to_u64(value, PAGE_LIMIT_MAX, &n) || n == 0)
		return request_fail(rq, ERR_BAD_REQUEST, "The parameter limit is not a number from 1 to 1000.");
	out->limit = (uint32_t)n;
	return ERR_OK;
}

static enum err read_before(struct request *rq, struct slice value, struct page *out)
{
	if (out->before != 0)
		return request_fail(rq, ERR_BAD_REQUEST, "The parameter before is given twice.");
	if (!slice_to_id(value, &out->before))
		return request_fail(rq, ERR_BAD_REQUEST, "The parameter before is not an id.");
	return ERR_OK;
}

enum err query_page(struct request *rq, struct page *out)
{
	struct slice rest = http_query(rq->x);
	enum err e = ERR_OK;

	*out = (struct page){ 0 };
	while (rest.ptr != NULL && e == ERR_OK) {
		struct slice value = slice_cut(&rest, '&');
		struct slice name = slice_cut(&value, '=');

		if (slice_eq(name, SLICE_LIT("limit")))
			e = read_limit(rq, value, out);
		else if (slice_eq(name, SLICE_LIT("before")))
			e = read_before(rq, value, out);
	}
	return e;
}

/* ---- body ---- */

static enum err id_in(struct request *rq, const struct jdoc *root, const char *key, uint32_t *out)
{
	const struct jdoc *v;

	if (!jdoc_is_object(root))
		return request_fail(rq, ERR_BAD_REQUEST, "The body is not a JSON object.");
	v = jdoc_get(root, key);
	if (v == NULL)
		return request_fail(rq, ERR_BAD_REQUEST, arena_printf(rq->arena, "The body has no member %s.", key).ptr);
	if (!jdoc_id(v, out))
		return request_fail(rq, ERR_BAD_REQUEST,
				    arena_printf(rq->arena, "The member %s is not an id: a number from 1 to 2147483647.", key).ptr);
	return ERR_OK;
}

enum err body_id(struct request *rq, const char *key, uint32_t *out)
{
	struct jdoc *root = NULL;
	enum err e = jdoc_parse(http_body(rq->x), &root);

	if (e == ERR_BAD_REQUEST)
		return request_fail(rq, e, "The body is not JSON.");
	if (e != ERR_OK)
		return e;
	e = id_in(rq, root, key, out);
	jdoc_free(&root);
	return e;
}

/* ---- reply ---- */

enum err reply_empty(struct reply *rp, int status)
{
	rp->status = status;
	buf_clear(&rp->body);
	buf_add_str(&rp->body, "{}");
	return reply_done(rp);
}

enum err reply_done(const struct reply *rp)
{
	return buf_ok(&rp->body) ? ERR_OK : ERR_NO_MEMORY;
}

/* ---- trace ---- */

/* Lower-case hex digits only; *zero: all are 0. */
static bool is_hex(struct slice s, bool *zero)
{
	*zero = true;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		if (c != '0')
			*zero = false;
	}
	return true;
}

bool traceparent_valid(struct slice s)
{
	bool zero_version, zero_trace, zero_parent, zero_flags;

	if (s.len < TRACEPARENT_LEN || s.ptr[2] != '-' || s.ptr[35] != '-' || s.ptr[52] != '-')
		return false;
	if (!is_hex(slice_sub(s, 0, 2), &zero_version) || !is_hex(slice_sub(s, 3, 35), &zero_trace) ||
	    !is_hex(slice_sub(s, 36, 52), &zero_parent) || !is_hex(slice_sub(s, 53, 55), &zero_flags))
		return false;
	if (zero_trace || zero_parent || memcmp(s.ptr, "ff", 2) == 0)
		return false;
	if (s.len == TRACEPARENT_LEN)
		return true;
	return !zero_version && s.ptr[TRACEPARENT_LEN] == '-';
}

bool request_id_valid(struct slice s)
{
	if (s.len == 0 || s.len > 128)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] > '~' || s.ptr[i] == '"' || s.ptr[i] == '\\')
			return false;
	return true;
}
