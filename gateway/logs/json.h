/* json.h - own keyword "option json-log": an exchange as one JSON object, for programs that read logs. */
#ifndef MOA_GATEWAY_LOGS_JSON_H
#define MOA_GATEWAY_LOGS_JSON_H

#include "shared/base/buf.h"

struct exchange;

/* Below the 1,024 bytes that a log line may have unless configured: texts that the client chose are cut so that a line is always whole. */
#define LOG_JSON_MOST 1000

/* Appends the object, without a line end. Times are milliseconds; what did not happen is left out. Never a header with a token. */
void log_json_write(const struct exchange *x, struct buf *out);

#endif
