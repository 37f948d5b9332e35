/* own.h - what the keywords that are not HAProxy's do with an exchange: consistency token, retry budget, trace context, limits.
 *
 * And the fields that "option forwardfor" and "unique-id-header" add. The exchange's own thread.
 */
#ifndef MOA_GATEWAY_SESSION_OWN_H
#define MOA_GATEWAY_SESSION_OWN_H

#include <stdbool.h>

struct stream;

/* Adds the fields that options ask for to the request, once, after all rules. False: there is no room. */
bool own_prepare_request(struct stream *s);
/* A server's response is there: keeps the facts in it. */
void own_see_response(struct stream *s);
/* Adds the fields that options ask for to the response, after all rules. */
void own_finish_response(struct stream *s);

/* retry-budget: whether there is one more retry in it; and taking it. */
bool own_may_take_retry(struct stream *s);
bool own_take_retry(struct stream *s);
/* A request has come to its backend: pays into the budget. */
void own_pay_retries(struct stream *s);
/* One sentence for the problem document of a failure with that status; NULL: the status says enough. */
const char *own_failure_text(int status);

#endif
