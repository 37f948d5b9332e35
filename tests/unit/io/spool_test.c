/* spool_test.c - the spool on real files: order, restarts, damage, a full disk, kill -9, deleted files, threads.
 *
 * link: -Wl,--wrap=ftruncate,--wrap=pread
 */
#include "shared/io/spool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "shared/base/clock.h"
#include "shared/base/log.h"

#define HEADER 8 /* bytes in front of each record on disk */

/* Faults that a file system gives rarely. */
static atomic_bool ftruncate_fails;
static atomic_bool pread_fails;
int __real_ftruncate(int fd, off_t length);
int __wrap_ftruncate(int fd, off_t length);
ssize_t __real_pread(int fd, void *to, size_t len, off_t offset);
ssize_t __wrap_pread(int fd, void *to, size_t len, off_t offset);

int __wrap_ftruncate(int fd, off_t length)
{
	if (!ftruncate_fails)
		return __real_ftruncate(fd, length);
	errno = EIO;
	return -1;
}

ssize_t __wrap_pread(int fd, void *to, size_t len, off_t offset)
{
	if (!pread_fails)
		return __real_pread(fd, to, len, offset);
	errno = EIO;
	return -1;
}

struct fixture {
	char root[64];
	char dir[96];
	struct arena *arena;
	struct slice records[256];
	size_t count;
};

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

static void remove_tree(const char *path)
{
	nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->root, sizeof(f->root), "/tmp/spool_test.XXXXXX");
	assert_non_null(mkdtemp(f->root));
	snprintf(f->dir, sizeof(f->dir), "%s/a/b", f->root);
	f->arena = arena_create(4096, 16 << 20);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	pread_fails = false;
	ftruncate_fails = false;
	arena_free(&f->arena);
	umount2(f->root, MNT_DETACH); /* mounted still when a test ended early */
	remove_tree(f->root);
	free(f);
	return 0;
}

static struct spool *open_dir(const char *dir, uint64_t segment_bytes, uint64_t max_bytes)
{
	struct spool_options o = { .dir = dir, .segment_bytes = segment_bytes, .max_bytes = max_bytes };
	struct spool *s;

	assert_int_equal(spool_open(&o, &s), ERR_OK);
	return s;
}

static struct spool *open_spool(const struct fixture *f)
{
	return open_dir(f->dir, 1 << 20, 16 << 20);
}

static struct spool_stats stats_of(const struct spool *s)
{
	struct spool_stats st;

	spool_stats_get(s, &st);
	return st;
}

static enum err append_number(struct spool *s, uint64_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "record-%09" PRIu64, n); /* 16 bytes, 24 on disk */
	return spool_append(s, slice_str(text));
}

#define NUMBERED_BYTES (16 + HEADER)

static uint64_t number_of(struct slice record)
{
	uint64_t n = UINT64_MAX;

	assert_int_equal(record.len, 16);
	assert_memory_equal(record.ptr, "record-", 7);
	n = 0;
	for (size_t i = 7; i < 16; i++)
		n = n * 10 + (uint64_t)(record.ptr[i] - '0');
	return n;
}

static void append_range(struct spool *s, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i < to; i++)
		assert_int_equal(append_number(s, i), ERR_OK);
}

static size_t read_some(struct fixture *f, struct spool *s, size_t max)
{
	arena_reset(f->arena);
	assert_int_equal(spool_read(s, f->arena, f->records, max, &f->count, 0), ERR_OK);
	return f->count;
}

/* Reads exactly <from> .. <to>-1. */
static void expect_range(struct fixture *f, struct spool *s, uint64_t from, uint64_t to)
{
	while (from < to) {
		size_t max = to - from < 256 ? to - from : 256;

		assert_true(read_some(f, s, max) > 0);
		for (size_t i = 0; i < f->count; i++)
			assert_int_equal(number_of(f->records[i]), from++);
	}
}

static void expect_nothing(struct fixture *f, struct spool *s)
{
	assert_int_equal(read_some(f, s, 10), 0);
}

/* Segment files in <dir>; the path of the one with rank <which> goes to <path>, if not NULL. */
static int segment_files(const char *dir, int which, char path[PATH_MAX])
{
	struct dirent **names;
	int count = scandir(dir, &names, NULL, alphasort);
	int found = 0;

	for (int i = 0; i < count; i++) {
		if (strlen(names[i]->d_name) == 16) {
			if (path != NULL && found == which)
				snprintf(path, PATH_MAX, "%s/%s", dir, names[i]->d_name);
			found++;
		}
		free(names[i]);
	}
	if (count >= 0)
		free(names);
	return found;
}

static off_t file_size(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static void flip_bit(const char *path, off_t at, int bit)
{
	int fd = open(path, O_RDWR);
	unsigned char c;

	assert_true(fd >= 0);
	assert_int_equal(__real_pread(fd, &c, 1, at), 1);
	c ^= (unsigned char)(1 << bit);
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
	close(fd);
}

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
	append_range(s, 40, 41);
	assert_int_equal(stats_of(s).dropped, 10);
	assert_int_equal(stats_of(s).records, 31);
	assert_int_equal(stats_of(s).bytes, 31 * NUMBERED_BYTES);
	append_range(s, 41, 100);
	assert_int_equal(stats_of(s).dropped, 60);
	assert_int_equal(stats_of(s).append_errors, 0);
	expect_range(f, s, 60, 100);
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

static void test_unreadable(void **state)
{
	struct fixture *f = *state;
	struct spool_options o = { .dir = f->dir, .segment_bytes = 1000, .max_bytes = 10000 };
	struct spool *s = open_spool(f);
	struct spool *other;

	append_range(s, 0, 3);
	pread_fails = true;
	assert_int_equal(spool_read(s, f->arena, f->records, 10, &f->count, 0), ERR_INTERNAL);
	assert_int_equal(f->count, 0);
	pread_fails = false;
	expect_range(f, s, 0, 3); /* an error of the moment loses nothing */
	spool_close(&s);
	pread_fails = true;
	assert_int_equal(spool_open(&o, &other), ERR_INTERNAL);
	assert_null(other);
	pread_fails = false;
	s = open_spool(f);
	expect_range(f, s, 0, 3);
	spool_close(&s);
}

/* ---- a full disk ---- */

static void test_full_disk(void **state)
{
	struct fixture *f = *state;
	char dir[128];
	char filler[128];
	struct spool *s;
	uint64_t n = 0;
	int fd;

	if (mount("tmpfs", f->root, "tmpfs", 0, "size=256k") != 0) {
		print_message("no right to mount: %s\n", strerror(errno));
		skip();
	}
	snprintf(dir, sizeof(dir), "%s/spool", f->root);
	s = open_dir(dir, 64 << 10, 16 << 20);
	while (append_number(s, n) == ERR_OK)
		n++;
	assert_in_range(n, 1000, 256 * 1024 / NUMBERED_BYTES);
	assert_int_equal(append_number(s, n), ERR_FULL);
	assert_int_equal(stats_of(s).append_errors, 2);
	assert_int_equal(stats_of(s).last_errno, ENOSPC);
	expect_range(f, s, 0, n);
	spool_ack(s); /* delivery makes room */
	append_range(s, n, n + 1000);
	assert_int_equal(stats_of(s).last_errno, 0);
	expect_range(f, s, n, n + 1000);
	/* Nothing of what was refused is met after a restart. */
	spool_rewind(s);
	spool_close(&s);
	s = open_dir(dir, 64 << 10, 16 << 20);
	assert_int_equal(stats_of(s).damaged, 0);
	spool_close(&s);
	/* Full already at the start. */
	remove_tree(dir);
	snprintf(filler, sizeof(filler), "%s/filler", f->root);
	fd = open(filler, O_CREAT | O_WRONLY, 0600);
	while (write(fd, f->root, sizeof(f->root)) > 0)
		;
	close(fd);
	s = open_dir(dir, 64 << 10, 16 << 20);
	assert_int_equal(append_number(s, 0), ERR_FULL);
	assert_int_equal(unlink(filler), 0);
	append_range(s, 1, 2);
	expect_range(f, s, 1, 2);
	spool_close(&s);
	assert_int_equal(umount(f->root), 0);
}

/* RLIMIT_FSIZE lets a part of a record through, as some full file systems do. */
static int write_to_the_limit(const char *dir)
{
	struct rlimit limit = { 1000, 1000 }; /* 41 records of 24 bytes and 16 bytes of another */
	struct spool *s = open_dir(dir, 1 << 20, 16 << 20);
	uint64_t n = 0;

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
		return 10;
	while (append_number(s, n) == ERR_OK)
		n++;
	if (n != 1000 / NUMBERED_BYTES)
		return 11;
	if (append_number(s, n) != ERR_FULL || stats_of(s).append_errors != 2)
		return 12;
	spool_close(&s);
	return 0;
}

static void await_killed(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* What <work> returns in a child process, which then ends without a trace: nothing of ours is freed there. */
static int in_child(int (*work)(const char *dir), const char *dir)
{
	int *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int result;
	pid_t pid;

	assert_ptr_not_equal(shared, MAP_FAILED);
	*shared = -1;
	pid = fork();
	if (pid == 0) {
		*shared = work(dir);
		raise(SIGKILL);
	}
	await_killed(pid);
	result = *shared;
	munmap(shared, sizeof(*shared));
	return result;
}

static void test_partial_write_is_taken_back(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];
	struct spool *s;

	assert_int_equal(in_child(write_to_the_limit, f->dir), 0);
	assert_int_equal(segment_files(f->dir, 0, path), 1);
	assert_int_equal(file_size(path), 41 * NUMBERED_BYTES);
	s = open_spool(f);
	assert_int_equal(stats_of(s).damaged, 0);
	expect_range(f, s, 0, 41);
	expect_nothing(f, s);
	spool_close(&s);
}

static int write_beyond_a_torn_end(const char *dir)
{
	struct rlimit limit = { 1000, RLIM_INFINITY };
	struct spool *s = open_dir(dir, 1 << 20, 16 << 20);

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
		return 10;
	ftruncate_fails = true;
	for (uint64_t i = 0; i < 41; i++)
		if (append_number(s, i) != ERR_OK)
			return 11;
	if (append_number(s, 99) != ERR_FULL)
		return 12;
	for (uint64_t i = 41; i < 50; i++) /* into a segment of its own */
		if (append_number(s, i) != ERR_OK)
			return 13;
	spool_close(&s);
	return 0;
}

static void test_partial_write_that_stays(void **state)
{
	struct fixture *f = *state;
	struct spool *s;

	assert_int_equal(in_child(write_beyond_a_torn_end, f->dir), 0);
	s = open_spool(f);
	assert_int_equal(stats_of(s).damaged, 1);
	expect_range(f, s, 0, 50);
	spool_close(&s);
}

static void test_cannot_open(void **state)
{
	struct fixture *f = *state;
	struct spool_options o = { .dir = f->dir, .segment_bytes = 1000, .max_bytes = 10000 };
	char path[PATH_MAX];
	struct spool *s;

	snprintf(path, sizeof(path), "%s/a", f->root);
	close(open(path, O_CREAT | O_WRONLY, 0600)); /* a file where a directory should be */
	assert_int_equal(spool_open(&o, &s), ERR_INTERNAL);
	assert_null(s);
	o.dir = "";
	assert_int_equal(spool_open(&o, &s), ERR_INTERNAL);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	o.dir = path;
	assert_int_equal(spool_open(&o, &s), ERR_INTERNAL);
	path[PATH_MAX - 3] = '\0'; /* fits, but no file in it */
	assert_int_equal(spool_open(&o, &s), ERR_INTERNAL);
}

/* ---- two users ---- */

static int open_once_more(const char *dir)
{
	struct spool_options o = { .dir = dir, .segment_bytes = 1000, .max_bytes = 10000 };
	struct spool *s;

	return (int)spool_open(&o, &s);
}

static void test_one_process_at_a_time(void **state)
{
	struct fixture *f = *state;
	struct spool_options o = { .dir = f->dir, .segment_bytes = 1000, .max_bytes = 10000 };
	struct spool *s = open_spool(f);
	struct spool *other;

	assert_int_equal(in_child(open_once_more, f->dir), ERR_CONFLICT);
	assert_int_equal(spool_open(&o, &other), ERR_CONFLICT);
	assert_null(other);
	append_range(s, 0, 2);
	spool_close(&s);
	assert_int_equal(spool_open(&o, &other), ERR_OK);
	expect_range(f, other, 0, 2);
	spool_close(&other);
}

/* ---- kill -9 ---- */

static void write_until_killed(const char *dir, uint64_t from, int pipe_fd)
{
	struct spool *s = open_dir(dir, 50 * NUMBERED_BYTES, 64 << 20);

	for (uint64_t i = from;; i++)
		if (append_number(s, i) != ERR_OK || write(pipe_fd, &i, sizeof(i)) != (ssize_t)sizeof(i))
			_exit(1);
}

static void test_kill_9(void **state)
{
	struct fixture *f = *state;
	uint64_t next = 0; /* first number that must not be there yet */

	for (int round = 0; round < 40; round++) {
		uint64_t enough = next + clock_random() % 400;
		uint64_t told = 0;
		struct spool *s;
		int pipes[2];
		pid_t pid;

		assert_int_equal(pipe(pipes), 0);
		pid = fork();
		if (pid == 0) {
			close(pipes[0]);
			write_until_killed(f->dir, next, pipes[1]);
		}
		close(pipes[1]);
		do
			assert_int_equal(read(pipes[0], &told, sizeof(told)), sizeof(told));
		while (told < enough);
		kill(pid, SIGKILL);
		await_killed(pid);
		while (read(pipes[0], &told, sizeof(told)) == (ssize_t)sizeof(told))
			;
		close(pipes[0]);
		/* All that was confirmed is there, once, in order, and at most one more that could not be confirmed. */
		s = open_spool(f);
		expect_range(f, s, 0, told + 1);
		if (read_some(f, s, 10) == 1)
			assert_int_equal(number_of(f->records[0]), ++told);
		assert_int_equal(read_some(f, s, 10), 0);
		next = told + 1;
		spool_close(&s);
	}
}

/* ---- deleted and moved files ---- */

static void test_deleted_directory(void **state)
{
	struct fixture *f = *state;
	struct spool_options o = { .dir = f->dir, .segment_bytes = 1000, .max_bytes = 10000 };
	struct spool *other;
	struct spool *s = open_dir(f->dir, 10 * NUMBERED_BYTES, 1 << 20);

	append_range(s, 0, 25);
	remove_tree(f->dir);
	append_range(s, 25, 30); /* makes it again */
	assert_int_equal(segment_files(f->dir, 0, NULL), 1);
	expect_range(f, s, 25, 30);
	assert_int_equal(stats_of(s).dropped, 25);
	assert_int_equal(stats_of(s).records, 5);
	spool_ack(s);
	/* The new directory is locked like the old one. */
	assert_int_equal(spool_open(&o, &other), ERR_CONFLICT);
	spool_close(&s);
}

static void test_directory_that_cannot_come_back(void **state)
{
	struct fixture *f = *state;
	struct spool *s = open_spool(f);
	char parent[PATH_MAX];

	append_range(s, 0, 3);
	snprintf(parent, sizeof(parent), "%s/a", f->root);
	remove_tree(parent);
	close(open(parent, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(append_number(s, 3), ERR_INTERNAL);
	assert_int_equal(append_number(s, 3), ERR_INTERNAL);
	assert_int_equal(stats_of(s).append_errors, 2);
	assert_int_equal(stats_of(s).last_errno, ENOTDIR);
	assert_int_equal(stats_of(s).dropped, 3);
	assert_int_equal(unlink(parent), 0);
	append_range(s, 4, 6);
	assert_int_equal(stats_of(s).last_errno, 0);
	expect_range(f, s, 4, 6);
	spool_close(&s);
}

static void test_moved_directory(void **state)
{
	struct fixture *f = *state;
	struct spool *s = open_dir(f->dir, 10 * NUMBERED_BYTES, 1 << 20);
	char moved[PATH_MAX];

	append_range(s, 0, 10);
	snprintf(moved, sizeof(moved), "%s/moved", f->root);
	assert_int_equal(rename(f->dir, moved), 0);
	append_range(s, 10, 12);
	assert_int_equal(segment_files(f->dir, 0, NULL), 1);
	expect_range(f, s, 10, 12);
	assert_int_equal(stats_of(s).dropped, 10);
	spool_close(&s);
}

static void test_deleted_segment(void **state)
{
	struct fixture *f = *state;
	struct spool *s = open_dir(f->dir, 10 * NUMBERED_BYTES, 1 << 20);
	char path[PATH_MAX];

	append_range(s, 0, 35);
	assert_int_equal(segment_files(f->dir, 1, path), 4);
	assert_int_equal(unlink(path), 0);
	expect_range(f, s, 0, 10);
	expect_range(f, s, 20, 35);
	assert_int_equal(stats_of(s).dropped, 10);
	spool_ack(s);
	assert_int_equal(stats_of(s).records, 0);
	/* The one being written. */
	append_range(s, 35, 37);
	segment_files(f->dir, 0, path);
	assert_int_equal(unlink(path), 0);
	append_range(s, 37, 39);
	expect_range(f, s, 37, 39);
	assert_int_equal(stats_of(s).dropped, 12);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
		TEST(test_unreadable),
		TEST(test_full_disk),
		TEST(test_partial_write_is_taken_back),
		TEST(test_partial_write_that_stays),
		TEST(test_cannot_open),
		TEST(test_one_process_at_a_time),
		TEST(test_kill_9),
		TEST(test_deleted_directory),
		TEST(test_directory_that_cannot_come_back),
		TEST(test_moved_directory),
		TEST(test_deleted_segment),
		TEST(test_threads),
		TEST(test_dropping_beside_reading),
	};

	log_setup("spool_test", LOG_LEVEL_ERROR + 1, LOG_FORMAT_TEXT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
