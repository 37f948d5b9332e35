/* fetch_request.c - samples of the request's line and body: path, URL, query, method (manual, 7.3.6). */
#include "gateway/expr/tables.h"

#include <string.h>
#include "gateway/balance/keyhash.h"
#include "gateway/expr/arg.h"
#include "gateway/expr/fetch_http.h"
#include "gateway/session/exchange.h"

/* ---- path and URL ---- */

static bool has_path(const struct exchange *x)
{
	return x->request.path.len > 0 && x->request.path.ptr[0] == '/'; /* not "*", not CONNECT */
}

/* The parts one after the other, in the arena. */
static struct slice join(struct exchange *x, const struct slice *parts, unsigned count)
{
	size_t len = 0;
	char *out;

	for (unsigned i = 0; i < count; i++)
		len += parts[i].len;
	out = arena_alloc(x->arena, len + 1);
	if (out == NULL)
		return SLICE_NONE;
	len = 0;
	for (unsigned i = 0; i < count; i++) {
		if (parts[i].len > 0)
			memcpy(out + len, parts[i].ptr, parts[i].len);
		len += parts[i].len;
	}
	return slice_of(out, len);
}

struct slice fetch_pathq(struct exchange *x)
{
	struct slice path = x->request.path, query = x->request.query;
	const struct slice parts[] = { path, SLICE("?"), query };

	if (query.ptr == NULL)
		return path;
	if (query.ptr == path.ptr + path.len + 1 && path.ptr[path.len] == '?')
		return slice_of(path.ptr, path.len + 1 + query.len);
	return join(x, parts, 3);
}

/* The target: as it came, unless a rule has changed path or query. */
static struct slice url(struct exchange *x)
{
	struct slice target = x->request.target, pathq;
	size_t before;

	if (!has_path(x))
		return target;
	pathq = fetch_pathq(x);
	if (pathq.ptr >= target.ptr && pathq.ptr + pathq.len == target.ptr + target.len)
		return target;
	/* "scheme://authority" of an absolute target stays in front */
	before = x->request.authority.ptr == NULL ? 0 : (size_t)(x->request.authority.ptr + x->request.authority.len - target.ptr);
	if (before == 0 || before > target.len)
		return pathq;
	return join(x, (const struct slice[]){ slice_sub(target, 0, before), pathq }, 2);
}

static struct slice host(struct exchange *x)
{
	const struct http_field *f = http_field_known(&x->request, NAME_AUTHORITY_HOST, 0);

	return f == NULL ? SLICE_NONE : f->value;
}

static bool get_path(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)a, (void)w;
	return has_path(x) && sample_set_text(out, x->request.path);
}

static bool get_pathq(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)a, (void)w;
	return has_path(x) && sample_set_text(out, fetch_pathq(x));
}

static bool get_query(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)a, (void)w;
	return sample_set_text(out, x->request.query);
}

static bool get_url(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)a, (void)w;
	return sample_set_text(out, url(x));
}

enum { BASE, BASEQ };

static bool get_base(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	struct slice path = !has_path(x) ? SLICE_LIT("") : a->data == BASE ? x->request.path : fetch_pathq(x);

	(void)w;
	return sample_set_text(out, join(x, (const struct slice[]){ host(x), path }, 2));
}

/* The hash of "base", or of "baseq". */
static bool hash_base(struct exchange *x, const struct args *a, uint32_t *hash)
{
	struct sample base;

	if (!get_base(x, a, NULL, &base))
		return false;
	*hash = keyhash_avalanche(keyhash_sdbm(base.text));
	return true;
}

static bool get_base32(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	uint32_t hash;

	(void)w;
	return hash_base(x, a, &hash) && sample_set_int(out, hash);
}

static bool get_base32_src(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	struct sample src;
	uint32_t hash;
	char bytes[4];

	(void)w;
	if (!hash_base(x, a, &hash) || !sample_set_addr(&src, exchange_source(x)) || !sample_cast(x, &src, SAMPLE_BIN))
		return false;
	for (int i = 0; i < 4; i++)
		bytes[i] = (char)(hash >> (24 - 8 * i));
	return sample_set_binary(out, join(x, (const struct slice[]){ slice_of(bytes, 4), src.text }, 2));
}

/* ---- parameters ---- */

bool fetch_next_parameter(struct slice *rest, char delimiter, struct slice name, struct slice *value)
{
	while (rest->ptr != NULL) {
		struct slice part = *rest, key;
		size_t end = 0;

		while (end < rest->len && rest->ptr[end] != '&' && rest->ptr[end] != ';' && rest->ptr[end] != delimiter)
			end++;
		part = slice_sub(*rest, 0, end);
		*rest = end == rest->len ? SLICE_NONE : slice_sub(*rest, end + 1, rest->len);
		key = slice_cut(&part, '=');
		if (part.ptr != NULL && (name.len == 0 || slice_eq(key, name))) {
			*value = part;
			return true;
		}
	}
	return false;
}

/* The next parameter of <text>, or the first one outside of a walk. */
static bool parameter(struct slice text, char delimiter, struct slice name, struct walk *w, struct slice *value)
{
	if (w == NULL)
		return fetch_next_parameter(&text, delimiter, name, value);
	if (!w->begun) {
		w->begun = true;
		w->rest = text;
	}
	return fetch_next_parameter(&w->rest, delimiter, name, value);
}

/* Where parameters begin: behind '?', or behind the delimiter that was asked for. */
static struct slice parameters(struct exchange *x, char delimiter)
{
	struct slice text;

	if (delimiter == '?')
		return x->request.query;
	text = url(x);
	(void)slice_cut(&text, delimiter);
	return text;
}

enum { AS_TEXT, AS_NUMBER };

static bool get_url_param(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	char delimiter = a->at[1].given && a->at[1].text.len > 0 ? a->at[1].text.ptr[0] : '?';
	struct slice text = w != NULL && w->begun ? SLICE_NONE : parameters(x, delimiter), value;

	if (!parameter(text, delimiter, a->at[0].text, w, &value))
		return false;
	return a->data == AS_TEXT ? sample_set_text(out, value) : sample_set_int(out, sample_text_number(value, NULL));
}

static bool get_body_param(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	struct slice value;

	return parameter(x->body, '&', a->at[0].text, w, &value) && sample_set_text(out, value);
}

/* ---- method, version, body ---- */

static bool get_method(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)a, (void)w;
	out->type = SAMPLE_METHOD;
	out->text = x->request.method_text;
	return out->text.ptr != NULL;
}

static bool get_version(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)a, (void)w;
	return sample_set_text(out, x->request.minor == 0 ? SLICE_LIT("1.0") : SLICE_LIT("1.1"));
}

static bool get_true(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)x, (void)a, (void)w;
	return sample_set_bool(out, true);
}

/* A proxy for HTTP sees messages, not bytes: what is asked for is whether there is a request, and there is one. */
static bool get_len(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)a, (void)w;
	return sample_set_int(out, (int64_t)x->bytes_in);
}

enum { OF_REQUEST, OF_RESPONSE };

static struct slice body(const struct exchange *x, const struct args *a)
{
	struct slice b = a->data == OF_REQUEST ? x->body : x->response_body;

	return b.ptr == NULL ? SLICE_LIT("") : b;
}

static bool get_body(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)w;
	return sample_set_binary(out, body(x, a));
}

static bool get_body_len(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)w;
	return sample_set_int(out, (int64_t)body(x, a).len);
}

static bool get_body_size(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	const struct http_frame *f = a->data == OF_REQUEST ? &x->request_frame : &x->response_frame;

	(void)w;
	return sample_set_int(out, f->has_length || f->kind == BODY_LENGTH ? (int64_t)f->length : (int64_t)body(x, a).len);
}

#define REQUEST .when = WHEN_REQUEST

const struct fetch fetch_request[] = {
	{ .name = "path", .type = SAMPLE_STR, REQUEST, .get = get_path, .derived = true },
	{ .name = "pathq", .type = SAMPLE_STR, REQUEST, .get = get_pathq },
	{ .name = "query", .type = SAMPLE_STR, REQUEST, .get = get_query },
	{ .name = "url", .type = SAMPLE_STR, REQUEST, .get = get_url, .derived = true },
	{ .name = "base", .type = SAMPLE_STR, REQUEST, .get = get_base, .derived = true, .data = BASE },
	{ .name = "baseq", .type = SAMPLE_STR, REQUEST, .get = get_base, .data = BASEQ },
	{ .name = "base32", .type = SAMPLE_INT, REQUEST, .get = get_base32, .data = BASE },
	{ .name = "url32", .type = SAMPLE_INT, REQUEST, .get = get_base32, .data = BASEQ },
	{ .name = "base32+src", .type = SAMPLE_BIN, REQUEST, .get = get_base32_src, .data = BASE },
	{ .name = "url32+src", .type = SAMPLE_BIN, REQUEST, .get = get_base32_src, .data = BASEQ },
	{ .name = "urlp", .args = "|ss", .type = SAMPLE_STR, REQUEST, .get = get_url_param, .many = true, .derived = true, .data = AS_TEXT },
	{ .name = "url_param", .args = "|ss", .type = SAMPLE_STR, REQUEST, .get = get_url_param, .many = true, .data = AS_TEXT },
	{ .name = "urlp_val", .args = "|ss", .type = SAMPLE_INT, REQUEST, .get = get_url_param, .many = true, .data = AS_NUMBER },
	{ .name = "method", .type = SAMPLE_METHOD, .when = WHEN_KEPT, .get = get_method },
	{ .name = "req.ver", .type = SAMPLE_STR, REQUEST, .get = get_version },
	{ .name = "req_ver", .type = SAMPLE_STR, REQUEST, .get = get_version },
	{ .name = "req.proto_http", .type = SAMPLE_BOOL, REQUEST, .get = get_true },
	{ .name = "req_proto_http", .type = SAMPLE_BOOL, REQUEST, .get = get_true },
	{ .name = "wait_end", .type = SAMPLE_BOOL, .when = WHEN_ALWAYS, .get = get_true },
	{ .name = "req.len", .type = SAMPLE_INT, REQUEST, .get = get_len },
	{ .name = "req_len", .type = SAMPLE_INT, REQUEST, .get = get_len },
	{ .name = "req.body", .type = SAMPLE_BIN, .when = WHEN_BODY, .get = get_body, .data = OF_REQUEST },
	{ .name = "req.body_len", .type = SAMPLE_INT, .when = WHEN_BODY, .get = get_body_len, .data = OF_REQUEST },
	{ .name = "req.body_size", .type = SAMPLE_INT, .when = WHEN_BODY, .get = get_body_size, .data = OF_REQUEST },
	{ .name = "req.body_param", .args = "|s", .type = SAMPLE_STR, .when = WHEN_BODY, .get = get_body_param, .many = true },
	{ .name = "res.body", .type = SAMPLE_BIN, .when = WHEN_RESPONSE, .get = get_body, .data = OF_RESPONSE },
	{ .name = "res.body_len", .type = SAMPLE_INT, .when = WHEN_RESPONSE, .get = get_body_len, .data = OF_RESPONSE },
	{ .name = "res.body_size", .type = SAMPLE_INT, .when = WHEN_RESPONSE, .get = get_body_size, .data = OF_RESPONSE },
	{ .name = NULL },
};
