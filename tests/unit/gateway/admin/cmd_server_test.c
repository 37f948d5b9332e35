/* cmd_server_test.c - commands that change a server: what they answer, which is HAProxy 2.6's unless a row says so, and what they change. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/health/resolver.h"
#include "gateway/model/server_text.h"
#include "gateway/model/state.h"
#include "tests/unit/gateway/support/console.h"

static struct console c;

static int setup(void **state)
{
	(void)state;
	console_open(&c, "backend be\n"
			 " server a 127.0.0.1:8001 weight 10\n"
			 " server b 127.0.0.1:8002 check inter 1000s\n"
			 " server u unix@/tmp/x.sock\n"
			 " server m 127.0.0.1\n"
			 " server d 127.0.0.1:8003 disabled\n"
			 " server n shop.test:80 resolvers r init-addr none\n"
			 " server t 127.0.0.1:8004 track b\n"
			 "resolvers r\n nameserver none 127.0.0.1:1\n"
			 "backend other\n"
			 " server a 127.0.0.1:8001\n");
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

static unsigned admin_of(const char *name)
{
	return atomic_load(&console_server(&c, "be", name)->admin);
}

static unsigned weight_of(const char *name)
{
	return atomic_load(&console_server(&c, "be", name)->weight);
}

static void servers_are_found_by_name_or_number(void **state)
{
	static const struct row rows[] = {
		{ "get weight", "Require 'backend/server'.\n" },
		{ "get weight be", "Require 'backend/server'.\n" },
		{ "get weight be/", "Require 'backend/server'.\n" },
		{ "get weight zz/a", "No such backend.\n" },
		{ "get weight be/zz", "No such server.\n" },
		{ "get weight be/a", "10 (initial 10)\n" },
		{ "get weight #2/#1", "10 (initial 10)\n" },
		{ "get weight #2/#9", "No such server.\n" },
		{ "get weight #9/#1", "No such backend.\n" },
		{ "get weight #/#", "No such backend.\n" },
		{ "get weight #2/#x", "No such server.\n" },
	};

	(void)state;
	assert_rows(rows);
}

static void weights_are_absolute_or_a_part(void **state)
{
	static const struct {
		const char *weight, *answer;
		unsigned then;
	} rows[] = {
		{ "5", "", 5 },
		{ "0", "", 0 },
		{ "256", "", 256 },
		{ "257", "Absolute weight can only be between 0 and 256 inclusive.\n", 256 },
		{ "-1", "Absolute weight can only be between 0 and 256 inclusive.\n", 256 },
		{ "50%", "", 5 },
		{ "0%", "", 0 },
		{ "100%", "", 10 },
		{ "99999999999999999999%", "", 256 },
		{ "-5%", "Relative weight must be positive.\n", 256 },
		{ "5x", "Trailing garbage in weight string\n", 256 },
		{ "5%%", "Trailing garbage in weight string\n", 256 },
		{ "x", "Empty weight string empty or preceded by garbage\n", 256 },
		{ "-", "Empty weight string empty or preceded by garbage\n", 256 },
		{ "%", "Empty weight string empty or preceded by garbage\n", 256 },
		{ "", "Require <weight> or <weight%>.\n", 256 },
	};
	static const char *const forms[] = { "set weight be/a", "set server be/a weight" };
	char command[80];

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(command, sizeof(command), "%s %s", forms[i % 2], rows[i / 2].weight);
		assert_string_equal(console_ask(&c, command), rows[i / 2].answer);
		assert_int_equal(weight_of("a"), rows[i / 2].then);
	}
}

static void states_are_ready_drain_and_maint(void **state)
{
	static const struct {
		const char *command;
		unsigned admin;
	} rows[] = {
		{ "set server be/a state maint", SERVER_MAINT },
		{ "set server be/a state drain", SERVER_DRAIN },
		{ "disable server be/a", SERVER_MAINT },
		{ "disable server be/a", SERVER_MAINT },
		{ "enable server be/a", 0 },
		{ "set server be/a state drain", SERVER_DRAIN },
		{ "set server be/a state ready", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_string_equal(console_ask(&c, rows[i].command), "");
		assert_int_equal(admin_of("a"), rows[i].admin);
	}
	assert_string_equal(console_ask(&c, "set server be/a state MAINT"), "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n");
	assert_string_equal(console_ask(&c, "set server be/a state"), "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n");
	assert_int_equal(admin_of("a"), 0);
	assert_int_equal(admin_of("d"), SERVER_MAINT_CONFIG);
	assert_string_equal(console_ask(&c, "enable server be/d"), "");
	assert_int_equal(admin_of("d"), 0);
}

static void health_is_forced(void **state)
{
	static const char expects[] = "'set server <srv> health' expects 'up', 'stopping', or 'down'.\n";

	(void)state;
	for (const char *const *s = (const char *const[]){ "a", "b", NULL }; *s != NULL; s++) { /* without checks and with */
		const _Atomic int *now = &console_server(&c, "be", *s)->state;
		char command[80];

		snprintf(command, sizeof(command), "set server be/%s health down", *s);
		assert_string_equal(console_ask(&c, command), "");
		assert_int_equal(atomic_load(now), SERVER_DOWN);
		snprintf(command, sizeof(command), "set server be/%s health stopping", *s);
		assert_string_equal(console_ask(&c, command), "");
		assert_int_equal(atomic_load(now), SERVER_STOPPING);
		snprintf(command, sizeof(command), "set server be/%s health up", *s);
		assert_string_equal(console_ask(&c, command), "");
		assert_int_equal(atomic_load(now), SERVER_UP);
	}
	assert_string_equal(console_ask(&c, "set server be/a health"), expects);
	assert_string_equal(console_ask(&c, "set server be/a health UP"), expects);
}

static void checks_are_stopped_and_sent_elsewhere(void **state)
{
	static const char none[] = "health checks are not enabled on this server\n";
	static const char address[] = "set server <b>/<s> check-addr requires an address and optionally a port.\n";
	static const struct row rows[] = {
		{ "disable health be/a", "" },
		{ "enable health be/a", "Health check was not configured on this server, cannot enable.\n" },
		{ "disable health be/b", "" },
		{ "enable health be/b", "" },
		{ "enable health", "Require 'backend/server'.\n" },
		{ "set server be/a check-port 80", none },
		{ "set server be/a check-addr 127.0.0.2", none },
		{ "set server be/b check-port", "set server <b>/<s> check-port requires a port.\n" },
		{ "set server be/b check-port x", "provided port is not an integer\n" },
		{ "set server be/b check-port 80x", "provided port is not an integer\n" },
		{ "set server be/b check-port 65536", "provided port is invalid\n" },
		{ "set server be/b check-port -1", "provided port is invalid\n" },
		{ "set server be/b check-port 80", "" },
		{ "set server be/b check-addr", address },
		{ "set server be/b check-addr 127.0.0.2 80", address }, /* HAProxy ignores the 80 */
		{ "set server be/b check-addr zz", "invalid addr 'zz'\n" },
		{ "set server be/b check-addr ::1", "" },
		{ "set server be/b check-addr 127.0.0.2 port", "provided port is not an integer\n" },
		{ "set server be/b check-addr 127.0.0.2 port 99999", "provided port is invalid\n" },
		{ "set server be/b check-addr 127.0.0.2 port 81", "" },
	};
	struct health_view v;

	(void)state;
	assert_rows(rows);
	(void)console_ask(&c, "disable health be/b");
	health_view(console_server(&c, "be", "b"), &v);
	assert_false(v.enabled);
}

/* The server's address as text, with its port. */
static const char *place_of(const char *name)
{
	static char text[SERVER_ADDRESS_SIZE + 8];
	char space[SERVER_ADDRESS_SIZE];
	unsigned port;

	server_address_text(atomic_load(&console_server(&c, "be", name)->address), space, &port);
	snprintf(text, sizeof(text), "%s:%u", space, port);
	return text;
}

static void addresses_change(void **state)
{
	static const struct {
		const char *what, *answer, *then;
	} rows[] = {
		{ "127.0.0.1", "no need to change the addr", "127.0.0.1:8001" },
		{ "127.0.0.2", "IP changed from '127.0.0.1' to '127.0.0.2'", "127.0.0.2:8001" },
		{ "127.0.0.2 port 80", "no need to change the addr, port changed from '8001' to '80'", "127.0.0.2:80" },
		{ "::1 port 80", "IP changed from '127.0.0.2' to '::1', no need to change the port", "::1:80" },
		{ "127.0.0.1 port 8001", "IP changed from '::1' to '127.0.0.1', port changed from '80' to '8001'", "127.0.0.1:8001" },
		{ "zz", "Invalid addr 'zz'", "127.0.0.1:8001" },
		{ "unix@/x", "Invalid addr 'unix@/x'", "127.0.0.1:8001" },
		{ "localhost", "Invalid addr 'localhost'", "127.0.0.1:8001" },
		/* HAProxy has changed the address before it looks at the port, and cuts ports to 16 bits. */
		{ "127.0.0.9 port", "problem converting port '' to an int", "127.0.0.1:8001" },
		{ "127.0.0.9 port x", "problem converting port 'x' to an int", "127.0.0.1:8001" },
		{ "127.0.0.9 port 80x", "problem converting port '80x' to an int", "127.0.0.1:8001" },
		{ "127.0.0.9 port 65536", "port '65536' is out of range", "127.0.0.1:8001" },
		{ "127.0.0.9 port 0", "port '0' is out of range", "127.0.0.1:8001" },
		{ "127.0.0.9 port +5", "can't change between a port and a port map", "127.0.0.1:8001" },
	};
	char command[80], answer[160];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(command, sizeof(command), "set server be/a addr %s", rows[i].what);
		snprintf(answer, sizeof(answer), "%s by 'stats socket command'\n", rows[i].answer);
		assert_string_equal(console_ask(&c, command), answer);
		assert_string_equal(place_of("a"), rows[i].then);
	}
	assert_string_equal(console_ask(&c, "set server be/a addr"), "set server <b>/<s> addr requires an address and optionally a port.\n");
	assert_string_equal(console_ask(&c, "set server be/a addr ::1 80"),
			    "set server <b>/<s> addr requires an address and optionally a port.\n");
	assert_string_equal(console_ask(&c, "set server be/u addr ::1"),
			    "Update for the current server address family is only supported through configuration file by 'stats socket command'\n");
}

static void mapped_ports_change_too(void **state)
{
	(void)state;
	assert_string_equal(console_ask(&c, "set server be/m addr 127.0.0.1 port +7"),
			    "no need to change the addr, port changed from '+0' to '+7' by 'stats socket command'\n");
	assert_string_equal(place_of("m"), "127.0.0.1:7");
	assert_string_equal(console_ask(&c, "set server be/m addr 127.0.0.1 port -1"),
			    "no need to change the addr, port changed from '+7' to '-1' by 'stats socket command'\n");
	assert_string_equal(place_of("m"), "127.0.0.1:65535");
	assert_string_equal(console_ask(&c, "set server be/m addr 127.0.0.1 port 80"),
			    "can't change between a port and a port map by 'stats socket command'\n");
}

static void names_change(void **state)
{
	static const struct row rows[] = {
		{ "set server be/n fqdn", "set server <b>/<s> fqdn requires a FQDN.\n" },
		{ "set server be/n fqdn shop.test", "no need to change the FDQN by 'stats socket command'\n" },
		{ "set server be/n fqdn a..b", "'a..b' is no name that can be asked for by 'stats socket command'\n" },
		{ "set server be/n fqdn x.test", "be/n changed its FQDN from shop.test to x.test by 'stats socket command'\n" },
		{ "set server be/n fqdn x.test", "no need to change the FDQN by 'stats socket command'\n" },
		{ "set server be/n fqdn shop.test", "be/n changed its FQDN from x.test to shop.test by 'stats socket command'\n" },
		{ "set server be/a fqdn x.test", "set server <b>/<s> fqdn failed because no resolution is configured.\n" },
	};

	(void)state;
	gateway_look_up(c.gateway);
	assert_rows(rows);
	assert_non_null(strstr(console_ask(&c, "show servers state be"), " be 6 n - "));
	assert_non_null(strstr(c.answer.ptr, " shop.test 80 "));
	resolver_stop(&c.gateway->resolver);
}

static void limits_change(void **state)
{
	static const struct row rows[] = {
		{ "set maxconn server", "Require 'backend/server'.\n" },
		{ "set maxconn server be/a", "Require <maxconn>.\n" },
		{ "set maxconn server be/a x", "maxconn string empty or preceded by garbage\n" },
		{ "set maxconn server be/a 5x", "Trailing garbage in maxconn string\n" },
		{ "set maxconn server be/a -1", "Value out of range.\n" },         /* HAProxy takes it as many */
		{ "set maxconn server be/a 4294967296", "Value out of range.\n" }, /* and this as 0 */
		{ "set maxconn server be/zz 5", "No such server.\n" },
	};

	(void)state;
	assert_rows(rows);
	assert_int_equal(atomic_load(&console_server(&c, "be", "a")->maxconn), 0);
	assert_string_equal(console_ask(&c, "set maxconn server be/a 5"), "");
	assert_int_equal(atomic_load(&console_server(&c, "be", "a")->maxconn), 5);
}

static void what_there_is_not_is_refused(void **state)
{
	static const char usage[] = "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | agent-send | check-addr | "
				    "check-port | fqdn | health | ssl | state | weight\n";
	static const char agent[] = "agent checks are not enabled on this server.\n";
	static const struct row rows[] = {
		{ "set server", "Require 'backend/server'.\n" },
		{ "set server be/zz state ready", "No such server.\n" },
		{ "set server be/a", usage },
		{ "set server be/a foo", usage },
		{ "set server be/a agent up", agent },
		{ "set server be/a agent-addr 127.0.0.1", agent },
		{ "set server be/a agent-port 80", agent },
		{ "set server be/a agent-send x", agent },
		{ "set server be/t health up", "cannot change health on a tracking server.\n" },
		{ "set server be/a fqdn", "set server <b>/<s> fqdn requires a FQDN.\n" },
		{ "set server be/a fqdn x", "set server <b>/<s> fqdn failed because no resolution is configured.\n" },
		{ "set server be/a ssl on", "'set server <srv> ssl' cannot be set.  default-server should define ssl settings\n" },
	};

	(void)state;
	assert_rows(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(servers_are_found_by_name_or_number, setup, teardown),
		cmocka_unit_test_setup_teardown(weights_are_absolute_or_a_part, setup, teardown),
		cmocka_unit_test_setup_teardown(states_are_ready_drain_and_maint, setup, teardown),
		cmocka_unit_test_setup_teardown(health_is_forced, setup, teardown),
		cmocka_unit_test_setup_teardown(checks_are_stopped_and_sent_elsewhere, setup, teardown),
		cmocka_unit_test_setup_teardown(addresses_change, setup, teardown),
		cmocka_unit_test_setup_teardown(mapped_ports_change_too, setup, teardown),
		cmocka_unit_test_setup_teardown(names_change, setup, teardown),
		cmocka_unit_test_setup_teardown(limits_change, setup, teardown),
		cmocka_unit_test_setup_teardown(what_there_is_not_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
