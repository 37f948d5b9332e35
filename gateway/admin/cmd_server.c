/* cmd_server.c - commands that change one server: its state, weight, limit, address and checks. The answers are HAProxy's. */
#include <netinet/in.h>
#include <string.h>

#include "gateway/admin/command.h"
#include "gateway/expr/sample.h"
#include "gateway/health/dns.h"
#include "gateway/health/health.h"
#include "gateway/health/resolver.h"
#include "gateway/model/proxy.h"
#include "gateway/model/server_text.h"
#include "gateway/model/state.h"

#define PORT_MOST 65535
#define PERCENT_MOST (100 * SERVER_WEIGHT_MOST) /* more makes no difference: a weight is at least 1 */

/* ---- state ---- */

static void to_ready(struct cli *c, struct server *s)
{
	server_set_admin(c->gateway, s, 0, SERVER_MAINT | SERVER_MAINT_CONFIG | SERVER_DRAIN);
}

static void to_maintenance(struct cli *c, struct server *s)
{
	server_set_admin(c->gateway, s, SERVER_MAINT, SERVER_DRAIN);
}

void cmd_enable_server(struct cli *c)
{
	struct server *s = cli_server(c, 2);

	if (s != NULL)
		to_ready(c, s);
}

void cmd_disable_server(struct cli *c)
{
	struct server *s = cli_server(c, 2);

	if (s != NULL)
		to_maintenance(c, s);
}

static void set_state(struct cli *c, struct server *s)
{
	if (cli_is(c, 4, "ready"))
		to_ready(c, s);
	else if (cli_is(c, 4, "drain"))
		server_set_admin(c->gateway, s, SERVER_DRAIN, SERVER_MAINT | SERVER_MAINT_CONFIG);
	else if (cli_is(c, 4, "maint"))
		to_maintenance(c, s);
	else
		cli_say(c, "'set server <srv> state' expects 'ready', 'drain' and 'maint'.");
}

/* ---- health ---- */

void cmd_enable_health(struct cli *c)
{
	struct server *s = cli_server(c, 2);

	if (s != NULL && !health_set_enabled(c->gateway, s, true))
		cli_say(c, "Health check was not configured on this server, cannot enable.");
}

void cmd_disable_health(struct cli *c)
{
	struct server *s = cli_server(c, 2);

	if (s != NULL)
		(void)health_set_enabled(c->gateway, s, false); /* without checks they are disabled as it is */
}

static void set_health(struct cli *c, struct server *s)
{
	enum server_state to;

	if (s->tracks != NULL) {
		cli_say(c, "cannot change health on a tracking server.");
		return;
	}
	if (cli_is(c, 4, "up")) {
		to = SERVER_UP;
	} else if (cli_is(c, 4, "stopping")) {
		to = SERVER_STOPPING;
	} else if (cli_is(c, 4, "down")) {
		to = SERVER_DOWN;
	} else {
		cli_say(c, "'set server <srv> health' expects 'up', 'stopping', or 'down'.");
		return;
	}
	/* Without checks it stays so until the next command. */
	if (!health_force(c->gateway, s, to))
		server_set_state(c->gateway, s, to, "changed from CLI");
}

/* ---- weight and limit ---- */

/* "10", or "50%" of the configured weight. NULL, or what is wrong. */
static const char *read_weight(const struct server *s, struct slice word, unsigned *out)
{
	struct slice rest;
	int64_t n;

	if (!cli_number(word, &n, &rest))
		return "Empty weight string empty or preceded by garbage";
	if (rest.len > 0 && !slice_eq(rest, SLICE_LIT("%")))
		return "Trailing garbage in weight string";
	if (rest.len == 0) {
		if (n < 0 || n > SERVER_WEIGHT_MOST)
			return "Absolute weight can only be between 0 and 256 inclusive.";
		*out = (unsigned)n;
		return NULL;
	}
	if (n < 0)
		return "Relative weight must be positive.";
	n = (int64_t)s->o.weight * (n < PERCENT_MOST ? n : PERCENT_MOST) / 100;
	*out = n < SERVER_WEIGHT_MOST ? (unsigned)n : SERVER_WEIGHT_MOST;
	return NULL;
}

/* To what word number <i> says. */
static void set_weight(struct cli *c, struct server *s, unsigned i)
{
	const char *wrong = "Require <weight> or <weight%>.";
	unsigned weight = 0;

	if (i < c->count)
		wrong = read_weight(s, c->words[i], &weight);
	if (wrong != NULL)
		cli_say(c, wrong);
	else
		server_set_weight(c->gateway, s, weight);
}

void cmd_set_weight(struct cli *c)
{
	struct server *s = cli_server(c, 2);

	if (s != NULL)
		set_weight(c, s, 3);
}

static void set_weight_option(struct cli *c, struct server *s)
{
	set_weight(c, s, 4);
}

void cmd_get_weight(struct cli *c)
{
	const struct server *s = cli_server(c, 2);

	if (s != NULL)
		buf_printf(&c->out, "%u (initial %u)\n", atomic_load_explicit(&s->weight, memory_order_relaxed), s->o.weight);
}

void cmd_set_maxconn_server(struct cli *c)
{
	struct server *s = cli_server(c, 3);
	struct slice rest;
	int64_t n;

	if (s == NULL)
		return;
	if (c->count < 5)
		cli_say(c, "Require <maxconn>.");
	else if (!cli_number(c->words[4], &n, &rest))
		cli_say(c, "maxconn string empty or preceded by garbage");
	else if (rest.len > 0)
		cli_say(c, "Trailing garbage in maxconn string");
	else if (n < 0 || n > INT32_MAX)
		cli_say(c, "Value out of range.");
	else
		server_set_maxconn(c->gateway, s, (unsigned)n);
}

/* ---- address ---- */

/* An address and its port. */
struct place {
	struct sockaddr_storage sa;
	socklen_t len;
};

static bool read_address(struct slice word, struct place *out)
{
	if (!sample_text_addr(word, &out->sa))
		return false;
	out->len = out->sa.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	return true;
}

static void set_port(struct place *p, uint16_t port)
{
	if (p->sa.ss_family == AF_INET6)
		((struct sockaddr_in6 *)(void *)&p->sa)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)(void *)&p->sa)->sin_port = htons(port);
}

/* The port in word number <i>, as s->port has it. False after saying what is wrong. */
static bool read_port(struct cli *c, const struct server *s, unsigned i, uint16_t *out)
{
	struct slice word = cli_word(c, i), rest;
	bool maps = word.len > 0 && (word.ptr[0] == '+' || word.ptr[0] == '-');
	int64_t n;

	if (!cli_number(word, &n, &rest) || rest.len > 0)
		buf_printf(&c->out, "problem converting port '%.*s' to an int by 'stats socket command'\n", SLICE_ARG(word));
	else if (n > PORT_MOST || n < -PORT_MOST || (n == 0 && !maps))
		buf_printf(&c->out, "port '%.*s' is out of range by 'stats socket command'\n", SLICE_ARG(word));
	else if (maps != s->maps_port)
		cli_say(c, "can't change between a port and a port map by 'stats socket command'");
	else {
		*out = (uint16_t)n;
		return true;
	}
	return false;
}

static bool is_internet(const struct server *s, const struct server_address *a)
{
	return a != NULL ? a->sa.ss_family != AF_UNIX : !slice_starts_with(s->host, SLICE_LIT("unix@")) &&
							  !slice_starts_with(s->host, SLICE_LIT("abns@"));
}

/* What changes, in words. */
static void tell_place(struct cli *c, const struct server *s, uint16_t port)
{
	const struct server_address *old = atomic_load_explicit(&s->address, memory_order_acquire);
	const char *sign = s->maps_port ? "+" : "";
	char text[SERVER_ADDRESS_SIZE];
	struct slice was = slice_str(server_address_text(old, text, NULL));

	if (slice_eq(was, c->words[4]))
		buf_add_str(&c->out, "no need to change the addr");
	else
		buf_printf(&c->out, "IP changed from '%.*s' to '%.*s'", SLICE_ARG(was), SLICE_ARG(c->words[4]));
	if (c->count > 5 && port == s->port)
		buf_add_str(&c->out, ", no need to change the port");
	else if (c->count > 5)
		buf_printf(&c->out, ", port changed from '%s%u' to '%.*s'", sign, s->port, SLICE_ARG(c->words[6]));
	cli_say(c, " by 'stats socket command'");
}

static void set_address(struct cli *c, struct server *s)
{
	const struct server_address *old = atomic_load_explicit(&s->address, memory_order_acquire);
	uint16_t port = s->port;
	struct place p;

	if (c->count < 5 || (c->count > 5 && !cli_is(c, 5, "port"))) {
		cli_say(c, "set server <b>/<s> addr requires an address and optionally a port.");
		return;
	}
	if (!is_internet(s, old)) {
		cli_say(c, "Update for the current server address family is only supported through configuration file by 'stats socket command'");
		return;
	}
	if (!read_address(c->words[4], &p)) {
		buf_printf(&c->out, "Invalid addr '%.*s' by 'stats socket command'\n", SLICE_ARG(c->words[4]));
		return;
	}
	if (c->count > 5 && !read_port(c, s, 6, &port))
		return;
	tell_place(c, s, port);
	s->port = port;
	set_port(&p, port);
	server_set_address(c->gateway, s, (const struct sockaddr *)&p.sa, p.len);
}

static void set_name(struct cli *c, struct server *s)
{
	struct slice name = cli_word(c, 4), old = s->host;

	if (name.len == 0)
		cli_say(c, "set server <b>/<s> fqdn requires a FQDN.");
	else if (!dns_name_valid(name))
		buf_printf(&c->out, "'%.*s' is no name that can be asked for by 'stats socket command'\n", SLICE_ARG(name));
	else if (s->o.resolvers != NULL && slice_eq_nocase(name, old))
		cli_say(c, "no need to change the FDQN by 'stats socket command'");
	else if (!resolver_rename(c->gateway, s, name))
		cli_say(c, "set server <b>/<s> fqdn failed because no resolution is configured.");
	else
		buf_printf(&c->out, "%.*s/%.*s changed its FQDN from %.*s to %.*s by 'stats socket command'\n", SLICE_ARG(s->backend->name),
			   SLICE_ARG(s->name), SLICE_ARG(old), SLICE_ARG(name));
}

/* ---- what its checks look at ---- */

static bool read_check_port(struct cli *c, unsigned i, uint16_t *out)
{
	struct slice rest;
	int64_t n;

	if (!cli_number(cli_word(c, i), &n, &rest) || rest.len > 0) {
		cli_say(c, "provided port is not an integer");
		return false;
	}
	if (n < 0 || n > PORT_MOST) {
		cli_say(c, "provided port is invalid");
		return false;
	}
	*out = (uint16_t)n;
	return true;
}

static void set_check_port(struct cli *c, struct server *s)
{
	uint16_t port;

	if (c->count < 5)
		cli_say(c, "set server <b>/<s> check-port requires a port.");
	else if (s->health == NULL)
		cli_say(c, "health checks are not enabled on this server");
	else if (read_check_port(c, 4, &port))
		(void)health_set_port(c->gateway, s, port);
}

static void set_check_address(struct cli *c, struct server *s)
{
	bool has_port = c->count > 5;
	uint16_t port = 0;
	struct place p;

	if (c->count < 5 || (has_port && !cli_is(c, 5, "port"))) {
		cli_say(c, "set server <b>/<s> check-addr requires an address and optionally a port.");
	} else if (s->health == NULL) {
		cli_say(c, "health checks are not enabled on this server");
	} else if (!read_address(c->words[4], &p)) {
		buf_printf(&c->out, "invalid addr '%.*s'\n", SLICE_ARG(c->words[4]));
	} else if (!has_port || read_check_port(c, 6, &port)) {
		(void)health_set_address(c->gateway, s, (const struct sockaddr *)&p.sa, p.len);
		if (has_port)
			(void)health_set_port(c->gateway, s, port);
	}
}

/* ---- what there is not ---- */

static void refuse_agent(struct cli *c, struct server *s)
{
	(void)s;
	cli_say(c, "agent checks are not enabled on this server.");
}

static void refuse_ssl(struct cli *c, struct server *s)
{
	(void)s;
	cli_say(c, "'set server <srv> ssl' cannot be set.  default-server should define ssl settings");
}

void cmd_set_server(struct cli *c)
{
	static const struct {
		const char *word;
		void (*set)(struct cli *c, struct server *s);
	} options[] = {
		{ "addr", set_address }, { "agent", refuse_agent }, { "agent-addr", refuse_agent }, { "agent-port", refuse_agent },
		{ "agent-send", refuse_agent }, { "check-addr", set_check_address }, { "check-port", set_check_port },
		{ "fqdn", set_name }, { "health", set_health }, { "ssl", refuse_ssl }, { "state", set_state },
		{ "weight", set_weight_option },
	};
	struct server *s = cli_server(c, 2);

	if (s == NULL)
		return;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (cli_is(c, 3, options[i].word)) {
			options[i].set(c, s);
			return;
		}
	}
	cli_say(c, "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | agent-send | check-addr | check-port | fqdn | "
		   "health | ssl | state | weight");
}
