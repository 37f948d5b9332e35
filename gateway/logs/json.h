/* json.h - own keyword "option json-log": an exchange as one JSON object, for programs that read logs. */
#ifndef MOA_GATEWAY_LOGS_JSON_H
#define MOA_GATEWAY_LOGS_JSON_H

#include "shared/base/buf.h"

struct exchange;

/* A log line may have 1,024 bytes unless configured, with what syslog puts in front. Texts are cut so that it is whole; the target, which
 * stands at the end, gets what is left. */
#define LOG_JSON_MOST 900

/* Appends the object, without a line end. Times are milliseconds; what did not happen is left out. Never a header with a token. */
void log_json_write(const struct exchange *x, struct buf *out);

#endif
