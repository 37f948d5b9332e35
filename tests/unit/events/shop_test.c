/* shop_test.c - what goes over the topics and lies in Redis for each domain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "shared/base/hash.h"
#include "shared/events/shop.h"

#define ITEM_JSON                                                                                                          \
	"{\"price\": 78900, \"id\": 50, \"name\": \"[역대최다-13종]17WINTER \\\"레그미인\\\"\", \"category\": \"패션·잡화\", " \
	"\"broadcaster\": \"cjmall\"}"
#define ITEM_FRAGMENT                                                                                          \
	"{\"id\":50,\"name\":\"[역대최다-13종]17WINTER \\\"레그미인\\\"\",\"broadcaster\":\"cjmall\",\"category\":\"패션·잡화\"," \
	"\"price\":78900"
#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define EVENT_ID "01a20223-d9cb-7e22-a9cd-640c5db39edc"

static struct arena *arena;

static int setup(void **state)
{
	(void)state;
	arena = arena_create(4096, 1 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void assert_text(struct slice got, const char *want)
{
	if (!slice_eq(got, slice_str(want)))
		fail_msg("got %.*s, want %s", SLICE_ARG(got), want);
}

/* ---- items ---- */

static void item_as_an_answer_shows_it(void **state)
{
	const struct item_row row = { SLICE("50"), SLICE("[역대최다-13종]17WINTER \"레그미인\""), SLICE("cjmall"), SLICE("패션·잡화"),
				      SLICE("78900") };
	struct slice fragment;
	struct buf out;

	(void)state;
	buf_init(&out, 0);
	shop_item_fragment(&out, &row);
	assert_text(buf_slice(&out), ITEM_FRAGMENT);
	fragment = arena_copy(arena, buf_slice(&out));
	buf_clear(&out);
	shop_item_write(&out, fragment, ALARM_FLAG_ON);
	assert_text(buf_slice(&out), ITEM_FRAGMENT ",\"is_alarm_set\":true}");
	buf_clear(&out);
	shop_item_write(&out, fragment, ALARM_FLAG_OFF);
	assert_text(buf_slice(&out), ITEM_FRAGMENT ",\"is_alarm_set\":false}");
	buf_clear(&out);
	shop_item_write(&out, fragment, ALARM_FLAG_UNKNOWN);
	assert_text(buf_slice(&out), ITEM_FRAGMENT ",\"is_alarm_set\":null}");
	buf_free(&out);
}

static void item_lists(void **state)
{
	const struct slice fragments[] = { SLICE("{\"id\":2"), SLICE("{\"id\":1") };
	const enum alarm_flag flags[] = { ALARM_FLAG_ON, ALARM_FLAG_OFF };
	struct buf out;

	(void)state;
	buf_init(&out, 0);
	shop_item_list_write(&out, 7, fragments, flags, 2);
	assert_text(buf_slice(&out),
		    "{\"count\":7,\"payload\":[{\"id\":2,\"is_alarm_set\":true},{\"id\":1,\"is_alarm_set\":false}]}");
	buf_clear(&out);
	shop_item_list_write(&out, 0, NULL, NULL, 0);
	assert_text(buf_slice(&out), "{\"count\":0,\"payload\":[]}");
	buf_free(&out);
}

/* An event gives the same fragment as a row of the table, whatever the order of its members. */
static void item_from_an_event(void **state)
{
	struct view_entry entry;

	(void)state;
	assert_int_equal(view_items.place(SLICE_LIT("50"), &entry), ERR_OK);
	assert_text(entry.group, "all");
	assert_text(entry.field, "50");
	assert_int_equal(view_items.project(SLICE_LIT("50"), SLICE_LIT(ITEM_JSON), arena, &entry), ERR_OK);
	assert_text(entry.value, ITEM_FRAGMENT);
}

static void item_events_that_do_not_decode(void **state)
{
	static const char *const bad[] = {
		"", "null", "{", "{\"id\":50}", "{\"id\":51,\"name\":\"a\",\"broadcaster\":\"b\",\"category\":\"c\",\"price\":1}",
		"{\"id\":50,\"name\":1,\"broadcaster\":\"b\",\"category\":\"c\",\"price\":1}",
		"{\"id\":50,\"name\":\"a\",\"broadcaster\":\"b\",\"category\":\"c\",\"price\":1.5}",
		"{\"id\":50,\"name\":\"a\",\"broadcaster\":\"b\",\"category\":null,\"price\":1}",
	};
	struct view_entry entry;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (view_items.project(SLICE_LIT("50"), slice_str(bad[i]), arena, &entry) != ERR_CORRUPT)
			fail_msg("accepted: %s", bad[i]);
	}
}

/* ---- keys ---- */

static void keys_that_are_none_of_ours(void **state)
{
	static const char *const bad_ids[] = { "", "0", "050", "~mark", "1:2", "-1", "2147483648", "1 " };
	static const char *const bad_alarms[] = { "", "1", "1:", ":1", "1:2:3", "0:1", "1:0", "~end", "01:2" };
	struct view_entry entry;

	(void)state;
	for (size_t i = 0; i < sizeof(bad_ids) / sizeof(bad_ids[0]); i++) {
		assert_int_equal(view_items.place(slice_str(bad_ids[i]), &entry), ERR_CORRUPT);
		assert_int_equal(view_users.place(slice_str(bad_ids[i]), &entry), ERR_CORRUPT);
	}
	for (size_t i = 0; i < sizeof(bad_alarms) / sizeof(bad_alarms[0]); i++) {
		if (view_alarms.place(slice_str(bad_alarms[i]), &entry) != ERR_CORRUPT)
			fail_msg("accepted: %s", bad_alarms[i]);
	}
}

static void made_keys(void **state)
{
	const uint32_t ids[] = { 1, 2147483647 };
	struct slice *keys = shop_keys(arena, ids, 2);

	(void)state;
	assert_text(keys[0], "1");
	assert_text(keys[1], "2147483647");
	keys = shop_alarm_keys(arena, 10, ids, 2);
	assert_text(keys[0], "10:1");
	assert_text(keys[1], "10:2147483647");
	assert_non_null(shop_keys(arena, ids, 0));
}

static void made_keys_beyond_memory(void **state)
{
	struct arena *small = arena_create(64, 64);
	uint32_t ids[64] = { 1 };

	(void)state;
	assert_null(shop_keys(small, ids, 64));
	assert_null(shop_alarm_keys(small, 1, ids, 64));
	arena_reset(small);
	assert_null(shop_keys(small, ids, 3)); /* the array fits, its texts do not */
	arena_reset(small);
	assert_null(shop_alarm_keys(small, 1, ids, 3));
	arena_free(&small);
}

/* All alarms of a user lie in one partition, so one hash in Redis has them. */
static void partitions(void **state)
{
	(void)state;
	for (uint32_t user = 1; user < 100; user++) {
		int32_t p = topic_partition(&topic_alarms, shop_key(arena, user));

		assert_int_equal(p, topic_partition(&topic_alarms, shop_alarm_key(arena, user, 77)));
		assert_int_equal(p, topic_partition(&topic_visits, shop_key(arena, user)));
		assert_in_range(p, 0, topic_alarms.partitions - 1);
	}
	assert_int_equal(topic_users.partitions, 1);
}

/* ---- users and alarms ---- */

static void user_from_an_event(void **state)
{
	struct view_entry entry;

	(void)state;
	assert_int_equal(view_users.place(SLICE_LIT("10"), &entry), ERR_OK);
	assert_int_equal(view_users.project(SLICE_LIT("10"), SLICE_LIT("{\"id\":10,\"name\":\"박\",\"token_sha256\":\"" HASH "\"}"), arena,
					    &entry),
			 ERR_OK);
	assert_text(entry.group, "all");
	assert_text(entry.field, "10");
	assert_text(entry.term, HASH);
	assert_non_null(entry.value.ptr);
	assert_int_equal(entry.value.len, 0);
}

static void user_events_that_do_not_decode(void **state)
{
	static const char *const bad[] = { "", "{}", "{\"id\":10,\"token_sha256\":\"abc\"}", "{\"id\":10,\"token_sha256\":1}", "[\"" HASH "\"]",
					   "{\"token_sha256\":\"" HASH "\"}", "{\"id\":11,\"token_sha256\":\"" HASH "\"}",
					   "{\"id\":10,\"token_sha256\":\"zz" HASH "\"}" };
	struct view_entry entry;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(view_users.project(SLICE_LIT("10"), slice_str(bad[i]), arena, &entry), ERR_CORRUPT);
}

static void alarm_events_that_do_not_decode(void **state)
{
	static const char *const bad[] = { "", "{", "}", "{}", "not JSON", "null", "[10,50]", "{\"item_id\":50}", "{\"item_id\":50,\"user_id\":1}",
					   "{\"item_id\":50,\"user_id\":100}", "{\"item_id\":5,\"user_id\":10}",
					   "{\"item_id\":\"50\",\"user_id\":\"10\"}", "{\"user_id\":10,\"item_id\":50", "{\"user_id\":10,\"item_id\":}" };
	struct view_entry entry;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (view_alarms.project(SLICE_LIT("10:50"), slice_str(bad[i]), arena, &entry) != ERR_CORRUPT)
			fail_msg("accepted: %s", bad[i]);
	}
}

static void alarm_from_an_event(void **state)
{
	struct view_entry entry;

	(void)state;
	assert_int_equal(view_alarms.place(SLICE_LIT("10:50"), &entry), ERR_OK);
	assert_int_equal(view_alarms.project(SLICE_LIT("10:50"), SLICE_LIT("{\"id\": 1, \"item_id\": 50, \"user_id\": 10}"), arena, &entry),
			 ERR_OK);
	assert_text(entry.group, "10");
	assert_text(entry.field, "50");
	assert_text(entry.value, "1");
}

/* ---- visits ---- */

static void visit_is(const struct visit_event *v, const char *json, const char *key)
{
	struct visit_event back;
	struct buf out;

	buf_init(&out, 0);
	visit_event_write(&out, v);
	assert_text(buf_slice(&out), json);
	assert_int_equal(visit_event_read(buf_slice(&out), arena, &back), ERR_OK);
	assert_true(slice_eq(back.id, v->id));
	assert_int_equal(back.user_id, v->user_id);
	assert_true(slice_eq(back.token, v->token));
	assert_int_equal(back.item_id, v->item_id);
	assert_int_equal(back.visited_us, v->visited_us);
	assert_text(visit_event_key(&back, arena), key);
	buf_free(&out);
}

static void visits(void **state)
{
	const struct visit_event known = { .id = SLICE(EVENT_ID), .user_id = 10, .item_id = 50, .visited_us = 1795332233675872 };
	const struct visit_event unknown = { .id = SLICE(EVENT_ID), .token = SLICE(HASH), .item_id = 1, .visited_us = 0 };

	(void)state;
	visit_is(&known, "{\"id\":\"" EVENT_ID "\",\"user_id\":10,\"item_id\":50,\"visited_us\":1795332233675872}", "10");
	visit_is(&unknown, "{\"id\":\"" EVENT_ID "\",\"token_sha256\":\"" HASH "\",\"item_id\":1,\"visited_us\":0}", HASH);
}

static void visits_that_do_not_decode(void **state)
{
	static const char *const bad[] = {
		"", "null", "{}",
		"{\"id\":\"x\",\"user_id\":10,\"item_id\":50,\"visited_us\":1}",
		"{\"id\":\"01A20223-d9cb-7e22-a9cd-640c5db39edc\",\"user_id\":10,\"item_id\":50,\"visited_us\":1}",
		"{\"id\":\"01a202230d9cb-7e22-a9cd-640c5db39edc\",\"user_id\":10,\"item_id\":50,\"visited_us\":1}",
		"{\"id\":\"" EVENT_ID "\",\"user_id\":0,\"item_id\":50,\"visited_us\":1}",
		"{\"id\":\"" EVENT_ID "\",\"item_id\":50,\"visited_us\":1}",
		"{\"id\":\"" EVENT_ID "\",\"token_sha256\":\"abc\",\"item_id\":50,\"visited_us\":1}",
		"{\"id\":\"" EVENT_ID "\",\"token_sha256\":\"" "'123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
		"\",\"item_id\":50,\"visited_us\":1}",
		"{\"id\":\"" EVENT_ID "\",\"user_id\":10,\"visited_us\":1}",
		"{\"id\":\"" EVENT_ID "\",\"user_id\":10,\"item_id\":50}",
		"{\"id\":\"" EVENT_ID "\",\"user_id\":10,\"item_id\":50,\"visited_us\":-1}",
	};
	struct visit_event v;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (visit_event_read(slice_str(bad[i]), arena, &v) != ERR_CORRUPT)
			fail_msg("accepted: %s", bad[i]);
	}
	assert_int_equal(visit_event_read(SLICE_NONE, arena, &v), ERR_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(item_as_an_answer_shows_it),
		cmocka_unit_test(item_lists),
		cmocka_unit_test(item_from_an_event),
		cmocka_unit_test(item_events_that_do_not_decode),
		cmocka_unit_test(keys_that_are_none_of_ours),
		cmocka_unit_test(made_keys),
		cmocka_unit_test(made_keys_beyond_memory),
		cmocka_unit_test(partitions),
		cmocka_unit_test(user_from_an_event),
		cmocka_unit_test(user_events_that_do_not_decode),
		cmocka_unit_test(alarm_from_an_event),
		cmocka_unit_test(alarm_events_that_do_not_decode),
		cmocka_unit_test(visits),
		cmocka_unit_test(visits_that_do_not_decode),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
