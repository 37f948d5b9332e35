/* status_change_test.c - changes of servers from the status page: made on the first worker's thread, told on the asker's. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/admin/status_change.h"
#include "gateway/logs/sink.h"
#include "tests/unit/gateway/support/farm.h"

struct asker {
	struct farm farm;
	struct server *a, *b;
	unsigned told;
	enum status_outcome outcome;
	struct status_order *order;
};

static int setup(void **state)
{
	struct asker *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return -1;
	farm_setup(&t->farm, 2, BALANCE_ROUNDROBIN);
	t->a = farm_add(&t->farm, "a", 1);
	t->b = farm_add(&t->farm, "b", 1);
	t->farm.workers[0].log = log_sink_create(SLICE_LIT("host"), SLICE_LIT("tag"));
	server_states_begin(&t->farm.gateway);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct asker *t = *state;

	log_sink_free(&t->farm.workers[0].log);
	farm_teardown(&t->farm);
	free(t);
	return 0;
}

static void done(void *owner, struct status_order *order, enum status_outcome outcome)
{
	struct asker *t = owner;

	t->told++;
	t->order = order;
	t->outcome = outcome;
}

/* Asks on the second worker; its loop and the first one's are run by hand. */
static enum status_outcome change(struct asker *t, enum status_action action, unsigned servers, unsigned unknown)
{
	struct server *both[2] = { t->a, t->b };
	struct status_order order = { .action = action, .servers = both, .count = servers, .unknown = unknown };

	t->told = 0;
	assert_non_null(status_change_start(&t->farm.workers[1], &order, done, t));
	both[0] = both[1] = NULL; /* it has its own copy */
	loop_round(t->farm.workers[1].loop, 0);
	assert_int_equal(t->told, 0);
	loop_round(t->farm.workers[0].loop, 0);
	assert_int_equal(t->told, 0);
	loop_round(t->farm.workers[1].loop, 0);
	assert_int_equal(t->told, 1);
	assert_ptr_equal(t->order, &order);
	return t->outcome;
}

static void takes_servers_out_and_back(void **state)
{
	struct asker *t = *state;

	assert_int_equal(change(t, STATUS_MAINT, 2, 0), STATUS_DONE);
	assert_int_equal(t->a->admin, SERVER_MAINT);
	assert_int_equal(t->b->admin, SERVER_MAINT);
	assert_int_equal(change(t, STATUS_DRAIN, 1, 0), STATUS_DONE);
	assert_int_equal(t->a->admin, SERVER_DRAIN);
	assert_int_equal(t->b->admin, SERVER_MAINT);
	assert_int_equal(change(t, STATUS_READY, 2, 0), STATUS_DONE);
	assert_int_equal(t->a->admin, 0);
	assert_int_equal(t->b->admin, 0);
}

static void knows_the_older_words(void **state)
{
	struct asker *t = *state;

	assert_int_equal(change(t, STATUS_ENABLE, 1, 0), STATUS_NOTHING);
	assert_int_equal(change(t, STATUS_DISABLE, 1, 0), STATUS_DONE);
	assert_int_equal(t->a->admin, SERVER_MAINT);
	assert_int_equal(change(t, STATUS_ENABLE, 1, 0), STATUS_DONE);
	assert_int_equal(change(t, STATUS_START, 1, 0), STATUS_NOTHING);
	assert_int_equal(change(t, STATUS_STOP, 1, 0), STATUS_DONE);
	assert_int_equal(t->a->admin, SERVER_DRAIN);
	assert_int_equal(change(t, STATUS_START, 1, 0), STATUS_DONE);
	assert_int_equal(t->a->admin, 0);
}

static void says_how_it_went(void **state)
{
	struct asker *t = *state;

	assert_int_equal(change(t, STATUS_MAINT, 0, 0), STATUS_NOTHING);
	assert_int_equal(change(t, STATUS_MAINT, 0, 2), STATUS_ERROR);
	assert_int_equal(change(t, STATUS_MAINT, 1, 1), STATUS_PARTLY);
	assert_int_equal(change(t, STATUS_CHECKS_OFF, 1, 0), STATUS_NOTHING); /* it has none */
	assert_int_equal(change(t, STATUS_CHECKS_UP, 1, 0), STATUS_NOTHING);
	assert_int_equal(change(t, STATUS_SHUTDOWN, 1, 0), STATUS_DONE);
}

static void is_made_though_its_asker_has_left(void **state)
{
	struct asker *t = *state;
	struct server *servers[] = { t->a };
	struct status_order order = { .action = STATUS_MAINT, .servers = servers, .count = 1 };
	struct status_change *c = status_change_start(&t->farm.workers[1], &order, done, t);

	assert_non_null(c);
	status_change_abandon(&c);
	assert_null(c);
	status_change_abandon(&c);
	loop_round(t->farm.workers[0].loop, 0);
	loop_round(t->farm.workers[1].loop, 0);
	assert_int_equal(t->a->admin, SERVER_MAINT);
	assert_int_equal(t->told, 0);
}

static void the_first_worker_may_ask_itself(void **state)
{
	struct asker *t = *state;
	struct server *servers[] = { t->a };
	struct status_order order = { .action = STATUS_DRAIN, .servers = servers, .count = 1 };

	assert_non_null(status_change_start(&t->farm.workers[0], &order, done, t));
	assert_int_equal(t->told, 0);
	for (int i = 0; i < 3 && t->told == 0; i++)
		loop_round(t->farm.workers[0].loop, 0);
	assert_int_equal(t->told, 1);
	assert_int_equal(t->a->admin, SERVER_DRAIN);
}

static void has_a_word_for_each_action(void **state)
{
	enum status_action found;

	(void)state;
	for (unsigned a = 0; a < STATUS_ACTION_COUNT; a++) {
		assert_true(status_action_of(slice_str(status_action_word((enum status_action)a)), &found));
		assert_int_equal(found, a);
	}
	assert_false(status_action_of(SLICE_LIT("dagent"), &found));
	assert_false(status_action_of(SLICE_LIT(""), &found));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(takes_servers_out_and_back, setup, teardown),
		cmocka_unit_test_setup_teardown(knows_the_older_words, setup, teardown),
		cmocka_unit_test_setup_teardown(says_how_it_went, setup, teardown),
		cmocka_unit_test_setup_teardown(is_made_though_its_asker_has_left, setup, teardown),
		cmocka_unit_test_setup_teardown(the_first_worker_may_ask_itself, setup, teardown),
		cmocka_unit_test(has_a_word_for_each_action),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
