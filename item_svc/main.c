/* main.c - wiring only: what item_svc is made of. */
#include "item_svc/routes.h"
#include "item_svc/store.h"
#include "item_svc/views.h"
#include "item_svc/visits.h"
#include "shared/svc/service.h"

static void *start(struct service *s)
{
	return visits_start(s);
}

static void tell(void *app, struct jsonw *w)
{
	visits_tell(app, w);
}

static void stop(struct service *s, void *app)
{
	struct visits *visits = app;

	(void)s;
	visits_stop(&visits);
}

int main(int argc, char **argv)
{
	static const struct service_spec spec = {
		.name = "item",
		.port = 5001,
		.admin_port = 9501,
		.routes = item_routes,
		.owns = &item_outbox, /* which table becomes which topic */
		.views = item_views,  /* which topics become which part of our Redis */
		.auth = views_auth,
		.start = start,       /* visits: a spool and its courier */
		.stop = stop,
		.tell = tell,
	};

	return service_main(&spec, argc, argv);
}
