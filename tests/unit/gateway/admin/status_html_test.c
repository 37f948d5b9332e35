/* status_html_test.c - the status page in HTML: escapes, states and their colours, and a thousand servers piece by piece. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/admin/status_page.h"
#include "gateway/admin/status_view.h"
#include "tests/unit/gateway/support/page.h"

static int setup(void **state)
{
	struct page_test *t = malloc(sizeof(*t));

	if (t == NULL)
		return -1;
	page_setup(t);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	page_cleanup(*state);
	free(*state);
	return 0;
}

/* The page as a browser gets it; false: it was broken off. */
static bool show_with(struct page_test *t, const char *target, size_t memory)
{
	struct status_order *order = NULL;
	char lines[256];

	snprintf(lines, sizeof(lines), "GET %s HTTP/1.1|Host: a", target);
	rules_request_limited(&t->r, lines, memory);
	assert_int_equal(status_page(&t->r.fe, &t->r.x, &order), VERDICT_REPLY);
	return page_read_all(t);
}

static void show(struct page_test *t, const char *target)
{
	assert_true(show_with(t, target, 256 * 1024));
}

static unsigned count(const struct page_test *t, const char *text)
{
	unsigned n = 0;

	for (const char *at = t->answer.ptr; (at = strstr(at, text)) != NULL; at++)
		n++;
	return n;
}

static void escapes_every_text(void **state)
{
	static const char evil[] = "<script>alert(1)</script>\"'>";
	struct page_test *t = *state;
	struct slice e = slice_str(evil);

	page_server(t, evil);
	t->r.be.name = t->r.be.description = t->r.config.node = t->r.config.description = e;
	t->page.show_node = t->page.show_desc = t->page.show_legends = t->page.has_admin = true;
	t->page.node = t->page.description = e;
	show(t, "/stats?scope=%3Cscript%3E");
	show(t, "/stats?scope=<script>\"");
	assert_int_equal(count(t, "<script"), 0);
	show(t, "/stats");
	assert_int_equal(count(t, "<script"), 0);
	assert_true(count(t, "&#60;script&#62;alert(1)&#60;/script&#62;&#34;&#39;&#62;") >= 5);
	t->page.uri = SLICE_LIT("/st\"><b>");
	show(t, "/st\"><b>;st=DONE");
	assert_int_equal(count(t, "\"><b>"), 0);
}

static void colours_states(void **state)
{
	static const struct {
		int state;
		unsigned admin, slow;
		const char *class, *text;
	} cases[] = {
		{ SERVER_UP, 0, 100, "none", "no check" },
		{ SERVER_STARTING, 0, 40, "going", " 40%" },
		{ SERVER_DOWN, 0, 100, "down", "DOWN" },
		{ SERVER_STOPPING, 0, 100, "drain", "NOLB" },
		{ SERVER_UP, SERVER_DRAIN, 100, "drain", "DRAIN" },
		{ SERVER_UP, SERVER_MAINT, 100, "maint", "MAINT" },
		{ SERVER_DOWN, SERVER_MAINT_NAME, 100, "maint", "MAINT (resolution)" },
	};
	struct page_test *t = *state;
	struct server *s = page_server(t, "s");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char wanted[128];

		s->state = cases[i].state;
		s->admin = cases[i].admin;
		s->slow_percent = cases[i].slow;
		show(t, "/stats");
		snprintf(wanted, sizeof(wanted), "<span class=\"st %s\">", cases[i].class);
		assert_true(page_holds(t, wanted));
		assert_true(page_holds(t, cases[i].text));
	}
}

static void shows_a_bar_of_states(void **state)
{
	struct page_test *t = *state;

	page_server(t, "a");
	page_server(t, "b");
	page_server(t, "c")->state = SERVER_DOWN;
	show(t, "/stats");
	assert_int_equal(count(t, "<i class=none style=\"flex:2\">"), 2); /* of all, and of the section */
	assert_int_equal(count(t, "<i class=down style=\"flex:1\">"), 2);
	assert_int_equal(count(t, "<li class=down><span>1 down</span>"), 2);
}

static void shows_numbers(void **state)
{
	struct page_test *t = *state;
	struct server *s = page_server(t, "s");
	struct tally *n = &t->servers[s->index];

	n->requests = 1234;
	n->status[5] = 7;
	n->bytes_in = 2048;
	n->retries = 3;
	for (int i = 0; i < 98; i++)
		hist_add(n->response, 2000);
	hist_add(n->response, 500000);
	hist_add(n->response, 500000);
	show(t, "/stats");
	assert_true(page_holds(t, "<td data-l=\"Requests\">1234<small>4xx 0</small>"));
	assert_true(page_holds(t, "<td data-l=\"5xx\"><b>7</b>"));
	assert_true(page_holds(t, "<td data-l=\"In\">2.0 KiB"));
	assert_true(page_holds(t, "<td data-l=\"Retries\"><b>3</b>"));
	assert_true(page_holds(t, "<td data-l=\"p50\">1.9ms") || page_holds(t, "<td data-l=\"p50\">2.0ms"));
	assert_true(page_holds(t, "<td data-l=\"p99\">49") || page_holds(t, "<td data-l=\"p99\">50"));
}

static void hides_and_shows_what_it_is_told(void **state)
{
	struct page_test *t = *state;
	struct server_address a = { .len = sizeof(struct sockaddr_in) };
	struct server *s = page_server(t, "s");

	rules_address(&a.sa, "192.0.2.7", 8080);
	s->address = &a;
	show(t, "/stats");
	assert_true(page_holds(t, " version 2"));
	assert_false(page_holds(t, "192.0.2.7"));
	assert_false(page_holds(t, " of Kitchen"));
	t->page.hide_version = t->page.show_legends = t->page.show_node = true;
	t->page.node = SLICE_LIT("Kitchen");
	show(t, "/stats");
	assert_false(page_holds(t, " version 2"));
	assert_true(page_holds(t, "192.0.2.7:8080"));
	assert_true(page_holds(t, "<h1>Statistics of Kitchen</h1>"));
	s->address = NULL;
}

static void tells_how_the_form_went(void **state)
{
	struct page_test *t = *state;

	show(t, "/stats");
	assert_false(page_holds(t, "role=status"));
	show(t, "/stats;st=XXXX");
	assert_false(page_holds(t, "role=status"));
	for (unsigned o = 0; o < STATUS_OUTCOME_COUNT; o++) {
		char target[32];

		snprintf(target, sizeof(target), "/stats;st=%s", status_outcome_word((enum status_outcome)o));
		show(t, target);
		assert_true(page_holds(t, "role=status"));
		assert_true(page_holds(t, "<a href=\"/stats\">Hide</a>"));
	}
}

static void keeps_a_query_in_its_address(void **state)
{
	struct page_test *t = *state;

	t->page.uri = SLICE_LIT("/haproxy?stats");
	show(t, "/haproxy?stats;up");
	assert_true(page_holds(t, "<form action=\"/haproxy\"><input type=hidden name=\"stats\">"));
	assert_true(page_holds(t, "<a href=\"/haproxy?stats;csv;up\">CSV</a>"));
	show(t, "/haproxy?stats=&scope=f"); /* what that form sends */
	assert_int_equal(count(t, "<section>"), 1);
}

static void a_thousand_servers_piece_by_piece(void **state)
{
	static char names[PAGE_SERVERS_MOST][16];
	struct page_test *t = *state;

	for (unsigned i = 0; i < PAGE_SERVERS_MOST; i++) {
		snprintf(names[i], sizeof(names[i]), "server%u", i);
		page_server(t, names[i]);
	}
	show(t, "/stats");
	assert_int_equal(count(t, "<tr class=s>"), PAGE_SERVERS_MOST);
	assert_int_equal(count(t, "</section>"), 2);
	assert_true(t->pieces > 20);
	assert_true(t->longest < 32 * 1024);
	show(t, "/stats;json");
	assert_true(t->pieces > 100);
	assert_true(t->longest < 64 * 1024);
}

/* What does not fit even alone breaks the answer off: it must not look like a whole one. */
static void breaks_off_what_does_not_fit(void **state)
{
	static char name[100 * 1024];
	struct page_test *t = *state;

	memset(name, 'x', sizeof(name) - 1);
	page_server(t, name);
	assert_false(show_with(t, "/stats", 256 * 1024));
	assert_false(show_with(t, "/stats;csv", 256 * 1024));
	assert_false(show_with(t, "/stats;json", 256 * 1024));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(escapes_every_text, setup, teardown),
		cmocka_unit_test_setup_teardown(colours_states, setup, teardown),
		cmocka_unit_test_setup_teardown(shows_a_bar_of_states, setup, teardown),
		cmocka_unit_test_setup_teardown(shows_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(hides_and_shows_what_it_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(tells_how_the_form_went, setup, teardown),
		cmocka_unit_test_setup_teardown(keeps_a_query_in_its_address, setup, teardown),
		cmocka_unit_test_setup_teardown(a_thousand_servers_piece_by_piece, setup, teardown),
		cmocka_unit_test_setup_teardown(breaks_off_what_does_not_fit, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
