/* routes.h - the HTTP API of alarm_svc. */
#ifndef ALARM_SVC_ROUTES_H
#define ALARM_SVC_ROUTES_H

#include "shared/svc/router.h"

extern const struct route alarm_routes[]; /* ends with an entry without method */

#endif
