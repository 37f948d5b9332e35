/* spool_fixture.h - for the tests of the spool: a directory of its own for each, and numbered records.
 *
 * lint: allow-long a fixture is code; each test program compiles its own copy, as libraries of tests know no layer.
 */
#ifndef MOA_TEST_SPOOL_FIXTURE_H
#define MOA_TEST_SPOOL_FIXTURE_H

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
#include "shared/io/spool.h"

struct fixture {
	char root[64];
	char dir[96];
	struct arena *arena;
	struct slice records[256];
	size_t count;
};

static inline int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

static inline void remove_tree(const char *path)
{
	nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->root, sizeof(f->root), "/tmp/spool_test.XXXXXX");
	assert_non_null(mkdtemp(f->root));
	snprintf(f->dir, sizeof(f->dir), "%s/a/b", f->root);
	f->arena = arena_create(4096, 16 << 20);
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	arena_free(&f->arena);
	umount2(f->root, MNT_DETACH); /* mounted still when a test ended early */
	remove_tree(f->root);
	free(f);
	return 0;
}

static inline struct spool *open_dir(const char *dir, uint64_t segment_bytes, uint64_t max_bytes)
{
	struct spool_options o = { .dir = dir, .segment_bytes = segment_bytes, .max_bytes = max_bytes };
	struct spool *s;

	assert_int_equal(spool_open(&o, &s), ERR_OK);
	return s;
}

static inline struct spool *open_spool(const struct fixture *f)
{
	return open_dir(f->dir, 1 << 20, 16 << 20);
}

static inline struct spool_stats stats_of(const struct spool *s)
{
	struct spool_stats st;

	spool_stats_get(s, &st);
	return st;
}

static inline enum err append_number(struct spool *s, uint64_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "record-%09" PRIu64, n);
	return spool_append(s, slice_str(text));
}

#define NUMBERED_BYTES 24 /* on disk */

static inline uint64_t number_of(struct slice record)
{
	uint64_t n = UINT64_MAX;

	assert_int_equal(record.len, 16);
	assert_memory_equal(record.ptr, "record-", 7);
	n = 0;
	for (size_t i = 7; i < 16; i++)
		n = n * 10 + (uint64_t)(record.ptr[i] - '0');
	return n;
}

static inline void append_range(struct spool *s, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i < to; i++)
		assert_int_equal(append_number(s, i), ERR_OK);
}

static inline size_t read_some(struct fixture *f, struct spool *s, size_t max)
{
	arena_reset(f->arena);
	assert_int_equal(spool_read(s, f->arena, f->records, max, &f->count, 0), ERR_OK);
	return f->count;
}

/* Reads exactly <from> .. <to>-1. */
static inline void expect_range(struct fixture *f, struct spool *s, uint64_t from, uint64_t to)
{
	while (from < to) {
		size_t max = to - from < 256 ? to - from : 256;

		assert_true(read_some(f, s, max) > 0);
		for (size_t i = 0; i < f->count; i++)
			assert_int_equal(number_of(f->records[i]), from++);
	}
}

static inline void expect_nothing(struct fixture *f, struct spool *s)
{
	assert_int_equal(read_some(f, s, 10), 0);
}

/* Segment files in <dir>; the path of the one with rank <which> goes to <path>, if not NULL. */
static inline int segment_files(const char *dir, int which, char path[PATH_MAX])
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

static inline off_t file_size(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static inline void flip_bit(const char *path, off_t at, int bit)
{
	int fd = open(path, O_RDWR);
	unsigned char c;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, at), 1);
	c ^= (unsigned char)(1 << bit);
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
