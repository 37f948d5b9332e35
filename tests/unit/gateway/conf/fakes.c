/* fakes.c - stand-ins for expressions, rules, checks, tables and logs, and what the tests of configurations have in common. */
#include "tests/unit/gateway/conf/fakes.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "gateway/balance/queue.h"
#include "gateway/conf/conf.h"
#include "gateway/conf/parse.h"
#include "gateway/expr/cond.h"
#include "gateway/expr/expr.h"
#include "gateway/expr/format.h"
#include "gateway/expr/var.h"
#include "gateway/health/health.h"
#include "gateway/health/resolver.h"
#include "gateway/logs/sink.h"
#include "gateway/rule/error_page.h"
#include "gateway/rule/rule.h"
#include "gateway/table/stick_table.h"

static char noted_space[65536], messages_space[65536];
static struct buf noted, messages;

void fakes_begin(void)
{
	buf_init_fixed(&noted, noted_space, sizeof(noted_space));
	noted_space[0] = '\0';
}

const char *fakes_noted(void)
{
	noted_space[noted.len] = '\0';
	return noted_space;
}

/* Notes the words from p->at on, and takes them. */
static void note(struct parse *p, const char *module)
{
	buf_printf(&noted, "%s %.*s:", module, SLICE_ARG(p->proxy == NULL ? SLICE_LIT("-") : p->proxy->name));
	for (struct slice word = parse_next(p); word.ptr != NULL; word = parse_next(p))
		buf_printf(&noted, " %.*s", SLICE_ARG(word));
	buf_add_char(&noted, '\n');
}

/* A piece of memory that stands for an object of the module. */
static void *object(struct parse *p)
{
	return arena_alloc(p->arena, 16);
}

/* Complains when the line holds the word BROKEN, as a module would about what it does not understand. */
static bool broken(struct parse *p)
{
	for (unsigned i = 0; i < p->count; i++) {
		if (slice_eq(p->words[i], SLICE_LIT("BROKEN"))) {
			parse_error(p, "broken");
			return true;
		}
	}
	return false;
}

/* ---- expr ---- */

struct acl {
	struct acl *next;
};

void acl_read(struct parse *p)
{
	struct acl *a = object(p);

	note(p, "acl");
	a->next = p->proxy->acls;
	p->proxy->acls = a;
}

bool cond_read(struct parse *p, unsigned when, const char *where, struct cond **out)
{
	(void)when;
	note(p, where);
	*out = object(p);
	return !broken(p);
}

struct expr *expr_parse(struct parse *p, struct slice text, unsigned when, const char *where)
{
	(void)when;
	(void)where;
	if (slice_eq(text, SLICE_LIT("BROKEN"))) {
		parse_error(p, "broken expression");
		return NULL;
	}
	return object(p);
}

bool expr_get(const struct expr *e, struct exchange *x, struct sample *out)
{
	(void)e;
	(void)x;
	out->type = SAMPLE_INT;
	return true;
}

void expr_resolve_all(struct parse *p)
{
	(void)p;
	buf_add_str(&noted, "expr_resolve_all\n");
}

struct format *format_parse(struct parse *p, struct slice text, unsigned when, const char *where)
{
	(void)when;
	buf_printf(&noted, "%s %.*s: %.*s\n", where, SLICE_ARG(p->proxy->name), SLICE_ARG(text));
	if (slice_eq(text, SLICE_LIT("BROKEN"))) {
		parse_error(p, "broken format");
		return NULL;
	}
	return object(p);
}

const char format_httplog[] = "HTTPLOG", format_tcplog[] = "TCPLOG", format_clf[] = "CLF", format_plain[] = "PLAIN";

struct var_names {
	int count;
};

struct var_names *var_names_create(void)
{
	return calloc(1, sizeof(struct var_names));
}

void var_names_free(struct var_names **n)
{
	free(*n);
	*n = NULL;
}

bool var_name_parse(struct parse *p, struct slice text, struct var_ref *out)
{
	(void)p;
	out->scope = slice_starts_with(text, SLICE_LIT("proc.")) ? VAR_PROC : VAR_TXN;
	return true;
}

bool var_set_proc(struct parse *p, struct var_ref ref, const struct sample *value)
{
	(void)ref;
	(void)value;
	buf_printf(&noted, "set-var %.*s\n", SLICE_ARG(p->words[1]));
	return true;
}

/* ---- rule ---- */

void rule_read(struct parse *p, enum rule_set set, struct rule_list *list)
{
	static const char *const names[] = { "connection", "session", "content", "request", "response", "after-response" };

	if (broken(p))
		return;
	note(p, names[set]);
	list->first = object(p);
}

void redirect_read(struct parse *p, struct rule_list *list)
{
	note(p, "redirect");
	list->first = object(p);
}

void rules_resolve_all(struct parse *p)
{
	p->config->later = NULL;
	buf_add_str(&noted, "rules_resolve_all\n");
}

void rate_tables_free(struct config *c)
{
	(void)c;
}

void switch_rule_read(struct parse *p, struct switch_rule **list)
{
	note(p, "use_backend");
	*list = object(p);
}

void switch_rules_resolve(struct parse *p, struct switch_rule *list)
{
	if (list != NULL)
		buf_printf(&noted, "switch_rules_resolve %.*s\n", SLICE_ARG(p->proxy->name));
}

void error_page_read(struct parse *p, struct slice keyword, struct error_page **list)
{
	if (broken(p))
		return;
	note(p, keyword.ptr);
	*list = object(p);
}

void error_section_read(struct parse *p, struct slice section)
{
	note(p, section.ptr);
}

/* ---- the rest ---- */

void health_plan_read(struct parse *p, struct slice keyword)
{
	note(p, keyword.ptr);
}

void resolvers_read(struct parse *p)
{
	note(p, p->config->resolvers->name.ptr);
}

struct log_target {
	struct log_target *next;
};

void log_target_read(struct parse *p, struct log_target **list)
{
	struct log_target *t = object(p);

	if (broken(p))
		return;
	note(p, "log");
	while (*list != NULL)
		list = &(*list)->next;
	*list = t;
}

struct log_target *log_target_next(const struct log_target *t)
{
	return t->next;
}

struct stick_table *stick_table_read(struct parse *p, struct slice name)
{
	(void)name;
	note(p, "stick-table");
	return object(p);
}

void stick_table_free(struct stick_table **t)
{
	*t = NULL; /* in the arena */
}

struct queue *queue_create(void)
{
	return calloc(1, 16);
}

void queue_free(struct queue **q)
{
	free(*q);
	*q = NULL;
}

/* ---- for the tests ---- */

/* Takes "(1234)" out of "[ALERT]    (1234) : config : …". */
static void pids_remove(void)
{
	char *to = messages_space;

	for (const char *from = messages_space; *from != '\0'; from++) {
		if (strncmp(from, " (", 2) == 0 && from[2] >= '0' && from[2] <= '9') {
			while (*from != ')')
				from++;
			continue;
		}
		*to++ = *from;
	}
	*to = '\0';
}

struct config *fakes_load(const char *text)
{
	struct config *c;

	fakes_begin();
	buf_init_fixed(&messages, messages_space, sizeof(messages_space));
	c = conf_load_text(SLICE_LIT("a.cfg"), slice_str(text), &messages);
	messages_space[messages.len] = '\0';
	pids_remove();
	return c;
}

const char *fakes_messages(void)
{
	return messages_space;
}

void fakes_end(struct config **c)
{
	conf_free(c);
}

struct proxy *fakes_proxy(struct config *c, const char *name)
{
	for (struct proxy *p = c->proxies; p != NULL; p = p->next) {
		if (slice_eq(p->name, slice_str(name)))
			return p;
	}
	return NULL;
}
