/* request_fuzz.c - libFuzzer target: target, routing, query, trace headers and framing of a request from any bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shared/io/http_check.h"
#include "shared/io/http_exchange.h"
#include "shared/svc/request.h"
#include "shared/svc/router.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct route routes[] = {
	{ .method = "GET", .path = "/" },
	{ .method = "POST", .path = "/" },
	{ .method = "GET", .path = "/{id}" },
	{ .method = "GET", .path = "/visit" },
	{ .method = NULL },
};

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void target(struct slice s)
{
	const struct route *route = NULL;
	struct slice path, query;
	uint32_t id = 0;

	if (http_check_target(s) != NULL)
		return;
	must(s.len > 0 && s.ptr[0] == '/' && memchr(s.ptr, '\0', s.len) == NULL && memchr(s.ptr, ' ', s.len) == NULL);
	http_split_target(s, &path, &query);
	must(path.len + (query.ptr == NULL ? 0 : query.len + 1) == s.len);
	if (router_match(routes, SLICE_LIT("GET"), path, &route, &id) == ERR_OK && strcmp(route->path, "/{id}") == 0)
		must(id >= 1 && id <= 2147483647 && path.ptr[1] != '0');
}

static void query(struct slice s)
{
	static const atomic_bool closing;
	struct http_exchange *x = exchange_create(NULL, 100, &closing);
	struct request rq = { .x = x, .arena = http_arena(x) };
	struct page page;

	x->query = s;
	if (query_page(&rq, &page) == ERR_OK)
		must(page.limit <= PAGE_LIMIT_MAX && page.before <= 2147483647);
	exchange_free(&x);
}

static void framing(struct slice s)
{
	struct http_framing f = { 0 };

	while (s.ptr != NULL) {
		struct slice value = slice_cut(&s, '\n');
		struct slice name = slice_cut(&value, ':');

		http_framing_header(&f, name, slice_trim(value));
	}
	if (http_check_framing(&f, false) == NULL) {
		must(f.hosts == 1 && f.content_lengths + f.transfer_encodings <= 1);
		http_announced_bytes(&f);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice s = slice_of((const char *)data, size);

	target(s);
	query(s);
	framing(s);
	if (traceparent_valid(s))
		must(s.len >= 55 && memcmp(s.ptr + 3, "00000000000000000000000000000000", 32) != 0);
	if (request_id_valid(s))
		must(s.len <= 128 && http_field_value_ok(s));
	return 0;
}
