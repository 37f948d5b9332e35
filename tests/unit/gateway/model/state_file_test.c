/* state_file_test.c - "show servers state" written and read back: what survives, what the configuration wins over, what is passed over. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>

#include "gateway/health/check.h"
#include "gateway/model/server_text.h"
#include "tests/unit/gateway/support/farm.h"

struct test {
	struct farm farm;
	struct server *s; /* the only one, checked */
	struct buf out;
	char text[2048];
};

static int setup(void **state)
{
	struct test *t = calloc(1, sizeof(*t));

	farm_setup(&t->farm, 1, BALANCE_ROUNDROBIN);
	t->s = farm_add(&t->farm, "s1", 10);
	t->s->o.check = true;
	buf_init(&t->out, 0);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct test *t = *state;

	buf_free(&t->out);
	farm_teardown(&t->farm);
	free(t);
	return 0;
}

/* The line of <t->s>. */
static const char *written(struct test *t)
{
	struct slice rest, own;

	buf_clear(&t->out);
	server_states_write(&t->farm.gateway, NULL, &t->out);
	rest = buf_slice(&t->out);
	assert_true(slice_eq(slice_cut(&rest, '\n'), SLICE_LIT("1")));
	assert_true(slice_starts_with(slice_cut(&rest, '\n'), SLICE_LIT("# be_id be_name srv_id srv_name srv_addr srv_op_state ")));
	own = slice_cut(&rest, '\n');
	snprintf(t->text, sizeof(t->text), "%.*s", SLICE_ARG(own));
	return t->text;
}

/* The file with that one line. */
static void reads(struct test *t, const char *line)
{
	char file[4096];

	snprintf(file, sizeof(file), "1\n# be_id be_name …\n%s\n", line);
	server_states_read(&t->farm.gateway, slice_str(file));
}

static void begin(struct test *t)
{
	server_states_begin(&t->farm.gateway);
}

/* A line with these; the rest is usual. */
static const char *line(struct test *t, unsigned state, unsigned admin, unsigned weight, unsigned since_s, unsigned health)
{
	snprintf(t->text, sizeof(t->text), "2 be 1 s1 127.0.0.1 %u %u %u 10 %u 6 3 %u 6 0 0 0 - 8001 - 0 0 - - 0", state, admin, weight, since_s,
		 health);
	return t->text;
}

/* --- writing --- */

static void a_server_is_a_line(void **state)
{
	struct test *t = *state;

	begin(t);
	assert_string_equal(written(t), "2 be 1 s1 127.0.0.1 2 0 10 10 0 1 0 2 0 0 0 0 - 8001 - 0 0 - - 0");
	server_set_admin(&t->farm.gateway, t->s, SERVER_MAINT, 0);
	server_set_weight(&t->farm.gateway, t->s, 3);
	t->s->o.check_port = 99;
	t->s->o.check_host = SLICE_LIT("192.0.2.1");
	assert_string_equal(written(t), "2 be 1 s1 127.0.0.1 0 1 3 10 0 1 0 0 8 0 0 0 - 8001 - 0 99 192.0.2.1 - 0");
}

static void names_and_paths_have_their_place(void **state)
{
	struct test *t = *state;
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(8001) };

	t->s->host = SLICE_LIT("shop.test");
	begin(t);
	assert_string_equal(written(t), "2 be 1 s1 - 0 32 10 10 0 1 0 0 8 0 0 0 shop.test 8001 - 0 0 - - 0");
	inet_pton(AF_INET6, "2001:db8::1", &in6.sin6_addr);
	server_set_address(&t->farm.gateway, t->s, (struct sockaddr *)&in6, sizeof(in6));
	assert_string_equal(written(t), "2 be 1 s1 2001:db8::1 2 0 10 10 0 1 0 2 0 0 0 0 shop.test 8001 - 0 0 - - 0");
}

static void states_have_their_numbers(void **state)
{
	static const struct {
		enum server_state state;
		unsigned admin;
		const char *want; /* from the address on */
	} rows[] = {
		{ SERVER_DOWN, 0, "127.0.0.1 0 0 " },
		{ SERVER_STARTING, 0, "127.0.0.1 1 0 " },
		{ SERVER_UP, 0, "127.0.0.1 2 0 " },
		{ SERVER_STOPPING, 0, "127.0.0.1 3 0 " },
		{ SERVER_UP, SERVER_MAINT, "127.0.0.1 0 1 " },
		{ SERVER_UP, SERVER_DRAIN, "127.0.0.1 2 8 " },
		{ SERVER_UP, SERVER_DRAIN | SERVER_MAINT, "127.0.0.1 0 9 " },
		{ SERVER_UP, SERVER_MAINT_NAME, "127.0.0.1 0 32 " },
	};
	struct test *t = *state;

	begin(t);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		atomic_store(&t->s->state, rows[i].state);
		atomic_store(&t->s->admin, rows[i].admin);
		assert_non_null(strstr(written(t), rows[i].want));
	}
	t->s->o.disabled = true;
	atomic_store(&t->s->admin, SERVER_MAINT_CONFIG);
	assert_non_null(strstr(written(t), "127.0.0.1 0 5 "));
}

static void checks_are_told(void **state)
{
	struct test *t = *state;
	struct health h = { .server = t->s, .enabled = true, .last = CHECK_L7OK, .count = 3 };

	begin(t);
	t->s->health = &h;
	assert_string_equal(written(t), "2 be 1 s1 127.0.0.1 2 0 10 10 0 15 3 3 6 0 0 0 - 8001 - 0 0 - - 0");
	h.last = CHECK_L4CON;
	h.enabled = false;
	assert_string_equal(written(t), "2 be 1 s1 127.0.0.1 2 0 10 10 0 8 2 3 2 0 0 0 - 8001 - 0 0 - - 0");
	t->s->health = NULL;
}

static void one_backend_may_be_wanted(void **state)
{
	struct test *t = *state;
	struct proxy other = { .name = SLICE("other") };

	begin(t);
	buf_clear(&t->out);
	server_states_write(&t->farm.gateway, &other, &t->out);
	buf_add_char(&t->out, '\0');
	assert_null(strstr(t->out.ptr, "s1"));
	assert_non_null(strstr(t->out.ptr, "srv_agent_port\n\n"));
}

/* --- reading --- */

static void what_is_written_is_read_back(void **state)
{
	struct test *t = *state;
	char before[2048];

	begin(t);
	server_set_state(&t->farm.gateway, t->s, SERVER_DOWN, NULL);
	server_set_admin(&t->farm.gateway, t->s, SERVER_DRAIN, 0);
	server_set_weight(&t->farm.gateway, t->s, 3);
	atomic_store(&t->s->changed_ms, atomic_load(&t->s->changed_ms) - 100 * 1000);
	snprintf(before, sizeof(before), "%s", written(t));
	assert_non_null(strstr(before, " 0 8 3 10 100 "));
	farm_settle(&t->farm);
	server_states_end(&t->farm.gateway);
	begin(t);
	reads(t, before);
	assert_string_equal(written(t), before);
	assert_int_equal(lineup_usable(&t->farm.proxy), 0);
}

static void health_goes_on(void **state)
{
	static const struct {
		unsigned state, admin, health;
		enum server_state want;
		unsigned loaded; /* health_loaded */
	} rows[] = {
		{ 2, 0, 4, SERVER_UP, 5 },
		{ 2, 0, 3, SERVER_UP, 4 },
		{ 2, 0, 99, SERVER_UP, 5 },    /* not above the best */
		{ 2, 0, 1, SERVER_UP, 0 },     /* of another rise */
		{ 0, 0, 1, SERVER_DOWN, 2 },
		{ 0, 0, 0, SERVER_DOWN, 1 },
		{ 0, 0, 3, SERVER_DOWN, 0 },
		{ 3, 0, 4, SERVER_STOPPING, 5 },
		{ 1, 0, 4, SERVER_UP, 5 },     /* it was starting slowly */
		{ 0, 1, 0, SERVER_UP, 0 },     /* in maintenance nothing was known */
		{ 0, 32, 0, SERVER_UP, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct test *t;

		setup(state);
		t = *state;
		begin(t);
		reads(t, line(t, rows[i].state, rows[i].admin, 10, 0, rows[i].health));
		assert_int_equal(atomic_load(&t->s->state), rows[i].want);
		assert_int_equal(t->s->health_loaded, rows[i].loaded);
		teardown(state);
	}
}

static void without_checks_a_server_is_up(void **state)
{
	struct test *t = *state;

	t->s->o.check = false;
	begin(t);
	reads(t, line(t, 0, 0, 10, 0, 0));
	assert_int_equal(atomic_load(&t->s->state), SERVER_UP);
}

static void operators_words_hold_unless_the_file_says_otherwise(void **state)
{
	static const struct {
		bool disabled;       /* in the configuration */
		unsigned admin;      /* in the state file */
		unsigned want;
	} rows[] = {
		{ false, 0, 0 },
		{ false, 1, SERVER_MAINT },
		{ false, 8, SERVER_DRAIN },
		{ false, 9, SERVER_DRAIN | SERVER_MAINT },
		{ false, 5, 0 },                       /* "disabled" was taken out */
		{ true, 5, SERVER_MAINT_CONFIG },
		{ true, 4, 0 },                        /* an operator enabled it */
		{ true, 1, SERVER_MAINT_CONFIG },      /* "disabled" is new */
		{ true, 0, SERVER_MAINT_CONFIG },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct test *t;

		setup(state);
		t = *state;
		t->s->o.disabled = rows[i].disabled;
		begin(t);
		reads(t, line(t, 2, rows[i].admin, 10, 0, 4));
		assert_int_equal(atomic_load(&t->s->admin), rows[i].want);
		teardown(state);
	}
}

static void weights_hold_unless_the_configuration_changed(void **state)
{
	struct test *t = *state;

	begin(t);
	reads(t, line(t, 2, 0, 3, 0, 4));
	assert_int_equal(atomic_load(&t->s->weight), 3);
	t->s->o.weight = 20;
	begin(t);
	reads(t, line(t, 2, 0, 3, 0, 4));
	assert_int_equal(atomic_load(&t->s->weight), 20);
}

static void last_addresses_are_for_the_same_name(void **state)
{
	static const struct {
		const char *init, *address, *name, *want;
	} rows[] = {
		{ NULL, "192.0.2.9", "shop.test", "192.0.2.9" },
		{ "libc,last", "192.0.2.9", "shop.test", "192.0.2.9" },
		{ "libc,none", "192.0.2.9", "shop.test", "-" },
		{ NULL, "192.0.2.9", "old.test", "-" },
		{ NULL, "-", "shop.test", "-" },
		{ NULL, "rubbish", "shop.test", "-" },
		{ NULL, "2001:db8::9", "shop.test", "2001:db8::9" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char space[SERVER_ADDRESS_SIZE];
		struct test *t;

		setup(state);
		t = *state;
		t->s->host = SLICE_LIT("shop.test");
		t->s->o.init_addr = slice_str(rows[i].init);
		begin(t);
		snprintf(t->text, sizeof(t->text), "2 be 1 s1 %s 2 0 10 10 0 6 3 4 6 0 0 0 %s 8001 - 0 0 - - 0", rows[i].address, rows[i].name);
		reads(t, t->text);
		assert_string_equal(server_address_text(atomic_load(&t->s->address), space, NULL), rows[i].want);
		teardown(state);
	}
}

static void addresses_of_the_configuration_win(void **state)
{
	struct test *t = *state;
	char space[SERVER_ADDRESS_SIZE];

	begin(t);
	reads(t, "2 be 1 s1 192.0.2.9 2 0 10 10 0 6 3 4 6 0 0 0 - 8001 - 0 0 - - 0");
	assert_string_equal(server_address_text(atomic_load(&t->s->address), space, NULL), "127.0.0.1");
}

static void lines_that_do_not_fit_are_passed_over(void **state)
{
	static const char *const lines[] = {
		"", "#", "2", "2 be 1 s1",
		"2 other 1 s1 127.0.0.1 0 1 3 10 0 6 3 0 6 0 0 0 - 8001 - 0 0 - - 0",
		"2 be 1 s9 127.0.0.1 0 1 3 10 0 6 3 0 6 0 0 0 - 8001 - 0 0 - - 0",
		"2 be 1 s1 127.0.0.1 4 1 3 10 0 6 3 0 6 0 0 0 - 8001 - 0 0 - - 0",
		"2 be 1 s1 127.0.0.1 0 256 3 10 0 6 3 0 6 0 0 0 - 8001 - 0 0 - - 0",
		"2 be 1 s1 127.0.0.1 0 1 257 10 0 6 3 0 6 0 0 0 - 8001 - 0 0 - - 0",
		"2 be 1 s1 127.0.0.1 0 1 3 10 -1 6 3 0 6 0 0 0 - 8001 - 0 0 - - 0",
		"2 be 1 s1 127.0.0.1 0 1 3 10 99999999999 6 3 0 6 0 0 0 - 8001 - 0 0 - - 0",
		"2 be 1 s1 127.0.0.1 0 1 3 x 0 6 3 0 6 0 0 0 - 8001 - 0 0 - - 0",
		"2 be 1 s1 127.0.0.1 0 1 3 10 0 6 3 x 6 0 0 0 - 8001 - 0 0 - - 0",
	};
	struct test *t = *state;

	begin(t);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		reads(t, lines[i]);
		assert_int_equal(atomic_load(&t->s->admin), 0);
		assert_int_equal(atomic_load(&t->s->weight), 10);
	}
	server_states_read(&t->farm.gateway, SLICE_LIT("2\n2 be 1 s1 127.0.0.1 0 1 3 10 0 6 3 0 6 0 0 0 - 8001 - 0 0 - - 0\n"));
	server_states_read(&t->farm.gateway, SLICE_LIT(""));
	server_states_read(&t->farm.gateway, SLICE_NONE);
	assert_int_equal(atomic_load(&t->s->admin), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_server_is_a_line, setup, teardown),
		cmocka_unit_test_setup_teardown(names_and_paths_have_their_place, setup, teardown),
		cmocka_unit_test_setup_teardown(states_have_their_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(checks_are_told, setup, teardown),
		cmocka_unit_test_setup_teardown(one_backend_may_be_wanted, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_written_is_read_back, setup, teardown),
		cmocka_unit_test(health_goes_on),
		cmocka_unit_test_setup_teardown(without_checks_a_server_is_up, setup, teardown),
		cmocka_unit_test(operators_words_hold_unless_the_file_says_otherwise),
		cmocka_unit_test_setup_teardown(weights_hold_unless_the_configuration_changed, setup, teardown),
		cmocka_unit_test(last_addresses_are_for_the_same_name),
		cmocka_unit_test_setup_teardown(addresses_of_the_configuration_win, setup, teardown),
		cmocka_unit_test_setup_teardown(lines_that_do_not_fit_are_passed_over, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
