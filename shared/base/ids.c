/* ids.c - lists of ids: their order. */
#include "shared/base/ids.h"

#include <stdlib.h>

static int descending(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left < right) - (left > right);
}

void ids_sort_descending(uint32_t *ids, size_t count)
{
	if (count > 0)
		qsort(ids, count, sizeof(*ids), descending);
}
