/* html.h - texts and numbers as the status page shows them to people. */
#ifndef MOA_GATEWAY_ADMIN_HTML_H
#define MOA_GATEWAY_ADMIN_HTML_H

#include <stdint.h>
#include "shared/base/buf.h"

/* Safe in text and in quoted attributes; control characters become blanks. */
void html_text(struct buf *out, struct slice s);
void html_number(struct buf *out, int64_t n);   /* "99999", "123.4k", "1.2M" */
void html_bytes(struct buf *out, int64_t n);    /* "999 B", "1.5 KiB" */
void html_duration(struct buf *out, int64_t s); /* "3d 4h", "12m 5s" */
void html_latency(struct buf *out, int64_t us); /* "250µs", "1.5ms", "3.2s" */

#endif
