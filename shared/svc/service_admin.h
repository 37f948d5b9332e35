/* service_admin.h - what a service shows of itself on its admin port: readiness and parked events as JSON, and the kit's metrics. */
#ifndef MOA_SVC_SERVICE_ADMIN_H
#define MOA_SVC_SERVICE_ADMIN_H

#include <stddef.h>
#include <stdint.h>
#include "shared/svc/view.h"

struct http_server;
struct jsonw;
struct parked;
struct projection;
struct service;
struct service_admin;

/* All borrowed. */
struct service_admin_parts {
	struct service *service;
	struct http_server *http;
	struct view *const *views;
	struct projection *const *projections; /* one for each view */
	size_t view_count;
	struct parked *inbox_parked; /* NULL: there is no inbox */
	void (*tell)(void *app, struct jsonw *w); /* the domain's part of /readyz; may be NULL */
	void *app;
	const char *bind;
	uint16_t port;
};

/* NULL, and a logged reason, when the port is taken. */
struct service_admin *service_admin_start(const struct service_admin_parts *parts);
void service_admin_stop(struct service_admin **a);

#endif
