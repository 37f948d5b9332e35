/* status_page.h - the status page of a section ("stats uri"): whether a request is for it, and what it is answered.
 *
 * As HTML, or behind the page's address ";csv", ";json" or ";typed"; ";up" and ";no-maint" leave servers out, ";norefresh" stops the page
 * from coming anew, "?scope=<text>" shows the sections whose name holds the text. A POST is the page's form, which changes servers where
 * "stats admin" allows it; it is refused when the browser says that another site sent it. The exchange's worker.
 */
#ifndef MOA_GATEWAY_ADMIN_STATUS_PAGE_H
#define MOA_GATEWAY_ADMIN_STATUS_PAGE_H

#include "gateway/admin/status_change.h"
#include "gateway/rule/rule.h"

struct exchange;
struct proxy;

/* <p> has a page. VERDICT_NEXT: the request is for something else; else as for rules: VERDICT_REPLY, or what "stats http-request" rules
 * say, or VERDICT_BODY: to be called again with the body of a form. When it sets *order, that is to be carried out first, and the answer
 * is made by status_page_changed(). */
enum verdict status_page(const struct proxy *p, struct exchange *x, struct status_order **order);
void status_page_changed(struct exchange *x, const struct status_order *order, enum status_outcome outcome);

#endif
