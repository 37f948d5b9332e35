/* proxy_test.c - keywords of frontends and backends: limits, timeouts, captures, monitoring, retries, reuse, options, our own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/model/own.h"
#include "tests/unit/gateway/support/reading.h"

#define LINES(before, rows) reading_lines(before, rows, READING_COUNT(rows))
#define VALUES(before, rows) reading_values(before, rows, READING_COUNT(rows), the_proxy)
#define PROXY(name) READING_FIELD(struct proxy, name)

static const void *the_proxy(const struct config *c)
{
	return reading_proxy(c);
}

/* ---- frontends ---- */

static void values_of_frontends(void **state)
{
	static const struct reading_value rows[] = {
		{ "maxconn 7", PROXY(maxconn), 7 },
		{ "disabled", PROXY(disabled), true },
		{ "disabled\n enabled", PROXY(disabled), false },
		{ "id 7", PROXY(id), 7 },
		{ "timeout client 7s", PROXY(timeout.client), 7000 },
		{ "timeout client-fin 7", PROXY(timeout.client_fin), 7 },
		{ "timeout http-request 7", PROXY(timeout.http_request), 7 },
		{ "timeout http-keep-alive 7", PROXY(timeout.http_keep_alive), 7 },
		{ "timeout tarpit 7", PROXY(timeout.tarpit), 7 },
		{ "timeout total 7", PROXY(timeout.total), 7 },
		{ "body-limit 7k", PROXY(body_limit), 7168 },
		{ "option http-buffer-request", PROXY(buffer_request), true },
		{ "option dontlognull", PROXY(dontlognull), true },
		{ "option dontlog-normal", PROXY(dontlog_normal), true },
		{ "option http-ignore-probes", PROXY(http_ignore_probes), true },
		{ "option http-no-delay", PROXY(http_no_delay), true },
		{ "option idle-close-on-response", PROXY(idle_close_on_response), true },
		{ "option log-separate-errors", PROXY(log_separate_errors), true },
		{ "option logasap", PROXY(logasap), true },
		{ "option socket-stats", PROXY(socket_stats), true },
		{ "option tcpka", PROXY(tcpka), true },
		{ "option problem-documents", PROXY(problem_documents), true },
		{ "option trace-context", PROXY(trace_context), true },
		{ "option tcpka\n no option tcpka", PROXY(tcpka), false },
		{ "option tcpka\n default option tcpka", PROXY(tcpka), false },
		{ "option httpclose", PROXY(http_mode), HTTP_CLOSE },
		{ "option http-server-close", PROXY(http_mode), HTTP_SERVER_CLOSE },
		{ "option httpclose\n option http-keep-alive", PROXY(http_mode), HTTP_KEEP_ALIVE },
		{ "option httpclose\n no option httpclose", PROXY(http_mode), HTTP_KEEP_ALIVE },
		{ "option httpclose\n no option http-server-close", PROXY(http_mode), HTTP_CLOSE }, /* "no" undoes its own */
		{ "capture request header Host len 7", PROXY(request_capture_count), 1 },
		{ "declare capture response len 7\n declare capture response len 8", PROXY(response_capture_count), 2 },
	};

	(void)state;
	VALUES(READING_FRONTEND, rows);
}

static void mistakes_in_frontends(void **state)
{
	static const struct reading_row rows[] = {
		{ "mode", "unknown proxy mode ''." },
		{ "mode x", "unknown proxy mode 'x'." },
		{ "mode tcp", "'mode tcp' is not supported yet: this gateway understands HTTP only" },
		{ "mode health", "'mode health' doesn't exist anymore. Please use 'http-request return status 200' instead." },
		{ "mode http x", "'mode' cannot handle unexpected argument 'x'" },
		{ "id", "'id' expects an argument" },
		{ "id 0", "'id' expects a number from 1 to 2147483647, not '0'" },
		{ "id 7\nbackend b\n mode http\n id 7", "=alert 8: backend b reuses same custom id as frontend f (declared at t.cfg:1).\n" },
		{ "description", "'description' expects an argument" },
		{ "disabled x", "'disabled' cannot handle unexpected argument 'x'" },
		{ "maxconn", "'maxconn' expects an argument" },
		{ "maxconn -1", "'maxconn' expects a number, not '-1'" },
		{ "backlog", "'backlog' expects an argument" },
		{ "backlog 1 2", "'backlog' cannot handle unexpected argument '2'" },
		{ "default_backend", "'default_backend' expects an argument" },
		{ "monitor-uri", "'monitor-uri' expects an argument" },
		{ "monitor fail", "'monitor fail' requires either 'if' or 'unless' followed by a condition." },
		{ "monitor fail if xyzzy", "no such ACL : 'xyzzy'" },
		{ "monitor", "'monitor' expects another word" },
		{ "capture request", "'capture request' expects 'header' <header_name> 'len' <len>." },
		{ "capture response header", "'header' expects an argument" },
		{ "capture request header 'a b' len 7", "'a b' is not the name of a header" },
		{ "capture request header a", "'capture request' expects 'len' <length>" },
		{ "capture request header a len", "'len' expects an argument" },
		{ "capture request header a len 65536", "'len' expects a number from 1 to 65535, not '65536'" },
		{ "capture request header a len 1 x", "'capture' cannot handle unexpected argument 'x'" },
		{ "capture cookie a len 1", "'capture cookie' is not supported yet: this gateway does only a part of what HAProxy can" },
		{ "declare capture", "'declare capture' requires a direction ('request' or 'response')" },
		{ "declare capture request", "'declare capture' expects 'len' <length>" },
		{ "timeout client", "'timeout client' expects an integer value (in milliseconds)" },
		{ "timeout client x", "'timeout client' expects a number, not 'x'" },
		{ "timeout client 1 2", "'timeout' cannot handle unexpected argument '2'" },
		{ "option dontlognull x", "'option' cannot handle unexpected argument 'x'" },
		{ "option httpclose x", "'option' cannot handle unexpected argument 'x'" },
		{ "stick-table type ip size 10\n stick-table type ip size 10",
		  "=alert 6: stick-table name 'f' conflicts with the table declared in frontend 'f' before.\n" },
		{ "errorfile 403 /nowhere", "errorfile: cannot read '/nowhere': No such file or directory" },
		{ "body-limit", "'body-limit' expects an argument" },
		{ "body-limit 1 2", "'body-limit' cannot handle unexpected argument '2'" },
		{ "consistency-token", "'consistency-token' expects an argument" },
		{ "consistency-token a b c", "'consistency-token' cannot handle unexpected argument 'c'" },
		{ "consistency-token a:b", "'consistency-token' expects names of headers" },
		{ "consistency-token a b:", "'consistency-token' expects names of headers" },
	};

	(void)state;
	LINES(READING_FRONTEND, rows);
}

static void captures_are_kept_in_their_order(void **state)
{
	struct reading r;
	const struct proxy *f;
	struct buf text;

	(void)state;
	reading_of(&r, SLICE_LIT(READING_FRONTEND "capture request header Host len 7\n declare capture request len 8\n description a  b\n"
				 " monitor-uri /up\n monitor fail if TRUE\n monitor fail unless FALSE\n consistency-token T\n"));
	assert_string_equal(r.said.ptr, "");
	f = r.c->proxies;
	assert_slice(f->request_captures->name, "Host");
	assert_int_equal(f->request_captures->len, 7);
	assert_int_equal(f->request_captures->next->index, 1);
	assert_null(f->request_captures->next->name.ptr);
	assert_slice(f->description, "a b");
	assert_slice(f->monitor_uri, "/up");
	assert_non_null(f->monitor_fail->next);
	assert_null(f->monitor_fail->next->next);
	assert_slice(f->consistency->token_header, "T");
	assert_slice(f->consistency->fact_header, "Consistency-Token");
	reading_free(&r);
	buf_init(&text, 0);
	buf_add_str(&text, READING_FRONTEND "\n");
	for (int i = 0; i < 257; i++)
		buf_add_str(&text, " declare capture response len 1\n");
	reading_of(&r, buf_slice(&text));
	assert_string_equal(r.said.ptr, "alert 262: a frontend may have at most 256 captures\n");
	reading_free(&r);
	buf_free(&text);
}

/* ---- backends ---- */

#define BACKEND(name) offsetof(struct proxy, backend) + READING_FIELD(struct backend, name)

static void values_of_backends(void **state)
{
	static const struct reading_value rows[] = {
		{ "fullconn 7", BACKEND(fullconn), 7 },
		{ "retries 7", BACKEND(retries), 7 },
		{ "retries 0", BACKEND(retries), 0 },
		{ "http-reuse never", BACKEND(reuse), REUSE_NEVER },
		{ "http-reuse safe", BACKEND(reuse), REUSE_SAFE },
		{ "http-reuse aggressive", BACKEND(reuse), REUSE_AGGRESSIVE },
		{ "http-reuse always", BACKEND(reuse), REUSE_ALWAYS },
		{ "retry-on none", BACKEND(retry_on), 0 },
		{ "retry-on empty-response 401 504", BACKEND(retry_on), RETRY_EMPTY_RESPONSE | RETRY_401 | RETRY_504 },
		{ "retry-on conn-failure junk-response response-timeout 0rtt-rejected", BACKEND(retry_on),
		  RETRY_CONN_FAILURE | RETRY_JUNK_RESPONSE | RETRY_RESPONSE_TIMEOUT | RETRY_0RTT_REJECTED },
		{ "retry-on 403 404 408 425 500 501 502 503", BACKEND(retry_on),
		  RETRY_403 | RETRY_404 | RETRY_408 | RETRY_425 | RETRY_500 | RETRY_501 | RETRY_502 | RETRY_503 },
		{ "retry-on all-retryable-errors", BACKEND(retry_on), RETRY_CONN_FAILURE | RETRY_EMPTY_RESPONSE | RETRY_JUNK_RESPONSE |
		  RETRY_RESPONSE_TIMEOUT | RETRY_0RTT_REJECTED | RETRY_500 | RETRY_502 | RETRY_503 | RETRY_504 },
		{ "option redispatch", PROXY(redispatch), true },
		{ "option redispatch", PROXY(redispatch_interval), -1 },
		{ "option redispatch 2", PROXY(redispatch_interval), 2 },
		{ "option redispatch -3", PROXY(redispatch_interval), -3 },
		{ "option redispatch 0", PROXY(redispatch), false },
		{ "option redispatch\n no option redispatch", PROXY(redispatch), false },
		{ "option abortonclose", PROXY(abortonclose), true },
		{ "option allbackups", BACKEND(all_backups), true },
		{ "option http-pretend-keepalive", PROXY(http_pretend_keepalive), true },
		{ "option log-health-checks", PROXY(log_health_checks), true },
		{ "option retry-safe", BACKEND(retry_safe_only), true },
		{ "timeout server 7", PROXY(timeout.server), 7 },
		{ "timeout server-fin 7", PROXY(timeout.server_fin), 7 },
		{ "timeout connect 7", PROXY(timeout.connect), 7 },
		{ "timeout queue 7", PROXY(timeout.queue), 7 },
		{ "timeout check 7", PROXY(timeout.check), 7 },
		{ "timeout tunnel 7", PROXY(timeout.tunnel), 7 },
	};

	(void)state;
	VALUES(READING_BACKEND, rows);
}

static void mistakes_in_backends(void **state)
{
	static const struct reading_row rows[] = {
		{ "retries x", "'retries' expects a number, not 'x'" },
		{ "http-reuse", "'http-reuse' expects an argument" },
		{ "http-reuse x", "'http-reuse' only supports 'never', 'safe', 'aggressive', 'always' (got 'x')." },
		{ "http-reuse safe x", "'http-reuse' cannot handle unexpected argument 'x'" },
		{ "retry-on", "'retry-on' expects an argument" },
		{ "retry-on x", "'retry-on': unknown keyword 'x'" },
		{ "retry-on none 503", "'retry-on': 'none' can only be used alone" },
		{ "retry-on 503 none", "'retry-on': unknown keyword 'none'" },
		{ "retry-on 429", "'retry-on': unknown keyword '429'" },
		{ "load-server-state-from-file", "'load-server-state-from-file' expects an argument" },
		{ "load-server-state-from-file x", "'load-server-state-from-file' expects 'global', 'local' or 'none'. Got 'x'" },
		{ "load-server-state-from-file global", NULL },
		{ "option redispatch x", "'option redispatch' expects a number, not 'x'" },
		{ "option redispatch -", "'option redispatch' expects a number" },
		{ "option redispatch 1 2", "'option' cannot handle unexpected argument '2'" },
		{ "retry-budget", "'retry-budget' expects an argument" },
		{ "retry-budget 20", "'retry-budget' expects a percentage such as 20%, not '20'" },
		{ "retry-budget %", "'retry-budget' expects a number" },
		{ "retry-budget 101%", "'retry-budget' expects a number from 0 to 100, not '101'" },
		{ "retry-budget 20% min", "'min' expects an argument" },
		{ "retry-budget 20% min x", "'min' expects a number, not 'x'" },
		{ "retry-budget 20% x", "'retry-budget' cannot handle unexpected argument 'x'" },
		{ "retry-budget 20% min 5", NULL },
		{ "redirect location /x", NULL },
		{ "http-check xyzzy", "'http-check' expects 'send', 'expect', 'connect', 'comment', 'disable-on-404' or 'send-state', not 'xyzzy'" },
	};

	(void)state;
	LINES(READING_BACKEND, rows);
}

/* ---- balance ---- */

#define BALANCE(name) offsetof(struct proxy, backend.balance) + READING_FIELD(struct balance, name)

static void values_of_balance(void **state)
{
	static const struct reading_value rows[] = {
		{ "balance roundrobin", BALANCE(kind), BALANCE_ROUNDROBIN },
		{ "balance static-rr", BALANCE(kind), BALANCE_STATIC_RR },
		{ "balance leastconn", BALANCE(kind), BALANCE_LEASTCONN },
		{ "balance first", BALANCE(kind), BALANCE_FIRST },
		{ "balance source", BALANCE(kind), BALANCE_SOURCE },
		{ "balance uri", BALANCE(kind), BALANCE_URI },
		{ "balance uri whole", BALANCE(whole), true },
		{ "balance uri path-only", BALANCE(path_only), true },
		{ "balance uri len 7 depth 8", BALANCE(len), 7 },
		{ "balance uri len 7 depth 8", BALANCE(depth), 8 },
		{ "balance url_param a", BALANCE(kind), BALANCE_URL_PARAM },
		{ "balance hdr(a)", BALANCE(kind), BALANCE_HDR },
		{ "balance hdr(Host) use_domain_only", BALANCE(domain_only), true },
		{ "balance random", BALANCE(draws), 2 },
		{ "balance random(7)", BALANCE(draws), 7 },
		{ "balance random()", BALANCE(draws), 2 },
		{ "balance random(7)", BALANCE(kind), BALANCE_RANDOM },
		{ "balance hash path", BALANCE(kind), BALANCE_HASH },
		{ "hash-type consistent", BALANCE(consistent), true },
		{ "hash-type consistent", BALANCE(avalanche), true },
		{ "hash-type consistent wt6", BALANCE(avalanche), false },
		{ "hash-type consistent wt6 avalanche", BALANCE(avalanche), true },
		{ "hash-type map-based crc32", BALANCE(function), HASH_CRC32 },
		{ "hash-type consistent djb2", BALANCE(function), HASH_DJB2 },
		{ "hash-type consistent sdbm", BALANCE(function), HASH_SDBM },
		{ "hash-type consistent\n hash-type map-based", BALANCE(consistent), false },
		{ "hash-type consistent wt6\n balance source", BALANCE(function), HASH_WT6 }, /* lines of their own */
		{ "balance source\n hash-type consistent", BALANCE(kind), BALANCE_SOURCE },
		{ "hash-balance-factor 150\n balance source", BALANCE(hash_factor), 150 },
		{ "hash-balance-factor 150\n hash-balance-factor 0", BALANCE(hash_factor), 0 },
	};

	(void)state;
	VALUES(READING_BACKEND, rows);
}

static void mistakes_in_balance(void **state)
{
	static const struct reading_row rows[] = {
		{ "balance", "'balance' expects an argument" },
		{ "balance x", "balance only supports 'roundrobin', 'static-rr', 'leastconn', 'first', 'source', 'uri', 'url_param', 'hdr(name)',"
			       " 'random' and 'hash' (got 'x')." },
		{ "balance first x", "'balance' cannot handle unexpected argument 'x'" },
		{ "balance uri x", "balance uri only accepts parameters 'len', 'depth', 'path-only', and 'whole' (got 'x')." },
		{ "balance uri len", "'len' expects an argument" },
		{ "balance uri depth 0", "'depth' expects a number from 1 to 2147483647, not '0'" },
		{ "balance url_param", "balance url_param requires an URL parameter name." },
		{ "balance url_param a check_post", "'balance url_param … check_post' is not supported yet" },
		{ "balance url_param a x", "'balance' cannot handle unexpected argument 'x'" },
		{ "balance hdr()", "balance hdr requires an http header field name." },
		{ "balance 'hdr(a b)'", "balance hdr requires an http header field name." },
		{ "balance hdr(a) x", "'balance' cannot handle unexpected argument 'x'" },
		{ "balance hdr(a", "balance only supports 'roundrobin', 'static-rr', 'leastconn', 'first', 'source', 'uri', 'url_param', 'hdr(name)',"
				   " 'random' and 'hash' (got 'hdr(a')." },
		{ "balance random(x)", "'balance random' expects a number, not 'x'" },
		{ "balance random(0)", "'balance random' expects a number from 1 to 2147483647, not '0'" },
		{ "balance hash", "'balance hash' expects an argument" },
		{ "balance hash path x", "'balance' cannot handle unexpected argument 'x'" },
		{ "balance hash xyzzy", "unknown sample fetch 'xyzzy'" },
		{ "hash-type", "'hash-type' only supports 'consistent' and 'map-based'." },
		{ "hash-type x", "'hash-type' only supports 'consistent' and 'map-based'." },
		{ "hash-type consistent x", "'hash-type' only supports 'sdbm', 'djb2', 'crc32', or 'wt6' hash functions." },
		{ "hash-type consistent wt6 x", "'hash-type' only supports 'avalanche' as a modifier for hash functions." },
		{ "hash-type consistent wt6 avalanche x", "'hash-type' only supports 'avalanche' as a modifier for hash functions." },
		{ "hash-balance-factor 100", "'hash-balance-factor' must be 0 or greater than 100." },
		{ "hash-balance-factor", "'hash-balance-factor' expects an argument" },
	};

	(void)state;
	LINES(READING_BACKEND, rows);
}

/* ---- option forwardfor ---- */

#define FORWARD(name) offsetof(struct proxy, forwardfor) + READING_FIELD(struct forwardfor, name)

static void forwardfor(void **state)
{
	static const struct reading_value values[] = {
		{ "option forwardfor", FORWARD(on), true },
		{ "option forwardfor if-none", FORWARD(if_none), true },
		{ "option forwardfor", FORWARD(has_except), false },
		{ "option forwardfor except 10.0.0.0/8", FORWARD(except_prefix), 8 },
		{ "option forwardfor except 10.0.0.0/255.0.0.0", FORWARD(except_prefix), 8 },
		{ "option forwardfor except 10.0.0.0/0.0.0.0", FORWARD(except_prefix), 0 },
		{ "option forwardfor except 10.0.0.1", FORWARD(except_prefix), 32 },
		{ "option forwardfor except fd00::/8", FORWARD(except_prefix), 8 },
		{ "option forwardfor except ::1", FORWARD(except_prefix), 128 },
		{ "option forwardfor except fd00::/8", FORWARD(except_family_bits[0]), 6 },
		{ "option forwardfor except fd00::/8", FORWARD(except_family_bits[1]), 0xfd },
		{ "option forwardfor except 10.0.0.0/8", FORWARD(except_family_bits[0]), 4 },
		{ "option forwardfor except 10.0.0.0/8\n option forwardfor", FORWARD(has_except), false },
	};
	static const struct reading_row rows[] = {
		{ "option forwardfor header X-A if-none except ::1", NULL },
		{ "option forwardfor x", "'option forwardfor' only supports optional 'except', 'header' and 'if-none' (got 'x')." },
		{ "option forwardfor header", "'option forwardfor header' expects <header_name> as argument." },
		{ "option forwardfor header a:", "'option forwardfor header' expects <header_name> as argument." },
		{ "option forwardfor except", "'option forwardfor except' expects <address>[/mask] as argument." },
		{ "option forwardfor except x", "'option forwardfor except' expects <address>[/mask] as argument." },
		{ "option forwardfor except 10.0.0.0/33", "'option forwardfor except' expects <address>[/mask] as argument." },
		{ "option forwardfor except 10.0.0.0/255.0.255.0", "'option forwardfor except' expects <address>[/mask] as argument." },
		{ "option forwardfor except 10.0.0.0/", "'option forwardfor except' expects <address>[/mask] as argument." },
		{ "option forwardfor except ::/129", "'option forwardfor except' expects <address>[/mask] as argument." },
		{ "option forwardfor except 1111:1111:1111:1111:1111:1111:1111:1111:1111:1111", "'option forwardfor except' expects"
		  " <address>[/mask] as argument." },
	};

	(void)state;
	VALUES(READING_FRONTEND, values);
	LINES(READING_FRONTEND, rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_frontends), cmocka_unit_test(mistakes_in_frontends),
		cmocka_unit_test(captures_are_kept_in_their_order), cmocka_unit_test(values_of_backends),
		cmocka_unit_test(mistakes_in_backends), cmocka_unit_test(values_of_balance), cmocka_unit_test(mistakes_in_balance),
		cmocka_unit_test(forwardfor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
