/* url_test.c - what is a URL of a server, what is not and why, and that no message repeats a password. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "shared/base/url.h"

static void assert_part(struct slice part, const char *expected)
{
	if (expected == NULL) {
		assert_null(part.ptr);
		return;
	}
	assert_non_null(part.ptr);
	assert_string_equal(part.ptr, expected); /* and so it has a NUL behind it */
	assert_int_equal(part.len, strlen(expected));
}

static void good(void **state)
{
	static const struct {
		const char *text, *scheme, *user, *password, *host;
		int port;
		const char *path;
	} rows[] = {
		{ "redis://127.0.0.1:6379", "redis", NULL, NULL, "127.0.0.1", 6379, NULL },
		{ "redis://localhost", "redis", NULL, NULL, "localhost", 0, NULL },
		{ "mysql://item:secret@db.local:3306/item", "mysql", "item", "secret", "db.local", 3306, "item" },
		{ "MySQL://u@h/", "mysql", "u", NULL, "h", 0, "" },
		{ "redis://:secret@h:6379", "redis", NULL, "secret", "h", 6379, NULL },
		{ "a+b-c.1://h", "a+b-c.1", NULL, NULL, "h", 0, NULL },
		{ "x://u:@h", "x", "u", "", "h", 0, NULL },
		{ "x://u:p:q@h", "x", "u", "p:q", "h", 0, NULL },
		{ "x://u%40x:p%3a%2F%25@h/a%20b/c", "x", "u@x", "p:/%", "h", 0, "a b/c" },
		{ "x://h/a:b@c", "x", NULL, NULL, "h", 0, "a:b@c" },
		{ "x://h//a", "x", NULL, NULL, "h", 0, "/a" },
		{ "x://[::1]", "x", NULL, NULL, "::1", 0, NULL },
		{ "x://u:p@[2001:db8::7]:65535/p", "x", "u", "p", "2001:db8::7", 65535, "p" },
		{ "x://[::ffff:10.0.0.1]:1/", "x", NULL, NULL, "::ffff:10.0.0.1", 1, "" },
		{ "x://my_host-2.a", "x", NULL, NULL, "my_host-2.a", 0, NULL },
		{ "x://h/%EB%AA%A8", "x", NULL, NULL, "h", 0, "모" },
	};
	struct arena *a = arena_create(1024, 1 << 16);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct url url;
		const char *why = "";

		assert_int_equal(url_parse(a, slice_str(rows[i].text), &url, &why), ERR_OK);
		assert_null(why);
		assert_part(url.scheme, rows[i].scheme);
		assert_part(url.user, rows[i].user);
		assert_part(url.password, rows[i].password);
		assert_part(url.host, rows[i].host);
		assert_int_equal(url.port, rows[i].port);
		assert_part(url.path, rows[i].path);
	}
	arena_free(&a);
}

static void bad(void **state)
{
	static const struct {
		const char *text, *part_of_why;
	} rows[] = {
		{ "", "scheme" },
		{ "localhost:6379", "scheme" },
		{ "redis:/h", "scheme" },
		{ "redis:", "scheme" },
		{ "://h", "scheme" },
		{ "1x://h", "scheme" },
		{ "a/b://h", "scheme" },
		{ "a_b://h", "scheme holds" },
		{ "x://", "no host" },
		{ "x:///path", "no host" },
		{ "x://:80", "no host" },
		{ "x://u@", "no host" },
		{ "x://u@:80", "no host" },
		{ "x://@h", "no user" },
		{ "x://u:se@cret@h", "%40" },
		{ "x://h:", "port" },
		{ "x://h:0", "port" },
		{ "x://h:65536", "port" },
		{ "x://h:99999999999999999999", "port" },
		{ "x://h:080", "port" },
		{ "x://h:+80", "port" },
		{ "x://h:8a", "port" },
		{ "x://::1", "no host" },
		{ "x://fe80::1:80", "brackets" },
		{ "x://[::1", "']'" },
		{ "x://[::1]80", "':'" },
		{ "x://[::1]:", "port" },
		{ "x://[::1]:x", "port" },
		{ "x://[]", "IPv6" },
		{ "x://[127.0.0.1]", "IPv6" },
		{ "x://[fe80::1%25eth0]", "IPv6" },
		{ "x://[::g]", "IPv6" },
		{ "x://h%41", "host" },
		{ "x://h\xC3\xA4", "host" },
		{ "x://h]", "host" },
		{ "x://u:secret%@h", "%25" },
		{ "x://u:secret%4@h", "%25" },
		{ "x://u:secret%4g@h", "%25" },
		{ "x://u:secret%g4@h", "%25" },
		{ "x://h/%", "%25" },
		{ "x://h/%0", "%25" },
		{ "x://h/a%00b", "%00" },
		{ "x://u%00:secret@h", "%00" },
		{ "x://h/a b", "space" },
		{ "x://h\n", "space" },
		{ "x://h/\x7F", "space" },
		{ " x://h", "space" },
		{ "x://h?a=b", "'?'" },
		{ "x://h/p#f", "'#'" },
	};
	struct arena *a = arena_create(1024, 1 << 16);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static const struct url empty;
		struct url url;
		const char *why = NULL;

		assert_int_equal(url_parse(a, slice_str(rows[i].text), &url, &why), ERR_BAD_REQUEST);
		assert_non_null(why);
		if (strstr(why, rows[i].part_of_why) == NULL)
			fail_msg("%s: %s", rows[i].text, why);
		assert_null(strstr(why, "secret"));
		assert_memory_equal(&url, &empty, sizeof(url));
	}
	arena_free(&a);
}

static void a_nul_inside_is_refused(void **state)
{
	struct arena *a = arena_create(1024, 1 << 16);
	struct url url;
	const char *why;

	(void)state;
	assert_int_equal(url_parse(a, SLICE_LIT("x://h\0y"), &url, &why), ERR_BAD_REQUEST);
	assert_int_equal(url_parse(a, SLICE_NONE, &url, &why), ERR_BAD_REQUEST);
	arena_free(&a);
}

/* Every limit from nothing to enough: each failure is clean, and at the end it works. */
static void too_long_for_the_arena(void **state)
{
	struct slice text = SLICE("mysql://user:password@some.host.example:3306/database/with/a/rather/long/path");
	bool worked = false;

	(void)state;
	for (size_t limit = 64; limit <= 1024; limit += 16) {
		struct arena *a = arena_create(64, limit);
		const char *why = NULL;
		struct url url;
		enum err e = url_parse(a, text, &url, &why);

		if (e == ERR_NO_MEMORY) {
			assert_false(worked);
			assert_non_null(why);
			assert_null(url.scheme.ptr);
		} else {
			assert_int_equal(e, ERR_OK);
			worked = true;
		}
		arena_free(&a);
	}
	assert_true(worked);
}

/* Each text of which a good URL starts is taken or refused, but never read beyond its end (under ASan). */
static void every_beginning_of_a_url(void **state)
{
	static const char whole[] = "mysql://us%41er:pa%42ss@[2001:db8::7]:3306/da%43ta";

	(void)state;
	for (size_t len = 0; len < sizeof(whole); len++) {
		struct arena *a = arena_create(1024, 1 << 16), *exact = arena_create(64, 1 << 16);
		struct url url;
		const char *why;
		char *text = arena_alloc(exact, len);
		enum err e;

		memcpy(text, whole, len);
		e = url_parse(a, slice_of(text, len), &url, &why);
		assert_true(e == ERR_OK ? url.host.len > 0 && why == NULL : why != NULL);
		arena_free(&exact);
		arena_free(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(bad),
		cmocka_unit_test(a_nul_inside_is_refused),
		cmocka_unit_test(too_long_for_the_arena),
		cmocka_unit_test(every_beginning_of_a_url),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
