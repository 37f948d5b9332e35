/* address_test.c - addresses in all their forms: what is made of them, what is refused where, and the socket addresses. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "gateway/conf/address.h"
#include "shared/base/buf.h"

#define PORTS (ADDRESS_PORT_RANGE | ADDRESS_PORT_OFFSET)
#define ALL (PORTS | ADDRESS_FDS | ADDRESS_PATHS)

static int setup(void **state)
{
	*state = arena_create(4096, 0);
	return *state == NULL;
}

static int teardown(void **state)
{
	struct arena *arena = *state;

	arena_free(&arena);
	return 0;
}

static const char *kind_of(const struct address *a)
{
	static const char *const names[] = { [ADDRESS_INET] = "inet", [ADDRESS_NAME] = "name", [ADDRESS_UNIX] = "unix", [ADDRESS_ABNS] = "abns",
					     [ADDRESS_FD] = "fd" };

	return names[a->kind];
}

/* "inet 4 127.0.0.1 80", "name 0 a -", "unix u /a -", "fd 0 - 3"; or what is wrong. */
static const char *parse(struct arena *arena, const char *text, unsigned allow)
{
	struct address a;
	const char *why = address_parse(arena, slice_str(text), allow, &a);
	const char *family;
	struct slice out;

	if (why != NULL)
		return why;
	family = a.family == AF_INET ? "4" : a.family == AF_INET6 ? "6" : a.family == AF_UNIX ? "u" : "0";
	if (a.kind == ADDRESS_FD)
		return arena_printf(arena, "fd %s %d", family, a.fd).ptr;
	assert_int_equal(a.fd, -1);
	out = arena_printf(arena, "%s %s %.*s", kind_of(&a), family, SLICE_ARG(a.host));
	if (!a.has_port) {
		assert_int_equal(a.port, 0);
		return arena_printf(arena, "%s -", out.ptr).ptr;
	}
	if (a.port != a.port_last)
		return arena_printf(arena, "%s %d to %d", out.ptr, a.port, a.port_last).ptr;
	return arena_printf(arena, a.is_offset ? "%s %+d" : "%s %d", out.ptr, a.port).ptr;
}

struct row {
	const char *text;
	unsigned allow;
	const char *want;
};

/* Texts that are compared begin with the address, so that a failure shows which it was. */
static void check(struct arena *arena, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_string_equal(arena_printf(arena, "%s: %s", rows[i].text, parse(arena, rows[i].text, rows[i].allow)).ptr,
				    arena_printf(arena, "%s: %s", rows[i].text, rows[i].want).ptr);
}
#define CHECK(rows) check(*state, rows, sizeof(rows) / sizeof((rows)[0]))

static void ipv4(void **state)
{
	static const struct row rows[] = {
		{ "127.0.0.1", ALL, "inet 4 127.0.0.1 -" },
		{ "127.0.0.1:80", ALL, "inet 4 127.0.0.1 80" },
		{ "127.0.0.1:", ALL, "inet 4 127.0.0.1 -" },
		{ "ip@127.0.0.1:80", ALL, "inet 4 127.0.0.1 80" },
		{ "ipv4@127.0.0.1:80", ALL, "inet 4 127.0.0.1 80" },
		{ "tcp@127.0.0.1:80", ALL, "inet 4 127.0.0.1 80" },
		{ "tcp4@127.0.0.1:80", ALL, "inet 4 127.0.0.1 80" },
		{ "stream+ipv4@127.0.0.1:80", ALL, "inet 4 127.0.0.1 80" },
		{ "", ALL, "inet 4  -" },
		{ ":80", ALL, "inet 4  80" },
		{ "*:80", ALL, "inet 4 * 80" },
		{ "ipv4@:80", ALL, "inet 4  80" },
		{ "ipv6@127.0.0.1:80", ALL, "name 6 127.0.0.1 80" }, /* looked up, and then it has no such address */
		{ "ipv4@::1:80", ALL, "invalid address: 'ipv4@::1:80'" },
		{ "[127.0.0.1]:80", ALL, "invalid address: '[127.0.0.1]:80'" },
	};

	CHECK(rows);
}

static void ipv6(void **state)
{
	static const struct row rows[] = {
		{ "::1:80", ALL, "inet 6 ::1 80" },
		{ "[::1]:80", ALL, "inet 6 ::1 80" },
		{ "[::1]", ALL, "inet 6 ::1 -" },
		{ ":::80", ALL, "inet 6 :: 80" },
		{ "[::]:80", ALL, "inet 6 :: 80" },
		{ "2001:db8::1:8080", ALL, "inet 6 2001:db8::1 8080" },
		{ "::ffff:127.0.0.1:80", ALL, "inet 6 ::ffff:127.0.0.1 80" },
		{ "ipv6@::1:80", ALL, "inet 6 ::1 80" },
		{ "ipv6@[::1]:80", ALL, "inet 6 ::1 80" },
		{ "ipv6@:80", ALL, "inet 6  80" },
		{ "ipv6@*:80", ALL, "inet 6 * 80" },
		{ "tcp6@::1:80", ALL, "inet 6 ::1 80" },
		{ "stream+ipv6@::1:80", ALL, "inet 6 ::1 80" },
		{ "[::1:80", ALL, "invalid address: '[::1:80'" },
		{ "[]:80", ALL, "invalid address: '[]:80'" },
		{ "[a]:80", ALL, "invalid address: '[a]:80'" },
		{ "[*]:80", ALL, "invalid address: '[*]:80'" },
		{ "1::2::3:80", ALL, "invalid address: '1::2::3:80'" },
	};

	CHECK(rows);
}

static void names(void **state)
{
	static const struct row rows[] = {
		{ "localhost:80", ALL, "name 0 localhost 80" },
		{ "a-b_c.d9", ALL, "name 0 a-b_c.d9 -" },
		{ "ipv4@a.b:1", ALL, "name 4 a.b 1" },
		{ "ipv6@a.b:1", ALL, "name 6 a.b 1" },
		{ "999.0.0.1", ALL, "name 0 999.0.0.1 -" },
		{ "a b:80", ALL, "invalid address: 'a b:80'" },
		{ "a/b:80", ALL, "invalid address: 'a/b:80'" },
		{ "foo@bar:80", ALL, "invalid address: 'foo@bar:80'" }, /* no such prefix */
		{ "\xc3\xa4:80", ALL, "invalid address: '\xc3\xa4:80'" },
	};

	CHECK(rows);
}

static void ports(void **state)
{
	static const struct row rows[] = {
		{ "a:0", ALL, "name 0 a 0" },
		{ "a:65535", ALL, "name 0 a 65535" },
		{ "a:0080", ALL, "name 0 a 80" },
		{ "a:65536", ALL, "invalid port '65536'" },
		{ "a:99999999999999999999", ALL, "invalid port '99999999999999999999'" },
		{ "a:8o", ALL, "invalid port '8o'" },
		{ "a: 80", ALL, "invalid port ' 80'" },
		{ "a", ADDRESS_PORT_NEEDED, "missing port specification in 'a'" },
		{ "a:", ADDRESS_PORT_NEEDED, "missing port specification in 'a:'" },
		{ "", ADDRESS_PORT_NEEDED, "missing port specification in ''" },
		{ "a:0", ADDRESS_PORT_NEEDED, "invalid port '0'" },
		{ "a:80", ADDRESS_PORT_NEEDED, "name 0 a 80" },
	};

	CHECK(rows);
}

static void ranges(void **state)
{
	static const struct row rows[] = {
		{ "a:80-82", ALL, "name 0 a 80 to 82" },
		{ "[::1]:1-65535", ALL, "inet 6 ::1 1 to 65535" },
		{ "a:80-80", ALL, "name 0 a 80" },
		{ "a:82-80", ALL, "invalid port range '82-80'" },
		{ "a:80-", ALL, "invalid port range '80-'" },
		{ "a:80-65536", ALL, "invalid port range '80-65536'" },
		{ "a:80-82-84", ALL, "invalid port range '80-82-84'" },
		{ "a:x-82", ALL, "invalid port 'x'" },
		{ "a:0-2", ADDRESS_PORT_RANGE | ADDRESS_PORT_NEEDED, "invalid port '0'" },
		{ "a:80-82", 0, "port range not permitted here in 'a:80-82'" },
	};

	CHECK(rows);
}

static void offsets(void **state)
{
	static const struct row rows[] = {
		{ "a:+100", ALL, "name 0 a +100" },
		{ "a:-5", ALL, "name 0 a -5" },
		{ "a:+0", ALL, "name 0 a +0" },
		{ "a:-65535", ALL, "name 0 a -65535" },
		{ "a:+65536", ALL, "invalid port '+65536'" },
		{ "a:+", ALL, "invalid port '+'" },
		{ "a:+1-2", ALL, "invalid port '+1-2'" },
		{ "a:+100", ADDRESS_PORT_RANGE, "port offset not permitted here in 'a:+100'" },
		{ "a:-5", ADDRESS_PORT_RANGE, "port offset not permitted here in 'a:-5'" },
	};

	CHECK(rows);
}

static void paths_and_abstract_names(void **state)
{
	static const struct row rows[] = {
		{ "/run/x", ALL, "unix u /run/x -" },
		{ "unix@/run/x:80", ALL, "unix u /run/x:80 -" }, /* a path has no port */
		{ "unix@x", ALL, "unix u x -" },
		{ "abns@x", ALL, "abns u x -" },
		{ "stream+unix@/x", ALL, "unix u /x -" },
		{ "/x", ALL | ADDRESS_PORT_NEEDED, "unix u /x -" },
		{ "unix@", ALL, "missing socket path in 'unix@'" },
		{ "abns@", ALL, "missing socket path in 'abns@'" },
		{ "/x", PORTS, "a Unix socket is not acceptable here in '/x'" },
		{ "abns@x", PORTS, "a Unix socket is not acceptable here in 'abns@x'" },
	};

	CHECK(rows);
}

static void descriptors(void **state)
{
	static const struct row rows[] = {
		{ "fd@0", ALL, "fd 0 0" },
		{ "fd@33", ALL | ADDRESS_PORT_NEEDED, "fd 0 33" },
		{ "fd@", ALL, "the file descriptor is not a valid integer in 'fd@'" },
		{ "fd@x", ALL, "the file descriptor is not a valid integer in 'fd@x'" },
		{ "fd@-1", ALL, "the file descriptor is not a valid integer in 'fd@-1'" },
		{ "fd@1048577", ALL, "the file descriptor is not a valid integer in 'fd@1048577'" },
		{ "fd@3", PORTS, "a file descriptor is not acceptable here in 'fd@3'" },
	};

	CHECK(rows);
}

static void datagrams(void **state)
{
	static const struct row rows[] = {
		{ "127.0.0.1:514", ADDRESS_DATAGRAM, "inet 4 127.0.0.1 514" },
		{ "udp@127.0.0.1:514", ADDRESS_DATAGRAM, "inet 4 127.0.0.1 514" },
		{ "udp4@:514", ADDRESS_DATAGRAM, "inet 4  514" },
		{ "udp6@::1:514", ADDRESS_DATAGRAM, "inet 6 ::1 514" },
		{ "dgram+ipv4@127.0.0.1:514", ADDRESS_DATAGRAM, "inet 4 127.0.0.1 514" },
		{ "dgram+unix@/dev/log", ADDRESS_DATAGRAM | ADDRESS_PATHS, "unix u /dev/log -" },
		{ "tcp@a:1", ADDRESS_DATAGRAM, "stream-type address not acceptable in 'tcp@a:1'" },
		{ "stream+ipv4@a:1", ADDRESS_DATAGRAM, "stream-type address not acceptable in 'stream+ipv4@a:1'" },
		{ "udp@a:1", ALL, "dgram-type address not acceptable in 'udp@a:1'" },
		{ "dgram+ipv4@a:1", ALL, "dgram-type address not acceptable in 'dgram+ipv4@a:1'" },
	};

	CHECK(rows);
}

static void what_is_too_long(void **state)
{
	struct arena *arena = *state;
	char text[300], want[400];
	struct address a;

	memset(text, 'a', sizeof(text));
	text[255] = '\0';
	assert_null(address_parse(arena, slice_str(text), 0, &a));
	assert_int_equal(a.kind, ADDRESS_NAME);
	text[255] = 'a';
	text[256] = '\0';
	assert_non_null(address_parse(arena, slice_str(text), 0, &a));
	text[0] = '/';
	text[sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1] = '\0';
	assert_null(address_parse(arena, slice_str(text), ADDRESS_PATHS, &a));
	text[strlen(text)] = 'a';
	snprintf(want, sizeof(want), "socket path too long in '%s'", text);
	assert_string_equal(address_parse(arena, slice_str(text), ADDRESS_PATHS, &a), want);
	assert_non_null(address_parse(arena, slice_of("/a\0b", 4), ADDRESS_PATHS, &a));
}

/* ---- socket addresses ---- */

/* "127.0.0.1 80", "::1 80", "unix /x", "abns x"; "none". */
static const char *told(struct arena *arena, bool found, const struct sockaddr_storage *sa, const socklen_t *len)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;
	const struct sockaddr_un *un = (const struct sockaddr_un *)sa;
	char text[INET6_ADDRSTRLEN];

	if (!found)
		return "none";
	switch (sa->ss_family) {
	case AF_INET:
		assert_int_equal(*len, sizeof(*in));
		return arena_printf(arena, "%s %u", inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text)), ntohs(in->sin_port)).ptr;
	case AF_INET6:
		assert_int_equal(*len, sizeof(*in6));
		return arena_printf(arena, "%s %u", inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text)), ntohs(in6->sin6_port)).ptr;
	default:
		assert_int_equal(sa->ss_family, AF_UNIX);
		assert_int_equal(*len, sizeof(*un));
		return arena_printf(arena, "%s %s", un->sun_path[0] == '\0' ? "abns" : "unix", un->sun_path + (un->sun_path[0] == '\0')).ptr;
	}
}

static const char *sockaddr_of(struct arena *arena, const char *text, uint16_t port)
{
	struct sockaddr_storage sa;
	socklen_t len = 0;
	struct address a;

	assert_null(address_parse(arena, slice_str(text), ALL, &a));
	return told(arena, address_sockaddr(&a, port, &sa, &len), &sa, &len);
}

static void socket_addresses(void **state)
{
	assert_string_equal(sockaddr_of(*state, "127.0.0.1:1", 80), "127.0.0.1 80");
	assert_string_equal(sockaddr_of(*state, "[2001:db8::1]:1", 65535), "2001:db8::1 65535");
	assert_string_equal(sockaddr_of(*state, ":1", 2), "0.0.0.0 2");
	assert_string_equal(sockaddr_of(*state, "*:1", 2), "0.0.0.0 2");
	assert_string_equal(sockaddr_of(*state, "ipv6@:1", 2), ":: 2");
	assert_string_equal(sockaddr_of(*state, "unix@/x", 2), "unix /x");
	assert_string_equal(sockaddr_of(*state, "abns@x", 2), "abns x");
	assert_string_equal(sockaddr_of(*state, "localhost:1", 2), "none");
	assert_string_equal(sockaddr_of(*state, "fd@3", 2), "none");
}

static const char *host_of(struct arena *arena, struct slice host, uint16_t port)
{
	struct sockaddr_storage sa;
	socklen_t len = 0;

	return told(arena, address_of_host(host, port, &sa, &len), &sa, &len);
}

static void what_is_kept_of_a_server(void **state)
{
	char path[200];

	assert_string_equal(host_of(*state, SLICE_LIT("127.0.0.1"), 80), "127.0.0.1 80");
	assert_string_equal(host_of(*state, SLICE_LIT("::1"), 80), "::1 80");
	assert_string_equal(host_of(*state, SLICE_LIT("unix@/x"), 80), "unix /x");
	assert_string_equal(host_of(*state, SLICE_LIT("/x"), 80), "unix /x");
	assert_string_equal(host_of(*state, SLICE_LIT("abns@x"), 80), "abns x");
	assert_string_equal(host_of(*state, SLICE_LIT("ipv6@::1"), 80), "::1 80");
	assert_string_equal(host_of(*state, SLICE_LIT("a.b"), 80), "none");
	assert_string_equal(host_of(*state, SLICE_LIT("a b"), 80), "none");
	assert_string_equal(host_of(*state, SLICE_LIT("unix@"), 80), "none");
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	assert_string_equal(host_of(*state, slice_of(path, sizeof(path)), 80), "none");
}

static const char *lookup(struct arena *arena, const char *text, uint16_t port)
{
	struct sockaddr_storage sa;
	socklen_t len = 0;
	struct address a;

	assert_null(address_parse(arena, slice_str(text), ALL, &a));
	return told(arena, address_lookup(&a, port, &sa, &len), &sa, &len);
}

static void names_are_looked_up(void **state)
{
	assert_string_equal(lookup(*state, "ipv4@localhost:1", 80), "127.0.0.1 80");
	assert_string_equal(lookup(*state, "::1:1", 80), "::1 80");
	assert_string_equal(lookup(*state, "/x", 0), "unix /x");
	assert_string_equal(lookup(*state, "ipv6@127.0.0.1:1", 80), "none"); /* its family was asked for */
	assert_string_equal(lookup(*state, "no-such-host.invalid:1", 80), "none");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ipv4), TEST(ipv6), TEST(names), TEST(ports), TEST(ranges), TEST(offsets), TEST(paths_and_abstract_names), TEST(descriptors),
		TEST(datagrams), TEST(what_is_too_long), TEST(socket_addresses), TEST(what_is_kept_of_a_server), TEST(names_are_looked_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
