/* spool_test.c - the spool on real files: order, restarts, its bound, damage, threads. */
#include "tests/unit/io/spool_fixture.h"

/* ---- the ordinary ---- */

static void test_order_and_stats(void **state)
{
	struct fixture *f = *state;
	struct spool *s = open_spool(f);

	expect_nothing(f, s);
	append_range(s, 0, 1000);
	assert_int_equal(stats_of(s).records, 1000);
	assert_int_equal(stats_of(s).bytes, 1000 * NUMBERED_BYTES);
	expect_range(f, s, 0, 600);
	assert_int_equal(stats_of(s).records, 1000);
	spool_ack(s);
	assert_int_equal(stats_of(s).records, 400);
	expect_range(f, s, 600, 1000);
	expect_nothing(f, s);
	spool_ack(s);
	assert_int_equal(stats_of(s).records, 0);
	append_range(s, 1000, 1001);
	expect_range(f, s, 1000, 1001);
	spool_close(&s);
	assert_null(s);
	spool_close(&s);
}

static void test_sizes(void **state)
{
	struct fixture *f = *state;
	struct spool *s = open_spool(f);
	char *big = malloc(65540);

	for (size_t i = 0; i < 65540; i++)
		big[i] = (char)(i * 7);
	assert_int_equal(spool_append(s, slice_of(big, 65537)), ERR_TOO_LARGE);
	assert_int_equal(spool_append(s, slice_of(big, 65536)), ERR_OK);
	assert_int_equal(spool_append(s, slice_of(big, 0)), ERR_OK);
	assert_int_equal(spool_append(s, slice_of(big, 1)), ERR_OK);
	for (int i = 0; i < 3; i++)
		assert_int_equal(spool_append(s, slice_of(big + i, 65536)), ERR_OK);
	assert_int_equal(read_some(f, s, 10), 6);
	assert_int_equal(f->records[0].len, 65536);
	assert_memory_equal(f->records[0].ptr, big, 65536);
	assert_int_equal(f->records[1].len, 0);
	assert_non_null(f->records[1].ptr);
	assert_int_equal(f->records[2].len, 1);
	assert_memory_equal(f->records[5].ptr, big + 2, 65536);
	free(big);
	spool_close(&s);
}

static void test_rewind(void **state)
{
	struct fixture *f = *state;
	struct spool *s = open_dir(f->dir, 10 * NUMBERED_BYTES, 1 << 20);

	append_range(s, 0, 35);
	expect_range(f, s, 0, 7);
	spool_ack(s);
	expect_range(f, s, 7, 33);
	spool_rewind(s);
	assert_int_equal(stats_of(s).records, 28);
	expect_range(f, s, 7, 35);
	spool_rewind(s);
	spool_rewind(s);
	expect_range(f, s, 7, 35);
	spool_ack(s);
	spool_rewind(s);
	expect_nothing(f, s);
	assert_int_equal(stats_of(s).records, 0);
	assert_int_equal(stats_of(s).dropped, 0);
	spool_close(&s);
}

static void test_segments_go_when_delivered(void **state)
{
	struct fixture *f = *state;
	struct spool *s = open_dir(f->dir, 10 * NUMBERED_BYTES, 1 << 20);

	append_range(s, 0, 35);
	assert_int_equal(segment_files(f->dir, 0, NULL), 4);
	expect_range(f, s, 0, 25);
	assert_int_equal(segment_files(f->dir, 0, NULL), 4);
	spool_ack(s);
	assert_int_equal(segment_files(f->dir, 0, NULL), 2);
	assert_int_equal(stats_of(s).bytes, 15 * NUMBERED_BYTES);
	expect_range(f, s, 25, 35);
	spool_ack(s);
	assert_int_equal(segment_files(f->dir, 0, NULL), 1); /* the one being written */
	spool_close(&s);
	assert_int_equal(segment_files(f->dir, 0, NULL), 0);
}

static void test_restart(void **state)
{
	struct fixture *f = *state;
	struct spool *s = open_spool(f);
	char path[PATH_MAX];

	append_range(s, 0, 10);
	expect_range(f, s, 0, 4);
	spool_close(&s);
	s = open_spool(f);
	assert_int_equal(stats_of(s).records, 10);
	append_range(s, 10, 20);
	assert_int_equal(segment_files(f->dir, 1, path), 2); /* never appends to another process's file */
	assert_string_equal(strrchr(path, '/'), "/0000000000000002");
	expect_range(f, s, 0, 13);
	spool_ack(s);
	assert_int_equal(segment_files(f->dir, 0, NULL), 1);
	spool_close(&s);
	s = open_spool(f);
	expect_range(f, s, 10, 20); /* 10 to 12 for the second time: their segment had more */
	spool_ack(s);
	spool_close(&s);
	s = open_spool(f);
	expect_nothing(f, s);
	spool_close(&s);
}

static void test_other_files_are_left_alone(void **state)
{
	static const char *const names[] = { "lost+found", "000000000000000a", "00000000000000011", "README" };
	struct fixture *f = *state;
	struct spool *s = open_spool(f);
	char path[PATH_MAX];

	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
		close(open(path, O_CREAT | O_WRONLY, 0600));
	}
	/* Where the next segment would be. */
	snprintf(path, sizeof(path), "%s/%016d", f->dir, 1);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	append_range(s, 0, 3);
	spool_close(&s);
	s = open_spool(f);
	expect_range(f, s, 0, 3);
	spool_ack(s);
	spool_close(&s);
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
		assert_int_equal(access(path, F_OK), 0);
	}
}

static void test_arena_limit(void **state)
{
	struct fixture *f = *state;
	struct spool *s = open_spool(f);
	struct arena *small = arena_create(512, 2048);
	char big[1000] = { 0 };
	struct slice got[4];
	size_t count;

	for (int i = 0; i < 4; i++)
		assert_int_equal(spool_append(s, slice_of(big, sizeof(big))), ERR_OK);
	assert_int_equal(spool_read(s, small, got, 4, &count, 0), ERR_OK);
	assert_true(count == 1 || count == 2);
	assert_int_equal(spool_read(s, small, got, 4, &count, 0), ERR_NO_MEMORY);
	assert_int_equal(count, 0);
	arena_reset(small);
	assert_int_equal(spool_read(s, small, got, 4, &count, 0), ERR_OK);
	assert_true(count > 0);
	assert_int_equal(stats_of(s).damaged, 0);
	arena_free(&small);
	spool_close(&s);
}

static void *append_one(void *spool)
{
	return append_number(spool, 5) == ERR_OK ? spool : NULL;
}

static void test_read_waits(void **state)
{
	struct fixture *f = *state;
	struct spool *s = open_spool(f);
	int64_t start_us = clock_mono_us();
	pthread_t thread;
	void *result;

	assert_int_equal(spool_read(s, f->arena, f->records, 10, &f->count, 50), ERR_OK);
	assert_int_equal(f->count, 0);
	assert_true(clock_mono_us() - start_us >= 50000);
	start_us = clock_mono_us();
	pthread_create(&thread, NULL, append_one, s);
	assert_int_equal(spool_read(s, f->arena, f->records, 10, &f->count, 20000), ERR_OK);
	assert_int_equal(f->count, 1);
	assert_true(clock_mono_us() - start_us < 15000000);
	pthread_join(thread, &result);
	assert_non_null(result);
	spool_close(&s);
}

/* ---- full by its own bound ---- */

static void test_full_drops_the_oldest(void **state)
{
	struct fixture *f = *state;
	struct spool *s = open_dir(f->dir, 10 * NUMBERED_BYTES, 40 * NUMBERED_BYTES);

	append_range(s, 0, 40);
	assert_int_equal(stats_of(s).dropped, 0);
	assert_false(stats_of(s).overflowing);
	append_range(s, 40, 41);
	assert_int_equal(stats_of(s).dropped, 10);
	assert_int_equal(stats_of(s).records, 31);
	assert_int_equal(stats_of(s).bytes, 31 * NUMBERED_BYTES);
	append_range(s, 41, 100);
	assert_int_equal(stats_of(s).dropped, 60);
	assert_int_equal(stats_of(s).append_errors, 0);
	assert_true(stats_of(s).overflowing);
	expect_range(f, s, 60, 70);
	spool_ack(s);
	assert_true(stats_of(s).overflowing);
	expect_range(f, s, 70, 100);
	assert_true(stats_of(s).overflowing);
	spool_ack(s); /* all that is left is delivered */
	assert_false(stats_of(s).overflowing);
	spool_close(&s);
}

static void test_full_under_the_reader(void **state)
{
	struct fixture *f = *state;
	struct spool *s = open_dir(f->dir, 10 * NUMBERED_BYTES, 40 * NUMBERED_BYTES);

	/* Acknowledged 3, in flight 4, unread 3 of the segment that goes. */
	append_range(s, 0, 40);
	expect_range(f, s, 0, 3);
	spool_ack(s);
	expect_range(f, s, 3, 7);
	append_range(s, 40, 41);
	assert_int_equal(stats_of(s).dropped, 3);
	assert_int_equal(stats_of(s).records, 31 + 4);
	spool_ack(s); /* those in flight arrived after all */
	assert_int_equal(stats_of(s).dropped, 3);
	assert_int_equal(stats_of(s).records, 31);
	expect_range(f, s, 10, 15);
	append_range(s, 41, 51);
	assert_int_equal(stats_of(s).dropped, 3 + 5);
	spool_rewind(s); /* those in flight did not arrive, and are gone */
	assert_int_equal(stats_of(s).dropped, 3 + 10);
	assert_int_equal(stats_of(s).records, 31);
	expect_range(f, s, 20, 51);
	spool_ack(s);
	assert_int_equal(stats_of(s).records, 0);
	spool_close(&s);
}

static void test_tiny_bounds(void **state)
{
	struct fixture *f = *state;
	struct spool *s = open_dir(f->dir, 1 << 20, NUMBERED_BYTES + 5);

	assert_int_equal(append_number(s, 0), ERR_OK);
	assert_int_equal(append_number(s, 1), ERR_OK);
	assert_int_equal(spool_append(s, SLICE_LIT("twenty-two bytes, more")), ERR_TOO_LARGE);
	expect_range(f, s, 1, 2);
	assert_int_equal(stats_of(s).dropped, 1);
	spool_close(&s);
}

/* ---- damage ---- */

static void test_torn_tail(void **state)
{
	struct fixture *f = *state;

	for (int keep = 0; keep <= NUMBERED_BYTES; keep++) {
		struct spool *s = open_spool(f);
		char path[PATH_MAX];

		append_range(s, 0, 3);
		spool_close(&s);
		assert_int_equal(segment_files(f->dir, 0, path), 1);
		assert_int_equal(truncate(path, 2 * NUMBERED_BYTES + keep), 0);
		s = open_spool(f);
		append_range(s, 3, 5);
		assert_int_equal(stats_of(s).damaged, keep == 0 || keep == NUMBERED_BYTES ? 0 : 1);
		expect_range(f, s, 0, keep == NUMBERED_BYTES ? 3 : 2);
		expect_range(f, s, 3, 5);
		spool_ack(s);
		assert_int_equal(stats_of(s).records, 0);
		spool_close(&s);
		assert_int_equal(segment_files(f->dir, 0, NULL), 0);
	}
}

/* Any bit of a segment turned: what comes out is what went in, up to the record before. */
static void test_bit_flips_at_rest(void **state)
{
	struct fixture *f = *state;

	for (int bit = 0; bit < 3 * NUMBERED_BYTES * 8; bit++) {
		struct spool *s = open_spool(f);
		int record = bit / 8 / NUMBERED_BYTES;
		char path[PATH_MAX];

		append_range(s, 0, 3);
		spool_close(&s);
		assert_int_equal(segment_files(f->dir, 0, path), 1);
		flip_bit(path, bit / 8, bit % 8);
		s = open_spool(f);
		expect_range(f, s, 0, (uint64_t)record);
		expect_nothing(f, s);
		assert_int_equal(stats_of(s).damaged, 1);
		spool_ack(s);
		spool_close(&s);
	}
}

static void test_bit_flip_while_running(void **state)
{
	struct fixture *f = *state;
	struct spool *s = open_spool(f);
	char path[PATH_MAX];

	append_range(s, 0, 10);
	assert_int_equal(segment_files(f->dir, 0, path), 1);
	flip_bit(path, 4 * NUMBERED_BYTES + 12, 3);
	expect_range(f, s, 0, 4);
	append_range(s, 10, 12); /* into the segment that is about to be given up */
	expect_nothing(f, s);
	assert_int_equal(stats_of(s).damaged, 1);
	append_range(s, 12, 14); /* into a new one */
	assert_int_equal(segment_files(f->dir, 0, NULL), 2);
	expect_range(f, s, 12, 14);
	spool_rewind(s);
	expect_range(f, s, 0, 4);
	expect_range(f, s, 12, 14);
	spool_ack(s);
	assert_int_equal(stats_of(s).records, 0);
	spool_close(&s);
}

static void test_zeros_are_no_records(void **state)
{
	struct fixture *f = *state;
	struct spool *s = open_spool(f);
	char path[PATH_MAX];

	append_range(s, 0, 2);
	spool_close(&s);
	assert_int_equal(segment_files(f->dir, 0, path), 1);
	assert_int_equal(truncate(path, 4096), 0); /* longer: filled with zeros */
	s = open_spool(f);
	assert_int_equal(stats_of(s).records, 2);
	assert_int_equal(stats_of(s).damaged, 1);
	expect_range(f, s, 0, 2);
	expect_nothing(f, s);
	spool_close(&s);
}

static void test_nothing_but_damage(void **state)
{
	struct fixture *f = *state;
	struct spool *s = open_spool(f);
	char path[PATH_MAX];

	append_range(s, 0, 1);
	spool_close(&s);
	assert_int_equal(segment_files(f->dir, 0, path), 1);
	flip_bit(path, 0, 0);
	s = open_spool(f);
	assert_int_equal(stats_of(s).damaged, 1);
	assert_int_equal(stats_of(s).bytes, 0);
	assert_int_equal(segment_files(f->dir, 0, NULL), 0);
	append_range(s, 1, 2);
	expect_range(f, s, 1, 2);
	spool_close(&s);
}

/* ---- threads ---- */

#define WRITERS 4
#define PER_WRITER 5000

struct writer {
	struct spool *spool;
	uint64_t first;
	bool ok;
};

static void *write_many(void *arg)
{
	struct writer *w = arg;

	w->ok = true;
	for (uint64_t i = 0; i < PER_WRITER; i++)
		w->ok = w->ok && append_number(w->spool, w->first + i) == ERR_OK;
	return NULL;
}

static void test_threads(void **state)
{
	struct fixture *f = *state;
	struct spool *s = open_dir(f->dir, 300 * NUMBERED_BYTES, 64 << 20);
	uint64_t next[WRITERS] = { 0 };
	uint64_t seen[WRITERS] = { 0 };
	struct writer writers[WRITERS];
	pthread_t threads[WRITERS];
	uint64_t acked = 0;

	for (uint64_t i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){ .spool = s, .first = i * PER_WRITER };
		pthread_create(&threads[i], NULL, write_many, &writers[i]);
	}
	while (acked < WRITERS * PER_WRITER) {
		arena_reset(f->arena);
		assert_int_equal(spool_read(s, f->arena, f->records, 100, &f->count, 5000), ERR_OK);
		assert_true(f->count > 0);
		memcpy(seen, next, sizeof(next));
		for (size_t i = 0; i < f->count; i++) {
			uint64_t n = number_of(f->records[i]);

			assert_int_equal(n % PER_WRITER, seen[n / PER_WRITER]++); /* each writer's own order */
		}
		if (clock_random() % 4 == 0) {
			spool_rewind(s);
			continue;
		}
		spool_ack(s);
		memcpy(next, seen, sizeof(next));
		acked += f->count;
	}
	for (int i = 0; i < WRITERS; i++) {
		pthread_join(threads[i], NULL);
		assert_true(writers[i].ok);
	}
	assert_int_equal(stats_of(s).records, 0);
	expect_nothing(f, s);
	spool_close(&s);
}

/* A writer that drops what a slower reader has not read: each record is read or counted. */
static void test_dropping_beside_reading(void **state)
{
	struct fixture *f = *state;
	struct spool *s = open_dir(f->dir, 20 * NUMBERED_BYTES, 100 * NUMBERED_BYTES);
	struct writer w = { .spool = s };
	uint64_t delivered = 0;
	uint64_t last = 0;
	pthread_t thread;

	pthread_create(&thread, NULL, write_many, &w);
	while (delivered + stats_of(s).dropped < PER_WRITER) {
		arena_reset(f->arena);
		assert_int_equal(spool_read(s, f->arena, f->records, 7, &f->count, 1000), ERR_OK);
		for (size_t i = 0; i < f->count; i++) {
			assert_true(delivered + i == 0 || number_of(f->records[i]) > last);
			last = number_of(f->records[i]);
		}
		delivered += f->count;
		spool_ack(s);
	}
	pthread_join(thread, NULL);
	assert_true(w.ok);
	assert_int_equal(delivered + stats_of(s).dropped, PER_WRITER);
	assert_int_equal(stats_of(s).records, 0);
	assert_int_equal(stats_of(s).damaged, 0);
	assert_int_equal(last, PER_WRITER - 1);
	spool_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_order_and_stats),
		TEST(test_sizes),
		TEST(test_rewind),
		TEST(test_segments_go_when_delivered),
		TEST(test_restart),
		TEST(test_other_files_are_left_alone),
		TEST(test_arena_limit),
		TEST(test_read_waits),
		TEST(test_full_drops_the_oldest),
		TEST(test_full_under_the_reader),
		TEST(test_tiny_bounds),
		TEST(test_torn_tail),
		TEST(test_bit_flips_at_rest),
		TEST(test_bit_flip_while_running),
		TEST(test_zeros_are_no_records),
		TEST(test_nothing_but_damage),
		TEST(test_threads),
		TEST(test_dropping_beside_reading),
	};

	log_setup("spool_test", LOG_LEVEL_ERROR + 1, LOG_FORMAT_TEXT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
