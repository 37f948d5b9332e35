/* conv_table.c - converters that look a key up in a stick table: in_table, table_* (manual, 7.3.1).
 *
 * As in HAProxy: a key that is not there gives 0, what the table does not store gives no value.
 */
#include "gateway/expr/tables.h"

#include "gateway/expr/arg.h"
#include "gateway/loop/loop.h"
#include "gateway/session/exchange.h"
#include "gateway/session/worker.h"
#include "gateway/table/stick_table.h"

static int64_t now_of(const struct exchange *x)
{
	return loop_now_ms(x->worker->loop);
}

/* The entry of the key <s>, or NULL; false when <s> cannot be a key of that table, or there is no table. To be released. */
static bool look_up(struct exchange *x, const struct args *a, const struct sample *s, struct stick_entry **e)
{
	struct stick_table *t = a->at[0].table;
	struct sample key = *s;
	enum stick_type type;

	if (t == NULL)
		return false;
	type = stick_table_options(t)->type;
	if ((type == STICK_IP || type == STICK_IPV6) && !sample_cast(x, &key, SAMPLE_ADDR))
		return false;
	*e = stick_find(t, &key, now_of(x));
	return true;
}

static bool conv_in_table(struct exchange *x, const struct args *a, struct sample *s)
{
	struct stick_entry *e;
	bool found;

	if (!look_up(x, a, s, &e))
		return false;
	found = e != NULL;
	if (found)
		stick_release(a->at[0].table, &e, now_of(x));
	return sample_set_bool(s, found);
}

/* ---- what an entry stores: data is an enum stick_data ---- */

static bool get_data(struct exchange *x, const struct args *a, struct sample *s, uint64_t divisor)
{
	struct stick_table *t = a->at[0].table;
	enum stick_data what = (enum stick_data)a->data;
	struct stick_entry *e;
	uint64_t n;

	if (!look_up(x, a, s, &e))
		return false;
	if (e == NULL)
		return sample_set_int(s, 0);
	n = stick_get(t, e, what, now_of(x));
	stick_release(t, &e, now_of(x));
	return stick_table_options(t)->stored[what] && sample_set_int(s, (int64_t)(n / divisor));
}

static bool conv_data(struct exchange *x, const struct args *a, struct sample *s)
{
	return get_data(x, a, s, 1);
}

static bool conv_kbytes(struct exchange *x, const struct args *a, struct sample *s)
{
	return get_data(x, a, s, 1024);
}

/* ---- the entry itself ---- */

static bool conv_trackers(struct exchange *x, const struct args *a, struct sample *s)
{
	struct stick_table *t = a->at[0].table;
	struct stick_entry *e;

	if (!look_up(x, a, s, &e))
		return false;
	if (e == NULL)
		return sample_set_int(s, 0);
	sample_set_int(s, stick_users(t, e)); /* HAProxy, too, counts the one that asks */
	stick_release(t, &e, now_of(x));
	return true;
}

enum { IDLE, EXPIRE };

/* Argument 2: the value for a key that is not there. */
static bool conv_age(struct exchange *x, const struct args *a, struct sample *s)
{
	struct stick_table *t = a->at[0].table;
	int64_t idle_ms, expire_ms;
	struct stick_entry *e;

	if (!look_up(x, a, s, &e))
		return false;
	if (e == NULL)
		return a->at[1].given && sample_set_int(s, a->at[1].number);
	idle_ms = stick_idle_ms(t, e, now_of(x));
	stick_release(t, &e, now_of(x));
	expire_ms = stick_table_options(t)->expire_ms;
	return sample_set_int(s, a->data == IDLE ? idle_ms : expire_ms > idle_ms ? expire_ms - idle_ms : 0);
}

#define DATA(suffix, what) \
	{ .name = "table_" suffix, .args = "t", .from = SAMPLE_ANY, .to = SAMPLE_INT, .convert = conv_data, .data = (what) }

const struct converter conv_table[] = {
	{ .name = "in_table", .args = "t", .from = SAMPLE_ANY, .to = SAMPLE_BOOL, .convert = conv_in_table },
	DATA("bytes_in_rate", STICK_BYTES_IN_RATE),
	DATA("bytes_out_rate", STICK_BYTES_OUT_RATE),
	DATA("conn_cnt", STICK_CONN_CNT),
	DATA("conn_cur", STICK_CONN_CUR),
	DATA("conn_rate", STICK_CONN_RATE),
	DATA("gpc0", STICK_GPC0),
	DATA("gpc0_rate", STICK_GPC0_RATE),
	DATA("gpc1", STICK_GPC1),
	DATA("gpc1_rate", STICK_GPC1_RATE),
	DATA("gpt0", STICK_GPT0),
	DATA("http_err_cnt", STICK_HTTP_ERR_CNT),
	DATA("http_err_rate", STICK_HTTP_ERR_RATE),
	DATA("http_fail_cnt", STICK_HTTP_FAIL_CNT),
	DATA("http_fail_rate", STICK_HTTP_FAIL_RATE),
	DATA("http_req_cnt", STICK_HTTP_REQ_CNT),
	DATA("http_req_rate", STICK_HTTP_REQ_RATE),
	DATA("server_id", STICK_SERVER_ID),
	DATA("sess_cnt", STICK_SESS_CNT),
	DATA("sess_rate", STICK_SESS_RATE),
	{ .name = "table_kbytes_in", .args = "t", .from = SAMPLE_ANY, .to = SAMPLE_INT, .convert = conv_kbytes, .data = STICK_BYTES_IN_CNT },
	{ .name = "table_kbytes_out", .args = "t", .from = SAMPLE_ANY, .to = SAMPLE_INT, .convert = conv_kbytes, .data = STICK_BYTES_OUT_CNT },
	{ .name = "table_trackers", .args = "t", .from = SAMPLE_ANY, .to = SAMPLE_INT, .convert = conv_trackers },
	{ .name = "table_idle", .args = "t|i", .from = SAMPLE_ANY, .to = SAMPLE_INT, .convert = conv_age, .data = IDLE },
	{ .name = "table_expire", .args = "t|i", .from = SAMPLE_ANY, .to = SAMPLE_INT, .convert = conv_age, .data = EXPIRE },
	{ .name = NULL },
};
