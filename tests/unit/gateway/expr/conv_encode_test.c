/* conv_encode_test.c - converters between bytes and their spellings, against what HAProxy 2.6 makes of the same expressions. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/gateway/support/exprs.h"

/* With padding HAProxy decodes texts of URLs to a wrong last byte. */
static void base64(void **state)
{
	static const struct expr_case cases[] = {
		{ "str(hello?>),base64", "string aGVsbG8/Pg==" },
		{ "str(hello?>),ub64enc", "string aGVsbG8_Pg" },
		{ "str(),base64", "string " },
		{ "bin(00ff10),base64", "string AP8Q" },
		{ "str(aGVsbG8=),b64dec", "binary 68656c6c6f" },
		{ "str(aGVsbG8),b64dec", "" },
		{ "str(aGVsbG8=a),b64dec", "" },
		{ "str(aGVs bG8=),b64dec", "" },
		{ "str(aGVsbG8),ub64dec", "binary 68656c6c6f" },
		{ "str(aGVsbG8=),ub64dec", "binary 68656c6c6f" },
		{ "str(aGVsbG8_Pg),ub64dec", "binary 68656c6c6f3f3e" },
		{ "str(aGVsbG8/Pg),ub64dec", "" },
		{ "str(a),ub64dec", "" },
		{ "str(aa),ub64dec", "binary 69" },
		{ "str(====),b64dec", "" },
		{ "str(aa==),b64dec,hex", "string 69" },
		{ "str(ab==),b64dec,hex", "string 69" },
		{ "str(aab=),b64dec,hex", "string 69A6" },
		{ "str(=aaa),b64dec,hex", "" },
		{ "str(aa=a),b64dec,hex", "" },
		{ "str(),b64dec", "binary " },
		{ "str(),ub64dec", "binary " },
		{ "str(a===),b64dec", "" },
		{ "str(aGVsbA==),ub64dec", "binary 68656c6c" },
		{ "str(aGVsbA=),ub64dec", "" },
		{ "str(aGVsbG8-),b64dec", "" },
		{ "bin(fbff),base64", "string +/8=" },
		{ "bin(fbff),ub64enc", "string -_8" },
		{ "str(-_8),ub64dec", "binary fbff" },
		{ "str(+/8=),b64dec", "binary fbff" },
		{ "str(aGVs\xff\xff\xff\xff),b64dec", "" },
	};
	static const char *const hungry[] = { "str(abc),base64", "str(abc),ub64enc", "str(aGVs),b64dec", "str(aGVs),ub64dec" };

	exprs_check(*state, EXPRS(cases));
	exprs_without_memory(*state, "GET / HTTP/1.1|Host: h", EXPRS(hungry));
}

static void hexadecimal(void **state)
{
	static const struct expr_case cases[] = {
		{ "str(aa==),b64dec,hex", "string 69" },
		{ "str(ab==),b64dec,hex", "string 69" },
		{ "str(aab=),b64dec,hex", "string 69A6" },
		{ "str(a===),b64dec,hex", "" },
		{ "str(=aaa),b64dec,hex", "" },
		{ "str(aa=a),b64dec,hex", "" },
		{ "str(abc/),hex", "string 6162632F" },
		{ "str(),hex", "string " },
		{ "bin(00ff),hex", "string 00FF" },
		{ "str(ff),hex2i", "integer 255" },
		{ "str(FF),hex2i", "integer 255" },
		{ "str(),hex2i", "integer 0" },
		{ "str(f),hex2i", "integer 15" },
		{ "str(fg),hex2i", "" },
		{ "str(0xff),hex2i", "" },
		{ "str(ffffffffffffffff),hex2i", "integer -1" },
		{ "str(fffffffffffffffff),hex2i", "integer -1" },
		{ "str(7fffffffffffffff),hex2i", "integer 9223372036854775807" },
		{ "str(10000000000000001),hex2i", "integer 1" },
		{ "str(-1),hex2i", "" },
		{ "str(' 1'),hex2i", "" },
		{ "str('1 '),hex2i", "" },
		{ "int(1),htonl,hex", "string 00000001" },
		{ "int(4294967297),htonl,hex", "string 00000001" },
		{ "int(-1),htonl,hex", "string FFFFFFFF" },
		{ "str(a%00b),url_dec,hex", "string 610062" },
	};
	static const char *const hungry[] = { "str(abc),hex" };

	exprs_check(*state, EXPRS(cases));
	exprs_without_memory(*state, "GET / HTTP/1.1|Host: h", EXPRS(hungry));
}

static void network_order(void **state)
{
	static const struct expr_case cases[] = {
		{ "int(1),htonl,hex", "string 00000001" },
		{ "int(4294967297),htonl,hex", "string 00000001" },
		{ "int(-1),htonl,hex", "string FFFFFFFF" },
	};
	static const char *const hungry[] = { "int(1),htonl" };

	exprs_check(*state, EXPRS(cases));
	exprs_without_memory(*state, "GET / HTTP/1.1|Host: h", EXPRS(hungry));
}

static void chunks(void **state)
{
	static const struct expr_case cases[] = {
		{ "bin(01020304050607),be2dec(:,2)", "string 258:772:1286:7" },
		{ "bin(01020304050607),be2dec(-,2,1)", "string 258-772-1286" },
		{ "bin(01020304050607),be2dec(,2,1)", "string 2587721286" },
		{ "bin(7f000001),be2dec(.,1)", "string 127.0.0.1" },
		{ "bin(0102030405060708),be2dec(.,8)", "string 72623859790382856" },
		{ "bin(ffffffffffffffff),be2dec(.,8)", "string 18446744073709551615" },
		{ "bin(01020304050607),be2hex", "string 01020304050607" },
		{ "bin(01020304050607),be2hex(:,2)", "string 0102:0304:0506:07" },
		{ "bin(01020304050607),be2hex(--,2,1)", "string 0102--0304--0506" },
		{ "bin(0102030405060708),be2hex(,3,1)", "string 010203040506" },
		{ "bin(0102030405060708),be2hex(:,9)", "string 0102030405060708" },
		{ "bin(0102030405060708),be2hex(:,9,1)", "string " },
		{ "str(),be2hex(:,9)", "string " },
		{ "str(),be2dec(.,1)", "string " },
		{ "bin(0102),be2hex(,0,1)", "string 0102" },
		{ "bin(ff),be2dec(.,1)", "string 255" },
	};
	static const struct expr_case refused[] = {
		{ "bin(0102),be2dec(.,9)", "its chunks have 1 to 8 bytes, not '9'" },
		{ "bin(0102),be2dec(.,0)", "its chunks have 1 to 8 bytes, not '0'" },
		{ "bin(0102),be2dec(.)", "its chunks have 1 to 8 bytes, not ''" },
		{ "bin(0102),be2dec", "argument 1 is missing: a text" },
		{ "bin(0102030405060708),be2hex(:)", "a separator needs chunks of 1 byte or more, not ''" },
		{ "bin(0102030405060708),be2hex(:,0)", "a separator needs chunks of 1 byte or more, not '0'" },
		{ "bin(0102030405060708),be2hex(:,-1)", "a separator needs chunks of 1 byte or more, not '-1'" },
	};
	static const char *const hungry[] = { "str(abc),be2dec(.,1)", "str(abc),be2hex" };

	exprs_check(*state, EXPRS(cases));
	exprs_refused(*state, EXPRS(refused));
	exprs_without_memory(*state, "GET / HTTP/1.1|Host: h", EXPRS(hungry));
}

/* An escape that is none has no value. */
static void percent(void **state)
{
	static const struct expr_case cases[] = {
		{ "str(a%2Fb+c%20d),url_dec", "string a/b+c d" },
		{ "str(a+b?c+d),url_dec", "string a+b?c d" },
		{ "str(a+b?c+d),url_dec(1)", "string a b?c d" },
		{ "str(a+b?c+d),url_dec(0)", "string a+b?c d" },
		{ "str(a%2),url_dec", "" },
		{ "str(a%zz),url_dec", "" },
		{ "str(a%),url_dec", "" },
		{ "str(a%00b),url_dec,hex", "string 610062" },
		{ "str(%3fa+b),url_dec", "string ?a+b" },
		{ "str('a b/c?d'),url_enc", "string a%20b%2Fc%3Fd" },
		{ "str(\"aZ09-._~!*()\"),url_enc", "string aZ09-._~%21%2A%28%29" },
		{ "bin(c3a4),url_enc", "string %C3%A4" },
		{ "bin(c3a4007f),url_enc", "string %C3%A4" },
		{ "str(a),url_enc(query)", "string a" },
		{ "str(a%2fB),url_dec", "string a/B" },
		{ "str(%41%),url_dec", "" },
	};
	static const struct expr_case refused[] = {
		{ "str(a),url_enc(path)", "encodes for 'query' only, not 'path'" },
	};
	static const char *const hungry[] = { "str(abc),url_dec", "str(abc),url_enc" };

	exprs_check(*state, EXPRS(cases));
	exprs_refused(*state, EXPRS(refused));
	exprs_without_memory(*state, "GET / HTTP/1.1|Host: h", EXPRS(hungry));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EXPRS_TEST(base64),
		EXPRS_TEST(hexadecimal),
		EXPRS_TEST(network_order),
		EXPRS_TEST(chunks),
		EXPRS_TEST(percent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
