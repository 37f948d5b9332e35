/* projection_test.c - a topic into a real Redis: positions, logs, roles, and everything that may go back or away.
 *
 * For the thread sanitizer, see tests/unit/support/c11_threads.c. link: -Wl,-u,thrd_create
 */
#include "shared/svc/projection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "shared/base/base64.h"
#include "shared/svc/monitor.h"
#include "shared/svc/parked.h"
#include "shared/svc/view_store.h"
#include "tests/unit/support/domain.h"

#define SOON_MS 40000
#define LOG_A "01890000-0000-7000-8000-00000000000a"
#define LOG_B "01890000-0000-7000-8000-00000000000b"
#define FOREIGN "01890000-0000-7000-8000-0000000000ff"

struct fixture {
	struct domain d;
	struct view *v;
	struct monitor *monitor;
	struct projection *p, *twin;
	struct metrics *twin_metrics;
	char twin_instance[CLOCK_UUID_LEN + 1];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	domain_open(&f->d, false);
	UNTIL(SOON_MS, topic_ensure(f->d.brokers, &f->d.topic, 5000) == ERR_OK);
	f->v = view_create(&f->d.spec, f->d.redis);
	f->monitor = monitor_start(f->d.redis, &f->v, 1);
	f->twin_metrics = metrics_create();
	clock_uuid7(f->twin_instance);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->p != NULL)
		projection_stop(&f->p);
	if (f->twin != NULL)
		projection_stop(&f->twin);
	monitor_stop(&f->monitor);
	view_free(&f->v);
	metrics_free(&f->twin_metrics);
	domain_close(&f->d);
	free(f);
	return 0;
}

/* As a new process would: it counts from 0. */
static void start(struct fixture *f)
{
	struct projection_options o = { .view = f->v, .redis = f->d.redis, .brokers = f->d.brokers, .instance = f->d.instance };

	metrics_free(&f->d.metrics);
	f->d.metrics = metrics_create();
	o.metrics = f->d.metrics;
	f->p = projection_start(&o);
}

/* A change of "<owner>:<id>" in the partition where it belongs; NULL deletes. */
static void change(struct fixture *f, int owner, int id, const char *name, uint64_t version)
{
	const char *key = arena_printf(f->d.arena, "%d:%d", owner, id).ptr;
	const char *value = name == NULL ? NULL : arena_printf(f->d.arena, "{\"name\": \"%s\"}", name).ptr;

	domain_produce(&f->d, topic_partition(&f->d.topic, slice_str(key)), key, value, name == NULL ? "deleted" : "changed", version);
}

static bool held_is(struct fixture *f, int owner, int id, const char *name)
{
	const char *held = domain_held(&f->d, owner, id);

	return held != NULL && strcmp(held, name) == 0;
}

static bool is_loaded_by(struct fixture *f, const char *begin)
{
	for (int32_t p = 0; p < DOMAIN_PARTITIONS; p++) {
		if (strcmp(domain_pos(&f->d, p, "loaded"), begin) != 0)
			return false;
	}
	return true;
}

static bool pos_is(struct fixture *f, const char *field, const char *value)
{
	for (int32_t p = 0; p < DOMAIN_PARTITIONS; p++) {
		if (strcmp(domain_pos(&f->d, p, field), value) != 0)
			return false;
	}
	return true;
}

/* Marks are made once a second as long as nobody is satisfied. */
static bool is_fresh(struct fixture *f, const char *log)
{
	struct view_state st;

	view_state_get(f->v, &st);
	if (!st.fresh)
		domain_marks(&f->d, log);
	return st.fresh;
}

static void load(struct fixture *f)
{
	change(f, 1, 1, "one", 11);
	change(f, 2, 2, "two", 12);
	domain_marks(&f->d, LOG_A);
	domain_ends(&f->d, LOG_A, 10, 13);
	start(f);
	UNTIL(SOON_MS, is_loaded_by(f, "0000000000000010"));
}

static void test_applies_and_loads(void **state)
{
	struct fixture *f = *state;
	struct view_state st;

	start(f);
	change(f, 1, 1, "one", 11);
	domain_marks(&f->d, LOG_A);
	UNTIL(SOON_MS, held_is(f, 1, 1, "one"));
	UNTIL(SOON_MS, pos_is(f, "log", LOG_A));
	/* What the snapshot will not find. */
	for (int32_t p = 0; p < DOMAIN_PARTITIONS; p++)
		domain_redis(&f->d, "HSET m1:{%s:%d}:77 7 0000000000000009+gone", f->d.name, (int)p);
	assert_true(pos_is(f, "loaded", ""));
	view_state_get(f->v, &st);
	assert_true(!st.loaded && st.age_s == -1);
	domain_ends(&f->d, LOG_A, 10, 13);
	UNTIL(SOON_MS, is_loaded_by(f, "0000000000000010"));
	assert_int_equal(domain_held_count(&f->d), 1);
	UNTIL(SOON_MS, is_fresh(f, LOG_A));
	assert_int_equal(domain_divergences(f->v), 0);
	change(f, 1, 1, "late", 10);
	change(f, 1, 1, NULL, 12);
	UNTIL(SOON_MS, domain_held(&f->d, 1, 1) == NULL);
	assert_true(projection_kafka_is_up(f->p));
	assert_int_equal(domain_counter(&f->d, "moa_view_corrupt_total"), 0);
}

static void test_resumes_where_it_was(void **state)
{
	struct fixture *f = *state;

	load(f);
	projection_stop(&f->p);
	assert_string_equal(domain_pos(&f->d, 0, "by"), ""); /* the role was given away */
	change(f, 1, 1, "newer", 20);
	start(f);
	UNTIL(SOON_MS, held_is(f, 1, 1, "newer"));
	assert_int_equal(domain_counter(&f->d, "moa_view_rebuilds_total"), 0);
	assert_true(is_loaded_by(f, "0000000000000010"));
}

static void test_missing_position_is_a_rebuild(void **state)
{
	struct fixture *f = *state;

	load(f);
	domain_redis(&f->d, "FLUSHALL");
	UNTIL(SOON_MS, held_is(f, 1, 1, "one") && held_is(f, 2, 2, "two"));
	UNTIL(SOON_MS, is_loaded_by(f, "0000000000000010"));
	assert_int_equal(domain_counter(&f->d, "moa_view_rebuilds_total"), 2 * DOMAIN_PARTITIONS);
}

/* Two services' Redis were swapped: what lies here is the owner's own copy, which counts batches and names no log. */
static void test_position_of_an_owners_copy(void **state)
{
	struct fixture *f = *state;

	load(f);
	for (int32_t p = 0; p < DOMAIN_PARTITIONS; p++)
		domain_redis(&f->d, "HSET m1:{%s:%d}:pos next 1 log own loadedlog own", f->d.name, (int)p);
	/* The state is up to 200 ms old: it may be that of before. */
	UNTIL(SOON_MS, pos_is(f, "log", LOG_A) && is_loaded_by(f, "0000000000000010") && is_fresh(f, LOG_A));
	assert_int_equal(domain_counter(&f->d, "moa_view_rebuilds_total"), 2 * DOMAIN_PARTITIONS);
}

static void test_position_out_of_range(void **state)
{
	struct fixture *f = *state;

	load(f);
	for (int32_t p = 0; p < DOMAIN_PARTITIONS; p++)
		domain_redis(&f->d, "HSET m1:{%s:%d}:pos next 100000", f->d.name, (int)p);
	UNTIL(SOON_MS, domain_counter(&f->d, "moa_view_rebuilds_total") >= 2 * DOMAIN_PARTITIONS);
	change(f, 1, 1, "newer", 20);
	UNTIL(SOON_MS, held_is(f, 1, 1, "newer"));
	UNTIL(SOON_MS, pos_is(f, "log", LOG_A));
}

/* The owner gave the log a new identity, the records stayed: old ends and marks prove nothing. */
static void test_newer_log_starts_over(void **state)
{
	struct fixture *f = *state;

	load(f);
	domain_marks(&f->d, LOG_B);
	UNTIL(SOON_MS, pos_is(f, "log", LOG_B));
	change(f, 3, 3, "three", 30);
	UNTIL(SOON_MS, held_is(f, 3, 3, "three")); /* so all that is in front was read again */
	assert_int_equal(domain_counter(&f->d, "moa_view_rebuilds_total"), 2 * DOMAIN_PARTITIONS);
	assert_true(pos_is(f, "loadedlog", LOG_A) && pos_is(f, "end", ""));
	assert_true(held_is(f, 1, 1, "one")); /* old entries stay until the sweep */
	domain_marks(&f->d, LOG_A); /* a frozen owner of the log before */
	domain_ends(&f->d, LOG_A, 31, 31);
	domain_ends(&f->d, LOG_B, 25, 32);
	UNTIL(SOON_MS, is_loaded_by(f, "0000000000000025"));
	assert_true(pos_is(f, "loadedlog", LOG_B) && pos_is(f, "log", LOG_B));
	assert_int_equal(domain_held_count(&f->d), 1);
	assert_int_equal(domain_counter(&f->d, "moa_view_rebuilds_total"), 2 * DOMAIN_PARTITIONS);
	UNTIL(SOON_MS, is_fresh(f, LOG_B));
}

static void test_marks_of_a_backlog_prove_nothing(void **state)
{
	struct fixture *f = *state;
	struct view_state st;

	change(f, 1, 1, "one", 11);
	domain_marks(&f->d, LOG_A);
	domain_marks(&f->d, LOG_A);
	change(f, 1, 1, "two", 12);
	start(f);
	UNTIL(SOON_MS, held_is(f, 1, 1, "two"));
	UNTIL(SOON_MS, pos_is(f, "log", LOG_A));
	assert_true(pos_is(f, "mark", ""));
	domain_ends(&f->d, LOG_A, 5, 13);
	UNTIL(SOON_MS, is_loaded_by(f, "0000000000000005"));
	UNTIL(SOON_MS, (view_state_get(f->v, &st), st.loaded));
	UNTIL(SOON_MS, (domain_marks(&f->d, LOG_A), strcmp(domain_pos(&f->d, 0, "mark"), "") != 0));
}

static void test_stands_by_while_another_beats(void **state)
{
	struct fixture *f = *state;
	int64_t until_us;

	load(f);
	projection_stop(&f->p);
	domain_redis(&f->d, "HSET m1:{%s:0}:pos by %s beat %lld", f->d.name, FOREIGN, (long long)clock_wall_us());
	start(f);
	change(f, 1, 1, "newer", 20);
	until_us = clock_mono_us() + 1500000;
	while (clock_mono_us() < until_us) {
		int64_t next_us = clock_mono_us() + 100000;

		domain_redis(&f->d, "HSET m1:{%s:0}:pos by %s beat %lld", f->d.name, FOREIGN, (long long)clock_wall_us());
		UNTIL(SOON_MS, clock_mono_us() > next_us);
		assert_true(held_is(f, 1, 1, "one"));
	}
	/* Its beat stands still from here on. */
	UNTIL(SOON_MS, held_is(f, 1, 1, "newer"));
	assert_string_equal(domain_pos(&f->d, 0, "by"), f->d.instance);
}

static uint64_t twin_is_active(const struct fixture *f)
{
	struct domain twin = f->d;

	twin.metrics = f->twin_metrics;
	return domain_counter(&twin, "moa_view_active");
}

static void test_twin_takes_over(void **state)
{
	struct fixture *f = *state;
	const struct projection_options o = { .view = f->v, .redis = f->d.redis, .brokers = f->d.brokers, .instance = f->twin_instance,
					      .metrics = f->twin_metrics };

	load(f);
	f->twin = projection_start(&o);
	UNTIL(SOON_MS, projection_kafka_is_up(f->twin)); /* a standby knows it too */
	for (int i = 1; i <= 10; i++) {
		change(f, 1, 1, arena_printf(f->d.arena, "n%d", i).ptr, (uint64_t)(100 + i));
		UNTIL(SOON_MS, held_is(f, 1, 1, arena_printf(f->d.arena, "n%d", i).ptr));
	}
	assert_int_equal(domain_counter(&f->d, "moa_view_active"), 1);
	assert_int_equal(twin_is_active(f), 0);
	projection_stop(&f->p);
	assert_int_equal(domain_counter(&f->d, "moa_view_active"), 0);
	change(f, 1, 1, "after", 200);
	UNTIL(SOON_MS, held_is(f, 1, 1, "after"));
	assert_string_equal(domain_pos(&f->d, 0, "by"), f->twin_instance);
	assert_int_equal(twin_is_active(f), 1);
	assert_true(is_loaded_by(f, "0000000000000010"));
}

/* Data and position go back together, as they do when Redis loses its last second. */
static void test_redis_rolled_back(void **state)
{
	struct fixture *f = *state;
	int32_t p = topic_partition(&f->d.topic, SLICE_LIT("1"));
	struct slice names[2], dump[2];

	load(f);
	names[0] = arena_printf(f->d.arena, "m1:{%s:%d}:pos", f->d.name, (int)p);
	names[1] = arena_printf(f->d.arena, "m1:{%s:%d}:1", f->d.name, (int)p);
	for (int i = 0; i < 2; i++)
		dump[i] = domain_redis(&f->d, "DUMP %s", names[i].ptr).text;
	change(f, 1, 1, "newer", 20);
	change(f, 1, 2, "new", 21);
	UNTIL(SOON_MS, held_is(f, 1, 2, "new"));
	domain_redis(&f->d, "MULTI");
	for (int i = 0; i < 2; i++) {
		const struct slice words[] = { SLICE("RESTORE"), names[i], SLICE("0"), dump[i], SLICE("REPLACE") };
		struct resp_value r;

		assert_int_equal(resp_call(f->d.r, f->d.arena, words, 5, &r), ERR_OK);
	}
	assert_int_equal(domain_redis(&f->d, "EXEC").count, 2);
	domain_marks(&f->d, LOG_A); /* whatever comes next finds out */
	UNTIL(SOON_MS, held_is(f, 1, 2, "new") && held_is(f, 1, 1, "newer"));
	assert_int_equal(domain_counter(&f->d, "moa_view_rebuilds_total"), DOMAIN_PARTITIONS);
}

/* What is kept of partition <p>, as the admin port would show it. */
static const char *shown(struct fixture *f)
{
	struct jsonw w;
	struct buf out;
	const char *text;

	buf_init(&out, 0);
	jsonw_init(&w, &out);
	parked_write(view_parked(f->v), &w);
	text = arena_printf(f->d.arena, "%.*s", SLICE_ARG(buf_slice(&out))).ptr;
	buf_free(&out);
	return text;
}

static int64_t kept(struct fixture *f, int32_t p)
{
	return domain_redis(&f->d, "ZCARD m1:{%s:%d}:parked", f->d.name, (int)p).integer;
}

static void test_undecodable_events_are_parked(void **state)
{
	struct fixture *f = *state;
	int32_t p = topic_partition(&f->d.topic, SLICE_LIT("1"));
	static const char *const reasons[] = { "no ce_type", "value malformed, or not of this key", "not a key of this topic",
					       "malformed control record", "absurd version", "not the partition of this key" };
	int64_t n;

	load(f);
	domain_produce(&f->d, p, "1:1", "{}", "changed", 0);
	domain_produce(&f->d, p, "1:1", "{}", "changed", 20);
	domain_produce(&f->d, p, "1:x", "{\"name\": \"n\"}", "changed", 21);
	domain_produce(&f->d, p, EVENT_MARK, "not JSON", "mark", 22);
	domain_produce(&f->d, p, EVENT_MARK, "{\"log\":\"ffffffff-ffff-7fff-8fff-ffffffffffff\"}", "mark", 22);
	domain_produce(&f->d, p, EVENT_END, "{\"begin\":\"1\"}", "end", 23);
	domain_produce(&f->d, p, EVENT_END, "{\"log\":\"" LOG_A "\",\"begin\":\"0000000000000099\"}", "end", 23);
	domain_produce(&f->d, p, "1:1", "{\"name\": \"for ever\"}", "changed", 9000000000000000);
	domain_produce(&f->d, (p + 1) % DOMAIN_PARTITIONS, "1:1", "{\"name\": \"stray\"}", "changed", 23);
	change(f, 1, 1, "newer", 24);
	UNTIL(SOON_MS, held_is(f, 1, 1, "newer"));
	UNTIL(SOON_MS, domain_counter(&f->d, "moa_view_corrupt_total") == 9);
	UNTIL(SOON_MS, kept(f, p) == 8 && kept(f, (p + 1) % DOMAIN_PARTITIONS) == 1 && parked_kept(view_parked(f->v)) == 9);
	assert_true(pos_is(f, "log", LOG_A) && is_loaded_by(f, "0000000000000010"));
	assert_int_equal(domain_held_count(&f->d), 2);
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (strstr(shown(f), reasons[i]) == NULL)
			fail_msg("not told: %s in %s", reasons[i], shown(f));
	}
	/* Read again from the beginning, by the next process: the same nine, once each. */
	projection_stop(&f->p);
	for (n = 0; n < DOMAIN_PARTITIONS; n++)
		domain_redis(&f->d, "DEL m1:{%s:%d}:pos", f->d.name, (int)n);
	start(f);
	UNTIL(SOON_MS, domain_counter(&f->d, "moa_view_corrupt_total") == 9 && is_loaded_by(f, "0000000000000010"));
	assert_int_equal(kept(f, p), 8);
	assert_int_equal(parked_dropped(view_parked(f->v)), 0);
	parked_ask_clear(view_parked(f->v));
	UNTIL(SOON_MS, kept(f, p) == 0 && parked_kept(view_parked(f->v)) == 0);
	assert_null(strstr(shown(f), "offset"));
}

/* More than are kept: the newest stay, the others are counted, and the good ones in between arrive. */
static void test_parked_events_are_bounded(void **state)
{
	struct fixture *f = *state;
	int32_t p = topic_partition(&f->d.topic, SLICE_LIT("1"));
	const char *last;

	load(f);
	for (int i = 0; i < PARKED_KEPT + 70; i++)
		domain_produce(&f->d, p, "1:1", arena_printf(f->d.arena, "bad %d", i).ptr, "changed", (uint64_t)(100 + i));
	change(f, 1, 1, "newer", 900);
	UNTIL(SOON_MS, held_is(f, 1, 1, "newer"));
	UNTIL(SOON_MS, parked_kept(view_parked(f->v)) == PARKED_KEPT && parked_dropped(view_parked(f->v)) == 70);
	last = base64_encode(f->d.arena, slice_str(arena_printf(f->d.arena, "bad %d", PARKED_KEPT + 69).ptr), BASE64_USUAL).ptr;
	assert_non_null(strstr(shown(f), arena_printf(f->d.arena, "%.8s", last).ptr));
}

/* Redis has no room: nothing is passed that could not be kept, and it goes on by itself. */
static void test_redis_out_of_memory(void **state)
{
	struct fixture *f = *state;
	int32_t p = topic_partition(&f->d.topic, SLICE_LIT("1"));
	const char *next;

	load(f);
	UNTIL(SOON_MS, is_fresh(f, LOG_A));
	next = domain_pos(&f->d, p, "next");
	domain_redis(&f->d, "CONFIG SET maxmemory 1");
	domain_produce(&f->d, p, "1:1", "not JSON", "changed", 20);
	change(f, 1, 1, "newer", 21);
	UNTIL(SOON_MS, projection_waits_for(f->p) != NULL);
	assert_string_equal(projection_waits_for(f->p), "redis: out of memory");
	assert_true(held_is(f, 1, 1, "one"));
	assert_int_equal(kept(f, p), 0);
	assert_string_equal(domain_pos(&f->d, p, "next"), next);
	domain_redis(&f->d, "CONFIG SET maxmemory 0");
	UNTIL(SOON_MS, held_is(f, 1, 1, "newer"));
	assert_int_equal(kept(f, p), 1);
	UNTIL(SOON_MS, projection_waits_for(f->p) == NULL);
}

static void test_topic_made_anew(void **state)
{
	struct fixture *f = *state;

	load(f);
	change(f, 1, 1, "last", 20);
	UNTIL(SOON_MS, held_is(f, 1, 1, "last"));
	domain_topic_delete(&f->d);
	UNTIL(SOON_MS, topic_ensure(f->d.brokers, &f->d.topic, 5000) == ERR_OK);
	change(f, 4, 4, "four", 41);
	domain_marks(&f->d, LOG_B);
	domain_ends(&f->d, LOG_B, 40, 42);
	/* A partition of the new log may reach the old position before the reader looks: then the next mark tells. */
	UNTIL(SOON_MS, (domain_marks(&f->d, LOG_B), is_loaded_by(f, "0000000000000040")));
	assert_true(pos_is(f, "loadedlog", LOG_B));
	assert_true(held_is(f, 4, 4, "four"));
	assert_int_equal(domain_held_count(&f->d), 1);
	UNTIL(SOON_MS, is_fresh(f, LOG_B));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_applies_and_loads),
		TEST(test_resumes_where_it_was),
		TEST(test_missing_position_is_a_rebuild),
		TEST(test_position_of_an_owners_copy),
		TEST(test_position_out_of_range),
		TEST(test_newer_log_starts_over),
		TEST(test_marks_of_a_backlog_prove_nothing),
		TEST(test_stands_by_while_another_beats),
		TEST(test_twin_takes_over),
		TEST(test_redis_rolled_back),
		TEST(test_undecodable_events_are_parked),
		TEST(test_parked_events_are_bounded),
		TEST(test_redis_out_of_memory),
		TEST(test_topic_made_anew),
	};

	return cmocka_run_group_tests_name("projection", tests, NULL, NULL);
}
