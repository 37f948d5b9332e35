/* fetch_header_test.c - samples of header fields, as HAProxy 2.6 answers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/gateway/support/exprs.h"

static void by_place(void **state)
{
	static const struct expr_case cases[] = {
		{ "hdr(l)", "string c" },
		{ "req.hdr(l)", "string c" },
		{ "req.hdr(l,1)", "string a" },
		{ "req.hdr(l,2)", "string b" },
		{ "req.hdr(l,3)", "string c" },
		{ "req.hdr(l,4)", "" },
		{ "req.hdr(l,0)", "string c" },
		{ "req.hdr(l,-1)", "string c" },
		{ "req.hdr(l,-2)", "string b" },
		{ "req.hdr(l,-3)", "string a" },
		{ "req.hdr(l,-4)", "" },
		{ "req.hdr(x-empty)", "string " },
		{ "req.hdr(none)", "" },
		{ "req.hdr(q)", "string c" },
		{ "req.hdr(q,1)", "string \"a,b\"" },
		{ "req.hdr(HOST)", "string h" },
	};
	static const struct expr_case refused[] = {
		{ "req.hdr()", "the name of a header is missing" },
		{ "req.hdr", "argument 1 is missing" },
		{ "req.hdr(l,x)", "argument 2 must be a number, not 'x'" },
		{ "res.hdr(l)", "not available here" },
	};

	rules_request(*state, "GET / HTTP/1.1|Host: h|L: a, b|l: c|n: 41|x-empty:|q: \"a,b\", c");
	exprs_check(*state, EXPRS(cases));
	exprs_refused(*state, EXPRS(refused));
}

static void whole_fields(void **state)
{
	static const struct expr_case cases[] = {
		{ "req.fhdr(l)", "string c" },
		{ "req.fhdr(l,1)", "string a, b" },
		{ "req.fhdr(l,2)", "string c" },
		{ "req.fhdr(l,3)", "" },
		{ "req.fhdr(l,-2)", "string a, b" },
		{ "req.fhdr(q)", "string \"a,b\", c" },
	};

	rules_request(*state, "GET / HTTP/1.1|Host: h|L: a, b|l: c|n: 41|x-empty:|q: \"a,b\", c");
	exprs_check(*state, EXPRS(cases));
}

static void counts(void **state)
{
	static const struct expr_case cases[] = {
		{ "req.hdr_cnt(l)", "integer 3" },
		{ "req.hdr_cnt(none)", "integer 0" },
		{ "req.hdr_cnt(q)", "integer 2" },
		{ "req.hdr_cnt(x-empty)", "integer 1" },
		{ "req.fhdr_cnt(l)", "integer 2" },
		{ "req.fhdr_cnt(none)", "integer 0" },
		{ "hdr_cnt(l)", "integer 3" },
		{ "req.hdr_cnt", "integer 8" },
		{ "req.fhdr_cnt", "integer 6" },
	};

	rules_request(*state, "GET / HTTP/1.1|Host: h|L: a, b|l: c|n: 41|x-empty:|q: \"a,b\", c");
	exprs_check(*state, EXPRS(cases));
}

/* Blanks around elements do not belong to them; a comma between quotes parts nothing. */
static void lists(void **state)
{
	static const struct expr_case cases[] = {
		{ "req.hdr(l)", "string " },
		{ "req.hdr_cnt(l)", "integer 3" },
		{ "req.hdr(m)", "string " },
		{ "req.hdr(m,1)", "string a" },
		{ "req.hdr(m,2)", "string " },
		{ "req.hdr(m,3)", "string b" },
		{ "req.hdr(m,4)", "string " },
		{ "req.hdr_cnt(m)", "integer 4" },
		{ "req.hdr(w)", "string c" },
		{ "req.hdr(w,1)", "string a b" },
		{ "req.fhdr(w)", "string a b  ,\011c" },
		{ "req.hdr(s,1)", "string a; q=\"x, y\"; z" },
		{ "req.hdr(s,2)", "string b" },
		{ "req.hdr_cnt(s)", "integer 2" },
	};

	rules_request(*state, "GET / HTTP/1.1|Host: h|l: ,,|m: a,,b,|w:  a b  ,\tc |s: a; q=\"x, y\"; z, b");
	exprs_check(*state, EXPRS(cases));
}

/* An IPv6 address may stand in brackets, which HAProxy does not know. */
static void values(void **state)
{
	static const struct expr_case cases[] = {
		{ "req.hdr_val(n)", "integer 41" },
		{ "req.hdr_val(l)", "integer 0" },
		{ "req.hdr_val(none)", "" },
		{ "req.hdr_ip(ip)", "address 10.0.0.1" },
		{ "req.hdr_ip(v6)", "address 2001:db8::1" },
		{ "req.hdr_ip(bad)", "" },
		{ "req.hdr_ip(none)", "" },
		{ "req.hdr_ip(ips)", "address 2001:db8::2" },
		{ "req.hdr_ip(ips,1)", "address 10.0.0.1" },
		{ "req.hdr_ip(ips,2)", "" },
		{ "req.hdr_ip(ips,3)", "address 10.0.0.2" },
		{ "hdr_val(n)", "integer 41" },
		{ "hdr_ip(ip)", "address 10.0.0.1" },
	};

	rules_request(*state, "GET / HTTP/1.1|Host: h|L: a, b|n: 41|ip: 10.0.0.1|v6: 2001:db8::1|bad: nope|ips: 10.0.0.1, x, 10.0.0.2:80, [2001:db8::2]");
	exprs_check(*state, EXPRS(cases));
}


/* Names in lower case; what framing took out is made up again behind the others. */
static void all_fields(void **state)
{
	static const struct expr_case cases[] = {
		{ "req.hdr_names", "string host,l,l,content-length,connection" },
		{ "req.hdr_names(-)", "string host-l-l-content-length-connection" },
		{ "req.hdr_names(+-)", "string host+l+l+content-length+connection" },
		{ "req.hdrs", "string host: h\r\nl: a, b\r\nl: c\r\ncontent-length: 3\r\nconnection: close\r\n\r\n" },
		{ "req.hdr(content-length)", "string 3" },
		{ "req.hdr(Connection)", "string close" },
		{ "req.hdr_cnt(content-length)", "integer 1" },
		{ "req.hdr(transfer-encoding)", "" },
	};
	static const struct expr_case chunked[] = {
		{ "req.hdr_names", "string host,transfer-encoding" },
		{ "req.hdr(transfer-encoding)", "string chunked" },
		{ "req.hdr_cnt(transfer-encoding)", "integer 1" },
	};
	static const struct expr_case none[] = {
		{ "req.hdr_names", "string " },
		{ "req.hdrs", "string \r\n" },
		{ "req.hdr(host)", "" },
		{ "req.hdr_cnt", "integer 0" },
	};
	static const struct expr_case upgrade[] = {
		{ "req.hdr(connection)", "string upgrade" },
		{ "req.hdr(upgrade)", "string websocket" },
	};
	static const char *const hungry[] = { "req.hdr_names", "req.hdrs" };

	rules_request(*state, "POST / HTTP/1.1|Content-Length: 3|Host: h|Connection: close|L: a, b|l: c");
	exprs_check(*state, EXPRS(cases));
	rules_request(*state, "POST / HTTP/1.1|Host: h|Transfer-Encoding: chunked");
	exprs_check(*state, EXPRS(chunked));
	rules_request(*state, "GET / HTTP/1.0");
	exprs_check(*state, EXPRS(none));
	rules_request(*state, "GET / HTTP/1.1|Host: h|Connection: Upgrade|Upgrade: websocket");
	exprs_check(*state, EXPRS(upgrade));
	exprs_without_memory(*state, "GET / HTTP/1.1|Host: h", EXPRS(hungry));
}


/* A condition sees all values of a name. */
static void walks(void **state)
{
	struct rules *t = *state;

	rules_request(t, "GET / HTTP/1.1|Host: h|L: 1, b|m: x|l: 3|ip: 10.0.0.1, x, ::1");
	assert_string_equal(exprs_all(t, "req.hdr(l)"), "1|b|3");
	assert_string_equal(exprs_all(t, "req.hdr(l,-2)"), "b");
	assert_string_equal(exprs_all(t, "req.fhdr(l)"), "1, b|3");
	assert_string_equal(exprs_all(t, "req.hdr_val(l)"), "1|0|3");
	assert_string_equal(exprs_all(t, "req.hdr_ip(ip)"), "10.0.0.1|::1");
	assert_string_equal(exprs_all(t, "req.hdr(none)"), "");
	assert_string_equal(exprs_all(t, "req.hdr_cnt(l)"), "3");
}

static void of_the_response(void **state)
{
	static const struct expr_case cases[] = {
		{ "res.hdr(l)", "string c" },
		{ "res.hdr(l,1)", "string a" },
		{ "res.fhdr(l)", "string c" },
		{ "res.fhdr(l,1)", "string a, b" },
		{ "shdr(l)", "string c" },
		{ "shdr_cnt(l)", "integer 3" },
		{ "res.hdr_cnt(l)", "integer 3" },
		{ "res.fhdr_cnt(l)", "integer 2" },
		{ "res.hdr_val(n)", "integer 41" },
		{ "shdr_val(n)", "integer 41" },
		{ "res.hdr_ip(ip)", "address 10.0.0.1" },
		{ "res.hdr_names", "string l,l,n,ip,set-cookie,set-cookie,set-cookie,set-cookie,q,content-length" },
		{ "res.hdr(q)", "string " },
		{ "hdr(l)", "string c" },
		{ "hdr(host)", "" },
	};

	rules_request(*state, "GET / HTTP/1.1|Host: h");
	rules_response(*state, "HTTP/1.1 203 Fine|L: a, b|l: c|n: 41|ip: 10.0.0.1|Set-Cookie: sid=xyz; path=/; HttpOnly|"
				"Set-Cookie: other=1|Set-Cookie: n=5|set-cookie: sid=last|Content-Length: 0|q:");
	exprs_check(*state, EXPRS(cases));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EXPRS_TEST(by_place),
		EXPRS_TEST(whole_fields),
		EXPRS_TEST(counts),
		EXPRS_TEST(lists),
		EXPRS_TEST(values),
		EXPRS_TEST(all_fields),
		EXPRS_TEST(walks),
		EXPRS_TEST(of_the_response),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
