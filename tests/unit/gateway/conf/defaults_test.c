/* defaults_test.c - what sections take over from defaults: every kind of value and line, and who may take over what. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/logs/sink.h"
#include "gateway/model/own.h"
#include "tests/unit/gateway/support/reading.h"

/* Reads <text>, in which nothing may be wrong. */
static const struct config *read_well(struct reading *r, const char *text)
{
	reading_of(r, slice_str(text));
	assert_string_equal(r->said.ptr, "");
	assert_non_null(r->c);
	return r->c;
}

static const struct proxy *named(const struct config *c, const char *name)
{
	for (const struct proxy *p = c->proxies; p != NULL; p = p->next) {
		if (slice_eq(p->name, slice_str(name)))
			return p;
	}
	fail_msg("there is no proxy '%s'", name);
	return NULL;
}

/* ---- values ---- */

static void without_defaults_values_are_built_in(void **state)
{
	struct reading r;
	const struct proxy *b = reading_proxy(read_well(&r, READING_BACKEND "server s 127.0.0.1:1\n"));
	const struct server_options *o = &b->backend.servers->o;

	(void)state;
	assert_int_equal(b->backend.retries, 3);
	assert_int_equal(b->backend.retry_on, RETRY_CONN_FAILURE);
	assert_int_equal(b->backend.reuse, REUSE_SAFE);
	assert_int_equal(b->backend.balance.kind, BALANCE_ROUNDROBIN);
	assert_int_equal(b->backend.balance.draws, 2);
	assert_false(b->redispatch);
	assert_int_equal(b->redispatch_interval, -1);
	assert_slice(b->forwardfor.header, "X-Forwarded-For");
	assert_int_equal(o->weight, 1);
	assert_int_equal(o->pool_max_conn, -1);
	assert_int_equal(o->pool_purge_ms, 5000);
	assert_int_equal(o->inter_ms, 2000);
	assert_int_equal(o->rise, 2);
	assert_int_equal(o->fall, 3);
	assert_int_equal(o->error_limit, 10);
	assert_slice(o->init_addr, "last,libc");
	reading_free(&r);
}

static void values_are_taken_over(void **state)
{
	struct reading r;
	const struct config *c = read_well(&r,
		"defaults\n mode http\n maxconn 7\n backlog 9\n timeout client 1s\n timeout connect 2s\n timeout server 3s\n"
		" option http-no-delay\n option httpclose\n option forwardfor header X-A\n default_backend b\n body-limit 5\n"
		" retries 4\n balance leastconn\n hash-type consistent\n default-server weight 11 maxconn 12\n monitor-uri /up\n"
		" log-tag t\n unique-id-header X-Id\n load-server-state-from-file local\n fullconn 8\n option httpchk GET /c\n"
		"frontend f\n bind 127.0.0.1:1\n"
		"frontend g\n bind 127.0.0.1:1 backlog 3\n maxconn 8\n timeout client 9s\n no option http-no-delay\n monitor-uri /g\n"
		"backend b\n server s 127.0.0.1:1\n server t 127.0.0.1:1 weight 13\n");
	const struct proxy *f = named(c, "f"), *g = named(c, "g"), *b = named(c, "b");

	(void)state;
	assert_int_equal(f->maxconn, 7);
	assert_int_equal(g->maxconn, 8);
	assert_int_equal(f->listeners->backlog, 9);
	assert_int_equal(g->listeners->backlog, 3);
	assert_int_equal(f->timeout.client, 1000);
	assert_int_equal(g->timeout.client, 9000);
	assert_int_equal(g->timeout.connect, 2000);
	assert_true(f->http_no_delay && !g->http_no_delay && b->http_no_delay);
	assert_int_equal(g->http_mode, HTTP_CLOSE);
	assert_true(f->forwardfor.on);
	assert_slice(f->forwardfor.header, "X-A");
	assert_ptr_equal(f->default_backend, b);
	assert_slice(f->monitor_uri, "/up");
	assert_slice(g->monitor_uri, "/g");
	assert_slice(f->log_tag, "t");
	assert_slice(f->unique_id_header, "X-Id");
	assert_int_equal(f->body_limit, 5);
	assert_int_equal(b->backend.retries, 4);
	assert_int_equal(b->backend.balance.kind, BALANCE_LEASTCONN);
	assert_true(b->backend.balance.consistent);
	assert_int_equal(b->backend.fullconn, 8);
	assert_non_null(b->backend.plan);
	assert_slice(b->backend.load_state_from, "local");
	assert_int_equal(b->backend.servers->o.weight, 11);
	assert_int_equal(b->backend.servers->next->o.weight, 13);
	assert_int_equal(b->backend.servers->next->o.maxconn, 12);
	reading_free(&r);
}

static void the_last_defaults_count_until_the_next(void **state)
{
	struct reading r;
	const struct config *c = read_well(&r,
		"frontend a\n mode http\n timeout client 1s\n bind 127.0.0.1:1\n"
		"defaults\n mode http\n timeout client 1s\n maxconn 1\nfrontend b\n bind 127.0.0.1:1\nfrontend c\n bind 127.0.0.1:1\n"
		"defaults\n mode http\n timeout client 1s\nfrontend d\n bind 127.0.0.1:1\n"
		"defaults two\n mode http\n timeout client 2s\n maxconn 2\n"
		"defaults three from two\n maxconn 3\n"
		"frontend e from two\n bind 127.0.0.1:1\nfrontend f from three\n bind 127.0.0.1:1\n");

	(void)state;
	assert_int_equal(named(c, "a")->maxconn, 0);
	assert_int_equal(named(c, "b")->maxconn, 1);
	assert_int_equal(named(c, "c")->maxconn, 1);
	assert_int_equal(named(c, "d")->maxconn, 0); /* each begins anew */
	assert_int_equal(named(c, "e")->maxconn, 2);
	assert_int_equal(named(c, "f")->maxconn, 3);
	assert_int_equal(named(c, "f")->timeout.client, 2000);
	assert_false(named(c, "f")->is_defaults);
	reading_free(&r);
}

/* ---- lines that make objects ---- */

static unsigned log_count(const struct proxy *p)
{
	unsigned n = 0;

	for (const struct log_target *t = p->logs; t != NULL; t = log_target_next(t))
		n++;
	return n;
}

static void each_section_has_its_own_logs(void **state)
{
	struct reading r;
	const struct config *c = read_well(&r,
		"global\n log 127.0.0.1:514 local0\n"
		"defaults one\n mode http\n timeout client 1s\n log global\n log 127.0.0.1:515 local1\n"
		"defaults two from one\n no log\n log 127.0.0.1:516 local2\n"
		"frontend a from one\n bind 127.0.0.1:1\n log 127.0.0.1:517 local3\n"
		"frontend b from one\n bind 127.0.0.1:1\n no log\n"
		"frontend c from one\n bind 127.0.0.1:1\n no log\n log global\n"
		"frontend d from two\n bind 127.0.0.1:1\n");

	(void)state;
	assert_non_null(c->logs);
	assert_true(named(c, "a")->logs_global && log_count(named(c, "a")) == 2);
	assert_true(!named(c, "b")->logs_global && log_count(named(c, "b")) == 0);
	assert_true(named(c, "c")->logs_global && log_count(named(c, "c")) == 0);
	assert_true(!named(c, "d")->logs_global && log_count(named(c, "d")) == 1);
	assert_slice(log_target_name(named(c, "d")->logs), "127.0.0.1:516 local2 debug");
	reading_free(&r);
}

static void objects_are_made_for_each_section(void **state)
{
	struct reading r;
	const struct config *c = read_well(&r,
		"defaults\n mode http\n timeout client 1s\n timeout connect 1s\n timeout server 1s\n"
		" errorloc 503 /away\n consistency-token USER-TOKEN\n retry-budget 20% min 5\n stats uri /s\n stats auth a:b\n"
		"frontend f\n bind 127.0.0.1:1\nfrontend g\n bind 127.0.0.1:1\n stats uri /g\n"
		"backend b\nbackend c\n retry-budget 30%\nlisten l\n bind 127.0.0.1:1\n stats auth c:d\n");
	const struct proxy *f = named(c, "f"), *g = named(c, "g"), *b = named(c, "b"), *l = named(c, "l");

	(void)state;
	assert_non_null(f->error_pages);
	assert_ptr_not_equal(f->error_pages, b->error_pages);
	assert_ptr_not_equal(f->consistency, g->consistency);
	assert_null(b->consistency);  /* of frontends only */
	assert_null(f->backend.budget); /* of backends only */
	assert_int_equal(b->backend.budget->least, 5);
	assert_int_equal(named(c, "c")->backend.budget->percent, 30);
	assert_slice(f->stats->uri, "/s");
	assert_slice(f->stats->users->name, "a");
	/* the first own line of a page begins it anew */
	assert_slice(g->stats->uri, "/g");
	assert_null(g->stats->users);
	assert_slice(l->stats->uri, "/haproxy?stats");
	assert_slice(l->stats->users->name, "c");
	assert_null(l->stats->users->next);
	reading_free(&r);
}

static void rules_are_read_again(void **state)
{
	struct reading r;
	const struct config *c = read_well(&r,
		"defaults f\n mode http\n timeout client 1s\n acl a path /a\n http-request deny if a\n tcp-request session accept\n"
		" tcp-request connection accept\n tcp-request content accept\n http-after-response set-header a b\n"
		"frontend f from f\n bind 127.0.0.1:1\n http-request set-header a b\nfrontend g from f\n bind 127.0.0.1:1\n acl a path /b\n"
		"defaults b\n mode http\n timeout connect 1s\n timeout server 1s\n http-response set-header x y\n"
		"backend b from b\n");

	(void)state;
	assert_non_null(named(c, "f")->request_rules.first);
	assert_ptr_not_equal(named(c, "f")->request_rules.first, named(c, "g")->request_rules.first);
	assert_true(named(c, "g")->session_rules.first != NULL && named(c, "g")->connection_rules.first != NULL);
	assert_true(named(c, "g")->content_rules.first != NULL && named(c, "g")->after_response_rules.first != NULL);
	assert_null(named(c, "f")->acls); /* those of defaults are seen by their own rules only */
	assert_non_null(named(c, "g")->acls);
	assert_non_null(named(c, "b")->response_rules.first);
	reading_free(&r);
}

/* A mistake is told once, where it is, however many sections follow; and what is only looked up later is so for these. */
static void lines_are_checked_where_they_stand(void **state)
{
	(void)state;
	reading_text("defaults\n mode http\n timeout client 1s\n stats auth x\nfrontend f\n bind :1\nfrontend g\n bind :1\n",
		     "alert 4: 'stats auth' expects <user>:<password>\n");
	reading_text("defaults d\n mode http\n http-request track-sc0 src table none\n", NULL);
	reading_text("defaults d\n mode http\n timeout client 1s\n http-request track-sc0 src table none\nfrontend f from d\n bind :1\n",
		     "alert 4: track-sc0: unable to find table 'none'\n");
}

/* ---- who may take over what ---- */

static void names_of_defaults(void **state)
{
	(void)state;
	reading_text("defaults a/b\ndefaults a/b\n", NULL); /* any will do while nobody says it */
	reading_text("defaults a/b\n mode http\nbackend b from a/b\n",
		     "alert 3: character '/' is not permitted in defaults section name 'a/b' when designated by its name (section found at t.cfg:1).\n");
	reading_text("defaults d\n mode http\ndefaults d\nbackend b from d\n mode http\n",
		     "alert 4: ambiguous defaults section name 'd' referenced by backend 'b' exists at least at t.cfg:1 and t.cfg:3.\n");
	reading_text("backend b from d\n mode http\n", "alert 1: defaults section 'd' not found for backend 'b'.\n");
	reading_text("defaults d from d\n", "alert 1: defaults section 'd' not found for defaults 'd'.\n");
}

#define MIXED "defaults section 'd' (declared at t.cfg:1) is explicitly referenced by another proxy and implicitly used here. To avoid any" \
	      " ambiguity don't mix both usage. Add a last defaults section not explicitly used or always use explicit references.\n"

static void named_and_unnamed_use_should_not_mix(void **state)
{
	(void)state;
	reading_text("defaults d\n mode http\nbackend a\nbackend b from d\n", "warning 4: " MIXED);
	reading_text("defaults d\n mode http\nbackend a from d\nbackend b\n", "warning 4: " MIXED);
	reading_text("defaults d\n mode http\nbackend a from d\ndefaults\n mode http\nbackend b\n", NULL);
}

#define FROM_RULES "defaults d\n mode http\n http-request allow\n"
#define AT_1 " (declared at t.cfg:1).\n"

static void rules_limit_the_use_of_defaults(void **state)
{
	(void)state;
	reading_text(FROM_RULES "defaults e from d\n", "alert 4: a defaults section cannot be initialized from a defaults section defining rules" AT_1);
	reading_text(FROM_RULES "listen l from d\n", "alert 4: a listen section cannot be initialized from a defaults section defining rules" AT_1);
	reading_text(FROM_RULES "backend b from d\nbackend c from d\n", NULL);
	reading_text(FROM_RULES "backend b from d\nfrontend f from d\n",
		     "alert 5: a defaults section defining rules cannot be used by frontends and by backends" AT_1);
	reading_text(FROM_RULES " timeout client 1\nfrontend f from d\n bind :1\nbackend b from d\n",
		     "alert 7: a defaults section defining rules cannot be used by frontends and by backends" AT_1);
	reading_text("defaults d\n mode http\n tcp-request connection accept\nbackend b from d\n",
		     "alert 4: a backend section cannot be initialized from a defaults section defining 'tcp-request connection' or"
		     " 'tcp-request session' rules" AT_1);
	reading_text("defaults d\n mode http\n tcp-request session accept\nbackend b from d\n",
		     "alert 4: a backend section cannot be initialized from a defaults section defining 'tcp-request connection' or"
		     " 'tcp-request session' rules" AT_1);
}

static void acls_are_seen_by_their_own_section_only(void **state)
{
	(void)state;
	reading_text("defaults d\n mode http\n acl a path /\nbackend b from d\n http-request deny if a\n", "alert 5: no such ACL : 'a'\n");
	reading_text("defaults d\n mode http\n acl a path /\ndefaults e from d\n http-request deny if a\n", "alert 5: no such ACL : 'a'\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_defaults_values_are_built_in), cmocka_unit_test(values_are_taken_over),
		cmocka_unit_test(the_last_defaults_count_until_the_next), cmocka_unit_test(each_section_has_its_own_logs),
		cmocka_unit_test(objects_are_made_for_each_section), cmocka_unit_test(rules_are_read_again),
		cmocka_unit_test(lines_are_checked_where_they_stand), cmocka_unit_test(names_of_defaults),
		cmocka_unit_test(named_and_unnamed_use_should_not_mix), cmocka_unit_test(rules_limit_the_use_of_defaults),
		cmocka_unit_test(acls_are_seen_by_their_own_section_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
