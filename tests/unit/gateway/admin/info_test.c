/* info_test.c - "show info" in its three forms, and the other commands that show the process. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/admin/info.h"
#include "tests/unit/gateway/support/console.h"

static struct console c;

static int setup(void **state)
{
	(void)state;
	console_open(&c, "frontend fe\n bind abns@moa-info-test\n default_backend be\n"
			 "backend be\n server a 127.0.0.1:8001\n server n nowhere.invalid:80 init-addr none\n"
			 "backend two\n server x unix@/tmp/x.sock\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	console_close(&c);
	return 0;
}

/* The value of that name in "show info"; NULL: it is not there. */
static const char *info_of(const char *name)
{
	static char text[200];
	const char *at = console_ask(&c, "show info");
	size_t len = strlen(name);

	for (; *at != '\0'; at = strchr(at, '\n') + 1) {
		if (strncmp(at, name, len) == 0 && at[len] == ':') {
			snprintf(text, sizeof(text), "%.*s", (int)strcspn(at + len + 2, "\n"), at + len + 2);
			return text;
		}
	}
	return NULL;
}

static void the_process_is_told(void **state)
{
	char pid[20];

	(void)state;
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	tally_add(&c.gateway->workers[0].requests, 2);
	tally_add(&c.gateway->workers[1].requests, 3);
	assert_string_equal(info_of("Name"), INFO_NAME);
	assert_string_equal(info_of("Version"), INFO_VERSION);
	assert_string_equal(info_of("Nbthread"), "2");
	assert_string_equal(info_of("Pid"), pid);
	assert_string_equal(info_of("Maxconn"), "100");
	assert_string_equal(info_of("Hard_maxconn"), "100");
	assert_string_equal(info_of("CumReq"), "5");
	assert_string_equal(info_of("CurrConns"), "0");
	assert_string_equal(info_of("Listeners"), "1");
	assert_string_equal(info_of("Stopping"), "0");
	assert_memory_equal(info_of("Uptime"), "0d 0h00m0", 9);
	assert_null(info_of("description")); /* there is none */
	(void)console_ask(&c, "set maxconn global 50; disable frontend fe");
	assert_string_equal(info_of("Maxconn"), "50");
	assert_string_equal(info_of("Hard_maxconn"), "100");
	assert_string_equal(info_of("Listeners"), "0");
	(void)console_ask(&c, "enable frontend fe");
	c.gateway->config->description = SLICE_LIT("the shop");
	assert_string_equal(info_of("description"), "the shop");
}

static void fields_have_names_and_places(void **state)
{
	const char *text = console_ask(&c, "show info typed");

	(void)state;
	assert_memory_equal(text, "0.Name.1:POS:str:" INFO_NAME "\n1.Version.1:POS:str:" INFO_VERSION "\n", 60);
	assert_non_null(strstr(text, "\n6.Pid.1:"));
	assert_non_null(strstr(text, "\n15.Maxconn.1:CLP:u32:100\n"));
	for (unsigned i = 0; i < INFO_COUNT; i++) {
		if (info_kinds[i].name != NULL)
			assert_int_equal(strlen(info_kinds[i].tags), 3);
	}
	text = console_ask(&c, "show info json");
	assert_memory_equal(text, "[{\"field\":{\"pos\":0,\"name\":\"Name\"},\"processNum\":1,\"tags\":{\"origin\":\"Product\",", 76);
	assert_string_equal(text + strlen(text) - 4, "}}]\n");
}

static void other_commands_show_what_they_should(void **state)
{
	static const struct {
		const char *command, *part;
	} rows[] = {
		{ "show version", INFO_VERSION "\n" },
		{ "show backend", "# name\nbe\ntwo\n" },
		{ "show cli level", "admin\n" },
		{ "show cli sockets", "# socket lvl processes\n" },
		{ "show env MOA_INFO_TEST", "MOA_INFO_TEST=a b\n" },
		{ "show env MOA_NOT_THERE", "Variable not found\n" },
		{ "show env", "\nMOA_INFO_TEST=a b\n" },
		{ "show activity", "\nrequests: 0 [ 0 0 ]\n" },
		{ "show pools", "\nTotal: 5 pools, " },
		{ "show tokens", "users: 0\nfacts: 0\n" },
		{ "show servers conn", "\nbe/a 3/1 127.0.0.1 8001 - " },
		{ "show servers conn two", "\ntwo/x 4/1 - 0 - " },
		{ "show servers conn zz", "Can't find backend.\n" },
		{ "show servers state", "\n3 be 1 a 127.0.0.1 2 0 1 1 " },
		{ "show servers state two", "1\n# be_id be_name " },
		{ "show servers state zz", "Can't find backend.\n" },
	};

	(void)state;
	setenv("MOA_INFO_TEST", "a b", 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strstr(console_ask(&c, rows[i].command), rows[i].part) == NULL)
			fail_msg("%s: %s", rows[i].command, c.answer.ptr);
	}
	assert_null(strstr(console_ask(&c, "show servers conn two"), "be/a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_process_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(fields_have_names_and_places, setup, teardown),
		cmocka_unit_test_setup_teardown(other_commands_show_what_they_should, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
