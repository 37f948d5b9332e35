/* process.h - for tests of what a process does as a whole: dying, and writing to standard error.
 *
 * Header only, so that a test program stays one file plus the modules that it tests.
 */
#ifndef MOA_TESTS_UNIT_SUPPORT_PROCESS_H
#define MOA_TESTS_UNIT_SUPPORT_PROCESS_H

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define TEST_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TEST_ASAN 1
#endif
#endif

/* Lets malloc() fail under the sanitizers as it does without them; they look these functions up by name. */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);

const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void)
{
	return "allocator_may_return_null=1";
}

/* True when <run>(<arg>) ends the process badly (a failed assert, abort(), a sanitizer's report):
 * it runs in a child with standard error thrown away. False when it returns. */
static inline bool dies(void (*run)(void *arg), void *arg)
{
	const int returned = 77; /* what no sanitizer exits with */
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		signal(SIGSEGV, SIG_DFL); /* cmocka's handlers would go on with the next test, in the child */
		signal(SIGABRT, SIG_DFL);
		if (null >= 0)
			dup2(null, STDERR_FILENO);
		run(arg);
		_exit(returned);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	return !(WIFEXITED(status) && WEXITSTATUS(status) == returned);
}

/* Standard error goes to a file between capture_start() and capture_end(). */
struct capture {
	int saved; /* the real standard error */
	int file;
};

static inline void capture_start(struct capture *c)
{
	char name[] = "/tmp/moa_test_XXXXXX";

	c->file = mkstemp(name);
	c->saved = dup(STDERR_FILENO);
	if (c->file < 0 || c->saved < 0 || dup2(c->file, STDERR_FILENO) < 0)
		abort();
	unlink(name);
}

/* Puts standard error back; what was written is in <out>, with a NUL, at most <size> - 1 bytes. Returns its length. */
static inline size_t capture_end(struct capture *c, char *out, size_t size)
{
	ssize_t n;

	dup2(c->saved, STDERR_FILENO);
	n = pread(c->file, out, size - 1, 0);
	close(c->saved);
	close(c->file);
	if (n < 0)
		abort();
	out[n] = '\0';
	return (size_t)n;
}

#endif
