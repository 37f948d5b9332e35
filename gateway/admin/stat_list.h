/* stat_list.h - rows of the statistics as CSV, typed lines or JSON, written piece by piece: for the runtime socket and the status page. */
#ifndef MOA_GATEWAY_ADMIN_STAT_LIST_H
#define MOA_GATEWAY_ADMIN_STAT_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include "gateway/admin/stat.h"

enum stat_format { STAT_CSV, STAT_TYPED, STAT_JSON };

/* Zeroed but for what is to be shown and how. */
struct stat_list {
	struct stat_walk walk;
	enum stat_format format;
	bool any;  /* a row was written */
	bool open; /* what stands in front of all rows was */
};

#define STAT_ROW_MOST (40 * 1024) /* bytes of a row in the longest format, JSON, unless names are kilobytes long */

/* Appends rows until <out> has at least <enough> bytes; true: that was all, with what stands behind it. Any thread. */
bool stat_list_write(struct stat_list *l, struct buf *out, size_t enough);

#endif
