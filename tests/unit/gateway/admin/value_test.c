/* value_test.c - one value of the statistics as plain text, CSV, typed and JSON. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "gateway/admin/value.h"
#include "tests/unit/support/process.h"

#define assert_buf(b, text) \
	do { \
		buf_add_char(b, '\0'); \
		assert_string_equal((b)->ptr, text); \
		buf_free(b); \
	} while (0)

static const struct value none, zero = { .type = VALUE_U32 }, minus = { .type = VALUE_S32, .number = -1 },
			  large = { .type = VALUE_U64, .number = INT64_MAX }, text = { .type = VALUE_TEXT, .text = SLICE("be") },
			  empty = { .type = VALUE_TEXT }, odd = { .type = VALUE_TEXT, .text = SLICE("a,\"b\"\nc") };

static void csv(void **state)
{
	static const struct {
		const struct value *v;
		const char *plain, *csv;
	} rows[] = {
		{ &none, "", "" },
		{ &zero, "0", "0" },
		{ &minus, "-1", "-1" },
		{ &large, "9223372036854775807", "9223372036854775807" },
		{ &text, "be", "be" },
		{ &empty, "", "" },
		{ &odd, "a,\"b\"\nc", "\"a,\"\"b\"\"\nc\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf out;

		buf_init(&out, 0);
		value_plain(rows[i].v, &out);
		assert_buf(&out, rows[i].plain);
		value_csv(rows[i].v, &out);
		assert_buf(&out, rows[i].csv);
	}
}

static void what_needs_quotes_gets_them(void **state)
{
	static const char *const quoted[] = { ",", "\"", "\r", "\n", "x,", ",x" };
	static const char *const bare[] = { ";", "'", " ", "\t", "\\" };

	(void)state;
	for (size_t i = 0; i < sizeof(quoted) / sizeof(quoted[0]); i++) {
		struct value v = value_text(slice_str(quoted[i]));
		struct buf out;

		buf_init(&out, 0);
		value_csv(&v, &out);
		assert_int_equal(out.ptr[0], '"');
		assert_int_equal(out.ptr[out.len - 1], '"');
		buf_free(&out);
	}
	for (size_t i = 0; i < sizeof(bare) / sizeof(bare[0]); i++) {
		struct value v = value_text(slice_str(bare[i]));
		struct buf out;

		buf_init(&out, 0);
		value_csv(&v, &out);
		assert_buf(&out, bare[i]);
	}
}

static void typed(void **state)
{
	static const struct {
		const struct value *v;
		const char *typed;
	} rows[] = {
		{ &zero, ":MGP:u32:0" },
		{ &minus, ":MGP:s32:-1" },
		{ &large, ":MGP:u64:9223372036854775807" },
		{ &text, ":MGP:str:be" },
		{ &empty, ":MGP:str:" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf out;

		buf_init(&out, 0);
		value_typed(rows[i].v, "MGP", &out);
		assert_buf(&out, rows[i].typed);
	}
}

static void write_json(const struct value *v, const char *tags, struct buf *out)
{
	struct jsonw w;

	buf_init(out, 0);
	jsonw_init(&w, out);
	jsonw_object(&w);
	value_json(v, 7, "status", tags, &w);
	jsonw_object_end(&w);
}

/* The words are those of HAProxy's "show stat json". */
static void json(void **state)
{
	static const struct {
		const struct value *v;
		const char *tags, *json;
	} rows[] = {
		{ &minus, "MGP",
		  "{\"field\":{\"pos\":7,\"name\":\"status\"},\"processNum\":1,\"tags\":{\"origin\":\"Metric\",\"nature\":\"Gauge\","
		  "\"scope\":\"Process\"},\"value\":{\"type\":\"s32\",\"value\":-1}}" },
		{ &text, "KNS",
		  "{\"field\":{\"pos\":7,\"name\":\"status\"},\"processNum\":1,\"tags\":{\"origin\":\"Key\",\"nature\":\"Name\","
		  "\"scope\":\"Service\"},\"value\":{\"type\":\"str\",\"value\":\"be\"}}" },
		{ &empty, "POs",
		  "{\"field\":{\"pos\":7,\"name\":\"status\"},\"processNum\":1,\"tags\":{\"origin\":\"Product\",\"nature\":\"Output\","
		  "\"scope\":\"System\"},\"value\":{\"type\":\"str\",\"value\":\"\"}}" },
		{ &odd, "SmC",
		  "{\"field\":{\"pos\":7,\"name\":\"status\"},\"processNum\":1,\"tags\":{\"origin\":\"Status\",\"nature\":\"Min\","
		  "\"scope\":\"Cluster\"},\"value\":{\"type\":\"str\",\"value\":\"a,\\\"b\\\"\\nc\"}}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf out;

		write_json(rows[i].v, rows[i].tags, &out);
		assert_buf(&out, rows[i].json);
	}
}

static void with_tags_of_nothing(void *arg)
{
	struct buf out;

	(void)arg;
	write_json(&zero, "M?P", &out);
}

static void unknown_tags_are_a_mistake(void **state)
{
	(void)state;
	assert_true(dies(with_tags_of_nothing, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(csv),
		cmocka_unit_test(what_needs_quotes_gets_them),
		cmocka_unit_test(typed),
		cmocka_unit_test(json),
		cmocka_unit_test(unknown_tags_are_a_mistake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
