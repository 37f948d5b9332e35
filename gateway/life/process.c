/* process.c - the life of a process that serves.
 *
 * The order of a start is what makes a reload safe: all that may fail comes before the old processes are told to go, and the new one
 * is ready to serve by then. Sockets are the same ones if the old process gave them, so that whoever waits in their queues is served.
 */
#include "gateway/life/process.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gateway/admin/give.h"
#include "gateway/admin/kin.h"
#include "gateway/admin/take.h"
#include "gateway/life/launch.h"
#include "gateway/session/gateway.h"
#include "gateway/session/listen.h"
#include "shared/base/log.h"

static bool complain(const char *what, const char *why)
{
	fprintf(stderr, "[ALERT]    (%ld) : %s: %s\n", (long)getpid(), what, why);
	return false;
}

/* ---- rights ---- */

struct rights {
	bool has_user, has_group;
	uid_t user;
	gid_t group;
};

/* Finds out what could fail later. */
static bool rights_find(const struct config *c, struct rights *out)
{
	const struct passwd *user = c->user.len > 0 ? getpwnam(c->user.ptr) : NULL;
	const struct group *group = c->group.len > 0 ? getgrnam(c->group.ptr) : NULL;

	*out = (struct rights){ .has_user = user != NULL, .has_group = group != NULL };
	if (c->user.len > 0 && user == NULL)
		return complain("user", "there is no such user");
	if (c->group.len > 0 && group == NULL)
		return complain("group", "there is no such group");
	if (user != NULL)
		out->user = user->pw_uid;
	if (group != NULL)
		out->group = group->gr_gid;
	if (user != NULL && geteuid() != 0 && geteuid() != out->user)
		return complain("user", "only root can become another user");
	return true;
}

/* All but the user: whoever is still root can tell old processes of any user to go. */
static bool rights_narrow(const struct config *c, const struct rights *r)
{
	if (c->chroot.len > 0 && (chroot(c->chroot.ptr) != 0 || chdir("/") != 0))
		return complain("chroot", strerror(errno));
	if (r->has_group && ((geteuid() == 0 && setgroups(0, NULL) != 0) || setgid(r->group) != 0))
		return complain("group", strerror(errno));
	return true;
}

static bool rights_give_up(const struct rights *r)
{
	return !r->has_user || setuid(r->user) == 0 || complain("user", strerror(errno));
}

static bool limit_memory(unsigned mb)
{
	struct rlimit limit = { .rlim_cur = (rlim_t)mb << 20, .rlim_max = (rlim_t)mb << 20 };

	return mb == 0 || setrlimit(RLIMIT_AS, &limit) == 0 || complain("-m", strerror(errno));
}

/* Without its master nobody would reload it or stop it. */
static void end_with(pid_t master)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != master)
		raise(SIGTERM); /* it died before */
}

/* ---- its start ---- */

bool process_write_pid(const char *path, long pid)
{
	FILE *f = fopen(path, "we");

	if (f == NULL)
		return complain(path, strerror(errno));
	fprintf(f, "%ld\n", pid);
	return fclose(f) == 0 || complain(path, strerror(errno));
}

static void set_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	/* What HAProxy sends to one that holds a port which it wants: we share ports anyway. */
	signal(SIGTTOU, SIG_IGN);
	signal(SIGTTIN, SIG_IGN);
}

/* -x first; else whichever of the old processes gives something. */
static void take_over(struct taken *t, const struct options *o, struct buf *messages)
{
	bool done = o->take_from != NULL && take_from_path(t, o->take_from, messages);

	for (unsigned i = 0; i < o->old_count && !done; i++)
		done = take_from_process(t, o->old[i], messages);
}

static void tell_old(const struct options *o)
{
	for (unsigned i = 0; i < o->old_count; i++) {
		if (kill(o->old[i], o->old_signal) != 0 && errno != ESRCH)
			log_warn("old.signal", "pid=%ld errno=%d", (long)o->old[i], errno);
	}
}

/* All that may fail. */
static bool open_all(const struct start *start, struct gateway *g, const struct config *c, struct rights *rights, struct buf *messages)
{
	return gateway_open(g, messages) && rights_find(c, rights) &&
	       (start->master != 0 || c->pid_file.len == 0 || process_write_pid(c->pid_file.ptr, (long)getpid())) &&
	       listeners_publish(g, messages) && rights_narrow(c, rights);
}

static bool begin(const struct start *start, struct gateway *g, struct config *c, struct buf *messages)
{
	struct taken taken;
	struct rights rights;
	bool ok;

	taken_init(&taken);
	kin_open(g, start->options->old_count > 0 || start->options->take_from != NULL);
	take_over(&taken, start->options, messages);
	take_sockets(&taken, c);
	give_door_open(c);
	ok = open_all(start, g, c, &rights, messages);
	if (ok) {
		take_states(&taken, g);
		gateway_look_up(g);
	}
	taken_free(&taken);
	if (messages->len > 0)
		fwrite(messages->ptr, 1, messages->len, stderr);
	if (!ok)
		return false;
	tell_old(start->options);
	return rights_give_up(&rights);
}

int process_serve(const struct start *start, struct config *c)
{
	struct gateway *g;
	struct buf messages;
	int ready = start->ready, status = 1;

	if (!limit_memory(start->options->memory_mb))
		return 1;
	set_signals();
	buf_init(&messages, 0);
	g = gateway_create(c);
	if (begin(start, g, c, &messages)) {
		status = 0;
		if (start->master != 0)
			end_with(start->master);
		if (c->daemon)
			launch_let_go_of_terminal();
		launch_ready(&ready);
		gateway_run(g);
	}
	gateway_free(&g);
	buf_free(&messages);
	return status;
}
