/* topic_test.c - where keys lie. Moving a key to another partition would lose its history: these numbers are a format. */
#include "shared/svc/topic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static void test_partition_is_crc32_of_the_owner(void **state)
{
	static const struct {
		const char *key;
		uint32_t crc; /* CRC-32 (ISO 3309) of what stands before the colon */
	} known[] = {
		{ "1", 0x83dcefb7 }, { "10", 0xa15d25e1 }, { "10:50", 0xa15d25e1 }, { "10:", 0xa15d25e1 },
		{ "10:50:7", 0xa15d25e1 }, { "123456789", 0xcbf43926 }, { "", 0 }, { ":5", 0 },
	};

	(void)state;
	for (int32_t partitions = 1; partitions <= TOPIC_PARTITIONS_MAX; partitions++) {
		const struct topic t = { .name = "t", .partitions = partitions };

		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			assert_int_equal(topic_partition(&t, slice_str(known[i].key)), known[i].crc % (uint32_t)partitions);
	}
}

static void test_partitions_are_even(void **state)
{
	const struct topic t = { .name = "t", .partitions = 8 };
	unsigned count[8] = { 0 };
	char key[32];

	(void)state;
	for (int i = 1; i <= 8000; i++) {
		(void)snprintf(key, sizeof(key), "%d:%d", i, i * 7);
		count[topic_partition(&t, slice_str(key))]++;
	}
	for (int p = 0; p < 8; p++)
		assert_in_range(count[p], 800, 1200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_partition_is_crc32_of_the_owner),
		cmocka_unit_test(test_partitions_are_even),
	};

	return cmocka_run_group_tests_name("topic", tests, NULL, NULL);
}
