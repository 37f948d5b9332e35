/* route_stats.c - what is counted of each route: answers by method and status, and how long they took. */
#include "shared/svc/route_stats.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/svc/metrics.h"
#include "shared/svc/router.h"

/* The statuses that the kit answers; anything else, and no answer at all, is counted as "other". */
static const int statuses[] = { 200, 201, 202, 400, 401, 404, 405, 413, 499, 500, 503 };
#define STATUSES (sizeof(statuses) / sizeof(statuses[0]))

struct line {
	struct counter *answers[STATUSES + 1]; /* the last one: other */
};

struct entry {
	struct line own, head; /* head only for GET */
	struct histogram *took;
};

struct route_stats {
	const struct route *routes;
	size_t count;
	struct entry entries[]; /* one for each route, and one behind them for what matched none */
};

static void register_line(struct metrics *m, struct line *l, const char *route, const char *method)
{
	char labels[160];

	for (size_t i = 0; i <= STATUSES; i++) {
		char code[8] = "other";

		if (i < STATUSES)
			snprintf(code, sizeof(code), "%d", statuses[i]);
		snprintf(labels, sizeof(labels), "route=\"%s\",method=\"%s\",code=\"%s\"", route, method, code);
		l->answers[i] = metrics_counter(m, "moa_http_requests_total", "Requests answered.", labels);
	}
}

static void register_entry(struct metrics *m, struct entry *e, const char *route, const char *method)
{
	char labels[160];

	register_line(m, &e->own, route, method);
	if (strcmp(method, "GET") == 0)
		register_line(m, &e->head, route, "HEAD");
	snprintf(labels, sizeof(labels), "route=\"%s\",method=\"%s\"", route, method);
	e->took = metrics_histogram(m, "moa_http_request_seconds", "From the whole request to the answer sent.", labels, NULL);
}

struct route_stats *route_stats_create(struct metrics *m, const struct route *routes)
{
	struct route_stats *s;
	size_t count = 0;

	while (routes[count].method != NULL)
		count++;
	s = calloc(1, sizeof(*s) + (count + 1) * sizeof(s->entries[0]));
	assert(s != NULL);
	s->routes = routes;
	s->count = count;
	for (size_t i = 0; i < count; i++)
		register_entry(m, &s->entries[i], routes[i].path, routes[i].method);
	register_entry(m, &s->entries[count], "other", "other");
	return s;
}

void route_stats_free(struct route_stats **s)
{
	free(*s);
	*s = NULL;
}

void route_stats_add(struct route_stats *s, const struct route *route, bool head, int status, int64_t us)
{
	struct entry *e = &s->entries[route == NULL ? s->count : (size_t)(route - s->routes)];
	size_t at = 0;

	while (at < STATUSES && statuses[at] != status)
		at++;
	counter_add((head && route != NULL ? e->head : e->own).answers[at], 1);
	histogram_add(e->took, us);
}
