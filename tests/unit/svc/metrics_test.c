/* metrics_test.c - the registry, and Prometheus' text format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>
#include <pthread.h>

#include "shared/svc/metrics.h"
#include "shared/svc/route_stats.h"
#include "shared/svc/router.h"

/* Freed by the caller. */
static char *printed(struct metrics *m)
{
	struct buf b;
	size_t len;

	buf_init(&b, 0);
	metrics_print(m, &b);
	buf_add_char(&b, '\0');
	return buf_take(&b, &len);
}

static void prints(struct metrics *m, const char *expected)
{
	char *text = printed(m);

	assert_string_equal(text, expected);
	free(text);
}

static void has_line(const char *text, const char *line)
{
	if (strstr(text, line) == NULL)
		fail_msg("no line %s in\n%s", line, text);
}

static void counters_and_gauges(void **state)
{
	struct metrics *m = metrics_create();
	struct counter *a, *b;
	struct gauge *g;

	(void)state;
	prints(m, "");
	a = metrics_counter(m, "x_total", "Counts x.", "k=\"1\"");
	g = metrics_gauge(m, "depth", "How deep.", NULL);
	b = metrics_counter(m, "x_total", "Counts x.", "k=\"2\"");
	counter_add(a, 1);
	counter_add(a, 41);
	counter_add(b, UINT64_MAX);
	gauge_set(g, -7);
	assert_int_equal(counter_get(a), 42);
	assert_int_equal(gauge_get(g), -7);
	prints(m, "# HELP x_total Counts x.\n# TYPE x_total counter\n"
		  "x_total{k=\"1\"} 42\nx_total{k=\"2\"} 18446744073709551615\n"
		  "# HELP depth How deep.\n# TYPE depth gauge\ndepth -7\n");
	metrics_free(&m);
	assert_null(m);
	metrics_free(&m);
}

static double read_double(void *ctx)
{
	return *(double *)ctx;
}

static uint64_t read_u64(void *ctx)
{
	return *(uint64_t *)ctx;
}

static void values_asked_for(void **state)
{
	struct metrics *m = metrics_create();
	double whole = 1700000000000000.0, part = 0.25, none = NAN, much = INFINITY, less = -INFINITY;
	uint64_t n = 5;

	(void)state;
	metrics_gauge_fn(m, "g", "G.", "v=\"whole\"", read_double, &whole);
	metrics_gauge_fn(m, "g", "G.", "v=\"part\"", read_double, &part);
	metrics_gauge_fn(m, "g", "G.", "v=\"none\"", read_double, &none);
	metrics_gauge_fn(m, "g", "G.", "v=\"much\"", read_double, &much);
	metrics_gauge_fn(m, "g", "G.", "v=\"less\"", read_double, &less);
	metrics_counter_fn(m, "n_total", "N.", NULL, read_u64, &n);
	n = 6;
	prints(m, "# HELP g G.\n# TYPE g gauge\ng{v=\"whole\"} 1700000000000000\ng{v=\"part\"} 0.25\n"
		  "g{v=\"much\"} +Inf\ng{v=\"less\"} -Inf\n# HELP n_total N.\n# TYPE n_total counter\nn_total 6\n");
	metrics_free(&m);
}

static void histograms(void **state)
{
	static const int64_t bounds[] = { 1000, 2000000, 0 };
	struct metrics *m = metrics_create();
	struct histogram *h = metrics_histogram(m, "t_seconds", "Took.", "r=\"/\"", bounds);
	struct histogram *standard = metrics_histogram(m, "u_seconds", "Took.", NULL, NULL);
	char *text;

	(void)state;
	histogram_add(h, 500);
	histogram_add(h, 100000);
	histogram_add(h, 9000000);
	histogram_add(standard, 3000);
	assert_int_equal(histogram_count(h), 3);
	text = printed(m);
	has_line(text, "# TYPE t_seconds histogram\n");
	has_line(text, "t_seconds_bucket{r=\"/\",le=\"0.001\"} 1\n");
	has_line(text, "t_seconds_bucket{r=\"/\",le=\"2\"} 2\n");
	has_line(text, "t_seconds_bucket{r=\"/\",le=\"+Inf\"} 3\n");
	has_line(text, "t_seconds_sum{r=\"/\"} 9.100500\n");
	has_line(text, "t_seconds_count{r=\"/\"} 3\n");
	has_line(text, "u_seconds_bucket{le=\"0.0025\"} 0\n");
	has_line(text, "u_seconds_bucket{le=\"0.005\"} 1\n");
	has_line(text, "u_seconds_bucket{le=\"2.5\"} 1\n");
	has_line(text, "u_seconds_count 1\n");
	free(text);
	metrics_free(&m);
}

static void of_routes(void **state)
{
	static const struct route routes[] = {
		{ .method = "GET", .path = "/{id}" }, { .method = "POST", .path = "/" }, { .method = NULL },
	};
	struct metrics *m = metrics_create();
	struct route_stats *s = route_stats_create(m, routes);
	char *text;

	(void)state;
	route_stats_add(s, &routes[0], false, 200, 10);
	route_stats_add(s, &routes[0], true, 200, 10);
	route_stats_add(s, &routes[1], false, 201, 10);
	route_stats_add(s, &routes[1], false, 0, 10);
	route_stats_add(s, NULL, true, 404, 10);
	text = printed(m);
	has_line(text, "moa_http_requests_total{route=\"/{id}\",method=\"GET\",code=\"200\"} 1\n");
	has_line(text, "moa_http_requests_total{route=\"/{id}\",method=\"HEAD\",code=\"200\"} 1\n");
	has_line(text, "moa_http_requests_total{route=\"/\",method=\"POST\",code=\"201\"} 1\n");
	has_line(text, "moa_http_requests_total{route=\"/\",method=\"POST\",code=\"other\"} 1\n");
	has_line(text, "moa_http_requests_total{route=\"other\",method=\"other\",code=\"404\"} 1\n");
	has_line(text, "moa_http_request_seconds_count{route=\"/{id}\",method=\"GET\"} 2\n");
	has_line(text, "moa_http_request_seconds_count{route=\"/\",method=\"POST\"} 2\n");
	free(text);
	route_stats_free(&s);
	assert_null(s);
	metrics_free(&m);
}

#define THREADS 4
#define ADDS 20000

/* Registers while others print. */
static void *register_and_count(void *arg)
{
	struct counter *c = metrics_counter(arg, "own_total", "Own.", NULL);

	for (int i = 0; i < ADDS; i++)
		counter_add(c, 1);
	return c;
}

struct shared_work {
	struct counter *c;
	struct histogram *h;
};

static void *count_many(void *arg)
{
	const struct shared_work *w = arg;

	for (int i = 0; i < ADDS; i++) {
		counter_add(w->c, 1);
		histogram_add(w->h, i);
	}
	return NULL;
}

static void any_thread(void **state)
{
	struct metrics *m = metrics_create();
	struct shared_work w = {
		.c = metrics_counter(m, "c_total", "C.", NULL),
		.h = metrics_histogram(m, "h_seconds", "H.", NULL, NULL),
	};
	pthread_t threads[THREADS], registering;
	void *own;

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_many, &w), 0);
	assert_int_equal(pthread_create(&registering, NULL, register_and_count, m), 0);
	for (int i = 0; i < 20; i++)
		free(printed(m));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_join(registering, &own);
	assert_int_equal(counter_get(own), ADDS);
	assert_int_equal(counter_get(w.c), THREADS * ADDS);
	assert_int_equal(histogram_count(w.h), THREADS * ADDS);
	metrics_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_and_gauges), cmocka_unit_test(values_asked_for), cmocka_unit_test(histograms),
		cmocka_unit_test(of_routes),           cmocka_unit_test(any_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
