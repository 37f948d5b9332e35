/* relay_term.c - what a new leader does before its first publication.
 *
 * Order (docs/decisions/0003-relay.md): the topic's tail tells the newest version and log; the version counter moves
 * above both that and the time; the log's identity is settled; then every key found in the outbox is written
 * anew, because bytes of a predecessor that was killed or frozen may still arrive behind ours.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/log.h"
#include "shared/io/jdoc.h"
#include "shared/svc/relay_steps.h"

#define TOPIC_TIMEOUT_MS 2000
#define TAIL_FIRST 2000      /* records looked back at first for a mark; ten times as many each further time */
#define TAIL_IDLE_MS 2000    /* without a record for this long the broker is away */
#define RESTART_SLACK_S 2    /* Uptime is in whole seconds */

/* What the end of a partition told; behind <high>, its high watermark, nothing is asked for. */
struct tail {
	uint64_t version;                  /* highest seen */
	char log[CLOCK_UUID_LEN + 1];      /* of the newest mark; "" none */
	char term[CLOCK_UUID_LEN + 1];     /* likewise */
	int64_t high;
	bool whole;                        /* everything was read, down to the low watermark */
};

static void take_mark(struct tail *t, struct slice value)
{
	struct jdoc *doc = NULL;
	struct slice s;

	if (value.ptr == NULL || jdoc_parse(value, &doc) != ERR_OK)
		return;
	if (jdoc_string(jdoc_get(doc, "log"), &s) && event_is_log(s)) {
		memcpy(t->log, s.ptr, s.len);
		t->log[s.len] = '\0';
	}
	if (jdoc_string(jdoc_get(doc, "term"), &s) && s.len == CLOCK_UUID_LEN) {
		memcpy(t->term, s.ptr, s.len);
		t->term[s.len] = '\0';
	}
	jdoc_free(&doc);
}

static void take_record(struct tail *t, const struct broker_record *rec)
{
	struct event ev;

	if (event_decode(rec, &ev) != ERR_OK)
		return;
	if (ev.version > t->version)
		t->version = ev.version; /* of a mark: the highest version its maker knew */
	if (ev.kind == EVENT_KIND_MARK)
		take_mark(t, ev.value);
}

/* Whether partition <p>, which was read up to <next>, is done with; then it is read no more. */
static bool note_end(int64_t *from, int32_t p, const struct tail *t, int64_t next)
{
	if (next < t->high || from[p] == BROKER_NO_OFFSET)
		return false;
	from[p] = BROKER_NO_OFFSET;
	return true;
}

/* Reads the <left> partitions that have a place in <from> to their high watermarks, all at once: each costs the broker's wait for
 * news if it is read alone. */
static enum err read_to_ends(struct relay *r, struct broker_consumer *c, int64_t *from, int32_t left, struct tail *tails)
{
	int64_t heard_us = clock_mono_us();
	enum err e = broker_consumer_assign(c, from, r->topic->partitions);

	while (e == ERR_OK && left > 0) {
		struct broker_record rec;

		switch (broker_consumer_next(c, 100, &rec)) {
		case BROKER_RECORD:
			heard_us = clock_mono_us();
			take_record(&tails[rec.partition], &rec);
			left -= note_end(from, rec.partition, &tails[rec.partition], rec.offset + 1);
			broker_consumer_release(c);
			break;
		case BROKER_END:
			left -= note_end(from, rec.partition, &tails[rec.partition], INT64_MAX);
			break;
		case BROKER_NOTHING:
			if (clock_mono_us() - heard_us > TAIL_IDLE_MS * 1000)
				e = ERR_UNAVAILABLE;
			break;
		case BROKER_OUT_OF_RANGE: /* it was cut just now: ask again */
		case BROKER_GONE:
		case BROKER_FAILED:
			e = ERR_UNAVAILABLE;
			break;
		}
		if (e == ERR_OK)
			e = relay_keep_session(r);
		if (e == ERR_OK && relay_stopping(r))
			e = ERR_TIMEOUT;
	}
	return e;
}

/* Looks back until the newest mark of each partition is among what was read: everything behind it was read too. */
static enum err look_back(struct relay *r, struct broker_consumer *c, const int64_t *low, struct tail *tails)
{
	int64_t from[TOPIC_PARTITIONS_MAX], span = TAIL_FIRST;
	int32_t left;
	enum err e = ERR_OK;

	do {
		left = 0;
		for (int32_t p = 0; p < r->topic->partitions; p++) {
			struct tail *t = &tails[p];

			from[p] = BROKER_NO_OFFSET;
			if (t->whole || t->log[0] != '\0' || t->high <= low[p])
				continue;
			from[p] = t->high - span > low[p] ? t->high - span : low[p];
			t->whole = from[p] == low[p];
			left++;
		}
		if (left > 0)
			e = read_to_ends(r, c, from, left, tails);
		span *= 10;
	} while (e == ERR_OK && left > 0);
	return e;
}

static enum err read_tails(struct relay *r, struct tail *tails)
{
	int64_t low[TOPIC_PARTITIONS_MAX], high[TOPIC_PARTITIONS_MAX];
	struct broker_consumer *c;
	enum err e = topic_ensure(r->brokers, r->topic, TOPIC_TIMEOUT_MS);

	if (e == ERR_CONFLICT)
		log_error("relay.partitions", "topic=%s wanted=%d detail=\"the topic has another number of partitions\"",
			  r->topic->name, (int)r->topic->partitions);
	if (e == ERR_OK)
		e = relay_keep_session(r); /* either of both waits for Kafka nearly as long as the session lasts */
	if (e != ERR_OK)
		return e;
	c = broker_consumer_create(r->brokers, r->topic->name);
	if (c == NULL)
		return ERR_UNAVAILABLE;
	e = broker_consumer_watermarks(c, r->topic->partitions, low, high, TOPIC_TIMEOUT_MS);
	for (int32_t p = 0; e == ERR_OK && p < r->topic->partitions; p++)
		tails[p].high = high[p];
	if (e == ERR_OK)
		e = look_back(r, c, low, tails);
	broker_consumer_free(&c);
	return e;
}

/* Whether the topic is not the log that we have stored: emptied or cut (offsets we know of are gone), or
 * marked since by somebody with a later identity (our database is older than the topic). */
static bool log_is_another(const struct relay *r, const struct tail *tails)
{
	for (int32_t p = 0; p < r->topic->partitions; p++) {
		if (logident_last(r->log, p) >= tails[p].high)
			return true;
		if (strcmp(tails[p].log, logident_uuid(r->log)) > 0)
			return true;
	}
	return false;
}

static enum err settle_identity(struct relay *r, const struct tail *tails)
{
	enum err e = logident_load(r->log, r->session);

	if (e != ERR_OK)
		return e;
	if (log_is_another(r, tails))
		logident_replace(r->log);
	e = relay_settle_log(r);
	/* Not all partitions bear our mark: an identity made just now, or the predecessor died before it could say it. */
	for (int32_t p = 0; e == ERR_OK && p < r->topic->partitions; p++) {
		if (strcmp(tails[p].log, logident_uuid(r->log)) != 0)
			return relay_want_snapshot(r, "unmarked_log");
	}
	return e;
}

/* Moves the counter above everything that was ever published, from whichever database, and above the time. */
static enum err settle_floor(struct relay *r, const struct tail *tails)
{
	uint64_t floor = (uint64_t)clock_wall_us(), found;
	enum err e = outbox_highest(r->session, r->arena, &found);

	if (e != ERR_OK)
		return e;
	if (found >= floor) /* the clock was set back: what is there belongs to a term before nevertheless */
		floor = found + 1;
	for (int32_t p = 0; p < r->topic->partitions; p++) {
		if (tails[p].version >= floor)
			floor = tails[p].version + 1;
	}
	r->floor = floor;
	r->end_floor = floor;
	r->highest = floor;
	return outbox_floor(r->session, floor);
}

static enum err rewrite_found(struct relay *r)
{
	uint64_t after = 0;
	size_t total = 0, left = 0, count;
	enum err e;

	do {
		struct outbox_row *rows;

		arena_reset(r->arena);
		e = outbox_read(r->session, r->table, r->arena, after, NULL, 0, OUTBOX_REWRITE_MAX, &rows, &count);
		while (e == ERR_OK && count > 0 && rows[count - 1].id > r->floor)
			count--; /* of this term */
		if (e != ERR_OK || count == 0)
			break;
		r->session_used_us = clock_mono_us();
		e = relay_rewrite(r, rows, count, &left);
		after = rows[count - 1].id;
		total += count;
	} while (e == ERR_OK && !relay_stopping(r));
	if (total > 0)
		log_info("relay.rewritten", "topic=%s rows=%zu left=%zu", r->topic->name, total - left, left);
	return e;
}

/* A server that was restarted, restored or replaced may have shown us, or lost, what it never made durable. */
static enum err check_server(struct relay *r)
{
	int64_t start_s, stored_s = 0;
	struct slice stored;
	enum err e = outbox_server_start(r->session, r->arena, &start_s);

	if (e == ERR_OK)
		e = outbox_state_get(r->session, r->arena, RELAY_STATE_SERVER, &stored);
	if (e != ERR_OK)
		return e;
	if (stored.ptr != NULL && slice_to_i64(stored, &stored_s) && llabs((long long)(stored_s - start_s)) <= RESTART_SLACK_S)
		return ERR_OK;
	e = relay_want_snapshot(r, "server_restarted");
	if (e == ERR_OK)
		e = outbox_state_set(r->session, RELAY_STATE_SERVER, arena_printf(r->arena, "%" PRId64, start_s));
	return e;
}

/* Whether the topic holds what our database does not know to have published: a predecessor was killed before it could store
 * that, or the database was restored from a backup. The two look alike, so both are met with a snapshot. */
static bool database_is_behind(const struct relay *r, const struct tail *tails, struct slice term)
{
	for (int32_t p = 0; p < r->topic->partitions; p++) {
		if (tails[p].term[0] != '\0' && !slice_eq(term, slice_str(tails[p].term)))
			return true;
		if (tails[p].high - 1 > logident_stored(r->log, p))
			return true;
	}
	return false;
}

static enum err begin_term_id(struct relay *r, const struct tail *tails)
{
	struct slice stored;
	enum err e = outbox_state_get(r->session, r->arena, RELAY_STATE_TERM, &stored);

	if (e == ERR_OK && (r->replaced || database_is_behind(r, tails, stored)))
		e = relay_want_snapshot(r, "database_behind");
	if (e != ERR_OK)
		return e;
	r->replaced = false;
	clock_uuid7(r->term_id);
	return outbox_state_set(r->session, RELAY_STATE_TERM, slice_str(r->term_id));
}

enum err relay_begin_term(struct relay *r)
{
	struct tail tails[TOPIC_PARTITIONS_MAX] = { 0 };
	enum err e = read_tails(r, tails);

	arena_reset(r->arena);
	relay_forget_term(r);
	if (e == ERR_OK)
		e = settle_floor(r, tails);
	if (e == ERR_OK)
		e = settle_identity(r, tails);
	if (e == ERR_OK)
		e = relay_check_table(r);
	if (e == ERR_OK)
		e = relay_own_begin(r);
	if (e == ERR_OK)
		e = rewrite_found(r);
	if (e == ERR_OK)
		e = check_server(r);
	if (e == ERR_OK)
		e = begin_term_id(r, tails);
	if (e == ERR_OK) /* now, so that the first round is the one that it needs */
		e = relay_own_repair(r);
	if (e == ERR_OK && r->producer == NULL)
		r->producer = broker_producer_create(r->brokers, relay_reported, r);
	if (e == ERR_OK && r->producer == NULL)
		e = ERR_UNAVAILABLE;
	return e;
}
