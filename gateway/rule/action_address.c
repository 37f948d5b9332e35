/* action_address.c - set-src, set-src-port, set-dst, set-dst-port: other addresses than those of the connection.
 *
 * In tcp-request connection and session they become the connection's own; in other rules they hold for one exchange.
 */
#include <arpa/inet.h>
#include <string.h>

#include "gateway/expr/expr.h"
#include "gateway/rule/actions.h"

struct set_address {
	bool source, port;
	bool of_connection;
	struct expr *expr;
};

static const void *read_address(struct parse *p, enum rule_set set, struct slice name)
{
	struct set_address *a = rule_memory(p, sizeof(*a));
	struct slice word;

	if (!rule_words(p, set, name, "an expression", 1, &word))
		return NULL;
	a->of_connection = (ON(set) & ON_CONNECTION) != 0;
	a->source = slice_starts_with(name, SLICE_LIT("set-src"));
	a->port = slice_eq(slice_sub(name, name.len - 5, name.len), SLICE_LIT("-port"));
	a->expr = rule_expr(p, set, word);
	return a->expr != NULL ? a : NULL;
}

/* The place of the port in an address that has one, or NULL. */
static in_port_t *port_of(struct sockaddr_storage *a)
{
	if (a->ss_family == AF_INET)
		return &((struct sockaddr_in *)a)->sin_port;
	return a->ss_family == AF_INET6 ? &((struct sockaddr_in6 *)a)->sin6_port : NULL;
}

/* Another address keeps the port. */
static void put_address(struct sockaddr_storage *a, const struct sockaddr_storage *to)
{
	in_port_t *old = port_of(a), *now;
	in_port_t port = old != NULL ? *old : 0;

	*a = *to;
	now = port_of(a);
	if (now != NULL)
		*now = port;
}

/* Another port keeps the address; one that can have none (a Unix socket) becomes 0.0.0.0. */
static void put_port(struct sockaddr_storage *a, uint16_t port)
{
	if (port_of(a) == NULL) {
		memset(a, 0, sizeof(*a));
		a->ss_family = AF_INET;
	}
	*port_of(a) = htons(port);
}

/* Changes <a> to what the expression says; false when that is no address, or no port. */
static bool change(const struct set_address *s, struct exchange *x, struct sockaddr_storage *a)
{
	struct sample value;
	int64_t port;

	if (s->port) {
		port = expr_number(s->expr, x, -1);
		if (port < 0 || port > UINT16_MAX)
			return false;
		put_port(a, (uint16_t)port);
		return true;
	}
	if (!expr_get(s->expr, x, &value) || !sample_cast(x, &value, SAMPLE_ADDR))
		return false;
	put_address(a, &value.addr);
	return true;
}

static enum verdict run_source(struct exchange *x, const struct set_address *s)
{
	struct sockaddr_storage *made = arena_alloc(x->arena, sizeof(*made));

	if (made == NULL)
		return VERDICT_FAIL;
	*made = *exchange_source(x);
	if (change(s, x, made))
		x->src = made;
	return VERDICT_NEXT;
}

/* An expression without a value changes nothing, as in HAProxy. */
static enum verdict run_address(struct exchange *x, const void *arg)
{
	const struct set_address *s = arg;
	struct sockaddr_storage made;

	if (s->of_connection) {
		(void)change(s, x, s->source ? &x->session->from : &x->session->to);
		return VERDICT_NEXT;
	}
	if (s->source)
		return run_source(x, s);
	made = x->dst.ss_family != AF_UNSPEC ? x->dst : x->session->to;
	if (change(s, x, &made))
		x->dst = made;
	return VERDICT_NEXT;
}

#define ON_ADDRESS (ON_TCP | ON(RULES_REQUEST))

const struct action actions_address[] = {
	{ .name = "set-src", .sets = ON_ADDRESS, .read = read_address, .run = run_address },
	{ .name = "set-src-port", .sets = ON_ADDRESS, .read = read_address, .run = run_address },
	{ .name = "set-dst", .sets = ON_ADDRESS, .read = read_address, .run = run_address },
	{ .name = "set-dst-port", .sets = ON_ADDRESS, .read = read_address, .run = run_address },
	{ .name = NULL },
};
