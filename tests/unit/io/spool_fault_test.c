/* spool_fault_test.c - the spool under a full disk, kill -9, deleted files and a second process.
 *
 * link: -Wl,--wrap=ftruncate,--wrap=pread
 */
#include "tests/unit/io/spool_fixture.h"

/* Faults that a file system gives rarely. */
static atomic_bool ftruncate_fails;
static atomic_bool pread_fails;
static struct spool *fill_during_pread; /* gets records 40 to 50 while the reader is in the file */
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
	struct spool *s = fill_during_pread;

	fill_during_pread = NULL;
	if (s != NULL)
		append_range(s, 40, 51);
	if (!pread_fails)
		return __real_pread(fd, to, len, offset);
	errno = EIO;
	return -1;
}

/* The segment that is being read goes: what was seen of it is not handed out, as it was counted as lost. */
static void test_dropped_while_it_is_read(void **state)
{
	struct fixture *f = *state;
	struct spool *s = open_dir(f->dir, 10 * NUMBERED_BYTES, 40 * NUMBERED_BYTES);

	append_range(s, 0, 40);
	expect_range(f, s, 0, 4);
	fill_during_pread = s;
	assert_int_equal(read_some(f, s, 100), 51 - 20);
	assert_int_equal(number_of(f->records[0]), 20);
	assert_int_equal(stats_of(s).dropped, 6 + 10);
	spool_rewind(s);
	assert_int_equal(stats_of(s).dropped, 20);
	expect_range(f, s, 20, 51);
	spool_ack(s);
	assert_int_equal(stats_of(s).records, 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_unreadable),
		TEST(test_dropped_while_it_is_read),
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
	};

	log_setup("spool_fault_test", LOG_LEVEL_ERROR + 1, LOG_FORMAT_TEXT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
