/* hash_test.c - the hashes against the published vectors of their standards. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/hash.h"

static void crc32_known_values(void **state)
{
	char bytes[256];

	(void)state;
	assert_int_equal(hash_crc32(SLICE_LIT("123456789")), 0xCBF43926);
	assert_int_equal(hash_crc32(SLICE_LIT("")), 0);
	assert_int_equal(hash_crc32(SLICE_NONE), 0);
	assert_int_equal(hash_crc32(SLICE_LIT("a")), 0xE8B7BE43);
	assert_int_equal(hash_crc32(SLICE_LIT("abc")), 0x352441C2);
	assert_int_equal(hash_crc32(SLICE_LIT("The quick brown fox jumps over the lazy dog")), 0x414FA339);
	for (int i = 0; i < 256; i++)
		bytes[i] = (char)i;
	assert_int_equal(hash_crc32(slice_of(bytes, 256)), 0x29058C73);
}

/* The definition itself, bit by bit: another way to the same numbers. */
static uint32_t crc32_by_definition(const char *p, size_t len)
{
	uint32_t crc = 0xFFFFFFFF;

	for (size_t i = 0; i < len; i++) {
		crc ^= (unsigned char)p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xEDB88320 : 0);
	}
	return ~crc;
}

static void crc32_is_the_definition(void **state)
{
	char key[16];

	(void)state;
	for (int id = 1; id < 5000; id++) {
		int len = snprintf(key, sizeof(key), "%d", id * 429497);

		assert_int_equal(hash_crc32(slice_of(key, (size_t)len)), crc32_by_definition(key, (size_t)len));
	}
}

static void assert_sha256(struct slice s, const char *expected)
{
	char hex[HASH_SHA256_HEX + 1];

	memset(hex, '#', sizeof(hex));
	hash_sha256_hex(s, hex);
	assert_string_equal(hex, expected);
}

static void sha256_of_the_standard(void **state)
{
	(void)state;
	assert_sha256(SLICE_LIT(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_sha256(SLICE_NONE, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_sha256(SLICE_LIT("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_sha256(SLICE_LIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
		      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	assert_sha256(SLICE_LIT("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
				"hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"),
		      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
	assert_sha256(SLICE_LIT("\xbd"), "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b");
	assert_sha256(SLICE_LIT("\xc9\x8c\x8e\x55"), "7abc22c0ae5af26ce93dbb94433a0e0b2e119d014f8e7f65bd56c61ccccd9504");
}

static void sha224_of_the_standard(void **state)
{
	static const struct {
		const char *text, *hex;
	} cases[] = {
		{ "", "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f" },
		{ "abc", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "75388b16512776cc5dba5da1fd890150b0c6455cb4f58b1952522525" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned char bytes[HASH_SHA224_BYTES];
		char hex[2 * HASH_SHA224_BYTES + 1];

		hash_sha224(slice_str(cases[i].text), bytes);
		for (size_t at = 0; at < sizeof(bytes); at++)
			snprintf(hex + 2 * at, 3, "%02x", bytes[at]);
		assert_string_equal(hex, cases[i].hex);
	}
}

static void sha256_of_a_million_a(void **state)
{
	const size_t million = 1000000;
	char *p = malloc(million);

	(void)state;
	assert_non_null(p);
	memset(p, 'a', million);
	assert_sha256(slice_of(p, million), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(p);
}

/* Additional vectors of NIST: zeros of the lengths where the padding changes its form. */
static void sha256_around_the_block(void **state)
{
	static const struct {
		size_t zeros;
		const char *hash;
	} rows[] = {
		{ 55, "02779466cdec163811d078815c633f21901413081449002f24aa3e80f0b88ef7" },
		{ 56, "d4817aa5497628e7c77e6b606107042bbba3130888c5f47a375e6179be789fbb" },
		{ 57, "65a16cb7861335d5ace3c60718b5052e44660726da4cd13bb745381b235a1785" },
		{ 64, "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b" },
		{ 1000, "541b3e9daa09b20bf85fa273e5cbd3e80185aa4ec298e765db87742b70138a53" },
	};
	static const char zeros[1000];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_sha256(slice_of(zeros, rows[i].zeros), rows[i].hash);
}

static void fnv64_known_values(void **state)
{
	(void)state;
	assert_true(hash_fnv64(SLICE_LIT("")) == 0xcbf29ce484222325);
	assert_true(hash_fnv64(SLICE_NONE) == 0xcbf29ce484222325);
	assert_true(hash_fnv64(SLICE_LIT("a")) == 0xaf63dc4c8601ec8c);
	assert_true(hash_fnv64(SLICE_LIT("foobar")) == 0x85944171f73967e8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc32_known_values),      cmocka_unit_test(crc32_is_the_definition),
		cmocka_unit_test(sha256_of_the_standard),  cmocka_unit_test(sha224_of_the_standard),
		cmocka_unit_test(sha256_of_a_million_a),
		cmocka_unit_test(sha256_around_the_block), cmocka_unit_test(fnv64_known_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
