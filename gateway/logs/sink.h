/* sink.h - where log lines go: syslog over UDP or a Unix socket, or a descriptor; gathered per round and sent together.
 *
 * Sending never waits: what does not fit is dropped and counted. A sink belongs to one worker's thread.
 */
#ifndef MOA_GATEWAY_LOGS_SINK_H
#define MOA_GATEWAY_LOGS_SINK_H

#include <stdbool.h>
#include <stdint.h>
#include "shared/base/slice.h"

struct log_sink;
struct parse;

enum log_layout { LAYOUT_LOCAL, LAYOUT_RFC3164, LAYOUT_RFC5424, LAYOUT_SHORT, LAYOUT_PRIORITY, LAYOUT_TIMED, LAYOUT_ISO, LAYOUT_RAW };

/* A "log" line: "log 127.0.0.1:514 len 1024 format raw sample 1:10 local0 info notice". */
struct log_target;

/* Reads it, from behind "log", into the end of <list>; "log global" is the caller's. A name in it is looked up at once. After complaining
 * the list is as it was. */
void log_target_read(struct parse *p, struct log_target **list);
struct log_target *log_target_next(const struct log_target *t);
/* "<address> <facility> …": one line for messages. */
struct slice log_target_name(const struct log_target *t);

/* <host>: of log-send-hostname, else SLICE_NONE. <tag>: of the global section, "gateway" unless set. Both are borrowed. Opens nothing yet,
 * and takes all its memory, about 90 KB, of which an idle sink touches little. To be called in the process that will log: it notes
 * the process id. Out of memory aborts. */
struct log_sink *log_sink_create(struct slice host, struct slice tag);
void log_sink_free(struct log_sink **s); /* sends what is left */

/* Severity as in syslog: 0 emergency to 7 debug. Adds <line> (without its end) for each target of the list whose levels take it, with the
 * layout's prefix, cut at the target's length. <tag>: of the proxy, or SLICE_NONE. <data>: what RFC 5424 calls structured data, for targets
 * of that layout; empty: none. The targets live at least until the next flush. */
void log_sink_add(struct log_sink *s, const struct log_target *targets, int severity, struct slice tag, int64_t wall_us, struct slice data,
		  struct slice line);
/* Sends what was gathered: at the end of each round of the loop. */
void log_sink_flush(struct log_sink *s);
/* Lines that were dropped so far. Any thread. */
uint64_t log_sink_dropped(const struct log_sink *s);

#endif
