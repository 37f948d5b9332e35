/* cond_test.c - acls and conditions: which hold for a request, and what is said of those that make no sense. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <unistd.h>

#include "gateway/expr/acl.h"
#include "gateway/expr/cond.h"
#include "tests/unit/gateway/support/rules.h"

static struct rules t;

static int begin(void **state)
{
	(void)state;
	rules_setup(&t);
	rules_request(&t, "GET /shop/Items.php?a=1&b=2&a=3 HTTP/1.1|Host: Shop.Example:8089|X-N: 7, 12|X-N: 300|X-Empty:|Accept: a/b");
	return 0;
}

static int end(void **state)
{
	(void)state;
	rules_cleanup(&t);
	return 0;
}

/* What was said of an "acl" line, "" when nothing. */
static const char *acl(const char *line)
{
	acl_read(rules_words(&t, line));
	return words_said(&t.w);
}

static struct cond *condition(const char *line)
{
	struct cond *c;

	if (!cond_read(rules_words(&t, line), WHEN_IN_REQUEST, "test", &c))
		fail_msg("%s: %s", line, words_said(&t.w));
	return c;
}

static bool holds(const char *line)
{
	return cond_holds(condition(line), &t.x);
}

struct holding {
	const char *line;
	bool holds;
};

static void check_all(const struct holding *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (holds(cases[i].line) != cases[i].holds)
			fail_msg("%s: not %d", cases[i].line, cases[i].holds);
	}
}

#define CHECK_ALL(cases) check_all(cases, sizeof(cases) / sizeof((cases)[0]))

/* ---- one test ---- */

static void matches(void **state)
{
	static const struct holding cases[] = {
		{ "if { path /shop/Items.php }", true }, { "if { path /shop/items.php }", false }, { "if { path -i /shop/items.php }", true },
		{ "if { path /a /b /shop/Items.php }", true }, { "if { path_beg /shop }", true }, { "if { path_end .gif .php }", true },
		{ "if { path_sub Item }", true }, { "if { path_dir shop }", true }, { "if { path_reg ^/shop/.*p$ }", true },
		{ "if { path_len 15 }", true }, { "if { path_len gt 15 }", false }, { "if { hdr_dom(host) -i example }", true },
		{ "if { path -m beg /shop }", true }, { "if { path -m len 15 }", true }, { "if { path -m str -i /SHOP/items.php }", true },
		{ "if { path,lower /shop/items.php }", true }, { "if { path,lower -m end .php }", true }, { "if { path -m found }", true },
		{ "if { req.hdr(x-none) -m found }", false }, { "if { req.hdr(x-empty) -m found }", true },
		{ "if { method GET }", true }, { "if { method POST PUT }", false },
		{ "if { src 192.0.2.0/24 }", true }, { "if { src 10.0.0.0/8 127.0.0.1 }", false }, { "if { src -m str 192.0.2.1 }", true },
		{ "if { always_true }", true }, { "if { always_false }", false }, { "if { int(0) -m bool }", false },
		{ "if { int(2) -m bool }", true }, { "if { path -- -x }", false }, { "if { str(-x) -- -x }", true },
		{ "if { bin(4142) -m bin 4142 }", true }, { "if { bin(4142) -m str AB }", true },
	};

	(void)state;
	CHECK_ALL(cases);
}

static void numbers(void **state)
{
	static const struct holding cases[] = {
		{ "if { int(5) 5 }", true }, { "if { int(5) eq 4 5 }", true }, { "if { int(5) 1:4 6: }", false }, { "if { int(5) ge 5 }", true },
		{ "if { int(5) gt 5 }", false }, { "if { int(5) gt 4 }", true }, { "if { int(5) le 5 }", true }, { "if { int(5) lt 5 }", false },
		{ "if { int(5) lt 6 }", true }, { "if { int(-5) lt 0 }", true }, { "if { int(5) gt 9 lt 6 }", true },
		{ "if { int(9223372036854775807) gt 9223372036854775807 }", true }, /* nothing is greater: the last number stands for it */
		{ "if { str(12ab) -m int 12 }", true }, { "if { str(ab) -m int 0 }", true }, { "if { str() -m int 0 }", false },
	};

	(void)state;
	CHECK_ALL(cases);
}

/* One of all values is enough. */
static void many_values(void **state)
{
	static const struct holding cases[] = {
		{ "if { req.hdr(x-n) 12 }", true }, { "if { req.hdr(x-n) 300 }", true }, { "if { req.hdr(x-n) 13 }", false },
		{ "if { req.hdr_val(x-n) gt 299 }", true }, { "if { req.hdr(x-n,-1) 7 }", false }, { "if { req.hdr(x-n,2) 12 }", true },
		{ "if { urlp(a) 3 }", true }, { "if { urlp(a) 2 }", false }, { "if { urlp(c) -m found }", false },
		{ "if { req.fhdr(x-n) '7, 12' }", true },
	};

	(void)state;
	CHECK_ALL(cases);
}

/* ---- combining them ---- */

static void logic(void **state)
{
	static const struct holding cases[] = {
		{ "if yes", true }, { "if no", false }, { "if !yes", false }, { "if ! no", true }, { "if !!yes", true }, { "if ! ! no", false },
		{ "if yes no", false }, { "if yes yes", true }, { "if yes !no", true }, { "if no or yes", true }, { "if no || no", false },
		{ "if no yes or yes", true }, { "if yes no or no yes", false }, { "if no or yes no or yes !no", true },
		{ "unless yes", false }, { "unless no", true }, { "unless no or yes", false }, { "unless yes no", true },
		{ "if { path_beg /shop } !{ path_end .gif }", true }, { "if yes { path_beg /x } or no", false }, { "if !{ always_false }", true },
	};

	(void)state;
	assert_string_equal(acl("yes always_true"), "");
	assert_string_equal(acl("no always_false"), "");
	CHECK_ALL(cases);
	assert_true(cond_holds(NULL, &t.x));
}

static void an_acl_of_several_lines(void **state)
{
	(void)state;
	assert_string_equal(acl("a path /x"), "");
	assert_false(holds("if a"));
	assert_string_equal(acl("a src 192.0.2.1"), "");
	assert_true(holds("if a"));
	assert_string_equal(acl("b hdr(host) -i -m sub EXAMPLE -- shop"), "");
	assert_true(holds("if a b"));
}

static void predefined(void **state)
{
	static const struct holding cases[] = {
		{ "if TRUE", true }, { "if FALSE", false }, { "if HTTP", true }, { "if HTTP_1.1", true }, { "if HTTP_1.0", false },
		{ "if HTTP_2.0", false }, { "if HTTP_CONTENT", false }, { "if HTTP_URL_ABS", false }, { "if HTTP_URL_SLASH", true },
		{ "if HTTP_URL_STAR", false }, { "if LOCALHOST", false }, { "if METH_GET", true }, { "if METH_HEAD", false },
		{ "if METH_POST", false }, { "if METH_PUT", false }, { "if METH_DELETE", false }, { "if METH_CONNECT", false },
		{ "if METH_OPTIONS", false }, { "if METH_TRACE", false }, { "if WAIT_END", true },
	};

	(void)state;
	CHECK_ALL(cases);
	assert_true(holds("if METH_GET")); /* again, the one that was made */
	rules_request(&t, "HEAD http://h/ HTTP/1.0");
	rules_address(&t.session.from, "127.8.0.1", 5);
	assert_true(holds("if METH_GET METH_HEAD HTTP_1.0 HTTP_URL_ABS LOCALHOST"));
}

static void patterns_of_files(void **state)
{
	char path[] = "/tmp/cond_test.XXXXXX", line[128];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "/x\n/shop\n", 9), 9);
	close(fd);
	snprintf(line, sizeof(line), "f path_beg -f %s", path);
	assert_string_equal(acl(line), "");
	assert_true(holds("if f"));
	snprintf(line, sizeof(line), "g path -i -f %s /shop/ITEMS.php", path);
	assert_string_equal(acl(line), "");
	assert_true(holds("if g"));
	unlink(path);
	assert_non_null(strstr(acl(line), "failed to open pattern file"));
}

/* ---- what is said ---- */

static void a_line_without_condition(void **state)
{
	struct cond *c = (struct cond *)&t;

	(void)state;
	assert_true(cond_read(rules_words(&t, ""), WHEN_IN_REQUEST, "test", &c));
	assert_null(c);
}

static void mistakes_in_conditions(void **state)
{
	static const struct {
		const char *line, *said;
	} cases[] = {
		{ "when yes", "expects 'if' or 'unless' and a condition, but found 'when'" },
		{ "if", "a condition is missing behind 'if'" }, { "unless", "missing behind 'unless'" }, { "if yes or", "missing behind 'or'" },
		{ "if or yes", "a condition is missing behind 'if'" }, { "if !", "nothing follows the '!'" }, { "if yes !", "nothing follows" },
		{ "if { }", "nothing stands between '{' and '}'" }, { "if { path /a", "missing closing '}'" },
		{ "if yep", "no such ACL : 'yep', did you mean 'yes'?" }, { "if METH_GOT", "did you mean 'METH_GET'?" },
		{ "if { nonsense }", "unknown sample fetch 'nonsense'" }, { "if { path_begin /a }", "did you mean 'path_beg'?" },
		{ "if { path -x /a }", "'-x' is not a valid ACL option" }, { "if { path -m begin /a }", "unknown matching method 'begin'" },
		{ "if { path -f }", "'-f' needs a file" }, { "if { path -u }", "'-u' needs an id" },
		{ "if { src -m beg 10. }", "" }, { "if { bin(41) 41 }", "matching method must be specified first" },
		{ "if { src 1.2.3.x }", "not a valid IPv4 or IPv6 address" }, { "if { int(5) gt x }", "which the operator 'gt' needs" },
		{ "if { method -m ip 1.2.3.4 }", "matching method 'ip' cannot be used with 'method'" },
		{ "if { status 200 }", "anonymous acl would never match : 'status' is not available here, it needs a response, which a test" },
		{ "if late", "acl 'late' would never match : 'status'" },
	};

	(void)state;
	assert_string_equal(acl("yes always_true"), "");
	assert_string_equal(acl("late status 200"), "");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cond *c;
		bool good = cond_read(rules_words(&t, cases[i].line), WHEN_IN_REQUEST, "test", &c);

		if (good != (cases[i].said[0] == '\0') || strstr(words_said(&t.w), cases[i].said) == NULL)
			fail_msg("%s: '%s', not '%s'", cases[i].line, words_said(&t.w), cases[i].said);
	}
}

static void mistakes_in_acls(void **state)
{
	(void)state;
	assert_non_null(strstr(acl(""), "'acl' needs a name and a criterion"));
	assert_non_null(strstr(acl("a"), "'acl' needs a name and a criterion"));
	assert_non_null(strstr(acl("a/b path /"), "character '/' is not permitted in acl name 'a/b'"));
	assert_non_null(strstr(acl("or path /"), "cannot be named 'or'"));
	assert_non_null(strstr(acl("a path /a -m"), "")); /* behind a pattern it is one */
	assert_non_null(strstr(acl("a path -f /tmp -m beg"), "failed to read"));
	assert_int_equal(t.w.p.errors, 1);
	assert_non_null(strstr(acl("a path"), "no pattern to match against was provided"));
	assert_int_equal(t.w.p.errors, 0);
	assert_int_equal(t.w.p.warnings, 1);
	assert_string_equal(acl("a path --"), ""); /* meant */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(matches), TEST(numbers), TEST(many_values), TEST(logic), TEST(an_acl_of_several_lines), TEST(predefined),
		TEST(patterns_of_files), TEST(a_line_without_condition), TEST(mistakes_in_conditions), TEST(mistakes_in_acls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
