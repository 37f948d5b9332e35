/* alarm.c - the rules of the alarm domain. */
#include "alarm_svc/alarm.h"

enum err alarm_check_item(bool known, const struct view_state *st)
{
	if (!st->loaded)
		return ERR_NOT_LOADED;
	if (known)
		return ERR_OK;
	return st->fresh ? ERR_NOT_FOUND : ERR_NOT_LOADED; /* a stale view may lack a new item */
}

void alarm_list_put(struct alarm_list *list, uint32_t item_id, bool set)
{
	size_t at = 0;

	while (at < list->count && list->item_ids[at] != item_id)
		at++;
	if (set && at == list->count)
		list->item_ids[list->count++] = item_id;
	else if (!set && at < list->count)
		list->item_ids[at] = list->item_ids[--list->count];
}

void alarm_list_cut(struct alarm_list *list, const struct page *page)
{
	size_t kept = 0;

	list->total = 0;
	for (size_t i = 0; i < list->count; i++) {
		if (list->fragments[i].ptr == NULL)
			continue;
		list->total++;
		if (page->before != 0 && list->item_ids[i] >= page->before)
			continue;
		if (page->limit != 0 && kept == page->limit)
			continue;
		list->item_ids[kept] = list->item_ids[i];
		list->fragments[kept++] = list->fragments[i];
	}
	list->count = kept;
}
