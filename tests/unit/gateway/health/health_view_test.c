/* health_view_test.c - what the last check left, read by other threads while checks end: always all of one check. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "gateway/health/check.h"
#include "tests/unit/gateway/support/farm.h"

#define CHECKS 200000

struct reading {
	const struct server *server;
	atomic_bool end;
	_Atomic unsigned seen, mixed;
};

/* A result whose numbers and text say the same. */
static struct probe_result result(int n)
{
	struct probe_result r = { .result = n % 2 == 0 ? CHECK_L7OK : CHECK_L4OK, .status = n, .duration_ms = n };

	/* as long as it may be, so that it is not copied at once */
	snprintf(r.info, sizeof(r.info), "%0*d", (int)sizeof(r.info) - 1, n);
	return r;
}

static bool is_one(const struct health_view *v)
{
	return v->duration_ms == v->status && strtol(v->info, NULL, 10) == v->status && v->last == (v->status % 2 == 0 ? CHECK_L7OK : CHECK_L4OK);
}

static void *read_on(void *arg)
{
	struct reading *r = arg;

	while (!atomic_load(&r->end)) {
		struct health_view v;

		health_view(r->server, &v);
		if (!is_one(&v))
			atomic_fetch_add(&r->mixed, 1);
		atomic_fetch_add(&r->seen, 1);
	}
	return NULL;
}

static void is_of_one_check(void **state)
{
	struct farm *f = calloc(1, sizeof(*f));
	struct health *h = calloc(1, sizeof(*h));
	struct reading r = { 0 };
	pthread_t reader;

	(void)state;
	assert_true(f != NULL && h != NULL);
	farm_setup(f, 1, BALANCE_ROUNDROBIN);
	r.server = farm_add(f, "s", 1);
	server_states_begin(&f->gateway);
	f->last->health = h;
	h->server = f->last;
	h->enabled = true;
	h->count = health_best(f->last);
	outcome_take(&f->gateway, h, &(struct probe_result){ .result = CHECK_L7OK, .info = "0" });
	assert_int_equal(pthread_create(&reader, NULL, read_on, &r), 0);
	for (int n = 0; n < CHECKS || atomic_load(&r.seen) < 1000; n++) {
		struct probe_result one = result(n % CHECKS);

		outcome_take(&f->gateway, h, &one);
	}
	atomic_store(&r.end, true);
	pthread_join(reader, NULL);
	assert_int_equal(r.mixed, 0);
	f->last->health = NULL;
	free(h);
	farm_teardown(f);
	free(f);
}

static void is_empty_without_checks(void **state)
{
	const struct server s = { .health = NULL };
	struct health_view v;

	(void)state;
	health_view(&s, &v);
	assert_false(v.enabled);
	assert_string_equal(v.code, "");
	assert_string_equal(v.info, "");
	assert_int_equal(v.duration_ms, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_of_one_check),
		cmocka_unit_test(is_empty_without_checks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
