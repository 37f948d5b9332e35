/* master.c - the master of -W: starts workers, passes signals on, executes itself again.
 *
 * What it knows of its workers goes through exec in an environment variable: "<pid of the master>", then "+<pid>" for the worker that serves and
 * "-<pid>" for each that is to go. Its signals are blocked but while it waits for them, so none is lost on the way.
 */
#include "gateway/life/master.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/conf/conf.h"
#include "gateway/life/launch.h"
#include "gateway/life/notify.h"
#include "gateway/life/process.h"
#include "shared/base/buf.h"
#include "shared/base/slice.h"

#define VARIABLE "MOA_GATEWAY_WORKERS"
#define WORKERS_MOST 64

struct child {
	pid_t pid;
	bool leaving; /* another serves in its place */
};

struct master {
	const struct options *options;
	char *const *argv;
	struct child workers[WORKERS_MOST]; /* those that have served */
	unsigned count;
	pid_t starting;   /* a worker that does not serve yet; 0: none */
	int starting_fd;  /* where it will say that it does */
	int signals;      /* signalfd */
	int ready, folder;
	struct slice pid_file;
	bool quiet, daemon;
	bool stopping;
	bool reload_wanted; /* when the worker that starts has come up, or has not */
	int status;       /* to exit with */
};

static void tell(const struct master *m, const char *level, const char *text, long pid)
{
	if (m->quiet && strcmp(level, "NOTICE") == 0)
		return;
	fprintf(stderr, "[%s]%*s(%ld) : %s", level, (int)(9 - strlen(level)), "", (long)getpid(), text);
	if (pid != 0)
		fprintf(stderr, " (%ld)", pid);
	fputc('\n', stderr);
}

static void tell_systemd(const struct master *m, const char *state)
{
	char text[128];
	struct buf b;

	if (!m->options->notify)
		return;
	buf_init_fixed(&b, text, sizeof(text));
	buf_printf(&b, "%s\nMAINPID=%ld\n", state, (long)getpid());
	text[b.len] = '\0';
	notify(text);
}

/* ---- itself, again ---- */

bool master_is_again(void)
{
	struct slice text = slice_str(getenv(VARIABLE));
	uint64_t pid;

	return slice_to_u64(slice_cut(&text, ' '), INT32_MAX, &pid) && pid == (uint64_t)getpid();
}

static void remember(struct master *m)
{
	struct slice text = slice_str(getenv(VARIABLE));

	for (slice_cut(&text, ' '); text.ptr != NULL && m->count < WORKERS_MOST;) {
		struct slice word = slice_cut(&text, ' ');
		uint64_t pid;

		if (slice_to_u64(slice_sub(word, 1, word.len), INT32_MAX, &pid))
			m->workers[m->count++] = (struct child){ .pid = (pid_t)pid, .leaving = word.ptr[0] == '-' };
	}
}

static void reload(struct master *m)
{
	struct buf text;

	tell(m, "NOTICE", "Reloading", 0);
	tell_systemd(m, "RELOADING=1\nSTATUS=Reloading configuration.");
	buf_init(&text, 0);
	buf_printf(&text, "%ld", (long)getpid());
	for (unsigned i = 0; i < m->count; i++)
		buf_printf(&text, " %c%ld", m->workers[i].leaving ? '-' : '+', (long)m->workers[i].pid);
	buf_add_char(&text, '\0');
	if (buf_ok(&text) && setenv(VARIABLE, text.ptr, 1) == 0 && (m->folder < 0 || fchdir(m->folder) == 0)) {
		fflush(NULL);
		execvp(m->argv[0], m->argv);
	}
	buf_free(&text);
	tell(m, "ALERT", strerror(errno), 0);
	tell(m, "WARNING", "Cannot execute itself again: nothing was reloaded", 0);
	tell_systemd(m, "READY=1\nSTATUS=Reload failed.");
}

static void want_reload(struct master *m)
{
	if (m->stopping)
		return;
	if (m->starting != 0)
		m->reload_wanted = true;
	else
		reload(m);
}

/* ---- workers ---- */

static void signal_all(const struct master *m, int number)
{
	for (unsigned i = 0; i < m->count; i++)
		kill(m->workers[i].pid, number);
	if (m->starting != 0)
		kill(m->starting, number);
}

static void stop_all(struct master *m, int number)
{
	if (!m->stopping)
		tell_systemd(m, "STOPPING=1");
	m->stopping = true;
	signal_all(m, number);
}

/* The life of the worker. */
static int be_worker(const struct master *m, struct config *c, int ready)
{
	struct options o = *m->options;
	struct start start = { .options = &o, .ready = ready, .master = getppid() };

	unsetenv(VARIABLE);
	close(m->signals);
	if (m->ready >= 0)
		close(m->ready);
	if (m->folder >= 0)
		close(m->folder);
	if (m->count > 0) /* what -x named was for the first start */
		o.take_from = NULL;
	for (unsigned i = 0; i < m->count; i++) {
		if (!m->workers[i].leaving)
			o.old[o.old_count++] = m->workers[i].pid;
	}
	return process_serve(&start, c);
}

/* 0 in the worker: its life is over, *status says how. */
static pid_t start_worker(struct master *m, struct config *c, int *status)
{
	int ready;
	pid_t child = launch(&ready);

	if (child == 0) {
		*status = be_worker(m, c, ready);
		return 0;
	}
	conf_free(&c);
	if (child < 0) {
		tell(m, "ALERT", "Cannot start a worker", 0);
		m->status = 1;
		return child;
	}
	m->starting = child;
	m->starting_fd = ready;
	tell(m, "NOTICE", "New worker forked", child);
	return child;
}

/* The worker that was starting serves now. */
static void promote(struct master *m)
{
	for (unsigned i = 0; i < m->count; i++)
		m->workers[i].leaving = true;
	if (m->count == WORKERS_MOST) { /* the oldest has had its time */
		kill(m->workers[0].pid, SIGTERM);
		memmove(m->workers, m->workers + 1, --m->count * sizeof(m->workers[0]));
	}
	m->workers[m->count++] = (struct child){ .pid = m->starting };
	m->starting = 0;
	tell(m, "NOTICE", "Loading success.", 0);
	if (m->pid_file.len > 0 && !process_write_pid(m->pid_file.ptr, (long)getpid())) {
		m->status = 1;
		stop_all(m, SIGTERM);
		return;
	}
	tell_systemd(m, "READY=1\nSTATUS=Ready.");
	if (m->daemon)
		launch_let_go_of_terminal();
	launch_ready(&m->ready);
}

static void start_failed(struct master *m, int status)
{
	m->starting = 0;
	if (m->count == 0) {
		m->status = status != 0 ? status : 1;
		return;
	}
	tell(m, "WARNING", "The new worker has not come up, the old one goes on; exit status", status);
	tell_systemd(m, "READY=1\nSTATUS=Reload failed.");
}

static void heard_of_start(struct master *m)
{
	if (launch_succeeded(&m->starting_fd))
		promote(m);
}

/* ---- events ---- */

static void worker_ended(struct master *m, unsigned i, int status)
{
	struct child gone = m->workers[i];
	bool asked = status == 0 || status == 128 + SIGTERM || status == 128 + SIGINT;

	memmove(m->workers + i, m->workers + i + 1, (--m->count - i) * sizeof(gone));
	fprintf(stderr, "[%s (%ld) : %s worker (%ld) exited with code %d\n", asked ? "WARNING] " : "ALERT]   ", (long)getpid(),
		gone.leaving ? "Former" : "Current", (long)gone.pid, status);
	if (asked || gone.leaving)
		return;
	tell(m, "ALERT", "exit-on-failure: killing every processes with SIGTERM", 0);
	m->status = status;
	stop_all(m, SIGTERM);
}

static void reap(struct master *m)
{
	int wait_status;
	pid_t pid;

	while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0) {
		int status = launch_exit_status(wait_status);

		if (pid == m->starting && m->starting_fd >= 0)
			heard_of_start(m);
		if (pid == m->starting)
			start_failed(m, status);
		for (unsigned i = 0; i < m->count; i++) {
			if (m->workers[i].pid == pid) {
				worker_ended(m, i, status);
				break;
			}
		}
	}
}

static void signal_came(struct master *m)
{
	struct signalfd_siginfo info;

	while (read(m->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			reap(m);
			break;
		case SIGHUP:
		case SIGUSR2:
			want_reload(m);
			break;
		default:
			tell(m, "WARNING", "Exiting Master process...", 0);
			if (info.ssi_signo == SIGINT && m->status == 0)
				m->status = 128 + SIGINT; /* what shells take for "interrupted"; HAProxy's master as well */
			stop_all(m, (int)info.ssi_signo);
			break;
		}
	}
}

static void watch(struct master *m)
{
	while (m->count > 0 || m->starting != 0) {
		struct pollfd p[2] = { { .fd = m->signals, .events = POLLIN }, { .fd = m->starting_fd, .events = POLLIN } };

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		if (p[1].revents != 0 && m->starting_fd >= 0)
			heard_of_start(m);
		if (p[0].revents != 0)
			signal_came(m);
		if (m->reload_wanted && m->starting == 0 && !m->stopping) {
			m->reload_wanted = false;
			reload(m);
		}
	}
	fprintf(stderr, "[WARNING]  (%ld) : All workers exited. Exiting... (%d)\n", (long)getpid(), m->status);
}

static bool catch_signals(struct master *m)
{
	static const int numbers[] = { SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2 };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaddset(&set, numbers[i]);
	sigprocmask(SIG_SETMASK, &set, NULL);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTTIN, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	m->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return m->signals >= 0;
}

int master_run(const struct options *o, struct config *c, char *const *argv, int ready, int folder)
{
	struct master m = { .options = o, .argv = argv, .starting_fd = -1, .ready = ready, .folder = folder };
	char path[4096] = "";
	int status = 1;

	if (!catch_signals(&m)) {
		conf_free(&c);
		return 1;
	}
	if (master_is_again())
		remember(&m);
	m.quiet = c != NULL ? c->quiet : o->quiet;
	if (c == NULL) {
		tell(&m, "WARNING", "The configuration is broken: the workers go on with the one they have", 0);
		tell_systemd(&m, "READY=1\nSTATUS=Reload failed.");
	} else {
		m.daemon = c->daemon;
		if (snprintf(path, sizeof(path), "%.*s", SLICE_ARG(c->pid_file)) < (int)sizeof(path))
			m.pid_file = slice_str(path);
		if (start_worker(&m, c, &status) == 0)
			return status;
	}
	watch(&m);
	close(m.signals);
	return m.status;
}
