/* command.c - the table of commands, and which of them a line means. Words and answers are HAProxy's. */
#include "gateway/admin/command.h"

#include <limits.h>
#include <string.h>

#include "gateway/expr/sample.h"
#include "gateway/model/proxy.h"
#include "gateway/session/worker.h"

struct command {
	const char *words;
	const char *usage; /* NULL: not listed by "help" */
	const char *help;
	enum cli_level level;
	void (*run)(struct cli *c);
};

static void cmd_help(struct cli *c);
static void cmd_operator(struct cli *c);
static void cmd_prompt(struct cli *c);
static void cmd_quit(struct cli *c);
static void cmd_set_timeout(struct cli *c);
static void cmd_user(struct cli *c);

/* Longer commands before those that they begin with. Those behind the last empty line of the table are part of every list. */
static const struct command commands[] = {
	{ "clear counters all", NULL, NULL, CLI_ADMIN, cmd_clear_counters_all },
	{ "clear counters", "clear counters [all]", "clear max statistics counters (or all counters)", CLI_OPERATOR, cmd_clear_counters },
	{ "clear table", "clear table <table> [<filter>]*", "remove entries of a table (filter: data/key)", CLI_OPERATOR, cmd_clear_table },
	{ "disable frontend", "disable frontend <frontend>", "stop a frontend for a while", CLI_ADMIN, cmd_disable_frontend },
	{ "disable health", "disable health <bk>/<srv>", "disable health checks", CLI_ADMIN, cmd_disable_health },
	{ "disable server", "disable server <bk>/<srv>", "put a server into maintenance (same as set server … state maint)", CLI_ADMIN,
	  cmd_disable_server },
	{ "enable frontend", "enable frontend <frontend>", "continue a frontend", CLI_ADMIN, cmd_enable_frontend },
	{ "enable health", "enable health <bk>/<srv>", "enable health checks", CLI_ADMIN, cmd_enable_health },
	{ "enable server", "enable server <bk>/<srv>", "end a server's maintenance (same as set server … state ready)", CLI_ADMIN,
	  cmd_enable_server },
	{ "get weight", "get weight <bk>/<srv>", "report a server's current weight", CLI_USER, cmd_get_weight },
	{ "operator", "operator", "lower the level of this connection to operator", CLI_USER, cmd_operator },
	{ "set maxconn frontend", "set maxconn frontend <frontend> <value>", "change a frontend's maxconn", CLI_ADMIN,
	  cmd_set_maxconn_frontend },
	{ "set maxconn global", "set maxconn global <value>", "change the process's maxconn", CLI_ADMIN, cmd_set_maxconn_global },
	{ "set maxconn server", "set maxconn server <bk>/<srv> <value>", "change a server's maxconn", CLI_ADMIN, cmd_set_maxconn_server },
	{ "set server", "set server <bk>/<srv> [opts]", "change a server's state, weight, address or checks", CLI_ADMIN, cmd_set_server },
	{ "set table", "set table <table> key <k> [data.* <v>]*", "make or change a table's entry", CLI_OPERATOR, cmd_set_table },
	{ "set timeout", "set timeout [cli] <delay>", "change the timeout of this connection", CLI_USER, cmd_set_timeout },
	{ "set weight", "set weight <bk>/<srv> <weight>[%]", "change a server's weight (same as set server … weight)", CLI_ADMIN,
	  cmd_set_weight },
	{ "show activity", "show activity", "what each thread did", CLI_USER, cmd_show_activity },
	{ "show backend", "show backend", "list the backends", CLI_USER, cmd_show_backend },
	{ "show cli level", "show cli level", "the level of this connection", CLI_USER, cmd_show_cli_level },
	{ "show cli sockets", "show cli sockets", "list the runtime sockets", CLI_USER, cmd_show_cli_sockets },
	{ "show env", "show env [var]", "environment variables of the process", CLI_OPERATOR, cmd_show_env },
	{ "show errors", "show errors [<px>] [request|response]", "last malformed request and response of each proxy", CLI_OPERATOR, cmd_show_errors },
	{ "show handover", "show handover", "states of servers and facts of tokens, for a new process", CLI_USER, cmd_show_handover },
	{ "show info", "show info [json|typed]", "about the process", CLI_USER, cmd_show_info },
	{ "show pools", "show pools", "usage of the memory pools", CLI_USER, cmd_show_pools },
	{ "show resolvers", "show resolvers [<section>]", "what name servers answered", CLI_USER, cmd_show_resolvers },
	{ "show servers conn", "show servers conn [<backend>]", "connections to servers, in use and idle", CLI_USER, cmd_show_servers_conn },
	{ "show servers state", "show servers state [<backend>]", "states of servers, as the state file has them", CLI_USER,
	  cmd_show_servers_state },
	{ "show sess", "show sess [id|all]", "exchanges under way, or all about one", CLI_OPERATOR, cmd_show_sess },
	{ "show stat", "show stat [json|no-maint|typed|up]*", "counters of proxies and servers", CLI_USER, cmd_show_stat },
	{ "show table", "show table <table> [<filter>]*", "list the tables, or a table's entries (filter: data/key)", CLI_USER,
	  cmd_show_table },
	{ "show tokens", "show tokens", "how many consistency tokens and facts are held", CLI_USER, cmd_show_tokens },
	{ "show version", "show version", "version of the process", CLI_USER, cmd_show_version },
	{ "shutdown frontend", "shutdown frontend <frontend>", "stop a frontend for good", CLI_ADMIN, cmd_shutdown_frontend },
	{ "shutdown sessions server", "shutdown sessions server <bk>/<srv>", "cut the exchanges of a server", CLI_ADMIN,
	  cmd_shutdown_sessions_server },
	{ "shutdown session", "shutdown session <id>", "cut an exchange", CLI_ADMIN, cmd_shutdown_session },
	{ "user", "user", "lower the level of this connection to user", CLI_USER, cmd_user },
	{ "_getsocks", NULL, NULL, CLI_USER, cmd_getsocks },

	{ "help", "help [<command>]", "list matching or all commands", CLI_USER, cmd_help },
	{ "prompt", "prompt", "toggle interactive mode with prompt", CLI_USER, cmd_prompt },
	{ "quit", "quit", "disconnect", CLI_USER, cmd_quit },
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))
#define ALWAYS_LISTED 3

/* ---- finding ---- */

/* How many of the words behind number <from> are the first ones of <cmd>; *all: so are all of its own. */
static unsigned common_words(const struct cli *c, unsigned from, const struct command *cmd, bool *all)
{
	struct slice rest = slice_str(cmd->words);
	unsigned n = 0;

	while (rest.ptr != NULL) {
		struct slice word = slice_cut(&rest, ' ');

		if (!slice_eq(word, cli_word(c, from + n)) || from + n >= c->count) {
			*all = false;
			return n;
		}
		n++;
	}
	*all = true;
	return n;
}

static void list(struct cli *c, const struct command *cmd)
{
	if (cmd->usage != NULL && cmd->level <= c->level)
		buf_printf(&c->out, "  %-40s: %s\n", cmd->usage, cmd->help);
}

/* Those that begin with most of the words behind number <from>; all when none does. */
static void list_like(struct cli *c, unsigned from, const char *like, const char *otherwise)
{
	unsigned best = 0, n;
	bool all;

	for (size_t i = 0; i < COMMANDS; i++) {
		n = commands[i].usage == NULL ? 0 : common_words(c, from, &commands[i], &all);
		best = n > best ? n : best;
	}
	cli_say(c, best > 0 ? like : otherwise);
	for (size_t i = 0; i < COMMANDS; i++) {
		if (i >= COMMANDS - ALWAYS_LISTED || common_words(c, from, &commands[i], &all) == best)
			list(c, &commands[i]);
	}
}

void command_run(struct cli *c)
{
	bool all;

	for (size_t i = 0; i < COMMANDS; i++) {
		common_words(c, 0, &commands[i], &all);
		if (!all)
			continue;
		if (c->level < commands[i].level)
			cli_say(c, "Permission denied");
		else
			commands[i].run(c);
		return;
	}
	list_like(c, 0, "Unknown command, but maybe one of the following ones is a better match:",
		  "Unknown command. Please enter one of the following commands only:");
}

/* ---- commands about the connection itself ---- */

static void cmd_help(struct cli *c)
{
	static const char heading[] = "The following commands are valid at this level:";

	list_like(c, 1, heading, heading);
}

static void cmd_prompt(struct cli *c)
{
	c->prompt = !c->prompt;
}

static void cmd_quit(struct cli *c)
{
	c->silent = true;
	c->line = SLICE_NONE;
	c->end = CLI_ENDS;
}

static void lower_level(struct cli *c, enum cli_level to)
{
	if (c->level < to)
		cli_say(c, "Permission denied");
	else
		c->level = to;
}

static void cmd_operator(struct cli *c)
{
	lower_level(c, CLI_OPERATOR);
}

static void cmd_user(struct cli *c)
{
	lower_level(c, CLI_USER);
}

/* "100" in seconds, or with a unit. False: it is none, or longer than a timer can be. */
static bool delay_ms(struct slice word, int *ms)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 }, { "h", 3600 * 1000 }, { "d", 86400 * 1000 }, { "", 1000 } };
	size_t digits = 0;
	uint64_t n;

	while (digits < word.len && word.ptr[digits] >= '0' && word.ptr[digits] <= '9')
		digits++;
	if (!slice_to_u64(slice_sub(word, 0, digits), INT_MAX, &n) || n == 0)
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!slice_eq(slice_sub(word, digits, word.len), slice_str(units[i].unit)))
			continue;
		n *= units[i].ms;
		if (n > INT_MAX)
			return false;
		*ms = (int)n;
		return true;
	}
	return false;
}

static void cmd_set_timeout(struct cli *c)
{
	if (!cli_is(c, 2, "cli"))
		cli_say(c, "'set timeout' only supports 'cli'.");
	else if (c->count < 4)
		cli_say(c, "Expects an integer value.");
	else if (!delay_ms(c->words[3], &c->timeout_ms))
		cli_say(c, "Invalid timeout value.");
}

/* ---- words that many commands take ---- */

bool cli_number(struct slice word, int64_t *n, struct slice *rest)
{
	size_t used;

	*n = sample_text_number(word, &used);
	*rest = slice_sub(word, used, word.len);
	return used > 0 && word.ptr[used - 1] >= '0' && word.ptr[used - 1] <= '9';
}

static struct proxy *find_proxy(const struct cli *c, struct slice name, bool backend)
{
	struct slice number = slice_sub(name, 1, name.len);
	bool by_id = name.len > 1 && name.ptr[0] == '#';
	uint64_t id = 0;

	if (by_id && !slice_to_u64(number, UINT_MAX, &id))
		return NULL;
	for (struct proxy *p = c->gateway->config->proxies; p != NULL; p = p->next) {
		if ((backend ? p->is_backend : p->is_frontend) && (by_id ? p->id == id : slice_eq(p->name, name)))
			return p;
	}
	return NULL;
}

struct proxy *cli_frontend(const struct cli *c, struct slice name)
{
	return find_proxy(c, name, false);
}

struct proxy *cli_backend(const struct cli *c, struct slice name)
{
	return find_proxy(c, name, true);
}

struct proxy *cli_want_frontend(struct cli *c, unsigned i)
{
	struct proxy *p;

	if (i >= c->count) {
		cli_say(c, "A frontend name is expected.");
		return NULL;
	}
	p = cli_frontend(c, c->words[i]);
	if (p == NULL || p->disabled) {
		cli_say(c, "No such frontend.");
		return NULL;
	}
	return p;
}

struct server *cli_server(struct cli *c, unsigned i)
{
	struct slice name = cli_word(c, i), backend = slice_cut(&name, '/');
	uint64_t id = 0;
	bool by_id = name.len > 1 && name.ptr[0] == '#' && slice_to_u64(slice_sub(name, 1, name.len), UINT_MAX, &id);
	struct proxy *p;

	if (backend.len == 0 || name.len == 0) {
		cli_say(c, "Require 'backend/server'.");
		return NULL;
	}
	p = cli_backend(c, backend);
	if (p == NULL) {
		cli_say(c, "No such backend.");
		return NULL;
	}
	for (struct server *s = p->backend.servers; s != NULL; s = s->next) {
		if (by_id ? s->id == id : slice_eq(s->name, name))
			return s;
	}
	cli_say(c, "No such server.");
	return NULL;
}
