/* cmd_session_test.c - "show sess", "shutdown session" and "shutdown sessions server" with exchanges that wait for a server which is silent. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/gateway/support/console.h"

static struct console c;
static int servers[2]; /* listen, and never accept */
static int clients[4];

static int setup(void **state)
{
	unsigned ports[2];
	char text[600];

	(void)state;
	for (int i = 0; i < 2; i++)
		servers[i] = console_listen(&ports[i]);
	snprintf(text, sizeof(text),
		 "frontend fe\n bind 127.0.0.1:%u name door\n use_backend two if { path /two }\n default_backend one\n"
		 "backend one\n server a 127.0.0.1:%u maxconn 1\n"
		 "backend two\n server b 127.0.0.1:%u\n",
		 console_free_port(), ports[0], ports[1]);
	console_open(&c, text);
	for (int i = 0; i < 4; i++)
		clients[i] = -1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		if (clients[i] >= 0)
			close(clients[i]);
	}
	console_close(&c);
	close(servers[0]);
	close(servers[1]);
	return 0;
}

static void await(const _Atomic unsigned *n, unsigned want)
{
	for (int i = 0; i < 1000 && atomic_load(n) != want; i++)
		console_turn(&c, 10);
	assert_int_equal(atomic_load(n), want);
}

/* Client <n> asks for <path>. */
static void ask_for(int n, const char *path)
{
	struct sockaddr_storage sa = console_proxy(&c, "fe")->listeners->sa;
	char request[100];
	int len = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);

	clients[n] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(clients[n], (struct sockaddr *)&sa, sizeof(struct sockaddr_in)), 0);
	assert_int_equal(send(clients[n], request, (size_t)len, 0), len);
}

/* Client <n> has got the head of an answer with that status, and then the end. */
static void assert_ended(int n, const char *status)
{
	char answer[2000] = "";
	size_t len = 0;
	ssize_t got = -1;

	for (int i = 0; i < 1000 && got != 0 && len < sizeof(answer) - 1; i++) {
		console_turn(&c, 10);
		got = recv(clients[n], answer + len, sizeof(answer) - 1 - len, MSG_DONTWAIT);
		len += got > 0 ? (size_t)got : 0;
	}
	assert_int_equal(got, 0);
	assert_memory_equal(answer, "HTTP/1.1 ", 9);
	assert_memory_equal(answer + 9, status, 3);
}

static struct server *server_of(const char *backend)
{
	return console_proxy(&c, backend)->backend.servers;
}

/* The first word of the line of "show sess" that holds <part>. */
static const char *id_of(const char *part)
{
	static char id[32];
	const char *line = strstr(console_ask(&c, "show sess"), part);

	assert_non_null(line);
	while (line > c.answer.ptr && line[-1] != '\n')
		line--;
	snprintf(id, sizeof(id), "%.*s", (int)strcspn(line, ":"), line);
	return id;
}

static void nothing_goes_on_at_first(void **state)
{
	static const struct {
		const char *command, *answer;
	} rows[] = {
		{ "show sess", "" },
		{ "show sess all", "" },
		{ "show sess 0x1", "Session not found.\n" },
		{ "show sess x", "Session pointer expected (use 'show sess').\n" },
		{ "show sess 0", "Session pointer expected (use 'show sess').\n" },
		{ "show sess 0x", "Session pointer expected (use 'show sess').\n" },
		{ "show sess 0x0", "Session pointer expected (use 'show sess').\n" },
		{ "show sess 0xffffffffffffffff", "Session pointer expected (use 'show sess').\n" },
		{ "show sess 0x1g", "Session pointer expected (use 'show sess').\n" },
		{ "shutdown session", "Session pointer expected (use 'show sess').\n" },
		{ "shutdown session foo", "Session pointer expected (use 'show sess').\n" },
		{ "shutdown session 0x1234", "No such session (use 'show sess').\n" },
		{ "shutdown sessions server", "Require 'backend/server'.\n" },
		{ "shutdown sessions server one/zz", "No such server.\n" },
		{ "shutdown sessions server one/a", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(console_ask(&c, rows[i].command), rows[i].answer);
}

static void an_exchange_is_a_line(void **state)
{
	const char *line;
	unsigned long long id;
	unsigned port;
	int end = 0;

	(void)state;
	ask_for(0, "/one");
	await(&server_of("one")->served, 1);
	line = console_ask(&c, "show sess");
	assert_int_equal(sscanf(line, "0x%llx: proto=tcpv4 src=127.0.0.1:%u fe=fe be=one srv=a ts=%*2x epoch=0 age=0s calls=1 %n", &id, &port, &end), 2);
	assert_true(end > 0);
	assert_true(strstr(line, " exp=5s rc=0\n") != NULL || strstr(line, " exp=4s rc=0\n") != NULL); /* timeout server */
	assert_ptr_equal(strchr(line, '\n') + 1, line + strlen(line)); /* one line */
}

static void all_about_one_is_shown(void **state)
{
	char command[64], line[64];
	const char *id;

	(void)state;
	ask_for(0, "/one");
	ask_for(1, "/two");
	await(&server_of("one")->served, 1);
	await(&server_of("two")->served, 1);
	id = id_of(" be=two ");
	snprintf(line, sizeof(line), "%s: [", id);
	snprintf(command, sizeof(command), "show sess %s", id);
	assert_memory_equal(console_ask(&c, command), line, strlen(line));
	assert_non_null(strstr(c.answer.ptr, "\n  frontend=fe (id=2 mode=http), listener=door (id=1) addr=127.0.0.1:"));
	assert_non_null(strstr(c.answer.ptr, "\n  backend=two (id=4 mode=http) addr=127.0.0.1:"));
	assert_non_null(strstr(c.answer.ptr, "\n  server=b (id=1) addr=127.0.0.1:"));
	assert_null(strstr(c.answer.ptr, "backend=one"));
	assert_non_null(strstr(console_ask(&c, "show sess all"), "\n  backend=one "));
	assert_non_null(strstr(c.answer.ptr, "\n  backend=two "));
}

static void one_is_cut(void **state)
{
	char command[64];

	(void)state;
	ask_for(0, "/one");
	ask_for(1, "/two");
	await(&server_of("one")->served, 1);
	await(&server_of("two")->served, 1);
	snprintf(command, sizeof(command), "shutdown session %s", id_of(" be=one "));
	assert_string_equal(console_ask(&c, command), "");
	assert_ended(0, "502");
	await(&server_of("one")->served, 0);
	assert_int_equal(atomic_load(&server_of("two")->served), 1);
	assert_string_equal(console_ask(&c, command), "No such session (use 'show sess').\n");
}

static void one_that_waits_in_the_queue_is_cut(void **state)
{
	char command[64];

	(void)state;
	ask_for(0, "/one");
	await(&server_of("one")->served, 1);
	ask_for(1, "/one");
	await(&console_proxy(&c, "one")->backend.queued, 1);
	snprintf(command, sizeof(command), "shutdown session %s", id_of(" srv=<none> "));
	assert_string_equal(console_ask(&c, command), "");
	assert_ended(1, "503");
	assert_int_equal(atomic_load(&console_proxy(&c, "one")->backend.queued), 0);
	assert_int_equal(atomic_load(&server_of("one")->served), 1);
}

static void those_of_a_server_are_cut(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		ask_for(i, "/two");
	ask_for(3, "/one");
	await(&server_of("two")->served, 3);
	await(&server_of("one")->served, 1);
	assert_string_equal(console_ask(&c, "shutdown sessions server two/b"), "");
	for (int i = 0; i < 3; i++)
		assert_ended(i, "502");
	await(&server_of("two")->served, 0);
	assert_int_equal(atomic_load(&server_of("one")->served), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_goes_on_at_first, setup, teardown),
		cmocka_unit_test_setup_teardown(an_exchange_is_a_line, setup, teardown),
		cmocka_unit_test_setup_teardown(all_about_one_is_shown, setup, teardown),
		cmocka_unit_test_setup_teardown(one_is_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_waits_in_the_queue_is_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(those_of_a_server_are_cut, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
