/* user_test.c - users: the topic never gets a token, own Redis does; the list and its parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "shared/base/hash.h"
#include "user_svc/user.h"

#define TOKEN "4a49145e-45a8-4845-af45-1af2a59bb044"
#define PAYLOAD "{\"id\": 10, \"name\": \"박규경\", \"access_token\": \"" TOKEN "\"}"

static void publishes_the_hash_only(void **state)
{
	char hash[HASH_SHA256_HEX + 1], want[256];
	struct buf out;

	(void)state;
	buf_init(&out, 0);
	assert_int_equal(user_publish(SLICE_LIT(PAYLOAD), &out), ERR_OK);
	hash_sha256_hex(SLICE_LIT(TOKEN), hash);
	snprintf(want, sizeof(want), "{\"id\":10,\"name\":\"박규경\",\"token_sha256\":\"%s\"}", hash);
	assert_true(slice_eq(buf_slice(&out), slice_str(want)));
	assert_null(memmem(out.ptr, out.len, TOKEN, strlen(TOKEN)));
	buf_free(&out);
}

static const char *const bad_payloads[] = {
	"", "null", "[]", "{\"id\":10,\"name\":\"a\"}", "{\"id\":0,\"name\":\"a\",\"access_token\":\"b\"}",
	"{\"id\":1,\"name\":2,\"access_token\":\"b\"}", "{\"id\":1,\"name\":\"a\",\"access_token\":null}", "{\"id\":1",
};

static void refuses_what_is_no_user(void **state)
{
	struct arena *a = arena_create(1024, 65536);
	struct view_entry entry;
	struct buf out;

	(void)state;
	buf_init(&out, 0);
	for (size_t i = 0; i < sizeof(bad_payloads) / sizeof(bad_payloads[0]); i++) {
		struct slice payload = slice_str(bad_payloads[i]);

		assert_int_equal(user_publish(payload, &out), ERR_CORRUPT);
		assert_int_equal(view_users_own.project(SLICE_LIT("1"), payload, a, &entry), ERR_CORRUPT);
	}
	assert_int_equal(out.len, 0);
	buf_free(&out);
	arena_free(&a);
}

static void out_of_memory(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 20);
	assert_int_equal(user_publish(SLICE_LIT(PAYLOAD), &out), ERR_NO_MEMORY);
	buf_free(&out);
}

static void own_copy(void **state)
{
	struct arena *a = arena_create(1024, 65536);
	struct view_entry entry = { .group = SLICE_NONE };
	char hash[HASH_SHA256_HEX + 1];

	(void)state;
	hash_sha256_hex(SLICE_LIT(TOKEN), hash);
	assert_int_equal(view_users_own.place(SLICE_LIT("10"), &entry), ERR_OK);
	assert_int_equal(view_users_own.project(SLICE_LIT("10"), SLICE_LIT(PAYLOAD), a, &entry), ERR_OK);
	assert_true(slice_eq(entry.group, SLICE_LIT("all")));
	assert_true(slice_eq(entry.field, SLICE_LIT("10")));
	assert_true(slice_eq(entry.term, slice_str(hash)));
	assert_int_equal(entry.term.len, view_users_own.term_len);
	assert_true(slice_eq(entry.value, SLICE_LIT("{\"id\":10,\"name\":\"박규경\",\"access_token\":\"" TOKEN "\"}")));
	arena_free(&a);
}

/* Four users, unsorted, cut to a page: ids joined by blanks, and the total. */
static void page_is(uint32_t limit, uint32_t before, const char *want)
{
	struct user users[] = { { 2, SLICE("{2}") }, { 4, SLICE("{4}") }, { 1, SLICE("{1}") }, { 3, SLICE("{3}") } };
	struct user_list list = { .count = 4, .users = users };
	const struct page page = { .limit = limit, .before = before };
	struct buf out;

	user_list_cut(&list, &page);
	buf_init(&out, 0);
	user_list_write(&out, &list);
	assert_true(slice_eq(buf_slice(&out), slice_str(want)));
	buf_free(&out);
}

static void pages(void **state)
{
	(void)state;
	page_is(0, 0, "{\"count\":4,\"payload\":[{4},{3},{2},{1}]}");
	page_is(2, 0, "{\"count\":4,\"payload\":[{4},{3}]}");
	page_is(2, 3, "{\"count\":4,\"payload\":[{2},{1}]}");
	page_is(0, 1, "{\"count\":4,\"payload\":[]}");
}

static void empty_list(void **state)
{
	struct user_list list = { .count = 0 };
	const struct page page = { .limit = 0 };
	struct buf out;

	(void)state;
	user_list_cut(&list, &page);
	buf_init(&out, 0);
	user_list_write(&out, &list);
	assert_true(slice_eq(buf_slice(&out), SLICE_LIT("{\"count\":0,\"payload\":[]}")));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(publishes_the_hash_only), cmocka_unit_test(refuses_what_is_no_user), cmocka_unit_test(out_of_memory),
		cmocka_unit_test(own_copy),		   cmocka_unit_test(pages),		      cmocka_unit_test(empty_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
