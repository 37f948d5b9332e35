/* config_test.c - settings: defaults, values taken over, and one clear line for a wrong one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "shared/svc/config.h"

static const struct config_defaults defaults = {
	.program = "item_svc",
	.port = 5001,
	.admin_port = 9501,
	.mysql_url = "mysql://item_svc:moa@127.0.0.1:3311/item",
	.redis_url = "redis://127.0.0.1:6381/0",
	.spool_dir = "var/spool/item_svc",
};

static const char *const names[] = {
	"BIND",	     "PORT",	   "ADMIN_BIND", "ADMIN_PORT",	"MYSQL_URL",	     "REDIS_URL",	  "KAFKA_BROKERS",
	"SPOOL_DIR", "SPOOL_MAX_MB", "LOG_LEVEL",	 "LOG_FORMAT",	"ACCESS_LOG",	     "IO_THREADS",	  "WORKERS",
	"QUEUE",     "BODY_LIMIT", "CONNECTIONS", "LEAVE_MS", "AUDIT_ROWS_PER_S", "AUDIT_PERIOD_S", "SNAPSHOT_ROWS_PER_S", "MYSQL_CONNECTIONS",
	"REDIS_CONNECTIONS",
};
#define NAMES (sizeof(names) / sizeof(names[0]))

static int clear(void **state)
{
	(void)state;
	for (size_t i = 0; i < NAMES; i++)
		unsetenv(names[i]);
	return 0;
}

/* The text is freed by the caller; NULL when there is none. */
static enum config_next run(const char *argument, struct config *c, char **text)
{
	char program[] = "item_svc", space[64];
	char *const argv[] = { program, space, NULL };
	enum config_next next;
	struct buf b;
	size_t len;

	snprintf(space, sizeof(space), "%s", argument == NULL ? "" : argument);
	buf_init(&b, 0);
	next = config_read(&defaults, argument == NULL ? 1 : 2, argv, c, &b);
	*text = buf_take(&b, &len);
	return next;
}

static void all_defaults(void **state)
{
	struct config c;
	char *text;

	(void)state;
	assert_int_equal(run(NULL, &c, &text), CONFIG_START);
	free(text);
	assert_string_equal(c.bind, "127.0.0.1");
	assert_int_equal(c.port, 5001);
	assert_string_equal(c.admin_bind, "127.0.0.1");
	assert_int_equal(c.admin_port, 9501);
	assert_string_equal(c.mysql_url, defaults.mysql_url);
	assert_string_equal(c.redis_url, defaults.redis_url);
	assert_string_equal(c.kafka_brokers, "127.0.0.1:9092");
	assert_string_equal(c.spool_dir, "var/spool/item_svc");
	assert_int_equal(c.spool_max_mb, 256);
	assert_int_equal(c.log_level, LOG_LEVEL_INFO);
	assert_int_equal(c.log_format, LOG_FORMAT_TEXT);
	assert_true(c.access_log);
	assert_int_equal(c.io_threads, 1);
	assert_int_equal(c.workers, 8);
	assert_int_equal(c.queue, 256);
	assert_int_equal(c.mysql_connections, 8);
	assert_int_equal(c.redis_connections, 8);
	assert_int_equal(c.body_limit, 65536);
	assert_int_equal(c.leave_ms, 1000);
	assert_int_equal(c.connections, 10000);
	assert_int_equal(c.audit_rows_per_s, 500);
	assert_int_equal(c.audit_period_s, 600);
	assert_int_equal(c.snapshot_rows_per_s, 10000);
}

static void values_taken_over(void **state)
{
	struct config c;
	char *text;

	(void)state;
	setenv("BIND", "::", 1);
	setenv("PORT", "1", 1);
	setenv("ADMIN_PORT", "65535", 1);
	setenv("MYSQL_URL", "mysql://a@b/c", 1);
	setenv("WORKERS", "3", 1);
	setenv("REDIS_CONNECTIONS", "5", 1);
	setenv("LOG_LEVEL", "error", 1);
	setenv("LOG_FORMAT", "json", 1);
	setenv("ACCESS_LOG", "off", 1);
	assert_int_equal(run(NULL, &c, &text), CONFIG_START);
	free(text);
	assert_string_equal(c.bind, "::");
	assert_int_equal(c.port, 1);
	assert_int_equal(c.admin_port, 65535);
	assert_string_equal(c.mysql_url, "mysql://a@b/c");
	assert_int_equal(c.workers, 3);
	assert_int_equal(c.mysql_connections, 3);
	assert_int_equal(c.redis_connections, 5);
	assert_int_equal(c.log_level, LOG_LEVEL_ERROR);
	assert_int_equal(c.log_format, LOG_FORMAT_JSON);
	assert_false(c.access_log);
}

static void wrong(const char *name, const char *value, const char *line)
{
	struct config c;
	char *text;

	setenv(name, value, 1);
	assert_int_equal(run(NULL, &c, &text), CONFIG_WRONG);
	assert_string_equal(text, line);
	free(text);
	unsetenv(name);
}

static void wrong_values(void **state)
{
	(void)state;
	wrong("PORT", "abc", "item_svc: PORT=abc: not a number from 1 to 65535\n");
	wrong("PORT", "0", "item_svc: PORT=0: not a number from 1 to 65535\n");
	wrong("PORT", "65536", "item_svc: PORT=65536: not a number from 1 to 65535\n");
	wrong("PORT", "", "item_svc: PORT=: not a number from 1 to 65535\n");
	wrong("PORT", "-1", "item_svc: PORT=-1: not a number from 1 to 65535\n");
	wrong("WORKERS", "1e2", "item_svc: WORKERS=1e2: not a number from 1 to 1024\n");
	wrong("WORKERS", "=QUEUE", "item_svc: WORKERS==QUEUE: not a number from 1 to 1024\n");
	wrong("BIND", "localhost", "item_svc: BIND=localhost: not a numeric IPv4 or IPv6 address\n");
	wrong("ACCESS_LOG", "yes", "item_svc: ACCESS_LOG=yes: not on or off\n");
	wrong("LOG_LEVEL", "loud", "item_svc: LOG_LEVEL=loud: not debug, info, warn or error\n");
	wrong("LOG_FORMAT", "xml", "item_svc: LOG_FORMAT=xml: not text or json\n");
	wrong("MYSQL_URL", "", "item_svc: MYSQL_URL: must not be empty\n");
}

static void help_names_each_setting(void **state)
{
	struct config c;
	char line[64];
	char *text;

	(void)state;
	assert_int_equal(run("--help", &c, &text), CONFIG_SHOWN);
	assert_non_null(strstr(text, "Usage: item_svc"));
	for (size_t i = 0; i < NAMES; i++) {
		snprintf(line, sizeof(line), "\n  %s ", names[i]);
		if (strstr(text, line) == NULL)
			fail_msg("--help lacks %s", names[i]);
	}
	assert_non_null(strstr(text, "port of the API, 1 to 65535 (5001)\n"));
	assert_non_null(strstr(text, "connections to the own Redis, 1 to 1024 (WORKERS)\n"));
	free(text);
}

static void options(void **state)
{
	struct config c;
	char *text;

	(void)state;
	assert_int_equal(run("--version", &c, &text), CONFIG_SHOWN);
	assert_string_equal(text, "item_svc " MOA_VERSION "\n");
	free(text);
	assert_int_equal(run("--port", &c, &text), CONFIG_WRONG);
	assert_string_equal(text, "item_svc: --port: unknown option; see --help\n");
	free(text);
}

/* What config_load() returns, with both outputs thrown away. */
static int load(const char *argument)
{
	char program[] = "item_svc", space[64];
	char *const argv[] = { program, space, NULL };
	int out = dup(1), err = dup(2), status;
	struct config c;

	snprintf(space, sizeof(space), "%s", argument);
	fflush(stdout);
	assert_non_null(freopen("/dev/null", "w", stdout));
	assert_non_null(freopen("/dev/null", "w", stderr));
	status = config_load(&defaults, argument[0] == '\0' ? 1 : 2, argv, &c);
	fflush(stdout);
	dup2(out, 1);
	dup2(err, 2);
	close(out);
	close(err);
	return status;
}

static void exit_statuses(void **state)
{
	(void)state;
	assert_int_equal(load(""), -1);
	assert_int_equal(load("--help"), 0);
	assert_int_equal(load("--version"), 0);
	assert_int_equal(load("-x"), 2);
	setenv("QUEUE", "0", 1);
	assert_int_equal(load(""), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_defaults, clear, clear),
		cmocka_unit_test_setup_teardown(values_taken_over, clear, clear),
		cmocka_unit_test_setup_teardown(wrong_values, clear, clear),
		cmocka_unit_test_setup_teardown(help_names_each_setting, clear, clear),
		cmocka_unit_test_setup_teardown(options, clear, clear),
		cmocka_unit_test_setup_teardown(exit_statuses, clear, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
