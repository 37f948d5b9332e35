/* xxhash_test.c - XXH32, XXH64 and XXH3 of texts on both sides of every length where their way changes; the numbers are HAProxy's. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "gateway/expr/xxhash.h"

#define TEXT_LEN 4000

/* The text that HAProxy was given: letters that do not repeat too soon. */
static void make_text(char *text)
{
	for (int i = 0; i < TEXT_LEN; i++)
		text[i] = (char)('a' + (i * 7 + i / 26) % 26);
}

/* Without a seed; and with 7 (XXH32) or -7. */
static const struct {
	size_t len;
	uint32_t xxh32[2];
	uint64_t xxh64[2], xxh3[2];
} cases[] = {
	{ 0, { 0x02cc5d05, 0xd7adaff8 }, { 0xef46db3751d8e999, 0x31e6a87277ad9b30 }, { 0x2d06800538d394c2, 0x098c452a82e89e99 } },
	{ 1, { 0x550d7456, 0xda82c2a8 }, { 0xd24ec4f1a98c6e5b, 0x73c41e0b087370c2 }, { 0xe6c632b61e964e1f, 0x143a2fd66d5a7754 } },
	{ 2, { 0xa47114f2, 0x2fe42485 }, { 0xb07bcbf94405b55b, 0x3cbcca1185787e95 }, { 0x3a6dd033830eea1e, 0x83a94c810d95bc26 } },
	{ 3, { 0xdf6b48d5, 0x9c72be60 }, { 0xf0a146ee97aaeb7b, 0xd1280234d9fbc70a }, { 0x7ea47a004f34273c, 0x62fae9570dd4c3f3 } },
	{ 4, { 0x6f90531e, 0x46952e18 }, { 0x259fc8aa66266ab8, 0x02d65a23f83ee77c }, { 0xa02b1fe01d5e8c68, 0x4c018f5f4522bcbc } },
	{ 7, { 0xa8bd6b98, 0x16dd9271 }, { 0x4bd8db38b35746f8, 0x3a9ed28cf8e67062 }, { 0x7f8537ee69c19efd, 0xb1a6e794eeb97fce } },
	{ 8, { 0x4355b954, 0x8c44ac71 }, { 0x327c72a78988cb58, 0x5a46b16be17d34f8 }, { 0xae512ee33cb829a3, 0x789797a3e54ea02f } },
	{ 9, { 0x444aabbd, 0xe039c3f6 }, { 0x6dfeb5895c7d2279, 0x8b167b6b6f7f63c9 }, { 0x8a413b4d39e87b1d, 0x367e560be3b9bd90 } },
	{ 15, { 0x32f7cc57, 0x6b1d0b47 }, { 0x95a0699a979fce5e, 0x0523556848975b26 }, { 0x031f5db6fd896e67, 0xee457e5a9f55922a } },
	{ 16, { 0xe71fcb65, 0x1e98d99f }, { 0xcc91502b29709f93, 0x61f6e39084de306d }, { 0xdfd4b837b7921abf, 0xc7182a322ea2b89c } },
	{ 17, { 0x740504b1, 0xdfc49480 }, { 0x0bea3381f1dbd9b0, 0xf8d0c43c8b983ce4 }, { 0x93e37276a1b3d25e, 0xd227892db63f04ae } },
	{ 31, { 0x6ac84f92, 0x2a570f4e }, { 0x11f413444b0ac764, 0x7639044eaa7f1c04 }, { 0x555ef7587fb29480, 0xc504953b77542594 } },
	{ 32, { 0xa982c818, 0x6ae514cd }, { 0x3fa4723ae460ab4a, 0x016d69237437949a }, { 0xd00a2b8f3bf36873, 0xe1de7593fb3ff957 } },
	{ 33, { 0xbc73cd5a, 0x31579f55 }, { 0x54bfca7ef6464f5d, 0x54e836d937126caa }, { 0xd39624f33c097a6e, 0xc6e156080d32b20b } },
	{ 63, { 0x4cd3152e, 0x26f5797d }, { 0x8f1d0fff25026cce, 0x9381df079fa17bdd }, { 0xa3f0949fc1f61088, 0x67b0ad9052f444a4 } },
	{ 64, { 0x7197a03e, 0xb1dbf3b1 }, { 0xe6d929b22bd763ec, 0xe7143f4a0d8ec63e }, { 0xefeb5ea8ea6305b3, 0xddb9b35ae7da40bf } },
	{ 65, { 0xd59427b9, 0x839989a7 }, { 0x187c0173116e848d, 0x4d50f5cd134e0c55 }, { 0xe70b778e20ef9245, 0x545d7f4e03b6dd38 } },
	{ 100, { 0x529080f3, 0x1e1a9b05 }, { 0x51d244b96096dcbf, 0x4ca9f1e97b2b7077 }, { 0x698a224551f194f1, 0x9ec4ea4a671e3969 } },
	{ 111, { 0xa0fbfe6e, 0x886a7f2c }, { 0xfae0ed7f589e3342, 0xf62ce9b44f7f6c3c }, { 0xf656f4827c21d0b6, 0x5801a1d7fa844d60 } },
	{ 112, { 0x211ef651, 0x3e329f11 }, { 0xd5761557c39f20b4, 0x0a02ddad21dcb203 }, { 0x7a979107694fcbc0, 0xdbf044a92a58a2b5 } },
	{ 119, { 0xe382bb68, 0x6602961c }, { 0xb5ec2594329cbd43, 0xc04767d436bccd1f }, { 0x4a8d82dbf1f3a86c, 0x86c56c6d3384e00d } },
	{ 120, { 0x74914d31, 0x1f433485 }, { 0x45ed25370cc395eb, 0xef3556b27e880274 }, { 0xc28dfdd94fc3dbb6, 0x9a119375578fe123 } },
	{ 128, { 0x3ed68999, 0x9935457b }, { 0x33e35fa93761b1fd, 0x1a16d7362a58d5c1 }, { 0x99b49a6ce5670d47, 0xe8b9f4663475d869 } },
	{ 129, { 0x4bf24265, 0x34291397 }, { 0x9e4df2f589c309a6, 0xf9e21f60b5640b25 }, { 0x4641a320807ef74f, 0xf9cad1549d73147d } },
	{ 160, { 0x3a303b58, 0x7cb62cdf }, { 0xfcdb1f3625fa62cd, 0x35f28ea1d9d09443 }, { 0x08180a304c1b7ae2, 0x5feddcc84f22b1fe } },
	{ 240, { 0xc571b31a, 0x3b25746f }, { 0xa3c082816c9ff309, 0xabc5e4eb38e68f3b }, { 0xd3c4b82b98d7a188, 0x06efb00a425797ff } },
	{ 241, { 0xc8a8a163, 0x6ae0ed0c }, { 0x7de5edc083ad12c8, 0xf131b1c295577965 }, { 0x1c56a5bbf21d0632, 0xedc3bea73a7dab2c } },
	{ 256, { 0x9df6921a, 0x2a887add }, { 0x796f7b67246b5a7f, 0xc7bbab7ecb67ef59 }, { 0xf0adf6da77960527, 0x120f38722126b22a } },
	{ 512, { 0xb099a576, 0xf3cef54a }, { 0xa0e9df201db6a317, 0xec19a0e32be0d186 }, { 0x15459dab77ac1d4a, 0x267a6617588de050 } },
	{ 1024, { 0x3a4bc1f0, 0x9acca503 }, { 0x60c33da7945ba94f, 0x49b336e9486cbd5d }, { 0x60b22172af3bb019, 0x58335c19236d26d5 } },
	{ 1025, { 0xaf0a1db6, 0xb998510d }, { 0xcde1b79ed8e8e8ab, 0x8903c4bca3c7b205 }, { 0xf5bbebdef007cf63, 0xc8614b52acb69112 } },
	{ 1088, { 0x36acfc93, 0xb0025931 }, { 0xe0458394f304f94f, 0x791b12135210ab7d }, { 0x8137c538798dc612, 0x3193d05b776efbb9 } },
	{ 2048, { 0x03f819e7, 0xbb2eaca4 }, { 0x38ad2ae91aec6b1a, 0x8b56cd23aa9f31f7 }, { 0xeb6cb6f30112e9f9, 0xd8003dc186a9adfa } },
	{ 4000, { 0x9a653b34, 0x578d84a5 }, { 0x0e320d9b20212699, 0x5d0540245730ad91 }, { 0x7de92fdbf8c03672, 0x5b5dbcc3b0482cda } },
};

static void known_values(void **state)
{
	char text[TEXT_LEN];

	(void)state;
	make_text(text);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice s = slice_of(text, cases[i].len);

		assert_int_equal(xxhash_32(s, 0), cases[i].xxh32[0]);
		assert_int_equal(xxhash_32(s, 7), cases[i].xxh32[1]);
		assert_int_equal(xxhash_64(s, 0), cases[i].xxh64[0]);
		assert_int_equal(xxhash_64(s, (uint64_t)-7), cases[i].xxh64[1]);
		assert_int_equal(xxhash_3(s, 0), cases[i].xxh3[0]);
		assert_int_equal(xxhash_3(s, (uint64_t)-7), cases[i].xxh3[1]);
	}
}

/* At any address. */
static void unaligned(void **state)
{
	char text[TEXT_LEN], shifted[TEXT_LEN + 8];

	(void)state;
	make_text(text);
	for (size_t shift = 1; shift < 8; shift++) {
		memcpy(shifted + shift, text, TEXT_LEN);
		for (size_t len = 0; len < 300; len++) {
			struct slice s = slice_of(text, len), t = slice_of(shifted + shift, len);

			assert_int_equal(xxhash_32(s, 1), xxhash_32(t, 1));
			assert_int_equal(xxhash_64(s, 1), xxhash_64(t, 1));
			assert_int_equal(xxhash_3(s, 1), xxhash_3(t, 1));
		}
	}
}

static void no_value(void **state)
{
	(void)state;
	assert_int_equal(xxhash_32(SLICE_NONE, 0), cases[0].xxh32[0]);
	assert_int_equal(xxhash_64(SLICE_NONE, 0), cases[0].xxh64[0]);
	assert_int_equal(xxhash_3(SLICE_NONE, 0), cases[0].xxh3[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
		cmocka_unit_test(unaligned),
		cmocka_unit_test(no_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
