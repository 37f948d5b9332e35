/* conf.h - reads configuration files into a struct config. */
#ifndef MOA_GATEWAY_CONF_CONF_H
#define MOA_GATEWAY_CONF_CONF_H

#include <stdbool.h>
#include "gateway/model/config.h"
#include "shared/base/buf.h"
#include "shared/base/slice.h"

/* Reads <files> (a folder means its *.cfg files in the order of their names), one after the other as if they were one, then resolves names
 * between sections. NULL when something is wrong. <messages> gets one line for each error and warning, "[ALERT] …",
 * "[WARNING] …" and "[NOTICE] …", as HAProxy words them; below those about quotes and escapes the line itself. Main thread. */
struct config *conf_load(const char *const *files, unsigned count, struct buf *messages);
/* The same with <text> in place of a file of that name, and without the variables that HAProxy defines (HAPROXY_CFGFILES, …). */
struct config *conf_load_text(struct slice name, struct slice text, struct buf *messages);
/* Also what its modules took from elsewhere: tables, queues, variables. */
void conf_free(struct config **c);

/* -cc: 1 true, 0 false, -1 not understood (<messages> says why). */
int conf_condition(struct slice text, struct buf *messages);

/* All that is understood, a line each: keywords by section, options of "bind" and "server", actions, fetches and converters. "# own" stands
 * behind what HAProxy does not have. For -dK, and for the check that the documents are complete. */
void conf_keywords(struct buf *out);

#endif
