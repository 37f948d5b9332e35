/* error_page.h - the answers that the gateway makes for failures: errorfile, errorloc, http-errors, http-error, and the defaults.
 *
 * The default is a small page in HTML, as HAProxy has it, or with "option problem-documents" a document as the services send it (RFC 9457). Lists are never changed once a line is in them: a section
 * inherits those of its defaults by copying the pointer. Of several pages for a status the one read last counts.
 */
#ifndef MOA_GATEWAY_RULE_ERROR_PAGE_H
#define MOA_GATEWAY_RULE_ERROR_PAGE_H

#include <stdbool.h>
#include <stdint.h>
#include "gateway/rule/rule.h"

struct error_page;
struct exchange;
struct page;
struct parse;
struct proxy;

/* Reads "errorfile <code> <file>", "errorloc[302|303] <code> <url>", "http-error status …" or "errorfiles <section> [<code>]*",
 * from behind <keyword>, up to the end of the line. */
void error_page_read(struct parse *p, struct slice keyword, struct error_page **list);
/* Reads a line of an "http-errors <name>" section, or none: then the section only comes to be; <name> chooses it. */
void error_section_read(struct parse *p, struct slice section);

/* Fills <x->reply> with the answer for <status>: of the backend, else the frontend, else the default. <detail>: one sentence for the
 * default's problem document, or NULL. <retry_after_s>: 0: no Retry-After. Always succeeds; without memory the answer is a plainer one. */
void error_page_fill(struct exchange *x, int status, const char *detail, int retry_after_s);

/* ---- for the rest of rule/ ---- */

/* Whether the configuration may have a page for that status. */
bool error_page_has(uint64_t status);
/* Looks up the section <name>, complaining on behalf of <what> when there is none, and its page for <status>: NULL in *out when it has none.
 * Only in what rule_later() calls. */
void error_section_page(struct parse *p, struct slice name, int status, const char *what, const struct page **out);

#endif
