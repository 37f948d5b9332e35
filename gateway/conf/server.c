/* server.c - "server", "default-server" and "server-template": names and addresses of servers. */
#include <string.h>
#include "gateway/conf/address.h"
#include "gateway/conf/reader.h"
#include "gateway/health/dns.h"

#define SERVERS_MOST 4095 /* of one backend: more HAProxy cannot balance either */

static bool name_check(struct parse *p, struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == ':')
			continue;
		parse_error(p, "character '%c' is not permitted in server name '%.*s'.", c, SLICE_ARG(name));
		return false;
	}
	return true;
}

/* Whether the address is one that stands for the address that the client reached. */
static bool is_anywhere(const struct address *a)
{
	static const struct sockaddr_storage zero;
	struct sockaddr_storage sa;
	socklen_t len;

	return a->kind == ADDRESS_INET && address_sockaddr(a, 0, &sa, &len) &&
	       (a->family == AF_INET ? ((const struct sockaddr_in *)&sa)->sin_addr.s_addr == 0 :
				       memcmp(&((const struct sockaddr_in6 *)&sa)->sin6_addr, &((const struct sockaddr_in6 *)&zero)->sin6_addr,
					      sizeof(struct in6_addr)) == 0);
}

/* Fills in host and port; complains. */
static bool address_read(struct parse *p, struct server *s, struct slice text)
{
	struct address a;
	const char *why = address_parse(p->arena, text, ADDRESS_PATHS | ADDRESS_PORT_OFFSET, &a);

	if (why != NULL) {
		parse_error(p, "'server %.*s' : %s", SLICE_ARG(s->name), why);
		return false;
	}
	if (is_anywhere(&a)) {
		parse_error(p, "'server %.*s' : '%.*s', the address that the client reached, is not supported yet", SLICE_ARG(s->name), SLICE_ARG(text));
		return false;
	}
	if (a.kind == ADDRESS_NAME && a.family != AF_UNSPEC) {
		parse_error(p, "'server %.*s' : '%.*s': give an address, or a name without prefix and 'resolve-prefer'", SLICE_ARG(s->name),
			    SLICE_ARG(text));
		return false;
	}
	if (a.kind == ADDRESS_NAME && a.host.ptr[0] == '_') {
		parse_error(p, "'server %.*s' : '%.*s': SRV records are not supported yet", SLICE_ARG(s->name), SLICE_ARG(text));
		return false;
	}
	if (a.kind == ADDRESS_NAME && !dns_name_valid(a.host)) {
		parse_error(p, "'server %.*s' : invalid address: '%.*s'", SLICE_ARG(s->name), SLICE_ARG(text));
		return false;
	}
	if (a.kind == ADDRESS_UNIX || a.kind == ADDRESS_ABNS) {
		s->host = arena_printf(p->arena, "%s@%.*s", a.kind == ADDRESS_UNIX ? "unix" : "abns", SLICE_ARG(a.host));
		return true;
	}
	s->host = arena_copy(p->arena, a.host);
	s->port = (uint16_t)a.port;
	s->maps_port = !a.has_port || a.is_offset || a.port == 0;
	return true;
}

static bool server_add(struct parse *p, const struct server *like)
{
	struct server *s = arena_alloc(p->arena, sizeof(*s));
	struct proxy_conf *conf = conf_of(p->proxy);

	if (p->proxy->backend.server_count == SERVERS_MOST) {
		parse_error(p, "backend '%.*s' has more than %d servers", SLICE_ARG(p->proxy->name), SERVERS_MOST);
		return false;
	}
	p->proxy->backend.server_count++;
	*s = *like;
	*conf->servers_end = s;
	conf->servers_end = &s->next;
	return true;
}

static bool server_taken(struct parse *p, struct slice name)
{
	for (const struct server *s = p->proxy->backend.servers; s != NULL; s = s->next) {
		if (slice_eq(s->name, name)) {
			parse_error(p, "backend '%.*s', another server named '%.*s' was already defined at line %u, please use distinct names.",
				    SLICE_ARG(p->proxy->name), SLICE_ARG(name), s->line);
			return true;
		}
	}
	return false;
}

static void server_read(struct parse *p, const struct keyword *k)
{
	struct slice name = parse_next(p), address = parse_next(p);
	struct server s = { .name = name, .backend = p->proxy, .o = p->proxy->backend.defaults, .line = p->line };

	(void)k;
	if (address.ptr == NULL) {
		parse_error(p, "'server' expects <name> and <addr>[:<port>] as arguments.");
		return;
	}
	if (name_check(p, name) && !server_taken(p, name) && address_read(p, &s, address) && server_options_read(p, &s))
		server_add(p, &s);
}

static void default_server_read(struct parse *p, const struct keyword *k)
{
	struct server s = { .name = SLICE("default-server"), .o = p->proxy->backend.defaults, .line = p->line };

	(void)k;
	if (server_options_read(p, &s))
		p->proxy->backend.defaults = s.o;
}

/* "3" or "2-7" */
static bool range_parse(struct slice text, uint64_t *low, uint64_t *high)
{
	struct slice first = slice_cut(&text, '-');

	*low = 1;
	if (text.ptr == NULL)
		return slice_to_u64(first, SERVERS_MOST, high) && *high > 0;
	return slice_to_u64(first, INT32_MAX, low) && slice_to_u64(text, INT32_MAX, high) && *high >= *low && *high - *low < SERVERS_MOST;
}

static void template_read(struct parse *p, const struct keyword *k)
{
	struct slice prefix = parse_next(p), range = parse_next(p), address = parse_next(p);
	struct server s = { .name = prefix, .backend = p->proxy, .o = p->proxy->backend.defaults, .line = p->line };
	uint64_t low, high;

	(void)k;
	if (address.ptr == NULL) {
		parse_error(p, "'server-template' expects <prefix> <nb | range> <addr>[:<port>] as arguments.");
		return;
	}
	if (!range_parse(range, &low, &high)) {
		parse_error(p, "Wrong server-template number or range arg '%.*s'.", SLICE_ARG(range));
		return;
	}
	if (!name_check(p, prefix) || !address_read(p, &s, address) || !server_options_read(p, &s))
		return;
	if (s.id != 0) {
		parse_error(p, "'id' option is not accepted in server-template lines");
		return;
	}
	for (uint64_t n = low; n <= high; n++) {
		s.name = arena_printf(p->arena, "%.*s%llu", SLICE_ARG(prefix), (unsigned long long)n);
		if (server_taken(p, s.name) || !server_add(p, &s))
			return;
	}
}

const struct keyword keywords_server[] = {
	{ "server", NULL, IN_BACKEND, server_read, KEYWORD_STRICT, 0 },
	{ "server-template", NULL, IN_BACKEND, template_read, KEYWORD_STRICT, 0 },
	{ "default-server", NULL, IN_BACKENDS, default_server_read, KEYWORD_STRICT, 0 },
	{ .name = NULL },
};
