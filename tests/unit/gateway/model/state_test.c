/* state_test.c - changes of servers' states, and what follows: line-up, counts, slow start, addresses, the end of memory.
 *
 * link: -Wl,--wrap=calloc
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>

#include "gateway/balance/queue.h"
#include "gateway/model/life.h"
#include "tests/unit/gateway/support/farm.h"

static atomic_bool calloc_fails;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return atomic_load(&calloc_fails) ? NULL : __real_calloc(n, size);
}

static int setup(void **state)
{
	struct farm *f = calloc(1, sizeof(*f));

	farm_setup(f, 1, BALANCE_ROUNDROBIN);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct farm *f = *state;

	atomic_store(&f->gateway.running, false);
	farm_teardown(f);
	free(f);
	return 0;
}

/* The gateway counts as running, but the test turns its loop. */
static void run(struct farm *f)
{
	server_states_begin(&f->gateway);
	atomic_store(&f->gateway.running, true);
}

static int state_of(const struct server *s)
{
	return atomic_load(&s->state);
}

/* --- begin --- */

static void servers_begin_as_configured(void **state)
{
	struct farm *f = *state;
	struct server *s = farm_add(f, "s1", 7), *off = farm_add(f, "s2", 1), *name = farm_add(f, "s3", 1), *path = farm_add(f, "s4", 1);
	const struct server_address *a;

	s->o.maxconn = 12;
	off->o.disabled = true;
	name->host = SLICE_LIT("shop.test");
	path->host = SLICE_LIT("unix@/run/x");
	server_states_begin(&f->gateway);
	assert_int_equal(state_of(s), SERVER_UP);
	assert_int_equal(atomic_load(&s->weight), 7);
	assert_int_equal(atomic_load(&s->maxconn), 12);
	assert_int_equal(atomic_load(&s->slow_percent), 100);
	a = atomic_load(&s->address);
	assert_int_equal(((const struct sockaddr_in *)&a->sa)->sin_port, htons(s->port));
	assert_int_equal(atomic_load(&off->admin), SERVER_MAINT_CONFIG);
	assert_int_equal(atomic_load(&name->admin), SERVER_MAINT_NAME);
	assert_null(atomic_load(&name->address));
	a = atomic_load(&path->address);
	assert_int_equal(a->sa.ss_family, AF_UNIX);
	assert_int_equal(lineup_usable(&f->proxy), 2);
	assert_true(atomic_load(&f->proxy.backend.last_change_ms) > 0);
}

/* --- states --- */

static void a_server_goes_down_and_comes_back(void **state)
{
	struct farm *f = *state;
	struct server *s = farm_add(f, "s1", 1);
	int64_t before_ms;

	farm_add(f, "s2", 1);
	run(f);
	atomic_store(&s->changed_ms, 0);
	server_set_state(&f->gateway, s, SERVER_DOWN, "test");
	assert_int_equal(state_of(s), SERVER_DOWN);
	assert_int_equal(lineup_usable(&f->proxy), 1);
	assert_int_equal(tally_get(&s->downs), 1);
	assert_true(atomic_load(&s->changed_ms) > 0);
	server_set_state(&f->gateway, s, SERVER_DOWN, "test"); /* nothing new */
	assert_int_equal(tally_get(&s->downs), 1);
	before_ms = atomic_load(&s->changed_ms) - 5000;
	atomic_store(&s->changed_ms, before_ms);
	server_set_state(&f->gateway, s, SERVER_UP, NULL);
	assert_int_equal(state_of(s), SERVER_UP);
	assert_int_equal(lineup_usable(&f->proxy), 2);
	assert_true(tally_get(&s->down_ms) >= 5000 && tally_get(&s->down_ms) < 60000);
}

static void a_server_that_stops_takes_nothing_new_and_is_not_down(void **state)
{
	struct farm *f = *state;
	struct server *s = farm_add(f, "s1", 1);

	run(f);
	server_set_state(&f->gateway, s, SERVER_STOPPING, "test");
	assert_int_equal(lineup_usable(&f->proxy), 0);
	assert_int_equal(tally_get(&s->downs), 0);
	server_set_state(&f->gateway, s, SERVER_DOWN, "test");
	assert_int_equal(tally_get(&s->downs), 1);
}

static void the_backend_notes_when_it_changed(void **state)
{
	struct farm *f = *state;
	struct server *a = farm_add(f, "s1", 1), *b = farm_add(f, "s2", 1);

	run(f);
	atomic_store(&f->proxy.backend.last_change_ms, 0);
	server_set_state(&f->gateway, a, SERVER_DOWN, NULL);
	assert_int_equal(atomic_load(&f->proxy.backend.last_change_ms), 0); /* one is left */
	server_set_state(&f->gateway, b, SERVER_DOWN, NULL);
	assert_true(atomic_load(&f->proxy.backend.last_change_ms) > 0);
	atomic_store(&f->proxy.backend.last_change_ms, 0);
	server_set_state(&f->gateway, b, SERVER_UP, NULL);
	assert_true(atomic_load(&f->proxy.backend.last_change_ms) > 0);
}

static void set_starting(void *arg)
{
	struct farm *f = arg;

	server_set_state(&f->gateway, f->proxy.backend.servers, SERVER_STARTING, NULL);
}

static void set_heavy(void *arg)
{
	struct farm *f = arg;

	server_set_weight(&f->gateway, f->proxy.backend.servers, SERVER_WEIGHT_MOST + 1);
}

static void what_cannot_be_dies(void **state)
{
	struct farm *f = *state;

	farm_add(f, "s1", 1);
	run(f);
	assert_true(dies(set_starting, f));
	assert_true(dies(set_heavy, f));
}

/* --- maintenance --- */

static void maintenance_has_several_reasons(void **state)
{
	struct farm *f = *state;
	struct server *s = farm_add(f, "s1", 1);

	run(f);
	server_set_admin(&f->gateway, s, SERVER_MAINT, 0);
	assert_false(server_usable(s));
	assert_int_equal(tally_get(&s->downs), 1);
	server_set_admin(&f->gateway, s, SERVER_MAINT_NAME, 0);
	server_set_admin(&f->gateway, s, 0, SERVER_MAINT);
	assert_false(server_usable(s)); /* one is left */
	assert_int_equal(tally_get(&s->downs), 1);
	server_set_admin(&f->gateway, s, 0, SERVER_MAINT_NAME);
	assert_true(server_usable(s));
	server_set_admin(&f->gateway, s, 0, SERVER_MAINT_NAME); /* nothing new */
}

static void after_maintenance_a_server_is_up(void **state)
{
	struct farm *f = *state;
	struct server *s = farm_add(f, "s1", 1);

	run(f);
	server_set_state(&f->gateway, s, SERVER_DOWN, NULL);
	server_set_admin(&f->gateway, s, SERVER_MAINT, 0);
	assert_int_equal(tally_get(&s->downs), 1); /* it was down already */
	server_set_admin(&f->gateway, s, 0, SERVER_MAINT);
	assert_int_equal(state_of(s), SERVER_UP);
	assert_true(server_usable(s));
}

static void draining_is_no_maintenance(void **state)
{
	struct farm *f = *state;
	struct server *s = farm_add(f, "s1", 1);

	run(f);
	server_set_admin(&f->gateway, s, SERVER_DRAIN, 0);
	assert_false(server_usable(s));
	assert_int_equal(tally_get(&s->downs), 0);
	server_set_admin(&f->gateway, s, 0, SERVER_DRAIN);
	assert_true(server_usable(s));
}

/* --- tracking --- */

/* s2 tracks s1, s3 tracks s2. */
static void servers_follow_those_that_they_track(void **state)
{
	struct farm *f = *state;
	struct server *s1 = farm_add(f, "s1", 1), *s2 = farm_add(f, "s2", 1), *s3 = farm_add(f, "s3", 1);

	s2->tracks = s1;
	s1->trackers = s2;
	s3->tracks = s2;
	s2->trackers = s3;
	s1->o.disabled = true;
	run(f);
	assert_int_equal(atomic_load(&s3->admin), SERVER_MAINT_TRACKED); /* from the start */
	server_set_admin(&f->gateway, s1, 0, SERVER_MAINT_CONFIG);
	assert_int_equal(lineup_usable(&f->proxy), 3);
	server_set_state(&f->gateway, s1, SERVER_STOPPING, NULL);
	assert_int_equal(state_of(s3), SERVER_STOPPING);
	server_set_state(&f->gateway, s1, SERVER_DOWN, NULL);
	assert_int_equal(state_of(s2), SERVER_DOWN);
	assert_int_equal(lineup_usable(&f->proxy), 0);
	server_set_admin(&f->gateway, s2, SERVER_MAINT, 0);
	server_set_admin(&f->gateway, s2, 0, SERVER_MAINT);
	assert_int_equal(state_of(s2), SERVER_DOWN); /* its own maintenance ends, but not what it tracks */
	assert_int_equal(state_of(s3), SERVER_DOWN);
	server_set_state(&f->gateway, s1, SERVER_UP, NULL);
	assert_int_equal(lineup_usable(&f->proxy), 3);
	server_set_admin(&f->gateway, s1, SERVER_DRAIN, 0);
	assert_int_equal(atomic_load(&s3->admin), SERVER_DRAIN_TRACKED);
	server_set_admin(&f->gateway, s1, 0, SERVER_DRAIN);
	assert_int_equal(lineup_usable(&f->proxy), 3);
}

/* --- weight, slow start --- */

static void weights_and_limits_change(void **state)
{
	struct farm *f = *state;
	struct server *s = farm_add(f, "s1", 1);

	run(f);
	server_set_weight(&f->gateway, s, 0);
	assert_false(server_usable(s));
	assert_int_equal(lineup_usable(&f->proxy), 0);
	server_set_weight(&f->gateway, s, SERVER_WEIGHT_MOST);
	assert_int_equal(lineup_usable(&f->proxy), 1);
	server_set_maxconn(&f->gateway, s, 3);
	assert_int_equal(atomic_load(&s->maxconn), 3);
}

static void await_state(struct farm *f, const struct server *s, enum server_state want)
{
	int64_t end_us = clock_mono_us() + 20 * 1000 * 1000;

	while (state_of(s) != (int)want) {
		assert_true(clock_mono_us() < end_us);
		loop_round(f->workers[0].loop, 50);
	}
}

static void a_server_starts_slowly(void **state)
{
	struct farm *f = *state;
	struct server *s = farm_add(f, "s1", 100);
	int64_t begin_us;

	s->o.slowstart_ms = 1000;
	run(f);
	assert_int_equal(state_of(s), SERVER_UP); /* not at the start of the process */
	server_set_state(&f->gateway, s, SERVER_DOWN, NULL);
	loop_round(f->workers[0].loop, 0);
	begin_us = clock_mono_us();
	server_set_state(&f->gateway, s, SERVER_UP, NULL);
	assert_int_equal(state_of(s), SERVER_STARTING);
	assert_int_equal(atomic_load(&s->slow_percent), 1);
	assert_true(server_usable(s));
	server_set_state(&f->gateway, s, SERVER_UP, NULL); /* it is on its way */
	assert_int_equal(state_of(s), SERVER_STARTING);
	while (atomic_load(&s->slow_percent) == 1)
		loop_round(f->workers[0].loop, -1);
	assert_true(atomic_load(&s->slow_percent) >= 9); /* the first step is after a tenth of the time */
	await_state(f, s, SERVER_UP);
	assert_true(clock_mono_us() - begin_us >= 900 * 1000);
	assert_int_equal(atomic_load(&s->slow_percent), 100);
	assert_false(timer_armed(&s->life->slow));
}

static void a_slow_start_may_be_broken_off(void **state)
{
	struct farm *f = *state;
	struct server *s = farm_add(f, "s1", 100);

	s->o.slowstart_ms = 60000;
	run(f);
	for (unsigned by_admin = 0; by_admin <= 1; by_admin++) {
		server_set_state(&f->gateway, s, SERVER_DOWN, NULL);
		server_set_state(&f->gateway, s, SERVER_UP, NULL);
		assert_int_equal(state_of(s), SERVER_STARTING);
		assert_true(timer_armed(&s->life->slow));
		if (by_admin)
			server_set_admin(&f->gateway, s, SERVER_MAINT, 0);
		else
			server_set_state(&f->gateway, s, SERVER_DOWN, NULL);
		assert_false(timer_armed(&s->life->slow));
		assert_int_equal(atomic_load(&s->slow_percent), 100);
	}
	server_set_admin(&f->gateway, s, 0, SERVER_MAINT);
	assert_int_equal(state_of(s), SERVER_STARTING); /* also after maintenance */
	server_set_state(&f->gateway, s, SERVER_DOWN, NULL);
}

/* --- addresses --- */

static void set_address(struct farm *f, struct server *s, const char *text)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(80) };

	inet_pton(AF_INET, text, &in.sin_addr);
	server_set_address(&f->gateway, s, (struct sockaddr *)&in, sizeof(in));
}

static void addresses_come_and_go(void **state)
{
	struct farm *f = *state;
	struct server *s = farm_add(f, "s1", 1);
	const struct server_address *a;

	s->host = SLICE_LIT("shop.test");
	run(f);
	assert_false(server_usable(s));
	set_address(f, s, "192.0.2.1");
	assert_true(server_usable(s));
	a = atomic_load(&s->address);
	set_address(f, s, "192.0.2.1");
	assert_ptr_equal(atomic_load(&s->address), a); /* the same */
	set_address(f, s, "192.0.2.2");
	assert_ptr_not_equal(atomic_load(&s->address), a);
	farm_settle(f);
	server_set_address(&f->gateway, s, NULL, 0);
	assert_null(atomic_load(&s->address));
	assert_int_equal(atomic_load(&s->admin), SERVER_MAINT_NAME);
	server_set_address(&f->gateway, s, NULL, 0); /* nothing new */
	assert_int_equal(tally_get(&s->downs), 1);
}

static void without_memory_an_address_stays(void **state)
{
	struct farm *f = *state;
	struct server *s = farm_add(f, "s1", 1);
	const struct server_address *a;

	run(f);
	a = atomic_load(&s->address);
	atomic_store(&calloc_fails, true);
	set_address(f, s, "192.0.2.1");
	atomic_store(&calloc_fails, false);
	assert_ptr_equal(atomic_load(&s->address), a);
	assert_true(server_usable(s));
}

static void begin_without_memory(void *arg)
{
	atomic_store(&calloc_fails, true);
	server_states_begin(arg);
}

static void without_memory_nothing_begins(void **state)
{
	struct farm *f = *state;

	farm_add(f, "s1", 1);
	f->proxy.backend.queue = queue_create();
	assert_true(dies(begin_without_memory, &f->gateway));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(servers_begin_as_configured, setup, teardown),
		cmocka_unit_test_setup_teardown(a_server_goes_down_and_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(a_server_that_stops_takes_nothing_new_and_is_not_down, setup, teardown),
		cmocka_unit_test_setup_teardown(the_backend_notes_when_it_changed, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_dies, setup, teardown),
		cmocka_unit_test_setup_teardown(maintenance_has_several_reasons, setup, teardown),
		cmocka_unit_test_setup_teardown(after_maintenance_a_server_is_up, setup, teardown),
		cmocka_unit_test_setup_teardown(draining_is_no_maintenance, setup, teardown),
		cmocka_unit_test_setup_teardown(servers_follow_those_that_they_track, setup, teardown),
		cmocka_unit_test_setup_teardown(weights_and_limits_change, setup, teardown),
		cmocka_unit_test_setup_teardown(a_server_starts_slowly, setup, teardown),
		cmocka_unit_test_setup_teardown(a_slow_start_may_be_broken_off, setup, teardown),
		cmocka_unit_test_setup_teardown(addresses_come_and_go, setup, teardown),
		cmocka_unit_test_setup_teardown(without_memory_an_address_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(without_memory_nothing_begins, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
