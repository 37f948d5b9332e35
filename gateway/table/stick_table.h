/* stick_table.h - tables of counters and rates by key: "stick-table type string size 1m expire 10s store http_req_rate(10s)".
 *
 * Shared by all threads: looking an entry up takes the lock of its shard for a moment, and so does a rate; counts are atomic. A new key is
 * one malloc() of exactly what the table stores, the one place on the path of a request where that is accepted: tables are too large to
 * be taken at once.
 * Bounded by <size> entries, exactly: when full the oldest that nobody uses goes (with "nopurge": nothing new comes in). Up to 1,024
 * entries there is one shard and that is the oldest of all; larger tables have sixteen, and it is the oldest of the shard of the new key.
 */
#ifndef MOA_GATEWAY_TABLE_STICK_TABLE_H
#define MOA_GATEWAY_TABLE_STICK_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include "gateway/expr/sample.h"
#include "shared/base/buf.h"
#include "shared/base/slice.h"

struct parse;
struct stick_entry;
struct stick_table;

enum stick_type { STICK_IP, STICK_IPV6, STICK_INTEGER, STICK_STRING, STICK_BINARY };
/* What an entry may hold; names are HAProxy's. */
enum stick_data {
	STICK_SERVER_ID, STICK_GPC0, STICK_GPC0_RATE, STICK_GPC1, STICK_GPC1_RATE, STICK_GPT0, STICK_CONN_CNT, STICK_CONN_CUR,
	STICK_CONN_RATE, STICK_SESS_CNT, STICK_SESS_RATE, STICK_HTTP_REQ_CNT, STICK_HTTP_REQ_RATE, STICK_HTTP_ERR_CNT,
	STICK_HTTP_ERR_RATE, STICK_HTTP_FAIL_CNT, STICK_HTTP_FAIL_RATE, STICK_BYTES_IN_CNT, STICK_BYTES_IN_RATE,
	STICK_BYTES_OUT_CNT, STICK_BYTES_OUT_RATE, STICK_DATA_COUNT
};

#define STICK_KEY_MOST 4096

struct stick_options {
	struct slice name;     /* borrowed: the configuration's */
	enum stick_type type;
	unsigned key_len;      /* most bytes of a string (cut) or binary (padded) key: 1 to STICK_KEY_MOST */
	unsigned size;         /* most entries, at least 1 */
	int expire_ms;         /* since an entry was last used; 0: never */
	bool nopurge;
	bool stored[STICK_DATA_COUNT];
	int period_ms[STICK_DATA_COUNT]; /* of the rates */
};

/* Reads what follows "stick-table" on its line; NULL after complaining. Its memory for entries is taken as they come. */
struct stick_table *stick_table_read(struct parse *p, struct slice name);
struct stick_table *stick_table_create(const struct stick_options *o); /* out of memory aborts */
void stick_table_free(struct stick_table **t); /* no entry is in use any more */
const struct stick_options *stick_table_options(const struct stick_table *t);
/* Entries that are held, also those whose time is over and that were not swept yet. */
unsigned stick_table_used(const struct stick_table *t);
/* Sweeps entries whose time is over, a part of them: to be called now and then (each second), and before stick_table_used() is shown.
 * Requests sweep a few themselves. How many went. Any thread. */
unsigned stick_table_expire(struct stick_table *t, int64_t now_ms);

/* The entry of that key, made when there is none; it stays until stick_release(), and its time begins then. NULL: <key> cannot be of that
 * type, the table is full and nothing may go, or there is no memory. Any thread. */
struct stick_entry *stick_track(struct stick_table *t, const struct sample *key, int64_t now_ms);
/* The same without making one; being found does not prolong its time. */
struct stick_entry *stick_find(struct stick_table *t, const struct sample *key, int64_t now_ms);
void stick_release(struct stick_table *t, struct stick_entry **e, int64_t now_ms);
/* The key of an entry in use, of its table's type. A text lies in the entry. */
void stick_entry_key(const struct stick_table *t, const struct stick_entry *e, struct sample *out);

/* Since it was last tracked, and how many use it now, the caller included. Any thread. */
int64_t stick_idle_ms(struct stick_table *t, const struct stick_entry *e, int64_t now_ms);
unsigned stick_users(struct stick_table *t, const struct stick_entry *e);

/* Adds to a count, a rate or a current number (which may go down, to 0); nothing happens when the table does not store it. Any thread. */
void stick_add(struct stick_table *t, struct stick_entry *e, enum stick_data what, int64_t more, int64_t now_ms);
/* Not for rates: nothing happens. */
void stick_set(struct stick_table *t, struct stick_entry *e, enum stick_data what, uint64_t value);
/* For the runtime socket: rates as well, as if that many events came now and none before. */
void stick_put(struct stick_table *t, struct stick_entry *e, enum stick_data what, uint64_t value, int64_t now_ms);
/* A count, or a rate in events per its period; 0 when the table does not store it. */
uint64_t stick_get(const struct stick_table *t, const struct stick_entry *e, enum stick_data what, int64_t now_ms);
int stick_data_of(struct slice name, struct slice *period); /* "http_req_rate(10s)", or without a period: enum stick_data, or -1 */
const char *stick_data_name(enum stick_data what);
bool stick_data_is_rate(enum stick_data what); /* has a period */

/* For the runtime socket: one line an entry, as HAProxy writes them, from place <from> on (0: the start), until <limit> bytes are
 * reached or a part of the table was looked through, which may add nothing; returns the place to go on with, 0: that was all.
 * Places stay valid while entries come and go. <keep>: NULL, or says which entries; a lock is held, so it may call stick_get() only. */
unsigned stick_table_dump(struct stick_table *t, unsigned from, size_t limit, bool (*keep)(void *arg, struct stick_entry *e), void *arg,
			  int64_t now_ms, struct buf *out);
/* The line of the entry with that key; false: there is none, nothing is added. */
bool stick_table_show(struct stick_table *t, const struct sample *key, int64_t now_ms, struct buf *out);
/* Forgets entries that nobody uses: the one with that key, or (<key> NULL) all that <keep> names, which is as above, NULL: all. Takes about
 * 0.1 s a million. How many went. */
unsigned stick_table_clear(struct stick_table *t, const struct sample *key, bool (*keep)(void *arg, struct stick_entry *e), void *arg);

#endif
