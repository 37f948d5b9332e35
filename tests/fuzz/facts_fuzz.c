/* facts_fuzz.c - libFuzzer target: whatever a Consistency-Token holds, the list keeps its limits, and what is written is read back the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* One fact for each alarm, at most twenty visits, nothing that is zero or beyond <most>. */
static void check_list(const struct fact_list *list, uint64_t most)
{
	unsigned visits = 0;

	must(list->count <= FACTS_MOST);
	for (unsigned i = 0; i < list->count; i++) {
		const struct fact *f = &list->facts[i];

		must(f->item > 0 && f->item <= INT32_MAX && f->order > 0 && f->order <= most);
		must(f->domain == FACT_VISITS || facts_alarm(list, f->item) == f);
		visits += f->domain == FACT_VISITS;
	}
	must(visits <= FACT_VISITS_MOST);
}

static void check_same(const struct fact_list *a, const struct fact_list *b)
{
	must(a->count == b->count);
	for (unsigned i = 0; i < a->count; i++) {
		const struct fact *f = &a->facts[i], *g = &b->facts[i];

		must(f->domain == g->domain && f->item == g->item && f->order == g->order && f->on == g->on);
		must(f->event_len == g->event_len && memcmp(f->event, g->event, f->event_len) == 0);
	}
}

/* Written, it is read back the same, and without a complaint; with less room the last ones stay. */
static void check_written(const struct fact_list *list)
{
	static char text[FACTS_MOST * (FACT_TEXT_MOST + 2)];
	struct fact memory[FACTS_MOST];
	struct fact_list again = { .facts = memory };
	unsigned dropped = 0, malformed = 0;
	size_t len = facts_write(list, text, sizeof(text));

	facts_read(&again, slice_of(text, len), NULL, 0, &dropped, &malformed);
	must(dropped == 0 && malformed == 0);
	check_same(list, &again);
	must(facts_write(list, text, len / 2) <= len / 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct fact_bounds bounds = { .version = 9999999999999999, .visit_us = 9999999999999999 };
	/* a copy of exactly this size: reading beyond it is then seen */
	char *copy = size == 0 ? NULL : malloc(size);
	struct fact memory[FACTS_MOST];
	bool named[FACT_DOMAINS];

	if (copy != NULL)
		memcpy(copy, data, size);
	for (int bounded = 0; bounded < 2; bounded++) {
		struct fact_list list = { .facts = memory };
		unsigned dropped = 0, malformed = 0;

		facts_read(&list, slice_of(copy, size), bounded ? &bounds : NULL, 0, &dropped, &malformed);
		check_list(&list, bounded ? bounds.version : UINT64_MAX);
		check_written(&list);
	}
	facts_degraded(slice_of(copy, size), named);
	free(copy);
	return 0;
}
