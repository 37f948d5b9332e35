/* names_dns_test.c - servers whose names are asked of name servers: first answers, refusals, silence, lies, "hold", and who gets what. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "gateway/health/resolver.h"
#include "gateway/model/server_text.h"
#include "tests/unit/gateway/support/farm.h"
#include "tests/unit/gateway/support/name_server.h"

enum { NAME_SERVERS = 2, LONG_MS = 60000 };

struct test {
	struct farm farm;
	struct resolvers section;
	struct name_server_fake fakes[NAME_SERVERS];
	unsigned fake_count;
};

static struct loop *loop_of(struct test *t)
{
	return t->farm.workers[0].loop;
}

static int setup(void **state)
{
	struct test *t = calloc(1, sizeof(*t));

	farm_setup(&t->farm, 1, BALANCE_ROUNDROBIN);
	t->section = (struct resolvers){ .name = SLICE("dns"), .retries = 2, .timeout_ms = 100, .timeout_resolve_ms = 20, .payload_size = 512,
					 .hold_nx_ms = LONG_MS, .hold_refused_ms = LONG_MS, .hold_timeout_ms = LONG_MS, .hold_other_ms = LONG_MS };
	t->farm.config.resolvers = &t->section;
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct test *t = *state;

	resolver_stop(&t->farm.gateway.resolver);
	for (unsigned i = 0; i < t->fake_count; i++)
		name_server_stop(&t->fakes[i]);
	farm_teardown(&t->farm);
	free(t);
	return 0;
}

static struct name_server_fake *serve(struct test *t, enum manner manner, const char *v4, const char *v6)
{
	static const char *const names[NAME_SERVERS] = { "one", "two" };
	struct name_server_fake *fake = &t->fakes[t->fake_count];

	name_server_start(fake, names[t->fake_count++], manner, v4, v6);
	fake->conf.next = t->section.servers;
	t->section.servers = &fake->conf;
	return fake;
}

/* A server "shop.test:80"; <init>: its init-addr. */
static struct server *named(struct test *t, const char *name, const char *init)
{
	struct server *s = farm_add(&t->farm, name, 1);

	s->host = SLICE_LIT("shop.test");
	s->port = 80;
	s->o.resolvers = &t->section;
	s->o.prefer = FAMILY_4;
	s->o.init_addr = slice_str(init);
	return s;
}

static void start(struct test *t)
{
	server_states_begin(&t->farm.gateway);
	t->farm.gateway.resolver = resolver_start(&t->farm.gateway);
	assert_non_null(t->farm.gateway.resolver);
}

static const char *address(const struct server *s, char space[SERVER_ADDRESS_SIZE])
{
	return server_address_text(atomic_load(&s->address), space, NULL);
}

static bool in_maintenance(const struct server *s)
{
	return (atomic_load(&s->admin) & SERVER_MAINT_NAME) != 0;
}

/* Lets the first worker hear the messages until the server has that address ("-": none). */
static void await_address(struct test *t, const struct server *s, const char *want)
{
	int64_t end_us = clock_mono_us() + 20 * 1000 * 1000;
	char space[SERVER_ADDRESS_SIZE];

	while (strcmp(address(s, space), want) != 0) {
		if (clock_mono_us() > end_us)
			fail_msg("%.*s has %s, not %s", SLICE_ARG(s->name), space, want);
		loop_round(loop_of(t), 50);
	}
	assert_int_equal(in_maintenance(s), strcmp(want, "-") == 0);
}

/* Until <fake> has been asked <more> times from now on; messages are heard. */
static void await_questions(struct test *t, struct name_server_fake *fake, unsigned more)
{
	unsigned want = atomic_load(&fake->questions) + more;
	int64_t end_us = clock_mono_us() + 20 * 1000 * 1000;

	while (atomic_load(&fake->questions) < want) {
		assert_true(clock_mono_us() < end_us);
		loop_round(loop_of(t), 5);
	}
}

/* --- one server --- */

static void addresses_need_nobody(void **state)
{
	struct test *t = *state;

	farm_add(&t->farm, "a", 1);
	server_states_begin(&t->farm.gateway);
	assert_null(resolver_start(&t->farm.gateway));
	resolver_stop(&t->farm.gateway.resolver); /* nothing happens */
}

static void a_server_gets_its_address(void **state)
{
	struct test *t = *state;
	struct name_server_fake *fake = serve(t, SERVES, "192.0.2.1", "2001:db8::1");
	struct server *s = named(t, "a", "none");
	char space[SERVER_ADDRESS_SIZE];
	unsigned port;

	start(t);
	assert_true(in_maintenance(s));
	await_address(t, s, "192.0.2.1");
	server_address_text(atomic_load(&s->address), space, &port);
	assert_int_equal(port, 80);
	assert_true(server_usable(s));
	assert_int_equal(atomic_load(&fake->questions_v6), 0);
	assert_int_equal(atomic_load(&fake->payload), 0);
}

static void it_follows_its_name(void **state)
{
	struct test *t = *state;
	struct name_server_fake *fake = serve(t, SERVES, "192.0.2.1", "");
	struct server *s = named(t, "a", "none");

	start(t);
	await_address(t, s, "192.0.2.1");
	atomic_store(&fake->v4, "192.0.2.2");
	await_address(t, s, "192.0.2.2");
	assert_int_equal(atomic_load(&s->downs), 0);
}

static void it_may_get_another_name(void **state)
{
	struct test *t = *state;
	struct name_server_fake *fake = serve(t, SERVES, "192.0.2.1", "");
	struct server *a = named(t, "a", "none"), *b = named(t, "b", "none"), *c = farm_add(&t->farm, "c", 1);
	char name[] = "other.test";

	atomic_store(&fake->other, "192.0.2.8 192.0.2.9");
	atomic_store(&fake->v4, "192.0.2.1 192.0.2.2");
	start(t);
	await_address(t, a, "192.0.2.1");
	await_address(t, b, "192.0.2.2");
	assert_true(resolver_rename(&t->farm.gateway, a, slice_of(name, sizeof(name) - 1)));
	memset(name, 'x', sizeof(name)); /* it was copied */
	assert_true(slice_eq(a->host, SLICE_LIT("other.test")));
	assert_false(in_maintenance(a)); /* until the answer comes it keeps what it has */
	await_address(t, a, "192.0.2.8");
	await_address(t, b, "192.0.2.2");
	assert_true(resolver_rename(&t->farm.gateway, b, SLICE_LIT("OTHER.test"))); /* asked for already: joins */
	await_address(t, b, "192.0.2.9");
	assert_true(resolver_rename(&t->farm.gateway, a, SLICE_LIT("shop.test"))); /* and back */
	await_address(t, a, "192.0.2.1");
	assert_false(resolver_rename(&t->farm.gateway, c, SLICE_LIT("other.test"))); /* its address is a number */
}

static void the_sixth_version_comes_first(void **state)
{
	struct test *t = *state;
	struct name_server_fake *fake = serve(t, SERVES, "192.0.2.1", "2001:db8::1");
	struct server *s = named(t, "a", "none");

	s->o.prefer = FAMILY_ANY;
	t->section.payload_size = 4096;
	start(t);
	await_address(t, s, "2001:db8::1");
	assert_int_equal(atomic_load(&fake->payload), 4096);
	atomic_store(&fake->v6, ""); /* the other kind is better than none */
	await_address(t, s, "192.0.2.1");
}

static void the_first_good_answer_wins(void **state)
{
	static const enum manner others[] = { SILENT, SAYS_NX, SAYS_REFUSED, SAYS_CUT };

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct test *t;
		struct server *s;

		setup(state);
		t = *state;
		t->section.timeout_ms = LONG_MS; /* nobody waits for the other one */
		serve(t, others[i], "", "");
		serve(t, SERVES, "192.0.2.1", "");
		s = named(t, "a", "none");
		start(t);
		await_address(t, s, "192.0.2.1");
		teardown(state);
	}
}

static void a_cut_answer_leads_to_the_other_kind(void **state)
{
	static const enum manner cuts[] = { SAYS_CUT, SAYS_MUCH };

	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		struct test *t;
		struct name_server_fake *fake;
		struct server *s;

		setup(state);
		t = *state;
		fake = serve(t, cuts[i], "", "");
		s = named(t, "a", "192.0.2.77");
		t->section.hold_other_ms = 0;
		start(t);
		await_address(t, s, "-");
		assert_true(atomic_load(&fake->questions_v6) > 0);
		atomic_store(&fake->v4, "192.0.2.1");
		atomic_store(&fake->manner, SERVES);
		await_address(t, s, "192.0.2.1");
		teardown(state);
	}
}

static void lies_are_not_believed(void **state)
{
	struct test *t = *state;
	struct server *s;
	char space[SERVER_ADDRESS_SIZE];
	struct buf out;

	serve(t, SAYS_LIES, "192.0.2.1", "");
	s = named(t, "a", "none");
	start(t);
	await_address(t, s, "192.0.2.1");
	await_questions(t, &t->fakes[0], 3);
	assert_string_equal(address(s, space), "192.0.2.1");
	buf_init(&out, 0);
	assert_true(resolver_show(&t->farm.gateway, SLICE_LIT("dns"), &out));
	buf_add_char(&out, '\0');
	assert_non_null(strstr(out.ptr, "Resolvers section dns\n nameserver one:\n  sent:        "));
	assert_null(strstr(out.ptr, "  valid:       0\n"));
	assert_null(strstr(out.ptr, "  invalid:     0\n"));
	assert_null(strstr(out.ptr, "  outdated:    0\n"));
	assert_non_null(strstr(out.ptr, "  nx:          0\n"));
	buf_free(&out);
}

/* --- no answer --- */

static void silence_is_asked_again(void **state)
{
	struct test *t = *state;
	struct name_server_fake *fake = serve(t, SILENT, "", "");
	struct server *s = named(t, "a", "192.0.2.7");

	t->section.timeout_ms = 10;
	t->section.hold_timeout_ms = 0;
	start(t);
	assert_false(in_maintenance(s));
	await_address(t, s, "-");
	assert_true(atomic_load(&fake->questions) >= 2); /* resolve_retries */
	assert_int_equal(atomic_load(&fake->questions_v6), 0); /* silence says nothing about the kind */
	atomic_store(&fake->v4, "192.0.2.1");
	atomic_store(&fake->manner, SERVES);
	await_address(t, s, "192.0.2.1");
}

static void each_refusal_has_its_hold(void **state)
{
	static const struct {
		enum manner manner;
		size_t hold;
	} rows[] = {
		{ SAYS_NX, offsetof(struct resolvers, hold_nx_ms) },
		{ SAYS_REFUSED, offsetof(struct resolvers, hold_refused_ms) },
		{ SERVES, offsetof(struct resolvers, hold_other_ms) }, /* no address of either kind */
		{ SILENT, offsetof(struct resolvers, hold_timeout_ms) },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char space[SERVER_ADDRESS_SIZE];
		struct test *t;
		struct name_server_fake *fake;
		struct server *s;
		int none = 0;

		for (int held = 1; held >= 0; held--) {
			setup(state);
			t = *state;
			t->section.timeout_ms = 10;
			fake = serve(t, rows[i].manner, "", "");
			s = named(t, "a", "192.0.2.7");
			if (!held)
				memcpy((char *)&t->section + rows[i].hold, &none, sizeof(none));
			start(t);
			if (held) {
				await_questions(t, fake, 8);
				assert_string_equal(address(s, space), "192.0.2.7");
				assert_false(in_maintenance(s));
			} else {
				await_address(t, s, "-");
			}
			teardown(state);
		}
	}
}

static void a_name_that_is_gone_comes_back(void **state)
{
	struct test *t = *state;
	struct name_server_fake *fake = serve(t, SERVES, "192.0.2.1", "");
	struct server *s = named(t, "a", "none");

	t->section.hold_nx_ms = 0;
	t->section.timeout_ms = 10;
	start(t);
	await_address(t, s, "192.0.2.1");
	for (unsigned i = 0; i < 3; i++) {
		atomic_store(&fake->manner, SAYS_NX);
		await_address(t, s, "-");
		await_questions(t, fake, 5); /* it is told once, not each time */
		atomic_store(&fake->manner, SERVES);
		await_address(t, s, "192.0.2.1");
	}
	assert_int_equal(atomic_load(&s->downs), 3);
}

static void a_name_server_that_is_not_there(void **state)
{
	struct test *t = *state;
	struct name_server_fake gone;
	struct server *s;

	name_server_start(&gone, "gone", SILENT, "", "");
	name_server_stop(&gone);
	gone.conf.next = NULL;
	t->section.servers = &gone.conf;
	t->section.timeout_ms = 10;
	t->section.hold_timeout_ms = 0;
	s = named(t, "a", "192.0.2.7");
	start(t);
	await_address(t, s, "-");
	resolver_stop(&t->farm.gateway.resolver);
}

static void a_section_without_name_servers(void **state)
{
	struct test *t = *state;
	struct server *s = named(t, "a", "192.0.2.7");

	t->section.timeout_ms = 10;
	t->section.hold_timeout_ms = 0;
	start(t);
	await_address(t, s, "-");
}

/* --- several servers --- */

static void servers_of_one_name_share_its_addresses(void **state)
{
	struct test *t = *state;
	struct name_server_fake *fake = serve(t, SERVES, "192.0.2.1 192.0.2.2", "");
	struct server *a = named(t, "a", "192.0.2.2"), *b = named(t, "b", "192.0.2.2"), *c = named(t, "c", "192.0.2.9");
	char space[SERVER_ADDRESS_SIZE];

	start(t);
	await_address(t, b, "192.0.2.1"); /* a keeps its own, and there is no third one */
	assert_string_equal(address(a, space), "192.0.2.2");
	assert_string_equal(address(c, space), "-");
	assert_true(in_maintenance(c));
	atomic_store(&fake->v4, "192.0.2.3 192.0.2.2 192.0.2.1"); /* the order is nothing */
	await_address(t, c, "192.0.2.3");
	assert_string_equal(address(a, space), "192.0.2.2");
	assert_string_equal(address(b, space), "192.0.2.1");
	atomic_store(&fake->v4, "192.0.2.3 192.0.2.1");
	await_address(t, a, "-");
	assert_string_equal(address(b, space), "192.0.2.1");
	assert_string_equal(address(c, space), "192.0.2.3");
}

static void servers_of_other_backends_have_their_own_share(void **state)
{
	struct test *t = *state;
	struct server *a = named(t, "a", "none"), *b = named(t, "b", "none");
	struct proxy other = { .name = SLICE("other"), .id = 3, .is_backend = true };

	serve(t, SERVES, "192.0.2.1", "");
	a->next = NULL;
	t->farm.proxy.next = &other;
	other.backend.servers = b;
	b->backend = &other;
	start(t);
	await_address(t, a, "192.0.2.1");
	await_address(t, b, "192.0.2.1");
	resolver_stop(&t->farm.gateway.resolver);
	farm_settle(&t->farm);
	server_states_end(&t->farm.gateway);
	t->farm.proxy.next = NULL;
}

static void what_an_answer_leaves_out_may_stay_a_while(void **state)
{
	struct test *t = *state;
	struct name_server_fake *fake = serve(t, SERVES, "192.0.2.1", "");
	struct server *a = named(t, "a", "none"), *b = named(t, "b", "none");
	char space[SERVER_ADDRESS_SIZE];

	t->section.hold_obsolete_ms = LONG_MS;
	start(t);
	await_address(t, a, "192.0.2.1");
	atomic_store(&fake->v4, "192.0.2.2");
	await_address(t, b, "192.0.2.2");
	await_questions(t, fake, 3);
	assert_string_equal(address(a, space), "192.0.2.1");
}

/* --- the process --- */

static void many_names_are_asked_apart(void **state)
{
	enum { NAMES = 100 };
	struct test *t = *state;
	struct server *servers[NAMES];

	serve(t, SERVES, "192.0.2.1", "");
	for (unsigned i = 0; i < NAMES; i++) {
		servers[i] = named(t, "a", "none");
		servers[i]->host = arena_printf(t->farm.config.arena, "n%u.test", i);
	}
	start(t);
	for (unsigned i = 0; i < NAMES; i++)
		await_address(t, servers[i], "192.0.2.1");
}

static void a_stop_waits_for_no_answer(void **state)
{
	struct test *t = *state;
	int64_t start_us;

	serve(t, SILENT, "", "");
	named(t, "a", "none");
	t->section.timeout_ms = LONG_MS;
	start(t);
	await_questions(t, &t->fakes[0], 1);
	start_us = clock_mono_us();
	resolver_stop(&t->farm.gateway.resolver);
	assert_null(t->farm.gateway.resolver);
	assert_true(clock_mono_us() - start_us < 10 * 1000 * 1000);
}

static void only_known_sections_are_shown(void **state)
{
	struct test *t = *state;
	struct buf out;

	serve(t, SERVES, "", "");
	buf_init(&out, 0);
	assert_false(resolver_show(&t->farm.gateway, SLICE_LIT("other"), &out));
	assert_int_equal(out.len, 0);
	assert_true(resolver_show(&t->farm.gateway, SLICE_NONE, &out)); /* also when nothing is asked of it */
	buf_add_char(&out, '\0');
	assert_non_null(strstr(out.ptr, "Resolvers section dns\n nameserver one:\n  sent:        0\n  snd_error:   0\n"));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(addresses_need_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(a_server_gets_its_address, setup, teardown),
		cmocka_unit_test_setup_teardown(it_follows_its_name, setup, teardown),
		cmocka_unit_test_setup_teardown(it_may_get_another_name, setup, teardown),
		cmocka_unit_test_setup_teardown(the_sixth_version_comes_first, setup, teardown),
		cmocka_unit_test(the_first_good_answer_wins),
		cmocka_unit_test(a_cut_answer_leads_to_the_other_kind),
		cmocka_unit_test_setup_teardown(lies_are_not_believed, setup, teardown),
		cmocka_unit_test_setup_teardown(silence_is_asked_again, setup, teardown),
		cmocka_unit_test(each_refusal_has_its_hold),
		cmocka_unit_test_setup_teardown(a_name_that_is_gone_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(a_name_server_that_is_not_there, setup, teardown),
		cmocka_unit_test_setup_teardown(a_section_without_name_servers, setup, teardown),
		cmocka_unit_test_setup_teardown(servers_of_one_name_share_its_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(servers_of_other_backends_have_their_own_share, setup, teardown),
		cmocka_unit_test_setup_teardown(what_an_answer_leaves_out_may_stay_a_while, setup, teardown),
		cmocka_unit_test_setup_teardown(many_names_are_asked_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(a_stop_waits_for_no_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(only_known_sections_are_shown, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
