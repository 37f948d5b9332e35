/* event.c - change events to and from records: CloudEvents headers (Kafka binding, binary mode) plus version. */
#include "shared/svc/event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shared/base/clock.h"

static const struct {
	enum event_kind kind;
	struct slice key;
} controls[] = {
	{ EVENT_KIND_MARK, SLICE(EVENT_MARK) },
	{ EVENT_KIND_BEGIN, SLICE(EVENT_BEGIN) },
	{ EVENT_KIND_END, SLICE(EVENT_END) },
};

void event_version_text(uint64_t version, char out[EVENT_VERSION_LEN + 1])
{
	snprintf(out, EVENT_VERSION_LEN + 1, "%016" PRIu64, version % UINT64_C(10000000000000000));
}

bool event_version_parse(struct slice s, uint64_t *out)
{
	uint64_t n = 0;

	if (s.len != EVENT_VERSION_LEN)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(s.ptr[i] - '0');
	}
	*out = n;
	return true;
}

static void add_header(struct broker_record *r, const char *name, struct slice value)
{
	if (value.ptr != NULL && r->header_count < BROKER_HEADERS_MAX)
		r->headers[r->header_count++] = (struct broker_header){ name, value };
}

/* A change made in SQL carries no trace: its trace starts where it is published. */
static struct slice trace_start(struct arena *a)
{
	return arena_printf(a, "00-%016" PRIx64 "%016" PRIx64 "-%016" PRIx64 "-01", clock_random(), clock_random() | 1,
			    clock_random() | 1);
}

enum err event_encode(const struct event *e, int32_t partition, struct arena *a, struct broker_record *r)
{
	char version[EVENT_VERSION_LEN + 1], time[CLOCK_ISO_LEN + 1];

	event_version_text(e->version, version);
	clock_iso(e->created_us, time);
	*r = (struct broker_record){ .partition = partition, .offset = BROKER_NO_OFFSET, .key = e->key, .value = e->value };
	add_header(r, "ce_specversion", SLICE_LIT("1.0"));
	add_header(r, "ce_id", e->id.ptr != NULL ? e->id : arena_printf(a, "%" PRIu64, e->version));
	add_header(r, "ce_type", arena_printf(a, "moa.%s.%.*s", e->domain, SLICE_ARG(e->type)));
	add_header(r, "ce_source", arena_printf(a, "/moa/%s", e->domain));
	add_header(r, "ce_time", arena_copy(a, slice_str(time)));
	add_header(r, "content-type", SLICE_LIT("application/json"));
	if (e->log.ptr != NULL)
		add_header(r, "log", e->log);
	else
		add_header(r, "version", arena_copy(a, slice_str(version)));
	add_header(r, "traceparent", e->traceparent.ptr != NULL ? e->traceparent : trace_start(a));
	return ERR_OK;
}

/* "2026-01-31T23:59:59.123456Z", as clock_iso() writes it, to microseconds; 0 when it is none. */
static int64_t parse_iso(struct slice s)
{
	static const int days_before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	static const struct {
		size_t at, len;
	} field[] = { { 0, 4 }, { 5, 2 }, { 8, 2 }, { 11, 2 }, { 14, 2 }, { 17, 2 }, { 20, 6 } };
	int64_t n[7] = { 0 };
	int64_t days;

	if (s.len != CLOCK_ISO_LEN)
		return 0;
	for (size_t f = 0; f < 7; f++) {
		for (size_t i = 0; i < field[f].len; i++) {
			char c = s.ptr[field[f].at + i];

			if (c < '0' || c > '9')
				return 0;
			n[f] = n[f] * 10 + (c - '0');
		}
	}
	if (n[0] < 1970 || n[1] < 1 || n[1] > 12)
		return 0;
	/* Days since 1970 in the Gregorian calendar; a leap day counts once its February has passed. */
	days = (n[0] - 1970) * 365 + (n[0] - 1969) / 4 - (n[0] - 1901) / 100 + (n[0] - 1601) / 400;
	days += days_before[n[1] - 1] + n[2] - 1;
	if (n[1] > 2 && ((n[0] % 4 == 0 && n[0] % 100 != 0) || n[0] % 400 == 0))
		days++;
	return (((days * 24 + n[3]) * 60 + n[4]) * 60 + n[5]) * 1000000 + n[6];
}

/* The last word of "moa.alarm.changed". */
static struct slice last_word(struct slice type)
{
	struct slice word = type;

	while (slice_find(word, '.') < word.len)
		slice_cut(&word, '.');
	return word;
}

bool event_is_log(struct slice s)
{
	static const char form[] = "xxxxxxxx-xxxx-7xxx-xxxx-xxxxxxxxxxxx";
	uint64_t ms = 0;

	if (s.len != CLOCK_UUID_LEN)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		int digit = slice_hex_digit(s.ptr[i]);

		if (form[i] == 'x' ? digit < 0 : s.ptr[i] != form[i])
			return false;
		if (i < 13 && digit >= 0)
			ms = ms << 4 | (uint64_t)digit;
	}
	return ms < EVENT_VERSION_END / 1000;
}

/* NULL: there is none. An absurd version or log would outrank every good one that follows. */
static const char *find_fault(struct event *e, struct slice version)
{
	if (e->key.ptr == NULL)
		return "no key";
	if (e->type.ptr == NULL)
		return "no ce_type";
	if (version.ptr == NULL && e->log.ptr == NULL)
		return "no version and no log";
	if (version.ptr != NULL && !event_version_parse(version, &e->version))
		return "malformed version";
	if (version.ptr != NULL && (e->version == 0 || e->version >= EVENT_VERSION_END))
		return "absurd version";
	if (e->log.ptr != NULL && !event_is_log(e->log))
		return "malformed log";
	return NULL;
}

enum err event_decode(const struct broker_record *r, struct event *e)
{
	struct slice version = broker_header_get(r, "version");

	*e = (struct event){ .kind = EVENT_KIND_CHANGE, .key = r->key, .value = r->value };
	e->type = last_word(broker_header_get(r, "ce_type"));
	e->id = broker_header_get(r, "ce_id");
	e->log = broker_header_get(r, "log");
	e->traceparent = broker_header_get(r, "traceparent");
	e->created_us = parse_iso(broker_header_get(r, "ce_time"));
	if (slice_eq(e->type, SLICE_LIT("snapshot")))
		e->kind = EVENT_KIND_SNAPSHOT;
	for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
		if (slice_eq(e->key, controls[i].key))
			e->kind = controls[i].kind;
	}
	e->fault = find_fault(e, version);
	return e->fault == NULL ? ERR_OK : ERR_CORRUPT;
}
