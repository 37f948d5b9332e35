/* options.c - the command line: one table of options, each with what reads it. */
#include "gateway/life/options.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/life/help.h"
#include "gateway/model/proxy.h"
#include "shared/base/slice.h"

#define NUMBER_MOST (100u * 1000 * 1000)

/* What is left of the command line. */
struct words {
	char *const *at;
	char *const *end;
};

struct option {
	const char *name;
	enum options_read (*read)(struct options *o, const struct option *self, struct words *rest);
	size_t field; /* of struct options, for what <read> sets */
	int value;
};

#define FIELD(name) offsetof(struct options, name)

static void *field_of(struct options *o, const struct option *self)
{
	return (char *)o + self->field;
}

static enum options_read bad(const char *option, const char *why)
{
	fprintf(stderr, "gateway: %s: %s; gateway -h lists the options\n", option, why);
	return OPTIONS_BAD;
}

/* ---- kinds of options ---- */

static enum options_read read_flag(struct options *o, const struct option *self, struct words *rest)
{
	(void)rest;
	*(bool *)field_of(o, self) = true;
	return OPTIONS_GO;
}

/* Has a meaning in HAProxy that is given here always, or never. */
static enum options_read read_nothing(struct options *o, const struct option *self, struct words *rest)
{
	(void)o;
	(void)self;
	(void)rest;
	return OPTIONS_GO;
}

static enum options_read read_text(struct options *o, const struct option *self, struct words *rest)
{
	if (rest->at == rest->end)
		return bad(self->name, "an argument is missing");
	*(const char **)field_of(o, self) = *rest->at++;
	return OPTIONS_GO;
}

static enum options_read read_number(struct options *o, const struct option *self, struct words *rest)
{
	uint64_t n;

	if (rest->at == rest->end || !slice_to_u64(slice_str(*rest->at), NUMBER_MOST, &n))
		return bad(self->name, "a number is expected");
	rest->at++;
	*(unsigned *)field_of(o, self) = (unsigned)n;
	return OPTIONS_GO;
}

static enum options_read add_file(struct options *o, const char *path)
{
	if (o->file_count == OPTIONS_FILES_MOST)
		return bad(path, "these are too many files");
	o->files[o->file_count++] = path;
	return OPTIONS_GO;
}

static enum options_read read_file(struct options *o, const struct option *self, struct words *rest)
{
	if (rest->at == rest->end)
		return bad(self->name, "a file or folder is expected");
	return add_file(o, *rest->at++);
}

static enum options_read read_files(struct options *o, const struct option *self, struct words *rest)
{
	enum options_read e = OPTIONS_GO;

	(void)self;
	while (rest->at < rest->end && e == OPTIONS_GO)
		e = add_file(o, *rest->at++);
	return e;
}

/* Up to the next option; there may be none, so that "-sf $(pidof gateway)" works the first time too. */
static enum options_read read_pids(struct options *o, const struct option *self, struct words *rest)
{
	o->old_signal = self->value;
	for (; rest->at < rest->end && (*rest->at)[0] != '-'; rest->at++) {
		struct slice words = slice_str(*rest->at);

		while (words.ptr != NULL) {
			struct slice word = slice_cut(&words, ' ');
			uint64_t pid;

			if (word.len == 0)
				continue;
			if (!slice_to_u64(word, 1 << 30, &pid) || pid == 0)
				return bad(self->name, "process ids are expected");
			if (o->old_count == OPTIONS_OLD_MOST)
				return bad(self->name, "these are too many processes");
			o->old[o->old_count++] = (pid_t)pid;
		}
	}
	return OPTIONS_GO;
}

static enum options_read read_master(struct options *o, const struct option *self, struct words *rest)
{
	(void)rest;
	o->master = true;
	o->notify = self->value != 0;
	return OPTIONS_GO;
}

static enum options_read read_help(struct options *o, const struct option *self, struct words *rest)
{
	(void)o;
	(void)rest;
	if (self->value == 0)
		help_usage(stdout);
	else
		help_version(stdout, self->value > 1);
	return OPTIONS_DONE;
}

static enum options_read read_refused(struct options *o, const struct option *self, struct words *rest)
{
	(void)o;
	(void)rest;
	return bad(self->name, "this gateway has no such socket: signals and the worker's runtime socket do all");
}

/* ---- all options ---- */

/* -m's, -dM's and the like may have their value attached: see find(). */
static const struct option options[] = {
	{ "-f", read_file, 0, 0 },
	{ "--", read_files, 0, 0 },
	{ "-C", read_text, FIELD(folder), 0 },
	{ "-c", read_flag, FIELD(check), 0 },
	{ "-cc", read_text, FIELD(condition), 0 },
	{ "-d", read_flag, FIELD(debug), 0 },
	{ "-db", read_flag, FIELD(foreground), 0 },
	{ "-D", read_flag, FIELD(daemon), 0 },
	{ "-W", read_master, 0, 0 },
	{ "-Ws", read_master, 0, 1 },
	{ "-p", read_text, FIELD(pid_file), 0 },
	{ "-n", read_number, FIELD(maxconn), 0 },
	{ "-N", read_number, FIELD(proxy_maxconn), 0 },
	{ "-m", read_number, FIELD(memory_mb), 0 },
	{ "-L", read_text, FIELD(local_peer), 0 },
	{ "-q", read_flag, FIELD(quiet), 0 },
	{ "-V", read_flag, FIELD(verbose), 0 },
	{ "-sf", read_pids, 0, SIGUSR1 },
	{ "-st", read_pids, 0, SIGTERM },
	{ "-x", read_text, FIELD(take_from), 0 },
	{ "-S", read_refused, 0, 0 },
	{ "-dK", read_flag, FIELD(keywords), 0 },
	{ "-dW", read_flag, FIELD(strict), 0 },
	{ "-dM", read_nothing, 0, 0 },
	{ "-dD", read_nothing, 0, 0 },
	{ "-dG", read_nothing, 0, 0 },
	{ "-dL", read_nothing, 0, 0 },
	{ "-dS", read_nothing, 0, 0 },
	{ "-dV", read_nothing, 0, 0 },
	{ "-de", read_nothing, 0, 0 },
	{ "-dp", read_nothing, 0, 0 },
	{ "-dr", read_nothing, 0, 0 },
	{ "-v", read_help, 0, 1 },
	{ "-vv", read_help, 0, 2 },
	{ "-h", read_help, 0, 0 },
	{ "--help", read_help, 0, 0 },
};

/* "-dM50,no-merge" and "-dKall" are -dM and -dK. */
static const struct option *find(const char *word)
{
	bool attached = strncmp(word, "-dM", 3) == 0 || strncmp(word, "-dK", 3) == 0;

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (attached ? strncmp(word, options[i].name, 3) == 0 : strcmp(word, options[i].name) == 0)
			return &options[i];
	}
	return NULL;
}

enum options_read options_read(struct options *o, int argc, char *const *argv)
{
	struct words rest = { .at = argc > 0 ? argv + 1 : argv, .end = argc > 0 ? argv + argc : argv };
	enum options_read e = OPTIONS_GO;

	*o = (struct options){ .old_signal = SIGUSR1 };
	while (rest.at < rest.end && e == OPTIONS_GO) {
		const char *word = *rest.at++;
		const struct option *option = find(word);

		e = option == NULL ? bad(word, "there is no such option") : option->read(o, option, &rest);
	}
	if (e == OPTIONS_GO && o->file_count == 0 && o->condition == NULL && !o->keywords) {
		help_usage(stderr);
		return OPTIONS_BAD;
	}
	return e;
}

void options_apply(const struct options *o, struct config *c)
{
	if (o->maxconn > 0)
		c->maxconn = o->maxconn;
	for (struct proxy *p = c->proxies; p != NULL && o->proxy_maxconn > 0; p = p->next) {
		if (p->maxconn == 0)
			p->maxconn = o->proxy_maxconn;
	}
	c->debug |= o->debug;
	c->daemon = (c->daemon || o->daemon) && !o->debug && !o->foreground;
	c->quiet = (c->quiet || o->quiet) && !o->verbose && !o->debug;
	c->master_worker |= o->master;
	if (o->pid_file != NULL)
		c->pid_file = slice_str(o->pid_file);
}
