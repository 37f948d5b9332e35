/* bind_test.c - bind and stats socket: addresses, ports and ranges, inherited descriptors, options, and what is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/gateway/support/reading.h"

#define LINES(before, rows) reading_lines(before, rows, READING_COUNT(rows))
#define LISTENER(name) READING_FIELD(struct listener, name)
#define BARE "frontend f\n mode http\n timeout client 1s\n "
#define GLOBAL "global\n "

static const void *the_listener(const struct config *c)
{
	return c->proxies->listeners;
}

static const void *the_socket(const struct config *c)
{
	return c->runtime_sockets;
}

static void options_of_bind(void **state)
{
	static const struct reading_value rows[] = {
		{ "bind 127.0.0.1:1", LISTENER(fd), -1 },
		{ "bind 127.0.0.1:1", LISTENER(inherited_fd), -1 },
		{ "bind 127.0.0.1:1", LISTENER(unix_mode), -1 },
		{ "bind 127.0.0.1:1", LISTENER(id), 1 },
		{ "bind 127.0.0.1:1", LISTENER(line), 4 },
		{ "bind 127.0.0.1:1 id 7", LISTENER(id), 7 },
		{ "bind 127.0.0.1:1 maxconn 7", LISTENER(maxconn), 7 },
		{ "bind 127.0.0.1:1 backlog 7", LISTENER(backlog), 7 },
		{ "bind 127.0.0.1:1\n backlog 8", LISTENER(backlog), 8 },
		{ "bind :1 v4v6", LISTENER(v4v6), true },
		{ "bind :1 v6only", LISTENER(v6only), true },
		{ "bind :1 defer-accept", LISTENER(defer_accept), true },
		{ "bind :1 tfo", LISTENER(tfo), true },
		{ "bind /x mode 0660", LISTENER(unix_mode), 0660 },
		{ "bind /x mode 7777", LISTENER(unix_mode), 07777 },
		{ "bind /x user root", LISTENER(unix_uid), 0 },
		{ "bind /x group root", LISTENER(unix_gid), 0 },
		{ "bind /x uid 7", LISTENER(unix_uid), 7 },
		{ "bind /x gid 7", LISTENER(unix_gid), 7 },
	};

	(void)state;
	reading_values(BARE, rows, READING_COUNT(rows), the_listener);
}

static void options_of_stats_socket(void **state)
{
	static const struct reading_value rows[] = {
		{ "stats socket /x", LISTENER(level), 2 },
		{ "stats socket /x level user", LISTENER(level), 1 },
		{ "stats socket /x level operator", LISTENER(level), 2 },
		{ "stats socket /x level admin", LISTENER(level), 3 },
		{ "stats socket /x expose-fd listeners", LISTENER(expose_fd), true },
		{ "stats socket /x mode 600 level admin", LISTENER(unix_mode), 0600 },
		{ "stats socket 127.0.0.1:1 maxconn 7", LISTENER(maxconn), 7 },
	};

	(void)state;
	reading_values(GLOBAL, rows, READING_COUNT(rows), the_socket);
}

static void addresses_make_listeners(void **state)
{
	static const char *const want[] = { "127.0.0.1:81", "127.0.0.1:82", "127.0.0.1:83", "::1:84", "unix@/x:8", "*:85" };
	struct reading r;
	unsigned i = 0;

	(void)state;
	reading_of(&r, SLICE_LIT(BARE "bind 127.0.0.1:81-83,::1:84,unix@/x:8 name n\n bind *:85 id 2 interface lo\n"));
	assert_string_equal(r.said.ptr, "");
	assert_int_equal(r.c->listener_count, 6);
	for (const struct listener *l = r.c->proxies->listeners; l != NULL; l = l->next, i++) {
		assert_slice(l->address, want[i]);
		assert_int_equal(l->index, i);
		assert_ptr_equal(l->proxy, r.c->proxies);
		assert_int_equal(l->id, i == 5 ? 2 : i == 0 ? 1 : i + 2); /* the second one's is taken */
		assert_slice(i < 5 ? l->name : l->interface, i < 5 ? "n" : "lo");
		assert_int_equal(l->sa.ss_family, i == 3 ? AF_INET6 : i == 4 ? AF_UNIX : AF_INET);
	}
	assert_int_equal(i, 6);
	reading_free(&r);
}

static void several_sockets_of_stats(void **state)
{
	struct reading r;
	const struct listener *l;

	(void)state;
	reading_of(&r, SLICE_LIT(GLOBAL "stats socket /a,/b\n stats socket 127.0.0.1:1\n"));
	assert_string_equal(r.said.ptr, "");
	l = r.c->runtime_sockets;
	assert_slice(l->address, "/a");
	assert_slice(l->next->address, "/b");
	assert_slice(l->next->next->address, "127.0.0.1:1");
	assert_null(l->next->next->next);
	assert_null(l->proxy);
	assert_int_equal(r.c->listener_count, 0);
	reading_free(&r);
}

static void a_descriptor_is_taken_over(void **state)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct reading r;
	struct buf text;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	buf_init(&text, 0);
	buf_printf(&text, BARE "bind fd@%d\n", fd);
	reading_of(&r, buf_slice(&text));
	assert_string_equal(r.said.ptr, "");
	assert_int_equal(r.c->proxies->listeners->inherited_fd, fd);
	assert_int_equal(r.c->proxies->listeners->sa.ss_family, AF_INET);
	assert_int_equal(r.c->proxies->listeners->sa_len, sizeof(any));
	reading_free(&r);
	buf_free(&text);
	close(fd);
}

static void addresses_that_are_refused(void **state)
{
	static const struct reading_row rows[] = {
		{ "bind", "'bind' expects {<path>|[addr1]:port1[-end1]}{,[addr]:port[-end]}... as arguments." },
		{ "bind 127.0.0.1", "'bind' : missing port specification in '127.0.0.1'" },
		{ "bind 127.0.0.1:0", "'bind' : invalid port '0'" },
		{ "bind :1,", "'bind' : missing port specification in ''" },
		{ "bind :1,:x", "'bind' : invalid port 'x'" },
		{ "bind 127.0.0.1:+1", "'bind' : port offset not permitted here in '127.0.0.1:+1'" },
		{ "bind udp@:1", "'bind' : dgram-type address not acceptable in 'udp@:1'" },
		{ "bind ipv6@127.0.0.1:1", "'bind' : invalid address: '127.0.0.1' in 'ipv6@127.0.0.1:1'" },
		{ "bind no-such-host.invalid:1", "'bind' : invalid address: 'no-such-host.invalid' in 'no-such-host.invalid:1'" },
		{ "bind fd@9999", "'bind' : cannot use file descriptor '9999' : Bad file descriptor." },
		{ "bind fd@0", "'bind' : cannot use file descriptor '0' : Socket operation on non-socket." },
		{ "bind :1-65535", NULL },
		{ "bind :1-65535,:1-2", "'bind' : these would be more than 65536 listeners" },
	};

	(void)state;
	LINES(BARE, rows);
}

static void options_that_are_refused(void **state)
{
	static const struct reading_row rows[] = {
		{ "bind :1 maxconn", "'maxconn' expects an argument" },
		{ "bind :1 backlog x", "'backlog' expects a number, not 'x'" },
		{ "bind :1 name", "'name' expects an argument" },
		{ "bind :1 id", "'id' expects an argument" },
		{ "bind :1 id 0", "'id' expects a number from 1 to 2147483647, not '0'" },
		{ "bind :1-2 id 7", "'bind :1-2' : 'id' can only be used with a single socket" },
		{ "bind :1 id 7\n bind :2 id 7", "=alert 5: 'bind :2' : 'id' : custom id 7 already used at t.cfg:4 ('bind :1')\n" },
		{ "bind :1 interface", "'interface' expects an argument" },
		{ "bind :1 interface a123456789012345", "'interface': the name 'a123456789012345' is too long" },
		{ "bind /x mode", "'mode' expects an argument" },
		{ "bind /x mode 10000", "'mode' : missing or invalid mode '10000' (octal integer expected)" },
		{ "bind /x mode 668", "'mode' : missing or invalid mode '668' (octal integer expected)" },
		{ "bind /x mode rw", "'mode' : missing or invalid mode 'rw' (octal integer expected)" },
		{ "bind /x mode 777777777777777777777", "'mode' : missing or invalid mode '777777777777777777777' (octal integer expected)" },
		{ "bind /x user", "'user' expects an argument" },
		{ "bind /x user no-such-user", "'user' : unknown user name 'no-such-user'" },
		{ "bind /x group", "'group' expects an argument" },
		{ "bind /x group no-such-group", "'group' : unknown group name 'no-such-group'" },
		{ "bind /x uid -1", "'uid' expects a number, not '-1'" },
		{ "bind :1 ssl crt x", "'bind :1' : 'ssl' is not supported yet" },
		{ "bind :1 accept-proxy", "'bind :1' : 'accept-proxy' is not supported yet" },
		{ "bind :1 level admin", "'bind :1' : 'level' is not supported yet" },
		{ "bind :1 maxcon 1", "'bind :1' : unknown keyword 'maxcon'; did you mean 'maxconn' maybe ?" },
		{ "bind :1 xyzzy", "'bind :1' : unknown keyword 'xyzzy'." },
	};

	(void)state;
	LINES(BARE, rows);
}

static void stats_sockets_that_are_refused(void **state)
{
	static const struct reading_row rows[] = {
		{ "stats socket", "'stats socket' expects {<path>|[addr1]:port1[-end1]}{,[addr]:port[-end]}... as arguments." },
		{ "stats socket :x", "'stats socket' : invalid port 'x'" },
		{ "stats socket /x level", "'level' expects an argument" },
		{ "stats socket /x level root", "'level' only supports 'user', 'operator', and 'admin' (got 'root')" },
		{ "stats socket /x expose-fd", "'expose-fd' expects an argument" },
		{ "stats socket /x expose-fd x", "'expose-fd' only supports 'listeners' (got 'x')" },
		{ "stats socket /x v6only", "'stats socket /x' : unknown keyword 'v6only'." },
		{ "stats socket /x levle admin", "'stats socket /x' : unknown keyword 'levle'; did you mean 'level' maybe ?" },
	};

	(void)state;
	LINES(GLOBAL, rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_of_bind), cmocka_unit_test(options_of_stats_socket), cmocka_unit_test(addresses_make_listeners),
		cmocka_unit_test(several_sockets_of_stats), cmocka_unit_test(a_descriptor_is_taken_over),
		cmocka_unit_test(addresses_that_are_refused), cmocka_unit_test(options_that_are_refused),
		cmocka_unit_test(stats_sockets_that_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
