/* actions.h - between the files of rule/: the tables of actions, and what reading and running them have in common. */
#ifndef MOA_GATEWAY_RULE_ACTIONS_H
#define MOA_GATEWAY_RULE_ACTIONS_H

#include "gateway/conf/parse.h"
#include "gateway/http/head.h"
#include "gateway/rule/rule.h"
#include "gateway/session/exchange.h"

struct expr;
struct format;

/* By topic; each ends with an entry without a name. A new action is one more entry. */
extern const struct action actions_header[];
extern const struct action actions_path[];
extern const struct action actions_normalize[];
extern const struct action actions_final[];
extern const struct action actions_redirect[];
extern const struct action actions_var[];
extern const struct action actions_track[];
extern const struct action actions_address[];
extern const struct action actions_capture[];
extern const struct action actions_misc[];
extern const struct action actions_limit[];
extern const struct action actions_service[];

/* Bits of action.sets. */
#define ON(set) (1U << (set))
#define ON_CONNECTION (ON(RULES_CONNECTION) | ON(RULES_SESSION))
#define ON_TCP (ON_CONNECTION | ON(RULES_CONTENT))
#define ON_ANSWER (ON(RULES_RESPONSE) | ON(RULES_AFTER_RESPONSE))
#define ON_HTTP (ON(RULES_REQUEST) | ON_ANSWER)

/* ---- reading; main thread ---- */

const char *rule_keyword(enum rule_set set); /* "http-request" */
const char *rule_where(enum rule_set set);   /* "http-request rule" */
unsigned rule_when(enum rule_set set);       /* what its expressions may use */
/* Whether rules of that set work on the response. */
bool rule_on_response(enum rule_set set);

/* Takes the next <count> words, none of them empty; else complains that the rule expects <usage>. */
bool rule_words(struct parse *p, enum rule_set set, struct slice name, const char *usage, unsigned count, struct slice *out);
/* What stands in the parentheses behind an action's name: "txn.a" of "set-var(txn.a)". */
bool rule_inside(struct parse *p, enum rule_set set, struct slice name, struct slice *out);
struct format *rule_format(struct parse *p, enum rule_set set, struct slice text);
struct expr *rule_expr(struct parse *p, enum rule_set set, struct slice text);
/* Memory of the configuration, zeroed. */
void *rule_memory(struct parse *p, size_t bytes);

/* Has rules_resolve_all() call look(), with p->proxy, p->file and p->line as they are now. */
void rule_later(struct parse *p, void (*look)(struct parse *p, void *arg), void *arg);
/* The stick table of the section <name>, SLICE_NONE: of p->proxy. NULL after complaining on behalf of <who>. Only in look(). */
struct stick_table *rule_table(struct parse *p, struct slice name, const char *who);

/* The argument of a rule for the section keyword "redirect", whose texts are no formats; NULL after complaining. */
const void *redirect_plain(struct parse *p);

/* ---- running; the exchange's worker ---- */

/* The text as the value of a field: bytes that no value may hold are written as %XX, as HAProxy writes them, so that no value
 * begins another line; blanks around it are cut. SLICE_NONE: no room. */
struct slice rule_value(const struct format *f, struct exchange *x);
struct slice rule_value_of(struct slice text, struct exchange *x);

static inline struct http_head *rule_head(struct exchange *x, bool response)
{
	return response ? &x->response : &x->request;
}

#endif
