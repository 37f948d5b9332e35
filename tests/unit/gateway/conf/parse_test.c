/* parse_test.c - taking words, reading times, sizes and numbers with their limits, and guessing what was meant. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/conf/parse.h"
#include "tests/unit/gateway/support/words.h"

static int setup(void **state)
{
	struct words *w = malloc(sizeof(*w));

	assert_non_null(w);
	words_setup(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct words *w = *state;

	words_cleanup(w);
	free(w);
	return 0;
}

/* The sentence of the one message that there is; "" when nothing was said. */
static const char *sentence(struct words *w)
{
	char begin[80];
	const char *said = words_said(w);

	if (said == NULL || said[0] == '\0')
		return "";
	snprintf(begin, sizeof(begin), "[ALERT]    (%d) : config : parsing [t.cfg:7] : ", (int)getpid());
	assert_memory_equal(said, begin, strlen(begin));
	assert_int_equal(w->p.errors, 1);
	w->messages.ptr[w->messages.len - 1] = '\0'; /* the end of the line */
	return said + strlen(begin);
}

static void words_are_taken_one_by_one(void **state)
{
	struct words *w = *state;
	struct parse *p = words_line(w, "a b c");
	struct slice word;

	assert_string_equal(parse_peek(p).ptr, "a");
	assert_string_equal(parse_next(p).ptr, "a");
	assert_false(parse_accept(p, "a"));
	assert_true(parse_accept(p, "b"));
	assert_true(parse_want(p, "x", &word));
	assert_string_equal(word.ptr, "c");
	assert_true(parse_end(p));
	assert_null(parse_peek(p).ptr);
	assert_null(parse_next(p).ptr);
	assert_null(parse_next(p).ptr);
	assert_int_equal(p->at, 3);
	assert_false(parse_accept(p, "c"));
	assert_string_equal(sentence(w), "");
}

static void a_missing_word_is_said(void **state)
{
	struct words *w = *state;
	struct slice word;

	assert_false(parse_want(words_line(w, ""), "maxconn", &word));
	assert_null(word.ptr);
	assert_string_equal(sentence(w), "'maxconn' expects an argument");
}

static void a_word_too_many_is_said(void **state)
{
	struct words *w = *state;
	struct parse *p = words_line(w, "maxconn 1 2 3");

	p->at = 2;
	assert_false(parse_end(p));
	assert_string_equal(sentence(w), "'maxconn' cannot handle unexpected argument '2'");
}

static void warnings_and_places(void **state)
{
	struct words *w = *state;
	struct parse *p = words_line(w, "a");
	char want[200];

	parse_warning(p, "%s", "w");
	p->line = 0;
	parse_error(p, "%d", 5);
	snprintf(want, sizeof(want), "[WARNING]  (%d) : config : parsing [t.cfg:7] : w\n[ALERT]    (%d) : config : 5\n", (int)getpid(), (int)getpid());
	assert_string_equal(words_said(w), want);
	assert_int_equal(p->errors, 1);
	assert_int_equal(p->warnings, 1);
}

#define UNITS ": units are us, ms, s, m, h and d"
#define TOO_LONG " (maximum value is 2147483647 ms or ~24.8 days)"

static void times(void **state)
{
	static const struct {
		const char *word;
		char unit;
		int ms;
		const char *said;
	} rows[] = {
		{ "0", 'm', 0, "" },
		{ "1", 'm', 1, "" },
		{ "1", 's', 1000, "" },
		{ "1", 'u', 1, "" }, /* rounded up */
		{ "1000", 'u', 1, "" },
		{ "1001us", 'm', 2, "" },
		{ "250ms", 's', 250, "" },
		{ "10s", 'm', 10000, "" },
		{ "2m", 'm', 120000, "" },
		{ "1h", 'm', 3600000, "" },
		{ "24d", 's', 2073600000, "" },
		{ "007s", 'm', 7000, "" },
		{ "2147483647", 'm', INT_MAX, "" },
		{ "2147483647000us", 'm', INT_MAX, "" },
		{ "2147483", 's', 2147483000, "" },
		{ "2147483647001us", 'm', 0, "timer overflow in argument '2147483647001us' to 't'" TOO_LONG },
		{ "2147483648", 'm', 0, "timer overflow in argument '2147483648' to 't'" TOO_LONG },
		{ "2147484", 's', 0, "timer overflow in argument '2147484' to 't'" TOO_LONG },
		{ "25d", 'm', 0, "timer overflow in argument '25d' to 't'" TOO_LONG },
		{ "18446744073709551615", 'm', 0, "timer overflow in argument '18446744073709551615' to 't'" TOO_LONG },
		{ "18446744073709551616", 'm', 0, "'t' expects a number, not '18446744073709551616'" },
		{ "", 'm', 0, "'t' expects a number" },
		{ "s", 'm', 0, "'t' expects a number, not 's'" },
		{ "-1s", 'm', 0, "'t' expects a number, not '-1s'" },
		{ "1w", 'm', 0, "unexpected character 'w' in argument '1w' of 't'" UNITS },
		{ "1S", 'm', 0, "unexpected character 'S' in argument '1S' of 't'" UNITS },
		{ "1sec", 'm', 0, "unexpected character 's' in argument '1sec' of 't'" UNITS },
		{ "1.5s", 'm', 0, "unexpected character '.' in argument '1.5s' of 't'" UNITS },
	};
	struct words *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int ms = 0;
		bool read = parse_time_ms(words_line(w, "t"), slice_str(rows[i].word), rows[i].unit, "t", &ms);

		assert_string_equal(sentence(w), rows[i].said);
		assert_int_equal(read, rows[i].said[0] == '\0');
		assert_int_equal(ms, rows[i].ms);
	}
}

static void sizes(void **state)
{
	static const struct {
		const char *word;
		uint64_t bytes;
		const char *said;
	} rows[] = {
		{ "0", 0, "" },
		{ "16384", 16384, "" },
		{ "64k", 65536, "" },
		{ "64K", 65536, "" },
		{ "1m", 1048576, "" },
		{ "3M", 3145728, "" },
		{ "2g", 2147483648, "" },
		{ "2G", 2147483648, "" },
		{ "18446744073709551615", UINT64_MAX, "" },
		{ "17179869183g", UINT64_C(17179869183) << 30, "" },
		{ "17179869184g", 0, "'17179869184g' is too much for 's'" },
		{ "18446744073709551616", 0, "'s' expects a number, not '18446744073709551616'" },
		{ "k", 0, "'s' expects a number, not 'k'" },
		{ "", 0, "'s' expects a number" },
		{ "1t", 0, "unexpected character 't' in argument '1t' of 's': units are k, m and g" },
		{ "1kb", 0, "unexpected character 'k' in argument '1kb' of 's': units are k, m and g" },
	};
	struct words *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t bytes = 0;
		bool read = parse_size(words_line(w, "s"), slice_str(rows[i].word), "s", &bytes);

		assert_string_equal(sentence(w), rows[i].said);
		assert_int_equal(read, rows[i].said[0] == '\0');
		assert_int_equal(bytes, rows[i].bytes);
	}
}

static void numbers(void **state)
{
	static const struct {
		const char *word;
		uint64_t least, most, n;
		const char *said;
	} rows[] = {
		{ "0", 0, 10, 0, "" },
		{ "10", 0, 10, 10, "" },
		{ "0010", 0, 10, 10, "" },
		{ "18446744073709551615", 0, UINT64_MAX, UINT64_MAX, "" },
		{ "11", 0, 10, 0, "'n' expects a number from 0 to 10, not '11'" },
		{ "0", 1, 64, 0, "'n' expects a number from 1 to 64, not '0'" },
		{ "18446744073709551616", 0, UINT64_MAX, 0, "'n' expects a number, not '18446744073709551616'" },
		{ "99999999999999999999999", 0, UINT64_MAX, 0, "'n' expects a number, not '99999999999999999999999'" },
		{ "1k", 0, 10, 0, "'n' expects a number, not '1k'" },
		{ "-1", 0, 10, 0, "'n' expects a number, not '-1'" },
		{ "+1", 0, 10, 0, "'n' expects a number, not '+1'" },
		{ " 1", 0, 10, 0, "'n' expects a number, not ' 1'" },
		{ "", 0, 10, 0, "'n' expects a number" },
	};
	struct words *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t n = 0;
		bool read = parse_number(words_line(w, "n"), slice_str(rows[i].word), "n", rows[i].least, rows[i].most, &n);

		assert_string_equal(sentence(w), rows[i].said);
		assert_int_equal(read, rows[i].said[0] == '\0');
		assert_int_equal(n, rows[i].n);
	}
}

/* ---- did you mean ---- */

static const char *nearest(const char *word)
{
	static const char *const names[] = {
		"maxconn", "mode", "bind", "timeout", "a-name-that-is-much-too-long-to-be-compared-with", "balance", "bin",
	};
	const char *best = parse_nearest(slice_str(word), names, sizeof(names) / sizeof(names[0]));

	return best == NULL ? "" : best;
}

static void what_is_near_is_guessed(void **state)
{
	(void)state;
	assert_string_equal(nearest("maxconn"), "maxconn");
	assert_string_equal(nearest("maxcon"), "maxconn");    /* one is missing */
	assert_string_equal(nearest("maxxconn"), "maxconn");  /* one too many */
	assert_string_equal(nearest("maxkonn"), "maxconn");   /* another one */
	assert_string_equal(nearest("maxocnn"), "maxconn");   /* two swapped: one mistake */
	assert_string_equal(nearest("mdoe"), "mode");
	assert_string_equal(nearest("tiemotu"), "timeout");   /* two of seven */
	assert_string_equal(nearest("bnid"), "bind");         /* the nearer one */
	assert_string_equal(nearest("balanec"), "balance");
}

static void what_is_far_is_not_guessed(void **state)
{
	(void)state;
	assert_string_equal(nearest(""), "");
	assert_string_equal(nearest("x"), "");
	assert_string_equal(nearest("moxx"), "");             /* two of four */
	assert_string_equal(nearest("timxxxt"), "");          /* three of seven */
	assert_string_equal(nearest("MODE"), "");
	assert_string_equal(nearest("a-name-that-is-much-too-long-to-be-compared-with"), "");
	assert_null(parse_nearest(SLICE_LIT("mode"), NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(words_are_taken_one_by_one, setup, teardown),
		cmocka_unit_test_setup_teardown(a_missing_word_is_said, setup, teardown),
		cmocka_unit_test_setup_teardown(a_word_too_many_is_said, setup, teardown),
		cmocka_unit_test_setup_teardown(warnings_and_places, setup, teardown),
		cmocka_unit_test_setup_teardown(times, setup, teardown),
		cmocka_unit_test_setup_teardown(sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(numbers, setup, teardown),
		cmocka_unit_test(what_is_near_is_guessed),
		cmocka_unit_test(what_is_far_is_not_guessed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
