/* parked.c - the text of a parked event, and the picture of those that are kept. */
#include "shared/svc/parked.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "shared/base/base64.h"
#include "shared/base/clock.h"
#include "shared/io/jdoc.h"

#define TEXT_BYTES_MAX 32768 /* control characters grow sixfold */

struct parked {
	const struct topic *topic;
	pthread_mutex_t lock; /* held for copying only */
	struct buf newest;    /* elements of the array, ready; under the lock */
	_Atomic uint64_t kept, dropped;
	_Atomic bool clear;
};

static void write_headers(struct jsonw *w, const struct broker_record *r)
{
	jsonw_object(w);
	for (size_t i = 0; i < r->header_count; i++) {
		jsonw_key_slice(w, slice_sub(slice_str(r->headers[i].name), 0, PARKED_HEADER_BYTES));
		jsonw_string(w, slice_sub(r->headers[i].value, 0, PARKED_HEADER_BYTES));
	}
	jsonw_object_end(w);
}

struct slice parked_text(struct arena *a, const struct broker_record *r, const char *reason)
{
	struct slice value = base64_encode(a, slice_sub(r->value, 0, PARKED_VALUE_BYTES), BASE64_USUAL);
	struct slice text = SLICE_NONE;
	struct jsonw w;
	struct buf out;

	buf_init(&out, TEXT_BYTES_MAX);
	jsonw_init(&w, &out);
	jsonw_object(&w);
	jsonw_key(&w, "partition");
	jsonw_i64(&w, r->partition);
	jsonw_key(&w, "offset");
	jsonw_i64(&w, r->offset);
	jsonw_key(&w, "reason");
	jsonw_string(&w, slice_str(reason));
	jsonw_key(&w, "key");
	jsonw_string(&w, slice_sub(r->key, 0, PARKED_KEY_BYTES));
	jsonw_key(&w, "headers");
	write_headers(&w, r);
	jsonw_key(&w, "value_base64");
	jsonw_string(&w, r->value.ptr != NULL ? value : SLICE_NONE);
	jsonw_key(&w, "value_bytes");
	if (r->value.ptr != NULL)
		jsonw_u64(&w, r->value.len);
	else
		jsonw_null(&w);
	jsonw_object_end(&w);
	if (buf_ok(&out))
		text = arena_copy(a, buf_slice(&out));
	buf_free(&out);
	return text;
}

struct parked *parked_create(const struct topic *t)
{
	struct parked *p = calloc(1, sizeof(*p));

	if (p == NULL)
		abort();
	p->topic = t;
	pthread_mutex_init(&p->lock, NULL);
	buf_init(&p->newest, 0);
	return p;
}

void parked_free(struct parked **p)
{
	if (*p == NULL)
		return;
	pthread_mutex_destroy(&(*p)->lock);
	buf_free(&(*p)->newest);
	free(*p);
	*p = NULL;
}

static int newer_first(const void *a, const void *b)
{
	const struct parked_entry *x = a, *y = b;

	return (x->time_us < y->time_us) - (x->time_us > y->time_us);
}

/* The store can be written to by others: what is no object with members would break the document. */
static bool is_object(struct slice text)
{
	struct jdoc *doc;
	bool object;

	if (jdoc_parse(text, &doc) != ERR_OK)
		return false;
	object = jdoc_is_object(doc) && slice_starts_with(text, SLICE_LIT("{\""));
	jdoc_free(&doc);
	return object;
}

void parked_show(struct parked *p, struct parked_entry *entries, size_t count, uint64_t kept, uint64_t dropped)
{
	char time[CLOCK_ISO_LEN + 1];
	size_t shown = 0;

	if (count > 0)
		qsort(entries, count, sizeof(*entries), newer_first);
	pthread_mutex_lock(&p->lock);
	buf_clear(&p->newest);
	for (size_t i = 0; i < count && shown < PARKED_SHOWN; i++) {
		if (!is_object(entries[i].text))
			continue;
		clock_iso(entries[i].time_us, time);
		buf_printf(&p->newest, "%s{\"time\":\"%s\",", shown++ > 0 ? "," : "", time);
		buf_add_slice(&p->newest, slice_sub(entries[i].text, 1, entries[i].text.len));
	}
	pthread_mutex_unlock(&p->lock);
	atomic_store(&p->kept, kept);
	atomic_store(&p->dropped, dropped);
}

void parked_write(struct parked *p, struct jsonw *w)
{
	jsonw_object(w);
	jsonw_key(w, "topic");
	jsonw_string(w, slice_str(p->topic->name));
	jsonw_key(w, "kept");
	jsonw_u64(w, parked_kept(p));
	jsonw_key(w, "dropped");
	jsonw_u64(w, parked_dropped(p));
	jsonw_key(w, "newest");
	jsonw_array(w);
	pthread_mutex_lock(&p->lock);
	if (p->newest.len > 0)
		jsonw_raw(w, buf_slice(&p->newest));
	pthread_mutex_unlock(&p->lock);
	jsonw_array_end(w);
	jsonw_object_end(w);
}

uint64_t parked_kept(const struct parked *p)
{
	return atomic_load(&p->kept);
}

uint64_t parked_dropped(const struct parked *p)
{
	return atomic_load(&p->dropped);
}

void parked_ask_clear(struct parked *p)
{
	atomic_store(&p->clear, true);
}

bool parked_must_clear(struct parked *p)
{
	return atomic_exchange(&p->clear, false);
}
