/* stat_test.c - "show stat" and "clear counters": which rows there are, what is in them, and the three ways to write them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/admin/stat.h"
#include "gateway/model/state.h"
#include "tests/unit/gateway/support/console.h"

static struct console c;
static int checked; /* listens, so that checks pass */

static int setup(void **state)
{
	unsigned port;
	char text[800];

	(void)state;
	checked = console_listen(&port);
	snprintf(text, sizeof(text),
		 "frontend fe\n option socket-stats\n bind abns@moa-stat-test-%d name one\n maxconn 50\n default_backend be\n"
		 "backend be\n balance leastconn\n"
		 " server a 127.0.0.1:8001 weight 10 maxconn 30 maxqueue 5\n"
		 " server b [::1]:8002 check addr 127.0.0.1 port %u inter 1000s backup\n"
		 " server c 127.0.0.1:8003 disabled\n"
		 "listen both\n bind abns@moa-stat-test2-%d\n server a 127.0.0.1:8001\n"
		 "backend off\n disabled\n server a 127.0.0.1:8001\n",
		 (int)getpid(), port, (int)getpid());
	console_open(&c, text);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	console_close(&c);
	close(checked);
	return 0;
}

/* The first two fields of every row, "fe,FRONTEND fe,one …", in the order in which they come. */
static const char *rows_of(const char *command)
{
	static char all[512];
	const char *at = strchr(console_ask(&c, command), '\n');
	struct buf out;

	buf_init_fixed(&out, all, sizeof(all));
	for (at = at == NULL ? "" : at + 1; *at != '\0'; at = strchr(at, '\n') + 1) {
		size_t proxy = strcspn(at, ","), object = strcspn(at + proxy + 1, ",");

		if (out.len > 0)
			buf_add_char(&out, ' ');
		buf_add(&out, at, proxy + 1 + object);
	}
	all[out.len] = '\0';
	return all;
}

static void rows_are_chosen(void **state)
{
	static const struct {
		const char *command, *rows;
	} rows[] = {
		{ "show stat", "fe,FRONTEND fe,one be,a be,b be,c be,BACKEND both,FRONTEND both,a both,BACKEND" },
		{ "show stat fe -1 -1", "fe,FRONTEND fe,one" },
		{ "show stat 2 -1 -1", "fe,FRONTEND fe,one" },
		{ "show stat -1 1 -1", "fe,FRONTEND both,FRONTEND" },
		{ "show stat -1 2 -1", "be,BACKEND both,BACKEND" },
		{ "show stat -1 4 -1", "be,a be,b be,c both,a" },
		{ "show stat -1 8 -1", "fe,one" },
		{ "show stat -1 5 -1", "fe,FRONTEND be,a be,b be,c both,FRONTEND both,a" },
		{ "show stat be 4 2", "be,b" },
		{ "show stat be 4 9", "" },
		{ "show stat be x y", "be,a be,b be,c be,BACKEND" }, /* numbers that are none: all */
		{ "show stat up", "fe,FRONTEND fe,one be,a be,b be,BACKEND both,FRONTEND both,a both,BACKEND" },
		{ "show stat no-maint", "fe,FRONTEND fe,one be,a be,b be,BACKEND both,FRONTEND both,a both,BACKEND" },
		{ "show stat domain proxy be 4 1", "be,a" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(rows_of(rows[i].command), rows[i].rows);
	assert_string_equal(console_ask(&c, "show stat zz 1 -1"), "No such proxy.\n");
	assert_string_equal(console_ask(&c, "show stat domain zz"), "Invalid statistics domain.\n");
}

/* Fields of one row of CSV, by number; the row must not hold quotes. */
static const char *field(const char *line, unsigned f)
{
	static char text[200];

	while (f-- > 0)
		line += strcspn(line, ",") + 1;
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(line, ","), line);
	return text;
}

static const char *row_of(const char *command)
{
	return strchr(console_ask(&c, command), '\n') + 1;
}

static void a_server_has_its_values(void **state)
{
	static const struct {
		enum stat_field field;
		const char *value;
	} wanted[] = {
		{ STAT_PXNAME, "be" }, { STAT_SVNAME, "a" }, { STAT_QCUR, "2" }, { STAT_QMAX, "4" }, { STAT_SCUR, "3" }, { STAT_SMAX, "7" },
		{ STAT_SLIM, "30" }, { STAT_STOT, "11" }, { STAT_BIN, "300" }, { STAT_BOUT, "1000" }, { STAT_STATUS, "no check" },
		{ STAT_WEIGHT, "10" }, { STAT_ACT, "1" }, { STAT_BCK, "0" }, { STAT_QLIMIT, "5" }, { STAT_PID, "1" }, { STAT_IID, "3" },
		{ STAT_SID, "1" }, { STAT_TYPE, "2" }, { STAT_CHECK_STATUS, "" }, { STAT_CHKFAIL, "" }, { STAT_HRSP_2XX, "5" },
		{ STAT_ECON, "1" }, { STAT_ADDR, "127.0.0.1:8001" }, { STAT_MODE, "http" }, { STAT_LASTSESS, "-1" }, { STAT_COOKIE, "" },
		{ STAT_UWEIGHT, "10" }, { STAT_ALGO, "" },
	};
	struct server *s = console_server(&c, "be", "a");
	const char *line;

	(void)state;
	atomic_store(&s->queued_most, 4);
	atomic_store(&s->queued, 2);
	atomic_store(&s->served, 3);
	atomic_store(&s->served_most, 7);
	for (unsigned i = 0; i < 2; i++) { /* both workers count */
		struct tally *t = &c.gateway->workers[i].servers[s->index];

		tally_add(&t->sessions, 5 + i);
		tally_add(&t->bytes_in, 100 + 100 * i);
		tally_add(&t->bytes_out, 500);
		tally_add(&t->status[2], 2 + i);
		tally_add(&t->failed_connects, i);
	}
	line = row_of("show stat be 4 1");
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		assert_string_equal(field(line, wanted[i].field), wanted[i].value);
	atomic_store(&s->queued, 0);
	atomic_store(&s->served, 0);
}

static void states_are_told(void **state)
{
	struct server *a = console_server(&c, "be", "a"), *b = console_server(&c, "be", "b");

	(void)state;
	assert_string_equal(field(row_of("show stat be 4 2"), STAT_STATUS), "UP");
	assert_string_equal(field(row_of("show stat be 4 2"), STAT_BCK), "1");
	assert_string_equal(field(row_of("show stat be 4 2"), STAT_ADDR), "[::1]:8002");
	assert_string_equal(field(row_of("show stat be 4 3"), STAT_STATUS), "MAINT");
	assert_string_equal(field(row_of("show stat be 2 -1"), STAT_STATUS), "UP");
	assert_string_equal(field(row_of("show stat be 2 -1"), STAT_ALGO), "leastconn");
	assert_string_equal(field(row_of("show stat be 2 -1"), STAT_ACT), "1");
	assert_string_equal(field(row_of("show stat be 2 -1"), STAT_WEIGHT), "10");
	server_set_state(c.gateway, a, SERVER_DOWN, NULL);
	assert_string_equal(field(row_of("show stat be 4 1"), STAT_STATUS), "DOWN");
	assert_string_equal(field(row_of("show stat be 2 -1"), STAT_WEIGHT), "1"); /* the backup's */
	assert_string_equal(rows_of("show stat up"), "fe,FRONTEND fe,one be,b be,BACKEND both,FRONTEND both,a both,BACKEND");
	assert_string_equal(field(row_of("show stat be 2 -1 up"), STAT_STATUS), "UP (1/3)");
	server_set_admin(c.gateway, b, SERVER_DRAIN, 0);
	assert_string_equal(field(row_of("show stat be 4 2"), STAT_STATUS), "DRAIN");
	assert_string_equal(field(row_of("show stat be 2 -1"), STAT_STATUS), "DOWN");
	atomic_store(&console_proxy(&c, "fe")->status, PROXY_PAUSED);
	assert_string_equal(field(row_of("show stat fe 1 -1"), STAT_STATUS), "PAUSED");
	assert_string_equal(field(row_of("show stat fe 8 -1"), STAT_STATUS), "WAITING");
	atomic_store(&console_proxy(&c, "fe")->status, PROXY_STOPPED);
	assert_string_equal(field(row_of("show stat fe 1 -1"), STAT_STATUS), "STOP");
}

static unsigned count(const char *text, char what)
{
	unsigned n = 0;

	for (; *text != '\0'; text++)
		n += *text == what;
	return n;
}

static void csv_has_a_heading_and_as_many_fields(void **state)
{
	const char *text = console_ask(&c, "show stat");
	char first[8000];

	(void)state;
	assert_memory_equal(text, "# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,", 66);
	snprintf(first, sizeof(first), "%.*s", (int)strcspn(text, "\n"), text);
	for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
		char one[8000];

		snprintf(one, sizeof(one), "%.*s", (int)strcspn(line, "\n"), line);
		assert_int_equal(count(one, ','), count(first, ','));
	}
}

static void typed_has_a_field_a_line(void **state)
{
	const char *text = console_ask(&c, "show stat be 4 1 typed");

	(void)state;
	assert_memory_equal(text, "S.3.1.0.pxname.1:KNS:str:be\nS.3.1.1.svname.1:KNS:str:a\nS.3.1.2.qcur.1:MGP:u32:0\n", 80);
	assert_non_null(strstr(text, "\nS.3.1.73.addr.1:CGS:str:127.0.0.1:8001\n"));
	assert_null(strstr(text, ".36.check_status.")); /* it has none */
	assert_memory_equal(console_ask(&c, "show stat fe 1 -1 typed"), "F.2.0.0.pxname.1:KNS:str:fe\n", 28);
	assert_memory_equal(console_ask(&c, "show stat be 2 -1 typed"), "B.3.0.0.pxname.1:KNS:str:be\n", 28);
	assert_memory_equal(console_ask(&c, "show stat fe 8 -1 typed"), "L.2.1.0.pxname.1:KNS:str:fe\n", 28);
}

/* Brackets outside of strings are closed in order, and nothing follows the last. */
static bool is_balanced(const char *json)
{
	char open[16];
	int depth = 0;
	bool in_string = false;

	for (; *json != '\0' && *json != '\n'; json++) {
		if (in_string) {
			if (*json == '\\')
				json++;
			else if (*json == '"')
				in_string = false;
		} else if (*json == '"') {
			in_string = true;
		} else if (*json == '[' || *json == '{') {
			open[depth++] = *json == '[' ? ']' : '}';
		} else if (*json == ']' || *json == '}') {
			if (depth == 0 || open[--depth] != *json)
				return false;
		}
		if (depth == 0)
			return strcmp(json + 1, "\n") == 0;
	}
	return false;
}

static void json_is_an_array_of_arrays(void **state)
{
	static const char first[] = "[[{\"objType\":\"Server\",\"proxyId\":3,\"id\":1,\"field\":{\"pos\":0,\"name\":\"pxname\"},\"processNum\":1,"
				    "\"tags\":{\"origin\":\"Key\",\"nature\":\"Name\",\"scope\":\"Service\"},"
				    "\"value\":{\"type\":\"str\",\"value\":\"be\"}},{\"objType\":\"Server\",";
	const char *text = console_ask(&c, "show stat be 4 1 json");

	(void)state;
	assert_memory_equal(text, first, sizeof(first) - 1);
	assert_true(is_balanced(text));
	text = console_ask(&c, "show stat json");
	assert_true(is_balanced(text));
	assert_non_null(strstr(text, "],[{\"objType\":\"Backend\""));
	assert_string_equal(console_ask(&c, "show stat be 4 9 json"), "[]\n");
}

static void counters_are_cleared(void **state)
{
	struct server *s = console_server(&c, "be", "a");
	struct tally *t = &c.gateway->workers[1].servers[s->index];

	(void)state;
	atomic_store(&s->served_most, 9);
	atomic_store(&s->queued_most, 4);
	tally_add(&s->check_failures, 3);
	tally_add(&t->sessions, 5);
	tally_add(&t->session_rate.most, 6);
	assert_string_equal(console_ask(&c, "clear counters"), "");
	assert_string_equal(field(row_of("show stat be 4 1"), STAT_SMAX), "0");
	assert_string_equal(field(row_of("show stat be 4 1"), STAT_QMAX), "0");
	assert_string_equal(field(row_of("show stat be 4 1"), STAT_RATE_MAX), "0");
	assert_string_equal(field(row_of("show stat be 4 1"), STAT_STOT), "5");
	assert_int_equal(tally_get(&s->check_failures), 3);
	assert_string_equal(console_ask(&c, "clear counters all"), "");
	assert_string_equal(field(row_of("show stat be 4 1"), STAT_STOT), "0");
	assert_int_equal(tally_get(&s->check_failures), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rows_are_chosen, setup, teardown),
		cmocka_unit_test_setup_teardown(a_server_has_its_values, setup, teardown),
		cmocka_unit_test_setup_teardown(states_are_told, setup, teardown),
		cmocka_unit_test_setup_teardown(csv_has_a_heading_and_as_many_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(typed_has_a_field_a_line, setup, teardown),
		cmocka_unit_test_setup_teardown(json_is_an_array_of_arrays, setup, teardown),
		cmocka_unit_test_setup_teardown(counters_are_cleared, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
