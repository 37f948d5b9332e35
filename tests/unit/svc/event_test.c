/* event_test.c - events to records and back, and records that are none. */
#include "shared/svc/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "shared/base/clock.h"

static void test_version_text(void **state)
{
	static const char *const bad[] = { "", "1", "000000000000000", "00000000000000012", "000000000000000a", " 000000000000001",
					   "-000000000000001", "+000000000000001" };
	char text[EVENT_VERSION_LEN + 1];
	uint64_t n = 7;

	(void)state;
	event_version_text(0, text);
	assert_string_equal(text, "0000000000000000");
	event_version_text(UINT64_C(1769900000000123), text);
	assert_string_equal(text, "1769900000000123");
	assert_true(event_version_parse(slice_str(text), &n));
	assert_int_equal(n, UINT64_C(1769900000000123));
	assert_true(event_version_parse(SLICE_LIT("9999999999999999"), &n));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(event_version_parse(slice_str(bad[i]), &n));
	assert_int_equal(n, UINT64_C(9999999999999999));
}

static void assert_header(const struct broker_record *r, const char *name, const char *value)
{
	struct slice s = broker_header_get(r, name);

	if (!slice_eq(s, slice_str(value)) || s.ptr == NULL)
		fail_msg("%s is \"%.*s\", not \"%s\"", name, SLICE_ARG(s), value);
}

static void test_change_there_and_back(void **state)
{
	struct event e = { .key = SLICE("10:50"), .value = SLICE("{\"id\":1}"), .version = 42, .domain = "alarm", .type = SLICE("changed"),
			   .created_us = INT64_C(1769903999123456) }, back;
	struct arena *a = arena_create(4096, 0);
	struct broker_record r;

	(void)state;
	assert_int_equal(event_encode(&e, 3, a, &r), ERR_OK);
	assert_int_equal(r.partition, 3);
	assert_header(&r, "ce_specversion", "1.0");
	assert_header(&r, "ce_id", "42");
	assert_header(&r, "ce_type", "moa.alarm.changed");
	assert_header(&r, "ce_source", "/moa/alarm");
	assert_header(&r, "ce_time", "2026-01-31T23:59:59.123456Z");
	assert_header(&r, "content-type", "application/json");
	assert_header(&r, "version", "0000000000000042");
	assert_int_equal(broker_header_get(&r, "traceparent").len, 55);
	assert_int_equal(event_decode(&r, &back), ERR_OK);
	assert_int_equal(back.kind, EVENT_KIND_CHANGE);
	assert_true(slice_eq(back.key, e.key) && slice_eq(back.value, e.value) && slice_eq(back.type, e.type));
	assert_int_equal(back.version, 42);
	assert_int_equal(back.created_us, e.created_us);
	e.value = SLICE_NONE;
	e.traceparent = SLICE_LIT("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
	assert_int_equal(event_encode(&e, 0, a, &r), ERR_OK);
	assert_int_equal(event_decode(&r, &back), ERR_OK);
	assert_null(back.value.ptr);
	assert_true(slice_eq(back.traceparent, e.traceparent));
	arena_free(&a);
}

static void test_kinds(void **state)
{
	static const struct {
		const char *key, *type;
		enum event_kind kind;
	} cases[] = {
		{ "1", "changed", EVENT_KIND_CHANGE }, { "1", "snapshot", EVENT_KIND_SNAPSHOT }, { "1", "rewritten", EVENT_KIND_CHANGE },
		{ "~mark", "mark", EVENT_KIND_MARK }, { "~begin", "begin", EVENT_KIND_BEGIN }, { "~end", "end", EVENT_KIND_END },
		{ "~end", "snapshot", EVENT_KIND_END }, { "~marks", "changed", EVENT_KIND_CHANGE },
	};
	struct arena *a = arena_create(4096, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct event e = { .key = slice_str(cases[i].key), .version = 1, .domain = "x", .type = slice_str(cases[i].type) }, back;
		struct broker_record r;

		assert_int_equal(event_encode(&e, 0, a, &r), ERR_OK);
		assert_int_equal(event_decode(&r, &back), ERR_OK);
		assert_int_equal(back.kind, cases[i].kind);
	}
	arena_free(&a);
}

/* A visit has no version; it names its log instead. */
static void test_visit(void **state)
{
	struct event e = { .key = SLICE("10"), .value = SLICE("{}"), .domain = "visit", .type = SLICE("made"), .id = SLICE("abc"),
			   .log = SLICE("01890000-0000-7000-8000-000000000000") }, back;
	struct arena *a = arena_create(4096, 0);
	struct broker_record r;

	(void)state;
	assert_int_equal(event_encode(&e, 0, a, &r), ERR_OK);
	assert_null(broker_header_get(&r, "version").ptr);
	assert_header(&r, "ce_id", "abc");
	assert_int_equal(event_decode(&r, &back), ERR_OK);
	assert_true(slice_eq(back.log, e.log) && slice_eq(back.id, e.id));
	assert_int_equal(back.version, 0);
	arena_free(&a);
}

static void test_times(void **state)
{
	static const int64_t days[] = { 0, 58, 59, 60, 365, 789, 790, 11016, 11017, 18321, 19782, 19783, 20513, 47540, 47541 };
	struct arena *a = arena_create(4096, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
		struct event e = { .key = SLICE("1"), .version = 1, .domain = "x", .type = SLICE("changed"),
				   .created_us = days[i] * INT64_C(86400000000) + INT64_C(45296000789) }, back;
		struct broker_record r;

		assert_int_equal(event_encode(&e, 0, a, &r), ERR_OK);
		assert_int_equal(event_decode(&r, &back), ERR_OK);
		assert_int_equal(back.created_us, e.created_us);
	}
	arena_free(&a);
}

/* What would outrank every good event that follows it. */
static void test_absurd_versions_and_logs(void **state)
{
	static const char *const versions[] = { "0000000000000000", "4102444800000000", "9999999999999999", "-000000000000001", "1" };
	static const char *const logs[] = { "", "ffffffff-ffff-7fff-8fff-ffffffffffff", "01890000-0000-4000-8000-000000000000",
					    "zzzzzzzz-zzzz-7zzz-zzzz-zzzzzzzzzzzz", "01890000-0000-7000-8000-00000000000", "03bb2cc3-d800-7000-8000-000000000000" };
	struct broker_record r = { .key = SLICE("1"), .header_count = 2 };
	struct event e;

	(void)state;
	r.headers[0] = (struct broker_header){ "ce_type", SLICE("moa.x.changed") };
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		r.headers[1] = (struct broker_header){ "version", slice_str(versions[i]) };
		assert_int_equal(event_decode(&r, &e), ERR_CORRUPT);
		assert_non_null(e.fault);
	}
	r.headers[1].value = SLICE_LIT("4102444799999999");
	assert_int_equal(event_decode(&r, &e), ERR_OK);
	assert_null(e.fault);
	for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
		r.headers[1] = (struct broker_header){ "log", slice_str(logs[i]) };
		assert_int_equal(event_decode(&r, &e), ERR_CORRUPT);
	}
}

static void test_what_is_no_event(void **state)
{
	static const struct broker_header good[] = {
		{ "ce_type", SLICE("moa.x.changed") }, { "version", SLICE("0000000000000001") }, { "ce_time", SLICE("tomorrow") },
	};
	struct broker_record r = { .key = SLICE("1"), .header_count = 3 };
	struct event e;

	(void)state;
	memcpy(r.headers, good, sizeof(good));
	assert_int_equal(event_decode(&r, &e), ERR_OK);
	assert_int_equal(e.created_us, 0);
	r.key = SLICE_NONE;
	assert_int_equal(event_decode(&r, &e), ERR_CORRUPT);
	r.key = SLICE_LIT("1");
	r.headers[1].value = SLICE_LIT("1");
	assert_int_equal(event_decode(&r, &e), ERR_CORRUPT);
	r.header_count = 1;
	assert_int_equal(event_decode(&r, &e), ERR_CORRUPT);
	r.header_count = 0;
	assert_int_equal(event_decode(&r, &e), ERR_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version_text),
		cmocka_unit_test(test_change_there_and_back),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_visit),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_absurd_versions_and_logs),
		cmocka_unit_test(test_what_is_no_event),
	};

	return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
