/* life.c - what a call of the program does: checks, answers a question, or serves, in the foreground or not, with a master or alone. */
#include "gateway/life/life.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/conf/conf.h"
#include "gateway/life/launch.h"
#include "gateway/life/master.h"
#include "gateway/life/process.h"
#include "gateway/model/proxy.h"
#include "shared/base/buf.h"
#include "shared/base/log.h"

static void say(const struct buf *messages)
{
	if (messages->len > 0)
		fwrite(messages->ptr, 1, messages->len, stderr);
}

static int list_keywords(void)
{
	struct buf out;

	buf_init(&out, 0);
	conf_keywords(&out);
	fwrite(out.ptr, 1, out.len, stdout);
	buf_free(&out);
	return 0;
}

static int answer_condition(const char *text)
{
	struct buf messages;
	int holds;

	buf_init(&messages, 0);
	holds = conf_condition(slice_str(text), &messages);
	say(&messages);
	buf_free(&messages);
	return holds > 0 ? 0 : holds == 0 ? 1 : 2;
}

static bool has_warnings(const struct buf *messages)
{
	return messages->len > 0 && memmem(messages->ptr, messages->len, "[WARNING]", strlen("[WARNING]")) != NULL;
}

/* NULL after saying why. *warned: there were warnings. */
static struct config *load(const struct options *o, bool *warned)
{
	struct config *c;
	struct buf messages;

	if (o->local_peer != NULL)
		setenv("HAPROXY_LOCALPEER", o->local_peer, 1);
	if (o->master)
		setenv("HAPROXY_MWORKER", "1", 1);
	buf_init(&messages, 0);
	c = conf_load(o->files, o->file_count, &messages);
	*warned = has_warnings(&messages);
	if (c != NULL)
		options_apply(o, c);
	if (c == NULL)
		buf_printf(&messages, "[ALERT]    (%ld) : config : Fatal errors found in configuration.\n", (long)getpid());
	if (c != NULL && o->strict && *warned) {
		buf_printf(&messages, "[ALERT]    (%ld) : config : Some warnings were found and -dW is set. Aborting.\n", (long)getpid());
		conf_free(&c);
	}
	if (c == NULL || !c->quiet)
		say(&messages);
	buf_free(&messages);
	return c;
}

/* As in HAProxy a runtime socket is enough. */
static bool listens(const struct config *c)
{
	const struct proxy *p = c->proxies;

	while (p != NULL && (p->disabled || p->listeners == NULL))
		p = p->next;
	return p != NULL || c->runtime_sockets != NULL;
}

static int check(const struct options *o)
{
	bool warned, quiet;
	struct config *c = load(o, &warned);

	if (c == NULL)
		return 1;
	quiet = c->quiet;
	if (!listens(c)) {
		if (!quiet)
			puts("Configuration file is valid, but nothing would be served: no section has a \"bind\" line that is not disabled.");
		conf_free(&c);
		return 2;
	}
	if (warned && !quiet)
		puts("Warnings were found.");
	if (!quiet)
		puts("Configuration file is valid");
	conf_free(&c);
	return 0;
}

static int serve(const struct options *o, char *const *argv, int folder)
{
	struct start start = { .options = o, .ready = -1 };
	bool again = master_is_again(), warned;
	struct config *c = load(o, &warned);

	if (c == NULL)
		return again ? master_run(o, NULL, argv, -1, folder) : 1;
	if (!listens(c)) {
		fprintf(stderr, "[ALERT]    (%ld) : No section has a \"bind\" line that is not disabled: there is nothing to serve.\n", (long)getpid());
		conf_free(&c);
		return again ? master_run(o, NULL, argv, -1, folder) : 1;
	}
	log_setup("gateway", c->debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	if (c->daemon && !again) {
		start.ready = launch_background();
		if (start.ready < 0) {
			conf_free(&c);
			return 1;
		}
	}
	if (again || c->master_worker)
		return master_run(o, c, argv, start.ready, folder);
	return process_serve(&start, c);
}

int life(const struct options *o, char *const *argv)
{
	int folder = o->folder == NULL ? -1 : open(".", O_PATH | O_DIRECTORY | O_CLOEXEC), status;

	if (o->keywords)
		return list_keywords();
	if (o->condition != NULL)
		return answer_condition(o->condition);
	if (o->folder != NULL && chdir(o->folder) != 0) {
		fprintf(stderr, "[ALERT]    (%ld) : Could not change to directory %s : %s\n", (long)getpid(), o->folder, strerror(errno));
		return 1;
	}
	status = o->check ? check(o) : serve(o, argv, folder);
	if (folder >= 0)
		close(folder);
	return status;
}
