/* finish_test.c - what is settled after all has been read: numbers, names between sections, formats, warnings; logs and the status page. */
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
#define DEFAULTS "defaults\n mode http\n timeout client 1s\n timeout connect 1s\n timeout server 1s\n"

static const void *the_proxy(const struct config *c)
{
	return reading_proxy(c);
}

/* ---- numbers ---- */

/* As HAProxy counts: each has the number of its place, or the next one that nobody chose. */
static void what_has_no_id_is_numbered(void **state)
{
	static const unsigned proxies[] = { 2, 4, 3, 6, 7 }, servers[] = { 1, 3, 2, 5 }, listeners[] = { 1, 3, 2, 5 };
	struct reading r;
	unsigned i = 0, j = 0, k = 0;

	(void)state;
	reading_of(&r, SLICE_LIT(DEFAULTS "backend a\nbackend b\nbackend c\n id 3\n"
				 "backend d\n server s 127.0.0.1:1\n server t 127.0.0.1:1\n server u 127.0.0.1:1 id 2\n server v 127.0.0.1:1\n"
				 "listen h\n bind 127.0.0.1:1-2\n bind 127.0.0.1:3 id 2\n bind 127.0.0.1:4\n"));
	assert_string_equal(r.said.ptr, "");
	for (const struct proxy *p = r.c->proxies; p != NULL; p = p->next, i++) {
		assert_int_equal(p->index, i);
		assert_int_equal(p->id, proxies[i]);
		for (const struct server *s = p->backend.servers; s != NULL; s = s->next, j++) {
			assert_int_equal(s->index, j);
			assert_int_equal(s->id, servers[j]);
		}
		for (const struct listener *l = p->listeners; l != NULL; l = l->next, k++) {
			assert_int_equal(l->index, k);
			assert_int_equal(l->id, listeners[k]);
		}
	}
	assert_int_equal(r.c->proxy_count, i);
	assert_int_equal(r.c->server_count, j);
	assert_int_equal(r.c->listener_count, k);
	reading_free(&r);
}

/* ---- names ---- */

static void default_backends(void **state)
{
	struct reading r;

	(void)state;
	reading_of(&r, SLICE_LIT(READING_FRONTEND "default_backend b\n" READING_BACKEND "\n"));
	assert_string_equal(r.said.ptr, "");
	assert_ptr_equal(r.c->proxies->default_backend, r.c->proxies->next);
	reading_free(&r);
	reading_text(READING_FRONTEND "default_backend none\n", "alert 5: proxy 'f': unable to find required default_backend: 'none'.\n");
	reading_text(READING_FRONTEND "default_backend f\n", "alert 5: proxy 'f': unable to find required default_backend: 'f'.\n");
	reading_text("defaults\n mode http\n timeout client 1s\n default_backend none\nfrontend f\n bind :1\n",
		     "alert 4: proxy 'f': unable to find required default_backend: 'none'.\n");
	reading_text(DEFAULTS "listen l\n bind :1\n server s 127.0.0.1:1\n default_backend b\nbackend b\n",
		     "warning 9: in proxy 'l', the 'default_backend' rule always has precedence over the servers, which will never be used.\n");
	reading_text(DEFAULTS "listen l\n bind :1\n server s 127.0.0.1:1\n default_backend l\n", NULL);
}

static void other_names(void **state)
{
	(void)state;
	reading_text(READING_FRONTEND "use_backend none if TRUE\n", "alert 5: unable to find required use_backend: 'none'\n");
	reading_text(READING_FRONTEND "acl a nbsrv(none) gt 0\n http-request deny if a\n",
		     "alert 5: sample fetch 'nbsrv' : there is no backend 'none'\n");
	/* all of them are told */
	reading_text(READING_FRONTEND "default_backend x\n use_backend y if TRUE\n",
		     "alert 5: proxy 'f': unable to find required default_backend: 'x'.\nalert 6: unable to find required use_backend: 'y'\n");
}

/* ---- formats ---- */

static void kinds_of_logs(void **state)
{
	static const struct reading_value rows[] = {
		{ "option httplog", PROXY(log_kind), LOG_HTTP },
		{ "option httplog clf", PROXY(log_kind), LOG_HTTP_CLF },
		{ "option tcplog", PROXY(log_kind), LOG_TCP },
		{ "option json-log", PROXY(log_kind), LOG_JSON },
		{ "log-format %ci", PROXY(log_kind), LOG_CUSTOM },
		{ "option httplog\n log-format %ci", PROXY(log_kind), LOG_CUSTOM },
		{ "log-format %ci\n option httplog", PROXY(log_kind), LOG_HTTP },
		{ "log global", PROXY(log_kind), LOG_PLAIN },
		{ "log global", PROXY(logs_global), true },
	};
	struct reading r;
	const struct proxy *f;

	(void)state;
	VALUES("global\n log 127.0.0.1:1 local0\n" READING_FRONTEND "log global\n ", rows);
	reading_of(&r, SLICE_LIT(READING_FRONTEND "log 127.0.0.1:1 local0\n log-format %ci\n error-log-format %ST\n log-format-sd %{+E}o\\ %ID\n"
				 " unique-id-format %{+X}o\\ %ci\n unique-id-header X-Id\n log-tag t\n"));
	assert_string_equal(r.said.ptr, "");
	f = r.c->proxies;
	assert_true(f->log_format != NULL && f->error_log_format != NULL && f->log_format_sd != NULL && f->unique_id_format != NULL);
	assert_slice(f->log_format_text, "%ci");
	assert_slice(f->unique_id_header, "X-Id");
	assert_slice(f->log_tag, "t");
	reading_free(&r);
}

static void mistakes_in_logs(void **state)
{
	static const struct reading_row rows[] = {
		{ "log", "log : expects <address> and <facility> or global as arguments" },
		{ "log global x", "'log' cannot handle unexpected argument 'x'" },
		{ "log 127.0.0.1:1 xyzzy", "log : unknown log facility 'xyzzy'" },
		{ "log-tag", "'log-tag' expects an argument" },
		{ "log-format", "'log-format' expects an argument" },
		{ "log-format %ci %cp", "'log-format' cannot handle unexpected argument '%cp'" },
		{ "log-format-sd", "'log-format-sd' expects an argument" },
		{ "unique-id-header", "'unique-id-header' expects an argument" },
		{ "unique-id-header a:", "'a:' is not the name of a header" },
		{ "option httplog x", "keyword 'httplog' only supports option 'clf'." },
		{ "option httplog clf x", "'option' cannot handle unexpected argument 'x'" },
		{ "option tcplog x", "'option' cannot handle unexpected argument 'x'" },
		{ "log-format %xyzzy\n log 127.0.0.1:1 local0", "log-format : no such format variable 'xyzzy'. If you wanted to emit the '%' character verbatim,"
								" you need to use '%%'." },
	};

	(void)state;
	LINES(READING_FRONTEND, rows);
	/* where it stands, also when it is taken over */
	reading_text("defaults\n mode http\n timeout client 1s\n log 127.0.0.1:1 local0\n log-format %[xyzzy]\nfrontend f\n bind :1\n",
		     "alert 5: unknown sample fetch 'xyzzy'\n");
	reading_text(READING_FRONTEND "log 127.0.0.1:1 local0\n unique-id-format %[xyzzy]\n error-log-format %[xyzzy]\n",
		     "alert 7: unknown sample fetch 'xyzzy'\nalert 6: unknown sample fetch 'xyzzy'\n");
}

/* ---- what is strange ---- */

#define MISSING(what) "missing timeouts for " what ". While not properly invalid, you will certainly encounter various problems with such a" \
		      " configuration: set 'client', 'connect' and 'server' to a non-zero value.\n"

static void warnings(void **state)
{
	(void)state;
	reading_text("frontend f\n bind :1\n timeout client 1s\n",
		     "alert 1: frontend 'f' has no 'mode http': without one its mode is tcp, which is not supported yet.\n");
	reading_text("backend b\n", "alert 1: backend 'b' has no 'mode http': without one its mode is tcp, which is not supported yet.\n");
	reading_text("frontend f\n mode http\n timeout client 1s\n",
		     "warning 1: frontend 'f' has no 'bind' directive. Please declare it as a backend if this was intended.\n");
	reading_text("frontend f\n mode http\n disabled\n", NULL);
	reading_text("frontend f\n mode http\n bind :1\n", "warning 1: " MISSING("frontend 'f'"));
	reading_text("backend b\n mode http\n server s 127.0.0.1:1\n", "warning 1: " MISSING("backend 'b'"));
	reading_text("backend b\n mode http\n timeout connect 1s\n server s 127.0.0.1:1\n", "warning 1: " MISSING("backend 'b'"));
	reading_text("backend b\n mode http\n", NULL); /* it never connects */
	reading_text("listen l\n mode http\n bind :1\n timeout client 1s\n server s 127.0.0.1:1\n", "warning 1: " MISSING("listen 'l'"));
	reading_text(READING_FRONTEND "option httplog\n", "warning 1: log format ignored for frontend 'f' since it has no log address.\n");
	reading_text(READING_FRONTEND "option httplog\n log global\n",
		     "warning 1: log format ignored for frontend 'f' since it has no log address.\n");
	reading_text(READING_FRONTEND "option httplog\n log 127.0.0.1:1 local0\n", NULL);
}

/* ---- the status page ---- */

static void a_status_page(void **state)
{
	struct reading r;
	const struct stats_page *s;

	(void)state;
	reading_of(&r, SLICE_LIT(READING_FRONTEND "stats enable\n"));
	s = r.c->proxies->stats;
	assert_true(s->enabled && !s->hide_version && !s->has_admin && s->users == NULL && s->scopes == NULL && s->refresh_s == 0);
	assert_slice(s->uri, "/haproxy?stats");
	assert_slice(s->realm, "HAProxy Statistics");
	reading_free(&r);
	reading_of(&r, SLICE_LIT(READING_FRONTEND "stats uri /s\n stats realm R\n stats refresh 90s\n stats auth a:b:c\n stats auth d:\n"
				 " stats scope .\n stats scope x\n stats hide-version\n stats show-legends\n stats show-node n\n stats show-desc a  b\n"
				 " stats admin if TRUE\n stats http-request allow\n stats http-request deny if FALSE\n"));
	assert_string_equal(r.said.ptr, "");
	s = r.c->proxies->stats;
	assert_true(s->enabled && s->hide_version && s->show_legends && s->show_node && s->show_desc && s->has_admin && s->rules != NULL);
	assert_slice(s->uri, "/s");
	assert_slice(s->realm, "R");
	assert_int_equal(s->refresh_s, 90);
	assert_slice(s->users->name, "a");
	assert_slice(s->users->password, "b:c");
	assert_slice(s->users->next->name, "d");
	assert_slice(s->scopes->name, "f");
	assert_slice(s->scopes->next->name, "x");
	assert_slice(s->node, "n");
	assert_slice(s->description, "a b");
	reading_free(&r);
}

static void mistakes_in_a_status_page(void **state)
{
	static const struct reading_row rows[] = {
		{ "stats", "'stats' expects another word" },
		{ "stats enabel", "unknown keyword 'stats enabel' in 'frontend' section; did you mean 'stats enable' maybe ?" },
		{ "stats enable x", "'stats' cannot handle unexpected argument 'x'" },
		{ "stats hide-version x", "'stats' cannot handle unexpected argument 'x'" },
		{ "stats uri", "'uri' expects an argument" },
		{ "stats realm a b", "'stats' cannot handle unexpected argument 'b'" },
		{ "stats refresh", "'stats refresh' expects an argument" },
		{ "stats refresh x", "'stats refresh' expects a number, not 'x'" },
		{ "stats auth", "'stats auth' expects an argument" },
		{ "stats auth a", "'stats auth' expects <user>:<password>" },
		{ "stats auth :b", "'stats auth' expects <user>:<password>" },
		{ "stats auth a:b c", "'stats' cannot handle unexpected argument 'c'" },
		{ "stats scope", "'stats scope' expects an argument" },
		{ "stats show-node a b", "'stats' cannot handle unexpected argument 'b'" },
		{ "stats show-node", NULL },
		{ "stats show-desc", NULL },
		{ "stats admin", "'stats admin' requires either 'if' or 'unless' followed by a condition." },
		{ "stats admin if TRUE\n stats admin if TRUE", "=alert 6: 'stats admin' is given twice: join the conditions with 'or'\n" },
		{ "stats admin if xyzzy", "no such ACL : 'xyzzy'" },
		{ "stats http-request", "'stats http-request' expects 'allow', 'deny' or 'auth'" },
		{ "stats http-request tarpit", "'stats http-request' expects 'allow', 'deny' or 'auth'" },
		{ "stats http-request deny if xyzzy", "no such ACL : 'xyzzy'" },
		{ "stats show-modules", "'stats show-modules' is not supported yet: this gateway does only a part of what HAProxy can" },
	};

	(void)state;
	LINES(READING_FRONTEND, rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_no_id_is_numbered), cmocka_unit_test(default_backends), cmocka_unit_test(other_names),
		cmocka_unit_test(kinds_of_logs), cmocka_unit_test(mistakes_in_logs), cmocka_unit_test(warnings),
		cmocka_unit_test(a_status_page), cmocka_unit_test(mistakes_in_a_status_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
