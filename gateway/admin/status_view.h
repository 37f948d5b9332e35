/* status_view.h - between the files of the status page: what a request asked to see. */
#ifndef MOA_GATEWAY_ADMIN_STATUS_VIEW_H
#define MOA_GATEWAY_ADMIN_STATUS_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include "gateway/admin/stat.h"
#include "gateway/admin/status_change.h"
#include "gateway/model/own.h"

struct arena;
struct exchange;
struct proxy;

enum status_format { STATUS_HTML, STATUS_CSV, STATUS_TYPED, STATUS_JSON };

struct status_view {
	const struct gateway *gateway;
	const struct proxy *proxy;     /* whose page it is */
	const struct stats_page *page;
	enum status_format format;
	bool hide_down, hide_maint, no_refresh;
	bool may_change;               /* "stats admin" */
	bool told;                     /* a form was sent before: */
	enum status_outcome outcome;
	struct slice scope;            /* text in the names of the sections that are shown; empty: all */
};

#define STATUS_SCOPE_MOST 20 /* bytes of a scope that count, as in HAProxy */

/* status_page.c: which rows it shows. */
struct stat_walk status_walk(const struct status_view *v);
/* The page's address with these options. <outcome> NULL: without one. Nothing of it is escaped for HTML. */
void status_address(const struct status_view *v, const char *outcome, struct buf *out);
/* "DONE" */
const char *status_outcome_word(enum status_outcome o);

/* status_form.c: reads the body of the form into an order, in <a>. False: *outcome says why there is nothing to do. */
bool status_form_read(const struct gateway *g, struct arena *a, struct slice body, struct status_order *order, enum status_outcome *outcome);

/* status_rows.c: how many servers are in which state; a bar of it; and a row. */
enum status_state {
	STATUS_IS_UP, STATUS_IS_GOING, STATUS_IS_DRAIN, STATUS_IS_MAINT, STATUS_IS_DOWN, STATUS_IS_NONE,
	STATUS_STATE_COUNT
};
struct status_counts {
	unsigned of[STATUS_STATE_COUNT];
};
void status_count_servers(const struct proxy *p, struct status_counts *counts);
void status_bar_write(const struct status_counts *counts, struct buf *out);
void status_row_write(const struct status_view *v, const struct stat_row *row, struct buf *out);

/* status_html.c: the page, piece by piece; zeroed but for the walk. */
struct status_html {
	struct stat_walk walk;
	const struct proxy *section; /* that is open */
	bool begun;
};
/* Appends until <out> has <enough> bytes; true: that was all. */
bool status_html_write(struct status_html *h, const struct status_view *v, struct buf *out, size_t enough);

#define STATUS_HTML_MOST (20 * 1024) /* bytes of the page's head, or of a section's head and a row, unless names are kilobytes long */

extern const char status_style[]; /* status_style.c */

#endif
