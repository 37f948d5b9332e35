/* global_test.c - the global section: values of the process, its environment and variables; and sizes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <unistd.h>

#include "tests/unit/gateway/support/reading.h"

#define LINES(before, rows) reading_lines(before, rows, READING_COUNT(rows))
#define CONFIG(name) READING_FIELD(struct config, name)
#define GLOBAL "global\n "

static const void *the_config(const struct config *c)
{
	return c;
}

static void numbers(void **state)
{
	static const struct reading_value rows[] = {
		{ "daemon", CONFIG(daemon), true },
		{ "quiet", CONFIG(quiet), true },
		{ "master-worker", CONFIG(master_worker), true },
		{ "nbthread 64", CONFIG(threads), 64 },
		{ "maxconn 7", CONFIG(maxconn), 7 },
		{ "hard-stop-after 7s", CONFIG(hard_stop_after_ms), 7000 },
		{ "grace 7s", CONFIG(grace_ms), 7000 },
		{ "spread-checks 50", CONFIG(spread_checks), 50 },
		{ "max-spread-checks 7", CONFIG(max_spread_checks_ms), 7 },
		{ "", CONFIG(stats_timeout_ms), 10000 },
		{ "stats timeout 7s", CONFIG(stats_timeout_ms), 7000 },
		{ "", CONFIG(stats_maxconn), 10 },
		{ "stats maxconn 7", CONFIG(stats_maxconn), 7 },
		{ "", CONFIG(bufsize), 16384 },
		{ "tune.bufsize 32k", CONFIG(bufsize), 32768 },
		{ "tune.maxrewrite 7", CONFIG(maxrewrite), 7 },
		{ "tune.bufsize 1024\n tune.maxrewrite 1000", CONFIG(maxrewrite), 512 }, /* half of a buffer at most */
		{ "tune.http.maxhdr 7", CONFIG(max_headers), 7 },
		{ "tune.http.logurilen 7", CONFIG(logurilen), 7 },
		{ "tune.maxaccept 7", CONFIG(maxaccept), 7 },
		{ "tune.maxaccept -1", CONFIG(maxaccept), INT_MAX },
	};

	(void)state;
	reading_values(GLOBAL, rows, READING_COUNT(rows), the_config);
}

static void texts(void **state)
{
	struct reading r;

	(void)state;
	reading_of(&r, SLICE_LIT(GLOBAL "pidfile /p\n user root\n group root\n chroot /c\n node n-1\n description a b  c\n"
				 " log-send-hostname h\n log-tag t\n server-state-file f\n server-state-base /b\n log 127.0.0.1:1 local0\n"));
	assert_string_equal(r.said.ptr, "");
	assert_slice(r.c->pid_file, "/p");
	assert_slice(r.c->user, "root");
	assert_slice(r.c->group, "root");
	assert_slice(r.c->chroot, "/c");
	assert_slice(r.c->node, "n-1");
	assert_slice(r.c->description, "a b c");
	assert_slice(r.c->log_send_hostname, "h");
	assert_slice(r.c->log_tag, "t");
	assert_slice(r.c->server_state_file, "f");
	assert_slice(r.c->server_state_base, "/b");
	assert_non_null(r.c->logs);
	reading_free(&r);
}

static void the_name_of_the_host_is_found(void **state)
{
	struct reading r;
	char name[256] = "";

	(void)state;
	assert_int_equal(gethostname(name, sizeof(name) - 1), 0);
	reading_of(&r, SLICE_LIT(GLOBAL "log-send-hostname\n"));
	assert_slice(r.c->log_send_hostname, name);
	reading_free(&r);
}

static void what_is_refused(void **state)
{
	static const struct reading_row rows[] = {
		{ "daemon x", "'daemon' cannot handle unexpected argument 'x'" },
		{ "master-worker no-exit-on-failure", "'master-worker no-exit-on-failure' is not supported yet" },
		{ "master-worker x", "'master-worker' cannot handle unexpected argument 'x'" },
		{ "nbthread 0", "'nbthread' expects a number from 1 to 64, not '0'" },
		{ "nbthread 65", "'nbthread' expects a number from 1 to 64, not '65'" },
		{ "maxconn", "'maxconn' expects an argument" },
		{ "maxconn x", "'maxconn' expects a number, not 'x'" },
		{ "maxconn 1 2", "'maxconn' cannot handle unexpected argument '2'" },
		{ "pidfile", "'pidfile' expects an argument" },
		{ "pidfile a b", "'pidfile' cannot handle unexpected argument 'b'" },
		{ "user", "'user' expects an argument" },
		{ "user no-such-user", "cannot find user id for 'no-such-user'" },
		{ "group", "'group' expects an argument" },
		{ "group no-such-group", "cannot find group id for 'no-such-group'" },
		{ "node a/b", "'node' expects letters, digits, '-', '_' and '.', not '/'" },
		{ "node", "'node' expects an argument" },
		{ "description", "'description' expects an argument" },
		{ "log-send-hostname a b", "'log-send-hostname' cannot handle unexpected argument 'b'" },
		{ "hard-stop-after", "'hard-stop-after' expects an argument" },
		{ "grace 25d", "timer overflow in argument '25d' to 'grace' (maximum value is 2147483647 ms or ~24.8 days)" },
		{ "spread-checks 51", "'spread-checks' expects a number from 0 to 50, not '51'" },
		{ "stats timeout", "'stats timeout' expects an argument" },
		{ "stats timeout 0", "'stats timeout' expects a positive value" },
		{ "stats maxconn 0", "'stats maxconn' expects a number from 1 to 2147483647, not '0'" },
		{ "log global", "log : 'global' is not supported for a global syslog server" },
		{ "log-tag", "'log-tag' expects an argument" },
		{ "tune.bufsize", "'tune.bufsize' expects an argument" },
		{ "tune.bufsize 1023", "'tune.bufsize' expects 1024 to 16777216 bytes, not '1023'" },
		{ "tune.bufsize 17m", "'tune.bufsize' expects 1024 to 16777216 bytes, not '17m'" },
		{ "tune.maxrewrite 0", "'tune.maxrewrite' expects a number from 1 to 16777216, not '0'" },
		{ "tune.http.maxhdr 32768", "'tune.http.maxhdr' expects a number from 1 to 32767, not '32768'" },
		{ "tune.http.logurilen 0", "'tune.http.logurilen' expects a number from 1 to 65535, not '0'" },
		{ "tune.maxaccept 0", "'tune.maxaccept' expects a number from 1 to 2147483647, not '0'" },
		{ "tune.maxaccept -1 x", "'tune.maxaccept' cannot handle unexpected argument 'x'" },
	};

	(void)state;
	LINES(GLOBAL, rows);
}

/* ---- environment and variables ---- */

/* Reads <lines> of a global section; nothing may be wrong with them. */
static void read_well(const char *lines)
{
	struct buf text;

	buf_init(&text, 0);
	buf_printf(&text, "global\n%s%c", lines, 0);
	reading_text(text.ptr, NULL);
	buf_free(&text);
}

static void variables_of_the_environment(void **state)
{
	(void)state;
	clearenv();
	read_well(" setenv A 1\n presetenv A 2\n presetenv B 2\n setenv C 'a b'\n");
	assert_string_equal(getenv("A"), "1");
	assert_string_equal(getenv("B"), "2");
	assert_string_equal(getenv("C"), "a b");
	read_well(" setenv A 3\n unsetenv B C\n");
	assert_string_equal(getenv("A"), "3");
	assert_null(getenv("B"));
	assert_null(getenv("C"));
	read_well(" setenv B 4\n resetenv A NONE\n");
	assert_string_equal(getenv("A"), "3");
	assert_null(getenv("B"));
	assert_null(getenv("NONE"));
	read_well(" resetenv\n");
	assert_null(getenv("A"));
}

static void variables_that_are_refused(void **state)
{
	static const struct reading_row rows[] = {
		{ "setenv A", "'setenv' expects a name and a value" },
		{ "setenv A=B c", "'setenv' expects a name and a value" },
		{ "presetenv A", "'presetenv' expects a name and a value" },
		{ "setenv A b c", "'setenv' cannot handle unexpected argument 'c'" },
		{ "unsetenv", "'unsetenv' expects an argument" },
		{ "unsetenv A=B", "'unsetenv' failed on variable 'A=B'" },
	};

	(void)state;
	LINES(GLOBAL, rows);
}

static void variables_of_the_process(void **state)
{
	char line[9000];
	struct reading_row too_long = { line, "the value of a variable has at most 4096 bytes" };
	static const struct reading_row rows[] = {
		{ "set-var proc.a int(7)", NULL },
		{ "set-var proc.a str(x),upper", NULL },
		{ "set-var proc.a int(1)\n set-var proc.b var(proc.a),add(proc.a)", NULL },
		{ "set-var proc.a str(x),set-var(proc.b)\n set-var proc.c var(proc.b)", NULL },
		{ "set-var proc.a rand(5)", NULL },
		{ "set-var proc.a uuid", NULL },
		{ "set-var proc.a thread", NULL },
		{ "set-var proc.a stopping", NULL },
		{ "set-var proc.a str(x),set-var(txn.b)", "'set-var': 'str(x),set-var(txn.b)' has no value" },
		{ "set-var proc.a var(sess.b)", "'set-var': 'var(sess.b)' has no value" },
		{ "set-var proc.a nbsrv(b)", "'set-var': 'nbsrv(b)' names what is only known after all has been read" },
		{ "set-var proc.a str(x),in_table(b)", "'set-var': 'str(x),in_table(b)' names what is only known after all has been read" },
		{ "set-var proc.a src", "sample fetch 'src' is not available here : it needs a connection, which a 'set-var' of the global section does"
					" not have" },
		{ "set-var a int(7)", "invalid variable name 'a' : it must begin with its scope, one of proc, sess, txn, req and res, and a '.'" },
		{ "set-var proc.a", "'set-var' requires a process-wide variable name ('proc.<name>') and a sample expression" },
		{ "set-var proc.a int(7) x", "'set-var' cannot handle unexpected argument 'x'" },
		{ "set-var txn.a int(7)", "'set-var': cannot set variable 'txn.a', only scope 'proc' is permitted in the global section" },
		{ "set-var proc.a var(proc.none)", "'set-var': 'var(proc.none)' has no value" },
		{ "set-var proc.a xyzzy", "unknown sample fetch 'xyzzy'" },
	};

	(void)state;
	LINES(GLOBAL, rows);
	memset(line, 'a', sizeof(line));
	memcpy(line, "set-var proc.a str(", 19);
	memcpy(line + sizeof(line) - 2, ")", 2);
	reading_line(GLOBAL, &too_long);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers), cmocka_unit_test(texts), cmocka_unit_test(the_name_of_the_host_is_found),
		cmocka_unit_test(what_is_refused), cmocka_unit_test(variables_of_the_environment),
		cmocka_unit_test(variables_that_are_refused), cmocka_unit_test(variables_of_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
