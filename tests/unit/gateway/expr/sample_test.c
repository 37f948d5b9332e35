/* sample_test.c - casts between all types, and the readers of numbers and addresses. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/gateway/support/rules.h"
#include "tests/unit/gateway/support/samples.h"

static struct rules t;

static int begin(void **state)
{
	(void)state;
	rules_setup(&t);
	rules_exchange(&t, RULES_ARENA);
	return 0;
}

static int end(void **state)
{
	(void)state;
	rules_cleanup(&t);
	return 0;
}

static struct sample of_method(const char *text)
{
	return (struct sample){ .type = SAMPLE_METHOD, .text = slice_str(text) };
}

/* What comes out, for reading: "int 5", "str abc", "bin 4142", "addr 192.0.2.1"; "-": it cannot be. */
static const char *cast(struct sample s, enum sample_type to)
{
	struct slice text;

	if (!sample_cast(&t.x, &s, to))
		return "-";
	switch (s.type) {
	case SAMPLE_BOOL:
		return s.boolean ? "bool 1" : "bool 0";
	case SAMPLE_INT:
		text = arena_printf(t.w.p.arena, "int %lld", (long long)s.integer);
		break;
	case SAMPLE_ADDR:
		text = arena_printf(t.w.p.arena, "addr %.*s", SLICE_ARG(sample_addr_text(&t.x, &s.addr)));
		break;
	case SAMPLE_BIN: {
		struct buf out;

		buf_init_fixed(&out, t.copy, sizeof(t.copy));
		buf_add_str(&out, "bin ");
		for (size_t i = 0; i < s.text.len; i++)
			buf_printf(&out, "%02x", (unsigned char)s.text.ptr[i]);
		buf_add_char(&out, '\0');
		return t.copy;
	}
	default:
		text = arena_printf(t.w.p.arena, "%s %.*s", s.type == SAMPLE_METHOD ? "meth" : "str", SLICE_ARG(s.text));
	}
	return text.ptr;
}

static void casts(void **state)
{
	const struct sample bin = sample_of_bytes("AB", 2);
	const struct {
		struct sample from;
		enum sample_type to;
		const char *result;
	} cases[] = {
		{ sample_of_bool(true), SAMPLE_BOOL, "bool 1" }, { sample_of_bool(true), SAMPLE_INT, "int 1" },
		{ sample_of_bool(true), SAMPLE_STR, "str 1" }, { sample_of_bool(false), SAMPLE_STR, "str 0" },
		{ sample_of_bool(true), SAMPLE_BIN, "bin 0000000000000001" }, { sample_of_bool(true), SAMPLE_ADDR, "-" },
		{ sample_of_bool(true), SAMPLE_METHOD, "-" }, { sample_of_bool(true), SAMPLE_ANY, "bool 1" },

		{ sample_of_number(-7), SAMPLE_BOOL, "bool 1" }, { sample_of_number(0), SAMPLE_BOOL, "bool 0" },
		{ sample_of_number(-7), SAMPLE_STR, "str -7" }, { sample_of_number(INT64_MIN), SAMPLE_STR, "str -9223372036854775808" },
		{ sample_of_number(258), SAMPLE_BIN, "bin 0000000000000102" }, { sample_of_number(-1), SAMPLE_BIN, "bin ffffffffffffffff" },
		{ sample_of_number(3221225985), SAMPLE_ADDR, "addr 192.0.2.1" }, { sample_of_number(1), SAMPLE_METHOD, "-" },

		{ sample_of_address("192.0.2.1"), SAMPLE_INT, "int 3221225985" }, { sample_of_address("::1"), SAMPLE_INT, "-" },
		{ sample_of_address("192.0.2.1"), SAMPLE_STR, "str 192.0.2.1" }, { sample_of_address("2001:DB8::1"), SAMPLE_STR, "str 2001:db8::1" },
		{ sample_of_address("192.0.2.1"), SAMPLE_BIN, "bin c0000201" },
		{ sample_of_address("2001:db8::1"), SAMPLE_BIN, "bin 20010db8000000000000000000000001" },
		{ sample_of_address("192.0.2.1"), SAMPLE_BOOL, "-" }, { sample_of_address("192.0.2.1"), SAMPLE_METHOD, "-" },

		{ sample_of_text("12ab"), SAMPLE_INT, "int 12" }, { sample_of_text("ab"), SAMPLE_INT, "int 0" }, { sample_of_text(""), SAMPLE_INT, "-" },
		{ sample_of_text("1"), SAMPLE_BOOL, "bool 1" }, { sample_of_text("no"), SAMPLE_BOOL, "bool 0" }, { sample_of_text(""), SAMPLE_BOOL, "-" },
		{ sample_of_text("192.0.2.1"), SAMPLE_ADDR, "addr 192.0.2.1" }, { sample_of_text("::1"), SAMPLE_ADDR, "addr ::1" },
		{ sample_of_text("x"), SAMPLE_ADDR, "-" }, { sample_of_text("AB"), SAMPLE_BIN, "bin 4142" },
		{ sample_of_text("GET"), SAMPLE_METHOD, "meth GET" }, { sample_of_text("a"), SAMPLE_ANY, "str a" },

		{ bin, SAMPLE_STR, "str AB" }, { sample_of_bytes("A\0B", 3), SAMPLE_STR, "str A" }, { bin, SAMPLE_METHOD, "meth AB" },
		{ bin, SAMPLE_INT, "-" }, { bin, SAMPLE_BOOL, "-" }, { bin, SAMPLE_ADDR, "-" },

		{ of_method("PUT"), SAMPLE_STR, "str PUT" }, { of_method("PUT"), SAMPLE_BIN, "bin 505554" }, { of_method("PUT"), SAMPLE_INT, "-" },
		{ of_method("PUT"), SAMPLE_BOOL, "-" }, { of_method("PUT"), SAMPLE_ADDR, "-" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *result = cast(cases[i].from, cases[i].to);

		if (strcmp(result, cases[i].result) != 0)
			fail_msg("number %zu: '%s', not '%s'", i, result, cases[i].result);
		/* what reading the configuration allows is what can be */
		if (strcmp(cases[i].result, "-") != 0)
			assert_true(sample_castable(cases[i].from.type, cases[i].to));
	}
	assert_false(sample_castable(SAMPLE_BIN, SAMPLE_INT));
	assert_false(sample_castable(SAMPLE_METHOD, SAMPLE_BOOL));
	assert_false(sample_castable(SAMPLE_ADDR, SAMPLE_BOOL));
	assert_false(sample_castable(SAMPLE_BOOL, SAMPLE_METHOD));
	assert_true(sample_castable(SAMPLE_ANY, SAMPLE_ADDR));
}

static void numbers(void **state)
{
	static const struct {
		const char *text;
		int64_t number;
		size_t used;
	} cases[] = {
		{ "", 0, 0 }, { "0", 0, 1 }, { "007", 7, 3 }, { "42x", 42, 2 }, { "x", 0, 0 }, { "-5", -5, 2 }, { "+5", 5, 2 }, { "-", 0, 1 },
		{ " 5", 0, 0 }, { "9223372036854775807", INT64_MAX, 19 }, { "9223372036854775808", INT64_MAX, 19 },
		{ "99999999999999999999999", INT64_MAX, 23 }, { "-9223372036854775808", INT64_MIN, 20 }, { "-9223372036854775809", INT64_MIN, 20 },
		{ "-99999999999999999999999", INT64_MIN, 24 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t used = 99;

		if (sample_text_number(slice_str(cases[i].text), &used) != cases[i].number || used != cases[i].used)
			fail_msg("'%s' gives %lld, %zu bytes", cases[i].text, (long long)sample_text_number(slice_str(cases[i].text), NULL), used);
	}
	assert_int_equal(sample_text_number(slice_of("1234", 2), NULL), 12);
}

static void addresses(void **state)
{
	static const char *const bad[] = { "", "1.2.3", "1.2.3.4.5", "1.2.3.256", " 1.2.3.4", "1.2.3.4 ", "::1%lo", "1.2.3.4/8", ":::", "shop", "[::1]",
					   "1111:2222:3333:4444:5555:6666:7777:8888:9999" };
	struct sockaddr_storage a;

	(void)state;
	assert_true(sample_text_addr(SLICE_LIT("192.0.2.1"), &a));
	assert_int_equal(a.ss_family, AF_INET);
	assert_true(sample_text_addr(SLICE_LIT("::ffff:192.0.2.1"), &a));
	assert_int_equal(a.ss_family, AF_INET6);
	assert_true(sample_text_addr(slice_of("192.0.2.123", 9), &a));
	assert_true(slice_eq(sample_addr_text(&t.x, &a), SLICE_LIT("192.0.2.1")));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (sample_text_addr(slice_str(bad[i]), &a))
			fail_msg("'%s' was taken", bad[i]);
	}
	assert_false(sample_text_addr(slice_of("1.2.3.4\0x", 9), &a));
}

static void setters(void **state)
{
	struct sockaddr_storage other = { .ss_family = AF_UNIX };
	struct sample s;

	(void)state;
	assert_true(sample_set_text(&s, SLICE_LIT("")));
	assert_false(sample_set_text(&s, SLICE_NONE));
	assert_false(sample_set_binary(&s, SLICE_NONE));
	assert_false(sample_set_addr(&s, &other));
	assert_true(sample_set_int(&s, 5) && s.type == SAMPLE_INT && s.integer == 5);
	assert_true(sample_set_bool(&s, true) && s.type == SAMPLE_BOOL && s.boolean);
	assert_string_equal(sample_type_name(SAMPLE_INT), "integer");
}

static void without_memory(void **state)
{
	(void)state;
	rules_exchange(&t, 64);
	rules_exhaust(&t);
	assert_string_equal(cast(sample_of_number(5), SAMPLE_STR), "-");
	assert_string_equal(cast(sample_of_number(5), SAMPLE_BIN), "-");
	assert_string_equal(cast(sample_of_address("192.0.2.1"), SAMPLE_STR), "-");
	assert_string_equal(cast(sample_of_address("192.0.2.1"), SAMPLE_BIN), "-");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(casts), TEST(numbers), TEST(addresses), TEST(setters), TEST(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
