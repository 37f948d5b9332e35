/* resolvers_conf.c - reads the lines of a "resolvers" section. */
#include "gateway/health/resolver.h"

#include <stdio.h>
#include <string.h>

#include "gateway/conf/address.h"
#include "gateway/conf/parse.h"
#include "gateway/health/dns.h"
#include "gateway/model/config.h"

#define DNS_PORT 53
#define RESOLV_CONF "/etc/resolv.conf"
#define LINE_MOST 512
#define SERVERS_MOST 64 /* names_dns.c has a bit for each */

/* At the end: they are asked, and logged, in the order of the file. */
static void name_server_add(struct parse *p, struct slice name, const struct sockaddr_storage *sa, socklen_t len)
{
	struct name_server *server = arena_alloc(p->arena, sizeof(*server)), **end = &p->config->resolvers->servers;
	unsigned count = 0;

	*server = (struct name_server){ .name = name, .sa = *sa, .len = len };
	for (; *end != NULL; end = &(*end)->next)
		count++;
	if (count == SERVERS_MOST)
		parse_error(p, "resolvers '%.*s' has more than %d name servers", SLICE_ARG(p->config->resolvers->name), SERVERS_MOST);
	else
		*end = server;
}

/* nameserver <name> <address>[:port] */
static void name_server_read(struct parse *p)
{
	struct sockaddr_storage sa;
	struct slice name, word;
	struct address a;
	const char *why;
	socklen_t len;

	if (!parse_want(p, "nameserver", &name) || !parse_want(p, "nameserver", &word) || !parse_end(p))
		return;
	for (const struct name_server *s = p->config->resolvers->servers; s != NULL; s = s->next) {
		if (slice_eq(s->name, name)) {
			parse_error(p, "name server '%.*s' is there already", SLICE_ARG(name));
			return;
		}
	}
	why = address_parse(p->arena, word, ADDRESS_DATAGRAM, &a);
	if (why == NULL && !address_sockaddr(&a, a.has_port ? (uint16_t)a.port : DNS_PORT, &sa, &len))
		why = "expects an address, not a name";
	if (why != NULL)
		parse_error(p, "'nameserver %.*s' : %s", SLICE_ARG(name), why);
	else
		name_server_add(p, name, &sa, len);
}

/* "nameserver <address>" of resolv.conf; other lines, and addresses that are not understood, say nothing here. */
static void resolv_conf_line(struct parse *p, struct slice line)
{
	static const struct slice keyword = SLICE("nameserver");
	struct slice text = slice_trim(line);
	struct sockaddr_storage sa;
	socklen_t len;
	size_t end;

	if (!slice_starts_with(text, keyword) || text.len == keyword.len || (text.ptr[keyword.len] != ' ' && text.ptr[keyword.len] != '\t'))
		return;
	text = slice_trim(slice_sub(text, keyword.len, text.len));
	for (end = 0; end < text.len && strchr(" \t#;", text.ptr[end]) == NULL;)
		end++;
	text = arena_copy(p->arena, slice_sub(text, 0, end));
	if (address_of_host(text, DNS_PORT, &sa, &len) && sa.ss_family != AF_UNIX)
		name_server_add(p, text, &sa, len);
}

static void resolv_conf_read(struct parse *p)
{
	char line[LINE_MOST];
	FILE *f;

	if (!parse_end(p))
		return;
	p->config->resolvers->parse_resolv_conf = true;
	f = fopen(RESOLV_CONF, "re");
	if (f == NULL) {
		parse_warning(p, "'parse-resolv-conf' : %s cannot be opened", RESOLV_CONF);
		return;
	}
	while (fgets(line, sizeof(line), f) != NULL)
		resolv_conf_line(p, slice_of(line, strcspn(line, "\r\n")));
	fclose(f);
}

struct named_time {
	const char *name;
	size_t offset; /* of an int, in struct resolvers */
	bool may_be_0;
};

/* "<keyword> <one of names> <time>" */
static void time_read(struct parse *p, const char *keyword, const struct named_time *times, size_t count)
{
	char *section = (char *)p->config->resolvers;
	struct slice which, word;
	char what[64];
	int ms;

	if (!parse_want(p, keyword, &which) || !parse_want(p, keyword, &word) || !parse_end(p))
		return;
	for (size_t i = 0; i < count; i++) {
		if (!slice_eq(which, slice_str(times[i].name)))
			continue;
		snprintf(what, sizeof(what), "%s %s", keyword, times[i].name);
		if (!parse_time_ms(p, word, 'm', what, &ms))
			return;
		if (ms == 0 && !times[i].may_be_0)
			parse_error(p, "'%s' expects a time above 0", what);
		else
			memcpy(section + times[i].offset, &ms, sizeof(ms));
		return;
	}
	parse_error(p, "'%s' : '%.*s' is none of its events", keyword, SLICE_ARG(which));
}

static void hold_read(struct parse *p)
{
	static const struct named_time times[] = {
		{ "nx", offsetof(struct resolvers, hold_nx_ms), true },
		{ "refused", offsetof(struct resolvers, hold_refused_ms), true },
		{ "timeout", offsetof(struct resolvers, hold_timeout_ms), true },
		{ "other", offsetof(struct resolvers, hold_other_ms), true },
		{ "valid", offsetof(struct resolvers, hold_valid_ms), true },
		{ "obsolete", offsetof(struct resolvers, hold_obsolete_ms), true },
	};

	time_read(p, "hold", times, sizeof(times) / sizeof(times[0]));
}

static void timeout_read(struct parse *p)
{
	static const struct named_time times[] = {
		{ "resolve", offsetof(struct resolvers, timeout_resolve_ms), false },
		{ "retry", offsetof(struct resolvers, timeout_ms), false },
	};

	time_read(p, "timeout", times, sizeof(times) / sizeof(times[0]));
}

/* "<keyword> <number>" */
static void number_read(struct parse *p, const char *keyword, uint64_t least, uint64_t most, unsigned *out)
{
	struct slice word;
	uint64_t n;

	if (!parse_want(p, keyword, &word) || !parse_number(p, word, keyword, least, most, &n) || !parse_end(p))
		return;
	*out = (unsigned)n;
}

static void retries_read(struct parse *p)
{
	number_read(p, "resolve_retries", 1, 1000, &p->config->resolvers->retries);
}

static void payload_read(struct parse *p)
{
	number_read(p, "accepted_payload_size", DNS_PAYLOAD_LEAST, UINT16_MAX, &p->config->resolvers->payload_size);
}

void resolvers_read(struct parse *p)
{
	static const struct { const char *name; void (*read)(struct parse *p); } lines[] = {
		{ "nameserver", name_server_read }, { "parse-resolv-conf", resolv_conf_read }, { "hold", hold_read },
		{ "timeout", timeout_read }, { "resolve_retries", retries_read }, { "accepted_payload_size", payload_read },
	};
	struct slice word = parse_next(p);

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (slice_eq(word, slice_str(lines[i].name))) {
			lines[i].read(p);
			return;
		}
	}
	parse_error(p, "unknown keyword '%.*s' in 'resolvers' section", SLICE_ARG(word));
}
