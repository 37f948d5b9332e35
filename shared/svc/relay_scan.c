/* relay_scan.c - finds what is in the outbox: new rows at once, gaps for a second, and everything once a second.
 *
 * Ids are handed out before commit, so a row may appear below ids that were read already. Such an id is looked
 * for in each read while it is younger than a second; later the full scan finds it. For one key ids grow in commit order.
 * A late row is published as it is if nothing newer of its key was published since it can have been committed
 * (since the scan before, which did not see it, began), else its key is written anew.
 */
#include <stdlib.h>
#include <string.h>

#include "shared/base/hash.h"
#include "shared/base/log.h"
#include "shared/svc/relay_steps.h"

#define SCAN_PAGE 5000
#define TRIGGERS_EVERY_US 10000000
#define TRIGGERS_EXPECTED 3
#define REWRITE_US 1000000 /* of 100 rows; the session that holds the lock may be silent for 3 s */

/* ---- gaps ---- */

static void gaps_expire(struct relay *r, int64_t now_us)
{
	size_t n = 0;

	for (size_t i = 0; i < r->gap_count; i++) {
		if (now_us - r->gaps[i].since_us < OUTBOX_LATE_US)
			r->gaps[n++] = r->gaps[i];
	}
	r->gap_count = n;
}

static void gap_remove(struct relay *r, uint64_t id)
{
	for (size_t i = 0; i < r->gap_count; i++) {
		if (r->gaps[i].id == id) {
			r->gaps[i] = r->gaps[--r->gap_count];
			return;
		}
	}
}

static bool gap_has(const struct relay *r, uint64_t id)
{
	for (size_t i = 0; i < r->gap_count; i++) {
		if (r->gaps[i].id == id)
			return true;
	}
	return false;
}

/* Ids missing between the highest read and <id>; a jump of the counter is left to the full scan. */
static void gaps_note(struct relay *r, uint64_t id, int64_t now_us)
{
	if (id - r->highest > RELAY_GAPS_MAX)
		return;
	for (uint64_t g = r->highest + 1; g < id && r->gap_count < RELAY_GAPS_MAX; g++)
		r->gaps[r->gap_count++] = (struct relay_gap){ g, now_us };
}

/* ---- reading ---- */

enum err relay_read(struct relay *r, bool *more)
{
	uint64_t ids[RELAY_GAPS_MAX];
	struct outbox_row *rows;
	int64_t now_us = clock_mono_us();
	size_t count;
	enum err e;

	*more = false;
	arena_reset(r->arena);
	for (size_t i = 0; i < r->gap_count; i++)
		ids[i] = r->gaps[i].id;
	e = outbox_read(r->session, r->table, r->arena, r->highest, ids, r->gap_count, RELAY_BATCH, &rows, &count);
	if (e != ERR_OK)
		return e;
	r->session_used_us = now_us;
	gaps_expire(r, now_us); /* after the read: a scan that left a gap to the next read relies on it */
	for (size_t i = 0; i < count; i++) {
		if (rows[i].id < r->highest) {
			gap_remove(r, rows[i].id);
			continue;
		}
		gaps_note(r, rows[i].id, now_us);
		r->highest = rows[i].id;
	}
	*more = count == RELAY_BATCH;
	return count > 0 ? relay_publish_rows(r, rows, count) : ERR_OK;
}

/* The database is not the one that we published from: a new term begins above all versions, with a snapshot. */
static enum err database_replaced(struct relay *r, const char *lacks)
{
	log_warn("relay.database_replaced", "topic=%s lacks=%s", r->topic->name, lacks);
	r->replaced = true;
	return ERR_NOT_LEADER;
}

enum err relay_delete(struct relay *r)
{
	size_t n = r->done_count < OUTBOX_IDS_MAX ? r->done_count : OUTBOX_IDS_MAX;
	size_t deleted = n;
	enum err e;

	if (n == 0)
		return ERR_OK;
	arena_reset(r->arena);
	e = sql_begin(r->session);
	if (e == ERR_OK)
		e = relay_own_save(r);
	if (e == ERR_OK)
		e = outbox_delete(r->session, r->arena, r->done, n, &deleted);
	if (e == ERR_OK)
		e = sql_commit(r->session);
	else
		sql_rollback(r->session);
	r->delete_refused = e == ERR_FULL;
	if (e == ERR_CONFLICT || e == ERR_FULL) /* a writer's lock, or a disk without room even for that: another time */
		return ERR_OK;
	if (e != ERR_OK)
		return e;
	if (deleted != n) /* nobody else deletes rows that were published */
		return database_replaced(r, "outbox_rows");
	relay_own_saved(r);
	for (size_t i = 0; i < n; i++)
		idset_remove(r->known, r->done[i]);
	r->done_count -= n;
	memmove(r->done, r->done + n, r->done_count * sizeof(*r->done));
	return ERR_OK;
}

/* ---- the full scan ---- */

struct late {
	uint64_t *ids;
	size_t count, size;
};

static void late_add(struct late *l, uint64_t id)
{
	if (l->count == l->size) {
		l->size = l->size == 0 ? 256 : l->size * 2;
		l->ids = realloc(l->ids, l->size * sizeof(*l->ids));
		if (l->ids == NULL)
			abort();
	}
	l->ids[l->count++] = id;
}

/* Ids in the table, not above the highest read, that were neither published nor are looked for as gaps. */
static enum err find_late(struct relay *r, struct late *late)
{
	uint64_t after = 0;
	size_t count;
	enum err e;

	do {
		uint64_t *ids;

		arena_reset(r->arena);
		e = outbox_ids(r->session, r->table, r->arena, after, r->highest, SCAN_PAGE, &ids, &count);
		for (size_t i = 0; e == ERR_OK && i < count; i++) {
			if (!idset_has(r->known, ids[i]) && !gap_has(r, ids[i]))
				late_add(late, ids[i]);
		}
		if (e == ERR_OK && count > 0)
			after = ids[count - 1];
	} while (e == ERR_OK && count == SCAN_PAGE);
	return e;
}

/* Once unsafe, always unsafe: a row whose key was locked when it was to be written anew is met again by later scans, which have
 * forgotten what was published meanwhile. The same goes for rows that the term began with. */
static bool was_published_since(const struct relay *r, const struct outbox_row *row)
{
	uint64_t h = hash_fnv64(row->key);

	return row->id <= r->floor || idset_has(r->unsafe, row->id) || idset_count(r->published) >= RELAY_PUBLISHED_MAX || idset_count(r->published_before) >= RELAY_PUBLISHED_MAX ||
	       idset_has(r->published, h) || idset_has(r->published_before, h);
}

enum err relay_rewrite(struct relay *r, struct outbox_row *rows, size_t count, size_t *left)
{
	enum err e = ERR_OK;
	size_t kept = 0;

	for (size_t i = 0; e == ERR_OK && i < count; i += OUTBOX_REWRITE_MAX) {
		size_t n = count - i < OUTBOX_REWRITE_MAX ? count - i : OUTBOX_REWRITE_MAX, locked;
		enum err why = outbox_rewrite(r->db, r->table, rows + i, n, clock_mono_us() + REWRITE_US, &locked);

		if (why != ERR_OK)
			log_debug("relay.rewrite", "topic=%s reason=%s", r->topic->name, err_name(why));
		memmove(rows + kept, rows + i, locked * sizeof(*rows));
		kept += locked;
		counter_add(r->rewritten, n - locked);
		if (r->session != NULL)
			e = relay_keep_session(r);
	}
	*left += kept;
	return e;
}

/* A key whose lock goes from one writer to the next may never be met unlocked: a row of it is done with when a newer one is in the
 * outbox, because that one goes out in this term. It stays counted as left: the newer one may not be out yet. */
static enum err drop_outdated(struct relay *r, const struct outbox_row *left, size_t count)
{
	struct outbox_row *newer;
	uint64_t ids[OUTBOX_IDS_MAX];
	size_t newer_count, n = 0, deleted;
	enum err e = outbox_read(r->session, r->table, r->arena, r->floor, NULL, 0, RELAY_BATCH, &newer, &newer_count);

	for (size_t i = 0; e == ERR_OK && i < count; i++) {
		size_t k = newer_count;

		while (k > 0 && newer[k - 1].id > left[i].id && !slice_eq(newer[k - 1].key, left[i].key))
			k--;
		if (k > 0 && newer[k - 1].id > left[i].id)
			ids[n++] = left[i].id;
	}
	if (e == ERR_OK)
		e = outbox_delete(r->session, r->arena, ids, n, &deleted);
	return e == ERR_CONFLICT ? ERR_OK : e;
}

/* One page of late rows: the safe ones go out, the others are written anew, or *left for another time. */
static enum err publish_late(struct relay *r, const uint64_t *ids, size_t count, size_t *left)
{
	struct outbox_row *rows, *safe, *unsafe;
	size_t read, safe_count = 0, unsafe_count = 0, locked = 0;
	enum err e;

	arena_reset(r->arena);
	e = outbox_read(r->session, r->table, r->arena, UINT64_MAX, ids, count, count, &rows, &read);
	if (e != ERR_OK)
		return e;
	safe = arena_alloc_array(r->arena, read + 1, sizeof(*safe));
	unsafe = arena_alloc_array(r->arena, read + 1, sizeof(*unsafe));
	for (size_t i = 0; i < read; i++) {
		if (was_published_since(r, &rows[i])) {
			idset_add(r->unsafe, rows[i].id);
			unsafe[unsafe_count++] = rows[i];
		} else {
			safe[safe_count++] = rows[i];
		}
	}
	counter_add(r->late, read);
	if (unsafe_count > 0)
		e = relay_rewrite(r, unsafe, unsafe_count, &locked);
	if (e == ERR_OK && locked > 0)
		e = drop_outdated(r, unsafe, locked);
	*left += locked;
	if (e == ERR_OK && safe_count > 0)
		e = relay_publish_rows(r, safe, safe_count);
	return e;
}

static enum err handle_late(struct relay *r, const struct late *late, size_t *left)
{
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < late->count; i += OUTBOX_IDS_MAX) {
		size_t n = late->count - i < OUTBOX_IDS_MAX ? late->count - i : OUTBOX_IDS_MAX;

		e = publish_late(r, late->ids + i, n, left);
	}
	return e;
}

static enum err publish_ends(struct relay *r)
{
	enum err e = ERR_OK;
	size_t n = r->end_count;

	for (size_t i = 0; e == ERR_OK && i < n; i++)
		e = relay_publish_end(r, &r->ends[i]);
	for (size_t i = 0; e == ERR_OK && i < n; i++)
		relay_note_done(r, &r->ends[i]);
	if (e == ERR_OK)
		r->end_count = 0;
	return e;
}

/* Snapshots asked for by other instances, or by a predecessor. */
static enum err take_wish(struct relay *r)
{
	struct slice value;
	enum err e = outbox_state_get(r->session, r->arena, RELAY_STATE_WANTED, &value);

	if (e != ERR_OK || value.ptr == NULL)
		return e;
	pthread_mutex_lock(&r->lock);
	if (value.len == CLOCK_UUID_LEN) {
		memcpy(r->wanted, value.ptr, value.len);
		r->wanted[value.len] = '\0';
	}
	pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->lock);
	return ERR_OK;
}

/* A database restored from a backup, or made anew, under us lacks our term, or the offsets or numbers that we stored last. */
static enum err check_database(struct relay *r)
{
	int64_t own_next[TOPIC_PARTITIONS_MAX];
	struct slice value;
	enum err e = outbox_state_get(r->session, r->arena, RELAY_STATE_TERM, &value);

	if (e == ERR_OK && !slice_eq(value, slice_str(r->term_id)))
		return database_replaced(r, "term");
	if (e == ERR_OK)
		e = logident_verify(r->log, r->session);
	if (e == ERR_MOVED)
		return database_replaced(r, "offsets");
	if (e == ERR_OK)
		e = outbox_own_next_get(r->session, r->arena, r->topic, own_next);
	if (e == ERR_OK && memcmp(own_next, r->own_saved, (size_t)r->topic->partitions * sizeof(own_next[0])) != 0)
		return database_replaced(r, "own_next");
	return e;
}

enum err relay_check_table(struct relay *r)
{
	struct slice made, known = SLICE_NONE;
	enum err e = outbox_table_made(r->session, r->table, r->arena, &made);

	if (e == ERR_OK)
		e = outbox_state_get(r->session, r->arena, RELAY_STATE_TABLE, &known);
	if (e != ERR_OK || made.ptr == NULL || slice_eq(made, known))
		return e;
	if (known.ptr != NULL)
		e = relay_want_snapshot(r, "table_made_anew");
	return e == ERR_OK ? outbox_state_set(r->session, RELAY_STATE_TABLE, made) : e;
}

static enum err check_triggers(struct relay *r)
{
	uint64_t count;
	enum err e;

	if (clock_mono_us() - r->last_triggers_us < TRIGGERS_EVERY_US)
		return ERR_OK;
	r->last_triggers_us = clock_mono_us();
	e = outbox_triggers(r->session, r->arena, &count);
	if (e != ERR_OK)
		return e;
	gauge_set(r->triggers_missing, count < TRIGGERS_EXPECTED ? (int64_t)(TRIGGERS_EXPECTED - count) : 0);
	/* They are back: what was changed meanwhile was not captured. */
	if (count >= TRIGGERS_EXPECTED && r->triggers_gone)
		e = relay_want_snapshot(r, "triggers_back");
	if (e == ERR_OK)
		r->triggers_gone = count < TRIGGERS_EXPECTED;
	if (count < TRIGGERS_EXPECTED)
		log_error("relay.triggers_missing",
			  "table=%s have=%llu need=%d detail=\"changes are not captured: run the migrations again\"",
			  r->table->name, (unsigned long long)count, TRIGGERS_EXPECTED);
	return e;
}

/* Everything that was committed before this scan began is in front of the marks that it ends with. */
enum err relay_scan(struct relay *r)
{
	struct idset *oldest = r->published_before;
	struct late late = { 0 };
	size_t left = 0; /* late rows that could not be handled: nothing may claim that they are */
	bool more = true;
	enum err e;

	r->last_scan_us = clock_mono_us();
	idset_clear(oldest);
	r->published_before = r->published;
	r->published = oldest;
	size_t ends_before = r->end_count;
	e = check_database(r);
	if (e == ERR_OK)
		e = relay_check_table(r);
	if (e == ERR_OK)
		e = find_late(r, &late);
	if (e == ERR_OK)
		e = handle_late(r, &late, &left);
	free(late.ids);
	if (e == ERR_OK && left == 0)
		idset_clear(r->unsafe);
	while (e == ERR_OK && more)
		e = relay_read(r, &more);
	arena_reset(r->arena);
	/* An ~end that the loop above met waits for the next scan: rows in front of it may have become late meanwhile. */
	if (e == ERR_OK && left == 0 && r->end_count == ends_before)
		e = publish_ends(r);
	if (e == ERR_OK && left == 0)
		e = relay_publish_marks(r);
	if (e == ERR_OK && left == 0)
		relay_own_mark(r);
	if (e == ERR_OK)
		e = relay_own_repair(r);
	if (e == ERR_OK)
		e = logident_save(r->log, r->session);
	if (e == ERR_FULL) /* what is not stored makes a successor send more than it need, never less */
		e = ERR_OK;
	if (e == ERR_OK || e == ERR_MOVED || e == ERR_CONFLICT)
		e = take_wish(r);
	return e == ERR_OK ? check_triggers(r) : e;
}

void relay_forget_term(struct relay *r)
{
	r->gap_count = 0;
	r->end_count = 0;
	r->done_count = 0;
	r->unreported = 0;
	idset_clear(r->known);
	idset_clear(r->published);
	idset_clear(r->published_before);
	idset_clear(r->unsafe);
	r->last_scan_us = 0;
	r->last_delete_us = clock_mono_us();
}
