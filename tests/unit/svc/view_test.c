/* view_test.c - a view in a real Redis: batches, indexes, sweeps, and what its readers are told. */
#include "shared/svc/view_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/support/domain.h"

#define LOG_A "01890000-0000-7000-8000-00000000000a"
#define LOG_B "01890000-0000-7000-8000-00000000000b"
#define BY "01890000-0000-7000-8000-0000000000ff"
#define OWNER "1"

struct fixture {
	struct domain d;
	struct view *v;
	struct view_position at[DOMAIN_PARTITIONS];
	int32_t p; /* where OWNER lies */
};

static int setup_with(void **state, enum view_index index)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	domain_open(&f->d, false);
	f->d.spec.index = index;
	f->d.spec.term_len = index == VIEW_INDEX_TERM ? 2 : 0;
	f->d.spec.group = index == VIEW_INDEX_NONE ? NULL : OWNER;
	if (index == VIEW_INDEX_TERM)
		f->d.topic.partitions = 1;
	f->v = view_create(&f->d.spec, f->d.redis);
	f->p = topic_partition(&f->d.topic, SLICE_LIT(OWNER));
	for (int32_t p = 0; p < DOMAIN_PARTITIONS; p++)
		f->at[p] = (struct view_position){ .next = -1 };
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, VIEW_INDEX_NONE);
}

static int setup_ids(void **state)
{
	return setup_with(state, VIEW_INDEX_IDS);
}

static int setup_term(void **state)
{
	return setup_with(state, VIEW_INDEX_TERM);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	view_free(&f->v);
	domain_close(&f->d);
	free(f);
	return 0;
}

/* ---- batches ---- */

static struct view_change change(const char *field, const char *value, uint64_t version)
{
	return (struct view_change){ .at = { .group = SLICE(OWNER), .field = slice_str(field), .value = slice_str(value) },
				     .deleted = value == NULL, .version = version };
}

/* Applies to partition <p> from where it is; <to>: what else changes in pos. */
static enum err apply_to(struct fixture *f, int32_t p, const struct view_change *ch, size_t count, struct view_position to, bool check)
{
	struct view_position stored = { 0 };
	struct view_batch b = { .partition = p, .from = &f->at[p], .to = &to, .changes = ch, .count = count, .check = check };
	enum err e;

	to.next = f->at[p].next + 1;
	memcpy(to.log, LOG_A, sizeof(LOG_A));
	memcpy(to.by, BY, sizeof(BY));
	e = view_apply(f->v, f->d.r, f->d.arena, &b, &stored);
	if (e == ERR_OK)
		f->at[p] = to;
	return e;
}

static void apply(struct fixture *f, struct view_change ch)
{
	assert_int_equal(apply_to(f, f->p, &ch, 1, (struct view_position){ 0 }, false), ERR_OK);
}

static const char *raw(struct fixture *f, const char *field)
{
	struct resp_value r = domain_redis(&f->d, "HGET m1:{%s:%d}:" OWNER " %s", f->d.name, (int)f->p, field);

	return r.type == RESP_STRING ? arena_copy(f->d.arena, r.text).ptr : "";
}

static void test_exact_position_or_nothing(void **state)
{
	struct fixture *f = *state;
	struct view_change ch = change("1", "a", 5);
	struct view_position stored = { 0 }, from[5], to = { .next = 9, .log = LOG_A, .by = BY };

	apply(f, ch);
	assert_int_equal(f->at[f->p].next, 0);
	for (int i = 0; i < 5; i++)
		from[i] = f->at[f->p];
	from[0].next = 1;
	from[1].next = -1;
	memcpy(from[2].log, LOG_B, sizeof(LOG_B));
	from[3].log[0] = '\0';
	ch = change("1", "b", 6);
	for (int i = 0; i < 4; i++) {
		const struct view_batch b = { .partition = f->p, .from = &from[i], .to = &to, .changes = &ch, .count = 1 };

		stored.next = 77;
		assert_int_equal(view_apply(f->v, f->d.r, f->d.arena, &b, &stored), ERR_MOVED);
		assert_int_equal(stored.next, 0);
		assert_string_equal(stored.log, LOG_A);
		assert_string_equal(raw(f, "1"), "0000000000000005+a");
	}
	domain_redis(&f->d, "DEL m1:{%s:%d}:pos", f->d.name, (int)f->p);
	assert_int_equal(apply_to(f, f->p, &ch, 1, to, false), ERR_MOVED);
	assert_string_equal(domain_pos(&f->d, f->p, "next"), "");
}

static void test_only_newer_versions_count(void **state)
{
	struct fixture *f = *state;

	apply(f, change("1", "five", 5));
	apply(f, change("1", "equal", 5));
	apply(f, change("1", "older", 4));
	assert_string_equal(raw(f, "1"), "0000000000000005+five");
	apply(f, change("1", NULL, 7));
	apply(f, change("1", "late", 6));
	assert_int_equal(strncmp(raw(f, "1"), "0000000000000007-", 17), 0);
	apply(f, change("1", "again", 8));
	assert_string_equal(raw(f, "1"), "0000000000000008+again");
	/* Beyond what Lua's numbers hold. */
	apply(f, change("1", "x", UINT64_C(9007199254740993)));
	apply(f, change("1", "y", UINT64_C(9007199254740992)));
	assert_string_equal(raw(f, "1"), "9007199254740993+x");
	apply(f, change("1", "z", UINT64_C(9007199254740994)));
	assert_string_equal(raw(f, "1"), "9007199254740994+z");
}

/* Changes of one group stand together, and one of a key may follow another of the same key, in whatever order of versions. */
static void test_many_changes_in_one_batch(void **state)
{
	struct fixture *f = *state;
	struct view_change ch[] = { change("1", "a", 5), change("2", "a", 6), change("1", "b", 8),  change("1", "c", 7), change("2", NULL, 9),
				    change("9", "x", 4), change("3", "a", 5), change("3", "b", 10), change("1", "d", 3) };
	struct view_change most[VIEW_BATCH_MAX];

	ch[5].at.group = SLICE_LIT("other"); /* another group in between */
	assert_int_equal(apply_to(f, f->p, ch, sizeof(ch) / sizeof(ch[0]), (struct view_position){ 0 }, false), ERR_OK);
	assert_string_equal(raw(f, "1"), "0000000000000008+b");
	assert_int_equal(strncmp(raw(f, "2"), "0000000000000009-", 17), 0);
	assert_string_equal(raw(f, "3"), "0000000000000010+b");
	assert_string_equal(raw(f, "9"), "");
	assert_true(slice_eq(domain_redis(&f->d, "HGET m1:{%s:%d}:other 9", f->d.name, (int)f->p).text, SLICE_LIT("0000000000000004+x")));
	for (size_t i = 0; i < VIEW_BATCH_MAX; i++)
		most[i] = change(arena_printf(f->d.arena, "%zu", i + 100).ptr, "m", 20 + i);
	assert_int_equal(apply_to(f, f->p, most, VIEW_BATCH_MAX, (struct view_position){ 0 }, false), ERR_OK);
	assert_string_equal(raw(f, "100"), "0000000000000020+m");
	assert_int_equal(domain_redis(&f->d, "HLEN m1:{%s:%d}:" OWNER, f->d.name, (int)f->p).integer, 3 + VIEW_BATCH_MAX);
}

static void put(struct fixture *f, const char *field, const char *entry)
{
	domain_redis(&f->d, "HSET m1:{%s:%d}:" OWNER " %s %s", f->d.name, (int)f->p, field, entry);
}

/* As if entries up to <top> had been applied. */
static void know_up_to(struct fixture *f, const char *top)
{
	domain_redis(&f->d, "HSET m1:{%s:%d}:pos top %s", f->d.name, (int)f->p, top);
}

static void meet_end(struct fixture *f, uint64_t begin)
{
	assert_int_equal(apply_to(f, f->p, NULL, 0, (struct view_position){ .end = begin, .end_created_us = 5 }, false), ERR_OK);
}

/* By an empty snapshot. */
static void load_empty(struct fixture *f)
{
	uint64_t removed;

	meet_end(f, 10);
	assert_int_equal(view_sweep(f->v, f->d.r, f->p, &f->at[f->p], false, &removed), ERR_OK);
}

static void expect_divergences(struct fixture *f, uint64_t differs, uint64_t missing, uint64_t extra)
{
	assert_int_equal(view_divergences(f->v, VIEW_DIFFERS), differs);
	assert_int_equal(view_divergences(f->v, VIEW_MISSING), missing);
	assert_int_equal(view_divergences(f->v, VIEW_EXTRA), extra);
}

static struct view_change snapshot_row(const char *field, const char *value, uint64_t version)
{
	struct view_change ch = change(field, value, version);

	ch.snapshot = true;
	return ch;
}

static void audit_row(struct fixture *f, struct view_change ch)
{
	assert_int_equal(apply_to(f, f->p, &ch, 1, (struct view_position){ 0 }, true), ERR_OK);
}

static void test_divergences_count_when_asked(void **state)
{
	struct fixture *f = *state;
	struct view_change same = change("1", "a", 6), other = change("1", "b", 7), missing = change("2", "c", 7), plain = change("3", "d", 7);

	apply(f, change("1", "a", 5));
	same.snapshot = other.snapshot = missing.snapshot = true;
	assert_int_equal(apply_to(f, f->p, &other, 1, (struct view_position){ 0 }, false), ERR_OK);
	assert_int_equal(domain_divergences(f->v), 0);
	same.version = 8;
	same.at.value = SLICE_LIT("b");
	assert_int_equal(apply_to(f, f->p, &same, 1, (struct view_position){ 0 }, true), ERR_OK);
	assert_int_equal(apply_to(f, f->p, &plain, 1, (struct view_position){ 0 }, true), ERR_OK);
	assert_int_equal(domain_divergences(f->v), 0);
	assert_int_equal(apply_to(f, f->p, &missing, 1, (struct view_position){ 0 }, true), ERR_OK);
	expect_divergences(f, 0, 1, 0);
	other.version = 9;
	other.at.value = SLICE_LIT("z");
	assert_int_equal(apply_to(f, f->p, &other, 1, (struct view_position){ 0 }, true), ERR_OK);
	expect_divergences(f, 1, 1, 0);
	other.version = 3; /* older than what is held: says nothing */
	assert_int_equal(apply_to(f, f->p, &other, 1, (struct view_position){ 0 }, true), ERR_OK);
	expect_divergences(f, 1, 1, 0);
}

/* Entries that no batch wrote, with versions above all that was applied, and none at all: the next row of the table replaces them. */
static void test_forged_entries_have_no_say(void **state)
{
	static const char *const forged[] = { "9999999999999999+forged", "9999999999999999-1", "nonsense", "+", "~" };
	struct fixture *f = *state;
	uint64_t version = 100;

	load_empty(f);
	for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
		audit_row(f, snapshot_row("1", "right", ++version));
		put(f, "1", forged[i]);
		audit_row(f, snapshot_row("1", "right", ++version));
		assert_string_equal(raw(f, "1") + EVENT_VERSION_LEN, "+right");
		assert_int_equal(domain_divergences(f->v), 2 + i); /* the first time the row was missing */
	}
	/* A newer version that came within the same batch, or before, is no forgery. */
	const struct view_change both[] = { change("2", "new", 900), change("2", "old", 899) };

	assert_int_equal(apply_to(f, f->p, both, 2, (struct view_position){ 0 }, true), ERR_OK);
	assert_string_equal(raw(f, "2"), "0000000000000900+new");
	apply(f, change("2", "old", 898));
	assert_string_equal(raw(f, "2"), "0000000000000900+new");
	assert_string_equal(domain_pos(&f->d, f->p, "top"), "0000000000000900");
}

static void test_key_of_another_type_is_replaced(void **state)
{
	struct fixture *f = *state;

	apply(f, change("1", "a", 5));
	domain_redis(&f->d, "SET m1:{%s:%d}:" OWNER " x", f->d.name, (int)f->p);
	audit_row(f, snapshot_row("1", "a", 6));
	assert_string_equal(raw(f, "1"), "0000000000000006+a");
	expect_divergences(f, 0, 1, 0);
}

/* Positions that an earlier version left have no top: nothing is held to be forged. */
static void test_loaded_without_a_top(void **state)
{
	struct fixture *f = *state;

	load_empty(f);
	domain_redis(&f->d, "HDEL m1:{%s:%d}:pos top", f->d.name, (int)f->p);
	put(f, "1", "0000000000000500+a");
	apply(f, change("2", "b", 20));
	apply(f, change("1", "older", 30));
	assert_string_equal(raw(f, "1"), "0000000000000500+a");
	assert_string_equal(domain_pos(&f->d, f->p, "top"), "");
}

static void test_resets(void **state)
{
	struct fixture *f = *state;
	struct view_position to = { .mark_us = 111, .end = 4, .end_created_us = 222 }, stored;
	struct view_batch b = { .partition = f->p, .from = &f->at[f->p], .to = &to };
	uint64_t removed;

	assert_int_equal(apply_to(f, f->p, NULL, 0, to, false), ERR_OK);
	assert_int_equal(view_sweep(f->v, f->d.r, f->p, &f->at[f->p], false, &removed), ERR_OK);
	assert_string_equal(domain_pos(&f->d, f->p, "mark"), "111");
	assert_string_equal(domain_pos(&f->d, f->p, "end"), "0000000000000004:222");
	assert_string_equal(domain_pos(&f->d, f->p, "loaded"), "0000000000000004");
	assert_string_equal(domain_pos(&f->d, f->p, "loadedlog"), LOG_A);
	assert_string_equal(domain_pos(&f->d, f->p, "by"), BY);
	b.reset = VIEW_RESET_END;
	to = (struct view_position){ .next = 3, .log = LOG_B };
	assert_int_equal(view_apply(f->v, f->d.r, f->d.arena, &b, &stored), ERR_OK);
	assert_string_equal(domain_pos(&f->d, f->p, "end"), "");
	assert_string_equal(domain_pos(&f->d, f->p, "loaded"), "0000000000000004");
	assert_string_equal(domain_pos(&f->d, f->p, "mark"), "111");
	b.reset = VIEW_RESET_ALL;
	b.from = &to;
	assert_int_equal(view_apply(f->v, f->d.r, f->d.arena, &b, &stored), ERR_OK);
	assert_string_equal(domain_pos(&f->d, f->p, "loaded"), "");
	assert_string_equal(domain_pos(&f->d, f->p, "loadedlog"), "");
	assert_string_equal(domain_pos(&f->d, f->p, "mark"), "");
	assert_string_equal(domain_pos(&f->d, f->p, "next"), "3");
}

/* ---- sweep ---- */

static void test_sweep(void **state)
{
	struct fixture *f = *state;
	const char *young = arena_printf(f->d.arena, "0000000000000002-%lld", (long long)(clock_wall_us() / 1000000 - 3600)).ptr;
	const char *old = arena_printf(f->d.arena, "0000000000000099-%lld", (long long)(clock_wall_us() / 1000000 - VIEW_TOMBSTONE_S - 60)).ptr;
	uint64_t removed;

	know_up_to(f, "0000000000000011");
	put(f, "1", "0000000000000009+older");
	put(f, "2", "0000000000000010+begin");
	put(f, "3", "0000000000000011+newer");
	put(f, "4", young);
	put(f, "5", old);
	put(f, "6", "nonsense");
	put(f, "7", "0000000000000012+forged");
	meet_end(f, 10);
	assert_int_equal(view_sweep(f->v, f->d.r, f->p, &f->at[f->p], true, &removed), ERR_OK);
	assert_int_equal(removed, 3);
	expect_divergences(f, 0, 0, 3);
	assert_string_equal(raw(f, "1"), "");
	assert_string_equal(raw(f, "2"), "0000000000000010+begin");
	assert_string_equal(raw(f, "3"), "0000000000000011+newer");
	assert_string_equal(raw(f, "4"), young);
	assert_string_equal(raw(f, "5"), "");
	assert_string_equal(raw(f, "6"), "");
	assert_string_equal(raw(f, "7"), "");
}

static void test_sweep_of_large_groups(void **state)
{
	struct fixture *f = *state;
	uint64_t removed;

	know_up_to(f, "0000000000000050");
	for (int i = 1; i <= 3000; i++) {
		domain_redis(&f->d, "HSET m1:{%s:%d}:" OWNER " %d %016d+%d", f->d.name, (int)f->p, i, i % 2 == 0 ? 5 : 50, i);
		if (i <= 100)
			domain_redis(&f->d, "HSET m1:{%s:%d}:%d 7 %016d+x", f->d.name, (int)f->p, i + 10, i % 2 == 0 ? 5 : 50);
	}
	meet_end(f, 10);
	assert_int_equal(view_sweep(f->v, f->d.r, f->p, &f->at[f->p], false, &removed), ERR_OK);
	assert_int_equal(removed, 1550);
	assert_int_equal(domain_held_count(&f->d), 1550);
	assert_string_equal(domain_pos(&f->d, f->p, "loaded"), "0000000000000010");
}

static void test_sweep_refuses(void **state)
{
	struct fixture *f = *state;
	struct view_position at;
	uint64_t removed;

	put(f, "1", "0000000000000009+older");
	for (int i = 0; i < 3; i++) /* asked for together: each refuses, and all answers are read */
		domain_redis(&f->d, "HSET m1:{%s:%d}:%d 7 %016d+x", f->d.name, (int)f->p, i + 10, 50);
	meet_end(f, 10);
	at = f->at[f->p];
	at.next++; /* Redis went back by one */
	assert_int_equal(view_sweep(f->v, f->d.r, f->p, &at, false, &removed), ERR_MOVED);
	assert_int_equal(resp_outstanding(f->d.r), 0);
	at = f->at[f->p];
	memcpy(at.log, LOG_B, sizeof(LOG_B));
	assert_int_equal(view_sweep(f->v, f->d.r, f->p, &at, false, &removed), ERR_MOVED);
	assert_string_equal(raw(f, "1"), "0000000000000009+older");
	assert_string_equal(domain_pos(&f->d, f->p, "loaded"), "");
	at = f->at[f->p];
	meet_end(f, 12); /* only the newest end loads */
	assert_int_equal(view_sweep(f->v, f->d.r, f->p, &at, false, &removed), ERR_MOVED);
	assert_string_equal(domain_pos(&f->d, f->p, "loaded"), "");
	assert_int_equal(view_sweep(f->v, f->d.r, f->p, &f->at[f->p], false, &removed), ERR_OK);
	assert_string_equal(domain_pos(&f->d, f->p, "loaded"), "0000000000000012");
}

/* ---- indexes ---- */

static void test_ids(void **state)
{
	struct fixture *f = *state;
	struct view_state st;
	uint64_t removed, total;
	uint32_t *ids;
	size_t count;

	for (int i = 1; i <= 9; i++)
		apply(f, change(arena_printf(f->d.arena, "%d", i * 3).ptr, "v", (uint64_t)i));
	apply(f, change("27", NULL, 20));
	apply(f, change("6", NULL, 20));
	apply(f, change("6", "late", 19)); /* must not come back */
	apply(f, change("6", "v", 21));
	assert_int_equal(view_ids(f->v, f->d.arena, clock_mono_us() + 5000000, 0, 3, &ids, &count, &total, &st), ERR_OK);
	assert_int_equal(total, 8);
	assert_int_equal(count, 3);
	assert_true(ids[0] == 24 && ids[1] == 21 && ids[2] == 18);
	assert_int_equal(view_ids(f->v, f->d.arena, clock_mono_us() + 5000000, 9, 10, &ids, &count, &total, &st), ERR_OK);
	assert_int_equal(count, 2);
	assert_true(ids[0] == 6 && ids[1] == 3);
	meet_end(f, 8); /* 3, 9, 12, 15, 18, 21 have versions below */
	assert_int_equal(view_sweep(f->v, f->d.r, f->p, &f->at[f->p], false, &removed), ERR_OK);
	assert_int_equal(view_ids(f->v, f->d.arena, clock_mono_us() + 5000000, 0, 100, &ids, &count, &total, &st), ERR_OK);
	assert_int_equal(total, 2);
	assert_true(ids[0] == 24 && ids[1] == 6);
	/* Missing from the index alone. */
	domain_redis(&f->d, "ZREM m1:{%s:%d}:ids 24", f->d.name, (int)f->p);
	audit_row(f, snapshot_row("24", "v", 30));
	assert_int_equal(view_ids(f->v, f->d.arena, clock_mono_us() + 5000000, 0, 100, &ids, &count, &total, &st), ERR_OK);
	assert_int_equal(total, 2);
	expect_divergences(f, 0, 1, 0);
}

static void apply_term(struct fixture *f, const char *field, const char *term, uint64_t version)
{
	struct view_change ch = change(field, term == NULL ? NULL : "v", version);

	ch.at.term = slice_str(term);
	apply(f, ch);
}

static size_t term_count(struct fixture *f, const char *term)
{
	struct slice *fields;
	struct view_state st;
	size_t count;

	assert_int_equal(view_term(f->v, f->d.arena, clock_mono_us() + 5000000, slice_str(term), &fields, &count, &st), ERR_OK);
	return count;
}

static void test_terms(void **state)
{
	struct fixture *f = *state;
	struct slice key = SLICE_LIT(OWNER ":2"), value;
	struct view_state st;
	uint64_t removed;

	apply_term(f, "1", "aa", 1);
	apply_term(f, "2", "aa", 2);
	assert_int_equal(term_count(f, "aa"), 2);
	apply_term(f, "1", "bb", 3);
	apply_term(f, "1", "aa", 2); /* late */
	assert_int_equal(term_count(f, "aa"), 1);
	assert_int_equal(term_count(f, "bb"), 1);
	assert_int_equal(view_get(f->v, f->d.arena, clock_mono_us() + 5000000, &key, 1, &value, &st), ERR_OK);
	assert_true(slice_eq(value, SLICE_LIT("v"))); /* without its term */
	apply_term(f, "1", NULL, 4);
	assert_int_equal(term_count(f, "bb"), 0);
	apply_term(f, "1", "cc", 5);
	assert_int_equal(term_count(f, "cc"), 1);
	apply_term(f, "1", "cc", 6);
	meet_end(f, 6);
	assert_int_equal(view_sweep(f->v, f->d.r, f->p, &f->at[f->p], false, &removed), ERR_OK);
	assert_int_equal(removed, 1);
	assert_int_equal(term_count(f, "aa"), 0);
	assert_int_equal(term_count(f, "cc"), 1);
}

static void sweep_audited(struct fixture *f, uint64_t wanted_removed)
{
	uint64_t removed;

	assert_int_equal(view_sweep(f->v, f->d.r, f->p, &f->at[f->p], true, &removed), ERR_OK);
	assert_int_equal(removed, wanted_removed);
}

static bool has_id(struct fixture *f, const char *id)
{
	return domain_redis(&f->d, "ZSCORE m1:{%s:%d}:ids %s", f->d.name, (int)f->p, id).type == RESP_STRING;
}

/* Ids that no live entry stands for: none at all, a deletion. What else bears the tag may name any field, and goes alone. */
static void test_extra_ids(void **state)
{
	struct fixture *f = *state;

	for (int i = 1; i <= 1500; i++)
		apply(f, change(arena_printf(f->d.arena, "%d", i).ptr, "v", 20));
	apply(f, change("7", NULL, 21));
	for (int i = 1501; i <= 4000; i++)
		domain_redis(&f->d, "ZADD m1:{%s:%d}:ids %d %d", f->d.name, (int)f->p, i, i);
	domain_redis(&f->d, "ZADD m1:{%s:%d}:ids 7 7 3 x", f->d.name, (int)f->p);
	domain_redis(&f->d, "HSET m1:{%s:%d}:other 8 0000000000000009+older", f->d.name, (int)f->p);
	domain_redis(&f->d, "ZADD m1:{%s:%d}:parked 1 text", f->d.name, (int)f->p);
	domain_redis(&f->d, "SET m1:{%s:%d}:parked_dropped 1", f->d.name, (int)f->p);
	meet_end(f, 10);
	sweep_audited(f, 2503);
	expect_divergences(f, 0, 0, 2503);
	assert_int_equal(domain_redis(&f->d, "ZCARD m1:{%s:%d}:ids", f->d.name, (int)f->p).integer, 1499);
	assert_true(has_id(f, "8") && !has_id(f, "7") && !has_id(f, "x"));
	assert_int_equal(domain_redis(&f->d, "EXISTS m1:{%s:%d}:parked m1:{%s:%d}:parked_dropped", f->d.name, (int)f->p, f->d.name,
				      (int)f->p).integer, 2);
	sweep_audited(f, 0);
}

static void test_extra_terms(void **state)
{
	struct fixture *f = *state;

	apply_term(f, "1", "aa", 20);
	apply_term(f, "2", "aa", 20);
	apply_term(f, "3", "bb", 20);
	apply_term(f, "3", NULL, 21);
	for (int i = 0; i < 600; i++) /* a name longer than a term is none */
		domain_redis(&f->d, "SADD m1:{%s:0}:t:%03d %d", f->d.name, i, 1 + i % 3);
	domain_redis(&f->d, "SADD m1:{%s:0}:t:aa 3 4 x", f->d.name);
	domain_redis(&f->d, "SADD m1:{%s:0}:t:bb 1 3", f->d.name);
	meet_end(f, 10);
	sweep_audited(f, 605);
	expect_divergences(f, 0, 0, 605);
	assert_int_equal(term_count(f, "aa"), 2);
	assert_int_equal(term_count(f, "bb"), 0);
	sweep_audited(f, 0);
}

/* Neither rows nor sweeps are stopped by keys of another type: they go, and what the table has is written anew. */
static void test_keys_of_another_type_in_the_index(void **state)
{
	struct fixture *f = *state;
	bool terms = f->d.spec.index == VIEW_INDEX_TERM;
	struct view_change ch = snapshot_row("3", "v", 30), old = change("3", "v", 20);

	ch.at.term = old.at.term = terms ? SLICE_LIT("aa") : SLICE_NONE;
	apply(f, old);
	domain_redis(&f->d, "SET m1:{%s:%d}:%s x", f->d.name, (int)f->p, terms ? "t:aa" : "ids");
	audit_row(f, ch);
	expect_divergences(f, 0, 1, 0);
	assert_true(terms ? term_count(f, "aa") == 1 : has_id(f, "3"));
	/* Nothing in the table wants these. */
	domain_redis(&f->d, "SET m1:{%s:%d}:%s x", f->d.name, (int)f->p, terms ? "t:bb" : "ids");
	domain_redis(&f->d, "SET m1:{%s:%d}:77 x", f->d.name, (int)f->p);
	apply(f, change("3", NULL, 31));
	meet_end(f, 10);
	sweep_audited(f, 2);
	expect_divergences(f, 0, 1, 2);
	assert_int_equal(domain_redis(&f->d, "EXISTS m1:{%s:%d}:77 m1:{%s:%d}:ids m1:{%s:%d}:t:bb", f->d.name, (int)f->p, f->d.name,
				      (int)f->p, f->d.name, (int)f->p).integer, 0);
}

/* ---- what readers are told ---- */

static void load(struct fixture *f, int64_t mark_us)
{
	struct view_position at[DOMAIN_PARTITIONS];
	uint64_t removed;

	for (int32_t p = 0; p < DOMAIN_PARTITIONS; p++) {
		const struct view_position to = { .mark_us = mark_us, .end = 1, .end_created_us = 1 };

		assert_int_equal(apply_to(f, p, NULL, 0, to, false), ERR_OK);
		assert_int_equal(view_sweep(f->v, f->d.r, p, &f->at[p], false, &removed), ERR_OK);
	}
	assert_int_equal(view_positions(f->v, f->d.r, f->d.arena, at), ERR_OK);
	view_observe(f->v, at);
}

static enum err get(struct fixture *f, const char *id, struct slice *value, struct view_state *st)
{
	struct slice key = arena_printf(f->d.arena, OWNER ":%s", id);

	return view_get(f->v, f->d.arena, clock_mono_us() + 5000000, &key, 1, value, st);
}

static void test_states(void **state)
{
	struct fixture *f = *state;
	struct view_state st;
	struct slice value;

	assert_int_equal(get(f, "1", &value, &st), ERR_OK);
	assert_null(value.ptr);
	assert_true(!st.loaded && !st.fresh && st.age_s == -1);
	apply(f, change("1", "a", 5));
	load(f, clock_wall_us());
	assert_int_equal(get(f, "1", &value, &st), ERR_OK);
	assert_true(slice_eq(value, SLICE_LIT("a")));
	assert_true(st.loaded && st.fresh && st.age_s <= 5);
	/* A mark that is old in the partition asked for. */
	domain_redis(&f->d, "HSET m1:{%s:%d}:pos mark %lld", f->d.name, (int)f->p, (long long)clock_wall_us() - 12500000);
	assert_int_equal(get(f, "1", &value, &st), ERR_OK);
	assert_true(st.loaded && !st.fresh);
	assert_in_range(st.age_s, 12, 20);
	/* Loaded from a log that is not the one it reads. */
	domain_redis(&f->d, "HSET m1:{%s:%d}:pos mark %lld log %s", f->d.name, (int)f->p, (long long)clock_wall_us(), LOG_B);
	assert_int_equal(get(f, "1", &value, &st), ERR_OK);
	assert_true(st.loaded && !st.fresh && st.age_s <= 5);
	/* Emptied between: seen by the very request. */
	domain_redis(&f->d, "DEL m1:{%s:%d}:pos", f->d.name, (int)f->p);
	assert_int_equal(get(f, "1", &value, &st), ERR_OK);
	assert_true(!st.loaded && !st.fresh && st.age_s == -1);
	assert_int_equal(view_get(f->v, f->d.arena, clock_mono_us() + 5000000, NULL, 0, NULL, &st), ERR_OK); /* no key: the state alone */
	assert_true(!st.loaded && !st.fresh && st.age_s == -1);
	view_observe(f->v, NULL);
	view_state_get(f->v, &st);
	assert_true(!st.loaded && !st.fresh && st.age_s == -1);
}

/* Redis was away, and is back: a request that it answers need not wait until the monitor has looked again. */
static void test_back_before_the_monitor_looks(void **state)
{
	struct fixture *f = *state;
	struct view_state st;
	struct slice value;

	load(f, clock_wall_us());
	view_observe(f->v, NULL);
	view_state_get(f->v, &st);
	assert_true(!st.loaded && !st.fresh && st.age_s == -1);
	assert_int_equal(get(f, "1", &value, &st), ERR_OK);
	assert_true(st.loaded && st.fresh);
	assert_int_equal(view_get(f->v, f->d.arena, clock_mono_us() + 5000000, NULL, 0, NULL, &st), ERR_OK);
	assert_true(st.loaded && st.fresh);
	domain_redis(&f->d, "DEL m1:{%s:%d}:pos", f->d.name, (int)f->p);
	assert_int_equal(get(f, "1", &value, &st), ERR_OK);
	assert_true(!st.loaded && !st.fresh && st.age_s == -1);
}

static void place(struct fixture *f, int64_t next, int64_t mark_us)
{
	domain_redis(&f->d, "HSET m1:{%s:%d}:pos next %lld mark %lld", f->d.name, (int)f->p, (long long)next, (long long)mark_us);
}

static bool fresh(struct fixture *f)
{
	struct view_state st;
	struct slice value;

	assert_int_equal(get(f, "1", &value, &st), ERR_OK);
	assert_true(st.loaded);
	return st.fresh;
}

static void test_rolled_back(void **state)
{
	struct fixture *f = *state;
	struct view_position at[DOMAIN_PARTITIONS];
	int64_t mark_us = clock_wall_us();
	struct view_state st;

	apply(f, change("1", "a", 5));
	load(f, mark_us);
	/* Behind what was seen, by so little that the mark alone says nothing: seen by the very request. */
	place(f, f->at[f->p].next - 1, mark_us);
	assert_false(fresh(f));
	place(f, f->at[f->p].next - 1, mark_us - 1000000);
	assert_false(fresh(f));
	assert_int_equal(view_positions(f->v, f->d.r, f->d.arena, at), ERR_OK);
	view_observe(f->v, at);
	view_state_get(f->v, &st);
	assert_true(st.loaded && !st.fresh);
	/* Caught up again. */
	place(f, f->at[f->p].next, mark_us - 1000000);
	assert_int_equal(view_positions(f->v, f->d.r, f->d.arena, at), ERR_OK);
	view_observe(f->v, at);
	assert_true(fresh(f));
	/* Behind what only a request has seen. */
	place(f, f->at[f->p].next + 1, mark_us);
	assert_true(fresh(f));
	place(f, f->at[f->p].next, mark_us);
	assert_false(fresh(f));
	/* A log read anew, marked as read to its end. */
	place(f, 0, mark_us + 1);
	assert_true(fresh(f));
}

static void test_get_of_many(void **state)
{
	static const char *const names[] = { "1:1", "2:1", "1:3", "3:1", "1:1", "1:2", "999:1", "2:1" };
	struct fixture *f = *state;
	struct slice keys[8], values[8];
	struct view_field *fields;
	struct view_state st;
	size_t count;

	apply(f, change("1", "one", 1));
	apply(f, change("2", NULL, 1));
	apply(f, change("3", "three", 1));
	for (int i = 0; i < 8; i++)
		keys[i] = slice_str(names[i]);
	for (int32_t p = 0; p < DOMAIN_PARTITIONS; p++)
		domain_redis(&f->d, "HSET m1:{%s:%d}:2 1 0000000000000001+p%d", f->d.name, (int)p, (int)topic_partition(&f->d.topic, SLICE_LIT("2")));
	assert_int_equal(view_get(f->v, f->d.arena, clock_mono_us() + 5000000, keys, 8, values, &st), ERR_OK);
	assert_true(slice_eq(values[0], SLICE_LIT("one")) && slice_eq(values[4], SLICE_LIT("one")));
	assert_true(slice_eq(values[2], SLICE_LIT("three")));
	assert_true(values[1].len == 2 && slice_eq(values[1], values[7]));
	assert_true(values[3].ptr == NULL && values[5].ptr == NULL && values[6].ptr == NULL);
	assert_int_equal(view_get(f->v, f->d.arena, clock_mono_us() + 5000000, keys, 0, values, &st), ERR_OK);
	assert_int_equal(view_group(f->v, f->d.arena, clock_mono_us() + 5000000, keys[0], SLICE_LIT("1"), &fields, &count, &st), ERR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(view_group(f->v, f->d.arena, clock_mono_us() + 5000000, keys[6], SLICE_LIT("999"), &fields, &count, &st), ERR_OK);
	assert_int_equal(count, 0);
}

/* Deletions have a version too, what is not there has none; those of a failed trip mean nothing. */
static void test_versions(void **state)
{
	struct fixture *f = *state;
	const struct slice keys[] = { SLICE(OWNER ":1"), SLICE(OWNER ":2"), SLICE(OWNER ":3") };
	int64_t deadline_us = clock_mono_us() + 5000000;
	struct slice values[3];
	uint64_t versions[3];
	struct view_state st;

	apply(f, change("1", "one", 1700000000000001));
	apply(f, change("2", NULL, 1700000000000002));
	assert_int_equal(view_get_versions(f->v, f->d.arena, deadline_us, keys, 3, values, versions, &st), ERR_OK);
	assert_true(slice_eq(values[0], SLICE_LIT("one")) && values[1].ptr == NULL && values[2].ptr == NULL);
	assert_true(versions[0] == 1700000000000001 && versions[1] == 1700000000000002 && versions[2] == 0);
	domain_redis(&f->d, "HSET m1:{%s:%d}:" OWNER " 2 170000000000000x+two", f->d.name, (int)f->p);
	assert_int_equal(view_get_versions(f->v, f->d.arena, deadline_us, keys, 3, values, versions, &st), ERR_UNAVAILABLE);
	for (int i = 0; i < 3; i++)
		assert_true(values[i].ptr == NULL && versions[i] == 0);
}

static void test_what_cannot_be_read_is_unavailable(void **state)
{
	struct fixture *f = *state;
	struct view_field *fields;
	struct view_state st;
	struct slice value;
	struct view_change ch = change("1", "a", 5);
	size_t count;

	apply(f, ch);
	load(f, clock_wall_us());
	put(f, "1", "0000000000000005?x");
	assert_int_equal(get(f, "1", &value, &st), ERR_UNAVAILABLE);
	assert_false(st.loaded);
	domain_redis(&f->d, "DEL m1:{%s:%d}:" OWNER, f->d.name, (int)f->p);
	domain_redis(&f->d, "SET m1:{%s:%d}:" OWNER " text", f->d.name, (int)f->p);
	assert_int_equal(get(f, "1", &value, &st), ERR_UNAVAILABLE);
	assert_true(!st.loaded && st.age_s == -1);
	assert_int_equal(view_group(f->v, f->d.arena, clock_mono_us() + 5000000, SLICE_LIT(OWNER), SLICE_LIT(OWNER), &fields, &count, &st),
			 ERR_UNAVAILABLE);
	/* A connection that had an error still works for the next reader, and what is applied next puts the key right. */
	ch.version = 6;
	apply(f, ch);
	assert_int_equal(get(f, "1", &value, &st), ERR_OK);
	assert_true(st.loaded);
}

#define TEST(name, how) cmocka_unit_test_setup_teardown(name, how, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_exact_position_or_nothing, setup),
		TEST(test_only_newer_versions_count, setup),
		TEST(test_many_changes_in_one_batch, setup),
		TEST(test_divergences_count_when_asked, setup),
		TEST(test_forged_entries_have_no_say, setup),
		TEST(test_key_of_another_type_is_replaced, setup),
		TEST(test_loaded_without_a_top, setup),
		TEST(test_resets, setup),
		TEST(test_sweep, setup),
		TEST(test_sweep_of_large_groups, setup),
		TEST(test_sweep_refuses, setup),
		TEST(test_ids, setup_ids),
		TEST(test_terms, setup_term),
		TEST(test_extra_ids, setup_ids),
		TEST(test_extra_terms, setup_term),
		TEST(test_keys_of_another_type_in_the_index, setup_ids),
		TEST(test_keys_of_another_type_in_the_index, setup_term),
		TEST(test_states, setup),
		TEST(test_back_before_the_monitor_looks, setup),
		TEST(test_rolled_back, setup),
		TEST(test_get_of_many, setup),
		TEST(test_versions, setup),
		TEST(test_what_cannot_be_read_is_unavailable, setup),
	};

	return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}
