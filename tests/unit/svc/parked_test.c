/* parked_test.c - the text of a parked event, and the picture of those that are kept. */
#include "shared/svc/parked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "shared/io/jdoc.h"

static const struct topic topic = { .name = "moa.test", .domain = "test", .partitions = 1 };
static struct arena *arena;

static int setup(void **state)
{
	(void)state;
	arena = arena_create(4096, 1 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void the_text(void **state)
{
	struct broker_record r = { .partition = 2, .offset = 7, .key = SLICE("k\"\xff"), .value = SLICE("\x01{"), .header_count = 1 };
	struct slice text;

	(void)state;
	r.headers[0] = (struct broker_header){ "ce_type", SLICE("x") };
	text = parked_text(arena, &r, "because");
	assert_string_equal(arena_printf(arena, "%.*s", SLICE_ARG(text)).ptr,
			    "{\"partition\":2,\"offset\":7,\"reason\":\"because\",\"key\":\"k\\\"\xef\xbf\xbd\",\"headers\":{\"ce_type\":\"x\"},"
			    "\"value_base64\":\"AXs=\",\"value_bytes\":2}");
	assert_true(slice_eq(text, parked_text(arena, &r, "because"))); /* what keeps it from being kept twice */
	r.value = r.key = SLICE_NONE;
	text = parked_text(arena, &r, "because");
	assert_non_null(memmem(text.ptr, text.len, "\"value_base64\":null,\"value_bytes\":null", 38));
}

/* However large the record is, what is kept of it is not. */
static void the_bound_of_a_text(void **state)
{
	static char big[1 << 16];
	struct broker_record r = { .key = { big, sizeof(big) }, .value = { big, sizeof(big) }, .header_count = BROKER_HEADERS_MAX };
	struct slice text;
	struct jdoc *doc;

	(void)state;
	for (size_t i = 0; i < BROKER_HEADERS_MAX; i++)
		r.headers[i] = (struct broker_header){ "name", { big, sizeof(big) } };
	text = parked_text(arena, &r, "big");
	assert_non_null(text.ptr);
	assert_in_range(text.len, PARKED_VALUE_BYTES, 32768);
	assert_int_equal(jdoc_parse(text, &doc), ERR_OK);
	jdoc_free(&doc);
}

static const char *written(struct parked *p)
{
	struct buf out;
	struct jsonw w;
	const char *text;

	buf_init(&out, 0);
	jsonw_init(&w, &out);
	parked_write(p, &w);
	text = arena_printf(arena, "%.*s", SLICE_ARG(buf_slice(&out))).ptr;
	buf_free(&out);
	return text;
}

static void the_picture(void **state)
{
	struct parked *p = parked_create(&topic);
	struct parked_entry entries[] = { { 1, SLICE("{\"a\":1}") }, { 3, SLICE("{\"a\":3}") }, { 2, SLICE("{\"a\":2}") },
					  { 4, SLICE("garbage") }, { 5, SLICE("{}") }, { 6, SLICE("[1]") }, { 7, SLICE("{\"a\":") } };

	(void)state;
	assert_string_equal(written(p), "{\"topic\":\"moa.test\",\"kept\":0,\"dropped\":0,\"newest\":[]}");
	parked_show(p, entries, 7, 9, 4);
	assert_string_equal(written(p), "{\"topic\":\"moa.test\",\"kept\":9,\"dropped\":4,\"newest\":["
					"{\"time\":\"1970-01-01T00:00:00.000003Z\",\"a\":3},{\"time\":\"1970-01-01T00:00:00.000002Z\",\"a\":2},"
					"{\"time\":\"1970-01-01T00:00:00.000001Z\",\"a\":1}]}");
	parked_show(p, NULL, 0, 0, 0);
	assert_int_equal(parked_kept(p) + parked_dropped(p), 0);
	assert_null(strstr(written(p), "time"));
	assert_false(parked_must_clear(p));
	parked_ask_clear(p);
	assert_true(parked_must_clear(p));
	assert_false(parked_must_clear(p));
	parked_free(&p);
	assert_null(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_text),
		cmocka_unit_test(the_bound_of_a_text),
		cmocka_unit_test(the_picture),
	};

	return cmocka_run_group_tests_name("parked", tests, setup, teardown);
}
