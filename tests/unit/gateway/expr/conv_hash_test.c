/* conv_hash_test.c - converters that hash, against what HAProxy 2.6 makes of the same expressions. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/gateway/support/exprs.h"

static void short_hashes(void **state)
{
	static const struct expr_case cases[] = {
		{ "str(123456789),crc32", "integer 3421780262" },
		{ "str(123456789),crc32(0)", "integer 3421780262" },
		{ "str(123456789),crc32(1)", "integer 1130417534" },
		{ "str(123456789),crc32(2)", "integer 1130417534" },
		{ "str(123456789),crc32c", "integer 3808858755" },
		{ "str(123456789),crc32c(1)", "integer 1236241323" },
		{ "str(abc),djb2", "integer 193485963" },
		{ "str(abc),djb2(1)", "integer 2235766107" },
		{ "str(abc),sdbm", "integer 807794786" },
		{ "str(abc),sdbm(1)", "integer 659243622" },
		{ "str(abc),wt6", "integer 2483038440" },
		{ "str(abc),wt6(1)", "integer 266135527" },
		{ "str(),djb2", "integer 5381" },
		{ "str(),crc32", "integer 0" },
		{ "str(),crc32c", "integer 0" },
	};

	exprs_check(*state, EXPRS(cases));
}

/* What comes in is bytes: four of an IPv4 address, eight of a number. */
static void other_types(void **state)
{
	static const struct expr_case cases[] = {
		{ "ipv4(1.2.3.4),djb2", "integer 2086511823" },
		{ "int(5),crc32", "integer 357051366" },
		{ "bin(010203),crc32", "integer 1438416925" },
	};

	exprs_check(*state, EXPRS(cases));
}

static void long_hashes(void **state)
{
	static const struct expr_case cases[] = {
		{ "str(abc),xxh32", "integer 852579327" },
		{ "str(abc),xxh32(7)", "integer 1473238068" },
		{ "str(abc),xxh32(-1)", "integer 2989167648" },
		{ "str(abc),xxh32(4294967297)", "integer 2856167679" },
		{ "str(abc),xxh64", "integer 4952883123889572249" },
		{ "str(abc),xxh64(7)", "integer -7028621457359472937" },
		{ "str(abc),xxh64(-1)", "integer 2895935887265243510" },
		{ "str(abc),xxh3", "integer 8696274497037089104" },
		{ "str(abc),xxh3(7)", "integer 5260018501835528466" },
	};

	exprs_check(*state, EXPRS(cases));
}

static void digests(void **state)
{
	static const struct expr_case cases[] = {
		{ "str(abc),sha1", "binary a9993e364706816aba3e25717850c26c9cd0d89d" },
		{ "str(),sha1", "binary da39a3ee5e6b4b0d3255bfef95601890afd80709" },
		{ "str(abc),sha2", "binary ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "str(abc),sha2(224)", "binary 23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7" },
		{ "str(abc),sha2(256)", "binary ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "str(abc),sha2(384)", "binary cb00753f45a35e8bb5a03d699ac65007272c32ab0eded163"
					"1a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7" },
		{ "str(abc),sha2(512)", "binary ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
					"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
	};
	static const struct expr_case refused[] = {
		{ "str(abc),sha2(1)", "there are 224, 256, 384 and 512 bits, not '1'" },
		{ "str(abc),sha2(x)", "must be a number" },
		{ "str(abc),sha1(1)", "expects 0 arguments" },
	};
	static const char *const hungry[] = { "str(abc),sha1", "str(abc),sha2(224)", "str(abc),sha2", "str(abc),sha2(384)", "str(abc),sha2(512)" };

	exprs_check(*state, EXPRS(cases));
	exprs_refused(*state, EXPRS(refused));
	exprs_without_memory(*state, "GET / HTTP/1.1|Host: h", EXPRS(hungry));
}

static void secrets(void **state)
{
	static const struct expr_case cases[] = {
		{ "str(abc),set-var(txn.s)", "string abc" },
		{ "str(abc),secure_memcmp(txn.s)", "boolean 1" },
		{ "str(abd),secure_memcmp(txn.s)", "boolean 0" },
		{ "str(bbc),secure_memcmp(txn.s)", "boolean 0" },
		{ "str(abcd),secure_memcmp(txn.s)", "boolean 0" },
		{ "str(),secure_memcmp(txn.s)", "boolean 0" },
		{ "bin(616263),secure_memcmp(txn.s)", "boolean 1" },
		{ "str(abc),secure_memcmp(txn.none)", "" },
	};

	exprs_check(*state, EXPRS(cases));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EXPRS_TEST(short_hashes),
		EXPRS_TEST(other_types),
		EXPRS_TEST(long_hashes),
		EXPRS_TEST(digests),
		EXPRS_TEST(secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
