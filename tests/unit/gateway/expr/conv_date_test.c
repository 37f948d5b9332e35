/* conv_date_test.c - http_date, ltime, utime: what they write, and what they refuse. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "tests/unit/gateway/support/rules.h"

static struct rules t;

static int begin(void **state)
{
	(void)state;
	rules_setup(&t);
	rules_exchange(&t, RULES_ARENA);
	return 0;
}

static int end(void **state)
{
	(void)state;
	rules_cleanup(&t);
	return 0;
}

/* "-" when there is no value. */
static const char *value(const char *text)
{
	struct expr *e = expr_parse(words_line(&t.w, ""), slice_str(text), WHEN_ALWAYS, "test");
	struct slice s;

	if (e == NULL)
		fail_msg("%s: %s", text, words_said(&t.w));
	s = expr_text(e, &t.x);
	return s.ptr == NULL ? "-" : rules_text(&t, s);
}

static void check(const char *text, const char *expected)
{
	if (strcmp(value(text), expected) != 0)
		fail_msg("%s gives '%s', not '%s'", text, t.copy, expected);
}

static void dates_of_headers(void **state)
{
	(void)state;
	check("int(784111777),http_date", "Sun, 06 Nov 1994 08:49:37 GMT");
	check("int(784111777),http_date(60)", "Sun, 06 Nov 1994 08:50:37 GMT");
	check("int(784111777),http_date(-60,s)", "Sun, 06 Nov 1994 08:48:37 GMT");
	check("int(784111777999),http_date(0,ms)", "Sun, 06 Nov 1994 08:49:37.999 GMT");
	check("int(784111777999),http_date(1,ms)", "Sun, 06 Nov 1994 08:49:38.000 GMT");
	check("int(784111777000042),http_date(0,us)", "Sun, 06 Nov 1994 08:49:37.000042 GMT");
	check("int(-1),http_date(0,ms)", "Wed, 31 Dec 1969 23:59:59.999 GMT");
	check("int(0),http_date", "Thu, 01 Jan 1970 00:00:00 GMT");
	check("str(951782400),http_date", "Tue, 29 Feb 2000 00:00:00 GMT");
	check("int(253402300800),http_date", "-"); /* the year 10000 */
	check("int(9223372036854775807),http_date(1)", "-");
	check("str(),http_date", "-");
}

static void dates_in_any_form(void **state)
{
	(void)state;
	setenv("TZ", "XST-05:30", 1);
	tzset();
	check("int(1700000000),utime(%Y-%m-%dT%H:%M:%SZ)", "2023-11-14T22:13:20Z");
	check("int(1700000000),utime(%H:%M:%S,40)", "22:14:00");
	check("int(1700000000),utime(%H:%M:%S,-20)", "22:13:00");
	check("int(1700000000),utime(%j %a %b)", "318 Tue Nov");
	check("int(1700000000),ltime(%Y%m%d%H%M%S %z %Z)", "20231115034320 +0530 XST");
	check("int(1700000000),ltime('%d,%m',86400)", "16,11");
	check("int(0),utime(x)", "x");
	check("int(0),utime()", "");
	check("int(9223372036854775807),utime(%Y,1)", "-");
	check("int(9223372036854775807),utime(%Y)", "-");
	check("str(),utime(%Y)", "-");
	unsetenv("TZ");
	tzset();
}

static void what_is_too_long(void **state)
{
	char text[2048] = "int(0),utime(";

	(void)state;
	for (size_t len = strlen(text); len < 1200; len += 2)
		memcpy(text + len, "%Y", 3);
	memcpy(text + strlen(text), ")", 2);
	check(text, "");
	rules_exchange(&t, 64);
	rules_exhaust(&t);
	check("int(0),utime(%Y)", "-");
	check("int(0),http_date", "-");
}

static void mistakes(void **state)
{
	static const struct {
		const char *text, *said;
	} cases[] = {
		{ "int(0),http_date(x)", "argument 1 must be a number" },
		{ "int(0),http_date(0,x)", "expects 's', 'ms' or 'us', not 'x'" },
		{ "int(0),http_date(0,s,1)", "expects 2 arguments" },
		{ "int(0),utime", "argument 1 is missing" },
		{ "int(0),ltime(%Y,x)", "argument 2 must be a number" },
		{ "int(0),utime(%Y,1,2)", "expects 2 arguments" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_null(expr_parse(words_line(&t.w, ""), slice_str(cases[i].text), WHEN_ALWAYS, "test"));
		if (strstr(words_said(&t.w), cases[i].said) == NULL)
			fail_msg("%s: '%s', not '%s'", cases[i].text, words_said(&t.w), cases[i].said);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(dates_of_headers), TEST(dates_in_any_form), TEST(what_is_too_long), TEST(mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
