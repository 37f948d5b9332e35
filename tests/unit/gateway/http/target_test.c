/* target_test.c - the four forms of a target, and which method may have which; authorities good and bad. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "gateway/http/target.h"

struct form {
	const char *method;
	const char *target;
	const char *path; /* NULL: refused */
	const char *query;
	const char *authority;
};

static const struct form forms[] = {
	{ "GET", "/", "/", NULL, NULL },
	{ "GET", "/a/b", "/a/b", NULL, NULL },
	{ "GET", "/a?", "/a", "", NULL },
	{ "GET", "/a?b?c=/d", "/a", "b?c=/d", NULL },
	{ "GET", "//host/a", "//host/a", NULL, NULL },
	{ "GET", "/http://host/", "/http://host/", NULL, NULL },
	{ "OPTIONS", "/a", "/a", NULL, NULL },
	{ "OPTIONS", "*", "*", NULL, NULL },
	{ "GET", "*", NULL, NULL, NULL },
	{ "PRI", "*", NULL, NULL, NULL },
	{ "options", "*", NULL, NULL, NULL },
	{ "OPTIONS", "*?a", NULL, NULL, NULL },
	{ "OPTIONS", "**", NULL, NULL, NULL },
	{ "GET", "http://host", "/", NULL, "host" },
	{ "GET", "http://host/", "/", NULL, "host" },
	{ "GET", "HTTP://Host:80/a?b", "/a", "b", "Host:80" },
	{ "GET", "https://host/a//b", "/a//b", NULL, "host" },
	{ "GET", "http://host?a", "/", "a", "host" },
	{ "GET", "http://host?a/b", "/", "a/b", "host" },
	{ "GET", "http://[::1]:8089/a", "/a", NULL, "[::1]:8089" },
	{ "OPTIONS", "http://host", "*", NULL, "host" },
	{ "OPTIONS", "http://host/", "/", NULL, "host" },
	{ "OPTIONS", "http://host?a", "/", "a", "host" },
	{ "GET", "http://user@host/", NULL, NULL, NULL },
	{ "GET", "http://user:password@host/", NULL, NULL, NULL },
	{ "GET", "http:///a", NULL, NULL, NULL },
	{ "GET", "http://", NULL, NULL, NULL },
	{ "GET", "http://?a", NULL, NULL, NULL },
	{ "GET", "http://host:/", NULL, NULL, NULL },
	{ "GET", "http://host\\a/", NULL, NULL, NULL },
	{ "GET", "http:/host/", NULL, NULL, NULL },
	{ "GET", "http:host/", NULL, NULL, NULL },
	{ "GET", "http", NULL, NULL, NULL },
	{ "GET", "ftp://host/", NULL, NULL, NULL },
	{ "GET", "ws://host/", NULL, NULL, NULL },
	{ "GET", "xhttp://host/", NULL, NULL, NULL },
	{ "GET", "host", NULL, NULL, NULL },
	{ "GET", "host:80", NULL, NULL, NULL },
	{ "GET", "a/b", NULL, NULL, NULL },
	{ "GET", "?a", NULL, NULL, NULL },
	{ "GET", "\\a", NULL, NULL, NULL },
	{ "CONNECT", "host:443", "", NULL, "host:443" },
	{ "CONNECT", "[::1]:443", "", NULL, "[::1]:443" },
	{ "CONNECT", "host", NULL, NULL, NULL },
	{ "CONNECT", "host:", NULL, NULL, NULL },
	{ "CONNECT", "host:443/", NULL, NULL, NULL },
	{ "CONNECT", "/", NULL, NULL, NULL },
	{ "CONNECT", "*", NULL, NULL, NULL },
	{ "CONNECT", "http://host:443/", NULL, NULL, NULL },
	{ "CONNECT", "user@host:443", NULL, NULL, NULL },
};

static void assert_part(struct slice part, const char *text)
{
	if (text == NULL) {
		assert_null(part.ptr);
		return;
	}
	assert_non_null(part.ptr);
	assert_true(slice_eq(part, slice_str(text)));
}

static void forms_and_methods(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const struct form *form = &forms[i];
		struct http_head h;
		const char *why;

		http_head_init(&h, NULL, 0);
		h.method = http_method_of(slice_str(form->method));
		h.target = slice_str(form->target);
		why = http_target_split(&h);
		if ((why == NULL) != (form->path != NULL))
			fail_msg("%s %s: %s", form->method, form->target, why == NULL ? "accepted" : why);
		if (why != NULL)
			continue;
		assert_part(h.path, form->path);
		assert_part(h.query, form->query);
		assert_part(h.authority, form->authority);
	}
}

static void authorities(void **state)
{
	static const char *const good[] = {
		"a", "localhost", "shop.example.com", "shop.example.com.", "my_host", "127.0.0.1", "a:1", "a:80", "a:65535",
		"[::]", "[::1]", "[::1]:80", "[2001:db8::1]:8089", "[::ffff:127.0.0.1]", "XN--80AKHBYKNJ4F", "1",
		"[1111:2222:3333:4444:5555:6666:7777:8888]",
	};
	static const char *const bad[] = {
		"", ":", ":80", "a:", "a:0", "a:080", "a:65536", "a:99999999999999999999", "a:+1", "a:-1", "a: 80", "a:80 ",
		"a:8x", "a:80:80", "a b", " a", "a,b", "a/b", "a@b", "a?b", "a#b", "a\\b", "a\tb", "a\nb", "a%20b", "a\x7F",
		"\xC3\xA4", "a;b", "a=b", "*", "a*", "~a",
		"::1", "[", "[]", "]", "[::1", "::1]", "[::1]a", "[::1]:", "[::1]80", "[::1]:0", "[::g]", "[:::]", "[1.2.3.4]", "[::1%lo]",
		"[v1.a]", "a[::1]", "[a]", "[[::1]]", "[1111:2222:3333:4444:5555:6666:7777:8888:9999]",
		"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		bool port = strchr(good[i], ':') != NULL && strstr(good[i], "]") == NULL;

		if (!http_authority_valid(slice_str(good[i]), false))
			fail_msg("refused: %s", good[i]);
		assert_int_equal(http_authority_valid(slice_str(good[i]), true), port || strstr(good[i], "]:") != NULL);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (http_authority_valid(slice_str(bad[i]), false) || http_authority_valid(slice_str(bad[i]), true))
			fail_msg("accepted: %s", bad[i]);
	}
	assert_false(http_authority_valid(SLICE_NONE, false));
	assert_false(http_authority_valid(SLICE_LIT("a\0b"), false));
	assert_false(http_authority_valid(SLICE_LIT("[::1\0]"), false));
}

static void a_name_longer_than_the_dns_has(void **state)
{
	char name[260];

	(void)state;
	memset(name, 'a', sizeof(name));
	assert_true(http_authority_valid(slice_of(name, 255), false));
	assert_false(http_authority_valid(slice_of(name, 256), false));
	memcpy(name + 255, ":8089", 5);
	assert_true(http_authority_valid(slice_of(name, 260), true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_and_methods),
		cmocka_unit_test(authorities),
		cmocka_unit_test(a_name_longer_than_the_dns_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
