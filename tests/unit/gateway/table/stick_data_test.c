/* stick_data_test.c - names, counts, and rates as HAProxy shows them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/table/stick_table.h"
#include "tests/unit/gateway/support/samples.h"

struct fixture {
	struct stick_table *table;
	struct stick_entry *entry;
};

static struct fixture f;

/* A table that stores all there is, with rates a second. */
static int setup(void **state)
{
	struct stick_options o = { .name = SLICE("t"), .type = STICK_STRING, .key_len = 10, .size = 10 };
	struct sample key = sample_of_text("k");

	(void)state;
	for (int i = 0; i < STICK_DATA_COUNT; i++) {
		o.stored[i] = true;
		o.period_ms[i] = stick_data_is_rate((enum stick_data)i) ? 1000 : 0;
	}
	f.table = stick_table_create(&o);
	f.entry = stick_track(f.table, &key, 0);
	return f.entry == NULL;
}

static int teardown(void **state)
{
	(void)state;
	stick_release(f.table, &f.entry, 0);
	stick_table_free(&f.table);
	return 0;
}

static void names_and_periods(void **state)
{
	struct slice period;

	(void)state;
	for (int i = 0; i < STICK_DATA_COUNT; i++)
		assert_int_equal(stick_data_of(slice_str(stick_data_name((enum stick_data)i)), &period), i);
	assert_int_equal(stick_data_of(SLICE_LIT("gpc0"), &period), STICK_GPC0);
	assert_null(period.ptr);
	assert_int_equal(stick_data_of(SLICE_LIT("http_req_rate(10s)"), &period), STICK_HTTP_REQ_RATE);
	assert_true(slice_eq(period, SLICE_LIT("10s")));
	assert_int_equal(stick_data_of(SLICE_LIT("conn_rate()"), &period), STICK_CONN_RATE);
	assert_true(period.ptr != NULL && period.len == 0);
	assert_int_equal(stick_data_of(SLICE_LIT("conn_rate(10s"), &period), -1);
	assert_int_equal(stick_data_of(SLICE_LIT("conn_rate(10s)x"), &period), -1);
	assert_int_equal(stick_data_of(SLICE_LIT("conn_rate("), &period), -1);
	assert_int_equal(stick_data_of(SLICE_LIT("gpc2"), &period), -1);
	assert_int_equal(stick_data_of(SLICE_LIT(""), &period), -1);
	assert_int_equal(stick_data_of(SLICE_NONE, &period), -1);
}

static uint64_t get(enum stick_data what, int64_t now_ms)
{
	return stick_get(f.table, f.entry, what, now_ms);
}

static void add(enum stick_data what, int64_t more, int64_t now_ms)
{
	stick_add(f.table, f.entry, what, more, now_ms);
}

static void counts_stand_apart(void **state)
{
	(void)state;
	for (int i = 0; i < STICK_DATA_COUNT; i++)
		add((enum stick_data)i, i + 1, 5000);
	for (int i = 0; i < STICK_DATA_COUNT; i++)
		assert_int_equal(get((enum stick_data)i, 5000), i + 1);
}

static void counts_are_wide_and_never_below_nothing(void **state)
{
	(void)state;
	add(STICK_BYTES_IN_CNT, INT64_C(70000000000), 0);
	add(STICK_BYTES_IN_CNT, 1, 0);
	assert_int_equal(get(STICK_BYTES_IN_CNT, 0), INT64_C(70000000001));
	add(STICK_CONN_CUR, 2, 0);
	add(STICK_CONN_CUR, -1, 0);
	assert_int_equal(get(STICK_CONN_CUR, 0), 1);
	add(STICK_CONN_CUR, -5, 0);
	assert_int_equal(get(STICK_CONN_CUR, 0), 0);
	add(STICK_CONN_CUR, INT64_MIN, 0);
	assert_int_equal(get(STICK_CONN_CUR, 0), 0);
	stick_set(f.table, f.entry, STICK_GPT0, 77);
	assert_int_equal(get(STICK_GPT0, 0), 77);
	stick_set(f.table, f.entry, STICK_GPT0, 0);
	assert_int_equal(get(STICK_GPT0, 0), 0);
	stick_set(f.table, f.entry, STICK_GPC0_RATE, 9); /* cannot be set */
	assert_int_equal(get(STICK_GPC0_RATE, 0), 0);
	stick_put(f.table, f.entry, STICK_GPC0_RATE, 9, 5000); /* can: nine events now */
	assert_int_equal(get(STICK_GPC0_RATE, 5000), 9);
	assert_int_equal(get(STICK_GPC0_RATE, 7000), 0);
	stick_put(f.table, f.entry, STICK_GPT0, 5, 0);
	assert_int_equal(get(STICK_GPT0, 0), 5);
}

/* Read off HAProxy 2.6.12 with http_req_rate(1s): four requests at once. */
static void a_burst_fades_over_two_periods(void **state)
{
	static const struct { int ms, rate; } seen[] = {
		{ 0, 4 }, { 500, 4 }, { 999, 4 }, { 1001, 3 }, { 1110, 3 }, { 1310, 2 }, { 1410, 2 }, { 1510, 1 }, { 1720, 1 },
		{ 1820, 0 }, { 2000, 0 }, { 90000, 0 },
	};

	(void)state;
	for (int i = 0; i < 4; i++)
		add(STICK_HTTP_REQ_RATE, 1, 10000);
	for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++)
		assert_int_equal(get(STICK_HTTP_REQ_RATE, 10000 + seen[i].ms), seen[i].rate);
}

/* A single one does not flap to 0 while it can still be seen. */
static void one_event_is_one_for_two_periods(void **state)
{
	(void)state;
	add(STICK_HTTP_REQ_RATE, 1, 10000);
	assert_int_equal(get(STICK_HTTP_REQ_RATE, 10000), 1);
	assert_int_equal(get(STICK_HTTP_REQ_RATE, 11000), 1);
	assert_int_equal(get(STICK_HTTP_REQ_RATE, 11999), 1);
	assert_int_equal(get(STICK_HTTP_REQ_RATE, 12000), 0);
}

/* Also read off HAProxy: one at the start, nine when 0.8 of the period are over. */
static void periods_follow_one_another(void **state)
{
	(void)state;
	add(STICK_HTTP_REQ_RATE, 1, 10000);
	add(STICK_HTTP_REQ_RATE, 9, 10810);
	assert_int_equal(get(STICK_HTTP_REQ_RATE, 10910), 10);
	assert_int_equal(get(STICK_HTTP_REQ_RATE, 11010), 9);
	assert_int_equal(get(STICK_HTTP_REQ_RATE, 11510), 4);
	assert_int_equal(get(STICK_HTTP_REQ_RATE, 11920), 0);
	add(STICK_HTTP_REQ_RATE, 2, 11500); /* the second period began at 11000 */
	assert_int_equal(get(STICK_HTTP_REQ_RATE, 11500), 2 + 5);
	assert_int_equal(get(STICK_HTTP_REQ_RATE, 12000), 2);
	add(STICK_HTTP_REQ_RATE, 1, 12500); /* the third at 12000 */
	assert_int_equal(get(STICK_HTTP_REQ_RATE, 12500), 1 + 1);
	add(STICK_HTTP_REQ_RATE, 5, 20000); /* after a pause, anew */
	assert_int_equal(get(STICK_HTTP_REQ_RATE, 20999), 5);
}

static void an_earlier_clock_counts_too(void **state)
{
	(void)state;
	add(STICK_HTTP_REQ_RATE, 1, 10000);
	add(STICK_HTTP_REQ_RATE, 1, 9000);
	assert_int_equal(get(STICK_HTTP_REQ_RATE, 9000), 2);
	assert_int_equal(get(STICK_HTTP_REQ_RATE, 10999), 2);
	add(STICK_HTTP_REQ_RATE, 8, 11000);
	assert_int_equal(get(STICK_HTTP_REQ_RATE, 10000), 8 + 2); /* the period before counts whole at most */
}

static void bytes_do_not_overflow(void **state)
{
	const int64_t much = INT64_C(1) << 60;

	(void)state;
	add(STICK_BYTES_OUT_RATE, much, 10000);
	assert_true(get(STICK_BYTES_OUT_RATE, 11500) == (uint64_t)much / 2);
	add(STICK_BYTES_OUT_RATE, -5, 10000); /* nothing can be taken back */
	assert_true(get(STICK_BYTES_OUT_RATE, 10000) == (uint64_t)much);
}

static void what_is_not_stored_does_nothing(void **state)
{
	struct stick_options o = { .name = SLICE("t"), .type = STICK_STRING, .key_len = 10, .size = 10 };
	struct sample key = sample_of_text("k");
	struct stick_table *t = stick_table_create(&o);
	struct stick_entry *e = stick_track(t, &key, 0);

	(void)state;
	for (int i = 0; i < STICK_DATA_COUNT; i++) {
		stick_add(t, e, (enum stick_data)i, 1, 0);
		stick_set(t, e, (enum stick_data)i, 1);
		assert_int_equal(stick_get(t, e, (enum stick_data)i, 0), 0);
	}
	stick_release(t, &e, 0);
	stick_table_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_periods),
		cmocka_unit_test_setup_teardown(counts_stand_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(counts_are_wide_and_never_below_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_burst_fades_over_two_periods, setup, teardown),
		cmocka_unit_test_setup_teardown(one_event_is_one_for_two_periods, setup, teardown),
		cmocka_unit_test_setup_teardown(periods_follow_one_another, setup, teardown),
		cmocka_unit_test_setup_teardown(an_earlier_clock_counts_too, setup, teardown),
		cmocka_unit_test_setup_teardown(bytes_do_not_overflow, setup, teardown),
		cmocka_unit_test(what_is_not_stored_does_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
