/* conv_number_test.c - converters of numbers and addresses, against what HAProxy 2.6 makes of the same expressions. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/gateway/support/exprs.h"

static void arithmetic(void **state)
{
	static const struct expr_case cases[] = {
		{ "int(10),add(5)", "integer 15" },
		{ "int(10),sub(15)", "integer -5" },
		{ "int(6),mul(-7)", "integer -42" },
		{ "int(5),mul(0)", "integer 0" },
		{ "int(-9),div(2)", "integer -4" },
		{ "int(-9),mod(2)", "integer -1" },
		{ "int(9),mod(-2)", "integer 1" },
		{ "int(5),neg", "integer -5" },
		{ "int(0),neg", "integer 0" },
		{ "int(5),neg,add(7)", "integer 2" },
		{ "int(10),div(0)", "integer 9223372036854775807" },
		{ "int(-9),div(0)", "integer 9223372036854775807" },
		{ "int(9),mod(0)", "integer 0" },
	};

	exprs_check(*state, EXPRS(cases));
}

/* Where two's complement would wrap, the result stays at the limit. */
static void limits(void **state)
{
	static const struct expr_case cases[] = {
		{ "int(9223372036854775807),add(1)", "integer 9223372036854775807" },
		{ "int(-9223372036854775807),add(-5)", "integer -9223372036854775808" },
		{ "int(-9223372036854775807),sub(5)", "integer -9223372036854775808" },
		{ "int(9223372036854775807),sub(-5)", "integer 9223372036854775807" },
		{ "int(-9223372036854775808),neg", "integer 9223372036854775807" },
		{ "int(4611686018427387904),mul(2)", "integer 9223372036854775807" },
		{ "int(4611686018427387904),mul(-4)", "integer -9223372036854775808" },
		{ "int(-9223372036854775808),mul(-1)", "integer 9223372036854775807" },
		{ "int(-1),mul(-9223372036854775808)", "integer 9223372036854775807" },
		{ "int(-9223372036854775808),div(-1)", "integer 9223372036854775807" },
		{ "int(-9223372036854775808),mod(-1)", "integer 0" },
	};

	exprs_check(*state, EXPRS(cases));
}

static void bits_and_truth(void **state)
{
	static const struct expr_case cases[] = {
		{ "int(12),and(10)", "integer 8" },   { "int(12),and(-4)", "integer 12" }, { "int(12),or(3)", "integer 15" },
		{ "int(12),xor(10)", "integer 6" },   { "int(0),cpl", "integer -1" },      { "int(-1),cpl", "integer 0" },
		{ "int(3),odd", "boolean 1" },        { "int(-3),odd", "boolean 1" },      { "int(4),odd", "boolean 0" },
		{ "int(3),even", "boolean 0" },       { "int(0),even", "boolean 1" },      { "int(3),not", "boolean 0" },
		{ "int(0),not", "boolean 1" },        { "int(7),bool", "boolean 1" },      { "int(0),bool", "boolean 0" },
	};

	exprs_check(*state, EXPRS(cases));
}

/* What comes in is cast, and the operand may be a variable. */
static void operands(void **state)
{
	static const struct expr_case cases[] = {
		{ "int(4),set-var(txn.n)", "integer 4" },
		{ "str(abc),set-var(txn.s)", "string abc" },
		{ "int(10),add(txn.n)", "integer 14" },
		{ "int(10),add(txn.s)", "integer 10" },
		{ "int(10),div(txn.none)", "" },
		{ "str(42),add(1)", "integer 43" },
		{ "str(12abc),add(1)", "integer 13" },
		{ "str(abc),add(1)", "integer 1" },
		{ "str(),add(1)", "" },
		{ "bool(true),add(1)", "integer 2" },
		{ "ipv4(10.1.2.3),add(1)", "integer 167838212" },
	};
	static const struct expr_case refused[] = {
		{ "int(1),add", "argument 1 is missing" },
		{ "int(1),add(abc)", "abc" },
		{ "int(1),add(1x)", "must be a number, not '1x'" },
		{ "int(1),neg(1)", "expects 0 arguments" },
		{ "bin(00),add(1)", "cannot be applied" },
	};

	exprs_check(*state, EXPRS(cases));
	exprs_refused(*state, EXPRS(refused));
}

static void masks(void **state)
{
	static const struct expr_case cases[] = {
		{ "ipv4(10.1.2.3),ipmask(24)", "address 10.1.2.0" },
		{ "ipv4(10.1.2.3),ipmask(255.255.0.0)", "address 10.1.0.0" },
		{ "ipv4(10.1.2.3),ipmask(255.0.255.0)", "address 10.0.2.0" },
		{ "ipv4(10.1.2.255),ipmask(25)", "address 10.1.2.128" },
		{ "ipv4(10.1.2.3),ipmask(0)", "address 0.0.0.0" },
		{ "ipv4(10.1.2.3),ipmask(32)", "address 10.1.2.3" },
		{ "ipv6(2001:db8:1:2:3:4:5:6),ipmask(24)", "" },
		{ "ipv6(2001:db8:1:2:3:4:5:6),ipmask(24,64)", "address 2001:db8:1:2::" },
		{ "ipv6(2001:db8:1:2:3:4:5:6),ipmask(24,ffff::)", "address 2001::" },
		{ "str(10.1.2.3),ipmask(24)", "address 10.1.2.0" },
		{ "int(167838211),ipmask(24)", "address 10.1.2.0" },
		{ "str(nope),ipmask(24)", "" },
		{ "src,ipmask(8)", "address 192.0.0.0" },
	};
	static const struct expr_case refused[] = {
		{ "src,ipmask", "argument 1 is missing" },
		{ "src,ipmask(33)", "must be an IPv4 mask, not '33'" },
		{ "src,ipmask(24,ffff:ffff:ff)", "must be an IPv6 mask" },
	};

	exprs_check(*state, EXPRS(cases));
	exprs_refused(*state, EXPRS(refused));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EXPRS_TEST(arithmetic),
		EXPRS_TEST(limits),
		EXPRS_TEST(bits_and_truth),
		EXPRS_TEST(operands),
		EXPRS_TEST(masks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
