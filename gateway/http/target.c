/* target.c - takes a request's target apart by its form. */
#include "gateway/http/target.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#include "gateway/http/chars.h"

#define HOST_MAX 255 /* bytes of a name in the DNS */

static bool ipv6_valid(struct slice address)
{
	char text[INET6_ADDRSTRLEN]; /* the longest address, with its NUL */
	struct in6_addr binary;

	if (address.len >= sizeof(text) || slice_find(address, '\0') != address.len)
		return false;
	memcpy(text, address.ptr, address.len);
	text[address.len] = '\0';
	return inet_pton(AF_INET6, text, &binary) == 1;
}

bool http_authority_valid(struct slice authority, bool port_needed)
{
	bool bracket = authority.len > 0 && authority.ptr[0] == '[';
	size_t end = bracket ? slice_find(authority, ']') + 1 : slice_find(authority, ':');
	struct slice host = slice_sub(authority, bracket, bracket ? end - 1 : end);
	uint64_t port;

	if (end > authority.len) /* no ']' */
		return false;
	if (host.len == 0 || host.len > HOST_MAX)
		return false;
	if (bracket ? !ipv6_valid(host) : !http_chars_all(host, HTTP_CHAR_HOST))
		return false;
	if (end == authority.len)
		return !port_needed;
	return authority.ptr[end] == ':' && slice_to_u64(slice_sub(authority, end + 1, authority.len), 65535, &port) && port > 0;
}

/* Cuts <s> into path and query. */
static void split_query(struct http_head *h, struct slice s)
{
	h->path = slice_cut(&s, '?');
	h->query = s;
}

static const char *split_absolute(struct http_head *h)
{
	static const struct slice schemes[] = { SLICE("http://"), SLICE("https://") };
	struct slice rest = SLICE_NONE;
	size_t end = 0;

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (slice_eq_nocase(slice_sub(h->target, 0, schemes[i].len), schemes[i]))
			rest = slice_sub(h->target, schemes[i].len, h->target.len);
	}
	if (rest.ptr == NULL)
		return "the target has none of the four forms";
	while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
		end++;
	h->authority = slice_sub(rest, 0, end);
	if (!http_authority_valid(h->authority, false))
		return "bad authority in the target";
	split_query(h, slice_sub(rest, end, rest.len));
	if (h->path.len == 0)
		h->path = h->method == HTTP_OPTIONS && h->query.ptr == NULL ? SLICE_LIT("*") : SLICE_LIT("/");
	return NULL;
}

const char *http_target_split(struct http_head *h)
{
	assert(h->target.len > 0);
	h->authority = SLICE_NONE;
	h->query = SLICE_NONE;
	if (h->method == HTTP_CONNECT) {
		h->authority = h->target;
		h->path = SLICE_LIT("");
		return http_authority_valid(h->target, true) ? NULL : "the target of CONNECT is not host:port";
	}
	if (h->target.ptr[0] == '/') {
		split_query(h, h->target);
		return NULL;
	}
	if (slice_eq(h->target, SLICE_LIT("*"))) {
		h->path = h->target;
		return h->method == HTTP_OPTIONS ? NULL : "the target * is for OPTIONS only";
	}
	return split_absolute(h);
}
