/* launch.c - starts a process by fork() and learns whether its start has gone well: by one byte through a pipe. */
#include "gateway/life/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

pid_t launch(int *ready)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	fflush(NULL);
	child = fork();
	*ready = child == 0 ? ends[1] : ends[0];
	close(child == 0 ? ends[0] : ends[1]);
	if (child < 0)
		close(*ready);
	return child;
}

void launch_ready(int *ready)
{
	if (*ready < 0)
		return;
	(void)!write(*ready, "+", 1); /* a parent that is gone does not mind */
	close(*ready);
	*ready = -1;
}

bool launch_succeeded(int *ready)
{
	char byte;
	ssize_t n;

	do {
		n = read(*ready, &byte, 1);
	} while (n < 0 && errno == EINTR);
	close(*ready);
	*ready = -1;
	return n == 1;
}

int launch_exit_status(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

int launch_background(void)
{
	int ready, status = 0;
	pid_t child = launch(&ready);

	if (child < 0) {
		fprintf(stderr, "[ALERT]    (%ld) : cannot go to the background: %s\n", (long)getpid(), strerror(errno));
		return -1;
	}
	if (child > 0) {
		if (launch_succeeded(&ready))
			_exit(0);
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
		status = launch_exit_status(status);
		_exit(status != 0 ? status : 1);
	}
	setsid();
	return ready;
}

void launch_let_go_of_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return;
	for (int fd = 0; fd <= 2; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
}
