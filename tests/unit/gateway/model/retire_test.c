/* retire_test.c - memory is freed once, and not before every loop has begun another round.
 *
 * link: -Wl,--wrap=calloc
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/model/retire.h"
#include "tests/unit/gateway/support/farm.h"

static atomic_bool calloc_fails;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return atomic_load(&calloc_fails) ? NULL : __real_calloc(n, size);
}

static void count_up(void *memory)
{
	atomic_fetch_add((_Atomic unsigned *)memory, 1);
}

static int setup(void **state)
{
	struct farm *f = calloc(1, sizeof(*f));

	farm_setup(f, 2, BALANCE_ROUNDROBIN);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	farm_teardown(*state);
	free(*state);
	return 0;
}

static void before_the_loops_run_it_is_at_once(void **state)
{
	struct farm *f = *state;
	_Atomic unsigned freed = 0;

	retire(&f->gateway, &freed, count_up);
	assert_int_equal(atomic_load(&freed), 1);
	retire(&f->gateway, NULL, count_up); /* nothing happens */
}

static void every_loop_has_to_pass_twice(void **state)
{
	struct farm *f = *state;
	_Atomic unsigned freed = 0;

	atomic_store(&f->gateway.running, true);
	retire(&f->gateway, &freed, count_up);
	for (unsigned i = 0; i < 5; i++)
		loop_round(f->workers[0].loop, 0);
	assert_int_equal(atomic_load(&freed), 0);
	loop_round(f->workers[1].loop, 0);
	assert_int_equal(atomic_load(&freed), 0); /* a handler of this very round may have read the pointer */
	loop_round(f->workers[1].loop, 0);
	assert_int_equal(atomic_load(&freed), 1);
	for (unsigned i = 0; i < 3; i++)
		loop_round(f->workers[i % 2].loop, 0);
	assert_int_equal(atomic_load(&freed), 1);
	atomic_store(&f->gateway.running, false);
}

static void many_at_once_in_threads(void **state)
{
	enum { MANY = 500 };
	struct farm *f = *state;
	_Atomic unsigned freed = 0;

	farm_run(f);
	for (unsigned i = 0; i < MANY; i++)
		retire(&f->gateway, &freed, count_up);
	assert_true(farm_await(&freed, MANY));
	farm_stop(f);
	assert_int_equal(atomic_load(&freed), MANY);
}

static void without_memory_it_is_lost_not_freed_early(void **state)
{
	struct farm *f = *state;
	_Atomic unsigned freed = 0;

	atomic_store(&f->gateway.running, true);
	atomic_store(&calloc_fails, true);
	retire(&f->gateway, &freed, count_up);
	atomic_store(&calloc_fails, false);
	farm_settle(f);
	assert_int_equal(atomic_load(&freed), 0);
	atomic_store(&f->gateway.running, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(before_the_loops_run_it_is_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(every_loop_has_to_pass_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(many_at_once_in_threads, setup, teardown),
		cmocka_unit_test_setup_teardown(without_memory_it_is_lost_not_freed_early, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
