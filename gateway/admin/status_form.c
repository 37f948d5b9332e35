/* status_form.c - reads the form of the status page: "s=<server>&s=<server>&action=<action>&b=<backend>", in any order. */
#include "gateway/admin/status_view.h"
#include "gateway/model/config.h"
#include "gateway/model/proxy.h"
#include "gateway/session/worker.h"

static int hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* SLICE_NONE: no memory. What is no escape stays as it is. */
static struct slice decoded(struct arena *a, struct slice text)
{
	char *out = arena_alloc(a, text.len + 1);
	size_t len = 0;

	if (out == NULL)
		return SLICE_NONE;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c == '%' && i + 2 < text.len && hex_of(text.ptr[i + 1]) >= 0 && hex_of(text.ptr[i + 2]) >= 0) {
			c = (char)(hex_of(text.ptr[i + 1]) << 4 | hex_of(text.ptr[i + 2]));
			i += 2;
		} else if (c == '+') {
			c = ' ';
		}
		out[len++] = c;
	}
	return slice_of(out, len);
}

/* "name" or "#id". */
static const struct proxy *backend_of(const struct gateway *g, struct slice name)
{
	uint64_t id = 0;
	bool by_id = name.len > 0 && name.ptr[0] == '#' && slice_to_u64(slice_sub(name, 1, name.len), UINT32_MAX, &id);

	for (const struct proxy *p = g->config->proxies; p != NULL; p = p->next) {
		if (p->is_backend && !p->disabled && (by_id ? p->id == id : slice_eq(p->name, name)))
			return p;
	}
	return NULL;
}

static struct server *server_of(const struct proxy *p, struct slice name)
{
	struct server *s = p->backend.servers;

	while (s != NULL && !slice_eq(s->name, name))
		s = s->next;
	return s;
}

/* The decoded value of the first field of that name from <rest> on; SLICE_NONE: none. */
static struct slice next_value(struct arena *a, struct slice *rest, struct slice name)
{
	while (rest->ptr != NULL) {
		struct slice value = slice_cut(rest, '&'), key = slice_cut(&value, '=');

		if (slice_eq(key, name) && value.ptr != NULL)
			return decoded(a, value);
	}
	return SLICE_NONE;
}

static struct slice first_value(struct arena *a, struct slice body, struct slice name)
{
	return next_value(a, &body, name);
}

static unsigned count_fields(struct slice body)
{
	unsigned count = 1;

	for (size_t i = 0; i < body.len; i++)
		count += body.ptr[i] == '&';
	return count;
}

bool status_form_read(const struct gateway *g, struct arena *a, struct slice body, struct status_order *order, enum status_outcome *outcome)
{
	struct slice action = first_value(a, body, SLICE_LIT("action")), backend = first_value(a, body, SLICE_LIT("b")), name;
	struct server **servers = arena_alloc_array(a, count_fields(body), sizeof(struct server *));
	const struct proxy *p;

	*outcome = STATUS_NOTHING;
	*order = (struct status_order){ .servers = servers };
	if (action.ptr == NULL || backend.ptr == NULL)
		return false;
	*outcome = STATUS_ERROR;
	p = backend_of(g, backend);
	if (p == NULL || servers == NULL || !status_action_of(action, &order->action))
		return false;
	while ((name = next_value(a, &body, SLICE_LIT("s"))).ptr != NULL) {
		servers[order->count] = server_of(p, name);
		if (servers[order->count] != NULL)
			order->count++;
		else
			order->unknown++;
	}
	return true;
}
