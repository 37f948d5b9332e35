/* http_check_test.c - what the strict checks refuse and what they let through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/io/http.h"
#include "shared/io/http_check.h"

static const char *framing(const char *const *lines, bool http10, struct http_framing *f)
{
	*f = (struct http_framing){ 0 };
	for (; *lines != NULL; lines++) {
		struct slice value = slice_str(*lines);
		struct slice name = slice_cut(&value, ':');

		http_framing_header(f, name, slice_trim(value));
	}
	return http_check_framing(f, http10);
}

#define LINES(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void framing_accepted(void **state)
{
	struct http_framing f;

	(void)state;
	assert_null(framing(LINES("Host: a"), false, &f));
	assert_int_equal(http_announced_bytes(&f), 0);
	assert_null(framing(LINES("host: a", "content-length: 12"), false, &f));
	assert_int_equal(http_announced_bytes(&f), 12);
	assert_null(framing(LINES("Host: a", "Content-Length: 0012"), false, &f));
	assert_int_equal(http_announced_bytes(&f), 12);
	assert_null(framing(LINES("Host: a", "Content-Length: 0"), false, &f));
	assert_int_equal(http_announced_bytes(&f), 0);
	assert_null(framing(LINES("Host: a", "Content-Length: 99999999999999999999999"), false, &f));
	assert_true(http_announced_bytes(&f) == UINT64_MAX);
	assert_null(framing(LINES("Host: a", "Transfer-Encoding: Chunked"), false, &f));
	assert_int_equal(http_announced_bytes(&f), 0);
	assert_null(framing(LINES("Host:", "X-a!#$%&'*+-.^_`|~9: b"), false, &f));
	assert_null(framing(LINES("Accept: x"), true, &f));
}

static void framing_refused(void **state)
{
	struct http_framing f;

	(void)state;
	assert_non_null(framing(LINES("Accept: x"), false, &f));
	assert_non_null(framing(LINES("Host: a", "Host: a"), false, &f));
	assert_non_null(framing(LINES("Host: a", "Host: b"), true, &f));
	assert_non_null(framing(LINES("Host: a", "Content-Length: 5", "Transfer-Encoding: chunked"), false, &f));
	assert_non_null(framing(LINES("Host: a", "Content-Length: 5", "Content-Length: 5"), false, &f));
	assert_int_equal(http_announced_bytes(&f), 0);
	assert_non_null(framing(LINES("Host: a", "Content-Length: +5"), false, &f));
	assert_non_null(framing(LINES("Host: a", "Content-Length: 5, 5"), false, &f));
	assert_non_null(framing(LINES("Host: a", "Content-Length:"), false, &f));
	assert_non_null(framing(LINES("Host: a", "Transfer-Encoding: gzip"), false, &f));
	assert_non_null(framing(LINES("Host: a", "Transfer-Encoding: gzip, chunked"), false, &f));
	assert_non_null(framing(LINES("Host: a", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), false, &f));
	assert_non_null(framing(LINES("Host: a", "Transfer-Encoding: chunked"), true, &f));
	assert_non_null(framing(LINES("Host: a", "Content-Length : 5"), false, &f));
	assert_non_null(framing(LINES("Host: a", "Transfer\tEncoding: chunked"), false, &f));
	assert_non_null(framing(LINES("Host: a", ": b"), false, &f));
}

static void expectation(void **state)
{
	struct http_framing f;

	(void)state;
	assert_null(framing(LINES("Host: a", "Expect: 100-Continue"), false, &f));
	assert_true(f.expects_continue);
	assert_null(framing(LINES("Host: a", "Expect: beer"), false, &f));
	assert_false(f.expects_continue);
}

static void targets(void **state)
{
	(void)state;
	assert_null(http_check_target(SLICE_LIT("/")));
	assert_null(http_check_target(SLICE_LIT("/a/b?c=%00&d")));
	assert_null(http_check_target(SLICE_LIT("/%0")));
	assert_null(http_check_target(SLICE_LIT("/\xea\xb0\x80")));
	assert_non_null(http_check_target(SLICE_LIT("")));
	assert_non_null(http_check_target(SLICE_LIT("*")));
	assert_non_null(http_check_target(SLICE_LIT("http://a/")));
	assert_non_null(http_check_target(SLICE_LIT("/a%00")));
	assert_non_null(http_check_target(SLICE_LIT("/a%00b?c")));
	assert_non_null(http_check_target(SLICE_LIT("/a b")));
	assert_non_null(http_check_target(SLICE_LIT("/a\0b")));
	assert_non_null(http_check_target(SLICE_LIT("/a\x7f")));
}

static void splitting(void **state)
{
	struct slice path, query;

	(void)state;
	http_split_target(SLICE_LIT("/a"), &path, &query);
	assert_true(slice_eq(path, SLICE_LIT("/a")));
	assert_null(query.ptr);
	http_split_target(SLICE_LIT("/a?"), &path, &query);
	assert_true(slice_eq(path, SLICE_LIT("/a")));
	assert_non_null(query.ptr);
	assert_int_equal(query.len, 0);
	http_split_target(SLICE_LIT("/a?b?c"), &path, &query);
	assert_true(slice_eq(query, SLICE_LIT("b?c")));
}

static void field_values(void **state)
{
	(void)state;
	assert_true(http_field_value_ok(SLICE_LIT("")));
	assert_true(http_field_value_ok(SLICE_LIT("a\tb \xea\xb0\x80")));
	assert_false(http_field_value_ok(SLICE_LIT("a\r\nb")));
	assert_false(http_field_value_ok(SLICE_LIT("a\0")));
	assert_false(http_field_value_ok(SLICE_LIT("\x7f")));
}

static void problem_document(void **state)
{
	static const char body[] = "{\"type\":\"about:blank\",\"title\":\"T\",\"status\":413,\"detail\":\"say \\\"no\\\"\"}";
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	http_problem(&b, 413, "T", "say \"no\"");
	assert_int_equal(b.len, strlen(body));
	assert_memory_equal(b.ptr, body, b.len);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(framing_accepted), cmocka_unit_test(framing_refused), cmocka_unit_test(expectation),
		cmocka_unit_test(targets),          cmocka_unit_test(splitting),       cmocka_unit_test(field_values),
		cmocka_unit_test(problem_document),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
