/* main.c - wiring only: what alarm_svc is made of. */
#include "alarm_svc/routes.h"
#include "alarm_svc/store.h"
#include "alarm_svc/views.h"
#include "shared/svc/service.h"

int main(int argc, char **argv)
{
	static const struct service_spec spec = {
		.name = "alarm",
		.port = 6001,
		.admin_port = 9601,
		.routes = alarm_routes,
		.owns = &alarm_outbox, /* which table becomes which topic */
		.views = alarm_views,  /* which topics become which part of our Redis */
		.auth = views_auth,
	};

	return service_main(&spec, argc, argv);
}
