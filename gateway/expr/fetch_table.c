/* fetch_table.c - samples of stick tables: sc_*, sc0_*, sc1_*, sc2_* and src_*, one family for each thing that an entry holds (manual, 7.3.3).
 *
 * A member of sc_ takes the counter's number as its first argument; the others have it in their name. src_ looks the client's address up.
 */
#include "gateway/expr/tables.h"

#include "gateway/conf/parse.h"
#include "gateway/expr/arg.h"
#include "gateway/loop/loop.h"
#include "gateway/session/exchange.h"
#include "gateway/session/worker.h"
#include "gateway/table/stick_table.h"

/* What is done with the entry. */
enum what_done { GET, KBYTES, INCREMENT, CLEAR };

/* An entry's data: enum stick_data, what is done, and which counter: 0 to 2, or one of these. */
enum { COUNTER_ARGUMENT = 3 };
#define DATA(stick, done, counter) ((stick) | (done) << 8 | (counter) << 12)

static enum stick_data data_of(const struct args *a)
{
	return (enum stick_data)(a->data & 0xFF);
}

static enum what_done done_of(const struct args *a)
{
	return (enum what_done)(a->data >> 8 & 0xF);
}

static int64_t now_of(const struct exchange *x)
{
	return loop_now_ms(x->worker->loop);
}

/* The rate that counts along with a general purpose counter, or the same. */
static enum stick_data rate_beside(enum stick_data what)
{
	return what == STICK_GPC0 ? STICK_GPC0_RATE : what == STICK_GPC1 ? STICK_GPC1_RATE : what;
}

/* Does what <a> says with <e>, which may be NULL: no such entry yet. False when the table does not store that. */
static bool use_entry(struct exchange *x, const struct args *a, struct stick_table *t, struct stick_entry *e, struct sample *out)
{
	const struct stick_options *o = stick_table_options(t);
	enum stick_data what = data_of(a), beside = rate_beside(what);
	uint64_t n;

	if (!o->stored[what] && done_of(a) == INCREMENT)
		what = beside;
	if (!o->stored[what])
		return false;
	if (e == NULL)
		return sample_set_int(out, 0);
	if (done_of(a) == INCREMENT) {
		stick_add(t, e, what, 1, now_of(x));
		if (beside != what)
			stick_add(t, e, beside, 1, now_of(x));
	}
	n = stick_get(t, e, what, now_of(x));
	if (done_of(a) == CLEAR)
		stick_set(t, e, what, 0);
	return sample_set_int(out, (int64_t)(done_of(a) == KBYTES ? n >> 10 : n));
}

/* The counter that <a> means: the exchange's, else the connection's; NULL: it tracks nothing. */
static const struct tracked *counter_of(const struct exchange *x, const struct args *a)
{
	int64_t i = a->data >> 12 == COUNTER_ARGUMENT ? a->at[0].number : a->data >> 12;

	if (x->tracked[i].entry != NULL)
		return &x->tracked[i];
	if (x->session->tracked != NULL && x->session->tracked[i].entry != NULL)
		return &x->session->tracked[i];
	return NULL;
}

/* The table that was named instead of the tracked one, or NULL. */
static struct stick_table *other_table(const struct args *a)
{
	return a->data >> 12 == COUNTER_ARGUMENT ? a->at[1].table : a->at[0].table;
}

/* Looks <key> up, for reading, or makes its entry when something is to be counted. */
static bool use_key(struct exchange *x, const struct args *a, struct stick_table *t, const struct sample *key, struct sample *out)
{
	bool makes = done_of(a) == INCREMENT || done_of(a) == CLEAR;
	struct stick_entry *e = makes ? stick_track(t, key, now_of(x)) : stick_find(t, key, now_of(x));
	bool found = use_entry(x, a, t, e, out);

	if (e != NULL)
		stick_release(t, &e, now_of(x));
	return found;
}

static bool get_counter(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	const struct tracked *c = counter_of(x, a);
	struct stick_table *other = other_table(a);
	struct sample key;

	(void)w;
	if (c == NULL)
		return false;
	if (other == NULL || other == c->table)
		return use_entry(x, a, c->table, c->entry, out);
	stick_entry_key(c->table, c->entry, &key);
	return use_key(x, a, other, &key, out);
}

static bool get_tracked(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	const struct tracked *c = counter_of(x, a);

	(void)w;
	return sample_set_bool(out, c != NULL && (other_table(a) == NULL || other_table(a) == c->table));
}

static bool get_source(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	struct sample key;

	(void)w;
	return a->at[0].table != NULL && sample_set_addr(&key, exchange_source(x)) && use_key(x, a, a->at[0].table, &key, out);
}

static bool get_table_size(struct exchange *x, const struct args *a, struct walk *w, struct sample *out)
{
	const struct stick_table *t = a->at[0].table;
	int64_t used, size;

	(void)x, (void)w;
	if (t == NULL)
		return false;
	used = stick_table_used(t);
	size = stick_table_options(t)->size;
	return sample_set_int(out, a->data == 0 ? used : size > used ? size - used : 0);
}

static bool check_counter(struct parse *p, struct args *a)
{
	if (a->at[0].number >= 0 && a->at[0].number < TRACKED_MAX)
		return true;
	parse_error(p, "sample fetch '%s' : there are the counters 0 to %d, not %lld", a->keyword, TRACKED_MAX - 1,
		    (long long)a->at[0].number);
	return false;
}

#define COUNTERS(suffix, value_type, getter, stick, done)                                                                               \
	{ .name = "sc_" suffix, .args = "i|T", .type = (value_type), .when = WHEN_CONNECTION, .get = (getter), .check = check_counter,   \
	  .data = DATA(stick, done, COUNTER_ARGUMENT) },                                                                                 \
	{ .name = "sc0_" suffix, .args = "|T", .type = (value_type), .when = WHEN_CONNECTION, .get = (getter), .data = DATA(stick, done, 0) }, \
	{ .name = "sc1_" suffix, .args = "|T", .type = (value_type), .when = WHEN_CONNECTION, .get = (getter), .data = DATA(stick, done, 1) }, \
	{ .name = "sc2_" suffix, .args = "|T", .type = (value_type), .when = WHEN_CONNECTION, .get = (getter), .data = DATA(stick, done, 2) }

#define FAMILY(suffix, stick, done)                                                                                                     \
	COUNTERS(suffix, SAMPLE_INT, get_counter, stick, done),                                                                         \
	{ .name = "src_" suffix, .args = "|t", .type = SAMPLE_INT, .when = WHEN_CONNECTION, .get = get_source, .data = DATA(stick, done, 0) }

const struct fetch fetch_table[] = {
	FAMILY("bytes_in_rate", STICK_BYTES_IN_RATE, GET),
	FAMILY("bytes_out_rate", STICK_BYTES_OUT_RATE, GET),
	FAMILY("clr_gpc0", STICK_GPC0, CLEAR),
	FAMILY("clr_gpc1", STICK_GPC1, CLEAR),
	FAMILY("conn_cnt", STICK_CONN_CNT, GET),
	FAMILY("conn_cur", STICK_CONN_CUR, GET),
	FAMILY("conn_rate", STICK_CONN_RATE, GET),
	FAMILY("get_gpc0", STICK_GPC0, GET),
	FAMILY("get_gpc1", STICK_GPC1, GET),
	FAMILY("get_gpt0", STICK_GPT0, GET),
	FAMILY("gpc0_rate", STICK_GPC0_RATE, GET),
	FAMILY("gpc1_rate", STICK_GPC1_RATE, GET),
	FAMILY("http_err_cnt", STICK_HTTP_ERR_CNT, GET),
	FAMILY("http_err_rate", STICK_HTTP_ERR_RATE, GET),
	FAMILY("http_fail_cnt", STICK_HTTP_FAIL_CNT, GET),
	FAMILY("http_fail_rate", STICK_HTTP_FAIL_RATE, GET),
	FAMILY("http_req_cnt", STICK_HTTP_REQ_CNT, GET),
	FAMILY("http_req_rate", STICK_HTTP_REQ_RATE, GET),
	FAMILY("inc_gpc0", STICK_GPC0, INCREMENT),
	FAMILY("inc_gpc1", STICK_GPC1, INCREMENT),
	FAMILY("kbytes_in", STICK_BYTES_IN_CNT, KBYTES),
	FAMILY("kbytes_out", STICK_BYTES_OUT_CNT, KBYTES),
	FAMILY("sess_cnt", STICK_SESS_CNT, GET),
	FAMILY("sess_rate", STICK_SESS_RATE, GET),
	COUNTERS("tracked", SAMPLE_BOOL, get_tracked, 0, GET),
	{ .name = "src_updt_conn_cnt", .args = "|t", .type = SAMPLE_INT, .when = WHEN_CONNECTION, .get = get_source,
	  .data = DATA(STICK_CONN_CNT, INCREMENT, 0) },
	{ .name = "table_cnt", .args = "|t", .type = SAMPLE_INT, .when = WHEN_ALWAYS, .get = get_table_size, .data = 0 },
	{ .name = "table_avl", .args = "|t", .type = SAMPLE_INT, .when = WHEN_ALWAYS, .get = get_table_size, .data = 1 },
	{ .name = NULL },
};
