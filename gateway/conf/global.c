/* global.c - keywords of the global section: the process, its environment, its limits. */
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "gateway/conf/reader.h"
#include "gateway/expr/expr.h"
#include "gateway/expr/var.h"
#include "shared/base/buf.h"

static void flag_read(struct parse *p, const struct keyword *k)
{
	bool *flag = field_at(p->config, k->field);

	*flag = parse_end(p);
}

/* One word, or complains. */
static void word_read(struct parse *p, const struct keyword *k)
{
	struct slice word, *field = field_at(p->config, k->field);

	if (parse_want(p, k->name, &word) && parse_end(p))
		*field = word;
}

static void time_read(struct parse *p, const struct keyword *k)
{
	struct slice word;
	int ms, *field = field_at(p->config, k->field);

	if (parse_want(p, k->name, &word) && parse_time_ms(p, word, 'm', k->name, &ms) && parse_end(p))
		*field = ms;
}

static void number_read(struct parse *p, const struct keyword *k, uint64_t least, uint64_t most)
{
	unsigned *field = field_at(p->config, k->field);
	struct slice word;
	uint64_t n;

	if (parse_want(p, k->name, &word) && parse_number(p, word, k->name, least, most, &n) && parse_end(p))
		*field = (unsigned)n;
}

static void count_read(struct parse *p, const struct keyword *k)
{
	number_read(p, k, 0, INT_MAX);
}

static void threads_read(struct parse *p, const struct keyword *k)
{
	number_read(p, k, 1, 64);
}

static void percent_read(struct parse *p, const struct keyword *k)
{
	number_read(p, k, 0, 50);
}

static void user_read(struct parse *p, const struct keyword *k)
{
	if (p->at < p->count && getpwnam(p->words[p->at].ptr) == NULL)
		parse_error(p, "cannot find user id for '%.*s'", SLICE_ARG(p->words[p->at]));
	else
		word_read(p, k);
}

static void group_read(struct parse *p, const struct keyword *k)
{
	if (p->at < p->count && getgrnam(p->words[p->at].ptr) == NULL)
		parse_error(p, "cannot find group id for '%.*s'", SLICE_ARG(p->words[p->at]));
	else
		word_read(p, k);
}

static void node_read(struct parse *p, const struct keyword *k)
{
	struct slice name = parse_peek(p);

	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-_.", c) != NULL)) {
			parse_error(p, "'node' expects letters, digits, '-', '_' and '.', not '%c'", c);
			return;
		}
	}
	word_read(p, k);
}

static void description_read(struct parse *p, const struct keyword *k)
{
	struct slice text;

	if (!parse_want(p, k->name, &text))
		return;
	for (struct slice word = parse_next(p); word.ptr != NULL; word = parse_next(p))
		text = arena_printf(p->arena, "%.*s %.*s", SLICE_ARG(text), SLICE_ARG(word));
	p->config->description = text;
}

static void send_hostname_read(struct parse *p, const struct keyword *k)
{
	char name[256] = "";

	if (p->at < p->count) {
		word_read(p, k);
		return;
	}
	if (gethostname(name, sizeof(name) - 1) == 0)
		p->config->log_send_hostname = arena_copy(p->arena, slice_str(name));
}

static void master_worker_read(struct parse *p, const struct keyword *k)
{
	if (parse_accept(p, "no-exit-on-failure"))
		parse_error(p, "'master-worker no-exit-on-failure' is not supported yet");
	else
		flag_read(p, k);
}

static void stats_timeout_read(struct parse *p, const struct keyword *k)
{
	struct slice word;
	int ms;

	(void)k;
	if (!parse_want(p, "stats timeout", &word) || !parse_time_ms(p, word, 'm', "stats timeout", &ms) || !parse_end(p))
		return;
	if (ms == 0)
		parse_error(p, "'stats timeout' expects a positive value");
	p->config->stats_timeout_ms = ms;
}

static void stats_maxconn_read(struct parse *p, const struct keyword *k)
{
	struct slice word;
	uint64_t n;

	(void)k;
	if (parse_want(p, "stats maxconn", &word) && parse_number(p, word, "stats maxconn", 1, INT_MAX, &n) && parse_end(p))
		p->config->stats_maxconn = (unsigned)n;
}

/* --- variables ----------------------------------------------------------------------------------- */

/* "setenv", and "presetenv", which leaves alone what is set; k->field: 1 for the latter. */
static void setenv_read(struct parse *p, const struct keyword *k)
{
	struct slice name = parse_next(p), value = parse_next(p);

	if (value.ptr == NULL || slice_find(name, '=') < name.len) {
		parse_error(p, "'%s' expects a name and a value", k->name);
		return;
	}
	if (parse_end(p) && setenv(name.ptr, value.ptr, k->field == 0) != 0)
		parse_error(p, "'%s' failed on variable '%.*s'", k->name, SLICE_ARG(name));
}

static void unsetenv_read(struct parse *p, const struct keyword *k)
{
	struct slice name;

	if (!parse_want(p, k->name, &name))
		return;
	for (; name.ptr != NULL; name = parse_next(p)) {
		if (unsetenv(name.ptr) != 0)
			parse_error(p, "'unsetenv' failed on variable '%.*s'", SLICE_ARG(name));
	}
}

static void resetenv_read(struct parse *p, const struct keyword *k)
{
	struct slice values[PARSE_WORDS_MAX];
	unsigned from = p->at;

	(void)k;
	for (unsigned i = from; i < p->count; i++)
		values[i] = arena_copy(p->arena, slice_str(getenv(p->words[i].ptr)));
	clearenv();
	for (unsigned i = from; i < p->count; i++) {
		if (values[i].ptr != NULL)
			setenv(p->words[i].ptr, values[i].ptr, 1);
	}
	p->at = p->count;
}

static void set_var_read(struct parse *p, const struct keyword *k)
{
	struct slice name = parse_next(p), text = parse_next(p);
	struct sample value = { 0 };
	const struct arg_wait *waiting;
	struct var_ref ref;
	struct expr *e;

	(void)k;
	if (text.ptr == NULL) {
		parse_error(p, "'set-var' requires a process-wide variable name ('proc.<name>') and a sample expression");
		return;
	}
	if (!parse_end(p) || !var_name_parse(p, name, &ref))
		return;
	if (ref.scope != VAR_PROC) {
		parse_error(p, "'set-var': cannot set variable '%.*s', only scope 'proc' is permitted in the global section", SLICE_ARG(name));
		return;
	}
	waiting = p->config->args_waiting;
	e = expr_parse(p, text, WHEN_CONFIG, "'set-var' of the global section");
	if (e == NULL)
		return;
	if (p->config->args_waiting != waiting)
		parse_error(p, "'set-var': '%.*s' names what is only known after all has been read", SLICE_ARG(text));
	else if (!expr_get_config(e, p, &value))
		parse_error(p, "'set-var': '%.*s' has no value", SLICE_ARG(text));
	else
		var_set_proc(p, ref, &value);
}

#define FIELD(name) offsetof(struct config, name)

const struct keyword keywords_global[] = {
	{ "daemon", NULL, IN_GLOBAL, flag_read, 0, FIELD(daemon) },
	{ "quiet", NULL, IN_GLOBAL, flag_read, 0, FIELD(quiet) },
	{ "master-worker", NULL, IN_GLOBAL, master_worker_read, 0, FIELD(master_worker) },
	{ "nbthread", NULL, IN_GLOBAL, threads_read, 0, FIELD(threads) },
	{ "maxconn", NULL, IN_GLOBAL, count_read, 0, FIELD(maxconn) },
	{ "pidfile", NULL, IN_GLOBAL, word_read, 0, FIELD(pid_file) },
	{ "user", NULL, IN_GLOBAL, user_read, 0, FIELD(user) },
	{ "group", NULL, IN_GLOBAL, group_read, 0, FIELD(group) },
	{ "chroot", NULL, IN_GLOBAL, word_read, 0, FIELD(chroot) },
	{ "node", NULL, IN_GLOBAL, node_read, 0, FIELD(node) },
	{ "description", NULL, IN_GLOBAL, description_read, 0, 0 },
	{ "log-send-hostname", NULL, IN_GLOBAL, send_hostname_read, 0, FIELD(log_send_hostname) },
	{ "server-state-file", NULL, IN_GLOBAL, word_read, 0, FIELD(server_state_file) },
	{ "server-state-base", NULL, IN_GLOBAL, word_read, 0, FIELD(server_state_base) },
	{ "hard-stop-after", NULL, IN_GLOBAL, time_read, 0, FIELD(hard_stop_after_ms) },
	{ "grace", NULL, IN_GLOBAL, time_read, 0, FIELD(grace_ms) },
	{ "spread-checks", NULL, IN_GLOBAL, percent_read, 0, FIELD(spread_checks) },
	{ "max-spread-checks", NULL, IN_GLOBAL, time_read, 0, FIELD(max_spread_checks_ms) },
	{ "stats", "timeout", IN_GLOBAL, stats_timeout_read, 0, 0 },
	{ "stats", "maxconn", IN_GLOBAL, stats_maxconn_read, 0, 0 },
	{ "setenv", NULL, IN_GLOBAL, setenv_read, 0, 0 },
	{ "presetenv", NULL, IN_GLOBAL, setenv_read, 0, 1 },
	{ "unsetenv", NULL, IN_GLOBAL, unsetenv_read, 0, 0 },
	{ "resetenv", NULL, IN_GLOBAL, resetenv_read, 0, 0 },
	{ "set-var", NULL, IN_GLOBAL, set_var_read, 0, 0 },
	{ .name = NULL },
};

/* --- sizes --------------------------------------------------------------------------------------- */

static void bytes_read(struct parse *p, const struct keyword *k)
{
	unsigned *field = field_at(p->config, k->field);
	struct slice word;
	uint64_t n;

	if (!parse_want(p, k->name, &word) || !parse_size(p, word, k->name, &n) || !parse_end(p))
		return;
	if (n < 1024 || n > 16 << 20)
		parse_error(p, "'%s' expects 1024 to 16777216 bytes, not '%.*s'", k->name, SLICE_ARG(word));
	*field = (unsigned)n;
}

static void maxrewrite_read(struct parse *p, const struct keyword *k)
{
	number_read(p, k, 1, 16 << 20);
}

static void maxhdr_read(struct parse *p, const struct keyword *k)
{
	number_read(p, k, 1, 32767);
}

static void maxaccept_read(struct parse *p, const struct keyword *k)
{
	if (!parse_accept(p, "-1"))
		number_read(p, k, 1, INT_MAX);
	else if (parse_end(p))
		p->config->maxaccept = INT_MAX;
}

static void logurilen_read(struct parse *p, const struct keyword *k)
{
	number_read(p, k, 1, 65535);
}

const struct keyword keywords_tune[] = {
	{ "tune.bufsize", NULL, IN_GLOBAL, bytes_read, 0, FIELD(bufsize) },
	{ "tune.maxrewrite", NULL, IN_GLOBAL, maxrewrite_read, 0, FIELD(maxrewrite) },
	{ "tune.http.maxhdr", NULL, IN_GLOBAL, maxhdr_read, 0, FIELD(max_headers) },
	{ "tune.http.logurilen", NULL, IN_GLOBAL, logurilen_read, 0, FIELD(logurilen) },
	{ "tune.maxaccept", NULL, IN_GLOBAL, maxaccept_read, 0, FIELD(maxaccept) },
	{ .name = NULL },
};
