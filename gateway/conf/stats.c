/* stats.c - the "stats" keywords of frontends and backends: the status page. */
#include "gateway/conf/reader.h"
#include "gateway/expr/cond.h"
#include "gateway/expr/sample.h"
#include "gateway/model/own.h"

/* The page of this section. Any of the keywords brings it to life; the first own one begins anew with what a
 * defaults section said, as in HAProxy. */
static struct stats_page *page_of(struct parse *p)
{
	struct proxy_conf *conf = conf_of(p->proxy);

	if (p->proxy->stats == NULL || conf->stats_inherited) {
		p->proxy->stats = arena_alloc(p->arena, sizeof(*p->proxy->stats));
		*p->proxy->stats = (struct stats_page){ .enabled = true, .uri = SLICE("/haproxy?stats"), .realm = SLICE("HAProxy Statistics") };
		conf->stats_inherited = false;
	}
	return p->proxy->stats;
}

static void enable_read(struct parse *p, const struct keyword *k)
{
	(void)k;
	if (parse_end(p))
		page_of(p);
}

static void flag_read(struct parse *p, const struct keyword *k)
{
	bool *flag = field_at(page_of(p), k->field);

	*flag = parse_end(p);
}

static void word_read(struct parse *p, const struct keyword *k)
{
	struct slice word, *field = field_at(page_of(p), k->field);

	if (parse_want(p, k->second, &word) && parse_end(p))
		*field = word;
}

static void refresh_read(struct parse *p, const struct keyword *k)
{
	struct stats_page *page = page_of(p);
	struct slice word;
	int ms;

	if (parse_want(p, "stats refresh", &word) && parse_time_ms(p, word, 's', "stats refresh", &ms) && parse_end(p))
		page->refresh_s = ms / 1000;
	(void)k;
}

static void auth_read(struct parse *p, const struct keyword *k)
{
	struct stats_page *page = page_of(p);
	struct stats_user *user = arena_alloc(p->arena, sizeof(*user)), **end = &page->users;
	struct slice word;

	(void)k;
	if (!parse_want(p, "stats auth", &word) || !parse_end(p))
		return;
	user->name = slice_cut(&word, ':');
	user->password = word;
	if (word.ptr == NULL || user->name.len == 0) {
		parse_error(p, "'stats auth' expects <user>:<password>");
		return;
	}
	while (*end != NULL)
		end = &(*end)->next;
	*end = user;
}

static void scope_read(struct parse *p, const struct keyword *k)
{
	struct stats_page *page = page_of(p);
	struct stats_scope *scope = arena_alloc(p->arena, sizeof(*scope)), **end = &page->scopes;

	(void)k;
	if (!parse_want(p, "stats scope", &scope->name) || !parse_end(p))
		return;
	if (slice_eq(scope->name, SLICE_LIT("."))) /* the section where it stands */
		scope->name = p->proxy->name;
	while (*end != NULL)
		end = &(*end)->next;
	*end = scope;
}

static void show_node_read(struct parse *p, const struct keyword *k)
{
	struct stats_page *page = page_of(p);

	(void)k;
	page->node = parse_next(p);
	page->show_node = parse_end(p);
}

static void show_desc_read(struct parse *p, const struct keyword *k)
{
	struct stats_page *page = page_of(p);

	(void)k;
	page->show_desc = true;
	page->description = parse_next(p);
	for (struct slice word = parse_next(p); word.ptr != NULL; word = parse_next(p))
		page->description = arena_printf(p->arena, "%.*s %.*s", SLICE_ARG(page->description), SLICE_ARG(word));
}

static void admin_read(struct parse *p, const struct keyword *k)
{
	struct stats_page *page = page_of(p);

	(void)k;
	if (page->has_admin)
		parse_error(p, "'stats admin' is given twice: join the conditions with 'or'");
	else if (p->at == p->count)
		parse_error(p, "'stats admin' requires either 'if' or 'unless' followed by a condition.");
	else
		page->has_admin = cond_read(p, WHEN_IN_REQUEST, "stats admin", &page->admin);
}

static void rule_line(struct parse *p, const struct keyword *k)
{
	struct stats_page *page = page_of(p);
	struct slice action = parse_peek(p);

	(void)k;
	if (!slice_eq(action, SLICE_LIT("allow")) && !slice_eq(action, SLICE_LIT("deny")) && !slice_eq(action, SLICE_LIT("auth"))) {
		parse_error(p, "'stats http-request' expects 'allow', 'deny' or 'auth'");
		return;
	}
	if (page->rules == NULL)
		page->rules = arena_alloc(p->arena, sizeof(*page->rules));
	rule_read(p, RULES_REQUEST, page->rules);
}

#define FIELD(name) offsetof(struct stats_page, name)

const struct keyword keywords_stats[] = {
	{ "stats", "enable", IN_ALL_PROXIES, enable_read, KEYWORD_AGAIN, 0 },
	{ "stats", "uri", IN_ALL_PROXIES, word_read, KEYWORD_AGAIN, FIELD(uri) },
	{ "stats", "realm", IN_ALL_PROXIES, word_read, KEYWORD_AGAIN, FIELD(realm) },
	{ "stats", "refresh", IN_ALL_PROXIES, refresh_read, KEYWORD_AGAIN, 0 },
	{ "stats", "auth", IN_ALL_PROXIES, auth_read, KEYWORD_AGAIN, 0 },
	{ "stats", "scope", IN_ALL_PROXIES, scope_read, KEYWORD_AGAIN, 0 },
	{ "stats", "hide-version", IN_ALL_PROXIES, flag_read, KEYWORD_AGAIN, FIELD(hide_version) },
	{ "stats", "show-legends", IN_ALL_PROXIES, flag_read, KEYWORD_AGAIN, FIELD(show_legends) },
	{ "stats", "show-node", IN_ALL_PROXIES, show_node_read, KEYWORD_AGAIN, 0 },
	{ "stats", "show-desc", IN_ALL_PROXIES, show_desc_read, KEYWORD_AGAIN, 0 },
	{ "stats", "admin", IN_PROXY, admin_read, 0, 0 },
	{ "stats", "http-request", IN_PROXY, rule_line, 0, 0 },
	{ .name = NULL },
};
