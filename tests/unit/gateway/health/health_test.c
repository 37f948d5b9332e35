/* health_test.c - the scheduler on a real loop: when checks come, what operators and exchanges change about them, start and stop. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <unistd.h>

#include "gateway/health/check.h"
#include "gateway/health/plan.h"
#include "tests/unit/gateway/support/farm.h"

enum { LONG_MS = 600 * 1000 };

struct test {
	struct farm farm;
	int listener;
	uint16_t port;
	uint16_t closed; /* a port where nobody listens */
};

static int listen_on(uint16_t *port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&in, sizeof(in)) != 0 || listen(fd, 128) != 0 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) != 0)
		abort();
	*port = ntohs(in.sin_port);
	return fd;
}

static int setup(void **state)
{
	struct test *t = calloc(1, sizeof(*t));

	farm_setup(&t->farm, 1, BALANCE_ROUNDROBIN);
	t->farm.config.bufsize = 16384;
	t->farm.config.max_headers = 16;
	t->listener = listen_on(&t->port);
	close(listen_on(&t->closed));
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct test *t = *state;

	atomic_store(&t->farm.gateway.running, false);
	health_stop(&t->farm.gateway);
	close(t->listener);
	farm_teardown(&t->farm);
	free(t);
	return 0;
}

/* A checked server at that port: rise 2, fall 3. */
static struct server *add(struct test *t, const char *name, uint16_t port, int inter_ms)
{
	struct server *s = farm_add(&t->farm, name, 1);

	s->port = port;
	s->o.check = true;
	s->o.inter_ms = inter_ms;
	return s;
}

static void start(struct test *t)
{
	server_states_begin(&t->farm.gateway);
	atomic_store(&t->farm.gateway.running, true);
	health_start(&t->farm.gateway);
}

static struct loop *loop_of(struct test *t)
{
	return t->farm.workers[0].loop;
}

static void turn(struct test *t)
{
	int fd;

	loop_round(loop_of(t), 10);
	while ((fd = accept(t->listener, NULL, NULL)) >= 0)
		close(fd);
}

static struct health_view view(const struct server *s)
{
	struct health_view v;

	health_view(s, &v);
	return v;
}

/* Lets it run until <holds>(<s>). */
static void await(struct test *t, const struct server *s, bool (*holds)(const struct server *s))
{
	int64_t end_us = clock_mono_us() + 20 * 1000 * 1000;

	while (!holds(s)) {
		assert_true(clock_mono_us() < end_us);
		turn(t);
	}
}

static bool is_down(const struct server *s)
{
	return atomic_load(&s->state) == SERVER_DOWN;
}

static bool is_well(const struct server *s)
{
	return atomic_load(&s->state) == SERVER_UP && view(s).health == 4;
}

static bool is_up(const struct server *s)
{
	return atomic_load(&s->state) == SERVER_UP;
}

static bool was_refused(const struct server *s)
{
	return view(s).last == CHECK_L4CON;
}

static bool was_not_answered(const struct server *s)
{
	return view(s).last == CHECK_L7RSP || view(s).last == CHECK_SOCKERR;
}

static bool rests(const struct server *s)
{
	return view(s).paused;
}

/* --- checks --- */

static void servers_are_checked(void **state)
{
	struct test *t = *state;
	struct server *good = add(t, "s1", t->port, 20), *bad = add(t, "s2", t->closed, 20), *none = farm_add(&t->farm, "s3", 1);

	start(t);
	assert_int_equal(view(good).last, CHECK_INI);
	assert_int_equal(view(good).health, 2);
	assert_int_equal(view(good).duration_ms, -1);
	await(t, good, is_well);
	await(t, bad, is_down);
	assert_int_equal(view(good).last, CHECK_L4OK);
	assert_string_equal(view(good).code, "L4OK");
	assert_int_equal(view(good).outcome, 3);
	assert_string_equal(view(bad).info, "Connection refused");
	assert_int_equal(view(bad).health, 0);
	assert_null(none->health);
	assert_string_equal(view(none).code, "");
	assert_int_equal(lineup_usable(&t->farm.proxy), 2);
}

static void a_server_comes_back(void **state)
{
	struct test *t = *state;
	struct server *s = add(t, "s1", t->closed, 20);

	start(t);
	await(t, s, is_down);
	assert_true(health_set_port(&t->farm.gateway, s, t->port));
	await(t, s, is_well);
	assert_true(health_set_port(&t->farm.gateway, s, 0)); /* the server's own */
	await(t, s, is_down);
}

static void a_check_may_go_elsewhere(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct test *t = *state;
	struct server *port = add(t, "s1", t->closed, 20), *host = add(t, "s2", t->port, 20), *plan = add(t, "s3", t->closed, 20);
	struct health_plan to = { .http = true, .has_connect = true, .port = t->port };

	port->o.check_port = t->port;
	host->host = SLICE_LIT("127.0.0.9"); /* all of 127/8 is here; nobody listens there */
	host->o.check_host = SLICE_LIT("127.0.0.1");
	plan->o.check_host = SLICE_LIT("nowhere.invalid"); /* it is checked where it is */
	start(t);
	await(t, port, is_well);
	await(t, host, is_well);
	await(t, plan, is_down);
	inet_pton(AF_INET, "127.0.0.9", &in.sin_addr);
	assert_true(health_set_address(&t->farm.gateway, host, (struct sockaddr *)&in, sizeof(in)));
	await(t, host, is_down);
	assert_true(health_set_address(&t->farm.gateway, host, NULL, 0));
	await(t, host, was_refused);
	t->farm.proxy.backend.plan = &to; /* as if "http-check connect port" had been said: somebody is there, but says nothing */
	await(t, plan, was_not_answered);
}

/* The first checks are spread over the shortest interval: 4 servers, 400 ms. */
static void first_checks_are_spread(void **state)
{
	struct test *t = *state;
	struct server *s[4];
	int64_t first_ms, due_ms;

	for (unsigned i = 0; i < 4; i++)
		s[i] = add(t, "s1", t->port, i == 0 ? 400 : 4000);
	start(t);
	first_ms = s[0]->health->next.due_ms;
	for (unsigned i = 1; i < 4; i++) {
		due_ms = s[i]->health->next.due_ms;
		assert_true(due_ms >= first_ms + i * 1000 - 50 && due_ms <= first_ms + i * 1000 + 50); /* over its own interval, as in HAProxy */
	}
}

static void no_more_than_max_spread_checks(void **state)
{
	struct test *t = *state;
	struct server *a, *b;

	t->farm.config.max_spread_checks_ms = 10;
	a = add(t, "s1", t->port, LONG_MS);
	b = add(t, "s2", t->port, LONG_MS);
	start(t);
	assert_true(b->health->next.due_ms - a->health->next.due_ms <= 10);
	await(t, a, is_well);
	await(t, b, is_well);
}

static void intervals_depend_on_health(void **state)
{
	static const struct {
		unsigned count;
		enum server_state state;
		int least_ms, most_ms;
	} rows[] = {
		{ 4, SERVER_UP, 300000, 300000 },   /* inter */
		{ 3, SERVER_UP, 200000, 200000 },   /* fastinter */
		{ 0, SERVER_DOWN, 100000, 100000 }, /* downinter */
	};
	struct test *t = *state;
	struct server *s = add(t, "s1", t->closed, 300000);

	s->o.fastinter_ms = 200000;
	s->o.downinter_ms = 100000;
	s->o.fall = 3;
	start(t);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t now_ms, due_ms;
		bool fails = rows[i].count < 4;

		health_set_port(&t->farm.gateway, s, fails ? t->closed : t->port);
		s->health->count = rows[i].state == SERVER_DOWN ? 0 : 4;
		atomic_store(&s->state, rows[i].state);
		loop_arm(loop_of(t), &s->health->next, 0);
		s->health->last = CHECK_INI;
		while (view(s).last == CHECK_INI || view(s).running)
			turn(t);
		now_ms = clock_mono_us() / 1000;
		due_ms = s->health->next.due_ms;
		assert_int_equal(s->health->count, rows[i].count);
		assert_true(due_ms - now_ms > rows[i].least_ms - 20000 && due_ms - now_ms <= rows[i].most_ms);
	}
}

static void spread_checks_varies_the_interval(void **state)
{
	struct test *t = *state;
	struct server *s = add(t, "s1", t->port, 100000);
	int64_t least = INT64_MAX, most = 0;

	t->farm.config.spread_checks = 50;
	start(t);
	for (unsigned i = 0; i < 30; i++) {
		int64_t wait_ms;

		s->health->last = CHECK_INI;
		loop_arm(loop_of(t), &s->health->next, 0);
		while (view(s).last == CHECK_INI || view(s).running)
			turn(t);
		wait_ms = s->health->next.due_ms - clock_mono_us() / 1000;
		least = wait_ms < least ? wait_ms : least;
		most = wait_ms > most ? wait_ms : most;
	}
	assert_true(least >= 49000 && most <= 150000);
	assert_true(most - least > 20000); /* by chance less than once in a million times */
}

/* --- maintenance, operators --- */

static void in_maintenance_nothing_is_checked(void **state)
{
	struct test *t = *state;
	struct server *s = add(t, "s1", t->closed, 20);

	start(t);
	server_set_admin(&t->farm.gateway, s, SERVER_MAINT, 0);
	await(t, s, rests);
	assert_int_equal(view(s).last, CHECK_INI);
	server_set_admin(&t->farm.gateway, s, 0, SERVER_MAINT);
	assert_true(is_up(s));
	await(t, s, is_down);
	assert_false(view(s).paused);
}

static void without_address_nothing_is_checked(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct test *t = *state;
	struct server *s = add(t, "s1", t->port, 20);

	s->host = SLICE_LIT("shop.test");
	in.sin_port = htons(t->port);
	start(t);
	await(t, s, rests);
	server_set_address(&t->farm.gateway, s, (struct sockaddr *)&in, sizeof(in));
	await(t, s, is_well);
}

static void checks_may_be_disabled(void **state)
{
	struct test *t = *state;
	struct server *s = add(t, "s1", t->closed, 5), *none = farm_add(&t->farm, "s2", 1);

	start(t);
	assert_true(health_set_enabled(&t->farm.gateway, s, false));
	assert_false(view(s).enabled);
	for (unsigned i = 0; i < 10; i++)
		turn(t);
	assert_int_equal(view(s).last, CHECK_INI);
	assert_true(health_set_enabled(&t->farm.gateway, s, true));
	await(t, s, is_down);
	assert_false(health_set_enabled(&t->farm.gateway, none, true));
	assert_false(health_set_port(&t->farm.gateway, none, 1));
	assert_false(health_set_address(&t->farm.gateway, none, NULL, 0));
	assert_false(health_force(&t->farm.gateway, none, SERVER_DOWN));
}

static void health_may_be_forced(void **state)
{
	struct test *t = *state;
	struct server *s = add(t, "s1", t->port, LONG_MS);

	start(t);
	assert_true(health_force(&t->farm.gateway, s, SERVER_DOWN));
	assert_true(is_down(s));
	assert_int_equal(view(s).health, 0);
	assert_true(health_force(&t->farm.gateway, s, SERVER_STOPPING));
	assert_int_equal(atomic_load(&s->state), SERVER_STOPPING);
	assert_true(health_force(&t->farm.gateway, s, SERVER_UP));
	assert_int_equal(view(s).health, 4);
	assert_true(is_up(s));
}

static void checks_begin_where_the_state_file_left_off(void **state)
{
	struct test *t = *state;
	struct server *s = add(t, "s1", t->port, LONG_MS);

	s->health_loaded = 1 + 3;
	start(t);
	assert_int_equal(view(s).health, 3);
}

/* --- blame --- */

static void blame_has_four_ways(void **state)
{
	static const struct {
		enum server_on_error how;
		unsigned count, after;
		enum server_state state;
	} rows[] = {
		{ ON_ERROR_FASTINTER, 4, 4, SERVER_UP },
		{ ON_ERROR_FAIL_CHECK, 4, 3, SERVER_UP },
		{ ON_ERROR_FAIL_CHECK, 2, 0, SERVER_DOWN },
		{ ON_ERROR_SUDDEN_DEATH, 4, 2, SERVER_UP }, /* the next failure is the last */
		{ ON_ERROR_MARK_DOWN, 4, 0, SERVER_DOWN },
		{ ON_ERROR_MARK_DOWN, 0, 0, SERVER_UP },    /* it had not been up */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct test *t;
		struct server *s;
		int64_t wait_ms;

		setup(state);
		t = *state;
		s = add(t, "s1", t->port, LONG_MS);
		s->o.error_limit = 10;
		s->o.fastinter_ms = 1000;
		start(t);
		s->health->count = rows[i].count;
		loop_arm(loop_of(t), &s->health->next, LONG_MS);
		health_blame(&t->farm.gateway, s, rows[i].how);
		if (rows[i].count > 0) {
			assert_int_equal(s->health->count, rows[i].after);
			assert_int_equal(atomic_load(&s->state), rows[i].state);
		}
		wait_ms = s->health->next.due_ms - clock_mono_us() / 1000;
		assert_true(wait_ms <= 1000); /* the next check hurries */
		if (rows[i].how != ON_ERROR_FASTINTER)
			assert_string_equal(view(s).info, "Detected 10 consecutive errors");
		s->o.observe = OBSERVE_LAYER4;
		health_blame(&t->farm.gateway, s, ON_ERROR_MARK_DOWN);
		assert_string_equal(view(s).info, "Detected 10 consecutive errors, last one was: Layer4 unsuccessful connection");
		health_set_enabled(&t->farm.gateway, s, false);
		s->health->last = CHECK_INI;
		health_blame(&t->farm.gateway, s, ON_ERROR_MARK_DOWN); /* who is not checked is not blamed */
		assert_int_equal(s->health->last, CHECK_INI);
		teardown(state);
	}
}

/* --- start and stop, and what goes on beside --- */

static void nobody_to_check(void **state)
{
	struct test *t = *state;
	struct proxy front = { .name = SLICE("fe"), .is_frontend = true };

	farm_add(&t->farm, "s1", 1);
	t->farm.proxy.next = &front;
	start(t);
	health_stop(&t->farm.gateway);
	server_states_end(&t->farm.gateway);
	t->farm.proxy.next = NULL;
}

static void a_stop_ends_checks_under_way(void **state)
{
	struct test *t = *state;
	struct health_plan plan = { .http = true };
	struct server *s = add(t, "s1", t->port, LONG_MS);

	t->farm.proxy.backend.plan = &plan;
	start(t);
	while (!view(s).running)
		loop_round(loop_of(t), 10);
	health_stop(&t->farm.gateway);
	assert_null(s->health);
	t->farm.proxy.backend.plan = NULL;
}

static void weights_change_while_checks_run(void **state)
{
	struct test *t = *state;
	struct server *good = add(t, "s1", t->port, 1), *bad = add(t, "s2", t->closed, 1);

	bad->o.rise = 1;
	bad->o.fall = 1;
	start(t);
	for (unsigned i = 0; i < 300; i++) {
		server_set_weight(&t->farm.gateway, good, i % 3);
		server_set_weight(&t->farm.gateway, bad, 2 - i % 3);
		health_set_port(&t->farm.gateway, bad, i / 20 % 2 == 0 ? t->port : t->closed);
		server_set_admin(&t->farm.gateway, good, i % 7 == 0 ? SERVER_DRAIN : 0, i % 7 == 0 ? 0 : SERVER_DRAIN);
		turn(t);
	}
	server_set_admin(&t->farm.gateway, good, 0, SERVER_DRAIN);
	server_set_weight(&t->farm.gateway, good, 5);
	await(t, good, is_well);
	health_set_port(&t->farm.gateway, bad, t->closed);
	await(t, bad, is_down);
	assert_int_equal(lineup_usable(&t->farm.proxy), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(servers_are_checked, setup, teardown),
		cmocka_unit_test_setup_teardown(a_server_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(a_check_may_go_elsewhere, setup, teardown),
		cmocka_unit_test_setup_teardown(first_checks_are_spread, setup, teardown),
		cmocka_unit_test_setup_teardown(no_more_than_max_spread_checks, setup, teardown),
		cmocka_unit_test_setup_teardown(intervals_depend_on_health, setup, teardown),
		cmocka_unit_test_setup_teardown(spread_checks_varies_the_interval, setup, teardown),
		cmocka_unit_test_setup_teardown(in_maintenance_nothing_is_checked, setup, teardown),
		cmocka_unit_test_setup_teardown(without_address_nothing_is_checked, setup, teardown),
		cmocka_unit_test_setup_teardown(checks_may_be_disabled, setup, teardown),
		cmocka_unit_test_setup_teardown(health_may_be_forced, setup, teardown),
		cmocka_unit_test_setup_teardown(checks_begin_where_the_state_file_left_off, setup, teardown),
		cmocka_unit_test(blame_has_four_ways),
		cmocka_unit_test_setup_teardown(nobody_to_check, setup, teardown),
		cmocka_unit_test_setup_teardown(a_stop_ends_checks_under_way, setup, teardown),
		cmocka_unit_test_setup_teardown(weights_change_while_checks_run, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
