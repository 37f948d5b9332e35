/* ids.h - lists of ids. */
#ifndef MOA_BASE_IDS_H
#define MOA_BASE_IDS_H

#include <stddef.h>
#include <stdint.h>

/* In place, the highest first. */
void ids_sort_descending(uint32_t *ids, size_t count);

#endif
