/* facts.c - facts of the Consistency-Token header, and how lists of them are merged. */
#include "shared/base/facts.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool is_event(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-'))
			return false;
	}
	return s.len > 0 && s.len <= FACT_EVENT_MOST;
}

/* "1.<version>" */
static bool read_alarm(struct slice value, struct fact *f)
{
	struct slice flag = slice_cut(&value, '.');

	f->domain = FACT_ALARMS;
	f->on = slice_eq(flag, SLICE_LIT("1"));
	return (f->on || slice_eq(flag, SLICE_LIT("0"))) && slice_to_u64(value, UINT64_MAX, &f->order) && f->order > 0;
}

/* "<µs>.<event id>" */
static bool read_visit(struct slice value, struct fact *f)
{
	struct slice us = slice_cut(&value, '.');

	f->domain = FACT_VISITS;
	if (!slice_to_u64(us, INT64_MAX, &f->order) || f->order == 0 || !is_event(value))
		return false;
	f->event_len = (uint8_t)value.len;
	memcpy(f->event, value.ptr, value.len);
	return true;
}

bool fact_read(struct slice text, struct fact *out)
{
	struct slice value = text;
	struct slice name = slice_cut(&value, '=');

	*out = (struct fact){ 0 };
	if (name.len == 0 || !slice_to_id(slice_sub(name, 1, name.len), &out->item))
		return false;
	return name.ptr[0] == 'a' ? read_alarm(value, out) : name.ptr[0] == 'v' && read_visit(value, out);
}

size_t fact_write(const struct fact *f, char out[FACT_TEXT_MOST])
{
	char text[FACT_TEXT_MOST + 1];
	int len;

	if (f->domain == FACT_ALARMS)
		len = snprintf(text, sizeof(text), "a%" PRIu32 "=%d.%" PRIu64, f->item, f->on, f->order);
	else
		len = snprintf(text, sizeof(text), "v%" PRIu32 "=%" PRIu64 ".%.*s", f->item, f->order, f->event_len, f->event);
	assert(len > 0 && (size_t)len <= FACT_TEXT_MOST);
	memcpy(out, text, (size_t)len);
	return (size_t)len;
}

static void remove_at(struct fact_list *list, unsigned at)
{
	list->count--;
	memmove(list->facts + at, list->facts + at + 1, (list->count - at) * sizeof(list->facts[0]));
}

/* By time, then by event id. */
static int visit_cmp(const struct fact *a, const struct fact *b)
{
	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	return slice_cmp(slice_of(a->event, a->event_len), slice_of(b->event, b->event_len));
}

/* True when the list knows better than <f>, or the same; what is worse is removed. */
static bool knows(struct fact_list *list, const struct fact *f)
{
	for (unsigned i = 0; i < list->count; i++) {
		const struct fact *g = &list->facts[i];

		if (g->domain != f->domain || g->item != f->item)
			continue;
		if (f->domain == FACT_VISITS && visit_cmp(g, f) == 0)
			return true;
		if (f->domain == FACT_ALARMS) { /* there is no other about this item */
			if (g->order < f->order)
				remove_at(list, i);
			else
				return true;
			break;
		}
	}
	return false;
}

/* Makes room for the visit <f>; how many were dropped for it, and *late when it is <f> itself that is too early. */
static unsigned visits_make_room(struct fact_list *list, const struct fact *f, bool *late)
{
	unsigned visits = 0, earliest = 0;

	for (unsigned i = 0; i < list->count; i++) {
		if (list->facts[i].domain != FACT_VISITS)
			continue;
		if (visits++ == 0 || visit_cmp(&list->facts[i], &list->facts[earliest]) < 0)
			earliest = i;
	}
	if (visits < FACT_VISITS_MOST)
		return 0;
	*late = visit_cmp(f, &list->facts[earliest]) < 0;
	if (!*late)
		remove_at(list, earliest);
	return 1;
}

unsigned facts_add(struct fact_list *list, const struct fact *f)
{
	unsigned dropped = 0, at;
	bool late = false;

	if (knows(list, f))
		return 0;
	if (f->domain == FACT_VISITS)
		dropped = visits_make_room(list, f, &late);
	if (late)
		return dropped;
	if (list->count == FACTS_MOST) {
		dropped++;
		if (f->made_ms < list->facts[0].made_ms)
			return dropped;
		remove_at(list, 0);
	}
	for (at = list->count; at > 0 && list->facts[at - 1].made_ms > f->made_ms; at--)
		;
	memmove(list->facts + at + 1, list->facts + at, (list->count - at) * sizeof(list->facts[0]));
	list->facts[at] = *f;
	list->count++;
	return dropped;
}

static unsigned elements(struct slice list)
{
	unsigned count = 0;

	while (list.ptr != NULL) {
		slice_cut(&list, ',');
		count++;
	}
	return count;
}

static bool within(const struct fact *f, const struct fact_bounds *bounds)
{
	return bounds == NULL || f->order <= (f->domain == FACT_ALARMS ? bounds->version : bounds->visit_us);
}

void facts_read(struct fact_list *list, struct slice header, const struct fact_bounds *bounds, int64_t made_ms, unsigned *dropped,
		unsigned *malformed)
{
	struct fact f;

	for (unsigned i = 0; header.ptr != NULL && i < FACTS_LOOKED_AT_MOST; i++) {
		struct slice element = slice_trim(slice_cut(&header, ','));

		if (element.len == 0) /* lists may have such (RFC 9110, 5.6.1) */
			continue;
		if (fact_read(element, &f) && within(&f, bounds)) {
			f.made_ms = made_ms;
			*dropped += facts_add(list, &f);
		} else {
			(*malformed)++;
		}
	}
	*malformed += elements(header);
}

const struct fact *facts_alarm(const struct fact_list *list, uint32_t item)
{
	for (unsigned i = 0; i < list->count; i++) {
		if (list->facts[i].domain == FACT_ALARMS && list->facts[i].item == item)
			return &list->facts[i];
	}
	return NULL;
}

static bool is_over(const struct fact *f, const struct fact_news *news, int64_t now_ms)
{
	int64_t named_ms = news->named_ms[f->domain], since_ms = f->made_ms > named_ms ? f->made_ms : named_ms;

	return now_ms - f->made_ms >= FACT_LIFE_MOST_MS || news->heard_ms - since_ms >= FACT_LIFE_MS;
}

unsigned facts_expire(struct fact_list *list, const struct fact_news *news, int64_t now_ms)
{
	unsigned kept = 0, count = list->count;

	for (unsigned i = 0; i < count; i++) {
		const struct fact *f = &list->facts[i];

		if (is_over(f, news, now_ms))
			continue;
		if (kept != i)
			list->facts[kept] = *f;
		kept++;
	}
	list->count = kept;
	return count - kept;
}

size_t facts_write(const struct fact_list *list, char *out, size_t size)
{
	char text[FACT_TEXT_MOST];
	unsigned first = list->count;
	size_t len = 0, at = 0;

	for (; first > 0; first--) {
		size_t more = fact_write(&list->facts[first - 1], text) + (len > 0 ? 2 : 0);

		if (more > size - len)
			break;
		len += more;
	}
	for (unsigned i = first; i < list->count; i++) {
		size_t more = fact_write(&list->facts[i], text);

		if (i > first) {
			memcpy(out + at, ", ", 2);
			at += 2;
		}
		memcpy(out + at, text, more);
		at += more;
	}
	assert(at == len);
	return at;
}

void facts_degraded(struct slice header, bool named[FACT_DOMAINS])
{
	named[FACT_ALARMS] = named[FACT_VISITS] = false;
	while (header.ptr != NULL) {
		struct slice member = slice_cut(&header, ',');
		struct slice name = slice_trim(slice_cut(&member, ';'));

		if (slice_eq(name, SLICE_LIT("alarms")))
			named[FACT_ALARMS] = true;
		if (name.len > 0)
			named[FACT_VISITS] = true;
	}
}
