/* arg.h - the arguments of fetches and converters: "(x-list,2)".
 *
 * What may stand there is told by letters, those behind '|' are optional:
 *   s  a text, perhaps empty          i  a number                    n  a number or a variable
 *   v  a variable                     4  an IPv4 mask, 24 or 255.255.255.0     6  an IPv6 mask, 64 or ffff::
 *   t  a stick table; without one, that of the proxy where the expression stands
 *   T  a stick table; without one, the table that the counter tracks
 *   b  a backend, f  a frontend; without one, the proxy where the expression stands
 *   r  a server, "backend/server" or a server of that proxy
 */
#ifndef MOA_GATEWAY_EXPR_ARG_H
#define MOA_GATEWAY_EXPR_ARG_H

#include <stdbool.h>
#include <stdint.h>
#include "gateway/expr/var.h"
#include "shared/base/slice.h"

struct parse;
struct proxy;
struct server;
struct stick_table;

struct arg {
	bool given;               /* false: left out; an empty text counts as given for 's' only */
	bool is_var;
	struct slice text;        /* unquoted, a NUL behind it; never SLICE_NONE */
	int64_t number;
	struct var_ref var;
	struct proxy *proxy;      /* NULL in a defaults section: the exchange's own */
	struct server *server;
	struct stick_table *table;
	uint8_t mask[16];         /* 4 or 16 bytes */
};

struct args {
	const char *keyword;      /* of the fetch or converter */
	int data;                 /* of its table entry */
	unsigned count;           /* given */
	struct arg *at;           /* as many as the entry has letters */
	void *made;               /* what check() made of them: a map, a regular expression */
};

/* Reads "(…)" from the start of <rest>, if there is one, for <keyword> with these <letters> (NULL: none) and takes it off. <kind>: "sample
 * fetch" or "converter", for complaints. False after complaining. */
bool args_parse(struct parse *p, const char *kind, const char *keyword, const char *letters, struct slice *rest, struct args *out);
/* Looks up the tables, proxies and servers that were named so far; complains about what there is not. */
void args_resolve(struct parse *p);

/* Number <i> as a number, a variable looked up; false when it is not set. */
bool arg_number(struct exchange *x, const struct arg *a, int64_t *out);

#endif
