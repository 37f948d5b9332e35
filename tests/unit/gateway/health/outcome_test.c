/* outcome_test.c - what results of checks do to a server's health, state and log. The numbers are HAProxy's. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>

#include "gateway/health/check.h"
#include "gateway/logs/sink.h"
#include "gateway/table/tokens.h"
#include "shared/base/clock.h"
#include "tests/unit/gateway/support/farm.h"
#include "tests/unit/gateway/support/words.h"

struct test {
	struct farm farm;
	struct server *s;
	struct health h;
	struct words w;
	int log_fd;
	char line[2048];
};

static int setup(void **state)
{
	struct test *t = calloc(1, sizeof(*t));

	farm_setup(&t->farm, 1, BALANCE_ROUNDROBIN);
	words_setup(&t->w);
	t->s = farm_add(&t->farm, "s1", 1); /* rise 2, fall 3 */
	t->s->o.check = true;
	server_states_begin(&t->farm.gateway);
	atomic_store(&t->farm.gateway.running, true);
	t->h = (struct health){ .server = t->s, .enabled = true, .last = CHECK_INI, .count = 2, .duration_ms = -1 };
	t->log_fd = -1;
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct test *t = *state;

	atomic_store(&t->farm.gateway.running, false);
	if (t->log_fd >= 0) {
		log_sink_free(&t->farm.workers[0].log);
		close(t->log_fd);
	}
	farm_teardown(&t->farm);
	words_cleanup(&t->w);
	free(t);
	return 0;
}

static void take(struct test *t, enum check_result result, int status, const char *info)
{
	struct probe_result r = { .result = result, .status = status, .duration_ms = 7 };

	snprintf(r.info, sizeof(r.info), "%s", info);
	outcome_take(&t->farm.gateway, &t->h, &r);
}

/* Each letter of <results> is a check: '+' passes, '-' fails, '0' passes with 404. Behind it the count, then the state: U, D, S. */
static void a_server_goes_through_its_states(void **state)
{
	static const struct {
		unsigned rise, fall, count;
		const char *results, *counts, *states;
	} rows[] = {
		{ 2, 3, 2, "+", "4", "U" },
		{ 2, 3, 2, "-", "0", "D" },                 /* one that was not checked yet goes down at once */
		{ 2, 3, 4, "---", "320", "UUD" },
		{ 2, 3, 4, "--+---", "324320", "UUUUUD" },
		{ 2, 3, 4, "---+-++", "3201014", "UUDDDDU" },
		{ 2, 3, 4, "----", "3200", "UUDD" },
		{ 1, 1, 1, "-+-+", "0101", "DUDU" },
		{ 3, 1, 3, "-+++", "0123", "DDDU" },
		{ 2, 3, 4, "0", "4", "S" },
		{ 2, 3, 4, "0+", "44", "SU" },
		{ 2, 3, 4, "0---", "4320", "SSSD" },
		{ 2, 3, 0, "+0", "14", "US" }, /* the state was set apart from the count */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct test *t;

		setup(state);
		t = *state;
		t->s->o.rise = rows[i].rise;
		t->s->o.fall = rows[i].fall;
		t->h.count = rows[i].count;
		for (size_t n = 0; rows[i].results[n] != '\0'; n++) {
			char c = rows[i].results[n];
			static const char letters[] = { [SERVER_DOWN] = 'D', [SERVER_UP] = 'U', [SERVER_STARTING] = 'U', [SERVER_STOPPING] = 'S' };

			take(t, c == '+' ? CHECK_L7OK : c == '0' ? CHECK_L7OKC : CHECK_L7STS, 200, "");
			if (t->h.count != (unsigned)(rows[i].counts[n] - '0') || letters[atomic_load(&t->s->state)] != rows[i].states[n])
				fail_msg("row %zu, check %zu: %u, %c", i, n, t->h.count, letters[atomic_load(&t->s->state)]);
		}
		teardown(state);
	}
}

/* What is held for a client that asks nothing: it is kept while checks name its domain, or fail. */
static void checks_tell_how_long_facts_are_needed(void **state)
{
	static const struct {
		struct probe_result result;
		bool kept;
	} rows[] = {
		{ { .result = CHECK_L7OK, .status = 200 }, false },
		{ { .result = CHECK_L7OK, .status = 200, .named = { [FACT_ALARMS] = true } }, true },
		{ { .result = CHECK_L7OK, .status = 200, .named = { [FACT_VISITS] = true } }, false },
		{ { .result = CHECK_L7STS, .status = 503 }, true },
		{ { .result = CHECK_L7TOUT }, true },
		{ { .result = CHECK_L4CON }, true },
		{ { .result = CHECK_L4OK }, true }, /* says nothing */
	};
	struct test *t = *state;
	int64_t now_ms = clock_mono_us() / 1000, long_ago_ms = now_ms - 2 * FACT_LIFE_MS;
	char facts[TOKENS_VALUE_MOST];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct token_table *tokens = token_table_create(10, long_ago_ms);

		t->farm.gateway.tokens = tokens;
		tokens_of_response(tokens, SLICE_LIT("alice"), SLICE_LIT("a1=1.1"), SLICE_NONE, long_ago_ms);
		outcome_take(&t->farm.gateway, &t->h, &rows[i].result);
		if ((tokens_for_request(tokens, SLICE_LIT("alice"), SLICE_NONE, now_ms, facts, sizeof(facts)) > 0) != rows[i].kept)
			fail_msg("row %zu", i);
		t->farm.gateway.tokens = NULL;
		token_table_free(&tokens);
	}
}

static void failures_are_counted_while_they_say_something(void **state)
{
	struct test *t = *state;

	t->h.count = 4;
	for (unsigned i = 0; i < 5; i++)
		take(t, CHECK_L4CON, 0, "");
	assert_int_equal(tally_get(&t->s->check_failures), 3);
	atomic_store(&t->s->errors_in_row, 5);
	take(t, CHECK_L4OK, 0, "");
	assert_int_equal(atomic_load(&t->s->errors_in_row), 0);
}

static void in_maintenance_nothing_follows(void **state)
{
	struct test *t = *state;

	server_set_admin(&t->farm.gateway, t->s, SERVER_MAINT, 0);
	take(t, CHECK_L4CON, 0, "");
	assert_int_equal(t->h.count, 0);
	assert_int_equal(atomic_load(&t->s->state), SERVER_UP);
}

static void a_slow_start_goes_on(void **state)
{
	struct test *t = *state;

	t->s->o.slowstart_ms = 60000;
	server_set_state(&t->farm.gateway, t->s, SERVER_DOWN, NULL);
	t->h.count = 1;
	take(t, CHECK_L7OK, 200, "");
	assert_int_equal(atomic_load(&t->s->state), SERVER_STARTING);
	take(t, CHECK_L7OK, 200, "");
	assert_int_equal(atomic_load(&t->s->state), SERVER_STARTING);
	server_set_state(&t->farm.gateway, t->s, SERVER_DOWN, NULL);
}

static void results_have_names(void **state)
{
	static const struct {
		enum check_result result;
		const char *code, *text;
		unsigned outcome;
	} names[] = {
		{ CHECK_UNKNOWN, "UNK", "Unknown", 0 }, { CHECK_INI, "INI", "Initializing", 0 }, { CHECK_HANA, "HANA", "Health analyze", 2 },
		{ CHECK_SOCKERR, "SOCKERR", "Socket error", 2 }, { CHECK_L4OK, "L4OK", "Layer4 check passed", 3 },
		{ CHECK_L4TOUT, "L4TOUT", "Layer4 timeout", 2 }, { CHECK_L4CON, "L4CON", "Layer4 connection problem", 2 },
		{ CHECK_L6OK, "L6OK", "Layer6 check passed", 3 }, { CHECK_L6TOUT, "L6TOUT", "Layer6 timeout", 2 },
		{ CHECK_L6RSP, "L6RSP", "Layer6 invalid response", 2 }, { CHECK_L7TOUT, "L7TOUT", "Layer7 timeout", 2 },
		{ CHECK_L7RSP, "L7RSP", "Layer7 invalid response", 2 }, { CHECK_L7OK, "L7OK", "Layer7 check passed", 3 },
		{ CHECK_L7OKC, "L7OKC", "Layer7 check conditionally passed", 4 }, { CHECK_L7STS, "L7STS", "Layer7 wrong status", 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_string_equal(outcome_code(names[i].result), names[i].code);
		assert_string_equal(outcome_text(names[i].result), names[i].text);
		assert_int_equal(outcome_of(names[i].result), names[i].outcome);
	}
}

/* --- log lines --- */

static void log_to_us(struct test *t)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval wait = { .tv_sec = 10 };
	socklen_t len = sizeof(in);
	char text[64];

	t->log_fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(t->log_fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(getsockname(t->log_fd, (struct sockaddr *)&in, &len), 0);
	setsockopt(t->log_fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	snprintf(text, sizeof(text), "127.0.0.1:%u local0", ntohs(in.sin_port));
	log_target_read(words_line(&t->w, text), &t->farm.proxy.logs);
	t->farm.workers[0].log = log_sink_create(SLICE_NONE, SLICE_NONE);
}

/* The next line behind the process id; "" when <wait> is false and there is none. */
static const char *said(struct test *t, bool wait)
{
	char line[1500];
	ssize_t len;

	log_sink_flush(t->farm.workers[0].log);
	len = recv(t->log_fd, line, sizeof(line) - 1, wait ? 0 : MSG_DONTWAIT);
	line[len > 0 ? len : 0] = '\0';
	snprintf(t->line, sizeof(t->line), "%s", len <= 0 ? "" : strstr(line, "]: ") + 3);
	t->line[strcspn(t->line, "\n")] = '\0';
	return t->line;
}

static void a_change_says_why(void **state)
{
	struct test *t = *state;

	log_to_us(t);
	take(t, CHECK_L7STS, 503, "Busy \"<\x01");
	assert_string_equal(said(t, true), "Server be/s1 is DOWN, reason: Layer7 wrong status, code: 503, info: \"Busy <22><3C><01>\", check "
					   "duration: 7ms. 0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in "
					   "queue.");
	assert_string_equal(said(t, true), "proxy be has no server available!");
	take(t, CHECK_L4OK, 0, "");
	assert_string_equal(said(t, false), ""); /* every result is told with "option log-health-checks" only */
}

static void every_result_may_have_a_line(void **state)
{
	struct test *t = *state;

	log_to_us(t);
	t->farm.proxy.log_health_checks = true;
	t->h.count = 4;
	take(t, CHECK_L7OK, 200, "");
	assert_string_equal(said(t, true), "Health check for server be/s1 succeeded, reason: Layer7 check passed, code: 200, check duration: "
					   "7ms, status: 3/3 UP.");
	take(t, CHECK_L7OK, 200, "");
	assert_string_equal(said(t, false), ""); /* nothing new */
	take(t, CHECK_L4TOUT, 0, "");
	assert_string_equal(said(t, true), "Health check for server be/s1 failed, reason: Layer4 timeout, check duration: 7ms, status: 2/3 UP.");
	t->s->o.backup = true;
	take(t, CHECK_L7OKC, 404, "");
	assert_string_equal(said(t, true), "Health check for backup server be/s1 conditionally succeeded, reason: Layer7 check conditionally "
					   "passed, code: 404, check duration: 7ms, status: 3/3 UP.");
	assert_non_null(strstr(said(t, true), "is stopping. "));  /* without the reason: it was told */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_goes_through_its_states),
		cmocka_unit_test_setup_teardown(checks_tell_how_long_facts_are_needed, setup, teardown),
		cmocka_unit_test_setup_teardown(failures_are_counted_while_they_say_something, setup, teardown),
		cmocka_unit_test_setup_teardown(in_maintenance_nothing_follows, setup, teardown),
		cmocka_unit_test_setup_teardown(a_slow_start_goes_on, setup, teardown),
		cmocka_unit_test(results_have_names),
		cmocka_unit_test_setup_teardown(a_change_says_why, setup, teardown),
		cmocka_unit_test_setup_teardown(every_result_may_have_a_line, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
