/* resolver.c - addresses of servers that are given by name: which names there are, what "init-addr" makes of them at the start, and which
 * server gets which address. Who looks them up is in names_libc.c and names_dns.c.
 */
#include "gateway/health/resolver.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/conf/address.h"
#include "gateway/health/lookup.h"
#include "gateway/health/names_dns.h"
#include "gateway/health/names_libc.h"
#include "gateway/loop/container.h"
#include "gateway/model/proxy.h"
#include "gateway/model/state.h"
#include "gateway/session/worker.h"
#include "shared/base/log.h"

#define START_WAIT_MS 1000

/* A server that wants a lookup's answer. Those of one backend follow each other. */
struct named {
	struct named *next;
	struct gateway *gateway;
	struct server *server;
};

/* In the configuration's arena. */
struct resolver {
	struct lookup *lookups;
	struct names_libc *libc;
	struct names_dns *dns;
};

bool lookup_tell(struct lookup *l, const struct dns_addresses *found)
{
	if (atomic_load_explicit(&l->told, memory_order_acquire))
		return false;
	l->found = *found;
	atomic_store_explicit(&l->told, true, memory_order_relaxed);
	loop_post(l->loop, &l->task);
	return true;
}

/* ---- giving addresses to servers: the first worker's thread, or main before the loops start ---- */

static const struct server_address *address_of(const struct server *s)
{
	return atomic_load_explicit(&s->address, memory_order_relaxed);
}

/* Index of the server's address in <all>, or -1. */
static int place_of(const struct server *s, const struct dns_addresses *all)
{
	const struct server_address *own = address_of(s);
	const struct sockaddr_storage *sa = own == NULL ? NULL : &own->sa;

	for (unsigned i = 0; i < all->count && sa != NULL; i++) {
		const struct dns_address *a = &all->list[i];

		if (a->type == DNS_A && sa->ss_family == AF_INET &&
		    memcmp(&((const struct sockaddr_in *)(const void *)sa)->sin_addr, a->bytes, 4) == 0)
			return (int)i;
		if (a->type == DNS_AAAA && sa->ss_family == AF_INET6 &&
		    memcmp(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, a->bytes, 16) == 0)
			return (int)i;
	}
	return -1;
}

static void give(const struct named *n, const struct dns_address *a)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(n->server->port) };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(n->server->port) };

	if (a == NULL) {
		server_set_address(n->gateway, n->server, NULL, 0);
	} else if (a->type == DNS_A) {
		memcpy(&in.sin_addr, a->bytes, 4);
		server_set_address(n->gateway, n->server, (const struct sockaddr *)&in, sizeof(in));
	} else {
		memcpy(&in6.sin6_addr, a->bytes, 16);
		server_set_address(n->gateway, n->server, (const struct sockaddr *)&in6, sizeof(in6));
	}
}

/* The servers of one backend, from <first> on: each keeps its address while it is among those found, and no two have the same, as in
 * HAProxy: who gets none is in maintenance. Returns the first server of the next backend. */
static struct named *spread(struct named *first, const struct dns_addresses *all)
{
	const struct proxy *backend = first->server->backend;
	uint64_t used = 0, kept = 0;
	struct named *n;

	_Static_assert(DNS_ADDRESSES_MOST <= 64, "a bit for each");
	for (n = first; n != NULL && n->server->backend == backend; n = n->next) {
		int at = place_of(n->server, all);

		if (at >= 0)
			used |= UINT64_C(1) << at;
	}
	for (n = first; n != NULL && n->server->backend == backend; n = n->next) {
		int at = place_of(n->server, all);
		unsigned next = 0;

		if (at >= 0 && (kept >> at & 1) == 0) {
			kept |= UINT64_C(1) << at;
			give(n, &all->list[at]);
			continue;
		}
		while (next < all->count && (used >> next & 1) != 0)
			next++;
		if (next < all->count)
			used |= UINT64_C(1) << next;
		give(n, next < all->count ? &all->list[next] : NULL);
	}
	return n;
}

static void found(struct task *t)
{
	struct lookup *l = container_of(t, struct lookup, task);
	struct named *n = l->servers;

	while (n != NULL && l->resolvers != NULL)
		n = spread(n, &l->found);
	for (; n != NULL && l->found.count > 0; n = n->next) {
		if (address_of(n->server) == NULL)
			give(n, &l->found.list[0]);
	}
	atomic_store_explicit(&l->told, false, memory_order_release);
}

/* ---- init-addr ---- */

/* What there is to say about a server's address at the start, method by method. */
enum method { METHOD_NONE, METHOD_LAST, METHOD_LIBC, METHOD_ADDRESS };

/* Cuts the next one off <rest>; at its end it is METHOD_NONE: a start never fails for want of an address. */
static enum method method_next(struct slice *rest, struct slice *address)
{
	if (rest->ptr == NULL)
		return METHOD_NONE;
	*address = slice_cut(rest, ',');
	if (slice_eq(*address, SLICE_LIT("last")))
		return METHOD_LAST;
	if (slice_eq(*address, SLICE_LIT("libc")))
		return METHOD_LIBC;
	return slice_eq(*address, SLICE_LIT("none")) ? METHOD_NONE : METHOD_ADDRESS;
}

static struct slice methods_of(const struct server *s)
{
	return s->o.init_addr.len > 0 ? s->o.init_addr : SLICE_LIT("last,libc");
}

static bool wants_libc(const struct server *s)
{
	struct slice rest = methods_of(s), address;
	enum method m;

	do
		m = method_next(&rest, &address);
	while (m == METHOD_LAST && address_of(s) == NULL);
	return m == METHOD_LIBC;
}

/* "last" has set its address by now, if it is known (model/state_file.c). */
static void first_address(const struct named *n, const struct dns_addresses *libc)
{
	struct slice rest = methods_of(n->server), address;
	struct sockaddr_storage sa;
	socklen_t len;

	for (;;) {
		switch (method_next(&rest, &address)) {
		case METHOD_LAST:
			if (address_of(n->server) != NULL)
				return;
			break;
		case METHOD_LIBC:
			if (libc->count > 0) {
				give(n, &libc->list[0]);
				return;
			}
			break;
		case METHOD_ADDRESS:
			if (address_of_host(address, n->server->port, &sa, &len)) {
				server_set_address(n->gateway, n->server, (const struct sockaddr *)&sa, len);
				return;
			}
			break;
		case METHOD_NONE:
			return;
		}
	}
}

/* Waits for libc where it is asked, then sets the addresses that servers begin with. */
static void addresses_begin(struct resolver *r)
{
	struct dns_addresses libc = { .count = 0 };

	if (r->libc != NULL)
		names_libc_await(r->libc, START_WAIT_MS);
	for (struct lookup *l = r->lookups; l != NULL; l = l->next) {
		if (r->libc != NULL)
			names_libc_found(r->libc, l, &libc);
		for (const struct named *n = l->servers; n != NULL; n = n->next) {
			first_address(n, &libc);
			l->missing |= address_of(n->server) == NULL;
		}
	}
}

/* ---- start and stop ---- */

static void *piece(struct gateway *g, size_t bytes)
{
	void *memory = arena_alloc(g->config->arena, bytes);

	if (memory == NULL) {
		log_error("memory.exhausted", "what=%s", "names");
		abort();
	}
	return memory;
}

static struct lookup *lookup_of(struct gateway *g, struct resolver *r, const struct server *s)
{
	struct lookup **end = &r->lookups;
	struct lookup *l;

	for (; *end != NULL; end = &(*end)->next) {
		l = *end;
		if (slice_eq_nocase(l->host, s->host) && l->prefer == s->o.prefer && l->resolvers == s->o.resolvers)
			return l;
	}
	l = *end = piece(g, sizeof(*l));
	l->loop = worker_first(g)->loop;
	l->host = s->host;
	l->prefer = s->o.prefer;
	l->resolvers = s->o.resolvers;
	l->task.run = found;
	return l;
}

static void server_add(struct gateway *g, struct resolver *r, struct server *s)
{
	struct lookup *l = lookup_of(g, r, s);
	struct named *n = piece(g, sizeof(*n)), **end = &l->servers;

	while (*end != NULL)
		end = &(*end)->next;
	*n = (struct named){ .gateway = g, .server = s };
	*end = n;
	l->ask_libc |= wants_libc(s);
}

static bool is_name(const struct server *s)
{
	struct sockaddr_storage sa;
	socklen_t len;

	return !address_of_host(s->host, s->port, &sa, &len);
}

struct resolver *resolver_start(struct gateway *g)
{
	struct resolver *r = NULL;

	for (struct proxy *p = g->config->proxies; p != NULL; p = p->next) {
		for (struct server *s = p->backend.servers; s != NULL && !p->disabled; s = s->next) {
			if (!is_name(s))
				continue;
			if (r == NULL)
				r = piece(g, sizeof(*r));
			server_add(g, r, s);
		}
	}
	if (r == NULL)
		return NULL;
	r->libc = names_libc_start(r->lookups);
	addresses_begin(r);
	if (r->libc != NULL)
		names_libc_go_on(r->libc);
	r->dns = names_dns_start(r->lookups);
	return r;
}

void resolver_stop(struct resolver **r)
{
	if (*r == NULL)
		return;
	names_libc_stop(&(*r)->libc);
	names_dns_stop(&(*r)->dns);
	*r = NULL;
}

/* ---- another name ---- */

/* Takes the server out of the lookup that it has; NULL: it has none. */
static struct named *named_take(struct resolver *r, const struct server *s)
{
	for (struct lookup *l = r->lookups; l != NULL; l = l->next) {
		for (struct named **at = &l->servers; *at != NULL; at = &(*at)->next) {
			struct named *n = *at;

			if (n->server != s)
				continue;
			*at = n->next;
			return n;
		}
	}
	return NULL;
}

/* Behind the others of its backend. */
static void named_put(struct lookup *l, struct named *n)
{
	struct named **place = NULL, **at = &l->servers;

	for (; *at != NULL; at = &(*at)->next) {
		if ((*at)->server->backend == n->server->backend)
			place = &(*at)->next;
	}
	if (place == NULL)
		place = at;
	n->next = *place;
	*place = n;
}

/* A name that nobody wants any more is still asked for; it costs a question now and then, and a server may come back to it. */
bool resolver_rename(struct gateway *g, struct server *s, struct slice name)
{
	struct resolver *r = g->resolver;
	struct named *n = r == NULL || s->o.resolvers == NULL ? NULL : named_take(r, s);
	struct slice old = s->host;
	struct lookup *l;

	if (n == NULL)
		return false;
	s->host = name;
	l = lookup_of(g, r, s);
	if (l->host.ptr == name.ptr) { /* it is new: its name is still the caller's */
		l->host = arena_copy(g->config->arena, name);
		l->missing = true;
		names_dns_add(r->dns, l);
	}
	s->host = l->host;
	named_put(l, n);
	log_info("server.name", "%.*s/%.*s changed its FQDN from %.*s to %.*s", SLICE_ARG(s->backend->name), SLICE_ARG(s->name),
		 SLICE_ARG(old), SLICE_ARG(name));
	return true;
}

/* ---- show ---- */

static void server_show(const struct resolver *r, const struct name_server *server, struct buf *out)
{
	struct names_dns_counts c = { .sent = 0 };
	const uint64_t *of = c.results;

	if (r != NULL && r->dns != NULL)
		names_dns_counts(r->dns, server, &c);
	buf_printf(out, " nameserver %.*s:\n", SLICE_ARG(server->name));
	const struct {
		const char *name;
		uint64_t n;
	} lines[] = {
		{ "sent:", c.sent }, { "snd_error:", c.unsent }, { "valid:", of[DNS_FOUND] }, { "update:", c.used }, { "cname:", 0 },
		{ "cname_error:", 0 }, { "any_err:", of[DNS_EMPTY] }, { "nx:", of[DNS_NX] }, { "timeout:", c.silent },
		{ "refused:", of[DNS_REFUSED] }, { "other:", of[DNS_FAILED] }, { "invalid:", of[DNS_INVALID] + of[DNS_STRAY] },
		{ "too_big:", 0 }, { "truncated:", of[DNS_TRUNCATED] }, { "outdated:", c.late },
	};
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		buf_printf(out, "  %-12s %llu\n", lines[i].name, (unsigned long long)lines[i].n);
}

bool resolver_show(const struct gateway *g, struct slice section, struct buf *out)
{
	bool found_any = section.ptr == NULL;

	for (const struct resolvers *s = g->config->resolvers; s != NULL; s = s->next) {
		if (section.ptr != NULL && !slice_eq(s->name, section))
			continue;
		found_any = true;
		buf_printf(out, "Resolvers section %.*s\n", SLICE_ARG(s->name));
		for (const struct name_server *server = s->servers; server != NULL; server = server->next)
			server_show(g->resolver, server, out);
	}
	return found_any;
}
