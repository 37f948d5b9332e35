/* finish.c - after all files are read: names that sections have for each other, numbers, formats, and what is strange enough for a warning. */
#include "gateway/balance/queue.h"
#include "gateway/conf/address.h"
#include "gateway/conf/reader.h"
#include "gateway/expr/expr.h"
#include "gateway/expr/format.h"
#include "gateway/expr/sample.h"
#include "gateway/health/plan.h"
#include "gateway/rule/rule.h"
#include "shared/base/idset.h"

#define FIRST_PROXY_ID 2 /* 1 is the runtime socket's in HAProxy */

static void at(struct parse *p, const struct proxy *proxy, struct place place)
{
	p->proxy = (struct proxy *)proxy;
	p->file = place.file;
	p->line = place.line;
}

static struct place head_of(const struct proxy *proxy)
{
	return (struct place){ .file = proxy->file, .line = proxy->line };
}

/* --- numbers ------------------------------------------------------------------------------------- */

/* As HAProxy counts: each has the number of its place, or the next one that nobody chose. The first from <id> on: */
static unsigned not_chosen(const struct idset *chosen, unsigned id)
{
	while (idset_has(chosen, id))
		id++;
	return id;
}

static void proxies_number(struct config *c)
{
	struct idset *chosen = idset_create();
	unsigned id = FIRST_PROXY_ID;

	for (const struct proxy *proxy = c->proxies; proxy != NULL; proxy = proxy->next) {
		if (conf_of(proxy)->has_id)
			idset_add(chosen, proxy->id);
	}
	for (struct proxy *proxy = c->proxies; proxy != NULL; proxy = proxy->next) {
		proxy->index = c->proxy_count++;
		if (!conf_of(proxy)->has_id)
			proxy->id = id = not_chosen(chosen, id);
		id++;
	}
	idset_free(&chosen);
}

static void servers_number(struct config *c, struct proxy *proxy)
{
	struct idset *chosen = idset_create();
	unsigned id = 1;

	for (const struct server *s = proxy->backend.servers; s != NULL; s = s->next) {
		if (s->id != 0)
			idset_add(chosen, s->id);
	}
	for (struct server *s = proxy->backend.servers; s != NULL; s = s->next) {
		s->index = c->server_count++;
		if (s->id == 0)
			s->id = id = not_chosen(chosen, id);
		id++;
	}
	idset_free(&chosen);
}

static void listeners_number(struct proxy *proxy)
{
	struct idset *chosen = idset_create();
	unsigned id = 1;

	for (const struct listener *l = proxy->listeners; l != NULL; l = l->next) {
		if (l->id != 0)
			idset_add(chosen, l->id);
	}
	for (struct listener *l = proxy->listeners; l != NULL; l = l->next) {
		if (l->backlog == 0)
			l->backlog = conf_of(proxy)->backlog;
		if (l->id == 0)
			l->id = id = not_chosen(chosen, id);
		id++;
	}
	idset_free(&chosen);
}

/* --- formats ------------------------------------------------------------------------------------- */

static struct format *compile(struct parse *p, struct slice text, struct place place, unsigned when, const char *where)
{
	if (text.ptr == NULL)
		return NULL;
	at(p, p->proxy, place);
	return format_parse(p, text, when, where);
}

static struct slice log_text(const struct proxy *proxy)
{
	switch (proxy->log_kind) {
	case LOG_PLAIN: return slice_str(format_plain);
	case LOG_HTTP: return slice_str(format_httplog);
	case LOG_HTTP_CLF: return slice_str(format_clf);
	case LOG_TCP: return slice_str(format_tcplog);
	case LOG_CUSTOM: return proxy->log_format_text;
	case LOG_JSON: break; /* is no format */
	}
	return SLICE_NONE;
}

static void formats_compile(struct parse *p, struct proxy *proxy)
{
	const struct proxy_conf *conf = conf_of(proxy);
	struct place place = proxy->log_kind == LOG_CUSTOM ? conf->places.log_format : head_of(proxy);

	if (!proxy->is_frontend)
		return;
	at(p, proxy, head_of(proxy));
	proxy->log_format = compile(p, log_text(proxy), place, WHEN_IN_LOG, "log-format");
	proxy->error_log_format = compile(p, proxy->error_log_format_text, conf->places.error_log_format, WHEN_IN_LOG, "error-log-format");
	proxy->log_format_sd = compile(p, proxy->log_format_sd_text, conf->places.log_format_sd, WHEN_IN_LOG, "log-format-sd");
	proxy->unique_id_format = compile(p, proxy->unique_id_text, conf->places.unique_id, WHEN_IN_REQUEST, "unique-id-format");
}

/* --- names --------------------------------------------------------------------------------------- */

static void default_backend_resolve(struct parse *p, struct proxy *proxy)
{
	if (!proxy->is_frontend || proxy->default_backend_name.ptr == NULL)
		return;
	at(p, proxy, conf_of(proxy)->places.default_backend);
	for (struct proxy *o = p->config->proxies; o != NULL && proxy->default_backend == NULL; o = o->next) {
		if (o->is_backend && slice_eq(o->name, proxy->default_backend_name))
			proxy->default_backend = o;
	}
	if (proxy->default_backend == NULL)
		parse_error(p, "proxy '%.*s': unable to find required default_backend: '%.*s'.", SLICE_ARG(proxy->name),
			    SLICE_ARG(proxy->default_backend_name));
	else if (proxy->backend.servers != NULL && proxy->default_backend != proxy)
		parse_warning(p, "in proxy '%.*s', the 'default_backend' rule always has precedence over the servers, which will never be used.",
			      SLICE_ARG(proxy->name));
}

static struct proxy *backend_named(const struct config *c, struct slice name)
{
	for (struct proxy *proxy = c->proxies; proxy != NULL; proxy = proxy->next) {
		if (proxy->is_backend && slice_eq(proxy->name, name))
			return proxy;
	}
	return NULL;
}

/* The server that "track" names; NULL after complaining. */
static struct server *tracked_find(struct parse *p, const struct server *s)
{
	struct slice name = s->o.track, backend = slice_find(name, '/') < name.len ? slice_cut(&name, '/') : s->backend->name;
	const struct proxy *proxy = backend_named(p->config, backend);
	struct server *found = proxy == NULL ? NULL : proxy->backend.servers;

	while (found != NULL && !slice_eq(found->name, name))
		found = found->next;
	if (proxy == NULL)
		parse_error(p, "'server %.*s/%.*s' : unable to find required proxy '%.*s' for tracking.", SLICE_ARG(s->backend->name),
			    SLICE_ARG(s->name), SLICE_ARG(backend));
	else if (found == NULL)
		parse_error(p, "'server %.*s/%.*s' : unable to find required server '%.*s' for tracking.", SLICE_ARG(s->backend->name),
			    SLICE_ARG(s->name), SLICE_ARG(name));
	return found;
}

static void track_resolve(struct parse *p, struct server *s)
{
	struct slice backend = s->backend->name;
	struct server *found, **end;

	if (s->o.check) {
		parse_error(p, "'server %.*s/%.*s' : unable to enable checks and tracking at the same time!", SLICE_ARG(backend),
			    SLICE_ARG(s->name));
		return;
	}
	found = tracked_find(p, s);
	if (found == NULL)
		return;
	for (const struct server *t = found; t != NULL; t = t->tracks) {
		if (t == s) {
			parse_error(p, "'server %.*s/%.*s' : unable to track %.*s/%.*s as it belongs to a tracking chain looping back to it.",
				    SLICE_ARG(backend), SLICE_ARG(s->name), SLICE_ARG(found->backend->name), SLICE_ARG(found->name));
			return;
		}
	}
	if (!found->o.check && found->o.track.ptr == NULL) {
		parse_error(p, "'server %.*s/%.*s' : unable to use %.*s/%.*s for tracking as it does not have any check enabled.",
			    SLICE_ARG(backend), SLICE_ARG(s->name), SLICE_ARG(found->backend->name), SLICE_ARG(found->name));
		return;
	}
	s->tracks = found;
	for (end = &found->trackers; *end != NULL;)
		end = &(*end)->next_tracker;
	*end = s;
}

static void server_resolve(struct parse *p, struct server *s)
{
	const struct health_plan *plan = s->backend->backend.plan;
	struct sockaddr_storage sa;
	socklen_t len;

	at(p, s->backend, (struct place){ .file = s->backend->file, .line = s->line });
	for (struct resolvers *r = p->config->resolvers; r != NULL && s->o.resolvers_name.ptr != NULL; r = r->next) {
		if (slice_eq(r->name, s->o.resolvers_name))
			s->o.resolvers = r;
	}
	if (s->o.resolvers_name.ptr != NULL && s->o.resolvers == NULL)
		parse_error(p, "backend '%.*s', server '%.*s': unable to find required resolvers '%.*s'", SLICE_ARG(s->backend->name),
			    SLICE_ARG(s->name), SLICE_ARG(s->o.resolvers_name));
	if (s->o.track.ptr != NULL)
		track_resolve(p, s);
	/* a socket's path, or an address that stands for itself, needs no port */
	if (!s->o.check || !s->maps_port || s->o.check_port != 0 || (plan != NULL && plan->port != 0))
		return;
	if (!address_of_host(s->host, 0, &sa, &len) || sa.ss_family != AF_UNIX)
		parse_error(p, "backend '%.*s': server '%.*s' has neither service port nor check port.", SLICE_ARG(s->backend->name),
			    SLICE_ARG(s->name));
}

/* --- what is strange ----------------------------------------------------------------------------- */

static void timeouts_check(struct parse *p, const struct proxy *proxy)
{
	const struct proxy_timeouts *t = &proxy->timeout;
	bool client = proxy->is_frontend && t->client == 0;
	bool server = proxy->is_backend && proxy->backend.servers != NULL && (t->connect == 0 || t->server == 0);

	if (client || server)
		parse_warning(p, "missing timeouts for %s '%.*s'. While not properly invalid, you will certainly encounter various problems with such "
			      "a configuration: set 'client', 'connect' and 'server' to a non-zero value.", section_kind_of(proxy),
			      SLICE_ARG(proxy->name));
}

static void proxy_check(struct parse *p, struct proxy *proxy)
{
	at(p, proxy, head_of(proxy));
	if (!conf_of(proxy)->has_mode)
		parse_error(p, "%s '%.*s' has no 'mode http': without one its mode is tcp, which is not supported yet.", section_kind_of(proxy),
			    SLICE_ARG(proxy->name));
	if (proxy->disabled)
		return;
	if (proxy->is_frontend && proxy->listeners == NULL)
		parse_warning(p, "%s '%.*s' has no 'bind' directive. Please declare it as a backend if this was intended.", section_kind_of(proxy),
			      SLICE_ARG(proxy->name));
	if (proxy->is_frontend && proxy->log_kind != LOG_PLAIN && proxy->logs == NULL && !(proxy->logs_global && p->config->logs != NULL))
		parse_warning(p, "log format ignored for %s '%.*s' since it has no log address.", section_kind_of(proxy), SLICE_ARG(proxy->name));
	timeouts_check(p, proxy);
}

void finish(struct reader *r)
{
	struct parse *p = &r->parse;
	struct config *c = p->config;

	if (c->maxrewrite > c->bufsize / 2)
		c->maxrewrite = c->bufsize / 2;
	proxies_number(c);
	for (struct proxy *proxy = c->proxies; proxy != NULL; proxy = proxy->next) {
		proxy_check(p, proxy);
		servers_number(c, proxy);
		listeners_number(proxy);
		default_backend_resolve(p, proxy);
		formats_compile(p, proxy);
		for (struct server *s = proxy->backend.servers; s != NULL; s = s->next)
			server_resolve(p, s);
		if (proxy->is_backend)
			proxy->backend.queue = queue_create();
		at(p, proxy, head_of(proxy));
		switch_rules_resolve(p, proxy->switch_rules);
	}
	rules_resolve_all(p);
	expr_resolve_all(p);
}
