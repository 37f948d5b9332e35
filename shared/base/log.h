/* log.h - log lines: time, level, event, key=value; to standard error, one write() per line.
 *
 * Format "text" or "json". Values are quoted and escaped; no token and no body is
 * ever passed in. Any thread.
 */
#ifndef MOA_BASE_LOG_H
#define MOA_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include "shared/base/slice.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* Set once by main before threads start (the one exception to "no mutable globals": passing a
 * logger to every leaf would cost each signature an argument that never differs). */
void log_setup(const char *program, enum log_level least, enum log_format format);
bool log_level_parse(struct slice s, enum log_level *out);   /* debug info warn error */
bool log_format_parse(struct slice s, enum log_format *out); /* text json */
bool log_enabled(enum log_level level);

/* log_event(LOG_LEVEL_WARN, "sql.down", "host=%s errno=%d", host, n): the rest is a printf format of
 * space-separated key=value pairs; a value that may hold spaces or quotes goes through %s of log_q(). */
void log_event(enum log_level level, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define log_debug(event, ...) log_event(LOG_LEVEL_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...) log_event(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_warn(event, ...) log_event(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define log_error(event, ...) log_event(LOG_LEVEL_ERROR, event, __VA_ARGS__)

#define LOG_Q_SIZE 256
struct log_q {
	char text[LOG_Q_SIZE];
};
/* <s> as a quoted value: "…", with quotes, backslashes and control characters escaped, cut at the size. */
const char *log_q(struct log_q *space, struct slice s);
#define LOG_Q(s) log_q(&(struct log_q){ { 0 } }, s)

/* True at most once per <period_ms> for each <last_us> (starts at 0): keeps a failing loop from flooding the log. */
bool log_every(int64_t *last_us, int period_ms);

#endif
