/* fetch_http.h - what the fetches of HTTP messages share. */
#ifndef MOA_GATEWAY_EXPR_FETCH_HTTP_H
#define MOA_GATEWAY_EXPR_FETCH_HTTP_H

#include <stdbool.h>
#include <stdint.h>
#include "shared/base/slice.h"

struct exchange;

/* Walks over the fields of a message, by index from 0: of that name (without regard to case; "" for all). Those that describe this connection
 * and the length are taken out of a head when it is framed; they are made up again behind the others, so that rules see them. */
struct field_walk {
	struct exchange *x;
	bool response;
	unsigned at;         /* next index */
	struct slice name, value; /* of the field that was found */
	char number[24];     /* space for a length; the value may lie here */
};

void field_walk_begin(struct field_walk *f, struct exchange *x, bool response, unsigned at);
bool field_walk_next(struct field_walk *f, struct slice name);

/* Path and query as they are now, "/a?b": from the buffer when they lie there in one piece, else joined in the arena. */
struct slice fetch_pathq(struct exchange *x);
/* The next "name=value" of a query: its parts are between '&', ';' and <delimiter>; those without '=' are passed over. <name> "": any. False: no
 * more. *rest is what is left, SLICE_NONE at the end. */
bool fetch_next_parameter(struct slice *rest, char delimiter, struct slice name, struct slice *value);

#endif
