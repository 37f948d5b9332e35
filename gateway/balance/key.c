/* key.c - what a hashing "balance" looks at in a request (manual, "balance" and "hash-type"). */
#include "gateway/balance/key.h"

#include <netinet/in.h>
#include <string.h>

#include "gateway/balance/keyhash.h"
#include "gateway/expr/expr.h"
#include "gateway/model/proxy.h"
#include "gateway/session/exchange.h"
#include "shared/base/hash.h"

/* The 32-bit words of the client's address, one upon the other; "hash-type" names no function for it, as in HAProxy. */
static bool source_word(const struct sockaddr_storage *from, uint32_t *word)
{
	uint32_t parts[4];

	if (from->ss_family == AF_INET) {
		*word = ntohl(((const struct sockaddr_in *)(const void *)from)->sin_addr.s_addr);
		return true;
	}
	if (from->ss_family != AF_INET6)
		return false;
	memcpy(parts, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, sizeof(parts));
	*word = ntohl(parts[0] ^ parts[1] ^ parts[2] ^ parts[3]);
	return true;
}

/* The request's target as it will be sent, without the query unless <whole>; SLICE_NONE beyond the arena's limit. Nothing is copied
 * in the usual case, where path and query stand side by side as they came. */
static struct slice uri_of(struct exchange *x, bool path_only, bool whole)
{
	const struct http_head *h = &x->request;
	struct slice prefix = slice_of("", 0);
	bool query = whole && h->query.ptr != NULL;

	if (!path_only && h->authority.ptr != NULL && h->authority.ptr > h->target.ptr && h->authority.ptr <= h->target.ptr + h->target.len)
		prefix = slice_of(h->target.ptr, (size_t)(h->authority.ptr - h->target.ptr) + h->authority.len); /* "http://host" */
	if (prefix.len == 0 && !query)
		return h->path;
	if (prefix.len == 0 && h->query.ptr == h->path.ptr + h->path.len + 1)
		return slice_of(h->path.ptr, h->path.len + 1 + h->query.len);
	return arena_printf(x->arena, "%.*s%.*s%s%.*s", SLICE_ARG(prefix), SLICE_ARG(h->path), query ? "?" : "", (int)(query ? h->query.len : 0),
			    query ? h->query.ptr : "");
}

/* What "len" and "depth" leave: a slash more than <depth> ends it. */
static struct slice uri_key(struct exchange *x, const struct balance *b)
{
	struct slice uri = uri_of(x, b->path_only, b->whole);
	unsigned slashes = 0;

	if (b->len > 0)
		uri = slice_sub(uri, 0, b->len);
	for (size_t i = 0; b->depth > 0 && i < uri.len; i++) {
		if (uri.ptr[i] == '/' && ++slashes > b->depth)
			return slice_sub(uri, 0, i);
	}
	return uri;
}

/* The value of the first parameter of that name in the query that has one, or SLICE_NONE. */
static struct slice param_key(const struct exchange *x, struct slice name)
{
	struct slice rest = x->request.query;

	while (rest.ptr != NULL) {
		struct slice value = slice_cut(&rest, '&'), key = slice_cut(&value, '=');

		if (value.ptr != NULL && slice_eq(key, name))
			return value;
	}
	return SLICE_NONE;
}

/* "1wt" of "haproxy.1wt.eu": what stands before the last dot, back to the dot before it; without a dot, all. */
static struct slice domain_of(struct slice host)
{
	size_t end = host.len, start;

	while (end > 0 && host.ptr[end - 1] != '.')
		end--;
	if (end == 0)
		return host;
	start = --end;
	while (start > 0 && host.ptr[start - 1] != '.')
		start--;
	return slice_sub(host, start, end);
}

static struct slice header_key(const struct exchange *x, const struct balance *b)
{
	const struct http_field *f = http_field_find(&x->request, b->name, 0);
	struct slice value;

	if (f == NULL || !http_list_element(f->value, 0, &value))
		return SLICE_NONE;
	return b->domain_only ? domain_of(value) : value;
}

static struct slice expression_key(struct exchange *x, const struct expr *e)
{
	struct sample s;

	if (!expr_get(e, x, &s) || !sample_cast(x, &s, SAMPLE_BIN))
		return SLICE_NONE;
	return s.text;
}

static struct slice key_of(struct exchange *x, const struct balance *b)
{
	switch (b->kind) {
	case BALANCE_URI:
		return uri_key(x, b);
	case BALANCE_URL_PARAM:
		return param_key(x, b->name);
	case BALANCE_HDR:
		return header_key(x, b);
	case BALANCE_HASH:
		return expression_key(x, b->key);
	default:
		return SLICE_NONE;
	}
}

static uint32_t hash_of(const struct balance *b, struct slice key)
{
	switch (b->function) {
	case HASH_DJB2:
		return keyhash_djb2(key);
	case HASH_WT6:
		return keyhash_wt6(key);
	case HASH_CRC32:
		return hash_crc32(key);
	default:
		return keyhash_sdbm(key);
	}
}

bool key_hash(struct exchange *x, uint32_t *hash)
{
	const struct balance *b = &x->backend->backend.balance;

	if (b->kind == BALANCE_SOURCE) {
		if (!source_word(&x->session->from, hash))
			return false;
	} else {
		struct slice key = key_of(x, b);

		if (key.len == 0)
			return false;
		*hash = hash_of(b, key);
	}
	if (b->avalanche)
		*hash = keyhash_avalanche(*hash);
	return true;
}
