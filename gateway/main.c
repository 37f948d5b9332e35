/* main.c - the gateway's command line, HAProxy's, and the life of its process. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/conf/conf.h"
#include "gateway/session/gateway.h"
#include "shared/base/log.h"
#include "shared/base/slice.h"

#define FILES_MAX 64
#define OLD_MAX 64
#define VERSION "2.6.12-moa"

struct options {
	const char *files[FILES_MAX];
	unsigned file_count;
	bool check;
	const char *condition;
	bool daemon, foreground, quiet;
	const char *pid_file;
	pid_t old[OLD_MAX];
	unsigned old_count;
	int old_signal;
	const char *handover; /* -x */
	unsigned maxconn;
};

static void usage(FILE *out)
{
	fputs("gateway - an HTTP proxy that speaks HAProxy's configuration language\n\n"
	      "gateway -f <file or folder> [-f …] [options]\n\n"
	      "  -f FILE     reads that configuration; a folder means its *.cfg files\n"
	      "  -c          checks the configuration and exits: 0 when it is valid\n"
	      "  -cc COND    evaluates a condition: exits with 0 when it is true\n"
	      "  -d, -db     stays in the foreground, which is the default\n"
	      "  -D          goes to the background\n"
	      "  -p FILE     writes its process id there\n"
	      "  -n N        most connections, instead of maxconn\n"
	      "  -q          says nothing but errors\n"
	      "  -C DIR      changes to that folder first\n"
	      "  -sf PID…    once it runs, tells those processes to finish softly (SIGUSR1)\n"
	      "  -st PID…    once it runs, tells those processes to end (SIGTERM)\n"
	      "  -dM, -dr, -dV, -dW   taken for compatibility\n"
	      "  -dK         lists all keywords and exits\n"
	      "  -v, -vv     version\n",
	      out);
}

static int bad(const char *option, const char *why)
{
	fprintf(stderr, "gateway: %s: %s; gateway -h lists the options\n", option, why);
	return 1;
}

/* ---- the command line ---- */

/* The numbers behind -sf and -st, up to the next option. */
static int take_pids(struct options *o, int argc, char **argv, int at)
{
	while (at + 1 < argc && argv[at + 1][0] >= '0' && argv[at + 1][0] <= '9') {
		uint64_t pid;

		if (!slice_to_u64(slice_str(argv[++at]), 1 << 30, &pid) || o->old_count == OLD_MAX)
			return -1;
		o->old[o->old_count++] = (pid_t)pid;
	}
	return at;
}

/* Options with an argument. The index of the argument, or -1 after complaining. */
static int take_value(struct options *o, int argc, char **argv, int at)
{
	const char *option = argv[at];
	uint64_t n = 0;

	if (at + 1 >= argc)
		return bad(option, "an argument is missing"), -1;
	at++;
	if (strcmp(option, "-f") == 0) {
		if (o->file_count == FILES_MAX)
			return bad(option, "too many files"), -1;
		o->files[o->file_count++] = argv[at];
	} else if (strcmp(option, "-p") == 0) {
		o->pid_file = argv[at];
	} else if (strcmp(option, "-x") == 0) {
		o->handover = argv[at];
	} else if (strcmp(option, "-cc") == 0) {
		o->condition = argv[at];
	} else if (strcmp(option, "-C") == 0) {
		if (chdir(argv[at]) != 0)
			return bad(option, strerror(errno)), -1;
	} else {
		if (!slice_to_u64(slice_str(argv[at]), 10 * 1000 * 1000, &n))
			return bad(option, "a number is expected"), -1;
		o->maxconn = (unsigned)n;
	}
	return at;
}

static bool one_of(const char *word, const char *const *list)
{
	for (; *list != NULL; list++) {
		if (strcmp(word, *list) == 0)
			return true;
	}
	return false;
}

/* 0: go on; else the exit status + 1. */
static int read_options(struct options *o, int argc, char **argv)
{
	static const char *const valued[] = { "-f", "-p", "-x", "-cc", "-C", "-n", NULL };
	static const char *const ignored[] = { "-d", "-db", "-dr", "-dV", "-dW", "-dD", "-de", "-dp", "-dS", "-dG", NULL };

	for (int i = 1; i < argc; i++) {
		const char *a = argv[i];

		if (one_of(a, valued)) {
			i = take_value(o, argc, argv, i);
		} else if (strcmp(a, "-sf") == 0 || strcmp(a, "-st") == 0) {
			o->old_signal = a[2] == 'f' ? SIGUSR1 : SIGTERM;
			i = take_pids(o, argc, argv, i);
		} else if (strcmp(a, "-v") == 0 || strcmp(a, "-vv") == 0) {
			printf("moa gateway version %s, for configurations of HAProxy 2.6\n", VERSION);
			return 1;
		} else if (strcmp(a, "-h") == 0 || strcmp(a, "--help") == 0) {
			usage(stdout);
			return 1;
		} else if (strcmp(a, "-c") == 0) {
			o->check = true;
		} else if (strcmp(a, "-D") == 0) {
			o->daemon = true;
		} else if (strcmp(a, "-q") == 0) {
			o->quiet = true;
		} else if (strcmp(a, "-dK") == 0) {
			struct buf out;

			buf_init(&out, 0);
			conf_keywords(&out);
			fwrite(out.ptr, 1, out.len, stdout);
			buf_free(&out);
			return 1;
		} else if (!one_of(a, ignored) && strncmp(a, "-dM", 3) != 0) {
			return bad(a, "there is no such option") + 1;
		}
		if (i < 0)
			return 2;
	}
	return 0;
}

/* ---- the process ---- */

static int drop_rights(const struct config *c)
{
	if (c->chroot.len > 0 && (chroot(c->chroot.ptr) != 0 || chdir("/") != 0))
		return bad("chroot", strerror(errno));
	if (c->group.len > 0) {
		const struct group *g = getgrnam(c->group.ptr);

		if (g == NULL || setgroups(0, NULL) != 0 || setgid(g->gr_gid) != 0)
			return bad("group", g == NULL ? "there is no such group" : strerror(errno));
	}
	if (c->user.len > 0) {
		const struct passwd *u = getpwnam(c->user.ptr);

		if (u == NULL || setuid(u->pw_uid) != 0)
			return bad("user", u == NULL ? "there is no such user" : strerror(errno));
	}
	return 0;
}

static int write_pid(const char *path)
{
	FILE *f = fopen(path, "we");

	if (f == NULL)
		return bad(path, strerror(errno));
	fprintf(f, "%ld\n", (long)getpid());
	return fclose(f) == 0 ? 0 : bad(path, strerror(errno));
}

/* Into the background, behind the back of whoever started us. Before any thread is made. */
static int become_daemon(void)
{
	pid_t child = fork();
	int null;

	if (child < 0)
		return bad("-D", strerror(errno));
	if (child > 0)
		_exit(0);
	setsid();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		return bad("-D", strerror(errno));
	return 0;
}

static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
}

static void say(const struct buf *messages)
{
	if (messages->len > 0)
		fwrite(messages->ptr, 1, messages->len, stderr);
}

static void tell_old(const struct options *o)
{
	for (unsigned i = 0; i < o->old_count; i++)
		kill(o->old[i], o->old_signal);
}

static int run(const struct options *o, struct config *c, struct buf *messages)
{
	struct gateway *g;
	struct slice pid_file = o->pid_file != NULL ? slice_str(o->pid_file) : c->pid_file;
	int status = 0;

	if ((o->daemon || c->daemon) && !o->foreground)
		status = become_daemon();
	block_signals();
	g = gateway_create(c);
	if (status == 0 && !gateway_open(g, messages)) {
		say(messages);
		status = 1;
	}
	if (status == 0 && pid_file.len > 0)
		status = write_pid(pid_file.ptr);
	if (status == 0)
		status = drop_rights(c);
	if (status == 0) {
		tell_old(o);
		gateway_run(g);
	}
	gateway_free(&g);
	return status;
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	struct config *c;
	struct buf messages;
	int status = read_options(&o, argc, argv);

	if (status != 0)
		return status - 1;
	log_setup("gateway", LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	buf_init(&messages, 0);
	if (o.condition != NULL) {
		int holds = conf_condition(slice_str(o.condition), &messages);

		say(&messages);
		buf_free(&messages);
		return holds == 1 ? 0 : 1;
	}
	if (o.file_count == 0) {
		usage(stderr);
		return 1;
	}
	c = conf_load(o.files, o.file_count, &messages);
	if (c != NULL && o.maxconn > 0)
		c->maxconn = o.maxconn;
	if (c == NULL || !o.quiet)
		say(&messages);
	buf_clear(&messages);
	if (c == NULL) {
		status = 1;
	} else if (o.check) {
		puts("Configuration file is valid");
		conf_free(&c);
	} else {
		status = run(&o, c, &messages);
	}
	buf_free(&messages);
	return status;
}
