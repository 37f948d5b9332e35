/* tokens_test.c - facts kept for tokens: merged, sent along, over in time, bounded in number, saved for a reload; and many threads at once. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "shared/base/facts.h"
#include "gateway/table/tokens.h"

#define T0 INT64_C(1000000)
#define CREATED (T0 - FACT_LIFE_MS) /* so that what a new table does not know yet is over */

static struct token_table *table;
static char text[TOKENS_VALUE_MOST + 1];

static int begin(void **state)
{
	(void)state;
	table = token_table_create(1000, CREATED);
	return 0;
}

static int end(void **state)
{
	(void)state;
	token_table_free(&table);
	return table != NULL;
}

/* What the next request with <token> is sent along with; <sent>: by the client itself, or NULL. */
static const char *ask(const char *token, const char *sent, int64_t now_ms)
{
	text[tokens_for_request(table, slice_str(token), slice_str(sent), now_ms, text, TOKENS_VALUE_MOST)] = '\0';
	return text;
}

/* An answer to it; NULL: without that header. */
static void answer(const char *token, const char *made, const char *degraded, int64_t now_ms)
{
	tokens_of_response(table, slice_str(token), slice_str(made), slice_str(degraded), now_ms);
}

/* A check passed that named nothing. */
static void all_is_well(int64_t now_ms)
{
	tokens_hear(table, (const bool[FACT_DOMAINS]){ false }, now_ms);
}

static void facts_belong_to_their_token(void **state)
{
	(void)state;
	assert_string_equal(ask("alice", NULL, T0), "");
	answer("alice", "a1=1.1", NULL, T0);
	answer("bob", "a2=1.2", NULL, T0);
	answer("alice", "a3=1.3, a1=0.2", NULL, T0 + 1);
	assert_string_equal(ask("alice", NULL, T0 + 2), "a3=1.3, a1=0.2");
	assert_string_equal(ask("bob", NULL, T0 + 2), "a2=1.2");
	assert_string_equal(ask("alic", NULL, T0 + 2), "");
	assert_int_equal(token_table_counts(table).users, 2);
	assert_int_equal(token_table_counts(table).facts, 3);
}

static void without_a_token_nothing_is_kept(void **state)
{
	(void)state;
	tokens_of_response(table, SLICE_NONE, SLICE_LIT("a1=1.1"), SLICE_NONE, T0);
	answer("", "a1=1.1", NULL, T0);
	assert_string_equal(ask("", "a9=1.1", T0), "a9=1.1");
	assert_int_equal(token_table_counts(table).users, 0);
}

static void an_answer_without_facts_holds_nothing(void **state)
{
	(void)state;
	answer("alice", NULL, "alarms", T0);
	answer("alice", "nonsense", "alarms", T0);
	assert_int_equal(token_table_counts(table).users, 0);
	assert_int_equal(token_table_counts(table).malformed, 1);
}

static void what_the_client_sends_is_merged_and_not_kept(void **state)
{
	(void)state;
	answer("alice", "a1=1.5", NULL, T0);
	assert_string_equal(ask("alice", "a2=1.1, a1=1.4, x", T0), "a2=1.1, a1=1.5");
	assert_string_equal(ask("alice", "a1=0.6", T0), "a1=0.6");
	assert_string_equal(ask("alice", NULL, T0), "a1=1.5");
	assert_int_equal(token_table_counts(table).malformed, 1);
}

/* What it sends too much of never costs what is held. */
static void what_the_client_sends_goes_first(void **state)
{
	char sent[FACTS_MOST * 20];
	size_t len = 0;

	(void)state;
	for (int i = 0; i < FACTS_MOST; i++)
		len += (size_t)snprintf(sent + len, sizeof(sent) - len, "a%d=1.1,", 100 + i);
	answer("alice", "a1=1.5, v1=1.e", NULL, T0);
	(void)ask("alice", sent, T0);
	assert_non_null(strstr(text, "a1=1.5, v1=1.e"));
	assert_null(strstr(text, "a100="));
	assert_null(strstr(text, "a101="));
	assert_non_null(strstr(text, "a102="));
	assert_int_equal(token_table_counts(table).facts_dropped, 2);
}

static void facts_are_over_in_time(void **state)
{
	(void)state;
	answer("alice", "a1=1.1", NULL, T0);
	answer("alice", "a2=1.1", NULL, T0 + 1000);
	all_is_well(T0 + FACT_LIFE_MS - 1);
	assert_string_equal(ask("alice", NULL, T0 + FACT_LIFE_MS - 1), "a1=1.1, a2=1.1");
	all_is_well(T0 + FACT_LIFE_MS);
	assert_string_equal(ask("alice", NULL, T0 + FACT_LIFE_MS), "a2=1.1");
	all_is_well(T0 + 1000 + FACT_LIFE_MS);
	assert_string_equal(ask("alice", NULL, T0 + 1000 + FACT_LIFE_MS), "");
	assert_int_equal(token_table_counts(table).expired, 2);
	assert_int_equal(token_table_counts(table).facts, 0);
}

/* Asking does not prolong it; the same fact again does not either. */
static void a_fact_is_as_old_as_its_first_answer(void **state)
{
	(void)state;
	answer("alice", "a1=1.1", NULL, T0);
	answer("alice", "a1=1.1", NULL, T0 + 20000);
	all_is_well(T0 + 29999);
	assert_string_equal(ask("alice", NULL, T0 + 29999), "a1=1.1");
	all_is_well(T0 + 30000);
	assert_string_equal(ask("alice", NULL, T0 + 30000), "");
}

/* Whoever's answer names it. */
static void degraded_keeps_a_domain(void **state)
{
	(void)state;
	answer("alice", "a1=1.1, v1=1.e", NULL, T0);
	answer("bob", NULL, "alarms;age=6", T0 + 10000);
	answer("bob", NULL, "items;age=6", T0 + 20000); /* visits: whatever it names */
	all_is_well(T0 + 10000 + FACT_LIFE_MS - 1);
	assert_string_equal(ask("alice", NULL, T0 + 10000 + FACT_LIFE_MS - 1), "a1=1.1, v1=1.e");
	all_is_well(T0 + 10000 + FACT_LIFE_MS);
	assert_string_equal(ask("alice", NULL, T0 + 10000 + FACT_LIFE_MS), "v1=1.e");
	all_is_well(T0 + 20000 + FACT_LIFE_MS);
	assert_string_equal(ask("alice", NULL, T0 + 20000 + FACT_LIFE_MS), "");
}

static void what_is_named_all_the_time_ends_after_an_hour(void **state)
{
	int64_t end_ms = T0 + FACT_LIFE_MOST_MS;

	(void)state;
	answer("alice", "a1=1.1", NULL, T0);
	for (int64_t ms = T0; ms < end_ms; ms += 10000) {
		answer("bob", NULL, "alarms", ms);
		assert_string_equal(ask("alice", NULL, ms), "a1=1.1");
	}
	assert_string_equal(ask("alice", NULL, end_ms), "");
}

/* Nobody asks for anything, and there are no checks: whether all is well is not known. */
static void silence_says_nothing(void **state)
{
	(void)state;
	answer("alice", "a1=1.1", NULL, T0);
	assert_string_equal(ask("alice", NULL, T0 + FACT_LIFE_MOST_MS - 1), "a1=1.1");
	assert_string_equal(ask("alice", NULL, T0 + FACT_LIFE_MOST_MS), "");
}

static void a_new_table_keeps_all_for_some_time(void **state)
{
	struct token_table *fresh = token_table_create(10, T0);
	const bool none[FACT_DOMAINS] = { false };

	(void)state;
	token_table_read(fresh, SLICE_LIT("2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90 600000 a1=1.1"), T0); /* of "alice" */
	tokens_hear(fresh, none, T0 + FACT_LIFE_MS - 1);
	assert_int_equal(tokens_for_request(fresh, SLICE_LIT("alice"), SLICE_NONE, T0 + FACT_LIFE_MS - 1, text, TOKENS_VALUE_MOST), 6);
	tokens_hear(fresh, none, T0 + FACT_LIFE_MS);
	assert_int_equal(tokens_for_request(fresh, SLICE_LIT("alice"), SLICE_NONE, T0 + FACT_LIFE_MS, text, TOKENS_VALUE_MOST), 0);
	token_table_free(&fresh);
}

static void the_table_has_a_bound(void **state)
{
	struct token_table *small = token_table_create(3, CREATED);
	char token[16], facts[64];

	(void)state;
	for (int i = 1; i <= 5; i++) {
		snprintf(token, sizeof(token), "t%d", i);
		tokens_of_response(small, slice_str(token), SLICE_LIT("a1=1.1"), SLICE_NONE, T0 + i);
		tokens_for_request(small, SLICE_LIT("t1"), SLICE_NONE, T0 + i, facts, sizeof(facts)); /* in use */
	}
	assert_int_equal(token_table_counts(small).users, 3);
	assert_int_equal(token_table_counts(small).users_dropped, 2);
	assert_int_equal(token_table_counts(small).facts, 3);
	assert_int_equal(tokens_for_request(small, SLICE_LIT("t1"), SLICE_NONE, T0 + 9, facts, sizeof(facts)), 6);
	assert_int_equal(tokens_for_request(small, SLICE_LIT("t2"), SLICE_NONE, T0 + 9, facts, sizeof(facts)), 0);
	assert_int_equal(tokens_for_request(small, SLICE_LIT("t5"), SLICE_NONE, T0 + 9, facts, sizeof(facts)), 6);
	token_table_free(&small);
}

static void the_swept_are_gone(void **state)
{
	char token[16];

	(void)state;
	for (int i = 0; i < 500; i++) {
		snprintf(token, sizeof(token), "t%d", i);
		answer(token, "a1=1.1, a2=1.1, a3=1.1, a4=1.1, a5=1.1", NULL, T0);
	}
	assert_int_equal(token_table_counts(table).users, 500);
	all_is_well(T0 + FACT_LIFE_MS - 1);
	token_table_expire(table, T0 + FACT_LIFE_MS - 1);
	assert_int_equal(token_table_counts(table).users, 500);
	all_is_well(T0 + FACT_LIFE_MS);
	for (int i = 0; i < 100; i++)
		token_table_expire(table, T0 + FACT_LIFE_MS);
	assert_int_equal(token_table_counts(table).users, 0);
	assert_int_equal(token_table_counts(table).facts, 0);
	assert_int_equal(token_table_counts(table).expired, 2500);
}

static void requests_sweep_too(void **state)
{
	char token[16];

	(void)state;
	for (int i = 0; i < 40; i++) {
		snprintf(token, sizeof(token), "t%d", i);
		answer(token, "a1=1.1", NULL, T0);
	}
	all_is_well(T0 + FACT_LIFE_MS);
	for (int i = 0; i < 5000; i++)
		(void)ask("another", NULL, T0 + FACT_LIFE_MS);
	assert_int_equal(token_table_counts(table).users, 0);
}

static void the_longest_value_fits(void **state)
{
	char made[128];

	(void)state;
	for (unsigned i = 0; i < FACTS_MOST; i++) {
		if (i < FACT_VISITS_MOST)
			snprintf(made, sizeof(made), "v%u=%llu.%064u", 2147483647 - i, 9223372036854775807ull - i, i);
		else
			snprintf(made, sizeof(made), "a%u=1.18446744073709551615", 2147483647 - i);
		answer("alice", made, NULL, T0);
	}
	(void)ask("alice", NULL, T0);
	assert_non_null(strstr(text, "v2147483647=")); /* the first of all is among them */
	assert_int_equal(token_table_counts(table).facts, FACTS_MOST);
	assert_int_equal(token_table_counts(table).facts_dropped, 0);
}

/* --- the text for a reload --- */

static void the_text_brings_all_back(void **state)
{
	struct buf saved;

	(void)state;
	answer("alice", "a1=1.1", NULL, T0);
	answer("alice", "v1=1.e", NULL, T0 + 5000);
	answer("bob", "a2=0.2", NULL, T0 + 6000);
	buf_init(&saved, 0);
	token_table_write(table, T0 + 10000, &saved);
	assert_true(buf_ok(&saved));
	assert_null(memmem(saved.ptr, saved.len, "alice", 5));

	(void)end(state);
	(void)begin(state);
	token_table_read(table, buf_slice(&saved), 5000000); /* another clock */
	assert_int_equal(token_table_counts(table).users, 2);
	assert_string_equal(ask("alice", NULL, 5000000), "a1=1.1, v1=1.e");
	assert_string_equal(ask("bob", NULL, 5000000), "a2=0.2");
	all_is_well(5000000 + 24999);
	assert_string_equal(ask("alice", NULL, 5000000 + 24999), "v1=1.e"); /* 5 s old already */
	all_is_well(5000000 + 25999);
	assert_string_equal(ask("alice", NULL, 5000000 + 25999), "");
	assert_string_equal(ask("bob", NULL, 5000000 + 25999), "a2=0.2"); /* 4 s old already */
	all_is_well(5000000 + 26000);
	assert_string_equal(ask("bob", NULL, 5000000 + 26000), "");
	buf_free(&saved);
}

static void what_is_over_is_not_written(void **state)
{
	struct buf saved;

	(void)state;
	answer("alice", "a1=1.1", NULL, T0);
	buf_init(&saved, 0);
	all_is_well(T0 + FACT_LIFE_MS);
	token_table_write(table, T0 + FACT_LIFE_MS, &saved);
	assert_int_equal(saved.len, 0);
	assert_false(token_table_write_part(table, 1000, T0, &saved));
	buf_free(&saved);
}

static void bad_lines_are_skipped(void **state)
{
#define KEY "2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90" /* of "alice" */
	static const char *const bad[] = {
		"", " ", KEY, KEY " ", KEY " 0", KEY " 0 a1=1.1 0", KEY " x a1=1.1", KEY " -1 a1=1.1", KEY " 0 a1=1.0",
		KEY " - - 0 a1=1.1", KEY " 3600001 a1=1.1", KEY "0 0 a1=1.1",
		"2BD806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90 0 a1=1.1", "2bd8 0 a1=1.1", KEY "  0 a1=1.1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		token_table_read(table, slice_str(bad[i]), T0);
		if (token_table_counts(table).users != 0)
			fail_msg("'%s' was taken", bad[i]);
	}
	token_table_read(table, SLICE_NONE, T0);
	token_table_read(table, SLICE_LIT("nonsense\n" KEY " 5 a1=1.1 4 v1=1.e\n\n"), T0);
	assert_string_equal(ask("alice", NULL, T0), "a1=1.1, v1=1.e");
	/* What is held already is merged with it. */
	token_table_read(table, SLICE_LIT(KEY " 0 a1=0.2"), T0);
	assert_string_equal(ask("alice", NULL, T0), "v1=1.e, a1=0.2");
#undef KEY
}

/* --- threads --- */

#define THREADS 4
#define ROUNDS 2000

static void *one_thread(void *arg)
{
	const char *name = arg;
	char made[32], out[TOKENS_VALUE_MOST];

	for (int i = 1; i <= ROUNDS; i++) {
		snprintf(made, sizeof(made), "a%c=1.%d", name[0], i);
		tokens_of_response(table, SLICE_LIT("shared"), slice_str(made), SLICE_NONE, T0);
		tokens_of_response(table, slice_str(name), slice_str(made), SLICE_NONE, T0 + i);
		tokens_for_request(table, SLICE_LIT("shared"), SLICE_NONE, T0, out, sizeof(out));
		if (i % 100 == 0)
			token_table_expire(table, T0);
	}
	return NULL;
}

static void threads_lose_nothing(void **state)
{
	static char names[THREADS][2] = { "1", "2", "3", "4" };
	pthread_t threads[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, one_thread, names[i]), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	(void)ask("shared", NULL, T0);
	for (int i = 0; i < THREADS; i++) {
		char fact[32];

		snprintf(fact, sizeof(fact), "a%d=1.%d", i + 1, ROUNDS);
		assert_non_null(strstr(text, fact));
	}
	assert_int_equal(token_table_counts(table).users, THREADS + 1);
	assert_int_equal(token_table_counts(table).facts, 2 * THREADS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(facts_belong_to_their_token),
		TEST(without_a_token_nothing_is_kept),
		TEST(an_answer_without_facts_holds_nothing),
		TEST(what_the_client_sends_is_merged_and_not_kept),
		TEST(what_the_client_sends_goes_first),
		TEST(facts_are_over_in_time),
		TEST(a_fact_is_as_old_as_its_first_answer),
		TEST(degraded_keeps_a_domain),
		TEST(what_is_named_all_the_time_ends_after_an_hour),
		TEST(silence_says_nothing),
		TEST(a_new_table_keeps_all_for_some_time),
		TEST(the_table_has_a_bound),
		TEST(the_swept_are_gone),
		TEST(requests_sweep_too),
		TEST(the_longest_value_fits),
		TEST(the_text_brings_all_back),
		TEST(what_is_over_is_not_written),
		TEST(bad_lines_are_skipped),
		TEST(threads_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
