/* leader_test.c - who holds the lock, and how it is lost, on a real server. */
#include "shared/svc/leader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "shared/base/clock.h"
#include "tests/unit/support/domain.h"
#include "tests/unit/support/servers.h"

#define ASK "SELECT GET_LOCK(CONCAT('moa.leader_test.', DATABASE()), 1)"
#define SECOND_US 1000000

static struct sql_db *db;
static struct proxy *proxy;
static struct arena *arena;
static struct sql_conn *first, *other;

static int setup(void **state)
{
	char url[SERVERS_URL_BYTES];
	struct sql_options o = { .connections = 2 };
	const char *why;

	(void)state;
	proxy = proxy_for("TEST_MYSQL_URL", url);
	o.url = slice_str(url);
	db = sql_db_create(&o, &why);
	arena = arena_create(4096, 1 << 20);
	return sql_db_wait_up(db, 10000) && leader_open(db, &first) == ERR_OK && leader_open(db, &other) == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	if (first != NULL)
		sql_close(&first);
	if (other != NULL)
		sql_close(&other);
	sql_db_free(&db);
	proxy_stop(&proxy);
	arena_free(&arena);
	return 0;
}

static void one_leads_until_its_session_ends(void **state)
{
	int64_t start_us;

	(void)state;
	assert_int_equal(leader_ask(first, ASK, arena), ERR_OK);
	start_us = clock_mono_us();
	assert_int_equal(leader_ask(other, ASK, arena), ERR_NOT_LEADER);
	assert_true(clock_mono_us() - start_us >= SECOND_US * 9 / 10); /* it waited for the lock */
	sql_close(&first);
	UNTIL(10000, leader_ask(other, ASK, arena) == ERR_OK);
}

/* The holder says nothing, as if it were frozen: the server ends its session, and the other has the lock soon. */
static void a_silent_leader_loses_it(void **state)
{
	int64_t used_us = clock_mono_us(), silent_us;

	(void)state;
	assert_int_equal(leader_ask(first, ASK, arena), ERR_OK);
	silent_us = clock_mono_us();
	UNTIL(20000, leader_ask(other, ASK, arena) == ERR_OK);
	assert_true(clock_mono_us() - silent_us > (LEADER_IDLE_S - 1) * SECOND_US);
	assert_int_equal(leader_keep(first, &used_us), ERR_NOT_LEADER);
}

static void one_that_says_something_keeps_it(void **state)
{
	int64_t used_us = clock_mono_us(), until_us = used_us + (LEADER_IDLE_S + 2) * SECOND_US;

	(void)state;
	assert_int_equal(leader_ask(first, ASK, arena), ERR_OK);
	while (clock_mono_us() < until_us) {
		assert_int_equal(leader_keep(first, &used_us), ERR_OK);
		assert_int_equal(leader_ask(other, ASK, arena), ERR_NOT_LEADER);
	}
}

/* It is asked at most once a second, so that is how long a loss goes unnoticed. */
static void a_lost_server_ends_it(void **state)
{
	int64_t used_us = clock_mono_us();

	(void)state;
	assert_int_equal(leader_ask(first, ASK, arena), ERR_OK);
	proxy_set(proxy, PROXY_AWAY);
	assert_int_equal(leader_keep(first, &used_us), ERR_OK);
	used_us = 0;
	assert_int_equal(leader_keep(first, &used_us), ERR_NOT_LEADER);
	assert_int_not_equal(leader_ask(other, ASK, arena), ERR_OK);
	proxy_set(proxy, PROXY_PASS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_leads_until_its_session_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(a_silent_leader_loses_it, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_says_something_keeps_it, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lost_server_ends_it, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
