/* facts_test.c - what is a fact and what is none, how lists of them are merged and bounded, and when a fact is over. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "shared/base/facts.h"

#define MUCH_ROOM 16384

static struct fact memory[FACTS_MOST];
static struct fact_list list;
static unsigned dropped, malformed;
static char text[MUCH_ROOM];

static int begin(void **state)
{
	(void)state;
	list = (struct fact_list){ .facts = memory };
	dropped = malformed = 0;
	return 0;
}

static void add(const char *header, int64_t made_ms)
{
	facts_read(&list, slice_str(header), NULL, made_ms, &dropped, &malformed);
}

/* The list as a header of at most <size> bytes. */
static const char *written(size_t size)
{
	size_t len;

	memset(text, '!', sizeof(text));
	len = facts_write(&list, text, size);
	assert_true(len <= size && size < sizeof(text));
	for (size_t i = len; i < sizeof(text); i++)
		assert_int_equal(text[i], '!'); /* it writes nothing behind its end */
	text[len] = '\0';
	return text;
}

static void what_is_a_fact_is_written_as_it_was(void **state)
{
	static const char *const good[] = {
		"a1=1.1", "a50=0.18446744073709551615", "a2147483647=1.1700000000000000", "v33=1.e", "v1=9223372036854775807.0-Az",
		"v2=1.0123456789012345678901234567890123456789012345678901234567890123",
	};
	char out[FACT_TEXT_MOST];
	struct fact f;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(fact_read(slice_str(good[i]), &f));
		assert_int_equal(fact_write(&f, out), strlen(good[i]));
		assert_memory_equal(out, good[i], strlen(good[i]));
	}
}

static void what_is_no_fact(void **state)
{
	static const char *const bad[] = {
		"", "a", "=", "a=", "a1", "a1=", "a1=1", "a1=1.", "a1=.1", "a1=2.1", "a1=1.0", "a1=01.1", "a1=1.01", "a1=1.-1", "a1=1.+1", "a1=1. 1",
		"a1=1.1 ", " a1=1.1", "a0=1.1", "a01=1.1", "a2147483648=1.1", "a-1=1.1", "a1=1.18446744073709551616", "a1=1.1.1", "A1=1.1", "b1=1.1",
		"aa1=1.1", "a1==1.1", "v1=1", "v1=1.", "v1=.e", "v1=0.e", "v1=9223372036854775808.e", "v1=1.e_", "v1=1.e.e", "v1=1.e e", "v=1.e",
		"v2=1.01234567890123456789012345678901234567890123456789012345678901234", "v1=1.\xc3\xa9",
	};
	struct fact f;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (fact_read(slice_str(bad[i]), &f))
			fail_msg("'%s' was taken for a fact", bad[i]);
	}
	assert_false(fact_read(SLICE_NONE, &f));
	assert_false(fact_read(slice_of("a1=1.1\0", 7), &f));
}

static void lists_are_lenient_about_blanks_only(void **state)
{
	(void)state;
	add(" ,, a1=1.1 ,\tv1=5.e,,a2;q=1,a3=1.1x", 10);
	assert_string_equal(written(100), "a1=1.1, v1=5.e");
	assert_int_equal(malformed, 2);
	assert_int_equal(dropped, 0);
	facts_read(&list, SLICE_NONE, NULL, 10, &dropped, &malformed);
	add("", 10);
	assert_int_equal(malformed, 2);
}

static void of_an_alarm_the_highest_version_stays(void **state)
{
	(void)state;
	add("a1=1.5, a2=1.5, a1=0.7, a1=1.6, a2=0.5", 10);
	assert_string_equal(written(100), "a2=1.5, a1=0.7");
	add("a1=1.18446744073709551615, a2=0.4", 20);
	assert_string_equal(written(100), "a2=1.5, a1=1.18446744073709551615");
	add("a2=1.5", 30); /* known: it is as old as before */
	assert_int_equal(memory[0].made_ms, 10);
	assert_int_equal(dropped + malformed, 0);
}

static void a_visit_is_there_once(void **state)
{
	(void)state;
	add("v1=5.e, v1=5.e, v1=5.f, v1=6.e, v2=5.e", 10);
	assert_string_equal(written(100), "v1=5.e, v1=5.f, v1=6.e, v2=5.e");
	assert_int_equal(dropped, 0);
}

static void the_order_is_that_of_the_answers(void **state)
{
	(void)state;
	add("a3=1.1", 30);
	add("a1=1.9", 10);
	add("a2=1.1", 20);
	assert_string_equal(written(100), "a1=1.9, a2=1.1, a3=1.1");
}

static void of_visits_the_last_twenty_stay(void **state)
{
	char one[FACT_TEXT_MOST];

	(void)state;
	add("a1=1.1", 5);
	for (int i = 1; i <= FACT_VISITS_MOST + 2; i++) {
		snprintf(one, sizeof(one), "v%d=%d.e", i, 100 + i);
		add(one, 10);
	}
	assert_int_equal(dropped, 2);
	assert_int_equal(list.count, FACT_VISITS_MOST + 1);
	assert_memory_equal(written(1000), "a1=1.1, v3=103.e, ", 18);
	add("v99=102.z", 20); /* earlier than all of them */
	assert_int_equal(dropped, 3);
	assert_int_equal(list.count, FACT_VISITS_MOST + 1);
	assert_memory_equal(written(1000), "a1=1.1, v3=103.e, ", 18);
	add("v99=103.f", 20); /* the event decides */
	assert_int_equal(dropped, 4);
	assert_memory_equal(written(1000), "a1=1.1, v4=104.e, ", 18);
}

static void of_all_the_newest_sixty_four_stay(void **state)
{
	char one[FACT_TEXT_MOST];

	(void)state;
	for (int i = 1; i <= FACTS_MOST; i++) {
		snprintf(one, sizeof(one), "a%d=1.1", i);
		add(one, 100 + i);
	}
	assert_int_equal(dropped, 0);
	add("a65=1.1", 500);
	assert_int_equal(dropped, 1);
	assert_int_equal(list.count, FACTS_MOST);
	assert_memory_equal(written(1000), "a2=1.1, ", 8);
	add("a66=1.1", 1); /* older than all that is held, as what a client sends itself */
	assert_int_equal(dropped, 2);
	assert_memory_equal(written(1000), "a2=1.1, ", 8);
	add("a64=0.2", 501); /* another about the same alarm needs no room */
	assert_int_equal(dropped, 2);
	assert_int_equal(list.count, FACTS_MOST);
}

static void a_header_has_an_end(void **state)
{
	char header[4 * FACTS_LOOKED_AT_MOST + 32];
	size_t len = 0;

	(void)state;
	for (int i = 0; i < FACTS_LOOKED_AT_MOST; i++)
		len += (size_t)snprintf(header + len, sizeof(header) - len, "x,");
	snprintf(header + len, sizeof(header) - len, "a1=1.1,a2=1.1");
	add(header, 10);
	assert_int_equal(list.count, 0);
	assert_int_equal(malformed, FACTS_LOOKED_AT_MOST + 2);
}

static void what_does_not_fit_is_the_oldest(void **state)
{
	(void)state;
	add("a1=1.1", 1);
	add("a2=1.1", 2);
	add("a3=1.1", 3);
	assert_string_equal(written(22), "a1=1.1, a2=1.1, a3=1.1");
	assert_string_equal(written(21), "a2=1.1, a3=1.1");
	assert_string_equal(written(14), "a2=1.1, a3=1.1");
	assert_string_equal(written(13), "a3=1.1");
	assert_string_equal(written(5), "");
	assert_string_equal(written(0), "");
}

/* What goes when all was heard up to <now_ms>, and the domains were named last at these times. */
static unsigned expire(int64_t alarms_ms, int64_t visits_ms, int64_t now_ms)
{
	const struct fact_news news = { .heard_ms = now_ms, .named_ms = { [FACT_ALARMS] = alarms_ms, [FACT_VISITS] = visits_ms } };

	return facts_expire(&list, &news, now_ms);
}

static void facts_end(void **state)
{
	(void)state;
	add("a1=1.1, v1=1.e", 1000);
	add("a2=1.1, v2=1.e", 2000);
	assert_int_equal(expire(0, 0, 1000 + FACT_LIFE_MS - 1), 0);
	assert_int_equal(expire(5000, 5000, 2000 + FACT_LIFE_MS), 0);
	assert_int_equal(expire(5000, 0, 1000 + FACT_LIFE_MS), 1);
	assert_string_equal(written(100), "a1=1.1, a2=1.1, v2=1.e");
	assert_int_equal(expire(0, 0, 1000 + FACT_LIFE_MS), 1);
	assert_string_equal(written(100), "a2=1.1, v2=1.e");
	assert_int_equal(expire(5000, 5000, 5000 + FACT_LIFE_MS - 1), 0);
	assert_int_equal(expire(5000, 0, 5000 + FACT_LIFE_MS), 2);
	assert_int_equal(list.count, 0);
}

static void silence_ends_no_fact(void **state)
{
	struct fact_news silent = { .heard_ms = 1000 + FACT_LIFE_MS - 1 };

	(void)state;
	add("a1=1.1, v1=1.e", 1000);
	assert_int_equal(facts_expire(&list, &silent, 1000 + FACT_LIFE_MOST_MS - 1), 0);
	silent.heard_ms++;
	assert_int_equal(facts_expire(&list, &silent, 1000 + FACT_LIFE_MOST_MS - 1), 2);
}

static void no_fact_lives_longer_than_the_most(void **state)
{
	const int64_t end_ms = 1000 + FACT_LIFE_MOST_MS;

	(void)state;
	add("a1=1.1, v1=1.e", 1000);
	assert_int_equal(expire(end_ms, end_ms, end_ms - 1), 0);
	assert_int_equal(expire(end_ms, end_ms, end_ms), 2);
}

static void domains_that_are_degraded(void **state)
{
	static const struct {
		const char *header;
		bool alarms, visits;
	} cases[] = {
		{ "alarms;age=12", true, true },  { "users", false, true }, { "items;age=3, alarms", true, true }, { "items;age=3", false, true },
		{ " users ;age=1,\talarms ", true, true }, { "alarm, user, Alarms", false, true }, { "", false, false }, { ",;,;=", false, false },
		{ "x;alarms", false, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool named[FACT_DOMAINS] = { true, true };

		facts_degraded(slice_str(cases[i].header), named);
		assert_int_equal(named[FACT_ALARMS], cases[i].alarms);
		assert_int_equal(named[FACT_VISITS], cases[i].visits);
	}
}

/* What is beyond the bounds is no fact, and pushes nothing out. */
static void beyond_the_bounds_is_no_fact(void **state)
{
	const struct fact_bounds bounds = { .version = 100, .visit_us = 200 };

	(void)state;
	facts_read(&list, SLICE_LIT("a1=1.100, a2=1.101, v3=200.e, v4=201.e, v5=101.f"), &bounds, 0, &dropped, &malformed);
	assert_string_equal(written(1000), "a1=1.100, v3=200.e, v5=101.f");
	assert_int_equal(malformed, 2);
}

static void what_is_said_about_an_alarm(void **state)
{
	(void)state;
	assert_null(facts_alarm(&list, 1));
	add("a1=1.5, v2=6.e, a3=0.7, a1=0.8", 0);
	assert_int_equal(facts_alarm(&list, 1)->order, 8);
	assert_false(facts_alarm(&list, 1)->on);
	assert_int_equal(facts_alarm(&list, 3)->order, 7);
	assert_null(facts_alarm(&list, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_a_fact_is_written_as_it_was),
		cmocka_unit_test(what_is_no_fact),
		cmocka_unit_test_setup(lists_are_lenient_about_blanks_only, begin),
		cmocka_unit_test_setup(of_an_alarm_the_highest_version_stays, begin),
		cmocka_unit_test_setup(a_visit_is_there_once, begin),
		cmocka_unit_test_setup(the_order_is_that_of_the_answers, begin),
		cmocka_unit_test_setup(of_visits_the_last_twenty_stay, begin),
		cmocka_unit_test_setup(of_all_the_newest_sixty_four_stay, begin),
		cmocka_unit_test_setup(a_header_has_an_end, begin),
		cmocka_unit_test_setup(what_does_not_fit_is_the_oldest, begin),
		cmocka_unit_test_setup(facts_end, begin),
		cmocka_unit_test_setup(silence_ends_no_fact, begin),
		cmocka_unit_test_setup(no_fact_lives_longer_than_the_most, begin),
		cmocka_unit_test_setup(beyond_the_bounds_is_no_fact, begin),
		cmocka_unit_test_setup(what_is_said_about_an_alarm, begin),
		cmocka_unit_test(domains_that_are_degraded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
