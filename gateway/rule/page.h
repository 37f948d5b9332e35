/* page.h - files read at the start: whole responses ("errorfile") and bodies ("file", "lf-file").
 *
 * A response is taken apart when it is read: its head must be as strict as one from a server (line ends may be bare LF, as
 * editors write them), and its length must be what it says. It is answered like any other reply of our own, so rules on responses, HEAD
 * and the client's next request work. An empty file answers nothing and closes the connection.
 */
#ifndef MOA_GATEWAY_RULE_PAGE_H
#define MOA_GATEWAY_RULE_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include "gateway/rule/rule.h"
#include "shared/base/slice.h"

struct page;
struct parse;

/* The content of <path>, at most <most> bytes, in the configuration's arena. False after complaining on behalf of <what>. */
bool page_file(struct parse *p, struct slice path, size_t most, const char *what, struct slice *out);
/* The response in the file <path>; NULL after complaining. At most a buffer without its reserve, so that it can be sent. */
const struct page *page_read(struct parse *p, struct slice path, const char *what);
/* Makes it the answer. */
void page_fill(const struct page *page, struct reply *reply);
/* How many bytes a body read here may have: tune.bufsize without tune.maxrewrite. */
size_t page_size_most(const struct parse *p);

#endif
