/* listen.h - the listening sockets, shared by all workers, and when which of them accept. */
#ifndef MOA_GATEWAY_SESSION_LISTEN_H
#define MOA_GATEWAY_SESSION_LISTEN_H

#include <stdbool.h>
#include "gateway/loop/loop.h"
#include "gateway/model/config.h"
#include "shared/base/buf.h"

struct gateway;
struct proxy;
struct worker;

/* Opens one listener: its own socket, fd@N, or the one that an old process handed over (l->fd is set then). False: <messages> says why. */
bool listener_open(struct listener *l, struct buf *messages);
/* Opens those of all proxies that are not disabled. */
bool listeners_open(struct gateway *g, struct buf *messages);
/* Puts socket files in their places, also those of the runtime socket: the last step that may fail. */
bool listeners_publish(struct gateway *g, struct buf *messages);
void listener_close(struct listener *l);
void listeners_close(struct gateway *g);
/* Closes those of one proxy, which no worker watches any more. */
void listeners_release(struct proxy *p);
/* While a frontend does not accept: who connects is refused, but where a socket file or another program's socket lets it wait. The first
 * worker's thread. */
void listeners_suspend(struct proxy *p);
bool listeners_resume(struct proxy *p); /* false: errno says why */

/* Begins to accept in this worker: before its loop runs. */
void accepting_start(struct worker *w);
void accepting_stop(struct worker *w);
/* Soft stop, once in each worker: takes who waits already, then watches no more. When all have, the sockets are closed: who connects
 * after that is refused, or comes to the process that has the sockets now. */
void accepting_end(struct worker *w);
/* Looks anew at what may accept now: after a frontend was stopped or continued, when a limit is no longer met. Any thread. */
void accepting_refresh(struct gateway *g);
/* The same for one worker: what its task "refresh" runs. */
void accepting_refresh_task(struct task *t);
/* A connection of <l> has ended. */
void listener_left(struct listener *l, struct worker *w);

#endif
