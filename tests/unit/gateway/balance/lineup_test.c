/* lineup_test.c - which servers may be chosen after each change, and the places at a server. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/gateway/support/farm.h"

struct pair {
	struct gateway *gateway;
	struct server *server;
};

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

	farm_teardown(f);
	free(f);
	return 0;
}

#define assert_picks(f, n, want) assert_string_equal(farm_picks(f, n, (char[64]){ "" }, 64), want)

static void without_servers_there_is_none(void **state)
{
	struct farm *f = *state;
	struct server *s;

	assert_int_equal(lineup_choose(&f->x, NULL, &s), CHOICE_NONE); /* not even a picture */
	server_states_begin(&f->gateway);
	assert_int_equal(lineup_usable(&f->proxy), 0);
	assert_int_equal(lineup_choose(&f->x, NULL, &s), CHOICE_NONE);
	assert_null(s);
}

static void only_usable_servers_are_in(void **state)
{
	struct farm *f = *state;
	struct server *down = farm_add(f, "s1", 1), *drained, *maint;

	drained = farm_add(f, "s2", 1);
	maint = farm_add(f, "s3", 1);
	farm_add(f, "s4", 0);
	farm_add(f, "s5", 1);
	server_states_begin(&f->gateway);
	assert_int_equal(lineup_usable(&f->proxy), 4);
	atomic_store(&down->state, SERVER_DOWN);
	atomic_store(&drained->admin, SERVER_DRAIN);
	atomic_store(&maint->admin, SERVER_MAINT);
	lineup_rebuild(&f->gateway, &f->proxy);
	assert_int_equal(lineup_usable(&f->proxy), 1);
	assert_picks(f, 3, "555");
	atomic_store(&down->state, SERVER_STARTING);
	lineup_rebuild(&f->gateway, &f->proxy);
	assert_int_equal(lineup_usable(&f->proxy), 2);
}

/* The picture may be a moment old: a server that is down in it is passed over, or nobody is left. */
static void an_old_picture_names_nobody_who_is_down(void **state)
{
	static const enum balance_kind kinds[] = { BALANCE_ROUNDROBIN, BALANCE_LEASTCONN, BALANCE_FIRST, BALANCE_RANDOM, BALANCE_URI };
	struct farm *f = *state;
	struct server *first = farm_add(f, "s1", 1), *second = farm_add(f, "s2", 1), *s;

	server_states_begin(&f->gateway);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		f->proxy.backend.balance.kind = kinds[i];
		atomic_store(&first->state, SERVER_DOWN);
		atomic_store(&second->state, SERVER_UP);
		assert_picks(f, 5, "22222");
		atomic_store(&second->state, SERVER_DOWN);
		assert_int_equal(lineup_choose(&f->x, NULL, &s), CHOICE_NONE);
		assert_null(s);
	}
}

static void backups_are_used_when_nobody_else_is_left(void **state)
{
	struct farm *f = *state;
	struct server *active = farm_add(f, "s1", 1), *first = farm_add(f, "s2", 1);

	first->o.backup = true;
	farm_add(f, "s3", 1)->o.backup = true;
	server_states_begin(&f->gateway);
	assert_picks(f, 3, "111");
	atomic_store(&active->state, SERVER_DOWN);
	lineup_rebuild(&f->gateway, &f->proxy);
	assert_picks(f, 3, "222");
	atomic_store(&first->state, SERVER_DOWN);
	lineup_rebuild(&f->gateway, &f->proxy);
	assert_picks(f, 3, "333");
	atomic_store(&first->state, SERVER_UP);
	f->proxy.backend.all_backups = true;
	lineup_rebuild(&f->gateway, &f->proxy);
	assert_int_equal(lineup_usable(&f->proxy), 2);
	atomic_store(&active->state, SERVER_UP);
	lineup_rebuild(&f->gateway, &f->proxy);
	assert_picks(f, 3, "111");
}

/* Else each change would send the next request to the first server. */
static void a_new_picture_goes_on_with_the_turns(void **state)
{
	struct farm *f = *state;

	farm_add(f, "s1", 1);
	farm_add(f, "s2", 1);
	farm_add(f, "s3", 1);
	server_states_begin(&f->gateway);
	assert_picks(f, 4, "1231");
	lineup_rebuild(&f->gateway, &f->proxy);
	assert_picks(f, 4, "2312");
}

static void places_are_as_many_as_maxconn(void **state)
{
	struct farm *f = *state;
	struct server *s = farm_add(f, "s1", 1);

	s->o.maxconn = 2;
	server_states_begin(&f->gateway);
	assert_true(server_enter(s));
	assert_true(server_enter(s));
	assert_false(server_enter(s));
	assert_int_equal(atomic_load(&s->served), 2);
	server_leave(&f->gateway, s);
	assert_true(server_enter(s));
	atomic_store(&s->maxconn, 0); /* no limit */
	for (unsigned i = 0; i < 1000; i++)
		assert_true(server_enter(s));
	assert_int_equal(atomic_load(&s->served), 1002);
	assert_int_equal(atomic_load(&s->served_most), 1002);
	for (unsigned i = 0; i < 1002; i++)
		server_leave(&f->gateway, s);
	assert_int_equal(atomic_load(&s->served), 0);
	assert_int_equal(atomic_load(&s->served_most), 1002);
}

static void places_grow_while_a_server_starts(void **state)
{
	struct farm *f = *state;
	struct server *s = farm_add(f, "s1", 1);

	s->o.maxconn = 50;
	server_states_begin(&f->gateway);
	atomic_store(&s->slow_percent, 1); /* half a place is one */
	assert_true(server_enter(s));
	assert_false(server_enter(s));
	atomic_store(&s->slow_percent, 6);
	assert_true(server_enter(s));
	assert_true(server_enter(s));
	assert_false(server_enter(s));
	for (unsigned i = 0; i < 3; i++)
		server_leave(&f->gateway, s);
}

static void leave_too_often(void *arg)
{
	struct pair *p = arg;

	server_leave(p->gateway, p->server);
}

static void a_place_is_given_back_once(void **state)
{
	struct farm *f = *state;
	struct pair p = { &f->gateway, farm_add(f, "s1", 1) };

	server_states_begin(&f->gateway);
	assert_true(server_enter(p.server));
	server_leave(&f->gateway, p.server);
	assert_true(dies(leave_too_often, &p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(without_servers_there_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(only_usable_servers_are_in, setup, teardown),
		cmocka_unit_test_setup_teardown(an_old_picture_names_nobody_who_is_down, setup, teardown),
		cmocka_unit_test_setup_teardown(backups_are_used_when_nobody_else_is_left, setup, teardown),
		cmocka_unit_test_setup_teardown(a_new_picture_goes_on_with_the_turns, setup, teardown),
		cmocka_unit_test_setup_teardown(places_are_as_many_as_maxconn, setup, teardown),
		cmocka_unit_test_setup_teardown(places_grow_while_a_server_starts, setup, teardown),
		cmocka_unit_test_setup_teardown(a_place_is_given_back_once, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
