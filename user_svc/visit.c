/* visit.c - the rules of recently visited items. */
#include "user_svc/visit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(VISIT_KEEP_MAX >= 2 * VISIT_RUNS, "first and last visit of each run must fit");

static int compare(const void *a, const void *b)
{
	const struct visit *x = a, *y = b;

	if (x->dropped != y->dropped)
		return x->dropped ? 1 : -1;
	if (x->visited_us != y->visited_us)
		return x->visited_us < y->visited_us ? -1 : 1;
	return strcmp(x->id, y->id);
}

/* Index of the first visit of the last VISIT_RUNS runs. */
static size_t first_kept(const struct visit *visits, size_t count)
{
	size_t runs = 0, at = count;

	while (at > 0) {
		if (at == count || visits[at].item_id != visits[at - 1].item_id)
			runs++;
		if (runs > VISIT_RUNS)
			break;
		at--;
	}
	return at;
}

/* Drops visits that are neither first nor last of their run, the oldest ones first, until <excess> are gone. */
static void thin(struct visit *visits, size_t from, size_t count, size_t excess)
{
	for (size_t i = from + 1; i + 1 < count && excess > 0; i++) {
		if (visits[i - 1].item_id != visits[i].item_id || visits[i + 1].item_id != visits[i].item_id)
			continue;
		visits[i].dropped = true;
		excess--;
	}
}

size_t visit_trim(struct visit *visits, size_t count)
{
	size_t from, kept;

	if (count == 0)
		return 0;
	for (size_t i = 0; i < count; i++)
		visits[i].dropped = false;
	qsort(visits, count, sizeof(*visits), compare);
	from = first_kept(visits, count);
	for (size_t i = 0; i < from; i++)
		visits[i].dropped = true;
	if (count - from > VISIT_KEEP_MAX)
		thin(visits, from, count, count - from - VISIT_KEEP_MAX);
	qsort(visits, count, sizeof(*visits), compare);
	for (kept = 0; kept < count && !visits[kept].dropped; kept++)
		;
	return kept;
}

static bool is_there(const struct visit *visits, size_t count, struct slice id)
{
	for (size_t i = 0; i < count; i++) {
		if (slice_eq(slice_str(visits[i].id), id))
			return true;
	}
	return false;
}

enum err visit_lay(struct visit **visits, size_t *count, const struct fact_list *facts, struct arena *a, size_t *laid)
{
	struct visit *all = arena_alloc_array(a, *count + facts->count + 1, sizeof(*all));
	size_t n = *count;

	*laid = 0;
	if (all == NULL)
		return ERR_NO_MEMORY;
	if (n > 0)
		memcpy(all, *visits, n * sizeof(*all));
	for (unsigned i = 0; i < facts->count; i++) {
		const struct fact *f = &facts->facts[i];
		struct slice id = slice_of(f->event, f->event_len);

		if (f->domain != FACT_VISITS || !shop_is_event_id(id) || is_there(all, n, id))
			continue;
		all[n] = (struct visit){ .visited_us = f->order, .item_id = f->item };
		memcpy(all[n++].id, id.ptr, id.len);
	}
	*laid = n - *count;
	if (*laid == 0)
		return ERR_OK;
	*visits = all;
	*count = visit_trim(all, n);
	return ERR_OK;
}

size_t visit_runs(const struct visit *visits, size_t count, uint32_t items[VISIT_RUNS])
{
	size_t runs = 0;

	for (size_t i = count; i > 0 && runs < VISIT_RUNS; i--) {
		if (runs == 0 || items[runs - 1] != visits[i - 1].item_id)
			items[runs++] = visits[i - 1].item_id;
	}
	return runs;
}

size_t visit_collapse(uint32_t *items, struct slice *fragments, size_t count, size_t max)
{
	size_t left = 0;

	for (size_t i = 0; i < count && left < max; i++) {
		if (fragments[i].ptr == NULL || (left > 0 && items[left - 1] == items[i]))
			continue;
		items[left] = items[i];
		fragments[left++] = fragments[i];
	}
	return left;
}

/* ---- text: "<visited_us> <item_id> <id>" and a newline each ---- */

void visit_write(struct buf *out, const struct visit *visits, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_printf(out, "%" PRIu64 " %" PRIu32 " %s\n", visits[i].visited_us, visits[i].item_id, visits[i].id);
}

static bool read_line(struct slice line, struct visit *out)
{
	struct slice id = line, time = slice_cut(&id, ' '), item = slice_cut(&id, ' ');

	if (!slice_to_u64(time, UINT64_MAX, &out->visited_us) || !slice_to_id(item, &out->item_id) || id.len != SHOP_EVENT_ID_LEN)
		return false;
	memcpy(out->id, id.ptr, id.len);
	return true;
}

enum err visit_read(struct slice text, struct arena *a, struct visit **visits, size_t *count)
{
	size_t lines = 0;

	for (size_t i = 0; i < text.len; i++)
		lines += text.ptr[i] == '\n';
	*count = 0;
	*visits = arena_alloc_array(a, lines + 1, sizeof(**visits));
	if (*visits == NULL)
		return ERR_NO_MEMORY;
	while (text.len > 0) {
		struct slice line = slice_cut(&text, '\n');

		if (*count == lines || !read_line(line, &(*visits)[*count]))
			return ERR_CORRUPT;
		(*count)++;
	}
	return ERR_OK;
}
