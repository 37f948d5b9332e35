/* fetch_table_test.c - samples of stick tables by counter and by the client's address: reading, counting, other tables, what is missing. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/table/stick_table.h"
#include "tests/unit/gateway/support/exprs.h"
#include "tests/unit/gateway/support/samples.h"

struct place {
	struct rules rules; /* first: *state is one for exprs_end() */
	struct tracked of_session[TRACKED_MAX];
};

/* "be" has a table of addresses that stores everything, "other" one that stores gpc0_rate alone. */
static int begin(void **state)
{
	struct stick_options all = { .type = STICK_IP, .size = 10 }, one = { .type = STICK_IP, .size = 10 };
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	rules_setup(&p->rules);
	rules_get(&p->rules, "/");
	for (int i = 0; i < STICK_DATA_COUNT; i++) {
		all.stored[i] = true;
		all.period_ms[i] = stick_data_is_rate((enum stick_data)i) ? 60000 : 0;
	}
	one.stored[STICK_GPC0_RATE] = true;
	one.period_ms[STICK_GPC0_RATE] = 60000;
	p->rules.be.table = stick_table_create(&all);
	p->rules.other.table = stick_table_create(&one);
	*state = p;
	return 0;
}

static void untrack(struct rules *t, struct tracked *c)
{
	if (c->entry != NULL)
		stick_release(c->table, &c->entry, loop_now_ms(t->worker.loop));
}

static int end(void **state)
{
	struct place *p = *state;

	for (int i = 0; i < TRACKED_MAX; i++) {
		untrack(&p->rules, &p->rules.x.tracked[i]);
		untrack(&p->rules, &p->of_session[i]);
	}
	stick_table_free(&p->rules.be.table);
	stick_table_free(&p->rules.other.table);
	return exprs_end(state);
}

static struct stick_entry *track(struct rules *t, struct tracked *c, struct stick_table *table, const char *address)
{
	struct sample key = sample_of_address(address);

	c->table = table;
	c->entry = stick_track(table, &key, loop_now_ms(t->worker.loop));
	assert_non_null(c->entry);
	return c->entry;
}

static const struct {
	const char *name;
	enum stick_data what;
} kinds[] = {
	{ "bytes_in_rate", STICK_BYTES_IN_RATE }, { "bytes_out_rate", STICK_BYTES_OUT_RATE }, { "conn_cnt", STICK_CONN_CNT },
	{ "conn_cur", STICK_CONN_CUR },           { "conn_rate", STICK_CONN_RATE },           { "get_gpc0", STICK_GPC0 },
	{ "get_gpc1", STICK_GPC1 },               { "get_gpt0", STICK_GPT0 },                 { "gpc0_rate", STICK_GPC0_RATE },
	{ "gpc1_rate", STICK_GPC1_RATE },         { "http_err_cnt", STICK_HTTP_ERR_CNT },     { "http_err_rate", STICK_HTTP_ERR_RATE },
	{ "http_fail_cnt", STICK_HTTP_FAIL_CNT }, { "http_fail_rate", STICK_HTTP_FAIL_RATE }, { "http_req_cnt", STICK_HTTP_REQ_CNT },
	{ "http_req_rate", STICK_HTTP_REQ_RATE }, { "sess_cnt", STICK_SESS_CNT },             { "sess_rate", STICK_SESS_RATE },
};

/* Each thing that an entry holds, by each name that it has. */
static void reading(void **state)
{
	static const char *const spellings[] = { "sc_%s(1)", "sc1_%s", "sc_%s(1,be)", "sc1_%s(be)", "src_%s(be)" };
	struct rules *t = *state;
	struct stick_entry *e = track(t, &t->x.tracked[1], t->be.table, "192.0.2.1");
	char text[64], expected[32];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].what == STICK_GPT0)
			stick_set(t->be.table, e, STICK_GPT0, i + 1);
		else
			stick_add(t->be.table, e, kinds[i].what, (int64_t)i + 1, loop_now_ms(t->worker.loop));
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		snprintf(expected, sizeof(expected), "integer %zu", i + 1);
		for (size_t j = 0; j < sizeof(spellings) / sizeof(spellings[0]); j++) {
			struct buf b;

			buf_init_fixed(&b, text, sizeof(text));
			for (const char *c = spellings[j]; *c != '\0'; c++) {
				if (c[0] == '%' && c[1] == 's') {
					buf_add_str(&b, kinds[i].name);
					c++;
				} else {
					buf_add_char(&b, *c);
				}
			}
			buf_add_char(&b, '\0');
			if (strcmp(exprs_get(t, text), expected) != 0)
				fail_msg("%s yields '%s', not '%s'", text, t->copy, expected);
		}
	}
}

static void kilobytes(void **state)
{
	static const struct expr_case cases[] = { { "sc0_kbytes_in", "integer 3" }, { "sc_kbytes_out(0)", "integer 5" }, { "src_kbytes_out(be)", "integer 5" } };
	struct rules *t = *state;
	struct stick_entry *e = track(t, &t->x.tracked[0], t->be.table, "192.0.2.1");

	stick_add(t->be.table, e, STICK_BYTES_IN_CNT, 4095, loop_now_ms(t->worker.loop));
	stick_add(t->be.table, e, STICK_BYTES_OUT_CNT, 5 * 1024, loop_now_ms(t->worker.loop));
	exprs_check(t, EXPRS(cases));
}

/* A counter that tracks nothing has no value; an address that is not there has 0, and asking makes no entry. */
static void what_is_not_there(void **state)
{
	static const struct expr_case cases[] = {
		{ "sc0_conn_cnt", "" },       { "sc_conn_cnt(2)", "" },          { "sc0_conn_cnt(be)", "" }, { "sc0_inc_gpc0", "" },
		{ "sc0_tracked", "boolean 0" }, { "src_conn_cnt(be)", "integer 0" }, { "src_get_gpt0(be)", "integer 0" },
		{ "src_conn_cnt(other)", "" }, /* not stored */
		{ "table_cnt(be)", "integer 0" }, { "table_avl(be)", "integer 10" },
	};

	exprs_check(*state, EXPRS(cases));
}

/* The rate beside a counter counts along; clearing gives what there was. */
static void counting(void **state)
{
	static const struct expr_case cases[] = {
		{ "sc0_inc_gpc0", "integer 1" },   { "sc_inc_gpc0(0)", "integer 2" }, { "sc0_gpc0_rate", "integer 2" }, { "sc0_get_gpc0", "integer 2" },
		{ "sc0_clr_gpc0", "integer 2" },   { "sc0_get_gpc0", "integer 0" },   { "sc0_inc_gpc1", "integer 1" },  { "sc0_gpc1_rate", "integer 1" },
		{ "sc0_clr_gpc1", "integer 1" },   { "src_inc_gpc0(be)", "integer 1" }, { "src_clr_gpc0(be)", "integer 1" },
		{ "src_updt_conn_cnt(be)", "integer 1" }, { "src_updt_conn_cnt(be)", "integer 2" }, { "sc0_conn_cnt", "integer 2" },
	};
	struct rules *t = *state;

	track(t, &t->x.tracked[0], t->be.table, "192.0.2.1");
	exprs_check(t, EXPRS(cases));
}

/* Counting by address makes the entry. */
static void making_entries(void **state)
{
	static const struct expr_case cases[] = {
		{ "src_inc_gpc0(be)", "integer 1" },
		{ "table_cnt(be)", "integer 1" },
		{ "table_avl(be)", "integer 9" },
		{ "src_inc_gpc0(other)", "integer 1" }, /* the rate alone is stored there */
		{ "src_gpc0_rate(other)", "integer 1" },
		{ "src_get_gpc0(other)", "" },
		{ "src_clr_gpc0(other)", "" },
	};

	exprs_check(*state, EXPRS(cases));
}

/* The same key in the table that was named. */
static void other_tables(void **state)
{
	static const struct expr_case cases[] = {
		{ "sc0_gpc0_rate(other)", "integer 0" },   { "sc0_inc_gpc0(other)", "integer 1" }, { "sc_gpc0_rate(0,other)", "integer 1" },
		{ "sc0_gpc0_rate", "integer 0" },          { "sc0_tracked(be)", "boolean 1" },     { "sc0_tracked(other)", "boolean 0" },
		{ "sc_tracked(0)", "boolean 1" },          { "sc_tracked(1)", "boolean 0" },       { "table_cnt(other)", "integer 1" },
	};
	struct rules *t = *state;

	track(t, &t->x.tracked[0], t->be.table, "198.51.100.7");
	exprs_check(t, EXPRS(cases));
}

/* What the connection tracks counts where the request tracks nothing. */
static void session_counters(void **state)
{
	static const struct expr_case cases[] = {
		{ "sc0_get_gpc0", "integer 5" }, { "sc1_get_gpc0", "integer 9" }, { "sc2_get_gpc0", "" }, { "sc1_tracked", "boolean 1" },
	};
	struct place *p = *state;
	struct rules *t = *state;

	t->session.tracked = p->of_session;
	stick_set(t->be.table, track(t, &p->of_session[0], t->be.table, "192.0.2.3"), STICK_GPC0, 7);
	stick_set(t->be.table, track(t, &p->of_session[1], t->be.table, "192.0.2.4"), STICK_GPC0, 9);
	stick_set(t->be.table, track(t, &t->x.tracked[0], t->be.table, "192.0.2.5"), STICK_GPC0, 5);
	exprs_check(t, EXPRS(cases));
}

static void mistakes(void **state)
{
	static const struct expr_case refused[] = {
		{ "sc_conn_cnt", "argument 1 is missing: a number" },
		{ "sc_conn_cnt(3)", "there are the counters 0 to 2, not 3" },
		{ "sc_conn_cnt(-1)", "there are the counters 0 to 2, not -1" },
	};
	static const struct expr_case unknown[] = {
		{ "src_conn_cnt", "this proxy has no stick-table of its own, so one has to be named" },
		{ "src_conn_cnt(none)", "there is no stick-table 'none'" },
		{ "sc0_conn_cnt(fe)", "there is no stick-table 'fe'" },
	};
	struct rules *t = *state;

	exprs_refused(t, EXPRS(refused));
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		assert_non_null(expr_parse(rules_words(t, ""), slice_str(unknown[i].expr), WHEN_IN_REQUEST, "test"));
		assert_non_null(strstr(rules_resolve(t), unknown[i].yields));
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reading),      TEST(kilobytes),    TEST(what_is_not_there), TEST(counting), TEST(making_entries),
		TEST(other_tables), TEST(session_counters), TEST(mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
