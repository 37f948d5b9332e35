/* cond.h - acls, and the conditions behind "if" and "unless" (manual, 7.1 and 7.2). */
#ifndef MOA_GATEWAY_EXPR_COND_H
#define MOA_GATEWAY_EXPR_COND_H

#include <stdbool.h>

struct cond;
struct exchange;
struct parse;

/* Reads the line "acl <name> <criterion> [flags] [operator] <values>", whose first word was taken, into p->proxy->acls. */
void acl_read(struct parse *p);
/* Reads "if …" or "unless …" up to the end of the line, anonymous acls and the predefined ones included. True and *out NULL
 * when the line has ended; false after complaining. <when> and <where> as for expr_parse(). */
bool cond_read(struct parse *p, unsigned when, const char *where, struct cond **out);
/* NULL holds always. */
bool cond_holds(const struct cond *c, struct exchange *x);

#endif
