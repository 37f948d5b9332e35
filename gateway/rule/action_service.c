/* action_service.c - use-service: requests that a part of the gateway answers instead of a server. */
#include "gateway/admin/metrics.h"
#include "gateway/rule/actions.h"

static const struct service {
	const char *name;
	enum verdict (*run)(struct exchange *x);
} services[] = {
	{ "prometheus-exporter", metrics_answer },
};

static const void *read_service(struct parse *p, enum rule_set set, struct slice name)
{
	struct slice word;

	if (!rule_words(p, set, name, "the name of a service", 1, &word))
		return NULL;
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		if (slice_eq(word, slice_str(services[i].name)))
			return &services[i];
	}
	parse_error(p, "'%s %.*s': '%.*s' is an unknown service name; there is 'prometheus-exporter'", rule_keyword(set), SLICE_ARG(name),
		    SLICE_ARG(word));
	return NULL;
}

static enum verdict run_service(struct exchange *x, const void *arg)
{
	return ((const struct service *)arg)->run(x);
}

const struct action actions_service[] = {
	{ .name = "use-service", .sets = ON(RULES_REQUEST), .read = read_service, .run = run_service },
	{ .name = NULL },
};
