/* auth.h - names and passwords of clients: HTTP's Basic authentication (RFC 7617). The exchange's worker. */
#ifndef MOA_GATEWAY_RULE_AUTH_H
#define MOA_GATEWAY_RULE_AUTH_H

#include <stdbool.h>
#include "gateway/rule/rule.h"

struct exchange;

/* What the client says that it is, decoded into the exchange's arena. False: nothing, or not in that form. */
bool auth_basic(struct exchange *x, struct slice *name, struct slice *password);
/* Whether both are the same; how long it takes says nothing about how much of them is. */
bool auth_same(struct slice a, struct slice b);
/* Asks for a name and a password: x->reply is the proxy's page for 401 with the challenge. VERDICT_REPLY, or VERDICT_FAIL without memory. */
enum verdict auth_demand(struct exchange *x, struct slice realm);

#endif
