/* server_options.c - the options of "server", "default-server" and "server-template" lines. */
#include <limits.h>
#include "gateway/conf/address.h"
#include "gateway/conf/reader.h"
#include "shared/base/buf.h"

struct server_option {
	const char *name;
	bool (*read)(struct parse *p, struct server *s, const struct server_option *o);
	size_t field;   /* in struct server_options */
	unsigned value; /* what a word without argument stands for, or the least that its argument may be */
};

/* --- options ------------------------------------------------------------------------------------- */

static bool flag_read(struct parse *p, struct server *s, const struct server_option *o)
{
	bool *flag = field_at(&s->o, o->field);

	(void)p;
	*flag = o->value != 0;
	return true;
}

static bool time_read(struct parse *p, struct server *s, const struct server_option *o)
{
	int *field = field_at(&s->o, o->field), ms;
	struct slice word;

	if (!parse_want(p, o->name, &word) || !parse_time_ms(p, word, 'm', o->name, &ms))
		return false;
	if (ms < (int)o->value) {
		parse_error(p, "invalid value %d for argument '%s' of server %.*s.", ms, o->name, SLICE_ARG(s->name));
		return false;
	}
	*field = ms;
	return true;
}

/* Whole seconds, as in HAProxy. */
static bool slowstart_read(struct parse *p, struct server *s, const struct server_option *o)
{
	struct slice word;
	int ms;

	if (!parse_want(p, o->name, &word) || !parse_time_ms(p, word, 'm', o->name, &ms))
		return false;
	s->o.slowstart_ms = ms > INT_MAX - 999 ? ms : (ms + 999) / 1000 * 1000;
	return true;
}

static bool count_read(struct parse *p, struct server *s, const struct server_option *o)
{
	unsigned *field = field_at(&s->o, o->field);
	struct slice word;
	uint64_t n;

	if (!parse_want(p, o->name, &word) || !parse_number(p, word, o->name, o->value, INT_MAX, &n))
		return false;
	*field = (unsigned)n;
	return true;
}

static bool weight_read(struct parse *p, struct server *s, const struct server_option *o)
{
	struct slice word;
	uint64_t n;

	(void)o;
	if (!parse_want(p, "weight", &word) || !parse_number(p, word, "weight", 0, SERVER_WEIGHT_MOST, &n))
		return false;
	s->o.weight = (unsigned)n;
	return true;
}

static bool pool_read(struct parse *p, struct server *s, const struct server_option *o)
{
	struct slice word;
	uint64_t n = 0;

	(void)o;
	s->o.pool_max_conn = -1;
	if (parse_accept(p, "-1"))
		return true;
	if (!parse_want(p, "pool-max-conn", &word) || !parse_number(p, word, "pool-max-conn", 0, INT_MAX, &n))
		return false;
	s->o.pool_max_conn = (int)n;
	return true;
}

/* HAProxy counts how often a connection is used again; we how often it is used. */
static bool reuse_read(struct parse *p, struct server *s, const struct server_option *o)
{
	struct slice word;
	uint64_t n = 0;

	(void)o;
	s->o.max_reuse = 0;
	if (parse_accept(p, "-1"))
		return true;
	if (!parse_want(p, "max-reuse", &word) || !parse_number(p, word, "max-reuse", 0, INT_MAX - 1, &n))
		return false;
	s->o.max_reuse = (unsigned)n + 1;
	return true;
}

static bool check_port_read(struct parse *p, struct server *s, const struct server_option *o)
{
	struct slice word;
	uint64_t n;

	(void)o;
	if (!parse_want(p, "port", &word) || !parse_number(p, word, "port", 0, 65535, &n))
		return false;
	s->o.check_port = (uint16_t)n;
	return true;
}

static bool check_address_read(struct parse *p, struct server *s, const struct server_option *o)
{
	struct slice word;
	struct address a;
	const char *why;

	(void)o;
	if (!parse_want(p, "addr", &word))
		return false;
	why = address_parse(p->arena, word, 0, &a);
	if (why == NULL && (a.kind != ADDRESS_INET || a.host.len == 0)) {
		parse_error(p, "'addr' : '%.*s' is no IPv4 or IPv6 address", SLICE_ARG(word));
		return false;
	}
	if (why != NULL) {
		parse_error(p, "'addr' : %s", why);
		return false;
	}
	s->o.check_host = a.host;
	if (a.has_port)
		s->o.check_port = (uint16_t)a.port;
	return true;
}

/* A word out of <count> names, as its index; -1 after complaining. */
static int choice_read(struct parse *p, const char *what, const char *const *names, unsigned count)
{
	struct buf list;
	struct slice word;

	if (!parse_want(p, what, &word))
		return -1;
	for (unsigned i = 0; i < count; i++) {
		if (slice_eq(word, slice_str(names[i])))
			return (int)i;
	}
	buf_init(&list, 0);
	for (unsigned i = 0; i < count; i++)
		buf_printf(&list, "%s'%s'", i == 0 ? "" : ", ", names[i]);
	parse_error(p, "'%s' expects one of %.*s but got '%.*s'.", what, SLICE_ARG(buf_slice(&list)), SLICE_ARG(word));
	buf_free(&list);
	return -1;
}
#define CHOICE(p, what, names) choice_read(p, what, names, sizeof(names) / sizeof((names)[0]))

static bool observe_read(struct parse *p, struct server *s, const struct server_option *o)
{
	static const char *const names[] = { [OBSERVE_NOTHING] = "none", [OBSERVE_LAYER4] = "layer4", [OBSERVE_LAYER7] = "layer7" };
	int which = CHOICE(p, o->name, names);

	s->o.observe = which < 0 ? OBSERVE_NOTHING : (enum server_observe)which;
	return which >= 0;
}

static bool on_error_read(struct parse *p, struct server *s, const struct server_option *o)
{
	static const char *const names[] = { [ON_ERROR_FAIL_CHECK] = "fail-check", [ON_ERROR_FASTINTER] = "fastinter",
					     [ON_ERROR_SUDDEN_DEATH] = "sudden-death", [ON_ERROR_MARK_DOWN] = "mark-down" };
	int which = CHOICE(p, o->name, names);

	s->o.on_error = which < 0 ? ON_ERROR_FAIL_CHECK : (enum server_on_error)which;
	return which >= 0;
}

static bool marked_down_read(struct parse *p, struct server *s, const struct server_option *o)
{
	static const char *const names[] = { "shutdown-sessions" };

	s->o.shutdown_on_down = CHOICE(p, o->name, names) == 0;
	return s->o.shutdown_on_down;
}

static bool marked_up_read(struct parse *p, struct server *s, const struct server_option *o)
{
	static const char *const names[] = { "shutdown-backup-sessions" };

	s->o.shutdown_backup_on_up = CHOICE(p, o->name, names) == 0;
	return s->o.shutdown_backup_on_up;
}

static bool prefer_read(struct parse *p, struct server *s, const struct server_option *o)
{
	static const char *const names[] = { "ipv4", "ipv6" };
	int which = CHOICE(p, o->name, names);

	s->o.prefer = which == 0 ? FAMILY_4 : FAMILY_6;
	return which >= 0;
}

static bool resolvers_name_read(struct parse *p, struct server *s, const struct server_option *o)
{
	return parse_want(p, o->name, &s->o.resolvers_name);
}

static bool init_addr_read(struct parse *p, struct server *s, const struct server_option *o)
{
	struct slice word, rest;
	struct sockaddr_storage sa;
	socklen_t len;

	if (!parse_want(p, o->name, &word))
		return false;
	rest = word;
	while (rest.ptr != NULL) {
		struct slice one = slice_cut(&rest, ',');

		if (slice_eq(one, SLICE_LIT("last")) || slice_eq(one, SLICE_LIT("libc")) || slice_eq(one, SLICE_LIT("none")))
			continue;
		if (one.len == 0 || slice_find(one, '@') < one.len || one.ptr[0] == '/' || !address_of_host(one, 0, &sa, &len)) {
			parse_error(p, "'init-addr' : unknown init-addr method '%.*s', supported methods are 'libc', 'last', 'none' and addresses.",
				    SLICE_ARG(one));
			return false;
		}
	}
	s->o.init_addr = word;
	return true;
}

static bool track_read(struct parse *p, struct server *s, const struct server_option *o)
{
	return parse_want(p, o->name, &s->o.track);
}

static bool id_read(struct parse *p, struct server *s, const struct server_option *o)
{
	struct slice word;
	uint64_t n;

	if (s->backend == NULL) {
		parse_error(p, "'id' option is not accepted in default-server sections");
		return false;
	}
	if (!parse_want(p, o->name, &word) || !parse_number(p, word, o->name, 1, INT_MAX, &n))
		return false;
	for (const struct server *other = s->backend->backend.servers; other != NULL; other = other->next) {
		if (other->id == n) {
			parse_error(p, "'id' : custom id %u already used at line %u ('server %.*s').", (unsigned)n, other->line, SLICE_ARG(other->name));
			return false;
		}
	}
	s->id = (unsigned)n;
	return true;
}

#define FIELD(name) offsetof(struct server_options, name)

static const struct server_option options[] = {
	{ "weight", weight_read, 0, 0 },
	{ "backup", flag_read, FIELD(backup), true },
	{ "no-backup", flag_read, FIELD(backup), false },
	{ "disabled", flag_read, FIELD(disabled), true },
	{ "enabled", flag_read, FIELD(disabled), false },
	{ "maxconn", count_read, FIELD(maxconn), 0 },
	{ "maxqueue", count_read, FIELD(maxqueue), 0 },
	{ "pool-max-conn", pool_read, 0, 0 },
	{ "pool-purge-delay", time_read, FIELD(pool_purge_ms), 0 },
	{ "max-reuse", reuse_read, 0, 0 },
	{ "check", flag_read, FIELD(check), true },
	{ "no-check", flag_read, FIELD(check), false },
	{ "inter", time_read, FIELD(inter_ms), 1 },
	{ "fastinter", time_read, FIELD(fastinter_ms), 1 },
	{ "downinter", time_read, FIELD(downinter_ms), 1 },
	{ "rise", count_read, FIELD(rise), 1 },
	{ "fall", count_read, FIELD(fall), 1 },
	{ "port", check_port_read, 0, 0 },
	{ "addr", check_address_read, 0, 0 },
	{ "observe", observe_read, 0, 0 },
	{ "error-limit", count_read, FIELD(error_limit), 1 },
	{ "on-error", on_error_read, 0, 0 },
	{ "on-marked-down", marked_down_read, 0, 0 },
	{ "on-marked-up", marked_up_read, 0, 0 },
	{ "slowstart", slowstart_read, 0, 0 },
	{ "track", track_read, 0, 0 },
	{ "resolvers", resolvers_name_read, 0, 0 },
	{ "resolve-prefer", prefer_read, 0, 0 },
	{ "init-addr", init_addr_read, 0, 0 },
	{ "id", id_read, 0, 0 },
};
#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

static bool unknown_option(struct parse *p, const struct server *s, struct slice word)
{
	/* what HAProxy 2.6 has besides */
	static const char *const others[] = {
		"agent-addr", "agent-check", "agent-inter", "agent-port", "agent-send", "allow-0rtt", "alpn", "ca-file", "check-alpn", "check-proto",
		"check-send-proxy", "check-sni", "check-ssl", "check-via-socks4", "ciphers", "ciphersuites", "cookie", "crl-file", "crt",
		"force-sslv3", "force-tlsv10", "force-tlsv11", "force-tlsv12", "force-tlsv13", "log-proto", "minconn", "namespace", "no-agent-check",
		"no-check-send-proxy", "no-check-ssl", "no-send-proxy", "no-send-proxy-v2", "no-send-proxy-v2-ssl", "no-send-proxy-v2-ssl-cn",
		"no-ssl", "no-ssl-reuse", "no-sslv3", "no-tfo", "no-tls-tickets", "no-tlsv10", "no-tlsv11", "no-tlsv12", "no-tlsv13",
		"no-verifyhost", "non-stick", "npn", "pool-low-conn", "proto", "proxy-v2-options", "redir", "resolve-net", "resolve-opts",
		"send-proxy", "send-proxy-v2", "send-proxy-v2-ssl", "send-proxy-v2-ssl-cn", "shard", "sni", "socks4", "source", "ssl",
		"ssl-max-ver", "ssl-min-ver", "ssl-reuse", "stick", "tcp-ut", "tfo", "tls-tickets", "usesrc", "verify", "verifyhost", "ws",
	};
	const char *names[OPTION_COUNT], *nearest;

	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (slice_eq(word, slice_str(others[i]))) {
			parse_error(p, "'server %.*s' : '%s' is not supported yet", SLICE_ARG(s->name), others[i]);
			return false;
		}
	}
	for (unsigned i = 0; i < OPTION_COUNT; i++)
		names[i] = options[i].name;
	nearest = parse_nearest(word, names, OPTION_COUNT);
	parse_error(p, "'server %.*s' : unknown keyword '%.*s'%s%s%s", SLICE_ARG(s->name), SLICE_ARG(word), nearest == NULL ? "" : "; did you mean '",
		    nearest == NULL ? "" : nearest, nearest == NULL ? "." : "' maybe ?");
	return false;
}

bool server_options_read(struct parse *p, struct server *s)
{
	for (struct slice word = parse_next(p); word.ptr != NULL; word = parse_next(p)) {
		unsigned i = 0;

		while (i < OPTION_COUNT && !slice_eq(word, slice_str(options[i].name)))
			i++;
		if (i == OPTION_COUNT)
			return unknown_option(p, s, word);
		if (!options[i].read(p, s, &options[i]))
			return false;
	}
	return true;
}

void server_options_list(struct buf *out)
{
	for (unsigned i = 0; i < OPTION_COUNT; i++)
		buf_printf(out, "server %s\n", options[i].name);
}
