/* html_test.c - texts and numbers for people: nothing of a text becomes markup; numbers are short. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/admin/html.h"

static char space[256];

static const char *said(struct buf *out)
{
	buf_add_char(out, '\0');
	assert_true(buf_ok(out));
	return space;
}

static struct buf fresh(void)
{
	struct buf out;

	buf_init_fixed(&out, space, sizeof(space));
	return out;
}

static void escapes(void **state)
{
	struct buf out = fresh();

	(void)state;
	html_text(&out, SLICE_LIT("<a href=\"x\" b='y'>&amp;\n\x01"));
	assert_string_equal(said(&out), "&#60;a href=&#34;x&#34; b=&#39;y&#39;&#62;&#38;amp;&#32;&#32;");
	out = fresh();
	html_text(&out, slice_of("a\0b\xc3\xa9", 5));
	assert_string_equal(said(&out), "a&#32;b\xc3\xa9");
	out = fresh();
	html_text(&out, SLICE_NONE);
	assert_string_equal(said(&out), "");
}

static void checks(void (*write)(struct buf *out, int64_t n), const int64_t *numbers, const char *const *texts, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct buf out = fresh();

		write(&out, numbers[i]);
		assert_string_equal(said(&out), texts[i]);
	}
}

static void numbers(void **state)
{
	static const int64_t n[] = { 0, 99999, 100000, 123456, 999999, 1000000, 1234567, 12345678901, INT64_MAX, -1 };
	static const char *const t[] = { "0", "99999", "100.0k", "123.4k", "999.9k", "1.0M", "1.2M", "12.3G", "9.2E", "-1" };

	(void)state;
	checks(html_number, n, t, sizeof(n) / sizeof(n[0]));
}

static void byte_counts(void **state)
{
	static const int64_t n[] = { 0, 1023, 1024, 1536, 1048575, 1048576, 5 * INT64_C(1073741824), INT64_MAX };
	static const char *const t[] = { "0 B", "1023 B", "1.0 KiB", "1.5 KiB", "1023.9 KiB", "1.0 MiB", "5.0 GiB", "7.9 EiB" };

	(void)state;
	checks(html_bytes, n, t, sizeof(n) / sizeof(n[0]));
}

static void durations(void **state)
{
	static const int64_t n[] = { 0, 59, 60, 3599, 3600, 86399, 86400, 100 * 86400 + 7300 };
	static const char *const t[] = { "0s", "59s", "1m 0s", "59m 59s", "1h 0m", "23h 59m", "1d 0h", "100d 2h" };

	(void)state;
	checks(html_duration, n, t, sizeof(n) / sizeof(n[0]));
}

static void latencies(void **state)
{
	static const int64_t n[] = { 0, 999, 1000, 1550, 999999, 1000000, 12340000 };
	static const char *const t[] = { "0µs", "999µs", "1.0ms", "1.5ms", "999.9ms", "1.0s", "12.3s" };

	(void)state;
	checks(html_latency, n, t, sizeof(n) / sizeof(n[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes), cmocka_unit_test(numbers), cmocka_unit_test(byte_counts), cmocka_unit_test(durations),
		cmocka_unit_test(latencies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
