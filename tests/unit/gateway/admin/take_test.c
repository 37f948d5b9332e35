/* take_test.c - which listener gets which socket of an old process, and old processes that do not do as they should. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/admin/give.h"
#include "gateway/admin/take.h"
#include "gateway/conf/conf.h"
#include "gateway/model/proxy.h"

static int listening(const void *sa, socklen_t len, bool only6)
{
	int fd = socket(((const struct sockaddr *)sa)->sa_family, SOCK_STREAM, 0), only = only6;

	assert_true(fd >= 0);
	if (((const struct sockaddr *)sa)->sa_family == AF_INET6)
		assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)), 0);
	assert_int_equal(bind(fd, sa, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static unsigned port_of(int fd)
{
	struct sockaddr_in6 sa;
	socklen_t len = sizeof(sa);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	return ntohs(sa.sin6_port); /* at the same place in both families */
}

static int inet(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	return listening(&sa, sizeof(sa), false);
}

static int inet6(bool only)
{
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT };

	return listening(&sa, sizeof(sa), only);
}

static int file(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	unlink(path);
	return listening(&un, sizeof(un), false);
}

/* The configuration with one frontend of that "bind" line. */
static struct config *configure(const char *bind)
{
	struct buf text, messages;
	struct config *c;

	buf_init(&text, 0);
	buf_init(&messages, 0);
	buf_printf(&text, "frontend f\n mode http\n timeout client 1s\n bind %s\n", bind);
	c = conf_load_text(SLICE_LIT("test"), buf_slice(&text), &messages);
	if (c == NULL)
		fail_msg("%.*s", SLICE_ARG(buf_slice(&messages)));
	buf_free(&text);
	buf_free(&messages);
	return c;
}

/* Whether a listener of <bind> takes <fd>, which is closed at the end. */
static bool takes(const char *bind, int fd)
{
	struct config *c = configure(bind);
	struct taken t;
	bool taken;

	taken_init(&t);
	t.fds = malloc(sizeof(int));
	assert_non_null(t.fds);
	t.fds[t.count++] = fd;
	take_sockets(&t, c);
	taken = c->proxies->listeners->fd >= 0;
	assert_int_equal(t.count, taken ? 0 : 1);
	assert_true(c->proxies->listeners->is_shared == taken);
	if (taken)
		close(c->proxies->listeners->fd);
	taken_free(&t);
	conf_free(&c);
	return taken;
}

static const char *line(char space[128], const char *format, unsigned port)
{
	struct buf b;

	buf_init_fixed(&b, space, 128);
	buf_add_slice(&b, slice_str(format));
	buf_printf(&b, "%u", port);
	space[b.len] = '\0';
	return space;
}

static void addresses(void **state)
{
	char space[128];
	int fd;

	(void)state;
	fd = inet();
	assert_true(takes(line(space, "127.0.0.1:", port_of(fd)), fd));
	fd = inet();
	assert_false(takes(line(space, "127.0.0.2:", port_of(fd)), fd));
	fd = inet();
	assert_false(takes(line(space, "127.0.0.1:", port_of(fd) ^ 1), fd));
	fd = inet();
	assert_false(takes(line(space, ":::", port_of(fd)), fd));
}

static void both_families(void **state)
{
	char space[128], bind[192];
	int fd;

	(void)state;
	fd = inet6(true);
	snprintf(bind, sizeof(bind), "%s v6only", line(space, ":::", port_of(fd)));
	assert_true(takes(bind, fd));
	fd = inet6(false);
	snprintf(bind, sizeof(bind), "%s v6only", line(space, ":::", port_of(fd)));
	assert_false(takes(bind, fd));
	fd = inet6(true);
	snprintf(bind, sizeof(bind), "%s v4v6", line(space, ":::", port_of(fd)));
	assert_false(takes(bind, fd));
}

static void files(void **state)
{
	char base[64], path[96], bind[96];
	static const struct {
		const char *suffix;
		bool same;
	} cases[] = { { "", true }, { ".123.tmp", true }, { ".tmp", false }, { ".x.tmp", false }, { ".123", false }, { "2", false } };

	(void)state;
	snprintf(base, sizeof(base), "/tmp/take-test-%ld", (long)getpid());
	snprintf(bind, sizeof(bind), "unix@%s", base);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", base, cases[i].suffix);
		assert_true(takes(bind, file(path)) == cases[i].same);
		unlink(path);
	}
}

static void not_listening(void **state)
{
	char space[128];
	int fd = inet();
	unsigned port = port_of(fd);

	(void)state;
	assert_int_equal(shutdown(fd, SHUT_RD), 0); /* as a disabled frontend's */
	assert_false(takes(line(space, "127.0.0.1:", port), fd));
	assert_false(takes("127.0.0.1:1", open("/dev/null", 0)));
}

/* One socket for two listeners of the same address, and inherited ones that are left alone. */
static void one_for_each(void **state)
{
	char space[128], twice[300];
	int fd = inet();
	const char *one = line(space, "127.0.0.1:", port_of(fd));
	struct config *c;
	struct taken t;

	(void)state;
	snprintf(twice, sizeof(twice), "%s,%s", one, one);
	c = configure(twice);
	taken_init(&t);
	t.fds = malloc(sizeof(int));
	t.fds[t.count++] = fd;
	take_sockets(&t, c);
	assert_int_equal(c->proxies->listeners->fd, fd);
	assert_int_equal(c->proxies->listeners->next->fd, -1);
	close(fd);
	taken_free(&t);
	conf_free(&c);
}

/* ---- an old process that is somebody else ---- */

static void wrong_process(void **state)
{
	pid_t old = fork();
	struct sockaddr_un un;
	socklen_t len = give_door_address(old, &un);
	struct buf messages;
	struct taken t;
	int fd;

	(void)state;
	if (old == 0) {
		pause();
		_exit(0);
	}
	fd = listening(&un, len, false); /* its name, but ours */
	taken_init(&t);
	buf_init(&messages, 0);
	assert_false(take_from_process(&t, old, &messages));
	assert_non_null(memmem(messages.ptr, messages.len, "another process answers", 23));
	buf_free(&messages);
	taken_free(&t);
	close(fd);
	kill(old, SIGKILL);
	waitpid(old, NULL, 0);
}

static void absent(void **state)
{
	char path[300];
	struct buf messages;
	struct taken t;

	(void)state;
	taken_init(&t);
	buf_init(&messages, 0);
	assert_false(take_from_path(&t, "/nonexistent/x", &messages));
	assert_non_null(memmem(messages.ptr, messages.len, "No such file", 12));
	buf_clear(&messages);
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_false(take_from_path(&t, path, &messages));
	assert_non_null(memmem(messages.ptr, messages.len, "too long", 8));
	buf_free(&messages);
	taken_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses), cmocka_unit_test(both_families), cmocka_unit_test(files), cmocka_unit_test(not_listening),
		cmocka_unit_test(one_for_each), cmocka_unit_test(wrong_process), cmocka_unit_test(absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
