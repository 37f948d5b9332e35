/* plan_test.c - "option httpchk" and "http-check": what is read, what is refused, and the request that is made of it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "gateway/health/expect.h"
#include "gateway/health/plan.h"
#include "tests/unit/gateway/support/rules.h"

static int setup(void **state)
{
	struct rules *t = malloc(sizeof(*t));

	assert_non_null(t);
	rules_setup(t);
	t->w.p.proxy = &t->be;
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct rules *t = *state;

	rules_cleanup(t);
	free(t);
	return 0;
}

/* "option httpchk …" or "http-check …"; what was said. */
static const char *line(struct rules *t, const char *text)
{
	struct parse *p = rules_words(t, text);
	bool option = slice_eq(p->words[0], SLICE_LIT("option"));

	p->at = option ? 2 : 1;
	health_plan_read(p, p->words[option ? 1 : 0]);
	return words_said(&t->w);
}

#define assert_reads(t, text) assert_string_equal(line(t, text), "")
#define assert_refused(t, text, part) assert_non_null(strstr(line(t, text), part))

static void assert_request(const struct rules *t, const char *want)
{
	struct buf out;

	buf_init(&out, 0);
	plan_request(t->be.backend.plan, SLICE_NONE, &out);
	buf_add_char(&out, '\0');
	assert_string_equal(out.ptr, want);
	buf_free(&out);
}

static void option_httpchk_has_three_forms(void **state)
{
	static const struct {
		const char *line, *want;
	} rows[] = {
		{ "option httpchk", "OPTIONS / HTTP/1.0\r\n\r\n" },
		{ "option httpchk /up", "OPTIONS /up HTTP/1.0\r\n\r\n" },
		{ "option httpchk HEAD /up", "HEAD /up HTTP/1.0\r\n\r\n" },
		{ "option httpchk GET /up?a=1 HTTP/1.1", "GET /up?a=1 HTTP/1.1\r\nConnection: close\r\n\r\n" },
		{ "option httpchk GET * HTTP/1.0", "GET * HTTP/1.0\r\n\r\n" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rules *t;

		setup(state);
		t = *state;
		assert_reads(t, rows[i].line);
		assert_true(t->be.backend.plan->http);
		assert_request(t, rows[i].want);
		teardown(state);
	}
}

static void send_wins_over_the_option(void **state)
{
	struct rules *t = *state;

	assert_reads(t, "option httpchk HEAD /old HTTP/1.0");
	assert_reads(t, "http-check send meth POST uri-lf /50%% ver HTTP/1.1 hdr Host shop.example hdr X-A 'a b' body-lf 'x%%y' comment z");
	assert_request(t, "POST /50% HTTP/1.1\r\nHost: shop.example\r\nX-A: a b\r\nContent-Length: 3\r\nConnection: close\r\n\r\nx%y");
	assert_int_equal(plan_method(t->be.backend.plan), HTTP_POST);
}

static void parts_that_send_leaves_out_are_the_options(void **state)
{
	struct rules *t = *state;

	assert_reads(t, "option httpchk HEAD /old HTTP/1.1");
	assert_reads(t, "http-check send hdr Connection keep-alive hdr Content-Length 7 hdr Transfer-Encoding chunked");
	assert_request(t, "HEAD /old HTTP/1.1\r\nConnection: keep-alive\r\n\r\n"); /* of length the body alone speaks */
}

static void methods_with_a_body_say_how_long_it_is(void **state)
{
	struct rules *t = *state;

	assert_reads(t, "option httpchk PUT /x");
	assert_request(t, "PUT /x HTTP/1.0\r\nContent-Length: 0\r\n\r\n");
	assert_reads(t, "http-check send body 'ab c'");
	assert_request(t, "PUT /x HTTP/1.0\r\nContent-Length: 4\r\n\r\nab c");
}

static void the_state_is_sent_when_it_is_to(void **state)
{
	struct rules *t = *state;
	struct buf out;

	assert_reads(t, "option httpchk");
	assert_reads(t, "http-check send-state");
	assert_true(t->be.backend.plan->send_state);
	buf_init(&out, 0);
	plan_request(t->be.backend.plan, SLICE_LIT("UP; x"), &out);
	buf_add_char(&out, '\0');
	assert_string_equal(out.ptr, "OPTIONS / HTTP/1.0\r\nX-Haproxy-Server-State: UP; x\r\n\r\n");
	buf_free(&out);
}

static void connect_says_where(void **state)
{
	struct rules *t = *state;
	const struct health_plan *plan;

	assert_reads(t, "http-check comment 'knock, knock'");
	assert_reads(t, "http-check connect default linger addr 192.0.2.1 port 8080");
	plan = t->be.backend.plan;
	assert_int_equal(plan->port, 8080);
	assert_int_equal(plan->sa.ss_family, AF_INET);
	assert_true(slice_eq(plan->connect_comment, SLICE_LIT("knock, knock")));
	assert_false(plan->http); /* without the option it is a TCP connect */
}

static void expectations_are_kept_in_order(void **state)
{
	struct rules *t = *state;
	const struct expect *e;

	assert_reads(t, "http-check comment one");
	assert_reads(t, "http-check expect status 200");
	assert_reads(t, "http-check expect comment two string ok");
	e = t->be.backend.plan->expects;
	assert_int_equal(e->kind, EXPECT_STATUS);
	assert_true(slice_eq(e->comment, SLICE_LIT("one")));
	assert_int_equal(e->next->kind, EXPECT_STRING);
	assert_true(slice_eq(e->next->comment, SLICE_LIT("two")));
	assert_true(t->be.backend.plan->expects_body);
}

static void what_makes_no_sense_is_refused(void **state)
{
	static const struct {
		const char *line, *part;
	} rows[] = {
		{ "option httpchk G<T /", "is not a method" },
		{ "option httpchk GET '/a b'", "cannot stand in a request line" },
		{ "option httpchk GET /a 'HTTP/1.1\\r\\nHost:\\ a'", "expects HTTP/1.0 or HTTP/1.1" },
		{ "option httpchk GET / HTTP/1.1 more", "more" },
		{ "http-check", "'http-check' expects" },
		{ "http-check sned", "did you mean 'send'?" },
		{ "http-check send meth", "meth" },
		{ "http-check send color red", "not 'color'" },
		{ "http-check send uri-lf /%[src]", "constant texts only" },
		{ "http-check send hdr A %H", "constant texts only" },
		{ "http-check send hdr 'A B' c", "is not a header field" },
		{ "http-check send hdr A", "hdr" },
		{ "http-check connect ssl", "not 'ssl'" },
		{ "http-check connect addr nowhere.invalid", "not a name" },
		{ "http-check connect port 0", "port" },
		{ "http-check connect port 65536", "port" },
		{ "http-check disable-on-404 now", "now" },
		{ "http-check comment", "comment" },
	};
	struct rules *t = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		t->be.backend.plan = NULL;
		if (strstr(line(t, rows[i].line), rows[i].part) == NULL || t->w.p.errors != 1)
			fail_msg("\"%s\": %s", rows[i].line, words_said(&t->w));
	}
}

static void one_request_on_one_connection(void **state)
{
	struct rules *t = *state;

	assert_reads(t, "http-check send uri /a");
	assert_refused(t, "http-check send uri /b", "a check sends one request");
	assert_refused(t, "http-check connect", "a check makes one connection");
	teardown(state);
	setup(state);
	t = *state;
	assert_reads(t, "http-check expect status 200");
	assert_refused(t, "http-check send uri /b", "a check sends one request");
}

static void headers_have_a_bound(void **state)
{
	struct rules *t = *state;
	struct parse *p = rules_words(t, "http-check send");
	char name[16];

	for (unsigned i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "h%u", i);
		p->words[p->count++] = SLICE_LIT("hdr");
		p->words[p->count++] = arena_copy(p->arena, slice_str(name));
		p->words[p->count++] = SLICE_LIT("v");
	}
	p->words[p->count] = SLICE_NONE;
	p->at = 1;
	health_plan_read(p, SLICE_LIT("http-check"));
	assert_int_equal(t->be.backend.plan->header_count, 20);
	p->at = 2;
	t->be.backend.plan->has_send = false;
	p->at = 1;
	health_plan_read(p, SLICE_LIT("http-check"));
	assert_int_equal(t->be.backend.plan->header_count, PLAN_HEADERS_MOST);
	assert_non_null(strstr(words_said(&t->w), "more than 32 headers"));
}

/* What a defaults section says is shared until a section says more; then it has its own. */
static void a_section_does_not_change_its_defaults(void **state)
{
	struct rules *t = *state;
	struct health_plan *inherited;

	assert_reads(t, "option httpchk HEAD /default");
	assert_reads(t, "http-check disable-on-404");
	assert_reads(t, "http-check expect status 200");
	inherited = t->be.backend.plan;
	t->other.backend.plan = inherited;
	t->w.p.proxy = &t->other;
	assert_non_null(strstr(line(t, "http-check send uri /own"), "replace those of its defaults"));
	assert_int_equal(t->w.p.errors, 0);
	assert_ptr_not_equal(t->other.backend.plan, inherited);
	assert_true(t->other.backend.plan->http && t->other.backend.plan->disable_on_404);
	assert_null(t->other.backend.plan->expects); /* rules are a section's own */
	assert_ptr_equal(t->be.backend.plan, inherited);
	assert_request(t, "HEAD /default HTTP/1.0\r\n\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(option_httpchk_has_three_forms),
		cmocka_unit_test_setup_teardown(send_wins_over_the_option, setup, teardown),
		cmocka_unit_test_setup_teardown(parts_that_send_leaves_out_are_the_options, setup, teardown),
		cmocka_unit_test_setup_teardown(methods_with_a_body_say_how_long_it_is, setup, teardown),
		cmocka_unit_test_setup_teardown(the_state_is_sent_when_it_is_to, setup, teardown),
		cmocka_unit_test_setup_teardown(connect_says_where, setup, teardown),
		cmocka_unit_test_setup_teardown(expectations_are_kept_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(what_makes_no_sense_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(one_request_on_one_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(headers_have_a_bound, setup, teardown),
		cmocka_unit_test_setup_teardown(a_section_does_not_change_its_defaults, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
