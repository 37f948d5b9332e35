/* acl.h - named tests of an exchange: what "acl" lines and the braces of anonymous ones are compiled to. */
#ifndef MOA_GATEWAY_EXPR_ACL_H
#define MOA_GATEWAY_EXPR_ACL_H

#include <stdbool.h>
#include "shared/base/slice.h"

struct acl;
struct exchange;
struct parse;

/* Compiles "<criterion> [flags] [operator] <patterns>" of <count> words; NULL after complaining. */
struct acl *acl_anonymous(struct parse *p, const struct slice *words, unsigned count);
/* The acl of that name: of the section, else a predefined one. NULL after complaining. */
struct acl *acl_find(struct parse *p, struct slice name);
/* Whether <a> can be used where <when> is available; false after complaining. */
bool acl_usable(struct parse *p, const struct acl *a, unsigned when, const char *where);
/* Whether one of its tests holds. */
bool acl_holds(const struct acl *a, struct exchange *x);

#endif
