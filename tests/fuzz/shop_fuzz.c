/* shop_fuzz.c - libFuzzer target: values of topics. What decodes is written and read back as the same, and shows as valid JSON. */
#include <stdint.h>
#include <stdlib.h>

#include "shared/events/shop.h"
#include "shared/io/jdoc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_visit(struct slice json, struct arena *a)
{
	struct visit_event v, again;
	struct buf text;

	if (visit_event_read(json, a, &v) != ERR_OK)
		return;
	buf_init(&text, 0);
	visit_event_write(&text, &v);
	must(visit_event_read(buf_slice(&text), a, &again) == ERR_OK);
	must(slice_eq(v.id, again.id) && slice_eq(v.token, again.token) && v.user_id == again.user_id && v.item_id == again.item_id &&
	     v.visited_us == again.visited_us);
	must((v.user_id == 0) == (v.token.ptr != NULL));
	buf_free(&text);
}

static void check_item(struct slice json, struct arena *a)
{
	struct view_entry entry;
	struct jdoc *doc;
	struct buf text;

	if (view_items.project(SLICE_LIT("50"), json, a, &entry) != ERR_OK)
		return;
	buf_init(&text, 0);
	shop_item_write(&text, entry.value, ALARM_FLAG_UNKNOWN);
	must(jdoc_parse(buf_slice(&text), &doc) == ERR_OK);
	must(jdoc_is_null(jdoc_get(doc, "is_alarm_set")));
	jdoc_free(&doc);
	buf_free(&text);
}

static void check_places(struct slice key)
{
	static const struct view_spec *const specs[] = { &view_items, &view_users, &view_alarms };
	struct view_entry entry;
	int32_t p;

	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		p = topic_partition(specs[i]->topic, key);
		must(p >= 0 && p < specs[i]->topic->partitions);
		if (specs[i]->place(key, &entry) == ERR_OK)
			must(entry.group.len > 0 && entry.field.len > 0 && slice_find(entry.field, ':') == entry.field.len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of((const char *)data, size);
	struct arena *a = arena_create(4096, 4u << 20);
	struct view_entry entry;

	check_visit(input, a);
	check_item(input, a);
	if (view_users.project(SLICE_LIT("10"), input, a, &entry) == ERR_OK)
		must(entry.term.len == view_users.term_len);
	check_places(input);
	arena_free(&a);
	return 0;
}
