/* rules.c - lines of rules and acls: which list of the proxy they belong to; rule/ and expr/ know what they say. */
#include "gateway/conf/reader.h"
#include "gateway/expr/cond.h"
#include "gateway/rule/rule.h"

static void acl_line(struct parse *p, const struct keyword *k)
{
	(void)k;
	acl_read(p);
}

/* In which list a rule of that set is hung. */
static struct rule_list *list_of(struct proxy *proxy, enum rule_set set)
{
	switch (set) {
	case RULES_CONNECTION: return &proxy->connection_rules;
	case RULES_SESSION: return &proxy->session_rules;
	case RULES_CONTENT: return &proxy->content_rules;
	case RULES_RESPONSE: return &proxy->response_rules;
	case RULES_AFTER_RESPONSE: return &proxy->after_response_rules;
	case RULES_REQUEST:
	case RULES_COUNT:
		break;
	}
	return &proxy->request_rules;
}

/* k->field: enum rule_set. */
static void rule_line(struct parse *p, const struct keyword *k)
{
	enum rule_set set = (enum rule_set)k->field;
	struct proxy_conf *conf = conf_of(p->proxy);

	if (p->proxy->is_defaults) {
		conf->has_rules = true;
		conf->has_connection_rules = conf->has_connection_rules || set == RULES_CONNECTION || set == RULES_SESSION;
	}
	rule_read(p, set, list_of(p->proxy, set));
}

static void redirect_line(struct parse *p, const struct keyword *k)
{
	(void)k;
	redirect_read(p, &p->proxy->redirect_rules);
}

static void use_backend_line(struct parse *p, const struct keyword *k)
{
	(void)k;
	switch_rule_read(p, &p->proxy->switch_rules);
}

#define DEFAULTS_TOO (KEYWORD_RULE | KEYWORD_AGAIN)

const struct keyword keywords_rules[] = {
	{ "acl", NULL, IN_ALL_PROXIES, acl_line, DEFAULTS_TOO, 0 },
	{ "http-request", NULL, IN_ALL_PROXIES, rule_line, DEFAULTS_TOO, RULES_REQUEST },
	{ "http-response", NULL, IN_ALL_PROXIES, rule_line, DEFAULTS_TOO, RULES_RESPONSE },
	{ "http-after-response", NULL, IN_ALL_PROXIES, rule_line, DEFAULTS_TOO, RULES_AFTER_RESPONSE },
	{ "tcp-request", "connection", IN_FRONTENDS, rule_line, DEFAULTS_TOO, RULES_CONNECTION },
	{ "tcp-request", "session", IN_FRONTENDS, rule_line, DEFAULTS_TOO, RULES_SESSION },
	{ "tcp-request", "content", IN_ALL_PROXIES, rule_line, DEFAULTS_TOO, RULES_CONTENT },
	{ "redirect", NULL, IN_PROXY, redirect_line, 0, 0 },
	{ "use_backend", NULL, IN_FRONTEND, use_backend_line, 0, 0 },
	{ .name = NULL },
};
