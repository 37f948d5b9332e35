/* error_page_test.c - which page answers a failure, files with whole responses, sections, defaults. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "gateway/rule/error_page.h"
#include "tests/unit/gateway/support/rules.h"

static struct rules t;
static char folder[] = "/tmp/error_page_test.XXXXXX";

static void write_file(const char *name, const char *content)
{
	FILE *f = fopen(name, "w");

	if (f == NULL || fputs(content, f) < 0 || fclose(f) != 0)
		abort();
}

static int enter_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL || chdir(folder) != 0 ? -1 : 0;
}

static int leave_folder(void **state)
{
	(void)state;
	unlink("file");
	unlink("other");
	return chdir("/") | rmdir(folder);
}

static int begin(void **state)
{
	(void)state;
	rules_setup(&t);
	return 0;
}

static int end(void **state)
{
	(void)state;
	rules_cleanup(&t);
	return 0;
}

/* Reads a line into the section's pages; what was said. */
static const char *line(struct proxy *section, const char *text)
{
	struct parse *p = rules_words(&t, text);

	p->proxy = section;
	error_page_read(p, parse_next(p), &section->error_pages);
	p->proxy = &t.fe;
	return words_said(&t.w);
}

static const char *section_line(const char *section, const char *text)
{
	struct parse *p = rules_words(&t, text);

	p->proxy = NULL;
	error_section_read(p, slice_str(section));
	p->proxy = &t.fe;
	return words_said(&t.w);
}

/* The body of the answer for <status>. */
static const char *body_for(int status)
{
	rules_get(&t, "/p");
	t.x.backend = &t.be;
	error_page_fill(&t.x, status, NULL, 0);
	return rules_text(&t, t.x.reply.body);
}

static void defaults_are_problem_documents(void **state)
{
	static const int statuses[] = { 400, 401, 403, 404, 405, 407, 408, 410, 411, 413, 414, 417, 425, 429, 431, 500, 501, 502, 503, 504, 505, 418 };

	(void)state;
	t.fe.problem_documents = true;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		const char *body = body_for(statuses[i]);
		char begin_of[128];

		snprintf(begin_of, sizeof(begin_of), "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":\"", http_reason(statuses[i]),
			 statuses[i]);
		assert_memory_equal(body, begin_of, strlen(begin_of));
		assert_string_equal(body + strlen(body) - 3, ".\"}");
		assert_true(strlen(body) > strlen(begin_of) + 10);
		assert_int_equal(t.x.reply.status, statuses[i]);
		assert_string_equal(rules_text(&t, t.x.reply.content_type), "application/problem+json");
		assert_string_equal(rules_reply_header(&t, "cache-control"), "no-cache");
		assert_string_equal(rules_reply_header(&t, "retry-after"), "-");
		assert_null(t.x.reply.raw.ptr);
	}
	assert_non_null(strstr(body_for(200), "200 OK"));
	assert_string_equal(rules_text(&t, t.x.reply.content_type), "text/html");
}

static void defaults_are_pages(void **state)
{
	(void)state;
	assert_string_equal(body_for(403), "<html><body><h1>403 Forbidden</h1>\nThe request is forbidden.\n</body></html>\n");
	assert_string_equal(rules_text(&t, t.x.reply.content_type), "text/html");
	assert_string_equal(rules_reply_header(&t, "cache-control"), "no-cache");
	t.be.problem_documents = true; /* either section may want them */
	assert_memory_equal(body_for(403), "{\"type\"", 7);
}

static void details_and_retry_after(void **state)
{
	(void)state;
	t.fe.problem_documents = true;
	rules_get(&t, "/");
	error_page_fill(&t.x, 503, "The \"be\" is away.", 7);
	assert_string_equal(rules_text(&t, t.x.reply.body),
			    "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,\"detail\":\"The \\\"be\\\" is away.\"}");
	assert_string_equal(rules_reply_header(&t, "retry-after"), "7");
}

static void without_memory_the_answer_is_plainer(void **state)
{
	(void)state;
	rules_request_limited(&t, "GET / HTTP/1.1|Host: a", 64);
	while (arena_alloc(t.x.arena, 1) != NULL)
		;
	error_page_fill(&t.x, 503, "Words that do not fit.", 7);
	assert_int_equal(t.x.reply.status, 503);
	assert_string_equal(rules_reply_header(&t, "retry-after"), "-");
	assert_int_equal(t.x.reply.body.len, 0);
	assert_null(t.x.reply.content_type.ptr);
	/* a detail beyond all bounds */
	rules_get(&t, "/");
	error_page_fill(&t.x, 500, memset(memset(t.copy, '\0', sizeof(t.copy)), 'x', sizeof(t.copy) - 1), 0);
	assert_non_null(strstr(rules_text(&t, t.x.reply.body), "Something went wrong"));
}

static void backend_before_frontend_before_default(void **state)
{
	(void)state;
	assert_string_equal(line(&t.fe, "http-error status 503 content-type text/plain string front"), "");
	assert_string_equal(line(&t.be, "http-error status 503 content-type text/plain string back"), "");
	assert_string_equal(line(&t.fe, "http-error status 404 content-type text/plain string front404"), "");
	assert_string_equal(body_for(503), "back");
	assert_string_equal(body_for(404), "front404");
	assert_non_null(strstr(body_for(502), "Bad Gateway"));
	rules_get(&t, "/");
	error_page_fill(&t.x, 503, "no backend yet", 0);
	assert_string_equal(rules_text(&t, t.x.reply.body), "front");
}

static void the_last_line_counts_and_may_undo(void **state)
{
	struct error_page *inherited;

	(void)state;
	assert_string_equal(line(&t.be, "http-error status 503 content-type text/plain string one"), "");
	inherited = t.be.error_pages;
	assert_string_equal(line(&t.be, "http-error status 503 content-type text/plain lf-string %[path] hdr x %[method]"), "");
	assert_string_equal(body_for(503), "/p");
	assert_string_equal(rules_reply_header(&t, "x"), "GET");
	assert_string_equal(line(&t.be, "http-error status 503 default-errorfiles"), "");
	assert_string_equal(line(&t.fe, "http-error status 503 content-type text/plain string front"), "");
	assert_string_equal(body_for(503), "front");
	assert_string_equal(line(&t.be, "http-error status 503"), ""); /* an answer without a body */
	assert_string_equal(body_for(503), "");
	t.be.error_pages = inherited;
	assert_string_equal(body_for(503), "one");
}

static void a_page_that_does_not_fit_gives_way(void **state)
{
	(void)state;
	assert_string_equal(line(&t.fe, "http-error status 503 content-type text/plain lf-string %[path]%[path]%[path]%[path]"), "");
	rules_request_limited(&t, "GET /0123456789012345678901234567890123456789 HTTP/1.1|Host: a", 64);
	error_page_fill(&t.x, 503, NULL, 0);
	assert_int_equal(t.x.reply.status, 503);
	assert_string_equal(rules_reply_header(&t, "cache-control"), "no-cache"); /* it is the default's */
}

static void locations(void **state)
{
	(void)state;
	assert_string_equal(line(&t.fe, "errorloc 403 http://shop.example/403"), "");
	assert_string_equal(line(&t.fe, "errorloc302 404 /404.html"), "");
	assert_string_equal(line(&t.fe, "errorloc303 503 /503.html"), "");
	body_for(403);
	assert_int_equal(t.x.reply.status, 302);
	assert_string_equal(rules_reply_header(&t, "location"), "http://shop.example/403");
	assert_string_equal(rules_reply_header(&t, "cache-control"), "no-cache");
	body_for(404);
	assert_int_equal(t.x.reply.status, 302);
	body_for(503);
	assert_int_equal(t.x.reply.status, 303);
	assert_string_equal(rules_reply_header(&t, "location"), "/503.html");
	assert_int_equal(t.x.reply.body.len, 0);
}

/* ---- files ---- */

static void files_are_taken_apart(void **state)
{
	static const struct {
		const char *file;
		int status;
		const char *reason, *body;
		bool close;
	} cases[] = {
		{ "HTTP/1.1 503 Away\r\nContent-Length: 4\r\nX: a\r\n\r\nbody", 503, "Away", "body", false },
		{ "HTTP/1.1 503 Away\nContent-Length: 4\nX: a\n\nbody", 503, "Away", "body", false },
		{ "HTTP/1.0 503 Away\r\nX: a\r\nConnection: close\r\n\nbody\r\n\r\nmore", 503, "Away", "body\r\n\r\nmore", true },
		{ "HTTP/1.0 503 Away\r\nX: a\r\nContent-Length: 2\r\n\r\nok", 503, "Away", "ok", false },
		{ "HTTP/1.1 200 Fine\r\nX: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 200, "Fine", "ok", true },
		{ "HTTP/1.1 299 \r\nX: a\r\nContent-Length: 0\r\n\r\n", 299, "", "", false },
		{ "HTTP/1.1 204 No\r\nX: a\r\n\r\n", 204, "No", "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_file("file", cases[i].file);
		assert_string_equal(line(&t.fe, "errorfile 503 file"), "");
		assert_string_equal(body_for(503), cases[i].body);
		assert_int_equal(t.x.reply.status, cases[i].status);
		assert_string_equal(rules_text(&t, t.x.reply.reason), cases[i].reason);
		assert_int_equal(t.x.reply.close, cases[i].close);
		assert_string_equal(rules_reply_header(&t, "x"), "a");
		assert_int_equal(t.x.reply.header_count, 1); /* framing is the engine's */
		assert_null(t.x.reply.raw.ptr);
	}
}

static void an_empty_file_answers_nothing(void **state)
{
	(void)state;
	assert_string_equal(line(&t.fe, "errorfile 408 /dev/null"), "");
	body_for(408);
	assert_non_null(t.x.reply.raw.ptr);
	assert_int_equal(t.x.reply.raw.len, 0);
	assert_true(t.x.reply.close);
}

static void retry_after_is_added_once(void **state)
{
	char space[512];
	struct buf full;

	(void)state;
	write_file("file", "HTTP/1.1 503 Away\r\nContent-Length: 0\r\nretry-after: 99\r\n\r\n");
	assert_string_equal(line(&t.fe, "errorfile 503 file"), "");
	rules_get(&t, "/");
	error_page_fill(&t.x, 503, NULL, 5);
	assert_string_equal(rules_reply_header(&t, "Retry-After"), "99");
	assert_int_equal(t.x.reply.header_count, 1);
	/* also to a page with as many headers as there may be */
	buf_init_fixed(&full, space, sizeof(space));
	buf_add_str(&full, "HTTP/1.1 503 Away\r\nContent-Length: 0\r\n");
	for (int i = 0; i < 15; i++)
		buf_printf(&full, "X-%d: 1\r\n", i);
	buf_add(&full, "\r\n", 3); /* with its NUL */
	write_file("file", space);
	assert_string_equal(line(&t.fe, "errorfile 503 file"), "");
	error_page_fill(&t.x, 503, NULL, 5);
	assert_string_equal(rules_reply_header(&t, "Retry-After"), "5");
	assert_int_equal(t.x.reply.header_count, 16);
}

static void bad_files_are_refused(void **state)
{
	static const struct {
		const char *file, *said;
	} cases[] = {
		{ "garbage", "the head has no end" },
		{ " HTTP/1.1 503 Away\r\n\r\n", "this is not HTTP" },
		{ "HTTP/1.1 503 Away\r\nX : a\r\n\r\n", "space before the colon" },
		{ "HTTP/1.1 503 Away\r\nX: a\r\nX", "the head has no end" },
		{ "HTTP/2.0 503 Away\r\n\r\n", "no response that can be sent" },
		{ "GET / HTTP/1.1\r\n\r\n", "no response that can be sent" },
		{ "HTTP/1.1 503 Away\r\nContent-Length: 3\r\n\r\nbody", "the body is not as long as Content-Length says" },
		{ "HTTP/1.1 503 Away\r\nContent-Length: 5\r\n\r\nbody", "the body is not as long as Content-Length says" },
		{ "HTTP/1.1 503 Away\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nbody", "no response that can be sent" },
		{ "HTTP/1.1 503 Away\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "a chunked body is not supported here" },
		{ "HTTP/1.1 100 Go\r\n\r\n", "interim" },
		{ "HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "interim" },
		{ "HTTP/1.1 204 No\r\n\r\nbody", "a response of that status has no body" },
		{ "HTTP/1.1 503 A\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\n\r\n", "too many headers" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *said;

		write_file("file", cases[i].file);
		said = line(&t.fe, "errorfile 503 file");
		if (strstr(said, cases[i].said) == NULL)
			fail_msg("%s: said %s", cases[i].file, said);
		assert_int_equal(t.w.p.errors, 1);
		assert_null(t.fe.error_pages);
	}
}

/* ---- sections ---- */

static void sections(void **state)
{
	(void)state;
	write_file("file", "HTTP/1.1 404 Shop\r\nContent-Length: 1\r\n\r\na");
	write_file("other", "HTTP/1.1 404 Shop\r\nContent-Length: 1\r\n\r\nb");
	/* used before it stands there */
	assert_string_equal(line(&t.fe, "errorfiles shop"), "");
	assert_string_equal(line(&t.be, "errorfile 404 other"), "");
	assert_string_equal(line(&t.be, "errorfiles shop 403 503"), "");
	assert_string_equal(section_line("shop", "errorfile 404 file"), "");
	assert_string_equal(section_line("shop", "errorfile 503 file"), "");
	assert_string_equal(section_line("empty", ""), "");
	assert_string_equal(line(&t.other, "errorfiles empty"), "");
	assert_string_equal(rules_resolve(&t), "");
	assert_string_equal(body_for(503), "a");
	assert_string_equal(body_for(404), "b"); /* not among those that the backend takes from the section */
	assert_non_null(strstr(body_for(403), "Forbidden")); /* the section has none */
	rules_get(&t, "/");
	error_page_fill(&t.x, 404, NULL, 0);
	assert_string_equal(rules_text(&t, t.x.reply.body), "a");
}

static void rules_choose_sections(void **state)
{
	(void)state;
	write_file("file", "HTTP/1.1 404 Shop\r\nContent-Length: 1\r\n\r\na");
	assert_string_equal(rules_read(&t, "deny deny_status 404 errorfiles shop if { path /404 }"), "");
	assert_string_equal(rules_read(&t, "deny errorfiles shop"), "");
	assert_string_equal(line(&t.be, "http-error status 502 errorfiles shop"), "");
	assert_string_equal(line(&t.be, "http-error status 404 errorfiles shop"), "");
	assert_string_equal(section_line("shop", "errorfile 404 file"), "");
	assert_string_equal(rules_resolve(&t), "");
	rules_get(&t, "/404");
	assert_int_equal(rules_go(&t), VERDICT_REPLY);
	assert_string_equal(rules_text(&t, t.x.reply.body), "a");
	rules_get(&t, "/403");
	assert_int_equal(rules_go(&t), VERDICT_REPLY);
	assert_non_null(strstr(rules_text(&t, t.x.reply.body), "Forbidden"));
	assert_string_equal(body_for(404), "a");
	assert_non_null(strstr(body_for(502), "Bad Gateway")); /* the section has none */
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *line, *said;
	} cases[] = {
		{ "errorfile 418 /dev/null", "'errorfile': status code '418' has no error page" },
		{ "errorfile 503", "'errorfile' expects an argument" },
		{ "errorfile", "'errorfile' expects an argument" },
		{ "errorfile 503 nowhere", "errorfile: cannot read 'nowhere'" },
		{ "errorfile 503 /", "errorfile: cannot read '/'" },
		{ "errorfile 503 /dev/null more", "unexpected argument 'more'" },
		{ "errorloc 999 /", "status code '999'" },
		{ "errorloc 503 ''", "expects a URL" },
		{ "errorloc303 503 'a\r\nb'", "expects a URL" },
		{ "errorloc302 503", "'errorloc302' expects an argument" },
		{ "errorfiles", "'errorfiles' expects an argument" },
		{ "errorfiles shop 418", "'errorfiles': status code '418'" },
		{ "http-error content-type text/plain string x", "http-error expects 'status <code>'" },
		{ "http-error status 418 content-type text/plain string x", "http-error: status code '418' has no error page" },
		{ "http-error status 503 if TRUE", "unexpected argument 'if'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *said = line(&t.fe, cases[i].line);

		if (strstr(said, cases[i].said) == NULL)
			fail_msg("%s: said %s", cases[i].line, said);
		assert_int_equal(t.w.p.errors, 1);
		assert_null(t.fe.error_pages);
	}
	assert_non_null(strstr(section_line("shop", "errorloc 503 /"), "there is only 'errorfile'"));
	assert_string_equal(line(&t.fe, "errorfiles nowhere 403"), "");
	assert_string_equal(rules_read(&t, "deny errorfiles nowhere2"), "");
	rules_resolve(&t);
	assert_non_null(strstr(words_said(&t.w), "errorfiles: unknown http-errors section 'nowhere'"));
	assert_non_null(strstr(words_said(&t.w), "http-request deny: unknown http-errors section 'nowhere2'"));
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(defaults_are_problem_documents),
		WITH(defaults_are_pages),
		WITH(details_and_retry_after),
		WITH(without_memory_the_answer_is_plainer),
		WITH(backend_before_frontend_before_default),
		WITH(the_last_line_counts_and_may_undo),
		WITH(a_page_that_does_not_fit_gives_way),
		WITH(locations),
		WITH(files_are_taken_apart),
		WITH(an_empty_file_answers_nothing),
		WITH(retry_after_is_added_once),
		WITH(bad_files_are_refused),
		WITH(sections),
		WITH(rules_choose_sections),
		WITH(what_is_wrong_is_named),
	};

	return cmocka_run_group_tests_name("error_page", tests, enter_folder, leave_folder);
}
