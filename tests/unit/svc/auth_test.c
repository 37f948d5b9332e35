/* auth_test.c - who the caller is, for every state of the users view; the view is played by this file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "shared/base/hash.h"
#include "shared/svc/auth.h"

/* What the view answers next, and what it was asked. */
static struct {
	enum err e;
	struct view_state st;
	const char *ids[4];
	char asked[HASH_SHA256_HEX + 1];
} view;

enum err view_term(struct view *v, struct arena *a, int64_t deadline_us, struct slice term, struct slice **fields, size_t *count,
		   struct view_state *st)
{
	(void)v, (void)deadline_us;
	assert_int_equal(term.len, HASH_SHA256_HEX);
	memcpy(view.asked, term.ptr, term.len);
	*fields = arena_alloc_array(a, 4, sizeof(**fields));
	*count = 0;
	for (size_t i = 0; i < 4 && view.ids[i] != NULL; i++)
		(*fields)[(*count)++] = slice_str(view.ids[i]);
	*st = view.st;
	return view.e;
}

static const struct view_state fresh = { .loaded = true, .fresh = true, .age_s = 1 };
static const struct view_state stale = { .loaded = true, .age_s = 12 };
static const struct view_state never = { .age_s = -1 };

/* Asks for a token that the view knows as <ids>; the header that the answer would carry is <degraded>. */
static enum err ask(struct request *rq, enum err e, struct view_state st, const char *id1, const char *id2, const char *degraded)
{
	struct arena *a = arena_create(4096, 65536);
	struct buf header;
	enum err got;

	*rq = (struct request){ .arena = a };
	view.e = e;
	view.st = st;
	view.ids[0] = id1;
	view.ids[1] = id2;
	got = auth_by_view(rq, NULL, SLICE_LIT("token"));
	buf_init(&header, 0);
	degraded_print(&rq->degraded, &header);
	if (!slice_eq(buf_slice(&header), slice_str(degraded)) && !(header.len == 0 && degraded[0] == '\0'))
		fail_msg("Degraded: %.*s, not %s", SLICE_ARG(buf_slice(&header)), degraded);
	buf_free(&header);
	arena_free(&a);
	return got;
}

static void known_token(void **state)
{
	char hash[HASH_SHA256_HEX + 1];
	struct request rq;

	(void)state;
	assert_int_equal(ask(&rq, ERR_OK, fresh, "10", NULL, ""), ERR_OK);
	assert_true(rq.caller_known);
	assert_int_equal(rq.caller_id, 10);
	hash_sha256_hex(SLICE_LIT("token"), hash);
	assert_string_equal(view.asked, hash);
}

static void shared_token_is_the_lowest_users(void **state)
{
	struct request rq;

	(void)state;
	assert_int_equal(ask(&rq, ERR_OK, fresh, "10", "9", ""), ERR_OK);
	assert_int_equal(rq.caller_id, 9);
	assert_int_equal(ask(&rq, ERR_OK, fresh, "junk", "11", ""), ERR_OK);
	assert_int_equal(rq.caller_id, 11);
}

static void only_a_fresh_view_says_no(void **state)
{
	struct request rq;

	(void)state;
	assert_int_equal(ask(&rq, ERR_OK, fresh, NULL, NULL, ""), ERR_UNAUTHORIZED);
	assert_int_equal(ask(&rq, ERR_OK, stale, NULL, NULL, "users;age=12"), ERR_OK);
	assert_false(rq.caller_known);
	assert_int_equal(ask(&rq, ERR_OK, never, NULL, NULL, "users"), ERR_OK);
	assert_false(rq.caller_known);
}

static void stale_view_still_knows(void **state)
{
	struct request rq;

	(void)state;
	assert_int_equal(ask(&rq, ERR_OK, stale, "10", NULL, "users;age=12"), ERR_OK);
	assert_true(rq.caller_known);
}

/* Half loaded, it may lack a lower id of the same token. */
static void half_loaded_view_does_not_know(void **state)
{
	struct request rq;

	(void)state;
	assert_int_equal(ask(&rq, ERR_OK, never, "10", NULL, "users"), ERR_OK);
	assert_false(rq.caller_known);
	assert_int_equal(auth_need_caller(&rq), ERR_NOT_LOADED);
	assert_non_null(rq.detail);
}

static void redis_away(void **state)
{
	struct request rq;

	(void)state;
	assert_int_equal(ask(&rq, ERR_UNAVAILABLE, never, NULL, NULL, "users"), ERR_OK);
	assert_false(rq.caller_known);
	assert_int_equal(ask(&rq, ERR_NO_MEMORY, never, NULL, NULL, ""), ERR_NO_MEMORY);
}

static void caller_needed(void **state)
{
	struct request rq = { .caller_known = true };

	(void)state;
	assert_int_equal(auth_need_caller(&rq), ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_token),		  cmocka_unit_test(shared_token_is_the_lowest_users),
		cmocka_unit_test(only_a_fresh_view_says_no), cmocka_unit_test(stale_view_still_knows),
		cmocka_unit_test(half_loaded_view_does_not_know), cmocka_unit_test(redis_away),
		cmocka_unit_test(caller_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
