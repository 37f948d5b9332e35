/* keyhash_test.c - the hash functions give what HAProxy 2.6's converters of the same names gave for the same texts. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/balance/keyhash.h"
#include "shared/base/hash.h"

static const struct vector {
	struct slice text;
	uint32_t sdbm, sdbm_mixed, djb2, djb2_mixed, wt6, wt6_mixed, crc32, crc32_mixed;
} vectors[] = {
	{ SLICE("abc"), 807794786, 659243622, 193485963, 2235766107, 2483038440, 266135527, 891568578, 930845320 },
	{ SLICE("hello /world 0123456789"), 2014317364, 2305760555, 2788980381, 236565888, 2593531925, 695099385, 179144638, 3811143235 },
};

static void functions_are_those_of_haproxy(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];

		assert_int_equal(keyhash_sdbm(v->text), v->sdbm);
		assert_int_equal(keyhash_djb2(v->text), v->djb2);
		assert_int_equal(keyhash_wt6(v->text), v->wt6);
		assert_int_equal(hash_crc32(v->text), v->crc32);
	}
}

static void avalanche_is_that_of_haproxy(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];

		assert_int_equal(keyhash_avalanche(v->sdbm), v->sdbm_mixed);
		assert_int_equal(keyhash_avalanche(v->djb2), v->djb2_mixed);
		assert_int_equal(keyhash_avalanche(v->wt6), v->wt6_mixed);
		assert_int_equal(keyhash_avalanche(v->crc32), v->crc32_mixed);
	}
}

/* Bytes above 127 are numbers above 127, whatever char is. */
static void bytes_are_unsigned(void **state)
{
	struct slice high = SLICE_LIT("\xFF");

	(void)state;
	assert_int_equal(keyhash_sdbm(high), 255);
	assert_int_equal(keyhash_djb2(high), 5381 * 33 + 255);
	assert_int_not_equal(keyhash_wt6(high), keyhash_wt6(SLICE_LIT("\x7F")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_are_those_of_haproxy),
		cmocka_unit_test(avalanche_is_that_of_haproxy),
		cmocka_unit_test(bytes_are_unsigned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
