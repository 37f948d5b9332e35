/* shop_item.c - items: their topic, how they lie in Redis, and how an answer shows them. */
#include "shared/events/shop.h"

#include <inttypes.h>

#include "shared/base/jsonw.h"
#include "shared/io/jdoc.h"

const struct topic topic_items = { .name = "moa.items", .domain = "items", .partitions = 4, .compact = true };

struct slice shop_key(struct arena *a, uint32_t id)
{
	return arena_printf(a, "%" PRIu32, id);
}

struct slice *shop_keys(struct arena *a, const uint32_t *ids, size_t count)
{
	struct slice *keys = arena_alloc_array(a, count + 1, sizeof(*keys));

	for (size_t i = 0; keys != NULL && i < count; i++) {
		keys[i] = shop_key(a, ids[i]);
		if (keys[i].ptr == NULL)
			return NULL;
	}
	return keys;
}

static enum err item_place(struct slice key, struct view_entry *out)
{
	uint32_t id;

	if (!slice_to_id(key, &id))
		return ERR_CORRUPT;
	out->group = SLICE_LIT("all");
	out->field = key;
	return ERR_OK;
}

/* The fragment is written by hand, not as an object, because it stays open for the flag. */
void shop_item_fragment(struct buf *out, const struct item_row *row)
{
	const struct {
		const char *key;
		struct slice text;
	} texts[] = { { "name", row->name }, { "broadcaster", row->broadcaster }, { "category", row->category } };

	buf_add_str(out, "{\"id\":");
	buf_add_slice(out, row->id);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct jsonw w;

		buf_add_str(out, ",\"");
		buf_add_str(out, texts[i].key);
		buf_add_str(out, "\":");
		jsonw_init(&w, out);
		jsonw_string(&w, texts[i].text);
	}
	buf_add_str(out, ",\"price\":");
	buf_add_slice(out, row->price);
}

void shop_item_write(struct buf *out, struct slice fragment, enum alarm_flag flag)
{
	static const char *const words[] = {
		[ALARM_FLAG_OFF] = "false",
		[ALARM_FLAG_ON] = "true",
		[ALARM_FLAG_UNKNOWN] = "null",
	};

	buf_add_slice(out, fragment);
	buf_add_str(out, ",\"is_alarm_set\":");
	buf_add_str(out, words[flag]);
	buf_add_char(out, '}');
}

void shop_item_list_write(struct buf *out, uint64_t total, const struct slice *fragments, const enum alarm_flag *flags, size_t count)
{
	buf_add_str(out, "{\"count\":");
	buf_add_u64(out, total);
	buf_add_str(out, ",\"payload\":[");
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_add_char(out, ',');
		shop_item_write(out, fragments[i], flags[i]);
	}
	buf_add_str(out, "]}");
}

/* An integer member as its digits. */
static bool member_digits(const struct jdoc *o, const char *key, struct arena *a, struct slice *out)
{
	int64_t n;

	if (!jdoc_i64(jdoc_get(o, key), &n))
		return false;
	*out = arena_printf(a, "%" PRId64, n);
	return true;
}

static enum err item_project(struct slice key, struct slice json, struct arena *a, struct view_entry *out)
{
	struct item_row row;
	struct jdoc *doc;
	struct buf text;
	enum err e = ERR_CORRUPT;

	if (jdoc_parse(json, &doc) != ERR_OK)
		return ERR_CORRUPT;
	buf_init(&text, 0);
	if (member_digits(doc, "id", a, &row.id) && slice_eq(row.id, key) && jdoc_string(jdoc_get(doc, "name"), &row.name) &&
	    jdoc_string(jdoc_get(doc, "broadcaster"), &row.broadcaster) && jdoc_string(jdoc_get(doc, "category"), &row.category) &&
	    member_digits(doc, "price", a, &row.price)) {
		shop_item_fragment(&text, &row);
		out->value = arena_copy(a, buf_slice(&text));
		e = buf_ok(&text) && out->value.ptr != NULL ? ERR_OK : ERR_NO_MEMORY;
	}
	buf_free(&text);
	jdoc_free(&doc);
	return e;
}

const struct view_spec view_items = {
	.topic = &topic_items,
	.index = VIEW_INDEX_IDS,
	.group = "all",
	.place = item_place,
	.project = item_project,
};
