/* observe_test.c - "observe", "error-limit" and "on-error": which sights count, by how many threads, and what they lead to. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/health/health.h"
#include "tests/unit/gateway/support/farm.h"

static struct server *setup_server(struct farm *f, unsigned workers, enum server_observe observe)
{
	struct server *s;

	farm_setup(f, workers, BALANCE_ROUNDROBIN);
	f->config.bufsize = 16384;
	f->config.max_headers = 16;
	f->config.node = SLICE_LIT("node");
	s = farm_add(f, "s1", 1);
	s->o.check = true;
	s->o.inter_ms = 1000 * 1000;
	s->o.observe = observe;
	s->o.error_limit = 3;
	s->o.on_error = ON_ERROR_MARK_DOWN;
	server_states_begin(&f->gateway);
	health_start(&f->gateway);
	return s;
}

static void end(struct farm *f)
{
	health_stop(&f->gateway);
	farm_teardown(f);
}

static void see(struct farm *f, struct server *s, enum server_sight what, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		server_report(&f->gateway, s, what);
}

static void each_layer_sees_its_own(void **state)
{
	static const struct {
		enum server_observe observe;
		int good, bad; /* by enum server_sight: a bit for each */
	} rows[] = {
		{ OBSERVE_NOTHING, 0, 0 },
		{ OBSERVE_LAYER4, 1 << SIGHT_CONNECTED, 1 << SIGHT_CONNECT_FAILED },
		{ OBSERVE_LAYER7, 1 << SIGHT_RESPONSE_OK, 1 << SIGHT_CONNECT_FAILED | 1 << SIGHT_RESPONSE_BAD },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int what = SIGHT_CONNECTED; what <= SIGHT_RESPONSE_BAD; what++) {
			struct farm f;
			struct server *s = setup_server(&f, 1, rows[i].observe);

			see(&f, s, (enum server_sight)what, 2);
			assert_int_equal(atomic_load(&s->errors_in_row), rows[i].bad >> what & 1 ? 2 : 0);
			atomic_store(&s->errors_in_row, 2);
			see(&f, s, (enum server_sight)what, 1);
			assert_int_equal(atomic_load(&s->errors_in_row), (rows[i].bad | rows[i].good) >> what & 1 ? 0 : 2);
			end(&f);
		}
	}
}

static void servers_without_checks_are_not_observed(void **state)
{
	struct farm f;
	struct server *s = setup_server(&f, 1, OBSERVE_LAYER7);

	(void)state;
	s->o.check = false;
	see(&f, s, SIGHT_RESPONSE_BAD, 5);
	assert_int_equal(atomic_load(&s->errors_in_row), 0);
	s->o.check = true;
	end(&f);
}

static void enough_errors_in_a_row_are_acted_upon(void **state)
{
	struct farm f;
	struct server *s = setup_server(&f, 1, OBSERVE_LAYER7);

	(void)state;
	atomic_store(&f.gateway.running, true);
	see(&f, s, SIGHT_RESPONSE_BAD, 2);
	see(&f, s, SIGHT_RESPONSE_OK, 1);
	see(&f, s, SIGHT_RESPONSE_BAD, 2);
	loop_round(f.workers[0].loop, 0);
	assert_int_equal(atomic_load(&s->state), SERVER_UP);
	see(&f, s, SIGHT_RESPONSE_BAD, 1);
	assert_int_equal(atomic_load(&s->state), SERVER_UP); /* it is a message */
	loop_round(f.workers[0].loop, 0);
	assert_int_equal(atomic_load(&s->state), SERVER_DOWN);
	assert_int_equal(atomic_load(&s->errors_in_row), 0);
	atomic_store(&f.gateway.running, false);
	end(&f);
}

static void the_limit_is_10_unless_given(void **state)
{
	struct farm f;
	struct server *s = setup_server(&f, 1, OBSERVE_LAYER4);

	(void)state;
	s->o.error_limit = 0;
	see(&f, s, SIGHT_CONNECT_FAILED, 9);
	loop_round(f.workers[0].loop, 0);
	assert_int_equal(atomic_load(&s->state), SERVER_UP);
	see(&f, s, SIGHT_CONNECT_FAILED, 1);
	loop_round(f.workers[0].loop, 0);
	assert_int_equal(atomic_load(&s->state), SERVER_DOWN);
	end(&f);
}

struct watcher {
	struct task task;
	struct farm *farm;
	struct server *server;
	_Atomic unsigned *done;
};

/* @thread: each worker's. */
static void watch_badly(struct task *t)
{
	struct watcher *w = (struct watcher *)t;

	see(w->farm, w->server, SIGHT_RESPONSE_BAD, 1000);
	atomic_fetch_add(w->done, 1);
}

static void all_threads_may_report(void **state)
{
	struct watcher watchers[FARM_WORKERS];
	struct farm f;
	struct server *s = setup_server(&f, FARM_WORKERS, OBSERVE_LAYER7);
	_Atomic unsigned done = 0;

	(void)state;
	s->o.error_limit = 10;
	farm_run(&f);
	for (unsigned i = 0; i < FARM_WORKERS; i++) {
		watchers[i] = (struct watcher){ .task.run = watch_badly, .farm = &f, .server = s, .done = &done };
		loop_post(f.workers[i].loop, &watchers[i].task);
	}
	assert_true(farm_await(&done, FARM_WORKERS));
	farm_stop(&f);
	assert_int_equal(atomic_load(&s->state), SERVER_DOWN);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_layer_sees_its_own),
		cmocka_unit_test(servers_without_checks_are_not_observed),
		cmocka_unit_test(enough_errors_in_a_row_are_acted_upon),
		cmocka_unit_test(the_limit_is_10_unless_given),
		cmocka_unit_test(all_threads_may_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
