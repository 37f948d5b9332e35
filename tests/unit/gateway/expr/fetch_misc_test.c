/* fetch_misc_test.c - samples that need no message: constants, variables, the process, clock and chance. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <unistd.h>

#include "shared/base/clock.h"
#include "tests/unit/gateway/support/exprs.h"

static void constants(void **state)
{
	static const struct expr_case cases[] = {
		{ "bool(true)", "boolean 1" },   { "bool(false)", "boolean 0" },     { "bool(TRUE)", "boolean 1" },  { "bool(1)", "boolean 1" },
		{ "bool(0)", "boolean 0" },      { "int(-5)", "integer -5" },        { "int(+5)", "integer 5" },     { "str(a b)", "string a b" },
		{ "str()", "string " },          { "str", "string " },               { "str(\"a,b)c\")", "string a,b)c" },
		{ "str('a\\,b')", "string a\\,b" }, { "bin(00Ff)", "binary 00ff" },  { "bin()", "binary " },         { "meth(GET)", "method GET" },
		{ "meth(FOO)", "method FOO" },   { "ipv4(1.2.3.4)", "address 1.2.3.4" }, { "ipv6(::1)", "address ::1" },
		{ "always_true", "boolean 1" },  { "always_false", "boolean 0" },    { "proc", "integer 1" },
	};
	static const struct expr_case refused[] = {
		{ "bool(yes)", "expects 'true', 'false', '0' or '1', not 'yes'" },
		{ "bool", "argument 1 is missing" },
		{ "int(5x)", "argument 1 must be a number, not '5x'" },
		{ "int()", "argument 1 is missing" },
		{ "int(1,2)", "expects 1 argument, but got '2'" },
		{ "int(1", "lack the closing ')'" },
		{ "bin(0)", "an even number of hexadecimal digits, not '0'" },
		{ "bin(xx)", "an even number of hexadecimal digits, not 'xx'" },
		{ "ipv4(1.2.3)", "'1.2.3' is no such address" },
		{ "ipv4(::1)", "'::1' is no such address" },
		{ "ipv6(1.2.3.4)", "'1.2.3.4' is no such address" },
		{ "path(1)", "expects 0 arguments, but got '1'" },
		{ "nope", "unknown sample fetch 'nope'" },
		{ "pahtq", "did you mean 'pathq'?" },
	};

	exprs_check(*state, EXPRS(cases));
	exprs_refused(*state, EXPRS(refused));
}

static void variables(void **state)
{
	static const struct expr_case cases[] = {
		{ "var(txn.none)", "" },
		{ "var(txn.none,other)", "string other" },
		{ "var(txn.none,)", "string " },
		{ "int(4),set-var(txn.n)", "integer 4" },
		{ "var(txn.n)", "integer 4" },
		{ "var(txn.n,other)", "integer 4" },
		{ "var(sess.n)", "" },
	};
	static const struct expr_case refused[] = {
		{ "var(nope.x)", "invalid variable name 'nope.x'" },
		{ "var(txn.)", "invalid variable name 'txn.'" },
		{ "var()", "argument 1 is missing: a variable" },
	};

	exprs_check(*state, EXPRS(cases));
	exprs_refused(*state, EXPRS(refused));
}

/* As it is when the configuration is read. */
static void environment(void **state)
{
	struct rules *t = *state;
	const struct expr *e;
	struct sample s;

	assert_int_equal(setenv("MOA_FETCH_TEST", "value", 1), 0);
	e = exprs_read(t, "env(MOA_FETCH_TEST)");
	assert_int_equal(setenv("MOA_FETCH_TEST", "", 1), 0);
	assert_string_equal(exprs_get(t, "env(MOA_FETCH_TEST)"), "string ");
	assert_int_equal(unsetenv("MOA_FETCH_TEST"), 0);
	assert_string_equal(exprs_get(t, "env(MOA_FETCH_TEST)"), "");
	assert_true(expr_get(e, &t->x, &s));
	assert_true(slice_eq(s.text, SLICE_LIT("value")));
}

static void host(void **state)
{
	char name[256] = "", expected[300];

	assert_int_equal(gethostname(name, sizeof(name) - 1), 0);
	snprintf(expected, sizeof(expected), "string %s", name);
	assert_string_equal(exprs_get(*state, "hostname"), expected);
}

static int64_t number(struct rules *t, const char *text)
{
	return expr_number(exprs_read(t, text), &t->x, -1);
}

static void clock_now(void **state)
{
	static const struct expr_case refused[] = { { "date(0,m)", "expects 's', 'ms' or 'us', not 'm'" } };
	int64_t before_us = clock_wall_us();
	int64_t s = number(*state, "date"), later = number(*state, "date(3600)"), ms = number(*state, "date(0,ms)");
	int64_t us = number(*state, "date(-5,us)"), part = number(*state, "date_us");
	int64_t after_us = clock_wall_us();

	assert_in_range(s, before_us / 1000000, after_us / 1000000);
	assert_in_range(later, before_us / 1000000 + 3600, after_us / 1000000 + 3600);
	assert_in_range(ms, before_us / 1000, after_us / 1000);
	assert_in_range(us, before_us - 5, after_us - 5);
	assert_in_range(part, 0, 999999);
	exprs_refused(*state, EXPRS(refused));
}

static void chance(void **state)
{
	static const struct expr_case refused[] = { { "rand(-1)", "the range is 0 to 4294967295" }, { "uuid(5)", "there is version 4 only" } };
	static const char *const hungry[] = { "uuid" };
	unsigned seen[4] = { 0 };
	int64_t all = 0;
	char first[64];

	for (int i = 0; i < 1000; i++) {
		int64_t n = number(*state, "rand(4)");

		assert_in_range(n, 0, 3);
		seen[n]++;
		all |= number(*state, "rand");
	}
	for (int i = 0; i < 4; i++)
		assert_in_range(seen[i], 150, 350);
	assert_int_equal(all, 0xFFFFFFFF);
	assert_int_equal(number(*state, "rand(1)"), 0);
	assert_int_equal(number(*state, "rand(0)"), 0);
	snprintf(first, sizeof(first), "%s", exprs_get(*state, "uuid"));
	assert_int_equal(strspn(first + 7, "0123456789abcdef-"), 36); /* behind "string " */
	assert_true(first[7 + 8] == '-' && first[7 + 13] == '-' && first[7 + 18] == '-' && first[7 + 23] == '-');
	assert_int_equal(first[7 + 14], '4');
	assert_non_null(strchr("89ab", first[7 + 19]));
	assert_string_not_equal(exprs_get(*state, "uuid(4)"), first);
	exprs_refused(*state, EXPRS(refused));
	exprs_without_memory(*state, "GET / HTTP/1.1|Host: h", EXPRS(hungry));
}

static void process(void **state)
{
	struct rules *t = *state;

	assert_string_equal(exprs_get(t, "stopping"), "boolean 0");
	atomic_store(&t->gateway.stopping, true);
	assert_string_equal(exprs_get(t, "stopping"), "boolean 1");
	t->worker.index = 3;
	assert_string_equal(exprs_get(t, "thread"), "integer 3");
	t->worker.index = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EXPRS_TEST(constants), EXPRS_TEST(variables), EXPRS_TEST(environment), EXPRS_TEST(host),
		EXPRS_TEST(clock_now), EXPRS_TEST(chance),    EXPRS_TEST(process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
