/* master.h - -W: a master that watches over the worker which serves, and replaces it when the configuration is to be read anew.
 *
 * SIGUSR2 and SIGHUP: the master executes itself again, so that a new program is taken too, reads the configuration and starts another
 * worker; that one takes sockets and states over and sends the old one SIGUSR1. When anything goes wrong, the old one goes on.
 * SIGUSR1, SIGTERM and SIGINT are passed on, and the master ends with its last worker. A worker that dies of something else ends all,
 * with its exit status.
 */
#ifndef MOA_GATEWAY_LIFE_MASTER_H
#define MOA_GATEWAY_LIFE_MASTER_H

#include <stdbool.h>
#include "gateway/life/options.h"
#include "gateway/model/config.h"

/* Whether this process is a master that has executed itself again; its workers are there already. */
bool master_is_again(void);

/* Starts a worker with <c>, which it owns, and watches over it. NULL, only when it is again: the configuration is broken, the workers go
 * on. <ready>: as in struct start. <folder>: descriptor of the folder in which we were started, -1: the current one. Returns the exit status
 * of master or worker. */
int master_run(const struct options *o, struct config *c, char *const *argv, int ready, int folder);

#endif
