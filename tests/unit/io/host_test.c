/* host_test.c - looking names up with a libc that is as slow as the test wants: link: -Wl,--wrap=getaddrinfo */
#include "shared/io/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <netdb.h>
#include <pthread.h>

#include "shared/base/clock.h"

#define MS 1000
#define SOON (50 * MS)
#define LONG (5000 * MS)

/* A name server: knows "known", and answers when it is not silent. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool silent;
	unsigned asked, done;
} names = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

int __real_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out);
int __wrap_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out);

int __wrap_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	bool known = strcmp(name, "known") == 0;

	if ((hints->ai_flags & AI_NUMERICHOST) != 0)
		return __real_getaddrinfo(name, service, hints, out);
	pthread_mutex_lock(&names.lock);
	names.asked++;
	pthread_cond_broadcast(&names.changed);
	while (names.silent)
		pthread_cond_wait(&names.changed, &names.lock);
	names.done++;
	pthread_cond_broadcast(&names.changed);
	pthread_mutex_unlock(&names.lock);
	return known ? __real_getaddrinfo("192.0.2.7", service, hints, out) : EAI_NONAME;
}

static void silence(bool silent)
{
	pthread_mutex_lock(&names.lock);
	names.silent = silent;
	pthread_cond_broadcast(&names.changed);
	pthread_mutex_unlock(&names.lock);
}

static unsigned asked(void)
{
	unsigned count;

	pthread_mutex_lock(&names.lock);
	count = names.asked;
	pthread_mutex_unlock(&names.lock);
	return count;
}

/* Waits until <count> questions were answered, or asked. */
static void wait_for(const unsigned *what, unsigned count)
{
	pthread_mutex_lock(&names.lock);
	while (*what < count)
		pthread_cond_wait(&names.changed, &names.lock);
	pthread_mutex_unlock(&names.lock);
}

static enum err find(struct host *h, int64_t us, struct host_addresses *out)
{
	const char *why = NULL;
	enum err e = host_find(h, clock_mono_us() + us, out, &why);

	assert_true(e == ERR_OK || why != NULL);
	return e;
}

static int setup(void **state)
{
	names.silent = false;
	names.asked = names.done = 0;
	*state = host_create("known");
	return *state == NULL;
}

/* A silent name server answers in the end, so that no thread is left behind. */
static int teardown(void **state)
{
	struct host *h = *state;

	silence(false);
	host_free(&h);
	assert_null(h);
	wait_for(&names.done, asked());
	return 0;
}

static void test_a_name_has_its_addresses(void **state)
{
	struct host_addresses at;

	assert_int_equal(find(*state, LONG, &at), ERR_OK);
	assert_int_equal(at.count, 1);
	assert_string_equal(at.list[0], "192.0.2.7");
}

static void test_an_address_is_never_asked_for(void **state)
{
	static const char *const texts[] = { "127.0.0.1", "::1" };
	struct host_addresses at;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct host *h = host_create(texts[i]);

		assert_int_equal(find(h, 0, &at), ERR_OK);
		assert_string_equal(at.list[0], texts[i]);
		host_free(&h);
	}
	assert_int_equal(asked(), 0);
}

static void test_an_unknown_name_is_unavailable_and_asked_for_again(void **state)
{
	struct host *h = host_create("unknown");
	struct host_addresses at;

	(void)state;
	assert_int_equal(find(h, LONG, &at), ERR_UNAVAILABLE);
	assert_int_equal(find(h, LONG, &at), ERR_UNAVAILABLE);
	assert_int_equal(asked(), 2);
	host_free(&h);
}

/* The deadline holds whatever the name server does, and its question is not repeated as long as the first one waits. */
static void test_a_silent_name_server_costs_the_deadline(void **state)
{
	struct host_addresses at;

	silence(true);
	for (unsigned i = 0; i < 3; i++) {
		int64_t start = clock_mono_us();

		assert_int_equal(find(*state, SOON, &at), ERR_TIMEOUT);
		assert_true(clock_mono_us() - start >= SOON);
		assert_true(clock_mono_us() - start < LONG);
	}
	wait_for(&names.asked, 1);
	assert_int_equal(asked(), 1);
}

static void test_a_late_answer_serves_the_next_caller(void **state)
{
	struct host_addresses at;

	silence(true);
	assert_int_equal(find(*state, SOON, &at), ERR_TIMEOUT);
	silence(false);
	while (find(*state, 0, &at) != ERR_OK)
		continue;
	assert_string_equal(at.list[0], "192.0.2.7");
	assert_int_equal(asked(), 1);
}

static void *ask(void *host)
{
	struct host_addresses at;

	return find(host, LONG, &at) == ERR_OK ? host : NULL;
}

static void test_callers_share_one_lookup(void **state)
{
	pthread_t threads[4];

	silence(true);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask, *state), 0);
	wait_for(&names.asked, 1);
	silence(false);
	for (size_t i = 0; i < 4; i++) {
		void *found;

		pthread_join(threads[i], &found);
		assert_ptr_equal(found, *state);
	}
	assert_int_equal(asked(), 1);
}

static void test_the_owner_may_leave_before_the_answer(void **state)
{
	struct host *h = host_create("known");
	struct host_addresses at;

	(void)state;
	silence(true);
	assert_int_equal(find(h, 0, &at), ERR_TIMEOUT);
	wait_for(&names.asked, 1);
	host_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_name_has_its_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_address_is_never_asked_for, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_unknown_name_is_unavailable_and_asked_for_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_silent_name_server_costs_the_deadline, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_late_answer_serves_the_next_caller, setup, teardown),
		cmocka_unit_test_setup_teardown(test_callers_share_one_lookup, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_owner_may_leave_before_the_answer, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
