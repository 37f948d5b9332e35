/* stick_dump.c - entries as lines of the runtime socket, and forgetting them.
 *
 * A place in a table is the number of a bucket, over all shards. Buckets never move, so whoever stays in the table while it is
 * written piece by piece is written once.
 */
#include <inttypes.h>
#include "gateway/table/stick_entry.h"

/* Buckets for which a lock is held once, and those that are looked at in one call. */
#define AT_ONCE 64
#define LOOKED_AT_MOST (64 * 1024)
_Static_assert(LOOKED_AT_MOST % AT_ONCE == 0, "calls begin where a lock begins");

/* In the order in which HAProxy writes them. */
static const enum stick_data order[] = {
	STICK_SERVER_ID, STICK_GPT0, STICK_GPC0, STICK_GPC0_RATE, STICK_CONN_CNT, STICK_CONN_RATE, STICK_CONN_CUR, STICK_SESS_CNT,
	STICK_SESS_RATE, STICK_HTTP_REQ_CNT, STICK_HTTP_REQ_RATE, STICK_HTTP_ERR_CNT, STICK_HTTP_ERR_RATE, STICK_BYTES_IN_CNT,
	STICK_BYTES_IN_RATE, STICK_BYTES_OUT_CNT, STICK_BYTES_OUT_RATE, STICK_GPC1, STICK_GPC1_RATE, STICK_HTTP_FAIL_CNT,
	STICK_HTTP_FAIL_RATE,
};
_Static_assert(sizeof(order) / sizeof(order[0]) == STICK_DATA_COUNT, "each has its place");

struct dump {
	bool (*keep)(void *arg, struct stick_entry *e);
	void *arg;
	int64_t now_ms;
	struct buf *out;
	size_t most; /* of out->len */
	size_t from; /* out->len at the start */
};

static void entry_print(const struct stick_table *t, const struct stick_entry *e, int64_t now_ms, struct buf *out)
{
	int64_t left_ms = t->options.expire_ms > 0 ? t->options.expire_ms - (now_ms - e->used_ms) : 0;

	buf_printf(out, "%p: key=", (const void *)e);
	stick_key_print(&t->options, stick_key_of(t, e), out);
	buf_printf(out, " use=%u exp=%" PRId64, e->pins, left_ms > 0 ? left_ms : 0);
	for (unsigned i = 0; i < STICK_DATA_COUNT; i++) {
		enum stick_data what = order[i];

		if (t->cell_of[what] == CELL_NONE)
			continue;
		buf_printf(out, " %s", stick_data_name(what));
		if (stick_data_is_rate(what))
			buf_printf(out, "(%d)", t->options.period_ms[what]);
		buf_printf(out, "=%" PRIu64, stick_get(t, e, what, now_ms));
	}
	buf_add_char(out, '\n');
}

/* Writes a bucket's entries; takes them back and returns false when they do not fit and others were written before. */
static bool dump_bucket(const struct stick_table *t, const struct shard *shard, unsigned bucket, const struct dump *d)
{
	size_t len = d->out->len;

	for (struct shard_node *n = shard_bucket(shard, bucket); n != NULL; n = n->chain) {
		struct stick_entry *e = (struct stick_entry *)n;

		if (!stick_expired(t, e, d->now_ms) && (d->keep == NULL || d->keep(d->arg, e)))
			entry_print(t, e, d->now_ms, d->out);
	}
	if (d->out->len <= d->most || len == d->from)
		return true;
	d->out->len = len;
	return false;
}

unsigned stick_table_dump(struct stick_table *t, unsigned from, size_t limit, bool (*keep)(void *arg, struct stick_entry *e), void *arg,
			  int64_t now_ms, struct buf *out)
{
	struct dump d = { .keep = keep, .arg = arg, .now_ms = now_ms, .out = out, .most = out->len + limit, .from = out->len };
	unsigned per_shard = t->shards.buckets, places = t->shards.count * per_shard, end = from + LOOKED_AT_MOST;
	bool fits = true;

	while (fits && from < places && from < end) {
		struct shard *shard = &t->shards.at[from / per_shard];
		unsigned stop = (from / AT_ONCE + 1) * AT_ONCE;

		if (stop > (from / per_shard + 1) * per_shard) /* a small table has fewer */
			stop = (from / per_shard + 1) * per_shard;
		pthread_mutex_lock(&shard->lock);
		if (shard->count == 0)
			stop = from = (from / per_shard + 1) * per_shard;
		while (from < stop && (fits = dump_bucket(t, shard, from % per_shard, &d)))
			from++;
		pthread_mutex_unlock(&shard->lock);
	}
	return from < places ? from : 0;
}

bool stick_table_show(struct stick_table *t, const struct sample *key, int64_t now_ms, struct buf *out)
{
	struct stick_place at;
	struct stick_entry *e;

	if (!stick_lock(t, key, &at))
		return false;
	e = stick_lookup_live(t, &at, now_ms);
	if (e != NULL)
		entry_print(t, e, now_ms, out);
	pthread_mutex_unlock(&at.shard->lock);
	return e != NULL;
}

static unsigned clear_key(struct stick_table *t, const struct sample *key)
{
	struct stick_gone gone = { 0 };
	struct stick_place at;
	struct stick_entry *e;
	unsigned count;

	if (!stick_lock(t, key, &at))
		return 0;
	e = stick_lookup(t, &at);
	if (e != NULL && e->pins == 0)
		stick_take_out(t, at.shard, e, &gone);
	pthread_mutex_unlock(&at.shard->lock);
	count = gone.count;
	stick_gone_free(t, &gone);
	return count;
}

/* The buckets from <bucket> on of one shard for which a lock is held once. */
static unsigned clear_some(struct stick_table *t, struct shard *shard, unsigned bucket, bool (*keep)(void *arg, struct stick_entry *e),
			   void *arg)
{
	struct stick_gone gone = { 0 };
	unsigned end = bucket + AT_ONCE < t->shards.buckets ? bucket + AT_ONCE : t->shards.buckets, count;

	pthread_mutex_lock(&shard->lock);
	for (; shard->count > 0 && bucket < end; bucket++) {
		struct shard_node *n = shard_bucket(shard, bucket), *next;

		for (; n != NULL; n = next) {
			struct stick_entry *e = (struct stick_entry *)n;

			next = n->chain;
			if (e->pins == 0 && (keep == NULL || keep(arg, e)))
				stick_take_out(t, shard, e, &gone);
		}
	}
	pthread_mutex_unlock(&shard->lock);
	count = gone.count;
	stick_gone_free(t, &gone);
	return count;
}

unsigned stick_table_clear(struct stick_table *t, const struct sample *key, bool (*keep)(void *arg, struct stick_entry *e), void *arg)
{
	unsigned count = 0;

	if (key != NULL)
		return clear_key(t, key);
	for (unsigned i = 0; i < t->shards.count; i++) {
		for (unsigned bucket = 0; bucket < t->shards.buckets; bucket += AT_ONCE)
			count += clear_some(t, &t->shards.at[i], bucket, keep, arg);
	}
	return count;
}
