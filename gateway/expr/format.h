/* format.h - log formats and other texts with %-variables and %[expressions] (manual, 8.2.4 and 8.2.6). */
#ifndef MOA_GATEWAY_EXPR_FORMAT_H
#define MOA_GATEWAY_EXPR_FORMAT_H

#include <stdbool.h>
#include "shared/base/buf.h"
#include "shared/base/slice.h"

struct exchange;
struct format;
struct parse;

/* Compiles; NULL after complaining. Where the log is (WHEN_LOG), blanks that follow each other become one, as in HAProxy. */
struct format *format_parse(struct parse *p, struct slice text, unsigned when, const char *where);
/* The text when it has no variable at all, else SLICE_NONE. */
struct slice format_constant(const struct format *f);
/* Appends; what does not fit is left out and marks <out> as failed (buf_ok). <for_log>: values that are not there are written
 * as "-" and unprintable bytes of expressions as #XX; else they are empty and written as they are. The request's line and captures
 * are written with #XX everywhere. The exchange's worker. */
void format_write(const struct format *f, struct exchange *x, bool for_log, struct buf *out);
/* In the exchange's arena, or <f>'s own text; SLICE_NONE when it does not fit there, or has more than FORMAT_TEXT_MOST bytes. */
struct slice format_text(const struct format *f, struct exchange *x);
#define FORMAT_TEXT_MOST 32768

/* The exchange's id by its frontend's unique-id-format, made when it is asked for first; SLICE_NONE: there is no such format, or no
 * memory. Its request is still needed for that. */
struct slice format_unique_id(struct exchange *x);

/* The ready formats of "option httplog", "option tcplog", "option httplog clf" and the default one, as log-format texts. */
extern const char format_httplog[];
extern const char format_tcplog[];
extern const char format_clf[];
extern const char format_plain[];

#endif
