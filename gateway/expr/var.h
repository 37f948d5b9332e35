/* var.h - variables of rules: "txn.user", with the scopes proc, sess, txn, req, res.
 *
 * Those of proc are shared by all threads: reading or setting one takes a lock for a moment. No other scope does.
 */
#ifndef MOA_GATEWAY_EXPR_VAR_H
#define MOA_GATEWAY_EXPR_VAR_H

#include <stdbool.h>
#include <stdint.h>
#include "gateway/expr/sample.h"
#include "gateway/loop/pool.h"

enum var_scope { VAR_PROC, VAR_SESS, VAR_TXN, VAR_REQ, VAR_RES };

struct var_names; /* every name that the configuration uses, numbered; and the values of proc */

struct var_ref {
	enum var_scope scope;
	unsigned id;
};

/* The values set in one scope: a list of blocks from a worker's pool. Zeroed: none. */
struct vars {
	struct var *first;
};

struct var_names *var_names_create(void);
void var_names_free(struct var_names **n); /* *n may be NULL */
/* Reads "scope.name" and numbers it, in p->config->var_names (made when there is none yet); false after complaining. */
bool var_name_parse(struct parse *p, struct slice text, struct var_ref *out);

/* False when it is not set. Its text stays until it is set again or its scope ends. */
bool var_get(struct exchange *x, struct var_ref ref, struct sample *out);
/* Copies; false when there is no memory. Values longer than VAR_TEXT_MAX are refused. */
bool var_set(struct exchange *x, struct var_ref ref, const struct sample *value);
void var_unset(struct exchange *x, struct var_ref ref);
/* "set-var proc.x …" of the global section. False after complaining. */
bool var_set_proc(struct parse *p, struct var_ref ref, const struct sample *value);
#define VAR_TEXT_MAX 4096

/* A pool for the values of one worker. */
struct pool *var_pool_create(void);
/* Gives back all values of a scope when it ends. */
void vars_clear(struct vars *v, struct pool *pool);

#endif
