/* routes.h - the HTTP API of user_svc, and who calls it. */
#ifndef USER_SVC_ROUTES_H
#define USER_SVC_ROUTES_H

#include "shared/svc/router.h"

extern const struct route user_routes[]; /* ends with an entry without method */

/* Who calls: own MySQL knows, else own Redis. ERR_UNAUTHORIZED only from MySQL. On a worker. */
enum err MUST_CHECK user_auth(struct request *rq, struct slice token);

#endif
