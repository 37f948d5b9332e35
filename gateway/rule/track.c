/* track.c - sticky counters: which entries of stick tables an exchange counts for. */
#include "gateway/rule/track.h"

#include <assert.h>

#include "gateway/session/exchange.h"

void track_begin(struct tracked *slot, struct stick_table *t, const struct sample *key, int64_t now_ms)
{
	assert(slot->table == NULL);
	slot->entry = stick_track(t, key, now_ms);
	if (slot->entry == NULL)
		return;
	slot->table = t;
	stick_add(t, slot->entry, STICK_CONN_CUR, 1, now_ms);
	stick_add(t, slot->entry, STICK_CONN_CNT, 1, now_ms);
	stick_add(t, slot->entry, STICK_CONN_RATE, 1, now_ms);
}

void track_end(struct tracked *slots, int64_t now_ms)
{
	for (unsigned i = 0; slots != NULL && i < TRACKED_MAX; i++) {
		if (slots[i].table == NULL)
			continue;
		stick_add(slots[i].table, slots[i].entry, STICK_CONN_CUR, -1, now_ms);
		stick_release(slots[i].table, &slots[i].entry, now_ms);
		slots[i].table = NULL;
	}
}

struct tracked *track_of(struct exchange *x, unsigned number)
{
	struct tracked *session = x->session->tracked;

	assert(number < TRACKED_MAX);
	if (session != NULL && session[number].table != NULL)
		return &session[number];
	return x->tracked[number].table != NULL ? &x->tracked[number] : NULL;
}

void track_add(struct exchange *x, enum stick_data count, enum stick_data rate, int64_t more, int64_t now_ms)
{
	for (unsigned i = 0; i < TRACKED_MAX; i++) {
		struct tracked *t = track_of(x, i);

		if (t == NULL)
			continue;
		stick_add(t->table, t->entry, count, more, now_ms);
		stick_add(t->table, t->entry, rate, more, now_ms);
	}
}

void track_status(struct exchange *x, int status, int64_t now_ms)
{
	if (status >= 400 && status < 500)
		track_add(x, STICK_HTTP_ERR_CNT, STICK_HTTP_ERR_RATE, 1, now_ms);
	else if (status >= 500 && status < 600 && status != 501 && status != 505)
		track_add(x, STICK_HTTP_FAIL_CNT, STICK_HTTP_FAIL_RATE, 1, now_ms);
}
