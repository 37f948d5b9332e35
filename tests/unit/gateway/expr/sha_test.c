/* sha_test.c - SHA-1, SHA-384 and SHA-512 against the vectors of their standard, and around the ends of blocks. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/expr/sha.h"

static const struct {
	void (*make)(struct slice s, unsigned char *out);
	size_t bytes;
} kinds[] = {
	{ sha_1, SHA1_BYTES },
	{ sha_384, SHA384_BYTES },
	{ sha_512, SHA512_BYTES },
};
enum { SHA1, SHA384, SHA512, KINDS };

static const char *digest(int kind, struct slice s)
{
	static char hex[2 * SHA512_BYTES + 1];
	unsigned char bytes[SHA512_BYTES];

	memset(bytes, '#', sizeof(bytes));
	kinds[kind].make(s, bytes);
	for (size_t i = 0; i < kinds[kind].bytes; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
	return hex;
}

static void known_values(void **state)
{
	static const struct {
		int kind;
		const char *text, *hex;
	} cases[] = {
		{ SHA1, "",
		  "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
		{ SHA1, "abc",
		  "a9993e364706816aba3e25717850c26c9cd0d89d" },
		{ SHA1, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "84983e441c3bd26ebaae4aa1f95129e5e54670f1" },
		{ SHA1, "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
		  "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
		  "a49b2446a02c645bf419f995b67091253a04a259" },
		{ SHA384, "",
		  "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da" "274edebfe76f65fbd51ad2f14898b95b" },
		{ SHA384, "abc",
		  "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed" "8086072ba1e7cc2358baeca134c825a7" },
		{ SHA384, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "3391fdddfc8dc7393707a65b1b4709397cf8b1d162af05abfe8f450de5f36bc6" "b0455a8520bc4e6f5fe95b1fe3c8452b" },
		{ SHA384, "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
		  "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
		  "09330c33f71147e83d192fc782cd1b4753111b173b3b05d22fa08086e3b0f712" "fcc7c71a557e2db966c3e9fa91746039" },
		{ SHA512, "",
		  "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce" "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e" },
		{ SHA512, "abc",
		  "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
		{ SHA512, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "204a8fc6dda82f0a0ced7beb8e08a41657c16ef468b228a8279be331a703c335" "96fd15c13b1b07f9aa1d3bea57789ca031ad85c7a71dd70354ec631238ca3445" },
		{ SHA512, "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
		  "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
		  "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018" "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(digest(cases[i].kind, slice_str(cases[i].text)), cases[i].hex);
}

static void a_million_a(void **state)
{
	static const char *const hex[KINDS] = {
		"34aa973cd4c4daa4f61eeb2bdbad27316534016f",
		"9d0e1809716474cb086e834e310a4a1ced149e9c00f24852"
		"7972cec5704c2a5b07b8b3dc38ecc4ebae97ddd87f3d8985",
		"e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973eb"
		"de0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b",
	};
	char *text = malloc(1000000);

	(void)state;
	assert_non_null(text);
	memset(text, 'a', 1000000);
	for (int kind = 0; kind < KINDS; kind++)
		assert_string_equal(digest(kind, slice_of(text, 1000000)), hex[kind]);
	free(text);
}

/* The digest of the digests of "", "a", "ab", … of 0 to 300 bytes, as Python's hashlib makes them. */
static void around_the_block(void **state)
{
	static const char *const hex[KINDS] = {
		"52a17ed4f00aa66d245cf128432da9989454c9fb",
		"fef75ba005020e9e096a048f566d349e444d6dab1829ee58"
		"699db759b4fab5dabf4a9175816304fa0abfdf7abbd98af5",
		"6b87d17ae9f3253d4f39987fced0ad27cd64aff24a3dde538b061ab38a0835d1"
		"702e7ab4df27b896c5f55edfb0807e1747b19c78c06980cc82ab2fadcee4fc02",
	};
	char text[300];

	(void)state;
	for (int i = 0; i < 300; i++)
		text[i] = (char)('a' + i % 26);
	for (int kind = 0; kind < KINDS; kind++) {
		unsigned char all[301 * SHA512_BYTES];
		size_t bytes = kinds[kind].bytes;

		for (size_t len = 0; len <= 300; len++)
			kinds[kind].make(slice_of(text, len), all + len * bytes);
		assert_string_equal(digest(kind, slice_of((char *)all, 301 * bytes)), hex[kind]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
		cmocka_unit_test(a_million_a),
		cmocka_unit_test(around_the_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
