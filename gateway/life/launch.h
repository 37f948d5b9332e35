/* launch.h - starts a process of our own by fork() and learns whether its start has gone well, before the caller is told. */
#ifndef MOA_GATEWAY_LIFE_LAUNCH_H
#define MOA_GATEWAY_LIFE_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

/* Forks. In the parent: the child's id, and *ready is the end to read; in the child 0, and *ready is what it gives to launch_ready(). -1:
 * errno says why. Before any thread is made. */
pid_t launch(int *ready);
/* The child serves now; closes *ready, which is -1 then. Nothing when it is -1 already. */
void launch_ready(int *ready);
/* What the parent has from *ready: 1 the child serves, 0 it has ended without saying so. Waits for it, and closes *ready. */
bool launch_succeeded(int *ready);
/* The exit status of a process that waitpid() has told of, as a shell says it: 128 + signal when it was killed. */
int launch_exit_status(int wait_status);

/* Goes to the background: in the parent, which waits until the child serves or has failed, it never returns. In the child: what
 * launch_ready() gets, or -1 when nothing could be started. */
int launch_background(void);
/* Standard input, output and errors go nowhere from now on. */
void launch_let_go_of_terminal(void);

#endif
