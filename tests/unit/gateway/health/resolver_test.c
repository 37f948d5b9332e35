/* resolver_test.c - what "init-addr" makes of names at the start, and libc's answers: quick, late, after failures, and never.
 *
 * link: -Wl,--wrap=getaddrinfo,--wrap=freeaddrinfo,--wrap=pthread_create
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>

#include "gateway/health/resolver.h"
#include "gateway/model/server_text.h"
#include "tests/unit/gateway/support/farm.h"

/* --- a libc that does as it is told --- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t change;
	bool held;            /* calls for names that begin with "slow" wait */
	unsigned waiting, calls;
	const char *answer;   /* addresses, parted by blanks; NULL: no such name */
} libc = { .lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER };
static bool create_fails;

int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **out);
void __wrap_freeaddrinfo(struct addrinfo *list);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
	return create_fails ? EAGAIN : __real_pthread_create(thread, attr, run, arg);
}

static struct addrinfo *info_make(const char *address)
{
	struct {
		struct addrinfo info;
		struct sockaddr_storage sa;
	} *both = calloc(1, sizeof(*both));

	assert_non_null(both);
	both->info.ai_addr = (struct sockaddr *)&both->sa;
	if (inet_pton(AF_INET, address, &((struct sockaddr_in *)&both->sa)->sin_addr) == 1)
		both->info.ai_family = AF_INET;
	else if (inet_pton(AF_INET6, address, &((struct sockaddr_in6 *)&both->sa)->sin6_addr) == 1)
		both->info.ai_family = AF_INET6;
	else
		both->info.ai_family = AF_UNIX; /* what nobody asked for */
	both->sa.ss_family = (sa_family_t)both->info.ai_family;
	return &both->info;
}

int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	struct slice rest;

	assert_null(service);
	assert_int_equal(hints->ai_family, AF_UNSPEC);
	pthread_mutex_lock(&libc.lock);
	libc.calls++;
	libc.waiting++;
	pthread_cond_broadcast(&libc.change);
	while (libc.held && strncmp(node, "slow", 4) == 0)
		pthread_cond_wait(&libc.change, &libc.lock);
	libc.waiting--;
	pthread_cond_broadcast(&libc.change);
	rest = slice_str(libc.answer);
	pthread_mutex_unlock(&libc.lock);
	if (rest.ptr == NULL)
		return EAI_NONAME;
	while (rest.ptr != NULL) {
		struct slice one = slice_cut(&rest, ' ');
		char text[64];

		snprintf(text, sizeof(text), "%.*s", SLICE_ARG(one));
		*out = info_make(text);
		out = &(*out)->ai_next;
	}
	return 0;
}

void __wrap_freeaddrinfo(struct addrinfo *list)
{
	while (list != NULL) {
		struct addrinfo *next = list->ai_next;

		free(list);
		list = next;
	}
}

static void libc_says(const char *answer)
{
	pthread_mutex_lock(&libc.lock);
	libc.answer = answer;
	pthread_mutex_unlock(&libc.lock);
}

static void libc_hold(bool held)
{
	pthread_mutex_lock(&libc.lock);
	libc.held = held;
	pthread_cond_broadcast(&libc.change);
	pthread_mutex_unlock(&libc.lock);
}

static unsigned libc_calls(void)
{
	unsigned calls;

	pthread_mutex_lock(&libc.lock);
	calls = libc.calls;
	pthread_mutex_unlock(&libc.lock);
	return calls;
}

static unsigned libc_waiting(void)
{
	unsigned waiting;

	pthread_mutex_lock(&libc.lock);
	waiting = libc.waiting;
	pthread_mutex_unlock(&libc.lock);
	return waiting;
}

/* Until nobody waits in it. */
static void libc_await_end(void)
{
	pthread_mutex_lock(&libc.lock);
	while (libc.waiting > 0)
		pthread_cond_wait(&libc.change, &libc.lock);
	pthread_mutex_unlock(&libc.lock);
}

/* --- --- */

static int setup(void **state)
{
	struct farm *f = calloc(1, sizeof(*f));

	farm_setup(f, 1, BALANCE_ROUNDROBIN);
	libc_says(NULL);
	libc_hold(false);
	libc.calls = 0;
	create_fails = false;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct farm *f = *state;

	resolver_stop(&f->gateway.resolver);
	farm_teardown(f);
	free(f);
	return 0;
}

static struct server *named(struct farm *f, const char *host, const char *init)
{
	struct server *s = farm_add(f, "a", 1);

	s->host = slice_str(host);
	s->port = 80;
	s->o.init_addr = slice_str(init);
	return s;
}

static const char *address(const struct server *s, char space[SERVER_ADDRESS_SIZE])
{
	return server_address_text(atomic_load(&s->address), space, NULL);
}

static void assert_address(const struct server *s, const char *want)
{
	char space[SERVER_ADDRESS_SIZE];

	assert_string_equal(address(s, space), want);
	assert_int_equal((atomic_load(&s->admin) & SERVER_MAINT_NAME) != 0, strcmp(want, "-") == 0);
}

static void await_address(struct farm *f, const struct server *s, const char *want)
{
	int64_t end_us = clock_mono_us() + 20 * 1000 * 1000;
	char space[SERVER_ADDRESS_SIZE];

	while (strcmp(address(s, space), want) != 0) {
		if (clock_mono_us() > end_us)
			fail_msg("the address is %s, not %s", space, want);
		loop_round(f->workers[0].loop, 50);
	}
	assert_address(s, want);
}

static void set_last(struct farm *f, struct server *s, const char *address_text)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(80) };

	inet_pton(AF_INET, address_text, &in.sin_addr);
	server_set_address(&f->gateway, s, (struct sockaddr *)&in, sizeof(in));
}

/* --- init-addr --- */

static void each_method_has_its_turn(void **state)
{
	static const struct {
		const char *init, *last, *libc, *want;
		unsigned calls; /* of libc, until the start is over */
	} rows[] = {
		{ NULL, NULL, "192.0.2.1", "192.0.2.1", 1 },
		{ NULL, "192.0.2.9", "192.0.2.1", "192.0.2.9", 0 },
		{ NULL, NULL, NULL, "-", 1 }, /* the start does not fail */
		{ "last,libc,none", NULL, "192.0.2.1", "192.0.2.1", 1 },
		{ "last,libc,none", "192.0.2.9", NULL, "192.0.2.9", 0 },
		{ "none", NULL, "192.0.2.1", "-", 0 },
		{ "last,none,libc", NULL, "192.0.2.1", "-", 0 },
		{ "192.0.2.7", NULL, "192.0.2.1", "192.0.2.7", 0 },
		{ "2001:db8::7", NULL, "192.0.2.1", "2001:db8::7", 0 },
		{ "last,192.0.2.7", "192.0.2.9", NULL, "192.0.2.9", 0 },
		{ "last,192.0.2.7", NULL, NULL, "192.0.2.7", 0 },
		{ "192.0.2.7,last", "192.0.2.9", NULL, "192.0.2.7", 0 },
		{ "libc,192.0.2.7", NULL, NULL, "192.0.2.7", 1 },
		{ "libc,192.0.2.7", NULL, "192.0.2.1", "192.0.2.1", 1 },
		{ "libc,last", "192.0.2.9", NULL, "192.0.2.9", 1 },
		{ "libc,last", "192.0.2.9", "192.0.2.1", "192.0.2.1", 1 },
		{ "libc", NULL, "other", "-", 1 }, /* no kind of address that is known */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct resolvers section = { .name = SLICE("dns"), .retries = 1, .timeout_ms = 60000, .timeout_resolve_ms = 60000,
					     .payload_size = 512 };
		struct farm *f;
		struct server *s;

		setup(state);
		f = *state;
		s = named(f, "shop.test", rows[i].init);
		s->o.resolvers = &section; /* so that libc is asked at the start alone */
		libc_says(rows[i].libc);
		server_states_begin(&f->gateway);
		if (rows[i].last != NULL)
			set_last(f, s, rows[i].last);
		f->gateway.resolver = resolver_start(&f->gateway);
		assert_address(s, rows[i].want);
		assert_int_equal(libc_calls(), rows[i].calls);
		teardown(state);
	}
}

static void a_family_may_be_preferred(void **state)
{
	static const struct {
		enum server_family prefer;
		const char *libc, *want;
	} rows[] = {
		{ FAMILY_ANY, "2001:db8::1 192.0.2.1", "2001:db8::1" },
		{ FAMILY_ANY, "192.0.2.1 2001:db8::1", "192.0.2.1" },
		{ FAMILY_4, "2001:db8::1 192.0.2.1", "192.0.2.1" },
		{ FAMILY_6, "192.0.2.1 2001:db8::1", "2001:db8::1" },
		{ FAMILY_6, "192.0.2.1", "192.0.2.1" },
		{ FAMILY_4, "other 192.0.2.1", "192.0.2.1" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct farm *f;
		struct server *s;

		setup(state);
		f = *state;
		s = named(f, "shop.test", NULL);
		s->o.prefer = rows[i].prefer;
		libc_says(rows[i].libc);
		server_states_begin(&f->gateway);
		f->gateway.resolver = resolver_start(&f->gateway);
		assert_address(s, rows[i].want);
		teardown(state);
	}
}

static void one_name_is_asked_once_for_all_its_servers(void **state)
{
	struct farm *f = *state;
	struct server *a = named(f, "shop.test", NULL), *b = named(f, "SHOP.test", NULL), *disabled = named(f, "off.test", NULL);
	struct proxy off = { .name = SLICE("off"), .id = 3, .is_backend = true, .disabled = true };

	b->next = NULL;
	f->proxy.next = &off;
	off.backend.servers = disabled;
	disabled->backend = &off;
	libc_says("192.0.2.1 192.0.2.2");
	server_states_begin(&f->gateway);
	f->gateway.resolver = resolver_start(&f->gateway);
	assert_address(a, "192.0.2.1");
	assert_address(b, "192.0.2.1"); /* libc's answers are not shared out, as in HAProxy */
	assert_int_equal(libc_calls(), 1);
	server_states_end(&f->gateway);
	f->proxy.next = NULL;
}

/* --- later --- */

static void a_late_answer_is_a_message(void **state)
{
	struct farm *f = *state;
	struct server *slow = named(f, "slow.test", NULL), *quick = named(f, "shop.test", NULL);
	int64_t start_us = clock_mono_us(), took_us;

	libc_says("192.0.2.1");
	libc_hold(true);
	server_states_begin(&f->gateway);
	f->gateway.resolver = resolver_start(&f->gateway);
	took_us = clock_mono_us() - start_us;
	assert_true(took_us >= 900 * 1000 && took_us < 15 * 1000 * 1000); /* a second, on a slow machine */
	assert_address(quick, "192.0.2.1");
	assert_address(slow, "-");
	libc_hold(false);
	await_address(f, slow, "192.0.2.1");
}

static void what_is_not_found_is_asked_for_again(void **state)
{
	struct farm *f = *state;
	struct server *s = named(f, "shop.test", NULL);

	server_states_begin(&f->gateway);
	f->gateway.resolver = resolver_start(&f->gateway);
	assert_address(s, "-");
	libc_says("192.0.2.1");
	await_address(f, s, "192.0.2.1");
	assert_int_equal(libc_calls(), 2);
}

static void a_server_without_address_at_the_start_gets_one(void **state)
{
	struct farm *f = *state;
	struct server *none = named(f, "shop.test", "none"), *own = named(f, "shop.test", "192.0.2.7");

	libc_says("192.0.2.1");
	server_states_begin(&f->gateway);
	f->gateway.resolver = resolver_start(&f->gateway);
	await_address(f, none, "192.0.2.1");
	assert_address(own, "192.0.2.7"); /* it has one */
}

/* Four threads, three of them held: the others are served by what is left. */
static void some_slow_names_do_not_hold_up_the_others(void **state)
{
	struct farm *f = *state;
	struct server *last = NULL;

	for (unsigned i = 0; i < 3; i++)
		named(f, i == 0 ? "slow1.test" : i == 1 ? "slow2.test" : "slow3.test", NULL);
	for (unsigned i = 0; i < 20; i++) {
		last = named(f, "", NULL);
		last->host = arena_printf(f->config.arena, "n%u.test", i);
	}
	libc_says("192.0.2.1");
	libc_hold(true);
	server_states_begin(&f->gateway);
	f->gateway.resolver = resolver_start(&f->gateway);
	assert_address(last, "192.0.2.1");
	libc_hold(false);
	await_address(f, f->proxy.backend.servers, "192.0.2.1");
}

/* --- the end --- */

static void a_stop_does_not_wait_for_libc(void **state)
{
	struct farm *f = *state;

	named(f, "slow.test", NULL);
	libc_says("192.0.2.1");
	libc_hold(true);
	server_states_begin(&f->gateway);
	f->gateway.resolver = resolver_start(&f->gateway);
	resolver_stop(&f->gateway.resolver); /* returns while the thread is held */
	assert_null(f->gateway.resolver);
	assert_int_equal(libc_waiting(), 1);
	libc_hold(false);
	libc_await_end(); /* and it touches nothing of the farm's, which the sanitizer sees */
}

static void a_stop_wakes_who_waits_for_the_next_time(void **state)
{
	struct farm *f = *state;

	named(f, "shop.test", NULL);
	server_states_begin(&f->gateway);
	f->gateway.resolver = resolver_start(&f->gateway);
	resolver_stop(&f->gateway.resolver);
	assert_int_equal(libc_calls(), 1);
}

static void without_threads_servers_stay_without_address(void **state)
{
	struct resolvers section = { .name = SLICE("dns"), .retries = 1, .timeout_ms = 1000, .timeout_resolve_ms = 1000, .payload_size = 512 };
	struct farm *f = *state;
	struct server *a = named(f, "shop.test", NULL), *b = named(f, "shop.test", NULL);

	b->o.resolvers = &section;
	create_fails = true;
	server_states_begin(&f->gateway);
	f->gateway.resolver = resolver_start(&f->gateway);
	assert_address(a, "-");
	assert_address(b, "-");
	resolver_stop(&f->gateway.resolver);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_method_has_its_turn),
		cmocka_unit_test(a_family_may_be_preferred),
		cmocka_unit_test_setup_teardown(one_name_is_asked_once_for_all_its_servers, setup, teardown),
		cmocka_unit_test_setup_teardown(a_late_answer_is_a_message, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_found_is_asked_for_again, setup, teardown),
		cmocka_unit_test_setup_teardown(a_server_without_address_at_the_start_gets_one, setup, teardown),
		cmocka_unit_test_setup_teardown(some_slow_names_do_not_hold_up_the_others, setup, teardown),
		cmocka_unit_test_setup_teardown(a_stop_does_not_wait_for_libc, setup, teardown),
		cmocka_unit_test_setup_teardown(a_stop_wakes_who_waits_for_the_next_time, setup, teardown),
		cmocka_unit_test_setup_teardown(without_threads_servers_stay_without_address, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
