/* expr.h - compiled sample expressions, such as "req.hdr(host),lower,field(1,:)". */
#ifndef MOA_GATEWAY_EXPR_EXPR_H
#define MOA_GATEWAY_EXPR_EXPR_H

#include <stdbool.h>
#include "gateway/expr/sample.h"

struct expr;
struct parse;

/* Compiles <text>; <when>: what is available where it will be used, named <where> in complaints ("http-request rule"). NULL
 * after complaining. Tables and backends that arguments name are looked up by expr_resolve_all() after all files. */
struct expr *expr_parse(struct parse *p, struct slice text, unsigned when, const char *where);
/* Looks up what arguments of all expressions named; complains about what there is not. Once, after reading. */
void expr_resolve_all(struct parse *p);

/* Its value; false when there is none. Any worker, for its own exchange. */
bool expr_get(const struct expr *e, struct exchange *x, struct sample *out);
/* Its value as text; SLICE_NONE when there is none. */
struct slice expr_text(const struct expr *e, struct exchange *x);
/* Its value as a number; <otherwise> when there is none. */
int64_t expr_number(const struct expr *e, struct exchange *x, int64_t otherwise);
enum sample_type expr_type(const struct expr *e);
/* Its value while the configuration is read (WHEN_CONFIG): for "set-var proc.x int(1)" of the global section. */
bool expr_get_config(const struct expr *e, struct parse *p, struct sample *out);

/* ---- for conditions ---- */

/* The next of all its values; <w> zeroed before the first. False: no more. */
bool expr_next(const struct expr *e, struct exchange *x, struct walk *w, struct sample *out);

/* How an acl's criterion is to be compared: "beg" for "path_beg", "" for none; NULL after complaining. *out and *needs as expr_parse(),
 * but it may be used anywhere: <needs> gets what must be available there (bits of enum sample_when). */
const char *expr_parse_criterion(struct parse *p, struct slice text, struct expr **out, unsigned *needs);
/* Whether what an expression needs is there, where <when> is available; bends <when> for backends as expr_parse() does. */
bool expr_available(const struct parse *p, unsigned needs, unsigned when);
/* What of <needs> is missing in <when>, for complaints: "the response's head". */
const char *expr_missing(const struct parse *p, unsigned needs, unsigned when);

#endif
