/* conv_text_test.c - converters of texts, against what HAProxy 2.6 makes of the same expressions. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/gateway/support/exprs.h"

static void case_and_length(void **state)
{
	static const struct expr_case cases[] = {
		{ "str(MiXed-1),lower", "string mixed-1" },
		{ "str(MiXed-1),upper", "string MIXED-1" },
		{ "str(hello),length", "integer 5" },
		{ "str(),length", "integer 0" },
		{ "str(a),upper,lower", "string a" },
	};
	static const char *const hungry[] = { "str(A),lower", "str(a),upper" };

	exprs_check(*state, EXPRS(cases));
	exprs_without_memory(*state, "GET / HTTP/1.1|Host: h", EXPRS(hungry));
}

static void ends(void **state)
{
	static const struct expr_case cases[] = {
		{ "str('  a  '),ltrim(' ')", "string a  " },
		{ "str('  a  '),rtrim(' ')", "string   a" },
		{ "str(xyaxy),ltrim(xy)", "string axy" },
		{ "str(xyaxy),rtrim(xy)", "string xya" },
		{ "str(xxx),rtrim(x)", "string " },
		{ "str(xxx),ltrim(x)", "string " },
		{ "bin(610d0a62),cut_crlf", "string a" },
		{ "bin(610a0d62),cut_crlf", "string a" },
		{ "str(abc),cut_crlf", "string abc" },
		{ "str(),ltrim(x)", "string " },
		{ "str(),rtrim(x)", "string " },
	};

	exprs_check(*state, EXPRS(cases));
}

static void joining(void **state)
{
	static const struct expr_case cases[] = {
		{ "int(4),set-var(txn.n)", "integer 4" },
		{ "str(abc),set-var(txn.s)", "string abc" },
		{ "str(<),concat(,txn.s,>)", "string <abc>" },
		{ "str(<),concat(-,txn.none,!)", "string <-!" },
		{ "str(<),concat(-)", "string <-" },
		{ "str(<),concat", "string <" },
		{ "str(<),concat(a,,b)", "string <ab" },
		{ "str(<),concat(,txn.n)", "string <4" },
		{ "str(a),add_item(-,txn.s)", "string a-abc" },
		{ "str(a),add_item(-,txn.s,!)", "string a-abc!" },
		{ "str(a),add_item(-,,!)", "string a-!" },
		{ "str(),add_item(-,txn.s,!)", "string abc!" },
		{ "str(),add_item(-,,!)", "string !" },
		{ "str(a),add_item(-,txn.none)", "string a" },
		{ "str(a),add_item(-,txn.none,)", "string a" },
		{ "str(),add_item(-,txn.none)", "string " },
	};
	static const struct expr_case refused[] = {
		{ "str(a),add_item(-)", "needs a variable or a text to be added" },
		{ "str(a),add_item", "argument 1 is missing: a text" },
	};
	static const char *const hungry[] = { "str(a),concat(b)", "str(a),add_item(-,,b)" };

	exprs_check(*state, EXPRS(cases));
	exprs_refused(*state, EXPRS(refused));
	exprs_without_memory(*state, "GET / HTTP/1.1|Host: h", EXPRS(hungry));
}

static void comparing(void **state)
{
	static const struct expr_case cases[] = {
		{ "int(4),set-var(txn.n)", "integer 4" },
		{ "str(abc),set-var(txn.s)", "string abc" },
		{ "str(abc),strcmp(txn.s)", "integer 0" },
		{ "str(abd),strcmp(txn.s)", "integer 1" },
		{ "str(abb),strcmp(txn.s)", "integer -1" },
		{ "str(ab),strcmp(txn.s)", "integer -1" },
		{ "str(abcd),strcmp(txn.s)", "integer 1" },
		{ "str(),strcmp(txn.s)", "integer -1" },
		{ "str(4),strcmp(txn.n)", "integer 0" },
		{ "str(4),strcmp(txn.none)", "" },
		{ "bool(true),iif(yes,no)", "string yes" },
		{ "bool(false),iif(yes,no)", "string no" },
		{ "int(5),iif(yes,no)", "string yes" },
		{ "str(0),iif(yes,no)", "string no" },
		{ "str(abc),iif(yes,no)", "string no" },
		{ "bool(false),iif(yes,)", "string " },
	};
	static const struct expr_case refused[] = {
		{ "bool(true),iif(yes)", "argument 2 is missing: a text" },
	};

	exprs_check(*state, EXPRS(cases));
	exprs_refused(*state, EXPRS(refused));
}

static void replacing(void **state)
{
	static const struct expr_case cases[] = {
		{ "str(aXbXc),regsub(X,-)", "string a-bXc" },
		{ "str(aXbXc),regsub(X,-,g)", "string a-b-c" },
		{ "str(aXbxc),regsub(x,-,gi)", "string a-b-c" },
		{ "str(aXbxc),regsub(x,-,ig)", "string a-b-c" },
		{ "str(aXbxc),regsub(x,-,i)", "string a-bxc" },
		{ "str(abc),regsub(z,-)", "string abc" },
		{ "str(abc),regsub(b,)", "string ac" },
		{ "str(abc),regsub(b,[\\0])", "string a[b]c" },
		{ "str(abc),regsub(x*,-,g)", "string -a-b-c-" },
		{ "str(aaa),regsub(a*,-,g)", "string --" },
		{ "str(baaac),regsub(a*,-,g)", "string -b--c-" },
		{ "str(/v1/items/7),regsub(\"^/v[0-9]+/([a-z]+)/(.*)\",/\\2/\\1)", "string /7/items" },
	};
	static const struct expr_case refused[] = {
		{ "str(abc),regsub(,-)", "its regex is empty" },
		{ "str(abc),regsub(b,-,q)", "unknown flag 'q', there are 'g' and 'i'" },
		{ "str(abc),regsub((,-)", "regex '(' is invalid (error=missing closing parenthesis, erroffset=1)" },
	};
	static const char *const hungry[] = { "str(abc),regsub(b,cc)" };

	exprs_check(*state, EXPRS(cases));
	exprs_refused(*state, EXPRS(refused));
	exprs_without_memory(*state, "GET / HTTP/1.1|Host: h", EXPRS(hungry));
}

/* A port that is none is 0; HAProxy makes a number of anything. */
static void hosts_and_ports(void **state)
{
	static const struct expr_case cases[] = {
		{ "str(Host.Example:80),host_only", "string host.example" },
		{ "str(127.0.0.1:81),host_only", "string 127.0.0.1" },
		{ "str([2001:DB8::1]:443),host_only", "string [2001:db8::1]" },
		{ "str([::1]),host_only", "string [::1]" },
		{ "str(host),host_only", "string host" },
		{ "str(),host_only", "string " },
		{ "str(host:),host_only", "string host" },
		{ "str(:80),host_only", "string " },
		{ "str(Host.Example:80),port_only", "integer 80" },
		{ "str([::1]:443),port_only", "integer 443" },
		{ "str([::1]),port_only", "integer 0" },
		{ "str(host),port_only", "integer 0" },
		{ "str(host:),port_only", "integer 0" },
		{ "str(host:x),port_only", "integer 0" },
		{ "str(host:70000),port_only", "integer 0" },
		{ "str(::1),port_only", "integer 1" },
		{ "str(::1),host_only", "string :" },
		{ "str(host:80x),port_only", "integer 0" },
		{ "str(host:080),port_only", "integer 80" },
	};
	static const char *const hungry[] = { "str(H),host_only" };

	exprs_check(*state, EXPRS(cases));
	exprs_without_memory(*state, "GET / HTTP/1.1|Host: h", EXPRS(hungry));
}

/* As it goes by; with a condition the value is lost when it does not hold. */
static void variables(void **state)
{
	static const struct expr_case cases[] = {
		{ "str(abc),set-var(txn.x),length", "integer 3" },
		{ "var(txn.x)", "string abc" },
		{ "str(new),set-var(txn.x,ifnotexists)", "" },
		{ "str(new),set-var(txn.x,ifempty)", "" },
		{ "var(txn.x)", "string abc" },
		{ "str(new),set-var(txn.x,ifexists)", "string new" },
		{ "str(new),set-var(txn.y,ifexists)", "" },
		{ "str(),set-var(txn.x,ifnotempty)", "" },
		{ "str(),set-var(txn.x,ifnotempty,ifexists)", "" },
		{ "var(txn.x)", "string new" },
		{ "int(5),set-var(txn.n,ifnotset)", "integer 5" },
		{ "int(5),set-var(txn.n,ifgt)", "" },
		{ "int(4),set-var(txn.n,ifgt)", "integer 4" },
		{ "int(4),set-var(txn.n,iflt)", "" },
		{ "int(6),set-var(txn.n,iflt,ifset)", "integer 6" },
		{ "str(1),set-var(txn.n,iflt)", "string 1" }, /* not both are numbers */
		{ "src,set-var(txn.a)", "address 192.0.2.1" },
		{ "var(txn.a)", "address 192.0.2.1" },
		{ "var(txn.a),unset-var(txn.a)", "address 192.0.2.1" },
		{ "var(txn.a)", "" },
	};
	static const struct expr_case refused[] = {
		{ "str(abc),set-var(txn.x,nope)", "unknown condition 'nope'" },
		{ "str(abc),set-var", "argument 1 is missing: a variable" },
	};

	exprs_check(*state, EXPRS(cases));
	exprs_refused(*state, EXPRS(refused));
}

/* Into the slots that the frontend counts, cut at their lengths. */
static void captures(void **state)
{
	static const struct expr_case cases[] = {
		{ "str(abcdef),capture-req(1)", "string abcdef" },
		{ "str(abcdef),capture-req(2)", "" },
		{ "str(abcdef),capture-req(-1)", "" },
		{ "str(xyz),capture-res(0)", "string xyz" },
		{ "capture.req.hdr(0)", "" },
		{ "capture.req.hdr(1)", "string abc" },
	};
	static const char *const hungry[] = { "str(a),capture-req(0)", "str(a),capture-res(0)" };
	static struct capture second = { .index = 1, .len = 3 }, first = { .next = &second, .index = 0, .len = 9 }, answer = { .index = 0, .len = 9 };
	struct rules *t = *state;

	t->fe.request_captures = &first;
	t->fe.request_capture_count = 2;
	t->fe.response_captures = &answer;
	t->fe.response_capture_count = 1;
	exprs_check(t, EXPRS(cases));
	rules_response(t, "HTTP/1.1 200 OK");
	assert_string_equal(exprs_get(t, "capture.res.hdr(0)"), "string xyz");
	exprs_without_memory(t, "GET / HTTP/1.1|Host: h", EXPRS(hungry));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EXPRS_TEST(case_and_length),
		EXPRS_TEST(ends),
		EXPRS_TEST(joining),
		EXPRS_TEST(comparing),
		EXPRS_TEST(replacing),
		EXPRS_TEST(hosts_and_ports),
		EXPRS_TEST(variables),
		EXPRS_TEST(captures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
