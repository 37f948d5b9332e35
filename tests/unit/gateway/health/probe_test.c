/* probe_test.c - one health check against a server that answers in every way: well, in pieces, late, too much, never, nonsense.
 *
 * link: -Wl,--wrap=socket,--wrap=malloc
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <sys/un.h>

#include "gateway/health/expect.h"
#include "gateway/health/plan.h"
#include "gateway/health/probe.h"
#include "gateway/loop/container.h"
#include "shared/base/clock.h"
#include "tests/unit/gateway/support/rules.h"

#define capture process_capture /* a proxy has a struct capture of its own */
#include "tests/unit/support/process.h"
#undef capture

enum { SMALL = 512, LARGE = 2048, FIELDS = 8, LONG_MS = 60000 };

static bool socket_fails;
static bool malloc_fails;

int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

int __wrap_socket(int domain, int type, int protocol)
{
	if (socket_fails) {
		errno = EMFILE;
		return -1;
	}
	return __real_socket(domain, type, protocol);
}

void *__wrap_malloc(size_t size)
{
	return malloc_fails ? NULL : __real_malloc(size);
}

struct test {
	struct rules rules;      /* reads plans, and has the worker */
	struct probe_kit kit;
	struct http_field fields[FIELDS];
	struct probe probe;
	unsigned done;
	int listener, peer;      /* peer: accepted, or -1 */
	struct sockaddr_in sa;
	struct health_plan *plan;
};

static void done(struct probe *p)
{
	struct test *t = container_of(p, struct test, probe);

	assert_false(probe_running(p));
	t->done++;
}

static void state_write(const struct probe *p, struct buf *out)
{
	(void)p;
	buf_add_str(out, "UP; x");
}

static int setup(void **state)
{
	struct test *t = calloc(1, sizeof(*t));
	socklen_t len = sizeof(t->sa);

	assert_non_null(t);
	rules_setup(&t->rules);
	t->rules.w.p.proxy = &t->rules.be;
	t->kit = (struct probe_kit){ .worker = &t->rules.worker, .loop = t->rules.worker.loop, .small = pool_create("small", SMALL, 1),
				     .large = pool_create("large", LARGE, 1), .small_bytes = SMALL, .large_bytes = LARGE, .fields = t->fields,
				     .field_count = FIELDS, .state_write = state_write };
	probe_init(&t->probe, &t->kit, done);
	t->peer = -1;
	t->listener = socket(AF_INET, SOCK_STREAM, 0);
	t->sa.sin_family = AF_INET;
	t->sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(t->listener, (struct sockaddr *)&t->sa, sizeof(t->sa)), 0);
	assert_int_equal(listen(t->listener, 8), 0);
	assert_int_equal(getsockname(t->listener, (struct sockaddr *)&t->sa, &len), 0);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct test *t = *state;

	probe_stop(&t->probe);
	if (t->peer >= 0)
		close(t->peer);
	close(t->listener);
	assert_int_equal(pool_stats(t->kit.small).used, 0); /* every end gives its buffer back */
	assert_int_equal(pool_stats(t->kit.large).used, 0);
	pool_free(&t->kit.small);
	pool_free(&t->kit.large);
	rules_cleanup(&t->rules);
	free(t);
	return 0;
}

/* Another line of the plan. */
static void line(struct test *t, const char *text)
{
	struct parse *p = rules_words(&t->rules, text);
	bool option = slice_eq(p->words[0], SLICE_LIT("option"));

	p->at = option ? 2 : 1;
	health_plan_read(p, p->words[option ? 1 : 0]);
	assert_string_equal(words_said(&t->rules.w), "");
	t->plan = t->rules.be.backend.plan;
}

static void start_for(struct test *t, int connect_ms, int answer_ms, bool allow_404)
{
	const struct probe_order order = { .sa = (const struct sockaddr *)&t->sa, .sa_len = sizeof(t->sa), .plan = t->plan,
					   .allow_404 = allow_404, .connect_ms = connect_ms, .answer_ms = answer_ms };

	t->done = 0;
	probe_start(&t->probe, &order);
}

static void turn(struct test *t)
{
	loop_round(t->kit.loop, 20);
}

/* Accepts, and reads the request. */
static void meet(struct test *t, char *request, size_t size)
{
	size_t len = 0;

	if (t->peer >= 0)
		close(t->peer);
	t->peer = accept(t->listener, NULL, NULL);
	assert_true(t->peer >= 0);
	while (len < 4 || memcmp(request + len - 4, "\r\n\r\n", 4) != 0) {
		ssize_t n;

		turn(t);
		n = recv(t->peer, request + len, size - len - 1, MSG_DONTWAIT);
		assert_true(n > 0 || (n < 0 && errno == EAGAIN));
		len += n > 0 ? (size_t)n : 0;
	}
	request[len] = '\0';
}

static void say(struct test *t, const char *text, size_t len)
{
	assert_int_equal(send(t->peer, text, len, MSG_NOSIGNAL), len);
}

static void await_done(struct test *t)
{
	int64_t end_us = clock_mono_us() + 20 * 1000 * 1000;

	while (t->done == 0) {
		assert_true(clock_mono_us() < end_us);
		turn(t);
	}
	assert_int_equal(t->done, 1);
	assert_true(t->probe.result.duration_ms >= 0);
}

static void assert_result(const struct test *t, enum check_result result, int status, const char *info)
{
	if (t->probe.result.result != result || t->probe.result.status != status || strcmp(t->probe.result.info, info) != 0)
		fail_msg("result %d, status %d, \"%s\"", t->probe.result.result, t->probe.result.status, t->probe.result.info);
}

/* --- connecting --- */

static void a_connection_may_be_enough(void **state)
{
	struct test *t = *state;

	start_for(t, LONG_MS, 0, false);
	await_done(t);
	assert_result(t, CHECK_L4OK, 0, "");
}

static void a_closed_port_is_noticed(void **state)
{
	struct test *t = *state;

	close(t->listener);
	t->listener = -1;
	start_for(t, LONG_MS, 0, false);
	await_done(t);
	assert_result(t, CHECK_L4CON, 0, "Connection refused");
	line(t, "http-check connect comment 'knock, knock'");
	start_for(t, LONG_MS, 0, false);
	await_done(t);
	assert_result(t, CHECK_L4CON, 0, "Connection refused comment: knock, knock");
}

static void a_path_that_is_not_there(void **state)
{
	struct test *t = *state;
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/nowhere/at/all" };
	const struct probe_order order = { .sa = (const struct sockaddr *)&un, .sa_len = sizeof(un), .connect_ms = LONG_MS };

	probe_start(&t->probe, &order);
	assert_int_equal(t->done, 1); /* before it returns */
	assert_result(t, CHECK_L4CON, 0, "No such file or directory");
}

static void without_descriptors_it_fails(void **state)
{
	struct test *t = *state;

	socket_fails = true;
	start_for(t, LONG_MS, 0, false);
	socket_fails = false;
	assert_int_equal(t->done, 1);
	assert_result(t, CHECK_SOCKERR, 0, "Too many open files");
}

/* A listener whose queue is full answers no more connections. */
static void a_silent_port_takes_its_time(void **state)
{
	struct test *t = *state;
	int full = socket(AF_INET, SOCK_STREAM, 0), fillers[8];
	socklen_t len = sizeof(t->sa);

	t->sa.sin_port = 0;
	assert_int_equal(bind(full, (struct sockaddr *)&t->sa, sizeof(t->sa)), 0);
	assert_int_equal(listen(full, 0), 0);
	assert_int_equal(getsockname(full, (struct sockaddr *)&t->sa, &len), 0);
	for (unsigned i = 0; i < 8; i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(fillers[i], (struct sockaddr *)&t->sa, len);
	}
	start_for(t, 50, 0, false);
	await_done(t);
	assert_result(t, CHECK_L4TOUT, 0, "");
	for (unsigned i = 0; i < 8; i++)
		close(fillers[i]);
	close(full);
}

/* --- answers --- */

/* One check whose answer is <text>, then the end of the connection; <step> bytes at a time, 0: all at once. */
static void check_against(struct test *t, const char *text, size_t len, size_t step)
{
	char request[1024] = "";

	start_for(t, LONG_MS, LONG_MS, false);
	meet(t, request, sizeof(request));
	for (size_t at = 0; at < len && t->done == 0; at += step == 0 ? len : step) {
		say(t, text + at, step == 0 || at + step > len ? len - at : step);
		if (step > 0)
			turn(t);
	}
	shutdown(t->peer, SHUT_WR);
	await_done(t);
}

static const struct row {
	const char *plan; /* lines, parted by ';' */
	const char *answer;
	enum check_result want;
	int status;
	const char *info;
} rows[] = {
	{ "", "HTTP/1.1 200 OK\r\n\r\n", CHECK_L7OK, 200, "" },
	{ "", "HTTP/1.0 399 Odd\r\n\r\nbody", CHECK_L7OK, 399, "" },
	{ "", "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found", CHECK_L7STS, 404, "Not Found" },
	{ "", "HTTP/1.1 500 \r\n\r\n", CHECK_L7STS, 500, "" },
	{ "", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.1 204 None\r\n\r\n", CHECK_L7OK, 204, "" },
	{ "", "", CHECK_L7RSP, 0, "" },
	{ "", "HTTP/1.1 200 OK\r\n", CHECK_L7RSP, 0, "" }, /* ends in the middle */
	{ "http-check expect status 404", "HTTP/1.1 404 Not Found\r\n\r\n", CHECK_L7OK, 404, "" },
	{ "http-check expect comment 'be nice' ! status 200", "HTTP/1.1 200 OK\r\n\r\n", CHECK_L7STS, 200, "OK comment: be nice" },
	{ "http-check expect error-status L7RSP hdr name x-a", "HTTP/1.1 200 OK\r\n\r\n", CHECK_L7RSP, 200, "OK" },
	{ "http-check expect ok-status L7OKC status 200", "HTTP/1.1 200 OK\r\n\r\n", CHECK_L7OKC, 200, "" },
	{ "http-check expect string up", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nis up", CHECK_L7OK, 200, "" },
	{ "http-check expect string up", "HTTP/1.1 200 OK\r\n\r\nis up", CHECK_L7OK, 200, "" },
	{ "http-check expect string up", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nis down", CHECK_L7RSP, 200, "HTTP content check did not match" },
	{ "http-check expect string up", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", CHECK_L7RSP, 200,
	  "HTTP content check could not find a response body" },
	{ "http-check expect ! string bad", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbad !", CHECK_L7RSP, 200, "HTTP check matched unwanted content" },
	{ "http-check expect string is_up",
	  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\ni\r\n3\r\ns_u\r\n1\r\np\r\n0\r\n\r\n", CHECK_L7OK, 200, "" },
	{ "http-check expect rstring ^a.*z$", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nz\r\n0\r\nT: x\r\n\r\n", CHECK_L7OK, 200,
	  "" },
	{ "http-check expect status 200;http-check expect string a;http-check expect comment last string z",
	  "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", CHECK_L7RSP, 200, "HTTP content check did not match comment: last" },
};

static void begin_row(void **state, const struct row *row)
{
	struct slice rest = slice_str(row->plan);
	char text[256];

	setup(state);
	line(*state, "option httpchk GET /up HTTP/1.1");
	while (rest.len > 0) {
		struct slice one = slice_cut(&rest, ';');

		snprintf(text, sizeof(text), "%.*s", SLICE_ARG(one));
		line(*state, text);
	}
}

static void answers_are_judged(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		/* at once; byte by byte; three at a time */
		for (size_t step = 0; step <= 3; step += step == 0 ? 1 : 2) {
			begin_row(state, &rows[i]);
			check_against(*state, rows[i].answer, strlen(rows[i].answer), step);
			assert_result(*state, rows[i].want, rows[i].status, rows[i].info);
			teardown(state);
		}
	}
}

static void nonsense_is_an_invalid_response(void **state)
{
	static const char *const answers[] = {
		"SSH-2.0-OpenSSH_9\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nA b: c\r\n\r\n", "HTTP/1.1 200 OK\r\n B: c\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
	};

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct test *t;

		setup(state);
		t = *state;
		line(t, "option httpchk");
		line(t, "http-check expect string a");
		check_against(t, answers[i], strlen(answers[i]), 0);
		if (t->probe.result.result != CHECK_L7RSP || t->probe.result.info[0] == '\0')
			fail_msg("%s: %d", answers[i], t->probe.result.result);
		teardown(state);
	}
}

static void the_request_is_the_plans(void **state)
{
	struct test *t = *state;
	char request[1024] = "";

	line(t, "option httpchk GET /up HTTP/1.1");
	line(t, "http-check send-state");
	line(t, "http-check send hdr Host shop.example");
	start_for(t, LONG_MS, 0, false);
	meet(t, request, sizeof(request));
	assert_string_equal(request, "GET /up HTTP/1.1\r\nHost: shop.example\r\nX-Haproxy-Server-State: UP; x\r\nConnection: close\r\n\r\n");
	assert_true(probe_running(&t->probe));
}

static void what_the_answer_names_as_degraded_is_noted(void **state)
{
	static const char answer[] = "HTTP/1.1 503 Busy\r\nDegraded: alarms;age=7, users\r\n\r\n", other[] = "HTTP/1.1 200 OK\r\ndegraded: users\r\n\r\n";
	struct test *t = *state;

	line(t, "option httpchk");
	check_against(t, answer, sizeof(answer) - 1, 0);
	assert_true(t->probe.result.named[FACT_ALARMS] && t->probe.result.named[FACT_VISITS]);
	check_against(t, other, sizeof(other) - 1, 1);
	assert_true(!t->probe.result.named[FACT_ALARMS] && t->probe.result.named[FACT_VISITS]);
}

static void a_404_may_pass_conditionally(void **state)
{
	struct test *t = *state;
	char request[1024] = "";

	line(t, "option httpchk");
	start_for(t, LONG_MS, 0, true);
	meet(t, request, sizeof(request));
	say(t, "HTTP/1.1 404 Gone\r\n\r\n", 21);
	await_done(t);
	assert_result(t, CHECK_L7OKC, 404, "");
}

static void a_large_response_is_looked_at_as_far_as_it_fits(void **state)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
	char body[4 * LARGE];

	for (unsigned late = 0; late <= 1; late++) {
		struct test *t;
		char request[1024] = "";

		setup(state);
		t = *state;
		line(t, "option httpchk");
		line(t, "http-check expect string needle");
		memset(body, 'x', sizeof(body));
		memcpy(body + (late ? LARGE : LARGE / 2), "needle", 6);
		start_for(t, LONG_MS, 0, false);
		meet(t, request, sizeof(request));
		say(t, head, sizeof(head) - 1);
		say(t, body, sizeof(body));
		await_done(t);
		assert_result(t, late ? CHECK_L7RSP : CHECK_L7OK, 200, late ? "HTTP content check did not match" : "");
		teardown(state);
	}
}

static void a_head_that_does_not_fit_is_refused(void **state)
{
	struct test *t = *state;
	char head[2 * LARGE];

	line(t, "option httpchk");
	memset(head, 'x', sizeof(head));
	memcpy(head, "HTTP/1.1 200 OK\r\nA: ", 20);
	check_against(t, head, sizeof(head), 0);
	assert_int_equal(t->probe.result.result, CHECK_L7RSP);
	assert_true(t->probe.result.info[0] != '\0');
}

static void too_many_fields_are_refused(void **state)
{
	struct test *t = *state;
	char head[512];
	struct buf out;

	line(t, "option httpchk");
	buf_init_fixed(&out, head, sizeof(head));
	buf_add_str(&out, "HTTP/1.1 200 OK\r\n");
	for (unsigned i = 0; i <= FIELDS; i++)
		buf_add_str(&out, "A: b\r\n");
	buf_add_str(&out, "\r\n");
	check_against(t, head, out.len, 0);
	assert_int_equal(t->probe.result.result, CHECK_L7RSP);
}

/* --- time --- */

static void silence_has_a_name(void **state)
{
	static const struct {
		const char *plan, *answer;
		enum check_result want;
	} silences[] = {
		{ "http-check send uri /", "", CHECK_L7TOUT },
		{ "http-check send uri /", "HTTP/1.1 200 OK\r\nA", CHECK_L7TOUT },
		{ "http-check expect tout-status L4TOUT status 200", "", CHECK_L4TOUT },
		{ "http-check expect tout-status L6TOUT string a", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nxx", CHECK_L6TOUT },
	};

	for (size_t i = 0; i < sizeof(silences) / sizeof(silences[0]); i++) {
		struct test *t;
		char request[1024] = "";

		setup(state);
		t = *state;
		line(t, "option httpchk");
		line(t, silences[i].plan);
		start_for(t, LONG_MS, 100, false);
		meet(t, request, sizeof(request));
		if (silences[i].answer[0] != '\0')
			say(t, silences[i].answer, strlen(silences[i].answer));
		await_done(t);
		assert_int_equal(t->probe.result.result, silences[i].want);
		teardown(state);
	}
}

static void a_reset_is_a_socket_error(void **state)
{
	const struct linger at_once = { .l_onoff = 1 };
	struct test *t = *state;
	char request[1024] = "";

	line(t, "option httpchk");
	start_for(t, LONG_MS, 0, false);
	meet(t, request, sizeof(request));
	setsockopt(t->peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(t->peer);
	t->peer = -1;
	await_done(t);
	assert_result(t, CHECK_SOCKERR, 0, "Connection reset by peer");
}

static void without_memory_it_fails(void **state)
{
	struct test *t = *state;

	line(t, "option httpchk");
	start_for(t, LONG_MS, 0, false);
	t->peer = accept(t->listener, NULL, NULL);
	malloc_fails = true;
	while (t->done == 0)
		turn(t);
	malloc_fails = false;
	assert_int_equal(t->probe.result.result, CHECK_SOCKERR);
}

static void a_probe_may_be_given_up(void **state)
{
	struct test *t = *state;
	char request[1024] = "";

	probe_stop(&t->probe); /* nothing happens */
	line(t, "option httpchk");
	start_for(t, LONG_MS, 0, false);
	meet(t, request, sizeof(request));
	say(t, "HTTP/1.1 200", 12);
	turn(t);
	probe_stop(&t->probe);
	assert_false(probe_running(&t->probe));
	assert_int_equal(t->done, 0);
	start_for(t, LONG_MS, 0, false); /* and begun again */
	assert_true(probe_running(&t->probe));
}

static void start_twice(void *arg)
{
	start_for(arg, LONG_MS, 0, false);
	start_for(arg, LONG_MS, 0, false);
}

static void it_runs_once(void **state)
{
	assert_true(dies(start_twice, *state));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_connection_may_be_enough, setup, teardown),
		cmocka_unit_test_setup_teardown(a_closed_port_is_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_path_that_is_not_there, setup, teardown),
		cmocka_unit_test_setup_teardown(without_descriptors_it_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(a_silent_port_takes_its_time, setup, teardown),
		cmocka_unit_test(answers_are_judged),
		cmocka_unit_test(nonsense_is_an_invalid_response),
		cmocka_unit_test_setup_teardown(the_request_is_the_plans, setup, teardown),
		cmocka_unit_test_setup_teardown(what_the_answer_names_as_degraded_is_noted, setup, teardown),
		cmocka_unit_test_setup_teardown(a_404_may_pass_conditionally, setup, teardown),
		cmocka_unit_test(a_large_response_is_looked_at_as_far_as_it_fits),
		cmocka_unit_test_setup_teardown(a_head_that_does_not_fit_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(too_many_fields_are_refused, setup, teardown),
		cmocka_unit_test(silence_has_a_name),
		cmocka_unit_test_setup_teardown(a_reset_is_a_socket_error, setup, teardown),
		cmocka_unit_test_setup_teardown(without_memory_it_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(a_probe_may_be_given_up, setup, teardown),
		cmocka_unit_test_setup_teardown(it_runs_once, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
