/* format_test.c - what formats mean: variables, flags, expressions, what is missing, what does not fit, and what is said of mistakes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "gateway/expr/format.h"
#include "tests/unit/gateway/support/rules.h"

static struct rules t;
static char line[8192];

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

static struct format *compile(const char *text, unsigned when)
{
	return format_parse(words_line(&t.w, ""), slice_str(text), when, "log-format");
}

/* The text as a line of a log, or as a value of a rule. */
static const char *written(const char *text, bool for_log)
{
	struct format *f = compile(text, for_log ? WHEN_IN_LOG : WHEN_IN_REQUEST);
	struct buf out;

	if (f == NULL)
		fail_msg("%s: %s", text, words_said(&t.w));
	buf_init_fixed(&out, line, sizeof(line));
	format_write(f, &t.x, for_log, &out);
	assert_true(buf_ok(&out));
	buf_add_char(&out, '\0');
	return line;
}

static const char *logged(const char *text)
{
	return written(text, true);
}

/* A request as the engine notes it: its line, in which blanks part the three. */
static void request(const char *method, const char *target, const char *version)
{
	rules_exchange(&t, RULES_ARENA);
	t.x.request_line[0] = slice_str(method);
	t.x.request_line[1] = slice_str(target);
	t.x.request_line[2] = slice_str(version);
}

static void variable_set(const char *name, struct slice value)
{
	struct sample s = { .type = SAMPLE_STR, .text = value };
	struct var_ref ref;

	assert_true(var_name_parse(&t.w.p, slice_str(name), &ref));
	assert_true(var_set(&t.x, ref, &s));
}

struct expected {
	const char *format, *text;
};

static void check_all(const struct expected *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(logged(cases[i].format), cases[i].text) != 0)
			fail_msg("%s gives '%s', not '%s'", cases[i].format, line, cases[i].text);
	}
}

#define CHECK_ALL(cases) check_all(cases, sizeof(cases) / sizeof((cases)[0]))

static void texts_and_percents(void **state)
{
	static const struct expected cases[] = {
		{ "plain", "plain" }, { "100%%", "100%" }, { "%%f", "%f" }, { "%f", "fe" }, { "<%f>", "<fe>" }, { "%f%f", "fefe" }, { "%f_x", "fe_x" },
		{ "%[int(5)]%[int(6)]", "56" }, { "%[str(a]b)]", "a]b" }, { "%[str('x)y]')]", "x)y]" }, { "%[str(\"a\\\"]\")]", "a\"]" },
		{ "%[str(a)]]", "a]" }, { "%[str(ab),upper]", "AB" }, { "%{}f", "fe" }, { "%o%f", "fe" },
	};

	(void)state;
	request("GET", "/", "HTTP/1.1");
	CHECK_ALL(cases);
}

static void blanks(void **state)
{
	static const struct expected cases[] = {
		{ "a  b   c", "a b c" }, { "  a", "a" }, { "a  ", "a " }, { "a %hs b", "a b" }, { " %hs a %hs %hs b", "a b" }, { "a%hs b", "a b" },
		{ "%[str(x )] y", "x  y" }, /* a blank of the value is not the format's */
		{ "a %hs", "a " },
	};

	(void)state;
	request("GET", "/", "HTTP/1.1");
	CHECK_ALL(cases);
	assert_string_equal(written("  a %hs  b ", false), "  a   b ");
}

static void flags(void **state)
{
	static const struct expected cases[] = {
		{ "%{+Q}ci %{+Q}f %{+Q}s %{+Q}ID", "\"192.0.2.1\" \"fe\" \"<NOSRV>\" \"\"" },
		{ "%{+Q}cp %{+Q}ST %{+Q}ac %{+Q}Tt %{+Q}ts", "4711 -1 0 0 --" }, /* numbers and letters are never quoted */
		{ "%{+X}ci %{+X}cp %{+X}f", "C0000201 1267 fe" },
		{ "%{+Q,+X}ci", "C0000201" },
		{ "%{+Q}o%f %{-Q}f %f", "\"fe\" fe \"fe\"" },
		{ "%{+Q}o %{+X}o %ci %f %{-Q}o %f", "C0000201 \"fe\" fe" },
		{ "%f %{+Q}o%f", "fe \"fe\"" },
		{ "%{+Q}[str(a)] %{+Q}[var(txn.no)] %[var(txn.no)]", "\"a\" \"\" -" },
		{ "%[var(txn.odd)]", "a\\b]\"#{|}" },
		{ "%{+E}[var(txn.odd)]", "a\\\\b\\]\\\"#{|}" },
		{ "%{+Q,+E}[var(txn.odd)]", "\"a\\\\b\\]\\\"#{|}\"" },
		{ "%{+E}r", "GET /a\\]#22 HTTP/1.1" },
	};

	(void)state;
	request("GET", "/a]\"", "HTTP/1.1");
	variable_set("txn.odd", SLICE_LIT("a\\b]\"#{|}"));
	CHECK_ALL(cases);
}

/* Nothing that a client sends may end a line of the log, or begin another. */
static void unprintable_bytes(void **state)
{
	(void)state;
	request("GET", "/\"#{|}\x7f\xc3\xa9", "HTTP/1.1");
	variable_set("txn.odd", SLICE_LIT("a\tb\nc\x7f\xc3\xa9~ "));
	assert_string_equal(logged("%[var(txn.odd)]"), "a#09b#0Ac#7F#C3#A9~ ");
	assert_string_equal(written("%[var(txn.odd)]", false), "a\tb\nc\x7f\xc3\xa9~ ");
	assert_string_equal(logged("%HU"), "/#22#23{|}#7F#C3#A9");
	assert_string_equal(written("%HU", false), "/#22#23{|}#7F#C3#A9");
}

static void the_requests_line(void **state)
{
	static const struct {
		const char *target, *uri, *path, *only, *query;
	} cases[] = {
		{ "/a/b?q=1", "/a/b?q=1", "/a/b", "/a/b", "?q=1" },
		{ "/a", "/a", "/a", "/a", "" },
		{ "/a?", "/a?", "/a", "/a", "?" },
		{ "http://h/abc?x", "http://h/abc?x", "http://h/abc", "/abc", "?x" },
		{ "http://h", "http://h", "http://h", "", "" },
		{ "*", "*", "*", "", "" },
	};
	char expected[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		request("PUT", cases[i].target, "HTTP/1.0");
		snprintf(expected, sizeof(expected), "PUT \"%s\" \"%s\" \"%s\" \"%s\" HTTP/1.0", cases[i].uri, cases[i].path, cases[i].only,
			 cases[i].query);
		assert_string_equal(logged("%HM %{+Q}HU %{+Q}HP %{+Q}HPO %{+Q}HQ %HV"), expected);
	}
	request("GET", "/a", "HTTP/1.1");
	assert_string_equal(logged("%HQ %r %{+Q}r"), "- GET /a HTTP/1.1 \"GET /a HTTP/1.1\"");
	assert_string_equal(written("<%HQ>", false), "<>");
}

static void a_request_that_was_not_understood(void **state)
{
	struct slice captured[1] = { SLICE("x") };

	(void)state;
	rules_exchange(&t, RULES_ARENA);
	t.fe.request_capture_count = 1;
	t.x.request_captures = captured;
	assert_string_equal(logged("%r %HM %HU %HV %{+Q}r %hr|%hrl"), "<BADREQ> <BADREQ> <BADREQ> <BADREQ> \"<BADREQ>\" |");
}

static void captures(void **state)
{
	struct slice sent[3] = { SLICE("a\tb{|}\"#]"), SLICE_NONE, SLICE("7") };

	(void)state;
	request("GET", "/", "HTTP/1.1");
	assert_string_equal(logged("<%hr%hs%hrl%hsl>"), "<>"); /* nothing is to be captured */
	t.fe.request_capture_count = 3;
	t.fe.response_capture_count = 2;
	assert_string_equal(logged("%hr %hs %hsl"), "{||} {|} - -"); /* nothing was */
	t.x.request_captures = sent;
	assert_string_equal(logged("%hr"), "{a#09b#7B#7C#7D#22#23]||7}");
	assert_string_equal(logged("%{+Q}hr"), "\"{a#09b#7B#7C#7D#22#23]||7}\"");
	assert_string_equal(logged("%{+E}hr"), "{a#09b#7B#7C#7D#22#23\\]||7}");
	assert_string_equal(logged("%hrl"), "a#09b#7B#7C#7D#22#23] - 7");
	assert_string_equal(logged("%{+Q}hrl"), "\"a#09b#7B#7C#7D#22#23]\" \"\" \"7\"");
}

static void addresses(void **state)
{
	struct listener listener = { .id = 3 };
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&t.session.from;
	struct sockaddr_storage other;

	(void)state;
	request("GET", "/", "HTTP/1.1");
	assert_string_equal(logged("%ci:%cp %fi:%fp"), "192.0.2.1:4711 198.51.100.1:80");
	assert_string_equal(logged("%bi %bp %si %sp %{+Q}si"), "- - - - \"\""); /* no server yet */
	assert_string_equal(written("%bi%bp%si%sp", false), "");
	rules_address(&t.x.server_to, "203.0.113.5", 8080);
	rules_address(&t.x.server_from, "203.0.113.6", 1025);
	assert_string_equal(logged("%bi:%bp %si:%sp"), "203.0.113.6:1025 203.0.113.5:8080");
	rules_address(&other, "192.0.2.77", 5);
	t.x.src = &other; /* http-request set-src */
	assert_string_equal(logged("%ci:%cp"), "192.0.2.77:5");
	t.x.src = NULL;
	memset(&t.session.from, 0, sizeof(t.session.from));
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(443);
	assert_int_equal(inet_pton(AF_INET6, "2001:db8::1", &v6->sin6_addr), 1);
	assert_string_equal(logged("%ci %cp %{+X}ci %{+X}cp"), "2001:db8::1 443 20010DB8000000000000000000000001 01BB");
	memset(&t.session.from, 0, sizeof(t.session.from));
	t.session.from.ss_family = AF_UNIX;
	t.session.listener = &listener;
	assert_string_equal(logged("%ci:%cp"), "unix:3");
	t.session.listener = NULL;
}

static void names_and_outcome(void **state)
{
	static struct server server = { .name = SLICE("s1") };
	char host[256], expected[600];

	(void)state;
	request("GET", "/", "HTTP/1.1");
	assert_string_equal(logged("%f %ft %b %s"), "fe fe fe <NOSRV>");
	t.x.backend = &t.be;
	t.x.server = &server;
	t.x.status = 503;
	t.x.cause = 's';
	t.x.stage = 'H';
	t.x.bytes_in = 76;
	t.x.bytes_out = 5000000000;
	t.x.retries = 2;
	t.x.queue_backend = 4;
	t.x.queue_server = 5;
	memcpy(t.x.actives, (unsigned[5]){ 9, 8, 7, 6, 0 }, sizeof(t.x.actives));
	assert_string_equal(logged("%b/%s %ST %ts %tsc %U %B"), "be/s1 503 sH sH-- 76 5000000000");
	assert_string_equal(logged("%ac/%fc/%bc/%sc/%rc %sq/%bq"), "9/8/7/6/2 5/4");
	t.x.redispatched = true;
	assert_string_equal(logged("%rc"), "+2");
	assert_string_equal(logged("%CC %CS %sslc %sslv %{+Q}CC"), "- - - - \"\"");
	assert_int_equal(gethostname(host, sizeof(host)), 0);
	snprintf(expected, sizeof(expected), "%s \"%s\" %d %04X", host, host, (int)getpid(), (unsigned)getpid());
	assert_string_equal(logged("%H %{+Q}H %pid %{+X}pid"), expected);
}

static void counters(void **state)
{
	(void)state;
	request("GET", "/", "HTTP/1.1");
	t.gateway.next_id = 254;
	assert_string_equal(logged("%rt %rt %{+X}rt"), "255 255 00FF"); /* given once */
	request("GET", "/", "HTTP/1.1");
	assert_string_equal(logged("%rt %{+X}rt"), "256 0100");
	tally_add(&t.tallies[t.fe.index].log_lines, 17);
	assert_string_equal(logged("%lc %{+X}lc"), "17 0011");
}

/* Moments in microseconds since the connection: chosen so that rounding each part alone would not give the total. */
static void times_of_a_whole_exchange(void **state)
{
	struct exchange_times *e = &t.x.t;
	int64_t first = 1000000;

	(void)state;
	request("GET", "/", "HTTP/1.1");
	*e = (struct exchange_times){ .idle_us = 12999, .first_byte_us = first, .request_us = first + 1999, .queue_us = first + 3998,
				      .connect_us = first + 5997, .response_us = first + 7996, .end_us = first + 10003 };
	assert_string_equal(logged("%Th %Ti %TR %Tw %Tc %Tr %Td %Ta"), "0 12 1 2 2 2 3 10");
	assert_string_equal(logged("%Tq %Tt %Tu"), "13 22 10");
	t.x.log_early = true;
	e->end_us = 0;
	assert_string_equal(logged("%TR/%Tw/%Tc/%Tr/%Ta %Tt %Tu %B %U"), "1/2/2/2/+7 +19 +7 +0 0");
}

static void times_of_what_did_not_come(void **state)
{
	(void)state;
	rules_exchange(&t, RULES_ARENA);
	t.x.t.end_us = 5000000; /* nothing was received */
	assert_string_equal(logged("%TR/%Tw/%Tc/%Tr/%Ta %Th %Ti %Tq %Td %Tt"), "-1/-1/-1/-1/0 0 -1 -1 -1 0");
	t.x.t.first_byte_us = 4990000; /* a part of a head */
	t.x.t.idle_us = 1000;
	assert_string_equal(logged("%TR/%Tw/%Tc/%Tr/%Ta %Ti %Tq %Td %Tt"), "-1/-1/-1/-1/10 1 -1 -1 11");
	t.x.t.request_us = 4993000;
	t.x.t.queue_us = 4994000; /* the server did not answer */
	assert_string_equal(logged("%TR/%Tw/%Tc/%Tr/%Ta %Tq %Td"), "3/1/-1/-1/10 4 -1");
}

static void dates(void **state)
{
	(void)state;
	setenv("TZ", "XST-05:30", 1);
	tzset();
	request("GET", "/", "HTTP/1.1");
	t.worker.zone = (struct date_zone){ 0 };
	t.x.t.wall_us = INT64_C(1700000000042999); /* 2023-11-14 22:13:20 UTC */
	t.x.t.idle_us = 1100000;
	assert_string_equal(logged("%tr|%trg|%trl"), "15/Nov/2023:03:43:20.042|14/Nov/2023:22:13:20 +0000|15/Nov/2023:03:43:20 +0530");
	assert_string_equal(logged("%t|%T|%Tl"), "15/Nov/2023:03:43:18.942|14/Nov/2023:22:13:18 +0000|15/Nov/2023:03:43:18 +0530");
	assert_string_equal(logged("%Ts %{+X}Ts %ms %{+X}ms"), "1699999998 6553F0FE 942 3AE");
	t.session.accepted_wall_us = INT64_C(1000000000007000);
	t.x.t.wall_us = 0; /* nothing came */
	assert_string_equal(logged("%trg %Ts.%ms %{+X}ms"), "09/Sep/2001:01:46:40 +0000 1000000000.007 07");
	setenv("TZ", "WST8", 1);
	tzset();
	t.worker.zone = (struct date_zone){ 0 };
	assert_string_equal(logged("%Tl"), "08/Sep/2001:17:46:40 -0800");
	unsetenv("TZ");
	tzset();
}

static void the_ready_formats(void **state)
{
	static struct server server = { .name = SLICE("s1") };

	(void)state;
	request("GET", "/x", "HTTP/1.1");
	t.x.t.wall_us = INT64_C(1700000000042000);
	t.x.backend = &t.be;
	t.x.server = &server;
	t.x.status = 200;
	t.x.bytes_out = 43;
	assert_string_equal(logged(format_httplog), "192.0.2.1:4711 [14/Nov/2023:22:13:20.042] fe be/s1 -1/-1/-1/-1/0 200 43 - - ---- 0/0/0/0/0 0/0 "
			    "\"GET /x HTTP/1.1\"");
	assert_string_equal(logged(format_tcplog), "192.0.2.1:4711 [14/Nov/2023:22:13:20.042] fe be/s1 -1/-1/0 43 -- 0/0/0/0/0 0/0");
	assert_string_equal(logged(format_clf), "192.0.2.1 - - [14/Nov/2023:22:13:20 +0000] \"GET /x HTTP/1.1\" 200 43 \"\" \"\" 4711 042 \"fe\" \"be\" \"s1\" "
			    "-1 -1 -1 -1 0 ---- 0 0 0 0 0 0 0 \"\" \"\" ");
	assert_string_equal(logged(format_plain), "Connect from 192.0.2.1:4711 to 198.51.100.1:80 (fe/HTTP)");
}

static void unique_ids(void **state)
{
	(void)state;
	request("GET", "/", "HTTP/1.1");
	assert_null(format_unique_id(&t.x).ptr); /* there is no format */
	assert_string_equal(logged("%ID"), "-");
	t.fe.unique_id_format = compile("%{+X}o%ci:%cp_%rt", WHEN_IN_REQUEST);
	t.gateway.next_id = 0;
	assert_string_equal(logged("%ID"), "C0000201:1267_0001");
	assert_string_equal(logged("%ID %[unique-id]"), "C0000201:1267_0001 C0000201:1267_0001");
	request("GET", "/", "HTTP/1.1");
	assert_string_equal(logged("%ID"), "C0000201:1267_0002");
	t.fe.unique_id_format = compile("<%ID%[unique-id]>", WHEN_IN_REQUEST); /* names itself */
	request("GET", "/", "HTTP/1.1");
	assert_string_equal(logged("%ID"), "<>");
	t.fe.unique_id_format = NULL;
}

static void constants(void **state)
{
	struct format *f = compile("a%%b", WHEN_IN_REQUEST);

	(void)state;
	request("GET", "/", "HTTP/1.1");
	assert_true(slice_eq(format_constant(f), SLICE_LIT("a%b")));
	assert_ptr_equal(format_text(f, &t.x).ptr, format_constant(f).ptr);
	f = compile("", WHEN_IN_REQUEST);
	assert_non_null(format_constant(f).ptr);
	assert_int_equal(format_text(f, &t.x).len, 0);
	assert_null(format_constant(compile("%f", WHEN_IN_REQUEST)).ptr);
	assert_null(format_constant(compile("a%f", WHEN_IN_REQUEST)).ptr);
	assert_null(format_constant(compile("%[str(a)]", WHEN_IN_REQUEST)).ptr);
}

static void what_does_not_fit(void **state)
{
	static char long_text[FORMAT_TEXT_MOST + 8];
	struct format *f = compile("ab%f%ci", WHEN_IN_LOG);
	char space[8];
	struct buf out;

	(void)state;
	request("GET", "/", "HTTP/1.1");
	buf_init_fixed(&out, space, sizeof(space));
	format_write(f, &t.x, true, &out);
	assert_false(buf_ok(&out));
	assert_true(slice_eq(buf_slice(&out), SLICE_LIT("abfe"))); /* whole values only */
	assert_true(slice_eq(format_text(f, &t.x), SLICE_LIT("abfe192.0.2.1")));
	rules_exchange(&t, 64);
	rules_exhaust(&t);
	assert_null(format_text(f, &t.x).ptr); /* no room in the arena */
	rules_exchange(&t, RULES_ARENA);
	memset(long_text, 'a', FORMAT_TEXT_MOST - 2);
	memcpy(long_text + FORMAT_TEXT_MOST - 2, "%f", 3);
	assert_int_equal(format_text(compile(long_text, WHEN_IN_REQUEST), &t.x).len, FORMAT_TEXT_MOST);
	memcpy(long_text + FORMAT_TEXT_MOST - 2, "a%f", 4);
	assert_null(format_text(compile(long_text, WHEN_IN_REQUEST), &t.x).ptr);
}

static void mistakes(void **state)
{
	static const struct expected cases[] = {
		{ "%", "truncated line after '%'" },
		{ "a%f%", "truncated line after '%'" },
		{ "%{+Q f", "truncated line after '{+Q f'" },
		{ "% f", "unexpected variable name near ' ' in '% f'" },
		{ "%-f", "unexpected variable name near '-'" },
		{ "%{+Q}", "argument modifier without variable name near '%{+Q}'" },
		{ "%{+Q}%f", "argument modifier without variable name near '%{+Q}'" },
		{ "%xx", "no such format variable 'xx'" },
		{ "%Tsabc", "no such format variable 'Tsabc'" },
		{ "%sslx", "did you mean 'sslc'" },
		{ "%[str(a)", "missing ']' after 'str(a)'" },
		{ "%[str(a]", "missing ']' after 'str(a]'" },
		{ "%[", "missing ']'" },
		{ "%[]", "a sample fetch is missing" },
		{ "%[nonsense]", "unknown sample fetch 'nonsense'" },
		{ "%[path]", "is not available here" }, /* the head is gone when the log is written */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (compile(cases[i].format, WHEN_IN_LOG) != NULL || strstr(words_said(&t.w), cases[i].text) == NULL)
			fail_msg("%s: '%s', not '%s'", cases[i].format, words_said(&t.w), cases[i].text);
		assert_int_equal(t.w.p.errors, 1);
	}
}

/* HAProxy says nothing of them; here they are told. */
static void flags_that_are_none(void **state)
{
	static const char *const cases[] = { "%{Q}f", "%{+Z}f", "%{*Q}f", "%{+Q,X}f", "%{+}f" };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_non_null(compile(cases[i], WHEN_IN_LOG));
		assert_int_equal(t.w.p.warnings, 1);
		assert_non_null(strstr(words_said(&t.w), "is ignored: there are Q, X and E"));
	}
	assert_non_null(compile("%{+Q, -X}f", WHEN_IN_LOG));
	assert_int_equal(t.w.p.warnings, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(texts_and_percents), TEST(blanks), TEST(flags), TEST(unprintable_bytes), TEST(the_requests_line),
		TEST(a_request_that_was_not_understood), TEST(captures), TEST(addresses), TEST(names_and_outcome), TEST(counters),
		TEST(times_of_a_whole_exchange), TEST(times_of_what_did_not_come), TEST(dates), TEST(the_ready_formats), TEST(unique_ids),
		TEST(constants), TEST(what_does_not_fit), TEST(mistakes), TEST(flags_that_are_none),
	};

	setenv("TZ", "UTC0", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
