/* timeouts.c - the "timeout" keywords. */
#include "gateway/conf/reader.h"

static void timeout_read(struct parse *p, const struct keyword *k)
{
	struct slice word = parse_next(p), what = arena_printf(p->arena, "timeout %s", k->second);
	int ms, *field = field_at(&p->proxy->timeout, k->field);

	if (word.ptr == NULL) {
		parse_error(p, "'%s' expects an integer value (in milliseconds)", what.ptr);
		return;
	}
	if (parse_time_ms(p, word, 'm', what.ptr, &ms) && parse_end(p))
		*field = ms;
}

#define FIELD(name) offsetof(struct proxy_timeouts, name)

const struct keyword keywords_timeouts[] = {
	{ "timeout", "client", IN_FRONTENDS, timeout_read, 0, FIELD(client) },
	{ "timeout", "client-fin", IN_FRONTENDS, timeout_read, 0, FIELD(client_fin) },
	{ "timeout", "server", IN_BACKENDS, timeout_read, 0, FIELD(server) },
	{ "timeout", "server-fin", IN_BACKENDS, timeout_read, 0, FIELD(server_fin) },
	{ "timeout", "connect", IN_BACKENDS, timeout_read, 0, FIELD(connect) },
	{ "timeout", "queue", IN_BACKENDS, timeout_read, 0, FIELD(queue) },
	{ "timeout", "check", IN_BACKENDS, timeout_read, 0, FIELD(check) },
	{ "timeout", "tunnel", IN_BACKENDS, timeout_read, 0, FIELD(tunnel) },
	{ "timeout", "tarpit", IN_ALL_PROXIES, timeout_read, 0, FIELD(tarpit) },
	{ "timeout", "http-request", IN_ALL_PROXIES, timeout_read, 0, FIELD(http_request) },
	{ "timeout", "http-keep-alive", IN_ALL_PROXIES, timeout_read, 0, FIELD(http_keep_alive) },
	{ "timeout", "total", IN_ALL_PROXIES, timeout_read, KEYWORD_OWN, FIELD(total) },
	{ .name = NULL },
};
