/* sink_test.c - log lines as they arrive: at UDP and Unix sockets and in pipes; what is cut, sampled, dropped and counted. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "gateway/logs/sink.h"
#include "tests/unit/gateway/support/words.h"

#define WALL_US INT64_C(1767603600042123) /* 2026-01-05 09:00:00.042123 UTC */
#define INFO 6

static struct words w;
static struct log_target *targets;
static struct log_sink *sink;
static int udp = -1;
static unsigned udp_port;
static char line[70000];

static int begin(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int size = 1 << 20;

	(void)state;
	words_setup(&w);
	targets = NULL;
	udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (udp < 0 || bind(udp, (struct sockaddr *)&a, len) != 0 || getsockname(udp, (struct sockaddr *)&a, &len) != 0)
		return -1;
	setsockopt(udp, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	udp_port = ntohs(a.sin_port);
	sink = log_sink_create(SLICE_NONE, SLICE_NONE);
	return 0;
}

static int end(void **state)
{
	(void)state;
	log_sink_free(&sink);
	close(udp);
	words_cleanup(&w);
	return 0;
}

/* Reads a "log" line, from behind that word; %u is the port of the test's socket. What was said. */
static const char *read_line(const char *text)
{
	char words[512];
	const char *at = strstr(text, "%u");

	if (at == NULL)
		snprintf(words, sizeof(words), "%s", text);
	else
		snprintf(words, sizeof(words), "%.*s%u%s", (int)(at - text), text, udp_port, at + 2);
	log_target_read(words_line(&w, words), &targets);
	return words_said(&w);
}

static void add(int severity, const char *text)
{
	log_sink_add(sink, targets, severity, SLICE_NONE, WALL_US, SLICE_NONE, slice_str(text));
}

/* The next datagram of <fd>, which is there already: on the loopback sending is arriving. "" when there is none. */
static const char *arrived_at(int fd)
{
	ssize_t n = recv(fd, line, sizeof(line) - 1, 0);

	line[n < 0 ? 0 : n] = '\0';
	return line;
}

static const char *arrived(void)
{
	return arrived_at(udp);
}

/* ---- sockets ---- */

static void over_udp(void **state)
{
	char expected[128];

	(void)state;
	assert_string_equal(read_line("127.0.0.1:%u local0"), "");
	add(INFO, "one");
	assert_string_equal(arrived(), ""); /* not before the end of the round */
	add(3, "two");
	log_sink_flush(sink);
	snprintf(expected, sizeof(expected), "<134>Jan  5 09:00:00 gateway[%d]: one\n", (int)getpid());
	assert_string_equal(arrived(), expected);
	snprintf(expected, sizeof(expected), "<131>Jan  5 09:00:00 gateway[%d]: two\n", (int)getpid());
	assert_string_equal(arrived(), expected);
	assert_string_equal(arrived(), "");
	log_sink_flush(sink); /* again: nothing is left */
	assert_string_equal(arrived(), "");
	assert_int_equal(log_sink_dropped(sink), 0);
}

static void host_and_tags(void **state)
{
	char expected[128];

	(void)state;
	log_sink_free(&sink);
	sink = log_sink_create(SLICE_LIT("gate7"), SLICE_LIT("mine"));
	read_line("127.0.0.1:%u local0");
	read_line("127.0.0.1:%u format local local0");
	add(INFO, "a");
	log_sink_add(sink, targets, INFO, SLICE_LIT("proxy"), WALL_US, SLICE_NONE, SLICE_LIT("b"));
	log_sink_flush(sink);
	snprintf(expected, sizeof(expected), "<134>Jan  5 09:00:00 gate7 mine[%d]: a\n", (int)getpid()); /* a host needs the other layout */
	assert_string_equal(arrived(), expected);
	snprintf(expected, sizeof(expected), "<134>Jan  5 09:00:00 mine[%d]: a\n", (int)getpid()); /* which was not wanted here */
	assert_string_equal(arrived(), expected);
	snprintf(expected, sizeof(expected), "<134>Jan  5 09:00:00 gate7 proxy[%d]: b\n", (int)getpid());
	assert_string_equal(arrived(), expected);
}

static void structured_data(void **state)
{
	char expected[128];

	(void)state;
	read_line("127.0.0.1:%u format rfc5424 local1");
	read_line("127.0.0.1:%u format raw local1");
	read_line("127.0.0.1:%u format rfc5424 local1");
	log_sink_add(sink, targets, INFO, SLICE_NONE, WALL_US, SLICE_LIT("[a@1 b=\"c\"]"), SLICE_LIT("line"));
	log_sink_add(sink, targets, INFO, SLICE_NONE, WALL_US, SLICE_NONE, SLICE_LIT("bare"));
	log_sink_flush(sink);
	snprintf(expected, sizeof(expected), "<142>1 2026-01-05T09:00:00.042123+00:00 - gateway %d - [a@1 b=\"c\"] line\n", (int)getpid());
	assert_string_equal(arrived(), expected);
	assert_string_equal(arrived(), "line\n");
	assert_string_equal(arrived(), expected);
	snprintf(expected, sizeof(expected), "<142>1 2026-01-05T09:00:00.042123+00:00 - gateway %d - - bare\n", (int)getpid());
	assert_string_equal(arrived(), expected);
	assert_string_equal(arrived(), "bare\n");
}

static void levels(void **state)
{
	(void)state;
	read_line("127.0.0.1:%u format short local0 notice err");
	add(6, "info");
	add(5, "notice");
	add(3, "err");
	add(0, "emerg");
	log_sink_flush(sink);
	assert_string_equal(arrived(), "<5>notice\n");
	assert_string_equal(arrived(), "<3>err\n");
	assert_string_equal(arrived(), "<3>emerg\n"); /* goes as the least */
	assert_string_equal(arrived(), "");
}

static void samples(void **state)
{
	char text[2] = "a";

	(void)state;
	read_line("127.0.0.1:%u format raw sample 1,3-4:5 local0");
	for (; text[0] <= 'j'; text[0]++)
		add(INFO, text);
	log_sink_flush(sink);
	for (const char *at = "acdfhi"; *at != '\0'; at++) {
		text[0] = *at;
		assert_memory_equal(arrived(), text, 1);
	}
	assert_string_equal(arrived(), "");
}

static void lengths(void **state)
{
	static char text[70000];
	size_t prefix;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	read_line("127.0.0.1:%u len 80 format raw local0");
	read_line("127.0.0.1:%u len 80 local0");
	read_line("127.0.0.1:%u format raw local0");
	add(INFO, text);
	log_sink_flush(sink);
	assert_int_equal(strlen(arrived()), 81); /* and its end */
	assert_int_equal(strlen(arrived()), 81);
	prefix = strcspn(line, "x");
	assert_true(prefix > 20 && strspn(line + prefix, "x") == 80 - prefix);
	assert_int_equal(strlen(arrived()), 1025);
}

static void over_a_unix_socket(void **state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char folder[] = "/tmp/sink_test.XXXXXX", words[128];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/log", folder);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	snprintf(words, sizeof(words), "%s format raw local0", a.sun_path);
	assert_string_equal(read_line(words), "");
	add(INFO, "here");
	log_sink_flush(sink);
	assert_string_equal(arrived_at(fd), "here\n");
	close(fd);
	unlink(a.sun_path);
	rmdir(folder);
	add(INFO, "nobody");
	add(INFO, "nobody");
	log_sink_flush(sink); /* no reader: dropped and counted, and the sink goes on */
	assert_int_equal(log_sink_dropped(sink), 2);
}

/* Takes what has arrived, lines that begin with their number; the number of the next. */
static int drain(int next)
{
	while (arrived()[0] != '\0') {
		char number[8];

		snprintf(number, sizeof(number), "%04d", next++);
		assert_memory_equal(line, number, 4);
	}
	return next;
}

/* More lines than are gathered, and more bytes: what there is goes out early; nothing is lost, and the order is kept. */
static void many_lines(void **state)
{
	char text[1100];
	int next = 0;

	(void)state;
	read_line("127.0.0.1:%u len 4000 format raw local0");
	for (int i = 0; i < 150; i++) {
		snprintf(text, sizeof(text), "%04d%0*d", i, i % 3 == 0 ? 1000 : 1, 0);
		add(INFO, text);
		next = drain(next); /* so that the socket's own buffer never fills */
	}
	assert_true(next >= 64 && next < 150);
	log_sink_flush(sink);
	assert_int_equal(drain(next), 150);
	assert_int_equal(log_sink_dropped(sink), 0);
}

static void freeing_sends_what_is_left(void **state)
{
	(void)state;
	read_line("127.0.0.1:%u format raw local0");
	add(INFO, "last words");
	log_sink_free(&sink);
	assert_string_equal(arrived(), "last words\n");
	log_sink_free(&sink); /* NULL by now */
}

/* ---- descriptors ---- */

static const char *read_from(int fd)
{
	ssize_t n = read(fd, line, sizeof(line) - 1);

	line[n < 0 ? 0 : n] = '\0';
	return line;
}

static void into_a_pipe(void **state)
{
	char words[64];
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	snprintf(words, sizeof(words), "fd@%d len 80 format raw local0", ends[1]);
	assert_string_equal(read_line(words), "");
	add(INFO, "one");
	add(INFO, "two");
	log_sink_flush(sink);
	assert_string_equal(read_from(ends[0]), "one\ntwo\n");
	memset(line, 'x', 200);
	line[200] = '\0';
	add(INFO, line);
	log_sink_flush(sink);
	assert_int_equal(strlen(read_from(ends[0])), 80); /* its end included, as in HAProxy */
	assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0); /* who shares it notices nothing */
	log_sink_free(&sink);
	close(ends[0]);
	close(ends[1]);
}

/* A reader that does not read makes nobody wait; what it has missed is counted, and its next line is whole. */
static void a_pipe_that_is_full(void **state)
{
	char words[64], *at;
	int ends[2];
	uint64_t dropped;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	snprintf(words, sizeof(words), "fd@%d len 1024 format raw local0", ends[1]);
	read_line(words);
	for (int i = 0; i < 200; i++) {
		char text[800];

		snprintf(text, sizeof(text), "<%0*d>", 700, i);
		add(INFO, text);
		log_sink_flush(sink);
	}
	dropped = log_sink_dropped(sink);
	assert_true(dropped > 50 && dropped < 200);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	assert_true(strlen(read_from(ends[0])) > 0);
	while (read_from(ends[0])[0] != '\0')
		;
	add(INFO, "again");
	log_sink_flush(sink);
	at = strstr(read_from(ends[0]), "again\n");
	assert_non_null(at);
	assert_true(at == line || at[-1] == '\n');
	assert_int_equal(log_sink_dropped(sink), dropped);
	log_sink_free(&sink);
	close(ends[0]);
	close(ends[1]);
}

static void a_descriptor_that_is_none(void **state)
{
	(void)state;
	read_line("fd@987 format raw local0");
	add(INFO, "x");
	log_sink_flush(sink);
	assert_int_equal(log_sink_dropped(sink), 1);
}

/* ---- reading the line ---- */

static void names(void **state)
{
	(void)state;
	assert_string_equal(read_line("127.0.0.1:%u daemon err"), "");
	assert_string_equal(read_line("stdout format raw daemon"), "");
	assert_string_equal(read_line("stderr len 65535 format iso sample 1:2 local7 info notice"), "");
	assert_non_null(log_target_next(log_target_next(targets)));
	assert_null(log_target_next(log_target_next(log_target_next(targets))));
	assert_true(slice_eq(log_target_name(log_target_next(targets)), SLICE_LIT("stdout daemon debug")));
}

static void mistakes(void **state)
{
	static const struct {
		const char *text, *said;
	} cases[] = {
		{ "", "expects <address> and <facility>" }, { "127.0.0.1", "expects <address> and <facility>" },
		{ "127.0.0.1 local8", "unknown log facility 'local8': did you mean 'local" }, { "127.0.0.1 local0 loud", "unknown optional log level 'loud'" },
		{ "127.0.0.1 local0 info loud", "unknown optional minimum log level 'loud'" }, { "127.0.0.1 local0 info err x", "unexpected argument 'x'" },
		{ "127.0.0.1 len 79 local0", "len" }, { "127.0.0.1 len 65536 local0", "len" }, { "127.0.0.1 format rfc3165 local0", "did you mean 'rfc3164'?" },
		{ "127.0.0.1 sample 1 local0", "expects <ranges>:<size>" }, { "127.0.0.1 sample 1:0 local0", "expects <ranges>:<size>" },
		{ "127.0.0.1 sample 0:5 local0", "wrong sample range '0'" }, { "127.0.0.1 sample 3-2:5 local0", "wrong sample range '3-2'" },
		{ "127.0.0.1 sample 1-3,3:5 local0", "overlapping" }, { "127.0.0.1 sample 1-6:5 local0", "should be greater or equal to 6" },
		{ "ring@x local0", "rings in memory are not supported" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (strstr(read_line(cases[i].text), cases[i].said) == NULL)
			fail_msg("%s: '%s', not '%s'", cases[i].text, words_said(&w), cases[i].said);
		assert_null(targets); /* the list is as it was */
		assert_int_equal(w.p.errors, 1);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(over_udp), TEST(host_and_tags), TEST(structured_data), TEST(levels), TEST(samples), TEST(lengths), TEST(over_a_unix_socket),
		TEST(many_lines), TEST(freeing_sends_what_is_left), TEST(into_a_pipe), TEST(a_pipe_that_is_full), TEST(a_descriptor_that_is_none),
		TEST(names), TEST(mistakes),
	};

	setenv("TZ", "UTC0", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
