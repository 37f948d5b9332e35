/* service.h - what a service is made of, and the one function that runs it.
 *
 * service_main() reads the settings, opens the parts in the background (none needs to be there), starts relay,
 * projections, API and admin servers. On SIGTERM or SIGINT it leaves (serves on, as not ready, for LEAVE_MS: whoever shares out requests
 * takes it out meanwhile), then stops accepting, drains, flushes and returns 0. A second signal ends the leaving.
 */
#ifndef MOA_SVC_SERVICE_H
#define MOA_SVC_SERVICE_H

#include <stdint.h>
#include "shared/base/err.h"
#include "shared/io/resp.h"
#include "shared/io/sql.h"
#include "shared/svc/config.h"
#include "shared/svc/metrics.h"
#include "shared/svc/relay.h"
#include "shared/svc/request.h"
#include "shared/svc/router.h"
#include "shared/svc/view.h"

struct service;
struct jsonw;
struct parked;

struct service_spec {
	const char *name;                      /* "item"; the program is item_svc, the default schema is item */
	uint16_t port;                         /* the admin port's default is given beside it */
	uint16_t admin_port;
	const struct route *routes;
	const struct owned_table *owns;        /* which table becomes which topic */
	const struct view_spec *const *views;  /* which topics become which part of our Redis; ends with NULL */
	/* Who the caller is; see auth.h. Runs on a worker. */
	enum err (*auth)(struct request *rq, struct slice token);
	/* The domain's own running parts (a spool, an inbox); both may be NULL. start runs before the API opens,
	 * stop after it has drained. The pointer is rq->app. */
	void *(*start)(struct service *s);
	void (*stop)(struct service *s, void *app);
	struct parked *(*parked)(void *app); /* what an inbox of the domain has parked; may be NULL */
	/* Adds members to /readyz, from memory, on the admin loop; may be NULL. */
	void (*tell)(void *app, struct jsonw *w);
};

int service_main(const struct service_spec *spec, int argc, char **argv);

/* ---- for handlers and parts; all live as long as the service; any thread ---- */
struct sql_db *service_sql(struct service *s);
struct resp_db *service_resp(struct service *s);
const struct config *service_config(const struct service *s);
struct metrics *service_metrics(struct service *s);
struct view *service_own(struct service *s);
/* The view made from <spec>, which must be one of the service's views. */
struct view *service_view(struct service *s, const struct view_spec *spec);
struct relay *service_relay(struct service *s);
bool service_is_leaving(struct service *s);

#endif
