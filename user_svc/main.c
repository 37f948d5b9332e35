/* main.c - wiring only: what user_svc is made of. */
#include "shared/svc/service.h"
#include "user_svc/routes.h"
#include "user_svc/store.h"
#include "user_svc/views.h"
#include "user_svc/visits.h"

static void *start(struct service *s)
{
	return visits_start(s);
}

static struct parked *parked(void *app)
{
	return visits_parked(app);
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
		.name = "user",
		.port = 7001,
		.admin_port = 9701,
		.routes = user_routes,
		.owns = &user_outbox, /* which table becomes which topic */
		.views = user_views,  /* which topics become which part of our Redis */
		.auth = user_auth,
		.start = start,       /* visits: an inbox, and their copy in own Redis */
		.stop = stop,
		.parked = parked,
	};

	return service_main(&spec, argc, argv);
}
