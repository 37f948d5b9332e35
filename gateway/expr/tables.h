/* tables.h - all fetches and converters by name. Each table ends with an entry without a name. */
#ifndef MOA_GATEWAY_EXPR_TABLES_H
#define MOA_GATEWAY_EXPR_TABLES_H

#include "gateway/expr/sample.h"
#include "shared/base/buf.h"

extern const struct fetch fetch_client[];   /* the client's connection, frontend and listener */
extern const struct fetch fetch_request[];  /* start line, URL, query, body */
extern const struct fetch fetch_header[];   /* fields of request and response */
extern const struct fetch fetch_cookie[];
extern const struct fetch fetch_message[];  /* what is kept to the end: captures, status, id */
extern const struct fetch fetch_proxy[];    /* backends and frontends, and how busy they are */
extern const struct fetch fetch_server[];
extern const struct fetch fetch_table[];    /* sticky counters */
extern const struct fetch fetch_misc[];     /* constants, variables, process, clock */

extern const struct converter conv_text[];
extern const struct converter conv_split[];
extern const struct converter conv_encode[];
extern const struct converter conv_json[];
extern const struct converter conv_number[];
extern const struct converter conv_hash[];
extern const struct converter conv_date[];
extern const struct converter conv_map[];
extern const struct converter conv_table[];

/* The fetch of that name. One name may stand for two, for the request and for the response: that one is preferred whose needs <when>
 * fulfils. NULL: there is none. */
const struct fetch *tables_fetch(struct slice name, unsigned when);
const struct converter *tables_converter(struct slice name);
/* The name that is nearest to a misspelt one, or NULL. Fetches with their acl derivatives when <for_acl>. */
const char *tables_nearest_fetch(struct parse *p, struct slice name, bool for_acl);
const char *tables_nearest_converter(struct parse *p, struct slice name);
/* "fetch path\n…converter lower\n": for the documents' check. */
void tables_list(struct buf *out);

/* The acl derivatives: the suffixes "beg", "dir", …, ended by NULL; each is also the name of the match that it implies. */
extern const char *const tables_suffixes[];

#endif
