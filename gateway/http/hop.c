/* hop.c - what a head says about this connection only: Connection, the fields it names, Upgrade. */
#include "gateway/http/hop.h"

#include "gateway/http/chars.h"

/* Fields for the far end, besides those of enum http_name: what decides about access, content, caching and routing, and
 * what proxies and clients of ours rely on. */
static const struct slice far_end[] = {
	SLICE("accept"), SLICE("accept-charset"), SLICE("accept-encoding"), SLICE("accept-language"), SLICE("accept-ranges"),
	SLICE("age"), SLICE("allow"), SLICE("authorization"), SLICE("cache-control"), SLICE("consistency-token"), SLICE("date"),
	SLICE("degraded"), SLICE("etag"), SLICE("expires"), SLICE("forwarded"), SLICE("from"), SLICE("idempotency-key"),
	SLICE("last-modified"), SLICE("location"), SLICE("max-forwards"), SLICE("origin"), SLICE("pragma"), SLICE("priority"),
	SLICE("proxy-authorization"), SLICE("range"), SLICE("ratelimit"), SLICE("ratelimit-policy"), SLICE("referer"),
	SLICE("retry-after"), SLICE("server"), SLICE("strict-transport-security"), SLICE("traceparent"), SLICE("tracestate"),
	SLICE("user-agent"), SLICE("user-token"), SLICE("vary"), SLICE("via"), SLICE("warning"), SLICE("www-authenticate"),
	SLICE("x-api-key"), SLICE("x-csrf-token"), SLICE("x-frame-options"), SLICE("x-real-ip"), SLICE("x-request-id"),
};

/* The same, by how the name begins. */
static const struct slice far_end_families[] = {
	SLICE("access-control-"), SLICE("content-"), SLICE("cross-origin-"), SLICE("if-"),
	SLICE("sec-"), SLICE("x-forwarded-"), SLICE("x-content-"),
};

static bool is_for_far_end(struct slice name)
{
	if (http_name_of(name) != NAME_OTHER)
		return true; /* or for framing, which removes it anyway */
	for (size_t i = 0; i < sizeof(far_end) / sizeof(far_end[0]); i++) {
		if (slice_eq_nocase(name, far_end[i]))
			return true;
	}
	for (size_t i = 0; i < sizeof(far_end_families) / sizeof(far_end_families[0]); i++) {
		if (slice_eq_nocase(slice_sub(name, 0, far_end_families[i].len), far_end_families[i]))
			return true;
	}
	return false;
}

void http_hop_init(struct http_hop *hop)
{
	/* not the names: they are many bytes and seldom used */
	hop->close = hop->keep_alive = hop->upgrade = false;
	hop->elements = hop->count = 0;
}

bool http_hop_read(struct http_hop *hop, struct slice value)
{
	struct slice element;

	while (http_list_next(&value, &element)) {
		if (++hop->elements > HTTP_HOP_MAX)
			return false;
		if (slice_eq_nocase(element, SLICE_LIT("keep-alive")))
			hop->keep_alive = true;
		else if (slice_eq_nocase(element, SLICE_LIT("close")))
			hop->close = true;
		else if (slice_eq_nocase(element, SLICE_LIT("upgrade")))
			hop->upgrade = true;
		else if (http_is_token(element) && !is_for_far_end(element))
			hop->names[hop->count++] = element;
	}
	return true;
}

bool http_hop_names(const struct http_hop *hop, struct slice name)
{
	for (unsigned i = 0; i < hop->count; i++) {
		if (slice_eq_nocase(hop->names[i], name))
			return true;
	}
	return false;
}

bool http_upgrade_allowed(struct slice value)
{
	static const struct slice refused[] = {
		SLICE("h2c"), SLICE("h2"), SLICE("h3"), SLICE("http"), SLICE("https"), SLICE("tls"), SLICE("ssl"),
	};
	struct slice version;

	while (http_list_next(&value, &version)) {
		struct slice name = slice_cut(&version, '/');

		if (!http_is_token(name) || (version.ptr != NULL && !http_is_token(version)))
			return false;
		for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
			if (slice_eq_nocase(name, refused[i]))
				return false;
		}
	}
	return true;
}
