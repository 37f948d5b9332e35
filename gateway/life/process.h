/* process.h - the life of a process that serves: from its configuration to its end. */
#ifndef MOA_GATEWAY_LIFE_PROCESS_H
#define MOA_GATEWAY_LIFE_PROCESS_H

#include "gateway/life/options.h"
#include "gateway/model/config.h"

/* How the process is to be started. */
struct start {
	const struct options *options;
	int ready;      /* where to say that it serves (life/launch.h); -1: nobody waits for it */
	pid_t master;   /* whose worker it is: that one writes the pid file, and without it the worker ends; 0: none */
};

/* Opens sockets, or takes them from the old processes, gives up rights, tells the old processes to go, and serves until it is stopped. Owns
 * <c>. Returns the exit status. In the process that serves; it makes threads. */
int process_serve(const struct start *start, struct config *c);

/* Writes <pid> there. False after complaining. */
bool process_write_pid(const char *path, long pid);

#endif
