/* cli_test.c - connections to the runtime socket: lines, words, payloads, prompts, and peers that read slowly, say too much or nothing. */
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
	console_open(&c, "backend be\n stick-table type integer size 100k store gpc0\n server a 127.0.0.1:8001 weight 3\n"
			 " server b 127.0.0.1:8001 weight 4\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	console_close(&c);
	return 0;
}

/* What <text>, sent as it is, is answered with until the connection is closed. */
static const char *send_all(const char *text)
{
	int fd = console_connect(&c, 0);

	console_send(&c, fd, text, strlen(text));
	shutdown(fd, SHUT_WR);
	return console_read(&c, fd, SIZE_MAX);
}

static void lines_are_taken_apart(void **state)
{
	static const struct {
		const char *text, *answer;
	} rows[] = {
		{ "get weight be/a\n", "3 (initial 3)\n\n" },
		{ "get weight be/a\r\n", "3 (initial 3)\n\n" },
		{ " \tget  weight\t be/a \t \n", "3 (initial 3)\n\n" },
		{ "set server be/a addr x\\;y\\ z\\\\\n", "Invalid addr 'x;y z\\' by 'stats socket command'\n\n" },
		{ "set server be/a addr x\\\n", "Invalid addr 'x\\' by 'stats socket command'\n\n" },
		{ "g\\et weight be/a\n", "3 (initial 3)\n\n" },
		{ "get weight be/a;get weight be/b ; get weight be/a\n", "3 (initial 3)\n\n4 (initial 4)\n\n3 (initial 3)\n\n" },
		{ "get weight be/a\nget weight be/b\n", "3 (initial 3)\n\n4 (initial 4)\n\n" }, /* both were there at once */
		{ "get weight be/a\nquit\n", "3 (initial 3)\n\n" },
		{ "quit\nget weight be/a\n", "" },
		{ "quit; get weight be/a\n", "" },
		{ "get weight be/a", "" }, /* no line */
		{ "", "" },
		{ "get weight be/a <<\nx\n\n", "3 (initial 3)\n\n" },
		{ "get weight be/a <<\n\n", "3 (initial 3)\n\n" },
		{ "get weight be/a <<\nx\n", "" }, /* the payload has no end */
		{ "get weight be/a<<\n", "No such server.\n\n" }, /* a part of the word */
		{ "get weight be/a <<\nx\n\nget weight be/b\n", "3 (initial 3)\n\n4 (initial 4)\n\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(send_all(rows[i].text), rows[i].answer);
}

static void a_connection_ends_after_its_line(void **state)
{
	int fd = console_connect(&c, 0);

	(void)state;
	console_send(&c, fd, "get wei", 7);
	for (int i = 0; i < 3; i++)
		console_turn(&c, 0);
	assert_int_equal(c.gateway->runtime->count, 1);
	console_send(&c, fd, "ght be/a\n", 9);
	assert_string_equal(console_read(&c, fd, SIZE_MAX), "3 (initial 3)\n\n"); /* though the client has not ended its side */
	assert_int_equal(c.gateway->runtime->count, 0);
}

static void a_prompt_keeps_it(void **state)
{
	static const char begin[] = "\n> 3 (initial 3)\n\n> Unknown command. ", end[] = "disconnect\n\n> ";
	const char *answer = send_all("prompt\nget weight be/a\n\nquit\n");

	(void)state;
	assert_memory_equal(answer, begin, sizeof(begin) - 1);
	assert_string_equal(answer + strlen(answer) - (sizeof(end) - 1), end);
}

static void payloads_are_asked_for(void **state)
{
	static const char *const lines[] = { "prompt\n", "get weight be/a <<\n", "one\n", "two\n", "\n", "quit\n" };
	int fd = console_connect(&c, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		console_send(&c, fd, lines[i], strlen(lines[i]));
	assert_string_equal(console_read(&c, fd, SIZE_MAX), "\n> + + + 3 (initial 3)\n\n> ");
}

static void unknown_words_are_answered_with_what_is_like_them(void **state)
{
	static const char *const nothing_like[] = { "nonsense", "", "GET WEIGHT be/a", "getweight", "\\", ";" };
	static const char first[] = "Unknown command. Please enter one of the following commands only:\n  clear counters [all] ";

	(void)state;
	for (size_t i = 0; i < sizeof(nothing_like) / sizeof(nothing_like[0]); i++)
		assert_memory_equal(console_ask(&c, nothing_like[i]), first, sizeof(first) - 1);
	assert_string_equal(console_ask(&c, "get wait be/a"),
			    "Unknown command, but maybe one of the following ones is a better match:\n"
			    "  get weight <bk>/<srv>                   : report a server's current weight\n"
			    "  help [<command>]                        : list matching or all commands\n"
			    "  prompt                                  : toggle interactive mode with prompt\n"
			    "  quit                                    : disconnect\n");
	assert_non_null(strstr(console_ask(&c, "help"), "The following commands are valid at this level:\n  clear counters [all] "));
	assert_non_null(strstr(console_ask(&c, "help show"), "  show table <table> "));
	assert_null(strstr(console_ask(&c, "help show"), "  clear table "));
}

static void levels_forbid(void **state)
{
	static const struct {
		int level;
		const char *command, *answer;
	} rows[] = {
		{ CLI_USER, "get weight be/a", "3 (initial 3)\n" },
		{ CLI_USER, "set weight be/a 5", "Permission denied\n" },
		{ CLI_USER, "show sess", "Permission denied\n" },
		{ CLI_USER, "clear table be", "Permission denied\n" },
		{ CLI_USER, "show cli level", "user\n" },
		{ CLI_USER, "operator", "Permission denied\n" },
		{ CLI_OPERATOR, "set weight be/a 5", "Permission denied\n" },
		{ CLI_OPERATOR, "shutdown session 0x1", "Permission denied\n" },
		{ CLI_OPERATOR, "clear table be", "" },
		{ CLI_OPERATOR, "user; show sess", "\nPermission denied\n" },
		{ 0, "show cli level", "operator\n" }, /* what a socket has that says nothing */
		{ CLI_ADMIN, "set weight be/a 5", "" },
		{ CLI_ADMIN, "operator; set weight be/a 6", "\nPermission denied\n" },
		{ CLI_ADMIN, "user; operator", "\nPermission denied\n" },
		{ CLI_ADMIN, "get weight be/a", "5 (initial 3)\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		c.listener.level = rows[i].level;
		assert_string_equal(console_ask(&c, rows[i].command), rows[i].answer);
	}
	c.listener.level = CLI_USER;
	assert_null(strstr(console_ask(&c, "help"), "set weight"));
}

static void timeouts_are_set(void **state)
{
	static const struct {
		const char *command, *answer;
	} rows[] = {
		{ "set timeout cli 5", "" },
		{ "set timeout cli 500ms", "" },
		{ "set timeout cli 1d", "" },
		{ "set timeout cli 100d", "Invalid timeout value.\n" },
		{ "set timeout cli 0", "Invalid timeout value.\n" },
		{ "set timeout cli x", "Invalid timeout value.\n" },
		{ "set timeout cli 5x", "Invalid timeout value.\n" },
		{ "set timeout cli", "Expects an integer value.\n" },
		{ "set timeout foo 5", "'set timeout' only supports 'cli'.\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(console_ask(&c, rows[i].command), rows[i].answer);
}

/* ---- faults ---- */

static void too_many_words_are_still_one_command(void **state)
{
	struct buf line;

	(void)state;
	buf_init(&line, 0);
	buf_add_str(&line, "get weight be/a");
	for (int i = 0; i < 500; i++)
		buf_add_str(&line, " x");
	buf_add_char(&line, '\0');
	assert_string_equal(console_ask(&c, line.ptr), "3 (initial 3)\n");
	buf_free(&line);
}

static void a_line_without_end_closes(void **state)
{
	static char line[2 * CLI_INPUT_MOST];
	int fd = console_connect(&c, 0);

	(void)state;
	memset(line, 'x', sizeof(line));
	console_send(&c, fd, line, sizeof(line));
	assert_string_equal(console_read(&c, fd, SIZE_MAX), "");
	assert_int_equal(c.gateway->runtime->count, 0);
}

static void the_longest_line_is_read(void **state)
{
	static char line[CLI_INPUT_MOST + 1];

	(void)state;
	memset(line, ' ', CLI_INPUT_MOST);
	memcpy(line, "get weight be/a", 15);
	line[CLI_INPUT_MOST - 1] = '\n';
	assert_string_equal(send_all(line), "3 (initial 3)\n\n");
}

static void odd_bytes_are_harmless(void **state)
{
	static const char line[] = "get\0weight \xff\x01 be/a\n";
	int fd = console_connect(&c, 0);

	(void)state;
	console_send(&c, fd, line, sizeof(line) - 1);
	assert_memory_equal(console_read(&c, fd, SIZE_MAX), "Unknown command.", 16);
}

static void who_says_nothing_is_closed(void **state)
{
	int fd;

	(void)state;
	c.gateway->config->stats_timeout_ms = 20;
	fd = console_connect(&c, 0);
	assert_string_equal(console_read(&c, fd, SIZE_MAX), "");
}

/* A table of <n> entries: about 50 bytes each in an answer. */
static void fill_table(unsigned n)
{
	struct stick_table *t = console_proxy(&c, "be")->table;

	for (unsigned i = 0; i < n; i++) {
		struct sample key = { .type = SAMPLE_INT, .integer = i };
		struct stick_entry *e = stick_track(t, &key, 0);

		assert_non_null(e);
		stick_release(t, &e, 0);
	}
}

static unsigned count_lines(const char *text)
{
	unsigned n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

static void a_slow_reader_gets_it_all_and_costs_little(void **state)
{
	struct cli *one;
	size_t most = 0;
	int fd;

	(void)state;
	fill_table(50000);
	fd = console_connect(&c, 4096);
	console_send(&c, fd, "show table be\n", 14);
	for (int i = 0; i < 100; i++) {
		console_turn(&c, 0);
		one = c.gateway->runtime->first;
		assert_non_null(one);
		most = one->out.cap > most ? one->out.cap : most;
	}
	assert_true(most < 4 * CLI_PIECE);
	assert_string_equal(console_line(&c, "get weight be/a"), "3 (initial 3)"); /* others are not kept waiting */
	assert_int_equal(count_lines(console_read(&c, fd, 5000)), 50000 + 2);
}

static void a_reader_that_stops_is_closed(void **state)
{
	int fd;

	(void)state;
	fill_table(50000);
	c.gateway->config->stats_timeout_ms = 20;
	fd = console_connect(&c, 4096);
	console_send(&c, fd, "show table be\n", 14);
	for (int i = 0; i < 1000 && c.gateway->runtime->count > 0; i++)
		console_turn(&c, 10);
	assert_int_equal(c.gateway->runtime->count, 0);
	close(fd);
}

static void a_reader_that_left_is_forgotten(void **state)
{
	int fd = console_connect(&c, 4096);

	(void)state;
	fill_table(50000);
	console_send(&c, fd, "show table be\n", 14);
	close(fd);
	for (int i = 0; i < 100 && c.gateway->runtime->count > 0; i++)
		console_turn(&c, 1);
	assert_int_equal(c.gateway->runtime->count, 0);
}

/* The answers of the workers come when nobody is there any more. */
static void one_that_left_while_workers_were_asked(void **state)
{
	int fd = console_connect(&c, 0);

	(void)state;
	assert_true(send(fd, "show sess\n", 10, 0) == 10);
	loop_round(c.gateway->workers[0].loop, 0); /* the second worker has not looked yet */
	assert_non_null(c.gateway->runtime->first->gather);
	cli_close(c.gateway->runtime->first);
	for (int i = 0; i < 3; i++)
		console_turn(&c, 0);
	assert_null(c.gateway->runtime->gathers);
	assert_string_equal(console_ask(&c, "show sess"), "");
	close(fd);
}

/* A worker that has ended does not answer: the others' answers are shown after a while. */
static void a_worker_that_does_not_answer_is_left_out(void **state)
{
	int fd = console_connect(&c, 0);
	char answer[16];
	ssize_t n = -1;

	(void)state;
	assert_true(send(fd, "show sess\n", 10, 0) == 10);
	for (int64_t end_us = clock_mono_us() + CONSOLE_PATIENCE_US; n < 0 && clock_mono_us() < end_us;) {
		loop_round(c.gateway->workers[0].loop, 100);
		n = recv(fd, answer, sizeof(answer), 0);
	}
	assert_int_equal(n, 1);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lines_are_taken_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(a_connection_ends_after_its_line, setup, teardown),
		cmocka_unit_test_setup_teardown(a_prompt_keeps_it, setup, teardown),
		cmocka_unit_test_setup_teardown(payloads_are_asked_for, setup, teardown),
		cmocka_unit_test_setup_teardown(unknown_words_are_answered_with_what_is_like_them, setup, teardown),
		cmocka_unit_test_setup_teardown(levels_forbid, setup, teardown),
		cmocka_unit_test_setup_teardown(timeouts_are_set, setup, teardown),
		cmocka_unit_test_setup_teardown(too_many_words_are_still_one_command, setup, teardown),
		cmocka_unit_test_setup_teardown(a_line_without_end_closes, setup, teardown),
		cmocka_unit_test_setup_teardown(the_longest_line_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(odd_bytes_are_harmless, setup, teardown),
		cmocka_unit_test_setup_teardown(who_says_nothing_is_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_slow_reader_gets_it_all_and_costs_little, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reader_that_stops_is_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reader_that_left_is_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_left_while_workers_were_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(a_worker_that_does_not_answer_is_left_out, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
