/* routes.h - the HTTP API of item_svc. */
#ifndef ITEM_SVC_ROUTES_H
#define ITEM_SVC_ROUTES_H

#include "shared/svc/router.h"

extern const struct route item_routes[]; /* ends with an entry without method */

#endif
