/* request_test.c - the readers of query, body, trace headers and request ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "shared/io/http_exchange.h"
#include "shared/svc/request.h"

static atomic_bool closing;

static struct request request_on(struct http_exchange *x)
{
	return (struct request){ .x = x, .arena = http_arena(x) };
}

static enum err page_of(const char *query, struct page *page)
{
	struct http_exchange *x = exchange_create(NULL, 1000, &closing);
	struct request rq = request_on(x);
	enum err e;

	x->query = slice_str(query);
	e = query_page(&rq, page);
	assert_int_equal(e == ERR_OK, rq.detail == NULL);
	exchange_free(&x);
	return e;
}

static void pages(void **state)
{
	static const struct {
		const char *query;
		uint32_t limit, before;
	} good[] = {
		{ NULL, 0, 0 },
		{ "", 0, 0 },
		{ "limit=1", 1, 0 },
		{ "limit=1000", 1000, 0 },
		{ "before=2147483647", 0, 2147483647 },
		{ "before=5&limit=10", 10, 5 },
		{ "x=1&limit=7&&y&=z", 7, 0 },
		{ "Limit=0&limits=0&%6cimit=0", 0, 0 },
	};
	struct page page;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (page_of(good[i].query, &page) != ERR_OK)
			fail_msg("refused: %s", good[i].query);
		assert_int_equal(page.limit, good[i].limit);
		assert_int_equal(page.before, good[i].before);
	}
}

static void wrong_pages(void **state)
{
	static const char *const bad[] = {
		"limit=0",	   "limit=1001",  "limit=",	    "limit",	      "limit=-1",	"limit=01",	 "limit=1x", "limit=%31",
		"limit=1&limit=1", "before=0",	  "before=",	    "before",	      "before=050",	"before=+5",	 "before=5.0",
		"before=1e2",	   "before=2147483648", "before=1&before=1", "limit=5&before=x", "x&limit=1=2",
	};
	struct page page;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (page_of(bad[i], &page) != ERR_BAD_REQUEST)
			fail_msg("accepted: %s", bad[i]);
}

static enum err id_of(const char *body, uint32_t *id, bool detail_names_key)
{
	struct http_exchange *x = exchange_create(NULL, 1000, &closing);
	struct request rq = request_on(x);
	enum err e;

	buf_add_str(&x->body, body);
	e = body_id(&rq, "item_id", id);
	assert_int_equal(e == ERR_OK, rq.detail == NULL);
	if (detail_names_key)
		assert_non_null(strstr(rq.detail, "item_id"));
	exchange_free(&x);
	return e;
}

static void bodies(void **state)
{
	static const char *const bad[] = {
		"", "{", "[]", "\"50\"", "50", "null", "{\"item_id\":\"50\"} x", "{\"item_id\":\"50\",}", "{'item_id':1}",
	};
	static const char *const bad_member[] = {
		"{}",
		"{\"item_ID\":1}",
		"{\"item_id\":null}",
		"{\"item_id\":0}",
		"{\"item_id\":-1}",
		"{\"item_id\":2147483648}",
		"{\"item_id\":5.0}",
		"{\"item_id\":1e2}",
		"{\"item_id\":\"050\"}",
		"{\"item_id\":\"\"}",
		"{\"item_id\":\" 5\"}",
		"{\"item_id\":[5]}",
		"{\"item_id\":true}",
	};
	uint32_t id = 0;

	(void)state;
	assert_int_equal(id_of("{\"item_id\":\"50\"}", &id, false), ERR_OK);
	assert_int_equal(id, 50);
	assert_int_equal(id_of(" {\"a\":{},\"item_id\": 2147483647 }\n", &id, false), ERR_OK);
	assert_int_equal(id, 2147483647);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (id_of(bad[i], &id, false) != ERR_BAD_REQUEST)
			fail_msg("accepted: %s", bad[i]);
	for (size_t i = 0; i < sizeof(bad_member) / sizeof(bad_member[0]); i++)
		if (id_of(bad_member[i], &id, true) != ERR_BAD_REQUEST)
			fail_msg("accepted: %s", bad_member[i]);
}

static void traceparents(void **state)
{
	static const char *const good[] = {
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
		"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-what.comes.later",
	};
	static const char *const bad[] = {
		"",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
		"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
		"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
		"00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
		"0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-g1",
	};

	(void)state;
	assert_false(traceparent_valid(SLICE_NONE));
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!traceparent_valid(slice_str(good[i])))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (traceparent_valid(slice_str(bad[i])))
			fail_msg("accepted: %s", bad[i]);
}

static void request_ids(void **state)
{
	char long_id[129];

	(void)state;
	memset(long_id, 'a', sizeof(long_id));
	assert_true(request_id_valid(slice_of(long_id, 128)));
	assert_false(request_id_valid(slice_of(long_id, 129)));
	assert_true(request_id_valid(SLICE_LIT("~!#[]abc-123")));
	assert_false(request_id_valid(SLICE_NONE));
	assert_false(request_id_valid(SLICE_LIT("")));
	assert_false(request_id_valid(SLICE_LIT("a b")));
	assert_false(request_id_valid(SLICE_LIT("a\"b")));
	assert_false(request_id_valid(SLICE_LIT("a\\b")));
	assert_false(request_id_valid(SLICE_LIT("a\x7f")));
	assert_false(request_id_valid(SLICE_LIT("\xea\xb0\x80")));
}

static void replies(void **state)
{
	struct reply rp = { .status = 200 };

	(void)state;
	buf_init(&rp.body, 3);
	assert_int_equal(reply_empty(&rp, 201), ERR_OK);
	assert_int_equal(rp.status, 201);
	assert_int_equal(rp.body.len, 2);
	buf_add_str(&rp.body, "too much");
	assert_int_equal(reply_done(&rp), ERR_NO_MEMORY);
	buf_free(&rp.body);
}

static void deadline(void **state)
{
	struct request rq = { .deadline_us = clock_mono_us() + 1000000 };

	(void)state;
	assert_in_range(request_left_ms(&rq), 500, 1000);
	rq.deadline_us = 1;
	assert_int_equal(request_left_ms(&rq), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages),	cmocka_unit_test(wrong_pages), cmocka_unit_test(bodies),   cmocka_unit_test(traceparents),
		cmocka_unit_test(request_ids), cmocka_unit_test(replies),	   cmocka_unit_test(deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
