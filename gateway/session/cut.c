/* cut.c - ends what is under way at a server whose state says so: a message to each worker. */
#include "gateway/session/cut.h"

#include <stdlib.h>

#include "gateway/loop/container.h"
#include "gateway/session/stream.h"
#include "gateway/session/worker.h"
#include "shared/base/log.h"

struct cut {
	struct task task;
	struct worker *worker;
	const struct server *server;
	char cause;
};

/* @thread: the worker's. */
static void cut_run(struct task *t)
{
	struct cut *cut = container_of(t, struct cut, task);
	struct client *next;

	for (struct client *c = cut->worker->first_client; c != NULL; c = next) {
		next = c->next;
		if (c->stream != NULL && c->stream->up != NULL && c->stream->x.server == cut->server)
			stream_kill(c->stream, cut->cause);
	}
	free(cut);
}

void exchanges_cut(struct gateway *g, const struct server *s, char cause)
{
	for (unsigned i = 0; i < g->worker_count; i++) {
		struct cut *cut = calloc(1, sizeof(*cut));

		if (cut == NULL) {
			log_error("memory.exhausted", "lost=%s", "cut");
			return;
		}
		*cut = (struct cut){ .task.run = cut_run, .worker = &g->workers[i], .server = s, .cause = cause };
		loop_post(cut->worker->loop, &cut->task);
	}
}
