/* answer_test.c - deny, tarpit, return, reject and their like: what they answer, what they complain about. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "tests/unit/gateway/support/rules.h"

static const char page[] = "<p>%[path]</p>";
static const char raw[] = "HTTP/1.0 503 Away\r\nX-Page: raw\r\nContent-Length: 4\r\n\r\ngone";

static void write_file(const char *name, const char *content)
{
	FILE *f = fopen(name, "w");

	if (f == NULL || fputs(content, f) < 0 || fclose(f) != 0)
		abort();
}

/* Tests run in a folder of their own, so that lines can name files without a path. */
static int enter_folder(void **state)
{
	static char folder[] = "/tmp/answer_test.XXXXXX";

	if (mkdtemp(folder) == NULL || chdir(folder) != 0)
		return -1;
	write_file("page", page);
	write_file("raw", raw);
	write_file("empty", "");
	*state = folder;
	return 0;
}

static int leave_folder(void **state)
{
	unlink("page");
	unlink("raw");
	unlink("empty");
	return chdir("/") | rmdir(*state);
}

static struct rules t;

static int begin(void **state)
{
	(void)state;
	rules_setup(&t);
	t.fe.problem_documents = true;
	return 0;
}

static int end(void **state)
{
	(void)state;
	rules_cleanup(&t);
	return 0;
}

static void answers(void **state)
{
	static const struct {
		const char *rule;
		enum verdict verdict;
		char cause;
		int status;
		const char *type, *body; /* of the body: a part */
		unsigned headers;
	} cases[] = {
		{ "deny", VERDICT_REPLY, 'P', 403, "application/problem+json", "\"title\":\"Forbidden\"", 1 },
		{ "deny deny_status 404", VERDICT_REPLY, 'P', 404, "application/problem+json", "\"status\":404", 1 },
		{ "deny status 429 default-errorfiles", VERDICT_REPLY, 'P', 429, "application/problem+json", "\"status\":429", 1 },
		{ "deny status 418 content-type text/plain lf-string 'no %[path]' hdr x-why tea", VERDICT_REPLY, 'P', 418, "text/plain", "no /p", 1 },
		{ "deny hdr a b", VERDICT_REPLY, 'P', 403, "", "", 1 },
		{ "tarpit", VERDICT_TARPIT, 'P', 500, "application/problem+json", "\"status\":500", 1 },
		{ "tarpit deny_status 429", VERDICT_TARPIT, 'P', 429, "application/problem+json", "\"status\":429", 1 },
		{ "return", VERDICT_REPLY, 'L', 200, "", "", 0 },
		{ "return status 204", VERDICT_REPLY, 'L', 204, "", "", 0 },
		{ "return status 404 content-type application/problem+json string '{\"title\":\"no %[path]\"}'", VERDICT_REPLY, 'L', 404,
		  "application/problem+json", "{\"title\":\"no %[path]\"}", 0 },
		{ "return hdr a %[path] hdr b %[query] status 201", VERDICT_REPLY, 'L', 201, "", "", 2 },
		{ "return content-type text/html file page", VERDICT_REPLY, 'L', 200, "text/html", page, 0 },
		{ "return content-type text/html lf-file page", VERDICT_REPLY, 'L', 200, "text/html", "<p>/p</p>", 0 },
		{ "return content-type text/html lf-string %[req.hdr(none)]", VERDICT_REPLY, 'L', 200, "", "", 0 },
		{ "return file empty", VERDICT_REPLY, 'L', 200, "", "", 0 },
		{ "return status 403 default-errorfiles", VERDICT_REPLY, 'L', 403, "application/problem+json", "Forbidden", 1 },
		{ "return status 503 errorfile raw", VERDICT_REPLY, 'L', 503, "", "gone", 1 },
		{ "return status 404 errorfile raw", VERDICT_REPLY, 'L', 503, "", "gone", 1 }, /* the file's own status */
		{ "reject", VERDICT_CLOSE, 'P', 0, "", "", 0 },
		{ "silent-drop", VERDICT_CLOSE, 'P', 0, "", "", 0 },
		{ "allow", VERDICT_ALLOW, '-', 0, "", "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct reply *r = &t.x.reply;

		rules_clear(&t);
		assert_string_equal(rules_read(&t, cases[i].rule), "");
		rules_get(&t, "/p?q");
		assert_int_equal(rules_go(&t), cases[i].verdict);
		assert_int_equal(t.x.cause, cases[i].cause);
		assert_int_equal(r->status, cases[i].status);
		assert_string_equal(rules_text(&t, r->content_type), cases[i].type);
		if (strstr(rules_text(&t, r->body), cases[i].body) == NULL || (cases[i].body[0] == '\0' && r->body.len > 0))
			fail_msg("%s: %s", cases[i].rule, t.copy);
		assert_int_equal(r->header_count, cases[i].headers);
		assert_int_equal(t.x.silent_drop, strcmp(cases[i].rule, "silent-drop") == 0);
	}
}

static void headers_are_made_and_safe(void **state)
{
	(void)state;
	assert_string_equal(rules_read(&t, "return hdr X-One 1 hdr x-two %[query,url_dec]"), "");
	rules_get(&t, "/?a%0d%0ab:c");
	assert_int_equal(rules_go(&t), VERDICT_REPLY);
	assert_string_equal(rules_reply_header(&t, "x-one"), "1");
	assert_string_equal(rules_reply_header(&t, "x-two"), "a%0D%0Ab:c");
}

static void responses(void **state)
{
	(void)state;
	t.set = RULES_RESPONSE;
	assert_string_equal(rules_read(&t, "deny if { status 500 }"), "");
	assert_string_equal(rules_read(&t, "return status 503 content-type application/json lf-string '{\"was\":%[status]}' hdr x 1 if { status 404 }"), "");
	assert_string_equal(rules_read(&t, "silent-drop if { status 410 }"), "");
	rules_get(&t, "/");
	rules_response(&t, "HTTP/1.1 500 Oh|Content-Length: 3");
	assert_int_equal(rules_go(&t), VERDICT_REPLY);
	assert_int_equal(t.x.reply.status, 502);
	assert_int_equal(t.x.cause, 'P');
	rules_get(&t, "/");
	rules_response(&t, "HTTP/1.1 404 Oh|Content-Length: 3");
	assert_int_equal(rules_go(&t), VERDICT_REPLY);
	assert_int_equal(t.x.reply.status, 503);
	assert_string_equal(rules_text(&t, t.x.reply.body), "{\"was\":404}");
	assert_int_equal(t.x.cause, 'L');
	rules_get(&t, "/");
	rules_response(&t, "HTTP/1.1 410 Oh|Content-Length: 3");
	assert_int_equal(rules_go(&t), VERDICT_CLOSE);
}

static void connections(void **state)
{
	(void)state;
	t.set = RULES_CONNECTION;
	assert_string_equal(rules_read(&t, "accept if { src 10.0.0.0/8 }"), "");
	assert_string_equal(rules_read(&t, "reject"), "");
	rules_get(&t, "/");
	assert_int_equal(rules_go(&t), VERDICT_CLOSE);
	rules_address(&t.session.from, "10.1.2.3", 1);
	assert_int_equal(rules_go(&t), VERDICT_ALLOW);
}

/* A request that was to be refused never passes because memory ran out. */
static void without_memory_it_fails(void **state)
{
	static const char *const rules[] = {
		"deny content-type text/plain lf-string %[path]%[path]%[path]%[path]", "return hdr x %[path]%[path]%[path]%[path]",
		"tarpit content-type text/plain lf-string %[path]%[path]%[path]%[path]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		rules_clear(&t);
		assert_string_equal(rules_read(&t, rules[i]), "");
		rules_request_limited(&t, "GET /0123456789012345678901234567890123456789 HTTP/1.1|Host: a", 64);
		assert_int_equal(rules_go(&t), VERDICT_FAIL);
	}
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *line, *said;
	} cases[] = {
		{ "deny deny_status 418", "http-request deny: status code '418' has no error page for 'default-errorfiles'" },
		{ "return status 418 default-errorfiles", "http-request return: status code '418' has no error page" },
		{ "return status 199", "'status' expects a number from 200 to 599" },
		{ "return status 600", "'status' expects a number from 200 to 599" },
		{ "return status", "'status' expects an argument" },
		{ "return deny_status 201", "but found 'deny_status'" },
		{ "return status 204 content-type text/plain string x", "a response with status 204 has no body" },
		{ "return status 304 content-type text/plain lf-string x", "a response with status 304 has no body" },
		{ "return string x", "http-request return: a content type must be given" },
		{ "return content-type text/plain string x string y", "unexpected 'string', there is 'file or string' already" },
		{ "return content-type text/plain string x default-errorfiles", "unexpected 'default-errorfiles'" },
		{ "return content-type", "'content-type' expects an argument" },
		{ "return content-type '' string x", "'content-type' expects a type" },
		{ "return content-type 'a\nb' string x", "'content-type' expects a type" },
		{ "return content-type text/plain string", "'string' expects an argument" },
		{ "return content-type text/plain file nowhere", "http-request return: cannot read 'nowhere': No such file" },
		{ "return content-type text/plain lf-file nowhere", "cannot read 'nowhere'" },
		{ "return errorfile page", "'page' is no response that can be sent" },
		{ "return status 404 errorfile", "'errorfile' expects an argument" },
		{ "return hdr a", "'hdr' expects an argument" },
		{ "return hdr 'a b' c", "'a b' cannot be the name of a header" },
		{ "return hdr a %[nothing]", "nothing" },
		{ "return hdr a 1 hdr a 1 hdr a 1 hdr a 1 hdr a 1 hdr a 1 hdr a 1 hdr a 1 hdr a 1 hdr a 1 hdr a 1 hdr a 1 hdr a 1 hdr a 1 hdr a 1",
		  "at most 14 headers" },
		{ "return nonsense", "but found 'nonsense'" },
		{ "tarpit status x", "'status' expects a number" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *said = rules_read(&t, cases[i].line);

		if (strstr(said, cases[i].said) == NULL)
			fail_msg("%s: said %s", cases[i].line, said);
		assert_int_equal(t.w.p.errors, 1);
	}
}

static void what_does_nothing_is_warned_of(void **state)
{
	static const struct {
		const char *line, *said;
	} cases[] = {
		{ "return content-type text/plain", "'content-type' does nothing here" },
		{ "return status 503 default-errorfiles hdr a b", "'hdr' does nothing with an error page" },
		{ "deny content-type text/plain errorfile raw", "'content-type' does nothing here" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *said = rules_read(&t, cases[i].line);

		if (strstr(said, cases[i].said) == NULL)
			fail_msg("%s: said %s", cases[i].line, said);
		assert_int_equal(t.w.p.errors, 0);
		assert_int_equal(t.w.p.warnings, 1);
		rules_get(&t, "/");
		assert_int_equal(rules_go(&t), VERDICT_REPLY);
	}
}

static void a_file_must_fit_a_buffer(void **state)
{
	char big[2000];

	(void)state;
	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	write_file("big", big);
	t.config.bufsize = 2999;
	t.config.maxrewrite = 1000; /* 1999 bytes just fit */
	assert_string_equal(rules_read(&t, "return content-type text/plain file big"), "");
	rules_get(&t, "/");
	assert_int_equal(rules_go(&t), VERDICT_REPLY);
	assert_int_equal(t.x.reply.body.len, 1999);
	t.config.bufsize = 2998;
	assert_non_null(strstr(rules_read(&t, "return content-type text/plain file big"), "'big' is longer than 1998 bytes"));
	unlink("big");
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(answers),
		WITH(headers_are_made_and_safe),
		WITH(responses),
		WITH(connections),
		WITH(without_memory_it_fails),
		WITH(what_is_wrong_is_named),
		WITH(what_does_nothing_is_warned_of),
		WITH(a_file_must_fit_a_buffer),
	};

	return cmocka_run_group_tests_name("answer", tests, enter_folder, leave_folder);
}
