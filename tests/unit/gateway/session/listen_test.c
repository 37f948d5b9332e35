/* listen_test.c - how many connections are accepted at which limit, pausing and going on, and sockets of every kind being opened.
 *
 * link: -Wl,--wrap=accept4
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>
#include <sys/un.h>

#include "tests/unit/gateway/support/front.h"

static struct front t;
static int accept_fails; /* errno; 0: it does not */
static unsigned accepts; /* calls that failed */

int __real_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags);

int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	if (accept_fails == 0 || !t.inside)
		return __real_accept4(fd, sa, len, flags);
	accepts++;
	errno = accept_fails;
	return -1;
}

static void close_front(void)
{
	assert_true(front_settled(&t));
	front_close(&t);
}

/* A client whose request waits at the origin, or in front of the gateway. */
static int asking(void)
{
	int fd = front_connect(&t);

	front_send(fd, FRONT_GET);
	return fd;
}

static void turn_often(void)
{
	for (int i = 0; i < 20; i++)
		front_turn(&t);
}

static struct proxy *fe(void)
{
	return console_proxy(&t.c, "fe");
}

/* --- limits --- */

static void no_more_than_the_limit_are_accepted(void **state)
{
	static const struct front_text limits[] = {
		{ .global = " maxconn 2\n" },
		{ .fe = " maxconn 2\n" },
		{ .bind = "maxconn 2" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		int fds[4];

		front_open(&t, &limits[i]);
		t.answer = NULL;
		for (int n = 0; n < 4; n++)
			fds[n] = asking();
		assert_true(front_await(&t, t.requests == 2));
		turn_often();
		assert_int_equal(t.requests, 2); /* the others wait in the system's queue */
		assert_int_equal(atomic_load(&t.c.gateway->connections), 2);
		assert_int_equal(atomic_load(&fe()->connections_most), 2);
		for (unsigned n = 0; n < 2; n++) { /* each that leaves makes room for one */
			close(fds[n]);
			assert_true(front_await(&t, t.requests == 3 + n));
			turn_often();
			assert_int_equal(t.requests, 3 + n);
		}
		assert_int_equal(atomic_load(&fe()->connections_most), 2);
		assert_int_equal(front_worker(&t)->frontends[fe()->index].sessions, 4);
		close(fds[2]);
		close(fds[3]);
		close_front();
	}
}

static void without_descriptors_it_waits(void **state)
{
	static const int errors[] = { EMFILE, ENFILE, ENOBUFS, ENOMEM };

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		int fd;

		front_open(&t, &(struct front_text){ .fe = NULL });
		accept_fails = errors[i];
		accepts = 0;
		fd = asking();
		turn_often();
		assert_int_equal(accepts, 1); /* it does not try again and again */
		accept_fails = 0;
		assert_int_equal(front_answer(&t, fd), 200); /* but each second */
		close(fd);
		close_front();
	}
}

static void connections_that_are_gone_are_passed_over(void **state)
{
	int fd;

	(void)state;
	front_open(&t, &(struct front_text){ .global = " tune.maxaccept 3\n" });
	accept_fails = ECONNABORTED;
	accepts = 0;
	fd = asking();
	front_turn(&t);
	assert_int_equal(accepts, 3); /* in one round: others have their turn */
	accept_fails = 0;
	assert_int_equal(front_answer(&t, fd), 200);
	close(fd);
	close_front();
}

/* --- pausing --- */

static void set_status(enum proxy_status to)
{
	atomic_store(&fe()->status, to);
	accepting_refresh(t.c.gateway);
	front_turn(&t);
}

/* A socket that others have as well goes on listening: who connects waits. */
static void who_comes_while_it_is_paused_is_served_later(void **state)
{
	int before, fd;

	(void)state;
	front_open(&t, &(struct front_text){ .fe = NULL });
	before = front_connect(&t);
	turn_often();
	set_status(PROXY_PAUSED);
	listeners_suspend(fe());
	front_send(before, FRONT_GET);
	assert_int_equal(front_answer(&t, before), 200); /* those that are there go on */
	fd = asking();
	turn_often();
	assert_int_equal(t.requests, 1);
	assert_true(listeners_resume(fe()));
	set_status(PROXY_RUNNING);
	assert_int_equal(front_answer(&t, fd), 200);
	close(before);
	close(fd);
	close_front();
}

static void its_own_port_refuses_while_it_is_paused(void **state)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char bind_line[64];
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	sa.sin_port = htons((uint16_t)console_free_port());
	snprintf(bind_line, sizeof(bind_line), " bind 127.0.0.1:%u\n", ntohs(sa.sin_port));
	front_open(&t, &(struct front_text){ .fe = bind_line });
	set_status(PROXY_PAUSED);
	listeners_suspend(fe());
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), -1);
	assert_int_equal(errno, ECONNREFUSED);
	assert_true(listeners_resume(fe()));
	set_status(PROXY_RUNNING);
	close(fd);
	t.port = ntohs(sa.sin_port);
	assert_int_equal(front_ask(&t, FRONT_GET), 200);
	close_front();
}

static void at_the_end_those_who_wait_are_taken_first(void **state)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fds[3], late = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	front_open(&t, &(struct front_text){ .fe = NULL });
	for (int n = 0; n < 3; n++)
		fds[n] = asking();
	accepting_end(front_worker(&t));
	assert_int_equal(atomic_load(&t.c.gateway->connections), 3);
	front_turn(&t);
	assert_int_equal(fe()->listeners->fd, -1); /* and the socket is closed */
	sa.sin_port = htons((uint16_t)t.port);
	assert_int_equal(connect(late, (struct sockaddr *)&sa, sizeof(sa)), -1);
	close(late);
	for (int n = 0; n < 3; n++) {
		assert_int_equal(front_answer(&t, fds[n]), 200);
		close(fds[n]);
	}
	assert_true(front_await(&t, front_worker(&t)->first_client == NULL));
	front_close(&t);
}

/* --- opening --- */

static struct buf said;

/* The configuration with one frontend of that "bind" line, whose number is <n>. */
static struct config *configure(const char *bind, int n)
{
	struct buf text;
	struct config *c;

	buf_init(&text, 0);
	buf_clear(&said);
	buf_add_str(&text, "frontend f\n mode http\n timeout client 1s\n bind ");
	for (const char *at = bind; *at != '\0'; at++) {
		if (*at == '#')
			buf_printf(&text, "%d", n);
		else
			buf_add_char(&text, *at);
	}
	buf_add_char(&text, '\n');
	c = conf_load_text(SLICE_LIT("t.cfg"), buf_slice(&text), &said);
	if (c == NULL)
		fail_msg("%.*s", SLICE_ARG(buf_slice(&said)));
	buf_free(&text);
	return c;
}

static bool says(const char *what)
{
	return memmem(said.ptr, said.len, what, strlen(what)) != NULL;
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static void inherited_ones(void **state)
{
	int fds[3];
	unsigned port;
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	(void)state;
	fds[0] = console_listen(&port);
	fds[1] = socket(AF_INET, SOCK_STREAM, 0); /* bound, but does not listen yet */
	assert_int_equal(bind(fds[1], (struct sockaddr *)&sa, sizeof(sa)), 0);
	fds[2] = open("/dev/null", O_RDONLY);
	for (int i = 2; i >= 0; i--) {
		struct config *c = configure("fd@#", fds[i == 2 ? 0 : i]);
		struct listener *l = c->proxies->listeners;

		l->inherited_fd = fds[i];
		assert_int_equal(listener_open(l, &said), i < 2);
		assert_true(i < 2 || (says("t.cfg:4 : cannot bind to fd@") && says("this descriptor is no socket")));
		if (i < 2) {
			assert_int_equal(l->fd, fds[i]);
			assert_int_equal(option(l->fd, SOL_SOCKET, SO_ACCEPTCONN), 1);
			assert_true((fcntl(l->fd, F_GETFL) & O_NONBLOCK) != 0 && (fcntl(l->fd, F_GETFD) & FD_CLOEXEC) != 0);
			assert_int_equal(((struct sockaddr_in *)&l->sa)->sin_family, AF_INET); /* where it is reached */
		}
		listener_close(l);
		assert_int_equal(l->fd, -1);
		listener_close(l); /* again: nothing */
		conf_free(&c);
	}
	close(fds[2]);
}

/* One that an old process handed over: it is there already. */
static void taken_ones(void **state)
{
	unsigned port;
	int fd = console_listen(&port);
	struct config *c = configure("127.0.0.1:#", (int)port);
	struct listener *l = c->proxies->listeners;

	(void)state;
	l->fd = fd;
	assert_true(listener_open(l, &said));
	assert_int_equal(l->fd, fd);
	listener_close(l);
	l->fd = open("/dev/null", O_RDONLY);
	assert_false(listener_open(l, &said));
	listener_close(l);
	conf_free(&c);
}

static void addresses_that_are_not_ours_to_bind(void **state)
{
	static const char *const binds[] = { "127.0.0.1:#", "192.0.2.1:#" };
	unsigned port;
	int other = console_listen(&port); /* it does not share its port */

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct config *c = configure(binds[i], (int)port);

		assert_false(listener_open(c->proxies->listeners, &said));
		assert_true(says("[ALERT]") && says("t.cfg:4 : cannot bind to ") && says(i == 0 ? "Address already in use" : "Cannot assign requested"));
		assert_int_equal(c->proxies->listeners->fd, -1);
		conf_free(&c);
	}
	close(other);
}

static void both_versions_or_one(void **state)
{
	static const struct {
		const char *bind;
		int only6;
	} cases[] = { { ":::# v4v6", 0 }, { ":::# v6only", 1 } };
	int can = socket(AF_INET6, SOCK_STREAM, 0);

	(void)state;
	if (can < 0)
		skip();
	close(can);
	for (size_t i = 0; i < 2; i++) {
		struct config *c = configure(cases[i].bind, (int)console_free_port());
		struct listener *l = c->proxies->listeners;

		if (!listener_open(l, &said))
			fail_msg("%.*s", SLICE_ARG(buf_slice(&said)));
		assert_int_equal(option(l->fd, IPPROTO_IPV6, IPV6_V6ONLY), cases[i].only6);
		listener_close(l);
		conf_free(&c);
	}
}

/* --- socket files --- */

static bool reaches(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	bool ok;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	ok = connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0;
	close(fd);
	return ok;
}

/* A new process that fails leaves the old one's file alone; one that succeeds puts its own there in one step. */
static void socket_files_are_put_in_place_last(void **state)
{
	char folder[] = "/tmp/moa_test_XXXXXX", path[64], aside[128], bind_line[128];
	struct gateway g = { .worker_count = 0 };
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/s", folder);
	snprintf(aside, sizeof(aside), "%s.%ld.tmp", path, (long)getpid());
	snprintf(bind_line, sizeof(bind_line), "unix@%s mode 600", path);
	for (int fails = 1; fails >= 0; fails--) {
		struct config *c = g.config = configure(bind_line, 0);
		struct listener *l = c->proxies->listeners;

		assert_true(listener_open(l, &said));
		assert_true(reaches(aside));
		assert_false(reaches(path));
		if (!fails) {
			assert_true(listeners_publish(&g, &said));
			assert_true(reaches(path));
			assert_int_equal(stat(path, &st), 0);
			assert_int_equal(st.st_mode & 0777, 0600);
		}
		listener_close(l);
		assert_int_equal(access(aside, F_OK), -1);
		assert_int_equal(access(path, F_OK), fails ? -1 : 0);
		conf_free(&c);
	}
	unlink(path);
	rmdir(folder);
}

static void files_that_cannot_be(void **state)
{
	struct config *c = configure("unix@/nonexistent/folder/s", 0);
	char longest[128] = "unix@/tmp/";

	(void)state;
	assert_false(listener_open(c->proxies->listeners, &said));
	assert_true(says("No such file or directory"));
	conf_free(&c);
	memset(longest + 10, 'x', 5 + 107 - 10); /* room for the name, none for the one aside */
	c = configure(longest, 0);
	assert_false(listener_open(c->proxies->listeners, &said));
	assert_true(says("File name too long"));
	conf_free(&c);
}

static void abstract_names(void **state)
{
	struct config *c = configure("abns@moa-test-#", getpid());
	struct listener *l = c->proxies->listeners;
	struct proxy *p = c->proxies;

	(void)state;
	assert_true(listener_open(l, &said));
	assert_false(l->is_aside);
	listeners_suspend(p); /* has to go on: it could not be opened again without its file, or name */
	assert_int_equal(option(l->fd, SOL_SOCKET, SO_ACCEPTCONN), 1);
	assert_true(listeners_resume(p));
	listeners_release(p);
	assert_int_equal(l->fd, -1);
	conf_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_more_than_the_limit_are_accepted),
		cmocka_unit_test(without_descriptors_it_waits),
		cmocka_unit_test(connections_that_are_gone_are_passed_over),
		cmocka_unit_test(who_comes_while_it_is_paused_is_served_later),
		cmocka_unit_test(its_own_port_refuses_while_it_is_paused),
		cmocka_unit_test(at_the_end_those_who_wait_are_taken_first),
		cmocka_unit_test(inherited_ones),
		cmocka_unit_test(taken_ones),
		cmocka_unit_test(addresses_that_are_not_ours_to_bind),
		cmocka_unit_test(both_versions_or_one),
		cmocka_unit_test(socket_files_are_put_in_place_last),
		cmocka_unit_test(files_that_cannot_be),
		cmocka_unit_test(abstract_names),
	};
	int failed;

	buf_init(&said, 0);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	buf_free(&said);
	return failed;
}
