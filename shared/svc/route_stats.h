/* route_stats.h - what is counted of each route: answers by method and status, and how long they took. */
#ifndef MOA_SVC_ROUTE_STATS_H
#define MOA_SVC_ROUTE_STATS_H

#include <stdbool.h>
#include <stdint.h>

struct metrics;
struct route;
struct route_stats;

/* For a table that ends with method NULL; borrows both. */
struct route_stats *route_stats_create(struct metrics *m, const struct route *routes);
void route_stats_free(struct route_stats **s);
/* One answer; <route> is an entry of the table or NULL (nothing matched), <status> 0 when nothing was sent. Any thread, lock-free. */
void route_stats_add(struct route_stats *s, const struct route *route, bool head, int status, int64_t us);

#endif
