/* metrics.c - counters, gauges and histograms of one process, printed in Prometheus' text format (0.0.4).
 *
 * A family is a name with its help and type; its samples differ in labels. Both are lists that only grow, under a lock;
 * what a caller holds is a sample, whose number is atomic.
 */
#include "shared/svc/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/hist.h"
#include "shared/base/log.h"

enum kind { KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM };

static const char *const kind_names[] = {
	[KIND_COUNTER] = "counter",
	[KIND_GAUGE] = "gauge",
	[KIND_HISTOGRAM] = "histogram",
};

struct counter {
	atomic_uint_fast64_t n;
};

struct gauge {
	atomic_int_fast64_t n;
};

struct histogram {
	struct hist *hist;
	const int64_t *bounds_us;
};

struct sample {
	struct sample *next;
	char *labels; /* "" for none */
	struct counter counter;
	struct gauge gauge;
	struct histogram histogram;
	uint64_t (*read_counter)(void *ctx); /* asked instead of counter, when set */
	double (*read_gauge)(void *ctx);     /* likewise */
	void *ctx;
};

struct family {
	struct family *next;
	const char *name;
	const char *help;
	enum kind kind;
	struct sample *first, **last;
};

struct metrics {
	pthread_mutex_t lock;
	struct family *first, **last;
};

static const int64_t default_bounds_us[] = { 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 0 };

static void *must_calloc(size_t bytes)
{
	void *p = calloc(1, bytes);

	if (p == NULL) {
		log_error("out_of_memory", "bytes=%zu", bytes);
		abort();
	}
	return p;
}

struct metrics *metrics_create(void)
{
	struct metrics *m = must_calloc(sizeof(*m));

	pthread_mutex_init(&m->lock, NULL);
	m->last = &m->first;
	return m;
}

static void family_free(struct family *f)
{
	while (f->first != NULL) {
		struct sample *s = f->first;

		f->first = s->next;
		hist_free(&s->histogram.hist);
		free(s->labels);
		free(s);
	}
	free(f);
}

void metrics_free(struct metrics **m)
{
	if (*m == NULL)
		return;
	while ((*m)->first != NULL) {
		struct family *f = (*m)->first;

		(*m)->first = f->next;
		family_free(f);
	}
	pthread_mutex_destroy(&(*m)->lock);
	free(*m);
	*m = NULL;
}

/* @locks: m->lock */
static struct family *family_of(struct metrics *m, const char *name, const char *help, enum kind kind)
{
	struct family *f = m->first;

	while (f != NULL && strcmp(f->name, name) != 0)
		f = f->next;
	if (f != NULL) {
		assert(f->kind == kind && strcmp(f->help, help) == 0);
		return f;
	}
	f = must_calloc(sizeof(*f));
	f->name = name;
	f->help = help;
	f->kind = kind;
	f->last = &f->first;
	*m->last = f;
	m->last = &f->next;
	return f;
}

/* <like> holds what differs by kind. */
static struct sample *add(struct metrics *m, const char *name, const char *help, const char *labels, enum kind kind, struct sample like)
{
	struct sample *s = must_calloc(sizeof(*s));
	size_t len = labels == NULL ? 0 : strlen(labels);
	struct family *f;

	*s = like;
	s->labels = must_calloc(len + 1);
	if (len > 0)
		memcpy(s->labels, labels, len);
	pthread_mutex_lock(&m->lock);
	f = family_of(m, name, help, kind);
	for (const struct sample *other = f->first; other != NULL; other = other->next)
		assert(strcmp(other->labels, s->labels) != 0);
	*f->last = s;
	f->last = &s->next;
	pthread_mutex_unlock(&m->lock);
	return s;
}

struct counter *metrics_counter(struct metrics *m, const char *name, const char *help, const char *labels)
{
	return &add(m, name, help, labels, KIND_COUNTER, (struct sample){ 0 })->counter;
}

struct gauge *metrics_gauge(struct metrics *m, const char *name, const char *help, const char *labels)
{
	return &add(m, name, help, labels, KIND_GAUGE, (struct sample){ 0 })->gauge;
}

struct histogram *metrics_histogram(struct metrics *m, const char *name, const char *help, const char *labels,
				    const int64_t *bounds_us)
{
	struct sample like = { 0 };

	like.histogram.hist = hist_create();
	like.histogram.bounds_us = bounds_us != NULL ? bounds_us : default_bounds_us;
	return &add(m, name, help, labels, KIND_HISTOGRAM, like)->histogram;
}

void metrics_gauge_fn(struct metrics *m, const char *name, const char *help, const char *labels, double (*read)(void *ctx), void *ctx)
{
	add(m, name, help, labels, KIND_GAUGE, (struct sample){ .read_gauge = read, .ctx = ctx });
}

void metrics_counter_fn(struct metrics *m, const char *name, const char *help, const char *labels, uint64_t (*read)(void *ctx),
			void *ctx)
{
	add(m, name, help, labels, KIND_COUNTER, (struct sample){ .read_counter = read, .ctx = ctx });
}

void counter_add(struct counter *c, uint64_t n)
{
	atomic_fetch_add_explicit(&c->n, n, memory_order_relaxed);
}

uint64_t counter_get(const struct counter *c)
{
	return atomic_load_explicit(&c->n, memory_order_relaxed);
}

void gauge_set(struct gauge *g, int64_t n)
{
	atomic_store_explicit(&g->n, n, memory_order_relaxed);
}

int64_t gauge_get(const struct gauge *g)
{
	return atomic_load_explicit(&g->n, memory_order_relaxed);
}

void histogram_add(struct histogram *h, int64_t us)
{
	hist_add(h->hist, us);
}

uint64_t histogram_count(const struct histogram *h)
{
	return hist_count(h->hist);
}

/* ---- printing ---- */

/* name<suffix>{labels,extra} and a space. */
static void print_name(struct buf *out, const struct family *f, const struct sample *s, const char *suffix, const char *extra)
{
	bool both = s->labels[0] != '\0' && extra[0] != '\0';

	buf_add_str(out, f->name);
	buf_add_str(out, suffix);
	if (s->labels[0] != '\0' || extra[0] != '\0')
		buf_printf(out, "{%s%s%s}", s->labels, both ? "," : "", extra);
	buf_add_char(out, ' ');
}

static void print_counter(struct buf *out, const struct family *f, const struct sample *s)
{
	print_name(out, f, s, "", "");
	buf_printf(out, "%" PRIu64 "\n", s->read_counter != NULL ? s->read_counter(s->ctx) : counter_get(&s->counter));
}

static void print_gauge(struct buf *out, const struct family *f, const struct sample *s)
{
	double value = s->read_gauge != NULL ? s->read_gauge(s->ctx) : (double)gauge_get(&s->gauge);

	if (isnan(value))
		return;
	print_name(out, f, s, "", "");
	if (isinf(value))
		buf_add_str(out, value > 0 ? "+Inf\n" : "-Inf\n");
	else if (value == floor(value) && fabs(value) < 9e15)
		buf_printf(out, "%.0f\n", value);
	else
		buf_printf(out, "%.9g\n", value);
}

static void print_seconds(struct buf *out, uint64_t us)
{
	buf_printf(out, "%" PRIu64 ".%06" PRIu64 "\n", us / 1000000, us % 1000000);
}

static void print_histogram(struct buf *out, const struct family *f, const struct sample *s)
{
	const struct histogram *h = &s->histogram;
	uint64_t sum_us = hist_sum_us(h->hist);
	uint64_t all;

	for (const int64_t *b = h->bounds_us; *b != 0; b++) {
		char bound[48];

		snprintf(bound, sizeof(bound), "le=\"%g\"", (double)*b / 1e6);
		print_name(out, f, s, "_bucket", bound);
		buf_printf(out, "%" PRIu64 "\n", hist_count_below(h->hist, *b));
	}
	all = hist_count_below(h->hist, INT64_MAX); /* read last: no bucket may be above it */
	print_name(out, f, s, "_bucket", "le=\"+Inf\"");
	buf_printf(out, "%" PRIu64 "\n", all);
	print_name(out, f, s, "_sum", "");
	print_seconds(out, sum_us);
	print_name(out, f, s, "_count", "");
	buf_printf(out, "%" PRIu64 "\n", all);
}

void metrics_print(struct metrics *m, struct buf *out)
{
	pthread_mutex_lock(&m->lock);
	for (const struct family *f = m->first; f != NULL; f = f->next) {
		buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name, kind_names[f->kind]);
		for (const struct sample *s = f->first; s != NULL; s = s->next) {
			if (f->kind == KIND_COUNTER)
				print_counter(out, f, s);
			else if (f->kind == KIND_GAUGE)
				print_gauge(out, f, s);
			else
				print_histogram(out, f, s);
		}
	}
	pthread_mutex_unlock(&m->lock);
}
