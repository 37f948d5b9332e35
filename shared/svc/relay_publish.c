/* relay_publish.c - outbox rows to records, delivered in order before anything newer is read.
 *
 * A batch in which anything failed is sent again from the first failure on, whole and in order: readers
 * skip what they have by its version, and the record written last of each key, which compaction keeps, is the newest.
 */
#include <stdlib.h>
#include <string.h>

#include "shared/base/hash.h"
#include "shared/base/log.h"
#include "shared/svc/relay_steps.h"

#define POLL_MS 50
#define TOPIC_TIMEOUT_MS 2000
#define RESEND_MAX_MS 500

void relay_reported(void *ctx, void *tag, enum err e, int32_t partition, int64_t offset)
{
	struct relay *r = ctx;
	struct outgoing *out = tag;

	out->result = e;
	out->reported = true;
	r->unreported--;
	if (e == ERR_OK)
		logident_delivered(r->log, partition, offset);
}

/* Sends from <from> on, as far as it goes; what cannot be sent has its error as result. Headers live in an arena of their
 * own: the batch's would grow with each attempt while Kafka is away. */
static void send_all(struct relay *r, struct outgoing *out, size_t from, size_t count)
{
	struct arena *a = arena_create(4096, 0);

	for (size_t i = from; i < count; i++) {
		struct broker_record rec;
		enum err e;

		arena_reset(a);
		e = event_encode(&out[i].event, out[i].partition, a, &rec);
		out[i].reported = false;
		out[i].result = ERR_TIMEOUT;
		if (e == ERR_OK)
			e = broker_produce(r->producer, r->topic->name, &rec, &out[i]);
		while (e == ERR_BUSY) {
			broker_producer_poll(r->producer, POLL_MS);
			e = broker_produce(r->producer, r->topic->name, &rec, &out[i]);
		}
		if (e != ERR_OK) {
			out[i].result = e;
			break; /* nothing may overtake it */
		}
		r->unreported++;
		broker_producer_poll(r->producer, 0);
	}
	arena_free(&a);
}

static enum err await_reports(struct relay *r)
{
	enum err e = ERR_OK;

	while (r->unreported > 0) {
		broker_producer_poll(r->producer, POLL_MS);
		if (e == ERR_OK)
			e = relay_keep_session(r);
		if (e != ERR_OK)
			return e; /* the caller ends the term; the producer's end reports the rest */
	}
	return ERR_OK;
}

static enum err renew_producer(struct relay *r)
{
	if (r->producer != NULL)
		broker_producer_free(&r->producer);
	r->producer = broker_producer_create(r->brokers, relay_reported, r);
	return r->producer != NULL ? ERR_OK : ERR_UNAVAILABLE;
}

enum err relay_settle_log(struct relay *r)
{
	enum err e;

	if (!logident_is_new(r->log))
		return ERR_OK;
	/* First the wish, then the UUID: killed in between, the successor snapshots once more than needed, never once less. */
	if (r->end_floor < r->highest) /* rounds that are under way have rows in the log before */
		r->end_floor = r->highest;
	e = relay_want_snapshot(r, "new_log");
	return e == ERR_OK ? logident_renew(r->log, r->session) : e;
}

/* After a failure: a new topic or producer where that is the reason. */
static enum err mend(struct relay *r, enum err why)
{
	enum err e = ERR_OK;

	if (why == ERR_NOT_FOUND) {
		if (topic_ensure(r->brokers, r->topic, TOPIC_TIMEOUT_MS) == ERR_OK)
			logident_lost(r->log);
		e = renew_producer(r);
	} else if (r->producer == NULL || broker_producer_is_fatal(r->producer) || why == ERR_UNAVAILABLE) {
		e = renew_producer(r);
	}
	if (e != ERR_OK)
		return e;
	counter_add(r->resends, 1);
	relay_wait(r, clock_backoff_ms(r->attempt++, RESEND_MAX_MS));
	return relay_keep_session(r);
}

static size_t first_failure(const struct outgoing *out, size_t from, size_t count)
{
	while (from < count && out[from].result == ERR_OK)
		from++;
	return from;
}

/* The own copy takes <rows> while the records are on their way: once, whatever becomes of them. */
static enum err publish_beside_own(struct relay *r, struct outgoing *out, size_t count, const struct outbox_row *rows,
				   size_t row_count)
{
	size_t from = 0;
	enum err e = ERR_OK;

	while (e == ERR_OK) {
		send_all(r, out, from, count);
		if (row_count > 0)
			relay_own_apply(r, rows, row_count);
		row_count = 0;
		e = await_reports(r);
		from = first_failure(out, from, count);
		if (e == ERR_OK && from == count) {
			r->attempt = 0;
			return relay_settle_log(r);
		}
		if (e == ERR_OK && relay_stopping(r))
			return ERR_TIMEOUT;
		if (e == ERR_OK && out[from].result == ERR_TOO_LARGE) { /* cannot ever go: recorded, and not in the way of the rest */
			log_error("relay.too_large", "topic=%s key=%s", r->topic->name, LOG_Q(out[from].event.key));
			from++;
		} else if (e == ERR_OK) {
			e = mend(r, out[from].result);
		}
	}
	return e;
}

enum err relay_publish(struct relay *r, struct outgoing *out, size_t count)
{
	return publish_beside_own(r, out, count, NULL, 0);
}

/* ---- what is published ---- */

static bool is_key(const struct outbox_row *row, const char *key)
{
	return slice_eq(row->key, slice_str(key));
}

static enum err row_event(struct relay *r, const struct outbox_row *row, struct event *ev)
{
	struct buf b;
	enum err e = ERR_OK;

	*ev = (struct event){ .key = row->key, .value = row->payload, .version = row->id, .domain = r->table->name,
			      .type = row->type, .created_us = row->created_us };
	if (row->payload.ptr == NULL || r->table->publish == NULL)
		return ERR_OK;
	buf_init(&b, 0);
	e = r->table->publish(row->payload, &b);
	if (e == ERR_OK)
		ev->value = arena_copy(r->arena, buf_slice(&b));
	buf_free(&b);
	return e;
}

/* The same record for each partition. */
static size_t to_all_partitions(struct relay *r, const struct event *ev, struct outgoing *out)
{
	for (int32_t p = 0; p < r->topic->partitions; p++)
		out[p] = (struct outgoing){ .event = *ev, .partition = p };
	return (size_t)r->topic->partitions;
}

static void hold_end(struct relay *r, const struct outbox_row *row)
{
	struct outbox_row *held;

	if (r->end_count == RELAY_ENDS_MAX) { /* an end only says less by being left out */
		log_warn("relay.end_dropped", "version=%llu", (unsigned long long)row->id);
		return;
	}
	held = &r->ends[r->end_count];
	*held = *row;
	held->key = SLICE_LIT(EVENT_END);
	held->type = SLICE_LIT("end");
	held->payload = slice_sub(row->payload, 0, sizeof(r->end_payload[0]));
	if (held->payload.len > 0)
		memcpy(r->end_payload[r->end_count], held->payload.ptr, held->payload.len);
	held->payload.ptr = r->end_payload[r->end_count];
	r->end_count++;
	idset_add(r->known, row->id);
}

void relay_note_done(struct relay *r, const struct outbox_row *row)
{
	if (r->done_count == r->done_size) {
		r->done_size = r->done_size == 0 ? 1024 : r->done_size * 2;
		r->done = realloc(r->done, r->done_size * sizeof(*r->done));
		if (r->done == NULL)
			abort();
	}
	r->done[r->done_count++] = row->id;
	idset_add(r->known, row->id);
	if (row->key.ptr[0] != '~' && idset_count(r->published) < RELAY_PUBLISHED_MAX)
		idset_add(r->published, hash_fnv64(row->key));
}

enum err relay_publish_rows(struct relay *r, struct outbox_row *rows, size_t count)
{
	struct outgoing *out = arena_alloc_array(r->arena, count * 2 + (size_t)r->topic->partitions, sizeof(*out));
	size_t n = 0;
	enum err e = ERR_OK;

	r->flight = rows;
	r->flight_count = count;
	for (size_t i = 0; e == ERR_OK && i < count; i++) {
		struct event ev;

		if (is_key(&rows[i], EVENT_END)) {
			hold_end(r, &rows[i]);
			continue;
		}
		e = row_event(r, &rows[i], &ev);
		if (e != ERR_OK) {
			log_error("relay.undecodable", "key=%s version=%llu", LOG_Q(rows[i].key), (unsigned long long)rows[i].id);
			e = ERR_OK; /* counted nowhere else: the row stays out of the topic and out of the way */
			continue;
		}
		if (is_key(&rows[i], EVENT_BEGIN)) {
			e = relay_publish(r, out, n); /* what stands before it goes before it, in every partition */
			n = e == ERR_OK ? to_all_partitions(r, &ev, out) : n;
			continue;
		}
		out[n++] = (struct outgoing){ .event = ev, .partition = topic_partition(r->topic, ev.key) };
	}
	if (e == ERR_OK)
		e = publish_beside_own(r, out, n, rows, count);
	if (e != ERR_OK)
		return e;
	r->flight_count = 0;
	counter_add(r->events, n);
	for (size_t i = 0; i < count; i++) {
		if (!is_key(&rows[i], EVENT_END))
			relay_note_done(r, &rows[i]);
	}
	return ERR_OK;
}

static uint64_t begin_of(const struct outbox_row *end)
{
	struct slice s = end->payload;
	uint64_t begin = 0;

	/* {"begin":"<16 digits>"}, perhaps with a space behind the colon */
	while (s.len > EVENT_VERSION_LEN && !event_version_parse(slice_sub(s, 0, EVENT_VERSION_LEN), &begin))
		s = slice_sub(s, 1, s.len);
	return begin;
}

enum err relay_publish_end(struct relay *r, const struct outbox_row *end)
{
	struct outgoing *out = arena_alloc_array(r->arena, TOPIC_PARTITIONS_MAX, sizeof(*out));
	uint64_t begin = begin_of(end);
	char version[EVENT_VERSION_LEN + 1];
	struct event ev;
	enum err e;

	/* A round that began before this term: rows of it were rewritten since and may stand behind this end. Or before this log. */
	if (begin <= r->end_floor)
		return ERR_OK;
	event_version_text(begin, version);
	ev = (struct event){ .key = end->key, .version = end->id, .domain = r->table->name, .type = end->type,
			     .created_us = end->created_us };
	ev.value = arena_printf(r->arena, "{\"log\":\"%s\",\"begin\":\"%s\"}", logident_uuid(r->log), version);
	e = relay_publish(r, out, to_all_partitions(r, &ev, out));
	if (e == ERR_OK)
		relay_own_end(r, begin, end->created_us);
	return e;
}

enum err relay_publish_marks(struct relay *r)
{
	struct outgoing *out = arena_alloc_array(r->arena, TOPIC_PARTITIONS_MAX, sizeof(*out));
	char version[EVENT_VERSION_LEN + 1], time[CLOCK_ISO_LEN + 1];
	struct event ev = { .key = SLICE(EVENT_MARK), .version = r->highest, .domain = r->table->name, .type = SLICE("mark"),
			    .created_us = clock_wall_us() };

	event_version_text(r->highest, version);
	clock_iso(ev.created_us, time);
	ev.value = arena_printf(r->arena, "{\"log\":\"%s\",\"version\":\"%s\",\"time\":\"%s\",\"term\":\"%s\"}",
				logident_uuid(r->log), version, time, r->term_id);
	return relay_publish(r, out, to_all_partitions(r, &ev, out));
}
