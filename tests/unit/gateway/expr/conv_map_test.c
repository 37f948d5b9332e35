/* conv_map_test.c - converters that look a value up in a file: the files are written here, the results are HAProxy's. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <unistd.h>

#include "tests/unit/gateway/support/exprs.h"

static char folder[] = "/tmp/moa-map-XXXXXX";

static const struct {
	const char *name, *text;
} files[] = {
	{ "str", "# services\n\nitems be_items\n\t alarms \t be_alarms with blanks \t\nempty\nitems second\n#none no\nend be_end" },
	{ "crlf", "a 1\r\nb 2\r\n" },
	{ "beg", "/items 1\n/items/special 2\n/ 3\n" },
	{ "sub", "ite item\nmuse museum\n" },
	{ "end", ".html text\n.jpg picture\n" },
	{ "dir", "images pictures\na/b deep\n" },
	{ "dom", "shop.example shop\nlocal here\n" },
	{ "reg", "^/([a-z]+)/([0-9]+)$ \\1-number-\\2\n^/(x)?y <\\1>\n" },
	{ "ip", "10.0.0.0/8 private\n10.1.0.0/16 office\n192.0.2.1 host\n2001:db8::/32 docs\n" },
	{ "int", "5 five\n10:20 ten to twenty\n:-1 below\n1000: above\n" },
	{ "numbers", "gold 1000\nsilver -100\n" },
	{ "addresses", "one 192.0.2.1\nsix 2001:db8::1\n" },
	{ "bad", "good 1\nbad 1x\n" },
	{ "badreg", "^a( b\n" },
	{ "badgroups", "^a \\q\n" },
	{ "badip", "one 192.0.2\n" },
};

/* <text> with "@" for the folder of the files, in one of two spaces. */
static const char *with_folder(const char *text)
{
	static char space[2][512];
	static int turn;
	struct buf out;

	turn ^= 1;
	buf_init_fixed(&out, space[turn], sizeof(space[turn]));
	for (; *text != '\0'; text++) {
		if (*text == '@')
			buf_add_str(&out, folder);
		else
			buf_add_char(&out, *text);
	}
	buf_add_char(&out, '\0');
	return space[turn];
}

static int make_files(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[64];
		FILE *f;

		snprintf(path, sizeof(path), "%s/%s", folder, files[i].name);
		f = fopen(path, "w");
		if (f == NULL || fputs(files[i].text, f) < 0 || fclose(f) != 0)
			return -1;
	}
	return 0;
}

static int remove_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[64];

		snprintf(path, sizeof(path), "%s/%s", folder, files[i].name);
		unlink(path);
	}
	return rmdir(folder);
}

static void check(struct rules *t, const struct expr_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct expr_case c = { with_folder(cases[i].expr), cases[i].yields };

		exprs_check(t, &c, 1);
	}
}

/* Blank lines and comments are passed over; of two lines for one key the first counts. */
static void texts(void **state)
{
	static const struct expr_case cases[] = {
		{ "str(items),map(@/str)", "string be_items" },
		{ "str(items),map_str(@/str)", "string be_items" },
		{ "str(alarms),map(@/str)", "string be_alarms with blanks" },
		{ "str(end),map(@/str)", "string be_end" },
		{ "str(empty),map(@/str)", "string " },
		{ "str(Items),map(@/str)", "" },
		{ "str(#none),map(@/str)", "" },
		{ "str(nothing),map(@/str)", "" },
		{ "str(nothing),map(@/str,other)", "string other" },
		{ "str(),map(@/str,other)", "string other" },
		{ "str(items),map(@/str,other)", "string be_items" },
		{ "str(a),map(@/crlf)", "string 1" },
		{ "str(b),map_str_int(@/crlf)", "integer 2" },
	};

	check(*state, EXPRS(cases));
}

/* Of all prefixes the longest counts, of the others the first in the file. */
static void other_matches(void **state)
{
	static const struct expr_case cases[] = {
		{ "str(/items/7),map_beg(@/beg)", "string 1" },
		{ "str(/items/special/7),map_beg_int(@/beg)", "integer 2" },
		{ "str(/x),map_beg_int(@/beg)", "integer 3" },
		{ "str(x),map_beg_int(@/beg,9)", "integer 9" },
		{ "str(item),map_sub(@/sub)", "string item" },
		{ "str(it),map_sub(@/sub)", "" },
		{ "str(favourite),map_sub(@/sub)", "string item" },
		{ "str(amused),map_sub(@/sub)", "string museum" },
		{ "str(/a.html),map_end(@/end)", "string text" },
		{ "str(/a.html.gz),map_end(@/end,binary)", "string binary" },
		{ "str(/a/images/b),map_dir(@/dir)", "string pictures" },
		{ "str(/aimages/b),map_dir(@/dir)", "" },
		{ "str(/x/a/b/c),map_dir(@/dir)", "string deep" },
		{ "str(www.shop.example),map_dom(@/dom)", "string shop" },
		{ "str(www.shop.example.org),map_dom(@/dom)", "string shop" },
		{ "str(webshop.example),map_dom(@/dom)", "" },
		{ "str(/items/7),map_reg(@/reg)", "string \\1-number-\\2" },
		{ "str(/items/x),map_reg(@/reg,no)", "string no" },
		{ "str(/items/7),map_regm(@/reg)", "string items-number-7" },
		{ "str(/y),map_regm(@/reg)", "string <>" },
		{ "str(/items/x),map_regm(@/reg,none)", "string none" },
	};
	static const char *const hungry[] = { "str(/items/7),map_regm(@/reg)" };
	const char *text = with_folder(hungry[0]);

	check(*state, EXPRS(cases));
	exprs_without_memory(*state, "GET / HTTP/1.1|Host: h", &text, 1);
}

/* The finest network counts. */
static void addresses_and_numbers(void **state)
{
	static const struct expr_case cases[] = {
		{ "ipv4(10.2.0.1),map_ip(@/ip)", "string private" },
		{ "ipv4(10.1.0.1),map_ip(@/ip)", "string office" },
		{ "str(192.0.2.1),map_ip(@/ip)", "string host" },
		{ "src,map_ip(@/ip)", "string host" },
		{ "ipv4(192.0.2.2),map_ip(@/ip)", "" },
		{ "ipv6(2001:db8:1::1),map_ip(@/ip)", "string docs" },
		{ "str(nope),map_ip(@/ip,none)", "" },
		{ "int(5),map_int(@/int)", "string five" },
		{ "str(12),map_int(@/int)", "string ten to twenty" },
		{ "int(21),map_int(@/int,none)", "string none" },
		{ "int(-7),map_int(@/int)", "string below" },
		{ "int(5000),map_int(@/int)", "string above" },
	};

	check(*state, EXPRS(cases));
}

static void outputs(void **state)
{
	static const struct expr_case cases[] = {
		{ "str(gold),map_str_int(@/numbers),add(1)", "integer 1001" },
		{ "str(silver),map_str_int(@/numbers)", "integer -100" },
		{ "str(tin),map_str_int(@/numbers,10)", "integer 10" },
		{ "str(tin),map_str_int(@/numbers)", "" },
		{ "str(one),map_str_ip(@/addresses)", "address 192.0.2.1" },
		{ "str(six),map_str_ip(@/addresses)", "address 2001:db8::1" },
		{ "str(x),map_str_ip(@/addresses,192.0.2.9),ipmask(24)", "address 192.0.2.0" },
	};

	check(*state, EXPRS(cases));
}

static void mistakes(void **state)
{
	static const struct expr_case cases[] = {
		{ "str(a),map", "argument 1 is missing" },
		{ "str(a),map(@/none)", "failed to open pattern file <" },
		{ "str(a),map_str_int(@/bad)", "/bad:2] : '1x' is no number" },
		{ "str(a),map_str_int(@/numbers,x)", "t.cfg:7] : 'x' is no number" },
		{ "str(a),map_str_ip(@/numbers)", "/numbers:1] : '1000' is no address" },
		{ "str(a),map_str_ip(@/addresses,x)", "'x' is no address" },
		{ "str(a),map_reg(@/badreg)", "/badreg:1] : regex '^a(' is invalid" },
		{ "str(a),map_regm(@/badgroups)", "/badgroups:1] : " },
		{ "src,map_ip(@/badip)", "/badip:1] : " },
		{ "src,map_nope(@/str)", "unknown converter 'map_nope'" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct expr_case c = { with_folder(cases[i].expr), cases[i].yields };

		exprs_refused(*state, &c, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EXPRS_TEST(texts), EXPRS_TEST(other_matches), EXPRS_TEST(addresses_and_numbers), EXPRS_TEST(outputs), EXPRS_TEST(mistakes),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
