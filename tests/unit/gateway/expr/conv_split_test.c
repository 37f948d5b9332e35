/* conv_split_test.c - converters that take a part, against what HAProxy 2.6 makes of the same expressions. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/gateway/support/exprs.h"

static void fields(void **state)
{
	static const struct expr_case cases[] = {
		{ "str(a/b/c/d),field(2,/)", "string b" },
		{ "str(a/b/c/d),field(-1,/)", "string d" },
		{ "str(a/b/c/d),field(-4,/)", "string a" },
		{ "str(a/b/c/d),field(-5,/)", "" },
		{ "str(a/b/c/d),field(5,/)", "" },
		{ "str(a/b/c/d),field(2,/,2)", "string b/c" },
		{ "str(a/b/c/d),field(2,/,0)", "string b/c/d" },
		{ "str(a/b/c/d),field(2,/,9)", "string b/c/d" },
		{ "str(a/b/c/d),field(-2,/,2)", "string b/c" },
		{ "str(a/b/c/d),field(-2,/,0)", "string a/b/c" },
		{ "str(a/b/c/d),field(-2,/,9)", "string a/b/c" },
		{ "str(f5_f4_f3__f1),field(-2,_)", "string " },
		{ "str(f5_f4_f3__f1),field(-2,_,3)", "string f4_f3_" },
		{ "str(f5_f4_f3__f1),field(2,_,0)", "string f4_f3__f1" },
		{ "str(f1_f2_f3__f5),field(4,_)", "string " },
		{ "str(f1_f2_f3__f5),field(-3,_,0)", "string f1_f2_f3" },
		{ "str(a/b-c),field(2,/-)", "string b" },
		{ "str(a/b-c),field(3,/-)", "string c" },
		{ "str(abc),field(1,/)", "string abc" },
		{ "str(),field(1,/)", "string " },
		{ "str(/),field(1,/)", "string " },
		{ "str(/),field(2,/)", "string " },
		{ "str(/),field(3,/)", "" },
		{ "str(a/b),field(-9223372036854775807,/)", "" },
		{ "str(a/b),field(9223372036854775807,/)", "" },
		{ "str(a/b),field(1,/,9223372036854775807)", "string a/b" },
	};
	static const struct expr_case refused[] = {
		{ "str(a/b),field(0,/)", "the index counts from 1, or from -1 at the end, and is not 0" },
		{ "str(a/b),field(1,/,-1)", "the count is not negative" },
		{ "str(a/b),field(1)", "argument 2 is missing: a text" },
	};

	exprs_check(*state, EXPRS(cases));
	exprs_refused(*state, EXPRS(refused));
}

/* A word that is not there is empty. */
static void words(void **state)
{
	static const struct expr_case cases[] = {
		{ "str(f1_f2_f3__f5),word(3,_)", "string f3" },
		{ "str(f1_f2_f3__f5),word(4,_)", "string f5" },
		{ "str(f1_f2_f3__f5),word(5,_)", "string " },
		{ "str(f1_f2_f3__f5),word(-3,_)", "string f2" },
		{ "str(f1_f2_f3__f5),word(-5,_)", "string " },
		{ "str(f1_f2_f3__f5),word(3,_,0)", "string f3__f5" },
		{ "str(f1_f2_f3__f5),word(3,_,2)", "string f3__f5" },
		{ "str(f1_f2_f3__f5),word(3,_,9)", "string f3__f5" },
		{ "str(f1_f2_f3__f5),word(-2,_,3)", "string f1_f2_f3" },
		{ "str(f1_f2_f3__f5),word(-2,_,0)", "string f1_f2_f3" },
		{ "str(/f1/f2/f3/f4),word(1,/)", "string f1" },
		{ "str(__f1__),word(1,_)", "string f1" },
		{ "str(__f1__),word(-1,_)", "string f1" },
		{ "str(__f1__),word(1,_,0)", "string f1__" },
		{ "str(__f1__),word(-1,_,0)", "string __f1" },
		{ "str(__f1_f2__),word(1,_,2)", "string f1_f2" },
		{ "str(__f1_f2__),word(-1,_,2)", "string f1_f2" },
		{ "str(___),word(1,_)", "string " },
		{ "str(),word(1,_)", "string " },
	};
	static const struct expr_case refused[] = {
		{ "str(abc),word(0,_)", "the index counts from 1, or from -1 at the end, and is not 0" },
	};

	exprs_check(*state, EXPRS(cases));
	exprs_refused(*state, EXPRS(refused));
}

static void part_of_bytes(void **state)
{
	static const struct expr_case cases[] = {
		{ "str(abcdef),bytes(2)", "binary 63646566" },
		{ "str(abcdef),bytes(1,3)", "binary 626364" },
		{ "str(abcdef),bytes(6)", "binary " },
		{ "str(abcdef),bytes(7)", "binary " },
		{ "str(abcdef),bytes(1,99)", "binary 6263646566" },
		{ "str(abcdef),bytes(1,0)", "binary " },
		{ "str(abcdef),bytes(-1)", "binary " },
		{ "str(abcdef),bytes(1,-1)", "binary 6263646566" },
		{ "bin(00010203),bytes(1,2)", "binary 0102" },
		{ "str(abc),bytes(1,9223372036854775807)", "binary 6263" },
	};

	exprs_check(*state, EXPRS(cases));
}

static void languages(void **state)
{
	static const struct expr_case cases[] = {
		{ "str('fr;q=0.8,en;q=0.9,de'),language(fr;en)", "string en" },
		{ "str('fr;q=0.8,en;q=0.9,de'),language(de;en)", "string de" },
		{ "str('fr,en'),language(en;fr)", "string fr" },
		{ "str('fr;q=0.5,en;q=0.5'),language(en;fr)", "string fr" },
		{ "str('fr'),language(en)", "" },
		{ "str('fr'),language(en,de)", "string de" },
		{ "str('en-US,en;q=0.5'),language(en)", "string en" },
		{ "str('en-US'),language(en)", "string en" },
		{ "str('en'),language(en-US)", "" },
		{ "str('fr;q=0,en;q=0'),language(en;fr)", "" },
		{ "str('*'),language(en)", "" },
		{ "str('fr;q=0.123,en;q=0.124'),language(fr;en)", "string en" },
		{ "str('fr;q=0.12,en;q=0.119'),language(fr;en)", "string fr" },
		{ "str('fr;q=1.0,en;q=0.999'),language(fr;en)", "string fr" },
		{ "str('FR'),language(fr)", "" },
		{ "str(''),language(fr,de)", "string de" },
		{ "str('fr;level=1;q=0.3,en;q=0.4'),language(fr;en)", "string fr" },
		{ "str('fr; q=0.3 , en; q=0.4'),language(fr;en)", "string en" },
		{ "str('fr;q=x,en;q=0.1'),language(fr;en)", "string fr" },
		{ "str(en),language(de;fr)", "" },
		{ "str(de-CH),language(de-CH;de)", "string de-CH" },
		{ "str('fr;q=0.00001,en;q=0'),language(fr;en)", "" },
		{ "str('fr;q=0.9999999999999,en;q=1'),language(fr;en)", "string en" },
	};

	exprs_check(*state, EXPRS(cases));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EXPRS_TEST(fields),
		EXPRS_TEST(words),
		EXPRS_TEST(part_of_bytes),
		EXPRS_TEST(languages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
