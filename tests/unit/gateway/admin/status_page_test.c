/* status_page_test.c - the status page: which requests it takes, who may see it, its formats and options, and what its form asks for. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/admin/status_page.h"
#include "tests/unit/gateway/support/page.h"

static int setup(void **state)
{
	struct page_test *t = malloc(sizeof(*t));

	if (t == NULL)
		return -1;
	page_setup(t);
	page_server(t, "a");
	page_server(t, "out")->admin = SERVER_MAINT;
	page_server(t, "down")->state = SERVER_DOWN;
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	page_cleanup(*state);
	free(*state);
	return 0;
}

/* The page's verdict on "GET <target>"; the answer is read. */
static enum verdict get(struct page_test *t, const char *target)
{
	struct status_order *order = NULL;
	enum verdict v;

	rules_get(&t->r, target);
	v = status_page(&t->r.fe, &t->r.x, &order);
	assert_null(order);
	if (v == VERDICT_REPLY)
		assert_true(page_read_all(t));
	return v;
}

static struct status_order *post(struct page_test *t, const char *headers, const char *body, bool whole, enum verdict *verdict)
{
	struct status_order *order = NULL;
	struct exchange *x;
	char lines[512];

	snprintf(lines, sizeof(lines), "POST /stats HTTP/1.1|Host: a%s|Content-Length: %zu", headers, strlen(body));
	x = rules_request(&t->r, lines);
	*verdict = status_page(&t->r.fe, x, &order);
	if (*verdict == VERDICT_BODY) {
		x->body = slice_str(body);
		x->body_whole = whole;
		*verdict = status_page(&t->r.fe, x, &order);
	}
	return order;
}

/* Where the browser is sent. */
static const char *location(struct page_test *t)
{
	assert_int_equal(t->r.x.reply.status, 303);
	return rules_reply_header(&t->r, "location");
}

static void takes_what_begins_with_its_address(void **state)
{
	struct page_test *t = *state;
	struct status_order *order = NULL;

	assert_int_equal(get(t, "/stats"), VERDICT_REPLY);
	assert_int_equal(get(t, "/statsfoo"), VERDICT_REPLY);
	assert_int_equal(get(t, "/stats;csv?x"), VERDICT_REPLY);
	assert_int_equal(get(t, "/stat"), VERDICT_NEXT);
	assert_int_equal(get(t, "/other/stats"), VERDICT_NEXT);
	assert_int_equal(t->r.x.service.len, 0);
	rules_request(&t->r, "PUT /stats HTTP/1.1|Host: a");
	assert_int_equal(status_page(&t->r.fe, &t->r.x, &order), VERDICT_NEXT);
	t->page.uri = SLICE_LIT("/haproxy?stats");
	assert_int_equal(get(t, "/haproxy"), VERDICT_NEXT);
	assert_int_equal(get(t, "/haproxy?stat"), VERDICT_NEXT);
	assert_int_equal(get(t, "/haproxyy?stats"), VERDICT_NEXT);
	assert_int_equal(get(t, "/haproxy?stats;csv"), VERDICT_REPLY);
	assert_true(slice_eq(t->r.x.service, SLICE_LIT("<STATS>")));
}

static void has_formats(void **state)
{
	struct page_test *t = *state;

	get(t, "/stats");
	assert_true(slice_eq(t->r.x.reply.content_type, SLICE_LIT("text/html")));
	assert_string_not_equal(rules_reply_header(&t->r, "content-security-policy"), "-");
	assert_string_equal(rules_reply_header(&t->r, "cache-control"), "no-cache");
	assert_string_equal(rules_reply_header(&t->r, "refresh"), "-");
	assert_true(page_holds(t, "</html>"));
	get(t, "/stats;csv");
	assert_true(slice_eq(t->r.x.reply.content_type, SLICE_LIT("text/plain")));
	assert_true(slice_starts_with(buf_slice(&t->answer), SLICE_LIT("# pxname,svname,")));
	assert_true(page_holds(t, "\nfe,FRONTEND,"));
	assert_true(page_holds(t, "\nbe,down,"));
	get(t, "/stats;typed");
	assert_true(slice_starts_with(buf_slice(&t->answer), SLICE_LIT("F.2.0.0.pxname.1:KNS:str:fe\n")));
	get(t, "/stats;json");
	assert_true(slice_eq(t->r.x.reply.content_type, SLICE_LIT("application/json")));
	assert_true(slice_starts_with(buf_slice(&t->answer), SLICE_LIT("[[{\"objType\":\"Frontend\"")));
	assert_true(page_holds(t, "}]]\n"));
}

static void leaves_out(void **state)
{
	struct page_test *t = *state;

	get(t, "/stats;csv;up");
	assert_true(page_holds(t, "\nbe,a,"));
	assert_false(page_holds(t, "\nbe,out,"));
	assert_false(page_holds(t, "\nbe,down,"));
	assert_true(page_holds(t, "UP (1/3)"));
	get(t, "/stats;csv;no-maint");
	assert_false(page_holds(t, "\nbe,out,"));
	assert_true(page_holds(t, "\nbe,down,"));
	get(t, "/stats;csv?scope=E;x");
	assert_true(page_holds(t, "\nfe,") && page_holds(t, "\nbe,"));
	get(t, "/stats;csv?scope=B");
	assert_true(!page_holds(t, "\nfe,") && page_holds(t, "\nbe,"));
	get(t, "/stats?scope=nosuch");
	assert_true(page_holds(t, "There is no such section."));
}

static void shows_only_its_scopes(void **state)
{
	struct page_test *t = *state;
	struct stats_scope scope = { .name = SLICE("fe") };

	t->page.scopes = &scope;
	get(t, "/stats;csv");
	assert_true(page_holds(t, "\nfe,FRONTEND,"));
	assert_false(page_holds(t, "\nbe,"));
}

static void refreshes(void **state)
{
	struct page_test *t = *state;

	t->page.refresh_s = 5;
	get(t, "/stats");
	assert_string_equal(rules_reply_header(&t->r, "refresh"), "5");
	assert_true(page_holds(t, "<a href=\"/stats;norefresh\">Stop refreshing</a>"));
	get(t, "/stats;norefresh;up?scope=fe");
	assert_string_equal(rules_reply_header(&t->r, "refresh"), "-");
	assert_true(page_holds(t, "<a href=\"/stats;up?scope=fe\">Refresh by itself</a>"));
	assert_true(page_holds(t, "<a href=\"/stats;norefresh?scope=fe\">Show all servers</a>"));
}

static void asks_for_a_password(void **state)
{
	struct page_test *t = *state;
	struct stats_user second = { .name = SLICE("b"), .password = SLICE("x:y") }, first = { &second, SLICE("admin"), SLICE("secret") };
	static const struct {
		const char *header;
		bool good;
	} cases[] = {
		{ "", false },
		{ "|Authorization: Basic YWRtaW46c2VjcmV0", true }, /* admin:secret */
		{ "|Authorization: basic  YWRtaW46c2VjcmV0", true },
		{ "|Authorization: Basic Yjp4Onk=", true },         /* b:x:y */
		{ "|Authorization: Basic YWRtaW46eDp5", false },    /* admin:x:y */
		{ "|Authorization: Basic YWRtaW46c2VjcmU=", false }, /* admin:secre */
		{ "|Authorization: Basic YWRtaW4=", false },        /* admin */
		{ "|Authorization: Basic Og==", false },            /* : */
		{ "|Authorization: Basic YWRtaW46c2VjcmV", false },
		{ "|Authorization: Basic ****", false },
		{ "|Authorization: Basic", false },
		{ "|Authorization: Bearer YWRtaW46c2VjcmV0", false },
	};

	t->page.users = &first;
	t->page.realm = SLICE_LIT("The \"Shop\"");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct status_order *order = NULL;
		char lines[256];

		snprintf(lines, sizeof(lines), "GET /stats HTTP/1.1|Host: a%s", cases[i].header);
		rules_request(&t->r, lines);
		assert_int_equal(status_page(&t->r.fe, &t->r.x, &order), VERDICT_REPLY);
		assert_int_equal(t->r.x.reply.status, cases[i].good ? 200 : 401);
		if (!cases[i].good)
			assert_string_equal(rules_reply_header(&t->r, "www-authenticate"), "Basic realm=\"The \\\"Shop\\\"\"");
	}
}

static void obeys_its_rules(void **state)
{
	struct page_test *t = *state;
	struct stats_user user = { .name = SLICE("a"), .password = SLICE("b") };

	assert_string_equal(rules_read(&t->r, "deny if { path /statsdeny }"), "");
	assert_string_equal(rules_read(&t->r, "allow if { path /statsallow }"), "");
	rules_resolve(&t->r);
	t->page.rules = &t->r.list;
	t->page.users = &user;
	get(t, "/statsdeny");
	assert_int_equal(t->r.x.reply.status, 403);
	assert_int_equal(t->r.x.cause, 'P');
	get(t, "/statsallow");
	assert_int_equal(t->r.x.reply.status, 200);
	assert_int_equal(t->r.x.cause, 'L');
	get(t, "/stats");
	assert_int_equal(t->r.x.reply.status, 401);
}

static void denies_changes(void **state)
{
	struct page_test *t = *state;
	enum verdict v;

	assert_null(post(t, "", "s=a&action=maint&b=be", true, &v));
	assert_string_equal(location(t), "/stats;st=DENY");
	t->page.has_admin = true; /* and a condition that always holds */
	assert_null(post(t, "|Sec-Fetch-Site: cross-site", "s=a&action=maint&b=be", true, &v));
	assert_string_equal(location(t), "/stats;st=DENY");
	assert_null(post(t, "|Sec-Fetch-Site: same-site", "s=a&action=maint&b=be", true, &v));
	assert_string_equal(location(t), "/stats;st=DENY");
	assert_non_null(post(t, "|Sec-Fetch-Site: same-origin", "s=a&action=maint&b=be", true, &v));
}

static void reads_its_form(void **state)
{
	struct page_test *t = *state;
	struct status_order *o;
	enum verdict v;

	t->page.has_admin = true;
	o = post(t, "", "s=a&s=d%6Fwn&action=drain&b=be&s=nosuch&x=y", true, &v);
	assert_non_null(o);
	assert_int_equal(v, VERDICT_REPLY);
	assert_int_equal(o->action, STATUS_DRAIN);
	assert_int_equal(o->count, 2);
	assert_int_equal(o->unknown, 1);
	assert_string_equal(o->servers[0]->name.ptr, "a");
	assert_string_equal(o->servers[1]->name.ptr, "down");
	status_page_changed(&t->r.x, o, STATUS_PARTLY);
	assert_string_equal(location(t), "/stats;st=PART");
	assert_non_null(post(t, "", "action=ready&b=%233", true, &v)); /* by its number */
}

static void says_what_is_wrong_with_a_form(void **state)
{
	struct page_test *t = *state;
	enum verdict v;
	static const char *const bad[][2] = {
		{ "s=a&action=nosuch&b=be", "/stats;st=ERRP" }, { "s=a&action=maint&b=fe", "/stats;st=ERRP" },
		{ "s=a&action=maint&b=%239", "/stats;st=ERRP" }, { "s=a&action=maint&b=%23", "/stats;st=ERRP" },
		{ "s=a&b=be", "/stats;st=NONE" }, { "s=a&action=maint", "/stats;st=NONE" }, { "&&=&%", "/stats;st=NONE" }, { "x", "/stats;st=NONE" },
	};

	t->page.has_admin = true;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(post(t, "", bad[i][0], true, &v));
		assert_string_equal(location(t), bad[i][1]);
	}
	assert_null(post(t, "", "s=a&action=maint&b=be", false, &v));
	assert_string_equal(location(t), "/stats;st=EXCD");
	rules_request(&t->r, "POST /stats HTTP/1.1|Host: a|Content-Length: 0");
	assert_int_equal(status_page(&t->r.fe, &t->r.x, &(struct status_order *){ NULL }), VERDICT_REPLY);
	assert_string_equal(location(t), "/stats;st=NONE");
}

/* A part of the body that a rule has waited for is no reason to look at it alone. */
static void wants_the_whole_form(void **state)
{
	struct page_test *t = *state;
	struct status_order *order = NULL;
	struct exchange *x;

	t->page.has_admin = true;
	x = rules_request(&t->r, "POST /stats HTTP/1.1|Host: a|Content-Length: 21");
	x->body = SLICE_LIT("s=a&act");
	assert_int_equal(status_page(&t->r.fe, x, &order), VERDICT_BODY);
	x->body = SLICE_LIT("s=a&action=maint&b=be");
	x->body_whole = true;
	assert_int_equal(status_page(&t->r.fe, x, &order), VERDICT_REPLY);
	assert_non_null(order);
}

static void offers_the_form_to_those_who_may(void **state)
{
	struct page_test *t = *state;

	get(t, "/stats");
	assert_false(page_holds(t, "method=post"));
	t->page.has_admin = true;
	get(t, "/stats;up?scope=be");
	assert_true(page_holds(t, "<form method=post action=\"/stats;up?scope=be\"><input type=hidden name=b value=\"be\">"));
	assert_true(page_holds(t, "<input type=checkbox name=s value=\"a\">"));
	assert_true(page_holds(t, "<option value=maint>"));
}

static void fails_without_memory(void **state)
{
	struct page_test *t = *state;
	struct status_order *order = NULL;

	rules_request_limited(&t->r, "GET /stats HTTP/1.1|Host: a", 8192);
	assert_int_equal(status_page(&t->r.fe, &t->r.x, &order), VERDICT_FAIL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(takes_what_begins_with_its_address, setup, teardown),
		cmocka_unit_test_setup_teardown(has_formats, setup, teardown),
		cmocka_unit_test_setup_teardown(leaves_out, setup, teardown),
		cmocka_unit_test_setup_teardown(shows_only_its_scopes, setup, teardown),
		cmocka_unit_test_setup_teardown(refreshes, setup, teardown),
		cmocka_unit_test_setup_teardown(asks_for_a_password, setup, teardown),
		cmocka_unit_test_setup_teardown(obeys_its_rules, setup, teardown),
		cmocka_unit_test_setup_teardown(denies_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_its_form, setup, teardown),
		cmocka_unit_test_setup_teardown(says_what_is_wrong_with_a_form, setup, teardown),
		cmocka_unit_test_setup_teardown(wants_the_whole_form, setup, teardown),
		cmocka_unit_test_setup_teardown(offers_the_form_to_those_who_may, setup, teardown),
		cmocka_unit_test_setup_teardown(fails_without_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
