/* layout_test.c - what stands in front of a log line, byte by byte, in each layout. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/logs/layout.h"

#define NOON_US INT64_C(1767603600042123) /* 2026-01-05 09:00:00.042123 UTC */

static char text[LAYOUT_PREFIX_MOST + 1];
static struct log_clock ticks;

static const char *prefix(const struct log_prefix *what)
{
	struct buf out;

	buf_init_fixed(&out, text, sizeof(text));
	log_prefix_write(&ticks, what, &out);
	assert_true(buf_ok(&out));
	text[out.len] = '\0';
	return text;
}

static struct log_prefix of(enum log_layout layout)
{
	return (struct log_prefix){ .layout = layout, .facility = 16, .severity = 6, .host = SLICE("gate7"), .tag = SLICE("gateway"), .pid = 42,
				    .wall_us = NOON_US };
}

static void zone(const char *name)
{
	setenv("TZ", name, 1);
	tzset();
	ticks = (struct log_clock){ 0 };
}

static void each_layout(void **state)
{
	static const struct {
		enum log_layout layout;
		const char *text;
	} cases[] = {
		{ LAYOUT_LOCAL, "<134>Jan  5 09:00:00 gateway[42]: " },
		{ LAYOUT_RFC3164, "<134>Jan  5 09:00:00 gate7 gateway[42]: " },
		{ LAYOUT_RFC5424, "<134>1 2026-01-05T09:00:00.042123+00:00 gate7 gateway 42 - - " },
		{ LAYOUT_SHORT, "<6>" },
		{ LAYOUT_PRIORITY, "<134>" },
		{ LAYOUT_TIMED, "<6>2026-01-05T09:00:00.042123+00:00 " },
		{ LAYOUT_ISO, "2026-01-05T09:00:00.042123+00:00 " },
		{ LAYOUT_RAW, "" },
	};

	(void)state;
	zone("UTC0");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct log_prefix what = of(cases[i].layout);

		assert_string_equal(prefix(&what), cases[i].text);
	}
}

static void what_is_not_told(void **state)
{
	struct log_prefix what = of(LAYOUT_RFC5424);

	(void)state;
	zone("UTC0");
	what.host = what.tag = SLICE_NONE;
	assert_string_equal(prefix(&what), "<134>1 2026-01-05T09:00:00.042123+00:00 - - 42 - - ");
	what.has_data = true; /* which follows */
	assert_string_equal(prefix(&what), "<134>1 2026-01-05T09:00:00.042123+00:00 - - 42 - ");
	what.layout = LAYOUT_RFC3164;
	what.tag = SLICE_LIT("t");
	assert_string_equal(prefix(&what), "<134>Jan  5 09:00:00 localhost t[42]: "); /* its host is mandatory */
}

static void priorities(void **state)
{
	struct log_prefix what = of(LAYOUT_PRIORITY);

	(void)state;
	what.facility = 0;
	what.severity = 0;
	assert_string_equal(prefix(&what), "<0>");
	what.facility = 23;
	what.severity = 7;
	assert_string_equal(prefix(&what), "<191>");
}

/* The text of a second is made once, and anew for the next, also when the clock goes back. */
static void time_goes_on(void **state)
{
	struct log_prefix what = of(LAYOUT_ISO);

	(void)state;
	zone("UTC0");
	assert_string_equal(prefix(&what), "2026-01-05T09:00:00.042123+00:00 ");
	what.wall_us += 957876;
	assert_string_equal(prefix(&what), "2026-01-05T09:00:00.999999+00:00 ");
	what.wall_us += 1;
	assert_string_equal(prefix(&what), "2026-01-05T09:00:01.000000+00:00 ");
	what.wall_us -= 3600 * INT64_C(1000000);
	assert_string_equal(prefix(&what), "2026-01-05T08:00:01.000000+00:00 ");
	what.wall_us = 0;
	assert_string_equal(prefix(&what), "1970-01-01T00:00:00.000000+00:00 ");
}

static void zones(void **state)
{
	struct log_prefix what = of(LAYOUT_ISO);

	(void)state;
	zone("XST-05:30");
	assert_string_equal(prefix(&what), "2026-01-05T14:30:00.042123+05:30 ");
	zone("WST8");
	assert_string_equal(prefix(&what), "2026-01-05T01:00:00.042123-08:00 ");
	what.layout = LAYOUT_LOCAL;
	assert_string_equal(prefix(&what), "<134>Jan  5 01:00:00 gateway[42]: ");
	zone("UTC0");
}

static void long_names_are_cut(void **state)
{
	static char name[4096];
	struct log_prefix what = of(LAYOUT_RFC5424);

	(void)state;
	memset(name, 'n', sizeof(name));
	what.host = what.tag = slice_of(name, sizeof(name));
	assert_int_equal(strlen(prefix(&what)), strlen("<134>1 2026-01-05T09:00:00.042123+00:00   42 - - ") + 2 * LAYOUT_NAME_MOST);
	what.layout = LAYOUT_RFC3164;
	assert_int_equal(strlen(prefix(&what)), strlen("<134>Jan  5 09:00:00  [42]: ") + 2 * LAYOUT_NAME_MOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_layout), cmocka_unit_test(what_is_not_told),   cmocka_unit_test(priorities),
		cmocka_unit_test(time_goes_on), cmocka_unit_test(zones),             cmocka_unit_test(long_names_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
