/* shop_visit.c - visits: their topic, and one visit as JSON. */
#include "shared/events/shop.h"

#include "shared/base/hash.h"
#include "shared/base/jsonw.h"
#include "shared/io/jdoc.h"

const struct topic topic_visits = { .name = "moa.visits", .domain = "visits", .partitions = 4, .compact = false };

void visit_event_write(struct buf *out, const struct visit_event *v)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_object(&w);
	jsonw_key(&w, "id");
	jsonw_string(&w, v->id);
	if (v->user_id != 0) {
		jsonw_key(&w, "user_id");
		jsonw_u64(&w, v->user_id);
	} else {
		jsonw_key(&w, "token_sha256");
		jsonw_string(&w, v->token);
	}
	jsonw_key(&w, "item_id");
	jsonw_u64(&w, v->item_id);
	jsonw_key(&w, "visited_us");
	jsonw_u64(&w, v->visited_us);
	jsonw_object_end(&w);
}

/* Lower-case hex digits, and hyphens at the places in which a UUID has them. */
bool shop_is_event_id(struct slice s)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (s.len != SHOP_EVENT_ID_LEN)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		bool hex = (s.ptr[i] >= '0' && s.ptr[i] <= '9') || (s.ptr[i] >= 'a' && s.ptr[i] <= 'f');

		if (form[i] == '-' ? s.ptr[i] != '-' : !hex)
			return false;
	}
	return true;
}

bool shop_is_hash(struct slice s)
{
	if (s.len != HASH_SHA256_HEX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!(s.ptr[i] >= '0' && s.ptr[i] <= '9') && !(s.ptr[i] >= 'a' && s.ptr[i] <= 'f'))
			return false;
	}
	return true;
}

static enum err event_from(const struct jdoc *doc, struct arena *a, struct visit_event *out)
{
	const struct jdoc *user = jdoc_get(doc, "user_id");
	int64_t visited_us;
	struct slice text;

	*out = (struct visit_event){ .user_id = 0 };
	if (!jdoc_string(jdoc_get(doc, "id"), &text) || !shop_is_event_id(text))
		return ERR_CORRUPT;
	out->id = arena_copy(a, text);
	if (user != NULL) {
		if (!jdoc_id(user, &out->user_id))
			return ERR_CORRUPT;
	} else {
		if (!jdoc_string(jdoc_get(doc, "token_sha256"), &text) || !shop_is_hash(text))
			return ERR_CORRUPT;
		out->token = arena_copy(a, text);
		if (out->token.ptr == NULL)
			return ERR_NO_MEMORY;
	}
	if (!jdoc_id(jdoc_get(doc, "item_id"), &out->item_id))
		return ERR_CORRUPT;
	if (!jdoc_i64(jdoc_get(doc, "visited_us"), &visited_us) || visited_us < 0)
		return ERR_CORRUPT;
	out->visited_us = (uint64_t)visited_us;
	return out->id.ptr != NULL ? ERR_OK : ERR_NO_MEMORY;
}

enum err visit_event_read(struct slice json, struct arena *a, struct visit_event *out)
{
	struct jdoc *doc;
	enum err e;

	if (jdoc_parse(json, &doc) != ERR_OK)
		return ERR_CORRUPT;
	e = event_from(doc, a, out);
	jdoc_free(&doc);
	return e;
}

struct slice visit_event_key(const struct visit_event *v, struct arena *a)
{
	return v->user_id != 0 ? shop_key(a, v->user_id) : v->token;
}
