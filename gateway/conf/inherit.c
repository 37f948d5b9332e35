/* inherit.c - what a section takes over from defaults: values are copied, lines that make objects are read again.
 *
 * So every proxy has its own log targets, error pages and rules, and may change them. Lines are read again in their order, "no log" among
 * them. Acls of a defaults section are seen by its own rules only. A plan of checks is shared until a section says more (health/plan.c).
 */
#include <string.h>
#include "gateway/conf/reader.h"

static void builtin_values(struct proxy *proxy)
{
	proxy->forwardfor.header = SLICE_LIT("X-Forwarded-For");
	proxy->redispatch_interval = -1;
	proxy->backend.reuse = REUSE_SAFE;
	proxy->backend.retries = 3;
	proxy->backend.retry_on = RETRY_CONN_FAILURE;
	proxy->backend.balance.kind = BALANCE_ROUNDROBIN;
	proxy->backend.balance.draws = 2;
	proxy->backend.defaults = (struct server_options){
		.weight = 1, .pool_max_conn = -1, .pool_purge_ms = 5000, .inter_ms = 2000, .rise = 2, .fall = 3, .error_limit = 10,
		.on_error = ON_ERROR_FAIL_CHECK, .init_addr = SLICE("last,libc"),
	};
}

/* Everything but what a proxy is and the objects that it has: those are its own. */
static void values_copy(struct proxy *to, const struct proxy *from)
{
	struct proxy copy = *from;

	copy.name = to->name;
	copy.is_defaults = to->is_defaults;
	copy.is_frontend = to->is_frontend;
	copy.is_backend = to->is_backend;
	copy.file = to->file;
	copy.line = to->line;
	copy.conf = to->conf;
	copy.next = NULL;
	copy.acls = NULL;
	copy.request_rules = copy.response_rules = copy.after_response_rules = (struct rule_list){ 0 };
	copy.connection_rules = copy.session_rules = copy.content_rules = (struct rule_list){ 0 };
	copy.error_pages = NULL;
	copy.logs = NULL;
	copy.logs_global = false;
	copy.stats = NULL;
	copy.consistency = NULL;
	copy.backend.budget = NULL;
	*to = copy;
}

void inherit_values(struct proxy *proxy, const struct proxy *from)
{
	struct proxy_conf *conf = conf_of(proxy);

	if (from == NULL) {
		builtin_values(proxy);
	} else {
		values_copy(proxy, from);
		conf->has_mode = conf_of(from)->has_mode;
		conf->backlog = conf_of(from)->backlog;
		conf->places = conf_of(from)->places;
	}
	conf->kept_end = &conf->kept;
	conf->listeners_end = &proxy->listeners;
	conf->servers_end = &proxy->backend.servers;
}

/* Whether a line of a defaults section means something for <proxy>. */
static bool concerns(const struct keyword *k, const struct proxy *proxy)
{
	unsigned bits = (proxy->is_frontend ? IN_FRONTEND : 0) | (proxy->is_backend ? IN_BACKEND : 0);

	if (proxy->is_defaults)
		return (k->flags & KEYWORD_RULE) == 0; /* section.c refuses rules there; acls are for those that follow them */
	return (k->sections & bits) != 0;
}

void inherit_lines(struct reader *r, struct proxy *proxy, const struct proxy *from)
{
	struct parse *p = &r->parse;
	struct parse outer = *p;

	for (const struct kept_line *l = conf_of(from)->kept; l != NULL; l = l->next) {
		if (!concerns(l->keyword, proxy))
			continue;
		memcpy(p->words, l->words, l->count * sizeof(l->words[0]));
		p->words[l->count] = SLICE_NONE;
		p->count = l->count;
		p->at = l->at;
		p->file = l->file;
		p->line = l->line;
		r->negation = l->no ? NEGATED : PLAIN;
		l->keyword->read(p, l->keyword);
		if (proxy->is_defaults)
			inherit_keep(r, l->keyword, l->at);
	}
	outer.errors = p->errors;
	outer.warnings = p->warnings;
	*p = outer;
	proxy->acls = NULL;
	conf_of(proxy)->stats_inherited = proxy->stats != NULL;
}

void inherit_keep(struct reader *r, const struct keyword *k, unsigned at)
{
	struct parse *p = &r->parse;
	struct proxy_conf *conf = conf_of(p->proxy);
	struct kept_line *l = arena_alloc(p->arena, sizeof(*l) + p->count * sizeof(l->words[0]));

	*l = (struct kept_line){ .keyword = k, .no = r->negation == NEGATED, .file = p->file, .line = p->line, .at = at, .count = p->count };
	memcpy(l->words, p->words, p->count * sizeof(l->words[0]));
	*conf->kept_end = l;
	conf->kept_end = &l->next;
}
