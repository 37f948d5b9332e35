/* metrics.c - the statistics for Prometheus, written family by family: all samples of a metric stand together.
 *
 * Between two pieces the state says which metric of which kind of object is under way, and how far its walk over the objects has come.
 */
#include "gateway/admin/metrics.h"

#include "gateway/admin/info.h"
#include "gateway/admin/metric_kinds.h"
#include "gateway/admin/stat.h"
#include "gateway/admin/total.h"
#include "gateway/model/proxy.h"
#include "gateway/model/server_text.h"
#include "gateway/rule/error_page.h"
#include "gateway/session/exchange.h"
#include "gateway/session/worker.h"
#include "gateway/table/tokens.h"

#define PIECE (8 * 1024)
#define SAMPLES_MOST (16 * 1024) /* bytes that one object adds to a metric, unless names are kilobytes long */

/* The order in which they are written. */
static const struct scope {
	const char *name, *prefix, *label; /* in the query; of its metrics; of the object's name, NULL: the proxy's is all */
	enum stat_object object;
} scopes[] = {
	{ "frontend", "frontend", NULL, STAT_IS_FRONTEND },
	{ "listener", "listener", "listener", STAT_IS_LISTENER },
	{ "backend", "backend", NULL, STAT_IS_BACKEND },
	{ "server", "server", "server", STAT_IS_SERVER },
};
#define SCOPE_COUNT (sizeof(scopes) / sizeof(scopes[0]))
#define SCOPE_PROCESS (1U << SCOPE_COUNT) /* the bits below it are the scopes' */
#define SCOPE_ALL (2 * SCOPE_PROCESS - 1)

struct histogram {
	unsigned objects;
	size_t field; /* in struct tally */
	const char *name, *help;
};

static const struct histogram histograms[] = {
	{ 1U << STAT_IS_FRONTEND | 1U << STAT_IS_BACKEND | 1U << STAT_IS_SERVER, offsetof(struct tally, total), "request_duration_seconds",
	  "Duration of whole exchanges, from the first byte of the request to the last of its answer" },
	{ 1U << STAT_IS_BACKEND | 1U << STAT_IS_SERVER, offsetof(struct tally, response), "response_duration_seconds",
	  "Duration from the connection to the server to the head of its response" },
};
#define HISTOGRAM_COUNT (sizeof(histograms) / sizeof(histograms[0]))

static const struct {
	int64_t us;
	const char *text;
} bounds[] = {
	{ 500, "0.0005" }, { 1000, "0.001" }, { 2500, "0.0025" }, { 5000, "0.005" }, { 10000, "0.01" }, { 25000, "0.025" },
	{ 50000, "0.05" }, { 100000, "0.1" }, { 250000, "0.25" }, { 500000, "0.5" }, { 1000000, "1" }, { 2500000, "2.5" },
	{ 5000000, "5" }, { 10000000, "10" },
};

struct metrics {
	const struct gateway *gateway;
	unsigned wanted;         /* bits of scopes */
	bool no_maint;
	bool process_done;
	/* What is under way: a kind of object; its next kind of metric, or behind the last of them its next histogram; and an object. */
	unsigned scope;
	const struct metric_kind *kind;
	unsigned histogram;
	bool open;               /* the walk over the objects has begun */
	bool headed;             /* a sample was written, and the metric's head in front of it */
	struct stat_walk walk;
	struct buf out;
	char storage[PIECE + SAMPLES_MOST];
};

/* ---- words ---- */

static void add_label_value(struct buf *out, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '\\' || text.ptr[i] == '"')
			buf_add_char(out, '\\');
		if (text.ptr[i] == '\n')
			buf_add_str(out, "\\n");
		else
			buf_add_char(out, text.ptr[i]);
	}
}

static void add_head(struct buf *out, const char *prefix, const char *scope, const char *name, const char *help, const char *type)
{
	buf_printf(out, "# HELP %s_%s_%s %s\n# TYPE %s_%s_%s %s\n", prefix, scope, name, help, prefix, scope, name, type);
}

static void add_words(struct buf *out, const char *a, const char *b, const char *c)
{
	buf_add_str(out, a);
	buf_add_str(out, b);
	buf_add_str(out, c);
}

static void add_value(struct buf *out, int64_t n)
{
	buf_add_str(out, "} ");
	buf_add_i64(out, n);
	buf_add_char(out, '\n');
}

/* What a sample begins with: `haproxy_server_status{proxy="be",server="s1"`. */
static void add_name(struct buf *out, const char *prefix, const struct scope *scope, const char *name, const char *suffix,
		     const struct stat_row *row)
{
	const char *const words[] = { prefix, "_", scope->prefix, "_", name, suffix, "{proxy=\"" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		buf_add_str(out, words[i]);
	add_label_value(out, row->proxy->name);
	if (scope->label != NULL) {
		add_words(out, "\",", scope->label, "=\"");
		add_label_value(out, row->server != NULL ? row->server->name : row->values[STAT_SVNAME].text);
	}
	buf_add_char(out, '"');
}

static void add_sample(struct buf *out, const struct scope *scope, const struct metric_kind *k, const struct stat_row *row, const char *label,
		       const char *value, int64_t n)
{
	add_name(out, "haproxy", scope, k->name, "", row);
	if (label != NULL) {
		add_words(out, ",", label, "=\"");
		add_words(out, value, "\"", "");
	}
	add_value(out, n);
}

/* ---- samples with states ---- */

static const char *const server_words[] = { "DOWN", "UP", "MAINT", "DRAIN", "NOLB" };
#define SERVER_WORDS (sizeof(server_words) / sizeof(server_words[0]))

static unsigned word_of_server(const struct server *s)
{
	unsigned admin = atomic_load_explicit(&s->admin, memory_order_relaxed);
	int state = atomic_load_explicit(&s->state, memory_order_relaxed);

	if (admin & SERVER_MAINT_ANY)
		return 2;
	if (state == SERVER_DOWN)
		return 0;
	if (state == SERVER_STOPPING)
		return 4;
	return (admin & SERVER_DRAIN_ANY) != 0 || atomic_load_explicit(&s->weight, memory_order_relaxed) == 0 ? 3 : 1;
}

static void add_status(struct buf *out, const struct scope *scope, const struct metric_kind *k, const struct stat_row *row)
{
	static const char *const listener_words[] = { "WAITING", "OPEN", "FULL" };
	struct slice status = row->values[STAT_STATUS].text;

	if (row->server != NULL) {
		for (unsigned i = 0; i < SERVER_WORDS; i++)
			add_sample(out, scope, k, row, "state", server_words[i], word_of_server(row->server) == i);
	} else if (row->listener != NULL) {
		for (unsigned i = 0; i < 3; i++)
			add_sample(out, scope, k, row, "state", listener_words[i], slice_eq(status, slice_str(listener_words[i])));
	} else {
		bool up = slice_starts_with(status, SLICE_LIT("UP")) || slice_eq(status, SLICE_LIT("OPEN"));

		add_sample(out, scope, k, row, "state", "DOWN", !up);
		add_sample(out, scope, k, row, "state", "UP", up);
	}
}

static void add_codes(struct buf *out, const struct scope *scope, const struct metric_kind *k, const struct stat_row *row)
{
	static const char *const codes[] = { "1xx", "2xx", "3xx", "4xx", "5xx", "other" };

	for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		add_sample(out, scope, k, row, "code", codes[i], row->values[STAT_HRSP_1XX + i].number);
}

static const struct {
	enum check_result result;
	const char *code;
} checks[] = {
	{ CHECK_HANA, "HANA" }, { CHECK_SOCKERR, "SOCKERR" }, { CHECK_L4OK, "L4OK" }, { CHECK_L4TOUT, "L4TOUT" }, { CHECK_L4CON, "L4CON" },
	{ CHECK_L6OK, "L6OK" }, { CHECK_L6TOUT, "L6TOUT" }, { CHECK_L6RSP, "L6RSP" }, { CHECK_L7TOUT, "L7TOUT" }, { CHECK_L7RSP, "L7RSP" },
	{ CHECK_L7OK, "L7OK" }, { CHECK_L7OKC, "L7OKC" }, { CHECK_L7STS, "L7STS" },
};
#define CHECK_COUNT (sizeof(checks) / sizeof(checks[0]))

static void add_check(struct buf *out, const struct scope *scope, const struct metric_kind *k, const struct stat_row *row)
{
	for (unsigned i = 0; i < CHECK_COUNT && row->health.enabled; i++)
		add_sample(out, scope, k, row, "state", checks[i].code, row->health.last == checks[i].result);
}

static void add_servers(struct buf *out, const struct scope *scope, const struct metric_kind *k, const struct stat_row *row)
{
	int64_t counts[SERVER_WORDS] = { 0 };

	for (const struct server *s = row->proxy->backend.servers; s != NULL; s = s->next)
		counts[word_of_server(s)]++;
	for (unsigned i = 0; i < SERVER_WORDS; i++)
		add_sample(out, scope, k, row, "state", server_words[i], counts[i]);
}

static void add_checks(struct buf *out, const struct scope *scope, const struct metric_kind *k, const struct stat_row *row)
{
	int64_t counts[CHECK_COUNT] = { 0 };
	struct health_view v;

	for (const struct server *s = row->proxy->backend.servers; s != NULL; s = s->next) {
		health_view(s, &v);
		for (unsigned i = 0; i < CHECK_COUNT && v.enabled; i++)
			counts[i] += v.last == checks[i].result;
	}
	for (unsigned i = 0; i < CHECK_COUNT; i++)
		add_sample(out, scope, k, row, "state", checks[i].code, counts[i]);
}

/* ---- samples of one object ---- */

static void add_seconds(struct buf *out, int64_t ms)
{
	buf_printf(out, "%lld.%03u\n", (long long)(ms / 1000), (unsigned)(ms % 1000));
}

static void add_object(struct buf *out, const struct scope *scope, const struct metric_kind *k, const struct stat_row *row)
{
	static void (*const shapes[])(struct buf *out, const struct scope *scope, const struct metric_kind *k, const struct stat_row *row) = {
		[METRIC_STATUS] = add_status, [METRIC_CODES] = add_codes, [METRIC_CHECK] = add_check,
		[METRIC_SERVERS] = add_servers, [METRIC_CHECKS] = add_checks, [METRIC_TEXT] = NULL,
	};

	if (shapes[k->shape] != NULL) {
		shapes[k->shape](out, scope, k, row);
	} else if (row->values[k->field].type == VALUE_NONE) {
		return;
	} else if (k->shape == METRIC_SECONDS) {
		add_name(out, "haproxy", scope, k->name, "", row);
		buf_add_str(out, "} ");
		add_seconds(out, row->values[k->field].number);
	} else {
		add_sample(out, scope, k, row, NULL, NULL, row->values[k->field].number);
	}
}

static struct total total_of(const struct gateway *g, const struct stat_row *row)
{
	if (row->server != NULL)
		return (struct total){ g, TOTAL_SERVER, row->server->index };
	return (struct total){ g, row->object == STAT_IS_BACKEND ? TOTAL_BACKEND : TOTAL_FRONTEND, row->proxy->index };
}

/* What is counted meanwhile may be in a later bucket and not in an earlier one, never the other way. */
static void add_histogram(const struct gateway *g, struct buf *out, const struct scope *scope, const struct histogram *h,
			  const struct stat_row *row)
{
	const struct total t = total_of(g, row);
	uint64_t all, sum_us = total_sum_us(&t, h->field);

	for (unsigned i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		add_name(out, "gateway", scope, h->name, "_bucket", row);
		add_words(out, ",le=\"", bounds[i].text, "\"");
		add_value(out, (int64_t)total_below(&t, h->field, bounds[i].us));
	}
	all = total_below(&t, h->field, INT64_MAX);
	add_name(out, "gateway", scope, h->name, "_bucket", row);
	buf_add_str(out, ",le=\"+Inf\"");
	add_value(out, (int64_t)all);
	add_name(out, "gateway", scope, h->name, "_sum", row);
	buf_printf(out, "} %llu.%06u\n", (unsigned long long)(sum_us / 1000000), (unsigned)(sum_us % 1000000));
	add_name(out, "gateway", scope, h->name, "_count", row);
	add_value(out, (int64_t)all);
}

/* ---- the process ---- */

static void add_process(const struct gateway *g, struct buf *out)
{
	struct info i;

	info_fill(g, &i);
	for (const struct metric_kind *k = process_metrics; k->name != NULL; k++) {
		const struct value *v = &i.values[k->field];

		if (v->type == VALUE_NONE)
			continue;
		add_head(out, "haproxy", "process", k->name, k->help, k->counter ? "counter" : "gauge");
		buf_printf(out, "haproxy_process_%s", k->name);
		if (k->shape == METRIC_TEXT) {
			buf_add_str(out, "{version=\"");
			add_label_value(out, v->text);
			buf_add_str(out, "\"} 1\n");
		} else {
			buf_printf(out, " %lld\n", (long long)v->number);
		}
	}
}

static void add_token(struct buf *out, const char *name, const char *help, const char *type, uint64_t n)
{
	add_head(out, "gateway", "token", name, help, type);
	buf_printf(out, "gateway_token_%s %llu\n", name, (unsigned long long)n);
}

static void add_tokens(const struct gateway *g, struct buf *out)
{
	struct token_counts n = { 0 };

	if (g->tokens != NULL)
		n = token_table_counts(g->tokens);
	add_token(out, "users", "Tokens with facts held now.", "gauge", n.users);
	add_token(out, "facts", "Facts held now.", "gauge", n.facts);
	add_token(out, "facts_expired_total", "Facts whose time was over.", "counter", n.expired);
	add_token(out, "facts_malformed_total", "Elements of fact headers that are no facts.", "counter", n.malformed);
	add_token(out, "facts_dropped_total", "Facts that went because of a limit.", "counter", n.facts_dropped);
	add_token(out, "users_dropped_total", "Tokens that went because of the limit of the table.", "counter", n.users_dropped);
}

/* ---- piece by piece ---- */

/* Moves to the next metric that the scope's objects have, from the present one on. False: that was the last scope. */
static bool find_metric(struct metrics *m)
{
	for (; m->scope < SCOPE_COUNT; m->scope++, m->kind = object_metrics, m->histogram = 0) {
		unsigned bit = 1U << scopes[m->scope].object;

		if ((m->wanted & 1U << m->scope) == 0)
			continue;
		while (m->kind->name != NULL && (m->kind->objects & bit) == 0)
			m->kind++;
		if (m->kind->name != NULL)
			return true;
		while (m->histogram < HISTOGRAM_COUNT && (histograms[m->histogram].objects & bit) == 0)
			m->histogram++;
		if (m->histogram < HISTOGRAM_COUNT)
			return true;
	}
	return false;
}

static bool is_histogram(const struct metrics *m)
{
	return m->kind->name == NULL;
}

static void open_metric(struct metrics *m)
{
	m->open = true;
	m->headed = false;
	m->walk = (struct stat_walk){ .gateway = m->gateway, .types = 1U << scopes[m->scope].object, .no_maint = m->no_maint };
}

static void write_head(struct metrics *m)
{
	const struct scope *scope = &scopes[m->scope];

	if (is_histogram(m))
		add_head(&m->out, "gateway", scope->prefix, histograms[m->histogram].name, histograms[m->histogram].help, "histogram");
	else
		add_head(&m->out, "haproxy", scope->prefix, m->kind->name, m->kind->help, m->kind->counter ? "counter" : "gauge");
}

static void close_metric(struct metrics *m)
{
	m->open = false;
	if (is_histogram(m))
		m->histogram++;
	else
		m->kind++;
}

/* Adds the next object's samples, if it has any. False: the metric has no more objects. */
static bool add_next(struct metrics *m)
{
	size_t before = m->out.len, head;
	struct stat_row row;

	if (!stat_step(&m->walk, &row))
		return false;
	if (!is_histogram(m)) {
		row.one = true;
		row.only = m->kind->field;
		stat_fill(m->gateway, &row);
	}
	if (!m->headed)
		write_head(m);
	head = m->out.len;
	if (is_histogram(m))
		add_histogram(m->gateway, &m->out, &scopes[m->scope], &histograms[m->histogram], &row);
	else
		add_object(&m->out, &scopes[m->scope], m->kind, &row);
	if (m->out.len > head)
		m->headed = true;
	else
		m->out.len = before;
	return true;
}

static enum reply_more more(struct exchange *x, void *pieces, struct slice *piece)
{
	struct metrics *m = pieces;
	bool all = false;

	(void)x;
	buf_clear(&m->out);
	if (!m->process_done && (m->wanted & SCOPE_PROCESS) != 0) {
		add_process(m->gateway, &m->out);
		add_tokens(m->gateway, &m->out);
	}
	m->process_done = true;
	while (m->out.len < PIECE && !all) {
		all = !find_metric(m);
		if (all)
			break;
		if (!m->open)
			open_metric(m);
		if (!add_next(m))
			close_metric(m);
	}
	*piece = buf_slice(&m->out);
	if (!buf_ok(&m->out))
		return REPLY_BROKEN;
	return all ? REPLY_LAST : REPLY_MORE;
}

/* ---- the request ---- */

/* "*", a scope's name, or nothing, which forgets those before it. */
static bool choose_scope(struct metrics *m, struct slice name)
{
	if (name.len == 0) {
		m->wanted = 0;
		return true;
	}
	if (slice_eq(name, SLICE_LIT("*"))) {
		m->wanted = SCOPE_ALL;
		return true;
	}
	if (slice_eq(name, SLICE_LIT("global"))) {
		m->wanted |= SCOPE_PROCESS;
		return true;
	}
	for (unsigned i = 0; i < SCOPE_COUNT; i++) {
		if (slice_eq(name, slice_str(scopes[i].name))) {
			m->wanted |= 1U << i;
			return true;
		}
	}
	return false;
}

static bool read_query(struct metrics *m, struct slice query)
{
	bool chosen = false;

	while (query.ptr != NULL) {
		struct slice value = slice_cut(&query, '&'), key = slice_cut(&value, '=');

		if (slice_eq(key, SLICE_LIT("scope"))) {
			if (!choose_scope(m, value))
				return false;
			chosen = true;
		}
		m->no_maint |= slice_eq(key, SLICE_LIT("no-maint"));
	}
	if (!chosen)
		m->wanted = SCOPE_ALL;
	return true;
}

enum verdict metrics_answer(struct exchange *x)
{
	struct metrics *m = arena_alloc(x->arena, sizeof(*m));

	if (m == NULL)
		return VERDICT_FAIL;
	x->cause = 'L';
	x->reply = (struct reply){ 0 };
	m->gateway = x->worker->gateway;
	m->kind = object_metrics;
	buf_init_fixed(&m->out, m->storage, sizeof(m->storage));
	if (!read_query(m, x->request.query)) {
		error_page_fill(x, 400, "The query names a scope that there is not.", 0);
		return VERDICT_REPLY;
	}
	x->service = SLICE_LIT("<PROMEX>");
	x->reply = (struct reply){ .status = 200, .content_type = SLICE_LIT("text/plain; version=0.0.4"), .more = more, .pieces = m };
	x->reply.headers[0][0] = SLICE_LIT("cache-control");
	x->reply.headers[0][1] = SLICE_LIT("no-cache");
	x->reply.header_count = 1;
	return VERDICT_REPLY;
}
