/* routes_test.c - the API of user_svc against every state of its views, its database and the copy of visits. */
#include "tests/unit/support/fake_kit.h"

#include "shared/base/hash.h"
#include "shared/svc/inbox.h"
#include "shared/svc/view_store.h"
#include "user_svc/routes.h"
#include "user_svc/store.h"
#include "user_svc/user.h"
#include "user_svc/views.h"

#define USER_10 "{\"id\":10,\"name\":\"박규경\",\"access_token\":\"token\"}"
#define USER_9 "{\"id\":9,\"name\":\"남궁\",\"access_token\":\"token9\"}"
#define EVENT "01a20223-d9cb-7e22-a9cd-00000000000"

static char token_hash[HASH_SHA256_HEX + 1];
static struct view *items = &fake.views[0], *alarms = &fake.views[1];

/* ---- what the database says ---- */

static struct {
	const char *caller; /* MIN(id); NULL: nobody */
	size_t visits;      /* of the cells below */
	const char *const *visit_cells;
	struct slice asked_token;
	uint64_t below, limit;
} db;

static const char *const user_cells[] = { "10", "박규경", "token", "9", "남궁", "token9" };
/* items 1 2 3 3, visited in this order */
static const char *const visit_cells[] = { EVENT "1", "1", "100", EVENT "2", "2", "101", EVENT "3", "3", "102", EVENT "4", "3", "103" };

static enum err fake_sql(struct slice text, const struct sql_arg *args, struct arena *a, struct sql_rows *rows)
{
	static const char *const total[] = { "10" };

	if (fake_is(text, "SELECT MIN(id)")) {
		db.asked_token = args[0].text;
		fake_cells(a, rows, 1, 1, &db.caller);
	} else if (fake_is(text, "SELECT id, name, access_token")) {
		db.below = args[0].u64;
		db.limit = args[1].u64;
		fake_cells(a, rows, 2, 3, user_cells);
	} else if (fake_is(text, "SELECT COUNT(*) FROM user")) {
		fake_cells(a, rows, 1, 1, total);
	} else if (fake_is(text, "SELECT event_id, item_id, visited_us FROM visit")) {
		assert_int_equal(args[0].u64, 10);
		fake_cells(a, rows, db.visits, 3, db.visit_cells);
	} else {
		fail_msg("%.*s", SLICE_ARG(text));
	}
	return ERR_OK;
}

/* ---- what the copy of visits in own Redis says ---- */

static struct {
	enum err acquire, call;
	enum resp_type rev, entry;
	const char *text;
} copy;

enum err resp_acquire(struct resp_db *db_, int64_t deadline_us, struct resp_conn **c)
{
	(void)deadline_us;
	*c = (struct resp_conn *)db_;
	return copy.acquire;
}

void resp_release(struct resp_conn **c)
{
	*c = NULL;
}

enum err resp_call(struct resp_conn *c, struct arena *a, const struct slice *args, size_t count, struct resp_value *out)
{
	struct resp_value *two = arena_alloc_array(a, 2, sizeof(*two));

	assert_non_null(c);
	assert_true(slice_eq(args[count - 1], SLICE_LIT("10")));
	two[0] = (struct resp_value){ .type = copy.rev, .text = SLICE("0000000000000005") };
	two[1] = (struct resp_value){ .type = copy.entry, .text = slice_str(copy.text) };
	*out = (struct resp_value){ .type = RESP_ARRAY, .items = two, .count = 2 };
	return copy.call;
}

enum err view_reply_error(const struct resp_value *r)
{
	assert_int_equal(r->type, RESP_ERROR);
	return ERR_UNAVAILABLE;
}

struct inbox *inbox_start(struct service *s, const struct inbox_spec *spec, void *ctx)
{
	(void)s, (void)spec, (void)ctx;
	return NULL;
}

void inbox_stop(struct inbox **i)
{
	*i = NULL;
}

struct parked *inbox_parked(const struct inbox *i)
{
	(void)i;
	return NULL;
}

/* The way of visits into the table is linked, and not used: see visits_test.c. */
enum err sql_run_text(struct sql_conn *c, struct slice text, struct arena *arena, struct sql_rows *rows)
{
	(void)c, (void)text, (void)arena, (void)rows;
	return ERR_INTERNAL;
}

struct slice sql_quote(struct sql_conn *c, struct arena *a, struct slice s)
{
	(void)c, (void)a;
	return s;
}

enum err sql_begin(struct sql_conn *c)
{
	(void)c;
	return ERR_INTERNAL;
}

void sql_rollback(struct sql_conn *c)
{
	(void)c;
}

/* ---- fixture ---- */

static int setup(void **state)
{
	(void)state;
	fake_reset(&view_items, &view_alarms, &view_users_own);
	hash_sha256_hex(SLICE_LIT("token"), token_hash);
	fake_put(items, "1", "", "{\"id\":1");
	fake_put(items, "2", "", "{\"id\":2");
	fake_put(items, "3", "", "{\"id\":3");
	fake_put(items, "4", "", "{\"id\":4");
	fake_put(alarms, "10:3", "", "1");
	fake_put(&fake.own, "9", "", USER_9);
	fake_put(&fake.own, "10", token_hash, USER_10);
	db = (typeof(db)){ .caller = "10", .visits = 4, .visit_cells = visit_cells };
	copy = (typeof(copy)){ .rev = RESP_STRING, .entry = RESP_STRING,
			       .text = "00000000000000041 4 " EVENT "5\n2 1 " EVENT "6\n" };
	return 0;
}

static struct fake_answer call(const char *method, const char *path)
{
	return fake_call(user_routes, method, path, user_auth, NULL);
}

static struct fake_answer visit(void)
{
	return call("GET", "/visit");
}

/* ---- users ---- */

static void the_list(void **state)
{
	(void)state;
	ANSWERS(call("GET", "/"), 200, "{\"count\":2,\"payload\":[" USER_10 "," USER_9 "]}", "");
	ANSWERS(call("POST", "/"), 200, "{\"count\":2,\"payload\":[" USER_10 "," USER_9 "]}", "");
	fake_request.page = (struct page){ .limit = 2, .before = 11 };
	ANSWERS(call("GET", "/"), 200, "{\"count\":10,\"payload\":[" USER_10 "," USER_9 "]}", "");
	assert_int_equal(db.below, 11);
	assert_int_equal(db.limit, 2);
}

static void who_calls(void **state)
{
	(void)state;
	db.caller = NULL;
	assert_int_equal(call("GET", "/").status, 401);
	assert_true(slice_eq(db.asked_token, SLICE_LIT("token")));
	fake_request.token = SLICE_LIT("\xff\xfe"); /* no text: asked for as one that nobody has */
	assert_int_equal(call("GET", "/").status, 401);
	assert_true(slice_eq(db.asked_token, SLICE_LIT("")));
}

static void database_away(void **state)
{
	static const enum err away[] = { ERR_UNAVAILABLE, ERR_BUSY, ERR_TIMEOUT, ERR_INTERNAL };

	(void)state;
	for (size_t i = 0; i < sizeof(away) / sizeof(away[0]); i++) {
		fake_sql_e = away[i];
		ANSWERS(call("GET", "/"), 200, "{\"count\":2,\"payload\":[" USER_10 "," USER_9 "]}", "users;age=1");
	}
	fake_request.page = (struct page){ .before = 10 };
	ANSWERS(call("GET", "/"), 200, "{\"count\":2,\"payload\":[" USER_9 "]}", "users;age=1");
	fake_request.token = SLICE_LIT("unknown");
	ANSWERS(call("GET", "/"), 503, "", "users;age=1"); /* never 401 */
	fake.own.st = fake_never;
	ANSWERS(call("GET", "/"), 503, "", "users");
	fake.own.e = ERR_UNAVAILABLE;
	ANSWERS(visit(), 503, "", "users");
}

/* ---- visits ---- */

#define ITEM(id, flag) "{\"id\":" #id ",\"is_alarm_set\":" flag "}"

static void last_visits(void **state)
{
	(void)state;
	ANSWERS(visit(), 200, "{\"count\":3,\"payload\":[" ITEM(3, "true") "," ITEM(2, "false") "," ITEM(1, "false") "]}", "");
	db.visits = 1;
	ANSWERS(visit(), 200, "{\"count\":1,\"payload\":[" ITEM(1, "false") "]}", "");
	db.visits = 0;
	ANSWERS(visit(), 200, "{\"count\":0,\"payload\":[]}", "");
}

/* A missing item is left out before runs are joined, and what is older moves up. */
static void items_that_are_gone(void **state)
{
	(void)state;
	items->entries[1].key = "77"; /* 2 is gone */
	ANSWERS(visit(), 200, "{\"count\":2,\"payload\":[" ITEM(3, "true") "," ITEM(1, "false") "]}", "");
}

static void items_never_loaded(void **state)
{
	(void)state;
	items->st = fake_never;
	ANSWERS(visit(), 503, "", "items");
	db.visits = 0; /* also when there is nothing to show */
	ANSWERS(visit(), 503, "", "items");
	items->e = ERR_UNAVAILABLE;
	ANSWERS(visit(), 503, "", "items");
	assert_int_equal(call("GET", "/").status, 200);
}

static void alarms_never_loaded(void **state)
{
	(void)state;
	alarms->st = fake_never;
	db.visits = 1;
	ANSWERS(visit(), 200, "{\"count\":1,\"payload\":[" ITEM(1, "null") "]}", "alarms");
	db.visits = 0;
	ANSWERS(visit(), 200, "{\"count\":0,\"payload\":[]}", "alarms");
	alarms->e = ERR_UNAVAILABLE;
	db.visits = 1;
	ANSWERS(visit(), 200, "{\"count\":1,\"payload\":[" ITEM(1, "null") "]}", "alarms");
}

static void stale_neighbours(void **state)
{
	(void)state;
	items->st = alarms->st = fake_stale;
	db.visits = 1;
	ANSWERS(visit(), 200, "{\"count\":1,\"payload\":[" ITEM(1, "false") "]}", "alarms;age=12, items;age=12");
}

/* ---- the consistency token ---- */

static struct fake_answer visit_with(const char *facts)
{
	fake_facts = facts;
	return visit();
}

/* What the table has: 1 2 3 3, at 100 to 103. */
static void visits_that_are_not_here_yet(void **state)
{
	(void)state;
	ANSWERS(visit_with("v4=200." EVENT "9"), 200,
		"{\"count\":3,\"payload\":[" ITEM(4, "false") "," ITEM(3, "true") "," ITEM(2, "false") "]}", "");
	ANSWERS(visit_with("v3=200." EVENT "9, v1=199." EVENT "8"), 200,
		"{\"count\":3,\"payload\":[" ITEM(3, "true") "," ITEM(1, "false") "," ITEM(3, "true") "]}", "");
	ANSWERS(visit_with("v3=200." EVENT "9"), 200,
		"{\"count\":3,\"payload\":[" ITEM(3, "true") "," ITEM(2, "false") "," ITEM(1, "false") "]}", ""); /* the same run */
	ANSWERS(visit_with("v4=102." EVENT "3"), 200,
		"{\"count\":3,\"payload\":[" ITEM(3, "true") "," ITEM(2, "false") "," ITEM(1, "false") "]}", ""); /* known by its id */
	ANSWERS(visit_with("v4=102." EVENT "31"), 200,
		"{\"count\":3,\"payload\":[" ITEM(3, "true") "," ITEM(2, "false") "," ITEM(1, "false") "]}", ""); /* no event id of ours */
	ANSWERS(visit_with("v4=102." EVENT "0"), 200,
		"{\"count\":3,\"payload\":[" ITEM(3, "true") "," ITEM(4, "false") "," ITEM(2, "false") "]}", ""); /* in between, by its id */
	ANSWERS(visit_with("v9=300." EVENT "9"), 200,
		"{\"count\":3,\"payload\":[" ITEM(3, "true") "," ITEM(2, "false") "," ITEM(1, "false") "]}", ""); /* there is no item 9 */
	db.visits = 0;
	ANSWERS(visit_with("v4=200." EVENT "9"), 200, "{\"count\":1,\"payload\":[" ITEM(4, "false") "]}", "");
	fake_sql_e = ERR_UNAVAILABLE;
	ANSWERS(visit_with("v3=2." EVENT "60"), 200, "{\"count\":2,\"payload\":[" ITEM(1, "false") "," ITEM(4, "false") "]}", "users;age=1");
	ANSWERS(visit_with("v3=2." EVENT "7"), 200,
		"{\"count\":3,\"payload\":[" ITEM(3, "true") "," ITEM(1, "false") "," ITEM(4, "false") "]}", "users;age=1");
}

/* A visit cannot have been tomorrow: it would stand at the top whatever its sender looks at next. */
static void visits_that_cannot_be(void **state)
{
	char fact[128];
	int64_t now_us = clock_wall_us(), day_us = INT64_C(86400000000);

	(void)state;
	db.visits = 0;
	snprintf(fact, sizeof(fact), "v1=%lld." EVENT "9", (long long)(now_us + day_us + 60000000));
	ANSWERS(visit_with(fact), 200, "{\"count\":0,\"payload\":[]}", "");
	snprintf(fact, sizeof(fact), "v1=%lld." EVENT "9", (long long)(now_us + day_us - 60000000));
	ANSWERS(visit_with(fact), 200, "{\"count\":1,\"payload\":[" ITEM(1, "false") "]}", "");
	ANSWERS(visit_with("v1=9223372036854775807." EVENT "9, v1=-5." EVENT "8, v1=." EVENT "7, v1=5., v1=5"), 200,
		"{\"count\":0,\"payload\":[]}", "");
}

static void flags_that_are_newer(void **state)
{
	(void)state;
	db.visits = 1;
	ANSWERS(visit_with("a1=1.5"), 200, "{\"count\":1,\"payload\":[" ITEM(1, "true") "]}", "");
	alarms->st = fake_never;
	ANSWERS(visit_with("a1=0.5"), 200, "{\"count\":1,\"payload\":[" ITEM(1, "false") "]}", "alarms");
	ANSWERS(visit_with("a2=0.5"), 200, "{\"count\":1,\"payload\":[" ITEM(1, "null") "]}", "alarms");
}

static void visits_from_the_copy(void **state)
{
	(void)state;
	fake_sql_e = ERR_UNAVAILABLE;
	ANSWERS(visit(), 200, "{\"count\":2,\"payload\":[" ITEM(1, "false") "," ITEM(4, "false") "]}", "users;age=1");
	copy.entry = RESP_NIL; /* complete, and without this user */
	ANSWERS(visit(), 200, "{\"count\":0,\"payload\":[]}", "users;age=1");
}

/* What the copy cannot say is never "none". */
static void the_copy_cannot_say(void **state)
{
	(void)state;
	fake_sql_e = ERR_UNAVAILABLE;
	copy.rev = RESP_NIL;
	ANSWERS(visit(), 503, "", "users;age=1");
	copy.rev = RESP_STRING;
	copy.text = "damaged";
	ANSWERS(visit(), 503, "", "users;age=1");
	copy.call = ERR_UNAVAILABLE;
	ANSWERS(visit(), 503, "", "users;age=1");
	copy.acquire = ERR_BUSY;
	ANSWERS(visit(), 503, "", "users;age=1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_list, setup),
		cmocka_unit_test_setup(who_calls, setup),
		cmocka_unit_test_setup(database_away, setup),
		cmocka_unit_test_setup(last_visits, setup),
		cmocka_unit_test_setup(items_that_are_gone, setup),
		cmocka_unit_test_setup(items_never_loaded, setup),
		cmocka_unit_test_setup(alarms_never_loaded, setup),
		cmocka_unit_test_setup(stale_neighbours, setup),
		cmocka_unit_test_setup(visits_that_are_not_here_yet, setup),
		cmocka_unit_test_setup(visits_that_cannot_be, setup),
		cmocka_unit_test_setup(flags_that_are_newer, setup),
		cmocka_unit_test_setup(visits_from_the_copy, setup),
		cmocka_unit_test_setup(the_copy_cannot_say, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
