/* section.c - begins sections, and gives each line of one to the function of its keyword. */
#include <stdio.h>
#include <string.h>
#include "gateway/conf/reader.h"

/* --- sections of proxies ------------------------------------------------------------------------- */

const char *section_kind_of(const struct proxy *proxy)
{
	if (proxy->is_defaults)
		return "defaults";
	if (proxy->is_frontend)
		return proxy->is_backend ? "listen" : "frontend";
	return "backend";
}

/* The first byte of <name> that no name may have; '\0': there is none. */
static char stranger(struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-_.:", c) != NULL))
			return c;
	}
	return '\0';
}

static void name_check(struct parse *p, struct slice name)
{
	char c = stranger(name);

	if (c != '\0')
		parse_error(p, "character '%c' is not permitted in '%s' name '%.*s'.", c, reader_of(p)->section_kind, SLICE_ARG(name));
}

static void duplicate_check(struct parse *p, const struct proxy *proxy)
{
	for (const struct proxy *other = p->config->proxies; other != NULL; other = other->next) {
		if (slice_eq(other->name, proxy->name) &&
		    ((other->is_frontend && proxy->is_frontend) || (other->is_backend && proxy->is_backend))) {
			parse_error(p, "%s '%.*s' has the same name as %s '%.*s' declared at %.*s:%u.", section_kind_of(proxy), SLICE_ARG(proxy->name),
				    section_kind_of(other), SLICE_ARG(other->name), SLICE_ARG(other->file), other->line);
			return;
		}
	}
}

/* The defaults section of that name; complains when there is none, or several. */
static struct proxy *defaults_named(struct parse *p, struct slice name, const struct proxy *user)
{
	struct proxy *found = NULL;

	for (struct proxy *d = reader_of(p)->defaults; d != NULL; d = conf_of(d)->next_defaults) {
		if (!slice_eq(d->name, name) || d->name.len == 0)
			continue;
		if (found != NULL) {
			parse_error(p, "ambiguous defaults section name '%.*s' referenced by %s '%.*s' exists at least at %.*s:%u and %.*s:%u.",
				    SLICE_ARG(name), section_kind_of(user), SLICE_ARG(user->name), SLICE_ARG(d->file), d->line,
				    SLICE_ARG(found->file), found->line);
			return NULL;
		}
		found = d;
	}
	if (found != NULL && stranger(name) != '\0')
		parse_error(p, "character '%c' is not permitted in defaults section name '%.*s' when designated by its name (section found at"
			    " %.*s:%u).", stranger(name), SLICE_ARG(name), SLICE_ARG(found->file), found->line);
	if (found == NULL)
		parse_error(p, "defaults section '%.*s' not found for %s '%.*s'.", SLICE_ARG(name), section_kind_of(user), SLICE_ARG(user->name));
	return found;
}

/* What "from" names, else the newest defaults section, which better nobody named; but a defaults section begins anew unless it says "from". */
static struct proxy *defaults_choose(struct parse *p, const struct proxy *user)
{
	struct proxy *d;
	struct proxy_conf *conf;
	struct slice name;

	if (parse_accept(p, "from")) {
		d = parse_want(p, "from", &name) ? defaults_named(p, name, user) : NULL;
		if (d == NULL)
			return NULL;
		conf = conf_of(d);
		conf->named_use = true;
	} else {
		d = user->is_defaults ? NULL : reader_of(p)->defaults;
		if (d == NULL)
			return NULL;
		conf = conf_of(d);
		conf->silent_use = true;
	}
	if (conf->named_use && conf->silent_use)
		parse_warning(p, "defaults section '%.*s' (declared at %.*s:%u) is explicitly referenced by another proxy and implicitly used here."
			      " To avoid any ambiguity don't mix both usage. Add a last defaults section not explicitly used or always use explicit"
			      " references.", SLICE_ARG(d->name), SLICE_ARG(d->file), d->line);
	return d;
}

/* A defaults section with rules may serve frontends only, or backends only. */
static void rules_use_check(struct parse *p, const struct proxy *d, const struct proxy *user)
{
	struct proxy_conf *conf = conf_of(d);
	const char *why = NULL;

	if (!conf->has_rules)
		return;
	if (user->is_defaults)
		why = "a defaults section cannot be initialized from a defaults section defining rules";
	else if (user->is_frontend && user->is_backend)
		why = "a listen section cannot be initialized from a defaults section defining rules";
	else if (user->is_backend ? conf->frontend_use : conf->backend_use)
		why = "a defaults section defining rules cannot be used by frontends and by backends";
	else if (user->is_backend && conf->has_connection_rules)
		why = "a backend section cannot be initialized from a defaults section defining 'tcp-request connection' or 'tcp-request session' rules";
	conf->frontend_use = conf->frontend_use || user->is_frontend;
	conf->backend_use = conf->backend_use || user->is_backend;
	if (why != NULL)
		parse_error(p, "%s (declared at %.*s:%u).", why, SLICE_ARG(d->file), d->line);
}

static void proxy_link(struct reader *r, struct proxy *proxy)
{
	if (proxy->is_defaults) {
		conf_of(proxy)->next_defaults = r->defaults;
		r->defaults = proxy;
		return;
	}
	*r->proxies_end = proxy;
	r->proxies_end = &proxy->next;
}

static void proxy_begin(struct reader *r, unsigned section)
{
	struct parse *p = &r->parse;
	struct proxy *proxy = arena_alloc(p->arena, sizeof(*proxy));
	struct slice name = SLICE_NONE;
	struct proxy *from;
	bool is_defaults = (section & IN_DEFAULTS) != 0;

	if (!is_defaults && p->count < 2)
		parse_error(p, "'%s' expects an <id> argument", r->section_kind);
	if (!is_defaults || !slice_eq(parse_peek(p), SLICE_LIT("from")))
		name = parse_next(p);
	*proxy = (struct proxy){ .name = name.ptr == NULL ? SLICE_LIT("") : name, .is_defaults = is_defaults, .file = p->file, .line = p->line,
				 .is_frontend = (section & IN_FRONTEND) != 0, .is_backend = (section & IN_BACKEND) != 0 };
	proxy->conf = arena_alloc(p->arena, sizeof(struct proxy_conf));
	if (!is_defaults) /* any name will do while nobody says it */
		name_check(p, proxy->name);
	duplicate_check(p, proxy);
	from = defaults_choose(p, proxy);
	parse_end(p);
	if (from != NULL)
		rules_use_check(p, from, proxy);
	inherit_values(proxy, from);
	proxy_link(r, proxy);
	p->proxy = proxy;
	r->section_name = name.ptr == NULL ? slice_str(r->section_kind) : name;
	if (from != NULL)
		inherit_lines(r, proxy, from);
}

/* --- other sections ------------------------------------------------------------------------------ */

static void global_begin(struct reader *r, unsigned section)
{
	(void)section;
	parse_end(&r->parse);
	r->section_name = slice_str(r->section_kind);
}

static void resolvers_begin(struct reader *r, unsigned section)
{
	struct parse *p = &r->parse;
	struct resolvers *s = arena_alloc(p->arena, sizeof(*s));

	(void)section;
	*s = (struct resolvers){
		.next = p->config->resolvers, .retries = 3, .timeout_ms = 1000, .timeout_resolve_ms = 1000, .hold_valid_ms = 10000,
		.hold_nx_ms = 30000, .hold_other_ms = 30000, .hold_refused_ms = 30000, .hold_timeout_ms = 30000, .payload_size = 512,
	};
	if (parse_want(p, r->section_kind, &s->name)) {
		name_check(p, s->name);
		parse_end(p);
	}
	for (const struct resolvers *other = p->config->resolvers; other != NULL; other = other->next) {
		if (slice_eq(other->name, s->name))
			parse_error(p, "resolvers '%.*s' has the same name as another section", SLICE_ARG(s->name));
	}
	p->config->resolvers = s; /* also without a name: its lines are read */
	r->section_name = s->name;
}

static void http_errors_begin(struct reader *r, unsigned section)
{
	struct slice name;

	(void)section;
	if (!parse_want(&r->parse, r->section_kind, &name))
		return;
	name_check(&r->parse, name);
	parse_end(&r->parse);
	r->section_name = name;
}

struct section {
	const char *name;
	unsigned bits;
	void (*begin)(struct reader *r, unsigned bits); /* NULL: HAProxy has it and we do not */
};

static const struct section sections[] = {
	{ "global", IN_GLOBAL, global_begin },
	{ "defaults", IN_DEFAULTS, proxy_begin },
	{ "frontend", IN_FRONTEND, proxy_begin },
	{ "backend", IN_BACKEND, proxy_begin },
	{ "listen", IN_PROXY, proxy_begin },
	{ "resolvers", IN_RESOLVERS, resolvers_begin },
	{ "http-errors", IN_HTTP_ERRORS, http_errors_begin },
	{ "userlist", 0, NULL },
	{ "peers", 0, NULL },
	{ "cache", 0, NULL },
	{ "mailers", 0, NULL },
	{ "program", 0, NULL },
	{ "fcgi-app", 0, NULL },
	{ "ring", 0, NULL },
	{ "log-forward", 0, NULL },
};
#define SECTION_COUNT (sizeof(sections) / sizeof(sections[0]))

bool section_begin(struct reader *r)
{
	struct parse *p = &r->parse;

	for (unsigned i = 0; i < SECTION_COUNT; i++) {
		if (!slice_eq(p->words[0], slice_str(sections[i].name)))
			continue;
		r->section = sections[i].bits;
		r->section_kind = sections[i].name;
		r->section_name = SLICE_LIT("");
		r->skipping = sections[i].begin == NULL;
		p->proxy = NULL;
		p->at = 1;
		if (r->skipping)
			parse_error(p, "'%s' sections are not supported yet", sections[i].name);
		else
			sections[i].begin(r, sections[i].bits);
		return true;
	}
	return false;
}

static void outside(struct parse *p)
{
	const char *names[SECTION_COUNT], *nearest;

	for (unsigned i = 0; i < SECTION_COUNT; i++)
		names[i] = sections[i].name;
	nearest = parse_nearest(p->words[0], names, SECTION_COUNT);
	parse_error(p, "unknown keyword '%.*s' out of section%s%s%s", SLICE_ARG(p->words[0]), nearest == NULL ? "" : "; did you mean '",
		    nearest == NULL ? "" : nearest, nearest == NULL ? "." : "' maybe ?");
}

/* --- lines --------------------------------------------------------------------------------------- */

/* "no …" and "default …" in front of a keyword. */
static void negation_read(struct reader *r)
{
	r->negation = PLAIN;
	if (r->parse.count < 2)
		return;
	if (parse_accept(&r->parse, "no"))
		r->negation = NEGATED;
	else if (parse_accept(&r->parse, "default"))
		r->negation = BY_DEFAULT;
}

/* Whether <k> may stand in this section; complains. */
static bool place_check(struct reader *r, const struct keyword *k)
{
	struct parse *p = &r->parse;
	const char *second = k->second == NULL ? "" : k->second, *blank = k->second == NULL ? "" : " ";

	if (r->negation != PLAIN && (k->flags & KEYWORD_NO) == 0) {
		parse_error(p, "negation/default is not supported for '%s%s%s'", k->name, blank, second);
		return false;
	}
	if ((k->flags & KEYWORD_RULE) != 0 && r->section == IN_DEFAULTS && p->proxy->name.len == 0) {
		parse_error(p, "'%s%s%s' not allowed in anonymous 'defaults' section.", k->name, blank, second);
		return false;
	}
	if ((k->sections & r->section) != 0)
		return true;
	if (r->section == IN_DEFAULTS)
		parse_error(p, "'%s%s%s' not allowed in 'defaults' section.", k->name, blank, second);
	else if ((k->flags & KEYWORD_STRICT) != 0)
		parse_error(p, "'%s%s%s' not allowed because %s '%.*s' has no %s capability.", k->name, blank, second, r->section_kind,
			    SLICE_ARG(p->proxy->name), r->section == IN_BACKEND ? "frontend" : "backend");
	else
		parse_warning(p, "'%s%s%s' ignored because %s '%.*s' has no %s capability.", k->name, blank, second, r->section_kind,
			      SLICE_ARG(p->proxy->name), r->section == IN_BACKEND ? "frontend" : "backend");
	return false;
}

/* Reads a line whose object is made for nothing but its mistakes: tables and names that it waits for need not be there. */
static void kept_read(struct reader *r, const struct keyword *k)
{
	struct config *c = r->parse.config;
	struct arg_wait *args = c->args_waiting;
	struct rule_later *later = c->later;

	k->read(&r->parse, k);
	c->args_waiting = args;
	c->later = later;
}

void section_line(struct reader *r)
{
	struct parse *p = &r->parse;
	const struct keyword *k;
	unsigned errors = p->errors, at;

	if (r->skipping)
		return;
	if (r->section == 0) {
		outside(p);
		return;
	}
	p->at = 0;
	negation_read(r);
	k = keyword_find(p, r->section);
	if (k == NULL || !place_check(r, k))
		return;
	at = p->at;
	if (r->section == IN_DEFAULTS && (k->flags & KEYWORD_AGAIN) != 0) {
		kept_read(r, k);
		if (p->errors == errors)
			inherit_keep(r, k, at);
	} else {
		k->read(p, k);
	}
}
