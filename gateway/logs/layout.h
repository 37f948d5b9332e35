/* layout.h - what stands in front of a log line: priority, time, host, tag, process id, as HAProxy writes them byte by byte. */
#ifndef MOA_GATEWAY_LOGS_LAYOUT_H
#define MOA_GATEWAY_LOGS_LAYOUT_H

#include <stdint.h>
#include "gateway/logs/sink.h"
#include "shared/base/buf.h"

/* Longer ones are cut. */
#define LAYOUT_NAME_MOST 255
#define LAYOUT_PREFIX_MOST 640

/* Local time as text, made once a second. Zeroed: not made yet. */
struct log_clock {
	int64_t second; /* since 1970, and that plus 1, so that 0 is none */
	char rfc3164[16]; /* "Jan  5 09:08:07" */
	char iso[20];     /* "2026-01-05T09:08:07" */
	char zone[7];     /* "+09:00" */
};

struct log_prefix {
	enum log_layout layout;
	unsigned facility;
	int severity;
	struct slice host; /* SLICE_NONE: not to be told */
	struct slice tag;
	int pid;
	bool has_data; /* structured data follows, else '-' stands for it */
	int64_t wall_us;
};

/* At most LAYOUT_PREFIX_MOST bytes. */
void log_prefix_write(struct log_clock *clock, const struct log_prefix *what, struct buf *out);

#endif
