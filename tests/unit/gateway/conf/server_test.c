/* server_test.c - server, default-server and server-template: names, addresses, all options, and what is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>

#include "tests/unit/gateway/support/reading.h"

#define LINES(before, rows) reading_lines(before, rows, READING_COUNT(rows))
#define OPTION(name) offsetof(struct server, o) + READING_FIELD(struct server_options, name)
#define SERVER(name) READING_FIELD(struct server, name)

static const void *the_server(const struct config *c)
{
	return reading_server(c);
}

static void options_set_values(void **state)
{
	static const struct reading_value rows[] = {
		{ "server s 127.0.0.1:1 weight 0", OPTION(weight), 0 },
		{ "server s 127.0.0.1:1 weight 256", OPTION(weight), 256 },
		{ "server s 127.0.0.1:1 backup", OPTION(backup), true },
		{ "server s 127.0.0.1:1 backup no-backup", OPTION(backup), false },
		{ "server s 127.0.0.1:1 disabled", OPTION(disabled), true },
		{ "server s 127.0.0.1:1 disabled enabled", OPTION(disabled), false },
		{ "server s 127.0.0.1:1 maxconn 7", OPTION(maxconn), 7 },
		{ "server s 127.0.0.1:1 maxqueue 7", OPTION(maxqueue), 7 },
		{ "server s 127.0.0.1:1 pool-max-conn 7", OPTION(pool_max_conn), 7 },
		{ "server s 127.0.0.1:1 pool-max-conn 7 pool-max-conn -1", OPTION(pool_max_conn), -1 },
		{ "server s 127.0.0.1:1 pool-purge-delay 7s", OPTION(pool_purge_ms), 7000 },
		{ "server s 127.0.0.1:1 max-reuse 0", OPTION(max_reuse), 1 },
		{ "server s 127.0.0.1:1 max-reuse 7", OPTION(max_reuse), 8 },
		{ "server s 127.0.0.1:1 max-reuse 7 max-reuse -1", OPTION(max_reuse), 0 },
		{ "server s 127.0.0.1:1 check", OPTION(check), true },
		{ "server s 127.0.0.1:1 check no-check", OPTION(check), false },
		{ "server s 127.0.0.1:1 inter 7", OPTION(inter_ms), 7 },
		{ "server s 127.0.0.1:1 fastinter 7s", OPTION(fastinter_ms), 7000 },
		{ "server s 127.0.0.1:1 downinter 7us", OPTION(downinter_ms), 1 },
		{ "server s 127.0.0.1:1 rise 7", OPTION(rise), 7 },
		{ "server s 127.0.0.1:1 fall 7", OPTION(fall), 7 },
		{ "server s 127.0.0.1:1 port 7", OPTION(check_port), 7 },
		{ "server s 127.0.0.1:1 addr 127.0.0.2:65535", OPTION(check_port), 65535 },
		{ "server s 127.0.0.1:1 observe none", OPTION(observe), OBSERVE_NOTHING },
		{ "server s 127.0.0.1:1 observe layer4", OPTION(observe), OBSERVE_LAYER4 },
		{ "server s 127.0.0.1:1 observe layer7", OPTION(observe), OBSERVE_LAYER7 },
		{ "server s 127.0.0.1:1 error-limit 7", OPTION(error_limit), 7 },
		{ "server s 127.0.0.1:1 on-error fastinter", OPTION(on_error), ON_ERROR_FASTINTER },
		{ "server s 127.0.0.1:1 on-error fail-check", OPTION(on_error), ON_ERROR_FAIL_CHECK },
		{ "server s 127.0.0.1:1 on-error sudden-death", OPTION(on_error), ON_ERROR_SUDDEN_DEATH },
		{ "server s 127.0.0.1:1 on-error mark-down", OPTION(on_error), ON_ERROR_MARK_DOWN },
		{ "server s 127.0.0.1:1 on-marked-down shutdown-sessions", OPTION(shutdown_on_down), true },
		{ "server s 127.0.0.1:1 on-marked-up shutdown-backup-sessions", OPTION(shutdown_backup_on_up), true },
		{ "server s 127.0.0.1:1 slowstart 7s", OPTION(slowstart_ms), 7000 },
		{ "server s 127.0.0.1:1 slowstart 7", OPTION(slowstart_ms), 1000 }, /* whole seconds */
		{ "server s 127.0.0.1:1 slowstart 2147483647", OPTION(slowstart_ms), INT_MAX },
		{ "server s 127.0.0.1:1 resolve-prefer ipv4", OPTION(prefer), FAMILY_4 },
		{ "server s 127.0.0.1:1 resolve-prefer ipv6", OPTION(prefer), FAMILY_6 },
		{ "server s 127.0.0.1:1 id 7", SERVER(id), 7 },
		{ "default-server weight 9\n server s 127.0.0.1:1", OPTION(weight), 9 },
		{ "default-server weight 9 check\n default-server backup\n server s 127.0.0.1:1", OPTION(weight), 9 },
		{ "default-server check\n server s 127.0.0.1:1 no-check", OPTION(check), false },
		{ "server r 127.0.0.1:1 id 1\n server s 127.0.0.1:1", SERVER(id), 2 },
		{ "server r 127.0.0.1:1\n server s 127.0.0.1:1", SERVER(index), 1 },
	};

	(void)state;
	reading_values(READING_BACKEND, rows, READING_COUNT(rows), the_server);
}

static void ports(void **state)
{
	static const struct reading_value rows[] = {
		{ "server s 127.0.0.1:80", SERVER(port), 80 },
		{ "server s 127.0.0.1:80", SERVER(maps_port), false },
		{ "server s 127.0.0.1", SERVER(maps_port), true },
		{ "server s 127.0.0.1:0", SERVER(maps_port), true },
		{ "server s 127.0.0.1:+5", SERVER(port), 5 },
		{ "server s 127.0.0.1:+5", SERVER(maps_port), true },
		{ "server s 127.0.0.1:-5", SERVER(port), 65531 }, /* added modulo 65536 */
		{ "server s 127.0.0.1:-5", SERVER(maps_port), true },
		{ "server s /x", SERVER(maps_port), false },
	};

	(void)state;
	reading_values(READING_BACKEND, rows, READING_COUNT(rows), the_server);
}

static void texts(void **state)
{
	struct reading r;
	const struct server *s;

	(void)state;
	reading_of(&r, SLICE_LIT("resolvers dns\n" READING_BACKEND "server a 127.0.0.1:1 check\n"
				 " server s a.example:1 resolvers dns init-addr last,127.0.0.9,none addr [::1] track a\n"));
	assert_string_equal(r.said.ptr, "");
	s = reading_server(r.c);
	assert_slice(s->name, "s");
	assert_slice(s->host, "a.example");
	assert_slice(s->o.check_host, "::1");
	assert_slice(s->o.init_addr, "last,127.0.0.9,none");
	assert_slice(s->o.track, "a");
	assert_ptr_equal(s->o.resolvers, r.c->resolvers);
	assert_ptr_equal(s->tracks, s->backend->backend.servers);
	assert_int_equal(s->line, 7);
	reading_free(&r);
}

static void hosts(void **state)
{
	static const struct {
		const char *address, *host;
	} rows[] = {
		{ "127.0.0.1:1", "127.0.0.1" },  { "ipv4@127.0.0.1:1", "127.0.0.1" }, { "[::1]:1", "::1" },      { "::1:1", "::1" },
		{ "/run/x", "unix@/run/x" },     { "unix@/run/x", "unix@/run/x" },    { "abns@x", "abns@x" },    { "a.b-c:1", "a.b-c" },
	};

	(void)state;
	for (size_t i = 0; i < READING_COUNT(rows); i++) {
		struct reading r;
		struct buf text;

		buf_init(&text, 0);
		buf_printf(&text, READING_BACKEND "server s %s\n", rows[i].address);
		reading_of(&r, buf_slice(&text));
		assert_string_equal(r.said.ptr, "");
		assert_slice(reading_server(r.c)->host, rows[i].host);
		reading_free(&r);
		buf_free(&text);
	}
}

static void addresses_that_are_refused(void **state)
{
	static const struct reading_row rows[] = {
		{ "server", "'server' expects <name> and <addr>[:<port>] as arguments." },
		{ "server s", "'server' expects <name> and <addr>[:<port>] as arguments." },
		{ "server s/t 127.0.0.1:1", "character '/' is not permitted in server name 's/t'." },
		{ "server s 127.0.0.1:x", "'server s' : invalid port 'x'" },
		{ "server s 127.0.0.1:80-82", "'server s' : port range not permitted here in '127.0.0.1:80-82'" },
		{ "server s a=b:80", "'server s' : invalid address: 'a=b:80'" },
		{ "server s fd@3", "'server s' : a file descriptor is not acceptable here in 'fd@3'" },
		{ "server s udp@127.0.0.1:1", "'server s' : dgram-type address not acceptable in 'udp@127.0.0.1:1'" },
		{ "server s *:80", "'server s' : '*:80', the address that the client reached, is not supported yet" },
		{ "server s 0.0.0.0:80", "'server s' : '0.0.0.0:80', the address that the client reached, is not supported yet" },
		{ "server s [::]:80", "'server s' : '[::]:80', the address that the client reached, is not supported yet" },
		{ "server s ipv4@a.b:80", "'server s' : 'ipv4@a.b:80': give an address, or a name without prefix and 'resolve-prefer'" },
		{ "server s _http._tcp.a:80", "'server s' : '_http._tcp.a:80': SRV records are not supported yet" },
		{ "server s a..b:80", "'server s' : invalid address: 'a..b:80'" },
		{ "server s 127.0.0.1:1\n server s 127.0.0.1:2",
		  "=alert 6: backend 'b', another server named 's' was already defined at line 5, please use distinct names.\n" },
	};

	(void)state;
	LINES(READING_BACKEND, rows);
}

static void options_that_are_refused(void **state)
{
	static const struct reading_row rows[] = {
		{ "server s 127.0.0.1:1 weight", "'weight' expects an argument" },
		{ "server s 127.0.0.1:1 weight 257", "'weight' expects a number from 0 to 256, not '257'" },
		{ "server s 127.0.0.1:1 maxconn x", "'maxconn' expects a number, not 'x'" },
		{ "server s 127.0.0.1:1 maxconn 2147483648", "'maxconn' expects a number from 0 to 2147483647, not '2147483648'" },
		{ "server s 127.0.0.1:1 rise 0", "'rise' expects a number from 1 to 2147483647, not '0'" },
		{ "server s 127.0.0.1:1 fall", "'fall' expects an argument" },
		{ "server s 127.0.0.1:1 inter", "'inter' expects an argument" },
		{ "server s 127.0.0.1:1 inter 0", "invalid value 0 for argument 'inter' of server s." },
		{ "server s 127.0.0.1:1 inter 1x", "unexpected character 'x' in argument '1x' of 'inter': units are us, ms, s, m, h and d" },
		{ "server s 127.0.0.1:1 slowstart", "'slowstart' expects an argument" },
		{ "server s 127.0.0.1:1 pool-max-conn", "'pool-max-conn' expects an argument" },
		{ "server s 127.0.0.1:1 pool-max-conn -2", "'pool-max-conn' expects a number, not '-2'" },
		{ "server s 127.0.0.1:1 max-reuse", "'max-reuse' expects an argument" },
		{ "server s 127.0.0.1:1 max-reuse 2147483647", "'max-reuse' expects a number from 0 to 2147483646, not '2147483647'" },
		{ "server s 127.0.0.1:1 port", "'port' expects an argument" },
		{ "server s 127.0.0.1:1 port 65536", "'port' expects a number from 0 to 65535, not '65536'" },
		{ "server s 127.0.0.1:1 addr", "'addr' expects an argument" },
		{ "server s 127.0.0.1:1 addr a.b", "'addr' : 'a.b' is no IPv4 or IPv6 address" },
		{ "server s 127.0.0.1:1 addr :80", "'addr' : ':80' is no IPv4 or IPv6 address" },
		{ "server s 127.0.0.1:1 addr /x", "'addr' : a Unix socket is not acceptable here in '/x'" },
		{ "server s 127.0.0.1:1 observe", "'observe' expects an argument" },
		{ "server s 127.0.0.1:1 observe x", "'observe' expects one of 'none', 'layer4', 'layer7' but got 'x'." },
		{ "server s 127.0.0.1:1 on-error x",
		  "'on-error' expects one of 'fail-check', 'fastinter', 'sudden-death', 'mark-down' but got 'x'." },
		{ "server s 127.0.0.1:1 on-marked-down x", "'on-marked-down' expects one of 'shutdown-sessions' but got 'x'." },
		{ "server s 127.0.0.1:1 on-marked-up x", "'on-marked-up' expects one of 'shutdown-backup-sessions' but got 'x'." },
		{ "server s 127.0.0.1:1 resolve-prefer x", "'resolve-prefer' expects one of 'ipv4', 'ipv6' but got 'x'." },
		{ "server s 127.0.0.1:1 resolvers", "'resolvers' expects an argument" },
		{ "server s 127.0.0.1:1 track", "'track' expects an argument" },
		{ "server s 127.0.0.1:1 init-addr", "'init-addr' expects an argument" },
		{ "server s 127.0.0.1:1 init-addr last,x",
		  "'init-addr' : unknown init-addr method 'x', supported methods are 'libc', 'last', 'none' and addresses." },
		{ "server s 127.0.0.1:1 init-addr last,",
		  "'init-addr' : unknown init-addr method '', supported methods are 'libc', 'last', 'none' and addresses." },
		{ "server s 127.0.0.1:1 init-addr /x",
		  "'init-addr' : unknown init-addr method '/x', supported methods are 'libc', 'last', 'none' and addresses." },
		{ "server s 127.0.0.1:1 init-addr ipv4@1.2.3.4",
		  "'init-addr' : unknown init-addr method 'ipv4@1.2.3.4', supported methods are 'libc', 'last', 'none' and addresses." },
		{ "server s 127.0.0.1:1 id", "'id' expects an argument" },
		{ "server s 127.0.0.1:1 id 0", "'id' expects a number from 1 to 2147483647, not '0'" },
		{ "server s 127.0.0.1:1 id 7\n server t 127.0.0.1:1 id 7", "=alert 6: 'id' : custom id 7 already used at line 5 ('server s').\n" },
		{ "default-server id 7", "'id' option is not accepted in default-server sections" },
		{ "default-server weight x", "'weight' expects a number, not 'x'" },
	};

	(void)state;
	LINES(READING_BACKEND, rows);
}

static void words_that_are_no_options(void **state)
{
	static const struct reading_row rows[] = {
		{ "server s 127.0.0.1:1 ssl", "'server s' : 'ssl' is not supported yet" },
		{ "server s 127.0.0.1:1 check send-proxy", "'server s' : 'send-proxy' is not supported yet" },
		{ "server s 127.0.0.1:1 wieght 1", "'server s' : unknown keyword 'wieght'; did you mean 'weight' maybe ?" },
		{ "server s 127.0.0.1:1 xyzzy", "'server s' : unknown keyword 'xyzzy'." },
		{ "default-server xyzzy", "'server default-server' : unknown keyword 'xyzzy'." },
	};

	(void)state;
	LINES(READING_BACKEND, rows);
}

/* ---- server-template ---- */

static void templates_make_servers(void **state)
{
	struct reading r;
	const struct server *s;

	(void)state;
	reading_of(&r, SLICE_LIT(READING_BACKEND "server-template a 2 127.0.0.1:1 weight 7\n server-template b 9-11 a.b:2\n"));
	assert_string_equal(r.said.ptr, "");
	assert_int_equal(r.c->proxies->backend.server_count, 5);
	s = r.c->proxies->backend.servers;
	assert_slice(s->name, "a1");
	assert_int_equal(s->o.weight, 7);
	assert_slice(s->next->name, "a2");
	assert_slice(s->next->next->name, "b9");
	s = reading_server(r.c);
	assert_slice(s->name, "b11");
	assert_slice(s->host, "a.b");
	assert_int_equal(s->id, 5);
	reading_free(&r);
}

static void templates_that_are_refused(void **state)
{
	static const struct reading_row rows[] = {
		{ "server-template a 1", "'server-template' expects <prefix> <nb | range> <addr>[:<port>] as arguments." },
		{ "server-template a 0 127.0.0.1:1", "Wrong server-template number or range arg '0'." },
		{ "server-template a x 127.0.0.1:1", "Wrong server-template number or range arg 'x'." },
		{ "server-template a 3-2 127.0.0.1:1", "Wrong server-template number or range arg '3-2'." },
		{ "server-template a 1- 127.0.0.1:1", "Wrong server-template number or range arg '1-'." },
		{ "server-template a 4096 127.0.0.1:1", "Wrong server-template number or range arg '4096'." },
		{ "server-template a 1-4096 127.0.0.1:1", "Wrong server-template number or range arg '1-4096'." },
		{ "server-template a/ 2 127.0.0.1:1", "character '/' is not permitted in server name 'a/'." },
		{ "server-template a 2 a=b:1", "'server a' : invalid address: 'a=b:1'" },
		{ "server-template a 2 127.0.0.1:1 xyzzy", "'server a' : unknown keyword 'xyzzy'." },
		{ "server-template a 2 127.0.0.1:1 id 7", "'id' option is not accepted in server-template lines" },
		{ "server a2 127.0.0.1:1\n server-template a 2 127.0.0.1:1",
		  "=alert 6: backend 'b', another server named 'a2' was already defined at line 5, please use distinct names.\n" },
		{ "server-template a 4095 127.0.0.1:1", NULL },
		{ "server-template a 4095 127.0.0.1:1\n server s 127.0.0.1:1", "=alert 6: backend 'b' has more than 4095 servers\n" },
		{ "server s 127.0.0.1:1\n server-template a 4095 127.0.0.1:1", "=alert 6: backend 'b' has more than 4095 servers\n" },
	};

	(void)state;
	LINES(READING_BACKEND, rows);
}

/* ---- names of others ---- */

static void what_servers_name_is_looked_up(void **state)
{
	static const struct reading_row rows[] = {
		{ "server s a.b:1 resolvers dns", "backend 'b', server 's': unable to find required resolvers 'dns'" },
		{ "server s 127.0.0.1:1 track t", "'server b/s' : unable to find required server 't' for tracking." },
		{ "server s 127.0.0.1:1 track c/t", "'server b/s' : unable to find required proxy 'c' for tracking." },
		{ "server s 127.0.0.1:1 track b/t", "'server b/s' : unable to find required server 't' for tracking." },
		{ "server s 127.0.0.1:1 check track t", "'server b/s' : unable to enable checks and tracking at the same time!" },
		{ "server s 127.0.0.1:1 track s", "'server b/s' : unable to track b/s as it belongs to a tracking chain looping back to it." },
		{ "server s 127.0.0.1:1 track t\n server t 127.0.0.1:1",
		  "'server b/s' : unable to use b/t for tracking as it does not have any check enabled." },
		{ "server s 127.0.0.1:1 track t\n server t 127.0.0.1:1 track s",
		  "=alert 6: 'server b/t' : unable to track b/s as it belongs to a tracking chain looping back to it.\n" },
		{ "server s 127.0.0.1 check", "backend 'b': server 's' has neither service port nor check port." },
		{ "server s 127.0.0.1:+1 check", "backend 'b': server 's' has neither service port nor check port." },
		{ "server s a.b check", "backend 'b': server 's' has neither service port nor check port." },
		{ "server s 127.0.0.1 check port 1", NULL },
		{ "server s 127.0.0.1 check addr 127.0.0.1:1", NULL },
		{ "server s /x check", NULL },
		{ "option httpchk\n http-check connect port 1\n server s 127.0.0.1 check", NULL },
		{ "server s 127.0.0.1:1 track t\n server t 127.0.0.1:1 track u\n server u 127.0.0.1:1 check", NULL },
	};

	(void)state;
	LINES(READING_BACKEND, rows);
}

static void trackers_are_known_to_whom_they_track(void **state)
{
	struct reading r;
	const struct server *a;

	(void)state;
	reading_of(&r, SLICE_LIT(READING_BACKEND "server a 127.0.0.1:1 check\n server b 127.0.0.1:1 track a\n server c 127.0.0.1:1 track b/a\n"));
	assert_string_equal(r.said.ptr, "");
	a = r.c->proxies->backend.servers;
	assert_ptr_equal(a->trackers, a->next);
	assert_ptr_equal(a->trackers->next_tracker, a->next->next);
	assert_null(a->trackers->next_tracker->next_tracker);
	assert_ptr_equal(a->next->next->tracks, a);
	reading_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_set_values), cmocka_unit_test(ports), cmocka_unit_test(texts), cmocka_unit_test(hosts),
		cmocka_unit_test(addresses_that_are_refused), cmocka_unit_test(options_that_are_refused),
		cmocka_unit_test(words_that_are_no_options), cmocka_unit_test(templates_make_servers),
		cmocka_unit_test(templates_that_are_refused), cmocka_unit_test(what_servers_name_is_looked_up),
		cmocka_unit_test(trackers_are_known_to_whom_they_track),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
