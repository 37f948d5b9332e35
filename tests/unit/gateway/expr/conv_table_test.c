/* conv_table_test.c - in_table and table_*: what is there, what is not, what the table does not store, what cannot be a key. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/table/stick_table.h"
#include "tests/unit/gateway/support/rules.h"
#include "tests/unit/gateway/support/samples.h"

static struct rules t;

/* "be" has a table of texts that stores everything but gpt0; "other" one of addresses without an end. */
static int begin(void **state)
{
	struct stick_options texts = { .type = STICK_STRING, .key_len = 8, .size = 10, .expire_ms = 60000 };
	struct stick_options addresses = { .type = STICK_IP, .size = 10, .stored[STICK_GPC0] = true };

	(void)state;
	rules_setup(&t);
	rules_exchange(&t, RULES_ARENA);
	for (int i = 0; i < STICK_DATA_COUNT; i++) {
		texts.stored[i] = i != STICK_GPT0;
		texts.period_ms[i] = stick_data_is_rate((enum stick_data)i) ? 60000 : 0;
	}
	t.be.table = stick_table_create(&texts);
	t.other.table = stick_table_create(&addresses);
	return 0;
}

static int end(void **state)
{
	(void)state;
	stick_table_free(&t.be.table);
	stick_table_free(&t.other.table);
	rules_cleanup(&t);
	return 0;
}

static int64_t now_ms(void)
{
	return loop_now_ms(t.worker.loop);
}

static const char *value(const char *text)
{
	struct expr *e = expr_parse(words_line(&t.w, ""), slice_str(text), WHEN_ALWAYS, "test");
	struct slice s;

	expr_resolve_all(&t.w.p);
	t.w.p.proxy = &t.fe;
	if (e == NULL || t.w.p.errors > 0)
		fail_msg("%s: %s", text, words_said(&t.w));
	s = expr_text(e, &t.x);
	return s.ptr == NULL ? "-" : rules_text(&t, s);
}

static void check(const char *text, const char *expected)
{
	if (strcmp(value(text), expected) != 0)
		fail_msg("%s gives '%s', not '%s'", text, t.copy, expected);
}

static struct stick_entry *entry(struct stick_table *table, struct sample key)
{
	struct stick_entry *e = stick_track(table, &key, now_ms());

	assert_non_null(e);
	return e;
}

static void every_kind_of_data(void **state)
{
	static const char *const names[] = { "conn_cnt", "conn_cur", "conn_rate", "gpc0", "gpc0_rate", "gpc1", "gpc1_rate", "http_err_cnt",
					     "http_err_rate", "http_fail_cnt", "http_fail_rate", "http_req_cnt", "http_req_rate", "sess_cnt",
					     "sess_rate", "bytes_in_rate", "bytes_out_rate", "server_id" };
	struct stick_entry *e = entry(t.be.table, sample_of_text("k"));
	char text[64], expected[16];
	struct slice period;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int what = stick_data_of(slice_str(names[i]), &period);

		assert_true(what >= 0);
		stick_add(t.be.table, e, (enum stick_data)what, (int64_t)i + 1, now_ms());
		if (what == STICK_SERVER_ID)
			stick_set(t.be.table, e, STICK_SERVER_ID, i + 1);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(text, sizeof(text), "str(k),table_%s(be)", names[i]);
		snprintf(expected, sizeof(expected), "%zu", i + 1);
		check(text, expected);
		snprintf(text, sizeof(text), "str(none),table_%s(be)", names[i]);
		check(text, "0");
	}
	stick_release(t.be.table, &e, now_ms());
}

static void kilobytes(void **state)
{
	struct stick_entry *e = entry(t.be.table, sample_of_text("k"));

	(void)state;
	stick_add(t.be.table, e, STICK_BYTES_IN_CNT, 4095, now_ms());
	stick_add(t.be.table, e, STICK_BYTES_OUT_CNT, 5 * 1024, now_ms());
	stick_release(t.be.table, &e, now_ms());
	check("str(k),table_kbytes_in(be)", "3");
	check("str(k),table_kbytes_out(be)", "5");
	check("str(none),table_kbytes_out(be)", "0");
}

static void being_there(void **state)
{
	struct stick_entry *e = entry(t.be.table, sample_of_text("k"));

	(void)state;
	check("str(k),in_table(be)", "1");
	check("str(none),in_table(be)", "0");
	check("str(k),table_trackers(be)", "2"); /* one tracks it, and the converter looks at it */
	stick_release(t.be.table, &e, now_ms());
	check("str(k),table_trackers(be)", "1");
	check("str(none),table_trackers(be)", "0");
	assert_int_equal(stick_table_used(t.be.table), 1); /* asking makes no entries */
}

static void what_is_not_stored(void **state)
{
	struct stick_entry *e = entry(t.be.table, sample_of_text("k"));

	(void)state;
	stick_release(t.be.table, &e, now_ms());
	check("str(k),table_gpt0(be)", "-");
	check("str(none),table_gpt0(be)", "0"); /* as in HAProxy */
}

static void keys_of_other_types(void **state)
{
	struct stick_entry *e = entry(t.other.table, sample_of_address("192.0.2.1"));

	(void)state;
	stick_add(t.other.table, e, STICK_GPC0, 3, now_ms());
	stick_release(t.other.table, &e, now_ms());
	check("str(192.0.2.1),table_gpc0(other)", "3");
	check("ipv4(192.0.2.1),table_gpc0(other)", "3");
	check("int(3221225985),table_gpc0(other)", "3");
	check("str(192.0.2.2),table_gpc0(other)", "0");
	check("str(nonsense),table_gpc0(other)", "-");
	check("str(nonsense),in_table(other)", "-");
	check("str(nonsense),table_idle(other,5)", "-");
	check("str(nonsense),table_trackers(other)", "-");
	e = entry(t.be.table, sample_of_text("42"));
	stick_release(t.be.table, &e, now_ms());
	check("int(42),in_table(be)", "1");
}

static void ages(void **state)
{
	struct sample key = sample_of_text("k"), address = sample_of_address("192.0.2.1");
	struct stick_entry *e = stick_track(t.be.table, &key, now_ms() - 1500);

	(void)state;
	assert_non_null(e);
	assert_int_equal(stick_idle_ms(t.be.table, e, now_ms()), 1500);
	assert_int_equal(stick_idle_ms(t.be.table, e, now_ms() - 5000), 0);
	stick_release(t.be.table, &e, now_ms() - 1500);
	check("str(k),table_idle(be)", "1500");
	check("str(k),table_expire(be)", "58500");
	check("str(k),table_expire(be,7)", "58500");
	check("str(none),table_expire(be,7)", "7");
	check("str(none),table_idle(be,8)", "8");
	check("str(none),table_expire(be)", "-");
	check("str(none),table_idle(be)", "-");
	e = stick_track(t.other.table, &address, now_ms() - 300);
	stick_release(t.other.table, &e, now_ms() - 300);
	check("ipv4(192.0.2.1),table_idle(other)", "300");
	check("ipv4(192.0.2.1),table_expire(other)", "0"); /* it has no end */
}

static void mistakes(void **state)
{
	(void)state;
	assert_null(expr_parse(words_line(&t.w, ""), SLICE_LIT("str(k),table_gpc0"), WHEN_ALWAYS, "test"));
	assert_non_null(strstr(words_said(&t.w), "argument 1 is missing: a stick table"));
	assert_non_null(expr_parse(words_line(&t.w, ""), SLICE_LIT("str(k),in_table(none)"), WHEN_ALWAYS, "test"));
	expr_resolve_all(&t.w.p);
	assert_non_null(strstr(words_said(&t.w), "there is no stick-table 'none'"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_kind_of_data), TEST(kilobytes), TEST(being_there), TEST(what_is_not_stored), TEST(keys_of_other_types), TEST(ages),
		TEST(mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
