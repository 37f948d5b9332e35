/* fetch_client.c - samples of the client's connection: addresses, frontend, listener (manual, 7.3.3). */
#include "gateway/expr/tables.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>
#include "gateway/expr/arg.h"
#include "gateway/model/config.h"
#include "gateway/model/proxy.h"
#include "gateway/session/exchange.h"

/* One end of the client's connection; SEEN: as rules have set it, REAL: as it was accepted. */
enum which { FROM_SEEN, FROM_REAL, TO };

static const struct sockaddr_storage *end_of(const struct exchange *x, enum which which)
{
	return which == TO ? &x->session->to : which == FROM_SEEN ? exchange_source(x) : &x->session->from;
}

static bool get_addr(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)w;
	return sample_set_addr(out, end_of(x, (enum which)a->data));
}

/* -1 for what is no internet address. */
static int port_of(const struct sockaddr_storage *a)
{
	if (a->ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)(const void *)a)->sin_port);
	if (a->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)(const void *)a)->sin6_port);
	return -1;
}

static bool get_port(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	int port = port_of(end_of(x, (enum which)a->data));

	(void)w;
	return port >= 0 && sample_set_int(out, port);
}

/* Whether an address belongs to this machine: a socket can then be bound to it. Three system calls, none of which waits. */
static bool is_local(const struct sockaddr_storage *from)
{
	struct sockaddr_storage a = *from;
	socklen_t len = a.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	bool local;
	int fd;

	if (a.ss_family != AF_INET && a.ss_family != AF_INET6)
		return true; /* a Unix socket */
	if (a.ss_family == AF_INET)
		((struct sockaddr_in *)(void *)&a)->sin_port = 0;
	else
		((struct sockaddr_in6 *)(void *)&a)->sin6_port = 0;
	fd = socket(a.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
	if (fd < 0)
		return false;
	local = bind(fd, (const struct sockaddr *)&a, len) == 0;
	(void)close(fd);
	return local;
}

static bool get_is_local(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)w;
	return sample_set_bool(out, is_local(end_of(x, (enum which)a->data)));
}

static bool get_false(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)x, (void)a, (void)w;
	return sample_set_bool(out, false);
}

static bool get_http_major(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)x, (void)a, (void)w;
	return sample_set_int(out, 1);
}

static bool get_fe_id(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)a, (void)w;
	return sample_set_int(out, x->session->frontend->id);
}

static bool get_fe_name(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)a, (void)w;
	return sample_set_text(out, x->session->frontend->name);
}

static bool get_fe_defbe(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	const struct proxy *be = x->session->frontend->default_backend;

	(void)a, (void)w;
	return be != NULL && sample_set_text(out, be->name);
}

static bool get_fe_timeout(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)a, (void)w;
	return sample_set_int(out, x->session->frontend->timeout.client);
}

static bool get_so_id(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)a, (void)w;
	return x->session->listener != NULL && sample_set_int(out, x->session->listener->id);
}

static bool get_so_name(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)a, (void)w;
	return x->session->listener != NULL && sample_set_text(out, x->session->listener->name);
}

static bool get_first_request(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	(void)a, (void)w;
	return sample_set_bool(out, x->session->requests <= 1);
}

const struct fetch fetch_client[] = {
	{ .name = "src", .type = SAMPLE_ADDR, .when = WHEN_CONNECTION, .get = get_addr, .data = FROM_SEEN },
	{ .name = "fc_src", .type = SAMPLE_ADDR, .when = WHEN_CONNECTION, .get = get_addr, .data = FROM_REAL },
	{ .name = "dst", .type = SAMPLE_ADDR, .when = WHEN_CONNECTION, .get = get_addr, .data = TO },
	{ .name = "fc_dst", .type = SAMPLE_ADDR, .when = WHEN_CONNECTION, .get = get_addr, .data = TO },
	{ .name = "src_port", .type = SAMPLE_INT, .when = WHEN_CONNECTION, .get = get_port, .data = FROM_SEEN },
	{ .name = "fc_src_port", .type = SAMPLE_INT, .when = WHEN_CONNECTION, .get = get_port, .data = FROM_REAL },
	{ .name = "dst_port", .type = SAMPLE_INT, .when = WHEN_CONNECTION, .get = get_port, .data = TO },
	{ .name = "fc_dst_port", .type = SAMPLE_INT, .when = WHEN_CONNECTION, .get = get_port, .data = TO },
	{ .name = "src_is_local", .type = SAMPLE_BOOL, .when = WHEN_CONNECTION, .get = get_is_local, .data = FROM_SEEN },
	{ .name = "fc_src_is_local", .type = SAMPLE_BOOL, .when = WHEN_CONNECTION, .get = get_is_local, .data = FROM_REAL },
	{ .name = "dst_is_local", .type = SAMPLE_BOOL, .when = WHEN_CONNECTION, .get = get_is_local, .data = TO },
	{ .name = "fc_dst_is_local", .type = SAMPLE_BOOL, .when = WHEN_CONNECTION, .get = get_is_local, .data = TO },
	{ .name = "fc_rcvd_proxy", .type = SAMPLE_BOOL, .when = WHEN_CONNECTION, .get = get_false },
	{ .name = "fc_http_major", .type = SAMPLE_INT, .when = WHEN_CONNECTION, .get = get_http_major },
	/* TLS ends in front of this program, so a client's connection never is */
	{ .name = "ssl_fc", .type = SAMPLE_BOOL, .when = WHEN_CONNECTION, .get = get_false },
	{ .name = "fe_id", .type = SAMPLE_INT, .when = WHEN_CONNECTION, .get = get_fe_id },
	{ .name = "fe_name", .type = SAMPLE_STR, .when = WHEN_CONNECTION, .get = get_fe_name },
	{ .name = "fe_defbe", .type = SAMPLE_STR, .when = WHEN_CONNECTION, .get = get_fe_defbe },
	{ .name = "fe_client_timeout", .type = SAMPLE_INT, .when = WHEN_CONNECTION, .get = get_fe_timeout },
	{ .name = "so_id", .type = SAMPLE_INT, .when = WHEN_CONNECTION, .get = get_so_id },
	{ .name = "so_name", .type = SAMPLE_STR, .when = WHEN_CONNECTION, .get = get_so_name },
	{ .name = "http_first_req", .type = SAMPLE_BOOL, .when = WHEN_KEPT, .get = get_first_request },
	{ .name = NULL },
};
