/* metrics.h - counters, gauges and histograms of one process, printed in Prometheus' text format (0.0.4).
 *
 * Registering and printing take a lock; counting is one atomic addition. Whoever registers the same name twice
 * gives the same help and type (asserted) and other labels. Metrics live as long as the registry.
 * Names and help texts are static; labels are copied: `route="/{id}",method="GET"`, values already escaped, NULL for none.
 */
#ifndef MOA_SVC_METRICS_H
#define MOA_SVC_METRICS_H

#include <stddef.h>
#include <stdint.h>
#include "shared/base/buf.h"

struct metrics;
struct counter;
struct gauge;
struct histogram;

struct metrics *metrics_create(void);
void metrics_free(struct metrics **m);

/* Any thread, at any time. Never NULL. Names of counters end in _total. */
struct counter *metrics_counter(struct metrics *m, const char *name, const char *help, const char *labels);
struct gauge *metrics_gauge(struct metrics *m, const char *name, const char *help, const char *labels);
/* Bounds are in microseconds, ascending, ended by 0, static; NULL: METRICS_BOUNDS. Printed in seconds: the name ends in _seconds. */
struct histogram *metrics_histogram(struct metrics *m, const char *name, const char *help, const char *labels,
				    const int64_t *bounds_us);

/* The value is asked for when printing: <read> runs on the admin loop, takes no lock that is held across a wait, and
 * may be called until the registry is freed. A gauge that has no value now returns NAN and is left out. */
void metrics_gauge_fn(struct metrics *m, const char *name, const char *help, const char *labels, double (*read)(void *ctx), void *ctx);
void metrics_counter_fn(struct metrics *m, const char *name, const char *help, const char *labels, uint64_t (*read)(void *ctx),
			void *ctx);

/* Any thread, lock-free. */
void counter_add(struct counter *c, uint64_t n);
uint64_t counter_get(const struct counter *c);
void gauge_set(struct gauge *g, int64_t n);
int64_t gauge_get(const struct gauge *g);
void histogram_add(struct histogram *h, int64_t us);
uint64_t histogram_count(const struct histogram *h);

/* The whole registry, appended to <out>, families in the order of their first registration. */
void metrics_print(struct metrics *m, struct buf *out);

#endif
