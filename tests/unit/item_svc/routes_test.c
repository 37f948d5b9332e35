/* routes_test.c - the API of item_svc against every state of its views, its database and its spool. */
#include "tests/unit/support/fake_kit.h"

#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include "item_svc/routes.h"
#include "item_svc/views.h"
#include "item_svc/visits.h"
#include "shared/base/hash.h"
#include "shared/svc/courier.h"

#define FRAGMENT(id) "{\"id\":" #id ",\"name\":\"n\",\"broadcaster\":\"b\",\"category\":\"c\",\"price\":1"
#define ITEM(id, flag) FRAGMENT(id) ",\"is_alarm_set\":" flag "}"
#define LIST(flag50, flag49) "{\"count\":2,\"payload\":[" ITEM(50, flag50) "," ITEM(49, flag49) "]}"
#define ONE(flag) "{\"payload\":" ITEM(50, flag) "}"

static char token_hash[HASH_SHA256_HEX + 1];
static struct view *users = &fake.views[0], *alarms = &fake.views[1];

static struct {
	bool exists; /* item 50 */
	uint64_t below, limit;
} db;

static enum err fake_sql(struct slice text, const struct sql_arg *args, struct arena *a, struct sql_rows *rows)
{
	static const char *const cells[] = { "50", "n", "b", "c", "1", "49", "n", "b", "c", "1" };
	static const char *const total[] = { "77" };

	if (fake_is(text, "SELECT COUNT(*)")) {
		fake_cells(a, rows, 1, 1, total);
	} else if (slice_find(text, '<') < text.len) {
		db.below = args[0].u64;
		db.limit = args[1].u64;
		fake_cells(a, rows, 2, 5, cells);
	} else {
		fake_cells(a, rows, db.exists && args[0].u64 == 50, 5, cells);
	}
	return ERR_OK;
}

/* ---- the courier: only what it is given is looked at ---- */

static const struct courier_spec *courier_spec;
static struct spool *courier_spool;
static int stopped;

struct courier *courier_start(struct service *s, const struct courier_spec *spec, struct spool *spool)
{
	assert_ptr_equal(s, &fake);
	courier_spec = spec;
	courier_spool = spool;
	return (struct courier *)spool;
}

void courier_stop(struct courier **c, int drain_ms)
{
	assert_true(drain_ms > 0);
	stopped += *c != NULL;
	*c = NULL;
}

/* ---- fixture ---- */

static char root[64], dir[96];
static struct visits *visits;
static struct arena *arena;

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

/* User 10 has the token and an alarm on item 50; the copy has items 50 and 49. */
static int setup(void **state)
{
	(void)state;
	fake_reset(&view_users, &view_alarms, &view_items);
	hash_sha256_hex(SLICE_LIT("token"), token_hash);
	fake_put(users, "10", token_hash, "");
	fake_put(alarms, "10:50", "", "1");
	fake_put(&fake.own, "50", "", FRAGMENT(50));
	fake_put(&fake.own, "49", "", FRAGMENT(49));
	db.exists = true;
	snprintf(root, sizeof(root), "/tmp/item_routes.XXXXXX");
	assert_non_null(mkdtemp(root));
	snprintf(dir, sizeof(dir), "%s/spool", root);
	fake.metrics = metrics_create();
	fake.config = (struct config){ .spool_dir = dir, .spool_max_mb = 16 };
	arena = arena_create(4096, 1 << 20);
	courier_spool = NULL;
	stopped = 0;
	visits = visits_start(&fake);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	visits_stop(&visits);
	metrics_free(&fake.metrics);
	arena_free(&arena);
	nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}

static struct fake_answer call(const char *path)
{
	return fake_call(item_routes, "GET", path, views_auth, visits);
}

/* The visits spooled since the last call, as events of the topic. */
static size_t spooled(struct event *events, size_t max)
{
	struct slice records[8];
	size_t n;

	assert_int_equal(spool_read(courier_spool, arena, records, max, &n, 0), ERR_OK);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(courier_spec->event(records[i], arena, &events[i]), ERR_OK);
	return n;
}

/* ---- the list ---- */

static void the_list(void **state)
{
	(void)state;
	ANSWERS(call("/"), 200, LIST("true", "false"), "");
	fake_request.page = (struct page){ .limit = 2, .before = 51 };
	ANSWERS(call("/"), 200, "{\"count\":77,\"payload\":[" ITEM(50, "true") "," ITEM(49, "false") "]}", "");
	assert_int_equal(db.below, 51);
	assert_int_equal(db.limit, 2);
}

static void neighbours_never_loaded(void **state)
{
	(void)state;
	users->st = fake_never;
	ANSWERS(call("/"), 200, LIST("null", "null"), "users");
	ANSWERS(call("/50"), 200, ONE("null"), "users");
	alarms->st = fake_never;
	ANSWERS(call("/"), 200, LIST("null", "null"), "alarms, users");
	users->st = fake_fresh;
	ANSWERS(call("/"), 200, LIST("null", "null"), "alarms");
	alarms->e = ERR_UNAVAILABLE;
	ANSWERS(call("/50"), 200, ONE("null"), "alarms");
}

/* A flag that is missing in a loaded view is false, also when that is stale. */
static void stale_neighbours(void **state)
{
	(void)state;
	users->st = alarms->st = fake_stale;
	ANSWERS(call("/"), 200, LIST("true", "false"), "alarms;age=12, users;age=12");
	fake_request.token = SLICE_LIT("unknown");
	ANSWERS(call("/"), 200, LIST("null", "null"), "alarms;age=12, users;age=12");
	users->st = fake_fresh;
	fake_request.token = SLICE_LIT("unknown");
	assert_int_equal(call("/").status, 401);
}

/* ---- the consistency token ---- */

static struct fake_answer with(const char *path, const char *facts)
{
	fake_facts = facts;
	return call(path);
}

static void facts_that_are_newer_are_laid_over(void **state)
{
	(void)state;
	fake_put(alarms, "10:49", "", NULL); /* a tombstone; its version is 100, as the entry's */
	ANSWERS(with("/", "a50=0.101, a49=1.101"), 200, LIST("false", "true"), "");
	ANSWERS(with("/", "a50=0.100, a49=1.100"), 200, LIST("true", "false"), "");
	ANSWERS(with("/", "a50=0.101"), 200, LIST("false", "false"), "");
	ANSWERS(with("/50", "a50=0.101"), 200, ONE("false"), "");
	ANSWERS(with("/50", "a50=0.99"), 200, ONE("true"), "");
	fake_request.head = true;
	ANSWERS(with("/50", "a50=0.101"), 200, ONE("false"), "");
	users->st = alarms->st = fake_stale;
	ANSWERS(with("/", "a50=0.101"), 200, LIST("false", "false"), "alarms;age=12, users;age=12");
}

/* A fact makes its item known, and nothing else. */
static void facts_where_nothing_is_loaded(void **state)
{
	(void)state;
	alarms->st = fake_never;
	ANSWERS(with("/", "a49=0.5"), 200, LIST("null", "false"), "alarms");
	ANSWERS(with("/", "a50=0.99"), 200, LIST("true", "null"), "alarms"); /* what was read so far is newer than the fact */
	alarms->e = ERR_UNAVAILABLE;
	ANSWERS(with("/", "a50=0.99"), 200, LIST("false", "null"), "alarms");
	alarms->e = ERR_OK;
	alarms->st = fake_fresh;
	users->st = fake_never;
	ANSWERS(with("/", "a49=1.5"), 200, LIST("null", "true"), "users");
}

static void facts_that_are_none(void **state)
{
	static const char *const none[] = {
		"", ",,,", "garbage", "a50=0", "a50=0.", "a50=0.-1", "a50=0.+200", "a50=0.0200", "a50=0.0", "a50=2.200", "a050=0.200", "a0=0.200",
		"a2147483648=0.200", "b50=0.200", "A50=0.200", "a50 = 0.200", "a50=0.200;x", "a50=0.18446744073709551616", "v50=0.200",
		"a50=0.10000000000000000", "a50=0.18446744073709551615", /* seventeen digits and more: no version is that high */
		"a51=0.200", "v50=200.01a20223-d9cb-7e22-a9cd-000000000001",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		ANSWERS(with("/", none[i]), 200, LIST("true", "false"), "");
	ANSWERS(with("/", "garbage, a50=0.200"), 200, LIST("false", "false"), "");
}

static void database_away(void **state)
{
	static const enum err away[] = { ERR_UNAVAILABLE, ERR_BUSY, ERR_TIMEOUT, ERR_INTERNAL };

	(void)state;
	for (size_t i = 0; i < sizeof(away) / sizeof(away[0]); i++) {
		fake_sql_e = away[i];
		ANSWERS(call("/"), 200, LIST("true", "false"), "items;age=1");
		ANSWERS(call("/50"), 200, ONE("true"), "items;age=1");
		ANSWERS(call("/51"), 503, "", "items;age=1"); /* never 404 */
	}
	fake_request.page = (struct page){ .limit = 1, .before = 50 };
	ANSWERS(call("/"), 200, "{\"count\":2,\"payload\":[" ITEM(49, "false") "]}", "items;age=1");
	fake.own.st = fake_never;
	ANSWERS(call("/"), 503, "", "items");
	ANSWERS(call("/50"), 503, "", "items");
	fake.own.e = ERR_UNAVAILABLE;
	ANSWERS(call("/"), 503, "", "items");
}

/* An item that went between the two steps of reading the copy. */
static void the_stand_in_changes_meanwhile(void **state)
{
	(void)state;
	fake_sql_e = ERR_UNAVAILABLE;
	fake.own.entries[1].value = NULL;
	ANSWERS(call("/"), 200, "{\"count\":1,\"payload\":[" ITEM(50, "true") "]}", "items;age=1");
}

/* ---- one item, and the visit ---- */

static void one_item_is_a_visit(void **state)
{
	struct visit_event v;
	struct event events[8];
	struct fake_answer answer = call("/50");
	char fact[128];

	(void)state;
	ANSWERS(answer, 200, ONE("true"), "");
	assert_int_equal(spooled(events, 8), 1);
	assert_int_equal(visit_event_read(events[0].value, arena, &v), ERR_OK);
	snprintf(fact, sizeof(fact), "v50=%llu.%.*s", (unsigned long long)v.visited_us, SLICE_ARG(v.id));
	assert_string_equal(answer.made, fact);
	assert_int_equal(v.user_id, 10);
	assert_int_equal(v.item_id, 50);
	assert_true(llabs((int64_t)v.visited_us - clock_wall_us()) < 60000000);
	assert_true(slice_eq(events[0].key, SLICE_LIT("10")));
	assert_true(slice_eq(events[0].id, v.id));
	assert_int_equal(events[0].created_us, v.visited_us);
}

static void an_unknown_callers_visit_has_the_hash(void **state)
{
	struct event events[8];

	(void)state;
	users->st = fake_never;
	ANSWERS(call("/50"), 200, ONE("null"), "users");
	assert_int_equal(spooled(events, 8), 1);
	assert_true(slice_eq(events[0].key, slice_str(token_hash)));
}

static void no_visit(void **state)
{
	struct event events[8];

	(void)state;
	fake_request.head = true;
	assert_string_equal(call("/50").made, "");
	db.exists = false;
	assert_int_equal(call("/50").e, ERR_NOT_FOUND);
	assert_string_equal(call("/50").made, "");
	assert_string_equal(call("/").made, "");
	assert_int_equal(spooled(events, 8), 0);
}

static void spool_records_that_are_no_visits(void **state)
{
	struct event e;

	(void)state;
	assert_int_equal(courier_spec->event(SLICE_LIT("{}"), arena, &e), ERR_CORRUPT);
}

static const char *told(void)
{
	const char *text;
	struct jsonw w;
	struct buf out;

	buf_init(&out, 0);
	jsonw_init(&w, &out);
	jsonw_object(&w);
	visits_tell(visits, &w);
	jsonw_object_end(&w);
	text = arena_printf(arena, "%.*s", SLICE_ARG(buf_slice(&out))).ptr;
	buf_free(&out);
	return text;
}

/* Reading goes on without a place for visits; they are taken again as soon as there is one. */
static void no_spool(void **state)
{
	struct event events[8];
	FILE *in_the_way;

	(void)state;
	visits_stop(&visits);
	assert_int_equal(stopped, 1);
	metrics_free(&fake.metrics);
	fake.metrics = metrics_create();
	courier_spool = NULL;
	snprintf(dir, sizeof(dir), "%s/file/spool", root);
	snprintf(root + strlen(root), sizeof(root) - strlen(root), "/file");
	in_the_way = fopen(root, "w");
	assert_non_null(in_the_way);
	fclose(in_the_way);
	visits = visits_start(&fake);
	assert_non_null(strstr(told(), "\"spool\":{\"state\":\"down\",\"lost\":0,"));
	assert_string_equal(call("/50").made, ""); /* nobody will ever hear of it */
	assert_null(courier_spool);
	assert_non_null(strstr(told(), "\"spool\":{\"state\":\"down\",\"lost\":1,"));
	assert_int_equal(unlink(root), 0);
	*strrchr(root, '/') = '\0';
	for (int64_t until_us = clock_mono_us() + 10000000; courier_spool == NULL && clock_mono_us() < until_us;)
		ANSWERS(call("/50"), 200, ONE("true"), "");
	assert_non_null(courier_spool);
	assert_string_equal(strstr(told(), "state"), strstr(told(), "state\":\"up"));
	assert_int_equal(spooled(events, 8), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_list, setup, teardown),
		cmocka_unit_test_setup_teardown(neighbours_never_loaded, setup, teardown),
		cmocka_unit_test_setup_teardown(stale_neighbours, setup, teardown),
		cmocka_unit_test_setup_teardown(facts_that_are_newer_are_laid_over, setup, teardown),
		cmocka_unit_test_setup_teardown(facts_where_nothing_is_loaded, setup, teardown),
		cmocka_unit_test_setup_teardown(facts_that_are_none, setup, teardown),
		cmocka_unit_test_setup_teardown(database_away, setup, teardown),
		cmocka_unit_test_setup_teardown(the_stand_in_changes_meanwhile, setup, teardown),
		cmocka_unit_test_setup_teardown(one_item_is_a_visit, setup, teardown),
		cmocka_unit_test_setup_teardown(an_unknown_callers_visit_has_the_hash, setup, teardown),
		cmocka_unit_test_setup_teardown(no_visit, setup, teardown),
		cmocka_unit_test_setup_teardown(spool_records_that_are_no_visits, setup, teardown),
		cmocka_unit_test_setup_teardown(no_spool, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
