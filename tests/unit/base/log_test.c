/* log_test.c - the form of lines in text and JSON, quoting, cutting, threads, and that nothing can forge a line. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "tests/unit/support/process.h"

#define TS_LEN CLOCK_ISO_LEN
#define OUT_SIZE (1 << 20)

/* Runs <statement> and leaves in <out> what it logged. */
#define CAPTURE(out, statement)                                                                                        \
	do {                                                                                                           \
		struct capture c_;                                                                                     \
		capture_start(&c_);                                                                                    \
		statement;                                                                                             \
		capture_end(&c_, out, sizeof(out));                                                                    \
	} while (0)

/* A line in text is a time, a space and <rest>. */
static void assert_text_line(const char *line, const char *rest)
{
	assert_true(strlen(line) > TS_LEN);
	assert_int_equal(line[10], 'T');
	assert_int_equal(line[19], '.');
	assert_int_equal(line[TS_LEN - 1], 'Z');
	assert_int_equal(line[TS_LEN], ' ');
	assert_string_equal(line + TS_LEN + 1, rest);
}

/* A line in JSON is {"ts":"…",<rest>. */
static void assert_json_line(const char *line, const char *rest)
{
	static const char head[] = "{\"ts\":\"";

	assert_memory_equal(line, head, sizeof(head) - 1);
	line += sizeof(head) - 1 + TS_LEN;
	assert_memory_equal(line, "\",", 2);
	assert_string_equal(line + 2, rest);
}

static void text_lines(void **state)
{
	char out[4096];

	(void)state;
	log_setup("item", LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
	CAPTURE(out, log_warn("sql.down", "host=%s errno=%d", LOG_Q(SLICE_LIT("db \"1\"")), 111));
	assert_text_line(out, "WARN item sql.down host=\"db \\\"1\\\"\" errno=111\n");
	CAPTURE(out, log_debug("a.b", "%s", ""));
	assert_text_line(out, "DEBUG item a.b\n");
	CAPTURE(out, log_info("a.b", "x=%d", 1));
	assert_text_line(out, "INFO item a.b x=1\n");
	CAPTURE(out, log_error("a.b", "name=%s", LOG_Q(SLICE_LIT("박규경"))));
	assert_text_line(out, "ERROR item a.b name=\"박규경\"\n");
}

static void levels_filter(void **state)
{
	char out[4096];

	(void)state;
	log_setup("item", LOG_LEVEL_WARN, LOG_FORMAT_TEXT);
	assert_false(log_enabled(LOG_LEVEL_INFO));
	assert_true(log_enabled(LOG_LEVEL_WARN));
	CAPTURE(out, log_info("quiet", "x=%d", 1));
	assert_string_equal(out, "");
	CAPTURE(out, log_error("loud", "x=%d", 1));
	assert_text_line(out, "ERROR item loud x=1\n");
}

static void a_value_cannot_forge_a_line(void **state)
{
	char out[4096];

	(void)state;
	log_setup("item", LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	CAPTURE(out, log_info("a.b", "x=%s", "1\n2026 ERROR item fake\r\x1B[31m\x7F"));
	assert_text_line(out, "INFO item a.b x=1?2026 ERROR item fake??[31m?\n");
	CAPTURE(out, log_info("a.b", "x=%s", LOG_Q(SLICE_LIT("1\n2\t\r\x01\x7F\\"))));
	assert_text_line(out, "INFO item a.b x=\"1\\n2\\t\\r??\\\\\"\n");
}

static void json_lines(void **state)
{
	char out[4096];

	(void)state;
	log_setup("alarm", LOG_LEVEL_DEBUG, LOG_FORMAT_JSON);
	CAPTURE(out, log_warn("sql.down", "host=%s errno=%d part=%s", LOG_Q(SLICE_LIT("db \"1\"\n")), 111, "a-b"));
	assert_json_line(out, "\"level\":\"warn\",\"service\":\"alarm\",\"event\":\"sql.down\","
			      "\"host\":\"db \\\"1\\\"\\n\",\"errno\":111,\"part\":\"a-b\"}\n");
	CAPTURE(out, log_error("a.b", "%s", ""));
	assert_json_line(out, "\"level\":\"error\",\"service\":\"alarm\",\"event\":\"a.b\"}\n");
	CAPTURE(out, log_debug("a.b", "name=%s bad=%s", LOG_Q(SLICE_LIT("박규경")), "\xFF"));
	assert_json_line(out, "\"level\":\"debug\",\"service\":\"alarm\",\"event\":\"a.b\","
			      "\"name\":\"박규경\",\"bad\":\"\xEF\xBF\xBD\"}\n");
}

static void only_json_numbers_go_unquoted(void **state)
{
	static const struct {
		const char *text;
		bool number;
	} rows[] = {
		{ "0", true },     { "-0", true },    { "10", true },     { "-12.50", true }, { "1e9", true },
		{ "1.5E-3", true }, { "2e+1", true }, { "050", false },   { "-", false },     { "1.", false },
		{ ".5", false },   { "+5", false },   { "1e", false },    { "1e+", false },   { "0x1f", false },
		{ "nan", false },  { "inf", false },  { "1.2.3", false }, { "12ms", false },  { "true", false },
	};
	char out[4096], expected[256];

	(void)state;
	log_setup("x", LOG_LEVEL_DEBUG, LOG_FORMAT_JSON);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *quote = rows[i].number ? "" : "\"";

		CAPTURE(out, log_info("e", "v=%s", rows[i].text));
		snprintf(expected, sizeof(expected),
			 "\"level\":\"info\",\"service\":\"x\",\"event\":\"e\",\"v\":%s%s%s}\n", quote, rows[i].text, quote);
		assert_json_line(out, expected);
	}
}

static void json_of_what_is_no_pair(void **state)
{
	static const struct {
		const char *pairs, *members;
	} rows[] = {
		{ "a= b=1", ",\"a\":\"\",\"b\":1" },
		{ "  a=1   b=2 ", ",\"a\":1,\"b\":2" },
		{ "a=1 just words b=2", ",\"a\":1,\"text\":\"just words b=2\"" },
		{ "words", ",\"text\":\"words\"" },
		{ "=x", ",\"text\":\"=x\"" },
		{ "a=x=y", ",\"a\":\"x=y\"" },
		{ "a=\"\"b=1", ",\"a\":\"\",\"b\":1" },
		{ "a=\"open", ",\"a\":\"open\"" },
		{ "a=\"open\\", ",\"a\":\"open\\\\\"" },
		{ "a=\"", ",\"a\":\"\"" },
		{ "ts=1 level=2 service=3 event=4 text=5",
		  ",\"ts_\":1,\"level_\":2,\"service_\":3,\"event_\":4,\"text_\":5" },
	};
	char out[4096], expected[256];

	(void)state;
	log_setup("x", LOG_LEVEL_DEBUG, LOG_FORMAT_JSON);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CAPTURE(out, log_info("e", "%s", rows[i].pairs));
		snprintf(expected, sizeof(expected), "\"level\":\"info\",\"service\":\"x\",\"event\":\"e\"%s}\n",
			 rows[i].members);
		assert_json_line(out, expected);
	}
}

/* Fills the longest message with what grows most, one <piece> behind the other. */
static void log_long(const char *piece)
{
	char message[8192];
	size_t len = 0;

	while (len + strlen(piece) < sizeof(message)) {
		memcpy(message + len, piece, strlen(piece));
		len += strlen(piece);
	}
	message[len] = '\0';
	log_info("e", "%s", message);
}

static void long_lines_are_cut_and_marked(void **state)
{
	static const char *const pieces[] = { "a=1 ", "\xFF= ", "a=\xFF ", "a=\"\"", "=", "\xFF", "모", "\\", "a=\"\xFF" };
	char out[16384];

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		log_setup("x", LOG_LEVEL_DEBUG, LOG_FORMAT_JSON);
		CAPTURE(out, log_long(pieces[i]));
		assert_true(strlen(out) > 2000);
		assert_int_equal(out[strlen(out) - 1], '\n');
		assert_int_equal(out[strlen(out) - 2], '}');
		assert_true(slice_is_utf8(slice_str(out)));
		assert_non_null(strstr(out, "…"));
		log_setup("x", LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
		CAPTURE(out, log_long(pieces[i]));
		assert_in_range(strlen(out), 2000, 2200);
		assert_memory_equal(out + strlen(out) - 4, "…\n", 4);
	}
	CAPTURE(out, log_long("모")); /* not cut within a character */
	assert_true(slice_is_utf8(slice_str(out)));
}

static void quoted_values_are_cut_and_marked(void **state)
{
	static const char *const pieces[] = { "a", "\"", "모", "😀", "\xFF", "\n" };
	struct log_q q;
	char text[2048];

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		size_t len = 0;

		while (len < 1000) {
			memcpy(text + len, pieces[i], strlen(pieces[i]));
			len += strlen(pieces[i]);
		}
		memset(&q, '#', sizeof(q));
		assert_ptr_equal(log_q(&q, slice_of(text, len)), q.text);
		len = strlen(q.text);
		assert_in_range(len, LOG_Q_SIZE - 8, LOG_Q_SIZE - 1);
		assert_int_equal(q.text[0], '"');
		assert_string_equal(q.text + len - 4, "…\"");
		assert_true(slice_is_utf8(slice_str(q.text)));
	}
}

static void quoted_values_that_just_fit(void **state)
{
	struct log_q q;
	char text[LOG_Q_SIZE];

	(void)state;
	assert_string_equal(log_q(&q, SLICE_LIT("")), "\"\"");
	assert_string_equal(log_q(&q, SLICE_NONE), "\"\"");
	memset(text, 'a', sizeof(text));
	for (size_t len = 200; len < sizeof(text); len++) {
		const char *quoted = log_q(&q, slice_of(text, len));

		assert_true(strlen(quoted) < LOG_Q_SIZE);
		/* either whole or marked */
		assert_true(strlen(quoted) == len + 2 || strstr(quoted, "…\"") != NULL);
	}
	assert_int_equal(strlen(log_q(&q, slice_of(text, 240))), 242);
}

static void names_of_settings(void **state)
{
	enum log_level level = LOG_LEVEL_ERROR;
	enum log_format format = LOG_FORMAT_JSON;

	(void)state;
	assert_true(log_level_parse(SLICE_LIT("debug"), &level));
	assert_int_equal(level, LOG_LEVEL_DEBUG);
	assert_true(log_level_parse(SLICE_LIT("info"), &level));
	assert_int_equal(level, LOG_LEVEL_INFO);
	assert_true(log_level_parse(SLICE_LIT("warn"), &level));
	assert_int_equal(level, LOG_LEVEL_WARN);
	assert_true(log_level_parse(SLICE_LIT("Error"), &level));
	assert_int_equal(level, LOG_LEVEL_ERROR);
	assert_false(log_level_parse(SLICE_LIT("loud"), &level));
	assert_false(log_level_parse(SLICE_NONE, &level));
	assert_true(log_format_parse(SLICE_LIT("text"), &format));
	assert_int_equal(format, LOG_FORMAT_TEXT);
	assert_true(log_format_parse(SLICE_LIT("json"), &format));
	assert_int_equal(format, LOG_FORMAT_JSON);
	assert_false(log_format_parse(SLICE_LIT("xml"), &format));
}

static void errno_survives(void **state)
{
	char out[4096];

	(void)state;
	log_setup("x", LOG_LEVEL_DEBUG, LOG_FORMAT_JSON);
	errno = 4242;
	CAPTURE(out, errno = 4242; log_info("e", "a=%d", 1); assert_int_equal(errno, 4242));
	assert_true(strlen(out) > 0);
}

/* Standard error that cannot be written to: the line is lost, the process is not. */
static void a_closed_standard_error_is_no_end(void **state)
{
	int saved = dup(STDERR_FILENO);

	(void)state;
	log_setup("x", LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
	close(STDERR_FILENO);
	errno = 7;
	log_info("e", "a=%d", 1);
	assert_int_equal(errno, 7);
	dup2(saved, STDERR_FILENO);
	close(saved);
}

enum { THREADS = 4, LINES = 500 };

static void *log_lines(void *arg)
{
	for (int i = 0; i < LINES; i++)
		log_info("t", "thread=%d pad=%s", *(int *)arg, "0123456789012345678901234567890123456789");
	return NULL;
}

static void lines_of_threads_do_not_mix(void **state)
{
	char *out = malloc(OUT_SIZE), *line, *rest;
	int count[THREADS] = { 0 }, ids[THREADS];
	pthread_t threads[THREADS];
	struct capture c;

	(void)state;
	assert_non_null(out);
	log_setup("x", LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
	capture_start(&c);
	for (int i = 0; i < THREADS; i++) {
		ids[i] = i;
		assert_int_equal(pthread_create(&threads[i], NULL, log_lines, &ids[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	capture_end(&c, out, OUT_SIZE);
	rest = out;
	while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
		int id = line[TS_LEN + strlen(" INFO x t thread=")] - '0';
		char expected[128];

		assert_in_range(id, 0, THREADS - 1);
		count[id]++;
		snprintf(expected, sizeof(expected), "INFO x t thread=%d pad=0123456789012345678901234567890123456789", id);
		assert_text_line(line, expected);
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(count[i], LINES);
	free(out);
}

static void once_per_period(void **state)
{
	int64_t last = 0;

	(void)state;
	assert_true(log_every(&last, 1000000));
	assert_false(log_every(&last, 1000000));
	assert_true(log_every(&last, 0));
	last = clock_mono_us() - 10001; /* the period has just passed */
	assert_true(log_every(&last, 10));
	assert_in_range(last, clock_mono_us() - 60000000, clock_mono_us()); /* and begins anew */
	last = clock_mono_us() - 10001;
	assert_false(log_every(&last, 600000));
}

enum { RACERS = 2, ROUNDS = 20000 };

struct race {
	int arrived;
	int64_t last_us[ROUNDS];
	int passed[ROUNDS];
};

/* Spins until all are here, so that they go on within nanoseconds of each other. A barrier that
 * sleeps wakes them one after the other, and the race is never run. */
static void start_together(struct race *race, int round)
{
	__atomic_fetch_add(&race->arrived, 1, __ATOMIC_ACQ_REL);
	for (int spins = 0; __atomic_load_n(&race->arrived, __ATOMIC_ACQUIRE) < RACERS * (round + 1); spins++) {
		if (spins > 1000)
			sched_yield(); /* there may be only one core */
	}
}

static void *run_race(void *arg)
{
	struct race *race = arg;

	for (int round = 0; round < ROUNDS; round++) {
		start_together(race, round);
		if (log_every(&race->last_us[round], 1000000))
			__atomic_fetch_add(&race->passed[round], 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void of_many_threads_one_passes(void **state)
{
	struct race *race = calloc(1, sizeof(*race));
	pthread_t threads[RACERS];

	(void)state;
	assert_non_null(race);
	for (int i = 0; i < RACERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_race, race), 0);
	for (int i = 0; i < RACERS; i++)
		pthread_join(threads[i], NULL);
	for (int round = 0; round < ROUNDS; round++)
		assert_int_equal(race->passed[round], 1);
	free(race);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_lines),
		cmocka_unit_test(levels_filter),
		cmocka_unit_test(a_value_cannot_forge_a_line),
		cmocka_unit_test(json_lines),
		cmocka_unit_test(only_json_numbers_go_unquoted),
		cmocka_unit_test(json_of_what_is_no_pair),
		cmocka_unit_test(long_lines_are_cut_and_marked),
		cmocka_unit_test(quoted_values_are_cut_and_marked),
		cmocka_unit_test(quoted_values_that_just_fit),
		cmocka_unit_test(names_of_settings),
		cmocka_unit_test(errno_survives),
		cmocka_unit_test(a_closed_standard_error_is_no_end),
		cmocka_unit_test(lines_of_threads_do_not_mix),
		cmocka_unit_test(once_per_period),
		cmocka_unit_test(of_many_threads_one_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
