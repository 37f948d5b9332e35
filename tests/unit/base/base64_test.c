/* base64_test.c - base64 against the vectors of RFC 4648, all bytes there and back, and texts that are none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "shared/base/base64.h"

static int begin(void **state)
{
	*state = arena_create(1024, 0);
	return 0;
}

static int end(void **state)
{
	arena_free((struct arena **)state);
	return 0;
}

static void assert_slice(struct slice s, const char *expected)
{
	assert_non_null(s.ptr);
	assert_int_equal(s.len, slice_str(expected).len);
	assert_memory_equal(s.ptr, expected, s.len);
}

static void known_values(void **state)
{
	static const struct {
		const char *bytes, *usual, *url;
	} cases[] = {
		{ "", "", "" },
		{ "f", "Zg==", "Zg" },
		{ "fo", "Zm8=", "Zm8" },
		{ "foo", "Zm9v", "Zm9v" },
		{ "foob", "Zm9vYg==", "Zm9vYg" },
		{ "fooba", "Zm9vYmE=", "Zm9vYmE" },
		{ "foobar", "Zm9vYmFy", "Zm9vYmFy" },
		{ "\xfb\xff\xbf", "+/+/", "-_-_" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_slice(base64_encode(*state, slice_str(cases[i].bytes), BASE64_USUAL), cases[i].usual);
		assert_slice(base64_encode(*state, slice_str(cases[i].bytes), BASE64_URL), cases[i].url);
		assert_slice(base64_decode(*state, slice_str(cases[i].usual), BASE64_USUAL), cases[i].bytes);
		assert_slice(base64_decode(*state, slice_str(cases[i].url), BASE64_URL), cases[i].bytes);
	}
	assert_slice(base64_encode(*state, SLICE_NONE, BASE64_USUAL), "");
	assert_slice(base64_decode(*state, SLICE_NONE, BASE64_USUAL), "");
}

static void all_bytes(void **state)
{
	unsigned char bytes[768];

	for (int i = 0; i < 768; i++)
		bytes[i] = (unsigned char)(i * 7 + i / 256);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		struct slice s = slice_of((const char *)bytes, len);

		for (int kind = BASE64_USUAL; kind <= BASE64_URL; kind++) {
			struct slice text = base64_encode(*state, s, (enum base64_kind)kind);

			assert_true(slice_eq(base64_decode(*state, text, (enum base64_kind)kind), s));
		}
		arena_reset(*state);
	}
}

static void refused(void **state)
{
	static const char *const usual[] = { "Zg=", "Zg", "Z", "Zm9", "Zg===", "=Zg=", "Z=g=", "Z===", "====", "Zm9v=", "Zm 9", "Zm9\n", "-_-_", "Zm9\xff" };
	static const char *const url[] = { "Z", "Zm9vY", "+/+/", "Zg=", "Z===", "=Zg=", "Zm 9" };

	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		if (base64_decode(*state, slice_str(usual[i]), BASE64_USUAL).ptr != NULL)
			fail_msg("'%s' was taken", usual[i]);
	}
	for (size_t i = 0; i < sizeof(url) / sizeof(url[0]); i++) {
		if (base64_decode(*state, slice_str(url[i]), BASE64_URL).ptr != NULL)
			fail_msg("'%s' was taken", url[i]);
	}
}

/* As HAProxy takes them. */
static void lenient(void **state)
{
	assert_slice(base64_decode(*state, SLICE_LIT("Zh=="), BASE64_USUAL), "f");
	assert_slice(base64_decode(*state, SLICE_LIT("Zm9="), BASE64_USUAL), "fo");
	assert_slice(base64_decode(*state, SLICE_LIT("Zg=="), BASE64_URL), "f");
	assert_slice(base64_decode(*state, SLICE_LIT("Zm8="), BASE64_URL), "fo");
}

static void without_memory(void **state)
{
	struct arena *full = arena_create(64, 64);

	(void)state;
	while (arena_alloc(full, 16) != NULL)
		;
	assert_null(base64_encode(full, SLICE_LIT("a"), BASE64_USUAL).ptr);
	assert_null(base64_decode(full, SLICE_LIT("Zg=="), BASE64_USUAL).ptr);
	arena_free(&full);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(known_values), TEST(all_bytes), TEST(refused), TEST(lenient), TEST(without_memory) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
