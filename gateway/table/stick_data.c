/* stick_data.c - what an entry holds: names, counts and rates.
 *
 * A rate is two counts, of the current period and of the one before, of which the part counts that still lies within a period
 * from now. The first event after a pause begins a period, so the first <n> events within one are counted exactly.
 */
#include <string.h>
#include "gateway/table/stick_entry.h"

static const char *const names[STICK_DATA_COUNT] = {
	[STICK_SERVER_ID] = "server_id",
	[STICK_GPC0] = "gpc0",
	[STICK_GPC0_RATE] = "gpc0_rate",
	[STICK_GPC1] = "gpc1",
	[STICK_GPC1_RATE] = "gpc1_rate",
	[STICK_GPT0] = "gpt0",
	[STICK_CONN_CNT] = "conn_cnt",
	[STICK_CONN_CUR] = "conn_cur",
	[STICK_CONN_RATE] = "conn_rate",
	[STICK_SESS_CNT] = "sess_cnt",
	[STICK_SESS_RATE] = "sess_rate",
	[STICK_HTTP_REQ_CNT] = "http_req_cnt",
	[STICK_HTTP_REQ_RATE] = "http_req_rate",
	[STICK_HTTP_ERR_CNT] = "http_err_cnt",
	[STICK_HTTP_ERR_RATE] = "http_err_rate",
	[STICK_HTTP_FAIL_CNT] = "http_fail_cnt",
	[STICK_HTTP_FAIL_RATE] = "http_fail_rate",
	[STICK_BYTES_IN_CNT] = "bytes_in_cnt",
	[STICK_BYTES_IN_RATE] = "bytes_in_rate",
	[STICK_BYTES_OUT_CNT] = "bytes_out_cnt",
	[STICK_BYTES_OUT_RATE] = "bytes_out_rate",
};

const char *stick_data_name(enum stick_data what)
{
	return names[what];
}

int stick_data_of(struct slice name, struct slice *period)
{
	*period = name;
	name = slice_cut(period, '(');
	if (period->ptr != NULL) {
		if (period->len == 0 || period->ptr[period->len - 1] != ')')
			return -1;
		*period = slice_sub(*period, 0, period->len - 1);
	}
	for (int i = 0; i < STICK_DATA_COUNT; i++) {
		if (slice_eq(name, slice_str(names[i])))
			return i;
	}
	return -1;
}

bool stick_data_is_rate(enum stick_data what)
{
	switch (what) {
	case STICK_GPC0_RATE:
	case STICK_GPC1_RATE:
	case STICK_CONN_RATE:
	case STICK_SESS_RATE:
	case STICK_HTTP_REQ_RATE:
	case STICK_HTTP_ERR_RATE:
	case STICK_HTTP_FAIL_RATE:
	case STICK_BYTES_IN_RATE:
	case STICK_BYTES_OUT_RATE:
		return true;
	default:
		return false;
	}
}

void stick_cells_lay_out(struct stick_table *t)
{
	t->cells = 0;
	for (int i = 0; i < STICK_DATA_COUNT; i++) {
		t->cell_of[i] = t->options.stored[i] ? (int)t->cells : CELL_NONE;
		if (t->options.stored[i])
			t->cells += stick_data_is_rate((enum stick_data)i) ? RATE_CELLS : 1;
	}
}

static uint64_t cell_get(const _Atomic uint64_t *cell)
{
	return atomic_load_explicit(cell, memory_order_relaxed);
}

static void cell_set(_Atomic uint64_t *cell, uint64_t value)
{
	atomic_store_explicit(cell, value, memory_order_relaxed);
}

/* The lock of the rates of that entry. */
static pthread_mutex_t *rates_of(const struct stick_table *t, const struct stick_entry *e)
{
	return (pthread_mutex_t *)&t->rates[shards_of(&t->shards, e->node.hash) - t->shards.at];
}

void stick_cells_clear(struct stick_table *t, struct stick_entry *e)
{
	pthread_mutex_t *rates = rates_of(t, e);

	pthread_mutex_lock(rates);
	for (unsigned i = 0; i < t->cells; i++)
		cell_set(&e->cells[i], 0);
	pthread_mutex_unlock(rates);
}

static void rate_add(_Atomic uint64_t *rate, int64_t period_ms, uint64_t more, int64_t now_ms)
{
	uint64_t current = cell_get(&rate[RATE_CURRENT]), before = cell_get(&rate[RATE_BEFORE]);
	int64_t began_ms = (int64_t)cell_get(&rate[RATE_BEGAN]);

	if ((current | before) == 0 || now_ms - began_ms >= 2 * period_ms) {
		began_ms = now_ms;
		current = before = 0;
	} else if (now_ms - began_ms >= period_ms) {
		began_ms += period_ms;
		before = current;
		current = 0;
	}
	cell_set(&rate[RATE_BEGAN], (uint64_t)began_ms);
	cell_set(&rate[RATE_CURRENT], current + more);
	cell_set(&rate[RATE_BEFORE], before);
}

static uint64_t rate_get(const _Atomic uint64_t *rate, int64_t period_ms, int64_t now_ms)
{
	uint64_t current = cell_get(&rate[RATE_CURRENT]), before = cell_get(&rate[RATE_BEFORE]);
	int64_t left_ms = period_ms - (now_ms - (int64_t)cell_get(&rate[RATE_BEGAN]));
	uint64_t left, period = (uint64_t)period_ms;

	if (left_ms <= 0) { /* a period has begun that nobody counted in */
		left_ms += period_ms;
		before = left_ms > 0 ? current : 0;
		current = 0;
	}
	if (current == 0 && before <= 1) /* a single event does not become a fraction that reads as 0 */
		return before;
	left = left_ms < 0 ? 0 : left_ms > period_ms ? period : (uint64_t)left_ms;
	/* before * left / period, which would overflow with bytes */
	return current + before / period * left + before % period * left / period;
}

/* Neither below 0 nor around the end. */
static void count_add(_Atomic uint64_t *cell, int64_t more)
{
	uint64_t down = more < 0 ? -(uint64_t)more : 0, old = cell_get(cell), new;

	if (more >= 0) {
		atomic_fetch_add_explicit(cell, (uint64_t)more, memory_order_relaxed);
		return;
	}
	do
		new = old > down ? old - down : 0;
	while (!atomic_compare_exchange_weak_explicit(cell, &old, new, memory_order_relaxed, memory_order_relaxed));
}

void stick_add(struct stick_table *t, struct stick_entry *e, enum stick_data what, int64_t more, int64_t now_ms)
{
	int cell = t->cell_of[what];

	if (cell == CELL_NONE)
		return;
	if (!stick_data_is_rate(what)) {
		count_add(&e->cells[cell], more);
	} else if (more > 0) {
		pthread_mutex_lock(rates_of(t, e));
		rate_add(&e->cells[cell], t->options.period_ms[what], (uint64_t)more, now_ms);
		pthread_mutex_unlock(rates_of(t, e));
	}
}

void stick_set(struct stick_table *t, struct stick_entry *e, enum stick_data what, uint64_t value)
{
	if (t->cell_of[what] != CELL_NONE && !stick_data_is_rate(what))
		cell_set(&e->cells[t->cell_of[what]], value);
}

void stick_put(struct stick_table *t, struct stick_entry *e, enum stick_data what, uint64_t value, int64_t now_ms)
{
	int cell = t->cell_of[what];

	if (!stick_data_is_rate(what) || cell == CELL_NONE) {
		stick_set(t, e, what, value);
		return;
	}
	pthread_mutex_lock(rates_of(t, e));
	cell_set(&e->cells[cell + RATE_BEGAN], (uint64_t)now_ms);
	cell_set(&e->cells[cell + RATE_CURRENT], value);
	cell_set(&e->cells[cell + RATE_BEFORE], 0);
	pthread_mutex_unlock(rates_of(t, e));
}

uint64_t stick_get(const struct stick_table *t, const struct stick_entry *e, enum stick_data what, int64_t now_ms)
{
	int cell = t->cell_of[what];
	uint64_t value;

	if (cell == CELL_NONE)
		return 0;
	if (!stick_data_is_rate(what))
		return cell_get(&e->cells[cell]);
	pthread_mutex_lock(rates_of(t, e));
	value = rate_get(&e->cells[cell], t->options.period_ms[what], now_ms);
	pthread_mutex_unlock(rates_of(t, e));
	return value;
}
