/* routes_test.c - the API of alarm_svc against every state of its views and its database. */
#include "tests/unit/support/fake_kit.h"

#include "alarm_svc/routes.h"
#include "alarm_svc/views.h"
#include "shared/base/hash.h"

#define LIST_50 "{\"count\":1,\"payload\":[{\"id\":50,\"is_alarm_set\":true}]}"
#define EMPTY "{\"count\":0,\"payload\":[]}"

static char token_hash[HASH_SHA256_HEX + 1];
static struct view *users = &fake.views[0], *items = &fake.views[1];

/* What the database was told, and what it says. */
static struct {
	int inserted, deleted, tombstones;
	bool was_set;         /* a DELETE finds the alarm */
	const char *version;  /* @outbox_id; NULL without triggers */
	const char *listed[4];
	uint64_t user, item;
	char tombstone[32];
} db;

static enum err fake_sql(struct slice text, const struct sql_arg *args, struct arena *a, struct sql_rows *rows)
{
	size_t n = 0;

	if (fake_is(text, "INSERT INTO alarm") || fake_is(text, "DELETE FROM alarm")) {
		db.inserted += fake_is(text, "INSERT");
		db.deleted += fake_is(text, "DELETE");
		db.user = args[0].u64;
		db.item = args[1].u64;
		rows->affected = db.was_set;
	} else if (fake_is(text, "INSERT INTO outbox")) {
		db.tombstones++;
		snprintf(db.tombstone, sizeof(db.tombstone), "%.*s", SLICE_ARG(args[0].text));
		rows->insert_id = 77;
	} else if (fake_is(text, "SELECT id FROM outbox WHERE id = @outbox_id")) {
		fake_cells(a, rows, 1, 1, &db.version);
	} else if (fake_is(text, "SELECT item_id FROM alarm")) {
		assert_int_equal(args[0].u64, 10);
		while (n < 4 && db.listed[n] != NULL)
			n++;
		fake_cells(a, rows, n, 1, db.listed);
	} else {
		fail_msg("%.*s", SLICE_ARG(text));
	}
	return ERR_OK;
}

/* User 10 has the token, item 50 exists, an alarm on it is in the table and in the copy. */
static int setup(void **state)
{
	(void)state;
	fake_reset(&view_users, &view_items, &view_alarms);
	hash_sha256_hex(SLICE_LIT("token"), token_hash);
	fake_put(users, "10", token_hash, "");
	fake_put(items, "50", "", "{\"id\":50");
	fake_put(&fake.own, "10:50", "", "1");
	db = (typeof(db)){ .version = "123", .listed = { "50" } };
	return 0;
}

static struct fake_answer call(const char *method, uint32_t body_id)
{
	fake_request.body_id = body_id;
	return fake_call(alarm_routes, method, "/", views_auth, NULL);
}

static void setting(void **state)
{
	(void)state;
	ANSWERS(call("POST", 50), 201, "{}", "");
	assert_int_equal(db.inserted, 1);
	assert_int_equal(db.user, 10);
	assert_int_equal(db.item, 50);
	assert_int_equal(fake.woken, 1);
}

static void setting_on_an_item_that_is_not_there(void **state)
{
	(void)state;
	assert_int_equal(call("POST", 51).e, ERR_NOT_FOUND);
	items->st = fake_stale;
	ANSWERS(call("POST", 51), 503, "", "items;age=12");
	ANSWERS(call("POST", 50), 201, "{}", "items;age=12"); /* known is known */
	assert_int_equal(db.inserted, 1);
}

static void taking_back(void **state)
{
	(void)state;
	db.was_set = true;
	ANSWERS(call("DELETE", 50), 200, "{}", "");
	assert_int_equal(db.tombstones, 0);
	assert_int_equal(fake.woken, 1);
	db.was_set = false;
	items->st = fake_never; /* never asked */
	ANSWERS(call("DELETE", 999), 200, "{}", "");
	assert_int_equal(db.deleted, 2);
	assert_int_equal(db.tombstones, 1);
	assert_string_equal(db.tombstone, "10:999");
	assert_int_equal(fake.woken, 2);
}

static void listing(void **state)
{
	(void)state;
	ANSWERS(call("GET", 0), 200, LIST_50, "");
	db.listed[0] = NULL;
	ANSWERS(call("GET", 0), 200, EMPTY, "");
	db.listed[0] = "51"; /* an item that no longer exists */
	ANSWERS(call("GET", 0), 200, EMPTY, "");
}

static void listing_a_part(void **state)
{
	(void)state;
	fake_put(items, "49", "", "{\"id\":49");
	fake_put(items, "48", "", "{\"id\":48");
	db.listed[1] = "49";
	db.listed[2] = "48";
	fake_request.page = (struct page){ .limit = 1, .before = 50 };
	ANSWERS(call("GET", 0), 200, "{\"count\":3,\"payload\":[{\"id\":49,\"is_alarm_set\":true}]}", "");
}

static void users_never_loaded(void **state)
{
	(void)state;
	users->st = fake_never;
	ANSWERS(call("POST", 50), 503, "", "users");
	ANSWERS(call("GET", 0), 503, "", "users");
	ANSWERS(call("DELETE", 50), 503, "", "users");
	users->e = ERR_UNAVAILABLE; /* own Redis is away: the same */
	ANSWERS(call("GET", 0), 503, "", "users");
	assert_int_equal(db.inserted + db.deleted, 0);
}

static void items_never_loaded(void **state)
{
	(void)state;
	items->st = fake_never;
	ANSWERS(call("POST", 50), 503, "", "items"); /* found by chance or not */
	ANSWERS(call("GET", 0), 503, "", "items");
	db.listed[0] = NULL;
	ANSWERS(call("GET", 0), 503, "", "items");
	items->e = ERR_UNAVAILABLE;
	ANSWERS(call("POST", 50), 503, "", "items");
	assert_int_equal(db.inserted, 0);
	ANSWERS(call("DELETE", 50), 200, "{}", "");
}

static void stale_views(void **state)
{
	(void)state;
	users->st = items->st = fake_stale;
	ANSWERS(call("GET", 0), 200, LIST_50, "items;age=12, users;age=12");
	ANSWERS(call("DELETE", 50), 200, "{}", "users;age=12");
	fake_request.token = SLICE_LIT("unknown");
	ANSWERS(call("GET", 0), 503, "", "users;age=12");
	users->st = fake_fresh;
	fake_request.token = SLICE_LIT("unknown");
	assert_int_equal(call("GET", 0).status, 401);
}

static void database_away(void **state)
{
	static const enum err away[] = { ERR_UNAVAILABLE, ERR_BUSY, ERR_TIMEOUT, ERR_INTERNAL };

	(void)state;
	for (size_t i = 0; i < sizeof(away) / sizeof(away[0]); i++) {
		fake_sql_e = away[i];
		ANSWERS(call("GET", 0), 200, LIST_50, "alarms;age=1");
		assert_int_equal(call("POST", 50).status, 503);
		assert_int_equal(call("DELETE", 50).status, 503);
	}
	assert_int_equal(fake.woken, 0);
	fake.own.st = fake_stale;
	ANSWERS(call("GET", 0), 200, LIST_50, "alarms;age=12");
	fake.own.st = fake_never; /* the copy is not complete */
	ANSWERS(call("GET", 0), 503, "", "alarms");
	fake.own.e = ERR_UNAVAILABLE;
	ANSWERS(call("GET", 0), 503, "", "alarms");
}

/* The stand-in lists in the same order. */
static void the_stand_in_sorts(void **state)
{
	(void)state;
	fake_put(&fake.own, "10:51", "", "1");
	fake_put(&fake.own, "10:7", "", "1");
	fake_put(&fake.own, "11:60", "", "1"); /* another user's */
	fake_put(items, "51", "", "{\"id\":51");
	fake_put(items, "7", "", "{\"id\":7");
	fake_sql_e = ERR_UNAVAILABLE;
	ANSWERS(call("GET", 0), 200,
		"{\"count\":3,\"payload\":[{\"id\":51,\"is_alarm_set\":true},{\"id\":50,\"is_alarm_set\":true},"
		"{\"id\":7,\"is_alarm_set\":true}]}",
		"alarms;age=1");
}

static void a_write_of_unknown_outcome(void **state)
{
	(void)state;
	fake_commit_e = ERR_UNKNOWN_OUTCOME;
	assert_int_equal(call("POST", 50).e, ERR_UNKNOWN_OUTCOME);
	assert_int_equal(call("DELETE", 50).e, ERR_UNKNOWN_OUTCOME);
	assert_int_equal(db.inserted, 1);
}

/* ---- the consistency token ---- */

/* Every write that succeeds says which version it has, also one that changed nothing. */
static void writes_say_their_version(void **state)
{
	(void)state;
	assert_string_equal(call("POST", 50).made, "a50=1.123");
	db.was_set = true;
	assert_string_equal(call("DELETE", 50).made, "a50=0.123");
	db.was_set = false;
	assert_string_equal(call("DELETE", 999).made, "a999=0.77");
	assert_string_equal(call("GET", 0).made, "");
	assert_string_equal(call("POST", 51).made, "");
	fake_commit_e = ERR_UNKNOWN_OUTCOME;
	assert_string_equal(call("POST", 50).made, "");
	assert_string_equal(call("DELETE", 50).made, "");
}

static struct fake_answer list_with(const char *facts)
{
	fake_facts = facts;
	return call("GET", 0);
}

/* The table itself is never behind. */
static void the_database_needs_no_facts(void **state)
{
	(void)state;
	ANSWERS(list_with("a50=0.9999, a49=1.9999"), 200, LIST_50, "");
}

static void facts_over_the_stand_in(void **state)
{
	(void)state;
	fake_put(items, "49", "", "{\"id\":49");
	fake_put(&fake.own, "10:49", "", NULL);
	fake_sql_e = ERR_UNAVAILABLE;
	ANSWERS(list_with("a50=0.101"), 200, EMPTY, "alarms;age=1");
	ANSWERS(list_with("a50=0.100"), 200, LIST_50, "alarms;age=1"); /* not newer */
	ANSWERS(list_with("a49=1.101"), 200,
		"{\"count\":2,\"payload\":[{\"id\":50,\"is_alarm_set\":true},{\"id\":49,\"is_alarm_set\":true}]}", "alarms;age=1");
	ANSWERS(list_with("a49=1.100"), 200, LIST_50, "alarms;age=1");                  /* the tombstone is as new */
	ANSWERS(list_with("a48=1.101, a49=0.101"), 200, LIST_50, "alarms;age=1");        /* there is no item 48 */
	fake_request.page = (struct page){ .limit = 1, .before = 50 };
	ANSWERS(list_with("a49=1.101"), 200, "{\"count\":2,\"payload\":[{\"id\":49,\"is_alarm_set\":true}]}", "alarms;age=1");
	fake.own.st = fake_never; /* what it lacks still means nothing */
	ANSWERS(list_with("a50=1.101"), 503, "", "alarms");
}

/* Without triggers nobody else would learn of the alarm: the write is refused, and undone. */
static void without_triggers(void **state)
{
	(void)state;
	db.version = NULL;
	assert_int_equal(call("POST", 50).status, 503);
	assert_int_equal(fake.woken, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(setting, setup),
		cmocka_unit_test_setup(setting_on_an_item_that_is_not_there, setup),
		cmocka_unit_test_setup(taking_back, setup),
		cmocka_unit_test_setup(listing, setup),
		cmocka_unit_test_setup(listing_a_part, setup),
		cmocka_unit_test_setup(users_never_loaded, setup),
		cmocka_unit_test_setup(items_never_loaded, setup),
		cmocka_unit_test_setup(stale_views, setup),
		cmocka_unit_test_setup(database_away, setup),
		cmocka_unit_test_setup(the_stand_in_sorts, setup),
		cmocka_unit_test_setup(a_write_of_unknown_outcome, setup),
		cmocka_unit_test_setup(without_triggers, setup),
		cmocka_unit_test_setup(writes_say_their_version, setup),
		cmocka_unit_test_setup(the_database_needs_no_facts, setup),
		cmocka_unit_test_setup(facts_over_the_stand_in, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
