/* bind.c - "bind" of frontends and "stats socket" of the global section: their addresses and options. */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <net/if.h>
#include <pwd.h>
#include <string.h>
#include "gateway/conf/address.h"
#include "gateway/conf/reader.h"
#include "shared/base/buf.h"

#define LISTENERS_MOST 65536u /* of all frontends */

enum place_bit { ON_BIND = 1, ON_STATS_SOCKET = 2 };

struct bind_option {
	const char *name;
	unsigned places; /* bits of enum place_bit */
	bool (*read)(struct parse *p, struct listener *l, const struct bind_option *o);
	size_t field;
};

/* --- options ------------------------------------------------------------------------------------- */

static bool flag_read(struct parse *p, struct listener *l, const struct bind_option *o)
{
	bool *flag = field_at(l, o->field);

	(void)p;
	*flag = true;
	return true;
}

static bool count_read(struct parse *p, struct listener *l, const struct bind_option *o)
{
	unsigned *field = field_at(l, o->field);
	struct slice word;
	uint64_t n;

	if (!parse_want(p, o->name, &word) || !parse_number(p, word, o->name, 0, INT_MAX, &n))
		return false;
	*field = (unsigned)n;
	return true;
}

static bool id_read(struct parse *p, struct listener *l, const struct bind_option *o)
{
	struct slice word;
	uint64_t n;

	if (!parse_want(p, o->name, &word) || !parse_number(p, word, o->name, 1, INT_MAX, &n))
		return false;
	l->id = (unsigned)n;
	return true;
}

static bool name_read(struct parse *p, struct listener *l, const struct bind_option *o)
{
	return parse_want(p, o->name, &l->name);
}

static bool interface_read(struct parse *p, struct listener *l, const struct bind_option *o)
{
	if (!parse_want(p, o->name, &l->interface))
		return false;
	if (l->interface.len < IFNAMSIZ)
		return true;
	parse_error(p, "'interface': the name '%.*s' is too long", SLICE_ARG(l->interface));
	return false;
}

static bool mode_read(struct parse *p, struct listener *l, const struct bind_option *o)
{
	struct slice word;
	int mode = 0;

	if (!parse_want(p, o->name, &word))
		return false;
	for (size_t i = 0; i < word.len && mode <= 07777; i++)
		mode = word.ptr[i] >= '0' && word.ptr[i] <= '7' ? mode * 8 + (word.ptr[i] - '0') : INT_MAX / 8;
	if (mode > 07777) {
		parse_error(p, "'mode' : missing or invalid mode '%.*s' (octal integer expected)", SLICE_ARG(word));
		return false;
	}
	l->unix_mode = mode;
	return true;
}

static bool user_read(struct parse *p, struct listener *l, const struct bind_option *o)
{
	struct slice word;
	const struct passwd *found;

	if (!parse_want(p, o->name, &word))
		return false;
	found = getpwnam(word.ptr);
	if (found == NULL)
		parse_error(p, "'user' : unknown user name '%.*s'", SLICE_ARG(word));
	else
		l->unix_uid = (int)found->pw_uid;
	return found != NULL;
}

static bool group_read(struct parse *p, struct listener *l, const struct bind_option *o)
{
	struct slice word;
	const struct group *found;

	if (!parse_want(p, o->name, &word))
		return false;
	found = getgrnam(word.ptr);
	if (found == NULL)
		parse_error(p, "'group' : unknown group name '%.*s'", SLICE_ARG(word));
	else
		l->unix_gid = (int)found->gr_gid;
	return found != NULL;
}

/* "uid" and "gid", by their numbers. */
static bool owner_read(struct parse *p, struct listener *l, const struct bind_option *o)
{
	int *field = field_at(l, o->field);
	struct slice word;
	uint64_t n;

	if (!parse_want(p, o->name, &word) || !parse_number(p, word, o->name, 0, INT_MAX, &n))
		return false;
	*field = (int)n;
	return true;
}

static bool level_read(struct parse *p, struct listener *l, const struct bind_option *o)
{
	static const char *const names[] = { "user", "operator", "admin" };
	struct slice word;

	if (!parse_want(p, o->name, &word))
		return false;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (slice_eq(word, slice_str(names[i]))) {
			l->level = (int)i + 1;
			return true;
		}
	}
	parse_error(p, "'level' only supports 'user', 'operator', and 'admin' (got '%.*s')", SLICE_ARG(word));
	return false;
}

static bool expose_read(struct parse *p, struct listener *l, const struct bind_option *o)
{
	struct slice word;

	if (!parse_want(p, o->name, &word))
		return false;
	l->expose_fd = slice_eq(word, SLICE_LIT("listeners"));
	if (!l->expose_fd)
		parse_error(p, "'expose-fd' only supports 'listeners' (got '%.*s')", SLICE_ARG(word));
	return l->expose_fd;
}

#define FIELD(name) offsetof(struct listener, name)

static const struct bind_option options[] = {
	{ "name", ON_BIND | ON_STATS_SOCKET, name_read, 0 },
	{ "id", ON_BIND | ON_STATS_SOCKET, id_read, 0 },
	{ "maxconn", ON_BIND | ON_STATS_SOCKET, count_read, FIELD(maxconn) },
	{ "backlog", ON_BIND | ON_STATS_SOCKET, count_read, FIELD(backlog) },
	{ "v4v6", ON_BIND, flag_read, FIELD(v4v6) },
	{ "v6only", ON_BIND, flag_read, FIELD(v6only) },
	{ "defer-accept", ON_BIND, flag_read, FIELD(defer_accept) },
	{ "tfo", ON_BIND, flag_read, FIELD(tfo) },
	{ "interface", ON_BIND, interface_read, 0 },
	{ "mode", ON_BIND | ON_STATS_SOCKET, mode_read, 0 },
	{ "user", ON_BIND | ON_STATS_SOCKET, user_read, 0 },
	{ "group", ON_BIND | ON_STATS_SOCKET, group_read, 0 },
	{ "uid", ON_BIND | ON_STATS_SOCKET, owner_read, FIELD(unix_uid) },
	{ "gid", ON_BIND | ON_STATS_SOCKET, owner_read, FIELD(unix_gid) },
	{ "level", ON_STATS_SOCKET, level_read, 0 },
	{ "expose-fd", ON_STATS_SOCKET, expose_read, 0 },
};
#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

static const char *line_name(unsigned place)
{
	return place == ON_BIND ? "bind" : "stats socket";
}

static void unknown_option(struct parse *p, struct slice word, struct slice address, unsigned place)
{
	/* what HAProxy 2.6 has besides */
	static const char *const others[] = {
		"accept-netscaler-cip", "accept-proxy", "allow-0rtt", "alpn", "ca-file", "ca-ignore-err", "ca-sign-file", "ca-sign-pass", "ca-verify-file", "ciphers",
		"ciphersuites", "crl-file", "crt", "crt-ignore-err", "crt-list", "curves", "ecdhe", "expose-fd", "force-sslv3", "force-tlsv10",
		"force-tlsv11", "force-tlsv12", "force-tlsv13", "generate-certificates", "level", "mss", "namespace", "nice", "no-ca-names",
		"no-sslv3", "no-tls-tickets", "no-tlsv10", "no-tlsv11", "no-tlsv12", "no-tlsv13", "npn", "prefer-client-ciphers", "process",
		"proto", "quic-cc-algo", "quic-force-retry", "severity-output", "shards", "ssl", "ssl-max-ver", "ssl-min-ver", "strict-sni",
		"tcp-ut", "thread", "tls-ticket-keys", "transparent", "verify",
	};
	const char *names[OPTION_COUNT], *nearest, *line = line_name(place);
	unsigned count = 0;

	for (unsigned i = 0; i < OPTION_COUNT; i++) {
		if ((options[i].places & place) != 0)
			names[count++] = options[i].name;
	}
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (slice_eq(word, slice_str(others[i]))) {
			parse_error(p, "'%s %.*s' : '%s' is not supported yet", line, SLICE_ARG(address), others[i]);
			return;
		}
	}
	nearest = parse_nearest(word, names, count);
	parse_error(p, "'%s %.*s' : unknown keyword '%.*s'%s%s%s", line, SLICE_ARG(address), SLICE_ARG(word), nearest == NULL ? "" : "; did you mean '",
		    nearest == NULL ? "" : nearest, nearest == NULL ? "." : "' maybe ?");
}

/* The rest of the line, into <l>. */
static bool options_read(struct parse *p, struct listener *l, struct slice address, unsigned place)
{
	for (struct slice word = parse_next(p); word.ptr != NULL; word = parse_next(p)) {
		const struct bind_option *found = NULL;

		for (unsigned i = 0; i < OPTION_COUNT && found == NULL; i++) {
			if ((options[i].places & place) != 0 && slice_eq(word, slice_str(options[i].name)))
				found = &options[i];
		}
		if (found == NULL) {
			unknown_option(p, word, address, place);
			return false;
		}
		if (!found->read(p, l, found))
			return false;
	}
	return true;
}

/* --- addresses ----------------------------------------------------------------------------------- */

static struct listener *listener_add(struct parse *p, struct listener ***end, const struct listener *like)
{
	struct listener *l = arena_alloc(p->arena, sizeof(*l));

	*l = *like;
	if (l->proxy != NULL)
		l->index = p->config->listener_count++;
	**end = l;
	*end = &l->next;
	return l;
}

/* fd@N must be a socket that has an address. */
static bool inherited_add(struct parse *p, const char *what, struct listener ***end, const struct listener *like, const struct address *a, struct slice text)
{
	struct listener *l = listener_add(p, end, like);

	l->address = text;
	l->inherited_fd = a->fd;
	l->sa_len = sizeof(l->sa);
	if (getsockname(a->fd, (struct sockaddr *)&l->sa, &l->sa_len) == 0)
		return true;
	parse_error(p, "'%s' : cannot use file descriptor '%d' : %s.", what, a->fd, strerror(errno));
	return false;
}

/* One of the addresses between commas: a listener for each of its ports. */
static bool address_add(struct parse *p, const char *what, struct listener ***end, const struct listener *like, struct slice text)
{
	unsigned allow = ADDRESS_PORT_NEEDED | ADDRESS_PORT_RANGE | ADDRESS_FDS | ADDRESS_PATHS;
	size_t colon = text.len;
	struct address a;
	const char *why = address_parse(p->arena, text, allow, &a);

	if (why != NULL) {
		parse_error(p, "'%s' : %s", what, why);
		return false;
	}
	if (a.kind == ADDRESS_FD)
		return inherited_add(p, what, end, like, &a, text);
	if (p->config->listener_count + (unsigned)(a.port_last - a.port) >= LISTENERS_MOST) {
		parse_error(p, "'%s' : these would be more than %u listeners", what, LISTENERS_MOST);
		return false;
	}
	while (colon > 0 && text.ptr[colon - 1] != ':')
		colon--;
	for (int port = a.port; port <= a.port_last; port++) {
		struct listener *l = listener_add(p, end, like);

		l->address = a.has_port ? arena_printf(p->arena, "%.*s%d", (int)colon, text.ptr, port) : text;
		if (!address_lookup(&a, (uint16_t)port, &l->sa, &l->sa_len)) {
			parse_error(p, "'%s' : invalid address: '%.*s' in '%.*s'", what, SLICE_ARG(a.host), SLICE_ARG(text));
			return false;
		}
	}
	return true;
}

/* Reads addresses and options from p->at on. The listeners, or NULL after complaining. */
static struct listener *listeners_read(struct parse *p, unsigned place, const struct listener *like)
{
	const char *what = line_name(place);
	struct listener *first = NULL, **end = &first, model = *like;
	struct slice addresses, rest;

	if (p->at == p->count) {
		parse_error(p, "'%s' expects {<path>|[addr1]:port1[-end1]}{,[addr]:port[-end]}... as arguments.", what);
		return NULL;
	}
	addresses = rest = parse_next(p);
	if (!options_read(p, &model, addresses, place))
		return NULL;
	while (rest.ptr != NULL) {
		struct slice one = slice_cut(&rest, ',');

		if (!address_add(p, what, &end, &model, one))
			return NULL;
	}
	if (model.id != 0 && first->next != NULL) {
		parse_error(p, "'%s %.*s' : 'id' can only be used with a single socket", what, SLICE_ARG(addresses));
		return NULL;
	}
	return first;
}

static bool id_taken(struct parse *p, const struct listener *l)
{
	for (const struct listener *o = p->proxy->listeners; o != NULL && l->id != 0; o = o->next) {
		if (o->id != l->id)
			continue;
		parse_error(p, "'bind %.*s' : 'id' : custom id %u already used at %.*s:%u ('bind %.*s')", SLICE_ARG(l->address), l->id,
			    SLICE_ARG(o->file), o->line, SLICE_ARG(o->address));
		return true;
	}
	return false;
}

static void bind_read(struct parse *p, const struct keyword *k)
{
	struct listener like = { .proxy = p->proxy, .fd = -1, .inherited_fd = -1, .unix_mode = -1, .unix_uid = -1, .unix_gid = -1,
				 .file = p->file, .line = p->line };
	struct listener *l = listeners_read(p, ON_BIND, &like);
	struct proxy_conf *conf = conf_of(p->proxy);

	(void)k;
	if (l == NULL || id_taken(p, l))
		return;
	*conf->listeners_end = l;
	while (*conf->listeners_end != NULL)
		conf->listeners_end = &(*conf->listeners_end)->next;
}

static void stats_socket_read(struct parse *p, const struct keyword *k)
{
	struct listener like = { .fd = -1, .inherited_fd = -1, .unix_mode = -1, .unix_uid = -1, .unix_gid = -1, .level = 2,
				 .file = p->file, .line = p->line };
	struct listener *l = listeners_read(p, ON_STATS_SOCKET, &like), **end = &p->config->runtime_sockets;

	(void)k;
	while (*end != NULL)
		end = &(*end)->next;
	*end = l;
}

const struct keyword keywords_bind[] = {
	{ "bind", NULL, IN_FRONTEND, bind_read, 0, 0 },
	{ "stats", "socket", IN_GLOBAL, stats_socket_read, 0, 0 },
	{ .name = NULL },
};

void bind_options_list(struct buf *out)
{
	for (unsigned i = 0; i < OPTION_COUNT; i++) {
		if ((options[i].places & ON_BIND) != 0)
			buf_printf(out, "bind %s\n", options[i].name);
		if ((options[i].places & ON_STATS_SOCKET) != 0)
			buf_printf(out, "stats-socket %s\n", options[i].name);
	}
}
