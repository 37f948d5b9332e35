/* cmd_table_test.c - "show table", "set table" and "clear table": answers are HAProxy 2.6's unless a row says so. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/table/stick_table.h"
#include "tests/unit/gateway/support/console.h"

static struct console c;

static int setup(void **state)
{
	(void)state;
	console_open(&c, "backend str\n stick-table type string len 4 size 10 expire 1m store gpc0,http_req_cnt,http_req_rate(10s)\n"
			 "backend ip4\n stick-table type ip size 2 nopurge store gpc0\n"
			 "backend ip6\n stick-table type ipv6 size 10 store gpc0\n"
			 "backend int\n stick-table type integer size 10 store gpc0\n"
			 "backend bin\n stick-table type binary len 4 size 10 store gpc0\n"
			 "frontend fe\n http-request rate-limit 5 per 1s by src\n"
			 "backend none\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	console_close(&c);
	return 0;
}

struct row {
	const char *command, *answer;
};

#define assert_rows(rows) \
	do { \
		for (size_t i = 0; i < sizeof(rows) / sizeof((rows)[0]); i++) \
			assert_string_equal(console_ask(&c, (rows)[i].command), (rows)[i].answer); \
	} while (0)

/* The keys that <command> shows, each with a blank behind it, in some order; "" none. */
static const char *keys(const char *command)
{
	static char all[512];
	const char *at = console_ask(&c, command);
	struct buf out;

	buf_init_fixed(&out, all, sizeof(all));
	while ((at = strstr(at, "key=")) != NULL) {
		at += 4;
		buf_add(&out, at, strcspn(at, " ") + 1);
	}
	all[out.len] = '\0';
	return all;
}

static void fill(void)
{
	static const char *const commands[] = {
		"set table str key a data.gpc0 1 data.http_req_cnt 10",
		"set table str key b data.gpc0 2 data.http_req_cnt 20",
		"set table str key c data.gpc0 3 data.http_req_cnt 30",
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		assert_string_equal(console_ask(&c, commands[i]), "");
}

static void tables_are_listed(void **state)
{
	static const char want[] = "# table: str, type: string, size:10, used:0\n# table: ip4, type: ip, size:2, used:0\n"
				   "# table: ip6, type: ipv6, size:10, used:0\n# table: int, type: integer, size:10, used:0\n"
				   "# table: bin, type: binary, size:10, used:0\n# table: rate-limit:a.cfg:";

	(void)state;
	assert_memory_equal(console_ask(&c, "show table"), want, sizeof(want) - 1);
	assert_non_null(strstr(c.answer.ptr, ", type: ipv6, size:")); /* what "rate-limit" made for itself */
	assert_string_equal(console_ask(&c, "show table none"), "No such table\n");
	assert_string_equal(console_ask(&c, "show table zz"), "No such table\n");
}

static void entries_are_set_and_shown(void **state)
{
	const char *line;

	(void)state;
	assert_string_equal(console_ask(&c, "set table str key a data.gpc0 5 data.http_req_rate 6"), "");
	line = console_ask(&c, "show table str");
	assert_memory_equal(line, "# table: str, type: string, size:10, used:1\n0x", 45);
	assert_non_null(strstr(line, ": key=a use=0 exp=")); /* of a minute */
	assert_non_null(strstr(line, " gpc0=5 http_req_cnt=0 http_req_rate(10000)=6\n"));
	assert_string_equal(console_ask(&c, "set table str key a data.http_req_cnt 7"), "");
	assert_non_null(strstr(console_ask(&c, "show table str"), " gpc0=5 http_req_cnt=7 http_req_rate(10000)=6\n"));
	assert_string_equal(console_ask(&c, "set table str key a data.http_req_rate 0"), "");
	assert_non_null(strstr(console_ask(&c, "show table str key a"), "http_req_rate(10000)=0\n"));
}

static void keys_are_of_the_tables_type(void **state)
{
	static const struct row rows[] = {
		{ "set table str key toolong", "" },
		{ "set table ip4 key 192.0.2.1", "" },
		{ "set table ip4 key 192.0.2.256", "Invalid key\n" }, /* HAProxy makes something of it, 0.0.0.0 of a word */
		{ "set table ip4 key zz", "Invalid key\n" },
		{ "set table ip4 key ::1", "Invalid key\n" },
		{ "set table ip6 key 2001:db8::1", "" },
		{ "set table ip6 key 192.0.2.1", "Invalid key\n" },
		{ "set table int key 5", "" },
		{ "set table int key 4294967295", "" },
		{ "set table int key 4294967296", "Invalid key\n" },
		{ "set table int key -5", "Invalid key\n" },
		{ "set table int key 7x", "Invalid key\n" }, /* HAProxy: 7 */
		{ "set table bin key abcd",
		  "Inserting keys into tables of type other than ip, ipv6, string and integer is not supported\n" },
		{ "show table bin key abcd",
		  "Showing keys from tables of type other than ip, ipv6, string and integer is not supported\n" },
		{ "clear table bin key abcd",
		  "Removing keys from tables of type other than ip, ipv6, string and integer is not supported\n" },
		{ "set table str key", "Key value expected\n" },
		{ "show table str key", "Key value expected\n" },
		{ "clear table str key", "Key value expected\n" },
		{ "show table int key x", "Invalid key\n" },
		{ "clear table int key x", "Invalid key\n" },
	};

	(void)state;
	assert_rows(rows);
	assert_string_equal(keys("show table str"), "tool ");
	assert_string_equal(keys("show table ip4"), "192.0.2.1 ");
	assert_string_equal(keys("show table ip6"), "2001:db8::1 ");
	assert_string_equal(keys("show table int key 4294967295"), "4294967295 ");
}

static void what_cannot_be_set_is_refused_and_changes_nothing(void **state)
{
	static const char usage[] = "Required arguments: <table> key <key> [data.<store_data_type> <value>]*\n";
	static const struct row rows[] = {
		{ "set table", usage },
		{ "set table str", usage }, /* HAProxy: nothing */
		{ "set table str foo", usage },
		{ "set table zz key a", "No such table\n" },
		{ "set table str data.gpc0 5", "content-based lookup is only supported with the \"show\" and \"clear\" actions\n" },
		{ "set table str key n data.gpc0", "Require a valid integer value to store\n" },
		{ "set table str key n data.gpc0 x", "Require a valid integer value to store\n" },
		{ "set table str key n data.gpc0 5x", "Require a valid integer value to store\n" },
		{ "set table str key n data.gpc0 -1", "Require a valid integer value to store\n" }, /* HAProxy: 4294967295 */
		{ "set table str key n data.gpc0 5 data.http_req_cnt", "Require a valid integer value to store\n" },
		{ "set table str key n data.gpc0 5 foo", "\"data.<type>\" followed by a value expected\n" },
		{ "set table str key n data.gpc0 5 data.zz 5", "Unknown data type\n" },
		{ "set table str key n data. 5", "Unknown data type\n" },
		{ "set table str key n data.gpc1 5", "Data type not stored in this table\n" },
		{ "set table str key n data.http_req_rate(10s) 5", "Unknown data type\n" },
	};

	(void)state;
	assert_rows(rows);
	assert_string_equal(keys("show table str"), "");
}

static void a_full_table_says_so(void **state)
{
	(void)state;
	assert_string_equal(console_ask(&c, "set table ip4 key 192.0.2.1"), "");
	assert_string_equal(console_ask(&c, "set table ip4 key 192.0.2.2"), "");
	assert_string_equal(console_ask(&c, "set table ip4 key 192.0.2.3"), "Unable to allocate a new entry\n");
}

static void filters_compare(void **state)
{
	static const struct {
		const char *filter, *keys;
	} rows[] = {
		{ "data.gpc0 eq 2", "b " },
		{ "data.gpc0 gt 2", "c " },
		{ "data.gpc0 lt 2", "a " },
		{ "data.gpc0 lt 1", "" },
		{ "data.gpc0 gt 2 data.http_req_cnt lt 31", "c " },
		{ "data.gpc0 ge 2 data.http_req_cnt le 20", "b " },
		{ "data.gpc0 ne 1 data.gpc0 ne 3", "b " },
		{ "data.gpc0 ne 1 data.gpc0 ne 3 data.gpc0 ne 2", "" },
		{ "data.gpc0 ge -1 data.gpc0 le 1", "a " },
		{ "data.http_req_rate gt 0", "" },
	};
	char command[120];

	(void)state;
	fill();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(command, sizeof(command), "show table str %s", rows[i].filter);
		assert_string_equal(keys(command), rows[i].keys);
	}
	assert_int_equal(strlen(keys("show table str data.gpc0 ge 0")), 6);
}

static void filters_that_are_none_are_refused(void **state)
{
	static const char compare[] = "Filter entry #1: Require and operator among \"eq\", \"ne\", \"le\", \"ge\", \"lt\", \"gt\"\n";
	static const char clear_usage[] = "Required arguments: <table> \"data.<store_data_type>\" <operator> <value> or <table> key <key>\n";
	static const struct row rows[] = {
		{ "show table str data.gpc0", compare },
		{ "show table str data.gpc0 == 5", compare },
		{ "clear table str data.gpc0 == 5", compare },
		{ "show table str data.gpc0 eq", "Filter entry #1: Require a valid integer value to compare against\n" },
		{ "show table str data.gpc0 eq x", "Filter entry #1: Require a valid integer value to compare against\n" },
		{ "show table str data.gpc0 eq 5x", "Filter entry #1: Require a valid integer value to compare against\n" },
		{ "show table str data.gpc0 eq 5 data.http_req_cnt eq y",
		  "Filter entry #2: Require a valid integer value to compare against\n" },
		{ "show table str data.zz eq 5", "Filter entry #1: Unknown data type\n" },
		{ "show table str data.gpc1 eq 5", "Filter entry #1: Data type not stored in this table\n" },
		{ "show table str data.gpc0 gt 0 data.gpc0 gt 0 data.gpc0 gt 0 data.gpc0 gt 0 data.gpc0 gt 0",
		  "Detected extra data in filter, 16th word of input, after '0'\n" },
		{ "show table str foo", "Optional argument only supports \"data.<store_data_type>\" <operator> <value> and key <key>\n" },
		{ "clear table str foo", clear_usage },
		{ "clear table", clear_usage },
		{ "clear table zz", "No such table\n" },
	};

	(void)state;
	fill();
	assert_rows(rows);
	assert_int_equal(strlen(keys("show table str")), 6); /* nothing went */
}

static void one_entry_is_shown_by_its_key(void **state)
{
	(void)state;
	fill();
	assert_string_equal(keys("show table str key b"), "b ");
	assert_memory_equal(console_ask(&c, "show table str key b"), "# table: str, type: string, size:10, used:3\n0x", 46);
	assert_string_equal(console_ask(&c, "show table str key z"), ""); /* no heading either */
}

static void entries_are_cleared(void **state)
{
	(void)state;
	fill();
	assert_string_equal(console_ask(&c, "clear table str key z"), "");
	assert_string_equal(console_ask(&c, "clear table str key a"), "");
	assert_int_equal(strlen(keys("show table str")), 4);
	assert_string_equal(console_ask(&c, "clear table str data.gpc0 eq 2"), "");
	assert_string_equal(keys("show table str"), "c ");
	assert_string_equal(console_ask(&c, "clear table str"), "");
	assert_string_equal(console_ask(&c, "show table str"), "# table: str, type: string, size:10, used:0\n");
}

static void an_entry_in_use_stays(void **state)
{
	struct stick_table *t = console_proxy(&c, "str")->table;
	struct sample key = { .type = SAMPLE_STR, .text = SLICE("b") };
	struct stick_entry *e;

	(void)state;
	fill();
	e = stick_track(t, &key, clock_mono_us() / 1000);
	assert_string_equal(console_ask(&c, "clear table str key b"), "Entry currently in use, cannot remove\n");
	assert_string_equal(console_ask(&c, "clear table str"), "");
	assert_string_equal(keys("show table str"), "b ");
	assert_non_null(strstr(console_ask(&c, "show table str"), "key=b use=1 "));
	assert_string_equal(console_ask(&c, "set table str key b data.gpc0 9"), "");
	assert_non_null(strstr(console_ask(&c, "show table str key b"), " gpc0=9 "));
	stick_release(t, &e, clock_mono_us() / 1000);
	assert_string_equal(console_ask(&c, "clear table str key b"), "");
	assert_string_equal(keys("show table str"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tables_are_listed, setup, teardown),
		cmocka_unit_test_setup_teardown(entries_are_set_and_shown, setup, teardown),
		cmocka_unit_test_setup_teardown(keys_are_of_the_tables_type, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_set_is_refused_and_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_table_says_so, setup, teardown),
		cmocka_unit_test_setup_teardown(filters_compare, setup, teardown),
		cmocka_unit_test_setup_teardown(filters_that_are_none_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(one_entry_is_shown_by_its_key, setup, teardown),
		cmocka_unit_test_setup_teardown(entries_are_cleared, setup, teardown),
		cmocka_unit_test_setup_teardown(an_entry_in_use_stays, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
